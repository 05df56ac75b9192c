/* SPDX-License-Identifier: MIT */
/*
 * load.h - loading the module, for programs that do not carry the fabric's libraries along
 */
#ifndef FABRIC_LOAD_H
#define FABRIC_LOAD_H

#include "fabric/module.h"

/* The module that is the file @path, which stays loaded.  0, or -ENOPKG with a reason. */
int fabric_load(const char *path, const struct fabric_module **ret_module);

#endif

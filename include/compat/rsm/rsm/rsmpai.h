/* SPDX-License-Identifier: MIT */
/* rsmpai.h - a misprint of <rsm/rsmapi.h> that a guide spread */
#ifndef TRACT_RSM_FORWARD_RSMPAI_H
#define TRACT_RSM_FORWARD_RSMPAI_H

#include <rsmapi.h>

#endif

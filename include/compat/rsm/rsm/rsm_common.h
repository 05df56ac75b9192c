/* SPDX-License-Identifier: MIT */
/* rsm_common.h - where older programs look for <sys/rsm/rsm_common.h> */
#ifndef TRACT_RSM_FORWARD_RSM_COMMON_H
#define TRACT_RSM_FORWARD_RSM_COMMON_H

#include <sys/rsm/rsm_common.h>

#endif

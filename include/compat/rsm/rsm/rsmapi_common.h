/* SPDX-License-Identifier: MIT */
/* rsmapi_common.h - where older programs look for <sys/rsm/rsmapi_common.h> */
#ifndef TRACT_RSM_FORWARD_RSMAPI_COMMON_H
#define TRACT_RSM_FORWARD_RSMAPI_COMMON_H

#include <sys/rsm/rsmapi_common.h>

#endif

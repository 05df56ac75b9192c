/* SPDX-License-Identifier: MIT */
/* rsmapi.h - where older programs look for <rsmapi.h> */
#ifndef TRACT_RSM_FORWARD_RSMAPI_H
#define TRACT_RSM_FORWARD_RSMAPI_H

#include <rsmapi.h>

#endif

/* SPDX-License-Identifier: MIT */
/* consts.h - constants of the runtime environment */
#ifndef L4_RE_CONSTS_H
#define L4_RE_CONSTS_H

#include <l4/sys/consts.h>

/* The task that asks: this process. */
#define L4RE_THIS_TASK_CAP (1UL << L4_CAP_SHIFT)

#endif

/* SPDX-License-Identifier: MIT */
/* linkage.h - how functions of L4Re are called */
#ifndef L4_SYS_LINKAGE_H
#define L4_SYS_LINKAGE_H

#include <l4/tract/mode.h>

/* All arguments on the stack, whatever a 32-bit x86 program was compiled with. */
#ifdef __i386__
#define L4_CV __attribute__((regparm(0)))
#else
#define L4_CV
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * map.h - the region map of this process, measured
 */
#ifndef BENCH_MAP_H
#define BENCH_MAP_H

#include <stdint.h>

struct tract_region;

#define PAGE ((uintptr_t)4096)

/* A page put somewhere and taken away again: ours, and the bare pair of calls. */
void row_attach(struct tract_region *region);
/* Who is at an address, of 50,000 attached pages? */
void row_find(struct tract_region *region);
/* A page that is not there, until it is: a pager's, and the bare kernel's. */
void row_fault(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * chance.h - the same numbers in every run, in no order
 */
#ifndef BENCH_CHANCE_H
#define BENCH_CHANCE_H

#include <stddef.h>
#include <stdint.h>

uint64_t chance_below(uint64_t limit);
/* For qsort(). */
int chance_compare(const void *a, const void *b);
/* @count addresses, multiples of @page, all different and in order: from the one after @floor,
 * all over as many pages as are said. */
void chance_scatter(uintptr_t *ret, size_t count, uintptr_t floor, uint64_t pages,
		    uintptr_t page);

#endif

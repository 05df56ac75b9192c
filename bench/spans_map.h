/* SPDX-License-Identifier: MIT */
/*
 * spans_map.h - std::map in place of the region map's index, for C
 */
#ifndef BENCH_SPANS_MAP_H
#define BENCH_SPANS_MAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Empties it and puts spans in, in this order.  Return: 0, or -1, also in a build without C++.
 */
int map_fill(const uintptr_t *start, const uintptr_t *last, size_t count);
/* upper_bound() of @times addresses out of @count; @waiting: each for the one before. */
uintptr_t map_find(const uintptr_t *address, size_t count, size_t times, int waiting);
/* Puts a span in and takes it out again, @times times. */
void map_change(const uintptr_t *start, size_t count, size_t times);

#ifdef __cplusplus
}
#endif

#endif

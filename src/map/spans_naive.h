/* SPDX-License-Identifier: MIT */
/*
 * spans_naive.h - what spans.h promises, so simple that it is right: for tests
 *
 * A sorted array that is walked.  Functions do what those of the same name do.
 */
#ifndef MAP_SPANS_NAIVE_H
#define MAP_SPANS_NAIVE_H

#include "map/spans.h"

struct naive {
	struct span *span;
	size_t count, room;
};

void naive_deinit(struct naive *n);
/* Where a span is, or would be, that starts at @start. */
size_t naive_place(const struct naive *n, uintptr_t start);
/* 0 or -EEXIST. */
int naive_add(struct naive *n, uintptr_t start, uintptr_t last, uint64_t value);
void naive_remove(struct naive *n, uintptr_t start);
void naive_trim(struct naive *n, uintptr_t start, uintptr_t new_start, uintptr_t new_last);
void naive_set(struct naive *n, uintptr_t start, uint64_t value);
bool naive_find(const struct naive *n, uintptr_t first, uintptr_t last, struct span *ret);
bool naive_find_last(const struct naive *n, uintptr_t before, struct span *ret);
bool naive_gap(const struct naive *n, uintptr_t from, uintptr_t limit, uintptr_t size,
	       unsigned align, uintptr_t *ret);
/* NULL, or what in @s is not as in @n; asks @s for everything. */
const char *naive_compare(const struct naive *n, const struct spans *s);

#endif

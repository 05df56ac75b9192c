/* SPDX-License-Identifier: MIT */
/*
 * layout_twin.h - a layout and its model, that are asked the same
 *
 * Each step asks both and remembers the first answer in which they differ.  It also sees that
 * nothing asks for memory after layout_reserve(), and that a refusal writes no output.
 */
#ifndef TESTS_SIM_LAYOUT_TWIN_H
#define TESTS_SIM_LAYOUT_TWIN_H

#include "layout_model.h"

struct layout_twin {
	struct layout layout;
	struct layout_model model;
	uint64_t values; /* given out; each region has another */
	const char *lie; /* the first promise that was broken */
	bool loud;
};

void twin_init(struct layout_twin *t, uintptr_t base, uintptr_t low, uintptr_t high,
	       uintptr_t page);
void twin_deinit(struct layout_twin *t);
/* Asks for a place, and puts a region there if there is one. */
void twin_attach(struct layout_twin *t, const struct layout_wish *wish);
/* Likewise an area; with OVERMAP and RESERVED, its pages are cut out of the regions. */
void twin_reserve(struct layout_twin *t, const struct layout_wish *wish);
void twin_free_area(struct layout_twin *t, uintptr_t addr);
/* Cuts step by step until nothing is left to do. */
void twin_cut(struct layout_twin *t, uintptr_t first, uintptr_t last, unsigned mode);
void twin_find(struct layout_twin *t, uintptr_t first, uintptr_t last);
/* Compares all there is. */
void twin_compare(struct layout_twin *t);
/* Lets go of everything, one by one. */
void twin_empty(struct layout_twin *t);

#endif

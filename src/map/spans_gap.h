/* SPDX-License-Identifier: MIT */
/*
 * spans_gap.h - what fits into the gaps below a node
 *
 * An inner node keeps, for each child, the largest size that fits into a gap below it: for each
 * alignment in a row of its own, so that the row is searched as it lies.  What fits at one
 * alignment fits at every smaller one; nothing else follows from one row for another, which is
 * why there is more than one.
 */
#ifndef MAP_SPANS_GAP_H
#define MAP_SPANS_GAP_H

#include "map/spans_tree.h"

struct gap {
	uintptr_t first, size;
};

/* What a span has around it; a size of 0 is no gap. */
struct gaps {
	struct gap gap[2];
};

/* Those in front of up to @n spans of a leaf, 1 or 2, from @pos on. */
struct gaps gap_pair(const struct leaf *leaf, unsigned pos, unsigned n);
/* Corrects the summaries above a leaf in which @now has taken the place of @was: where that is
 * less, and where it is more. */
void gap_lost(const struct path *p, const struct gaps *was, const struct gaps *now);
void gap_gained(const struct path *p, const struct gaps *now);
/* Writes the summary of a child anew. */
void gap_summarise(struct inner *parent, unsigned i);
/* The summary of a leaf, and of one row of an inner node. */
void gap_sum_leaf(const struct leaf *leaf, uintptr_t ret_fit[ROWS]);
uintptr_t gap_sum_row(const struct inner *inner, unsigned row);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * spans_room.h - what fits into the gaps below a node
 *
 * An inner node keeps, for each child, the largest size that has room in a gap below it: for
 * each alignment in a row of its own, so that a row is searched as it lies.  What has room at
 * one alignment has room at every smaller one; nothing else follows from one row for another,
 * which is why there is more than one.
 *
 * Rows cost time with each change.  So the nodes of level 1, where most changes end, have but
 * three of them.  At the other alignments these nodes are searched by the next smaller row, and
 * the leaves that it leaves in doubt are looked through: those of one node, not more, for the
 * levels above say exactly below which one there is room.
 *
 * A row is right at any time.  Nothing is put off to a search.
 */
#ifndef MAP_SPANS_ROOM_H
#define MAP_SPANS_ROOM_H

#include "map/spans_tree.h"

struct gap {
	uintptr_t first, size;
};

/* What a span has around it; a size of 0 is no gap. */
struct gaps {
	struct gap gap[2];
};

/* The row of the largest alignment that is not above 1 << @bits; and which to take on level 1.
 */
unsigned room_row(unsigned bits);
unsigned room_low_row(unsigned row);

static inline uintptr_t *room_kept(const struct path *p, unsigned level, unsigned row)
{
	return &path_inner(p, level)->fit[row][p->at[level]];
}

/* Where the gap in front of a span of a leaf begins, and the gap. */
static inline uintptr_t room_first(const struct leaf *leaf, unsigned i)
{
	return i ? load(&leaf->last[i - 1]) + 1 : leaf->floor;
}

static inline struct gap room_gap(const struct leaf *leaf, unsigned i)
{
	uintptr_t first = room_first(leaf, i);

	return (struct gap){ .first = first, .size = load(&leaf->start[i]) - first };
}

/* Those in front of up to @n spans, 1 or 2, from @pos on. */
void room_gaps(const struct leaf *leaf, unsigned pos, unsigned n, struct gaps *ret_gaps);

/* Corrects what is kept above a leaf in which @now has taken the place of @was: where that is
 * less, and where it is more. */
void room_lost(const struct path *p, const struct gaps *was, const struct gaps *now);
void room_gained(const struct path *p, const struct gaps *now);

/* What a row of a node at @level should say of a child. */
uintptr_t room_sum(const struct inner *parent, unsigned level, unsigned i, unsigned row);
/* Writes it, in every row. */
void room_summarise(struct inner *parent, unsigned level, unsigned i);

#endif

/* SPDX-License-Identifier: MIT */
#include "map/spans_room.h"

#include <assert.h>

#define MASK(bits) (((uintptr_t)1 << (bits)) - 1)

static const uintptr_t row_mask[] = {
	MASK(0),  MASK(12), MASK(21), MASK(13), MASK(14), MASK(15), MASK(16),
	MASK(17), MASK(18), MASK(19), MASK(20), MASK(22), MASK(23), MASK(24),
	MASK(25), MASK(26), MASK(27), MASK(28), MASK(29), MASK(30),
};

static_assert(sizeof(row_mask) == ROWS * sizeof(uintptr_t), "a row for each alignment");

unsigned room_row(unsigned bits)
{
	if (bits < 12)
		return 0;
	if (bits >= 30)
		return ROWS - 1;
	return bits == 12 ? 1 : bits == 21 ? 2 : bits < 21 ? bits - 10 : bits - 11;
}

unsigned room_low_row(unsigned row)
{
	return row_mask[row] >= row_mask[2] ? 2 : row > 0;
}

static uintptr_t larger(uintptr_t a, uintptr_t b)
{
	return a > b ? a : b;
}

/* What has room at a row's alignment.  No branch: whether anything has is anybody's guess. */
static uintptr_t room_in(const struct gap *gap, unsigned row)
{
	uintptr_t skipped = -gap->first & row_mask[row];

	return (gap->size - skipped) & -(uintptr_t)(gap->size > skipped);
}

static uintptr_t fit(uintptr_t room)
{
	return room < FIT_MAX ? room : FIT_MAX;
}

void room_gaps(const struct leaf *leaf, unsigned pos, unsigned n, struct gaps *ret_gaps)
{
	unsigned count = count_of(&leaf->head);

	/* Word by word: a struct that was written so cannot be read as one for a while. */
	for (unsigned i = 0; i < 2; i++) {
		bool there = i < n && pos + i < count;
		uintptr_t first = there ? room_first(leaf, pos + i) : 0;

		ret_gaps->gap[i].first = first;
		ret_gaps->gap[i].size = there ? load(&leaf->start[pos + i]) - first : 0;
	}
}

/* ---- summaries -------------------------------------------------------------------------- */

static uintptr_t fit_either(const struct gaps *gaps, unsigned row)
{
	return fit(larger(room_in(&gaps->gap[0], row), room_in(&gaps->gap[1], row)));
}

static uintptr_t best_in_leaf(const struct leaf *leaf, unsigned row)
{
	unsigned count = count_of(&leaf->head);
	uintptr_t best = 0;

	for (unsigned i = 0; i < count; i++) {
		struct gap gap = room_gap(leaf, i);

		best = larger(best, room_in(&gap, row));
	}
	return fit(best);
}

/* The rows of level 1 in one go: as a rule they change together. */
static void sum_leaf(const struct leaf *leaf, uintptr_t ret_sum[ROWS_LOW])
{
	unsigned count = count_of(&leaf->head);
	uintptr_t a = 0, b = 0, c = 0;

	for (unsigned i = 0; i < count; i++) {
		struct gap gap = room_gap(leaf, i);

		a = larger(a, gap.size);
		b = larger(b, room_in(&gap, 1));
		c = larger(c, room_in(&gap, 2));
	}
	ret_sum[0] = fit(a);
	ret_sum[1] = fit(b);
	ret_sum[2] = fit(c);
}

/* In a row that a node has. */
static uintptr_t best_in_row(const struct inner *inner, unsigned row)
{
	unsigned count = count_of(&inner->head);
	uintptr_t best = 0;

	for (unsigned i = 0; i < count; i++)
		best = larger(best, inner->fit[row][i]);
	return best;
}

/* In a row that a node of level 1 does not have: at least @best.  The leaf with the largest gap
 * comes first, so that few others are left in which there can be a better one. */
static uintptr_t best_in_leaves(const struct inner *inner, unsigned row, uintptr_t best)
{
	const uintptr_t *most = inner->fit[room_low_row(row)];
	unsigned count = count_of(&inner->head), first = 0;

	for (unsigned i = 1; i < count; i++)
		first = most[i] > most[first] ? i : first;
	for (unsigned n = 0; n < count; n++) {
		unsigned i = n == 0 ? first : n == first ? 0 : n;

		if (most[i] > best)
			best = larger(best,
				      best_in_leaf(leaf_of(child_get(&inner->child[i])), row));
	}
	return best;
}

uintptr_t room_sum(const struct inner *parent, unsigned level, unsigned i, unsigned row)
{
	void *child = child_get(&parent->child[i]);

	if (level == 1)
		return best_in_leaf(leaf_of(child), row);
	if (level == 2 && row >= ROWS_LOW)
		return best_in_leaves(inner_of(child), row, 0);
	return best_in_row(inner_of(child), row);
}

void room_summarise(struct inner *parent, unsigned level, unsigned i)
{
	for (unsigned r = 0; r < rows(level); r++)
		parent->fit[r][i] = room_sum(parent, level, i, r);
}

/* ---- keeping them ----------------------------------------------------------------------- */

/* The best below @level is @now, and that was another: upwards, as long as it matters. */
static void carry_up(const struct path *p, unsigned level, unsigned row, uintptr_t now)
{
	for (;; level++) {
		uintptr_t was = *room_kept(p, level, row), above;

		*room_kept(p, level, row) = now;
		if (now == was || level == p->height)
			return;
		above = *room_kept(p, level + 1, row);
		if (now > was ? now <= above : was < above)
			return;
		if (now < was)
			now = best_in_row(path_inner(p, level), row);
	}
}

/* No gap below the node of level 1 is larger, but for those of @now at the path's place. */
static uintptr_t largest_elsewhere(const struct path *p, const struct gaps *now)
{
	const struct inner *inner = path_inner(p, 1);
	unsigned count = count_of(&inner->head), spans = count_of(p->node[0]);
	uintptr_t best = 0;

	for (unsigned i = 0; i < count; i++)
		if (i != p->at[1])
			best = larger(best, inner->fit[0][i]);
	for (unsigned i = 0; i < spans; i++) {
		unsigned k = i - p->at[0];

		/* One that is not in @now has no size there. */
		if (k > 1 || now->gap[k].size == 0)
			best = larger(best, room_gap(path_leaf(p), i).size);
	}
	return best;
}

/* Behind the last row in which a gap has room.  The largest power of two that has a multiple in
 * a range is the highest bit that the last address and the one before the range differ in;
 * before 0 that is the last of all addresses. */
static unsigned rows_with_room(const struct gap *gap)
{
	uintptr_t before = gap->first - 1, differ = before ^ (before + gap->size);
	unsigned bits;

	if (differ < (uintptr_t)1 << 13)
		return ROWS_LOW;
	if (differ >= (uintptr_t)1 << 30)
		return ROWS;
	bits = 63 - (unsigned)__builtin_clzl(differ);
	return bits < 21 ? bits - 9 : bits - 10;
}

/*
 * What has room falls from one alignment to the next, and so does what is kept: where a gap is
 * smaller than what a row keeps, it is for all rows before.  So they are gone through from the
 * last to the first, and mostly one look is enough.
 */

/* One of the gaps that were there, in the rows that level 1 does not have. */
static void lost_above(const struct path *p, const struct gap *was, const struct gaps *now)
{
	const uintptr_t *best = room_kept(p, 2, 0);
	uintptr_t elsewhere = UINTPTR_MAX;

	for (unsigned r = rows_with_room(was);
	     r-- > ROWS_LOW && was->size >= best[r * INNER_FAN];) {
		uintptr_t room = fit_either(now, r);

		if (fit(room_in(was, r)) < best[r * INNER_FAN] || room >= best[r * INNER_FAN])
			continue;
		if (elsewhere == UINTPTR_MAX)
			elsewhere = largest_elsewhere(p, now);
		if (room < elsewhere)
			room = best_in_leaves(path_inner(p, 1), r, room);
		carry_up(p, 2, r, room);
	}
}

static void gained_above(const struct path *p, const struct gap *now)
{
	const uintptr_t *best = room_kept(p, 2, 0);

	for (unsigned r = rows_with_room(now);
	     r-- > ROWS_LOW && now->size > best[r * INNER_FAN];) {
		uintptr_t room = fit(room_in(now, r));

		if (room > best[r * INNER_FAN])
			carry_up(p, 2, r, room);
	}
}

/*
 * A row has lost its best if one of the gaps that were there was it, and neither of those that
 * are there now is as good.  Only then the others are looked at.
 */
static bool has_lost(const struct path *p, const struct gaps *was, const struct gaps *now)
{
	const uintptr_t *best = room_kept(p, 1, 0);
	uintptr_t size = larger(was->gap[0].size, was->gap[1].size);

	for (unsigned r = ROWS_LOW; r-- > 0 && size >= best[r * INNER_FAN];)
		if (fit_either(was, r) == best[r * INNER_FAN] &&
		    fit_either(now, r) < best[r * INNER_FAN])
			return true;
	return false;
}

void room_lost(const struct path *p, const struct gaps *was, const struct gaps *now)
{
	uintptr_t sum[ROWS_LOW];

	if (p->height == 0)
		return;
	if (has_lost(p, was, now)) {
		sum_leaf(path_leaf(p), sum);
		for (unsigned r = 0; r < ROWS_LOW; r++)
			carry_up(p, 1, r, sum[r]);
	}
	for (unsigned i = 0; p->height > 1 && i < 2; i++)
		lost_above(p, &was->gap[i], now);
}

void room_gained(const struct path *p, const struct gaps *now)
{
	uintptr_t size = larger(now->gap[0].size, now->gap[1].size);

	if (p->height == 0)
		return;
	for (unsigned r = ROWS_LOW; r-- > 0 && size > *room_kept(p, 1, r);) {
		uintptr_t room = fit_either(now, r);

		if (room > *room_kept(p, 1, r))
			carry_up(p, 1, r, room);
	}
	for (unsigned i = 0; p->height > 1 && i < 2; i++)
		gained_above(p, &now->gap[i]);
}

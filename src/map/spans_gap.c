/* SPDX-License-Identifier: MIT */
/*
 * spans_gap.c - first fit
 *
 * Looks at the leaf where the search begins, then goes up to the first node that has room
 * further to the right, and down to the leftmost leaf with room.  Where a row decides exactly
 * that leaf has the gap; where it does not, the search goes on in the same way.
 */
#include <assert.h>

#include "map/spans_room.h"

struct search {
	uintptr_t from, limit, size, mask;
	unsigned row;
	uintptr_t fit; /* what rows say at least where it fits */
	uintptr_t found;
};

enum outcome { GO_ON, FOUND, BEYOND };

/* All addresses from @first up to, and including, @last are free. */
static enum outcome try(struct search *q, uintptr_t first, uintptr_t last)
{
	uintptr_t skipped;

	if (first > q->limit)
		return BEYOND;
	first = first > q->from ? first : q->from;
	if (first > last)
		return GO_ON;
	skipped = -first & q->mask;
	if (skipped > last - first || q->size - 1 > last - first - skipped)
		return GO_ON;
	q->found = first + skipped;
	return q->found <= q->limit && q->size - 1 <= q->limit - q->found ? FOUND : BEYOND;
}

static enum outcome try_leaf(struct search *q, const struct leaf *leaf, unsigned pos)
{
	unsigned count = count_of(&leaf->head);
	enum outcome outcome = GO_ON;

	for (; outcome == GO_ON && pos < count; pos++) {
		struct gap gap = room_gap(leaf, pos);

		if (gap.size > 0)
			outcome = try(q, gap.first, gap.first + (gap.size - 1));
	}
	return outcome;
}

/* The first child from @i on below which so much fits, or INNER_FAN. */
static unsigned first_with_room(const struct search *q, const struct path *p, unsigned level,
				unsigned i)
{
	const struct inner *inner = path_inner(p, level);
	unsigned count = count_of(&inner->head),
		 row = level == 1 ? room_low_row(q->row) : q->row;

	while (i < count && inner->fit[row][i] < q->fit)
		i++;
	return i < count ? i : INNER_FAN;
}

/* To the next leaf in which so much fits. */
static bool next_with_room(const struct search *q, struct path *p)
{
	unsigned level = 0, at;

	do {
		if (++level > p->height)
			return false;
		at = first_with_room(q, p, level, p->at[level] + 1);
	} while (at == INNER_FAN);
	p->at[level] = at;
	while (level > 1) {
		p->node[level - 1] = node_of(child_get(&path_inner(p, level)->child[at]));
		level--;
		at = first_with_room(q, p, level, 0);
		assert(at < INNER_FAN);
		p->at[level] = at;
	}
	path_down(p, 1);
	return true;
}

static enum outcome try_tail(struct search *q, const struct spans *s)
{
	uintptr_t last;

	if (s->count == 0)
		return try(q, 0, UINTPTR_MAX);
	last = load(&s->end->last[count_of(&s->end->head) - 1]);
	return last < UINTPTR_MAX ? try(q, last + 1, UINTPTR_MAX) : BEYOND;
}

bool spans_gap(const struct spans *s, uintptr_t from, uintptr_t limit, uintptr_t size,
	       unsigned align, uintptr_t *ret)
{
	struct search q = { .from = from, .limit = limit, .size = size };
	enum outcome outcome = GO_ON;
	struct path p;

	if (size == 0 || align > 63)
		return false;
	q.mask = ((uintptr_t)1 << align) - 1;
	q.row = room_row(align);
	q.fit = size < FIT_MAX ? size : FIT_MAX;
	if (s->count > 0) {
		path_to(s, from, &p);
		if (p.height == 0 || *room_kept(&p, 1, room_low_row(q.row)) >= q.fit)
			outcome = try_leaf(&q, path_leaf(&p), p.at[0]);
		while (outcome == GO_ON && next_with_room(&q, &p))
			outcome = try_leaf(&q, path_leaf(&p), 0);
	}
	if (outcome == GO_ON)
		outcome = try_tail(&q, s);
	if (outcome != FOUND)
		return false;
	*ret = q.found;
	return true;
}

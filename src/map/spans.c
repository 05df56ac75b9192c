/* SPDX-License-Identifier: MIT */
#include "map/spans.h"

#include <assert.h>
#include <errno.h>

#include "map/spans_pool.h"
#include "map/spans_room.h"
#include "map/spans_tree.h"

void spans_init(struct spans *s)
{
	*s = (struct spans){ .count = 0 };
	for (unsigned i = 0; i < SPANS_POOLS; i++)
		pool_init(&s->pool[i], node_size(i));
}

void spans_deinit(struct spans *s)
{
	for (unsigned i = 0; i < SPANS_POOLS; i++)
		pool_deinit(&s->pool[i]);
	spans_init(s);
}

int spans_reserve(struct spans *s, unsigned count)
{
	return tree_reserve(s, count);
}

size_t spans_count(const struct spans *s)
{
	return s->count;
}

size_t spans_bytes(const struct spans *s)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < SPANS_POOLS; i++)
		bytes += s->pool[i].bytes;
	return bytes;
}

/* ---- beside a writer -------------------------------------------------------------------- */

/* All of it comes from memory at once then, and not one part after the other. */
static void prefetch(const struct leaf *leaf)
{
	for (unsigned i = 0; i < LEAF_FAN; i += 8) {
		__builtin_prefetch(&leaf->last[i]);
		__builtin_prefetch(&leaf->value[i]);
	}
}

/* The leaf in which a span that begins at @x is, or would be; NULL also if the way there was
 * changed while it was walked. */
static const struct leaf *find_leaf(const struct spans *s, uintptr_t x)
{
	void *child = child_get(&s->root);

	for (unsigned level = 0; child && level < SPANS_LEVELS; level++) {
		if (is_leaf(child)) {
			prefetch(leaf_of(child));
			return leaf_of(child);
		}
		child = child_get(&inner_of(child)->child[inner_rank(inner_of(child), x)]);
	}
	return NULL;
}

/* Acquire: a value may be a pointer, and what it leads to is there.  Pairs with value_set(). */
static bool read_span(const struct leaf *leaf, unsigned i, struct span *ret)
{
	ret->start = load(&leaf->start[i]);
	ret->last = load(&leaf->last[i]);
	ret->value = atomic_load_explicit(&leaf->value[i], memory_order_acquire);
	return true;
}

bool spans_find_some(const struct spans *s, uintptr_t first, uintptr_t last, struct span *ret)
{
	const struct leaf *leaf = find_leaf(s, first);
	unsigned i;

	if (!leaf)
		return false;
	i = leaf_rank(leaf, first);
	if (i > 0 && load(&leaf->last[i - 1]) >= first)
		return read_span(leaf, i - 1, ret);
	/* What starts later overlaps only if the range is longer than one address. */
	if (first >= last)
		return false;
	if (i >= count_of(&leaf->head)) {
		leaf = next_get(leaf);
		i = 0;
	}
	if (!leaf || i == LEAF_FAN || load(&leaf->start[i]) > last)
		return false;
	return read_span(leaf, i, ret);
}

bool spans_find_last(const struct spans *s, uintptr_t before, struct span *ret)
{
	const struct leaf *leaf = find_leaf(s, before);
	unsigned i = leaf ? leaf_rank(leaf, before) : 0;

	return i > 0 && read_span(leaf, i - 1, ret);
}

/* ---- the writer's ----------------------------------------------------------------------- */

static void write_span(struct leaf *leaf, unsigned i, uintptr_t start, uintptr_t last)
{
	store(&leaf->start[i], start);
	store(&leaf->last[i], last);
}

/* To the span that starts at @start, which is there. */
static void path_exactly(const struct spans *s, uintptr_t start, struct path *ret_path)
{
	assert(s->count > 0);
	path_to(s, start, ret_path);
	assert(ret_path->at[0] > 0);
	ret_path->at[0]--;
	assert(load(&path_leaf(ret_path)->start[ret_path->at[0]]) == start);
}

/* What a change does to the gaps around a span. */
enum effect { SMALLER = 1, LARGER = 2 };

static void update_gaps(const struct path *p, unsigned effect, const struct gaps *was,
			const struct gaps *now)
{
	if (effect & SMALLER)
		room_lost(p, was, now);
	if (effect & LARGER)
		room_gained(p, now);
}

/* The gap between a leaf's last span and the next leaf's first has another beginning now. */
static void update_next_floor(const struct path *path, unsigned effect)
{
	const struct leaf *leaf = path_leaf(path);
	struct path p = *path;
	struct gaps was, now;

	if (!next_get(leaf))
		return;
	(void)path_next(&p);
	room_gaps(path_leaf(&p), 0, 1, &was);
	path_leaf(&p)->floor = load(&leaf->last[count_of(&leaf->head) - 1]) + 1;
	room_gaps(path_leaf(&p), 0, 1, &now);
	update_gaps(&p, effect, &was, &now);
}

/* The span at the path's place is the cause, or one that was there; @gaps of those in front of
 * it and behind it there are now. */
static void update(const struct path *p, unsigned effect, unsigned gaps, const struct gaps *was)
{
	unsigned pos = p->at[0];
	bool end = pos + gaps > count_of(p->node[0]);
	struct gaps now;

	/* Nothing is kept of a leaf that is all there is. */
	if (p->height == 0)
		return;
	room_gaps(path_leaf(p), pos, gaps, &now);
	if (pos == 0)
		path_update_keys(p);
	/* At the end of a leaf a gap also comes from the next leaf, or goes there. */
	update_gaps(p, end ? SMALLER | LARGER : effect, was, &now);
	if (end)
		update_next_floor(p, effect);
}

static bool overlaps(const struct path *p, uintptr_t start, uintptr_t last)
{
	const struct leaf *leaf = path_leaf(p);
	unsigned i = p->at[0];

	if (i > 0 && load(&leaf->last[i - 1]) >= start)
		return true;
	if (i == count_of(&leaf->head)) {
		leaf = next_get(leaf);
		i = 0;
	}
	return leaf && load(&leaf->start[i]) <= last;
}

static void insert(const struct path *p, uintptr_t start, uintptr_t last, uint64_t value)
{
	struct leaf *leaf = path_leaf(p);
	unsigned pos = p->at[0], count = count_of(&leaf->head);
	struct gaps was;

	room_gaps(leaf, pos, 1, &was);
	leaf_move(leaf, pos + 1, leaf, pos, count - pos);
	write_span(leaf, pos, start, last);
	value_set(leaf, pos, value);
	set_count(&leaf->head, count + 1);
	update(p, SMALLER, 2, &was);
}

int spans_add(struct spans *s, uintptr_t start, uintptr_t last, uint64_t value)
{
	struct path p;
	int r;

	assert(start <= last);
	if (!child_get(&s->root)) {
		r = tree_reserve(s, 1);
		if (r < 0)
			return r;
		tree_begin(s);
	}
	path_to(s, start, &p);
	if (overlaps(&p, start, last))
		return -EEXIST;
	r = tree_make_room(s, &p);
	if (r < 0)
		return r;
	insert(&p, start, last, value);
	s->count++;
	return 0;
}

void spans_remove(struct spans *s, uintptr_t start)
{
	struct leaf *leaf;
	struct gaps was;
	struct path p;
	unsigned pos, count;

	path_exactly(s, start, &p);
	leaf = path_leaf(&p);
	pos = p.at[0];
	count = count_of(&leaf->head) - 1;
	room_gaps(leaf, pos, 2, &was);
	leaf_move(leaf, pos, leaf, pos + 1, count - pos);
	leaf_clear(leaf, count, 1);
	set_count(&leaf->head, count);
	s->count--;
	if (s->count > 0)
		update(&p, LARGER, 1, &was);
	tree_settle(s, &p);
}

void spans_trim(struct spans *s, uintptr_t start, uintptr_t new_start, uintptr_t new_last)
{
	struct gaps was;
	struct path p;

	assert(new_start <= new_last);
	path_exactly(s, start, &p);
	room_gaps(path_leaf(&p), p.at[0], 2, &was);
	write_span(path_leaf(&p), p.at[0], new_start, new_last);
	update(&p, SMALLER | LARGER, 2, &was);
}

void spans_set(struct spans *s, uintptr_t start, uint64_t value)
{
	struct path p;

	path_exactly(s, start, &p);
	value_set(path_leaf(&p), p.at[0], value);
}

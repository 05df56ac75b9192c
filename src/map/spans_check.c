/* SPDX-License-Identifier: MIT */
/*
 * spans_check.c - is every invariant of a set of spans true?
 *
 * Walks the tree from left to right, and compares what it finds on the way with what the nodes,
 * the counters and the summaries say.
 */
#include "map/spans_pool.h"
#include "map/spans_room.h"

struct walk {
	const struct spans *s;
	struct leaf *leaf;   /* the latest */
	uintptr_t free_from; /* the first address behind all spans so far */
	bool full;	     /* the latest ended at the end of all addresses */
	size_t spans;
	size_t nodes[SPANS_LEVELS];
};

static bool check_spans(struct walk *w, const struct leaf *leaf, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uintptr_t start = load(&leaf->start[i]), last = load(&leaf->last[i]);

		if (w->full || start < w->free_from || last < start)
			return false;
		w->free_from = last + 1;
		w->full = last == UINTPTR_MAX;
	}
	w->spans += count;
	return true;
}

static bool check_unused(const _Atomic uintptr_t *keys, unsigned count, unsigned fan_here)
{
	for (; count < fan_here; count++)
		if (load(&keys[count]) != UINTPTR_MAX)
			return false;
	return true;
}

static bool check_leaf(struct walk *w, struct leaf *leaf)
{
	unsigned count = count_of(&leaf->head);

	if (w->leaf && next_get(w->leaf) != leaf)
		return false;
	w->leaf = leaf;
	w->nodes[0]++;
	if (count > LEAF_FAN || (w->s->height > 0 && count < fan_min(0)))
		return false;
	return leaf->floor == w->free_from && check_spans(w, leaf, count) &&
	       check_unused(leaf->start, count, LEAF_FAN);
}

static bool check_summary(const struct inner *parent, unsigned level, unsigned i)
{
	for (unsigned r = 0; r < rows(level); r++)
		if (parent->fit[r][i] != room_sum(parent, level, i, r))
			return false;
	return true;
}

static uintptr_t lowest_key(void *child)
{
	return is_leaf(child) ? load(&leaf_of(child)->start[0])
			      : load(&inner_of(child)->key[0]);
}

/* Calls itself no deeper than there are levels. */
static bool check_node(struct walk *w, void *node, unsigned level)
{
	const struct inner *inner = node;
	unsigned count;

	if (level == 0)
		return is_leaf(node) && check_leaf(w, leaf_of(node));
	if (!node || is_leaf(node))
		return false;
	count = count_of(&inner->head);
	w->nodes[level]++;
	if (count > INNER_FAN || count < (level < w->s->height ? fan_min(level) : 2) ||
	    !check_unused(inner->key, count, INNER_FAN))
		return false;
	for (unsigned i = 0; i < count; i++) {
		void *child = child_get(&inner->child[i]);

		if (!check_node(w, child, level - 1) ||
		    load(&inner->key[i]) != lowest_key(child) ||
		    !check_summary(inner, level, i))
			return false;
	}
	return true;
}

static bool check_pool(const struct spans_pool *pool, size_t used)
{
	size_t ready = 0;

	for (const struct spans_node *node = pool->free; node && ready <= pool->made;
	     node = node->free_next)
		ready++;
	return ready == pool->ready && ready + used == pool->made;
}

bool spans_check(const struct spans *s)
{
	struct walk w = { .s = s };
	void *root = child_get(&s->root);
	size_t nodes[SPANS_POOLS] = { 0 };

	if (s->height >= SPANS_LEVELS || (root == NULL && s->count > 0))
		return false;
	if (root && !check_node(&w, root, s->height))
		return false;
	if (w.leaf != s->end || (w.leaf && next_get(w.leaf)) || w.spans != s->count)
		return false;
	for (unsigned level = 0; level < SPANS_LEVELS; level++) {
		if (w.nodes[level] != s->nodes[level])
			return false;
		nodes[pool_index(level)] += w.nodes[level];
	}
	for (unsigned i = 0; i < SPANS_POOLS; i++)
		if (!check_pool(&s->pool[i], nodes[i]))
			return false;
	return tree_is_reserved(s);
}

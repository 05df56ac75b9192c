/* SPDX-License-Identifier: MIT */
#include "map/spans_tree.h"

#include <assert.h>
#include <string.h>

#include "map/spans_pool.h"
#include "map/spans_room.h"

/* ---- paths ------------------------------------------------------------------------------ */

void path_to(const struct spans *s, uintptr_t x, struct path *ret_path)
{
	void *child = child_get(&s->root);

	ret_path->height = s->height;
	for (unsigned level = s->height; level > 0; level--) {
		struct inner *inner = inner_of(child);

		ret_path->node[level] = &inner->head;
		ret_path->at[level] = inner_rank(inner, x);
		child = child_get(&inner->child[ret_path->at[level]]);
	}
	ret_path->node[0] = &leaf_of(child)->head;
	ret_path->at[0] = leaf_rank(leaf_of(child), x);
}

void path_down(struct path *p, unsigned level)
{
	/* No tree is higher than a path has room for. */
	for (; level > 0 && level < SPANS_LEVELS; level--) {
		void *child = child_get(&path_inner(p, level)->child[p->at[level]]);

		p->node[level - 1] = node_of(child);
		p->at[level - 1] = 0;
	}
}

bool path_next(struct path *p)
{
	unsigned level = 1;

	while (level <= p->height && p->at[level] + 1 >= count_of(p->node[level]))
		level++;
	if (level > p->height)
		return false;
	p->at[level]++;
	path_down(p, level);
	return true;
}

void path_update_keys(const struct path *p)
{
	uintptr_t first = load(&path_leaf(p)->start[0]);
	unsigned level = 0;

	do {
		if (++level > p->height)
			return;
		store(&path_inner(p, level)->key[p->at[level]], first);
	} while (p->at[level] == 0);
}

/* ---- moving about in nodes -------------------------------------------------------------- */

static void copy_span(struct leaf *to, unsigned at, const struct leaf *from, unsigned i)
{
	store(&to->start[at], load(&from->start[i]));
	store(&to->last[at], load(&from->last[i]));
	value_set(to, at, atomic_load_explicit(&from->value[i], memory_order_relaxed));
}

void leaf_move(struct leaf *to, unsigned at, const struct leaf *from, unsigned first,
	       unsigned n)
{
	if (to == from && at > first)
		while (n-- > 0)
			copy_span(to, at + n, from, first + n);
	else
		for (unsigned i = 0; i < n; i++)
			copy_span(to, at + i, from, first + i);
}

void leaf_clear(struct leaf *leaf, unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++)
		store(&leaf->start[i], UINTPTR_MAX);
}

static void copy_child(struct inner *to, unsigned at, const struct inner *from, unsigned i)
{
	store(&to->key[at], load(&from->key[i]));
	child_set(&to->child[at], child_get(&from->child[i]));
}

static void inner_move(unsigned level, struct inner *to, unsigned at, const struct inner *from,
		       unsigned first, unsigned n)
{
	for (unsigned r = 0; r < rows(level); r++)
		(void)memmove(&to->fit[r][at], &from->fit[r][first], n * sizeof(uintptr_t));
	if (to == from && at > first)
		while (n-- > 0)
			copy_child(to, at + n, from, first + n);
	else
		for (unsigned i = 0; i < n; i++)
			copy_child(to, at + i, from, first + i);
}

static void move(unsigned level, struct spans_node *to, unsigned at, struct spans_node *from,
		 unsigned first, unsigned n)
{
	if (level == 0)
		leaf_move((struct leaf *)to, at, (struct leaf *)from, first, n);
	else
		inner_move(level, (struct inner *)to, at, (struct inner *)from, first, n);
}

/* Sets the count, and marks what is behind it. */
static void cut(unsigned level, struct spans_node *node, unsigned count)
{
	set_count(node, count);
	if (level == 0)
		leaf_clear((struct leaf *)node, count, LEAF_FAN - count);
	else
		for (unsigned i = count; i < INNER_FAN; i++)
			store(&((struct inner *)node)->key[i], UINTPTR_MAX);
}

static uintptr_t first_key(unsigned level, const struct spans_node *node)
{
	return level == 0 ? load(&((const struct leaf *)node)->start[0])
			  : load(&((const struct inner *)node)->key[0]);
}

static void set_child(struct inner *parent, unsigned i, unsigned level, struct spans_node *node)
{
	store(&parent->key[i], first_key(level, node));
	child_set(&parent->child[i], child_of_node(node, level));
	room_summarise(parent, level + 1, i);
}

/* ---- memory ----------------------------------------------------------------------------- */

static struct spans_pool *pool_of(struct spans *s, unsigned level)
{
	return &s->pool[pool_index(level)];
}

static struct spans_node *take(struct spans *s, unsigned level)
{
	s->reserved = 0;
	s->nodes[level]++;
	return pool_take(pool_of(s, level));
}

static void give(struct spans *s, unsigned level, struct spans_node *node)
{
	s->nodes[level]--;
	pool_give(pool_of(s, level), node);
}

static int reserve(struct spans *s, const size_t nodes[SPANS_POOLS])
{
	for (unsigned i = 0; i < SPANS_POOLS; i++) {
		int r = pool_reserve(&s->pool[i], nodes[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * In the worst case every node there is, is full.  Each may then be split by one addition; but
 * the halves have room for fan_min() more each before they are split again.  What makes full
 * nodes, merging, gives a node back each time.
 */
static void needed(const struct spans *s, size_t count, size_t nodes[SPANS_POOLS])
{
	size_t adds = count;

	for (unsigned level = 0; adds > 0; level++) {
		bool exists = level < SPANS_LEVELS && s->nodes[level] > 0;
		size_t more = adds < fan_min(level) ? 0 : adds / fan_min(level);
		size_t most = (exists ? s->nodes[level] : 1) + more;
		size_t made = adds < most ? adds : most;

		nodes[pool_index(level)] += made;
		/* The first of a level is entered nowhere until there is a second. */
		adds = exists ? made : made - 1;
	}
}

/*
 * Once that was worked out it holds until a node is taken: an addition that takes none changes
 * nothing in it, and with each node that is given back there is one more, and less to split.
 */
int tree_reserve(struct spans *s, size_t count)
{
	size_t nodes[SPANS_POOLS] = { 0 };
	int r;

	if (count <= s->reserved)
		return 0;
	needed(s, count, nodes);
	r = reserve(s, nodes);
	if (r == 0)
		s->reserved = count;
	return r;
}

bool tree_is_reserved(const struct spans *s)
{
	size_t nodes[SPANS_POOLS] = { 0 };

	needed(s, s->reserved, nodes);
	for (unsigned i = 0; i < SPANS_POOLS; i++)
		if (nodes[i] > s->pool[i].ready)
			return false;
	return true;
}

void tree_begin(struct spans *s)
{
	struct spans_node *node = take(s, 0);
	struct leaf *leaf = (struct leaf *)node;

	cut(0, node, 0);
	leaf->floor = 0;
	next_set(leaf, NULL);
	s->end = leaf;
	child_set(&s->root, child_of_node(node, 0));
}

/* ---- splitting -------------------------------------------------------------------------- */

static void link_leaf(struct spans *s, struct leaf *left, struct leaf *right)
{
	right->floor = load(&left->last[count_of(&left->head) - 1]) + 1;
	next_set(right, next_get(left));
	next_set(left, right);
	if (s->end == left)
		s->end = right;
}

/* The parent has room.  Who adds at the end goes on doing so: the nodes left behind are then
 * left fuller. */
static void split(struct spans *s, struct path *p, unsigned level)
{
	struct inner *parent = path_inner(p, level + 1);
	struct spans_node *left = p->node[level], *right = take(s, level);
	unsigned i = p->at[level + 1], keep = fan(level) / 2;

	if (p->at[0] == LEAF_FAN && path_leaf(p) == s->end)
		keep = fan(level) - fan_min(level);
	move(level, right, 0, left, keep, fan(level) - keep);
	cut(level, right, fan(level) - keep);
	cut(level, left, keep);
	if (level == 0)
		link_leaf(s, (struct leaf *)left, (struct leaf *)right);
	inner_move(level + 1, parent, i + 2, parent, i + 1, count_of(&parent->head) - i - 1);
	set_count(&parent->head, count_of(&parent->head) + 1);
	set_child(parent, i + 1, level, right);
	room_summarise(parent, level + 1, i);

	/* In a leaf the place behind the last of the left half is in the left half. */
	if (p->at[level] < keep + (level == 0))
		return;
	p->node[level] = right;
	p->at[level] -= keep;
	p->at[level + 1]++;
}

static void grow(struct spans *s, struct path *p)
{
	struct spans_node *old = p->node[p->height], *root;
	struct inner *inner;

	assert(s->height + 1 < SPANS_LEVELS);
	s->height = ++p->height;
	root = take(s, p->height);
	inner = (struct inner *)root;
	cut(p->height, root, 1);
	set_child(inner, 0, p->height - 1, old);
	p->node[p->height] = root;
	p->at[p->height] = 0;
	child_set(&s->root, inner);
}

int tree_make_room(struct spans *s, struct path *p)
{
	size_t nodes[SPANS_POOLS] = { 0 };
	unsigned full = 0;
	int r;

	while (full <= p->height && count_of(p->node[full]) == fan(full))
		nodes[pool_index(full++)]++;
	if (full == 0)
		return 0;
	if (full > p->height)
		nodes[pool_index(full)]++;
	r = reserve(s, nodes);
	if (r < 0)
		return r;
	if (full > p->height)
		grow(s, p);
	while (full-- > 0)
		split(s, p, full);
	return 0;
}

/* ---- merging ---------------------------------------------------------------------------- */

static void unlink_leaf(struct spans *s, struct leaf *left, struct leaf *right)
{
	next_set(left, next_get(right));
	if (s->end == right)
		s->end = left;
}

/* All of the second goes into the first. */
static void merge(struct spans *s, struct inner *parent, unsigned i, unsigned level)
{
	struct spans_node *left = node_of(child_get(&parent->child[i]));
	struct spans_node *right = node_of(child_get(&parent->child[i + 1]));
	unsigned n = count_of(left), more = count_of(right), children;

	move(level, left, n, right, 0, more);
	set_count(left, n + more);
	if (level == 0)
		unlink_leaf(s, (struct leaf *)left, (struct leaf *)right);
	for (unsigned r = 0; r < rows(level + 1); r++)
		if (parent->fit[r][i] < parent->fit[r][i + 1])
			parent->fit[r][i] = parent->fit[r][i + 1];
	children = count_of(&parent->head);
	inner_move(level + 1, parent, i + 1, parent, i + 2, children - i - 2);
	cut(level + 1, &parent->head, children - 1);
	give(s, level, right);
}

/* Each gets half. */
static void even_out(struct inner *parent, unsigned i, unsigned level)
{
	struct spans_node *left = node_of(child_get(&parent->child[i]));
	struct spans_node *right = node_of(child_get(&parent->child[i + 1]));
	unsigned l = count_of(left), r = count_of(right), half = (l + r) / 2;

	if (l < half) {
		move(level, left, l, right, 0, half - l);
		move(level, right, 0, right, half - l, r - (half - l));
	} else {
		move(level, right, l - half, right, 0, r);
		move(level, right, 0, left, half, l - half);
	}
	cut(level, right, l + r - half);
	cut(level, left, half);
	if (level == 0)
		((struct leaf *)right)->floor =
			load(&((struct leaf *)left)->last[half - 1]) + 1;
	store(&parent->key[i + 1], first_key(level, right));
	room_summarise(parent, level + 1, i);
	room_summarise(parent, level + 1, i + 1);
}

static void shrink(struct spans *s, struct path *p)
{
	struct spans_node *old = p->node[p->height];

	child_set(&s->root, child_get(&((struct inner *)old)->child[0]));
	give(s, p->height, old);
	s->height = --p->height;
}

void tree_settle(struct spans *s, struct path *p)
{
	unsigned level = 0;

	for (; level < p->height && count_of(p->node[level]) < fan_min(level); level++) {
		struct inner *parent = path_inner(p, level + 1);
		unsigned i = p->at[level + 1];

		i = i > 0 ? i - 1 : 0;
		if (count_of(node_of(child_get(&parent->child[i]))) +
			    count_of(node_of(child_get(&parent->child[i + 1]))) <=
		    fan(level))
			merge(s, parent, i, level);
		else
			even_out(parent, i, level);
	}
	if (p->height > 0 && count_of(p->node[p->height]) == 1)
		shrink(s, p);
}

/* SPDX-License-Identifier: MIT */
/*
 * spans_node.h - the nodes that spans.h is made of
 *
 * What a reader beside the writer looks at is atomic: relaxed, except that a pointer to a node
 * is stored with release and loaded with acquire, for the node may just have been made.  A
 * reader in the middle of a change sees old and new mixed.  It is safe because every pointer
 * that ever was in a node leads to a node of the kind that it says, because memory stays what
 * it is, leaf or inner node, until deinit, and because no search goes further than an array.
 */
#ifndef MAP_SPANS_NODE_H
#define MAP_SPANS_NODE_H

#include "map/spans.h"

#define LEAF_FAN 32u
#define INNER_FAN 64u
/*
 * Rows of summaries: one for each alignment that is kept.  Level 1, just above the leaves, has
 * the first three: any, a page, 1 << 21.  The levels above have all, up to 1 << 30.
 */
#define ROWS_LOW 3u
#define ROWS 20u
/* Whatever is larger counts as this: a hole as large as that is not told from a larger one, and
 * taking something out of it changes no row.  Who needs more than that looks at each of them.
 */
#define FIT_MAX ((uintptr_t)1 << 40)

#define NODE_ALIGN 64u

struct spans_node {
	atomic_uint count;
	struct spans_node *free_next; /* the pool's */
};

struct leaf {
	struct spans_node head;
	struct leaf *_Atomic next;
	uintptr_t floor; /* the first address behind the leaf before, or 0 */
	/* One more than the count: those that are not used start at UINTPTR_MAX. */
	_Alignas(NODE_ALIGN) _Atomic uintptr_t start[LEAF_FAN];
	_Atomic uintptr_t last[LEAF_FAN];
	_Atomic uint64_t value[LEAF_FAN];
};

struct inner {
	struct spans_node head;
	_Alignas(NODE_ALIGN) _Atomic uintptr_t
		key[INNER_FAN];		/* the lowest start below the child */
	void *_Atomic child[INNER_FAN]; /* see below */
	uintptr_t fit[][INNER_FAN];	/* the largest size that fits below; the writer's */
};

static inline uintptr_t load(const _Atomic uintptr_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void store(_Atomic uintptr_t *word, uintptr_t to)
{
	atomic_store_explicit(word, to, memory_order_relaxed);
}

/* Release: who finds a pointer as a value finds what it leads to.  Pairs with read_span(). */
static inline void value_set(struct leaf *leaf, unsigned i, uint64_t to)
{
	atomic_store_explicit(&leaf->value[i], to, memory_order_release);
}

static inline unsigned count_of(const struct spans_node *node)
{
	return atomic_load_explicit(&node->count, memory_order_relaxed);
}

static inline void set_count(struct spans_node *node, unsigned to)
{
	atomic_store_explicit(&node->count, to, memory_order_relaxed);
}

/*
 * A child says itself what it is, so that a reader that comes upon a node in its second life
 * cannot take it for what it was: a pointer to a leaf is odd.
 */
static inline bool is_leaf(const void *child)
{
	return (uintptr_t)child & 1;
}

static inline struct leaf *leaf_of(void *child)
{
	return (struct leaf *)((char *)child - 1);
}

static inline struct inner *inner_of(void *child)
{
	return child;
}

static inline void *child_of_node(struct spans_node *node, unsigned level)
{
	return level ? (void *)node : (char *)node + 1;
}

static inline struct spans_node *node_of(void *child)
{
	return is_leaf(child) ? &leaf_of(child)->head : &inner_of(child)->head;
}

/* Acquire: what was in the node when it was made is there.  Pairs with child_set(). */
static inline void *child_get(void *const _Atomic *child)
{
	return atomic_load_explicit(child, memory_order_acquire);
}

static inline void child_set(void *_Atomic *child, void *to)
{
	atomic_store_explicit(child, to, memory_order_release);
}

/* As child_get() and child_set(). */
static inline struct leaf *next_get(const struct leaf *leaf)
{
	return atomic_load_explicit(&leaf->next, memory_order_acquire);
}

static inline void next_set(struct leaf *leaf, struct leaf *to)
{
	atomic_store_explicit(&leaf->next, to, memory_order_release);
}

static inline unsigned rows(unsigned level)
{
	return level == 1 ? ROWS_LOW : ROWS;
}

/* Nodes of a pool are of one size. */
static inline unsigned pool_index(unsigned level)
{
	return level < SPANS_POOLS ? level : SPANS_POOLS - 1;
}

static inline size_t node_size(unsigned level)
{
	return level ? sizeof(struct inner) + rows(level) * sizeof(uintptr_t[INNER_FAN])
		     : sizeof(struct leaf);
}

static inline unsigned fan(unsigned level)
{
	return level ? INNER_FAN : LEAF_FAN;
}

/* The least entries of a node that is not the root. */
static inline unsigned fan_min(unsigned level)
{
	return fan(level) / 3;
}

/* How many of four keys, @step apart, are not above @x.  Written out: compilers leave a loop a
 * loop, and this is where the time goes. */
static inline unsigned rank_of_4(const _Atomic uintptr_t *key, unsigned step, uintptr_t x)
{
	unsigned n = load(&key[0]) <= x, m = load(&key[2 * step]) <= x;

	n += load(&key[step]) <= x;
	m += load(&key[3 * step]) <= x;
	return n + m;
}

/* Keys that are not in use are UINTPTR_MAX, and are counted if @x is that. */
static inline unsigned rank_in_use(const struct spans_node *node, unsigned n, uintptr_t x)
{
	unsigned count;

	if (x < UINTPTR_MAX)
		return n;
	count = count_of(node);
	return n < count ? n : count;
}

/*
 * How many of a node's keys are not above @x, no more than it has whatever is read: first which
 * eight of them, then where in these, without a branch that could be guessed wrong.
 */
static inline unsigned leaf_rank(const struct leaf *leaf, uintptr_t x)
{
	const _Atomic uintptr_t *key = leaf->start;
	unsigned n = load(&key[8]) <= x;

	n += load(&key[16]) <= x;
	n += load(&key[24]) <= x;
	key += 8 * n;
	n = 8 * n + rank_of_4(key, 1, x) + rank_of_4(key + 4, 1, x);
	return rank_in_use(&leaf->head, n, x);
}

/* The child in which @x is, if it is anywhere. */
static inline unsigned inner_rank(const struct inner *inner, uintptr_t x)
{
	const _Atomic uintptr_t *key = inner->key;
	unsigned n = rank_of_4(&key[8], 8, x), m = load(&key[40]) <= x;

	m += load(&key[48]) <= x;
	n += m + (load(&key[56]) <= x);
	key += 8 * n;
	n = 8 * n + rank_of_4(key, 1, x) + rank_of_4(key + 4, 1, x);
	n = rank_in_use(&inner->head, n, x);
	return n ? n - 1 : 0;
}

#endif

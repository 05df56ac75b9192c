/* SPDX-License-Identifier: MIT */
/*
 * spans_tree.h - ways through the tree, and nodes that are split and merged
 *
 * Nothing here changes which spans and gaps there are, only which nodes they are in.
 */
#ifndef MAP_SPANS_TREE_H
#define MAP_SPANS_TREE_H

#include "map/spans_node.h"

/* From the root, at level height, down to a leaf at level 0.  at[0] is a place in the leaf, and
 * may be behind its last span; the others are the children gone through. */
struct path {
	unsigned height;
	unsigned at[SPANS_LEVELS];
	struct spans_node *node[SPANS_LEVELS];
};

static inline struct leaf *path_leaf(const struct path *p)
{
	return (struct leaf *)p->node[0];
}

static inline struct inner *path_inner(const struct path *p, unsigned level)
{
	return (struct inner *)p->node[level];
}

/* To the place behind all spans that start at or before @x.  There must be a root. */
void path_to(const struct spans *s, uintptr_t x, struct path *ret_path);
/* To the leftmost place below the child at @level that the path goes through. */
void path_down(struct path *p, unsigned level);
/* To the first place of the next leaf; false: that was the last. */
bool path_next(struct path *p);
/* After another span has become the first of the leaf. */
void path_update_keys(const struct path *p);

/* Memory for so many additions, wherever they are made.  0 or -ENOMEM. */
int tree_reserve(struct spans *s, size_t count);
/* Is there memory for as many as are said to be reserved? */
bool tree_is_reserved(const struct spans *s);
/* A first leaf, without spans; the memory must be there. */
void tree_begin(struct spans *s);
/* Makes the path lead to the same place in a leaf with room for one more.  0 or -ENOMEM. */
int tree_make_room(struct spans *s, struct path *p);
/* After a span was removed from the leaf: no node stays too empty, but for a leaf that is all
 * there is.  The path is used up. */
void tree_settle(struct spans *s, struct path *p);

/* Moves spans, or children, within or between nodes of a level. */
void leaf_move(struct leaf *to, unsigned at, const struct leaf *from, unsigned first,
	       unsigned n);
/* Marks places that are no longer in use. */
void leaf_clear(struct leaf *leaf, unsigned first, unsigned n);

#endif

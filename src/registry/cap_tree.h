/* SPDX-License-Identifier: MIT */
/*
 * cap_tree.h - the tree of an object's capabilities, and how one gets into it and out again
 *
 * For the capability module alone.
 */
#ifndef REGISTRY_CAP_TREE_H
#define REGISTRY_CAP_TREE_H

#include "registry/cap.h"

/* @cap has no parent, or is its parent's first child from now on. */
void cap_link(struct cap *cap, struct cap *parent);
void cap_unlink(struct cap *cap);
/* @cap's children get its parent, in its place. */
void cap_adopt(struct cap *cap);

/* In the order in which whatever is below comes first: the first of all below @top, or @top. */
struct cap *cap_lowest(struct cap *top);
/* The next in that order.  It stays the same if @cap is adopted and unlinked. */
struct cap *cap_above(struct cap *cap);
/* The next in the opposite one: those below come later; NULL: nothing more below @top. */
struct cap *cap_below(const struct cap *cap, const struct cap *top);

/* Makes @table one that can be told of the end of what it has.  0, -ENOMEM. */
int cap_table_reserve(struct cap_table *table);
void cap_table_add(struct cap_table *table, struct cap *cap);
void cap_table_remove(struct cap_table *table, struct cap *cap);

/* A new one in @holder's table, held or offered; no parent, no tree is touched if it fails. */
struct cap_making {
	struct cap_object *object;
	struct cap_table *holder;
	struct cap *parent;
	uint32_t rights;
	enum cap_state state;
	enum cap_mode mode;
	bool exclusive;
};
/* 0, -EDQUOT, -ENOMEM. */
int cap_make(const struct cap_making *making, struct cap **ret_cap);

#endif

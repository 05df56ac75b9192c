/* SPDX-License-Identifier: MIT */
#include "registry/cap_tree.h"

void cap_link(struct cap *cap, struct cap *parent)
{
	cap->parent = parent;
	if (parent)
		LIST_INSERT_HEAD(&parent->children, cap, siblings);
}

void cap_unlink(struct cap *cap)
{
	if (cap->parent)
		LIST_REMOVE(cap, siblings);
	cap->parent = NULL;
}

void cap_adopt(struct cap *cap)
{
	struct cap *child;

	while ((child = LIST_FIRST(&cap->children))) {
		LIST_REMOVE(child, siblings);
		child->parent = cap->parent;
		LIST_INSERT_BEFORE(cap, child, siblings);
	}
}

struct cap *cap_lowest(struct cap *top)
{
	while (!LIST_EMPTY(&top->children))
		top = LIST_FIRST(&top->children);
	return top;
}

struct cap *cap_above(struct cap *cap)
{
	struct cap *next = LIST_NEXT(cap, siblings);

	return next ? cap_lowest(next) : cap->parent;
}

struct cap *cap_below(const struct cap *cap, const struct cap *top)
{
	struct cap *next = LIST_FIRST(&cap->children);

	while (!next && cap != top) {
		next = LIST_NEXT(cap, siblings);
		cap = cap->parent;
	}
	return next;
}

/* SPDX-License-Identifier: MIT */
/*
 * cap_check.c - is every invariant of the capabilities true?
 *
 * Each function returns the first one that is not, or NULL.  Everything is walked: each tree
 * from its root, each table, each table's past.
 */
#include "registry/cap_tree.h"

#define EXPECT_THAT(condition, name) \
	do {                         \
		if (!(condition))    \
			return name; \
	} while (0)

struct sums {
	uint32_t in_trees, in_tables, without_holder;
};

static bool is_table(const struct cap_space *space, const struct cap_table *wanted)
{
	const struct cap_table *table;

	LIST_FOREACH (table, &space->tables, of_space)
		if (table == wanted)
			return true;
	return false;
}

static bool is_within(uint32_t rights, uint32_t all)
{
	return (rights & ~all) == 0;
}

/* ---- trees ------------------------------------------------------------------------------ */

static const char *check_link(const struct cap_object *object, const struct cap *cap)
{
	const struct cap *child;

	EXPECT_THAT((cap == object->root) == !cap->parent, "V-5: one capability has no parent");
	EXPECT_THAT(!cap->parent || is_within(cap->rights, cap->parent->rights),
		    "V-4: a child has no more rights than its parent");
	LIST_FOREACH (child, &cap->children, siblings)
		EXPECT_THAT(child->parent == cap, "a child knows its parent");
	EXPECT_THAT(cap->state == CAP_HELD || LIST_EMPTY(&cap->children),
		    "V-5: nothing was derived from an offer");
	return NULL;
}

static const char *check_cap(const struct cap_object *object, const struct cap *cap)
{
	const struct cap_space *space = object->space;
	struct cap_fields fields = cap_unpack(cap->token);

	EXPECT_THAT(cap->object == object, "a tree is of one object");
	EXPECT_THAT(cap->state == CAP_OFFERED || cap->state == CAP_HELD,
		    "V-5: what is in a tree is live");
	EXPECT_THAT(is_within(cap->rights, object->ceiling | CAP_MANAGEMENT),
		    "V-3: no right is above the ceiling");
	EXPECT_THAT(cap->holder ? is_table(space, cap->holder) : !cap->parent,
		    "V-8: a capability has a holder that lives");
	EXPECT_THAT(fields.id > 0 && fields.id <= space->last_id, "V-6: an id was drawn");
	EXPECT_THAT(cap_index_find(&space->index, cap->token) == cap,
		    "a token leads to its capability");
	EXPECT_THAT((cap->mode == CAP_MOVE && cap->state == CAP_OFFERED) ==
			    (cap == object->moving),
		    "an object knows the Move that is offered");
	EXPECT_THAT(cap->mode != CAP_MOVE || cap == object->moving || !cap->parent,
		    "who took a Move has the root");
	EXPECT_THAT(cap != object->moving || cap->parent == object->root,
		    "a Move is the owner's");
	return check_link(object, cap);
}

static const char *check_object(const struct cap_object *object, struct sums *sums)
{
	uint32_t live = 0, offers = 0;

	EXPECT_THAT(object->root && object->root->state == CAP_HELD, "an object has a root");
	sums->without_holder += !object->root->holder;
	for (const struct cap *cap = object->root; cap; cap = cap_below(cap, object->root)) {
		const char *broken = check_cap(object, cap);

		if (broken)
			return broken;
		live++;
		offers += cap->state == CAP_OFFERED;
	}
	EXPECT_THAT(live == object->live, "an object's capabilities are counted");
	EXPECT_THAT(offers == object->offers, "V-2: an object's offers are counted");
	sums->in_trees += live;
	return NULL;
}

/* ---- tables ----------------------------------------------------------------------------- */

static const char *check_past(const struct cap_space *space, const struct cap_past *past)
{
	EXPECT_THAT(past->count <= CAP_NOTICES && past->first < CAP_NOTICES,
		    "notices are within their ring");
	EXPECT_THAT(past->next < CAP_REMEMBERED, "tokens are within their ring");
	for (uint32_t i = 0; i < CAP_REMEMBERED; i++)
		EXPECT_THAT(!past->fate[i] || !cap_index_find(&space->index, past->token[i]),
			    "V-6: what has ended does not come back");
	return NULL;
}

static const char *check_table(const struct cap_space *space, const struct cap_table *table,
			       struct sums *sums)
{
	const struct cap *cap;
	uint32_t count = 0, roots = 0;

	LIST_FOREACH (cap, &table->caps, of_table) {
		EXPECT_THAT(cap->holder == table, "a capability is in its holder's table");
		EXPECT_THAT(cap_index_find(&space->index, cap->token) == cap,
			    "what is in a table is found");
		EXPECT_THAT(cap->root == !cap->parent, "a root is known");
		count += !cap->root;
		roots += cap->root;
	}
	EXPECT_THAT(count == table->count && roots == table->roots,
		    "a table's capabilities are counted");
	EXPECT_THAT(count <= table->limit, "a table keeps to its limit");
	count += roots;
	EXPECT_THAT(count == 0 || table->past, "who has a capability can be told of its end");
	sums->in_tables += count;
	return table->past ? check_past(space, table->past) : NULL;
}

bool cap_check(const struct cap_space *space, const char **ret_broken)
{
	const struct cap_object *object;
	const struct cap_table *table;
	const char *broken = NULL;
	struct sums sums = { 0 };

	LIST_FOREACH (object, &space->objects, of_space)
		if (!broken)
			broken = check_object(object, &sums);
	LIST_FOREACH (table, &space->tables, of_space)
		if (!broken)
			broken = check_table(space, table, &sums);
	if (!broken && sums.in_trees != space->index.count)
		broken = "a capability is in a tree";
	if (!broken && sums.in_tables + sums.without_holder != space->index.count)
		broken = "a capability is in a table";
	if (broken)
		*ret_broken = broken;
	return !broken;
}

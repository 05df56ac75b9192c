/* SPDX-License-Identifier: MIT */
/*
 * cap_space.c - tables, objects, and what is in them
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/call.h"
#include "registry/cap_tree.h"

void cap_space_init(struct cap_space *space, uint64_t seed)
{
	space->last_id = 0;
	cap_index_init(&space->index, seed);
	LIST_INIT(&space->tables);
	LIST_INIT(&space->objects);
}

void cap_space_deinit(struct cap_space *space)
{
	assert(LIST_EMPTY(&space->tables) && LIST_EMPTY(&space->objects));
	cap_index_deinit(&space->index);
}

/* ---- tables ----------------------------------------------------------------------------- */

void cap_table_init(struct cap_table *table, struct cap_space *space, uint32_t limit)
{
	(void)memset(table, 0, sizeof(*table));
	table->space = space;
	table->limit = limit;
	LIST_INIT(&table->caps);
	LIST_INSERT_HEAD(&space->tables, table, of_space);
}

void cap_table_belong(struct cap_table *table, uint32_t group, uint32_t crowd)
{
	table->group = group;
	table->crowd = crowd;
}

int cap_table_reserve(struct cap_table *table)
{
	if (!table->past)
		table->past = registry_alloc(sizeof(*table->past));
	return table->past ? 0 : -ENOMEM;
}

void cap_table_add(struct cap_table *table, struct cap *cap)
{
	cap->holder = table;
	table->count += !cap->root;
	table->roots += cap->root;
	LIST_INSERT_HEAD(&table->caps, cap, of_table);
}

void cap_table_remove(struct cap_table *table, struct cap *cap)
{
	LIST_REMOVE(cap, of_table);
	table->count -= !cap->root;
	table->roots -= cap->root;
}

/* ---- capabilities ----------------------------------------------------------------------- */

int cap_make(const struct cap_making *making, struct cap **ret_cap)
{
	struct cap_space *space = making->holder->space;
	struct cap *cap;
	int r;

	if (making->parent && making->holder->count >= making->holder->limit)
		return -EDQUOT;
	r = cap_table_reserve(making->holder);
	if (r < 0)
		return r;
	if (space->last_id == CAP_ID_MAX)
		return -EDQUOT;
	cap = registry_alloc(sizeof(*cap));
	if (!cap)
		return -ENOMEM;

	cap->token = cap_pack((struct cap_fields){ .id = ++space->last_id,
						   .type = CAP_TYPE_MEMORY,
						   .flags = making->rights & 0xf });
	cap->object = making->object;
	cap->rights = making->rights;
	cap->state = making->state;
	cap->mode = making->mode;
	cap->exclusive = making->exclusive;
	cap->root = !making->parent;
	cap->group = making->parent && making->parent->holder ? making->parent->holder->group
							      : making->holder->group;
	cap->inherit = CAP_INHERITABLE;
	LIST_INIT(&cap->children);
	cap_link(cap, making->parent);
	cap_table_add(making->holder, cap);
	cap_index_add(&space->index, cap);
	making->object->live++;
	making->object->offers += making->state == CAP_OFFERED;
	*ret_cap = cap;
	return 0;
}

/* ---- objects ---------------------------------------------------------------------------- */

int cap_object_init(struct cap_object *object, struct cap_space *space, uint64_t id,
		    uint32_t ceiling, struct cap_table *owner)
{
	struct cap_making root = { .object = object,
				   .holder = owner,
				   .rights = (ceiling & CAP_ACCESS) | CAP_MANAGEMENT,
				   .state = CAP_HELD,
				   .mode = CAP_SHARE };
	int r;

	*object = (struct cap_object){ .space = space,
				       .id = id,
				       .ceiling = ceiling & CAP_ACCESS };
	r = cap_make(&root, &object->root);
	if (r < 0)
		return r;
	LIST_INSERT_HEAD(&space->objects, object, of_space);
	return 0;
}

void cap_object_lower(struct cap_object *object, uint32_t ceiling)
{
	struct cap *cap = object->root;

	assert((ceiling & ~object->ceiling) == 0);
	object->ceiling = ceiling;
	for (; cap; cap = cap_below(cap, object->root))
		cap->rights &= ceiling | CAP_MANAGEMENT;
}

/* SPDX-License-Identifier: MIT */
/*
 * cap.c - finding capabilities, and making more of them
 */
#include "registry/cap.h"

#include <errno.h>

#include "registry/cap_tree.h"

static bool has(const struct cap *cap, uint32_t rights)
{
	return (rights & ~cap->rights) == 0;
}

/* ---- finding ---------------------------------------------------------------------------- */

struct cap *cap_find(const struct cap_table *table, uint64_t token)
{
	struct cap *cap = cap_index_find(&table->space->index, token);

	return cap && cap->holder == table ? cap : NULL;
}

int cap_require(const struct cap_table *table, uint64_t token, uint32_t required,
		struct cap **ret_cap)
{
	struct cap *cap = cap_find(table, token);

	if (!cap)
		return -EBADF;
	if (!has(cap, required))
		return -EACCES;
	*ret_cap = cap;
	return 0;
}

int cap_info(const struct cap_table *table, uint64_t token, struct cap_info *ret_info)
{
	const struct cap *cap = cap_find(table, token);

	if (!cap)
		return -EBADF;
	*ret_info = (struct cap_info){ .object = cap->object->id,
				       .rights = cap->rights,
				       .state = cap->state };
	return 0;
}

enum cap_state cap_fate(const struct cap_table *table, uint64_t token)
{
	const struct cap *cap = cap_find(table, token);

	if (cap)
		return cap->state;
	return table->past ? (enum cap_state)cap_past_fate(table->past, token) : 0;
}

struct cap *cap_held_on(const struct cap_table *table, const struct cap_object *object,
			uint32_t required)
{
	struct cap *cap;

	if (object->root->holder == table && has(object->root, required))
		return object->root;
	LIST_FOREACH (cap, &table->caps, of_table)
		if (cap->object == object && cap->state == CAP_HELD && has(cap, required))
			return cap;
	return NULL;
}

/* ---- making ----------------------------------------------------------------------------- */

/* Has @target as many offers of @by's group as it takes? */
static bool is_crowded(const struct cap_table *target, const struct cap_table *by)
{
	const struct cap *cap;
	uint32_t offers = 0;

	if (!by || target->crowd == 0 || target->group == by->group)
		return false;
	LIST_FOREACH (cap, &target->caps, of_table)
		offers += cap->state == CAP_OFFERED && cap->group == by->group;
	return offers >= target->crowd;
}

/* What is left to check when the caller's authority is known. */
static int make_child(struct cap_making *making, struct cap **ret_cap)
{
	if (!making->holder)
		return -ESRCH;
	if (making->object->moving || making->object->closed)
		return -EBUSY;
	if (making->state == CAP_OFFERED && is_crowded(making->holder, making->parent->holder))
		return -EDQUOT;
	return cap_make(making, ret_cap);
}

/* Rights that a mode gives; CAP_REVOKE and CAP_DELETE come with the ownership, once moved. */
static const uint32_t mode_rights[] = {
	[CAP_MOVE] = CAP_READ | CAP_WRITE | CAP_GRANT | CAP_MAP,
	[CAP_SHARE] = CAP_READ | CAP_WRITE | CAP_MAP,
	[CAP_COPY_ON_WRITE] = CAP_READ | CAP_MAP,
};

/* The root for its holder; for others what has all of @rights to give, or something of it. */
static struct cap *granting(const struct cap_table *by, const struct cap_object *object,
			    uint32_t rights)
{
	uint32_t possible = rights & (object->ceiling | CAP_GRANT | CAP_MAP);
	struct cap *parent = cap_held_on(by, object, CAP_GRANT | possible);

	if (!parent)
		parent = cap_held_on(by, object, CAP_GRANT | CAP_READ);
	return parent;
}

/* Whether @by may, and what it would be; -EINVAL, -EACCES. */
static int plan_create(const struct cap_table *by, const struct cap_object *object,
		       const struct cap_table *target, uint32_t mode, struct cap_making *making)
{
	if (mode > CAP_COPY_ON_WRITE && mode != (CAP_MOVE | CAP_EXCLUSIVE))
		return -EINVAL;
	making->mode = mode & ~CAP_EXCLUSIVE;
	making->exclusive = mode & CAP_EXCLUSIVE;
	making->state = CAP_OFFERED;
	if (target == by && making->mode != CAP_MOVE)
		return -EINVAL;

	making->parent = granting(by, object, mode_rights[making->mode]);
	if (!making->parent || (making->mode == CAP_MOVE && making->parent != object->root))
		return -EACCES;
	making->rights = mode_rights[making->mode] & making->parent->rights;
	return making->rights & CAP_READ ? 0 : -EACCES;
}

int cap_create(struct cap_table *by, struct cap_object *object, struct cap_table *target,
	       uint32_t mode, struct cap **ret_cap)
{
	struct cap_making making = { .object = object, .holder = target };
	int r;

	r = plan_create(by, object, target, mode, &making);
	if (r < 0)
		return r;
	if (target == by) {
		*ret_cap = object->root;
		return 0;
	}
	r = make_child(&making, ret_cap);
	if (r < 0)
		return r;
	if (making.mode == CAP_MOVE)
		object->moving = *ret_cap;
	return 0;
}

int cap_could_create(const struct cap_table *by, const struct cap_object *object,
		     const struct cap_table *target, uint32_t mode)
{
	struct cap_making making = { 0 };
	int r;

	r = plan_create(by, object, target, mode, &making);
	if (r < 0)
		return r;
	if (!target)
		return -ESRCH;
	if (object->moving || object->closed)
		return -EBUSY;
	if (target == by)
		return 0;
	return target->count >= target->limit || is_crowded(target, by) ? -EDQUOT : 0;
}

int cap_derive_from(struct cap *parent, uint32_t rights, struct cap_table *target,
		    struct cap **ret_cap)
{
	struct cap_making making = { .object = parent->object,
				     .holder = target,
				     .parent = parent,
				     .rights = rights,
				     .mode = CAP_SHARE };

	making.state = target == parent->holder ? CAP_HELD : CAP_OFFERED;
	if (rights == 0)
		return -EINVAL;
	if (parent->state != CAP_HELD || !has(parent, CAP_GRANT | rights))
		return -EACCES;
	return make_child(&making, ret_cap);
}

int cap_derive(struct cap_table *by, uint64_t parent, uint32_t rights, struct cap_table *target,
	       struct cap **ret_cap)
{
	struct cap *cap;

	if (rights == 0)
		return -EINVAL;
	cap = cap_find(by, parent);
	return cap ? cap_derive_from(cap, rights, target, ret_cap) : -EBADF;
}

int cap_derive_within(struct cap_table *by, uint64_t parent, uint32_t rights,
		      struct cap_table *target, struct cap **ret_cap)
{
	struct cap *cap;

	if (rights == 0)
		return -EINVAL;
	cap = cap_find(by, parent);
	if (!cap)
		return -EBADF;
	if (!(rights & cap->rights))
		return -EACCES;
	return cap_derive_from(cap, rights & cap->rights, target, ret_cap);
}

int cap_delegate(struct cap_table *by, uint64_t parent, struct cap_table *target,
		 struct cap **ret_cap)
{
	return cap_derive_within(by, parent, ~(uint32_t)CAP_GRANT, target, ret_cap);
}

int cap_inherit(struct cap *parent, struct cap_table *target, enum cap_state state,
		bool reduced, struct cap **ret_cap)
{
	struct cap_making making = { .object = parent->object,
				     .holder = target,
				     .parent = parent,
				     .rights = parent->rights,
				     .state = state,
				     .mode = CAP_SHARE };
	int r;

	if (reduced || parent->inherit & CAP_REDUCE_RIGHTS)
		making.rights &= ~(uint32_t)(CAP_GRANT | CAP_REVOKE);
	if (making.rights == 0)
		return -EINVAL;
	r = make_child(&making, ret_cap);
	if (r == 0)
		(*ret_cap)->inherit = parent->inherit;
	return r;
}

int cap_readdress(struct cap *cap, struct cap_table *to)
{
	int r;

	if (to->count >= to->limit)
		return -EDQUOT;
	r = cap_table_reserve(to);
	if (r < 0)
		return r;
	cap_table_remove(cap->holder, cap);
	cap_table_add(to, cap);
	return 0;
}

int cap_redeem(struct cap_table *table, uint64_t token, struct cap **ret_cap)
{
	struct cap *cap = cap_find(table, token);

	if (!cap || cap->mode == CAP_MOVE)
		return -EBADF;
	if (cap->state == CAP_OFFERED) {
		cap->state = CAP_HELD;
		cap->object->offers--;
	}
	*ret_cap = cap;
	return 0;
}

int cap_set_inherit(struct cap_table *table, uint64_t token, uint32_t inherit)
{
	const uint32_t known =
		CAP_INHERITABLE | CAP_PRESERVE_EXEC | CAP_REDUCE_RIGHTS | CAP_START_DISABLED;
	struct cap *cap;

	if (inherit & ~known)
		return -EINVAL;
	cap = cap_find(table, token);
	if (!cap)
		return -EBADF;
	cap->inherit = inherit;
	return 0;
}

/* ---- notices ---------------------------------------------------------------------------- */

uint32_t cap_notices_count(const struct cap_table *table)
{
	return table->past ? table->past->count : 0;
}

bool cap_notices_peek(const struct cap_table *table, struct cap_notice *ret_notice)
{
	if (cap_notices_count(table) == 0)
		return false;
	*ret_notice = table->past->notice[table->past->first];
	return true;
}

uint32_t cap_notices_drain(struct cap_table *table, struct cap_notice *notices,
			   uint32_t capacity, uint64_t *ret_dropped)
{
	uint32_t got = 0;

	*ret_dropped = table->past ? table->past->dropped : 0;
	while (got < capacity && cap_notices_peek(table, &notices[got])) {
		table->past->first = (table->past->first + 1) % CAP_NOTICES;
		table->past->count--;
		got++;
	}
	if (table->past)
		table->past->dropped = 0;
	return got;
}

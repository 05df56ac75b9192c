/* SPDX-License-Identifier: MIT */
/*
 * cap_end.c - capabilities end
 *
 * All that end together lose their authority first, one by one, where nobody can look; then
 * the user is told of each, and may look.
 */
#include <errno.h>
#include <stdlib.h>

#include "registry/cap_tree.h"

struct leave {
	const struct cap_end *end;
	struct cap_table *by; /* who revokes, or NULL */
	struct cap_list gone;
	uint32_t count;
};

static void notify(struct cap_table *table, const struct leave *leave, uint64_t token,
		   enum cap_reason reason)
{
	struct cap_notice notice = { .token = token,
				     .seconds = leave->end->seconds,
				     .reason = reason };

	/* Without a past it has, and had, no capability. */
	if (table->past)
		cap_past_notify(table->past, notice);
}

static void remember(struct cap_table *table, const struct cap *cap, enum cap_state fate)
{
	if (table && table->past)
		cap_past_remember(table->past, cap->token, (uint8_t)fate);
}

/* @cap's children have ended or were adopted. */
static void retire(struct leave *leave, struct cap *cap, enum cap_state fate,
		   enum cap_reason reason)
{
	struct cap_table *holder = cap->holder;
	struct cap_table *granter = cap->parent ? cap->parent->holder : NULL;
	struct cap_object *object = cap->object;

	remember(holder, cap, fate);
	if (granter != holder)
		remember(granter, cap, fate);
	if (leave->by != holder && leave->by != granter)
		remember(leave->by, cap, fate);
	if (holder && fate == CAP_REVOKED)
		notify(holder, leave, cap->token, reason);

	object->live--;
	object->offers -= cap->state == CAP_OFFERED;
	if (object->moving == cap)
		object->moving = NULL;
	cap->was = cap->state;
	cap->state = fate;
	cap->reason = reason;
	cap_unlink(cap);
	if (holder)
		cap_table_remove(holder, cap);
	cap_index_remove(&object->space->index, cap);
	LIST_INSERT_HEAD(&leave->gone, cap, of_table);
	leave->count++;
}

static uint32_t finish(struct leave *leave)
{
	struct cap *cap;

	while ((cap = LIST_FIRST(&leave->gone))) {
		LIST_REMOVE(cap, of_table);
		if (leave->end->ended)
			leave->end->ended(leave->end->arg, cap);
		free(cap);
	}
	return leave->count;
}

/* ---- revoking --------------------------------------------------------------------------- */

static uint32_t revoke_below(struct cap *top, enum cap_reason reason, struct cap_table *by,
			     const struct cap_end *end)
{
	enum cap_reason others = reason == CAP_EXPLICIT ? CAP_PARENT_REVOKED : reason;
	struct leave leave = { .end = end, .by = by };
	struct cap *at = cap_lowest(top);

	while (at != top) {
		struct cap *next = cap_above(at);

		retire(&leave, at, CAP_REVOKED, others);
		at = next;
	}
	retire(&leave, top, CAP_REVOKED, reason);
	return finish(&leave);
}

static bool has_anything_on(const struct cap_table *table, const struct cap_object *object)
{
	const struct cap *cap;

	LIST_FOREACH (cap, &table->caps, of_table)
		if (cap->object == object)
			return true;
	return false;
}

/* 0, -EACCES, or -EBADF to those whom @cap is no business of. */
static int may_revoke(const struct cap_table *by, const struct cap *cap)
{
	if (cap->holder == by)
		return cap->parent ? 0 : -EACCES;
	for (const struct cap *at = cap->parent; at; at = at->parent)
		if (at->holder == by && (at->rights & CAP_REVOKE))
			return 0;
	return has_anything_on(by, cap->object) ? -EACCES : -EBADF;
}

int cap_revocable(const struct cap_table *by, uint64_t token, struct cap **ret_cap)
{
	struct cap *cap = cap_index_find(&by->space->index, token);
	int r;

	if (!cap && cap_fate(by, token) != CAP_REVOKED)
		return -EBADF;
	r = cap ? may_revoke(by, cap) : 0;
	if (r == 0)
		*ret_cap = cap;
	return r;
}

int cap_revoke(struct cap_table *by, uint64_t token, const struct cap_end *end,
	       uint32_t *ret_count)
{
	struct cap *cap;
	int r;

	r = cap_revocable(by, token, &cap);
	if (r < 0)
		return r;
	*ret_count = cap ? revoke_below(cap, CAP_EXPLICIT, by, end) : 0;
	return 0;
}

uint32_t cap_revoke_by_policy(struct cap *cap, const struct cap_end *end)
{
	return revoke_below(cap, CAP_POLICY_ENFORCED, NULL, end);
}

uint32_t cap_withdraw(struct cap *cap, const struct cap_end *end)
{
	return revoke_below(cap, CAP_EXPLICIT, NULL, end);
}

void cap_object_end(struct cap_object *object, enum cap_reason reason,
		    const struct cap_end *end)
{
	struct cap *root = object->root;

	LIST_REMOVE(object, of_space);
	object->root = NULL;
	(void)revoke_below(root, reason, NULL, end);
}

/* ---- deleting --------------------------------------------------------------------------- */

int cap_delete(struct cap_table *table, uint64_t token, const struct cap_end *end)
{
	struct leave leave = { .end = end };
	struct cap *cap = cap_find(table, token);

	if (!cap)
		return -EBADF;
	if (!cap->parent)
		return -EACCES;
	cap_adopt(cap);
	retire(&leave, cap, CAP_DELETED, CAP_EXPLICIT);
	(void)finish(&leave);
	return 0;
}

void cap_table_end(struct cap_table *table, const struct cap_end *end)
{
	struct leave leave = { .end = end };
	struct cap *cap;

	while ((cap = LIST_FIRST(&table->caps))) {
		struct cap_table *owner = cap->object->root->holder;

		if (!cap->parent) {
			cap_table_remove(table, cap);
			cap->holder = NULL;
			continue;
		}
		if (owner)
			notify(owner, &leave, cap->token, CAP_PROCESS_EXIT);
		cap_adopt(cap);
		retire(&leave, cap, CAP_DELETED, CAP_PROCESS_EXIT);
	}
	LIST_REMOVE(table, of_space);
	(void)finish(&leave);
	free(table->past);
	table->past = NULL;
}

/* ---- another owner ---------------------------------------------------------------------- */

int cap_hand_over(struct cap_object *object, struct cap_table *to)
{
	struct cap *root = object->root;
	int r;

	if (!to)
		return -ESRCH;
	if (object->moving || object->closed)
		return -EBUSY;
	if (root->holder == to)
		return 0;
	r = cap_table_reserve(to);
	if (r < 0)
		return r;
	if (root->holder)
		cap_table_remove(root->holder, root);
	cap_table_add(to, root);
	return 0;
}

/* Of all that is below the old @root, what does not outlive a Move to @cap's holder. */
static void retire_moved(struct leave *leave, const struct cap *cap, struct cap *root)
{
	const struct cap_table *sender = root->holder;
	struct cap *at = cap_lowest(root);

	while (at != root) {
		struct cap *next = cap_above(at);
		bool senders = at->holder == sender;

		if (cap->exclusive ? at->holder != cap->holder : senders) {
			cap_adopt(at);
			retire(leave, at, CAP_REVOKED,
			       senders ? CAP_EXPLICIT : CAP_PARENT_REVOKED);
		}
		at = next;
	}
}

int cap_move(struct cap_table *to, uint64_t token, const struct cap_end *end)
{
	struct cap *cap = cap_find(to, token), *old, *child;
	struct leave leave = { .end = end };

	if (!cap || cap->mode != CAP_MOVE || cap->state != CAP_OFFERED)
		return -EBADF;
	old = cap->object->root;
	leave.by = old->holder;
	cap_unlink(cap);
	retire_moved(&leave, cap, old);
	while ((child = LIST_FIRST(&old->children))) {
		cap_unlink(child);
		cap_link(child, cap);
	}
	cap_table_remove(to, cap);
	cap->root = true;
	cap_table_add(to, cap);
	cap->state = CAP_HELD;
	cap->rights = old->rights;
	cap->object->offers--;
	cap->object->moving = NULL;
	cap->object->root = cap;
	retire(&leave, old, CAP_REVOKED, CAP_EXPLICIT);
	(void)finish(&leave);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * holding_ask.c - what a process asks about its capabilities, and has done with them
 */
#include <errno.h>

#include "registry/holding.h"
#include "registry/mapping.h"
#include "registry/move.h"
#include "registry/state.h"
#include "registry/takeback.h"

#define RIGHTS_KNOWN (CAP_ACCESS | CAP_MANAGEMENT)

/* ---- looking ---------------------------------------------------------------------------- */

int held_root(const struct call *call)
{
	const struct shared *shared =
		shared_find(call->registry, call->message->cap_root.shared);

	if (!shared)
		return call_refuse(call, ENOENT, "there is no such region");
	if (shared->owner != call->client)
		return call_refuse(call, EACCES, "the root is the owner's");
	return holding_answer(call, shared->caps.root);
}

int held_look(const struct call *call)
{
	const struct cap *cap = cap_find(&call->client->caps, call->message->cap_look.token);

	return cap ? holding_answer(call, cap) : holding_refuse(call, -EBADF);
}

static uint64_t id_of(const struct cap *cap)
{
	return cap_unpack(cap->token).id;
}

int held_next(const struct call *call)
{
	uint64_t after = cap_unpack(call->message->cap_next.after).id;
	const struct cap *cap, *next = NULL;

	LIST_FOREACH (cap, &call->client->caps.caps, of_table)
		if (id_of(cap) > after && (!next || id_of(cap) < id_of(next)))
			next = cap;
	if (!next)
		return call_refuse(call, ENOENT, "there is nothing after this one");
	return holding_answer(call, next);
}

int held_check(const struct call *call)
{
	struct cap *cap;
	int r;

	r = cap_require(&call->client->caps, call->message->cap_check.token,
			call->message->cap_check.required, &cap);
	return r < 0 ? holding_refuse(call, r) : call_done(call);
}

int held_notice(const struct call *call)
{
	struct cap_table *table = &call->client->caps;
	struct message answer = { .number = MSG_cap_notice };
	struct cap_notice notice = { 0 };
	uint64_t dropped = 0;
	bool found;

	if (call->message->cap_notice_next.keep)
		found = cap_notices_peek(table, &notice);
	else
		found = cap_notices_drain(table, &notice, 1, &dropped) == 1;
	answer.cap_notice = (struct msg_cap_notice){
		.found = found,
		.token = notice.token,
		.seconds = notice.seconds,
		.reason = notice.reason,
		.left = cap_notices_count(table),
		.dropped = dropped,
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* ---- making ----------------------------------------------------------------------------- */

int held_derive(const struct call *call)
{
	const struct msg_cap_derive *asked = &call->message->cap_derive;
	struct client *target = process_find(call->registry, asked->process);
	const struct cap *parent = cap_find(&call->client->caps, asked->parent);
	struct cap *cap;
	int r;

	/* Nobody answers for what is made of an orphan. */
	if (parent && !shared_of_cap(parent)->owner)
		return holding_refuse(call, -EACCES);
	if (asked->rights & ~(uint32_t)RIGHTS_KNOWN)
		return holding_refuse(call, parent ? -EACCES : -EBADF);
	r = cap_derive(&call->client->caps, asked->parent, asked->rights,
		       target ? &target->caps : NULL, &cap);
	if (r < 0)
		return holding_refuse(call, r);
	holding_made(call, cap);
	return holding_answer(call, cap);
}

/* Does @table hold, or was it granted, all of @rights on the region? */
static bool has_grant(const struct cap_table *table, const struct shared *shared,
		      uint32_t rights)
{
	const struct cap *cap;

	LIST_FOREACH (cap, &table->caps, of_table)
		if (cap->object == &shared->caps && !(rights & ~cap->rights) &&
		    (cap->state == CAP_HELD || cap->user.grant) &&
		    cap->mode != CAP_COPY_ON_WRITE)
			return true;
	return false;
}

/* What the caller grants by: the root, or what it holds. */
static struct cap *granting(const struct call *call, const struct shared *shared,
			    uint32_t rights)
{
	return shared->owner
		       ? cap_held_on(&call->client->caps, &shared->caps, CAP_GRANT | rights)
		       : NULL;
}

int shared_grant(const struct call *call)
{
	const struct msg_shared_grant *asked = &call->message->shared_grant;
	struct shared *shared = shared_find(call->registry, asked->shared);
	struct client *target = process_find(call->registry, asked->process);
	uint32_t rights = asked->permission | CAP_MAP;
	struct cap *parent, *cap;
	int r;

	if (!permission_is_valid(asked->permission))
		return call_refuse(call, EBADMSG,
				   "a permission is read 1, write 3, execute 4, read and "
				   "execute 5, or all 7");
	if (!shared)
		return call_refuse(call, ENOENT, "there is no such region");
	parent = granting(call, shared, rights);
	if (!parent)
		return holding_refuse(call, -EACCES);
	if (!target)
		return holding_refuse(call, -ESRCH);
	if (target == shared->owner || has_grant(&target->caps, shared, rights))
		return call_done(call);
	/* To oneself it is held at once. */
	r = cap_derive_from(parent, rights, &target->caps, &cap);
	if (r < 0)
		return holding_refuse(call, r);
	cap->user.grant = cap->state == CAP_OFFERED;
	holding_made(call, cap);
	return call_done(call);
}

/* ---- taking ----------------------------------------------------------------------------- */

int held_take(const struct call *call)
{
	struct cap *cap = cap_find(&call->client->caps, call->message->cap_take.token);

	if (!cap)
		return holding_refuse(call, -EBADF);
	if (cap->mode == CAP_MOVE && cap->state == CAP_OFFERED)
		return move_take(call, cap, NULL);
	if (cap->state == CAP_OFFERED)
		holding_take(cap);
	(void)holding_answer(call, cap);
	/* An orphan is not kept by what is held. */
	shared_reap(call->registry, shared_of_cap(cap));
	return 0;
}

int held_map(const struct call *call)
{
	const struct msg_cap_map *asked = &call->message->cap_map;
	struct ground ground = { .permission = asked->permission, .address = asked->address };
	struct cap *cap = cap_find(&call->client->caps, asked->token);
	struct mapping *mapping;

	if (!cap || (asked->offered && cap->state != CAP_OFFERED))
		return holding_refuse(call, -EBADF);
	if (ground_of_cap(call, cap, call->client, &ground) < 0 ||
	    ground_check(call, &ground, call->client) < 0)
		return 0;
	if (cap->mode == CAP_MOVE && cap->state == CAP_OFFERED)
		return move_take(call, cap, &ground);
	mapping = mapping_make(call->registry, call->client, &ground);
	return mapping ? mapping_answer(call, mapping) : call_refuse_memory(call);
}

/* ---- ending ----------------------------------------------------------------------------- */

static int answer_revoked(const struct call *call, uint32_t count, uint32_t force,
			  uint64_t copied)
{
	struct message answer = { .number = MSG_cap_revoked };

	answer.cap_revoked =
		(struct msg_cap_revoked){ .count = count, .force = force, .copied = copied };
	return call_answer(call, &answer, ATTACH_NOTHING);
}

static void revoked(struct registry *registry, struct takeback *t)
{
	struct round *round = t->round;
	struct call call = { registry, round->asker, &round->request };

	if (!call.client)
		return;
	if (t->error)
		(void)call_refuse(&call, -t->error, "%s", takeback_trouble(t->error));
	else
		(void)answer_revoked(&call, t->count, t->force, t->copied);
}

/* One that is under way on a region that is the caller's business, whose number is larger. */
static struct takeback *revocation_after(const struct call *call, uint64_t number)
{
	struct takeback *t, *next = NULL;

	TAILQ_FOREACH (t, &call->registry->takebacks, link) {
		uint64_t key = t->shared->named.key;

		if (key > number && (!next || key < next->shared->named.key) &&
		    shared_concerns(t->shared, call->client))
			next = t;
	}
	return next;
}

static void waited(struct registry *registry, struct takeback *t);

/*
 * What was revoked before has ended only when that revocation has, which somebody else may be
 * waiting for: so the caller queues up behind it.  The token does not tell the region any more.
 */
static int answer_revoked_before(const struct call *call, uint64_t number)
{
	struct takeback *before = revocation_after(call, number), *t;

	if (!before)
		return answer_revoked(call, 0, FORCE_ASK, 0);
	if (takeback_begin(call, before->shared, FORCE_ASK, waited, &t) < 0)
		return call_refuse_memory(call);
	takeback_go(call->registry, t);
	return 0;
}

static void waited(struct registry *registry, struct takeback *t)
{
	struct call call = { registry, t->round->asker, &t->round->request };

	if (call.client)
		(void)answer_revoked_before(&call, t->shared->named.key);
}

int held_revoke(const struct call *call)
{
	const struct msg_cap_revoke *asked = &call->message->cap_revoke;
	struct takeback *t = NULL;
	struct holding_end e;
	struct cap *cap;
	int r;

	if (asked->force > FORCE_KILL && asked->force != FORCE_BY_USER)
		return call_refuse(call, EBADMSG, "force is 0 to 3, or 255");
	r = cap_revocable(&call->client->caps, asked->token, &cap);
	if (r < 0)
		return holding_refuse(call, r);
	if (!cap)
		return answer_revoked_before(call, 0);
	if (move_is_being_taken(cap))
		return call_refuse(call, EAGAIN, "the region is being taken; try again");
	if (takeback_begin(call, shared_of_cap(cap), (enum force)asked->force, revoked, &t) < 0)
		return call_refuse_memory(call);
	note(call->registry, "cap.revoked shared=%llu cap=%llu force=%u pid=%d uid=%u",
	     (unsigned long long)cap->object->id, (unsigned long long)id_of(cap), asked->force,
	     call->client->identity.pid, call->client->identity.uid);
	holding_end_init(&e, call->registry, t);
	(void)cap_revoke(&call->client->caps, asked->token, &e.end, &t->count);
	takeback_go(call->registry, t);
	return 0;
}

int held_delete(const struct call *call)
{
	uint64_t token = call->message->cap_delete.token;
	const struct cap *cap = cap_find(&call->client->caps, token);
	struct shared *shared = cap ? shared_of_cap(cap) : NULL;
	struct holding_end e;
	int r;

	holding_end_init(&e, call->registry, NULL);
	r = cap_delete(&call->client->caps, token, &e.end);
	if (r < 0)
		return holding_refuse(call, r);
	(void)call_done(call);
	shared_reap(call->registry, shared);
	return 0;
}

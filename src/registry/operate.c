/* SPDX-License-Identifier: MIT */
/*
 * operate.c - what is taken back by who runs the node
 *
 * An operator is the user that is charged for a region, the broker's user, or root.  It holds
 * no capability, and needs none, and ends access as any revoker does, by the same steps.
 */
#include <errno.h>

#include "registry/cap_tree.h"
#include "registry/holding.h"
#include "registry/inspect.h"
#include "registry/kept.h"
#include "registry/move.h"
#include "registry/takeback.h"

static struct cap *cap_of_id(const struct shared *shared, uint64_t id)
{
	struct cap *cap = shared->caps.root;

	while (cap && cap_unpack(cap->token).id != id)
		cap = cap_below(cap, shared->caps.root);
	return cap;
}

/* ---- what ends -------------------------------------------------------------------------- */

/* The next in the order of cap_below() that is not below @cap, so that it outlives it.  A root
 * may have been something's sibling before. */
static struct cap *cap_beside(struct cap *cap, const struct cap *root)
{
	while (cap != root && !LIST_NEXT(cap, siblings))
		cap = cap->parent;
	return cap == root ? NULL : LIST_NEXT(cap, siblings);
}

/* Does it end, if what @of has does?  NULL: what all but the owner have. */
static bool is_meant(const struct shared *shared, const struct client *holder,
		     const struct client *of)
{
	return of ? holder == of : holder != shared->owner;
}

/* The root stays.  How many. */
static uint32_t end_caps(struct shared *shared, const struct client *of,
			 const struct cap_end *end)
{
	struct cap *root = shared->caps.root, *cap, *next;
	uint32_t count = 0;

	for (cap = LIST_FIRST(&root->children); cap; cap = next) {
		if (is_meant(shared, client_of_table(cap->holder), of)) {
			next = cap_beside(cap, root);
			count += cap_revoke_by_policy(cap, end);
		} else {
			next = cap_below(cap, root);
		}
	}
	return count;
}

/* What is mapped still. */
static void end_mappings(struct registry *registry, struct takeback *t, const struct client *of)
{
	struct mapping *mapping = shared_mapping_after(t->shared, 0), *next;

	for (; mapping; mapping = next) {
		struct client *holder = mapping->import->client;

		next = shared_mapping_after(t->shared, holder->named.key);
		if (!is_meant(t->shared, holder, of))
			continue;
		/* One that is on its way out may go with less force than is asked for now. */
		if (mapping->takeback)
			takeback_suspect(t, holder, mapping->snapshot);
		else
			takeback_add(registry, t, mapping);
	}
}

/* Mappings in the upper half, processes in the lower. */
static uint64_t count_all(const struct takeback *t)
{
	const struct mapping *mapping;
	const struct suspect *suspect;
	uint64_t count = 0;

	LIST_FOREACH (mapping, &t->targets, of_takeback)
		count += UINT64_C(1) << 32;
	LIST_FOREACH (suspect, &t->suspects, link)
		count++;
	return count;
}

/* ---- the request ------------------------------------------------------------------------ */

static void revoked(struct registry *registry, struct takeback *t)
{
	struct round *round = t->round;
	struct call call = { registry, round->asker, &round->request };
	struct message answer = { .number = MSG_shared_revoked };

	if (!call.client)
		return;
	if (t->error) {
		(void)call_refuse(&call, -t->error, "%s", takeback_trouble(t->error));
		return;
	}
	answer.shared_revoked = (struct msg_shared_revoked){ .caps = t->count,
							     .mappings = t->subject >> 32,
							     .processes = (uint32_t)t->subject,
							     .force = t->force,
							     .copied = t->copied };
	(void)call_answer(&call, &answer, ATTACH_NOTHING);
}

/* 0, or the request was refused. */
static int check_revoke(const struct call *call, const struct shared *shared,
			const struct cap *cap, const struct client *of)
{
	const struct msg_shared_revoke *asked = &call->message->shared_revoke;
	int error = 0;
	const char *rule = "";

	if (asked->force > FORCE_KILL && asked->force != FORCE_BY_USER) {
		error = EBADMSG;
		rule = "force is 0 to 3, or 255";
	} else if (asked->cap && asked->process) {
		error = EINVAL;
		rule = "either a capability or a process";
	} else if (!shared) {
		error = ENOENT;
		rule = "there is no such region";
	} else if (!inspect_sees(call, shared->payer->uid)) {
		error = EACCES;
		rule = "that is for the region's user, the broker's, and root; others revoke "
		       "what is below their own capabilities";
	} else if (asked->cap && !cap) {
		error = ENOENT;
		rule = "there is no such capability on the region";
	} else if (asked->process && !of) {
		error = ESRCH;
		rule = "there is no such process on the node";
	} else if (cap && !cap->parent) {
		error = EACCES;
		rule = "that is the owner's root, which ends with the region";
	} else if (shared->caps.moving && move_is_being_taken(shared->caps.moving)) {
		error = EAGAIN;
		rule = "the region is changing its owner; try again";
	}
	if (error)
		(void)call_refuse(call, error, "%s", rule);
	return -error;
}

int shared_revoke(const struct call *call)
{
	const struct msg_shared_revoke *asked = &call->message->shared_revoke;
	struct registry *registry = call->registry;
	struct shared *shared = inspect_shared(call, asked->shared);
	struct cap *cap = shared && asked->cap ? cap_of_id(shared, asked->cap) : NULL;
	const struct client *of = process_find(registry, asked->process);
	struct holding_end e;
	struct takeback *t;

	if (check_revoke(call, shared, cap, of) < 0)
		return 0;
	if (takeback_begin(call, shared, (enum force)asked->force, revoked, &t) < 0)
		return call_refuse_memory(call);
	note(registry,
	     "shared.revoked shared=%llu cap=%llu process=%llu force=%u pid=%d uid=%u",
	     (unsigned long long)asked->shared, (unsigned long long)asked->cap,
	     (unsigned long long)asked->process, asked->force, call->client->identity.pid,
	     call->client->identity.uid);
	/* For whom this is done is the region's user, whoever asks. */
	t->uid = shared->payer->uid;
	/* Others may have had the memory than are known of. */
	t->thorough = true;
	t->blind = shared->lost && !cap && !of;
	holding_end_init(&e, registry, t);
	if (cap) {
		t->count = cap_revoke_by_policy(cap, &e.end);
	} else {
		t->count = end_caps(shared, of, &e.end);
		end_mappings(registry, t, of);
		kept_suspects(registry, t, of);
	}
	t->subject = count_all(t);
	takeback_go(registry, t);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "registry/holding.h"

#include <errno.h>

#include "registry/cap_tree.h"
#include "registry/mapping.h"
#include "registry/move.h"
#include "registry/news.h"
#include "registry/snapshot.h"
#include "registry/takeback.h"

/* ---- what ends with a capability -------------------------------------------------------- */

void holding_unqueue(struct cap *cap)
{
	if (!cap->user.queued)
		return;
	TAILQ_REMOVE(&client_of_table(cap->holder)->offers, cap, user.of_offers);
	cap->user.queued = false;
}

/* What was mapped under it, or is known to have been. */
static void end_access(const struct holding_end *e, const struct cap *cap)
{
	struct client *client = client_of_table(cap->holder);
	struct mapping *mapping = shared_mapping_of(shared_of_cap(cap), client);

	if (mapping && mapping->cap == cap) {
		mapping->cap = NULL;
		if (!mapping->takeback && e->takeback)
			takeback_add(e->registry, e->takeback, mapping);
		else if (!mapping->takeback)
			mapping_revoke(e->registry, mapping, NULL);
	}
	if (cap->user.used && e->takeback)
		takeback_suspect(e->takeback, client, cap->user.snapshot);
}

static void tell(const struct holding_end *e, const struct cap *cap)
{
	struct client *owner = shared_of_cap(cap)->owner;

	if (cap->holder && cap->state == CAP_REVOKED)
		news_of(e->registry, client_of_table(cap->holder), NEWS_NOTICES);
	if (owner && cap->reason == CAP_PROCESS_EXIT)
		news_of(e->registry, owner, NEWS_NOTICES);
}

static void ended(void *arg, struct cap *cap)
{
	const struct holding_end *e = arg;
	struct snapshot *snapshot = cap->user.snapshot;
	struct shared *shared = shared_of_cap(cap);

	holding_unqueue(cap);
	if (cap->mode == CAP_MOVE && cap->was == CAP_OFFERED)
		move_ended(e->registry, cap);
	if (cap->holder)
		end_access(e, cap);
	if (snapshot) {
		snapshot->cap = NULL;
		snapshot_reap(e->registry, snapshot);
	}
	tell(e, cap);
	if (e->concerned && !shared->is_concerned) {
		shared->is_concerned = true;
		LIST_INSERT_HEAD(e->concerned, shared, of_concerned);
	}
}

void holding_end_init(struct holding_end *ret, struct registry *registry,
		      struct takeback *takeback)
{
	*ret = (struct holding_end){
		.end = { .seconds = registry->ports.seconds(registry->ports.body),
			 .ended = ended },
		.registry = registry,
		.takeback = takeback,
	};
	ret->end.arg = ret;
}

void holding_end_all(struct registry *registry, struct shared *shared)
{
	struct holding_end e;

	holding_end_init(&e, registry, NULL);
	cap_object_end(&shared->caps, CAP_EXPLICIT, &e.end);
}

void holding_client_left(struct registry *registry, struct client *client)
{
	struct shared_list concerned = LIST_HEAD_INITIALIZER(concerned);
	struct shared *shared;
	struct holding_end e;

	move_client_left(client);
	holding_end_init(&e, registry, NULL);
	e.concerned = &concerned;
	cap_table_end(&client->caps, &e.end);
	/* Orphans that were kept by an offer to it, but however many there are of others. */
	while ((shared = LIST_FIRST(&concerned))) {
		LIST_REMOVE(shared, of_concerned);
		shared->is_concerned = false;
		shared_reap(registry, shared);
	}
	shared_owner_left(registry, client);
}

void holding_suspects(struct takeback *t, const struct shared *shared, const struct client *but)
{
	struct cap *cap = shared->caps.root;

	for (; cap; cap = cap_below(cap, shared->caps.root)) {
		const struct client *holder = client_of_table(cap->holder);

		if (cap->user.used && holder && holder != but)
			takeback_suspect(t, holder, cap->user.snapshot);
	}
}

/* ---- what begins ------------------------------------------------------------------------ */

void holding_tell(struct registry *registry, struct cap *cap)
{
	struct client *target = client_of_table(cap->holder);

	if (cap->state != CAP_OFFERED || cap->user.grant)
		return;
	cap->user.queued = true;
	TAILQ_INSERT_TAIL(&target->offers, cap, user.of_offers);
	news_of(registry, target, NEWS_OFFERS);
}

void holding_made(const struct call *call, struct cap *cap)
{
	const struct client *target = client_of_table(cap->holder);

	cap->user.from = call->client->named.key;
	note(call->registry,
	     "cap.made shared=%llu cap=%llu rights=%u mode=%d from=%llu to=%llu",
	     (unsigned long long)cap->object->id, (unsigned long long)cap_unpack(cap->token).id,
	     cap->rights, (int)cap->mode, (unsigned long long)call->client->named.key,
	     (unsigned long long)target->named.key);
	holding_tell(call->registry, cap);
}

void holding_take(struct cap *cap)
{
	holding_unqueue(cap);
	(void)cap_redeem(cap->holder, cap->token, &cap);
	cap->user.grant = false;
}

static bool may_withdraw(const struct call *call, const struct cap *cap)
{
	struct cap *revocable = NULL;

	return cap->user.from == call->client->named.key ||
	       (cap_revocable(&call->client->caps, cap->token, &revocable) == 0 && revocable);
}

bool holding_withdraw(const struct call *call, struct shared *shared, struct client *holder)
{
	struct holding_end e;
	struct cap *cap, *next;
	bool any = false;

	holding_end_init(&e, call->registry, NULL);
	LIST_FOREACH_SAFE(cap, &holder->caps.caps, of_table, next)
	{
		if (cap->object != &shared->caps || !cap->user.grant ||
		    !may_withdraw(call, cap))
			continue;
		/* Nothing is below what nobody has taken. */
		(void)cap_withdraw(cap, &e.end);
		any = true;
	}
	return any;
}

/* ---- words ------------------------------------------------------------------------------ */

int holding_refuse(const struct call *call, int error)
{
	const char *rule = "the broker is out of memory; give something up first";

	switch (error) {
	case -EBADF:
		rule = "the token is none of the caller's, or stands for nothing any more";
		break;
	case -EACCES:
		rule = "the caller has not the right to that, or less than it asks for";
		break;
	case -EINVAL:
		rule = "that makes no sense: no rights, unknown ones, or a gift to oneself";
		break;
	case -ESRCH:
		rule = "there is no such process";
		break;
	case -EBUSY:
		rule = "the region is changing its owner or its memory; try again";
		break;
	case -EDQUOT:
		rule = "the process has as many capabilities as it may, or as many offers of "
		       "this user's as it takes; let it delete or take some";
		break;
	default:
		break;
	}
	return call_refuse(call, -error, "%s", rule);
}

int holding_answer(const struct call *call, const struct cap *cap)
{
	const struct ports *ports = &call->registry->ports;
	const struct shared *shared = shared_of_cap(cap);
	struct message answer = { .number = MSG_cap_known };

	answer.cap_known = (struct msg_cap_known){
		.token = cap->token,
		.shared = shared->named.key,
		.rights = cap->rights,
		.state = cap->state,
		.mode = cap->mode,
		.size = shared->region->size,
		.align = ports->object_page(ports->body, shared->region->object),
		.inherit = cap->inherit,
	};
	/* Who took a Move has the root. */
	if (!cap->parent)
		answer.cap_known.mode = CAP_SHARE;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

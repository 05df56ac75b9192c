/* SPDX-License-Identifier: MIT */
/*
 * inspect_shared.c - rows for tools: shared regions, who has them mapped, and who may what
 *
 * A region is shown to its owner's user, to the broker's and root, and to who has to do with
 * it.
 */
#include <errno.h>

#include "base/clock.h"
#include "registry/cap_tree.h"
#include "registry/holding.h"
#include "registry/shared.h"

static bool sees(const struct call *call, const struct shared *shared)
{
	uint32_t uid = call->client->identity.uid;

	return uid == 0 || uid == call->registry->config.broker_uid ||
	       uid == shared->payer->uid || shared_concerns(shared, call->client);
}

/* Not logged: every walk ends so. */
static int answer_end(const struct call *call)
{
	struct message answer = { .number = MSG_refused };

	answer.refused.error = ENOENT;
	answer.refused.rule = wire_text_of("there is nothing after this one");
	return call_answer(call, &answer, ATTACH_NOTHING);
}

int next_shared(const struct call *call)
{
	const struct ports *ports = &call->registry->ports;
	struct message answer = { .number = MSG_shared_row };
	struct named *at =
		names_after(&call->registry->shareds, call->message->next_shared.after);
	const struct shared *shared;

	while (at && !sees(call, shared_of(at)))
		at = names_after(&call->registry->shareds, at->key);
	if (!at)
		return answer_end(call);
	shared = shared_of(at);
	answer.shared_row = (struct msg_shared_row){
		.key = at->key,
		.size = shared->region->size,
		.owner = shared->owner ? shared->owner->named.key : 0,
		.pid = shared->owner ? (uint32_t)shared->owner->identity.pid : 0,
		.uid = shared->payer->uid,
		.ceiling = shared->ceiling,
		.state = shared_state(shared),
		.mapped = shared->mapped,
		.pending = shared->caps.offers,
		.caps = shared->caps.live,
		.node = shared->node,
		.flags = shared->flags,
		.backing = shared->backing,
		.resident = ports->object_resident(ports->body, shared->region->object),
		.age_ms = (registry_now(call->registry) - shared->since) / NS_PER_MS,
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* NULL: there is none, or it is none of the caller's business. */
static const struct shared *find_seen(const struct call *call, uint64_t number)
{
	const struct shared *shared = shared_find(call->registry, number);

	return shared && sees(call, shared) ? shared : NULL;
}

int next_mapping(const struct call *call)
{
	const struct msg_next_mapping *asked = &call->message->next_mapping;
	const struct shared *shared = find_seen(call, asked->shared);
	struct message answer = { .number = MSG_mapping_row };
	const struct mapping *mapping =
		shared ? shared_mapping_after(shared, asked->after) : NULL;
	const struct client *client;

	if (!mapping)
		return answer_end(call);
	client = mapping->import->client;
	answer.mapping_row = (struct msg_mapping_row){
		.process = client->named.key,
		.pid = (uint32_t)client->identity.pid,
		.uid = client->identity.uid,
		.permission = mapping->permission,
		.private = mapping->private,
		.address = shared->owner == call->client ? mapping->address : 0,
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

static uint64_t id_of(const struct cap *cap)
{
	return cap ? cap_unpack(cap->token).id : 0;
}

int next_cap(const struct call *call)
{
	const struct msg_next_cap *asked = &call->message->next_cap;
	const struct shared *shared = find_seen(call, asked->shared);
	struct cap *cap = shared ? shared->caps.root : NULL;
	struct message answer = { .number = MSG_cap_row };
	const struct cap *next = NULL;
	const struct client *holder;

	for (; cap; cap = cap_below(cap, shared->caps.root))
		if (id_of(cap) > asked->after && (!next || id_of(cap) < id_of(next)))
			next = cap;
	if (!next)
		return answer_end(call);
	holder = client_of_table(next->holder);
	answer.cap_row = (struct msg_cap_row){
		.id = id_of(next),
		.parent = id_of(next->parent),
		.holder = holder ? holder->named.key : 0,
		.rights = next->rights,
		.state = next->state,
		.mode = next->parent ? next->mode : CAP_SHARE,
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

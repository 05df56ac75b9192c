/* SPDX-License-Identifier: MIT */
/*
 * inspect_shared.c - rows for tools: shared regions, who has them mapped, and who may what
 *
 * A region is shown to its owner's user, to the broker's and root, and to who has to do with
 * it.
 */
#include <errno.h>

#include "registry/cap_tree.h"
#include "registry/holding.h"
#include "registry/inspect.h"
#include "registry/kept.h"

static bool is_seen(const struct call *call, const struct shared *shared)
{
	return inspect_sees(call, shared->payer->uid) || shared_concerns(shared, call->client);
}

int next_shared(const struct call *call)
{
	const struct ports *ports = &call->registry->ports;
	struct message answer = { .number = MSG_shared_row };
	struct named *at =
		names_after(&call->registry->shareds, call->message->next_shared.after);
	const struct shared *shared;

	while (at && !is_seen(call, shared_of(at)))
		at = names_after(&call->registry->shareds, at->key);
	if (!at)
		return inspect_end(call);
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
		.cache = shared->cache,
		.align = ports->object_page(ports->body, shared->region->object),
		.backing = shared->backing,
		.force = shared->reached,
		.kept = kept_count(call->registry, shared),
		.resident = ports->object_resident(ports->body, shared->region->object),
		.age_ms = inspect_age(call, shared->since),
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

struct shared *inspect_shared(const struct call *call, uint64_t number)
{
	struct shared *shared = shared_find(call->registry, number);

	return shared && is_seen(call, shared) ? shared : NULL;
}

static uint64_t id_of(const struct cap *cap)
{
	return cap ? cap_unpack(cap->token).id : 0;
}

/* Addresses are told to who could look for himself. */
static bool knows_address(const struct call *call, const struct mapping *mapping)
{
	return call->client == mapping->shared->owner ||
	       inspect_sees(call, mapping->import->client->identity.uid);
}

int next_mapping(const struct call *call)
{
	const struct msg_next_mapping *asked = &call->message->next_mapping;
	const struct shared *shared = inspect_shared(call, asked->shared);
	struct message answer = { .number = MSG_mapping_row };
	const struct mapping *mapping =
		shared ? shared_mapping_after(shared, asked->after) : NULL;
	const struct client *client;

	if (!mapping)
		return inspect_end(call);
	client = mapping->import->client;
	answer.mapping_row = (struct msg_mapping_row){
		.process = client->named.key,
		.pid = (uint32_t)client->identity.pid,
		.uid = client->identity.uid,
		.permission = mapping->permission,
		.private = mapping->private,
		.cap = id_of(mapping->cap),
		.address = knows_address(call, mapping) ? mapping->address : 0,
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

int next_cap(const struct call *call)
{
	const struct msg_next_cap *asked = &call->message->next_cap;
	const struct shared *shared = inspect_shared(call, asked->shared);
	struct cap *cap = shared ? shared->caps.root : NULL;
	struct message answer = { .number = MSG_cap_row };
	const struct cap *next = NULL;
	const struct client *holder;

	for (; cap; cap = cap_below(cap, shared->caps.root))
		if (id_of(cap) > asked->after && (!next || id_of(cap) < id_of(next)))
			next = cap;
	if (!next)
		return inspect_end(call);
	holder = client_of_table(next->holder);
	answer.cap_row = (struct msg_cap_row){
		.id = id_of(next),
		.parent = id_of(next->parent),
		.holder = holder ? holder->named.key : 0,
		.pid = holder ? (uint32_t)holder->identity.pid : 0,
		.uid = holder ? holder->identity.uid : 0,
		.rights = next->rights,
		.state = next->state,
		.mode = next->parent ? next->mode : CAP_SHARE,
		.grant = next->user.grant,
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* SPDX-License-Identifier: MIT */
/*
 * inspect.c - rows for tools
 */
#include "registry/inspect.h"

#include <errno.h>

#include "base/clock.h"
#include "registry/shared.h"

bool inspect_sees(const struct call *call, uint32_t uid)
{
	uint32_t caller = call->client->identity.uid;

	return caller == 0 || caller == call->registry->config.broker_uid || caller == uid;
}

uint64_t inspect_age(const struct call *call, uint64_t since)
{
	return (registry_now(call->registry) - since) / NS_PER_MS;
}

int inspect_end(const struct call *call)
{
	struct message answer = { .number = MSG_refused };

	answer.refused.error = ENOENT;
	answer.refused.rule = wire_text_of("there is nothing after this one");
	return call_answer(call, &answer, ATTACH_NOTHING);
}

static bool sees(const struct call *call, const struct client *owner)
{
	return inspect_sees(call, owner->identity.uid);
}

static bool is_exposed(const struct segment *segment)
{
	return segment->reached ||
	       (segment->governed ? segment->exposed : segment->region->exposed);
}

int next_segment(const struct call *call)
{
	struct message answer = { .number = MSG_segment_row };
	struct named *at =
		names_after(&call->registry->segments, call->message->next_segment.after);
	const struct segment *segment;

	while (at && (segment_is_window(call->registry, segment_of(at)) ||
		      !sees(call, segment_of(at)->client)))
		at = names_after(&call->registry->segments, at->key);
	if (!at)
		return inspect_end(call);
	segment = segment_of(at);
	answer.segment_row = (struct msg_segment_row){
		.key = at->key,
		.node = call->registry->config.node,
		.id = segment->id,
		.size = segment->size,
		.exporter = segment->client->named.key,
		.pid = (uint32_t)segment->client->identity.pid,
		.uid = segment->client->identity.uid,
		.gid = segment->client->identity.gid,
		.mode = segment->access.count ? segment->access.entry[0].mode : segment->mode,
		.access = segment->access.count,
		.imports = segment->live_count,
		.backing = segment->region && segment->region->sysv ? 2 : 1,
		.rebinds = segment->rebinds,
		.exposed = is_exposed(segment),
		.age_ms = inspect_age(call, segment->since),
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* Imports that were taken back connect nothing, so they have no row. */
int next_import(const struct call *call)
{
	struct message answer = { .number = MSG_import_row };
	struct named *at =
		names_after(&call->registry->imports, call->message->next_import.after);
	const struct import *import;
	bool guest;

	while (at && (!import_is_live(import_of(at)) || import_of(at)->mapping ||
		      !sees(call, import_of(at)->client)))
		at = names_after(&call->registry->imports, at->key);
	if (!at)
		return inspect_end(call);
	import = import_of(at);
	guest = import->client->remote != NULL;
	answer.import_row = (struct msg_import_row){
		.key = at->key,
		/* That of another node's is known there. */
		.segment = import->segment ? import->segment->named.key : 0,
		.importer = import->client->named.key,
		.pid = (uint32_t)import->client->identity.pid,
		.uid = guest ? import->window.uid : import->client->identity.uid,
		.gid = guest ? import->window.gid : import->client->identity.gid,
		.rights = import->rights,
		.age_ms = inspect_age(call, import->since),
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

static uint64_t bytes_of(const struct client *client)
{
	const struct region *region;
	uint64_t bytes = 0;

	LIST_FOREACH (region, &client->regions, of_client)
		bytes += region->size;
	return bytes;
}

static const struct client *client_of(struct named *named)
{
	return container_of(named, struct client, named);
}

int next_client(const struct call *call)
{
	struct message answer = { .number = MSG_client_row };
	struct named *at =
		names_after(&call->registry->clients, call->message->next_client.after);
	const struct client *client;

	/* A guest is no process. */
	while (at && (client_of(at)->remote || !sees(call, client_of(at))))
		at = names_after(&call->registry->clients, at->key);
	if (!at)
		return inspect_end(call);
	client = client_of(at);
	answer.client_row = (struct msg_client_row){
		.key = at->key,
		.pid = (uint32_t)client->identity.pid,
		.uid = client->identity.uid,
		.gid = client->identity.gid,
		.regions = client->region_count,
		.segments = client->segment_count,
		.imports = client->live_count,
		.bytes = bytes_of(client),
		.age_ms = inspect_age(call, client->since),
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* SPDX-License-Identifier: MIT */
#include "registry/map.h"

#include <errno.h>
#include <stdlib.h>

#include "registry/access.h"
#include "registry/state.h"

/* Who may change a map that was offered without a list: its user's processes. */
#define OWN_USER 0200u

static struct map *map_of(struct named *named)
{
	return named ? container_of(named, struct map, named) : NULL;
}

struct map *map_find(const struct registry *registry, uint64_t id)
{
	return map_of(names_find(&registry->maps, id));
}

void map_end(struct registry *registry, struct client *client)
{
	struct map *map = client->map;

	if (!map)
		return;
	client->map = NULL;
	names_remove(&registry->maps, &map->named);
	note(registry, "map.withdrawn map=%llu pid=%d uid=%u",
	     (unsigned long long)map->named.key, client->identity.pid, client->identity.uid);
	free(map);
}

/* ---- its owner's ------------------------------------------------------------------------ */

static struct map *map_make(const struct call *call)
{
	struct registry *registry = call->registry;
	struct map *map = registry_alloc(sizeof(*map));

	if (!map)
		return NULL;
	map->client = call->client;
	map->named.id = registry_draw(registry, &registry->maps);
	map->named.key = registry_new_key(registry);
	names_add(&registry->maps, &map->named);
	call->client->map = map;
	return map;
}

/* Once more: with another list, and who has it still has it. */
int map_offer(const struct call *call)
{
	const struct wire_access *access = &call->message->map_offer.access;
	struct map *map = call->client->map;
	const char *rule = "";

	if (access_check(access, call->registry->config.node, true, &rule) < 0)
		return call_refuse(call, EINVAL, "%s", rule);
	if (!map)
		map = map_make(call);
	if (!map)
		return call_refuse_memory(call);
	map->access = *access;
	note(call->registry, "map.offered map=%llu access=%u pid=%d uid=%u",
	     (unsigned long long)map->named.key, access->count, call->client->identity.pid,
	     call->client->identity.uid);
	return call_done(call);
}

int map_withdraw(const struct call *call)
{
	if (!call->client->map)
		return call_refuse(call, ENOENT, "the map was not handed out");
	map_end(call->registry, call->client);
	return call_done(call);
}

/* ---- others' ---------------------------------------------------------------------------- */

bool map_allows(const struct call *call, const struct map *map)
{
	const struct registry_identity *owner = &map->client->identity;
	const struct access_question question = {
		.access = &map->access,
		.default_mode = OWN_USER,
		.uid = owner->uid,
		.gid = owner->gid,
		.node = call->registry->config.node,
		.importer = &call->client->identity,
		.rights = TRACT_RIGHT_WRITE,
	};

	return access_decide(&question) == 0;
}

/* A process may have several connections; one that offers is the one that is meant. */
static const struct client *find_process(const struct registry *registry, uint32_t pid)
{
	const struct client *client, *found = NULL;
	struct named *at = NULL;

	while ((at = names_after(&registry->clients, at ? at->key : 0))) {
		client = container_of(at, struct client, named);
		if (client->identity.pid <= 0 || (uint32_t)client->identity.pid != pid ||
		    client->leaving)
			continue;
		if (client->map)
			return client;
		found = client;
	}
	return found;
}

int map_get(const struct call *call)
{
	const struct client *client = find_process(call->registry, call->message->map_get.pid);
	struct message answer = { .number = MSG_map_got };

	if (!client)
		return call_refuse(call, ENOENT, "no process with that number is attached");
	if (!client->map || !map_allows(call, client->map))
		return call_refuse(call, EPERM,
				   "the process has not handed its map out to this user; let "
				   "it do so");
	answer.map_got.map = client->map->named.id;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

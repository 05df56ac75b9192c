/* SPDX-License-Identifier: MIT */
#include "registry/kept.h"

#include <stdlib.h>

#include "registry/import.h"

static void drop(struct suspect *suspect)
{
	LIST_REMOVE(suspect, link);
	free(suspect);
}

static struct suspect *find(const struct suspects *suspects, uint64_t client)
{
	struct suspect *suspect;

	LIST_FOREACH (suspect, suspects, link)
		if (suspect->client == client && !suspect->snapshot)
			return suspect;
	return NULL;
}

void kept_forget(struct shared *shared)
{
	while (!LIST_EMPTY(&shared->kept))
		drop(LIST_FIRST(&shared->kept));
}

void kept_add(struct shared *shared, const struct client *client)
{
	struct suspect *suspect;

	if (find(&shared->kept, client->named.id))
		return;
	suspect = registry_alloc(sizeof(*suspect));
	if (!suspect)
		return;
	suspect->client = client->named.id;
	LIST_INSERT_HEAD(&shared->kept, suspect, link);
}

static void forget_ended(const struct registry *registry, struct shared *shared)
{
	struct suspect *suspect, *next;

	LIST_FOREACH_SAFE(suspect, &shared->kept, link, next)
	{
		if (!client_find(registry, suspect->client))
			drop(suspect);
	}
}

/* The memory of a snapshot is emptied when that ends. */
static void keep_suspects(const struct registry *registry, struct takeback *t)
{
	struct suspect *suspect, *next;

	LIST_FOREACH_SAFE(suspect, &t->suspects, link, next)
	{
		if (suspect->snapshot || !client_find(registry, suspect->client) ||
		    find(&t->shared->kept, suspect->client))
			continue;
		LIST_REMOVE(suspect, link);
		LIST_INSERT_HEAD(&t->shared->kept, suspect, link);
	}
}

/* What it imported once it has not any more. */
static void clear_records(const struct registry *registry, const struct shared *shared,
			  uint64_t client)
{
	const struct client *cleared = client_find(registry, client);
	struct import *import;

	if (!cleared)
		return;
	LIST_FOREACH (import, &cleared->imports, of_client)
		if (!import_is_live(import) && import->object == shared->region->object)
			import->object = 0;
}

static void acquit_suspects(const struct registry *registry, struct takeback *t)
{
	struct suspect *suspect, *next;

	LIST_FOREACH_SAFE(suspect, &t->shared->kept, link, next)
	{
		if (!find(&t->suspects, suspect->client))
			continue;
		clear_records(registry, t->shared, suspect->client);
		drop(suspect);
	}
}

/* ---- who is no client any more ---------------------------------------------------------- */

static bool gives_away(const struct shared *shared)
{
	return shared->caps.moving && shared->region->exposed;
}

bool kept_could_have(const struct client *client)
{
	const struct import *import;
	const struct shared *shared;

	/* One that was taken back is there until its process says that it has let go. */
	LIST_FOREACH (import, &client->imports, of_client)
		if (import->segment && import->segment->shared)
			return true;
	LIST_FOREACH (shared, &client->shareds, of_owner)
		if (gives_away(shared))
			return true;
	return false;
}

/* Nobody asked for it. */
static void say_nothing(struct registry *registry, struct takeback *t)
{
	(void)registry;
	(void)t;
}

/* As if it had been revoked, with the strength that is usual.  Without memory for that it is
 * remembered, like one that failed. */
static void take_back(struct registry *registry, struct client *client, struct mapping *mapping)
{
	const struct message nothing = { .serial = 0 };
	const struct call call = { registry, client, &nothing };
	struct shared *shared = mapping->shared;
	struct takeback *t;

	if (takeback_begin(&call, shared, FORCE_BY_USER, say_nothing, &t) < 0) {
		import_end(registry, mapping->import);
		return;
	}
	/* It goes on without its asker. */
	(void)round_cancel(registry, t->round);
	t->uid = shared->payer->uid;
	takeback_add(registry, t, mapping);
	takeback_go(registry, t);
}

void kept_client_lost(struct registry *registry, struct client *client)
{
	struct import *import = LIST_FIRST(&client->imports);
	struct shared *shared;

	LIST_FOREACH (shared, &client->shareds, of_owner)
		shared->lost |= gives_away(shared);
	while (import) {
		struct mapping *mapping = import->mapping;

		shared = import->segment ? import->segment->shared : NULL;
		import = LIST_NEXT(import, of_client);
		if (!shared)
			continue;
		shared->lost = true;
		note(registry, "shared.lost shared=%llu pid=%d uid=%u",
		     (unsigned long long)shared->named.key, client->identity.pid,
		     client->identity.uid);
		if (mapping && !mapping->takeback && client->identity.uid != shared->payer->uid)
			take_back(registry, client, mapping);
	}
}

void kept_settle(struct registry *registry, struct takeback *t)
{
	forget_ended(registry, t->shared);
	if (t->snaps)
		return;
	/* What its suspects have is empty.  Who was cut off since has what is not. */
	if (t->moved && !t->stuck)
		return;
	if (t->error)
		keep_suspects(registry, t);
	else if (t->force == FORCE_VERIFY || t->force == FORCE_KILL)
		acquit_suspects(registry, t);
}

void kept_suspects(struct registry *registry, struct takeback *t, const struct client *of)
{
	const struct suspect *suspect;

	LIST_FOREACH (suspect, &t->shared->kept, link) {
		const struct client *client = client_find(registry, suspect->client);

		if (client && (of ? client == of : client != t->shared->owner))
			takeback_suspect(t, client, NULL);
	}
}

uint32_t kept_count(const struct registry *registry, const struct shared *shared)
{
	const struct suspect *suspect;
	uint32_t count = 0;

	LIST_FOREACH (suspect, &shared->kept, link)
		count += client_find(registry, suspect->client) != NULL;
	return count;
}

/* SPDX-License-Identifier: MIT */
/*
 * check_shared.c - is every invariant of shared regions true?
 *
 * Those with a number are the promises of the interface, under the numbers that they have
 * there; V-4, V-5 and part of V-3 and V-6 are checked with the capabilities (cap_check.c).
 */
#include "base/bytes.h"
#include "registry/holding.h"
#include "registry/invariants.h"
#include "registry/mapping.h"
#include "registry/move.h"
#include "registry/snapshot.h"
#include "registry/takeback.h"

/* ---- mappings --------------------------------------------------------------------------- */

/* What the mapping was made under allows it. */
static const char *check_authority(const struct shared *shared, const struct mapping *mapping)
{
	const struct cap *cap = mapping->cap;
	uint32_t rights = mapping->permission;

	if (mapping->private)
		rights &= ~(uint32_t)PERMIT_WRITE;
	EXPECT_THAT(!(rights & ~shared->ceiling), "V-3: no mapping goes beyond the ceiling");
	if (!cap)
		return NULL;
	EXPECT_THAT(cap->object == &shared->caps && cap->state == CAP_HELD &&
			    cap->holder == &mapping->import->client->caps,
		    "V-3: a mapping's capability is held by who has the mapping");
	EXPECT_THAT(!((rights | CAP_MAP) & ~cap->rights),
		    "V-3: a mapping has no more than its capability");
	EXPECT_THAT(cap->user.used, "who was given memory is known");
	return NULL;
}

static const char *check_mapping(const struct registry *registry, const struct shared *shared,
				 const struct import *import)
{
	const struct mapping *mapping = import->mapping;

	EXPECT_THAT(import_is_live(import) == (mapping != NULL),
		    "what is mapped is live, and what was taken back is not mapped");
	EXPECT_THAT(!import->missed || shared->takeback, "who is late is seen to");
	if (!mapping)
		return NULL;
	EXPECT_THAT(mapping->import == import && mapping->shared == shared,
		    "a mapping knows its import and its region");
	EXPECT_THAT(shared_mapping_of(shared, import->client) == mapping,
		    "V-7: a process has one mapping of a region");
	EXPECT_THAT(is_client(registry, import->client) && !import->client->leaving,
		    "V-8: what is mapped is mapped by somebody who lives");
	EXPECT_THAT(!mapping->takeback || mapping->takeback->shared == shared,
		    "a mapping is taken back with its region");
	EXPECT_THAT((mapping->permission & PERMIT_WRITE && !mapping->private) ==
			    ((import->rights & TRACT_RIGHT_WRITE) != 0),
		    "who may not write has not what can be written");
	EXPECT_THAT(import->segment ==
			    (mapping->snapshot ? mapping->snapshot->window : shared->window),
		    "a mapping shows what it is of");
	return check_authority(shared, mapping);
}

static const char *check_window(const struct registry *registry, const struct shared *shared,
				const struct segment *window, uint32_t *mapped)
{
	const struct import *import;
	const char *broken;

	EXPECT_THAT(window->region->client == registry->custodian &&
			    segment_is_window(registry, window),
		    "a shared region is the custodian's");
	EXPECT_THAT(window->size == window->region->size &&
			    window->size == shared->region->size &&
			    is_multiple(window->size, registry->config.page_size),
		    "V-9: a region keeps its size");
	LIST_FOREACH (import, &window->imports, of_segment) {
		*mapped += import->mapping != NULL;
		broken = check_mapping(registry, shared, import);
		if (broken)
			return broken;
		EXPECT_THAT(!import->fenced || import->object != window->region->object,
			    "V-10: who was fenced off has not what others have now");
	}
	return NULL;
}

/* ---- exports ---------------------------------------------------------------------------- */

static const char *check_export(const struct shared *shared, const struct mapping *mapping,
				const struct segment *segment)
{
	const struct import *import;

	EXPECT_THAT(segment->stand == mapping && segment->governed &&
			    segment->client == mapping->import->client,
		    "an export stands on a mapping of its exporter's");
	EXPECT_THAT(segment->region == shared->region && !mapping->snapshot,
		    "an export shows what its mapping does");
	EXPECT_THAT(shared->owner == segment->client ||
			    (mapping->cap && mapping->cap->rights & CAP_GRANT),
		    "V-3: who exports may give");
	EXPECT_THAT(!mapping->private || shared->frozen,
		    "V-11: what is private is not exported");
	LIST_FOREACH (import, &segment->imports, of_segment) {
		if (!import_has_memory(import))
			continue;
		EXPECT_THAT(!(import->rights & ~mapping->import->rights),
			    "V-3: an importer has no more than its exporter");
		EXPECT_THAT(segment->exposed || import->owed == NOTICE_MOVED ||
				    import->client->remote,
			    "who gave memory out knows");
	}
	return NULL;
}

static const char *check_exports(const struct shared *shared)
{
	const struct mapping *mapping = shared_mapping_after(shared, 0);
	const struct segment *segment;
	uint32_t standing = 0;
	const char *broken;

	for (; mapping;
	     mapping = shared_mapping_after(shared, mapping->import->client->named.key))
		LIST_FOREACH (segment, &mapping->exports, of_stand) {
			broken = check_export(shared, mapping, segment);
			if (broken)
				return broken;
			standing++;
		}
	LIST_FOREACH (segment, &shared->region->segments, of_region)
		standing -= segment != shared->window;
	EXPECT_THAT(standing == 0, "what is on a shared region stands on a mapping");
	EXPECT_THAT(!shared->leaks, "who was cut off is seen to before anybody is heard");
	return NULL;
}

static bool is_known_to_keep(const struct shared *shared, const struct client *client)
{
	const struct suspect *suspect;

	LIST_FOREACH (suspect, &shared->kept, link)
		if (suspect->client == client->named.id)
			return true;
	return false;
}

/* Whose object it has, as far as it was an importer's and nobody's mapping. */
static const char *check_severed(const struct registry *registry, const struct import *import)
{
	const struct shared *shared;
	struct named *at = NULL;

	if (import_is_live(import) || import->object == 0 ||
	    (import->segment && !import->segment->governed))
		return NULL;
	/* Until its node has heard. */
	if (import->client->remote) {
		EXPECT_THAT(import_has_window(import),
			    "V-10: other nodes' processes keep nothing that was taken back");
		return NULL;
	}
	while ((at = names_after(&registry->shareds, at ? at->key : 0))) {
		shared = shared_of(at);
		EXPECT_THAT(shared->region->object != import->object || shared->takeback ||
				    shared->frozen || is_known_to_keep(shared, import->client),
			    "V-10: who was cut off has not what others have now");
	}
	return NULL;
}

static const char *check_all_severed(const struct registry *registry)
{
	const char *broken = NULL;
	struct named *at = NULL;

	while (!broken && (at = names_after(&registry->imports, at ? at->key : 0)))
		broken = check_severed(registry, import_of(at));
	return broken;
}

/* ---- places ----------------------------------------------------------------------------- */

/* In one process, each ends before the next begins. */
static const char *check_places(const struct client *client)
{
	const struct mapping *mapping = places_after(client, NULL);
	uint64_t end = 0;
	uint32_t count = 0;

	for (; mapping; mapping = places_after(client, mapping)) {
		EXPECT_THAT(mapping->address >= end, "V-13: mappings do not overlap");
		EXPECT_THAT(add_fits(mapping->address, mapping->shared->region->size, &end),
			    "V-13: mappings do not overlap");
		EXPECT_THAT(mapping->import->client == client, "a process's place is its own");
		count++;
	}
	EXPECT_THAT(count == client->place_count, "V-13: every mapping has a place");
	return NULL;
}

/* ---- regions ---------------------------------------------------------------------------- */

static const char *check_owner(const struct registry *registry, const struct shared *shared)
{
	const struct client *owner = shared->owner;

	EXPECT_THAT(!owner || (is_client(registry, owner) && owner != registry->custodian),
		    "V-1: a region's owner lives");
	EXPECT_THAT(client_of_table(shared->caps.root->holder) == owner,
		    "V-1: the owner has the root, and an orphan's nobody");
	EXPECT_THAT(owner || shared->mapped > 0 || shared->caps.offers > 0 || shared->takeback,
		    "V-1: what nobody owns somebody uses");
	EXPECT_THAT(!owner || owner->user == shared->payer, "who owns a region pays for it");
	EXPECT_THAT(shared->region->payer == shared->payer, "one user pays for a region");
	return NULL;
}

static const char *check_snapshots(const struct registry *registry, const struct shared *shared,
				   uint32_t *mapped)
{
	const struct snapshot *snapshot;
	const struct import *import;
	const char *broken;

	LIST_FOREACH (snapshot, &shared->snapshots, of_shared) {
		uint32_t own = 0;

		broken = check_window(registry, shared, snapshot->window, &own);
		if (broken)
			return broken;
		EXPECT_THAT(own == snapshot->mapped, "V-2: mappings are counted");
		*mapped += own;
		EXPECT_THAT(snapshot->shared == shared, "a snapshot knows its region");
		EXPECT_THAT(snapshot->making || snapshot->cap || snapshot->mapped > 0 ||
				    snapshot->suspects > 0,
			    "a snapshot is used");
		EXPECT_THAT(!snapshot->cap || snapshot->cap->user.snapshot == snapshot,
			    "a snapshot knows its capability");
		EXPECT_THAT(snapshot->region->object != shared->region->object,
			    "V-11: a snapshot is nobody's but its holder's");
		LIST_FOREACH (import, &snapshot->window->imports, of_segment)
			EXPECT_THAT(!(import->rights & TRACT_RIGHT_WRITE) &&
					    (!import->mapping || import->mapping->private),
				    "V-11: nobody writes to a snapshot");
	}
	return NULL;
}

static const char *check_frozen(const struct shared *shared)
{
	const struct segment *segment;
	const struct import *import;

	LIST_FOREACH (segment, &shared->region->segments, of_region)
		LIST_FOREACH (import, &segment->imports, of_segment)
			EXPECT_THAT(!import_is_live(import) ||
					    !(import->rights & TRACT_RIGHT_WRITE),
				    "V-11: nobody writes to what is frozen");
	EXPECT_THAT(!(shared->caps.ceiling & CAP_WRITE),
		    "V-11: nobody may write to what is frozen");
	return NULL;
}

static const char *check_truth(const struct registry *registry, const struct shared *shared)
{
	const struct ports *ports = &registry->ports;
	const struct region *region = shared->region;

	EXPECT_THAT(ports->cache_check(ports->body, shared->cache) == 0,
		    "V-12: a cache policy that is told is in force");
	EXPECT_THAT(region->placed == (shared->node != SHARED_NODE_ANY) &&
			    (!region->placed || region->node == shared->node),
		    "V-12: a region is placed as was asked");
	EXPECT_THAT(!(shared->flags & SHARED_FREEZABLE) == !(region->flags & OBJECT_FREEZABLE),
		    "V-12: what is said to be freezable is");
	EXPECT_THAT(!(shared->flags & SHARED_HUGE_PAGES) || region->flags & OBJECT_HUGE,
		    "V-12: huge pages that are told were asked for");
	return NULL;
}

static const char *check_takebacks(const struct registry *registry, const struct shared *shared)
{
	const struct takeback *takeback = shared->takeback, *t;
	const struct suspect *suspect;

	EXPECT_THAT(takeback || shared->region->fence == FENCE_NONE,
		    "a shared region is fenced by a takeback");
	EXPECT_THAT(shared->caps.closed == (shared->region->fence != FENCE_NONE),
		    "nothing new is made while memory changes");
	EXPECT_THAT(takeback || TAILQ_EMPTY(&shared->queue), "nobody waits for nothing");
	EXPECT_THAT(!takeback || (takeback->shared == shared &&
				  takeback->round->takeback == takeback &&
				  takeback->step != TAKEBACK_WAITING),
		    "a takeback is of its region");
	TAILQ_FOREACH (t, &shared->queue, link)
		EXPECT_THAT(t->shared == shared && t->step == TAKEBACK_WAITING,
			    "who waits for a takeback does nothing");
	EXPECT_THAT(!takeback || LIST_EMPTY(&takeback->targets),
		    "who is taken back from was told");
	LIST_FOREACH (suspect, &shared->kept, link)
		EXPECT_THAT(!suspect->snapshot, "who kept memory kept the region's");
	(void)registry;
	return NULL;
}

static const char *check_shared(const struct registry *registry, const struct shared *shared)
{
	const char *broken;
	uint32_t mapped = 0;

	EXPECT_THAT(shared->named.key <= registry->last_shared &&
			    shared->caps.id == shared->named.key,
		    "V-6: a number is never used again");
	EXPECT_THAT(shared->window->region == shared->region,
		    "a window is over all of its region");
	broken = check_owner(registry, shared);
	if (!broken)
		broken = check_window(registry, shared, shared->window, &mapped);
	if (!broken)
		broken = check_exports(shared);
	if (!broken)
		broken = check_snapshots(registry, shared, &mapped);
	if (!broken && shared->frozen)
		broken = check_frozen(shared);
	if (!broken)
		broken = check_truth(registry, shared);
	if (!broken)
		broken = check_takebacks(registry, shared);
	if (broken)
		return broken;
	EXPECT_THAT(mapped == shared->mapped, "V-2: mappings are counted");
	return NULL;
}

const char *check_shareds(const struct registry *registry)
{
	const char *broken = NULL;
	struct named *at = NULL;

	while (!broken && (at = names_after(&registry->shareds, at ? at->key : 0)))
		broken = check_shared(registry, shared_of(at));
	return broken ? broken : check_all_severed(registry);
}

/* ---- processes -------------------------------------------------------------------------- */

static const char *check_offers(const struct client *client)
{
	const struct cap *cap;
	const struct move *move;
	uint32_t queued = 0, moves = 0;

	TAILQ_FOREACH (cap, &client->offers, user.of_offers) {
		EXPECT_THAT(cap->holder == &client->caps && cap->user.queued &&
				    cap->state == CAP_OFFERED,
			    "what is to be told is offered");
		queued++;
	}
	LIST_FOREACH (cap, &client->caps.caps, of_table) {
		queued -= cap->user.queued;
		EXPECT_THAT(!cap->user.taking || cap == cap->object->moving,
			    "what is taken is offered");
		EXPECT_THAT(cap->state == CAP_OFFERED || !cap->user.grant,
			    "V-2: a grant that was taken up is none");
		EXPECT_THAT(!cap->user.move || cap->user.move->cap == cap,
			    "an offer knows who asks about it");
	}
	EXPECT_THAT(queued == 0, "what is queued is in the queue");
	LIST_FOREACH (move, &client->moves, of_sender) {
		EXPECT_THAT((move->state <= MOVE_TAKEN) == (move->cap != NULL) &&
				    (!move->cap || move->cap->user.move == move),
			    "who asks about a move knows its offer");
		moves++;
	}
	EXPECT_THAT(moves == client->move_count, "moves are counted");
	return NULL;
}

const char *check_holdings(const struct registry *registry)
{
	const char *broken = NULL;
	struct named *at = NULL;

	if (!cap_check(&registry->caps, &broken))
		return broken;
	while ((at = names_after(&registry->clients, at ? at->key : 0))) {
		const struct client *client = container_of(at, struct client, named);

		broken = check_offers(client);
		if (!broken)
			broken = check_places(client);
		if (broken)
			return broken;
	}
	return NULL;
}

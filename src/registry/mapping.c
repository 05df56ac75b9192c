/* SPDX-License-Identifier: MIT */
/*
 * mapping.c - a shared region in the address space of a process
 *
 * The library holds the addresses before it asks, so that what is recorded is where it will be.
 */
#include "registry/mapping.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "registry/holding.h"
#include "registry/snapshot.h"
#include "registry/stand.h"
#include "registry/takeback.h"

static int compare_mappings(const struct mapping *a, const struct mapping *b)
{
	const uint64_t x = a->import->client->named.key, y = b->import->client->named.key;

	return (x > y) - (x < y);
}

DEFINE_TREE(mappings, mapping, of_shared, compare_mappings);

/* The first of a process whose number is @number or larger. */
static struct mapping *mapping_from(const struct shared *shared, uint64_t number)
{
	struct mappings tree = shared->mappings;
	/* Only the client is compared. */
	struct client named = { .named.key = number };
	struct import import = { .client = &named };
	struct mapping wanted = { .import = &import };

	return RB_NFIND(mappings, &tree, &wanted);
}

struct mapping *shared_mapping_of(const struct shared *shared, const struct client *client)
{
	struct mapping *mapping = mapping_from(shared, client->named.key);

	return mapping && mapping->import->client == client ? mapping : NULL;
}

struct mapping *shared_mapping_after(const struct shared *shared, uint64_t process)
{
	return process == UINT64_MAX ? NULL : mapping_from(shared, process + 1);
}

/* ---- places in a process ------------------------------------------------------------------
 */

static int compare_places(const struct mapping *a, const struct mapping *b)
{
	return (a->address > b->address) - (a->address < b->address);
}

DEFINE_TREE(places, mapping, of_client, compare_places);

const struct mapping *places_after(const struct client *client, const struct mapping *mapping)
{
	struct places tree = client->places;

	if (!mapping)
		return RB_MIN(places, &tree);
	/* The tree is not changed. */
	return RB_NEXT(places, &tree, (struct mapping *)(uintptr_t)mapping);
}

static bool places_have_room(const struct client *client, uint64_t address, uint64_t size)
{
	struct places tree = client->places;
	struct mapping wanted = { .address = address };
	struct mapping *above, *below;
	uint64_t end;

	if (!add_fits(address, size, &end))
		return false;
	above = RB_NFIND(places, &tree, &wanted);
	below = above ? RB_PREV(places, &tree, above) : RB_MAX(places, &tree);
	return (!above || above->address >= end) &&
	       (!below || below->address + below->shared->region->size <= address);
}

bool place_is_free(const struct registry *registry, const struct client *client,
		   uint64_t address, const struct shared *shared)
{
	return is_multiple(address, registry->config.page_size) &&
	       places_have_room(client, address, shared->region->size);
}

void mapping_place(struct mapping *mapping, uint64_t address)
{
	struct client *client = mapping->import->client;

	mapping->address = address;
	mapping->placed = true;
	(void)RB_INSERT(places, &client->places, mapping);
	client->place_count++;
}

static void forget_place(struct mapping *mapping)
{
	struct client *client = mapping->import->client;

	if (!mapping->placed)
		return;
	(void)RB_REMOVE(places, &client->places, mapping);
	client->place_count--;
}

/* ---- its end ---------------------------------------------------------------------------- */

void mapping_end(struct registry *registry, struct mapping *mapping)
{
	struct shared *shared = mapping->shared;
	struct snapshot *snapshot = mapping->snapshot;

	if (mapping->takeback)
		LIST_REMOVE(mapping, of_takeback);
	stand_end(registry, mapping);
	mapping->import->mapping = NULL;
	(void)RB_REMOVE(mappings, &shared->mappings, mapping);
	forget_place(mapping);
	shared->mapped--;
	free(mapping);
	if (!snapshot)
		return;
	snapshot->mapped--;
	snapshot_reap(registry, snapshot);
}

void mapping_revoke(struct registry *registry, struct mapping *mapping, struct round *round)
{
	struct import *import = mapping->import;

	/* Who is asked to hold still answers that it was revoked instead. */
	assert(!round || !import->round);
	notice_forget(import);
	import_revoke(registry, import, REASON_TAKEN_BACK);
	/* Before the memory of a snapshot can go. */
	if (round)
		round_ask(registry, round, import, NOTICE_REVOKED);
	else
		(void)notice_send(registry, import, NOTICE_REVOKED);
	mapping_end(registry, mapping);
}

/* ---- by what ---------------------------------------------------------------------------- */

static int refuse_ground(const struct call *call, int error, const char *rule)
{
	(void)call_refuse(call, error, "%s", rule);
	return -error;
}

static int refuse_permission(const struct call *call)
{
	return refuse_ground(
		call, EBADMSG,
		"a permission is read 1, write 3, execute 4, read and execute 5, or all 7");
}

/* Stores to what nobody may write are private. */
static int ground_of_owner(const struct call *call, struct ground *ground)
{
	const struct shared *shared = ground->shared;

	if (ground->permission & ~shared->ceiling)
		return refuse_ground(call, EACCES, "that is beyond the region's ceiling");
	ground->private = shared->frozen && ground->permission & PERMIT_WRITE;
	return 0;
}

int ground_of_cap(const struct call *call, struct cap *cap, const struct client *client,
		  struct ground *ground)
{
	uint32_t wanted = ground->permission;

	ground->shared = container_of(cap->object, struct shared, caps);
	if (!permission_is_valid(ground->permission))
		return refuse_permission(call);
	if (ground->shared->owner == client && cap == cap->object->root)
		return ground_of_owner(call, ground);
	ground->cap = cap;
	ground->snapshot = cap->user.snapshot;
	if (cap->mode == CAP_COPY_ON_WRITE) {
		ground->private = true;
		wanted &= ~(uint32_t)PERMIT_WRITE;
	}
	/* Who takes a Move has what its giver had. */
	if (cap->mode == CAP_MOVE)
		return wanted & ~cap->object->root->rights
			       ? refuse_ground(call, EACCES,
					       "that is beyond the region's ceiling")
			       : 0;
	if (~cap->rights & (wanted | CAP_MAP))
		return refuse_ground(call, EACCES,
				     "the capability has no right to that; ask for less, or "
				     "its giver for more");
	return 0;
}

static bool is_for_mapping(const struct cap *cap, const struct shared *shared, uint32_t wanted)
{
	if (cap->mode == CAP_COPY_ON_WRITE)
		wanted &= ~(uint32_t)PERMIT_WRITE;
	return cap->object == &shared->caps && !(~cap->rights & (wanted | CAP_MAP)) &&
	       (cap->state == CAP_HELD || cap->user.grant);
}

/* What is the region's own is better than a snapshot, and what is held than a grant. */
static bool is_better(const struct cap *cap, const struct cap *other)
{
	if (!other)
		return true;
	if ((cap->mode == CAP_COPY_ON_WRITE) != (other->mode == CAP_COPY_ON_WRITE))
		return cap->mode != CAP_COPY_ON_WRITE;
	return cap->state == CAP_HELD && other->state != CAP_HELD;
}

int ground_of_process(const struct call *call, struct shared *shared,
		      const struct client *client, struct ground *ground)
{
	struct cap *cap, *best = NULL;

	ground->shared = shared;
	if (!permission_is_valid(ground->permission))
		return refuse_permission(call);
	if (!shared)
		return refuse_ground(call, ENOENT, "there is no such region");
	if (shared->owner == client)
		return ground_of_owner(call, ground);
	LIST_FOREACH (cap, &client->caps.caps, of_table)
		if (is_for_mapping(cap, shared, ground->permission) && is_better(cap, best))
			best = cap;
	if (!best)
		return refuse_ground(call, EACCES,
				     "who does not own a region maps it by a capability or a "
				     "grant with these rights");
	return ground_of_cap(call, best, client, ground);
}

/* Whoever writes to an object that can be frozen can freeze it. */
static bool may_write_to(const struct ground *ground, const struct client *client)
{
	return ground->private || !(ground->permission & PERMIT_WRITE) ||
	       !(ground->shared->flags & SHARED_FREEZABLE) ||
	       client->user == ground->shared->payer;
}

int ground_check(const struct call *call, const struct ground *ground,
		 const struct client *client)
{
	const struct registry *registry = call->registry;
	const struct shared *shared = ground->shared;
	bool moves = ground->cap && ground->cap->mode == CAP_MOVE &&
		     ground->cap->state == CAP_OFFERED;

	if (!may_write_to(ground, client))
		return refuse_ground(call, EACCES,
				     "a region that can be frozen is written by processes of "
				     "its owner's user alone");
	if (takeback_rekeys(shared) || takeback_concerns(shared, client) ||
	    (shared->caps.moving && !moves))
		return refuse_ground(call, EBUSY,
				     "the region is changing its owner or its memory; try "
				     "again");
	if (shared_mapping_of(shared, client))
		return refuse_ground(call, EEXIST, "the process has the region mapped already");
	if (!ground->remote && !place_is_free(registry, client, ground->address, shared))
		return refuse_ground(call, EADDRINUSE,
				     "a mapping begins at a page, and overlaps no other of the "
				     "process");
	if (!client_has_room(registry, client) ||
	    registry->imports.count >= registry->config.imports_max)
		return refuse_ground(call, EMFILE,
				     "the node, or the process, has no room for one more "
				     "mapping");
	return 0;
}

/* ---- mapping ---------------------------------------------------------------------------- */

struct mapping *mapping_make(struct registry *registry, struct client *client,
			     const struct ground *ground)
{
	struct shared *shared = ground->shared;
	struct segment *window = ground->snapshot ? ground->snapshot->window : shared->window;
	bool writes = ground->permission & PERMIT_WRITE && !ground->private;
	struct mapping *mapping = registry_alloc(sizeof(*mapping));
	struct import *import =
		mapping ? import_add(registry, client, window,
				     writes ? TRACT_RIGHT_READ_WRITE : TRACT_RIGHT_READ)
			: NULL;

	if (!import) {
		free(mapping);
		return NULL;
	}
	mapping->import = import;
	mapping->shared = shared;
	mapping->snapshot = ground->snapshot;
	mapping->permission = ground->permission;
	mapping->private = ground->private;
	LIST_INIT(&mapping->exports);
	import->mapping = mapping;
	(void)RB_INSERT(mappings, &shared->mappings, mapping);
	if (!ground->remote)
		mapping_place(mapping, ground->address);
	shared->mapped++;
	if (ground->snapshot)
		ground->snapshot->mapped++;
	if (ground->cap) {
		mapping->cap = ground->cap;
		holding_take(ground->cap);
		ground->cap->user.used = true;
	}
	note(registry, "shared.mapped shared=%llu permission=%u private=%d pid=%d uid=%u",
	     (unsigned long long)shared->named.key, ground->permission, ground->private,
	     client->identity.pid, client->identity.uid);
	return mapping;
}

struct msg_shared_mapped mapping_describe(const struct registry *registry,
					  const struct mapping *mapping)
{
	const struct segment *window = mapping->import->segment;

	return (struct msg_shared_mapped){
		.import = mapping->import->named.id,
		.shared = mapping->shared->named.key,
		.size = window->size,
		.slot = window->slot,
		.generation = board_generation(&registry->board, window->slot),
		.epoch = window->epoch,
		.private = mapping->private,
	};
}

struct attachment mapping_attachment(const struct mapping *mapping)
{
	struct region *region = mapping->import->segment->region;

	region->exposed = true;
	mapping->import->object = region->object;
	return import_memory(mapping->import);
}

int mapping_answer(const struct call *call, const struct mapping *mapping)
{
	struct message answer = { .number = MSG_shared_mapped };

	answer.shared_mapped = mapping_describe(call->registry, mapping);
	return call_answer(call, &answer, mapping_attachment(mapping));
}

int shared_map(const struct call *call)
{
	const struct msg_shared_map *asked = &call->message->shared_map;
	struct ground ground = { .permission = asked->permission, .address = asked->address };
	struct mapping *mapping;

	if (ground_of_process(call, shared_find(call->registry, asked->shared), call->client,
			      &ground) < 0 ||
	    ground_check(call, &ground, call->client) < 0)
		return 0;
	mapping = mapping_make(call->registry, call->client, &ground);
	return mapping ? mapping_answer(call, mapping) : call_refuse_memory(call);
}

/* ---- unmapping -------------------------------------------------------------------------- */

static int answer_unmapped(const struct call *call, enum force force, uint64_t copied)
{
	struct message answer = { .number = MSG_shared_unmapped };

	answer.shared_unmapped.force = force;
	answer.shared_unmapped.copied = copied;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* The grant may have been all that kept an orphan. */
static int answer_withdrawn(const struct call *call, struct shared *shared)
{
	(void)answer_unmapped(call, FORCE_ASK, 0);
	shared_reap(call->registry, shared);
	return 0;
}

static void unmapped(struct registry *registry, struct takeback *takeback)
{
	struct round *round = takeback->round;
	struct call call = { registry, round->asker, &round->request };

	if (!call.client)
		return;
	if (takeback->error)
		(void)call_refuse(&call, -takeback->error, "%s",
				  takeback_trouble(takeback->error));
	else
		(void)answer_unmapped(&call, takeback->force, takeback->copied);
}

/* It is, whatever became of the memory that it had exported. */
static void unmapped_own(struct registry *registry, struct takeback *t)
{
	struct call call = { registry, t->round->asker, &t->round->request };

	if (call.client)
		(void)answer_unmapped(&call, t->error ? FORCE_ASK : t->force, t->copied);
}

static int unmap_other(const struct call *call, struct shared *shared, struct mapping *mapping)
{
	struct takeback *takeback;

	if (mapping->takeback)
		return call_refuse(call, EBUSY, "the mapping is being taken back; try again");
	if (takeback_begin(call, shared, (enum force)call->message->shared_unmap.force,
			   unmapped, &takeback) < 0)
		return call_refuse_memory(call);
	takeback_add(call->registry, takeback, mapping);
	takeback_go(call->registry, takeback);
	return 0;
}

/* The region may go with its last mapping, and what was exported of it is emptied then. */
static int unmap_own(const struct call *call, struct mapping *mapping)
{
	struct shared *shared = mapping->shared;
	struct takeback *t = NULL;

	if (!LIST_EMPTY(&mapping->exports) && stand_prepare(call, shared, unmapped_own, &t) < 0)
		return call_refuse_memory(call);
	shared->held = true;
	import_end(call->registry, mapping->import);
	shared->held = false;
	if (t && stand_answers_later(call->registry, t)) {
		takeback_go(call->registry, t);
		return 0;
	}
	shared_reap(call->registry, shared);
	return answer_unmapped(call, FORCE_ASK, 0);
}

/* May it unmap others?  The owner, and who can revoke what they mapped by. */
static bool may_unmap(const struct client *client, const struct shared *shared,
		      const struct mapping *mapping)
{
	const struct cap *at = mapping && mapping->cap ? mapping->cap->parent : NULL;

	if (shared->owner == client)
		return true;
	for (; at; at = at->parent)
		if (at->holder == &client->caps && at->rights & CAP_REVOKE)
			return true;
	return false;
}

int shared_unmap(const struct call *call)
{
	const struct msg_shared_unmap *asked = &call->message->shared_unmap;
	struct registry *registry = call->registry;
	struct shared *shared = shared_find(registry, asked->shared);
	struct client *holder =
		asked->process ? process_find(registry, asked->process) : call->client;
	struct mapping *mapping = shared && holder ? shared_mapping_of(shared, holder) : NULL;

	if (asked->force > FORCE_KILL && asked->force != FORCE_BY_USER)
		return call_refuse(call, EBADMSG, "force is 0 to 3, or 255");
	if (!shared)
		return call_refuse(call, ENOENT, "there is no such region");
	if (holder == call->client && mapping)
		return unmap_own(call, mapping);
	if (holder != call->client && holder && holding_withdraw(call, shared, holder) &&
	    !mapping)
		return answer_withdrawn(call, shared);
	if (holder != call->client && !may_unmap(call->client, shared, mapping))
		return call_refuse(call, EACCES, "only its owner takes a region from others");
	if (!mapping)
		return call_refuse(call, ENXIO, "the process has not mapped the region");
	return unmap_other(call, shared, mapping);
}

/* ---- looking ---------------------------------------------------------------------------- */

int shared_where(const struct call *call)
{
	const struct msg_shared_where *asked = &call->message->shared_where;
	const struct shared *shared = shared_find(call->registry, asked->shared);
	const struct client *holder = process_find(call->registry, asked->process);
	const struct mapping *mapping =
		shared && holder && (shared->owner == call->client || holder == call->client)
			? shared_mapping_of(shared, holder)
			: NULL;
	struct message answer = { .number = MSG_shared_there };

	if (!mapping || !mapping->placed)
		return call_refuse(call, ENOENT, "nothing that the caller may know of");
	answer.shared_there.address = mapping->address;
	answer.shared_there.permission = mapping->permission;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

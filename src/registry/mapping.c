/* SPDX-License-Identifier: MIT */
/*
 * mapping.c - a shared region in the address space of a process
 *
 * The library holds the addresses before it asks, so that what is recorded is where it will be.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "registry/takeback.h"

static int compare_mappings(const struct mapping *a, const struct mapping *b)
{
	const uint64_t x = a->import->client->named.key, y = b->import->client->named.key;

	return (x > y) - (x < y);
}

DEFINE_TREE(mappings, mapping, of_shared, compare_mappings);

struct mapping *shared_mapping_of(const struct shared *shared, const struct client *client)
{
	struct mappings tree = shared->mappings;
	/* Only the client is compared. */
	struct client named = { .named.key = client->named.key };
	struct import import = { .client = &named };
	struct mapping wanted = { .import = &import };

	return RB_FIND(mappings, &tree, &wanted);
}

/* ---- its end ---------------------------------------------------------------------------- */

void mapping_end(struct registry *registry, struct mapping *mapping)
{
	struct shared *shared = mapping->shared;

	(void)registry;
	mapping->import->mapping = NULL;
	(void)RB_REMOVE(mappings, &shared->mappings, mapping);
	shared->mapped--;
	free(mapping);
}

void mapping_revoke(struct registry *registry, struct mapping *mapping, struct round *round)
{
	struct import *import = mapping->import;

	notice_forget(import);
	import_revoke(registry, import, REASON_TAKEN_BACK);
	mapping_end(registry, mapping);
	if (round)
		round_ask(registry, round, import, NOTICE_REVOKED);
	else
		(void)notice_send(registry, import, NOTICE_REVOKED);
}

/* ---- mapping ---------------------------------------------------------------------------- */

static int answer_mapped(const struct call *call, const struct mapping *mapping)
{
	const struct shared *shared = mapping->shared;
	const struct segment *window = shared->window;
	const struct board *board = &call->registry->board;
	struct message answer = { .number = MSG_shared_mapped };

	answer.shared_mapped = (struct msg_shared_mapped){
		.import = mapping->import->named.id,
		.shared = shared->named.key,
		.size = window->size,
		.slot = window->slot,
		.generation = board_generation(board, window->slot),
		.epoch = window->epoch,
	};
	shared->region->exposed = true;
	return call_answer(call, &answer,
			   attach(mapping->import->rights & TRACT_RIGHT_WRITE
					  ? ATTACH_OBJECT_WRITE
					  : ATTACH_OBJECT_READ,
				  shared->region->object));
}

/* 0, or the request was refused. */
static int check_map(const struct call *call, const struct shared *shared, uint32_t permission)
{
	int error = 0;
	const char *rule = "";

	if (!permission_is_valid(permission)) {
		error = EBADMSG;
		rule = "a permission is read 1, write 3, execute 4, read and execute 5, or all "
		       "7";
	} else if (!shared || !shared_concerns(shared, call->client)) {
		error = ENOENT;
		rule = "there is no such region";
	} else if (shared->owner != call->client) {
		error = EACCES;
		rule = "only its owner maps a region without a capability";
	} else if (permission & ~shared->ceiling) {
		error = EACCES;
		rule = "that is beyond the region's ceiling";
	} else if (shared_mapping_of(shared, call->client)) {
		error = EEXIST;
		rule = "the process has the region mapped already";
	} else if (shared->takeback) {
		error = EBUSY;
		rule = "the region is changing its memory; try again";
	} else if (!client_has_room(call->registry, call->client) ||
		   call->registry->imports.count >= call->registry->config.imports_max) {
		error = EMFILE;
		rule = "the node, or the process, has no room for one more mapping";
	}
	if (error)
		(void)call_refuse(call, error, "%s", rule);
	return -error;
}

static struct mapping *mapping_make(const struct call *call, struct shared *shared,
				    uint32_t permission, uint64_t address)
{
	uint32_t rights = permission & PERMIT_WRITE ? TRACT_RIGHT_READ_WRITE : TRACT_RIGHT_READ;
	struct mapping *mapping = registry_alloc(sizeof(*mapping));
	struct import *import =
		mapping ? import_add(call->registry, call->client, shared->window, rights)
			: NULL;

	if (!import) {
		free(mapping);
		return NULL;
	}
	mapping->import = import;
	mapping->shared = shared;
	mapping->address = address;
	mapping->permission = permission;
	import->mapping = mapping;
	(void)RB_INSERT(mappings, &shared->mappings, mapping);
	shared->mapped++;
	return mapping;
}

int shared_map(const struct call *call)
{
	const struct msg_shared_map *asked = &call->message->shared_map;
	struct shared *shared = shared_find(call->registry, asked->shared);
	struct mapping *mapping;

	if (check_map(call, shared, asked->permission) < 0)
		return 0;
	mapping = mapping_make(call, shared, asked->permission, asked->address);
	if (!mapping)
		return call_refuse_memory(call);
	note(call->registry, "shared.mapped shared=%llu permission=%u pid=%d uid=%u",
	     (unsigned long long)shared->named.key, asked->permission,
	     call->client->identity.pid, call->client->identity.uid);
	return answer_mapped(call, mapping);
}

/* ---- unmapping -------------------------------------------------------------------------- */

static int answer_unmapped(const struct call *call, enum force force, uint64_t copied)
{
	struct message answer = { .number = MSG_shared_unmapped };

	answer.shared_unmapped.force = force;
	answer.shared_unmapped.copied = copied;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

const char *takeback_trouble(int error)
{
	switch (error) {
	case -EREMOTEIO:
		return "the process kept the memory, or cannot be looked at; use more force";
	case -ETIMEDOUT:
		return "the process did not answer in time; use more force";
	default:
		return "the host has no room for a second copy of the region; give memory up "
		       "first";
	}
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

static int unmap_other(const struct call *call, struct shared *shared, struct mapping *mapping)
{
	const struct client *holder = mapping->import->client;
	uint32_t force = call->message->shared_unmap.force;
	struct takeback *takeback;
	int r;

	if (force == FORCE_BY_USER)
		force = holder->user == call->client->user ? FORCE_ASK : FORCE_FENCE;
	r = takeback_begin(call, shared, (enum force)force, unmapped, &takeback);
	if (r == -EBUSY)
		return call_refuse(call, EBUSY, "the region is changing its memory; try again");
	if (r < 0)
		return call_refuse_memory(call);
	takeback_add(call->registry, takeback, mapping);
	takeback_go(call->registry, takeback);
	return 0;
}

static int unmap_own(const struct call *call, struct mapping *mapping)
{
	import_end(call->registry, mapping->import);
	return answer_unmapped(call, FORCE_ASK, 0);
}

int shared_unmap(const struct call *call)
{
	const struct msg_shared_unmap *asked = &call->message->shared_unmap;
	struct registry *registry = call->registry;
	struct shared *shared = shared_find(registry, asked->shared);
	const struct client *holder =
		asked->process ? process_find(registry, asked->process) : call->client;
	struct mapping *mapping;

	if (asked->force > FORCE_KILL && asked->force != FORCE_BY_USER)
		return call_refuse(call, EBADMSG, "force is 0 to 3, or 255");
	if (!shared || !shared_concerns(shared, call->client))
		return call_refuse(call, ENOENT, "there is no such region");
	if (holder != call->client && shared->owner != call->client)
		return call_refuse(call, EACCES, "only its owner takes a region from others");
	mapping = holder ? shared_mapping_of(shared, holder) : NULL;
	if (!mapping)
		return call_refuse(call, ENXIO, "the process has not mapped the region");
	return holder == call->client ? unmap_own(call, mapping)
				      : unmap_other(call, shared, mapping);
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

	if (!mapping)
		return call_refuse(call, ENOENT, "nothing that the caller may know of");
	answer.shared_there.address = mapping->address;
	answer.shared_there.permission = mapping->permission;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* ---- owners ----------------------------------------------------------------------------- */

int shared_give(const struct call *call)
{
	const struct msg_shared_give *asked = &call->message->shared_give;
	struct registry *registry = call->registry;
	struct shared *shared = shared_find(registry, asked->shared);
	struct client *to = process_find(registry, asked->process);

	if (!shared || !shared_concerns(shared, call->client))
		return call_refuse(call, ENOENT, "there is no such region");
	if (shared->owner != call->client)
		return call_refuse(call, EACCES, "only its owner gives a region away");
	if (!to)
		return call_refuse(call, ESRCH, "there is no process %llu",
				   (unsigned long long)asked->process);
	if (shared->takeback)
		return call_refuse(call, EBUSY, "the region is changing its memory; try again");
	if (user_recharge(call, &shared->payer, to->user, shared->region->size) < 0)
		return 0;
	shared->region->payer = shared->payer;
	owner_set(shared, to);
	note(registry, "shared.given shared=%llu to=%llu",
	     (unsigned long long)shared->named.key, (unsigned long long)to->named.key);
	return call_done(call);
}

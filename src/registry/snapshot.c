/* SPDX-License-Identifier: MIT */
#include "registry/snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"

/* ---- copies ----------------------------------------------------------------------------- */

static void discard(struct snapshot *snapshot)
{
	free(snapshot->region);
	free(snapshot->window);
	free(snapshot);
}

static struct snapshot *snapshot_alloc(uint64_t size)
{
	struct snapshot *snapshot = registry_alloc(sizeof(*snapshot));

	if (!snapshot)
		return NULL;
	snapshot->region = registry_alloc(sizeof(*snapshot->region));
	snapshot->window = registry_alloc(sizeof(*snapshot->window));
	if (!snapshot->region || !snapshot->window) {
		discard(snapshot);
		return NULL;
	}
	snapshot->region->size = size;
	return snapshot;
}

int snapshot_make(struct registry *registry, struct shared *shared, struct user *payer,
		  struct snapshot **ret_snapshot)
{
	uint64_t size = shared->region->size;
	struct snapshot *snapshot = snapshot_alloc(size);
	uint32_t slot;
	int r;

	if (!snapshot)
		return -ENOMEM;
	r = user_try_charge(registry, payer, size);
	if (r < 0) {
		discard(snapshot);
		return r;
	}
	r = board_take(&registry->board, &registry->ports, &slot);
	if (r < 0) {
		user_refund(registry, payer, size);
		discard(snapshot);
		return r;
	}
	custodian_keep(registry, snapshot->region, snapshot->window, payer, slot);
	snapshot->shared = snapshot->window->shared = shared;
	snapshot->payer = user_ref(payer);
	snapshot->making = true;
	LIST_INSERT_HEAD(&shared->snapshots, snapshot, of_shared);
	registry->snapshots++;
	*ret_snapshot = snapshot;
	return 0;
}

void snapshot_take(struct snapshot *snapshot, uint64_t object)
{
	snapshot->region->object = object;
}

void snapshot_show(struct registry *registry, struct snapshot *snapshot, struct cap *cap)
{
	snapshot->making = false;
	snapshot->cap = cap;
	if (cap)
		cap->user.snapshot = snapshot;
	else
		snapshot_reap(registry, snapshot);
}

void snapshot_reap(struct registry *registry, struct snapshot *snapshot)
{
	if (snapshot->cap || snapshot->making || snapshot->mapped > 0 || snapshot->suspects > 0)
		return;
	LIST_REMOVE(snapshot, of_shared);
	registry->snapshots--;
	custodian_drop(registry, snapshot->region, snapshot->window);
	user_unref(registry, snapshot->payer);
	free(snapshot);
}

/* ---- freezing --------------------------------------------------------------------------- */

/* Importers of exports that write cannot be given memory of their own instead. */
static bool is_written_through_exports(const struct shared *shared)
{
	const struct segment *segment;
	const struct import *import;

	LIST_FOREACH (segment, &shared->region->segments, of_region)
		LIST_FOREACH (import, &segment->imports, of_segment)
			if (segment->governed && import_has_memory(import) &&
			    import->rights & TRACT_RIGHT_WRITE)
				return true;
	return false;
}

bool snapshot_can_freeze(const struct shared *shared, const struct client *client)
{
	const struct import *import;

	if (shared->owner != client || !(shared->flags & SHARED_FREEZABLE) ||
	    is_written_through_exports(shared))
		return false;
	LIST_FOREACH (import, &shared->window->imports, of_segment)
		if (import_has_memory(import) && import->rights & TRACT_RIGHT_WRITE &&
		    import->client != client)
			return false;
	return true;
}

bool snapshot_freeze(struct registry *registry, struct shared *shared)
{
	const struct ports *ports = &registry->ports;
	struct import *import;

	if (is_written_through_exports(shared))
		return false;
	if (ports->object_freeze(ports->body, shared->region->object) < 0)
		return false;
	shared->frozen = true;
	cap_object_lower(&shared->caps, shared->caps.ceiling & ~(uint32_t)CAP_WRITE);
	LIST_FOREACH (import, &shared->window->imports, of_segment) {
		if (!import->mapping || !(import->rights & TRACT_RIGHT_WRITE))
			continue;
		import->rights = TRACT_RIGHT_READ;
		import->mapping->private = true;
	}
	note(registry, "shared.frozen shared=%llu", (unsigned long long)shared->named.key);
	return true;
}

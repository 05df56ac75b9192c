/* SPDX-License-Identifier: MIT */
#include "registry/takeback.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "registry/fence.h"

/* What is copied between two looks at the clients: a millisecond or so. */
#define SLICE_BYTES ((uint64_t)2 << 20)

/* ---- steps ------------------------------------------------------------------------------ */

static void fail(struct takeback *t, int error)
{
	if (t->error == 0)
		t->error = error;
}

/* Does the body find the region's memory with a target that said it had let go? */
static void verify(struct registry *registry, struct takeback *t)
{
	const struct ports *ports = &registry->ports;
	const struct import *import;
	struct client_holds holds;

	LIST_FOREACH (import, &t->targets, of_takeback)
		if (ports->client_holds(ports->body, import->client->named.id,
					t->shared->region->object, &holds) < 0 ||
		    holds.mappings > 0 || holds.descriptors > 0)
			fail(t, -EREMOTEIO);
}

static bool kill_all(struct registry *registry, struct takeback *t)
{
	const struct ports *ports = &registry->ports;
	const struct import *import;

	if (LIST_EMPTY(&t->targets))
		return false;
	t->step = TAKEBACK_KILLING;
	round_rearm(registry, t->round, registry->config.hear_ns);
	LIST_FOREACH (import, &t->targets, of_takeback)
		if (ports->client_kill(ports->body, import->client->named.id) < 0)
			fail(t, -EREMOTEIO);
	return true;
}

static bool begin_moving(struct registry *registry, struct takeback *t)
{
	struct round *round = t->round;
	struct region *region = t->shared->region;

	TAILQ_REMOVE(&registry->copies, t, of_copies);
	t->step = TAKEBACK_MOVING;
	t->shared->backing += t->error == 0;
	round_rearm(registry, round, registry->config.hear_ns);
	/* What could not be copied stays where it is. */
	fence_end_copying(registry, region, round, t->error != 0);
	fence_wake(registry, region->named.id);
	round_settle(registry, round);
	return true;
}

static bool begin_copying(struct registry *registry, struct takeback *t)
{
	t->step = TAKEBACK_COPYING;
	t->copied = 0;
	round_rearm(registry, t->round, UINT64_MAX);
	fence_begin_copying(registry, t->shared->region);
	TAILQ_INSERT_TAIL(&registry->copies, t, of_copies);
	return true;
}

/* After the targets were told, or had their time. */
static bool asked(struct registry *registry, struct takeback *t)
{
	switch (t->force) {
	case FORCE_VERIFY:
		verify(registry, t);
		return false;
	case FORCE_KILL:
		return kill_all(registry, t);
	case FORCE_ASK:
	case FORCE_FENCE:
	case FORCE_BY_USER:
		break;
	}
	if (t->round->late > 0)
		fail(t, -ETIMEDOUT);
	return false;
}

static bool next_step(struct registry *registry, struct round *round)
{
	struct takeback *t = round->takeback;

	switch (t->step) {
	case TAKEBACK_ASKING:
		return asked(registry, t);
	case TAKEBACK_STALLING:
		return begin_copying(registry, t);
	case TAKEBACK_COPYING:
		return begin_moving(registry, t);
	case TAKEBACK_KILLING:
		if (!LIST_EMPTY(&t->targets))
			fail(t, -ETIMEDOUT);
		return false;
	case TAKEBACK_MOVING:
		return false;
	}
	return false;
}

static void finish(struct registry *registry, struct round *round)
{
	struct takeback *t = round->takeback;
	struct shared *shared = t->shared;
	struct import *import;

	while ((import = LIST_FIRST(&t->targets))) {
		LIST_REMOVE(import, of_takeback);
		import->takeback = NULL;
	}
	shared->takeback = NULL;
	note(registry, "shared.taken_back shared=%llu force=%d error=%d copied=%llu late=%u",
	     (unsigned long long)shared->named.key, (int)t->force, -t->error,
	     (unsigned long long)t->copied, round->late);
	t->done(registry, t);
	free(t);
	shared_reap(registry, shared);
}

/* ---- its beginning ---------------------------------------------------------------------- */

static bool is_in_a_round(const struct region *region)
{
	const struct segment *segment;
	const struct import *import;

	LIST_FOREACH (segment, &region->segments, of_region)
		LIST_FOREACH (import, &segment->imports, of_segment)
			if (import->round)
				return true;
	return false;
}

int takeback_begin(const struct call *call, struct shared *shared, enum force force,
		   void (*done)(struct registry *, struct takeback *),
		   struct takeback **ret_takeback)
{
	struct takeback *t;
	int r;

	if (shared->takeback || shared->region->fence != FENCE_NONE ||
	    is_in_a_round(shared->region))
		return -EBUSY;
	t = registry_alloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	r = round_begin(call, call->registry->config.hear_ns, finish, &t->round);
	if (r < 0) {
		free(t);
		return r;
	}
	t->round->next = next_step;
	t->round->takeback = t;
	t->shared = shared;
	t->force = force;
	t->done = done;
	LIST_INIT(&t->targets);
	shared->takeback = t;
	*ret_takeback = t;
	return 0;
}

void takeback_add(struct registry *registry, struct takeback *t, struct mapping *mapping)
{
	struct import *import = mapping->import;

	import->takeback = t;
	LIST_INSERT_HEAD(&t->targets, import, of_takeback);
	/* With a fence nobody waits for who may be hostile. */
	mapping_revoke(registry, mapping, t->force == FORCE_FENCE ? NULL : t->round);
}

void takeback_go(struct registry *registry, struct takeback *t)
{
	struct region *region = t->shared->region;
	int r;

	if (t->force == FORCE_FENCE && region->exposed) {
		r = fence_prepare(registry, region);
		if (r < 0) {
			fail(t, r);
		} else {
			t->step = TAKEBACK_STALLING;
			fence_ask(registry, region, t->round, NOTICE_STALL);
		}
	}
	round_settle(registry, t->round);
}

void takeback_forget(struct registry *registry, struct import *import)
{
	struct takeback *t = import->takeback;

	if (!t)
		return;
	LIST_REMOVE(import, of_takeback);
	import->takeback = NULL;
	if (t->step == TAKEBACK_KILLING && LIST_EMPTY(&t->targets))
		round_complete(registry, t->round);
}

/* ---- copying ---------------------------------------------------------------------------- */

static void copy_slice(struct registry *registry, struct takeback *t)
{
	const struct ports *ports = &registry->ports;
	struct region *region = t->shared->region;
	uint64_t size = region->size - t->copied;

	if (size > SLICE_BYTES)
		size = SLICE_BYTES;
	if (ports->object_copy(ports->body, region->fresh, region->object, t->copied, size) < 0)
		fail(t, -ENOMEM);
	else
		t->copied += size;
	if (t->error == -ENOMEM || t->copied == region->size)
		round_complete(registry, t->round);
}

void takeback_copy_some(struct registry *registry)
{
	struct takeback *t, *next;

	for (t = TAILQ_FIRST(&registry->copies); t; t = next) {
		next = TAILQ_NEXT(t, of_copies);
		copy_slice(registry, t);
	}
}

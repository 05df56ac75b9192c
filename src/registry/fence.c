/* SPDX-License-Identifier: MIT */
/*
 * fence.c - fresh backing for a region whose old one is in the wrong hands
 *
 * From region_fence to region_fenced an importer that touched the old object could lose a store
 * behind the copier's back.  Importers that speak to us stall; one that cannot be reached in
 * time, or a child of fork that never spoke, is caught by the epoch, which rises before the
 * copying begins: no check of theirs succeeds until they have moved.
 */
#include <assert.h>
#include <errno.h>

#include "base/bytes.h"
#include "registry/fence.h"

/* The slowest copying that importers are made to wait for: 100 MB/s, page faults and all. */
#define COPY_NS_PER_BYTE 10u
/* Answers of importers to wait for in the meantime. */
#define COPY_PATIENCE 4u

void fence_ask(struct registry *registry, const struct region *region, struct round *round,
	       enum notice notice)
{
	struct segment *segment;

	LIST_FOREACH (segment, &region->segments, of_region)
		round_ask_all(registry, round, segment, notice);
}

static uint64_t copy_deadline(const struct registry *registry, const struct region *region)
{
	uint64_t wait = 0, deadline = 0;

	if (!mul_fits(region->size, COPY_NS_PER_BYTE, &wait) ||
	    !add_fits(wait, registry->config.hear_ns * COPY_PATIENCE, &wait) ||
	    !add_fits(registry_now(registry), wait, &deadline))
		return UINT64_MAX;
	return deadline;
}

int fence_prepare(struct registry *registry, struct region *region)
{
	const struct ports *ports = &registry->ports;
	uint64_t fresh = registry_new_object(registry);
	int r;

	r = ports->object_make(ports->body, fresh, region->size, region->size, region->flags);
	if (r < 0)
		return r == -EMFILE ? -EMFILE : -ENOMEM;
	if (region->placed)
		r = ports->object_place(ports->body, fresh, region->node, region->strict);
	if (r < 0 && region->strict) {
		ports->object_drop(ports->body, fresh, false);
		return -ENOMEM;
	}
	region->fresh = fresh;
	if (region->fence == FENCE_NONE)
		region->fence = FENCE_STALLING;
	return 0;
}

void fence_begin_copying(struct registry *registry, struct region *region)
{
	struct segment *segment;

	LIST_FOREACH (segment, &region->segments, of_region) {
		segment->epoch++;
		board_begin_epoch(&registry->board, &registry->ports, segment->slot,
				  segment->epoch);
	}
	region->fence = FENCE_COPYING;
}

/* The owner has so long, and importers wait no longer. */
static void limit_copying(struct registry *registry, struct region *region)
{
	struct region *before;

	region->fence_until = copy_deadline(registry, region);
	before = TAILQ_LAST(&registry->fences, fences);
	while (before && before->fence_until > region->fence_until)
		before = TAILQ_PREV(before, fences, of_fences);
	if (before)
		TAILQ_INSERT_AFTER(&registry->fences, before, region, of_fences);
	else
		TAILQ_INSERT_HEAD(&registry->fences, region, of_fences);
}

static void stalled(struct registry *registry, struct round *round)
{
	struct call call = { registry, round->asker, &round->request };
	struct region *region = region_find(registry, round->region);
	struct message answer = { .number = MSG_region_fresh };

	/* Who stalls is on it, so its owner cannot have got rid of it. */
	assert(region);
	fence_begin_copying(registry, region);
	limit_copying(registry, region);
	note(registry, "region.fencing region=%llu late=%u",
	     (unsigned long long)region->named.key, round->late);
	answer.region_fresh.region = region->named.id;
	(void)call_answer(&call, &answer, attach(ATTACH_OBJECT_WRITE, region->fresh));
}

int region_fence(const struct call *call)
{
	struct registry *registry = call->registry;
	struct region *region = region_find_own(call, call->message->region_fence.region);
	struct round *round;
	int r;

	if (!region)
		return call_refuse(call, EBADF, "only its owner takes a region back");
	if (region->sysv)
		return call_refuse(call, EOPNOTSUPP,
				   "memory of System V cannot be taken back; it stays shared");
	if (region->fence != FENCE_NONE)
		return call_refuse(call, EBUSY,
				   "the region is being taken back; send region_fenced first");
	/* Before anybody is told to stall: what cannot be moved is not begun. */
	r = fence_prepare(registry, region);
	if (r < 0)
		return call_refuse(call, -r,
				   "the host has no room for a second copy of the region; give "
				   "memory up first");
	r = round_begin(call, registry->config.hear_ns, stalled, &round);
	if (r < 0) {
		fence_drop(registry, region);
		return call_refuse_memory(call);
	}
	round->region = region->named.id;
	fence_ask(registry, region, round, NOTICE_STALL);
	round_settle(registry, round);
	return 0;
}

/* ---- its end ---------------------------------------------------------------------------- */

void fence_wake(struct registry *registry, uint64_t region)
{
	struct rounds woken = TAILQ_HEAD_INITIALIZER(woken);
	struct round *round, *next;

	TAILQ_FOREACH_SAFE(round, &registry->rounds, link, next)
	if (round->region == region && round->finish == import_retry) {
		TAILQ_REMOVE(&registry->rounds, round, link);
		TAILQ_INSERT_TAIL(&woken, round, link);
	}
	while ((round = TAILQ_FIRST(&woken))) {
		TAILQ_REMOVE(&woken, round, link);
		TAILQ_INSERT_HEAD(&registry->rounds, round, link);
		round_complete(registry, round);
	}
}

static void leave_fence(struct registry *registry, struct region *region)
{
	if (region->fence_until > 0)
		TAILQ_REMOVE(&registry->fences, region, of_fences);
	region->fence_until = 0;
	region->fence = FENCE_NONE;
	region->fence_late = false;
	region->fresh = 0;
}

void fence_drop(struct registry *registry, struct region *region)
{
	const struct ports *ports = &registry->ports;

	if (region->fence == FENCE_NONE)
		return;
	/* Nobody but its owner ever had it. */
	if (region->fresh)
		ports->object_drop(ports->body, region->fresh, false);
	leave_fence(registry, region);
	fence_wake(registry, region->named.id);
}

void fence_expire(struct registry *registry, struct region *region)
{
	struct segment *segment;
	struct import *import;

	note(registry, "region.fence_late region=%llu pid=%d uid=%u",
	     (unsigned long long)region->named.key, region->client->identity.pid,
	     region->client->identity.uid);
	TAILQ_REMOVE(&registry->fences, region, of_fences);
	region->fence_until = 0;
	region->fence_late = true;
	LIST_FOREACH (segment, &region->segments, of_region) {
		bool stalled_any = false;

		LIST_FOREACH (import, &segment->imports, of_segment)
			stalled_any |= import_has_memory(import);
		if (stalled_any)
			segment_cut(registry, segment, REASON_EXPORTER_ENDED, NULL);
	}
	fence_wake(registry, region->named.id);
}

static void moved(struct registry *registry, struct round *round)
{
	struct call call = { registry, round->asker, &round->request };

	note(registry, "region.fenced late=%u", round->late);
	(void)call_done(&call);
}

/* The region whose copying the message ends, or NULL after a refusal. */
static struct region *find_copied(const struct call *call, uint64_t id)
{
	struct region *region = region_find(call->registry, id);

	/* Even if it was closed meanwhile: importers wait for the end. */
	if (!region || region->client != call->client)
		(void)call_refuse(call, EBADF, "only its owner takes a region back");
	else if (region->fence != FENCE_COPYING)
		(void)call_refuse(call, EINVAL,
				  "the region has no fresh backing; send region_fence first");
	else
		return region;
	return NULL;
}

/* The region goes on with the object that has the content. */
static void choose_object(struct registry *registry, struct region *region, enum fence_end end)
{
	const struct ports *ports = &registry->ports;

	if (end == FENCE_KEEP && region->fresh)
		ports->object_drop(ports->body, region->fresh, false);
	if (end != FENCE_SWAP)
		return;
	ports->object_drop(ports->body, region->object, true);
	region->object = region->fresh;
	region->exposed = false;
}

void fence_close(struct registry *registry, struct region *region, enum fence_end end)
{
	choose_object(registry, region, end);
	leave_fence(registry, region);
}

void fence_end_copying(struct registry *registry, struct region *region, struct round *round,
		       enum fence_end end)
{
	fence_close(registry, region, end);
	fence_ask(registry, region, round, NOTICE_MOVED);
}

int region_fenced(const struct call *call)
{
	struct region *region = find_copied(call, call->message->region_fenced.region);
	struct round *round;

	if (!region)
		return 0;
	if (round_begin(call, call->registry->config.hear_ns, moved, &round) < 0)
		return call_refuse_memory(call);
	fence_end_copying(call->registry, region, round,
			  call->message->region_fenced.kept ? FENCE_KEEP : FENCE_SWAP);
	fence_wake(call->registry, region->named.id);
	round_settle(call->registry, round);
	return 0;
}

/* ---- one region becomes part of another ------------------------------------------------- */

static void move_segments(struct region *region, struct region *into, uint64_t offset)
{
	struct segment *segment;

	while ((segment = LIST_FIRST(&region->segments))) {
		LIST_REMOVE(segment, of_region);
		LIST_INSERT_HEAD(&into->segments, segment, of_region);
		segment->region = into;
		segment->offset += offset;
	}
}

int region_absorbed(const struct call *call)
{
	const struct msg_region_absorbed *said = &call->message->region_absorbed;
	struct region *region = find_copied(call, said->region);
	struct region *into = region_find_own(call, said->into);
	struct round *round;

	if (!region)
		return 0;
	if (!into || into == region || into->sysv || into->fence != FENCE_NONE ||
	    !region_contains(call->registry, into, said->offset, region->size))
		return call_refuse(
			call, EINVAL,
			"a region is absorbed by a larger one of the same process, in "
			"whole pages");
	if (round_begin(call, call->registry->config.hear_ns, moved, &round) < 0)
		return call_refuse_memory(call);
	/* Importers are asked through the region that their segments are on by then. */
	move_segments(region, into, said->offset);
	fence_end_copying(call->registry, region, round, FENCE_SWAP);
	fence_ask(call->registry, into, round, NOTICE_MOVED);
	fence_wake(call->registry, region->named.id);
	region_reap(call->registry, region);
	round_settle(call->registry, round);
	return 0;
}

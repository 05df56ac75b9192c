/* SPDX-License-Identifier: MIT */
#include "registry/takeback.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "registry/fence.h"
#include "registry/holding.h"
#include "registry/kept.h"
#include "registry/remote.h"
#include "registry/snapshot.h"

static void fail(struct takeback *t, int error)
{
	if (t->error == 0)
		t->error = error;
}

/* ---- suspects --------------------------------------------------------------------------- */

/* Who has ended has nothing.  Who only ended its connection cannot be found out about. */
static bool is_gone(const struct registry *registry, struct takeback *t, uint64_t client)
{
	const struct client *suspect = client_find(registry, client);

	if (suspect && !suspect->leaving)
		return false;
	t->blind |= t->shared->lost;
	return true;
}

/* Does the body find the region's memory with one that said it had let go? */
static void verify(struct registry *registry, struct takeback *t)
{
	const struct ports *ports = &registry->ports;
	const struct suspect *suspect;
	struct client_holds holds;
	int r;

	LIST_FOREACH (suspect, &t->suspects, link) {
		const struct region *region =
			suspect->snapshot ? suspect->snapshot->region : t->shared->region;

		if (is_gone(registry, t, suspect->client))
			continue;
		r = ports->client_holds(ports->body, suspect->client, region->object, &holds);
		if (r != -ESRCH && (r < 0 || holds.mappings > 0 || holds.descriptors > 0))
			fail(t, -EREMOTEIO);
	}
	if (t->blind)
		fail(t, -EREMOTEIO);
}

static bool anybody_lives(const struct registry *registry, const struct takeback *t)
{
	const struct suspect *suspect;

	LIST_FOREACH (suspect, &t->suspects, link)
		if (suspect->killed && client_find(registry, suspect->client))
			return true;
	return false;
}

static bool kill_all(struct registry *registry, struct takeback *t)
{
	const struct ports *ports = &registry->ports;
	struct suspect *suspect;
	int r;

	LIST_FOREACH (suspect, &t->suspects, link) {
		if (is_gone(registry, t, suspect->client))
			continue;
		r = ports->client_kill(ports->body, suspect->client);
		/* That it has ended we are told like of any client. */
		suspect->killed = r == 0 || r == -ESRCH;
		if (!suspect->killed)
			fail(t, -EREMOTEIO);
	}
	if (t->blind)
		fail(t, -EREMOTEIO);
	if (!anybody_lives(registry, t))
		return false;
	t->step = TAKEBACK_KILLING;
	round_rearm(registry, t->round, registry->config.hear_ns);
	return true;
}

void takeback_suspect(struct takeback *t, const struct client *client,
		      struct snapshot *snapshot)
{
	struct suspect *suspect;

	LIST_FOREACH (suspect, &t->suspects, link)
		if (suspect->client == client->named.id && suspect->snapshot == snapshot)
			return;
	t->foreign |= client->identity.uid != t->uid;
	suspect = registry_alloc(sizeof(*suspect));
	if (!suspect) {
		/* Its strength cannot be reached, then. */
		fail(t, -ENOMEM);
		return;
	}
	suspect->client = client->named.id;
	suspect->snapshot = snapshot;
	if (snapshot)
		snapshot->suspects++;
	LIST_INSERT_HEAD(&t->suspects, suspect, link);
}

/* Is the content copied for nobody? */
static bool is_pointless(const struct takeback *t)
{
	const struct shared *shared = t->shared;

	return t->step == TAKEBACK_COPYING && !t->round->asker && !shared->owner &&
	       shared->mapped == 0 && shared->caps.offers == 0;
}

void takeback_client_left(struct registry *registry)
{
	struct takeback *t, *next;

	for (t = TAILQ_FIRST(&registry->takebacks); t; t = next) {
		next = TAILQ_NEXT(t, link);
		if (is_pointless(t))
			t->stuck = true;
		else if (t->step != TAKEBACK_KILLING || anybody_lives(registry, t))
			continue;
		round_complete(registry, t->round);
		/* One that waited for it may have begun and ended; begin anew. */
		next = TAILQ_FIRST(&registry->takebacks);
	}
}

/* ---- steps ------------------------------------------------------------------------------ */

/* Such a survivor is as one whose capability was revoked, and finds the notice later. */
static void leave_behind(struct registry *registry, struct mapping *mapping)
{
	struct holding_end e;

	if (!mapping->cap || mapping->cap == mapping->shared->caps.root) {
		mapping_revoke(registry, mapping, NULL);
		return;
	}
	holding_end_init(&e, registry, NULL);
	(void)cap_revoke_by_policy(mapping->cap, &e.end);
}

/* Importers of exports are caught by the epoch, as those of other memory are. */
static void forgive_late(const struct takeback *t)
{
	const struct segment *segment;
	struct import *import;

	LIST_FOREACH (segment, &t->shared->region->segments, of_region)
		LIST_FOREACH (import, &segment->imports, of_segment)
			import->missed = false;
}

/* Survivors that did not answer in time have it no more, unless it stays where it is. */
static void drop_late(struct registry *registry, struct takeback *t)
{
	struct import *import, *next;

	LIST_FOREACH_SAFE(import, &t->shared->window->imports, of_segment, next)
	{
		bool missed = import->missed;

		import->missed = false;
		if (!missed || !import->mapping || t->snaps)
			continue;
		note(registry, "shared.late shared=%llu pid=%d uid=%u",
		     (unsigned long long)t->shared->named.key, import->client->identity.pid,
		     import->client->identity.uid);
		leave_behind(registry, import->mapping);
	}
	forgive_late(t);
}

/* What is copied to.  0, -ENOMEM, -EMFILE, -EDQUOT. */
static int prepare(struct registry *registry, struct takeback *t)
{
	int r = 0;

	if (t->snaps)
		r = snapshot_make(registry, t->shared, t->payer, &t->snapshot);
	return r < 0 ? r : fence_prepare(registry, t->shared->region);
}

/* Who has the old object, and gets nothing else. */
static void mark_fenced(const struct takeback *t)
{
	struct import *import;

	LIST_FOREACH (import, &t->shared->window->imports, of_segment)
		if (!import_is_live(import))
			import->fenced = true;
}

/* Mappings, and importers of exports. */
static void move_survivors(struct registry *registry, struct takeback *t)
{
	struct segment *segment;
	struct import *import;

	LIST_FOREACH (segment, &t->shared->region->segments, of_region) {
		/* Of the object that it has now, if that is another. */
		segment->exposed &= t->old == 0;
		LIST_FOREACH (import, &segment->imports, of_segment)
			if (import_has_memory(import) && (!t->snaps || import->stalled))
				round_ask(registry, t->round, import, NOTICE_MOVED);
	}
}

static bool begin_moving(struct registry *registry, struct takeback *t)
{
	struct region *region = t->shared->region;
	enum fence_end end = t->snaps ? FENCE_SPLIT : FENCE_SWAP;

	/* What could not be copied stays where it is; so does what is frozen. */
	if (t->stuck || t->freezing)
		end = FENCE_KEEP;
	t->step = TAKEBACK_MOVING;
	t->moved = true;
	t->old = end == FENCE_SWAP ? region->object : 0;
	t->shared->backing += end == FENCE_SWAP;
	if (end == FENCE_SPLIT)
		snapshot_take(t->snapshot, region->fresh);
	round_rearm(registry, t->round, registry->config.hear_ns);
	if (end == FENCE_SWAP) {
		mark_fenced(t);
		t->shared->lost = false;
		kept_forget(t->shared);
	}
	fence_close(registry, region, end);
	t->shared->caps.closed = false;
	move_survivors(registry, t);
	/* Whose link was lost while it was copied. */
	if (t->old)
		guests_join(registry, t->round, t->old);
	fence_wake(registry, region->named.id);
	round_settle(registry, t->round);
	return true;
}

static bool copied_all(struct registry *registry, struct takeback *t)
{
	job_end(registry, &t->job);
	return begin_moving(registry, t);
}

static void copy_slice(struct registry *registry, struct job *job)
{
	struct takeback *t = container_of(job, struct takeback, job);
	const struct ports *ports = &registry->ports;
	struct region *region = t->shared->region;
	uint64_t size = job_slice(region->size, t->copied);

	if (ports->object_copy(ports->body, region->fresh, region->object, t->copied, size) <
	    0) {
		t->stuck = true;
		fail(t, -ENOMEM);
	} else {
		t->copied += size;
	}
	if (t->stuck || t->copied == region->size)
		round_complete(registry, t->round);
}

static bool begin_copying(struct registry *registry, struct takeback *t)
{
	bool frozen;
	int r;

	drop_late(registry, t);
	/* Who goes on with the same object need not be kept from it. */
	if (t->snaps)
		t->shared->region->fence = FENCE_COPYING;
	else
		fence_begin_copying(registry, t->shared->region);
	frozen = t->freezing && snapshot_freeze(registry, t->shared);
	if (frozen)
		return begin_moving(registry, t);
	/* Somebody writes to it in spite of all: a copy, then. */
	r = t->freezing ? prepare(registry, t) : 0;
	t->freezing = false;
	if (r < 0) {
		t->stuck = true;
		fail(t, r);
		return begin_moving(registry, t);
	}
	t->step = TAKEBACK_COPYING;
	t->copied = 0;
	round_rearm(registry, t->round, UINT64_MAX);
	job_begin(registry, &t->job, copy_slice);
	return true;
}

static bool is_going(const struct registry *registry, const struct takeback *t)
{
	return t->old && registry->ports.object_is_going(registry->ports.body, t->old);
}

static void look_whether_empty(struct registry *registry, struct job *job)
{
	struct takeback *t = container_of(job, struct takeback, job);

	if (is_going(registry, t))
		return;
	job_end(registry, job);
	round_complete(registry, t->round);
}

/* Whoever kept the old memory sees zeros before anybody is told that it was taken back. */
static bool begin_emptying(struct registry *registry, struct takeback *t)
{
	if (!is_going(registry, t))
		return false;
	t->step = TAKEBACK_EMPTYING;
	round_rearm(registry, t->round, UINT64_MAX);
	job_begin(registry, &t->job, look_whether_empty);
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
		return copied_all(registry, t);
	case TAKEBACK_KILLING:
		if (anybody_lives(registry, t))
			fail(t, -ETIMEDOUT);
		return false;
	case TAKEBACK_MOVING:
		drop_late(registry, t);
		return begin_emptying(registry, t);
	case TAKEBACK_EMPTYING:
		return false;
	case TAKEBACK_WAITING:
		break;
	}
	return false;
}

/* What they had of a snapshot may go, and is emptied. */
static void release_suspects(struct registry *registry, struct takeback *t)
{
	struct suspect *suspect;

	while ((suspect = LIST_FIRST(&t->suspects))) {
		struct snapshot *snapshot = suspect->snapshot;

		LIST_REMOVE(suspect, link);
		free(suspect);
		if (!snapshot)
			continue;
		snapshot->suspects--;
		snapshot_reap(registry, snapshot);
	}
}

static void start(struct registry *registry, struct takeback *t);

static void finish(struct registry *registry, struct round *round)
{
	struct takeback *t = round->takeback, *next;
	struct shared *shared = t->shared;

	TAILQ_REMOVE(&registry->takebacks, t, link);
	note(registry, "shared.taken_back shared=%llu force=%d error=%d copied=%llu late=%u",
	     (unsigned long long)shared->named.key, (int)t->force, -t->error,
	     (unsigned long long)t->copied, round->late);
	if (!t->error && !t->snaps && (t->moved || !LIST_EMPTY(&t->suspects)))
		shared->reached = t->force;
	kept_settle(registry, t);
	release_suspects(registry, t);
	t->done(registry, t);
	free(t);
	shared->takeback = NULL;
	next = TAILQ_FIRST(&shared->queue);
	if (next) {
		TAILQ_REMOVE(&shared->queue, next, link);
		start(registry, next);
	} else {
		shared_reap(registry, shared);
	}
}

/* ---- its beginning ---------------------------------------------------------------------- */

int takeback_begin(const struct call *call, struct shared *shared, enum force force,
		   void (*done)(struct registry *, struct takeback *),
		   struct takeback **ret_takeback)
{
	struct takeback *t = registry_alloc(sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	r = round_begin(call, UINT64_MAX, finish, &t->round);
	if (r < 0) {
		free(t);
		return r;
	}
	t->round->next = next_step;
	t->round->takeback = t;
	t->shared = shared;
	t->force = force;
	t->uid = call->client ? call->client->identity.uid : shared->payer->uid;
	t->done = done;
	LIST_INIT(&t->targets);
	LIST_INIT(&t->suspects);
	*ret_takeback = t;
	return 0;
}

void takeback_discard(struct registry *registry, struct takeback *t)
{
	struct round *round = t->round;

	/* It ends with its request. */
	round->next = NULL;
	round_free(registry, round_cancel(registry, round));
	free(t);
}

void takeback_add(struct registry *registry, struct takeback *t, struct mapping *mapping)
{
	(void)registry;
	mapping->takeback = t;
	LIST_INSERT_HEAD(&t->targets, mapping, of_takeback);
	takeback_suspect(t, mapping->import->client, mapping->snapshot);
}

static void choose_force(struct takeback *t)
{
	if (t->force == FORCE_BY_USER) {
		t->force = t->foreign ? FORCE_FENCE : FORCE_ASK;
		/* The strongest that there is; what was reached is told. */
		if (t->force == FORCE_FENCE && t->shared->frozen)
			t->force = FORCE_VERIFY;
	}
	if (t->force == FORCE_FENCE && t->shared->frozen)
		fail(t, -EREMOTEIO);
}

static void revoke_targets(struct registry *registry, struct takeback *t)
{
	struct mapping *mapping;

	while ((mapping = LIST_FIRST(&t->targets)))
		/* With a fence nobody waits for who may be hostile. */
		mapping_revoke(registry, mapping, t->force == FORCE_FENCE ? NULL : t->round);
}

static bool must_rekey(const struct takeback *t)
{
	const struct shared *shared = t->shared;
	const struct suspect *suspect;

	if (t->snaps)
		return true;
	if (t->force != FORCE_FENCE || shared->frozen || !shared->region->exposed)
		return false;
	LIST_FOREACH (suspect, &t->suspects, link)
		if (!suspect->snapshot)
			return true;
	return t->thorough;
}

/* Who goes on.  Of a snapshot, those who read need not stop. */
static void ask_survivors(struct registry *registry, struct takeback *t)
{
	enum notice notice = t->freezing ? NOTICE_RELEASE : NOTICE_STALL;
	struct segment *segment;
	struct import *import;

	LIST_FOREACH (segment, &t->shared->region->segments, of_region)
		LIST_FOREACH (import, &segment->imports, of_segment)
			if (import_has_memory(import) &&
			    (!t->snaps || import->rights & TRACT_RIGHT_WRITE))
				round_ask(registry, t->round, import, notice);
}

/* Whatever cannot be moved is not begun. */
static void begin_rekeying(struct registry *registry, struct takeback *t)
{
	struct shared *shared = t->shared;
	struct region *region = shared->region;
	int r = 0;

	if (!t->freezing)
		r = prepare(registry, t);
	if (r < 0) {
		t->stuck = true;
		fail(t, r);
		return;
	}
	shared->caps.closed = true;
	region->fence = FENCE_STALLING;
	t->step = TAKEBACK_STALLING;
	ask_survivors(registry, t);
}

static void start(struct registry *registry, struct takeback *t)
{
	struct shared *shared = t->shared;

	shared->takeback = t;
	TAILQ_INSERT_TAIL(&registry->takebacks, t, link);
	t->step = TAKEBACK_ASKING;
	round_rearm(registry, t->round, registry->config.hear_ns);
	choose_force(t);
	revoke_targets(registry, t);
	/* What other nodes have not heard of may be taken for success there. */
	guests_join(registry, t->round, shared->region->object);
	if (must_rekey(t))
		begin_rekeying(registry, t);
	round_settle(registry, t->round);
}

void takeback_go(struct registry *registry, struct takeback *t)
{
	if (!t->shared->takeback) {
		start(registry, t);
		return;
	}
	TAILQ_INSERT_TAIL(&t->shared->queue, t, link);
}

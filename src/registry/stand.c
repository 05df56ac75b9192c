/* SPDX-License-Identifier: MIT */
#include "registry/stand.h"

#include <errno.h>

#include "registry/import.h"
#include "registry/kept.h"
#include "registry/remote.h"
#include "registry/takeback.h"

/* ---- making ----------------------------------------------------------------------------- */

/* Who may let others have what the mapping shows? */
static bool may_export(const struct mapping *mapping)
{
	return mapping->shared->owner == mapping->import->client ||
	       (mapping->cap && mapping->cap->rights & CAP_GRANT);
}

/* 0, or the request was refused. */
static int check_mapping(const struct call *call, const struct mapping *mapping)
{
	int error = 0;
	const char *rule = "";

	if (!mapping) {
		error = EBADF;
		rule = "the caller has no such mapping of a shared region";
	} else if (mapping->private || mapping->snapshot) {
		error = EFAULT;
		rule = "what others do not see of a shared region is not exported; map it for "
		       "reading";
	} else if (!(mapping->permission & PERMIT_READ)) {
		error = EACCES;
		rule = "who may not read a shared region does not export it";
	} else if (!may_export(mapping)) {
		error = EACCES;
		rule = "a shared region is exported by its owner, and by who has mapped it by "
		       "a "
		       "capability with the right to grant";
	}
	if (error)
		(void)call_refuse(call, error, "%s", rule);
	return -error;
}

int shared_export(const struct call *call)
{
	const struct msg_shared_export *asked = &call->message->shared_export;
	const struct import *import = import_find_own(call, asked->import);
	struct mapping *mapping = import ? import->mapping : NULL;
	const struct msg_segment_create spec = { .offset = asked->offset,
						 .size = asked->size,
						 .mode = asked->mode };
	struct message answer = { .number = MSG_segment_created };
	struct segment *segment;

	if (check_mapping(call, mapping) < 0)
		return 0;
	segment = segment_make(call, mapping->shared->region, &spec);
	if (!segment)
		return 0;
	segment->governed = true;
	segment->stand = mapping;
	LIST_INSERT_HEAD(&mapping->exports, segment, of_stand);
	answer.segment_created.segment = segment->named.id;
	answer.segment_created.slot = segment->slot;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* ---- giving ----------------------------------------------------------------------------- */

int stand_check_rights(const struct call *call, const struct segment *segment, uint32_t rights,
		       uint32_t uid)
{
	const struct mapping *mapping = segment->stand;

	if (!mapping)
		return 0;
	if (rights & ~mapping->import->rights) {
		(void)call_refuse(call, EACCES,
				  "the exporter may not write to the shared region, and gives "
				  "no more than it has; ask for less");
		return -EACCES;
	}
	/* Whoever writes to an object that can be frozen can freeze it.  Who has but a window
	 * cannot, yet is not to have more than he would have here. */
	if (rights & TRACT_RIGHT_WRITE && mapping->shared->flags & SHARED_FREEZABLE &&
	    uid != mapping->shared->payer->uid) {
		(void)call_refuse(call, EACCES,
				  "a region that can be frozen is written by processes of its "
				  "owner's user alone");
		return -EACCES;
	}
	return 0;
}

void stand_given(struct import *import)
{
	import->object = import->segment->region->object;
	import->segment->exposed |= import->segment->governed;
}

/* ---- taking back ------------------------------------------------------------------------ */

static void leak(struct registry *registry, struct shared *shared)
{
	if (shared->leaks)
		return;
	shared->leaks = true;
	LIST_INSERT_HEAD(&registry->leaks, shared, of_leaks);
}

void stand_forget(struct shared *shared)
{
	if (shared->leaks)
		LIST_REMOVE(shared, of_leaks);
	shared->leaks = false;
}

void stand_cut(struct registry *registry, struct segment *segment)
{
	struct shared *shared = segment->stand->shared;
	const struct import *import;

	LIST_FOREACH (import, &segment->imports, of_segment)
		if (import_has_memory(import) && !import->client->remote)
			kept_add(shared, import->client);
	/* What is frozen nobody changes, and it cannot be taken out of anybody's hands. */
	if (segment->exposed && !shared->frozen)
		leak(registry, shared);
}

static void lose(struct registry *registry, struct segment *segment)
{
	segment_withdraw(registry, segment, REASON_UNPUBLISHED, NULL);
	note(registry, "segment.lost segment=%llu shared=%llu",
	     (unsigned long long)segment->named.key,
	     (unsigned long long)segment->stand->shared->named.key);
	LIST_REMOVE(segment, of_stand);
	LIST_REMOVE(segment, of_region);
	segment->lost = segment->stand->shared->named.key;
	segment->stand = NULL;
	segment->region = NULL;
	segment->exposed = false;
}

void stand_end(struct registry *registry, struct mapping *mapping)
{
	while (!LIST_EMPTY(&mapping->exports))
		lose(registry, LIST_FIRST(&mapping->exports));
}

void stand_owner_left(struct registry *registry, struct shared *shared,
		      const struct client *before)
{
	struct mapping *mapping = shared_mapping_of(shared, before);

	if (mapping && !may_export(mapping))
		stand_end(registry, mapping);
}

int stand_prepare(const struct call *call, struct shared *shared,
		  void (*done)(struct registry *, struct takeback *),
		  struct takeback **ret_takeback)
{
	return takeback_begin(call, shared, FORCE_ASK, done, ret_takeback);
}

bool stand_answers_later(struct registry *registry, struct takeback *t)
{
	struct shared *shared = t->shared;
	/* What ends is emptied; nobody goes on with a copy. */
	bool leaks = shared->leaks && !shared_is_unused(shared);

	if (!leaks && !guests_may_reach(registry, shared->region->object)) {
		takeback_discard(registry, t);
		return false;
	}
	/* For windows it waits whatever its strength. */
	t->thorough = leaks;
	if (leaks)
		t->force = FORCE_FENCE;
	stand_forget(shared);
	return true;
}

/* ---- by request ------------------------------------------------------------------------- */

static int refuse_fence(const struct call *call, int error)
{
	return call_refuse(call, -error,
			   "the host has no room for a second copy of the region; give memory "
			   "up first");
}

static void taken_back(struct registry *registry, struct takeback *t)
{
	struct call call = { registry, t->round->asker, &t->round->request };
	struct segment *segment = segment_find(registry, t->subject);

	if (!call.client)
		return;
	/* It was frozen meanwhile: nobody changes anything. */
	if (t->error && !t->shared->frozen) {
		(void)refuse_fence(&call, t->error);
		return;
	}
	if (segment && call.message->number == MSG_segment_destroy)
		segment_end(registry, segment, REASON_DESTROYED, NULL);
	(void)segment_answer_withdrawn(&call, false);
}

/* Of an export that is not published any more: true, and it is answered later, or refused. */
static bool is_fenced_first(const struct call *call, const struct segment *segment)
{
	struct shared *shared = segment->stand ? segment->stand->shared
					       : shared_find(call->registry, segment->lost);
	struct takeback *t;

	if (!shared)
		return false;
	/* Again, if it could not be done before. */
	if (segment->exposed && !shared->frozen)
		leak(call->registry, shared);
	if (stand_prepare(call, shared, taken_back, &t) < 0) {
		(void)call_refuse_memory(call);
		return true;
	}
	if (!stand_answers_later(call->registry, t))
		return false;
	t->subject = segment->named.id;
	takeback_go(call->registry, t);
	return true;
}

int stand_unpublish(const struct call *call, struct segment *segment)
{
	segment_withdraw(call->registry, segment, REASON_UNPUBLISHED, NULL);
	return is_fenced_first(call, segment) ? 0 : segment_answer_withdrawn(call, false);
}

int stand_destroy(const struct call *call, struct segment *segment)
{
	segment_withdraw(call->registry, segment, REASON_DESTROYED, NULL);
	if (is_fenced_first(call, segment))
		return 0;
	segment_end(call->registry, segment, REASON_DESTROYED, NULL);
	return segment_answer_withdrawn(call, false);
}

/* ---- without ---------------------------------------------------------------------------- */

static void nobody_asked(struct registry *registry, struct takeback *t)
{
	(void)registry;
	(void)t;
}

/* Will what was cut off until now be fenced off anyhow? */
static bool is_fenced_anyhow(const struct shared *shared)
{
	const struct takeback *t = shared->takeback;

	if (t && t->step == TAKEBACK_STALLING && !t->snaps)
		return true;
	TAILQ_FOREACH (t, &shared->queue, link)
		if (t->force == FORCE_FENCE && t->thorough)
			return true;
	return false;
}

void stand_settle(struct registry *registry)
{
	static const struct message nothing;
	const struct call call = { registry, NULL, &nothing };
	struct shared *shared;
	struct takeback *t;

	while ((shared = LIST_FIRST(&registry->leaks))) {
		stand_forget(shared);
		if (shared->frozen || is_fenced_anyhow(shared))
			continue;
		if (takeback_begin(&call, shared, FORCE_FENCE, nobody_asked, &t) < 0) {
			note(registry, "shared.leaks shared=%llu",
			     (unsigned long long)shared->named.key);
			continue;
		}
		t->thorough = true;
		takeback_go(registry, t);
	}
}

/* SPDX-License-Identifier: MIT */
#include "registry/segment.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/import.h"
#include "registry/stand.h"

struct segment *segment_of(struct named *named)
{
	return named ? container_of(named, struct segment, named) : NULL;
}

struct segment *segment_find(const struct registry *registry, uint64_t id)
{
	return segment_of(names_find(&registry->segments, id));
}

struct segment *segment_find_own(const struct call *call, uint64_t id)
{
	struct segment *segment = segment_find(call->registry, id);

	return segment && segment->client == call->client ? segment : NULL;
}

/* ---- taking back ------------------------------------------------------------------------ */

/* Could memory that is taken back from @import's holder be used by it all the same, or its end
 * not be known there?  Of what it has a descriptor of, the exporter rids itself of, and boards
 * here tell at once; of these it cannot, and another node's board does not. */
static bool must_be_waited_for(const struct import *import)
{
	if (import->client->remote)
		return import_is_live(import) || import->window.fading ||
		       import_has_window(import);
	return import->segment->region->sysv && import_has_memory(import);
}

static void cut_one(struct registry *registry, struct import *import,
		    enum segment_reason reason, struct round *round)
{
	bool wait = round && must_be_waited_for(import);

	assert(!round || !import->round || import->client->remote);
	import_revoke(registry, import, reason);
	if (wait)
		round_ask(registry, round, import, NOTICE_REVOKED);
	else
		(void)notice_send(registry, import, NOTICE_REVOKED);
}

void segment_cut(struct registry *registry, struct segment *segment, enum segment_reason reason,
		 struct round *round)
{
	uint32_t imports = segment->live_count;
	struct import *import;

	board_end_generation(&registry->board, &registry->ports, segment->slot);
	if (segment->stand)
		stand_cut(registry, segment);
	(void)memset(segment->token, 0, sizeof(segment->token));
	/* Where the memory is none of them learns any more, while others are told of theirs. */
	LIST_FOREACH (import, &segment->imports, of_segment)
		if (import_is_live(import))
			notice_forget(import);
	LIST_FOREACH (import, &segment->imports, of_segment) {
		if (import_is_live(import))
			cut_one(registry, import, reason, round);
		else if (round && must_be_waited_for(import))
			round_join(round, import);
	}
	note(registry, "segment.taken_back segment=%llu id=0x%x reason=%d imports=%u",
	     (unsigned long long)segment->named.key, segment->id, reason, imports);
}

void segment_withdraw(struct registry *registry, struct segment *segment,
		      enum segment_reason reason, struct round *round)
{
	if (segment->id == 0 && !segment->lent)
		return;
	segment_cut(registry, segment, reason, round);
	if (segment->id != 0)
		published_remove(registry, segment);
}

void segment_end(struct registry *registry, struct segment *segment, enum segment_reason reason,
		 struct round *round)
{
	struct region *region = segment->region;
	struct import *import;

	segment_withdraw(registry, segment, reason, round);
	bell_end(registry, segment);
	while ((import = LIST_FIRST(&segment->imports))) {
		LIST_REMOVE(import, of_segment);
		import->segment = NULL;
		import->slot = BELL_NO_SLOT;
	}
	board_give(&registry->board, segment->slot);
	note(registry, "segment.ended segment=%llu reason=%d",
	     (unsigned long long)segment->named.key, reason);
	names_remove(&registry->segments, &segment->named);
	LIST_REMOVE(segment, of_client);
	if (segment->stand)
		LIST_REMOVE(segment, of_stand);
	if (region)
		LIST_REMOVE(segment, of_region);
	segment->client->segment_count--;
	free(segment);
	if (region)
		region_reap(registry, region);
}

/* ---- requests --------------------------------------------------------------------------- */

/* 0, or the request was refused. */
static int check_create(const struct call *call, const struct region *region,
			const struct msg_segment_create *asked)
{
	const struct registry *registry = call->registry;

	if (!region) {
		(void)call_refuse(call, EBADF, "only the owner of a region exports it");
		return -EBADF;
	}
	if (!region_contains(registry, region, asked->offset, asked->size)) {
		(void)call_refuse(call, EINVAL,
				  "an export is some whole pages inside its region");
		return -EINVAL;
	}
	if (asked->size > registry->config.segment_bytes) {
		(void)call_refuse(call, EFBIG,
				  "an export has at most %llu bytes; export less, or raise "
				  "max-segment-size in tract.conf",
				  (unsigned long long)registry->config.segment_bytes);
		return -EFBIG;
	}
	if (registry->segments.count >= registry->config.exports_max ||
	    !client_has_room(registry, call->client)) {
		(void)call_refuse(call, EMFILE,
				  "the node has at most %u exports and a process at most %u "
				  "regions, exports and imports; destroy some",
				  registry->config.exports_max,
				  registry->config.per_client_max);
		return -EMFILE;
	}
	return 0;
}

static void segment_keep(const struct call *call, struct segment *segment,
			 struct region *region, const struct msg_segment_create *asked)
{
	struct registry *registry = call->registry;

	segment->client = call->client;
	segment->region = region;
	segment->offset = asked->offset;
	segment->size = asked->size;
	segment->mode = asked->mode;
	segment->rebindable = asked->rebindable;
	segment->epoch = board_epoch(&registry->board, segment->slot);
	segment->since = registry_now(registry);
	LIST_INIT(&segment->imports);
	segment->named.id = registry_draw(registry, &registry->segments);
	segment->named.key = registry_new_key(registry);
	names_add(&registry->segments, &segment->named);
	LIST_INSERT_HEAD(&call->client->segments, segment, of_client);
	LIST_INSERT_HEAD(&region->segments, segment, of_region);
	call->client->segment_count++;
	note(registry, "segment.created segment=%llu size=%llu mode=0%o pid=%d uid=%u",
	     (unsigned long long)segment->named.key, (unsigned long long)segment->size,
	     segment->mode, call->client->identity.pid, call->client->identity.uid);
}

struct segment *segment_make(const struct call *call, struct region *region,
			     const struct msg_segment_create *spec)
{
	struct registry *registry = call->registry;
	struct segment *segment;

	if (check_create(call, region, spec) < 0)
		return NULL;
	segment = registry_alloc(sizeof(*segment));
	if (!segment) {
		(void)call_refuse_memory(call);
		return NULL;
	}
	if (board_take(&registry->board, &registry->ports, &segment->slot) < 0) {
		free(segment);
		(void)call_refuse(call, EMFILE,
				  "every slot of the node's board is taken; destroy an export");
		return NULL;
	}
	segment_keep(call, segment, region, spec);
	return segment;
}

int segment_create(const struct call *call)
{
	const struct msg_segment_create *asked = &call->message->segment_create;
	struct segment *segment =
		segment_make(call, region_find_own(call, asked->region), asked);
	struct message answer = { .number = MSG_segment_created };

	if (!segment)
		return 0;
	answer.segment_created.segment = segment->named.id;
	answer.segment_created.slot = segment->slot;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

int segment_answer_withdrawn(const struct call *call, bool exposed)
{
	struct message answer = { .number = MSG_segment_withdrawn };

	answer.segment_withdrawn.exposed = exposed;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

static void withdrawn(struct registry *registry, struct round *round)
{
	struct call call = { registry, round->asker, &round->request };

	note(registry, "segment.withdrawn late=%u", round->late);
	/* Telling importers of their end may have told others where the memory is. */
	(void)segment_answer_withdrawn(&call, round->pinned->exposed);
}

static bool must_take_time(const struct segment *segment)
{
	const struct import *import;

	LIST_FOREACH (import, &segment->imports, of_segment)
		if (must_be_waited_for(import))
			return true;
	return false;
}

/*
 * Memory of System V cannot be fenced: its importers are given time to let go by themselves.
 * Those of other nodes are cut off by the windows' closing, once they cannot take what they do
 * there for success any more.
 */
static int take_back_slowly(const struct call *call, struct segment *segment,
			    enum segment_reason reason,
			    void (*how)(struct registry *, struct segment *,
					enum segment_reason, struct round *))
{
	struct registry *registry = call->registry;
	struct round *round;
	int r;

	r = round_begin(call, registry->config.hear_ns, withdrawn, &round);
	if (r < 0)
		return call_refuse_memory(call);
	/* Windows lead to it until the end. */
	round_pin(round, segment->region);
	how(registry, segment, reason, round);
	round_settle(registry, round);
	return 0;
}

static int
take_back(const struct call *call, struct segment *segment, enum segment_reason reason,
	  void (*how)(struct registry *, struct segment *, enum segment_reason, struct round *))
{
	bool exposed;

	if (must_take_time(segment))
		return take_back_slowly(call, segment, reason, how);
	segment_withdraw(call->registry, segment, reason, NULL);
	/* Telling importers of their end may have told others where the memory is. */
	exposed = segment->region->exposed;
	how(call->registry, segment, reason, NULL);
	return segment_answer_withdrawn(call, exposed);
}

int segment_unpublish(const struct call *call)
{
	struct segment *segment =
		segment_find_own(call, call->message->segment_unpublish.segment);

	if (!segment)
		return call_refuse(call, EBADF, "only the exporter unpublishes an export");
	if (segment->id == 0)
		return call_refuse(call, ENOENT, "the export is not published");
	if (segment->governed)
		return stand_unpublish(call, segment);
	return take_back(call, segment, REASON_UNPUBLISHED, segment_withdraw);
}

int segment_destroy(const struct call *call)
{
	struct segment *segment =
		segment_find_own(call, call->message->segment_destroy.segment);

	if (!segment)
		return call_refuse(call, EBADF, "only the exporter destroys an export");
	if (segment->governed)
		return stand_destroy(call, segment);
	return take_back(call, segment, REASON_DESTROYED, segment_end);
}

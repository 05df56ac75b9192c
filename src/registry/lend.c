/* SPDX-License-Identifier: MIT */
/*
 * lend.c - changes that one process wants in another's map
 *
 * The other's word is repeated to whoever asked, not believed.  What was lent to it is reckoned
 * by what it said it attached and detached: less than it has, and it is cut off early; more,
 * and it keeps what its lender agreed to.
 */
#include <errno.h>

#include "base/bytes.h"
#include "registry/import.h"

#define ERRNO_MAX 4095u

/* ---- what is said in the end ------------------------------------------------------------ */

/* There is nothing attached, and yet it may be kept. */
static bool is_exposed(const struct round *round)
{
	return round->pinned && !round->pinned->closed && round->pinned->exposed;
}

static void attached(struct registry *registry, struct round *round,
		     struct msg_map_changed *answer)
{
	const struct msg_map_answer *said = &round->errand.answer;
	struct import *lent = round->errand.lent;

	answer->stays = said->error == 0 || said->stays;
	answer->exposed = !answer->stays && is_exposed(round);
	if (!lent)
		return;
	lent->errand = NULL;
	round->errand.lent = NULL;
	if (!answer->stays) {
		import_end(registry, lent);
		return;
	}
	lent->lent_start = said->start;
	lent->lent_size = said->size;
	lent->lent_left = said->size;
}

/* Of [start, start + size) as much as @lent was attached at. */
static uint64_t overlap(const struct import *lent, uint64_t start, uint64_t size)
{
	uint64_t first = start > lent->lent_start ? start : lent->lent_start;
	uint64_t last = size - 1, lent_last = lent->lent_size - 1;

	if (size == 0 || lent->lent_size == 0)
		return 0;
	if (!add_fits(start, last, &last))
		last = UINT64_MAX;
	if (!add_fits(lent->lent_start, lent_last, &lent_last))
		lent_last = UINT64_MAX;
	if (lent_last < last)
		last = lent_last;
	return last < first ? 0 : last - first + 1;
}

static bool is_lent(const struct import *import)
{
	return import->segment && import->segment->lent && !import->errand;
}

/*
 * What the answer to a detach is about: the lowest that was attached there; of the asker's own,
 * if there is one, as the asker reckons itself.  Or NULL.
 */
static struct import *find_lent(const struct round *round)
{
	const struct msg_map_answer *said = &round->errand.answer;
	struct import *import, *found = NULL;
	bool own, found_own = false;

	LIST_FOREACH (import, &round->errand.by->imports, of_client) {
		if (!is_lent(import) || overlap(import, said->start, said->size) == 0)
			continue;
		own = import->segment->client == round->asker;
		if (!found || (own && !found_own) ||
		    (own == found_own && import->lent_start < found->lent_start)) {
			found = import;
			found_own = own;
		}
	}
	return found;
}

/* What its holder needs no more, as far as it says, ends, whatever is kept of it. */
static void detached(struct registry *registry, const struct round *round)
{
	const struct msg_map_answer *said = &round->errand.answer;
	struct import *lent = said->error ? NULL : find_lent(round);
	uint64_t gone;

	if (!lent)
		return;
	gone = overlap(lent, said->start, said->size);
	lent->lent_left -= gone < lent->lent_left ? gone : lent->lent_left;
	if (lent->lent_left == 0)
		import_end(registry, lent);
}

/* Whether it was done, or would have been, nobody knows, nor what is kept of what was lent. */
static void not_answered(const struct round *round, struct msg_map_changed *answer)
{
	answer->error = round->errand.deserted ? EPERM : ETIMEDOUT;
	answer->exposed = is_exposed(round);
}

static void repeat(const struct msg_map_answer *said, struct msg_map_changed *answer)
{
	answer->error = said->error <= ERRNO_MAX ? said->error : EPROTO;
	answer->start = said->start;
	answer->size = said->size;
	answer->result = said->result;
	answer->again = said->again;
	answer->has_tag = said->has_tag;
	answer->tag = said->tag;
}

static void changed(struct registry *registry, struct round *round)
{
	const uint32_t change = round->request.map_change.change;
	struct call call = { registry, round->asker, &round->request };
	struct message answer = { .number = MSG_map_changed };
	struct msg_map_changed *m = &answer.map_changed;

	if (round->errand.by)
		repeat(&round->errand.answer, m);
	else
		not_answered(round, m);
	if (round->errand.by && change == WIRE_CHANGE_ATTACH)
		attached(registry, round, m);
	else if (round->errand.by && change == WIRE_CHANGE_DETACH)
		detached(registry, round);
	note(registry, "map.changed change=%u error=%u pid=%d uid=%u", change, m->error,
	     round->asker->identity.pid, round->asker->identity.uid);
	(void)call_answer(&call, &answer, ATTACH_NOTHING);
}

/* ---- the errand -------------------------------------------------------------------------- */

static struct attachment fill(const struct registry *registry, struct round *round,
			      struct message *message)
{
	const struct msg_map_change *asked = &round->request.map_change;
	const struct import *lent = round->errand.lent;

	(void)registry;
	/* The fields of the two are the same. */
	message->number = lent ? MSG_map_asked_region : MSG_map_asked;
	message->map_asked = (struct msg_map_asked){
		.change = asked->change,
		.asker = round->asker->named.key,
		.rights = asked->rights,
		.start = asked->start,
		.size = asked->size,
		.offset = asked->offset,
		.flags = asked->flags,
		.align = asked->align,
		.tag = asked->tag,
		.name = asked->name,
		.name_offset = asked->name_offset,
		.import = lent ? lent->named.id : 0,
		.region_size = lent ? lent->segment->size : 0,
	};
	return lent ? import_memory(lent) : ATTACH_NOTHING;
}

/* Who was never asked need not hear of it, who was may have attached it. */
static void abandon(struct registry *registry, struct import *lent, bool sent)
{
	if (sent)
		segment_end(registry, lent->segment, REASON_UNWANTED, NULL);
	else
		import_end(registry, lent);
}

static const struct errand_kind change_errand = { .fill = fill, .abandon = abandon };

int map_answer(const struct call *call)
{
	round_answered(call, &change_errand, &call->message->map_answer);
	return 0;
}

/* ---- asking ----------------------------------------------------------------------------- */

/* 0, or the request was refused. */
static int check_change(const struct call *call, const struct map *map)
{
	const struct msg_map_change *asked = &call->message->map_change;

	if (!map || map->client->leaving) {
		(void)call_refuse(call, EPERM,
				  "the map is not handed out any more: its process has taken "
				  "it back, or has ended");
		return -EPERM;
	}
	if (!map_allows(call, map)) {
		(void)call_refuse(
			call, EPERM,
			"the process does not hand its map out to this user any more");
		return -EPERM;
	}
	if (map->client == call->client || asked->change < WIRE_CHANGE_ATTACH ||
	    asked->change > WIRE_CHANGE_HIDE ||
	    (asked->region != 0 && asked->change != WIRE_CHANGE_ATTACH)) {
		(void)call_refuse(
			call, EINVAL,
			"another process's map is attached to, detached from, has areas "
			"set aside and forgotten, and pages hidden");
		return -EINVAL;
	}
	return 0;
}

/* 0, or the request was refused. */
static int check_lent(const struct call *call, const struct client *holder,
		      const struct region *region)
{
	const struct registry *registry = call->registry;

	if (!region) {
		(void)call_refuse(call, EBADF, "only the owner of a region lends it");
		return -EBADF;
	}
	if (region->sysv) {
		(void)call_refuse(call, EOPNOTSUPP, "memory of System V cannot be lent");
		return -EOPNOTSUPP;
	}
	if (region->fence != FENCE_NONE) {
		(void)call_refuse(call, EAGAIN,
				  "the region is being taken back; send region_fenced first");
		return -EAGAIN;
	}
	if (registry->imports.count < registry->config.imports_max &&
	    client_has_room(registry, holder))
		return 0;
	(void)call_refuse(call, EMFILE,
			  "the node has at most %u imports and a process at most %u regions, "
			  "exports and imports; detach some",
			  registry->config.imports_max, registry->config.per_client_max);
	return -EMFILE;
}

/* An import of @holder's of all of the region; NULL, and the request was refused. */
static struct import *lend(const struct call *call, struct client *holder)
{
	const struct msg_map_change *asked = &call->message->map_change;
	struct region *region = region_find_own(call, asked->region);
	struct msg_segment_create spec = { .region = asked->region };
	struct segment *segment;
	struct import *import;

	if (check_lent(call, holder, region) < 0)
		return NULL;
	spec.size = region->size;
	segment = segment_make(call, region, &spec);
	if (!segment)
		return NULL;
	segment->lent = true;
	import = import_add(call->registry, holder, segment, TRACT_RIGHT_READ | asked->given);
	if (import)
		return import;
	segment_end(call->registry, segment, REASON_DESTROYED, NULL);
	(void)call_refuse_memory(call);
	return NULL;
}

int map_change(const struct call *call)
{
	const struct msg_map_change *asked = &call->message->map_change;
	struct registry *registry = call->registry;
	const struct map *map = map_find(registry, asked->map);
	struct import *lent = NULL;
	struct round *round;

	if (check_change(call, map) < 0)
		return 0;
	if (asked->region != 0) {
		lent = lend(call, map->client);
		if (!lent)
			return 0;
	}
	if (round_begin(call, registry->config.hear_ns, changed, &round) < 0) {
		if (lent)
			import_end(registry, lent);
		return call_refuse_memory(call);
	}
	/* At the end it is to be known whether it was closed meanwhile. */
	if (lent)
		round_pin(round, lent->segment->region);
	round_send(registry, round, &change_errand, map->client, lent);
	round_settle(registry, round);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * rebind.c - other memory behind a segment
 *
 * Importers are told to move, and the exporter learns when they have: what they stored before
 * is then in the old memory, which stays as it is until that moment.  Only then does the epoch
 * rise, which fails the checks of those who did not come along.
 */
#include <errno.h>

#include "registry/import.h"

static bool has_importers(const struct segment *segment)
{
	const struct import *import;

	LIST_FOREACH (import, &segment->imports, of_segment)
		if (import_has_memory(import))
			return true;
	return false;
}

static void rebound(struct registry *registry, struct round *round)
{
	struct call call = { registry, round->asker, &round->request };
	struct segment *segment = segment_find(registry, round->segment);
	struct message answer = { .number = MSG_segment_rebound };

	/* Whoever asked is here, and what it asked for before has been answered. */
	board_begin_epoch(&registry->board, &registry->ports, segment->slot, segment->epoch);
	answer.segment_rebound.late = round->late;
	answer.segment_rebound.exposed = round->pinned->exposed;
	note(registry, "segment.rebound segment=%llu id=0x%x late=%u",
	     (unsigned long long)segment->named.key, segment->id, round->late);
	(void)call_answer(&call, &answer, ATTACH_NOTHING);
}

static void bind_to(struct segment *segment, struct region *region, uint64_t offset)
{
	LIST_REMOVE(segment, of_region);
	LIST_INSERT_HEAD(&region->segments, segment, of_region);
	segment->region = region;
	segment->offset = offset;
	segment->epoch++;
	segment->rebinds++;
}

/* 0, or the request was refused. */
static int check_rebind(const struct call *call, const struct segment *segment,
			const struct region *region)
{
	int error = 0;
	const char *rule = "";

	if (!segment) {
		error = EBADF;
		rule = "only the exporter rebinds an export";
	} else if (segment->governed) {
		error = ENOTSUP;
		rule = "an export of a shared region stays with its region";
	} else if (!segment->rebindable) {
		error = ENOTSUP;
		rule = "the export was not made to be rebound; make it with that flag";
	} else if (!region) {
		error = EBADF;
		rule = "an export is bound to memory of its own process";
	} else if (!region_contains(call->registry, region,
				    call->message->segment_rebind.offset, segment->size)) {
		error = EINVAL;
		rule = "an export is bound to whole pages inside a region";
	} else if (region->fence != FENCE_NONE) {
		error = EBUSY;
		rule = "that region is being taken back; send region_fenced first";
	} else if ((region->sysv || segment->region->sysv) && has_importers(segment)) {
		error = EOPNOTSUPP;
		rule = "importers cannot move to or from memory of System V; unpublish first";
	}
	if (error)
		(void)call_refuse(call, error, "%s", rule);
	return -error;
}

int segment_rebind(const struct call *call)
{
	const struct msg_segment_rebind *asked = &call->message->segment_rebind;
	struct registry *registry = call->registry;
	struct segment *segment = segment_find_own(call, asked->segment);
	struct region *region = region_find_own(call, asked->region);
	struct round *round;

	if (check_rebind(call, segment, region) < 0)
		return 0;
	if (round_begin(call, registry->config.hear_ns, rebound, &round) < 0)
		return call_refuse_memory(call);
	/* The old memory stays until everybody has left it, even if its owner closed it. */
	round_pin(round, segment->region);
	round->segment = segment->named.id;
	bind_to(segment, region, asked->offset);
	round_ask_all(registry, round, segment, NOTICE_MOVED);
	round_settle(registry, round);
	return 0;
}

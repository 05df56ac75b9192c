/* SPDX-License-Identifier: MIT */
/*
 * publish.c - ids that segments are published under
 *
 * Ids of the broker's choice are assigned upwards and start again only when all have been used,
 * so that who remembers an old one finds nothing rather than something else.
 */
#include <errno.h>

#include "registry/access.h"
#include "registry/state.h"

static int compare_ids(const struct segment *a, const struct segment *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

DEFINE_TREE(published, segment, by_published, compare_ids);

struct segment *published_find(const struct registry *registry, uint32_t id)
{
	struct published tree = registry->published;
	struct segment wanted;

	/* Only the id is compared, and the struct is large. */
	wanted.id = id;
	return id ? RB_FIND(published, &tree, &wanted) : NULL;
}

void published_add(struct registry *registry, struct segment *segment, uint32_t id)
{
	segment->id = id;
	(void)RB_INSERT(published, &registry->published, segment);
}

void published_remove(struct registry *registry, struct segment *segment)
{
	(void)RB_REMOVE(published, &registry->published, segment);
	segment->id = 0;
}

static uint32_t id_after(uint32_t id)
{
	return id == UINT32_MAX ? TRACT_SEGMENT_ID_ASSIGNED_FIRST : id + 1;
}

/* 0 if there is none. */
static uint32_t assign_id(struct registry *registry)
{
	uint32_t id = registry->next_id;

	/* One more than there are segments: one of these is not in use. */
	for (uint32_t tries = 0; tries <= registry->segments.count; tries++) {
		if (!published_find(registry, id)) {
			registry->next_id = id_after(id);
			return id;
		}
		id = id_after(id);
	}
	return 0;
}

static bool id_is_reserved(uint32_t id)
{
	return id != 0 && (id < TRACT_SEGMENT_ID_FREE_FIRST || id > TRACT_SEGMENT_ID_FREE_LAST);
}

int segment_publish(const struct call *call)
{
	const struct msg_segment_publish *asked = &call->message->segment_publish;
	struct registry *registry = call->registry;
	struct segment *segment = segment_find_own(call, asked->segment);
	struct message answer = { .number = MSG_segment_published };
	const char *rule = "";
	uint32_t id = asked->id;

	if (!segment)
		return call_refuse(call, EBADF, "only the exporter publishes an export");
	if (!segment->region)
		return call_refuse(
			call, ESTALE,
			"the mapping of the shared region that it stood on has ended; "
			"destroy the export");
	if (segment->id != 0)
		return call_refuse(call, EALREADY, "the export is published as 0x%x",
				   segment->id);
	if (id_is_reserved(id))
		return call_refuse(call, EPERM,
				   "id 0x%x is reserved; choose from 0x%x to 0x%x, or 0", id,
				   TRACT_SEGMENT_ID_FREE_FIRST, TRACT_SEGMENT_ID_FREE_LAST);
	if (access_check(&asked->access, registry->config.node, LIST_EMPTY(&registry->remotes),
			 &rule) < 0)
		return call_refuse(call, EINVAL, "%s", rule);
	if (published_find(registry, id))
		return call_refuse(call, EEXIST,
				   "id 0x%x is in use on this node; choose another", id);
	if (id == 0)
		id = assign_id(registry);
	if (id == 0)
		return call_refuse(call, ENOSPC, "no id is left to assign; choose one");
	segment->access = asked->access;
	published_add(registry, segment, id);
	note(registry, "segment.published segment=%llu id=0x%x size=%llu pid=%d uid=%u",
	     (unsigned long long)segment->named.key, id, (unsigned long long)segment->size,
	     call->client->identity.pid, call->client->identity.uid);
	answer.segment_published.id = id;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

int segment_republish(const struct call *call)
{
	const struct msg_segment_republish *asked = &call->message->segment_republish;
	struct segment *segment = segment_find_own(call, asked->segment);
	const char *rule = "";

	if (!segment)
		return call_refuse(call, EBADF, "only the exporter republishes an export");
	if (segment->id == 0)
		return call_refuse(call, ENOENT, "the export is not published");
	if (access_check(&asked->access, call->registry->config.node,
			 LIST_EMPTY(&call->registry->remotes), &rule) < 0)
		return call_refuse(call, EINVAL, "%s", rule);
	segment->access = asked->access;
	note(call->registry, "segment.republished segment=%llu id=0x%x access=%u",
	     (unsigned long long)segment->named.key, segment->id, asked->access.count);
	return call_done(call);
}

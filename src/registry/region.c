/* SPDX-License-Identifier: MIT */
#include "registry/region.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "registry/state.h"

static struct region *region_of(struct named *named)
{
	return named ? container_of(named, struct region, named) : NULL;
}

struct region *region_find(const struct registry *registry, uint64_t id)
{
	return region_of(names_find(&registry->regions, id));
}

struct region *region_find_own(const struct call *call, uint64_t id)
{
	struct region *region = region_find(call->registry, id);

	return region && region->client == call->client && !region->closed ? region : NULL;
}

bool region_contains(const struct registry *registry, const struct region *region,
		     uint64_t offset, uint64_t size)
{
	uint64_t end = 0;

	return size > 0 && is_multiple(offset, registry->config.page_size) &&
	       is_multiple(size, registry->config.page_size) && add_fits(offset, size, &end) &&
	       end <= region->size;
}

void region_end(struct registry *registry, struct region *region)
{
	const struct ports *ports = &registry->ports;
	bool empty = region->exposed && !region->client->survives;

	names_remove(&registry->regions, &region->named);
	fence_drop(registry, region);
	if (region->object)
		ports->object_drop(ports->body, region->object, empty);
	user_refund(registry, region->payer, region->size);
	note(registry, "region.ended region=%llu size=%llu emptied=%d",
	     (unsigned long long)region->named.key, (unsigned long long)region->size, empty);
	LIST_REMOVE(region, of_client);
	region->client->region_count--;
	free(region);
}

void region_reap(struct registry *registry, struct region *region)
{
	if (region->closed && region->pins == 0 && LIST_EMPTY(&region->segments))
		region_end(registry, region);
}

/* ---- making ----------------------------------------------------------------------------- */

/* NULL, and the request was refused.  The region has no backing yet. */
static struct region *region_prepare(const struct call *call, uint64_t size)
{
	struct region *region;

	if (size == 0 || !is_multiple(size, call->registry->config.page_size)) {
		(void)call_refuse(call, EINVAL, "a region has a size, in whole pages");
		return NULL;
	}
	if (!client_has_room(call->registry, call->client)) {
		(void)call_refuse(
			call, EMFILE,
			"a process has at most %u regions, exports and imports; close "
			"some, or raise max-per-process in tract.conf",
			call->registry->config.per_client_max);
		return NULL;
	}
	region = registry_alloc(sizeof(*region));
	if (!region) {
		(void)call_refuse_memory(call);
		return NULL;
	}
	if (user_charge(call, size) < 0) {
		free(region);
		return NULL;
	}
	region->size = size;
	return region;
}

static void region_keep(const struct call *call, struct region *region)
{
	struct registry *registry = call->registry;

	region->client = call->client;
	region->payer = call->client->user;
	LIST_INIT(&region->segments);
	region->named.id = registry_draw(registry, &registry->regions);
	region->named.key = registry_new_key(registry);
	names_add(&registry->regions, &region->named);
	LIST_INSERT_HEAD(&call->client->regions, region, of_client);
	call->client->region_count++;
	note(registry, "region.created region=%llu size=%llu pid=%d uid=%u",
	     (unsigned long long)region->named.key, (unsigned long long)region->size,
	     call->client->identity.pid, call->client->identity.uid);
}

static int region_give_up(const struct call *call, struct region *region, int error)
{
	user_refund(call->registry, call->client->user, region->size);
	free(region);
	switch (error) {
	case -EPERM:
		return call_refuse(
			call, EPERM,
			"what was offered is no shareable object of that size; offer "
			"a memfd, sealed against shrinking, open for both");
	case -EMFILE:
		return call_refuse(call, EMFILE,
				   "the broker is out of descriptors; close something first");
	default:
		return call_refuse(
			call, ENOMEM,
			"the host has not that much memory to promise; ask for less");
	}
}

static int region_known(const struct call *call, const struct region *region)
{
	struct message answer = { .number = MSG_region_known };

	answer.region_known.region = region->named.id;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/*
 * How much of a new region the caller gives back while it fills it: what it says, but no more
 * than it has.  A page is asked for always, so that what it was promised before is counted: who
 * says too much is promised that once, and not again and again.
 */
static uint64_t replaced_by(const struct call *call, const struct region *made)
{
	const struct ports *ports = &call->registry->ports;
	uint64_t said = call->message->region_create.replaces, has;
	const struct region *region;

	if (said > made->size - call->registry->config.page_size)
		said = made->size - call->registry->config.page_size;
	if (said == 0)
		return 0;
	has = ports->client_memory(ports->body, call->client->named.id);
	LIST_FOREACH (region, &call->client->regions, of_client) {
		if (has >= said)
			break;
		if (!region->sysv)
			has += ports->object_resident(ports->body, region->object);
	}
	return said < has ? said : has;
}

int region_create(const struct call *call)
{
	const struct ports *ports = &call->registry->ports;
	struct region *region = region_prepare(call, call->message->region_create.size);
	struct message answer = { .number = MSG_region_created };
	int r;

	if (!region)
		return 0;
	region->object = registry_new_object(call->registry);
	r = ports->object_make(ports->body, region->object, region->size,
			       replaced_by(call, region), 0);
	if (r < 0)
		return region_give_up(call, region, r);
	region_keep(call, region);
	answer.region_created.region = region->named.id;
	return call_answer(call, &answer, attach(ATTACH_OBJECT_WRITE, region->object));
}

int region_offer(const struct call *call)
{
	const struct ports *ports = &call->registry->ports;
	struct region *region = region_prepare(call, call->message->region_offer.size);
	int r;

	if (!region)
		return 0;
	region->object = registry_new_object(call->registry);
	r = ports->object_take(ports->body, region->object, region->size);
	if (r < 0)
		return region_give_up(call, region, r);
	region_keep(call, region);
	return region_known(call, region);
}

int region_sysv(const struct call *call)
{
	struct region *region = region_prepare(call, call->message->region_sysv.size);

	if (!region)
		return 0;
	region->sysv = true;
	region->shmid = call->message->region_sysv.shmid;
	region_keep(call, region);
	return region_known(call, region);
}

int region_close(const struct call *call)
{
	struct region *region = region_find_own(call, call->message->region_close.region);

	if (!region) {
		note(call->registry, "region.unknown call=region_close pid=%d uid=%u",
		     call->client->identity.pid, call->client->identity.uid);
		return 0;
	}
	region->closed = true;
	region_reap(call->registry, region);
	return 0;
}

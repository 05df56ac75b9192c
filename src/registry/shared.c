/* SPDX-License-Identifier: MIT */
#include "registry/shared.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "registry/takeback.h"

#define FLAGS_KNOWN 0xfu /* of shared_create */

bool permission_is_valid(uint32_t permission)
{
	return permission == PERMIT_READ || permission == (PERMIT_READ | PERMIT_WRITE) ||
	       permission == PERMIT_EXECUTE || permission == (PERMIT_READ | PERMIT_EXECUTE) ||
	       permission == (PERMIT_READ | PERMIT_WRITE | PERMIT_EXECUTE);
}

static struct shared *shared_of(struct named *named)
{
	return named ? container_of(named, struct shared, named) : NULL;
}

struct shared *shared_find(const struct registry *registry, uint64_t number)
{
	return shared_of(names_find(&registry->shareds, number));
}

static void owner_forget(struct shared *shared)
{
	if (!shared->owner)
		return;
	LIST_REMOVE(shared, of_owner);
	shared->owner->shared_count--;
	shared->owner = NULL;
}

void owner_set(struct shared *shared, struct client *owner)
{
	owner_forget(shared);
	shared->owner = owner;
	LIST_INSERT_HEAD(&owner->shareds, shared, of_owner);
	owner->shared_count++;
}

/* ---- the custodian ---------------------------------------------------------------------- */

int custodian_init(struct registry *registry)
{
	struct client *client = registry_alloc(sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->identity.uid = registry->config.broker_uid;
	LIST_INIT(&client->regions);
	LIST_INIT(&client->segments);
	LIST_INIT(&client->imports);
	LIST_INIT(&client->pipes);
	TAILQ_INIT(&client->waits);
	TAILQ_INIT(&client->owed);
	registry->custodian = client;
	names_init(&registry->shareds);
	TAILQ_INIT(&registry->copies);
	return 0;
}

void custodian_deinit(struct registry *registry)
{
	free(registry->custodian);
}

bool segment_is_window(const struct registry *registry, const struct segment *segment)
{
	return segment->client == registry->custodian;
}

/* ---- its end ---------------------------------------------------------------------------- */

static void shared_end(struct registry *registry, struct shared *shared)
{
	note(registry, "shared.ended shared=%llu size=%llu",
	     (unsigned long long)shared->named.key, (unsigned long long)shared->region->size);
	owner_forget(shared);
	segment_end(registry, shared->window, REASON_DESTROYED, NULL);
	region_end(registry, shared->region);
	names_remove(&registry->shareds, &shared->named);
	user_unref(registry, shared->payer);
	free(shared);
}

void shared_reap(struct registry *registry, struct shared *shared)
{
	if (!shared->owner && shared->mapped == 0 && !shared->takeback)
		shared_end(registry, shared);
}

void shared_owner_left(struct registry *registry, struct client *client)
{
	struct shared *shared;

	while ((shared = LIST_FIRST(&client->shareds))) {
		owner_forget(shared);
		note(registry, "shared.orphaned shared=%llu mapped=%u",
		     (unsigned long long)shared->named.key, shared->mapped);
		shared_reap(registry, shared);
	}
}

int shared_destroy(const struct call *call)
{
	struct shared *shared =
		shared_find(call->registry, call->message->shared_destroy.shared);

	if (!shared || !shared_concerns(shared, call->client))
		return call_refuse(call, ENOENT, "there is no such region");
	if (shared->owner != call->client)
		return call_refuse(call, EACCES, "only its owner ends a region");
	if (shared->takeback || shared->mapped > 0)
		return call_refuse(call, EBUSY,
				   "%u processes have the region mapped; unmap it first",
				   shared->mapped);
	shared_end(call->registry, shared);
	return call_done(call);
}

/* ---- making ----------------------------------------------------------------------------- */

static int refuse_making(const struct call *call, int error)
{
	switch (error) {
	case -EMFILE:
		return call_refuse(call, EMFILE,
				   "the broker is out of descriptors, or every slot of the "
				   "node's board is taken; end something first");
	default:
		return call_refuse(
			call, ENOMEM,
			"the host has not that much memory to promise; ask for less");
	}
}

/* 0, or the request was refused. */
static int check_create(const struct call *call, uint64_t *ret_size)
{
	const struct msg_shared_create *asked = &call->message->shared_create;
	uint64_t page = call->registry->config.page_size, size = 0;
	int error = 0;
	const char *rule = "";

	if (asked->size == 0 || !add_fits(asked->size, page - 1, &size)) {
		error = EINVAL;
		rule = "a region has a size that can be rounded up to whole pages";
	} else if (!permission_is_valid(asked->ceiling)) {
		error = EBADMSG;
		rule = "a ceiling is read 1, write 3, execute 4, read and execute 5, or all 7";
	} else if (asked->flags & ~FLAGS_KNOWN) {
		error = EINVAL;
		rule = "a flag is unknown";
	} else if (!client_has_room(call->registry, call->client)) {
		error = EMFILE;
		rule = "a process has no room for one more region; raise max-per-process in "
		       "tract.conf";
	}
	if (error)
		(void)call_refuse(call, error, "%s", rule);
	*ret_size = size & ~(page - 1);
	return -error;
}

static void window_keep(struct registry *registry, struct shared *shared, uint32_t slot)
{
	struct segment *window = shared->window;

	window->client = registry->custodian;
	window->region = shared->region;
	window->size = shared->region->size;
	window->slot = slot;
	window->epoch = board_epoch(&registry->board, slot);
	window->since = registry_now(registry);
	LIST_INIT(&window->imports);
	window->named.id = registry_draw(registry, &registry->segments);
	window->named.key = registry_new_key(registry);
	names_add(&registry->segments, &window->named);
	LIST_INSERT_HEAD(&registry->custodian->segments, window, of_client);
	LIST_INSERT_HEAD(&shared->region->segments, window, of_region);
	registry->custodian->segment_count++;
}

static void region_hold(struct registry *registry, struct region *region, struct user *payer)
{
	region->client = registry->custodian;
	region->payer = payer;
	LIST_INIT(&region->segments);
	region->named.id = registry_draw(registry, &registry->regions);
	region->named.key = registry_new_key(registry);
	names_add(&registry->regions, &region->named);
	LIST_INSERT_HEAD(&registry->custodian->regions, region, of_client);
	registry->custodian->region_count++;
}

static void shared_keep(const struct call *call, struct shared *shared, uint32_t slot)
{
	const struct msg_shared_create *asked = &call->message->shared_create;
	struct registry *registry = call->registry;

	region_hold(registry, shared->region, call->client->user);
	window_keep(registry, shared, slot);
	owner_set(shared, call->client);
	shared->payer = user_ref(call->client->user);
	shared->ceiling = asked->ceiling;
	shared->node = asked->node;
	shared->flags = asked->flags;
	RB_INIT(&shared->mappings);
	shared->named.id = shared->named.key = ++registry->last_shared;
	names_add(&registry->shareds, &shared->named);
	note(registry, "shared.created shared=%llu size=%llu ceiling=%u pid=%d uid=%u",
	     (unsigned long long)shared->named.key, (unsigned long long)shared->region->size,
	     shared->ceiling, call->client->identity.pid, call->client->identity.uid);
}

static void discard(struct shared *shared)
{
	if (!shared)
		return;
	free(shared->region);
	free(shared->window);
	free(shared);
}

/* Its three records, empty, or NULL. */
static struct shared *shared_alloc(uint64_t size)
{
	struct shared *shared = registry_alloc(sizeof(*shared));

	if (!shared)
		return NULL;
	shared->region = registry_alloc(sizeof(*shared->region));
	shared->window = registry_alloc(sizeof(*shared->window));
	if (!shared->region || !shared->window) {
		discard(shared);
		return NULL;
	}
	shared->region->size = size;
	return shared;
}

/* Its object, and a slot of the board. */
static int shared_furnish(const struct call *call, struct shared *shared, uint32_t *ret_slot)
{
	struct registry *registry = call->registry;
	const struct ports *ports = &registry->ports;
	struct region *region = shared->region;
	int r;

	r = board_take(&registry->board, ports, ret_slot);
	if (r < 0)
		return r;
	region->object = registry_new_object(registry);
	r = ports->object_make(ports->body, region->object, region->size, 0, 0);
	if (r < 0)
		board_give(&registry->board, *ret_slot);
	return r;
}

static int answer_known(const struct call *call, const struct shared *shared)
{
	struct message answer = { .number = MSG_shared_known };

	answer.shared_known = (struct msg_shared_known){
		.shared = shared->named.key,
		.size = shared->region->size,
		.ceiling = shared->ceiling,
		.node = shared->node,
		.flags = shared->flags,
		.owner = shared->owner ? shared->owner->named.key : 0,
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

int shared_create(const struct call *call)
{
	struct shared *shared;
	uint64_t size;
	uint32_t slot;
	int r;

	if (check_create(call, &size) < 0)
		return 0;
	shared = shared_alloc(size);
	if (!shared)
		return call_refuse_memory(call);
	if (user_charge(call, size) < 0) {
		discard(shared);
		return 0;
	}
	r = shared_furnish(call, shared, &slot);
	if (r < 0) {
		user_refund(call->registry, call->client->user, size);
		discard(shared);
		return refuse_making(call, r);
	}
	shared_keep(call, shared, slot);
	return answer_known(call, shared);
}

/* ---- looking ---------------------------------------------------------------------------- */

bool shared_concerns(const struct shared *shared, const struct client *client)
{
	return shared->owner == client || shared_mapping_of(shared, client);
}

int shared_open(const struct call *call)
{
	const struct shared *shared =
		shared_find(call->registry, call->message->shared_open.shared);

	if (!shared || !shared_concerns(shared, call->client))
		return call_refuse(call, ENOENT, "there is no such region");
	return answer_known(call, shared);
}

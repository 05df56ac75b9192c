/* SPDX-License-Identifier: MIT */
/*
 * shared.c - life and death of regions that have an owner
 */
#include "registry/shared.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "registry/holding.h"
#include "registry/kept.h"
#include "registry/move.h"
#include "registry/remote.h"
#include "registry/snapshot.h"
#include "registry/stand.h"
#include "registry/takeback.h"

bool permission_is_valid(uint32_t permission)
{
	return permission == PERMIT_READ || permission == (PERMIT_READ | PERMIT_WRITE) ||
	       permission == PERMIT_EXECUTE || permission == (PERMIT_READ | PERMIT_EXECUTE) ||
	       permission == (PERMIT_READ | PERMIT_WRITE | PERMIT_EXECUTE);
}

struct shared *shared_of(struct named *named)
{
	return named ? container_of(named, struct shared, named) : NULL;
}

struct shared *shared_find(const struct registry *registry, uint64_t number)
{
	return shared_of(names_find(&registry->shareds, number));
}

static void leave_owner(struct shared *shared)
{
	LIST_REMOVE(shared, of_owner);
	if (shared->owner)
		shared->owner->shared_count--;
	shared->owner = NULL;
}

static void owner_forget(struct registry *registry, struct shared *shared)
{
	leave_owner(shared);
	LIST_INSERT_HEAD(&registry->orphans, shared, of_owner);
}

void owner_set(struct shared *shared, struct client *owner)
{
	leave_owner(shared);
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
	LIST_INIT(&registry->making);
	LIST_INIT(&registry->orphans);
	LIST_INIT(&registry->leaks);
	TAILQ_INIT(&registry->takebacks);
	TAILQ_INIT(&registry->jobs);
	cap_space_init(&registry->caps, registry->ports.random(registry->ports.body));
	return 0;
}

void custodian_deinit(struct registry *registry)
{
	cap_space_deinit(&registry->caps);
	free(registry->custodian);
}

bool segment_is_window(const struct registry *registry, const struct segment *segment)
{
	return segment->client == registry->custodian;
}

static void window_keep(struct registry *registry, struct segment *window,
			struct region *region, uint32_t slot)
{
	window->client = registry->custodian;
	window->region = region;
	window->size = region->size;
	window->slot = slot;
	window->epoch = board_epoch(&registry->board, slot);
	window->since = registry_now(registry);
	LIST_INIT(&window->imports);
	window->named.id = registry_draw(registry, &registry->segments);
	window->named.key = registry_new_key(registry);
	names_add(&registry->segments, &window->named);
	LIST_INSERT_HEAD(&registry->custodian->segments, window, of_client);
	LIST_INSERT_HEAD(&region->segments, window, of_region);
	registry->custodian->segment_count++;
}

void custodian_keep(struct registry *registry, struct region *region, struct segment *window,
		    struct user *payer, uint32_t slot)
{
	region->client = registry->custodian;
	region->payer = payer;
	LIST_INIT(&region->segments);
	region->named.id = registry_draw(registry, &registry->regions);
	region->named.key = registry_new_key(registry);
	names_add(&registry->regions, &region->named);
	LIST_INSERT_HEAD(&registry->custodian->regions, region, of_client);
	registry->custodian->region_count++;
	window_keep(registry, window, region, slot);
}

void custodian_drop(struct registry *registry, struct region *region, struct segment *window)
{
	segment_end(registry, window, REASON_DESTROYED, NULL);
	region_end(registry, region);
}

/* ---- its end ---------------------------------------------------------------------------- */

void shared_free(struct shared *shared)
{
	if (!shared)
		return;
	free(shared->region);
	free(shared->window);
	free(shared);
}

static void shared_end(struct registry *registry, struct shared *shared)
{
	note(registry, "shared.ended shared=%llu size=%llu",
	     (unsigned long long)shared->named.key, (unsigned long long)shared->region->size);
	leave_owner(shared);
	/* Also those of snapshots, which go with their capabilities. */
	holding_end_all(registry, shared);
	custodian_drop(registry, shared->region, shared->window);
	names_remove(&registry->shareds, &shared->named);
	user_unref(registry, shared->payer);
	kept_forget(shared);
	stand_forget(shared);
	free(shared);
}

bool shared_is_unused(const struct shared *shared)
{
	return !shared->owner && shared->mapped == 0 && shared->caps.offers == 0;
}

void shared_reap(struct registry *registry, struct shared *shared)
{
	if (shared_is_unused(shared) && !shared->takeback && !shared->held && shared->named.key)
		shared_end(registry, shared);
}

void shared_owner_left(struct registry *registry, struct client *client)
{
	struct shared *shared;

	while ((shared = LIST_FIRST(&client->shareds))) {
		owner_forget(registry, shared);
		note(registry, "shared.orphaned shared=%llu mapped=%u offers=%u",
		     (unsigned long long)shared->named.key, shared->mapped,
		     shared->caps.offers);
		shared_reap(registry, shared);
	}
}

int shared_destroy(const struct call *call)
{
	struct shared *shared =
		shared_find(call->registry, call->message->shared_destroy.shared);

	if (!shared)
		return call_refuse(call, ENOENT, "there is no such region");
	if (shared->owner != call->client &&
	    !cap_held_on(&call->client->caps, &shared->caps, CAP_DELETE))
		return call_refuse(call, EACCES,
				   "a region is ended by its owner, or who has the right to");
	if (shared->takeback || shared->mapped > 0 || shared->caps.offers > 0)
		return call_refuse(
			call, EBUSY,
			"%u processes have the region mapped, and %u may take offers "
			"and grants; unmap and revoke them first",
			shared->mapped, shared->caps.offers);
	if (guests_may_reach(call->registry, shared->region->object))
		return call_refuse(call, EBUSY,
				   "another node has not heard yet that what was exported of "
				   "the region has ended; try again");
	shared_end(call->registry, shared);
	return call_done(call);
}

/* ---- looking ---------------------------------------------------------------------------- */

bool shared_is_known_to(const struct shared *shared, const struct client *client)
{
	const struct cap *cap;

	LIST_FOREACH (cap, &client->caps.caps, of_table)
		if (cap->object == &shared->caps)
			return true;
	return false;
}

bool shared_concerns(const struct shared *shared, const struct client *client)
{
	return shared->owner == client || shared_mapping_of(shared, client) ||
	       shared_is_known_to(shared, client);
}

enum shared_state shared_state(const struct shared *shared)
{
	if (takeback_rekeys(shared))
		return SHARED_REKEYING;
	if (shared->caps.moving)
		return SHARED_MOVING;
	if (!shared->owner)
		return SHARED_ORPHAN;
	return shared->frozen ? SHARED_FROZEN : SHARED_OWNED;
}

static uint64_t align_of(const struct registry *registry, const struct region *region)
{
	return registry->ports.object_page(registry->ports.body, region->object);
}

int shared_answer_known(const struct call *call, const struct shared *shared)
{
	struct message answer = { .number = MSG_shared_known };

	answer.shared_known = (struct msg_shared_known){
		.shared = shared->named.key,
		.size = shared->region->size,
		.ceiling = shared->ceiling,
		.node = shared->node,
		.flags = shared->flags,
		.owner = shared->owner ? shared->owner->named.key : 0,
		.cache = shared->cache,
		.state = shared_state(shared),
		.mapped = shared->mapped,
		.pending = shared->caps.offers,
		.backing = shared->backing,
		.align = align_of(call->registry, shared->region),
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

int shared_open(const struct call *call)
{
	const struct shared *shared =
		shared_find(call->registry, call->message->shared_open.shared);

	if (!shared || !shared_concerns(shared, call->client))
		return call_refuse(call, ENOENT, "there is no such region");
	return shared_answer_known(call, shared);
}

/* ---- owners ----------------------------------------------------------------------------- */

/* 0, or the request was refused. */
static int check_give(const struct call *call, const struct shared *shared,
		      const struct client *to)
{
	int error = 0;
	const char *rule = "";

	if (!shared) {
		error = ENOENT;
		rule = "there is no such region";
	} else if (shared->owner != call->client) {
		error = EACCES;
		rule = "only its owner gives a region away";
	} else if (!to) {
		error = ESRCH;
		rule = "there is no such process";
	} else if (shared_state(shared) == SHARED_MOVING ||
		   shared_state(shared) == SHARED_REKEYING) {
		error = EBUSY;
		rule = "the region is changing its owner or its memory; try again";
	}
	if (error)
		(void)call_refuse(call, error, "%s", rule);
	return -error;
}

/* It is, whatever became of the memory that the old owner had exported. */
static void given(struct registry *registry, struct takeback *t)
{
	struct call call = { registry, t->round->asker, &t->round->request };

	if (call.client)
		(void)call_done(&call);
}

/* Nobody is to see what the new owner does through what the old one exported: what answers
 * then, or NULL.  0, -ENOMEM. */
static int prepare_given(const struct call *call, struct shared *shared, struct takeback **ret)
{
	const struct mapping *mapping = shared_mapping_of(shared, call->client);

	bool exports = mapping && !LIST_EMPTY(&mapping->exports);

	*ret = NULL;
	/* Or had exported, and another node has not heard yet that it has lost its mapping. */
	if (!exports && !guests_may_reach(call->registry, shared->region->object))
		return 0;
	return stand_prepare(call, shared, given, ret);
}

static int answer_given(const struct call *call, struct takeback *t)
{
	if (!t || !stand_answers_later(call->registry, t))
		return call_done(call);
	takeback_go(call->registry, t);
	return 0;
}

static void give(struct registry *registry, struct shared *shared, const struct client *from,
		 struct client *to)
{
	shared->region->payer = shared->payer;
	owner_set(shared, to);
	stand_owner_left(registry, shared, from);
	note(registry, "shared.given shared=%llu to=%llu",
	     (unsigned long long)shared->named.key, (unsigned long long)to->named.key);
}

/* 0, or the request was refused. */
static int hand_over(const struct call *call, struct shared *shared, struct client *to)
{
	int r;

	r = cap_hand_over(&shared->caps, &to->caps);
	if (r < 0) {
		(void)holding_refuse(call, r);
		return r;
	}
	r = user_recharge(call, &shared->payer, to->user, shared->region->size);
	/* It has room for what it had a moment ago. */
	if (r < 0)
		(void)cap_hand_over(&shared->caps, &call->client->caps);
	return r < 0 ? r : 0;
}

int shared_give(const struct call *call)
{
	const struct msg_shared_give *asked = &call->message->shared_give;
	struct registry *registry = call->registry;
	struct shared *shared = shared_find(registry, asked->shared);
	struct client *to = process_find(registry, asked->process);
	struct takeback *t;

	if (check_give(call, shared, to) < 0)
		return 0;
	if (prepare_given(call, shared, &t) < 0)
		return call_refuse_memory(call);
	if (hand_over(call, shared, to) < 0) {
		if (t)
			takeback_discard(registry, t);
		return 0;
	}
	give(registry, shared, call->client, to);
	return answer_given(call, t);
}

/* Who had more, and was taken it back from, may have it until it has obeyed, or its node has
 * heard. */
static bool may_be_had_still(const struct registry *registry, const struct shared *shared)
{
	return shared->takeback || guests_may_reach(registry, shared->region->object);
}

int shared_lower(const struct call *call)
{
	const struct msg_shared_lower *asked = &call->message->shared_lower;
	struct shared *shared = shared_find(call->registry, asked->shared);
	const struct mapping *mapping;

	if (!permission_is_valid(asked->ceiling))
		return call_refuse(call, EBADMSG,
				   "a ceiling is read 1, write 3, execute 4, read and execute "
				   "5, or all 7");
	if (!shared)
		return call_refuse(call, ENOENT, "there is no such region");
	if (shared->owner != call->client || asked->ceiling & ~shared->ceiling)
		return call_refuse(call, EACCES,
				   "a ceiling is lowered by the owner, and never raised");
	/* What its receiver may have was looked at, and is not there yet. */
	if (shared->caps.moving && move_is_being_taken(shared->caps.moving))
		return call_refuse(call, EBUSY, "the region is changing its owner; try again");
	for (mapping = shared_mapping_after(shared, 0); mapping;
	     mapping = shared_mapping_after(shared, mapping->import->client->named.key))
		if (mapping->permission & ~asked->ceiling)
			return call_refuse(call, EBUSY,
					   "a process has it mapped with more; unmap it first");
	if (asked->ceiling != shared->ceiling && may_be_had_still(call->registry, shared))
		return call_refuse(call, EBUSY,
				   "what was taken back of it may be used still, here or on "
				   "another node; try again");
	shared->ceiling = asked->ceiling;
	cap_object_lower(&shared->caps, shared->caps.ceiling & asked->ceiling);
	return call_done(call);
}

/* SPDX-License-Identifier: MIT */
/*
 * shared_make.c - shared regions are made with all their pages
 *
 * So that who maps one later does not fault for want of memory.  What does not fit into one
 * slice is made between two looks at the clients; until then the region has no number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "registry/holding.h"
#include "registry/job.h"
#include "registry/takeback.h"

#define FLAGS_KNOWN \
	(SHARED_STRICT_NODE | SHARED_CACHE_FALLBACK | SHARED_FREEZABLE | SHARED_HUGE_PAGES)

struct making {
	struct job job;
	struct round *round; /* of the request; NULL: it is answered at once */
	struct shared *shared;
	uint64_t filled;
	uint64_t huge; /* pages of the host's, in huge pages */
};

/* ---- what was asked --------------------------------------------------------------------- */

/* What is in force: 0, or what was asked for; or -EBADMSG, -EOPNOTSUPP. */
static int choose_cache(const struct call *call, uint32_t *ret_cache)
{
	const struct msg_shared_create *asked = &call->message->shared_create;
	const struct ports *ports = &call->registry->ports;
	int r;

	*ret_cache = asked->cache;
	r = ports->cache_check(ports->body, asked->cache);
	if (r == -EINVAL)
		return -EBADMSG;
	if (r == -EOPNOTSUPP && asked->flags & SHARED_CACHE_FALLBACK) {
		*ret_cache = 0;
		return 0;
	}
	return r;
}

/* 0, or the request was refused. */
static int check_create(const struct call *call, uint64_t *ret_size, uint32_t *ret_cache)
{
	const struct msg_shared_create *asked = &call->message->shared_create;
	uint64_t page = call->registry->config.page_size, size = 0;
	int error = -choose_cache(call, ret_cache);
	const char *rule = "write-back is the only cache policy of ordinary memory";

	if (asked->size == 0 || !add_fits(asked->size, page - 1, &size)) {
		error = EINVAL;
		rule = "a region has a size that can be rounded up to whole pages";
	} else if (!permission_is_valid(asked->ceiling)) {
		error = EBADMSG;
		rule = "a ceiling is read 1, write 3, execute 4, read and execute 5, or all 7";
	} else if (error == EBADMSG) {
		rule = "a cache policy is 0 to 3";
	} else if (asked->flags & ~FLAGS_KNOWN) {
		error = EINVAL;
		rule = "a flag is unknown";
	} else if (!error && !client_has_room(call->registry, call->client)) {
		error = EMFILE;
		rule = "a process has no room for one more region; raise max-per-process in "
		       "tract.conf";
	}
	if (error)
		(void)call_refuse(call, error, "%s", rule);
	*ret_size = size & ~(page - 1);
	return -error;
}

static int refuse_making(const struct call *call, int error)
{
	switch (error) {
	case -EMFILE:
		return call_refuse(call, EMFILE,
				   "the broker is out of descriptors, or every slot of the "
				   "node's board is taken; end something first");
	case -ENODEV:
		return call_refuse(call, ENODEV,
				   "the host has no such NUMA node with memory, or the broker "
				   "may not use it");
	case -EOPNOTSUPP:
		return call_refuse(call, EOPNOTSUPP,
				   "the host does not let the broker place memory on nodes");
	case -EDQUOT:
		return holding_refuse(call, error);
	default:
		return call_refuse(
			call, ENOMEM,
			"the host, or the node, has not that much memory; ask for less");
	}
}

/* ---- records ---------------------------------------------------------------------------- */

/* Its three records, empty, or NULL. */
static struct shared *shared_alloc(uint64_t size)
{
	struct shared *shared = registry_alloc(sizeof(*shared));

	if (!shared)
		return NULL;
	shared->region = registry_alloc(sizeof(*shared->region));
	shared->window = registry_alloc(sizeof(*shared->window));
	if (!shared->region || !shared->window) {
		shared_free(shared);
		return NULL;
	}
	shared->region->size = size;
	RB_INIT(&shared->mappings);
	LIST_INIT(&shared->snapshots);
	LIST_INIT(&shared->kept);
	TAILQ_INIT(&shared->queue);
	return shared;
}

static int make_object(const struct call *call, struct region *region)
{
	const struct msg_shared_create *asked = &call->message->shared_create;
	const struct ports *ports = &call->registry->ports;
	int r;

	region->flags = (asked->flags & SHARED_FREEZABLE ? OBJECT_FREEZABLE : 0u) |
			(asked->flags & SHARED_HUGE_PAGES ? OBJECT_HUGE : 0u);
	region->placed = asked->node != SHARED_NODE_ANY;
	region->node = asked->node;
	region->strict = asked->flags & SHARED_STRICT_NODE;
	region->object = registry_new_object(call->registry);
	r = ports->object_make(ports->body, region->object, region->size, 0, region->flags);
	if (r < 0 || !region->placed)
		return r;
	r = ports->object_place(ports->body, region->object, region->node, region->strict);
	if (r < 0)
		ports->object_drop(ports->body, region->object, false);
	return r;
}

/* Its object, its root, and a slot of the board; all or nothing. */
static int shared_furnish(const struct call *call, struct shared *shared, uint32_t *ret_slot)
{
	const struct msg_shared_create *asked = &call->message->shared_create;
	struct registry *registry = call->registry;
	const struct ports *ports = &registry->ports;
	int r;

	r = board_take(&registry->board, ports, ret_slot);
	if (r < 0)
		return r;
	r = make_object(call, shared->region);
	if (r == 0) {
		r = cap_object_init(&shared->caps, &registry->caps, 0, asked->ceiling,
				    &call->client->caps);
		if (r < 0)
			ports->object_drop(ports->body, shared->region->object, false);
	}
	if (r < 0)
		board_give(&registry->board, *ret_slot);
	return r;
}

static void shared_keep(const struct call *call, struct shared *shared, uint32_t slot,
			uint32_t cache)
{
	const struct msg_shared_create *asked = &call->message->shared_create;

	custodian_keep(call->registry, shared->region, shared->window, call->client->user,
		       slot);
	shared->window->shared = shared;
	shared->payer = user_ref(call->client->user);
	shared->ceiling = asked->ceiling;
	shared->node = asked->node;
	shared->flags = asked->flags;
	shared->cache = cache;
	shared->since = registry_now(call->registry);
	shared->reached = FORCE_BY_USER;
	LIST_INSERT_HEAD(&call->registry->making, shared, of_owner);
}

/* ---- pages ------------------------------------------------------------------------------ */

static int fill_slice(struct registry *registry, struct making *making)
{
	const struct ports *ports = &registry->ports;
	const struct region *region = making->shared->region;
	uint64_t size = job_slice(region->size, making->filled);
	struct object_pages pages;
	int r;

	r = ports->object_fill(ports->body, region->object, making->filled, size);
	if (r < 0)
		return r;
	if (region->flags & OBJECT_HUGE) {
		(void)memset(&pages, 0, sizeof(pages));
		if (ports->object_measure(ports->body, region->object, making->filled, size,
					  &pages) == 0)
			making->huge += pages.huge;
	}
	making->filled += size;
	return 0;
}

/* All of it is of huge pages, or the flag is not told. */
static void judge_flags(const struct registry *registry, const struct making *making)
{
	struct shared *shared = making->shared;

	if (making->huge * registry->config.page_size < shared->region->size)
		shared->flags &= ~(uint32_t)SHARED_HUGE_PAGES;
}

static void made(struct registry *registry, const struct making *making, struct client *owner)
{
	struct shared *shared = making->shared;

	owner_set(shared, owner);
	judge_flags(registry, making);
	shared->named.id = shared->named.key = ++registry->last_shared;
	shared->caps.id = shared->named.key;
	names_add(&registry->shareds, &shared->named);
	note(registry, "shared.created shared=%llu size=%llu ceiling=%u pid=%d uid=%u",
	     (unsigned long long)shared->named.key, (unsigned long long)shared->region->size,
	     shared->ceiling, owner->identity.pid, owner->identity.uid);
}

static void unmake(struct registry *registry, struct shared *shared)
{
	LIST_REMOVE(shared, of_owner);
	holding_end_all(registry, shared);
	custodian_drop(registry, shared->region, shared->window);
	user_unref(registry, shared->payer);
	free(shared);
}

static int answer_made(const struct call *call, const struct making *making, int error)
{
	if (error) {
		unmake(call->registry, making->shared);
		return refuse_making(call, error);
	}
	made(call->registry, making, call->client);
	return shared_answer_known(call, making->shared);
}

/* ---- in slices -------------------------------------------------------------------------- */

/* What is left to do was done in finish(). */
static bool no_next_step(struct registry *registry, struct round *round)
{
	(void)registry;
	(void)round;
	return false;
}

static void fill_more(struct registry *registry, struct job *job)
{
	struct making *making = container_of(job, struct making, job);
	struct round *round = making->round;
	struct call call = { registry, round->asker, &round->request };
	int r = call.client ? fill_slice(registry, making) : -ECANCELED;

	if (r == 0 && making->filled < making->shared->region->size)
		return;
	job_end(registry, job);
	if (call.client)
		(void)answer_made(&call, making, r);
	else
		unmake(registry, making->shared);
	free(making);
	round_complete(registry, round);
}

static void say_nothing(struct registry *registry, struct round *round)
{
	(void)registry;
	(void)round;
}

static int make_in_slices(const struct call *call, const struct making *begun)
{
	struct making *making = registry_alloc(sizeof(*making));
	struct round *round = NULL;

	if (!making || round_begin(call, UINT64_MAX, say_nothing, &round) < 0) {
		free(making);
		unmake(call->registry, begun->shared);
		return call_refuse_memory(call);
	}
	*making = *begun;
	making->round = round;
	round->next = no_next_step;
	job_begin(call->registry, &making->job, fill_more);
	return 0;
}

int shared_create(const struct call *call)
{
	struct making making = { 0 };
	uint32_t slot, cache;
	uint64_t size;
	int r;

	if (check_create(call, &size, &cache) < 0)
		return 0;
	making.shared = shared_alloc(size);
	if (!making.shared)
		return call_refuse_memory(call);
	if (user_charge(call, size) < 0) {
		shared_free(making.shared);
		return 0;
	}
	r = shared_furnish(call, making.shared, &slot);
	if (r < 0) {
		user_refund(call->registry, call->client->user, size);
		shared_free(making.shared);
		return refuse_making(call, r);
	}
	shared_keep(call, making.shared, slot, cache);
	r = fill_slice(call->registry, &making);
	if (r < 0 || making.filled == size)
		return answer_made(call, &making, r);
	return make_in_slices(call, &making);
}

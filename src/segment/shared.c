/* SPDX-License-Identifier: MIT */
/*
 * shared.c - handles of regions that the node keeps for their owners
 */
#include "segment/shared.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "client/inspect.h"
#include "client/process.h"

/* ---- handles ---------------------------------------------------------------------------- */

void tract_shared_close(struct tract_shared *shared)
{
	if (!shared)
		return;
	shared_put_away(shared->session);
	session_unref(shared->session);
	context_unref(shared->ctx);
	free(shared);
}

int shared_handle(struct tract *ctx, struct session *session, uint64_t number, uint64_t size,
		  uint64_t align, struct tract_shared **ret_shared)
{
	struct tract_shared *shared;

	if (size > SIZE_MAX)
		return -EPROTO;
	shared = calloc(1, sizeof(*shared));
	if (!shared)
		return -ENOMEM;
	shared->ctx = context_ref(ctx);
	shared->session = session_ref(session);
	shared->process = process_serial();
	shared->number = number;
	shared->size = (size_t)size;
	shared->align = align ? align : tract_page_size();
	*ret_shared = shared;
	return 0;
}

/* Asks for a region, whose facts are the answer. */
static int obtain(struct tract *ctx, struct message *request, struct tract_shared **ret_shared)
{
	scoped(session) struct session *session = NULL;
	struct message reply;
	int r;

	r = context_session(ctx, &session);
	if (r == 0)
		r = session_call(session, request, NULL, 0, &reply, NULL);
	if (r < 0)
		return r;
	if (reply.number != MSG_shared_known)
		return -EPROTO;
	return shared_handle(ctx, session, reply.shared_known.shared, reply.shared_known.size,
			     reply.shared_known.align, ret_shared);
}

/* As the broker counts policies; -1: none that there is. */
static int policy_of(uint32_t cache)
{
	if (cache > TRACT_CACHE_WRITE_COMBINING)
		return -1;
	return cache == TRACT_CACHE_DEFAULT ? 0 : (int)cache - 1;
}

int tract_shared_create(struct tract *ctx, const struct tract_shared_spec *spec,
			struct tract_shared **ret_shared)
{
	struct message request = { .number = MSG_shared_create };

	error_clear_reason();
	if (!ctx || !spec || !ret_shared)
		return -EINVAL;
	if (policy_of(spec->cache) < 0)
		return -EBADMSG;
	request.shared_create = (struct msg_shared_create){
		.size = spec->size,
		.ceiling = spec->ceiling,
		.cache = (uint32_t)policy_of(spec->cache),
		.node = spec->numa_node,
		.flags = spec->flags,
	};
	return obtain(ctx, &request, ret_shared);
}

int tract_shared_open(struct tract *ctx, uint64_t number, struct tract_shared **ret_shared)
{
	struct message request = { .number = MSG_shared_open };

	error_clear_reason();
	if (!ctx || !ret_shared)
		return -EINVAL;
	request.shared_open.shared = number;
	return obtain(ctx, &request, ret_shared);
}

int shared_check(const struct tract_shared *shared)
{
	error_clear_reason();
	if (!shared)
		return -EINVAL;
	if (shared->process != process_serial())
		return fail(-ECHILD, "a child of fork has no shared regions; open one");
	return 0;
}

int shared_call(const struct tract_shared *shared, struct message *request,
		struct message *reply)
{
	return session_call(shared->session, request, NULL, 0, reply, NULL);
}

int tract_shared_destroy(struct tract_shared *shared)
{
	struct message request = { .number = MSG_shared_destroy }, reply;
	int r = shared_check(shared);

	if (r < 0)
		return r;
	request.shared_destroy.shared = shared->number;
	return shared_call(shared, &request, &reply);
}

/* ---- facts ------------------------------------------------------------------------------ */

int tract_shared_look(struct tract_shared *shared, struct tract_shared_facts *ret_facts)
{
	struct message request = { .number = MSG_shared_open }, reply;
	const struct msg_shared_known *known = &reply.shared_known;
	int r = shared_check(shared);

	if (r < 0 || !ret_facts)
		return r < 0 ? r : -EINVAL;
	request.shared_open.shared = shared->number;
	r = shared_call(shared, &request, &reply);
	if (r < 0)
		return r;
	*ret_facts = (struct tract_shared_facts){
		.number = known->shared,
		.size = (size_t)known->size,
		.ceiling = known->ceiling,
		.numa_node = known->node,
		.flags = known->flags,
		.cache = known->cache + 1,
		.state = known->state,
		.mapped = known->mapped,
		.pending = known->pending,
		.owner = known->owner,
		.backing = known->backing,
		.align = known->align,
	};
	return 0;
}

uint64_t tract_shared_number(const struct tract_shared *shared)
{
	return shared ? shared->number : 0;
}

size_t tract_shared_size(const struct tract_shared *shared)
{
	return shared ? shared->size : 0;
}

int tract_shared_placement(struct tract_shared *shared, struct tract_placement *ret_placement)
{
	struct message request = { .number = MSG_shared_place }, reply;
	int r = shared_check(shared);

	if (r < 0 || !ret_placement)
		return r < 0 ? r : -EINVAL;
	request.shared_place.shared = shared->number;
	r = shared_call(shared, &request, &reply);
	if (r < 0)
		return r;
	*ret_placement = inspect_placement(&reply.shared_placed);
	return 0;
}

int tract_node_use(struct tract *ctx, uint32_t node, uint64_t *ret_bytes)
{
	scoped(session) struct session *session = NULL;
	struct message request = { .number = MSG_node_use }, reply;
	int r;

	error_clear_reason();
	if (!ctx || !ret_bytes)
		return -EINVAL;
	r = context_session(ctx, &session);
	if (r < 0)
		return r;
	request.node_use.node = node;
	r = session_call(session, &request, NULL, 0, &reply, NULL);
	if (r == 0)
		*ret_bytes = reply.node_used.bytes;
	return r;
}

int tract_shared_physical(struct tract_shared *shared, uint64_t *ret_address)
{
	struct message request = { .number = MSG_shared_physical }, reply;
	int r = shared_check(shared);

	if (r < 0 || !ret_address)
		return r < 0 ? r : -EINVAL;
	request.shared_physical.shared = shared->number;
	r = shared_call(shared, &request, &reply);
	if (r == 0)
		*ret_address = reply.shared_based.address;
	return r;
}

/* ---- owners and others ------------------------------------------------------------------ */

int tract_shared_give(struct tract_shared *shared, uint64_t process)
{
	struct message request = { .number = MSG_shared_give }, reply;
	int r = shared_check(shared);

	if (r < 0)
		return r;
	request.shared_give.shared = shared->number;
	request.shared_give.process = process;
	return shared_call(shared, &request, &reply);
}

int tract_shared_grant(struct tract_shared *shared, uint64_t process, uint32_t permission)
{
	struct message request = { .number = MSG_shared_grant }, reply;
	int r = shared_check(shared);

	if (r < 0)
		return r;
	request.shared_grant = (struct msg_shared_grant){
		.shared = shared->number,
		.process = process,
		.permission = permission,
	};
	return shared_call(shared, &request, &reply);
}

int tract_shared_lower(struct tract_shared *shared, uint32_t ceiling)
{
	struct message request = { .number = MSG_shared_lower }, reply;
	int r = shared_check(shared);

	if (r < 0)
		return r;
	request.shared_lower.shared = shared->number;
	request.shared_lower.ceiling = ceiling;
	return shared_call(shared, &request, &reply);
}

/* SPDX-License-Identifier: MIT */
/*
 * capability.c - tokens of this process's, and what ended of them
 *
 * All is the broker's: nothing is remembered here, so nothing here can be stale.
 */
#include <errno.h>

#include "base/error.h"
#include "segment/shared.h"

/* Asks through the context's session, which is *ret_session if that is not NULL. */
static int ask(struct tract *ctx, struct message *request, struct message *reply,
	       struct session **ret_session)
{
	scoped(session) struct session *session = NULL;
	int r;

	r = context_session(ctx, &session);
	if (r == 0)
		r = session_call(session, request, NULL, 0, reply, NULL);
	if (r == 0 && ret_session)
		*ret_session = steal(session);
	return r;
}

static void read_known(const struct message *reply, struct tract_cap_info *ret_info)
{
	const struct msg_cap_known *known = &reply->cap_known;

	*ret_info = (struct tract_cap_info){
		.token = known->token,
		.region = known->shared,
		.size = known->size,
		.rights = known->rights,
		.state = known->state,
		.mode = known->mode,
		.inherit = known->inherit,
	};
}

int tract_cap_root(struct tract_shared *shared, uint64_t *ret_token)
{
	struct message request = { .number = MSG_cap_root }, reply;
	int r = shared_check(shared);

	if (r < 0 || !ret_token)
		return r < 0 ? r : -EINVAL;
	request.cap_root.shared = shared->number;
	r = shared_call(shared, &request, &reply);
	if (r == 0)
		*ret_token = reply.cap_known.token;
	return r;
}

int tract_cap_look(struct tract *ctx, uint64_t token, struct tract_cap_info *ret_info)
{
	struct message request = { .number = MSG_cap_look }, reply;
	int r;

	error_clear_reason();
	if (!ctx || !ret_info)
		return -EINVAL;
	request.cap_look.token = token;
	r = ask(ctx, &request, &reply, NULL);
	if (r == 0)
		read_known(&reply, ret_info);
	return r;
}

int tract_cap_next(struct tract *ctx, uint64_t after, struct tract_cap_info *ret_info)
{
	struct message request = { .number = MSG_cap_next }, reply;
	int r;

	error_clear_reason();
	if (!ctx || !ret_info)
		return -EINVAL;
	request.cap_next.after = after;
	r = ask(ctx, &request, &reply, NULL);
	if (r == 0)
		read_known(&reply, ret_info);
	return r;
}

int tract_cap_check(struct tract *ctx, uint64_t token, uint32_t required)
{
	struct message request = { .number = MSG_cap_check }, reply;

	error_clear_reason();
	if (!ctx)
		return -EINVAL;
	request.cap_check.token = token;
	request.cap_check.required = required;
	return ask(ctx, &request, &reply, NULL);
}

int tract_cap_derive(struct tract *ctx, uint64_t parent, uint32_t rights, uint64_t process,
		     uint64_t *ret_token)
{
	struct message request = { .number = MSG_cap_derive }, reply;
	int r;

	error_clear_reason();
	if (!ctx || !ret_token || rights == 0)
		return -EINVAL;
	request.cap_derive = (struct msg_cap_derive){
		.parent = parent,
		.rights = rights,
		.process = process,
	};
	r = ask(ctx, &request, &reply, NULL);
	if (r == 0)
		*ret_token = reply.cap_known.token;
	return r;
}

/* ---- taking ----------------------------------------------------------------------------- */

int tract_cap_take(struct tract *ctx, uint64_t token, struct tract_shared **ret_shared)
{
	scoped(session) struct session *session = NULL;
	struct message request = { .number = MSG_cap_take }, reply;
	int r;

	error_clear_reason();
	if (!ctx || !ret_shared)
		return -EINVAL;
	request.cap_take.token = token;
	r = ask(ctx, &request, &reply, &session);
	if (r < 0)
		return r;
	return shared_handle(ctx, session, reply.cap_known.shared, reply.cap_known.size,
			     reply.cap_known.align, ret_shared);
}

int tract_cap_map(struct tract *ctx, uint64_t token, bool offered, void **addr,
		  uint32_t permission, struct tract_shared **ret_shared)
{
	scoped(session) struct session *session = NULL;
	scoped(shared) struct tract_shared *shared = NULL;
	struct message look = { .number = MSG_cap_look }, request = { .number = MSG_cap_map };
	struct message reply;
	int r;

	error_clear_reason();
	if (!ctx || !addr || !ret_shared)
		return -EINVAL;
	/* How much there is to hold addresses for. */
	look.cap_look.token = token;
	r = ask(ctx, &look, &reply, &session);
	if (r == 0)
		r = shared_handle(ctx, session, reply.cap_known.shared, reply.cap_known.size,
				  reply.cap_known.align, &shared);
	if (r < 0)
		return r;
	request.cap_map.token = token;
	request.cap_map.permission = permission;
	request.cap_map.offered = offered;
	r = shared_map_by(shared, &request, &request.cap_map.address, permission, addr);
	if (r == 0)
		*ret_shared = steal(shared);
	return r;
}

/* ---- ending ----------------------------------------------------------------------------- */

int tract_cap_revoke(struct tract *ctx, uint64_t token, uint32_t force, uint32_t *ret_count)
{
	struct message request = { .number = MSG_cap_revoke }, reply;
	int r;

	error_clear_reason();
	if (!ctx)
		return -EINVAL;
	request.cap_revoke.token = token;
	request.cap_revoke.force = force;
	r = ask(ctx, &request, &reply, NULL);
	if (r == 0 && ret_count)
		*ret_count = reply.cap_revoked.count;
	return r;
}

int tract_cap_delete(struct tract *ctx, uint64_t token)
{
	struct message request = { .number = MSG_cap_delete }, reply;

	error_clear_reason();
	if (!ctx)
		return -EINVAL;
	request.cap_delete.token = token;
	return ask(ctx, &request, &reply, NULL);
}

int tract_notice_next(struct tract *ctx, bool keep, struct tract_notice *ret_notice)
{
	struct message request = { .number = MSG_cap_notice_next }, reply;
	const struct msg_cap_notice *notice = &reply.cap_notice;
	int r;

	error_clear_reason();
	if (!ctx || !ret_notice)
		return -EINVAL;
	request.cap_notice_next.keep = keep;
	r = ask(ctx, &request, &reply, NULL);
	if (r < 0)
		return r;
	if (!notice->found)
		return -EAGAIN;
	*ret_notice = (struct tract_notice){
		.token = notice->token,
		.seconds = notice->seconds,
		.reason = notice->reason,
		.left = notice->left,
		.dropped = notice->dropped,
	};
	return 0;
}

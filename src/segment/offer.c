/* SPDX-License-Identifier: MIT */
/*
 * offer.c - handing the own map out
 *
 * Here, since the thread that hears what others want is the one that hears of imports.
 */
#include "base/error.h"
#include "segment/segment.h"

int tract_map_offer(struct tract *ctx, const struct tract_access *access, size_t count)
{
	scoped(session) struct session *session = NULL;
	struct message request = { .number = MSG_map_offer };
	struct message reply;
	int r;

	error_clear_reason();
	if (!ctx || (count > 0 && !access))
		return -EINVAL;
	r = access_to_wire(access, count, &request.map_offer.access);
	if (r == 0)
		r = places_use();
	if (r == 0)
		r = context_session(ctx, &session);
	/* Before there is anything to hear of. */
	if (r == 0)
		r = session_listen(session, imports_on_event);
	return r < 0 ? r : session_call(session, &request, NULL, 0, &reply, NULL);
}

int tract_map_withdraw(struct tract *ctx)
{
	scoped(session) struct session *session = NULL;
	struct message request = { .number = MSG_map_withdraw };
	struct message reply;
	int r;

	error_clear_reason();
	if (!ctx)
		return -EINVAL;
	r = context_session_if_any(ctx, &session);
	return r < 0 ? r : session_call(session, &request, NULL, 0, &reply, NULL);
}

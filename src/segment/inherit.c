/* SPDX-License-Identifier: MIT */
/*
 * inherit.c - capabilities for child processes, and for the next program of this one
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "segment/shared.h"

static int ask(struct tract *ctx, struct message *request, struct message *reply)
{
	scoped(session) struct session *session = NULL;
	int r;

	r = context_session(ctx, &session);
	return r < 0 ? r : session_call(session, request, NULL, 0, reply, NULL);
}

int tract_cap_mark(struct tract *ctx, uint64_t token, uint32_t flags)
{
	struct message request = { .number = MSG_cap_mark }, reply;

	error_clear_reason();
	if (!ctx)
		return -EINVAL;
	request.cap_mark.token = token;
	request.cap_mark.inherit = flags;
	return ask(ctx, &request, &reply);
}

int tract_cap_inherit(struct tract *ctx, uint64_t process, uint32_t policy, uint32_t *ret_count)
{
	struct message request = { .number = MSG_cap_pass }, reply;
	int r;

	error_clear_reason();
	if (!ctx)
		return -EINVAL;
	request.cap_pass.process = process;
	request.cap_pass.policy = policy;
	r = ask(ctx, &request, &reply);
	if (r == 0 && ret_count)
		*ret_count = reply.cap_passed.count;
	return r;
}

int tract_cap_ticket(struct tract *ctx, char *ret_ticket, uint32_t *ret_count)
{
	struct message request = { .number = MSG_cap_ticket }, reply;
	const struct msg_cap_ticketed *got = &reply.cap_ticketed;
	int r;

	error_clear_reason();
	if (!ctx || !ret_ticket)
		return -EINVAL;
	r = ask(ctx, &request, &reply);
	if (r < 0)
		return r;
	(void)snprintf(ret_ticket, TRACT_TICKET_SIZE, "%016" PRIx64 "%016" PRIx64, got->high,
		       got->low);
	if (ret_count)
		*ret_count = got->count;
	return 0;
}

static int read_ticket(const char *ticket, struct msg_cap_redeem *ret)
{
	if (strlen(ticket) != TRACT_TICKET_SIZE - 1 ||
	    strspn(ticket, "0123456789abcdef") != TRACT_TICKET_SIZE - 1 ||
	    sscanf(ticket, "%16" SCNx64 "%16" SCNx64, &ret->high, &ret->low) != 2)
		return -EINVAL;
	return 0;
}

int tract_cap_redeem(struct tract *ctx, const char *ticket, uint32_t *ret_count)
{
	struct message request = { .number = MSG_cap_redeem }, reply;
	int r;

	error_clear_reason();
	if (!ctx || !ticket)
		return -EINVAL;
	r = read_ticket(ticket, &request.cap_redeem);
	if (r == 0)
		r = ask(ctx, &request, &reply);
	if (r == 0 && ret_count)
		*ret_count = reply.cap_passed.count;
	return r;
}

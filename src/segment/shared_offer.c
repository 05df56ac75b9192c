/* SPDX-License-Identifier: MIT */
/*
 * shared_offer.c - offers of shared regions, and waiting for them and for what becomes of them
 *
 * The broker answers at once and says that there is news; so one thread that waits keeps no
 * other from calling.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/error.h"
#include "segment/segment.h"
#include "segment/shared.h"

/* How a move that is over ended, in the broker's words. */
enum move_state { MOVE_OFFERED = 1, MOVE_TAKING = 2, MOVE_DONE = 3, MOVE_BACK = 4 };

/* ---- offering --------------------------------------------------------------------------- */

static int offer(struct tract_shared *shared, const struct msg_offer_make *make,
		 struct tract_transfer *ret_offered)
{
	struct message request = { .number = MSG_offer_make, .offer_make = *make }, reply;
	int r;

	r = shared_call(shared, &request, &reply);
	if (r < 0)
		return r;
	*ret_offered = (struct tract_transfer){
		.token = reply.offer_made.token,
		.rights = reply.offer_made.rights,
		.copied = reply.offer_made.copied,
	};
	return 0;
}

int tract_offer(struct tract_shared *shared, uint64_t process, uint32_t mode, uint32_t force,
		struct tract_transfer *ret_offered)
{
	const struct msg_offer_make make = {
		.shared = shared ? shared->number : 0,
		.process = process,
		.mode = mode,
		.force = force,
	};
	int r = shared_check(shared);

	if (r < 0 || !ret_offered)
		return r < 0 ? r : -EINVAL;
	return offer(shared, &make, ret_offered);
}

/* ---- the end of a move ------------------------------------------------------------------ */

/* 0 and *ret_over, if it is; else how it failed. */
static int read_move(const struct msg_move_known *known, struct tract_transfer *transfer,
		     bool *ret_over)
{
	*ret_over = known->state == MOVE_DONE || known->state == MOVE_BACK;
	if (known->state == MOVE_BACK)
		return known->error ? -(int)known->error : -EPROTO;
	if (known->state == MOVE_DONE) {
		transfer->force = known->force;
		transfer->copied = known->copied;
	}
	return 0;
}

static int ask_move(const struct tract_shared *shared, bool cancel,
		    struct tract_transfer *transfer, bool *ret_over)
{
	struct message request = { .number = cancel ? MSG_move_cancel : MSG_move_look }, reply;
	int r;

	if (cancel)
		request.move_cancel.token = transfer->token;
	else
		request.move_look.token = transfer->token;
	r = shared_call(shared, &request, &reply);
	return r < 0 ? r : read_move(&reply.move_known, transfer, ret_over);
}

/*
 * Too late for the receiver, unless it is just taking it: then the broker sees to it that it
 * ends in time.
 */
static int give_up(const struct tract_shared *shared, struct tract_transfer *transfer,
		   bool *ret_over)
{
	int r;

	r = ask_move(shared, true, transfer, ret_over);
	if (r == -EBUSY) {
		error_clear_reason();
		*ret_over = false;
		return 0;
	}
	return r == -ECANCELED ? fail(-ETIMEDOUT, "the receiver did not take it in time") : r;
}

static int await_move(const struct tract_shared *shared, int timeout_ms,
		      struct tract_transfer *transfer)
{
	uint64_t deadline = clock_deadline_ms(timeout_ms);
	bool over = false;
	uint32_t seen;
	int r = 0;

	while (r == 0 && !over) {
		seen = news_count();
		r = ask_move(shared, false, transfer, &over);
		if (r < 0 || over)
			break;
		if (news_wait(seen, deadline) == -ETIMEDOUT) {
			r = give_up(shared, transfer, &over);
			deadline = CLOCK_NEVER;
		}
	}
	return r;
}

int tract_transfer(struct tract_shared *shared, uint64_t process, uint32_t mode, uint32_t force,
		   int timeout_ms, struct tract_transfer *ret_transfer)
{
	const bool moves = (mode & ~TRACT_OFFER_EXCLUSIVE) == TRACT_OFFER_MOVE;
	const bool away = shared && process != shared->session->welcome.process;
	const struct msg_offer_make make = {
		.shared = shared ? shared->number : 0,
		.process = process,
		.mode = mode,
		.force = force,
		.watched = moves && away,
	};
	struct tract_transfer transfer;
	int r = shared_check(shared);

	if (r < 0 || !ret_transfer)
		return r < 0 ? r : -EINVAL;
	if (make.watched)
		r = session_listen(shared->session, imports_on_event);
	if (r == 0)
		r = offer(shared, &make, &transfer);
	if (r == 0 && make.watched)
		r = await_move(shared, timeout_ms, &transfer);
	if (r == 0)
		*ret_transfer = transfer;
	return r;
}

/* ---- receiving -------------------------------------------------------------------------- */

static int next_offer(struct session *session, struct tract_offer *ret_offer)
{
	struct message request = { .number = MSG_offer_next }, reply;
	const struct msg_offer *offered = &reply.offer;
	int r;

	r = session_call(session, &request, NULL, 0, &reply, NULL);
	if (r < 0)
		return r;
	*ret_offer = (struct tract_offer){
		.token = offered->token,
		.region = offered->shared,
		.from = offered->from,
		.mode = offered->mode,
		.rights = offered->rights,
	};
	return 0;
}

int tract_offer_wait(struct tract *ctx, int timeout_ms, struct tract_offer *ret_offer)
{
	scoped(session) struct session *session = NULL;
	uint64_t deadline = clock_deadline_ms(timeout_ms);
	uint32_t seen;
	int r;

	error_clear_reason();
	if (!ctx || !ret_offer)
		return -EINVAL;
	r = context_session(ctx, &session);
	if (r == 0 && timeout_ms != 0)
		r = session_listen(session, imports_on_event);
	if (r < 0)
		return r;
	for (;;) {
		seen = news_count();
		r = next_offer(session, ret_offer);
		if (r != -EAGAIN || timeout_ms == 0)
			return r;
		if (news_wait(seen, deadline) == -ETIMEDOUT)
			return fail(-ETIMEDOUT, "nobody offered anything in time");
	}
}

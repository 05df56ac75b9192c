/* SPDX-License-Identifier: MIT */
/*
 * offering.c - a shared region is offered to a process: to be moved, shared, or as a snapshot
 */
#include <errno.h>

#include "registry/holding.h"
#include "registry/move.h"
#include "registry/snapshot.h"
#include "registry/takeback.h"

static int answer_made(const struct call *call, const struct cap *cap, uint64_t copied)
{
	struct message answer = { .number = MSG_offer_made };

	answer.offer_made = (struct msg_offer_made){ .token = cap->token,
						     .rights = cap->rights,
						     .copied = copied };
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* ---- snapshots -------------------------------------------------------------------------- */

/* The content is there, or the region is frozen: now there can be a capability for it. */
static int offer_snapshot(const struct call *call, struct shared *shared,
			  struct snapshot **snapshot, uint64_t copied)
{
	struct client *to = process_find(call->registry, call->message->offer_make.process);
	struct cap *cap;
	int r;

	r = cap_create(&call->client->caps, &shared->caps, to ? &to->caps : NULL,
		       CAP_COPY_ON_WRITE, &cap);
	if (r < 0)
		return holding_refuse(call, r);
	if (*snapshot)
		snapshot_show(call->registry, *snapshot, cap);
	*snapshot = NULL;
	holding_made(call, cap);
	return answer_made(call, cap, copied);
}

static void snapped(struct registry *registry, struct takeback *t)
{
	struct round *round = t->round;
	struct call call = { registry, round->asker, &round->request };

	if (call.client && t->error)
		(void)call_refuse(&call, -t->error, "%s", takeback_trouble(t->error));
	else if (call.client)
		(void)offer_snapshot(&call, t->shared, &t->snapshot, t->copied);
	if (t->snapshot)
		snapshot_show(registry, t->snapshot, NULL);
	user_unref(registry, t->payer);
}

static int snap(const struct call *call, struct shared *shared)
{
	struct snapshot *none = NULL;
	struct takeback *t;

	if (shared->frozen)
		return offer_snapshot(call, shared, &none, 0);
	if (takeback_begin(call, shared, FORCE_ASK, snapped, &t) < 0)
		return call_refuse_memory(call);
	t->snaps = true;
	t->freezing = snapshot_can_freeze(shared, call->client);
	t->payer = user_ref(call->client->user);
	takeback_go(call->registry, t);
	return 0;
}

/* ---- offers ----------------------------------------------------------------------------- */

static int offer_other(const struct call *call, struct shared *shared, struct client *to)
{
	const struct msg_offer_make *asked = &call->message->offer_make;
	bool moves = asked->mode == CAP_MOVE || asked->mode == (CAP_MOVE | CAP_EXCLUSIVE);
	struct holding_end e;
	struct cap *cap;
	int r;

	r = cap_create(&call->client->caps, &shared->caps, to ? &to->caps : NULL, asked->mode,
		       &cap);
	if (r < 0)
		return holding_refuse(call, r);
	if (to == call->client)
		return answer_made(call, cap, 0);
	cap->user.force = asked->force;
	if (moves && asked->watched && move_watch(call->client, cap) < 0) {
		holding_end_init(&e, call->registry, NULL);
		(void)cap_withdraw(cap, &e.end);
		return call_refuse_memory(call);
	}
	holding_made(call, cap);
	return answer_made(call, cap, 0);
}

int offer_make(const struct call *call)
{
	const struct msg_offer_make *asked = &call->message->offer_make;
	struct client *to = process_find(call->registry, asked->process);
	struct shared *shared = shared_find(call->registry, asked->shared);
	int r;

	if (asked->mode > CAP_COPY_ON_WRITE && asked->mode != (CAP_MOVE | CAP_EXCLUSIVE))
		return call_refuse(call, EBADMSG,
				   "a mode is move 0, perhaps with 0x100, share 1, or snapshot "
				   "2");
	if (asked->force > FORCE_KILL && asked->force != FORCE_BY_USER)
		return call_refuse(call, EBADMSG, "force is 0 to 3, or 255");
	if (!shared)
		return call_refuse(call, ENOENT, "there is no such region");
	/* Nobody answers for what is made of an orphan. */
	r = shared->owner ? cap_could_create(&call->client->caps, &shared->caps,
					     to ? &to->caps : NULL, asked->mode)
			  : -EACCES;
	if (r == 0 && takeback_rekeys(shared))
		r = -EBUSY;
	if (r < 0)
		return holding_refuse(call, r);
	return asked->mode == CAP_COPY_ON_WRITE ? snap(call, shared)
						: offer_other(call, shared, to);
}

int offer_next(const struct call *call)
{
	struct client *client = call->client;
	struct cap *cap = TAILQ_FIRST(&client->offers);
	struct message answer = { .number = MSG_offer };

	if (!cap) {
		answer.number = MSG_refused;
		answer.refused.error = EAGAIN;
		answer.refused.rule = wire_text_of("there is no offer that was not told");
		return call_answer(call, &answer, ATTACH_NOTHING);
	}
	TAILQ_REMOVE(&client->offers, cap, user.of_offers);
	cap->user.queued = false;
	answer.offer = (struct msg_offer){
		.token = cap->token,
		.shared = cap->object->id,
		.from = cap->user.from,
		.mode = cap->mode,
		.rights = cap->rights,
	};
	return call_answer(call, &answer, ATTACH_NOTHING);
}

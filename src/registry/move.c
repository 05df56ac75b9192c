/* SPDX-License-Identifier: MIT */
#include "registry/move.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "registry/holding.h"
#include "registry/news.h"
#include "registry/takeback.h"

/* ---- what its sender asks about --------------------------------------------------------- */

int move_watch(struct client *sender, struct cap *cap)
{
	struct move *move;

	if (sender->move_count >= sender->caps.limit)
		return -EMFILE;
	move = registry_alloc(sizeof(*move));
	if (!move)
		return -ENOMEM;
	move->token = cap->token;
	move->sender = sender;
	move->cap = cap;
	move->state = MOVE_OFFERED;
	cap->user.move = move;
	LIST_INSERT_HEAD(&sender->moves, move, of_sender);
	sender->move_count++;
	return 0;
}

static void move_forget(struct move *move)
{
	if (move->cap)
		move->cap->user.move = NULL;
	LIST_REMOVE(move, of_sender);
	move->sender->move_count--;
	free(move);
}

void move_client_left(struct client *client)
{
	while (!LIST_EMPTY(&client->moves))
		move_forget(LIST_FIRST(&client->moves));
}

static void conclude(struct registry *registry, struct move *move, enum move_state state,
		     int error)
{
	move->cap->user.move = NULL;
	move->cap = NULL;
	move->state = state;
	if (!move->error)
		move->error = error;
	news_of(registry, move->sender, NEWS_MOVES);
}

void move_ended(struct registry *registry, const struct cap *cap)
{
	int error = ECANCELED;

	if (!cap->user.move)
		return;
	if (cap->state == CAP_DELETED)
		error = cap->reason == CAP_PROCESS_EXIT ? ESRCH : ECONNREFUSED;
	conclude(registry, cap->user.move, MOVE_BACK, error);
}

static struct move *move_find(const struct client *client, uint64_t token)
{
	struct move *move;

	LIST_FOREACH (move, &client->moves, of_sender)
		if (move->token == token)
			return move;
	return NULL;
}

static int answer_move(const struct call *call, struct move *move)
{
	struct message answer = { .number = MSG_move_known };

	answer.move_known = (struct msg_move_known){
		.state = move->state,
		.error = (uint32_t)move->error,
		.force = move->force,
		.copied = move->copied,
	};
	if (move->state == MOVE_DONE || move->state == MOVE_BACK)
		move_forget(move);
	return call_answer(call, &answer, ATTACH_NOTHING);
}

int move_look(const struct call *call)
{
	struct move *move = move_find(call->client, call->message->move_look.token);

	return move ? answer_move(call, move) : holding_refuse(call, -EBADF);
}

int move_cancel(const struct call *call)
{
	struct move *move = move_find(call->client, call->message->move_cancel.token);
	struct holding_end e;

	if (!move)
		return holding_refuse(call, -EBADF);
	if (move->state == MOVE_TAKEN)
		return holding_refuse(call, -EBUSY);
	if (move->state == MOVE_OFFERED) {
		holding_end_init(&e, call->registry, NULL);
		(void)cap_withdraw(move->cap, &e.end);
	}
	return answer_move(call, move);
}

/* ---- taking it -------------------------------------------------------------------------- */

bool move_is_being_taken(const struct cap *cap)
{
	return cap->user.taking;
}

/* The region is its sender's as before. */
static void revert(struct registry *registry, struct cap *cap, int error)
{
	struct holding_end e;

	if (cap->user.move)
		cap->user.move->error = error;
	holding_end_init(&e, registry, NULL);
	(void)cap_revoke_by_policy(cap, &e.end);
}

/* Whoever had it, it is @to's from now on. */
static void change_hands(struct registry *registry, struct client *to, struct cap *cap,
			 const struct takeback *t)
{
	struct shared *shared = t->shared;
	struct move *move = cap->user.move;
	struct holding_end e;
	int r;

	if (move) {
		move->force = t->force;
		move->copied = t->copied;
		conclude(registry, move, MOVE_DONE, 0);
	}
	cap->user.taking = false;
	holding_unqueue(cap);
	holding_end_init(&e, registry, NULL);
	r = cap_move(&to->caps, cap->token, &e.end);
	assert(r == 0);
	(void)r;
	shared->region->payer = shared->payer;
	owner_set(shared, to);
	note(registry, "shared.moved shared=%llu to=%llu force=%d copied=%llu",
	     (unsigned long long)shared->named.key, (unsigned long long)to->named.key,
	     (int)t->force, (unsigned long long)t->copied);
}

static int refuse_take(const struct call *call, int error)
{
	switch (error) {
	case -EREMOTEIO:
	case -ETIMEDOUT:
		return call_refuse(call, -error, "%s", takeback_trouble(error));
	case -EDQUOT:
		return call_refuse(call, EDQUOT,
				   "the receiver's user has used up its share; give memory up, "
				   "or raise max-user-memory in tract.conf");
	case -EADDRINUSE:
		return call_refuse(call, EADDRINUSE,
				   "something else was mapped there meanwhile; it is the "
				   "sender's as before");
	default:
		return call_refuse_memory(call);
	}
}

/* Its mapping, if it wants one, comes first, since that can fail. */
static int complete(const struct call *call, struct cap *cap, const struct takeback *t)
{
	const struct msg_cap_map *asked = &call->message->cap_map;
	bool maps = call->message->number == MSG_cap_map;
	struct ground ground = { .shared = t->shared };
	struct mapping *mapping = NULL;

	if (maps) {
		ground.permission = asked->permission;
		ground.address = asked->address;
		ground.private = t->shared->frozen && ground.permission & PERMIT_WRITE;
		/* It may have let somebody map something there while it waited. */
		if (!place_is_free(call->registry, call->client, ground.address, t->shared))
			return -EADDRINUSE;
		mapping = mapping_make(call->registry, call->client, &ground);
	}
	if (maps && !mapping)
		return -ENOMEM;
	change_hands(call->registry, call->client, cap, t);
	return mapping ? mapping_answer(call, mapping) : holding_answer(call, cap);
}

static int recharge_and_complete(const struct call *call, struct cap *cap,
				 const struct takeback *t)
{
	struct registry *registry = call->registry;
	struct shared *shared = t->shared;
	uint64_t size = shared->region->size;
	/* Its clients may all have gone. */
	struct user *before = user_ref(shared->payer);
	int r;

	r = user_try_recharge(registry, &shared->payer, call->client->user, size);
	if (r == 0) {
		r = complete(call, cap, t);
		if (r < 0)
			(void)user_try_recharge(registry, &shared->payer, before, size);
	}
	user_unref(registry, before);
	return r;
}

static void taken(struct registry *registry, struct takeback *t)
{
	struct round *round = t->round;
	struct call call = { registry, round->asker, &round->request };
	struct cap *cap = call.client ? cap_find(&call.client->caps, t->subject) : NULL;
	int r = t->error;

	/* The offer ended with its receiver. */
	if (!cap)
		return;
	if (r == 0)
		r = recharge_and_complete(&call, cap, t);
	if (r == 0)
		return;
	(void)refuse_take(&call, r);
	revert(registry, cap, -r);
}

/* Of the sender's, and of everybody's but the receiver's if it is exclusive. */
static void add_targets(struct registry *registry, struct takeback *t, const struct cap *cap)
{
	struct shared *shared = t->shared;
	const struct client *receiver = client_of_table(cap->holder);
	struct mapping *mapping = shared_mapping_after(shared, 0);

	/* Whatever became of the sender, and whoever has it from him. */
	t->thorough = true;
	t->blind = shared->lost && (!shared->owner || cap->exclusive);
	if (shared->owner)
		takeback_suspect(t, shared->owner, NULL);
	else
		t->foreign = shared->payer->uid != t->uid;
	for (; mapping;
	     mapping = shared_mapping_after(shared, mapping->import->client->named.key)) {
		const struct client *client = mapping->import->client;

		if (!mapping->takeback && client != receiver &&
		    (cap->exclusive || client == shared->owner))
			takeback_add(registry, t, mapping);
	}
	if (cap->exclusive)
		holding_suspects(t, shared, receiver);
}

int move_take(const struct call *call, struct cap *cap, const struct ground *ground)
{
	struct shared *shared = shared_of_cap(cap);
	struct takeback *t;

	if (!ground && takeback_rekeys(shared))
		return holding_refuse(call, -EBUSY);
	if (user_check_room(call, call->client->user, shared->payer, shared->region->size) < 0)
		return 0;
	if (takeback_begin(call, shared, (enum force)cap->user.force, taken, &t) < 0)
		return call_refuse_memory(call);
	t->subject = cap->token;
	cap->user.taking = true;
	if (cap->user.move)
		cap->user.move->state = MOVE_TAKEN;
	add_targets(call->registry, t, cap);
	takeback_go(call->registry, t);
	return 0;
}

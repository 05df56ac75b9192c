/* SPDX-License-Identifier: MIT */
#include "registry/round.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "registry/import.h"
#include "registry/news.h"
#include "registry/stand.h"

/* ---- events ----------------------------------------------------------------------------- */

void notice_forget(struct import *import)
{
	if (import->owed == NOTICE_NONE)
		return;
	import->owed = NOTICE_NONE;
	TAILQ_REMOVE(&import->client->owed, import, of_owed);
}

struct attachment import_memory(const struct import *import)
{
	return attach(import->rights & TRACT_RIGHT_WRITE ? ATTACH_OBJECT_WRITE
							 : ATTACH_OBJECT_READ,
		      import->segment->region->object);
}

static struct attachment notice_fill(const struct import *import, enum notice notice,
				     struct message *message)
{
	const struct segment *segment = import->segment;

	switch (notice) {
	case NOTICE_STALL:
	case NOTICE_RELEASE:
		message->number = MSG_import_stall;
		message->import_stall =
			(struct msg_import_stall){ .import = import->named.id,
						   .release = notice == NOTICE_RELEASE };
		return ATTACH_NOTHING;
	case NOTICE_MOVED:
		if (import->far) {
			far_fill_moved(import, message);
			return ATTACH_NOTHING;
		}
		message->number = MSG_import_moved;
		message->import_moved = (struct msg_import_moved){
			.import = import->named.id,
			.offset = segment->offset,
			.epoch = segment->epoch,
			.private = import->mapping && import->mapping->private,
		};
		return import_memory(import);
	case NOTICE_REVOKED:
	case NOTICE_NONE:
		break;
	}
	message->number = MSG_import_revoked;
	message->import_revoked.import = import->named.id;
	message->import_revoked.reason = import->reason;
	return ATTACH_NOTHING;
}

/* 0 or what the port said; what is not sent is owed. */
static int notice_try(struct registry *registry, struct import *import, enum notice notice)
{
	struct client *client = import->client;
	struct message message = { .serial = client_new_serial(client) };
	struct attachment attachment;
	int r;

	attachment = notice_fill(import, notice, &message);
	r = registry->ports.event(registry->ports.body, client->named.id, &message, attachment);
	if (r == 0 && import->round)
		import->wait_serial = message.serial;
	if (r == 0 && notice == NOTICE_MOVED && !import->far) {
		import->segment->region->exposed = true;
		stand_given(import);
	}
	return r;
}

/* 0 or what the port said. */
static int errand_try(struct registry *registry, struct round *round)
{
	const struct import *lent = round->errand.lent;
	struct client *target = round->errand.target;
	struct message message = { .serial = client_new_serial(target) };
	struct attachment attachment = round->errand.kind->fill(registry, round, &message);
	int r;

	r = registry->ports.event(registry->ports.body, target->named.id, &message, attachment);
	if (r < 0)
		return r;
	round->errand.serial = message.serial;
	if (lent)
		lent->segment->region->exposed = true;
	return 0;
}

/* What was to go along was taken back before it was said: then it never is, and has its time.
 */
static bool is_pointless(const struct round *round)
{
	const struct import *lent = round->errand.lent;

	return round->errand.lends && (!lent || !import_is_live(lent));
}

static int errands_flush(struct registry *registry, struct client *client)
{
	struct round *round;
	int r = 0;

	TAILQ_FOREACH (round, &client->errands, of_errands)
		if (r == 0 && round->errand.serial == 0 && !is_pointless(round))
			r = errand_try(registry, round);
	return r;
}

static int owed_flush(struct registry *registry, struct client *client)
{
	struct import *import;
	int r;

	while ((import = TAILQ_FIRST(&client->owed))) {
		r = notice_try(registry, import, import->owed);
		if (r < 0)
			return r;
		notice_forget(import);
	}
	return 0;
}

int notice_flush(struct registry *registry, struct client *client)
{
	int r;

	r = owed_flush(registry, client);
	if (r == 0)
		r = far_signals_flush(registry, client);
	if (r == 0)
		r = errands_flush(registry, client);
	return r == 0 ? news_flush(registry, client) : r;
}

int notice_send(struct registry *registry, struct import *import, enum notice notice)
{
	struct client *client = import->client;
	int r;

	if (client->leaving)
		return -ENOTCONN;
	import->stalled = notice == NOTICE_STALL || notice == NOTICE_RELEASE;
	if (client->remote) {
		guest_notice(registry, import, notice);
		return 0;
	}
	/* What an import is told replaces whatever it has not been told yet. */
	notice_forget(import);
	r = notice_flush(registry, client);
	if (r == 0)
		r = notice_try(registry, import, notice);
	if (r == 0)
		return 0;
	import->owed = notice;
	TAILQ_INSERT_TAIL(&client->owed, import, of_owed);
	return r;
}

/* ---- rounds ----------------------------------------------------------------------------- */

static void insert_by_deadline(struct registry *registry, struct round *round,
			       uint64_t patience_ns)
{
	struct round *before = TAILQ_LAST(&registry->rounds, rounds);

	if (!add_fits(registry_now(registry), patience_ns, &round->deadline))
		round->deadline = UINT64_MAX;
	while (before && before->deadline > round->deadline)
		before = TAILQ_PREV(before, rounds, link);
	if (before)
		TAILQ_INSERT_AFTER(&registry->rounds, before, round, link);
	else
		TAILQ_INSERT_HEAD(&registry->rounds, round, link);
}

int round_begin(const struct call *call, uint64_t patience_ns,
		void (*finish)(struct registry *, struct round *), struct round **ret_round)
{
	struct round *round = registry_alloc(sizeof(*round));

	if (!round)
		return -ENOMEM;
	round->asker = call->client;
	round->request = *call->message;
	round->finish = finish;
	TAILQ_INIT(&round->waiting);
	insert_by_deadline(call->registry, round, patience_ns);
	/* Another node asks for many clients. */
	if (call->client && call->client->remote)
		call->client->wait_count++;
	else if (call->client)
		call->client->asking = round;
	*ret_round = round;
	return 0;
}

struct round *round_begin_for(struct registry *registry, struct remote *remote,
			      const struct message *message,
			      void (*finish)(struct registry *, struct round *))
{
	struct round *round = registry_alloc(sizeof(*round));

	if (!round)
		return NULL;
	round->remote = remote;
	round->request = *message;
	round->finish = finish;
	TAILQ_INIT(&round->waiting);
	insert_by_deadline(registry, round, registry->config.hear_ns);
	return round;
}

void round_rearm(struct registry *registry, struct round *round, uint64_t patience_ns)
{
	TAILQ_REMOVE(&registry->rounds, round, link);
	insert_by_deadline(registry, round, patience_ns);
	round->settled = false;
	round->overdue = 0;
}

void round_pin(struct round *round, struct region *region)
{
	round->pinned = region;
	region->pins++;
}

void round_join(struct round *round, struct import *import)
{
	import->round = round;
	import->missed = false;
	TAILQ_INSERT_TAIL(&round->waiting, import, of_round);
	TAILQ_INSERT_TAIL(&import->client->waits, import, of_waits);
	round->open++;
}

void round_ask(struct registry *registry, struct round *round, struct import *import,
	       enum notice notice)
{
	round_join(round, import);
	import->wait_serial = 0;
	if (notice_send(registry, import, notice) == -ENOTCONN)
		round_release(registry, import, true);
}

void round_ask_all(struct registry *registry, struct round *round, struct segment *segment,
		   enum notice notice)
{
	struct import *import;

	LIST_FOREACH (import, &segment->imports, of_segment) {
		if (import_has_memory(import))
			round_ask(registry, round, import, notice);
		else if (import_has_window(import) && !import->round)
			round_join(round, import);
	}
}

/* ---- errands ---------------------------------------------------------------------------- */

static void errand_stop(struct round *round)
{
	TAILQ_REMOVE(&round->errand.target->errands, round, of_errands);
	round->errand.target = NULL;
	round->open--;
}

/*
 * Nobody waits for it any more.  What was lent is taken back: who was never asked need not hear
 * of it, who was may have attached it.
 */
static void errand_abandon(struct registry *registry, struct round *round)
{
	struct import *lent = round->errand.lent;
	bool sent = round->errand.serial != 0;

	if (!round->errand.target)
		return;
	round->errand.deserted |= round->errand.target->leaving;
	errand_stop(round);
	round->late++;
	if (!lent)
		return;
	lent->errand = NULL;
	round->errand.lent = NULL;
	round->errand.kind->abandon(registry, lent, sent);
}

void round_send(struct registry *registry, struct round *round, const struct errand_kind *kind,
		struct client *target, struct import *lent)
{
	round->errand.kind = kind;
	round->errand.target = target;
	round->errand.lent = lent;
	round->errand.lends = lent != NULL;
	if (lent)
		lent->errand = round;
	TAILQ_INSERT_TAIL(&target->errands, round, of_errands);
	round->open++;
	if (notice_flush(registry, target) != -ENOTCONN)
		return;
	round->errand.deserted = true;
	errand_abandon(registry, round);
}

void round_desert(struct registry *registry, struct client *client)
{
	struct round *round;

	while ((round = TAILQ_FIRST(&client->errands)))
		round_complete(registry, round);
}

void round_answered(const struct call *call, const struct errand_kind *kind,
		    const struct msg_map_answer *answer)
{
	struct round *round;

	TAILQ_FOREACH (round, &call->client->errands, of_errands)
		if (round->errand.kind == kind && round->errand.serial != 0 &&
		    round->errand.serial == call->message->serial)
			break;
	if (round) {
		errand_stop(round);
		round->errand.by = call->client;
		round->errand.answer = *answer;
		if (round->settled && round->open == 0)
			round_complete(call->registry, round);
	}
	(void)notice_flush(call->registry, call->client);
}

/* ---- the end of a round ----------------------------------------------------------------- */

static void stop_waiting(struct round *round, struct import *import, bool late)
{
	import->missed = late && round->takeback && import_is_live(import);
	round->late += late;
	TAILQ_REMOVE(&round->waiting, import, of_round);
	TAILQ_REMOVE(&import->client->waits, import, of_waits);
	import->round = NULL;
	/* What fades is waited for by its guest, too. */
	if (!import->window.fading)
		import->wait_serial = 0;
	round->open--;
}

/* Whoever has not answered is late. */
static void stop_asking(struct registry *registry, struct round *round)
{
	struct import *import;

	while ((import = TAILQ_FIRST(&round->waiting)))
		stop_waiting(round, import, true);
	errand_abandon(registry, round);
	if (round->asked.serial != 0)
		far_forget(round);
}

static void leave_rounds(struct registry *registry, struct round *round)
{
	stop_asking(registry, round);
	TAILQ_REMOVE(&registry->rounds, round, link);
	if (round->asker && round->asker->remote)
		round->asker->wait_count--;
	else if (round->asker && round->asker->asking == round)
		round->asker->asking = NULL;
}

struct round *round_cancel(struct registry *registry, struct round *round)
{
	if (!round)
		return NULL;
	if (!round->next) {
		leave_rounds(registry, round);
		return round;
	}
	round->asker->asking = NULL;
	round->asker = NULL;
	return NULL;
}

void round_free(struct registry *registry, struct round *round)
{
	struct region *pinned = round ? round->pinned : NULL;

	free(round);
	if (!pinned)
		return;
	pinned->pins--;
	region_reap(registry, pinned);
}

void round_complete(struct registry *registry, struct round *round)
{
	stop_asking(registry, round);
	if (round->next && round->next(registry, round))
		return;
	leave_rounds(registry, round);
	round->finish(registry, round);
	round_free(registry, round);
}

/* Who is of this node is late. */
static void stop_waiting_here(struct round *round)
{
	struct import *import, *next;

	TAILQ_FOREACH_SAFE(import, &round->waiting, of_round, next)
	if (!import->client->remote)
		stop_waiting(round, import, true);
}

/*
 * What another node does not answer for may be taken for success there, so it is not late: it
 * has more time, as its own clients may have had theirs, and then the link falls, and before
 * long the peer is gone and is released by that.
 */
void round_expire(struct registry *registry, struct round *round)
{
	const struct ports *ports = &registry->ports;
	struct import *import;

	stop_waiting_here(round);
	if (TAILQ_EMPTY(&round->waiting)) {
		round_complete(registry, round);
		return;
	}
	TAILQ_REMOVE(&registry->rounds, round, link);
	insert_by_deadline(registry, round,
			   round->overdue ? UINT64_MAX : registry->config.peer_ns);
	if (round->overdue++)
		TAILQ_FOREACH (import, &round->waiting, of_round)
			if (!import->client->lost)
				ports->peer_drop(ports->body, import->client->remote->node,
						 "it does not answer what was taken back");
}

void round_settle(struct registry *registry, struct round *round)
{
	round->settled = true;
	if (round->open == 0)
		round_complete(registry, round);
}

void round_release(struct registry *registry, struct import *import, bool late)
{
	struct round *round = import->round;

	if (!round)
		return;
	stop_waiting(round, import, late);
	if (round->settled && round->open == 0)
		round_complete(registry, round);
}

struct import *round_find(const struct client *client, uint32_t serial)
{
	struct import *import;

	TAILQ_FOREACH (import, &client->waits, of_waits)
		if (import->wait_serial != 0 && import->wait_serial == serial)
			return import;
	return NULL;
}

int heard(const struct call *call)
{
	struct client *client = call->client;
	struct import *import = round_find(client, call->message->serial);

	if (import)
		round_release(call->registry, import, false);
	news_heard(client, call->message->serial);
	(void)notice_flush(call->registry, client);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "registry/inherit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "registry/holding.h"

/* From asking for a ticket until the next program shows it. */
#define TICKET_NS (60 * NS_PER_S)

int held_mark(const struct call *call)
{
	const struct msg_cap_mark *asked = &call->message->cap_mark;
	int r;

	r = cap_set_inherit(&call->client->caps, asked->token, asked->inherit);
	return r < 0 ? holding_refuse(call, r) : call_done(call);
}

/* ---- what is passed on ------------------------------------------------------------------ */

/* Of what is held, a snapshot is its holder's alone, and nobody answers for an orphan. */
static bool can_pass(const struct cap *cap)
{
	return cap->state == CAP_HELD && cap->mode != CAP_COPY_ON_WRITE &&
	       shared_of_cap(cap)->owner;
}

/* @marked: flags, one of which it needs; 0: none. */
static bool is_passed(const struct cap *cap, uint32_t marked)
{
	return can_pass(cap) && (marked == 0 || cap->inherit & marked);
}

/* What there is to pass on is known to be possible: how many, -EBUSY or -EDQUOT. */
static int plan(const struct cap_table *from, const struct cap_table *to, uint32_t marked)
{
	const struct cap *cap;
	uint32_t count = 0;

	LIST_FOREACH (cap, &from->caps, of_table) {
		if (!is_passed(cap, marked))
			continue;
		if (cap->object->moving || cap->object->closed)
			return -EBUSY;
		count++;
	}
	return count > to->limit - to->count ? -EDQUOT : (int)count;
}

/* The last @count that were made go, and nobody was told of them. */
static void unmake(struct registry *registry, struct cap_table *to, uint32_t count)
{
	struct holding_end e;

	holding_end_init(&e, registry, NULL);
	for (; count > 0; count--)
		(void)cap_delete(to, LIST_FIRST(&to->caps)->token, &e.end);
}

struct passing {
	uint32_t marked;
	bool reduced;
	bool held; /* and not only offered, unless it is to start so */
};

static enum cap_state state_of(const struct passing *how, const struct cap *cap)
{
	return how->held && !(cap->inherit & CAP_START_DISABLED) ? CAP_HELD : CAP_OFFERED;
}

/* How many; -EBUSY, -EDQUOT, -ENOMEM, and nothing has changed. */
static int pass(const struct call *call, const struct passing *how, struct cap_table *to)
{
	struct cap_table *from = &call->client->caps;
	struct cap *cap, *made;
	uint32_t count = 0;
	int r;

	r = plan(from, to, how->marked);
	if (r < 0)
		return r;
	LIST_FOREACH (cap, &from->caps, of_table) {
		if (!is_passed(cap, how->marked))
			continue;
		r = cap_inherit(cap, to, state_of(how, cap), how->reduced, &made);
		/* There is nothing left of it. */
		if (r == -EINVAL)
			continue;
		if (r < 0) {
			unmake(call->registry, to, count);
			return r;
		}
		made->user.from = call->client->named.key;
		count++;
	}
	return (int)count;
}

/* ---- to children ------------------------------------------------------------------------ */

/* 0, or the request was refused. */
static int check_child(const struct call *call, const struct client *child, uint32_t policy)
{
	const struct ports *ports = &call->registry->ports;
	int error = 0, is_child = 0;
	const char *rule = "";

	if (policy > INHERIT_CUSTOM) {
		error = EBADMSG;
		rule = "a policy is none 0, all 1, marked 2, reduced 3 or custom 4";
	} else if (!child) {
		error = ESRCH;
		rule = "there is no such process";
	} else if (child->user != call->client->user) {
		error = EACCES;
		rule = "who is of another user inherits nothing; derive and offer instead";
	} else {
		is_child = ports->client_is_child(ports->body, child->named.id,
						  call->client->named.id);
		error = is_child == 1 ? 0 : EACCES;
		rule = is_child == 0 ? "only a child process of the caller inherits from it"
				     : "the broker cannot see whose child the process is";
	}
	if (error)
		(void)call_refuse(call, error, "%s", rule);
	return -error;
}

static int answer_passed(const struct call *call, uint32_t count)
{
	struct message answer = { .number = MSG_cap_passed };

	answer.cap_passed.count = count;
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* Of the last @count that were made, offers are to be told. */
static void tell(const struct call *call, const struct client *child, uint32_t count)
{
	struct cap *cap;

	LIST_FOREACH (cap, &child->caps.caps, of_table) {
		if (count-- == 0)
			break;
		holding_tell(call->registry, cap);
	}
}

int held_pass(const struct call *call)
{
	const struct msg_cap_pass *asked = &call->message->cap_pass;
	struct client *child = process_find(call->registry, asked->process);
	const struct passing how = {
		.marked = asked->policy == INHERIT_ALL ? 0 : CAP_INHERITABLE,
		.reduced = asked->policy == INHERIT_REDUCED,
		.held = true,
	};
	int count;

	if (check_child(call, child, asked->policy) < 0)
		return 0;
	if (asked->policy == INHERIT_NONE)
		return answer_passed(call, 0);
	count = pass(call, &how, &child->caps);
	if (count < 0)
		return holding_refuse(call, count);
	note(call->registry, "cap.passed count=%d from=%llu to=%llu", count,
	     (unsigned long long)call->client->named.key, (unsigned long long)child->named.key);
	tell(call, child, (uint32_t)count);
	return answer_passed(call, (uint32_t)count);
}

/* ---- to the next program ---------------------------------------------------------------- */

static void bearer_free(struct registry *registry, struct client *bearer)
{
	holding_client_left(registry, bearer);
	free(bearer);
}

static void ticket_end(struct registry *registry, struct ticket *ticket)
{
	TAILQ_REMOVE(&registry->tickets, ticket, link);
	bearer_free(registry, ticket->bearer);
	free(ticket);
}

uint64_t tickets_deadline(const struct registry *registry)
{
	const struct ticket *first = TAILQ_FIRST(&registry->tickets);

	return first ? first->until : UINT64_MAX;
}

void tickets_expire(struct registry *registry, uint64_t now)
{
	struct ticket *first;

	while ((first = TAILQ_FIRST(&registry->tickets)) && first->until <= now)
		ticket_end(registry, first);
}

static struct ticket *ticket_new(const struct call *call)
{
	struct registry *registry = call->registry;
	struct ticket *ticket = registry_alloc(sizeof(*ticket));

	if (!ticket)
		return NULL;
	ticket->bearer = bearer_new(registry, call->client);
	if (!ticket->bearer) {
		free(ticket);
		return NULL;
	}
	ticket->high = registry->ports.random(registry->ports.body);
	ticket->low = registry->ports.random(registry->ports.body);
	ticket->issuer = call->client->named.key;
	ticket->uid = call->client->identity.uid;
	ticket->pid = call->client->identity.pid;
	ticket->until = registry_now(registry) + TICKET_NS;
	/* All last as long. */
	TAILQ_INSERT_TAIL(&registry->tickets, ticket, link);
	return ticket;
}

static void forget_former(const struct call *call, const struct ticket *but)
{
	struct ticket *ticket, *next;

	TAILQ_FOREACH_SAFE(ticket, &call->registry->tickets, link, next)
	{
		if (ticket != but && ticket->issuer == call->client->named.key)
			ticket_end(call->registry, ticket);
	}
}

int held_ticket(const struct call *call)
{
	static const struct passing how = { .marked = CAP_PRESERVE_EXEC };
	struct message answer = { .number = MSG_cap_ticketed };
	struct ticket *ticket = ticket_new(call);
	int count;

	if (!ticket)
		return call_refuse_memory(call);
	count = pass(call, &how, &ticket->bearer->caps);
	if (count < 0) {
		ticket_end(call->registry, ticket);
		return holding_refuse(call, count);
	}
	forget_former(call, ticket);
	note(call->registry, "cap.kept count=%d from=%llu pid=%d", count,
	     (unsigned long long)ticket->issuer, ticket->pid);
	answer.cap_ticketed = (struct msg_cap_ticketed){ .high = ticket->high,
							 .low = ticket->low,
							 .count = (uint32_t)count };
	return call_answer(call, &answer, ATTACH_NOTHING);
}

/* NULL if it is none of the caller's process's. */
static struct ticket *ticket_find(const struct call *call)
{
	const struct msg_cap_redeem *shown = &call->message->cap_redeem;
	const struct registry_identity *who = &call->client->identity;
	struct ticket *ticket;

	TAILQ_FOREACH (ticket, &call->registry->tickets, link)
		if (ticket->high == shown->high && ticket->low == shown->low &&
		    ticket->uid == who->uid && ticket->pid == who->pid)
			return ticket;
	return NULL;
}

int held_redeem(const struct call *call)
{
	struct ticket *ticket = ticket_find(call);
	struct cap_table *to = &call->client->caps, *from;
	uint32_t count = 0;
	int r = 0;

	if (!ticket)
		return call_refuse(
			call, EBADF,
			"the ticket is none of this process's, or was shown already, "
			"or is older than a minute");
	from = &ticket->bearer->caps;
	if (from->count > to->limit - to->count)
		return holding_refuse(call, -EDQUOT);
	while (r == 0 && !LIST_EMPTY(&from->caps)) {
		r = cap_readdress(LIST_FIRST(&from->caps), to);
		count += r == 0;
	}
	if (r < 0 && count == 0)
		return holding_refuse(call, r);
	note(call->registry, "cap.redeemed count=%u from=%llu to=%llu", count,
	     (unsigned long long)ticket->issuer, (unsigned long long)call->client->named.key);
	tell(call, call->client, count);
	ticket_end(call->registry, ticket);
	return answer_passed(call, count);
}

/* SPDX-License-Identifier: MIT */
#include "link/peer_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* After so many failures the wait is PEER_WAIT_MAX anyway. */
#define FAILURES_MAX 16u

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void begin_out(struct peer_out *out)
{
	*out = (struct peer_out){ .send = false };
}

static void set_phase(struct peer_state *p, const struct peer_env *env, enum peer_phase phase)
{
	bool was_up = p->phase == PEER_UP;

	p->phase = phase;
	/* Between attempts it has been down all the time. */
	if (was_up || phase == PEER_UP)
		p->since = env->now;
}

static uint64_t wait_after(const struct peer_state *p, uint64_t random)
{
	uint64_t wait = PEER_WAIT_FIRST;

	for (unsigned i = 0; i < p->failures && wait < PEER_WAIT_MAX; i++)
		wait *= 2;
	wait = least(wait, PEER_WAIT_MAX);
	wait = wait / 2 + random % (wait / 2 + 1);
	return p->config.self < p->config.node ? wait : wait + PEER_WAIT_HIGHER;
}

void peer_init(struct peer_state *p, const struct peer_config *config,
	       const struct peer_env *env)
{
	bool lower = config->self < config->node;

	*p = (struct peer_state){
		.config = *config,
		.phase = PEER_DOWN,
		.why = wire_text_of("was not reached yet"),
		.since = env->now,
		.dial_at = lower ? env->now : env->now + PEER_WAIT_HIGHER,
		/* Counted from anywhere, and odd for one side. */
		.next_link = (env->random >> 2) * 2 + (lower ? 1 : 2),
	};
}

static void wait_until_gone(struct peer_state *p, uint64_t at)
{
	if (p->waits == PEER_LOSSES)
		p->waits--;
	p->wait[p->waits].at = at;
	p->wait[p->waits++].losses = ++p->losses;
}

/* What was promised over the first @losses may go. */
static void end_waiting(struct peer_state *p, uint64_t losses, struct peer_out *out)
{
	unsigned ended = 0;

	while (ended < p->waits && p->wait[ended].losses <= losses)
		ended++;
	p->waits -= ended;
	memmove(p->wait, p->wait + ended, p->waits * sizeof(p->wait[0]));
	p->has_heirs &= p->waits > 0;
	out->gone = true;
	out->gone_losses = losses;
}

/* The link, if it was up, is not any more. */
static void lose(struct peer_state *p, struct peer_out *out)
{
	if (p->phase != PEER_UP)
		return;
	out->lost = true;
	wait_until_gone(p, p->heard_at + p->config.timeout_ns);
}

static void go_down(struct peer_state *p, const struct peer_env *env, const char *why,
		    struct peer_out *out)
{
	bool was_up = p->phase == PEER_UP;

	lose(p, out);
	if (was_up)
		p->failures = 0;
	p->dial_at = env->now + wait_after(p, env->random);
	if (!was_up && p->failures < FAILURES_MAX)
		p->failures++;
	p->why = wire_text_of(why);
	set_phase(p, env, PEER_DOWN);
}

static void drop(struct peer_state *p, const struct peer_env *env, const char *why,
		 struct peer_out *out)
{
	out->drop = true;
	go_down(p, env, why, out);
}

void peer_ended(struct peer_state *p, const struct peer_env *env, const char *why,
		struct peer_out *ret_out)
{
	begin_out(ret_out);
	if (p->phase != PEER_DOWN)
		go_down(p, env, why, ret_out);
}

static void breach(struct peer_state *p, const struct peer_env *env, const char *why,
		   struct peer_out *out)
{
	p->failures = FAILURES_MAX;
	drop(p, env, why, out);
}

/* ---- greeting --------------------------------------------------------------------------- */

void peer_secured(struct peer_state *p, const struct peer_env *env, struct peer_out *ret_out)
{
	begin_out(ret_out);
	if (p->phase != PEER_DIALLING)
		return;
	set_phase(p, env, PEER_GREETING);
	p->greeted_at = env->now;
	p->next_link += 2;
	ret_out->send = true;
	ret_out->message = (struct message){ .number = MSG_link_hello, .serial = 1 };
	ret_out->message.link_hello = (struct msg_link_hello){
		.least = p->config.least,
		.most = p->config.most,
		.node = p->config.self,
		.to = p->config.node,
		.instance = p->config.instance,
		.link = p->next_link,
		.after = p->link,
		.timeout_ms = (uint32_t)(p->config.timeout_ns / NS_PER_MS),
	};
}

/* What came up, as the greeting told it. */
struct coming {
	uint64_t link, instance, timeout_ms;
	uint64_t began; /* the peer's broker has heard nothing of the link before */
	bool has_lost;	/* it has lost the links before, for sure */
	uint32_t version;
};

static void come_up(struct peer_state *p, const struct peer_env *env,
		    const struct coming *coming, struct peer_out *out)
{
	uint64_t shorter = least(p->config.timeout_ns, coming->timeout_ms * NS_PER_MS);

	/* Another broker than before has not told those whom that one had; nor has the one that
	 * comes back after it. */
	if (p->waits > 0 && coming->instance != p->instance)
		p->has_heirs = true;
	if (p->waits > 0 && coming->has_lost && !p->has_heirs)
		end_waiting(p, p->losses, out);
	p->link = coming->link;
	p->instance = coming->instance;
	p->version = coming->version;
	p->lease_ns = shorter / 4 * 3;
	p->beat_at = env->now;
	p->beat_sent = p->beat_heard = coming->began;
	p->held_until = coming->began + p->lease_ns;
	p->heard_at = env->now;
	p->rtt_ns = 0;
	p->failures = 0;
	p->times++;
	p->why = wire_text_of("");
	set_phase(p, env, PEER_UP);
	out->up = true;
}

static void hear_welcome(struct peer_state *p, const struct peer_env *env,
			 const struct msg_link_welcome *welcome, struct peer_out *out)
{
	if (welcome->version < p->config.least || welcome->version > p->config.most ||
	    welcome->node != p->config.node || welcome->instance == 0 ||
	    welcome->timeout_ms == 0) {
		breach(p, env, "its answer to the greeting makes no sense", out);
		return;
	}
	/* Whoever welcomes has no other link. */
	come_up(p, env,
		&(struct coming){ .link = p->next_link,
				  .instance = welcome->instance,
				  .timeout_ms = welcome->timeout_ms,
				  .began = p->greeted_at,
				  .has_lost = true,
				  .version = welcome->version },
		out);
}

static void hear_unwelcome(struct peer_state *p, const struct peer_env *env,
			   const struct msg_link_unwelcome *unwelcome, struct peer_out *out)
{
	/* It dialled too, and that is the one that stays; all else takes a person. */
	if (unwelcome->error != EALREADY)
		p->failures = FAILURES_MAX;
	drop(p, env, unwelcome->rule.text, out);
}

struct message peer_unwelcome(const struct message *hello, int error, const char *format, ...)
{
	struct message m = { .number = MSG_link_unwelcome, .serial = hello->serial };
	char text[WIRE_TEXT_MAX + 1];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	m.link_unwelcome.error = (uint32_t)error;
	m.link_unwelcome.rule = wire_text_of(text);
	return m;
}

/* 0, or why the one who said hello cannot be talked to at all. */
static int judge_hello(const struct peer_state *p, const struct message *hello,
		       struct message *ret_answer, uint32_t *ret_version)
{
	const struct msg_link_hello *h = &hello->link_hello;
	const struct peer_config *c = &p->config;
	uint32_t newest = h->most < c->most ? h->most : c->most;

	if (h->to != c->self) {
		*ret_answer = peer_unwelcome(hello, ENXIO,
					     "this is node %u and not %u; correct the address "
					     "of [peer %u] in the tract.conf of node %u",
					     c->self, h->to, h->to, h->node);
		return -ENXIO;
	}
	if (newest < c->least || newest < h->least) {
		*ret_answer =
			peer_unwelcome(hello, EPROTONOSUPPORT,
				       "node %u speaks versions %u to %u and node %u %u "
				       "to %u; upgrade the older one",
				       c->self, c->least, c->most, h->node, h->least, h->most);
		return -EPROTONOSUPPORT;
	}
	if (h->instance == 0 || h->link == 0 || h->timeout_ms == 0) {
		*ret_answer = peer_unwelcome(hello, EPROTO, "the greeting makes no sense");
		return -EPROTO;
	}
	*ret_version = newest;
	return 0;
}

/* Had the peer, when it said this, surely lost the link that this side has or had last? */
static bool has_lost(const struct peer_state *p, const struct msg_link_hello *hello)
{
	/* It had it up, and dials again; or it dialled that one itself, and then this one. */
	return hello->after == p->link || (!p->ours && hello->link > p->link);
}

/* Shall this side give up the stream that it has, if it has one? */
static bool comes_instead(const struct peer_state *p, const struct msg_link_hello *hello)
{
	switch (p->phase) {
	case PEER_DOWN:
	case PEER_DIALLING:
		/* What is being dialled has said nothing yet, and will not. */
		return true;
	case PEER_GREETING:
		return p->config.self > p->config.node;
	case PEER_UP:
		break;
	}
	return hello->instance != p->instance || has_lost(p, hello);
}

int peer_hello(struct peer_state *p, const struct peer_env *env, const struct message *message,
	       struct peer_out *ret_out)
{
	const struct msg_link_hello *hello = &message->link_hello;
	struct coming coming = { .link = hello->link,
				 .instance = hello->instance,
				 .timeout_ms = hello->timeout_ms,
				 .began = env->now };
	int r;

	begin_out(ret_out);
	r = judge_hello(p, message, &ret_out->message, &coming.version);
	if (r < 0)
		return r;
	if (!comes_instead(p, hello)) {
		ret_out->message = peer_unwelcome(message, EALREADY,
						  "node %u has a link to node %u, or is about "
						  "to",
						  p->config.self, hello->node);
		return -EALREADY;
	}
	ret_out->drop = p->phase != PEER_DOWN;
	lose(p, ret_out);
	coming.has_lost = has_lost(p, hello);
	p->ours = false;
	come_up(p, env, &coming, ret_out);
	ret_out->send = true;
	ret_out->message =
		(struct message){ .number = MSG_link_welcome, .serial = message->serial };
	ret_out->message.link_welcome = (struct msg_link_welcome){
		.version = coming.version,
		.node = p->config.self,
		.instance = p->config.instance,
		.timeout_ms = (uint32_t)(p->config.timeout_ns / NS_PER_MS),
	};
	return 0;
}

/* ---- being up --------------------------------------------------------------------------- */

static void send_beat(struct peer_state *p, const struct peer_env *env, struct peer_out *out)
{
	p->beat_sent = env->now;
	p->beat_at = env->now + p->config.beat_ns;
	out->send = true;
	out->message = (struct message){ .number = MSG_link_beat };
	out->message.link_beat.sent = env->now;
}

static void hear_beat(const struct message *beat, struct peer_out *out)
{
	out->send = true;
	out->message =
		(struct message){ .number = MSG_link_beat_heard, .serial = beat->serial };
	out->message.link_beat_heard.sent = beat->link_beat.sent;
}

static void hear_beat_heard(struct peer_state *p, const struct peer_env *env, uint64_t sent,
			    struct peer_out *out)
{
	if (sent < p->beat_heard || sent > p->beat_sent) {
		breach(p, env, "it answered a beat that was never sent", out);
		return;
	}
	p->beat_heard = sent;
	p->held_until = sent + p->lease_ns;
	/* 0 is for none. */
	p->rtt_ns = env->now > sent ? env->now - sent : 1;
}

static int hear_up(struct peer_state *p, const struct peer_env *env,
		   const struct message *message, struct peer_out *out)
{
	char why[WIRE_TEXT_MAX + 1];

	p->heard_at = env->now;
	switch (message->number) {
	case MSG_link_beat:
		hear_beat(message, out);
		return 0;
	case MSG_link_beat_heard:
		hear_beat_heard(p, env, message->link_beat_heard.sent, out);
		return 0;
	case MSG_link_bye:
		(void)snprintf(why, sizeof(why), "its broker has left: %.200s",
			       message->link_bye.why.text);
		drop(p, env, why, out);
		return 0;
	case MSG_link_hello:
	case MSG_link_welcome:
	case MSG_link_unwelcome:
		breach(p, env, "it greeted again", out);
		return 0;
	default:
		return 1;
	}
}

int peer_heard(struct peer_state *p, const struct peer_env *env, const struct message *message,
	       struct peer_out *ret_out)
{
	begin_out(ret_out);
	if (p->phase == PEER_UP)
		return hear_up(p, env, message, ret_out);
	if (p->phase != PEER_GREETING)
		return 0;
	if (message->number == MSG_link_welcome)
		hear_welcome(p, env, &message->link_welcome, ret_out);
	else if (message->number == MSG_link_unwelcome)
		hear_unwelcome(p, env, &message->link_unwelcome, ret_out);
	else
		breach(p, env, "it did not answer the greeting", ret_out);
	return 0;
}

void peer_leave(struct peer_state *p, const struct peer_env *env, const char *why,
		struct peer_out *ret_out)
{
	begin_out(ret_out);
	if (p->phase == PEER_DOWN)
		return;
	ret_out->drop = p->phase != PEER_UP;
	if (p->phase == PEER_UP) {
		ret_out->send = ret_out->finish = true;
		ret_out->message = (struct message){ .number = MSG_link_bye };
		ret_out->message.link_bye.why = wire_text_of(why);
	}
	go_down(p, env, "this broker leaves", ret_out);
	p->dial_at = CLOCK_NEVER;
}

/* ---- time ------------------------------------------------------------------------------- */

void peer_tick(struct peer_state *p, const struct peer_env *env, struct peer_out *ret_out)
{
	begin_out(ret_out);
	switch (p->phase) {
	case PEER_DOWN:
		if (p->dial_at > env->now)
			break;
		set_phase(p, env, PEER_DIALLING);
		p->ours = true;
		p->until = env->now + p->config.timeout_ns;
		ret_out->dial = true;
		break;
	case PEER_DIALLING:
		if (p->until <= env->now)
			drop(p, env, "it could not be reached in time", ret_out);
		break;
	case PEER_GREETING:
		if (p->until <= env->now)
			drop(p, env, "it did not answer the greeting in time", ret_out);
		break;
	case PEER_UP:
		if (p->held_until <= env->now)
			drop(p, env, "it does not answer any more", ret_out);
		else if (p->beat_at <= env->now)
			send_beat(p, env, ret_out);
		break;
	}
	for (unsigned i = p->waits; i-- > 0 && !ret_out->gone;)
		if (p->wait[i].at <= env->now)
			end_waiting(p, p->wait[i].losses, ret_out);
}

uint64_t peer_gone_at(const struct peer_state *p)
{
	return p->waits > 0 ? p->wait[0].at : CLOCK_NEVER;
}

uint64_t peer_deadline(const struct peer_state *p)
{
	switch (p->phase) {
	case PEER_DOWN:
		return least(p->dial_at, peer_gone_at(p));
	case PEER_DIALLING:
	case PEER_GREETING:
		return least(p->until, peer_gone_at(p));
	case PEER_UP:
		break;
	}
	return least(least(p->beat_at, p->held_until), peer_gone_at(p));
}

bool peer_check(const struct peer_state *p)
{
	if (p->waits > PEER_LOSSES ||
	    (p->waits > 0 && p->wait[p->waits - 1].losses != p->losses))
		return false;
	if (p->phase < PEER_DOWN || p->phase > PEER_UP || p->failures > FAILURES_MAX)
		return false;
	if ((p->phase == PEER_DIALLING || p->phase == PEER_GREETING) && !p->ours)
		return false;
	if (p->phase != PEER_UP)
		return p->why.length > 0;
	return p->link != 0 && p->instance != 0 && p->version >= p->config.least &&
	       p->version <= p->config.most && p->beat_heard <= p->beat_sent &&
	       p->held_until == p->beat_heard + p->lease_ns &&
	       p->lease_ns < p->config.timeout_ns;
}

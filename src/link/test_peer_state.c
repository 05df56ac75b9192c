/* SPDX-License-Identifier: MIT */
#include "link/peer_state.h"

#include <errno.h>
#include <string.h>

#include "test.h"

#define TIMEOUT (1000 * NS_PER_MS)
#define BEAT (200 * NS_PER_MS)
#define START NS_PER_S

static const struct peer_config low = { 1, 2, 11, 1, 3, TIMEOUT, BEAT };

static struct peer_env at(uint64_t now)
{
	return (struct peer_env){ .now = now, .random = now * 2654435761u };
}

static struct peer_state fresh(const struct peer_config *config, uint64_t now)
{
	struct peer_state p;
	struct peer_env env = at(now);

	peer_init(&p, config, &env);
	return p;
}

static struct peer_out tick(struct peer_state *p, uint64_t now)
{
	struct peer_env env = at(now);
	struct peer_out out;

	peer_tick(p, &env, &out);
	EXPECT(peer_check(p));
	return out;
}

static struct peer_out secured(struct peer_state *p, uint64_t now)
{
	struct peer_env env = at(now);
	struct peer_out out;

	peer_secured(p, &env, &out);
	EXPECT(peer_check(p));
	return out;
}

static struct peer_out ended(struct peer_state *p, uint64_t now)
{
	struct peer_env env = at(now);
	struct peer_out out;

	peer_ended(p, &env, "a test", &out);
	EXPECT(peer_check(p));
	return out;
}

static struct peer_out heard(struct peer_state *p, uint64_t now, struct message message,
			     int expected)
{
	struct peer_env env = at(now);
	struct peer_out out;

	EXPECT_EQ(peer_heard(p, &env, &message, &out), expected);
	EXPECT(peer_check(p));
	return out;
}

static struct peer_out hello(struct peer_state *p, uint64_t now, struct message message,
			     int expected)
{
	struct peer_env env = at(now);
	struct peer_out out;

	EXPECT_EQ(peer_hello(p, &env, &message, &out), expected);
	EXPECT(peer_check(p));
	if (expected < 0)
		EXPECT_EQ(out.message.number, MSG_link_unwelcome);
	return out;
}

static struct message hello_of_2(void)
{
	struct message m = { .number = MSG_link_hello, .serial = 1 };

	m.link_hello = (struct msg_link_hello){ .least = 2,
						.most = 5,
						.node = 2,
						.to = 1,
						.instance = 22,
						.link = 1000,
						.timeout_ms = 800 };
	return m;
}

static struct message welcome_of_2(void)
{
	struct message m = { .number = MSG_link_welcome, .serial = 1 };

	m.link_welcome = (struct msg_link_welcome){ 2, 2, 22, 800 };
	return m;
}

/* Node 1, which dialled, is up. */
static struct peer_state up_by_dialling(void)
{
	struct peer_state p = fresh(&low, START);

	EXPECT(tick(&p, START).dial);
	EXPECT(secured(&p, START).send);
	EXPECT(heard(&p, START, welcome_of_2(), 0).up);
	return p;
}

/* ---- dialling ---------------------------------------------------------------------------- */

TEST(the_lower_id_dials_at_once_and_the_higher_a_little_later)
{
	static const struct peer_config high = { 2, 1, 22, 1, 3, TIMEOUT, BEAT };
	struct peer_state p = fresh(&low, START), q = fresh(&high, START);

	EXPECT_EQ(peer_deadline(&p), START);
	EXPECT(tick(&p, START).dial);
	EXPECT(!tick(&q, START).dial);
	EXPECT_EQ(peer_deadline(&q), START + PEER_WAIT_HIGHER);
	EXPECT(tick(&q, START + PEER_WAIT_HIGHER).dial);
}

TEST(each_failure_waits_longer_up_to_a_bound_and_never_the_same)
{
	struct peer_state p = fresh(&low, START);
	uint64_t now = START, wait, longest = PEER_WAIT_FIRST;
	bool differs = false;

	for (unsigned i = 0; i < 40; i++) {
		EXPECT(tick(&p, now).dial);
		EXPECT(!ended(&p, now).lost);
		wait = peer_deadline(&p) - now;
		EXPECT(wait >= longest / 2 && wait <= longest);
		differs |= wait != longest && wait != longest / 2;
		longest = longest * 2 < PEER_WAIT_MAX ? longest * 2 : PEER_WAIT_MAX;
		now = peer_deadline(&p);
	}
	EXPECT(differs);
}

TEST(an_attempt_that_takes_too_long_is_dropped)
{
	struct peer_state p = fresh(&low, START);
	struct peer_out out;

	(void)tick(&p, START);
	EXPECT_EQ(peer_deadline(&p), START + TIMEOUT);
	EXPECT(!tick(&p, START + TIMEOUT - 1).drop);
	out = tick(&p, START + TIMEOUT);
	EXPECT(out.drop && !out.lost);
	EXPECT_EQ(p.phase, PEER_DOWN);
	(void)tick(&p, peer_deadline(&p));
	(void)secured(&p, START + 2 * TIMEOUT);
	EXPECT(tick(&p, peer_deadline(&p)).drop);
	EXPECT_EQ(p.phase, PEER_DOWN);
}

TEST(after_a_loss_it_is_dialled_soon_again_however_often_that_failed_before)
{
	struct peer_state p = fresh(&low, START);
	uint64_t now = START;

	for (unsigned i = 0; i < 10; i++) {
		(void)tick(&p, now);
		(void)ended(&p, now);
		now = peer_deadline(&p);
	}
	(void)tick(&p, now);
	(void)secured(&p, now);
	EXPECT(heard(&p, now, welcome_of_2(), 0).up);
	EXPECT(ended(&p, now).lost);
	EXPECT(p.dial_at <= now + PEER_WAIT_FIRST);
}

/* ---- greeting ---------------------------------------------------------------------------- */

TEST(who_dialled_greets_and_says_whom_it_means)
{
	struct peer_state p = fresh(&low, START);
	struct peer_out out;

	(void)tick(&p, START);
	out = secured(&p, START);
	EXPECT_EQ(out.message.number, MSG_link_hello);
	EXPECT_EQ(out.message.link_hello.node, 1);
	EXPECT_EQ(out.message.link_hello.to, 2);
	EXPECT_EQ(out.message.link_hello.least, 1);
	EXPECT_EQ(out.message.link_hello.most, 3);
	EXPECT_EQ(out.message.link_hello.instance, 11);
	EXPECT_EQ(out.message.link_hello.after, 0);
	EXPECT(out.message.link_hello.link != 0);
}

TEST(the_newest_version_that_both_speak_is_agreed_on)
{
	for (uint32_t mine = 0; mine < 16; mine++)
		for (uint32_t its = 0; its < 16; its++) {
			struct peer_config c = low;
			struct message m = hello_of_2();
			struct peer_state p;
			struct peer_out out;
			uint32_t newest;

			c.least = 1 + mine % 4;
			c.most = c.least + mine / 4;
			m.link_hello.least = 1 + its % 4;
			m.link_hello.most = m.link_hello.least + its / 4;
			newest = c.most < m.link_hello.most ? c.most : m.link_hello.most;
			p = fresh(&c, START);
			if (newest < c.least || newest < m.link_hello.least) {
				out = hello(&p, START, m, -EPROTONOSUPPORT);
				EXPECT(!out.up && p.phase == PEER_DOWN);
				EXPECT(strstr(out.message.link_unwelcome.rule.text, "upgrade"));
				continue;
			}
			out = hello(&p, START, m, 0);
			EXPECT(out.up && p.phase == PEER_UP);
			EXPECT_EQ(out.message.number, MSG_link_welcome);
			EXPECT_EQ(out.message.link_welcome.version, newest);
		}
}

TEST(a_hello_that_means_another_node_is_told_where_it_got_to)
{
	struct peer_state p = fresh(&low, START);
	struct message m = hello_of_2();

	m.link_hello.to = 3;
	EXPECT(strstr(hello(&p, START, m, -ENXIO).message.link_unwelcome.rule.text,
		      "this is node 1 and not 3"));
}

TEST(a_greeting_without_sense_is_refused)
{
	struct peer_state p = fresh(&low, START);
	struct message m = hello_of_2();

	m.link_hello.instance = 0;
	(void)hello(&p, START, m, -EPROTO);
	m = hello_of_2();
	m.link_hello.link = 0;
	(void)hello(&p, START, m, -EPROTO);
	m = hello_of_2();
	m.link_hello.timeout_ms = 0;
	(void)hello(&p, START, m, -EPROTO);
}

static void expect_breach(struct message m)
{
	struct peer_state p = fresh(&low, START);
	struct peer_out out;

	(void)tick(&p, START);
	(void)secured(&p, START);
	out = heard(&p, START, m, 0);
	EXPECT(out.drop && !out.up && !out.send);
	EXPECT_EQ(p.phase, PEER_DOWN);
	/* It will not be better in a moment. */
	EXPECT(p.dial_at >= START + PEER_WAIT_MAX / 2);
}

TEST(an_answer_that_makes_no_sense_ends_the_stream)
{
	struct message m = welcome_of_2();

	m.link_welcome.version = 4;
	expect_breach(m);
	m = welcome_of_2();
	m.link_welcome.version = 0;
	expect_breach(m);
	m = welcome_of_2();
	m.link_welcome.node = 3;
	expect_breach(m);
	m = welcome_of_2();
	m.link_welcome.instance = 0;
	expect_breach(m);
	m = welcome_of_2();
	m.link_welcome.timeout_ms = 0;
	expect_breach(m);
	expect_breach(hello_of_2());
	expect_breach((struct message){ .number = MSG_link_beat });
	expect_breach((struct message){ .number = MSG_link_connect });
}

TEST(who_is_not_welcome_says_why_and_tries_again_later)
{
	struct peer_state p = fresh(&low, START);
	struct message m = { .number = MSG_link_unwelcome };

	m.link_unwelcome.error = EPERM;
	m.link_unwelcome.rule = wire_text_of("go away");
	(void)tick(&p, START);
	(void)secured(&p, START);
	EXPECT(heard(&p, START, m, 0).drop);
	EXPECT_STR(p.why.text, "go away");
	EXPECT(p.dial_at >= START + PEER_WAIT_MAX / 2);
}

/* ---- being up ---------------------------------------------------------------------------- */

TEST(a_beat_goes_out_at_once_and_then_regularly)
{
	struct peer_state p = up_by_dialling();

	EXPECT_EQ(peer_deadline(&p), START);
	EXPECT_EQ(tick(&p, START).message.number, MSG_link_beat);
	EXPECT(!tick(&p, START + BEAT - 1).send);
	EXPECT_EQ(tick(&p, START + BEAT).message.link_beat.sent, START + BEAT);
}

TEST(a_beat_is_answered_with_what_it_said)
{
	struct peer_state p = up_by_dialling();
	struct message m = { .number = MSG_link_beat, .serial = 9 };
	struct peer_out out;

	m.link_beat.sent = UINT64_MAX;
	out = heard(&p, START, m, 0);
	EXPECT_EQ(out.message.number, MSG_link_beat_heard);
	EXPECT_EQ(out.message.serial, 9);
	EXPECT(out.message.link_beat_heard.sent == UINT64_MAX);
}

TEST(an_answered_beat_tells_the_round_trip_and_extends_the_lease)
{
	struct peer_state p = up_by_dialling();
	struct message m = { .number = MSG_link_beat_heard };
	uint64_t until = p.held_until;

	(void)tick(&p, START);
	(void)tick(&p, START + BEAT);
	m.link_beat_heard.sent = START + BEAT;
	(void)heard(&p, START + BEAT + 777, m, 0);
	EXPECT_EQ(p.rtt_ns, 777);
	EXPECT_EQ(p.held_until, until + BEAT);
}

TEST(the_lease_is_three_quarters_of_the_shorter_timeout)
{
	struct peer_state p = up_by_dialling();

	EXPECT_EQ(p.held_until, START + 600 * NS_PER_MS);
}

TEST(other_messages_do_not_extend_the_lease)
{
	struct peer_state p = up_by_dialling();
	struct message m = { .number = MSG_link_beat };
	uint64_t until = p.held_until;

	(void)heard(&p, START + BEAT, m, 0);
	(void)heard(&p, START + BEAT, (struct message){ .number = MSG_link_signal }, 1);
	EXPECT_EQ(p.held_until, until);
	EXPECT(!tick(&p, until - 1).lost);
	EXPECT(tick(&p, until).lost);
}

TEST(an_answer_to_a_beat_that_was_not_sent_ends_the_link)
{
	struct peer_state p = up_by_dialling();
	struct message m = { .number = MSG_link_beat_heard };
	struct peer_out out;

	(void)tick(&p, START);
	m.link_beat_heard.sent = START + 1;
	out = heard(&p, START + 2, m, 0);
	EXPECT(out.drop && out.lost && !out.gone);
	p = up_by_dialling();
	m.link_beat_heard.sent = START - 1;
	EXPECT(heard(&p, START, m, 0).lost);
}

TEST(a_greeting_when_it_is_up_ends_the_link)
{
	struct peer_state p = up_by_dialling();

	EXPECT(heard(&p, START, hello_of_2(), 0).lost);
	p = up_by_dialling();
	EXPECT(heard(&p, START, welcome_of_2(), 0).lost);
}

TEST(a_lost_peer_is_gone_once_it_must_have_noticed)
{
	struct peer_state p = up_by_dialling();
	struct message m = { .number = MSG_link_beat };
	uint64_t last = START + BEAT;

	(void)heard(&p, last, m, 0);
	EXPECT(ended(&p, last + 5).lost);
	while (peer_deadline(&p) < last + TIMEOUT) {
		uint64_t now = peer_deadline(&p);
		struct peer_out out = tick(&p, now);

		EXPECT(!out.gone);
		if (out.dial)
			(void)ended(&p, now);
	}
	EXPECT(tick(&p, last + TIMEOUT).gone);
	EXPECT(!tick(&p, last + 2 * TIMEOUT).gone);
}

TEST(who_says_good_bye_is_lost_at_once)
{
	struct peer_state p = up_by_dialling();
	struct message m = { .number = MSG_link_bye };
	struct peer_out out;

	m.link_bye.why = wire_text_of("SIGTERM");
	out = heard(&p, START, m, 0);
	EXPECT(out.lost && out.drop && !out.gone);
	EXPECT_STR(p.why.text, "its broker has left: SIGTERM");
}

TEST(who_leaves_says_so_and_dials_no_more)
{
	struct peer_state p = up_by_dialling();
	struct peer_env env = at(START);
	struct peer_out out;

	peer_leave(&p, &env, "SIGTERM", &out);
	EXPECT(out.lost && out.send && out.finish && !out.drop);
	EXPECT_EQ(out.message.number, MSG_link_bye);
	EXPECT(!tick(&p, START + TIMEOUT).dial);
	EXPECT_EQ(peer_deadline(&p), CLOCK_NEVER);
	p = fresh(&low, START);
	(void)tick(&p, START);
	peer_leave(&p, &env, "SIGTERM", &out);
	EXPECT(out.drop && !out.send && !out.lost);
}

/* ---- two streams ------------------------------------------------------------------------- */

TEST(of_two_that_cross_the_lower_ids_stays)
{
	static const struct peer_config high = { 3, 2, 33, 1, 3, TIMEOUT, BEAT };
	struct peer_state p = fresh(&low, START), q = fresh(&high, START);
	struct message m = hello_of_2();
	struct peer_out out;

	(void)tick(&p, START);
	(void)secured(&p, START);
	EXPECT_EQ(hello(&p, START, m, -EALREADY).message.link_unwelcome.error, EALREADY);
	EXPECT_EQ(p.phase, PEER_GREETING);

	(void)tick(&q, START + PEER_WAIT_HIGHER);
	(void)secured(&q, START + PEER_WAIT_HIGHER);
	m.link_hello.to = 3;
	out = hello(&q, START + PEER_WAIT_HIGHER, m, 0);
	EXPECT(out.drop && out.up && !out.lost);
}

TEST(what_has_said_nothing_yet_gives_way)
{
	struct peer_state p = fresh(&low, START);
	struct peer_out out;

	(void)tick(&p, START);
	out = hello(&p, START, hello_of_2(), 0);
	EXPECT(out.drop && out.up);
	EXPECT(!secured(&p, START).send);
}

TEST(a_hello_that_crossed_a_link_that_is_up_is_refused)
{
	struct peer_state p = up_by_dialling();
	struct message m = hello_of_2();

	(void)hello(&p, START, m, -EALREADY);
	EXPECT_EQ(p.phase, PEER_UP);
	m.link_hello.after = p.link;
	EXPECT(hello(&p, START, m, 0).lost);
}

TEST(a_hello_of_a_new_broker_replaces_the_link)
{
	struct peer_state p = up_by_dialling();
	struct message m = hello_of_2();
	struct peer_out out;

	m.link_hello.instance = 23;
	out = hello(&p, START, m, 0);
	EXPECT(out.lost && out.drop && out.up && !out.gone);
	EXPECT(tick(&p, START).send);
	/* Those whom the first one had are told by nobody. */
	EXPECT(peer_gone_at(&p) == START + TIMEOUT);
	m.link_hello.instance = 24;
	m.link_hello.link += 2;
	out = hello(&p, START, m, 0);
	EXPECT(out.lost && out.up && !out.gone);
}

TEST(a_new_broker_that_comes_back_does_not_speak_for_the_one_before_it)
{
	struct peer_state p = up_by_dialling();
	struct message m = hello_of_2();
	struct peer_out out;

	m.link_hello.instance = 23;
	EXPECT(hello(&p, START, m, 0).up);
	/* It has lost the link, and dials again; those of the first may not know yet. */
	m.link_hello.after = p.link;
	m.link_hello.link += 2;
	out = hello(&p, START, m, 0);
	EXPECT(out.lost && out.up && !out.gone);
	EXPECT(peer_gone_at(&p) == START + TIMEOUT);
	EXPECT(tick(&p, START + TIMEOUT).gone);
	/* From here on it speaks for all. */
	m.link_hello.link += 2;
	EXPECT(hello(&p, START + TIMEOUT, m, 0).up);
	m.link_hello.link += 2;
	EXPECT(hello(&p, START + TIMEOUT, m, 0).gone);
}

/* As when it dies again and again as soon as it has started. */
TEST(a_broker_that_comes_and_goes_does_not_put_off_that_the_first_is_gone)
{
	struct peer_state p = up_by_dialling();
	struct message m = hello_of_2();
	uint64_t now = START, told = 0, seen = 0;
	struct peer_out out;

	for (unsigned i = 1; i < 200; i++) {
		now += TIMEOUT / 40;
		out = tick(&p, now);
		if (out.gone) {
			/* Nobody too early, and nobody twice as late. */
			EXPECT(now >= START + TIMEOUT && out.gone_losses > told);
			told = out.gone_losses;
			seen++;
		}
		EXPECT(now < START + TIMEOUT || told > 0);
		m.link_hello.instance++;
		m.link_hello.link += 2;
		out = hello(&p, now, m, 0);
		EXPECT(out.lost && out.up && !out.gone);
		EXPECT(now < START + 2 * TIMEOUT || told + 80 >= p.losses);
	}
	EXPECT(seen > PEER_LOSSES);
	EXPECT(ended(&p, now).lost);
	EXPECT_EQ(tick(&p, now + TIMEOUT).gone_losses, p.losses);
	EXPECT_EQ(peer_gone_at(&p), CLOCK_NEVER);
}

TEST(a_later_hello_replaces_the_earlier_and_not_the_other_way_round)
{
	struct peer_state p = fresh(&low, START);
	struct message m = hello_of_2();

	EXPECT(hello(&p, START, m, 0).up);
	m.link_hello.link -= 2;
	(void)hello(&p, START, m, -EALREADY);
	m.link_hello.link += 4;
	EXPECT(hello(&p, START, m, 0).gone);
}

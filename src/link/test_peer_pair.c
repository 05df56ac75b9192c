/* SPDX-License-Identifier: MIT */
/*
 * test_peer_pair.c - two brokers and a bad network
 *
 * Both sides are the real state machines; the network between them is here.  It may deliver in
 * any order of streams, lose the rest of a stream in one direction, break streams, refuse
 * dials, and restart brokers.  Whatever it does, nobody is said to be gone who still thinks
 * that the link is up, and when it stops, both sides get and keep the same link.
 */
#include <stdlib.h>
#include <string.h>

#include "link/peer_state.h"
#include "test.h"

#define STREAMS 6u
#define QUEUE 8u
#define LOST_MAX 16u

struct item {
	bool end;
	struct message message;
};

/* From end 1 - i to end i. */
struct way {
	struct item item[QUEUE];
	unsigned count;
	bool dead; /* whatever is sent is lost */
};

enum made { STREAM_NONE, STREAM_DIALLED, STREAM_MADE };

struct stream {
	enum made made;
	unsigned dialler; /* side */
	bool open[2];	  /* by side */
	struct way to[2]; /* by side */
};

struct side {
	struct peer_state state;
	int stream; /* -1: none */
	uint64_t lost[LOST_MAX];
	unsigned lost_count; /* links that were lost and whose peer is not gone */
	uint64_t gone;	     /* links that were lost before these */
};

struct world {
	uint64_t now, seed;
	unsigned lost, gone; /* times that a side was told so */
	struct side side[2];
	struct stream stream[STREAMS];
};

static uint64_t draw(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 20;
}

static struct peer_env env_of(struct world *w)
{
	return (struct peer_env){ .now = w->now, .random = draw(&w->seed) };
}

static void start(struct world *w, unsigned who)
{
	struct peer_config config = { .self = who + 1,
				      .node = 2 - who,
				      .instance = draw(&w->seed) | 1,
				      .least = 1,
				      .most = 1,
				      .timeout_ns = (800 + who * 400) * NS_PER_MS,
				      .beat_ns = 150 * NS_PER_MS };
	struct peer_env env = env_of(w);

	peer_init(&w->side[who].state, &config, &env);
	w->side[who].stream = -1;
	w->side[who].lost_count = 0;
	w->side[who].gone = 0;
}

static void begin(struct world *w, uint64_t seed)
{
	*w = (struct world){ .now = NS_PER_S, .seed = seed };
	start(w, 0);
	start(w, 1);
}

static void push(struct stream *s, unsigned to, bool end, const struct message *message)
{
	struct way *way = &s->to[to];

	if (way->dead)
		return;
	if (way->count == QUEUE) {
		way->dead = true;
		return;
	}
	way->item[way->count].end = end;
	if (message)
		way->item[way->count].message = *message;
	way->count++;
}

static void reap(struct stream *s)
{
	if (!s->open[0] && !s->open[1])
		*s = (struct stream){ .made = STREAM_NONE };
}

static void close_end(struct world *w, unsigned who, int at)
{
	struct stream *s = &w->stream[at];

	if (!s->open[who])
		return;
	s->open[who] = false;
	push(s, 1 - who, true, NULL);
	if (s->made == STREAM_DIALLED)
		s->open[1 - who] = false;
	reap(s);
}

static int free_stream(const struct world *w)
{
	for (unsigned i = 0; i < STREAMS; i++)
		if (w->stream[i].made == STREAM_NONE)
			return (int)i;
	return -1;
}

static bool is_up_with(const struct side *s, uint64_t link)
{
	return s->state.phase == PEER_UP && s->state.link == link;
}

/* Nobody is called gone who would still believe what was promised. */
static void expect_noticed(struct world *w, unsigned who, uint64_t losses)
{
	struct side *me = &w->side[who];
	unsigned count = (unsigned)(losses - me->gone);

	EXPECT(losses > me->gone && count <= me->lost_count);
	for (unsigned i = 0; i < count; i++)
		EXPECT(!is_up_with(&w->side[1 - who], me->lost[i]));
	me->gone = losses;
	me->lost_count -= count;
	memmove(me->lost, me->lost + count, me->lost_count * sizeof(me->lost[0]));
}

/* What the machine of @who wants done, and what its link was before. */
static void act(struct world *w, unsigned who, const struct peer_out *out, uint64_t link)
{
	struct side *me = &w->side[who];

	EXPECT(peer_check(&me->state));
	if (out->lost) {
		EXPECT(me->lost_count < LOST_MAX);
		me->lost[me->lost_count++] = link;
	}
	w->lost += out->lost;
	w->gone += out->gone;
	if (out->gone)
		expect_noticed(w, who, out->gone_losses);
	if (out->drop && me->stream >= 0) {
		close_end(w, who, me->stream);
		me->stream = -1;
	}
	if (out->dial) {
		int at = free_stream(w);

		EXPECT(me->stream < 0);
		if (at < 0) {
			struct peer_env env = env_of(w);
			struct peer_out then;

			peer_ended(&me->state, &env, "no room", &then);
			return;
		}
		w->stream[at] = (struct stream){ .made = STREAM_DIALLED,
						 .dialler = who,
						 .open = { true, true } };
		me->stream = at;
	}
	if (out->send && me->stream >= 0)
		push(&w->stream[me->stream], 1 - who, false, &out->message);
}

static void on_end(struct world *w, unsigned who, int at)
{
	struct side *me = &w->side[who];
	uint64_t link = me->state.link;
	struct peer_env env = env_of(w);
	struct peer_out out;

	close_end(w, who, at);
	if (me->stream != at)
		return;
	me->stream = -1;
	peer_ended(&me->state, &env, "the end", &out);
	act(w, who, &out, link);
}

static void on_stranger(struct world *w, unsigned who, int at, const struct message *message)
{
	struct side *me = &w->side[who];
	uint64_t link = me->state.link;
	struct peer_env env = env_of(w);
	struct peer_out out;

	if (message->number != MSG_link_hello) {
		close_end(w, who, at);
		return;
	}
	if (peer_hello(&me->state, &env, message, &out) < 0) {
		push(&w->stream[at], 1 - who, false, &out.message);
		close_end(w, who, at);
		return;
	}
	if (me->stream >= 0) {
		EXPECT(out.drop);
		close_end(w, who, me->stream);
	}
	me->stream = at;
	out.drop = false;
	act(w, who, &out, link);
}

static void deliver(struct world *w, unsigned who, int at)
{
	struct way *way = &w->stream[at].to[who];
	struct side *me = &w->side[who];
	uint64_t link = me->state.link;
	struct item item = way->item[0];
	struct peer_env env = env_of(w);
	struct peer_out out;

	memmove(&way->item[0], &way->item[1], --way->count * sizeof(way->item[0]));
	if (!w->stream[at].open[who])
		return;
	if (item.end) {
		on_end(w, who, at);
	} else if (me->stream != at) {
		on_stranger(w, who, at, &item.message);
	} else {
		EXPECT_EQ(peer_heard(&me->state, &env, &item.message, &out), 0);
		act(w, who, &out, link);
	}
}

static void make(struct world *w, int at, bool works)
{
	struct stream *s = &w->stream[at];
	unsigned who = s->dialler;
	struct peer_env env = env_of(w);
	struct peer_out out;

	if (!works) {
		s->open[1 - who] = false;
		on_end(w, who, at);
		return;
	}
	s->made = STREAM_MADE;
	peer_secured(&w->side[who].state, &env, &out);
	act(w, who, &out, w->side[who].state.link);
}

static void tick(struct world *w, unsigned who)
{
	struct side *me = &w->side[who];
	uint64_t link = me->state.link;
	struct peer_env env = env_of(w);
	struct peer_out out;

	if (peer_deadline(&me->state) > w->now)
		return;
	peer_tick(&me->state, &env, &out);
	act(w, who, &out, link);
}

/* ---- everything at random ---------------------------------------------------------------- */

static uint64_t next_deadline(const struct world *w)
{
	uint64_t a = peer_deadline(&w->side[0].state), b = peer_deadline(&w->side[1].state);

	return a < b ? a : b;
}

/* Both sides have their turns when they are due. */
static void pass_time(struct world *w, uint64_t until)
{
	while (next_deadline(w) < until) {
		if (next_deadline(w) > w->now)
			w->now = next_deadline(w);
		tick(w, 0);
		tick(w, 1);
	}
	if (until > w->now)
		w->now = until;
	tick(w, 0);
	tick(w, 1);
}

static void break_stream(struct world *w, int at)
{
	struct stream *s = &w->stream[at];

	if (s->made == STREAM_DIALLED) {
		make(w, at, false);
		return;
	}
	/* Either end learns so, in its time, unless its direction is dead. */
	push(s, 0, true, NULL);
	push(s, 1, true, NULL);
	s->to[0].dead = s->to[1].dead = true;
}

/* All ends of a killed process are closed; the other side may or may not hear of it. */
static void restart(struct world *w, unsigned who)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		struct stream *s = &w->stream[i];

		if (s->made == STREAM_DIALLED && s->dialler != who)
			continue;
		if (s->made != STREAM_NONE && draw(&w->seed) % 2)
			s->to[1 - who].dead = true;
		if (s->made != STREAM_NONE)
			close_end(w, who, (int)i);
	}
	start(w, who);
}

/* One that is there, if any is. */
static int some_stream(struct world *w)
{
	unsigned at = (unsigned)(draw(&w->seed) % STREAMS);

	for (unsigned i = 0; i < STREAMS && w->stream[at].made == STREAM_NONE; i++)
		at = (at + 1) % STREAMS;
	return (int)at;
}

static void happen(struct world *w, bool badly)
{
	uint64_t what = draw(&w->seed) % (badly ? 40 : 30);
	int at = some_stream(w);
	struct stream *s = &w->stream[at];
	unsigned who = (unsigned)(draw(&w->seed) % 2);

	if (what < 3) {
		pass_time(w, w->now + draw(&w->seed) % (300 * NS_PER_MS));
	} else if (what < 6) {
		pass_time(w, next_deadline(w));
	} else if (what < 30) {
		if (s->made == STREAM_DIALLED && what < 12)
			make(w, at, !badly || draw(&w->seed) % 4);
		else if (s->made == STREAM_MADE && s->to[who].count)
			deliver(w, who, at);
		else if (s->made == STREAM_MADE && s->to[1 - who].count)
			deliver(w, 1 - who, at);
	} else if (what < 33) {
		s->to[who].dead = s->made == STREAM_MADE;
	} else if (what < 36) {
		if (s->made != STREAM_NONE)
			break_stream(w, at);
	} else if (what == 36) {
		restart(w, who);
	} else if (what == 37) {
		pass_time(w, w->now + draw(&w->seed) % (3 * NS_PER_S));
	}
}

/* Everything that can happen does, and then time passes. */
static void settle(struct world *w, uint64_t until)
{
	while (w->now < until) {
		bool busy = false;

		for (int at = 0; at < (int)STREAMS; at++) {
			if (w->stream[at].made == STREAM_DIALLED) {
				make(w, at, true);
				busy = true;
			}
			for (unsigned who = 0; who < 2; who++)
				while (w->stream[at].to[who].count) {
					deliver(w, who, at);
					busy = true;
				}
		}
		if (!busy)
			pass_time(w, next_deadline(w) < until ? next_deadline(w) : until);
	}
}

static bool agree(const struct world *w)
{
	return is_up_with(&w->side[0], w->side[1].state.link) &&
	       is_up_with(&w->side[1], w->side[0].state.link) &&
	       w->side[0].stream == w->side[1].stream;
}

/* What a dead direction lost cannot be undone, so whoever waits for it must give up first. */
static void expect_peace(struct world *w)
{
	uint64_t times;

	settle(w, w->now + 15 * NS_PER_S);
	EXPECT(agree(w));
	EXPECT_EQ(w->side[0].lost_count + w->side[1].lost_count, 0);
	times = w->side[0].state.times + w->side[1].state.times;
	settle(w, w->now + 60 * NS_PER_S);
	EXPECT(agree(w));
	EXPECT_EQ(w->side[0].state.times + w->side[1].state.times, times);
}

TEST_SLOW(whatever_the_network_does_nobody_is_gone_who_has_not_noticed_and_both_agree_after,
	  120)
{
	unsigned seeds = test_is_deep() ? 20000 : 1500, lost = 0, gone = 0;
	static struct world w;

	for (unsigned seed = 1; seed <= seeds; seed++) {
		begin(&w, seed);
		for (unsigned i = 0; i < 400; i++)
			happen(&w, i > 20);
		expect_peace(&w);
		lost += w.lost;
		gone += w.gone;
	}
	/* The bad network lets enough through for this to mean something. */
	EXPECT(lost > seeds && gone > seeds / 2);
}

/* ---- every order ------------------------------------------------------------------------- */

struct sweep {
	unsigned long ends;
	unsigned breaks; /* how many more a path may have */
};

static void expect_end(struct world *w, const struct sweep *s)
{
	struct world copy = *w;

	if (s->breaks == 0) {
		/* Nothing was broken: they need no second attempt. */
		EXPECT(agree(w));
		EXPECT_EQ(w->side[0].state.times, 1);
		EXPECT_EQ(w->side[1].state.times, 1);
	}
	expect_peace(&copy);
}

/* Takes every step that is possible, each from a copy of the world. */
static void explore(const struct world *w, struct sweep *s, bool broken)
{
	struct world *next = malloc(sizeof(*next));
	bool quiet = true;

	EXPECT(next);
	for (int at = 0; at < (int)STREAMS; at++) {
		if (w->stream[at].made == STREAM_DIALLED) {
			quiet = false;
			*next = *w;
			make(next, at, true);
			explore(next, s, broken);
		}
		for (unsigned who = 0; who < 2; who++) {
			if (!w->stream[at].to[who].count)
				continue;
			quiet = false;
			*next = *w;
			deliver(next, who, at);
			explore(next, s, broken);
		}
		if (!broken && s->breaks && w->stream[at].made != STREAM_NONE) {
			*next = *w;
			break_stream(next, at);
			explore(next, s, true);
		}
	}
	if (quiet) {
		*next = *w;
		s->ends++;
		expect_end(next, s);
	}
	free(next);
}

static void both_dial(struct world *w)
{
	begin(w, 7);
	pass_time(w, w->now + PEER_WAIT_HIGHER);
	EXPECT(w->side[0].stream >= 0 && w->side[1].stream >= 0);
}

TEST_SLOW(two_dials_that_cross_make_one_link_in_every_order, 60)
{
	static struct world w;
	struct sweep s = { 0 };

	both_dial(&w);
	explore(&w, &s, false);
	EXPECT(s.ends > 5);
}

TEST_SLOW(two_dials_that_cross_make_one_link_wherever_one_breaks, 120)
{
	static struct world w;
	struct sweep s = { .breaks = 1 };

	both_dial(&w);
	explore(&w, &s, false);
	EXPECT(s.ends > 100);
}

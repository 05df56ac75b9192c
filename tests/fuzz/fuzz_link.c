/* SPDX-License-Identifier: MIT */
/*
 * fuzz_link.c - nothing that comes over a link breaks what a broker thinks of its peer
 *
 * The first byte chooses which of the two ids is lower.  Then a step is a byte that says what
 * happens: time passes, the stream is secure, it ends, a hello comes on another stream, or
 * bytes come.  Messages are the same however their bytes are cut; the state's invariants hold
 * after each; and whatever it wants to say is a message.
 */
#include "fuzz.h"

#include <string.h>

#include "link/frames.h"
#include "link/peer_state.h"

#define STEPS_MAX 200u

enum step { STEP_TIME, STEP_SECURED, STEP_ENDED, STEP_GUEST, STEP_BYTES, STEPS };

struct script {
	const uint8_t *at;
	size_t left;
	struct peer_env env;
	struct peer_state state;
	bool was_up;
	struct link_frames whole, bytewise;
};

static uint8_t take(struct script *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->at++;
}

static bool says_the_same(const struct message *a, const struct message *b)
{
	uint8_t x[WIRE_SIZE_MAX], y[WIRE_SIZE_MAX];
	size_t size_x, size_y;

	return wire_encode(a, x, &size_x) == 0 && wire_encode(b, y, &size_y) == 0 &&
	       size_x == size_y && memcmp(x, y, size_x) == 0;
}

static void look_at(struct script *s, const struct peer_out *out)
{
	uint8_t bytes[WIRE_SIZE_MAX];
	bool is_up = s->state.phase == PEER_UP;
	size_t size;

	FUZZ_EXPECT(peer_check(&s->state));
	if (out->send) {
		FUZZ_EXPECT(wire_encode(&out->message, bytes, &size) == 0);
		FUZZ_EXPECT(frames_is_link(out->message.number));
	}
	/* Who is told what is told all of it. */
	FUZZ_EXPECT(out->lost == (s->was_up && (!is_up || out->up)));
	FUZZ_EXPECT(!out->up || is_up);
	FUZZ_EXPECT(is_up || !s->was_up || out->lost);
	FUZZ_EXPECT(!out->gone || out->gone_losses <= s->state.losses);
	FUZZ_EXPECT(!out->gone || s->state.waits == 0 ||
		    s->state.wait[0].losses > out->gone_losses);
	FUZZ_EXPECT(s->state.phase != PEER_DOWN || peer_deadline(&s->state) != CLOCK_NEVER);
	s->was_up = is_up;
	if (out->drop || out->lost)
		s->whole = s->bytewise = (struct link_frames){ .used = 0 };
}

static void hear(struct script *s, const struct message *message)
{
	struct peer_out out;
	int r;

	r = peer_heard(&s->state, &s->env, message, &out);
	FUZZ_EXPECT(r == 0 || (r == 1 && s->state.phase == PEER_UP));
	look_at(s, &out);
}

/* One stream takes the piece at once, the other byte by byte. */
static void feed(struct script *s, const uint8_t *bytes, size_t size)
{
	struct message one, other;
	size_t room;
	uint8_t *place = frames_room(&s->whole, &room);

	FUZZ_EXPECT(room >= size);
	memcpy(place, bytes, size);
	frames_added(&s->whole, size);
	for (size_t i = 0; i < size; i++) {
		place = frames_room(&s->bytewise, &room);
		FUZZ_EXPECT(room > 0);
		*place = bytes[i];
		frames_added(&s->bytewise, 1);
		if (frames_next(&s->bytewise, &other) < 0)
			continue;
		FUZZ_EXPECT(frames_next(&s->whole, &one) == 0);
		FUZZ_EXPECT(says_the_same(&one, &other));
		hear(s, &one);
		/* It may have ended the stream. */
		if (s->bytewise.used == 0 && s->whole.used == 0)
			return;
	}
	FUZZ_EXPECT(frames_next(&s->whole, &one) < 0);
	FUZZ_EXPECT(s->whole.broken == s->bytewise.broken);
}

static void feed_some(struct script *s)
{
	size_t size = take(s);

	size = size < s->left ? size : s->left;
	if (!s->whole.broken)
		feed(s, s->at, size);
	s->at += size;
	s->left -= size;
}

/* Its fields from the script: most of what is in a hello is to be believed. */
static void greet(struct script *s)
{
	struct message m = { .number = MSG_link_hello };
	struct peer_out out;
	uint8_t how = take(s);
	int r;

	m.link_hello = (struct msg_link_hello){
		.least = how & 1,
		.most = how >> 1 & 3,
		.node = s->state.config.node,
		.to = how & 8 ? 0 : s->state.config.self,
		.instance = how >> 4 & 3,
		.link = take(s),
		.after = how & 64 ? s->state.link : take(s),
		.timeout_ms = how & 128 ? UINT32_MAX : take(s),
	};
	r = peer_hello(&s->state, &s->env, &m, &out);
	if (r < 0) {
		FUZZ_EXPECT(!out.send && !out.up && !out.drop && !out.lost);
		out.send = true;
	}
	look_at(s, &out);
}

static void step(struct script *s)
{
	struct peer_out out;

	s->env.random = s->env.random * UINT64_C(6364136223846793005) + 1;
	switch (take(s) % STEPS) {
	case STEP_TIME:
		s->env.now += take(s) * 20 * NS_PER_MS;
		peer_tick(&s->state, &s->env, &out);
		look_at(s, &out);
		break;
	case STEP_SECURED:
		peer_secured(&s->state, &s->env, &out);
		look_at(s, &out);
		break;
	case STEP_ENDED:
		peer_ended(&s->state, &s->env, "the script says so", &out);
		look_at(s, &out);
		s->whole = s->bytewise = (struct link_frames){ .used = 0 };
		break;
	case STEP_GUEST:
		greet(s);
		break;
	default:
		feed_some(s);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct script s;
	struct peer_config config = {
		.self = 1,
		.node = 2,
		.instance = 3,
		.least = 1,
		.most = 2,
		.timeout_ns = 1000 * NS_PER_MS,
		.beat_ns = 200 * NS_PER_MS,
	};

	s = (struct script){ .at = data, .left = size, .env = { NS_PER_S, 7 } };
	if (take(&s) & 1) {
		config.self = 2;
		config.node = 1;
	}
	peer_init(&s.state, &config, &s.env);
	for (unsigned i = 0; i < STEPS_MAX && s.left > 0; i++)
		step(&s);
	return 0;
}

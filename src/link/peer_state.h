/* SPDX-License-Identifier: MIT */
/*
 * peer_state.h - what a broker thinks of a peer, and when it changes its mind
 *
 * Pure: moments, random numbers and messages come in, and what is to be done comes out.  There
 * is one for each peer.  It has at most one stream: one that this side dialled, or one that the
 * peer dialled and whose hello was welcome.
 *
 * Both sides dial, the higher id a little later, so both may at the same time.  Of two streams
 * that cross, the lower id's stays.  Whether a hello crossed, or was said because the link that
 * this side still has is dead to the other, is seen by the link that it comes after, and by
 * links being counted.
 *
 * When may what a peer was promised be taken from it, if it does not answer?  Each side takes a
 * link for lost (and tells its own processes) when the peer has not answered for a lease: three
 * quarters of the shorter of both timeouts, counted from when the beat was sent that was
 * answered last.  The other has heard that beat later than it was sent, and waits for the
 * whole of its timeout from there.  So whoever says that a peer is *gone* knows that the peer,
 * if it lives, has noticed before, however the network loses and delays; clocks need to go at
 * the same speed, within a quarter, and need to agree on nothing else.
 *
 * Dials that fail are repeated, each twice as much later as the one before, up to PEER_WAIT_MAX
 * and by half at random.
 */
#ifndef LINK_PEER_STATE_H
#define LINK_PEER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "wire/wire.h"

#define PEER_WAIT_FIRST (100 * NS_PER_MS)
#define PEER_WAIT_MAX (5 * NS_PER_S)
/* How much later than the lower the higher id dials. */
#define PEER_WAIT_HIGHER (200 * NS_PER_MS)

/* Versions of the messages between brokers. */
#define PEER_VERSION_LEAST 1u
#define PEER_VERSION_MOST 1u

struct peer_config {
	uint32_t self, node;  /* ids: this side's and the peer's */
	uint64_t instance;    /* of this side's broker; never 0 */
	uint32_t least, most; /* versions that this side speaks */
	uint64_t timeout_ns, beat_ns;
};

/* The numbers are those of node_row.state. */
enum peer_phase {
	PEER_DOWN = 1, /* no stream */
	PEER_DIALLING, /* one is being made, and secured */
	PEER_GREETING, /* hello was said on it */
	PEER_UP,
};

/* Losses that are told apart until their peer is gone; of more, the last wait for each other.
 */
#define PEER_LOSSES 8u

/* What a step is made with. */
struct peer_env {
	uint64_t now;	 /* ns, monotonic */
	uint64_t random; /* a fresh one for each step */
};

struct peer_state {
	struct peer_config config;
	enum peer_phase phase;
	bool ours;	      /* this side dialled the stream */
	struct wire_text why; /* it is not up; for people */
	uint64_t since;	      /* in this phase, or not up */
	uint64_t dial_at;     /* if down */
	unsigned failures;    /* dials in a row */
	uint64_t until;	      /* the attempt may take */
	uint64_t greeted_at;

	uint64_t link;	    /* the one that is up, or was last; 0: none yet */
	uint64_t next_link; /* that is being greeted */
	uint64_t instance;  /* of the peer's broker, as of then */
	uint32_t version;
	uint64_t lease_ns;
	uint64_t beat_at, beat_sent, beat_heard; /* next; last one; last one answered */
	uint64_t held_until;			 /* the lease ends */
	uint64_t heard_at;			 /* the peer was last heard */
	uint64_t losses;			 /* links that were lost */
	/* Whatever it had been promised over the first so many of them is its until then.  Each
	 * has its own time: a broker that comes and goes does not make others wait for more. */
	struct {
		uint64_t at, losses;
	} wait[PEER_LOSSES];
	unsigned waits;
	bool has_heirs;	 /* until all: not all lost links were of one broker */
	uint64_t rtt_ns; /* of the last beat; 0: none yet */
	uint64_t times;	 /* that it came up */
};

/* What is to be done, in this order. */
struct peer_out {
	bool lost; /* it was up, and is not: its messages mean nothing any more */
	bool gone; /* it has noticed, or has ended: what it had over lost links may go, */
	uint64_t gone_losses; /* namely the first so many that were lost */
	bool drop;	      /* end the stream */
	bool dial;	      /* make one */
	bool send;	      /* say @message on the stream */
	bool finish;	      /* and end the stream once it has been said */
	bool up;	      /* the link is up */
	struct message message;
};

void peer_init(struct peer_state *p, const struct peer_config *config,
	       const struct peer_env *env);

/* All of these set *ret_out as a whole. */

/* Time has passed. */
void peer_tick(struct peer_state *p, const struct peer_env *env, struct peer_out *ret_out);
/* The stream that was dialled is made, and is surely the peer's. */
void peer_secured(struct peer_state *p, const struct peer_env *env, struct peer_out *ret_out);
/* The stream has ended, or could not be made. @drop is not set: it is gone already. */
void peer_ended(struct peer_state *p, const struct peer_env *env, const char *why,
		struct peer_out *ret_out);
/*
 * A message came on the peer's stream.  0, or 1 if it is for whoever uses the link (it is up).
 */
int peer_heard(struct peer_state *p, const struct peer_env *env, const struct message *message,
	       struct peer_out *ret_out);
/*
 * On a stream that somebody else dialled, which is secure, link_hello came with the peer's id.
 * 0: that is the peer's stream from now on, after whatever is dropped; @message goes there.
 * Negative: it is not, and @message is to be said on it before it is ended.
 */
int peer_hello(struct peer_state *p, const struct peer_env *env, const struct message *message,
	       struct peer_out *ret_out);
/* This side's broker leaves. */
void peer_leave(struct peer_state *p, const struct peer_env *env, const char *why,
		struct peer_out *ret_out);

/* When what it had been promised over the first of the links that were lost may go;
 * CLOCK_NEVER. */
uint64_t peer_gone_at(const struct peer_state *p);
/* When peer_tick() has something to do; CLOCK_NEVER. */
uint64_t peer_deadline(const struct peer_state *p);

/* A link_unwelcome to the link_hello @hello. */
struct message peer_unwelcome(const struct message *hello, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Is every invariant true? */
bool peer_check(const struct peer_state *p);

#endif

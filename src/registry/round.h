/* SPDX-License-Identifier: MIT */
/*
 * round.h - events, and requests that wait until clients have answered them
 *
 * A round belongs to one request.  It asks imports' holders, counts who answers in time, and
 * ends by answering the request; a holder that dies, has no channel, or is too late counts as
 * late.  An import is in at most one round, since its segment's owner has at most one request
 * unanswered.
 *
 * A round can also carry an errand to one client: something that its asker wants mapped there.
 * What the client answers is kept for the round's end.
 *
 * What a round does can have several steps, of which each asks somebody: @next begins them one
 * after the other.  Such a round goes on when its asker has gone.
 *
 * An event that does not fit into a client's channel is owed: it is said again when the client
 * has answered another, so that a burst longer than the channel is only slower.
 */
#ifndef REGISTRY_ROUND_H
#define REGISTRY_ROUND_H

#include "registry/principal.h"

enum notice {
	NOTICE_NONE = 0,
	NOTICE_STALL,
	NOTICE_RELEASE, /* the same, and nothing of the memory is kept meanwhile */
	NOTICE_MOVED,
	NOTICE_REVOKED,
};

/* What is sent to one client. */
struct errand_kind {
	/* The event, and what goes with it. */
	struct attachment (*fill)(const struct registry *registry, struct round *round,
				  struct message *message);
	/* It was not answered, and nobody waits for it any more: what goes along is not to
	 * stay. */
	void (*abandon)(struct registry *registry, struct import *lent, bool sent);
};

struct round {
	uint64_t deadline;
	struct client *asker; /* NULL: it has gone and the round goes on, or @remote asks */
	struct message request;
	void (*finish)(struct registry *registry, struct round *round);
	/* NULL, or begins the next step, with round_rearm() before all else: true; the round
	 * may be gone by then.  False: there is none. */
	bool (*next)(struct registry *registry, struct round *round);
	bool settled;  /* everybody was asked */
	uint32_t open; /* answers missing */
	uint32_t late;
	struct takeback *takeback; /* whose it is, or NULL */
	uint64_t region;	   /* id, for finish */
	uint64_t segment;	   /* id, for finish */
	uint64_t import;	   /* id, for finish */
	unsigned overdue;	   /* deadlines that have passed, of this step */
	struct remote *remote;	   /* that it is about, or NULL */
	struct {
		uint32_t serial;	     /* under which @remote was asked; 0: it was not */
		uint32_t id, rights;	     /* what for */
		uint64_t segment;	     /* which it has to be; 0: any */
		struct wire_text controller; /* through which; empty: any */
		const struct message *reply; /* for finish; NULL: there was none */
		bool lost;		     /* for finish: the link is */
	} asked;
	struct region *pinned; /* stays while the round lasts, or NULL */
	struct import_queue waiting;
	uint64_t subject; /* for finish */
	struct {
		const struct errand_kind *kind;
		struct client *target; /* NULL: there is none, or it is over */
		uint32_t serial;       /* of the event; 0: not said yet */
		struct import *lent; /* what goes along; goes with the round if not answered */
		bool lends;	     /* something was to go along */
		bool deserted;	     /* the target has left, or cannot hear */
		struct client *by;   /* who has just answered it, or NULL */
		struct msg_map_answer answer;
	} errand;
	TAILQ_ENTRY(round) of_errands; /* of the target */
	TAILQ_ENTRY(round) of_asked;   /* of the remote */
	TAILQ_ENTRY(round) link;
};

TAILQ_HEAD(rounds, round);
TAILQ_HEAD(asked, round);

/* Begins a round for @call's request, or nobody's if it has no client.  0 or -ENOMEM, with
 * nothing changed. */
int round_begin(const struct call *call, uint64_t patience_ns,
		void (*finish)(struct registry *, struct round *), struct round **ret_round);
/* The same for what another node asks of this one's clients.  NULL if there is no memory. */
struct round *round_begin_for(struct registry *registry, struct remote *remote,
			      const struct message *message,
			      void (*finish)(struct registry *, struct round *));
void round_pin(struct round *round, struct region *region);
/* For @next: a step of its own, with the time it may take. */
void round_rearm(struct registry *registry, struct round *round, uint64_t patience_ns);
/* Tells @import's holder and waits for it. */
void round_ask(struct registry *registry, struct round *round, struct import *import,
	       enum notice notice);
/* The same for all of @segment that have its memory, and waits for those of other nodes that
 * are still to lose it. */
void round_ask_all(struct registry *registry, struct round *round, struct segment *segment,
		   enum notice notice);
/* Waits for @import, whose holder has been told already. */
void round_join(struct round *round, struct import *import);
/* Sends it to @target, with an import of the target's or NULL, and waits for its answer. */
void round_send(struct registry *registry, struct round *round, const struct errand_kind *kind,
		struct client *target, struct import *lent);
/* The errand that @call answers is over; NULL: there is none.  May end the round. */
void round_answered(const struct call *call, const struct errand_kind *kind,
		    const struct msg_map_answer *answer);
/* @client is leaving: what it was sent for fails. */
void round_desert(struct registry *registry, struct client *client);
/* Everybody was asked: ends the round if nobody is waited for. */
void round_settle(struct registry *registry, struct round *round);
/* Ends it, or its step, now; whoever has not answered is late. */
void round_complete(struct registry *registry, struct round *round);
/* Its deadline has passed.  Other nodes are waited for until they have answered or are gone. */
void round_expire(struct registry *registry, struct round *round);
/* Its asker is gone: nobody is waited for or answered, and it is still to be freed.  NULL is
 * fine, for both.  A round that goes on by itself is not the asker's any more; return: NULL. */
struct round *round_cancel(struct registry *registry, struct round *round);
/* What it pinned may go. */
void round_free(struct registry *registry, struct round *round);
/* The import of @client that is waited for to answer the event @serial; NULL. */
struct import *round_find(const struct client *client, uint32_t serial);
/* Nobody waits for @import any more.  May end the round. */
void round_release(struct registry *registry, struct import *import, bool late);

/* Tells @import's holder without waiting.  0, or what the port said, and it is owed. */
int notice_send(struct registry *registry, struct import *import, enum notice notice);
/* What @import's holder has not been told yet is not so any more. */
void notice_forget(struct import *import);
/* Says what is owed to @client, as far as it fits.  0 if nothing is owed any more. */
int notice_flush(struct registry *registry, struct client *client);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * takeback.h - ending access that is mapped already, while others go on
 *
 * The mappings that end are its targets, and their processes its suspects; a process that had
 * the memory and unmapped it is one too, for it may have kept a descriptor.  ASK: holders are
 * told, and answer.  VERIFY: and the body looks whether they let go.  FENCE: everybody else
 * moves to fresh backing, to which the broker copies, slice by slice; the old object is
 * emptied. KILL: the suspects' processes end.
 *
 * Whatever the force, importers of other nodes that have been cut off from the memory are
 * waited for, until they reach it no more and their node knows.
 *
 * A region has one at a time under way, and others wait for it; it goes on when the process
 * that asked for it has gone.  A survivor of a fence that does not answer in time loses its
 * mapping.
 *
 * A snapshot is made by the same steps, without a target: all stall, and what was copied is the
 * snapshot's.  Or nothing is copied, and the object is frozen, if those who write to it can be
 * made to let go of it for that long.
 */
#ifndef REGISTRY_TAKEBACK_H
#define REGISTRY_TAKEBACK_H

#include "registry/shared.h"

enum force {
	FORCE_ASK = 0,
	FORCE_VERIFY = 1,
	FORCE_FENCE = 2,
	FORCE_KILL = 3,
	FORCE_BY_USER = 255, /* FENCE for another user, else ASK */
};

enum takeback_step {
	TAKEBACK_WAITING = 0, /* for another one */
	TAKEBACK_ASKING,
	TAKEBACK_KILLING,
	TAKEBACK_STALLING,
	TAKEBACK_COPYING,
	TAKEBACK_MOVING,
	TAKEBACK_EMPTYING,
};

/* A process that had the memory. */
struct suspect {
	uint64_t client;	   /* id */
	struct snapshot *snapshot; /* whose memory it had, which stays so long; or NULL */
	bool killed;
	LIST_ENTRY(suspect) link;
};

struct takeback {
	struct shared *shared;
	struct round *round;
	enum takeback_step step;
	enum force force;
	uint32_t uid;		   /* for whom: other users' access is fenced by default */
	bool foreign;		   /* a suspect is of another user */
	bool thorough;		   /* a fence replaces the memory whoever had it */
	bool blind;		   /* whom it is about may be no client any more, and alive */
	bool snaps;		   /* a snapshot is made, and nothing taken back */
	bool freezing;		   /* and nothing copied, if it can be */
	struct snapshot *snapshot; /* that is copied to, or NULL */
	struct user *payer;	   /* of that */
	/* 0; -EREMOTEIO: a target kept it, or nobody may look; -ETIMEDOUT: it did not answer;
	 * -ENOMEM, -EMFILE, -EDQUOT: no fresh backing. */
	int error;
	bool stuck;	 /* what there is could not be copied */
	uint64_t copied; /* bytes */
	bool moved;	 /* those who go on have other memory */
	uint64_t old;	 /* the object that they had, which is emptied; or 0 */
	struct mappings_ending targets;
	struct suspects suspects;
	/* Answers the request, if round->asker is still there. */
	void (*done)(struct registry *registry, struct takeback *takeback);
	uint64_t subject; /* for @done */
	uint32_t count;	  /* for @done */
	struct job job;
	TAILQ_ENTRY(takeback) link;
};

/* 0, -ENOMEM. */
int takeback_begin(const struct call *call, struct shared *shared, enum force force,
		   void (*done)(struct registry *, struct takeback *),
		   struct takeback **ret_takeback);
/* It is not to be after all; nothing was added to it. */
void takeback_discard(struct registry *registry, struct takeback *takeback);
/* Ends @mapping when its turn has come; until then it is on its way out. */
void takeback_add(struct registry *registry, struct takeback *takeback,
		  struct mapping *mapping);
/* It had memory of the region's, or of a snapshot if that is not NULL, and need not have it
 * mapped. */
void takeback_suspect(struct takeback *takeback, const struct client *client,
		      struct snapshot *snapshot);
/* All targets were added.  The takeback may be gone when it returns. */
void takeback_go(struct registry *registry, struct takeback *takeback);

/* Is @shared changing its memory? */
bool takeback_rekeys(const struct shared *shared);
/* Is something of @client's on @shared on its way out? */
bool takeback_concerns(const struct shared *shared, const struct client *client);
/* What to say of takeback->error. */
const char *takeback_trouble(int error);

/* A client has left. */
void takeback_client_left(struct registry *registry);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * takeback.h - ending access that is mapped already, while others go on
 *
 * The holders whose access ends are its targets.  ASK: they are told, and answer.  VERIFY: and
 * the body looks whether they let go.  FENCE: everybody else moves to fresh backing, to which
 * the broker copies, slice by slice; the old object is emptied.  KILL: their processes end.
 *
 * A region has one at a time.  It goes on when the process that asked for it has gone.
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
	TAKEBACK_ASKING = 0,
	TAKEBACK_KILLING,
	TAKEBACK_STALLING,
	TAKEBACK_COPYING,
	TAKEBACK_MOVING,
};

struct takeback {
	struct shared *shared;
	struct round *round;
	enum takeback_step step;
	enum force force;
	/* 0; -EREMOTEIO: a target kept it, or nobody may look; -ETIMEDOUT: it did not answer;
	 * -ENOMEM, -EMFILE: no fresh backing. */
	int error;
	uint64_t copied; /* bytes */
	struct import_list targets;
	/* Answers the request, if round->asker is still there. */
	void (*done)(struct registry *registry, struct takeback *takeback);
	uint64_t subject; /* for @done */
	TAILQ_ENTRY(takeback) of_copies;
};

/* 0; -EBUSY: one is under way, or an exporter is moving importers; -ENOMEM. */
int takeback_begin(const struct call *call, struct shared *shared, enum force force,
		   void (*done)(struct registry *, struct takeback *),
		   struct takeback **ret_takeback);
void takeback_add(struct registry *registry, struct takeback *takeback,
		  struct mapping *mapping);
/* All targets were added.  The takeback may be gone when it returns. */
void takeback_go(struct registry *registry, struct takeback *takeback);

/* What to say of takeback->error. */
const char *takeback_trouble(int error);

/* A target's record is going. */
void takeback_forget(struct registry *registry, struct import *import);
/* Copies a slice of each region that is being copied. */
void takeback_copy_some(struct registry *registry);

#endif

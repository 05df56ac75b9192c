/* SPDX-License-Identifier: MIT */
/*
 * move.h - a shared region changes its owner for good
 *
 * From the offer until somebody takes it the region is busy.  Who takes it waits while the
 * sender's access ends with the strength that he chose; then all happens at once.  If that
 * fails, or the receiver dies before, the region is the sender's as before.  A sender that dies
 * has let go.
 */
#ifndef REGISTRY_MOVE_H
#define REGISTRY_MOVE_H

#include "registry/mapping.h"

/* move_known.state */
enum move_state {
	MOVE_OFFERED = 1,
	MOVE_TAKEN = 2, /* its receiver waits for it */
	MOVE_DONE = 3,
	MOVE_BACK = 4,
};

/* What a sender asks about. */
struct move {
	uint64_t token;
	struct client *sender;
	struct cap *cap; /* while it is offered */
	enum move_state state;
	int error;
	uint32_t force;
	uint64_t copied;
	LIST_ENTRY(move) of_sender;
};

/* 0, -EMFILE, -ENOMEM. */
int move_watch(struct client *sender, struct cap *cap);
/* @call's client takes what @cap offers, and has it mapped if @ground is not NULL. */
int move_take(const struct call *call, struct cap *cap, const struct ground *ground);
/* @cap has ended, and was an offer. */
void move_ended(struct registry *registry, const struct cap *cap);
void move_client_left(struct client *client);
bool move_is_being_taken(const struct cap *cap);

#endif

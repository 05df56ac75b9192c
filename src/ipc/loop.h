/* SPDX-License-Identifier: MIT */
/*
 * loop.h - wait for many descriptors, and for one moment
 *
 * A source lives in its owner's storage.  Any source, the one being called included, may be
 * removed (and its storage given up) from inside any callback: what had already been reported
 * for it is forgotten.  Sources stay ready until their descriptor is not, so a callback may
 * leave work for the next turn, and thereby let the others have theirs.
 *
 * A loop may be told to spin: to look again for a moment before it sleeps.
 */
#ifndef IPC_LOOP_H
#define IPC_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/spin.h"
#include "sys/event.h"

#define LOOP_BATCH 32

struct loop_source {
	int fd; /* -1: not in a loop */
	unsigned mask;
	void (*ready)(void *arg, unsigned mask);
	void *arg;
};

struct loop {
	int poll;
	bool stopped;
	unsigned ready_count; /* of the batch that is being called */
	struct event_ready ready[LOOP_BATCH];
	struct spin spin; /* not at all, unless its owner says so */
	/* Both may be NULL.  @deadline: when the next turn comes even if nothing is ready.
	 * @turn: after the sources of a turn were called, or its deadline passed. */
	uint64_t (*deadline)(void *arg);
	void (*turn)(void *arg);
	void *arg;
};

int loop_init(struct loop *loop);
/* Every source has been removed. */
void loop_deinit(struct loop *loop);

/* @source->ready and @source->arg are set; @fd is borrowed until it is removed. */
int loop_add(struct loop *loop, struct loop_source *source, int fd, unsigned mask);
int loop_change(struct loop *loop, struct loop_source *source, unsigned mask);
/* Before the descriptor is closed.  A source that is in no loop is fine. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* One turn.  0 or -errno. */
int loop_step(struct loop *loop);
/* Turns until loop_stop().  0 or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif

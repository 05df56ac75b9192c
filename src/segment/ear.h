/* SPDX-License-Identifier: MIT */
/*
 * ear.h - one side's end of the signals of a segment
 *
 * The counts live in the segment's bell (shm/layout.h), which is fetched from the broker at the
 * first use.  Posting and taking are then the business of the two processes alone; a post
 * nobody waits for is one atomic addition.
 *
 * For poll() there is a pipe, which holds a byte exactly while events are pending.  Its reading
 * end is the pollable descriptor; posters fetch the writing end once they see the slot's
 * "polled" word, and fill the pipe themselves: so readiness needs no thread and is there when
 * the post returns.
 */
#ifndef SEGMENT_EAR_H
#define SEGMENT_EAR_H

#include <stdint.h>

#include "base/thread.h"
#include "client/session.h"

/* Somebody's pipe, as a poster holds it. */
struct ear_pipe {
	uint32_t slot;
	uint32_t polled; /* the slot's word when it was fetched */
	int fd;
};

struct ear {
	struct mutex lock; /* guards all but bell and slot once they are set */
	struct shm_bell *_Atomic bell;
	uint32_t slot; /* one's own: WIRE_SLOT_EXPORTER or an importer's */
	bool far;      /* the exporter is on another node; set before it is used */
	bool alone;    /* the bell is nobody else's: the exporter is far, or was gone first */
	_Atomic int readable; /* the pipe's ends; -1: none */
	_Atomic int writable;
	unsigned polls; /* not yet released */
	struct ear_pipe *pipes;
	unsigned pipe_count;
};

/* Who asks the broker: the session to use and the id that it knows this end by. */
struct ear_owner {
	struct session *session;
	uint64_t id;
	bool exporter;
};

void ear_init(struct ear *ear);
void ear_deinit(struct ear *ear);
/* In a child of fork: nobody holds the lock. */
void ear_after_fork(struct ear *ear);

static inline struct shm_bell *ear_bell(struct ear *ear)
{
	return atomic_load_explicit(&ear->bell, memory_order_acquire);
}

/* Fetches the bell unless it is there. */
int ear_fetch(struct ear *ear, const struct ear_owner *owner);
/*
 * Adds an event to a slot of the bell, which is there.  Not 0: somebody polls that slot, and
 * ear_fill() is to follow with what was returned.
 */
uint32_t ear_raise(struct ear *ear, uint32_t slot, bool once);
/* Fills the pipe of a slot, which is fetched first if need be. */
int ear_fill(struct ear *ear, const struct ear_owner *owner, uint32_t slot, uint32_t polled);
/* Adds events of one's own, which came from another node. */
void ear_hear(struct ear *ear, uint64_t count);
/* Takes one of one's own events. */
int ear_wait(struct ear *ear, int timeout_ms);
int ear_pollfd(struct ear *ear, const struct ear_owner *owner, int *ret_fd);
void ear_pollfd_release(struct ear *ear);
/* How many pollfds are not released. */
unsigned ear_polls(struct ear *ear);

#endif

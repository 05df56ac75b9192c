/* SPDX-License-Identifier: MIT */
/*
 * far.h - an import whose memory is on another node
 *
 * The exporter's broker shows the memory as a window on a fabric; this process reads and writes
 * it by itself.  A mapping of such memory is made of transfers (far_map.h), so what a stall or
 * a move does to one is done here to them: they wait, those under way are brought to an end,
 * and the window changes.
 *
 * Whether what was moved counts is said by the slot of this node's own board, as for any
 * import: the exporter's broker takes a window away only once that slot says so.  A transfer is
 * therefore judged after it has completed.
 *
 * Spans of barriers learn of failures by counting them: one that ends with another count than
 * it began with has failed.
 */
#ifndef SEGMENT_FAR_H
#define SEGMENT_FAR_H

#include <bsd/sys/queue.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/thread.h"
#include "segment/far_net.h"
#include "wire/wire.h"

struct far_map;
struct tract_import;
struct tract_vector;

/* A window, as long as somebody uses it. */
struct far_window {
	struct fabric_target *target;
	unsigned users; /* transfers inside, and the import while it is the one to use */
};

struct far {
	uint32_t node;
	uint32_t timeout_ms;	 /* of each transfer */
	uint32_t store_delay_ms; /* until what is stored to a mapping is delivered */
	bool swapped;		 /* numbers have the other byte order there */
	/* enum import_mapped: from the first access on it counts as mapped. */
	_Atomic int entered;
	struct far_map *_Atomic map; /* changed under the lock; NULL: there is none */
	bool bereft; /* it was mapped in a parent, and could not be here: no span ends well */

	struct mutex lock; /* guards the rest */
	pthread_cond_t changed;
	uint64_t failures; /* of windows that were, and of what never got to one */
	struct far_net *net;
	struct fabric_peer *peer;
	struct fabric_target_spec spec; /* of the window to use */
	struct far_window *window;	/* NULL: there is none */
	unsigned inside;		/* who uses a window */
	bool held;			/* those that come wait */
	bool ended;			/* taken back */

	/* Under a lock of far.c's. */
	uint64_t serial; /* the list is in this order */
	unsigned pins;	 /* keep it from being freed */
	TAILQ_ENTRY(far) entry;
};

/* For an import from @node, as the broker's reply says; nothing is opened yet. */
int far_new(const struct msg_import_connected_far *said, uint32_t node, uint32_t rights,
	    struct far **ret_far);
/* Connects to the window, before the first transfer.  As for tract_import_connect(). */
int far_open(struct far *far, const struct msg_import_connected_far *said);
/* Waits for who has it pinned.  NULL is allowed. */
void far_free(struct far *far);
void far_pin(struct far *far);
void far_unpin(struct far *far);

/* What events do.  Each returns when nothing is under way to the window that was. */
void far_stall(struct far *far);
/* False if there is no new window: transfers fail until the next move. */
bool far_move(struct far *far, const struct msg_import_moved_far *moved);
void far_end(struct far *far);
bool far_has_ended(struct far *far);
/* The one of them that an event asks for; false as for far_move(). */
bool far_change(struct far *far, const struct message *event);

/*
 * The window to use, until far_leave().  It waits for the end of a stall.
 * -ESTALE, or -EIO if there is none to use, or none in time.
 */
int far_use(struct far *far, uint64_t deadline, struct far_window **ret_window);
/* The window that was used last, also if it was taken back, to wait for what is under way to
 * it; false if there is none. */
bool far_use_last(struct far *far, struct far_window **ret_window);
void far_leave(struct far *far, struct far_window *window);

/* Of failures: one more; how many so far; and those of imports that are closed. */
void far_failed(struct far *far);
uint64_t far_failed_so_far(struct far *far);
uint64_t far_failed_before(void);
/* Calls @visit with each import from @node, which is pinned. */
void far_each(uint32_t node, void (*visit)(struct far *far, void *arg), void *arg);

/* In a child of fork: locks that nobody holds. */
void far_after_fork(struct far *far);
void fars_before_fork(void);
void fars_after_fork(bool in_child);

/* ---- far_transfer.c --------------------------------------------------------------------- */

/*
 * In the place of mapping the segment.  1: go on with the functions below; or -ESTALE, -EACCES,
 * or an error of connecting, in a child of fork.
 */
int far_enter(struct tract_import *import);
int far_put_plain(struct tract_import *import, off_t offset, const void *from, size_t size);
int far_get_plain(struct tract_import *import, off_t offset, void *into, size_t size);
/* Elements that have been checked.  *ret_done is how many are done, in order. */
int far_copy_vector_plain(struct tract_import *import, const struct tract_vector *vector,
			  size_t count, bool put, size_t *ret_done);

/* ---- far_copy.c ------------------------------------------------------------------------- */

/* The same, from and into memory that may itself be another node's. */
int far_put(struct tract_import *import, off_t offset, const void *from, size_t size);
int far_get(struct tract_import *import, off_t offset, void *into, size_t size);
int far_copy_vector(struct tract_import *import, const struct tract_vector *vector,
		    size_t count, bool put, size_t *ret_done);

/* ---- far_order.c ------------------------------------------------------------------------ */

/* As far_put() and far_get(), of numbers of @width bytes each, which have the same values on
 * either side. */
int far_put_items(struct tract_import *import, off_t offset, const void *from, size_t size,
		  size_t width);
int far_get_items(struct tract_import *import, off_t offset, void *into, size_t size,
		  size_t width);

/* ---- far_span.c ------------------------------------------------------------------------- */

/* In a child of fork: makes the import its own.  0, -ESTALE. */
int far_begin(struct tract_import *import);
/*
 * As import_judge(), when a transfer has completed: -EIO, too, if this node's broker has not
 * run lately.  It could not have said that the memory was taken back.
 */
int far_judge(const struct tract_import *import);
/* Failures so far of @import, or of all imports from its node. */
uint64_t far_failures(struct tract_import *import, bool whole_node);
/* Delivers what was stored to mappings; what they are read for next is fetched anew. */
void far_look_anew(struct tract_import *import, bool whole_node);
/* The same, and waits until all that was put has been delivered, or has failed. */
void far_settle(struct tract_import *import, bool whole_node);

#endif

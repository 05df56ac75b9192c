/* SPDX-License-Identifier: MIT */
/*
 * idtable.h - ids that stand for pointers, and are refused once they are stale
 *
 * An id is a slot number and the slot's generation, 32 bits each, never 0.  A removed id is
 * not given out again until its slot has been reused four thousand million times.  Slots are
 * reused oldest first.
 *
 * idtable_find() takes no lock and may run beside every other call; add and remove are
 * serialised by the table's own lock.  Memory of removed slots is kept until deinit.
 */
#ifndef BASE_IDTABLE_H
#define BASE_IDTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"

/* Slots come in blocks that never move: block n holds 64 << n of them. */
#define IDTABLE_BLOCKS 20

struct idtable_slot {
	_Atomic uint64_t id; /* 0: free */
	void *_Atomic value;
	uint32_t next_free;
	uint32_t generation;
};

struct idtable {
	struct mutex lock;
	struct idtable_slot *_Atomic blocks[IDTABLE_BLOCKS];
	uint32_t slots; /* made so far; under lock, as all below */
	uint32_t used;
	uint32_t free_first; /* UINT32_MAX: none */
	uint32_t free_last;
	uint32_t max;
};

#define IDTABLE_INIT(limit)                                                            \
	{                                                                              \
		.lock = MUTEX_INIT, .free_first = UINT32_MAX, .free_last = UINT32_MAX, \
		.max = (limit)                                                         \
	}

void idtable_init(struct idtable *t, uint32_t max);
void idtable_deinit(struct idtable *t);
/* 0, -ENOSPC if @max are in use, -ENOMEM. */
int idtable_add(struct idtable *t, void *value, uint64_t *ret_id);
/* Borrowed, or NULL if the id is not, or no longer, in the table. */
void *idtable_find(struct idtable *t, uint64_t id);
/* What the id stood for, now the caller's; NULL if it was not in the table. */
void *idtable_take(struct idtable *t, uint64_t id);
uint32_t idtable_used(struct idtable *t);
/* The value with the smallest slot number at or after *cursor, which moves past it; NULL: end.
 */
void *idtable_next(struct idtable *t, uint32_t *cursor);
/* Is every invariant true? */
int idtable_check(struct idtable *t);

#endif

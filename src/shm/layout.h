/* SPDX-License-Identifier: MIT */
/*
 * layout.h - everything two processes may both have mapped
 *
 * A struct here is a file format: it changes only by version, holds no pointers, and says
 * beside each field who writes it.  Readers trust nothing they read.
 *
 * The board is one object per node, made by the broker and given out read-only.  A segment has
 * one slot for its life; slots are reused, generations are not, so a connection compares the
 * generation it learned at connect and can never mistake a later segment for its own.
 *
 * The pledge is one object per exporting process, made by the broker, writable by that process
 * and given out read-only to who imports from it.  It is for the time without a broker: the
 * board cannot be written then, so an exporter that takes a segment back says so here, before
 * it lets go of a page.  There is a word for each slot of the board.  Words are never cleared:
 * a slot that is used again while the broker lives was not taken back without it.
 *
 * The bell is one object per segment that uses events, writable by the exporter and by every
 * importer of that segment, and by nobody else.  Count and waiters are a futex and its guard:
 * whoever posts raises the count before it looks at the waiters, whoever waits announces itself
 * before it looks at the count (both sequentially consistent), so one of them sees the other.
 * A waiter that dies leaves its announcement: later posts make a needless system call.
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SHM_BOARD_MAGIC 0x74726264u  /* "trbd" */
#define SHM_BELL_MAGIC 0x7472626cu   /* "trbl" */
#define SHM_PLEDGE_MAGIC 0x7472706cu /* "trpl" */
#define SHM_VERSION 1u

/* An export, or a region that has an owner, has one; what is not used takes no memory. */
#define SHM_BOARD_SLOTS 262144u
#define SHM_BELL_SLOTS 4095u

struct shm_board_slot {
	_Atomic uint64_t generation; /* broker: raised when the segment is taken back */
	_Atomic uint64_t epoch;	     /* broker: raised when other memory was bound */
};

struct shm_board {
	uint32_t magic;	  /* broker, once */
	uint32_t version; /* broker, once */
	uint32_t slots;	  /* broker, once */
	uint32_t pad;
	/* broker, again and again while it runs and has peers: the moment (CLOCK_MONOTONIC, ns)
	 * until which the slots tell of what other nodes have taken back; 0: not at all */
	_Atomic uint64_t sure_until;
	uint32_t pad2[10];
	struct shm_board_slot slot[SHM_BOARD_SLOTS];
};

static_assert(sizeof(struct shm_board) == 64 + 16 * (size_t)SHM_BOARD_SLOTS,
	      "shm_board is an ABI");

struct shm_pledge {
	uint32_t magic;	  /* broker, once */
	uint32_t version; /* broker, once */
	uint32_t slots;	  /* broker, once */
	uint32_t pad[13];
	/* exporter: 1 once it has taken back the segment with that slot, without a broker */
	_Atomic uint32_t ended[SHM_BOARD_SLOTS];
};

static_assert(sizeof(struct shm_pledge) == 64 + 4 * (size_t)SHM_BOARD_SLOTS,
	      "shm_pledge is an ABI");

struct shm_bell_slot {
	alignas(64) _Atomic uint32_t pending; /* posters add, waiters take; never wraps */
	_Atomic uint32_t waiters;	      /* threads asleep or about to be */
	_Atomic uint32_t polled; /* owner: raised each time a pipe is registered; 0: none */
	_Atomic uint32_t active; /* broker: 1 while somebody owns the slot */
};

struct shm_bell {
	alignas(64) uint32_t magic;    /* broker, once */
	uint32_t version;	       /* broker, once */
	_Atomic uint32_t slots_in_use; /* broker: slots past this one were never active */
	struct shm_bell_slot exporter;
	struct shm_bell_slot importer[SHM_BELL_SLOTS - 1];
};

static_assert(sizeof(struct shm_bell_slot) == 64, "shm_bell_slot is an ABI");
static_assert(sizeof(struct shm_bell) == 64 * ((size_t)SHM_BELL_SLOTS + 1),
	      "shm_bell is an ABI");

#endif

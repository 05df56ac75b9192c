/* SPDX-License-Identifier: MIT */
/*
 * segment.h - what stands behind an export and an import
 *
 * Lock order: imports_lock (the table that events look an import up in), then an object's own
 * lock, then the map's bindings_lock, then its places_lock.  An export's lock is held across
 * its calls to the broker, which the service thread never needs; the service thread takes
 * imports_lock and an import's lock, changes the map for others who ask, and never waits for
 * the broker.  Where memory is on another node it waits for transfers, for a bounded time and
 * with none of these locks: that import is pinned (far.h).
 */
#ifndef SEGMENT_SEGMENT_H
#define SEGMENT_SEGMENT_H

#include <tract/segment.h>

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <errno.h>
#include <stdatomic.h>

#include "client/context.h"
#include "map/claim.h"
#include "map/stall.h"
#include "segment/ear.h"
#include "segment/exporters.h"
#include "segment/far.h"
#include "segment/state.h"

/* Memory that was bound before a rebind. */
struct former {
	SLIST_ENTRY(former) entry;
	struct claim *claim;
};

struct tract_export {
	struct mutex lock;
	struct tract *ctx;
	struct session *session;
	uint32_t process; /* process_serial() of the creator */
	uint64_t segment; /* the broker's id */
	uint32_t slot;	  /* on the board, and in the session's pledge */
	uint32_t id;	  /* published; 0: not */
	uint32_t flags;	  /* TRACT_EXPORT_* */
	uint32_t mode;	  /* without an access list */
	enum export_state state;
	bool exposed;	     /* withdrawn, and importers may have kept what is bound */
	struct claim *claim; /* on the memory that is bound now; NULL if @governed */
	bool governed;	     /* of a shared region: the broker's to withdraw and to fence */
	void *addr;
	size_t size;
	/* Bound before a rebind, given to importers then, and still attached: fenced with this.
	 */
	SLIST_HEAD(, former) formers;
	struct ear ear;
	TAILQ_ENTRY(tract_export) entry; /* of all, for fork */
};

enum import_mapped { IMPORT_UNMAPPED = 0, IMPORT_IMPLICIT, IMPORT_EXPLICIT };

struct tract_import {
	/* What get and put read; written under the lock, before mapped. */
	_Atomic int mapped; /* enum import_mapped */
	uint32_t usable;    /* rights of the connection and the mapping */
	char *base;	    /* where the segment's first byte would be */
	uint64_t window_start, window_end;
	const struct shm_board_slot *_Atomic slot;
	const _Atomic uint32_t *pledge; /* the exporter's own word for it */
	uint64_t generation;		/* at connect */
	_Atomic uint64_t epoch;		/* of the memory behind fd and mapping */
	_Atomic int mode;		/* enum tract_barrier_mode */
	struct tract_barrier *_Atomic implicit;
	_Atomic uint32_t moves; /* futex: raised with epoch, and after deaf */
	_Atomic bool deaf;	/* the broker is gone: there will be no move any more */

	/* What stands in for a mapping if the memory is on another node; NULL: it is not. */
	struct far *_Atomic far;
	struct far *former_far; /* a parent's: other threads may be looking at it */
	uint32_t node;		/* of the exporter, if it is another */

	struct mutex lock;
	struct tract *ctx;
	struct session *session;
	struct session *former;	  /* a parent's: its board is still being read */
	uint64_t id;		  /* the broker's */
	uint64_t segment, token;  /* what a child of fork shows */
	uint64_t exporter;	  /* key of the exporting process */
	struct exporter *pledger; /* the same, where @pledge is; maybe a parent's */
	struct exporter *watched; /* the same, in a child of fork with a session of its own */
	/* In a child of fork without one: where to look instead of @slot, which says so. */
	const struct shm_board_slot *inherited;
	uint32_t rights;
	uint64_t size;
	uint64_t offset; /* of the segment in the object */
	int fd;		 /* -1: none (events only, System V, taken back) */
	bool sysv;
	uint32_t shmid;
	uint32_t owner; /* the exporter's user: System V memory must be his */
	bool revoked;	/* as the service thread was told */
	bool owned;	/* of a shared region: goes when it is revoked, and at fork */
	bool aside;	/* owned: mapped so that stores are this process's alone */
	bool waits;	/* owned: told to stall before it was mapped */
	void *map_addr;
	size_t map_size; /* whole pages */
	unsigned map_prot;
	struct stall stall;
	struct ear ear;
	RB_ENTRY(tract_import) entry;
};

/* From when memory that is no child's is mapped until it is marked as that; nothing is locked
 * inside it. */
extern struct mutex imports_birth_lock;

/* In export.c: an access list as the broker is told it.  -EINVAL. */
int access_to_wire(const struct tract_access *access, size_t count, struct wire_access *list);

/* ---- imports.c: the table of all imports of the process --------------------------------- */

/*
 * Connects: asks the broker and enters @import into the table as one step, so that an event
 * about it finds it there.
 */
int imports_connect(struct tract_import *import, struct session *session,
		    struct message *request);
/*
 * In a child of fork: makes @import the child's own, with what is bound now, if it is still a
 * parent's.
 */
int imports_inherit(struct tract_import *import);
/*
 * The same for a mapping of a shared region, whose broker may first have to wait for others,
 * this process among them: events go on being heard meanwhile.
 */
int imports_connect_owned(struct tract_import *import, struct session *session,
			  struct message *request);
/* The same of what the broker handed out unasked. */
void imports_adopt(struct tract_import *import, struct session *session,
		   const struct msg_shared_asked *asked, int *fd);
/* The same for another node, in imports_far.c. */
int imports_connect_far(struct tract_import *import, struct session *session,
			struct message *request);
int imports_inherit_far(struct tract_import *import, struct session *session);
void imports_remove(struct tract_import *import);
/* The handler of events, for session_listen(). */
void imports_on_event(struct session *session, const struct message *event, int *fd);

/* ---- import.c --------------------------------------------------------------------------- */

/*
 * Maps the whole segment with the connection's rights, unless it is mapped already.  1: there
 * is nothing to map, for the memory is on another node; go on with far.h.
 */
int import_map_implicitly(struct tract_import *import);
/* What is to be said of a map's arguments: 0, or the error of tract_import_map(). */
int import_check_window(const struct tract_import *import, void *const *addr, uint32_t flags,
			uint32_t rights, off_t offset, size_t length);
unsigned import_prot_of(uint32_t rights); /* of VM_* */
/* The same where the memory is on another node, in far_import.c; between map and unmap the
 * third is true. */
int import_map_far(struct tract_import *import, void **addr, uint32_t flags, uint32_t rights,
		   off_t offset, size_t length);
int import_unmap_far(struct tract_import *import);
bool import_is_mapped_far(const struct tract_import *import);
/* Puts the descriptor's memory (or zeros, if taken back) behind the mapping, in one step. */
int import_remap_locked(struct tract_import *import) REQUIRES(import->lock);
/* A mapping of a shared region, and its end; see shared.c. */
struct tract_import *import_new(struct tract *ctx, uint32_t rights);
void import_free(struct tract_import *import);
bool import_was_revoked(struct tract_import *import);
/* Does the range lie where it is mapped?  And where in its segment. */
bool import_covers(struct tract_import *import, const void *addr, size_t size,
		   uint64_t *ret_offset);
/* Puts the descriptor's memory over [addr, addr + size), which is held; if it is to be stalled,
 * once it is not any more.  Not for the service thread. */
int import_map_held(struct tract_import *import, void *addr, size_t size, unsigned prot);
/* Waits, for a bounded time and while there is a broker to tell of it, until memory bound
 * meanwhile is mapped.  0 or -EIO, -ESTALE. */
int import_catch_up(struct tract_import *import);

static inline struct far *import_far(const struct tract_import *import)
{
	return atomic_load_explicit(&import->far, memory_order_acquire);
}

/* What a slot of the board, and the pledge, say of @import. */
static inline int import_look(const struct tract_import *import,
			      const struct shm_board_slot *slot)
{
	if (__builtin_expect(atomic_load_explicit(&slot->generation, memory_order_relaxed) !=
				     import->generation,
			     0))
		return -ESTALE;
	if (__builtin_expect(atomic_load_explicit(import->pledge, memory_order_relaxed) != 0,
			     0))
		return -ESTALE;
	if (__builtin_expect(atomic_load_explicit(&slot->epoch, memory_order_relaxed) >
				     atomic_load_explicit(&import->epoch, memory_order_relaxed),
			     0))
		return -EIO;
	return 0;
}

/* As import_judge(), but for a child of fork, whom import_judge_late() tells more. */
static inline int import_glance(const struct tract_import *import)
{
	/* The accesses being judged come before this look.  Pairs with the broker, which raises
	 * the generation before it lets anybody take the pages away; and with an exporter that
	 * has no broker and says so in its pledge. */
	atomic_thread_fence(memory_order_seq_cst);
	return import_look(import, atomic_load_explicit(&import->slot, memory_order_acquire));
}

/* In imports.c. */
int import_judge_late(const struct tract_import *import);

/*
 * Were the accesses before this call to memory that its owner still held?  0; -ESTALE if it was
 * taken back; -EIO if other memory was bound and this import has not got it yet.
 */
static inline int import_judge(const struct tract_import *import)
{
	int r = import_glance(import);

	return __builtin_expect(r == 0, 1) ? 0 : import_judge_late(import);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * far_map.h - memory of another node, at an address
 *
 * What is mapped is an object of this process's own.  Its pages are fetched when they are
 * touched, and shown protected, so that the first store to each is known and noted
 * (far_pages.h).  A barrier delivers what was stored and hides all pages, in one step: what is
 * touched next is fetched again.  Whatever is not delivered by a barrier is delivered a little
 * later.
 *
 * A thread for each node that memory is mapped from answers the faults (far_pager.c).  The
 * library has a mapping of the object to itself, and does not touch the program's; and the
 * thread takes locks that others hold while they touch a caller's memory.  So get and put from
 * and into memory that is mapped from another node go by a copy (far_copy.c).
 *
 * Kernels before 6.4 cannot show pages protected.  There they are fetched into a buffer, copied
 * to where they belong, and taken out of the object to be hidden.
 *
 * Once the memory was taken back the mapping is ordinary memory, full of zeros.
 */
#ifndef SEGMENT_FAR_MAP_H
#define SEGMENT_FAR_MAP_H

#include "base/ref.h"
#include "segment/far.h"
#include "segment/far_ahead.h"
#include "segment/far_pages.h"
#include "sys/uffd.h"

struct far_pager;

/* The most that one touch brings. */
#define FAR_RUN_MAX ((size_t)2 << 20)
/* So many chunks are under way, or fetched ahead. */
#define FAR_CHUNKS 8u
#define FAR_CHUNK_SIZE ((size_t)256 << 10)
/* More pages than this are not stored to before some are delivered. */
#define FAR_DIRTY_MAX ((size_t)1024)
/* Pages that are noted ahead of one that is stored to. */
#define FAR_NOTED_AHEAD ((size_t)32)

/* Pages that are being fetched, or have been, and are not where they belong yet. */
struct far_chunk {
	char *memory;
	size_t page, count;
	struct far_window *window; /* NULL: it is not under way */
	struct fabric_result result;
	uint64_t deadline;
	int error;
};

/* They follow on each other. */
struct far_stock {
	struct far_chunk chunk[FAR_CHUNKS];
	unsigned first, count;
	uint64_t version; /* of the map, when they were asked for */
};

struct far_map {
	struct ref ref;
	struct far *far;
	struct far_pager *pager; /* NULL: a parent's */
	char *addr;		 /* where the program has it */
	char *own;		 /* and the library; NULL in a child of fork */
	bool shows;		 /* pages where they are; else they are copied there */
	size_t size, page_size;
	uint64_t offset; /* of the segment */
	unsigned prot;
	LIST_ENTRY(far_map) of_pager; /* under the pager's lock */
	LIST_ENTRY(far_map) of_all;   /* under a lock of far_map.c's */
	_Atomic uint64_t due;	      /* when to come; written under the lock */

	struct mutex lock; /* guards the rest; not held while anything is transferred */
	pthread_cond_t changed;
	struct far_pages pages;
	struct far_ahead loads, stores;
	uint64_t version; /* raised when pages are let go of */
	bool refreshes;	  /* when it is due, all pages are let go of, too */
	bool delivering;  /* what was noted is under way: no page is fetched */
	bool ended;	  /* nothing is fetched or delivered any more */

	/* Used by the thread alone. */
	char *buffer; /* of the chunks, if they are not fetched to where they belong */
	size_t chunk_pages;
	struct far_stock stock;
};

/* ---- life ------------------------------------------------------------------------------- */

/* Is there everything that it takes to map?  0; -EOPNOTSUPP, -EMFILE, -ENOMEM. */
int far_map_new(struct far *far, struct far_map **ret_map);

struct far_map_spec {
	void *addr; /* to replace what is there; NULL: anywhere */
	size_t size;
	uint64_t offset;
	unsigned prot;
};

/* Maps it; from now on @map->far has it.  -EMFILE, -ENOMEM, -EOPNOTSUPP. */
int far_map_show(struct far_map *map, const struct far_map_spec *spec, void **ret_addr);
/* Takes it from @far: what is not delivered by now is lost.  NULL if there is none. */
struct far_map *far_map_detach(struct far *far);
/* Waits for what its thread does.  NULL is allowed. */
void far_map_free(struct far_map *map);
void far_map_unref(struct far_map *map);

static inline bool far_is_mapped(const struct far *far)
{
	return atomic_load_explicit(&far->map, memory_order_relaxed) != NULL;
}

/* ---- far_deliver.c: keeping up, where @far is mapped ------------------------------------ */

/* Waits until what was stored has been delivered, or has been counted as a failure. */
void far_map_deliver(struct far *far);
/* The same, and whatever is touched next is fetched anew. */
void far_map_refresh(struct far *far);
/* This part only, since it was written in another way. */
void far_map_forget(struct far *far, uint64_t offset, size_t size);

/* Around a move of the window; taken back. */
void far_map_before_move(struct far *far);
void far_map_after_move(struct far *far);
void far_map_end(struct far *far);

/* In a child of fork, where the mapping is full of zeros.  The second puts @far, which is the
 * child's own, in the place of @former there; 0 or -errno, then the zeros stay. */
void far_map_after_fork(struct far *far);
int far_map_resume(struct far *far, struct far *former);
void far_maps_before_fork(void);
void far_maps_after_fork(bool in_child);

/* ---- all of them ------------------------------------------------------------------------ */

/* Is part of the range memory of another node? */
bool far_maps_meet(const void *addr, size_t size);
/* As vm_check_access(), which the kernel's own accesses to such memory may fail. */
int far_maps_check(const void *addr, size_t size, bool write);

/* ---- far_fetch.c, for far_pager.c ------------------------------------------------------- */

void far_map_serve(struct far_map *map, const struct uffd_fault *fault);
/* Delivers, if it is time to. */
void far_map_tick(struct far_map *map);

/* ---- for each other --------------------------------------------------------------------- */

/* The caller's, until far_map_unref(); or NULL. */
struct far_map *far_map_of(struct far *far);

enum far_delivery { FAR_DELIVER, FAR_DELIVER_AND_REFRESH };

/* Counts it if it fails. */
void far_map_flush(struct far_map *map, enum far_delivery how, uint64_t deadline);
/* False if @deadline came first. */
bool far_map_wait_locked(struct far_map *map, uint64_t deadline) REQUIRES(map->lock);

static inline char *far_map_page(const struct far_map *map, size_t page)
{
	return map->addr + page * map->page_size;
}

static inline char *far_map_own(const struct far_map *map, size_t page)
{
	return map->own + page * map->page_size;
}

#endif

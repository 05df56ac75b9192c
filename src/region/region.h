/* SPDX-License-Identifier: MIT */
/*
 * region.h - what stands behind a struct tract_region
 *
 * A region is counted: by its handle, by every place it is attached at, by every export on it.
 * When the last goes the broker is told and, if it was ever given to others, empties it.
 *
 * Its descriptor changes when the memory is taken back from others (a fence): then the same
 * region has a fresh object behind it.  Whoever uses the descriptor holds the lock of the map,
 * under which fences happen, and a local region becomes known to a broker.
 */
#ifndef REGION_REGION_H
#define REGION_REGION_H

#include <tract/region.h>

#include <bsd/sys/queue.h>
#include <stdatomic.h>

#include "base/ref.h"
#include "client/context.h"
#include "sys/mark.h"

struct place;

struct tract_region {
	struct ref ref;
	struct session *session; /* NULL: the broker does not know it */
	_Atomic uint64_t id;	 /* the broker's; 0 then */
	uint64_t size;		 /* bytes */
	uint32_t rights;	 /* of the handle */
	int fd;	    /* for reading and writing; -1 for System V memory known by its id */
	bool fixed; /* not the broker's object: it cannot be exchanged for a fresh one */
	bool local; /* made by this process; @mark tells its descriptor, whatever its session */
	_Atomic bool destroyed; /* nothing more can be done with it */
	uint32_t flags;		/* TRACT_REGION_* */
	struct fd_mark mark;
	LIST_HEAD(region_windows, place) windows; /* where it is seen: the map's */
	bool exposed; /* as far as this process was told: others have, or had, a descriptor */
	/* Another process's, which attached it in this one's map: an import, by the broker's
	 * id; and that process's key.  0: it is this process's own. */
	uint64_t borrowed;
	uint64_t lender;
	/* The last reference is gone: whoever has it in a table takes it out.  NULL: nobody. */
	void (*let_go)(struct tract_region *region);
};

/* What every kind of region begins with; @session may be NULL.  -ENOMEM. */
int region_make(struct session *session, uint64_t size, uint64_t id, int fd,
		struct tract_region **ret_region);
/* The errors of tract_region_create() that need no broker. */
int region_check_spec(const struct tract_region_spec *spec);

/* A new object of the broker's, to be filled while so many bytes as it @replaces of this
 * process's memory are given back.  Errors as tract_region_create(). */
int region_new(struct session *session, uint64_t size, uint64_t replaces,
	       struct tract_region **ret_region);
/* System V memory that importers attach by its id. */
int region_new_sysv(struct session *session, uint64_t size, uint32_t shmid,
		    struct tract_region **ret_region);
/* Why -EBADF. */
#define REGION_ROBBED                                                             \
	"the program has closed the library's descriptors (closefrom?), and the " \
	"region's among them"

/*
 * Its descriptor, or -1 if the program has closed it: the number may be anything's then, even
 * another region's, which was moved up to the same one.
 */
static inline int region_fd(const struct tract_region *region)
{
	bool kept = region->local ? fd_has_mark(region->fd, &region->mark)
				  : session_keeps_fds(region->session);

	return kept ? region->fd : -1;
}
/* Takes @fd in place of the descriptor it has: the same region, with fresh backing. */
void region_replace_fd(struct tract_region *region, int fd);
struct tract_region *region_ref(struct tract_region *region);
/* NULL is allowed. */
void region_unref(struct tract_region *region);
/* Without a word to anybody, so that a lock may be held; false if that was the last, which is
 * still to be given up.  NULL is allowed. */
static inline bool region_unref_quietly(struct tract_region *region)
{
	return !region || ref_put_unless_last(&region->ref);
}
DEFINE_SCOPE(region, struct tract_region, region_unref);

/* Can it be exported through this session as it is? */
bool region_is_known(const struct tract_region *region, const struct session *session);
/*
 * Makes a local region known to a broker, in two steps: the second is made under the lock of
 * the map, and returns the session that is to be given up.  0 and its id; -EFAULT if it is
 * another broker's; errors of tract_export_create().  The caller sees to it that nobody
 * announces, or fences, it meanwhile.
 */
int region_announce(struct tract_region *region, struct session *session, uint64_t *ret_id);
struct session *region_announced(struct tract_region *region, struct session *session,
				 uint64_t id);

/*
 * Taking back, in two steps around the move of the content (map/exchange.h): a fresh object,
 * then the word that it holds everything.  Others that may keep the region wait meanwhile.
 */
int region_fence_begin(struct tract_region *region, int *ret_fresh);
/* @kept: the content could not be moved, and everything stays as it was. */
int region_fence_end(struct tract_region *region, bool kept);
/* Instead of the latter: the content is in another region now, at @offset. */
int region_absorb(struct tract_region *region, const struct tract_region *into,
		  uint64_t offset);

#endif

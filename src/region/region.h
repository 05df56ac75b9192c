/* SPDX-License-Identifier: MIT */
/*
 * region.h - what stands behind a struct tract_region
 *
 * A region is counted: by its handle, by every place it is attached at, by every export on it.
 * When the last goes the broker is told and, if it was ever given to others, empties it.
 *
 * Its descriptor changes when the memory is taken back from others (a fence): then the same
 * region has a fresh object behind it.  Whoever uses the descriptor holds the lock of the map,
 * under which fences happen.
 */
#ifndef REGION_REGION_H
#define REGION_REGION_H

#include <tract/region.h>

#include "base/ref.h"
#include "client/context.h"

struct tract_region {
	struct ref ref;
	struct session *session;
	uint64_t id;	 /* the broker's */
	uint64_t size;	 /* bytes */
	uint32_t rights; /* of the handle */
	int fd;		 /* for reading and writing; -1 for System V memory known by its id */
	bool fixed;	 /* not the broker's object: it cannot be exchanged for a fresh one */
	bool exposed; /* as far as this process was told: others have, or had, a descriptor */
};

/* A new object of the broker's, to be filled while so many bytes as it @replaces of this
 * process's memory are given back.  Errors as tract_region_create(). */
int region_new(struct session *session, uint64_t size, uint64_t replaces,
	       struct tract_region **ret_region);
/* An object of somebody else's that is exported in place; both descriptors are consumed. */
int region_new_offered(struct session *session, uint64_t size, int write_fd, int read_fd,
		       struct tract_region **ret_region);
/* System V memory that importers attach by its id. */
int region_new_sysv(struct session *session, uint64_t size, uint32_t shmid,
		    struct tract_region **ret_region);
/* Its descriptor, or -1 if the program has closed it. */
static inline int region_fd(const struct tract_region *region)
{
	return session_keeps_fds(region->session) ? region->fd : -1;
}
struct tract_region *region_ref(struct tract_region *region);
/* NULL is allowed. */
void region_unref(struct tract_region *region);
DEFINE_SCOPE(region, struct tract_region, region_unref);

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

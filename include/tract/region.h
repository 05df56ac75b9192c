/* SPDX-License-Identifier: MIT */
/*
 * region.h - memory objects
 *
 * A region is a run of pages with one owner, a placement and a set of rights.  It lives until
 * its last handle is closed and its last attachment is gone, in whatever process or node those
 * are.  A region by itself is not visible at any address: map.h attaches it, segment.h exports
 * it.
 *
 * Every call may be made from any thread.  A handle is closed exactly once.
 */
#ifndef TRACT_REGION_H
#define TRACT_REGION_H

#include <tract/context.h>

TRACT_BEGIN_DECLS

struct tract_region;

enum tract_region_flag {
	TRACT_REGION_RESERVED = 1, /* take the memory now, so that no access can lack it */
	TRACT_REGION_LOCKED = 2,   /* keep what is attached in memory, as far as limits allow */
	TRACT_REGION_HUGE = 4,	   /* prefer huge pages, where the host has them */
};

struct tract_region_spec {
	size_t size;		/* bytes, a multiple of the page size */
	uint32_t rights;	/* rights of the first handle; 0: read and write */
	enum tract_cache cache; /* 0: the kernel's default */
	uint32_t numa_node;	/* counted from 1; 0: where the first touch happens */
	uint32_t flags;		/* TRACT_REGION_*; of local regions only */
};

/**
 * tract_region_create() - make a region owned by the calling process
 * @ctx:        an open context
 * @spec:       what to make; a field left zero takes its default
 * @ret_region: set to a new handle on success, untouched on failure
 *
 * The caller owns *@ret_region and gives it up with tract_region_close().  Memory is reserved
 * against the user's share, not touched: the first access to each page pays for it.
 *
 * Return: 0, or
 *   -EINVAL    @spec asks for no bytes, part of a page, or an unknown right
 *   -ENOTSUP   @spec asks for a cache policy or a placement this build cannot give
 *   -EDQUOT    the caller's user has used up its share
 *   -ENOMEM    the host has not that much memory to promise
 *   -ENOTCONN  the broker is gone; see tract_reconnect()
 */
TRACT_API int tract_region_create(struct tract *ctx, const struct tract_region_spec *spec,
				  struct tract_region **ret_region);

/**
 * tract_region_create_local() - make a region that only this process knows
 * @spec:       as for tract_region_create()
 * @ret_region: set to a new handle on success, untouched on failure
 *
 * Asks nobody and starts nothing.  The broker learns of the region when memory that it is
 * attached to is first exported; until then no share is charged, and untouched memory is not
 * promised, so that it may be larger than what there is.
 *
 * Return: 0, or
 *   -EINVAL   as for tract_region_create(), an unknown flag, or more than 2^62 bytes
 *   -ENOTSUP  as for tract_region_create()
 *   -EMFILE   this process has all the descriptors it may have; each region takes one
 *   -ENOMEM   TRACT_REGION_RESERVED, and there is not that much memory
 */
TRACT_API int tract_region_create_local(const struct tract_region_spec *spec,
					struct tract_region **ret_region);

/* Another handle for the same region, with the same rights.  Never fails. */
TRACT_API struct tract_region *tract_region_dup(struct tract_region *region);

/**
 * tract_region_clear() - make a range read as zero, and give its pages back
 * @offset: bytes
 * @size:   bytes
 *
 * Every view of the region shows it.  Return: 0, or -EINVAL for NULL, -ERANGE if the range goes
 * past the region's end, -EACCES without the right to write, -EBADF if the program closed the
 * library's descriptors.
 */
TRACT_API int tract_region_clear(struct tract_region *region, uint64_t offset, uint64_t size);

/* Takes the memory of a range now.  Return: as tract_region_clear(), and -ENOMEM. */
TRACT_API int tract_region_reserve(struct tract_region *region, uint64_t offset, uint64_t size);

/**
 * tract_region_copy() - copy from one region to another, or within one
 *
 * A snapshot.  Ranges of one region that overlap with different offsets give unspecified bytes.
 * Return: as tract_region_clear(), and -ENOMEM.
 */
TRACT_API int tract_region_copy(struct tract_region *to, uint64_t to_offset,
				struct tract_region *from, uint64_t from_offset, uint64_t size);

/**
 * tract_region_destroy() - withdraw a local region from whoever has it in this process
 *
 * Its content is gone, every access to an attachment of it faults, and nothing more can be done
 * with it; attachments stay in the map until they are detached.  The handle is still to be
 * closed.
 *
 * Return: 0, or -EINVAL for NULL or a region of the broker's, -EBUSY if it is exported, -ENOMEM
 * if there are too many mappings to close them all: then nothing was changed.
 */
TRACT_API int tract_region_destroy(struct tract_region *region);

/* Never fails.  Attachments and exports made through @region stay.  NULL is allowed. */
TRACT_API void tract_region_close(struct tract_region *region);

/* Borrowed facts: no lock, no round trip, good for as long as the handle is. */
TRACT_API size_t tract_region_size(const struct tract_region *region);
TRACT_API uint64_t tract_region_id(const struct tract_region *region);

TRACT_END_DECLS

#endif

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

struct tract_region_spec {
	size_t size;		/* bytes, a multiple of the page size */
	uint32_t rights;	/* rights of the first handle; 0: read and write */
	enum tract_cache cache; /* 0: the kernel's default */
	uint32_t numa_node;	/* counted from 1; 0: where the first touch happens */
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

/* Never fails.  Attachments and exports made through @region stay.  NULL is allowed. */
TRACT_API void tract_region_close(struct tract_region *region);

/* Borrowed facts: no lock, no round trip, good for as long as the handle is. */
TRACT_API size_t tract_region_size(const struct tract_region *region);
TRACT_API uint64_t tract_region_id(const struct tract_region *region);

TRACT_END_DECLS

#endif

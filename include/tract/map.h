/* SPDX-License-Identifier: MIT */
/*
 * map.h - what is where in this process's address space
 *
 * A region, or a part of it, is attached at an address and detached again.  What is attached
 * here can be exported by segment.h in place, without a copy.  Purely local: none of these
 * calls talks to the broker.
 *
 * Every call may be made from any thread.
 */
#ifndef TRACT_MAP_H
#define TRACT_MAP_H

#include <tract/region.h>

TRACT_BEGIN_DECLS

enum tract_attach_flag {
	TRACT_ATTACH_FIXED = 1, /* exactly at *@addr, which must be free */
};

/* What tract_find() says of an address. */
struct tract_span {
	void *start;	 /* first byte of the attachment the address lies in */
	size_t size;	 /* bytes */
	uint64_t region; /* id of what is attached there; 0 for an imported segment */
	uint64_t offset; /* of @start in the region or segment, bytes */
	uint32_t rights; /* TRACT_RIGHT_* */
};

/**
 * tract_attach() - make a part of a region visible
 * @region: an open region
 * @addr:   in: where, with TRACT_ATTACH_FIXED; ignored otherwise.  out: where it is
 * @size:   bytes, a multiple of the page size; 0: from @offset to the region's end
 * @offset: first byte, a multiple of the page size
 * @rights: TRACT_RIGHT_READ, or TRACT_RIGHT_READ_WRITE
 * @flags:  TRACT_ATTACH_*
 *
 * Nothing mapped by anyone is ever overwritten.  The attachment stays when the region's handle
 * is closed.
 *
 * Return: 0, or
 *   -EINVAL  a bad argument
 *   -ERANGE  @offset and @size go past the region's end
 *   -EACCES  the handle has not these rights
 *   -EEXIST  TRACT_ATTACH_FIXED, and something is there; or the program has unmapped by itself
 *            what was there, which is still to be detached, unmapped or destroyed
 *   -ENOMEM  out of address space or of mappings (see vm.max_map_count)
 */
TRACT_API int tract_attach(struct tract_region *region, void **addr, size_t size,
			   uint64_t offset, uint32_t rights, uint32_t flags);

/**
 * tract_detach() - remove an attachment
 * @addr: what tract_attach() returned
 *
 * Return: 0, or
 *   -ENOENT  nothing was attached there
 *   -EBUSY   an export still uses the memory
 */
TRACT_API int tract_detach(void *addr);

/**
 * tract_find() - what is at this address?
 * @addr:     any address
 * @ret_span: filled on success
 *
 * Return: 0, or -ENOENT if nothing of tract's is there, or -EINVAL.
 */
TRACT_API int tract_find(const void *addr, struct tract_span *ret_span);

/**
 * tract_check_range() - could this memory be exported?
 * @addr: first byte, page aligned
 * @size: bytes, a multiple of the page size
 *
 * Looks, and changes nothing.
 *
 * Return: 0, or
 *   -EINVAL  @addr is NULL, or @size is 0, or one is not page aligned
 *   -EFAULT  part of it is not mapped, or is a kind of memory that cannot be exported
 *   -EACCES  part of it is not both readable and writable
 */
TRACT_API int tract_check_range(const void *addr, size_t size);

TRACT_END_DECLS

#endif

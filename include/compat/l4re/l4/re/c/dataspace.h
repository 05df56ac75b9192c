/* SPDX-License-Identifier: MIT */
/*
 * dataspace.h - objects that hold bytes
 *
 * A dataspace has a size that is exact to the byte, S below, holds zeros at first, and lives
 * as long as a capability slot or a region refers to it.  Its storage ends with a whole page,
 * P below: the bytes between S and P are there, are zero at first, and can be written.
 * mem_alloc.h makes dataspaces, rm.h attaches them.
 *
 * Every function takes the index of the slot that holds the dataspace.  Rights in the index's
 * low bits are ignored; what counts are the rights of the slot, which are less than full in an
 * alias that l4_task_map() made.
 *
 * Each of them returns, besides what is listed at the function,
 *   -2004          the index is invalid, or the slot is empty.  This number is
 *                  -(L4_EIPC_LO + L4_IPC_ENOT_EXISTENT)
 *   -L4_EBADPROTO  the slot holds something that is no dataspace
 *   -L4_ENOSYS     the dataspace does not know the operation
 *
 * In modern mode l4re_ds_size() and l4re_ds_flags() return 0 in all these cases.
 *
 * Every function may be called from any thread; none is async-signal-safe.  Two that write the
 * same bytes at the same time leave them in the order in which they happened to come.
 */
#ifndef L4_RE_C_DATASPACE_H
#define L4_RE_C_DATASPACE_H

#include <l4/sys/compiler.h>
#include <l4/sys/types.h>
#include <l4/tract/mode.h>

EXTERN_C_BEGIN

typedef l4_cap_idx_t l4re_ds_t;

#ifndef L4RE_MODERN

/* What l4re_ds_info() tells. */
typedef struct {
	unsigned long size;  /* bytes, as at creation */
	unsigned long flags; /* bit 0: writable through the capability that was asked */
} l4re_ds_stats_t;

enum l4re_ds_map_flags {
	L4RE_DS_MAP_FLAG_RO = 0,
	L4RE_DS_MAP_FLAG_RW = 1, /* in modern mode this number asks to execute */
	/* Cache attributes are accepted, and change nothing. */
	L4RE_DS_MAP_NORMAL = 0x00,
	L4RE_DS_MAP_CACHEABLE = 0x00,
	L4RE_DS_MAP_BUFFERABLE = 0x10,
	L4RE_DS_MAP_UNCACHEABLE = 0x20,
	L4RE_DS_MAP_CACHING_MASK = 0x30,
	L4RE_DS_MAP_CACHING_SHIFT = 4
};

/**
 * l4re_ds_map() - show a page of a dataspace without making a region
 * @ds:         the dataspace
 * @offset:     a byte of the page to show
 * @flags:      L4RE_DS_MAP_FLAG_RW to write as well
 * @local_addr: a byte of the page where it is shown
 * @min_addr:   first byte of the window in which more may be shown
 * @max_addr:   end of that window
 *
 * For memory that a program has set aside with l4re_rm_reserve_area(): what happens outside of
 * areas and regions is nobody's promise.  @offset, @local_addr and @min_addr are rounded down
 * to a page and @max_addr up.  Pages around the one asked for may become visible too, if they
 * lie in the window and in the dataspace, each where it would be if all of the dataspace were
 * shown.  A window that is empty, that is upside down, or that does not contain @local_addr
 * means this one page and no other.
 *
 * What was visible at these pages is replaced.  They stay until l4_task_unmap() takes them,
 * something is attached over them or the dataspace is deleted.  Inside a region they hide the
 * region's own page, until they are unmapped: then that one is back.  In a region that is
 * PRIVATE or ANONYMOUS what had been written to it is lost.
 *
 * Return: 0, or an error listed at the top of this header, or
 *   -L4_ERANGE  @offset is at P or after it
 *   -L4_EPERM   write access is asked for, and the slot or the dataspace does not give it
 *   -L4_EADDRNOTAVAIL  memory of the program itself is there
 *   -L4_EBUSY   memory that is exported is there (tract_segment(3))
 *   -L4_ENOMEM  out of memory, or of mappings (see vm.max_map_count)
 */
L4_CV int l4re_ds_map(const l4re_ds_t ds, l4_addr_t offset, unsigned long flags,
		      l4_addr_t local_addr, l4_addr_t min_addr, l4_addr_t max_addr) L4_NOTHROW;

/**
 * l4re_ds_map_region() - show pages of a dataspace without making a region
 * @ds:       the dataspace
 * @offset:   a byte of the first page to show
 * @flags:    as for l4re_ds_map()
 * @min_addr: a byte of the first page where they are shown
 * @max_addr: end; rounded up to a page
 *
 * Shows pages in all of the range, one after the other, and none outside of it.  A range that
 * is empty or upside down after rounding is fine, and nothing happens; so is an end of ~0UL,
 * which rounds to 0.
 *
 * Return: 0, or an error listed at the top of this header, or
 *   -L4_ERANGE  the dataspace ends before the range does; the pages before that may be there
 *   -L4_EPERM   write access is asked for, and the slot or the dataspace does not give it
 *   -L4_EADDRNOTAVAIL, -L4_EBUSY, -L4_ENOMEM  as for l4re_ds_map()
 */
L4_CV int l4re_ds_map_region(const l4re_ds_t ds, l4_addr_t offset, unsigned long flags,
			     l4_addr_t min_addr, l4_addr_t max_addr) L4_NOTHROW;

/**
 * l4re_ds_clear() - write zeros
 * @ds:     the dataspace
 * @offset: first byte
 * @size:   bytes; more than there are means all up to P
 *
 * Everybody who sees the dataspace sees the zeros.  The memory of pages that are cleared as a
 * whole goes back to the system.
 *
 * Return: 0 or more, or an error listed at the top of this header, or
 *   -L4_ERANGE   @offset is at P or after it
 *   -L4_EACCESS  the slot or the dataspace does not give write access
 */
L4_CV long l4re_ds_clear(const l4re_ds_t ds, l4_addr_t offset, unsigned long size) L4_NOTHROW;

/**
 * l4re_ds_allocate() - take the memory of a range now
 * @ds:     the dataspace
 * @offset: first byte
 * @size:   bytes
 *
 * Afterwards no access to the range can fail for lack of memory.  Content does not change.
 *
 * Return: 0, also for no bytes inside of the dataspace; or an error listed at the top of this
 * header, or
 *   -L4_ERANGE  the range is not inside [0, S)
 *   -L4_ENOMEM  there is not so much memory; found out before any of it is taken
 */
L4_CV long l4re_ds_allocate(const l4re_ds_t ds, l4_addr_t offset, l4_size_t size) L4_NOTHROW;

/**
 * l4re_ds_copy_in() - copy bytes from one dataspace into another
 * @ds:       the destination
 * @dst_offs: first byte to write
 * @src:      the source
 * @src_offs: first byte to read
 * @size:     bytes
 *
 * As many bytes are copied as are asked for, fit before S of the destination, and are there
 * before P of the source.  That may be none: offsets past an end are no error.  Later changes
 * of the source do not show in the copy.  Source and destination may be the same dataspace; if
 * the two ranges overlap and are not the same, what the bytes are afterwards is unspecified.
 *
 * Return: 0, or the first of these that holds
 *   -2004          @ds is an invalid index or an empty slot
 *   -L4_EBADPROTO  @ds holds no dataspace
 *   -L4_EACCESS    the destination's slot, or it itself, does not give write access
 *   -L4_EINVAL     @src is an invalid index or an empty slot, or holds no dataspace
 *   -L4_ENOMEM     out of memory
 */
L4_CV int l4re_ds_copy_in(const l4re_ds_t ds, l4_addr_t dst_offs, const l4re_ds_t src,
			  l4_addr_t src_offs, unsigned long size) L4_NOTHROW;

/**
 * l4re_ds_size() - how many bytes?
 * @ds: the dataspace
 *
 * Return: S, as it was given at creation, or an error listed at the top of this header.
 */
L4_CV long l4re_ds_size(const l4re_ds_t ds) L4_NOTHROW;

/**
 * l4re_ds_flags() - what may be done through this capability?
 * @ds: the dataspace
 *
 * Return: a number whose bit 0 says whether the dataspace is writable through this slot; other
 * bits mean nothing to a program; or an error listed at the top of this header.
 */
L4_CV long l4re_ds_flags(const l4re_ds_t ds) L4_NOTHROW;

/**
 * l4re_ds_info() - size and flags at once
 * @ds:    the dataspace
 * @stats: filled on success
 *
 * Return: 0, or an error listed at the top of this header.
 */
L4_CV int l4re_ds_info(const l4re_ds_t ds, l4re_ds_stats_t *stats) L4_NOTHROW;

/**
 * l4re_ds_phys() - the physical address of memory
 * @ds:        the dataspace
 * @offset:    where in it
 * @phys_addr: not written
 * @phys_size: not written
 *
 * No address that a Linux process could use exists.  The function is there for programs that
 * go on without one.
 *
 * Return: an error listed at the top of this header, or
 *   -L4_EINVAL  always, for a dataspace
 */
L4_CV int l4re_ds_phys(const l4re_ds_t ds, l4_addr_t offset, l4_addr_t *phys_addr,
		       l4_size_t *phys_size) L4_NOTHROW;

#else /* L4RE_MODERN */

typedef l4_uint64_t l4re_ds_size_t;
typedef l4_uint64_t l4re_ds_offset_t;
typedef l4_uint64_t l4re_ds_map_addr_t;
typedef unsigned long l4re_ds_flags_t;

/* What l4re_ds_info() tells. */
typedef struct {
	l4re_ds_size_t size;   /* bytes, as at creation */
	l4re_ds_flags_t flags; /* L4RE_DS_F_*, rights of the capability that was asked */
} l4re_ds_stats_t;

enum l4re_ds_map_flags {
	L4RE_DS_F_X = 1, /* in classic mode this number asks to write */
	L4RE_DS_F_W = 2,
	L4RE_DS_F_R = 4,
	L4RE_DS_F_RX = 5,
	L4RE_DS_F_RW = 6,
	L4RE_DS_F_RWX = 7,
	L4RE_DS_F_RIGHTS_MASK = 0x0f,
	/* Cache attributes are accepted, and change nothing. */
	L4RE_DS_F_NORMAL = 0x00,
	L4RE_DS_F_CACHEABLE = 0x00,
	L4RE_DS_F_BUFFERABLE = 0x10,
	L4RE_DS_F_UNCACHEABLE = 0x20,
	L4RE_DS_F_CACHING_MASK = 0x30,
	L4RE_DS_F_CACHING_SHIFT = 4
};

/*
 * These do what their classic namesakes do, with sizes, offsets and addresses of 64 bits and
 * with rights L4RE_DS_F_* as flags.  -L4_EPERM of the first two is about every right that is
 * asked for and not given, the right to execute included.
 */
L4_CV l4_ret_t l4re_ds_map(l4re_ds_t ds, l4re_ds_offset_t offset, l4re_ds_flags_t flags,
			   l4re_ds_map_addr_t local_addr, l4re_ds_map_addr_t min_addr,
			   l4re_ds_map_addr_t max_addr) L4_NOTHROW L4_TRACT_LINK(ds_map);
L4_CV l4_ret_t l4re_ds_map_region(l4re_ds_t ds, l4re_ds_offset_t offset, l4re_ds_flags_t flags,
				  l4re_ds_map_addr_t min_addr,
				  l4re_ds_map_addr_t max_addr) L4_NOTHROW
	L4_TRACT_LINK(ds_map_region);
L4_CV l4_ret_t l4re_ds_clear(l4re_ds_t ds, l4re_ds_offset_t offset,
			     l4re_ds_size_t size) L4_NOTHROW L4_TRACT_LINK(ds_clear);
L4_CV l4_ret_t l4re_ds_allocate(l4re_ds_t ds, l4re_ds_offset_t offset,
				l4re_ds_size_t size) L4_NOTHROW L4_TRACT_LINK(ds_allocate);
L4_CV l4_ret_t l4re_ds_copy_in(l4re_ds_t ds, l4re_ds_offset_t dst_offs, l4re_ds_t src,
			       l4re_ds_offset_t src_offs, l4re_ds_size_t size) L4_NOTHROW
	L4_TRACT_LINK(ds_copy_in);
L4_CV l4_ret_t l4re_ds_info(l4re_ds_t ds, l4re_ds_stats_t *stats) L4_NOTHROW
	L4_TRACT_LINK(ds_info);

/**
 * l4re_ds_size() - how many bytes?
 * @ds: the dataspace
 *
 * Return: S, as it was given at creation; 0 if there is no dataspace.
 */
L4_CV l4re_ds_size_t l4re_ds_size(l4re_ds_t ds) L4_NOTHROW L4_TRACT_LINK(ds_size);

/**
 * l4re_ds_flags() - what may be done through this capability?
 * @ds: the dataspace
 *
 * Return: L4RE_DS_F_* in the bits of L4RE_DS_F_RIGHTS_MASK, without W for a slot that does not
 * give it; other bits mean nothing to a program.  0 if there is no dataspace.
 */
L4_CV l4re_ds_flags_t l4re_ds_flags(l4re_ds_t ds) L4_NOTHROW L4_TRACT_LINK(ds_flags);

/**
 * l4re_ds_map_info() - where in the address space may it be shown?
 * @ds:         the dataspace
 * @start_addr: not written
 * @end_addr:   not written
 *
 * Return: 0, which means anywhere; or an error listed at the top of this header.
 */
L4_CV l4_ret_t l4re_ds_map_info(l4re_ds_t ds, l4_addr_t *start_addr,
				l4_addr_t *end_addr) L4_NOTHROW L4_TRACT_LINK(ds_map_info);

#endif

EXTERN_C_END

#endif

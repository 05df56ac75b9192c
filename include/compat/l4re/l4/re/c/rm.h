/* SPDX-License-Identifier: MIT */
/*
 * rm.h - the region map: what is where in this process
 *
 * A region is a range of whole pages that shows a part of a dataspace, asks a pager, or is
 * merely reserved.  Regions never overlap.  An area is a range of bytes that is set aside: it
 * shows nothing, and keeps regions out that do not ask to go in with IN_AREA.  Areas do not
 * overlap either; a region and an area may.  Everything that belongs to the program itself (its
 * image, libraries, stacks, what malloc() took) is never handed out and never replaced.
 *
 * Two generations of the interface are here, and a program is compiled for one of them: see
 * <l4/tract/mode.h>.  Without L4RE_MODERN it is the classic one, in which regions can be
 * written unless they are READ_ONLY and bits without a meaning are ignored.  With
 * L4RE_MODERN, rights are given one by one, and what makes no sense is refused.  Where they
 * differ is said at each function.
 *
 * Each function with the suffix _srv takes a region map first.  The one without is the same
 * with this task's own, l4re_env()->rm.  Each of them returns, besides what is listed,
 *   -2004          the region map's index is invalid, or its slot is empty.  This number is
 *                  -(L4_EIPC_LO + L4_IPC_ENOT_EXISTENT)
 *   -L4_EBADPROTO  the slot holds something that is no region map
 *   -L4_ENOSYS     the region map does not know the operation
 *   -L4_EBUSY      it would take away or replace what is exported as a segment, or where one is
 *                  imported (<rsmapi.h>): both are found here, and are given up by the calls
 *                  that made them
 *
 * A region map of another process, which may refuse what is asked, is got by
 * l4re_tract_rm_get(); what is different there is said there.
 *
 * A function that fails has changed nothing, unless it says so.  Every function may be called
 * from any thread, and each is one step for all others.  None is async-signal-safe, and none
 * may be called from a handler of a fault that came while one was running.
 *
 * A fault, below, is SIGSEGV or SIGBUS for the thread that made the access.
 */
#ifndef L4_RE_C_RM_H
#define L4_RE_C_RM_H

#include <l4/re/c/dataspace.h>
#include <l4/re/env.h>
#include <l4/sys/compiler.h>
#include <l4/sys/err.h>
#include <l4/tract/mode.h>

EXTERN_C_BEGIN

/* ---- flags ---- */

#ifndef L4RE_MODERN

enum l4re_rm_flags_t {
	L4RE_RM_READ_ONLY = 0x01, /* no write access */
	L4RE_RM_NO_ALIAS = 0x02,  /* nobody else uses this memory: given up on detach */
	L4RE_RM_PAGER = 0x04,	  /* a pager supplies the pages, see <l4/re/c/pager.h> */
	L4RE_RM_RESERVED = 0x08,  /* a region without memory; an area that no region enters */
	L4RE_RM_REGION_FLAGS = 0x0f,

	L4RE_RM_OVERMAP = 0x10,	    /* replace the regions that are in the way */
	L4RE_RM_SEARCH_ADDR = 0x20, /* find a free range */
	L4RE_RM_IN_AREA = 0x40,	    /* inside an area; l4re_rm_find(): this is an area */
	L4RE_RM_EAGER_MAP = 0x80,   /* have all pages present at once */
	L4RE_RM_ATTACH_FLAGS = 0xf0
};

#else

typedef l4_uint32_t l4re_rm_flags_t;
typedef l4_uint64_t l4re_rm_offset_t;

enum l4re_rm_flags_values {
	L4RE_RM_F_X = 0x1,
	L4RE_RM_F_W = 0x2,
	L4RE_RM_F_R = 0x4,
	L4RE_RM_F_RX = 0x5,
	L4RE_RM_F_RW = 0x6,
	L4RE_RM_F_RWX = 0x7,

	/* Cache attributes are recorded and reported, and change nothing on Linux. */
	L4RE_RM_CACHING_SHIFT = 4,
	L4RE_RM_F_CACHING = 0x30,
	L4RE_RM_F_CACHE_NORMAL = 0x00,
	L4RE_RM_F_CACHE_BUFFERED = 0x10,
	L4RE_RM_F_CACHE_UNCACHED = 0x20,

	L4RE_RM_F_KERNEL = 0x100,      /* like RESERVED: memory that is put there otherwise */
	L4RE_RM_F_DETACH_FREE = 0x200, /* refused with -L4_EINVAL */
	L4RE_RM_F_NO_ALIAS = 0x200,    /* its earlier name */
	L4RE_RM_F_PAGER = 0x400,       /* a pager supplies the pages */
	L4RE_RM_F_RESERVED = 0x800,    /* a region without memory; an area that none enters */
	L4RE_RM_F_PRIVATE = 0x1000,    /* writes stay here, and are lost on detach */
	L4RE_RM_F_ANONYMOUS = 0x2000,  /* zeroed memory without a dataspace */
	L4RE_RM_REGION_FLAGS = 0xffff,

	L4RE_RM_F_SEARCH_ADDR = 0x020000,
	L4RE_RM_F_IN_AREA = 0x040000,
	L4RE_RM_F_EAGER_MAP = 0x080000,
	L4RE_RM_F_NO_EAGER_MAP = 0x100000, /* wins over EAGER_MAP */
	L4RE_RM_F_ATTACH_FLAGS = 0x1f0000
};

#endif

/* ---- areas ---- */

/**
 * l4re_rm_reserve_area() - set a range of addresses aside
 * @start: in: where, or with SEARCH_ADDR the lowest address that will do; out: where it is
 * @size:  bytes, 1 or more
 * @flags: SEARCH_ADDR, RESERVED (modern: or KERNEL), and OVERMAP as below
 * @align: with SEARCH_ADDR: log2 of the alignment; values below a page are honoured
 *
 * Without SEARCH_ADDR the area is exactly what was asked for: nothing is rounded, regions may
 * be there, and the limits of the map do not matter.  With it, the area is the lowest range
 * from *@start on that touches neither region nor area.
 *
 * Into an area with RESERVED no region is attached at all; into others with IN_AREA.
 *
 * Classic: OVERMAP together with RESERVED, without SEARCH_ADDR, also cuts the pages that the
 * area touches out of the regions that are there, as l4re_rm_detach_range() would: a guard page
 * in one call.  Other flags are ignored.  A search from where there is no room up to the end
 * starts over from the bottom.
 *
 * Modern: a fixed RESERVED area is refused where a region is, and no search starts over.
 *
 * On failure *@start is unchanged.
 *
 * Return: 0, or an error listed at the top of this header, or
 *   -L4_EADDRNOTAVAIL  it touches an area; nothing is free; classic: @size is 0, or the range
 *                      goes past the last address; modern: RESERVED, and a region is there
 *   -L4_EINVAL         classic: @align is above 63, with SEARCH_ADDR; modern: also @size 0, a
 *                      range past the last address, or another flag
 *   -L4_EBUSY          classic: OVERMAP, and memory there is exported (tract_segment(3))
 *   -L4_ENOMEM         out of memory, or of mappings (see vm.max_map_count)
 */
#ifndef L4RE_MODERN
L4_CV int l4re_rm_reserve_area_srv(l4_cap_idx_t rm, l4_addr_t *start, unsigned long size,
				   unsigned flags, unsigned char align) L4_NOTHROW;
L4_CV L4_INLINE int l4re_rm_reserve_area(l4_addr_t *start, unsigned long size, unsigned flags,
					 unsigned char align) L4_NOTHROW
{
	return l4re_rm_reserve_area_srv(l4re_global_env->rm, start, size, flags, align);
}
#else
L4_CV int l4re_rm_reserve_area_srv(l4_cap_idx_t rm, l4_addr_t *start, unsigned long size,
				   l4re_rm_flags_t flags, unsigned char align) L4_NOTHROW
	L4_TRACT_LINK(rm_reserve_area_srv);
L4_CV L4_INLINE int l4re_rm_reserve_area(l4_addr_t *start, unsigned long size,
					 l4re_rm_flags_t flags, unsigned char align) L4_NOTHROW
{
	return l4re_rm_reserve_area_srv(l4re_global_env->rm, start, size, flags, align);
}
#endif

/**
 * l4re_rm_free_area() - end an area
 * @addr: any byte of it
 *
 * Regions inside stay, and what is between them is free.
 *
 * Return: 0, or an error listed at the top of this header, or
 *   -L4_ENOENT  no area is there
 *   -L4_EPERM   the area was there when the program started
 */
L4_CV int l4re_rm_free_area_srv(l4_cap_idx_t rm, l4_addr_t addr) L4_NOTHROW
	L4_TRACT_LINK(rm_free_area_srv);
L4_CV L4_INLINE int l4re_rm_free_area(l4_addr_t addr) L4_NOTHROW
{
	return l4re_rm_free_area_srv(l4re_global_env->rm, addr);
}

/* ---- regions ---- */

/**
 * l4re_rm_attach() - make a part of a dataspace visible
 * @start: in: where, as below; out: first byte of the region
 * @size:  bytes, 1 or more; rounded up to pages
 * @flags: of the region and of this call
 * @mem:   the dataspace or pager; rights in the low bits are no part of the index
 * @offs:  byte of the dataspace that comes first; the region starts with the page it is on
 * @align: with SEARCH_ADDR: log2 of the alignment
 *
 * Without SEARCH_ADDR the region starts at *@start rounded down to a page, and must touch no
 * area, no region and nothing of the program's.  With it, at the lowest address from *@start on
 * that does.  A start outside of the map's limits means from the bottom; there is no starting
 * over.
 *
 * With IN_AREA the region lies completely inside of the area that contains *@start, else of the
 * lowest one that the range from there on touches: exactly at *@start, or with SEARCH_ADDR at
 * the lowest free place.
 *
 * With RESERVED (modern: or KERNEL) the region shows nothing and every access faults; @mem and
 * @offs are ignored.  With PAGER see <l4/re/c/pager.h>.
 *
 * A dataspace may be shorter than the region.  Accesses to the pages that it does not have
 * fault.  The region keeps its dataspace alive, whatever becomes of the slot, and it may be
 * attached any number of times: every view shows the same bytes.
 *
 * With EAGER_MAP all pages are present when the call returns.  Classic: if that fails, the call
 * fails, and yet the region is there and *@start says where; l4re_rm_detach() removes it.
 * Modern: then the call succeeds.  Without EAGER_MAP each page comes with its first access.
 *
 * Classic: OVERMAP without SEARCH_ADDR cuts regions that are in the way out of the range, as
 * l4re_rm_detach_range() would, and puts the new one there in the same step.  Areas still
 * matter.  Regions can be written unless READ_ONLY is set, and cannot be executed unless
 * l4re_tract_executable() says so.  A dataspace that cannot be written may be attached without
 * READ_ONLY, writes then fault; see l4re_tract_strict_rights().
 *
 * Modern: rights are those that @flags has, and one at least must be there.  PRIVATE shows the
 * dataspace, which must cover the region, until a page is written, and keeps what is written to
 * itself; it needs no right to write the dataspace.  ANONYMOUS needs no @mem.
 *
 * On failure *@start is unchanged, but for the case of EAGER_MAP.
 *
 * Return: 0, or an error listed at the top of this header, or
 *   -L4_ENOENT         @mem is an invalid index, an empty slot or no dataspace; with PAGER it
 *                      is no pager; IN_AREA, and no area is there; modern: no right is given
 *   -L4_EINVAL         @size is 0, or the range goes past the last address (classic: only
 *                      without SEARCH_ADDR); @align is above 63, or in modern mode below a
 *                      page, with SEARCH_ADDR; modern: another flag, or PRIVATE and the
 *                      dataspace does not cover the region; PAGER in a region map that is not
 *                      this task's own
 *   -L4_EADDRNOTAVAIL  something is there; outside of the limits; does not fit into the area,
 *                      or that is RESERVED; nothing is free
 *   -L4_EPERM          classic: the dataspace cannot be written and READ_ONLY is not set,
 *                      with EAGER_MAP (the region is attached) or with strict rights (it is
 *                      not); modern: the dataspace does not give a right that is asked for;
 *                      in a region map that is not this task's own: @mem has no
 *                      L4_CAP_FPAGE_W
 *   -L4_ERANGE         classic: EAGER_MAP, and the dataspace ends first (the region is
 *                      attached)
 *   -L4_EBUSY          classic: OVERMAP, and memory there is exported (tract_segment(3))
 *   -L4_ENOSYS         PAGER, and the system does not let the process have a userfaultfd
 *   -L4_ENOMEM         out of memory, or of mappings (the region is attached if it was
 *                      EAGER_MAP that failed)
 */
#ifndef L4RE_MODERN
L4_CV int l4re_rm_attach_srv(l4_cap_idx_t rm, void **start, unsigned long size,
			     unsigned long flags, l4re_ds_t const mem, l4_addr_t offs,
			     unsigned char align) L4_NOTHROW;
L4_CV L4_INLINE int l4re_rm_attach(void **start, unsigned long size, unsigned long flags,
				   l4re_ds_t const mem, l4_addr_t offs,
				   unsigned char align) L4_NOTHROW
{
	return l4re_rm_attach_srv(l4re_global_env->rm, start, size, flags, mem, offs, align);
}
#else
L4_CV int l4re_rm_attach_srv(l4_cap_idx_t rm, void **start, unsigned long size,
			     l4re_rm_flags_t flags, l4re_ds_t mem, l4re_rm_offset_t offs,
			     unsigned char align) L4_NOTHROW L4_TRACT_LINK(rm_attach_srv);
L4_CV L4_INLINE int l4re_rm_attach(void **start, unsigned long size, l4re_rm_flags_t flags,
				   l4re_ds_t mem, l4re_rm_offset_t offs,
				   unsigned char align) L4_NOTHROW
{
	return l4re_rm_attach_srv(l4re_global_env->rm, start, size, flags, mem, offs, align);
}

/**
 * l4re_rm_attach_w_info() - attach, and say what it is
 * @start:          as for l4re_rm_attach()
 * @size:           as for l4re_rm_attach()
 * @flags:          as for l4re_rm_attach()
 * @mem:            as for l4re_rm_attach()
 * @offs:           as for l4re_rm_attach()
 * @align:          as for l4re_rm_attach()
 * @name:           a text for people, copied; 40 bytes of it are kept.  NULL: none
 * @backing_offset: where in its file the region's first byte is; only recorded
 *
 * Return: as l4re_rm_attach().
 */
L4_CV int l4re_rm_attach_w_info_srv(l4_cap_idx_t rm, void **start, unsigned long size,
				    l4re_rm_flags_t flags, l4re_ds_t mem, l4re_rm_offset_t offs,
				    unsigned char align, char const *name,
				    l4re_ds_offset_t backing_offset) L4_NOTHROW
	L4_TRACT_LINK(rm_attach_w_info_srv);
L4_CV L4_INLINE int l4re_rm_attach_w_info(void **start, unsigned long size,
					  l4re_rm_flags_t flags, l4re_ds_t mem,
					  l4re_rm_offset_t offs, unsigned char align,
					  char const *name,
					  l4re_ds_offset_t backing_offset) L4_NOTHROW
{
	return l4re_rm_attach_w_info_srv(l4re_global_env->rm, start, size, flags, mem, offs,
					 align, name, backing_offset);
}

/**
 * l4re_rm_get_info() - what l4re_rm_attach_w_info() was told
 * @addr:           any byte of the region
 * @name:           set to the region's name, "" if it has none, cut to fit
 * @len:            bytes that @name has room for, the null byte at the end included
 * @backing_offset: set to the position of the region's first byte
 *
 * What a detach left of a region has its name, and the position that is right for it.
 *
 * Return: 0, or an error listed at the top of this header, or
 *   -L4_ENOENT  no region is there; areas do not count
 *   -L4_EINVAL  @len is 0
 */
L4_CV int l4re_rm_get_info_srv(l4_cap_idx_t rm, l4_addr_t addr, char *name, unsigned int len,
			       l4re_rm_offset_t *backing_offset) L4_NOTHROW
	L4_TRACT_LINK(rm_get_info_srv);
L4_CV L4_INLINE int l4re_rm_get_info(l4_addr_t addr, char *name, unsigned int len,
				     l4re_rm_offset_t *backing_offset) L4_NOTHROW
{
	return l4re_rm_get_info_srv(l4re_global_env->rm, addr, name, len, backing_offset);
}
#endif

/**
 * l4re_rm_detach_srv() - remove a region
 * @rm:   the region map
 * @addr: any byte of the region
 * @ds:   set to the index that was given to attach, without rights; L4_INVALID_CAP for a region
 *        without one, and on failure.  NULL: not wanted
 * @task: whose pages go: this task's; of another, of l4re_tract_task_get(), those that are
 *        visible there without a region go as well; any other index, such as L4_INVALID_CAP:
 *        nobody's
 *
 * All of the region goes, and its range is free.  The dataspace, what is in it and other
 * regions of it stay: l4re_util_cap_free_um() gives it up.  Classic: except for the part that
 * a region with NO_ALIAS showed, which is cleared.
 *
 * If nobody's pages go, what was visible may remain so until something else is put there, which
 * then shows what it should.
 *
 * Return: 0, or an error listed at the top of this header, or
 *   -L4_ENOENT  no region is there; areas do not count
 *   -L4_EBUSY   the memory is exported (tract_segment(3))
 */
L4_CV int l4re_rm_detach_srv(l4_cap_idx_t rm, l4_addr_t addr, l4re_ds_t *ds,
			     l4_cap_idx_t task) L4_NOTHROW L4_TRACT_LINK(rm_detach_srv);

/* Removes the region, and its pages. */
L4_CV L4_INLINE int l4re_rm_detach(void *addr) L4_NOTHROW
{
	return l4re_rm_detach_srv(l4re_global_env->rm, (l4_addr_t)addr, 0, L4_BASE_TASK_CAP);
}

/* The same, and says which dataspace it was. */
L4_CV L4_INLINE int l4re_rm_detach_ds(void *addr, l4re_ds_t *ds) L4_NOTHROW
{
	return l4re_rm_detach_srv(l4re_global_env->rm, (l4_addr_t)addr, ds, L4_BASE_TASK_CAP);
}

/* Removes the region, and the pages of a task.  The address is a number here. */
L4_CV L4_INLINE int l4re_rm_detach_unmap(l4_addr_t addr, l4_cap_idx_t task) L4_NOTHROW
{
	return l4re_rm_detach_srv(l4re_global_env->rm, addr, 0, task);
}

/* The same, and says which dataspace it was.  The address is a pointer here. */
L4_CV L4_INLINE int l4re_rm_detach_ds_unmap(void *addr, l4re_ds_t *ds,
					    l4_cap_idx_t task) L4_NOTHROW
{
	return l4re_rm_detach_srv(l4re_global_env->rm, (l4_addr_t)addr, ds, task);
}

/* ---- looking ---- */

/**
 * l4re_rm_find() - who is there?
 * @addr:   in: first byte of a range; out: first byte of what was found
 * @size:   in: bytes of the range, 1 for an unambiguous answer; out: bytes of what was found
 * @offset: set to what attach was told, plus what was cut from the front since; 0 for an area
 * @flags:  set to the region's flags; for an area to IN_AREA, and RESERVED if it is (modern:
 *          and its other flags).  Flags of the call to attach are not reported
 * @m:      set to the index that was given to attach, without rights; L4_INVALID_CAP for areas,
 *          and for regions without one
 *
 * The lowest region that touches the range, else the lowest area.  A region in an area is a
 * region.  @offset, @flags and @m may be NULL.
 *
 * Where in its dataspace a byte p of the region is: *@offset + (p - *@addr).  The index is a
 * number that the program passed once: if the slot holds something else now, the region still
 * shows what it did.
 *
 * Memory of the program itself, its image, stack and heap, is reported as a region with PAGER
 * and this region map as *@m, or as nothing.
 *
 * Return: 0, or an error listed at the top of this header, or
 *   -L4_ENOENT  nothing is there; *@m is L4_INVALID_CAP and the rest is unchanged
 *   -L4_EINVAL  *@size is 0
 *   -L4_EPERM   the region map is not this task's own
 */
#ifndef L4RE_MODERN
L4_CV int l4re_rm_find_srv(l4_cap_idx_t rm, l4_addr_t *addr, unsigned long *size,
			   l4_addr_t *offset, unsigned *flags, l4re_ds_t *m) L4_NOTHROW;
L4_CV L4_INLINE int l4re_rm_find(l4_addr_t *addr, unsigned long *size, l4_addr_t *offset,
				 unsigned *flags, l4re_ds_t *m) L4_NOTHROW
{
	return l4re_rm_find_srv(l4re_global_env->rm, addr, size, offset, flags, m);
}
#else
L4_CV int l4re_rm_find_srv(l4_cap_idx_t rm, l4_addr_t *addr, unsigned long *size,
			   l4re_rm_offset_t *offset, l4re_rm_flags_t *flags,
			   l4re_ds_t *m) L4_NOTHROW L4_TRACT_LINK(rm_find_srv);
L4_CV L4_INLINE int l4re_rm_find(l4_addr_t *addr, unsigned long *size, l4re_rm_offset_t *offset,
				 l4re_rm_flags_t *flags, l4re_ds_t *m) L4_NOTHROW
{
	return l4re_rm_find_srv(l4re_global_env->rm, addr, size, offset, flags, m);
}
#endif

/**
 * l4re_rm_show_lists() - write the map to the log
 *
 * For people: the limits, then all areas and all regions, one a line, in the order of their
 * addresses, with ends that belong to them, and all numbers hexadecimal:
 *
 *   Region mapping: limits [<min>-<max>]
 *    Area map:
 *     [<start>-<end>] -> flags=<hex>
 *    Region map:
 *     [<start>-<end>] -> (offs=<hex>, ds=<hex>, flags=<hex>)
 *
 * Modern: a region's line goes on with its name and its backing offset.  The log is standard
 * error.  If the index is no region map of this task, or writing fails, nobody is told.
 */
L4_CV void l4re_rm_show_lists_srv(l4_cap_idx_t rm) L4_NOTHROW L4_TRACT_LINK(rm_show_lists_srv);
L4_CV L4_INLINE void l4re_rm_show_lists(void) L4_NOTHROW
{
	l4re_rm_show_lists_srv(l4re_global_env->rm);
}

EXTERN_C_END

/* What L4Re has for C++ programs only, and the switches of this implementation. */
#include <l4/re/c/tract.h>

#endif

/* SPDX-License-Identifier: MIT */
/*
 * mem_alloc.h - making dataspaces
 *
 * Every function may be called from any thread; none is async-signal-safe.
 */
#ifndef L4_RE_C_MEM_ALLOC_H
#define L4_RE_C_MEM_ALLOC_H

#include <l4/re/c/dataspace.h>
#include <l4/re/env.h>
#include <l4/sys/compiler.h>
#include <l4/sys/consts.h>
#include <l4/tract/mode.h>

EXTERN_C_BEGIN

enum l4re_ma_flags {
	L4RE_MA_CONTINUOUS = 0x01,
	L4RE_MA_PINNED = 0x02,
	L4RE_MA_SUPER_PAGES = 0x04
};

#ifdef L4RE_MODERN
#define L4_TRACT_MA_RETURNS l4_ret_t
#else
#define L4_TRACT_MA_RETURNS long
#endif

/**
 * l4re_ma_alloc_align_srv() - make a dataspace
 * @srv:   the memory allocator
 * @size:  bytes; kept exactly, see l4re_ds_size()
 * @mem:   a slot from l4re_util_cap_alloc()
 * @flags: L4RE_MA_*; other bits are ignored
 * @align: log2 of the alignment of the memory; 0 for any.  Looked at only with CONTINUOUS or
 *         PINNED, where nothing more than a page can be promised on Linux
 *
 * The dataspace is zero all over, and slot @mem gets a capability to it with full rights.
 * What the slot held before, it no longer holds.  On failure the slot is unchanged.
 *
 * Without flags a page of memory is taken when it is first used, so that the size may go
 * beyond what there is.  CONTINUOUS and PINNED both mean that all of it is taken here: this
 * call fails, not an access later.  It is locked in memory as far as RLIMIT_MEMLOCK allows.
 * SUPER_PAGES asks for huge pages, and is content without.
 *
 * Return: 0, or
 *   -L4_ERANGE      @size is 0; or it is negative, without CONTINUOUS and PINNED
 *   -L4_ENOMEM      CONTINUOUS or PINNED, and there is not so much memory, or @size is
 *                   negative; or the process is out of descriptors
 *   -L4_EINVAL      @mem is an invalid index
 *   -2004           @srv is invalid or empty
 *   -L4_EBADPROTO   @srv is no memory allocator
 */
L4_CV L4_TRACT_MA_RETURNS l4re_ma_alloc_align_srv(l4_cap_idx_t srv, long size,
						  l4re_ds_t const mem, unsigned long flags,
						  unsigned long align) L4_NOTHROW
	L4_TRACT_LINK(ma_alloc_align_srv);

/* The same with this task's memory allocator. */
L4_CV L4_INLINE L4_TRACT_MA_RETURNS l4re_ma_alloc_align(long size, l4re_ds_t const mem,
							unsigned long flags,
							unsigned long align) L4_NOTHROW
{
	return l4re_ma_alloc_align_srv(l4re_global_env->mem_alloc, size, mem, flags, align);
}

/* The same with any alignment. */
L4_CV L4_INLINE L4_TRACT_MA_RETURNS l4re_ma_alloc(long size, l4re_ds_t const mem,
						  unsigned long flags) L4_NOTHROW
{
	return l4re_ma_alloc_align(size, mem, flags, 0);
}

#ifndef L4RE_MODERN
/**
 * l4re_ma_free_srv() - give a dataspace up
 * @srv: the memory allocator
 * @mem: a slot that holds a dataspace
 *
 * Empties the slot.  The dataspace goes when no other slot and no region refers to it.  The
 * slot stays the caller's until l4re_util_cap_free().
 *
 * Return: 0, or
 *   -L4_EINVAL     @mem holds no dataspace
 *   -2004          @srv is invalid or empty
 *   -L4_EBADPROTO  @srv is no memory allocator
 */
L4_CV long l4re_ma_free_srv(l4_cap_idx_t srv, l4re_ds_t const mem) L4_NOTHROW;

/* The same with this task's memory allocator. */
L4_CV L4_INLINE long l4re_ma_free(l4re_ds_t const mem) L4_NOTHROW
{
	return l4re_ma_free_srv(l4re_global_env->mem_alloc, mem);
}
#endif

EXTERN_C_END

#endif

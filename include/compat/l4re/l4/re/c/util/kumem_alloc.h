/* SPDX-License-Identifier: MIT */
/* kumem_alloc.h - memory that L4's kernel could share with a task */
#ifndef L4_RE_C_UTIL_KUMEM_ALLOC_H
#define L4_RE_C_UTIL_KUMEM_ALLOC_H

#include <l4/sys/compiler.h>
#include <l4/sys/types.h>
#include <l4/tract/mode.h>

EXTERN_C_BEGIN

/**
 * l4re_util_kumem_alloc() - find a place and put memory there
 * @mem:         set to the first byte
 * @pages_order: log2 of the number of pages
 * @task:        this task
 * @regmgr:      this task's region map
 *
 * The lowest free range of so many pages that starts at a multiple of its own size is set
 * aside: in classic mode as an area with L4RE_RM_RESERVED, in modern mode as a region with
 * L4RE_RM_F_KERNEL and the name "[kumem]".  On Linux the memory is private to the process,
 * zero at first, readable and writable, and is no dataspace.  It stays until the process
 * ends.
 *
 * May be called from any thread.
 *
 * Return: 0, or a negative code; then nothing is set aside and *@mem is untouched.
 *   -L4_EADDRNOTAVAIL  no such range is free, as for an order that no address space could hold
 *   -L4_ENOMEM         out of memory, or of mappings
 *   -2004              @task or @regmgr is invalid or empty
 *   -L4_EBADPROTO      @task is no task, or @regmgr is no region map
 */
L4_CV int l4re_util_kumem_alloc(l4_addr_t *mem, unsigned pages_order, l4_cap_idx_t task,
				l4_cap_idx_t regmgr) L4_NOTHROW L4_TRACT_LINK(util_kumem_alloc);

EXTERN_C_END

#endif

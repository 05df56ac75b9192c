/* SPDX-License-Identifier: MIT */
/*
 * dataspace_modern.c - dataspaces in the modern numbering
 */
#define L4RE_MODERN
#include <l4/re/c/dataspace.h>
#include <l4/re/c/mem_alloc.h>

#include "compat/l4re/l4re.h"

static uint32_t rights_of(l4re_ds_flags_t flags)
{
	return flags & L4RE_DS_F_W ? TRACT_RIGHT_READ_WRITE : TRACT_RIGHT_READ;
}

L4_API l4_ret_t l4re_ds_map(l4re_ds_t ds, l4re_ds_offset_t offset, l4re_ds_flags_t flags,
			    l4re_ds_map_addr_t local_addr, l4re_ds_map_addr_t min_addr,
			    l4re_ds_map_addr_t max_addr)
{
	(void)min_addr;
	(void)max_addr;
	return (l4_ret_t)l4_ds_map(ds, offset, rights_of(flags), local_addr);
}

L4_API l4_ret_t l4re_ds_map_region(l4re_ds_t ds, l4re_ds_offset_t offset, l4re_ds_flags_t flags,
				   l4re_ds_map_addr_t min_addr, l4re_ds_map_addr_t max_addr)
{
	return (l4_ret_t)l4_ds_map_region(ds, offset, rights_of(flags), min_addr, max_addr);
}

L4_API l4_ret_t l4re_ds_clear(l4re_ds_t ds, l4re_ds_offset_t offset, l4re_ds_size_t size)
{
	return (l4_ret_t)l4_ds_clear(ds, offset, size);
}

L4_API l4_ret_t l4re_ds_allocate(l4re_ds_t ds, l4re_ds_offset_t offset, l4re_ds_size_t size)
{
	return (l4_ret_t)l4_ds_allocate(ds, offset, size);
}

L4_API l4_ret_t l4re_ds_copy_in(l4re_ds_t ds, l4re_ds_offset_t dst_offs, l4re_ds_t src,
				l4re_ds_offset_t src_offs, l4re_ds_size_t size)
{
	return (l4_ret_t)l4_ds_copy_in(ds, dst_offs, src, src_offs, size);
}

L4_API l4_ret_t l4re_ds_info(l4re_ds_t ds, l4re_ds_stats_t *stats)
{
	unsigned long size;
	bool writable;
	int r;

	r = l4_ds_look(ds, &size, &writable);
	if (r < 0)
		return (l4_ret_t)r;
	stats->size = size;
	stats->flags = writable ? L4RE_DS_F_RWX : L4RE_DS_F_RX;
	return 0;
}

L4_API l4re_ds_size_t l4re_ds_size(l4re_ds_t ds)
{
	l4re_ds_stats_t stats;

	return l4re_ds_info(ds, &stats) < 0 ? 0 : stats.size;
}

L4_API l4re_ds_flags_t l4re_ds_flags(l4re_ds_t ds)
{
	l4re_ds_stats_t stats;

	return l4re_ds_info(ds, &stats) < 0 ? 0 : stats.flags;
}

L4_API l4_ret_t l4re_ds_map_info(l4re_ds_t ds, l4_addr_t *start_addr, l4_addr_t *end_addr)
{
	(void)start_addr;
	(void)end_addr;
	return (l4_ret_t)l4_slot_check(ds, L4_KIND_DATASPACE);
}

L4_API l4_ret_t l4re_ma_alloc_align_srv(l4_cap_idx_t srv, long size, l4re_ds_t const mem,
					unsigned long flags, unsigned long align)
{
	(void)align;
	return (l4_ret_t)l4_ma_alloc(srv, size, mem, flags);
}

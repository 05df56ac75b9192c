/* SPDX-License-Identifier: MIT */
/*
 * uses_modern.c - a modern program that calls everything, in what C and C++ have in common
 *
 * Compiled by headers.sh, never run.
 */
#define L4RE_MODERN
#include <l4/re/c/debug.h>
#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/pager.h>
#include <l4/re/c/rm.h>
#include <l4/re/c/util/cap_alloc.h>
#include <l4/re/c/util/kumem_alloc.h>
#include <l4/re/env.h>
#include <l4/sys/err.h>
#include <l4/sys/task.h>

EXTERN_C long uses_regions(void);
EXTERN_C long uses_info(l4re_ds_t ds);
EXTERN_C long uses_dataspaces(l4re_ds_t ds);
EXTERN_C long uses_environment(l4_cap_idx_t slot);

long uses_regions(void)
{
	l4re_rm_flags_t flags = L4RE_RM_F_SEARCH_ADDR;
	l4_cap_idx_t rm = l4re_env()->rm;
	unsigned long size = L4_PAGESIZE;
	l4re_ds_t ds = L4_INVALID_CAP;
	l4re_rm_offset_t offset = 0;
	void *start = 0;
	l4_addr_t at = 0;
	long r = 0;

	r += l4re_rm_reserve_area(&at, size, flags | L4RE_RM_F_RESERVED, L4_SUPERPAGESHIFT);
	r += l4re_rm_reserve_area_srv(rm, &at, size, L4RE_RM_F_KERNEL, 0);
	r += l4re_rm_free_area(at);
	r += l4re_rm_free_area_srv(rm, at);
	r += l4re_rm_attach(&start, size, L4RE_RM_F_SEARCH_ADDR | L4RE_RM_F_RW, ds, 0,
			    L4_PAGESHIFT);
	r += l4re_rm_attach_srv(rm, &start, size, L4RE_RM_F_IN_AREA | L4RE_RM_F_RX, ds, offset,
				0);
	r += l4re_rm_find(&at, &size, &offset, &flags, &ds);
	r += l4re_rm_find_srv(rm, &at, &size, &offset, &flags, &ds);
	r += l4re_rm_detach(start);
	r += l4re_rm_detach_ds(start, &ds);
	r += l4re_rm_detach_unmap(at, L4_BASE_TASK_CAP);
	r += l4re_rm_detach_ds_unmap(start, &ds, L4RE_THIS_TASK_CAP);
	r += l4re_rm_detach_srv(rm, at, &ds, L4_INVALID_CAP);
	l4re_rm_show_lists();
	l4re_rm_show_lists_srv(rm);
	r += l4re_util_kumem_alloc(&at, 1, L4_BASE_TASK_CAP, rm);
	return r;
}

long uses_info(l4re_ds_t ds)
{
	l4_cap_idx_t rm = l4re_env()->rm;
	l4re_rm_range_t range = { 0, 0, 0 };
	l4re_rm_offset_t offset = 0;
	void *start = 0;
	char name[41];
	long r = 0;

	r += l4re_rm_attach_w_info(&start, L4_PAGESIZE,
				   L4RE_RM_F_RW | L4RE_RM_F_PRIVATE | L4RE_RM_F_CACHE_BUFFERED,
				   ds, 0, L4_PAGESHIFT, "name", 0x1000);
	r += l4re_rm_attach_w_info_srv(rm, &start, L4_PAGESIZE,
				       L4RE_RM_F_RW | L4RE_RM_F_ANONYMOUS, ds, 0, L4_PAGESHIFT,
				       0, 0);
	r += l4re_rm_get_info((l4_addr_t)start, name, sizeof(name), &offset);
	r += l4re_rm_get_info_srv(rm, (l4_addr_t)start, name, sizeof(name), &offset);
	r += l4re_rm_detach_range(0, L4_PAGESIZE, &ds, L4_BASE_TASK_CAP);
	r += l4re_rm_detach_range_srv(rm, 0, 1, L4RE_RM_DETACH_OVERLAP, &ds, L4_BASE_TASK_CAP);
	r += l4re_rm_get_regions(0, &range, 1) + l4re_rm_get_areas(0, &range, 1);
	r += l4re_rm_page_in(range.start, range.end, L4RE_RM_F_RW);
	return r;
}

long uses_dataspaces(l4re_ds_t ds)
{
	l4_addr_t first = 0, last = 0;
	l4re_ds_stats_t stats;
	l4_ret_t r = 0;

	r |= l4re_ma_alloc(L4_PAGESIZE, ds, L4RE_MA_PINNED);
	r |= l4re_ma_alloc_align(L4_PAGESIZE, ds, L4RE_MA_CONTINUOUS, L4_SUPERPAGESHIFT);
	r |= l4re_ma_alloc_align_srv(l4re_env()->mem_alloc, L4_PAGESIZE, ds, 0, 0);
	r |= l4re_ds_map(ds, 0, L4RE_DS_F_RW, 0, 0, 0);
	r |= l4re_ds_map_region(ds, 0, L4RE_DS_F_RX, 0, 0);
	r |= l4re_ds_clear(ds, 0, ~(l4re_ds_size_t)0);
	r |= l4re_ds_allocate(ds, 0, L4_PAGESIZE);
	r |= l4re_ds_copy_in(ds, 0, ds | L4_CAP_FPAGE_RO, 0, 1);
	r |= l4re_ds_info(ds, &stats);
	r |= l4re_ds_map_info(ds, &first, &last);
	return r + (long)(l4re_ds_size(ds) + l4re_ds_flags(ds) + stats.size + stats.flags);
}

long uses_environment(l4_cap_idx_t slot)
{
	l4re_env_t *env = l4re_env();
	long r = 0;

	r += l4_is_valid_cap(env->itas) && l4_is_valid_cap(env->dbg_events);
	r += env->first_free_reply_cap > env->first_free_cap;
	r += l4re_env_get_cap("rom") == L4_INVALID_CAP;
	r += l4_error(l4_task_release_cap(L4_BASE_TASK_CAP, slot));
	return r + L4_ENXIO + L4_E2BIG + L4_ENOTDIR + L4_ENOSPC + L4_EMSGERRRANGE +
	       L4_EDROPREPLY;
}

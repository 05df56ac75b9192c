/* SPDX-License-Identifier: MIT */
/*
 * uses_classic.c - a classic program that calls everything, in what C and C++ have in common
 *
 * Compiled by headers.sh, never run.
 */
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
EXTERN_C long uses_dataspaces(l4re_ds_t ds);
EXTERN_C long uses_tasks(l4_cap_idx_t slot);
EXTERN_C long uses_additions(l4_cap_idx_t slot);
EXTERN_C L4_NORETURN void never_returns(void);
EXTERN_C L4_PURE int is_pure(int a);
EXTERN_C L4_HIDDEN int is_hidden(void);
EXTERN_C L4_EXPORT int is_exported(void);
EXTERN_C L4_DEPRECATED("use another") int is_deprecated(void);

L4_STICKY(static int sticky_function(void))
{
	return 1;
}

L4_BEGIN_DECLS
typedef char page_size_is_constant[L4_PAGESIZE == 4096 ? 1 : -1];
L4_END_DECLS
EXTERN_C_BEGIN
typedef char page_shift_is_constant[L4_SUPERPAGESIZE >> L4_PAGESHIFT ? 1 : -1];
EXTERN_C_END
#if L4_PAGESHIFT != 12 || L4_MWORD_BITS < 32 || L4_CAP_SHIFT != 12
#error "not for the preprocessor"
#endif

long uses_regions(void)
{
	enum l4re_rm_flags_t flag = L4RE_RM_SEARCH_ADDR;
	l4_cap_idx_t rm = l4re_env()->rm;
	unsigned long size = L4_PAGESIZE;
	l4_addr_t at = 0, offset = 0;
	l4re_ds_t ds = L4_INVALID_CAP;
	unsigned flags = 0;
	void *start = 0;
	long r = 0;

	r += l4re_rm_reserve_area(&at, size, flag | L4RE_RM_RESERVED, L4_SUPERPAGESHIFT);
	r += l4re_rm_free_area(at);
	r += l4re_rm_attach(&start, size, L4RE_RM_SEARCH_ADDR | L4RE_RM_EAGER_MAP,
			    ds | L4_CAP_FPAGE_RW, 0, L4_PAGESHIFT);
	r += l4re_rm_find(&at, &size, &offset, &flags, &ds);
	r += l4re_rm_detach(start);
	r += l4re_rm_detach_ds(start, &ds);
	r += l4re_rm_detach_unmap(at, L4_BASE_TASK_CAP);
	r += l4re_rm_detach_ds_unmap(start, &ds, L4RE_THIS_TASK_CAP);
	l4re_rm_show_lists();
	r += l4re_rm_reserve_area_srv(rm, &at, size, L4RE_RM_SEARCH_ADDR, 0);
	r += l4re_rm_free_area_srv(rm, at);
	r += l4re_rm_attach_srv(rm, &start, size, L4RE_RM_IN_AREA, ds, offset, 0);
	r += l4re_rm_find_srv(rm, &at, &size, &offset, &flags, &ds);
	r += l4re_rm_detach_srv(rm, at, &ds, L4_INVALID_CAP);
	l4re_rm_show_lists_srv(rm);
	r += l4re_util_kumem_alloc(&at, 1, L4_BASE_TASK_CAP, rm);
	l4re_debug_obj_debug(rm, 0);
	return r;
}

long uses_dataspaces(l4re_ds_t ds)
{
	l4_addr_t phys_addr = 0;
	l4_size_t phys_size = 0;
	l4re_ds_stats_t stats;
	long r = 0;

	r += l4re_ma_alloc(L4_PAGESIZE, ds, L4RE_MA_PINNED | L4RE_MA_SUPER_PAGES);
	r += l4re_ma_alloc_align(L4_PAGESIZE, ds, L4RE_MA_CONTINUOUS, L4_SUPERPAGESHIFT);
	r += l4re_ma_alloc_align_srv(l4re_env()->mem_alloc, L4_PAGESIZE, ds, 0, 0);
	r += l4re_ds_map(ds, 0, L4RE_DS_MAP_FLAG_RW, 0, 0, 0);
	r += l4re_ds_map_region(ds, 0, L4RE_DS_MAP_FLAG_RO, 0, 0);
	r += l4re_ds_clear(ds, 0, ~0UL);
	r += l4re_ds_allocate(ds, 0, L4_PAGESIZE);
	r += l4re_ds_copy_in(ds, 0, ds | L4_CAP_FPAGE_RO, 0, 1);
	r += l4re_ds_size(ds) + l4re_ds_flags(ds);
	r += l4re_ds_info(ds, &stats);
	r += (long)(stats.size + stats.flags);
	r += l4re_ds_phys(ds, 0, &phys_addr, &phys_size);
	r += l4re_ma_free(ds);
	r += l4re_ma_free_srv(l4re_env()->mem_alloc, ds);
	return r;
}

long uses_tasks(l4_cap_idx_t slot)
{
	l4_cap_idx_t task = L4_BASE_TASK_CAP, alias = l4re_util_cap_alloc();
	l4re_env_cap_entry_t const *entry;
	long r = 0;

	if (l4_is_invalid_cap(alias) || !l4_is_valid_cap(slot))
		return l4re_util_cap_last();
	r += l4_error(l4_task_map(task, task, l4_obj_fpage(slot, 0, L4_CAP_FPAGE_RO),
				  l4_map_obj_control(alias, L4_MAP_ITEM_MAP)));
	r += l4_error(
		l4_task_unmap(task, l4_fpage(0, L4_PAGESHIFT, L4_FPAGE_RWX), L4_FP_ALL_SPACES));
	r += l4_error(l4_task_delete_obj(task, slot));
	r += l4_error(l4_task_release_cap(task, l4_capability_next(slot)));
	r += l4_error(l4_task_cap_valid(task, slot));
	r += (long)l4_ipc_error(l4_task_cap_equal(task, slot, alias), 0);
	r += l4_ipc_to_errno(L4_IPC_ENOT_EXISTENT) + (long)l4_capability_equal(slot, alias);
	l4re_util_cap_free_um(alias);
	l4re_util_cap_free(slot);
	entry = l4re_env_get_cap_l("rom", 3, l4re_env());
	r += entry && entry->flags != 0 && entry->name[0] &&
	     l4re_get_env_cap_l("a", 1, l4re_env());
	r += l4_is_valid_cap(l4re_env_get_cap("rom")) != 0;
	r += l4re_get_env_cap("rom") == l4re_get_env_cap_e("rom", l4re_global_env);
	r += (long)l4_round_page(l4_trunc_page(l4_round_size(l4_trunc_size(slot, 4), 4)));
	r += L4_LIKELY(r) + L4_UNLIKELY(r) + l4sys_errtostr(-L4_ENOENT)[0];
	r += L4_stringify(L4_PAGESHIFT)[0];
	l4_barrier();
	l4_mb();
	l4_wmb();
	return r + (L4_INVALID_PTR == 0) + sticky_function();
}

static int supply(void *ctx, l4re_pager_fault_t const *f, l4re_pager_reply_t *reply)
{
	(void)ctx;
	reply->kind = f->write ? L4RE_PAGER_ZERO : L4RE_PAGER_DATASPACE;
	reply->offset = f->addr - f->region + f->offset % f->region_size;
	reply->ds = L4_INVALID_CAP;
	reply->content = 0;
	reply->writable = 0;
	return reply->kind == L4RE_PAGER_CONTENT ? -L4_EFAULT : 0;
}

long uses_additions(l4_cap_idx_t slot)
{
	l4re_pager_fn fn = supply;
	l4_cap_idx_t rm = l4re_env()->rm;
	l4re_rm_range_t range = { 0, 0, 0 };
	l4re_ds_t ds = L4_INVALID_CAP;
	long r = 0;

	r += l4re_pager_create(slot, fn, 0);
	r += l4re_rm_detach_range(0, L4_PAGESIZE, &ds, L4_BASE_TASK_CAP);
	r += l4re_rm_detach_range_srv(rm, 0, 1, L4RE_RM_DETACH_OVERLAP | L4RE_RM_DETACH_KEEP,
				      &ds, L4_BASE_TASK_CAP);
	r += l4re_rm_get_regions(0, &range, 1) + l4re_rm_get_areas(0, &range, 1);
	r += l4re_rm_get_regions_srv(rm, 0, &range, 1) +
	     l4re_rm_get_areas_srv(rm, 0, &range, 1);
	r += l4re_rm_page_in(range.start, range.end, L4_FPAGE_RW);
	r += l4re_rm_page_in_srv(rm, range.start, range.flags, L4_FPAGE_RW);
	r += l4re_rm_add_rescue_jump(0, 1, 2) + l4re_rm_remove_rescue_jump(0);
	r += l4re_rm_add_rescue_jump_srv(rm, 0, 1, 2) + l4re_rm_remove_rescue_jump_srv(rm, 0);
	r += l4re_tract_executable(1) + l4re_tract_strict_rights(1);
	return r & L4RE_RM_DETACH_RESULT_MASK;
}

/* SPDX-License-Identifier: MIT */
/*
 * test_prototypes.c - functions have the types that programs were written for
 *
 * A type that differs is an error of the compiler.
 */
#include "rig.h"

#include <l4/re/c/debug.h>
#include <l4/re/c/util/kumem_alloc.h>
#include <l4/sys/ipc.h>

typedef unsigned long ul;
typedef unsigned char uc;

#define TYPE(function, result, ...)                        \
	do {                                               \
		result (*const f)(__VA_ARGS__) = function; \
		EXPECT(f != NULL);                         \
	} while (0)

#ifndef L4RE_MODERN

/* 2.11 */
TEST(classic_functions_of_the_map_have_their_types)
{
	TYPE(l4re_rm_reserve_area, int, l4_addr_t *, ul, unsigned, uc);
	TYPE(l4re_rm_free_area, int, l4_addr_t);
	TYPE(l4re_rm_attach, int, void **, ul, ul, l4re_ds_t const, l4_addr_t, uc);
	TYPE(l4re_rm_detach, int, void *);
	TYPE(l4re_rm_detach_ds, int, void *, l4re_ds_t *);
	TYPE(l4re_rm_detach_unmap, int, l4_addr_t, l4_cap_idx_t);
	TYPE(l4re_rm_detach_ds_unmap, int, void *, l4re_ds_t *, l4_cap_idx_t);
	TYPE(l4re_rm_find, int, l4_addr_t *, ul *, l4_addr_t *, unsigned *, l4re_ds_t *);
	TYPE(l4re_rm_show_lists, void, void);
	TYPE(l4re_rm_reserve_area_srv, int, l4_cap_idx_t, l4_addr_t *, ul, unsigned, uc);
	TYPE(l4re_rm_free_area_srv, int, l4_cap_idx_t, l4_addr_t);
	TYPE(l4re_rm_attach_srv, int, l4_cap_idx_t, void **, ul, ul, l4re_ds_t const, l4_addr_t,
	     uc);
	TYPE(l4re_rm_detach_srv, int, l4_cap_idx_t, l4_addr_t, l4re_ds_t *, l4_cap_idx_t);
	TYPE(l4re_rm_find_srv, int, l4_cap_idx_t, l4_addr_t *, ul *, l4_addr_t *, unsigned *,
	     l4re_ds_t *);
	TYPE(l4re_rm_show_lists_srv, void, l4_cap_idx_t);
}

/* 7.2 */
TEST(classic_functions_of_dataspaces_have_their_types)
{
	TYPE(l4re_ds_map, int, const l4re_ds_t, l4_addr_t, ul, l4_addr_t, l4_addr_t, l4_addr_t);
	TYPE(l4re_ds_map_region, int, const l4re_ds_t, l4_addr_t, ul, l4_addr_t, l4_addr_t);
	TYPE(l4re_ds_clear, long, const l4re_ds_t, l4_addr_t, ul);
	TYPE(l4re_ds_allocate, long, const l4re_ds_t, l4_addr_t, l4_size_t);
	TYPE(l4re_ds_copy_in, int, const l4re_ds_t, l4_addr_t, const l4re_ds_t, l4_addr_t, ul);
	TYPE(l4re_ds_size, long, const l4re_ds_t);
	TYPE(l4re_ds_flags, long, const l4re_ds_t);
	TYPE(l4re_ds_info, int, const l4re_ds_t, l4re_ds_stats_t *);
	TYPE(l4re_ds_phys, int, const l4re_ds_t, l4_addr_t, l4_addr_t *, l4_size_t *);
}

/* 8.1 */
TEST(classic_functions_of_the_allocator_have_their_types)
{
	TYPE(l4re_ma_alloc, long, long, l4re_ds_t const, ul);
	TYPE(l4re_ma_alloc_align, long, long, l4re_ds_t const, ul, ul);
	TYPE(l4re_ma_free, long, l4re_ds_t const);
	TYPE(l4re_ma_alloc_align_srv, long, l4_cap_idx_t, long, l4re_ds_t const, ul, ul);
	TYPE(l4re_ma_free_srv, long, l4_cap_idx_t, l4re_ds_t const);
}

#else

/* 2.12 */
TEST(modern_functions_of_the_map_have_their_types)
{
	TYPE(l4re_rm_reserve_area, int, l4_addr_t *, ul, l4re_rm_flags_t, uc);
	TYPE(l4re_rm_attach, int, void **, ul, l4re_rm_flags_t, l4re_ds_t, l4re_rm_offset_t,
	     uc);
	TYPE(l4re_rm_attach_w_info, int, void **, ul, l4re_rm_flags_t, l4re_ds_t,
	     l4re_rm_offset_t, uc, char const *, l4re_ds_offset_t);
	TYPE(l4re_rm_find, int, l4_addr_t *, ul *, l4re_rm_offset_t *, l4re_rm_flags_t *,
	     l4re_ds_t *);
	TYPE(l4re_rm_get_info, int, l4_addr_t, char *, unsigned, l4re_rm_offset_t *);
	TYPE(l4re_rm_free_area, int, l4_addr_t);
	TYPE(l4re_rm_detach, int, void *);
	TYPE(l4re_rm_detach_ds, int, void *, l4re_ds_t *);
	TYPE(l4re_rm_detach_unmap, int, l4_addr_t, l4_cap_idx_t);
	TYPE(l4re_rm_detach_ds_unmap, int, void *, l4re_ds_t *, l4_cap_idx_t);
	TYPE(l4re_rm_reserve_area_srv, int, l4_cap_idx_t, l4_addr_t *, ul, l4re_rm_flags_t, uc);
	TYPE(l4re_rm_attach_srv, int, l4_cap_idx_t, void **, ul, l4re_rm_flags_t, l4re_ds_t,
	     l4re_rm_offset_t, uc);
	TYPE(l4re_rm_attach_w_info_srv, int, l4_cap_idx_t, void **, ul, l4re_rm_flags_t,
	     l4re_ds_t, l4re_rm_offset_t, uc, char const *, l4re_ds_offset_t);
	TYPE(l4re_rm_find_srv, int, l4_cap_idx_t, l4_addr_t *, ul *, l4re_rm_offset_t *,
	     l4re_rm_flags_t *, l4re_ds_t *);
	TYPE(l4re_rm_get_info_srv, int, l4_cap_idx_t, l4_addr_t, char *, unsigned,
	     l4re_rm_offset_t *);
}

/* 7.2 */
TEST(modern_functions_of_dataspaces_have_their_types)
{
	TYPE(l4re_ds_map, l4_ret_t, l4re_ds_t, l4re_ds_offset_t, l4re_ds_flags_t,
	     l4re_ds_map_addr_t, l4re_ds_map_addr_t, l4re_ds_map_addr_t);
	TYPE(l4re_ds_map_region, l4_ret_t, l4re_ds_t, l4re_ds_offset_t, l4re_ds_flags_t,
	     l4re_ds_map_addr_t, l4re_ds_map_addr_t);
	TYPE(l4re_ds_clear, l4_ret_t, l4re_ds_t, l4re_ds_offset_t, l4re_ds_size_t);
	TYPE(l4re_ds_allocate, l4_ret_t, l4re_ds_t, l4re_ds_offset_t, l4re_ds_size_t);
	TYPE(l4re_ds_copy_in, l4_ret_t, l4re_ds_t, l4re_ds_offset_t, l4re_ds_t,
	     l4re_ds_offset_t, l4re_ds_size_t);
	TYPE(l4re_ds_size, l4re_ds_size_t, l4re_ds_t);
	TYPE(l4re_ds_flags, l4re_ds_flags_t, l4re_ds_t);
	TYPE(l4re_ds_info, l4_ret_t, l4re_ds_t, l4re_ds_stats_t *);
	TYPE(l4re_ds_map_info, l4_ret_t, l4re_ds_t, l4_addr_t *, l4_addr_t *);
}

/* 8.1 */
TEST(modern_functions_of_the_allocator_have_their_types)
{
	TYPE(l4re_ma_alloc, l4_ret_t, long, l4re_ds_t, ul);
	TYPE(l4re_ma_alloc_align, l4_ret_t, long, l4re_ds_t, ul, ul);
	TYPE(l4re_ma_alloc_align_srv, l4_ret_t, l4_cap_idx_t, long, l4re_ds_t, ul, ul);
}

#endif

/* 2.3, 2.4 */
TEST(helpers_have_their_types)
{
	TYPE(l4_trunc_page, l4_addr_t, l4_addr_t);
	TYPE(l4_round_page, l4_addr_t, l4_addr_t);
	TYPE(l4_is_invalid_cap, unsigned, l4_cap_idx_t);
	TYPE(l4_is_valid_cap, unsigned, l4_cap_idx_t);
	TYPE(l4_capability_equal, unsigned, l4_cap_idx_t, l4_cap_idx_t);
	TYPE(l4_capability_next, l4_cap_idx_t, l4_cap_idx_t);
	TYPE(l4_error, long, l4_msgtag_t);
	TYPE(l4sys_errtostr, char const *, long);
}

/* 2.6 */
TEST(functions_of_the_environment_have_their_types)
{
	TYPE(l4re_env, l4re_env_t *, void);
	TYPE(l4re_env_get_cap, l4_cap_idx_t, char const *);
	TYPE(l4re_env_get_cap_e, l4_cap_idx_t, char const *, l4re_env_t const *);
	TYPE(l4re_env_get_cap_l, l4re_env_cap_entry_t const *, char const *, unsigned,
	     l4re_env_t const *);
}

/* 5.8, 9, 2.1 */
TEST(functions_of_both_generations_have_their_types)
{
	TYPE(l4re_util_kumem_alloc, int, l4_addr_t *, unsigned, l4_cap_idx_t, l4_cap_idx_t);
	TYPE(l4re_util_cap_alloc, l4_cap_idx_t, void);
	TYPE(l4re_util_cap_free, void, l4_cap_idx_t);
	TYPE(l4re_util_cap_free_um, void, l4_cap_idx_t);
	TYPE(l4re_util_cap_last, long, void);
	TYPE(l4re_debug_obj_debug, void, l4_cap_idx_t, ul);
}

/* 11.3, 11.4, 12.2 */
TEST(functions_of_this_project_have_their_types)
{
	TYPE(l4re_rm_detach_range, int, l4_addr_t, ul, l4re_ds_t *, l4_cap_idx_t);
	TYPE(l4re_rm_detach_range_srv, int, l4_cap_idx_t, l4_addr_t, ul, unsigned, l4re_ds_t *,
	     l4_cap_idx_t);
	TYPE(l4re_rm_get_regions, long, l4_addr_t, l4re_rm_range_t *, unsigned);
	TYPE(l4re_rm_get_areas, long, l4_addr_t, l4re_rm_range_t *, unsigned);
	TYPE(l4re_pager_create, long, l4_cap_idx_t, l4re_pager_fn, void *);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_srv.c - functions that take the object they work on, and objects of another kind
 */
#include "rig.h"

#include <l4/re/c/util/kumem_alloc.h>

/* 5.8 */
TEST(the_long_forms_do_what_the_short_ones_do)
{
	l4_cap_idx_t rm = l4re_env()->rm;
	l4_addr_t at = room(4), addr = at + PAGE;
	unsigned long size = 1;
	l4re_ds_t ds = ds_marked(1), m = 0;
	region_offset offset;
	void *start = (void *)(at + PAGE);
	unsigned flags;

	EXPECT_EQ(l4re_rm_reserve_area_srv(rm, &at, 4 * PAGE, 0, 0), 0);
	EXPECT_AREA(at, at, 4 * PAGE, 0);
	EXPECT_EQ(l4re_rm_attach_srv(rm, &start, PAGE, RW | IN_AREA, ds, 0, 0), 0);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(0)));
	EXPECT_EQ(l4re_rm_find_srv(rm, &addr, &size, &offset, &flags, &m), 0);
	EXPECT_EQ(m, ds);
	EXPECT_EQ(l4re_rm_detach_srv(rm, at + PAGE, &m, L4_BASE_TASK_CAP), 0);
	EXPECT_EQ(l4re_rm_free_area_srv(rm, at), 0);
	EXPECT_FREE(at);
	l4re_rm_show_lists_srv(rm);
	slot_drop(ds);
}

/* 2.4 */
TEST(rights_in_the_index_of_a_map_do_not_matter)
{
	l4_addr_t at = room(1);

	EXPECT_EQ(l4re_rm_reserve_area_srv(l4re_env()->rm | L4_CAP_FPAGE_RWSD, &at, PAGE, 0, 0),
		  0);
	EXPECT_EQ(l4re_rm_free_area_srv(l4re_env()->rm | L4_CAP_FPAGE_RO, at), 0);
}

static void expect_all(l4_cap_idx_t rm, int error)
{
	l4_addr_t at = room(1), was = at;
	unsigned long size = 1;
	l4re_ds_t ds = ds_new(PAGE), m = 0;
	region_offset offset = 7;
	void *start = (void *)at;
	l4re_rm_range_t range;
	unsigned flags = 7;

	EXPECT_EQ(l4re_rm_reserve_area_srv(rm, &at, PAGE, 0, 0), error);
	EXPECT_EQ(l4re_rm_reserve_area_srv(rm, &at, 0, SEARCH, 0), error);
	EXPECT_EQ(at, was);
	EXPECT_EQ(l4re_rm_free_area_srv(rm, 0), error);
	EXPECT_EQ(l4re_rm_attach_srv(rm, &start, PAGE, RW, ds, 0, 0), error);
	EXPECT_EQ(start, was);
	EXPECT_EQ(l4re_rm_detach_srv(rm, at, &m, L4_BASE_TASK_CAP), error);
	EXPECT_EQ(m, L4_INVALID_CAP);
	EXPECT_EQ(l4re_rm_detach_srv(rm, at, NULL, L4_BASE_TASK_CAP), error);
	EXPECT_EQ(l4re_rm_find_srv(rm, &at, &size, &offset, &flags, &m), error);
	EXPECT(at == was && size == 1 && offset == 7 && flags == 7);
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, at, PAGE, 1, &m, L4_BASE_TASK_CAP), error);
	EXPECT_EQ(l4re_rm_get_regions_srv(rm, 0, &range, 1), error);
	EXPECT_EQ(l4re_rm_get_areas_srv(rm, 0, &range, 1), error);
	EXPECT_EQ(l4re_rm_page_in_srv(rm, at, PAGE, L4_FPAGE_RO), error);
	EXPECT_EQ(l4re_rm_add_rescue_jump_srv(rm, 1, 2, 3), error);
	EXPECT_EQ(l4re_rm_remove_rescue_jump_srv(rm, 1), error);
	EXPECT_EQ(l4re_util_kumem_alloc(&at, 0, L4_BASE_TASK_CAP, rm), error);
	EXPECT_EQ(at, was);
#ifdef L4RE_MODERN
	EXPECT_EQ(l4re_rm_attach_w_info_srv(rm, &start, PAGE, RW, ds, 0, 0, "name", 0), error);
	EXPECT_EQ(l4re_rm_get_info_srv(rm, at, (char[8]){ 0 }, 8, &offset), error);
#endif
	EXPECT_FREE(was);
	slot_drop(ds);
}

/* 2.5, 16.6 */
TEST(an_invalid_index_is_no_region_map)
{
	expect_all(L4_INVALID_CAP, NOT_EXISTENT);
	expect_all(L4_INVALID_CAP | L4_CAP_FPAGE_RW, NOT_EXISTENT);
}

/* 2.5 */
TEST(an_empty_slot_is_no_region_map)
{
	l4_cap_idx_t slot = slot_new();

	expect_all(slot, NOT_EXISTENT);
	slot_drop(slot);
	/* No slot has so high a number. */
	expect_all(1UL << 50, NOT_EXISTENT);
}

/* 2.5, 16.6 */
TEST(another_object_is_no_region_map)
{
	l4re_ds_t ds = ds_new(PAGE);

	expect_all(ds, -L4_EBADPROTO);
	expect_all(l4re_env()->mem_alloc, -L4_EBADPROTO);
	expect_all(L4_BASE_TASK_CAP, -L4_EBADPROTO);
	slot_drop(ds);
}

/* 2.5, 8.1 */
TEST(another_object_is_no_memory_allocator)
{
	l4re_ds_t ds = ds_new(PAGE), slot = slot_new();

	EXPECT_EQ(l4re_ma_alloc_align_srv(L4_INVALID_CAP, PAGE, slot, 0, 0), NOT_EXISTENT);
	EXPECT_EQ(l4re_ma_alloc_align_srv(slot, PAGE, slot, 0, 0), NOT_EXISTENT);
	EXPECT_EQ(l4re_ma_alloc_align_srv(ds, PAGE, slot, 0, 0), -L4_EBADPROTO);
	EXPECT_EQ(l4re_ma_alloc_align_srv(l4re_env()->rm, PAGE, slot, 0, 0), -L4_EBADPROTO);
	EXPECT(!slot_is_filled(slot));
	EXPECT_EQ(l4re_ma_alloc_align_srv(l4re_env()->mem_alloc, PAGE, slot, 0, 0), 0);
	EXPECT_EQ(l4re_ds_size(slot), PAGE);
	slot_drop(ds);
	slot_drop(slot);
}

static void expect_no_dataspace(l4re_ds_t ds, int error)
{
	l4re_ds_stats_t stats;
	l4_addr_t at = room(1);

	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RO, at, at, at), error);
	EXPECT_EQ(l4re_ds_map_region(ds, 0, DS_RO, at, at + PAGE), error);
	EXPECT_EQ(l4re_ds_clear(ds, 0, PAGE), error);
	EXPECT_EQ(l4re_ds_clear(ds, 0, 0), error);
	EXPECT_EQ(l4re_ds_allocate(ds, 0, PAGE), error);
	EXPECT_EQ(l4re_ds_copy_in(ds, 0, L4_INVALID_CAP, 0, 0), error);
	EXPECT_EQ(l4re_ds_info(ds, &stats), error);
	EXPECT_EQ(l4re_ds_size(ds), IF_MODERN(0, error));
	EXPECT_EQ(l4re_ds_flags(ds), IF_MODERN(0, error));
#ifdef L4RE_MODERN
	EXPECT_EQ(l4re_ds_map_info(ds, NULL, NULL), error);
#else
	EXPECT_EQ(l4re_ds_phys(ds, 0, &(l4_addr_t){ 0 }, &(l4_size_t){ 0 }), error);
#endif
	EXPECT_FAULTS(at, READ);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
}

/* 2.5, 7 */
TEST(another_object_is_no_dataspace)
{
	l4_cap_idx_t slot = slot_new();

	expect_no_dataspace(L4_INVALID_CAP, NOT_EXISTENT);
	expect_no_dataspace(slot, NOT_EXISTENT);
	expect_no_dataspace(l4re_env()->mem_alloc, -L4_EBADPROTO);
	expect_no_dataspace(l4re_env()->rm, -L4_EBADPROTO);
	slot_drop(slot);
}

/* 2.5, 10 */
TEST(another_object_is_no_task)
{
	l4re_ds_t ds = ds_new(PAGE), slot = slot_new();
	const struct {
		l4_cap_idx_t task;
		int error;
	} tries[] = { { L4_INVALID_CAP, NOT_EXISTENT },
		      { slot, NOT_EXISTENT },
		      { ds, -L4_EBADPROTO },
		      { l4re_env()->rm, -L4_EBADPROTO } };

	for (unsigned n = 0; n < sizeof(tries) / sizeof(*tries); n++) {
		l4_cap_idx_t task = tries[n].task;
		l4_umword_t base = l4_map_obj_control(slot, L4_MAP_ITEM_MAP);
		l4_fpage_t page = l4_obj_fpage(ds, 0, L4_CAP_FPAGE_RWSD);
		int error = tries[n].error;

		EXPECT_EQ(l4_error(l4_task_release_cap(task, ds)), error);
		EXPECT_EQ(l4_error(l4_task_delete_obj(task, ds)), error);
		EXPECT_EQ(l4_error(l4_task_unmap(task, page, L4_FP_ALL_SPACES)), error);
		EXPECT_EQ(l4_error(l4_task_map(task, L4_BASE_TASK_CAP, page, base)), error);
		EXPECT_EQ(l4_error(l4_task_map(L4_BASE_TASK_CAP, task, page, base)), error);
		EXPECT_EQ(l4_error(l4_task_cap_valid(task, ds)), error);
		EXPECT_EQ(l4_error(l4_task_cap_equal(task, ds, ds)), error);
		EXPECT(slot_is_filled(ds));
		EXPECT(!slot_is_filled(slot));
	}
	slot_drop(ds);
	slot_drop(slot);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_task.c - task operations on capabilities and pages
 */
#include "rig.h"

#define TASK L4_BASE_TASK_CAP

static long copy(l4_cap_idx_t from, unsigned char rights, l4_cap_idx_t to)
{
	return l4_error(l4_task_map(TASK, TASK, l4_obj_fpage(from, 0, rights),
				    l4_map_obj_control(to, L4_MAP_ITEM_MAP)));
}

static bool can_write(l4re_ds_t ds)
{
	EXPECT_EQ(l4re_ds_size(ds), PAGE);
	return l4re_ds_flags(ds) & IF_MODERN(L4RE_DS_F_W, 1);
}

/* 10 */
TEST(releasing_empties_the_slot)
{
	unsigned fds = test_count_fds();
	l4re_ds_t ds = ds_marked(1);

	EXPECT_EQ(l4_error(l4_task_release_cap(TASK, ds)), 0);
	EXPECT(!slot_is_filled(ds));
	EXPECT(test_count_fds() <= fds);
	EXPECT_EQ(l4_error(l4_task_release_cap(TASK, ds)), 0);
	EXPECT_EQ(l4re_ma_alloc(PAGE, ds, 0), 0);
	EXPECT_EQ(l4_error(l4_task_release_cap(L4RE_THIS_TASK_CAP, ds | L4_CAP_FPAGE_RW)), 0);
	EXPECT(!slot_is_filled(ds));
	slot_drop(ds);
}

/* 10 */
TEST(a_slot_is_valid_if_something_is_in_it)
{
	l4_cap_idx_t slot = slot_new();

	EXPECT_EQ(l4_error(l4_task_cap_valid(TASK, slot)), 0);
	EXPECT_EQ(l4re_ma_alloc(PAGE, slot, 0), 0);
	EXPECT(l4_error(l4_task_cap_valid(TASK, slot)) > 0);
	EXPECT(l4_error(l4_task_cap_valid(TASK, slot | L4_CAP_FPAGE_RO)) > 0);
	EXPECT_EQ(l4_error(l4_task_cap_valid(TASK, 1UL << 50)), 0);
	slot_drop(slot);
}

/* 10 */
TEST(slots_are_equal_if_object_and_rights_are)
{
	l4re_ds_t ds = ds_new(PAGE), other = ds_new(PAGE);
	l4re_ds_t full = ds_alias(ds, L4_CAP_FPAGE_RWSD), ro = ds_alias(ds, L4_CAP_FPAGE_RO);

	EXPECT_EQ(l4_error(l4_task_cap_equal(TASK, ds, ds)), 1);
	EXPECT_EQ(l4_error(l4_task_cap_equal(TASK, ds, full)), 1);
	EXPECT_EQ(l4_error(l4_task_cap_equal(TASK, ds, full | L4_CAP_FPAGE_RO)), 1);
	EXPECT_EQ(l4_error(l4_task_cap_equal(TASK, ds, ro)), 0);
	EXPECT_EQ(l4_error(l4_task_cap_equal(TASK, ds, other)), 0);
	slot_drop(ro);
	slot_drop(full);
	slot_drop(other);
	slot_drop(ds);
}

/* 10 */
TEST(a_copy_has_the_rights_of_the_flex_page)
{
	l4re_ds_t ds = ds_marked(1), copy_of = slot_new();

	EXPECT(copy(ds, L4_CAP_FPAGE_RO, copy_of) >= 0);
	EXPECT(!can_write(copy_of));
	EXPECT_EQ(ds_byte(copy_of, 0), MARK(0));
	EXPECT(copy(ds, L4_CAP_FPAGE_RW, copy_of) >= 0);
	EXPECT(can_write(copy_of));
	EXPECT(copy(ds, L4_CAP_FPAGE_RWSD, copy_of) >= 0);
	EXPECT(can_write(copy_of));
	EXPECT(can_write(ds));
	slot_drop(copy_of);
	slot_drop(ds);
}

/* 10 */
TEST(a_copy_of_a_copy_gets_no_right_back)
{
	l4re_ds_t ds = ds_marked(1), ro = ds_alias(ds, L4_CAP_FPAGE_RO), again = slot_new();
	l4_addr_t at = room(1);

	EXPECT(copy(ro, L4_CAP_FPAGE_RWSD, again) >= 0);
	EXPECT(!can_write(again));
	EXPECT_EQ(attach_at(at, PAGE, RO, again, 0), 0);
	EXPECT_FAULTS(at, WRITE);
	detach(at);
	EXPECT_EQ(l4re_ds_clear(again, 0, 1), -L4_EACCESS);
	EXPECT(l4_error(l4_task_delete_obj(TASK, again)) >= 0);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	slot_drop(again);
	slot_drop(ro);
	slot_drop(ds);
}

/* 10 */
TEST(a_copy_keeps_the_object_alive)
{
	l4re_ds_t ds = ds_marked(1), full = ds_alias(ds, L4_CAP_FPAGE_RWSD);

	slot_drop(ds);
	EXPECT_EQ(ds_byte(full, 0), MARK(0));
	ds_set_byte(full, 0, 9);
	EXPECT_EQ(ds_byte(full, 0), 9);
	slot_drop(full);
}

/* 10 */
TEST(a_copy_replaces_what_the_slot_held)
{
	unsigned fds = test_count_fds();
	l4re_ds_t ds = ds_marked(1), other = ds_new(3 * PAGE);
	l4_addr_t at = attach(other, PAGE, RW);

	EXPECT(copy(ds, L4_CAP_FPAGE_RWSD, other) >= 0);
	EXPECT_EQ(l4re_ds_size(other), PAGE);
	EXPECT_EQ(ds_byte(other, 0), MARK(0));
	EXPECT(is_filled(at, PAGE, 0));
	detach(at);
	EXPECT(copy(ds, L4_CAP_FPAGE_RWSD, ds) >= 0);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	slot_drop(other);
	slot_drop(ds);
	EXPECT(test_count_fds() <= fds);
}

/* 10 */
TEST(an_empty_slot_is_copied_as_nothing)
{
	l4_cap_idx_t empty = slot_new(), to = slot_new();

	(void)copy(empty, L4_CAP_FPAGE_RWSD, to);
	EXPECT(!slot_is_filled(to));
	slot_drop(empty);
	slot_drop(to);
}

static void grant(l4_cap_idx_t from, l4_cap_idx_t to)
{
	(void)l4_task_map(TASK, TASK, l4_obj_fpage(from, 0, L4_CAP_FPAGE_RWSD),
			  l4_map_obj_control(to, L4_MAP_ITEM_GRANT));
}

/* 10 */
TEST(a_grant_moves_what_is_in_the_slot_and_loses_nothing)
{
	l4re_ds_t ds = ds_marked(1), to = slot_new();

	grant(ds, to);
	EXPECT(!slot_is_filled(ds));
	EXPECT_EQ(ds_byte(to, 0), MARK(0));
	/* Where it is already, and where nothing can be. */
	grant(to, to);
	EXPECT_EQ(ds_byte(to, 0), MARK(0));
	grant(to, 1UL << 50);
	EXPECT_EQ(ds_byte(to, 0), MARK(0));
	slot_drop(to);
	slot_drop(ds);
}

/* 2.4: there is no other task that would have to give anything up. */
TEST(unmapping_in_other_tasks_leaves_what_this_one_has)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = room(1);

	EXPECT_EQ(l4re_rm_reserve_area(&at, PAGE, 0, 0), 0);
	EXPECT_EQ(l4re_ds_map(ds, 0, IF_MODERN(L4RE_DS_F_RW, L4RE_DS_MAP_FLAG_RW), at, at,
			      at + PAGE),
		  0);
	EXPECT(l4_error(l4_task_unmap(TASK, l4_obj_fpage(ds, 0, L4_CAP_FPAGE_RWSD),
				      L4_FP_OTHER_SPACES)) >= 0);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	EXPECT(l4_error(l4_task_unmap(TASK, l4_fpage(at, L4_PAGESHIFT, L4_FPAGE_RWX),
				      L4_FP_OTHER_SPACES)) >= 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	EXPECT(l4_error(l4_task_unmap(TASK, l4_fpage(at, L4_PAGESHIFT, L4_FPAGE_RWX),
				      L4_FP_ALL_SPACES)) >= 0);
	slot_drop(ds);
}

/* 10.1 */
TEST(unmapping_a_slot_empties_it_and_no_other)
{
	l4re_ds_t ds = ds_marked(1), full = ds_alias(ds, L4_CAP_FPAGE_RWSD);
	l4_addr_t at = attach(ds, PAGE, RW);

	EXPECT(l4_error(l4_task_unmap(TASK, l4_obj_fpage(ds, 0, L4_CAP_FPAGE_RWSD),
				      L4_FP_ALL_SPACES)) >= 0);
	EXPECT(!slot_is_filled(ds));
	EXPECT(slot_is_filled(full));
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT(l4_error(l4_task_unmap(TASK, l4_obj_fpage(ds, 0, L4_CAP_FPAGE_RWSD),
				      L4_FP_ALL_SPACES)) >= 0);
	slot_drop(full);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);
	slot_drop(ds);
}

/* 10 */
TEST(a_flex_page_may_name_several_slots)
{
	l4_cap_idx_t slots[4];
	unsigned first;

	for (unsigned n = 0; n < 4; n++)
		slots[n] = ds_new(PAGE);
	first = slots[0] >> L4_CAP_SHIFT & 1;
	EXPECT(l4_error(l4_task_unmap(TASK, l4_obj_fpage(slots[first], 1, L4_CAP_FPAGE_RWSD),
				      L4_FP_ALL_SPACES)) >= 0);
	for (unsigned n = 0; n < 4; n++)
		EXPECT_EQ(slot_is_filled(slots[n]), n != first && n != first + 1);
	for (unsigned n = 0; n < 4; n++)
		slot_drop(slots[n]);
}

/* 10.2, 16.6, 6 */
TEST(deleting_takes_an_object_from_everybody)
{
	l4re_ds_t ds = ds_marked(2), full = ds_alias(ds, L4_CAP_FPAGE_RW), was = 0;
	l4_addr_t at = attach(ds, 2 * PAGE, RW), ro = attach(full, PAGE, RO);

	EXPECT_WORKS(at, READ);
	EXPECT(l4_error(l4_task_delete_obj(TASK, ds)) >= 0);
	EXPECT(!slot_is_filled(ds));
	EXPECT(!slot_is_filled(full));
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at + PAGE, WRITE);
	EXPECT_FAULTS(ro, READ);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW, ds);
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, &was), 0);
	EXPECT_EQ(was, ds);
	EXPECT_FREE(at);
	EXPECT_EQ(l4re_rm_detach_ds((void *)ro, &was), 0);
	EXPECT_EQ(was, full);
	slot_drop(full);
	slot_drop(ds);
}

/* 10.2 */
TEST(unmapping_with_the_flag_to_delete_deletes)
{
	unsigned fds = test_count_fds(), mappings = test_count_memfd_mappings();
	l4re_ds_t ds = ds_marked(1), full = ds_alias(ds, L4_CAP_FPAGE_RWSD);
	l4_addr_t at = attach(ds, PAGE, RW);

	EXPECT(l4_error(l4_task_unmap(TASK, l4_obj_fpage(full, 0, L4_CAP_FPAGE_RWSD),
				      L4_FP_DELETE_OBJ)) >= 0);
	EXPECT(!slot_is_filled(ds));
	EXPECT(!slot_is_filled(full));
	EXPECT_FAULTS(at, READ);
	detach(at);
	EXPECT(test_count_fds() <= fds);
	EXPECT_EQ(test_count_memfd_mappings(), mappings);
	slot_drop(full);
	slot_drop(ds);
}

/* 10.2 */
TEST(without_the_right_to_delete_only_the_slot_is_emptied)
{
	static const unsigned char rights[] = { L4_CAP_FPAGE_RO, L4_CAP_FPAGE_RW,
						L4_CAP_FPAGE_RWS };
	l4re_ds_t ds = ds_marked(1), alias;
	l4_addr_t at = attach(ds, PAGE, RW);

	for (unsigned n = 0; n < sizeof(rights); n++) {
		alias = ds_alias(ds, rights[n]);
		EXPECT(l4_error(l4_task_delete_obj(TASK, alias)) >= 0);
		EXPECT(!slot_is_filled(alias));
		EXPECT(slot_is_filled(ds));
		EXPECT(is_filled(at, PAGE, MARK(0)));
		slot_drop(alias);
	}
	detach(at);
	slot_drop(ds);
}

/* 10.2 */
TEST(deleting_is_never_an_error)
{
	l4_cap_idx_t empty = slot_new();

	EXPECT(l4_error(l4_task_delete_obj(TASK, empty)) >= 0);
	EXPECT(l4_error(l4_task_delete_obj(TASK, L4_INVALID_CAP)) >= 0);
	slot_drop(empty);
}

/* 10.3 */
TEST(unmapping_pages_of_a_region_is_not_noticed)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = attach(ds, 4 * PAGE, RW);

	BYTE(at + PAGE) = 88;
	unmap(at, 4, L4_FPAGE_RWX);
	EXPECT_EQ(BYTE(at + PAGE), 88);
	for (unsigned page = 0; page < 4; page++)
		EXPECT(is_filled(at + page * PAGE + 1, PAGE - 1, MARK(page)));
	unmap(at, 4, L4_FPAGE_W);
	EXPECT_WORKS(at, WRITE);
	BYTE(at) = 89;
	EXPECT_EQ(ds_byte(ds, 0), 89);
	EXPECT_RECORD(at, at, 4 * PAGE, 0, RW, ds);
	detach(at);
	slot_drop(ds);
}

/* 10.3 */
TEST(a_flex_page_may_name_several_pages)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(l4re_ds_map_region(ds, 0, DS_RW, at, at + 4 * PAGE), 0);
	EXPECT(l4_error(l4_task_unmap(TASK, l4_fpage(at, L4_PAGESHIFT + 1, L4_FPAGE_RWX),
				      L4_FP_ALL_SPACES)) >= 0);
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at + PAGE, READ);
	EXPECT(is_filled(at + 2 * PAGE, PAGE, MARK(2)));
	EXPECT(l4_error(l4_task_unmap(TASK, l4_fpage(at, L4_PAGESHIFT + 2, L4_FPAGE_RWX),
				      L4_FP_ALL_SPACES)) >= 0);
	EXPECT_FAULTS(at + 3 * PAGE, READ);
	EXPECT_AREA(at, at, 4 * PAGE, 0);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* 10.3 */
TEST(pages_lose_the_rights_that_are_named)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = room(1);

	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, at, at, at), 0);
	unmap(at, 1, L4_FPAGE_W);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_FAULTS(at, WRITE);
	unmap(at, 1, L4_FPAGE_RWX);
	EXPECT_FAULTS(at, READ);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* 10.3 */
TEST(unmapping_where_nothing_is_is_fine_and_leaves_the_programs_own)
{
	l4_addr_t at = room(1);
	static int data = 5;

	unmap(at, 1, L4_FPAGE_RWX);
	EXPECT_FREE(at);
	EXPECT(l4_error(l4_task_unmap(TASK,
				      l4_fpage((l4_addr_t)&data, L4_PAGESHIFT, L4_FPAGE_RWX),
				      L4_FP_ALL_SPACES)) >= 0);
	EXPECT_EQ(data, 5);
}

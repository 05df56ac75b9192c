/* SPDX-License-Identifier: MIT */
/*
 * test_detach.c - l4re_rm_detach() and its four siblings
 */
#include "rig.h"

/* 5.4 */
TEST(any_byte_of_a_region_detaches_all_of_it)
{
	l4re_ds_t ds = ds_new(3 * PAGE);
	l4_addr_t at = room(4);
	static const l4_addr_t bytes[] = { 0, 1, 0xabc, PAGE, 3 * PAGE - 1 };

	for (unsigned n = 0; n < sizeof(bytes) / sizeof(*bytes); n++) {
		EXPECT_EQ(attach_at(at, 3 * PAGE, RW, ds, 0), 0);
		EXPECT_EQ(l4re_rm_detach((void *)(at + bytes[n])), 0);
		for (unsigned page = 0; page < 3; page++)
			EXPECT_FREE(at + page * PAGE);
	}
	slot_drop(ds);
}

/* 5.4, 6 */
TEST(an_access_to_what_was_detached_faults)
{
	l4re_ds_t ds = ds_new(2 * PAGE);
	l4_addr_t at = attach(ds, 2 * PAGE, RW | EAGER);

	EXPECT_WORKS(at, WRITE);
	detach(at);
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at + 2 * PAGE - 1, WRITE);
	slot_drop(ds);
}

/* 5.4 */
TEST(what_was_detached_is_free_at_once)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(2), from = at;

	EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, 0), 0);
	detach(at);
	EXPECT_EQ(attach_from(&from, PAGE, RW, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, PAGE), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);
	detach(at + PAGE);
	from = at;
	EXPECT_EQ(reserve_from(&from, 2 * PAGE, 0, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* 5.4 */
TEST(the_dataspace_and_its_other_regions_stay)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = attach(ds, 2 * PAGE, RW), other = attach(ds, 2 * PAGE, RO);

	BYTE(at + 5) = 200;
	detach(at);
	EXPECT_EQ(BYTE(other + 5), 200);
	EXPECT(is_filled(other + PAGE, PAGE, MARK(1)));
	EXPECT(slot_is_filled(ds));
	detach(other);
	EXPECT_EQ(ds_byte(ds, 5), 200);
	slot_drop(ds);
}

/* 5.4, 2.4 */
TEST(detaching_says_which_dataspace_it_was)
{
	l4re_ds_t ds = ds_new(PAGE), was = 0;
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, RW, ds | L4_CAP_FPAGE_RW, 0), 0);
	EXPECT_EQ(l4re_rm_detach_ds((void *)(at + 3), &was), 0);
	EXPECT_EQ(was, ds);
	was = 0;
	EXPECT_EQ(attach_at(at, PAGE, RW, ds | L4_CAP_FPAGE_RWSD, 0), 0);
	EXPECT_EQ(l4re_rm_detach_ds_unmap((void *)at, &was, L4_BASE_TASK_CAP), 0);
	EXPECT_EQ(was, ds);
	was = 0;
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(l4re_rm_detach_srv(l4re_env()->rm, at, &was, L4_BASE_TASK_CAP), 0);
	EXPECT_EQ(was, ds);
	slot_drop(ds);
}

/* 5.4 */
TEST(a_region_without_a_dataspace_has_none_to_say)
{
	l4_addr_t at = room(1);
	l4re_ds_t was = 0;

	EXPECT_EQ(attach_at(at, PAGE, RESERVED, L4_INVALID_CAP, 0), 0);
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, &was), 0);
	EXPECT_EQ(was, L4_INVALID_CAP);
}

/* 5.4 */
TEST(nobody_needs_to_ask_which_dataspace_it_was)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, NULL), 0);
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, NULL), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(l4re_rm_detach_ds_unmap((void *)at, NULL, L4_BASE_TASK_CAP), 0);
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(l4re_rm_detach_unmap(at, L4RE_THIS_TASK_CAP), 0);
	EXPECT_FAULTS(at, READ);
	slot_drop(ds);
}

/* 5.4 */
TEST(where_no_region_is_none_is_detached)
{
	l4re_ds_t ds = ds_new(PAGE), was = 0;
	l4_addr_t at = room(4);

	EXPECT_EQ(l4re_rm_detach((void *)at), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, &was), -L4_ENOENT);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_EQ(l4re_rm_detach_unmap(at, L4_BASE_TASK_CAP), -L4_ENOENT);
	was = 0;
	EXPECT_EQ(l4re_rm_detach_ds_unmap((void *)at, &was, L4_INVALID_CAP), -L4_ENOENT);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(l4re_rm_detach((void *)(at + PAGE - 1)), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_detach((void *)(at + 2 * PAGE)), -L4_ENOENT);
	EXPECT_RECORD(at + PAGE, at + PAGE, PAGE, 0, RW, ds);
	detach(at + PAGE);
	EXPECT_EQ(l4re_rm_detach((void *)(at + PAGE)), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_detach(NULL), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_detach(L4_INVALID_PTR), -L4_ENOENT);
	slot_drop(ds);
}

/* 5.4 */
TEST(an_area_is_no_region_to_detach)
{
	l4re_ds_t was = 0;
	l4_addr_t at = room(1);

	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, &was), -L4_ENOENT);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_AREA(at, at, PAGE, 0);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
}

/* 5.4, 1.4 */
TEST(what_the_program_mapped_itself_is_not_detached)
{
	static int data = 5;
	int r = l4re_rm_detach(&data);

	EXPECT(r < 0);
	EXPECT_EQ(data, 5);
	EXPECT(l4re_rm_detach((void *)(l4_addr_t)l4re_util_cap_alloc) < 0);
	slot_drop(slot_new());
}

/* 5.4 */
TEST(without_a_task_the_record_is_gone_all_the_same)
{
	static const l4_cap_idx_t tasks[] = { L4_INVALID_CAP, 0x7f000, L4_BASE_THREAD_CAP };
	l4re_ds_t ds = ds_marked(2), was = 0;
	l4_addr_t at = room(2), from = at;

	for (unsigned n = 0; n < 3; n++) {
		EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, 0), 0);
		EXPECT_WORKS(at, READ);
		EXPECT_EQ(l4re_rm_detach_ds_unmap((void *)at, &was, tasks[n]), 0);
		EXPECT_EQ(was, ds);
		EXPECT_FREE(at);
		EXPECT_EQ(l4re_rm_detach((void *)at), -L4_ENOENT);
		from = at;
		EXPECT_EQ(attach_from(&from, 2 * PAGE, RW, ds, L4_PAGESHIFT), 0);
		EXPECT_EQ(from, at);
		detach(at);
		EXPECT_FAULTS(at, READ);
	}
	slot_drop(ds);
}

/* */
TEST(r14_what_is_attached_over_pages_that_stayed_shows_itself)
{
	l4re_ds_t ds = ds_marked(4), other = ds_new(4 * PAGE);
	l4_addr_t at = attach(ds, 4 * PAGE, RW | EAGER);

	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_EQ(l4re_rm_detach_unmap(at, L4_INVALID_CAP), 0);
	EXPECT_EQ(attach_at(at + PAGE, 2 * PAGE, RW, other, 0), 0);
	EXPECT(is_filled(at + PAGE, 2 * PAGE, 0));
	BYTE(at + PAGE) = 9;
	EXPECT_EQ(ds_byte(ds, PAGE), MARK(1));
	EXPECT_EQ(ds_byte(other, 0), 9);
	detach(at + PAGE);
	EXPECT_FAULTS(at + PAGE, READ);
	slot_drop(ds);
	slot_drop(other);
}

/* */
TEST(r14_what_is_reserved_over_pages_that_stayed_shows_nothing)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = attach(ds, 2 * PAGE, RW | EAGER);

	EXPECT_EQ(l4re_rm_detach_unmap(at, L4_INVALID_CAP), 0);
	EXPECT_EQ(attach_at(at, PAGE, RESERVED, L4_INVALID_CAP, 0), 0);
	EXPECT_FAULTS(at, READ);
	detach(at);
	slot_drop(ds);
}

/* */
TEST(r14_pages_that_stayed_keep_no_memory_once_something_else_is_there)
{
	unsigned mappings = test_count_memfd_mappings(), fds = test_count_fds();
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = attach(ds, 2 * PAGE, RW | EAGER);

	EXPECT_EQ(l4re_rm_detach_unmap(at, L4_INVALID_CAP), 0);
	slot_drop(ds);
	EXPECT_EQ(attach_at(at, 2 * PAGE, RESERVED, L4_INVALID_CAP, 0), 0);
	EXPECT_EQ(test_count_memfd_mappings(), mappings);
	EXPECT(test_count_fds() <= fds);
	detach(at);
}

/* 1.3, 14.2 */
TEST(a_region_that_left_its_area_leaves_it_closed)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, 2 * PAGE, RW | IN_AREA, ds, 0), 0);
	detach(at + 2 * PAGE);
	EXPECT_AREA(at + PAGE, at, 4 * PAGE, 0);
	EXPECT_FAULTS(at + PAGE, READ);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW | IN_AREA, ds, PAGE), 0);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	detach(at + PAGE);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* 1.3 */
TEST(a_region_that_was_half_in_an_area_leaves_that_half_closed)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = room(4), from = at;

	EXPECT_EQ(attach_at(at, 4 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(reserve_at(at + PAGE, 2 * PAGE + 5, 0), 0);
	detach(at);
	EXPECT_FREE(at);
	EXPECT_AREA(at + PAGE, at + PAGE, 2 * PAGE + 5, 0);
	EXPECT_AREA(at + 3 * PAGE, at + PAGE, 2 * PAGE + 5, 0);
	EXPECT_FREE(at + 4 * PAGE - 1);
	for (unsigned page = 0; page < 4; page++)
		EXPECT_FAULTS(at + page * PAGE, READ);
	EXPECT_EQ(attach_from(&from, PAGE, RW, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at);
	detach(from);
	from = at + PAGE;
	EXPECT_EQ(attach_from(&from, PAGE, RW, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + 4 * PAGE);
	detach(from);
	EXPECT_EQ(l4re_rm_free_area(at + PAGE), 0);
	slot_drop(ds);
}

#ifndef L4RE_MODERN
/* ---- NO_ALIAS, 5.5.6 ---- */

#define NO_ALIAS L4RE_RM_NO_ALIAS

/* */
TEST(r20_a_region_that_nobody_else_uses_is_cleared_when_it_goes)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = room(2);

	EXPECT_EQ(attach_at(at, PAGE, NO_ALIAS, ds, PAGE), 0);
	EXPECT_RECORD(at, at, PAGE, PAGE, NO_ALIAS, ds);
	EXPECT(is_filled(at, PAGE, MARK(1)));
	BYTE(at) = 3;
	detach(at);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	EXPECT_EQ(ds_byte(ds, PAGE), 0);
	EXPECT_EQ(ds_byte(ds, 2 * PAGE - 1), 0);
	EXPECT_EQ(ds_byte(ds, 2 * PAGE), MARK(2));
	slot_drop(ds);
}

/* */
TEST(r20_a_part_that_goes_is_cleared_and_no_more)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = attach(ds, 4 * PAGE, NO_ALIAS);

	EXPECT_EQ(l4re_rm_detach_range(at + PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
		  L4RE_RM_SPLIT_DS);
	EXPECT_EQ(ds_byte(ds, PAGE), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT(is_filled(at + 2 * PAGE, PAGE, MARK(2)));
	EXPECT_EQ(l4re_rm_detach_range(at + 3 * PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
		  L4RE_RM_KEPT_DS);
	EXPECT_EQ(ds_byte(ds, 3 * PAGE), 0);
	EXPECT_EQ(ds_byte(ds, 2 * PAGE), MARK(2));
	detach(at);
	detach(at + 2 * PAGE);
	slot_drop(ds);
}

/* */
TEST(r20_mode_keep_clears_nothing)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = attach(ds, 3 * PAGE, NO_ALIAS);
	l4_cap_idx_t rm = l4re_env()->rm;

	EXPECT_EQ(l4re_rm_detach_range_srv(rm, at + PAGE, PAGE,
					   L4RE_RM_DETACH_EXACT | L4RE_RM_DETACH_KEEP, NULL,
					   L4_BASE_TASK_CAP),
		  L4RE_RM_SPLIT_DS);
	EXPECT_EQ(ds_byte(ds, PAGE), MARK(1));
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, at, 1,
					   L4RE_RM_DETACH_OVERLAP | L4RE_RM_DETACH_KEEP, NULL,
					   L4_BASE_TASK_CAP),
		  L4RE_RM_DETACHED_DS);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	detach(at + 2 * PAGE);
	EXPECT_EQ(ds_byte(ds, 2 * PAGE), 0);
	slot_drop(ds);
}

/* */
TEST(r20_what_cannot_be_cleared_is_detached_all_the_same)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = attach(alias, PAGE, NO_ALIAS | L4RE_RM_READ_ONLY);

	detach(at);
	EXPECT_FREE(at);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	at = attach(ds, 2 * PAGE, NO_ALIAS);
	detach(at);
	at = room(1);
	EXPECT_EQ(attach_at(at, PAGE, NO_ALIAS, ds, 7 * PAGE), 0);
	detach(at);
	slot_drop(alias);
	slot_drop(ds);
}

/* */
TEST(r20_a_reserved_region_has_nothing_to_clear)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, NO_ALIAS | RESERVED, ds, 0), 0);
	EXPECT_RECORD(at, at, PAGE, 0, NO_ALIAS | RESERVED, L4_INVALID_CAP);
	detach(at);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	slot_drop(ds);
}

/* */
TEST(r20_without_a_task_it_is_cleared_too)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, PAGE, NO_ALIAS);

	EXPECT_EQ(l4re_rm_detach_unmap(at, L4_INVALID_CAP), 0);
	EXPECT_EQ(ds_byte(ds, 0), 0);
	slot_drop(ds);
}
#endif

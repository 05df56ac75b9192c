/* SPDX-License-Identifier: MIT */
/*
 * test_find.c - l4re_rm_find()
 */
#include "rig.h"

#include <stdlib.h>

/* 5.6.2 */
TEST(a_region_of_a_dataspace_is_reported_as_it_was_attached)
{
	l4re_ds_t ds = ds_new(4 * PAGE);
	l4_addr_t at = room(4);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RO | EAGER, ds | L4_CAP_FPAGE_RO, 2 * PAGE - 1), 0);
	EXPECT_RECORD(at, at, 2 * PAGE, 2 * PAGE - 1, RO, ds);
	EXPECT_RECORD(at + 2 * PAGE - 1, at, 2 * PAGE, 2 * PAGE - 1, RO, ds);
	EXPECT_FREE(at - 1);
	EXPECT_FREE(at + 2 * PAGE);
	detach(at);
	at = attach(ds, PAGE, RW);
	EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
	detach(at);
	slot_drop(ds);
}

/* 5.6.2 */
TEST(free_space_is_nobodys_and_changes_nothing)
{
	l4_addr_t at = room(4);
	struct record r;

	EXPECT_EQ(find(at + 5, 7, &r), -L4_ENOENT);
	EXPECT_EQ(r.addr, at + 5);
	EXPECT_EQ(r.size, 7);
	EXPECT_EQ(r.offset, UNTOUCHED);
	EXPECT_EQ(r.flags, UNTOUCHED);
	EXPECT_EQ(r.m, L4_INVALID_CAP);
}

/* 5.6.2, R-11 */
TEST(r11_an_area_is_reported_with_in_area_and_nothing_behind_it)
{
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at + 0x123, 0x456, 0), 0);
	EXPECT_AREA(at + 0x123, at + 0x123, 0x456, 0);
	EXPECT_AREA(at + 0x123 + 0x455, at + 0x123, 0x456, 0);
	EXPECT_EQ(reserve_at(at + PAGE, PAGE, RESERVED), 0);
	EXPECT_AREA(at + PAGE, at + PAGE, PAGE, RESERVED);
	EXPECT_EQ(l4re_rm_free_area(at + 0x123), 0);
	EXPECT_EQ(l4re_rm_free_area(at + PAGE), 0);
}

/* 5.6.2 */
TEST(a_region_in_an_area_is_a_region)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW | IN_AREA, ds, 0), 0);
	EXPECT_RECORD(at + PAGE + 0x10, at + PAGE, PAGE, 0, RW, ds);
	EXPECT_AREA(at, at, 4 * PAGE, 0);
	EXPECT_AREA(at + 2 * PAGE, at, 4 * PAGE, 0);
	detach(at + PAGE);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* 5.6.1 */
TEST(a_region_wins_over_an_area_that_starts_lower)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(8);
	struct record r;

	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + 3 * PAGE, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(find(at, 8 * PAGE, &r), 0);
	EXPECT_EQ(r.addr, at + 3 * PAGE);
	EXPECT_EQ(r.flags, RW);
	EXPECT_EQ(find(at, 3 * PAGE, &r), 0);
	EXPECT_EQ(r.addr, at);
	EXPECT_EQ(r.flags, IN_AREA);
	EXPECT_EQ(find(at, 3 * PAGE + 1, &r), 0);
	EXPECT_EQ(r.addr, at + 3 * PAGE);
	detach(at + 3 * PAGE);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* */
TEST(r09_the_lowest_of_several_is_found)
{
	static const unsigned order[] = { 5, 1, 7, 3 };
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(16);
	struct record r;

	for (unsigned n = 0; n < 4; n++)
		EXPECT_EQ(attach_at(at + order[n] * PAGE, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(find(at, 16 * PAGE, &r), 0);
	EXPECT_EQ(r.addr, at + PAGE);
	EXPECT_EQ(find(at + 2 * PAGE, 14 * PAGE, &r), 0);
	EXPECT_EQ(r.addr, at + 3 * PAGE);
	EXPECT_EQ(find(at + 3 * PAGE + 1, 4 * PAGE, &r), 0);
	EXPECT_EQ(r.addr, at + 3 * PAGE);
	EXPECT_EQ(find(at + 6 * PAGE, 2 * PAGE, &r), 0);
	EXPECT_EQ(r.addr, at + 7 * PAGE);
	EXPECT_EQ(find(at + 2 * PAGE, PAGE, &r), -L4_ENOENT);
	for (unsigned n = 0; n < 4; n++)
		detach(at + order[n] * PAGE);
	slot_drop(ds);
}

/* */
TEST(r09_the_lowest_of_several_areas_is_found)
{
	l4_addr_t at = room(8);
	struct record r;

	EXPECT_EQ(reserve_at(at + 3 * PAGE, 10, 0), 0);
	EXPECT_EQ(reserve_at(at + PAGE, 10, RESERVED), 0);
	EXPECT_EQ(find(at, 8 * PAGE, &r), 0);
	EXPECT_EQ(r.addr, at + PAGE);
	EXPECT_EQ(r.flags, IN_AREA | RESERVED);
	EXPECT_EQ(find(at + PAGE + 10, 8 * PAGE, &r), 0);
	EXPECT_EQ(r.addr, at + 3 * PAGE);
	EXPECT_EQ(l4re_rm_free_area(at + PAGE), 0);
	EXPECT_EQ(l4re_rm_free_area(at + 3 * PAGE), 0);
}

/* 5.6.1 */
TEST(touching_a_range_by_a_byte_is_enough)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(4);
	struct record r;

	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(find(at, PAGE + 1, &r), 0);
	EXPECT_EQ(r.addr, at + PAGE);
	EXPECT_EQ(find(at, PAGE, &r), -L4_ENOENT);
	EXPECT_EQ(find(at + 2 * PAGE - 1, 100, &r), 0);
	EXPECT_EQ(r.size, PAGE);
	EXPECT_EQ(find(at + PAGE + 5, 1, &r), 0);
	detach(at + PAGE);
	slot_drop(ds);
}

/* */
TEST(r15_a_range_of_no_bytes_is_refused)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RW);
	struct record r;

	EXPECT_EQ(find(at, 0, &r), -L4_EINVAL);
	EXPECT_EQ(find(at + 5, 0, &r), -L4_EINVAL);
	detach(at);
	EXPECT_EQ(find(at, 0, &r), -L4_EINVAL);
	slot_drop(ds);
}

/* 5.6.3 */
TEST(the_position_of_a_byte_follows_from_what_is_reported)
{
	l4re_ds_t ds = ds_new(8 * PAGE);
	l4_addr_t at = room(4), byte;
	struct record r;

	for (l4_addr_t i = 0; i < 8 * PAGE; i += 0x400)
		ds_set_byte(ds, i, (unsigned char)(i >> 8));
	EXPECT_EQ(attach_at(at, 4 * PAGE, RW, ds, 3 * PAGE), 0);
	for (l4_addr_t p = at; p < at + 4 * PAGE; p += 0x400) {
		EXPECT_EQ(find(p, 1, &r), 0);
		byte = (l4_addr_t)r.offset + (p - r.addr);
		EXPECT_EQ(BYTE(p), (unsigned char)(byte >> 8));
	}
	detach(at);
	slot_drop(ds);
}

/* 5.6.2 */
TEST(the_index_is_what_the_program_passed_whatever_the_slot_holds_now)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RW);

	EXPECT_EQ(l4re_ma_alloc(2 * PAGE, ds, 0), 0);
	EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
	slot_drop(ds);
	EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
	detach(at);
}

/* 5.6.2 */
TEST(flags_of_the_call_are_not_reported)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = 0;

	EXPECT_EQ(attach_from(&at, PAGE, RW | EAGER, ds, L4_PAGESHIFT), 0);
	EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
	detach(at);
	slot_drop(ds);
}

/* 5.6.5 */
TEST(what_is_not_wanted_may_be_left_out)
{
	l4re_ds_t ds = ds_new(PAGE), m = 0;
	l4_addr_t at = attach(ds, PAGE, RW), addr = at + 7;
	unsigned long size = 1;
	region_offset offset = 9;
	unsigned flags = 9;

	EXPECT_EQ(l4re_rm_find(&addr, &size, NULL, NULL, NULL), 0);
	EXPECT_EQ(addr, at);
	EXPECT_EQ(size, PAGE);
	EXPECT_EQ(l4re_rm_find(&addr, &size, &offset, NULL, NULL), 0);
	EXPECT_EQ(offset, 0);
	EXPECT_EQ(l4re_rm_find(&addr, &size, NULL, &flags, NULL), 0);
	EXPECT_EQ(flags, RW);
	EXPECT_EQ(l4re_rm_find(&addr, &size, NULL, NULL, &m), 0);
	EXPECT_EQ(m, ds);
	detach(at);
	size = 1;
	EXPECT_EQ(l4re_rm_find(&addr, &size, NULL, NULL, NULL), -L4_ENOENT);
	slot_drop(ds);
}

/* Either nothing is there, or a region that the pager of this map stands for. */
static void expect_own(l4_addr_t at, bool is_writable)
{
	struct record r;
	int result = find(at, 1, &r);

	if (result == -L4_ENOENT) {
		EXPECT_EQ(r.addr, at);
		EXPECT_EQ(r.m, L4_INVALID_CAP);
		return;
	}
	EXPECT_EQ(result, 0);
	EXPECT_EQ(r.addr % PAGE, 0);
	EXPECT_EQ(r.size % PAGE, 0);
	EXPECT(r.addr <= at && at - r.addr < r.size);
	EXPECT_EQ(r.offset, 0);
	EXPECT_EQ(r.m, l4re_env()->rm);
#ifdef L4RE_MODERN
	EXPECT(r.flags & L4RE_RM_F_PAGER);
	EXPECT_EQ((r.flags & L4RE_RM_F_W) != 0, is_writable);
#else
	EXPECT(r.flags & L4RE_RM_PAGER);
	EXPECT_EQ((r.flags & L4RE_RM_READ_ONLY) == 0, is_writable);
#endif
}

/* 5.6.6 */
TEST(memory_of_the_program_is_nobodys_or_the_pagers)
{
	static int data = 1;
	int on_stack = 2;
	int *heap = malloc(sizeof(*heap));

	EXPECT(heap != NULL);
	*heap = 3;
	expect_own((l4_addr_t)&data, true);
	expect_own((l4_addr_t)&on_stack, true);
	expect_own((l4_addr_t)heap, true);
	expect_own((l4_addr_t)expect_own, false);
	EXPECT_EQ(data + on_stack + *heap, 6);
	free(heap);
}

#ifndef L4RE_MODERN
/* 5.6.2 */
TEST(classic_region_flags_are_reported)
{
	static const unsigned kinds[] = { 0, L4RE_RM_READ_ONLY, L4RE_RM_NO_ALIAS,
					  L4RE_RM_READ_ONLY | L4RE_RM_NO_ALIAS };
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	for (unsigned n = 0; n < 4; n++) {
		EXPECT_EQ(attach_at(at, PAGE, kinds[n], ds, 0), 0);
		EXPECT_RECORD(at, at, PAGE, 0, kinds[n], ds);
		detach(at);
	}
	slot_drop(ds);
}
#endif

/* SPDX-License-Identifier: MIT */
/*
 * test_page_in.c - l4re_rm_page_in()
 */
#include "rig.h"

/* 11.5 */
TEST(all_pages_that_the_range_touches_come_in)
{
	l4re_ds_t ds = ds_new(8 * PAGE);
	l4_addr_t at = attach(ds, 8 * PAGE, RW);

	EXPECT(!is_present(at + 2 * PAGE));
	EXPECT_EQ(l4re_rm_page_in(at + 2 * PAGE + 100, 2 * PAGE, L4_FPAGE_RW), 0);
	for (unsigned page = 2; page < 5; page++)
		EXPECT(is_present(at + page * PAGE));
	EXPECT(!is_present(at));
	EXPECT(!is_present(at + 7 * PAGE));
	detach(at);
	slot_drop(ds);
}

/* 11.5 */
TEST(pages_that_are_only_to_be_read_come_in)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = attach(ds, 4 * PAGE, RO);

	EXPECT_EQ(l4re_rm_page_in(at, 4 * PAGE, L4_FPAGE_RO), 0);
	for (unsigned page = 0; page < 4; page++)
		EXPECT(is_present(at + page * PAGE));
	EXPECT(is_filled(at + 3 * PAGE, PAGE, MARK(3)));
	detach(at);
	slot_drop(ds);
}

/* 11.5 */
TEST(a_range_may_go_over_several_regions)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = room(4);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, 2 * PAGE), 0);
	EXPECT_EQ(attach_at(at + 2 * PAGE, 2 * PAGE, RO, ds, 0), 0);
	EXPECT_EQ(l4re_rm_page_in(at, 4 * PAGE, L4_FPAGE_RO), 0);
	for (unsigned page = 0; page < 4; page++)
		EXPECT(is_present(at + page * PAGE));
	EXPECT_EQ(l4re_rm_page_in(at, 4 * PAGE, L4_FPAGE_RW), -L4_EACCESS);
	detach(at);
	detach(at + 2 * PAGE);
	slot_drop(ds);
}

/* 11.5 */
TEST(nothing_is_brought_in_without_bytes_or_a_right_to_read)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RW);

	EXPECT_EQ(l4re_rm_page_in(at, 0, L4_FPAGE_RW), 0);
	EXPECT_EQ(l4re_rm_page_in(at, PAGE, 0), 0);
	EXPECT_EQ(l4re_rm_page_in(at, PAGE, L4_FPAGE_W), 0);
	EXPECT(!is_present(at));
	detach(at);
	slot_drop(ds);
}

/* 11.5 */
TEST(rights_and_ranges_that_make_no_sense_are_refused)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RW);

	EXPECT_EQ(l4re_rm_page_in(at, PAGE, L4_FPAGE_RO | 8), -L4_EINVAL);
	EXPECT_EQ(l4re_rm_page_in(at, PAGE, 0x100), -L4_EINVAL);
	EXPECT_EQ(l4re_rm_page_in(at, ~0UL - at + 2, L4_FPAGE_RO), -L4_EINVAL);
	EXPECT_EQ(l4re_rm_page_in(~0UL, 2, L4_FPAGE_RO), -L4_EINVAL);
	detach(at);
	slot_drop(ds);
}

/* 11.5 */
TEST(more_rights_than_the_region_has_are_refused)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RO), rw = attach(ds, PAGE, RW);

	EXPECT_EQ(l4re_rm_page_in(at, PAGE, L4_FPAGE_RW), -L4_EACCESS);
	EXPECT_EQ(l4re_rm_page_in(rw, PAGE, L4_FPAGE_RX), -L4_EACCESS);
	EXPECT_EQ(l4re_rm_page_in(rw, PAGE, L4_FPAGE_RWX), -L4_EACCESS);
	EXPECT_EQ(l4re_rm_page_in(rw, PAGE, L4_FPAGE_RW), 0);
	detach(at);
	detach(rw);
	slot_drop(ds);
}

/* 11.5 */
TEST(a_range_without_a_region_is_an_error)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(4);

	EXPECT_EQ(l4re_rm_page_in(at, PAGE, L4_FPAGE_RO), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(l4re_rm_page_in(at, 2 * PAGE, L4_FPAGE_RO), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_page_in(at - 1, 2, L4_FPAGE_RO), -L4_ENOENT);
	EXPECT_EQ(reserve_at(at + PAGE, PAGE, 0), 0);
	EXPECT_EQ(l4re_rm_page_in(at + PAGE, PAGE, L4_FPAGE_RO), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_free_area(at + PAGE), 0);
	detach(at);
	slot_drop(ds);
}

/* 11.5 */
TEST(a_reserved_region_has_nothing_to_bring_in)
{
	l4_addr_t at = room(2);

	EXPECT_EQ(attach_at(at, PAGE, RESERVED, L4_INVALID_CAP, 0), 0);
	EXPECT_EQ(l4re_rm_page_in(at, PAGE, L4_FPAGE_RO), -L4_ENODEV);
	detach(at);
#ifdef L4RE_MODERN
	EXPECT_EQ(attach_at(at, PAGE, L4RE_RM_F_KERNEL, L4_INVALID_CAP, 0), 0);
	EXPECT_EQ(l4re_rm_page_in(at, PAGE, L4_FPAGE_RO), -L4_ENODEV);
	detach(at);
#endif
}

/* 11.5 */
TEST(a_dataspace_that_ends_first_is_an_error)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, 2 * PAGE, RW);

	EXPECT_EQ(l4re_rm_page_in(at, PAGE, L4_FPAGE_RW), 0);
	EXPECT_EQ(l4re_rm_page_in(at, 2 * PAGE, L4_FPAGE_RW), -L4_ERANGE);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);
	slot_drop(ds);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_attach_area.c - l4re_rm_attach() with IN_AREA
 */
#include "rig.h"

static void release(l4_addr_t at)
{
	EXPECT_EQ(l4re_rm_free_area(at), 0);
}

static int attach_in(l4_addr_t *at, unsigned long pages, l4re_ds_t ds, unsigned char align)
{
	return attach_from(at, pages * PAGE, RW | IN_AREA, ds, align);
}

/* 5.3.4 */
TEST(a_region_goes_exactly_where_it_is_asked_to_inside_of_an_area)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(8);

	EXPECT_EQ(reserve_at(at, 8 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE + 9, PAGE, RW | IN_AREA, ds, 0), 0);
	EXPECT_RECORD(at + PAGE, at + PAGE, PAGE, 0, RW, ds);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(0)));
	EXPECT_AREA(at, at, 8 * PAGE, 0);
	detach(at + PAGE);
	release(at);
	slot_drop(ds);
}

/* 5.3.4 */
TEST(several_regions_live_in_one_area)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	for (unsigned page = 0; page < 4; page++)
		EXPECT_EQ(attach_at(at + page * PAGE, PAGE, RW | IN_AREA, ds, page * PAGE), 0);
	for (unsigned page = 0; page < 4; page++) {
		EXPECT(is_filled(at + page * PAGE, PAGE, MARK(page)));
		detach(at + page * PAGE);
	}
	release(at);
	slot_drop(ds);
}

/* 5.3.4 */
TEST(a_region_does_not_stick_out_of_its_area)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(8);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + 3 * PAGE, 2 * PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, 5 * PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, 4 * PAGE, RW | IN_AREA, ds, 0), 0);
	detach(at);
	release(at);
	slot_drop(ds);
}

/* 5.3.4, I6 */
TEST(an_area_that_ends_inside_of_a_page_has_no_room_for_that_page)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(8), from;

	EXPECT_EQ(reserve_at(at + 0x10, 3 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + 0x10, PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at + 3 * PAGE, PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	from = at + 0x10;
	EXPECT_EQ(attach_in(&from, 3, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_in(&from, 2, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + PAGE);
	detach(from);
	release(at + 0x10);
	slot_drop(ds);
}

/* */
TEST(r08_a_start_below_the_area_that_reaches_into_it_does_not_fit)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(8);

	EXPECT_EQ(reserve_at(at + PAGE, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at, 2 * PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_FREE(at);
	release(at + PAGE);
	slot_drop(ds);
}

/* */
TEST(r01_without_an_area_there_is_nothing_to_go_into)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(8), from = at;

	EXPECT_EQ(attach_at(at, PAGE, RW | IN_AREA, ds, 0), -L4_ENOENT);
	EXPECT_EQ(attach_in(&from, 1, ds, L4_PAGESHIFT), -L4_ENOENT);
	EXPECT_EQ(reserve_at(at + PAGE, PAGE, 0), 0);
	EXPECT_EQ(attach_at(at, PAGE, RW | IN_AREA, ds, 0), -L4_ENOENT);
	EXPECT_EQ(attach_in(&from, 1, ds, L4_PAGESHIFT), -L4_ENOENT);
	EXPECT_EQ(attach_at(at + 2 * PAGE, PAGE, RW | IN_AREA, ds, 0), -L4_ENOENT);
	release(at + PAGE);
	slot_drop(ds);
}

/* */
TEST(r02_no_region_enters_a_reserved_area)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(4), from = at;

	EXPECT_EQ(reserve_at(at, 4 * PAGE, RESERVED), 0);
	EXPECT_EQ(attach_at(at, PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_in(&from, 1, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, PAGE, RESERVED | IN_AREA, L4_INVALID_CAP, 0),
		  -L4_EADDRNOTAVAIL);
	EXPECT_AREA(at, at, 4 * PAGE, RESERVED);
	release(at);
	slot_drop(ds);
}

/* 5.3.2 */
TEST(a_region_in_an_area_stays_off_other_regions)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(8);

	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, 2 * PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, PAGE, RW | IN_AREA, ds, 0), 0);
	detach(at);
	detach(at + PAGE);
	release(at);
	slot_drop(ds);
}

/* 5.3.2 */
TEST(a_search_in_an_area_is_confined_to_it)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(16), from;

	EXPECT_EQ(reserve_at(at + 2 * PAGE, 4 * PAGE, 0), 0);
	from = at + 3 * PAGE;
	EXPECT_EQ(attach_in(&from, 1, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + 3 * PAGE);
	from = at + 3 * PAGE;
	EXPECT_EQ(attach_in(&from, 2, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + 4 * PAGE);
	from = at + 3 * PAGE;
	EXPECT_EQ(attach_in(&from, 1, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	from = at + 2 * PAGE + 1;
	EXPECT_EQ(attach_in(&from, 1, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + 2 * PAGE);
	from = at + 2 * PAGE;
	EXPECT_EQ(attach_in(&from, 1, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	detach(at + 2 * PAGE);
	detach(at + 3 * PAGE);
	detach(at + 4 * PAGE);
	release(at + 2 * PAGE);
	slot_drop(ds);
}

/* 5.3.2 */
TEST(a_search_in_an_area_aligns)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(40), from = at + PAGE;

	EXPECT_EQ(reserve_at(at + PAGE, 32 * PAGE, 0), 0);
	EXPECT_EQ(attach_in(&from, 1, ds, 16), 0);
	EXPECT_EQ(from, at + 0x10000);
	from = at + PAGE;
	EXPECT_EQ(attach_in(&from, 1, ds, 16), 0);
	EXPECT_EQ(from, at + 0x20000);
	from = at + PAGE;
	EXPECT_EQ(attach_in(&from, 1, ds, 16), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_in(&from, 1, ds, L4_SUPERPAGESHIFT), -L4_EADDRNOTAVAIL);
	detach(at + 0x10000);
	detach(at + 0x20000);
	release(at + PAGE);
	slot_drop(ds);
}

/* 5.3.4, R-09 */
TEST(r09_a_range_that_touches_two_areas_goes_into_the_lower_one)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(16), from = at;

	EXPECT_EQ(reserve_at(at + 6 * PAGE, 4 * PAGE, 0), 0);
	EXPECT_EQ(reserve_at(at + PAGE, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_in(&from, 4, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + PAGE);
	detach(from);
	/* The lower one is too small, and no other is tried. */
	from = at;
	EXPECT_EQ(attach_in(&from, 7, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	release(at + PAGE);
	release(at + 6 * PAGE);
	slot_drop(ds);
}

/* 5.3.4 */
TEST(an_area_that_contains_the_start_is_taken)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(16), from = at + 5 * PAGE;

	EXPECT_EQ(reserve_at(at, 4 * PAGE, RESERVED), 0);
	EXPECT_EQ(reserve_at(at + 4 * PAGE, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_in(&from, 2, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + 5 * PAGE);
	detach(from);
	release(at);
	release(at + 4 * PAGE);
	slot_drop(ds);
}

/* 5.3.4 */
TEST(the_area_of_the_null_page_takes_nothing)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = 0;

	EXPECT_EQ(attach_in(&at, 1, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	slot_drop(ds);
}

/* I5 */
TEST(an_area_below_the_limits_takes_nothing)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t min, max, from;

	limits(&min, &max);
	if (min == PAGE) {
		/* The null page is all there is below. */
		EXPECT_EQ(attach_at(0, PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	} else {
		EXPECT_EQ(reserve_at(PAGE, min - PAGE, 0), 0);
		EXPECT_EQ(attach_at(PAGE, PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
		from = PAGE;
		EXPECT_EQ(attach_in(&from, 1, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
		release(PAGE);
	}
	slot_drop(ds);
}

/* 5.3.4 */
TEST(an_area_stays_the_same_when_it_is_filled)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(4);
	l4re_rm_range_t range;

	EXPECT_EQ(reserve_at(at, 2 * PAGE + 5, 0), 0);
	EXPECT_EQ(attach_at(at, PAGE, RW | IN_AREA, ds, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW | IN_AREA, ds, 0), 0);
	EXPECT_EQ(l4re_rm_get_areas(at, &range, 1), 1);
	EXPECT_EQ(range.start, at);
	EXPECT_EQ(range.end, at + 2 * PAGE + 4);
	EXPECT_EQ(range.flags, 0);
	detach(at);
	detach(at + PAGE);
	EXPECT_AREA(at, at, 2 * PAGE + 5, 0);
	release(at);
	slot_drop(ds);
}

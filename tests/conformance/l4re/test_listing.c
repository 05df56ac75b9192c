/* SPDX-License-Identifier: MIT */
/*
 * test_listing.c - l4re_rm_get_regions() and l4re_rm_get_areas()
 */
#include "rig.h"

#define MOST 64

typedef long (*list_function)(l4_addr_t start, l4re_rm_range_t *out, unsigned max);

/* Lists what is from @at to before @end, asking for @max at a time; returns how many. */
static unsigned list_all(list_function list, l4_addr_t at, l4_addr_t end, unsigned max,
			 l4re_rm_range_t *out)
{
	unsigned count = 0;
	long n;

	while ((n = list(at, out + count, max)) > 0) {
		EXPECT(n <= (long)max);
		while (n-- > 0) {
			EXPECT(out[count].start <= out[count].end);
			EXPECT(count == 0 || out[count - 1].end < out[count].start);
			if (out[count].start >= end)
				return count;
			at = out[count++].end + 1;
			EXPECT(count + max <= MOST);
		}
	}
	EXPECT_EQ(n, 0);
	return count;
}

static bool is(const l4re_rm_range_t *range, l4_addr_t start, l4_addr_t end, unsigned flags)
{
	return range->start == start && range->end == end && range->flags == flags;
}

/* 11.4 */
TEST(regions_are_listed_in_the_order_of_addresses)
{
	static const unsigned order[] = { 4, 0, 6, 2 };
	l4re_ds_t ds = ds_new(PAGE);
	l4re_rm_range_t out[MOST];
	l4_addr_t at = room(8);

	for (unsigned n = 0; n < 4; n++)
		EXPECT_EQ(attach_at(at + order[n] * PAGE, PAGE, n % 2 ? RO : RW, ds, 0), 0);
	for (unsigned max = 1; max < 10; max++) {
		EXPECT_EQ(list_all(l4re_rm_get_regions, at, at + 8 * PAGE, max, out), 4);
		EXPECT(is(&out[0], at, at + PAGE - 1, RO));
		EXPECT(is(&out[1], at + 2 * PAGE, at + 3 * PAGE - 1, RO));
		EXPECT(is(&out[2], at + 4 * PAGE, at + 5 * PAGE - 1, RW));
		EXPECT(is(&out[3], at + 6 * PAGE, at + 7 * PAGE - 1, RW));
	}
	for (unsigned n = 0; n < 4; n++)
		detach(at + order[n] * PAGE);
	EXPECT_EQ(list_all(l4re_rm_get_regions, at, at + 8 * PAGE, 4, out), 0);
	slot_drop(ds);
}

/* 11.4 */
TEST(areas_are_listed_in_the_order_of_addresses)
{
	l4re_rm_range_t out[MOST];
	l4_addr_t at = room(8);

	EXPECT_EQ(reserve_at(at + 3 * PAGE, 10, RESERVED), 0);
	EXPECT_EQ(reserve_at(at + 5, 1, 0), 0);
	EXPECT_EQ(reserve_at(at + 6, 2 * PAGE, 0), 0);
	for (unsigned max = 1; max < 5; max++) {
		EXPECT_EQ(list_all(l4re_rm_get_areas, at, at + 8 * PAGE, max, out), 3);
		EXPECT(is(&out[0], at + 5, at + 5, 0));
		EXPECT(is(&out[1], at + 6, at + 2 * PAGE + 5, 0));
		EXPECT(is(&out[2], at + 3 * PAGE, at + 3 * PAGE + 9, RESERVED));
	}
	EXPECT_EQ(l4re_rm_free_area(at + 5), 0);
	EXPECT_EQ(l4re_rm_free_area(at + 6), 0);
	EXPECT_EQ(l4re_rm_free_area(at + 3 * PAGE), 0);
}

/* 11.4 */
TEST(what_contains_the_start_is_listed)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4re_rm_range_t out[2];
	l4_addr_t at = room(8);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(reserve_at(at + 4 * PAGE, 2 * PAGE, 0), 0);
	EXPECT(l4re_rm_get_regions(at + 2 * PAGE - 1, out, 1) == 1);
	EXPECT_EQ(out[0].start, at);
	EXPECT(l4re_rm_get_areas(at + 4 * PAGE + 5, out, 1) == 1);
	EXPECT_EQ(out[0].start, at + 4 * PAGE);
	if (l4re_rm_get_regions(at + 2 * PAGE, out, 1) > 0)
		EXPECT(out[0].start > at + 2 * PAGE);
	if (l4re_rm_get_areas(at + 6 * PAGE, out, 1) > 0)
		EXPECT(out[0].start > at + 6 * PAGE);
	detach(at);
	EXPECT_EQ(l4re_rm_free_area(at + 4 * PAGE), 0);
	slot_drop(ds);
}

/* 11.4, 1.2 */
TEST(regions_and_areas_are_lists_of_their_own)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4re_rm_range_t out[MOST];
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW | IN_AREA, ds, 0), 0);
	EXPECT_EQ(attach_at(at + 2 * PAGE, PAGE, RESERVED | IN_AREA, ds, 0), 0);
	EXPECT_EQ(list_all(l4re_rm_get_regions, at, at + 4 * PAGE, 4, out), 2);
	EXPECT(is(&out[0], at + PAGE, at + 2 * PAGE - 1, RW));
	EXPECT(is(&out[1], at + 2 * PAGE, at + 3 * PAGE - 1, RESERVED));
	EXPECT_EQ(list_all(l4re_rm_get_areas, at, at + 4 * PAGE, 4, out), 1);
	EXPECT(is(&out[0], at, at + 4 * PAGE - 1, 0));
	detach(at + PAGE);
	detach(at + 2 * PAGE);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* 11.4, 1.4 */
TEST(the_first_area_is_that_of_the_null_page)
{
	l4re_rm_range_t range;

	EXPECT_EQ(l4re_rm_get_areas(0, &range, 1), 1);
	EXPECT_EQ(range.start, 0);
	EXPECT_EQ(range.end, PAGE - 1);
}

/* 11.4 */
TEST(there_is_no_more_behind_the_last)
{
	l4re_rm_range_t range;

	EXPECT_EQ(l4re_rm_get_regions(~0UL, &range, 1), 0);
	EXPECT_EQ(l4re_rm_get_areas(~0UL, &range, 1), 0);
}

/* 11.4 */
TEST(room_for_none_gets_none)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RW);

	EXPECT_EQ(l4re_rm_get_regions(0, NULL, 0), 0);
	EXPECT_EQ(l4re_rm_get_areas(0, NULL, 0), 0);
	detach(at);
	slot_drop(ds);
}

/* 11.4, 5.5.3 */
TEST(a_split_shows_in_the_list)
{
	l4re_ds_t ds = ds_new(4 * PAGE);
	l4re_rm_range_t out[MOST];
	l4_addr_t at = room(4);

	EXPECT_EQ(attach_at(at, 4 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(l4re_rm_detach_range(at + PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
		  L4RE_RM_SPLIT_DS);
	EXPECT_EQ(list_all(l4re_rm_get_regions, at, at + 4 * PAGE, 4, out), 2);
	EXPECT(is(&out[0], at, at + PAGE - 1, RW));
	EXPECT(is(&out[1], at + 2 * PAGE, at + 4 * PAGE - 1, RW));
	detach(at);
	detach(at + 2 * PAGE);
	slot_drop(ds);
}

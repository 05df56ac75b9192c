/* SPDX-License-Identifier: MIT */
#include "map/layout.h"

#include <errno.h>

#include "base/fault.h"
#include "map/rig_layout.h"
#include "test.h"

/* ---- where a region goes ---------------------------------------------------------------- */

TEST(a_fixed_place_is_inside_the_limits)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0xf000, 0x1000, 0, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0xf000, 0x2000, 0, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0xff000, 0x2000, 0, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0x100000, 0x1000, 0, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, 0, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0x10000, 0x1000, 0, 0), 0x10000);
	EXPECT_EQ(rig_attach(&l, 0xff000, 0x1000, 0, 0), 0xff000);
	layout_deinit(&l);
}

TEST(a_fixed_place_takes_any_alignment)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x11000, 0x1000, 0, 200), 0x11000);
	EXPECT_EQ(rig_attach(&l, 0x13000, 0x1000, STRICT, 0), 0x13000);
	layout_deinit(&l);
}

TEST(a_search_skips_regions_and_areas)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x10000, 0x1000, 0, 0), 0x10000);
	EXPECT_EQ(rig_reserve(&l, 0x12000, 0x1000, 0, 0), 0x12000);
	EXPECT_EQ(rig_attach(&l, 0, 0x2000, SEARCH, 12), 0x13000);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH, 12), 0x11000);
	layout_deinit(&l);
}

TEST(a_search_does_not_look_below_its_start)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x80000, 0x1000, SEARCH, 12), 0x80000);
	EXPECT_EQ(rig_attach(&l, 0xff000, 0x1000, SEARCH, 12), 0xff000);
	EXPECT_EQ(rig_attach(&l, 0xff000, 0x1000, SEARCH, 12), -EADDRNOTAVAIL);
	layout_deinit(&l);
}

TEST(a_search_that_starts_inside_a_page_finds_the_next)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x20800, 0x1000, SEARCH, 12), 0x21000);
	layout_deinit(&l);
}

TEST(a_search_in_an_area_skips_regions_alone)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x4000, 0, 0), 0x20000);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, IN_AREA, 0), 0x20000);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, SEARCH | IN_AREA, 12), 0x21000);
	EXPECT_EQ(rig_attach(&l, 0x23000, 0x1000, SEARCH | IN_AREA, 12), 0x23000);
	EXPECT_EQ(rig_attach(&l, 0x23000, 0x1000, SEARCH | IN_AREA, 12), -EADDRNOTAVAIL);
	layout_deinit(&l);
}

TEST(a_search_in_an_area_that_overlaps_begins_with_the_area)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x20010, 0x4000, 0, 0), 0x20010);
	EXPECT_EQ(rig_attach(&l, 0x1f000, 0x2000, SEARCH | IN_AREA, 12), 0x21000);
	layout_deinit(&l);
}

TEST(a_search_in_an_area_ignores_the_limits_of_other_searches)
{
	struct layout l;

	rig_init(&l);
	l.floor = 0x80000;
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x4000, 0, 0), 0x20000);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, SEARCH | IN_AREA, 12), 0x20000);
	EXPECT_EQ(rig_attach(&l, ~0UL, 0x1000, SEARCH | IN_AREA, 12), -ENOENT);
	layout_deinit(&l);
}

TEST(a_region_in_an_area_is_inside_the_limits_even_if_the_area_is_not)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0xe000, 0x4000, 0, 0), 0xe000);
	EXPECT_EQ(rig_reserve(&l, 0xfe000, 0x4000, 0, 0), 0xfe000);
	EXPECT_EQ(rig_reserve(&l, 0x200000, 0x4000, 0, 0), 0x200000);
	EXPECT_EQ(rig_attach(&l, 0xf000, 0x1000, IN_AREA, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0xe000, 0x1000, IN_AREA | SEARCH, 12), 0x10000);
	EXPECT_EQ(rig_attach(&l, 0xff000, 0x2000, IN_AREA, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0xfe000, 0x3000, IN_AREA | SEARCH, 12), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0x200000, 0x1000, IN_AREA | SEARCH, 12), -EADDRNOTAVAIL);
	layout_deinit(&l);
}

TEST(a_search_begins_at_the_floor_only_if_it_begins_at_the_bottom)
{
	struct layout l;

	rig_init(&l);
	l.floor = 0x80000;
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH, 12), 0x80000);
	EXPECT_EQ(rig_attach(&l, 0x200000, 0x1000, SEARCH, 12), 0x81000);
	EXPECT_EQ(rig_attach(&l, 0x10000, 0x1000, SEARCH, 12), 0x10000);
	EXPECT_EQ(rig_reserve(&l, 0, 0x1000, SEARCH, 12), 0x82000);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x1000, SEARCH, 12), 0x20000);
	EXPECT_EQ(rig_reserve(&l, 0xff000, 0x2000, SEARCH, 12), 0x83000);
	layout_deinit(&l);
}

TEST(any_start_of_a_search_is_survived)
{
	const uintptr_t garbage[] = { 1, 0xfff, 0x8000000000000000, ~0UL, ~0UL - 0x1234 };
	struct layout l;

	rig_init(&l);
	for (unsigned i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
		EXPECT_EQ(rig_attach(&l, garbage[i], 0x2000, SEARCH, 12), 0x10000 + i * 0x2000);
	layout_deinit(&l);
}

TEST(sizes_that_wrap_are_refused_before_anything_else)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x10000, ~0UL, 0, 0), -EINVAL);
	EXPECT_EQ(rig_attach(&l, 0x10000, ~0UL, SEARCH, 12), -EINVAL);
	EXPECT_EQ(rig_attach(&l, ~0UL, 0x2000, 0, 0), -EINVAL);
	EXPECT_EQ(rig_attach(&l, ~0UL, 0x2000, IN_AREA, 0), -EINVAL);
	EXPECT_EQ(rig_attach(&l, ~0UL, 0x2000, SEARCH | STRICT, 12), -EINVAL);
	EXPECT_EQ(rig_attach(&l, ~0UL, 0x1000, SEARCH | STRICT, 12), 0x10000);
	EXPECT_EQ(rig_attach(&l, 0x20000, ~0UL - 0xfff, SEARCH, 12), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0, 0, SEARCH | IN_AREA, 200), -EINVAL);
	layout_deinit(&l);
}

/* ---- searches that go on ---------------------------------------------------------------- */

TEST(a_search_goes_on_behind_what_its_caller_found_in_the_way)
{
	struct layout_wish wish = { .size = 0x1000, .flags = SEARCH, .align = 12 };
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x31000, 0x1000, 0, 0), 0x31000);
	wish.resume = 0x30001;
	EXPECT_EQ(rig_attach_wish(&l, &wish, 0), 0x32000);
	layout_deinit(&l);
}

TEST(a_search_that_goes_on_past_the_limits_fails_and_does_not_start_over)
{
	struct layout_wish wish = { .size = 0x1000, .flags = SEARCH, .align = 12 };
	struct layout l;

	rig_init(&l);
	wish.resume = 0x100000;
	EXPECT_EQ(rig_attach_wish(&l, &wish, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve_wish(&l, &wish), -EADDRNOTAVAIL);
	wish.resume = UINTPTR_MAX;
	EXPECT_EQ(rig_attach_wish(&l, &wish, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve_wish(&l, &wish), -EADDRNOTAVAIL);
	layout_deinit(&l);
}

TEST(a_search_in_an_area_goes_on_in_the_same_area)
{
	struct layout_wish wish = {
		.start = 0x20000, .size = 0x1000, .flags = SEARCH | IN_AREA, .align = 12
	};
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x4000, 0, 0), 0x20000);
	EXPECT_EQ(rig_reserve(&l, 0x24000, 0x4000, 0, 0), 0x24000);
	wish.resume = 0x22800;
	EXPECT_EQ(rig_attach_wish(&l, &wish, 0), 0x23000);
	wish.resume = 0x24000;
	EXPECT_EQ(rig_attach_wish(&l, &wish, 0), -EADDRNOTAVAIL);
	layout_deinit(&l);
}

TEST(a_search_for_an_area_that_started_over_goes_on_where_it_was)
{
	struct layout_wish wish = { .start = 0xff000, .size = 0x2000, .flags = SEARCH };
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve_wish(&l, &wish), 0x10000);
	wish.resume = 0x30123;
	EXPECT_EQ(rig_reserve_wish(&l, &wish), 0x30123);
	layout_deinit(&l);
}

/* ---- where the generations differ ------------------------------------------------------- */

TEST(r_01_where_no_area_is_entering_one_finds_none)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, IN_AREA, 0), -ENOENT);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, IN_AREA | SEARCH, 12), -ENOENT);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, IN_AREA | STRICT, 0), -ENOENT);
	layout_deinit(&l);
}

TEST(r_02_nothing_enters_a_reserved_area)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x4000, RESERVED, 0), 0x20000);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, IN_AREA, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, IN_AREA | SEARCH, 12), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, IN_AREA | OVERMAP, 0), -EADDRNOTAVAIL);
	layout_deinit(&l);
}

TEST(r_03_a_reserved_area_may_be_put_over_regions_but_not_if_strict)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x4000, 0, 0), 0x20000);
	EXPECT_EQ(rig_reserve(&l, 0x21000, 0x1000, RESERVED | STRICT, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve(&l, 0x23000, 0x1000, STRICT, 0), 0x23000);
	EXPECT_EQ(rig_reserve(&l, 0x21000, 0x1000, RESERVED, 0), 0x21000);
	EXPECT_STR(rig_regions(&l), "20000-23fff");
	layout_deinit(&l);
}

TEST(r_03_a_guard_page_is_cut_out_of_the_region)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x4000, 0, 0), 0x20000);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x1000, OVERMAP | RESERVED | IN_AREA, 0), 0x20000);
	EXPECT_STR(rig_regions(&l), "21000-23fff@1000");
	EXPECT_STR(rig_areas(&l), "20000-20fff@1");
	EXPECT_STR(rig_taken(&l), "20000-23fff");
	layout_deinit(&l);
}

TEST(r_05_an_alignment_below_a_page_is_a_page_but_not_if_strict)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x10000, 10, 0, 0), 0x10000);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH, 0), 0x11000);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH, 11), 0x12000);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH | STRICT, 11), -EINVAL);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH | STRICT, 12), 0x13000);
	layout_deinit(&l);
}

TEST(r_05_an_alignment_above_63_is_refused)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH, 64), -EINVAL);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH | STRICT, 64), -EINVAL);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH | IN_AREA, 255), -EINVAL);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH, 63), -EADDRNOTAVAIL);
	layout_deinit(&l);
}

TEST(r_08_a_region_does_not_stick_out_below_its_area)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x4000, 0, 0), 0x20000);
	EXPECT_EQ(rig_attach(&l, 0x1f000, 0x2000, IN_AREA, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve(&l, 0x30001, 0x4000, 0, 0), 0x30001);
	EXPECT_EQ(rig_attach(&l, 0x30001, 0x1000, IN_AREA, 0), -EADDRNOTAVAIL);
	layout_deinit(&l);
}

TEST(r_09_of_several_the_lowest_is_found)
{
	struct layout l;
	struct span span;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x30000, 0x1000, 0, 0), 0x30000);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, 0, 0), 0x20000);
	EXPECT_EQ(rig_attach(&l, 0x40000, 0x1000, 0, 0), 0x40000);
	EXPECT_EQ(rig_reserve(&l, 0x50000, 1, 0, 0), 0x50000);
	EXPECT_EQ(rig_reserve(&l, 0x28000, 1, 0, 0), 0x28000);
	EXPECT(layout_find_region(&l, 0, UINTPTR_MAX, &span));
	EXPECT_EQ(span.start, 0x20000);
	EXPECT(layout_find_region(&l, 0x20fff, 0x40000, &span));
	EXPECT_EQ(span.start, 0x20000);
	EXPECT(layout_find_region(&l, 0x21000, 0x40000, &span));
	EXPECT_EQ(span.start, 0x30000);
	EXPECT(layout_find_area(&l, 0, UINTPTR_MAX, &span));
	EXPECT_EQ(span.start, 0x28000);
	EXPECT(!layout_find_area(&l, 0x28001, 0x4ffff, &span));
	layout_deinit(&l);
}

TEST(r_09_the_lowest_area_is_the_one_that_is_entered)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x24000, 0x2000, 0, 0), 0x24000);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x2000, RESERVED, 0), 0x20000);
	EXPECT_EQ(rig_attach(&l, 0x1f000, 0x8000, IN_AREA | SEARCH, 12), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0x22000, 0x8000, IN_AREA | SEARCH, 12), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0x22000, 0x2000, IN_AREA | SEARCH, 12), -ENOENT);
	layout_deinit(&l);
}

TEST(r_17_an_area_of_one_byte_is_one_and_of_none_is_none)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0, 0, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0, SEARCH, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0, STRICT, 0), -EINVAL);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 1, 0, 0), 0x20000);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 1, SEARCH | STRICT, 0), 0x20001);
	layout_deinit(&l);
}

TEST(r_19_a_search_for_an_area_without_room_starts_over_but_not_if_strict)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0xff001, 0x1000, SEARCH | STRICT, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve(&l, 0xff001, 0x1000, SEARCH, 0), 0x10000);
	EXPECT_EQ(rig_reserve(&l, 0xff001, ~0UL, SEARCH, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve(&l, 0x200000, 0x1000, SEARCH, 0), 0x11000);
	EXPECT_EQ(rig_reserve(&l, 0x200000, 0x1000, SEARCH | STRICT, 0), 0x12000);
	EXPECT_EQ(rig_reserve(&l, ~0UL, 0x1000, SEARCH, 0), 0x13000);
	EXPECT_EQ(rig_reserve(&l, ~0UL, 0x1000, SEARCH | STRICT, 0), -EINVAL);
	layout_deinit(&l);
}

TEST(r_22_a_fixed_area_may_be_anywhere)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0, 0x1000, 0, 0), 0);
	EXPECT_EQ(rig_reserve(&l, 0xfffff, 2, 0, 0), 0xfffff);
	EXPECT_EQ(rig_reserve(&l, UINTPTR_MAX, 1, 0, 0), (long)UINTPTR_MAX);
	EXPECT_EQ(rig_reserve(&l, UINTPTR_MAX - 8, 8, STRICT, 0), (long)UINTPTR_MAX - 8);
	EXPECT_STR(rig_areas(&l), "0-fff, fffff-100000, fffffffffffffff7-fffffffffffffffe, "
				  "ffffffffffffffff-ffffffffffffffff");
	EXPECT_EQ(rig_free_area(&l, UINTPTR_MAX), 0);
	EXPECT_EQ(rig_free_area(&l, 0), 0);
	layout_deinit(&l);
}

/* ---- areas ------------------------------------------------------------------------------ */

TEST(a_search_for_an_area_honours_small_alignments)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0, 9, SEARCH, 1), 0x10000);
	EXPECT_EQ(rig_reserve(&l, 0, 3, SEARCH, 1), 0x1000a);
	EXPECT_EQ(rig_reserve(&l, 0, 1, SEARCH | STRICT, 0), 0x10009);
	EXPECT_EQ(rig_reserve(&l, 0, 1, SEARCH, 4), 0x10010);
	layout_deinit(&l);
}

TEST(a_search_for_an_area_ends_with_the_limits)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x10001, 0xefffe, 0, 0), 0x10001);
	EXPECT_EQ(rig_reserve(&l, 0, 2, SEARCH, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve(&l, 0x10001, 1, SEARCH, 0), 0xfffff);
	EXPECT_EQ(rig_reserve(&l, 0, 1, SEARCH, 0), 0x10000);
	EXPECT_EQ(rig_reserve(&l, 0, 1, SEARCH, 0), -EADDRNOTAVAIL);
	layout_deinit(&l);
}

TEST(an_area_that_wraps_or_is_aligned_beyond_addresses_is_refused)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, ~0UL, 2, 0, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve(&l, ~0UL, 2, STRICT, 0), -EINVAL);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 2, SEARCH, 64), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 2, SEARCH | STRICT, 64), -EINVAL);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 2, 0, 64), 0x20000);
	layout_deinit(&l);
}

TEST(two_areas_may_cover_parts_of_one_region)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x2000, 0, 0), 0x20000);
	EXPECT_EQ(rig_reserve(&l, 0x1ff00, 0x200, 0, 0), 0x1ff00);
	EXPECT_EQ(rig_reserve(&l, 0x21f00, 0x200, 0, 0), 0x21f00);
	EXPECT_STR(rig_taken(&l), "1ff00-220ff");
	EXPECT_EQ(rig_cut(&l, 0x20000, 0x2000, LAYOUT_EXACT, NULL), LAYOUT_GONE);
	EXPECT_STR(rig_taken(&l), "1ff00-200ff, 21f00-220ff");
	layout_deinit(&l);
}

TEST(an_area_that_is_freed_leaves_what_regions_take)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, 0, 0), 0x20000);
	EXPECT_EQ(rig_attach(&l, 0x22000, 0x1000, 0, 0), 0x22000);
	EXPECT_EQ(rig_attach(&l, 0x24000, 0x1000, 0, 0), 0x24000);
	EXPECT_EQ(rig_reserve(&l, 0x20800, 0x4001, 0, 0), 0x20800);
	EXPECT_STR(rig_taken(&l), "20000-24fff");
	EXPECT_EQ(rig_free_area(&l, 0x21000), 0);
	EXPECT_STR(rig_taken(&l), "20000-20fff, 22000-22fff, 24000-24fff");
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, SEARCH, 12), 0x21000);
	layout_deinit(&l);
}

TEST(a_region_that_is_cut_leaves_what_an_area_takes)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x4000, 0, 0), 0x20000);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x4000, IN_AREA, 0), 0x20000);
	EXPECT_EQ(rig_cut(&l, 0x21000, 0x1000, LAYOUT_EXACT, NULL), LAYOUT_SPLIT);
	EXPECT_STR(rig_taken(&l), "20000-23fff");
	EXPECT_EQ(rig_free_area(&l, 0x20000), 0);
	EXPECT_STR(rig_taken(&l), "20000-20fff, 22000-23fff");
	layout_deinit(&l);
}

TEST(what_meets_is_one_and_what_does_not_is_two)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x1000, 0, 0), 0x20000);
	EXPECT_EQ(rig_attach(&l, 0x22000, 0x1000, 0, 0), 0x22000);
	EXPECT_EQ(rig_reserve(&l, 0x21001, 0xffe, 0, 0), 0x21001);
	EXPECT_STR(rig_taken(&l), "20000-20fff, 21001-21ffe, 22000-22fff");
	EXPECT_EQ(rig_reserve(&l, 0x21000, 1, 0, 0), 0x21000);
	EXPECT_STR(rig_taken(&l), "20000-21ffe, 22000-22fff");
	EXPECT_EQ(rig_reserve(&l, 0x21fff, 1, 0, 0), 0x21fff);
	EXPECT_STR(rig_taken(&l), "20000-22fff");
	EXPECT_EQ(rig_free_area(&l, 0x21800), 0);
	EXPECT_STR(rig_taken(&l), "20000-21000, 21fff-22fff");
	layout_deinit(&l);
}

TEST(an_area_is_told_when_it_is_freed)
{
	struct layout l;
	struct span area = { .value = 7 };

	rig_init(&l);
	EXPECT_EQ(layout_add_area(&l, 0x20010, 0x20020, 0x50 | RESERVED), 0);
	EXPECT_EQ(layout_free_area(&l, 0x20021, &area), -ENOENT);
	EXPECT_EQ(area.value, 7);
	EXPECT_EQ(layout_free_area(&l, 0x20020, &area), 0);
	EXPECT_EQ(area.start, 0x20010);
	EXPECT_EQ(area.last, 0x20020);
	EXPECT_EQ(area.value, 0x50 | RESERVED);
	layout_deinit(&l);
}

TEST(what_overlaps_is_not_added)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0x20000, 0x2000, 0, 0), 0x20000);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x10, 0, 0), 0x20000);
	EXPECT_EQ(layout_add_region(&l, 0x21000, 0x22fff, 0), -EEXIST);
	EXPECT_EQ(layout_add_area(&l, 0x1ffff, 0x20000, 0), -EEXIST);
	EXPECT_STR(rig_taken(&l), "20000-21fff");
	EXPECT(layout_check(&l));
	layout_deinit(&l);
}

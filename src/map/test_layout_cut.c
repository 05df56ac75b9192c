/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/fault.h"
#include "map/rig_layout.h"
#include "test.h"

/* A region at 0x40000 of 0x8000 bytes, at the offset 0x2000. */
static void begin(struct layout *l)
{
	struct layout_wish wish = { .start = 0x40000, .size = 0x8000 };

	rig_init(l);
	EXPECT_EQ(rig_attach_wish(l, &wish, 0x2000), 0x40000);
}

/* ---- the four cases --------------------------------------------------------------------- */

TEST(case_a_what_is_covered_goes)
{
	struct layout_cut cut;
	struct layout l;

	begin(&l);
	EXPECT_EQ(layout_look_cut(&l, 0x40000, 0x47fff, LAYOUT_EXACT, &cut), 0);
	EXPECT_EQ(cut.code, LAYOUT_GONE);
	EXPECT_EQ(cut.front, 0);
	EXPECT_EQ(cut.back, 0);
	EXPECT_EQ(rig_cut(&l, 0x3f000, 0xa000, LAYOUT_EXACT, &cut), LAYOUT_GONE);
	EXPECT_EQ(cut.region.value, 0x2000);
	EXPECT_STR(rig_regions(&l), "");
	layout_deinit(&l);
}

TEST(case_a_what_is_touched_goes_in_mode_overlap)
{
	struct layout_cut cut;
	struct layout l;

	begin(&l);
	EXPECT_EQ(rig_cut(&l, 0x3f000, 0x2000, LAYOUT_OVERLAP, &cut), LAYOUT_GONE);
	EXPECT_EQ(cut.first, 0x40000);
	EXPECT_EQ(cut.last, 0x47fff);
	EXPECT_STR(rig_regions(&l), "");
	layout_deinit(&l);
}

TEST(case_b_a_region_loses_its_front_and_its_offset_grows)
{
	struct layout_cut cut;
	struct layout l;

	begin(&l);
	EXPECT_EQ(rig_cut(&l, 0x40000, 0x3000, LAYOUT_EXACT, &cut), LAYOUT_SHORTENED);
	EXPECT_EQ(cut.front, 0);
	EXPECT_EQ(cut.back, 0x5000);
	EXPECT_EQ(cut.first, 0x40000);
	EXPECT_EQ(cut.last, 0x42fff);
	EXPECT_STR(rig_regions(&l), "43000-47fff@5000");
	EXPECT_STR(rig_taken(&l), "43000-47fff");
	layout_deinit(&l);
}

TEST(case_c_a_region_loses_its_back)
{
	struct layout_cut cut;
	struct layout l;

	begin(&l);
	EXPECT_EQ(rig_cut(&l, 0x47000, 0x1000, LAYOUT_EXACT, &cut), LAYOUT_SHORTENED);
	EXPECT_EQ(cut.front, 0x7000);
	EXPECT_EQ(cut.back, 0);
	EXPECT_STR(rig_regions(&l), "40000-46fff@2000");
	EXPECT_STR(rig_taken(&l), "40000-46fff");
	layout_deinit(&l);
}

TEST(case_d_a_region_loses_its_middle_and_its_tail_is_a_region)
{
	struct layout_cut cut;
	struct layout l;

	begin(&l);
	EXPECT_EQ(rig_cut(&l, 0x42000, 0x3000, LAYOUT_EXACT, &cut), LAYOUT_SPLIT);
	EXPECT_EQ(cut.region.start, 0x40000);
	EXPECT_EQ(cut.region.last, 0x47fff);
	EXPECT_EQ(cut.front, 0x2000);
	EXPECT_EQ(cut.back, 0x3000);
	EXPECT_STR(rig_regions(&l), "40000-41fff@2000, 45000-47fff@7000");
	EXPECT_STR(rig_taken(&l), "40000-41fff, 45000-47fff");
	EXPECT_EQ(rig_cut(&l, 0x45000, 0x1000, LAYOUT_OVERLAP, NULL), LAYOUT_GONE);
	EXPECT_STR(rig_regions(&l), "40000-41fff@2000");
	layout_deinit(&l);
}

TEST(looking_at_a_cut_changes_nothing)
{
	struct layout_cut cut;
	struct layout l;

	begin(&l);
	EXPECT_EQ(layout_look_cut(&l, 0x42000, 0x42fff, LAYOUT_EXACT, &cut), 0);
	EXPECT_EQ(layout_look_cut(&l, 0, UINTPTR_MAX, LAYOUT_OVERLAP, &cut), 0);
	EXPECT_STR(rig_regions(&l), "40000-47fff@2000");
	EXPECT_STR(rig_taken(&l), "40000-47fff");
	layout_deinit(&l);
}

TEST(nothing_is_cut_where_only_an_area_is)
{
	struct layout_cut cut = { .code = 77 };
	struct layout l;

	begin(&l);
	EXPECT_EQ(rig_reserve(&l, 0x20000, 0x4000, 0, 0), 0x20000);
	EXPECT_EQ(layout_look_cut(&l, 0x20000, 0x3ffff, LAYOUT_OVERLAP, &cut), -ENOENT);
	EXPECT_EQ(cut.code, 77);
	layout_deinit(&l);
}

TEST(again_is_said_while_another_region_is_in_the_range)
{
	struct layout_cut cut;
	struct layout l;

	begin(&l);
	EXPECT_EQ(rig_attach(&l, 0x48000, 0x2000, 0, 0), 0x48000);
	EXPECT_EQ(rig_attach(&l, 0x4c000, 0x2000, 0, 0), 0x4c000);
	EXPECT_EQ(rig_cut(&l, 0x47000, 0x6000, LAYOUT_EXACT, &cut),
		  LAYOUT_SHORTENED | LAYOUT_AGAIN);
	EXPECT_EQ(rig_cut(&l, 0x47000, 0x6000, LAYOUT_EXACT, &cut), LAYOUT_GONE | LAYOUT_AGAIN);
	EXPECT_EQ(rig_cut(&l, 0x47000, 0x6000, LAYOUT_EXACT, &cut), LAYOUT_SHORTENED);
	EXPECT_STR(rig_regions(&l), "40000-46fff@2000, 4d000-4dfff@1000");
	layout_deinit(&l);
}

/* ---- the edges of the address space ----------------------------------------------------- */

static void whole_space(struct layout *l)
{
	layout_init(l, 0, UINTPTR_MAX, 0x1000);
}

TEST(a_layout_may_be_the_whole_address_space)
{
	struct layout l;

	whole_space(&l);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, 0, 0), 0);
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH, 12), 0x1000);
	EXPECT_EQ(rig_attach(&l, ~0UL - 0xfff, 0x1000, SEARCH, 12), (long)(~0UL - 0xfff));
	EXPECT_EQ(rig_attach(&l, ~0UL - 0xfff, 0x1000, SEARCH, 12), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, ~0UL, 0x1000, SEARCH, 12), 0x2000);
	EXPECT_EQ(rig_reserve(&l, ~0UL - 0xffff, 0x10001, SEARCH, 0), 0x3000);
	EXPECT_STR(rig_taken(&l), "0-13000, fffffffffffff000-ffffffffffffffff");
	layout_deinit(&l);
}

TEST(what_ends_with_the_address_space_is_cut_like_anything_else)
{
	struct layout_cut cut;
	struct layout l;

	whole_space(&l);
	EXPECT_EQ(rig_attach(&l, 0, 0x2000, 0, 0), 0);
	EXPECT_EQ(rig_attach(&l, ~0UL - 0x2fff, 0x3000, 0, 0), (long)(~0UL - 0x2fff));
	EXPECT_EQ(rig_reserve(&l, ~0UL, 1, 0, 0), (long)~0UL);
	EXPECT_EQ(rig_cut(&l, 0, ~0UL - 0xfff, LAYOUT_EXACT, &cut), LAYOUT_GONE | LAYOUT_AGAIN);
	EXPECT_EQ(rig_cut(&l, 0, ~0UL - 0xfff, LAYOUT_EXACT, &cut), LAYOUT_SHORTENED);
	EXPECT_STR(rig_regions(&l), "fffffffffffff000-ffffffffffffffff@2000");
	EXPECT_EQ(layout_look_cut(&l, 0, UINTPTR_MAX, LAYOUT_EXACT, &cut), 0);
	EXPECT_EQ(cut.code, LAYOUT_GONE);
	EXPECT_EQ(rig_cut(&l, ~0UL, 1, LAYOUT_EXACT, &cut), LAYOUT_GONE);
	EXPECT_STR(rig_taken(&l), "ffffffffffffffff-ffffffffffffffff");
	layout_deinit(&l);
}

TEST(the_address_0_is_the_bottom_and_not_below_it)
{
	struct layout l;

	whole_space(&l);
	l.floor = 0x70000;
	EXPECT_EQ(rig_attach(&l, 0, 0x1000, SEARCH, 12), 0x70000);
	EXPECT_EQ(rig_attach(&l, 0x123, 0x1000, SEARCH, 12), 0x1000);
	EXPECT_EQ(rig_reserve(&l, 0, 0x10, SEARCH, 0), 0x71000);
	EXPECT_EQ(rig_reserve(&l, 1, 0x10, SEARCH, 0), 1);
	layout_deinit(&l);
}

TEST(the_last_address_inside_the_limits_is_the_bottom)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0xfffff, 1, SEARCH, 0), 0x10000);
	EXPECT_EQ(rig_reserve(&l, 0xffffe, 1, SEARCH, 0), 0xffffe);
	layout_deinit(&l);
}

/* ---- in place of others ----------------------------------------------------------------- */

TEST(a_region_takes_the_place_of_those_in_its_way)
{
	struct layout_wish wish = { .start = 0x42000, .size = 0x8000, .flags = OVERMAP };
	struct layout l;

	begin(&l);
	EXPECT_EQ(rig_attach(&l, 0x49000, 0x1000, 0, 0), 0x49000);
	EXPECT_EQ(rig_attach(&l, 0x42000, 0x8000, 0, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach_wish(&l, &wish, 0x9000), 0x42000);
	EXPECT_STR(rig_regions(&l), "40000-41fff@2000, 42000-49fff@9000");
	EXPECT_STR(rig_taken(&l), "40000-49fff");
	wish = (struct layout_wish){ .start = 0x44000, .size = 0x1000, .flags = OVERMAP };
	EXPECT_EQ(rig_attach_wish(&l, &wish, 0xa000), 0x44000);
	EXPECT_STR(rig_regions(&l), "40000-41fff@2000, 42000-43fff@9000, 44000-44fff@a000, "
				    "45000-49fff@c000");
	layout_deinit(&l);
}

TEST(an_area_is_not_in_the_way_only_of_what_may_enter_it)
{
	struct layout l;

	begin(&l);
	EXPECT_EQ(rig_reserve(&l, 0x42000, 0x2000, 0, 0), 0x42000);
	EXPECT_EQ(rig_attach(&l, 0x41000, 0x2000, OVERMAP, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0x41000, 0x2000, OVERMAP | IN_AREA, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(rig_attach(&l, 0x42000, 0x2000, OVERMAP | IN_AREA, 0), 0x42000);
	EXPECT_STR(rig_regions(&l), "40000-41fff@2000, 42000-43fff, 44000-47fff@6000");
	layout_deinit(&l);
}

TEST(a_search_is_never_over_another_region)
{
	struct layout l;

	begin(&l);
	EXPECT_EQ(rig_attach(&l, 0x40000, 0x1000, OVERMAP | SEARCH, 12), 0x48000);
	layout_deinit(&l);
}

/* ---- memory ----------------------------------------------------------------------------- */

/* rig_...() check that what they do needs no memory after layout_reserve(). */

TEST(a_region_that_lay_over_many_areas_is_cut_without_memory)
{
	struct layout l;

	begin(&l);
	for (uintptr_t i = 0; i < 2000; i++)
		EXPECT_EQ(rig_reserve(&l, 0x40000 + 10 * i, 1, 0, 0), 0x40000 + 10 * i);
	EXPECT_EQ(spans_count(&l.taken), 1);
	EXPECT_EQ(rig_cut(&l, 0x41000, 0x1000, LAYOUT_EXACT, NULL), LAYOUT_SPLIT);
	EXPECT_EQ(rig_cut(&l, 0x40000, 0x8000, LAYOUT_OVERLAP, NULL),
		  LAYOUT_GONE | LAYOUT_AGAIN);
	EXPECT_EQ(rig_cut(&l, 0x40000, 0x8000, LAYOUT_OVERLAP, NULL), LAYOUT_GONE);
	EXPECT_EQ(spans_count(&l.taken), 2000);
	layout_deinit(&l);
}

TEST(an_area_that_lay_over_many_regions_is_freed_without_memory)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x10000, 0xf0000, 0, 0), 0x10000);
	for (uintptr_t at = 0x10000; at < 0x100000; at += 0x2000)
		EXPECT_EQ(rig_attach(&l, at, 0x1000, IN_AREA, 0), at);
	EXPECT_EQ(spans_count(&l.taken), 1);
	EXPECT_EQ(rig_free_area(&l, 0xfffff), 0);
	EXPECT_EQ(spans_count(&l.taken), 0x78);
	layout_deinit(&l);
}

TEST(a_region_takes_the_place_of_many_without_memory)
{
	struct layout l;

	rig_init(&l);
	for (uintptr_t at = 0x10000; at < 0x100000; at += 0x1000)
		EXPECT_EQ(rig_attach(&l, at, 0x1000, 0, 0), at);
	EXPECT_EQ(rig_attach(&l, 0x11000, 0xee000, OVERMAP, 0), 0x11000);
	EXPECT_STR(rig_regions(&l), "10000-10fff, 11000-fefff, ff000-fffff");
	layout_deinit(&l);
}

TEST(the_pairs_that_overlap_are_counted_whatever_comes_and_goes)
{
	struct layout l;

	begin(&l);
	EXPECT_EQ(l.shared, 0);
	EXPECT_EQ(rig_reserve(&l, 0x41800, 0x1000, 0, 0), 0x41800);
	EXPECT_EQ(rig_reserve(&l, 0x44800, 0x1000, 0, 0), 0x44800);
	EXPECT_EQ(rig_reserve(&l, 0x48000, 0x1000, 0, 0), 0x48000);
	EXPECT_EQ(l.shared, 2);
	EXPECT_EQ(rig_cut(&l, 0x42000, 0x1000, LAYOUT_EXACT, NULL), LAYOUT_SPLIT);
	EXPECT_EQ(l.shared, 2);
	EXPECT_EQ(rig_cut(&l, 0x45000, 0x1000, LAYOUT_EXACT, NULL), LAYOUT_SPLIT);
	EXPECT_EQ(l.shared, 2);
	EXPECT_EQ(rig_free_area(&l, 0x41800), 0);
	EXPECT_EQ(l.shared, 1);
	EXPECT_EQ(rig_cut(&l, 0x43000, 0x2000, LAYOUT_EXACT, NULL), LAYOUT_GONE);
	EXPECT_EQ(l.shared, 0);
	layout_deinit(&l);
}

#ifdef TRACT_FAULTS

TEST(an_addition_without_memory_changes_nothing)
{
	unsigned failures = 0;

	for (bool visited = true; visited;) {
		struct layout l;
		int r;

		rig_init(&l);
		fault_arm_nth(failures);
		r = layout_add_region(&l, 0x20000, 0x20fff, 0);
		visited = fault_nth_visited();
		(void)fault_arm(NULL);
		EXPECT_EQ(r, visited ? -ENOMEM : 0);
		EXPECT_STR(rig_regions(&l), visited ? "" : "20000-20fff");
		EXPECT(layout_check(&l));
		layout_deinit(&l);
		failures += visited;
	}
	/* In the set of regions, and in what is taken. */
	EXPECT_EQ(failures, 2);
}

TEST(an_area_is_freed_or_stays_where_memory_is_short)
{
	struct span area;
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(layout_add_area(&l, 0x10000, 0xfffff, 0), 0);
	for (uintptr_t at = 0x10000; at < 0x100000; at += 0x2000)
		EXPECT_EQ(layout_add_region(&l, at, at + 0xfff, 0), 0);
	EXPECT_EQ(spans_count(&l.taken), 1);
	fault_arm_nth(0);
	EXPECT_EQ(layout_free_area(&l, 0x10000, &area), -ENOMEM);
	EXPECT(fault_nth_visited());
	EXPECT_STR(rig_areas(&l), "10000-fffff");
	EXPECT_EQ(spans_count(&l.taken), 1);
	EXPECT(layout_check(&l));
	EXPECT_EQ(layout_free_area(&l, 0x10000, &area), 0);
	EXPECT_EQ(spans_count(&l.taken), 0x78);
	EXPECT(layout_check(&l));
	layout_deinit(&l);
}

TEST(a_reserve_without_memory_says_so)
{
	unsigned failures = 0;

	for (bool visited = true; visited;) {
		struct layout l;
		int r;

		rig_init(&l);
		fault_arm_nth(failures);
		r = layout_reserve(&l);
		visited = fault_nth_visited();
		(void)fault_arm(NULL);
		EXPECT_EQ(r, visited ? -ENOMEM : 0);
		EXPECT(layout_check(&l));
		layout_deinit(&l);
		failures += visited;
	}
	/* For each of the sets. */
	EXPECT(failures >= 3);
}

#endif

/* As a map does that then finds that it cannot have the area: with no memory left, and after a
 * cut that took more than the area's bytes. */
TEST(an_area_that_was_to_be_is_taken_back_without_memory)
{
	struct layout l;

	rig_init(&l);
	for (uintptr_t at = 0x20000; at < 0xa0000; at += 0x2000) {
		struct layout_cut cut;

		EXPECT_EQ(rig_attach(&l, at, 0x1000, 0, 0), (long)at);
		EXPECT_EQ(layout_reserve_area(&l, 0x1f800, at + 0x800), 0);
		EXPECT_EQ(fault_arm("spans.pool.alloc=e12@*"), 0);
		EXPECT_EQ(layout_add_area(&l, 0x1f800, at + 0x800, 0), 0);
		EXPECT_EQ(layout_look_cut(&l, at, at + 0xfff, LAYOUT_EXACT, &cut), 0);
		layout_do_cut(&l, &cut, 0);
		layout_undo_area(&l, 0x20000);
		EXPECT(layout_check(&l));
		EXPECT_STR(rig_areas(&l), "");
		EXPECT_EQ(fault_arm(NULL), 0);
		EXPECT_EQ(rig_attach(&l, at, 0x1000, 0, 0), (long)at);
	}
	layout_deinit(&l);
}

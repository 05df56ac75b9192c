/* SPDX-License-Identifier: MIT */
/*
 * test_layout_examples.c - the worked examples of L4Re's region map, line by line
 *
 * A test plays the lines before its own, and says what its own must answer.
 */
#include <errno.h>

#include "map/rig_layout.h"
#include "test.h"

enum kind { ATTACH, RESERVE, FIND, FREE };

struct line {
	enum kind kind;
	uintptr_t start;
	uintptr_t size;
	unsigned flags;
	unsigned align;
};

static const struct line searching_and_areas[] = {
	/* 1 */ { ATTACH, 0, 0x3000, SEARCH, 12 },
	/* 2 */ { ATTACH, 0, 0x1000, SEARCH, 12 },
	/* 3 */ { ATTACH, 0x20800, 0x1801, 0, 12 },
	/* 4 */ { ATTACH, 0, 0x1000, SEARCH, 16 },
	/* 5 */ { ATTACH, 0x21000, 0x1000, 0, 12 },
	/* 6 */ { ATTACH, 0x13fff, 1, 0, 12 },
	/* 7 */ { ATTACH, 0x9000, 0x1000, 0, 12 },
	/* 8 */ { ATTACH, 0x50000, 0, 0, 12 },
	/* 9 */ { RESERVE, 0x14000, 0x8000, 0, 12 },
	/* 10 */ { ATTACH, 0, 0x4000, SEARCH, 12 },
	/* 11 */ { ATTACH, 0x15000, 0x1000, 0, 12 },
	/* 12 */ { ATTACH, 0x15000, 0x1000, IN_AREA, 12 },
	/* 13 */ { ATTACH, 0x1b000, 0x2000, IN_AREA, 12 },
	/* 14 */ { ATTACH, 0x14000, 0x2000, SEARCH | IN_AREA, 12 },
	/* 15 */ { ATTACH, 0x15000, 0x5000, SEARCH | IN_AREA, 12 },
	/* 16 */ { ATTACH, 0xe0000, 0x1000, IN_AREA, 12 },
	/* 17 */ { FIND, 0x14000, 1, 0, 0 },
	/* 18 */ { FIND, 0x15010, 1, 0, 0 },
	/* 19 */ { FIND, 0xf0000, 1, 0, 0 },
	/* 20 */ { FREE, 0x1bfff, 0, 0, 0 },
	/* 21 */ { FREE, 0x1bfff, 0, 0, 0 },
	/* 22 */ { RESERVE, 0x40010, 0x1000, 0, 12 },
	/* 23 */ { RESERVE, 0x40000, 0x10, 0, 12 },
	/* 24 */ { RESERVE, 0x4100f, 1, 0, 12 },
	/* 25 */ { ATTACH, 0x41000, 0x1000, 0, 12 },
};

/* The whole lookup: a region, or else an area. */
static bool find(const struct layout *l, uintptr_t addr, struct span *ret_span, bool *ret_area)
{
	if (layout_find_region(l, addr, addr, ret_span)) {
		*ret_area = false;
		return true;
	}
	*ret_area = true;
	return layout_find_area(l, addr, addr, ret_span);
}

static long play(struct layout *l, const struct line *line)
{
	struct span span;
	bool area;

	switch (line->kind) {
	case ATTACH:
		return rig_attach(l, line->start, line->size, line->flags, line->align);
	case RESERVE:
		return rig_reserve(l, line->start, line->size, line->flags, line->align);
	case FREE:
		return rig_free_area(l, line->start);
	default:
		return find(l, line->start, &span, &area) ? (long)span.start : -ENOENT;
	}
}

/* What line @n answers after those before it. */
static long answer(struct layout *l, unsigned n)
{
	long r = 0;

	rig_init(l);
	for (unsigned i = 0; i < n; i++)
		r = play(l, &searching_and_areas[i]);
	return r;
}

static long line(unsigned n)
{
	struct layout l;
	long r = answer(&l, n);

	layout_deinit(&l);
	return r;
}

/* ---- 16.1: search and rounding ---------------------------------------------------------- */

TEST(line_1_the_first_search_finds_the_bottom)
{
	EXPECT_EQ(line(1), 0x10000);
}

TEST(line_2_the_next_search_finds_what_is_directly_behind)
{
	EXPECT_EQ(line(2), 0x13000);
}

TEST(line_3_a_start_is_rounded_down_and_a_size_up)
{
	struct layout l;

	EXPECT_EQ(answer(&l, 3), 0x20000);
	EXPECT_STR(rig_regions(&l), "10000-12fff, 13000-13fff, 20000-21fff");
	layout_deinit(&l);
}

TEST(line_4_a_search_finds_the_next_multiple_of_its_alignment)
{
	EXPECT_EQ(line(4), 0x30000);
}

TEST(line_5_a_region_is_not_placed_over_another)
{
	EXPECT_EQ(line(5), -EADDRNOTAVAIL);
}

TEST(line_6_one_byte_in_a_page_of_a_region_is_taken)
{
	EXPECT_EQ(line(6), -EADDRNOTAVAIL);
}

TEST(line_7_no_region_is_placed_below_the_limits)
{
	EXPECT_EQ(line(7), -EADDRNOTAVAIL);
}

TEST(line_8_no_bytes_are_no_region)
{
	EXPECT_EQ(line(8), -EINVAL);
}

/* ---- 16.2: areas ------------------------------------------------------------------------ */

TEST(line_9_an_area_is_where_it_was_asked_for)
{
	struct layout l;

	EXPECT_EQ(answer(&l, 9), 0x14000);
	EXPECT_STR(rig_areas(&l), "14000-1bfff");
	layout_deinit(&l);
}

TEST(line_10_a_search_finds_a_gap_that_fits_exactly)
{
	EXPECT_EQ(line(10), 0x1c000);
}

TEST(line_11_an_area_keeps_a_region_out_that_did_not_ask_for_it)
{
	EXPECT_EQ(line(11), -EADDRNOTAVAIL);
}

TEST(line_12_a_region_that_asked_for_it_enters_an_area)
{
	EXPECT_EQ(line(12), 0x15000);
}

TEST(line_13_a_region_does_not_stick_out_of_its_area)
{
	EXPECT_EQ(line(13), -EADDRNOTAVAIL);
}

TEST(line_14_a_search_in_an_area_passes_over_what_is_too_small)
{
	EXPECT_EQ(line(14), 0x16000);
}

TEST(line_15_a_search_in_an_area_ends_with_it)
{
	EXPECT_EQ(line(15), -EADDRNOTAVAIL);
}

TEST(line_16_where_no_area_is_none_can_be_entered)
{
	EXPECT_EQ(line(16), -ENOENT);
}

TEST(line_17_an_area_is_found_whole)
{
	struct layout l;
	struct span span;
	bool area;

	EXPECT_EQ(answer(&l, 17), 0x14000);
	EXPECT(find(&l, 0x14000, &span, &area) && area);
	EXPECT_EQ(span.last, 0x1bfff);
	EXPECT_EQ(span.value, 0);
	layout_deinit(&l);
}

TEST(line_18_a_region_in_an_area_is_found_as_a_region)
{
	struct layout l;
	struct span span;
	bool area;

	EXPECT_EQ(answer(&l, 18), 0x15000);
	EXPECT(find(&l, 0x15010, &span, &area) && !area);
	EXPECT_EQ(span.last, 0x15fff);
	EXPECT_EQ(span.value, 0);
	layout_deinit(&l);
}

TEST(line_19_where_nothing_is_nothing_is_found)
{
	EXPECT_EQ(line(19), -ENOENT);
}

TEST(line_20_an_area_is_freed_by_its_last_byte_and_its_regions_stay)
{
	struct layout l;

	EXPECT_EQ(answer(&l, 20), 0);
	EXPECT_STR(rig_areas(&l), "");
	EXPECT_STR(rig_regions(&l), "10000-12fff, 13000-13fff, 15000-15fff, 16000-17fff, "
				    "1c000-1ffff, 20000-21fff, 30000-30fff");
	EXPECT_STR(rig_taken(&l), "10000-13fff, 15000-17fff, 1c000-21fff, 30000-30fff");
	layout_deinit(&l);
}

TEST(line_21_an_area_is_freed_once)
{
	EXPECT_EQ(line(21), -ENOENT);
}

TEST(line_22_an_area_begins_and_ends_at_any_byte)
{
	struct layout l;

	EXPECT_EQ(answer(&l, 22), 0x40010);
	EXPECT_STR(rig_areas(&l), "40010-4100f");
	layout_deinit(&l);
}

TEST(line_23_an_area_ends_a_byte_before_the_next)
{
	EXPECT_EQ(line(23), 0x40000);
}

TEST(line_24_the_last_byte_of_an_area_is_in_it)
{
	EXPECT_EQ(line(24), -EADDRNOTAVAIL);
}

TEST(line_25_a_region_touches_an_area_with_a_few_bytes_of_a_page)
{
	EXPECT_EQ(line(25), -EADDRNOTAVAIL);
}

/* ---- 16.3: overlapping areas ------------------------------------------------------------ */

static long second_area(uintptr_t start, uintptr_t size)
{
	struct layout l;
	long r;

	rig_init(&l);
	EXPECT_EQ(rig_reserve(&l, 0x50000, 0xa000, 0, 12), 0x50000);
	r = rig_reserve(&l, start, size, 0, 12);
	layout_deinit(&l);
	return r;
}

TEST(an_area_does_not_equal_another)
{
	EXPECT_EQ(second_area(0x50000, 0xa000), -EADDRNOTAVAIL);
}

TEST(an_area_does_not_lie_in_another)
{
	EXPECT_EQ(second_area(0x51000, 0x1000), -EADDRNOTAVAIL);
}

TEST(an_area_does_not_reach_into_another_from_below)
{
	EXPECT_EQ(second_area(0x4f000, 0x2000), -EADDRNOTAVAIL);
}

TEST(an_area_does_not_cover_another)
{
	EXPECT_EQ(second_area(0x4f000, 0xb000), -EADDRNOTAVAIL);
}

TEST(an_area_does_not_reach_into_another_from_above)
{
	EXPECT_EQ(second_area(0x59000, 0x2000), -EADDRNOTAVAIL);
}

TEST(an_area_follows_another_directly)
{
	EXPECT_EQ(second_area(0x5a000, 0x1000), 0x5a000);
}

/* ---- 16.4: the end of the space --------------------------------------------------------- */

static const struct line at_the_end[] = {
	/* 1 */ { ATTACH, 0xff000, 0x2000, SEARCH, 12 },
	/* 2 */ { ATTACH, 0xff000, 0x1000, SEARCH, 12 },
	/* 3 */ { ATTACH, 0xff000, 0x1000, SEARCH, 12 },
	/* 4 */ { ATTACH, 0x200000, 0x1000, SEARCH, 12 },
	/* 5 */ { ATTACH, ~0UL, 0x1000, SEARCH, 12 },
	/* 6 */ { ATTACH, 0, 0xf0000 + 0x1000, SEARCH, 12 },
};

static long end_line(unsigned n)
{
	struct layout l;
	long r = 0;

	rig_init(&l);
	for (unsigned i = 0; i < n; i++)
		r = play(&l, &at_the_end[i]);
	layout_deinit(&l);
	return r;
}

TEST(end_line_1_a_search_for_a_region_does_not_start_over)
{
	EXPECT_EQ(end_line(1), -EADDRNOTAVAIL);
}

TEST(end_line_2_a_search_finds_the_last_page)
{
	EXPECT_EQ(end_line(2), 0xff000);
}

TEST(end_line_3_the_last_page_is_found_once)
{
	EXPECT_EQ(end_line(3), -EADDRNOTAVAIL);
}

TEST(end_line_4_a_start_outside_the_limits_is_the_bottom)
{
	EXPECT_EQ(end_line(4), 0x10000);
}

TEST(end_line_5_the_highest_address_is_the_bottom)
{
	EXPECT_EQ(end_line(5), 0x11000);
}

TEST(end_line_6_what_is_larger_than_the_space_is_not_found)
{
	EXPECT_EQ(end_line(6), -EADDRNOTAVAIL);
}

TEST(what_is_as_large_as_the_space_is_found_in_an_empty_one)
{
	struct layout l;

	rig_init(&l);
	EXPECT_EQ(rig_attach(&l, 0, 0xf0000, SEARCH, 12), 0x10000);
	EXPECT_EQ(rig_attach(&l, 0, 1, SEARCH, 12), -EADDRNOTAVAIL);
	layout_deinit(&l);
}

/* ---- 16.5: cutting ---------------------------------------------------------------------- */

static const struct {
	uintptr_t start;
	uintptr_t size;
} cuts[] = {
	/* 1 */ { 0x42000, 0x3000 },  /* 2 */ { 0x3f000, 0x2000 },
	/* 3 */ { 0x40000, 0x10000 }, /* 4 */ { 0x40000, 0x10000 },
	/* 5 */ { 0x40000, 0x10000 },
};

static void begin_cut(struct layout *l)
{
	struct layout_wish wish = { .start = 0x40000, .size = 0x8000 };

	rig_init(l);
	EXPECT_EQ(rig_attach_wish(l, &wish, 0x2000), 0x40000);
}

static int cut_line(struct layout *l, unsigned n, struct layout_cut *ret_cut)
{
	int r = 0;

	begin_cut(l);
	for (unsigned i = 0; i < n; i++)
		r = rig_cut(l, cuts[i].start, cuts[i].size, LAYOUT_EXACT, ret_cut);
	return r;
}

TEST(cut_line_1_the_middle_goes_and_both_ends_stay)
{
	struct layout_cut cut;
	struct layout l;

	EXPECT_EQ(cut_line(&l, 1, &cut), LAYOUT_SPLIT);
	EXPECT_EQ(cut.first, 0x42000);
	EXPECT_EQ(cut.last, 0x44fff);
	EXPECT_STR(rig_regions(&l), "40000-41fff@2000, 45000-47fff@7000");
	layout_deinit(&l);
}

TEST(cut_line_2_the_front_goes)
{
	struct layout_cut cut;
	struct layout l;

	EXPECT_EQ(cut_line(&l, 2, &cut), LAYOUT_SHORTENED);
	EXPECT_EQ(cut.first, 0x40000);
	EXPECT_EQ(cut.last, 0x40fff);
	EXPECT_STR(rig_regions(&l), "41000-41fff@3000, 45000-47fff@7000");
	layout_deinit(&l);
}

TEST(cut_line_3_the_lowest_region_goes_and_another_is_there)
{
	struct layout_cut cut;
	struct layout l;

	EXPECT_EQ(cut_line(&l, 3, &cut), LAYOUT_GONE | LAYOUT_AGAIN);
	EXPECT_EQ(cut.first, 0x41000);
	EXPECT_EQ(cut.last, 0x41fff);
	EXPECT_STR(rig_regions(&l), "45000-47fff@7000");
	layout_deinit(&l);
}

TEST(cut_line_4_the_same_again_takes_the_last_one)
{
	struct layout_cut cut;
	struct layout l;

	EXPECT_EQ(cut_line(&l, 4, &cut), LAYOUT_GONE);
	EXPECT_EQ(cut.first, 0x45000);
	EXPECT_EQ(cut.last, 0x47fff);
	EXPECT_STR(rig_regions(&l), "");
	EXPECT_STR(rig_taken(&l), "");
	layout_deinit(&l);
}

TEST(cut_line_5_the_same_again_finds_nothing)
{
	struct layout_cut cut;
	struct layout l;

	EXPECT_EQ(cut_line(&l, 5, &cut), -ENOENT);
	layout_deinit(&l);
}

TEST(the_back_of_a_region_goes)
{
	struct layout_cut cut;
	struct layout l;

	begin_cut(&l);
	EXPECT_EQ(rig_cut(&l, 0x46000, 0x4000, LAYOUT_EXACT, &cut), LAYOUT_SHORTENED);
	EXPECT_EQ(cut.first, 0x46000);
	EXPECT_EQ(cut.last, 0x47fff);
	EXPECT_STR(rig_regions(&l), "40000-45fff@2000");
	layout_deinit(&l);
}

TEST(detaching_by_any_byte_takes_the_whole_region)
{
	struct layout_cut cut;
	struct layout l;

	begin_cut(&l);
	EXPECT_EQ(layout_look_cut(&l, 0x43abc, 0x43abc, LAYOUT_OVERLAP, &cut), 0);
	EXPECT_EQ(cut.code, LAYOUT_GONE);
	EXPECT_EQ(cut.first, 0x40000);
	EXPECT_EQ(cut.last, 0x47fff);
	EXPECT_EQ(layout_reserve(&l), 0);
	layout_do_cut(&l, &cut, 0);
	EXPECT_STR(rig_regions(&l), "");
	EXPECT(layout_check(&l));
	layout_deinit(&l);
}

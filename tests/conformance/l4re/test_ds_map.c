/* SPDX-License-Identifier: MIT */
/*
 * test_ds_map.c - l4re_ds_map() and l4re_ds_map_region()
 */
#include "rig.h"

/* An area with @pages pages, and a page before it and behind it that are in it as well. */
static l4_addr_t area_of(unsigned long pages)
{
	l4_addr_t at = room(pages);

	EXPECT_EQ(reserve_at(at - PAGE, (pages + 2) * PAGE, 0), 0);
	return at;
}

/* Takes the pages away and ends the area. */
static void area_done(l4_addr_t at, unsigned long pages)
{
	unmap(at, pages, L4_FPAGE_RWX);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
}

/* The page at @at shows a page of a marked dataspace, or nothing. */
static bool is_nothing_or(l4_addr_t at, unsigned page)
{
	return probe(at, READ).signal != 0 || is_filled(at, PAGE, MARK(page));
}

/* 7.3, 6 */
TEST(a_page_appears_where_it_is_asked_for)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = area_of(3);

	EXPECT_EQ(l4re_ds_map(ds, PAGE, DS_RW, at + PAGE, at + PAGE, at + 2 * PAGE), 0);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	BYTE(at + PAGE) = 99;
	EXPECT_EQ(ds_byte(ds, PAGE), 99);
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at + 2 * PAGE, READ);
	EXPECT_AREA(at + PAGE, at - PAGE, 5 * PAGE, 0);
	area_done(at, 3);
	slot_drop(ds);
}

/* 7.3 */
TEST(a_fresh_dataspace_shows_zeros_within_the_window_and_nothing_outside)
{
	l4re_ds_t ds = ds_new(3 * PAGE);
	l4_addr_t at = area_of(3);

	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, at, at, at + 3 * PAGE), 0);
	EXPECT(is_filled(at, PAGE, 0));
	EXPECT_WORKS(at, WRITE);
	EXPECT_FAULTS(at - 1, READ);
	EXPECT_FAULTS(at + 3 * PAGE, READ);
	area_done(at, 3);
	slot_drop(ds);
}

/* 7.3 */
TEST(more_than_the_page_may_appear_if_it_matches)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = area_of(4);

	EXPECT_EQ(l4re_ds_map(ds, PAGE, DS_RO, at + PAGE, at, at + 4 * PAGE), 0);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	EXPECT(is_nothing_or(at, 0));
	EXPECT(is_nothing_or(at + 2 * PAGE, 2));
	EXPECT_FAULTS(at + 3 * PAGE, READ);
	EXPECT_FAULTS(at - PAGE, READ);
	area_done(at, 4);
	slot_drop(ds);
}

/* 7.3 */
TEST(a_window_that_is_none_shows_one_page)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = area_of(3);
	const l4_addr_t windows[][2] = { { at + 3 * PAGE, at },	   /* upside down */
					 { at + PAGE, at + PAGE }, /* empty */
					 { at, at + PAGE },	   /* elsewhere */
					 { at + 2 * PAGE, at + 3 * PAGE } };

	for (unsigned n = 0; n < 4; n++) {
		EXPECT_EQ(l4re_ds_map(ds, PAGE + 100, DS_RO, at + PAGE, windows[n][0],
				      windows[n][1]),
			  0);
		EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
		EXPECT_FAULTS(at, READ);
		EXPECT_FAULTS(at + 2 * PAGE, READ);
	}
	area_done(at, 3);
	slot_drop(ds);
}

/* 7.3, 4.4 */
TEST(offset_and_address_are_rounded_down)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = area_of(3);

	EXPECT_EQ(l4re_ds_map(ds, 3 * PAGE - 1, DS_RO, at + PAGE + 0x777, at + PAGE + 0x777,
			      at + PAGE + 0x778),
		  0);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(2)));
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at + 2 * PAGE, READ);
	area_done(at, 3);
	slot_drop(ds);
}

/* 7.3 */
TEST(what_was_mapped_there_is_replaced)
{
	l4re_ds_t ds = ds_marked(2), other = ds_new(PAGE);
	l4_addr_t at = area_of(1);

	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, at, at, at), 0);
	EXPECT_EQ(l4re_ds_map(ds, PAGE, DS_RW, at, at, at), 0);
	EXPECT(is_filled(at, PAGE, MARK(1)));
	EXPECT_EQ(l4re_ds_map(other, 0, DS_RW, at, at, at), 0);
	EXPECT(is_filled(at, PAGE, 0));
	BYTE(at) = 1;
	EXPECT_EQ(ds_byte(ds, PAGE), MARK(1));
	area_done(at, 1);
	slot_drop(ds);
	slot_drop(other);
}

/* 7.3 */
TEST(a_page_mapped_for_reading_cannot_be_written)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = area_of(2);

	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RO, at, at, at), 0);
	EXPECT_FAULTS(at, WRITE);
	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, at, at, at), 0);
	EXPECT_WORKS(at, WRITE);
	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RO, at, at, at), 0);
	EXPECT_FAULTS(at, WRITE);
	EXPECT_EQ(l4re_ds_map(alias, 0, DS_RO, at + PAGE, at + PAGE, at + PAGE), 0);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(0)));
	EXPECT_FAULTS(at + PAGE, WRITE);
	area_done(at, 2);
	slot_drop(alias);
	slot_drop(ds);
}

/* 7.3, 16.7 */
TEST(what_cannot_be_written_is_not_mapped_for_writing)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = area_of(1);

	EXPECT_EQ(l4re_ds_map(alias, 0, DS_RW, at, at, at + PAGE), -L4_EPERM);
	EXPECT_EQ(l4re_ds_map_region(alias, 0, DS_RW, at, at + PAGE), -L4_EPERM);
	EXPECT_FAULTS(at, READ);
	area_done(at, 1);
	slot_drop(alias);
	slot_drop(ds);
}

/* 7.1 */
TEST(cache_attributes_change_nothing)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = area_of(1);

	for (unsigned cache = 0x10; cache <= 0x20; cache += 0x10) {
		EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW | cache, at, at, at), 0);
		EXPECT(is_filled(at, PAGE, MARK(0)));
		EXPECT_WORKS(at, WRITE);
	}
	area_done(at, 1);
	slot_drop(ds);
}

/* 7.3 */
TEST(every_page_of_dataspaces_of_odd_sizes_can_be_mapped)
{
	unsigned long size, end;
	l4_addr_t at, o;
	l4re_ds_t ds;

	FOR_EACH_SIZE(size)
	{
		ds = ds_new(size);
		end = l4_round_page(size);
		at = area_of(1);
		for (o = 0; o < end; o += o + 7 * PAGE < end ? 7 * PAGE : PAGE) {
			EXPECT_EQ(l4re_ds_map(ds, o, DS_RW, at, at, at), 0);
			EXPECT(is_filled(at, PAGE, 0));
			WORD(at) = o + 1;
			WORD(at + PAGE - sizeof(o)) = o;
		}
		EXPECT_EQ(l4re_ds_map(ds, end - 1, DS_RW, at, at, at), 0);
		EXPECT_EQ(WORD(at), end - PAGE + 1);
		EXPECT_EQ(l4re_ds_map(ds, end, DS_RO, at, at, at), -L4_ERANGE);
		EXPECT_EQ(l4re_ds_map(ds, end + 2, DS_RO, at, at, at + PAGE), -L4_ERANGE);
		EXPECT_EQ(l4re_ds_map(ds, ~0UL, DS_RO, at, at, at), -L4_ERANGE);
		EXPECT_EQ(WORD(at), end - PAGE + 1);
		area_done(at, 1);
		slot_drop(ds);
	}
}

/* 7.3 */
TEST(a_mapping_lives_until_its_page_is_unmapped)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = area_of(1);

	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, at, at, at), 0);
	unmap(at, 1, L4_FPAGE_RWX);
	EXPECT_FAULTS(at, READ);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, at, at, at), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	area_done(at, 1);
	slot_drop(ds);
}

/* 7.3 */
TEST(a_mapping_lives_until_something_is_attached_over_it)
{
	l4re_ds_t ds = ds_marked(2), other = ds_new(PAGE);
	l4_addr_t at = area_of(1);

	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, at, at, at), 0);
	EXPECT_EQ(attach_at(at, PAGE, RW | IN_AREA, other, 0), 0);
	EXPECT(is_filled(at, PAGE, 0));
	EXPECT_RECORD(at, at, PAGE, 0, RW, other);
	detach(at);
	EXPECT_FAULTS(at, READ);
	area_done(at, 1);
	slot_drop(ds);
	slot_drop(other);
}

/* 7.3, 10.2 */
TEST(a_mapping_lives_until_the_dataspace_is_deleted)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = area_of(1);

	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, at, at, at), 0);
	EXPECT(l4_error(l4_task_delete_obj(L4_BASE_TASK_CAP, ds)) >= 0);
	EXPECT_FAULTS(at, READ);
	area_done(at, 1);
	slot_drop(ds);
}

/* 7.3 */
TEST(a_page_mapped_into_a_region_hides_the_regions_own_until_unmapped)
{
	l4re_ds_t ds = ds_marked(3), other = ds_new(PAGE);
	l4_addr_t at = attach(ds, 3 * PAGE, RW);

	EXPECT_EQ(l4re_ds_map(other, 0, DS_RW, at + PAGE, at + PAGE, at + PAGE), 0);
	EXPECT(is_filled(at + PAGE, PAGE, 0));
	BYTE(at + PAGE) = 7;
	EXPECT_EQ(ds_byte(other, 0), 7);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT(is_filled(at + 2 * PAGE, PAGE, MARK(2)));
	EXPECT_RECORD(at + PAGE, at, 3 * PAGE, 0, RW, ds);
	unmap(at + PAGE, 1, L4_FPAGE_RWX);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	detach(at);
	EXPECT_FAULTS(at + PAGE, READ);
	slot_drop(ds);
	slot_drop(other);
}

/* 7.3 */
TEST(mapping_what_a_region_shows_anyway_has_no_effect)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = attach(ds, 2 * PAGE, RW);

	BYTE(at) = 44;
	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, at, at, at + 2 * PAGE), 0);
	EXPECT_EQ(BYTE(at), 44);
	EXPECT(is_filled(at + 1, PAGE - 1, MARK(0)));
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW, ds);
	EXPECT_WORKS(at, WRITE);
	/* What the region shows comes back with the next access. */
	unmap(at, 2, L4_FPAGE_W);
	EXPECT_WORKS(at, WRITE);
	detach(at);
	EXPECT_FAULTS(at, READ);
	slot_drop(ds);
}

/* ---- l4re_ds_map_region() ---- */

/* 7.4, 16.7 */
TEST(a_window_is_mapped_completely)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = area_of(3);

	EXPECT_EQ(l4re_ds_map_region(ds, 0, DS_RW, at, at + 3 * PAGE), 0);
	for (unsigned page = 0; page < 3; page++)
		EXPECT(is_filled(at + page * PAGE, PAGE, MARK(page)));
	EXPECT_WORKS(at + 3 * PAGE - 1, WRITE);
	EXPECT_FAULTS(at - PAGE, READ);
	EXPECT_FAULTS(at + 3 * PAGE, READ);
	area_done(at, 3);
	slot_drop(ds);
}

/* 7.4, 4.4 */
TEST(a_window_of_bytes_is_widened_to_pages)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = area_of(4);

	EXPECT_EQ(l4re_ds_map_region(ds, PAGE + 0x123, DS_RO, at + PAGE + 5, at + 2 * PAGE + 1),
		  0);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	EXPECT(is_filled(at + 2 * PAGE, PAGE, MARK(2)));
	EXPECT_FAULTS(at + PAGE, WRITE);
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at + 3 * PAGE, READ);
	area_done(at, 4);
	slot_drop(ds);
}

/* 7.4, 16.7 */
TEST(a_window_that_is_none_maps_nothing)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = area_of(3);

	EXPECT_EQ(l4re_ds_map_region(ds, 0, DS_RW, at, at), 0);
	EXPECT_EQ(l4re_ds_map_region(ds, 0, DS_RW, at + 3 * PAGE, at), 0);
	EXPECT_EQ(l4re_ds_map_region(ds, 0, DS_RW, at, IF_MODERN((l4_uint64_t)~0ULL, ~0UL)), 0);
	for (unsigned page = 0; page < 3; page++)
		EXPECT_FAULTS(at + page * PAGE, READ);
	area_done(at, 3);
	slot_drop(ds);
}

/* 7.4, 16.7 */
TEST(a_window_past_the_end_is_refused_and_nothing_outside_of_it_touched)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = area_of(5);

	EXPECT_EQ(l4re_ds_map_region(ds, 0, DS_RW, at, at + 4 * PAGE), -L4_ERANGE);
	for (unsigned page = 0; page < 3; page++)
		EXPECT(is_nothing_or(at + page * PAGE, page));
	EXPECT_FAULTS(at + 3 * PAGE, READ);
	EXPECT_FAULTS(at + 4 * PAGE, READ);
	EXPECT_FAULTS(at - PAGE, READ);
	EXPECT_EQ(l4re_ds_map_region(ds, 3 * PAGE, DS_RO, at, at + PAGE), -L4_ERANGE);
	EXPECT_EQ(l4re_ds_map_region(ds, ~0UL, DS_RO, at, at + PAGE), -L4_ERANGE);
	area_done(at, 5);
	slot_drop(ds);
}

/* 7.4 */
TEST(dataspaces_of_odd_sizes_are_mapped_as_a_whole)
{
	unsigned long size, end;
	l4re_ds_t ds;
	l4_addr_t at;

	FOR_EACH_SIZE(size)
	{
		ds = ds_new(size);
		end = l4_round_page(size);
		at = area_of(end / PAGE + 1);
		EXPECT_EQ(l4re_ds_map_region(ds, 0, DS_RW, at, at + size), 0);
		for (l4_addr_t o = 0; o < end; o += PAGE)
			WORD(at + o) = o + 1;
		BYTE(at + end - 1) = 9;
		EXPECT_FAULTS(at + end, READ);
		EXPECT_EQ(ds_byte(ds, end - 1), 9);
		EXPECT_EQ(l4re_ds_map_region(ds, 0, DS_RW, at, at + end + 1), -L4_ERANGE);
		area_done(at, end / PAGE + 1);
		slot_drop(ds);
	}
}

/* 7.4, 5.8 */
TEST(a_window_over_regions_hides_them_until_unmapped)
{
	l4re_ds_t ds = ds_marked(2), other = ds_new(2 * PAGE);
	l4_addr_t at = attach(ds, 2 * PAGE, RW);

	EXPECT_EQ(l4re_ds_map_region(other, 0, DS_RO, at, at + 2 * PAGE), 0);
	EXPECT(is_filled(at, 2 * PAGE, 0));
	unmap(at, 1, L4_FPAGE_RWX);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT(is_filled(at + PAGE, PAGE, 0));
	detach(at);
	EXPECT_FAULTS(at + PAGE, READ);
	slot_drop(ds);
	slot_drop(other);
}

#ifdef L4RE_MODERN
/* 7.3 */
TEST(a_modern_page_can_be_asked_for_to_be_executed)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = area_of(1);
	int r = l4re_ds_map(ds, 0, L4RE_DS_F_RX, at, at, at);

	/* The host may forbid to execute what a dataspace is made of. */
	EXPECT(r == 0 || r == -L4_EPERM);
	if (r == 0) {
		EXPECT(is_filled(at, PAGE, MARK(0)));
		EXPECT_FAULTS(at, WRITE);
	}
	area_done(at, 1);
	slot_drop(ds);
}

/* 7.2 */
TEST(a_dataspace_may_be_shown_anywhere)
{
	l4_addr_t first = 5, last = 6;
	l4re_ds_t ds = ds_new(PAGE);

	EXPECT_EQ(l4re_ds_map_info(ds, &first, &last), 0);
	EXPECT_EQ(first, 5);
	EXPECT_EQ(last, 6);
	slot_drop(ds);
}
#endif

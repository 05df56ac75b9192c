/* SPDX-License-Identifier: MIT */
/*
 * test_reserve_area.c - l4re_rm_reserve_area() and l4re_rm_free_area()
 */
#include "rig.h"

#include <sys/mman.h>

static void release(l4_addr_t at)
{
	EXPECT_EQ(l4re_rm_free_area(at), 0);
}

/* 5.1 */
TEST(an_area_is_exactly_what_was_asked_for)
{
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at + 0x10, PAGE, 0), 0);
	EXPECT_AREA(at + 0x10, at + 0x10, PAGE, 0);
	EXPECT_AREA(at + PAGE + 0xf, at + 0x10, PAGE, 0);
	EXPECT_FREE(at + 0xf);
	EXPECT_FREE(at + PAGE + 0x10);
	release(at + 0x10);
}

/* 5.1 */
TEST(an_area_may_have_any_number_of_bytes)
{
	static const unsigned long sizes[] = { 1, 10, 4095, 4096, 4097, 1UL << 30 };
	l4_addr_t at;

	for (unsigned n = 0; n < sizeof(sizes) / sizeof(*sizes); n++) {
		at = 0;
		EXPECT_EQ(reserve_from(&at, sizes[n], 0, L4_PAGESHIFT), 0);
		EXPECT_AREA(at, at, sizes[n], 0);
		release(at);
		EXPECT_FREE(at);
	}
}

/* 5.1 */
TEST(setting_aside_much_more_than_there_is_memory_is_fine)
{
	l4_addr_t at = 0;

	EXPECT_EQ(reserve_from(&at, TEST_VAST, 0, L4_SUPERPAGESHIFT), 0);
	EXPECT_EQ(at % L4_SUPERPAGESIZE, 0);
	EXPECT_AREA(at + TEST_VAST - 1, at, TEST_VAST, 0);
	EXPECT_FAULTS(at + TEST_VAST / 2, READ);
	release(at);
}

/* 5.1 */
TEST(areas_may_touch_and_not_overlap)
{
	l4_addr_t at = room(16);

	EXPECT_EQ(reserve_at(at, 10 * PAGE, 0), 0);
	EXPECT_EQ(reserve_at(at, 10 * PAGE, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at + PAGE, PAGE, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at - PAGE, 2 * PAGE, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at - PAGE, 11 * PAGE + 1, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at + 9 * PAGE, 2 * PAGE, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at + 10 * PAGE - 1, 1, RESERVED), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at - PAGE, PAGE + 1, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at + 10 * PAGE, PAGE, 0), 0);
	EXPECT_EQ(reserve_at(at - 1, 1, 0), 0);
	EXPECT_AREA(at, at, 10 * PAGE, 0);
	release(at);
	release(at + 10 * PAGE);
	release(at - 1);
}

/* 5.1, 1.3 */
TEST(an_area_may_lie_over_regions)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(4);

	EXPECT_EQ(attach_at(at + PAGE, 2 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(0)));
	BYTE(at + 2 * PAGE) = 9;
	EXPECT_RECORD(at + PAGE, at + PAGE, 2 * PAGE, 0, RW, ds);
	EXPECT_AREA(at, at, 4 * PAGE, 0);
	EXPECT_AREA(at + 3 * PAGE, at, 4 * PAGE, 0);
	release(at);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(0)));
	EXPECT_EQ(BYTE(at + 2 * PAGE), 9);
	detach(at + PAGE);
	slot_drop(ds);
}

/* 1.3, 5.3.2 */
TEST(a_fixed_region_stays_off_areas)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(8);

	EXPECT_EQ(reserve_at(at + PAGE + 0x10, 0x10, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, 3 * PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(attach_at(at + 2 * PAGE, PAGE, RW, ds, 0), 0);
	detach(at);
	detach(at + 2 * PAGE);
	release(at + PAGE + 0x10);
	slot_drop(ds);
}

/* 5.1, 6 */
TEST(an_area_shows_nothing)
{
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 2 * PAGE, 0), 0);
	EXPECT_EQ(reserve_at(at + 2 * PAGE, 2 * PAGE, RESERVED), 0);
	for (unsigned page = 0; page < 4; page++) {
		EXPECT_FAULTS(at + page * PAGE, READ);
		EXPECT_FAULTS(at + page * PAGE, WRITE);
	}
	release(at);
	release(at + 2 * PAGE);
	EXPECT_FAULTS(at, READ);
}

/* 14.1 */
TEST(nothing_else_gets_into_an_area)
{
	l4_addr_t at = room(4);
	void *there;

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	there = mmap((void *)at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(there != MAP_FAILED);
	EXPECT((l4_addr_t)there < at - PAGE + 1 || (l4_addr_t)there >= at + 4 * PAGE);
	EXPECT_EQ(munmap(there, PAGE), 0);
	release(at);
	there = mmap((void *)at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT_EQ(there, at);
	EXPECT_EQ(munmap(there, PAGE), 0);
}

/* 5.1 */
TEST(a_reserved_area_says_so)
{
	l4_addr_t at = room(1), other = 0;

	EXPECT_EQ(reserve_at(at, PAGE, RESERVED), 0);
	EXPECT_AREA(at, at, PAGE, RESERVED);
	EXPECT_EQ(reserve_from(&other, PAGE, RESERVED, L4_PAGESHIFT), 0);
	EXPECT_AREA(other, other, PAGE, RESERVED);
	release(at);
	release(other);
}

/* 1.4 */
TEST(the_first_page_is_an_area)
{
	struct record r;

	EXPECT_EQ(find(0, 1, &r), 0);
	EXPECT_EQ(r.addr, 0);
	EXPECT_EQ(r.size, PAGE);
	EXPECT(r.flags & IN_AREA);
	EXPECT_EQ(r.m, L4_INVALID_CAP);
	EXPECT_EQ(find(PAGE - 1, 1, &r), 0);
	EXPECT_EQ(r.addr, 0);
	EXPECT_EQ(reserve_at(0, 1, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(PAGE - 1, 2, 0), -L4_EADDRNOTAVAIL);
}

/* 1.4, 5.2 */
TEST(a_null_pointer_is_never_backed)
{
	l4re_ds_t ds = ds_new(PAGE);
	int r;

	EXPECT_EQ(attach_at(0, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(0, PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	r = l4re_rm_free_area(0);
	EXPECT(r == 0 || r == -L4_EPERM);
	EXPECT_EQ(attach_at(0, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_FAULTS(0, READ);
	slot_drop(ds);
}

/* 5.1, R-17 */
TEST(r17_an_area_of_one_byte_is_an_area_and_one_of_none_is_not)
{
	l4_addr_t at = room(1), from = at;

	EXPECT_EQ(reserve_at(at, 0, 0), IF_MODERN(-L4_EINVAL, -L4_EADDRNOTAVAIL));
	EXPECT_EQ(reserve_from(&from, 0, 0, L4_PAGESHIFT),
		  IF_MODERN(-L4_EINVAL, -L4_EADDRNOTAVAIL));
	EXPECT_FREE(at);
	EXPECT_EQ(reserve_at(at, 1, 0), 0);
	EXPECT_AREA(at, at, 1, 0);
	release(at);
	EXPECT_EQ(reserve_from(&from, 1, 0, 0), 0);
	EXPECT_EQ(from, at);
	release(at);
}

/* 5.1 */
TEST(a_range_past_the_last_address_is_no_area)
{
	EXPECT_EQ(reserve_at(~0UL - 10, 100, 0), IF_MODERN(-L4_EINVAL, -L4_EADDRNOTAVAIL));
	EXPECT_EQ(reserve_at(PAGE, ~0UL, 0), IF_MODERN(-L4_EINVAL, -L4_EADDRNOTAVAIL));
	EXPECT_FREE(~0UL - 10);
}

/* */
TEST(r22_a_fixed_area_may_lie_outside_of_the_limits)
{
	l4_addr_t min, max;

	limits(&min, &max);
	EXPECT_EQ(reserve_at(max + 1, 3 * PAGE, 0), 0);
	EXPECT_AREA(max + 1, max + 1, 3 * PAGE, 0);
	release(max + 1);
	EXPECT_EQ(reserve_at(max, 2, RESERVED), 0);
	EXPECT_AREA(max + 1, max, 2, RESERVED);
	release(max);
	EXPECT_EQ(reserve_at(~0UL - 10, 11, 0), 0);
	EXPECT_AREA(~0UL, ~0UL - 10, 11, 0);
	release(~0UL);
}

/* R-22, 1.2 */
TEST(r22_no_region_enters_an_area_outside_of_the_limits)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t min, max;

	limits(&min, &max);
	EXPECT_EQ(reserve_at(max + 1, 3 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(max + 1, PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	release(max + 1);
	slot_drop(ds);
}

/* */
TEST(r19_a_search_that_starts_without_room_starts_over_only_in_classic_mode)
{
	l4_addr_t min, max, at, bottom = 0;

	limits(&min, &max);
	EXPECT_EQ(reserve_from(&bottom, 2 * PAGE, 0, L4_PAGESHIFT), 0);
	release(bottom);
	at = max + 1 - PAGE;
#ifdef L4RE_MODERN
	EXPECT_EQ(reserve_from(&at, 2 * PAGE, 0, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(at, max + 1 - PAGE);
#else
	EXPECT_EQ(reserve_from(&at, 2 * PAGE, 0, L4_PAGESHIFT), 0);
	EXPECT_EQ(at, bottom);
	release(at);
#endif
}

/* 5.1 */
TEST(a_search_from_below_the_limits_starts_at_the_bottom)
{
	l4_addr_t at = 0, low = 1;

	EXPECT_EQ(reserve_from(&at, PAGE, 0, L4_PAGESHIFT), 0);
	release(at);
	EXPECT_EQ(reserve_from(&low, PAGE, 0, L4_PAGESHIFT), 0);
	EXPECT_EQ(low, at);
	release(low);
}

#ifndef L4RE_MODERN
/* 5.1 */
TEST(other_flags_do_not_matter_to_an_area)
{
	l4_addr_t at = room(1), from = at;
	unsigned others = L4RE_RM_IN_AREA | L4RE_RM_READ_ONLY | L4RE_RM_NO_ALIAS |
			  L4RE_RM_PAGER | L4RE_RM_EAGER_MAP | L4RE_RM_OVERMAP;

	EXPECT_EQ(reserve_at(at, PAGE, others), 0);
	EXPECT_AREA(at, at, PAGE, 0);
	release(at);
	EXPECT_EQ(reserve_from(&from, PAGE, others, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at);
	release(from);
}

/* */
TEST(r18_bits_without_a_meaning_are_ignored_for_an_area)
{
	l4_addr_t at = room(1);

	EXPECT_EQ(reserve_at(at, PAGE, 0xffffff00), 0);
	EXPECT_AREA(at, at, PAGE, 0);
	release(at);
}

/* */
TEST(r03_a_classic_reserved_area_over_a_region_lets_it_work)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(2);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(reserve_at(at, PAGE, RESERVED), 0);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW, ds);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	BYTE(at) = 1;
	detach(at);
	EXPECT_AREA(at, at, PAGE, RESERVED);
	EXPECT_FREE(at + PAGE);
	release(at);
	slot_drop(ds);
}

/* */
TEST(r03_overmap_and_reserved_make_a_guard_page_of_a_region)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = room(4);
	unsigned flags = L4RE_RM_OVERMAP | L4RE_RM_RESERVED;

	EXPECT_EQ(attach_at(at, 4 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(reserve_at(at, PAGE, flags | L4RE_RM_IN_AREA), 0);
	EXPECT_AREA(at, at, PAGE, RESERVED);
	EXPECT_RECORD(at + PAGE, at + PAGE, 3 * PAGE, PAGE, RW, ds);
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at + PAGE - 1, WRITE);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	EXPECT_EQ(reserve_at(at + 2 * PAGE + 5, 1, flags), 0);
	EXPECT_RECORD(at + PAGE, at + PAGE, PAGE, PAGE, RW, ds);
	EXPECT_RECORD(at + 3 * PAGE, at + 3 * PAGE, PAGE, 3 * PAGE, RW, ds);
	EXPECT_FAULTS(at + 2 * PAGE, READ);
	EXPECT(is_filled(at + 3 * PAGE, PAGE, MARK(3)));
	release(at);
	EXPECT_FREE(at);
	release(at + 2 * PAGE + 5);
	detach(at + PAGE);
	detach(at + 3 * PAGE);
	slot_drop(ds);
}

/* */
TEST(r03_overmap_alone_cuts_nothing_out)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(2);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(reserve_at(at, PAGE, L4RE_RM_OVERMAP), 0);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW, ds);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	release(at);
	detach(at);
	slot_drop(ds);
}

/* R-03, 1.2 */
TEST(r03_a_guard_page_that_touches_an_area_changes_nothing)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(2);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(reserve_at(at + PAGE - 1, 1, 0), 0);
	EXPECT_EQ(reserve_at(at, PAGE, L4RE_RM_OVERMAP | RESERVED), -L4_EADDRNOTAVAIL);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW, ds);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	release(at + PAGE - 1);
	detach(at);
	slot_drop(ds);
}
#else
/* 11.7, R-18 */
TEST(r18_a_modern_area_takes_three_flags)
{
	static const unsigned bits[] = { 0x1,	  0x2,	    0x4,      0x10,
					 0x20,	  0x40,	    0x80,     0x200,
					 0x400,	  0x1000,   0x2000,   0x40000,
					 0x80000, 0x100000, 0x200000, 0x80000000 };
	l4_addr_t at = room(1), from = at;

	for (unsigned n = 0; n < sizeof(bits) / sizeof(*bits); n++) {
		EXPECT_EQ(reserve_at(at, PAGE, bits[n]), -L4_EINVAL);
		EXPECT_EQ(reserve_from(&from, PAGE, bits[n], L4_PAGESHIFT), -L4_EINVAL);
	}
	EXPECT_FREE(at);
	EXPECT_EQ(reserve_at(at, PAGE, L4RE_RM_F_KERNEL), 0);
	EXPECT_AREA(at, at, PAGE, L4RE_RM_F_KERNEL);
	release(at);
}

/* 11.7, R-03 */
TEST(r03_a_modern_reserved_area_over_a_region_is_refused)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = room(2);

	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(reserve_at(at, 2 * PAGE, RESERVED), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at + PAGE - 1, 1, RESERVED), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at, 2 * PAGE, 0), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	release(at);
	detach(at);
	slot_drop(ds);
}
#endif

/* 5.2 */
TEST(any_byte_of_an_area_frees_it)
{
	l4_addr_t at = room(4);

	for (unsigned n = 0; n < 3; n++) {
		EXPECT_EQ(reserve_at(at + 5, 2 * PAGE, 0), 0);
		release(at + 5 + n * (PAGE - 1) + n / 2);
		EXPECT_FREE(at + 5);
	}
}

/* 5.2 */
TEST(where_no_area_is_none_is_freed)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(4);

	EXPECT_EQ(l4re_rm_free_area(at), -L4_ENOENT);
	EXPECT_EQ(reserve_at(at + PAGE, PAGE, 0), 0);
	EXPECT_EQ(l4re_rm_free_area(at + PAGE - 1), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_free_area(at + 2 * PAGE), -L4_ENOENT);
	release(at + 2 * PAGE - 1);
	EXPECT_EQ(l4re_rm_free_area(at + PAGE), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(l4re_rm_free_area(at), -L4_ENOENT);
	detach(at);
	slot_drop(ds);
}

/* 5.2 */
TEST(regions_of_a_freed_area_stay_and_its_holes_are_available)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(8), from = at;

	EXPECT_EQ(reserve_at(at, 8 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, 2 * PAGE, RW | IN_AREA, ds, 0), 0);
	release(at + 7 * PAGE);
	EXPECT_RECORD(at + PAGE, at + PAGE, 2 * PAGE, 0, RW, ds);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(0)));
	EXPECT(is_filled(at + 2 * PAGE, PAGE, MARK(1)));
	EXPECT_EQ(attach_from(&from, PAGE, RW, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at);
	EXPECT_EQ(attach_at(at + 3 * PAGE, PAGE, RW, ds, 0), 0);
	detach(at);
	detach(at + PAGE);
	detach(at + 3 * PAGE);
	slot_drop(ds);
}

/* 1.3 */
TEST(an_area_outlives_the_regions_in_it)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at, PAGE, RW | IN_AREA, ds, 0), 0);
	detach(at);
	EXPECT_AREA(at, at, 4 * PAGE, 0);
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_FAULTS(at, READ);
	release(at);
	slot_drop(ds);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_search.c - where a search puts things
 */
#include "rig.h"

#include <sys/mman.h>

/* The lowest place of @pages pages from @from on, which is free again afterwards. */
static l4_addr_t place(l4re_ds_t ds, l4_addr_t from, unsigned long pages, unsigned char align)
{
	l4_addr_t at = from;

	EXPECT_EQ(attach_from(&at, pages * PAGE, RW, ds, align), 0);
	detach(at);
	return at;
}

/* 4.3 */
TEST(a_search_takes_the_start_if_it_is_free)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(8);

	EXPECT_EQ(place(ds, at, 1, L4_PAGESHIFT), at);
	EXPECT_EQ(place(ds, at, 8, L4_PAGESHIFT), at);
	EXPECT_EQ(place(ds, at + 3 * PAGE, 1, L4_PAGESHIFT), at + 3 * PAGE);
	slot_drop(ds);
}

/* 4.3 */
TEST(searches_one_after_the_other_are_neighbours)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t base = room(8), at;

	for (unsigned n = 0; n < 8; n++) {
		at = base;
		EXPECT_EQ(attach_from(&at, PAGE, RW, ds, L4_PAGESHIFT), 0);
		EXPECT_EQ(at, base + n * PAGE);
	}
	for (unsigned n = 0; n < 8; n++)
		detach(base + n * PAGE);
	slot_drop(ds);
}

/* 4.3 */
TEST(a_search_finds_the_lowest_gap_that_fits)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(16);

	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(attach_at(at + 4 * PAGE, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(place(ds, at, 1, L4_PAGESHIFT), at);
	EXPECT_EQ(place(ds, at, 2, L4_PAGESHIFT), at + 2 * PAGE);
	EXPECT_EQ(place(ds, at, 3, L4_PAGESHIFT), at + 5 * PAGE);
	EXPECT_EQ(place(ds, at + PAGE, 1, L4_PAGESHIFT), at + 2 * PAGE);
	EXPECT_EQ(place(ds, at + 3 * PAGE, 2, L4_PAGESHIFT), at + 5 * PAGE);
	detach(at + PAGE);
	detach(at + 4 * PAGE);
	slot_drop(ds);
}

/* 4.3 */
TEST(a_start_inside_a_page_means_the_next_page)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(4);

	EXPECT_EQ(place(ds, at + 1, 1, L4_PAGESHIFT), at + PAGE);
	EXPECT_EQ(place(ds, at + PAGE - 1, 1, L4_PAGESHIFT), at + PAGE);
	slot_drop(ds);
}

/* 4.3 */
TEST(sizes_of_regions_are_rounded_up_before_the_search)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(8), from = at;

	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(attach_from(&from, PAGE + 1, RW, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + 2 * PAGE);
	EXPECT_RECORD(from, from, 2 * PAGE, 0, RW, ds);
	detach(from);
	detach(at + PAGE);
	slot_drop(ds);
}

/* 4.3 */
TEST(a_search_aligns)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(64);

	EXPECT_EQ(place(ds, at, 1, 16), at);
	EXPECT_EQ(place(ds, at + 1, 1, 16), at + 0x10000);
	EXPECT_EQ(place(ds, at + PAGE, 1, 13), at + 2 * PAGE);
	EXPECT_EQ(place(ds, at + PAGE, 3, 14), at + 4 * PAGE);
	EXPECT_EQ(attach_at(at + 0x10000, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(place(ds, at + PAGE, 1, 16), at + 0x20000);
	EXPECT_EQ(place(ds, at, 0x11, 16), at + 0x20000);
	detach(at + 0x10000);
	EXPECT_EQ(place(ds, 0, 1, L4_SUPERPAGESHIFT) % L4_SUPERPAGESIZE, 0);
	EXPECT_EQ(place(ds, 0, 1, 30) % (1UL << 30), 0);
	slot_drop(ds);
}

/* 4.3 */
TEST(an_alignment_that_no_address_has_finds_nothing)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = 0;

	EXPECT_EQ(attach_from(&at, PAGE, RW, ds, 63), -L4_EADDRNOTAVAIL);
	at = room(1);
	EXPECT_EQ(attach_from(&at, PAGE, RW, ds, 62), -L4_EADDRNOTAVAIL);
	at = 0;
	EXPECT_EQ(reserve_from(&at, PAGE, 0, 63), -L4_EADDRNOTAVAIL);
	slot_drop(ds);
}

/* 4.3 */
TEST(alignment_is_ignored_for_a_fixed_address)
{
	static const unsigned char aligns[] = { 0, 1, 12, 21, 63, 64, 255 };
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1), area = at;
	void *start;

	for (unsigned n = 0; n < sizeof(aligns); n++) {
		start = (void *)at;
		EXPECT_EQ(l4re_rm_attach(&start, PAGE, RW, ds, 0, aligns[n]), 0);
		EXPECT_EQ(start, at);
		detach(at);
		EXPECT_EQ(l4re_rm_reserve_area(&area, PAGE, 0, aligns[n]), 0);
		EXPECT_EQ(area, at);
		EXPECT_EQ(l4re_rm_free_area(area), 0);
	}
	slot_drop(ds);
}

/* 4.3 */
TEST(a_search_for_a_region_goes_around_areas)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(16);

	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_EQ(reserve_at(at + 2 * PAGE + 5, 1, RESERVED), 0);
	EXPECT_EQ(place(ds, at, 1, L4_PAGESHIFT), at + PAGE);
	EXPECT_EQ(place(ds, at, 2, L4_PAGESHIFT), at + 3 * PAGE);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	EXPECT_EQ(place(ds, at, 2, L4_PAGESHIFT), at);
	EXPECT_EQ(l4re_rm_free_area(at + 2 * PAGE + 5), 0);
	EXPECT_EQ(place(ds, at, 3, L4_PAGESHIFT), at);
	slot_drop(ds);
}

/* 4.3, 1.3 */
TEST(a_search_for_an_area_goes_around_regions_and_areas)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t base = room(16), at = base;

	EXPECT_EQ(attach_at(base, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(reserve_at(base + 3 * PAGE, PAGE, 0), 0);
	EXPECT_EQ(reserve_from(&at, 2 * PAGE, 0, L4_PAGESHIFT), 0);
	EXPECT_EQ(at, base + PAGE);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	at = base;
	EXPECT_EQ(reserve_from(&at, 3 * PAGE, 0, L4_PAGESHIFT), 0);
	EXPECT_EQ(at, base + 4 * PAGE);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	EXPECT_EQ(l4re_rm_free_area(base + 3 * PAGE), 0);
	detach(base);
	slot_drop(ds);
}

/* 4.3, 5.1 */
TEST(a_search_for_an_area_goes_byte_by_byte)
{
	l4_addr_t base = room(4), at = base;

	EXPECT_EQ(reserve_at(base, 10, 0), 0);
	EXPECT_EQ(reserve_from(&at, 10, 0, 1), 0);
	EXPECT_EQ(at, base + 0xa);
	at = base;
	EXPECT_EQ(reserve_from(&at, 3, 0, 0), 0);
	EXPECT_EQ(at, base + 0x14);
	at = base;
	EXPECT_EQ(reserve_from(&at, 1, 0, 4), 0);
	EXPECT_EQ(at, base + 0x20);
	EXPECT_EQ(l4re_rm_free_area(base), 0);
	EXPECT_EQ(l4re_rm_free_area(base + 0xa), 0);
	EXPECT_EQ(l4re_rm_free_area(base + 0x14), 0);
	EXPECT_EQ(l4re_rm_free_area(base + 0x20), 0);
}

/* 14.2, 4.3 */
TEST(a_search_goes_around_what_the_program_mapped_itself)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(16);
	void *own = mmap((void *)(at + PAGE), PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	l4_addr_t area = at;

	EXPECT_EQ(own, at + PAGE);
	(void)memset(own, 9, PAGE);
	EXPECT_EQ(place(ds, at, 1, L4_PAGESHIFT), at);
	EXPECT_EQ(place(ds, at, 2, L4_PAGESHIFT), at + 2 * PAGE);
	EXPECT_EQ(place(ds, at + PAGE, 1, L4_PAGESHIFT), at + 2 * PAGE);
	EXPECT_EQ(reserve_from(&area, 2 * PAGE, 0, L4_PAGESHIFT), 0);
	EXPECT_EQ(area, at + 2 * PAGE);
	EXPECT_EQ(l4re_rm_free_area(area), 0);
	EXPECT(is_filled(at + PAGE, PAGE, 9));
	EXPECT_EQ(munmap(own, PAGE), 0);
	EXPECT_EQ(place(ds, at, 2, L4_PAGESHIFT), at);
	slot_drop(ds);
}

/* 4.3, 5.3.1 */
TEST(a_search_survives_any_start)
{
	static const l4_addr_t starts[] = { 0,	       1,	  0xfff,	   0x1000,
					    0xffff,    ~0UL,	  ~0UL - 0xfff,	   ~0xfffUL,
					    1UL << 63, 1UL << 47, (1UL << 47) - 1, 0xdeadbeef };
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at;
	int r;

	for (unsigned n = 0; n < sizeof(starts) / sizeof(*starts); n++) {
		at = starts[n];
		r = attach_from(&at, PAGE, RW, ds, L4_PAGESHIFT);
		EXPECT(r == 0 || r == -L4_EADDRNOTAVAIL);
		if (r != 0)
			continue;
		EXPECT_EQ(at % PAGE, 0);
		EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
		detach(at);
	}
	slot_drop(ds);
}

/* 4.3 */
TEST(a_start_outside_of_the_limits_means_from_the_bottom)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t min, max, bottom;

	limits(&min, &max);
	bottom = place(ds, 0, 1, L4_PAGESHIFT);
	EXPECT(bottom >= min && bottom < max);
	EXPECT_EQ(place(ds, ~0UL, 1, L4_PAGESHIFT), bottom);
	EXPECT_EQ(place(ds, max, 1, L4_PAGESHIFT), bottom);
	EXPECT_EQ(place(ds, max + 1, 1, L4_PAGESHIFT), bottom);
	EXPECT_EQ(place(ds, min - 1, 1, L4_PAGESHIFT), bottom);
	slot_drop(ds);
}

/* 4.3 */
TEST(a_search_for_a_region_does_not_start_over)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t min, max, at;

	limits(&min, &max);
	at = max + 1 - PAGE;
	EXPECT_EQ(attach_from(&at, 2 * PAGE, RW, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(at, max + 1 - PAGE);
	slot_drop(ds);
}

/* 4.3 */
TEST(what_is_larger_than_the_whole_space_is_not_found)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t min, max, at = 0;

	limits(&min, &max);
	EXPECT_EQ(attach_from(&at, max - min + 2, RW, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_from(&at, 1UL << 63, RW, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_from(&at, ~0xfffUL, RW, ds, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_from(&at, max - min + 2, 0, L4_PAGESHIFT), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(reserve_from(&at, ~0UL, 0, 0), -L4_EADDRNOTAVAIL);
	slot_drop(ds);
}

/* 4.3 */
TEST(where_a_search_from_nowhere_starts_does_not_change)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t bottom = place(ds, 0, 1, L4_PAGESHIFT), at = 0;

	for (unsigned n = 0; n < 8; n++) {
		EXPECT_EQ(place(ds, 0, 1 + n, L4_PAGESHIFT), bottom);
		EXPECT_EQ(reserve_from(&at, PAGE, 0, L4_PAGESHIFT), 0);
		EXPECT_EQ(at, bottom);
		EXPECT_EQ(l4re_rm_free_area(at), 0);
		at = 0;
	}
	slot_drop(ds);
}

/* 1.2, 1.4 */
TEST(what_a_search_finds_is_inside_of_the_limits)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t min, max, at = 0;

	limits(&min, &max);
	EXPECT_EQ(min % PAGE, 0);
	EXPECT_EQ((max + 1) % PAGE, 0);
	EXPECT(min >= PAGE);
	EXPECT_EQ(attach_from(&at, 100 * PAGE, RW, ds, L4_PAGESHIFT), 0);
	EXPECT(at >= min && at + 100 * PAGE - 1 <= max);
	detach(at);
	slot_drop(ds);
}

#ifndef L4RE_MODERN
/* */
TEST(r05_a_classic_alignment_below_a_page_is_a_page)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t base = room(8), at;

	EXPECT_EQ(reserve_at(base, 10, 0), 0);
	for (unsigned char align = 0; align < L4_PAGESHIFT; align++) {
		at = base;
		EXPECT_EQ(attach_from(&at, PAGE, RW, ds, align), 0);
		EXPECT_EQ(at, base + PAGE);
		detach(at);
	}
	EXPECT_EQ(l4re_rm_free_area(base), 0);
	slot_drop(ds);
}
#else
/* R-05, 11.1 */
TEST(r05_a_modern_alignment_below_a_page_is_refused)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = 0;

	for (unsigned char align = 0; align < L4_PAGESHIFT; align++)
		EXPECT_EQ(attach_from(&at, PAGE, RW, ds, align), -L4_EINVAL);
	slot_drop(ds);
}
#endif

/* */
TEST(r05_an_alignment_of_more_bits_than_an_address_has_is_refused)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = 0;

	EXPECT_EQ(attach_from(&at, PAGE, RW, ds, 64), -L4_EINVAL);
	EXPECT_EQ(attach_from(&at, PAGE, RW, ds, 255), -L4_EINVAL);
	EXPECT_EQ(reserve_from(&at, PAGE, 0, 64), -L4_EINVAL);
	EXPECT_EQ(reserve_from(&at, PAGE, 0, 255), -L4_EINVAL);
	slot_drop(ds);
}

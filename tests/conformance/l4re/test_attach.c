/* SPDX-License-Identifier: MIT */
/*
 * test_attach.c - l4re_rm_attach(): where, how much, and in which order errors are found
 */
#include "rig.h"

#include <stdlib.h>
#include <sys/mman.h>

/* 5.3.1 */
TEST(a_region_shows_its_dataspace)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = attach(ds, 3 * PAGE, RW);

	for (unsigned page = 0; page < 3; page++)
		EXPECT(is_filled(at + page * PAGE, PAGE, MARK(page)));
	BYTE(at + PAGE + 1) = 77;
	EXPECT_EQ(ds_byte(ds, PAGE + 1), 77);
	EXPECT_RECORD(at, at, 3 * PAGE, 0, RW, ds);
	detach(at);
	slot_drop(ds);
}

/* 5.3.2, 4.4 */
TEST(a_fixed_address_is_rounded_down_and_the_size_up)
{
	l4re_ds_t ds = ds_new(2 * PAGE);
	l4_addr_t at = room(4);

	EXPECT_EQ(attach_at(at + 0x800, 0x1801, RW, ds, 0), 0);
	EXPECT_RECORD(at + 2 * PAGE - 1, at, 2 * PAGE, 0, RW, ds);
	EXPECT_FREE(at + 2 * PAGE);
	detach(at);
	EXPECT_EQ(attach_at(at + PAGE - 1, 1, RW, ds, 0), 0);
	EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
	detach(at);
	slot_drop(ds);
}

/* 3 */
TEST(the_offset_is_kept_as_it_was_and_shows_from_the_beginning_of_its_page)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = room(2);

	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0x1800), 0);
	EXPECT_RECORD(at, at, PAGE, 0x1800, RW, ds);
	EXPECT(is_filled(at, PAGE, MARK(1)));
	detach(at);
	EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, 2 * PAGE + 0xfff), 0);
	EXPECT_RECORD(at, at, 2 * PAGE, 2 * PAGE + 0xfff, RW, ds);
	EXPECT(is_filled(at, PAGE, MARK(2)));
	EXPECT(is_filled(at + PAGE, PAGE, MARK(3)));
	detach(at);
	slot_drop(ds);
}

/* 5.3.2, I1 */
TEST(a_fixed_region_stays_off_other_regions)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = room(8);

	EXPECT_EQ(attach_at(at + 2 * PAGE, 2 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(attach_at(at + 2 * PAGE, 2 * PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at + 3 * PAGE + 5, 1, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at + PAGE, PAGE + 1, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, 8 * PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at + 3 * PAGE, 2 * PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_RECORD(at + 2 * PAGE, at + 2 * PAGE, 2 * PAGE, 0, RW, ds);
	EXPECT(is_filled(at + 2 * PAGE, PAGE, MARK(0)));
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(attach_at(at + 4 * PAGE, PAGE, RW, ds, 0), 0);
	for (unsigned page = 1; page < 4; page++)
		detach(at + page * PAGE + (page == 3) * PAGE);
	slot_drop(ds);
}

/* I5 */
TEST(a_region_lies_inside_of_the_limits)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t min, max;

	limits(&min, &max);
	EXPECT_EQ(attach_at(min - PAGE, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(max + 1, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(max + 1 - PAGE, 2 * PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(1UL << 63, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	slot_drop(ds);
}

/* 1.4, 14.2 */
TEST(nothing_of_the_programs_own_is_replaced)
{
	l4re_ds_t ds = ds_new(PAGE);
	static unsigned char data[2 * 4096];
	unsigned char stack = 7;
	unsigned char *heap = malloc(PAGE);
	void *own =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(heap && own != MAP_FAILED);
	(void)memset(data, 1, sizeof(data));
	(void)memset(own, 2, PAGE);
	*heap = 3;
	EXPECT_EQ(attach_at((l4_addr_t)data, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at((l4_addr_t)&stack, 1, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at((l4_addr_t)heap, 1, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at((l4_addr_t)own, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at((l4_addr_t)attach_at, 1, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at((l4_addr_t)l4re_util_cap_alloc, 1, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(data[0], 1);
	EXPECT(is_filled((l4_addr_t)own, PAGE, 2));
	EXPECT_EQ(stack, 7);
	EXPECT_EQ(*heap, 3);
	EXPECT_EQ(munmap(own, PAGE), 0);
	free(heap);
	slot_drop(ds);
}

/* 14.2 */
TEST(a_region_that_would_reach_into_the_programs_own_memory_is_not_there_at_all)
{
	l4re_ds_t ds = ds_new(3 * PAGE);
	l4_addr_t at = room(4);
	void *own = mmap((void *)(at + PAGE), PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	EXPECT_EQ(own, at + PAGE);
	(void)memset(own, 2, PAGE);
	EXPECT_EQ(attach_at(at, 3 * PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT(is_filled(at + PAGE, PAGE, 2));
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at + 2 * PAGE, READ);
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	detach(at);
	EXPECT_EQ(munmap(own, PAGE), 0);
	slot_drop(ds);
}

/* 5.3.3 */
TEST(no_bytes_are_no_region)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1), from = at;

	EXPECT_EQ(attach_at(at, 0, RW, ds, 0), -L4_EINVAL);
	EXPECT_EQ(attach_from(&from, 0, RW, ds, L4_PAGESHIFT), -L4_EINVAL);
	EXPECT_EQ(attach_at(at, 0, RESERVED, L4_INVALID_CAP, 0), -L4_EINVAL);
	EXPECT_FREE(at);
	slot_drop(ds);
}

/* 5.3.3 */
TEST(a_size_that_rounds_to_nothing_is_refused)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1), from = at;

	EXPECT_EQ(attach_at(at, ~0UL, RW, ds, 0), -L4_EINVAL);
	EXPECT_EQ(attach_at(at, ~0UL - 0xffe, RW, ds, 0), -L4_EINVAL);
	EXPECT_EQ(attach_from(&from, ~0UL, RW, ds, L4_PAGESHIFT), -L4_EINVAL);
	EXPECT_FREE(at);
	slot_drop(ds);
}

/* 5.3.3 */
TEST(a_fixed_region_past_the_last_address_is_refused)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, ~0xfffUL, RW, ds, 0), -L4_EINVAL);
	EXPECT_EQ(attach_at(~0UL, 2 * PAGE, RW, ds, 0), -L4_EINVAL);
	EXPECT_EQ(attach_at(~0UL, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	slot_drop(ds);
}

/* 5.3.3 */
TEST(garbage_as_the_start_of_a_search_is_checked_only_in_modern_mode)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = ~0UL;
	int r = attach_from(&at, 2 * PAGE, RW, ds, L4_PAGESHIFT);

	EXPECT_EQ(r, IF_MODERN(-L4_EINVAL, 0));
	if (r == 0)
		detach(at);
	slot_drop(ds);
}

/* 5.3.3 */
TEST(the_region_map_is_looked_at_first)
{
	void *start = NULL;

	EXPECT_EQ(l4re_rm_attach_srv(L4_INVALID_CAP, &start, 0, RW | IN_AREA, L4_INVALID_CAP, 0,
				     255),
		  NOT_EXISTENT);
	EXPECT_EQ(l4re_rm_attach_srv(other_object(), &start, 0, RW | IN_AREA, L4_INVALID_CAP, 0,
				     255),
		  -L4_EBADPROTO);
}

/* 5.3.3 */
TEST(the_backing_is_looked_at_before_the_size)
{
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, 0, RW, L4_INVALID_CAP, 0), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, 0, RW, other_object(), 0), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, ~0UL, RW | IN_AREA, L4_INVALID_CAP, 0), -L4_ENOENT);
}

/* 5.3.3 */
TEST(the_size_is_looked_at_before_the_area)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, 0, RW | IN_AREA, ds, 0), -L4_EINVAL);
	EXPECT_EQ(attach_at(at, ~0UL, RW | IN_AREA, ds, 0), -L4_EINVAL);
	slot_drop(ds);
}

/* 5.3.3 */
TEST(the_area_is_looked_at_before_the_place)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RW);

	EXPECT_EQ(attach_at(at, PAGE, RW | IN_AREA, ds, 0), -L4_ENOENT);
	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_EQ(attach_at(at, PAGE, RW | IN_AREA, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	detach(at);
	slot_drop(ds);
}

/* 5.3.9 */
TEST(a_program_asks_who_is_there_with_the_same_variable)
{
	l4re_ds_t ds = ds_new(2 * PAGE);
	l4_addr_t at = attach(ds, 2 * PAGE, RO);
	void *start = (void *)(at + PAGE);
	unsigned long size = 1;
	region_offset offset;
	unsigned flags;
	l4_addr_t addr;
	l4re_ds_t m;

	EXPECT_EQ(l4re_rm_attach(&start, PAGE, RW, ds, 0, 0), -L4_EADDRNOTAVAIL);
	addr = (l4_addr_t)start;
	EXPECT_EQ(l4re_rm_find(&addr, &size, &offset, &flags, &m), 0);
	EXPECT_EQ(addr, at);
	EXPECT_EQ(size, 2 * PAGE);
	EXPECT_EQ(m, ds);
	detach(at);
	slot_drop(ds);
}

/* 4.4, 7 */
TEST(dataspaces_of_odd_sizes_are_attached_as_a_whole)
{
	unsigned long size;
	l4re_ds_t ds;
	l4_addr_t at;

	FOR_EACH_SIZE(size)
	{
		ds = ds_new(size);
		at = attach(ds, size, RW);
		EXPECT_RECORD(at + size - 1, at, l4_round_page(size), 0, RW, ds);
		for (l4_addr_t i = 0; i < l4_round_page(size); i += PAGE)
			EXPECT(is_filled(at + i, PAGE, 0));
		BYTE(at + l4_round_page(size) - 1) = 5;
		detach(at);
		EXPECT_EQ(ds_byte(ds, l4_round_page(size) - 1), 5);
		slot_drop(ds);
	}
}

#ifndef L4RE_MODERN
/* */
TEST(r18_bits_without_a_meaning_are_ignored_for_a_region)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, 0xffffff00, ds, 0), 0);
	EXPECT_RECORD(at, at, PAGE, 0, 0, ds);
	EXPECT_WORKS(at, WRITE);
	detach(at);
	slot_drop(ds);
}

/* 2.7 */
TEST(without_read_only_a_region_is_readable_and_writable)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, PAGE, 0), ro = attach(ds, PAGE, L4RE_RM_READ_ONLY);

	EXPECT_WORKS(at, READ);
	EXPECT_WORKS(at, WRITE);
	EXPECT_WORKS(ro, READ);
	EXPECT_FAULTS(ro, WRITE);
	EXPECT_RECORD(at, at, PAGE, 0, 0, ds);
	EXPECT_RECORD(ro, ro, PAGE, 0, L4RE_RM_READ_ONLY, ds);
	detach(at);
	detach(ro);
	slot_drop(ds);
}
#endif

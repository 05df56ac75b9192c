/* SPDX-License-Identifier: MIT */
/*
 * test_attach_eager.c - l4re_rm_attach() with EAGER_MAP
 */
#include "rig.h"

/* 5.3.7 */
TEST(all_pages_of_an_eager_region_are_present)
{
	l4re_ds_t ds = ds_new(16 * PAGE);
	l4_addr_t lazy = attach(ds, 16 * PAGE, RW), at;

	/* Otherwise this test could not tell. */
	for (unsigned page = 0; page < 16; page++)
		EXPECT(!is_present(lazy + page * PAGE));
	at = attach(ds, 16 * PAGE, RW | EAGER);
	for (unsigned page = 0; page < 16; page++)
		EXPECT(is_present(at + page * PAGE));
	EXPECT(is_filled(at, 16 * PAGE, 0));
	BYTE(at) = 1;
	EXPECT_RECORD(at, at, 16 * PAGE, 0, RW, ds);
	detach(at);
	detach(lazy);
	slot_drop(ds);
}

/* 5.3.7 */
TEST(an_eager_region_that_can_be_read_only_is_present_too)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = attach(ds, 4 * PAGE, RO | EAGER);

	for (unsigned page = 0; page < 4; page++)
		EXPECT(is_present(at + page * PAGE));
	EXPECT(is_filled(at + 3 * PAGE, PAGE, MARK(3)));
	EXPECT_FAULTS(at, WRITE);
	detach(at);
	slot_drop(ds);
}

/* 5.3.7 */
TEST(eager_mapping_shows_from_the_offset_on)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = room(4);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RW | EAGER, ds, 2 * PAGE + 5), 0);
	EXPECT(is_present(at) && is_present(at + PAGE));
	EXPECT(is_filled(at + PAGE, PAGE, MARK(3)));
	EXPECT_RECORD(at, at, 2 * PAGE, 2 * PAGE + 5, RW, ds);
	detach(at);
	slot_drop(ds);
}

/* 5.3.7, 5.3.4 */
TEST(eager_mapping_works_in_an_area)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, 2 * PAGE, RW | EAGER | IN_AREA, ds, 0), 0);
	EXPECT(is_present(at + PAGE) && is_present(at + 2 * PAGE));
	EXPECT(!is_present(at) && !is_present(at + 3 * PAGE));
	detach(at + PAGE);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* 5.3.7, 7 */
TEST(dataspaces_of_odd_sizes_are_mapped_eagerly_as_a_whole)
{
	unsigned long size;
	l4re_ds_t ds;
	l4_addr_t at;

	FOR_EACH_SIZE(size)
	{
		ds = ds_new(size);
		at = attach(ds, size, RW | EAGER);
		for (l4_addr_t i = 0; i < size; i += PAGE)
			EXPECT(is_present(at + i));
		detach(at);
		slot_drop(ds);
	}
}

#ifndef L4RE_MODERN
/* R-04, 5.3.7 */
TEST(r04_a_dataspace_that_ends_first_fails_and_leaves_the_region)
{
	l4re_ds_t ds = ds_marked(1);
	void *start = NULL;
	l4_addr_t at;

	EXPECT_EQ(l4re_rm_attach(&start, 2 * PAGE, SEARCH | EAGER, ds, 0, L4_PAGESHIFT),
		  -L4_ERANGE);
	at = (l4_addr_t)start;
	EXPECT_RECORD(at, at, 2 * PAGE, 0, 0, ds);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_WORKS(at, WRITE);
	EXPECT_FAULTS(at + PAGE, READ);
	detach(at);
	EXPECT_FREE(at);
	slot_drop(ds);
}

/* */
TEST(r04_it_is_the_same_at_a_fixed_address)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = room(2);
	void *start = (void *)(at + 5);

	EXPECT_EQ(l4re_rm_attach(&start, PAGE, EAGER, ds, PAGE, 0), -L4_ERANGE);
	EXPECT_EQ(start, at);
	EXPECT_RECORD(at, at, PAGE, PAGE, 0, ds);
	EXPECT_FAULTS(at, READ);
	detach(at);
	slot_drop(ds);
}

/* */
TEST(r04_what_cannot_be_placed_is_not_attached_at_all)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, PAGE, 0);

	EXPECT_EQ(attach_at(at, PAGE, EAGER, ds, PAGE), -L4_EADDRNOTAVAIL);
	EXPECT_RECORD(at, at, PAGE, 0, 0, ds);
	detach(at);
	slot_drop(ds);
}
#else
/* R-04, 11.1 */
TEST(r04_modern_errors_of_mapping_are_not_reported)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, 2 * PAGE, RW | EAGER);

	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW, ds);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_FAULTS(at + PAGE, READ);
	detach(at);
	at = room(1);
	EXPECT_EQ(attach_at(at, PAGE, RW | EAGER, ds, PAGE), 0);
	EXPECT_FAULTS(at, READ);
	detach(at);
	slot_drop(ds);
}

/* 2.9, 11.1 */
TEST(no_eager_mapping_wins)
{
	l4re_ds_t ds = ds_new(4 * PAGE);
	l4_addr_t at = attach(ds, 4 * PAGE, RW | EAGER | L4RE_RM_F_NO_EAGER_MAP);

	for (unsigned page = 0; page < 4; page++)
		EXPECT(!is_present(at + page * PAGE));
	BYTE(at + PAGE) = 1;
	EXPECT_RECORD(at, at, 4 * PAGE, 0, RW, ds);
	detach(at);
	at = attach(ds, 4 * PAGE, RW | L4RE_RM_F_NO_EAGER_MAP);
	EXPECT_EQ(BYTE(at + PAGE), 1);
	detach(at);
	slot_drop(ds);
}
#endif

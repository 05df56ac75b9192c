/* SPDX-License-Identifier: MIT */
/*
 * test_ds_copy_in.c - l4re_ds_copy_in()
 */
#include "rig.h"

/* A dataspace whose storage counts up, from @first. */
static l4re_ds_t ds_counting(unsigned long size, unsigned char first)
{
	l4re_ds_t ds = ds_new(size);
	l4_addr_t at = attach(ds, size, RW);

	for (l4_addr_t i = 0; i < l4_round_page(size); i++)
		BYTE(at + i) = (unsigned char)(first + i % 199);
	detach(at);
	return ds;
}

static unsigned char counted(l4_addr_t i, unsigned char first)
{
	return (unsigned char)(first + i % 199);
}

/*
 * Bytes [@to, @to + @count) of @ds, which counted from 1, are those from @from on of what
 * counts from 50, and all others are as they were.
 */
static bool is_copied(l4re_ds_t ds, unsigned long size, l4_addr_t to, l4_addr_t from,
		      unsigned long count)
{
	l4_addr_t at = attach(ds, size, RO);
	bool is = true;

	for (l4_addr_t i = 0; i < l4_round_page(size); i++)
		is &= BYTE(at + i) ==
		      (i >= to && i - to < count ? counted(i - to + from, 50) : counted(i, 1));
	detach(at);
	return is;
}

static bool copies(unsigned long dst_size, l4_addr_t to, unsigned long src_size, l4_addr_t from,
		   unsigned long size, unsigned long count)
{
	l4re_ds_t dst = ds_counting(dst_size, 1), src = ds_counting(src_size, 50);
	bool is = l4re_ds_copy_in(dst, to, src, from, size) == 0 &&
		  is_copied(dst, dst_size, to, from, count) &&
		  l4re_ds_size(dst) == IF_MODERN(dst_size, (long)dst_size);

	slot_drop(dst);
	slot_drop(src);
	return is;
}

/* 7.7, 16.7 */
TEST(bytes_are_copied_and_their_neighbours_are_not)
{
	EXPECT(copies(3 * PAGE, 20, 3 * PAGE, 2, 1, 1));
	EXPECT(copies(3 * PAGE, 20, 3 * PAGE, 2, 100, 100));
	EXPECT(copies(3 * PAGE, 20, 3 * PAGE, 2, 2 * PAGE, 2 * PAGE));
	EXPECT(copies(3 * PAGE, PAGE, 3 * PAGE, PAGE, PAGE, PAGE));
	EXPECT(copies(3 * PAGE, PAGE, 3 * PAGE, 0, PAGE, PAGE));
	EXPECT(copies(3 * PAGE, PAGE - 1, 3 * PAGE, PAGE - 1, PAGE + 2, PAGE + 2));
	EXPECT(copies(3 * PAGE, 0, 3 * PAGE, 0, 3 * PAGE, 3 * PAGE));
}

/* 7.7: into a larger one, and out of one */
TEST(dataspaces_of_odd_sizes_are_copied_as_a_whole)
{
	unsigned long size;

	FOR_EACH_SIZE(size)
	{
		EXPECT(copies(size, 0, size, 0, size, size));
		EXPECT(copies(size + PAGE, 7, size, 0, size, size));
		EXPECT(copies(size, size - 1, size + PAGE, size, 5, 1));
	}
}

/* 7.7 */
TEST(a_copy_ends_with_the_size_of_the_destination)
{
	EXPECT(copies(PAGE / 4, 0, 3 * PAGE, 0, 3 * PAGE, PAGE / 4));
	EXPECT(copies(PAGE / 4, 100, 3 * PAGE, 5, ~0UL, PAGE / 4 - 100));
	EXPECT(copies(3 * PAGE, 3 * PAGE - 1, PAGE, 0, 10, 1));
	EXPECT(copies(513 * PAGE + 1, 512 * PAGE, 3 * PAGE, 0, 3 * PAGE, PAGE + 1));
}

/* 7.7 */
TEST(a_copy_ends_with_the_last_page_of_the_source)
{
	EXPECT(copies(3 * PAGE, 0, PAGE / 4, 0, 3 * PAGE, PAGE));
	EXPECT(copies(3 * PAGE, 7, PAGE / 4, PAGE / 2, ~0UL, PAGE / 2));
	EXPECT(copies(3 * PAGE, 0, 513 * PAGE + 1, 513 * PAGE, 3 * PAGE, PAGE));
	EXPECT(copies(513 * PAGE + 1, 0, 513 * PAGE + 1, 0, ~0UL, 513 * PAGE + 1));
}

/* 7.7, 16.7 */
TEST(offsets_past_an_end_are_no_error)
{
	EXPECT(copies(3 * PAGE, 3 * PAGE, 3 * PAGE, 0, 2, 0));
	EXPECT(copies(3 * PAGE, 3 * PAGE + 1, 3 * PAGE, 0, 2, 0));
	EXPECT(copies(3 * PAGE, ~0UL, 3 * PAGE, 0, 2, 0));
	EXPECT(copies(3 * PAGE, 0, 3 * PAGE, 3 * PAGE, 2, 0));
	EXPECT(copies(3 * PAGE, 0, 3 * PAGE, ~0UL - 1, 1, 0));
	EXPECT(copies(3 * PAGE, 0, 3 * PAGE, 0, ~0UL, 3 * PAGE));
	EXPECT(copies(PAGE / 4, PAGE / 4, PAGE, 0, 10, 0));
}

/* 7.7 */
TEST(no_bytes_are_copied_without_error)
{
	EXPECT(copies(PAGE, 0, PAGE, 0, 0, 0));
	EXPECT(copies(PAGE, ~0UL, PAGE, ~0UL, 0, 0));
}

/* 7.7 */
TEST(a_copy_is_a_snapshot)
{
	l4re_ds_t src = ds_marked(2), dst = ds_new(2 * PAGE);

	EXPECT_EQ(l4re_ds_copy_in(dst, 0, src, 0, 2 * PAGE), 0);
	ds_set_byte(src, 0, 200);
	ds_set_byte(src, PAGE, 201);
	EXPECT_EQ(ds_byte(dst, 0), MARK(0));
	EXPECT_EQ(ds_byte(dst, PAGE), MARK(1));
	ds_set_byte(dst, 1, 202);
	EXPECT_EQ(ds_byte(src, 1), MARK(0));
	slot_drop(src);
	EXPECT_EQ(ds_byte(dst, PAGE + 1), MARK(1));
	slot_drop(dst);
}

/* 7.7 */
TEST(views_of_the_destination_show_the_copy)
{
	l4re_ds_t src = ds_marked(3), dst = ds_new(3 * PAGE);
	l4_addr_t at = attach(dst, 3 * PAGE, RW), ro = attach(dst, 3 * PAGE, RO);

	BYTE(at) = 9;
	EXPECT_EQ(BYTE(ro + PAGE), 0);
	EXPECT_EQ(l4re_ds_copy_in(dst, 0, src, 0, 3 * PAGE), 0);
	for (unsigned page = 0; page < 3; page++) {
		EXPECT(is_filled(at + page * PAGE, PAGE, MARK(page)));
		EXPECT(is_filled(ro + page * PAGE, PAGE, MARK(page)));
	}
	BYTE(at + PAGE) = 77;
	EXPECT_EQ(BYTE(ro + PAGE), 77);
	EXPECT_EQ(ds_byte(src, PAGE), MARK(1));
	detach(at);
	detach(ro);
	slot_drop(src);
	slot_drop(dst);
}

/* 7.7 */
TEST(a_dataspace_copied_onto_itself_is_the_same)
{
	l4re_ds_t ds = ds_marked(3);

	EXPECT_EQ(l4re_ds_copy_in(ds, 0, ds, 0, 3 * PAGE), 0);
	EXPECT_EQ(l4re_ds_copy_in(ds, 5, ds | L4_CAP_FPAGE_RO, 5, PAGE), 0);
	for (unsigned page = 0; page < 3; page++)
		EXPECT_EQ(ds_byte(ds, page * PAGE + 7), MARK(page));
	EXPECT_EQ(l4re_ds_copy_in(ds, 2 * PAGE, ds, 0, PAGE), 0);
	EXPECT_EQ(ds_byte(ds, 2 * PAGE + 7), MARK(0));
	slot_drop(ds);
}

/* 7.7, 2.4 */
TEST(a_source_that_can_be_read_only_will_do)
{
	l4re_ds_t src = ds_marked(1), alias = ds_alias(src, L4_CAP_FPAGE_RO),
		  dst = ds_new(PAGE);

	EXPECT_EQ(l4re_ds_copy_in(dst, 0, alias | L4_CAP_FPAGE_RO, 0, PAGE), 0);
	EXPECT_EQ(ds_byte(dst, 0), MARK(0));
	slot_drop(src);
	slot_drop(alias);
	slot_drop(dst);
}

/* 7.7, 16.7 */
TEST(a_destination_that_can_be_read_only_will_not)
{
	l4re_ds_t dst = ds_new(PAGE), alias = ds_alias(dst, L4_CAP_FPAGE_RO),
		  src = ds_marked(1);

	EXPECT_EQ(l4re_ds_copy_in(alias, 0, src, 0, PAGE), -L4_EACCESS);
	EXPECT_EQ(l4re_ds_copy_in(alias, 0, L4_INVALID_CAP, 0, PAGE), -L4_EACCESS);
	EXPECT_EQ(l4re_ds_copy_in(alias, 0, src, 0, 0), -L4_EACCESS);
	EXPECT_EQ(ds_byte(dst, 0), 0);
	slot_drop(src);
	slot_drop(alias);
	slot_drop(dst);
}

/* 7.7, 16.7 */
TEST(what_is_no_dataspace_is_no_source)
{
	l4re_ds_t dst = ds_marked(1), empty = slot_new();

	EXPECT_EQ(l4re_ds_copy_in(dst, 0, empty, 0, 100), -L4_EINVAL);
	EXPECT_EQ(l4re_ds_copy_in(dst, 0, L4_INVALID_CAP, 0, 100), -L4_EINVAL);
	EXPECT_EQ(l4re_ds_copy_in(dst, 0, other_object(), 0, 100), -L4_EINVAL);
	EXPECT_EQ(l4re_ds_copy_in(dst, 0, empty, 0, 0), -L4_EINVAL);
	EXPECT_EQ(l4re_ds_copy_in(dst, ~0UL, empty, 0, 1), -L4_EINVAL);
	EXPECT_EQ(ds_byte(dst, 0), MARK(0));
	slot_drop(empty);
	slot_drop(dst);
}

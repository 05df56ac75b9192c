/* SPDX-License-Identifier: MIT */
/*
 * test_ds.c - l4re_ds_clear(), _allocate(), _size(), _flags(), _info() and _phys()
 */
#include "rig.h"

/* Fills all storage of a dataspace. */
static l4re_ds_t ds_filled(unsigned long size, unsigned char with)
{
	l4re_ds_t ds = ds_new(size);
	l4_addr_t at = attach(ds, size, RW);

	(void)memset((void *)at, with, l4_round_page(size));
	detach(at);
	return ds;
}

/* Bytes [@from, @to) are zero and all others are not. */
static bool is_cleared(l4re_ds_t ds, unsigned long size, l4_addr_t from, l4_addr_t to)
{
	l4_addr_t at = attach(ds, size, RO);
	bool is = true;

	for (l4_addr_t i = 0; i < l4_round_page(size); i++)
		is &= (BYTE(at + i) == 0) == (i >= from && i < to);
	detach(at);
	return is;
}

/* 7.5, 16.7 */
TEST(clearing_zeroes_exactly_its_bytes)
{
	static const struct {
		l4_addr_t offset;
		unsigned long size, end;
	} cuts[] = {
		{ 100, 1, 101 },
		{ 0, PAGE, PAGE },
		{ PAGE - 1, 2, PAGE + 1 },
		{ 0x800, 2 * PAGE, 2 * PAGE + 0x800 },
		{ 3 * PAGE - 1, 0x2000, 3 * PAGE },
		{ PAGE, ~0UL, 3 * PAGE },
		{ 0, ~0UL, 3 * PAGE },
	};
	l4re_ds_t ds;

	for (unsigned n = 0; n < sizeof(cuts) / sizeof(*cuts); n++) {
		ds = ds_filled(3 * PAGE, 0xee);
		EXPECT(l4re_ds_clear(ds, cuts[n].offset, cuts[n].size) >= 0);
		EXPECT(is_cleared(ds, 3 * PAGE, cuts[n].offset, cuts[n].end));
		slot_drop(ds);
	}
}

/* 7.5 */
TEST(clearing_no_bytes_is_fine)
{
	l4re_ds_t ds = ds_filled(3 * PAGE, 0xee);

	EXPECT(l4re_ds_clear(ds, 10, 0) >= 0);
	EXPECT(l4re_ds_clear(ds, 0, 0) >= 0);
	EXPECT(is_cleared(ds, 3 * PAGE, 0, 0));
	slot_drop(ds);
}

/* 7.5 */
TEST(clearing_goes_to_the_end_of_the_last_page_and_no_further)
{
	unsigned long size, end;
	l4re_ds_t ds;

	FOR_EACH_SIZE(size)
	{
		ds = ds_filled(size, 0xee);
		end = l4_round_page(size);
		EXPECT_EQ(l4re_ds_clear(ds, end, 1), -L4_ERANGE);
		EXPECT_EQ(l4re_ds_clear(ds, end + PAGE, 1), -L4_ERANGE);
		EXPECT_EQ(l4re_ds_clear(ds, ~0UL, 1), -L4_ERANGE);
		EXPECT(is_cleared(ds, size, 0, 0));
		EXPECT(l4re_ds_clear(ds, end - 1, 1) >= 0);
		EXPECT(is_cleared(ds, size, end - 1, end));
		EXPECT(l4re_ds_clear(ds, size / 2, ~0UL) >= 0);
		EXPECT(is_cleared(ds, size, size / 2, end));
		EXPECT_EQ(l4re_ds_size(ds), size);
		slot_drop(ds);
	}
}

/* 7.5 */
TEST(every_view_sees_the_zeros)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = attach(ds, 3 * PAGE, RW), other = attach(ds, 3 * PAGE, RO);

	EXPECT_EQ(BYTE(other + PAGE), MARK(1));
	EXPECT(l4re_ds_clear(ds, PAGE - 4, PAGE + 8) >= 0);
	EXPECT(is_filled(at + PAGE - 4, PAGE + 8, 0));
	EXPECT(is_filled(other + PAGE - 4, PAGE + 8, 0));
	EXPECT_EQ(BYTE(at + PAGE - 5), MARK(0));
	EXPECT_EQ(BYTE(other + 2 * PAGE + 4), MARK(2));
	BYTE(at + PAGE) = 6;
	EXPECT_EQ(BYTE(other + PAGE), 6);
	detach(at);
	detach(other);
	slot_drop(ds);
}

/* 7.5, 16.7 */
TEST(what_cannot_be_written_cannot_be_cleared)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);

	EXPECT_EQ(l4re_ds_clear(alias, 0, 1), -L4_EACCESS);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	slot_drop(alias);
	slot_drop(ds);
}

/* ---- allocate ---- */

/* 7.6, 16.7 */
TEST(a_range_inside_can_be_allocated)
{
	l4re_ds_t ds = ds_marked(3);

	EXPECT_EQ(l4re_ds_allocate(ds, 0, 3 * PAGE), 0);
	EXPECT_EQ(l4re_ds_allocate(ds, 0, 0), 0);
	EXPECT_EQ(l4re_ds_allocate(ds, 2 * PAGE - 1, 2), 0);
	EXPECT_EQ(l4re_ds_allocate(ds, 3 * PAGE - 1, 1), 0);
	for (unsigned page = 0; page < 3; page++)
		EXPECT_EQ(ds_byte(ds, page * PAGE), MARK(page));
	slot_drop(ds);
}

/* 7.6, 16.7 */
TEST(a_range_that_is_not_inside_cannot_be_allocated)
{
	l4re_ds_t ds = ds_new(3 * PAGE);

	EXPECT_EQ(l4re_ds_allocate(ds, 0, 3 * PAGE + 1), -L4_ERANGE);
	EXPECT_EQ(l4re_ds_allocate(ds, 4 * PAGE, 2), -L4_ERANGE);
	EXPECT_EQ(l4re_ds_allocate(ds, ~0UL, 1), -L4_ERANGE);
	EXPECT_EQ(l4re_ds_allocate(ds, 0, ~0UL), -L4_ERANGE);
	EXPECT_EQ(l4re_ds_allocate(ds, PAGE, ~0UL - PAGE + 2), -L4_ERANGE);
	slot_drop(ds);
}

/* 7.6 */
TEST(allocating_is_exact_to_the_byte)
{
	unsigned long size;
	l4re_ds_t ds;

	FOR_EACH_SIZE(size)
	{
		ds = ds_new(size);
		EXPECT_EQ(l4re_ds_allocate(ds, 0, size), 0);
		EXPECT_EQ(l4re_ds_allocate(ds, size - 1, 1), 0);
		EXPECT_EQ(l4re_ds_allocate(ds, 0, size + 1), -L4_ERANGE);
		EXPECT_EQ(l4re_ds_allocate(ds, size, 1), -L4_ERANGE);
		EXPECT_EQ(l4re_ds_allocate(ds, size - 1, 2), -L4_ERANGE);
		EXPECT_EQ(l4re_ds_size(ds), size);
		slot_drop(ds);
	}
}

/* ---- size, flags, info ---- */

/* 7.8 */
TEST(the_size_is_that_of_creation)
{
	static const unsigned long sizes[] = { 1, 1024, PAGE - 1, PAGE, PAGE + 1 };
	l4re_ds_stats_t stats;
	unsigned long size;
	l4re_ds_t ds;

	FOR_EACH_SIZE(size)
	{
		ds = ds_new(size);
		EXPECT_EQ(l4re_ds_size(ds), size);
		slot_drop(ds);
	}
	for (unsigned n = 0; n < sizeof(sizes) / sizeof(*sizes); n++) {
		ds = ds_new(sizes[n]);
		EXPECT_EQ(l4re_ds_size(ds), sizes[n]);
		EXPECT_EQ(l4re_ds_size(ds | L4_CAP_FPAGE_RW), sizes[n]);
		EXPECT_EQ(l4re_ds_info(ds, &stats), 0);
		EXPECT_EQ(stats.size, sizes[n]);
		slot_drop(ds);
	}
}

/* 7.8, 16.7 */
TEST(the_flags_are_those_of_the_capability)
{
	l4re_ds_t ds = ds_new(PAGE), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4re_ds_t full = ds_alias(ds, L4_CAP_FPAGE_RWSD);
	l4re_ds_stats_t stats;
#ifdef L4RE_MODERN
	const unsigned long mask = L4RE_DS_F_RW, rw = L4RE_DS_F_RW, ro = L4RE_DS_F_R;
#else
	const unsigned long mask = 1, rw = 1, ro = 0;
#endif

	EXPECT_EQ((unsigned long)l4re_ds_flags(ds) & mask, rw);
	EXPECT_EQ((unsigned long)l4re_ds_flags(full) & mask, rw);
	EXPECT((long)l4re_ds_flags(alias) >= 0);
	EXPECT_EQ((unsigned long)l4re_ds_flags(alias) & mask, ro);
	EXPECT_EQ(l4re_ds_info(ds, &stats), 0);
	EXPECT_EQ(stats.flags & mask, rw);
	EXPECT_EQ(l4re_ds_info(alias, &stats), 0);
	EXPECT_EQ(stats.flags & mask, ro);
	EXPECT_EQ(stats.size, PAGE);
	slot_drop(full);
	slot_drop(alias);
	slot_drop(ds);
}

/* 2.4 */
TEST(rights_in_the_index_of_a_dataspace_do_not_matter)
{
	l4re_ds_t ds = ds_marked(1), bits = ds | L4_CAP_FPAGE_RO, other = ds_new(PAGE);
	l4re_ds_stats_t stats;
	l4_addr_t at = room(1);

	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_EQ(l4re_ds_map(bits, 0, DS_RW, at, at, at), 0);
	EXPECT_EQ(l4re_ds_map_region(bits, 0, DS_RW, at, at + PAGE), 0);
	EXPECT_EQ(BYTE(at), MARK(0));
	unmap(at, 1, L4_FPAGE_RWX);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	EXPECT(l4re_ds_clear(bits, 0, 1) >= 0);
	EXPECT_EQ(l4re_ds_allocate(bits, 0, 1), 0);
	EXPECT_EQ(l4re_ds_copy_in(bits, 0, other | 0xff, 0, 1), 0);
	EXPECT_EQ(l4re_ds_copy_in(other | 0xff, 0, bits, 1, 1), 0);
	EXPECT_EQ(l4re_ds_size(ds | 0xff), PAGE);
	EXPECT_EQ(l4re_ds_flags(bits), l4re_ds_flags(ds));
	EXPECT_EQ(l4re_ds_info(ds | 0xff, &stats), 0);
	EXPECT_EQ(ds_byte(ds, 0), 0);
	EXPECT_EQ(ds_byte(other, 0), MARK(0));
	slot_drop(ds);
	slot_drop(other);
}

#ifndef L4RE_MODERN
/* 7.9 */
TEST(memory_has_no_physical_address)
{
	l4re_ds_t ds = ds_new(PAGE), pinned = slot_new();
	l4_addr_t address = 5;
	l4_size_t size = 6;

	EXPECT_EQ(l4re_ma_alloc(PAGE, pinned, L4RE_MA_PINNED), 0);
	EXPECT_EQ(l4re_ds_phys(ds, 0, &address, &size), -L4_EINVAL);
	EXPECT_EQ(l4re_ds_phys(pinned, 0, &address, &size), -L4_EINVAL);
	slot_drop(ds);
	slot_drop(pinned);
}
#endif

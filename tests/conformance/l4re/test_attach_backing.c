/* SPDX-License-Identifier: MIT */
/*
 * test_attach_backing.c - l4re_rm_attach(): what may be behind a region
 */
#include "rig.h"

/* 5.3.6 */
TEST(an_invalid_index_is_no_backing)
{
	l4_addr_t at = room(1), from = at;

	EXPECT_EQ(attach_at(at, PAGE, RW, L4_INVALID_CAP, 0), -L4_ENOENT);
	EXPECT_EQ(attach_from(&from, PAGE, RW, L4_INVALID_CAP, L4_PAGESHIFT), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, PAGE, RO, L4_INVALID_CAP | L4_CAP_FPAGE_RO, 0), -L4_ENOENT);
	EXPECT_FREE(at);
}

/* */
TEST(r10_an_empty_slot_is_no_backing)
{
	l4_cap_idx_t slot = slot_new();
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, RW, slot, 0), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, PAGE, RW | EAGER, slot, 0), -L4_ENOENT);
	EXPECT_FREE(at);
	slot_drop(slot);
}

/* 5.3.6 */
TEST(another_object_is_no_backing)
{
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, RW, l4re_env()->mem_alloc, 0), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, PAGE, RW, l4re_env()->rm, 0), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, PAGE, RW, L4_BASE_TASK_CAP, 0), -L4_ENOENT);
	EXPECT_FREE(at);
}

/* 5.3.6 */
TEST(a_dataspace_is_no_pager)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, PAGED, ds, 0), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, PAGE, PAGED, L4_INVALID_CAP, 0), -L4_ENOENT);
	EXPECT_FREE(at);
	slot_drop(ds);
}

/* 2.4 */
TEST(rights_are_no_part_of_an_index)
{
	static const unsigned long rights[] = { L4_CAP_FPAGE_RW, L4_CAP_FPAGE_RWSD, 0xff };
	l4re_ds_t ds = ds_marked(1), was;
	l4_addr_t at = room(1);

	for (unsigned n = 0; n < sizeof(rights) / sizeof(*rights); n++) {
		EXPECT_EQ(attach_at(at, PAGE, RW, ds | rights[n], 0), 0);
		EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
		EXPECT_WORKS(at, WRITE);
		EXPECT_EQ(l4re_rm_detach_ds((void *)at, &was), 0);
		EXPECT_EQ(was, ds);
	}
	slot_drop(ds);
}

/* 5.3.6, 6 */
TEST(a_dataspace_may_be_shorter_than_its_region)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = attach(ds, 4 * PAGE, RW);

	EXPECT_RECORD(at, at, 4 * PAGE, 0, RW, ds);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	EXPECT_WORKS(at + PAGE, WRITE);
	EXPECT_FAULTS(at + 2 * PAGE, READ);
	EXPECT_FAULTS(at + 4 * PAGE - 1, WRITE);
	detach(at);
	slot_drop(ds);
}

/* 5.3.6, 6 */
TEST(an_offset_may_be_beyond_the_end)
{
	static const l4_addr_t offsets[] = { 2 * PAGE, 5 * PAGE + 7, 1UL << 40, 1UL << 62 };
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(1);

	for (unsigned n = 0; n < sizeof(offsets) / sizeof(*offsets); n++) {
		EXPECT_EQ(attach_at(at, PAGE, RW, ds, offsets[n]), 0);
		EXPECT_RECORD(at, at, PAGE, offsets[n], RW, ds);
		EXPECT_FAULTS(at, READ);
		EXPECT_FAULTS(at, WRITE);
		EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
		detach(at);
	}
	slot_drop(ds);
}

/* 5.3.6 */
TEST(every_view_shows_the_same_bytes_at_once)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t whole = attach(ds, 4 * PAGE, RW), again = attach(ds, 4 * PAGE, RW);
	l4_addr_t looking = attach(ds, 4 * PAGE, RO), at = room(2);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, PAGE), 0);
	WORD(at + PAGE) = 0x1234;
	EXPECT_EQ(WORD(whole + 2 * PAGE), 0x1234);
	EXPECT_EQ(WORD(again + 2 * PAGE), 0x1234);
	EXPECT_EQ(WORD(looking + 2 * PAGE), 0x1234);
	WORD(again + PAGE) = 0x5678;
	EXPECT_EQ(WORD(at), 0x5678);
	detach(again);
	EXPECT_EQ(WORD(whole + PAGE), 0x5678);
	detach(whole);
	detach(looking);
	detach(at);
	slot_drop(ds);
}

/* R-07, 5.3.6 */
TEST(r07_a_region_keeps_its_dataspace_when_the_slot_is_freed)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = attach(ds, 2 * PAGE, RW);

	slot_drop(ds);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	EXPECT_WORKS(at, WRITE);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW, ds);
	detach(at);
}

/* */
TEST(r07_a_region_keeps_its_dataspace_when_the_slot_is_used_again)
{
	l4re_ds_t ds = ds_marked(1), was;
	l4_addr_t at = attach(ds, PAGE, RW), other;

	EXPECT_EQ(l4re_ma_alloc(PAGE, ds, 0), 0);
	other = attach(ds, PAGE, RW);
	BYTE(other) = 99;
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT(is_filled(other + 1, PAGE - 1, 0));
	EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, &was), 0);
	EXPECT_EQ(was, ds);
	EXPECT_EQ(BYTE(other), 99);
	detach(other);
	slot_drop(ds);
}

/* R-07, 16.6 */
TEST(r07_the_memory_is_gone_after_the_last_detach)
{
	unsigned fds = test_count_fds(), mappings = test_count_memfd_mappings();
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, RW), again = attach(ds, PAGE, RW);

	slot_drop(ds);
	BYTE(at) = 1;
	detach(at);
	EXPECT_EQ(BYTE(again), 1);
	detach(again);
	EXPECT(test_count_fds() <= fds);
	EXPECT_EQ(test_count_memfd_mappings(), mappings);
	EXPECT_FAULTS(again, READ);
}

/* 5.3.6, 16.6 */
TEST(a_read_only_alias_can_be_attached_for_reading)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = attach(alias, PAGE, RO), own = attach(ds, PAGE, RW);

	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_FAULTS(at, WRITE);
	BYTE(own) = 42;
	EXPECT_EQ(BYTE(at), 42);
	EXPECT_RECORD(at, at, PAGE, 0, RO, alias);
	detach(at);
	detach(own);
	slot_drop(alias);
	slot_drop(ds);
}

/* 5.3.6, 16.6 */
TEST(a_read_only_alias_can_be_attached_eagerly_for_reading)
{
	l4re_ds_t ds = ds_marked(2), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = attach(alias, 2 * PAGE, RO | EAGER);

	EXPECT(is_present(at) && is_present(at + PAGE));
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	EXPECT_FAULTS(at, WRITE);
	detach(at);
	slot_drop(alias);
	slot_drop(ds);
}

#ifndef L4RE_MODERN
/* */
TEST(r06_a_classic_writable_region_of_what_cannot_be_written_can_be_read)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = attach(alias, PAGE, 0);

	EXPECT_RECORD(at, at, PAGE, 0, 0, alias);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_FAULTS(at, WRITE);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	detach(at);
	slot_drop(alias);
	slot_drop(ds);
}

/* */
TEST(r06_a_classic_eager_one_is_refused_and_attached)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	void *start = NULL;
	l4_addr_t at;

	EXPECT_EQ(l4re_rm_attach(&start, PAGE, SEARCH | EAGER, alias, 0, L4_PAGESHIFT),
		  -L4_EPERM);
	EXPECT(start != NULL);
	at = (l4_addr_t)start;
	EXPECT_RECORD(at, at, PAGE, 0, 0, alias);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_FAULTS(at, WRITE);
	detach(at);
	slot_drop(alias);
	slot_drop(ds);
}

/* */
TEST(r06_strict_rights_refuse_a_classic_writable_region_of_what_cannot_be_written)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = room(1);

	EXPECT_EQ(l4re_tract_strict_rights(1), 0);
	EXPECT_EQ(l4re_tract_strict_rights(-1), 1);
	EXPECT_EQ(attach_at(at, PAGE, 0, alias, 0), -L4_EPERM);
	EXPECT_EQ(attach_at(at, PAGE, EAGER, alias, 0), -L4_EPERM);
	EXPECT_FREE(at);
	EXPECT_EQ(attach_at(at, PAGE, RO, alias, 0), 0);
	detach(at);
	EXPECT_EQ(attach_at(at, PAGE, 0, ds, 0), 0);
	detach(at);
	EXPECT_EQ(l4re_tract_strict_rights(0), 1);
	EXPECT_EQ(attach_at(at, PAGE, 0, alias, 0), 0);
	detach(at);
	slot_drop(alias);
	slot_drop(ds);
}
#else
/* */
TEST(r06_a_modern_writable_region_of_what_cannot_be_written_is_refused)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, RW, alias, 0), -L4_EPERM);
	EXPECT_EQ(attach_at(at, PAGE, RW | EAGER, alias, 0), -L4_EPERM);
	EXPECT_FREE(at);
	EXPECT_EQ(attach_at(at, PAGE, RO, alias, 0), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);
	slot_drop(alias);
	slot_drop(ds);
}
#endif

/* ---- regions without a backing, 5.3.5 ---- */

/* 5.3.5 */
TEST(a_reserved_region_needs_no_dataspace_and_shows_nothing)
{
	l4_addr_t at = room(2);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RESERVED, L4_INVALID_CAP, 0), 0);
	EXPECT_RECORD(at + PAGE, at, 2 * PAGE, 0, RESERVED, L4_INVALID_CAP);
	EXPECT_FAULTS(at, READ);
	EXPECT_FAULTS(at, WRITE);
	EXPECT_FAULTS(at + 2 * PAGE - 1, READ);
	detach(at);
	EXPECT_FREE(at);
}

/* 5.3.5, 5.6.2 */
TEST(a_reserved_region_ignores_the_dataspace_and_keeps_the_offset)
{
	l4re_ds_t ds = ds_marked(1);
	l4_cap_idx_t slot = slot_new();
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, RESERVED, ds, 0x1234), 0);
	EXPECT_RECORD(at, at, PAGE, 0x1234, RESERVED, L4_INVALID_CAP);
	EXPECT_FAULTS(at, READ);
	detach(at);
	EXPECT_EQ(attach_at(at, PAGE, RESERVED | RO, slot, 0), 0);
	EXPECT_RECORD(at, at, PAGE, 0, RESERVED | RO, L4_INVALID_CAP);
	detach(at);
	slot_drop(slot);
	slot_drop(ds);
}

/* 5.3.5 */
TEST(a_reserved_region_blocks_its_range)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(4), from = at;

	EXPECT_EQ(attach_at(at, 2 * PAGE, RESERVED, L4_INVALID_CAP, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_from(&from, PAGE, RW, ds, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + 2 * PAGE);
	detach(from);
	from = at;
	EXPECT_EQ(reserve_from(&from, PAGE, 0, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + 2 * PAGE);
	EXPECT_EQ(l4re_rm_free_area(from), 0);
	detach(at);
	slot_drop(ds);
}

/* 5.3.5 */
TEST(a_reserved_region_is_a_region_and_no_area)
{
	l4re_ds_t was = 0;
	l4_addr_t at = 0;

	EXPECT_EQ(attach_from(&at, PAGE, RESERVED, L4_INVALID_CAP, L4_PAGESHIFT), 0);
	EXPECT_EQ(l4re_rm_free_area(at), -L4_ENOENT);
	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_RECORD(at, at, PAGE, 0, RESERVED, L4_INVALID_CAP);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, &was), 0);
	EXPECT_EQ(was, L4_INVALID_CAP);
}

/* 5.3.5 */
TEST(eager_mapping_means_nothing_to_a_reserved_region)
{
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, RESERVED | EAGER, L4_INVALID_CAP, 0), 0);
	EXPECT_RECORD(at, at, PAGE, 0, RESERVED, L4_INVALID_CAP);
	EXPECT_FAULTS(at, READ);
	detach(at);
}

/* 5.3.5, 5.3.4 */
TEST(a_reserved_region_may_be_in_an_area)
{
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RESERVED | IN_AREA, L4_INVALID_CAP, 0), 0);
	EXPECT_RECORD(at + PAGE, at + PAGE, PAGE, 0, RESERVED, L4_INVALID_CAP);
	EXPECT_AREA(at + 2 * PAGE, at, 4 * PAGE, 0);
	detach(at + PAGE);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
}

/* 5.3.5 */
TEST(a_reserved_region_may_be_much_larger_than_memory)
{
	l4_addr_t at = 0;

	EXPECT_EQ(attach_from(&at, TEST_VAST, RESERVED, L4_INVALID_CAP, L4_PAGESHIFT), 0);
	EXPECT_FAULTS(at + TEST_VAST / 2, READ);
	detach(at);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_detach_range.c - l4re_rm_detach_range(): the cases of the detach engine
 */
#include "rig.h"

#define GONE L4RE_RM_DETACHED_DS
#define KEPT L4RE_RM_KEPT_DS
#define SPLIT L4RE_RM_SPLIT_DS
#define AGAIN L4RE_RM_DETACH_AGAIN

static int exact(l4_addr_t start, unsigned long size, l4re_ds_t *ds)
{
	*ds = UNTOUCHED;
	return l4re_rm_detach_range(start, size, ds, L4_BASE_TASK_CAP);
}

static int overlap(l4_addr_t start, unsigned long size, l4re_ds_t *ds)
{
	*ds = UNTOUCHED;
	return l4re_rm_detach_range_srv(l4re_env()->rm, start, size, L4RE_RM_DETACH_OVERLAP, ds,
					L4_BASE_TASK_CAP);
}

/* Each page of the region shows the page of a marked dataspace that it should. */
static bool shows(l4_addr_t at, unsigned pages, unsigned first)
{
	for (unsigned page = 0; page < pages; page++)
		if (!is_filled(at + page * PAGE, PAGE, MARK(first + page)))
			return false;
	return true;
}

/* 5.5.3 A */
TEST(a_range_that_is_the_region_removes_it)
{
	l4re_ds_t ds = ds_marked(4), was;
	l4_addr_t at = attach(ds, 4 * PAGE, RW);

	EXPECT_EQ(exact(at, 4 * PAGE, &was), GONE);
	EXPECT_EQ(was, ds);
	EXPECT_FREE(at);
	EXPECT_FREE(at + 3 * PAGE);
	EXPECT_FAULTS(at, READ);
	slot_drop(ds);
}

/* 5.5.3 A */
TEST(a_range_around_the_region_removes_it)
{
	l4re_ds_t ds = ds_marked(2), was;
	l4_addr_t at = room(4);

	EXPECT_EQ(attach_at(at + PAGE, 2 * PAGE, RW, ds | L4_CAP_FPAGE_RW, 0), 0);
	EXPECT_EQ(exact(at, 4 * PAGE, &was), GONE);
	EXPECT_EQ(was, ds);
	EXPECT_FREE(at + PAGE);
	slot_drop(ds);
}

/* 5.5.3 B */
TEST(a_range_over_the_front_shortens_the_region)
{
	l4re_ds_t ds = ds_marked(8), was;
	l4_addr_t at = room(10);

	EXPECT_EQ(attach_at(at + 2 * PAGE, 6 * PAGE, RO, ds, 2 * PAGE), 0);
	EXPECT_EQ(exact(at, 3 * PAGE, &was), KEPT);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_FREE(at + 2 * PAGE);
	EXPECT_RECORD(at + 3 * PAGE, at + 3 * PAGE, 5 * PAGE, 3 * PAGE, RO, ds);
	EXPECT(shows(at + 3 * PAGE, 5, 3));
	EXPECT_FAULTS(at + 3 * PAGE - 1, READ);
	EXPECT_FAULTS(at + 3 * PAGE, WRITE);
	EXPECT_EQ(exact(at + 3 * PAGE, PAGE, &was), KEPT);
	EXPECT_RECORD(at + 4 * PAGE, at + 4 * PAGE, 4 * PAGE, 4 * PAGE, RO, ds);
	detach(at + 7 * PAGE);
	slot_drop(ds);
}

/* 5.5.3 C */
TEST(a_range_over_the_end_shortens_the_region)
{
	l4re_ds_t ds = ds_marked(6), was;
	l4_addr_t at = room(8);

	EXPECT_EQ(attach_at(at, 6 * PAGE, RW, ds, 0x10), 0);
	EXPECT_EQ(exact(at + 4 * PAGE, 4 * PAGE, &was), KEPT);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_RECORD(at, at, 4 * PAGE, 0x10, RW, ds);
	EXPECT(shows(at, 4, 0));
	EXPECT_FAULTS(at + 4 * PAGE, READ);
	EXPECT_EQ(exact(at + 3 * PAGE, PAGE, &was), KEPT);
	EXPECT_RECORD(at, at, 3 * PAGE, 0x10, RW, ds);
	detach(at);
	slot_drop(ds);
}

/* 5.5.3 D, 5.5.4 */
TEST(a_range_inside_of_the_region_splits_it)
{
	l4re_ds_t ds = ds_marked(10), was;
	l4_addr_t at = room(8);

	EXPECT_EQ(attach_at(at, 8 * PAGE, RW, ds, 2 * PAGE), 0);
	EXPECT_EQ(exact(at + 2 * PAGE, 3 * PAGE, &was), SPLIT);
	EXPECT_EQ(was, ds);
	EXPECT_RECORD(at + PAGE, at, 2 * PAGE, 2 * PAGE, RW, ds);
	EXPECT_RECORD(at + 7 * PAGE, at + 5 * PAGE, 3 * PAGE, 7 * PAGE, RW, ds);
	for (unsigned page = 2; page < 5; page++)
		EXPECT_FREE(at + page * PAGE);
	EXPECT(shows(at, 2, 2));
	EXPECT(shows(at + 5 * PAGE, 3, 7));
	EXPECT_FAULTS(at + 2 * PAGE, READ);
	EXPECT_FAULTS(at + 5 * PAGE - 1, READ);
	EXPECT_WORKS(at + 5 * PAGE, WRITE);
	detach(at);
	EXPECT(shows(at + 5 * PAGE, 3, 7));
	detach(at + 7 * PAGE);
	EXPECT_FREE(at + 5 * PAGE);
	slot_drop(ds);
}

/* 5.5.4, R-07 */
TEST(each_part_of_a_split_keeps_the_dataspace_alive)
{
	unsigned fds = test_count_fds(), mappings = test_count_memfd_mappings();
	l4re_ds_t ds = ds_marked(3), was;
	l4_addr_t at = attach(ds, 3 * PAGE, RW);

	slot_drop(ds);
	EXPECT_EQ(exact(at + PAGE, PAGE, &was), SPLIT);
	EXPECT(shows(at, 1, 0));
	detach(at);
	EXPECT(shows(at + 2 * PAGE, 1, 2));
	EXPECT_EQ(l4re_rm_detach_ds((void *)(at + 2 * PAGE), &was), 0);
	EXPECT_EQ(was, ds);
	EXPECT(test_count_fds() <= fds);
	EXPECT_EQ(test_count_memfd_mappings(), mappings);
}

/* 5.5.2 */
TEST(again_is_said_while_another_region_is_in_the_range)
{
	l4re_ds_t ds = ds_marked(8), was;
	l4_addr_t at = room(16);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(attach_at(at + 2 * PAGE, 2 * PAGE, RW, ds, 2 * PAGE), 0);
	EXPECT_EQ(attach_at(at + 5 * PAGE, 2 * PAGE, RW, ds, 4 * PAGE), 0);
	EXPECT_EQ(exact(at + PAGE, 5 * PAGE, &was), KEPT | AGAIN);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
	EXPECT_EQ(exact(at + PAGE, 5 * PAGE, &was), GONE | AGAIN);
	EXPECT_EQ(was, ds);
	EXPECT_FREE(at + 2 * PAGE);
	EXPECT_EQ(exact(at + PAGE, 5 * PAGE, &was), KEPT);
	EXPECT_RECORD(at + 6 * PAGE, at + 6 * PAGE, PAGE, 5 * PAGE, RW, ds);
	EXPECT_EQ(exact(at + PAGE, 5 * PAGE, &was), -L4_ENOENT);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT(shows(at, 1, 0));
	EXPECT(shows(at + 6 * PAGE, 1, 5));
	detach(at);
	detach(at + 6 * PAGE);
	slot_drop(ds);
}

/* 5.5.2 */
TEST(a_neighbour_of_the_range_is_no_reason_to_call_again)
{
	l4re_ds_t ds = ds_marked(6), was;
	l4_addr_t at = room(8);

	for (unsigned n = 0; n < 3; n++)
		EXPECT_EQ(attach_at(at + 2 * n * PAGE, 2 * PAGE, RW, ds, 2 * n * PAGE), 0);
	EXPECT_EQ(exact(at + 2 * PAGE, 2 * PAGE, &was), GONE);
	EXPECT(shows(at, 2, 0));
	EXPECT(shows(at + 4 * PAGE, 2, 4));
	detach(at);
	detach(at + 4 * PAGE);
	slot_drop(ds);
}

/* 5.5.1 */
TEST(mode_overlap_removes_regions_as_a_whole)
{
	l4re_ds_t ds = ds_marked(4), was;
	l4_addr_t at = room(8);

	EXPECT_EQ(attach_at(at, 4 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(attach_at(at + 4 * PAGE, 4 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(overlap(at + 3 * PAGE, 2 * PAGE, &was), GONE | AGAIN);
	EXPECT_EQ(was, ds);
	EXPECT_FREE(at);
	EXPECT_RECORD(at + 4 * PAGE, at + 4 * PAGE, 4 * PAGE, 0, RW, ds);
	EXPECT_EQ(overlap(at + 3 * PAGE, 2 * PAGE, &was), GONE);
	EXPECT_FREE(at + 7 * PAGE);
	EXPECT_EQ(overlap(at + 3 * PAGE, 2 * PAGE, &was), -L4_ENOENT);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_EQ(attach_at(at, 4 * PAGE, RW, ds, 0), 0);
	EXPECT_EQ(overlap(at + PAGE, 1, &was), GONE);
	EXPECT_FREE(at + 3 * PAGE);
	slot_drop(ds);
}

/* 5.5.5 */
TEST(a_range_of_bytes_is_widened_to_pages)
{
	l4re_ds_t ds = ds_marked(6), was;
	l4_addr_t at = attach(ds, 6 * PAGE, RW);

	EXPECT_EQ(exact(at + PAGE + 0x800, 1, &was), SPLIT);
	EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
	EXPECT_RECORD(at + 2 * PAGE, at + 2 * PAGE, 4 * PAGE, 2 * PAGE, RW, ds);
	EXPECT_EQ(exact(at + 3 * PAGE - 1, 2, &was), KEPT);
	EXPECT_RECORD(at + 4 * PAGE, at + 4 * PAGE, 2 * PAGE, 4 * PAGE, RW, ds);
	detach(at);
	detach(at + 4 * PAGE);
	slot_drop(ds);
}

/* 3, 5.5.3 */
TEST(an_offset_inside_of_a_page_grows_by_what_was_cut)
{
	l4re_ds_t ds = ds_marked(6), was;
	l4_addr_t at = room(4);

	EXPECT_EQ(attach_at(at, 4 * PAGE, RW, ds, PAGE + 0x123), 0);
	EXPECT_EQ(exact(at + PAGE, PAGE, &was), SPLIT);
	EXPECT_RECORD(at, at, PAGE, PAGE + 0x123, RW, ds);
	EXPECT_RECORD(at + 2 * PAGE, at + 2 * PAGE, 2 * PAGE, 3 * PAGE + 0x123, RW, ds);
	EXPECT(shows(at, 1, 1));
	EXPECT(shows(at + 2 * PAGE, 2, 3));
	detach(at);
	detach(at + 2 * PAGE);
	slot_drop(ds);
}

/* 5.5.3 */
TEST(regions_without_backing_are_cut_like_others)
{
	l4_addr_t at = room(4);
	l4re_ds_t was;

	EXPECT_EQ(attach_at(at, 4 * PAGE, RESERVED, L4_INVALID_CAP, 0x3000), 0);
	EXPECT_EQ(exact(at + PAGE, PAGE, &was), SPLIT);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_RECORD(at, at, PAGE, 0x3000, RESERVED, L4_INVALID_CAP);
	EXPECT_RECORD(at + 2 * PAGE, at + 2 * PAGE, 2 * PAGE, 0x5000, RESERVED, L4_INVALID_CAP);
	EXPECT_FAULTS(at + 2 * PAGE, READ);
	detach(at);
	detach(at + 2 * PAGE);
}

/* 1.3, 11.3 */
TEST(areas_are_left_alone_and_what_was_cut_belongs_to_them_again)
{
	l4re_ds_t ds = ds_marked(4), was;
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at, 4 * PAGE, RW | IN_AREA, ds, 0), 0);
	EXPECT_EQ(exact(at + PAGE, 2 * PAGE, &was), SPLIT);
	EXPECT_AREA(at + PAGE, at, 4 * PAGE, 0);
	EXPECT_FAULTS(at + PAGE, READ);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW | IN_AREA, ds, PAGE), 0);
	EXPECT(shows(at, 2, 0));
	EXPECT(shows(at + 3 * PAGE, 1, 3));
	EXPECT_EQ(exact(at, 4 * PAGE, &was), GONE | AGAIN);
	EXPECT_EQ(exact(at, 4 * PAGE, &was), GONE | AGAIN);
	EXPECT_EQ(exact(at, 4 * PAGE, &was), GONE);
	EXPECT_EQ(exact(at, 4 * PAGE, &was), -L4_ENOENT);
	EXPECT_AREA(at, at, 4 * PAGE, 0);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* 11.3 */
TEST(the_loop_of_a_typical_caller_empties_a_range)
{
	l4re_ds_t ds = ds_marked(16), was = 0;
	l4_addr_t at = room(32);
	unsigned gone = 0, calls = 0;
	int r;

	for (unsigned n = 0; n < 8; n++)
		EXPECT_EQ(attach_at(at + 4 * n * PAGE, 3 * PAGE, RW, ds, n * PAGE), 0);
	do {
		r = exact(at + 2 * PAGE, 28 * PAGE, &was);
		EXPECT(r >= 0);
		gone += (r & L4RE_RM_DETACH_RESULT_MASK) == GONE && l4_is_valid_cap(was);
		EXPECT(++calls < 20);
	} while (r & AGAIN);
	/* The first lost its end, the last its front. */
	EXPECT_EQ(gone, 6);
	EXPECT_EQ(calls, 8);
	EXPECT_EQ(exact(at + 2 * PAGE, 28 * PAGE, &was), -L4_ENOENT);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW, ds);
	EXPECT_RECORD(at + 30 * PAGE, at + 30 * PAGE, PAGE, 9 * PAGE, RW, ds);
	detach(at);
	detach(at + 30 * PAGE);
	slot_drop(ds);
}

/* 11.3 */
TEST(ranges_and_modes_that_make_no_sense_are_refused)
{
	l4re_ds_t ds = ds_marked(1), was;
	l4_addr_t at = attach(ds, PAGE, RW);
	l4_cap_idx_t rm = l4re_env()->rm, task = L4_BASE_TASK_CAP;
	static const unsigned modes[] = { 0, 3, 8, 1 | 8, 2 | 16, 0x80000001 };

	EXPECT_EQ(exact(at, 0, &was), -L4_EINVAL);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_EQ(exact(at, ~0UL, &was), -L4_EINVAL);
	EXPECT_EQ(exact(~0UL - 5, 10, &was), -L4_EINVAL);
	for (unsigned n = 0; n < sizeof(modes) / sizeof(*modes); n++)
		EXPECT_EQ(l4re_rm_detach_range_srv(rm, at, PAGE, modes[n], &was, task),
			  -L4_EINVAL);
#ifdef L4RE_MODERN
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, at, PAGE, 1 | 4, &was, task), -L4_EINVAL);
#endif
	EXPECT_RECORD(at, at, PAGE, 0, RW, ds);
	detach(at);
	slot_drop(ds);
}

/* 11.3 */
TEST(where_nothing_is_no_range_is_detached)
{
	l4_addr_t at = room(4);
	l4re_ds_t was;

	EXPECT_EQ(exact(at, 4 * PAGE, &was), -L4_ENOENT);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(exact(at, 4 * PAGE, &was), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_detach_range(at, PAGE, NULL, L4_BASE_TASK_CAP), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
}

/* 11.3, 5.4 */
TEST(without_a_task_a_range_is_free_all_the_same)
{
	l4re_ds_t ds = ds_marked(3), other = ds_new(PAGE), was;
	l4_addr_t at = attach(ds, 3 * PAGE, RW | EAGER);

	EXPECT_EQ(l4re_rm_detach_range(at + PAGE, PAGE, &was, L4_INVALID_CAP), SPLIT);
	EXPECT_FREE(at + PAGE);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW, other, 0), 0);
	EXPECT(is_filled(at + PAGE, PAGE, 0));
	EXPECT(shows(at, 1, 0));
	EXPECT(shows(at + 2 * PAGE, 1, 2));
	for (unsigned page = 0; page < 3; page++)
		detach(at + page * PAGE);
	slot_drop(ds);
	slot_drop(other);
}

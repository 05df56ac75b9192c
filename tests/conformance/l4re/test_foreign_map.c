/* SPDX-License-Identifier: MIT */
/*
 * test_foreign_map.c - region maps that are not this task's own
 *
 * Such a map has the limits that it was made with, so the worked examples about limits are
 * literal here.
 */
#include "rig.h"

#define LOW 0x10000UL
#define HIGH 0xfffffUL
/* Rights are checked when such a map attaches. */
#define WITH_W L4_CAP_FPAGE_RW

static l4_cap_idx_t map_new(void)
{
	l4_cap_idx_t rm = slot_new();

	EXPECT_EQ(l4re_tract_rm_create(rm, LOW, HIGH), 0);
	return rm;
}

static void attaches(l4_cap_idx_t rm, l4re_ds_t ds, l4_addr_t start, unsigned long size,
		     unsigned flags, unsigned char align, int wanted, l4_addr_t at)
{
	void *p = (void *)start;

	EXPECT_EQ(l4re_rm_attach_srv(rm, &p, size, flags | RW, ds | WITH_W, 0, align), wanted);
	EXPECT_EQ(p, wanted == 0 ? at : start);
}

static void reserves(l4_cap_idx_t rm, l4_addr_t start, unsigned long size, int wanted)
{
	l4_addr_t at = start;

	EXPECT_EQ(l4re_rm_reserve_area_srv(rm, &at, size, 0, 0), wanted);
	EXPECT_EQ(at, start);
}

static void lists_region(l4_cap_idx_t rm, l4_addr_t start, l4_addr_t end)
{
	l4re_rm_range_t range;

	EXPECT_EQ(l4re_rm_get_regions_srv(rm, start, &range, 1), 1);
	EXPECT_EQ(range.start, start);
	EXPECT_EQ(range.end, end);
}

#define OK(at) 0, (at)
#define FAILS(code) -(code), 0

/* 16.1, 16.2 */
TEST(examples_1_and_2_in_their_own_limits)
{
	l4_cap_idx_t rm = map_new();
	l4re_ds_t ds = ds_new(PAGE);

	attaches(rm, ds, 0, 0x3000, SEARCH, 12, OK(0x10000));
	attaches(rm, ds, 0, 0x1000, SEARCH, 12, OK(0x13000));
	attaches(rm, ds, 0x20800, 0x1801, 0, 12, OK(0x20000));
	lists_region(rm, 0x20000, 0x21fff);
	attaches(rm, ds, 0, 0x1000, SEARCH, 16, OK(0x30000));
	attaches(rm, ds, 0x21000, 0x1000, 0, 12, FAILS(99));
	attaches(rm, ds, 0x13fff, 1, 0, 12, FAILS(99));
	attaches(rm, ds, 0x9000, 0x1000, 0, 12, FAILS(99));
	attaches(rm, ds, 0x9000, 0, 0, 12, FAILS(22));
	reserves(rm, 0x14000, 0x8000, 0);
	attaches(rm, ds, 0, 0x4000, SEARCH, 12, OK(0x1c000));
	attaches(rm, ds, 0x15000, 0x1000, 0, 12, FAILS(99));
	attaches(rm, ds, 0x15000, 0x1000, IN_AREA, 12, OK(0x15000));
	attaches(rm, ds, 0x1b000, 0x2000, IN_AREA, 12, FAILS(99));
	attaches(rm, ds, 0x14000, 0x2000, SEARCH | IN_AREA, 12, OK(0x16000));
	attaches(rm, ds, 0x15000, 0x5000, SEARCH | IN_AREA, 12, FAILS(99));
	attaches(rm, ds, 0xe0000, 0x1000, IN_AREA, 12, FAILS(2));
	EXPECT_EQ(l4re_rm_free_area_srv(rm, 0x1bfff), 0);
	lists_region(rm, 0x15000, 0x15fff);
	lists_region(rm, 0x16000, 0x17fff);
	EXPECT_EQ(l4re_rm_free_area_srv(rm, 0x1bfff), -2);
	reserves(rm, 0x40010, 0x1000, 0);
	reserves(rm, 0x40000, 0x10, 0);
	reserves(rm, 0x4100f, 1, -99);
	attaches(rm, ds, 0x41000, 0x1000, 0, 12, FAILS(99));
	slot_drop(rm);
	slot_drop(ds);
}

/* 16.4 */
TEST(example_4_the_end_of_the_space)
{
	l4_cap_idx_t rm = map_new();
	l4re_ds_t ds = ds_new(PAGE);

	attaches(rm, ds, 0xff000, 0x2000, SEARCH, 12, FAILS(99));
	attaches(rm, ds, 0xff000, 0x1000, SEARCH, 12, OK(0xff000));
	attaches(rm, ds, 0xff000, 0x1000, SEARCH, 12, FAILS(99));
	attaches(rm, ds, 0x200000, 0x1000, SEARCH, 12, OK(0x10000));
	attaches(rm, ds, ~0UL, 0x1000, SEARCH, 12, OK(0x11000));
	attaches(rm, ds, 0, 0xf0000 + 0x1000, SEARCH, 12, FAILS(99));
	slot_drop(rm);
	slot_drop(ds);
}

/* 16.5 */
TEST(example_5_in_its_own_limits)
{
	l4_cap_idx_t rm = map_new(), task = L4_BASE_TASK_CAP;
	l4re_ds_t ds = ds_new(PAGE), was;

	attaches(rm, ds, 0x40000, 0x8000, 0, 12, OK(0x40000));
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, 0x42000, 0x3000, 1, &was, task), 2);
	EXPECT_EQ(was, ds);
	lists_region(rm, 0x40000, 0x41fff);
	lists_region(rm, 0x45000, 0x47fff);
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, 0x3f000, 0x2000, 1, &was, task), 1);
	EXPECT_EQ(was, L4_INVALID_CAP);
	lists_region(rm, 0x41000, 0x41fff);
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, 0x40000, 0x10000, 1, &was, task), 4);
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, 0x40000, 0x10000, 1, &was, task), 0);
	EXPECT_EQ(l4re_rm_detach_range_srv(rm, 0x40000, 0x10000, 1, &was, task), -2);
	slot_drop(rm);
	slot_drop(ds);
}

/* R-23, 5.6.4, 5.8 */
TEST(r23_nobody_looks_into_another_tasks_map)
{
	l4_cap_idx_t rm = map_new();
	l4_addr_t addr = LOW;
	unsigned long size = 1;
	l4re_ds_t ds = ds_new(PAGE), m = 0;
	region_offset offset = 7;
	unsigned flags = 7;

	EXPECT_EQ(l4re_rm_find_srv(rm, &addr, &size, &offset, &flags, &m), -L4_EPERM);
	attaches(rm, ds, LOW, PAGE, 0, 12, OK(LOW));
	EXPECT_EQ(l4re_rm_find_srv(rm, &addr, &size, &offset, &flags, &m), -L4_EPERM);
	EXPECT(addr == LOW && size == 1 && offset == 7 && flags == 7);
	slot_drop(rm);
	slot_drop(ds);
}

static int attach_to(l4_cap_idx_t rm, unsigned flags, l4re_ds_t mem)
{
	void *p = (void *)LOW;
	int r = l4re_rm_attach_srv(rm, &p, PAGE, flags, mem, 0, 0);

	if (r == 0)
		EXPECT_EQ(l4re_rm_detach_srv(rm, LOW, NULL, L4_BASE_TASK_CAP), 0);
	return r;
}

/* 5.3.6 */
TEST(another_tasks_map_looks_at_rights_when_it_attaches)
{
	l4re_ds_t ds = ds_new(PAGE), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_cap_idx_t rm = map_new();

	EXPECT_EQ(attach_to(rm, RW, ds | L4_CAP_FPAGE_RW), 0);
	EXPECT_EQ(attach_to(rm, RW, ds | L4_CAP_FPAGE_RWSD), 0);
	EXPECT_EQ(attach_to(rm, RW, ds), -L4_EPERM);
	EXPECT_EQ(attach_to(rm, RW, ds | L4_CAP_FPAGE_RO), -L4_EPERM);
	EXPECT_EQ(attach_to(rm, RO, ds | L4_CAP_FPAGE_RO), 0);
	EXPECT_EQ(attach_to(rm, RO, ds), 0);
	EXPECT_EQ(attach_to(rm, RW, alias | L4_CAP_FPAGE_RW), -L4_EPERM);
	EXPECT_EQ(attach_to(rm, RO, alias | L4_CAP_FPAGE_RO), 0);
	slot_drop(rm);
	slot_drop(alias);
	slot_drop(ds);
}

/* 5.3.6, 5.8 */
TEST(another_tasks_map_knows_no_pagers)
{
	l4_cap_idx_t rm = map_new();
	l4re_ds_t ds = ds_new(PAGE);

	EXPECT_EQ(attach_to(rm, PAGED, ds | WITH_W), -L4_EINVAL);
	slot_drop(ds);
	slot_drop(rm);
}

/* 5.3.6, R-10 */
TEST(another_tasks_map_refuses_what_is_no_dataspace)
{
	l4_cap_idx_t rm = map_new(), empty = slot_new();

	EXPECT_EQ(attach_to(rm, RW, L4_INVALID_CAP), -L4_ENOENT);
	EXPECT_EQ(attach_to(rm, RW, empty | WITH_W), -L4_ENOENT);
	EXPECT_EQ(attach_to(rm, RW, other_object() | WITH_W), -L4_ENOENT);
	EXPECT_EQ(attach_to(rm, RESERVED, L4_INVALID_CAP), 0);
	slot_drop(empty);
	slot_drop(rm);
}

/* 5.8 */
TEST(another_tasks_map_shows_nothing_here)
{
	l4_cap_idx_t rm = map_new();
	l4re_ds_t ds = ds_new(PAGE), was = 0;
	l4_addr_t at = room(1);

	EXPECT_EQ(l4re_tract_rm_create(rm, at, at + PAGE - 1), 0);
	attaches(rm, ds, at, PAGE, EAGER, 12, OK(at));
	EXPECT_FREE(at);
	EXPECT_FAULTS(at, READ);
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), 0);
	EXPECT_EQ(l4re_rm_detach_srv(rm, at, &was, L4_BASE_TASK_CAP), 0);
	EXPECT_EQ(was, ds);
	EXPECT_WORKS(at, WRITE);
	detach(at);
	slot_drop(rm);
	slot_drop(ds);
}

/* */
TEST(another_tasks_map_lets_its_dataspaces_go_when_it_goes)
{
	unsigned fds = test_count_fds();
	l4_cap_idx_t rm = map_new();
	l4re_ds_t ds = ds_new(PAGE), was = 0;

	attaches(rm, ds, LOW, PAGE, 0, 12, OK(LOW));
	attaches(rm, ds, LOW + PAGE, PAGE, 0, 12, OK(LOW + PAGE));
	slot_drop(ds);
	EXPECT_EQ(l4re_rm_detach_srv(rm, LOW, &was, L4_BASE_TASK_CAP), 0);
	EXPECT_EQ(was, ds);
	slot_drop(rm);
	EXPECT(test_count_fds() <= fds);
}

TEST(a_map_needs_a_slot_and_limits_that_are_pages)
{
	l4_cap_idx_t slot = slot_new();

	EXPECT_EQ(l4re_tract_rm_create(L4_INVALID_CAP, LOW, HIGH), -L4_EINVAL);
	EXPECT_EQ(l4re_tract_rm_create(slot, LOW + 1, HIGH), -L4_EINVAL);
	EXPECT_EQ(l4re_tract_rm_create(slot, LOW, HIGH - 1), -L4_EINVAL);
	EXPECT_EQ(l4re_tract_rm_create(slot, HIGH + 1, LOW - 1), -L4_EINVAL);
	EXPECT(!slot_is_filled(slot));
	slot_drop(slot);
}

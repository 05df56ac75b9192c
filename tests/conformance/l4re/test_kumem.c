/* SPDX-License-Identifier: MIT */
/*
 * test_kumem.c - l4re_util_kumem_alloc()
 */
#include "rig.h"

#include <l4/re/c/util/kumem_alloc.h>

static l4_addr_t kumem(unsigned order)
{
	l4_addr_t at = 0;

	EXPECT_EQ(l4re_util_kumem_alloc(&at, order, L4_BASE_TASK_CAP, l4re_env()->rm), 0);
	return at;
}

/* 5.8 */
TEST(memory_for_the_kernel_is_aligned_to_its_size_and_can_be_used)
{
	for (unsigned order = 0; order < 6; order++) {
		l4_addr_t at = kumem(order);

		EXPECT_EQ(at % (PAGE << order), 0);
		EXPECT(is_filled(at, PAGE << order, 0));
		(void)memset((void *)at, 5, PAGE << order);
		EXPECT_WORKS(at, WRITE);
	}
}

/* 5.8 */
TEST(memory_for_the_kernel_goes_to_the_lowest_place)
{
	l4_addr_t lowest = 0;

	EXPECT_EQ(reserve_from(&lowest, PAGE << 2, 0, L4_PAGESHIFT + 2), 0);
	EXPECT_EQ(l4re_rm_free_area(lowest), 0);
	EXPECT_EQ(kumem(2), lowest);
	EXPECT_EQ(kumem(2), lowest + (PAGE << 2));
}

/* 5.8 */
TEST(memory_for_the_kernel_is_in_the_map)
{
	l4_addr_t at = kumem(1);
#ifdef L4RE_MODERN
	region_offset offset;
	char name[41];
	struct record r;

	EXPECT_EQ(find(at + PAGE, 1, &r), 0);
	EXPECT_EQ(r.addr, at);
	EXPECT_EQ(r.size, 2 * PAGE);
	EXPECT(r.flags & L4RE_RM_F_KERNEL);
	EXPECT(!(r.flags & IN_AREA));
	EXPECT_EQ(r.m, L4_INVALID_CAP);
	EXPECT_EQ(l4re_rm_get_info(at, name, sizeof(name), &offset), 0);
	EXPECT_STR(name, "[kumem]");
#else
	EXPECT_AREA(at + PAGE, at, 2 * PAGE, RESERVED);
#endif
}

/* 5.8 */
TEST(nothing_else_is_attached_over_memory_for_the_kernel)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = kumem(0);

	BYTE(at) = 9;
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, PAGE, RW | IN_AREA, ds, 0),
		  IF_MODERN(-L4_ENOENT, -L4_EADDRNOTAVAIL));
	EXPECT_EQ(BYTE(at), 9);
	slot_drop(ds);
}

/* 5.8 */
TEST(without_a_task_nothing_stays_set_aside)
{
	l4_addr_t lowest = 0, at = 77, again = 0;
	l4re_ds_t ds = ds_new(PAGE);

	EXPECT_EQ(reserve_from(&lowest, PAGE, 0, L4_PAGESHIFT), 0);
	EXPECT_EQ(l4re_rm_free_area(lowest), 0);
	EXPECT_EQ(l4re_util_kumem_alloc(&at, 0, L4_INVALID_CAP, l4re_env()->rm), NOT_EXISTENT);
	EXPECT_EQ(l4re_util_kumem_alloc(&at, 0, ds, l4re_env()->rm), -L4_EBADPROTO);
	EXPECT_EQ(at, 77);
	EXPECT_FREE(lowest);
	EXPECT_EQ(reserve_from(&again, PAGE, 0, L4_PAGESHIFT), 0);
	EXPECT_EQ(again, lowest);
	EXPECT_EQ(l4re_rm_free_area(again), 0);
	slot_drop(ds);
}

/* 5.8 */
TEST(an_order_that_no_address_space_has_room_for_fails)
{
	l4_addr_t at = 77;

	EXPECT_EQ(l4re_util_kumem_alloc(&at, 50, L4_BASE_TASK_CAP, l4re_env()->rm),
		  -L4_EADDRNOTAVAIL);
	EXPECT_EQ(l4re_util_kumem_alloc(&at, 52, L4_BASE_TASK_CAP, l4re_env()->rm),
		  -L4_EADDRNOTAVAIL);
	EXPECT_EQ(l4re_util_kumem_alloc(&at, ~0U, L4_BASE_TASK_CAP, l4re_env()->rm),
		  -L4_EADDRNOTAVAIL);
	EXPECT_EQ(at, 77);
}

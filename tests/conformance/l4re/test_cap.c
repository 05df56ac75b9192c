/* SPDX-License-Identifier: MIT */
/*
 * test_cap.c - l4re_util_cap_alloc() and its siblings
 */
#include "rig.h"

#include <stdlib.h>

#define NUMBER(slot) ((slot) >> L4_CAP_SHIFT)

/* 9 */
TEST(a_fresh_slot_is_empty_and_has_no_low_bits)
{
	l4_cap_idx_t slot = l4re_util_cap_alloc();

	EXPECT(l4_is_valid_cap(slot));
	EXPECT_EQ(slot & (L4_CAP_SIZE - 1), 0);
	EXPECT(!slot_is_filled(slot));
	EXPECT((long)NUMBER(slot) <= l4re_util_cap_last());
	l4re_util_cap_free(slot);
}

/* 9 */
TEST(the_lowest_free_slot_comes_first)
{
	l4_cap_idx_t slots[8];

	for (unsigned n = 0; n < 8; n++) {
		slots[n] = slot_new();
		EXPECT(n == 0 || slots[n] == l4_capability_next(slots[n - 1]));
	}
	l4re_util_cap_free(slots[5]);
	l4re_util_cap_free_um(slots[2]);
	l4re_util_cap_free(slots[6]);
	EXPECT_EQ(slot_new(), slots[2]);
	EXPECT_EQ(slot_new(), slots[5]);
	EXPECT_EQ(slot_new(), slots[6]);
	for (unsigned n = 0; n < 8; n++)
		slot_drop(slots[n]);
	EXPECT_EQ(slot_new(), slots[0]);
	slot_drop(slots[0]);
}

/* 9 */
TEST(there_are_at_least_4096_slots_and_then_no_more)
{
	l4_cap_idx_t first = l4re_util_cap_alloc(), slot, last = first;
	unsigned long count = 1;

	while (l4_is_valid_cap(slot = l4re_util_cap_alloc())) {
		EXPECT(slot > last);
		last = slot;
		EXPECT(++count < 1UL << 24);
	}
	EXPECT_EQ(slot, L4_INVALID_CAP);
	EXPECT(count >= 4096);
	EXPECT_EQ(NUMBER(last), l4re_util_cap_last());
	EXPECT_EQ(l4re_util_cap_alloc(), L4_INVALID_CAP);
	/* Full is not broken. */
	l4re_util_cap_free(last);
	EXPECT_EQ(l4re_util_cap_alloc(), last);
	EXPECT_EQ(l4re_ma_alloc(PAGE, last, 0), 0);
	EXPECT_EQ(ds_byte(last, 0), 0);
	for (slot = first; slot <= last; slot = l4_capability_next(slot))
		l4re_util_cap_free_um(slot);
	EXPECT_EQ(slot_new(), first);
	slot_drop(first);
}

/* 9 */
TEST(a_slot_that_is_handed_out_again_is_empty)
{
	unsigned fds = test_count_fds();
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = room(1);

	l4re_util_cap_free(ds);
	EXPECT_EQ(slot_new(), ds);
	EXPECT(!slot_is_filled(ds));
	EXPECT_EQ(attach_at(at, PAGE, RW, ds, 0), -L4_ENOENT);
	EXPECT(test_count_fds() <= fds);
	slot_drop(ds);
}

/* 9 */
TEST(freeing_with_unmapping_drops_the_reference_at_once)
{
	unsigned fds = test_count_fds();
	l4re_ds_t ds = ds_marked(1);

	l4re_util_cap_free_um(ds);
	EXPECT(!slot_is_filled(ds));
	EXPECT(test_count_fds() <= fds);
	EXPECT_EQ(slot_new(), ds);
	slot_drop(ds);
}

/* 9 */
TEST(rights_in_an_index_do_not_matter_to_freeing)
{
	l4_cap_idx_t slot = slot_new();

	l4re_util_cap_free(slot | L4_CAP_FPAGE_RW);
	EXPECT_EQ(slot_new(), slot);
	l4re_util_cap_free_um(slot | L4_CAP_FPAGE_RWSD);
	EXPECT_EQ(slot_new(), slot);
	slot_drop(slot);
}

/* 9 */
TEST(indices_outside_of_the_pool_are_ignored)
{
	l4_cap_idx_t slot = slot_new();
	const l4_cap_idx_t others[] = {
		0,
		L4_INVALID_CAP,
		L4_BASE_TASK_CAP,
		l4re_env()->rm,
		l4re_env()->mem_alloc,
		(l4_cap_idx_t)(l4re_util_cap_last() + 1) << L4_CAP_SHIFT,
		1UL << 50,
		slot | L4_INVALID_CAP_BIT,
	};

	for (unsigned n = 0; n < sizeof(others) / sizeof(*others); n++) {
		l4re_util_cap_free(others[n]);
		l4re_util_cap_free_um(others[n]);
	}
	EXPECT(slot_is_filled(L4_BASE_TASK_CAP));
	EXPECT(slot_is_filled(l4re_env()->rm));
	EXPECT(slot_is_filled(l4re_env()->mem_alloc));
	EXPECT_EQ(slot_new(), l4_capability_next(slot));
	slot_drop(l4_capability_next(slot));
	slot_drop(slot);
}

/* 9 */
TEST(a_slot_that_is_free_is_not_freed_again)
{
	l4_cap_idx_t slot = slot_new(), a, b;

	l4re_util_cap_free(slot);
	l4re_util_cap_free(slot);
	l4re_util_cap_free_um(slot);
	a = slot_new();
	b = slot_new();
	EXPECT_EQ(a, slot);
	EXPECT(b != a);
	slot_drop(a);
	slot_drop(b);
}

static void take_and_give(unsigned number, void *arg)
{
	l4_cap_idx_t mine[8];
	l4re_ds_stats_t stats;

	(void)arg;
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned n = 0; n < 8; n++) {
			mine[n] = slot_new();
			EXPECT_EQ(l4re_ma_alloc((long)(1 + number * 8 + n), mine[n], 0), 0);
		}
		for (unsigned n = 0; n < 8; n++) {
			/* Nobody else got the same. */
			EXPECT_EQ(l4re_ds_info(mine[n], &stats), 0);
			EXPECT_EQ(stats.size, 1 + number * 8 + n);
			if (n % 2)
				l4re_util_cap_free(mine[n]);
			else
				l4re_util_cap_free_um(mine[n]);
		}
	}
}

/* 9 */
TEST(threads_do_not_get_each_others_slots)
{
	l4_cap_idx_t first = slot_new();

	slot_drop(first);
	in_threads(4, take_and_give, NULL);
	EXPECT_EQ(slot_new(), first);
	slot_drop(first);
	/* What was freed without unmapping goes when its slot is used again. */
	for (unsigned n = 0; n < 64; n++)
		EXPECT_EQ(NUMBER(slot_new()), NUMBER(first) + n);
	for (unsigned n = 0; n < 64; n++)
		slot_drop(first + n * L4_CAP_SIZE);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_ma.c - l4re_ma_alloc() and l4re_ma_free()
 */
#include "rig.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Was this page used, whether or not this process has it in its page table? */
static bool is_used(l4_addr_t at)
{
	unsigned char state = 0;

	EXPECT_EQ(mincore((void *)at, PAGE, &state), 0);
	return state & 1;
}

/* A size that nothing else in this process has. */
#define OWN_SIZE (9 * PAGE + 123)
#define OWN_SIZE_IN_PAGES (10 * PAGE)

/* How many pages a dataspace of OWN_SIZE bytes has, by the descriptor that it must have. */
static unsigned pages_taken(void)
{
	struct stat st;

	for (int fd = 3; fd < 1024; fd++)
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    (st.st_size == OWN_SIZE || st.st_size == OWN_SIZE_IN_PAGES))
			return (unsigned)(st.st_blocks / (long)(PAGE / 512));
	SKIP("no descriptor shows how much memory a dataspace has");
}

/* 8.2 */
TEST(a_fresh_dataspace_is_zero_all_over_and_gives_all_rights)
{
	unsigned long size;
	l4re_ds_t ds;
	l4_addr_t at;

	FOR_EACH_SIZE(size)
	{
		ds = slot_new();
		EXPECT_EQ(l4re_ma_alloc((long)size, ds, 0), 0);
		EXPECT(slot_is_filled(ds));
		EXPECT_EQ(l4re_ds_size(ds), size);
		EXPECT(l4re_ds_clear(ds, 0, 1) >= 0);
		at = attach(ds, size, RW);
		EXPECT(is_filled(at, l4_round_page(size), 0));
		detach(at);
		slot_drop(ds);
	}
}

/* 8.2 */
TEST(two_dataspaces_are_not_one)
{
	l4re_ds_t a = ds_new(PAGE), b = ds_new(PAGE);

	ds_set_byte(a, 0, 1);
	EXPECT_EQ(ds_byte(b, 0), 0);
	EXPECT_EQ(l4_error(l4_task_cap_equal(L4_BASE_TASK_CAP, a, b)), 0);
	slot_drop(a);
	slot_drop(b);
}

/* 8.1 */
TEST(the_short_forms_are_the_long_one)
{
	l4re_ds_t ds = slot_new();

	EXPECT_EQ(l4re_ma_alloc_align(PAGE + 1, ds, 0, 0), 0);
	EXPECT_EQ(l4re_ds_size(ds), PAGE + 1);
	EXPECT_EQ(l4re_ma_alloc_align_srv(l4re_env()->mem_alloc, 5, ds, 0, 0), 0);
	EXPECT_EQ(l4re_ds_size(ds), 5);
	slot_drop(ds);
}

/* 8.2 */
TEST(memory_comes_with_its_first_use)
{
	l4re_ds_t ds = ds_new(8 * PAGE);
	l4_addr_t at = attach(ds, 8 * PAGE, RW);

	for (unsigned page = 0; page < 8; page++)
		EXPECT(!is_used(at + page * PAGE));
	BYTE(at + PAGE) = 1;
	EXPECT(is_used(at + PAGE));
	EXPECT(!is_used(at + 7 * PAGE));
	detach(at);
	slot_drop(ds);
}

/* 8.2 */
TEST(continuous_and_pinned_memory_is_there_from_the_start)
{
	static const unsigned long kinds[] = { L4RE_MA_CONTINUOUS, L4RE_MA_PINNED,
					       L4RE_MA_CONTINUOUS | L4RE_MA_PINNED };
	l4re_ds_t ds = ds_new(OWN_SIZE);
	l4_addr_t at;

	EXPECT_EQ(pages_taken(), 0);
	for (unsigned n = 0; n < 3; n++) {
		EXPECT_EQ(l4re_ma_alloc(OWN_SIZE, ds, kinds[n]), 0);
		EXPECT_EQ(l4re_ds_size(ds), OWN_SIZE);
		EXPECT_EQ(pages_taken(), 10);
		at = attach(ds, OWN_SIZE, RW);
		EXPECT(is_filled(at, 10 * PAGE, 0));
		EXPECT_WORKS(at, WRITE);
		detach(at);
		EXPECT_EQ(l4re_ds_allocate(ds, 0, OWN_SIZE), 0);
	}
	slot_drop(ds);
}

/* 7.6, 8.2 */
TEST(allocating_takes_the_memory)
{
	l4re_ds_t ds = ds_new(OWN_SIZE);

	EXPECT_EQ(pages_taken(), 0);
	EXPECT_EQ(l4re_ds_allocate(ds, PAGE + 1, 2 * PAGE), 0);
	EXPECT_EQ(pages_taken(), 3);
	EXPECT_EQ(l4re_ds_allocate(ds, 0, OWN_SIZE), 0);
	EXPECT_EQ(pages_taken(), 10);
	EXPECT(l4re_ds_clear(ds, 0, ~0UL) >= 0);
	EXPECT(pages_taken() <= 1);
	slot_drop(ds);
}

/* 7.5, 8.2 */
TEST(clearing_gives_whole_pages_back)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = attach(ds, 4 * PAGE, RW);

	EXPECT(l4re_ds_clear(ds, 5, 3 * PAGE) >= 0);
	EXPECT(is_used(at) && is_used(at + 3 * PAGE));
	EXPECT(!is_used(at + PAGE) && !is_used(at + 2 * PAGE));
	detach(at);
	slot_drop(ds);
}

/* 8.2 */
TEST(alignments_and_super_pages_are_no_reason_to_fail)
{
	static const unsigned long kinds[] = { 0, L4RE_MA_CONTINUOUS, L4RE_MA_SUPER_PAGES,
					       L4RE_MA_CONTINUOUS | L4RE_MA_SUPER_PAGES,
					       L4RE_MA_PINNED | L4RE_MA_SUPER_PAGES };
	static const unsigned long aligns[] = { 0, 5, L4_PAGESHIFT, L4_SUPERPAGESHIFT };
	l4re_ds_t ds = slot_new();

	for (unsigned n = 0; n < 5; n++) {
		for (unsigned m = 0; m < 4; m++) {
			EXPECT_EQ(l4re_ma_alloc_align(3 * PAGE + 1, ds, kinds[n], aligns[m]),
				  0);
			EXPECT_EQ(l4re_ds_size(ds), 3 * PAGE + 1);
			EXPECT_EQ(ds_byte(ds, 3 * PAGE), 0);
		}
	}
	EXPECT_EQ(l4re_ma_alloc_align(PAGE, ds, 0, 9999), 0);
	slot_drop(ds);
}

/* 8.2 */
TEST(other_bits_are_ignored)
{
	l4re_ds_t ds = slot_new();

	EXPECT_EQ(l4re_ma_alloc(PAGE, ds, 0xfffffff8), 0);
	EXPECT_EQ(l4re_ds_size(ds), PAGE);
	slot_drop(ds);
}

/* 8.2, 16.7 */
TEST(no_bytes_and_fewer_are_no_dataspace)
{
	l4re_ds_t ds = slot_new();
	long r;

	EXPECT_EQ(l4re_ma_alloc(0, ds, 0), -L4_ERANGE);
	EXPECT_EQ(l4re_ma_alloc(0, ds, L4RE_MA_CONTINUOUS), -L4_ERANGE);
	EXPECT_EQ(l4re_ma_alloc(0, ds, L4RE_MA_PINNED), -L4_ERANGE);
	EXPECT_EQ(l4re_ma_alloc(-1, ds, 0), -L4_ERANGE);
	EXPECT_EQ(l4re_ma_alloc(LONG_MIN, ds, 0), -L4_ERANGE);
	EXPECT_EQ(l4re_ma_alloc(-1, ds, L4RE_MA_SUPER_PAGES), -L4_ERANGE);
	r = l4re_ma_alloc(LONG_MIN, ds, L4RE_MA_CONTINUOUS);
	EXPECT_EQ(r, -L4_ENOMEM);
	EXPECT(!slot_is_filled(ds));
	slot_drop(ds);
}

/* 8.2, 16.7 */
TEST(a_size_beyond_all_memory_is_fine_while_it_is_not_used)
{
	l4re_ds_t ds = slot_new();
	l4_addr_t at;

	EXPECT_EQ(l4re_ma_alloc(INT_MAX - 1, ds, 0), 0);
	EXPECT_EQ(l4re_ds_size(ds), INT_MAX - 1);
	EXPECT_EQ(l4re_ma_alloc(1L << 42, ds, 0), 0);
	EXPECT_EQ(l4re_ds_size(ds), 1L << 42);
	at = attach(ds, TEST_VAST, RW);
	BYTE(at + TEST_VAST / 2) = 1;
	EXPECT_EQ(BYTE(at + TEST_VAST - 1), 0);
	detach(at);
	slot_drop(ds);
}

/* 8.2 */
TEST(a_slot_that_was_occupied_holds_the_new_one)
{
	unsigned fds = test_count_fds();
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, PAGE, RW);

	EXPECT_EQ(l4re_ma_alloc(2 * PAGE, ds, 0), 0);
	EXPECT_EQ(l4re_ds_size(ds), 2 * PAGE);
	EXPECT_EQ(ds_byte(ds, 0), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);
	for (unsigned n = 0; n < 50; n++)
		EXPECT_EQ(l4re_ma_alloc(PAGE, ds, 0), 0);
	slot_drop(ds);
	EXPECT(test_count_fds() <= fds);
}

/* 8.2 */
TEST(a_slot_is_unchanged_when_allocating_fails)
{
	l4re_ds_t ds = ds_marked(1);

	EXPECT_EQ(l4re_ma_alloc(0, ds, 0), -L4_ERANGE);
	EXPECT_EQ(l4re_ma_alloc(-5, ds, 0), -L4_ERANGE);
	EXPECT_EQ(l4re_ma_alloc_align_srv(L4_INVALID_CAP, PAGE, ds, 0, 0), NOT_EXISTENT);
	EXPECT_EQ(l4re_ds_size(ds), PAGE);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	slot_drop(ds);
}

/* 8.2 */
TEST(an_invalid_index_is_no_slot)
{
	EXPECT_EQ(l4re_ma_alloc(PAGE, L4_INVALID_CAP, 0), -L4_EINVAL);
	EXPECT_EQ(l4re_ma_alloc(PAGE, L4_INVALID_CAP | L4_CAP_FPAGE_RW, 0), -L4_EINVAL);
}

/* 2.4 */
TEST(rights_in_the_index_of_a_slot_do_not_matter)
{
	l4re_ds_t ds = slot_new();

	EXPECT_EQ(l4re_ma_alloc(PAGE, ds | L4_CAP_FPAGE_RO, 0), 0);
	EXPECT_EQ(l4re_ds_size(ds), PAGE);
	EXPECT(l4re_ds_clear(ds, 0, 1) >= 0);
	slot_drop(ds);
}

#ifndef L4RE_MODERN
/* */
TEST(r16_freeing_drops_the_reference_of_the_slot)
{
	unsigned fds = test_count_fds();
	l4re_ds_t ds = ds_marked(1), next;

	EXPECT_EQ(l4re_ma_free(ds), 0);
	EXPECT(!slot_is_filled(ds));
	EXPECT_EQ(l4re_ds_size(ds), NOT_EXISTENT);
	EXPECT(test_count_fds() <= fds);
	/* The slot is still the caller's. */
	next = slot_new();
	EXPECT(next != ds);
	slot_drop(next);
	EXPECT_EQ(l4re_ma_alloc(PAGE, ds, 0), 0);
	EXPECT_EQ(l4re_ma_free_srv(l4re_env()->mem_alloc, ds | L4_CAP_FPAGE_RW), 0);
	l4re_util_cap_free(ds);
	EXPECT_EQ(slot_new(), ds);
	slot_drop(ds);
}

/* */
TEST(r16_memory_that_is_still_used_stays)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = attach(ds, PAGE, 0);

	EXPECT_EQ(l4re_ma_free(ds), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);
	EXPECT_EQ(ds_byte(alias, 0), MARK(0));
	EXPECT_EQ(l4re_ma_free(alias), 0);
	slot_drop(alias);
	slot_drop(ds);
}

/* */
TEST(r16_what_is_no_dataspace_is_not_freed)
{
	l4re_ds_t ds = ds_new(PAGE), empty = slot_new();

	EXPECT_EQ(l4re_ma_free(empty), -L4_EINVAL);
	EXPECT_EQ(l4re_ma_free(L4_INVALID_CAP), -L4_EINVAL);
	EXPECT_EQ(l4re_ma_free(l4re_env()->rm), -L4_EINVAL);
	EXPECT(slot_is_filled(l4re_env()->rm));
	EXPECT_EQ(l4re_ma_free_srv(L4_INVALID_CAP, ds), NOT_EXISTENT);
	EXPECT_EQ(l4re_ma_free_srv(l4re_env()->rm, ds), -L4_EBADPROTO);
	EXPECT_EQ(l4re_ds_size(ds), PAGE);
	slot_drop(empty);
	slot_drop(ds);
}
#endif

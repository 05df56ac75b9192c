/* SPDX-License-Identifier: MIT */
/*
 * test_sgio.c - rsm_memseg_import_getv() and rsm_memseg_import_putv()
 */
#include "sgio.h"

#include <limits.h>

/* 25.54 */
TEST(no_request_is_a_bad_one)
{
	EXPECT_EQ(rsm_memseg_import_getv(NULL), RSMERR_BAD_SGIO);
	EXPECT_EQ(rsm_memseg_import_putv(NULL), RSMERR_BAD_SGIO);
}

/* 25.54 */
TEST(no_remote_handle_is_a_bad_one_and_found_before_the_count)
{
	struct bench b;

	bench_up(&b);
	b.io.remote_handle = NULL;
	expect_both(&b, RSMERR_BAD_SEG_HNDL, 0);
	add_address(&b, 0, 0, 8);
	add_address(&b, 0, 0, 8);
	expect_both(&b, RSMERR_BAD_SEG_HNDL, 2);
	b.io.io_request_count = 17;
	expect_both(&b, RSMERR_BAD_SEG_HNDL, 17);
	bench_down(&b);
}

/* Q45 */
TEST(an_export_as_remote_handle_is_a_bad_one)
{
	struct bench b;

	bench_up(&b);
	add_address(&b, 0, 0, 8);
	b.io.remote_handle = (rsm_memseg_import_handle_t)(void *)b.p.e.segment;
	expect_both(&b, RSMERR_BAD_SEG_HNDL, 1);
	bench_down(&b);
}

/* 25.54 */
TEST(a_count_of_0_or_17_is_bad)
{
	struct bench b;

	bench_up(&b);
	expect_both(&b, RSMERR_BAD_SGIO, 0);
	for (unsigned k = 0; k < 17; k++)
		add_address(&b, 0, 0, 8);
	expect_both(&b, RSMERR_BAD_SGIO, 17);
	b.io.io_request_count = ULONG_MAX;
	expect_both(&b, RSMERR_BAD_SGIO, ULONG_MAX);
	bench_down(&b);
}

TEST(a_bad_count_is_found_before_an_aborted_connection)
{
	struct bench b;

	bench_up(&b);
	EXPECT_EQ(rsm_memseg_export_unpublish(b.p.e.segment), RSM_SUCCESS);
	expect_both(&b, RSMERR_BAD_SGIO, 0);
	bench_down(&b);
}

TEST(no_elements_are_bad)
{
	struct bench b;

	bench_up(&b);
	b.io.iovec = NULL;
	b.io.io_request_count = 3;
	expect_both(&b, RSMERR_BAD_SGIO, 3);
	bench_down(&b);
}

TEST(an_unknown_kind_of_element_is_bad_and_nothing_moves)
{
	struct bench b;

	bench_up(&b);
	(void)memset(b.local, 1, b.local_size);
	for (unsigned k = 0; k < 4; k++)
		add_address(&b, 0, 8 * k, 8);
	b.iovec[2].io_type = RSM_HANDLE_TYPE | RSM_VA_TYPE;
	expect_transfer(&b, rsm_memseg_import_putv, RSMERR_BAD_SGIO, 4);
	b.iovec[2].io_type = 0;
	expect_transfer(&b, rsm_memseg_import_putv, RSMERR_BAD_SGIO, 4);
	EXPECT(is_filled(b.p.e.memory, b.p.e.size, 0));
	expect_transfer(&b, rsm_memseg_import_getv, RSMERR_BAD_SGIO, 4);
	EXPECT(is_filled(b.local, b.local_size, 1));
	bench_down(&b);
}

TEST(a_null_or_stale_local_memory_handle_is_bad)
{
	struct bench b;
	rsm_localmemory_handle_t stale = NULL;

	bench_up(&b);
	add_handle(&b, 0, 0, 8);
	b.iovec[0].local.handle = NULL;
	expect_both(&b, RSMERR_BAD_SGIO, 1);
	EXPECT_EQ(
		rsm_create_localmemory_handle(b.p.i.controller, &stale, (caddr_t)b.local, PAGE),
		RSM_SUCCESS);
	EXPECT_EQ(rsm_free_localmemory_handle(b.p.i.controller, stale), RSM_SUCCESS);
	b.iovec[0].local.handle = stale;
	expect_both(&b, RSMERR_BAD_SGIO, 1);
	bench_down(&b);
}

TEST(an_aborted_unmapped_import_is_found_before_bad_elements)
{
	struct bench b;

	bench_up(&b);
	EXPECT_EQ(rsm_memseg_export_unpublish(b.p.e.segment), RSM_SUCCESS);
	add_address(&b, 0, 0, 8);
	b.iovec[0].io_type = 0;
	expect_both(&b, RSMERR_CONN_ABORTED, 1);
	bench_down(&b);
}

TEST(a_bad_element_is_found_before_lacking_permission)
{
	struct bench b;

	bench_up_with(&b, RSM_PERM_NONE);
	add_address(&b, 0, 0, 8);
	b.iovec[0].io_type = 0;
	expect_both(&b, RSMERR_BAD_SGIO, 1);
	bench_down(&b);
}

TEST(lacking_permission_is_found_before_bad_addresses_and_offsets)
{
	struct bench b;

	bench_up_with(&b, RSM_PERM_NONE);
	add_address(&b, 0, 4 * PAGE, 8);
	add_address(&b, 0, 0, 8);
	b.iovec[1].local.vaddr = NULL;
	expect_both(&b, RSMERR_PERM_DENIED, 2);
	bench_down(&b);
}

TEST(a_read_only_import_gets_and_does_not_put)
{
	struct bench b;

	bench_up_with(&b, RSM_PERM_READ);
	b.p.e.memory[5] = 5;
	add_address(&b, 0, 5, 1);
	expect_transfer(&b, rsm_memseg_import_getv, RSM_SUCCESS, 0);
	EXPECT_EQ(b.local[0], 5);
	expect_transfer(&b, rsm_memseg_import_putv, RSMERR_PERM_DENIED, 1);
	bench_down(&b);
}

TEST(a_write_only_import_puts_and_does_not_get)
{
	struct bench b;

	bench_up_with(&b, RSM_PERM_WRITE);
	b.local[0] = 6;
	add_address(&b, 0, 5, 1);
	expect_transfer(&b, rsm_memseg_import_getv, RSMERR_PERM_DENIED, 1);
	expect_transfer(&b, rsm_memseg_import_putv, RSM_SUCCESS, 0);
	EXPECT_EQ(b.p.e.memory[5], 6);
	bench_down(&b);
}

/* 25.55 */
TEST(sixteen_elements_of_both_kinds_make_the_round_trip)
{
	struct bench b;

	bench_up(&b);
	for (size_t k = 0; k < b.local_size; k++)
		b.local[k] = (unsigned char)(k * 13 + 1);
	for (size_t k = 0; k < RSM_MAX_SGIOREQS; k++) {
		if (k % 2)
			add_address(&b, k * 100 + 3, (15 - k) * 777 + 1, 90 + k);
		else
			add_handle(&b, k * 100 + 3, (15 - k) * 777 + 1, 90 + k);
	}
	expect_transfer(&b, rsm_memseg_import_putv, RSM_SUCCESS, 0);
	for (size_t k = 0; k < RSM_MAX_SGIOREQS; k++)
		EXPECT_EQ(memcmp(b.p.e.memory + (15 - k) * 777 + 1, b.local + k * 100 + 3,
				 90 + k),
			  0);
	EXPECT_EQ(b.p.e.memory[0], 0);
	EXPECT(is_filled(b.p.e.memory + 91 + 15, 777 - 91 - 15, 0));
	(void)memset(b.local, 0, b.local_size);
	expect_transfer(&b, rsm_memseg_import_getv, RSM_SUCCESS, 0);
	for (size_t k = 0; k < RSM_MAX_SGIOREQS; k++)
		EXPECT_EQ(memcmp(b.p.e.memory + (15 - k) * 777 + 1, b.local + k * 100 + 3,
				 90 + k),
			  0);
	EXPECT(is_filled(b.local, 3, 0));
	bench_down(&b);
}

TEST(elements_are_processed_in_order)
{
	struct bench b;

	bench_up(&b);
	b.local[0] = 1;
	b.local[1] = 2;
	b.local[2] = 3;
	add_address(&b, 0, 9, 1);
	add_address(&b, 2, 9, 1);
	add_handle(&b, 1, 9, 1);
	expect_transfer(&b, rsm_memseg_import_putv, RSM_SUCCESS, 0);
	EXPECT_EQ(b.p.e.memory[9], 2);
	bench_down(&b);
}

TEST(an_element_of_no_length_does_nothing)
{
	struct bench b;

	bench_up(&b);
	b.local[0] = 4;
	add_address(&b, 0, 0, 0);
	add_handle(&b, 0, 8, 0);
	add_address(&b, 0, 16, 1);
	expect_transfer(&b, rsm_memseg_import_putv, RSM_SUCCESS, 0);
	EXPECT(is_filled(b.p.e.memory, 16, 0));
	EXPECT_EQ(b.p.e.memory[16], 4);
	bench_down(&b);
}

/* 25.56 */
TEST(the_first_failure_stops_the_request)
{
	struct bench b;

	bench_up(&b);
	(void)memset(b.local, 7, b.local_size);
	for (size_t k = 0; k < 5; k++)
		add_address(&b, 0, 100 * k, 10);
	b.iovec[2].remote_offset = b.p.e.size - 9;
	expect_transfer(&b, rsm_memseg_import_putv, RSMERR_BAD_OFFSET, 3);
	EXPECT(is_filled(b.p.e.memory, 10, 7));
	EXPECT(is_filled(b.p.e.memory + 100, 10, 7));
	EXPECT(is_filled(b.p.e.memory + 110, b.p.e.size - 110 - 9, 0));
	bench_down(&b);
}

/* 25.56 */
TEST(the_first_failure_stops_a_reading_request)
{
	struct bench b;

	bench_up(&b);
	(void)memset(b.p.e.memory, 7, b.p.e.size);
	for (size_t k = 0; k < 5; k++)
		add_address(&b, 100 * k, 0, 10);
	b.iovec[2].remote_offset = b.p.e.size;
	expect_transfer(&b, rsm_memseg_import_getv, RSMERR_BAD_OFFSET, 3);
	EXPECT(is_filled(b.local, 10, 7));
	EXPECT(is_filled(b.local + 100, 10, 7));
	EXPECT(is_filled(b.local + 110, b.local_size - 110, 0));
	bench_down(&b);
}

TEST(a_remote_range_that_overflows_is_a_bad_offset)
{
	struct bench b;

	bench_up(&b);
	add_address(&b, 0, SIZE_MAX - 3, 8);
	expect_both(&b, RSMERR_BAD_OFFSET, 1);
	b.iovec[0] = (rsm_iovec_t){ .io_type = RSM_VA_TYPE,
				    .local.vaddr = (caddr_t)b.local,
				    .remote_offset = 8,
				    .transfer_length = SIZE_MAX };
	expect_both(&b, RSMERR_BAD_OFFSET, 1);
	b.iovec[0].remote_offset = (size_t)1 << 63;
	b.iovec[0].transfer_length = 8;
	expect_both(&b, RSMERR_BAD_OFFSET, 1);
	bench_down(&b);
}

TEST(no_local_address_is_a_bad_one_and_found_before_the_offset)
{
	struct bench b;

	bench_up(&b);
	add_address(&b, 0, 0, 8);
	b.iovec[0].local.vaddr = NULL;
	expect_both(&b, RSMERR_BAD_ADDR, 1);
	b.iovec[0].remote_offset = b.p.e.size;
	expect_both(&b, RSMERR_BAD_ADDR, 1);
	bench_down(&b);
}

TEST(inaccessible_local_memory_is_a_bad_address)
{
	struct bench b;
	unsigned char *m = pages_with_hole(3, 1);

	bench_up(&b);
	add_address(&b, 0, 0, 8);
	add_address(&b, 0, 0, 8);
	b.iovec[1].local.vaddr = (caddr_t)m + PAGE;
	expect_both(&b, RSMERR_BAD_ADDR, 1);
	/* It may begin well and end badly. */
	b.iovec[1].local.vaddr = (caddr_t)m + PAGE - 4;
	expect_both(&b, RSMERR_BAD_ADDR, 1);
	bench_down(&b);
	EXPECT_EQ(munmap(m, PAGE), 0);
	EXPECT_EQ(munmap(m + 2 * PAGE, PAGE), 0);
}

TEST(reading_into_read_only_local_memory_is_a_bad_address)
{
	struct bench b;
	unsigned char *m = pages_with_read_only(1, 0);

	bench_up(&b);
	add_address(&b, 0, 0, 8);
	b.iovec[0].local.vaddr = (caddr_t)m;
	expect_transfer(&b, rsm_memseg_import_getv, RSMERR_BAD_ADDR, 1);
	expect_transfer(&b, rsm_memseg_import_putv, RSM_SUCCESS, 0);
	bench_down(&b);
	EXPECT_EQ(munmap(m, PAGE), 0);
}

TEST(a_range_beyond_the_handles_memory_is_a_bad_length)
{
	struct bench b;

	bench_up(&b);
	add_handle(&b, 2 * PAGE - 8, 0, 8);
	expect_both(&b, RSM_SUCCESS, 0);
	b.iovec[0].transfer_length = 9;
	expect_both(&b, RSMERR_BAD_LENGTH, 1);
	b.iovec[0].local_offset = 2 * PAGE;
	b.iovec[0].transfer_length = 1;
	expect_both(&b, RSMERR_BAD_LENGTH, 1);
	b.iovec[0].local_offset = SIZE_MAX - 1;
	b.iovec[0].transfer_length = 8;
	expect_both(&b, RSMERR_BAD_LENGTH, 1);
	bench_down(&b);
}

TEST(a_bad_offset_is_found_before_a_bad_length)
{
	struct bench b;

	bench_up(&b);
	add_handle(&b, 2 * PAGE, b.p.e.size, 8);
	expect_both(&b, RSMERR_BAD_OFFSET, 1);
	bench_down(&b);
}

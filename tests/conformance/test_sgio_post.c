/* SPDX-License-Identifier: MIT */
/*
 * test_sgio_post.c - vectored transfers with posts, windows, barriers and aborts
 */
#include "sgio.h"

/* 25.57 */
TEST(an_implicit_post_follows_the_data)
{
	struct bench b;

	bench_up(&b);
	b.local[0] = 5;
	add_address(&b, 0, 0, 1);
	b.io.flags = RSM_IMPLICIT_SIGPOST;
	expect_transfer(&b, rsm_memseg_import_putv, RSM_SUCCESS, 0);
	EXPECT_EQ(rsm_intr_signal_wait(b.p.e.segment, SOON), RSM_SUCCESS);
	EXPECT_EQ(b.p.e.memory[0], 5);
	EXPECT_EQ(rsm_intr_signal_wait(b.p.e.segment, 0), RSMERR_TIMEOUT);
	bench_down(&b);
}

static void put_and_post(struct child *parent, void *arg)
{
	uint32_t value;
	struct importer i;
	rsm_iovec_t element = { .io_type = RSM_VA_TYPE, .transfer_length = sizeof(value) };
	rsm_scat_gath_t io = { .io_request_count = 1, .flags = RSM_IMPLICIT_SIGPOST };

	(void)arg;
	importer_up(&i, ID(0), RSM_PERM_RDWR);
	element.local.vaddr = (caddr_t)&value;
	io.remote_handle = i.segment;
	io.iovec = &element;
	for (value = 1; value <= 100; value++) {
		EXPECT_EQ(rsm_memseg_import_putv(&io), RSM_SUCCESS);
		(void)hear(parent);
	}
}

/* 25.57 */
TEST(a_woken_exporter_finds_the_data_there)
{
	struct exporter e;
	struct child far;

	exporter_up(&e, ID(0), 1);
	child_start(&far, put_and_post, NULL);
	for (uint32_t value = 1; value <= 100; value++) {
		EXPECT_EQ(rsm_intr_signal_wait(e.segment, -1), RSM_SUCCESS);
		EXPECT_EQ(*(volatile uint32_t *)(void *)e.memory, value);
		tell(&far, 0);
	}
	child_finish(&far);
	exporter_down(&e);
}

/* 25.57 */
TEST(nothing_is_posted_after_a_failure)
{
	struct bench b;

	bench_up(&b);
	add_address(&b, 0, 0, 8);
	add_address(&b, 0, b.p.e.size, 8);
	b.io.flags = RSM_IMPLICIT_SIGPOST;
	expect_both(&b, RSMERR_BAD_OFFSET, 1);
	EXPECT_EQ(rsm_intr_signal_wait(b.p.e.segment, 0), RSMERR_TIMEOUT);
	bench_down(&b);
}

/* 25.57 */
TEST(reading_can_post_too)
{
	struct bench b;

	bench_up(&b);
	add_address(&b, 0, 0, 8);
	b.io.flags = RSM_IMPLICIT_SIGPOST;
	expect_transfer(&b, rsm_memseg_import_getv, RSM_SUCCESS, 0);
	EXPECT_EQ(rsm_intr_signal_wait(b.p.e.segment, SOON), RSM_SUCCESS);
	bench_down(&b);
}

TEST(an_implicit_post_need_not_accumulate)
{
	struct bench b;

	bench_up(&b);
	add_address(&b, 0, 0, 8);
	b.io.flags = RSM_IMPLICIT_SIGPOST | RSM_SIGPOST_NO_ACCUMULATE;
	expect_both(&b, RSM_SUCCESS, 0);
	EXPECT_EQ(rsm_intr_signal_wait(b.p.e.segment, SOON), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(b.p.e.segment, 0), RSMERR_TIMEOUT);
	b.io.flags = RSM_IMPLICIT_SIGPOST;
	expect_both(&b, RSM_SUCCESS, 0);
	EXPECT_EQ(rsm_intr_signal_wait(b.p.e.segment, SOON), RSM_SUCCESS);
	EXPECT_EQ(rsm_intr_signal_wait(b.p.e.segment, SOON), RSM_SUCCESS);
	bench_down(&b);
}

TEST(other_flags_do_nothing)
{
	struct bench b;

	bench_up(&b);
	add_address(&b, 0, 0, 8);
	b.io.flags = RSM_SIGPOST_NO_ACCUMULATE;
	expect_both(&b, RSM_SUCCESS, 0);
	b.io.flags = ~(uint_t)RSM_IMPLICIT_SIGPOST;
	b.io.local_nodeid = 77;
	expect_both(&b, RSM_SUCCESS, 0);
	EXPECT_EQ(rsm_intr_signal_wait(b.p.e.segment, 0), RSMERR_TIMEOUT);
	bench_down(&b);
}

/* 25.58, Q31 */
TEST(offsets_count_from_the_segments_start_through_a_partial_map)
{
	struct bench b;
	void *address = NULL;

	bench_up(&b);
	EXPECT_EQ(rsm_memseg_import_map(b.p.i.segment, &address, RSM_MAP_NONE, RSM_PERM_RDWR,
					(off_t)PAGE, 2 * PAGE),
		  RSM_SUCCESS);
	b.p.i.address = address;
	(void)memset(b.local, 6, b.local_size);
	add_address(&b, 0, PAGE, 8);
	expect_transfer(&b, rsm_memseg_import_putv, RSM_SUCCESS, 0);
	EXPECT(is_filled(b.p.e.memory + PAGE, 8, 6));
	EXPECT(is_filled(b.p.e.memory + PAGE + 8, PAGE, 0));
	EXPECT(is_filled(b.p.i.address, 8, 6));
	b.iovec[0].remote_offset = PAGE - 1;
	expect_both(&b, RSMERR_BAD_OFFSET, 1);
	b.iovec[0].remote_offset = 3 * PAGE - 7;
	expect_both(&b, RSMERR_BAD_OFFSET, 1);
	bench_down(&b);
}

/* Q13 */
TEST(a_vectored_transfer_maps_implicitly)
{
	struct bench b;
	void *address = NULL;

	bench_up(&b);
	add_address(&b, 0, 0, 8);
	expect_both(&b, RSM_SUCCESS, 0);
	EXPECT_EQ(rsm_memseg_import_map(b.p.i.segment, &address, RSM_MAP_NONE, RSM_PERM_READ, 0,
					PAGE),
		  RSMERR_SEG_ALREADY_MAPPED);
	EXPECT_EQ(rsm_memseg_import_unmap(b.p.i.segment), RSM_SUCCESS);
	bench_down(&b);
}

/* Q32 */
TEST(implicit_mode_without_a_barrier_proceeds)
{
	struct bench b;

	bench_up(&b);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&b.p.i.barrier), RSM_SUCCESS);
	add_address(&b, 0, 0, 8);
	expect_both(&b, RSM_SUCCESS, 0);
	EXPECT_EQ(rsm_memseg_export_unpublish(b.p.e.segment), RSM_SUCCESS);
	expect_both(&b, RSMERR_CONN_ABORTED, 1);
	bench_down(&b);
}

TEST(explicit_mode_needs_no_barrier)
{
	struct bench b;

	bench_up(&b);
	EXPECT_EQ(rsm_memseg_import_destroy_barrier(&b.p.i.barrier), RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_import_set_mode(b.p.i.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSM_SUCCESS);
	b.local[0] = 9;
	add_address(&b, 0, 0, 8);
	expect_transfer(&b, rsm_memseg_import_putv, RSM_SUCCESS, 0);
	EXPECT_EQ(b.p.e.memory[0], 9);
	bench_down(&b);
}

TEST(an_aborted_mapped_import_reports_in_implicit_mode)
{
	struct bench b;

	bench_up(&b);
	importer_map(&b.p.i, RSM_PERM_RDWR, b.p.e.size);
	add_address(&b, 0, 0, 8);
	EXPECT_EQ(rsm_memseg_export_unpublish(b.p.e.segment), RSM_SUCCESS);
	b.io.flags = RSM_IMPLICIT_SIGPOST;
	b.io.io_residual_count = UNSET;
	EXPECT_EQ(rsm_memseg_import_putv(&b.io), RSMERR_CONN_ABORTED);
	EXPECT(b.io.io_residual_count <= 1);
	EXPECT_EQ(rsm_memseg_import_getv(&b.io), RSMERR_CONN_ABORTED);
	EXPECT_EQ(rsm_intr_signal_wait(b.p.e.segment, 0), RSMERR_TIMEOUT);
	bench_down(&b);
}

/* Q2 */
TEST(an_aborted_mapped_import_is_silent_in_explicit_mode)
{
	struct bench b;

	bench_up(&b);
	importer_map(&b.p.i, RSM_PERM_RDWR, b.p.e.size);
	EXPECT_EQ(rsm_memseg_import_set_mode(b.p.i.segment, RSM_BARRIER_MODE_EXPLICIT),
		  RSM_SUCCESS);
	EXPECT_EQ(rsm_memseg_export_unpublish(b.p.e.segment), RSM_SUCCESS);
	(void)memset(b.local, 1, b.local_size);
	add_address(&b, 0, 0, 8);
	expect_transfer(&b, rsm_memseg_import_putv, RSM_SUCCESS, 0);
	EXPECT(is_filled(b.p.e.memory, b.p.e.size, 0));
	expect_transfer(&b, rsm_memseg_import_getv, RSM_SUCCESS, 0);
	bench_down(&b);
}

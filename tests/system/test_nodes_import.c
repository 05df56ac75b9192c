/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_import.c - the library, with memory of another node: what is moved, and signalled
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <tract/tract.h>

#include "pair.h"
#include "test.h"

#define TRY_WIDTH(bits)                                                                       \
	do {                                                                                  \
		uint##bits##_t to[3] = { 1, 2, (uint##bits##_t) - 3 }, from[3] = { 0 };       \
		const char *at = p.memory + 4096;                                             \
                                                                                              \
		expect_ok(tract_import_put##bits(p.import, 4096, to, 3));                     \
		EXPECT(memcmp(at, to, sizeof(to)) == 0);                                      \
		expect_ok(tract_import_get##bits(p.import, 4096, from, 3));                   \
		EXPECT(memcmp(from, to, sizeof(to)) == 0);                                    \
		EXPECT_EQ(tract_import_put##bits(p.import, SIZE - bits / 8, to, 2), -ERANGE); \
		EXPECT_EQ(tract_import_get##bits(p.import, -(bits / 8), from, 1), -ERANGE);   \
	} while (0)

TEST_SLOW(every_width_is_put_to_another_node_and_got_back, 60)
{
	struct pair p;

	pair_up(&p);
	EXPECT_EQ(tract_import_size(p.import), SIZE);
	TRY_WIDTH(8);
	TRY_WIDTH(16);
	TRY_WIDTH(32);
	TRY_WIDTH(64);
	pair_down(&p);
}

static bool is_default(int signal)
{
	struct sigaction action;

	EXPECT_EQ(sigaction(signal, NULL, &action), 0);
	return !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_DFL;
}

/* Libraries that the fabric brings along would have it otherwise. */
TEST_SLOW(a_program_that_imports_from_another_node_keeps_its_signals_and_its_environment, 60)
{
	static const int watched[] = { SIGABRT, SIGBUS, SIGILL, SIGINT, SIGSEGV, SIGTERM };
	bool before[6];
	struct pair p;

	for (int i = 0; i < 6; i++)
		before[i] = is_default(watched[i]);
	nodes_up(&p);
	export_up(&p);
	EXPECT(!getenv("FI_UNIVERSE_SIZE"));
	EXPECT(!getenv("IPATH_NO_BACKTRACE"));
	import_up(&p, RW);
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(is_default(watched[i]), before[i]);
	EXPECT(!getenv("FI_UNIVERSE_SIZE"));
	EXPECT(!getenv("IPATH_NO_BACKTRACE"));
	pair_down(&p);
}

TEST_SLOW(a_connection_to_another_node_fails_for_the_reason_there_is, 60)
{
	struct tract_access elsewhere = { .node = 7, .mode = 0666 };
	struct tract_import *import = NULL;
	struct pair p;

	nodes_up(&p);
	export_up(&p);
	EXPECT_EQ(tract_import_connect(p.here, 9, p.id, RW, &import), -EHOSTUNREACH);
	EXPECT_EQ(tract_import_connect(p.here, 63, p.id, RW, &import), -EHOSTUNREACH);
	EXPECT_EQ(tract_import_connect(p.here, 2, p.id + 1, RW, &import), -ENOENT);
	EXPECT_EQ(tract_import_connect(p.here, 1, p.id, RW, &import), -ENOENT);
	EXPECT_EQ(tract_import_connect_through(p.here, "sci1", 2, p.id, RW, &import), -ENODEV);
	expect_ok(tract_export_republish(p.export, &elsewhere, 1));
	EXPECT_EQ(tract_import_connect(p.here, 2, p.id, RW, &import), -EXDEV);
	expect_ok(tract_export_republish(p.export, NULL, 0));
	EXPECT(!import);
	expect_ok(tract_import_connect_through(p.here, "sci0", 2, p.id, RW, &p.import));
	expect_ok(tract_import_close(p.import));
	cluster_kill(&p.c, 1);
	EXPECT_WITHIN(LONG_MS, !cluster_is_up(&p.c, 0, 1));
	EXPECT_EQ(tract_import_connect(p.here, 2, p.id, RW, &import), -EHOSTUNREACH);
	(void)tract_export_destroy(p.export);
	(void)munmap(p.memory, SIZE);
	nodes_down(&p);
}

TEST_SLOW(what_a_connection_has_no_right_to_is_not_done, 60)
{
	uint64_t word = 5;
	struct pair p;

	nodes_up(&p);
	export_up(&p);
	import_up(&p, TRACT_RIGHT_READ);
	EXPECT_EQ(tract_import_put64(p.import, 0, &word, 1), -EACCES);
	expect_ok(tract_import_get64(p.import, 0, &word, 1));
	EXPECT_EQ(word, 0);
	expect_ok(tract_import_close(p.import));
	import_up(&p, TRACT_RIGHT_WRITE);
	word = 6;
	expect_ok(tract_import_put64(p.import, 0, &word, 1));
	EXPECT_WORD(p.memory, 6);
	EXPECT_EQ(tract_import_get64(p.import, 0, &word, 1), -EACCES);
	expect_ok(tract_import_close(p.import));
	import_up(&p, 0);
	EXPECT_EQ(tract_import_put64(p.import, 0, &word, 1), -EACCES);
	pair_down(&p);
}

TEST_SLOW(it_takes_a_barrier_or_the_explicit_mode, 60)
{
	uint64_t word = 5;
	struct pair p;

	pair_up(&p);
	expect_ok(tract_barrier_destroy(&p.barrier));
	EXPECT_EQ(tract_import_put64(p.import, 0, &word, 1), -EUNATCH);
	expect_ok(tract_import_set_mode(p.import, TRACT_BARRIER_EXPLICIT));
	expect_ok(tract_import_put64(p.import, 0, &word, 1));
	pair_down(&p);
}

TEST_SLOW(from_its_first_access_on_it_counts_as_mapped, 60)
{
	uint64_t word = 5;
	void *addr = NULL;
	struct pair p;

	pair_up(&p);
	EXPECT_EQ(tract_import_unmap(p.import), -ENOENT);
	expect_ok(tract_import_put64(p.import, 0, &word, 1));
	EXPECT_EQ(tract_import_map(p.import, &addr, 0, RW, 0, SIZE), -EALREADY);
	expect_ok(tract_import_unmap(p.import));
	EXPECT_EQ(tract_import_unmap(p.import), -ENOENT);
	pair_down(&p);
}

/* ---- vectors ----------------------------------------------------------------------------- */

TEST_SLOW(vectors_arrive_in_order_and_say_how_many_did, 60)
{
	char out[4][4096], in[4][4096] = { 0 };
	struct tract_vector vector[4];
	size_t done = 9;
	struct pair p;

	pair_up(&p);
	for (size_t i = 0; i < 4; i++) {
		memset(out[i], 'a' + (int)i, sizeof(out[i]));
		/* Each reaches into the next. */
		vector[i] = (struct tract_vector){ out[i], 3 + 2048 * i, sizeof(out[i]) };
	}
	expect_ok(tract_import_putv(p.import, vector, 4, &done));
	EXPECT_EQ(done, 4);
	for (size_t i = 0; i < 4; i++)
		EXPECT(memcmp(p.memory + 3 + 2048 * i, out[i], 2048) == 0);
	for (size_t i = 0; i < 4; i++)
		vector[i].local = in[i];
	expect_ok(tract_import_getv(p.import, vector, 4, &done));
	for (size_t i = 0; i < 4; i++)
		EXPECT(memcmp(in[i], p.memory + 3 + 2048 * i, sizeof(in[i])) == 0);
	vector[2].remote = SIZE - 1;
	EXPECT_EQ(tract_import_getv(p.import, vector, 4, &done), -ERANGE);
	EXPECT_EQ(done, 2);
	vector[1].local = NULL;
	EXPECT_EQ(tract_import_putv(p.import, vector, 4, &done), -EFAULT);
	EXPECT_EQ(done, 1);
	pair_down(&p);
}

/* ---- spans ------------------------------------------------------------------------------- */

TEST_SLOW(what_a_span_put_has_arrived_when_it_is_closed, 60)
{
	struct pair p;

	pair_up(&p);
	expect_ok(tract_import_set_mode(p.import, TRACT_BARRIER_EXPLICIT));
	EXPECT_EQ(tract_barrier_close(&p.barrier), -ENOTCONN);
	EXPECT_EQ(tract_barrier_order(&p.barrier), -ENOTCONN);
	for (uint64_t round = 1; round <= 20; round++) {
		expect_ok(tract_barrier_open(&p.barrier));
		for (uint64_t i = 0; i < 512; i++) {
			uint64_t word = round << 32 | i;

			expect_ok(tract_import_put64(p.import, (off_t)(8 * i), &word, 1));
		}
		expect_ok(tract_barrier_order(&p.barrier));
		EXPECT_WORD(p.memory + 8 * 511, round << 32 | 511);
		for (uint64_t i = 0; i < 512; i++)
			expect_ok(tract_import_put64(p.import, (off_t)(8 * i), &i, 1));
		expect_ok(tract_barrier_close(&p.barrier));
		for (uint64_t i = 0; i < 512; i++)
			EXPECT_WORD(p.memory + 8 * i, i);
	}
	pair_down(&p);
}

TEST_SLOW(a_large_source_can_be_changed_when_put_has_returned, 60)
{
	char from[SIZE / 2];
	struct pair p;

	pair_up(&p);
	expect_ok(tract_import_set_mode(p.import, TRACT_BARRIER_EXPLICIT));
	expect_ok(tract_barrier_open(&p.barrier));
	for (int round = 0; round < 20; round++) {
		memset(from, round, sizeof(from));
		expect_ok(tract_import_put(p.import, 0, from, sizeof(from)));
		memset(from, 0xff, sizeof(from));
	}
	expect_ok(tract_barrier_close(&p.barrier));
	for (size_t i = 0; i < sizeof(from); i++)
		EXPECT_EQ(p.memory[i], 19);
	pair_down(&p);
}

TEST_SLOW(a_barrier_of_the_node_is_about_its_other_segments_too, 60)
{
	struct tract_barrier segment = { 0 }, node = { 0 };
	struct tract_import *other;
	uint64_t word = 5;
	struct pair p;

	pair_up(&p);
	expect_ok(tract_import_connect(p.here, 2, p.id, RW, &other));
	expect_ok(tract_barrier_init(other, &segment));
	expect_ok(tract_barrier_init_scope(other, TRACT_SCOPE_NODE, &node));
	expect_ok(tract_import_set_mode(p.import, TRACT_BARRIER_EXPLICIT));
	expect_ok(tract_barrier_open(&node));
	for (uint64_t i = 0; i < 512; i++)
		expect_ok(tract_import_put64(p.import, (off_t)(8 * i), &i, 1));
	expect_ok(tract_barrier_close(&node));
	EXPECT_WORD(p.memory + 8 * 511, 511);
	expect_ok(tract_import_close(p.import));
	/* Another segment, which is lost in the middle of the span. */
	expect_ok(tract_export_unpublish(p.export));
	EXPECT_EQ(tract_barrier_close(&segment), -ESTALE);
	EXPECT_EQ(tract_barrier_init_scope(other, (enum tract_barrier_scope)2, &node), -EINVAL);
	p.import = other;
	(void)word;
	pair_down(&p);
}

/* ---- signals ----------------------------------------------------------------------------- */

TEST_SLOW(signals_go_both_ways, 60)
{
	struct pollfd fd = { .events = POLLIN };
	struct pair p;

	pair_up(&p);
	EXPECT_EQ(tract_import_wait(p.import, 0), -ETIMEDOUT);
	expect_ok(tract_import_post(p.import, 0));
	expect_ok(tract_import_post(p.import, 0));
	expect_ok(tract_export_wait(p.export, LONG_MS));
	expect_ok(tract_export_wait(p.export, LONG_MS));
	EXPECT_EQ(tract_export_wait(p.export, 0), -ETIMEDOUT);
	expect_ok(tract_export_post(p.export, 0));
	expect_ok(tract_import_wait(p.import, LONG_MS));
	EXPECT_EQ(tract_import_wait(p.import, 0), -ETIMEDOUT);
	expect_ok(tract_import_pollfd(p.import, &fd.fd));
	EXPECT_EQ(tract_poll(&fd, 1, 0), 0);
	expect_ok(tract_export_post(p.export, 0));
	EXPECT_EQ(tract_poll(&fd, 1, LONG_MS), 1);
	expect_ok(tract_import_wait(p.import, 0));
	EXPECT_EQ(tract_poll(&fd, 1, 0), 0);
	tract_import_pollfd_release(p.import);
	expect_ok(tract_export_pollfd(p.export, &fd.fd));
	EXPECT_EQ(tract_poll(&fd, 1, 0), 0);
	expect_ok(tract_import_post(p.import, 0));
	EXPECT_EQ(tract_poll(&fd, 1, LONG_MS), 1);
	expect_ok(tract_export_wait(p.export, 0));
	EXPECT_EQ(tract_poll(&fd, 1, 0), 0);
	tract_export_pollfd_release(p.export);
	/* Whose exporter has gone posts to nobody. */
	expect_ok(tract_export_unpublish(p.export));
	expect_ok(tract_import_post(p.import, 0));
	EXPECT_EQ(tract_export_wait(p.export, 0), -ETIMEDOUT);
	pair_down(&p);
}

TEST_SLOW(a_signal_that_does_not_count_is_dropped_where_one_is_pending, 60)
{
	struct tract_export *marker;
	struct tract_import *mark;
	uint32_t id = 0;
	struct pair p;
	char *memory;

	pair_up(&p);
	memory = pages_new(4096);
	expect_ok(tract_export_create(p.there, memory, 4096, 0, &marker));
	expect_ok(tract_export_publish(marker, &id, NULL, 0));
	expect_ok(tract_import_connect(p.here, 2, id, 0, &mark));
	for (int i = 0; i < 3; i++)
		expect_ok(tract_import_post(p.import, TRACT_POST_ONCE));
	/* What is posted later comes later, whatever segment it is about. */
	expect_ok(tract_import_post(mark, 0));
	expect_ok(tract_export_wait(marker, LONG_MS));
	expect_ok(tract_export_wait(p.export, 0));
	EXPECT_EQ(tract_export_wait(p.export, 0), -ETIMEDOUT);
	expect_ok(tract_import_close(mark));
	expect_ok(tract_export_destroy(marker));
	EXPECT_EQ(munmap(memory, 4096), 0);
	pair_down(&p);
}

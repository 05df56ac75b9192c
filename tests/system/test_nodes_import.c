/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_import.c - the library, with memory of another node
 *
 * A process may be on several nodes at once, which most of these are; who dies is another.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tract/tract.h>
#include <unistd.h>

#include "cluster.h"
#include "test.h"

/* What the checks in this file compare, in words. */
#define EXPECT_WORD(address, word) \
	EXPECT_EQ(*(const volatile uint64_t *)(const void *)(address), word)

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE
#define SIZE ((size_t)64 << 10)

struct pair {
	struct cluster c;
	struct tract *here, *there;
	char *memory;
	struct tract_export *export;
	uint32_t id;
	struct tract_import *import;
	struct tract_barrier barrier;
};

static void expect_ok(int r)
{
	ck_assert_msg(r == 0, "%d: %s", r, tract_reason());
}

static char *pages_new(size_t size)
{
	char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(memory != MAP_FAILED);
	return memory;
}

static void nodes_up(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	cluster_make(&p->c, 2, true, cluster_alias());
	cluster_start_all(&p->c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&p->c));
	expect_ok(tract_open(p->c.node[0].directory, &p->here));
	expect_ok(tract_open(p->c.node[1].directory, &p->there));
}

static void nodes_down(struct pair *p)
{
	tract_close(p->here);
	tract_close(p->there);
	cluster_end(&p->c);
}

static void export_up(struct pair *p)
{
	p->memory = pages_new(SIZE);
	p->id = 0x400001;
	expect_ok(tract_export_create(p->there, p->memory, SIZE, TRACT_EXPORT_REBIND,
				      &p->export));
	expect_ok(tract_export_publish(p->export, &p->id, NULL, 0));
}

static void import_up(struct pair *p, uint32_t rights)
{
	expect_ok(tract_import_connect(p->here, 2, p->id, rights, &p->import));
	expect_ok(tract_barrier_init(p->import, &p->barrier));
}

static void pair_up(struct pair *p)
{
	nodes_up(p);
	export_up(p);
	import_up(p, RW);
}

static void pair_down(struct pair *p)
{
	expect_ok(tract_import_close(p->import));
	expect_ok(tract_export_destroy(p->export));
	EXPECT_EQ(munmap(p->memory, SIZE), 0);
	nodes_down(p);
}

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

/* ---- taking back ------------------------------------------------------------------------- */

TEST_SLOW(when_unpublish_has_returned_nothing_succeeds_and_nothing_arrives, 60)
{
	struct tract_import *fresh;
	uint64_t word = 5, got = 9;
	void *addr = NULL;
	struct pair p;

	pair_up(&p);
	expect_ok(tract_import_connect(p.here, 2, p.id, RW, &fresh));
	expect_ok(tract_import_put64(p.import, 0, &word, 1));
	expect_ok(tract_barrier_open(&p.barrier));
	expect_ok(tract_export_unpublish(p.export));
	word = 6;
	EXPECT_EQ(tract_import_check(p.import), -ESTALE);
	EXPECT_EQ(tract_import_put64(p.import, 0, &word, 1), -ESTALE);
	EXPECT_EQ(tract_import_get64(p.import, 0, &got, 1), -ESTALE);
	EXPECT_EQ(tract_barrier_close(&p.barrier), -ESTALE);
	expect_ok(tract_barrier_open(&p.barrier));
	expect_ok(tract_barrier_order(&p.barrier));
	expect_ok(tract_import_set_mode(p.import, TRACT_BARRIER_EXPLICIT));
	expect_ok(tract_import_put64(p.import, 0, &word, 1));
	/* Nobody says what it gets. */
	expect_ok(tract_import_get64(p.import, 0, &got, 1));
	EXPECT_EQ(tract_barrier_close(&p.barrier), -ESTALE);
	EXPECT_WORD(p.memory, 5);
	/* One that was never used says so at once. */
	expect_ok(tract_import_set_mode(fresh, TRACT_BARRIER_EXPLICIT));
	EXPECT_EQ(tract_import_put64(fresh, 0, &word, 1), -ESTALE);
	EXPECT_EQ(tract_import_map(fresh, &addr, 0, RW, 0, SIZE), -ESTALE);
	expect_ok(tract_import_close(fresh));
	/* Under the same id it is another segment. */
	expect_ok(tract_export_publish(p.export, &p.id, NULL, 0));
	EXPECT_EQ(tract_import_check(p.import), -ESTALE);
	expect_ok(tract_import_close(p.import));
	import_up(&p, RW);
	expect_ok(tract_import_get64(p.import, 0, &got, 1));
	EXPECT_EQ(got, 5);
	pair_down(&p);
}

TEST_SLOW(others_of_the_peer_go_on_while_segments_are_taken_back, 60)
{
	enum { MANY = 40 };
	struct tract_export *exports[MANY];
	struct tract_import *imports[MANY];
	struct tract_barrier barriers[MANY];
	char *memory[MANY];
	struct pair p;

	pair_up(&p);
	for (unsigned i = 0; i < MANY; i++) {
		uint32_t id = 0;

		memory[i] = pages_new(4096);
		expect_ok(tract_export_create(p.there, memory[i], 4096, 0, &exports[i]));
		expect_ok(tract_export_publish(exports[i], &id, NULL, 0));
		expect_ok(tract_import_connect(p.here, 2, id, RW, &imports[i]));
		expect_ok(tract_barrier_init(imports[i], &barriers[i]));
	}
	for (unsigned i = 0; i < MANY; i += 2) {
		expect_ok(tract_export_unpublish(exports[i]));
		for (uint64_t j = 1; j < MANY; j += 2) {
			uint64_t word = i << 16 | j;

			expect_ok(tract_import_put64(imports[j], 0, &word, 1));
			EXPECT_WORD(memory[j], word);
		}
		EXPECT_EQ(tract_import_put8(imports[i], 0, (const uint8_t *)"", 1), -ESTALE);
	}
	for (unsigned i = 0; i < MANY; i++) {
		expect_ok(tract_import_close(imports[i]));
		expect_ok(tract_export_destroy(exports[i]));
		EXPECT_EQ(munmap(memory[i], 4096), 0);
	}
	pair_down(&p);
}

TEST_SLOW(a_rebind_moves_importers_and_loses_nothing, 60)
{
	char *old, *fresh;
	uint64_t word, got;
	struct pair p;

	pair_up(&p);
	for (uint64_t round = 1; round <= 10; round++) {
		old = p.memory;
		fresh = pages_new(SIZE);
		expect_ok(tract_import_set_mode(p.import, TRACT_BARRIER_EXPLICIT));
		expect_ok(tract_barrier_open(&p.barrier));
		for (uint64_t i = 0; i < 512; i++) {
			word = round << 16 | i;
			expect_ok(tract_import_put64(p.import, (off_t)(8 * i), &word, 1));
		}
		expect_ok(tract_export_rebind(p.export, fresh, SIZE));
		for (uint64_t i = 0; i < 512; i++)
			EXPECT_WORD(old + 8 * i, round << 16 | i);
		expect_ok(tract_barrier_close(&p.barrier));
		expect_ok(tract_import_set_mode(p.import, TRACT_BARRIER_IMPLICIT));
		word = round << 32;
		expect_ok(tract_import_put64(p.import, 4096, &word, 1));
		EXPECT_WORD(fresh + 4096, word);
		expect_ok(tract_import_get64(p.import, 0, &got, 1));
		EXPECT_EQ(got, 0);
		p.memory = fresh;
		EXPECT_EQ(munmap(old, SIZE), 0);
	}
	pair_down(&p);
}

struct writer {
	pthread_t thread;
	struct pair *p;
	off_t at;
	uint64_t last;
	_Atomic bool stop;
};

static void *write_on(void *arg)
{
	struct writer *w = arg;

	while (!atomic_load(&w->stop)) {
		uint64_t next = w->last + 1, got = 0;

		expect_ok(tract_import_put64(w->p->import, w->at, &next, 1));
		expect_ok(tract_import_get64(w->p->import, w->at, &got, 1));
		/* Or it was put before a move, and got after. */
		EXPECT(got == next || got == 0);
		w->last = next;
	}
	return NULL;
}

TEST_SLOW(threads_go_on_across_rebinds_without_noticing, 60)
{
	struct writer writers[3] = { 0 };
	char *memory[2];
	struct pair p;

	pair_up(&p);
	memory[0] = p.memory;
	memory[1] = pages_new(SIZE);
	for (unsigned i = 0; i < 3; i++) {
		writers[i].p = &p;
		writers[i].at = 8 * (off_t)i;
		EXPECT_EQ(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]), 0);
	}
	for (unsigned round = 1; round <= 30; round++) {
		p.memory = memory[round % 2];
		memset(p.memory, 0, SIZE);
		expect_ok(tract_export_rebind(p.export, p.memory, SIZE));
	}
	for (unsigned i = 0; i < 3; i++) {
		atomic_store(&writers[i].stop, true);
		EXPECT_EQ(pthread_join(writers[i].thread, NULL), 0);
		EXPECT(writers[i].last > 0);
		writers[i].last++;
		expect_ok(tract_import_put64(p.import, writers[i].at, &writers[i].last, 1));
		EXPECT_WORD(p.memory + 8 * (size_t)i, writers[i].last);
	}
	EXPECT_EQ(munmap(memory[1], SIZE), 0);
	p.memory = memory[0];
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

/* ---- who is lost ------------------------------------------------------------------------- */

/* 0 as long as puts arrive.  In between they may fail without being lost for good. */
static int try_put(struct pair *p)
{
	uint64_t word = 7;
	int r = tract_import_put64(p->import, 0, &word, 1);

	EXPECT(r == 0 || r == -EIO || r == -ESTALE);
	return r;
}

TEST_SLOW(a_node_that_is_lost_cuts_importers_off_within_the_bound, 60)
{
	struct pair p;

	pair_up(&p);
	EXPECT_EQ(try_put(&p), 0);
	cluster_kill(&p.c, 1);
	EXPECT_WITHIN(4 * CLUSTER_TIMEOUT_MS, try_put(&p) == -ESTALE);
	EXPECT_EQ(tract_import_check(p.import), -ESTALE);
	expect_ok(tract_import_close(p.import));
	(void)tract_export_destroy(p.export);
	(void)munmap(p.memory, SIZE);
	nodes_down(&p);
}

TEST_SLOW(a_node_that_does_not_answer_cuts_importers_off_within_the_bound, 60)
{
	struct pair p;

	pair_up(&p);
	EXPECT_EQ(try_put(&p), 0);
	cluster_pause(&p.c, 1);
	EXPECT_WITHIN(4 * CLUSTER_TIMEOUT_MS, try_put(&p) == -ESTALE);
	cluster_resume(&p.c, 1);
	EXPECT_EQ(tract_import_check(p.import), -ESTALE);
	pair_down(&p);
}

TEST_SLOW(without_the_own_broker_nobody_could_tell_so_it_ends, 60)
{
	struct pair p;

	pair_up(&p);
	EXPECT_EQ(try_put(&p), 0);
	cluster_kill(&p.c, 0);
	EXPECT_WITHIN(4 * CLUSTER_TIMEOUT_MS, try_put(&p) == -ESTALE);
	pair_down(&p);
}

TEST_SLOW(while_the_own_broker_is_stopped_nothing_is_certified, 60)
{
	struct pair p;

	pair_up(&p);
	expect_ok(tract_import_set_mode(p.import, TRACT_BARRIER_EXPLICIT));
	cluster_pause(&p.c, 0);
	expect_ok(tract_barrier_open(&p.barrier));
	/* It returns once nobody relies on the board any more. */
	expect_ok(tract_export_unpublish(p.export));
	EXPECT_EQ(tract_barrier_close(&p.barrier), -EIO);
	expect_ok(tract_import_set_mode(p.import, TRACT_BARRIER_IMPLICIT));
	EXPECT_EQ(try_put(&p), -EIO);
	EXPECT_WORD(p.memory, 0);
	cluster_resume(&p.c, 0);
	EXPECT_WITHIN(LONG_MS, try_put(&p) == -ESTALE);
	pair_down(&p);
}

/* Exports in a process of its own, until it is killed. */
static pid_t exporter_start(const struct pair *p, uint32_t *ret_id)
{
	int ends[2];
	pid_t pid;

	EXPECT_EQ(pipe(ends), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		struct pair own = *p;

		expect_ok(tract_open(p->c.node[1].directory, &own.there));
		export_up(&own);
		EXPECT_EQ(write(ends[1], &own.id, sizeof(own.id)), sizeof(own.id));
		for (;;)
			(void)pause();
	}
	EXPECT_EQ(read(ends[0], ret_id, sizeof(*ret_id)), sizeof(*ret_id));
	(void)close(ends[0]);
	(void)close(ends[1]);
	return pid;
}

TEST_SLOW(an_exporter_that_dies_cuts_importers_off, 60)
{
	struct pair p;
	pid_t exporter;

	nodes_up(&p);
	exporter = exporter_start(&p, &p.id);
	import_up(&p, RW);
	EXPECT_EQ(try_put(&p), 0);
	EXPECT_EQ(kill(exporter, SIGKILL), 0);
	EXPECT_EQ(waitpid(exporter, NULL, 0), exporter);
	EXPECT_WITHIN(LONG_MS, try_put(&p) == -ESTALE);
	/* The node is there, and has forgotten the segment. */
	expect_ok(tract_import_close(p.import));
	EXPECT_EQ(tract_import_connect(p.here, 2, p.id, RW, &p.import), -ENOENT);
	nodes_down(&p);
}

static void find_no_way(struct pair *p)
{
	struct tract_import *again;
	uint64_t word = 11;

	EXPECT_EQ(tract_import_put64(p->import, 8, &word, 1), -ESTALE);
	EXPECT_EQ(tract_barrier_close(&p->barrier), -ESTALE);
	EXPECT(strstr(tract_reason(), "its parent imported"));
	EXPECT_EQ(tract_import_connect(p->here, 2, p->id, RW, &again), -ETIMEDOUT);
}

/* The kernel lets nobody use a device but who opened it, and librdmacm keeps it open. */
TEST_SLOW(through_a_device_a_child_of_fork_has_no_way_and_its_parent_goes_on, 60)
{
	struct pair p;
	int status;
	pid_t child;

	if (strcmp(test_provider(), "verbs") != 0)
		SKIP("the nodes here reach each other without a device");
	pair_up(&p);
	EXPECT_EQ(try_put(&p), 0);
	expect_ok(tract_barrier_open(&p.barrier));
	child = fork();
	if (child == 0) {
		find_no_way(&p);
		_exit(0);
	}
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
	expect_ok(tract_barrier_close(&p.barrier));
	EXPECT_EQ(try_put(&p), 0);
	pair_down(&p);
}

static void use_inherited(struct pair *p)
{
	uint64_t word = 11, got = 0;

	/* A span of the parent's is not this process's to certify. */
	EXPECT_EQ(tract_barrier_close(&p->barrier), -EIO);
	expect_ok(tract_import_put64(p->import, 8, &word, 1));
	expect_ok(tract_import_get64(p->import, 0, &got, 1));
	EXPECT_EQ(got, 7);
}

TEST_SLOW(a_child_of_fork_goes_on_with_a_connection_of_its_own, 60)
{
	struct pair p;
	int status;
	pid_t child;

	pair_up(&p);
	EXPECT_EQ(try_put(&p), 0);
	expect_ok(tract_barrier_open(&p.barrier));
	child = fork();
	if (child == 0) {
		use_inherited(&p);
		_exit(0);
	}
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
	expect_ok(tract_barrier_close(&p.barrier));
	EXPECT_WORD(p.memory + 8, 11);
	EXPECT_EQ(try_put(&p), 0);
	pair_down(&p);
}

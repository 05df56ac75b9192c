/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_import_ends.c - the library, with memory of another node that is taken back, moved
 * or lost
 *
 * Who dies is another process.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tract/tract.h>
#include <unistd.h>

#include "pair.h"
#include "test.h"

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

/* ---- who is lost ------------------------------------------------------------------------- */

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

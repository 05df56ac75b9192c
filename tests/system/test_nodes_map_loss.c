/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_map_loss.c - memory of another node at an address, when it moves, is taken back,
 * or cannot be reached; and with children and threads
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "mapped.h"

#define SIZE ((size_t)64 << 10)

/* ---- taken back -------------------------------------------------------------------------- */

TEST_SLOW(what_is_taken_back_is_zeros_and_stores_reach_nobody, 60)
{
	struct mapped m;

	mapped_up(&m, SIZE, STORES_LATE);
	memset(m.memory, 5, SIZE);
	mapped_ok(tract_barrier_open(&m.barrier));
	EXPECT_EQ(m.map[0], 5);
	m.map[PAGE] = 6;
	m.map[PAGE + 1] = 6;
	mapped_ok(tract_export_unpublish(m.export));
	/* Pages that were here and pages that were not. */
	EXPECT_WITHIN(LONG_MS, m.map[0] == 0);
	EXPECT_EQ(m.map[PAGE], 0);
	EXPECT_EQ(m.map[8 * PAGE], 0);
	m.map[0] = 7;
	m.map[9 * PAGE] = 7;
	EXPECT_EQ(m.map[0], 7);
	EXPECT_EQ(tract_barrier_close(&m.barrier), -ESTALE);
	mapped_ok(tract_barrier_open(&m.barrier));
	mapped_ok(tract_barrier_order(&m.barrier));
	EXPECT_EQ(tract_barrier_close(&m.barrier), -ESTALE);
	EXPECT_EQ(m.map[0], 7);
	for (size_t i = 0; i < SIZE; i++)
		EXPECT_EQ(m.memory[i], 5);
	mapped_down(&m);
}

static void *touch_on(void *arg)
{
	volatile char *map = arg;
	char sum = 0;

	for (size_t page = 0; page < SIZE / PAGE; page++)
		sum = (char)(sum + map[page * PAGE]);
	return sum ? arg : NULL;
}

/* What a thread waits for at a fault, it does not wait for longer than the bound. */
TEST_SLOW(a_node_that_is_lost_leaves_zeros_and_every_barrier_says_so, 60)
{
	pthread_t thread;
	struct mapped m;
	int r = 0;

	mapped_up(&m, SIZE, NULL);
	memset(m.memory, 1, SIZE);
	EXPECT_EQ(m.map[0], 1);
	mapped_ok(tract_barrier_open(&m.barrier));
	cluster_kill(&m.c, 1);
	EXPECT_EQ(pthread_create(&thread, NULL, touch_on, (void *)(uintptr_t)m.map), 0);
	m.map[3 * PAGE + 8] = 1;
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	r = tract_barrier_close(&m.barrier);
	EXPECT(r == -EIO || r == -ESTALE);
	for (unsigned i = 0; r != -ESTALE && i < 1000; i++) {
		mapped_ok(tract_barrier_open(&m.barrier));
		m.map[i % SIZE] = 2;
		r = tract_barrier_close(&m.barrier);
		EXPECT(r == -EIO || r == -ESTALE);
		test_pause_us(5000);
	}
	EXPECT_EQ(r, -ESTALE);
	EXPECT_WITHIN(LONG_MS, m.map[7 * PAGE] == 0);
	mapped_down(&m);
}

TEST_SLOW(a_node_that_does_not_answer_holds_up_loads_for_a_bounded_time, 60)
{
	struct mapped m;
	int r;

	mapped_up(&m, SIZE, NULL);
	memset(m.memory, 1, SIZE);
	mapped_ok(tract_barrier_open(&m.barrier));
	cluster_pause(&m.c, 1);
	/* Each that waits does so until the node counts as lost, and then no more. */
	(void)touch_on((void *)(uintptr_t)m.map);
	r = tract_barrier_close(&m.barrier);
	/* So that none is left behind if the answer is wrong. */
	cluster_resume(&m.c, 1);
	if (r != -EIO)
		EXPECT_EQ(r, -ESTALE);
	mapped_down(&m);
}

TEST_SLOW(a_page_that_could_not_be_fetched_fails_its_span_and_is_fetched_in_the_next, 60)
{
	struct mapped m;

	mapped_up(&m, SIZE, STORES_LATE);
	memset(m.memory, 5, SIZE);
	mapped_ok(tract_barrier_open(&m.barrier));
	EXPECT_EQ(fault_arm("far.map.fetched=e5"), 0);
	EXPECT_EQ(m.map[PAGE], 0);
	EXPECT_EQ(m.map[4 * PAGE], 5);
	EXPECT_EQ(tract_barrier_close(&m.barrier), -EIO);
	mapped_ok(tract_barrier_open(&m.barrier));
	EXPECT_EQ(m.map[PAGE], 5);
	mapped_ok(tract_barrier_close(&m.barrier));
	EXPECT_EQ(fault_arm(NULL), 0);
	mapped_down(&m);
}

TEST_SLOW(a_store_that_there_is_no_twin_for_fails_its_span, 60)
{
	struct mapped m;

	mapped_up(&m, SIZE, STORES_LATE);
	mapped_ok(tract_barrier_open(&m.barrier));
	EXPECT_EQ(fault_arm("far.pages.note=e12@*"), 0);
	m.map[PAGE] = 1;
	EXPECT_EQ(fault_arm(NULL), 0);
	EXPECT_EQ(tract_barrier_close(&m.barrier), -EIO);
	mapped_ok(tract_barrier_open(&m.barrier));
	m.map[PAGE] = 2;
	mapped_ok(tract_barrier_close(&m.barrier));
	EXPECT_EQ(m.memory[PAGE], 2);
	mapped_down(&m);
}

TEST_SLOW(where_it_cannot_be_mapped_the_reason_is_told_and_nothing_is_left, 60)
{
	void *addr = NULL;
	struct mapped m;

	mapped_nodes_up(&m, SIZE, NULL);
	mapped_ok(tract_import_connect(m.here, 2, m.id, RW, &m.import));
	EXPECT_EQ(fault_arm("uffd.open_watching=e95"), 0);
	EXPECT_EQ(tract_import_map(m.import, &addr, 0, RW, 0, SIZE), -EOPNOTSUPP);
	EXPECT(strstr(tract_reason(), "userfaultfd"));
	EXPECT_EQ(fault_arm("uffd.open_watching=e24"), 0);
	EXPECT_EQ(tract_import_map(m.import, &addr, 0, RW, 0, SIZE), -EMFILE);
	EXPECT_EQ(fault_arm("far.map.watched=e12"), 0);
	EXPECT_EQ(tract_import_map(m.import, &addr, 0, RW, 0, SIZE), -ENOMEM);
	EXPECT_EQ(fault_arm("uffd.open_watching=e95"), 0);
	EXPECT_EQ(tract_import_can_map_far(), -EOPNOTSUPP);
	EXPECT_EQ(fault_arm(NULL), 0);
	EXPECT_EQ(tract_import_can_map_far(), 0);
	mapped_ok(tract_import_map(m.import, &addr, 0, RW, 0, SIZE));
	m.map = addr;
	mapped_down(&m);
}

/* ---- moved ------------------------------------------------------------------------------- */

TEST_SLOW(a_mapping_follows_a_rebind_and_loses_nothing, 60)
{
	char *old, *fresh;
	struct mapped m;

	mapped_up(&m, SIZE, STORES_LATE);
	for (char round = 1; round < 10; round++) {
		old = m.memory;
		fresh = mapped_pages(SIZE);
		memset(fresh, 100 + round, SIZE);
		EXPECT_EQ(m.map[PAGE], round == 1 ? 0 : 99 + round);
		m.map[3 * PAGE] = round;
		mapped_ok(tract_export_rebind(m.export, fresh, SIZE));
		/* It was stored before, so it is in the memory that was. */
		EXPECT_EQ(old[3 * PAGE], round);
		EXPECT_EQ(m.map[PAGE], 100 + round);
		EXPECT_EQ(m.map[3 * PAGE], 100 + round);
		mapped_ok(tract_barrier_open(&m.barrier));
		m.map[5] = round;
		mapped_ok(tract_barrier_close(&m.barrier));
		EXPECT_EQ(fresh[5], round);
		m.memory = fresh;
		EXPECT_EQ(munmap(old, SIZE), 0);
	}
	mapped_down(&m);
}

/* ---- threads ----------------------------------------------------------------------------- */

struct counter {
	pthread_t thread;
	volatile uint64_t *word;
	_Atomic bool *stop;
	uint64_t last;
};

/* Its word is nobody else's: it always reads what it has stored. */
static void *count_on(void *arg)
{
	struct counter *c = arg;

	while (!atomic_load(c->stop)) {
		EXPECT_EQ(*c->word, c->last);
		*c->word = ++c->last;
	}
	return NULL;
}

TEST_SLOW(threads_that_store_beside_barriers_lose_nothing, 120)
{
	struct counter counters[4] = { 0 };
	_Atomic bool stop = false;
	struct mapped m;

	mapped_up(&m, SIZE, NULL);
	for (size_t i = 0; i < 4; i++) {
		/* Two of them on one page. */
		counters[i].word = (volatile uint64_t *)(volatile void *)(m.map + i / 2 * PAGE +
									  8 * i + 3 * 64);
		counters[i].stop = &stop;
		EXPECT_EQ(pthread_create(&counters[i].thread, NULL, count_on, &counters[i]), 0);
	}
	for (unsigned round = 0; round < 300; round++) {
		volatile char *at = m.map + (round % 16) * PAGE + 2000;

		mapped_ok(tract_barrier_open(&m.barrier));
		*at = (char)round;
		if (round % 3 == 0)
			mapped_ok(tract_barrier_order(&m.barrier));
		mapped_ok(tract_barrier_close(&m.barrier));
		EXPECT_EQ(m.memory[(round % 16) * PAGE + 2000], (char)round);
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < 4; i++) {
		EXPECT_EQ(pthread_join(counters[i].thread, NULL), 0);
		EXPECT(counters[i].last > 0);
	}
	mapped_ok(tract_barrier_open(&m.barrier));
	mapped_ok(tract_barrier_close(&m.barrier));
	for (size_t i = 0; i < 4; i++)
		EXPECT_EQ(*(uint64_t *)(void *)(m.memory + i / 2 * PAGE + 8 * i + 3 * 64),
			  counters[i].last);
	mapped_down(&m);
}

TEST_SLOW(threads_that_read_the_same_pages_see_the_same, 120)
{
	pthread_t threads[4];
	struct mapped m;

	mapped_up(&m, SIZE, NULL);
	for (unsigned round = 0; round < 50; round++) {
		memset(m.memory, 0, SIZE);
		mapped_ok(tract_barrier_open(&m.barrier));
		for (unsigned i = 0; i < 4; i++)
			EXPECT_EQ(pthread_create(&threads[i], NULL, touch_on,
						 (void *)(uintptr_t)m.map),
				  0);
		for (unsigned i = 0; i < 4; i++) {
			void *odd = NULL;

			EXPECT_EQ(pthread_join(threads[i], &odd), 0);
			EXPECT(!odd);
		}
		mapped_ok(tract_barrier_close(&m.barrier));
	}
	mapped_down(&m);
}

/* ---- children ---------------------------------------------------------------------------- */

TEST_SLOW(a_child_of_fork_has_zeros_and_then_a_mapping_of_its_own, 60)
{
	struct mapped m;
	int status;
	pid_t pid;

	mapped_up(&m, SIZE, STORES_LATE);
	memset(m.memory, 5, SIZE);
	mapped_ok(tract_barrier_open(&m.barrier));
	EXPECT_EQ(m.map[0], 5);
	m.map[1] = 6;
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		EXPECT_EQ(m.map[0], 0);
		m.map[2] = 9;
		EXPECT_EQ(tract_barrier_close(&m.barrier), -EIO);
		mapped_ok(tract_barrier_open(&m.barrier));
		EXPECT_EQ(m.map[0], 5);
		EXPECT_EQ(m.map[2], 5);
		m.map[3] = 7;
		mapped_ok(tract_barrier_close(&m.barrier));
		mapped_ok(tract_import_unmap(m.import));
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(m.memory[2], 5);
	EXPECT_EQ(m.memory[3], 7);
	EXPECT_EQ(m.map[0], 5);
	EXPECT_EQ(m.map[1], 6);
	mapped_ok(tract_barrier_close(&m.barrier));
	EXPECT_EQ(m.memory[1], 6);
	EXPECT_EQ(m.map[3], 7);
	mapped_down(&m);
}

TEST_SLOW(a_child_that_unmaps_or_leaves_does_not_touch_its_parents_mapping, 60)
{
	struct mapped m;
	int status;
	pid_t pid;

	mapped_up(&m, SIZE, STORES_LATE);
	m.map[1] = 6;
	for (int round = 0; round < 2; round++) {
		pid = fork();
		EXPECT(pid >= 0);
		if (pid == 0) {
			if (round == 1) {
				mapped_ok(tract_import_unmap(m.import));
				mapped_ok(tract_import_close(m.import));
			}
			_exit(0);
		}
		EXPECT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT_EQ(status, 0);
		EXPECT_EQ(m.map[1], 6);
		m.memory[3 * PAGE] = (char)(8 + round);
		mapped_ok(tract_barrier_open(&m.barrier));
		EXPECT_EQ(m.map[3 * PAGE], 8 + round);
		mapped_ok(tract_barrier_close(&m.barrier));
		m.map[1] = 6;
	}
	mapped_down(&m);
}

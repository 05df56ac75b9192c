/* SPDX-License-Identifier: MIT */
/*
 * Windows that are taken back while they are used, and processes that die or stop.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tract/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "fabric/fabric.h"
#include "rig.h"
#include "test.h"

#define PAGE ((size_t)4096)
#define MIB ((size_t)1 << 20)
/* So many MiB fit no socket's buffers, and are not too many for one peer. */
#define UNDER_WAY 15

static void expect_ok(int r)
{
	EXPECT_OR_SAY(r == 0, "%s: %s", error_name(r), error_reason());
}

static int put_word(struct fabric_target *target, uint64_t offset, uint64_t word)
{
	int r = fabric_put(target, offset, &word, sizeof(word), 0, RIG_PATIENCE, NULL);

	return r < 0 ? r : fabric_wait(target, RIG_PATIENCE);
}

/* ---- writers that go on -------------------------------------------------------------------
 */

struct writers {
	struct fabric_target **targets; /* one for each window */
	size_t size;
	unsigned first, last, step;
	char *from;
	_Atomic bool stop;
	_Atomic unsigned rounds;
	uint64_t longest; /* nanoseconds, of one put and its wait */
	pthread_t thread;
};

static void *write_on(void *arg)
{
	struct writers *w = arg;

	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		for (unsigned i = w->first; i < w->last; i += w->step) {
			uint64_t start = clock_now(), took;

			expect_ok(fabric_put(w->targets[i], 0, w->from, w->size, 0,
					     RIG_PATIENCE, NULL));
			expect_ok(fabric_wait(w->targets[i], RIG_PATIENCE));
			took = clock_now() - start;
			if (took > w->longest)
				w->longest = took;
		}
		atomic_fetch_add_explicit(&w->rounds, 1u, memory_order_relaxed);
	}
	return NULL;
}

static void writers_start(struct writers *w)
{
	w->from = malloc(w->size);
	memset(w->from, 0x5a, w->size);
	EXPECT_EQ(pthread_create(&w->thread, NULL, write_on, w), 0);
}

static unsigned writers_rounds(struct writers *w)
{
	return atomic_load_explicit(&w->rounds, memory_order_relaxed);
}

static void writers_stop(struct writers *w, const char *what)
{
	atomic_store_explicit(&w->stop, true, memory_order_relaxed);
	EXPECT_EQ(pthread_join(w->thread, NULL), 0);
	(void)fprintf(stderr, "# longest put, %s: %.2f ms\n", what,
		      (double)w->longest / (double)NS_PER_MS);
	/* Who misses what it waits for sleeps until its patience ends. */
	EXPECT(w->longest < RIG_PATIENCE_MS / 2 * NS_PER_MS);
	free(w->from);
}

static bool is_all(const char *bytes, size_t size, char value)
{
	return bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* ---- taking back --------------------------------------------------------------------------
 */

/* Writes to the buried window itself go on, and arrive nowhere. */
TEST_SLOW(nothing_arrives_in_a_window_once_it_is_buried, 60)
{
	struct rig rig = rig_up(2, MIB, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	struct fabric_target *targets[2] = { importer.target,
					     rig_target(&rig, importer.peer, 1) };
	struct writers doomed = { .targets = targets, .size = MIB, .last = 1, .step = 1 };
	struct writers other = {
		.targets = targets, .size = MIB, .first = 1, .last = 2, .step = 1
	};
	unsigned rounds;

	writers_start(&doomed);
	writers_start(&other);
	EXPECT_WITHIN(10000, writers_rounds(&doomed) > 2 && writers_rounds(&other) > 2);
	rig_bury(&rig, 0);
	memset(rig.memory, 0, MIB);
	rounds = writers_rounds(&doomed);
	EXPECT_WITHIN(10000, writers_rounds(&doomed) > rounds + 2);
	EXPECT(is_all(rig.memory, MIB, 0));
	EXPECT(is_all(rig.windows[1].memory, MIB, 0x5a));
	writers_stop(&doomed, "to what is buried");
	/* Nobody accesses it any more: closing it is nothing to the others. */
	rig_close(&rig, 0);
	rounds = writers_rounds(&other);
	EXPECT_WITHIN(10000, writers_rounds(&other) > rounds + 2);
	writers_stop(&other, "to the window beside it");
	EXPECT_EQ(fabric_wait(targets[1], RIG_PATIENCE), 0);
	fabric_target_close(targets[1]);
	importer_down(&importer);
	rig_down(&rig);
}

/* A process that has not heard, or does not care: it writes to window 0 until it is killed. */
struct villain {
	_Atomic unsigned tries, failures;
	pid_t pid;
};

static struct villain *villain_start(const struct rig *rig)
{
	struct villain *v = mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	EXPECT(v != MAP_FAILED);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		struct importer importer = importer_up(rig, 0);
		char *from = malloc(MIB);

		memset(from, 0x66, MIB);
		for (;;) {
			int r = fabric_put(importer.target, 0, from, MIB, 0, RIG_PATIENCE,
					   NULL);
			int waited = fabric_wait(importer.target, RIG_PATIENCE);

			atomic_fetch_add(&v->failures, r < 0 || waited < 0);
			atomic_fetch_add(&v->tries, 1u);
		}
	}
	v->pid = pid;
	return v;
}

static void villain_end(struct villain *v)
{
	EXPECT_EQ(kill(v->pid, SIGKILL), 0);
	EXPECT_EQ(waitpid(v->pid, NULL, 0), v->pid);
	(void)munmap(v, sizeof(*v));
}

/* Whatever the provider: one that has pages pinned ends the villain's connection, again and
 * again, and no other. */
TEST_SLOW(who_keeps_writing_to_what_was_buried_changes_nothing_and_disturbs_no_other_process,
	  60)
{
	struct rig rig = rig_up(2, MIB, TRACT_RIGHT_READ_WRITE);
	struct villain *villain = villain_start(&rig);
	struct importer importer = importer_up(&rig, 1);
	struct fabric_target *targets[2] = { NULL, importer.target };
	struct writers other = {
		.targets = targets, .size = MIB, .first = 1, .last = 2, .step = 1
	};
	bool alone = fabric_facts(importer.fabric)->abilities & FABRIC_BURIES_ALONE;
	unsigned tries, rounds;

	writers_start(&other);
	EXPECT_WITHIN(30000, atomic_load(&villain->tries) > 2 && writers_rounds(&other) > 2);
	EXPECT_EQ(atomic_load(&villain->failures), 0);
	rig_bury(&rig, 0);
	memset(rig.memory, 0, MIB);
	tries = atomic_load(&villain->tries);
	rounds = writers_rounds(&other);
	EXPECT_WITHIN(30000, atomic_load(&villain->tries) > tries + 4 &&
				     writers_rounds(&other) > rounds + 4);
	EXPECT(is_all(rig.memory, MIB, 0));
	EXPECT_EQ(atomic_load(&villain->failures) > 0, !alone);
	/* None of the other's has failed, or it would have said so. */
	writers_stop(&other, "beside a villain");
	villain_end(villain);
	importer_down(&importer);
	rig_down(&rig);
}

/* Every other one is taken back and closed, while its neighbours are written to. */
TEST_SLOW(half_of_a_thousand_windows_taken_back_disturb_no_write_to_the_others, 120)
{
	enum { WINDOWS = 1000 };
	struct rig rig = rig_up(WINDOWS, PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	struct fabric_target **targets = calloc(WINDOWS, sizeof(struct fabric_target *));
	struct writers others = {
		.targets = targets, .size = PAGE, .first = 1, .last = WINDOWS, .step = 2
	};
	unsigned rounds;

	for (unsigned i = 0; i < WINDOWS; i++) {
		targets[i] = rig_target(&rig, importer.peer, i);
		expect_ok(put_word(targets[i], 8, i + 1));
	}
	writers_start(&others);
	EXPECT_WITHIN(30000, writers_rounds(&others) > 0);
	for (unsigned i = 0; i < WINDOWS; i += 2) {
		rig_bury(&rig, i);
		memset(rig.windows[i].memory, 0, PAGE);
		/* An importer that has not heard yet. */
		expect_ok(put_word(targets[i], 0, UINT64_MAX));
	}
	rounds = writers_rounds(&others);
	for (unsigned i = 0; i < WINDOWS; i += 2) {
		fabric_target_close(steal(targets[i]));
		rig_close(&rig, i);
	}
	EXPECT_WITHIN(30000, writers_rounds(&others) > rounds + 1);
	writers_stop(&others, "beside 500 that are taken back");
	for (unsigned i = 0; i < WINDOWS; i++)
		EXPECT(is_all(rig.windows[i].memory, PAGE, i % 2 ? 0x5a : 0));
	for (unsigned i = 0; i < WINDOWS; i++)
		fabric_target_close(targets[i]);
	free(targets);
	importer_down(&importer);
	rig_down(&rig);
}

/* Closed without having been buried: who did not hear loses its connection, and gets another.
 */
TEST(a_window_closed_under_its_importer_is_an_error_and_the_peer_can_still_be_used)
{
	struct rig rig = rig_up(2, PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	struct fabric_target *other = rig_target(&rig, importer.peer, 1);

	expect_ok(put_word(importer.target, 0, 1));
	rig_close(&rig, 0);
	EXPECT_EQ(put_word(importer.target, 0, 2), -ECONNRESET);
	expect_ok(put_word(other, 0, 3));
	EXPECT_EQ(*(uint64_t *)(void *)rig.windows[0].memory, 1);
	EXPECT_EQ(*(uint64_t *)(void *)rig.windows[1].memory, 3);
	fabric_target_close(other);
	importer_down(&importer);
	rig_down(&rig);
}

/* ---- death --------------------------------------------------------------------------------
 */

/* Starts more than fits any buffer, so that most is under way; how many it could. */
static unsigned start_puts(struct fabric_target *target, const char *from,
			   struct fabric_result *results, unsigned count, uint64_t deadline)
{
	unsigned started = 0;

	while (started < count &&
	       fabric_put(target, 0, from, MIB, 0, deadline, &results[started]) == 0)
		started++;
	return started;
}

static void expect_all_answered(const struct fabric_result *results, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		EXPECT_EQ(results[i].left, 0);
}

TEST_SLOW(everything_under_way_to_a_killed_peer_is_answered, 60)
{
	struct rig rig = rig_up(1, MIB, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	struct fabric_result results[UNDER_WAY] = { 0 };
	char *from = calloc(1, MIB);
	unsigned started;
	struct fabric_peer *again;

	/* Stopped first, so that there is something under way when it dies. */
	EXPECT_EQ(kill(rig.pid, SIGSTOP), 0);
	started = start_puts(importer.target, from, results, UNDER_WAY, RIG_PATIENCE);
	EXPECT_EQ(started, UNDER_WAY);
	rig_kill(&rig);
	EXPECT_EQ(fabric_wait(importer.target, RIG_PATIENCE), -ECONNRESET);
	expect_all_answered(results, started);
	EXPECT_EQ(results[UNDER_WAY - 1].error, -ECONNRESET);
	EXPECT_EQ(fabric_put(importer.target, 0, "", 1, 0, clock_deadline_ms(100), NULL),
		  -ETIMEDOUT);
	EXPECT_EQ(
		fabric_peer_open(importer.fabric, &rig.address, clock_deadline_ms(100), &again),
		-ETIMEDOUT);
	free(from);
	importer_down(&importer);
	rig_bury_dead(&rig);
}

TEST_SLOW(everything_under_way_to_a_stopped_peer_is_over_at_the_deadline, 60)
{
	struct rig rig = rig_up(1, MIB, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	struct fabric_result results[UNDER_WAY] = { 0 };
	char *from = calloc(1, MIB);
	unsigned started;
	struct fabric_peer *again;

	EXPECT_EQ(kill(rig.pid, SIGSTOP), 0);
	started = start_puts(importer.target, from, results, UNDER_WAY, RIG_PATIENCE);
	EXPECT_EQ(started, UNDER_WAY);
	EXPECT_EQ(fabric_failures(importer.target), 0);
	EXPECT_EQ(
		fabric_finish(importer.target, clock_deadline_ms(100), &results[UNDER_WAY - 1]),
		-ETIMEDOUT);
	expect_all_answered(results, started);
	EXPECT_EQ(results[UNDER_WAY - 1].error, -ECONNRESET);
	EXPECT(fabric_failures(importer.target) > 0);
	EXPECT_EQ(fabric_wait(importer.target, RIG_PATIENCE), -ECONNRESET);
	/* Nobody reads from it any more. */
	free(from);
	EXPECT_EQ(
		fabric_peer_open(importer.fabric, &rig.address, clock_deadline_ms(100), &again),
		-ETIMEDOUT);
	EXPECT_EQ(kill(rig.pid, SIGCONT), 0);
	expect_ok(put_word(importer.target, 0, 5));
	importer_down(&importer);
	rig_down(&rig);
}

TEST_SLOW(puts_that_were_only_sent_off_are_not_said_to_have_arrived, 60)
{
	struct rig rig = rig_up(1, PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);

	EXPECT_EQ(kill(rig.pid, SIGSTOP), 0);
	for (uint64_t i = 0; i < 100; i++)
		expect_ok(fabric_put(importer.target, 8 * i, &i, sizeof(i), 0, RIG_PATIENCE,
				     NULL));
	rig_kill(&rig);
	EXPECT_EQ(fabric_wait(importer.target, RIG_PATIENCE), -ECONNRESET);
	EXPECT_EQ(fabric_wait(importer.target, RIG_PATIENCE), 0);
	importer_down(&importer);
	rig_bury_dead(&rig);
}

TEST_SLOW(closing_with_much_under_way_ends_it, 60)
{
	struct rig rig = rig_up(1, MIB, TRACT_RIGHT_READ_WRITE);
	struct importer importer = importer_up(&rig, 0);
	struct fabric_result results[UNDER_WAY] = { 0 };
	char *from = calloc(1, MIB);

	EXPECT_EQ(kill(rig.pid, SIGSTOP), 0);
	EXPECT_EQ(start_puts(importer.target, from, results, UNDER_WAY, RIG_PATIENCE),
		  UNDER_WAY);
	importer_down(&importer);
	expect_all_answered(results, UNDER_WAY);
	free(from);
	EXPECT_EQ(kill(rig.pid, SIGCONT), 0);
	rig_down(&rig);
}

/* ---- importers ----------------------------------------------------------------------------
 */

static void import_and_write(const struct rig *rig, int ready)
{
	struct importer importer = importer_up(rig, 0);

	for (uint64_t i = 1;; i++) {
		expect_ok(put_word(importer.target, 0, i));
		if (i == 1)
			(void)!write(ready, "", 1);
	}
}

static void run_and_kill_an_importer(const struct rig *rig)
{
	int ready[2];
	char byte;
	pid_t pid;

	EXPECT_EQ(pipe(ready), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0)
		import_and_write(rig, ready[1]);
	(void)close(ready[1]);
	EXPECT_EQ(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	EXPECT_EQ(kill(pid, SIGKILL), 0);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

TEST_SLOW(importers_that_are_killed_cost_who_serves_nothing, 60)
{
	struct rig rig = rig_up(1, PAGE, TRACT_RIGHT_READ_WRITE);
	struct importer importer;
	unsigned fds;

	run_and_kill_an_importer(&rig);
	fds = rig_count_fds(&rig);
	for (unsigned i = 0; i < 10; i++)
		run_and_kill_an_importer(&rig);
	EXPECT_WITHIN(10000, rig_count_fds(&rig) <= fds);
	importer = importer_up(&rig, 0);
	expect_ok(put_word(importer.target, 0, 1));
	importer_down(&importer);
	/* And it closes, which it might not while it remembers them. */
	rig_down(&rig);
}

/* More than the queues are asked to have room for. */
TEST_SLOW(many_importers_are_served_at_once, 60)
{
	enum { IMPORTERS = 24 };
	struct rig rig = rig_up(IMPORTERS, 16 * PAGE, TRACT_RIGHT_READ_WRITE);
	pid_t pids[IMPORTERS];
	int status;

	for (unsigned i = 0; i < IMPORTERS; i++) {
		pids[i] = fork();
		EXPECT(pids[i] >= 0);
		if (pids[i] == 0) {
			struct importer importer = importer_up(&rig, i);

			for (uint64_t n = 0; n < 16 * PAGE / 8; n++) {
				uint64_t word = n + i;

				expect_ok(fabric_put(importer.target, n * 8, &word, 8, 0,
						     RIG_PATIENCE, NULL));
			}
			expect_ok(fabric_wait(importer.target, RIG_PATIENCE));
			importer_down(&importer);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < IMPORTERS; i++) {
		const uint64_t *words = (const uint64_t *)(const void *)rig.windows[i].memory;

		EXPECT_EQ(waitpid(pids[i], &status, 0), pids[i]);
		EXPECT_EQ(status, 0);
		for (uint64_t n = 0; n < 16 * PAGE / 8; n++)
			EXPECT_EQ(words[n], n + i);
	}
	rig_down(&rig);
}

static size_t locked_memory(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	size_t locked = 0;

	while (status && fgets(line, sizeof(line), status))
		(void)(sscanf(line, "VmPin: %zu", &locked) ||
		       sscanf(line, "VmLck: %zu", &locked));
	if (status)
		(void)fclose(status);
	return locked;
}

static size_t resident_memory(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	size_t size, resident = 0;

	if (statm && fscanf(statm, "%zu %zu", &size, &resident) != 2)
		resident = 0;
	if (statm)
		(void)fclose(statm);
	return resident * PAGE;
}

TEST_SLOW(peers_that_come_and_go_leave_nothing, 60)
{
	struct rig rig = rig_up(1, PAGE, TRACT_RIGHT_READ_WRITE);
	size_t locked = locked_memory(), at[3] = { 0 }, before = resident_memory();

	for (unsigned i = 0; i < 40; i++) {
		struct importer importer = importer_up(&rig, 0);

		expect_ok(put_word(importer.target, 0, i));
		if (i == 0)
			(void)fprintf(stderr, "# memory of the first importer: %zu KiB\n",
				      (resident_memory() - before) / 1024);
		importer_down(&importer);
		if (i % 16 == 7)
			at[i / 16] = resident_memory();
	}
	EXPECT_EQ(locked_memory(), locked);
	/* The allocator may take more at once, early or late; what is lost with each peer is
	 * lost with each. */
	if (!TEST_SANITIZED)
		EXPECT(at[1] < at[0] + MIB || at[2] < at[1] + MIB);
	rig_down(&rig);
}

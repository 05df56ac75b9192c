/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_many.c - many segments of one peer, and the first put to one
 *
 * What is promised in milliseconds is printed: a busy machine keeps no promise about time. What
 * is expected are errors that do not happen, and ratios.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <tract/tract.h>

#include "cluster.h"
#include "test.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE
#define FIRST_ID 0x400001u
#define SIZE ((size_t)4096)

static void expect_ok(int r)
{
	EXPECT_OR_SAY(r == 0, "%d: %s", r, tract_reason());
}

static double now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double quantile(const double *sorted, size_t count, double part)
{
	return sorted[(size_t)((double)(count - 1) * part)];
}

static void nodes_up(struct cluster *c, unsigned count)
{
	cluster_make(c, count, true, "[link]\npeer-timeout-ms = 5000\n");
	cluster_start_all(c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(c));
}

/* ---- many segments ----------------------------------------------------------------------- */

#define MANY 1000u
#define TAKEN (MANY / 2) /* the first so many */
#define SAMPLES_MAX 400000u

/* The first access to each page takes longer, whatever else goes on. */
enum phase { WARM_UP, BEFORE, MEANWHILE, END };

struct many {
	struct cluster c;
	struct tract *here, *there;
	unsigned char *memory;
	struct tract_export *export[MANY];
	struct tract_import *import[MANY];
	struct tract_barrier barrier[MANY];
	_Atomic enum phase phase;
	_Atomic unsigned rounds;
	double *samples[END]; /* by phase */
	size_t count[END];
};

static void many_up(struct many *m)
{
	nodes_up(&m->c, 2);
	expect_ok(tract_open(m->c.node[0].directory, &m->here));
	expect_ok(tract_open(m->c.node[1].directory, &m->there));
	m->memory = mmap(NULL, MANY * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	EXPECT((void *)m->memory != MAP_FAILED);
	for (unsigned i = 0; i < MANY; i++) {
		uint32_t id = FIRST_ID + i;

		expect_ok(tract_export_create(m->there, m->memory + i * SIZE, SIZE, 0,
					      &m->export[i]));
		expect_ok(tract_export_publish(m->export[i], &id, NULL, 0));
		expect_ok(tract_import_connect(m->here, 2, id, RW, &m->import[i]));
		expect_ok(tract_barrier_init(m->import[i], &m->barrier[i]));
	}
	for (unsigned k = 0; k < END; k++) {
		m->samples[k] = calloc(SAMPLES_MAX, sizeof(double));
		EXPECT(m->samples[k] != NULL);
	}
}

static void many_down(struct many *m)
{
	for (unsigned i = 0; i < MANY; i++) {
		expect_ok(tract_import_close(m->import[i]));
		expect_ok(tract_export_destroy(m->export[i]));
	}
	EXPECT_EQ(munmap(m->memory, MANY * SIZE), 0);
	tract_close(m->here);
	tract_close(m->there);
	cluster_end(&m->c);
	for (unsigned k = 0; k < END; k++)
		free(m->samples[k]);
}

static void time_one(struct many *m, unsigned i, uint64_t word)
{
	enum phase phase = atomic_load(&m->phase);
	double start = now_us();

	expect_ok(tract_import_put64(m->import[i], 0, &word, 1));
	if (phase < END && m->count[phase] < SAMPLES_MAX)
		m->samples[phase][m->count[phase]++] = now_us() - start;
}

/* Writes to those that stay, each in its turn. */
static void *write_to_others(void *arg)
{
	struct many *m = arg;

	for (uint64_t word = 1; atomic_load(&m->phase) < END; word++) {
		for (unsigned i = TAKEN; i < MANY && atomic_load(&m->phase) < END; i++)
			time_one(m, i, word);
		atomic_fetch_add(&m->rounds, 1);
	}
	return NULL;
}

/* Writes to those that are taken back, for ever the same. */
static void *write_to_the_taken(void *arg)
{
	struct many *m = arg;
	uint64_t word = UINT64_MAX;

	while (atomic_load(&m->phase) < END)
		for (unsigned i = 0; i < TAKEN; i++) {
			int r = tract_import_put64(m->import[i], 8, &word, 1);

			EXPECT_OR_SAY(r == 0 || r == -ESTALE, "%d: %s", r, tract_reason());
		}
	return NULL;
}

static unsigned count_beyond(const double *sorted, size_t count, double us)
{
	unsigned beyond = 0;

	while (beyond < count && sorted[count - 1 - beyond] > us)
		beyond++;
	return beyond;
}

static void report(struct many *m, enum phase phase, const char *words)
{
	double *sorted = m->samples[phase];
	size_t count = m->count[phase];

	EXPECT(count > 0);
	qsort(sorted, count, sizeof(*sorted), compare);
	(void)fprintf(stderr,
		      "# %s: %zu puts, median %.0f us, 99%% %.0f us, 99.9%% %.0f us, "
		      "longest %.0f us, %u beyond 10 ms\n",
		      words, count, quantile(sorted, count, 0.5), quantile(sorted, count, 0.99),
		      quantile(sorted, count, 0.999), sorted[count - 1],
		      count_beyond(sorted, count, 10000));
}

static void take_back(struct many *m)
{
	double longest = 0, start;

	for (unsigned i = 0; i < TAKEN; i++) {
		start = now_us();
		expect_ok(tract_export_unpublish(m->export[i]));
		longest = now_us() - start > longest ? now_us() - start : longest;
		memset(m->memory + i * SIZE, 0x5a, SIZE);
	}
	(void)fprintf(stderr, "# the longest unpublish: %.0f us\n", longest);
}

TEST_SLOW(half_of_a_thousand_segments_are_taken_back_and_the_others_do_not_notice, 240)
{
	struct many *m = calloc(1, sizeof(*m));
	pthread_t writers[2];

	EXPECT(m != NULL);
	many_up(m);
	EXPECT_EQ(pthread_create(&writers[0], NULL, write_to_others, m), 0);
	EXPECT_EQ(pthread_create(&writers[1], NULL, write_to_the_taken, m), 0);
	EXPECT_WITHIN(LONG_MS, atomic_load(&m->rounds) >= 2);
	atomic_store(&m->phase, BEFORE);
	EXPECT_WITHIN(LONG_MS, atomic_load(&m->rounds) >= 14);
	atomic_store(&m->phase, MEANWHILE);
	take_back(m);
	atomic_store(&m->phase, END);
	for (unsigned k = 0; k < 2; k++)
		EXPECT_EQ(pthread_join(writers[k], NULL), 0);
	for (size_t at = 0; at < TAKEN * SIZE; at++)
		if (m->memory[at] != 0x5a)
			EXPECT_EQ(m->memory[at], 0x5a);
	report(m, BEFORE, "before");
	report(m, MEANWHILE, "while 500 are taken back");
	EXPECT(quantile(m->samples[MEANWHILE], m->count[MEANWHILE], 0.99) <
	       20 * quantile(m->samples[BEFORE], m->count[BEFORE], 0.99));
	many_down(m);
	free(m);
}

/* ---- the first put ----------------------------------------------------------------------- */

#define TRIES 31

static double time_put(struct tract_import *import)
{
	double start = now_us();
	uint64_t word = 7;

	expect_ok(tract_import_put64(import, 0, &word, 1));
	return now_us() - start;
}

static void try_first(struct tract *here, double *ret_first, double *ret_second)
{
	struct tract_import *import;
	struct tract_barrier barrier;

	expect_ok(tract_import_connect(here, 2, FIRST_ID, RW, &import));
	expect_ok(tract_barrier_init(import, &barrier));
	*ret_first = time_put(import);
	*ret_second = time_put(import);
	expect_ok(tract_import_close(import));
}

TEST_SLOW(the_first_put_after_a_connect_takes_no_longer_than_two, 60)
{
	double first[TRIES], second[TRIES];
	struct tract *here, *there;
	struct tract_export *export;
	uint32_t id = FIRST_ID;
	struct cluster c;
	void *memory;

	nodes_up(&c, 2);
	expect_ok(tract_open(c.node[0].directory, &here));
	expect_ok(tract_open(c.node[1].directory, &there));
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(memory != MAP_FAILED);
	expect_ok(tract_export_create(there, memory, SIZE, 0, &export));
	expect_ok(tract_export_publish(export, &id, NULL, 0));
	for (unsigned i = 0; i < TRIES; i++)
		try_first(here, &first[i], &second[i]);
	qsort(first, TRIES, sizeof(*first), compare);
	qsort(second, TRIES, sizeof(*second), compare);
	(void)fprintf(stderr, "# first %.0f us, second %.0f us (medians of %d)\n",
		      first[TRIES / 2], second[TRIES / 2], TRIES);
	EXPECT(first[TRIES / 2] <= 2 * second[TRIES / 2]);
	expect_ok(tract_export_destroy(export));
	EXPECT_EQ(munmap(memory, SIZE), 0);
	tract_close(here);
	tract_close(there);
	cluster_end(&c);
}

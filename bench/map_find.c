/* SPDX-License-Identifier: MIT */
/*
 * map_find.c - who is at an address, of many attached pages
 *
 * Each is a page of its own, all over addresses that nobody uses, attached in no order.  What
 * is asked is always there.
 */
#include <pthread.h>
#include <stdlib.h>

#include <tract/map.h>

#include "chance.h"
#include "harness.h"
#include "map.h"
#include "spans_map.h"

/* Below the number of mappings that a process may have, 65530. */
#define FIND_PAGES 50000u
#define ASKED 65536u
#define THREADS_MAX 4u

static uintptr_t start[FIND_PAGES];
static uintptr_t asked[ASKED];

/* ---- one thread ------------------------------------------------------------------------- */

static double run_find(void *arg, size_t times)
{
	struct tract_map *map = tract_map_own();
	struct tract_span span;
	size_t *at = arg;
	double begin = cpu_ns();

	for (size_t i = 0; i < times; i++)
		if (tract_map_find(map, (void *)asked[(*at)++ % ASKED], 1, &span) < 0)
			return -1;
	return cpu_ns() - begin;
}

static double run_find_short(void *arg, size_t times)
{
	struct tract_span span;
	size_t *at = arg;
	double begin = cpu_ns();

	for (size_t i = 0; i < times; i++)
		if (tract_find((void *)asked[(*at)++ % ASKED], &span) < 0)
			return -1;
	return cpu_ns() - begin;
}

static double run_map_find(void *arg, size_t times)
{
	uintptr_t *sum = arg;
	double begin = cpu_ns();

	*sum += map_find(asked, ASKED, times, 0);
	return cpu_ns() - begin;
}

/* ---- several ---------------------------------------------------------------------------- */

struct crowd {
	unsigned threads;
	size_t times;
	pthread_barrier_t all_here;
};

struct finder {
	struct crowd *crowd;
	size_t at;
	double taken;
};

static void *find_beside_others(void *arg)
{
	struct finder *finder = arg;
	size_t at = finder->at;

	(void)pthread_barrier_wait(&finder->crowd->all_here);
	finder->taken = run_find(&at, finder->crowd->times);
	return NULL;
}

/* The processor's time of each, in the mean; more threads than processors take turns, and what
 * is not their turn is not theirs. */
static double run_crowd(void *arg, size_t times)
{
	struct crowd *crowd = arg;
	struct finder finder[THREADS_MAX];
	pthread_t thread[THREADS_MAX];
	double taken = 0;

	crowd->times = times;
	if (pthread_barrier_init(&crowd->all_here, NULL, crowd->threads) != 0)
		return -1;
	for (unsigned i = 0; i < crowd->threads; i++) {
		finder[i] = (struct finder){ .crowd = crowd, .at = i * (ASKED / THREADS_MAX) };
		if (pthread_create(&thread[i], NULL, find_beside_others, &finder[i]) != 0)
			die("cannot start a thread");
	}
	for (unsigned i = 0; i < crowd->threads; i++) {
		(void)pthread_join(thread[i], NULL);
		if (finder[i].taken < 0)
			taken = -1;
		if (taken >= 0)
			taken += finder[i].taken / crowd->threads;
	}
	(void)pthread_barrier_destroy(&crowd->all_here);
	return taken;
}

/* ---- rows ------------------------------------------------------------------------------- */

static void attach_all(struct tract_region *region)
{
	struct tract_attachment page = { .region = region,
					 .size = PAGE,
					 .rights = TRACT_RIGHT_READ,
					 .flags = TRACT_ATTACH_FIXED };

	for (size_t i = 0; i < FIND_PAGES; i++) {
		void *at = (void *)start[i];

		page.tag = i;
		if (tract_map_attach(tract_map_own(), &page, &at) < 0)
			die("cannot attach page %zu: %s", i, tract_reason());
	}
}

static void detach_all(void)
{
	for (size_t i = 0; i < FIND_PAGES; i++)
		if (tract_detach((void *)start[i]) < 0)
			die("cannot detach page %zu: %s", i, tract_reason());
}

/* From where the map puts what it may put anywhere, which is known to be free for a good way.
 * Return: 0, or -1 if there is no std::map. */
static int choose_addresses(struct tract_region *region)
{
	static uintptr_t last[FIND_PAGES];
	void *floor = NULL;

	if (tract_attach(region, &floor, PAGE, 0, TRACT_RIGHT_READ, 0) < 0 ||
	    tract_detach(floor) < 0)
		die("cannot attach a page: %s", tract_reason());
	chance_scatter(start, FIND_PAGES, (uintptr_t)floor, UINT64_C(1) << 25, PAGE);
	for (size_t i = FIND_PAGES; i > 1; i--) {
		size_t k = chance_below(i);
		uintptr_t other = start[k];

		start[k] = start[i - 1];
		start[i - 1] = other;
	}
	for (size_t i = 0; i < FIND_PAGES; i++)
		last[i] = start[i] + PAGE - 1;
	for (size_t i = 0; i < ASKED; i++)
		asked[i] = start[chance_below(FIND_PAGES)] + chance_below(PAGE);
	return map_fill(start, last, FIND_PAGES);
}

void row_find(struct tract_region *region)
{
	const struct race race = { .rounds = 60, .batch_ns = 5e6 };
	struct crowd four = { .threads = 4 }, two = { .threads = 2 }, one = { .threads = 1 };
	size_t at = 0, at_short = 0;
	uintptr_t sum = 0;
	struct contender whole[] = { { "tract", run_find, &at },
				     { "std::map", run_map_find, &sum } };
	struct contender brief[] = { { "tract", run_find_short, &at_short },
				     { "std::map", run_map_find, &sum } };
	struct contender crowds[] = { { "four threads", run_crowd, &four },
				      { "two threads", run_crowd, &two },
				      { "one thread", run_crowd, &one } };
	size_t contenders;

	contenders = choose_addresses(region) == 0 ? 2 : 1;
	attach_all(region);
	race_report("map-find", whole, contenders, &race);
	race_report("map-find-short", brief, contenders, &race);
	race_report("map-find-threads", crowds, 3, &race);
	detach_all();
}

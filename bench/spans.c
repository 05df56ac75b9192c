/* SPDX-License-Identifier: MIT */
/*
 * spans.c - the index of the region map: how long its calls take, and what it weighs
 *
 *	bench-spans RESULTS
 *
 * One thread, and the time that it had the processor: who else runs here does not count.  Where
 * it says so, each call waits for what the one before found, so that the
 * processor cannot do several at once.
 */
#include "map/spans.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#include "chance.h"
#include "harness.h"
#include "spans_map.h"

#define PAGE UINT64_C(4096)
#define FIND_SPANS 50000u
#define CHANGE_SPANS 4000u
#define ASKED 65536u

static const struct race race = { .rounds = 400, .batch_ns = 5e5 };

/* Spans in the order in which they are put in; and what is asked. */
struct world {
	struct spans spans;
	size_t count;
	uintptr_t *start, *last;
	uintptr_t asked[ASKED];
	uintptr_t size[ASKED];
	unsigned align[ASKED];
	size_t at; /* what is asked next: every turn goes on where the last one ended */
	uintptr_t sum;
};

static uintptr_t *new_words(size_t count)
{
	uintptr_t *words = calloc(count, sizeof(*words));

	if (!words)
		die("no memory for %zu spans", count);
	return words;
}

static struct world *world_new(size_t count)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		die("no memory for %zu spans", count);
	w->count = count;
	w->start = new_words(count);
	w->last = new_words(count);
	spans_init(&w->spans);
	return w;
}

static void world_free(struct world *w)
{
	spans_deinit(&w->spans);
	free(w->start);
	free(w->last);
	free(w);
}

static void shuffle(struct world *w)
{
	for (size_t i = w->count; i > 1; i--) {
		size_t k = chance_below(i);
		uintptr_t start = w->start[i - 1], last = w->last[i - 1];

		w->start[i - 1] = w->start[k];
		w->last[i - 1] = w->last[k];
		w->start[k] = start;
		w->last[k] = last;
	}
}

static void fill(struct world *w)
{
	spans_deinit(&w->spans);
	for (size_t i = 0; i < w->count; i++)
		if (spans_add(&w->spans, w->start[i], w->last[i], i) < 0)
			die("cannot add a span");
	if (!spans_check(&w->spans))
		die("spans_check() says no");
}

/* All over the addresses that a program has, as long as half of what is free. */
static struct world *scattered(size_t count)
{
	struct world *w = world_new(count);

	chance_scatter(w->start, count, 0, UINT64_C(1) << 34, PAGE);
	for (size_t i = 0; i < count; i++) {
		uintptr_t next = i + 1 < count ? w->start[i + 1] : w->start[i] + 2 * PAGE;

		w->last[i] = w->start[i] + ((next - w->start[i]) / 2 / PAGE + 1) * PAGE;
		w->last[i] = (w->last[i] < next ? w->last[i] : next) - 1;
	}
	shuffle(w);
	fill(w);
	return w;
}

/* Pages; the larger, the rarer. */
static uint64_t pages(void)
{
	return 1 + chance_below(UINT64_C(1) << chance_below(10));
}

/* One after the other, gaps of all sizes between them. */
static struct world *crowded(size_t count)
{
	struct world *w = world_new(count);
	uintptr_t at = 16 * PAGE;

	for (size_t i = 0; i < count; i++) {
		w->start[i] = at;
		at += pages() * PAGE;
		w->last[i] = at - 1;
		at += chance_below(4) ? pages() * PAGE : 0;
	}
	for (size_t i = 0; i < ASKED; i++) {
		static const unsigned aligns[] = { 12, 12, 12, 12, 13, 16, 18, 21 };

		w->asked[i] = chance_below(at);
		w->size[i] = pages() * PAGE;
		w->align[i] = aligns[chance_below(8)];
	}
	shuffle(w);
	fill(w);
	return w;
}

/* ---- what is measured ------------------------------------------------------------------- */

static double find(struct world *w, size_t times, bool waiting)
{
	struct span span = { .value = 0 };
	double begin = cpu_ns();

	for (size_t i = 0; i < times; i++) {
		uintptr_t x = w->asked[w->at++ % ASKED];

		/* Values are small: adding their highest bit only makes it wait. */
		x += waiting ? span.value >> 63 : 0;
		if (!spans_find(&w->spans, x, x, &span))
			return -1;
		w->sum += span.value;
	}
	return cpu_ns() - begin;
}

static double run_find(void *arg, size_t times)
{
	return find(arg, times, false);
}

static double run_find_waiting(void *arg, size_t times)
{
	return find(arg, times, true);
}

static double map_find_timed(struct world *w, size_t times, bool waiting)
{
	double begin = cpu_ns();

	w->sum += map_find(w->asked, ASKED, times, waiting);
	return cpu_ns() - begin;
}

static double run_map_find(void *arg, size_t times)
{
	return map_find_timed(arg, times, false);
}

static double run_map_find_waiting(void *arg, size_t times)
{
	return map_find_timed(arg, times, true);
}

static double gaps_from(struct world *w, size_t times, bool anywhere)
{
	uintptr_t found = 0;
	double begin = cpu_ns();

	for (size_t i = 0; i < times; i++) {
		size_t at = w->at++ % ASKED;
		uintptr_t from = (anywhere ? w->asked[at] : PAGE) + (found >> 63);

		if (!spans_gap(&w->spans, from, UINTPTR_MAX >> 1, w->size[at], w->align[at],
			       &found))
			return -1;
	}
	w->sum += found;
	return cpu_ns() - begin;
}

static double run_gap(void *arg, size_t times)
{
	return gaps_from(arg, times, false);
}

static double run_gap_anywhere(void *arg, size_t times)
{
	return gaps_from(arg, times, true);
}

static double run_change(void *arg, size_t times)
{
	struct world *w = arg;
	double begin = cpu_ns();

	for (size_t i = 0; i < times; i++) {
		uintptr_t at = w->asked[w->at++ % ASKED];

		if (spans_add(&w->spans, at, at, 1) < 0)
			return -1;
		spans_remove(&w->spans, at);
	}
	return cpu_ns() - begin;
}

static double run_map_change(void *arg, size_t times)
{
	struct world *w = arg;
	double begin = cpu_ns();

	map_change(w->asked, ASKED, times);
	return cpu_ns() - begin;
}

/* ---- rows ------------------------------------------------------------------------------- */

static void row_find(void)
{
	struct world *w = scattered(FIND_SPANS);
	struct contender c[] = { { "tract", run_find, w }, { "std::map", run_map_find, w } };
	struct contender waiting[] = { { "tract", run_find_waiting, w },
				       { "std::map", run_map_find_waiting, w } };
	size_t contenders = map_fill(w->start, w->last, w->count) == 0 ? 2 : 1;

	for (size_t i = 0; i < ASKED; i++) {
		size_t k = chance_below(w->count);

		w->asked[i] = w->start[k] + chance_below(w->last[k] - w->start[k] + 1);
	}
	race_report("span-find", c, contenders, &race);
	race_report("span-find-waiting", waiting, contenders, &race);
	world_free(w);
}

static void row_change(void)
{
	struct world *w = scattered(CHANGE_SPANS);
	struct contender c[] = { { "tract", run_change, w },
				 { "std::map", run_map_change, w } };
	struct span span;

	for (size_t i = 0; i < ASKED; i++)
		do {
			w->asked[i] = chance_below(UINT64_C(1) << 46);
		} while (spans_find(&w->spans, w->asked[i], w->asked[i], &span));
	race_report("span-change", c, map_fill(w->start, w->last, w->count) == 0 ? 2 : 1,
		    &race);
	world_free(w);
}

static void row_gap(void)
{
	struct world *many = crowded(1000000), *few = crowded(1000);
	struct contender low[] = { { "1,000,000", run_gap, many }, { "1,000", run_gap, few } };
	struct contender any[] = { { "1,000,000", run_gap_anywhere, many },
				   { "1,000", run_gap_anywhere, few } };

	race_report("span-gap", low, 2, &race);
	race_report("span-gap-anywhere", any, 2, &race);
	world_free(few);
	world_free(many);
}

static size_t in_use(void)
{
	return mallinfo2().uordblks;
}

static void row_memory(void)
{
	struct world *w = scattered(FIND_SPANS);
	size_t before = in_use();

	report_value("span-memory", "random", (double)spans_bytes(&w->spans) / FIND_SPANS);
	if (map_fill(w->start, w->last, w->count) == 0)
		report_value("span-memory", "std::map",
			     (double)(in_use() - before) / FIND_SPANS);
	qsort(w->start, w->count, sizeof(*w->start), chance_compare);
	qsort(w->last, w->count, sizeof(*w->last), chance_compare);
	fill(w);
	report_value("span-memory", "ascending", (double)spans_bytes(&w->spans) / FIND_SPANS);
	world_free(w);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		die("usage: bench-spans RESULTS");
	report_open(argv[1]);
	row_memory();
	row_find();
	row_change();
	row_gap();
	return 0;
}

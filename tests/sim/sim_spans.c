/* SPDX-License-Identifier: MIT */
/*
 * sim_spans.c - a set of spans beside a sorted array
 *
 *	sim-spans [--seeds COUNT] [--from SEED]
 * makes short runs, in which everything is checked after each step;
 *
 *	sim-spans --operations COUNT [--from SEED]
 * makes long ones, of that many steps in all; and
 *
 *	sim-spans --replay SEED [--operations COUNT]
 * makes one of either, and says every step.
 *
 * Each run draws a world: pages or bytes, at the bottom or the top of all addresses or all over
 * them; and then additions, removals, trimming, failing memory and questions, while the number
 * of spans goes up and down.  Every answer is compared with that of spans_naive.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "chance.h"
#include "map/spans_naive.h"

#define SHORT_STEPS 1500u
#define LONG_STEPS 200000u
/* In a long run the whole is compared once in so many steps. */
#define LONG_CHECK 5000u

struct sim {
	struct spans spans;
	struct naive naive;
	uint64_t chance;
	bool loud;
	/* The world: @count places of 1 << @grain bytes, from @low on. */
	uintptr_t low;
	uint64_t places;
	unsigned grain;
	uint64_t longest;  /* span, in places */
	uint32_t target;   /* where the number of spans goes now */
	uint32_t most;	   /* the highest target */
	uint32_t promised; /* additions that cannot fail */
	const char *lie;
};

static uint64_t draw(struct sim *sim)
{
	return chance_draw(&sim->chance);
}

/* From 0 up to, not including, @limit; 0 stands for 2^64. */
static uint64_t below(struct sim *sim, uint64_t limit)
{
	return limit ? draw(sim) % limit : draw(sim);
}

static bool one_in(struct sim *sim, uint32_t n)
{
	return below(sim, n) == 0;
}

static void expect(struct sim *sim, bool kept, const char *rule)
{
	if (!kept && !sim->lie)
		sim->lie = rule;
}

static bool same(const struct span *a, const struct span *b)
{
	return a->start == b->start && a->last == b->last && a->value == b->value;
}

/* ---- drawing ---------------------------------------------------------------------------- */

static unsigned bits_of(uint32_t x)
{
	return x ? 32 - (unsigned)__builtin_clz(x) : 0;
}

static void draw_world(struct sim *sim, uint32_t most)
{
	static const unsigned grains[] = { 12, 12, 12, 0, 0, 3, 21, 40 };
	unsigned bits;

	sim->grain = grains[below(sim, 8)];
	sim->most = 1 + (uint32_t)below(sim, one_in(sim, 8) ? most : most / 8);
	/* From crowded to so wide that it is all addresses. */
	bits = (unsigned)below(sim, 65 - sim->grain);
	if (one_in(sim, 2))
		bits = 1 + (unsigned)below(sim, 3) + bits_of(sim->most);
	if (bits < 8)
		bits = 8;
	if (bits + sim->grain > 64)
		bits = 64 - sim->grain;
	sim->places = bits + sim->grain < 64 ? UINT64_C(1) << bits : 0;
	switch (below(sim, 3)) {
	case 0:
		sim->low = 0;
		break;
	case 1:
		sim->low = sim->places ? -(uintptr_t)(sim->places << sim->grain) : 0;
		break;
	default:
		sim->low = draw(sim) >> 17 >> sim->grain << sim->grain;
		break;
	}
	if (bits + sim->grain > 46)
		sim->low = 0;
	/* Mostly so long that about as many fit, give or take a factor of four. */
	sim->longest = (bits < 64 ? UINT64_C(1) << bits : UINT64_MAX) / sim->most;
	sim->longest = sim->longest >> below(sim, 8) << below(sim, 3);
	if (sim->longest == 0)
		sim->longest = 1;
}

static uintptr_t draw_address(struct sim *sim)
{
	uint64_t places = sim->places;

	if (places == 0 && sim->grain > 0)
		places = UINT64_C(1) << (64 - sim->grain);
	return sim->low + (below(sim, places) << sim->grain);
}

/* A range in the world, as a rule; cut off at the top of all addresses. */
static void draw_range(struct sim *sim, uintptr_t *ret_first, uintptr_t *ret_last)
{
	uintptr_t first = draw_address(sim);
	uintptr_t size = ((below(sim, sim->longest) + 1) << sim->grain) - 1;

	if (one_in(sim, 50))
		size >>= below(sim, 64);
	*ret_first = first;
	*ret_last = UINTPTR_MAX - first < size ? UINTPTR_MAX : first + size;
}

static const struct span *any_span(struct sim *sim)
{
	return sim->naive.count ? &sim->naive.span[below(sim, sim->naive.count)] : NULL;
}

/* ---- changes ---------------------------------------------------------------------------- */

static void say(struct sim *sim, const char *what, uintptr_t first, uintptr_t last, int r)
{
	if (sim->loud)
		(void)printf("%s %#llx %#llx: %d\n", what, (unsigned long long)first,
			     (unsigned long long)last, r);
}

static void add(struct sim *sim, uintptr_t first, uintptr_t last, bool failing)
{
	uint64_t value = draw(sim);
	bool promised = sim->promised > 0;
	size_t bytes = spans_bytes(&sim->spans);
	int r, expected;

	/* In a build with faults, memory is short as long as it may be. */
	if (failing || promised)
		(void)fault_arm("spans.pool.alloc=e12@*");
	r = spans_add(&sim->spans, first, last, value);
	(void)fault_arm(NULL);
	say(sim, "add", first, last, r);
	if (r == -ENOMEM) {
		expect(sim, failing && !promised, "memory is enough, or was reserved");
		expect(sim, bytes == spans_bytes(&sim->spans), "failing takes no memory");
		return;
	}
	expected = naive_add(&sim->naive, first, last, value);
	expect(sim, r == expected, "adding succeeds where nothing overlaps");
	if (promised && r == 0)
		sim->promised--;
}

static void step_add(struct sim *sim)
{
	uintptr_t first, last, size, found;

	draw_range(sim, &first, &last);
	size = last - first;
	/* Half of all go where there is room, as long as there is. */
	if (one_in(sim, 2) && size < UINTPTR_MAX &&
	    spans_gap(&sim->spans, first, UINTPTR_MAX, size + 1, sim->grain, &found)) {
		first = found;
		last = found + size;
	}
	add(sim, first, last, one_in(sim, 20));
}

static void step_remove(struct sim *sim)
{
	const struct span *span = any_span(sim);
	uintptr_t start = span ? span->start : 0;
	struct span next;

	/* Now and then a run of neighbours, so that nodes next to each other empty. */
	for (uint64_t n = one_in(sim, 30) ? below(sim, 60) + 1 : 1; span && n > 0; n--) {
		say(sim, "remove", start, start, 0);
		spans_remove(&sim->spans, start);
		naive_remove(&sim->naive, start);
		if (!naive_find(&sim->naive, start, UINTPTR_MAX, &next))
			break;
		start = next.start;
	}
}

static void step_trim(struct sim *sim)
{
	const struct span *span = any_span(sim);
	size_t i = span ? (size_t)(span - sim->naive.span) : 0;
	uintptr_t start, low, high, a, b;

	if (!span)
		return;
	start = span->start;
	low = i > 0 ? span[-1].last + 1 : 0;
	high = i + 1 < sim->naive.count ? span[1].start - 1 : UINTPTR_MAX;
	if (one_in(sim, 2)) {
		low = span->start;
		high = span->last;
	}
	a = low + below(sim, high - low + 1);
	b = low + below(sim, high - low + 1);
	if (sim->grain > 0 && !one_in(sim, 10)) {
		a = a >> sim->grain << sim->grain;
		b = b >> sim->grain << sim->grain;
		b += (UINT64_C(1) << sim->grain) - 1;
	}
	a = a < low ? low : a;
	b = b > high ? high : b;
	if (a > b)
		return;
	say(sim, "trim to", a, b, 0);
	spans_trim(&sim->spans, start, a, b);
	naive_trim(&sim->naive, start, a, b);
}

static void step_set(struct sim *sim)
{
	const struct span *span = any_span(sim);
	uint64_t value = draw(sim);

	if (!span)
		return;
	spans_set(&sim->spans, span->start, value);
	naive_set(&sim->naive, span->start, value);
}

static void step_reserve(struct sim *sim)
{
	unsigned count = (unsigned)below(sim, one_in(sim, 10) ? 300 : 4);

	if (spans_reserve(&sim->spans, count) == 0 && count > sim->promised)
		sim->promised = count;
}

/* ---- questions -------------------------------------------------------------------------- */

static void step_find(struct sim *sim)
{
	struct span ours = { 0 }, theirs = { 0 };
	uintptr_t first, last;
	bool found;

	draw_range(sim, &first, &last);
	if (one_in(sim, 3))
		last = first;
	if (one_in(sim, 30))
		first = last = one_in(sim, 2) ? 0 : UINTPTR_MAX;
	found = spans_find(&sim->spans, first, last, &ours);
	expect(sim, found == naive_find(&sim->naive, first, last, &theirs),
	       "a span is found if one overlaps");
	expect(sim, !found || same(&ours, &theirs), "the lowest that overlaps is found");
	found = spans_find_last(&sim->spans, last, &ours);
	expect(sim, found == naive_find_last(&sim->naive, last, &theirs),
	       "the last is found if there is one");
	expect(sim, !found || same(&ours, &theirs), "the last is the highest");
}

static void step_gap(struct sim *sim)
{
	uintptr_t first, last, size, limit = UINTPTR_MAX, ours = 0, theirs = 0;
	unsigned align = sim->grain;
	bool found;

	draw_range(sim, &first, &last);
	size = last - first + 1;
	if (one_in(sim, 3))
		limit = one_in(sim, 2) ? last : draw_address(sim);
	if (one_in(sim, 2))
		first = sim->low;
	if (one_in(sim, 2))
		align = (unsigned)below(sim, one_in(sim, 20) ? 70 : sim->grain + 12);
	found = spans_gap(&sim->spans, first, limit, size, align, &ours);
	expect(sim, found == naive_gap(&sim->naive, first, limit, size, align, &theirs),
	       "a gap is found if there is one");
	expect(sim, ours == theirs, "the lowest gap is found");
	if (sim->loud)
		(void)printf("gap from %#llx to %#llx, %#llx at %u: %#llx\n",
			     (unsigned long long)first, (unsigned long long)limit,
			     (unsigned long long)size, align, (unsigned long long)ours);
}

/* ---- runs ------------------------------------------------------------------------------- */

static void step(struct sim *sim)
{
	uint64_t which = below(sim, 100);
	bool more = sim->naive.count < sim->target;

	if (one_in(sim, 500 + sim->most))
		sim->target = one_in(sim, 3) ? sim->most : (uint32_t)below(sim, sim->most);
	if (which < 40)
		more ? step_add(sim) : step_remove(sim);
	else if (which < 50)
		more ? step_remove(sim) : step_add(sim);
	else if (which < 60)
		step_trim(sim);
	else if (which < 62)
		step_set(sim);
	else if (which < 63)
		step_reserve(sim);
	else if (which < 80)
		step_find(sim);
	else
		step_gap(sim);
}

static const char *broken(struct sim *sim)
{
	if (!sim->lie && !spans_check(&sim->spans))
		sim->lie = "spans_check()";
	if (!sim->lie)
		sim->lie = naive_compare(&sim->naive, &sim->spans);
	return sim->lie;
}

static const char *run(uint64_t seed, uint64_t steps, bool often, bool loud, uint64_t *ret_step)
{
	static struct sim sim;

	(void)memset(&sim, 0, sizeof(sim));
	sim.chance = seed * 2 + 1;
	sim.loud = loud;
	spans_init(&sim.spans);
	draw_world(&sim, often ? 2000 : 20000);
	sim.target = sim.most;
	/* Some begin with many, for a short run does not get far. */
	for (uint32_t n = one_in(&sim, 20) ? 4 * sim.most : 0; n > 0; n--)
		step_add(&sim);
	for (*ret_step = 0; *ret_step < steps && !sim.lie; ++*ret_step) {
		step(&sim);
		if (often || *ret_step % LONG_CHECK == 0)
			(void)broken(&sim);
	}
	(void)broken(&sim);
	spans_deinit(&sim.spans);
	expect(&sim, spans_bytes(&sim.spans) == 0 && spans_check(&sim.spans),
	       "nothing is left in the end");
	naive_deinit(&sim.naive);
	return sim.lie;
}

struct options {
	uint64_t from, seeds, operations;
	bool loud;
};

static void read_options(int argc, char **argv, struct options *o)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t value = strtoull(argv[i + 1], NULL, 0);

		if (strcmp(argv[i], "--seeds") == 0)
			o->seeds = value;
		if (strcmp(argv[i], "--operations") == 0)
			o->operations = value;
		if (strcmp(argv[i], "--from") == 0 || strcmp(argv[i], "--replay") == 0)
			o->from = value;
		if (strcmp(argv[i], "--replay") == 0) {
			o->seeds = 1;
			o->loud = true;
		}
	}
}

int main(int argc, char **argv)
{
	struct options o = { .from = 1, .seeds = 300 };
	uint64_t seed, done = 0, at = 0;

	read_options(argc, argv, &o);
	for (seed = o.from; o.operations ? done < o.operations : seed < o.from + o.seeds;
	     seed++) {
		uint64_t left = o.operations - done;
		uint64_t most = o.operations ? LONG_STEPS : SHORT_STEPS;
		uint64_t steps = o.operations && left < most ? left : most;
		const char *rule = run(seed, steps, !o.operations, o.loud, &at);

		done += at;
		if (!rule)
			continue;
		(void)fprintf(stderr,
			      "seed %llu, step %llu: not true: %s\n"
			      "replay with: %s --replay %llu%s\n",
			      (unsigned long long)seed, (unsigned long long)at, rule, argv[0],
			      (unsigned long long)seed,
			      o.operations ? " --operations 200000" : "");
		return 1;
	}
	(void)printf("seeds %llu to %llu, %llu steps: no difference\n",
		     (unsigned long long)o.from, (unsigned long long)(seed - 1),
		     (unsigned long long)done);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * sim_layout.c - a layout beside a model that keeps an owner for every byte
 *
 *	sim-layout [--seeds COUNT] [--from SEED]   many runs; prints the first seed that fails
 *	sim-layout --replay SEED                   one run, with every step
 *
 * Each run draws the limits, at the bottom, in the middle or at the very top of the address
 * space, the size of a page, and wishes right and wrong, often at the edges of what is there.
 * After each step all records, what is taken and the invariants are compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "chance.h"
#include "layout_twin.h"

#define STEPS 400u

struct sim {
	struct layout_twin twin;
	uint64_t chance;
	uint32_t crowd; /* how many pages a record has at most, mostly */
};

static uint32_t below(struct sim *sim, uint32_t limit)
{
	return (uint32_t)(chance_draw(&sim->chance) % limit);
}

static bool one_in(struct sim *sim, uint32_t n)
{
	return below(sim, n) == 0;
}

/* ---- drawing ---------------------------------------------------------------------------- */

static uintptr_t draw_garbage(struct sim *sim)
{
	const struct layout_model *m = &sim->twin.model;
	const uintptr_t values[] = {
		0,
		1,
		UINTPTR_MAX,
		UINTPTR_MAX - 1,
		UINTPTR_MAX - m->page + 1,
		m->low - 1,
		m->low,
		m->high,
		m->high + 1,
		m->high - m->page,
		m->floor,
		m->floor - 1,
		(uintptr_t)below(sim, UINT32_MAX) << 32 | below(sim, UINT32_MAX),
	};

	return values[below(sim, sizeof(values) / sizeof(values[0]))];
}

/* The edge of something, or a byte beside it. */
static uintptr_t draw_edge(struct sim *sim, uintptr_t addr)
{
	const struct layout *l = &sim->twin.layout;
	struct span span;
	bool found = one_in(sim, 2) ? layout_find_region(l, addr, UINTPTR_MAX, &span)
				    : layout_find_area(l, addr, UINTPTR_MAX, &span);

	if (!found)
		return addr;
	return (one_in(sim, 2) ? span.start : span.last) + below(sim, 3) - 1;
}

static uintptr_t draw_address(struct sim *sim)
{
	const struct layout_model *m = &sim->twin.model;
	uintptr_t addr = m->base + below(sim, MODEL_BYTES);

	switch (below(sim, 8)) {
	case 0:
		return draw_garbage(sim);
	case 1:
	case 2:
		return draw_edge(sim, addr);
	case 3:
		return addr;
	default:
		return addr & ~(m->page - 1);
	}
}

static uintptr_t draw_size(struct sim *sim)
{
	const struct layout_model *m = &sim->twin.model;
	const uintptr_t values[] = {
		0,
		1,
		UINTPTR_MAX,
		UINTPTR_MAX - m->page,
		m->high - m->low + 1,
		m->high - m->low + 2,
		MODEL_BYTES / 2,
	};

	if (one_in(sim, 12))
		return values[below(sim, sizeof(values) / sizeof(values[0]))];
	if (one_in(sim, 3))
		return 1 + below(sim, 3 * (uint32_t)m->page);
	return (1 + below(sim, sim->crowd)) * m->page;
}

static unsigned draw_align(struct sim *sim)
{
	if (one_in(sim, 12))
		return below(sim, 70);
	return one_in(sim, 3) ? below(sim, 12) : sim->twin.layout.page_bits;
}

static struct layout_wish draw_wish(struct sim *sim)
{
	static const unsigned flags[] = {
		0,
		0,
		LAYOUT_SEARCH,
		LAYOUT_SEARCH,
		LAYOUT_IN_AREA,
		LAYOUT_IN_AREA | LAYOUT_SEARCH,
		LAYOUT_OVERMAP,
		LAYOUT_OVERMAP | LAYOUT_IN_AREA,
		LAYOUT_OVERMAP | LAYOUT_SEARCH,
	};
	struct layout_wish wish = {
		.start = draw_address(sim),
		.size = draw_size(sim),
		.align = draw_align(sim),
		.flags = flags[below(sim, sizeof(flags) / sizeof(flags[0]))],
	};

	if (one_in(sim, 4))
		wish.flags |= LAYOUT_STRICT;
	if (one_in(sim, 5))
		wish.flags |= LAYOUT_RESERVED;
	if (one_in(sim, 5))
		wish.resume = draw_address(sim);
	return wish;
}

/* ---- steps ------------------------------------------------------------------------------ */

/* Many small things in a row, with room between them: what covers them all leaves many parts.
 */
static void step_scatter(struct sim *sim)
{
	uintptr_t page = sim->twin.model.page, start = draw_address(sim) & ~(page - 1);
	bool areas = one_in(sim, 2);
	struct layout_wish wish = {
		.size = areas ? 1 : page,
		.flags = areas ? 0 : LAYOUT_IN_AREA,
	};

	for (uint32_t i = 0; i < 12 && !sim->twin.lie; i++) {
		wish.start = start + i * 2 * (areas ? 5 : page);
		if (areas)
			twin_reserve(&sim->twin, &wish);
		else
			twin_attach(&sim->twin, &wish);
	}
}

static void step_cut(struct sim *sim)
{
	uintptr_t first = draw_address(sim), last;

	if (__builtin_add_overflow(first, draw_size(sim), &last))
		last = UINTPTR_MAX;
	/* The engine is given whole pages, but a single byte in mode overlap. */
	if (one_in(sim, 2)) {
		twin_cut(&sim->twin, first, first, LAYOUT_OVERLAP);
		return;
	}
	layout_widen(&sim->twin.layout, &first, &last);
	twin_cut(&sim->twin, first, last, one_in(sim, 8) ? LAYOUT_OVERLAP : LAYOUT_EXACT);
}

static void step(struct sim *sim)
{
	struct layout_wish wish = draw_wish(sim);
	uint32_t which = below(sim, 100);

	/* In a build with faults, one of the next allocations fails. */
	if (one_in(sim, 25))
		fault_arm_nth(below(sim, 3));
	if (which < 40) {
		twin_attach(&sim->twin, &wish);
	} else if (which < 43) {
		step_scatter(sim);
	} else if (which < 60) {
		twin_reserve(&sim->twin, &wish);
	} else if (which < 72) {
		twin_free_area(&sim->twin, draw_address(sim));
	} else if (which < 92) {
		step_cut(sim);
	} else {
		twin_find(&sim->twin, wish.start, wish.start);
		if (wish.size > 0 && wish.start + (wish.size - 1) >= wish.start)
			twin_find(&sim->twin, wish.start, wish.start + (wish.size - 1));
	}
	(void)fault_arm(NULL);
	twin_compare(&sim->twin);
}

static void begin(struct sim *sim, uint64_t seed, bool loud)
{
	uintptr_t bases[] = { 0, UINTPTR_MAX - MODEL_BYTES + 1, UINT64_C(0x7ffe80001000) };
	uintptr_t base, low, high, page;

	sim->chance = seed * 2 + 1;
	sim->crowd = 1 + below(sim, 12);
	base = bases[below(sim, 3)];
	page = one_in(sim, 2) ? 16 : 64;
	low = base + (one_in(sim, 2) ? 0 : 4 * page);
	high = base + MODEL_BYTES - 1 - (one_in(sim, 2) ? 0 : 4 * page);
	twin_init(&sim->twin, base, low, high, page);
	sim->twin.loud = loud;
	if (one_in(sim, 3))
		sim->twin.layout.floor = low + below(sim, MODEL_BYTES / 2);
	sim->twin.model.floor = sim->twin.layout.floor;
}

static const char *run(uint64_t seed, bool loud, uint32_t *ret_step)
{
	static struct sim sim;

	begin(&sim, seed, loud);
	for (*ret_step = 0; *ret_step < STEPS && !sim.twin.lie; ++*ret_step)
		step(&sim);
	if (!sim.twin.lie)
		twin_empty(&sim.twin);
	twin_deinit(&sim.twin);
	return sim.twin.lie;
}

int main(int argc, char **argv)
{
	uint64_t from = 1, count = 500;
	bool loud = false;

	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t value = strtoull(argv[i + 1], NULL, 0);

		if (strcmp(argv[i], "--seeds") == 0)
			count = value;
		if (strcmp(argv[i], "--from") == 0)
			from = value;
		if (strcmp(argv[i], "--replay") == 0) {
			from = value;
			count = 1;
			loud = true;
		}
	}
	for (uint64_t seed = from; seed < from + count; seed++) {
		uint32_t at = 0;
		const char *lie = run(seed, loud, &at);

		if (!lie)
			continue;
		(void)fprintf(stderr,
			      "seed %llu, step %u: not true: %s\n"
			      "replay with: %s --replay %llu\n",
			      (unsigned long long)seed, at, lie, argv[0],
			      (unsigned long long)seed);
		return 1;
	}
	(void)printf("seeds %llu to %llu: the layout did what the model does\n",
		     (unsigned long long)from, (unsigned long long)(from + count - 1));
	return 0;
}

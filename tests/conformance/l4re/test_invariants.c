/* SPDX-License-Identifier: MIT */
/*
 * test_invariants.c - random operations, compared with a model that is too simple to be wrong
 *
 * The model is an array with what each page of a window belongs to.  After each operation the
 * map is asked about every page, and every page that should show something is read.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGES 48
#define KINDS 3 /* dataspaces */
#define NOBODY (-1)

struct region {
	bool is_there;
	unsigned first, count; /* pages of the window */
	unsigned kind, offset; /* which dataspace, from which of its pages on */
	unsigned flags;
};

struct area {
	bool is_there, is_reserved;
	unsigned first, count;
};

static struct region regions[PAGES];
static struct area areas[PAGES];
static l4re_ds_t spaces[KINDS];
static l4_addr_t base;
static unsigned seed;

static unsigned any(unsigned below)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % below;
}

static int region_at(unsigned first, unsigned count)
{
	int lowest = NOBODY;

	for (int n = 0; n < PAGES; n++)
		if (regions[n].is_there && regions[n].first < first + count &&
		    first < regions[n].first + regions[n].count &&
		    (lowest < 0 || regions[n].first < regions[lowest].first))
			lowest = n;
	return lowest;
}

static int area_at(unsigned first, unsigned count)
{
	int lowest = NOBODY;

	for (int n = 0; n < PAGES; n++)
		if (areas[n].is_there && areas[n].first < first + count &&
		    first < areas[n].first + areas[n].count &&
		    (lowest < 0 || areas[n].first < areas[lowest].first))
			lowest = n;
	return lowest;
}

static void region_add(const struct region *wanted)
{
	for (int n = 0; n < PAGES; n++) {
		if (!regions[n].is_there) {
			regions[n] = *wanted;
			return;
		}
	}
	EXPECT(!"more regions than pages");
}

/* Where a search from @first to before @end puts @count pages, or PAGES. */
static unsigned search(unsigned first, unsigned end, unsigned count, unsigned align,
		       bool around_areas)
{
	for (unsigned at = (first + align - 1) / align * align; at + count <= end; at += align)
		if (region_at(at, count) < 0 && !(around_areas && area_at(at, count) >= 0))
			return at;
	return PAGES;
}

/* Attaches at @at pages of the window; true if the region is there now. */
static bool model_attach(const struct region *r, unsigned flags, unsigned align, int wanted,
			 unsigned at)
{
	l4_addr_t start = base + r->first * PAGE;
	void *p = (void *)start;
	struct region new = *r;
	unsigned char bits = L4_PAGESHIFT;

	while (align > 1U << (bits - L4_PAGESHIFT))
		bits++;
	EXPECT_EQ(l4re_rm_attach(&p, r->count * PAGE - any(100), r->flags | flags,
				 spaces[r->kind], r->offset * PAGE, bits),
		  wanted);
	if (wanted != 0) {
		EXPECT_EQ(p, start);
		return false;
	}
	EXPECT_EQ(p, base + at * PAGE);
	new.first = at;
	new.is_there = true;
	region_add(&new);
	return true;
}

static struct region any_region(void)
{
	struct region r = { .first = any(PAGES), .kind = any(KINDS), .offset = any(8) };

	r.count = 1 + any(PAGES - r.first < 6 ? PAGES - r.first : 6);
	r.flags = any(2) ? RO : RW;
	return r;
}

static void try_fixed(void)
{
	struct region r = any_region();
	bool is_free = region_at(r.first, r.count) < 0 && area_at(r.first, r.count) < 0;

	(void)model_attach(&r, 0, 1, is_free ? 0 : -L4_EADDRNOTAVAIL, r.first);
}

static void try_in_area(void)
{
	struct region r = any_region();
	int a = area_at(r.first, 1) >= 0 ? area_at(r.first, 1) : area_at(r.first, r.count);
	int wanted = 0;

	if (a < 0)
		wanted = -L4_ENOENT;
	else if (areas[a].is_reserved || r.first < areas[a].first ||
		 r.first + r.count > areas[a].first + areas[a].count ||
		 region_at(r.first, r.count) >= 0)
		wanted = -L4_EADDRNOTAVAIL;
	(void)model_attach(&r, IN_AREA, 1, wanted, r.first);
}

static void try_search_in_area(void)
{
	struct region r = any_region();
	unsigned align = 1U << any(3), at = PAGES, from;
	int a = area_at(r.first, 1) >= 0 ? area_at(r.first, 1) : area_at(r.first, r.count);

	if (a >= 0 && !areas[a].is_reserved) {
		from = r.first > areas[a].first ? r.first : areas[a].first;
		at = search(from, areas[a].first + areas[a].count, r.count, align, false);
	}
	(void)model_attach(&r, IN_AREA | SEARCH, align,
			   a < 0 ? -L4_ENOENT : (at == PAGES ? -L4_EADDRNOTAVAIL : 0), at);
}

static void try_search(void)
{
	struct region r = any_region();
	unsigned align = 1U << any(3);
	unsigned at = search(r.first, PAGES, r.count, align, true);

	/* If the window is full, it would be found behind, where the model does not reach. */
	if (at < PAGES)
		(void)model_attach(&r, SEARCH, align, 0, at);
}

static void try_reserve(void)
{
	struct area a = { .is_there = true, .is_reserved = any(4) == 0, .first = any(PAGES) };
	int wanted;

	a.count = 1 + any(PAGES - a.first < 9 ? PAGES - a.first : 9);
	wanted = area_at(a.first, a.count) >= 0 ? -L4_EADDRNOTAVAIL : 0;
	if (IF_MODERN(a.is_reserved && region_at(a.first, a.count) >= 0, false))
		wanted = -L4_EADDRNOTAVAIL;
	EXPECT_EQ(
		reserve_at(base + a.first * PAGE, a.count * PAGE, a.is_reserved ? RESERVED : 0),
		wanted);
	for (int n = 0; wanted == 0 && n < PAGES; n++) {
		if (!areas[n].is_there) {
			areas[n] = a;
			break;
		}
	}
}

static void try_free_area(void)
{
	unsigned page = any(PAGES);
	int a = area_at(page, 1);

	EXPECT_EQ(l4re_rm_free_area(base + page * PAGE + any(4096)), a < 0 ? -L4_ENOENT : 0);
	if (a >= 0)
		areas[a].is_there = false;
}

static void try_detach(void)
{
	unsigned page = any(PAGES);
	int n = region_at(page, 1);
	l4re_ds_t was = UNTOUCHED;

	EXPECT_EQ(l4re_rm_detach_ds((void *)(base + page * PAGE + any(4096)), &was),
		  n < 0 ? -L4_ENOENT : 0);
	EXPECT_EQ(was, n < 0 ? L4_INVALID_CAP : spaces[regions[n].kind]);
	if (n >= 0)
		regions[n].is_there = false;
}

/* What an exact cut does to the lowest region in the range; returns the code. */
static int model_cut(unsigned first, unsigned count, l4re_ds_t *client)
{
	unsigned end = first + count, old_end;
	int n = region_at(first, count), code;
	struct region rest;

	*client = L4_INVALID_CAP;
	if (n < 0)
		return -L4_ENOENT;
	old_end = regions[n].first + regions[n].count;
	rest = regions[n];
	rest.offset += end - rest.first;
	rest.first = end;
	rest.count = old_end - end;
	if (first <= regions[n].first && end >= old_end) {
		*client = spaces[regions[n].kind];
		regions[n].is_there = false;
		code = 0;
	} else if (first <= regions[n].first) {
		regions[n] = rest;
		code = 1;
	} else if (end >= old_end) {
		regions[n].count = first - regions[n].first;
		code = 1;
	} else {
		*client = spaces[regions[n].kind];
		regions[n].count = first - regions[n].first;
		region_add(&rest);
		return 2;
	}
	return code + (region_at(first, count) >= 0 ? 4 : 0);
}

static void try_cut(void)
{
	unsigned first = any(PAGES), count = 1 + any(PAGES - first < 8 ? PAGES - first : 8);
	l4re_ds_t client, was = UNTOUCHED;
	int code = model_cut(first, count, &client);

	EXPECT_EQ(l4re_rm_detach_range(base + first * PAGE + any(2) * 7, count * PAGE - 7, &was,
				       L4_BASE_TASK_CAP),
		  code);
	EXPECT_EQ(was, client);
}

#ifndef L4RE_MODERN
/* Whatever is in the way is cut out of it, unless an area is. */
static void try_overmap(void)
{
	struct region r = any_region();
	bool is_free = area_at(r.first, r.count) < 0;
	l4re_ds_t client;

	if (is_free)
		while (region_at(r.first, r.count) >= 0)
			(void)model_cut(r.first, r.count, &client);
	(void)model_attach(&r, L4RE_RM_OVERMAP, 1, is_free ? 0 : -L4_EADDRNOTAVAIL, r.first);
}

/* A reserved area, whose pages are cut out of what is attached there. */
static void try_guard(void)
{
	struct area a = { .is_there = true, .is_reserved = true, .first = any(PAGES) };
	bool is_free;
	l4re_ds_t client;

	a.count = 1 + any(PAGES - a.first < 3 ? PAGES - a.first : 3);
	is_free = area_at(a.first, a.count) < 0;
	EXPECT_EQ(reserve_at(base + a.first * PAGE, a.count * PAGE,
			     L4RE_RM_OVERMAP | RESERVED | IN_AREA),
		  is_free ? 0 : -L4_EADDRNOTAVAIL);
	if (!is_free)
		return;
	while (region_at(a.first, a.count) >= 0)
		(void)model_cut(a.first, a.count, &client);
	for (int n = 0; n < PAGES; n++) {
		if (!areas[n].is_there) {
			areas[n] = a;
			return;
		}
	}
}
#endif

static void compare_page(unsigned page)
{
	l4_addr_t at = base + page * PAGE;
	int r = region_at(page, 1), a = area_at(page, 1);

	if (r >= 0) {
		struct region *g = &regions[r];

		EXPECT_RECORD(at + 0x321, base + g->first * PAGE, g->count * PAGE,
			      g->offset * PAGE, g->flags, spaces[g->kind]);
		EXPECT_EQ(BYTE(at + 7), g->kind * 50 + g->offset + page - g->first + 1);
	} else if (a >= 0) {
		EXPECT_AREA(at, base + areas[a].first * PAGE, areas[a].count * PAGE,
			    areas[a].is_reserved ? RESERVED : 0);
	} else {
		EXPECT_FREE(at);
	}
}

static void model_up(void)
{
	base = room(PAGES + 16);
	for (unsigned kind = 0; kind < KINDS; kind++) {
		spaces[kind] = ds_new(64 * PAGE);
		for (unsigned page = 0; page < 48; page++)
			ds_set_byte(spaces[kind], page * PAGE + 7,
				    (unsigned char)(kind * 50 + page + 1));
	}
}

static void model_down(void)
{
	for (int n = 0; n < PAGES; n++) {
		if (regions[n].is_there)
			detach(base + regions[n].first * PAGE);
		if (areas[n].is_there)
			EXPECT_EQ(l4re_rm_free_area(base + areas[n].first * PAGE), 0);
	}
	for (unsigned kind = 0; kind < KINDS; kind++)
		slot_drop(spaces[kind]);
}

static void run_model(unsigned with_seed, unsigned steps)
{
	static void (*const tries[])(void) = {
		try_fixed,	    try_in_area, try_search,
		try_search_in_area, try_reserve, try_free_area,
		try_detach,	    try_cut,	 try_cut,
#ifndef L4RE_MODERN
		try_overmap,	    try_guard,
#endif
	};

	seed = with_seed;
	/* So that a failure can be had again. */
	(void)fprintf(stderr, "# seed %u\n", seed);
	model_up();
	for (unsigned step = 0; step < steps; step++) {
		tries[any(sizeof(tries) / sizeof(*tries))]();
		for (unsigned page = 0; page < PAGES; page++)
			compare_page(page);
	}
	model_down();
}

/* 1.2 */
TEST_SLOW(the_map_does_what_a_simple_model_does, 60)
{
	run_model(1, 2000);
}

/* 1.2 */
TEST_SLOW(the_map_does_what_a_simple_model_does_with_other_numbers, 60)
{
	const char *text = getenv("L4RE_TEST_SEED");

	run_model(text ? (unsigned)strtoul(text, NULL, 0) : 20, 2000);
}

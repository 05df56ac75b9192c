/* SPDX-License-Identifier: MIT */
#include "map/rig_layout.h"

#include <errno.h>
#include <stdio.h>

#include "test.h"

/* What an output is before a call, and still after it if it failed. */
#define UNTOUCHED ((uintptr_t)0x756e746f75636865)

void rig_init(struct layout *l)
{
	layout_init(l, 0x10000, 0xfffff, 0x1000);
}

static size_t held(const struct layout *l)
{
	return spans_bytes(&l->regions) + spans_bytes(&l->areas) + spans_bytes(&l->taken);
}

static size_t begin(struct layout *l)
{
	EXPECT_EQ(layout_reserve(l), 0);
	return held(l);
}

static void finish(const struct layout *l, size_t before)
{
	EXPECT(held(l) <= before);
	EXPECT(layout_check(l));
}

/* Does what was looked at; offsets grow by what goes in front. */
static void do_cut(struct layout *l, const struct layout_cut *cut)
{
	uint64_t offset = cut->region.value + (cut->last + 1 - cut->region.start);

	layout_do_cut(l, cut, offset);
	if (cut->front == 0 && cut->back > 0)
		spans_set(&l->regions, cut->last + 1, offset);
}

static void make_room(struct layout *l, uintptr_t first, uintptr_t last)
{
	struct layout_cut cut;

	layout_widen(l, &first, &last);
	while (layout_look_cut(l, first, last, LAYOUT_EXACT, &cut) == 0)
		do_cut(l, &cut);
}

long rig_attach_wish(struct layout *l, const struct layout_wish *wish, uint64_t offset)
{
	uintptr_t first = UNTOUCHED, last = UNTOUCHED;
	size_t before;
	int r;

	r = layout_place(l, wish, &first, &last);
	if (r < 0) {
		EXPECT(first == UNTOUCHED && last == UNTOUCHED);
		return r;
	}
	before = begin(l);
	if ((wish->flags & (OVERMAP | SEARCH)) == OVERMAP)
		make_room(l, first, last);
	EXPECT_EQ(layout_add_region(l, first, last, offset), 0);
	finish(l, before);
	return (long)first;
}

long rig_attach(struct layout *l, uintptr_t start, uintptr_t size, unsigned flags,
		unsigned align)
{
	struct layout_wish wish = {
		.start = start, .size = size, .flags = flags, .align = align
	};

	return rig_attach_wish(l, &wish, 0);
}

long rig_reserve_wish(struct layout *l, const struct layout_wish *wish)
{
	const unsigned guard = OVERMAP | RESERVED;
	uintptr_t first = UNTOUCHED, last = UNTOUCHED;
	size_t before;
	int r;

	r = layout_place_area(l, wish, &first, &last);
	if (r < 0) {
		EXPECT(first == UNTOUCHED && last == UNTOUCHED);
		return r;
	}
	before = begin(l);
	if ((wish->flags & (guard | SEARCH)) == guard)
		make_room(l, first, last);
	EXPECT_EQ(layout_add_area(l, first, last, wish->flags & RESERVED), 0);
	finish(l, before);
	return (long)first;
}

long rig_reserve(struct layout *l, uintptr_t start, uintptr_t size, unsigned flags,
		 unsigned align)
{
	struct layout_wish wish = {
		.start = start, .size = size, .flags = flags, .align = align
	};

	return rig_reserve_wish(l, &wish);
}

int rig_free_area(struct layout *l, uintptr_t addr)
{
	size_t before = begin(l);
	struct span area;
	int r;

	r = layout_free_area(l, addr, &area);
	EXPECT(r < 0 || (area.start <= addr && area.last >= addr));
	finish(l, before);
	return r;
}

int rig_cut(struct layout *l, uintptr_t start, uintptr_t size, unsigned mode,
	    struct layout_cut *ret_cut)
{
	uintptr_t first = start, last = start + (size - 1);
	struct layout_cut cut;
	size_t before;
	int r;

	layout_widen(l, &first, &last);
	r = layout_look_cut(l, first, last, mode, &cut);
	if (r < 0)
		return r;
	before = begin(l);
	do_cut(l, &cut);
	finish(l, before);
	if (ret_cut)
		*ret_cut = cut;
	return (int)cut.code;
}

/* ---- as text ---------------------------------------------------------------------------- */

static const char *text(const struct spans *spans)
{
	static char line[512];
	size_t used = 0;
	struct span span;
	uintptr_t from = 0;

	line[0] = '\0';
	while (spans_find(spans, from, UINTPTR_MAX, &span)) {
		int n = snprintf(line + used, sizeof(line) - used, "%s%lx-%lx",
				 used ? ", " : "", span.start, span.last);

		used += (size_t)n;
		if (span.value && used < sizeof(line))
			used += (size_t)snprintf(line + used, sizeof(line) - used, "@%llx",
						 (unsigned long long)span.value);
		EXPECT(used < sizeof(line));
		if (span.last == UINTPTR_MAX)
			break;
		from = span.last + 1;
	}
	return line;
}

const char *rig_regions(const struct layout *l)
{
	return text(&l->regions);
}

const char *rig_areas(const struct layout *l)
{
	return text(&l->areas);
}

const char *rig_taken(const struct layout *l)
{
	return text(&l->taken);
}

/* SPDX-License-Identifier: MIT */
/*
 * layout.c - placing, adding and cutting, and what is taken
 *
 * A search has to avoid what is in either of two sets, and neither knows the other's gaps.  So
 * their union is kept as a third one: then a search is one search for a gap.  Whatever comes is
 * united with what it touches; when something goes, the parts of it that the other set covers
 * stay.  Those may be many, and each a span of its own, which is why pairs are counted: there
 * is no other bound on the memory that letting go can need.
 */
#include "map/layout.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>

#include "base/bytes.h"

#define ALIGN_MAX 63u

void layout_init(struct layout *l, uintptr_t low, uintptr_t high, uintptr_t page)
{
	assert(page > 0 && is_multiple(page, page));
	assert(low < high && is_multiple(low, page) && is_multiple(high + 1, page));
	*l = (struct layout){
		.low = low,
		.high = high,
		.floor = low,
		.page_bits = (unsigned)__builtin_ctzl(page),
	};
	spans_init(&l->regions);
	spans_init(&l->areas);
	spans_init(&l->taken);
}

void layout_deinit(struct layout *l)
{
	spans_deinit(&l->regions);
	spans_deinit(&l->areas);
	spans_deinit(&l->taken);
}

/* What goes leaves as many parts as it shared, and one more; what comes is one. */
static int reserve_taken(struct layout *l, size_t shared)
{
	return spans_reserve(&l->taken,
			     shared < UINT_MAX - 2 ? (unsigned)shared + 2 : UINT_MAX);
}

int layout_reserve(struct layout *l)
{
	int r;

	r = spans_reserve(&l->regions, 2);
	if (r < 0)
		return r;
	r = spans_reserve(&l->areas, 1);
	if (r < 0)
		return r;
	return reserve_taken(l, l->shared);
}

static uintptr_t higher(uintptr_t a, uintptr_t b)
{
	return a > b ? a : b;
}

static uintptr_t lower(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

/* ---- what is taken ---------------------------------------------------------------------- */

/* How many spans overlap a range? */
static size_t count_spans(const struct spans *spans, uintptr_t first, uintptr_t last)
{
	struct span span;
	size_t n = 0;

	while (spans_find(spans, first, last, &span)) {
		n++;
		if (span.last >= last)
			break;
		first = span.last + 1;
	}
	return n;
}

static size_t count_areas(const struct layout *l, uintptr_t first, uintptr_t last)
{
	return first > l->areas_last ? 0 : count_spans(&l->areas, first, last);
}

static size_t count_regions(const struct layout *l, uintptr_t first, uintptr_t last)
{
	return count_spans(&l->regions, first, last);
}

/* Unites a range with all that it overlaps or touches; -ENOMEM, and then nothing changed. */
static int take(struct spans *taken, uintptr_t first, uintptr_t last)
{
	uintptr_t from = first > 0 ? first - 1 : 0, to = last < UINTPTR_MAX ? last + 1 : last;
	struct span whole, next;

	if (!spans_find(taken, from, to, &whole))
		return spans_add(taken, first, last, 0);
	first = lower(first, whole.start);
	last = higher(last, whole.last);
	while (whole.last < to && spans_find(taken, whole.last + 1, to, &next)) {
		spans_remove(taken, next.start);
		last = higher(last, next.last);
	}
	if (first != whole.start || last != whole.last)
		spans_trim(taken, whole.start, first, last);
	return 0;
}

/* Puts a record into its set, and takes its range. */
static int add(struct layout *l, struct spans *set, uintptr_t start, uintptr_t last,
	       uint64_t value)
{
	int r;

	r = spans_add(set, start, last, value);
	if (r < 0)
		return r;
	r = take(&l->taken, start, last);
	if (r < 0)
		spans_remove(set, start);
	return r;
}

/* Cuts a range out of the one span that covers it; needs room for one span. */
static void clear(struct spans *taken, uintptr_t first, uintptr_t last)
{
	struct span whole;
	bool found = spans_find(taken, first, last, &whole);

	assert(found && whole.start <= first && last <= whole.last);
	(void)found;
	if (whole.start == first && whole.last == last) {
		spans_remove(taken, whole.start);
	} else if (whole.start == first) {
		spans_trim(taken, whole.start, last + 1, whole.last);
	} else {
		spans_trim(taken, whole.start, whole.start, first - 1);
		if (last < whole.last) {
			int r = spans_add(taken, last + 1, whole.last, 0);

			assert(r == 0);
			(void)r;
		}
	}
}

/* The lowest span of either set that overlaps a range. */
static bool find_either(const struct layout *l, uintptr_t first, uintptr_t last,
			struct span *ret_span)
{
	struct span region, area;
	bool in_region = spans_find(&l->regions, first, last, &region);
	bool in_area = layout_meets_area(l, first, last, &area);

	if (in_region && (!in_area || region.start <= area.start))
		*ret_span = region;
	else if (in_area)
		*ret_span = area;
	return in_region || in_area;
}

/* Something that was in this range is in its set no more. */
static void release(struct layout *l, uintptr_t first, uintptr_t last)
{
	struct span rest;

	while (find_either(l, first, last, &rest)) {
		if (rest.start > first)
			clear(&l->taken, first, rest.start - 1);
		if (rest.last >= last)
			return;
		first = rest.last + 1;
	}
	clear(&l->taken, first, last);
}

/* ---- regions ---------------------------------------------------------------------------- */

/* Where a search begins that does not stay in an area. */
static uintptr_t search_from(const struct layout *l, uintptr_t start)
{
	bool inside = start > 0 && start >= l->low && start < l->high;

	return inside ? start : l->floor;
}

static int search(const struct spans *avoid, const struct layout_wish *wish, uintptr_t from,
		  uintptr_t limit, uintptr_t size, unsigned align, uintptr_t *ret_start)
{
	from = higher(from, wish->resume);
	if (from > limit || !spans_gap(avoid, from, limit, size, align, ret_start))
		return -EADDRNOTAVAIL;
	return 0;
}

/* A wish for a region in pages: what is asked for exactly, or where a search begins. */
struct page_wish {
	uintptr_t first;
	uintptr_t last; /* the highest address there is, if it would wrap */
	uintptr_t size;
	unsigned align;
};

static int wish_in_pages(const struct layout *l, const struct layout_wish *wish,
			 struct page_wish *ret_pages)
{
	bool strict = wish->flags & LAYOUT_STRICT, searching = wish->flags & LAYOUT_SEARCH;
	uintptr_t rest = ((uintptr_t)1 << l->page_bits) - 1;
	struct page_wish pages = { .first = wish->start & ~rest, .align = wish->align };

	if (wish->size == 0 || !add_fits(wish->size, rest, &pages.size))
		return -EINVAL;
	pages.size &= ~rest;
	if (!add_fits(pages.first, pages.size - 1, &pages.last)) {
		if (strict || !searching)
			return -EINVAL;
		pages.last = UINTPTR_MAX;
	}
	if (searching && (pages.align > ALIGN_MAX || (strict && pages.align < l->page_bits)))
		return -EINVAL;
	if (pages.align < l->page_bits)
		pages.align = l->page_bits;
	*ret_pages = pages;
	return 0;
}

static int place_in_area(const struct layout *l, const struct layout_wish *wish,
			 const struct page_wish *pages, uintptr_t *ret_start)
{
	struct span area, region;
	uintptr_t from, limit;

	if (!layout_find_area(l, pages->first, pages->last, &area))
		return -ENOENT;
	if (area.value & LAYOUT_RESERVED)
		return -EADDRNOTAVAIL;
	/* An area may stick out of the limits, a region may not. */
	from = higher(area.start, l->low);
	limit = lower(area.last, l->high);
	if (wish->flags & LAYOUT_SEARCH)
		return search(&l->regions, wish, higher(from, pages->first), limit, pages->size,
			      pages->align, ret_start);
	if (pages->first < from || pages->last > limit)
		return -EADDRNOTAVAIL;
	if (!(wish->flags & LAYOUT_OVERMAP) &&
	    layout_find_region(l, pages->first, pages->last, &region))
		return -EADDRNOTAVAIL;
	*ret_start = pages->first;
	return 0;
}

static int place_outside(const struct layout *l, const struct layout_wish *wish,
			 const struct page_wish *pages, uintptr_t *ret_start)
{
	const struct spans *avoid = wish->flags & LAYOUT_OVERMAP ? &l->areas : &l->taken;
	struct span other;

	if (wish->flags & LAYOUT_SEARCH)
		return search(&l->taken, wish, search_from(l, wish->start), l->high,
			      pages->size, pages->align, ret_start);
	if (pages->first < l->low || pages->last > l->high)
		return -EADDRNOTAVAIL;
	if (spans_find(avoid, pages->first, pages->last, &other))
		return -EADDRNOTAVAIL;
	*ret_start = pages->first;
	return 0;
}

int layout_place(const struct layout *l, const struct layout_wish *wish, uintptr_t *ret_start,
		 uintptr_t *ret_last)
{
	struct page_wish pages;
	uintptr_t start;
	int r;

	r = wish_in_pages(l, wish, &pages);
	if (r < 0)
		return r;
	if (wish->flags & LAYOUT_IN_AREA)
		r = place_in_area(l, wish, &pages, &start);
	else
		r = place_outside(l, wish, &pages, &start);
	if (r < 0)
		return r;
	*ret_start = start;
	*ret_last = start + (pages.size - 1);
	return 0;
}

static bool is_pages(const struct layout *l, uintptr_t start, uintptr_t last)
{
	uintptr_t page = (uintptr_t)1 << l->page_bits;

	return start <= last && is_multiple(start, page) && is_multiple(last + 1, page) &&
	       start >= l->low && last <= l->high;
}

int layout_add_region(struct layout *l, uintptr_t start, uintptr_t last, uint64_t value)
{
	int r;

	assert(is_pages(l, start, last));
	r = add(l, &l->regions, start, last, value);
	if (r == 0)
		l->shared += count_areas(l, start, last);
	return r;
}

/* ---- areas ------------------------------------------------------------------------------ */

/* May an area be put exactly there? */
static bool area_fits(const struct layout *l, uintptr_t first, uintptr_t last, unsigned flags)
{
	const unsigned picky = LAYOUT_STRICT | LAYOUT_RESERVED;
	struct span other;

	return !layout_find_area(l, first, last, &other) &&
	       ((flags & picky) != picky || !layout_find_region(l, first, last, &other));
}

int layout_place_area(const struct layout *l, const struct layout_wish *wish,
		      uintptr_t *ret_start, uintptr_t *ret_last)
{
	bool strict = wish->flags & LAYOUT_STRICT, searching = wish->flags & LAYOUT_SEARCH;
	uintptr_t start = wish->start, last = 0;
	bool wraps = !add_fits(start, wish->size - 1, &last);
	int r;

	if (wish->size == 0 || (wraps && (strict || !searching)) ||
	    (searching && wish->align > ALIGN_MAX))
		return strict ? -EINVAL : -EADDRNOTAVAIL;
	if (searching) {
		bool room = !wraps && last <= l->high;
		uintptr_t from = room || strict ? search_from(l, start) : l->floor;

		r = search(&l->taken, wish, from, l->high, wish->size, wish->align, &start);
		if (r < 0)
			return r;
	} else if (!area_fits(l, start, last, wish->flags)) {
		return -EADDRNOTAVAIL;
	}
	*ret_start = start;
	*ret_last = start + (wish->size - 1);
	return 0;
}

int layout_add_area(struct layout *l, uintptr_t start, uintptr_t last, uint64_t flags)
{
	int r;

	assert(start <= last);
	r = add(l, &l->areas, start, last, flags);
	if (r < 0)
		return r;
	l->shared += count_regions(l, start, last);
	if (last > l->areas_last)
		l->areas_last = last;
	return 0;
}

int layout_reserve_area(struct layout *l, uintptr_t first, uintptr_t last)
{
	int r;

	r = spans_reserve(&l->areas, 1);
	/* The area itself, and what a cut that is widened to pages leaves at either end. */
	return r < 0 ? r : reserve_taken(l, count_regions(l, first, last) + 3);
}

static void remove_area(struct layout *l, const struct span *area)
{
	struct span highest;

	spans_remove(&l->areas, area->start);
	l->areas_last = spans_find_last(&l->areas, UINTPTR_MAX, &highest) ? highest.last : 0;
	l->shared -= count_regions(l, area->start, area->last);
	release(l, area->start, area->last);
}

int layout_free_area(struct layout *l, uintptr_t addr, struct span *ret_area)
{
	struct span area;
	int r;

	if (!layout_find_area(l, addr, addr, &area))
		return -ENOENT;
	r = reserve_taken(l, count_regions(l, area.start, area.last));
	if (r < 0)
		return r;
	remove_area(l, &area);
	if (ret_area)
		*ret_area = area;
	return 0;
}

void layout_undo_area(struct layout *l, uintptr_t addr)
{
	struct span area;
	bool found = layout_find_area(l, addr, addr, &area);

	assert(found);
	if (found)
		remove_area(l, &area);
}

/* ---- cutting ---------------------------------------------------------------------------- */

int layout_look_cut(const struct layout *l, uintptr_t first, uintptr_t last, unsigned mode,
		    struct layout_cut *ret_cut)
{
	struct layout_cut cut = { .first = first, .last = last };
	struct span next;

	if (!layout_find_region(l, first, last, &cut.region))
		return -ENOENT;
	if (mode & LAYOUT_OVERLAP || first <= cut.region.start)
		cut.first = cut.region.start;
	if (mode & LAYOUT_OVERLAP || last >= cut.region.last)
		cut.last = cut.region.last;
	cut.front = cut.first - cut.region.start;
	cut.back = cut.region.last - cut.last;
	if (cut.front > 0 && cut.back > 0)
		cut.code = LAYOUT_SPLIT;
	else
		cut.code = cut.front > 0 || cut.back > 0 ? LAYOUT_SHORTENED : LAYOUT_GONE;
	if (cut.region.last < last && layout_find_region(l, cut.region.last + 1, last, &next))
		cut.code |= LAYOUT_AGAIN;
	*ret_cut = cut;
	return 0;
}

void layout_do_cut(struct layout *l, const struct layout_cut *cut, uint64_t tail_value)
{
	const struct span *region = &cut->region;
	int r = 0;

	assert((cut->front == 0 || is_pages(l, region->start, cut->first - 1)) &&
	       (cut->back == 0 || is_pages(l, cut->last + 1, region->last)));
	l->shared -= count_areas(l, region->start, region->last);
	if (cut->front > 0)
		spans_trim(&l->regions, region->start, region->start, cut->first - 1);
	else if (cut->back > 0)
		spans_trim(&l->regions, region->start, cut->last + 1, region->last);
	else
		spans_remove(&l->regions, region->start);
	if (cut->front > 0 && cut->back > 0)
		r = spans_add(&l->regions, cut->last + 1, region->last, tail_value);
	assert(r == 0);
	(void)r;
	if (cut->front > 0)
		l->shared += count_areas(l, region->start, cut->first - 1);
	if (cut->back > 0)
		l->shared += count_areas(l, cut->last + 1, region->last);
	release(l, cut->first, cut->last);
}

/* ---- checking --------------------------------------------------------------------------- */

/* Regions are whole pages inside the limits, and the pairs are counted. */
static bool regions_are_right(const struct layout *l)
{
	size_t shared = 0;
	struct span region;
	uintptr_t from = 0;

	while (layout_find_region(l, from, UINTPTR_MAX, &region)) {
		if (!is_pages(l, region.start, region.last))
			return false;
		shared += count_areas(l, region.start, region.last);
		if (region.last == UINTPTR_MAX)
			break;
		from = region.last + 1;
	}
	return shared == l->shared;
}

static bool areas_last_is_right(const struct layout *l)
{
	struct span area;
	bool some = spans_find_last(&l->areas, UINTPTR_MAX, &area);

	return l->areas_last == (some ? area.last : 0);
}

/* The lowest run of what is in a region or an area, at or above @from. */
static bool next_run(const struct layout *l, uintptr_t from, struct span *ret_run)
{
	struct span next;

	if (!find_either(l, from, UINTPTR_MAX, ret_run))
		return false;
	while (ret_run->last < UINTPTR_MAX &&
	       find_either(l, ret_run->last + 1, UINTPTR_MAX, &next) &&
	       next.start <= ret_run->last + 1)
		ret_run->last = next.last;
	return true;
}

static bool taken_is_right(const struct layout *l)
{
	struct span run, taken;
	uintptr_t from = 0;
	size_t runs = 0;

	while (next_run(l, from, &run)) {
		if (!spans_find(&l->taken, from, UINTPTR_MAX, &taken) ||
		    taken.start != run.start || taken.last != run.last)
			return false;
		runs++;
		if (run.last == UINTPTR_MAX)
			break;
		from = run.last + 1;
	}
	return runs == spans_count(&l->taken);
}

bool layout_check(const struct layout *l)
{
	return spans_check(&l->regions) && spans_check(&l->areas) && spans_check(&l->taken) &&
	       l->floor >= l->low && l->floor <= l->high && regions_are_right(l) &&
	       areas_last_is_right(l) && taken_is_right(l);
}

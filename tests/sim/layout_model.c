/* SPDX-License-Identifier: MIT */
#include "layout_model.h"

#include <errno.h>
#include <string.h>

/* Addresses and sizes as one writes them on paper. */
__extension__ typedef unsigned __int128 wide;
#define SPACE ((wide)1 << 64)

void model_init(struct layout_model *m, uintptr_t base, uintptr_t low, uintptr_t high,
		uintptr_t page)
{
	(void)memset(m, 0, sizeof(*m));
	m->base = base;
	m->low = low;
	m->high = high;
	m->floor = low;
	m->page = page;
}

/* Whose is this byte? */
static uint32_t at(const struct layout_model *m, const struct model_owner *owner, wide addr)
{
	if (addr < m->base || addr >= (wide)m->base + MODEL_BYTES)
		return 0;
	return owner->of[addr - m->base];
}

/* The first byte of anybody in a range, or the range's end. */
static wide first_owned(const struct layout_model *m, const struct model_owner *owner,
			wide from, wide end)
{
	wide window_end = (wide)m->base + MODEL_BYTES;

	if (from < m->base)
		from = m->base < end ? m->base : end;
	while (from < end && from < window_end && !at(m, owner, from))
		from++;
	return from < window_end ? from : end;
}

static bool touches(const struct layout_model *m, const struct model_owner *owner, wide from,
		    wide size)
{
	return first_owned(m, owner, from, from + size) < from + size;
}

static struct span span_of(const struct layout_model *m, const struct model_owner *owner,
			   wide addr)
{
	uint32_t who = at(m, owner, addr);
	wide start = addr, last = addr;

	while (start > 0 && at(m, owner, start - 1) == who)
		start--;
	while (at(m, owner, last + 1) == who)
		last++;
	return (struct span){ .start = (uintptr_t)start,
			      .last = (uintptr_t)last,
			      .value = owner->value[who] };
}

bool model_find(const struct layout_model *m, const struct model_owner *owner, uintptr_t first,
		uintptr_t last, struct span *ret_span)
{
	wide found = first_owned(m, owner, first, (wide)last + 1);

	if (found > last)
		return false;
	*ret_span = span_of(m, owner, found);
	return true;
}

/* The lowest multiple of the alignment in [from, limit] where @size bytes are free. */
static int search(const struct layout_model *m, wide from, wide limit, wide size,
		  unsigned align, bool skip_areas, uintptr_t *ret_start)
{
	wide step = (wide)1 << align;

	for (wide x = (from + step - 1) / step * step; x + size - 1 <= limit; x += step) {
		if (touches(m, &m->regions, x, size))
			continue;
		if (skip_areas && touches(m, &m->areas, x, size))
			continue;
		*ret_start = (uintptr_t)x;
		return 0;
	}
	return -EADDRNOTAVAIL;
}

static wide highest(wide a, wide b)
{
	return a > b ? a : b;
}

static int place_in_area(const struct layout_model *m, const struct layout_wish *wish,
			 wide start, wide size, unsigned align, uintptr_t *ret_start)
{
	wide last = start + size > SPACE ? SPACE - 1 : start + size - 1;
	struct span area;
	wide from, limit;

	if (!model_find(m, &m->areas, (uintptr_t)start, (uintptr_t)last, &area))
		return -ENOENT;
	if (area.value & LAYOUT_RESERVED)
		return -EADDRNOTAVAIL;
	from = highest(highest(start, area.start), m->low);
	limit = area.last < m->high ? area.last : m->high;
	if (wish->flags & LAYOUT_SEARCH)
		return search(m, highest(from, wish->resume), limit, size, align, false,
			      ret_start);
	if (from != start || start + size - 1 > limit)
		return -EADDRNOTAVAIL;
	if (!(wish->flags & LAYOUT_OVERMAP) && touches(m, &m->regions, start, size))
		return -EADDRNOTAVAIL;
	*ret_start = (uintptr_t)start;
	return 0;
}

static int place_outside(const struct layout_model *m, const struct layout_wish *wish,
			 wide start, wide size, unsigned align, uintptr_t *ret_start)
{
	if (wish->flags & LAYOUT_SEARCH) {
		start = wish->start;
		if (wish->start == UINTPTR_MAX || start == 0 || start < m->low ||
		    start >= m->high)
			start = m->floor;
		return search(m, highest(start, wish->resume), m->high, size, align, true,
			      ret_start);
	}
	if (start < m->low || start + size - 1 > m->high)
		return -EADDRNOTAVAIL;
	if (touches(m, &m->areas, start, size))
		return -EADDRNOTAVAIL;
	if (!(wish->flags & LAYOUT_OVERMAP) && touches(m, &m->regions, start, size))
		return -EADDRNOTAVAIL;
	*ret_start = (uintptr_t)start;
	return 0;
}

int model_place(const struct layout_model *m, const struct layout_wish *wish,
		uintptr_t *ret_start, uintptr_t *ret_last)
{
	bool strict = wish->flags & LAYOUT_STRICT, searching = wish->flags & LAYOUT_SEARCH;
	wide size = ((wide)wish->size + m->page - 1) / m->page * m->page;
	wide start = wish->start / m->page * m->page;
	unsigned align = wish->align;
	int r;

	if (size == 0 || size == SPACE)
		return -EINVAL;
	if (start + size > SPACE && (strict || !searching))
		return -EINVAL;
	if (searching && align > 63)
		return -EINVAL;
	if (searching && ((wide)1 << align) < m->page) {
		if (strict)
			return -EINVAL;
		while (((wide)1 << align) < m->page)
			align++;
	}
	if (wish->flags & LAYOUT_IN_AREA)
		r = place_in_area(m, wish, start, size, align, ret_start);
	else
		r = place_outside(m, wish, start, size, align, ret_start);
	if (r == 0)
		*ret_last = *ret_start + (uintptr_t)size - 1;
	return r;
}

static int place_area(const struct layout_model *m, const struct layout_wish *wish, bool strict,
		      uintptr_t *ret_start)
{
	wide start = wish->start, size = wish->size;

	if (wish->flags & LAYOUT_SEARCH) {
		if (wish->start == UINTPTR_MAX || start == 0 || start < m->low ||
		    start >= m->high)
			start = m->floor;
		else if (!strict && start + size - 1 > m->high)
			start = m->floor;
		return search(m, highest(start, wish->resume), m->high, size, wish->align, true,
			      ret_start);
	}
	if (touches(m, &m->areas, start, size))
		return -EADDRNOTAVAIL;
	if (strict && (wish->flags & LAYOUT_RESERVED) && touches(m, &m->regions, start, size))
		return -EADDRNOTAVAIL;
	*ret_start = (uintptr_t)start;
	return 0;
}

int model_place_area(const struct layout_model *m, const struct layout_wish *wish,
		     uintptr_t *ret_start, uintptr_t *ret_last)
{
	bool strict = wish->flags & LAYOUT_STRICT, searching = wish->flags & LAYOUT_SEARCH;
	int refusal = strict ? -EINVAL : -EADDRNOTAVAIL;
	int r;

	if (wish->size == 0)
		return refusal;
	if ((wide)wish->start + wish->size > SPACE && (strict || !searching))
		return refusal;
	if (searching && wish->align > 63)
		return refusal;
	r = place_area(m, wish, strict, ret_start);
	if (r == 0)
		*ret_last = *ret_start + wish->size - 1;
	return r;
}

static void own(struct model_owner *owner, uintptr_t base, uintptr_t start, uintptr_t last,
		uint32_t who)
{
	for (uintptr_t i = start - base; i <= last - base; i++)
		owner->of[i] = who;
}

void model_add(struct model_owner *owner, uintptr_t base, uintptr_t start, uintptr_t last,
	       uint64_t value)
{
	uint32_t who = ++owner->records;

	owner->value[who] = value;
	own(owner, base, start, last, who);
}

int model_free_area(struct layout_model *m, uintptr_t addr, struct span *ret_area)
{
	struct span area;

	if (!at(m, &m->areas, addr))
		return -ENOENT;
	area = span_of(m, &m->areas, addr);
	own(&m->areas, m->base, area.start, area.last, 0);
	*ret_area = area;
	return 0;
}

/* The four cases, in the order in which the interface tells them. */
int model_cut(struct layout_model *m, uintptr_t first, uintptr_t last, unsigned mode,
	      uint64_t tail_value, struct layout_cut *ret_cut)
{
	struct layout_cut cut = { .code = 0 };
	struct span g;

	if (!model_find(m, &m->regions, first, last, &g))
		return -ENOENT;
	cut.region = g;
	if (mode == LAYOUT_OVERLAP || (first <= g.start && last >= g.last)) {
		cut.code = 0;
		cut.first = g.start;
		cut.last = g.last;
	} else if (first <= g.start) {
		cut.code = 1;
		cut.first = g.start;
		cut.last = last;
	} else if (last >= g.last) {
		cut.code = 1;
		cut.first = first;
		cut.last = g.last;
	} else {
		cut.code = 2;
		cut.first = first;
		cut.last = last;
	}
	cut.front = cut.first - g.start;
	cut.back = g.last - cut.last;
	own(&m->regions, m->base, cut.first, cut.last, 0);
	if (cut.code == 2)
		model_add(&m->regions, m->base, last + 1, g.last, tail_value);
	if (cut.code != 2 && touches(m, &m->regions, first, (wide)last - first + 1))
		cut.code += 4;
	*ret_cut = cut;
	return 0;
}

bool model_has_room(const struct layout_model *m)
{
	return m->regions.records + 4 < MODEL_RECORDS && m->areas.records + 4 < MODEL_RECORDS;
}

/* Every record is a span, in order, and there are no more. */
static bool same(const struct layout_model *m, const struct model_owner *owner,
		 const struct spans *spans)
{
	struct span model, real;
	uintptr_t from = 0;
	size_t count = 0;

	while (model_find(m, owner, from, UINTPTR_MAX, &model)) {
		if (!spans_find(spans, from, UINTPTR_MAX, &real))
			return false;
		if (real.start != model.start || real.last != model.last ||
		    real.value != model.value)
			return false;
		count++;
		from = model.last + 1;
		if (from == 0)
			break;
	}
	return count == spans_count(spans);
}

/* Every run of owned bytes is one span. */
static bool same_union(const struct layout_model *m, const struct spans *spans)
{
	size_t runs = 0, end;

	for (size_t i = 0; i < MODEL_BYTES; i = end + 1) {
		struct span span;

		end = i;
		while (end < MODEL_BYTES && (m->regions.of[end] || m->areas.of[end]))
			end++;
		if (end == i)
			continue;
		runs++;
		if (!spans_find(spans, m->base + i, m->base + i, &span) ||
		    span.start != m->base + i || span.last != m->base + end - 1)
			return false;
	}
	return runs == spans_count(spans);
}

const char *model_differs(const struct layout_model *m, const struct layout *l)
{
	if (!same(m, &m->regions, &l->regions))
		return "the regions are those of the model";
	if (!same(m, &m->areas, &l->areas))
		return "the areas are those of the model";
	if (!same_union(m, &l->taken))
		return "what is taken is what is in a region or an area";
	return layout_check(l) ? NULL : "every invariant of the layout holds";
}

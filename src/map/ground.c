/* SPDX-License-Identifier: MIT */
#include "map/ground.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "map/shown.h"
#include "sys/memfd.h"
#include "sys/vm.h"

/* Whole pages, without overlap; what lies side by side is one span or several. */
static struct spans held;
/* Those who will take out of its middle what they map without the lock. */
static unsigned expected;

static int reserve(unsigned count)
{
	return spans_reserve(&held, count + expected);
}

void ground_init(void)
{
	spans_init(&held);
}

/* ---- areas ------------------------------------------------------------------------------ */

int ground_sign(uintptr_t start, uintptr_t last, bool reserved)
{
	char name[64];
	int fd;

	(void)snprintf(name, sizeof(name), "%s:%" PRIxPTR "-%" PRIxPTR,
		       reserved ? "blocked-area" : "area", start, last);
	/* Nobody ever sees what is in it, so its size does not matter. */
	return memfd_new(name, vm_page_size(), &fd) < 0 ? -1 : fd;
}

bool ground_pages(uintptr_t start, uintptr_t last, uintptr_t *ret_first, uintptr_t *ret_last)
{
	const uintptr_t page = vm_page_size();
	uintptr_t first, end;

	if (start < places_layout.low)
		start = places_layout.low;
	if (last > places_layout.high)
		last = places_layout.high;
	if (start > last)
		return false;
	first = (start + page - 1) & ~(page - 1);
	end = (last + 1) & ~(page - 1);
	*ret_first = first;
	*ret_last = end - 1;
	return end > first;
}

/* The first whole pages of an area at or after @at and not after @last. */
static bool next_area_pages(uintptr_t at, uintptr_t last, uintptr_t *ret_start,
			    uintptr_t *ret_last) REQUIRES(places_lock)
{
	struct span area;

	while (at <= last && layout_meets_area(&places_layout, at, last, &area)) {
		bool some = ground_pages(area.start, area.last, ret_start, ret_last) &&
			    *ret_last >= at && *ret_start <= last;

		if (some) {
			if (*ret_start < at)
				*ret_start = at;
			if (*ret_last > last)
				*ret_last = last;
			return true;
		}
		if (area.last == UINTPTR_MAX)
			return false;
		at = area.last + 1;
	}
	return false;
}

/* ---- mapping ---------------------------------------------------------------------------- */

/*
 * Ground that a place was on, and is ground again, has no name: keeping the object at hand
 * would take a descriptor for every area.
 */
static int map_ground(uintptr_t start, uintptr_t last, int sign, bool over)
{
	size_t size = last - start + 1;
	/* Side by side, and from one object, it is one mapping for the kernel. */
	uint64_t offset = sign < 0 ? 0 : start;
	void *at;

	return over ? vm_replace((void *)start, size, 0, sign, offset)
		    : vm_place((void *)start, size, 0, sign, offset, &at);
}

/* ---- what is held ----------------------------------------------------------------------- */

/* Takes a range out of the set, however it lies; the set has room for one more. */
static void forget(uintptr_t start, uintptr_t last)
{
	struct span span;

	while (spans_find(&held, start, last, &span)) {
		if (span.start < start && span.last > last) {
			spans_trim(&held, span.start, span.start, start - 1);
			(void)spans_add(&held, last + 1, span.last, 0);
			return;
		}
		if (span.start < start)
			spans_trim(&held, span.start, span.start, start - 1);
		else if (span.last > last)
			spans_trim(&held, span.start, last + 1, span.last);
		else
			spans_remove(&held, span.start);
	}
}

/* Puts a range into the set, joined with what touches it. */
static void remember(uintptr_t start, uintptr_t last)
{
	struct span span;

	if (start > 0 && spans_find(&held, start - 1, start - 1, &span)) {
		spans_remove(&held, span.start);
		start = span.start;
	}
	if (last < UINTPTR_MAX && spans_find(&held, last + 1, last + 1, &span)) {
		spans_remove(&held, span.start);
		last = span.last;
	}
	(void)spans_add(&held, start, last, 0);
}

bool ground_is_held(uintptr_t start, uintptr_t last)
{
	struct span span;

	return spans_find(&held, start, last, &span);
}

/* The next run at or after @at that neither a place nor the ground has; false at the end. */
static bool next_missing(uintptr_t at, uintptr_t last, uintptr_t *ret_start,
			 uintptr_t *ret_last)
{
	struct span region, ground;

	for (;;) {
		bool r = layout_find_region(&places_layout, at, last, &region);
		bool g = spans_find(&held, at, last, &ground);

		if (r && region.start <= at) {
			if (region.last >= last)
				return false;
			at = region.last + 1;
		} else if (g && ground.start <= at) {
			if (ground.last >= last)
				return false;
			at = ground.last + 1;
		} else {
			*ret_start = at;
			*ret_last = last;
			if (r)
				*ret_last = region.start - 1;
			if (g && ground.start <= *ret_last)
				*ret_last = ground.start - 1;
			return true;
		}
	}
}

static void undo_taken(struct spans *taken)
{
	struct span span;

	while (spans_find(taken, 0, UINTPTR_MAX, &span)) {
		vm_unmap((void *)span.start, span.last - span.start + 1);
		forget(span.start, span.last);
		spans_remove(taken, span.start);
	}
}

static int take_run(struct spans *taken, uintptr_t start, uintptr_t last, int sign)
{
	int r;

	/* Undoing may take it out of the middle of what it was joined with. */
	r = reserve(2);
	if (r == 0)
		r = spans_reserve(taken, 1);
	if (r == 0)
		r = fault_point("ground.take");
	if (r == 0)
		r = map_ground(start, last, sign, false);
	if (r < 0)
		return r;
	remember(start, last);
	(void)spans_add(taken, start, last, 0);
	return 0;
}

bool ground_is_free(uintptr_t start, uintptr_t last, uintptr_t *ret_blocked)
{
	uintptr_t stranger, end;
	int r;

	r = vm_next_mapping(start, &stranger, &end);
	if (r == -ENOENT || (r == 0 && stranger > last))
		return true;
	/* Where nobody can look, all of it counts as taken, and so does what goes on behind. */
	if (r < 0)
		end = vm_mapped_until(last + 1);
	*ret_blocked = end - 1;
	return false;
}

int ground_take(uintptr_t start, uintptr_t last, int sign, uintptr_t *ret_blocked)
{
	uintptr_t at = start, first, end;
	struct spans taken;
	int r;

	/* Whoever builds on it takes it out of the middle of what is held. */
	r = reserve(1);
	spans_init(&taken);
	while (r == 0 && next_missing(at, last, &first, &end)) {
		do
			r = take_run(&taken, first, end, sign);
		while (r == -EEXIST && ground_is_free(first, end, ret_blocked));
		if (end == last)
			break;
		at = end + 1;
	}
	if (r < 0)
		undo_taken(&taken);
	spans_deinit(&taken);
	return r;
}

/* What lies between strangers, one by one.  They may come and go meanwhile. */
static int take_around(struct spans *taken, uintptr_t start, uintptr_t last, int sign)
{
	uintptr_t stranger = 0, end = 0;
	int r;

	while (start <= last) {
		r = take_run(taken, start, last, sign);
		if (r != -EEXIST)
			return r == -EPERM || r == -EACCES ? 0 : r;
		r = vm_next_mapping(start, &stranger, &end);
		if (r == -ENOENT || (r == 0 && stranger > last))
			continue;
		if (r < 0)
			return 0;
		if (stranger > start) {
			r = take_run(taken, start, stranger - 1, sign);
			if (r == -EEXIST)
				continue;
			if (r < 0)
				return r;
		}
		if (end > last)
			return 0;
		start = end;
	}
	return 0;
}

int ground_take_some(uintptr_t start, uintptr_t last, int sign)
{
	uintptr_t at = start, first, end;
	struct spans taken;
	int r = 0;

	spans_init(&taken);
	while (r == 0 && next_missing(at, last, &first, &end)) {
		r = take_around(&taken, first, end, sign);
		if (end == last)
			break;
		at = end + 1;
	}
	if (r < 0)
		undo_taken(&taken);
	spans_deinit(&taken);
	return r;
}

void ground_built_over(uintptr_t start, uintptr_t last)
{
	forget(start, last);
}

int ground_expect(void)
{
	int r;

	r = reserve(1);
	if (r == 0)
		expected++;
	return r;
}

void ground_unexpect(void)
{
	expected--;
}

/* ---- giving up -------------------------------------------------------------------------- */

/* Unmaps what is held in the range.  What cannot be split stays held: nobody loses anything. */
static void release_run(uintptr_t start, uintptr_t last)
{
	if (reserve(1) == 0 && vm_try_unmap((void *)start, last - start + 1) == 0)
		forget(start, last);
}

/* The part of a held run that nothing needs: up to an area's pages, or shown ones. */
static bool next_needed(uintptr_t at, uintptr_t last, uintptr_t *ret_first, uintptr_t *ret_last)
	REQUIRES(places_lock)
{
	uintptr_t first, end;
	struct span run;
	bool in_area = next_area_pages(at, last, &first, &end);

	if (shown_find(at, last, &run) && (!in_area || run.start < first)) {
		*ret_first = run.start < at ? at : run.start;
		*ret_last = run.last > last ? last : run.last;
		return true;
	}
	*ret_first = first;
	*ret_last = end;
	return in_area;
}

static void give_run_back(uintptr_t at, uintptr_t last) REQUIRES(places_lock)
{
	uintptr_t first, end;

	while (next_needed(at, last, &first, &end)) {
		if (first > at)
			release_run(at, first - 1);
		if (end >= last)
			return;
		at = end + 1;
	}
	release_run(at, last);
}

void ground_give_back(uintptr_t start, uintptr_t last)
{
	uintptr_t at = start;
	struct span span;

	while (at <= last && spans_find(&held, at, last, &span)) {
		uintptr_t end = span.last > last ? last : span.last;

		give_run_back(span.start < at ? at : span.start, end);
		if (end == UINTPTR_MAX)
			return;
		at = end + 1;
	}
}

/* Where there is no mapping left for another, what is mapped there is let stay, for nobody. */
static int close_off(uintptr_t start, uintptr_t last)
{
	int r = map_ground(start, last, -1, true);

	return r == -ENOMEM ? vm_protect((void *)start, last - start + 1, 0) : r;
}

static int clear(uintptr_t start, uintptr_t last, bool *ret_in_area) REQUIRES(places_lock)
{
	uintptr_t first, end;
	bool in_area;
	int r;

	in_area = next_area_pages(start, last, &first, &end);
	*ret_in_area = in_area;
	/* Giving up must be possible when there is no memory left. */
	if (!in_area && !ground_is_held(start, last))
		return vm_try_unmap((void *)start, last - start + 1);
	r = reserve(3);
	if (r < 0)
		return r;
	if (in_area)
		r = close_off(start, last);
	else
		r = vm_try_unmap((void *)start, last - start + 1);
	if (r < 0)
		return r;
	forget(start, last);
	if (in_area)
		remember(start, last);
	return 0;
}

int ground_clear(uintptr_t start, uintptr_t last)
{
	bool in_area = false;
	int r;

	r = fault_point("ground.clear");
	if (r == 0)
		r = clear(start, last, &in_area);
	if (r < 0)
		return r;
	/* First, for what is shown needs its ground. */
	shown_forget(start, last);
	if (in_area)
		ground_give_back(start, last);
	return 0;
}

/* ---- is it right? ----------------------------------------------------------------------- */

bool ground_check(void)
{
	const uintptr_t page = vm_page_size();
	struct span span, region;
	uintptr_t at = 0;

	if (!spans_check(&held))
		return false;
	while (spans_find(&held, at, UINTPTR_MAX, &span)) {
		if (!is_multiple(span.start, page) || !is_multiple(span.last + 1, page))
			return false;
		if (layout_find_region(&places_layout, span.start, span.last, &region))
			return false;
		at = span.last + 1;
	}
	return true;
}

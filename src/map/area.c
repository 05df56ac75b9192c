/* SPDX-License-Identifier: MIT */
/*
 * area.c - addresses that are set aside
 */
#include <errno.h>

#include <tract/map.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/scope.h"
#include "map/area.h"
#include "map/detach.h"
#include "map/ground.h"
#include "map/map.h"
#include "map/remote.h"
#include "sys/vm.h"

#define KNOWN_FLAGS                                                                           \
	((uint32_t)(TRACT_AREA_FIXED | TRACT_AREA_BLOCK | TRACT_AREA_CUT | TRACT_AREA_EMPTY | \
		    TRACT_AREA_WRAP))

/* Enters it into the layout, so that it can be taken out again without memory.  -ENOMEM. */
static int enter(uintptr_t start, uintptr_t last, uint32_t flags, uint8_t tag)
	REQUIRES(places_lock)
{
	int r;

	r = layout_reserve_area(&places_layout, start, last);
	if (r < 0)
		return r;
	places_edit();
	r = layout_add_area(&places_layout, start, last,
			    area_value(flags & TRACT_AREA_BLOCK, tag));
	if (r == 0)
		places_note_areas(start, last);
	places_edited();
	return r;
}

static void give_ground_back(uintptr_t start, uintptr_t last) REQUIRES(places_lock)
{
	uintptr_t first, end;

	if (ground_pages(start, last, &first, &end))
		ground_give_back(first, end);
}

/* What was entered, and could not be made. */
static void undo(uintptr_t start, uintptr_t last) REQUIRES(places_lock)
{
	places_edit();
	layout_undo_area(&places_layout, start);
	places_note_areas(start, last);
	places_edited();
	give_ground_back(start, last);
}

static int leave(uintptr_t addr) REQUIRES(places_lock)
{
	struct span span;
	int r;

	if (!layout_find_area(&places_layout, addr, addr, &span))
		return fail(-ENOENT, "there is no area at that address");
	if (area_is_system(&span))
		return fail(-EPERM, "that area is the library's own");
	r = layout_reserve(&places_layout);
	if (r < 0)
		return r;
	places_edit();
	r = layout_free_area(&places_layout, addr, NULL);
	if (r == 0)
		places_note_areas(span.start, span.last);
	places_edited();
	if (r == 0)
		give_ground_back(span.start, span.last);
	return r;
}

/* ---- exactly there ---------------------------------------------------------------------- */

/* The pages that a cut takes out of what is attached: all that the bytes touch. */
static int cut_out(uintptr_t start, uintptr_t last) REQUIRES(places_lock)
{
	layout_widen(&places_layout, &start, &last);
	return detach_all(start, last);
}

/* May what is there go? */
static int check_cut(uintptr_t start, uintptr_t last) REQUIRES(places_lock)
{
	layout_widen(&places_layout, &start, &last);
	return detach_check(start, last);
}

static int reserve_here(uintptr_t start, size_t size, uint32_t flags, uint8_t tag)
	REQUIRES(places_lock)
{
	const struct layout_wish wish = { .start = start, .size = size };
	uintptr_t last, first, end;
	struct span region;
	int r;

	if (!add_fits(start, size - 1, &last))
		return fail(-EINVAL, "the range goes past the end of the address space");
	r = layout_place_area(&places_layout, &wish, &start, &last);
	if (r == 0 && (flags & TRACT_AREA_EMPTY) &&
	    layout_find_region(&places_layout, start, last, &region))
		r = -EADDRNOTAVAIL;
	if (r < 0)
		return fail(r, "there is something already");
	if (flags & TRACT_AREA_CUT)
		r = check_cut(start, last);
	if (r < 0)
		return r;
	r = enter(start, last, flags, tag);
	if (r < 0)
		return r;
	r = fault_point("map.reserve.entered");
	if (r == 0 && ground_pages(start, last, &first, &end)) {
		scoped(fd) int sign = ground_sign(start, last, flags & TRACT_AREA_BLOCK);

		r = ground_take_some(first, end, sign);
	}
	/* Last, for it cannot be undone. */
	if (r == 0 && (flags & TRACT_AREA_CUT))
		r = cut_out(start, last);
	if (r < 0)
		undo(start, last);
	return r;
}

/* ---- wherever there is room ------------------------------------------------------------- */

static int reserve_somewhere(uintptr_t *start, size_t size, uint32_t flags, uint32_t align,
			     uint8_t tag) REQUIRES(places_lock)
{
	struct layout_wish wish = {
		.start = *start,
		.size = size,
		.align = align,
		.flags = LAYOUT_SEARCH | (flags & TRACT_AREA_WRAP ? 0u : LAYOUT_STRICT),
	};
	uintptr_t found, last, first, end, blocked = 0;
	int r;

	for (;;) {
		r = layout_place_area(&places_layout, &wish, &found, &last);
		if (r < 0)
			return fail(r, "there is no room for that");
		r = enter(found, last, flags, tag);
		if (r < 0)
			return r;
		if (ground_pages(found, last, &first, &end)) {
			scoped(fd) int sign =
				ground_sign(found, last, flags & TRACT_AREA_BLOCK);

			r = ground_take(first, end, sign, &blocked);
		}
		if (r == 0) {
			*start = found;
			return 0;
		}
		undo(found, last);
		if (r != -EEXIST)
			return r;
		if (blocked == UINTPTR_MAX)
			return fail(-EADDRNOTAVAIL, "there is no room for that");
		wish.resume = blocked + 1;
	}
}

/* ---- the public face -------------------------------------------------------------------- */

int area_check(const void *addr, size_t size, uint32_t flags, uint32_t align)
{
	if (!addr || size == 0)
		return -EINVAL;
	if (flags & ~KNOWN_FLAGS)
		return fail(-EINVAL, "there is a flag that is none of TRACT_AREA_*");
	if (align >= 8 * sizeof(uintptr_t))
		return fail(-EINVAL, "an alignment is the logarithm of a power of two");
	return 0;
}

int area_reserve(uintptr_t *start, size_t size, uint32_t flags, uint32_t align, uint8_t tag)
{
	int r;

	r = places_use();
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	r = flags & TRACT_AREA_FIXED ? reserve_here(*start, size, flags, tag)
				     : reserve_somewhere(start, size, flags, align, tag);
	mutex_unlock(&places_lock);
	return r;
}

int tract_map_reserve(struct tract_map *map, void **addr, size_t size, uint32_t flags,
		      uint32_t align, uint8_t tag)
{
	uintptr_t start;
	int r;

	error_clear_reason();
	if (!map)
		return -EINVAL;
	r = area_check(addr, size, flags, align);
	if (r < 0)
		return r;
	start = (uintptr_t)*addr;
	if (map_is_remote(map)) {
		r = remote_reserve(map, &start, size, flags, align, tag);
	} else {
		r = area_reserve(&start, size, flags, align, tag);
		places_settle();
	}
	if (r == 0)
		*addr = (void *)start;
	return r;
}

int area_release(uintptr_t addr)
{
	int r;

	r = places_use();
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	r = leave(addr);
	mutex_unlock(&places_lock);
	return r;
}

int tract_map_release(struct tract_map *map, const void *addr)
{
	error_clear_reason();
	if (!map)
		return -EINVAL;
	return map_is_remote(map) ? remote_release(map, (uintptr_t)addr)
				  : area_release((uintptr_t)addr);
}

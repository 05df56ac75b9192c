/* SPDX-License-Identifier: MIT */
#include "map/shown.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/error.h"
#include "map/attach.h"
#include "map/ground.h"
#include "map/map.h"
#include "map/remote.h"
#include "sys/vm.h"

/* Values are places that are in no layout. */
static struct spans shown;

void shown_init(void)
{
	spans_init(&shown);
}

bool shown_find(uintptr_t first, uintptr_t last, struct span *ret_run)
{
	return spans_find(&shown, first, last, ret_run);
}

static struct place *place_of(const struct span *run)
{
	return (struct place *)(uintptr_t)run->value;
}

bool shown_next_uncovered(const struct place *place, uintptr_t at, uintptr_t *ret_first,
			  uintptr_t *ret_last)
{
	uintptr_t last = place->start + place->size - 1;
	struct span run = { 0 };
	bool covered = false;

	while (at <= last && place_kind(place) != PLACE_SHOWN &&
	       (covered = spans_find(&shown, at, last, &run)) && run.start <= at)
		at = run.last + 1;
	*ret_first = at;
	*ret_last = covered && run.start > at ? run.start - 1 : last;
	return at <= last;
}

/* ---- forgetting ------------------------------------------------------------------------- */

static void move_front(struct place *place, uintptr_t start)
{
	uintptr_t delta = start - place->start;

	place->start = start;
	place->size -= delta;
	place_set_offset(place, place_offset(place) + delta);
}

/* A run that goes on behind what is taken out of its middle: -ENOMEM. */
static int split(const struct span *run, uintptr_t at) REQUIRES(places_lock)
{
	const struct place *place = place_of(run);
	const struct place_spec spec = {
		.start = at,
		.size = run->last - at + 1,
		.offset = place_offset(place) + (at - run->start),
		.kind = PLACE_SHOWN,
		.rights = place_rights(place),
		.region = place->region,
	};
	struct place *behind;
	int r;

	r = spans_reserve(&shown, 1);
	if (r == 0)
		r = places_make(&spec, &behind);
	if (r < 0)
		return r;
	place_of(run)->size = at - run->start;
	spans_trim(&shown, run->start, run->start, at - 1);
	(void)spans_add(&shown, at, run->last, (uintptr_t)behind);
	return 0;
}

/* So that no run lies across either end of the range.  -ENOMEM. */
static int part(uintptr_t first, uintptr_t last) REQUIRES(places_lock)
{
	struct span run;
	int r = 0;

	if (spans_find(&shown, first, first, &run) && run.start < first)
		r = split(&run, first);
	if (r == 0 && spans_find(&shown, last, last, &run) && run.last > last)
		r = split(&run, last + 1);
	return r;
}

void shown_forget(uintptr_t first, uintptr_t last)
{
	struct span run;

	while (spans_find(&shown, first, last, &run)) {
		struct place *place = place_of(&run);

		if (run.start < first) {
			/* Without memory the part behind is forgotten, too: it stays visible
			 * until something is mapped there. */
			if (run.last > last)
				(void)split(&run, last + 1);
			place->size = first - run.start;
			spans_trim(&shown, run.start, run.start, first - 1);
		} else if (run.last > last) {
			spans_trim(&shown, run.start, last + 1, run.last);
			move_front(place, last + 1);
		} else {
			spans_remove(&shown, run.start);
			places_discard(place);
		}
	}
}

/* ---- showing ---------------------------------------------------------------------------- */

/* Is it there already, as a part of what is attached? */
static bool is_attached_so(const struct tract_region *region, uintptr_t start, size_t size,
			   uint64_t offset, uint32_t rights) REQUIRES(places_lock)
{
	const uint64_t page = vm_page_size();
	const struct place *place;
	struct span run;
	bool partly;

	place = places_find(start, size, &partly);
	return place && place->region == region &&
	       !(place_flags(place) & TRACT_ATTACH_PRIVATE) &&
	       (place_offset(place) & ~(page - 1)) + (start - place->start) == offset &&
	       !(rights & ~place_rights(place)) && !shown_find(start, start + size - 1, &run);
}

static int check_ground(uintptr_t first, uintptr_t last) REQUIRES(places_lock)
{
	struct place *place;

	for (place = places_from(first); place && place->start <= last;
	     place = places_from(place->start + place->size))
		if (place_kind(place) == PLACE_ADOPTED || place_kind(place) == PLACE_SYSV ||
		    place_kind(place) == PLACE_IMPORTED || !LIST_EMPTY(&place->claims))
			return fail(-EBUSY, "an export or an import is there");
	return 0;
}

int shown_put(struct tract_region *region, uintptr_t start, size_t size, uint64_t offset,
	      uint32_t rights)
{
	const struct place_spec spec = { .start = start,
					 .size = size,
					 .offset = offset,
					 .kind = PLACE_SHOWN,
					 .rights = rights,
					 .region = region };
	uintptr_t last = start + size - 1, blocked;
	struct place *place;
	int fd = region_fd(region), r;

	if (fd < 0)
		return fail(-EBADF, REGION_ROBBED);
	r = part(start, last);
	if (r == 0)
		r = spans_reserve(&shown, 1);
	if (r == 0)
		r = places_make(&spec, &place);
	if (r < 0)
		return r;
	r = ground_take(start, last, -1, &blocked);
	if (r == 0)
		r = vm_replace((void *)start, size, place_prot(place), fd, offset);
	if (r < 0) {
		ground_give_back(start, last);
		places_discard(place);
		return r == -EEXIST ? fail(r, "something that is not the map's is there") : r;
	}
	shown_forget(start, last);
	(void)spans_add(&shown, start, last, (uintptr_t)place);
	return 0;
}

static int show_locked(struct tract_region *region, uintptr_t start, size_t size,
		       uint64_t offset, uint32_t rights) REQUIRES(places_lock)
{
	int r;

	if (region->destroyed)
		return fail(-EINVAL, "the region was destroyed");
	r = check_ground(start, start + size - 1);
	if (r < 0)
		return r;
	if (!is_attached_so(region, start, size, offset, rights))
		r = shown_put(region, start, size, offset, rights);
	if (r < 0)
		return r;
	return rights & TRACT_RIGHT_WRITE ? vm_populate_write((void *)start, size)
					  : vm_populate_read((void *)start, size);
}

int tract_map_show(struct tract_map *map, struct tract_region *region, void *addr, size_t size,
		   uint64_t offset, uint32_t rights)
{
	uintptr_t start = (uintptr_t)addr, last;
	uint64_t end;
	int r;

	error_clear_reason();
	if (!map || !region || !addr || size == 0 ||
	    !is_multiple(start | size | offset, vm_page_size()) ||
	    !add_fits(start, size - 1, &last))
		return -EINVAL;
	if (rights != TRACT_RIGHT_READ && rights != TRACT_RIGHT_READ_WRITE)
		return fail(-EINVAL, "pages are shown for reading, or for reading and writing");
	if (map_is_remote(map))
		return map_refuse_remote();
	if (!add_fits(offset, (uint64_t)size, &end) || end > region->size)
		return fail(-ERANGE, "the region has %llu bytes",
			    (unsigned long long)region->size);
	if (rights & ~region->rights)
		return fail(-EACCES, "the region's handle has fewer rights than asked for");
	r = places_use();
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	r = show_locked(region, start, size, offset, rights);
	mutex_unlock(&places_lock);
	places_settle();
	return r;
}

/* ---- hiding ----------------------------------------------------------------------------- */

/* A run is hidden, part by part: each that covers one place, or none. */
static int uncover(uintptr_t first, uintptr_t last) REQUIRES(places_lock)
{
	struct place *place = places_from(first);
	int r = 0;

	while (r == 0 && first <= last) {
		uintptr_t end = last;

		if (!place || place->start > last) {
			r = ground_clear(first, last);
		} else if (place->start > first) {
			end = place->start - 1;
			r = ground_clear(first, end);
		} else {
			if (place->start + place->size - 1 < last)
				end = place->start + place->size - 1;
			r = attach_again(place, first, end);
			if (r == 0)
				shown_forget(first, end);
			place = places_from(end + 1);
		}
		if (end == UINTPTR_MAX)
			break;
		first = end + 1;
	}
	return r;
}

/* Every run there can only be read from now on. */
static int make_readonly(uintptr_t first, uintptr_t last) REQUIRES(places_lock)
{
	struct span run;
	int r = 0;

	while (r == 0 && first <= last && spans_find(&shown, first, last, &run)) {
		struct place *place = place_of(&run);

		place_set_rights(place, place_rights(place) & ~(uint32_t)TRACT_RIGHT_WRITE);
		r = vm_protect((void *)run.start, place->size, place_prot(place));
		first = run.last + 1;
	}
	return r;
}

static int hide_locked(uintptr_t first, uintptr_t last, uint32_t rights) REQUIRES(places_lock)
{
	struct span run;
	int r;

	r = part(first, last);
	if (r == 0 && !(rights & TRACT_RIGHT_READ))
		return make_readonly(first, last);
	while (r == 0 && spans_find(&shown, first, last, &run))
		r = uncover(run.start, run.last);
	return r;
}

int shown_hide(uintptr_t first, size_t size, uint32_t rights)
{
	uintptr_t last;
	int r;

	if (size == 0 || !is_multiple(first | size, vm_page_size()) ||
	    !add_fits(first, size - 1, &last) || rights == 0 ||
	    (rights & ~(uint32_t)TRACT_RIGHT_READ_WRITE))
		return -EINVAL;
	r = places_use();
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	r = hide_locked(first, last, rights);
	mutex_unlock(&places_lock);
	return r;
}

int tract_map_hide(struct tract_map *map, void *addr, size_t size, uint32_t rights)
{
	int r;

	error_clear_reason();
	if (!map)
		return -EINVAL;
	if (map_is_remote(map))
		return remote_hide(map, (uintptr_t)addr, size, rights);
	r = shown_hide((uintptr_t)addr, size, rights);
	places_settle();
	return r;
}

/* ---- pages that a pager is asked about -------------------------------------------------- */

void shown_set_asking(uintptr_t page)
{
	struct span run;

	if (spans_find(&shown, page, page, &run))
		place_of(&run)->asks = true;
}

bool shown_is_settled(uintptr_t page)
{
	struct span run;

	return spans_find(&shown, page, page, &run) && !place_of(&run)->asks;
}

static const struct place *find_asking(const struct tract_region *region) REQUIRES(places_lock)
{
	const struct place *place;

	LIST_FOREACH (place, &region->windows, window)
		if (place->asks)
			break;
	return place;
}

int shown_uncover_asking(const struct tract_region *region)
{
	const struct place *place;
	int r = 0;

	while (r == 0 && (place = find_asking(region)))
		r = uncover(place->start, place->start + place->size - 1);
	return r;
}

/* ---- is it right? ----------------------------------------------------------------------- */

bool shown_check(void)
{
	uintptr_t at = 0;
	struct span run;

	if (!spans_check(&shown))
		return false;
	while (spans_find(&shown, at, UINTPTR_MAX, &run)) {
		const struct place *place = place_of(&run);

		if (place->start != run.start || place->start + place->size - 1 != run.last ||
		    place_kind(place) != PLACE_SHOWN || !place->region)
			return false;
		at = run.last + 1;
	}
	return true;
}

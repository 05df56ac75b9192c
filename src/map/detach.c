/* SPDX-License-Identifier: MIT */
#include "map/detach.h"

#include <assert.h>
#include <errno.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "map/ground.h"
#include "map/map.h"
#include "map/pager.h"
#include "map/remote.h"
#include "map/shown.h"
#include "sys/memfd.h"
#include "sys/vm.h"

/* Becomes the part behind what is cut out of a place's middle. */
static struct place *tail;

static struct place *place_of(const struct layout_cut *cut)
{
	return (struct place *)(uintptr_t)cut->region.value;
}

/* ---- may it? ---------------------------------------------------------------------------- */

static int check_place(const struct place *place)
{
	switch (place_kind(place)) {
	case PLACE_ADOPTED:
	case PLACE_SYSV:
		return fail(-EBUSY, "the memory is exported; destroy the export first");
	case PLACE_IMPORTED:
		return fail(-EBUSY, "an import is mapped there; unmap it first");
	default:
		if (!LIST_EMPTY(&place->claims))
			return fail(-EBUSY,
				    "an export still uses the memory; destroy it first");
		return 0;
	}
}

static int make_tail(const struct layout_cut *cut) REQUIRES(places_lock)
{
	const struct place *place = place_of(cut);
	uintptr_t delta = cut->last + 1 - cut->region.start;
	const struct place_spec spec = {
		.start = cut->last + 1,
		.size = cut->back,
		.offset = place_offset(place) + delta,
		.kind = place_kind(place),
		.rights = place_rights(place),
		.flags = place_flags(place),
		.tag = place_tag(place),
		.region = place->region,
		.pager = place->pager,
		.name = place->name,
		.name_offset = place->name_offset + delta,
	};

	assert(!tail);
	return places_make(&spec, &tail);
}

static int prepare_tail(const struct layout_cut *cut) REQUIRES(places_lock)
{
	return cut->code == LAYOUT_SPLIT ? make_tail(cut) : 0;
}

static void drop_tail(void) REQUIRES(places_lock)
{
	if (tail)
		places_discard(tail);
	tail = NULL;
}

void detach_unprepare(void)
{
	drop_tail();
}

int detach_prepare(uintptr_t start, size_t size)
{
	uintptr_t at = start, last = start + size - 1;
	struct layout_cut cut;
	int r = 0;

	while (r == 0 && at <= last &&
	       layout_look_cut(&places_layout, at, last, LAYOUT_EXACT, &cut) == 0) {
		r = check_place(place_of(&cut));
		/* One that is split is the only one there. */
		if (r == 0)
			r = prepare_tail(&cut);
		if (cut.region.last >= last)
			break;
		at = cut.region.last + 1;
	}
	if (r < 0)
		drop_tail();
	return r;
}

/* ---- cutting the records ---------------------------------------------------------------- */

/* The part of the region that nobody is to see any more. */
static void clear_backing(const struct layout_cut *cut) REQUIRES(places_lock)
{
	const struct place *place = place_of(cut);
	const uint64_t page = vm_page_size();
	uint64_t offset, size = cut->last - cut->first + 1;
	int fd;

	if (!(place_flags(place) & TRACT_ATTACH_CLEAR) || !place->region ||
	    !(place->region->rights & TRACT_RIGHT_WRITE))
		return;
	offset = (place_offset(place) & ~(page - 1)) + (cut->first - cut->region.start);
	if (offset >= place->region->size)
		return;
	if (size > place->region->size - offset)
		size = place->region->size - offset;
	fd = region_fd(place->region);
	if (fd >= 0)
		(void)memfd_punch(fd, offset, size);
}

static void cut_record(const struct layout_cut *cut) REQUIRES(places_lock)
{
	struct place *place = place_of(cut);

	layout_do_cut(&places_layout, cut, (uintptr_t)tail);
	switch (cut->code & LAYOUT_CODES) {
	case LAYOUT_GONE:
		places_discard(place);
		break;
	case LAYOUT_SPLIT:
		place->size = cut->front;
		places_note_area(tail);
		tail = NULL;
		break;
	default:
		if (cut->front == 0) {
			uintptr_t delta = cut->last + 1 - cut->region.start;

			place->start = cut->last + 1;
			places_note_area(place);
			place_set_offset(place, place_offset(place) + delta);
			place->name_offset += delta;
		}
		place->size = cut->front + cut->back;
	}
}

void detach_records(uintptr_t first, uintptr_t last)
{
	struct layout_cut cut;

	while (layout_look_cut(&places_layout, first, last, LAYOUT_EXACT, &cut) == 0) {
		if (place_of(&cut)->pager)
			pager_leave(cut.first, cut.last);
		clear_backing(&cut);
		places_edit();
		cut_record(&cut);
		places_edited();
	}
	/* What was kept ready and not needed. */
	drop_tail();
}

/* ---- one step --------------------------------------------------------------------------- */

static int do_step(struct layout_cut *cut, bool keeps) REQUIRES(places_lock)
{
	struct place *place = place_of(cut);
	int r;

	r = check_place(place);
	if (r == 0)
		r = layout_reserve(&places_layout);
	if (r == 0)
		r = prepare_tail(cut);
	if (r == 0)
		r = fault_point("map.detach.prepared");
	if (r == 0)
		r = ground_clear(cut->first, cut->last);
	if (r < 0) {
		drop_tail();
		return r;
	}
	if (place->pager)
		pager_leave(cut->first, cut->last);
	if (!keeps)
		clear_backing(cut);
	places_edit();
	cut_record(cut);
	places_edited();
	return 0;
}

int detach_check(uintptr_t first, uintptr_t last)
{
	const struct place *place;
	int r = 0;

	for (place = places_from(first); r == 0 && place && place->start <= last;
	     place = places_from(place->start + place->size))
		r = check_place(place);
	return r;
}

int detach_all(uintptr_t first, uintptr_t last)
{
	struct layout_cut cut;
	int r = 0;

	while (r == 0 && layout_look_cut(&places_layout, first, last, LAYOUT_EXACT, &cut) == 0)
		r = do_step(&cut, false);
	return r;
}

/* Is the tag of what was there the asker's own word? */
static bool has_tag(const struct place *place, uint64_t asker)
{
	if (place->region && place->region->borrowed)
		return asker != 0 && place->region->lender == asker;
	return asker == 0 && (place->region || place->pager);
}

static int detach_locked(uintptr_t first, uintptr_t last, uint32_t mode, uint64_t asker,
			 struct tract_detached *done) REQUIRES(places_lock)
{
	bool whole = mode & TRACT_DETACH_WHOLE;
	struct layout_cut cut;
	int r;

	layout_widen(&places_layout, &first, &last);
	r = layout_look_cut(&places_layout, first, last, whole ? LAYOUT_OVERLAP : LAYOUT_EXACT,
			    &cut);
	if (r < 0)
		return r;
	*done = (struct tract_detached){
		.result = (enum tract_detach_result)(cut.code & LAYOUT_CODES),
		.again = cut.code & LAYOUT_AGAIN,
		.start = (void *)cut.first,
		.size = cut.last - cut.first + 1,
	};
	/* Of what is only shortened the caller has no reference to give up. */
	if (done->result != TRACT_SHORTENED && has_tag(place_of(&cut), asker)) {
		done->has_tag = true;
		done->tag = place_tag(place_of(&cut));
	}
	return do_step(&cut, mode & TRACT_DETACH_KEEP);
}

int detach_here(uintptr_t first, uintptr_t last, uint32_t mode, uint64_t asker,
		struct tract_detached *ret)
{
	int r;

	r = places_use();
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	r = detach_locked(first, last, mode, asker, ret);
	mutex_unlock(&places_lock);
	return r;
}

int detach_check_range(uintptr_t first, size_t size, uint32_t mode, uintptr_t *ret_last)
{
	uint32_t how = mode & ~(uint32_t)TRACT_DETACH_KEEP;

	if (size == 0 || !add_fits(first, size - 1, ret_last))
		return -EINVAL;
	if (how != TRACT_DETACH_EXACT && how != TRACT_DETACH_WHOLE)
		return fail(-EINVAL, "the mode is TRACT_DETACH_EXACT or TRACT_DETACH_WHOLE");
	return 0;
}

int tract_map_detach(struct tract_map *map, const void *addr, size_t size, uint32_t mode,
		     struct tract_detached *ret)
{
	struct tract_detached done = { 0 };
	uintptr_t last;
	int r;

	error_clear_reason();
	if (!map)
		return -EINVAL;
	r = detach_check_range((uintptr_t)addr, size, mode, &last);
	if (r < 0)
		return r;
	if (map_is_remote(map)) {
		r = remote_detach(map, (uintptr_t)addr, size, mode, &done);
	} else {
		r = detach_here((uintptr_t)addr, last, mode, 0, &done);
		places_settle();
		if (r < 0)
			return r;
	}
	/* Another process may have done it, and this one want of memory for what follows. */
	if (ret && done.size > 0)
		*ret = done;
	return r;
}

/* ---- the short form --------------------------------------------------------------------- */

static int detach_whole_locked(uintptr_t start) REQUIRES(places_lock)
{
	const struct place *place = places_from(start);
	struct tract_detached done;

	if (!place || place->start != start || place_kind(place) == PLACE_ADOPTED ||
	    place_kind(place) == PLACE_SYSV || place_kind(place) == PLACE_IMPORTED)
		return -ENOENT;
	return detach_locked(start, start, TRACT_DETACH_WHOLE, 0, &done);
}

int tract_detach(void *addr)
{
	int r;

	error_clear_reason();
	r = places_use();
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	r = detach_whole_locked((uintptr_t)addr);
	mutex_unlock(&places_lock);
	places_settle();
	return r;
}

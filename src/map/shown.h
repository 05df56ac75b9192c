/* SPDX-License-Identifier: MIT */
/*
 * shown.h - pages of a region that are visible without being attached
 *
 * They cover a part of a place, or of ground, until they are hidden or something is attached,
 * or detached, there.
 */
#ifndef MAP_SHOWN_H
#define MAP_SHOWN_H

#include "map/places.h"

/* Once, before anything else. */
void shown_init(void) REQUIRES(places_lock);

/* The lowest run of them that overlaps the range; its value is a place of kind PLACE_SHOWN. */
bool shown_find(uintptr_t first, uintptr_t last, struct span *ret_run) REQUIRES(places_lock);
/* The next run of a place's pages, at or after @at, that nothing is shown over; those that are
 * shown themselves are one. */
bool shown_next_uncovered(const struct place *place, uintptr_t at, uintptr_t *ret_first,
			  uintptr_t *ret_last) REQUIRES(places_lock);
/* Shows pages, whole and within the region, over what is there.  -EEXIST, -ENOMEM. */
int shown_put(struct tract_region *region, uintptr_t start, size_t size, uint64_t offset,
	      uint32_t rights) REQUIRES(places_lock);
/* As tract_map_hide(); what was let go of is still to be settled. */
int shown_hide(uintptr_t first, size_t size, uint32_t rights) EXCLUDES(places_lock);
/* Something else was mapped there, or nothing: they are not shown any more. */
void shown_forget(uintptr_t first, uintptr_t last) REQUIRES(places_lock);
/*
 * A page that a pager let be seen, but not written to: the next store asks it.  What is shown
 * otherwise is settled.
 */
void shown_set_asking(uintptr_t page) REQUIRES(places_lock);
bool shown_is_settled(uintptr_t page) REQUIRES(places_lock);
/* Takes all such pages of a region away: they will be asked for anew.  -ENOMEM. */
int shown_uncover_asking(const struct tract_region *region) REQUIRES(places_lock);
bool shown_check(void) REQUIRES(places_lock);

#endif

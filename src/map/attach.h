/* SPDX-License-Identifier: MIT */
/*
 * attach.h - putting something behind a range of the own map
 */
#ifndef MAP_ATTACH_H
#define MAP_ATTACH_H

#include "map/places.h"

/*
 * As tract_map_attach(), for a copy of what was asked for and of its name.  What was let go of
 * is still to be settled (places_settle).  @more: PLACE_BORROWED, or 0.  Whatever it returns,
 * *@ret_size is what is attached now, in whole pages, or 0.
 */
int attach_here(const struct tract_attachment *what, uint32_t more, void **addr,
		size_t *ret_size) EXCLUDES(places_lock);

/* Are these things that can be attached, and as a whole?  0 and the size in whole pages. */
int attach_check(const struct tract_attachment *what, size_t *ret_size);

/* Maps what is behind a part of a place over whatever is there; private stores are lost. */
int attach_again(const struct place *place, uintptr_t first, uintptr_t last)
	REQUIRES(places_lock);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * attach.h - the mapping that shows a place
 */
#ifndef MAP_ATTACH_H
#define MAP_ATTACH_H

#include "map/places.h"

/* Maps what is behind a part of a place over whatever is there; private stores are lost. */
int attach_again(const struct place *place, uintptr_t first, uintptr_t last)
	REQUIRES(places_lock);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * area.h - areas of the own map, whoever asks for them
 */
#ifndef MAP_AREA_H
#define MAP_AREA_H

#include "map/places.h"

/* Are these arguments of tract_map_reserve()?  -EINVAL. */
int area_check(const void *addr, size_t size, uint32_t flags, uint32_t align);
/* As tract_map_reserve(); what was let go of is still to be settled. */
int area_reserve(uintptr_t *start, size_t size, uint32_t flags, uint32_t align, uint8_t tag)
	EXCLUDES(places_lock);
/* As tract_map_release(). */
int area_release(uintptr_t addr) EXCLUDES(places_lock);

#endif

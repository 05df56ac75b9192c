/* SPDX-License-Identifier: MIT */
/*
 * detach.h - cut a range out of what is attached
 */
#ifndef MAP_DETACH_H
#define MAP_DETACH_H

#include "map/places.h"

/*
 * For who will map something over a range: may everything that is attached there go?  Keeps
 * ready what detach_records() needs.  -EBUSY, -ENOMEM.
 */
int detach_prepare(uintptr_t start, size_t size) REQUIRES(places_lock);
/* Nothing was mapped after all. */
void detach_unprepare(void) REQUIRES(places_lock);
/* Takes the range out of every place there; the memory was dealt with.  In one edit with what
 * takes its place. */
void detach_records(uintptr_t first, uintptr_t last) REQUIRES(places_lock);

/* As tract_map_detach(), for checked arguments; what was let go of is still to be settled.
 * @asker: another process that wants it, by its key; 0: the program. */
int detach_here(uintptr_t first, uintptr_t last, uint32_t mode, uint64_t asker,
		struct tract_detached *ret) EXCLUDES(places_lock);
/* Are they arguments of it?  0 and the last byte. */
int detach_check_range(uintptr_t first, size_t size, uint32_t mode, uintptr_t *ret_last);

/* May everything that is attached in a range go?  -EBUSY. */
int detach_check(uintptr_t first, uintptr_t last) REQUIRES(places_lock);
/* Cuts whole pages out of every place there, as tract_map_detach() does.  -EBUSY, -ENOMEM. */
int detach_all(uintptr_t first, uintptr_t last) REQUIRES(places_lock);

#endif

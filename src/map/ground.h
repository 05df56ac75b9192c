/* SPDX-License-Identifier: MIT */
/*
 * ground.h - addresses that the map holds, with nothing attached there
 *
 * An area's whole pages are held by inaccessible mappings, so that neither the kernel nor
 * anybody else puts something there; so is, for a moment, the ground that something is about to
 * be attached to.  What is attached, or adopted, is not ground: its own mapping holds it.
 *
 * Ground that a mapping of anybody else's lies on cannot be had.
 */
#ifndef MAP_GROUND_H
#define MAP_GROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "map/places.h"

/* Once, before anything else. */
void ground_init(void) REQUIRES(places_lock);

/* An object whose name says, in /proc/PID/maps, which area the ground that is mapped from it is
 * of; -1 if there cannot be one, in which case the ground has no name. */
int ground_sign(uintptr_t start, uintptr_t last, bool reserved);

/* The pages that lie wholly in a range, and where something can be mapped; false if there are
 * none. */
bool ground_pages(uintptr_t start, uintptr_t last, uintptr_t *ret_first, uintptr_t *ret_last)
	REQUIRES(places_lock);

/*
 * Holds all of the range that no place has, and that is not held yet; whole pages.  What then
 * is built on it can be taken out without memory.  On failure holds no more than before. @sign:
 * of the area, or -1.  -EEXIST, and the last address of what is in the way; -ENOMEM.
 */
int ground_take(uintptr_t start, uintptr_t last, int sign, uintptr_t *ret_blocked)
	REQUIRES(places_lock);
/* As much of it as can be had.  -ENOMEM. */
int ground_take_some(uintptr_t start, uintptr_t last, int sign) REQUIRES(places_lock);
/*
 * What to do about -EEXIST: true, and who was in the way has gone again, so that it is worth
 * another try; or false, and the last address of who is there.
 */
bool ground_is_free(uintptr_t start, uintptr_t last, uintptr_t *ret_blocked);
/* Is any of it held? */
bool ground_is_held(uintptr_t start, uintptr_t last) REQUIRES(places_lock);

/* Something was mapped over it: it is ground no more. */
void ground_built_over(uintptr_t start, uintptr_t last) REQUIRES(places_lock);
/*
 * For who maps without the lock, wherever it may be: until ground_unexpect() there is room to
 * note, once more, what was built over.  -ENOMEM.
 */
int ground_expect(void) REQUIRES(places_lock);
void ground_unexpect(void) REQUIRES(places_lock);
/*
 * The place, and what was shown, in this range goes: it becomes ground inside an area, and
 * nobody's outside.  -ENOMEM with nothing changed.
 */
int ground_clear(uintptr_t start, uintptr_t last) REQUIRES(places_lock);
/* Ground that no area holds any more is nobody's. */
void ground_give_back(uintptr_t start, uintptr_t last) REQUIRES(places_lock);

bool ground_check(void) REQUIRES(places_lock);

#endif

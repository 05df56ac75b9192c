/* SPDX-License-Identifier: MIT */
/*
 * claim.h - memory of the program's that an export stands on
 *
 * Claiming finds the object behind a range or, for private memory, moves the range into one
 * (adoption).  The last claim that is given up makes adopted memory private again.
 */
#ifndef MAP_CLAIM_H
#define MAP_CLAIM_H

#include "map/places.h"

/*
 * 0 and the place that covers the range, with one export more; errors of tract_export_create().
 */
int claim_take(struct session *session, void *addr, size_t size, struct place **ret_place);

/* Gives it up.  0, or -ENOMEM if the content could not be made private: the memory stays
 * shared, with nobody but this process knowing it. */
int claim_drop(struct place *place);

/*
 * Takes the region behind the place back from everybody who was given it: a fresh object with
 * the content takes its place, the old one is emptied.  0; -ENOMEM, -ENOTCONN with everything
 * as it was; -ENOTSUP for memory that is not an object of the broker's.
 */
int claim_fence(struct place *place);

#endif

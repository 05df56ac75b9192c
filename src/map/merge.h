/* SPDX-License-Identifier: MIT */
/*
 * merge.h - overlapping exports share one object
 *
 * A page can be in one object only.  When a range overlaps ranges that were adopted before,
 * without lying inside one of them, all of them together become one larger object: importers
 * of the earlier exports wait for the move, and follow it to the new place.
 */
#ifndef MAP_MERGE_H
#define MAP_MERGE_H

#include "map/claim.h"

/* 0 and a claim on the merged place; errors of tract_export_create(). */
int merge_take(struct session *session, void *addr, size_t size, struct claim **ret_claim)
	REQUIRES(bindings_lock);
/* Could it?  Looks, and changes nothing. */
int merge_check(const void *addr, size_t size);

#endif

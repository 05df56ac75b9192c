/* SPDX-License-Identifier: MIT */
/*
 * claim.h - memory of the program's that an export stands on
 *
 * Claiming finds the object behind a range or, for private memory, moves the range into one
 * (adoption).  A range that overlaps what is claimed already, without lying inside it, is
 * merged with it into one larger object (merge.h).  The last claim that is given up makes
 * adopted memory private again.
 *
 * A claim stays with its export while the place under it changes.  What is bound to what
 * changes in one thread at a time: whoever takes, fences or drops a claim, or tells the broker
 * of a binding, holds the bindings.
 */
#ifndef MAP_CLAIM_H
#define MAP_CLAIM_H

#include "map/places.h"

struct claim {
	struct place *place; /* under places_lock */
	LIST_ENTRY(claim) entry;
};

/* Where an address of a claimed range is: what the broker is told. */
struct binding {
	uint64_t region; /* id */
	uint64_t offset; /* in the region */
};

/* 0 and a claim on the place that covers the range; errors of tract_export_create(). */
int claim_take(struct session *session, void *addr, size_t size, struct claim **ret_claim)
	REQUIRES(bindings_lock);

/*
 * Gives it up and frees it.  0, or -ENOMEM if the content could not be made private: the memory
 * stays shared, with nobody but this process knowing it.
 */
int claim_drop(struct claim *claim) REQUIRES(bindings_lock);

/*
 * Takes the region behind the claim back from everybody who was given it: a fresh object with
 * the content takes its place, the old one is emptied.  Without a broker that is possible where
 * no other claim is on the region.  0; -ENOMEM, -EBUSY if there is, with everything as it was;
 * -ENOTSUP for memory that is not an object of the broker's.
 */
int claim_fence(struct claim *claim) REQUIRES(bindings_lock);

/* The same for a region that is not exported, but attached in another process's map.  Not
 * without a broker: -ENOTCONN. */
int claim_fence_region(struct tract_region *region) REQUIRES(bindings_lock);

/* Makes sure that the broker knows a region: errors of tract_export_create(). */
int claim_announce(struct tract_region *region, struct session *session)
	REQUIRES(bindings_lock);

struct binding claim_binding(const struct claim *claim, const void *addr);
/* Will the memory stay a shared object when this claim is gone? */
bool claim_outlived(const struct claim *claim);
/* Is it on memory that the program attached, and not on memory that was adopted? */
bool claim_is_attached(const struct claim *claim);

/* ---- for merge.c ------------------------------------------------------------------------ */

/* -EFAULT or -EACCES with its reason unless the place can be exported. */
int claim_check_place(const struct place *place) REQUIRES(places_lock);
int claim_add(struct place *place, struct claim **ret_claim) REQUIRES(places_lock);
/* Ends the fence of a region that was begun, by moving its content into @fresh (consumed). */
int claim_fence_finish(struct tract_region *region, int fresh);

#endif

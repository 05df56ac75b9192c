/* SPDX-License-Identifier: MIT */
/*
 * places.h - which addresses of this process have a region or an import behind them
 *
 * A place is a run of addresses: attached by the program, adopted when private memory was
 * exported, System V memory exported in place, or the window of an import.  Places never
 * overlap.  One lock guards them all, and every exchange of memory under them.
 *
 * No call here goes to the broker with the lock held.
 */
#ifndef MAP_PLACES_H
#define MAP_PLACES_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"
#include "map/exchange.h"
#include "region/region.h"

enum place_kind { PLACE_ATTACHED = 1, PLACE_ADOPTED, PLACE_SYSV, PLACE_IMPORTED };

struct place {
	RB_ENTRY(place) entry;
	uintptr_t start;
	size_t size;
	uint64_t offset; /* of start, in the region or the imported segment */
	enum place_kind kind;
	uint32_t rights;
	struct tract_region *region; /* counted; NULL for PLACE_IMPORTED */
	LIST_HEAD(, claim) claims;   /* of exports that stand on it */
	bool inherited;		     /* a parent's: only memory to be freed is left of it */
};

/* Taken before it, by whoever changes what exports stand on (claim.h). */
extern struct mutex bindings_lock;
extern struct mutex places_lock;

/* The place that covers all of the range, or NULL; *ret_partly: something covers some of it. */
struct place *places_find(uintptr_t start, size_t size, bool *ret_partly) REQUIRES(places_lock);
/* The first place at or after an address, or NULL. */
struct place *places_from(uintptr_t start) REQUIRES(places_lock);
/* -ENOMEM; -EEXIST: nothing is mapped there, but something was and has not been given up. */
int places_add(uintptr_t start, size_t size, uint64_t offset, enum place_kind kind,
	       uint32_t rights, struct tract_region *region, struct place **ret_place)
	REQUIRES(places_lock);
/* The two steps of it: a place that is not in the table yet, and putting it there. */
int places_make(uintptr_t start, size_t size, uint64_t offset, enum place_kind kind,
		uint32_t rights, struct tract_region *region, struct place **ret_place);
void places_insert(struct place *place) REQUIRES(places_lock);
/* Forgets it; the memory stays as it is.  Its reference to the region is now the caller's, to
 * be given up without the lock. */
struct tract_region *places_remove(struct place *place) REQUIRES(places_lock);
/* Is every invariant true? */
bool places_check(void) REQUIRES(places_lock);

/* Before the first use: registers what fork does to places. */
void places_use(void);

/* The window of an import, for tract_find(). */
int places_add_import(void *addr, size_t size, uint64_t offset, uint32_t rights);
void places_remove_import(void *addr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * lent.h - memory of this process's that it attached in other processes' maps
 *
 * What another process says it detached is subtracted from what it said it attached, exactly as
 * the broker does it.  So this process knows by itself when nothing of a region is left there,
 * and moves it out of reach of whoever kept it; the other's word alone would not do.
 *
 * A region does not live longer for being in here: while it is attached somewhere the broker
 * keeps it.
 */
#ifndef MAP_LENT_H
#define MAP_LENT_H

#include <stdbool.h>
#include <stdint.h>

#include "region/region.h"

struct lent;

/* For a region that is about to be attached in the map of that id; -ENOMEM. */
int lent_prepare(struct tract_region *region, uint64_t map, struct lent **ret_lent);
/* It was, there.  Whatever was there before has gone. */
void lent_enter(struct lent *lent, uint64_t start, uint64_t size);
/* It was not.  NULL is fine. */
void lent_discard(struct lent *lent);

/* So much was detached there.  The region, counted, if that was the last of what was attached;
 * else NULL. */
struct tract_region *lent_detached(uint64_t map, uint64_t start, uint64_t size);

/* As far as is known here: others may have detached it since. */
bool lent_exists(const struct tract_region *region);

#endif

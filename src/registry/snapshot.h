/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - the content of a shared region at one moment, for one capability
 *
 * A snapshot that had to be copied is memory of its own, with a window of its own, and shows
 * under its region's number.  It lives as long as its capability, or a mapping made under that.
 * One that froze the region is no record: its capability has none, and shows the region itself.
 */
#ifndef REGISTRY_SNAPSHOT_H
#define REGISTRY_SNAPSHOT_H

#include "registry/shared.h"

struct snapshot {
	struct shared *shared;
	struct region *region;
	struct segment *window;
	struct user *payer;
	struct cap *cap;   /* NULL: it has ended, or is not there yet */
	bool making;	   /* its content is being copied */
	uint32_t mapped;   /* mappings */
	uint32_t suspects; /* takebacks that look who still has its memory */
	LIST_ENTRY(snapshot) of_shared;
};

/* Without memory yet, which @payer is charged for.  0, -EDQUOT, -EMFILE, -ENOMEM. */
int snapshot_make(struct registry *registry, struct shared *shared, struct user *payer,
		  struct snapshot **ret_snapshot);
/* Its content is in @object. */
void snapshot_take(struct snapshot *snapshot, uint64_t object);
/* It shows for @cap; NULL: it was not made after all. */
void snapshot_show(struct registry *registry, struct snapshot *snapshot, struct cap *cap);
/* Drops it if nothing uses it. */
void snapshot_reap(struct registry *registry, struct snapshot *snapshot);
/* Does the body let nobody write to the region any more?  Then its writers' memory is theirs
 * alone. */
bool snapshot_freeze(struct registry *registry, struct shared *shared);
/* May it be tried? */
bool snapshot_can_freeze(const struct shared *shared, const struct client *client);

#endif

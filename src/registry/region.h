/* SPDX-License-Identifier: MIT */
/*
 * region.h - memory objects and who owns them
 *
 * A region is backed by an object of the body's, or by a System V segment, which can be shown
 * to others but never taken back.  It is exposed once a descriptor of its current object went
 * to an import; exposed objects are emptied when they are dropped.
 *
 * Fencing replaces an exposed object: importers that may keep the memory stall, the owner
 * copies into a fresh object, the old one is emptied, the importers move.
 */
#ifndef REGISTRY_REGION_H
#define REGISTRY_REGION_H

#include "registry/principal.h"

enum fence {
	FENCE_NONE = 0,
	FENCE_STALLING, /* importers are told to stop */
	FENCE_COPYING,	/* the owner has the fresh object */
};

struct region {
	struct named named;
	struct client *client;
	struct user *payer;
	uint64_t size;
	uint64_t object; /* 0: System V's */
	uint32_t flags;	 /* enum object_flag, of its objects */
	uint32_t node;	 /* where their pages are to be, if it is placed */
	bool placed;
	bool strict; /* there, and nowhere else */
	bool sysv;
	uint32_t shmid;
	bool exposed;
	bool closed;   /* by its owner: goes with its last user */
	uint32_t pins; /* rounds in which importers still use it */
	enum fence fence;
	uint64_t fresh;	      /* object, while fencing */
	uint64_t fence_until; /* while its owner copies, and is not late; else 0 */
	bool fence_late;      /* the deadline has passed */
	struct segment_list segments;
	LIST_ENTRY(region) of_client;
	TAILQ_ENTRY(region) of_fences; /* while fence_until says */
};

TAILQ_HEAD(fences, region);

struct region *region_find(const struct registry *registry, uint64_t id);
/* Of @client, and not closed; or NULL. */
struct region *region_find_own(const struct call *call, uint64_t id);
/* Does [offset, offset + size) lie in it, in whole pages? */
bool region_contains(const struct registry *registry, const struct region *region,
		     uint64_t offset, uint64_t size);
/* Drops it if it is closed and nobody uses it. */
void region_reap(struct registry *registry, struct region *region);
/* Drops it; no segment is on it. */
void region_end(struct registry *registry, struct region *region);

/* The owner did not finish copying in time: importers do not wait any longer. */
void fence_expire(struct registry *registry, struct region *region);
/* @region is going. */
void fence_drop(struct registry *registry, struct region *region);

#endif

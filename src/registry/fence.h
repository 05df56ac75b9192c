/* SPDX-License-Identifier: MIT */
/*
 * fence.h - the steps of giving a region fresh backing
 *
 * Who goes on using it stalls; the content is copied; who stalled moves; the old object is
 * emptied.  A plain region's content is copied by its owner, between two requests (fence.c),
 * a governed one's by the broker (takeback.c).
 */
#ifndef REGISTRY_FENCE_H
#define REGISTRY_FENCE_H

#include "registry/import.h"

/* Which object a region goes on with, and what becomes of the other. */
enum fence_end {
	FENCE_SWAP,  /* the fresh one; the old one is emptied */
	FENCE_KEEP,  /* the old one; nobody ever had the fresh one, if there is one */
	FENCE_SPLIT, /* the old one; the fresh one is somebody else's by now */
};

/* Importers with memory of the region's are told, in a round. */
void fence_ask(struct registry *registry, const struct region *region, struct round *round,
	       enum notice notice);
/* Makes the fresh object, before anybody is told anything.  0, -ENOMEM, -EMFILE. */
int fence_prepare(struct registry *registry, struct region *region);
/* Everybody has stalled, or had his time: no check of importers succeeds until they move. */
void fence_begin_copying(struct registry *registry, struct region *region);
/* The region has its object, and nobody is told yet. */
void fence_close(struct registry *registry, struct region *region, enum fence_end end);
/* The same, and who stalled, and who has memory of the region's, is told where it is. */
void fence_end_copying(struct registry *registry, struct region *region, struct round *round,
		       enum fence_end end);
/* Requests that waited for the fence are handled now. */
void fence_wake(struct registry *registry, uint64_t region);

#endif

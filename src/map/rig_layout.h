/* SPDX-License-Identifier: MIT */
/*
 * rig_layout.h - a layout as its caller uses it, for tests
 *
 * Limits and pages are those of the interface's worked examples: 0x10000 to 0xfffff, 0x1000.
 * What is placed is added; the answer is its address, or -errno.  Every call checks that a
 * refusal wrote nothing, that nothing needed memory after layout_reserve(), and all invariants.
 */
#ifndef MAP_RIG_LAYOUT_H
#define MAP_RIG_LAYOUT_H

#include "map/layout.h"

/* Short names, as in the examples. */
enum {
	RESERVED = LAYOUT_RESERVED,
	SEARCH = LAYOUT_SEARCH,
	IN_AREA = LAYOUT_IN_AREA,
	OVERMAP = LAYOUT_OVERMAP,
	STRICT = LAYOUT_STRICT,
};

void rig_init(struct layout *l);
/* A region; its value is an offset, 0. */
long rig_attach(struct layout *l, uintptr_t start, uintptr_t size, unsigned flags,
		unsigned align);
long rig_attach_wish(struct layout *l, const struct layout_wish *wish, uint64_t offset);
/* An area; with OVERMAP and RESERVED, its pages are cut out of the regions. */
long rig_reserve(struct layout *l, uintptr_t start, uintptr_t size, unsigned flags,
		 unsigned align);
long rig_reserve_wish(struct layout *l, const struct layout_wish *wish);
int rig_free_area(struct layout *l, uintptr_t addr);
/* One step; the offsets of what remains are right.  Its code, or -errno. */
int rig_cut(struct layout *l, uintptr_t start, uintptr_t size, unsigned mode,
	    struct layout_cut *ret_cut);
/* "10000-12fff, 45000-47fff@7000": offsets unless 0.  Borrowed until the next call. */
const char *rig_regions(const struct layout *l);
/* Likewise, with flags. */
const char *rig_areas(const struct layout *l);
const char *rig_taken(const struct layout *l);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * remote.h - changing another process's map
 *
 * The broker hands the wish on, the other's service thread carries it out (errand.h).  What the
 * other is given it may keep: whatever is not attached there, or not any more, is moved to
 * fresh backing before the call returns.
 */
#ifndef MAP_REMOTE_H
#define MAP_REMOTE_H

#include "map/map.h"

/* Errors as the public calls; the arguments were checked as far as they can be here. */
int remote_attach(struct tract_map *map, const struct tract_attachment *what, void **addr);
int remote_detach(struct tract_map *map, uintptr_t addr, size_t size, uint32_t mode,
		  struct tract_detached *ret);
int remote_reserve(struct tract_map *map, uintptr_t *start, size_t size, uint32_t flags,
		   uint32_t align, uint8_t tag);
int remote_release(struct tract_map *map, uintptr_t addr);
int remote_hide(struct tract_map *map, uintptr_t addr, size_t size, uint32_t rights);

#endif

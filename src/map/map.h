/* SPDX-License-Identifier: MIT */
/*
 * map.h - what stands behind a struct tract_map
 *
 * The own map is places.h, and needs no more than to be told apart from another process's.
 */
#ifndef MAP_MAP_H
#define MAP_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include <tract/map.h>

struct session;

struct tract_map {
	bool remote;		 /* another process's, which handed it out */
	struct session *session; /* counted; NULL: the own */
	uint64_t id;		 /* the broker's */
};

static inline bool map_is_remote(const struct tract_map *map)
{
	return map->remote;
}

/* -EPERM, and why: nobody is told what is in another process's map. */
int map_refuse_remote(void);

#endif

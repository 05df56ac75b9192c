/* SPDX-License-Identifier: MIT */
/*
 * map.h - address spaces that processes handed out
 *
 * A client that offers its map is asked for changes that others want there, and carries them
 * out itself: the registry carries the words, and lends the memory.  Whose map was never
 * offered is never asked.
 *
 * What a client attaches in another's map is lent: its region gets a segment that only the
 * registry knows, with one import, of the other's.  So it is told when the memory moves or is
 * taken back like any importer, whatever it answered.  When it says that all of it was detached
 * the import ends, and its lender, who reckons the same, moves elsewhere.
 */
#ifndef REGISTRY_MAP_H
#define REGISTRY_MAP_H

#include "registry/principal.h"

struct map {
	struct named named;
	struct client *client;
	struct wire_access access;
};

struct map *map_find(const struct registry *registry, uint64_t id);
/* May @call's client change it? */
bool map_allows(const struct call *call, const struct map *map);
/* @client's is handed out no more, if it was. */
void map_end(struct registry *registry, struct client *client);

#endif

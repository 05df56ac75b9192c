/* SPDX-License-Identifier: MIT */
/*
 * shared.h - regions that have an owner, and are the node's
 *
 * A shared region is a region that the registry itself holds, as the custodian (a client
 * without a connection), on behalf of an owner who may change, or die before it.  Over all of
 * it lies one segment that is never published, its window; who maps the region has an import of
 * the window.  So what is said to those who have memory, and what happens when they die, is
 * what is said to and happens to importers.
 *
 * Its number counts from 1 and is never used again.
 */
#ifndef REGISTRY_SHARED_H
#define REGISTRY_SHARED_H

#include "registry/import.h"

/* What a mapping or a ceiling allows, as in shared_region.h. */
enum permission {
	PERMIT_READ = 1,
	PERMIT_WRITE = 2,
	PERMIT_EXECUTE = 4,
};

struct takeback;

/* Of one process.  Ends with the import, or before it when it is taken back. */
struct mapping {
	struct import *import;
	struct shared *shared;
	uint64_t address; /* where its process says that it is */
	uint32_t permission;
	RB_ENTRY(mapping) of_shared;
};

RB_HEAD(mappings, mapping);

struct shared {
	struct named named; /* both are its number */
	struct region *region;
	struct segment *window;
	struct client *owner; /* NULL: an orphan */
	struct user *payer;
	uint32_t ceiling; /* enum permission */
	uint32_t node;	  /* that was asked for; UINT32_MAX: any */
	uint32_t flags;	  /* of shared_create */
	uint64_t backing; /* raised when the object is replaced */
	struct takeback *takeback;
	struct mappings mappings;
	uint32_t mapped;
	LIST_ENTRY(shared) of_owner;
};

bool permission_is_valid(uint32_t permission);

int custodian_init(struct registry *registry);
void custodian_deinit(struct registry *registry);
bool segment_is_window(const struct registry *registry, const struct segment *segment);

struct shared *shared_find(const struct registry *registry, uint64_t number);
/* May @client know that it exists? */
bool shared_concerns(const struct shared *shared, const struct client *client);
/* NULL: it has not mapped it. */
struct mapping *shared_mapping_of(const struct shared *shared, const struct client *client);
/* Drops it if nobody owns or uses it. */
void shared_reap(struct registry *registry, struct shared *shared);
/* Ends the mapping, and leaves its import, which is told, and waited for in @round if that is
 * not NULL. */
void mapping_revoke(struct registry *registry, struct mapping *mapping, struct round *round);
/* Its import is going. */
void mapping_end(struct registry *registry, struct mapping *mapping);
void owner_set(struct shared *shared, struct client *owner);
/* What it owned is nobody's. */
void shared_owner_left(struct registry *registry, struct client *client);

#endif

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
 * Who may do what is a tree of capabilities (cap.h) whose root is the owner's.  A mapping is
 * made under one of them and ends with it, or by ownership, and then whoever owns the region
 * ends it.  An orphan lives as long as somebody has it mapped, was granted it, or may still
 * take an offer of it.
 *
 * Its number counts from 1 and is never used again.
 */
#ifndef REGISTRY_SHARED_H
#define REGISTRY_SHARED_H

#include "registry/cap.h"
#include "registry/import.h"

/* What a mapping or a ceiling allows, as in shared_region.h; the same bits as rights. */
enum permission {
	PERMIT_READ = 1,
	PERMIT_WRITE = 2,
	PERMIT_EXECUTE = 4,
};

/* shared_known.flags */
enum shared_flag {
	SHARED_STRICT_NODE = 1,
	SHARED_CACHE_FALLBACK = 2,
	SHARED_FREEZABLE = 4,
	SHARED_HUGE_PAGES = 8,
};

/* shared_known.state */
enum shared_state {
	SHARED_OWNED = 1,
	SHARED_MOVING = 2,
	SHARED_REKEYING = 3,
	SHARED_FROZEN = 4,
	SHARED_ORPHAN = 5,
};

#define SHARED_NODE_ANY UINT32_MAX

struct takeback;
struct snapshot;

/* Of one process.  Ends with the import, or before it when it is taken back. */
struct mapping {
	struct import *import;
	struct shared *shared;
	struct snapshot *snapshot; /* that it shows, or NULL */
	struct cap *cap;	   /* that it was made under; NULL: by ownership */
	bool placed;		   /* its process has said where */
	uint64_t address;
	uint32_t permission;
	bool private;		     /* stores are for its process alone */
	struct takeback *takeback;   /* that will end it in its turn, or NULL */
	struct segment_list exports; /* that stand on it */
	LIST_ENTRY(mapping) of_takeback;
	RB_ENTRY(mapping) of_shared;
	RB_ENTRY(mapping) of_client; /* by address */
};

RB_HEAD(mappings, mapping);
LIST_HEAD(mappings_ending, mapping);
LIST_HEAD(snapshots, snapshot);
LIST_HEAD(suspects, suspect);

struct shared {
	struct named named; /* both are its number; 0 while its pages are made */
	struct region *region;
	struct segment *window;
	struct client *owner; /* NULL: an orphan */
	struct user *payer;
	struct cap_object caps;
	uint64_t since;
	uint32_t ceiling; /* enum permission */
	uint32_t node;	  /* that was asked for; SHARED_NODE_ANY */
	uint32_t flags;	  /* of shared_create, less what was not to be had */
	uint32_t cache;
	uint64_t backing; /* raised when the object is replaced */
	uint32_t reached; /* enum force, when access was ended; FORCE_BY_USER: never */
	bool frozen;
	struct takeback *takeback; /* under way, or NULL */
	struct takebacks queue;	   /* that wait for it */
	struct suspects kept;	   /* who may have kept its memory; see kept.h */
	bool lost;		   /* so may somebody who cannot be looked at any more */
	bool leaks;		   /* importers were cut off, and have the memory still */
	bool held;		   /* its last user leaves, and importers are to know first */
	LIST_ENTRY(shared) of_leaks;
	struct mappings mappings;
	uint32_t mapped; /* mappings, of snapshots too */
	struct snapshots snapshots;
	LIST_ENTRY(shared) of_owner; /* or of registry->making or orphans */
	bool is_concerned;	     /* somebody who leaves had a capability on it */
	LIST_ENTRY(shared) of_concerned;
};

bool permission_is_valid(uint32_t permission);

int custodian_init(struct registry *registry);
void custodian_deinit(struct registry *registry);
bool segment_is_window(const struct registry *registry, const struct segment *segment);
/* A region and a segment over all of it, both the custodian's, both allocated; @slot is taken.
 */
void custodian_keep(struct registry *registry, struct region *region, struct segment *window,
		    struct user *payer, uint32_t slot);
/* The opposite: the memory goes, and is emptied if somebody had it. */
void custodian_drop(struct registry *registry, struct region *region, struct segment *window);

struct shared *shared_find(const struct registry *registry, uint64_t number);
struct shared *shared_of(struct named *named);
/* May @client know that it exists? */
bool shared_concerns(const struct shared *shared, const struct client *client);
/* Does @client, which is not its owner, hold a capability on it, or was it granted or offered?
 */
bool shared_is_known_to(const struct shared *shared, const struct client *client);
/* NULL: it has not mapped it. */
struct mapping *shared_mapping_of(const struct shared *shared, const struct client *client);
/* The next in the order of their processes' numbers, or NULL; those on their way out, too. */
struct mapping *shared_mapping_after(const struct shared *shared, uint64_t process);
enum shared_state shared_state(const struct shared *shared);
int shared_answer_known(const struct call *call, const struct shared *shared);
/* Does nobody own it, or have a way to it? */
bool shared_is_unused(const struct shared *shared);
/* Drops it if nobody owns or uses it. */
void shared_reap(struct registry *registry, struct shared *shared);
/* Frees its records; nothing knows of it. */
void shared_free(struct shared *shared);

/* Ends the mapping, and leaves its import, which is told, and waited for in @round if that is
 * not NULL. */
void mapping_revoke(struct registry *registry, struct mapping *mapping, struct round *round);
/* Its import is going. */
void mapping_end(struct registry *registry, struct mapping *mapping);
void owner_set(struct shared *shared, struct client *owner);
/* What it owned is nobody's. */
void shared_owner_left(struct registry *registry, struct client *client);

#endif

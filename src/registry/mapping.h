/* SPDX-License-Identifier: MIT */
/*
 * mapping.h - by what a process maps a shared region, and as what
 */
#ifndef REGISTRY_MAPPING_H
#define REGISTRY_MAPPING_H

#include "registry/shared.h"

/* What a process wants mapped, and by what it may. */
struct ground {
	struct shared *shared;
	struct cap *cap;	   /* held, offered or granted; NULL: it is the owner */
	struct snapshot *snapshot; /* that is shown, or NULL */
	uint32_t permission;
	uint64_t address;
	bool remote; /* its process will choose the address, and say so */
	bool private;
};

/* What a process may do without naming a capability: 0, or the request was refused. */
int ground_of_process(const struct call *call, struct shared *shared,
		      const struct client *client, struct ground *ground);
/* What @cap of @client's allows: 0, or the request was refused. */
int ground_of_cap(const struct call *call, struct cap *cap, const struct client *client,
		  struct ground *ground);
/* The region's state, and the limits.  0, or the request was refused. */
int ground_check(const struct call *call, const struct ground *ground,
		 const struct client *client);
/* Is it a place for a mapping of @shared, beside the other mappings of @client? */
bool place_is_free(const struct registry *registry, const struct client *client,
		   uint64_t address, const struct shared *shared);
/* Its process has said where it is. */
void mapping_place(struct mapping *mapping, uint64_t address);
/* In the order of addresses; NULL: the first. */
const struct mapping *places_after(const struct client *client, const struct mapping *mapping);
/* Takes the capability if it is an offer or a grant, and maps.  NULL: out of memory, and
 * nothing has changed. */
struct mapping *mapping_make(struct registry *registry, struct client *client,
			     const struct ground *ground);
int mapping_answer(const struct call *call, const struct mapping *mapping);
/* What says it. */
struct msg_shared_mapped mapping_describe(const struct registry *registry,
					  const struct mapping *mapping);
struct attachment mapping_attachment(const struct mapping *mapping);

#endif

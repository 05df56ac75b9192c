/* SPDX-License-Identifier: MIT */
/*
 * inherit.h - what a process hands to its children, and to the program that it will be
 *
 * A child of fork starts with nothing.  Once it has attached, its parent may have it given
 * capabilities like its own, each of them below the one that it is like.
 *
 * With exec a process's connection ends, and all that it holds.  Before that it may have
 * capabilities like its own kept by a ticket: they are offers to a bearer, which is a client
 * without a connection, until the next program of the same process shows the ticket; or they
 * go, like any offer that is declined.
 */
#ifndef REGISTRY_INHERIT_H
#define REGISTRY_INHERIT_H

#include "registry/state.h"

enum inherit_policy {
	INHERIT_NONE = 0,
	INHERIT_ALL = 1,
	INHERIT_MARKED = 2,
	INHERIT_REDUCED = 3,
	INHERIT_CUSTOM = 4, /* the same as marked */
};

struct ticket {
	uint64_t high, low;
	uint64_t issuer; /* number of the process */
	uint32_t uid;
	int32_t pid;
	uint64_t until;
	struct client *bearer;
	TAILQ_ENTRY(ticket) link;
};

/* When the first of them ends; UINT64_MAX: never. */
uint64_t tickets_deadline(const struct registry *registry);
void tickets_expire(struct registry *registry, uint64_t now);
/* A client that nobody is behind.  NULL: out of memory. */
struct client *bearer_new(struct registry *registry, const struct client *like);

#endif

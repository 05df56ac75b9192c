/* SPDX-License-Identifier: MIT */
/*
 * state.h - all that a registry knows
 *
 * Clients own regions, segments and imports; each is on its owner's list, and under its id in
 * the registry's names.  A segment is on its region's list, an import on its segment's until
 * the segment is destroyed.  Every pointer has its way back, so whatever goes can tell
 * everybody.
 */
#ifndef REGISTRY_STATE_H
#define REGISTRY_STATE_H

#include <bsd/sys/queue.h>

#include "registry/board.h"
#include "registry/call.h"
#include "registry/cap.h"
#include "registry/job.h"
#include "registry/map.h"
#include "registry/names.h"
#include "registry/principal.h"
#include "registry/region.h"
#include "registry/remote.h"
#include "registry/round.h"
#include "registry/segment.h"

TAILQ_HEAD(takebacks, takeback);
TAILQ_HEAD(tickets, ticket);

struct registry {
	struct registry_config config;
	struct ports ports;
	uint64_t last_key;
	uint64_t last_client; /* key */
	uint64_t last_object;
	uint64_t total_bytes; /* of all regions */
	uint32_t next_id;     /* the published id to assign next */
	struct names clients;
	struct names regions;
	struct names segments;
	struct names imports;
	struct names maps;
	struct users users;
	struct published published;
	struct rounds rounds;	  /* in the order of their deadlines */
	struct fences fences;	  /* regions being copied, in the order of their deadlines */
	struct names shareds;	  /* under their numbers */
	uint64_t last_shared;	  /* number */
	struct client *custodian; /* of shared regions; no connection, and on no list */
	uint32_t snapshots;	  /* of shared regions */
	struct shared_list orphans;
	struct shared_list making;  /* shared regions whose pages are being made */
	struct shared_list leaks;   /* to be fenced before anybody else is heard */
	struct takebacks takebacks; /* under way */
	struct jobs jobs;
	struct tickets tickets; /* in the order of their deadlines */
	struct cap_space caps;
	struct board board;
	struct remotes remotes;
	uint32_t guests;  /* among the clients */
	uint32_t windows; /* that guests have; not counted twice while one moves */
};

/* Draws an id that @names does not have. */
uint64_t registry_draw(const struct registry *registry, const struct names *names);

#endif

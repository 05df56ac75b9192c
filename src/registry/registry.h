/* SPDX-License-Identifier: MIT */
/*
 * registry.h - the broker's mind
 *
 * Who is attached, what they own, what is published to whom, who is connected, and how much of
 * it there may be.  Messages go in, answers and effects come out through ports.h; nothing here
 * knows a descriptor, a clock or a socket, so it can be simulated by the million.
 *
 * A refusal is an answer: registry_handle() then returns 0.  A negative return means that this
 * client broke the protocol and cannot be served any more: the body calls registry_leave().
 * A client has at most one request unanswered; some are answered later, by registry_handle()
 * for another client, registry_leave() or registry_tick().
 *
 * What importers may rely on:
 *  - A segment's generation rises before anything else happens when it is taken back.
 *  - Its epoch rises when other memory was bound and everybody had his time to move there; in
 *    region_fence it rises before the copying begins, since the old object is given up.
 *  - Connections with rights to a region between region_fence and region_fenced wait for its
 *    end.  An exporter that does not end it in time loses its stalled importers: their
 *    segments' generation rises, their imports are revoked, the ids stay published.
 */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/ports.h"

struct registry_identity {
	int32_t pid;	   /* as the broker sees it; 0: in a pid namespace it cannot see */
	uint32_t uid, gid; /* effective */
	struct wire_groups groups;
};

struct registry_config {
	uint32_t node;		 /* this node's id, at most TRACT_NODES_MAX - 1 */
	uint32_t broker_uid;	 /* a client of another user id is told "strong" */
	uint64_t page_size;	 /* bytes */
	uint64_t segment_bytes;	 /* largest export */
	uint64_t user_bytes;	 /* largest sum of one user's regions */
	uint64_t total_bytes;	 /* largest sum of all */
	uint32_t exports_max;	 /* on the node */
	uint32_t imports_max;	 /* on the node */
	uint32_t windows_max;	 /* of other nodes; moving, there may be twice as many */
	uint32_t per_client_max; /* exports + imports + regions of one client */
	uint32_t caps_max;	 /* capabilities of one client, held and offered to it */
	uint32_t board_slots;
	uint32_t bell_slots;	  /* slots of a bell: importers of one segment, and one more */
	uint64_t hear_ns;	  /* how long a client may take to answer an event */
	bool big_endian;	  /* numbers here begin with the most significant byte */
	uint32_t peer_timeout_ms; /* silence after which another node is called gone */
	uint32_t store_delay_ms;  /* for what processes store to mappings of other nodes */
	uint64_t peer_ns; /* how long another node may, which is not known to be cut off */
	struct wire_text fabrics; /* names of providers that there are here, with spaces */
};

struct registry;

int registry_new(const struct registry_config *config, const struct ports *ports,
		 struct registry **ret_registry);
void registry_free(struct registry *registry);

/* A connection was accepted; nothing is served before its hello. */
int registry_join(struct registry *registry, const struct registry_identity *identity,
		  uint64_t *ret_client);
/* Its process died, or has given up everything: all it had goes, and is emptied. */
void registry_leave(struct registry *registry, uint64_t client);
/*
 * Its connection ended, and its process goes on.  All it had goes, but its memory is not
 * emptied: the process may still be using it as its own.  What it has of shared regions is
 * taken back, by force if they are another user's, and nobody claims that it has let go.
 */
void registry_lose(struct registry *registry, uint64_t client);
/* Has it regions that others were given, or shared ones mapped, or gives it one of those away?
 * Only then do the two differ. */
bool registry_has_exposed(const struct registry *registry, uint64_t client);

/* One message from a client, from either of its channels. */
int registry_handle(struct registry *registry, uint64_t client, const struct message *message);

/*
 * Other nodes.  What is decided about a link is decided elsewhere (link/peer_state.h): when it
 * is up, when it is lost, and, later or at once, when the peer is gone, which is to say that it
 * has noticed or has ended.  Every loss is followed by that, and may be by others before.
 */
/* 0 or -ENOMEM.  Once for each. */
int registry_add_peer(struct registry *registry, uint32_t node);
void registry_peer_up(struct registry *registry, uint32_t node);
void registry_peer_lost(struct registry *registry, uint32_t node);
/* As far as its first @losses are concerned; or all. */
void registry_peer_gone_for(struct registry *registry, uint32_t node, uint64_t losses);
void registry_peer_gone(struct registry *registry, uint32_t node);
/* A message over a link that is up.  0, or -EPROTO: the link is to fall. */
int registry_peer_heard(struct registry *registry, uint32_t node,
			const struct message *message);

/* A pipe was filled that pipe_make() had made with this tag. */
void registry_rung(struct registry *registry, uint64_t tag);
/* There may be room again in the client's channel for events. */
void registry_say_again(struct registry *registry, uint64_t client);

/* When registry_tick() has something to do; UINT64_MAX: never. */
uint64_t registry_deadline(const struct registry *registry);
void registry_tick(struct registry *registry);

/* Nobody is attached, or about to be another program that shows a ticket. */
bool registry_is_idle(const struct registry *registry);

/* Is every invariant true?  false, and the name of the first that is not. */
bool registry_check(const struct registry *registry, const char **ret_broken);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * remote.h - nodes that this one has a link with, and connections between nodes
 *
 * Who imports: a request to connect goes to the exporting node, and what comes of it is a far
 * import.  It has a slot of this node's board, whose generation and epoch follow what the
 * exporting node says, so its holder certifies as those of local imports do, by looking.
 *
 * Who exports: what one peer's processes import is held by a guest, which is a client without a
 * process.  Each import has a window, through which the other node's process reaches the memory
 * without anybody's help here.  A window is closed only once the other node has said that
 * nobody there certifies any more what went through it, or must have noticed by itself that it
 * is cut off.  Until then whoever takes memory back waits; so no success that was told there is
 * of memory that was not its exporter's.
 *
 * A link that is lost takes every far import with it, at once.  What the guest had stays until
 * the peer is gone, which is when it has noticed for sure.  A guest that has lost its link
 * never gets it back; the peer's next link brings another.
 */
#ifndef REGISTRY_REMOTE_H
#define REGISTRY_REMOTE_H

#include <bsd/sys/tree.h>

#include "registry/round.h"

struct import;

/* Connections that one node may have waiting for fences, each of which takes memory. */
#define GUEST_WAITS_MAX 4096u

RB_HEAD(far_imports, import);

struct remote {
	uint32_t node;
	bool up;
	uint64_t losses;      /* of links */
	uint32_t last_serial; /* of what was asked over the link */
	struct client *guest; /* of the link that is up; NULL: it has connected to nothing */
	struct far_imports imports;
	struct asked asked; /* connections that it was asked for, oldest first */
	LIST_ENTRY(remote) link;
};

LIST_HEAD(remotes, remote);

struct remote *remote_find(const struct registry *registry, uint32_t node);
void remotes_free(struct registry *registry);

/* Over the link, if it is up. */
void remote_say(const struct registry *registry, const struct remote *remote,
		const struct message *message);

/* ---- what processes here import --------------------------------------------------------- */

/* Connections to another node, which is asked; they are answered later.  @controller: its name,
 * or empty for any. */
int far_connect(const struct call *call, uint32_t node, uint32_t id, uint32_t rights,
		const struct wire_text *controller);
int far_inherit(const struct call *call, const struct import *with);
/* The far import that a child of fork proves to have inherited, or NULL. */
struct import *far_find_inherited(const struct registry *registry,
				  const struct msg_import_inherit *asked);
/* Nobody waits for @round's answer any more. */
void far_forget(struct round *round);
/* @import's part of its end. */
void far_end(struct registry *registry, struct import *import);
/* What it is told, but for import_revoked and import_stall. */
void far_fill_moved(const struct import *import, struct message *message);
/* Tells of signals.  0, or what the port said. */
int far_signals_flush(struct registry *registry, struct client *client);
/* The link is lost. */
void far_lose(struct registry *registry, struct remote *remote);
/* 0, or -EPROTO. */
int far_heard(struct registry *registry, struct remote *remote, const struct message *message);

/* ---- what others import from here ------------------------------------------------------- */

/* Tells the other node, as notice_send(). */
void guest_notice(struct registry *registry, struct import *import, enum notice notice);
/* @import was taken back, or its link is lost. */
void guest_fade(const struct registry *registry, struct import *import);
/* A node that does not say in time that it knows, nor is known to be cut off, loses its link,
 * also if nobody waits for that: it would keep memory for good. */
uint64_t guests_deadline(const struct registry *registry);
void guests_expire(struct registry *registry, uint64_t now);
/* Can the process of an import that was taken back, or has lost its link, still reach @object,
 * which is a shared region's? */
bool guests_may_reach(const struct registry *registry, uint64_t object);
/* Waits, in @round, until none can. */
void guests_join(struct registry *registry, struct round *round, uint64_t object);
/* @import's part of its end. */
void guest_end(struct registry *registry, struct import *import);
/* Connects, as @call's link_connect asks. */
int guest_connect(const struct call *call, bool again);
/* An answer of the registry's, as one over the link. */
void guest_answer(struct registry *registry, const struct client *guest,
		  const struct message *answer);
/* Its processes wait for no answers any more. */
void guest_stop_asking(struct registry *registry, struct client *guest);
/* The guest itself goes. */
void guest_forget(struct registry *registry, struct client *guest);
/* The link is lost: what it had fades. */
void guest_lose(struct registry *registry, struct remote *remote);
/* Every guest that has lost one of the first @losses links ends. */
void guests_gone(struct registry *registry, const struct remote *remote, uint64_t losses);
/* 0, or -EPROTO. */
int guest_heard(struct registry *registry, struct remote *remote,
		const struct message *message);

#endif

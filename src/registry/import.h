/* SPDX-License-Identifier: MIT */
/*
 * import.h - connections to segments
 *
 * An import is live until its segment is withdrawn; then it is a record with no rights, until
 * its holder closes it or ends.
 *
 * One whose segment is lent came with a change of its holder's map, and is as far there as its
 * holder says.
 */
#ifndef REGISTRY_IMPORT_H
#define REGISTRY_IMPORT_H

#include "registry/state.h"

/* What is particular to an import of another node's segment. */
struct far_import {
	struct remote *remote; /* NULL once it was taken back */
	uint64_t id, segment;  /* as the exporting node calls them */
	uint32_t published;    /* the id it was asked for */
	uint32_t slot;	       /* of this node's board */
	uint64_t token;	       /* what proves to a child of fork's that it was inherited */
	uint64_t epoch;	       /* on the board, of what its holder uses or is told to use */
	bool stalled;
	uint64_t signals; /* that the exporter posted and its holder has not been told of */
	TAILQ_ENTRY(import) of_rung;
	uint64_t base, key; /* of the window */
	struct wire_text provider;
	RB_ENTRY(import) by_id;
};

struct import {
	struct named named;
	struct client *client;
	struct segment *segment; /* NULL once that was destroyed */
	uint64_t since;
	uint32_t rights;
	uint32_t reason;	/* 0: live; else enum segment_reason */
	uint32_t slot;		/* of the segment's bell, or BELL_NO_SLOT */
	enum notice owed;	/* what did not fit into the client's channel */
	struct round *round;	/* that waits for its holder, or NULL */
	uint32_t wait_serial;	/* of the event that is waited for; 0: it is owed */
	struct round *errand;	/* that it goes along with, not answered yet; or NULL */
	uint64_t lent_start;	/* where its holder attached it */
	uint64_t lent_size;	/* as much as was attached, bytes; 0: nothing yet */
	uint64_t lent_left;	/* of that, not detached as far as is known */
	struct far_import *far; /* NULL: the segment is of this node */
	struct {
		uint64_t open, former; /* windows of the body's; 0: none */
		uint32_t uid, gid;     /* of the process there, as its node says */
		bool fading;	/* taken back, and the other node has not said that it knows */
		uint64_t until; /* it may take, whoever waits for it */
		bool buried;	/* it has; its process has not */
		bool pinned;	/* see struct window_place */
		TAILQ_ENTRY(import) of_fading;
	} window; /* of a guest's */
	LIST_ENTRY(import) of_client;
	LIST_ENTRY(import) of_segment;
	TAILQ_ENTRY(import) of_owed;
	TAILQ_ENTRY(import) of_waits; /* of the client */
	TAILQ_ENTRY(import) of_round;
	struct mapping *mapping; /* of a shared region, or NULL */
	uint64_t object;	 /* that its holder was given last, of a shared region */
	bool fenced;		 /* it was taken back so that the holder has no use of that */
	bool stalled;		 /* and not told yet where its memory is */
	bool missed; /* it did not answer in time, as far as a takeback has not seen to it */
};

/* Does another node, whose guest's it is, still have a way to the memory? */
static inline bool import_has_window(const struct import *import)
{
	return import->window.open != 0 && !import->window.buried;
}

static inline bool import_is_live(const struct import *import)
{
	return import->reason == 0;
}

/* Does its holder have the memory of @import's region? */
static inline bool import_has_memory(const struct import *import)
{
	return import_is_live(import) && import->rights != 0;
}

/* With no more than its rights. */
struct attachment import_memory(const struct import *import);
struct import *import_of(struct named *named);
struct import *import_find(const struct registry *registry, uint64_t id);
/* Of @client, to nothing yet; NULL if there is no memory. */
struct import *import_new(struct registry *registry, struct client *client, uint32_t rights);
/* Of @client, to @segment, without a slot of the bell, and not told to anybody yet; NULL if
 * there is no memory. */
struct import *import_add(struct registry *registry, struct client *client,
			  struct segment *segment, uint32_t rights);
struct import *import_find_own(const struct call *call, uint64_t id);
/* It is a record from now on; nobody was told yet. */
void import_revoke(struct registry *registry, struct import *import,
		   enum segment_reason reason);
/* May @importer, of @node?  0, or the request was refused. */
int import_check_access(const struct call *call, const struct segment *segment, uint32_t rights,
			uint32_t node, const struct registry_identity *importer);
bool import_must_wait(const struct segment *segment, uint32_t rights);
/* Waits for the end of @region's fence, or refuses if it has waited before. */
int import_wait_for_fence(const struct call *call, const struct region *region, bool again);
/* round.finish of a connection that waits for a fence: tries again. */
void import_retry(struct registry *registry, struct round *round);
/* Closes it; if its holder is leaving, whoever waits for it counts it late. */
void import_end(struct registry *registry, struct import *import);

#endif

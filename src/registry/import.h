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

struct import {
	struct named named;
	struct client *client;
	struct segment *segment; /* NULL once that was destroyed */
	uint64_t since;
	uint32_t rights;
	uint32_t reason;      /* 0: live; else enum segment_reason */
	uint32_t slot;	      /* of the segment's bell, or BELL_NO_SLOT */
	enum notice owed;     /* what did not fit into the client's channel */
	struct round *round;  /* that waits for its holder, or NULL */
	uint32_t wait_serial; /* of the event that is waited for; 0: it is owed */
	struct round *errand; /* that it goes along with, not answered yet; or NULL */
	uint64_t lent_start;  /* where its holder attached it */
	uint64_t lent_size;   /* as much as was attached, bytes; 0: nothing yet */
	uint64_t lent_left;   /* of that, not detached as far as is known */
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
/* Of @client, to @segment, without a slot of the bell, and not told to anybody yet; NULL if
 * there is no memory. */
struct import *import_add(struct registry *registry, struct client *client,
			  struct segment *segment, uint32_t rights);
struct import *import_find_own(const struct call *call, uint64_t id);
/* It is a record from now on; nobody was told yet. */
void import_revoke(struct registry *registry, struct import *import,
		   enum segment_reason reason);
/* round.finish of a connection that waits for a fence: tries again. */
void import_retry(struct registry *registry, struct round *round);
/* Closes it; if its holder is leaving, whoever waits for it counts it late. */
void import_end(struct registry *registry, struct import *import);

#endif

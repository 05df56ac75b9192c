/* SPDX-License-Identifier: MIT */
/*
 * segment.h - exports, and the ids they are published under
 *
 * A segment is made bound to a part of a region, is published under an id, withdrawn, published
 * again, bound to other memory, destroyed.  Withdrawing it ends all its imports for good; those
 * stay as records until their holders close them.
 *
 * A lent segment is one that its client does not know of: it stands for a region that the
 * client attached in another process's map, has one import, there, and ends with it.
 */
#ifndef REGISTRY_SEGMENT_H
#define REGISTRY_SEGMENT_H

#include "registry/bell.h"
#include "registry/region.h"

enum segment_reason {
	REASON_UNPUBLISHED = 1,
	REASON_DESTROYED = 2,
	REASON_EXPORTER_ENDED = 3,
	REASON_UNWANTED = WIRE_REASON_UNWANTED,
	REASON_TAKEN_BACK = WIRE_REASON_TAKEN_BACK, /* a mapping of a shared region */
};

#define RIGHTS_CLASSES 4

struct segment {
	struct named named;
	struct client *client;
	struct region *region; /* NULL: it has lost it */
	uint64_t offset;
	uint64_t size;
	uint64_t epoch; /* of the memory that a connection made now gets */
	uint64_t since;
	uint32_t mode;
	uint32_t id;   /* 0: not published */
	uint32_t slot; /* of the board */
	uint32_t rebinds;
	uint32_t live_count; /* imports */
	bool rebindable;
	bool lent;
	struct shared *shared; /* that it is the window of, or of a snapshot; or NULL */
	bool governed;	       /* of a shared region; see stand.h */
	struct mapping
		*stand; /* governed: what it stands on; NULL: that has gone, and @region */
	uint64_t lost;	/* the shared region's number, then */
	bool exposed;	/* governed: an importer was given the memory that it has now */
	bool reached;	/* from another node, once */
	LIST_ENTRY(segment) of_stand;
	struct wire_access access;
	uint64_t
		token[RIGHTS_CLASSES]; /* what proves a connection with these rights; 0: none */
	struct bell bell;
	struct import_list imports; /* those taken back, too */
	RB_ENTRY(segment) by_published;
	LIST_ENTRY(segment) of_client;
	LIST_ENTRY(segment) of_region;
};

RB_HEAD(published, segment);

struct segment *segment_find(const struct registry *registry, uint64_t id);
struct segment *segment_find_own(const struct call *call, uint64_t id);
struct segment *segment_of(struct named *named);

/* By published id; NULL if nothing is published under it. */
struct segment *published_find(const struct registry *registry, uint32_t id);
void published_add(struct registry *registry, struct segment *segment, uint32_t id);
void published_remove(struct registry *registry, struct segment *segment);

/* Of @call's client, as if it had asked for @spec; NULL, and the request was refused. */
struct segment *segment_make(const struct call *call, struct region *region,
			     const struct msg_segment_create *spec);

/*
 * Ends every import: the generation rises, then the importers are told.  Those with rights are
 * waited for in @round, if that is not NULL.  The id stays.
 */
void segment_cut(struct registry *registry, struct segment *segment, enum segment_reason reason,
		 struct round *round);
/* Withdraws the id, if it has one, and cuts. */
void segment_withdraw(struct registry *registry, struct segment *segment,
		      enum segment_reason reason, struct round *round);
/* Withdraws, and frees it; imports stay behind without it. */
void segment_end(struct registry *registry, struct segment *segment, enum segment_reason reason,
		 struct round *round);

/* That it is, and whether memory of its region's was given out which its exporter is to fence.
 */
int segment_answer_withdrawn(const struct call *call, bool exposed);

#endif

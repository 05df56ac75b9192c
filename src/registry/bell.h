/* SPDX-License-Identifier: MIT */
/*
 * bell.h - which importer has which slot of a segment's bell
 *
 * The bell's object is made when somebody first asks for it.  Slots are given at connect, so
 * that whoever asks later finds its own.  An import that was inherited over fork shares the
 * slot of the import it was inherited from: their counts are one.  A slot that was taken back
 * is inactive but stays its holder's, who may still take events that were counted.
 */
#ifndef REGISTRY_BELL_H
#define REGISTRY_BELL_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/names.h"
#include "registry/principal.h"

#define BELL_NO_SLOT UINT32_MAX

struct pipe {
	uint64_t object;
	struct client *client;	 /* who reads it */
	struct segment *segment; /* whose bell */
	uint32_t slot;		 /* or WIRE_SLOT_EXPORTER */
	LIST_ENTRY(pipe) of_client;
};

struct bell_slot {
	uint32_t users; /* imports */
	uint32_t live;	/* of them */
	struct pipe *pipe;
};

struct bell {
	uint64_t object; /* 0: nobody asked yet */
	struct pipe *exporter_pipe;
	struct bell_slot *slot;
	uint32_t slots;	    /* allocated */
	uint32_t free_hint; /* every slot below is taken */
};

/* Gives @import a slot, or shares that of @with (NULL: none); BELL_NO_SLOT if none is left. */
void bell_enter(struct registry *registry, struct import *import, const struct import *with);
/* Says over the link what has been posted to @import, another node's, and not been told. */
void bell_tell_guest(struct registry *registry, const struct import *import);
/* @import was taken back. */
void bell_mute(struct registry *registry, struct import *import);
/* @import goes. */
void bell_leave(struct registry *registry, struct import *import);
void bell_end(struct registry *registry, struct segment *segment);
/* The process behind @import, which is a guest's, posts to the exporter. */
void bell_post_from(struct registry *registry, struct import *import, uint64_t count,
		    bool once);
void pipe_end(struct registry *registry, struct pipe *pipe);

#endif

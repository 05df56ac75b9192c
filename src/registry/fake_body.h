/* SPDX-License-Identifier: MIT */
/*
 * fake_body.h - a body for the registry that records, and watches its manners
 *
 * Tests and the simulator look at what was said and kept.  The fake itself notices what no body
 * may ever be asked for: see fake_body.c for the rules; @bug names the first that was broken.
 */
#ifndef REGISTRY_FAKE_BODY_H
#define REGISTRY_FAKE_BODY_H

#include "registry/registry.h"

#define FAKE_CLIENTS 64u
#define FAKE_EVENTS 32u
#define FAKE_SLOTS 64u /* of the board, and of a bell */
#define FAKE_LINE 512u
#define FAKE_LINKS 3u
#define FAKE_LINK 64u
#define FAKE_WINDOWS 64u
#define FAKE_PAGE 4096u
#define FAKE_SYSV (UINT64_MAX - UINT32_MAX) /* and the shmid */

struct fake_object {
	uint64_t id; /* 0: free */
	enum { FAKE_MEMORY, FAKE_BELL, FAKE_PIPE, FAKE_PLEDGE } kind;
	uint64_t size;
	uint64_t resident;
	uint32_t flags; /* as it was made */
	uint32_t node;	/* where its pages were to be; UINT32_MAX: nobody has said */
	bool strict;
	bool frozen;
	bool writable;	 /* somebody's mapping keeps it from being frozen */
	uint64_t filled; /* bytes, of all slices */
	uint64_t copied; /* the same, into it */
	uint64_t source; /* from this object, last; 0: none */
	uint64_t origin; /* what was copied there first; 0: it was made with this content */
	bool given;	 /* to an importer */
	uint32_t windows;
	bool orphan, emptied_last; /* dropped while there were windows; and is emptied then */
	struct {
		uint64_t generation, epoch; /* the last that it was given with */
	} check[FAKE_SLOTS];
	bool active[FAKE_SLOTS + 1]; /* of a bell; the last is the exporter's */
	uint32_t polled[FAKE_SLOTS + 1];
	uint64_t pending[FAKE_SLOTS + 1];
	uint64_t tag; /* of a pipe that the body made itself */
	uint32_t fills;
};

/* A part of an object that another node's process reaches. */
struct fake_window {
	uint64_t id;	 /* 0: free */
	uint64_t object; /* 0: it is buried; FAKE_SYSV and more: System V's */
	uint32_t rights;
	uint64_t key;
	uint32_t owner; /* who said that it is his to show */
};

/* What was said over the link with another node, oldest first. */
struct fake_link {
	uint32_t node; /* 0: free */
	bool dropped;  /* it is to fall */
	uint32_t count;
	struct message said[FAKE_LINK];
};

struct fake_said {
	struct message message;
	struct attachment attachment;
};

struct fake_client {
	uint64_t id;		   /* 0: free */
	uint64_t memory;	   /* private, of its process */
	struct client_holds holds; /* what it has of any object that is asked about */
	int hidden;		   /* what looking at it and killing it say; 0: they work */
	bool killed;
	uint64_t parent; /* client whose process is its parent, or 0 */
	bool asking;	 /* a request is not answered yet */
	uint32_t serial;
	struct fake_said answer; /* the last; number 0: none yet */
	bool channel;
	uint32_t room; /* events that fit into the channel */
	uint32_t events;
	struct fake_said event[FAKE_EVENTS]; /* not read yet, oldest first */
};

struct fake_body {
	struct ports ports;
	uint64_t now;
	uint64_t random;
	int fail;	   /* what making and taking say; 0: they work */
	uint64_t room;	   /* what the host can still promise; counted down */
	int fail_page;	   /* what filling and copying say */
	uint32_t nodes;	   /* of the machine: those below */
	uint64_t huge;	   /* the size of pages that the host has set aside; 0: it has none */
	uint64_t physical; /* where every such page is; 0: the kernel does not tell */
	unsigned emptying; /* steps that it takes to empty what is dropped next */
	uint64_t going;	   /* what is being emptied, or 0 */
	const char *bug;
	struct fake_client client[FAKE_CLIENTS];
	struct fake_object *object;
	uint32_t objects; /* allocated */
	struct fake_window window[FAKE_WINDOWS];
	int fail_window; /* what opening one says */
	bool pins;	 /* they are pinned, and only closed */
	struct fake_link link[FAKE_LINKS];
	uint64_t generation[FAKE_SLOTS];
	uint64_t epoch[FAKE_SLOTS];
	char line[FAKE_LINE]; /* the last of the log */
	uint64_t lines;
};

void fake_body_init(struct fake_body *fake, uint64_t seed);
void fake_body_deinit(struct fake_body *fake);

/* A client that was joined, and one that left. */
struct fake_client *fake_client_add(struct fake_body *fake, uint64_t id);
void fake_client_remove(struct fake_client *client);
struct fake_client *fake_client_find(struct fake_body *fake, uint64_t id);
/* The oldest event that was not read; false if there is none. */
bool fake_event_take(struct fake_client *client, struct fake_said *ret);
struct fake_object *fake_object_find(const struct fake_body *fake, uint64_t id);
uint32_t fake_object_count(const struct fake_body *fake);

struct fake_window *fake_window_find(struct fake_body *fake, uint64_t key);
uint32_t fake_window_count(const struct fake_body *fake);
/* What is said to @node; NULL if nothing ever was. */
struct fake_link *fake_link_find(struct fake_body *fake, uint32_t node);
/* The oldest that was said to it; false if there is none. */
bool fake_link_take(struct fake_body *fake, uint32_t node, struct message *ret);

/* As registry_handle(), with a new serial unless the message has no answer. */
int fake_ask(struct registry *registry, struct fake_client *client, struct message *message,
	     bool silent);

#endif

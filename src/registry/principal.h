/* SPDX-License-Identifier: MIT */
/*
 * principal.h - who is attached, and how much each may have
 *
 * A client is one connection.  A user is everything of one user id; it exists while a client of
 * it does, and the bytes of its clients' regions are charged to it.
 */
#ifndef REGISTRY_PRINCIPAL_H
#define REGISTRY_PRINCIPAL_H

#include <bsd/sys/queue.h>
#include <stdbool.h>

#include "registry/call.h"
#include "registry/cap.h"
#include "registry/names.h"

struct region;
struct segment;
struct import;
struct pipe;
struct round;
struct map;
struct shared;
struct remote;

struct user {
	uint32_t uid;
	uint32_t clients;
	uint32_t shareds; /* that it pays for */
	uint64_t bytes;
	RB_ENTRY(user) entry;
};

RB_HEAD(users, user);

TAILQ_HEAD(import_queue, import);
LIST_HEAD(region_list, region);
LIST_HEAD(segment_list, segment);
LIST_HEAD(import_list, import);
LIST_HEAD(pipe_list, pipe);
TAILQ_HEAD(errands, round);
LIST_HEAD(shared_list, shared);
LIST_HEAD(move_list, move);
RB_HEAD(places, mapping);

struct client {
	struct named named; /* the key counts clients only: the number of the process */
	struct user *user;
	struct registry_identity identity;
	uint64_t since;
	bool greeted;
	bool leaving;	      /* nothing is said to it any more */
	bool survives;	      /* leaving, and still uses its memory */
	uint32_t last_event;  /* serial of the last event */
	struct round *asking; /* its request that is not answered yet, or NULL */
	struct region_list regions;
	struct segment_list segments;
	struct import_list imports;
	struct pipe_list pipes;
	struct map *map;	/* that it handed out, or NULL */
	struct errands errands; /* what others want done there, oldest first */
	struct shared_list shareds;
	struct places places; /* of its mappings of shared regions */
	uint32_t place_count;
	struct cap_table caps;	 /* what it holds, and what is offered to it */
	struct cap_queue offers; /* of those, what it was not told of, oldest first */
	struct move_list moves;	 /* that it offered and asks about */
	uint32_t move_count;
	bool accepts_maps; /* from owners of regions */
	struct {
		uint32_t due, said; /* enum news; not said, and not answered yet */
		uint32_t serial;    /* of the event that is not answered; 0: none */
	} news;
	struct remote *remote;	  /* whose guest it is, see remote.h; NULL: a process's */
	uint32_t wait_count;	  /* a guest's rounds, of which each is one of its processes' */
	bool lost;		  /* a guest whose link is no more */
	uint64_t loss;		  /* that was its loss, as the remote counts them */
	struct import_queue rung; /* far imports with signals to be told of */
	struct import_queue fading; /* a guest's, taken back and not done with yet */
	uint64_t pledge, lifeline;  /* objects, both or none; for who imports from it */
	struct import_queue waits;  /* imports whose event it has not answered */
	struct import_queue owed;   /* imports whose event did not fit into its channel */
	uint32_t region_count;
	uint32_t segment_count;
	uint32_t shared_count;
	uint32_t import_count; /* records */
	uint32_t live_count;   /* that were not taken back */
};

int client_new(struct registry *registry, const struct registry_identity *identity,
	       struct client **ret_client);
/* For an event. */
uint32_t client_new_serial(struct client *client);
/* It has nothing any more. */
void client_free(struct registry *registry, struct client *client);
struct client *client_find(const struct registry *registry, uint64_t id);
/* By number. */
struct client *process_find(const struct registry *registry, uint64_t number);
/* May it have one more region, segment or import? */
bool client_has_room(const struct registry *registry, const struct client *client);

/* 0, or -EDQUOT or -ENOMEM and the request was refused in words. */
int user_charge(const struct call *call, uint64_t bytes);
/* The charge for a shared region, which lasts when its clients have gone. */
struct user *user_ref(struct user *user);
void user_unref(struct registry *registry, struct user *user);
/* The same, to another user.  0, or -EDQUOT and the request was refused. */
int user_recharge(const struct call *call, struct user **payer, struct user *to,
		  uint64_t bytes);
/* The same without words: 0, -EDQUOT, -ENOMEM. */
int user_try_charge(struct registry *registry, struct user *user, uint64_t bytes);
/* The same, 0 or -EDQUOT. */
int user_try_recharge(struct registry *registry, struct user **payer, struct user *to,
		      uint64_t bytes);
/* Could @to be charged for what @from pays?  0, or -EDQUOT and the request was refused. */
int user_check_room(const struct call *call, const struct user *to, const struct user *from,
		    uint64_t bytes);
void user_refund(struct registry *registry, struct user *user, uint64_t bytes);

struct user *users_after(const struct users *users, const struct user *user);

#endif

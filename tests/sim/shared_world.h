/* SPDX-License-Identifier: MIT */
/*
 * shared_world.h - clients of a simulated registry that share regions, and what they believe
 *
 * What is believed is learned from answers and events alone, as a client would: numbers that
 * were given, whose a token is and whether it was revoked, which object each mapping has.  What
 * an answer says is judged by that; the first that cannot be true is the lie.
 */
#ifndef SHARED_WORLD_H
#define SHARED_WORLD_H

#include "registry/fake_body.h"

#define PAGE 4096u
#define HEAR_NS 1000u
#define WORLD_NODE 3u
#define WORLD_REGIONS 32u
#define WORLD_TOKENS 256u
#define WORLD_GIVEN 256u
#define WORLD_EXPORTS 32u

struct world_region {
	uint64_t number; /* 0: free */
	uint64_t owner;	 /* number of the process, as far as is known */
};

struct world_token {
	uint64_t token;
	uint64_t mover;	 /* process that offered a move by it, and asks about it */
	bool fresh;	 /* offered or given, and not tried by its holder yet */
	bool gone;	 /* it was of no use to its holder */
	uint64_t holder; /* number of the process */
	bool root;	 /* or may have become one: it changes hands */
	bool revoked;
};

struct world_given {
	uint64_t import; /* 0: free */
	uint64_t client; /* id */
	uint64_t shared; /* 0: it imports an export */
	uint64_t object;
};

struct world_export {
	uint64_t segment; /* 0: free */
	uint64_t client;  /* id */
	uint32_t id;	  /* that it was published under, or 0 */
};

struct world {
	struct fake_body fake;
	struct registry *registry;
	uint64_t chance;
	bool loud;
	uint32_t clients_max;
	uint64_t process[FAKE_CLIENTS];	      /* numbers */
	struct message pending[FAKE_CLIENTS]; /* not answered yet; number 0: none */
	uint64_t fenced[FAKE_CLIENTS];	      /* object that is to be gone after the answer */
	struct world_region region[WORLD_REGIONS];
	uint64_t last_region;
	struct world_token token[WORLD_TOKENS];
	uint32_t tokens;
	struct world_given given[WORLD_GIVEN];
	struct world_export exported[WORLD_EXPORTS];
	struct msg_cap_ticketed ticket; /* the last */
	const char *lie;
};

uint32_t below(struct world *world, uint32_t limit);
bool one_in(struct world *world, uint32_t n);

/* A request of @client's: mostly about what there is. */
struct message draw_request(struct world *world, const struct fake_client *client);
/* What it answers to an event; number 0: nothing. */
struct message draw_answer(struct world *world, const struct fake_said *said);

/* It has sent @message, and that was taken. */
void world_asked(struct world *world, const struct fake_client *client,
		 const struct message *message);
/* Learns from every answer that has come since. */
void world_learn(struct world *world);
void world_event(struct world *world, const struct fake_client *client,
		 const struct fake_said *said);
void world_left(struct world *world, const struct fake_client *client);
/* Everybody has read everything: whoever has memory has memory that is there. */
void world_check_settled(struct world *world);
void world_closed(struct world *world, uint64_t import);

#endif

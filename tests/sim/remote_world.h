/* SPDX-License-Identifier: MIT */
/*
 * remote_world.h - clients of two simulated nodes, and what they believe
 *
 * What is believed is learned from answers and events alone, as a client would.
 */
#ifndef REMOTE_WORLD_H
#define REMOTE_WORLD_H

#include "registry/fake_body.h"

#define PAGE 4096u
#define HEAR_NS 1000000u
#define THINGS 24u
#define ENDED 64u
/* Copying it takes several steps. */
#define SHARED_SIZE (2 * PORTS_SLICE)
#define CLIENTS 6u

/* What an exporter believes. */
struct export
{
	uint64_t client, region, segment; /* 0: free */
	uint64_t shared;		  /* of this region, instead; 0: it is a plain one's */
	uint64_t mapping;		  /* of that, its exporter's; 0: it has none */
	bool lost;			  /* and the export stands on nothing any more */
	bool given;			  /* the region has another owner */
	uint64_t own;			  /* object of the region */
	uint64_t object, before;	  /* bound to it; and while it rebinds, before that */
	uint64_t fresh;			  /* that its own is being copied to; 0: it is not */
	uint32_t id;			  /* 0: not published */
	bool busy;			  /* an answer about it is missing */
	bool withdrawing;
};

/* What an importer believes. */
struct import {
	uint64_t client, id; /* 0: free */
	uint64_t segment;
	uint64_t generation, epoch, key;
	uint32_t slot, rights;
};

struct node {
	struct fake_body fake;
	struct registry *registry;
	bool up, was_gone;
	struct message pending[FAKE_CLIENTS];
	uint64_t process[FAKE_CLIENTS]; /* numbers */
	struct export export[THINGS];
	uint64_t ended[ENDED]; /* segments that were destroyed, as was answered; a ring */
	uint32_t ends;
	struct import import[THINGS];
};

struct sim {
	uint64_t chance;
	struct node node[2];
	const char *lie;
	bool loud;
	bool shares; /* regions that are shared are what it is about, rather than others */
};

uint32_t below(struct sim *sim, uint32_t limit);
bool one_in(struct sim *sim, uint32_t n);
uint32_t id_of(unsigned side);
void lie(struct sim *sim, const char *promise);
void say(struct sim *sim, unsigned side, const char *what, const struct message *message);

struct export *find_export(struct node *node, uint64_t segment);
struct import *find_import(struct node *node, uint64_t id);
/* It is waited for, with the importers, if it takes them the memory. */
void begin(struct export *e, bool withdrawing);
/* An event that @client of @side has read. */
void learn_event(struct sim *sim, unsigned side, const struct fake_said *said);
/* Learns from every answer that has come since, and checks the promises: NULL, or which is
 * broken. */
const char *check(struct sim *sim);

/* What comes of a step of @client's with a shared region: number 0: nothing.  @e: what it has
 * of one, or NULL. */
struct message draw_shared(struct sim *sim, unsigned side, const struct fake_client *client,
			   struct export *e);

#endif

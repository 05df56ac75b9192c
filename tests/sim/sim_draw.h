/* SPDX-License-Identifier: MIT */
/*
 * sim_draw.h - what the clients of a simulated registry say, by chance
 */
#ifndef SIM_DRAW_H
#define SIM_DRAW_H

#include "sim_model.h"

#define PAGE 4096u
#define HEAR_NS 1000u
#define NODE 3u
#define FIRST_PID 7u
#define PIDS 3u
#define MAPS 4u

struct sim {
	struct fake_body fake;
	struct model model;
	struct registry *registry;
	uint64_t chance;
	bool loud;
	uint32_t clients_max;
	uint64_t map[MAPS]; /* that could be had, and were not refused since */
};

uint32_t below(struct sim *sim, uint32_t limit);
bool one_in(struct sim *sim, uint32_t n);
/* A number of bytes, mostly of less pages than @limit. */
uint64_t pages(struct sim *sim, uint32_t limit);

/* Mostly one of @client's, sometimes somebody's, rarely nobody's. */
struct model_region *draw_region(struct sim *sim, uint64_t client);
struct model_segment *draw_segment(struct sim *sim, uint64_t client);
struct model_import *draw_import(struct sim *sim, uint64_t client);
/* A request of @client's. */
struct message draw_message(struct sim *sim, uint64_t client);
/* An answer to a change that was asked for: done, refused, or lied about. */
struct message draw_words(struct sim *sim, const struct fake_said *said);
/* What @client's answer says of maps. */
void learn_map(struct sim *sim, const struct fake_client *client, const struct message *asked);

#endif

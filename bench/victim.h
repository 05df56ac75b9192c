/* SPDX-License-Identifier: MIT */
/*
 * victim.h - a small program the measurer starts to kill it, or to watch it
 *
 * bench-victim export BYTES   exports that much, writes the id as a line, waits to be killed
 * bench-victim post NODE ID   imports ID and posts to it, between two calls of getppid(), under
 *                             the eyes of its parent
 */
#ifndef BENCH_VICTIM_H
#define BENCH_VICTIM_H

#include <rsmapi.h>

#include "pair.h"

#define VICTIM_POSTS 1000

struct victim {
	int pid;
	int pidfd;
	int out; /* what it writes */
};

/* Return: 0, or -1 and nothing runs. */
int victim_start(const struct pair *pair, char *const argv[], struct victim *ret);
/* Reaps it; it is dead or dying. */
void victim_end(struct victim *victim);

/* System calls made by VICTIM_POSTS posts that nobody waits for.  Negative: could not count. */
long victim_count_calls(const struct pair *pair, rsm_memseg_id_t id);

#endif

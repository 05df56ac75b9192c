/* SPDX-License-Identifier: MIT */
/*
 * row_signal.c - waking somebody who waits, and posting to nobody
 *
 * Wakes are measured as round trips between two sleepers, halved: each side sleeps before the
 * other has finished waking up, so every post finds a waiter asleep.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "floor.h"
#include "harness.h"
#include "rows.h"
#include "rsm.h"
#include "victim.h"

enum { ORDER_OURS = 1, ORDER_BARE = 2, ORDER_END = 3 };

struct ring {
	const struct pair *pair;
	struct rsm_link *link;
};

static double run_ours(void *arg, size_t times)
{
	struct ring *ring = arg;
	void *import = ring->link->import;
	double start = 0;

	pair_order(ring->pair, ORDER_OURS, 0, times + 1);
	for (size_t n = 0; n < times + 1; n++) {
		/* The first one waits for the other to arrive and is not counted. */
		if (n == 1)
			start = clock_ns();
		if (rsm_intr_signal_post(import, 0) != RSM_SUCCESS ||
		    rsm_intr_signal_wait(import, -1) != RSM_SUCCESS)
			return -1;
	}
	return (clock_ns() - start) / 2;
}

static double run_bare(void *arg, size_t times)
{
	struct ring *ring = arg;
	double start;

	pair_order(ring->pair, ORDER_BARE, 0, times + 1);
	floor_wake_lead(ring->pair, 1);
	start = clock_ns();
	floor_wake_lead(ring->pair, times);
	return (clock_ns() - start) / 2;
}

static void answer(const struct pair *pair, void *export)
{
	for (;;) {
		struct pair_order order = pair_next(pair);

		if (order.what == ORDER_BARE) {
			floor_wake_follow(pair, order.times);
			continue;
		}
		if (order.what != ORDER_OURS)
			return;
		for (uint64_t n = 0; n < order.times; n++)
			if (rsm_intr_signal_wait(export, -1) != RSM_SUCCESS ||
			    rsm_intr_signal_post(export, 0) != RSM_SUCCESS)
				die("the exporter cannot wait and post");
	}
}

static void count_calls(const struct pair *pair, rsm_memseg_id_t id)
{
	long calls = victim_count_calls(pair, id);

	if (calls >= 0)
		report_value("post", "system calls", (double)calls / VICTIM_POSTS);
	else
		report_note("post", "a traced child could not be run here");
}

void row_signal(const struct pair *pair)
{
	const struct race race = { .rounds = 100, .batch_ns = 2e6 };
	struct rsm_link link;
	struct ring ring = { pair, &link };
	struct contender contenders[] = {
		{ "tract", run_ours, &ring },
		{ "bare futex", run_bare, &ring },
	};
	rsm_memseg_id_t id;

	if (rsm_link_open(pair, (size_t)1 << 20, 0, &link) < 0) {
		report_note("signal", "the library did not open the segment");
		return;
	}
	if (pair->role == PAIR_OWNER) {
		pair_send(pair, &link.offer.id, sizeof(link.offer.id));
		answer(pair, link.offer.export);
	} else {
		pair_recv(pair, &id, sizeof(id));
		race_report("signal", contenders, 2, &race);
		count_calls(pair, id);
		pair_order(pair, ORDER_END, 0, 0);
	}
	rsm_link_close(pair, &link);
}

/* SPDX-License-Identifier: MIT */
/*
 * shared.h - the processes that shared regions are measured among
 *
 * One owns, measures and gives the orders; the others map what they are told, and a bare server
 * answers as fast as a server can.  All of them are there before the first thread is.
 */
#ifndef BENCH_SHARED_H
#define BENCH_SHARED_H

#include <shared_region.h>

#define HELPERS 9u
#define FOLLOWERS (HELPERS - 1)
#define BATCH_MAX 64u

struct helper {
	int sock; /* SEQPACKET */
	shared_region_pid number;
};

struct shared_bench {
	shared_region_client *client;
	struct helper helper[HELPERS];
	int server;		 /* floor_request() goes there */
	int follower[FOLLOWERS]; /* bare processes that map what they are sent */
};

/* Starts them; @broker_cpu pins nobody if there is one processor.  Ends the program if it
 * cannot. */
void shared_bench_open(struct shared_bench *bench);
void shared_bench_close(struct shared_bench *bench);

/* A region of @size bytes of the caller's, which anybody it lets may write to. */
shared_region *shared_bench_region(const struct shared_bench *bench, size_t size);
/* A capability on it for a helper: all that sharing gives. */
shared_region_cap shared_bench_share(shared_region *region, const struct helper *helper);

/* It maps each, unmaps each, and says how many nanoseconds the mapping took. */
double helper_map(const struct helper *helper, const shared_region_cap *cap, unsigned count);
/* It maps one, touches every page, and keeps it. */
void helper_keep(const struct helper *helper, shared_region_cap cap);
/* It forgets what was taken from it, or unmaps what was not. */
void helper_drop(const struct helper *helper);

/* Each follower maps @size bytes of @fd over what it had; returns when all have. */
void followers_map(const struct shared_bench *bench, int fd, size_t size);

void row_shared_calls(const struct shared_bench *bench);
void row_shared_fence(const struct shared_bench *bench);

#endif

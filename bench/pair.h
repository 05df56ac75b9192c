/* SPDX-License-Identifier: MIT */
/*
 * pair.h - the two processes every row is measured between
 *
 * The owner has the memory and answers; the measurer drives and takes the times.  Both run the
 * same rows in the same order and meet at every step over one socket.  Each is pinned to a
 * processor of its own where the machine has two.
 *
 * Nothing here returns an error: a bench whose other half is gone has nothing left to do, and
 * ends.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pair_role { PAIR_OWNER = 0, PAIR_MEASURER = 1 };

/* A page both have mapped; what the floors are measured on. */
struct pair_page {
	alignas(128) _Atomic uint32_t ping;
	alignas(128) _Atomic uint32_t pong;
};

struct pair {
	enum pair_role role;
	int sock;		/* SEQPACKET, to the other */
	unsigned cpus;		/* processors in use: 1 or 2 */
	struct pair_page *page; /* shared */
	const char *bin;	/* folder of the bench's programs */
};

/* What the measurer asks of the owner while it measures. */
struct pair_order {
	uint32_t what;	/* the row's own meaning */
	uint32_t which; /* likewise */
	uint64_t times;
};

/* @path: a socket's name both know and nobody else uses. */
void pair_open(struct pair *pair, enum pair_role role, const char *path, const char *bin);

void pair_send(const struct pair *pair, const void *data, size_t size);
void pair_recv(const struct pair *pair, void *data, size_t size);
void pair_send_fd(const struct pair *pair, int fd);
int pair_recv_fd(const struct pair *pair);

/* Both are here. */
void pair_meet(const struct pair *pair);
/* Both tell how it went for them.  Return: 0 if both are well, else -1. */
int pair_agree(const struct pair *pair, int mine);

void pair_order(const struct pair *pair, uint32_t what, uint32_t which, uint64_t times);
struct pair_order pair_next(const struct pair *pair);

/* Moves @pid (0: the caller) to the processor of @role. */
void pair_pin(const struct pair *pair, int pid, enum pair_role role);

/* One message each way on any SEQPACKET socket; a descriptor goes along unless it is -1. */
void sock_send(int sock, const void *data, size_t size, int fd);
/* *ret_fd may be NULL where none is expected.  Return: bytes, 0 at the end. */
size_t sock_recv(int sock, void *data, size_t size, int *ret_fd);

#endif

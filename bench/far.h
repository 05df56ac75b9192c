/* SPDX-License-Identifier: MIT */
/*
 * far.h - memory of another node: two nodes on loopback, and a segment between them
 *
 * This process is on both nodes: it exports on the second and imports on the first.
 */
#ifndef BENCH_FAR_H
#define BENCH_FAR_H

#include <sys/types.h>
#include <tract/tract.h>

#include "harness.h"

#define FAR_RW TRACT_RIGHT_READ_WRITE
#define FAR_NODES 2
#define FAR_IMPORTERS 8u

struct far_bench {
	char directory[FAR_NODES][64];
	uint16_t port[FAR_NODES];
	struct tract *ctx[FAR_NODES];
	size_t size;
	uint64_t *memory; /* the exporter's */
	struct tract_export *export;
	uint32_t id;
	uint64_t sum;	  /* of all words */
	uint64_t *buffer; /* as large, this process's own */
	/* Processes that import when they are told to; there before the first thread is. */
	struct {
		pid_t pid;
		int sock;
	} importers[FAR_IMPORTERS];
};

/* Ends the program, with the library's words, if @r is an error. */
void far_check(int r, const char *what);

void far_nodes_up(struct far_bench *far);
void far_nodes_down(struct far_bench *far);
void far_segment_up(struct far_bench *far, size_t size);
void far_segment_down(struct far_bench *far);
/* From the first node, in the explicit mode. */
struct tract_import *far_connect(struct far_bench *far, struct tract_barrier *barrier);
uint64_t far_sum(const uint64_t *words, size_t size);

/* Beginning with nobody connected: the first put of a new pair, and the second. */
void far_row_first(struct far_bench *far);
/* put, get, and one word and its barrier, beside libfabric by hand with the same window. */
void far_rows_moving(struct far_bench *far);
/* What importers take, each and of the broker that serves them.  Forks, so that it has to be
 * called before anything that starts threads; the second does the rest. */
void far_importers_start(struct far_bench *far);
void far_row_memory(struct far_bench *far);

#endif

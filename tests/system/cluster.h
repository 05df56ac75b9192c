/* SPDX-License-Identifier: MIT */
/*
 * cluster.h - several nodes on this host: a directory, a port and a broker each
 */
#ifndef TESTS_SYSTEM_CLUSTER_H
#define TESTS_SYSTEM_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/wire.h"

#define CLUSTER_MAX 4u
#define CLUSTER_TIMEOUT_MS 1500u

/* Node I + 1 is at index I. */
struct cluster {
	unsigned count;
	bool apart; /* on hosts that a wire joins: see wire.h */
	struct cluster_node {
		char directory[128], log[160];
		const char *host; /* its address */
		uint16_t port;
		pid_t broker; /* 0: does not run */
	} node[CLUSTER_MAX];
};

/* The controller through which nodes reach each other, and that with the alias sci0. */
const char *cluster_controller(void);
const char *cluster_alias(void);

/* Directories, ports and configurations; one key for all, if @keyed.  @more is written into
 * each node's tract.conf; NULL: nothing.  Peers time out after CLUSTER_TIMEOUT_MS unless it has
 * a section about links. */
void cluster_make(struct cluster *c, unsigned count, bool keyed, const char *more);
/* As many nodes, each on one of the hosts that a wire joins: at these addresses. */
void cluster_make_apart(struct cluster *c, unsigned count, const char *const hosts[],
			const char *more);
/* A key of its own for one node. */
void cluster_new_key(struct cluster *c, unsigned node);
/* Has it away, and back. */
void cluster_hide_key(struct cluster *c, unsigned node, bool hide);
void cluster_start(struct cluster *c, unsigned node);
void cluster_start_all(struct cluster *c);
void cluster_kill(struct cluster *c, unsigned node);
/* Stopped, as the kernel says: a signal alone would leave its threads some time. */
void cluster_pause(struct cluster *c, unsigned node);
void cluster_resume(struct cluster *c, unsigned node);
/* Ends the brokers that run. */
void cluster_end(struct cluster *c);

/* What @node's broker says of @peer, both as indices. */
struct msg_node_row cluster_row(struct cluster *c, unsigned node, unsigned peer);
bool cluster_is_up(struct cluster *c, unsigned node, unsigned peer);
bool cluster_all_up(struct cluster *c);
/* Is @words in @node's log? */
bool cluster_logged(struct cluster *c, unsigned node, const char *words);
uint64_t cluster_lines(struct cluster *c, unsigned node, const char *words);

#endif

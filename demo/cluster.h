/* SPDX-License-Identifier: MIT */
/*
 * cluster.h - two nodes, as two machines would be configured, but on this one
 *
 * All that makes a node is a directory with a configuration.  Its broker starts by itself, as
 * any does.
 */
#ifndef DEMO_CLUSTER_H
#define DEMO_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#define CLUSTER_NODES 2u
#define CLUSTER_CONTROLLER "tcp0"

/* Node I + 1 is at index I. */
struct cluster {
	char dir[40]; /* holds the key, and the nodes' directories */
	struct {
		char dir[48];
		uint16_t port; /* of its broker, on 127.0.0.1 */
	} node[CLUSTER_NODES];
};

/* In a new directory in /tmp.  Ends the demo if that cannot be done. */
void cluster_make(struct cluster *cluster);
/* Removes what was made, and nothing else. */
void cluster_remove(const struct cluster *cluster);
/* Does nobody listen on a node's port? */
bool cluster_port_is_free(const struct cluster *cluster, unsigned index);

#endif

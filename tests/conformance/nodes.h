/* SPDX-License-Identifier: MIT */
/*
 * nodes.h - the same tests with the importers on another node
 *
 * With TRACT_TEST_NODES=2 each test finds two nodes on this host, linked, with a fabric over
 * TRACT_TEST_PROVIDER, or tcp.  Its processes are on node 1, but for what they import: every
 * connect is made by node 2, whichever process it is in, and names node 1.  So a test need not
 * know of it, and one process can be both sides.
 */
#ifndef TESTS_CONFORMANCE_NODES_H
#define TESTS_CONFORMANCE_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "test.h"

/* Are the importers on another node? */
bool nodes_are_two(void);
/* The controller that leads from the one to the other. */
const char *nodes_controller(void);
/* The node that imports, if there are two. */
#define NODES_IMPORTER 2u

/* For what does not apply between nodes. */
#define ONE_NODE_ONLY(reason)         \
	do {                          \
		if (nodes_are_two())  \
			SKIP(reason); \
	} while (0)

#endif

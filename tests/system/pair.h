/* SPDX-License-Identifier: MIT */
/*
 * pair.h - two nodes on this host, and memory of the second that this process imports from the
 * first
 *
 * A process may be on several nodes at once.  Everything here fails the test where it fails.
 */
#ifndef TESTS_SYSTEM_PAIR_H
#define TESTS_SYSTEM_PAIR_H

#include <tract/tract.h>

#include "cluster.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE
#define SIZE ((size_t)64 << 10)

/* What the checks compare, in words. */
#define EXPECT_WORD(address, word) \
	EXPECT_EQ(*(const volatile uint64_t *)(const void *)(address), word)

struct pair {
	struct cluster c;
	struct tract *here, *there;
	char *memory; /* SIZE bytes */
	struct tract_export *export;
	uint32_t id;
	struct tract_import *import;
	struct tract_barrier barrier;
};

void expect_ok(int r);
char *pages_new(size_t size);
void nodes_up(struct pair *p);
void nodes_down(struct pair *p);
/* By node 2, for whom it may be rebound. */
void export_up(struct pair *p);
/* By node 1. */
void import_up(struct pair *p, uint32_t rights);
/* All of it. */
void pair_up(struct pair *p);
void pair_down(struct pair *p);
/* 0 as long as puts arrive.  In between they may fail without being lost for good. */
int try_put(struct pair *p);

#endif

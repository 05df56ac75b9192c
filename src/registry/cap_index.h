/* SPDX-License-Identifier: MIT */
/*
 * cap_index.h - capabilities by token
 *
 * A hash table that grows and shrinks by a bucket at a time (linear hashing), so that no call
 * pays for all: a capability more is at most one bucket split.  Its buckets are in blocks that
 * never move; the first block is part of it, so adding cannot fail.  Where a further block
 * is not to be had, chains get longer instead.
 */
#ifndef REGISTRY_CAP_INDEX_H
#define REGISTRY_CAP_INDEX_H

#include <stdint.h>

#define CAP_INDEX_FIRST 64u
/* Block 0 has CAP_INDEX_FIRST buckets, block n as many as all before it. */
#define CAP_INDEX_BLOCKS 26u

struct cap;

struct cap_index {
	uint64_t seed;
	uint32_t count;	  /* capabilities */
	uint32_t buckets; /* in use */
	struct cap *first[CAP_INDEX_FIRST];
	struct cap **block[CAP_INDEX_BLOCKS];
};

void cap_index_init(struct cap_index *index, uint64_t seed);
/* It is empty. */
void cap_index_deinit(struct cap_index *index);
/* @cap->token is not in it. */
void cap_index_add(struct cap_index *index, struct cap *cap);
void cap_index_remove(struct cap_index *index, struct cap *cap);
/* The one with all 64 bits, or NULL. */
struct cap *cap_index_find(const struct cap_index *index, uint64_t token);
/* The longest chain, for tests. */
uint32_t cap_index_longest(const struct cap_index *index);

#endif

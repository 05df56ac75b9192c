/* SPDX-License-Identifier: MIT */
#include "registry/cap_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "registry/call.h"
#include "registry/cap.h"

/*
 * Shrinking begins where a quarter is used, so that it does not follow upon growing; and is
 * then so much faster that an empty index is a small one.
 */
#define SHRINK_AT 4u

void cap_index_init(struct cap_index *index, uint64_t seed)
{
	(void)memset(index, 0, sizeof(*index));
	index->seed = seed;
	index->buckets = CAP_INDEX_FIRST;
	index->block[0] = index->first;
}

/* How many buckets are in the blocks before block @n; also how many block @n has. */
static uint32_t before(uint32_t n)
{
	return n == 0 ? 0 : CAP_INDEX_FIRST << (n - 1);
}

static uint32_t block_of(uint32_t bucket)
{
	return bucket < CAP_INDEX_FIRST ? 0 : 26u - (uint32_t)__builtin_clz(bucket);
}

static struct cap **chain(const struct cap_index *index, uint32_t bucket)
{
	uint32_t block = block_of(bucket);

	return &index->block[block][bucket - before(block)];
}

/* All ones, up to the highest bit of @bucket, which is not 0. */
static uint32_t mask_of(uint32_t bucket)
{
	return UINT32_MAX >> __builtin_clz(bucket);
}

/* Where what is in @bucket is while there is no such bucket yet. */
static uint32_t partner_of(uint32_t bucket)
{
	return bucket & mask_of(bucket) >> 1;
}

static uint32_t bucket_of(const struct cap_index *index, uint64_t token)
{
	uint64_t x = (token & CAP_ID_MAX) ^ index->seed;
	uint32_t bucket;

	x = (x ^ (x >> 32)) * UINT64_C(0xdaba0b6eb09322e3);
	x = (x ^ (x >> 32)) * UINT64_C(0xdaba0b6eb09322e3);
	bucket = (uint32_t)(x >> 32) & mask_of(index->buckets - 1);
	return bucket < index->buckets ? bucket : partner_of(bucket);
}

static void push(struct cap_index *index, uint32_t bucket, struct cap *cap)
{
	struct cap **first = chain(index, bucket);

	cap->next_in_bucket = *first;
	*first = cap;
}

static void spread(struct cap_index *index, uint32_t bucket)
{
	struct cap *cap = *chain(index, bucket), *next;

	*chain(index, bucket) = NULL;
	for (; cap; cap = next) {
		next = cap->next_in_bucket;
		push(index, bucket_of(index, cap->token), cap);
	}
}

static void grow(struct cap_index *index)
{
	uint32_t fresh = index->buckets, block = block_of(fresh);

	if (block == CAP_INDEX_BLOCKS)
		return;
	if (!index->block[block]) {
		index->block[block] = registry_alloc(before(block) * sizeof(struct cap *));
		if (!index->block[block])
			return;
	}
	index->buckets++;
	spread(index, partner_of(fresh));
}

static void shrink(struct cap_index *index)
{
	uint32_t last = --index->buckets, block = block_of(last);

	spread(index, last);
	if (last == before(block)) {
		free(index->block[block]);
		index->block[block] = NULL;
	}
}

void cap_index_deinit(struct cap_index *index)
{
	assert(index->count == 0);
	while (index->buckets > CAP_INDEX_FIRST)
		shrink(index);
}

void cap_index_add(struct cap_index *index, struct cap *cap)
{
	push(index, bucket_of(index, cap->token), cap);
	if (++index->count > index->buckets)
		grow(index);
}

void cap_index_remove(struct cap_index *index, struct cap *cap)
{
	struct cap **at = chain(index, bucket_of(index, cap->token));

	while (*at != cap)
		at = &(*at)->next_in_bucket;
	*at = cap->next_in_bucket;
	cap->next_in_bucket = NULL;
	index->count--;
	for (uint32_t n = 0; n < SHRINK_AT; n++)
		if (index->buckets > CAP_INDEX_FIRST &&
		    index->count < index->buckets / SHRINK_AT)
			shrink(index);
}

struct cap *cap_index_find(const struct cap_index *index, uint64_t token)
{
	struct cap *cap = *chain(index, bucket_of(index, token));

	while (cap && cap->token != token)
		cap = cap->next_in_bucket;
	return cap;
}

uint32_t cap_index_longest(const struct cap_index *index)
{
	uint32_t longest = 0;

	for (uint32_t i = 0; i < index->buckets; i++) {
		uint32_t length = 0;

		for (const struct cap *cap = *chain(index, i); cap; cap = cap->next_in_bucket)
			length++;
		longest = length > longest ? length : longest;
	}
	return longest;
}

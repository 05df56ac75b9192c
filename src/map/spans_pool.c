/* SPDX-License-Identifier: MIT */
#include "map/spans_pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "map/spans_node.h"

/* What is asked of the system at once, at most: an eighth of what there is, or this. */
#define CHUNK_BYTES (size_t)(1u << 20)

struct spans_chunk {
	_Alignas(NODE_ALIGN) struct spans_chunk *next;
};

void pool_init(struct spans_pool *pool, size_t node_size)
{
	*pool = (struct spans_pool){ .node_size = node_size };
}

void pool_deinit(struct spans_pool *pool)
{
	struct spans_chunk *chunk = pool->chunks, *next;

	for (; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	pool_init(pool, pool->node_size);
}

static int add_chunk(struct spans_pool *pool, size_t nodes)
{
	struct spans_chunk *chunk;
	size_t bytes;

	if (nodes > (SIZE_MAX / 2 - sizeof(*chunk)) / pool->node_size)
		return -ENOMEM;
	if (fault_point("spans.pool.alloc") < 0)
		return -ENOMEM;
	bytes = sizeof(*chunk) + nodes * pool->node_size;
	chunk = aligned_alloc(NODE_ALIGN, bytes);
	if (!chunk)
		return -ENOMEM;
	(void)memset(chunk, 0, bytes);
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	pool->bytes += bytes;
	pool->made += nodes;
	for (char *node = (char *)chunk + bytes; nodes > 0; nodes--) {
		node -= pool->node_size;
		pool_give(pool, (struct spans_node *)node);
	}
	return 0;
}

int pool_reserve(struct spans_pool *pool, size_t count)
{
	size_t short_by, chunk = pool->made / 8;

	if (count <= pool->ready)
		return 0;
	short_by = count - pool->ready;
	if (chunk > CHUNK_BYTES / pool->node_size)
		chunk = CHUNK_BYTES / pool->node_size;
	return add_chunk(pool, short_by > chunk ? short_by : chunk);
}

struct spans_node *pool_take(struct spans_pool *pool)
{
	struct spans_node *node = pool->free;

	assert(node);
	pool->free = node->free_next;
	pool->ready--;
	return node;
}

void pool_give(struct spans_pool *pool, struct spans_node *node)
{
	node->free_next = pool->free;
	pool->free = node;
	pool->ready++;
}

/* SPDX-License-Identifier: MIT */
/*
 * spans_pool.h - nodes of one kind, reused and never given back before the end
 *
 * A reader beside the writer may still look at a node that is free, so a free node stays a node
 * of its kind, its content as it was.
 */
#ifndef MAP_SPANS_POOL_H
#define MAP_SPANS_POOL_H

#include "map/spans.h"

struct spans_node;

void pool_init(struct spans_pool *pool, size_t node_size);
void pool_deinit(struct spans_pool *pool);
/* Makes that many nodes ready to be taken.  0 or -ENOMEM. */
int pool_reserve(struct spans_pool *pool, size_t count);
/* One that is ready: there must be one.  A new one is all zeros. */
struct spans_node *pool_take(struct spans_pool *pool);
void pool_give(struct spans_pool *pool, struct spans_node *node);

#endif

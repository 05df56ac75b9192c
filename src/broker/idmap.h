/* SPDX-License-Identifier: MIT */
/*
 * idmap.h - from an id somebody else drew to what it stands for
 *
 * Ids are random or at least spread, so the low bits choose the chain.  Nodes live in their
 * owners' storage.
 */
#ifndef BROKER_IDMAP_H
#define BROKER_IDMAP_H

#include <stdint.h>

struct idmap_node {
	uint64_t id;
	void *value;
	struct idmap_node *next;
};

struct idmap {
	struct idmap_node **chains;
	uint32_t chain_count; /* a power of two */
	uint32_t used;
};

int idmap_init(struct idmap *m);
/* The nodes stay their owners'. */
void idmap_deinit(struct idmap *m);
/* -EEXIST if the id is there.  Never for want of memory: chains then just get longer. */
int idmap_add(struct idmap *m, struct idmap_node *node, uint64_t id, void *value);
/* Borrowed, or NULL. */
void *idmap_find(const struct idmap *m, uint64_t id);
/* What it stood for, or NULL. */
void *idmap_take(struct idmap *m, uint64_t id);
/* Any one value that is left, or NULL. */
void *idmap_first(const struct idmap *m);
void idmap_each(const struct idmap *m, void (*visit)(void *value, void *arg), void *arg);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * names.h - things that are found by id and walked in the order they were made
 *
 * An id is drawn at random and never given twice: who can name a thing was told of it.  A key
 * counts upwards and is no secret.
 */
#ifndef REGISTRY_NAMES_H
#define REGISTRY_NAMES_H

#include <bsd/sys/tree.h>
#include <stddef.h>
#include <stdint.h>

/* The type that a member is embedded in. */
#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Defines what a tree needs; not every tree needs all of it. */
#define DEFINE_TREE(name, type, field, compare)                                          \
	RB_GENERATE_INTERNAL(name, type, field, compare, static __attribute__((unused))) \
	struct tree_needs_a_semicolon

struct named {
	uint64_t id;
	uint64_t key;
	RB_ENTRY(named) by_id;
	RB_ENTRY(named) by_key;
};

RB_HEAD(names_by_id, named);
RB_HEAD(names_by_key, named);

struct names {
	struct names_by_id by_id;
	struct names_by_key by_key;
	uint32_t count;
};

void names_init(struct names *names);
/* @named->id is not in use and @named->key is larger than every other. */
void names_add(struct names *names, struct named *named);
void names_remove(struct names *names, struct named *named);
/* Borrowed, or NULL. */
struct named *names_find(const struct names *names, uint64_t id);
/* The first whose key is larger than @key, or NULL. */
struct named *names_after(const struct names *names, uint64_t key);

#endif

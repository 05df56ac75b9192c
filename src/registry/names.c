/* SPDX-License-Identifier: MIT */
#include "registry/names.h"

static int compare_ids(const struct named *a, const struct named *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

static int compare_keys(const struct named *a, const struct named *b)
{
	return (a->key > b->key) - (a->key < b->key);
}

DEFINE_TREE(names_by_id, named, by_id, compare_ids);
DEFINE_TREE(names_by_key, named, by_key, compare_keys);

void names_init(struct names *names)
{
	RB_INIT(&names->by_id);
	RB_INIT(&names->by_key);
	names->count = 0;
}

void names_add(struct names *names, struct named *named)
{
	(void)RB_INSERT(names_by_id, &names->by_id, named);
	(void)RB_INSERT(names_by_key, &names->by_key, named);
	names->count++;
}

void names_remove(struct names *names, struct named *named)
{
	(void)RB_REMOVE(names_by_id, &names->by_id, named);
	(void)RB_REMOVE(names_by_key, &names->by_key, named);
	names->count--;
}

struct named *names_find(const struct names *names, uint64_t id)
{
	/* A copy of the head: the tree's functions do not promise to leave it alone. */
	struct names_by_id tree = names->by_id;
	struct named wanted = { .id = id };

	return RB_FIND(names_by_id, &tree, &wanted);
}

struct named *names_after(const struct names *names, uint64_t key)
{
	struct names_by_key tree = names->by_key;
	struct named wanted = { .key = key + 1 };

	return key == UINT64_MAX ? NULL : RB_NFIND(names_by_key, &tree, &wanted);
}

/* SPDX-License-Identifier: MIT */
#include "broker/idmap.h"

#include <errno.h>
#include <stdlib.h>

#define CHAINS_FIRST 64u
#define CHAINS_MAX (1u << 20)

int idmap_init(struct idmap *m)
{
	*m = (struct idmap){ .chain_count = CHAINS_FIRST };
	m->chains = calloc(m->chain_count, sizeof(struct idmap_node *));
	return m->chains ? 0 : -ENOMEM;
}

void idmap_deinit(struct idmap *m)
{
	free(m->chains);
	*m = (struct idmap){ 0 };
}

static struct idmap_node **chain_of(const struct idmap *m, uint64_t id)
{
	return &m->chains[id & (m->chain_count - 1)];
}

/* The link that points to the node with @id, or the chain's last link, which is NULL. */
static struct idmap_node **find_link(const struct idmap *m, uint64_t id)
{
	struct idmap_node **at = chain_of(m, id);

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void grow(struct idmap *m)
{
	struct idmap_node **old = m->chains;
	uint32_t old_count = m->chain_count;
	struct idmap_node **chains = calloc(2 * (size_t)old_count, sizeof(struct idmap_node *));

	if (!chains)
		return;
	m->chains = chains;
	m->chain_count = 2 * old_count;
	for (uint32_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct idmap_node *node = old[i];
			struct idmap_node **to = chain_of(m, node->id);

			old[i] = node->next;
			node->next = *to;
			*to = node;
		}
	}
	free(old);
}

int idmap_add(struct idmap *m, struct idmap_node *node, uint64_t id, void *value)
{
	struct idmap_node **at;

	if (m->used >= m->chain_count && m->chain_count < CHAINS_MAX)
		grow(m);
	at = find_link(m, id);
	if (*at)
		return -EEXIST;
	*node = (struct idmap_node){ .id = id, .value = value };
	*at = node;
	m->used++;
	return 0;
}

void *idmap_find(const struct idmap *m, uint64_t id)
{
	const struct idmap_node *node = *find_link(m, id);

	return node ? node->value : NULL;
}

void *idmap_take(struct idmap *m, uint64_t id)
{
	struct idmap_node **at = find_link(m, id);
	struct idmap_node *node = *at;

	if (!node)
		return NULL;
	*at = node->next;
	m->used--;
	return node->value;
}

void *idmap_first(const struct idmap *m)
{
	for (uint32_t i = 0; m->used && i < m->chain_count; i++)
		if (m->chains[i])
			return m->chains[i]->value;
	return NULL;
}

void idmap_each(const struct idmap *m, void (*visit)(void *value, void *arg), void *arg)
{
	for (uint32_t i = 0; i < m->chain_count; i++)
		for (const struct idmap_node *n = m->chains[i]; n; n = n->next)
			visit(n->value, arg);
}

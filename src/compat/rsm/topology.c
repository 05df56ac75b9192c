/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "compat/rsm/rsm.h"

/* Not a name that programs know: what is not active is not to be used. */
#define CONNECTION_DOWN 1u

/* All controllers that have to do with the interconnect: no aliases, and not loopback. */
struct survey {
	struct tract_controller_info *controllers;
	size_t count, room;
	uint32_t node; /* this one */
};

static int add(struct survey *s, const struct tract_controller_info *info)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 8;
		struct tract_controller_info *grown =
			reallocarray(s->controllers, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->controllers = grown;
		s->room = room;
	}
	s->controllers[s->count++] = *info;
	return 0;
}

static int look_around(struct survey *s)
{
	struct tract_controller_info info = { 0 };
	struct tract *ctx;
	int r;

	if (rsm_context_get(&ctx) < 0)
		return -ENOMEM;
	/* Without a broker there is no cluster either. */
	r = tract_node_id(ctx, &s->node);
	while (r == 0 && (r = tract_next_controller(ctx, info.key, &info)) == 0)
		if (!*info.alias_of && *info.provider)
			r = add(s, &info);
	rsm_context_put();
	return r == -ENOMEM ? r : 0;
}

static bool is_local(const struct survey *s, const struct tract_controller_info *info)
{
	return info->node == s->node;
}

static bool is_connected(const struct survey *s, const struct tract_controller_info *local,
			 const struct tract_controller_info *other)
{
	return !is_local(s, other) && strcmp(local->provider, other->provider) == 0;
}

static size_t count_local(const struct survey *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		count += is_local(s, &s->controllers[i]);
	return count;
}

static size_t count_connected(const struct survey *s, const struct tract_controller_info *local)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		count += is_connected(s, local, &s->controllers[i]);
	return count;
}

static size_t size_of_connections(size_t remote)
{
	return offsetof(rsm_connections_t, remote_cntlr) + remote * sizeof(rsm_remote_cntlr_t);
}

/* Everything is one allocation: the pointers, then what they point to. */
static size_t size_of_pointers(size_t local)
{
	return sizeof(rsm_topology_t) + local * sizeof(rsm_connections_t *);
}

static size_t size_of_topology(const struct survey *s)
{
	size_t size = size_of_pointers(count_local(s));

	for (size_t i = 0; i < s->count; i++)
		if (is_local(s, &s->controllers[i]))
			size += size_of_connections(count_connected(s, &s->controllers[i]));
	return size;
}

/* What a controller has for a hardware address is its number in the cluster. */
static void describe(rsm_connections_t *c, const struct survey *s,
		     const struct tract_controller_info *local)
{
	int count = 0;

	(void)strcpy(c->hdr.cntlr_name, local->name);
	c->hdr.local_hwaddr = local->key;
	for (size_t i = 0; i < s->count; i++) {
		const struct tract_controller_info *other = &s->controllers[i];
		rsm_remote_cntlr_t *remote = &c->remote_cntlr[count];

		if (!is_connected(s, local, other))
			continue;
		remote->remote_nodeid = other->node;
		(void)strcpy(remote->remote_cntlrname, other->name);
		remote->remote_hwaddr = other->key;
		remote->connection_state =
			local->up && other->up ? RSM_CONNECTION_ACTIVE : CONNECTION_DOWN;
		count++;
	}
	c->hdr.remote_cntlr_count = count;
}

static rsm_topology_t *draw(const struct survey *s)
{
	rsm_topology_t *topology = calloc(1, size_of_topology(s));
	size_t at = size_of_pointers(count_local(s));
	uint_t count = 0;

	if (!topology)
		return NULL;
	topology->topology_hdr.local_nodeid = s->node;
	for (size_t i = 0; i < s->count; i++) {
		const struct tract_controller_info *local = &s->controllers[i];
		rsm_connections_t *c = (void *)((char *)topology + at);

		if (!is_local(s, local))
			continue;
		describe(c, s, local);
		topology->connections[count++] = c;
		at += size_of_connections(count_connected(s, local));
	}
	topology->topology_hdr.local_cntlr_count = count;
	return topology;
}

RSM_API int rsm_get_interconnect_topology(rsm_topology_t **topology_data)
{
	struct survey survey = { 0 };
	int r;

	if (!topology_data)
		return RSMERR_BAD_TOPOLOGY_PTR;
	r = look_around(&survey);
	*topology_data = r == 0 ? draw(&survey) : NULL;
	free(survey.controllers);
	return *topology_data ? RSM_SUCCESS : RSMERR_INSUFFICIENT_MEM;
}

RSM_API void rsm_free_interconnect_topology(rsm_topology_t *topology_ptr)
{
	free(topology_ptr);
}

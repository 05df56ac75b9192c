/* SPDX-License-Identifier: MIT */
/*
 * client.c - processes, and what their handles stand for
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "compat/shared_region/face.h"

#include "base/scope.h"

/* ---- what is in use --------------------------------------------------------------------- */

void sr_node_unref(struct sr_node *node)
{
	if (!node || !ref_put(&node->ref))
		return;
	tract_close(node->ctx);
	free(node);
}

void sr_held_unref(struct sr_held *held)
{
	if (!held || !ref_put(&held->ref))
		return;
	tract_shared_close(held->shared);
	free(held);
}

static bool is_mine(const shared_region_client *client)
{
	return client->process == getpid();
}

int sr_enter(shared_region_client *client, struct sr_node **ret_node)
{
	struct sr_node *node;

	if (!client)
		return SHARED_REGION_INVALID_ARGUMENT;
	if (!is_mine(client))
		return SHARED_REGION_NOT_INITIALIZED;
	mutex_lock(&client->lock);
	node = client->node;
	if (node)
		ref_get(&node->ref);
	mutex_unlock(&client->lock);
	*ret_node = node;
	return node ? 0 : SHARED_REGION_NOT_INITIALIZED;
}

int sr_enter_region(const shared_region *region, struct sr_held **ret_held)
{
	struct sr_held *held;

	if (!region)
		return SHARED_REGION_INVALID_ARGUMENT;
	if (!is_mine(region->client))
		return SHARED_REGION_NOT_INITIALIZED;
	mutex_lock(&region->client->lock);
	held = region->held;
	if (held)
		ref_get(&held->ref);
	mutex_unlock(&region->client->lock);
	*ret_held = held;
	return held ? 0 : SHARED_REGION_NOT_INITIALIZED;
}

static void client_unref(shared_region_client *client)
{
	if (!client || !ref_put(&client->ref))
		return;
	sr_node_unref(client->node);
	mutex_deinit(&client->lock);
	free(client);
}
DEFINE_SCOPE(client, shared_region_client, client_unref);

/* ---- attaching -------------------------------------------------------------------------- */

static struct sr_node *node_new(struct tract *ctx)
{
	struct sr_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	ref_init(&node->ref);
	node->ctx = ctx;
	return node;
}

/* What can go wrong on the way to a broker is one thing here, but for these. */
static int attach_error(int r)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return sr_error(r);
	default:
		return SHARED_REGION_CONNECTION_LOST;
	}
}

static int reach(shared_region_client *client, struct tract *ctx, bool accepts)
{
	int r;

	r = tract_process(ctx, &client->number);
	if (r == 0) {
		r = tract_is_strong(ctx);
		client->strong = r == 1;
	}
	if (r >= 0 && accepts)
		r = tract_shared_accept_maps(ctx, true);
	return r < 0 ? attach_error(r) : 0;
}

SR_API int shared_region_attach(const char *path, uint32_t flags,
				shared_region_client **ret_client)
{
	scoped(client) shared_region_client *client = NULL;
	struct tract *ctx;
	int r;

	if (!ret_client || (flags & ~(uint32_t)SHARED_REGION_ACCEPT_REMOTE_MAPS))
		return SHARED_REGION_INVALID_ARGUMENT;
	client = calloc(1, sizeof(*client));
	if (!client)
		return SHARED_REGION_OUT_OF_MEMORY;
	ref_init(&client->ref);
	mutex_init(&client->lock);
	LIST_INIT(&client->regions);
	client->process = getpid();
	r = tract_open(path, &ctx);
	if (r < 0)
		return r == -EINVAL ? SHARED_REGION_INVALID_ARGUMENT : attach_error(r);
	client->node = node_new(ctx);
	if (!client->node) {
		tract_close(ctx);
		return SHARED_REGION_OUT_OF_MEMORY;
	}
	r = reach(client, ctx, flags & SHARED_REGION_ACCEPT_REMOTE_MAPS);
	if (r < 0)
		return r;
	*ret_client = steal(client);
	return 0;
}

/* Takes the native handles away, so that nothing keeps the session. */
static struct sr_node *leave(shared_region_client *client)
{
	struct sr_node *node;
	struct sr_held *held;
	shared_region *region;

	mutex_lock(&client->lock);
	while ((region = LIST_FIRST(&client->regions))) {
		LIST_REMOVE(region, of_client);
		held = steal(region->held);
		mutex_unlock(&client->lock);
		sr_held_unref(held);
		mutex_lock(&client->lock);
	}
	node = steal(client->node);
	mutex_unlock(&client->lock);
	return node;
}

/* A child of fork has copies, which are given up, and nothing of which they speak. */
SR_API void shared_region_detach(shared_region_client *client)
{
	struct sr_node *node;

	if (!client)
		return;
	if (is_mine(client)) {
		node = leave(client);
		if (node)
			tract_shared_unmap_all(node->ctx);
		sr_node_unref(node);
	}
	client_unref(client);
}

SR_API shared_region_pid shared_region_self(const shared_region_client *client)
{
	return client ? client->number : 0;
}

SR_API bool shared_region_is_strong(const shared_region_client *client)
{
	return client && client->strong;
}

/* ---- regions ---------------------------------------------------------------------------- */

/* Is it the client's now?  Not if that is detaching. */
static bool keep(shared_region_client *client, shared_region *region)
{
	bool kept;

	mutex_lock(&client->lock);
	kept = client->node != NULL;
	if (kept)
		LIST_INSERT_HEAD(&client->regions, region, of_client);
	mutex_unlock(&client->lock);
	return kept;
}

int sr_region_new(shared_region_client *client, struct tract_shared *shared,
		  shared_region **ret_region)
{
	shared_region *region = calloc(1, sizeof(*region));
	struct sr_held *held = calloc(1, sizeof(*held));

	if (!region || !held) {
		free(region);
		free(held);
		tract_shared_close(shared);
		return SHARED_REGION_OUT_OF_MEMORY;
	}
	ref_init(&held->ref);
	held->shared = shared;
	region->held = held;
	region->id = tract_shared_number(shared);
	region->size = tract_shared_size(shared);
	region->client = client;
	if (!keep(client, region)) {
		sr_held_unref(held);
		free(region);
		return SHARED_REGION_NOT_INITIALIZED;
	}
	ref_get(&client->ref);
	*ret_region = region;
	return 0;
}

SR_API void shared_region_release(shared_region *region)
{
	shared_region_client *client;
	struct sr_held *held = NULL;

	if (!region)
		return;
	client = region->client;
	if (is_mine(client)) {
		mutex_lock(&client->lock);
		held = steal(region->held);
		if (held)
			LIST_REMOVE(region, of_client);
		mutex_unlock(&client->lock);
	}
	sr_held_unref(held);
	client_unref(client);
	free(region);
}

SR_API uint64_t shared_region_id(const shared_region *region)
{
	return region ? region->id : 0;
}

SR_API size_t shared_region_size(const shared_region *region)
{
	return region ? region->size : 0;
}

SR_API uint32_t shared_region_version(void)
{
	/* 0.1.0 */
	return 0 * 65536 + 1 * 256 + 0;
}

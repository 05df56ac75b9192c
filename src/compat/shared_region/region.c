/* SPDX-License-Identifier: MIT */
/*
 * region.c - making, finding and ending regions, and what is known of them
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "compat/shared_region/face.h"

#include "base/bytes.h"
#include "base/scope.h"

#define FLAGS_KNOWN                                                            \
	((uint32_t)(SHARED_REGION_STRICT_NODE | SHARED_REGION_CACHE_FALLBACK | \
		    SHARED_REGION_FREEZABLE | SHARED_REGION_HUGE_PAGES))

/* ---- making ----------------------------------------------------------------------------- */

/* What is wrong whether or not there is a broker. */
static int check(const struct tract_shared_spec *spec, uint32_t cache,
		 shared_region *const *ret_region)
{
	uint64_t rounded;

	if (!ret_region)
		return SHARED_REGION_INVALID_ARGUMENT;
	if (!sr_is_perm(spec->ceiling) || cache > SHARED_REGION_WRITE_COMBINING)
		return SHARED_REGION_INVALID_MESSAGE;
	if (spec->flags & ~FLAGS_KNOWN)
		return SHARED_REGION_INVALID_ARGUMENT;
	if (spec->size == 0 || !add_fits(spec->size, tract_page_size() - 1, &rounded) ||
	    rounded > SIZE_MAX)
		return SHARED_REGION_INVALID_MEMORY_REGION;
	return 0;
}

static int make(shared_region_client *client, shared_region_pid owner,
		struct tract_shared_spec spec, uint32_t cache, shared_region **ret_region)
{
	scoped(sr_node) struct sr_node *node = NULL;
	struct tract_shared *shared;
	int r;

	r = sr_enter(client, &node);
	if (r == 0)
		r = check(&spec, cache, ret_region);
	if (r < 0)
		return r;
	/* Nobody here has authority over another process, whether it exists or not. */
	if (owner != client->number)
		return SHARED_REGION_PERMISSION_DENIED;
	spec.cache = TRACT_CACHE_WRITE_BACK + cache;
	r = tract_shared_create(node->ctx, &spec, &shared);
	return r < 0 ? sr_error(r) : sr_region_new(client, shared, ret_region);
}

SR_API int shared_region_new(shared_region_client *client, shared_region_pid owner, size_t size,
			     uint32_t perm, shared_region **ret_region)
{
	return make(client, owner,
		    (struct tract_shared_spec){
			    .size = size, .ceiling = perm, .numa_node = TRACT_NODE_ANY },
		    SHARED_REGION_WRITE_BACK, ret_region);
}

SR_API int shared_region_new_with_policy(shared_region_client *client, shared_region_pid owner,
					 size_t size, uint32_t cache, uint32_t numa_node,
					 uint32_t flags, shared_region **ret_region)
{
	return make(client, owner,
		    (struct tract_shared_spec){ .size = size,
						.ceiling = SHARED_REGION_WRITE,
						.numa_node = numa_node,
						.flags = flags },
		    cache, ret_region);
}

SR_API int shared_region_new_numa(shared_region_client *client, shared_region_pid owner,
				  size_t size, uint32_t perm, uint32_t numa_node,
				  shared_region **ret_region)
{
	return make(client, owner,
		    (struct tract_shared_spec){
			    .size = size, .ceiling = perm, .numa_node = numa_node },
		    SHARED_REGION_WRITE_BACK, ret_region);
}

SR_API int shared_region_open(shared_region_client *client, uint64_t id,
			      shared_region **ret_region)
{
	scoped(sr_node) struct sr_node *node = NULL;
	struct tract_shared *shared;
	int r;

	r = sr_enter(client, &node);
	if (r < 0)
		return r;
	if (!ret_region)
		return SHARED_REGION_INVALID_ARGUMENT;
	r = tract_shared_open(node->ctx, id, &shared);
	return r < 0 ? sr_error(r) : sr_region_new(client, shared, ret_region);
}

SR_API int shared_region_destroy(shared_region *region)
{
	scoped(sr_held) struct sr_held *held = NULL;
	int r;

	r = sr_enter_region(region, &held);
	return r < 0 ? r : sr_error(tract_shared_destroy(held->shared));
}

/* ---- facts ------------------------------------------------------------------------------ */

SR_API int shared_region_physical_base(shared_region *region, uint64_t *ret_address)
{
	scoped(sr_held) struct sr_held *held = NULL;
	int r;

	if (ret_address)
		*ret_address = 0;
	r = sr_enter_region(region, &held);
	if (r < 0)
		return r;
	if (!ret_address)
		return SHARED_REGION_INVALID_ARGUMENT;
	return sr_error(tract_shared_physical(held->shared, ret_address));
}

SR_API int shared_region_numa_node(const shared_region *region, uint32_t *ret_node)
{
	scoped(sr_held) struct sr_held *held = NULL;
	struct tract_shared_facts facts;
	int r;

	r = sr_enter_region(region, &held);
	if (r < 0)
		return r;
	if (!ret_node)
		return SHARED_REGION_INVALID_ARGUMENT;
	r = tract_shared_look(held->shared, &facts);
	if (r == 0)
		*ret_node = facts.numa_node;
	return sr_error(r);
}

/* What the kernel does not place is in memory, so it is on node 0 if there is no other. */
static void spread(const struct tract_placement *placement, uint64_t *pages_per_node,
		   size_t nodes)
{
	for (size_t i = 0; i < nodes; i++)
		pages_per_node[i] = i < placement->nodes ? placement->node[i] : 0;
}

SR_API int shared_region_placement(shared_region *region, uint64_t *pages_per_node,
				   size_t nodes, uint64_t *ret_absent)
{
	scoped(sr_held) struct sr_held *held = NULL;
	struct tract_placement placement;
	int r;

	r = sr_enter_region(region, &held);
	if (r < 0)
		return r;
	if ((!pages_per_node && nodes > 0) || !ret_absent)
		return SHARED_REGION_INVALID_ARGUMENT;
	r = tract_shared_placement(held->shared, &placement);
	/* Where pages are is the question, and so a page of which that is not known is none. */
	if (r == 0 && placement.unknown > 0)
		return SHARED_REGION_NOT_SUPPORTED;
	if (r < 0)
		return sr_error(r);
	spread(&placement, pages_per_node, nodes);
	*ret_absent = placement.absent;
	return 0;
}

SR_API int shared_region_numa_usage(shared_region_client *client, uint32_t node,
				    uint64_t *ret_bytes)
{
	scoped(sr_node) struct sr_node *entered = NULL;
	int r;

	r = sr_enter(client, &entered);
	if (r < 0)
		return r;
	if (!ret_bytes)
		return SHARED_REGION_INVALID_ARGUMENT;
	return sr_error(tract_node_use(entered->ctx, node, ret_bytes));
}

/* ---- in words --------------------------------------------------------------------------- */

static const char *state_name(uint32_t state)
{
	static const char *const names[] = { "?",	 "owned",  "moving",
					     "rekeying", "frozen", "orphan" };

	return state < ARRAY_LEN(names) ? names[state] : names[0];
}

static void print_facts(const struct tract_shared_facts *facts, FILE *out)
{
	(void)fprintf(out, "region %" PRIu64 "\n", facts->number);
	(void)fprintf(out, "  size      %zu bytes\n", facts->size);
	if (facts->owner)
		(void)fprintf(out, "  owner     process %" PRIu64 "\n", facts->owner);
	else
		(void)fprintf(out, "  owner     none\n");
	(void)fprintf(out, "  ceiling   %s%s%s\n", facts->ceiling & 1u ? "r" : "-",
		      facts->ceiling & 2u ? "w" : "-", facts->ceiling & 4u ? "x" : "-");
	(void)fprintf(out, "  state     %s\n", state_name(facts->state));
	(void)fprintf(out, "  mappings  %" PRIu32 "\n", facts->mapped);
	(void)fprintf(out, "  refcount  %" PRIu32 "\n", 1 + facts->mapped + facts->pending);
	(void)fprintf(out, "  policy    %s\n",
		      facts->cache == TRACT_CACHE_WRITE_BACK ? "write-back" : "?");
	if (facts->numa_node == TRACT_NODE_ANY)
		(void)fprintf(out, "  node      any\n");
	else
		(void)fprintf(out, "  node      %" PRIu32 "\n", facts->numa_node);
	(void)fprintf(out, "  backing   generation %" PRIu64 "\n", facts->backing);
}

SR_API int shared_region_dump(shared_region *region, FILE *out)
{
	scoped(sr_held) struct sr_held *held = NULL;
	struct tract_shared_facts facts;
	int r;

	r = sr_enter_region(region, &held);
	if (r < 0)
		return r;
	if (!out)
		return SHARED_REGION_INVALID_ARGUMENT;
	r = tract_shared_look(held->shared, &facts);
	if (r == 0)
		print_facts(&facts, out);
	return sr_error(r);
}

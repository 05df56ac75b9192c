/* SPDX-License-Identifier: MIT */
/*
 * test_placement.c - nodes, cache policies, physical addresses: nothing is said that is not so
 */
#include "rig.h"

#include <stdio.h>

/* More than any host has, and still no word for "any". */
#define NO_NODE 4096
#define NODES 64

static int make(struct own *a, size_t size, uint32_t cache, uint32_t node, uint32_t flags)
{
	return shared_region_new_with_policy(a->client, a->self, size, cache, node, flags,
					     &a->region);
}

/* Skips where the host forbids to ask. */
static void measure(struct own *a, uint64_t *pages, uint64_t *ret_absent)
{
	int code = shared_region_placement(a->region, pages, NODES, ret_absent);

	if (code == SHARED_REGION_NOT_SUPPORTED)
		SKIP("this host does not tell where pages are");
	EXPECT_OK(code);
}

static bool node_is_there(unsigned node)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/meminfo", node);
	return access(path, R_OK) == 0;
}

/* The only node there is. */
static bool host_has_one_node(void)
{
	return !node_is_there(1) && !node_is_there(2);
}

static void need_node_0(const struct own *a)
{
	shared_region *region = NULL;
	int code;

	code = shared_region_new_numa(a->client, a->self, PAGE, SHARED_REGION_WRITE, 0,
				      &region);
	if (code == SHARED_REGION_NOT_SUPPORTED)
		SKIP("this host forbids to say where pages shall be");
	EXPECT_OK(code);
	EXPECT_OK(shared_region_destroy(region));
	shared_region_release(region);
}

/* ---- nodes ------------------------------------------------------------------------------ */

/* 9, 18.22 */
TEST(a_node_that_is_absent_is_an_invalid_memory_region)
{
	shared_region *region = NULL;
	struct own a;

	own_attach(&a);
	need_node_0(&a);
	EXPECT_FAILS(shared_region_new_numa(a.client, a.self, PAGE, SHARED_REGION_WRITE,
					    NO_NODE, &region),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(make(&a, PAGE, 0, NO_NODE, 0), INVALID_MEMORY_REGION);
	EXPECT_FAILS(make(&a, PAGE, 0, NO_NODE, SHARED_REGION_STRICT_NODE),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(make(&a, PAGE, 0, UINT32_MAX - 1, 0), INVALID_MEMORY_REGION);
	EXPECT(region == NULL && a.region == NULL);
	own_down(&a);
}

/* 3.12, S-13: node 0 and no node are two things. */
TEST(the_node_is_the_one_that_was_asked_for_or_any)
{
	shared_region *region = NULL;
	uint32_t node = 1;
	struct own a;

	own_attach(&a);
	need_node_0(&a);
	EXPECT_OK(shared_region_new_numa(a.client, a.self, PAGE, SHARED_REGION_WRITE, 0,
					 &region));
	EXPECT_OK(shared_region_numa_node(region, &node));
	EXPECT_EQ(node, 0);
	EXPECT_OK(shared_region_destroy(region));
	shared_region_release(region);
	EXPECT_OK(shared_region_new(a.client, a.self, PAGE, SHARED_REGION_WRITE, &region));
	EXPECT_OK(shared_region_numa_node(region, &node));
	EXPECT_EQ(node, SHARED_REGION_NUMA_ANY);
	shared_region_release(region);
	own_down(&a);
}

/* D-5, 9, 12.1, 18.22: it was allocated when it was made. */
TEST(strict_placement_is_what_the_kernel_measures)
{
	uint64_t pages[NODES] = { 0 }, absent = 1;
	struct own a;

	own_attach(&a);
	need_node_0(&a);
	EXPECT_OK(make(&a, 5 * PAGE, 0, 0, SHARED_REGION_STRICT_NODE));
	measure(&a, pages, &absent);
	EXPECT_EQ(pages[0], 5);
	EXPECT_EQ(absent, 0);
	own_down(&a);
}

/* 9 */
TEST(one_node_has_all_pages_where_there_is_one_node)
{
	uint64_t pages[NODES] = { 0 }, absent = 1;
	struct own a;

	if (!host_has_one_node())
		SKIP("this host has several nodes");
	own_make(&a, 7, SHARED_REGION_WRITE);
	measure(&a, pages, &absent);
	EXPECT_EQ(pages[0], 7);
	EXPECT_EQ(absent, 0);
	own_down(&a);
}

/* 3.12, V-12 */
TEST(pages_on_all_nodes_and_absent_ones_are_all_pages)
{
	uint64_t pages[NODES], absent = 0, sum = 0;
	struct own a;

	own_up(&a, 9);
	(void)memset(pages, 0xff, sizeof(pages));
	measure(&a, pages, &absent);
	for (unsigned node = 0; node < NODES; node++)
		sum += pages[node];
	EXPECT_EQ(sum + absent, 9);
	own_down(&a);
}

/* 3.12 */
TEST(placement_of_a_region_that_is_gone_is_an_invalid_memory_region)
{
	uint64_t pages[NODES], absent;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	measure(&a, pages, &absent);
	EXPECT_OK(shared_region_destroy(a.region));
	EXPECT_FAILS(shared_region_placement(a.region, pages, NODES, &absent),
		     INVALID_MEMORY_REGION);
	own_down(&a);
}

/* P-11, 18.22 */
TEST(usage_of_an_unknown_node_is_an_invalid_memory_region)
{
	uint64_t bytes = 5;
	struct own a;

	own_attach(&a);
	EXPECT_FAILS(shared_region_numa_usage(a.client, NO_NODE, &bytes),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_numa_usage(a.client, SHARED_REGION_NUMA_ANY, &bytes),
		     INVALID_MEMORY_REGION);
	EXPECT_EQ(bytes, 5);
	own_down(&a);
}

/* P-11, S-16: rounded when it comes, and rounded when it goes. */
TEST(usage_of_a_node_counts_whole_pages_exactly)
{
	shared_region *one = NULL, *other = NULL;
	uint64_t before = 0, now = 0;
	struct own a;

	if (!host_has_one_node())
		SKIP("this host has several nodes");
	own_attach(&a);
	EXPECT_OK(shared_region_numa_usage(a.client, 0, &before));
	EXPECT_OK(shared_region_new(a.client, a.self, PAGE + 1, SHARED_REGION_WRITE, &one));
	EXPECT_OK(shared_region_numa_usage(a.client, 0, &now));
	EXPECT_EQ(now, before + 2 * PAGE);
	EXPECT_OK(shared_region_new(a.client, a.self, 1, SHARED_REGION_WRITE, &other));
	EXPECT_OK(shared_region_numa_usage(a.client, 0, &now));
	EXPECT_EQ(now, before + 3 * PAGE);
	EXPECT_OK(shared_region_destroy(one));
	EXPECT_OK(shared_region_numa_usage(a.client, 0, &now));
	EXPECT_EQ(now, before + PAGE);
	EXPECT_OK(shared_region_destroy(other));
	EXPECT_OK(shared_region_numa_usage(a.client, 0, &now));
	EXPECT_EQ(now, before);
	shared_region_release(one);
	shared_region_release(other);
	own_down(&a);
}

/* ---- cache ------------------------------------------------------------------------------ */

/* 10, S-14, V-12, 18.23 */
TEST(write_back_is_the_only_policy_of_ordinary_memory)
{
	struct own a;

	own_attach(&a);
	for (uint32_t cache = 1; cache <= 3; cache++) {
		EXPECT_FAILS(make(&a, PAGE, cache, SHARED_REGION_NUMA_ANY, 0), NOT_SUPPORTED);
		EXPECT(a.region == NULL);
	}
	EXPECT_OK(make(&a, PAGE, SHARED_REGION_WRITE_BACK, SHARED_REGION_NUMA_ANY, 0));
	own_down(&a);
}

/* 10, 18.23 */
TEST(what_is_no_cache_policy_is_an_invalid_message)
{
	struct own a;

	own_attach(&a);
	EXPECT_FAILS(make(&a, PAGE, 4, SHARED_REGION_NUMA_ANY, 0), INVALID_MESSAGE);
	EXPECT_FAILS(make(&a, PAGE, UINT32_MAX, SHARED_REGION_NUMA_ANY, 0), INVALID_MESSAGE);
	/* Nothing is fallen back to from nothing. */
	EXPECT_FAILS(make(&a, PAGE, 4, SHARED_REGION_NUMA_ANY, SHARED_REGION_CACHE_FALLBACK),
		     INVALID_MESSAGE);
	own_down(&a);
}

/* 10 */
TEST(a_policy_falls_back_to_write_back_where_that_was_allowed)
{
	struct own a;

	own_attach(&a);
	for (uint32_t cache = 1; cache <= 3; cache++) {
		EXPECT_OK(make(&a, PAGE, cache, SHARED_REGION_NUMA_ANY,
			       SHARED_REGION_CACHE_FALLBACK));
		own_map(&a, SHARED_REGION_WRITE);
		EXPECT_OK(shared_region_unmap(a.region, a.self, SHARED_REGION_ASK));
		shared_region_release(a.region);
		a.region = NULL;
	}
	own_down(&a);
}

/* ---- physical addresses ----------------------------------------------------------------- */

/* 3.6, 11, G-11, 18.24 */
TEST(a_physical_address_is_not_supported_without_privilege)
{
	/* It is the broker's that counts. */
	pid_t broker = geteuid() == 0 ? broker_start_strong() : broker_start();
	struct agent b;

	agent_up(&b);
	EXPECT_OK(ask(&b, NEW, 0, PAGE, SHARED_REGION_WRITE));
	EXPECT_FAILS(ask(&b, PHYSICAL, 0), NOT_SUPPORTED);
	EXPECT_EQ(b.said[0], 0);
	agent_down(&b);
	broker_stop(broker);
}

/* 11: ordinary pages may move. */
TEST(many_ordinary_pages_have_no_physical_address)
{
	uint64_t address = 0x5a5a;
	struct own a;

	own_up(&a, 64);
	EXPECT_FAILS(shared_region_physical_base(a.region, &address), NOT_SUPPORTED);
	EXPECT_EQ(address, 0);
	own_down(&a);
}

/* 3.6, 3: authority comes first. */
TEST(a_physical_address_is_for_the_owner)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_READ);
	EXPECT_FAILS(ask(&b, PHYSICAL, 0), PERMISSION_DENIED);
	EXPECT_EQ(b.said[0], 0);
	agent_down(&b);
	own_down(&a);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_fork.c - a child of fork, and a program that is executed, start with nothing
 */
#include "rig.h"

#include <stdio.h>

static void touch_what_was_the_parents(void *arg)
{
	const struct own *a = arg;

	EXPECT_EQ(load_fault(a->at), SIGSEGV);
	EXPECT_EQ(store_fault(a->at + a->size - 1), SIGSEGV);
	EXPECT_STR(mapped_as(a->at), "");
}

/* S-33, 6.8, 18.21 */
TEST(the_parents_mapping_faults_in_a_child)
{
	struct own a;

	own_up(&a, 3);
	EXPECT_EQ(status_of(touch_what_was_the_parents, &a), 0);
	own_down(&a);
}

static void expect_fault(void *arg)
{
	EXPECT_EQ(load_fault(arg), SIGSEGV);
}

/* 6.8: whatever it is mapped with. */
TEST(a_read_only_mapping_faults_in_a_child_too)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_READ);
	own_map(&a, SHARED_REGION_READ);
	EXPECT_EQ(status_of(expect_fault, a.at), 0);
	own_down(&a);
}

static void use_the_parents_region(void *arg)
{
	uint64_t number = 0, pages[1];
	shared_region_cap cap = 0;
	struct own *a = arg;
	uint32_t node = 0;
	void *at = NULL;

	EXPECT_FAILS(shared_region_map(a->region, a->self, NULL, 1, &at), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_unmap(a->region, a->self, 0), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_destroy(a->region), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_physical_base(a->region, &number), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_numa_node(a->region, &node), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_placement(a->region, pages, 1, &number), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_transfer_ownership(a->region, 1), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_create_capability(a->region, 1, 1, &cap, NULL),
		     NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_share_with(a->region, 1, 1), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_root_capability(a->region, &cap), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_transfer(a->region, 1, 1, 0, 0, NULL), NOT_INITIALIZED);
	EXPECT(!shared_region_get_mapping(a->region, a->self, &at));
}

/* 6.8, 8, 18.21 */
TEST(a_region_of_the_parent_is_not_initialized_in_a_child)
{
	struct own a;

	own_up(&a, 1);
	EXPECT_EQ(status_of(use_the_parents_region, &a), 0);
	EXPECT(mapping_of(&a, a.self) == a.at);
	own_down(&a);
}

static void use_the_parents_client(void *arg)
{
	struct shared_region_cap_info info;
	struct shared_region_notice notice;
	struct shared_region_offer offer;
	struct shared_region_stats stats;
	shared_region *region = NULL;
	shared_region_cap cap = 0;
	uint64_t bytes = 0;
	struct own *a = arg;
	void *at = NULL;
	size_t got = 0;

	EXPECT_FAILS(shared_region_new(a->client, a->self, PAGE, 1, &region), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_new_with_policy(a->client, a->self, PAGE, 0,
						   SHARED_REGION_NUMA_ANY, 0, &region),
		     NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_new_numa(a->client, a->self, PAGE, 1, 0, &region),
		     NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_open(a->client, 1, &region), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_numa_usage(a->client, 0, &bytes), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_offer_wait(a->client, 0, &offer), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_accept(a->client, 1, NULL, 1, &region, &at),
		     NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_transfer_stats(a->client, &stats), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_cap_map(a->client, 1, NULL, 1, &region, &at),
		     NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_cap_derive(a->client, 1, 1, 1, &cap), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_cap_check(a->client, 1, 1), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_cap_info(a->client, 1, &info), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_cap_revoke(a->client, 1, 0, NULL), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_cap_delete(a->client, 1), NOT_INITIALIZED);
	EXPECT_FAILS(shared_region_notices_drain(a->client, &notice, 1, &got, NULL),
		     NOT_INITIALIZED);
}

/* 6.8, 8, 18.21 */
TEST(the_parents_client_is_not_initialized_in_a_child)
{
	struct own a;

	own_up(&a, 1);
	EXPECT_EQ(status_of(use_the_parents_client, &a), 0);
	/* Which has not spoken on the parent's connection. */
	EXPECT_OK(shared_region_cap_check(a.client, own_root(&a), WRITING | MANAGING));
	own_down(&a);
}

/* Descriptors of memory objects. */
static unsigned count_inherited(void)
{
	char path[64], target[128];
	unsigned count = 0;

	for (int fd = 3; fd < 1024; fd++) {
		ssize_t length;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		count += strncmp(target, "/memfd:", 7) == 0;
	}
	return count;
}

static void count_objects(void *arg)
{
	EXPECT_EQ(count_inherited(), *(unsigned *)arg);
}

/* 6.8: no descriptors that a mapping could be made of. */
TEST(a_child_has_no_descriptor_of_a_region)
{
	unsigned before = count_inherited();
	struct own a;

	own_up(&a, 4);
	EXPECT_EQ(status_of(count_objects, &before), 0);
	own_down(&a);
}

struct family {
	struct own *parent;
	shared_region_cap cap;
};

static void attach_anew(void *arg)
{
	struct family *f = arg;
	shared_region *region = NULL;
	void *at = NULL;
	struct own child;

	own_up(&child, 1);
	EXPECT(child.self != f->parent->self);
	EXPECT(is_filled(child.at, PAGE, 0));
	child.at[0] = 1;
	/* What the parent holds is not the child's. */
	EXPECT_FAILS(shared_region_cap_check(child.client, f->cap, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(
		shared_region_open(child.client, shared_region_id(f->parent->region), &region),
		INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_cap_map(child.client, f->cap, NULL, 1, &region, &at),
		     INVALID_CAPABILITY);
	own_down(&child);
}

/* S-33, 6.8 */
TEST(a_child_attaches_as_a_process_of_its_own_and_has_nothing)
{
	struct family f;
	struct own a;

	own_up(&a, 1);
	a.at[0] = 0xA1;
	f = (struct family){ .parent = &a, .cap = own_derive(&a, WRITING, a.self) };
	EXPECT_EQ(status_of(attach_anew, &f), 0);
	EXPECT_EQ(a.at[0], 0xA1);
	EXPECT_OK(shared_region_cap_check(a.client, f.cap, WRITING));
	own_down(&a);
}

static void give_up_what_was_the_parents(void *arg)
{
	struct own *a = arg;

	shared_region_release(a->region);
	shared_region_detach(a->client);
}

/* 6.8 */
TEST(what_a_child_gives_up_the_parent_keeps)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	EXPECT_EQ(status_of(give_up_what_was_the_parents, &a), 0);
	EXPECT(mapping_of(&a, a.self) == a.at);
	EXPECT_EQ(store_fault(a.at), 0);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	agent_down(&b);
	own_down(&a);
}

static void do_nothing(void *arg)
{
	(void)arg;
}

/* 7: the child's end is not the parent's. */
TEST(a_childs_end_is_no_end_of_its_parent)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	for (unsigned i = 0; i < 5; i++)
		EXPECT_EQ(status_of(do_nothing, NULL), 0);
	EXPECT_OK(ask(&b, CHECK, cap, WRITING));
	EXPECT_EQ(ask(&b, STORE, 0, 0, 0xA2), 0);
	EXPECT_EQ(a.at[0], 0xA2);
	agent_down(&b);
	own_down(&a);
}

static void outlive(void *arg)
{
	shared_region_client *client = NULL;
	shared_region *region = NULL;

	(void)arg;
	EXPECT_OK(shared_region_attach(NULL, 0, &client));
	EXPECT_OK(shared_region_new(client, shared_region_self(client), PAGE,
				    SHARED_REGION_WRITE, &region));
	/* Both end with the process, and neither is tidied up. */
}

/* 7 */
TEST(regions_of_a_child_end_with_the_child)
{
	uint64_t before = 0, now = 0;
	struct own a;

	own_attach(&a);
	EXPECT_OK(shared_region_numa_usage(a.client, 0, &before));
	EXPECT_EQ(status_of(outlive, NULL), 0);
	EXPECT_WITHIN(SOON, shared_region_numa_usage(a.client, 0, &now) == 0 && now == before);
	own_down(&a);
}

/* ---- executing -------------------------------------------------------------------------- */

/* 6.8: mappings and descriptors vanish; the session ends. */
TEST(a_process_that_executes_another_program_is_gone)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	EXPECT(mapping_of(&a, b.self) != NULL);
	order(&b, EXEC);
	EXPECT_WITHIN(SOON, mapping_of(&a, b.self) == NULL);
	EXPECT_FAILS(shared_region_share_with(a.region, b.self, SHARED_REGION_READ),
		     PROCESS_NOT_FOUND);
	EXPECT_OK(shared_region_unmap(a.region, a.self, SHARED_REGION_ASK));
	EXPECT_WITHIN(SOON, shared_region_destroy(a.region) == 0);
	EXPECT(cap != 0);
	/* It is alive all the time. */
	EXPECT_EQ(kill(b.pid, 0), 0);
	agent_down(&b);
	own_down(&a);
}

/* 6.8: what another program has of it. */
TEST(an_executed_program_has_no_descriptor_and_no_mapping_of_a_region)
{
	struct agent b;
	uint64_t bytes;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	order(&b, EXEC);
	EXPECT_WITHIN(SOON, mapping_of(&a, b.self) == NULL);
	EXPECT_EQ(objects_of(b.pid, &bytes), 0);
	agent_down(&b);
	own_down(&a);
}

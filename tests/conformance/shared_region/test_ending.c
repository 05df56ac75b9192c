/* SPDX-License-Identifier: MIT */
/*
 * test_ending.c - shared_region_open(), destroy() and dump()
 */
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- finding ---------------------------------------------------------------------------- */

/* 4, S-17 */
TEST(an_owner_opens_his_region_by_its_id)
{
	shared_region *region = NULL;
	struct own a;

	own_make(&a, 3, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_open(a.client, shared_region_id(a.region), &region));
	EXPECT_EQ(shared_region_id(region), shared_region_id(a.region));
	EXPECT_EQ(shared_region_size(region), 3 * PAGE);
	shared_region_release(region);
	own_down(&a);
}

/* 4 */
TEST(a_holder_a_grantee_and_a_mapper_open_the_region)
{
	struct agent b, c, d;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	agent_up(&d);
	own_up(&a, 1);
	(void)own_derive(&a, SHARED_REGION_RIGHT_READ, b.self);
	EXPECT_OK(shared_region_share_with(a.region, c.self, SHARED_REGION_READ));
	(void)share(&a, &d, SHARED_REGION_READ);
	EXPECT_OK(ask(&b, OPEN, 0, shared_region_id(a.region)));
	EXPECT_OK(ask(&c, OPEN, 0, shared_region_id(a.region)));
	EXPECT_OK(ask(&d, OPEN, 1, shared_region_id(a.region)));
	agent_down(&d);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* G-10: nobody learns whether it exists. */
TEST(a_region_of_others_is_opened_like_one_that_is_not_there)
{
	shared_region *region = NULL;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&b, OPEN, 0, shared_region_id(a.region)), INVALID_MEMORY_REGION);
	EXPECT_FAILS(ask(&b, OPEN, 0, shared_region_id(a.region) + 1000),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_open(a.client, 0, &region), INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_open(a.client, UINT64_MAX, &region), INVALID_MEMORY_REGION);
	EXPECT(region == NULL);
	agent_down(&b);
	own_down(&a);
}

/* 4, 18.18 */
TEST(a_region_that_is_gone_is_not_opened)
{
	shared_region *region = NULL;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_destroy(a.region));
	EXPECT_FAILS(shared_region_open(a.client, shared_region_id(a.region), &region),
		     INVALID_MEMORY_REGION);
	own_down(&a);
}

/* ---- ending ----------------------------------------------------------------------------- */

/* P-9, S-3, G-4, 18.18 */
TEST(a_region_that_is_mapped_is_busy_whoever_has_it)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	(void)share(&a, &b, SHARED_REGION_READ);
	EXPECT_OK(shared_region_unmap(a.region, a.self, SHARED_REGION_ASK));
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	EXPECT_EQ(ask(&b, LOAD, 0, 0), 0);
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(shared_region_destroy(a.region));
	agent_down(&b);
	own_down(&a);
}

/* G-4, V-2 */
TEST(a_region_with_an_open_offer_is_busy_until_it_is_withdrawn)
{
	shared_region_cap cap = 0;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_create_capability(a.region, b.self, SHARED_REGION_SHARE, &cap,
						  NULL));
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_ASK, NULL));
	EXPECT_OK(shared_region_destroy(a.region));
	agent_down(&b);
	own_down(&a);
}

/* G-4, V-2 */
TEST(a_region_with_a_pending_grant_is_busy)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_share_with(a.region, b.self, SHARED_REGION_READ));
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	agent_down(&b);
	own_down(&a);
}

/* G-4 */
TEST(capabilities_that_nobody_has_mapped_are_revoked_with_the_region)
{
	shared_region_cap cap, mine;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = share(&a, &b, SHARED_REGION_READ);
	mine = own_derive(&a, READING, a.self);
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(shared_region_destroy(a.region));
	EXPECT_FAILS(ask(&b, CHECK, cap, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_READ), INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_check(a.client, mine, 0), INVALID_CAPABILITY);
	agent_down(&b);
	own_down(&a);
}

/* P-9, 2.2, 18.18 */
TEST(everything_on_a_region_that_is_gone_is_an_invalid_memory_region)
{
	shared_region_cap cap = 0;
	struct agent b;
	void *at = NULL;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_destroy(a.region));
	EXPECT_FAILS(shared_region_destroy(a.region), INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_map(a.region, a.self, NULL, SHARED_REGION_READ, &at),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_unmap(a.region, a.self, SHARED_REGION_ASK),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_create_capability(a.region, b.self, SHARED_REGION_SHARE,
						     &cap, NULL),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(
		shared_region_transfer(a.region, b.self, SHARED_REGION_SHARE, 0, LONG, NULL),
		INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_root_capability(a.region, &cap), INVALID_MEMORY_REGION);
	EXPECT(mapping_of(&a, a.self) == NULL);
	agent_down(&b);
	own_down(&a);
}

/* 4 */
TEST(who_has_no_right_to_delete_ends_no_region)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	(void)share_rights(&a, &b, PASSING_ON | SHARED_REGION_RIGHT_REVOKE,
			   SHARED_REGION_WRITE);
	/* 3: authority comes before the state. */
	EXPECT_FAILS(ask(&b, END, 0), PERMISSION_DENIED);
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_FAILS(ask(&b, END, 0), PERMISSION_DENIED);
	EXPECT_OK(shared_region_destroy(a.region));
	agent_down(&b);
	own_down(&a);
}

/* 1.6, 4 */
TEST(who_holds_delete_ends_the_region)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	(void)share_rights(&a, &b, READING | SHARED_REGION_RIGHT_DELETE, SHARED_REGION_READ);
	EXPECT_FAILS(ask(&b, END, 0), RESOURCE_BUSY);
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&b, END, 0));
	EXPECT_FAILS(shared_region_destroy(a.region), INVALID_MEMORY_REGION);
	agent_down(&b);
	own_down(&a);
}

/* S-3, 18.18: the system has it back. */
TEST(memory_of_a_region_that_is_gone_returns_to_the_system)
{
	pid_t broker = broker_start();
	uint64_t bytes = 0, before = 0;
	unsigned objects;
	struct own a;

	own_attach(&a);
	objects = objects_of(broker, &before);
	if (objects == 0)
		SKIP("only root sees what a broker has open");
	a.size = 4096 * PAGE;
	EXPECT_OK(shared_region_new(a.client, a.self, a.size, SHARED_REGION_WRITE, &a.region));
	own_map(&a, SHARED_REGION_WRITE);
	(void)objects_of(broker, &bytes);
	EXPECT(bytes >= before + a.size);
	EXPECT_OK(shared_region_unmap(a.region, a.self, SHARED_REGION_ASK));
	EXPECT_OK(shared_region_destroy(a.region));
	EXPECT_WITHIN(SOON, objects_of(broker, &bytes) == objects && bytes <= before);
	own_down(&a);
	broker_stop(broker);
}

/* ---- in words --------------------------------------------------------------------------- */

static char *dumped(struct own *a)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	EXPECT(out != NULL);
	EXPECT_OK(shared_region_dump(a->region, out));
	EXPECT_EQ(fclose(out), 0);
	EXPECT(size > 0);
	return text;
}

static bool says(const char *text, uint64_t number)
{
	char decimal[32], hexadecimal[32];

	(void)snprintf(decimal, sizeof(decimal), "%" PRIu64, number);
	(void)snprintf(hexadecimal, sizeof(hexadecimal), "%" PRIx64, number);
	return strstr(text, decimal) || strstr(text, hexadecimal);
}

/* 3.13 */
TEST(a_dump_says_the_id_the_size_and_the_owner)
{
	char *text;
	struct own a;

	own_make(&a, 777, SHARED_REGION_WRITE);
	text = dumped(&a);
	EXPECT(says(text, shared_region_id(a.region)));
	EXPECT(says(text, a.size));
	EXPECT(says(text, a.self));
	free(text);
	own_down(&a);
}

/* 3.13 */
TEST(a_dump_changes_when_somebody_maps)
{
	char *before, *after;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	before = dumped(&a);
	(void)share(&a, &b, SHARED_REGION_READ);
	after = dumped(&a);
	EXPECT(strcmp(before, after) != 0);
	free(before);
	free(after);
	agent_down(&b);
	own_down(&a);
}

/* 3.13 */
TEST(a_dump_tells_nobody_but_the_owner_where_others_have_it)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_READ);
	EXPECT_OK(ask(&b, DUMP, 0, (uintptr_t)a.at));
	EXPECT(!b.said[0]);
	agent_down(&b);
	own_down(&a);
}

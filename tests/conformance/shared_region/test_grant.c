/* SPDX-License-Identifier: MIT */
/*
 * test_grant.c - shared_region_share_with(): grants that the grantee's map takes up
 */
#include "rig.h"

static int grant(struct own *a, shared_region_pid target, uint32_t perm)
{
	return shared_region_share_with(a->region, target, perm);
}

/* 4, S-8: the pending grant does not block the map it is for. */
TEST(a_grant_is_taken_up_by_mapping)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	a.at[0] = 0x17;
	EXPECT_OK(grant(&a, b.self, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&b, OPEN, 0, shared_region_id(a.region)));
	EXPECT_OK(ask(&b, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(agent_byte(&b, 0, 0), 0x17);
	EXPECT_EQ(ask(&b, STORE, 0, 1, 0x18), 0);
	EXPECT_EQ(a.at[1], 0x18);
	EXPECT((uintptr_t)mapping_of(&a, b.self) != 0);
	agent_down(&b);
	own_down(&a);
}

/* S-8: with the permission that was granted, and not always for writing. */
TEST(a_grant_to_read_maps_for_reading_only)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	EXPECT_OK(grant(&a, b.self, SHARED_REGION_READ));
	EXPECT_OK(ask(&b, OPEN, 0, shared_region_id(a.region)));
	EXPECT_FAILS(ask(&b, MAP, 0, SHARED_REGION_WRITE, 0), PERMISSION_DENIED);
	EXPECT_OK(ask(&b, MAP, 0, SHARED_REGION_READ, 0));
	EXPECT_EQ(ask(&b, STORE, 0, 0, 1), SIGSEGV);
	agent_down(&b);
	own_down(&a);
}

/* P-10 */
TEST(granting_again_changes_nothing)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(grant(&a, b.self, SHARED_REGION_READ));
	EXPECT_OK(grant(&a, b.self, SHARED_REGION_READ));
	EXPECT_OK(grant(&a, b.self, SHARED_REGION_READ));
	/* One reference, which one unmap gives back. */
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	EXPECT_OK(shared_region_unmap(a.region, b.self, SHARED_REGION_ASK));
	EXPECT_OK(shared_region_destroy(a.region));
	agent_down(&b);
	own_down(&a);
}

/* P-10: also to who has it mapped. */
TEST(granting_to_who_has_it_mapped_changes_nothing)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	(void)share(&a, &b, SHARED_REGION_READ);
	EXPECT_OK(grant(&a, b.self, SHARED_REGION_READ));
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(shared_region_destroy(a.region));
	agent_down(&b);
	own_down(&a);
}

/* G-13, 18.25 */
TEST(granting_what_is_no_permission_is_an_invalid_message)
{
	static const uint32_t none[] = { 0, 2, 6, 8, UINT32_MAX };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_READ_WRITE_EXECUTE);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		EXPECT_FAILS(grant(&a, b.self, none[i]), INVALID_MESSAGE);
	EXPECT_FAILS(grant(&a, NOBODY, 0), INVALID_MESSAGE);
	EXPECT_OK(shared_region_destroy(a.region));
	agent_down(&b);
	own_down(&a);
}

/* 4, 18.10 */
TEST(nobody_grants_beyond_the_ceiling)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_READ);
	EXPECT_FAILS(grant(&a, b.self, SHARED_REGION_WRITE), PERMISSION_DENIED);
	EXPECT_FAILS(grant(&a, b.self, SHARED_REGION_READ_EXECUTE), PERMISSION_DENIED);
	EXPECT_OK(grant(&a, b.self, SHARED_REGION_READ));
	agent_down(&b);
	own_down(&a);
}

/* 4 */
TEST(who_may_not_grant_grants_nothing)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&b, SHARE_WITH, 0, c.self, SHARED_REGION_READ), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, SHARE_WITH, 0, NOBODY, SHARED_REGION_READ), PERMISSION_DENIED);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 4: owner or GRANT holder. */
TEST(who_holds_grant_grants_what_he_holds)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	(void)share_rights(&a, &b, READING | SHARED_REGION_RIGHT_GRANT, SHARED_REGION_READ);
	EXPECT_FAILS(ask(&b, SHARE_WITH, 0, c.self, SHARED_REGION_WRITE), PERMISSION_DENIED);
	EXPECT_OK(ask(&b, SHARE_WITH, 0, c.self, SHARED_REGION_READ));
	EXPECT_OK(ask(&c, OPEN, 0, shared_region_id(a.region)));
	EXPECT_OK(ask(&c, MAP, 0, SHARED_REGION_READ, 0));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 13 */
TEST(granting_to_a_missing_process_finds_no_process)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(grant(&a, NOBODY, SHARED_REGION_READ), PROCESS_NOT_FOUND);
	EXPECT_FAILS(grant(&a, 0, SHARED_REGION_READ), PROCESS_NOT_FOUND);
	own_down(&a);
}

/* 2.2 */
TEST(granting_what_is_gone_is_an_invalid_memory_region)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_destroy(a.region));
	EXPECT_FAILS(grant(&a, b.self, SHARED_REGION_READ), INVALID_MEMORY_REGION);
	agent_down(&b);
	own_down(&a);
}

/* 4, V-2 */
TEST(a_grant_is_withdrawn_by_the_granter)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(grant(&a, b.self, SHARED_REGION_READ));
	EXPECT_OK(ask(&b, OPEN, 0, shared_region_id(a.region)));
	EXPECT_OK(shared_region_unmap(a.region, b.self, SHARED_REGION_ASK));
	EXPECT_FAILS(ask(&b, MAP, 0, SHARED_REGION_READ, 0), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, OPEN, 1, shared_region_id(a.region)), INVALID_MEMORY_REGION);
	EXPECT_OK(shared_region_destroy(a.region));
	agent_down(&b);
	own_down(&a);
}

/* 4, 7 */
TEST(a_grant_is_withdrawn_when_the_grantee_exits)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(grant(&a, b.self, SHARED_REGION_READ));
	EXPECT_OK(grant(&a, c.self, SHARED_REGION_READ));
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	agent_kill(&b);
	agent_down(&c);
	EXPECT_WITHIN(SOON, shared_region_destroy(a.region) == 0);
	own_down(&a);
}

/* 2.3: pending is not mapped. */
TEST(a_grant_is_no_mapping)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(grant(&a, b.self, SHARED_REGION_READ));
	EXPECT(mapping_of(&a, b.self) == NULL);
	agent_down(&b);
	own_down(&a);
}

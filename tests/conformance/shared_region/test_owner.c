/* SPDX-License-Identifier: MIT */
/*
 * test_owner.c - shared_region_transfer_ownership() and the root capability
 */
#include "rig.h"

/* The owner is who may ask for the root. */
static bool is_owner(struct agent *b)
{
	return ask(b, ROOT, 0) == 0;
}

/* 3.9 */
TEST(the_new_owner_is_owner_and_the_old_one_is_not)
{
	shared_region_cap root = 0;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	EXPECT_OK(shared_region_transfer_ownership(a.region, b.self));
	EXPECT_OK(ask(&b, OPEN, 0, shared_region_id(a.region)));
	EXPECT(is_owner(&b));
	EXPECT_FAILS(shared_region_root_capability(a.region, &root), PERMISSION_DENIED);
	EXPECT_EQ(root, 0);
	agent_down(&b);
	own_down(&a);
}

/* 3.9, 18.13 */
TEST(the_old_owner_grants_no_more)
{
	shared_region_cap cap = 0;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	EXPECT_OK(shared_region_transfer_ownership(a.region, b.self));
	EXPECT_FAILS(shared_region_create_capability(a.region, c.self, SHARED_REGION_SHARE,
						     &cap, NULL),
		     PERMISSION_DENIED);
	EXPECT_FAILS(shared_region_share_with(a.region, c.self, SHARED_REGION_READ),
		     PERMISSION_DENIED);
	EXPECT_FAILS(
		shared_region_transfer(a.region, c.self, SHARED_REGION_SHARE, 0, LONG, NULL),
		PERMISSION_DENIED);
	EXPECT_FAILS(shared_region_transfer_ownership(a.region, c.self), PERMISSION_DENIED);
	EXPECT_FAILS(shared_region_unmap(a.region, c.self, SHARED_REGION_ASK),
		     PERMISSION_DENIED);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 3.9: the root moves, and is no longer the old owner's. */
TEST(the_root_capability_moves_to_the_new_owner)
{
	shared_region_cap root, child = 0;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	root = own_root(&a);
	EXPECT_OK(shared_region_transfer_ownership(a.region, b.self));
	EXPECT_FAILS(shared_region_cap_check(a.client, root, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_derive(a.client, root, SHARED_REGION_RIGHT_READ, a.self,
					      &child),
		     INVALID_CAPABILITY);
	EXPECT_OK(ask(&b, OPEN, 0, shared_region_id(a.region)));
	EXPECT_OK(ask(&b, ROOT, 0));
	EXPECT_OK(ask(&b, INFO, b.said[0]));
	EXPECT_EQ(b.said[1], WRITING | MANAGING);
	agent_down(&b);
	own_down(&a);
}

/* 3.9 */
TEST(the_old_owner_keeps_its_mapping_and_the_new_one_may_end_it)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	EXPECT_OK(shared_region_transfer_ownership(a.region, b.self));
	EXPECT_EQ(store_fault(a.at), 0);
	EXPECT(mapping_of(&a, a.self) == a.at);
	EXPECT_OK(ask(&b, OPEN, 0, shared_region_id(a.region)));
	EXPECT_OK(ask(&b, MAP, 0, SHARED_REGION_WRITE, 0));
	a.at[0] = 0x19;
	EXPECT_EQ(agent_byte(&b, 0, 0), 0x19);
	EXPECT_OK(ask(&b, UNMAP, 0, a.self, SHARED_REGION_ASK));
	EXPECT_EQ(load_fault(a.at), SIGSEGV);
	agent_down(&b);
	own_down(&a);
}

/* 3.9 */
TEST(the_old_owner_keeps_capabilities_beside_the_root)
{
	shared_region_cap beside;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	beside = own_derive(&a, READING, a.self);
	EXPECT_OK(shared_region_transfer_ownership(a.region, b.self));
	EXPECT_OK(shared_region_cap_check(a.client, beside, READING));
	own_map(&a, SHARED_REGION_READ);
	agent_down(&b);
	own_down(&a);
}

/* 3.9: descendants stay valid under the root. */
TEST(what_others_hold_stays_and_is_the_new_owners_to_revoke)
{
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share(&a, &c, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_transfer_ownership(a.region, b.self));
	EXPECT_OK(ask(&c, CHECK, cap, WRITING));
	EXPECT_EQ(ask(&c, LOAD, 0, 0), 0);
	EXPECT_FAILS_EITHER(shared_region_cap_revoke(a.client, cap, SHARED_REGION_ASK, NULL),
			    PERMISSION_DENIED, INVALID_CAPABILITY);
	EXPECT_OK(ask(&b, REVOKE, cap, SHARED_REGION_ASK));
	EXPECT_EQ(b.said[0], 1);
	EXPECT_FAILS(ask(&c, CHECK, cap, 0), INVALID_CAPABILITY);
	EXPECT_EQ(ask(&c, LOAD, 0, 0), SIGSEGV);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* P-5, 18.13 */
TEST(a_missing_process_owns_nothing)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(shared_region_transfer_ownership(a.region, NOBODY), PROCESS_NOT_FOUND);
	EXPECT_FAILS(shared_region_transfer_ownership(a.region, 0), PROCESS_NOT_FOUND);
	EXPECT(own_root(&a) != 0);
	own_down(&a);
}

/* S-10, 1.1, 7: one that has begun to exit is not live, nor is a zombie. */
TEST(a_zombie_owns_nothing)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_EQ(kill(b.pid, SIGKILL), 0);
	EXPECT_EQ(waitid(P_PID, (id_t)b.pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	/* It is one now; the broker hears of it from the kernel. */
	EXPECT_WITHIN(SOON, shared_region_share_with(a.region, b.self, SHARED_REGION_READ) ==
				    SHARED_REGION_PROCESS_NOT_FOUND);
	EXPECT_FAILS(shared_region_transfer_ownership(a.region, b.self), PROCESS_NOT_FOUND);
	EXPECT(own_root(&a) != 0);
	agent_expect_killed(&b);
	own_down(&a);
}

/* S-10, 18.13 */
TEST(only_the_owner_transfers_ownership)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share_rights(&a, &b, WRITING | MANAGING, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&b, OWNER, 0, b.self), PERMISSION_DENIED);
	/* 3: authority comes before the existence of others. */
	EXPECT_FAILS(ask(&b, OWNER, 0, NOBODY), PERMISSION_DENIED);
	EXPECT(own_root(&a) != 0);
	agent_down(&b);
	own_down(&a);
}

/* 3.9, G-14 */
TEST(transferring_ownership_to_oneself_changes_nothing)
{
	shared_region_cap root;
	struct own a;

	own_up(&a, 1);
	root = own_root(&a);
	EXPECT_OK(shared_region_transfer_ownership(a.region, a.self));
	EXPECT_EQ(own_root(&a), root);
	EXPECT(mapping_of(&a, a.self) == a.at);
	own_down(&a);
}

/* 2.2 */
TEST(ownership_of_what_is_gone_is_an_invalid_memory_region)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_destroy(a.region));
	EXPECT_FAILS(shared_region_transfer_ownership(a.region, b.self), INVALID_MEMORY_REGION);
	agent_down(&b);
	own_down(&a);
}

/* 2.2, 3.9 */
TEST(ownership_is_busy_while_a_move_is_under_way)
{
	shared_region_cap cap = 0;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_create_capability(a.region, b.self, SHARED_REGION_MOVE, &cap,
						  NULL));
	EXPECT_FAILS(shared_region_transfer_ownership(a.region, b.self), RESOURCE_BUSY);
	agent_down(&b);
	own_down(&a);
}

/* 3.9, D-2: the byte quota moves with it. */
TEST(ownership_is_refused_beyond_the_new_owners_quota)
{
	const long pages = sysconf(_SC_PHYS_PAGES) / 150;
	shared_region *region = NULL;
	struct agent b;
	struct own a;

	if ((size_t)pages * PAGE > (size_t)400 << 20)
		SKIP("a hundredth of this host's memory is too much to risk");
	serve_others();
	test_configure("[limits]\nmax-user-memory = 1\n");
	own_attach(&a);
	agent_up_as(&b, USER_B);
	/* Two thirds of what each may have. */
	EXPECT_OK(shared_region_new(a.client, a.self, (size_t)pages * PAGE, SHARED_REGION_WRITE,
				    &region));
	EXPECT_OK(ask(&b, NEW, 0, (uint64_t)pages * PAGE, SHARED_REGION_WRITE));
	EXPECT_FAILS(shared_region_transfer_ownership(region, b.self), OUT_OF_MEMORY);
	EXPECT_OK(ask(&b, END, 0));
	EXPECT_OK(shared_region_transfer_ownership(region, b.self));
	shared_region_release(region);
	agent_down(&b);
	own_down(&a);
}

/* ---- the root --------------------------------------------------------------------------- */

/* 1.6, G-2 */
TEST(a_root_has_the_ceiling_and_every_right_to_manage)
{
	static const uint32_t ceilings[] = { 1, 3, 4, 5, 7 };
	struct own a;

	own_attach(&a);
	for (size_t i = 0; i < 5; i++) {
		struct shared_region_cap_info info = { 0 };

		EXPECT_OK(shared_region_new(a.client, a.self, PAGE, ceilings[i], &a.region));
		EXPECT_OK(shared_region_cap_info(a.client, own_root(&a), &info));
		EXPECT_EQ(info.rights, ceilings[i] | MANAGING);
		EXPECT_EQ(info.region_id, shared_region_id(a.region));
		EXPECT_EQ(info.state, SHARED_REGION_CAP_HELD);
		shared_region_release(a.region);
	}
	a.region = NULL;
	own_down(&a);
}

/* G-2 */
TEST(a_region_has_one_root)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_EQ(own_root(&a), own_root(&a));
	own_down(&a);
}

/* G-2 */
TEST(a_root_is_not_for_holders)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&b, ROOT, 0), PERMISSION_DENIED);
	EXPECT_EQ(b.said[0], 0);
	agent_down(&b);
	own_down(&a);
}

/* G-15 */
TEST(an_owner_does_not_revoke_his_own_root)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_FAILS(shared_region_cap_revoke(a.client, own_root(&a), SHARED_REGION_ASK, NULL),
		     PERMISSION_DENIED);
	EXPECT_EQ(ask(&b, LOAD, 0, 0), 0);
	EXPECT_OK(shared_region_cap_check(a.client, own_root(&a), WRITING | MANAGING));
	agent_down(&b);
	own_down(&a);
}

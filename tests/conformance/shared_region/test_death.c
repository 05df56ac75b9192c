/* SPDX-License-Identifier: MIT */
/*
 * test_death.c - processes that are killed: mappers, holders, owners
 *
 * The broker hears of a death from the kernel, so everything here is waited for.
 */
#include "rig.h"

/* ---- mappers and holders ---------------------------------------------------------------- */

/* S-32, V-8, 18.19 */
TEST(entries_of_a_killed_mapper_are_gone)
{
	struct agent b;
	shared_region_pid dead;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	dead = b.self;
	EXPECT(mapping_of(&a, dead) != NULL);
	agent_kill(&b);
	EXPECT_WITHIN(SOON, mapping_of(&a, dead) == NULL);
	EXPECT_FAILS(shared_region_unmap(a.region, dead, SHARED_REGION_ASK),
		     INVALID_MEMORY_REGION);
	own_down(&a);
}

/* S-32, V-2, 18.19 */
TEST(a_killed_mapper_counts_no_more)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	agent_kill(&b);
	EXPECT_WITHIN(SOON, shared_region_destroy(a.region) == 0);
	own_down(&a);
}

/* 7: its offers are withdrawn. */
TEST(an_offer_to_a_killed_process_counts_no_more)
{
	shared_region_cap cap = 0;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_create_capability(a.region, b.self, SHARED_REGION_SHARE, &cap,
						  NULL));
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	agent_kill(&b);
	EXPECT_WITHIN(SOON, shared_region_destroy(a.region) == 0);
	own_down(&a);
}

/* 5.2, 7: an unanswered Move to it reverts. */
TEST(a_move_to_a_killed_process_reverts)
{
	shared_region_cap cap = 0;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	EXPECT_OK(shared_region_create_capability(a.region, b.self, SHARED_REGION_MOVE, &cap,
						  NULL));
	EXPECT_FAILS(shared_region_share_with(a.region, c.self, SHARED_REGION_READ),
		     RESOURCE_BUSY);
	agent_kill(&b);
	EXPECT_WITHIN(SOON,
		      shared_region_share_with(a.region, c.self, SHARED_REGION_READ) == 0);
	EXPECT(own_root(&a) != 0);
	agent_down(&c);
	own_down(&a);
}

/* 7: no new grant or transfer is for it. */
TEST(a_killed_process_is_not_found)
{
	shared_region_cap cap = 0;
	shared_region_pid dead;
	struct agent b;
	void *at = NULL;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	dead = b.self;
	agent_kill(&b);
	EXPECT_WITHIN(SOON, shared_region_map(a.region, dead, NULL, SHARED_REGION_READ, &at) ==
				    SHARED_REGION_PROCESS_NOT_FOUND);
	EXPECT_FAILS(shared_region_transfer_ownership(a.region, dead), PROCESS_NOT_FOUND);
	EXPECT_FAILS(shared_region_share_with(a.region, dead, SHARED_REGION_READ),
		     PROCESS_NOT_FOUND);
	EXPECT_FAILS(shared_region_create_capability(a.region, dead, SHARED_REGION_SHARE, &cap,
						     NULL),
		     PROCESS_NOT_FOUND);
	EXPECT_FAILS(shared_region_transfer(a.region, dead, SHARED_REGION_MOVE, 0, LONG, NULL),
		     PROCESS_NOT_FOUND);
	EXPECT_FAILS(shared_region_cap_derive(a.client, own_root(&a), READING, dead, &cap),
		     PROCESS_NOT_FOUND);
	own_down(&a);
}

/* D-10, 7 */
TEST(children_of_a_killed_holder_keep_access_and_can_be_revoked)
{
	shared_region_cap cap, child;
	struct agent b, c;
	uint32_t count = 0;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share_rights(&a, &b, PASSING_ON, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, DERIVE, cap, READING, c.self));
	child = b.said[0];
	EXPECT_OK(ask(&c, CAP_MAP, 0, child, SHARED_REGION_READ));
	cap = b.self;
	agent_kill(&b);
	EXPECT_WITHIN(SOON, mapping_of(&a, cap) == NULL);
	EXPECT_EQ(ask(&c, LOAD, 0, 0), 0);
	EXPECT_OK(ask(&c, CHECK, child, READING));
	EXPECT_OK(shared_region_cap_revoke(a.client, child, SHARED_REGION_ASK, &count));
	EXPECT_EQ(count, 1);
	EXPECT_EQ(ask(&c, LOAD, 0, 0), SIGSEGV);
	agent_down(&c);
	own_down(&a);
}

/* 18.19: waiting peers are released. */
TEST(who_waits_for_a_stopped_process_is_released_when_it_is_killed)
{
	struct agent a, b;

	agent_up(&a);
	agent_up(&b);
	EXPECT_OK(ask(&a, NEW, 0, PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&a, MAP, 0, SHARED_REGION_WRITE, 0));
	agent_stop(&b);
	order(&a, TRANSFER, 0, b.self, SHARED_REGION_MOVE, SHARED_REGION_ASK, (uint64_t)-1);
	agent_kill(&b);
	EXPECT_FAILS(hear(&a), PROCESS_NOT_FOUND);
	EXPECT_OK(ask(&a, ROOT, 0));
	EXPECT_EQ(ask(&a, STORE, 0, 0, 1), 0);
	agent_down(&a);
}

/* 7: death during REKEYING is an unmap. */
TEST(a_fence_goes_on_when_a_survivor_is_killed)
{
	struct agent a, b, c;

	agent_up(&a);
	agent_up(&b);
	agent_up(&c);
	EXPECT_OK(ask(&a, NEW, 0, PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&a, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&a, STORE, 0, 0, 0xB1), 0);
	EXPECT_OK(ask(&a, OFFER, 0, b.self, SHARED_REGION_SHARE));
	EXPECT_OK(ask(&b, ACCEPT, 0, a.said[0], SHARED_REGION_WRITE));
	EXPECT_OK(ask(&a, OFFER, 0, c.self, SHARED_REGION_SHARE));
	EXPECT_OK(ask(&c, ACCEPT, 0, a.said[0], SHARED_REGION_WRITE));
	agent_stop(&c);
	order(&a, UNMAP, 0, b.self, SHARED_REGION_FENCE);
	agent_kill(&c);
	EXPECT_OK(hear(&a));
	EXPECT_EQ(agent_byte(&a, 0, 0), 0xB1);
	EXPECT_EQ(ask(&a, STORE, 0, 0, 0xB2), 0);
	agent_down(&b);
	agent_down(&a);
}

/* ---- owners ----------------------------------------------------------------------------- */

/* A region of @owner that @b has mapped by a Share. */
static uint64_t shared_by(struct agent *owner, struct agent *b, shared_region_cap *ret_cap)
{
	uint64_t id;

	EXPECT_OK(ask(owner, NEW, 0, PAGE, SHARED_REGION_WRITE));
	id = owner->said[0];
	EXPECT_OK(ask(owner, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(owner, STORE, 0, 0, 0xB3), 0);
	EXPECT_OK(ask(owner, OFFER, 0, b->self, SHARED_REGION_SHARE));
	*ret_cap = owner->said[0];
	EXPECT_OK(ask(b, ACCEPT, 0, *ret_cap, SHARED_REGION_WRITE));
	return id;
}

/* V-1, 7, 18.19: an orphan, and then destroyed at the last unmap. */
TEST(a_region_outlives_its_owner_until_the_last_unmap)
{
	uint64_t before = 0, now = 0;
	shared_region_cap cap;
	struct agent owner, b;
	uint64_t id;
	struct own a;

	own_attach(&a);
	agent_up(&owner);
	agent_up(&b);
	EXPECT_OK(shared_region_numa_usage(a.client, 0, &before));
	id = shared_by(&owner, &b, &cap);
	agent_kill(&owner);
	EXPECT_EQ(agent_byte(&b, 0, 0), 0xB3);
	EXPECT_EQ(ask(&b, STORE, 0, 0, 0xB4), 0);
	EXPECT_OK(ask(&b, OPEN, 1, id));
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_WITHIN(SOON, ask(&b, CHECK, cap, 0) == SHARED_REGION_INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&b, OPEN, 2, id), INVALID_MEMORY_REGION);
	EXPECT_FAILS(ask(&b, MAP, 0, SHARED_REGION_READ, 0), INVALID_MEMORY_REGION);
	EXPECT_OK(shared_region_numa_usage(a.client, 0, &now));
	EXPECT_EQ(now, before);
	agent_down(&b);
	own_down(&a);
}

/* 7: references none, destroyed. */
TEST(a_region_that_nobody_uses_ends_with_its_owner)
{
	shared_region_cap cap;
	struct agent owner, b;

	agent_up(&owner);
	agent_up(&b);
	(void)shared_by(&owner, &b, &cap);
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&b, CHECK, cap, 0));
	agent_kill(&owner);
	EXPECT_WITHIN(SOON, ask(&b, CHECK, cap, 0) == SHARED_REGION_INVALID_CAPABILITY);
	agent_down(&b);
}

/* 2.2: holders of a capability map an orphan, and nobody else does. */
TEST(holders_map_an_orphan)
{
	shared_region_cap cap, other;
	struct agent owner, b, c;
	shared_region_pid dead;

	agent_up(&owner);
	agent_up(&b);
	agent_up(&c);
	(void)shared_by(&owner, &b, &cap);
	EXPECT_OK(ask(&owner, ROOT, 0));
	EXPECT_OK(ask(&owner, DERIVE, owner.said[0], READING, c.self));
	other = owner.said[0];
	dead = owner.self;
	agent_kill(&owner);
	/* A new region of b's says when the broker knows. */
	EXPECT_OK(ask(&b, NEW, 1, PAGE, SHARED_REGION_WRITE));
	EXPECT_WITHIN(SOON, ask(&b, SHARE_WITH, 1, dead, SHARED_REGION_READ) ==
				    SHARED_REGION_PROCESS_NOT_FOUND);
	EXPECT_OK(ask(&c, CAP_MAP, 0, other, SHARED_REGION_READ));
	EXPECT_EQ(agent_byte(&c, 0, 0), 0xB3);
	/* The last reference counts, whoever has it. */
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_EQ(agent_byte(&c, 0, 0), 0xB3);
	EXPECT_OK(ask(&c, CHECK, other, READING));
	agent_down(&c);
	agent_down(&b);
}

/* 2.2: no new capability, no owner, no end by hand. */
TEST(an_orphan_has_no_new_capabilities_and_no_new_owner)
{
	shared_region_cap cap;
	struct agent owner, b, c;
	shared_region_pid dead;

	agent_up(&owner);
	agent_up(&b);
	agent_up(&c);
	(void)shared_by(&owner, &b, &cap);
	dead = owner.self;
	agent_kill(&owner);
	EXPECT_OK(ask(&b, NEW, 1, PAGE, SHARED_REGION_WRITE));
	EXPECT_WITHIN(SOON, ask(&b, SHARE_WITH, 1, dead, SHARED_REGION_READ) ==
				    SHARED_REGION_PROCESS_NOT_FOUND);
	EXPECT_FAILS(ask(&b, OFFER, 0, c.self, SHARED_REGION_SHARE), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, OWNER, 0, b.self), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, ROOT, 0), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, END, 0), PERMISSION_DENIED);
	EXPECT_EQ(agent_byte(&b, 0, 0), 0xB3);
	agent_down(&c);
	agent_down(&b);
}

/* G-4: open offers and pending grants keep an orphan. */
TEST(an_open_offer_keeps_an_orphan)
{
	shared_region_cap cap;
	struct agent owner, b;
	shared_region_pid dead;

	agent_up(&owner);
	agent_up(&b);
	EXPECT_OK(ask(&owner, NEW, 0, PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&owner, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&owner, STORE, 0, 0, 0xB5), 0);
	EXPECT_OK(ask(&owner, OFFER, 0, b.self, SHARED_REGION_SHARE));
	cap = owner.said[0];
	dead = owner.self;
	agent_kill(&owner);
	EXPECT_OK(ask(&b, NEW, 1, PAGE, SHARED_REGION_WRITE));
	EXPECT_WITHIN(SOON, ask(&b, SHARE_WITH, 1, dead, SHARED_REGION_READ) ==
				    SHARED_REGION_PROCESS_NOT_FOUND);
	EXPECT_OK(ask(&b, ACCEPT, 0, cap, SHARED_REGION_READ));
	EXPECT_EQ(agent_byte(&b, 0, 0), 0xB5);
	agent_down(&b);
}

/* G-4 */
TEST(a_pending_grant_keeps_an_orphan)
{
	struct agent owner, b;
	shared_region_pid dead;
	uint64_t id;

	agent_up(&owner);
	agent_up(&b);
	EXPECT_OK(ask(&owner, NEW, 0, PAGE, SHARED_REGION_WRITE));
	id = owner.said[0];
	EXPECT_OK(ask(&owner, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&owner, STORE, 0, 0, 0xB6), 0);
	EXPECT_OK(ask(&owner, SHARE_WITH, 0, b.self, SHARED_REGION_READ));
	dead = owner.self;
	agent_kill(&owner);
	EXPECT_OK(ask(&b, NEW, 1, PAGE, SHARED_REGION_WRITE));
	EXPECT_WITHIN(SOON, ask(&b, SHARE_WITH, 1, dead, SHARED_REGION_READ) ==
				    SHARED_REGION_PROCESS_NOT_FOUND);
	EXPECT_OK(ask(&b, OPEN, 0, id));
	EXPECT_OK(ask(&b, MAP, 0, SHARED_REGION_READ, 0));
	EXPECT_EQ(agent_byte(&b, 0, 0), 0xB6);
	agent_down(&b);
}

/* 7: as by death, when it only detaches. */
TEST(a_region_outlives_an_owner_that_detaches)
{
	shared_region_cap cap;
	struct agent owner, b;

	agent_up(&owner);
	agent_up(&b);
	(void)shared_by(&owner, &b, &cap);
	EXPECT_OK(ask(&owner, DETACH));
	EXPECT_EQ(agent_byte(&b, 0, 0), 0xB3);
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_WITHIN(SOON, ask(&b, CHECK, cap, 0) == SHARED_REGION_INVALID_CAPABILITY);
	agent_down(&b);
	agent_down(&owner);
}

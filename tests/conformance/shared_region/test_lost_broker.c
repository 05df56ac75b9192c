/* SPDX-License-Identifier: MIT */
/*
 * test_lost_broker.c - the broker dies: data stays, authority is frozen, and a new one knows
 * nothing
 */
#include "rig.h"

/* 7, 18.30 */
TEST(mapped_data_outlives_the_broker)
{
	pid_t broker = broker_start();
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 2);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	a.at[0] = 0xC1;
	broker_kill(broker);
	EXPECT_EQ(a.at[0], 0xC1);
	a.at[PAGE] = 0xC2;
	EXPECT_EQ(agent_byte(&b, 0, 0), 0xC1);
	EXPECT_EQ(agent_byte(&b, 0, PAGE), 0xC2);
	EXPECT_EQ(ask(&b, STORE, 0, 1, 0xC3), 0);
	EXPECT_EQ(a.at[1], 0xC3);
	agent_down(&b);
	own_down(&a);
}

/* 7, 18.30: every call. */
TEST(without_a_broker_calls_say_that_the_connection_is_lost)
{
	pid_t broker = broker_start();
	struct shared_region_offer offer;
	shared_region *region = NULL;
	shared_region_cap root, cap = 0;
	struct agent b;
	uint64_t bytes = 0;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	root = own_root(&a);
	broker_kill(broker);
	EXPECT_FAILS(shared_region_new(a.client, a.self, PAGE, SHARED_REGION_WRITE, &region),
		     CONNECTION_LOST);
	EXPECT_FAILS(shared_region_open(a.client, shared_region_id(a.region), &region),
		     CONNECTION_LOST);
	EXPECT_FAILS(shared_region_share_with(a.region, b.self, SHARED_REGION_READ),
		     CONNECTION_LOST);
	EXPECT_FAILS(shared_region_create_capability(a.region, b.self, SHARED_REGION_SHARE,
						     &cap, NULL),
		     CONNECTION_LOST);
	EXPECT_FAILS(shared_region_transfer_ownership(a.region, b.self), CONNECTION_LOST);
	EXPECT_FAILS(
		shared_region_transfer(a.region, b.self, SHARED_REGION_SHARE, 0, LONG, NULL),
		CONNECTION_LOST);
	EXPECT_FAILS(shared_region_cap_derive(a.client, root, READING, b.self, &cap),
		     CONNECTION_LOST);
	EXPECT_FAILS(shared_region_cap_check(a.client, root, 0), CONNECTION_LOST);
	EXPECT_FAILS(shared_region_cap_revoke(a.client, root, 0, NULL), CONNECTION_LOST);
	EXPECT_FAILS(shared_region_cap_delete(a.client, root), CONNECTION_LOST);
	EXPECT_FAILS(shared_region_offer_wait(a.client, LONG, &offer), CONNECTION_LOST);
	EXPECT_FAILS(shared_region_numa_usage(a.client, 0, &bytes), CONNECTION_LOST);
	EXPECT_FAILS(shared_region_destroy(a.region), CONNECTION_LOST);
	agent_down(&b);
	own_down(&a);
}

/* 1.8, 18.30: that it has gone is found after what is wrong with the arguments. */
TEST(arguments_are_looked_at_before_the_connection)
{
	pid_t broker = broker_start();
	shared_region *region = NULL;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	broker_kill(broker);
	EXPECT_FAILS(shared_region_new(a.client, a.self, 0, SHARED_REGION_WRITE, &region),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_new(a.client, a.self, PAGE, 2, &region), INVALID_MESSAGE);
	EXPECT_FAILS(shared_region_share_with(a.region, 1, 0), INVALID_MESSAGE);
	EXPECT_EQ(shared_region_size(a.region), PAGE);
	own_down(&a);
}

/* 7, 18.30: frozen, not widened. */
TEST(without_a_broker_nobody_gets_what_he_was_offered)
{
	pid_t broker = broker_start();
	shared_region_cap cap = 0, move_cap = 0;
	shared_region *second = NULL;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	EXPECT_OK(shared_region_create_capability(a.region, b.self, SHARED_REGION_SHARE, &cap,
						  NULL));
	EXPECT_OK(shared_region_new(a.client, a.self, PAGE, SHARED_REGION_WRITE, &second));
	EXPECT_OK(shared_region_create_capability(second, b.self, SHARED_REGION_MOVE, &move_cap,
						  NULL));
	broker_kill(broker);
	EXPECT_FAILS(ask(&b, ACCEPT, 0, cap, SHARED_REGION_READ), CONNECTION_LOST);
	EXPECT_FAILS(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_READ), CONNECTION_LOST);
	EXPECT_FAILS(ask(&b, ACCEPT, 0, move_cap, SHARED_REGION_READ), CONNECTION_LOST);
	EXPECT_FAILS(ask(&b, OPEN, 0, shared_region_id(a.region)), CONNECTION_LOST);
	shared_region_release(second);
	agent_down(&b);
	own_down(&a);
}

/* 18.30: who waits hears of it. */
TEST(who_waits_is_released_when_the_broker_dies)
{
	pid_t broker = broker_start();
	struct agent a, b;

	agent_up(&a);
	agent_up(&b);
	EXPECT_OK(ask(&a, NEW, 0, PAGE, SHARED_REGION_WRITE));
	order(&a, TRANSFER, 0, b.self, SHARED_REGION_MOVE, SHARED_REGION_ASK, (uint64_t)-1);
	EXPECT_OK(ask(&b, WAIT, LONG));
	order(&b, WAIT, (uint64_t)-1);
	broker_kill(broker);
	EXPECT_FAILS(hear(&a), CONNECTION_LOST);
	EXPECT_FAILS(hear(&b), CONNECTION_LOST);
	agent_down(&b);
	agent_down(&a);
}

/* 7: detach unmaps, with or without. */
TEST(without_a_broker_detach_unmaps_all_the_same)
{
	pid_t broker = broker_start();
	struct own a;

	own_up(&a, 1);
	broker_kill(broker);
	shared_region_detach(a.client);
	EXPECT_EQ(load_fault(a.at), SIGSEGV);
	shared_region_release(a.region);
}

/* 7, 18.30: a new id space, and old tokens are invalid. */
TEST(a_new_broker_knows_no_old_tokens_and_counts_from_1)
{
	pid_t broker = broker_start();
	shared_region *region = NULL;
	shared_region_cap root;
	struct own a, again;

	own_up(&a, 1);
	root = own_root(&a);
	broker_kill(broker);
	broker = broker_start();
	own_attach(&again);
	EXPECT_EQ(again.self, 1);
	EXPECT_FAILS(shared_region_cap_check(again.client, root, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_open(again.client, shared_region_id(a.region), &region),
		     INVALID_MEMORY_REGION);
	EXPECT_OK(shared_region_new(again.client, again.self, PAGE, SHARED_REGION_WRITE,
				    &again.region));
	EXPECT_EQ(shared_region_id(again.region), 1);
	/* The old client stays lost. */
	EXPECT_FAILS(shared_region_cap_check(a.client, root, 0), CONNECTION_LOST);
	own_down(&again);
	own_down(&a);
	broker_stop(broker);
}

/* 7: not to the session of a client that has not noticed. */
TEST(who_attaches_anew_is_attached_to_the_new_broker_though_nobody_missed_the_old)
{
	pid_t broker = broker_start();
	struct own a, again;

	own_attach(&a);
	broker_kill(broker);
	broker = broker_start();
	own_attach(&again);
	EXPECT_FAILS(shared_region_cap_check(again.client, 1, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_check(a.client, 1, 0), CONNECTION_LOST);
	own_down(&again);
	own_down(&a);
	broker_stop(broker);
}

/* 12.5: what the broker does with SIGTERM is the same to its clients. */
TEST(a_broker_that_leaves_is_a_lost_connection)
{
	pid_t broker = broker_start();
	shared_region *region = NULL;
	struct own a;

	own_up(&a, 1);
	broker_stop(broker);
	EXPECT_EQ(store_fault(a.at), 0);
	EXPECT_FAILS(shared_region_new(a.client, a.self, PAGE, SHARED_REGION_WRITE, &region),
		     CONNECTION_LOST);
	own_down(&a);
}

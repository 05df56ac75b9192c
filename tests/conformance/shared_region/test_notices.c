/* SPDX-License-Identifier: MIT */
/*
 * test_notices.c - who is told of what was revoked, and why
 */
#include "rig.h"

#include <time.h>

static void take_back(struct own *a, shared_region_cap cap)
{
	EXPECT_OK(shared_region_cap_revoke(a->client, cap, SHARED_REGION_ASK, NULL));
}

/* Drains one of the agent's notices, if there is one. */
static bool next_notice(struct agent *b)
{
	EXPECT_OK(ask(b, NOTICES, 1));
	return b->said[0] == 1;
}

static uint64_t seconds_now(void)
{
	struct timespec now;

	EXPECT_EQ(clock_gettime(CLOCK_BOOTTIME, &now), 0);
	return (uint64_t)now.tv_sec;
}

/* 6.7 */
TEST(a_holder_is_told_which_when_and_why)
{
	uint64_t before, after;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = own_derive(&a, READING, b.self);
	before = seconds_now();
	take_back(&a, cap);
	after = seconds_now();
	EXPECT(next_notice(&b));
	EXPECT_EQ(b.said[2], cap);
	EXPECT(before <= b.said[3] && b.said[3] <= after);
	EXPECT_EQ(b.said[4], SHARED_REGION_REVOKED_EXPLICITLY);
	EXPECT(!next_notice(&b));
	agent_down(&b);
	own_down(&a);
}

/* 6.7: the true reason. */
TEST(a_holder_below_is_told_that_the_parent_was_revoked)
{
	shared_region_cap cap, child;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share_rights(&a, &b, PASSING_ON, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, DERIVE, cap, READING, c.self));
	child = b.said[0];
	take_back(&a, cap);
	EXPECT(next_notice(&b));
	EXPECT_EQ(b.said[2], cap);
	EXPECT_EQ(b.said[4], SHARED_REGION_REVOKED_EXPLICITLY);
	EXPECT(next_notice(&c));
	EXPECT_EQ(c.said[2], child);
	EXPECT_EQ(c.said[4], SHARED_REGION_PARENT_REVOKED);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* S-26, 6.7: not everybody. */
TEST(nobody_else_is_told)
{
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	(void)share(&a, &c, SHARED_REGION_WRITE);
	take_back(&a, cap);
	EXPECT(next_notice(&b));
	EXPECT(!next_notice(&c));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.7: the owner, for process_exit. */
TEST(an_owner_is_told_of_a_holder_that_exits)
{
	struct shared_region_notice notice = { 0 };
	shared_region_cap cap;
	uint64_t dropped = 0;
	struct agent b;
	size_t got = 0;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	agent_kill(&b);
	EXPECT_WITHIN(SOON,
		      shared_region_notices_drain(a.client, &notice, 1, &got, &dropped) == 0 &&
			      got == 1);
	EXPECT_EQ(notice.cap, cap);
	EXPECT_EQ(notice.reason, SHARED_REGION_PROCESS_EXIT);
	EXPECT_EQ(dropped, 0);
	own_down(&a);
}

/* 6.7 */
TEST(without_notices_nothing_is_drained)
{
	struct shared_region_notice notice = { .cap = 5 };
	size_t got = 7;
	uint64_t dropped = 7;
	struct own a;

	own_attach(&a);
	EXPECT_OK(shared_region_notices_drain(a.client, &notice, 1, &got, &dropped));
	EXPECT_EQ(got, 0);
	EXPECT_EQ(dropped, 0);
	EXPECT_EQ(notice.cap, 5);
	/* Optional. */
	EXPECT_OK(shared_region_notices_drain(a.client, &notice, 1, &got, NULL));
	own_down(&a);
}

/* 6.7: oldest first, and what there was no room for stays. */
TEST(notices_come_in_their_order_and_stay_until_they_are_drained)
{
	enum { COUNT = 20 };
	shared_region_cap caps[COUNT];
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	for (unsigned i = 0; i < COUNT; i++)
		caps[i] = own_derive(&a, READING, b.self);
	for (unsigned i = 0; i < COUNT; i++)
		take_back(&a, caps[i]);
	for (unsigned i = 0; i < 5; i++) {
		EXPECT(next_notice(&b));
		EXPECT_EQ(b.said[2], caps[i]);
	}
	EXPECT_OK(ask(&b, NOTICES, 100));
	EXPECT_EQ(b.said[0], COUNT - 5);
	EXPECT_EQ(b.said[2], caps[5]);
	EXPECT(!next_notice(&b));
	agent_down(&b);
	own_down(&a);
}

/* 1.10, 6.7: 256 are kept, the oldest go, and that is told. */
TEST(more_than_256_notices_drop_the_oldest_and_say_how_many)
{
	enum { COUNT = 300 };
	shared_region_cap caps[COUNT];
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	for (unsigned i = 0; i < COUNT; i++) {
		caps[i] = own_derive(&a, READING, b.self);
		take_back(&a, caps[i]);
	}
	EXPECT_OK(ask(&b, NOTICES, COUNT));
	EXPECT_EQ(b.said[0], 256);
	EXPECT_EQ(b.said[1], COUNT - 256);
	EXPECT_EQ(b.said[2], caps[COUNT - 256]);
	/* Since the last call. */
	EXPECT_OK(ask(&b, NOTICES, 1));
	EXPECT_EQ(b.said[0], 0);
	EXPECT_EQ(b.said[1], 0);
	agent_down(&b);
	own_down(&a);
}

/* 6.6, 6.7 */
TEST(a_holder_that_was_stopped_finds_the_notice_when_it_goes_on)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	agent_stop(&b);
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_FENCE, NULL));
	EXPECT_EQ(kill(b.pid, SIGCONT), 0);
	EXPECT(next_notice(&b));
	EXPECT_EQ(b.said[2], cap);
	agent_down(&b);
	own_down(&a);
}

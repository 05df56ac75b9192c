/* SPDX-License-Identifier: MIT */
/*
 * test_move.c - transfer by Move
 */
#include "rig.h"

/* 5.2, S-19, 18.12: of more than one page. */
TEST(a_move_gives_everything_to_the_receiver_and_copies_nothing)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 5);
	for (unsigned page = 0; page < 5; page++)
		(void)memset(a.at + page * PAGE, 1 + (int)page, PAGE);
	move(&a, &b, SHARED_REGION_MOVE, SHARED_REGION_ASK, &report);
	EXPECT_EQ(report.bytes_copied, 0);
	for (unsigned page = 0; page < 5; page++)
		EXPECT_EQ(agent_byte(&b, 0, page * PAGE + 9), 1 + page);
	EXPECT_EQ(ask(&b, STORE, 0, 5 * PAGE - 1, 0x99), 0);
	agent_down(&b);
	own_down(&a);
}

/* 5.2, 18.12 */
TEST(after_a_move_the_senders_address_faults)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 2);
	move(&a, &b, SHARED_REGION_MOVE, SHARED_REGION_ASK, &report);
	EXPECT_EQ(load_fault(a.at), SIGSEGV);
	EXPECT_EQ(load_fault(a.at + PAGE), SIGSEGV);
	EXPECT(mapping_of(&a, a.self) == NULL);
	agent_down(&b);
	own_down(&a);
}

/* 5.2, D-7, 18.12: its own are always revoked. */
TEST(after_a_move_the_senders_tokens_fail)
{
	struct shared_region_transfer_report report = { 0 };
	shared_region_cap root, beside;
	struct agent b;
	void *at = NULL;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	root = own_root(&a);
	beside = own_derive(&a, WRITING, a.self);
	move(&a, &b, SHARED_REGION_MOVE, SHARED_REGION_ASK, &report);
	EXPECT_FAILS(shared_region_cap_check(a.client, root, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_check(a.client, beside, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(shared_region_cap_check(a.client, report.cap, 0), INVALID_CAPABILITY);
	EXPECT_FAILS_EITHER(shared_region_map(a.region, a.self, NULL, SHARED_REGION_READ, &at),
			    PERMISSION_DENIED, INVALID_MEMORY_REGION);
	EXPECT_FAILS_EITHER(shared_region_destroy(a.region), PERMISSION_DENIED,
			    INVALID_MEMORY_REGION);
	agent_down(&b);
	own_down(&a);
}

/* G-2, 18.12 */
TEST(the_token_that_the_receiver_accepted_is_the_root)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b;
	uint64_t id;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	id = shared_region_id(a.region);
	move(&a, &b, SHARED_REGION_MOVE, SHARED_REGION_ASK, &report);
	EXPECT_OK(ask(&b, ROOT, 0));
	EXPECT_EQ(b.said[0], report.cap);
	EXPECT_OK(ask(&b, INFO, report.cap));
	EXPECT_EQ(b.said[0], id);
	EXPECT_EQ(b.said[1], WRITING | MANAGING);
	EXPECT_EQ(b.said[2], SHARED_REGION_CAP_HELD);
	agent_down(&b);
	own_down(&a);
}

/* 5.2 */
TEST(the_receiver_of_a_move_is_an_owner_like_any_other)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	a.at[0] = 0x71;
	move(&a, &b, SHARED_REGION_MOVE, SHARED_REGION_ASK, &report);
	order(&c, TAKE, 0, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, TRANSFER, 0, c.self, SHARED_REGION_MOVE, SHARED_REGION_ASK, LONG));
	EXPECT_OK(hear(&c));
	EXPECT_EQ(ask(&b, LOAD, 0, 0), SIGSEGV);
	EXPECT_EQ(agent_byte(&c, 0, 0), 0x71);
	EXPECT_OK(ask(&c, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&c, END, 0));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 5.2: within the ceiling. */
TEST(a_move_does_not_raise_the_ceiling)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_READ);
	order(&b, TAKE, 0, SHARED_REGION_READ);
	EXPECT_OK(shared_region_transfer(a.region, b.self, SHARED_REGION_MOVE,
					 SHARED_REGION_ASK, LONG, &report));
	EXPECT_OK(hear(&b));
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_FAILS(ask(&b, MAP, 0, SHARED_REGION_WRITE, 0), PERMISSION_DENIED);
	EXPECT_OK(ask(&b, INFO, report.cap));
	EXPECT_EQ(b.said[1], SHARED_REGION_RIGHT_READ | MANAGING);
	agent_down(&b);
	own_down(&a);
}

/* ---- others ----------------------------------------------------------------------------- */

/* D-7, 5.2: adopted by the new owner's root. */
TEST(what_third_parties_share_stays_and_is_the_receivers_to_revoke)
{
	struct shared_region_transfer_report report = { 0 };
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share(&a, &c, SHARED_REGION_WRITE);
	move(&a, &b, SHARED_REGION_MOVE, SHARED_REGION_ASK, &report);
	EXPECT_EQ(ask(&c, STORE, 0, 0, 0x73), 0);
	EXPECT_EQ(agent_byte(&b, 0, 0), 0x73);
	EXPECT_OK(ask(&c, CHECK, cap, WRITING));
	EXPECT_OK(ask(&b, REVOKE, cap, SHARED_REGION_ASK));
	EXPECT_EQ(b.said[0], 1);
	EXPECT_EQ(ask(&c, LOAD, 0, 0), SIGSEGV);
	EXPECT_FAILS(ask(&c, CHECK, cap, 0), INVALID_CAPABILITY);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* D-7, G-18 */
TEST(an_exclusive_move_revokes_every_other_holder)
{
	struct shared_region_transfer_report report = { 0 };
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	a.at[0] = 0x74;
	cap = share(&a, &c, SHARED_REGION_WRITE);
	move(&a, &b, SHARED_REGION_MOVE | SHARED_REGION_EXCLUSIVE, SHARED_REGION_ASK, &report);
	EXPECT_EQ(ask(&c, LOAD, 0, 0), SIGSEGV);
	EXPECT_FAILS(ask(&c, CHECK, cap, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&c, CAP_MAP, 1, cap, SHARED_REGION_READ), INVALID_CAPABILITY);
	EXPECT_EQ(agent_byte(&b, 0, 0), 0x74);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* G-14 */
TEST(a_move_to_oneself_changes_nothing)
{
	shared_region_cap root;
	struct own a;

	own_up(&a, 1);
	a.at[0] = 1;
	root = own_root(&a);
	EXPECT_OK(shared_region_transfer(a.region, a.self, SHARED_REGION_MOVE,
					 SHARED_REGION_FENCE, LONG, NULL));
	EXPECT_EQ(own_root(&a), root);
	EXPECT(mapping_of(&a, a.self) == a.at);
	EXPECT_EQ(a.at[0], 1);
	own_down(&a);
}

/* ---- while it goes on ------------------------------------------------------------------- */

/* 2.2 */
TEST(a_region_that_is_being_moved_is_busy_but_for_unmapping)
{
	shared_region_cap offered, cap;
	struct agent a, b, c;
	uint64_t id;

	agent_up(&a);
	agent_up(&b);
	agent_up(&c);
	EXPECT_OK(ask(&a, NEW, 0, PAGE, SHARED_REGION_WRITE));
	id = a.said[0];
	EXPECT_OK(ask(&a, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_OK(ask(&a, ROOT, 0));
	EXPECT_OK(ask(&a, DERIVE, a.said[0], PASSING_ON, c.self));
	cap = a.said[0];
	EXPECT_OK(ask(&c, CAP_MAP, 0, cap, SHARED_REGION_WRITE));
	order(&a, TRANSFER, 0, b.self, SHARED_REGION_MOVE, SHARED_REGION_ASK, LONG);
	EXPECT_OK(ask(&b, WAIT, LONG));
	offered = b.said[0];
	EXPECT_EQ(b.said[1], id);
	EXPECT_OK(ask(&c, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_FAILS(ask(&c, CAP_MAP, 0, cap, SHARED_REGION_WRITE), RESOURCE_BUSY);
	EXPECT_FAILS(ask(&c, MAP, 0, SHARED_REGION_WRITE, 0), RESOURCE_BUSY);
	EXPECT_FAILS(ask(&c, OFFER, 0, b.self, SHARED_REGION_SHARE), RESOURCE_BUSY);
	EXPECT_FAILS(ask(&c, DERIVE, cap, READING, b.self), RESOURCE_BUSY);
	EXPECT_OK(ask(&b, ACCEPT, 0, offered, SHARED_REGION_WRITE));
	EXPECT_OK(hear(&a));
	EXPECT_OK(ask(&c, CAP_MAP, 0, cap, SHARED_REGION_WRITE));
	agent_down(&c);
	agent_down(&b);
	agent_down(&a);
}

/* 5.2: reverts to the sender. */
TEST(a_move_that_nobody_accepts_is_a_timeout_and_nothing_has_changed)
{
	struct shared_region_transfer_report report = { 0 };
	shared_region_cap root, offered;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	a.at[0] = 0x75;
	root = own_root(&a);
	EXPECT_FAILS(shared_region_transfer(a.region, b.self, SHARED_REGION_MOVE,
					    SHARED_REGION_ASK, 50, &report),
		     TIMEOUT);
	EXPECT_EQ(report.cap, 0);
	EXPECT_EQ(own_root(&a), root);
	EXPECT(mapping_of(&a, a.self) == a.at);
	EXPECT_EQ(a.at[0], 0x75);
	/* What the receiver may have heard of is no use any more. */
	if (ask(&b, WAIT, 0) == 0) {
		offered = b.said[0];
		EXPECT_FAILS(ask(&b, ACCEPT, 0, offered, SHARED_REGION_READ),
			     INVALID_CAPABILITY);
	}
	(void)share(&a, &b, SHARED_REGION_WRITE);
	agent_down(&b);
	own_down(&a);
}

/* 2.4: single use. */
TEST(a_move_is_accepted_once)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	move(&a, &b, SHARED_REGION_MOVE, SHARED_REGION_ASK, &report);
	EXPECT_FAILS(ask(&b, ACCEPT, 1, report.cap, SHARED_REGION_WRITE), INVALID_CAPABILITY);
	EXPECT_EQ(ask(&b, LOAD, 0, 0), 0);
	agent_down(&b);
	own_down(&a);
}

/* 7, 18.19 */
TEST(a_receiver_that_dies_before_it_accepts_gives_the_region_back)
{
	shared_region_cap cap;
	struct agent a, b;

	agent_up(&a);
	agent_up(&b);
	EXPECT_OK(ask(&a, NEW, 0, PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&a, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&a, STORE, 0, 0, 0x76), 0);
	EXPECT_OK(ask(&a, ROOT, 0));
	cap = a.said[0];
	order(&a, TRANSFER, 0, b.self, SHARED_REGION_MOVE, SHARED_REGION_ASK, (uint64_t)-1);
	EXPECT_OK(ask(&b, WAIT, LONG));
	agent_kill(&b);
	/* Who waits is released. */
	EXPECT_FAILS(hear(&a), PROCESS_NOT_FOUND);
	EXPECT_EQ(agent_byte(&a, 0, 0), 0x76);
	EXPECT_OK(ask(&a, CHECK, cap, WRITING | MANAGING));
	EXPECT_OK(ask(&a, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&a, END, 0));
	agent_down(&a);
}

/* 5.2, 7: the offer stands, and death is the acknowledgement. */
TEST(a_sender_that_dies_after_the_offer_has_moved_the_region)
{
	shared_region_cap cap;
	struct agent a, b;

	agent_up(&a);
	agent_up(&b);
	EXPECT_OK(ask(&a, NEW, 0, 2 * PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&a, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&a, FILL, 0, 2 * PAGE, 0x77), 0);
	order(&a, TRANSFER, 0, b.self, SHARED_REGION_MOVE, SHARED_REGION_ASK, (uint64_t)-1);
	EXPECT_OK(ask(&b, WAIT, LONG));
	cap = b.said[0];
	agent_kill(&a);
	EXPECT_OK(ask(&b, ACCEPT, 0, cap, SHARED_REGION_WRITE));
	EXPECT(agent_filled(&b, 0, 2 * PAGE, 0x77));
	EXPECT_OK(ask(&b, ROOT, 0));
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&b, END, 0));
	agent_down(&b);
}

/* ---- strengths -------------------------------------------------------------------------- */

/* 5.2: report, force reached. */
TEST(a_move_reports_the_strength_that_it_reached)
{
	static const uint32_t strengths[] = { SHARED_REGION_ASK, SHARED_REGION_VERIFY,
					      SHARED_REGION_FENCE };
	struct agent b;
	struct own a;

	agent_up(&b);
	for (size_t i = 0; i < 3; i++) {
		struct shared_region_transfer_report report = { .force_reached = 77 };

		own_up(&a, 3);
		a.at[PAGE] = 0x78;
		move(&a, &b, SHARED_REGION_MOVE, strengths[i], &report);
		EXPECT_EQ(report.force_reached, strengths[i]);
		/* Only the fence copies. */
		EXPECT_EQ(report.bytes_copied,
			  strengths[i] == SHARED_REGION_FENCE ? 3 * PAGE : 0);
		EXPECT_EQ(agent_byte(&b, 0, PAGE), 0x78);
		EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
		own_down(&a);
	}
	agent_down(&b);
}

/* The sender: it has a region that it moves to @b, and keeps what it can of it. */
static void hoarder_up(struct agent *a)
{
	agent_up(a);
	EXPECT_OK(ask(a, HOARD, true));
	EXPECT_OK(ask(a, NEW, 0, 2 * PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(a, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(a, FILL, 0, 2 * PAGE, 0x7A), 0);
	EXPECT_OK(ask(a, KEEP));
	EXPECT(a->said[0] + a->said[1] > 0);
}

/* V-10, 6.6, 18.12 */
TEST(a_hostile_sender_of_a_fenced_move_sees_zeros_and_changes_nothing)
{
	struct agent a, b;

	hoarder_up(&a);
	agent_up(&b);
	order(&b, TAKE, 0, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&a, TRANSFER, 0, b.self, SHARED_REGION_MOVE, SHARED_REGION_FENCE, LONG));
	EXPECT_EQ(a.said[2], SHARED_REGION_FENCE);
	EXPECT_OK(hear(&b));
	EXPECT(agent_filled(&b, 0, 2 * PAGE, 0x7A));
	for (uint64_t at = 0; at < 2 * PAGE; at += PAGE / 2) {
		EXPECT_OK(ask(&a, KEPT_SEES, at, 0x7A));
		EXPECT_EQ(a.said[0], 0);
		EXPECT_OK(ask(&a, KEPT_STORES, at, 0x7B));
		EXPECT_EQ(agent_byte(&b, 0, at), 0x7A);
		EXPECT_EQ(ask(&b, STORE, 0, at, 0x7C), 0);
		EXPECT_OK(ask(&a, KEPT_SEES, at, 0x7C));
		EXPECT_EQ(a.said[0], 0);
	}
	agent_down(&b);
	agent_down(&a);
}

/* G-7 */
TEST(a_hostile_sender_of_a_verified_move_is_found_and_keeps_its_region)
{
	struct agent a, b;

	hoarder_up(&a);
	agent_up(&b);
	order(&b, TAKE, 0, SHARED_REGION_WRITE);
	EXPECT_FAILS(
		ask(&a, TRANSFER, 0, b.self, SHARED_REGION_MOVE, SHARED_REGION_VERIFY, LONG),
		PEER_UNCOOPERATIVE);
	/* The receiver gets an error, whichever. */
	EXPECT(hear(&b) < 0);
	EXPECT_OK(ask(&a, ROOT, 0));
	EXPECT_OK(ask(&a, CHECK, a.said[0], WRITING | MANAGING));
	EXPECT_FAILS(ask(&b, ROOT, 0), INVALID_ARGUMENT);
	agent_down(&b);
	agent_down(&a);
}

/* 5.2: KILL, of the sender himself, and then the offer stands. */
TEST(a_move_with_kill_is_the_senders_last_deed)
{
	struct agent a, b;

	agent_up(&a);
	agent_up(&b);
	EXPECT_OK(ask(&a, NEW, 0, PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&a, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&a, STORE, 0, 0, 0x7D), 0);
	order(&b, TAKE, 0, SHARED_REGION_WRITE);
	order(&a, TRANSFER, 0, b.self, SHARED_REGION_MOVE, SHARED_REGION_KILL, LONG);
	EXPECT_OK(hear(&b));
	EXPECT_EQ(agent_byte(&b, 0, 0), 0x7D);
	agent_expect_killed(&a);
	agent_down(&b);
}

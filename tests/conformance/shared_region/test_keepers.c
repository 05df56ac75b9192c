/* SPDX-License-Identifier: MIT */
/*
 * test_keepers.c - holders that keep what they were given, each way that it can be kept
 *
 * Each way is tried first while it is allowed: one that does not work then proves nothing by
 * not working later.  Then the memory is fenced, by revoking and by a Move, or its region ends.
 * Whoever owns it from then on writes a secret over all of it, none of which may change or be
 * seen.
 */
#include "rig.h"

#include <stdio.h>

#define SIZE (2 * PAGE)
#define WAS 0x51
#define SECRET 0x52
#define POISON 0x54
#define TIMES 100

/* ---- holding on ------------------------------------------------------------------------- */

/* Does it see the byte, or store one, at @offset? */
static bool looks(struct agent *a, uint64_t offset, unsigned char *ret_byte)
{
	EXPECT_OK(ask(a, GRIP_LOOK, offset));
	*ret_byte = (unsigned char)a->said[1];
	return a->said[0];
}

static uint64_t stores(struct agent *a, uint64_t offset, unsigned char byte)
{
	EXPECT_OK(ask(a, GRIP_STORE, offset, byte, TIMES));
	return a->said[0];
}

/* It has @kind of a hold on what it has in slot 0, filled with WAS. */
static void take_hold(struct agent *a, enum grip kind)
{
	unsigned char byte = 0;
	int error = ask(a, GRIP, 0, kind);

	if (error) {
		/* Whatever this process and its user may not do on this host. */
		EXPECT(error == EPERM || error == EACCES || error == ENOSYS ||
		       error == ENOTSUP || error == ENOMEM || error == EAGAIN);
		SKIP("this host, or a sanitizer, does not let anybody do that");
	}
	if (kind == GRIP_PINNED)
		return;
	EXPECT(looks(a, 9, &byte));
	EXPECT_EQ(byte, WAS);
}

/* What it stores arrives. */
static void expect_it_works(struct agent *a, enum grip kind)
{
	take_hold(a, kind);
	if (kind == GRIP_PIPE)
		return;
	EXPECT(stores(a, 9, POISON) > 0);
	EXPECT_EQ(agent_byte(a, 0, 9), POISON);
	EXPECT_EQ(ask(a, FILL, 0, SIZE, WAS), 0);
	/* That store has been made, so it takes another. */
	if (kind == GRIP_PINNED)
		take_hold(a, kind);
}

/* After a fence nobody but @owner, who has it in slot 0, sees or changes a byte of it. */
static void expect_lost(struct agent *hostile, struct agent *owner)
{
	EXPECT(agent_filled(owner, 0, SIZE, WAS));
	EXPECT_EQ(ask(owner, FILL, 0, SIZE, SECRET), 0);
	for (uint64_t at = 9; at < SIZE; at += PAGE) {
		unsigned char byte = 0;

		EXPECT(!looks(hostile, at, &byte) || byte == 0);
		(void)stores(hostile, at, POISON);
		EXPECT(agent_filled(owner, 0, SIZE, SECRET));
		EXPECT(!looks(hostile, at, &byte) || byte != SECRET);
	}
}

/* The page that a pipe has is what it was, and never what it becomes. */
static void expect_pipe_lost(struct agent *hostile, struct agent *owner)
{
	unsigned char byte = 0;

	EXPECT_EQ(ask(owner, FILL, 0, SIZE, SECRET), 0);
	EXPECT(looks(hostile, 9, &byte));
	EXPECT(byte == WAS || byte == 0);
}

static void expect_useless(struct agent *hostile, struct agent *owner, enum grip kind)
{
	if (kind == GRIP_PIPE)
		expect_pipe_lost(hostile, owner);
	else
		expect_lost(hostile, owner);
}

/* ---- how it is taken back --------------------------------------------------------------- */

struct scene {
	struct agent owner, hostile;
	shared_region_cap cap; /* the hostile one's */
};

/* Both have two pages in slot 0. */
static void scene_up(struct scene *s)
{
	agent_up(&s->owner);
	agent_up(&s->hostile);
	EXPECT_OK(ask(&s->owner, NEW, 0, SIZE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&s->owner, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&s->owner, FILL, 0, SIZE, WAS), 0);
	EXPECT_OK(ask(&s->owner, ROOT, 0));
	EXPECT_OK(ask(&s->owner, DERIVE, s->owner.said[0], WRITING, s->hostile.self));
	s->cap = s->owner.said[0];
	EXPECT_OK(ask(&s->hostile, CAP_MAP, 0, s->cap, SHARED_REGION_WRITE));
}

static void scene_down(struct scene *s)
{
	agent_down(&s->hostile);
	agent_down(&s->owner);
}

static void fence_by_revoking(enum grip kind)
{
	struct scene s;

	scene_up(&s);
	expect_it_works(&s.hostile, kind);
	EXPECT_OK(ask(&s.owner, REVOKE, s.cap, SHARED_REGION_FENCE));
	expect_useless(&s.hostile, &s.owner, kind);
	scene_down(&s);
}

/* The hostile one is the sender. */
static void fence_by_moving(enum grip kind)
{
	struct agent sender, receiver;

	agent_up(&sender);
	agent_up(&receiver);
	EXPECT_OK(ask(&sender, NEW, 0, SIZE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&sender, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&sender, FILL, 0, SIZE, WAS), 0);
	expect_it_works(&sender, kind);
	order(&receiver, TAKE, 0, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&sender, TRANSFER, 0, receiver.self, SHARED_REGION_MOVE,
		      SHARED_REGION_FENCE, LONG));
	EXPECT_EQ(sender.said[2], SHARED_REGION_FENCE);
	EXPECT_OK(hear(&receiver));
	expect_useless(&sender, &receiver, kind);
	agent_down(&receiver);
	agent_down(&sender);
}

/* Nobody has it; and what is made next is not what was kept. */
static void end_it(enum grip kind)
{
	unsigned char byte = 0;
	struct scene s;

	scene_up(&s);
	expect_it_works(&s.hostile, kind);
	EXPECT_OK(ask(&s.hostile, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&s.owner, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&s.owner, END, 0));
	if (kind != GRIP_PIPE)
		EXPECT(!looks(&s.hostile, 9, &byte) || byte == 0);
	EXPECT_OK(ask(&s.owner, RELEASE, 0));
	EXPECT_OK(ask(&s.owner, NEW, 0, SIZE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&s.owner, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT(agent_filled(&s.owner, 0, SIZE, 0));
	EXPECT_EQ(ask(&s.owner, FILL, 0, SIZE, WAS), 0);
	if (kind != GRIP_PIPE)
		expect_lost(&s.hostile, &s.owner);
	scene_down(&s);
}

static void take_from(enum grip kind)
{
	fence_by_revoking(kind);
	fence_by_moving(kind);
	end_it(kind);
}

/* ---- what is kept in the holder --------------------------------------------------------- */

/* V-10, 6.6, 18.12 */
TEST(a_second_mapping_is_worth_nothing_after_a_fence)
{
	take_from(GRIP_TWIN);
}

/* V-10, 6.6, 18.12 */
TEST(a_mapping_that_is_locked_and_hidden_is_worth_nothing_after_a_fence)
{
	take_from(GRIP_LOCKED);
}

/* V-10, 6.6, 18.12 */
TEST(a_duplicated_descriptor_is_worth_nothing_after_a_fence)
{
	take_from(GRIP_DUP);
}

/* V-10, 6.6, 18.12 */
TEST(a_descriptor_that_was_opened_again_is_worth_nothing_after_a_fence)
{
	take_from(GRIP_REOPENED);
}

/* V-10, 6.6, 18.12 */
TEST(a_mapping_that_was_opened_as_a_file_is_worth_nothing_after_a_fence)
{
	take_from(GRIP_MAP_FILE);
}

/* V-10, 6.6, 18.12 */
TEST(a_descriptor_in_flight_is_worth_nothing_after_a_fence)
{
	take_from(GRIP_IN_FLIGHT);
}

/* V-10, 6.6: it has what its writer could have copied, and nothing later. */
TEST(a_page_in_a_pipe_shows_nothing_that_comes_after_a_fence)
{
	take_from(GRIP_PIPE);
}

/* V-10, 6.6: what a device does when it is late. */
TEST(a_store_that_was_begun_before_a_fence_does_not_arrive_after_it)
{
	take_from(GRIP_PINNED);
}

/* ---- what is kept by others ------------------------------------------------------------- */

/* V-10, 6.6 */
TEST(a_descriptor_that_was_passed_on_is_worth_nothing_after_a_fence)
{
	take_from(GRIP_SENT);
}

/* V-10, 6.6 */
TEST(a_descriptor_that_was_taken_from_the_holder_is_worth_nothing_after_a_fence)
{
	take_from(GRIP_GETFD);
}

/* V-10, 6.6, 6.8 */
TEST(a_mapping_that_a_child_inherited_is_worth_nothing_after_a_fence)
{
	take_from(GRIP_CHILD);
}

/* V-10, 6.6 */
TEST(a_process_with_the_holders_address_space_has_nothing_after_a_fence)
{
	take_from(GRIP_SAME_MEMORY);
}

/* V-10, 6.6 */
TEST(who_writes_into_the_holders_memory_changes_nothing_after_a_fence)
{
	take_from(GRIP_WRITEV);
}

/* V-10, 6.6 */
TEST(who_has_the_holders_memory_open_changes_nothing_after_a_fence)
{
	take_from(GRIP_MEM);
}

/* V-10, 6.6 */
TEST(who_opens_the_holders_descriptors_has_nothing_after_a_fence)
{
	take_from(GRIP_FD_OF);
}

/* V-10, 6.6 */
TEST(who_opens_the_holders_mappings_has_nothing_after_a_fence)
{
	take_from(GRIP_MAP_FILE_OF);
}

/* ---- what verification finds ------------------------------------------------------------ */

static void find_by_verifying(enum grip kind)
{
	struct scene s;

	scene_up(&s);
	take_hold(&s.hostile, kind);
	EXPECT_FAILS(ask(&s.owner, REVOKE, s.cap, SHARED_REGION_VERIFY), PEER_UNCOOPERATIVE);
	/* What it may do has ended all the same. */
	EXPECT_FAILS(ask(&s.hostile, CHECK, s.cap, 0), INVALID_CAPABILITY);
	scene_down(&s);
}

/* 6.6 */
TEST(verification_finds_a_second_mapping)
{
	find_by_verifying(GRIP_TWIN);
}

/* 6.6 */
TEST(verification_finds_a_mapping_that_is_locked_and_hidden)
{
	find_by_verifying(GRIP_LOCKED);
}

/* 6.6 */
TEST(verification_finds_a_duplicated_descriptor)
{
	find_by_verifying(GRIP_DUP);
}

/* 6.6 */
TEST(verification_finds_a_descriptor_that_was_opened_again)
{
	find_by_verifying(GRIP_REOPENED);
}

/* 6.6 */
TEST(verification_finds_a_mapping_that_was_opened_as_a_file)
{
	find_by_verifying(GRIP_MAP_FILE);
}

/* 6.6 */
TEST(verification_finds_what_the_holder_keeps_for_others)
{
	find_by_verifying(GRIP_WRITEV);
	find_by_verifying(GRIP_FD_OF);
}

/* ---- holders that do not listen --------------------------------------------------------- */

/* V-10, 6.6: what stores is no thread of the holder's, and is not stopped with it. */
TEST(a_holder_that_is_stopped_while_its_memory_is_stored_to_is_fenced)
{
	const volatile uint64_t *count;
	struct own o, counted;
	struct agent hostile;
	shared_region_cap cap;

	if (TEST_TSAN)
		SKIP("TSan does not know of processes that have the same memory");
	agent_up(&hostile);
	own_up(&o, 2);
	own_up(&counted, 1);
	count = (const volatile uint64_t *)(void *)counted.at;
	cap = share_rights(&o, &hostile, WRITING, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&hostile, CAP_MAP, 1, own_derive(&counted, WRITING, hostile.self),
		      SHARED_REGION_WRITE));
	EXPECT_OK(ask(&hostile, HAMMER, 0, 9, 1));
	agent_stop(&hostile);
	EXPECT_WITHIN(SOON, *count > 1000);
	EXPECT_EQ(o.at[9], 0xEE);
	EXPECT_OK(shared_region_cap_revoke(o.client, cap, SHARED_REGION_FENCE, NULL));
	(void)memset(o.at, SECRET, SIZE);
	for (uint64_t n = 1; n <= 10; n++) {
		uint64_t before = *count;

		EXPECT_WITHIN(SOON, *count > before + 1000);
		EXPECT(is_filled(o.at, SIZE, SECRET));
	}
	EXPECT_EQ(kill(hostile.pid, SIGCONT), 0);
	EXPECT_OK(ask(&hostile, SELF));
	agent_down(&hostile);
	own_down(&counted);
	own_down(&o);
}

/* 6.6 */
TEST(a_holder_that_is_stopped_does_not_stand_verification)
{
	struct scene s;

	scene_up(&s);
	agent_stop(&s.hostile);
	EXPECT_FAILS(ask(&s.owner, REVOKE, s.cap, SHARED_REGION_VERIFY), PEER_UNCOOPERATIVE);
	EXPECT_EQ(kill(s.hostile.pid, SIGCONT), 0);
	scene_down(&s);
}

static void go_deaf(struct agent *a)
{
	if (ask(a, DEAF) != 0)
		SKIP("a sanitizer stands where this one would hear too little");
}

/* V-10, 6.6: it uses the library's own mapping. */
TEST(a_holder_whose_library_is_kept_from_listening_is_fenced)
{
	struct scene s;

	scene_up(&s);
	go_deaf(&s.hostile);
	EXPECT_OK(ask(&s.owner, REVOKE, s.cap, SHARED_REGION_FENCE));
	EXPECT_EQ(ask(&s.owner, FILL, 0, SIZE, SECRET), 0);
	EXPECT_EQ(agent_byte(&s.hostile, 0, 9), 0);
	EXPECT_EQ(ask(&s.hostile, STORE, 0, 9, POISON), 0);
	EXPECT(agent_filled(&s.owner, 0, SIZE, SECRET));
	scene_down(&s);
}

/* 6.6 */
TEST(a_holder_whose_library_is_kept_from_listening_does_not_stand_verification)
{
	struct scene s;

	scene_up(&s);
	go_deaf(&s.hostile);
	EXPECT_FAILS(ask(&s.owner, REVOKE, s.cap, SHARED_REGION_VERIFY), PEER_UNCOOPERATIVE);
	scene_down(&s);
}

/* 6.6: who may go on is one who answers. */
TEST(a_holder_that_does_not_hold_still_for_a_fence_loses_what_it_has)
{
	struct agent deaf;
	struct scene s;

	scene_up(&s);
	agent_up(&deaf);
	EXPECT_OK(ask(&s.owner, ROOT, 0));
	EXPECT_OK(ask(&s.owner, DERIVE, s.owner.said[0], WRITING, deaf.self));
	EXPECT_OK(ask(&deaf, CAP_MAP, 0, s.owner.said[0], SHARED_REGION_WRITE));
	go_deaf(&deaf);
	EXPECT_OK(ask(&s.owner, REVOKE, s.cap, SHARED_REGION_FENCE));
	EXPECT_EQ(ask(&s.owner, FILL, 0, SIZE, SECRET), 0);
	EXPECT_EQ(ask(&deaf, STORE, 0, 9, POISON), 0);
	EXPECT(agent_byte(&deaf, 0, 10) != SECRET);
	EXPECT(agent_filled(&s.owner, 0, SIZE, SECRET));
	agent_down(&deaf);
	scene_down(&s);
}

/* ---- holders that leave, and do not end ------------------------------------------------- */

/* It offers what it has to @b, waits, and closes its connection when @b has the offer. */
static void offer_and_secede(struct agent *sender, struct agent *b, uint32_t force)
{
	agent_up(sender);
	agent_up(b);
	EXPECT_OK(ask(sender, NEW, 0, SIZE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(sender, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(sender, FILL, 0, SIZE, WAS), 0);
	take_hold(sender, GRIP_TWIN);
	EXPECT_EQ(ask(sender, SECEDE, true), 0);
	order(sender, TRANSFER, 0, b->self, SHARED_REGION_MOVE, force, LONG);
	EXPECT_OK(ask(b, WAIT, LONG));
	EXPECT_EQ(kill(sender->pid, SIGUSR1), 0);
	EXPECT_FAILS(hear(sender), CONNECTION_LOST);
}

/* V-10, 5.2, 12.5: its death would be its acknowledgement. */
TEST(a_sender_that_closes_its_connection_and_goes_on_is_fenced)
{
	struct agent sender, b;

	offer_and_secede(&sender, &b, SHARED_REGION_FENCE);
	EXPECT_OK(ask(&b, ACCEPT, 0, b.said[0], SHARED_REGION_WRITE));
	expect_lost(&sender, &b);
	agent_down(&b);
	agent_down(&sender);
}

/* 6.6, 12.5, V-12 */
TEST(a_sender_that_closes_its_connection_and_goes_on_does_not_stand_verification)
{
	struct agent sender, b;

	offer_and_secede(&sender, &b, SHARED_REGION_VERIFY);
	EXPECT_FAILS(ask(&b, ACCEPT, 0, b.said[0], SHARED_REGION_WRITE), PEER_UNCOOPERATIVE);
	agent_down(&b);
	agent_down(&sender);
}

/* 6.6, 12.5, V-12 */
TEST(a_holder_that_closes_its_connection_when_it_is_asked_does_not_stand_verification)
{
	struct scene s;

	scene_up(&s);
	go_deaf(&s.hostile);
	EXPECT_EQ(ask(&s.hostile, SECEDE, true), 0);
	order(&s.owner, REVOKE, s.cap, SHARED_REGION_VERIFY);
	/* It was asked when its authority has ended. */
	EXPECT_WITHIN(SOON, ask(&s.hostile, CHECK, s.cap, 0) < 0);
	EXPECT_EQ(kill(s.hostile.pid, SIGUSR1), 0);
	EXPECT_FAILS(hear(&s.owner), PEER_UNCOOPERATIVE);
	scene_down(&s);
}

static bool is_replaced(struct agent *owner, uint64_t before)
{
	EXPECT_OK(ask(owner, BACKING, 0));
	return owner->said[0] != before;
}

/* V-10, 12.5, D-9: revoked with the strength that is usual between users. */
TEST(a_holder_of_another_user_that_closes_its_connection_and_goes_on_is_fenced)
{
	struct scene s;
	uint64_t before;

	serve_others();
	agent_up(&s.owner);
	agent_up_as(&s.hostile, USER_A);
	EXPECT_OK(ask(&s.owner, NEW, 0, SIZE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&s.owner, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&s.owner, FILL, 0, SIZE, WAS), 0);
	EXPECT_OK(ask(&s.owner, ROOT, 0));
	EXPECT_OK(ask(&s.owner, DERIVE, s.owner.said[0], WRITING, s.hostile.self));
	EXPECT_OK(ask(&s.hostile, CAP_MAP, 0, s.owner.said[0], SHARED_REGION_WRITE));
	take_hold(&s.hostile, GRIP_TWIN);
	EXPECT_OK(ask(&s.owner, BACKING, 0));
	before = s.owner.said[0];
	EXPECT_EQ(ask(&s.hostile, SECEDE, false), 0);
	EXPECT_WITHIN(SOON, is_replaced(&s.owner, before));
	expect_lost(&s.hostile, &s.owner);
	scene_down(&s);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_strong.c - the broker under a user of its own: what the kernel keeps hostile processes
 * from
 *
 * All take part as another user than root, who could do everything.
 */
#include "rig.h"

#define READ_ONLY_TAMPERING                                                                   \
	(TAMPER_MAP_WRITABLE | TAMPER_PROTECT | TAMPER_REOPEN | TAMPER_SHRINK | TAMPER_GROW | \
	 TAMPER_SEAL | TAMPER_PUNCH | TAMPER_CHMOD)
/* A writer may store and erase, which is writing, and no more. */
#define WRITER_TAMPERING (TAMPER_SHRINK | TAMPER_GROW | TAMPER_SEAL | TAMPER_CHMOD)

struct stage {
	pid_t broker;
	struct agent owner, hostile;
	shared_region_cap cap;
};

/* The owner's region of 2 pages, filled with 0xD1, is the hostile one's with these rights. */
static void stage_up(struct stage *s, uid_t hostile, shared_region_rights rights, uint32_t perm)
{
	s->broker = broker_start_strong();
	agent_up_as(&s->owner, USER_A);
	agent_up_as(&s->hostile, hostile);
	EXPECT_OK(ask(&s->hostile, IS_STRONG));
	EXPECT_EQ(s->hostile.said[0], 1);
	EXPECT_OK(ask(&s->hostile, HOARD, true));
	EXPECT_OK(ask(&s->owner, NEW, 0, 2 * PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&s->owner, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&s->owner, FILL, 0, 2 * PAGE, 0xD1), 0);
	EXPECT_OK(ask(&s->owner, ROOT, 0));
	EXPECT_OK(ask(&s->owner, DERIVE, s->owner.said[0], rights, s->hostile.self));
	s->cap = s->owner.said[0];
	EXPECT_OK(ask(&s->hostile, CAP_MAP, 0, s->cap, perm));
	EXPECT_EQ(agent_byte(&s->hostile, 0, 0), 0xD1);
	EXPECT_OK(ask(&s->hostile, KEEP));
	/* Or else there is nothing to try. */
	EXPECT(s->hostile.said[0] > 0);
	EXPECT(s->hostile.said[1] > 0);
}

static void stage_down(struct stage *s)
{
	agent_down(&s->hostile);
	agent_down(&s->owner);
	broker_stop(s->broker);
}

static void expect_tampering_in_vain(struct stage *s, unsigned what)
{
	EXPECT_OK(ask(&s->hostile, TAMPER));
	EXPECT(s->hostile.said[1] > 0);
	EXPECT_EQ(s->hostile.said[0] & what, 0);
}

/* 12.1, 12.3, 18.9: mapping writable, raising protection, reopening, resizing, sealing. */
TEST(a_reader_of_the_same_user_cannot_write_whatever_it_tries)
{
	struct stage s;

	stage_up(&s, USER_A, READING, SHARED_REGION_READ);
	EXPECT_EQ(s.hostile.said[2], 0);
	expect_tampering_in_vain(&s, READ_ONLY_TAMPERING);
	EXPECT_OK(ask(&s.hostile, KEPT_STORES, 0, 0xD2));
	EXPECT_EQ(s.hostile.said[0], 0);
	EXPECT(agent_filled(&s.owner, 0, 2 * PAGE, 0xD1));
	stage_down(&s);
}

/* 12.3: with the default mode another user could reopen it. */
TEST(a_reader_of_another_user_cannot_write_whatever_it_tries)
{
	struct stage s;

	stage_up(&s, USER_B, READING, SHARED_REGION_READ);
	EXPECT_EQ(s.hostile.said[2], 0);
	expect_tampering_in_vain(&s, READ_ONLY_TAMPERING);
	EXPECT(agent_filled(&s.owner, 0, 2 * PAGE, 0xD1));
	stage_down(&s);
}

/* 12.3: a reader of the owner's own client has as little. */
TEST(an_owner_who_maps_for_reading_can_still_map_for_writing_afterwards)
{
	struct stage s;

	stage_up(&s, USER_A, READING, SHARED_REGION_READ);
	EXPECT_OK(ask(&s.owner, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&s.owner, MAP, 0, SHARED_REGION_READ, 0));
	EXPECT_EQ(ask(&s.owner, STORE, 0, 0, 1), SIGSEGV);
	EXPECT_OK(ask(&s.owner, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&s.owner, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&s.owner, STORE, 0, 0, 0xD3), 0);
	EXPECT_EQ(agent_byte(&s.hostile, 0, 0), 0xD3);
	stage_down(&s);
}

/* 12.1, 18.29 */
TEST(a_writer_cannot_shrink_grow_or_seal)
{
	struct stage s;

	stage_up(&s, USER_A, WRITING, SHARED_REGION_WRITE);
	expect_tampering_in_vain(&s, WRITER_TAMPERING);
	/* No SIGBUS by truncation. */
	EXPECT_EQ(ask(&s.owner, LOAD, 0, 2 * PAGE - 1), 0);
	/* And the object can still be emptied and written, see the next. */
	EXPECT_OK(ask(&s.owner, UNMAP, 0, s.hostile.self, SHARED_REGION_FENCE));
	EXPECT_EQ(ask(&s.owner, STORE, 0, 0, 1), 0);
	stage_down(&s);
}

/* V-10, 6.6, 18.12 */
TEST(a_fence_holds_against_a_writer_of_another_user)
{
	struct stage s;

	stage_up(&s, USER_B, WRITING, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&s.owner, REVOKE, s.cap, SHARED_REGION_FORCE_DEFAULT));
	EXPECT_OK(ask(&s.hostile, KEPT_SEES, PAGE, 0xD1));
	EXPECT_EQ(s.hostile.said[0], 0);
	EXPECT_OK(ask(&s.hostile, KEPT_STORES, PAGE, 0xD4));
	EXPECT(agent_filled(&s.owner, 0, 2 * PAGE, 0xD1));
	stage_down(&s);
}

/* 6.6: of a process that the broker may not inspect nothing is claimed. */
TEST(verification_is_not_claimed_of_whom_the_broker_cannot_see)
{
	struct stage s;

	stage_up(&s, USER_B, WRITING, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&s.owner, UNMAP, 0, s.hostile.self, SHARED_REGION_VERIFY),
		     PEER_UNCOOPERATIVE);
	stage_down(&s);
}

/* V-10, 5.2, 18.12 */
TEST(a_sender_of_another_user_sees_zeros_after_a_fenced_move)
{
	struct agent sender, receiver;
	pid_t broker = broker_start_strong();

	agent_up_as(&sender, USER_A);
	agent_up_as(&receiver, USER_B);
	EXPECT_OK(ask(&sender, HOARD, true));
	EXPECT_OK(ask(&sender, NEW, 0, 2 * PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&sender, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&sender, FILL, 0, 2 * PAGE, 0xD5), 0);
	EXPECT_OK(ask(&sender, KEEP));
	EXPECT(sender.said[0] + sender.said[1] > 0);
	order(&receiver, TAKE, 0, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&sender, TRANSFER, 0, receiver.self, SHARED_REGION_MOVE,
		      SHARED_REGION_FENCE, LONG));
	EXPECT_OK(hear(&receiver));
	EXPECT(agent_filled(&receiver, 0, 2 * PAGE, 0xD5));
	EXPECT_OK(ask(&sender, KEPT_SEES, 0, 0xD5));
	EXPECT_EQ(sender.said[0], 0);
	EXPECT_OK(ask(&sender, KEPT_STORES, 0, 0xD6));
	EXPECT(agent_filled(&receiver, 0, 2 * PAGE, 0xD5));
	EXPECT_EQ(ask(&receiver, STORE, 0, 0, 0xD7), 0);
	EXPECT_OK(ask(&sender, KEPT_SEES, 0, 0xD7));
	EXPECT_EQ(sender.said[0], 0);
	agent_down(&receiver);
	agent_down(&sender);
	broker_stop(broker);
}

/* 12.1: a snapshot is written privately and its base is not. */
TEST(a_holder_of_a_snapshot_cannot_write_its_base)
{
	struct agent owner, b;
	pid_t broker = broker_start_strong();

	agent_up_as(&owner, USER_A);
	agent_up_as(&b, USER_A);
	EXPECT_OK(ask(&b, HOARD, true));
	EXPECT_OK(ask(&owner, NEW, 0, PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&owner, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_EQ(ask(&owner, FILL, 0, PAGE, 0xD8), 0);
	EXPECT_OK(ask(&owner, TRANSFER, 0, b.self, SHARED_REGION_COPY_ON_WRITE, 0, LONG));
	EXPECT_OK(ask(&b, TAKE, 0, SHARED_REGION_WRITE));
	EXPECT_EQ(ask(&b, STORE, 0, 0, 0xD9), 0);
	EXPECT_OK(ask(&b, KEEP));
	EXPECT_OK(ask(&b, KEPT_STORES, 0, 0xDA));
	EXPECT(agent_filled(&owner, 0, PAGE, 0xD8));
	agent_down(&b);
	agent_down(&owner);
	broker_stop(broker);
}

/* G-1: the socket is everybody's, the memory is not. */
TEST(a_user_without_authority_gets_nothing_of_another_user)
{
	struct agent third;
	struct stage s;

	stage_up(&s, USER_B, READING, SHARED_REGION_READ);
	agent_up_as(&third, USER_B);
	EXPECT_FAILS(ask(&third, CAP_MAP, 0, s.cap, SHARED_REGION_READ), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&third, OPEN, 0, 1), INVALID_MEMORY_REGION);
	agent_down(&third);
	stage_down(&s);
}

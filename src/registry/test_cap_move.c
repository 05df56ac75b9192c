/* SPDX-License-Identifier: MIT */
/* An object gets another owner. */
#include <errno.h>

#include "registry/rig_cap.h"

#define GIVING (CAP_READ | CAP_GRANT | CAP_REVOKE)

/* ---- transfer_ownership ----------------------------------------------------------------- */

TEST(the_root_moves_to_the_new_owner_and_descendants_stay_under_it)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), kept, bobs;

	kept = caps_derive(rig, &rig->alice, root, CAP_READ, &rig->alice);
	bobs = caps_give(rig, &rig->alice, root, CAP_READ, &rig->bob);
	EXPECT_EQ(cap_hand_over(&rig->object, &rig->carol), 0);
	caps_check(rig);
	EXPECT_EQ(caps_require(&rig->alice, root, 0), -EBADF);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->bob, CAP_SHARE), -EACCES);
	EXPECT_EQ(caps_require(&rig->carol, root, OWNERS), 0);
	EXPECT_EQ(caps_require(&rig->alice, kept, CAP_READ), 0);
	EXPECT_EQ(caps_require(&rig->bob, bobs, CAP_READ), 0);
	EXPECT_EQ(rig->ended_count, 0);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, bobs), -EACCES);
	EXPECT_EQ(caps_revoke(rig, &rig->carol, kept), 1);
	caps_down(rig);
}

TEST(handing_over_to_nobody_or_to_oneself_changes_nothing)
{
	struct cap_rig *rig = caps_up();

	EXPECT_EQ(cap_hand_over(&rig->object, NULL), -ESRCH);
	EXPECT_EQ(cap_hand_over(&rig->object, &rig->alice), 0);
	caps_check(rig);
	EXPECT_EQ(caps_require(&rig->alice, caps_root(rig), OWNERS), 0);
	caps_down(rig);
}

TEST(handing_over_needs_no_room_in_the_new_owners_table)
{
	struct cap_rig *rig = caps_up_with(3, 2);
	uint64_t root = caps_root(rig);

	(void)caps_give(rig, &rig->alice, root, CAP_READ, &rig->bob);
	(void)caps_give(rig, &rig->alice, root, CAP_READ, &rig->bob);
	EXPECT_EQ(cap_hand_over(&rig->object, &rig->bob), 0);
	caps_check(rig);
	EXPECT_EQ(caps_require(&rig->bob, root, OWNERS), 0);
	EXPECT_EQ(rig->bob.count, 2);
	caps_down(rig);
}

TEST(an_orphan_can_be_adopted)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig);

	caps_exit(rig, &rig->alice);
	EXPECT_EQ(cap_hand_over(&rig->object, &rig->bob), 0);
	caps_check(rig);
	EXPECT_EQ(caps_require(&rig->bob, root, OWNERS), 0);
	caps_down(rig);
}

/* ---- Move ------------------------------------------------------------------------------- */

TEST(the_token_the_receiver_accepts_is_the_root_with_every_right_of_an_owner)
{
	struct cap_rig *rig = caps_up_with(7, CAP_LIMIT_DEFAULT);
	uint64_t root = caps_root(rig), move;
	struct cap_info info;

	move = caps_create(rig, &rig->alice, &rig->bob, CAP_MOVE);
	EXPECT_EQ(caps_require(&rig->bob, move, CAP_DELETE), -EACCES);
	EXPECT_EQ(caps_move(rig, &rig->bob, move), 0);
	EXPECT_EQ(caps_root(rig), move);
	EXPECT_EQ(cap_info(&rig->bob, move, &info), 0);
	EXPECT_EQ(info.rights, CAP_ACCESS | CAP_MANAGEMENT);
	EXPECT_EQ(info.state, CAP_HELD);
	EXPECT_EQ(caps_require(&rig->alice, root, 0), -EBADF);
	EXPECT_EQ(rig->alice.count, 0);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->carol, CAP_SHARE), -EACCES);
	EXPECT_EQ(caps_create_error(rig, &rig->bob, &rig->carol, CAP_MOVE), 0);
	caps_down(rig);
}

TEST(a_move_is_single_use_and_its_targets_alone)
{
	struct cap_rig *rig = caps_up();
	uint64_t move = caps_create(rig, &rig->alice, &rig->bob, CAP_MOVE);

	EXPECT_EQ(caps_move(rig, &rig->carol, move), -EBADF);
	EXPECT_EQ(caps_move(rig, &rig->alice, move), -EBADF);
	EXPECT_EQ(caps_redeem_error(rig, &rig->bob, move), -EBADF);
	EXPECT_EQ(caps_move(rig, &rig->bob, move), 0);
	EXPECT_EQ(caps_move(rig, &rig->bob, move), -EBADF);
	EXPECT_EQ(caps_redeem_error(rig, &rig->bob, move), -EBADF);
	caps_down(rig);
}

TEST(a_share_does_not_move_an_object)
{
	struct cap_rig *rig = caps_up();
	uint64_t share = caps_create(rig, &rig->alice, &rig->bob, CAP_SHARE);

	EXPECT_EQ(caps_move(rig, &rig->bob, share), -EBADF);
	EXPECT_EQ(caps_require(&rig->alice, caps_root(rig), OWNERS), 0);
	caps_down(rig);
}

TEST(a_move_revokes_all_that_the_sender_has_on_the_object)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), own, bobs, back, move;

	own = caps_derive(rig, &rig->alice, root, GIVING, &rig->alice);
	bobs = caps_give(rig, &rig->alice, root, GIVING, &rig->bob);
	back = caps_derive(rig, &rig->bob, bobs, CAP_READ, &rig->alice);
	move = caps_create(rig, &rig->alice, &rig->carol, CAP_MOVE);
	EXPECT_EQ(caps_move(rig, &rig->carol, move), 0);
	EXPECT_EQ(rig->alice.count, 0);
	EXPECT_EQ(caps_ended(rig, root)->reason, CAP_EXPLICIT);
	EXPECT_EQ(caps_ended(rig, own)->reason, CAP_EXPLICIT);
	EXPECT_EQ(caps_ended(rig, back)->reason, CAP_EXPLICIT);
	EXPECT_EQ(rig->ended_count, 3);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, own), 0);
	caps_down(rig);
}

TEST(after_a_move_third_parties_answer_to_the_new_root)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), own, bobs, daves, move;

	own = caps_derive(rig, &rig->alice, root, GIVING, &rig->alice);
	bobs = caps_give(rig, &rig->alice, own, GIVING, &rig->bob);
	daves = caps_give(rig, &rig->bob, bobs, CAP_READ, &rig->dave);
	move = caps_create(rig, &rig->alice, &rig->carol, CAP_MOVE);
	EXPECT_EQ(caps_move(rig, &rig->carol, move), 0);
	EXPECT_EQ(caps_require(&rig->bob, bobs, GIVING), 0);
	EXPECT(cap_find(&rig->bob, bobs)->parent == rig->object.root);
	EXPECT(cap_find(&rig->dave, daves)->parent == cap_find(&rig->bob, bobs));
	EXPECT_EQ(caps_revoke(rig, &rig->carol, bobs), 2);
	caps_down(rig);
}

TEST(an_exclusive_move_revokes_every_other_holder)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), bobs, daves, carols, move;

	bobs = caps_give(rig, &rig->alice, root, GIVING, &rig->bob);
	daves = caps_give(rig, &rig->bob, bobs, GIVING, &rig->dave);
	/* The receiver keeps what it had, whoever gave it. */
	carols = caps_give(rig, &rig->dave, daves, CAP_READ, &rig->carol);
	move = caps_create(rig, &rig->alice, &rig->carol, CAP_MOVE | CAP_EXCLUSIVE);
	EXPECT_EQ(caps_move(rig, &rig->carol, move), 0);
	EXPECT_EQ(caps_require(&rig->bob, bobs, 0), -EBADF);
	EXPECT_EQ(caps_require(&rig->dave, daves, 0), -EBADF);
	EXPECT_EQ(caps_notice(&rig->bob).reason, CAP_PARENT_REVOKED);
	EXPECT_EQ(caps_notice(&rig->dave).reason, CAP_PARENT_REVOKED);
	EXPECT_EQ(caps_notice(&rig->alice).reason, CAP_EXPLICIT);
	EXPECT_EQ(caps_require(&rig->carol, carols, CAP_READ), 0);
	EXPECT_EQ(rig->object.live, 2);
	caps_down(rig);
}

TEST(a_move_completes_though_its_sender_is_dead)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), bobs, move;

	bobs = caps_give(rig, &rig->alice, root, CAP_READ, &rig->bob);
	move = caps_create(rig, &rig->alice, &rig->carol, CAP_MOVE);
	caps_exit(rig, &rig->alice);
	EXPECT_EQ(caps_require(&rig->carol, move, CAP_READ), 0);
	EXPECT_EQ(caps_move(rig, &rig->carol, move), 0);
	EXPECT_EQ(caps_require(&rig->carol, move, OWNERS), 0);
	EXPECT_EQ(caps_require(&rig->bob, bobs, CAP_READ), 0);
	EXPECT_EQ(caps_ended(rig, root)->holder == NULL, 1);
	caps_down(rig);
}

TEST(a_move_that_is_withdrawn_leaves_all_with_the_sender)
{
	struct cap_rig *rig = caps_up();
	uint64_t move = caps_create(rig, &rig->alice, &rig->bob, CAP_MOVE);

	EXPECT_EQ(caps_revoke(rig, &rig->alice, move), 1);
	EXPECT_EQ(caps_move(rig, &rig->bob, move), -EBADF);
	EXPECT_EQ(caps_require(&rig->alice, caps_root(rig), OWNERS), 0);
	caps_down(rig);
}

TEST(an_object_that_moves_twice_has_the_last_receivers_root)
{
	struct cap_rig *rig = caps_up();
	uint64_t first, second;

	first = caps_create(rig, &rig->alice, &rig->bob, CAP_MOVE);
	EXPECT_EQ(caps_move(rig, &rig->bob, first), 0);
	second = caps_create(rig, &rig->bob, &rig->alice, CAP_MOVE);
	EXPECT_EQ(caps_move(rig, &rig->alice, second), 0);
	EXPECT_EQ(caps_require(&rig->bob, first, 0), -EBADF);
	EXPECT_EQ(caps_require(&rig->alice, second, OWNERS), 0);
	EXPECT_EQ(rig->object.live, 1);
	caps_down(rig);
}

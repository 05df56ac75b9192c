/* SPDX-License-Identifier: MIT */
/* Capabilities are made, found and checked. */
#include <errno.h>

#include "registry/rig_cap.h"

/* ---- the root --------------------------------------------------------------------------- */

TEST(the_root_has_the_ceilings_rights_and_all_that_manage)
{
	static const uint32_t ceilings[] = { 1, 3, 4, 5, 7 };

	for (unsigned i = 0; i < 5; i++) {
		struct cap_rig *rig = caps_up_with(ceilings[i], CAP_LIMIT_DEFAULT);
		struct cap_info info;

		EXPECT_EQ(cap_info(&rig->alice, caps_root(rig), &info), 0);
		EXPECT_EQ(info.rights, ceilings[i] | 0x78);
		EXPECT_EQ(info.object, OBJECT);
		EXPECT_EQ(info.state, CAP_HELD);
		caps_down(rig);
	}
}

TEST(a_token_carries_the_lowest_four_rights_and_the_type_of_memory)
{
	struct cap_rig *rig = caps_up();
	struct cap_fields fields = cap_unpack(caps_root(rig));

	EXPECT_EQ(fields.flags, CAP_READ | CAP_WRITE | CAP_GRANT);
	EXPECT_EQ(fields.type, 0);
	EXPECT_EQ(fields.id, 1);
	caps_down(rig);
}

/* ---- check ------------------------------------------------------------------------------ */

TEST(a_token_of_another_holder_is_invalid)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), token;

	token = caps_give(rig, &rig->alice, root, CAP_READ | CAP_MAP, &rig->bob);
	EXPECT_EQ(caps_require(&rig->bob, token, CAP_READ), 0);
	EXPECT_EQ(caps_require(&rig->bob, root, CAP_READ), -EBADF);
	EXPECT_EQ(caps_require(&rig->alice, token, CAP_READ), -EBADF);
	EXPECT_EQ(caps_require(&rig->carol, token, 0), -EBADF);
	caps_down(rig);
}

TEST(a_missing_token_is_invalid_and_a_missing_right_is_denied)
{
	struct cap_rig *rig = caps_up();
	uint64_t token =
		caps_give(rig, &rig->alice, caps_root(rig), CAP_READ | CAP_MAP, &rig->bob);

	EXPECT_EQ(caps_require(&rig->bob, 0, 0), -EBADF);
	EXPECT_EQ(caps_require(&rig->bob, token + 1, CAP_WRITE), -EBADF);
	EXPECT_EQ(caps_require(&rig->bob, token, CAP_WRITE), -EACCES);
	EXPECT_EQ(caps_require(&rig->bob, token, CAP_READ | CAP_WRITE), -EACCES);
	EXPECT_EQ(caps_require(&rig->bob, token, CAP_READ | 0x100), -EACCES);
	EXPECT_EQ(caps_require(&rig->bob, token, CAP_READ | CAP_MAP), 0);
	EXPECT_EQ(caps_require(&rig->bob, token, 0), 0);
	caps_down(rig);
}

TEST(flipping_any_bit_of_a_valid_token_fails)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), token;
	struct cap_info info;

	/* Neighbours by number exist, but not in this table. */
	(void)caps_give(rig, &rig->alice, root, CAP_READ, &rig->carol);
	token = caps_give(rig, &rig->alice, root, CAP_READ | CAP_GRANT, &rig->bob);
	(void)caps_give(rig, &rig->alice, root, CAP_READ, &rig->carol);
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t other = token ^ UINT64_C(1) << bit;

		EXPECT_EQ(caps_require(&rig->bob, other, 0), -EBADF);
		EXPECT_EQ(cap_info(&rig->bob, other, &info), -EBADF);
		EXPECT_EQ(caps_derive_error(rig, &rig->bob, other, CAP_READ, &rig->bob),
			  -EBADF);
		EXPECT_EQ(caps_redeem_error(rig, &rig->bob, other), -EBADF);
		EXPECT_EQ(caps_delete(rig, &rig->bob, other), -EBADF);
		EXPECT(caps_revoke(rig, &rig->bob, other) < 0);
		EXPECT_EQ(cap_fate(&rig->bob, other), 0);
	}
	EXPECT_EQ(caps_require(&rig->bob, token, CAP_READ | CAP_GRANT), 0);
	caps_down(rig);
}

/* ---- derive ----------------------------------------------------------------------------- */

TEST(deriving_fewer_rights_works)
{
	struct cap_rig *rig = caps_up();
	struct cap_info info;
	uint64_t child =
		caps_derive(rig, &rig->alice, caps_root(rig), CAP_READ | CAP_MAP, &rig->alice);

	EXPECT_EQ(cap_info(&rig->alice, child, &info), 0);
	EXPECT_EQ(info.rights, CAP_READ | CAP_MAP);
	EXPECT_EQ(info.object, OBJECT);
	caps_down(rig);
}

TEST(deriving_more_rights_fails_and_is_not_reduced)
{
	struct cap_rig *rig = caps_up();
	uint64_t token =
		caps_give(rig, &rig->alice, caps_root(rig), CAP_READ | CAP_GRANT, &rig->bob);

	EXPECT_EQ(caps_derive_error(rig, &rig->bob, token, CAP_READ | CAP_WRITE, &rig->carol),
		  -EACCES);
	EXPECT_EQ(caps_derive_error(rig, &rig->bob, token, CAP_READ | CAP_MAP, &rig->carol),
		  -EACCES);
	EXPECT_EQ(caps_derive_error(rig, &rig->bob, token, UINT32_MAX, &rig->carol), -EACCES);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, caps_root(rig), CAP_EXECUTE, &rig->bob),
		  -EACCES);
	EXPECT_EQ(rig->carol.count, 0);
	caps_down(rig);
}

TEST(deriving_without_grant_fails)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_give(rig, &rig->alice, caps_root(rig),
				   OWNERS & ~(uint32_t)CAP_GRANT, &rig->bob);

	EXPECT_EQ(caps_derive_error(rig, &rig->bob, token, CAP_READ, &rig->bob), -EACCES);
	EXPECT_EQ(caps_derive_error(rig, &rig->bob, token, CAP_READ, &rig->carol), -EACCES);
	caps_down(rig);
}

TEST(deriving_no_rights_is_an_argument_of_no_sense)
{
	struct cap_rig *rig = caps_up();
	struct cap *cap;

	EXPECT_EQ(caps_derive_error(rig, &rig->alice, caps_root(rig), 0, &rig->bob), -EINVAL);
	/* The shape of an argument is looked at before anything else. */
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, 12345, 0, NULL), -EINVAL);
	EXPECT_EQ(cap_derive_within(&rig->alice, 12345, 0, NULL, &cap), -EINVAL);
	caps_down(rig);
}

TEST(authority_is_looked_at_before_whether_the_target_lives)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), token;

	token = caps_give(rig, &rig->alice, root, CAP_READ, &rig->bob);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, root, CAP_READ, NULL), -ESRCH);
	EXPECT_EQ(caps_derive_error(rig, &rig->bob, token, CAP_READ, NULL), -EACCES);
	EXPECT_EQ(caps_derive_error(rig, &rig->bob, root, CAP_READ, NULL), -EBADF);
	EXPECT_EQ(caps_create_error(rig, &rig->bob, NULL, CAP_SHARE), -EACCES);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, NULL, CAP_SHARE), -ESRCH);
	caps_down(rig);
}

TEST(what_one_derives_for_oneself_is_held_and_for_others_offered)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), own, other;
	struct cap_info info;

	own = caps_derive(rig, &rig->alice, root, CAP_READ, &rig->alice);
	other = caps_derive(rig, &rig->alice, root, CAP_READ, &rig->bob);
	EXPECT_EQ(cap_info(&rig->alice, own, &info), 0);
	EXPECT_EQ(info.state, CAP_HELD);
	EXPECT_EQ(cap_info(&rig->bob, other, &info), 0);
	EXPECT_EQ(info.state, CAP_OFFERED);
	EXPECT_EQ(rig->object.offers, 1);
	caps_down(rig);
}

TEST(a_child_has_an_id_of_its_own)
{
	struct cap_rig *rig = caps_up();
	uint64_t last = cap_unpack(caps_root(rig)).id;

	for (int i = 0; i < 20; i++) {
		uint64_t token = caps_derive(rig, &rig->alice, caps_root(rig), OWNERS,
					     i % 2 ? &rig->alice : &rig->bob);

		EXPECT(cap_unpack(token).id > last);
		last = cap_unpack(token).id;
	}
	caps_down(rig);
}

TEST(deriving_within_what_is_held_reports_what_came_of_it)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_give(rig, &rig->alice, caps_root(rig),
				   CAP_READ | CAP_GRANT | CAP_MAP, &rig->bob);
	struct cap *cap;

	EXPECT_EQ(cap_derive_within(&rig->bob, token, CAP_READ | CAP_WRITE | CAP_MAP,
				    &rig->carol, &cap),
		  0);
	EXPECT_EQ(cap->rights, CAP_READ | CAP_MAP);
	EXPECT_EQ(cap->holder == &rig->carol, 1);
	EXPECT_EQ(
		cap_derive_within(&rig->bob, token, CAP_WRITE | CAP_DELETE, &rig->carol, &cap),
		-EACCES);
	EXPECT_EQ(cap_derive_within(&rig->carol, token, CAP_READ, &rig->carol, &cap), -EBADF);
	caps_check(rig);
	caps_down(rig);
}

TEST(delegating_without_naming_rights_passes_everything_except_grant)
{
	struct cap_rig *rig = caps_up();
	uint64_t bare;
	struct cap *cap;

	EXPECT_EQ(cap_delegate(&rig->alice, caps_root(rig), &rig->bob, &cap), 0);
	EXPECT_EQ(cap->rights, OWNERS & ~(uint32_t)CAP_GRANT);
	bare = caps_give(rig, &rig->alice, caps_root(rig), CAP_GRANT, &rig->carol);
	EXPECT_EQ(cap_delegate(&rig->carol, bare, &rig->bob, &cap), -EACCES);
	caps_check(rig);
	caps_down(rig);
}

/* ---- create ----------------------------------------------------------------------------- */

static uint32_t created_rights(uint32_t ceiling, uint32_t mode)
{
	struct cap_rig *rig = caps_up_with(ceiling, CAP_LIMIT_DEFAULT);
	uint64_t token = caps_create(rig, &rig->alice, &rig->bob, mode);
	struct cap_info info;

	EXPECT_EQ(cap_info(&rig->bob, token, &info), 0);
	EXPECT_EQ(info.state, CAP_OFFERED);
	EXPECT_EQ(cap_unpack(token).flags, info.rights & 0xf);
	caps_down(rig);
	return info.rights;
}

TEST(a_created_capability_has_its_modes_rights_and_map_under_the_ceiling)
{
	EXPECT_EQ(created_rights(3, CAP_MOVE), CAP_READ | CAP_WRITE | CAP_GRANT | CAP_MAP);
	EXPECT_EQ(created_rights(3, CAP_SHARE), CAP_READ | CAP_WRITE | CAP_MAP);
	EXPECT_EQ(created_rights(3, CAP_COPY_ON_WRITE), CAP_READ | CAP_MAP);
	EXPECT_EQ(created_rights(1, CAP_SHARE), CAP_READ | CAP_MAP);
	EXPECT_EQ(created_rights(1, CAP_MOVE), CAP_READ | CAP_GRANT | CAP_MAP);
	EXPECT_EQ(created_rights(7, CAP_SHARE), CAP_READ | CAP_WRITE | CAP_MAP);
}

TEST(without_read_in_the_result_nothing_is_created)
{
	struct cap_rig *rig = caps_up_with(CAP_EXECUTE, CAP_LIMIT_DEFAULT);

	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->bob, CAP_SHARE), -EACCES);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->bob, CAP_MOVE), -EACCES);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->bob, CAP_COPY_ON_WRITE), -EACCES);
	caps_down(rig);
}

TEST(a_holder_with_grant_creates_within_what_it_holds)
{
	struct cap_rig *rig = caps_up();
	uint64_t token;
	struct cap_info info;

	(void)caps_give(rig, &rig->alice, caps_root(rig), CAP_READ | CAP_WRITE | CAP_MAP,
			&rig->bob);
	EXPECT_EQ(caps_create_error(rig, &rig->bob, &rig->carol, CAP_SHARE), -EACCES);
	(void)caps_give(rig, &rig->alice, caps_root(rig), CAP_READ | CAP_GRANT, &rig->bob);
	token = caps_create(rig, &rig->bob, &rig->carol, CAP_SHARE);
	EXPECT_EQ(cap_info(&rig->carol, token, &info), 0);
	EXPECT_EQ(info.rights, CAP_READ);
	/* Of several it acts under the one that has all to give. */
	(void)caps_give(rig, &rig->alice, caps_root(rig),
			CAP_READ | CAP_WRITE | CAP_MAP | CAP_GRANT, &rig->bob);
	(void)caps_give(rig, &rig->alice, caps_root(rig), CAP_READ | CAP_GRANT, &rig->bob);
	token = caps_create(rig, &rig->bob, &rig->carol, CAP_SHARE);
	EXPECT_EQ(cap_info(&rig->carol, token, &info), 0);
	EXPECT_EQ(info.rights, CAP_READ | CAP_WRITE | CAP_MAP);
	caps_down(rig);
}

TEST(only_the_owner_offers_a_move)
{
	struct cap_rig *rig = caps_up();

	(void)caps_give(rig, &rig->alice, caps_root(rig), OWNERS, &rig->bob);
	EXPECT_EQ(caps_create_error(rig, &rig->bob, &rig->carol, CAP_MOVE), -EACCES);
	EXPECT_EQ(caps_create_error(rig, &rig->carol, &rig->bob, CAP_MOVE), -EACCES);
	EXPECT_EQ(caps_create_error(rig, &rig->bob, &rig->bob, CAP_MOVE), -EACCES);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->carol, CAP_MOVE), 0);
	caps_down(rig);
}

TEST(an_unknown_mode_is_refused)
{
	struct cap_rig *rig = caps_up();

	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->bob, 3), -EINVAL);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->bob, UINT32_MAX), -EINVAL);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->bob, CAP_SHARE | CAP_EXCLUSIVE),
		  -EINVAL);
	EXPECT_EQ(caps_create_error(rig, &rig->carol, &rig->bob, 3), -EINVAL);
	caps_down(rig);
}

TEST(to_oneself_a_move_changes_nothing_and_a_share_is_refused)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig);

	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->alice, CAP_SHARE), -EINVAL);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->alice, CAP_COPY_ON_WRITE), -EINVAL);
	EXPECT_EQ(caps_create(rig, &rig->alice, &rig->alice, CAP_MOVE), root);
	EXPECT_EQ(rig->alice.count + rig->alice.roots, 1);
	EXPECT(!rig->object.moving);
	caps_down(rig);
}

TEST(while_a_move_is_offered_nothing_new_is_made)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), move;

	move = caps_create(rig, &rig->alice, &rig->bob, CAP_MOVE);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->carol, CAP_MOVE), -EBUSY);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->carol, CAP_SHARE), -EBUSY);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, root, CAP_READ, &rig->alice), -EBUSY);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, NULL, CAP_SHARE), -ESRCH);
	EXPECT_EQ(cap_hand_over(&rig->object, &rig->carol), -EBUSY);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, move), 1);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->carol, CAP_SHARE), 0);
	caps_down(rig);
}

TEST(equal_sums_of_object_and_holder_give_different_tokens)
{
	struct cap_rig *rig = caps_up();
	struct cap_object other;
	struct cap *a, *b;

	EXPECT_EQ(cap_object_init(&other, &rig->space, OBJECT ^ 3, 3, &rig->bob), 0);
	EXPECT_EQ(cap_create(&rig->alice, &rig->object, &rig->carol, CAP_SHARE, &a), 0);
	EXPECT_EQ(cap_create(&rig->bob, &other, &rig->dave, CAP_SHARE, &b), 0);
	EXPECT(a->token != b->token);
	caps_check(rig);
	cap_object_end(&other, CAP_EXPLICIT, &rig->end);
	caps_down(rig);
}

/* ---- offers ----------------------------------------------------------------------------- */

TEST(an_offer_answers_its_target_before_it_is_redeemed)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_create(rig, &rig->alice, &rig->bob, CAP_SHARE);
	struct cap_info info;

	EXPECT_EQ(caps_require(&rig->bob, token, CAP_READ | CAP_MAP), 0);
	EXPECT_EQ(caps_require(&rig->bob, token, CAP_GRANT), -EACCES);
	EXPECT_EQ(cap_info(&rig->bob, token, &info), 0);
	EXPECT_EQ(info.state, CAP_OFFERED);
	EXPECT_EQ(caps_require(&rig->alice, token, CAP_READ), -EBADF);
	caps_down(rig);
}

TEST(only_its_target_redeems_an_offer)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_create(rig, &rig->alice, &rig->bob, CAP_SHARE);

	EXPECT_EQ(caps_redeem_error(rig, &rig->carol, token), -EBADF);
	EXPECT_EQ(caps_redeem_error(rig, &rig->alice, token), -EBADF);
	EXPECT_EQ(caps_redeem_error(rig, &rig->bob, token), 0);
	EXPECT_EQ(cap_fate(&rig->bob, token), CAP_HELD);
	EXPECT_EQ(rig->object.offers, 0);
	caps_down(rig);
}

TEST(a_share_may_be_redeemed_any_number_of_times_until_it_is_revoked)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_create(rig, &rig->alice, &rig->bob, CAP_COPY_ON_WRITE);

	for (int i = 0; i < 3; i++)
		EXPECT_EQ(caps_redeem_error(rig, &rig->bob, token), 0);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, token), 1);
	EXPECT_EQ(caps_redeem_error(rig, &rig->bob, token), -EBADF);
	caps_down(rig);
}

TEST(nothing_is_derived_from_an_offer)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_derive(rig, &rig->alice, caps_root(rig), OWNERS, &rig->bob);

	EXPECT_EQ(caps_derive_error(rig, &rig->bob, token, CAP_READ, &rig->carol), -EACCES);
	EXPECT_EQ(caps_create_error(rig, &rig->bob, &rig->carol, CAP_SHARE), -EACCES);
	caps_redeem(rig, &rig->bob, token);
	EXPECT_EQ(caps_derive_error(rig, &rig->bob, token, CAP_READ, &rig->carol), 0);
	caps_down(rig);
}

/* ---- the rest --------------------------------------------------------------------------- */

TEST(what_is_held_on_an_object_is_found_by_its_rights)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), token;

	EXPECT(cap_held_on(&rig->alice, &rig->object, OWNERS) == rig->object.root);
	EXPECT(!cap_held_on(&rig->alice, &rig->object, CAP_EXECUTE));
	token = caps_derive(rig, &rig->alice, root, CAP_READ | CAP_MAP, &rig->bob);
	EXPECT(!cap_held_on(&rig->bob, &rig->object, CAP_READ));
	caps_redeem(rig, &rig->bob, token);
	EXPECT(cap_held_on(&rig->bob, &rig->object, CAP_READ) == cap_find(&rig->bob, token));
	EXPECT(!cap_held_on(&rig->bob, &rig->object, CAP_WRITE));
	caps_down(rig);
}

TEST(a_new_entry_is_inheritable_and_remembers_other_flags)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig);

	EXPECT_EQ(cap_find(&rig->alice, root)->inherit, CAP_INHERITABLE);
	EXPECT_EQ(cap_set_inherit(&rig->alice, root, CAP_PRESERVE_EXEC | CAP_REDUCE_RIGHTS), 0);
	EXPECT_EQ(cap_find(&rig->alice, root)->inherit, 6);
	EXPECT_EQ(cap_set_inherit(&rig->alice, root, 16), -EINVAL);
	EXPECT_EQ(cap_set_inherit(&rig->bob, root, 0), -EBADF);
	EXPECT_EQ(cap_find(&rig->alice, root)->inherit, 6);
	caps_down(rig);
}

TEST(a_lower_ceiling_takes_the_right_from_every_capability)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), a, b;

	a = caps_give(rig, &rig->alice, root, OWNERS, &rig->bob);
	b = caps_give(rig, &rig->bob, a, CAP_READ | CAP_WRITE | CAP_MAP, &rig->carol);
	cap_object_lower(&rig->object, CAP_READ);
	caps_check(rig);
	EXPECT_EQ(caps_require(&rig->alice, root, CAP_WRITE), -EACCES);
	EXPECT_EQ(caps_require(&rig->bob, a, CAP_WRITE), -EACCES);
	EXPECT_EQ(caps_require(&rig->carol, b, CAP_WRITE), -EACCES);
	EXPECT_EQ(caps_require(&rig->carol, b, CAP_READ | CAP_MAP), 0);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, root, CAP_WRITE, &rig->bob), -EACCES);
	caps_down(rig);
}

/* SPDX-License-Identifier: MIT */
/* What is taken back by who runs the node. */
#include <errno.h>

#include "registry/rig_shared.h"

/*
 * The owner, process 1, has the region mapped by ownership.  Process 2, of another user, holds
 * a capability by which it has mapped it, and gave one to process 3, of the owner's user, which
 * has mapped it, too.  Process 4 is the operator.
 */
struct scene {
	struct rig *rig;
	struct fake_client *owner, *stranger, *friend, *operator;
	uint64_t shared;
	uint64_t root, given, below; /* tokens */
};

static struct scene scene_up(uint32_t operator)
{
	struct scene s = { .rig = rig_up() };

	s.owner = rig_join(s.rig, 10);
	s.stranger = rig_join(s.rig, 11);
	s.friend = rig_join(s.rig, 10);
	s.operator= rig_join(s.rig, operator);
	s.shared = rig_shared(s.rig, s.owner);
	s.root = rig_root(s.rig, s.owner, s.shared);
	rig_map(s.rig, s.owner, s.shared, 0, ALL);
	s.given = rig_derive(s.rig, s.owner, s.root, ALL | GRANT | MAP, 2);
	rig_map(s.rig, s.stranger, s.shared, s.given, ALL);
	s.below = rig_derive(s.rig, s.stranger, s.given, READ | MAP, 3);
	rig_map(s.rig, s.friend, s.shared, s.below, READ);
	return s;
}

static int refusal(const struct scene *s, struct fake_client *client, struct message message)
{
	return rig_error(s->rig, client, message);
}

static struct message all_of(const struct scene *s, uint32_t force)
{
	return ASK(shared_revoke, .shared = s->shared, .force = force);
}

/* What the operator is answered, once everybody has heard. */
static struct msg_shared_revoked answer_to(const struct scene *s)
{
	EXPECT_EQ(s->operator->answer.message.number, MSG_shared_revoked);
	return s->operator->answer.message.shared_revoked;
}

TEST(a_region_is_taken_back_by_its_payer_the_brokers_user_and_root)
{
	static const uint32_t users[] = { 10, 500, 0 };

	for (unsigned i = 0; i < 3; i++) {
		struct scene s = scene_up(users[i]);

		(void)rig_ask(s.rig, s.operator, all_of(&s, 0));
		rig_let_go(s.rig, s.stranger);
		EXPECT_EQ(s.operator->answer.message.number, 0);
		rig_let_go(s.rig, s.friend);
		EXPECT_EQ(answer_to(&s).caps, 2);
		EXPECT_EQ(answer_to(&s).mappings, 2);
		EXPECT_EQ(answer_to(&s).force, 0);
		rig_down(s.rig);
	}
}

TEST(to_all_others_it_is_not_there_or_not_theirs)
{
	struct scene s = scene_up(12);

	EXPECT_EQ(refusal(&s, s.operator, all_of(&s, 0)), ENOENT);
	EXPECT_EQ(refusal(&s, s.stranger, all_of(&s, 0)), EACCES);
	EXPECT_EQ(refusal(&s, s.stranger,
			  ASK(shared_revoke, .shared = s.shared, .cap = rig_cap_id(s.below))),
		  EACCES);
	EXPECT_EQ(rig_cap_count(s.rig, s.owner, s.shared), 3);
	EXPECT_EQ(rig_mapping_count(s.rig, s.owner, s.shared), 3);
	rig_down(s.rig);
}

TEST(what_the_owner_has_stays_unless_he_is_named)
{
	struct scene s = scene_up(0);
	uint64_t own = rig_derive(s.rig, s.owner, s.root, READ | GRANT | MAP, 1);

	(void)rig_derive(s.rig, s.owner, own, READ, 1);
	(void)rig_ask(s.rig, s.operator, all_of(&s, 0));
	rig_let_go(s.rig, s.stranger);
	rig_let_go(s.rig, s.friend);
	EXPECT_EQ(answer_to(&s).caps, 2);
	EXPECT_EQ(rig_cap_count(s.rig, s.owner, s.shared), 3);
	EXPECT_EQ(rig_mapping_row(s.rig, s.owner, s.shared, 0).process, 1);
	EXPECT_EQ(rig_mapping_count(s.rig, s.owner, s.shared), 1);

	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .process = 1, .force = 0));
	rig_let_go(s.rig, s.owner);
	EXPECT_EQ(answer_to(&s).caps, 2);
	EXPECT_EQ(answer_to(&s).mappings, 1);
	EXPECT_EQ(rig_cap_count(s.rig, s.owner, s.shared), 1);
	/* And he may map it again: it is his. */
	rig_map(s.rig, s.owner, s.shared, 0, ALL);
	rig_down(s.rig);
}

TEST(what_others_have_below_the_owners_own_capabilities_ends_too)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 10);
	uint64_t shared = rig_shared(rig, owner), own, given;

	own = rig_derive(rig, owner, rig_root(rig, owner, shared), READ | GRANT, 1);
	given = rig_derive(rig, owner, own, READ, 2);
	(void)rig_derive(rig, owner, own, READ, 2);
	rig_take(rig, other, given);
	EXPECT_EQ(
		rig_ask(rig, owner, ASK(shared_revoke, .shared = shared))->shared_revoked.caps,
		2);
	EXPECT_EQ(rig_cap_count(rig, owner, shared), 2);
	EXPECT_EQ(rig_cap_row(rig, owner, shared, rig_cap_id(own)).id, 0);
	rig_down(rig);
}

TEST(one_capability_ends_with_all_below_it_and_no_other)
{
	struct scene s = scene_up(0);
	uint64_t beside = rig_derive(s.rig, s.stranger, s.given, READ | MAP, 3);
	uint64_t lowest;

	rig_take(s.rig, s.friend, beside);
	lowest = rig_derive(s.rig, s.owner, s.root, READ | MAP, 3);
	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .cap = rig_cap_id(s.below)));
	rig_let_go(s.rig, s.friend);
	EXPECT_EQ(answer_to(&s).caps, 1);
	EXPECT_EQ(answer_to(&s).mappings, 1);
	EXPECT_EQ(rig_cap_count(s.rig, s.owner, s.shared), 4);

	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .cap = rig_cap_id(s.given)));
	rig_let_go(s.rig, s.stranger);
	EXPECT_EQ(answer_to(&s).caps, 2);
	EXPECT_EQ(answer_to(&s).mappings, 1);
	EXPECT_EQ(rig_cap_row(s.rig, s.owner, s.shared, rig_cap_id(s.root)).id,
		  rig_cap_id(lowest));
	rig_down(s.rig);
}

TEST(a_process_loses_what_it_has_and_what_it_gave)
{
	struct scene s = scene_up(0);

	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .process = 2, .force = 0));
	rig_let_go(s.rig, s.stranger);
	rig_let_go(s.rig, s.friend);
	EXPECT_EQ(answer_to(&s).caps, 2);
	EXPECT_EQ(answer_to(&s).mappings, 2);
	EXPECT_EQ(rig_cap_count(s.rig, s.owner, s.shared), 1);
	rig_down(s.rig);
}

TEST(who_owned_the_region_loses_what_it_mapped_then)
{
	struct scene s = scene_up(0);

	EXPECT_EQ(refusal(&s, s.owner, ASK(shared_give, .shared = s.shared, .process = 3)), 0);
	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .process = 1, .force = 0));
	rig_let_go(s.rig, s.owner);
	EXPECT_EQ(answer_to(&s).caps, 0);
	EXPECT_EQ(answer_to(&s).mappings, 1);
	rig_down(s.rig);
}

TEST(the_root_is_the_owners_and_stays)
{
	struct scene s = scene_up(0);

	EXPECT_EQ(refusal(&s, s.operator,
			  ASK(shared_revoke, .shared = s.shared, .cap = rig_cap_id(s.root))),
		  EACCES);
	EXPECT_EQ(rig_cap_count(s.rig, s.owner, s.shared), 3);
	rig_down(s.rig);
}

TEST(what_makes_no_sense_changes_nothing)
{
	struct scene s = scene_up(0);
	uint64_t cap = rig_cap_id(s.given);

	EXPECT_EQ(refusal(&s, s.operator, all_of(&s, 4)), EBADMSG);
	EXPECT_EQ(refusal(&s, s.operator,
			  ASK(shared_revoke, .shared = s.shared, .cap = cap, .process = 2)),
		  EINVAL);
	EXPECT_EQ(refusal(&s, s.operator, ASK(shared_revoke, .shared = 9)), ENOENT);
	EXPECT_EQ(refusal(&s, s.operator, ASK(shared_revoke, .shared = s.shared, .cap = 999)),
		  ENOENT);
	EXPECT_EQ(refusal(&s, s.operator, ASK(shared_revoke, .shared = s.shared, .process = 9)),
		  ESRCH);
	/* A token is no id. */
	EXPECT_EQ(
		refusal(&s, s.operator, ASK(shared_revoke, .shared = s.shared, .cap = s.given)),
		ENOENT);
	EXPECT_EQ(rig_cap_count(s.rig, s.owner, s.shared), 3);
	EXPECT_EQ(rig_mapping_count(s.rig, s.owner, s.shared), 3);
	rig_down(s.rig);
}

TEST(the_force_is_by_whose_the_process_is_and_not_by_who_asks)
{
	struct scene s = scene_up(0);

	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .process = 3, .force = 255));
	rig_let_go(s.rig, s.friend);
	EXPECT_EQ(answer_to(&s).force, 0);
	EXPECT_EQ(answer_to(&s).copied, 0);

	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .process = 2, .force = 255));
	(void)rig_obey(s.rig, s.owner, MSG_import_stall);
	rig_pass(s.rig, 0);
	(void)rig_obey(s.rig, s.owner, MSG_import_moved);
	EXPECT_EQ(answer_to(&s).force, 2);
	EXPECT_EQ(answer_to(&s).copied, 2 * RIG_PAGE);
	EXPECT_EQ(answer_to(&s).mappings, 1);
	rig_down(s.rig);
}

TEST(who_kept_the_memory_has_lost_the_right_to_it)
{
	struct scene s = scene_up(0);

	s.stranger->holds.mappings = 1;
	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .process = 2, .force = 1));
	rig_let_go(s.rig, s.stranger);
	rig_let_go(s.rig, s.friend);
	EXPECT_EQ(s.operator->answer.message.refused.error, EREMOTEIO);
	EXPECT_EQ(rig_cap_count(s.rig, s.owner, s.shared), 1);
	EXPECT_EQ(rig_mapping_count(s.rig, s.owner, s.shared), 1);
	rig_down(s.rig);
}

TEST(what_was_kept_can_be_taken_with_more_force)
{
	struct scene s = scene_up(0);

	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .process = 2, .force = 0));
	rig_let_go(s.rig, s.friend);
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.operator->answer.message.refused.error, ETIMEDOUT);
	EXPECT_EQ(rig_shared_row(s.rig, s.operator, 0).kept, 2);

	s.stranger->holds.mappings = 1;
	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .process = 2, .force = 1));
	EXPECT_EQ(s.operator->answer.message.refused.error, EREMOTEIO);
	(void)rig_ask(s.rig, s.operator,
		      ASK(shared_revoke, .shared = s.shared, .process = 3, .force = 1));
	EXPECT_EQ(answer_to(&s).processes, 1);
	EXPECT_EQ(rig_shared_row(s.rig, s.operator, 0).kept, 1);

	(void)rig_ask(s.rig, s.operator, all_of(&s, 3));
	EXPECT(s.stranger->killed);
	EXPECT(!s.friend->killed);
	rig_leave(s.rig, s.stranger);
	EXPECT_EQ(answer_to(&s).caps, 0);
	EXPECT_EQ(answer_to(&s).mappings, 0);
	EXPECT_EQ(answer_to(&s).processes, 1);
	EXPECT_EQ(rig_shared_row(s.rig, s.operator, 0).kept, 0);
	rig_down(s.rig);
}

TEST(what_is_on_its_way_out_goes_with_more_force)
{
	struct scene s = scene_up(0);

	/* The first waits for who does not answer, the second for the first. */
	(void)rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = s.below, .force = 0));
	(void)rig_ask(s.rig, s.operator, all_of(&s, 2));
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.owner->answer.message.refused.error, ETIMEDOUT);
	EXPECT_EQ(rig_shared_row(s.rig, s.owner, 0).kept, 1);
	(void)rig_obey(s.rig, s.owner, MSG_import_stall);
	rig_pass(s.rig, 0);
	(void)rig_obey(s.rig, s.owner, MSG_import_moved);
	EXPECT_EQ(answer_to(&s).copied, 2 * RIG_PAGE);
	EXPECT_EQ(rig_shared_row(s.rig, s.owner, 0).kept, 0);
	rig_down(s.rig);
}

TEST(a_fence_is_for_those_whom_nobody_knows_of_too)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *root = rig_join(rig, 0);
	struct msg_shared_revoked answer;
	uint64_t shared = rig_shared(rig, owner);

	rig_map(rig, owner, shared, 0, ALL);
	(void)rig_ask(rig, root, ASK(shared_revoke, .shared = shared, .force = 2));
	(void)rig_obey(rig, owner, MSG_import_stall);
	rig_pass(rig, 0);
	(void)rig_obey(rig, owner, MSG_import_moved);
	EXPECT_EQ(root->answer.message.number, MSG_shared_revoked);
	answer = root->answer.message.shared_revoked;
	EXPECT_EQ(answer.caps + answer.mappings + answer.processes, 0);
	EXPECT_EQ(answer.copied, 2 * RIG_PAGE);
	EXPECT_EQ(rig_shared_row(rig, root, 0).backing, 1);
	EXPECT_EQ(rig_shared_row(rig, root, 0).force, 2);
	rig_down(rig);
}

TEST(with_nothing_to_take_back_nothing_happens)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *root = rig_join(rig, 0);
	uint64_t shared = rig_shared(rig, owner);
	struct msg_shared_revoked answer;

	/* Nobody ever had the memory. */
	for (uint32_t force = 0; force <= 3; force++) {
		answer =
			rig_ask(rig, root, ASK(shared_revoke, .shared = shared, .force = force))
				->shared_revoked;
		EXPECT_EQ(root->answer.message.number, MSG_shared_revoked);
		EXPECT_EQ(answer.caps + answer.mappings + answer.processes + answer.copied, 0);
	}
	EXPECT_EQ(rig_shared_row(rig, root, 0).backing, 0);
	EXPECT_EQ(rig_shared_row(rig, root, 0).force, 255);
	rig_down(rig);
}

TEST(a_move_that_is_offered_is_no_more)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t shared = rig_shared(rig, owner), token;

	token = rig_ask(rig, owner, ASK(offer_make, .shared = shared, .process = 2))
			->offer_made.token;
	EXPECT_EQ(rig_shared_row(rig, owner, 0).state, 2);
	EXPECT_EQ(
		rig_ask(rig, owner, ASK(shared_revoke, .shared = shared))->shared_revoked.caps,
		1);
	EXPECT_EQ(rig_error(rig, other, ASK(cap_take, .token = token)), EBADF);
	EXPECT_EQ(rig_shared_row(rig, owner, 0).state, 1);
	EXPECT_EQ(rig_shared_row(rig, owner, 0).owner, 1);
	rig_down(rig);
}

TEST(what_was_left_after_a_move_is_below_the_new_root_and_ends)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 10);
	struct fake_client *third = rig_join(rig, 10);
	uint64_t shared = rig_shared(rig, owner), root = rig_root(rig, owner, shared), token;

	for (unsigned i = 0; i < 2; i++)
		rig_take(rig, third, rig_derive(rig, owner, root, READ | MAP, 3));
	token = rig_ask(rig, owner, ASK(offer_make, .shared = shared, .process = 2))
			->offer_made.token;
	rig_take(rig, other, token);
	EXPECT_EQ(rig_shared_row(rig, owner, 0).owner, 2);
	EXPECT_EQ(
		rig_ask(rig, owner, ASK(shared_revoke, .shared = shared))->shared_revoked.caps,
		2);
	EXPECT_EQ(rig_cap_count(rig, owner, shared), 1);
	EXPECT_EQ(rig_cap_row(rig, owner, shared, 0).id, rig_cap_id(token));
	rig_down(rig);
}

TEST(an_orphan_that_is_taken_back_from_all_is_gone)
{
	struct scene s = scene_up(10);

	rig_leave(s.rig, s.owner);
	EXPECT_EQ(rig_shared_row(s.rig, s.operator, 0).state, 5);
	(void)rig_ask(s.rig, s.operator, all_of(&s, 0));
	rig_let_go(s.rig, s.stranger);
	rig_let_go(s.rig, s.friend);
	EXPECT_EQ(answer_to(&s).mappings, 2);
	EXPECT_EQ(rig_shared_row(s.rig, s.operator, 0).key, 0);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	rig_down(s.rig);
}

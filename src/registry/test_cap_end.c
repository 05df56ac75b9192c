/* SPDX-License-Identifier: MIT */
/* Capabilities are revoked, deleted, and outlived. */
#include <errno.h>

#include "registry/rig_cap.h"

#define GIVING (CAP_READ | CAP_GRANT | CAP_REVOKE)

/* Alice's for Bob, Bob's for Carol, Carol's for Dave. */
struct chain {
	uint64_t bobs, carols, daves;
};

static struct chain chain_of(struct cap_rig *rig, uint32_t rights)
{
	struct chain chain;

	chain.bobs = caps_give(rig, &rig->alice, caps_root(rig), rights, &rig->bob);
	chain.carols = caps_give(rig, &rig->bob, chain.bobs, rights, &rig->carol);
	chain.daves = caps_give(rig, &rig->carol, chain.carols, rights, &rig->dave);
	return chain;
}

/* ---- revoking --------------------------------------------------------------------------- */

TEST(a_three_level_chain_revoked_at_its_root_returns_3_and_all_three_tokens_fail)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);

	EXPECT_EQ(caps_revoke(rig, &rig->bob, chain.bobs), 3);
	EXPECT_EQ(caps_require(&rig->bob, chain.bobs, 0), -EBADF);
	EXPECT_EQ(caps_require(&rig->carol, chain.carols, 0), -EBADF);
	EXPECT_EQ(caps_require(&rig->dave, chain.daves, 0), -EBADF);
	EXPECT_EQ(rig->object.live, 1);
	caps_down(rig);
}

TEST(a_sibling_of_a_revoked_child_still_works)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), child, sibling;

	child = caps_give(rig, &rig->alice, root, CAP_READ, &rig->bob);
	sibling = caps_give(rig, &rig->alice, root, CAP_READ, &rig->carol);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, child), 1);
	EXPECT_EQ(caps_require(&rig->carol, sibling, CAP_READ), 0);
	caps_down(rig);
}

TEST(revoking_a_child_leaves_its_parent_working)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);

	EXPECT_EQ(caps_revoke(rig, &rig->carol, chain.daves), 1);
	EXPECT_EQ(caps_require(&rig->carol, chain.carols, GIVING), 0);
	EXPECT_EQ(caps_derive_error(rig, &rig->carol, chain.carols, CAP_READ, &rig->dave), 0);
	caps_down(rig);
}

TEST(an_ancestor_with_revoke_revokes_any_descendant)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);

	EXPECT_EQ(caps_revoke(rig, &rig->alice, chain.daves), 1);
	EXPECT_EQ(caps_revoke(rig, &rig->bob, chain.carols), 1);
	EXPECT_EQ(caps_require(&rig->bob, chain.bobs, 0), 0);
	caps_down(rig);
}

TEST(an_ancestor_without_revoke_is_denied)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, CAP_READ | CAP_GRANT);

	EXPECT_EQ(caps_revoke(rig, &rig->bob, chain.carols), -EACCES);
	EXPECT_EQ(caps_revoke(rig, &rig->bob, chain.daves), -EACCES);
	EXPECT_EQ(caps_require(&rig->dave, chain.daves, CAP_READ), 0);
	/* Itself it may, and what is below goes along. */
	EXPECT_EQ(caps_revoke(rig, &rig->bob, chain.bobs), 3);
	caps_down(rig);
}

TEST(who_is_no_ancestor_is_denied)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);
	uint64_t sibling = caps_give(rig, &rig->alice, caps_root(rig), GIVING, &rig->dave);

	EXPECT_EQ(caps_revoke(rig, &rig->dave, chain.bobs), -EACCES);
	EXPECT_EQ(caps_revoke(rig, &rig->dave, chain.carols), -EACCES);
	EXPECT_EQ(caps_revoke(rig, &rig->bob, sibling), -EACCES);
	EXPECT_EQ(caps_revoke(rig, &rig->dave, caps_root(rig)), -EACCES);
	caps_down(rig);
}

TEST(an_unknown_or_foreign_token_cannot_be_revoked)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_give(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);

	EXPECT_EQ(caps_revoke(rig, &rig->alice, token + 1), -EBADF);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, 0), -EBADF);
	/* Carol has nothing on the object and learns nothing about it. */
	EXPECT_EQ(caps_revoke(rig, &rig->carol, token), -EBADF);
	EXPECT_EQ(caps_revoke(rig, &rig->carol, caps_root(rig)), -EBADF);
	EXPECT_EQ(caps_require(&rig->bob, token, CAP_READ), 0);
	caps_down(rig);
}

TEST(revoking_again_succeeds_with_a_count_of_0)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);

	EXPECT_EQ(caps_revoke(rig, &rig->alice, chain.bobs), 3);
	/* For who revoked it, for who held it, and for who granted it. */
	EXPECT_EQ(caps_revoke(rig, &rig->alice, chain.bobs), 0);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, chain.daves), 0);
	EXPECT_EQ(caps_revoke(rig, &rig->bob, chain.bobs), 0);
	EXPECT_EQ(caps_revoke(rig, &rig->bob, chain.carols), 0);
	EXPECT_EQ(caps_revoke(rig, &rig->dave, chain.daves), 0);
	EXPECT_EQ(caps_revoke(rig, &rig->dave, chain.bobs), -EBADF);
	EXPECT_EQ(cap_fate(&rig->dave, chain.daves), CAP_REVOKED);
	caps_down(rig);
}

TEST(ones_own_root_cannot_be_revoked)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_give(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);

	EXPECT_EQ(caps_revoke(rig, &rig->alice, caps_root(rig)), -EACCES);
	EXPECT_EQ(caps_require(&rig->alice, caps_root(rig), OWNERS), 0);
	EXPECT_EQ(caps_require(&rig->bob, token, CAP_READ), 0);
	caps_down(rig);
}

TEST(an_offer_is_withdrawn_by_revoking_it)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_create(rig, &rig->alice, &rig->bob, CAP_SHARE);

	EXPECT_EQ(caps_revoke(rig, &rig->alice, token), 1);
	EXPECT_EQ(caps_redeem_error(rig, &rig->bob, token), -EBADF);
	EXPECT_EQ(caps_ended(rig, token)->was, CAP_OFFERED);
	EXPECT_EQ(rig->object.offers, 0);
	caps_down(rig);
}

TEST(the_user_is_told_of_each_capability_that_is_revoked)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);
	const struct ended *ended;

	EXPECT_EQ(caps_revoke(rig, &rig->alice, chain.carols), 2);
	EXPECT_EQ(rig->ended_count, 2);
	ended = caps_ended(rig, chain.carols);
	EXPECT(ended->holder == &rig->carol && ended->state == CAP_REVOKED);
	EXPECT(ended->was == CAP_HELD && ended->reason == CAP_EXPLICIT);
	ended = caps_ended(rig, chain.daves);
	EXPECT(ended->holder == &rig->dave && ended->reason == CAP_PARENT_REVOKED);
	caps_down(rig);
}

TEST(a_revoked_token_never_works_again_even_after_300_cycles)
{
	struct cap_rig *rig = caps_up();
	uint64_t first = caps_give(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);

	EXPECT_EQ(caps_revoke(rig, &rig->alice, first), 1);
	for (int i = 0; i < 300; i++) {
		uint64_t token =
			caps_give(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);

		EXPECT(token != first);
		EXPECT_EQ(caps_require(&rig->bob, first, 0), -EBADF);
		if (i % 2)
			EXPECT_EQ(caps_delete(rig, &rig->bob, token), 0);
		else
			EXPECT_EQ(caps_revoke(rig, &rig->alice, token), 1);
	}
	EXPECT_EQ(caps_require(&rig->bob, first, 0), -EBADF);
	caps_down(rig);
}

TEST(policy_revokes_without_asking_whose_it_is)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);

	EXPECT_EQ(cap_revoke_by_policy(cap_find(&rig->carol, chain.carols), &rig->end), 2);
	caps_check(rig);
	EXPECT_EQ(caps_notice(&rig->carol).reason, CAP_POLICY_ENFORCED);
	EXPECT_EQ(caps_notice(&rig->dave).reason, CAP_POLICY_ENFORCED);
	EXPECT_EQ(cap_notices_count(&rig->bob), 0);
	caps_down(rig);
}

/* ---- deleting --------------------------------------------------------------------------- */

TEST(children_of_a_deleted_capability_adopt_the_nearest_live_ancestor)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);

	EXPECT_EQ(caps_delete(rig, &rig->carol, chain.carols), 0);
	EXPECT_EQ(caps_require(&rig->carol, chain.carols, 0), -EBADF);
	EXPECT_EQ(caps_require(&rig->dave, chain.daves, GIVING), 0);
	EXPECT_EQ(caps_ended(rig, chain.carols)->state, CAP_DELETED);
	/* Who is above can still revoke it; so it goes with Bob's. */
	EXPECT(cap_find(&rig->dave, chain.daves)->parent == cap_find(&rig->bob, chain.bobs));
	EXPECT_EQ(caps_revoke(rig, &rig->alice, chain.bobs), 2);
	EXPECT_EQ(caps_require(&rig->dave, chain.daves, 0), -EBADF);
	caps_down(rig);
}

TEST(a_deleted_token_is_invalid_from_then_on)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_give(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);

	EXPECT_EQ(caps_delete(rig, &rig->alice, token), -EBADF);
	EXPECT_EQ(caps_delete(rig, &rig->bob, token), 0);
	EXPECT_EQ(caps_delete(rig, &rig->bob, token), -EBADF);
	EXPECT_EQ(caps_require(&rig->bob, token, 0), -EBADF);
	EXPECT_EQ(caps_revoke(rig, &rig->bob, token), -EBADF);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, token), -EBADF);
	EXPECT_EQ(cap_fate(&rig->bob, token), CAP_DELETED);
	caps_down(rig);
}

TEST(deleting_an_offer_declines_it)
{
	struct cap_rig *rig = caps_up();
	uint64_t move = caps_create(rig, &rig->alice, &rig->bob, CAP_MOVE);

	EXPECT_EQ(caps_delete(rig, &rig->bob, move), 0);
	EXPECT(!rig->object.moving);
	EXPECT_EQ(rig->object.offers, 0);
	EXPECT_EQ(caps_ended(rig, move)->was, CAP_OFFERED);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->carol, CAP_MOVE), 0);
	caps_down(rig);
}

TEST(the_root_is_not_deleted)
{
	struct cap_rig *rig = caps_up();

	EXPECT_EQ(caps_delete(rig, &rig->alice, caps_root(rig)), -EACCES);
	EXPECT_EQ(caps_require(&rig->alice, caps_root(rig), OWNERS), 0);
	caps_down(rig);
}

/* ---- exits ------------------------------------------------------------------------------ */

TEST(after_a_holders_death_those_further_down_keep_access)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);

	caps_exit(rig, &rig->bob);
	EXPECT_EQ(caps_ended(rig, chain.bobs)->state, CAP_DELETED);
	EXPECT_EQ(caps_ended(rig, chain.bobs)->reason, CAP_PROCESS_EXIT);
	EXPECT_EQ(caps_require(&rig->carol, chain.carols, GIVING), 0);
	EXPECT_EQ(caps_require(&rig->dave, chain.daves, GIVING), 0);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, chain.carols), 2);
	caps_down(rig);
}

TEST(a_dead_holders_own_chain_goes_as_a_whole)
{
	struct cap_rig *rig = caps_up();
	uint64_t a, b, c;

	a = caps_give(rig, &rig->alice, caps_root(rig), GIVING, &rig->bob);
	b = caps_derive(rig, &rig->bob, a, GIVING, &rig->bob);
	c = caps_derive(rig, &rig->bob, b, GIVING, &rig->carol);
	caps_exit(rig, &rig->bob);
	EXPECT_EQ(rig->ended_count, 2);
	EXPECT(cap_find(&rig->carol, c)->parent == rig->object.root);
	caps_down(rig);
}

TEST(the_death_of_a_target_withdraws_the_offer)
{
	struct cap_rig *rig = caps_up();
	uint64_t move = caps_create(rig, &rig->alice, &rig->bob, CAP_MOVE);

	caps_exit(rig, &rig->bob);
	EXPECT_EQ(caps_ended(rig, move)->state, CAP_DELETED);
	EXPECT(!rig->object.moving);
	EXPECT_EQ(rig->object.offers, 0);
	caps_down(rig);
}

TEST(an_orphans_holders_keep_what_they_have)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), offer;
	struct chain chain = chain_of(rig, GIVING);

	offer = caps_create(rig, &rig->alice, &rig->dave, CAP_SHARE);
	caps_exit(rig, &rig->alice);
	EXPECT(!rig->object.root->holder);
	EXPECT_EQ(rig->ended_count, 0);
	EXPECT_EQ(caps_require(&rig->bob, chain.bobs, GIVING), 0);
	caps_redeem(rig, &rig->dave, offer);
	EXPECT_EQ(caps_require(&rig->bob, root, 0), -EBADF);
	EXPECT_EQ(caps_revoke(rig, &rig->bob, root), -EACCES);
	EXPECT_EQ(caps_revoke(rig, &rig->bob, chain.carols), 2);
	/* Now Bob's is all there is; without it only the orphan itself is left. */
	caps_exit(rig, &rig->bob);
	caps_exit(rig, &rig->dave);
	EXPECT_EQ(rig->object.live, 1);
	caps_down(rig);
}

TEST(the_end_of_an_object_revokes_all_that_is_on_it)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig);
	struct chain chain = chain_of(rig, GIVING);

	cap_object_end(&rig->object, CAP_EXPLICIT, &rig->end);
	caps_check(rig);
	EXPECT_EQ(rig->ended_count, 4);
	EXPECT_EQ(caps_ended(rig, root)->reason, CAP_EXPLICIT);
	EXPECT_EQ(caps_require(&rig->alice, root, 0), -EBADF);
	EXPECT_EQ(caps_require(&rig->dave, chain.daves, 0), -EBADF);
	EXPECT_EQ(caps_revoke(rig, &rig->dave, chain.daves), 0);
	EXPECT_EQ(caps_notice(&rig->dave).reason, CAP_PARENT_REVOKED);
	caps_down(rig);
}

TEST(an_object_that_ends_with_its_owner_says_so)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = caps_give(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);

	caps_exit(rig, &rig->alice);
	cap_object_end(&rig->object, CAP_PROCESS_EXIT, &rig->end);
	EXPECT_EQ(caps_ended(rig, token)->reason, CAP_PROCESS_EXIT);
	EXPECT_EQ(caps_notice(&rig->bob).reason, CAP_PROCESS_EXIT);
	caps_down(rig);
}

/* ---- notices ---------------------------------------------------------------------------- */

TEST(only_the_holder_is_told_and_of_the_true_reason)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);
	struct cap_notice notice;

	EXPECT_EQ(caps_revoke(rig, &rig->alice, chain.carols), 2);
	EXPECT_EQ(cap_notices_count(&rig->alice), 0);
	EXPECT_EQ(cap_notices_count(&rig->bob), 0);
	EXPECT_EQ(cap_notices_count(&rig->carol), 1);
	EXPECT_EQ(cap_notices_count(&rig->dave), 1);
	notice = caps_notice(&rig->carol);
	EXPECT(notice.token == chain.carols && notice.reason == CAP_EXPLICIT);
	EXPECT_EQ(notice.seconds, NOW);
	notice = caps_notice(&rig->dave);
	EXPECT(notice.token == chain.daves && notice.reason == CAP_PARENT_REVOKED);
	EXPECT_EQ(cap_notices_count(&rig->dave), 0);
	EXPECT(!cap_notices_peek(&rig->dave, &notice));
	caps_down(rig);
}

TEST(the_owner_is_told_what_ended_with_a_process)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);
	struct cap_notice notice;

	caps_exit(rig, &rig->carol);
	notice = caps_notice(&rig->alice);
	EXPECT(notice.token == chain.carols && notice.reason == CAP_PROCESS_EXIT);
	EXPECT_EQ(cap_notices_count(&rig->alice), 0);
	EXPECT_EQ(cap_notices_count(&rig->bob), 0);
	EXPECT_EQ(cap_notices_count(&rig->dave), 0);
	caps_down(rig);
}

TEST(nobody_is_told_what_a_holder_deletes)
{
	struct cap_rig *rig = caps_up();
	struct chain chain = chain_of(rig, GIVING);

	EXPECT_EQ(caps_delete(rig, &rig->carol, chain.carols), 0);
	EXPECT_EQ(cap_notices_count(&rig->alice) + cap_notices_count(&rig->bob) +
			  cap_notices_count(&rig->carol) + cap_notices_count(&rig->dave),
		  0);
	caps_down(rig);
}

TEST(the_oldest_notices_are_dropped_and_counted)
{
	struct cap_rig *rig = caps_up();
	struct cap_notice notice[CAP_NOTICES + 10];
	uint64_t token[CAP_NOTICES + 3], dropped;

	for (unsigned i = 0; i < CAP_NOTICES + 3; i++) {
		token[i] = caps_give(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);
		EXPECT_EQ(caps_revoke(rig, &rig->alice, token[i]), 1);
	}
	EXPECT_EQ(cap_notices_count(&rig->bob), CAP_NOTICES);
	EXPECT_EQ(cap_notices_drain(&rig->bob, notice, 2, &dropped), 2);
	EXPECT_EQ(dropped, 3);
	EXPECT_EQ(notice[0].token, token[3]);
	EXPECT_EQ(notice[1].token, token[4]);
	EXPECT_EQ(cap_notices_drain(&rig->bob, notice, CAP_NOTICES + 10, &dropped),
		  CAP_NOTICES - 2);
	EXPECT_EQ(dropped, 0);
	EXPECT_EQ(notice[0].token, token[5]);
	EXPECT_EQ(notice[CAP_NOTICES - 3].token, token[CAP_NOTICES + 2]);
	caps_down(rig);
}

TEST(who_never_had_a_capability_has_no_notices)
{
	struct cap_rig *rig = caps_up();
	struct cap_notice notice;
	uint64_t dropped = 1;

	EXPECT_EQ(cap_notices_count(&rig->bob), 0);
	EXPECT(!cap_notices_peek(&rig->bob, &notice));
	EXPECT_EQ(cap_notices_drain(&rig->bob, &notice, 1, &dropped), 0);
	EXPECT_EQ(dropped, 0);
	caps_down(rig);
}

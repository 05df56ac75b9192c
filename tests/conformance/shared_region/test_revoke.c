/* SPDX-License-Identifier: MIT */
/*
 * test_revoke.c - cap_revoke(): trees, who may, and what ends
 */
#include "rig.h"

static int take_back(struct own *a, shared_region_cap cap, uint32_t *ret_count)
{
	*ret_count = 77;
	return shared_region_cap_revoke(a->client, cap, SHARED_REGION_ASK, ret_count);
}

/* ---- trees ------------------------------------------------------------------------------ */

/* 6.5, C-3, S-25, 18.14: the three levels are three processes'. */
TEST(a_chain_of_three_that_is_revoked_at_its_root_is_three)
{
	shared_region_cap caps[3];
	uint32_t count;
	struct agent b, c, d;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	agent_up(&d);
	own_up(&a, 1);
	caps[0] = share_rights(&a, &b, PASSING_ON, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, DERIVE, caps[0], PASSING_ON, c.self));
	caps[1] = b.said[0];
	EXPECT_OK(ask(&c, CAP_MAP, 0, caps[1], SHARED_REGION_WRITE));
	EXPECT_OK(ask(&c, DERIVE, caps[1], READING, d.self));
	caps[2] = c.said[0];
	EXPECT_OK(ask(&d, CAP_MAP, 0, caps[2], SHARED_REGION_READ));
	EXPECT_OK(take_back(&a, caps[0], &count));
	EXPECT_EQ(count, 3);
	EXPECT_FAILS(ask(&b, CHECK, caps[0], 0), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&c, CHECK, caps[1], 0), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&d, CHECK, caps[2], 0), INVALID_CAPABILITY);
	EXPECT_EQ(ask(&b, LOAD, 0, 0), SIGSEGV);
	EXPECT_EQ(ask(&c, LOAD, 0, 0), SIGSEGV);
	EXPECT_EQ(ask(&d, LOAD, 0, 0), SIGSEGV);
	agent_down(&d);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.5, 18.14 */
TEST(a_sibling_of_a_revoked_child_still_works)
{
	shared_region_cap cap, sibling;
	uint32_t count;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	sibling = share(&a, &c, SHARED_REGION_WRITE);
	EXPECT_OK(take_back(&a, cap, &count));
	EXPECT_EQ(count, 1);
	EXPECT_OK(ask(&c, CHECK, sibling, WRITING));
	EXPECT_EQ(ask(&c, STORE, 0, 0, 0x91), 0);
	EXPECT_EQ(a.at[0], 0x91);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* S-24, 6.5, 18.14 */
TEST(revoking_a_child_leaves_the_parent_working)
{
	shared_region_cap parent, child;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	parent = share_rights(&a, &b, PASSING_ON | SHARED_REGION_RIGHT_REVOKE,
			      SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, DERIVE, parent, READING, c.self));
	child = b.said[0];
	EXPECT_OK(ask(&c, CAP_MAP, 0, child, SHARED_REGION_READ));
	EXPECT_OK(ask(&b, REVOKE, child, SHARED_REGION_ASK));
	EXPECT_EQ(b.said[0], 1);
	EXPECT_FAILS(ask(&c, CHECK, child, 0), INVALID_CAPABILITY);
	EXPECT_OK(ask(&b, CHECK, parent, PASSING_ON));
	EXPECT_EQ(ask(&b, LOAD, 0, 0), 0);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.5: breadth as well as depth. */
TEST(a_tree_is_revoked_with_all_its_branches)
{
	enum { BRANCHES = 7 };
	shared_region_cap top, middle[BRANCHES], leaf[BRANCHES], other;
	uint32_t count;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	top = own_derive(&a, PASSING_ON, a.self);
	other = own_derive(&a, PASSING_ON, a.self);
	for (unsigned i = 0; i < BRANCHES; i++) {
		EXPECT_OK(shared_region_cap_derive(a.client, top, PASSING_ON, a.self,
						   &middle[i]));
		EXPECT_OK(shared_region_cap_derive(a.client, middle[i], READING, a.self,
						   &leaf[i]));
	}
	EXPECT_OK(take_back(&a, middle[3], &count));
	EXPECT_EQ(count, 2);
	EXPECT_OK(shared_region_cap_check(a.client, leaf[2], READING));
	EXPECT_OK(take_back(&a, top, &count));
	EXPECT_EQ(count, 1 + 2 * (BRANCHES - 1));
	for (unsigned i = 0; i < BRANCHES; i++) {
		EXPECT_FAILS(shared_region_cap_check(a.client, middle[i], 0),
			     INVALID_CAPABILITY);
		EXPECT_FAILS(shared_region_cap_check(a.client, leaf[i], 0), INVALID_CAPABILITY);
	}
	EXPECT_OK(shared_region_cap_check(a.client, other, PASSING_ON));
	own_down(&a);
}

/* 6.5 */
TEST(revoking_again_succeeds_and_counts_nothing)
{
	shared_region_cap cap;
	uint32_t count;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = own_derive(&a, READING, b.self);
	EXPECT_OK(take_back(&a, cap, &count));
	EXPECT_EQ(count, 1);
	EXPECT_OK(take_back(&a, cap, &count));
	EXPECT_EQ(count, 0);
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_ASK, NULL));
	agent_down(&b);
	own_down(&a);
}

/* ---- who may ---------------------------------------------------------------------------- */

/* 6.5, S-28: itself, with its subtree, and REVOKE is not needed for that. */
TEST(a_holder_revokes_its_own_with_what_it_derived)
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
	EXPECT_OK(ask(&b, REVOKE, cap, SHARED_REGION_ASK));
	EXPECT_EQ(b.said[0], 2);
	EXPECT_FAILS(ask(&b, CHECK, cap, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&c, CHECK, child, 0), INVALID_CAPABILITY);
	EXPECT_EQ(ask(&b, LOAD, 0, 0), SIGSEGV);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.5, S-28 */
TEST(an_ancestor_without_revoke_is_a_denied_permission)
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
	EXPECT_FAILS(ask(&b, REVOKE, child, SHARED_REGION_ASK), PERMISSION_DENIED);
	EXPECT_OK(ask(&c, CHECK, child, READING));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.5: grandchildren are descendants, too. */
TEST(a_distant_ancestor_with_revoke_is_enough)
{
	shared_region_cap cap, child;
	uint32_t count;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share_rights(&a, &b, PASSING_ON, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, DERIVE, cap, READING, c.self));
	child = b.said[0];
	EXPECT_OK(take_back(&a, child, &count));
	EXPECT_EQ(count, 1);
	EXPECT_OK(ask(&b, CHECK, cap, PASSING_ON));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.5: which of the two, a sibling cannot tell. */
TEST(a_sibling_or_a_child_revokes_nobody)
{
	const shared_region_rights rights = PASSING_ON | SHARED_REGION_RIGHT_REVOKE;
	shared_region_cap one, other, child;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	one = share_rights(&a, &b, rights, SHARED_REGION_WRITE);
	other = share_rights(&a, &c, rights, SHARED_REGION_WRITE);
	EXPECT_FAILS_EITHER(ask(&c, REVOKE, one, SHARED_REGION_ASK), PERMISSION_DENIED,
			    INVALID_CAPABILITY);
	EXPECT_OK(ask(&b, DERIVE, one, rights, c.self));
	child = b.said[0];
	EXPECT_OK(ask(&c, CHECK, child, rights));
	EXPECT_FAILS_EITHER(ask(&c, REVOKE, one, SHARED_REGION_ASK), PERMISSION_DENIED,
			    INVALID_CAPABILITY);
	EXPECT_OK(ask(&b, CHECK, one, rights));
	EXPECT_OK(ask(&c, CHECK, other, rights));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.5 */
TEST(an_unknown_token_is_an_invalid_capability_of_revoke)
{
	uint32_t count;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(take_back(&a, 0, &count), INVALID_CAPABILITY);
	EXPECT_FAILS(take_back(&a, UINT64_C(0x30000000000FFFFF), &count), INVALID_CAPABILITY);
	EXPECT_EQ(count, 77);
	own_down(&a);
}

/* 13, 3 */
TEST(a_strength_that_there_is_not_is_an_invalid_message_of_revoke)
{
	shared_region_cap cap;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = own_derive(&a, READING, a.self);
	EXPECT_FAILS(shared_region_cap_revoke(a.client, cap, 4, NULL), INVALID_MESSAGE);
	EXPECT_FAILS(shared_region_cap_revoke(a.client, 0, 5, NULL), INVALID_MESSAGE);
	EXPECT_OK(shared_region_cap_check(a.client, cap, READING));
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_FORCE_DEFAULT, NULL));
	own_down(&a);
}

/* ---- access ----------------------------------------------------------------------------- */

/* 6.5, 6.6 */
TEST(revoking_ends_mappings_of_the_subtree_and_of_nobody_else)
{
	shared_region_cap cap;
	struct agent b, c;
	uint32_t count;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	(void)share(&a, &c, SHARED_REGION_WRITE);
	EXPECT_OK(take_back(&a, cap, &count));
	EXPECT_EQ(ask(&b, LOAD, 0, 0), SIGSEGV);
	EXPECT(mapping_of(&a, b.self) == NULL);
	EXPECT_EQ(ask(&c, LOAD, 0, 0), 0);
	EXPECT_EQ(load_fault(a.at), 0);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.6: authority has ended, access perhaps not. */
TEST(a_holder_that_does_not_answer_has_lost_its_authority)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	agent_stop(&b);
	EXPECT_FAILS(shared_region_cap_revoke(a.client, cap, SHARED_REGION_ASK, NULL), TIMEOUT);
	EXPECT_EQ(kill(b.pid, SIGCONT), 0);
	EXPECT_FAILS(ask(&b, CHECK, cap, 0), INVALID_CAPABILITY);
	agent_down(&b);
	own_down(&a);
}

/* 6.6 */
TEST(revoking_with_verification_finds_who_keeps_it)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	EXPECT_OK(ask(&b, HOARD, true));
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, KEEP));
	EXPECT(b.said[0] + b.said[1] > 0);
	EXPECT_FAILS(shared_region_cap_revoke(a.client, cap, SHARED_REGION_VERIFY, NULL),
		     PEER_UNCOOPERATIVE);
	EXPECT_FAILS(ask(&b, CHECK, cap, 0), INVALID_CAPABILITY);
	agent_down(&b);
	own_down(&a);
}

/* 6.6, V-10 */
TEST(revoking_with_a_fence_leaves_a_hostile_tenant_zeros)
{
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	EXPECT_OK(ask(&b, HOARD, true));
	own_up(&a, 4);
	(void)memset(a.at, 0x92, a.size);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	(void)share(&a, &c, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, KEEP));
	EXPECT(b.said[0] + b.said[1] > 0);
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_FENCE, NULL));
	for (uint64_t at = 0; at < a.size; at += PAGE) {
		EXPECT_OK(ask(&b, KEPT_SEES, at, 0x92));
		EXPECT_EQ(b.said[0], 0);
		EXPECT_OK(ask(&b, KEPT_STORES, at, 0x93));
	}
	EXPECT(is_filled(a.at, a.size, 0x92));
	EXPECT(agent_filled(&c, 0, a.size, 0x92));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.6 */
TEST(revoking_with_kill_ends_the_holder_of_a_mapping)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_KILL, NULL));
	agent_expect_killed(&b);
	EXPECT_EQ(load_fault(a.at), 0);
	own_down(&a);
}

/* 8: visible to every later check in every process. */
TEST(a_revoke_that_has_returned_is_known_everywhere)
{
	enum { AGENTS = 4, ROUNDS = 25 };
	struct agent agents[AGENTS];
	struct own a;

	for (unsigned i = 0; i < AGENTS; i++)
		agent_up(&agents[i]);
	own_make(&a, 1, SHARED_REGION_WRITE);
	for (unsigned n = 0; n < ROUNDS; n++) {
		shared_region_cap caps[AGENTS];

		for (unsigned i = 0; i < AGENTS; i++) {
			caps[i] = own_derive(&a, READING, agents[i].self);
			EXPECT_OK(ask(&agents[i], CHECK, caps[i], READING));
		}
		for (unsigned i = 0; i < AGENTS; i++) {
			EXPECT_OK(shared_region_cap_revoke(a.client, caps[i], SHARED_REGION_ASK,
							   NULL));
			EXPECT_FAILS(ask(&agents[i], CHECK, caps[i], 0), INVALID_CAPABILITY);
		}
	}
	for (unsigned i = 0; i < AGENTS; i++)
		agent_down(&agents[i]);
	own_down(&a);
}

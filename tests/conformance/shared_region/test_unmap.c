/* SPDX-License-Identifier: MIT */
/*
 * test_unmap.c - shared_region_unmap(), of oneself and of others
 */
#include "rig.h"

static int unmap(struct own *a, shared_region_pid process, uint32_t force)
{
	return shared_region_unmap(a->region, process, force);
}

/* 3.8, S-9, 8, 18.6 */
TEST(what_was_unmapped_faults_and_is_no_mapping)
{
	struct own a;

	own_up(&a, 2);
	a.at[PAGE] = 1;
	EXPECT_OK(unmap(&a, a.self, SHARED_REGION_ASK));
	EXPECT_EQ(load_fault(a.at), SIGSEGV);
	EXPECT_EQ(load_fault(a.at + PAGE), SIGSEGV);
	EXPECT_STR(mapped_as(a.at), "");
	EXPECT(mapping_of(&a, a.self) == NULL);
	own_down(&a);
}

/* P-4, 18.6 */
TEST(a_second_unmap_is_an_invalid_memory_region)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(unmap(&a, a.self, SHARED_REGION_ASK), INVALID_MEMORY_REGION);
	own_map(&a, SHARED_REGION_READ);
	EXPECT_OK(unmap(&a, a.self, SHARED_REGION_ASK));
	EXPECT_FAILS(unmap(&a, a.self, SHARED_REGION_ASK), INVALID_MEMORY_REGION);
	own_down(&a);
}

/* S-7, 2.3, 18.6 */
TEST(who_unmapped_maps_again_and_finds_the_content)
{
	struct own a;

	own_up(&a, 1);
	for (int i = 1; i < 20; i++) {
		a.at[0] = (unsigned char)i;
		EXPECT_OK(unmap(&a, a.self, SHARED_REGION_ASK));
		own_map(&a, SHARED_REGION_WRITE);
		EXPECT_EQ(a.at[0], i);
	}
	own_down(&a);
}

/* 8, 3.8: the addresses are the program's again. */
TEST(addresses_that_were_unmapped_are_free)
{
	struct own a;

	own_up(&a, 2);
	EXPECT_OK(unmap(&a, a.self, SHARED_REGION_ASK));
	occupy(a.at, 2, 1);
	EXPECT_EQ(munmap(a.at, 2 * PAGE), 0);
	own_down(&a);
}

/* 13 */
TEST(a_strength_that_there_is_not_is_an_invalid_message)
{
	struct own a;

	own_up(&a, 1);
	EXPECT_FAILS(unmap(&a, a.self, 4), INVALID_MESSAGE);
	EXPECT_FAILS(unmap(&a, a.self, 254), INVALID_MESSAGE);
	EXPECT_FAILS(unmap(&a, a.self, UINT32_MAX), INVALID_MESSAGE);
	/* 3: arguments come first. */
	EXPECT_FAILS(unmap(&a, NOBODY, 4), INVALID_MESSAGE);
	EXPECT_EQ(load_fault(a.at), 0);
	EXPECT_OK(unmap(&a, a.self, SHARED_REGION_FORCE_DEFAULT));
	own_down(&a);
}

/* 3.8 */
TEST(an_owner_unmaps_others)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_ASK));
	EXPECT_EQ(ask(&b, LOAD, 0, 0), SIGSEGV);
	EXPECT_OK(ask(&b, MAPPING, 0, 0));
	EXPECT(!b.said[0]);
	EXPECT(mapping_of(&a, b.self) == NULL);
	EXPECT_EQ(load_fault(a.at), 0);
	agent_down(&b);
	own_down(&a);
}

/* 3.8 */
TEST(a_capability_survives_an_unmap)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_ASK));
	EXPECT_OK(ask(&b, CHECK, cap, WRITING));
	EXPECT_OK(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_WRITE));
	EXPECT_EQ(ask(&b, STORE, 0, 0, 4), 0);
	EXPECT_EQ(a.at[0], 4);
	agent_down(&b);
	own_down(&a);
}

/* 3.8 */
TEST(nobody_but_the_owner_unmaps_others)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	(void)share(&a, &c, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&b, UNMAP, 0, c.self, SHARED_REGION_ASK), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, UNMAP, 0, a.self, SHARED_REGION_KILL), PERMISSION_DENIED);
	EXPECT_EQ(load_fault(a.at), 0);
	EXPECT_EQ(ask(&c, LOAD, 0, 0), 0);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 3.8 */
TEST(who_holds_revoke_on_an_ancestor_unmaps_others)
{
	const shared_region_rights rights = PASSING_ON | SHARED_REGION_RIGHT_REVOKE;
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share_rights(&a, &b, rights, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, DERIVE, cap, READING, c.self));
	EXPECT_OK(ask(&c, CAP_MAP, 0, b.said[0], SHARED_REGION_READ));
	EXPECT_OK(ask(&b, UNMAP, 0, c.self, SHARED_REGION_ASK));
	EXPECT_EQ(ask(&c, LOAD, 0, 0), SIGSEGV);
	/* But not who is above. */
	EXPECT_FAILS(ask(&b, UNMAP, 0, a.self, SHARED_REGION_ASK), PERMISSION_DENIED);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 3.8 */
TEST(who_holds_an_ancestor_without_revoke_unmaps_nobody)
{
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share_rights(&a, &b, PASSING_ON, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, DERIVE, cap, READING, c.self));
	EXPECT_OK(ask(&c, CAP_MAP, 0, b.said[0], SHARED_REGION_READ));
	EXPECT_FAILS(ask(&b, UNMAP, 0, c.self, SHARED_REGION_ASK), PERMISSION_DENIED);
	EXPECT_EQ(ask(&c, LOAD, 0, 0), 0);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* P-4 */
TEST(an_owner_unmaps_nobody_who_has_it_not_mapped)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	EXPECT_FAILS(unmap(&a, b.self, SHARED_REGION_ASK), INVALID_MEMORY_REGION);
	EXPECT_FAILS(unmap(&a, b.self, SHARED_REGION_KILL), INVALID_MEMORY_REGION);
	/* It was not killed for that. */
	EXPECT_OK(ask(&b, SELF));
	agent_down(&b);
	own_down(&a);
}

/* 3.8: counted once. */
TEST(unmapping_counts_once_and_the_region_can_be_destroyed)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(unmap(&a, a.self, SHARED_REGION_ASK));
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	EXPECT_FAILS(unmap(&a, a.self, SHARED_REGION_ASK), INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_ASK));
	EXPECT_OK(shared_region_destroy(a.region));
	agent_down(&b);
	own_down(&a);
}

/* ---- strengths -------------------------------------------------------------------------- */

/* 6.6 */
TEST(a_stopped_holder_is_a_timeout_of_asking)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	agent_stop(&b);
	EXPECT_FAILS(unmap(&a, b.self, SHARED_REGION_ASK), TIMEOUT);
	EXPECT_EQ(kill(b.pid, SIGCONT), 0);
	EXPECT_OK(ask(&b, SELF));
	agent_down(&b);
	own_down(&a);
}

/* 6.6 */
TEST(a_holder_that_keeps_what_it_has_is_uncooperative_when_verified)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	EXPECT_OK(ask(&b, HOARD, true));
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, KEEP));
	EXPECT(b.said[0] + b.said[1] > 0);
	EXPECT_FAILS(unmap(&a, b.self, SHARED_REGION_VERIFY), PEER_UNCOOPERATIVE);
	agent_down(&b);
	own_down(&a);
}

/* 6.6 */
TEST(a_holder_that_lets_go_stands_verification)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_VERIFY));
	EXPECT_EQ(ask(&b, LOAD, 0, 0), SIGSEGV);
	agent_down(&b);
	own_down(&a);
}

/* 6.6 */
TEST(a_fence_leaves_a_holder_that_keeps_everything_only_zeros)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	EXPECT_OK(ask(&b, HOARD, true));
	own_up(&a, 2);
	(void)memset(a.at, 0x33, a.size);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, KEEP));
	EXPECT(b.said[0] + b.said[1] > 0);
	EXPECT_OK(ask(&b, KEPT_SEES, PAGE, 0x33));
	EXPECT(b.said[0] > 0);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_FENCE));
	EXPECT(is_filled(a.at, a.size, 0x33));
	EXPECT_OK(ask(&b, KEPT_SEES, PAGE, 0x33));
	EXPECT_EQ(b.said[0], 0);
	/* Nothing that is later is visible either way. */
	a.at[PAGE] = 0x44;
	EXPECT_OK(ask(&b, KEPT_SEES, PAGE, 0x44));
	EXPECT_EQ(b.said[0], 0);
	EXPECT_OK(ask(&b, KEPT_STORES, PAGE, 0x55));
	EXPECT_EQ(a.at[PAGE], 0x44);
	agent_down(&b);
	own_down(&a);
}

/* 6.6: it is done when all is gone, though the broker empties what is large in steps. */
TEST(a_fence_of_much_memory_leaves_zeros_to_the_last_page)
{
	const unsigned pages = 70u << 20 >> 12;
	struct agent b;
	struct own a;

	agent_up(&b);
	EXPECT_OK(ask(&b, HOARD, true));
	own_up(&a, pages);
	(void)memset(a.at, 0x33, a.size);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, KEEP));
	EXPECT_OK(ask(&b, KEPT_SEES, a.size - PAGE, 0x33));
	EXPECT(b.said[0] > 0);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_FENCE));
	EXPECT_OK(ask(&b, KEPT_SEES, a.size - PAGE, 0x33));
	EXPECT_EQ(b.said[0], 0);
	EXPECT(is_filled(a.at, a.size, 0x33));
	agent_down(&b);
	own_down(&a);
}

/* 6.6: no fault in what it keeps. */
TEST(a_fence_lets_nobody_fault)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, KEEP));
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_FENCE));
	EXPECT_OK(ask(&b, KEPT_SEES, 0, 0));
	EXPECT(b.said[0] > 0);
	agent_down(&b);
	own_down(&a);
}

/* 6.6 */
TEST(a_fence_does_not_wait_for_a_stopped_holder)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	a.at[0] = 1;
	(void)share(&a, &b, SHARED_REGION_WRITE);
	agent_stop(&b);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_FENCE));
	EXPECT_EQ(a.at[0], 1);
	EXPECT(mapping_of(&a, b.self) == NULL);
	EXPECT_EQ(kill(b.pid, SIGCONT), 0);
	EXPECT_OK(ask(&b, SELF));
	agent_down(&b);
	own_down(&a);
}

/* 6.6: survivors go on at the same addresses. */
TEST(survivors_of_a_fence_go_on_sharing)
{
	struct agent b, c;
	uint64_t before;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 3);
	(void)memset(a.at, 0x21, a.size);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	(void)share(&a, &c, SHARED_REGION_WRITE);
	before = backing_of(a.at);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_FENCE));
	EXPECT(backing_of(a.at) != before);
	EXPECT(agent_filled(&c, 0, a.size, 0x21));
	EXPECT_EQ(ask(&c, STORE, 0, 2 * PAGE, 0x22), 0);
	EXPECT_EQ(a.at[2 * PAGE], 0x22);
	a.at[1] = 0x23;
	EXPECT_EQ(agent_byte(&c, 0, 1), 0x23);
	EXPECT_STR(mapped_as(a.at), "rw-s");
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.6: a survivor that misses the deadline is treated as revoked. */
TEST(a_survivor_that_misses_the_deadline_of_a_fence_is_left_behind)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	EXPECT_OK(ask(&c, HOARD, true));
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	(void)share(&a, &c, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&c, KEEP));
	agent_stop(&c);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_FENCE));
	a.at[0] = 0x61;
	EXPECT_EQ(kill(c.pid, SIGCONT), 0);
	EXPECT_OK(ask(&c, KEPT_SEES, 0, 0x61));
	EXPECT_EQ(c.said[0], 0);
	EXPECT_OK(ask(&c, KEPT_STORES, 0, 0x62));
	EXPECT_EQ(a.at[0], 0x61);
	EXPECT(mapping_of(&a, c.self) == NULL);
	EXPECT_OK(ask(&c, NOTICES, 8));
	EXPECT(c.said[0] > 0);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 6.6: a write in the window waits and is retried, never lost. */
static void count_up(unsigned number, void *arg)
{
	struct own *a = ((void **)arg)[0];
	struct agent *agents = ((void **)arg)[1];
	_Atomic uint64_t *word = (void *)a->at;

	if (number == 1) {
		for (unsigned i = 0; i < 4; i++)
			EXPECT_OK(shared_region_unmap(a->region, agents[i].self,
						      SHARED_REGION_FENCE));
		word[1] = 1;
		return;
	}
	/* There is one writer: what it finds is what it wrote. */
	for (uint64_t n = 0; !word[1]; n++) {
		EXPECT_EQ(word[0], n);
		word[0] = n + 1;
	}
}

TEST(no_store_is_lost_while_a_fence_goes_on)
{
	struct agent agents[4];
	struct own a;
	void *both[] = { &a, agents };

	for (unsigned i = 0; i < 4; i++)
		agent_up(&agents[i]);
	own_up(&a, 64);
	for (unsigned i = 0; i < 4; i++)
		(void)share(&a, &agents[i], SHARED_REGION_WRITE);
	in_threads(2, count_up, both);
	for (unsigned i = 0; i < 4; i++)
		agent_down(&agents[i]);
	own_down(&a);
}

/* 6.6 */
TEST(kill_ends_the_holder)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	agent_stop(&b);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_KILL));
	agent_expect_killed(&b);
	EXPECT(mapping_of(&a, b.self) == NULL);
	own_down(&a);
}

/* D-9: within one user no fresh memory is made; across users it is. */
TEST(the_default_strength_within_one_user_is_asking)
{
	uint64_t before;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	before = backing_of(a.at);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_FORCE_DEFAULT));
	EXPECT_EQ(ask(&b, LOAD, 0, 0), SIGSEGV);
	EXPECT_EQ(backing_of(a.at), before);
	agent_down(&b);
	own_down(&a);
}

/* D-9 */
TEST(the_default_strength_between_users_is_a_fence)
{
	uint64_t before;
	struct agent b;
	struct own a;

	serve_others();
	own_up(&a, 1);
	agent_up_as(&b, USER_B);
	EXPECT_OK(ask(&b, HOARD, true));
	a.at[0] = 0x31;
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, KEEP));
	before = backing_of(a.at);
	EXPECT_OK(unmap(&a, b.self, SHARED_REGION_FORCE_DEFAULT));
	EXPECT(backing_of(a.at) != before);
	EXPECT_OK(ask(&b, KEPT_SEES, 0, 0x31));
	EXPECT_EQ(b.said[0], 0);
	EXPECT_EQ(a.at[0], 0x31);
	agent_down(&b);
	own_down(&a);
}

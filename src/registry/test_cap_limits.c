/* SPDX-License-Identifier: MIT */
/* Where capabilities are many, deep, or not to be had. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "registry/rig_cap.h"

#define GIVING (CAP_READ | CAP_GRANT | CAP_REVOKE)
#define DEEP 300000u

TEST(the_257th_capability_does_not_fit_and_one_does_after_deleting_one)
{
	struct cap_rig *rig = caps_up();
	uint64_t token = 0, last_id;

	for (unsigned i = 0; i < CAP_LIMIT_DEFAULT; i++)
		token = caps_derive(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);
	last_id = rig->space.last_id;
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob),
		  -EDQUOT);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->bob, CAP_SHARE), -EDQUOT);
	EXPECT_EQ(rig->bob.count, CAP_LIMIT_DEFAULT);
	EXPECT_EQ(rig->object.live, CAP_LIMIT_DEFAULT + 1);
	EXPECT_EQ(rig->space.last_id, last_id);
	EXPECT_EQ(caps_delete(rig, &rig->bob, token), 0);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob), 0);
	caps_down(rig);
}

TEST(roots_take_no_room_in_their_owners_table)
{
	struct cap_rig *rig = caps_up_with(3, 1);
	struct cap_object other[3];
	struct cap *cap;

	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(cap_object_init(&other[i], &rig->space, i + 1, 3, &rig->alice), 0);
	EXPECT_EQ(rig->alice.count, 0);
	EXPECT_EQ(rig->alice.roots, 4);
	(void)caps_derive(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->alice);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->alice),
		  -EDQUOT);
	/* Nor where they come to be another's, by a gift or by a move. */
	(void)caps_derive(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);
	EXPECT_EQ(cap_hand_over(&other[0], &rig->bob), 0);
	EXPECT_EQ(rig->bob.roots, 1);
	caps_check(rig);
	EXPECT_EQ(cap_create(&rig->alice, &other[1], &rig->carol, CAP_MOVE, &cap), 0);
	EXPECT_EQ(rig->carol.count, 1);
	EXPECT_EQ(cap_move(&rig->carol, cap->token, &rig->end), 0);
	EXPECT_EQ(rig->carol.count, 0);
	EXPECT_EQ(rig->carol.roots, 1);
	caps_check(rig);
	for (unsigned i = 0; i < 3; i++)
		cap_object_end(&other[i], CAP_EXPLICIT, &rig->end);
	caps_down(rig);
}

/* Bob is of the same group as dave. */
TEST(one_group_fills_only_a_part_of_anothers_table_with_offers)
{
	struct cap_rig *rig = caps_up();
	uint64_t root = caps_root(rig), token = 0, giving;

	cap_table_belong(&rig->alice, 1, 3);
	cap_table_belong(&rig->carol, 1, 3);
	cap_table_belong(&rig->bob, 2, 3);
	cap_table_belong(&rig->dave, 2, 3);
	giving = caps_derive(rig, &rig->alice, root, CAP_READ | CAP_GRANT, &rig->carol);
	caps_redeem(rig, &rig->carol, giving);
	for (unsigned i = 0; i < 3; i++)
		token = caps_derive(rig, i == 1 ? &rig->carol : &rig->alice,
				    i == 1 ? giving : root, CAP_READ, &rig->bob);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, root, CAP_READ, &rig->bob), -EDQUOT);
	EXPECT_EQ(caps_derive_error(rig, &rig->carol, giving, CAP_READ, &rig->bob), -EDQUOT);
	EXPECT_EQ(caps_create_error(rig, &rig->alice, &rig->bob, CAP_SHARE), -EDQUOT);
	/* Another one of that group takes as many, and one of the own group any number. */
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, root, CAP_READ, &rig->dave), 0);
	for (unsigned i = 0; i < 9; i++)
		(void)caps_derive(rig, &rig->alice, root, CAP_READ, &rig->carol);
	/* What is taken, or declined, makes room. */
	caps_redeem(rig, &rig->bob, token);
	token = caps_derive(rig, &rig->alice, root, CAP_READ, &rig->bob);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, root, CAP_READ, &rig->bob), -EDQUOT);
	EXPECT_EQ(caps_delete(rig, &rig->bob, token), 0);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, root, CAP_READ, &rig->bob), 0);
	caps_down(rig);
}

TEST(there_are_no_ids_after_the_last)
{
	struct cap_rig *rig = caps_up();
	uint64_t last;

	rig->space.last_id = CAP_ID_MAX - 1;
	last = caps_derive(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);
	EXPECT_EQ(cap_unpack(last).id, CAP_ID_MAX);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob),
		  -EDQUOT);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, last), 1);
	EXPECT_EQ(caps_derive_error(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob),
		  -EDQUOT);
	caps_down(rig);
}

/* One of everything that takes memory; returns what the first that failed said. */
static int make_some(struct cap_rig *rig, struct cap_object *other)
{
	struct cap *cap;
	int r;

	r = cap_derive(&rig->alice, caps_root(rig), CAP_READ, &rig->bob, &cap);
	if (r < 0)
		return r;
	r = cap_hand_over(&rig->object, &rig->carol);
	if (r < 0)
		return r;
	r = cap_object_init(other, &rig->space, 1, 3, &rig->dave);
	if (r < 0)
		return r;
	cap_object_end(other, CAP_EXPLICIT, &rig->end);
	return 0;
}

TEST(without_memory_everything_stays_as_it_was)
{
	unsigned failed = 0;

	for (unsigned n = 0;; n++) {
		struct cap_rig *rig = caps_up();
		struct cap_object other;
		int r;

		fault_arm_nth(n);
		r = make_some(rig, &other);
		(void)fault_arm(NULL);
		caps_check(rig);
		if (fault_nth_visited()) {
			EXPECT_EQ(r, -ENOMEM);
			EXPECT(rig->object.live <= 2);
			failed++;
		}
		caps_down(rig);
		if (r == 0)
			break;
	}
	/* A first capability is a record and a past; a second owner is a past. */
	EXPECT_EQ(failed, 5);
}

TEST(the_index_works_without_memory_for_more_buckets)
{
	struct cap_rig *rig = caps_up_with(3, 1000);
	uint64_t token[500];
	struct cap *cap;

	EXPECT_EQ(fault_arm("registry.alloc=e12@3"), 0);
	for (unsigned i = 0; i < 500; i++) {
		/* The 63rd is the one that would get a second block; it is tried again. */
		while (cap_derive(&rig->alice, caps_root(rig), CAP_READ, &rig->alice, &cap) < 0)
			;
		token[i] = cap->token;
	}
	(void)fault_arm(NULL);
	caps_check(rig);
	for (unsigned i = 0; i < 500; i++)
		EXPECT_EQ(caps_require(&rig->alice, token[i], CAP_READ), 0);
	caps_down(rig);
}

static void make_many(struct cap_rig *rig, uint32_t count)
{
	struct cap *cap;

	for (uint32_t i = 0; i < count; i++)
		EXPECT_EQ(cap_derive(&rig->alice, caps_root(rig), CAP_READ, &rig->bob, &cap),
			  0);
}

TEST(chains_of_the_index_stay_short_as_it_grows_and_shrinks)
{
	struct cap_rig *rig = caps_up_with(3, UINT32_MAX);
	const struct cap_index *index = &rig->space.index;

	make_many(rig, 20000);
	caps_check(rig);
	EXPECT(index->buckets > 10000);
	EXPECT(cap_index_longest(index) < 16);
	rig->end.ended = NULL;
	while (rig->bob.count > 10)
		EXPECT_EQ(cap_delete(&rig->bob, LIST_FIRST(&rig->bob.caps)->token, &rig->end),
			  0);
	caps_check(rig);
	EXPECT_EQ(index->buckets, CAP_INDEX_FIRST);
	for (unsigned i = 1; i < CAP_INDEX_BLOCKS; i++)
		EXPECT(!index->block[i]);
	caps_down(rig);
}

TEST(two_seeds_put_the_same_ids_into_different_buckets)
{
	struct cap_index a, b;
	struct cap cap[2][32];
	unsigned same = 0;

	cap_index_init(&a, 1);
	cap_index_init(&b, 2);
	(void)memset(cap, 0, sizeof(cap));
	for (unsigned i = 0; i < 32; i++) {
		cap[0][i].token = cap[1][i].token = i + 1;
		cap_index_add(&a, &cap[0][i]);
		cap_index_add(&b, &cap[1][i]);
	}
	for (unsigned i = 0; i < CAP_INDEX_FIRST; i++)
		same += (a.first[i] != NULL) == (b.first[i] != NULL);
	EXPECT(same < CAP_INDEX_FIRST);
	for (unsigned i = 0; i < 32; i++) {
		cap_index_remove(&a, &cap[0][i]);
		cap_index_remove(&b, &cap[1][i]);
	}
	cap_index_deinit(&a);
	cap_index_deinit(&b);
}

/* Each derived from the one before, in turn for Alice and for Bob. */
static uint64_t deep_chain(struct cap_rig *rig, uint64_t *ret_top)
{
	struct cap *cap = rig->object.root;

	for (uint32_t i = 0; i < DEEP; i++) {
		struct cap_table *to = i % 2 ? &rig->bob : &rig->alice;
		struct cap *child;

		EXPECT_EQ(cap_derive_from(cap, GIVING, to, &child), 0);
		EXPECT_EQ(cap_redeem(to, child->token, &child), 0);
		cap = child;
		if (i == 0)
			*ret_top = cap->token;
	}
	return cap->token;
}

TEST(a_tree_may_be_deeper_than_the_stack)
{
	struct cap_rig *rig = caps_up_with(3, UINT32_MAX);
	struct cap_end quiet = { .seconds = NOW };
	uint64_t top, bottom;
	uint32_t count;

	bottom = deep_chain(rig, &top);
	EXPECT_EQ(cap_revoke(&rig->carol, bottom, &quiet, &count), -EBADF);
	cap_object_lower(&rig->object, CAP_READ);
	caps_check(rig);
	EXPECT_EQ(cap_revoke(&rig->alice, top, &quiet, &count), 0);
	EXPECT_EQ(count, DEEP);
	caps_check(rig);
	caps_down(rig);
}

TEST(a_deep_tree_loses_every_second_holder_and_stays_whole)
{
	struct cap_rig *rig = caps_up_with(3, UINT32_MAX);
	struct cap_end quiet = { .seconds = NOW };
	uint64_t top, bottom;

	bottom = deep_chain(rig, &top);
	EXPECT_EQ(cap_unpack(bottom).id, DEEP + 1);
	cap_table_end(&rig->bob, &quiet);
	caps_check(rig);
	EXPECT_EQ(rig->object.live, DEEP / 2 + 1);
	EXPECT_EQ(rig->alice.count + rig->alice.roots, DEEP / 2 + 1);
	caps_down(rig);
}

TEST(the_last_256_that_ended_are_remembered)
{
	struct cap_rig *rig = caps_up();
	uint64_t token[CAP_REMEMBERED + 1];

	for (unsigned i = 0; i <= CAP_REMEMBERED; i++) {
		token[i] = caps_give(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);
		EXPECT_EQ(caps_revoke(rig, &rig->alice, token[i]), 1);
	}
	EXPECT_EQ(caps_revoke(rig, &rig->bob, token[0]), -EBADF);
	EXPECT_EQ(caps_revoke(rig, &rig->alice, token[0]), -EBADF);
	for (unsigned i = 1; i <= CAP_REMEMBERED; i++) {
		EXPECT_EQ(caps_revoke(rig, &rig->bob, token[i]), 0);
		EXPECT_EQ(caps_revoke(rig, &rig->alice, token[i]), 0);
	}
	caps_down(rig);
}

TEST(a_process_that_has_no_capability_takes_no_memory)
{
	struct cap_rig *rig = caps_up();

	EXPECT(!rig->bob.past);
	(void)caps_derive(rig, &rig->alice, caps_root(rig), CAP_READ, &rig->bob);
	EXPECT(rig->bob.past != NULL);
	caps_down(rig);
}

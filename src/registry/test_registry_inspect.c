/* SPDX-License-Identifier: MIT */
/* What tools see of shared regions, and which of them. */
#include <errno.h>

#include "registry/rig_shared.h"

#define NEVER 255u

TEST(a_user_sees_its_own_regions_and_root_and_the_brokers_user_all)
{
	struct rig *rig = rig_up();
	struct fake_client *one = rig_join(rig, 10), *two = rig_join(rig, 11);
	struct fake_client *root = rig_join(rig, 0), *broker = rig_join(rig, 500);

	(void)rig_shared(rig, one);
	(void)rig_shared(rig, two);
	(void)rig_shared(rig, one);
	EXPECT_EQ(rig_shared_row(rig, one, 0).key, 1);
	EXPECT_EQ(rig_shared_row(rig, one, 1).key, 3);
	EXPECT_EQ(rig_shared_row(rig, one, 3).key, 0);
	EXPECT_EQ(rig_shared_row(rig, two, 0).key, 2);
	EXPECT_EQ(rig_shared_row(rig, two, 2).key, 0);
	for (uint64_t key = 0; key < 3; key++) {
		EXPECT_EQ(rig_shared_row(rig, root, key).key, key + 1);
		EXPECT_EQ(rig_shared_row(rig, broker, key).key, key + 1);
	}
	rig_down(rig);
}

TEST(a_row_tells_of_the_region_what_its_owner_could)
{
	struct rig *rig = rig_up();
	struct fake_client *tool = rig_join(rig, 10), *owner = rig_join(rig, 10);
	uint64_t shared = rig_shared(rig, owner);
	struct msg_shared_row row;

	rig_map(rig, owner, shared, 0, READ);
	EXPECT_EQ(rig_error(rig, owner,
			    ASK(shared_grant, .shared = shared, .process = 1,
				.permission = READ)),
		  0);
	row = rig_shared_row(rig, tool, 0);
	EXPECT_EQ(row.size, 2 * RIG_PAGE);
	EXPECT_EQ(row.owner, 2);
	EXPECT_EQ(row.pid, 1000);
	EXPECT_EQ(row.uid, 10);
	EXPECT_EQ(row.ceiling, 3);
	EXPECT_EQ(row.state, 1);
	EXPECT_EQ(row.mapped, 1);
	EXPECT_EQ(row.pending, 1);
	EXPECT_EQ(row.caps, 2);
	EXPECT_EQ(row.node, UINT32_MAX);
	EXPECT_EQ(row.align, RIG_PAGE);
	EXPECT_EQ(row.force, NEVER);
	rig_down(rig);
}

TEST(an_orphan_is_seen_by_who_pays_for_it)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct fake_client *tool = rig_join(rig, 10);
	uint64_t shared = rig_shared(rig, owner), token;
	struct msg_shared_row row;

	token = rig_derive(rig, owner, rig_root(rig, owner, shared), READ | MAP, 2);
	rig_map(rig, other, shared, token, READ);
	rig_leave(rig, owner);
	row = rig_shared_row(rig, tool, 0);
	EXPECT_EQ(row.key, shared);
	EXPECT_EQ(row.owner, 0);
	EXPECT_EQ(row.pid, 0);
	EXPECT_EQ(row.uid, 10);
	EXPECT_EQ(row.state, 5);
	EXPECT_EQ(rig_cap_row(rig, tool, shared, 0).holder, 0);
	rig_down(rig);
}

TEST(who_does_not_see_a_region_does_not_see_who_has_it)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *holder = rig_join(rig, 11);
	struct fake_client *other = rig_join(rig, 11);
	uint64_t shared = rig_shared(rig, owner), token;

	token = rig_derive(rig, owner, rig_root(rig, owner, shared), READ | MAP, 2);
	rig_map(rig, holder, shared, token, READ);
	EXPECT_EQ(rig_mapping_count(rig, owner, shared), 1);
	EXPECT_EQ(rig_cap_count(rig, owner, shared), 2);
	/* Another process of the holder's user holds nothing itself. */
	EXPECT_EQ(rig_mapping_count(rig, holder, shared), 1);
	EXPECT_EQ(rig_mapping_count(rig, other, shared), 0);
	EXPECT_EQ(rig_cap_count(rig, other, shared), 0);
	rig_down(rig);
}

TEST(a_mapping_tells_by_what_it_was_made)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t shared = rig_shared(rig, owner), token;
	struct msg_mapping_row row;

	token = rig_derive(rig, owner, rig_root(rig, owner, shared), READ | MAP, 2);
	rig_map(rig, other, shared, token, READ);
	rig_map(rig, owner, shared, 0, ALL);
	row = rig_mapping_row(rig, owner, shared, 0);
	EXPECT_EQ(row.process, 1);
	EXPECT_EQ(row.permission, ALL);
	EXPECT_EQ(row.cap, 0);
	row = rig_mapping_row(rig, owner, shared, 1);
	EXPECT_EQ(row.process, 2);
	EXPECT_EQ(row.uid, 11);
	EXPECT_EQ(row.permission, READ);
	EXPECT_EQ(row.cap, rig_cap_id(token));
	EXPECT_EQ(rig_mapping_row(rig, owner, shared, 2).process, 0);
	EXPECT_EQ(rig_mapping_row(rig, owner, shared, UINT64_MAX).process, 0);
	rig_down(rig);
}

TEST(an_address_is_told_to_who_could_look_for_himself)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct fake_client *tool = rig_join(rig, 10), *root = rig_join(rig, 0);
	uint64_t shared = rig_shared(rig, owner), token;

	token = rig_derive(rig, owner, rig_root(rig, owner, shared), READ | MAP, 2);
	rig_map(rig, other, shared, token, READ);
	rig_map(rig, owner, shared, 0, READ);
	EXPECT_EQ(rig_mapping_row(rig, tool, shared, 0).address, 0x10000);
	EXPECT_EQ(rig_mapping_row(rig, tool, shared, 1).address, 0);
	EXPECT_EQ(rig_mapping_row(rig, owner, shared, 1).address, 0x10000);
	EXPECT_EQ(rig_mapping_row(rig, root, shared, 1).address, 0x10000);
	rig_down(rig);
}

TEST(capabilities_have_rows_in_the_order_in_which_they_were_made)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t shared = rig_shared(rig, owner), root = rig_root(rig, owner, shared);
	uint64_t given, below;
	struct msg_cap_row row;

	given = rig_derive(rig, owner, root, READ | GRANT | MAP, 2);
	rig_take(rig, other, given);
	below = rig_derive(rig, other, given, READ, 1);
	EXPECT_EQ(
		rig_error(rig, owner,
			  ASK(shared_grant, .shared = shared, .process = 2, .permission = ALL)),
		0);

	row = rig_cap_row(rig, owner, shared, 0);
	EXPECT_EQ(row.id, rig_cap_id(root));
	EXPECT_EQ(row.parent, 0);
	EXPECT_EQ(row.holder, 1);
	EXPECT_EQ(row.state, 2);
	row = rig_cap_row(rig, owner, shared, row.id);
	EXPECT_EQ(row.id, rig_cap_id(given));
	EXPECT_EQ(row.parent, rig_cap_id(root));
	EXPECT_EQ(row.holder, 2);
	EXPECT_EQ(row.uid, 11);
	EXPECT_EQ(row.rights, READ | GRANT | MAP);
	EXPECT_EQ(row.state, 2);
	row = rig_cap_row(rig, owner, shared, row.id);
	EXPECT_EQ(row.id, rig_cap_id(below));
	EXPECT_EQ(row.parent, rig_cap_id(given));
	EXPECT_EQ(row.state, 1);
	EXPECT_EQ(row.grant, 0);
	row = rig_cap_row(rig, owner, shared, row.id);
	EXPECT_EQ(row.holder, 2);
	EXPECT_EQ(row.rights, ALL | MAP);
	EXPECT_EQ(row.state, 1);
	EXPECT_EQ(row.grant, 1);
	EXPECT_EQ(rig_cap_row(rig, owner, shared, row.id).id, 0);
	rig_down(rig);
}

TEST(what_was_reached_the_last_time_is_told)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 10);
	uint64_t shared = rig_shared(rig, owner), root = rig_root(rig, owner, shared), token;

	for (uint32_t force = 0; force < 3; force++) {
		token = rig_derive(rig, owner, root, READ | MAP, 2);
		rig_map(rig, other, shared, token, READ);
		(void)rig_ask(rig, owner, ASK(cap_revoke, .token = token, .force = force));
		rig_let_go(rig, other);
		/* With a fence it is copied in a slice. */
		rig_pass(rig, 0);
		EXPECT_EQ(owner->answer.message.number, MSG_cap_revoked);
		EXPECT_EQ(rig_shared_row(rig, owner, 0).force, force);
		EXPECT_EQ(rig_shared_row(rig, owner, 0).backing, force == 2);
	}
	rig_down(rig);
}

TEST(what_was_not_reached_is_not_told)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 10);
	uint64_t shared = rig_shared(rig, owner), token;

	token = rig_derive(rig, owner, rig_root(rig, owner, shared), READ | MAP, 2);
	rig_map(rig, other, shared, token, READ);
	other->holds.descriptors = 1;
	(void)rig_ask(rig, owner, ASK(cap_revoke, .token = token, .force = 1));
	rig_let_go(rig, other);
	EXPECT_EQ(owner->answer.message.refused.error, EREMOTEIO);
	EXPECT_EQ(rig_shared_row(rig, owner, 0).force, NEVER);
	rig_down(rig);
}

TEST(who_sees_a_region_may_ask_where_its_pages_are)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct fake_client *root = rig_join(rig, 0);
	struct message place = ASK(shared_place, .shared = rig_shared(rig, owner));

	EXPECT_EQ(rig_error(rig, owner, place), 0);
	EXPECT_EQ(rig_error(rig, root, place), 0);
	EXPECT_EQ(rig_error(rig, other, place), ENOENT);
	rig_down(rig);
}

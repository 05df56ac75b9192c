/* SPDX-License-Identifier: MIT */
/* What a process may do with shared regions between a request and its answer. */
#include <errno.h>

#include "registry/rig.h"
#include "registry/rig_shared.h"

#define WRITING 0x43u

static struct message map_by(uint64_t token, uint64_t address)
{
	return ASK(cap_map, .token = token, .permission = 1, .address = address);
}

TEST(who_gives_its_capability_up_while_it_stalls_is_not_waited_for_longer)
{
	struct rig_trio s = rig_trio_up();
	uint64_t one = rig_derive(s.rig, s.owner, s.root, WRITING, 2);
	uint64_t two = rig_derive(s.rig, s.owner, s.root, WRITING, 3);

	rig_map(s.rig, s.other, s.shared, one, 3);
	rig_map(s.rig, s.third, s.shared, two, 3);
	(void)rig_obey(s.rig, s.third, MSG_shared_news);
	(void)rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = one, .force = 2));
	EXPECT_EQ(rig_error(s.rig, s.third, ASK(cap_delete, .token = two)), 0);
	rig_let_go(s.rig, s.third);
	rig_pass(s.rig, 0);
	EXPECT_EQ(s.owner->answer.message.cap_revoked.force, 2);
	EXPECT_EQ(rig_shared_row(s.rig, s.owner, 0).mapped, 0);
	rig_down(s.rig);
}

TEST(what_a_process_was_asked_to_map_and_stalls_may_end_without_its_answer)
{
	struct rig_trio s = rig_trio_up();
	uint64_t one = rig_derive(s.rig, s.owner, s.root, WRITING | GRANT | 0x10, 2), two;
	struct fake_client *fourth = rig_join(s.rig, 10);

	rig_map(s.rig, s.other, s.shared, one, 3);
	two = rig_derive(s.rig, s.other, one, WRITING, 4);
	rig_map(s.rig, fourth, s.shared, two, 3);
	EXPECT_EQ(rig_error(s.rig, s.third, ASK(shared_accept, .accept = true)), 0);
	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_map_into, .shared = s.shared, .process = 3, .permission = 3));
	rig_pass(s.rig, RIG_HEAR / 2);
	(void)rig_ask(s.rig, s.other, ASK(cap_revoke, .token = two, .force = 2));
	/* It was told of the memory, and is to hold still; and says nothing to either. */
	rig_pass(s.rig, RIG_HEAR / 2);
	EXPECT_EQ(s.owner->answer.message.refused.error, ETIMEDOUT);
	rig_pass(s.rig, RIG_HEAR);
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.other->answer.message.cap_revoked.force, 2);
	rig_down(s.rig);
}

TEST(a_region_that_moves_is_not_mapped_where_something_has_come_to_be_meanwhile)
{
	struct rig_trio s = rig_trio_up();
	uint64_t also = rig_shared(s.rig, s.third), token;
	struct message answer = ASK(shared_answer, .address = 0x70000);
	struct fake_said said;

	EXPECT_EQ(rig_error(s.rig, s.other, ASK(shared_accept, .accept = true)), 0);
	rig_map(s.rig, s.owner, s.shared, 0, 3);
	token = rig_ask(s.rig, s.owner,
			ASK(offer_make, .shared = s.shared, .process = 2, .watched = true))
			->offer_made.token;
	/* Waits until the sender has let go; and accepts something else there until then. */
	EXPECT_EQ(rig_ask(s.rig, s.other, map_by(token, 0x70000))->number, 0);
	(void)rig_ask(s.rig, s.third,
		      ASK(shared_map_into, .shared = also, .process = 2, .permission = 3));
	(void)rig_obey(s.rig, s.other, MSG_shared_news);
	said = rig_event(s.other, MSG_shared_asked);
	answer.serial = said.message.serial;
	rig_tell(s.rig, s.other, answer);
	EXPECT_EQ(s.third->answer.message.shared_there.address, 0x70000);
	(void)rig_obey(s.rig, s.owner, MSG_import_revoked);
	EXPECT_EQ(s.other->answer.message.refused.error, EADDRINUSE);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(move_look, .token = token))->move_known.error,
		  EADDRINUSE);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(cap_check, .token = s.root)), 0);
	rig_down(s.rig);
}

TEST(a_ceiling_stays_while_a_region_changes_its_owner)
{
	struct rig_trio s = rig_trio_up();
	struct message lower = ASK(shared_lower, .shared = s.shared, .ceiling = 1);
	struct message take;
	uint64_t token;

	rig_map(s.rig, s.owner, s.shared, 0, 1);
	token = rig_ask(s.rig, s.owner, ASK(offer_make, .shared = s.shared, .process = 2))
			->offer_made.token;
	take = map_by(token, 0x70000);
	take.cap_map.permission = 3;
	EXPECT_EQ(rig_ask(s.rig, s.other, take)->number, 0);
	EXPECT_EQ(rig_error(s.rig, s.owner, lower), EBUSY);
	(void)rig_obey(s.rig, s.owner, MSG_import_revoked);
	EXPECT_EQ(s.other->answer.message.number, MSG_shared_mapped);
	rig_down(s.rig);
}

TEST(an_orphan_goes_with_the_last_grant_of_it)
{
	struct rig_trio s = rig_trio_up();
	uint64_t token = rig_derive(s.rig, s.owner, s.root, WRITING | GRANT, 2);

	rig_take(s.rig, s.other, token);
	EXPECT_EQ(
		rig_error(s.rig, s.other,
			  ASK(shared_grant, .shared = s.shared, .process = 3, .permission = 1)),
		0);
	rig_leave(s.rig, s.owner);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 1);
	EXPECT_EQ(
		rig_error(s.rig, s.other, ASK(shared_unmap, .shared = s.shared, .process = 3)),
		0);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	rig_down(s.rig);
}

/* SPDX-License-Identifier: MIT */
/* Shared regions that other nodes import: snapshots of them, and nodes that do not answer. */
#include <errno.h>

#include "base/fault.h"
#include "registry/rig_stand.h"

/* ---- snapshots -------------------------------------------------------------------------- */

TEST(writers_of_other_nodes_hold_still_while_a_snapshot_is_made)
{
	struct standing s = standing_up();

	(void)standing_asks(&s, ASK(offer_make, .shared = s.shared, .process = 2, .mode = 2));
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	standing_work(&s);
	EXPECT_EQ(standing_answer(&s), 0);
	standing_survive(&s, s.importer, &s.far, MSG_import_stall);
	EXPECT(!standing_is_fresh(&s));
	standing_work(&s);
	(void)standing_obey(&s, s.owner, MSG_import_moved);
	standing_survive(&s, s.importer, &s.far, MSG_import_moved_far);
	EXPECT_EQ(standing_answer(&s), MSG_offer_made);
	EXPECT_EQ(s.owner->answer.message.offer_made.copied, 2 * RIG_PAGE);
	EXPECT(standing_is_fresh(&s) && standing_reaches(&s, s.object));
	pair_down(&s.pair);
}

TEST(a_frozen_region_is_read_by_other_nodes_until_they_know_that_it_was_taken_back)
{
	struct standing s = standing_of(4, READ);

	s.far = pair_import(&s.pair, s.importer, s.id, 4);
	(void)standing_asks(&s, ASK(offer_make, .shared = s.shared, .process = 2, .mode = 2));
	EXPECT_EQ(standing_answer(&s), MSG_offer_made);
	EXPECT_EQ(s.owner->answer.message.offer_made.copied, 0);
	EXPECT(standing_is_fresh(&s));
	EXPECT_EQ(pair_ask(&s.pair, rig_join(s.pair.at[HERE], 10), s.id, 6)->refused.error,
		  EACCES);
	EXPECT_EQ(standing_asks(&s, standing_unpublish(&s))->number, 0);
	standing_hear(&s, s.owner);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	EXPECT_EQ(standing_backing(&s), 0);
	pair_down(&s.pair);
}

TEST(writers_of_other_nodes_keep_a_region_from_being_frozen)
{
	struct standing s = standing_of(4, ALL);

	s.far = pair_import(&s.pair, s.importer, s.id, 6);
	(void)standing_asks(&s, ASK(offer_make, .shared = s.shared, .process = 2, .mode = 2));
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	standing_survive(&s, s.importer, &s.far, MSG_import_stall);
	standing_work(&s);
	(void)standing_obey(&s, s.owner, MSG_import_moved);
	pair_carry_all(&s.pair);
	(void)rig_obey(s.pair.at[HERE], s.importer, MSG_import_moved_far);
	pair_carry_all(&s.pair);
	EXPECT_EQ(s.owner->answer.message.offer_made.copied, 2 * RIG_PAGE);
	pair_down(&s.pair);
}

/* ---- links that are lost, and nodes that do not answer ---------------------------------- */

TEST(a_revocation_waits_until_a_node_that_is_cut_off_is_gone)
{
	struct standing s = standing_up();

	EXPECT_EQ(standing_asks(&s, standing_unpublish(&s))->number, 0);
	pair_lose_at(&s.pair, THERE);
	/* It may not have noticed. */
	EXPECT(standing_is_fresh(&s) && standing_reaches(&s, s.object));
	rig_pass(standing_there(&s), RIG_HEAR + 2 * RIG_PEER);
	EXPECT_EQ(standing_answer(&s), 0);
	pair_lose_at(&s.pair, HERE);
	EXPECT(!standing_is_fresh(&s));
	EXPECT_EQ(standing_answer(&s), 0);
	pair_gone_at(&s.pair, THERE);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	standing_expect_cut_off(&s);
	EXPECT_EQ(standing_backing(&s), 0);
	pair_down(&s.pair);
}

TEST(a_node_that_was_cut_off_before_is_waited_for_before_memory_is_replaced)
{
	struct standing s = standing_up();

	(void)rig_import(standing_there(&s), rig_join(standing_there(&s), 10), s.id, 6);
	pair_lose_at(&s.pair, THERE);
	EXPECT_EQ(standing_asks(&s, standing_unpublish(&s))->number, 0);
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	standing_work(&s);
	EXPECT(standing_is_fresh(&s) && standing_reaches(&s, s.object));
	EXPECT_EQ(fake_object_find(&standing_there(&s)->fake, s.object)->windows, 1);
	pair_lose_at(&s.pair, HERE);
	pair_gone_at(&s.pair, THERE);
	standing_work(&s);
	(void)standing_obey(&s, s.owner, MSG_import_moved);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	standing_expect_cut_off(&s);
	pair_down(&s.pair);
}

TEST(a_node_that_is_cut_off_while_memory_is_copied_is_waited_for_before_the_old_one_goes)
{
	struct standing s = standing_up(), other;

	(void)rig_import(standing_there(&s), rig_join(standing_there(&s), 10), s.id, 6);
	other = standing_another(&s, s.owner, s.mapping);
	(void)standing_asks(&s, standing_unpublish(&s));
	standing_hear(&s, s.owner);
	standing_survive(&s, other.importer, &other.far, MSG_import_stall);
	/* The last one that was waited for; copying is due. */
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	pair_lose_at(&s.pair, THERE);
	standing_work(&s);
	(void)standing_obey(&s, s.owner, MSG_import_moved);
	EXPECT_EQ(standing_answer(&s), 0);
	EXPECT(standing_reaches(&other, s.object));
	pair_lose_at(&s.pair, HERE);
	pair_gone_at(&s.pair, THERE);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	EXPECT(!fake_object_find(&standing_there(&s)->fake, s.object));
	standing_expect_cut_off(&other);
	pair_down(&s.pair);
}

TEST(a_node_that_does_not_answer_a_revocation_loses_its_link)
{
	struct standing s = standing_up();

	EXPECT_EQ(standing_asks(&s, standing_unpublish(&s))->number, 0);
	rig_pass(standing_there(&s), RIG_HEAR);
	EXPECT(!fake_link_find(&standing_there(&s)->fake, PAIR_FIRST)->dropped);
	rig_pass(standing_there(&s), RIG_PEER);
	EXPECT(fake_link_find(&standing_there(&s)->fake, PAIR_FIRST)->dropped);
	EXPECT_EQ(standing_answer(&s), 0);
	EXPECT(standing_reaches(&s, s.object));
	pair_lose(&s.pair);
	pair_gone_at(&s.pair, THERE);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	standing_expect_cut_off(&s);
	pair_down(&s.pair);
}

TEST(each_step_of_replacing_memory_gives_another_node_its_time)
{
	struct standing s = standing_up(), other;

	(void)rig_import(standing_there(&s), rig_join(standing_there(&s), 10), s.id, 6);
	other = standing_another(&s, s.owner, s.mapping);
	(void)standing_asks(&s, standing_unpublish(&s));
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	/* Late, as its own process may be, and yet in time. */
	rig_pass(standing_there(&s), RIG_HEAR);
	standing_hear(&s, s.owner);
	standing_survive(&s, other.importer, &other.far, MSG_import_stall);
	standing_work(&s);
	(void)standing_obey(&s, s.owner, MSG_import_moved);
	rig_pass(standing_there(&s), RIG_HEAR);
	EXPECT(!fake_link_find(&standing_there(&s)->fake, PAIR_FIRST)->dropped);
	pair_carry_all(&s.pair);
	(void)rig_obey(s.pair.at[HERE], s.importer, MSG_import_revoked);
	(void)rig_obey(s.pair.at[HERE], other.importer, MSG_import_moved_far);
	pair_carry_all(&s.pair);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	pair_down(&s.pair);
}

TEST(who_is_left_behind_when_another_node_has_answered_has_his_importers_cut_off_and_fenced)
{
	struct standing s = standing_up();
	struct rig *there = standing_there(&s);
	struct fake_client *local = rig_join(there, 11);
	struct msg_import_connected own;
	uint64_t first = standing_export(&s, s.owner, s.mapping), segment;

	(void)rig_import(there, rig_join(there, 10), rig_publish(there, s.owner, first), 6);
	(void)standing_map(&s, READ | WRITE | GRANT);
	segment = standing_export(&s, s.other, standing_mapping_of(s.other));
	own = rig_import(there, local, rig_publish(there, s.other, segment), 6);
	(void)standing_asks(&s, ASK(segment_unpublish, .segment = first));
	/* The other one does not hold still, and its importer does. */
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	(void)standing_obey(&s, local, MSG_import_stall);
	rig_pass(there, RIG_HEAR);
	standing_survive(&s, s.importer, &s.far, MSG_import_stall);
	(void)standing_obey(&s, local, MSG_import_revoked);
	EXPECT(!rig_is_fresh(there, &own));
	standing_work(&s);
	(void)standing_obey(&s, s.owner, MSG_import_moved);
	standing_survive(&s, s.importer, &s.far, MSG_import_moved_far);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	EXPECT(!fake_object_find(&there->fake, s.object));
	pair_down(&s.pair);
}

TEST(an_owner_that_was_left_behind_gives_a_region_away_once_other_nodes_know)
{
	struct standing s = standing_up();
	struct rig *there = standing_there(&s);
	uint64_t segment;

	(void)standing_map(&s, READ | WRITE | GRANT);
	segment = standing_export(&s, s.other, standing_mapping_of(s.other));
	(void)rig_import(there, rig_join(there, 11), rig_publish(there, s.other, segment), 6);
	(void)rig_ask(there, s.other, ASK(segment_unpublish, .segment = segment));
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	(void)standing_obey(&s, s.other, MSG_import_stall);
	standing_survive(&s, s.importer, &s.far, MSG_import_stall);
	standing_work(&s);
	s.object = standing_obey(&s, s.other, MSG_import_moved).attachment.object;
	standing_survive(&s, s.importer, &s.far, MSG_import_moved_far);
	/* The owner does not say that it has moved. */
	rig_pass(there, RIG_HEAR);
	EXPECT_EQ(s.other->answer.message.number, MSG_segment_withdrawn);
	EXPECT(standing_is_fresh(&s));
	EXPECT_EQ(standing_asks(&s, ASK(shared_give, .shared = s.shared, .process = 2))->number,
		  0);
	standing_hear(&s, s.owner);
	EXPECT_EQ(standing_answer(&s), MSG_done);
	pair_down(&s.pair);
}

TEST(who_asked_may_die_while_another_node_is_waited_for)
{
	struct standing s = standing_up();

	(void)standing_map(&s, READ | WRITE);
	EXPECT_EQ(standing_asks(&s, standing_unpublish(&s))->number, 0);
	rig_leave(standing_there(&s), s.owner);
	EXPECT(standing_reaches(&s, s.object));
	pair_carry_all(&s.pair);
	standing_expect_cut_off(&s);
	standing_expect_mapped(&s);
	pair_down(&s.pair);
}

/* ---- a broker without memory ------------------------------------------------------------ */

/* The answer of a registry whose next allocation fails, if there are faults in this build. */
static void asks_in_vain(const struct standing *s, struct message message)
{
	fault_arm_nth(0);
	(void)standing_asks(s, message);
	if (!fault_nth_visited())
		SKIP("this build has no fault points");
	(void)fault_arm(NULL);
	EXPECT_EQ(standing_answer(s), MSG_refused);
	EXPECT_EQ(s->owner->answer.message.refused.error, ENOMEM);
}

TEST(who_cannot_wait_for_another_node_neither_unmaps_nor_gives_away)
{
	struct standing s = standing_up();

	asks_in_vain(&s, ASK(shared_unmap, .shared = s.shared));
	asks_in_vain(&s, ASK(shared_give, .shared = s.shared, .process = 2));
	pair_carry_all(&s.pair);
	EXPECT(standing_is_fresh(&s) && standing_reaches(&s, s.object));
	EXPECT_EQ(standing_asks(&s, ASK(shared_unmap, .shared = s.shared))->number, 0);
	standing_hear(&s, s.owner);
	EXPECT_EQ(standing_answer(&s), MSG_shared_unmapped);
	pair_down(&s.pair);
}

TEST(who_cannot_wait_for_another_node_is_not_told_that_an_export_is_taken_back)
{
	struct standing s = standing_up();

	asks_in_vain(&s, standing_unpublish(&s));
	EXPECT(standing_reaches(&s, s.object));
	EXPECT_EQ(standing_asks(&s, ASK(segment_destroy, .segment = s.segment))->number, 0);
	standing_hear(&s, s.owner);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	pair_down(&s.pair);
}

/* ---- windows of a device's -------------------------------------------------------------- */

TEST(memory_that_a_device_has_pinned_is_taken_back_once_its_process_has_obeyed)
{
	struct standing s = standing_of(0, ALL);

	standing_there(&s)->fake.pins = true;
	s.far = pair_import(&s.pair, s.importer, s.id, 6);
	EXPECT_EQ(standing_asks(&s, standing_unpublish(&s))->number, 0);
	(void)pair_carry(&s.pair, THERE, MSG_link_revoked);
	(void)pair_carry(&s.pair, HERE, MSG_link_heard);
	EXPECT(!standing_is_fresh(&s) && standing_reaches(&s, s.object));
	EXPECT_EQ(standing_answer(&s), 0);
	(void)rig_obey(s.pair.at[HERE], s.importer, MSG_import_revoked);
	(void)pair_carry(&s.pair, HERE, MSG_link_close);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	EXPECT_EQ(fake_window_count(&standing_there(&s)->fake), 0);
	pair_down(&s.pair);
}

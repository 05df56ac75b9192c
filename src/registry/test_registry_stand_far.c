/* SPDX-License-Identifier: MIT */
/* Shared regions that other nodes import: what holds there when they are taken back. */
#include <errno.h>

#include "registry/rig_stand.h"

/* ---- connecting ------------------------------------------------------------------------- */

TEST(another_node_reaches_the_object_that_mappers_of_a_shared_region_have)
{
	struct standing s = standing_up();

	EXPECT_EQ(s.far.size, 2 * RIG_PAGE);
	EXPECT(standing_is_fresh(&s));
	EXPECT(standing_reaches(&s, s.object));
	EXPECT_EQ(fake_object_count(&standing_there(&s)->fake), 1);
	pair_down(&s.pair);
}

TEST(who_has_mapped_a_region_for_reading_lets_no_other_node_write)
{
	struct standing s = standing_of(0, READ);

	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 6)->refused.error, EACCES);
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 2)->refused.error, EACCES);
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 4)->number, MSG_import_connected_far);
	pair_down(&s.pair);
}

TEST(what_can_be_frozen_is_written_by_the_owners_user_of_whichever_node)
{
	struct standing s = standing_of(4, ALL);
	struct fake_client *stranger = rig_join(s.pair.at[HERE], 11);

	EXPECT_EQ(pair_ask(&s.pair, stranger, s.id, 6)->refused.error, EACCES);
	EXPECT_EQ(pair_ask(&s.pair, stranger, s.id, 4)->number, MSG_import_connected_far);
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 6)->number, MSG_import_connected_far);
	pair_down(&s.pair);
}

TEST(what_a_window_cannot_be_opened_to_is_refused_for_what_it_is)
{
	struct standing s = standing_of(0, ALL);

	/* A part of a huge page; and over a device, what is frozen. */
	standing_there(&s)->fake.fail_window = -EINVAL;
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 4)->refused.error, EOPNOTSUPP);
	standing_there(&s)->fake.fail_window = -EPERM;
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 4)->refused.error, EOPNOTSUPP);
	pair_down(&s.pair);
}

TEST(another_nodes_connection_waits_until_the_memory_is_replaced)
{
	struct standing s = standing_up(), other = s;
	struct fake_client *late = rig_join(s.pair.at[HERE], 12);
	struct msg_import_connected_far far;

	(void)rig_import(standing_there(&s), rig_join(standing_there(&s), 10), s.id, 6);
	other.segment = standing_export(&s, s.owner, s.mapping);
	other.id = rig_publish(standing_there(&s), s.owner, other.segment);
	(void)standing_asks(&s, standing_unpublish(&s));
	(void)rig_ask(s.pair.at[HERE], late,
		      ASK(import_connect, .node = PAIR_FIRST + 1, .id = other.id, .rights = 6));
	pair_carry_all(&s.pair);
	EXPECT_EQ(late->answer.message.number, 0);
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	standing_work(&s);
	pair_carry_all(&s.pair);
	EXPECT_EQ(late->answer.message.number, MSG_import_connected_far);
	far = late->answer.message.import_connected_far;
	EXPECT(pair_reaches(&s.pair, far.key,
			    standing_obey(&s, s.owner, MSG_import_moved).attachment.object));
	pair_down(&s.pair);
}

TEST(what_is_taken_back_while_another_node_connects_is_not_found)
{
	struct standing s = standing_of(0, ALL);

	(void)rig_ask(s.pair.at[HERE], s.importer,
		      ASK(import_connect, .node = PAIR_FIRST + 1, .id = s.id, .rights = 6));
	EXPECT_EQ(standing_asks(&s, ASK(shared_unmap, .shared = s.shared))->number,
		  MSG_shared_unmapped);
	pair_carry_all(&s.pair);
	EXPECT_EQ(s.importer->answer.message.refused.error, ENOENT);
	EXPECT_EQ(fake_window_count(&standing_there(&s)->fake), 0);
	pair_down(&s.pair);
}

/* ---- taking back ------------------------------------------------------------------------ */

TEST(unpublishing_waits_for_another_node_and_copies_nothing_for_its_sake)
{
	struct standing s = standing_up();

	EXPECT_EQ(standing_asks(&s, standing_unpublish(&s))->number, 0);
	EXPECT(standing_is_fresh(&s));
	standing_hear(&s, s.owner);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	EXPECT_EQ(standing_backing(&s), 0);
	EXPECT_EQ(rig_shared_row(standing_there(&s), s.owner, 0).kept, 0);
	pair_down(&s.pair);
}

TEST(destroying_waits_for_another_node)
{
	struct standing s = standing_up();

	EXPECT_EQ(standing_asks(&s, ASK(segment_destroy, .segment = s.segment))->number, 0);
	standing_hear(&s, s.owner);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	pair_down(&s.pair);
}

TEST(no_memory_is_replaced_before_the_other_node_knows)
{
	struct standing s = standing_up();
	struct fake_client *local = rig_join(standing_there(&s), 10);
	uint64_t fresh;

	(void)rig_import(standing_there(&s), local, s.id, 6);
	EXPECT_EQ(standing_asks(&s, standing_unpublish(&s))->number, 0);
	(void)standing_obey(&s, local, MSG_import_revoked);
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	standing_work(&s);
	/* A success that is told there is of what everybody has, still. */
	EXPECT(standing_is_fresh(&s));
	EXPECT(!fake_event_take(s.owner, &(struct fake_said){ 0 }));
	standing_hear(&s, s.owner);
	standing_work(&s);
	fresh = standing_obey(&s, s.owner, MSG_import_moved).attachment.object;
	EXPECT(fresh != s.object);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	EXPECT(!fake_object_find(&standing_there(&s)->fake, s.object));
	standing_expect_cut_off(&s);
	EXPECT(!standing_reaches(&s, fresh));
	pair_down(&s.pair);
}

TEST(other_nodes_importers_move_along_when_the_memory_is_replaced)
{
	struct standing s = standing_up(), other;
	struct fake_client *local = rig_join(standing_there(&s), 10);
	uint64_t fresh;

	(void)rig_import(standing_there(&s), local, s.id, 6);
	other = standing_another(&s, s.owner, s.mapping);
	(void)standing_asks(&s, standing_unpublish(&s));
	standing_hear(&s, s.owner);
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	EXPECT(standing_is_fresh(&other));
	standing_survive(&s, other.importer, &other.far, MSG_import_stall);
	EXPECT(!standing_is_fresh(&other));
	standing_work(&s);
	fresh = standing_obey(&s, s.owner, MSG_import_moved).attachment.object;
	EXPECT_EQ(standing_answer(&s), 0);
	/* What is said about the first one's end comes in between. */
	(void)rig_obey(s.pair.at[HERE], s.importer, MSG_import_revoked);
	(void)pair_carry(&s.pair, HERE, MSG_link_close);
	standing_survive(&s, other.importer, &other.far, MSG_import_moved_far);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	EXPECT(standing_is_fresh(&other));
	EXPECT(standing_reaches(&other, fresh));
	EXPECT(!fake_object_find(&standing_there(&s)->fake, s.object));
	EXPECT_EQ(fake_window_count(&standing_there(&s)->fake), 1);
	/* And taken back it is as what was never replaced. */
	other.object = fresh;
	EXPECT_EQ(standing_asks(&s, standing_unpublish(&other))->number, 0);
	standing_hear(&other, s.owner);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	pair_down(&s.pair);
}

TEST(another_nodes_importer_that_does_not_hold_still_is_told_by_its_board)
{
	struct standing s = standing_up(), other;
	uint64_t fresh;

	(void)rig_import(standing_there(&s), rig_join(standing_there(&s), 10), s.id, 6);
	other = standing_another(&s, s.owner, s.mapping);
	(void)standing_asks(&s, standing_unpublish(&s));
	standing_hear(&s, s.owner);
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	(void)pair_carry(&s.pair, THERE, MSG_link_stall);
	standing_work(&s);
	EXPECT(standing_is_fresh(&other) && standing_reaches(&other, s.object));
	rig_pass(s.pair.at[HERE], RIG_HEAR);
	EXPECT(!standing_is_fresh(&other));
	pair_carry_all(&s.pair);
	standing_work(&s);
	fresh = standing_obey(&s, s.owner, MSG_import_moved).attachment.object;
	pair_carry_all(&s.pair);
	rig_pass(s.pair.at[HERE], RIG_HEAR);
	pair_carry_all(&s.pair);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	/* By what it was told before, it reaches nothing. */
	EXPECT(!standing_is_fresh(&other));
	EXPECT(!standing_reaches(&other, s.object) && !standing_reaches(&other, fresh));
	pair_down(&s.pair);
}

TEST(without_a_window_to_the_fresh_memory_another_nodes_importer_is_cut_off)
{
	struct standing s = standing_up(), other;

	(void)rig_import(standing_there(&s), rig_join(standing_there(&s), 10), s.id, 6);
	other = standing_another(&s, s.owner, s.mapping);
	(void)standing_asks(&s, standing_unpublish(&s));
	standing_hear(&s, s.owner);
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	standing_survive(&s, other.importer, &other.far, MSG_import_stall);
	standing_there(&s)->fake.fail_window = -ENOMEM;
	standing_work(&s);
	(void)standing_obey(&s, s.owner, MSG_import_moved);
	EXPECT_EQ(standing_answer(&s), 0);
	pair_carry_all(&s.pair);
	EXPECT_EQ(standing_answer(&s), MSG_segment_withdrawn);
	EXPECT(!standing_is_fresh(&other));
	EXPECT(!fake_object_find(&standing_there(&s)->fake, s.object));
	pair_down(&s.pair);
}

TEST(unmapping_takes_what_was_exported_from_other_nodes_before_it_is_answered)
{
	struct standing s = standing_up();

	(void)standing_map(&s, READ);
	EXPECT_EQ(standing_asks(&s, ASK(shared_unmap, .shared = s.shared))->number, 0);
	standing_hear(&s, s.owner);
	EXPECT_EQ(standing_answer(&s), MSG_shared_unmapped);
	EXPECT_EQ(standing_backing(&s), 0);
	pair_down(&s.pair);
}

TEST(who_revokes_an_exporters_capability_takes_it_from_other_nodes_too)
{
	struct standing s = standing_up(), other;
	uint64_t token = standing_map(&s, READ | WRITE | GRANT);

	other = standing_another(&s, s.other, standing_mapping_of(s.other));
	(void)standing_asks(&s, ASK(cap_revoke, .token = token, .force = ASKED));
	EXPECT_EQ(standing_answer(&s), 0);
	rig_let_go(standing_there(&s), s.other);
	EXPECT_EQ(standing_answer(&s), 0);
	standing_hear(&other, s.owner);
	EXPECT_EQ(standing_answer(&s), MSG_cap_revoked);
	EXPECT(standing_is_fresh(&s) && standing_reaches(&s, s.object));
	pair_down(&s.pair);
}

TEST(a_fence_against_an_exporter_fences_its_importers_of_other_nodes_off)
{
	struct standing s = standing_up(), other;
	uint64_t fresh;

	(void)standing_map(&s, READ | WRITE | GRANT);
	other = standing_another(&s, s.other, standing_mapping_of(s.other));
	(void)standing_asks(
		&s, ASK(shared_unmap, .shared = s.shared, .process = 2, .force = FENCED));
	standing_hear(&other, s.owner);
	(void)standing_obey(&s, s.owner, MSG_import_stall);
	standing_survive(&s, s.importer, &s.far, MSG_import_stall);
	standing_work(&s);
	fresh = standing_obey(&s, s.owner, MSG_import_moved).attachment.object;
	pair_carry_all(&s.pair);
	(void)rig_obey(s.pair.at[HERE], s.importer, MSG_import_moved_far);
	pair_carry_all(&s.pair);
	EXPECT_EQ(s.owner->answer.message.shared_unmapped.force, FENCED);
	standing_expect_cut_off(&other);
	EXPECT(!standing_reaches(&other, fresh));
	EXPECT(!fake_object_find(&standing_there(&s)->fake, s.object));
	pair_down(&s.pair);
}

TEST(a_region_is_its_receivers_once_other_nodes_know_that_it_was_moved)
{
	struct standing s = standing_up();
	uint64_t token = standing_asks(&s, ASK(offer_make, .shared = s.shared, .process = 2,
					       .mode = 0, .force = ASKED))
				 ->offer_made.token;

	(void)rig_ask(standing_there(&s), s.other, ASK(cap_take, .token = token));
	rig_let_go(standing_there(&s), s.owner);
	EXPECT_EQ(s.other->answer.message.number, 0);
	standing_hear(&s, s.other);
	EXPECT_EQ(s.other->answer.message.number, MSG_cap_known);
	pair_down(&s.pair);
}

TEST(a_region_is_given_away_once_other_nodes_know_that_it_is_exported_no_more)
{
	struct standing s = standing_up();

	EXPECT_EQ(standing_asks(&s, ASK(shared_give, .shared = s.shared, .process = 2))->number,
		  0);
	standing_hear(&s, s.owner);
	EXPECT_EQ(standing_answer(&s), MSG_done);
	pair_down(&s.pair);
}

TEST(an_exporter_that_dies_takes_importers_of_other_nodes_along_and_no_mapper)
{
	struct standing s = standing_up();

	(void)standing_map(&s, READ | WRITE);
	rig_leave(standing_there(&s), s.owner);
	pair_carry_all(&s.pair);
	standing_expect_cut_off(&s);
	EXPECT(fake_object_find(&standing_there(&s)->fake, s.object));
	standing_expect_mapped(&s);
	pair_down(&s.pair);
}

TEST(a_region_that_ends_with_its_exporter_is_there_until_other_nodes_know)
{
	struct standing s = standing_up();

	rig_leave(standing_there(&s), s.owner);
	EXPECT(standing_is_fresh(&s) && standing_reaches(&s, s.object));
	pair_carry_all(&s.pair);
	standing_expect_cut_off(&s);
	EXPECT_EQ(fake_object_count(&standing_there(&s)->fake), 0);
	pair_down(&s.pair);
}

/* ---- what nobody waited for yet --------------------------------------------------------- */

/* The other process there exports what it has mapped by a capability; the one that was imported
 * first is closed. */
static struct standing exported_by_other(struct standing *s)
{
	struct standing other;

	(void)standing_map(s, READ | WRITE | GRANT);
	other = standing_another(s, s->other, standing_mapping_of(s->other));
	rig_tell(s->pair.at[HERE], s->importer, ASK(import_close, .import = s->far.import));
	pair_carry_all(&s->pair);
	return other;
}

TEST(the_last_mapping_of_a_region_that_nobody_owns_ends_once_other_nodes_know)
{
	struct standing s = standing_up(), other = exported_by_other(&s);

	rig_leave(standing_there(&s), s.owner);
	EXPECT(standing_is_fresh(&other));
	EXPECT_EQ(rig_ask(standing_there(&s), s.other, ASK(shared_unmap, .shared = s.shared))
			  ->number,
		  0);
	standing_hear(&other, s.other);
	EXPECT_EQ(s.other->answer.message.number, MSG_shared_unmapped);
	EXPECT_EQ(fake_object_count(&standing_there(&s)->fake), 0);
	pair_down(&s.pair);
}

TEST(an_export_that_was_lost_is_destroyed_once_other_nodes_know)
{
	struct standing s = standing_up(), other = exported_by_other(&s);

	(void)standing_asks(&s, ASK(shared_unmap, .shared = s.shared, .process = 2));
	EXPECT_EQ(rig_ask(standing_there(&s), s.other,
			  ASK(segment_destroy, .segment = other.segment))
			  ->number,
		  0);
	rig_let_go(standing_there(&s), s.other);
	standing_hear(&other, s.other);
	EXPECT_EQ(standing_answer(&s), MSG_shared_unmapped);
	EXPECT_EQ(s.other->answer.message.number, MSG_segment_withdrawn);
	pair_down(&s.pair);
}

TEST(a_region_is_ended_once_other_nodes_know_that_an_exporter_died)
{
	struct standing s = standing_up(), other = exported_by_other(&s);
	struct message destroy = ASK(shared_destroy, .shared = s.shared);

	EXPECT_EQ(standing_asks(&s, ASK(shared_unmap, .shared = s.shared))->number,
		  MSG_shared_unmapped);
	rig_leave(standing_there(&s), s.other);
	EXPECT_EQ(rig_error(standing_there(&s), s.owner, destroy), EBUSY);
	EXPECT(standing_is_fresh(&other));
	pair_carry_all(&s.pair);
	EXPECT_EQ(rig_error(standing_there(&s), s.owner, destroy), 0);
	standing_expect_cut_off(&other);
	pair_down(&s.pair);
}

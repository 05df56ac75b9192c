/* SPDX-License-Identifier: MIT */
/* Connections between nodes: what is promised to both sides while messages are on their way. */
#include <errno.h>

#include "registry/rig_pair.h"

static const struct message *exporter_asks(struct pair_scene *s, struct message message)
{
	return rig_ask(s->pair.at[THERE], s->exporter, message);
}

static enum msg_number exporter_answer(const struct pair_scene *s)
{
	return s->exporter->answer.message.number;
}

/* The event that the importer is told, which it obeys. */
static struct message importer_obeys(struct pair_scene *s, enum msg_number number)
{
	return rig_obey(s->pair.at[HERE], s->importer, number).message;
}

/* ---- connecting ------------------------------------------------------------------------- */

TEST(a_connection_to_another_node_is_a_window_and_a_slot_of_the_own_board)
{
	struct pair_scene s = pair_scene_up(false);

	EXPECT_EQ(s.far.size, 4 * RIG_PAGE);
	EXPECT_STR(s.far.provider.text, "tcp");
	EXPECT_EQ(s.far.timeout_ms, 5);
	EXPECT_EQ(s.far.store_delay_ms, 7);
	EXPECT(pair_is_fresh(&s.pair, &s.far));
	EXPECT(pair_reaches(&s.pair, s.far.key, s.object));
	pair_down(&s.pair);
}

TEST(what_the_other_node_refuses_with_is_what_is_said)
{
	struct pair_scene s = pair_scene_up(false);
	const struct message *answer = pair_ask(&s.pair, s.importer, 0x500000, 6);

	EXPECT_EQ(answer->number, MSG_refused);
	EXPECT_EQ(answer->refused.error, ENOENT);
	EXPECT_STR(answer->refused.rule.text, "nothing is published on node 2 as 0x500000");
	pair_down(&s.pair);
}

TEST(nodes_that_are_unknown_or_cut_off_are_not_asked)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *here = s.pair.at[HERE];

	EXPECT_EQ(rig_error(here, s.importer, ASK(import_connect, .node = 9, .id = s.id)),
		  EHOSTUNREACH);
	pair_lose(&s.pair);
	EXPECT_EQ(rig_error(here, s.importer, ASK(import_connect, .node = 2, .id = s.id)),
		  EHOSTUNREACH);
	pair_down(&s.pair);
}

TEST(a_connection_that_is_not_answered_ends_in_time_and_one_that_comes_later_is_closed)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *here = s.pair.at[HERE];

	EXPECT_EQ(rig_ask(here, s.importer,
			  ASK(import_connect, .node = 2, .id = s.id, .rights = 6))
			  ->number,
		  0);
	(void)pair_carry(&s.pair, HERE, MSG_link_connect);
	rig_pass(here, RIG_PEER);
	EXPECT_EQ(s.importer->answer.message.refused.error, ETIMEDOUT);
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 2);
	pair_carry_all(&s.pair);
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 1);
	pair_down(&s.pair);
}

TEST(who_ends_while_its_connection_is_asked_for_leaves_no_window)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *here = s.pair.at[HERE];

	(void)rig_ask(here, s.importer,
		      ASK(import_connect, .node = 2, .id = s.id, .rights = 6));
	rig_leave(here, s.importer);
	pair_carry_all(&s.pair);
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 0);
	pair_down(&s.pair);
}

TEST(a_link_that_is_lost_refuses_what_was_asked_over_it)
{
	struct pair_scene s = pair_scene_up(false);

	(void)rig_ask(s.pair.at[HERE], s.importer,
		      ASK(import_connect, .node = 2, .id = s.id, .rights = 6));
	pair_lose(&s.pair);
	EXPECT_EQ(s.importer->answer.message.refused.error, ECONNABORTED);
	pair_down(&s.pair);
}

TEST(without_room_for_a_window_nothing_is_connected)
{
	struct pair_scene s = pair_scene_up(false);

	s.pair.at[THERE]->fake.fail_window = -ENOMEM;
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 6)->refused.error, ENOMEM);
	/* Events need none. */
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 0)->number, MSG_import_connected_far);
	pair_down(&s.pair);
}

TEST(a_child_of_fork_inherits_by_the_token)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *here = s.pair.at[HERE];
	struct fake_client *child = rig_join(here, 11);
	struct message m = ASK(import_inherit, .segment = s.far.segment, .token = s.far.token,
			       .import = s.far.import);
	struct msg_import_connected_far own;

	(void)rig_ask(here, child, m);
	pair_carry_all(&s.pair);
	EXPECT_EQ(child->answer.message.number, MSG_import_connected_far);
	own = child->answer.message.import_connected_far;
	EXPECT(own.key != s.far.key && pair_reaches(&s.pair, own.key, s.object));
	m.import_inherit.token++;
	EXPECT_EQ(rig_error(here, child, m), ESTALE);
	pair_down(&s.pair);
}

TEST(what_stands_under_the_id_now_is_not_what_was_inherited)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *here = s.pair.at[HERE], *there = s.pair.at[THERE];
	struct fake_client *child = rig_join(here, 11);
	struct message m = ASK(import_inherit, .segment = s.far.segment, .token = s.far.token,
			       .import = s.far.import);
	uint64_t other = rig_segment(there, s.exporter, s.region, 0, 4, false);

	(void)rig_ask(here, child, m);
	(void)exporter_asks(&s, ASK(segment_unpublish, .segment = s.segment));
	/* What was said about the first import is heard here before the answer. */
	pair_carry_all(&s.pair);
	(void)other;
	EXPECT_EQ(child->answer.message.number, MSG_refused);
	EXPECT_EQ(child->answer.message.refused.error, ENOENT);
	pair_down(&s.pair);
}

/* ---- taking back ------------------------------------------------------------------------ */

TEST(unpublish_is_answered_once_the_other_nodes_board_says_so)
{
	struct pair_scene s = pair_scene_up(false);

	EXPECT_EQ(exporter_asks(&s, ASK(segment_unpublish, .segment = s.segment))->number, 0);
	/* Until then the memory is what it was. */
	EXPECT(pair_is_fresh(&s.pair, &s.far));
	EXPECT(pair_reaches(&s.pair, s.far.key, s.object));
	(void)pair_carry(&s.pair, THERE, MSG_link_revoked);
	EXPECT(!pair_is_fresh(&s.pair, &s.far));
	EXPECT_EQ(exporter_answer(&s), 0);
	(void)pair_carry(&s.pair, HERE, MSG_link_heard);
	EXPECT_EQ(exporter_answer(&s), MSG_segment_withdrawn);
	EXPECT_EQ(s.exporter->answer.message.segment_withdrawn.exposed, 0);
	EXPECT(!pair_reaches(&s.pair, s.far.key, s.object));
	/* Its process may be in the middle of a transfer. */
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 1);
	EXPECT_EQ(importer_obeys(&s, MSG_import_revoked).import_revoked.reason, 1);
	(void)pair_carry(&s.pair, HERE, MSG_link_close);
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 0);
	pair_down(&s.pair);
}

TEST(a_process_that_does_not_hear_of_its_end_keeps_its_window_for_a_time)
{
	struct pair_scene s = pair_scene_up(false);

	(void)exporter_asks(&s, ASK(segment_destroy, .segment = s.segment));
	pair_carry_all(&s.pair);
	EXPECT_EQ(exporter_answer(&s), MSG_segment_withdrawn);
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 1);
	rig_pass(s.pair.at[HERE], RIG_HEAR);
	pair_carry_all(&s.pair);
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 0);
	pair_down(&s.pair);
}

TEST(a_close_that_crosses_the_taking_back_is_an_answer)
{
	struct pair_scene s = pair_scene_up(false);

	(void)exporter_asks(&s, ASK(segment_unpublish, .segment = s.segment));
	rig_tell(s.pair.at[HERE], s.importer, ASK(import_close, .import = s.far.import));
	(void)pair_carry(&s.pair, HERE, MSG_link_close);
	EXPECT_EQ(exporter_answer(&s), MSG_segment_withdrawn);
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 0);
	pair_carry_all(&s.pair);
	pair_down(&s.pair);
}

TEST(a_dead_exporters_memory_is_emptied_once_no_check_of_another_node_succeeds)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *there = s.pair.at[THERE];
	struct fake_client *other = rig_join(there, 12);

	/* Somebody there got a descriptor, so it is emptied. */
	(void)rig_ask(there, other, ASK(import_connect, .node = 2, .id = s.id, .rights = 6));
	rig_leave(there, s.exporter);
	EXPECT(pair_is_fresh(&s.pair, &s.far));
	EXPECT(fake_object_find(&there->fake, s.object));
	EXPECT(pair_reaches(&s.pair, s.far.key, s.object));
	(void)pair_carry(&s.pair, THERE, MSG_link_revoked);
	(void)pair_carry(&s.pair, HERE, MSG_link_heard);
	EXPECT(!fake_object_find(&there->fake, s.object));
	EXPECT_EQ(importer_obeys(&s, MSG_import_revoked).import_revoked.reason, 3);
	pair_down(&s.pair);
}

TEST(who_takes_back_from_a_lost_node_waits_until_it_is_gone)
{
	struct pair_scene s = pair_scene_up(false);

	pair_lose_at(&s.pair, THERE);
	EXPECT_EQ(exporter_asks(&s, ASK(segment_unpublish, .segment = s.segment))->number, 0);
	rig_pass(s.pair.at[THERE], 100 * RIG_PEER);
	EXPECT_EQ(exporter_answer(&s), 0);
	EXPECT(pair_is_fresh(&s.pair, &s.far));
	EXPECT(pair_reaches(&s.pair, s.far.key, s.object));
	/* It notices first, as link/peer_state has it. */
	pair_lose_at(&s.pair, HERE);
	EXPECT(!pair_is_fresh(&s.pair, &s.far));
	EXPECT_EQ(importer_obeys(&s, MSG_import_revoked).import_revoked.reason, 3);
	pair_gone_at(&s.pair, THERE);
	EXPECT_EQ(exporter_answer(&s), MSG_segment_withdrawn);
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 0);
	pair_down(&s.pair);
}

TEST(a_node_that_is_linked_again_before_it_was_gone_has_another_guest)
{
	struct pair_scene s = pair_scene_up(false);
	struct msg_import_connected_far again;

	pair_lose(&s.pair);
	pair_link(&s.pair);
	again = pair_import(&s.pair, s.importer, s.id, 6);
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 2);
	pair_gone_at(&s.pair, THERE);
	EXPECT(!pair_reaches(&s.pair, s.far.key, s.object));
	EXPECT(pair_reaches(&s.pair, again.key, s.object));
	EXPECT(pair_is_fresh(&s.pair, &again) && !pair_is_fresh(&s.pair, &s.far));
	pair_down(&s.pair);
}

TEST(a_node_that_beats_and_does_not_answer_loses_its_link)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *there = s.pair.at[THERE];

	(void)exporter_asks(&s, ASK(segment_unpublish, .segment = s.segment));
	rig_pass(there, RIG_HEAR);
	EXPECT(!fake_link_find(&there->fake, 1)->dropped);
	rig_pass(there, RIG_PEER);
	EXPECT(fake_link_find(&there->fake, 1)->dropped);
	EXPECT_EQ(exporter_answer(&s), 0);
	pair_lose(&s.pair);
	pair_gone_at(&s.pair, THERE);
	EXPECT_EQ(exporter_answer(&s), MSG_segment_withdrawn);
	pair_down(&s.pair);
}

/* ---- other memory ----------------------------------------------------------------------- */

static uint64_t newest_object(struct pair_scene *s)
{
	const struct fake_body *fake = &s->pair.at[THERE]->fake;
	uint64_t newest = 0;

	for (uint32_t i = 0; i < fake->objects; i++)
		if (fake->object[i].id > newest)
			newest = fake->object[i].id;
	return newest;
}

static uint64_t rebind(struct pair_scene *s)
{
	uint64_t region = rig_region(s->pair.at[THERE], s->exporter, 4);
	uint64_t object = newest_object(s);

	EXPECT_EQ(exporter_asks(s, ASK(segment_rebind, .segment = s->segment, .region = region))
			  ->number,
		  0);
	return object;
}

TEST(rebind_gives_the_other_node_a_window_to_the_new_memory)
{
	struct pair_scene s = pair_scene_up(false);
	uint64_t object = rebind(&s);
	struct message moved;

	(void)pair_carry(&s.pair, THERE, MSG_link_moved);
	EXPECT(pair_is_fresh(&s.pair, &s.far));
	moved = importer_obeys(&s, MSG_import_moved_far);
	EXPECT_EQ(moved.import_moved_far.epoch, s.far.epoch + 1);
	EXPECT(pair_reaches(&s.pair, moved.import_moved_far.key, object));
	EXPECT(pair_reaches(&s.pair, s.far.key, s.object));
	EXPECT_EQ(exporter_answer(&s), 0);
	EXPECT(!pair_is_fresh(&s.pair, &s.far));
	(void)pair_carry(&s.pair, HERE, MSG_link_heard);
	EXPECT_EQ(exporter_answer(&s), MSG_segment_rebound);
	EXPECT_EQ(s.exporter->answer.message.segment_rebound.late, 0);
	EXPECT(!pair_reaches(&s.pair, s.far.key, s.object));
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 1);
	s.far.epoch++;
	EXPECT(pair_is_fresh(&s.pair, &s.far));
	pair_down(&s.pair);
}

TEST(who_does_not_move_in_time_on_another_node_is_told_by_its_own_board)
{
	struct pair_scene s = pair_scene_up(false);

	(void)rebind(&s);
	(void)pair_carry(&s.pair, THERE, MSG_link_moved);
	/* The time there passes too: who answers for others has more of it. */
	rig_pass(s.pair.at[THERE], RIG_HEAR);
	EXPECT_EQ(exporter_answer(&s), 0);
	rig_pass(s.pair.at[HERE], RIG_HEAR);
	EXPECT(!pair_is_fresh(&s.pair, &s.far));
	pair_carry_all(&s.pair);
	EXPECT_EQ(exporter_answer(&s), MSG_segment_rebound);
	pair_down(&s.pair);
}

TEST(an_exporter_that_dies_in_a_rebind_cuts_off_whoever_was_moving)
{
	struct pair_scene s = pair_scene_up(false);

	(void)rebind(&s);
	(void)pair_carry(&s.pair, THERE, MSG_link_moved);
	rig_leave(s.pair.at[THERE], s.exporter);
	(void)pair_carry(&s.pair, THERE, MSG_link_revoked);
	EXPECT(!pair_is_fresh(&s.pair, &s.far));
	pair_carry_all(&s.pair);
	(void)rig_event(s.importer, MSG_import_moved_far);
	(void)importer_obeys(&s, MSG_import_revoked);
	pair_carry_all(&s.pair);
	EXPECT_EQ(fake_window_count(&s.pair.at[THERE]->fake), 0);
	pair_down(&s.pair);
}

TEST(without_room_for_a_new_window_a_rebind_cuts_off)
{
	struct pair_scene s = pair_scene_up(false);

	s.pair.at[THERE]->fake.fail_window = -ENOMEM;
	(void)rebind(&s);
	(void)pair_carry(&s.pair, THERE, MSG_link_revoked);
	EXPECT(!pair_is_fresh(&s.pair, &s.far));
	(void)pair_carry(&s.pair, HERE, MSG_link_heard);
	EXPECT_EQ(exporter_answer(&s), MSG_segment_rebound);
	EXPECT(!pair_reaches(&s.pair, s.far.key, s.object));
	pair_down(&s.pair);
}

TEST(a_link_that_is_lost_in_a_rebind_holds_it_up_until_the_node_is_gone)
{
	struct pair_scene s = pair_scene_up(false);

	(void)rebind(&s);
	(void)pair_carry(&s.pair, THERE, MSG_link_moved);
	pair_lose(&s.pair);
	EXPECT_EQ(exporter_answer(&s), 0);
	pair_gone_at(&s.pair, THERE);
	EXPECT_EQ(exporter_answer(&s), MSG_segment_rebound);
	EXPECT_EQ(s.exporter->answer.message.segment_rebound.late, 1);
	pair_down(&s.pair);
}

TEST(a_fence_stalls_the_other_node_and_moves_it)
{
	struct pair_scene s = pair_scene_up(false);
	uint64_t fresh;

	EXPECT_EQ(exporter_asks(&s, ASK(region_fence, .region = s.region))->number, 0);
	(void)pair_carry(&s.pair, THERE, MSG_link_stall);
	EXPECT(pair_is_fresh(&s.pair, &s.far));
	(void)importer_obeys(&s, MSG_import_stall);
	/* Nothing is certified from here on until it has moved. */
	EXPECT(!pair_is_fresh(&s.pair, &s.far));
	(void)pair_carry(&s.pair, HERE, MSG_link_heard);
	EXPECT_EQ(exporter_answer(&s), MSG_region_fresh);
	fresh = s.exporter->answer.attachment.object;
	EXPECT_EQ(exporter_asks(&s, ASK(region_fenced, .region = s.region))->number, 0);
	(void)pair_carry(&s.pair, THERE, MSG_link_moved);
	s.far.epoch = importer_obeys(&s, MSG_import_moved_far).import_moved_far.epoch;
	EXPECT(pair_is_fresh(&s.pair, &s.far));
	(void)pair_carry(&s.pair, HERE, MSG_link_heard);
	EXPECT_EQ(exporter_answer(&s), MSG_done);
	EXPECT(!fake_object_find(&s.pair.at[THERE]->fake, s.object));
	EXPECT(fake_object_find(&s.pair.at[THERE]->fake, fresh));
	pair_down(&s.pair);
}

TEST(a_connection_from_another_node_waits_for_a_fence_to_end)
{
	struct pair_scene s = pair_scene_up(false);
	struct fake_client *late = rig_join(s.pair.at[HERE], 11);

	(void)exporter_asks(&s, ASK(region_fence, .region = s.region));
	(void)pair_carry(&s.pair, THERE, MSG_link_stall);
	(void)importer_obeys(&s, MSG_import_stall);
	pair_carry_all(&s.pair);
	EXPECT_EQ(pair_ask(&s.pair, late, s.id, 6)->number, 0);
	(void)exporter_asks(&s, ASK(region_fenced, .region = s.region));
	pair_carry_all(&s.pair);
	EXPECT_EQ(late->answer.message.number, MSG_import_connected_far);
	(void)importer_obeys(&s, MSG_import_moved_far);
	pair_down(&s.pair);
}

/* ---- breaches --------------------------------------------------------------------------- */

static int say_to(struct pair_scene *s, unsigned side, struct message message)
{
	int r = registry_peer_heard(s->pair.at[side]->registry, PAIR_FIRST + 1 - side,
				    &message);

	rig_check(s->pair.at[side]);
	return r;
}

TEST(what_a_node_has_no_business_to_say_is_a_breach)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *here = s.pair.at[HERE];
	struct fake_client *other = rig_join(here, 11);
	struct message twice;

	EXPECT_EQ(say_to(&s, HERE, ASK_BARE(import_connect)), -EPROTO);
	EXPECT_EQ(say_to(&s, HERE, ASK_BARE(link_connected)), -EPROTO);
	/* Answers to nothing, and about nothing, are not. */
	EXPECT_EQ(say_to(&s, HERE, ASK(link_connected, .import = 5, .size = 4096)), 0);
	EXPECT_EQ(pair_carry(&s.pair, HERE, MSG_link_close).link_close.import, 5);
	EXPECT_EQ(say_to(&s, HERE, ASK(link_revoked, .import = 6)), 0);
	(void)pair_carry(&s.pair, HERE, MSG_link_heard);
	EXPECT_EQ(say_to(&s, THERE, ASK(link_close, .import = 6)), 0);
	EXPECT_EQ(say_to(&s, THERE, ASK_BARE(link_heard)), 0);
	/* The same import twice. */
	(void)rig_ask(here, other, ASK(import_connect, .node = 2, .id = s.id, .rights = 6));
	twice = pair_carry(&s.pair, HERE, MSG_link_connect);
	EXPECT(fake_link_take(&s.pair.at[THERE]->fake, 1, &twice));
	EXPECT_EQ(say_to(&s, HERE, twice), 0);
	EXPECT_EQ(say_to(&s, HERE, twice), -EPROTO);
	pair_down(&s.pair);
}

TEST(a_node_closes_only_what_is_its_own)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *there = s.pair.at[THERE];
	struct fake_client *local = rig_join(there, 12);
	struct message m = ASK(import_connect, .node = 2, .id = s.id, .rights = 6);
	uint64_t import = rig_ask(there, local, m)->import_connected.import;

	EXPECT_EQ(say_to(&s, THERE, ASK(link_close, .import = import)), 0);
	EXPECT_EQ(rig_error(there, local, ASK(import_exporter, .import = import)), 0);
	pair_down(&s.pair);
}

/* ---- signals ---------------------------------------------------------------------------- */

TEST(a_post_from_another_node_is_counted_in_the_exporters_bell)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *here = s.pair.at[HERE];
	struct message post = ASK(import_post_far, .import = s.far.import);
	const struct fake_object *bell;

	EXPECT_EQ(rig_ask(here, s.importer, post)->number, MSG_done);
	EXPECT_EQ(rig_ask(here, s.importer, post)->number, MSG_done);
	post.import_post_far.once = true;
	EXPECT_EQ(rig_ask(here, s.importer, post)->number, MSG_done);
	pair_carry_all(&s.pair);
	EXPECT_EQ(exporter_asks(&s, ASK(segment_bell, .segment = s.segment))->number, MSG_bell);
	bell = fake_object_find(&s.pair.at[THERE]->fake, s.exporter->answer.attachment.object);
	EXPECT_EQ(bell->pending[FAKE_SLOTS], 2);
	/* Who polls is woken, too. */
	EXPECT_EQ(exporter_asks(&s, ASK(bell_poll, .target = s.segment))->number, MSG_done);
	post.import_post_far.once = false;
	(void)rig_ask(here, s.importer, post);
	pair_carry_all(&s.pair);
	EXPECT_EQ(fake_object_find(&s.pair.at[THERE]->fake, newest_object(&s))->fills, 1);
	(void)exporter_asks(&s, ASK(segment_unpublish, .segment = s.segment));
	pair_carry_all(&s.pair);
	EXPECT_EQ(rig_error(here, s.importer, post), ESTALE);
	pair_down(&s.pair);
}

/* What the exporter's library does. */
static void exporter_posts(struct pair_scene *s, struct fake_object *bell, uint32_t slot)
{
	const struct fake_object *pipe;

	bell->pending[slot]++;
	EXPECT(bell->polled[slot] > 0);
	EXPECT_EQ(exporter_asks(s, ASK(bell_poller, .from = s->segment, .slot = slot))->number,
		  MSG_bell_pipe);
	pipe = fake_object_find(&s->pair.at[THERE]->fake,
				s->exporter->answer.attachment.object);
	registry_rung(s->pair.at[THERE]->registry, pipe->tag);
	rig_check(s->pair.at[THERE]);
}

TEST(a_post_to_another_node_is_told_to_the_process_there)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *here = s.pair.at[HERE];
	struct fake_client *other = rig_join(here, 11);
	struct msg_import_connected_far later;
	struct fake_object *bell;

	(void)exporter_asks(&s, ASK(segment_bell, .segment = s.segment));
	bell = fake_object_find(&s.pair.at[THERE]->fake, s.exporter->answer.attachment.object);
	/* One was there before the bell was, one comes after. */
	later = pair_import(&s.pair, other, s.id, 0);
	exporter_posts(&s, bell, 0);
	exporter_posts(&s, bell, 1);
	/* Without room in its channel it is told later, and of all. */
	other->room = 0;
	pair_carry_all(&s.pair);
	EXPECT_EQ(rig_event(s.importer, MSG_import_signalled).message.import_signalled.count,
		  1);
	exporter_posts(&s, bell, 1);
	pair_carry_all(&s.pair);
	EXPECT_EQ(other->events, 0);
	other->room = FAKE_EVENTS;
	registry_say_again(here->registry, other->id);
	EXPECT_EQ(rig_event(other, MSG_import_signalled).message.import_signalled.count, 2);
	EXPECT_EQ(other->events, 0);
	(void)later;
	pair_down(&s.pair);
}

TEST(what_was_posted_before_an_export_ended_is_told)
{
	struct pair_scene s = pair_scene_up(false);
	struct fake_object *bell;

	(void)exporter_asks(&s, ASK(segment_bell, .segment = s.segment));
	bell = fake_object_find(&s.pair.at[THERE]->fake, s.exporter->answer.attachment.object);
	/* Nobody has looked yet. */
	bell->pending[0] += 2;
	(void)exporter_asks(&s, ASK(segment_unpublish, .segment = s.segment));
	pair_carry_all(&s.pair);
	EXPECT_EQ(rig_event(s.importer, MSG_import_signalled).message.import_signalled.count,
		  2);
	pair_down(&s.pair);
}

TEST(unpublish_waits_for_the_board_of_who_only_waits_for_signals)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *here = s.pair.at[HERE];
	struct fake_client *waiter = rig_join(here, 12);
	struct msg_import_connected_far far = pair_import(&s.pair, waiter, s.id, 0);

	(void)rig_ask(here, s.importer, ASK(import_close, .import = s.far.import));
	pair_carry_all(&s.pair);
	EXPECT_EQ(exporter_asks(&s, ASK(segment_unpublish, .segment = s.segment))->number, 0);
	pair_carry_all(&s.pair);
	EXPECT_EQ(exporter_answer(&s), MSG_segment_withdrawn);
	EXPECT(!pair_is_fresh(&s.pair, &far));
	pair_down(&s.pair);
}

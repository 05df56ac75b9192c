/* SPDX-License-Identifier: MIT */
/* Taking memory back from who may have kept it, while others go on using it. */
#include <errno.h>

#include "registry/rig.h"

/* A region of which one segment was withdrawn and another is still imported. */
struct scene {
	struct rig *rig;
	struct fake_client *exporter, *survivor;
	uint64_t region, kept;
	uint32_t kept_id;
	struct msg_import_connected import;
};

static struct scene scene_up(void)
{
	struct scene s = { .rig = rig_up() };
	struct fake_client *out;
	uint64_t gone;

	s.exporter = rig_join(s.rig, 10);
	s.survivor = rig_join(s.rig, 11);
	out = rig_join(s.rig, 12);
	gone = rig_export(s.rig, s.exporter, &s.region, &s.kept_id);
	(void)rig_import(s.rig, out, s.kept_id, 6);
	s.kept = rig_segment(s.rig, s.exporter, s.region, 1, 2, true);
	s.kept_id = rig_publish(s.rig, s.exporter, s.kept);
	s.import = rig_import(s.rig, s.survivor, s.kept_id, 6);
	EXPECT_EQ(rig_ask(s.rig, s.exporter, ASK(segment_destroy, .segment = gone))
			  ->segment_withdrawn.exposed,
		  1);
	return s;
}

static void fence(struct scene *s)
{
	(void)rig_ask(s->rig, s->exporter, ASK(region_fence, .region = s->region));
}

static void fenced(struct scene *s)
{
	(void)rig_ask(s->rig, s->exporter, ASK(region_fenced, .region = s->region));
}

static void fence_until_copying(struct scene *s)
{
	fence(s);
	(void)rig_obey(s->rig, s->survivor, MSG_import_stall);
	EXPECT_EQ(s->exporter->answer.message.number, MSG_region_fresh);
}

static struct message connect_kept(const struct scene *s, uint32_t rights)
{
	return ASK(import_connect, .node = RIG_NODE, .id = s->kept_id, .rights = rights);
}

TEST(without_survivors_a_fence_waits_for_nobody)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, &region, &id);
	(void)rig_import(rig, client, id, 6);
	(void)rig_ask(rig, client, ASK(segment_unpublish, .segment = segment));
	EXPECT_EQ(rig_ask(rig, client, ASK(region_fence, .region = region))->number,
		  MSG_region_fresh);
	EXPECT_EQ(client->answer.attachment.kind, ATTACH_OBJECT_WRITE);
	EXPECT_EQ(fake_object_count(&rig->fake), 2);
	EXPECT_EQ(rig_ask(rig, client, ASK(region_fenced, .region = region))->number, MSG_done);
	EXPECT_EQ(fake_object_count(&rig->fake), 1);
	/* Nobody has the fresh one. */
	id = rig_publish(rig, client, segment);
	EXPECT_EQ(rig_ask(rig, client, ASK(segment_unpublish, .segment = segment))
			  ->segment_withdrawn.exposed,
		  0);
	rig_down(rig);
}

TEST(survivors_stall_and_move)
{
	struct scene s = scene_up();
	uint64_t fresh;

	fence(&s);
	EXPECT_EQ(s.exporter->answer.message.number, 0);
	(void)rig_obey(s.rig, s.survivor, MSG_import_stall);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_region_fresh);
	fresh = s.exporter->answer.attachment.object;
	fenced(&s);
	EXPECT_EQ(s.exporter->answer.message.number, 0);
	EXPECT_EQ(s.survivor->event[0].attachment.object, fresh);
	EXPECT_EQ(s.survivor->event[0].message.import_moved.offset, RIG_PAGE);
	s.import.epoch =
		rig_obey(s.rig, s.survivor, MSG_import_moved).message.import_moved.epoch;
	EXPECT_EQ(s.exporter->answer.message.number, MSG_done);
	EXPECT(rig_is_fresh(s.rig, &s.import));
	/* The survivor has the fresh one. */
	EXPECT_EQ(rig_ask(s.rig, s.exporter, ASK(segment_unpublish, .segment = s.kept))
			  ->segment_withdrawn.exposed,
		  1);
	rig_down(s.rig);
}

TEST(no_check_succeeds_from_the_copying_on_until_one_has_moved)
{
	struct scene s = scene_up();

	fence(&s);
	EXPECT(rig_is_fresh(s.rig, &s.import));
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_region_fresh);
	EXPECT(!rig_is_fresh(s.rig, &s.import));
	fenced(&s);
	(void)rig_event(s.survivor, MSG_import_stall);
	s.import.epoch = rig_event(s.survivor, MSG_import_moved).message.import_moved.epoch;
	EXPECT(rig_is_fresh(s.rig, &s.import));
	rig_down(s.rig);
}

TEST(a_survivor_that_dies_is_not_waited_for)
{
	struct scene s = scene_up();

	fence(&s);
	rig_leave(s.rig, s.survivor);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_region_fresh);
	fenced(&s);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_done);
	rig_down(s.rig);
}

TEST(a_fence_that_fails_leaves_everybody_on_the_old_object)
{
	struct scene s = scene_up();
	struct fake_said event;

	fence_until_copying(&s);
	(void)rig_ask(s.rig, s.exporter, ASK(region_fenced, .region = s.region, .kept = true));
	EXPECT(!rig_is_fresh(s.rig, &s.import));
	event = rig_obey(s.rig, s.survivor, MSG_import_moved);
	s.import.epoch = event.message.import_moved.epoch;
	EXPECT_EQ(s.exporter->answer.message.number, MSG_done);
	EXPECT(rig_is_fresh(s.rig, &s.import));
	EXPECT_EQ(fake_object_count(&s.rig->fake), 1);
	/* Whoever had it still has it: the next try is needed as much. */
	EXPECT_EQ(rig_ask(s.rig, s.exporter, ASK(segment_unpublish, .segment = s.kept))
			  ->segment_withdrawn.exposed,
		  1);
	fence(&s);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_region_fresh);
	rig_down(s.rig);
}

TEST(a_fence_without_memory_stalls_nobody)
{
	struct scene s = scene_up();

	s.rig->fake.fail = -ENOMEM;
	EXPECT_EQ(rig_error(s.rig, s.exporter, ASK(region_fence, .region = s.region)), ENOMEM);
	s.rig->fake.fail = 0;
	EXPECT_EQ(s.survivor->events, 0);
	EXPECT(rig_is_fresh(s.rig, &s.import));
	fence_until_copying(&s);
	rig_down(s.rig);
}

TEST(a_fence_has_its_order)
{
	struct scene s = scene_up();

	EXPECT_EQ(rig_error(s.rig, s.exporter, ASK(region_fenced, .region = s.region)), EINVAL);
	fence_until_copying(&s);
	EXPECT_EQ(rig_error(s.rig, s.exporter, ASK(region_fence, .region = s.region)), EBUSY);
	EXPECT_EQ(rig_error(s.rig, s.survivor, ASK(region_fenced, .region = s.region)), EBADF);
	rig_down(s.rig);
}

TEST(the_fresh_backing_is_not_charged_twice)
{
	struct scene s = scene_up();

	(void)rig_region(s.rig, s.exporter, 124);
	fence_until_copying(&s);
	fenced(&s);
	rig_down(s.rig);
}

TEST(an_exporter_that_dies_while_copying_leaves_nothing)
{
	struct scene s = scene_up();

	fence_until_copying(&s);
	rig_leave(s.rig, s.exporter);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	EXPECT_EQ(registry_deadline(s.rig->registry), -1);
	(void)rig_obey(s.rig, s.survivor, MSG_import_revoked);
	EXPECT(!rig_is_fresh(s.rig, &s.import));
	rig_down(s.rig);
}

TEST(an_exporter_that_dies_while_importers_stall_leaves_nothing)
{
	struct scene s = scene_up();

	fence(&s);
	rig_leave(s.rig, s.exporter);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	(void)rig_obey(s.rig, s.survivor, MSG_import_stall);
	(void)rig_obey(s.rig, s.survivor, MSG_import_revoked);
	rig_down(s.rig);
}

TEST(an_exporter_that_never_finishes_loses_its_stalled_importers)
{
	struct scene s = scene_up();

	fence_until_copying(&s);
	rig_pass(s.rig, registry_deadline(s.rig->registry) - s.rig->fake.now);
	(void)rig_obey(s.rig, s.survivor, MSG_import_revoked);
	EXPECT(!rig_is_fresh(s.rig, &s.import));
	EXPECT_EQ(registry_deadline(s.rig->registry), -1);
	EXPECT_EQ(rig_error(s.rig, s.survivor, connect_kept(&s, 4)), ETIMEDOUT);
	/* It is still published, and whole again once the exporter is. */
	fenced(&s);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_done);
	(void)rig_import(s.rig, s.survivor, s.kept_id, 6);
	rig_down(s.rig);
}

/* There is room in its channel again when the memory is taken back. */
TEST(who_was_not_told_of_a_move_gets_no_descriptor_when_it_is_cut_off)
{
	struct scene s = scene_up();

	(void)rig_import(s.rig, s.survivor, s.kept_id, 4);
	s.survivor->room = 0;
	fence(&s);
	rig_pass(s.rig, RIG_HEAR);
	fenced(&s);
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_done);
	s.survivor->room = FAKE_EVENTS;
	EXPECT_EQ(rig_ask(s.rig, s.exporter, ASK(segment_unpublish, .segment = s.kept))
			  ->segment_withdrawn.exposed,
		  0);
	(void)rig_obey(s.rig, s.survivor, MSG_import_revoked);
	(void)rig_obey(s.rig, s.survivor, MSG_import_revoked);
	EXPECT_EQ(s.survivor->events, 0);
	rig_down(s.rig);
}

/* It connects through one of two segments of the region, and the other is taken back. */
TEST(what_is_given_out_while_memory_is_taken_back_counts_as_exposed)
{
	struct scene s = scene_up();
	uint64_t gone = rig_segment(s.rig, s.exporter, s.region, 0, 1, false);
	uint32_t id = rig_publish(s.rig, s.exporter, gone);

	(void)rig_import(s.rig, s.survivor, id, 4);
	s.survivor->room = 0;
	fence(&s);
	rig_pass(s.rig, RIG_HEAR);
	fenced(&s);
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_done);
	s.survivor->room = FAKE_EVENTS;
	EXPECT_EQ(rig_ask(s.rig, s.exporter, ASK(segment_destroy, .segment = gone))
			  ->segment_withdrawn.exposed,
		  1);
	(void)rig_obey(s.rig, s.survivor, MSG_import_moved);
	(void)rig_obey(s.rig, s.survivor, MSG_import_revoked);
	rig_down(s.rig);
}

TEST(a_connection_waits_for_the_end_of_a_fence)
{
	struct scene s = scene_up();
	struct fake_client *late = rig_join(s.rig, 13);
	uint64_t fresh;

	fence_until_copying(&s);
	fresh = s.exporter->answer.attachment.object;
	EXPECT_EQ(rig_ask(s.rig, late, connect_kept(&s, 4))->number, 0);
	fenced(&s);
	EXPECT_EQ(late->answer.message.number, MSG_import_connected);
	EXPECT_EQ(late->answer.attachment.object, fresh);
	EXPECT(rig_is_fresh(s.rig, &late->answer.message.import_connected));
	EXPECT_EQ(late->events, 0);
	rig_down(s.rig);
}

TEST(a_child_of_fork_waits_for_the_end_of_a_fence)
{
	struct scene s = scene_up();
	struct fake_client *child = rig_join(s.rig, 11);

	fence(&s);
	EXPECT_EQ(rig_ask(s.rig, child,
			  ASK(import_inherit, .segment = s.kept, .token = s.import.token))
			  ->number,
		  0);
	(void)rig_obey(s.rig, s.survivor, MSG_import_stall);
	EXPECT_EQ(child->answer.message.number, 0);
	fenced(&s);
	EXPECT_EQ(child->answer.message.number, MSG_import_connected);
	rig_down(s.rig);
}

TEST(a_connection_for_events_does_not_wait)
{
	struct scene s = scene_up();

	fence_until_copying(&s);
	(void)rig_import(s.rig, s.survivor, s.kept_id, 0);
	rig_down(s.rig);
}

TEST(the_exporters_own_connection_is_sent_away)
{
	struct scene s = scene_up();

	fence_until_copying(&s);
	EXPECT_EQ(rig_error(s.rig, s.exporter, connect_kept(&s, 4)), EAGAIN);
	rig_down(s.rig);
}

TEST(a_connection_that_waits_is_answered_when_the_exporter_dies)
{
	struct scene s = scene_up();
	struct fake_client *late = rig_join(s.rig, 13);

	fence_until_copying(&s);
	(void)rig_ask(s.rig, late, connect_kept(&s, 4));
	rig_leave(s.rig, s.exporter);
	EXPECT_EQ(late->answer.message.refused.error, ENOENT);
	rig_down(s.rig);
}

TEST(a_connection_that_waits_is_not_made_to_an_exporter_that_dies_rebinding)
{
	struct scene s = scene_up();
	struct fake_client *late = rig_join(s.rig, 13), *child = rig_join(s.rig, 11);
	uint64_t other = rig_region(s.rig, s.exporter, 2);

	fence_until_copying(&s);
	(void)rig_ask(s.rig, late, connect_kept(&s, 4));
	(void)rig_ask(s.rig, child,
		      ASK(import_inherit, .segment = s.kept, .token = s.import.token));
	EXPECT_EQ(child->answer.message.number, 0);
	EXPECT_EQ(rig_ask(s.rig, s.exporter,
			  ASK(segment_rebind, .segment = s.kept, .region = other))
			  ->number,
		  0);
	rig_tell(s.rig, s.exporter, ASK(region_close, .region = s.region));
	rig_leave(s.rig, s.exporter);
	EXPECT_EQ(late->answer.message.number, MSG_refused);
	EXPECT_EQ(late->answer.message.refused.error, ENOENT);
	EXPECT_EQ(child->answer.message.number, MSG_refused);
	EXPECT_EQ(child->answer.message.refused.error, ESTALE);
	rig_down(s.rig);
}

/* Rebound already, but the connection still waits for the region that it was on. */
TEST(a_connection_that_waits_is_not_made_to_an_exporter_that_dies_rebound)
{
	struct scene s = scene_up();
	struct fake_client *late = rig_join(s.rig, 13), *child = rig_join(s.rig, 11);
	uint64_t other = rig_region(s.rig, s.exporter, 2);

	fence_until_copying(&s);
	(void)rig_ask(s.rig, late, connect_kept(&s, 4));
	(void)rig_ask(s.rig, child,
		      ASK(import_inherit, .segment = s.kept, .token = s.import.token));
	(void)rig_segment(s.rig, s.exporter, s.region, 0, 1, false);
	(void)rig_ask(s.rig, s.exporter,
		      ASK(segment_rebind, .segment = s.kept, .region = other));
	(void)rig_obey(s.rig, s.survivor, MSG_import_moved);
	rig_tell(s.rig, s.exporter, ASK(region_close, .region = s.region));
	rig_leave(s.rig, s.exporter);
	EXPECT_EQ(late->answer.message.number, MSG_refused);
	EXPECT_EQ(late->answer.message.refused.error, ENOENT);
	EXPECT_EQ(child->answer.message.number, MSG_refused);
	EXPECT_EQ(child->answer.message.refused.error, ESTALE);
	rig_down(s.rig);
}

TEST(a_connection_waits_no_longer_than_the_fence_may_take)
{
	struct scene s = scene_up();
	struct fake_client *late = rig_join(s.rig, 13);

	fence_until_copying(&s);
	(void)rig_ask(s.rig, late, connect_kept(&s, 4));
	rig_pass(s.rig, registry_deadline(s.rig->registry) - s.rig->fake.now);
	EXPECT_EQ(late->answer.message.refused.error, ETIMEDOUT);
	rig_down(s.rig);
}

TEST(who_dies_while_its_connection_waits_is_forgotten)
{
	struct scene s = scene_up();
	struct fake_client *late = rig_join(s.rig, 13);

	fence_until_copying(&s);
	(void)rig_ask(s.rig, late, connect_kept(&s, 4));
	rig_leave(s.rig, late);
	fenced(&s);
	rig_down(s.rig);
}

TEST(a_segment_may_be_rebound_away_from_a_region_that_is_copied)
{
	struct scene s = scene_up();
	uint64_t other = rig_region(s.rig, s.exporter, 2);

	fence_until_copying(&s);
	(void)rig_ask(s.rig, s.exporter,
		      ASK(segment_rebind, .segment = s.kept, .region = other));
	(void)rig_obey(s.rig, s.survivor, MSG_import_moved);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_segment_rebound);
	fenced(&s);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_done);
	rig_down(s.rig);
}

TEST(nothing_is_rebound_to_a_region_that_is_copied)
{
	struct scene s = scene_up();
	uint64_t other = rig_region(s.rig, s.exporter, 2);
	uint64_t segment = rig_segment(s.rig, s.exporter, other, 0, 2, true);

	fence_until_copying(&s);
	EXPECT_EQ(rig_error(s.rig, s.exporter,
			    ASK(segment_rebind, .segment = segment, .region = s.region)),
		  EBUSY);
	rig_down(s.rig);
}

TEST(a_region_may_be_closed_while_it_is_copied)
{
	struct scene s = scene_up();

	fence_until_copying(&s);
	rig_tell(s.rig, s.exporter, ASK(region_close, .region = s.region));
	fenced(&s);
	(void)rig_obey(s.rig, s.survivor, MSG_import_moved);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_done);
	(void)rig_ask(s.rig, s.exporter, ASK(segment_destroy, .segment = s.kept));
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	rig_down(s.rig);
}

TEST(a_region_without_segments_may_be_closed_while_it_is_copied)
{
	struct scene s = scene_up();

	fence_until_copying(&s);
	(void)rig_ask(s.rig, s.exporter, ASK(segment_destroy, .segment = s.kept));
	rig_tell(s.rig, s.exporter, ASK(region_close, .region = s.region));
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	EXPECT_EQ(rig_error(s.rig, s.exporter, ASK(region_fenced, .region = s.region)), EBADF);
	rig_down(s.rig);
}

TEST(an_absorbed_region_takes_its_importers_along)
{
	struct scene s = scene_up();
	uint64_t into = rig_region(s.rig, s.exporter, 6);

	fence_until_copying(&s);
	(void)rig_ask(
		s.rig, s.exporter,
		ASK(region_absorbed, .region = s.region, .into = into, .offset = 2 * RIG_PAGE));
	EXPECT_EQ(s.survivor->event[0].message.import_moved.offset, 3 * RIG_PAGE);
	s.import.epoch =
		rig_obey(s.rig, s.survivor, MSG_import_moved).message.import_moved.epoch;
	EXPECT_EQ(s.exporter->answer.message.number, MSG_done);
	EXPECT(rig_is_fresh(s.rig, &s.import));
	/* What it is on now is the large one, which its owner can take back. */
	EXPECT_EQ(rig_ask(s.rig, s.exporter, ASK(segment_unpublish, .segment = s.kept))
			  ->segment_withdrawn.exposed,
		  1);
	rig_tell(s.rig, s.exporter, ASK(region_close, .region = s.region));
	EXPECT_EQ(fake_object_count(&s.rig->fake), 1);
	rig_down(s.rig);
}

TEST(a_region_is_absorbed_only_where_it_fits)
{
	struct scene s = scene_up();
	uint64_t into = rig_region(s.rig, s.exporter, 6);
	uint64_t others = rig_region(s.rig, s.survivor, 6);

	EXPECT_EQ(rig_error(s.rig, s.exporter,
			    ASK(region_absorbed, .region = s.region, .into = into)),
		  EINVAL);
	fence_until_copying(&s);
	EXPECT_EQ(rig_error(s.rig, s.exporter,
			    ASK(region_absorbed, .region = s.region, .into = into,
				.offset = 3 * RIG_PAGE)),
		  EINVAL);
	EXPECT_EQ(rig_error(s.rig, s.exporter,
			    ASK(region_absorbed, .region = s.region, .into = others)),
		  EINVAL);
	EXPECT_EQ(rig_error(s.rig, s.exporter,
			    ASK(region_absorbed, .region = s.region, .into = s.region)),
		  EINVAL);
	fenced(&s);
	(void)rig_obey(s.rig, s.survivor, MSG_import_moved);
	rig_down(s.rig);
}

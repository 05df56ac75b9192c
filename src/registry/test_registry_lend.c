/* SPDX-License-Identifier: MIT */
/* Memory that is lent to a map that was handed out, and what becomes of it. */
#include <errno.h>

#include "registry/rig_map.h"

/* ---- lending ---------------------------------------------------------------------------- */

TEST(memory_is_lent_with_no_more_rights_than_are_given)
{
	struct scene s = scene_up();
	struct message m = to_attach(&s);
	struct fake_said said;

	m.map_change.given = 4;
	(void)rig_ask(s.rig, s.asker, m);
	said = rig_event(s.owner, MSG_map_asked_region);
	EXPECT_EQ(said.attachment.kind, ATTACH_OBJECT_READ);
	EXPECT_EQ(said.message.map_asked_region.rights, 6);
	EXPECT_EQ(said.message.map_asked_region.region_size, 4 * RIG_PAGE);
	EXPECT_EQ(said.message.map_asked_region.tag, 77);
	answer(&s, &said, ALL_GONE);
	m.map_change.given = 6;
	(void)rig_ask(s.rig, s.asker, m);
	said = rig_event(s.owner, MSG_map_asked_region);
	EXPECT_EQ(said.attachment.kind, ATTACH_OBJECT_WRITE);
	rig_down(s.rig);
}

/* A fence tells every importer. */
static bool still_has(struct scene *s, uint64_t region)
{
	bool asked;

	(void)rig_ask(s->rig, s->asker, ASK(region_fence, .region = region));
	asked = s->owner->events > 0;
	if (asked)
		(void)rig_obey(s->rig, s->owner, MSG_import_stall);
	(void)rig_ask(s->rig, s->asker, ASK(region_fenced, .region = region));
	if (asked)
		(void)rig_obey(s->rig, s->owner, MSG_import_moved);
	EXPECT(!s->asker->asking);
	return asked;
}

TEST(what_was_all_detached_is_not_lent_any_more)
{
	struct scene s = scene_up();
	uint64_t import = do_attach(&s);

	EXPECT_EQ(do_detach(&s, (struct msg_map_answer){ .start = 0x10000,
							 .size = RIG_PAGE,
							 .result = 1 })
			  ->result,
		  1);
	EXPECT(still_has(&s, s.region));
	(void)do_detach(&s, (struct msg_map_answer){ .start = 0x11000, .size = RIG_PAGE });
	EXPECT(!still_has(&s, s.region));
	/* Its holder has nothing to close any more. */
	rig_tell(s.rig, s.owner, ASK(import_close, .import = import));
	rig_down(s.rig);
}

TEST(what_was_refused_is_lent_as_before)
{
	struct scene s = scene_up();

	(void)do_attach(&s);
	(void)do_detach(&s, (struct msg_map_answer){
				    .error = EBUSY, .start = 0x10000, .size = 2 * RIG_PAGE });
	EXPECT(still_has(&s, s.region));
	rig_down(s.rig);
}

TEST(an_owner_may_close_what_it_needs_no_more_before_it_answers)
{
	struct scene s = scene_up();
	struct message closes = ASK(import_close, .import = do_attach(&s));

	rig_tell(s.rig, s.owner, closes);
	(void)do_detach(&s, (struct msg_map_answer){ .start = 0x10000, .size = RIG_PAGE });
	EXPECT(!still_has(&s, s.region));
	rig_down(s.rig);
}

TEST(an_owner_that_lies_about_a_detach_deceives_itself_alone)
{
	const struct msg_map_answer all = { .start = 1, .size = UINT64_MAX };
	struct scene s = scene_up();
	uint64_t region = s.region, other;

	(void)do_attach(&s);
	s.region = other = rig_region(s.rig, s.asker, 1);
	(void)do_attach(&s);
	/* More than there is: one at a time is taken back, as its lender reckons, too. */
	(void)do_detach(&s, all);
	EXPECT(still_has(&s, region) != still_has(&s, other));
	(void)do_detach(&s, all);
	EXPECT(!still_has(&s, region) && !still_has(&s, other));
	(void)do_detach(&s, all);
	EXPECT_EQ(do_detach(&s, (struct msg_map_answer){ .error = 99999 })->error, EPROTO);
	rig_down(s.rig);
}

TEST(who_asks_has_its_own_detached_before_anybody_elses)
{
	struct scene s = scene_up(), other;

	(void)do_attach(&s);
	other = s;
	other.asker = join_pid(s.rig, 23, 10);
	other.region = rig_region(s.rig, other.asker, 2);
	(void)do_attach(&other);
	(void)do_detach(&s, ALL_GONE);
	EXPECT(!still_has(&s, s.region));
	EXPECT(still_has(&other, other.region));
	/* What is no longer anybody else's is whoever's there is. */
	(void)do_detach(&s, ALL_GONE);
	EXPECT(!still_has(&other, other.region));
	rig_down(s.rig);
}

TEST(what_an_owner_did_not_attach_is_given_back)
{
	struct scene s = scene_up();
	const struct msg_map_changed *changed = &s.asker->answer.message.map_changed;
	struct fake_said said;

	(void)rig_ask(s.rig, s.asker, to_attach(&s));
	said = rig_event(s.owner, MSG_map_asked_region);
	answer(&s, &said, (struct msg_map_answer){ .error = EADDRNOTAVAIL });
	EXPECT_EQ(changed->error, EADDRNOTAVAIL);
	EXPECT_EQ(changed->stays, 0);
	/* It had the memory for a moment, and may have kept it. */
	EXPECT_EQ(changed->exposed, 1);
	EXPECT(!still_has(&s, s.region));
	(void)rig_ask(s.rig, s.asker, to_attach(&s));
	said = rig_event(s.owner, MSG_map_asked_region);
	answer(&s, &said,
	       (struct msg_map_answer){
		       .error = ERANGE, .stays = true, .start = 0x10000, .size = RIG_PAGE });
	EXPECT_EQ(changed->error, ERANGE);
	EXPECT_EQ(changed->stays, 1);
	EXPECT_EQ(changed->exposed, 0);
	EXPECT(still_has(&s, s.region));
	rig_down(s.rig);
}

TEST(what_was_attached_too_late_is_not_wanted_any_more)
{
	struct scene s = scene_up();
	struct fake_said said, end;

	(void)rig_ask(s.rig, s.asker, to_attach(&s));
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.asker->answer.message.map_changed.error, ETIMEDOUT);
	EXPECT_EQ(s.asker->answer.message.map_changed.exposed, 1);
	said = rig_event(s.owner, MSG_map_asked_region);
	answer(&s, &said, ALL_GONE);
	end = rig_obey(s.rig, s.owner, MSG_import_revoked);
	EXPECT_EQ(end.message.import_revoked.import, said.message.map_asked_region.import);
	EXPECT_EQ(end.message.import_revoked.reason, 4);
	rig_tell(s.rig, s.owner,
		 ASK(import_close, .import = end.message.import_revoked.import));
	rig_down(s.rig);
}

TEST(who_never_heard_of_memory_is_not_told_that_it_went)
{
	struct scene s = scene_up();

	s.owner->room = 0;
	(void)rig_ask(s.rig, s.asker, to_attach(&s));
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.asker->answer.message.map_changed.error, ETIMEDOUT);
	EXPECT_EQ(s.asker->answer.message.map_changed.exposed, 0);
	s.owner->room = 4;
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK_BARE(events)), 0);
	EXPECT_EQ(s.owner->events, 0);
	rig_down(s.rig);
}

TEST(lent_memory_moves_with_its_region)
{
	struct scene s = scene_up();
	uint64_t import = do_attach(&s);

	EXPECT_EQ(rig_ask(s.rig, s.asker, ASK(region_fence, .region = s.region))->number, 0);
	(void)rig_obey(s.rig, s.owner, MSG_import_stall);
	EXPECT_EQ(s.asker->answer.message.number, MSG_region_fresh);
	/* Nothing is lent in between. */
	EXPECT_EQ(rig_error(s.rig, s.asker, to_attach(&s)), EAGAIN);
	EXPECT_EQ(rig_ask(s.rig, s.asker, ASK(region_fenced, .region = s.region))->number, 0);
	EXPECT_EQ(rig_obey(s.rig, s.owner, MSG_import_moved).message.import_moved.import,
		  import);
	EXPECT_EQ(s.asker->answer.message.number, MSG_done);
	rig_down(s.rig);
}

TEST(a_closed_region_stays_while_it_is_lent)
{
	struct scene s = scene_up();
	uint64_t import = do_attach(&s);

	rig_tell(s.rig, s.asker, ASK(region_close, .region = s.region));
	EXPECT_EQ(fake_object_count(&s.rig->fake), 1);
	rig_tell(s.rig, s.owner, ASK(import_close, .import = import));
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	rig_down(s.rig);
}

TEST(a_region_closed_while_it_is_lent_goes_when_it_is_detached)
{
	struct scene s = scene_up();

	(void)do_attach(&s);
	rig_tell(s.rig, s.asker, ASK(region_close, .region = s.region));
	(void)do_detach(&s, ALL_GONE);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	rig_down(s.rig);
}

TEST(what_is_lent_counts_as_an_export_and_an_import)
{
	struct rig *rig = rig_new();
	struct scene s = { .rig = rig };

	rig->config.per_client_max = 3;
	rig_start(rig);
	s.owner = join_pid(rig, 21, 10);
	s.asker = join_pid(rig, 22, 10);
	EXPECT_EQ(rig_error(rig, s.owner, ASK_BARE(map_offer)), 0);
	s.map = get_map(rig, s.asker, 21);
	s.region = rig_region(rig, s.asker, 1);
	(void)do_attach(&s);
	(void)do_attach(&s);
	EXPECT_EQ(rig_error(rig, s.asker, to_attach(&s)), EMFILE);
	s.asker = join_pid(rig, 23, 10);
	s.region = rig_region(rig, s.asker, 1);
	(void)do_attach(&s);
	s.asker = join_pid(rig, 24, 10);
	s.region = rig_region(rig, s.asker, 1);
	EXPECT_EQ(rig_error(rig, s.asker, to_attach(&s)), EMFILE);
	rig_down(rig);
}

/* ---- dying ------------------------------------------------------------------------------ */

TEST(an_asker_that_dies_takes_what_it_lent_along)
{
	struct scene s = scene_up();
	uint64_t import = do_attach(&s);
	struct fake_said said;

	rig_leave(s.rig, s.asker);
	said = rig_obey(s.rig, s.owner, MSG_import_revoked);
	EXPECT_EQ(said.message.import_revoked.import, import);
	EXPECT_EQ(said.message.import_revoked.reason, 3);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	rig_down(s.rig);
}

TEST(an_asker_that_dies_before_the_answer_leaves_nothing_attached)
{
	struct scene s = scene_up();
	struct fake_said said;

	(void)rig_ask(s.rig, s.asker, to_attach(&s));
	rig_leave(s.rig, s.asker);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	said = rig_event(s.owner, MSG_map_asked_region);
	answer(&s, &said, ALL_GONE);
	EXPECT_EQ(rig_obey(s.rig, s.owner, MSG_import_revoked).message.import_revoked.reason,
		  4);
	rig_down(s.rig);
}

TEST(an_owner_that_dies_is_waited_for_no_longer)
{
	struct scene s = scene_up();
	uint64_t other = rig_region(s.rig, s.asker, 1);

	(void)do_attach(&s);
	s.region = other;
	(void)rig_ask(s.rig, s.asker, to_attach(&s));
	rig_leave(s.rig, s.owner);
	EXPECT_EQ(s.asker->answer.message.map_changed.error, EPERM);
	EXPECT_EQ(s.asker->answer.message.map_changed.exposed, 1);
	EXPECT_EQ(rig_error(s.rig, s.asker, to_attach(&s)), EPERM);
	EXPECT_EQ(rig_error(s.rig, s.asker, ASK(map_get, .pid = 21)), ENOENT);
	rig_down(s.rig);
}

TEST(an_owner_that_closes_what_it_was_just_given_is_answered_for)
{
	struct scene s = scene_up();
	struct fake_said said;

	(void)rig_ask(s.rig, s.asker, to_attach(&s));
	said = rig_event(s.owner, MSG_map_asked_region);
	rig_tell(s.rig, s.owner,
		 ASK(import_close, .import = said.message.map_asked_region.import));
	EXPECT(s.asker->asking);
	answer(&s, &said, (struct msg_map_answer){ .error = ENOMEM });
	/* It may have kept it all the same. */
	EXPECT_EQ(s.asker->answer.message.map_changed.exposed, 1);
	rig_down(s.rig);
}

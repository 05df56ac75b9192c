/* SPDX-License-Identifier: MIT */
/* Maps that were handed out, and what others change there. */
#include <errno.h>

#include "registry/rig.h"

static struct fake_client *join_pid(struct rig *rig, int32_t pid, uint32_t uid)
{
	struct registry_identity identity = { .pid = pid, .uid = uid, .gid = uid };

	return rig_join_as(rig, &identity);
}

static uint64_t get_map(struct rig *rig, struct fake_client *client, uint32_t pid)
{
	const struct message *answer = rig_ask(rig, client, ASK(map_get, .pid = pid));

	EXPECT_EQ(answer->number, MSG_map_got);
	return answer->map_got.map;
}

/* A process that hands its map out, another of its user that has it, and memory of the
 * latter's.
 */
struct scene {
	struct rig *rig;
	struct fake_client *owner, *asker;
	uint64_t map, region;
};

static struct scene scene_up(void)
{
	struct scene s = { .rig = rig_up() };

	s.owner = join_pid(s.rig, 21, 10);
	s.asker = join_pid(s.rig, 22, 10);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK_BARE(map_offer)), 0);
	s.map = get_map(s.rig, s.asker, 21);
	s.region = rig_region(s.rig, s.asker, 4);
	return s;
}

static struct message to_attach(const struct scene *s)
{
	return ASK(map_change, .map = s->map, .change = 1, .region = s->region, .given = 6,
		   .rights = 6, .start = 0x10000, .size = 2 * RIG_PAGE, .tag = 77);
}

static struct message to_detach(const struct scene *s)
{
	return ASK(map_change, .map = s->map, .change = 2, .start = 0x10000,
		   .size = 2 * RIG_PAGE, .flags = 1);
}

static void answer(struct scene *s, const struct fake_said *said, struct msg_map_answer words)
{
	struct message message = { .number = MSG_map_answer,
				   .serial = said->message.serial,
				   .map_answer = words };

	rig_tell(s->rig, s->owner, message);
}

static uint64_t do_attach(struct scene *s)
{
	struct fake_said said;

	(void)rig_ask(s->rig, s->asker, to_attach(s));
	said = rig_event(s->owner, MSG_map_asked_region);
	answer(s, &said, (struct msg_map_answer){ .start = 0x10000, .size = 2 * RIG_PAGE });
	EXPECT_EQ(s->asker->answer.message.number, MSG_map_changed);
	EXPECT_EQ(s->asker->answer.message.map_changed.error, 0);
	return said.message.map_asked_region.import;
}

static const struct msg_map_changed *do_detach(struct scene *s, struct msg_map_answer words)
{
	struct fake_said said;

	(void)rig_ask(s->rig, s->asker, to_detach(s));
	said = rig_event(s->owner, MSG_map_asked);
	answer(s, &said, words);
	EXPECT_EQ(s->asker->answer.message.number, MSG_map_changed);
	return &s->asker->answer.message.map_changed;
}

#define ALL_GONE ((struct msg_map_answer){ .start = 0x10000, .size = 2 * RIG_PAGE })

/* ---- whose map -------------------------------------------------------------------------- */

TEST(a_map_that_was_not_handed_out_cannot_be_had)
{
	struct rig *rig = rig_up();
	struct fake_client *asker = join_pid(rig, 22, 10);

	(void)join_pid(rig, 21, 10);
	EXPECT_EQ(rig_error(rig, asker, ASK(map_get, .pid = 21)), EPERM);
	EXPECT_EQ(rig_error(rig, asker, ASK(map_get, .pid = 23)), ENOENT);
	EXPECT_EQ(rig_error(rig, asker, ASK(map_get, .pid = 0)), ENOENT);
	EXPECT_EQ(rig_error(rig, asker, ASK(map_change, .map = 5, .change = 2)), EPERM);
	rig_down(rig);
}

TEST(a_process_nobody_can_number_is_not_found_as_number_none)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = join_pid(rig, 0, 10), *asker = join_pid(rig, 22, 10);

	EXPECT_EQ(rig_error(rig, owner, ASK_BARE(map_offer)), 0);
	EXPECT_EQ(rig_error(rig, asker, ASK(map_get, .pid = 0)), ENOENT);
	rig_down(rig);
}

TEST(a_map_is_its_users_unless_a_list_says_more)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = join_pid(rig, 21, 10), *other = join_pid(rig, 22, 11);
	struct fake_client *root = join_pid(rig, 23, 0);
	struct message list = ASK_BARE(map_offer);

	EXPECT_EQ(rig_error(rig, owner, ASK_BARE(map_offer)), 0);
	EXPECT_EQ(rig_error(rig, other, ASK(map_get, .pid = 21)), EPERM);
	(void)get_map(rig, root, 21);
	list.map_offer.access.count = 1;
	list.map_offer.access.entry[0] =
		(struct tract_access){ .node = RIG_NODE, .mode = 0644 };
	EXPECT_EQ(rig_error(rig, owner, list), 0);
	EXPECT_EQ(rig_error(rig, other, ASK(map_get, .pid = 21)), EPERM);
	list.map_offer.access.entry[0].mode = 0602;
	EXPECT_EQ(rig_error(rig, owner, list), 0);
	(void)get_map(rig, other, 21);
	list.map_offer.access.entry[0].node = RIG_NODE + 1;
	EXPECT_EQ(rig_error(rig, owner, list), EINVAL);
	rig_down(rig);
}

TEST(another_list_counts_for_who_has_the_map_already)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = join_pid(rig, 21, 10), *other = join_pid(rig, 22, 11);
	struct message list = ASK_BARE(map_offer);
	uint64_t map;

	list.map_offer.access.count = 1;
	list.map_offer.access.entry[0] =
		(struct tract_access){ .node = RIG_NODE, .mode = 0666 };
	EXPECT_EQ(rig_error(rig, owner, list), 0);
	map = get_map(rig, other, 21);
	EXPECT_EQ(rig_error(rig, owner, ASK_BARE(map_offer)), 0);
	EXPECT_EQ(rig_error(rig, other, ASK(map_change, .map = map, .change = 2)), EPERM);
	EXPECT_EQ(owner->events, 0);
	rig_down(rig);
}

TEST(a_map_that_was_withdrawn_is_nobodys)
{
	struct scene s = scene_up();

	EXPECT_EQ(rig_error(s.rig, s.owner, ASK_BARE(map_withdraw)), 0);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK_BARE(map_withdraw)), ENOENT);
	EXPECT_EQ(rig_error(s.rig, s.asker, to_detach(&s)), EPERM);
	EXPECT_EQ(rig_error(s.rig, s.asker, ASK(map_get, .pid = 21)), EPERM);
	/* Handed out again it is another. */
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK_BARE(map_offer)), 0);
	EXPECT_EQ(rig_error(s.rig, s.asker, to_detach(&s)), EPERM);
	EXPECT(get_map(s.rig, s.asker, 21) != s.map);
	EXPECT_EQ(s.owner->events, 0);
	rig_down(s.rig);
}

/* ---- asking ----------------------------------------------------------------------------- */

TEST(what_is_asked_reaches_the_maps_owner_and_its_answer_comes_back)
{
	struct scene s = scene_up();
	struct message reserve = ASK(map_change, .map = s.map, .change = 3, .start = 0x70000,
				     .size = 100, .flags = 16, .align = 14, .tag = 5);
	struct fake_said said;

	EXPECT_EQ(rig_ask(s.rig, s.asker, reserve)->number, 0);
	said = rig_event(s.owner, MSG_map_asked);
	EXPECT_EQ(said.message.map_asked.change, 3);
	EXPECT_EQ(said.message.map_asked.start, 0x70000);
	EXPECT_EQ(said.message.map_asked.size, 100);
	EXPECT_EQ(said.message.map_asked.flags, 16);
	EXPECT_EQ(said.message.map_asked.align, 14);
	EXPECT_EQ(said.message.map_asked.tag, 5);
	answer(&s, &said, (struct msg_map_answer){ .start = 0x74000 });
	EXPECT_EQ(s.asker->answer.message.number, MSG_map_changed);
	EXPECT_EQ(s.asker->answer.message.map_changed.start, 0x74000);
	rig_down(s.rig);
}

TEST(an_answer_that_nobody_asked_for_is_ignored)
{
	struct scene s = scene_up();
	struct message words = { .number = MSG_map_answer, .serial = 4711 };
	struct fake_said said;

	rig_tell(s.rig, s.owner, words);
	(void)rig_ask(s.rig, s.asker, to_detach(&s));
	said = rig_event(s.owner, MSG_map_asked);
	/* Nor may anybody else answer, or "heard" do. */
	words.serial = said.message.serial;
	rig_tell(s.rig, s.asker, words);
	rig_heard(s.rig, s.owner, said.message.serial);
	EXPECT(s.asker->asking);
	answer(&s, &said, (struct msg_map_answer){ .error = ENOENT });
	EXPECT(!s.asker->asking);
	rig_tell(s.rig, s.owner, words);
	rig_down(s.rig);
}

TEST(what_makes_no_sense_reaches_nobody)
{
	struct scene s = scene_up();
	struct message m = to_attach(&s);
	uint64_t others = rig_region(s.rig, s.owner, 1);

	m.map_change.change = 0;
	EXPECT_EQ(rig_error(s.rig, s.asker, m), EINVAL);
	m.map_change.change = 6;
	EXPECT_EQ(rig_error(s.rig, s.asker, m), EINVAL);
	m.map_change.change = 2; /* with a region */
	EXPECT_EQ(rig_error(s.rig, s.asker, m), EINVAL);
	EXPECT_EQ(rig_error(s.rig, s.owner, to_detach(&s)), EINVAL);
	m = to_attach(&s);
	m.map_change.region = others;
	EXPECT_EQ(rig_error(s.rig, s.asker, m), EBADF);
	EXPECT_EQ(s.owner->events, 0);
	rig_down(s.rig);
}

TEST(an_owner_that_does_not_answer_is_given_its_time_and_no_more)
{
	struct scene s = scene_up();
	struct fake_said said;

	EXPECT_EQ(rig_ask(s.rig, s.asker, to_detach(&s))->number, 0);
	rig_pass(s.rig, RIG_HEAR - 1);
	EXPECT(s.asker->asking);
	rig_pass(s.rig, 1);
	EXPECT_EQ(s.asker->answer.message.map_changed.error, ETIMEDOUT);
	said = rig_event(s.owner, MSG_map_asked);
	answer(&s, &said, ALL_GONE);
	rig_down(s.rig);
}

TEST(an_owner_that_cannot_hear_refuses)
{
	struct scene s = scene_up();

	s.owner->channel = false;
	(void)rig_ask(s.rig, s.asker, to_attach(&s));
	EXPECT_EQ(s.asker->answer.message.map_changed.error, EPERM);
	EXPECT_EQ(s.asker->answer.message.map_changed.exposed, 0);
	rig_down(s.rig);
}

TEST(four_askers_are_served_by_one_owner_in_their_order)
{
	struct scene s = scene_up();
	struct fake_client *askers[4] = { s.asker };
	struct fake_said said[4];

	for (int i = 0; i < 4; i++) {
		struct message m =
			ASK(map_change, .map = s.map, .change = 4, .start = (uint64_t)i);

		if (i > 0)
			askers[i] = join_pid(s.rig, 30 + i, 10);
		EXPECT_EQ(rig_ask(s.rig, askers[i], m)->number, 0);
	}
	for (int i = 0; i < 4; i++) {
		said[i] = rig_event(s.owner, MSG_map_asked);
		EXPECT_EQ(said[i].message.map_asked.start, i);
	}
	/* Answered in whatever order, each gets its own. */
	for (int i = 3; i >= 0; i--) {
		answer(&s, &said[i], (struct msg_map_answer){ .start = (uint64_t)i });
		EXPECT_EQ(askers[i]->answer.message.map_changed.start, i);
	}
	rig_down(s.rig);
}

TEST(two_that_ask_each_other_at_once_are_both_answered)
{
	struct scene s = scene_up();
	struct fake_said one, two;
	uint64_t back;

	EXPECT_EQ(rig_error(s.rig, s.asker, ASK_BARE(map_offer)), 0);
	back = get_map(s.rig, s.owner, 22);
	(void)rig_ask(s.rig, s.asker, to_detach(&s));
	(void)rig_ask(s.rig, s.owner, ASK(map_change, .map = back, .change = 2, .start = 3));
	one = rig_event(s.owner, MSG_map_asked);
	two = rig_event(s.asker, MSG_map_asked);
	answer(&s, &one, (struct msg_map_answer){ .start = 1 });
	rig_tell(s.rig, s.asker,
		 (struct message){ .number = MSG_map_answer, .serial = two.message.serial });
	EXPECT(!s.asker->asking && !s.owner->asking);
	rig_down(s.rig);
}

TEST(what_does_not_fit_into_the_channel_is_asked_later)
{
	struct scene s = scene_up();
	struct fake_said said;

	s.owner->room = 0;
	EXPECT_EQ(rig_ask(s.rig, s.asker, to_attach(&s))->number, 0);
	EXPECT_EQ(s.owner->events, 0);
	s.owner->room = 4;
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK_BARE(events)), 0);
	said = rig_event(s.owner, MSG_map_asked_region);
	answer(&s, &said, (struct msg_map_answer){ .start = 0x10000, .size = RIG_PAGE });
	EXPECT_EQ(s.asker->answer.message.map_changed.error, 0);
	rig_down(s.rig);
}

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

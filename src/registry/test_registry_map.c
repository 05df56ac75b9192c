/* SPDX-License-Identifier: MIT */
/* Maps that were handed out: whose they are, and what is asked of them. */
#include <errno.h>

#include "registry/rig_map.h"

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

/* SPDX-License-Identifier: MIT */
/* Windows that a device writes to: whoever goes on using one that was closed loses its way to
 * all others, so it is closed when nobody does. */
#include "registry/rig_pair.h"

static void ask_to_unpublish(struct pair_scene *s)
{
	struct message m = ASK(segment_unpublish, .segment = s->segment);

	EXPECT_EQ(rig_ask(s->pair.at[THERE], s->exporter, m)->number, 0);
	(void)pair_carry(&s->pair, THERE, MSG_link_revoked);
	(void)pair_carry(&s->pair, HERE, MSG_link_heard);
	/* No check succeeds any more, and yet the window is there. */
	EXPECT(!pair_is_fresh(&s->pair, &s->far));
	EXPECT(pair_reaches(&s->pair, s->far.key, s->object));
	EXPECT_EQ(s->exporter->answer.message.number, 0);
}

static void expect_withdrawn(struct pair_scene *s)
{
	EXPECT_EQ(s->exporter->answer.message.number, MSG_segment_withdrawn);
	EXPECT_EQ(fake_window_count(&s->pair.at[THERE]->fake), 0);
}

TEST(unpublish_of_what_is_pinned_is_answered_once_its_process_has_obeyed)
{
	struct pair_scene s = pair_scene_up(true);

	ask_to_unpublish(&s);
	(void)rig_obey(s.pair.at[HERE], s.importer, MSG_import_revoked);
	(void)pair_carry(&s.pair, HERE, MSG_link_close);
	expect_withdrawn(&s);
	pair_down(&s.pair);
}

TEST(a_process_that_does_not_obey_delays_unpublish_of_what_is_pinned_by_its_limit)
{
	struct pair_scene s = pair_scene_up(true);

	ask_to_unpublish(&s);
	rig_pass(s.pair.at[HERE], RIG_HEAR);
	(void)pair_carry(&s.pair, HERE, MSG_link_close);
	expect_withdrawn(&s);
	pair_down(&s.pair);
}

TEST(unpublish_of_what_is_pinned_waits_until_a_lost_node_is_gone)
{
	struct pair_scene s = pair_scene_up(true);

	ask_to_unpublish(&s);
	pair_lose(&s.pair);
	EXPECT_EQ(s.exporter->answer.message.number, 0);
	EXPECT(pair_reaches(&s.pair, s.far.key, s.object));
	pair_gone_at(&s.pair, THERE);
	expect_withdrawn(&s);
	pair_down(&s.pair);
}

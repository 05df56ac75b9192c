/* SPDX-License-Identifier: MIT */
/* System V memory that other nodes import: the broker attaches it, if it may. */
#include <errno.h>

#include "registry/rig_pair.h"

#define SHMID 77u

/* Published there; imported from here, if the broker may. */
struct scene {
	struct pair pair;
	struct fake_client *exporter, *importer;
	uint64_t segment;
	uint32_t id;
	struct msg_import_connected_far far;
};

static struct scene scene_of(void)
{
	struct scene s = { .pair = pair_up() };
	struct rig *there = s.pair.at[THERE];
	uint64_t region;

	s.exporter = rig_join(there, 10);
	s.importer = rig_join(s.pair.at[HERE], 11);
	region = rig_ask(there, s.exporter,
			 ASK(region_sysv, .shmid = SHMID, .size = 2 * RIG_PAGE))
			 ->region_known.region;
	s.segment = rig_segment(there, s.exporter, region, 1, 1, false);
	s.id = rig_publish(there, s.exporter, s.segment);
	return s;
}

static struct scene scene_up(void)
{
	struct scene s = scene_of();

	s.far = pair_import(&s.pair, s.importer, s.id, 6);
	return s;
}

static bool reaches(struct scene *s)
{
	return pair_reaches(&s->pair, s->far.key, FAKE_SYSV + SHMID);
}

TEST(another_node_reaches_system_v_memory_that_is_the_exporters_to_show)
{
	struct scene s = scene_up();

	EXPECT_EQ(s.far.size, RIG_PAGE);
	EXPECT(reaches(&s));
	EXPECT_EQ(fake_window_find(&s.pair.at[THERE]->fake, s.far.key)->owner, 10);
	pair_down(&s.pair);
}

TEST(what_the_broker_may_not_attach_is_not_shown_to_other_nodes)
{
	static const int errors[] = { -EACCES, -EINVAL, -ERANGE };
	struct scene s = scene_of();

	for (unsigned i = 0; i < 3; i++) {
		s.pair.at[THERE]->fake.fail_window = errors[i];
		EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 4)->refused.error, EOPNOTSUPP);
	}
	s.pair.at[THERE]->fake.fail_window = -ENOMEM;
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 4)->refused.error, ENOMEM);
	/* Events need no memory. */
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 0)->number, MSG_import_connected_far);
	pair_down(&s.pair);
}

TEST(system_v_memory_is_taken_back_once_other_nodes_and_importers_here_have_obeyed)
{
	struct scene s = scene_up();
	struct rig *there = s.pair.at[THERE];
	struct fake_client *local = rig_join(there, 10);

	(void)rig_import(there, local, s.id, 6);
	EXPECT_EQ(rig_ask(there, s.exporter, ASK(segment_unpublish, .segment = s.segment))
			  ->number,
		  0);
	(void)rig_obey(there, local, MSG_import_revoked);
	EXPECT_EQ(s.exporter->answer.message.number, 0);
	EXPECT(pair_is_fresh(&s.pair, &s.far) && reaches(&s));
	(void)pair_carry(&s.pair, THERE, MSG_link_revoked);
	(void)pair_carry(&s.pair, HERE, MSG_link_heard);
	EXPECT_EQ(s.exporter->answer.message.number, MSG_segment_withdrawn);
	EXPECT(!pair_is_fresh(&s.pair, &s.far) && !reaches(&s));
	pair_down(&s.pair);
}

TEST(an_exporter_of_system_v_memory_that_dies_leaves_no_window)
{
	struct scene s = scene_up();

	rig_leave(s.pair.at[THERE], s.exporter);
	EXPECT(reaches(&s));
	pair_carry_all(&s.pair);
	EXPECT(!pair_is_fresh(&s.pair, &s.far) && !reaches(&s));
	pair_down(&s.pair);
}

/* SPDX-License-Identifier: MIT */
/* Who may reach a segment from another node, and that one has. */
#include <errno.h>

#include "registry/rig_pair.h"

static const struct message *exporter_asks(struct pair_scene *s, struct message message)
{
	return rig_ask(s->pair.at[THERE], s->exporter, message);
}

TEST(the_access_list_names_nodes)
{
	struct pair_scene s = pair_scene_up(false);
	struct message m = ASK(segment_republish, .segment = s.segment);

	m.segment_republish.access.count = 2;
	m.segment_republish.access.entry[0] = (struct tract_access){ 2, 0666 };
	m.segment_republish.access.entry[1] = (struct tract_access){ 5, 0666 };
	EXPECT_EQ(exporter_asks(&s, m)->number, MSG_done);
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 4)->refused.error, EXDEV);
	m.segment_republish.access.entry[1] = (struct tract_access){ 1, 0664 };
	EXPECT_EQ(exporter_asks(&s, m)->number, MSG_done);
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 6)->refused.error, EACCES);
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 4)->number, MSG_import_connected_far);
	m.segment_republish.access.entry[1].node = TRACT_NODES_MAX;
	EXPECT_EQ(exporter_asks(&s, m)->refused.error, EINVAL);
	pair_down(&s.pair);
}

static uint32_t error_as(struct pair_scene *s, const struct registry_identity *identity,
			 uint32_t rights)
{
	struct fake_client *client = rig_join_as(s->pair.at[HERE], identity);
	const struct message *answer = pair_ask(&s->pair, client, s->id, rights);
	uint32_t error = answer->number == MSG_refused ? answer->refused.error : 0;

	rig_leave(s->pair.at[HERE], client);
	pair_carry_all(&s->pair);
	return error;
}

TEST(every_group_of_a_process_counts_on_the_other_node)
{
	struct registry_identity member = { .uid = 12,
					    .gid = 98,
					    .groups = { .count = 2, .gid = { 55, 10 } } };
	struct registry_identity stranger = { .uid = 12,
					      .gid = 98,
					      .groups = { .count = 2, .gid = { 55, 11 } } };
	struct pair_scene s = pair_scene_up(false);
	struct message m = ASK(segment_republish, .segment = s.segment);

	m.segment_republish.access.count = 1;
	m.segment_republish.access.entry[0] = (struct tract_access){ 1, 0640 };
	EXPECT_EQ(exporter_asks(&s, m)->number, MSG_done);
	EXPECT_EQ(error_as(&s, &member, 4), 0);
	EXPECT_EQ(error_as(&s, &member, 6), EACCES);
	EXPECT_EQ(error_as(&s, &stranger, 4), EACCES);
	/* The classes are exclusive: of its groups, none may be left out. */
	m.segment_republish.access.entry[0].mode = 0604;
	EXPECT_EQ(exporter_asks(&s, m)->number, MSG_done);
	EXPECT_EQ(error_as(&s, &member, 4), EACCES);
	EXPECT_EQ(error_as(&s, &stranger, 4), 0);
	pair_down(&s.pair);
}

TEST(as_many_groups_as_are_looked_at_are_told_to_the_other_node)
{
	struct registry_identity member = { .uid = 12, .gid = 98 };
	struct pair_scene s = pair_scene_up(false);
	struct message m = ASK(segment_republish, .segment = s.segment);

	m.segment_republish.access.count = 1;
	m.segment_republish.access.entry[0] = (struct tract_access){ 1, 0640 };
	EXPECT_EQ(exporter_asks(&s, m)->number, MSG_done);
	for (uint32_t i = 0; i < WIRE_GROUPS_MAX; i++)
		member.groups.gid[i] = 1000 + i;
	member.groups.count = WIRE_GROUPS_MAX;
	EXPECT_EQ(error_as(&s, &member, 4), EACCES);
	member.groups.gid[WIRE_GROUPS_MAX - 1] = 10;
	EXPECT_EQ(error_as(&s, &member, 4), 0);
	pair_down(&s.pair);
}

/* Of the exporter's @i-th segment. */
static bool is_exposed(struct pair_scene *s, unsigned i)
{
	const struct message *row = exporter_asks(s, ASK(next_segment, .after = 0));

	while (i-- > 0)
		row = exporter_asks(s, ASK(next_segment, .after = row->segment_row.key));
	EXPECT_EQ(row->number, MSG_segment_row);
	return row->segment_row.exposed;
}

/* For whoever waits for the first importer to have come and gone. */
TEST(that_another_node_has_reached_a_segment_is_seen_when_it_has_left)
{
	struct pair_scene s = pair_scene_up(false);
	uint64_t region;
	uint32_t id;

	(void)rig_export(s.pair.at[THERE], s.exporter, &region, &id);
	EXPECT(!is_exposed(&s, 1));
	EXPECT_EQ(pair_ask(&s.pair, s.importer, id, 0)->number, MSG_import_connected_far);
	EXPECT(!is_exposed(&s, 1));
	EXPECT(is_exposed(&s, 0));
	rig_leave(s.pair.at[HERE], s.importer);
	pair_carry_all(&s.pair);
	EXPECT(is_exposed(&s, 0));
	EXPECT(!is_exposed(&s, 1));
	pair_down(&s.pair);
}

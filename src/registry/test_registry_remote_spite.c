/* SPDX-License-Identifier: MIT */
/* A node that does not mean well, or is not well. */
#include <errno.h>

#include "registry/rig_pair.h"
#include "registry/state.h"

TEST(what_a_node_lost_last_stays_when_it_is_gone_for_what_it_lost_before)
{
	struct pair_scene s = pair_scene_up(false);
	struct msg_import_connected_far first = s.far;
	struct fake_client *again;

	pair_lose(&s.pair);
	pair_link(&s.pair);
	again = rig_join(s.pair.at[HERE], 12);
	s.far = pair_import(&s.pair, again, s.id, 6);
	pair_lose(&s.pair);
	registry_peer_gone_for(s.pair.at[THERE]->registry, 1, 1);
	EXPECT(!pair_reaches(&s.pair, first.key, s.object));
	EXPECT(pair_reaches(&s.pair, s.far.key, s.object));
	registry_peer_gone_for(s.pair.at[THERE]->registry, 1, 2);
	EXPECT(!pair_reaches(&s.pair, s.far.key, s.object));
	pair_down(&s.pair);
}

static uint32_t ask_to_connect(struct pair_scene *s, uint32_t serial)
{
	struct message m = { .number = MSG_link_connect, .serial = serial };
	struct message said;

	m.link_connect.id = s->id;
	m.link_connect.rights = 6;
	m.link_connect.provider = wire_text_of("tcp");
	EXPECT_EQ(registry_peer_heard(s->pair.at[THERE]->registry, PAIR_FIRST, &m), 0);
	if (!fake_link_take(&s->pair.at[THERE]->fake, PAIR_FIRST, &said))
		return 0;
	EXPECT_EQ(said.serial, serial);
	return said.number == MSG_link_refused ? said.link_refused.error : UINT32_MAX;
}

TEST(a_node_that_keeps_asking_while_memory_is_replaced_is_refused_in_the_end)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *there = s.pair.at[THERE];
	uint32_t serial = 0;

	(void)rig_ask(there, s.exporter, ASK(region_fence, .region = s.region));
	pair_carry_all(&s.pair);
	(void)rig_obey(s.pair.at[HERE], s.importer, MSG_import_stall);
	pair_carry_all(&s.pair);
	while (serial < GUEST_WAITS_MAX)
		EXPECT_EQ(ask_to_connect(&s, ++serial), 0);
	EXPECT_EQ(ask_to_connect(&s, ++serial), ETIMEDOUT);
	/* Its loss lets go of all of them. */
	pair_lose(&s.pair);
	pair_gone_at(&s.pair, THERE);
	pair_link(&s.pair);
	EXPECT_EQ(ask_to_connect(&s, ++serial), 0);
	pair_lose(&s.pair);
	pair_down(&s.pair);
}

TEST(other_nodes_have_so_many_windows_and_not_more)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *there = s.pair.at[THERE];
	uint32_t max = 3, serial = 0;

	there->registry->config.windows_max = max;
	for (uint32_t i = 1; i < max; i++)
		EXPECT_EQ(ask_to_connect(&s, ++serial), UINT32_MAX);
	EXPECT_EQ(fake_window_count(&there->fake), max);
	EXPECT_EQ(ask_to_connect(&s, ++serial), EMFILE);
	/* Processes here, and who only waits for signals, have none. */
	(void)rig_import(there, rig_join(there, 10), s.id, 6);
	EXPECT_EQ(pair_ask(&s.pair, s.importer, s.id, 0)->number, MSG_import_connected_far);
	rig_leave(s.pair.at[HERE], s.importer);
	pair_carry_all(&s.pair);
	EXPECT_EQ(fake_window_count(&there->fake), max - 1);
	EXPECT_EQ(ask_to_connect(&s, ++serial), UINT32_MAX);
	pair_down(&s.pair);
}

/* It is loaded and used by a process here. */
TEST(a_node_that_names_a_way_that_was_not_asked_for_loses_its_link)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *here = s.pair.at[HERE];
	struct fake_client *client = rig_join(here, 12);
	struct message connected, asked;

	EXPECT_EQ(pair_ask(&s.pair, client, s.id, 6)->number, MSG_import_connected_far);
	client = rig_join(here, 12);
	(void)rig_ask(here, client,
		      ASK(import_connect, .node = PAIR_FIRST + THERE, .id = s.id, .rights = 6));
	asked = pair_carry(&s.pair, HERE, MSG_link_connect);
	EXPECT(pair_peek(&s.pair, THERE, &connected));
	EXPECT_EQ(connected.serial, asked.serial);
	connected.link_connected.provider = wire_text_of("opx");
	EXPECT_EQ(registry_peer_heard(here->registry, PAIR_FIRST + THERE, &connected), -EPROTO);
	pair_lose(&s.pair);
	EXPECT_EQ(client->answer.message.refused.error, ECONNABORTED);
	pair_down(&s.pair);
}

/* Nobody waits for it but the memory. */
TEST(a_node_that_does_not_answer_that_an_exporter_died_loses_its_link)
{
	struct pair_scene s = pair_scene_up(false);
	struct rig *there = s.pair.at[THERE];

	rig_leave(there, s.exporter);
	EXPECT(pair_reaches(&s.pair, s.far.key, s.object));
	rig_pass(there, RIG_HEAR + RIG_PEER - 1);
	EXPECT(!fake_link_find(&there->fake, PAIR_FIRST)->dropped);
	rig_pass(there, 1);
	EXPECT(fake_link_find(&there->fake, PAIR_FIRST)->dropped);
	EXPECT_EQ(registry_deadline(there->registry), UINT64_MAX);
	pair_lose(&s.pair);
	EXPECT(pair_reaches(&s.pair, s.far.key, s.object));
	pair_gone_at(&s.pair, THERE);
	EXPECT(!fake_object_find(&there->fake, s.object));
	pair_down(&s.pair);
}

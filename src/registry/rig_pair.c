/* SPDX-License-Identifier: MIT */
#include "registry/rig_pair.h"

struct pair pair_up(void)
{
	static struct rig rig[2];
	struct pair pair = { { &rig[0], &rig[1] } };

	for (unsigned i = 0; i < 2; i++) {
		rig_init(&rig[i]);
		rig[i].fake.random = 1 + i * 1000;
		rig[i].config.node = PAIR_FIRST + i;
		rig[i].config.fabrics = wire_text_of("tcp");
		rig[i].config.peer_timeout_ms = 5;
		rig[i].config.store_delay_ms = 7;
		rig_start(&rig[i]);
		EXPECT_EQ(registry_add_peer(rig[i].registry, PAIR_FIRST + 1 - i), 0);
	}
	pair_link(&pair);
	return pair;
}

void pair_link(struct pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		registry_peer_up(pair->at[i]->registry, PAIR_FIRST + 1 - i);
		rig_check(pair->at[i]);
	}
}

static void forget_said(struct pair *pair, unsigned side)
{
	struct message message;

	while (fake_link_take(&pair->at[side]->fake, PAIR_FIRST + 1 - side, &message))
		continue;
}

void pair_lose_at(struct pair *pair, unsigned side)
{
	registry_peer_lost(pair->at[side]->registry, PAIR_FIRST + 1 - side);
	forget_said(pair, side);
	rig_check(pair->at[side]);
}

void pair_lose(struct pair *pair)
{
	pair_lose_at(pair, 0);
	pair_lose_at(pair, 1);
}

void pair_gone_at(struct pair *pair, unsigned side)
{
	registry_peer_gone(pair->at[side]->registry, PAIR_FIRST + 1 - side);
	rig_check(pair->at[side]);
}

bool pair_peek(struct pair *pair, unsigned from, struct message *ret)
{
	struct fake_link *link = fake_link_find(&pair->at[from]->fake, PAIR_FIRST + 1 - from);

	if (!link || link->count == 0)
		return false;
	*ret = link->said[0];
	return true;
}

static void carry(struct pair *pair, unsigned from, struct message *ret)
{
	struct rig *to = pair->at[1 - from];

	EXPECT(fake_link_take(&pair->at[from]->fake, PAIR_FIRST + 1 - from, ret));
	EXPECT_EQ(registry_peer_heard(to->registry, PAIR_FIRST + from, ret), 0);
	rig_check(to);
}

struct message pair_carry(struct pair *pair, unsigned from, enum msg_number number)
{
	struct message message;

	carry(pair, from, &message);
	EXPECT_STR(wire_name(message.number), wire_name(number));
	return message;
}

void pair_carry_all(struct pair *pair)
{
	struct message message;
	bool more = true;

	while (more) {
		more = false;
		for (unsigned from = 0; from < 2; from++)
			while (pair_peek(pair, from, &message)) {
				carry(pair, from, &message);
				more = true;
			}
	}
}

void pair_down(struct pair *pair)
{
	for (unsigned i = 0; i < 2; i++)
		for (uint32_t j = 0; j < FAKE_CLIENTS; j++)
			if (pair->at[i]->fake.client[j].id &&
			    fake_client_find(&pair->at[i]->fake,
					     pair->at[i]->fake.client[j].id))
				rig_leave(pair->at[i], &pair->at[i]->fake.client[j]);
	pair_carry_all(pair);
	pair_lose(pair);
	for (unsigned i = 0; i < 2; i++)
		pair_gone_at(pair, i);
	for (unsigned i = 0; i < 2; i++) {
		EXPECT_EQ(fake_window_count(&pair->at[i]->fake), 0);
		rig_down(pair->at[i]);
	}
}

const struct message *pair_ask(struct pair *pair, struct fake_client *client, uint32_t id,
			       uint32_t rights)
{
	(void)rig_ask(pair->at[0], client,
		      ASK(import_connect, .node = PAIR_FIRST + 1, .id = id, .rights = rights));
	pair_carry_all(pair);
	return &client->answer.message;
}

struct msg_import_connected_far pair_import(struct pair *pair, struct fake_client *client,
					    uint32_t id, uint32_t rights)
{
	const struct message *answer = pair_ask(pair, client, id, rights);

	EXPECT_EQ(answer->number, MSG_import_connected_far);
	return answer->import_connected_far;
}

bool pair_is_fresh(const struct pair *pair, const struct msg_import_connected_far *far)
{
	const struct fake_body *fake = &pair->at[0]->fake;

	return fake->generation[far->slot] == far->generation &&
	       fake->epoch[far->slot] <= far->epoch;
}

bool pair_reaches(struct pair *pair, uint64_t key, uint64_t object)
{
	const struct fake_window *window = fake_window_find(&pair->at[1]->fake, key);

	return window && window->object != 0 && window->object == object;
}

struct pair_scene pair_scene_up(bool pins)
{
	struct pair_scene s = { .pair = pair_up() };

	s.pair.at[THERE]->fake.pins = pins;
	s.exporter = rig_join(s.pair.at[THERE], 10);
	s.importer = rig_join(s.pair.at[HERE], 11);
	s.segment = rig_export(s.pair.at[THERE], s.exporter, &s.region, &s.id);
	s.object = s.pair.at[THERE]->fake.object[0].id;
	s.far = pair_import(&s.pair, s.importer, s.id, TRACT_RIGHT_READ_WRITE);
	return s;
}

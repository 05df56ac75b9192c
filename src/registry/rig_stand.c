/* SPDX-License-Identifier: MIT */
#include "registry/rig_stand.h"

struct rig *standing_there(const struct standing *s)
{
	return s->pair.at[THERE];
}

uint64_t standing_export(const struct standing *s, struct fake_client *client, uint64_t mapping)
{
	struct message m =
		ASK(shared_export, .import = mapping, .size = 2 * RIG_PAGE, .mode = 0666);

	EXPECT_EQ(rig_ask(standing_there(s), client, m)->number, MSG_segment_created);
	return client->answer.message.segment_created.segment;
}

uint64_t standing_mapping_of(const struct fake_client *client)
{
	EXPECT_EQ(client->answer.message.number, MSG_shared_mapped);
	return client->answer.message.shared_mapped.import;
}

struct standing standing_of(uint32_t flags, uint32_t permission)
{
	struct standing s = { .pair = pair_up() };

	s.owner = rig_join(standing_there(&s), 10);
	s.other = rig_join(standing_there(&s), 10);
	s.importer = rig_join(s.pair.at[HERE], 10);
	s.shared = rig_ask(standing_there(&s), s.owner,
			   ASK(shared_create, .size = 2 * RIG_PAGE, .ceiling = ALL,
			       .node = UINT32_MAX, .flags = flags))
			   ->shared_known.shared;
	rig_map(standing_there(&s), s.owner, s.shared, 0, permission);
	s.mapping = standing_mapping_of(s.owner);
	s.object = s.owner->answer.attachment.object;
	s.segment = standing_export(&s, s.owner, s.mapping);
	s.id = rig_publish(standing_there(&s), s.owner, s.segment);
	return s;
}

struct standing standing_up(void)
{
	struct standing s = standing_of(0, ALL);

	s.far = pair_import(&s.pair, s.importer, s.id, 6);
	return s;
}

const struct message *standing_asks(const struct standing *s, struct message message)
{
	return rig_ask(standing_there(s), s->owner, message);
}

enum msg_number standing_answer(const struct standing *s)
{
	return s->owner->answer.message.number;
}

struct message standing_unpublish(const struct standing *s)
{
	return ASK(segment_unpublish, .segment = s->segment);
}

uint64_t standing_backing(const struct standing *s)
{
	return rig_ask(standing_there(s), s->owner, ASK(shared_open, .shared = s->shared))
		->shared_known.backing;
}

void standing_work(const struct standing *s)
{
	for (int i = 0; i < 8; i++)
		rig_pass(standing_there(s), 0);
}

struct fake_said standing_obey(const struct standing *s, struct fake_client *client,
			       enum msg_number number)
{
	struct fake_said said;

	do {
		EXPECT(fake_event_take(client, &said));
		rig_heard(standing_there(s), client, said.message.serial);
	} while (said.message.number == MSG_shared_news);
	EXPECT_EQ(said.message.number, number);
	return said;
}

bool standing_reaches(struct standing *s, uint64_t object)
{
	return pair_reaches(&s->pair, s->far.key, object);
}

bool standing_is_fresh(const struct standing *s)
{
	return pair_is_fresh(&s->pair, &s->far);
}

void standing_expect_cut_off(struct standing *s)
{
	EXPECT(!standing_is_fresh(s));
	EXPECT(!standing_reaches(s, s->object));
}

void standing_hear(struct standing *s, const struct fake_client *asker)
{
	EXPECT(standing_reaches(s, s->object));
	(void)pair_carry(&s->pair, THERE, MSG_link_revoked);
	EXPECT(!standing_is_fresh(s));
	EXPECT_EQ(asker->answer.message.number, 0);
	(void)pair_carry(&s->pair, HERE, MSG_link_heard);
	standing_expect_cut_off(s);
}

void standing_survive(struct standing *s, struct fake_client *importer,
		      struct msg_import_connected_far *far, enum msg_number number)
{
	struct message told;

	(void)pair_carry(&s->pair, THERE,
			 number == MSG_import_stall ? MSG_link_stall : MSG_link_moved);
	told = rig_obey(s->pair.at[HERE], importer, number).message;
	(void)pair_carry(&s->pair, HERE, MSG_link_heard);
	if (number != MSG_import_moved_far)
		return;
	far->epoch = told.import_moved_far.epoch;
	far->key = told.import_moved_far.key;
}

uint64_t standing_map(const struct standing *s, uint32_t rights)
{
	uint64_t root = rig_root(standing_there(s), s->owner, s->shared);
	uint64_t token = rig_derive(standing_there(s), s->owner, root, rights | MAP, 2);

	rig_map(standing_there(s), s->other, s->shared, token, rights & WRITE ? ALL : READ);
	return token;
}

void standing_expect_mapped(const struct standing *s)
{
	const struct message *known =
		rig_ask(standing_there(s), s->other, ASK(shared_open, .shared = s->shared));

	EXPECT_EQ(known->shared_known.mapped, 1);
	EXPECT_EQ(known->shared_known.backing, 0);
	EXPECT(fake_object_find(&standing_there(s)->fake, s->object));
}

struct standing standing_another(struct standing *s, struct fake_client *exporter,
				 uint64_t mapping)
{
	struct standing other = *s;

	other.segment = standing_export(s, exporter, mapping);
	other.id = rig_publish(standing_there(s), exporter, other.segment);
	other.importer = rig_join(s->pair.at[HERE], 12);
	other.far = pair_import(&s->pair, other.importer, other.id, 6);
	return other;
}

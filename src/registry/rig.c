/* SPDX-License-Identifier: MIT */
#include "registry/rig.h"

#include <stdlib.h>
#include <string.h>

void rig_init(struct rig *rig)
{
	rig->config = (struct registry_config){
		.node = RIG_NODE,
		.broker_uid = 500,
		.page_size = RIG_PAGE,
		.segment_bytes = 64 * RIG_PAGE,
		.user_bytes = 128 * RIG_PAGE,
		.total_bytes = 256 * RIG_PAGE,
		.exports_max = 16,
		.imports_max = 32,
		.windows_max = 32,
		.per_client_max = 24,
		.caps_max = 12,
		.board_slots = 16,
		.bell_slots = 5,
		.hear_ns = RIG_HEAR,
		.peer_ns = RIG_PEER,
	};
	fake_body_init(&rig->fake, 1);
}

struct rig *rig_new(void)
{
	static struct rig rig;

	rig_init(&rig);
	return &rig;
}

void rig_start(struct rig *rig)
{
	EXPECT_EQ(registry_new(&rig->config, &rig->fake.ports, &rig->registry), 0);
}

struct rig *rig_up(void)
{
	struct rig *rig = rig_new();

	rig_start(rig);
	return rig;
}

void rig_check(struct rig *rig)
{
	const char *broken = "";

	ck_assert_msg(registry_check(rig->registry, &broken), "broken: %s", broken);
	ck_assert_msg(!rig->fake.bug, "broken: %s", rig->fake.bug);
}

void rig_down(struct rig *rig)
{
	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		if (rig->fake.client[i].id)
			rig_leave(rig, &rig->fake.client[i]);
	EXPECT(registry_is_idle(rig->registry));
	EXPECT_EQ(registry_deadline(rig->registry), -1);
	EXPECT_EQ(fake_object_count(&rig->fake), 0);
	registry_free(rig->registry);
	fake_body_deinit(&rig->fake);
}

struct fake_client *rig_join_as(struct rig *rig, const struct registry_identity *identity)
{
	struct fake_client *client;
	uint64_t id = 0;

	EXPECT_EQ(registry_join(rig->registry, identity, &id), 0);
	client = fake_client_add(&rig->fake, id);
	(void)rig_ask(rig, client, ASK(hello, .version = WIRE_VERSION));
	EXPECT_EQ(client->answer.message.number, MSG_welcome);
	client->channel = true;
	EXPECT_EQ(rig_ask(rig, client, ASK_BARE(events))->number, MSG_done);
	return client;
}

struct fake_client *rig_join(struct rig *rig, uint32_t uid)
{
	struct registry_identity identity = { .pid = 1000, .uid = uid, .gid = uid };

	return rig_join_as(rig, &identity);
}

void rig_leave(struct rig *rig, struct fake_client *client)
{
	registry_leave(rig->registry, client->id);
	fake_client_remove(client);
	rig_check(rig);
}

const struct message *rig_ask(struct rig *rig, struct fake_client *client,
			      struct message message)
{
	EXPECT_EQ(fake_ask(rig->registry, client, &message, false), 0);
	rig_check(rig);
	return &client->answer.message;
}

void rig_tell(struct rig *rig, struct fake_client *client, struct message message)
{
	EXPECT_EQ(fake_ask(rig->registry, client, &message, true), 0);
	rig_check(rig);
}

int rig_error(struct rig *rig, struct fake_client *client, struct message message)
{
	const struct message *answer = rig_ask(rig, client, message);

	EXPECT(answer->number != 0);
	if (answer->number != MSG_refused)
		return 0;
	EXPECT(answer->refused.rule.length > 0);
	return (int)answer->refused.error;
}

void rig_pass(struct rig *rig, uint64_t ns)
{
	rig->fake.now += ns;
	registry_tick(rig->registry);
	rig_check(rig);
}

uint64_t rig_region(struct rig *rig, struct fake_client *client, uint64_t pages)
{
	const struct message *answer =
		rig_ask(rig, client, ASK(region_create, .size = pages * RIG_PAGE));

	EXPECT_EQ(answer->number, MSG_region_created);
	return answer->region_created.region;
}

uint64_t rig_segment(struct rig *rig, struct fake_client *client, uint64_t region,
		     uint64_t offset_pages, uint64_t pages, bool rebindable)
{
	const struct message *answer =
		rig_ask(rig, client,
			ASK(segment_create, .region = region, .offset = offset_pages * RIG_PAGE,
			    .size = pages * RIG_PAGE, .mode = 0777, .rebindable = rebindable));

	EXPECT_EQ(answer->number, MSG_segment_created);
	return answer->segment_created.segment;
}

uint32_t rig_publish(struct rig *rig, struct fake_client *client, uint64_t segment)
{
	const struct message *answer =
		rig_ask(rig, client, ASK(segment_publish, .segment = segment));

	EXPECT_EQ(answer->number, MSG_segment_published);
	return answer->segment_published.id;
}

uint64_t rig_export(struct rig *rig, struct fake_client *client, uint64_t *ret_region,
		    uint32_t *ret_id)
{
	uint64_t region = rig_region(rig, client, 4);
	uint64_t segment = rig_segment(rig, client, region, 0, 4, true);

	*ret_id = rig_publish(rig, client, segment);
	if (ret_region)
		*ret_region = region;
	return segment;
}

struct msg_import_connected rig_import(struct rig *rig, struct fake_client *client, uint32_t id,
				       uint32_t rights)
{
	const struct message *answer = rig_ask(
		rig, client,
		ASK(import_connect, .node = rig->config.node, .id = id, .rights = rights));
	const struct msg_import_connected_bare *bare = &answer->import_connected_bare;

	if (answer->number == MSG_import_connected)
		return answer->import_connected;
	EXPECT_EQ(answer->number, MSG_import_connected_bare);
	return (struct msg_import_connected){ .import = bare->import,
					      .segment = bare->segment,
					      .token = bare->token,
					      .size = bare->size,
					      .offset = bare->offset,
					      .slot = bare->slot,
					      .generation = bare->generation,
					      .epoch = bare->epoch };
}

struct fake_said rig_event(struct fake_client *client, enum msg_number number)
{
	struct fake_said said = { 0 };

	EXPECT(fake_event_take(client, &said));
	EXPECT_EQ(said.message.number, number);
	return said;
}

void rig_heard(struct rig *rig, struct fake_client *client, uint32_t serial)
{
	struct message heard = { .number = MSG_heard, .serial = serial };

	rig_tell(rig, client, heard);
}

struct fake_said rig_obey(struct rig *rig, struct fake_client *client, enum msg_number number)
{
	struct fake_said said = rig_event(client, number);

	rig_heard(rig, client, said.message.serial);
	return said;
}

bool rig_is_fresh(const struct rig *rig, const struct msg_import_connected *import)
{
	return rig->fake.generation[import->slot] == import->generation &&
	       rig->fake.epoch[import->slot] <= import->epoch;
}

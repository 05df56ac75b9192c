/* SPDX-License-Identifier: MIT */
/* Connections: made, inherited, closed. */
#include <errno.h>

#include "registry/rig.h"

static struct message connect_to(uint32_t node, uint32_t id, uint32_t rights)
{
	return ASK(import_connect, .node = node, .id = id, .rights = rights);
}

TEST(a_connection_is_told_all_it_needs)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t region = rig_region(rig, client, 4);
	uint64_t segment = rig_segment(rig, client, region, 1, 2, false);
	uint32_t id = rig_publish(rig, client, segment);
	struct msg_import_connected import = rig_import(rig, other, id, 6);

	EXPECT_EQ(other->answer.attachment.kind, ATTACH_OBJECT_WRITE);
	EXPECT_EQ(import.segment, segment);
	EXPECT_EQ(import.size, 2 * RIG_PAGE);
	EXPECT_EQ(import.offset, RIG_PAGE);
	EXPECT(import.token != 0);
	EXPECT(rig_is_fresh(rig, &import));
	rig_down(rig);
}

TEST(a_reader_gets_a_descriptor_for_reading)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint32_t id;

	(void)rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, client, id, 4);
	EXPECT_EQ(client->answer.attachment.kind, ATTACH_OBJECT_READ);
	(void)rig_import(rig, client, id, 2);
	EXPECT_EQ(client->answer.attachment.kind, ATTACH_OBJECT_WRITE);
	rig_down(rig);
}

TEST(a_connection_for_events_gets_no_descriptor)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	const struct message *answer;
	uint32_t id;

	(void)rig_export(rig, client, NULL, &id);
	answer = rig_ask(rig, client, connect_to(RIG_NODE, id, 0));
	EXPECT_EQ(answer->number, MSG_import_connected_bare);
	EXPECT_EQ(answer->import_connected_bare.sysv, 0);
	EXPECT_EQ(answer->import_connected_bare.size, 4 * RIG_PAGE);
	rig_down(rig);
}

TEST(an_importer_is_handed_what_tells_of_its_exporters_end)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected import;
	uint32_t id;

	(void)rig_export(rig, client, NULL, &id);
	import = rig_import(rig, other, id, 6);
	EXPECT_EQ(rig_ask(rig, other, ASK(import_exporter, .import = import.import))->number,
		  MSG_exporter);
	EXPECT_EQ(other->answer.attachment.kind, ATTACH_PROCESS);
	EXPECT_EQ(other->answer.attachment.object, client->id);
	/* Nobody else's connection will do. */
	EXPECT_EQ(rig_error(rig, client, ASK(import_exporter, .import = import.import)),
		  ESTALE);
	EXPECT_EQ(rig_import(rig, other, id, 6).exporter, import.exporter);
	rig_down(rig);
}

TEST(who_exports_is_handed_one_pledge_for_writing)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t object;

	EXPECT_EQ(rig_ask(rig, client, ASK_BARE(pledge))->number, MSG_pledged);
	EXPECT_EQ(client->answer.attachment.kind, ATTACH_OBJECT_WRITE);
	object = client->answer.attachment.object;
	EXPECT_EQ(fake_object_count(&rig->fake), 2); /* it, and the pipe */
	/* Who lost the answer asks again. */
	EXPECT_EQ(rig_ask(rig, client, ASK_BARE(pledge))->number, MSG_pledged);
	EXPECT_EQ(client->answer.attachment.object, object);
	EXPECT_EQ(fake_object_count(&rig->fake), 2);
	rig_leave(rig, client);
	EXPECT_EQ(fake_object_count(&rig->fake), 0);
	rig_down(rig);
}

TEST(a_pledge_that_cannot_be_made_leaves_nothing)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);

	rig->fake.fail = -ENOMEM;
	EXPECT(rig_error(rig, client, ASK_BARE(pledge)) != 0);
	rig->fake.fail = 0;
	EXPECT_EQ(fake_object_count(&rig->fake), 0);
	EXPECT_EQ(rig_ask(rig, client, ASK_BARE(pledge))->number, MSG_pledged);
	rig_down(rig);
}

TEST(an_importer_is_handed_its_exporters_pledge_for_reading)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected import;
	uint64_t object, segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	import = rig_import(rig, other, id, 6);
	/* There is none before it was asked for. */
	EXPECT_EQ(rig_error(rig, other, ASK(import_pledge, .import = import.import)), EPROTO);
	EXPECT_EQ(rig_error(rig, other, ASK(import_lifeline, .import = import.import)), EPROTO);
	(void)rig_ask(rig, client, ASK_BARE(pledge));
	object = client->answer.attachment.object;
	EXPECT_EQ(rig_ask(rig, other, ASK(import_pledge, .import = import.import))->number,
		  MSG_pledged);
	EXPECT_EQ(other->answer.attachment.kind, ATTACH_OBJECT_READ);
	EXPECT_EQ(other->answer.attachment.object, object);
	EXPECT_EQ(rig_ask(rig, other, ASK(import_lifeline, .import = import.import))->number,
		  MSG_exporter);
	EXPECT_EQ(other->answer.attachment.kind, ATTACH_PIPE);
	/* Nobody else's connection will do, nor one that is gone. */
	EXPECT_EQ(rig_error(rig, client, ASK(import_pledge, .import = import.import)), ESTALE);
	(void)rig_ask(rig, client, ASK(segment_destroy, .segment = segment));
	EXPECT_EQ(rig_error(rig, other, ASK(import_pledge, .import = import.import)), ESTALE);
	EXPECT_EQ(rig_error(rig, other, ASK(import_lifeline, .import = import.import)), ESTALE);
	rig_down(rig);
}

TEST(who_exports_is_told_the_slot_that_importers_look_at)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t region = rig_region(rig, client, 4), first;
	const struct message *answer;
	struct message create =
		ASK(segment_create, .region = region, .size = 4 * RIG_PAGE, .mode = 0666);
	uint32_t slot, id;

	(void)rig_segment(rig, client, region, 0, 1, false);
	answer = rig_ask(rig, client, create);
	EXPECT_EQ(answer->number, MSG_segment_created);
	slot = answer->segment_created.slot;
	first = answer->segment_created.segment;
	id = rig_publish(rig, client, first);
	EXPECT_EQ(rig_import(rig, client, id, 6).slot, slot);
	rig_down(rig);
}

TEST(connect_checks_in_the_order_of_the_manual)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t region = rig_region(rig, client, 4);
	uint64_t segment = rig_segment(rig, client, region, 0, 4, false);
	struct message publish =
		ASK(segment_publish, .segment = segment, .id = 0x500000,
		    .access = { .count = 1, .entry = { { .node = RIG_NODE, .mode = 0640 } } });

	EXPECT_EQ(rig_error(rig, other, connect_to(RIG_NODE, 0x500000, 8)), EINVAL);
	EXPECT_EQ(rig_error(rig, other, connect_to(RIG_NODE + 1, 0x500000, 4)), EHOSTUNREACH);
	EXPECT_EQ(rig_error(rig, other, connect_to(RIG_NODE, 0x500000, 4)), ENOENT);
	EXPECT_EQ(rig_error(rig, other, connect_to(RIG_NODE, 0, 4)), ENOENT);
	EXPECT_EQ(rig_error(rig, client, publish), 0);
	EXPECT_EQ(rig_error(rig, other, connect_to(RIG_NODE + 1, 0x500000, 4)), EHOSTUNREACH);
	EXPECT_EQ(rig_error(rig, other, connect_to(RIG_NODE, 0x500000, 4)), EACCES);
	EXPECT_EQ(rig_error(rig, other, connect_to(RIG_NODE, 0x500000, 0)), 0);
	EXPECT_EQ(rig_error(rig, client, connect_to(RIG_NODE, 0x500000, 6)), 0);
	rig_down(rig);
}

TEST(the_default_mode_is_that_of_creation)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t region = rig_region(rig, client, 4);
	uint64_t segment =
		rig_ask(rig, client,
			ASK(segment_create, .region = region, .size = RIG_PAGE, .mode = 0755))
			->segment_created.segment;
	uint32_t id = rig_publish(rig, client, segment);

	EXPECT_EQ(rig_error(rig, other, connect_to(RIG_NODE, id, 4)), 0);
	EXPECT_EQ(rig_error(rig, other, connect_to(RIG_NODE, id, 6)), EACCES);
	EXPECT_EQ(rig_error(rig, client, connect_to(RIG_NODE, id, 6)), 0);
	EXPECT_EQ(rig_error(rig, rig_join(rig, 0), connect_to(RIG_NODE, id, 6)), 0);
	rig_down(rig);
}

TEST(every_connection_is_one_of_its_own)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	struct msg_import_connected first, second;
	uint32_t id;

	(void)rig_export(rig, client, NULL, &id);
	first = rig_import(rig, client, id, 4);
	second = rig_import(rig, client, id, 4);
	EXPECT(first.import != second.import);
	rig_tell(rig, client, ASK(import_close, .import = first.import));
	EXPECT_EQ(rig_error(rig, client, ASK(import_bell, .import = first.import)), EBADF);
	EXPECT_EQ(rig_error(rig, client, ASK(import_bell, .import = second.import)), 0);
	rig_down(rig);
}

TEST(an_import_is_closed_by_its_holder_only)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 10);
	struct msg_import_connected import;
	uint32_t id;

	(void)rig_export(rig, client, NULL, &id);
	import = rig_import(rig, client, id, 4);
	rig_tell(rig, other, ASK(import_close, .import = import.import));
	EXPECT_EQ(rig_error(rig, client, ASK(import_bell, .import = import.import)), 0);
	rig_down(rig);
}

TEST(a_revoked_import_can_be_closed_before_and_after_its_segment_goes)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected before, after;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	before = rig_import(rig, other, id, 4);
	after = rig_import(rig, other, id, 4);
	(void)rig_ask(rig, client, ASK(segment_unpublish, .segment = segment));
	rig_tell(rig, other, ASK(import_close, .import = before.import));
	(void)rig_ask(rig, client, ASK(segment_destroy, .segment = segment));
	rig_tell(rig, other, ASK(import_close, .import = after.import));
	rig_down(rig);
}

/* ---- fork ------------------------------------------------------------------------------- */

static struct message inherit(struct msg_import_connected import)
{
	return ASK(import_inherit, .segment = import.segment, .token = import.token,
		   .import = import.import);
}

TEST(a_child_proves_what_it_inherited)
{
	struct rig *rig = rig_up();
	struct fake_client *exporter = rig_join(rig, 10), *parent = rig_join(rig, 11);
	struct fake_client *child = rig_join(rig, 11);
	struct msg_import_connected import, inherited;
	uint32_t id;

	(void)rig_export(rig, exporter, NULL, &id);
	import = rig_import(rig, parent, id, 4);
	inherited = rig_ask(rig, child, inherit(import))->import_connected;
	EXPECT_EQ(child->answer.attachment.kind, ATTACH_OBJECT_READ);
	EXPECT(inherited.import != import.import);
	EXPECT_EQ(inherited.token, import.token);
	rig_leave(rig, parent);
	EXPECT(rig_is_fresh(rig, &inherited));
	rig_down(rig);
}

TEST(a_token_proves_no_more_than_its_rights)
{
	struct rig *rig = rig_up();
	struct fake_client *exporter = rig_join(rig, 10), *child = rig_join(rig, 11);
	struct msg_import_connected reads, writes;
	uint32_t id;

	(void)rig_export(rig, exporter, NULL, &id);
	writes = rig_import(rig, exporter, id, 6);
	reads = rig_import(rig, exporter, id, 4);
	EXPECT(reads.token != writes.token);
	EXPECT_EQ(rig_error(rig, child, inherit(reads)), 0);
	EXPECT_EQ(child->answer.attachment.kind, ATTACH_OBJECT_READ);
	rig_down(rig);
}

TEST(what_is_not_proven_is_not_inherited)
{
	struct rig *rig = rig_up();
	struct fake_client *exporter = rig_join(rig, 10), *child = rig_join(rig, 10);
	struct msg_import_connected import;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, exporter, NULL, &id);
	import = rig_import(rig, exporter, id, 4);
	import.token++;
	EXPECT_EQ(rig_error(rig, child, inherit(import)), ESTALE);
	/* No token was drawn for the other rights, and 0 is none. */
	import.token = 0;
	EXPECT_EQ(rig_error(rig, child, inherit(import)), ESTALE);
	import.segment++;
	EXPECT_EQ(rig_error(rig, child, inherit(import)), ESTALE);
	(void)segment;
	rig_down(rig);
}

TEST(a_child_may_inherit_from_a_parent_that_is_gone)
{
	struct rig *rig = rig_up();
	struct fake_client *exporter = rig_join(rig, 10), *parent = rig_join(rig, 11);
	struct msg_import_connected import;
	uint32_t id;

	(void)rig_export(rig, exporter, NULL, &id);
	import = rig_import(rig, parent, id, 6);
	rig_leave(rig, parent);
	EXPECT_EQ(rig_error(rig, rig_join(rig, 11), inherit(import)), 0);
	rig_down(rig);
}

TEST(inheriting_exposes_the_memory)
{
	struct rig *rig = rig_up();
	struct fake_client *exporter = rig_join(rig, 10), *child = rig_join(rig, 11);
	struct msg_import_connected import;
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, exporter, &region, &id);
	import = rig_import(rig, exporter, id, 6);
	region = rig_region(rig, exporter, 4);
	/* The exporter's own import moves, so that the new region is exposed by it alone. */
	(void)rig_ask(rig, exporter, ASK(segment_rebind, .segment = segment, .region = region));
	(void)rig_obey(rig, exporter, MSG_import_moved);
	EXPECT_EQ(rig_error(rig, child, inherit(import)), 0);
	EXPECT_EQ(rig_ask(rig, exporter, ASK(segment_destroy, .segment = segment))
			  ->segment_withdrawn.exposed,
		  1);
	rig_down(rig);
}

/* SPDX-License-Identifier: MIT */
/* Other memory behind an export, and importers that do or do not come along. */
#include <errno.h>

#include "registry/rig.h"

TEST(rebind_waits_until_importers_have_moved)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected reads, writes, idle;
	struct message rebind;
	struct fake_said said;
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	writes = rig_import(rig, other, id, 6);
	reads = rig_import(rig, other, id, 4);
	idle = rig_import(rig, other, id, 0);
	region = rig_region(rig, client, 8);
	rebind = ASK(segment_rebind, .segment = segment, .region = region,
		     .offset = 2 * RIG_PAGE);
	EXPECT_EQ(rig_ask(rig, client, rebind)->number, 0);

	/* In the order of the segment's list, newest first. */
	said = rig_obey(rig, other, MSG_import_moved);
	EXPECT_EQ(said.message.import_moved.import, reads.import);
	EXPECT_EQ(said.attachment.kind, ATTACH_OBJECT_READ);
	EXPECT_EQ(said.message.import_moved.offset, 2 * RIG_PAGE);
	EXPECT_EQ(said.message.import_moved.epoch, reads.epoch + 1);
	EXPECT_EQ(client->answer.message.number, 0);
	EXPECT(rig_is_fresh(rig, &writes));
	said = rig_obey(rig, other, MSG_import_moved);
	EXPECT_EQ(said.message.import_moved.import, writes.import);
	EXPECT_EQ(said.attachment.kind, ATTACH_OBJECT_WRITE);
	EXPECT_EQ(other->events, 0);

	EXPECT_EQ(client->answer.message.number, MSG_segment_rebound);
	EXPECT_EQ(client->answer.message.segment_rebound.late, 0);
	EXPECT_EQ(client->answer.message.segment_rebound.exposed, 1);
	/* Who did not come along is told by the epoch. */
	EXPECT(!rig_is_fresh(rig, &writes));
	writes.epoch++;
	EXPECT(rig_is_fresh(rig, &writes));
	(void)idle;
	rig_down(rig);
}

TEST(rebind_counts_who_is_late_and_who_dies)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *dies = rig_join(rig, 11);
	struct fake_client *sleeps = rig_join(rig, 12);
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, dies, id, 6);
	(void)rig_import(rig, sleeps, id, 6);
	region = rig_region(rig, client, 4);
	(void)rig_ask(rig, client, ASK(segment_rebind, .segment = segment, .region = region));
	rig_leave(rig, dies);
	EXPECT_EQ(client->answer.message.number, 0);
	rig_pass(rig, RIG_HEAR);
	EXPECT_EQ(client->answer.message.segment_rebound.late, 2);
	rig_down(rig);
}

TEST(an_import_that_is_closed_is_not_waited_for)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected import;
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	import = rig_import(rig, other, id, 6);
	region = rig_region(rig, client, 4);
	(void)rig_ask(rig, client, ASK(segment_rebind, .segment = segment, .region = region));
	rig_tell(rig, other, ASK(import_close, .import = import.import));
	EXPECT_EQ(client->answer.message.number, MSG_segment_rebound);
	EXPECT_EQ(client->answer.message.segment_rebound.late, 0);
	rig_down(rig);
}

TEST(an_importer_without_a_channel_is_late_at_once)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t region, segment;
	uint32_t id;

	other->channel = false;
	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, other, id, 6);
	(void)rig_import(rig, other, id, 6);
	region = rig_region(rig, client, 4);
	(void)rig_ask(rig, client, ASK(segment_rebind, .segment = segment, .region = region));
	EXPECT_EQ(client->answer.message.segment_rebound.late, 2);
	/* It is told when it has one. */
	other->channel = true;
	(void)rig_ask(rig, other, ASK_BARE(events));
	(void)rig_event(other, MSG_import_moved);
	(void)rig_event(other, MSG_import_moved);
	rig_down(rig);
}

TEST(a_burst_longer_than_the_channel_is_only_slower)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	for (int i = 0; i < 10; i++)
		(void)rig_import(rig, other, id, 6);
	other->room = 2;
	region = rig_region(rig, client, 4);
	(void)rig_ask(rig, client, ASK(segment_rebind, .segment = segment, .region = region));
	EXPECT_EQ(other->events, 2);
	for (int i = 0; i < 10; i++)
		(void)rig_obey(rig, other, MSG_import_moved);
	EXPECT_EQ(client->answer.message.segment_rebound.late, 0);
	rig_down(rig);
}

TEST(what_is_owed_is_the_latest_only)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, other, id, 6);
	other->room = 0;
	region = rig_region(rig, client, 4);
	(void)rig_ask(rig, client, ASK(segment_rebind, .segment = segment, .region = region));
	rig_pass(rig, RIG_HEAR);
	EXPECT_EQ(client->answer.message.segment_rebound.late, 1);
	(void)rig_ask(rig, client, ASK(segment_unpublish, .segment = segment));
	other->room = 5;
	rig_heard(rig, other, 0);
	(void)rig_event(other, MSG_import_revoked);
	EXPECT_EQ(other->events, 0);
	rig_down(rig);
}

TEST(an_exporter_that_dies_while_rebinding_leaves_nothing)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, other, id, 6);
	region = rig_region(rig, client, 4);
	(void)rig_ask(rig, client, ASK(segment_rebind, .segment = segment, .region = region));
	rig_leave(rig, client);
	EXPECT_EQ(fake_object_count(&rig->fake), 0);
	EXPECT_EQ(registry_deadline(rig->registry), -1);
	rig_heard(rig, other, rig_event(other, MSG_import_moved).message.serial);
	(void)rig_obey(rig, other, MSG_import_revoked);
	rig_down(rig);
}

/* The fake body sees to the order. */
TEST(when_an_exporter_dies_rebinding_checks_fail_before_the_old_memory_goes)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected import;
	uint64_t old, region, segment;
	uint32_t id;

	segment = rig_export(rig, client, &old, &id);
	import = rig_import(rig, other, id, 6);
	region = rig_region(rig, client, 4);
	(void)rig_ask(rig, client, ASK(segment_rebind, .segment = segment, .region = region));
	rig_tell(rig, client, ASK(region_close, .region = old));
	EXPECT(rig_is_fresh(rig, &import));
	rig_leave(rig, client);
	EXPECT(!rig_is_fresh(rig, &import));
	EXPECT_EQ(fake_object_count(&rig->fake), 0);
	rig_down(rig);
}

TEST(who_connects_during_a_rebind_gets_the_new_memory)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct fake_client *third = rig_join(rig, 12);
	struct msg_import_connected import;
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, other, id, 6);
	region = rig_region(rig, client, 4);
	(void)rig_ask(rig, client, ASK(segment_rebind, .segment = segment, .region = region));
	import = rig_import(rig, third, id, 6);
	(void)rig_obey(rig, other, MSG_import_moved);
	EXPECT(rig_is_fresh(rig, &import));
	EXPECT_EQ(third->events, 0);
	rig_down(rig);
}

TEST(the_old_memory_stays_until_everybody_has_moved)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t old, region, segment;
	uint32_t id;

	segment = rig_export(rig, client, &old, &id);
	(void)rig_import(rig, other, id, 6);
	region = rig_region(rig, client, 4);
	(void)rig_ask(rig, client, ASK(segment_rebind, .segment = segment, .region = region));
	rig_tell(rig, client, ASK(region_close, .region = old));
	EXPECT_EQ(fake_object_count(&rig->fake), 2);
	(void)rig_obey(rig, other, MSG_import_moved);
	EXPECT_EQ(client->answer.message.number, MSG_segment_rebound);
	EXPECT_EQ(fake_object_count(&rig->fake), 1);
	rig_down(rig);
}

TEST(rebind_refuses_what_it_cannot_do)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t region = rig_region(rig, client, 4), small = rig_region(rig, client, 3);
	uint64_t fixed = rig_segment(rig, client, region, 0, 4, false);
	uint64_t segment = rig_segment(rig, client, region, 0, 4, true);
	uint64_t foreign = rig_region(rig, other, 4);

#define REBIND(segment_, region_, offset_)                                        \
	rig_error(rig, client,                                                    \
		  ASK(segment_rebind, .segment = (segment_), .region = (region_), \
		      .offset = (offset_)))
	EXPECT_EQ(REBIND(fixed, region, 0), ENOTSUP);
	EXPECT_EQ(REBIND(segment, foreign, 0), EBADF);
	EXPECT_EQ(REBIND(segment, small, 0), EINVAL);
	EXPECT_EQ(REBIND(segment, region, 1), EINVAL);
	EXPECT_EQ(REBIND(segment, region, RIG_PAGE), EINVAL);
	EXPECT_EQ(REBIND(99, region, 0), EBADF);
	EXPECT_EQ(REBIND(segment, region, 0), 0);
#undef REBIND
	rig_down(rig);
}

TEST(a_second_request_before_the_answer_is_a_breach)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct message message = ASK(region_create, .size = RIG_PAGE);
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, other, id, 6);
	region = rig_region(rig, client, 4);
	(void)rig_ask(rig, client, ASK(segment_rebind, .segment = segment, .region = region));
	EXPECT_EQ(registry_handle(rig->registry, client->id, &message), -EPROTO);
	rig_down(rig);
}

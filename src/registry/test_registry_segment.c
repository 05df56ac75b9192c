/* SPDX-License-Identifier: MIT */
/* Exports: made, published, withdrawn. */
#include <errno.h>

#include "registry/rig.h"

static struct message publish(uint64_t segment, uint32_t id)
{
	return ASK(segment_publish, .segment = segment, .id = id);
}

static bool withdrawn_exposed(const struct message *answer)
{
	EXPECT_EQ(answer->number, MSG_segment_withdrawn);
	return answer->segment_withdrawn.exposed;
}

/* ---- making ----------------------------------------------------------------------------- */

TEST(an_export_lies_inside_its_region)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t region = rig_region(rig, client, 4);

#define CREATE(offset_, size_) \
	rig_error(rig, client, \
		  ASK(segment_create, .region = region, .offset = (offset_), .size = (size_)))
	EXPECT_EQ(CREATE(0, 0), EINVAL);
	EXPECT_EQ(CREATE(1, RIG_PAGE), EINVAL);
	EXPECT_EQ(CREATE(0, RIG_PAGE + 1), EINVAL);
	EXPECT_EQ(CREATE(RIG_PAGE, 4 * RIG_PAGE), EINVAL);
	EXPECT_EQ(CREATE(UINT64_MAX - RIG_PAGE + 1, RIG_PAGE), EINVAL);
	EXPECT_EQ(CREATE(RIG_PAGE, 3 * RIG_PAGE), 0);
#undef CREATE
	rig_down(rig);
}

TEST(an_export_has_a_largest_size)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t region = rig_region(rig, client, 65);

	EXPECT_EQ(rig_error(rig, client,
			    ASK(segment_create, .region = region, .size = 65 * RIG_PAGE)),
		  EFBIG);
	(void)rig_segment(rig, client, region, 1, 64, false);
	rig_down(rig);
}

TEST(exports_may_overlap)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t region = rig_region(rig, client, 4);

	(void)rig_segment(rig, client, region, 0, 3, false);
	(void)rig_segment(rig, client, region, 1, 3, false);
	rig_down(rig);
}

TEST(an_export_is_its_exporters)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 10);
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, &region, &id);
	EXPECT_EQ(rig_error(rig, other, publish(segment, 0)), EBADF);
	EXPECT_EQ(rig_error(rig, other, ASK(segment_republish, .segment = segment)), EBADF);
	EXPECT_EQ(rig_error(rig, other, ASK(segment_unpublish, .segment = segment)), EBADF);
	EXPECT_EQ(rig_error(rig, other, ASK(segment_destroy, .segment = segment)), EBADF);
	EXPECT_EQ(rig_error(rig, other,
			    ASK(segment_rebind, .segment = segment, .region = region)),
		  EBADF);
	rig_down(rig);
}

/* ---- ids -------------------------------------------------------------------------------- */

TEST(assigned_ids_go_up_and_are_not_reused_at_once)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t segment = rig_segment(rig, client, rig_region(rig, client, 1), 0, 1, false);

	EXPECT_EQ(rig_publish(rig, client, segment), 0x80000000u);
	(void)rig_ask(rig, client, ASK(segment_unpublish, .segment = segment));
	EXPECT_EQ(rig_publish(rig, client, segment), 0x80000001u);
	(void)rig_ask(rig, client, ASK(segment_destroy, .segment = segment));
	segment = rig_segment(rig, client, rig_region(rig, client, 1), 0, 1, false);
	EXPECT_EQ(rig_publish(rig, client, segment), 0x80000002u);
	rig_down(rig);
}

TEST(reserved_ids_are_refused)
{
	static const uint32_t reserved[] = { 1, 0x3fffff, 0x80000000u, 0xffffffffu };
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t segment = rig_segment(rig, client, rig_region(rig, client, 1), 0, 1, false);

	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(rig_error(rig, client, publish(segment, reserved[i])), EPERM);
	EXPECT_EQ(rig_error(rig, client, publish(segment, 0x400000)), 0);
	(void)rig_ask(rig, client, ASK(segment_unpublish, .segment = segment));
	EXPECT_EQ(rig_error(rig, client, publish(segment, 0x7fffffff)), 0);
	rig_down(rig);
}

TEST(an_id_is_published_once_on_a_node)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t first = rig_segment(rig, client, rig_region(rig, client, 1), 0, 1, false);
	uint64_t second = rig_segment(rig, other, rig_region(rig, other, 1), 0, 1, false);

	EXPECT_EQ(rig_error(rig, client, publish(first, 0x500000)), 0);
	EXPECT_EQ(rig_error(rig, other, publish(second, 0x500000)), EEXIST);
	(void)rig_ask(rig, client, ASK(segment_unpublish, .segment = first));
	EXPECT_EQ(rig_error(rig, other, publish(second, 0x500000)), 0);
	rig_leave(rig, other);
	EXPECT_EQ(rig_error(rig, client, publish(first, 0x500000)), 0);
	rig_down(rig);
}

TEST(publish_checks_in_the_order_of_the_manual)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t taken = rig_segment(rig, client, rig_region(rig, client, 1), 0, 1, false);
	uint64_t segment = rig_segment(rig, client, rig_region(rig, client, 1), 0, 1, false);
	struct message bad = publish(segment, 0x500000);

	EXPECT_EQ(rig_error(rig, client, publish(taken, 0x500000)), 0);
	bad.segment_publish.access.count = 1;
	bad.segment_publish.access.entry[0].node = RIG_NODE + 1;
	/* The list comes before the id in use, the reserved id before the list. */
	EXPECT_EQ(rig_error(rig, client, bad), EINVAL);
	bad.segment_publish.id = 1;
	EXPECT_EQ(rig_error(rig, client, bad), EPERM);
	EXPECT_EQ(rig_error(rig, client, publish(segment, 0x500000)), EEXIST);
	EXPECT_EQ(rig_error(rig, client, publish(segment, 0x500001)), 0);
	EXPECT_EQ(rig_error(rig, client, bad), EALREADY);
	bad.segment_publish.segment = 99;
	EXPECT_EQ(rig_error(rig, client, bad), EBADF);
	rig_down(rig);
}

TEST(a_refused_publish_leaves_the_export_unpublished)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t segment = rig_segment(rig, client, rig_region(rig, client, 1), 0, 1, false);

	EXPECT_EQ(rig_error(rig, client, publish(segment, 1)), EPERM);
	EXPECT_EQ(rig_error(rig, client, ASK(segment_unpublish, .segment = segment)), ENOENT);
	EXPECT_EQ(rig_error(rig, client, ASK(segment_republish, .segment = segment)), ENOENT);
	rig_down(rig);
}

TEST(republish_decides_later_connections_only)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected import;
	struct message owner_only;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	import = rig_import(rig, other, id, 6);
	owner_only = ASK(segment_republish, .segment = segment);
	owner_only.segment_republish.access.count = 1;
	owner_only.segment_republish.access.entry[0] =
		(struct tract_access){ .node = RIG_NODE, .mode = 0600 };
	EXPECT_EQ(rig_error(rig, client, owner_only), 0);
	EXPECT_EQ(rig_error(rig, other,
			    ASK(import_connect, .node = RIG_NODE, .id = id, .rights = 4)),
		  EACCES);
	EXPECT(rig_is_fresh(rig, &import));
	EXPECT_EQ(other->events, 0);
	owner_only.segment_republish.access.count = 2;
	EXPECT_EQ(rig_error(rig, client, owner_only), EINVAL);
	EXPECT_EQ(rig_error(rig, client, ASK(segment_republish, .segment = segment)), 0);
	(void)rig_import(rig, other, id, 6);
	rig_down(rig);
}

/* ---- taking back ------------------------------------------------------------------------ */

TEST(unpublish_cuts_importers_off_before_it_answers)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected import;
	struct fake_said said;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	import = rig_import(rig, other, id, 6);
	EXPECT(rig_is_fresh(rig, &import));
	EXPECT(withdrawn_exposed(
		rig_ask(rig, client, ASK(segment_unpublish, .segment = segment))));
	EXPECT(!rig_is_fresh(rig, &import));
	said = rig_event(other, MSG_import_revoked);
	EXPECT_EQ(said.message.import_revoked.import, import.import);
	EXPECT_EQ(said.message.import_revoked.reason, 1);
	EXPECT_EQ(other->events, 0);
	EXPECT_EQ(rig_error(rig, other, ASK(import_connect, .node = RIG_NODE, .id = id)),
		  ENOENT);
	rig_down(rig);
}

TEST(what_nobody_imported_is_not_exposed)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, other, id, 0);
	EXPECT(!withdrawn_exposed(
		rig_ask(rig, client, ASK(segment_unpublish, .segment = segment))));
	rig_down(rig);
}

TEST(what_the_exporter_itself_imported_is_exposed)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, client, id, 4);
	EXPECT(withdrawn_exposed(
		rig_ask(rig, client, ASK(segment_destroy, .segment = segment))));
	rig_down(rig);
}

TEST(exposure_outlives_the_import)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, other, id, 4);
	rig_leave(rig, other);
	EXPECT(withdrawn_exposed(
		rig_ask(rig, client, ASK(segment_destroy, .segment = segment))));
	rig_down(rig);
}

TEST(publishing_again_does_not_revive_old_imports)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected old, fresh;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	old = rig_import(rig, other, id, 6);
	(void)rig_ask(rig, client, ASK(segment_unpublish, .segment = segment));
	id = rig_publish(rig, client, segment);
	EXPECT(!rig_is_fresh(rig, &old));
	fresh = rig_import(rig, other, id, 6);
	EXPECT(rig_is_fresh(rig, &fresh));
	EXPECT_EQ(rig_error(rig, other,
			    ASK(import_inherit, .segment = segment, .token = old.token,
				.import = old.import)),
		  ESTALE);
	(void)rig_ask(rig, client, ASK(segment_destroy, .segment = segment));
	/* One event each: the old import was told before. */
	(void)rig_event(other, MSG_import_revoked);
	EXPECT_EQ(rig_event(other, MSG_import_revoked).message.import_revoked.import,
		  fresh.import);
	EXPECT_EQ(other->events, 0);
	rig_down(rig);
}

TEST(destroy_tells_its_own_reason)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, other, id, 6);
	(void)rig_ask(rig, client, ASK(segment_destroy, .segment = segment));
	EXPECT_EQ(rig_event(other, MSG_import_revoked).message.import_revoked.reason, 2);
	EXPECT_EQ(rig_error(rig, client, ASK(segment_destroy, .segment = segment)), EBADF);
	rig_down(rig);
}

TEST(when_an_exporter_dies_its_segments_are_taken_back_and_emptied)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected import;
	uint32_t id;

	(void)rig_export(rig, client, NULL, &id);
	import = rig_import(rig, other, id, 6);
	rig_leave(rig, client);
	EXPECT(!rig_is_fresh(rig, &import));
	EXPECT_EQ(rig_event(other, MSG_import_revoked).message.import_revoked.reason, 3);
	EXPECT_EQ(fake_object_count(&rig->fake), 0);
	EXPECT_EQ(rig_error(rig, other, ASK(import_connect, .node = RIG_NODE, .id = id)),
		  ENOENT);
	rig_tell(rig, other, ASK(import_close, .import = import.import));
	rig_down(rig);
}

TEST(a_reused_board_slot_never_matches_an_old_import)
{
	struct rig *rig = rig_new();
	struct fake_client *client, *other;
	struct msg_import_connected old, fresh;
	uint64_t segment;
	uint32_t id;

	rig->config.board_slots = 1;
	rig_start(rig);
	client = rig_join(rig, 10);
	other = rig_join(rig, 11);
	segment = rig_export(rig, client, NULL, &id);
	old = rig_import(rig, other, id, 4);
	(void)rig_ask(rig, client, ASK(segment_destroy, .segment = segment));
	(void)rig_export(rig, client, NULL, &id);
	fresh = rig_import(rig, other, id, 4);
	EXPECT_EQ(old.slot, fresh.slot);
	EXPECT(!rig_is_fresh(rig, &old));
	EXPECT(rig_is_fresh(rig, &fresh));
	rig_down(rig);
}

TEST(a_region_that_is_closed_goes_with_its_last_segment)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t region, segment;
	uint32_t id;

	segment = rig_export(rig, client, &region, &id);
	rig_tell(rig, client, ASK(region_close, .region = region));
	EXPECT_EQ(fake_object_count(&rig->fake), 1);
	(void)rig_import(rig, client, id, 4);
	EXPECT_EQ(
		rig_error(rig, client, ASK(segment_create, .region = region, .size = RIG_PAGE)),
		EBADF);
	(void)rig_ask(rig, client, ASK(segment_destroy, .segment = segment));
	EXPECT_EQ(fake_object_count(&rig->fake), 0);
	rig_down(rig);
}

/* ---- System V --------------------------------------------------------------------------- */

static uint64_t export_sysv(struct rig *rig, struct fake_client *client, uint32_t *ret_id)
{
	uint64_t region =
		rig_ask(rig, client, ASK(region_sysv, .shmid = 33, .size = 4 * RIG_PAGE))
			->region_known.region;
	uint64_t segment = rig_segment(rig, client, region, 1, 2, true);

	*ret_id = rig_publish(rig, client, segment);
	return segment;
}

TEST(memory_of_system_v_is_named_not_handed_out)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	const struct message *answer;
	uint32_t id;

	(void)export_sysv(rig, client, &id);
	answer = rig_ask(rig, other,
			 ASK(import_connect, .node = RIG_NODE, .id = id, .rights = 6));
	EXPECT_EQ(answer->number, MSG_import_connected_bare);
	EXPECT_EQ(answer->import_connected_bare.sysv, 1);
	EXPECT_EQ(answer->import_connected_bare.shmid, 33);
	EXPECT_EQ(answer->import_connected_bare.offset, RIG_PAGE);
	EXPECT_EQ(fake_object_count(&rig->fake), 0);
	rig_down(rig);
}

TEST(unpublishing_system_v_waits_for_importers)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t segment;
	uint32_t id;

	segment = export_sysv(rig, client, &id);
	(void)rig_import(rig, other, id, 6);
	EXPECT_EQ(rig_ask(rig, client, ASK(segment_unpublish, .segment = segment))->number, 0);
	(void)rig_obey(rig, other, MSG_import_revoked);
	EXPECT(!withdrawn_exposed(&client->answer.message));
	rig_down(rig);
}

TEST(destroying_system_v_waits_no_longer_than_the_deadline)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t segment;
	uint32_t id;

	segment = export_sysv(rig, client, &id);
	(void)rig_import(rig, other, id, 6);
	EXPECT_EQ(rig_ask(rig, client, ASK(segment_destroy, .segment = segment))->number, 0);
	EXPECT_EQ(registry_deadline(rig->registry), rig->fake.now + RIG_HEAR);
	rig_pass(rig, RIG_HEAR - 1);
	EXPECT_EQ(client->answer.message.number, 0);
	rig_pass(rig, 1);
	EXPECT(!withdrawn_exposed(&client->answer.message));
	rig_heard(rig, other, rig_event(other, MSG_import_revoked).message.serial);
	rig_down(rig);
}

TEST(system_v_memory_cannot_be_fenced_or_moved_under_importers)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	uint64_t sysv = rig_ask(rig, client, ASK(region_sysv, .shmid = 1, .size = 4 * RIG_PAGE))
				->region_known.region;
	uint64_t memfd, segment;
	uint32_t id;

	segment = rig_export(rig, client, &memfd, &id);
	EXPECT_EQ(rig_error(rig, client, ASK(region_fence, .region = sysv)), EOPNOTSUPP);
	(void)rig_import(rig, other, id, 4);
	EXPECT_EQ(
		rig_error(rig, client, ASK(segment_rebind, .segment = segment, .region = sysv)),
		EOPNOTSUPP);
	rig_leave(rig, other);
	EXPECT_EQ(
		rig_error(rig, client, ASK(segment_rebind, .segment = segment, .region = sysv)),
		0);
	rig_down(rig);
}

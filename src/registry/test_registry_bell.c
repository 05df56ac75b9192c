/* SPDX-License-Identifier: MIT */
/* Bells: slots, and pipes for those who poll. */
#include <errno.h>

#include "registry/rig.h"

static const struct fake_object *bell_of(struct rig *rig, struct fake_client *client,
					 uint64_t segment)
{
	const struct message *answer =
		rig_ask(rig, client, ASK(segment_bell, .segment = segment));

	EXPECT_EQ(answer->number, MSG_bell);
	EXPECT_EQ(answer->bell.slot, WIRE_SLOT_EXPORTER);
	return fake_object_find(&rig->fake, client->answer.attachment.object);
}

static uint32_t slot_of(struct rig *rig, struct fake_client *client, uint64_t import)
{
	const struct message *answer = rig_ask(rig, client, ASK(import_bell, .import = import));

	EXPECT_EQ(answer->number, MSG_bell);
	return answer->bell.slot;
}

TEST(a_bell_is_made_when_it_is_first_asked_for)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *other = rig_join(rig, 11);
	const struct fake_object *bell;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	(void)rig_import(rig, other, id, 0);
	(void)rig_import(rig, other, id, 4);
	EXPECT_EQ(fake_object_count(&rig->fake), 1);
	bell = bell_of(rig, client, segment);
	EXPECT_EQ(bell->kind, FAKE_BELL);
	/* Who connected before has its slot. */
	EXPECT(bell->active[FAKE_SLOTS] && bell->active[0] && bell->active[1]);
	EXPECT(!bell->active[2]);
	EXPECT(bell_of(rig, client, segment) == bell);
	rig_down(rig);
}

TEST(who_connects_later_has_an_active_slot_at_once)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	struct msg_import_connected import;
	const struct fake_object *bell;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	bell = bell_of(rig, client, segment);
	import = rig_import(rig, client, id, 4);
	EXPECT(bell->active[0]);
	EXPECT_EQ(slot_of(rig, client, import.import), 0);
	rig_tell(rig, client, ASK(import_close, .import = import.import));
	EXPECT(!bell->active[0]);
	rig_down(rig);
}

TEST(a_bell_has_so_many_slots)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	struct msg_import_connected import[5];
	uint32_t id;

	(void)rig_export(rig, client, NULL, &id);
	for (int i = 0; i < 5; i++)
		import[i] = rig_import(rig, client, id, 4);
	EXPECT_EQ(slot_of(rig, client, import[3].import), 3);
	EXPECT_EQ(rig_error(rig, client, ASK(import_bell, .import = import[4].import)), ENOSPC);
	rig_tell(rig, client, ASK(import_close, .import = import[1].import));
	import[4] = rig_import(rig, client, id, 4);
	EXPECT_EQ(slot_of(rig, client, import[4].import), 1);
	rig_down(rig);
}

TEST(a_slot_that_was_taken_back_is_inactive_but_not_given_away)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	struct msg_import_connected old, fresh;
	const struct fake_object *bell;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	bell = bell_of(rig, client, segment);
	old = rig_import(rig, client, id, 4);
	(void)rig_ask(rig, client, ASK(segment_unpublish, .segment = segment));
	EXPECT(!bell->active[0]);
	/* What was counted before may still be taken. */
	EXPECT_EQ(slot_of(rig, client, old.import), 0);
	id = rig_publish(rig, client, segment);
	fresh = rig_import(rig, client, id, 4);
	EXPECT_EQ(slot_of(rig, client, fresh.import), 1);
	rig_tell(rig, client, ASK(import_close, .import = old.import));
	fresh = rig_import(rig, client, id, 4);
	EXPECT_EQ(slot_of(rig, client, fresh.import), 0);
	rig_down(rig);
}

TEST(a_bell_outlives_unpublish_but_not_destroy)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	const struct fake_object *bell;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	bell = bell_of(rig, client, segment);
	(void)rig_ask(rig, client, ASK(segment_unpublish, .segment = segment));
	EXPECT(bell_of(rig, client, segment) == bell);
	EXPECT_EQ(fake_object_count(&rig->fake), 2);
	(void)rig_ask(rig, client, ASK(segment_destroy, .segment = segment));
	EXPECT_EQ(fake_object_count(&rig->fake), 1);
	rig_down(rig);
}

TEST(a_child_of_fork_shares_its_parents_slot)
{
	struct rig *rig = rig_up();
	struct fake_client *exporter = rig_join(rig, 10), *parent = rig_join(rig, 11);
	struct fake_client *child = rig_join(rig, 11);
	struct msg_import_connected import, inherited, later;
	const struct fake_object *bell;
	struct message inherit;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, exporter, NULL, &id);
	bell = bell_of(rig, exporter, segment);
	import = rig_import(rig, parent, id, 4);
	inherit = ASK(import_inherit, .segment = segment, .token = import.token,
		      .import = import.import);
	inherited = rig_ask(rig, child, inherit)->import_connected;
	EXPECT_EQ(slot_of(rig, child, inherited.import), 0);
	rig_leave(rig, parent);
	EXPECT(bell->active[0]);
	/* The parent's import is gone: nothing to share. */
	later = rig_ask(rig, child, inherit)->import_connected;
	EXPECT_EQ(slot_of(rig, child, later.import), 1);
	rig_leave(rig, child);
	EXPECT(!bell->active[0] && !bell->active[1]);
	rig_down(rig);
}

TEST(a_child_of_the_exporter_may_use_its_bell)
{
	struct rig *rig = rig_up();
	struct fake_client *exporter = rig_join(rig, 10), *child = rig_join(rig, 10);
	struct fake_client *stranger = rig_join(rig, 11);
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, exporter, NULL, &id);
	EXPECT_EQ(rig_error(rig, child, ASK(segment_bell, .segment = segment)), 0);
	EXPECT_EQ(rig_error(rig, stranger, ASK(segment_bell, .segment = segment)), EBADF);
	EXPECT_EQ(rig_error(rig, stranger, ASK(bell_poll, .target = segment)), EBADF);
	rig_down(rig);
}

TEST(a_bell_that_cannot_be_made_is_refused)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	rig->fake.fail = -ENOMEM;
	EXPECT_EQ(rig_error(rig, client, ASK(segment_bell, .segment = segment)), ENOMEM);
	EXPECT_EQ(rig_error(rig, client, ASK(bell_poll, .target = segment)), ENOMEM);
	rig->fake.fail = 0;
	EXPECT_EQ(rig_error(rig, client, ASK(segment_bell, .segment = segment)), 0);
	rig->fake.fail = -EMFILE;
	EXPECT_EQ(rig_error(rig, client, ASK(bell_poll, .target = segment)), EMFILE);
	rig->fake.fail = 0;
	rig_down(rig);
}

/* ---- pipes ------------------------------------------------------------------------------ */

TEST(posters_find_the_pipe_of_who_polls)
{
	struct rig *rig = rig_up();
	struct fake_client *exporter = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected import;
	const struct fake_object *bell;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, exporter, NULL, &id);
	bell = bell_of(rig, exporter, segment);
	import = rig_import(rig, other, id, 4);
#define POLLER(who, from_, slot_) \
	rig_error(rig, who, ASK(bell_poller, .from = (from_), .slot = (slot_)))
	EXPECT_EQ(POLLER(exporter, segment, 0), ENOENT);
	EXPECT_EQ(POLLER(exporter, segment, 99), ENOENT);
	EXPECT_EQ(POLLER(other, import.import, WIRE_SLOT_EXPORTER), ENOENT);
	EXPECT_EQ(rig_error(rig, other, ASK(bell_poll, .target = import.import)), 0);
	EXPECT_EQ(rig_error(rig, exporter, ASK(bell_poll, .target = segment)), 0);
	EXPECT_EQ(bell->polled[0], 1);
	EXPECT_EQ(bell->polled[FAKE_SLOTS], 1);
	EXPECT_EQ(POLLER(exporter, segment, 0), 0);
	EXPECT_EQ(exporter->answer.attachment.kind, ATTACH_PIPE);
	EXPECT_EQ(POLLER(other, import.import, WIRE_SLOT_EXPORTER), 0);
	rig_down(rig);
}

TEST(an_import_posts_to_its_export_alone)
{
	struct rig *rig = rig_up();
	struct fake_client *exporter = rig_join(rig, 10), *other = rig_join(rig, 11);
	struct msg_import_connected import;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, exporter, NULL, &id);
	import = rig_import(rig, other, id, 4);
	EXPECT_EQ(POLLER(other, import.import, 0), EACCES);
	EXPECT_EQ(POLLER(exporter, segment, WIRE_SLOT_EXPORTER), EACCES);
	EXPECT_EQ(POLLER(exporter, import.import, WIRE_SLOT_EXPORTER), EBADF);
	(void)rig_ask(rig, exporter, ASK(segment_unpublish, .segment = segment));
	EXPECT_EQ(POLLER(other, import.import, WIRE_SLOT_EXPORTER), ESTALE);
	EXPECT_EQ(rig_error(rig, other, ASK(bell_poll, .target = import.import)), ESTALE);
	rig_down(rig);
}

TEST(a_later_pipe_takes_the_place_of_an_earlier)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10);
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	EXPECT_EQ(rig_error(rig, client, ASK(bell_poll, .target = segment)), 0);
	EXPECT_EQ(rig_error(rig, client, ASK(bell_poll, .target = segment)), 0);
	EXPECT_EQ(fake_object_count(&rig->fake), 3);
	rig_down(rig);
}

TEST(a_pipe_goes_with_its_reader)
{
	struct rig *rig = rig_up();
	struct fake_client *client = rig_join(rig, 10), *child = rig_join(rig, 10);
	struct msg_import_connected import;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, client, NULL, &id);
	import = rig_import(rig, client, id, 0);
	EXPECT_EQ(rig_error(rig, client, ASK(bell_poll, .target = import.import)), 0);
	EXPECT_EQ(rig_error(rig, child, ASK(bell_poll, .target = segment)), 0);
	EXPECT_EQ(fake_object_count(&rig->fake), 4);
	rig_leave(rig, child);
	EXPECT_EQ(fake_object_count(&rig->fake), 3);
	rig_tell(rig, client, ASK(import_close, .import = import.import));
	EXPECT_EQ(fake_object_count(&rig->fake), 2);
	rig_down(rig);
}

TEST(a_pipe_of_a_shared_slot_stays_while_one_of_them_does)
{
	struct rig *rig = rig_up();
	struct fake_client *exporter = rig_join(rig, 10), *parent = rig_join(rig, 11);
	struct fake_client *child = rig_join(rig, 11);
	struct msg_import_connected import, inherited;
	uint64_t segment;
	uint32_t id;

	segment = rig_export(rig, exporter, NULL, &id);
	import = rig_import(rig, parent, id, 4);
	inherited = rig_ask(rig, child,
			    ASK(import_inherit, .segment = segment, .token = import.token,
				.import = import.import))
			    ->import_connected;
	EXPECT_EQ(rig_error(rig, child, ASK(bell_poll, .target = inherited.import)), 0);
	rig_leave(rig, parent);
	EXPECT_EQ(POLLER(exporter, segment, 0), 0);
	rig_tell(rig, child, ASK(import_close, .import = inherited.import));
	EXPECT_EQ(POLLER(exporter, segment, 0), ENOENT);
	rig_down(rig);
}

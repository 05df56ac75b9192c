/* SPDX-License-Identifier: MIT */
/* Shared regions that are exported as segments: one memory, and its end. */
#include <errno.h>

#include "registry/rig_shared.h"

enum { ASKED = 0, FENCED = 2 };

/* A region whose owner has mapped it, exported it and published that; somebody imports it. */
struct scene {
	struct rig *rig;
	struct fake_client *owner, *importer;
	uint64_t shared, mapping, segment, object;
	uint32_t id;
	struct msg_import_connected import;
};

static uint64_t import_of(const struct fake_client *client)
{
	EXPECT_EQ(client->answer.message.number, MSG_shared_mapped);
	return client->answer.message.shared_mapped.import;
}

static struct message exporting(uint64_t mapping)
{
	return ASK(shared_export, .import = mapping, .size = 2 * RIG_PAGE, .mode = 0666);
}

static uint64_t export_of(struct rig *rig, struct fake_client *client, uint64_t mapping)
{
	EXPECT_EQ(rig_ask(rig, client, exporting(mapping))->number, MSG_segment_created);
	return client->answer.message.segment_created.segment;
}

static struct scene scene_of(uint32_t flags, uint32_t permission)
{
	struct scene s = { .rig = rig_up() };

	s.owner = rig_join(s.rig, 10);
	s.importer = rig_join(s.rig, 10);
	s.shared = rig_ask(s.rig, s.owner,
			   ASK(shared_create, .size = 2 * RIG_PAGE, .ceiling = ALL,
			       .node = UINT32_MAX, .flags = flags))
			   ->shared_known.shared;
	rig_map(s.rig, s.owner, s.shared, 0, permission);
	s.mapping = import_of(s.owner);
	s.object = s.owner->answer.attachment.object;
	s.segment = export_of(s.rig, s.owner, s.mapping);
	s.id = rig_publish(s.rig, s.owner, s.segment);
	return s;
}

static struct scene scene_up(void)
{
	struct scene s = scene_of(0, ALL);

	s.import = rig_import(s.rig, s.importer, s.id, 6);
	return s;
}

static struct message connect_to(const struct scene *s, uint32_t rights)
{
	return ASK(import_connect, .node = RIG_NODE, .id = s->id, .rights = rights);
}

/* Slices of copying, and whatever else is due. */
static void work(const struct scene *s)
{
	for (int i = 0; i < 8; i++)
		rig_pass(s->rig, 0);
}

static uint64_t backing(const struct scene *s, struct fake_client *client)
{
	return rig_ask(s->rig, client, ASK(shared_open, .shared = s->shared))
		->shared_known.backing;
}

/* The same as rig_obey(), whatever else there is to be told. */
static struct fake_said obey(const struct scene *s, struct fake_client *client,
			     enum msg_number number)
{
	struct fake_said said;

	do {
		EXPECT(fake_event_take(client, &said));
		rig_heard(s->rig, client, said.message.serial);
	} while (said.message.number == MSG_shared_news);
	EXPECT_EQ(said.message.number, number);
	return said;
}

/* A survivor holds still, and moves; to which object. */
static uint64_t survive(const struct scene *s, struct fake_client *client)
{
	(void)obey(s, client, MSG_import_stall);
	work(s);
	return obey(s, client, MSG_import_moved).attachment.object;
}

/* Nobody has what importers were given any more. */
static void expect_fenced(const struct scene *s)
{
	EXPECT(!fake_object_find(&s->rig->fake, s->object));
	EXPECT(!rig_is_fresh(s->rig, &s->import));
}

/* It has no memory, and says so. */
static void expect_lost(const struct scene *s, struct fake_client *exporter)
{
	EXPECT_EQ(rig_error(s->rig, exporter, ASK(segment_unpublish, .segment = s->segment)),
		  ENOENT);
	EXPECT_EQ(rig_error(s->rig, exporter, ASK(segment_publish, .segment = s->segment)),
		  ESTALE);
	EXPECT_EQ(rig_error(s->rig, s->importer, connect_to(s, 0)), ENOENT);
	EXPECT_EQ(rig_error(s->rig, exporter, ASK(segment_destroy, .segment = s->segment)), 0);
}

/* One more export of what @s has mapped, with an importer of its own. */
static struct scene another(const struct scene *s, uint32_t rights)
{
	struct scene other = *s;

	other.segment = export_of(s->rig, s->owner, s->mapping);
	other.id = rig_publish(s->rig, s->owner, other.segment);
	other.importer = rig_join(s->rig, 12);
	other.import = rig_import(s->rig, other.importer, other.id, rights);
	return other;
}

TEST(importers_of_a_shared_region_get_the_object_that_its_mappers_have)
{
	struct scene s = scene_up();

	EXPECT_EQ(s.importer->answer.attachment.kind, ATTACH_OBJECT_WRITE);
	EXPECT_EQ(s.importer->answer.attachment.object, s.object);
	EXPECT_EQ(s.import.size, 2 * RIG_PAGE);
	EXPECT_EQ(fake_object_find(&s.rig->fake, s.object)->copied, 0);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 1);
	rig_down(s.rig);
}

TEST(a_part_of_a_shared_region_is_exported_and_nothing_beyond_it)
{
	struct scene s = scene_up();
	struct message part = exporting(s.mapping);

	part.shared_export.offset = RIG_PAGE;
	EXPECT_EQ(rig_error(s.rig, s.owner, part), EINVAL);
	part.shared_export.size = RIG_PAGE;
	EXPECT_EQ(rig_error(s.rig, s.owner, part), 0);
	s.segment = s.owner->answer.message.segment_created.segment;
	s.id = rig_publish(s.rig, s.owner, s.segment);
	EXPECT_EQ(rig_import(s.rig, s.importer, s.id, 6).offset, RIG_PAGE);
	part.shared_export.offset = 1;
	EXPECT_EQ(rig_error(s.rig, s.owner, part), EINVAL);
	rig_down(s.rig);
}

TEST(only_a_mapping_of_its_own_is_what_a_process_exports)
{
	struct scene s = scene_up();

	EXPECT_EQ(rig_error(s.rig, s.importer, exporting(s.mapping)), EBADF);
	EXPECT_EQ(rig_error(s.rig, s.importer, exporting(s.import.import)), EBADF);
	EXPECT_EQ(rig_error(s.rig, s.owner, exporting(99)), EBADF);
	EXPECT_EQ(rig_error(s.rig, s.owner,
			    ASK(segment_rebind, .segment = s.segment,
				.region = rig_region(s.rig, s.owner, 2))),
		  ENOTSUP);
	rig_down(s.rig);
}

TEST(who_has_mapped_it_for_reading_lets_nobody_write)
{
	struct scene s = scene_of(0, READ);

	EXPECT_EQ(rig_error(s.rig, s.importer, connect_to(&s, 2)), EACCES);
	EXPECT_EQ(rig_error(s.rig, s.importer, connect_to(&s, 6)), EACCES);
	(void)rig_import(s.rig, s.importer, s.id, 4);
	EXPECT_EQ(s.importer->answer.attachment.kind, ATTACH_OBJECT_READ);
	rig_down(s.rig);
}

TEST(who_may_not_grant_may_not_export)
{
	struct scene s = scene_up();
	struct fake_client *holder = rig_join(s.rig, 10);
	uint64_t root = rig_root(s.rig, s.owner, s.shared);

	rig_map(s.rig, holder, s.shared,
		rig_derive(s.rig, s.owner, root, READ | WRITE | MAP, 3), ALL);
	EXPECT_EQ(rig_error(s.rig, holder, exporting(import_of(holder))), EACCES);
	rig_down(s.rig);
}

TEST(who_may_grant_exports_until_its_capability_is_revoked)
{
	struct scene s = scene_up();
	struct fake_client *holder = rig_join(s.rig, 10);
	uint64_t root = rig_root(s.rig, s.owner, s.shared);
	uint64_t token = rig_derive(s.rig, s.owner, root, READ | WRITE | GRANT | MAP, 3);
	struct scene other = s;

	rig_map(s.rig, holder, s.shared, token, ALL);
	other.segment = export_of(s.rig, holder, import_of(holder));
	other.id = rig_publish(s.rig, holder, other.segment);
	other.importer = rig_join(s.rig, 11);
	other.import = rig_import(s.rig, other.importer, other.id, 6);
	(void)rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = token, .force = ASKED));
	EXPECT(!rig_is_fresh(s.rig, &other.import));
	EXPECT(rig_is_fresh(s.rig, &s.import));
	(void)obey(&s, other.importer, MSG_import_revoked);
	rig_let_go(s.rig, holder);
	EXPECT_EQ(s.owner->answer.message.number, MSG_cap_revoked);
	/* And what the importer was given is replaced, though its exporter was only asked. */
	(void)obey(&s, s.owner, MSG_import_stall);
	EXPECT(survive(&s, s.importer) != s.object);
	(void)obey(&s, s.owner, MSG_import_moved);
	expect_fenced(&other);
	expect_lost(&other, holder);
	rig_down(s.rig);
}

TEST(unpublishing_replaces_the_memory_and_carries_everybody_else_along)
{
	struct scene s = scene_up(), other = another(&s, 4);
	uint64_t fresh;

	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(segment_unpublish, .segment = s.segment))->number,
		  0);
	(void)obey(&s, s.importer, MSG_import_revoked);
	(void)obey(&s, s.owner, MSG_import_stall);
	fresh = survive(&s, other.importer);
	EXPECT_EQ(s.owner->answer.message.number, 0);
	EXPECT_EQ(obey(&s, s.owner, MSG_import_moved).attachment.object, fresh);
	EXPECT_EQ(s.owner->answer.message.number, MSG_segment_withdrawn);
	EXPECT_EQ(s.owner->answer.message.segment_withdrawn.exposed, 0);
	EXPECT_EQ(fake_object_find(&s.rig->fake, fresh)->copied, 2 * RIG_PAGE);
	expect_fenced(&s);
	EXPECT_EQ(backing(&s, s.owner), 1);
	/* Nobody has it who was cut off: nothing more is copied. */
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(segment_destroy, .segment = s.segment)), 0);
	EXPECT_EQ(backing(&s, s.owner), 1);
	rig_down(s.rig);
}

TEST(what_nobody_imported_is_unpublished_without_a_copy)
{
	struct scene s = scene_of(0, ALL);

	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(segment_unpublish, .segment = s.segment))->number,
		  MSG_segment_withdrawn);
	EXPECT_EQ(backing(&s, s.owner), 0);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(shared_unmap, .shared = s.shared)), 0);
	EXPECT_EQ(backing(&s, s.owner), 0);
	rig_down(s.rig);
}

TEST(an_importer_that_closed_may_have_kept_what_it_had)
{
	struct scene s = scene_up();

	rig_tell(s.rig, s.importer, ASK(import_close, .import = s.import.import));
	(void)rig_ask(s.rig, s.owner, ASK(segment_destroy, .segment = s.segment));
	EXPECT(survive(&s, s.owner) != s.object);
	EXPECT_EQ(s.owner->answer.message.number, MSG_segment_withdrawn);
	expect_fenced(&s);
	rig_down(s.rig);
}

TEST(without_room_for_a_copy_an_export_is_destroyed_once_there_is_some)
{
	struct scene s = scene_up();
	struct message destroy = ASK(segment_destroy, .segment = s.segment);

	s.rig->fake.fail = -ENOMEM;
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(segment_unpublish, .segment = s.segment)),
		  ENOMEM);
	(void)obey(&s, s.importer, MSG_import_revoked);
	EXPECT_EQ(rig_error(s.rig, s.owner, destroy), ENOMEM);
	s.rig->fake.fail = 0;
	EXPECT_EQ(rig_ask(s.rig, s.owner, destroy)->number, 0);
	EXPECT(survive(&s, s.owner) != s.object);
	EXPECT_EQ(s.owner->answer.message.number, MSG_segment_withdrawn);
	expect_fenced(&s);
	rig_down(s.rig);
}

TEST(an_importer_that_does_not_answer_keeps_its_connection_and_nothing_else)
{
	struct scene s = scene_up(), other = another(&s, 6);
	uint64_t fresh;

	(void)rig_ask(s.rig, s.owner, ASK(segment_unpublish, .segment = s.segment));
	(void)obey(&s, s.owner, MSG_import_stall);
	rig_pass(s.rig, RIG_HEAR);
	work(&s);
	fresh = obey(&s, s.owner, MSG_import_moved).attachment.object;
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.owner->answer.message.number, MSG_segment_withdrawn);
	EXPECT(!rig_is_fresh(s.rig, &other.import));
	expect_fenced(&s);
	(void)obey(&s, other.importer, MSG_import_stall);
	EXPECT_EQ(rig_event(other.importer, MSG_import_moved).attachment.object, fresh);
	rig_down(s.rig);
}

TEST(unmapping_takes_back_what_was_exported_before_it_is_answered)
{
	struct scene s = scene_up();
	struct fake_client *mapper = rig_join(s.rig, 10);

	rig_map(s.rig, mapper, s.shared,
		rig_derive(s.rig, s.owner, rig_root(s.rig, s.owner, s.shared), READ | MAP, 3),
		READ);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(shared_unmap, .shared = s.shared))->number, 0);
	(void)obey(&s, s.importer, MSG_import_revoked);
	EXPECT(survive(&s, mapper) != s.object);
	EXPECT_EQ(s.owner->answer.message.number, MSG_shared_unmapped);
	expect_fenced(&s);
	expect_lost(&s, s.owner);
	rig_down(s.rig);
}

TEST(who_takes_a_mapping_from_its_exporter_takes_it_from_the_importers)
{
	struct scene s = scene_up();
	struct fake_client *holder = rig_join(s.rig, 10);
	uint64_t root = rig_root(s.rig, s.owner, s.shared);
	struct scene other = s;

	rig_map(s.rig, holder, s.shared,
		rig_derive(s.rig, s.owner, root, READ | WRITE | GRANT | MAP, 3), ALL);
	other.segment = export_of(s.rig, holder, import_of(holder));
	other.id = rig_publish(s.rig, holder, other.segment);
	other.importer = rig_join(s.rig, 11);
	other.import = rig_import(s.rig, other.importer, other.id, 6);
	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_unmap, .shared = s.shared, .process = 3, .force = FENCED));
	EXPECT(!rig_is_fresh(s.rig, &other.import));
	(void)obey(&s, s.owner, MSG_import_stall);
	(void)survive(&s, s.importer);
	(void)obey(&s, s.owner, MSG_import_moved);
	EXPECT_EQ(s.owner->answer.message.shared_unmapped.force, FENCED);
	expect_fenced(&other);
	/* Once is enough for all. */
	EXPECT_EQ(backing(&s, s.owner), 1);
	rig_let_go(s.rig, holder);
	expect_lost(&other, holder);
	rig_down(s.rig);
}

TEST(a_moved_region_is_not_its_former_owners_to_export)
{
	struct scene s = scene_up();
	struct fake_client *to = rig_join(s.rig, 10);
	uint64_t token;

	token = rig_ask(s.rig, s.owner,
			ASK(offer_make, .shared = s.shared, .process = 3, .mode = 0,
			    .force = FENCED))
			->offer_made.token;
	(void)rig_ask(s.rig, to, ASK(cap_take, .token = token));
	work(&s);
	EXPECT_EQ(to->answer.message.number, MSG_cap_known);
	(void)obey(&s, s.importer, MSG_import_revoked);
	expect_fenced(&s);
	rig_let_go(s.rig, s.owner);
	expect_lost(&s, s.owner);
	rig_down(s.rig);
}

TEST(a_region_that_is_given_away_is_exported_by_its_former_owner_no_more)
{
	struct scene s = scene_up();
	struct fake_client *to = rig_join(s.rig, 10);

	(void)to;
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(shared_give, .shared = s.shared, .process = 3))
			  ->number,
		  0);
	(void)obey(&s, s.importer, MSG_import_revoked);
	/* It keeps its mapping. */
	EXPECT(survive(&s, s.owner) != s.object);
	EXPECT_EQ(s.owner->answer.message.number, MSG_done);
	expect_fenced(&s);
	EXPECT_EQ(rig_error(s.rig, s.owner, exporting(s.mapping)), EACCES);
	expect_lost(&s, s.owner);
	rig_down(s.rig);
}

TEST(an_exporter_that_dies_leaves_mappers_and_takes_importers_along)
{
	struct scene s = scene_up();
	struct fake_client *mapper = rig_join(s.rig, 10);

	rig_map(s.rig, mapper, s.shared,
		rig_derive(s.rig, s.owner, rig_root(s.rig, s.owner, s.shared), READ | MAP, 3),
		READ);
	rig_leave(s.rig, s.owner);
	(void)obey(&s, s.importer, MSG_import_revoked);
	EXPECT(survive(&s, mapper) != s.object);
	expect_fenced(&s);
	rig_leave(s.rig, mapper);
	work(&s);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	rig_down(s.rig);
}

TEST(a_region_that_ends_with_its_exporter_is_not_copied_first)
{
	struct scene s = scene_up();

	rig_leave(s.rig, s.owner);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	(void)obey(&s, s.importer, MSG_import_revoked);
	rig_down(s.rig);
}

TEST(importers_who_write_hold_still_while_a_snapshot_is_made)
{
	struct scene s = scene_up();
	struct fake_client *to = rig_join(s.rig, 10);

	(void)to;
	(void)rig_ask(s.rig, s.owner,
		      ASK(offer_make, .shared = s.shared, .process = 3, .mode = 2));
	(void)obey(&s, s.owner, MSG_import_stall);
	EXPECT_EQ(s.owner->answer.message.number, 0);
	EXPECT_EQ(survive(&s, s.importer), s.object);
	(void)obey(&s, s.owner, MSG_import_moved);
	EXPECT_EQ(s.owner->answer.message.number, MSG_offer_made);
	EXPECT_EQ(s.owner->answer.message.offer_made.copied, 2 * RIG_PAGE);
	EXPECT(rig_is_fresh(s.rig, &s.import));
	rig_down(s.rig);
}

TEST(a_frozen_region_is_exported_for_reading_and_taken_back_without_a_copy)
{
	struct scene s = scene_of(4, READ);
	struct fake_client *to = rig_join(s.rig, 10);

	(void)to;
	s.import = rig_import(s.rig, s.importer, s.id, 4);
	EXPECT_EQ(rig_ask(s.rig, s.owner,
			  ASK(offer_make, .shared = s.shared, .process = 3, .mode = 2))
			  ->number,
		  MSG_offer_made);
	EXPECT_EQ(s.owner->answer.message.offer_made.copied, 0);
	EXPECT(rig_is_fresh(s.rig, &s.import));
	EXPECT_EQ(rig_error(s.rig, s.importer, connect_to(&s, 6)), EACCES);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(segment_unpublish, .segment = s.segment))->number,
		  MSG_segment_withdrawn);
	EXPECT(!rig_is_fresh(s.rig, &s.import));
	EXPECT_EQ(backing(&s, s.owner), 0);
	rig_down(s.rig);
}

TEST(importers_who_write_keep_a_region_from_being_frozen)
{
	struct scene s = scene_of(4, ALL);

	s.import = rig_import(s.rig, s.importer, s.id, 6);
	(void)rig_ask(s.rig, s.owner,
		      ASK(offer_make, .shared = s.shared, .process = 2, .mode = 2));
	EXPECT(!obey(&s, s.owner, MSG_import_stall).message.import_stall.release);
	(void)survive(&s, s.importer);
	(void)obey(&s, s.owner, MSG_import_moved);
	EXPECT_EQ(s.owner->answer.message.offer_made.copied, 2 * RIG_PAGE);
	rig_down(s.rig);
}

TEST(what_can_be_frozen_is_written_by_the_owners_user_alone)
{
	struct scene s = scene_of(4, ALL);
	struct fake_client *other = rig_join(s.rig, 11);

	EXPECT_EQ(rig_error(s.rig, other, connect_to(&s, 6)), EACCES);
	(void)rig_import(s.rig, other, s.id, 4);
	(void)rig_import(s.rig, s.importer, s.id, 6);
	rig_down(s.rig);
}

TEST(a_connection_waits_until_the_memory_is_replaced)
{
	struct scene s = scene_up(), other = s;
	struct fake_client *late = rig_join(s.rig, 12);

	other.segment = export_of(s.rig, s.owner, s.mapping);
	other.id = rig_publish(s.rig, s.owner, other.segment);
	(void)rig_ask(s.rig, s.owner, ASK(segment_destroy, .segment = s.segment));
	/* Who is to hold still is not kept waiting, for it could not answer that. */
	(void)rig_ask(s.rig, late, connect_to(&other, 6));
	EXPECT_EQ(late->answer.message.number, 0);
	(void)survive(&s, s.owner);
	EXPECT_EQ(late->answer.message.number, MSG_import_connected);
	EXPECT(late->answer.attachment.object != s.object);
	rig_down(s.rig);
}

TEST(who_is_to_hold_still_does_not_wait_for_itself_to_do_it)
{
	struct scene s = scene_up(), other = s;
	struct fake_client *mapper = rig_join(s.rig, 10);

	rig_map(s.rig, mapper, s.shared,
		rig_derive(s.rig, s.owner, rig_root(s.rig, s.owner, s.shared), READ | MAP, 3),
		READ);
	other.segment = export_of(s.rig, s.owner, s.mapping);
	other.id = rig_publish(s.rig, s.owner, other.segment);
	(void)rig_ask(s.rig, s.owner, ASK(segment_destroy, .segment = s.segment));
	EXPECT_EQ(rig_error(s.rig, mapper, connect_to(&other, 4)), EAGAIN);
	rig_down(s.rig);
}

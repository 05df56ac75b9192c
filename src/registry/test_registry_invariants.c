/* SPDX-License-Identifier: MIT */
/*
 * The invariants of shared regions that have a number: each is found by it when it is not true.
 */
#include <errno.h>
#include <string.h>

#include "registry/holding.h"
#include "registry/mapping.h"
#include "registry/rig.h"
#include "registry/shared.h"
#include "registry/snapshot.h"

/* An owner who has his region mapped, and another who shares it. */
struct scene {
	struct rig *rig;
	struct fake_client *owner, *other;
	struct client *holder;
	struct shared *shared;
	struct mapping *mapping; /* the other's */
	uint64_t token;
};

static uint64_t map_token(struct scene *s, uint64_t token, uint32_t permission)
{
	const struct message *answer = rig_ask(
		s->rig, s->other,
		ASK(cap_map, .token = token, .permission = permission, .address = 0x20000));

	EXPECT_EQ(answer->number, MSG_shared_mapped);
	return answer->shared_mapped.import;
}

static uint64_t offer(struct scene *s, uint32_t mode)
{
	const struct message *answer = rig_ask(
		s->rig, s->owner, ASK(offer_make, .shared = 1, .process = 2, .mode = mode));

	EXPECT_EQ(answer->number, MSG_offer_made);
	return answer->offer_made.token;
}

static struct scene scene_up(void)
{
	struct scene s = { .rig = rig_up() };

	s.owner = rig_join(s.rig, 10);
	s.other = rig_join(s.rig, 10);
	(void)rig_ask(
		s.rig, s.owner,
		ASK(shared_create, .size = 2 * RIG_PAGE, .ceiling = 3, .node = UINT32_MAX));
	EXPECT_EQ(rig_ask(s.rig, s.owner,
			  ASK(shared_map, .shared = 1, .permission = 3, .address = 0x10000))
			  ->number,
		  MSG_shared_mapped);
	s.token = offer(&s, 1);
	(void)map_token(&s, s.token, 3);
	s.shared = shared_find(s.rig->registry, 1);
	s.holder = client_find(s.rig->registry, s.other->id);
	s.mapping = shared_mapping_of(s.shared, s.holder);
	EXPECT(s.mapping != NULL);
	return s;
}

static void expect_broken(const struct scene *s, const char *number)
{
	const char *broken = "nothing";

	EXPECT(!registry_check(s->rig->registry, &broken));
	EXPECT_OR_SAY(strncmp(broken, number, strlen(number)) == 0 &&
			      broken[strlen(number)] == ':',
		      "%s was found instead of %s", broken, number);
}

static void scene_down(struct scene *s)
{
	rig_check(s->rig);
	rig_down(s->rig);
}

TEST(v_1_a_region_has_one_owner_or_is_an_orphan)
{
	struct scene s = scene_up();
	struct client *owner = s.shared->owner;

	s.shared->owner = s.holder;
	expect_broken(&s, "V-1");
	s.shared->owner = NULL;
	expect_broken(&s, "V-1");
	s.shared->owner = owner;
	scene_down(&s);
}

TEST(v_2_references_are_what_is_mapped_and_what_may_be_taken)
{
	struct scene s = scene_up();

	s.shared->mapped++;
	expect_broken(&s, "V-2");
	s.shared->mapped--;
	(void)offer(&s, 1);
	s.shared->caps.offers--;
	expect_broken(&s, "V-2");
	s.shared->caps.offers++;
	scene_down(&s);
}

TEST(v_3_a_mapping_has_no_more_than_its_capability_which_has_no_more_than_the_ceiling)
{
	struct scene s = scene_up();
	uint32_t rights = s.mapping->cap->rights;

	s.mapping->cap->rights = CAP_READ | CAP_MAP;
	expect_broken(&s, "V-3");
	s.mapping->cap->rights = rights;
	s.shared->ceiling = PERMIT_READ;
	expect_broken(&s, "V-3");
	s.shared->ceiling = 3;
	scene_down(&s);
}

TEST(v_4_a_child_has_no_more_than_its_parent)
{
	struct scene s = scene_up();
	uint32_t rights = s.shared->caps.root->rights;

	s.shared->caps.root->rights = CAP_READ | CAP_MANAGEMENT;
	expect_broken(&s, "V-4");
	s.shared->caps.root->rights = rights;
	scene_down(&s);
}

TEST(v_5_what_lives_has_a_parent_that_lives)
{
	struct scene s = scene_up();

	uint64_t other = offer(&s, 1);
	struct cap *offered = cap_find(&s.holder->caps, other);

	offered->state = CAP_REVOKED;
	expect_broken(&s, "V-5");
	offered->state = CAP_OFFERED;
	scene_down(&s);
}

TEST(v_6_numbers_are_not_used_again)
{
	struct scene s = scene_up();

	s.rig->registry->last_shared = 0;
	expect_broken(&s, "V-6");
	s.rig->registry->last_shared = 1;
	s.rig->registry->caps.last_id--;
	expect_broken(&s, "V-6");
	s.rig->registry->caps.last_id++;
	scene_down(&s);
}

TEST(v_7_a_process_has_one_mapping_of_a_region)
{
	struct scene s = scene_up();
	struct client *owner = s.shared->owner;
	struct mapping *own = shared_mapping_of(s.shared, owner);

	/* Two of the owner's, then. */
	s.mapping->import->client = owner;
	EXPECT(!registry_check(s.rig->registry, &(const char *){ "" }));
	s.mapping->import->client = s.holder;
	EXPECT(own != s.mapping);
	EXPECT_EQ(rig_error(s.rig, s.other,
			    ASK(shared_map, .shared = 1, .permission = 1, .address = 0x90000)),
		  EEXIST);
	scene_down(&s);
}

TEST(v_8_nothing_is_of_the_dead)
{
	struct scene s = scene_up();

	s.holder->leaving = true;
	EXPECT(!registry_check(s.rig->registry, &(const char *){ "" }));
	s.holder->leaving = false;
	rig_leave(s.rig, s.other);
	EXPECT_EQ(s.shared->mapped, 1);
	EXPECT_EQ(s.shared->caps.live, 1);
	scene_down(&s);
}

TEST(v_9_a_region_keeps_its_size)
{
	struct scene s = scene_up();

	s.shared->window->size -= RIG_PAGE;
	expect_broken(&s, "V-9");
	s.shared->window->size += RIG_PAGE;
	scene_down(&s);
}

TEST(v_10_who_was_fenced_off_has_not_what_others_have)
{
	struct scene s = scene_up();
	struct import *import = s.mapping->import;

	(void)rig_ask(s.rig, s.owner, ASK(shared_unmap, .shared = 1, .process = 2, .force = 2));
	(void)rig_obey(s.rig, s.owner, MSG_import_stall);
	rig_pass(s.rig, 0);
	(void)rig_obey(s.rig, s.owner, MSG_import_moved);
	EXPECT_EQ(s.owner->answer.message.shared_unmapped.force, 2);
	EXPECT(import->fenced && import->object != s.shared->region->object);
	import->object = s.shared->region->object;
	expect_broken(&s, "V-10");
	import->object = 0;
	scene_down(&s);
}

TEST(v_11_a_snapshot_is_written_by_nobody)
{
	struct scene s = scene_up();
	struct snapshot *snapshot;
	uint64_t object;

	EXPECT_EQ(rig_error(s.rig, s.other, ASK(shared_unmap, .shared = 1)), 0);
	(void)rig_ask(s.rig, s.owner, ASK(offer_make, .shared = 1, .process = 2, .mode = 2));
	(void)rig_obey(s.rig, s.owner, MSG_import_stall);
	rig_pass(s.rig, 0);
	(void)rig_obey(s.rig, s.owner, MSG_import_moved);
	EXPECT_EQ(s.owner->answer.message.offer_made.copied, 2 * RIG_PAGE);
	(void)map_token(&s, s.owner->answer.message.offer_made.token, 3);
	EXPECT(s.other->answer.message.shared_mapped.private);
	snapshot = LIST_FIRST(&s.shared->snapshots);
	LIST_FIRST(&snapshot->window->imports)->mapping->private = false;
	EXPECT(!registry_check(s.rig->registry, &(const char *){ "" }));
	LIST_FIRST(&snapshot->window->imports)->mapping->private = true;
	object = snapshot->region->object;
	snapshot->region->object = s.shared->region->object;
	expect_broken(&s, "V-11");
	snapshot->region->object = object;
	scene_down(&s);
}

TEST(v_12_what_is_told_is_in_force)
{
	struct scene s = scene_up();

	s.shared->cache = 2;
	expect_broken(&s, "V-12");
	s.shared->cache = 0;
	s.shared->flags = SHARED_FREEZABLE;
	expect_broken(&s, "V-12");
	s.shared->flags = 0;
	s.shared->node = 0;
	expect_broken(&s, "V-12");
	s.shared->node = UINT32_MAX;
	scene_down(&s);
}

TEST(v_13_mappings_of_a_process_do_not_overlap)
{
	struct scene s = scene_up();
	struct message second;

	(void)rig_ask(s.rig, s.other,
		      ASK(shared_create, .size = RIG_PAGE, .ceiling = 3, .node = UINT32_MAX));
	second = ASK(shared_map, .shared = 2, .permission = 3, .address = 0x20000 + RIG_PAGE);
	EXPECT_EQ(rig_error(s.rig, s.other, second), EADDRINUSE);
	second.shared_map.address = 0x20000 + 2 * RIG_PAGE;
	EXPECT_EQ(rig_error(s.rig, s.other, second), 0);
	s.mapping->address += RIG_PAGE;
	expect_broken(&s, "V-13");
	s.mapping->address -= RIG_PAGE;
	scene_down(&s);
}

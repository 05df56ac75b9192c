/* SPDX-License-Identifier: MIT */
/* Regions that have an owner: making, mapping, giving away, ending. */
#include <errno.h>

#include "registry/rig.h"

static struct message create(uint64_t size, uint32_t ceiling)
{
	return ASK(shared_create, .size = size, .ceiling = ceiling, .node = UINT32_MAX);
}

static uint64_t make(struct rig *rig, struct fake_client *owner)
{
	const struct message *answer = rig_ask(rig, owner, create(2 * RIG_PAGE, 3));

	EXPECT_EQ(answer->number, MSG_shared_known);
	return answer->shared_known.shared;
}

static struct message map(uint64_t shared, uint32_t permission)
{
	return ASK(shared_map, .shared = shared, .permission = permission, .address = 0x10000);
}

static void expect_mapped(struct rig *rig, struct fake_client *client, uint64_t shared,
			  uint32_t permission)
{
	EXPECT_EQ(rig_ask(rig, client, map(shared, permission))->number, MSG_shared_mapped);
}

static uint64_t owner_of(struct rig *rig, struct fake_client *client, uint64_t shared)
{
	return rig_ask(rig, client, ASK(shared_open, .shared = shared))->shared_known.owner;
}

TEST(numbers_count_from_one_and_are_not_used_again)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10);

	EXPECT_EQ(make(rig, owner), 1);
	EXPECT_EQ(make(rig, owner), 2);
	EXPECT_EQ(rig_error(rig, owner, ASK(shared_destroy, .shared = 2)), 0);
	EXPECT_EQ(make(rig, owner), 3);
	rig_down(rig);
}

TEST(a_process_has_a_number_that_counts_from_one)
{
	struct rig *rig = rig_up();
	struct fake_client *first = rig_join(rig, 10), *second = rig_join(rig, 10);

	EXPECT_EQ(owner_of(rig, first, make(rig, first)), 1);
	EXPECT_EQ(owner_of(rig, second, make(rig, second)), 2);
	rig_down(rig);
}

TEST(sizes_are_rounded_up_to_pages)
{
	static const uint64_t sizes[][2] = { { 1, RIG_PAGE },
					     { RIG_PAGE, RIG_PAGE },
					     { RIG_PAGE + 1, 2 * RIG_PAGE },
					     { 2 * RIG_PAGE, 2 * RIG_PAGE } };
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10);

	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(rig_ask(rig, owner, create(sizes[i][0], 3))->shared_known.size,
			  sizes[i][1]);
	EXPECT_EQ(rig_error(rig, owner, create(0, 3)), EINVAL);
	EXPECT_EQ(rig_error(rig, owner, create(UINT64_MAX, 3)), EINVAL);
	EXPECT_EQ(rig_error(rig, owner, create(UINT64_MAX - RIG_PAGE, 3)), EDQUOT);
	rig_down(rig);
}

TEST(a_ceiling_is_one_of_five)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10);

	for (uint32_t ceiling = 0; ceiling < 16; ceiling++)
		EXPECT_EQ(rig_error(rig, owner, create(1, ceiling)),
			  ceiling == 1 || ceiling == 3 || ceiling == 4 || ceiling == 5 ||
					  ceiling == 7
				  ? 0
				  : EBADMSG);
	rig_down(rig);
}

TEST(no_mapping_goes_beyond_the_ceiling)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10);
	uint64_t shared = rig_ask(rig, owner, create(1, 1))->shared_known.shared;

	EXPECT_EQ(rig_error(rig, owner, map(shared, 3)), EACCES);
	EXPECT_EQ(rig_error(rig, owner, map(shared, 5)), EACCES);
	EXPECT_EQ(rig_error(rig, owner, map(shared, 2)), EBADMSG);
	expect_mapped(rig, owner, shared, 1);
	EXPECT_EQ(owner->answer.attachment.kind, ATTACH_OBJECT_READ);
	rig_down(rig);
}

TEST(a_process_maps_a_region_once_at_a_time)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10);
	uint64_t shared = make(rig, owner);
	struct message where = ASK(shared_where, .shared = shared, .process = 1);
	struct message unmap = ASK(shared_unmap, .shared = shared);

	EXPECT_EQ(rig_error(rig, owner, where), ENOENT);
	expect_mapped(rig, owner, shared, 3);
	EXPECT_EQ(owner->answer.attachment.kind, ATTACH_OBJECT_WRITE);
	EXPECT_EQ(rig_error(rig, owner, map(shared, 1)), EEXIST);
	EXPECT_EQ(rig_ask(rig, owner, where)->shared_there.address, 0x10000);
	EXPECT_EQ(owner->answer.message.shared_there.permission, 3);
	EXPECT_EQ(rig_error(rig, owner, unmap), 0);
	EXPECT_EQ(rig_error(rig, owner, unmap), ENXIO);
	EXPECT_EQ(rig_error(rig, owner, where), ENOENT);
	expect_mapped(rig, owner, shared, 1);
	rig_down(rig);
}

TEST(what_is_mapped_is_not_ended)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10);
	uint64_t shared = make(rig, owner);
	struct message destroy = ASK(shared_destroy, .shared = shared);

	expect_mapped(rig, owner, shared, 3);
	EXPECT_EQ(rig_error(rig, owner, destroy), EBUSY);
	EXPECT_EQ(rig_error(rig, owner, ASK(shared_unmap, .shared = shared)), 0);
	EXPECT_EQ(rig_error(rig, owner, destroy), 0);
	EXPECT_EQ(rig_error(rig, owner, destroy), ENOENT);
	EXPECT_EQ(fake_object_count(&rig->fake), 0);
	rig_down(rig);
}

TEST(a_region_that_is_none_of_ones_business_is_not_there_and_nothing_is_done_to_it)
{
	struct rig *rig = rig_up();
	struct fake_client *owner = rig_join(rig, 10), *other = rig_join(rig, 10);
	uint64_t shared = make(rig, owner);

	EXPECT_EQ(rig_error(rig, other, ASK(shared_open, .shared = shared)), ENOENT);
	EXPECT_EQ(rig_error(rig, other, ASK(shared_where, .shared = shared, .process = 1)),
		  ENOENT);
	EXPECT_EQ(rig_error(rig, other, ASK(shared_open, .shared = 77)), ENOENT);
	/* Who knows its number may have opened it before. */
	EXPECT_EQ(rig_error(rig, other, map(shared, 1)), EACCES);
	EXPECT_EQ(rig_error(rig, other, ASK(shared_destroy, .shared = shared)), EACCES);
	EXPECT_EQ(rig_error(rig, other, ASK(shared_unmap, .shared = shared, .process = 1)),
		  EACCES);
	EXPECT_EQ(rig_error(rig, other, ASK(shared_give, .shared = shared, .process = 2)),
		  EACCES);
	EXPECT_EQ(rig_error(rig, other, map(77, 1)), ENOENT);
	rig_down(rig);
}

/* The owner before has it mapped, and another owns it. */
struct scene {
	struct rig *rig;
	struct fake_client *before, *owner;
	uint64_t shared;
};

static struct scene scene_up(uint32_t uid)
{
	struct scene s = { .rig = rig_up() };

	s.before = rig_join(s.rig, 10);
	s.owner = rig_join(s.rig, uid);
	s.shared = make(s.rig, s.before);
	expect_mapped(s.rig, s.before, s.shared, 3);
	EXPECT_EQ(
		rig_error(s.rig, s.before, ASK(shared_give, .shared = s.shared, .process = 2)),
		0);
	return s;
}

TEST(a_region_has_one_owner_who_can_be_another)
{
	struct scene s = scene_up(11);

	EXPECT_EQ(owner_of(s.rig, s.before, s.shared), 2);
	EXPECT_EQ(owner_of(s.rig, s.owner, s.shared), 2);
	EXPECT_EQ(
		rig_error(s.rig, s.before, ASK(shared_give, .shared = s.shared, .process = 1)),
		EACCES);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(shared_give, .shared = s.shared, .process = 9)),
		  ESRCH);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(shared_give, .shared = s.shared, .process = 2)),
		  0);
	rig_down(s.rig);
}

TEST(who_owned_a_region_keeps_its_mapping_until_the_owner_takes_it)
{
	struct scene s = scene_up(10);
	struct message unmap =
		ASK(shared_unmap, .shared = s.shared, .process = 1, .force = 255);

	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(shared_where, .shared = s.shared, .process = 1))
			  ->number,
		  MSG_shared_there);
	EXPECT_EQ(rig_ask(s.rig, s.owner, unmap)->number, 0);
	(void)rig_obey(s.rig, s.before, MSG_import_revoked);
	EXPECT_EQ(s.owner->answer.message.number, MSG_shared_unmapped);
	EXPECT_EQ(s.owner->answer.message.shared_unmapped.force, 0);
	EXPECT_EQ(rig_error(s.rig, s.owner, unmap), ENXIO);
	rig_down(s.rig);
}

TEST(who_does_not_answer_is_not_taken_for_gone)
{
	struct scene s = scene_up(10);

	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_unmap, .shared = s.shared, .process = 1, .force = 0));
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.owner->answer.message.refused.error, ETIMEDOUT);
	rig_down(s.rig);
}

TEST(who_says_that_it_let_go_and_did_not_is_found_out)
{
	struct scene s = scene_up(10);

	s.before->holds.mappings = 1;
	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_unmap, .shared = s.shared, .process = 1, .force = 1));
	(void)rig_obey(s.rig, s.before, MSG_import_revoked);
	EXPECT_EQ(s.owner->answer.message.refused.error, EREMOTEIO);
	rig_down(s.rig);
}

TEST(who_cannot_be_looked_at_is_not_verified)
{
	struct scene s = scene_up(10);

	s.before->hidden = -EACCES;
	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_unmap, .shared = s.shared, .process = 1, .force = 1));
	(void)rig_obey(s.rig, s.before, MSG_import_revoked);
	EXPECT_EQ(s.owner->answer.message.refused.error, EREMOTEIO);
	rig_down(s.rig);
}

TEST(a_fence_waits_for_no_answer_of_who_may_be_hostile)
{
	struct scene s = scene_up(11);

	expect_mapped(s.rig, s.owner, s.shared, 3);
	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_unmap, .shared = s.shared, .process = 1, .force = 255));
	/* The owner is told to hold still, copied for, and told where its memory is now. */
	(void)rig_obey(s.rig, s.owner, MSG_import_stall);
	EXPECT_EQ(rig_error(s.rig, s.before, map(s.shared, 1)), EACCES);
	rig_pass(s.rig, 0);
	(void)rig_obey(s.rig, s.owner, MSG_import_moved);
	EXPECT_EQ(s.owner->answer.message.number, MSG_shared_unmapped);
	EXPECT_EQ(s.owner->answer.message.shared_unmapped.force, 2);
	EXPECT_EQ(s.owner->answer.message.shared_unmapped.copied, 2 * RIG_PAGE);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 1);
	rig_down(s.rig);
}

TEST(a_fence_is_not_done_before_the_old_memory_is_empty)
{
	struct scene s = scene_up(11);

	expect_mapped(s.rig, s.owner, s.shared, 3);
	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_unmap, .shared = s.shared, .process = 1, .force = 2));
	(void)rig_obey(s.rig, s.owner, MSG_import_stall);
	s.rig->fake.emptying = 3;
	rig_pass(s.rig, 0);
	(void)rig_obey(s.rig, s.owner, MSG_import_moved);
	EXPECT_EQ(s.owner->answer.message.number, 0);
	rig_pass(s.rig, 0);
	EXPECT_EQ(s.owner->answer.message.number, 0);
	rig_pass(s.rig, 0);
	EXPECT_EQ(s.owner->answer.message.number, MSG_shared_unmapped);
	EXPECT_EQ(s.owner->answer.message.shared_unmapped.force, 2);
	rig_down(s.rig);
}

TEST(a_fence_that_cannot_copy_keeps_what_there_is_and_says_so)
{
	struct scene s = scene_up(11);
	struct fake_said moved;

	expect_mapped(s.rig, s.owner, s.shared, 3);
	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_unmap, .shared = s.shared, .process = 1, .force = 2));
	(void)rig_obey(s.rig, s.owner, MSG_import_stall);
	s.rig->fake.fail_page = -ENOMEM;
	rig_pass(s.rig, 0);
	s.rig->fake.fail_page = 0;
	moved = rig_obey(s.rig, s.owner, MSG_import_moved);
	EXPECT_EQ(fake_object_find(&s.rig->fake, moved.attachment.object)->copied, 0);
	EXPECT_EQ(s.owner->answer.message.refused.error, ENOMEM);
	rig_down(s.rig);
}

TEST(a_kill_ends_the_process)
{
	struct scene s = scene_up(11);

	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_unmap, .shared = s.shared, .process = 1, .force = 3));
	(void)rig_obey(s.rig, s.before, MSG_import_revoked);
	EXPECT(s.before->killed);
	EXPECT_EQ(s.owner->answer.message.number, 0);
	rig_leave(s.rig, s.before);
	EXPECT_EQ(s.owner->answer.message.number, MSG_shared_unmapped);
	rig_down(s.rig);
}

TEST(a_takeback_goes_on_when_who_asked_for_it_has_gone)
{
	struct scene s = scene_up(11);

	expect_mapped(s.rig, s.owner, s.shared, 3);
	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_unmap, .shared = s.shared, .process = 1, .force = 2));
	rig_leave(s.rig, s.owner);
	/* Nobody else has it. */
	rig_pass(s.rig, RIG_HEAR);
	rig_pass(s.rig, 0);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	rig_down(s.rig);
}

TEST(a_region_whose_owner_died_lives_as_long_as_it_is_mapped)
{
	struct scene s = scene_up(11);

	rig_leave(s.rig, s.owner);
	EXPECT_EQ(owner_of(s.rig, s.before, s.shared), 0);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 1);
	EXPECT_EQ(rig_error(s.rig, s.before, ASK(shared_unmap, .shared = s.shared)), 0);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	rig_down(s.rig);
}

TEST(what_the_dead_had_mapped_is_mapped_no_more)
{
	struct scene s = scene_up(11);

	rig_leave(s.rig, s.before);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(shared_destroy, .shared = s.shared)), 0);
	rig_down(s.rig);
}

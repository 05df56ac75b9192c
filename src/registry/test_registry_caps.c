/* SPDX-License-Identifier: MIT */
/* Capabilities on shared regions: who maps by them, what ends with them, and who is told. */
#include <errno.h>

#include "base/clock.h"
#include "registry/rig.h"

#define READING 0x41u
#define WRITING 0x43u

struct scene {
	struct rig *rig;
	struct fake_client *owner, *other, *third; /* processes 1, 2, 3 */
	uint64_t shared, root;
};

static struct scene scene_up_with(uint32_t uid, uint32_t flags)
{
	struct scene s = { .rig = rig_up() };
	const struct message *answer;

	s.owner = rig_join(s.rig, 10);
	s.other = rig_join(s.rig, uid);
	s.third = rig_join(s.rig, uid);
	answer = rig_ask(s.rig, s.owner,
			 ASK(shared_create, .size = 2 * RIG_PAGE, .ceiling = 3,
			     .node = UINT32_MAX, .flags = flags));
	EXPECT_EQ(answer->number, MSG_shared_known);
	s.shared = answer->shared_known.shared;
	s.root = rig_ask(s.rig, s.owner, ASK(cap_root, .shared = s.shared))->cap_known.token;
	return s;
}

static struct scene scene_up(void)
{
	return scene_up_with(10, 0);
}

static uint64_t derive(struct scene *s, struct fake_client *by, uint64_t parent,
		       uint32_t rights, uint64_t process)
{
	const struct message *answer = rig_ask(
		s->rig, by,
		ASK(cap_derive, .parent = parent, .rights = rights, .process = process));

	EXPECT_EQ(answer->number, MSG_cap_known);
	return answer->cap_known.token;
}

static struct message map_by(uint64_t token, uint32_t permission)
{
	return ASK(cap_map, .token = token, .permission = permission, .address = 0x20000);
}

static struct message map(uint64_t shared, uint32_t permission)
{
	return ASK(shared_map, .shared = shared, .permission = permission, .address = 0x40000);
}

static uint64_t offer(struct scene *s, uint32_t mode, uint32_t force)
{
	const struct message *answer =
		rig_ask(s->rig, s->owner,
			ASK(offer_make, .shared = s->shared, .process = 2, .mode = mode,
			    .force = force, .watched = mode == 0 || mode == 0x100));

	EXPECT_EQ(answer->number, MSG_offer_made);
	return answer->offer_made.token;
}

/* ---- capabilities ------------------------------------------------------------------------ */

TEST(a_token_is_of_use_to_its_holder_alone)
{
	struct scene s = scene_up();
	uint64_t token = derive(&s, s.owner, s.root, WRITING, 2);

	EXPECT_EQ(rig_error(s.rig, s.third, map_by(token, 1)), EBADF);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(cap_check, .token = token)), EBADF);
	for (int bit = 0; bit < 64; bit++)
		EXPECT_EQ(rig_error(s.rig, s.other,
				    ASK(cap_check, .token = token ^ (UINT64_C(1) << bit))),
			  EBADF);
	EXPECT_EQ(
		rig_error(s.rig, s.other, ASK(cap_check, .token = token, .required = WRITING)),
		0);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(cap_check, .token = token, .required = 8)),
		  EACCES);
	rig_down(s.rig);
}

TEST(who_maps_by_a_capability_maps_no_more_than_it_says)
{
	struct scene s = scene_up();
	uint64_t token = derive(&s, s.owner, s.root, READING, 2);

	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 3)), EACCES);
	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 1)), 0);
	EXPECT_EQ(s.other->answer.attachment.kind, ATTACH_OBJECT_READ);
	EXPECT_EQ(rig_error(s.rig, s.other, map(s.shared, 1)), EEXIST);
	rig_down(s.rig);
}

TEST(without_the_right_to_map_nothing_is_mapped)
{
	struct scene s = scene_up();
	uint64_t token = derive(&s, s.owner, s.root, 0x3, 2);

	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 1)), EACCES);
	EXPECT_EQ(rig_error(s.rig, s.other, map(s.shared, 1)), EACCES);
	rig_down(s.rig);
}

TEST(what_is_held_maps_by_the_regions_number_too)
{
	struct scene s = scene_up();
	uint64_t token = derive(&s, s.owner, s.root, WRITING, 2);

	/* An offer is no authority before it is taken. */
	EXPECT_EQ(rig_error(s.rig, s.other, map(s.shared, 1)), EACCES);
	EXPECT_EQ(rig_ask(s.rig, s.other, ASK(cap_take, .token = token))->cap_known.state, 2);
	EXPECT_EQ(rig_error(s.rig, s.other, map(s.shared, 3)), 0);
	rig_down(s.rig);
}

TEST(revoking_ends_the_whole_subtree_and_what_was_mapped_by_it)
{
	struct scene s = scene_up();
	uint64_t token = derive(&s, s.owner, s.root, WRITING | 8, 2), child;
	struct message revoke = ASK(cap_revoke, .token = token);

	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 3)), 0);
	child = derive(&s, s.other, token, READING, 3);
	EXPECT_EQ(rig_error(s.rig, s.third, map_by(child, 1)), 0);
	EXPECT_EQ(rig_ask(s.rig, s.owner, revoke)->number, 0);
	/* Authority has ended before anybody answers. */
	EXPECT_EQ(rig_error(s.rig, s.third, ASK(cap_check, .token = child)), EBADF);
	(void)rig_event(s.other, MSG_shared_news);
	(void)rig_obey(s.rig, s.other, MSG_import_revoked);
	(void)rig_event(s.third, MSG_shared_news);
	(void)rig_obey(s.rig, s.third, MSG_import_revoked);
	EXPECT_EQ(s.owner->answer.message.cap_revoked.count, 2);
	EXPECT_EQ(rig_ask(s.rig, s.owner, revoke)->cap_revoked.count, 0);
	rig_down(s.rig);
}

TEST(who_revokes_another_users_access_fences_it_unless_he_says_otherwise)
{
	struct scene s = scene_up_with(11, 0);
	uint64_t token = derive(&s, s.owner, s.root, WRITING, 2);

	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 3)), 0);
	/* Also from who has unmapped it, for he may have kept a descriptor. */
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(shared_unmap, .shared = s.shared)), 0);
	(void)rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = token, .force = 255));
	rig_pass(s.rig, 0);
	EXPECT_EQ(s.owner->answer.message.cap_revoked.force, 2);
	EXPECT_EQ(s.owner->answer.message.cap_revoked.copied, 2 * RIG_PAGE);
	rig_down(s.rig);
}

TEST(who_unmapped_and_kept_a_descriptor_is_found_by_verification)
{
	struct scene s = scene_up();
	uint64_t token = derive(&s, s.owner, s.root, WRITING, 2);

	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 3)), 0);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(shared_unmap, .shared = s.shared)), 0);
	s.other->holds.descriptors = 1;
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(cap_revoke, .token = token, .force = 1)),
		  EREMOTEIO);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(cap_check, .token = token)), EBADF);
	rig_down(s.rig);
}

TEST(a_takeback_waits_for_the_one_before_and_authority_does_not)
{
	struct scene s = scene_up();
	uint64_t one = derive(&s, s.owner, s.root, WRITING, 2);
	uint64_t two = derive(&s, s.owner, s.root, WRITING, 3);

	EXPECT_EQ(rig_error(s.rig, s.other, map_by(one, 3)), 0);
	EXPECT_EQ(rig_error(s.rig, s.third, map_by(two, 3)), 0);
	(void)rig_obey(s.rig, s.third, MSG_shared_news);
	(void)rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = one, .force = 2));
	/* The third stalls; meanwhile it gives its own up. */
	(void)rig_ask(s.rig, s.third, ASK(cap_revoke, .token = two, .force = 0));
	EXPECT_EQ(s.third->answer.message.number, 0);
	(void)rig_obey(s.rig, s.third, MSG_import_stall);
	rig_pass(s.rig, 0);
	(void)rig_obey(s.rig, s.third, MSG_shared_news);
	(void)rig_obey(s.rig, s.third, MSG_import_moved);
	EXPECT_EQ(s.owner->answer.message.cap_revoked.force, 2);
	(void)rig_obey(s.rig, s.third, MSG_import_revoked);
	EXPECT_EQ(s.third->answer.message.cap_revoked.count, 1);
	rig_down(s.rig);
}

TEST(a_process_holds_so_many_and_no_more)
{
	struct scene s = scene_up();
	uint64_t token = 0;

	for (uint32_t i = 0; i < s.rig->config.caps_max; i++)
		token = derive(&s, s.owner, s.root, READING, 2);
	EXPECT_EQ(rig_error(s.rig, s.owner,
			    ASK(cap_derive, .parent = s.root, .rights = READING, .process = 2)),
		  EDQUOT);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(cap_delete, .token = token)), 0);
	(void)derive(&s, s.owner, s.root, READING, 2);
	rig_down(s.rig);
}

TEST(a_holder_that_dies_leaves_its_children_to_its_parent)
{
	struct scene s = scene_up();
	uint64_t token = derive(&s, s.owner, s.root, WRITING | 8, 2), child;

	EXPECT_EQ(rig_error(s.rig, s.other, ASK(cap_take, .token = token)), 0);
	child = derive(&s, s.other, token, READING, 3);
	rig_leave(s.rig, s.other);
	EXPECT_EQ(rig_error(s.rig, s.third, map_by(child, 1)), 0);
	(void)rig_obey(s.rig, s.owner, MSG_shared_news);
	EXPECT_EQ(
		rig_ask(s.rig, s.owner, ASK(cap_notice_next, .keep = true))->cap_notice.reason,
		2);
	(void)rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = child));
	(void)rig_event(s.third, MSG_shared_news);
	(void)rig_obey(s.rig, s.third, MSG_import_revoked);
	EXPECT_EQ(s.owner->answer.message.cap_revoked.count, 1);
	rig_down(s.rig);
}

/* ---- grants and offers ------------------------------------------------------------------- */

TEST(a_grant_is_taken_up_by_mapping_and_withdrawn_by_unmapping)
{
	struct scene s = scene_up();
	struct message grant =
		ASK(shared_grant, .shared = s.shared, .process = 2, .permission = 1);

	EXPECT_EQ(rig_error(s.rig, s.owner, grant), 0);
	EXPECT_EQ(rig_error(s.rig, s.owner, grant), 0);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(shared_destroy, .shared = s.shared)), EBUSY);
	EXPECT_EQ(rig_error(s.rig, s.other, map(s.shared, 3)), EACCES);
	EXPECT_EQ(
		rig_error(s.rig, s.owner, ASK(shared_unmap, .shared = s.shared, .process = 2)),
		0);
	EXPECT_EQ(rig_error(s.rig, s.other, map(s.shared, 1)), EACCES);
	EXPECT_EQ(rig_error(s.rig, s.owner, grant), 0);
	EXPECT_EQ(rig_error(s.rig, s.other, map(s.shared, 1)), 0);
	rig_down(s.rig);
}

TEST(offers_are_told_once_and_in_their_order)
{
	struct scene s = scene_up();
	uint64_t first = offer(&s, 1, 0), second = offer(&s, 1, 0);

	(void)rig_obey(s.rig, s.other, MSG_shared_news);
	EXPECT_EQ(rig_ask(s.rig, s.other, ASK_BARE(offer_next))->offer.token, first);
	EXPECT_EQ(s.other->answer.message.offer.from, 1);
	EXPECT_EQ(rig_ask(s.rig, s.other, ASK_BARE(offer_next))->offer.token, second);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK_BARE(offer_next)), EAGAIN);
	rig_down(s.rig);
}

TEST(an_open_offer_keeps_an_orphan_and_what_is_held_does_not)
{
	struct scene s = scene_up();
	uint64_t token = offer(&s, 1, 0);

	rig_leave(s.rig, s.owner);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 1);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(cap_take, .token = token)), 0);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 0);
	rig_down(s.rig);
}

/* ---- moves ------------------------------------------------------------------------------- */

TEST(a_move_ends_the_senders_access_before_the_receiver_has_any)
{
	struct scene s = scene_up();
	uint64_t token;

	EXPECT_EQ(rig_error(s.rig, s.owner, map(s.shared, 3)), 0);
	token = offer(&s, 0, 0);
	EXPECT_EQ(
		rig_error(s.rig, s.owner,
			  ASK(shared_grant, .shared = s.shared, .process = 3, .permission = 1)),
		EBUSY);
	EXPECT_EQ(rig_ask(s.rig, s.other, map_by(token, 3))->number, 0);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(move_look, .token = token))->move_known.state, 2);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(move_cancel, .token = token)), EBUSY);
	(void)rig_obey(s.rig, s.owner, MSG_import_revoked);
	EXPECT_EQ(s.other->answer.message.number, MSG_shared_mapped);
	(void)rig_obey(s.rig, s.owner, MSG_shared_news);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(move_look, .token = token))->move_known.state, 3);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(move_look, .token = token)), EBADF);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(cap_check, .token = s.root)), EBADF);
	EXPECT_EQ(rig_ask(s.rig, s.other, ASK(cap_root, .shared = s.shared))->cap_known.token,
		  token);
	rig_down(s.rig);
}

TEST(a_sender_that_is_found_with_the_memory_keeps_the_region)
{
	struct scene s = scene_up();
	uint64_t token;

	EXPECT_EQ(rig_error(s.rig, s.owner, map(s.shared, 3)), 0);
	token = offer(&s, 0, 1);
	(void)rig_ask(s.rig, s.other, map_by(token, 3));
	s.owner->holds.mappings = 1;
	(void)rig_obey(s.rig, s.owner, MSG_import_revoked);
	EXPECT_EQ(s.other->answer.message.refused.error, EREMOTEIO);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(move_look, .token = token))->move_known.error,
		  EREMOTEIO);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(cap_check, .token = s.root)), 0);
	EXPECT_EQ(rig_error(s.rig, s.owner, map(s.shared, 3)), 0);
	rig_down(s.rig);
}

TEST(a_move_that_is_cancelled_declined_or_left_alone_has_not_been)
{
	struct scene s = scene_up();
	uint64_t token = offer(&s, 0, 0);

	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(move_cancel, .token = token))->move_known.error,
		  ECANCELED);
	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 1)), EBADF);
	token = offer(&s, 0, 0);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(cap_delete, .token = token)), 0);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(move_look, .token = token))->move_known.error,
		  ECONNREFUSED);
	token = offer(&s, 0, 0);
	rig_leave(s.rig, s.other);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(move_look, .token = token))->move_known.error,
		  ESRCH);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(shared_destroy, .shared = s.shared)), 0);
	rig_down(s.rig);
}

TEST(a_sender_that_dies_has_let_go)
{
	struct scene s = scene_up_with(11, 0);
	uint64_t token;

	EXPECT_EQ(rig_error(s.rig, s.owner, map(s.shared, 3)), 0);
	token = offer(&s, 0, 0);
	rig_leave(s.rig, s.owner);
	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 3)), 0);
	EXPECT_EQ(rig_ask(s.rig, s.other, ASK(shared_open, .shared = s.shared))
			  ->shared_known.owner,
		  2);
	rig_down(s.rig);
}

TEST(an_exclusive_move_leaves_third_parties_nothing)
{
	struct scene s = scene_up();
	uint64_t third = derive(&s, s.owner, s.root, WRITING, 3), token;

	EXPECT_EQ(rig_error(s.rig, s.third, map_by(third, 3)), 0);
	token = offer(&s, 0x100, 0);
	(void)rig_ask(s.rig, s.other, map_by(token, 3));
	(void)rig_obey(s.rig, s.third, MSG_shared_news);
	(void)rig_obey(s.rig, s.third, MSG_import_revoked);
	EXPECT_EQ(s.other->answer.message.number, MSG_shared_mapped);
	EXPECT_EQ(rig_error(s.rig, s.third, ASK(cap_check, .token = third)), EBADF);
	rig_down(s.rig);
}

/* ---- snapshots --------------------------------------------------------------------------- */

TEST(a_region_that_only_its_owner_writes_is_frozen_and_not_copied)
{
	struct scene s = scene_up_with(10, 4);
	struct fake_said said;
	uint64_t token;

	EXPECT_EQ(rig_error(s.rig, s.owner, map(s.shared, 3)), 0);
	(void)rig_ask(s.rig, s.owner,
		      ASK(offer_make, .shared = s.shared, .process = 2, .mode = 2));
	said = rig_obey(s.rig, s.owner, MSG_import_stall);
	EXPECT(said.message.import_stall.release);
	said = rig_obey(s.rig, s.owner, MSG_import_moved);
	EXPECT(said.message.import_moved.private);
	EXPECT_EQ(said.attachment.kind, ATTACH_OBJECT_READ);
	EXPECT_EQ(s.owner->answer.message.offer_made.copied, 0);
	token = s.owner->answer.message.offer_made.token;
	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 3)), 0);
	EXPECT(s.other->answer.message.shared_mapped.private);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(shared_open, .shared = s.shared))
			  ->shared_known.state,
		  4);
	/* It cannot be fenced, and authority ends all the same. */
	(void)rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = token, .force = 2));
	EXPECT_EQ(s.owner->answer.message.refused.error, EREMOTEIO);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(cap_check, .token = token)), EBADF);
	rig_down(s.rig);
}

TEST(a_region_that_somebody_keeps_writable_is_copied)
{
	struct scene s = scene_up_with(10, 4);
	struct fake_said said;

	EXPECT_EQ(rig_error(s.rig, s.owner, map(s.shared, 3)), 0);
	fake_object_find(&s.rig->fake, s.owner->answer.attachment.object)->writable = true;
	(void)rig_ask(s.rig, s.owner,
		      ASK(offer_make, .shared = s.shared, .process = 2, .mode = 2));
	(void)rig_obey(s.rig, s.owner, MSG_import_stall);
	rig_pass(s.rig, 0);
	said = rig_obey(s.rig, s.owner, MSG_import_moved);
	EXPECT(!said.message.import_moved.private);
	EXPECT_EQ(said.attachment.kind, ATTACH_OBJECT_WRITE);
	EXPECT_EQ(s.owner->answer.message.offer_made.copied, 2 * RIG_PAGE);
	rig_down(s.rig);
}

TEST(a_snapshot_is_paid_for_and_given_back_with_its_capability)
{
	struct scene s = scene_up();
	uint64_t token;

	(void)rig_ask(s.rig, s.owner,
		      ASK(offer_make, .shared = s.shared, .process = 2, .mode = 2));
	rig_pass(s.rig, 0);
	token = s.owner->answer.message.offer_made.token;
	EXPECT_EQ(fake_object_count(&s.rig->fake), 2);
	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 3)), 0);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(shared_unmap, .shared = s.shared)), 0);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 2);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(cap_delete, .token = token)), 0);
	EXPECT_EQ(fake_object_count(&s.rig->fake), 1);
	rig_down(s.rig);
}

/* ---- notices ----------------------------------------------------------------------------- */

TEST(of_many_notices_the_oldest_are_dropped_and_counted)
{
	struct scene s = scene_up();
	const struct message *answer;
	uint64_t token = 0;

	s.rig->fake.now = 7 * NS_PER_S;
	for (int i = 0; i < 300; i++) {
		token = derive(&s, s.owner, s.root, READING, 2);
		EXPECT_EQ(rig_error(s.rig, s.owner, ASK(cap_revoke, .token = token)), 0);
	}
	/* It was woken once, for it has not answered. */
	EXPECT_EQ(s.other->events, 1);
	answer = rig_ask(s.rig, s.other, ASK(cap_notice_next));
	EXPECT(answer->cap_notice.found);
	EXPECT_EQ(answer->cap_notice.left, 255);
	EXPECT_EQ(answer->cap_notice.dropped, 44);
	EXPECT_EQ(answer->cap_notice.seconds, 7);
	EXPECT_EQ(rig_ask(s.rig, s.other, ASK(cap_notice_next))->cap_notice.dropped, 0);
	rig_down(s.rig);
}

/* ---- into others, and placed --------------------------------------------------------------
 */

TEST(an_owner_maps_into_who_accepts_and_nobody_else)
{
	struct scene s = scene_up();
	struct message into =
		ASK(shared_map_into, .shared = s.shared, .process = 2, .permission = 3);
	struct message answer = ASK(shared_answer, .address = 0x70000);
	struct fake_said said;

	EXPECT_EQ(rig_error(s.rig, s.owner, into), EACCES);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(shared_accept, .accept = true)), 0);
	EXPECT_EQ(rig_error(s.rig, s.third, into), EACCES);
	(void)rig_ask(s.rig, s.owner, into);
	said = rig_event(s.other, MSG_shared_asked);
	answer.serial = said.message.serial;
	rig_tell(s.rig, s.other, answer);
	EXPECT_EQ(s.owner->answer.message.shared_there.address, 0x70000);
	EXPECT_EQ(rig_error(s.rig, s.owner, into), EEXIST);
	rig_down(s.rig);
}

TEST(who_does_not_answer_has_nothing_mapped)
{
	struct scene s = scene_up();

	EXPECT_EQ(rig_error(s.rig, s.other, ASK(shared_accept, .accept = true)), 0);
	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_map_into, .shared = s.shared, .process = 2, .permission = 3));
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.owner->answer.message.refused.error, ETIMEDOUT);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(shared_destroy, .shared = s.shared)), 0);
	rig_down(s.rig);
}

TEST(a_region_is_placed_or_refused_and_where_it_is_is_measured)
{
	struct scene s = scene_up();
	struct message create =
		ASK(shared_create, .size = 3 * RIG_PAGE, .ceiling = 3, .node = 1);
	const struct message *answer;

	EXPECT_EQ(rig_error(s.rig, s.owner, create), ENODEV);
	s.rig->fake.nodes = 2;
	EXPECT_EQ(rig_error(s.rig, s.owner, create), 0);
	answer = rig_ask(s.rig, s.owner, ASK(shared_place, .shared = 2));
	EXPECT_EQ(answer->shared_placed.pages.node[1], 3);
	EXPECT_EQ(answer->shared_placed.absent, 0);
	(void)rig_ask(s.rig, s.owner, ASK(node_use, .node = 1));
	while (s.owner->asking)
		rig_pass(s.rig, 0);
	EXPECT_EQ(s.owner->answer.message.node_used.bytes, 3 * RIG_PAGE);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(node_use, .node = 2)), ENODEV);
	create.shared_create.cache = 2;
	EXPECT_EQ(rig_error(s.rig, s.owner, create), EOPNOTSUPP);
	s.rig->fake.fail_page = -ENOMEM;
	create.shared_create.cache = 0;
	EXPECT_EQ(rig_error(s.rig, s.owner, create), ENOMEM);
	s.rig->fake.fail_page = 0;
	EXPECT_EQ(fake_object_count(&s.rig->fake), 2);
	rig_down(s.rig);
}

TEST(an_address_that_stays_is_the_owners_to_know)
{
	struct scene s = scene_up();
	struct message create = ASK(shared_create, .size = 4 * RIG_PAGE, .ceiling = 3,
				    .node = UINT32_MAX, .flags = 8);

	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(shared_physical, .shared = s.shared)),
		  EOPNOTSUPP);
	EXPECT_EQ(rig_error(s.rig, s.other, ASK(shared_physical, .shared = s.shared)), EACCES);
	/* What was not to be had is not told. */
	EXPECT_EQ(rig_ask(s.rig, s.owner, create)->shared_known.flags, 0);
	s.rig->fake.huge = 4 * RIG_PAGE;
	s.rig->fake.physical = 0x200000;
	EXPECT_EQ(rig_ask(s.rig, s.owner, create)->shared_known.flags, 8);
	EXPECT_EQ(s.owner->answer.message.shared_known.align, 4 * RIG_PAGE);
	EXPECT_EQ(rig_ask(s.rig, s.owner, ASK(shared_physical, .shared = 3))
			  ->shared_based.address,
		  0x200000);
	rig_down(s.rig);
}

/* ---- rows -------------------------------------------------------------------------------- */

TEST(rows_tell_who_holds_what_from_whom)
{
	struct scene s = scene_up_with(11, 0);
	uint64_t token = derive(&s, s.owner, s.root, READING, 2);
	const struct message *row;

	EXPECT_EQ(rig_error(s.rig, s.other, map_by(token, 1)), 0);
	row = rig_ask(s.rig, s.owner, ASK(next_shared, .after = 0));
	EXPECT_EQ(row->shared_row.owner, 1);
	EXPECT_EQ(row->shared_row.caps, 2);
	EXPECT_EQ(row->shared_row.mapped, 1);
	row = rig_ask(s.rig, s.owner, ASK(next_mapping, .shared = s.shared));
	EXPECT_EQ(row->mapping_row.process, 2);
	EXPECT_EQ(row->mapping_row.address, 0x20000);
	row = rig_ask(s.rig, s.owner, ASK(next_cap, .shared = s.shared, .after = 1));
	EXPECT_EQ(row->cap_row.parent, 1);
	EXPECT_EQ(row->cap_row.holder, 2);
	EXPECT_EQ(row->cap_row.rights, READING);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK(next_cap, .shared = s.shared, .after = 2)),
		  ENOENT);
	/* Another user who has nothing to do with it sees nothing. */
	EXPECT_EQ(rig_error(s.rig, s.third, ASK(next_shared, .after = 0)), ENOENT);
	EXPECT_EQ(rig_error(s.rig, s.third, ASK(next_cap, .shared = s.shared)), ENOENT);
	rig_down(s.rig);
}

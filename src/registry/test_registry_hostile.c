/* SPDX-License-Identifier: MIT */
/* Who means harm with what it has of a shared region. */
#include <errno.h>

#include "registry/rig.h"
#include "registry/rig_shared.h"

#define WRITING 0x43u

/* Ids are no secret. */
static uint64_t guess_token(struct rig_trio *s)
{
	struct msg_cap_row row = rig_cap_row(s->rig, s->third, s->shared, rig_cap_id(s->root));

	return row.id | (uint64_t)WRITING % 16 << 60 | (s->root & UINT64_C(0x0fff000000000000));
}

TEST(what_is_to_be_mapped_into_another_can_be_revoked_by_it_before_it_was_told)
{
	struct rig_trio s = rig_trio_up();
	struct fake_said said;

	EXPECT_EQ(rig_error(s.rig, s.other, ASK(shared_accept, .accept = true)), 0);
	s.other->room = 0;
	(void)rig_ask(s.rig, s.owner,
		      ASK(shared_map_into, .shared = s.shared, .process = 2, .permission = 3));
	(void)rig_ask(s.rig, s.other, ASK(cap_revoke, .token = guess_token(&s)));
	s.other->room = FAKE_EVENTS;
	rig_heard(s.rig, s.other, 77);
	/* That it ended, and not what it was. */
	while (fake_event_take(s.other, &said)) {
		EXPECT(said.message.number != MSG_shared_asked);
		rig_heard(s.rig, s.other, said.message.serial);
	}
	rig_pass(s.rig, RIG_HEAR);
	EXPECT_EQ(s.owner->answer.message.refused.error, ETIMEDOUT);
	rig_down(s.rig);
}

/* ---- who closes its connection, and goes on --------------------------------------------- */

static void lose(struct rig *rig, struct fake_client *client)
{
	EXPECT(registry_has_exposed(rig->registry, client->id));
	registry_lose(rig->registry, client->id);
	fake_client_remove(client);
	rig_check(rig);
}

/* The region is offered to process 2, and its owner has it mapped. */
static uint64_t offer_move(struct rig_trio *s, uint32_t mode, uint32_t force)
{
	rig_map(s->rig, s->owner, s->shared, 0, 3);
	return rig_ask(s->rig, s->owner,
		       ASK(offer_make, .shared = s->shared, .process = 2, .mode = mode,
			   .force = force))
		->offer_made.token;
}

static const struct message *take(struct rig_trio *s, uint64_t token)
{
	(void)rig_ask(s->rig, s->other, ASK(cap_take, .token = token));
	while (registry_deadline(s->rig->registry) != UINT64_MAX)
		rig_pass(s->rig, RIG_HEAR);
	return &s->other->answer.message;
}

/* Who has its memory has none of a region that is other clients'. */
static bool is_fenced(struct rig_trio *s, struct fake_client *client)
{
	return rig_shared_row(s->rig, client, 0).backing == 1;
}

TEST(a_sender_that_closes_its_connection_is_fenced_all_the_same)
{
	struct rig_trio s = rig_trio_up();
	uint64_t token = offer_move(&s, 0, 2);

	lose(s.rig, s.owner);
	EXPECT_EQ(take(&s, token)->number, MSG_cap_known);
	EXPECT(is_fenced(&s, s.other));
	rig_down(s.rig);
}

/* It may have passed it on. */
TEST(a_sender_that_died_is_fenced_all_the_same)
{
	struct rig_trio s = rig_trio_up();
	uint64_t token = offer_move(&s, 0, 2);

	rig_leave(s.rig, s.owner);
	EXPECT_EQ(take(&s, token)->number, MSG_cap_known);
	EXPECT(is_fenced(&s, s.other));
	rig_down(s.rig);
}

TEST(a_sender_of_another_user_that_closes_its_connection_is_fenced_if_nothing_is_said)
{
	struct rig_trio s = rig_trio_up();
	uint64_t token;

	s.third = rig_join(s.rig, 11);
	rig_map(s.rig, s.owner, s.shared, 0, 3);
	token = rig_ask(s.rig, s.owner,
			ASK(offer_make, .shared = s.shared, .process = 4, .force = 255))
			->offer_made.token;
	lose(s.rig, s.owner);
	s.other = s.third;
	EXPECT_EQ(take(&s, token)->number, MSG_cap_known);
	EXPECT(is_fenced(&s, s.other));
	rig_down(s.rig);
}

TEST(a_move_does_not_claim_to_have_looked_at_a_sender_that_closed_its_connection)
{
	for (uint32_t force = 1; force <= 3; force += 2) {
		struct rig_trio s = rig_trio_up();
		uint64_t token = offer_move(&s, 0, force);

		lose(s.rig, s.owner);
		EXPECT_EQ(take(&s, token)->refused.error, EREMOTEIO);
		rig_down(s.rig);
	}
}

TEST(an_exclusive_move_does_not_claim_to_have_looked_at_a_holder_that_closed_its_connection)
{
	for (uint32_t force = 1; force <= 2; force++) {
		struct rig_trio s = rig_trio_up();
		uint64_t held = rig_derive(s.rig, s.owner, s.root, WRITING, 3), token;

		rig_map(s.rig, s.third, s.shared, held, 3);
		lose(s.rig, s.third);
		EXPECT_EQ(rig_shared_row(s.rig, s.owner, 0).mapped, 0);
		token = rig_ask(s.rig, s.owner,
				ASK(offer_make, .shared = s.shared, .process = 2, .mode = 0x100,
				    .force = force))
				->offer_made.token;
		EXPECT_EQ(take(&s, token)->number, force == 1 ? MSG_refused : MSG_cap_known);
		rig_down(s.rig);
	}
}

/* It is killed, or looked at, when it has had its time to let go. */
TEST(who_closes_its_connection_when_it_is_asked_to_let_go_has_not_let_go)
{
	for (uint32_t force = 1; force <= 3; force += 2) {
		struct rig_trio s = rig_trio_up();
		uint64_t token = rig_derive(s.rig, s.owner, s.root, WRITING, 2);

		rig_map(s.rig, s.other, s.shared, token, 3);
		(void)rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = token, .force = force));
		lose(s.rig, s.other);
		EXPECT_EQ(s.owner->answer.message.refused.error, EREMOTEIO);
		rig_down(s.rig);
	}
}

TEST(who_dies_when_it_is_asked_to_let_go_has_let_go)
{
	struct rig_trio s = rig_trio_up();
	uint64_t token = rig_derive(s.rig, s.owner, s.root, WRITING, 2);

	rig_map(s.rig, s.other, s.shared, token, 3);
	(void)rig_ask(s.rig, s.owner, ASK(cap_revoke, .token = token, .force = 1));
	rig_leave(s.rig, s.other);
	EXPECT_EQ(s.owner->answer.message.cap_revoked.force, 1);
	rig_down(s.rig);
}

TEST(an_operator_does_not_claim_to_have_looked_at_a_holder_that_closed_its_connection)
{
	struct rig_trio s = rig_trio_up();
	uint64_t token = rig_derive(s.rig, s.owner, s.root, WRITING, 2);
	struct message revoke = ASK(shared_revoke, .shared = s.shared, .force = 1);

	rig_map(s.rig, s.other, s.shared, token, 3);
	lose(s.rig, s.other);
	EXPECT_EQ(rig_error(s.rig, s.third, revoke), EREMOTEIO);
	/* It is no more than that; and then there is nobody to look at. */
	revoke.shared_revoke.force = 2;
	(void)rig_ask(s.rig, s.third, revoke);
	while (registry_deadline(s.rig->registry) != UINT64_MAX)
		rig_pass(s.rig, 0);
	EXPECT_EQ(s.third->answer.message.shared_revoked.force, 2);
	revoke.shared_revoke.force = 1;
	EXPECT_EQ(rig_error(s.rig, s.third, revoke), 0);
	rig_down(s.rig);
}

/* 12.5: as revoked, with the usual strength. */
TEST(what_a_process_of_another_user_has_mapped_is_fenced_when_it_closes_its_connection)
{
	struct rig_trio s = rig_trio_up();
	struct fake_client *foreign = rig_join(s.rig, 11);
	uint64_t token = rig_derive(s.rig, s.owner, s.root, WRITING, 4);

	rig_map(s.rig, s.owner, s.shared, 0, 3);
	rig_map(s.rig, foreign, s.shared, token, 3);
	lose(s.rig, foreign);
	(void)rig_obey(s.rig, s.owner, MSG_import_stall);
	rig_pass(s.rig, 0);
	(void)rig_obey(s.rig, s.owner, MSG_shared_news);
	(void)rig_obey(s.rig, s.owner, MSG_import_moved);
	EXPECT(is_fenced(&s, s.owner));
	EXPECT_EQ(rig_shared_row(s.rig, s.owner, 0).mapped, 1);
	rig_down(s.rig);
}

TEST(what_a_process_of_the_same_user_has_mapped_ends_with_its_connection_without_force)
{
	struct rig_trio s = rig_trio_up();
	uint64_t token = rig_derive(s.rig, s.owner, s.root, WRITING, 2);

	rig_map(s.rig, s.other, s.shared, token, 3);
	lose(s.rig, s.other);
	EXPECT(!is_fenced(&s, s.owner));
	EXPECT_EQ(rig_shared_row(s.rig, s.owner, 0).mapped, 0);
	rig_down(s.rig);
}

/* While others hold still, while it is copied, and while the old memory is emptied. */
TEST(a_broker_can_end_while_memory_is_being_taken_back)
{
	for (unsigned steps = 0; steps < 6; steps++) {
		struct rig_trio s = rig_trio_up();
		struct rig *rig = s.rig;
		uint64_t token = rig_derive(rig, s.owner, s.root, WRITING, 2);

		rig->fake.emptying = 3;
		rig_map(rig, s.other, s.shared, token, 3);
		rig_map(rig, s.third, s.shared, rig_derive(rig, s.owner, s.root, WRITING, 3),
			3);
		(void)rig_ask(rig, s.owner, ASK(cap_revoke, .token = token, .force = 2));
		rig_leave(rig, s.other);
		rig_leave(rig, s.owner);
		if (steps > 0)
			rig_leave(rig, s.third);
		for (unsigned n = 1; n < steps; n++)
			rig_pass(rig, 0);
		registry_free(rig->registry);
		EXPECT_EQ(fake_object_count(&rig->fake), 0);
		fake_body_deinit(&rig->fake);
	}
}

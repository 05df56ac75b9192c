/* SPDX-License-Identifier: MIT */
/* Who means harm with what it has of a shared region. */
#include <errno.h>

#include "registry/rig.h"
#include "registry/rig_shared.h"

#define WRITING 0x43u

struct scene {
	struct rig *rig;
	struct fake_client *owner, *other, *third; /* processes 1, 2, 3 */
	uint64_t shared, root;
};

static struct scene scene_up(void)
{
	struct scene s = { .rig = rig_up() };

	s.owner = rig_join(s.rig, 10);
	s.other = rig_join(s.rig, 10);
	s.third = rig_join(s.rig, 10);
	s.shared = rig_shared(s.rig, s.owner);
	s.root = rig_root(s.rig, s.owner, s.shared);
	return s;
}

/* Ids are no secret. */
static uint64_t guess_token(struct scene *s)
{
	struct msg_cap_row row = rig_cap_row(s->rig, s->third, s->shared, rig_cap_id(s->root));

	return row.id | (uint64_t)WRITING % 16 << 60 | (s->root & UINT64_C(0x0fff000000000000));
}

TEST(what_is_to_be_mapped_into_another_can_be_revoked_by_it_before_it_was_told)
{
	struct scene s = scene_up();
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

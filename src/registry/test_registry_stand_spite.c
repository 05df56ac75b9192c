/* SPDX-License-Identifier: MIT */
/* Ends of what another node reaches of a shared region that are easily thought to be there. */
#include <errno.h>

#include "registry/rig_stand.h"

#define REVOKE 16u
/* After both processes there, and the guest. */
#define BETWEEN 4u

TEST(a_ceiling_is_lowered_once_other_nodes_know_that_an_exporter_died)
{
	struct standing s = standing_up(), other;
	struct message lower = ASK(shared_lower, .shared = s.shared, .ceiling = READ);

	(void)standing_map(&s, READ | WRITE | GRANT);
	other = standing_another(&s, s.other, standing_mapping_of(s.other));
	(void)standing_asks(&s, ASK(shared_unmap, .shared = s.shared));
	pair_carry_all(&s.pair);
	rig_map(standing_there(&s), s.owner, s.shared, 0, READ);
	rig_leave(standing_there(&s), s.other);
	EXPECT(standing_reaches(&other, s.object));
	EXPECT_EQ(standing_asks(&s, lower)->refused.error, EBUSY);
	pair_carry_all(&s.pair);
	standing_expect_cut_off(&other);
	EXPECT_EQ(standing_asks(&s, lower)->number, MSG_done);
	pair_down(&s.pair);
}

TEST(who_revokes_what_another_is_revoking_waits_for_other_nodes_too)
{
	struct standing s = standing_up(), other;
	struct rig *there = standing_there(&s);
	struct fake_client *between = rig_join(there, 10);
	uint64_t root = rig_root(there, s.owner, s.shared), above, token;

	above = rig_derive(there, s.owner, root, READ | WRITE | GRANT | REVOKE | MAP, BETWEEN);
	rig_take(there, between, above);
	token = rig_derive(there, between, above, READ | WRITE | GRANT | MAP, 2);
	rig_map(there, s.other, s.shared, token, ALL);
	other = standing_another(&s, s.other, standing_mapping_of(s.other));
	(void)standing_asks(&s, ASK(cap_revoke, .token = token, .force = ASKED));
	rig_let_go(there, s.other);
	(void)rig_ask(there, between, ASK(cap_revoke, .token = token, .force = ASKED));
	EXPECT_EQ(standing_answer(&s), 0);
	standing_hear(&other, between);
	EXPECT_EQ(standing_answer(&s), MSG_cap_revoked);
	EXPECT_EQ(between->answer.message.number, MSG_cap_revoked);
	EXPECT_EQ(between->answer.message.cap_revoked.count, 0);
	/* Nobody waits for what is over. */
	EXPECT_EQ(rig_ask(there, between, ASK(cap_revoke, .token = token, .force = ASKED))
			  ->number,
		  MSG_cap_revoked);
	pair_down(&s.pair);
}

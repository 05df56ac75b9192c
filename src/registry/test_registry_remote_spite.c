/* SPDX-License-Identifier: MIT */
/* A node that does not mean well, or is not well. */
#include <errno.h>

#include "registry/rig_pair.h"

TEST(what_a_node_lost_last_stays_when_it_is_gone_for_what_it_lost_before)
{
	struct pair_scene s = pair_scene_up(false);
	struct msg_import_connected_far first = s.far;
	struct fake_client *again;

	pair_lose(&s.pair);
	pair_link(&s.pair);
	again = rig_join(s.pair.at[HERE], 12);
	s.far = pair_import(&s.pair, again, s.id, 6);
	pair_lose(&s.pair);
	registry_peer_gone_for(s.pair.at[THERE]->registry, 1, 1);
	EXPECT(!pair_reaches(&s.pair, first.key, s.object));
	EXPECT(pair_reaches(&s.pair, s.far.key, s.object));
	registry_peer_gone_for(s.pair.at[THERE]->registry, 1, 2);
	EXPECT(!pair_reaches(&s.pair, s.far.key, s.object));
	pair_down(&s.pair);
}

/* SPDX-License-Identifier: MIT */
#include "registry/rig_map.h"

struct fake_client *join_pid(struct rig *rig, int32_t pid, uint32_t uid)
{
	struct registry_identity identity = { .pid = pid, .uid = uid, .gid = uid };

	return rig_join_as(rig, &identity);
}

uint64_t get_map(struct rig *rig, struct fake_client *client, uint32_t pid)
{
	const struct message *answer = rig_ask(rig, client, ASK(map_get, .pid = pid));

	EXPECT_EQ(answer->number, MSG_map_got);
	return answer->map_got.map;
}

struct scene scene_up(void)
{
	struct scene s = { .rig = rig_up() };

	s.owner = join_pid(s.rig, 21, 10);
	s.asker = join_pid(s.rig, 22, 10);
	EXPECT_EQ(rig_error(s.rig, s.owner, ASK_BARE(map_offer)), 0);
	s.map = get_map(s.rig, s.asker, 21);
	s.region = rig_region(s.rig, s.asker, 4);
	return s;
}

struct message to_attach(const struct scene *s)
{
	return ASK(map_change, .map = s->map, .change = 1, .region = s->region, .given = 6,
		   .rights = 6, .start = 0x10000, .size = 2 * RIG_PAGE, .tag = 77);
}

struct message to_detach(const struct scene *s)
{
	return ASK(map_change, .map = s->map, .change = 2, .start = 0x10000,
		   .size = 2 * RIG_PAGE, .flags = 1);
}

void answer(struct scene *s, const struct fake_said *said, struct msg_map_answer words)
{
	struct message message = { .number = MSG_map_answer,
				   .serial = said->message.serial,
				   .map_answer = words };

	rig_tell(s->rig, s->owner, message);
}

uint64_t do_attach(struct scene *s)
{
	struct fake_said said;

	(void)rig_ask(s->rig, s->asker, to_attach(s));
	said = rig_event(s->owner, MSG_map_asked_region);
	answer(s, &said, (struct msg_map_answer){ .start = 0x10000, .size = 2 * RIG_PAGE });
	EXPECT_EQ(s->asker->answer.message.number, MSG_map_changed);
	EXPECT_EQ(s->asker->answer.message.map_changed.error, 0);
	return said.message.map_asked_region.import;
}

const struct msg_map_changed *do_detach(struct scene *s, struct msg_map_answer words)
{
	struct fake_said said;

	(void)rig_ask(s->rig, s->asker, to_detach(s));
	said = rig_event(s->owner, MSG_map_asked);
	answer(s, &said, words);
	EXPECT_EQ(s->asker->answer.message.number, MSG_map_changed);
	return &s->asker->answer.message.map_changed;
}

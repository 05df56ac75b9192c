/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "registry/rig_shared.h"

uint64_t rig_shared(struct rig *rig, struct fake_client *owner)
{
	const struct message *answer = rig_ask(
		rig, owner,
		ASK(shared_create, .size = 2 * RIG_PAGE, .ceiling = ALL, .node = UINT32_MAX));

	EXPECT_EQ(answer->number, MSG_shared_known);
	return answer->shared_known.shared;
}

uint64_t rig_root(struct rig *rig, struct fake_client *owner, uint64_t shared)
{
	return rig_ask(rig, owner, ASK(cap_root, .shared = shared))->cap_known.token;
}

uint64_t rig_derive(struct rig *rig, struct fake_client *client, uint64_t parent,
		    uint32_t rights, uint64_t process)
{
	const struct message *answer = rig_ask(
		rig, client,
		ASK(cap_derive, .parent = parent, .rights = rights, .process = process));

	EXPECT_EQ(answer->number, MSG_cap_known);
	return answer->cap_known.token;
}

void rig_take(struct rig *rig, struct fake_client *client, uint64_t token)
{
	EXPECT_EQ(rig_error(rig, client, ASK(cap_take, .token = token)), 0);
}

void rig_map(struct rig *rig, struct fake_client *client, uint64_t shared, uint64_t token,
	     uint32_t permission)
{
	/* Where no other region of the test's is. */
	uint64_t address = shared * 0x10000;

	if (token)
		EXPECT_EQ(rig_ask(rig, client,
				  ASK(cap_map, .token = token, .permission = permission,
				      .address = address))
				  ->number,
			  MSG_shared_mapped);
	else
		EXPECT_EQ(rig_ask(rig, client,
				  ASK(shared_map, .shared = shared, .permission = permission,
				      .address = address))
				  ->number,
			  MSG_shared_mapped);
}

void rig_let_go(struct rig *rig, struct fake_client *client)
{
	struct fake_said said;

	do {
		EXPECT(fake_event_take(client, &said));
		rig_heard(rig, client, said.message.serial);
	} while (said.message.number != MSG_import_revoked);
}

uint64_t rig_cap_id(uint64_t token)
{
	return token & ((UINT64_C(1) << 48) - 1);
}

struct msg_shared_row rig_shared_row(struct rig *rig, struct fake_client *client,
				     uint64_t after)
{
	const struct message *answer = rig_ask(rig, client, ASK(next_shared, .after = after));

	if (answer->number == MSG_shared_row)
		return answer->shared_row;
	EXPECT_EQ(answer->refused.error, ENOENT);
	return (struct msg_shared_row){ .key = 0 };
}

struct msg_mapping_row rig_mapping_row(struct rig *rig, struct fake_client *client,
				       uint64_t shared, uint64_t after)
{
	const struct message *answer =
		rig_ask(rig, client, ASK(next_mapping, .shared = shared, .after = after));

	if (answer->number == MSG_mapping_row)
		return answer->mapping_row;
	EXPECT_EQ(answer->refused.error, ENOENT);
	return (struct msg_mapping_row){ .process = 0 };
}

struct msg_cap_row rig_cap_row(struct rig *rig, struct fake_client *client, uint64_t shared,
			       uint64_t after)
{
	const struct message *answer =
		rig_ask(rig, client, ASK(next_cap, .shared = shared, .after = after));

	if (answer->number == MSG_cap_row)
		return answer->cap_row;
	EXPECT_EQ(answer->refused.error, ENOENT);
	return (struct msg_cap_row){ .id = 0 };
}

uint32_t rig_cap_count(struct rig *rig, struct fake_client *client, uint64_t shared)
{
	uint64_t id = 0;
	uint32_t count = 0;

	while ((id = rig_cap_row(rig, client, shared, id).id) > 0)
		count++;
	return count;
}

uint32_t rig_mapping_count(struct rig *rig, struct fake_client *client, uint64_t shared)
{
	uint64_t process = 0;
	uint32_t count = 0;

	while ((process = rig_mapping_row(rig, client, shared, process).process) > 0)
		count++;
	return count;
}

struct rig_trio rig_trio_up(void)
{
	struct rig_trio s = { .rig = rig_up() };

	s.owner = rig_join(s.rig, 10);
	s.other = rig_join(s.rig, 10);
	s.third = rig_join(s.rig, 10);
	s.shared = rig_shared(s.rig, s.owner);
	s.root = rig_root(s.rig, s.owner, s.shared);
	return s;
}

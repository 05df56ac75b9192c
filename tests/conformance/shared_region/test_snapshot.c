/* SPDX-License-Identifier: MIT */
/*
 * test_snapshot.c - transfer by CopyOnWrite
 */
#include "rig.h"

static shared_region_cap snapshot(struct own *a, struct agent *b, uint64_t *ret_copied)
{
	struct shared_region_transfer_report report = { 0 };

	EXPECT_OK(shared_region_transfer(a->region, b->self, SHARED_REGION_COPY_ON_WRITE,
					 SHARED_REGION_ASK, LONG, &report));
	EXPECT(report.cap != 0);
	*ret_copied = report.bytes_copied;
	return report.cap;
}

/* Both kinds: where the region can be frozen, and where it is copied. */
static const uint32_t kinds[] = { 0, SHARED_REGION_FREEZABLE };
#define FOR_EACH_KIND(flags) for (size_t k = 0; k < 2 && ((flags) = kinds[k], true); k++)

/* V-11, 5.2, 18.11: including pages that the receiver never touched. */
TEST(what_the_sender_stores_after_a_snapshot_is_not_in_it)
{
	shared_region_cap cap;
	uint64_t copied;
	uint32_t flags;
	struct agent b;
	struct own a;

	agent_up(&b);
	FOR_EACH_KIND(flags)
	{
		own_up_with(&a, 8, flags);
		(void)memset(a.at, 0x41, a.size);
		cap = snapshot(&a, &b, &copied);
		(void)memset(a.at, 0x42, 3 * PAGE);
		EXPECT_OK(ask(&b, ACCEPT, 0, cap, SHARED_REGION_READ));
		EXPECT(agent_filled(&b, 0, 2 * PAGE, 0x41));
		(void)memset(a.at, 0x43, a.size);
		EXPECT(agent_filled(&b, 0, a.size, 0x41));
		EXPECT(is_filled(a.at, a.size, 0x43));
		EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
		own_down(&a);
	}
	agent_down(&b);
}

/* V-11, 5.2, 18.11 */
TEST(what_the_receiver_stores_in_a_snapshot_is_its_own)
{
	shared_region_cap cap;
	uint64_t copied;
	uint32_t flags;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	FOR_EACH_KIND(flags)
	{
		own_up_with(&a, 4, flags);
		(void)memset(a.at, 0x44, a.size);
		cap = snapshot(&a, &b, &copied);
		EXPECT_OK(ask(&b, ACCEPT, 0, cap, SHARED_REGION_WRITE));
		cap = snapshot(&a, &c, &copied);
		EXPECT_OK(ask(&c, ACCEPT, 0, cap, SHARED_REGION_WRITE));
		EXPECT_EQ(ask(&b, FILL, 0, a.size, 0x45), 0);
		EXPECT(is_filled(a.at, a.size, 0x44));
		EXPECT(agent_filled(&c, 0, a.size, 0x44));
		EXPECT(agent_filled(&b, 0, a.size, 0x45));
		EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
		EXPECT_OK(ask(&c, UNMAP, 0, 0, SHARED_REGION_ASK));
		own_down(&a);
	}
	agent_down(&c);
	agent_down(&b);
}

/* 5.2: as of the transfer. */
TEST(each_snapshot_is_of_its_own_time)
{
	shared_region_cap first, second;
	uint64_t copied;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 2);
	(void)memset(a.at, 1, a.size);
	first = snapshot(&a, &b, &copied);
	(void)memset(a.at, 2, a.size);
	second = snapshot(&a, &c, &copied);
	(void)memset(a.at, 3, a.size);
	EXPECT_OK(ask(&b, ACCEPT, 0, first, SHARED_REGION_READ));
	EXPECT_OK(ask(&c, ACCEPT, 0, second, SHARED_REGION_READ));
	EXPECT(agent_filled(&b, 0, a.size, 1));
	EXPECT(agent_filled(&c, 0, a.size, 2));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 5.2: the result says which. */
TEST(a_snapshot_of_what_cannot_be_frozen_is_a_copy_and_says_so)
{
	uint64_t copied = 0;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 3);
	(void)snapshot(&a, &b, &copied);
	EXPECT_EQ(copied, 3 * PAGE);
	agent_down(&b);
	own_down(&a);
}

/* 5.2: no copy when the base can be frozen. */
TEST(a_snapshot_of_what_can_be_frozen_copies_nothing)
{
	uint64_t copied = 1;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up_with(&a, 3, SHARED_REGION_FREEZABLE);
	(void)memset(a.at, 0x46, a.size);
	EXPECT_OK(ask(&b, ACCEPT, 0, snapshot(&a, &b, &copied), SHARED_REGION_READ));
	EXPECT_EQ(copied, 0);
	EXPECT_OK(ask(&c, ACCEPT, 0, snapshot(&a, &c, &copied), SHARED_REGION_READ));
	EXPECT_EQ(copied, 0);
	EXPECT(agent_filled(&b, 0, a.size, 0x46));
	EXPECT(agent_filled(&c, 0, a.size, 0x46));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 5.2, 12.3: with a writer elsewhere the kernel refuses, and the eager copy is used. */
TEST(a_snapshot_is_copied_where_somebody_else_writes)
{
	shared_region_cap cap;
	uint64_t copied = 0;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up_with(&a, 2, SHARED_REGION_FREEZABLE);
	(void)memset(a.at, 0x47, a.size);
	(void)share(&a, &c, SHARED_REGION_WRITE);
	cap = snapshot(&a, &b, &copied);
	EXPECT_EQ(copied, a.size);
	EXPECT_EQ(ask(&c, FILL, 0, a.size, 0x48), 0);
	/* It goes on as before. */
	EXPECT(is_filled(a.at, a.size, 0x48));
	EXPECT_OK(ask(&b, ACCEPT, 0, cap, SHARED_REGION_READ));
	EXPECT(agent_filled(&b, 0, a.size, 0x47));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 5.2: unchanged in address. */
TEST(a_snapshot_leaves_the_senders_mapping_where_it_is)
{
	uint64_t copied;
	uint32_t flags;
	struct agent b;
	struct own a;

	agent_up(&b);
	FOR_EACH_KIND(flags)
	{
		own_up_with(&a, 2, flags);
		a.at[PAGE] = 0x49;
		(void)snapshot(&a, &b, &copied);
		EXPECT(mapping_of(&a, a.self) == a.at);
		EXPECT_EQ(a.at[PAGE], 0x49);
		EXPECT_EQ(store_fault(a.at), 0);
		own_down(&a);
	}
	agent_down(&b);
}

/* 5.2 */
TEST(a_snapshot_is_read_and_mapped_and_nothing_more)
{
	struct agent b;
	uint64_t copied;
	shared_region_cap cap;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = snapshot(&a, &b, &copied);
	EXPECT_OK(ask(&b, WAIT, 0));
	EXPECT_EQ(b.said[1], shared_region_id(a.region));
	EXPECT_EQ(b.said[3], SHARED_REGION_COPY_ON_WRITE);
	EXPECT_EQ(b.said[4], READING);
	EXPECT_OK(ask(&b, ACCEPT, 0, cap, SHARED_REGION_WRITE));
	EXPECT_FAILS(ask(&b, CHECK, cap, SHARED_REGION_RIGHT_WRITE), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, ROOT, 0), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, DERIVE, cap, READING, a.self), PERMISSION_DENIED);
	agent_down(&b);
	own_down(&a);
}

/* 5.2: the receiver does not own the base. */
TEST(the_sender_of_a_snapshot_stays_the_owner)
{
	shared_region_cap root;
	struct agent b;
	uint64_t copied;
	uint32_t flags;
	struct own a;

	agent_up(&b);
	FOR_EACH_KIND(flags)
	{
		own_up_with(&a, 1, flags);
		root = own_root(&a);
		(void)snapshot(&a, &b, &copied);
		EXPECT_EQ(own_root(&a), root);
		own_down(&a);
	}
	agent_down(&b);
}

/* 5.2: owner or GRANT holder. */
TEST(who_holds_grant_gives_snapshots)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	a.at[0] = 0x4A;
	(void)share_rights(&a, &b, READING | SHARED_REGION_RIGHT_GRANT, SHARED_REGION_READ);
	EXPECT_OK(ask(&b, TRANSFER, 0, c.self, SHARED_REGION_COPY_ON_WRITE, 0, LONG));
	a.at[0] = 0x4B;
	EXPECT_OK(ask(&c, TAKE, 0, SHARED_REGION_READ));
	EXPECT_EQ(agent_byte(&c, 0, 0), 0x4A);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 5.2: any number of times until it is revoked. */
TEST(a_snapshot_is_mapped_again_and_still_of_its_time)
{
	shared_region_cap cap;
	struct agent b;
	uint64_t copied;
	uint32_t flags;
	struct own a;

	agent_up(&b);
	FOR_EACH_KIND(flags)
	{
		own_up_with(&a, 1, flags);
		a.at[0] = 0x4C;
		cap = snapshot(&a, &b, &copied);
		EXPECT_OK(ask(&b, ACCEPT, 0, cap, SHARED_REGION_READ));
		EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
		a.at[0] = 0x4D;
		EXPECT_OK(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_READ));
		EXPECT_EQ(agent_byte(&b, 0, 0), 0x4C);
		EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
		own_down(&a);
	}
	agent_down(&b);
}

/* ---- frozen ----------------------------------------------------------------------------- */

static void frozen_up(struct own *a, struct agent *b)
{
	uint64_t copied = 1;

	agent_up(b);
	own_up_with(a, 2, SHARED_REGION_FREEZABLE);
	(void)memset(a->at, 0x51, a->size);
	EXPECT_OK(ask(b, ACCEPT, 0, snapshot(a, b, &copied), SHARED_REGION_READ));
	EXPECT_EQ(copied, 0);
}

/* G-12 */
TEST(what_the_owner_of_a_frozen_region_stores_is_seen_by_nobody_else)
{
	shared_region_cap cap;
	struct agent b, c;
	uint64_t copied;
	struct own a;

	agent_up(&c);
	frozen_up(&a, &b);
	(void)memset(a.at, 0x52, a.size);
	EXPECT(agent_filled(&b, 0, a.size, 0x51));
	cap = snapshot(&a, &c, &copied);
	EXPECT_OK(ask(&c, ACCEPT, 0, cap, SHARED_REGION_READ));
	EXPECT(agent_filled(&c, 0, a.size, 0x51));
	EXPECT(is_filled(a.at, a.size, 0x52));
	agent_down(&b);
	agent_down(&c);
	own_down(&a);
}

/* 2.2, 5.2 */
TEST(a_share_of_a_frozen_region_is_for_reading)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b, c;
	struct own a;

	agent_up(&c);
	frozen_up(&a, &b);
	EXPECT_OK(shared_region_transfer(a.region, c.self, SHARED_REGION_SHARE, 0, LONG,
					 &report));
	EXPECT_OK(ask(&c, INFO, report.cap));
	EXPECT_EQ(c.said[1], READING);
	EXPECT_FAILS(ask(&c, ACCEPT, 0, report.cap, SHARED_REGION_WRITE), PERMISSION_DENIED);
	EXPECT_OK(ask(&c, ACCEPT, 0, report.cap, SHARED_REGION_READ));
	EXPECT(agent_filled(&c, 0, a.size, 0x51));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 12.1: K by the write seal, against everybody. */
TEST(nobody_changes_a_frozen_region_not_even_by_force)
{
	const unsigned changes =
		TAMPER_MAP_WRITABLE | TAMPER_SHRINK | TAMPER_GROW | TAMPER_PUNCH;
	struct agent b, c;
	shared_region_cap cap;
	uint64_t copied;
	struct own a;

	agent_up(&c);
	EXPECT_OK(ask(&c, HOARD, true));
	frozen_up(&a, &b);
	cap = snapshot(&a, &c, &copied);
	EXPECT_OK(ask(&c, ACCEPT, 0, cap, SHARED_REGION_READ));
	EXPECT_OK(ask(&c, KEEP));
	EXPECT(c.said[1] > 0);
	EXPECT_OK(ask(&c, KEPT_STORES, 0, 0x53));
	EXPECT_OK(ask(&c, TAMPER));
	EXPECT_EQ(c.said[0] & changes, 0);
	EXPECT(agent_filled(&b, 0, a.size, 0x51));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 2.2: transfer of a frozen region is as of an owned one. */
TEST(a_frozen_region_changes_its_owner)
{
	struct agent b;
	struct own a;

	frozen_up(&a, &b);
	EXPECT_OK(shared_region_transfer_ownership(a.region, b.self));
	EXPECT_OK(ask(&b, ROOT, 0));
	EXPECT(agent_filled(&b, 0, a.size, 0x51));
	agent_down(&b);
	own_down(&a);
}

/* 6.6: a write-sealed object cannot be emptied. */
TEST(a_frozen_region_cannot_be_fenced)
{
	shared_region_cap cap;
	struct agent b, c;
	uint64_t copied;
	struct own a;

	agent_up(&c);
	frozen_up(&a, &b);
	cap = snapshot(&a, &c, &copied);
	EXPECT_OK(ask(&c, ACCEPT, 0, cap, SHARED_REGION_READ));
	EXPECT_FAILS(shared_region_cap_revoke(a.client, cap, SHARED_REGION_FENCE, NULL),
		     PEER_UNCOOPERATIVE);
	/* Authority has ended all the same. */
	EXPECT_FAILS(ask(&c, CHECK, cap, 0), INVALID_CAPABILITY);
	EXPECT(agent_filled(&b, 0, a.size, 0x51));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

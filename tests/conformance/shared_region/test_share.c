/* SPDX-License-Identifier: MIT */
/*
 * test_share.c - transfer by Share, several at once, and what is counted
 */
#include "rig.h"

/* 5.2, 18.8 */
TEST(both_sides_of_a_share_see_what_the_other_stores)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 3);
	(void)memset(a.at, 0x10, a.size);
	EXPECT_OK(shared_region_transfer(a.region, b.self, SHARED_REGION_SHARE,
					 SHARED_REGION_ASK, LONG, &report));
	EXPECT_EQ(report.bytes_copied, 0);
	EXPECT_OK(ask(&b, TAKE, 0, SHARED_REGION_WRITE));
	EXPECT_EQ(b.said[1], report.cap);
	EXPECT(agent_filled(&b, 0, a.size, 0x10));
	EXPECT_EQ(ask(&b, FILL, 0, a.size, 0x20), 0);
	EXPECT(is_filled(a.at, a.size, 0x20));
	a.at[2 * PAGE] = 0x30;
	EXPECT_EQ(agent_byte(&b, 0, 2 * PAGE), 0x30);
	agent_down(&b);
	own_down(&a);
}

/* 18.8: the same bytes at different addresses. */
TEST(one_region_is_at_different_addresses_in_different_processes)
{
	unsigned char *there;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = own_derive(&a, WRITING, b.self);
	/* Where nobody puts anything, and sanitizers allow it. */
	there = (unsigned char *)UINT64_C(0x7e9000000000);
	EXPECT_OK(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_WRITE, (uintptr_t)there));
	EXPECT_EQ(b.said[0], (uintptr_t)there);
	EXPECT(there != a.at);
	EXPECT_EQ(ask(&b, STORE, 0, 5, 0x51), 0);
	EXPECT_EQ(a.at[5], 0x51);
	agent_down(&b);
	own_down(&a);
}

/* 5.2 */
TEST(a_share_is_done_once_the_offer_stands)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	/* Nobody takes it, and nobody waits. */
	EXPECT_OK(
		shared_region_transfer(a.region, b.self, SHARED_REGION_SHARE, 0, -1, &report));
	EXPECT_OK(ask(&b, INFO, report.cap));
	EXPECT_EQ(b.said[2], SHARED_REGION_CAP_OFFERED);
	EXPECT_EQ(b.said[1], WRITING);
	agent_down(&b);
	own_down(&a);
}

/* 5.2 */
TEST(a_share_changes_nothing_for_the_sender)
{
	shared_region_cap root;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	root = own_root(&a);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_EQ(own_root(&a), root);
	EXPECT(mapping_of(&a, a.self) == a.at);
	EXPECT_EQ(store_fault(a.at), 0);
	agent_down(&b);
	own_down(&a);
}

/* 5.2: owner or GRANT holder. */
TEST(who_holds_grant_shares_and_who_does_not_is_denied)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	(void)share_rights(&a, &b, PASSING_ON, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, TRANSFER, 0, c.self, SHARED_REGION_SHARE, 0, LONG));
	EXPECT_OK(ask(&c, TAKE, 0, SHARED_REGION_WRITE));
	EXPECT_EQ(ask(&c, STORE, 0, 0, 0x66), 0);
	EXPECT_EQ(a.at[0], 0x66);
	EXPECT_FAILS(ask(&c, TRANSFER, 0, b.self, SHARED_REGION_SHARE, 0, LONG),
		     PERMISSION_DENIED);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 5.2: bound to its target, to be used any number of times. */
TEST(a_share_is_its_targets_until_it_is_revoked)
{
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&c, ACCEPT, 0, cap, SHARED_REGION_READ), INVALID_CAPABILITY);
	for (unsigned i = 0; i < 5; i++) {
		EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
		EXPECT_OK(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_WRITE));
	}
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_ASK, NULL));
	EXPECT_FAILS(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_READ), INVALID_CAPABILITY);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 18.10 */
TEST(a_share_is_clipped_to_the_ceiling)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_READ);
	EXPECT_OK(shared_region_transfer(a.region, b.self, SHARED_REGION_SHARE, 0, LONG,
					 &report));
	EXPECT_OK(ask(&b, INFO, report.cap));
	EXPECT_EQ(b.said[1], READING);
	EXPECT_FAILS(ask(&b, ACCEPT, 0, report.cap, SHARED_REGION_WRITE), PERMISSION_DENIED);
	EXPECT_OK(ask(&b, ACCEPT, 0, report.cap, SHARED_REGION_READ));
	EXPECT_EQ(ask(&b, STORE, 0, 0, 1), SIGSEGV);
	agent_down(&b);
	own_down(&a);
}

/* 8: what the sender wrote before, the receiver sees. */
TEST(whatever_was_written_before_a_share_is_seen_after_it)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	for (int i = 1; i < 12; i++) {
		own_up(&a, 8);
		(void)memset(a.at, i, a.size);
		(void)share(&a, &b, SHARED_REGION_READ);
		EXPECT(agent_filled(&b, 0, a.size, (unsigned char)i));
		EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
		own_down(&a);
	}
	agent_down(&b);
}

/* 13, 5.2 */
TEST(a_transfer_is_refused_as_an_offer_is)
{
	struct shared_region_transfer_report report = { 0 };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(
		shared_region_transfer(a.region, NOBODY, SHARED_REGION_SHARE, 0, LONG, &report),
		PROCESS_NOT_FOUND);
	EXPECT_FAILS(
		shared_region_transfer(a.region, b.self, SHARED_REGION_SHARE, 4, LONG, &report),
		INVALID_MESSAGE);
	EXPECT_FAILS(
		shared_region_transfer(a.region, a.self, SHARED_REGION_SHARE, 0, LONG, &report),
		INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_transfer(a.region, a.self, SHARED_REGION_COPY_ON_WRITE, 0,
					    LONG, &report),
		     INVALID_ARGUMENT);
	EXPECT_EQ(report.cap, 0);
	agent_down(&b);
	own_down(&a);
}

/* ---- batches ---------------------------------------------------------------------------- */

/* 5.2 */
TEST(each_region_of_a_batch_is_for_itself_and_in_order)
{
	struct shared_region_transfer_report reports[4] = { { 0 } };
	shared_region *regions[4] = { NULL };
	int results[4] = { 9, 9, 9, 9 };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_attach(&a);
	for (unsigned i = 0; i < 4; i++)
		EXPECT_OK(shared_region_new(
			a.client, a.self, PAGE,
			i == 2 ? SHARED_REGION_EXECUTE : SHARED_REGION_WRITE, &regions[i]));
	EXPECT_OK(shared_region_destroy(regions[1]));
	EXPECT_FAILS(shared_region_transfer_batch(regions, 4, b.self, SHARED_REGION_SHARE, 0,
						  LONG, results, reports),
		     INVALID_MEMORY_REGION);
	EXPECT_OK(results[0]);
	EXPECT_FAILS(results[1], INVALID_MEMORY_REGION);
	EXPECT_FAILS(results[2], PERMISSION_DENIED);
	EXPECT_OK(results[3]);
	/* Failure of one does not undo others. */
	EXPECT_OK(ask(&b, ACCEPT, 0, reports[0].cap, SHARED_REGION_READ));
	EXPECT_OK(ask(&b, ACCEPT, 1, reports[3].cap, SHARED_REGION_READ));
	EXPECT_OK(ask(&b, INFO, reports[3].cap));
	EXPECT_EQ(b.said[0], shared_region_id(regions[3]));
	for (unsigned i = 0; i < 4; i++)
		shared_region_release(regions[i]);
	agent_down(&b);
	own_down(&a);
}

/* 5.2 */
TEST(a_batch_of_which_all_succeed_succeeds)
{
	shared_region *regions[3];
	int results[3] = { 9, 9, 9 };
	struct agent b;
	struct own a;

	agent_up(&b);
	own_attach(&a);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_OK(shared_region_new(a.client, a.self, PAGE, SHARED_REGION_WRITE,
					    &regions[i]));
	EXPECT_OK(shared_region_transfer_batch(regions, 3, b.self, SHARED_REGION_SHARE, 0, LONG,
					       results, NULL));
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_OK(results[i]);
		EXPECT_OK(ask(&b, WAIT, 0));
		EXPECT_EQ(b.said[1], shared_region_id(regions[i]));
		shared_region_release(regions[i]);
	}
	agent_down(&b);
	own_down(&a);
}

/* 13 */
TEST(a_batch_of_none_is_none)
{
	shared_region *regions[1] = { NULL };
	int results[1] = { 9 };
	struct agent b;

	agent_up(&b);
	EXPECT_OK(shared_region_transfer_batch(regions, 0, b.self, SHARED_REGION_SHARE, 0, LONG,
					       results, NULL));
	EXPECT_EQ(results[0], 9);
	EXPECT_FAILS(shared_region_transfer_batch(NULL, 1, b.self, SHARED_REGION_SHARE, 0, LONG,
						  results, NULL),
		     INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_transfer_batch(regions, 1, b.self, SHARED_REGION_SHARE, 0,
						  LONG, NULL, NULL),
		     INVALID_ARGUMENT);
	/* No handle of one is that one's own result. */
	EXPECT_FAILS(shared_region_transfer_batch(regions, 1, b.self, SHARED_REGION_SHARE, 0,
						  LONG, results, NULL),
		     INVALID_ARGUMENT);
	EXPECT_FAILS(results[0], INVALID_ARGUMENT);
	agent_down(&b);
}

/* ---- counts ----------------------------------------------------------------------------- */

static struct shared_region_stats stats_of(struct own *a)
{
	struct shared_region_stats stats;

	(void)memset(&stats, 0x5a, sizeof(stats));
	EXPECT_OK(shared_region_transfer_stats(a->client, &stats));
	return stats;
}

/* 5.1, 18.27 */
TEST(nothing_is_counted_at_first)
{
	struct shared_region_stats stats;
	struct own a;

	own_up(&a, 1);
	stats = stats_of(&a);
	EXPECT_EQ(stats.pages, 0);
	EXPECT_EQ(stats.bytes, 0);
	EXPECT_EQ(stats.transfers, 0);
	EXPECT_EQ(stats.bytes_copied, 0);
	EXPECT_EQ(stats.average_ns, 0);
	own_down(&a);
}

/* 18.27 */
TEST(a_share_of_three_pages_counts_three_pages_their_bytes_and_one_transfer)
{
	struct shared_region_stats stats;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 3);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	stats = stats_of(&a);
	EXPECT_EQ(stats.pages, 3);
	EXPECT_EQ(stats.bytes, 3 * PAGE);
	EXPECT_EQ(stats.transfers, 1);
	EXPECT_EQ(stats.bytes_copied, 0);
	EXPECT(stats.average_ns > 0);
	agent_down(&b);
	own_down(&a);
}

/* 5.2, 18.27 */
TEST(a_copy_counts_the_bytes_that_were_copied)
{
	struct shared_region_transfer_report report = { 0 };
	struct shared_region_stats stats;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 2);
	EXPECT_OK(shared_region_transfer(a.region, b.self, SHARED_REGION_COPY_ON_WRITE, 0, LONG,
					 &report));
	stats = stats_of(&a);
	EXPECT_EQ(report.bytes_copied, 2 * PAGE);
	EXPECT_EQ(stats.bytes_copied, 2 * PAGE);
	EXPECT_EQ(stats.transfers, 1);
	agent_down(&b);
	own_down(&a);
}

/* 13: of those that this client began. */
TEST(what_failed_and_what_others_did_is_not_counted)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	EXPECT_FAILS(
		shared_region_transfer(a.region, NOBODY, SHARED_REGION_SHARE, 0, LONG, NULL),
		PROCESS_NOT_FOUND);
	EXPECT_EQ(stats_of(&a).transfers, 0);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_EQ(stats_of(&a).transfers, 1);
	EXPECT_OK(ask(&b, STATS));
	EXPECT_EQ(b.said[2], 0);
	EXPECT_OK(ask(&c, STATS));
	EXPECT_EQ(c.said[2], 0);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

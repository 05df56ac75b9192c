/* SPDX-License-Identifier: MIT */
/*
 * test_offer.c - create_capability(), offer_wait(), accept() and cap_map()
 */
#include "rig.h"

static int offer(struct own *a, shared_region_pid target, uint32_t mode,
		 shared_region_cap *ret_cap, shared_region_rights *ret_rights)
{
	int code;

	*ret_cap = 0;
	*ret_rights = 0;
	code = shared_region_create_capability(a->region, target, mode, ret_cap, ret_rights);
	if (code < 0)
		EXPECT(*ret_cap == 0 && *ret_rights == 0);
	return code;
}

/* ---- rights ----------------------------------------------------------------------------- */

/* P-8, 3.11, 5.2 */
TEST(each_mode_gives_its_rights_within_the_ceiling)
{
	static const struct {
		uint32_t ceiling, mode;
		shared_region_rights rights;
	} all[] = {
		{ SHARED_REGION_WRITE, SHARED_REGION_SHARE, WRITING },
		{ SHARED_REGION_WRITE, SHARED_REGION_COPY_ON_WRITE, READING },
		{ SHARED_REGION_WRITE, SHARED_REGION_MOVE, PASSING_ON },
		{ SHARED_REGION_READ, SHARED_REGION_SHARE, READING },
		{ SHARED_REGION_READ, SHARED_REGION_COPY_ON_WRITE, READING },
		{ SHARED_REGION_READ, SHARED_REGION_MOVE, READING | SHARED_REGION_RIGHT_GRANT },
		{ SHARED_REGION_READ_WRITE_EXECUTE, SHARED_REGION_SHARE, WRITING },
		{ SHARED_REGION_READ_EXECUTE, SHARED_REGION_SHARE, READING },
	};
	struct agent b;
	struct own a;

	agent_up(&b);
	own_attach(&a);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		shared_region_cap cap;
		shared_region_rights rights;

		EXPECT_OK(shared_region_new(a.client, a.self, PAGE, all[i].ceiling, &a.region));
		EXPECT_OK(offer(&a, b.self, all[i].mode, &cap, &rights));
		EXPECT_EQ(rights, all[i].rights);
		EXPECT_OK(ask(&b, INFO, cap));
		EXPECT_EQ(b.said[1], all[i].rights);
		shared_region_release(a.region);
	}
	a.region = NULL;
	agent_down(&b);
	own_down(&a);
}

/* 3.11: if READ is not in the result. */
TEST(an_offer_that_nothing_can_be_read_with_is_a_denied_permission)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_EXECUTE);
	EXPECT_FAILS(offer(&a, b.self, SHARED_REGION_SHARE, &cap, &rights), PERMISSION_DENIED);
	EXPECT_FAILS(offer(&a, b.self, SHARED_REGION_COPY_ON_WRITE, &cap, &rights),
		     PERMISSION_DENIED);
	agent_down(&b);
	own_down(&a);
}

/* 3.11: within the caller's rights. */
TEST(a_holder_offers_no_more_than_he_holds)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	(void)share_rights(&a, &b, READING | SHARED_REGION_RIGHT_GRANT, SHARED_REGION_READ);
	EXPECT_OK(ask(&b, OFFER, 0, c.self, SHARED_REGION_SHARE));
	EXPECT_EQ(b.said[1], READING);
	EXPECT_FAILS(ask(&c, ACCEPT, 0, b.said[0], SHARED_REGION_WRITE), PERMISSION_DENIED);
	EXPECT_OK(ask(&c, ACCEPT, 0, b.said[0], SHARED_REGION_READ));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 3.11: a child of what the caller acts under. */
TEST(what_a_holder_offered_ends_with_what_he_held)
{
	shared_region_cap cap, offered;
	struct agent b, c;
	uint32_t count = 0;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	cap = share_rights(&a, &b, PASSING_ON, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, OFFER, 0, c.self, SHARED_REGION_SHARE));
	offered = b.said[0];
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_ASK, &count));
	EXPECT_EQ(count, 2);
	EXPECT_FAILS(ask(&c, ACCEPT, 0, offered, SHARED_REGION_READ), INVALID_CAPABILITY);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* ---- refusals --------------------------------------------------------------------------- */

/* 3.11, G-18 */
TEST(a_mode_that_there_is_not_is_an_invalid_message)
{
	static const uint32_t none[] = { 3, 4, 255, 0x103, 0x200, UINT32_MAX };
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		EXPECT_FAILS(offer(&a, b.self, none[i], &cap, &rights), INVALID_MESSAGE);
		EXPECT_FAILS(offer(&a, NOBODY, none[i], &cap, &rights), INVALID_MESSAGE);
		EXPECT_FAILS(shared_region_transfer(a.region, b.self, none[i], 0, LONG, NULL),
			     INVALID_MESSAGE);
	}
	agent_down(&b);
	own_down(&a);
}

/* G-18: only a Move is exclusive. */
TEST(sharing_exclusively_is_an_invalid_message)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(
		offer(&a, b.self, SHARED_REGION_SHARE | SHARED_REGION_EXCLUSIVE, &cap, &rights),
		INVALID_MESSAGE);
	EXPECT_FAILS(offer(&a, b.self, SHARED_REGION_COPY_ON_WRITE | SHARED_REGION_EXCLUSIVE,
			   &cap, &rights),
		     INVALID_MESSAGE);
	agent_down(&b);
	own_down(&a);
}

/* 3.11 */
TEST(offering_to_a_missing_process_finds_no_process)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	for (uint32_t mode = 0; mode <= 2; mode++) {
		EXPECT_FAILS(offer(&a, NOBODY, mode, &cap, &rights), PROCESS_NOT_FOUND);
		EXPECT_FAILS(offer(&a, 0, mode, &cap, &rights), PROCESS_NOT_FOUND);
	}
	own_down(&a);
}

/* G-14 */
TEST(sharing_with_oneself_is_an_invalid_argument)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(offer(&a, a.self, SHARED_REGION_SHARE, &cap, &rights), INVALID_ARGUMENT);
	EXPECT_FAILS(offer(&a, a.self, SHARED_REGION_COPY_ON_WRITE, &cap, &rights),
		     INVALID_ARGUMENT);
	own_down(&a);
}

/* 3.11, 5.2 */
TEST(who_may_not_grant_offers_nothing)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&b, OFFER, 0, c.self, SHARED_REGION_SHARE), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, OFFER, 0, c.self, SHARED_REGION_COPY_ON_WRITE), PERMISSION_DENIED);
	/* 3: authority comes before the existence of others. */
	EXPECT_FAILS(ask(&b, OFFER, 0, NOBODY, SHARED_REGION_SHARE), PERMISSION_DENIED);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 3.11 */
TEST(only_the_owner_offers_a_move)
{
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	(void)share_rights(&a, &b, WRITING | MANAGING, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&b, OFFER, 0, c.self, SHARED_REGION_MOVE), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, OFFER, 0, NOBODY, SHARED_REGION_MOVE), PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, TRANSFER, 0, c.self, SHARED_REGION_MOVE, 0, 100),
		     PERMISSION_DENIED);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 2.2, 3.11 */
TEST(nothing_is_offered_while_a_move_is_under_way)
{
	shared_region_cap cap, second;
	shared_region_rights rights;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_MOVE, &cap, &rights));
	for (uint32_t mode = 0; mode <= 2; mode++)
		EXPECT_FAILS(offer(&a, c.self, mode, &second, &rights), RESOURCE_BUSY);
	EXPECT_FAILS(shared_region_share_with(a.region, c.self, SHARED_REGION_READ),
		     RESOURCE_BUSY);
	EXPECT_FAILS(shared_region_destroy(a.region), RESOURCE_BUSY);
	/* 3: that the other is not there is found before. */
	EXPECT_FAILS(offer(&a, NOBODY, SHARED_REGION_SHARE, &second, &rights),
		     PROCESS_NOT_FOUND);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 3.11: optional. */
TEST(an_offer_needs_no_place_for_its_rights)
{
	shared_region_cap cap = 0;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_create_capability(a.region, b.self, SHARED_REGION_SHARE, &cap,
						  NULL));
	EXPECT(cap != 0);
	agent_down(&b);
	own_down(&a);
}

/* ---- before and after it is taken ------------------------------------------------------- */

/* G-3, G-6, 2.4 */
TEST(an_offer_is_offered_until_it_is_taken_and_held_then)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_SHARE, &cap, &rights));
	EXPECT_OK(ask(&b, CHECK, cap, WRITING));
	EXPECT_FAILS(ask(&b, CHECK, cap, SHARED_REGION_RIGHT_GRANT), PERMISSION_DENIED);
	EXPECT_OK(ask(&b, INFO, cap));
	EXPECT_EQ(b.said[0], shared_region_id(a.region));
	EXPECT_EQ(b.said[2], SHARED_REGION_CAP_OFFERED);
	EXPECT_OK(ask(&b, ACCEPT, 0, cap, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&b, INFO, cap));
	EXPECT_EQ(b.said[2], SHARED_REGION_CAP_HELD);
	agent_down(&b);
	own_down(&a);
}

/* G-3 */
TEST(cap_map_takes_an_offer_as_well)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	a.at[0] = 0x29;
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_SHARE, &cap, &rights));
	EXPECT_OK(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_READ));
	EXPECT_EQ(agent_byte(&b, 0, 0), 0x29);
	EXPECT_OK(ask(&b, INFO, cap));
	EXPECT_EQ(b.said[2], SHARED_REGION_CAP_HELD);
	agent_down(&b);
	own_down(&a);
}

/* 13: they differ in that cap_map may be called again. */
TEST(accept_takes_an_offer_once_and_cap_map_maps_again)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&b, ACCEPT, 1, cap, SHARED_REGION_WRITE), INVALID_CAPABILITY);
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_FAILS(ask(&b, ACCEPT, 1, cap, SHARED_REGION_WRITE), INVALID_CAPABILITY);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_OK(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_WRITE));
		EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	}
	agent_down(&b);
	own_down(&a);
}

/* 3.7, P-3 */
TEST(what_is_mapped_already_is_an_invalid_memory_region_of_cap_map)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_FAILS(ask(&b, CAP_MAP, 1, cap, SHARED_REGION_WRITE), INVALID_MEMORY_REGION);
	EXPECT_EQ(ask(&b, STORE, 0, 0, 1), 0);
	agent_down(&b);
	own_down(&a);
}

/* 3.7: as map. */
TEST(taking_an_offer_is_refused_as_mapping_is_and_leaves_it_open)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 2, SHARED_REGION_WRITE);
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_SHARE, &cap, &rights));
	EXPECT_FAILS(ask(&b, ACCEPT, 0, cap, 2), INVALID_MESSAGE);
	EXPECT_FAILS(ask(&b, ACCEPT, 0, cap, SHARED_REGION_READ_WRITE_EXECUTE),
		     PERMISSION_DENIED);
	EXPECT_FAILS(ask(&b, ACCEPT, 0, cap, SHARED_REGION_READ, PAGE * 5000 + 8),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(ask(&b, CAP_MAP, 0, cap, 0), INVALID_MESSAGE);
	EXPECT_FAILS(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_READ, UINT64_MAX - PAGE + 1),
		     INVALID_MEMORY_REGION);
	EXPECT_OK(ask(&b, INFO, cap));
	EXPECT_EQ(b.said[2], SHARED_REGION_CAP_OFFERED);
	EXPECT_OK(ask(&b, ACCEPT, 0, cap, SHARED_REGION_WRITE));
	agent_down(&b);
	own_down(&a);
}

/* 5.2, G-19 */
TEST(a_granter_withdraws_an_offer_by_revoking_it)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b;
	uint32_t count = 0;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_SHARE, &cap, &rights));
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_ASK, &count));
	EXPECT_EQ(count, 1);
	EXPECT_FAILS(ask(&b, ACCEPT, 0, cap, SHARED_REGION_READ), INVALID_CAPABILITY);
	EXPECT_OK(shared_region_destroy(a.region));
	agent_down(&b);
	own_down(&a);
}

/* G-19, 2.2 */
TEST(a_move_that_is_withdrawn_leaves_the_owner_as_he_was)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	a.at[0] = 0x12;
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_MOVE, &cap, &rights));
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_ASK, NULL));
	EXPECT_FAILS(ask(&b, ACCEPT, 0, cap, SHARED_REGION_READ), INVALID_CAPABILITY);
	EXPECT_EQ(a.at[0], 0x12);
	EXPECT(own_root(&a) != 0);
	(void)share(&a, &b, SHARED_REGION_READ);
	agent_down(&b);
	own_down(&a);
}

/* ---- waiting ---------------------------------------------------------------------------- */

/* G-5 */
TEST(without_an_offer_waiting_would_block_or_times_out)
{
	struct shared_region_offer next = { 0 };
	struct own a;

	own_attach(&a);
	EXPECT_FAILS(shared_region_offer_wait(a.client, 0, &next), WOULD_BLOCK);
	EXPECT_FAILS(shared_region_offer_wait(a.client, 20, &next), TIMEOUT);
	EXPECT_EQ(next.cap, 0);
	own_down(&a);
}

/* G-5 */
TEST(every_offer_comes_once_and_in_order)
{
	shared_region_cap caps[3];
	shared_region_rights rights;
	struct shared_region_transfer_report report;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_SHARE, &caps[0], &rights));
	EXPECT_OK(shared_region_transfer(a.region, b.self, SHARED_REGION_COPY_ON_WRITE, 0, LONG,
					 &report));
	caps[1] = report.cap;
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_SHARE, &caps[2], &rights));
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_OK(ask(&b, WAIT, LONG));
		EXPECT_EQ(b.said[0], caps[i]);
	}
	EXPECT_FAILS(ask(&b, WAIT, 0), WOULD_BLOCK);
	agent_down(&b);
	own_down(&a);
}

/* 13 */
TEST(an_offer_says_what_who_and_how)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_COPY_ON_WRITE, &cap, &rights));
	EXPECT_OK(ask(&b, WAIT, 0));
	EXPECT_EQ(b.said[0], cap);
	EXPECT_EQ(b.said[1], shared_region_id(a.region));
	EXPECT_EQ(b.said[2], a.self);
	EXPECT_EQ(b.said[3], SHARED_REGION_COPY_ON_WRITE);
	EXPECT_EQ(b.said[4], READING);
	agent_down(&b);
	own_down(&a);
}

/* G-5 */
TEST(an_offer_wakes_who_waits_for_ever)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	order(&b, WAIT, (uint64_t)-1);
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_SHARE, &cap, &rights));
	EXPECT_OK(hear(&b));
	EXPECT_EQ(b.said[0], cap);
	agent_down(&b);
	own_down(&a);
}

/* G-5: a queue per process. */
TEST(nobody_hears_of_others_offers)
{
	shared_region_rights rights;
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(offer(&a, b.self, SHARED_REGION_SHARE, &cap, &rights));
	EXPECT_FAILS(ask(&c, WAIT, 0), WOULD_BLOCK);
	EXPECT_OK(ask(&b, WAIT, 0));
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

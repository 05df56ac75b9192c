/* SPDX-License-Identifier: MIT */
/*
 * test_map.c - shared_region_map() of one's own process, and get_mapping()
 */
#include "rig.h"

static int try(struct own *a, void *address, uint32_t perm)
{
	void *at = NULL;
	int code = shared_region_map(a->region, a->self, address, perm, &at);

	if (code == 0)
		a->at = at;
	else
		EXPECT(at == NULL);
	return code;
}

/* 3.7, S-4, 18.4 */
TEST(an_owner_maps_where_he_says_and_reads_what_he_wrote)
{
	void *there = free_address(2);
	struct own a;

	own_make(&a, 2, SHARED_REGION_WRITE);
	EXPECT_OK(try(&a, there, SHARED_REGION_WRITE));
	EXPECT(a.at == there);
	EXPECT(mapping_of(&a, a.self) == there);
	a.at[2 * PAGE - 1] = 0x42;
	EXPECT_EQ(((volatile unsigned char *)a.at)[2 * PAGE - 1], 0x42);
	own_down(&a);
}

/* D-6, 3.7 */
TEST(no_address_is_any_address)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(try(&a, NULL, SHARED_REGION_WRITE));
	EXPECT(a.at != NULL);
	EXPECT_EQ((uintptr_t)a.at % PAGE, 0);
	EXPECT_EQ(store_fault(a.at), 0);
	EXPECT(mapping_of(&a, a.self) == a.at);
	own_down(&a);
}

/* 3.7: the whole region. */
TEST(a_mapping_is_as_long_as_its_region_and_no_longer)
{
	unsigned char *there = free_address(3);
	struct own a;

	own_make(&a, 3, SHARED_REGION_WRITE);
	EXPECT_OK(try(&a, there, SHARED_REGION_WRITE));
	EXPECT_EQ(load_fault(there - 1), SIGSEGV);
	EXPECT_EQ(store_fault(there), 0);
	EXPECT_EQ(store_fault(there + 3 * PAGE - 1), 0);
	EXPECT_EQ(load_fault(there + 3 * PAGE), SIGSEGV);
	own_down(&a);
}

/* 3.7: with exactly these permissions. */
TEST(the_kernel_has_the_permissions_that_were_asked_for)
{
	static const struct {
		uint32_t perm;
		const char *kernel;
	} all[] = { { SHARED_REGION_READ, "r--s" },
		    { SHARED_REGION_WRITE, "rw-s" },
		    { SHARED_REGION_EXECUTE, "--xs" },
		    { SHARED_REGION_READ_EXECUTE, "r-xs" },
		    { SHARED_REGION_READ_WRITE_EXECUTE, "rwxs" } };
	struct own a;

	own_make(&a, 1, SHARED_REGION_READ_WRITE_EXECUTE);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		EXPECT_OK(try(&a, NULL, all[i].perm));
		EXPECT_STR(mapped_as(a.at), all[i].kernel);
		EXPECT_OK(shared_region_unmap(a.region, a.self, SHARED_REGION_ASK));
	}
	own_down(&a);
}

/* 3.7 */
TEST(a_store_to_what_is_mapped_for_reading_faults)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(try(&a, NULL, SHARED_REGION_READ));
	EXPECT_EQ(load_fault(a.at), 0);
	EXPECT_EQ(store_fault(a.at), SIGSEGV);
	own_down(&a);
}

/* P-3, V-7, 18.5 */
TEST(a_second_map_is_an_invalid_memory_region_and_the_first_stays)
{
	struct own a;

	own_up(&a, 1);
	a.at[0] = 3;
	EXPECT_FAILS(try(&a, NULL, SHARED_REGION_READ), INVALID_MEMORY_REGION);
	EXPECT_FAILS(try(&a, free_address(1), SHARED_REGION_WRITE), INVALID_MEMORY_REGION);
	EXPECT(mapping_of(&a, a.self) == a.at);
	EXPECT_STR(mapped_as(a.at), "rw-s");
	EXPECT_EQ(a.at[0], 3);
	own_down(&a);
}

/* S-6, 3.7 */
TEST(an_address_within_a_page_is_an_invalid_memory_region)
{
	char *there = free_address(2);
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_FAILS(try(&a, there + 1, SHARED_REGION_WRITE), INVALID_MEMORY_REGION);
	EXPECT_FAILS(try(&a, there + PAGE / 2, SHARED_REGION_WRITE), INVALID_MEMORY_REGION);
	EXPECT(mapping_of(&a, a.self) == NULL);
	EXPECT_OK(try(&a, there, SHARED_REGION_WRITE));
	own_down(&a);
}

/* S-6, 3.7, 1.2 */
TEST(an_address_where_the_end_overflows_is_an_invalid_memory_region)
{
	struct own a;

	own_make(&a, 2, SHARED_REGION_WRITE);
	EXPECT_FAILS(try(&a, (void *)(UINTPTR_MAX - PAGE + 1), SHARED_REGION_WRITE),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(try(&a, (void *)(UINTPTR_MAX - 3 * PAGE + 1), SHARED_REGION_WRITE),
		     INVALID_MEMORY_REGION);
	EXPECT_OK(try(&a, NULL, SHARED_REGION_WRITE));
	own_down(&a);
}

/* 3.7, V-13: nothing is ever replaced. */
TEST(an_address_that_is_taken_is_an_invalid_memory_region_and_stays_taken)
{
	unsigned char *there = free_address(3);
	struct own a;

	own_make(&a, 3, SHARED_REGION_WRITE);
	occupy(there + 2 * PAGE, 1, 0x77);
	EXPECT_FAILS(try(&a, there, SHARED_REGION_WRITE), INVALID_MEMORY_REGION);
	EXPECT(is_filled(there + 2 * PAGE, PAGE, 0x77));
	EXPECT_EQ(load_fault(there), SIGSEGV);
	EXPECT_EQ(load_fault(there + PAGE), SIGSEGV);
	EXPECT_EQ(munmap(there + 2 * PAGE, PAGE), 0);
	EXPECT_OK(try(&a, there, SHARED_REGION_WRITE));
	own_down(&a);
}

/* V-13 */
TEST(two_regions_never_overlap)
{
	shared_region *second = NULL;
	void *at = NULL;
	struct own a;

	own_up(&a, 4);
	EXPECT_OK(shared_region_new(a.client, a.self, 2 * PAGE, SHARED_REGION_WRITE, &second));
	EXPECT_FAILS(shared_region_map(second, a.self, a.at, SHARED_REGION_WRITE, &at),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(
		shared_region_map(second, a.self, a.at + 3 * PAGE, SHARED_REGION_WRITE, &at),
		INVALID_MEMORY_REGION);
	EXPECT_OK(shared_region_map(second, a.self, NULL, SHARED_REGION_WRITE, &at));
	EXPECT((unsigned char *)at + 2 * PAGE <= a.at ||
	       a.at + 4 * PAGE <= (unsigned char *)at);
	shared_region_release(second);
	own_down(&a);
}

/* 1.3, 18.25: rejected, never turned into reading. */
TEST(what_is_no_permission_is_an_invalid_message_of_map)
{
	static const uint32_t none[] = { 0, 2, 6, 8, 0x80000001, UINT32_MAX };
	struct own a;

	own_make(&a, 1, SHARED_REGION_READ_WRITE_EXECUTE);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		EXPECT_FAILS(try(&a, NULL, none[i]), INVALID_MESSAGE);
	EXPECT(mapping_of(&a, a.self) == NULL);
	own_down(&a);
}

/* 3.7, S-1, 18.10 */
TEST(nobody_maps_beyond_the_ceiling)
{
	static const uint32_t all[] = { 1, 3, 4, 5, 7 };
	struct own a;

	own_attach(&a);
	for (size_t c = 0; c < 5; c++) {
		EXPECT_OK(shared_region_new(a.client, a.self, PAGE, all[c], &a.region));
		for (size_t p = 0; p < 5; p++)
			if (all[p] & ~all[c]) {
				EXPECT_FAILS(try(&a, NULL, all[p]), PERMISSION_DENIED);
			} else {
				EXPECT_OK(try(&a, NULL, all[p]));
				EXPECT_OK(shared_region_unmap(a.region, a.self, 0));
			}
		EXPECT_OK(shared_region_destroy(a.region));
		shared_region_release(a.region);
	}
	a.region = NULL;
	own_down(&a);
}

/* 3: shape, then authority, then processes, then state. */
TEST(map_finds_a_bad_permission_before_a_lack_of_authority)
{
	struct agent b;
	void *at = NULL;
	struct own a;

	own_up(&a, 1);
	agent_up(&b);
	EXPECT_FAILS(shared_region_map(a.region, b.self, NULL, 2, &at), INVALID_MESSAGE);
	EXPECT_FAILS(shared_region_map(a.region, NOBODY, NULL, 8, &at), INVALID_MESSAGE);
	EXPECT_FAILS(try(&a, NULL, 6), INVALID_MESSAGE);
	agent_down(&b);
	own_down(&a);
}

TEST(map_finds_a_bad_address_before_a_lack_of_authority)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_READ);
	EXPECT_FAILS(try(&a, (void *)(PAGE * 1000 + 1), SHARED_REGION_WRITE),
		     INVALID_MEMORY_REGION);
	own_down(&a);
}

TEST(map_finds_the_ceiling_before_the_mapping_that_is_there)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_READ);
	EXPECT_OK(try(&a, NULL, SHARED_REGION_READ));
	EXPECT_FAILS(try(&a, NULL, SHARED_REGION_WRITE), PERMISSION_DENIED);
	own_down(&a);
}

TEST(map_finds_the_ceiling_before_a_missing_process)
{
	void *at = NULL;
	struct own a;

	own_make(&a, 1, SHARED_REGION_READ);
	EXPECT_FAILS(shared_region_map(a.region, NOBODY, NULL, SHARED_REGION_WRITE, &at),
		     PERMISSION_DENIED);
	EXPECT_FAILS(shared_region_map(a.region, NOBODY, NULL, SHARED_REGION_READ, &at),
		     PROCESS_NOT_FOUND);
	EXPECT_FAILS(shared_region_map(a.region, 0, NULL, SHARED_REGION_READ, &at),
		     PROCESS_NOT_FOUND);
	own_down(&a);
}

/* 2.2 */
TEST(a_region_that_is_gone_is_an_invalid_memory_region_of_map)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_destroy(a.region));
	EXPECT_FAILS(try(&a, NULL, SHARED_REGION_WRITE), INVALID_MEMORY_REGION);
	own_down(&a);
}

/* S-5, 3.7, 18.7 */
TEST(who_has_no_capability_maps_nothing)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	/* By id, and by the token of the owner. */
	EXPECT_FAILS(ask(&b, OPEN, 0, shared_region_id(a.region)), INVALID_MEMORY_REGION);
	EXPECT_FAILS(ask(&b, CAP_MAP, 0, own_root(&a), SHARED_REGION_READ), INVALID_CAPABILITY);
	/* By a formula that gave tokens away, region id xor process id. */
	EXPECT_FAILS(ask(&b, CAP_MAP, 0,
			 UINT64_C(0x3000000000000000) | (shared_region_id(a.region) ^ b.self),
			 SHARED_REGION_READ),
		     INVALID_CAPABILITY);
	agent_down(&b);
	own_down(&a);
}

/* 3.7, 18.7: with a handle from better days. */
TEST(who_lost_his_capability_maps_no_more)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&b, MAP, 0, SHARED_REGION_WRITE, 0));
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_ASK, NULL));
	EXPECT_FAILS_EITHER(ask(&b, MAP, 0, SHARED_REGION_READ, 0), PERMISSION_DENIED,
			    INVALID_CAPABILITY);
	agent_down(&b);
	own_down(&a);
}

/* 3.7, V-3 */
TEST(a_holder_maps_with_no_more_than_he_holds)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	(void)share_rights(&a, &b, READING, SHARED_REGION_READ);
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_FAILS(ask(&b, MAP, 0, SHARED_REGION_WRITE, 0), PERMISSION_DENIED);
	EXPECT_OK(ask(&b, MAP, 0, SHARED_REGION_READ, 0));
	EXPECT_EQ(ask(&b, STORE, 0, 0, 1), SIGSEGV);
	agent_down(&b);
	own_down(&a);
}

/* 1.6, 3.7: MAP is a right like the others. */
TEST(a_capability_without_map_maps_nothing)
{
	shared_region_cap cap;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	cap = own_derive(&a, SHARED_REGION_RIGHT_READ | SHARED_REGION_RIGHT_WRITE, b.self);
	/* G-3 */
	EXPECT_FAILS(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_READ), PERMISSION_DENIED);
	EXPECT_OK(ask(&b, OPEN, 0, shared_region_id(a.region)));
	EXPECT_FAILS(ask(&b, MAP, 0, SHARED_REGION_READ, 0), PERMISSION_DENIED);
	agent_down(&b);
	own_down(&a);
}

/* P-13, 3.10 */
TEST(a_mapping_that_is_not_there_has_no_address)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT(mapping_of(&a, a.self) == NULL);
	EXPECT(mapping_of(&a, NOBODY) == NULL);
	EXPECT(mapping_of(&a, 0) == NULL);
	own_map(&a, SHARED_REGION_READ);
	EXPECT(mapping_of(&a, a.self) == a.at);
	own_down(&a);
}

/* S-12, 3.10 */
TEST(where_others_have_it_mapped_is_for_the_owner_to_know)
{
	struct agent b, c;
	uint64_t there;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 1);
	(void)share(&a, &b, SHARED_REGION_READ);
	there = b.said[0];
	(void)share(&a, &c, SHARED_REGION_READ);
	EXPECT((uintptr_t)mapping_of(&a, b.self) == there);
	EXPECT_OK(ask(&b, MAPPING, 0, 0));
	EXPECT(b.said[0] && b.said[1] == there);
	EXPECT_OK(ask(&c, MAPPING, 0, b.self));
	EXPECT(!c.said[0]);
	EXPECT_OK(ask(&b, MAPPING, 0, a.self));
	EXPECT(!b.said[0]);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 3.10 */
TEST(an_address_stays_the_same_across_a_fence)
{
	struct agent b, c;
	shared_region_cap cap;
	unsigned char *was;
	uint64_t there;
	struct own a;

	agent_up(&b);
	agent_up(&c);
	own_up(&a, 2);
	was = a.at;
	(void)share(&a, &b, SHARED_REGION_WRITE);
	there = b.said[0];
	cap = share(&a, &c, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_cap_revoke(a.client, cap, SHARED_REGION_FENCE, NULL));
	EXPECT(mapping_of(&a, a.self) == was);
	EXPECT((uintptr_t)mapping_of(&a, b.self) == there);
	a.at[0] = 6;
	EXPECT_EQ(agent_byte(&b, 0, 0), 6);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* ---- into other processes --------------------------------------------------------------- */

/* 3.7 */
TEST(an_owner_maps_into_a_process_that_accepts)
{
	void *there = NULL;
	struct agent b;
	struct own a;

	agent_up_with(&b, SHARED_REGION_ACCEPT_REMOTE_MAPS);
	own_up(&a, 2);
	a.at[PAGE] = 5;
	EXPECT_OK(shared_region_map(a.region, b.self, NULL, SHARED_REGION_WRITE, &there));
	EXPECT(there != NULL);
	EXPECT(mapping_of(&a, b.self) == there);
	EXPECT_OK(ask(&b, OPEN, 0, shared_region_id(a.region)));
	EXPECT_OK(ask(&b, MAPPING, 0, 0));
	EXPECT(b.said[0] && b.said[1] == (uintptr_t)there);
	EXPECT_EQ(agent_byte(&b, 0, PAGE), 5);
	EXPECT_EQ(ask(&b, STORE, 0, 0, 8), 0);
	EXPECT_EQ(a.at[0], 8);
	agent_down(&b);
	own_down(&a);
}

/* 3.7 */
TEST(an_owner_does_not_map_into_a_process_that_does_not_accept)
{
	void *there = NULL;
	struct agent b;
	struct own a;

	agent_up(&b);
	own_up(&a, 1);
	EXPECT_FAILS(shared_region_map(a.region, b.self, NULL, SHARED_REGION_READ, &there),
		     PERMISSION_DENIED);
	/* Nor where it could map itself. */
	(void)share(&a, &b, SHARED_REGION_READ);
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_FAILS(shared_region_map(a.region, b.self, NULL, SHARED_REGION_READ, &there),
		     PERMISSION_DENIED);
	EXPECT(mapping_of(&a, b.self) == NULL);
	agent_down(&b);
	own_down(&a);
}

/* P-6 */
TEST(a_third_party_maps_into_nobody)
{
	struct agent b, c;
	shared_region *region = NULL;
	void *there = NULL;
	struct own a;

	agent_up(&b);
	agent_up_with(&c, SHARED_REGION_ACCEPT_REMOTE_MAPS);
	own_attach(&a);
	EXPECT_OK(ask(&b, NEW, 0, PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&b, OFFER, 0, a.self, SHARED_REGION_SHARE));
	EXPECT_OK(shared_region_cap_map(a.client, b.said[0], NULL, SHARED_REGION_WRITE, &region,
					&there));
	EXPECT_FAILS(shared_region_map(region, c.self, NULL, SHARED_REGION_READ, &there),
		     PERMISSION_DENIED);
	EXPECT_FAILS(shared_region_map(region, b.self, NULL, SHARED_REGION_READ, &there),
		     PERMISSION_DENIED);
	/* Authority is looked at before processes are. */
	EXPECT_FAILS(shared_region_map(region, NOBODY, NULL, SHARED_REGION_READ, &there),
		     PERMISSION_DENIED);
	shared_region_release(region);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 3.7 */
TEST(a_second_map_into_a_process_is_an_invalid_memory_region)
{
	void *there = NULL, *again = NULL;
	struct agent b;
	struct own a;

	agent_up_with(&b, SHARED_REGION_ACCEPT_REMOTE_MAPS);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_map(a.region, b.self, NULL, SHARED_REGION_READ, &there));
	EXPECT_FAILS(shared_region_map(a.region, b.self, NULL, SHARED_REGION_READ, &again),
		     INVALID_MEMORY_REGION);
	EXPECT(mapping_of(&a, b.self) == there);
	agent_down(&b);
	own_down(&a);
}

/* 3.7 */
TEST(a_process_that_does_not_answer_is_a_timeout_and_nothing_is_mapped)
{
	void *there = NULL;
	struct agent b;
	struct own a;

	agent_up_with(&b, SHARED_REGION_ACCEPT_REMOTE_MAPS);
	own_make(&a, 1, SHARED_REGION_WRITE);
	agent_stop(&b);
	EXPECT_FAILS(shared_region_map(a.region, b.self, NULL, SHARED_REGION_READ, &there),
		     TIMEOUT);
	EXPECT(there == NULL);
	EXPECT(mapping_of(&a, b.self) == NULL);
	EXPECT_EQ(kill(b.pid, SIGCONT), 0);
	/* Also when it goes on. */
	EXPECT_OK(ask(&b, SELF));
	EXPECT(mapping_of(&a, b.self) == NULL);
	agent_down(&b);
	own_down(&a);
}

/* 3.7: the capability for it is made implicitly. */
TEST(a_process_that_was_mapped_into_unmaps_by_itself)
{
	void *there = NULL;
	struct agent b;
	struct own a;

	agent_up_with(&b, SHARED_REGION_ACCEPT_REMOTE_MAPS);
	own_make(&a, 1, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_map(a.region, b.self, NULL, SHARED_REGION_READ, &there));
	EXPECT_OK(ask(&b, OPEN, 0, shared_region_id(a.region)));
	EXPECT_OK(ask(&b, MAPPING, 0, 0));
	EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_EQ(ask(&b, LOAD, 0, 0), SIGSEGV);
	EXPECT(mapping_of(&a, b.self) == NULL);
	agent_down(&b);
	own_down(&a);
}

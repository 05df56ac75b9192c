/* SPDX-License-Identifier: MIT */
/*
 * test_create.c - shared_region_new() and its kin, id() and size()
 */
#include "rig.h"

static shared_region *made(struct own *a, size_t size)
{
	shared_region *region = NULL;

	EXPECT_OK(shared_region_new(a->client, a->self, size, SHARED_REGION_WRITE, &region));
	return region;
}

static int try(struct own *a, shared_region_pid owner, size_t size, uint32_t perm)
{
	shared_region *region = NULL;
	int code = shared_region_new(a->client, owner, size, perm, &region);

	if (code == 0)
		shared_region_release(region);
	else
		EXPECT(region == NULL);
	return code;
}

/* P-1, 3.5, 18.1 */
TEST(sizes_are_rounded_up_to_whole_pages)
{
	const struct {
		size_t asked, got;
	} sizes[] = { { 1, PAGE },
		      { PAGE - 1, PAGE },
		      { PAGE, PAGE },
		      { PAGE + 1, 2 * PAGE },
		      { 2 * PAGE, 2 * PAGE } };
	struct own a;

	own_attach(&a);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		shared_region *region = made(&a, sizes[i].asked);

		EXPECT_EQ(shared_region_size(region), sizes[i].got);
		shared_region_release(region);
	}
	own_down(&a);
}

/* 3.1, 3.7: all of it is there, to the last byte. */
TEST(a_region_has_its_rounded_size_in_memory)
{
	shared_region *region;
	void *at = NULL;
	struct own a;

	own_attach(&a);
	region = made(&a, PAGE + 1);
	EXPECT_OK(shared_region_map(region, a.self, NULL, SHARED_REGION_WRITE, &at));
	EXPECT(is_filled(at, 2 * PAGE, 0));
	((unsigned char *)at)[2 * PAGE - 1] = 1;
	shared_region_release(region);
	own_down(&a);
}

/* D-3, 18.1 */
TEST(no_size_is_an_invalid_memory_region)
{
	struct own a;

	own_attach(&a);
	EXPECT_FAILS(try(&a, a.self, 0, SHARED_REGION_WRITE), INVALID_MEMORY_REGION);
	own_down(&a);
}

/* 3.1, 18.1: where rounding wraps. */
TEST(the_largest_native_word_is_an_invalid_memory_region)
{
	struct own a;

	own_attach(&a);
	EXPECT_FAILS(try(&a, a.self, SIZE_MAX, SHARED_REGION_WRITE), INVALID_MEMORY_REGION);
	EXPECT_FAILS(try(&a, a.self, SIZE_MAX - PAGE + 2, SHARED_REGION_WRITE),
		     INVALID_MEMORY_REGION);
	own_down(&a);
}

/* 1.3, 3.1, S-1, 18.25 */
TEST(a_ceiling_that_is_no_permission_is_an_invalid_message)
{
	static const uint32_t none[] = { 0, 2, 6, 8, 9, 11, 0x80000003, UINT32_MAX };
	struct own a;

	own_attach(&a);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		shared_region *region = NULL;

		EXPECT_FAILS(try(&a, a.self, PAGE, none[i]), INVALID_MESSAGE);
		EXPECT_FAILS(shared_region_new_numa(a.client, a.self, PAGE, none[i],
						    SHARED_REGION_NUMA_ANY, &region),
			     INVALID_MESSAGE);
	}
	own_down(&a);
}

/* 1.3 */
TEST(each_of_the_five_permissions_is_a_ceiling)
{
	static const uint32_t all[] = { 1, 3, 4, 5, 7 };
	struct own a;

	own_attach(&a);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		EXPECT_OK(try(&a, a.self, PAGE, all[i]));
	own_down(&a);
}

/* 3.1 */
TEST(nobody_makes_regions_for_others)
{
	struct agent b;
	struct own a;

	own_attach(&a);
	agent_up(&b);
	EXPECT_FAILS(try(&a, b.self, PAGE, SHARED_REGION_WRITE), PERMISSION_DENIED);
	agent_down(&b);
	own_down(&a);
}

/* 3.1; which of the two: authority is looked at first, but nobody has any over nobody. */
TEST(nobody_owns_no_region)
{
	struct own a;

	own_attach(&a);
	EXPECT_FAILS_EITHER(try(&a, NOBODY, PAGE, SHARED_REGION_WRITE), PROCESS_NOT_FOUND,
			    PERMISSION_DENIED);
	EXPECT_FAILS_EITHER(try(&a, 0, PAGE, SHARED_REGION_WRITE), PROCESS_NOT_FOUND,
			    PERMISSION_DENIED);
	own_down(&a);
}

/* 3 */
TEST(arguments_are_looked_at_before_authority)
{
	struct agent b;
	struct own a;

	own_attach(&a);
	agent_up(&b);
	EXPECT_FAILS(try(&a, b.self, PAGE, 2), INVALID_MESSAGE);
	EXPECT_FAILS(try(&a, b.self, 0, SHARED_REGION_WRITE), INVALID_MEMORY_REGION);
	agent_down(&b);
	own_down(&a);
}

/* P-2, 3.4, 18.2 */
TEST(ids_begin_with_1_and_increase)
{
	pid_t broker = broker_start();
	uint64_t last = 0;
	struct own a;

	own_attach(&a);
	for (unsigned i = 0; i < 8; i++) {
		shared_region *region = made(&a, PAGE);

		if (i == 0)
			EXPECT_EQ(shared_region_id(region), 1);
		EXPECT(shared_region_id(region) > last);
		last = shared_region_id(region);
		shared_region_release(region);
	}
	own_down(&a);
	broker_stop(broker);
}

/* V-6, 3.4, 18.2 */
TEST(an_id_is_not_used_again_when_its_region_is_gone)
{
	uint64_t last = 0;
	struct own a;

	own_attach(&a);
	for (unsigned i = 0; i < 8; i++) {
		shared_region *region = made(&a, PAGE);

		EXPECT(shared_region_id(region) > last);
		last = shared_region_id(region);
		EXPECT_OK(shared_region_destroy(region));
		shared_region_release(region);
	}
	own_down(&a);
}

/* 3.4: of all processes together. */
TEST(ids_of_several_processes_are_one_sequence)
{
	uint64_t last = 0;
	struct agent b;
	struct own a;

	own_attach(&a);
	agent_up(&b);
	for (unsigned i = 0; i < 4; i++) {
		shared_region *region = made(&a, PAGE);

		EXPECT(shared_region_id(region) > last);
		last = shared_region_id(region);
		shared_region_release(region);
		EXPECT_OK(ask(&b, NEW, 0, PAGE, SHARED_REGION_WRITE));
		EXPECT(b.said[0] > last);
		last = b.said[0];
		EXPECT_OK(ask(&b, RELEASE, 0));
	}
	agent_down(&b);
	own_down(&a);
}

/* 3.4, 3.5 */
TEST(id_and_size_stay_when_the_region_is_gone)
{
	uint64_t id;
	struct own a;

	own_make(&a, 3, SHARED_REGION_WRITE);
	id = shared_region_id(a.region);
	EXPECT_OK(shared_region_destroy(a.region));
	EXPECT_EQ(shared_region_id(a.region), id);
	EXPECT_EQ(shared_region_size(a.region), 3 * PAGE);
	own_down(&a);
}

/* S-2, V-9, 18.3 */
TEST(content_is_zero_at_first)
{
	struct own a;

	own_up(&a, 16);
	EXPECT(is_filled(a.at, a.size, 0));
	own_down(&a);
}

/* S-2, 18.3 */
TEST(content_is_zero_also_where_others_were_before)
{
	struct agent b;
	struct own a;

	own_attach(&a);
	agent_up(&b);
	for (unsigned i = 0; i < 4; i++) {
		EXPECT_OK(ask(&b, NEW, 0, 256 * PAGE, SHARED_REGION_WRITE));
		EXPECT_OK(ask(&b, MAP, 0, SHARED_REGION_WRITE, 0));
		EXPECT(agent_filled(&b, 0, 256 * PAGE, 0));
		EXPECT_EQ(ask(&b, FILL, 0, 256 * PAGE, 0xEE), 0);
		EXPECT_OK(ask(&b, UNMAP, 0, 0, SHARED_REGION_ASK));
		EXPECT_OK(ask(&b, END, 0));
		EXPECT_OK(ask(&b, RELEASE, 0));
		a.size = 256 * PAGE;
		a.region = made(&a, a.size);
		own_map(&a, SHARED_REGION_WRITE);
		EXPECT(is_filled(a.at, a.size, 0));
		(void)memset(a.at, 0xDD, a.size);
		EXPECT_OK(shared_region_unmap(a.region, a.self, SHARED_REGION_ASK));
		EXPECT_OK(shared_region_destroy(a.region));
		shared_region_release(a.region);
		a.region = NULL;
	}
	agent_down(&b);
	own_down(&a);
}

/* D-4, 3.2 */
TEST(the_ceiling_is_read_and_write_where_none_is_said)
{
	shared_region *region = NULL;
	void *at = NULL;
	struct own a;

	own_attach(&a);
	EXPECT_OK(shared_region_new_with_policy(a.client, a.self, PAGE,
						SHARED_REGION_WRITE_BACK,
						SHARED_REGION_NUMA_ANY, 0, &region));
	EXPECT_FAILS(shared_region_map(region, a.self, NULL, SHARED_REGION_EXECUTE, &at),
		     PERMISSION_DENIED);
	EXPECT_FAILS(
		shared_region_map(region, a.self, NULL, SHARED_REGION_READ_WRITE_EXECUTE, &at),
		PERMISSION_DENIED);
	EXPECT_OK(shared_region_map(region, a.self, NULL, SHARED_REGION_WRITE, &at));
	shared_region_release(region);
	own_down(&a);
}

TEST(a_policy_with_an_unknown_flag_is_an_invalid_argument)
{
	shared_region *region = NULL;
	struct own a;

	own_attach(&a);
	EXPECT_FAILS(shared_region_new_with_policy(a.client, a.self, PAGE, 0,
						   SHARED_REGION_NUMA_ANY, 16, &region),
		     INVALID_ARGUMENT);
	EXPECT(region == NULL);
	own_down(&a);
}

/* 3.2: as new. */
TEST(a_region_with_a_policy_is_refused_as_one_without)
{
	shared_region *region = NULL;
	struct agent b;
	struct own a;

	own_attach(&a);
	agent_up(&b);
	EXPECT_FAILS(shared_region_new_with_policy(a.client, a.self, 0, 0,
						   SHARED_REGION_NUMA_ANY, 0, &region),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_new_with_policy(a.client, a.self, SIZE_MAX, 0,
						   SHARED_REGION_NUMA_ANY, 0, &region),
		     INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_new_with_policy(a.client, b.self, PAGE, 0,
						   SHARED_REGION_NUMA_ANY, 0, &region),
		     PERMISSION_DENIED);
	EXPECT_FAILS(
		shared_region_new_numa(a.client, a.self, 0, 1, SHARED_REGION_NUMA_ANY, &region),
		INVALID_MEMORY_REGION);
	EXPECT_FAILS(shared_region_new_numa(a.client, b.self, PAGE, 1, SHARED_REGION_NUMA_ANY,
					    &region),
		     PERMISSION_DENIED);
	agent_down(&b);
	own_down(&a);
}

/* 13: where the host has them. */
TEST(huge_pages_that_the_host_has_not_are_ordinary_ones)
{
	struct own a;

	own_up_with(&a, 3, SHARED_REGION_HUGE_PAGES);
	EXPECT(shared_region_size(a.region) >= 3 * PAGE);
	EXPECT(is_filled(a.at, a.size, 0));
	own_down(&a);
}

/* 1.10, 3.1: a table of regions is no promise of memory that is there. */
TEST(what_was_made_can_be_written_to_the_last_page)
{
	struct own a;

	own_up(&a, 1024);
	for (size_t at = 0; at < a.size; at += PAGE)
		a.at[at] = 1;
	own_down(&a);
}

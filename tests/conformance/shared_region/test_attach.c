/* SPDX-License-Identifier: MIT */
/*
 * test_attach.c - shared_region_attach(), detach(), self() and is_strong(), and handles of none
 */
#include "rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* 1.1: starts at 1. */
TEST(the_first_process_is_number_1_and_the_next_is_number_2)
{
	pid_t broker = broker_start();
	struct agent b;
	struct own a;

	own_attach(&a);
	EXPECT_EQ(a.self, 1);
	agent_up(&b);
	EXPECT_EQ(b.self, 2);
	agent_down(&b);
	own_down(&a);
	broker_stop(broker);
}

/* 1.1 */
TEST(no_number_of_a_process_is_used_twice)
{
	shared_region_pid last;
	struct agent b;
	struct own a;

	own_attach(&a);
	last = a.self;
	for (unsigned i = 0; i < 12; i++) {
		agent_up(&b);
		EXPECT(b.self > last);
		last = b.self;
		if (i % 3 == 0)
			agent_kill(&b);
		else
			agent_down(&b);
	}
	own_down(&a);
}

/* 1.1 */
TEST(who_detaches_and_attaches_again_has_another_number)
{
	shared_region_pid first;
	struct agent b;
	struct own a;

	own_attach(&a);
	agent_up(&b);
	first = b.self;
	EXPECT_OK(ask(&b, DETACH));
	EXPECT_OK(ask(&b, ATTACH, 0));
	EXPECT(b.said[0] > first);
	agent_down(&b);
	own_down(&a);
}

/* 1.1: not the kernel's, which is used again. */
TEST(a_process_has_the_same_number_all_the_time)
{
	struct own a;

	own_attach(&a);
	EXPECT_EQ(shared_region_self(a.client), a.self);
	EXPECT_EQ(shared_region_self(a.client), a.self);
	own_down(&a);
}

/* 13 */
TEST(attach_takes_no_flag_that_it_does_not_know)
{
	shared_region_client *client = NULL;

	EXPECT_FAILS(shared_region_attach(NULL, 2, &client), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_attach(NULL, SHARED_REGION_ACCEPT_REMOTE_MAPS | 1u << 31,
					  &client),
		     INVALID_ARGUMENT);
	EXPECT(client == NULL);
}

TEST(attach_takes_the_flag_that_it_knows)
{
	shared_region_client *client = NULL;

	EXPECT_OK(shared_region_attach(NULL, SHARED_REGION_ACCEPT_REMOTE_MAPS, &client));
	shared_region_detach(client);
}

TEST(attach_without_a_place_for_the_client_is_an_invalid_argument)
{
	EXPECT_FAILS(shared_region_attach(NULL, 0, NULL), INVALID_ARGUMENT);
}

/* 13 */
TEST(a_path_names_the_brokers_directory)
{
	shared_region_client *client = NULL;
	struct own a;

	own_attach(&a);
	EXPECT_OK(shared_region_attach(test_directory(), 0, &client));
	shared_region_detach(client);
	own_down(&a);
}

TEST(no_broker_can_be_had_where_there_is_a_file)
{
	shared_region_client *client = NULL;
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/file", test_directory());
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0);
	(void)close(fd);
	EXPECT_FAILS(shared_region_attach(path, 0, &client), CONNECTION_LOST);
	EXPECT(client == NULL);
}

/* 13 */
TEST(a_directory_that_others_may_not_enter_is_a_denied_permission)
{
	struct agent b;
	struct own a;

	serve_others();
	own_attach(&a);
	agent_up_as(&b, USER_B);
	EXPECT_OK(ask(&b, DETACH));
	EXPECT_EQ(chmod(test_directory(), 0700), 0);
	EXPECT_FAILS(ask(&b, ATTACH, 0), PERMISSION_DENIED);
	agent_down(&b);
	own_down(&a);
}

/* G-1 */
TEST(an_embedded_broker_serves_whom_its_directory_lets_in)
{
	struct agent b;
	struct own a;

	serve_others();
	own_up(&a, 1);
	agent_up_as(&b, USER_B);
	EXPECT(share(&a, &b, SHARED_REGION_WRITE) != 0);
	EXPECT_EQ(ask(&b, STORE, 0, 0, 7), 0);
	EXPECT_EQ(a.at[0], 7);
	agent_down(&b);
	own_down(&a);
}

/* 12.2: an embedded broker is of the same user, and no more is claimed. */
TEST(an_embedded_broker_is_not_strong)
{
	struct own a;

	own_attach(&a);
	EXPECT(!shared_region_is_strong(a.client));
	own_down(&a);
}

/* 12.2, G-1 */
TEST(a_broker_of_another_user_is_strong)
{
	pid_t broker = broker_start_strong();
	struct agent b;
	struct own a;

	own_attach(&a);
	EXPECT(shared_region_is_strong(a.client));
	agent_up_as(&b, USER_B);
	EXPECT_OK(ask(&b, IS_STRONG));
	EXPECT_EQ(b.said[0], 1);
	agent_down(&b);
	own_down(&a);
	broker_stop(broker);
}

/* G-1: for clients of another user id than the broker's, the strong rules hold there too. */
TEST(an_embedded_broker_of_another_user_is_strong)
{
	struct agent b;
	struct own a;

	serve_others();
	own_attach(&a);
	agent_up_as(&b, USER_B);
	EXPECT_OK(ask(&b, IS_STRONG));
	EXPECT_EQ(b.said[0], 1);
	EXPECT(!shared_region_is_strong(a.client));
	agent_down(&b);
	own_down(&a);
}

/* G-9 */
TEST(detach_unmaps_all_that_was_mapped_through_the_client)
{
	shared_region *second = NULL;
	void *at = NULL;
	struct own a;

	own_up(&a, 2);
	EXPECT_OK(shared_region_new(a.client, a.self, PAGE, SHARED_REGION_READ, &second));
	EXPECT_OK(shared_region_map(second, a.self, NULL, SHARED_REGION_READ, &at));
	shared_region_detach(a.client);
	EXPECT_EQ(load_fault(a.at), SIGSEGV);
	EXPECT_EQ(load_fault(at), SIGSEGV);
	shared_region_release(second);
	shared_region_release(a.region);
}

/* G-9 */
TEST(detach_closes_every_descriptor_of_the_client)
{
	unsigned fds, mappings;
	struct own a;

	/* What the library keeps for good, it has after the first time. */
	own_up(&a, 1);
	own_down(&a);
	fds = test_count_fds();
	mappings = test_count_memfd_mappings();
	own_up(&a, 3);
	own_down(&a);
	EXPECT_EQ(test_count_fds(), fds);
	EXPECT_EQ(test_count_memfd_mappings(), mappings);
}

/* 7, 12.5: closing a connection is detaching. */
TEST(what_a_process_owned_and_nobody_uses_ends_when_it_detaches)
{
	shared_region_cap cap;
	struct agent b, c;
	struct own a;

	own_attach(&a);
	agent_up(&b);
	agent_up(&c);
	EXPECT_OK(ask(&b, NEW, 0, PAGE, SHARED_REGION_WRITE));
	EXPECT_OK(ask(&b, ROOT, 0));
	EXPECT_OK(ask(&b, DERIVE, b.said[0], READING, c.self));
	cap = b.said[0];
	/* Taken: an offer that is open would keep an orphan alive (G-4). */
	EXPECT_OK(ask(&c, CAP_MAP, 0, cap, SHARED_REGION_READ));
	EXPECT_OK(ask(&c, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(&c, CHECK, cap, 0));
	EXPECT_OK(ask(&b, DETACH));
	EXPECT_WITHIN(SOON, ask(&c, CHECK, cap, 0) == SHARED_REGION_INVALID_CAPABILITY);
	agent_down(&c);
	agent_down(&b);
	own_down(&a);
}

/* 1.1, 18.20 */
TEST(a_process_with_the_kernels_number_of_a_dead_one_inherits_nothing)
{
	shared_region_cap cap;
	struct agent b, heir;
	uint64_t id;
	pid_t number;
	struct own a;

	own_up(&a, 1);
	id = shared_region_id(a.region);
	agent_up(&b);
	cap = share(&a, &b, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_share_with(a.region, b.self, SHARED_REGION_WRITE));
	number = b.pid;
	heir.self = b.self;
	agent_kill(&b);
	agent_up_numbered(&b, number);
	EXPECT(b.self != heir.self);
	EXPECT_FAILS(ask(&b, CHECK, cap, 0), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&b, CAP_MAP, 0, cap, SHARED_REGION_READ), INVALID_CAPABILITY);
	EXPECT_FAILS(ask(&b, OPEN, 0, id), INVALID_MEMORY_REGION);
	EXPECT_FAILS(ask(&b, WAIT, 0), WOULD_BLOCK);
	EXPECT(mapping_of(&a, b.self) == NULL);
	EXPECT_WITHIN(SOON, mapping_of(&a, heir.self) == NULL);
	agent_down(&b);
	own_down(&a);
}

/* ---- no handle -------------------------------------------------------------------------- */

/* 13 */
TEST(no_client_is_0_or_false_where_there_is_no_error)
{
	EXPECT_EQ(shared_region_self(NULL), 0);
	EXPECT(!shared_region_is_strong(NULL));
	shared_region_detach(NULL);
}

/* 13 */
TEST(no_region_is_0_or_false_where_there_is_no_error)
{
	void *at = NULL;

	EXPECT_EQ(shared_region_id(NULL), 0);
	EXPECT_EQ(shared_region_size(NULL), 0);
	EXPECT(!shared_region_get_mapping(NULL, 1, &at));
	EXPECT(at == NULL);
	shared_region_release(NULL);
}

/* 13 */
TEST(no_client_is_an_invalid_argument_of_every_call)
{
	struct shared_region_notice notice;
	struct shared_region_offer offer;
	struct shared_region_stats stats;
	struct shared_region_cap_info info;
	shared_region *region = NULL;
	shared_region_cap cap = 0;
	uint64_t number = 0;
	uint32_t count = 0;
	size_t got = 0;
	void *at = NULL;

	EXPECT_FAILS(shared_region_new(NULL, 1, PAGE, 1, &region), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_new_with_policy(NULL, 1, PAGE, 0, SHARED_REGION_NUMA_ANY, 0,
						   &region),
		     INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_new_numa(NULL, 1, PAGE, 1, 0, &region), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_open(NULL, 1, &region), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_numa_usage(NULL, 0, &number), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_offer_wait(NULL, 0, &offer), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_accept(NULL, 1, NULL, 1, &region, &at), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_transfer_stats(NULL, &stats), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_cap_map(NULL, 1, NULL, 1, &region, &at), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_cap_derive(NULL, 1, 1, 1, &cap), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_cap_check(NULL, 1, 1), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_cap_info(NULL, 1, &info), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_cap_revoke(NULL, 1, 0, &count), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_cap_delete(NULL, 1), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_notices_drain(NULL, &notice, 1, &got, NULL),
		     INVALID_ARGUMENT);
}

/* 13 */
TEST(no_region_is_an_invalid_argument_of_every_call)
{
	struct shared_region_transfer_report report;
	uint64_t number = 0, pages[1];
	shared_region_cap cap = 0;
	uint32_t node = 0;
	void *at = NULL;

	EXPECT_FAILS(shared_region_destroy(NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_physical_base(NULL, &number), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_numa_node(NULL, &node), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_placement(NULL, pages, 1, &number), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_dump(NULL, stdout), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_map(NULL, 1, NULL, 1, &at), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_unmap(NULL, 1, 0), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_transfer_ownership(NULL, 1), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_create_capability(NULL, 1, 1, &cap, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_share_with(NULL, 1, 1), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_root_capability(NULL, &cap), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_transfer(NULL, 1, 1, 0, 0, &report), INVALID_ARGUMENT);
}

/* 13 */
TEST(no_place_for_what_is_asked_is_an_invalid_argument_of_every_call)
{
	shared_region_cap cap;
	shared_region *region = NULL;
	uint64_t absent = 0, pages[1];
	void *at = NULL;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	cap = own_root(&a);
	EXPECT_FAILS(shared_region_new(a.client, a.self, PAGE, 1, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_open(a.client, shared_region_id(a.region), NULL),
		     INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_physical_base(a.region, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_numa_node(a.region, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_placement(a.region, NULL, 1, &absent), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_placement(a.region, pages, 1, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_numa_usage(a.client, 0, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_dump(a.region, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_map(a.region, a.self, NULL, 1, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_create_capability(a.region, a.self, 1, NULL, NULL),
		     INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_root_capability(a.region, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_offer_wait(a.client, 0, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_accept(a.client, cap, NULL, 1, NULL, &at), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_cap_map(a.client, cap, NULL, 1, &region, NULL),
		     INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_cap_derive(a.client, cap, 1, a.self, NULL),
		     INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_cap_info(a.client, cap, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_transfer_stats(a.client, NULL), INVALID_ARGUMENT);
	EXPECT_FAILS(shared_region_notices_drain(a.client, NULL, 1, NULL, NULL),
		     INVALID_ARGUMENT);
	EXPECT(mapping_of(&a, a.self) == NULL);
	own_down(&a);
}

/* 13: handles are counted in the process; the last one unmaps and destroys nothing. */
TEST(releasing_a_handle_neither_unmaps_nor_destroys)
{
	shared_region *again = NULL;
	uint64_t id;
	struct own a;

	own_up(&a, 1);
	a.at[0] = 9;
	id = shared_region_id(a.region);
	shared_region_release(a.region);
	EXPECT_EQ(a.at[0], 9);
	EXPECT_OK(shared_region_open(a.client, id, &again));
	a.region = again;
	EXPECT(mapping_of(&a, a.self) == a.at);
	own_down(&a);
}

/* 13 */
TEST(several_handles_of_a_region_are_one_region)
{
	shared_region *second = NULL;
	struct own a;

	own_up(&a, 1);
	EXPECT_OK(shared_region_open(a.client, shared_region_id(a.region), &second));
	EXPECT_EQ(shared_region_id(second), shared_region_id(a.region));
	shared_region_release(a.region);
	a.region = second;
	EXPECT(mapping_of(&a, a.self) == a.at);
	EXPECT_OK(shared_region_unmap(second, a.self, SHARED_REGION_ASK));
	EXPECT_EQ(load_fault(a.at), SIGSEGV);
	own_down(&a);
}

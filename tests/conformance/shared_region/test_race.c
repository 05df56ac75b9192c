/* SPDX-License-Identifier: MIT */
/*
 * test_race.c - many threads, in one process and in many, and some of them killed
 */
#include "rig.h"

#include <stdatomic.h>
#include <stdio.h>

/* ---- in one process --------------------------------------------------------------------- */

struct attempts {
	struct own *a;
	shared_region_pid target[16];
	atomic_uint succeeded, refused, other;
};

static void count(struct attempts *t, int code, int refusal)
{
	if (code == 0)
		(void)atomic_fetch_add(&t->succeeded, 1);
	else if (code == refusal)
		(void)atomic_fetch_add(&t->refused, 1);
	else
		(void)atomic_fetch_add(&t->other, 1);
}

static void map_once(unsigned number, void *arg)
{
	struct attempts *t = arg;
	void *at = NULL;

	(void)number;
	count(t, shared_region_map(t->a->region, t->a->self, NULL, SHARED_REGION_WRITE, &at),
	      SHARED_REGION_INVALID_MEMORY_REGION);
}

/* 8, V-7 */
TEST(of_racing_maps_of_one_process_exactly_one_succeeds)
{
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	for (unsigned i = 0; i < 30; i++) {
		struct attempts t = { .a = &a };

		in_threads(8, map_once, &t);
		EXPECT_EQ(atomic_load(&t.succeeded), 1);
		EXPECT_EQ(atomic_load(&t.refused), 7);
		EXPECT(mapping_of(&a, a.self) != NULL);
		EXPECT_OK(shared_region_unmap(a.region, a.self, SHARED_REGION_ASK));
	}
	own_down(&a);
}

static void unmap_once(unsigned number, void *arg)
{
	struct attempts *t = arg;

	(void)number;
	count(t, shared_region_unmap(t->a->region, t->a->self, SHARED_REGION_ASK),
	      SHARED_REGION_INVALID_MEMORY_REGION);
}

/* 3.8, 8: decremented exactly once. */
TEST(of_racing_unmaps_of_one_process_exactly_one_succeeds)
{
	unsigned before;
	struct own a;

	own_make(&a, 1, SHARED_REGION_WRITE);
	for (unsigned i = 0; i < 30; i++) {
		struct attempts t = { .a = &a };

		before = test_count_memfd_mappings();
		own_map(&a, SHARED_REGION_READ);
		in_threads(8, unmap_once, &t);
		EXPECT_EQ(atomic_load(&t.succeeded), 1);
		EXPECT_EQ(atomic_load(&t.refused), 7);
		/* Something of a thread's may be at the address by now. */
		EXPECT_EQ(test_count_memfd_mappings(), before);
	}
	EXPECT_OK(shared_region_destroy(a.region));
	own_down(&a);
}

static void transfer_once(unsigned number, void *arg)
{
	struct attempts *t = arg;

	count(t, shared_region_transfer_ownership(t->a->region, t->target[number]),
	      SHARED_REGION_PERMISSION_DENIED);
}

/* 8, V-1: the other sees PermissionDenied. */
TEST(of_racing_transfers_of_ownership_exactly_one_succeeds)
{
	struct agent agents[4];
	struct own a;

	own_attach(&a);
	for (unsigned i = 0; i < 4; i++)
		agent_up(&agents[i]);
	for (unsigned n = 0; n < 15; n++) {
		struct attempts t = { .a = &a };
		unsigned owners = 0;

		EXPECT_OK(shared_region_new(a.client, a.self, PAGE, SHARED_REGION_WRITE,
					    &a.region));
		for (unsigned i = 0; i < 4; i++)
			t.target[i] = agents[i].self;
		in_threads(4, transfer_once, &t);
		EXPECT_EQ(atomic_load(&t.succeeded), 1);
		EXPECT_EQ(atomic_load(&t.refused), 3);
		for (unsigned i = 0; i < 4; i++)
			if (ask(&agents[i], OPEN, 0, shared_region_id(a.region)) == 0) {
				owners += ask(&agents[i], ROOT, 0) == 0;
				EXPECT_OK(ask(&agents[i], RELEASE, 0));
			}
		EXPECT_EQ(owners, 1);
		shared_region_release(a.region);
		a.region = NULL;
	}
	for (unsigned i = 0; i < 4; i++)
		agent_down(&agents[i]);
	own_down(&a);
}

struct revocations {
	struct own *a;
	shared_region_cap cap;
	atomic_uint total;
};

static void revoke_once(unsigned number, void *arg)
{
	struct revocations *r = arg;
	uint32_t revoked = 0;

	(void)number;
	EXPECT_OK(shared_region_cap_revoke(r->a->client, r->cap, SHARED_REGION_ASK, &revoked));
	(void)atomic_fetch_add(&r->total, revoked);
}

/* 6.5, 8: atomic for the whole subtree, and counted once. */
TEST(racing_revocations_of_a_subtree_count_each_capability_once)
{
	struct agent b;
	struct own a;

	agent_up(&b);
	own_make(&a, 1, SHARED_REGION_WRITE);
	for (unsigned n = 0; n < 10; n++) {
		struct revocations r = { .a = &a };
		shared_region_cap child;

		r.cap = own_derive(&a, PASSING_ON, b.self);
		EXPECT_OK(ask(&b, CAP_MAP, 0, r.cap, SHARED_REGION_READ));
		for (unsigned i = 0; i < 5; i++)
			EXPECT_OK(ask(&b, DERIVE, r.cap, READING, b.self));
		child = b.said[0];
		in_threads(6, revoke_once, &r);
		EXPECT_EQ(atomic_load(&r.total), 6);
		EXPECT_FAILS(ask(&b, CHECK, child, 0), INVALID_CAPABILITY);
	}
	agent_down(&b);
	own_down(&a);
}

static void make_and_end(unsigned number, void *arg)
{
	struct own *a = arg;

	for (unsigned i = 0; i < 40; i++) {
		shared_region *region = NULL;
		void *at = NULL;

		EXPECT_OK(shared_region_new(a->client, a->self, PAGE, SHARED_REGION_WRITE,
					    &region));
		EXPECT_OK(shared_region_map(region, a->self, NULL, SHARED_REGION_WRITE, &at));
		EXPECT(is_filled(at, PAGE, 0));
		(void)memset(at, (int)(number + 1), PAGE);
		EXPECT(is_filled(at, PAGE, (int)(number + 1)));
		EXPECT_OK(shared_region_unmap(region, a->self, SHARED_REGION_ASK));
		EXPECT_OK(shared_region_destroy(region));
		shared_region_release(region);
	}
}

/* 8, V-9, V-13: any thread, one client. */
TEST(threads_make_map_and_end_regions_of_their_own)
{
	struct own a;

	own_attach(&a);
	in_threads(8, make_and_end, &a);
	own_down(&a);
}

/* ---- in many processes, some of which are killed ---------------------------------------- */

/* 64 threads, in so many processes. */
enum { AGENTS = 8, THREADS = 8, ROUNDS = 40 };

struct arena {
	struct own a;
	struct agent agent[AGENTS];
	shared_region_cap cap[AGENTS];
	uint64_t random;
	unsigned successes;
};

static unsigned draw(struct arena *r)
{
	r->random = r->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(r->random >> 33);
}

/* An offer is taken, and no mapping of it stays. */
static void redeem(struct agent *agent, shared_region_cap cap)
{
	EXPECT_OK(ask(agent, CAP_MAP, 0, cap, SHARED_REGION_READ));
	EXPECT_OK(ask(agent, UNMAP, 0, 0, SHARED_REGION_ASK));
	EXPECT_OK(ask(agent, RELEASE, 0));
}

static void arm(struct arena *r, unsigned i)
{
	r->cap[i] = own_derive(&r->a, PASSING_ON, r->agent[i].self);
	redeem(&r->agent[i], r->cap[i]);
}

static void racer_up(struct arena *r, unsigned i)
{
	agent_up(&r->agent[i]);
	arm(r, i);
}

/* What holds whenever nobody does anything. */
static void expect_invariants(struct arena *r)
{
	/* V-1: an owner, who has every right. */
	EXPECT_OK(shared_region_cap_check(r->a.client, own_root(&r->a), WRITING | MANAGING));
	/* V-9 */
	EXPECT_EQ(shared_region_size(r->a.region), r->a.size);
	EXPECT(is_filled(r->a.at, r->a.size, 0x5A));
	for (unsigned i = 0; i < AGENTS; i++) {
		struct agent *agent = &r->agent[i];

		/* V-4, V-5: each capability is what it was, or gone. */
		if (ask(agent, INFO, r->cap[i]) == 0)
			EXPECT_EQ(agent->said[1], PASSING_ON);
		else
			EXPECT_FAILS(ask(agent, CHECK, r->cap[i], 0), INVALID_CAPABILITY);
		/* V-7: none has it mapped, for each has unmapped what it mapped. */
		EXPECT(mapping_of(&r->a, agent->self) == NULL);
	}
}

/* All race; one of them is killed, or loses its capability, meanwhile. */
static void play_round(struct arena *r, unsigned round)
{
	unsigned victim = draw(r) % AGENTS;
	shared_region_pid dead = 0;
	uint32_t revoked = 0;

	for (unsigned i = 0; i < AGENTS; i++)
		order(&r->agent[i], RACE, r->cap[i], THREADS, ROUNDS, r->random + i);
	test_pause_us(draw(r) % 3000);
	if (round % 2) {
		dead = r->agent[victim].self;
		agent_kill(&r->agent[victim]);
	} else {
		EXPECT_OK(shared_region_cap_revoke(r->a.client, r->cap[victim],
						   SHARED_REGION_ASK, &revoked));
		EXPECT(revoked >= 1);
	}
	for (unsigned i = 0; i < AGENTS; i++) {
		struct agent *agent = &r->agent[i];

		if (dead && i == victim)
			continue;
		EXPECT_OK(hear(agent));
		EXPECT_OR_SAY(agent->said[0] == 0, "%llu broken promises, among them %lld",
			      (unsigned long long)agent->said[0], (long long)agent->said[2]);
		r->successes += (unsigned)agent->said[1];
	}
	if (dead) {
		/* V-8 */
		EXPECT_WITHIN(SOON, mapping_of(&r->a, dead) == NULL);
		racer_up(r, victim);
	} else {
		arm(r, victim);
	}
	expect_invariants(r);
}

/* 8, 18.28 */
TEST_SLOW(every_invariant_holds_whenever_64_threads_and_a_killer_come_to_rest, 120)
{
	const unsigned rounds = test_is_deep() ? 300 : 12;
	struct arena r = { .random = 7 };

	own_up(&r.a, 2);
	(void)memset(r.a.at, 0x5A, r.a.size);
	for (unsigned i = 0; i < AGENTS; i++)
		racer_up(&r, i);
	for (unsigned round = 0; round < rounds; round++)
		play_round(&r, round);
	(void)fprintf(stderr, "# %u calls succeeded\n", r.successes);
	EXPECT(r.successes > rounds * AGENTS);
	for (unsigned i = 0; i < AGENTS; i++)
		agent_down(&r.agent[i]);
	/* V-2: what is left is the registry's reference. */
	EXPECT_OK(shared_region_unmap(r.a.region, r.a.self, SHARED_REGION_ASK));
	EXPECT_WITHIN(SOON, shared_region_destroy(r.a.region) == 0);
	own_down(&r.a);
}

/* 18.28: the owner dies, and each that is left has what it had or nothing. */
TEST_SLOW(an_owner_that_is_killed_in_the_race_leaves_nothing_behind, 60)
{
	enum { FEW = 4 };
	uint64_t before = 0, now = 0;
	struct agent agents[FEW], owner;
	shared_region_cap cap[FEW];
	struct own a;

	own_attach(&a);
	EXPECT_OK(shared_region_numa_usage(a.client, 0, &before));
	for (unsigned i = 0; i < FEW; i++)
		agent_up(&agents[i]);
	for (unsigned n = 0; n < 6; n++) {
		shared_region_cap root;

		agent_up(&owner);
		EXPECT_OK(ask(&owner, NEW, 0, PAGE, SHARED_REGION_WRITE));
		EXPECT_OK(ask(&owner, ROOT, 0));
		root = owner.said[0];
		for (unsigned i = 0; i < FEW; i++) {
			EXPECT_OK(ask(&owner, DERIVE, root, PASSING_ON, agents[i].self));
			cap[i] = owner.said[0];
			redeem(&agents[i], cap[i]);
			order(&agents[i], RACE, cap[i], THREADS, ROUNDS, n * 100 + i);
		}
		test_pause_us(n * 700);
		agent_kill(&owner);
		for (unsigned i = 0; i < FEW; i++)
			EXPECT_OK(hear(&agents[i]));
		EXPECT_WITHIN(SOON, shared_region_numa_usage(a.client, 0, &now) == 0 &&
					    now == before);
	}
	for (unsigned i = 0; i < FEW; i++)
		agent_down(&agents[i]);
	own_down(&a);
}

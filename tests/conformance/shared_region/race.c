/* SPDX-License-Identifier: MIT */
/*
 * race.c - an agent's threads that map, derive and revoke at once, and look whether that holds
 */
#include "agent.h"

#include <pthread.h>
#include <stdatomic.h>

struct race {
	struct performer *p;
	shared_region_cap cap;
	unsigned rounds;
	uint64_t seed;
	atomic_uint mapped;	/* who thinks to have the one mapping there is */
	atomic_uint violations; /* of what is promised */
	atomic_uint successes;
	atomic_int odd; /* a code that none of the calls may return */
};

struct racer {
	struct race *race;
	pthread_t thread;
	uint64_t random;
};

static unsigned draw(struct racer *r)
{
	r->random = r->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(r->random >> 33);
}

/* Whether a call worked; if not, its code is one that a race explains. */
static bool worked(struct racer *r, int code)
{
	switch (code) {
	case 0:
		(void)atomic_fetch_add(&r->race->successes, 1);
		return true;
	case SHARED_REGION_INVALID_CAPABILITY:
	case SHARED_REGION_INVALID_MEMORY_REGION:
	case SHARED_REGION_OUT_OF_MEMORY:
	case SHARED_REGION_RESOURCE_BUSY:
		return false;
	default:
		atomic_store(&r->race->odd, code);
		(void)atomic_fetch_add(&r->race->violations, 1);
		return false;
	}
}

static void expect(struct racer *r, bool holds)
{
	if (!holds)
		(void)atomic_fetch_add(&r->race->violations, 1);
}

/* V-7: one mapping of a region in a process. */
static void map_and_unmap(struct racer *r)
{
	shared_region_client *client = r->race->p->client;
	shared_region *region = NULL;
	void *at = NULL;

	if (!worked(r, shared_region_cap_map(client, r->race->cap, NULL, SHARED_REGION_READ,
					     &region, &at)))
		return;
	expect(r, atomic_fetch_add(&r->race->mapped, 1) == 0);
	(void)atomic_fetch_sub(&r->race->mapped, 1);
	(void)worked(
		r, shared_region_unmap(region, shared_region_self(client), SHARED_REGION_ASK));
	shared_region_release(region);
}

/* V-4 and V-5: a child has no more than its parent, and nothing once it was revoked. */
static void derive_and_revoke(struct racer *r)
{
	shared_region_client *client = r->race->p->client;
	struct shared_region_cap_info info;
	shared_region_cap child = 0, grandchild = 0;
	uint32_t count = 0;

	if (!worked(r, shared_region_cap_derive(client, r->race->cap,
						SHARED_REGION_RIGHT_READ |
							SHARED_REGION_RIGHT_GRANT,
						shared_region_self(client), &child)))
		return;
	if (worked(r, shared_region_cap_info(client, child, &info)))
		expect(r, (info.rights & ~(PASSING_ON)) == 0);
	(void)worked(r, shared_region_cap_derive(client, child, SHARED_REGION_RIGHT_READ,
						 shared_region_self(client), &grandchild));
	if (!worked(r, shared_region_cap_revoke(client, child, SHARED_REGION_ASK, &count)))
		return;
	expect(r, count <= 2);
	expect(r,
	       shared_region_cap_check(client, child, 0) == SHARED_REGION_INVALID_CAPABILITY);
	if (grandchild)
		expect(r, shared_region_cap_check(client, grandchild, 0) ==
				  SHARED_REGION_INVALID_CAPABILITY);
}

static void derive_and_delete(struct racer *r)
{
	shared_region_client *client = r->race->p->client;
	shared_region_cap child = 0;

	if (!worked(r, shared_region_cap_derive(client, r->race->cap, SHARED_REGION_RIGHT_READ,
						shared_region_self(client), &child)))
		return;
	(void)worked(r, shared_region_cap_delete(client, child));
	expect(r,
	       shared_region_cap_check(client, child, 0) == SHARED_REGION_INVALID_CAPABILITY);
}

static void *run(void *arg)
{
	static void (*const acts[])(struct racer * r) = { map_and_unmap, derive_and_revoke,
							  derive_and_delete };
	struct racer *r = arg;

	for (unsigned n = 0; n < r->race->rounds; n++)
		acts[draw(r) % 3](r);
	return NULL;
}

int do_race(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct race race = { .p = p, .cap = v[0], .rounds = (unsigned)v[2], .seed = v[3] };
	struct racer *racers = calloc(v[1], sizeof(*racers));

	for (unsigned n = 0; racers && n < v[1]; n++) {
		racers[n] = (struct racer){ .race = &race, .random = v[3] * 977 + n };
		if (pthread_create(&racers[n].thread, NULL, run, &racers[n]) != 0)
			give_up("no thread");
	}
	for (unsigned n = 0; racers && n < v[1]; n++)
		(void)pthread_join(racers[n].thread, NULL);
	free(racers);
	said[0] = atomic_load(&race.violations);
	said[1] = atomic_load(&race.successes);
	said[2] = (uint64_t)(int64_t)atomic_load(&race.odd);
	return 0;
}

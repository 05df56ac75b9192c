/* SPDX-License-Identifier: MIT */
/* Capabilities of shared regions, as the native interface has them. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "kin.h"

#define WAIT_MS 10000

/* ---- one's own -------------------------------------------------------------------------- */

TEST(every_token_of_a_process_is_found_once_by_going_on_from_the_last)
{
	enum { COUNT = 9 };
	struct tract *ctx = node_open();
	struct tract_shared *shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	uint64_t self = number_of(ctx), tokens[COUNT], after = 0;
	unsigned found[COUNT] = { 0 };
	struct tract_cap_info info;

	EXPECT_EQ(tract_cap_root(shared, &tokens[0]), 0);
	for (unsigned i = 1; i < COUNT; i++)
		EXPECT_EQ(tract_cap_derive(ctx, tokens[0], TRACT_CAP_READ, self, &tokens[i]),
			  0);
	while (tract_cap_next(ctx, after, &info) == 0) {
		for (unsigned i = 0; i < COUNT; i++)
			found[i] += tokens[i] == info.token;
		EXPECT_EQ(info.region, tract_shared_number(shared));
		EXPECT_EQ(info.state, TRACT_CAP_HELD);
		after = info.token;
	}
	EXPECT_EQ(tract_cap_next(ctx, after, &info), -ENOENT);
	for (unsigned i = 0; i < COUNT; i++)
		EXPECT_EQ(found[i], 1);
	tract_shared_close(shared);
	tract_close(ctx);
}

TEST(a_lower_ceiling_takes_rights_away_and_is_no_mappings)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	uint64_t root = 0;
	void *addr = NULL;

	EXPECT_EQ(tract_cap_root(shared, &root), 0);
	(void)shared_map(shared, TRACT_PERMIT_READ_WRITE);
	EXPECT_EQ(tract_shared_lower(shared, TRACT_PERMIT_READ), -EBUSY);
	EXPECT_EQ(tract_cap_check(ctx, root, TRACT_CAP_WRITE), 0);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	EXPECT_EQ(tract_shared_lower(shared, 2), -EBADMSG);
	EXPECT_EQ(tract_shared_lower(shared, TRACT_PERMIT_READ), 0);
	EXPECT_EQ(tract_cap_check(ctx, root, TRACT_CAP_WRITE), -EACCES);
	EXPECT_EQ(tract_cap_check(ctx, root, TRACT_CAP_READ | TRACT_CAP_GRANT), 0);
	EXPECT_EQ(tract_shared_map(shared, &addr, TRACT_PERMIT_READ_WRITE), -EACCES);
	EXPECT_EQ(tract_shared_lower(shared, TRACT_PERMIT_READ_WRITE), -EACCES);
	(void)shared_map(shared, TRACT_PERMIT_READ);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

TEST(what_another_context_mapped_stays_when_one_unmaps_all)
{
	struct tract *ctx = node_open(), *other = node_open();
	struct tract_shared *shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	struct tract_shared *second = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	struct tract_shared *third = shared_up(other, PAGE, TRACT_PERMIT_READ_WRITE);
	unsigned char *stays;
	unsigned char vec;
	char *goes;

	goes = (char *)shared_map(shared, TRACT_PERMIT_READ_WRITE);
	(void)shared_map(second, TRACT_PERMIT_READ);
	stays = shared_map(third, TRACT_PERMIT_READ_WRITE);
	tract_shared_unmap_all(ctx);
	EXPECT(mincore(goes, PAGE, &vec) < 0);
	EXPECT_EQ(tract_shared_unmap(second, 0, 0), -ENXIO);
	*stays = 1;
	/* And the context can go on. */
	(void)shared_map(shared, TRACT_PERMIT_READ);
	tract_shared_unmap_all(ctx);
	EXPECT_EQ(tract_shared_unmap(third, 0, 0), 0);
	tract_shared_close(third);
	tract_shared_close(second);
	tract_shared_close(shared);
	tract_close(other);
	tract_close(ctx);
}

struct race {
	struct tract_shared *shared;
	_Atomic unsigned mapped, unmapped, other;
};

static void *map_and_unmap(void *arg)
{
	struct race *race = arg;
	void *addr;
	int r;

	for (unsigned i = 0; i < 60; i++) {
		addr = NULL;
		r = tract_shared_map(race->shared, &addr, TRACT_PERMIT_READ_WRITE);
		if (r == 0)
			race->mapped++;
		else if (r != -EEXIST)
			race->other++;
		r = tract_shared_unmap(race->shared, 0, 0);
		if (r == 0)
			race->unmapped++;
		else if (r != -ENXIO)
			race->other++;
	}
	return NULL;
}

TEST(threads_that_map_and_unmap_one_region_do_each_once)
{
	struct tract *ctx = node_open();
	struct race race = { .shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE) };
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(pthread_create(&threads[i], NULL, map_and_unmap, &race), 0);
	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(pthread_join(threads[i], NULL), 0);
	EXPECT_EQ(race.other, 0);
	EXPECT(race.mapped >= 60);
	EXPECT_EQ(race.mapped, race.unmapped);
	EXPECT_EQ(tract_shared_unmap(race.shared, 0, 0), -ENXIO);
	EXPECT_EQ(tract_shared_destroy(race.shared), 0);
	tract_shared_close(race.shared);
	tract_close(ctx);
}

/* ---- notices ---------------------------------------------------------------------------- */

static void read_notices(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_notice first, notice;

	(void)arg;
	kin_tell(parent, number_of(ctx));
	EXPECT_EQ(kin_hear(parent), 0);
	EXPECT_EQ(tract_notice_next(ctx, true, &first), 0);
	EXPECT_EQ(first.left, 2);
	EXPECT_EQ(tract_notice_next(ctx, false, &notice), 0);
	EXPECT_EQ(notice.token, first.token);
	EXPECT_EQ(notice.left, 1);
	EXPECT_EQ(notice.reason, TRACT_NOTICE_EXPLICIT);
	EXPECT_EQ(tract_notice_next(ctx, false, &notice), 0);
	EXPECT_EQ(notice.left, 0);
	EXPECT_EQ(tract_notice_next(ctx, false, &notice), -EAGAIN);
	tract_close(ctx);
}

TEST(a_notice_that_is_only_looked_at_is_kept)
{
	uint64_t process, root = 0, tokens[2];
	struct tract_shared *shared;
	struct tract *ctx;
	struct kin kin;

	kin_start(&kin, read_notices, NULL);
	ctx = node_open();
	process = kin_hear(&kin);
	shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ);
	EXPECT_EQ(tract_cap_root(shared, &root), 0);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(tract_cap_derive(ctx, root, TRACT_CAP_READ, process, &tokens[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(tract_cap_revoke(ctx, tokens[i], TRACT_FORCE_ASK, NULL), 0);
	kin_tell(&kin, 0);
	kin_finish(&kin);
	tract_shared_close(shared);
	tract_close(ctx);
}

/* ---- while memory is replaced ----------------------------------------------------------- */

/* Maps what it was granted, whenever that can be. */
static _Atomic uint64_t *map_when_possible(struct tract_shared *shared)
{
	void *addr;
	int r;

	do {
		addr = NULL;
		r = tract_shared_map(shared, &addr, TRACT_PERMIT_READ_WRITE);
	} while (r == -EBUSY);
	EXPECT_EQ(r, 0);
	return addr;
}

/* Maps, counts and unmaps until it is told to stop; then says how far it counted. */
static void count_in_passing(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = NULL;
	_Atomic uint64_t *word;
	uint64_t counted = 0;

	(void)arg;
	kin_tell(parent, number_of(ctx));
	EXPECT_EQ(tract_shared_open(ctx, kin_hear(parent), &shared), 0);
	do {
		word = map_when_possible(shared);
		for (unsigned i = 0; i < 20; i++, counted++)
			word[0]++;
		EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
		if (counted == 20)
			kin_tell(parent, 0);
	} while (!kin_speaks(parent, 0));
	/* Who ends with something unread takes along what it said last. */
	(void)kin_hear(parent);
	kin_tell(parent, counted);
	tract_shared_close(shared);
	tract_close(ctx);
}

/* Maps as often as it is told to. */
static void be_fenced_off(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = NULL;

	(void)arg;
	kin_tell(parent, number_of(ctx));
	EXPECT_EQ(tract_shared_open(ctx, kin_hear(parent), &shared), 0);
	while (kin_hear(parent)) {
		(void)map_when_possible(shared);
		kin_tell(parent, 0);
	}
	tract_shared_close(shared);
	tract_close(ctx);
}

static void introduce(struct kin *kin, struct tract_shared *shared, uint64_t process)
{
	EXPECT_EQ(tract_shared_grant(shared, process, TRACT_PERMIT_READ_WRITE), 0);
	kin_tell(kin, tract_shared_number(shared));
}

TEST(no_store_is_lost_of_who_maps_while_memory_is_replaced)
{
	struct kin counter, target;
	struct tract_shared_facts facts;
	struct tract_shared *shared;
	uint64_t counting, fenced;
	_Atomic uint64_t *word;
	struct tract *ctx;
	unsigned done = 0;

	kin_start(&counter, count_in_passing, NULL);
	kin_start(&target, be_fenced_off, NULL);
	ctx = node_open();
	counting = kin_hear(&counter);
	fenced = kin_hear(&target);
	shared = shared_up(ctx, 16 * PAGE, TRACT_PERMIT_READ_WRITE);
	word = (_Atomic uint64_t *)(void *)shared_map(shared, TRACT_PERMIT_READ_WRITE);
	introduce(&counter, shared, counting);
	introduce(&target, shared, fenced);
	EXPECT_EQ(kin_hear(&counter), 0);
	while (done < 60) {
		kin_tell(&target, 1);
		EXPECT_EQ(kin_hear(&target), 0);
		EXPECT_EQ(tract_shared_unmap(shared, fenced, TRACT_FORCE_FENCE), 0);
		done++;
	}
	kin_tell(&target, 0);
	kin_tell(&counter, 0);
	EXPECT_EQ(kin_hear(&counter), atomic_load(&word[0]));
	EXPECT_EQ(tract_shared_look(shared, &facts), 0);
	EXPECT_EQ(facts.backing, done);
	kin_finish(&target);
	kin_finish(&counter);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

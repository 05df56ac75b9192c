/* SPDX-License-Identifier: MIT */
/* Capabilities and offers of shared regions, as the native interface has them. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "kin.h"

#define WAIT_MS 10000

static struct tract_shared *make(struct tract *ctx, size_t size, uint32_t ceiling)
{
	const struct tract_shared_spec spec = { .size = size,
						.ceiling = ceiling,
						.numa_node = TRACT_NODE_ANY };
	struct tract_shared *shared = NULL;

	EXPECT_EQ(tract_shared_create(ctx, &spec, &shared), 0);
	return shared;
}

static unsigned char *map(struct tract_shared *shared, uint32_t permission)
{
	void *addr = NULL;

	EXPECT_EQ(tract_shared_map(shared, &addr, permission), 0);
	return addr;
}

static uint64_t number_of(struct tract *ctx)
{
	uint64_t number = 0;

	EXPECT_EQ(tract_process(ctx, &number), 0);
	return number;
}

/* ---- one's own -------------------------------------------------------------------------- */

TEST(every_token_of_a_process_is_found_once_by_going_on_from_the_last)
{
	enum { COUNT = 9 };
	struct tract *ctx = node_open();
	struct tract_shared *shared = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
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
	struct tract_shared *shared = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	uint64_t root = 0;
	void *addr = NULL;

	EXPECT_EQ(tract_cap_root(shared, &root), 0);
	(void)map(shared, TRACT_PERMIT_READ_WRITE);
	EXPECT_EQ(tract_shared_lower(shared, TRACT_PERMIT_READ), -EBUSY);
	EXPECT_EQ(tract_cap_check(ctx, root, TRACT_CAP_WRITE), 0);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	EXPECT_EQ(tract_shared_lower(shared, 2), -EBADMSG);
	EXPECT_EQ(tract_shared_lower(shared, TRACT_PERMIT_READ), 0);
	EXPECT_EQ(tract_cap_check(ctx, root, TRACT_CAP_WRITE), -EACCES);
	EXPECT_EQ(tract_cap_check(ctx, root, TRACT_CAP_READ | TRACT_CAP_GRANT), 0);
	EXPECT_EQ(tract_shared_map(shared, &addr, TRACT_PERMIT_READ_WRITE), -EACCES);
	EXPECT_EQ(tract_shared_lower(shared, TRACT_PERMIT_READ_WRITE), -EACCES);
	(void)map(shared, TRACT_PERMIT_READ);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

TEST(what_another_context_mapped_stays_when_one_unmaps_all)
{
	struct tract *ctx = node_open(), *other = node_open();
	struct tract_shared *shared = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	struct tract_shared *second = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	struct tract_shared *third = make(other, PAGE, TRACT_PERMIT_READ_WRITE);
	unsigned char *stays;
	unsigned char vec;
	char *goes;

	goes = (char *)map(shared, TRACT_PERMIT_READ_WRITE);
	(void)map(second, TRACT_PERMIT_READ);
	stays = map(third, TRACT_PERMIT_READ_WRITE);
	tract_shared_unmap_all(ctx);
	EXPECT(mincore(goes, PAGE, &vec) < 0);
	EXPECT_EQ(tract_shared_unmap(second, 0, 0), -ENXIO);
	*stays = 1;
	/* And the context can go on. */
	(void)map(shared, TRACT_PERMIT_READ);
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
	struct race race = { .shared = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE) };
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

/* ---- offered ---------------------------------------------------------------------------- */

static uint64_t next_offer(struct tract *ctx)
{
	struct tract_offer offer = { 0 };

	EXPECT_EQ(tract_offer_wait(ctx, WAIT_MS, &offer), 0);
	return offer.token;
}

static void take_and_look(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = NULL;
	struct tract_cap_info info;
	uint64_t token;

	(void)arg;
	kin_tell(parent, number_of(ctx));
	token = next_offer(ctx);
	EXPECT_EQ(tract_cap_look(ctx, token, &info), 0);
	EXPECT_EQ(info.state, TRACT_CAP_OFFERED);
	EXPECT_EQ(tract_cap_take(ctx, token, &shared), 0);
	EXPECT_EQ(tract_cap_look(ctx, token, &info), 0);
	EXPECT_EQ(info.state, TRACT_CAP_HELD);
	/* It is not mapped yet, and can be. */
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), -ENXIO);
	kin_tell(parent, map(shared, TRACT_PERMIT_READ)[0]);
	(void)kin_hear(parent);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

TEST(what_is_offered_is_taken_without_being_mapped)
{
	struct tract_transfer offered;
	struct tract_shared *shared;
	struct tract *ctx;
	unsigned char *mine;
	uint64_t process;
	struct kin kin;

	kin_start(&kin, take_and_look, NULL);
	ctx = node_open();
	process = kin_hear(&kin);
	shared = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	mine = map(shared, TRACT_PERMIT_READ_WRITE);
	mine[0] = 77;
	EXPECT_EQ(tract_offer(shared, process, TRACT_OFFER_SHARE, 0, &offered), 0);
	EXPECT_EQ(offered.rights, TRACT_CAP_READ | TRACT_CAP_WRITE | TRACT_CAP_MAP);
	EXPECT_EQ(kin_hear(&kin), 77);
	kin_tell(&kin, 0);
	kin_finish(&kin);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

static void take_a_move(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = NULL;
	struct tract_shared_facts facts;

	(void)arg;
	kin_tell(parent, number_of(ctx));
	EXPECT_EQ(tract_cap_take(ctx, next_offer(ctx), &shared), 0);
	EXPECT_EQ(tract_shared_look(shared, &facts), 0);
	EXPECT_EQ(facts.owner, number_of(ctx));
	kin_tell(parent, map(shared, TRACT_PERMIT_READ)[0]);
	EXPECT_EQ(tract_shared_unmap(shared, 0, 0), 0);
	EXPECT_EQ(tract_shared_destroy(shared), 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

TEST(a_move_is_taken_without_being_mapped)
{
	struct tract_transfer moved;
	struct tract_shared_facts facts;
	struct tract_shared *shared;
	struct tract *ctx;
	unsigned char vec, *mine;
	uint64_t process;
	struct kin kin;

	kin_start(&kin, take_a_move, NULL);
	ctx = node_open();
	process = kin_hear(&kin);
	shared = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	mine = map(shared, TRACT_PERMIT_READ_WRITE);
	mine[0] = 78;
	EXPECT_EQ(tract_transfer(shared, process, TRACT_OFFER_MOVE, TRACT_FORCE_ASK, WAIT_MS,
				 &moved),
		  0);
	EXPECT(mincore(mine, PAGE, &vec) < 0);
	EXPECT_EQ(kin_hear(&kin), 78);
	kin_finish(&kin);
	EXPECT_EQ(tract_shared_look(shared, &facts), -ENOENT);
	tract_shared_close(shared);
	tract_close(ctx);
}

/* Whatever is offered first and stays offered. */
static void take_what_stays(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = NULL;
	int r;

	(void)arg;
	kin_tell(parent, number_of(ctx));
	do
		r = tract_cap_take(ctx, next_offer(ctx), &shared);
	while (r == -EBADF);
	EXPECT_EQ(r, 0);
	kin_tell(parent, 0);
	tract_shared_close(shared);
	tract_close(ctx);
}

static void map_and_stop(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = NULL;

	(void)arg;
	kin_tell(parent, number_of(ctx));
	EXPECT_EQ(tract_shared_open(ctx, kin_hear(parent), &shared), 0);
	(void)map(shared, TRACT_PERMIT_READ);
	kin_tell(parent, 0);
	(void)raise(SIGSTOP);
}

TEST(a_sender_whose_time_is_up_while_the_receiver_takes_it_learns_how_that_ends)
{
	struct tract_transfer moved = { 0 };
	struct kin stopped, receiver;
	struct tract_shared *shared;
	uint64_t process, other;
	struct tract *ctx;
	int r;

	kin_start(&receiver, take_what_stays, NULL);
	kin_start(&stopped, map_and_stop, NULL);
	ctx = node_open();
	process = kin_hear(&receiver);
	other = kin_hear(&stopped);
	shared = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	EXPECT_EQ(tract_shared_grant(shared, other, TRACT_PERMIT_READ), 0);
	kin_tell(&stopped, tract_shared_number(shared));
	EXPECT_EQ(kin_hear(&stopped), 0);
	/* The fence waits for who is stopped; until it is taken, its time may be up earlier. */
	do
		r = tract_transfer(shared, process, TRACT_OFFER_MOVE, TRACT_FORCE_FENCE, 200,
				   &moved);
	while (r == -ETIMEDOUT);
	EXPECT_EQ(r, 0);
	EXPECT_EQ(moved.force, TRACT_FORCE_FENCE);
	EXPECT_EQ(kin_hear(&receiver), 0);
	kin_finish(&receiver);
	kin_kill(&stopped);
	tract_shared_close(shared);
	tract_close(ctx);
}

static void decline(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();

	(void)arg;
	kin_tell(parent, number_of(ctx));
	EXPECT_EQ(tract_cap_delete(ctx, next_offer(ctx)), 0);
	(void)kin_hear(parent);
	tract_close(ctx);
}

TEST(a_move_that_is_declined_is_known_to_be)
{
	struct tract_transfer moved;
	struct tract_shared *shared;
	struct tract *ctx;
	uint64_t process;
	struct kin kin;

	kin_start(&kin, decline, NULL);
	ctx = node_open();
	process = kin_hear(&kin);
	shared = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	EXPECT_EQ(
		tract_transfer(shared, process, TRACT_OFFER_MOVE, TRACT_FORCE_ASK, -1, &moved),
		-ECONNREFUSED);
	EXPECT_EQ(tract_shared_destroy(shared), 0);
	kin_tell(&kin, 0);
	kin_finish(&kin);
	tract_shared_close(shared);
	tract_close(ctx);
}

/* Each waits in a thread of its own. */
static void *wait_once(void *arg)
{
	struct tract *ctx = arg;

	return (void *)(uintptr_t)next_offer(ctx);
}

static void wait_in_two_threads(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	pthread_t threads[2];
	void *tokens[2];

	(void)arg;
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(pthread_create(&threads[i], NULL, wait_once, ctx), 0);
	kin_tell(parent, number_of(ctx));
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(pthread_join(threads[i], &tokens[i]), 0);
	EXPECT(tokens[0] != tokens[1]);
	kin_tell(parent, 1);
	tract_close(ctx);
}

TEST(two_threads_that_wait_for_offers_get_one_each)
{
	struct tract_transfer offered;
	struct tract_shared *shared;
	struct tract *ctx;
	uint64_t process;
	struct kin kin;

	kin_start(&kin, wait_in_two_threads, NULL);
	ctx = node_open();
	process = kin_hear(&kin);
	shared = make(ctx, PAGE, TRACT_PERMIT_READ);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(tract_offer(shared, process, TRACT_OFFER_SHARE, 0, &offered), 0);
	EXPECT_EQ(kin_hear(&kin), 1);
	kin_finish(&kin);
	tract_shared_close(shared);
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
	shared = make(ctx, PAGE, TRACT_PERMIT_READ);
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

/* ---- several at once -------------------------------------------------------------------- */

/* Offers a region by a move, and stops. */
static void offer_and_stop(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	struct tract_transfer offered;

	(void)arg;
	(void)map(shared, TRACT_PERMIT_READ_WRITE);
	EXPECT_EQ(tract_offer(shared, kin_hear(parent), TRACT_OFFER_MOVE, TRACT_FORCE_ASK,
			      &offered),
		  0);
	kin_tell(parent, offered.token);
	(void)raise(SIGSTOP);
}

struct taker {
	struct tract *ctx;
	struct kin *parent;
};

static void *take_in_a_thread(void *arg)
{
	struct taker *taker = arg;
	struct tract_shared *shared = NULL;
	struct tract_offer offer = { 0 };
	void *addr = NULL;
	int r = 0;

	EXPECT_EQ(tract_offer_wait(taker->ctx, WAIT_MS, &offer), 0);
	kin_tell(taker->parent, 0);
	r = tract_cap_map(taker->ctx, offer.token, true, &addr, TRACT_PERMIT_READ, &shared);
	tract_shared_close(shared);
	return (void *)(intptr_t)r;
}

/* Has one region mapped, and takes another whose sender does not let go. */
static void take_from_who_is_stopped(struct kin *parent, void *arg)
{
	struct taker taker = { .ctx = node_open(), .parent = parent };
	struct tract *ctx = taker.ctx;
	struct tract_shared *shared = NULL;
	void *addr = NULL, *result = NULL;
	pthread_t thread;

	(void)arg;
	kin_tell(parent, number_of(ctx));
	EXPECT_EQ(tract_cap_map(ctx, next_offer(ctx), true, &addr, TRACT_PERMIT_READ, &shared),
		  0);
	EXPECT_EQ(pthread_create(&thread, NULL, take_in_a_thread, &taker), 0);
	kin_tell(parent, 0);
	EXPECT_EQ(pthread_join(thread, &result), 0);
	kin_tell(parent, (uint64_t)(intptr_t)result);
	tract_shared_close(shared);
	tract_close(ctx);
}

TEST(a_process_that_waits_for_one_sender_hears_of_another_owner)
{
	struct tract_transfer offered;
	struct tract_shared *shared;
	struct kin sender, receiver;
	uint64_t process;
	struct tract *ctx;

	kin_start(&sender, offer_and_stop, NULL);
	kin_start(&receiver, take_from_who_is_stopped, NULL);
	ctx = node_open();
	process = kin_hear(&receiver);
	shared = make(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	EXPECT_EQ(tract_offer(shared, process, TRACT_OFFER_SHARE, 0, &offered), 0);
	EXPECT_EQ(kin_hear(&receiver), 0);
	kin_tell(&sender, process);
	(void)kin_hear(&sender);
	/* It lets go in time, though its other thread waits by now, or is about to. */
	EXPECT_EQ(kin_hear(&receiver), 0);
	EXPECT_EQ(tract_shared_unmap(shared, process, TRACT_FORCE_ASK), 0);
	EXPECT_EQ((int64_t)kin_hear(&receiver), -ETIMEDOUT);
	kin_finish(&receiver);
	kin_kill(&sender);
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
	shared = make(ctx, 16 * PAGE, TRACT_PERMIT_READ_WRITE);
	word = (_Atomic uint64_t *)(void *)map(shared, TRACT_PERMIT_READ_WRITE);
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

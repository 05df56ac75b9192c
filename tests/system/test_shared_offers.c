/* SPDX-License-Identifier: MIT */
/* Offers of shared regions, by a share or a move, as the native interface has them. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "kin.h"

#define WAIT_MS 10000

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
	kin_tell(parent, shared_map(shared, TRACT_PERMIT_READ)[0]);
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
	shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	mine = shared_map(shared, TRACT_PERMIT_READ_WRITE);
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
	kin_tell(parent, shared_map(shared, TRACT_PERMIT_READ)[0]);
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
	shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	mine = shared_map(shared, TRACT_PERMIT_READ_WRITE);
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
	(void)shared_map(shared, TRACT_PERMIT_READ);
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
	shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
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
	shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
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
	shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(tract_offer(shared, process, TRACT_OFFER_SHARE, 0, &offered), 0);
	EXPECT_EQ(kin_hear(&kin), 1);
	kin_finish(&kin);
	tract_shared_close(shared);
	tract_close(ctx);
}

/* ---- several at once -------------------------------------------------------------------- */

/* Offers a region by a move, and stops. */
static void offer_and_stop(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_shared *shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	struct tract_transfer offered;

	(void)arg;
	(void)shared_map(shared, TRACT_PERMIT_READ_WRITE);
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
	(void)kin_hear(taker->parent);
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
	siginfo_t stopped = { 0 };
	uint64_t process;
	struct tract *ctx;

	/* As long as the sender is waited for, the receiver has to let go. */
	test_configure("[limits]\nack-timeout-ms = %.0f\n", 1000 * test_patience());
	kin_start(&sender, offer_and_stop, NULL);
	kin_start(&receiver, take_from_who_is_stopped, NULL);
	ctx = node_open();
	process = kin_hear(&receiver);
	shared = shared_up(ctx, PAGE, TRACT_PERMIT_READ_WRITE);
	EXPECT_EQ(tract_offer(shared, process, TRACT_OFFER_SHARE, 0, &offered), 0);
	EXPECT_EQ(kin_hear(&receiver), 0);
	kin_tell(&sender, process);
	(void)kin_hear(&sender);
	EXPECT_EQ(waitid(P_PID, (id_t)sender.pid, &stopped, WSTOPPED | WEXITED | WNOWAIT), 0);
	EXPECT_EQ(stopped.si_code, CLD_STOPPED);
	kin_tell(&receiver, 0);
	/* It lets go in time, though its other thread waits by now, or is about to. */
	EXPECT_EQ(kin_hear(&receiver), 0);
	EXPECT_EQ(tract_shared_unmap(shared, process, TRACT_FORCE_ASK), 0);
	EXPECT_EQ((int64_t)kin_hear(&receiver), -ETIMEDOUT);
	kin_finish(&receiver);
	kin_kill(&sender);
	tract_shared_close(shared);
	tract_close(ctx);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_hostile_move.c - who moves a region away with a fence, keeps it, and goes on storing
 *
 * Regions of one page go from one process to another, one after the other.  The hostile one
 * keeps a descriptor and two mappings of what it gives away, and a thread of its stores and
 * looks through the latest of them all the time, also while the memory is taken back.  The
 * other writes a secret over what it was given, and waits until that thread has been everywhere
 * again: the secret is whole, and nobody has seen it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kin.h"

#define ROUNDS 200u
#define ROUNDS_DEEP 100000u
#define KEPT 4u
#define MAPS 2u
#define WORDS (PAGE / sizeof(uint64_t))
/* How a word begins, and whose it is. */
#define SECRET UINT64_C(0x5ec5ec0000000000)
#define POISON UINT64_C(0xbadbad0000000000)
#define WHOSE UINT64_C(0xffffff0000000000)

/* What the two know of each other: not part of what is tested. */
struct theatre {
	_Atomic uint64_t sweeps; /* over all that is kept */
	_Atomic uint64_t leaks;	 /* secrets that were seen */
	_Atomic bool stop;
};

static unsigned rounds(void)
{
	return test_is_deep() ? ROUNDS_DEEP : ROUNDS;
}

/* ---- who keeps everything --------------------------------------------------------------- */

struct keeper {
	struct theatre *theatre;
	int fd[KEPT];
	char *place; /* of all mappings, so that one follows another without a gap */
	pthread_t thread;
};

static _Atomic uint64_t *mapping(const struct keeper *k, unsigned i)
{
	return (_Atomic uint64_t *)(void *)(k->place + i * PAGE);
}

static uint64_t assault(_Atomic uint64_t *words, uint64_t with)
{
	uint64_t leaks = 0;

	for (size_t i = 0; i < WORDS; i++) {
		uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);

		leaks += (word & WHOSE) == SECRET;
		atomic_store_explicit(&words[i], POISON | with, memory_order_relaxed);
	}
	return leaks;
}

static void *hammer(void *arg)
{
	const struct keeper *k = arg;

	for (uint64_t n = 1; !atomic_load(&k->theatre->stop); n++) {
		for (unsigned i = 0; i < KEPT * MAPS; i++)
			atomic_fetch_add(&k->theatre->leaks, assault(mapping(k, i), n % 9999));
		atomic_fetch_add(&k->theatre->sweeps, 1u);
	}
	return NULL;
}

/* Until all that was kept by now was stored to once more. */
static void await_sweep(struct theatre *theatre)
{
	uint64_t before = atomic_load(&theatre->sweeps);

	while (atomic_load(&theatre->sweeps) < before + 2)
		(void)sched_yield();
}

/* Instead of what was kept KEPT rounds ago. */
static void keep(struct keeper *k, unsigned n, const void *memory)
{
	unsigned at = n % KEPT;

	if (k->fd[at] >= 0)
		(void)close(k->fd[at]);
	/* Behind the library's back. */
	k->fd[at] = (int)syscall(SYS_dup, object_fd(memory));
	/* Nor is TSan told, to which a mapping made under the hammer is a race. */
	for (unsigned m = 0; m < MAPS; m++)
		EXPECT(syscall(SYS_mmap, k->place + (at * MAPS + m) * PAGE, PAGE,
			       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, k->fd[at],
			       0) != -1);
}

static void keeper_up(struct keeper *k, struct theatre *theatre)
{
	*k = (struct keeper){ .theatre = theatre };
	for (unsigned i = 0; i < KEPT; i++)
		k->fd[i] = -1;
	k->place = pages_private(KEPT * MAPS);
	EXPECT_EQ(pthread_create(&k->thread, NULL, hammer, k), 0);
}

static void keeper_down(struct keeper *k)
{
	atomic_store(&k->theatre->stop, true);
	EXPECT_EQ(pthread_join(k->thread, NULL), 0);
	pages_free(k->place, KEPT * MAPS);
	for (unsigned i = 0; i < KEPT; i++)
		(void)close(k->fd[i]);
}

/* What was given away is empty, but for what this process stores to it. */
static void expect_empty(const struct keeper *k, unsigned n)
{
	uint64_t word = SECRET;

	EXPECT_EQ(pread(k->fd[n % KEPT], &word, sizeof(word), 8), sizeof(word));
	EXPECT(word == 0 || (word & WHOSE) == POISON);
	word = POISON;
	EXPECT_EQ(pwrite(k->fd[n % KEPT], &word, sizeof(word), 8), sizeof(word));
}

static void give_one(struct keeper *k, struct tract *ctx, unsigned n, uint64_t to)
{
	const struct tract_shared_spec spec = { .size = PAGE,
						.ceiling = TRACT_PERMIT_READ_WRITE };
	struct tract_shared *shared;
	struct tract_transfer moved;
	void *at = NULL;

	EXPECT_EQ(tract_shared_create(ctx, &spec, &shared), 0);
	EXPECT_EQ(tract_shared_map(shared, &at, TRACT_PERMIT_READ_WRITE), 0);
	keep(k, n, at);
	await_sweep(k->theatre);
	EXPECT_EQ(tract_transfer(shared, to, TRACT_OFFER_MOVE, TRACT_FORCE_FENCE, -1, &moved),
		  0);
	EXPECT_EQ(moved.force, TRACT_FORCE_FENCE);
	EXPECT_EQ(moved.copied, PAGE);
	expect_empty(k, n);
	tract_shared_close(shared);
}

static void be_hostile(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	uint64_t other = kin_hear(parent);
	struct keeper k;

	keeper_up(&k, arg);
	for (unsigned n = 0; n < rounds(); n++)
		give_one(&k, ctx, n, other);
	/* Until the last was looked at. */
	(void)kin_hear(parent);
	keeper_down(&k);
	tract_close(ctx);
}

/* ---- who is given it -------------------------------------------------------------------- */

static void fill(_Atomic uint64_t *words, uint64_t with)
{
	for (size_t i = 0; i < WORDS; i++)
		atomic_store_explicit(&words[i], with, memory_order_relaxed);
}

static uint64_t count_others(const _Atomic uint64_t *words, uint64_t than)
{
	uint64_t count = 0;

	for (size_t i = 0; i < WORDS; i++)
		count += atomic_load_explicit(&words[i], memory_order_relaxed) != than;
	return count;
}

static void take_one(struct tract *ctx, struct theatre *theatre, unsigned n)
{
	struct tract_shared *shared;
	_Atomic uint64_t *words;
	struct tract_offer offer;
	void *at = NULL;

	EXPECT_EQ(tract_offer_wait(ctx, -1, &offer), 0);
	EXPECT_EQ(tract_cap_map(ctx, offer.token, true, &at, TRACT_PERMIT_READ_WRITE, &shared),
		  0);
	words = at;
	fill(words, SECRET | n);
	await_sweep(theatre);
	EXPECT_EQ(count_others(words, SECRET | n), 0);
	EXPECT_EQ(atomic_load(&theatre->leaks), 0);
	EXPECT_EQ(tract_shared_unmap(shared, 0, TRACT_FORCE_ASK), 0);
	EXPECT_EQ(tract_shared_destroy(shared), 0);
	tract_shared_close(shared);
}

TEST_SLOW(who_moves_a_page_away_with_a_fence_and_keeps_it_changes_and_reads_nothing, 120)
{
	struct theatre *theatre = pages_shared(1);
	struct kin hostile;
	struct tract *ctx;

	kin_start(&hostile, be_hostile, theatre);
	ctx = node_open();
	kin_tell(&hostile, number_of(ctx));
	for (unsigned n = 1; n <= rounds(); n++) {
		take_one(ctx, theatre, n);
		if (n % 10000 == 0)
			(void)fprintf(stderr, "# %u moves\n", n);
	}
	kin_tell(&hostile, 0);
	kin_finish(&hostile);
	(void)fprintf(stderr, "# %u moves, %llu times over what was kept\n", rounds(),
		      (unsigned long long)atomic_load(&theatre->sweeps));
	tract_close(ctx);
	pages_free(theatre, 1);
}

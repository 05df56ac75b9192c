/* SPDX-License-Identifier: MIT */
/*
 * test_hostile.c - an importer that keeps everything, and an exporter that does not mind
 *
 * The hostile importer speaks the protocol by hand or uses the library, and keeps what it gets:
 * it duplicates the descriptor, reopens it, maps each several times, sends it to an accomplice,
 * and goes on storing through all of it while the exporter takes the memory back.  When the
 * call has returned the exporter writes a secret over all of its memory.  None of it may
 * change any more, and neither hostile process may read a word of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kin.h"
#include "rig.h"

#define PAGES 4u
#define SIZE (PAGES * PAGE)
#define WORDS (SIZE / sizeof(uint64_t))
#define ROUNDS 100u /* of each of two */

#define SECRET UINT64_C(0x5ec5ec0000000000)
#define POISON UINT64_C(0xbadbad0000000000)

/* What the two sides know of each other: not part of what is tested. */
struct theatre {
	_Atomic uint32_t id;	 /* to connect to */
	_Atomic uint64_t secret; /* that nobody else may see; 0: nothing was taken back yet */
	_Atomic uint64_t leaks;	 /* secrets that were seen */
	_Atomic uint64_t stores; /* of the threads that hammer */
};

/* ---- who keeps everything --------------------------------------------------------------- */

#define KEPT_FDS 3
#define KEPT_MAPS 5

struct keeper {
	struct theatre *theatre;
	int fd[KEPT_FDS];
	_Atomic uint64_t *map[KEPT_MAPS];
	_Atomic bool stop;
	pthread_t thread;
};

static int reopen(int fd)
{
	char path[40];
	int again;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	/* Another user's; then a duplicate must do. */
	return again >= 0 ? again : dup(fd);
}

static _Atomic uint64_t *map_kept(int fd)
{
	void *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EXPECT(map != MAP_FAILED);
	return map;
}

static void look_for_secrets(const struct keeper *k, const void *at)
{
	const _Atomic uint64_t *words = at;
	uint64_t secret = atomic_load(&k->theatre->secret);

	if (secret == 0)
		return;
	for (size_t i = 0; i < WORDS; i++)
		if (atomic_load_explicit(&words[i], memory_order_relaxed) == secret)
			atomic_fetch_add(&k->theatre->leaks, 1u);
}

static void poison(const struct keeper *k, uint64_t with)
{
	for (unsigned m = 0; m < KEPT_MAPS; m++)
		for (size_t i = 0; i < WORDS; i += 7)
			atomic_store_explicit(&k->map[m][(i + with) % WORDS], POISON | with,
					      memory_order_relaxed);
	atomic_fetch_add(&k->theatre->stores, 1u);
}

static void *hammer(void *arg)
{
	struct keeper *k = arg;

	thread_stands_back();
	for (uint64_t n = 1; !atomic_load(&k->stop); n = n % 9999 + 1) {
		poison(k, n);
		for (unsigned m = 0; m < KEPT_MAPS; m++)
			look_for_secrets(k, (const void *)(uintptr_t)k->map[m]);
	}
	return NULL;
}

/* Takes @fd. */
static void keep(struct keeper *k, struct theatre *theatre, int fd)
{
	*k = (struct keeper){ .theatre = theatre, .fd = { fd, dup(fd), reopen(fd) } };
	for (unsigned m = 0; m < KEPT_MAPS; m++)
		k->map[m] = map_kept(k->fd[m % KEPT_FDS]);
	EXPECT_EQ(pthread_create(&k->thread, NULL, hammer, k), 0);
}

/* Everything that can be tried with what one has. */
static void misuse(struct keeper *k)
{
	uint64_t words[64];
	_Atomic uint64_t *fresh;

	for (unsigned i = 0; i < 64; i++)
		words[i] = POISON;
	for (unsigned f = 0; f < KEPT_FDS; f++) {
		EXPECT_EQ(pwrite(k->fd[f], words, sizeof(words), (off_t)(f * PAGE)),
			  sizeof(words));
		EXPECT(ftruncate(k->fd[f], 0) < 0);
		EXPECT(fcntl(k->fd[f], F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0);
		fresh = map_kept(k->fd[f]);
		look_for_secrets(k, (const void *)(uintptr_t)fresh);
		for (size_t i = 0; i < WORDS; i++)
			atomic_store_explicit(&fresh[i], POISON | 0xf, memory_order_relaxed);
		EXPECT_EQ(munmap((void *)(uintptr_t)fresh, SIZE), 0);
	}
	EXPECT_EQ(fallocate(k->fd[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), 0);
	poison(k, 0x123);
}

static void let_go(struct keeper *k)
{
	atomic_store(&k->stop, true);
	EXPECT_EQ(pthread_join(k->thread, NULL), 0);
	for (unsigned m = 0; m < KEPT_MAPS; m++)
		EXPECT_EQ(munmap((void *)(uintptr_t)k->map[m], SIZE), 0);
	for (unsigned f = 0; f < KEPT_FDS; f++)
		(void)close(k->fd[f]);
}

/* ---- the two processes ------------------------------------------------------------------ */

enum order { CONNECT = 1, MISUSE, LET_GO };

/* Gets its descriptor from another process, and does the same with it. */
static void accomplice(struct kin *parent, void *arg)
{
	struct keeper k = { .theatre = arg };
	uint64_t order;

	while ((order = kin_hear(parent)) != 0) {
		if (order == CONNECT)
			keep(&k, arg, kin_hear_fd(parent));
		else if (order == MISUSE)
			misuse(&k);
		else
			let_go(&k);
		kin_tell(parent, 0);
	}
}

static void share_deed(struct kin *with, enum order order)
{
	kin_tell(with, order);
	(void)kin_hear(with);
}

struct connection {
	struct rig_client client; /* by hand */
	struct tract *ctx;	  /* or by the library */
	struct tract_import *import;
};

static int connect_by_hand(struct connection *c, uint32_t id)
{
	int fd = -1;

	EXPECT_EQ(rig_import(&c->client, id, TRACT_RIGHT_READ_WRITE, &fd).number,
		  MSG_import_connected);
	EXPECT(fd >= 0);
	return fd;
}

static int connect_by_library(struct connection *c, uint32_t id)
{
	c->import = import_up(c->ctx, id, TRACT_RIGHT_READ_WRITE);
	/* Behind the library's back, and that of who watches over its descriptors. */
	return (int)syscall(SYS_dup, object_fd(import_map(c->import, TRACT_RIGHT_READ_WRITE)));
}

static void be_hostile(struct kin *parent, struct theatre *theatre, struct connection *c)
{
	struct keeper k;
	struct kin other;
	uint64_t order;

	kin_start(&other, accomplice, theatre);
	while ((order = kin_hear(parent)) != 0) {
		if (order == CONNECT) {
			uint32_t id = atomic_load(&theatre->id);

			keep(&k, theatre,
			     c->ctx ? connect_by_library(c, id) : connect_by_hand(c, id));
			kin_tell(&other, CONNECT);
			kin_tell_fd(&other, k.fd[0]);
			(void)kin_hear(&other);
		} else if (order == MISUSE) {
			share_deed(&other, MISUSE);
			misuse(&k);
		} else {
			share_deed(&other, LET_GO);
			let_go(&k);
			if (c->import)
				import_down(c->import);
			c->import = NULL;
		}
		kin_tell(parent, 0);
	}
	kin_tell(&other, 0);
	kin_finish(&other);
}

static void be_hostile_by_hand(struct kin *parent, void *arg)
{
	struct connection c = { 0 };

	rig_client_up(test_directory(), &c.client);
	be_hostile(parent, arg, &c);
	rig_client_down(&c.client);
}

static void be_hostile_by_library(struct kin *parent, void *arg)
{
	struct connection c = { .ctx = node_open() };

	be_hostile(parent, arg, &c);
	tract_close(c.ctx);
}

/* ---- the exporter ----------------------------------------------------------------------- */

struct stage {
	struct tract *ctx;
	struct theatre *theatre;
	struct kin hostile;
	uint64_t round;
};

/* @memory is the exporter's own again: it writes what is secret, and watches over it. */
static void expect_ours(struct stage *s, void *memory)
{
	_Atomic uint64_t *words = memory;
	uint64_t secret = SECRET | ++s->round, changed = 0;

	for (size_t i = 0; i < WORDS; i++)
		atomic_store(&words[i], secret);
	atomic_store(&s->theatre->secret, secret);
	kin_tell(&s->hostile, MISUSE);
	/* While they are at it, and once more when they have done. */
	for (bool last = false, done = false; !last;) {
		last = done;
		done = kin_speaks(&s->hostile);
		for (size_t i = 0; i < WORDS; i++)
			changed += atomic_load(&words[i]) != secret;
	}
	(void)kin_hear(&s->hostile);
	EXPECT_EQ(changed, 0);
	EXPECT_EQ(atomic_load(&s->theatre->leaks), 0);
}

static void let_in(struct stage *s, uint32_t id)
{
	atomic_store(&s->theatre->secret, 0);
	atomic_store(&s->theatre->id, id);
	share_deed(&s->hostile, CONNECT);
}

static void end_round(struct stage *s)
{
	atomic_store(&s->theatre->secret, 0);
	share_deed(&s->hostile, LET_GO);
}

static void unpublish_private(struct stage *s)
{
	void *memory = pages_private(PAGES);
	struct tract_export *export;
	uint32_t id;

	export = export_up(s->ctx, memory, SIZE, 0, &id);
	let_in(s, id);
	EXPECT_EQ(tract_export_unpublish(export), 0);
	expect_ours(s, memory);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_ours(s, memory);
	end_round(s);
	pages_free(memory, PAGES);
}

static void destroy_private(struct stage *s)
{
	void *memory = pages_private(PAGES);
	struct tract_export *export;
	uint32_t id;

	export = export_up(s->ctx, memory, SIZE, 0, &id);
	let_in(s, id);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_ours(s, memory);
	end_round(s);
	pages_free(memory, PAGES);
}

static void *attached(struct stage *s)
{
	struct tract_region_spec spec = { .size = SIZE };
	struct tract_region *region = NULL;
	void *addr;

	EXPECT_EQ(tract_region_create(s->ctx, &spec, &region), 0);
	EXPECT_EQ(tract_attach(region, &addr, 0, 0, TRACT_RIGHT_READ_WRITE, 0), 0);
	tract_region_close(region);
	return addr;
}

static void destroy_attached(struct stage *s)
{
	void *memory = attached(s);
	struct tract_export *export;
	uint32_t id;

	export = export_up(s->ctx, memory, SIZE, 0, &id);
	let_in(s, id);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_ours(s, memory);
	end_round(s);
	EXPECT_EQ(tract_detach(memory), 0);
}

/* Another export of the same memory, which the hostile process may not use, goes on. */
static void destroy_one_of_two(struct stage *s)
{
	void *memory = pages_private(PAGES);
	struct tract_export *export, *other = NULL;
	uint32_t id;

	EXPECT_EQ(tract_export_create(s->ctx, memory, SIZE, 0, &other), 0);
	export = export_up(s->ctx, memory, SIZE, 0, &id);
	let_in(s, id);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_ours(s, memory);
	EXPECT_EQ(tract_export_destroy(other), 0);
	expect_ours(s, memory);
	end_round(s);
	pages_free(memory, PAGES);
}

/* Both the range that was bound when it was let in, and the one bound after. */
static void rebind_and_destroy(struct stage *s)
{
	void *memory = pages_private(PAGES), *next = pages_private(PAGES);
	struct tract_export *export;
	uint32_t id;

	export = export_up(s->ctx, memory, SIZE, TRACT_EXPORT_REBIND, &id);
	let_in(s, id);
	EXPECT_EQ(tract_export_rebind(export, next, SIZE), 0);
	expect_ours(s, memory);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_ours(s, memory);
	expect_ours(s, next);
	end_round(s);
	pages_free(memory, PAGES);
	pages_free(next, PAGES);
}

static void rebind_regions_and_unpublish(struct stage *s)
{
	void *memory = attached(s), *next = attached(s);
	struct tract_export *export;
	uint32_t id;

	export = export_up(s->ctx, memory, SIZE, TRACT_EXPORT_REBIND, &id);
	let_in(s, id);
	EXPECT_EQ(tract_export_rebind(export, next, SIZE), 0);
	EXPECT_EQ(tract_export_unpublish(export), 0);
	expect_ours(s, memory);
	expect_ours(s, next);
	EXPECT_EQ(tract_export_destroy(export), 0);
	end_round(s);
	EXPECT_EQ(tract_detach(memory), 0);
	EXPECT_EQ(tract_detach(next), 0);
}

/* The old range stays shared, for another export stands on it; then it is given back. */
static void rebind_one_of_two(struct stage *s)
{
	void *memory = pages_private(PAGES), *next = pages_private(PAGES);
	struct tract_export *export, *other = NULL;
	uint32_t id;

	EXPECT_EQ(tract_export_create(s->ctx, memory, SIZE, 0, &other), 0);
	export = export_up(s->ctx, memory, SIZE, TRACT_EXPORT_REBIND, &id);
	let_in(s, id);
	EXPECT_EQ(tract_export_rebind(export, next, SIZE), 0);
	EXPECT_EQ(tract_export_destroy(other), 0);
	expect_ours(s, memory);
	/* Ordinary memory, which may be given back and used for something else. */
	pages_free(memory, PAGES);
	EXPECT(mmap(memory, SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == memory);
	(void)memset(memory, 9, SIZE);
	EXPECT_EQ(tract_export_destroy(export), 0);
	for (size_t i = 0; i < SIZE; i++)
		EXPECT_EQ(((const unsigned char *)memory)[i], 9);
	expect_ours(s, next);
	end_round(s);
	pages_free(memory, PAGES);
	pages_free(next, PAGES);
}

static void (*const acts[])(struct stage *s) = {
	unpublish_private,  destroy_private,	destroy_attached,
	destroy_one_of_two, rebind_and_destroy, rebind_regions_and_unpublish,
	rebind_one_of_two,
};

static void play(void (*hostile)(struct kin *parent, void *arg), unsigned rounds)
{
	const unsigned act_count = sizeof(acts) / sizeof(*acts);
	struct stage s = { .theatre = pages_shared(1) };

	s.ctx = node_open();
	/* The broker is started before anybody speaks to it by hand. */
	EXPECT_EQ(tract_reconnect(s.ctx), 0);
	kin_start(&s.hostile, hostile, s.theatre);
	for (unsigned n = 0; n < rounds; n++)
		acts[n % act_count](&s);
	kin_tell(&s.hostile, 0);
	kin_finish(&s.hostile);
	EXPECT(atomic_load(&s.theatre->stores) > rounds);
	tract_close(s.ctx);
	pages_free(s.theatre, 1);
}

TEST_SLOW(who_speaks_by_hand_and_keeps_everything_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_hand, is_deep() ? 50000 : ROUNDS);
}

TEST_SLOW(who_uses_the_library_and_keeps_everything_changes_and_reads_nothing, 120)
{
	play(be_hostile_by_library, is_deep() ? 50000 : ROUNDS);
}

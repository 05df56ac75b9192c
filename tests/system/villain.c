/* SPDX-License-Identifier: MIT */
#include "villain.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rig.h"

/* From one word to the next that a passing villain touches; each page gets its share. */
#define STRIDE 5u

/* ---- who keeps everything --------------------------------------------------------------- */

#define KEPT_FDS 3
#define KEPT_MAPS 5

struct kept {
	int fd[KEPT_FDS];
	_Atomic uint64_t *map[KEPT_MAPS];
};

struct keeper {
	struct theatre *theatre;
	unsigned villain;
	struct kept kept[CAST];
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

static bool is_secret(const _Atomic uint64_t *word)
{
	return (atomic_load_explicit(word, memory_order_relaxed) & WHOSE) == SECRET;
}

static void poison(const struct kept *kept, uint64_t with)
{
	const size_t count = WORDS;

	for (unsigned m = 0; m < KEPT_MAPS; m++)
		for (size_t i = with % STRIDE; i < count; i += STRIDE)
			atomic_store_explicit(&kept->map[m][i], POISON | with,
					      memory_order_relaxed);
}

/* In each page, for a secret is written over all of it. */
static void look_for_secrets(struct theatre *theatre, const struct kept *kept, uint64_t with)
{
	const size_t count = WORDS;
	uint64_t leaks = 0;

	for (unsigned m = 0; m < KEPT_MAPS; m++)
		for (size_t i = with % STRIDE; i < count; i += STRIDE)
			leaks += is_secret(&kept->map[m][i]);
	if (leaks > 0)
		atomic_fetch_add(&theatre->leaks, leaks);
}

static void assault(struct theatre *theatre, const struct kept *kept, uint64_t with)
{
	poison(kept, with);
	look_for_secrets(theatre, kept, with);
}

/* Most of all where it is somebody's turn, and everywhere else in between. */
static void *hammer(void *arg)
{
	struct keeper *k = arg;
	struct theatre *theatre = k->theatre;

	thread_stands_back();
	for (uint64_t n = 1; !atomic_load(&k->stop); n = n % 9999 + 1) {
		uint64_t turn = atomic_load(&theatre->turn);

		assault(theatre, &k->kept[turn % CAST], n);
		atomic_store(&theatre->seen[k->villain], turn);
		atomic_fetch_add(&theatre->stores, 1u);
		assault(theatre, &k->kept[n % CAST], n);
	}
	return NULL;
}

/* Takes @fd. */
static void keep(struct kept *kept, int fd)
{
	*kept = (struct kept){ .fd = { fd, dup(fd), reopen(fd) } };
	for (unsigned m = 0; m < KEPT_MAPS; m++)
		kept->map[m] = map_kept(kept->fd[m % KEPT_FDS]);
}

static void raise_hammer(struct keeper *k)
{
	atomic_store(&k->stop, false);
	EXPECT_EQ(pthread_create(&k->thread, NULL, hammer, k), 0);
}

/* Everything that can be tried with what one has. */
static void misuse(struct theatre *theatre, const struct kept *kept)
{
	const size_t count = WORDS;
	uint64_t words[64], leaks = 0;
	_Atomic uint64_t *fresh;

	for (unsigned i = 0; i < 64; i++)
		words[i] = POISON;
	for (unsigned f = 0; f < KEPT_FDS; f++) {
		EXPECT_EQ(pwrite(kept->fd[f], words, sizeof(words), (off_t)(f * PAGE)),
			  sizeof(words));
		EXPECT(ftruncate(kept->fd[f], 0) < 0);
		EXPECT(fcntl(kept->fd[f], F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0);
		fresh = map_kept(kept->fd[f]);
		for (size_t i = 0; i < count; i++) {
			leaks += is_secret(&fresh[i]);
			atomic_store_explicit(&fresh[i], POISON | 0xf, memory_order_relaxed);
		}
		EXPECT_EQ(munmap((void *)(uintptr_t)fresh, SIZE), 0);
	}
	EXPECT_EQ(fallocate(kept->fd[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE),
		  0);
	poison(kept, 0x123);
	if (leaks > 0)
		atomic_fetch_add(&theatre->leaks, leaks);
}

static void misuse_all(const struct keeper *k)
{
	for (unsigned i = 0; i < CAST; i++)
		misuse(k->theatre, &k->kept[i]);
}

static void let_go(struct keeper *k)
{
	atomic_store(&k->stop, true);
	EXPECT_EQ(pthread_join(k->thread, NULL), 0);
	for (unsigned i = 0; i < CAST; i++) {
		for (unsigned m = 0; m < KEPT_MAPS; m++)
			EXPECT_EQ(munmap((void *)(uintptr_t)k->kept[i].map[m], SIZE), 0);
		for (unsigned f = 0; f < KEPT_FDS; f++)
			(void)close(k->kept[i].fd[f]);
	}
}

/* ---- the two processes ------------------------------------------------------------------ */

/* Gets its descriptors from another process, and does the same with them. */
static void accomplice(struct kin *parent, void *arg)
{
	struct keeper k = { .theatre = arg, .villain = ACCOMPLICE };
	uint64_t order;

	while ((order = kin_hear(parent)) != 0) {
		if (order == CONNECT) {
			for (unsigned i = 0; i < CAST; i++)
				keep(&k.kept[i], kin_hear_fd(parent));
			raise_hammer(&k);
		} else if (order == MISUSE) {
			misuse_all(&k);
		} else {
			let_go(&k);
		}
		kin_tell(parent, 0);
	}
}

void share_deed(struct kin *with, enum order order)
{
	kin_tell(with, order);
	(void)kin_hear(with);
}

struct connection {
	struct rig_client client; /* by hand */
	uint64_t number[CAST];
	struct tract *ctx; /* or by the library */
	struct tract_import *import[CAST];
};

static int connect_by_hand(struct connection *c, unsigned i, uint32_t id)
{
	struct message reply;
	int fd = -1;

	reply = rig_import(&c->client, id, TRACT_RIGHT_READ_WRITE, &fd);
	EXPECT_EQ(reply.number, MSG_import_connected);
	EXPECT(fd >= 0);
	c->number[i] = reply.import_connected.import;
	return fd;
}

static int connect_by_library(struct connection *c, unsigned i, uint32_t id)
{
	c->import[i] = import_up(c->ctx, id, TRACT_RIGHT_READ_WRITE);
	/* Behind the library's back, and that of who watches over its descriptors. */
	return (int)syscall(SYS_dup,
			    object_fd(import_map(c->import[i], TRACT_RIGHT_READ_WRITE)));
}

static void disconnect(struct connection *c, unsigned i)
{
	struct message request = { .number = MSG_import_close };

	if (c->ctx) {
		import_down(c->import[i]);
		return;
	}
	request.import_close.import = c->number[i];
	EXPECT_EQ(conn_send(&c->client.conn, &request, NULL, 0), 0);
}

static void keep_all(struct keeper *k, struct connection *c, struct kin *other)
{
	kin_tell(other, CONNECT);
	for (unsigned i = 0; i < CAST; i++) {
		uint32_t id = atomic_load(&k->theatre->id[i]);

		keep(&k->kept[i],
		     c->ctx ? connect_by_library(c, i, id) : connect_by_hand(c, i, id));
		kin_tell_fd(other, k->kept[i].fd[0]);
	}
	(void)kin_hear(other);
	raise_hammer(k);
}

static void be_hostile(struct kin *parent, struct theatre *theatre, struct connection *c)
{
	struct keeper k = { .theatre = theatre, .villain = HOSTILE };
	struct kin other;
	uint64_t order;

	kin_start(&other, accomplice, theatre);
	while ((order = kin_hear(parent)) != 0) {
		if (order == CONNECT) {
			keep_all(&k, c, &other);
		} else if (order == MISUSE) {
			kin_tell(&other, MISUSE);
			misuse_all(&k);
			(void)kin_hear(&other);
		} else {
			share_deed(&other, LET_GO);
			let_go(&k);
			for (unsigned i = 0; i < CAST; i++)
				disconnect(c, i);
		}
		kin_tell(parent, 0);
	}
	kin_tell(&other, 0);
	kin_finish(&other);
}

void be_hostile_by_hand(struct kin *parent, void *arg)
{
	struct connection c = { 0 };

	rig_client_up(test_directory(), &c.client);
	be_hostile(parent, arg, &c);
	rig_client_down(&c.client);
}

void be_hostile_by_library(struct kin *parent, void *arg)
{
	struct connection c = { .ctx = node_open() };

	be_hostile(parent, arg, &c);
	tract_close(c.ctx);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_alone.c - an exporter without a broker takes its memory back by itself
 *
 * The broker dies first.  What is asked of a follower, who imports, right after the exporter's
 * call has returned is answered as if there had been a broker: no test here waits for news.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kin.h"
#include "rig.h"

#define PAGES 4u
#define SIZE (PAGES * PAGE)
#define ROUNDS 50u
#define FILL 0x5a

/* ---- a follower ------------------------------------------------------------------------- */

enum order { LOAD = 1, STORE, CLOSE_BARRIER, PUT, GET, CHECK };

struct follower {
	struct kin kin;
	uint32_t id[2]; /* 0: none */
	uint32_t rights;
};

struct followed {
	struct tract_import *import;
	struct tract_barrier barrier;
	volatile unsigned char *bytes;
};

static void follow_one(struct tract *ctx, struct followed *f, uint32_t id, uint32_t rights)
{
	f->import = import_up(ctx, id, rights);
	EXPECT_EQ(tract_barrier_init(f->import, &f->barrier), 0);
	if (rights)
		f->bytes = import_map(f->import, rights);
}

static int obey(struct followed *f, enum order order, uint8_t byte)
{
	switch (order) {
	case LOAD:
		return *f->bytes;
	case STORE:
		*f->bytes = byte;
		return 0;
	case CLOSE_BARRIER:
		EXPECT_EQ(tract_barrier_open(&f->barrier), 0);
		if (f->bytes)
			*f->bytes = byte;
		return tract_barrier_close(&f->barrier);
	case PUT:
		return tract_import_put(f->import, 0, &byte, 1);
	case GET:
		return tract_import_get(f->import, 0, &byte, 1);
	case CHECK:
		return tract_import_check(f->import);
	}
	return -EINVAL;
}

static void follow(struct kin *parent, void *arg)
{
	const struct follower *self = arg;
	struct tract *ctx = node_open();
	struct followed f[2] = { 0 };
	uint64_t ask;

	for (unsigned i = 0; i < 2; i++)
		if (self->id[i])
			follow_one(ctx, &f[i], self->id[i], self->rights);
	kin_tell(parent, 0);
	while ((ask = kin_hear(parent)) != 0)
		kin_tell(parent, (uint64_t)obey(&f[ask >> 16], (enum order)(ask >> 8 & 0xff),
						(uint8_t)ask));
	for (unsigned i = 0; i < 2; i++)
		if (f[i].import)
			import_down(f[i].import);
	tract_close(ctx);
}

static void follower_up(struct follower *f, uint32_t id, uint32_t other, uint32_t rights)
{
	*f = (struct follower){ .id = { id, other }, .rights = rights };
	kin_start(&f->kin, follow, f);
	EXPECT_EQ(kin_hear(&f->kin), 0);
}

static void follower_down(struct follower *f)
{
	kin_tell(&f->kin, 0);
	kin_finish(&f->kin);
}

static int ask_about(struct follower *f, unsigned which, enum order order, unsigned byte)
{
	kin_tell(&f->kin, (uint64_t)which << 16 | (uint64_t)order << 8 | (byte & 0xff));
	return (int)kin_hear(&f->kin);
}

static int ask(struct follower *f, enum order order, unsigned byte)
{
	return ask_about(f, 0, order, byte);
}

/* ---- an exporter ------------------------------------------------------------------------ */

struct stage {
	pid_t broker;
	struct tract *ctx;
};

static void stage_up(struct stage *s)
{
	s->broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
	s->ctx = node_open();
}

static void kill_broker(struct stage *s)
{
	EXPECT_EQ(kill(s->broker, SIGKILL), 0);
	EXPECT_EQ(rig_broker_wait(s->broker), 256 + SIGKILL);
	s->broker = 0;
}

static void stage_down(struct stage *s)
{
	if (s->broker)
		rig_broker_stop(s->broker);
	tract_close(s->ctx);
}

static unsigned char *filled(size_t pages)
{
	return memset(pages_private(pages), FILL, pages * PAGE);
}

static void expect_works(struct follower *f, unsigned which, const unsigned char *memory,
			 unsigned byte)
{
	EXPECT_EQ(ask_about(f, which, CLOSE_BARRIER, byte), 0);
	EXPECT_EQ(*(const volatile unsigned char *)memory, byte & 0xff);
	EXPECT_EQ(ask_about(f, which, PUT, byte + 1), 0);
	EXPECT_EQ(*(const volatile unsigned char *)memory, (byte + 1) & 0xff);
	EXPECT_EQ(ask_about(f, which, CHECK, 0), 0);
}

/* Whatever it asks, and for good; it may go on loading and storing. */
static void expect_stale(struct follower *f, unsigned which)
{
	for (unsigned again = 0; again < 2; again++) {
		EXPECT_EQ(ask_about(f, which, CLOSE_BARRIER, 1), -ESTALE);
		EXPECT_EQ(ask_about(f, which, PUT, 2), -ESTALE);
		EXPECT_EQ(ask_about(f, which, GET, 0), -ESTALE);
		EXPECT_EQ(ask_about(f, which, CHECK, 0), -ESTALE);
		EXPECT_EQ(ask_about(f, which, STORE, 3), 0);
		EXPECT(ask_about(f, which, LOAD, 0) >= 0);
	}
}

/* What one of them stores the other does not see. */
static void expect_parted(struct follower *f, unsigned which, unsigned char *memory)
{
	*(volatile unsigned char *)memory = 0x11;
	EXPECT_EQ(ask_about(f, which, STORE, 0x22), 0);
	EXPECT_EQ(*(const volatile unsigned char *)memory, 0x11);
	*(volatile unsigned char *)memory = 0x33;
	EXPECT_EQ(ask_about(f, which, LOAD, 0), 0x22);
}

/* ---- destroyed and unpublished ---------------------------------------------------------- */

TEST(no_barrier_closes_once_an_export_without_a_broker_is_destroyed)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned char *memory = filled(PAGES);
		struct tract_export *export;
		struct follower f;
		struct stage s;
		uint32_t id;

		stage_up(&s);
		export = export_up(s.ctx, memory, SIZE, 0, &id);
		follower_up(&f, id, 0, TRACT_RIGHT_READ_WRITE);
		kill_broker(&s);
		expect_works(&f, 0, memory, round);
		memory[1] = (unsigned char)round;
		EXPECT_EQ(tract_export_destroy(export), 0);
		EXPECT_EQ(ask(&f, CLOSE_BARRIER, 9), -ESTALE);
		/* With its content, of which the barrier's byte is no part. */
		EXPECT_EQ(memory[0], (round + 1) & 0xff);
		EXPECT_EQ(memory[1], round & 0xff);
		EXPECT_EQ(memory[SIZE - 1], FILL);
		expect_stale(&f, 0);
		expect_parted(&f, 0, memory);
		follower_down(&f);
		stage_down(&s);
		pages_free(memory, PAGES);
	}
}

TEST(no_barrier_closes_once_an_export_without_a_broker_is_unpublished)
{
	unsigned char *memory = filled(PAGES);
	struct tract_export *export;
	struct follower f;
	struct stage s;
	uint32_t id;

	stage_up(&s);
	export = export_up(s.ctx, memory, SIZE, 0, &id);
	follower_up(&f, id, 0, TRACT_RIGHT_READ_WRITE);
	kill_broker(&s);
	expect_works(&f, 0, memory, 1);
	EXPECT_EQ(tract_export_unpublish(export), -ENOTCONN);
	EXPECT_EQ(ask(&f, CLOSE_BARRIER, 9), -ESTALE);
	EXPECT_EQ(tract_export_id(export), 0);
	EXPECT_EQ(tract_export_unpublish(export), -ENOENT);
	expect_stale(&f, 0);
	EXPECT_EQ(memory[SIZE - 1], FILL);
	expect_parted(&f, 0, memory);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_stale(&f, 0);
	EXPECT_EQ(memory[SIZE - 1], FILL);
	expect_parted(&f, 0, memory);
	follower_down(&f);
	stage_down(&s);
	pages_free(memory, PAGES);
}

/* The memory is the node's, which nobody replaces any more: mappers stay together. */
TEST(no_barrier_closes_once_a_shared_region_without_a_broker_is_unpublished)
{
	const struct tract_shared_spec spec = { .size = SIZE,
						.ceiling = TRACT_PERMIT_READ_WRITE,
						.numa_node = TRACT_NODE_ANY };
	struct tract_shared *shared = NULL;
	struct tract_export *export;
	void *memory = NULL;
	struct follower f;
	struct stage s;
	uint32_t id;

	stage_up(&s);
	EXPECT_EQ(tract_shared_create(s.ctx, &spec, &shared), 0);
	EXPECT_EQ(tract_shared_map(shared, &memory, TRACT_PERMIT_READ_WRITE), 0);
	export = export_up(s.ctx, memory, SIZE, 0, &id);
	follower_up(&f, id, 0, TRACT_RIGHT_READ_WRITE);
	kill_broker(&s);
	expect_works(&f, 0, memory, 1);
	EXPECT_EQ(tract_export_unpublish(export), -ENOTCONN);
	EXPECT_EQ(ask(&f, CLOSE_BARRIER, 9), -ESTALE);
	EXPECT_EQ(tract_export_unpublish(export), -ENOENT);
	expect_stale(&f, 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_stale(&f, 0);
	follower_down(&f);
	tract_shared_unmap_all(s.ctx);
	tract_shared_close(shared);
	stage_down(&s);
}

TEST(who_imports_two_exports_of_one_process_loses_the_destroyed_one_alone)
{
	unsigned char *memory = filled(PAGES), *other_memory = filled(PAGES);
	struct tract_export *export, *other;
	struct follower f;
	struct stage s;
	uint32_t id, other_id;

	stage_up(&s);
	export = export_up(s.ctx, memory, SIZE, 0, &id);
	other = export_up(s.ctx, other_memory, SIZE, 0, &other_id);
	follower_up(&f, id, other_id, TRACT_RIGHT_READ_WRITE);
	kill_broker(&s);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_stale(&f, 0);
	expect_works(&f, 1, other_memory, 20);
	EXPECT_EQ(tract_export_destroy(other), 0);
	expect_stale(&f, 1);
	follower_down(&f);
	stage_down(&s);
	pages_free(memory, PAGES);
	pages_free(other_memory, PAGES);
}

TEST(an_import_for_events_is_told_as_well)
{
	unsigned char *memory = filled(PAGES);
	struct tract_export *export;
	struct follower f;
	struct stage s;
	uint32_t id;

	stage_up(&s);
	export = export_up(s.ctx, memory, SIZE, 0, &id);
	follower_up(&f, id, 0, 0);
	kill_broker(&s);
	EXPECT_EQ(ask(&f, CHECK, 0), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(ask(&f, CHECK, 0), -ESTALE);
	EXPECT_EQ(ask(&f, CLOSE_BARRIER, 0), -ESTALE);
	follower_down(&f);
	stage_down(&s);
	pages_free(memory, PAGES);
}

/* ---- memory that stays an object -------------------------------------------------------- */

static struct tract_region *region_up(struct stage *s)
{
	struct tract_region_spec spec = { .size = SIZE };
	struct tract_region *region = NULL;

	EXPECT_EQ(tract_region_create(s->ctx, &spec, &region), 0);
	return region;
}

static unsigned char *attach(struct tract_region *region)
{
	void *addr;

	EXPECT_EQ(tract_attach(region, &addr, 0, 0, TRACT_RIGHT_READ_WRITE, 0), 0);
	return addr;
}

/* Everybody's view of it here stays the same memory. */
TEST(attached_memory_is_taken_back_without_a_broker)
{
	struct tract_export *export;
	struct tract_region *region;
	unsigned char *memory, *again;
	struct follower f;
	struct stage s;
	uint32_t id;

	stage_up(&s);
	region = region_up(&s);
	memory = memset(attach(region), FILL, SIZE);
	again = attach(region);
	export = export_up(s.ctx, memory, SIZE, 0, &id);
	follower_up(&f, id, 0, TRACT_RIGHT_READ_WRITE);
	kill_broker(&s);
	expect_works(&f, 0, memory, 1);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_stale(&f, 0);
	EXPECT_EQ(memory[SIZE - 1], FILL);
	expect_parted(&f, 0, memory);
	EXPECT_EQ(memcmp(memory, again, SIZE), 0);
	follower_down(&f);
	EXPECT_EQ(tract_detach(memory), 0);
	EXPECT_EQ(tract_detach(again), 0);
	tract_region_close(region);
	stage_down(&s);
}

/* What was bound before is as much taken back as what is bound now. */
TEST(attached_memory_that_was_bound_before_is_taken_back_without_a_broker)
{
	volatile unsigned char *kept[2];
	struct tract_export *export;
	struct tract_region *region[2];
	unsigned char *memory[2];
	struct follower f;
	struct stage s;
	uint32_t id;

	stage_up(&s);
	for (unsigned i = 0; i < 2; i++) {
		region[i] = region_up(&s);
		memory[i] = memset(attach(region[i]), FILL, SIZE);
		/* As somebody would have it who once was given the descriptor. */
		kept[i] = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			       object_fd(memory[i]), 0);
		EXPECT(kept[i] != MAP_FAILED);
	}
	export = export_up(s.ctx, memory[0], SIZE, TRACT_EXPORT_REBIND, &id);
	follower_up(&f, id, 0, TRACT_RIGHT_READ_WRITE);
	EXPECT_EQ(tract_export_rebind(export, memory[1], SIZE), 0);
	EXPECT_EQ(tract_export_rebind(export, memory[0], SIZE), 0);
	expect_works(&f, 0, memory[0], 1);
	kill_broker(&s);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_stale(&f, 0);
	expect_parted(&f, 0, memory[0]);
	for (unsigned i = 0; i < 2; i++) {
		memory[i][1] = 0x44;
		kept[i][1] = 0x55;
		EXPECT_EQ(memory[i][1], 0x44);
		EXPECT_EQ(munmap((void *)(uintptr_t)kept[i], SIZE), 0);
		EXPECT_EQ(tract_detach(memory[i]), 0);
		tract_region_close(region[i]);
	}
	follower_down(&f);
	stage_down(&s);
}

/* One object cannot be two: it is parted from importers with the last export that stands on it.
 */
static void destroy_one_of_two(struct stage *s, unsigned char *memory,
			       unsigned char *other_memory)
{
	struct tract_export *export, *other;
	struct follower f;
	uint32_t id, other_id;

	other = export_up(s->ctx, other_memory, SIZE / 2, 0, &other_id);
	export = export_up(s->ctx, memory, SIZE, 0, &id);
	follower_up(&f, id, other_id, TRACT_RIGHT_READ_WRITE);
	kill_broker(s);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_stale(&f, 0);
	expect_works(&f, 1, other_memory, 7);
	EXPECT_EQ(tract_export_destroy(other), 0);
	expect_stale(&f, 1);
	expect_parted(&f, 0, memory);
	expect_parted(&f, 1, other_memory);
	follower_down(&f);
}

TEST(an_export_of_the_same_memory_outlives_another_without_a_broker)
{
	unsigned char *memory = filled(PAGES);
	struct stage s;

	stage_up(&s);
	destroy_one_of_two(&s, memory, memory + SIZE / 2);
	stage_down(&s);
	pages_free(memory, PAGES);
}

TEST(an_export_of_the_same_region_outlives_another_without_a_broker)
{
	unsigned char *memory, *again;
	struct tract_region *region;
	struct stage s;

	stage_up(&s);
	region = region_up(&s);
	memory = attach(region);
	again = attach(region);
	destroy_one_of_two(&s, memory, again);
	EXPECT_EQ(memcmp(memory, again, SIZE), 0);
	EXPECT_EQ(tract_detach(memory), 0);
	EXPECT_EQ(tract_detach(again), 0);
	tract_region_close(region);
	stage_down(&s);
}

/* ---- the broker dies meanwhile ---------------------------------------------------------- */

static void *destroy(void *arg)
{
	EXPECT_EQ(tract_export_destroy(arg), 0);
	return NULL;
}

/* Its request is with the broker, which never answers. */
TEST(no_barrier_closes_if_the_broker_dies_while_it_is_asked_to_destroy)
{
	unsigned char *memory = filled(PAGES);
	struct tract_export *export;
	pthread_t thread;
	struct follower f;
	struct stage s;
	uint32_t id;

	stage_up(&s);
	export = export_up(s.ctx, memory, SIZE, 0, &id);
	follower_up(&f, id, 0, TRACT_RIGHT_READ_WRITE);
	EXPECT_EQ(kill(s.broker, SIGSTOP), 0);
	EXPECT_EQ(pthread_create(&thread, NULL, destroy, export), 0);
	test_pause_us(20000);
	expect_works(&f, 0, memory, 1);
	kill_broker(&s);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	expect_stale(&f, 0);
	expect_parted(&f, 0, memory);
	follower_down(&f);
	stage_down(&s);
	pages_free(memory, PAGES);
}

/* ---- before the broker's death ----------------------------------------------------------- */

TEST(what_is_exported_next_is_not_mistaken_for_what_was_taken_back)
{
	unsigned char *memory = filled(PAGES);
	struct tract_export *export;
	struct follower f;
	struct stage s;
	uint32_t id;

	stage_up(&s);
	for (unsigned round = 0; round < ROUNDS; round++) {
		export = export_up(s.ctx, memory, SIZE, 0, &id);
		EXPECT_EQ(tract_export_destroy(export), 0);
	}
	export = export_up(s.ctx, memory, SIZE, 0, &id);
	follower_up(&f, id, 0, TRACT_RIGHT_READ_WRITE);
	expect_works(&f, 0, memory, 1);
	EXPECT_EQ(tract_export_unpublish(export), 0);
	expect_stale(&f, 0);
	follower_down(&f);
	id = 0;
	EXPECT_EQ(tract_export_publish(export, &id, NULL, 0), 0);
	follower_up(&f, id, 0, TRACT_RIGHT_READ_WRITE);
	kill_broker(&s);
	expect_works(&f, 0, memory, 1);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_stale(&f, 0);
	follower_down(&f);
	stage_down(&s);
	pages_free(memory, PAGES);
}

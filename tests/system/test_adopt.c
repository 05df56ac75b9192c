/* SPDX-License-Identifier: MIT */
/*
 * test_adopt.c - no store is lost while memory changes under two threads that store
 *
 * Each thread owns every second word of the range, so that both are at work in every page and
 * cache line.  It counts each of its words up, and remembers in other memory what it stored
 * last: a word that ever differs from that was lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fault.h"
#include "kin.h"

#define THREADS 2u
#define PAGES 32u
/* A sanitizer sees in any round what it sees, and slows each down. */
#define ROUNDS (TEST_SANITIZED ? 40u : 200u)
/* What moves in several pieces, of two megabytes. */
#define MANY_PAGES 2048u

struct hammer {
	_Atomic uint64_t *words;
	uint64_t *remembered; /* shared with the importer */
	size_t count;	      /* a power of two */
	_Atomic bool stop, rest;
	_Atomic unsigned started, resting;
	_Atomic uint64_t turns, lost;
	pthread_t thread[THREADS];
};

static void strike_once(struct hammer *h, size_t word)
{
	uint64_t now = atomic_load_explicit(&h->words[word], memory_order_relaxed);

	if (now != h->remembered[word])
		atomic_fetch_add(&h->lost, 1u);
	h->remembered[word] = now + 1;
	atomic_store_explicit(&h->words[word], now + 1, memory_order_relaxed);
}

static void *strike(void *arg)
{
	struct hammer *h = arg;
	size_t own = h->count / THREADS, first = atomic_fetch_add(&h->started, 1u);

	thread_stands_back();
	while (!atomic_load(&h->stop)) {
		/* The step is odd: every word has its turn, neighbours are far apart in time.
		 */
		for (size_t i = 0; i < own && !atomic_load(&h->rest); i++)
			strike_once(h, i * 1031u % own * THREADS + first);
		atomic_fetch_add(&h->turns, 1u);
		if (!atomic_load(&h->rest))
			continue;
		atomic_fetch_add(&h->resting, 1u);
		while (atomic_load(&h->rest))
			test_pause_us(20);
		atomic_fetch_sub(&h->resting, 1u);
	}
	return NULL;
}

static void hammer_rest(struct hammer *h)
{
	atomic_store(&h->rest, true);
	while (atomic_load(&h->resting) < THREADS)
		test_pause_us(20);
}

static void hammer_resume(struct hammer *h)
{
	atomic_store(&h->rest, false);
	while (atomic_load(&h->resting) > 0)
		test_pause_us(20);
}

/* Words in @at that are not what was stored last; while the hammer rests. */
static uint64_t hammer_differences(const struct hammer *h, const void *at)
{
	const _Atomic uint64_t *words = at;
	uint64_t count = 0;

	for (size_t i = 0; i < h->count; i++)
		count += atomic_load_explicit(&words[i], memory_order_relaxed) !=
			 h->remembered[i];
	return count;
}

static void hammer_up(struct hammer *h, void *memory)
{
	h->words = memory;
	for (unsigned i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_create(&h->thread[i], NULL, strike, h), 0);
}

static void hammer_down(struct hammer *h)
{
	atomic_store(&h->stop, true);
	for (unsigned i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_join(h->thread[i], NULL), 0);
	EXPECT_EQ(atomic_load(&h->lost), 0);
	EXPECT_EQ(hammer_differences(h, (const void *)(uintptr_t)h->words), 0);
	/* Or else nothing was shown. */
	EXPECT(atomic_load(&h->turns) > 0);
}

/* ---- the importer ----------------------------------------------------------------------- */

/* Says, of every id it is told, how much of what it sees there is not what was stored. */
static void look(struct kin *parent, void *arg)
{
	const struct hammer *h = arg;
	struct tract *ctx = node_open();
	uint32_t id;

	while ((id = (uint32_t)kin_hear(parent)) != 0) {
		struct tract_import *import = import_up(ctx, id, TRACT_RIGHT_READ_WRITE);
		void *seen = import_map(import, TRACT_RIGHT_READ_WRITE);

		kin_tell(parent, 0);
		(void)kin_hear(parent);
		kin_tell(parent, hammer_differences(h, seen));
		(void)kin_hear(parent);
		EXPECT_EQ(tract_import_check(import), -ESTALE);
		import_down(import);
		kin_tell(parent, 0);
	}
	tract_close(ctx);
}

struct scene {
	struct tract *ctx;
	struct hammer hammer;
	struct kin importer;
	char *memory;
	size_t size;
};

static void scene_up(struct scene *s, void *memory, size_t pages)
{
	s->size = pages * PAGE;
	s->memory = memory;
	s->hammer.count = s->size / sizeof(uint64_t);
	s->hammer.remembered = pages_shared(pages);
	kin_start(&s->importer, look, &s->hammer);
	s->ctx = node_open();
	hammer_up(&s->hammer, memory);
}

static void scene_down(struct scene *s)
{
	kin_tell(&s->importer, 0);
	kin_finish(&s->importer);
	hammer_down(&s->hammer);
	pages_free(s->hammer.remembered, s->size / PAGE);
	tract_close(s->ctx);
}

static void expect_nothing_lost(struct scene *s)
{
	hammer_rest(&s->hammer);
	EXPECT_EQ(atomic_load(&s->hammer.lost), 0);
	EXPECT_EQ(hammer_differences(&s->hammer, s->memory), 0);
	hammer_resume(&s->hammer);
}

static void connect_importer(struct scene *s, uint32_t id)
{
	kin_tell(&s->importer, id);
	(void)kin_hear(&s->importer);
}

static void expect_importer_sees_all(struct scene *s)
{
	hammer_rest(&s->hammer);
	kin_tell(&s->importer, 0);
	EXPECT_EQ(kin_hear(&s->importer), 0);
	hammer_resume(&s->hammer);
}

static void release_importer(struct scene *s)
{
	kin_tell(&s->importer, 0);
	(void)kin_hear(&s->importer);
}

/* Export, unpublish under an importer, publish again, destroy under an importer. */
static void go_through_a_life(struct scene *s)
{
	struct tract_export *export;
	uint32_t id;

	export = export_up(s->ctx, s->memory, s->size, 0, &id);
	connect_importer(s, id);
	expect_importer_sees_all(s);
	EXPECT_EQ(tract_export_unpublish(export), 0);
	expect_nothing_lost(s);
	release_importer(s);

	id = 0;
	EXPECT_EQ(tract_export_publish(export, &id, NULL, 0), 0);
	connect_importer(s, id);
	expect_importer_sees_all(s);
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_nothing_lost(s);
	release_importer(s);
}

static void live(void *memory, unsigned rounds)
{
	struct scene s = { 0 };
	unsigned last = test_is_deep() ? 10 * rounds : rounds;

	scene_up(&s, memory, PAGES);
	for (unsigned n = 0; n < last; n++)
		go_through_a_life(&s);
	scene_down(&s);
}

TEST_SLOW(no_store_to_a_mapping_is_lost_in_any_change, 60)
{
	void *memory = pages_private(PAGES);

	live(memory, ROUNDS);
	pages_free(memory, PAGES);
}

TEST_SLOW(no_store_to_the_heap_is_lost_in_any_change, 60)
{
	void *memory = valloc(PAGES * PAGE);

	for (size_t i = 0; i < PAGES * PAGE; i++)
		((volatile char *)memory)[i] = 0;
	live(memory, ROUNDS / 4);
	free(memory);
}

TEST_SLOW(no_store_is_lost_where_userfaultfd_is_forbidden, 60)
{
	void *memory = pages_private(PAGES);

	EXPECT_EQ(fault_arm("uffd.open=e1@*"), 0);
	live(memory, ROUNDS / 4);
	pages_free(memory, PAGES);
}

/* ---- two exports of one range ----------------------------------------------------------- */

TEST_SLOW(no_store_is_lost_when_one_of_two_exports_is_taken_back, 60)
{
	struct scene s = { 0 };
	void *memory = pages_private(PAGES);

	scene_up(&s, memory, PAGES);
	for (unsigned n = 0; n < ROUNDS / 4; n++) {
		uint32_t stays, goes;
		struct tract_export *one = export_up(s.ctx, memory, s.size, 0, &stays);
		struct tract_export *other = export_up(s.ctx, memory, s.size, 0, &goes);
		struct tract_import *kept = import_up(s.ctx, stays, TRACT_RIGHT_READ);
		const void *seen = import_map(kept, TRACT_RIGHT_READ);

		connect_importer(&s, goes);
		expect_importer_sees_all(&s);
		EXPECT_EQ(tract_export_destroy(other), 0);
		expect_nothing_lost(&s);
		release_importer(&s);
		/* Who imports the other one goes on, and sees every store. */
		hammer_rest(&s.hammer);
		EXPECT_EQ(hammer_differences(&s.hammer, seen), 0);
		hammer_resume(&s.hammer);
		import_down(kept);
		EXPECT_EQ(tract_export_destroy(one), 0);
		expect_nothing_lost(&s);
	}
	scene_down(&s);
	pages_free(memory, PAGES);
}

/* ---- failing in the middle -------------------------------------------------------------- */

static void arm_piece(const char *always, unsigned nth)
{
	char spec[128];

	(void)snprintf(spec, sizeof(spec), "%sexchange.piece.copied=e12@%u", always, nth);
	EXPECT_EQ(fault_arm(spec), 0);
}

/* The range is exported until no piece is left to fail at.  How many failed. */
static unsigned fail_at_each_piece(struct scene *s, size_t from, const char *always)
{
	struct tract_export *export = NULL;
	unsigned nth = 1;

	for (;; nth++) {
		int r;

		arm_piece(always, nth);
		r = tract_export_create(s->ctx, s->memory + from, s->size - from, 0, &export);
		(void)fault_arm(NULL);
		expect_nothing_lost(s);
		if (r == 0)
			break;
		EXPECT_EQ(r, -ENOMEM);
	}
	EXPECT_EQ(tract_export_destroy(export), 0);
	expect_nothing_lost(s);
	return nth - 1;
}

/* With @always armed as well, which ends with a comma. */
static void fail_in_the_middle(void *memory, const char *always)
{
	struct scene s = { 0 };
	char spec[128];

	scene_up(&s, memory, MANY_PAGES);
	for (unsigned n = 0; n < (test_is_deep() ? 100 : 5); n++) {
		struct tract_export *export = NULL;

		EXPECT(fail_at_each_piece(&s, 0, always) >= 4);
		/* When all of it has moved. */
		(void)snprintf(spec, sizeof(spec), "%sexchange.adopt.copied=e12", always);
		EXPECT_EQ(fault_arm(spec), 0);
		EXPECT_EQ(tract_export_create(s.ctx, memory, s.size, 0, &export), -ENOMEM);
		(void)fault_arm(NULL);
		expect_nothing_lost(&s);
	}
	scene_down(&s);
}

TEST_SLOW(no_store_is_lost_when_a_move_fails_at_any_piece, 60)
{
	void *memory = pages_private(MANY_PAGES);

	fail_in_the_middle(memory, "");
	pages_free(memory, MANY_PAGES);
}

TEST_SLOW(no_store_is_lost_when_a_guarded_move_fails_at_any_piece, 60)
{
	void *memory = pages_private(MANY_PAGES);

	fail_in_the_middle(memory, "uffd.open=e1@*,");
	pages_free(memory, MANY_PAGES);
}

TEST_SLOW(no_store_is_lost_when_a_move_fails_whose_pages_cannot_leave, 60)
{
	void *memory = pages_private(MANY_PAGES);

	fail_in_the_middle(memory, "hold.vacate=e22@*,");
	pages_free(memory, MANY_PAGES);
}

TEST_SLOW(no_store_is_lost_when_the_move_of_a_file_fails_at_any_piece, 60)
{
	char path[128];
	void *memory;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/file", test_directory());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0);
	EXPECT_EQ(ftruncate(fd, (off_t)(MANY_PAGES * PAGE)), 0);
	memory = mmap(NULL, MANY_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	EXPECT(memory != MAP_FAILED);
	fail_in_the_middle(memory, "");
	pages_free(memory, MANY_PAGES);
	(void)close(fd);
}

/* Words of the first half that the importer of it does not see. */
static uint64_t first_half_differences(struct scene *s, const void *seen)
{
	struct hammer half = { .remembered = s->hammer.remembered,
			       .count = s->hammer.count / 2 };
	uint64_t count;

	hammer_rest(&s->hammer);
	count = hammer_differences(&half, seen);
	hammer_resume(&s->hammer);
	return count;
}

/* An export of the first half has an importer; one that overlaps it fails at each piece. */
static void fail_to_overlap(const char *always)
{
	void *memory = pages_private(MANY_PAGES);
	struct scene s = { 0 };
	struct tract_export *half;
	struct tract_import *import;
	const void *seen;
	uint32_t id;

	scene_up(&s, memory, MANY_PAGES);
	half = export_up(s.ctx, memory, s.size / 2, 0, &id);
	import = import_up(s.ctx, id, TRACT_RIGHT_READ_WRITE);
	seen = import_map(import, TRACT_RIGHT_READ_WRITE);
	EXPECT(fail_at_each_piece(&s, s.size / 4, always) >= 3);
	EXPECT_EQ(first_half_differences(&s, seen), 0);
	EXPECT_EQ(tract_import_check(import), 0);
	import_down(import);
	EXPECT_EQ(tract_export_destroy(half), 0);
	expect_nothing_lost(&s);
	scene_down(&s);
	pages_free(memory, MANY_PAGES);
}

TEST_SLOW(no_store_is_lost_when_exports_fail_to_come_to_overlap, 60)
{
	fail_to_overlap("");
}

TEST_SLOW(no_store_is_lost_when_guarded_exports_fail_to_come_to_overlap, 60)
{
	fail_to_overlap("uffd.open=e1@*,");
}

TEST_SLOW(no_store_is_lost_when_taking_back_fails_after_the_last_piece, 60)
{
	void *memory = pages_private(MANY_PAGES);
	struct scene s = { 0 };

	scene_up(&s, memory, MANY_PAGES);
	for (unsigned n = 0; n < (test_is_deep() ? 100 : 5); n++) {
		struct tract_export *export;
		uint32_t id;

		export = export_up(s.ctx, memory, s.size, 0, &id);
		connect_importer(&s, id);
		expect_importer_sees_all(&s);
		EXPECT_EQ(fault_arm("exchange.fence.copied=e12"), 0);
		EXPECT_EQ(tract_export_unpublish(export), -ENOMEM);
		(void)fault_arm(NULL);
		expect_nothing_lost(&s);
		release_importer(&s);
		EXPECT_EQ(tract_export_destroy(export), 0);
		expect_nothing_lost(&s);
	}
	scene_down(&s);
	pages_free(memory, MANY_PAGES);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_pager_waits.c - what becomes of those who wait for a pager's page, alone and many at
 * once
 */
#include <stdlib.h>

#include "kin.h"
#include "source.h"

/* ---- while somebody waits --------------------------------------------------------------- */

PAGER_TEST(who_waits_for_what_is_detached_faults)
{
	struct toucher t;
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 3 * PAGE);
	atomic_store(&s.held, true);
	touch_begin(&t, at + PAGE, true);
	wait_inside(&s);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_EQ(touch_end(&t), -1);
	atomic_store(&s.held, false);
	EXPECT_WITHIN(1000, atomic_load(&s.asked) == 1);
	EXPECT(land_is_free(at, 3));
	source_down(&s);
}

PAGER_TEST(who_waits_for_what_is_replaced_sees_what_came_instead)
{
	struct tract_region *region = land_region(1, 'A');
	struct toucher t;
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 3 * PAGE);
	atomic_store(&s.held, true);
	touch_begin(&t, at + PAGE, false);
	wait_inside(&s);
	EXPECT_EQ(attach((void *[]){ at + PAGE }, .region = region,
			 .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE),
		  0);
	EXPECT_EQ(touch_end(&t), 'A');
	atomic_store(&s.held, false);
	EXPECT_STR(land_bytes(at, 3), "aAc");
	land_clear(at, 3);
	source_down(&s);
	tract_region_close(region);
}

/* The answer to an earlier question is not that to the next, although all looks the same. */
PAGER_TEST(an_answer_goes_to_who_asked_for_it)
{
	struct toucher t;
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 2 * PAGE);
	atomic_store(&s.held, true);
	touch_begin(&t, at, false);
	wait_inside(&s);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_EQ(touch_end(&t), -1);
	attached_at(at, .pager = s.pager, .size = 2 * PAGE, .offset = 7 * PAGE);
	atomic_store(&s.held, false);
	EXPECT_STR(land_bytes(at, 2), "hi");
	land_clear(at, 2);
	source_down(&s);
}

/* Nor is the answer of one pager that of another, which was asked for the same. */
PAGER_TEST(an_answer_is_not_taken_for_another_pagers)
{
	struct source s, other;
	struct toucher t;
	char *at;

	source_up(&s);
	source_up(&other);
	answer_with(&other, (struct tract_answer){ .kind = TRACT_ANSWER_ZERO });
	at = attached(.pager = s.pager, .size = 2 * PAGE);
	atomic_store(&s.held, true);
	touch_begin(&t, at, false);
	wait_inside(&s);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_EQ(touch_end(&t), -1);
	attached_at(at, .pager = other.pager, .size = 2 * PAGE);
	atomic_store(&s.held, false);
	EXPECT_STR(land_bytes(at, 2), "00");
	EXPECT_EQ(atomic_load(&other.asked), 2);
	land_clear(at, 2);
	source_down(&s);
	source_down(&other);
}

PAGER_TEST(what_was_parted_meanwhile_is_asked_for_by_its_new_bounds)
{
	struct toucher t;
	struct source s;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 4 * PAGE);
	atomic_store(&s.held, true);
	touch_begin(&t, at + 3 * PAGE, false);
	wait_inside(&s);
	EXPECT_EQ(detach(at + PAGE, 1, TRACT_DETACH_EXACT), 0);
	atomic_store(&s.held, false);
	EXPECT_EQ(touch_end(&t), 'd');
	EXPECT_STR(land_bytes(at, 4), "a!cd");
	land_clear(at, 4);
	source_down(&s);
}

PAGER_TEST(a_destroyed_pager_is_asked_no_more)
{
	struct source s;
	struct toucher t;
	char *at;

	source_up(&s);
	at = attached(.pager = s.pager, .size = 3 * PAGE);
	EXPECT_STR(land_bytes(at, 1), "a");
	atomic_store(&s.held, true);
	touch_begin(&t, at + PAGE, false);
	wait_inside(&s);
	tract_pager_destroy(s.pager);
	/* Its answer comes too late. */
	atomic_store(&s.held, false);
	EXPECT_EQ(touch_end(&t), -1);
	EXPECT_EQ(land_load(at + 2 * PAGE), SIGSEGV);
	EXPECT_EQ(land_store(at), 0);
	EXPECT_EQ(atomic_load(&s.asked), 2);
	EXPECT_EQ(tract_detach(at), 0);
	source_down(&s);
}

/* ---- many at once ----------------------------------------------------------------------- */

#define THREADS 4u
#define PAGES 32u
#define ROUNDS 60u

struct storm {
	struct source source;
	char *at;
	pthread_barrier_t begin, end;
	_Atomic bool stop;
	_Atomic unsigned wrong, reads;
};

/* Half of the threads go upwards, half downwards: they meet in the middle. */
static void *read_all(void *arg)
{
	static _Atomic unsigned numbers;
	unsigned number = atomic_fetch_add(&numbers, 1u);
	struct storm *storm = arg;

	for (;;) {
		(void)pthread_barrier_wait(&storm->begin);
		if (atomic_load(&storm->stop))
			return NULL;
		for (unsigned i = 0; i < PAGES; i++) {
			unsigned page = number % 2 ? PAGES - 1 - i : i;
			char byte = *(volatile char *)(storm->at + page * PAGE + number);

			atomic_fetch_add(&storm->wrong, byte != (char)('a' + page));
			atomic_fetch_add(&storm->reads, 1u);
		}
		(void)pthread_barrier_wait(&storm->end);
	}
}

PAGER_TEST(threads_that_touch_the_same_pages_all_see_what_was_supplied)
{
	struct storm *storm = calloc(1, sizeof(*storm));
	pthread_t thread[THREADS];

	EXPECT(storm != NULL);
	source_up(&storm->source);
	EXPECT_EQ(pthread_barrier_init(&storm->begin, NULL, THREADS + 1), 0);
	EXPECT_EQ(pthread_barrier_init(&storm->end, NULL, THREADS + 1), 0);
	for (unsigned i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_create(&thread[i], NULL, read_all, storm), 0);
	for (unsigned n = 0; n < ROUNDS; n++) {
		storm->at = attached(.pager = storm->source.pager, .size = PAGES * PAGE);
		(void)pthread_barrier_wait(&storm->begin);
		(void)pthread_barrier_wait(&storm->end);
		EXPECT_EQ(tract_detach(storm->at), 0);
	}
	atomic_store(&storm->stop, true);
	(void)pthread_barrier_wait(&storm->begin);
	for (unsigned i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_join(thread[i], NULL), 0);
	EXPECT_EQ(atomic_load(&storm->wrong), 0);
	EXPECT_EQ(atomic_load(&storm->reads), ROUNDS * THREADS * PAGES);
	EXPECT(atomic_load(&storm->source.asked) >= ROUNDS * PAGES);
	source_down(&storm->source);
	free(storm);
}

/* Whoever waits when it goes faults, or has got its page; nobody waits for ever. */
PAGER_TEST(what_is_detached_under_waiting_threads_lets_all_of_them_go)
{
	struct toucher t[THREADS];
	struct source s;

	source_up(&s);
	for (unsigned n = 0; n < ROUNDS; n++) {
		char *at = attached(.pager = s.pager, .size = PAGES * PAGE);

		for (unsigned i = 0; i < THREADS; i++)
			touch_begin(&t[i], at + (i + n) % 3 * PAGE, i & 1);
		if (n % 2)
			test_pause_us(n * 7);
		EXPECT_EQ(tract_detach(at), 0);
		for (unsigned i = 0; i < THREADS; i++) {
			int result = touch_end(&t[i]);

			EXPECT(result == -1 || result == 'w' ||
			       result == (int)('a' + (i + n) % 3));
		}
		land_check();
	}
	source_down(&s);
}

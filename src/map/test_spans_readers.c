/* SPDX-License-Identifier: MIT */
/*
 * test_spans_readers.c - finding beside a writer, under a sequence counter
 *
 * The writer makes and removes spans, so that the tree grows, shrinks, and uses its nodes again
 * all the time.  Every second block of addresses has a span that stays, every other one spans
 * that come and go; the value of each follows from its bounds.  So a reader knows what it may
 * find, if it finds it at a time at which nothing was changed.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "map/spans.h"
#include "test.h"

#define READERS 2u
#define BLOCK 64u
#define BLOCKS 600u
#define ROUNDS 12u
/* What each reader must have found undisturbed, while it was written, before the test ends. */
#define ENOUGH 2000u

static struct spans spans;
static atomic_uint sequence;
static atomic_bool done;
static atomic_uint enough;

static uint64_t value_of(uintptr_t start, uintptr_t last)
{
	return start * 1000003 + last;
}

static uint64_t draw(uint64_t *chance)
{
	uint64_t x = *chance += UINT64_C(0xd1342543de82ef95);

	x = (x ^ (x >> 32)) * UINT64_C(0xdaba0b6eb09322e3);
	return x ^ (x >> 32);
}

/* ---- reading ---------------------------------------------------------------------------- */

static unsigned read_begin(void)
{
	return atomic_load_explicit(&sequence, memory_order_acquire);
}

/* Nothing was changed since: the writer's release fence makes its count come before its
 * changes, and this one makes the changes that were seen come before the look at the count. */
static bool read_end(unsigned begin)
{
	atomic_thread_fence(memory_order_acquire);
	return begin % 2 == 0 && atomic_load_explicit(&sequence, memory_order_relaxed) == begin;
}

static bool is_right(uintptr_t first, uintptr_t last, bool found, const struct span *span)
{
	uintptr_t block = first / BLOCK;

	if (found && (span->start > last || span->last < first ||
		      span->value != value_of(span->start, span->last)))
		return false;
	/* In the middle of an even block there is always something. */
	return found || block % 2 || first % BLOCK < BLOCK / 4 || first % BLOCK >= BLOCK / 2;
}

static bool is_right_last(uintptr_t before, bool found, const struct span *span)
{
	/* What stays, in the block before or in this one, is not passed over. */
	return found ? span->start <= before &&
			       span->value == value_of(span->start, span->last) &&
			       before - span->start < 2 * BLOCK
		     : before < BLOCK;
}

static void *read_all_the_time(void *arg)
{
	uint64_t chance = (uintptr_t)arg;
	unsigned good = 0;
	bool right = true;

	while (right && !atomic_load_explicit(&done, memory_order_acquire)) {
		uintptr_t first = draw(&chance) % (BLOCK * BLOCKS);
		uintptr_t last = first + draw(&chance) % 3 * 10;
		struct span span = { .start = 0 }, before = { .start = 0 };
		unsigned begin = read_begin();
		bool found = spans_find(&spans, first, last, &span);
		bool found_last = spans_find_last(&spans, first, &before);

		if (!read_end(begin))
			continue;
		right = is_right(first, last, found, &span) &&
			is_right_last(first, found_last, &before);
		if (++good == ENOUGH)
			(void)atomic_fetch_add_explicit(&enough, 1, memory_order_relaxed);
	}
	return right ? NULL : &spans;
}

/* ---- writing ---------------------------------------------------------------------------- */

static void write_begin(void)
{
	atomic_fetch_add_explicit(&sequence, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void write_end(void)
{
	atomic_fetch_add_explicit(&sequence, 1, memory_order_release);
}

static void add(uintptr_t start, uintptr_t last)
{
	write_begin();
	EXPECT_EQ(spans_add(&spans, start, last, value_of(start, last)), 0);
	write_end();
}

static void change_block(uintptr_t block, uint64_t kind)
{
	uintptr_t start = block * BLOCK;

	switch (kind % 3) {
	case 0:
		for (unsigned i = 0; i < BLOCK; i += 2)
			add(start + i, start + i);
		break;
	case 1:
		add(start + 10, start + 20);
		write_begin();
		spans_trim(&spans, start + 10, start + 1, start + 50);
		spans_set(&spans, start + 1, value_of(start + 1, start + 50));
		write_end();
		break;
	default:
		add(start, start + BLOCK - 1);
		break;
	}
}

static void empty_block(uintptr_t block)
{
	struct span span;

	while (spans_find(&spans, block * BLOCK, block * BLOCK + BLOCK - 1, &span)) {
		write_begin();
		spans_remove(&spans, span.start);
		write_end();
	}
}

static void write_rounds(void)
{
	uint64_t chance = 99;

	for (unsigned round = 0; round < ROUNDS || atomic_load(&enough) < READERS; round++) {
		for (uintptr_t block = 1; block < BLOCKS; block += 2)
			change_block(block, round < 2 ? 0 : draw(&chance));
		EXPECT(spans_check(&spans));
		for (uintptr_t block = 1; block < BLOCKS; block += 2)
			empty_block(round % 2 ? block : BLOCKS - block);
		EXPECT(spans_check(&spans));
	}
}

TEST_SLOW(readers_beside_a_writer_find_what_is_there, 60)
{
	pthread_t reader[READERS];
	void *wrong[READERS];

	spans_init(&spans);
	for (uintptr_t block = 0; block < BLOCKS; block += 2)
		add(block * BLOCK + BLOCK / 4, block * BLOCK + BLOCK / 2 - 1);
	for (uintptr_t i = 0; i < READERS; i++)
		EXPECT_EQ(pthread_create(&reader[i], NULL, read_all_the_time, (void *)i), 0);
	write_rounds();
	atomic_store_explicit(&done, true, memory_order_release);
	for (unsigned i = 0; i < READERS; i++) {
		EXPECT_EQ(pthread_join(reader[i], &wrong[i]), 0);
		EXPECT(!wrong[i]);
	}
	spans_deinit(&spans);
}

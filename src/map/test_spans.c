/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "map/spans_naive.h"
#include "map/spans_room.h"
#include "test.h"

#define TOP UINTPTR_MAX
#define PAGE UINT64_C(4096)

static struct spans s;

static void start(void)
{
	spans_init(&s);
}

static void end(void)
{
	EXPECT(spans_check(&s));
	spans_deinit(&s);
	EXPECT_EQ(spans_bytes(&s), 0);
}

/* "START-LAST START-LAST", all of them, as one sees them going through; borrowed. */
static const char *text(void)
{
	static char line[512];
	struct span span;
	uintptr_t from = 0;
	size_t at = 0;

	line[0] = '\0';
	while (spans_find(&s, from, TOP, &span)) {
		at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%zx-%zx", at ? " " : "",
				       (size_t)span.start, (size_t)span.last);
		if (span.last == TOP)
			break;
		from = span.last + 1;
	}
	return line;
}

static uintptr_t gap(uintptr_t from, uintptr_t limit, uintptr_t size, unsigned align)
{
	uintptr_t found = 0x6e6f7468696e67;

	return spans_gap(&s, from, limit, size, align, &found) ? found : 0xbad;
}

/* Pages, with one free page after each. */
static void fill(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		EXPECT_EQ(spans_add(&s, 2 * i * PAGE, 2 * i * PAGE + PAGE - 1, i), 0);
}

/* ---- adding, removing, finding ---------------------------------------------------------- */

TEST(an_empty_set_holds_no_memory_and_finds_nothing)
{
	struct span span;

	start();
	EXPECT_EQ(spans_bytes(&s), 0);
	EXPECT_EQ(spans_count(&s), 0);
	EXPECT(!spans_find(&s, 0, TOP, &span));
	EXPECT(!spans_find_last(&s, TOP, &span));
	end();
}

TEST(what_was_added_is_found_by_each_of_its_addresses_and_by_no_other)
{
	struct span span = { .value = 0 };

	start();
	EXPECT_EQ(spans_add(&s, 0x1000, 0x1fff, 7), 0);
	EXPECT(spans_find(&s, 0x1000, 0x1000, &span));
	EXPECT_EQ(span.value, 7);
	EXPECT(spans_find(&s, 0x1fff, 0x1fff, &span));
	EXPECT_EQ(span.start, 0x1000);
	EXPECT_EQ(span.last, 0x1fff);
	EXPECT(!spans_find(&s, 0xfff, 0xfff, &span));
	EXPECT(!spans_find(&s, 0x2000, 0x2000, &span));
	EXPECT(!spans_find(&s, 0x2000, TOP, &span));
	EXPECT(!spans_find(&s, 0, 0xfff, &span));
	end();
}

TEST(of_several_that_overlap_the_lowest_is_found)
{
	struct span span = { .start = 0 };

	start();
	fill(200);
	EXPECT(spans_find(&s, 20 * PAGE - 1, TOP, &span));
	EXPECT_EQ(span.start, 20 * PAGE);
	EXPECT(spans_find(&s, 20 * PAGE + 1, TOP, &span));
	EXPECT_EQ(span.start, 20 * PAGE);
	EXPECT(spans_find(&s, 21 * PAGE, 22 * PAGE, &span));
	EXPECT_EQ(span.start, 22 * PAGE);
	EXPECT(!spans_find(&s, 21 * PAGE, 22 * PAGE - 1, &span));
	end();
}

TEST(the_last_before_an_address_is_found_whether_it_reaches_it_or_not)
{
	struct span span = { .start = 0 };

	start();
	EXPECT_EQ(spans_add(&s, 10, 19, 0), 0);
	EXPECT_EQ(spans_add(&s, 30, 39, 0), 0);
	EXPECT(!spans_find_last(&s, 9, &span));
	EXPECT(spans_find_last(&s, 10, &span) && span.start == 10);
	EXPECT(spans_find_last(&s, 29, &span) && span.start == 10);
	EXPECT(spans_find_last(&s, 30, &span) && span.start == 30);
	EXPECT(spans_find_last(&s, TOP, &span) && span.start == 30);
	end();
}

TEST(neighbours_that_touch_are_two_spans)
{
	start();
	EXPECT_EQ(spans_add(&s, 0x1000, 0x1fff, 0), 0);
	EXPECT_EQ(spans_add(&s, 0x3000, 0x3fff, 0), 0);
	EXPECT_EQ(spans_add(&s, 0x2000, 0x2fff, 0), 0);
	EXPECT_STR(text(), "1000-1fff 2000-2fff 3000-3fff");
	end();
}

TEST(what_overlaps_is_refused_and_nothing_changes)
{
	start();
	EXPECT_EQ(spans_add(&s, 10, 19, 0), 0);
	EXPECT_EQ(spans_add(&s, 0, 10, 0), -EEXIST);
	EXPECT_EQ(spans_add(&s, 19, 30, 0), -EEXIST);
	EXPECT_EQ(spans_add(&s, 12, 15, 0), -EEXIST);
	EXPECT_EQ(spans_add(&s, 0, TOP, 0), -EEXIST);
	EXPECT_EQ(spans_add(&s, 10, 19, 0), -EEXIST);
	EXPECT_STR(text(), "a-13");
	end();
}

TEST(a_span_that_begins_in_the_next_leaf_is_overlapped_too)
{
	struct span span = { .start = 0 };

	start();
	fill(2000);
	/* Behind every single one, so also behind the last of each leaf. */
	for (unsigned i = 0; i < 1999; i++) {
		uintptr_t first = (2 * i + 1) * PAGE;

		EXPECT_EQ(spans_add(&s, first, first + PAGE, 0), -EEXIST);
		EXPECT(spans_find(&s, first, first + PAGE, &span));
		EXPECT_EQ(span.start, first + PAGE);
	}
	end();
}

TEST(the_first_and_the_last_address_are_addresses_like_any_other)
{
	struct span span = { .start = 1 };

	start();
	EXPECT_EQ(spans_add(&s, TOP, TOP, 2), 0);
	EXPECT(!spans_find(&s, 0, 0, &span));
	EXPECT_EQ(spans_add(&s, 0, 0, 1), 0);
	EXPECT(spans_find(&s, 0, 0, &span) && span.value == 1);
	EXPECT(spans_find(&s, TOP, TOP, &span) && span.value == 2);
	EXPECT(spans_find(&s, 1, TOP, &span) && span.value == 2);
	EXPECT(!spans_find(&s, 1, TOP - 1, &span));
	EXPECT_EQ(spans_add(&s, TOP, TOP, 0), -EEXIST);
	EXPECT_EQ(spans_add(&s, 1, TOP, 0), -EEXIST);
	EXPECT_EQ(spans_add(&s, 1, TOP - 1, 3), 0);
	EXPECT_STR(text(), "0-0 1-fffffffffffffffe ffffffffffffffff-ffffffffffffffff");
	spans_remove(&s, 0);
	spans_remove(&s, TOP);
	EXPECT_STR(text(), "1-fffffffffffffffe");
	end();
}

TEST(one_span_can_be_all_addresses)
{
	struct span span = { .start = 1 };

	start();
	EXPECT_EQ(spans_add(&s, 0, TOP, 5), 0);
	EXPECT(spans_find(&s, 0x1234, 0x1234, &span) && span.last == TOP);
	EXPECT_EQ(gap(0, TOP, 1, 0), 0xbad);
	spans_trim(&s, 0, 1, TOP);
	EXPECT_EQ(gap(0, TOP, 1, 0), 0);
	end();
}

TEST(the_highest_address_is_told_from_places_that_are_not_in_use)
{
	struct span span = { .start = 0 };

	start();
	for (unsigned i = 0; i < 300; i++) {
		EXPECT_EQ(spans_add(&s, i, i, 0), 0);
		EXPECT(!spans_find(&s, TOP, TOP, &span));
		EXPECT(spans_find_last(&s, TOP, &span) && span.start == i);
	}
	EXPECT_EQ(spans_add(&s, TOP, TOP, 9), 0);
	EXPECT(spans_find(&s, TOP, TOP, &span) && span.value == 9);
	spans_remove(&s, TOP);
	EXPECT(!spans_find(&s, TOP, TOP, &span));
	end();
}

TEST(removing_all_in_any_order_leaves_nothing)
{
	start();
	for (unsigned step = 1; step < 2000; step += 666) {
		fill(2000);
		for (unsigned i = 0; i < 2000; i++)
			spans_remove(&s, 2 * (i * step % 2000) * PAGE);
		EXPECT_EQ(spans_count(&s), 0);
		EXPECT_STR(text(), "");
		EXPECT(spans_check(&s));
	}
	end();
}

TEST(trimming_moves_either_bound_as_far_as_the_neighbours)
{
	struct span span = { .value = 0 };

	start();
	EXPECT_EQ(spans_add(&s, 10, 19, 0), 0);
	EXPECT_EQ(spans_add(&s, 30, 39, 6), 0);
	EXPECT_EQ(spans_add(&s, 50, 59, 0), 0);
	spans_trim(&s, 30, 35, 36);
	EXPECT_STR(text(), "a-13 23-24 32-3b");
	spans_trim(&s, 35, 20, 49);
	EXPECT_STR(text(), "a-13 14-31 32-3b");
	EXPECT(spans_find(&s, 25, 25, &span) && span.value == 6);
	spans_trim(&s, 10, 0, 0);
	spans_trim(&s, 50, TOP, TOP);
	EXPECT_STR(text(), "0-0 14-31 ffffffffffffffff-ffffffffffffffff");
	end();
}

TEST(setting_changes_the_value_alone)
{
	struct span span = { .value = 0 };

	start();
	fill(100);
	spans_set(&s, 20 * PAGE, 1234);
	EXPECT(spans_find(&s, 20 * PAGE, 20 * PAGE, &span) && span.value == 1234);
	EXPECT(spans_find(&s, 18 * PAGE, 18 * PAGE, &span) && span.value == 9);
	EXPECT(spans_find(&s, 22 * PAGE, 22 * PAGE, &span) && span.value == 11);
	end();
}

/* ---- gaps ------------------------------------------------------------------------------- */

TEST(in_an_empty_set_the_gap_begins_where_the_search_does)
{
	start();
	EXPECT_EQ(gap(0, TOP, 1, 0), 0);
	EXPECT_EQ(gap(5, TOP, 1, 0), 5);
	EXPECT_EQ(gap(5, TOP, 1, 12), 0x1000);
	EXPECT_EQ(gap(0, TOP, TOP, 0), 0);
	EXPECT_EQ(gap(1, TOP, TOP, 0), 1);
	EXPECT_EQ(gap(2, TOP, TOP, 0), 0xbad);
	EXPECT_EQ(gap(TOP, TOP, 1, 0), (uintptr_t)TOP);
	end();
}

TEST(the_lowest_gap_that_is_large_enough_is_found)
{
	start();
	EXPECT_EQ(spans_add(&s, 10, 19, 0), 0);
	EXPECT_EQ(spans_add(&s, 25, 29, 0), 0);
	EXPECT_EQ(spans_add(&s, 40, 49, 0), 0);
	EXPECT_EQ(gap(0, TOP, 10, 0), 0);
	EXPECT_EQ(gap(0, TOP, 11, 0), 50);
	EXPECT_EQ(gap(1, TOP, 10, 0), 30);
	EXPECT_EQ(gap(1, TOP, 5, 0), 1);
	EXPECT_EQ(gap(6, TOP, 5, 0), 20);
	EXPECT_EQ(gap(12, TOP, 6, 0), 30);
	EXPECT_EQ(gap(21, TOP, 4, 0), 21);
	EXPECT_EQ(gap(22, TOP, 4, 0), 30);
	end();
}

TEST(the_last_byte_of_a_gap_may_be_the_limit_and_not_one_more)
{
	start();
	EXPECT_EQ(spans_add(&s, 0, 99, 0), 0);
	EXPECT_EQ(gap(0, 109, 10, 0), 100);
	EXPECT_EQ(gap(0, 108, 10, 0), 0xbad);
	EXPECT_EQ(gap(0, 99, 1, 0), 0xbad);
	EXPECT_EQ(gap(0, 50, 1, 0), 0xbad);
	EXPECT_EQ(gap(120, 110, 1, 0), 0xbad);
	EXPECT_EQ(gap(0, TOP, TOP - 99, 0), 100);
	EXPECT_EQ(gap(0, TOP, TOP - 98, 0), 0xbad);
	end();
}

TEST(a_search_never_wraps_around)
{
	start();
	EXPECT_EQ(spans_add(&s, TOP - 9, TOP - 5, 0), 0);
	EXPECT_EQ(gap(TOP - 20, TOP, 5, 0), TOP - 20);
	EXPECT_EQ(gap(TOP - 12, TOP, 5, 0), TOP - 4);
	EXPECT_EQ(gap(TOP - 12, TOP, 6, 0), 0xbad);
	EXPECT_EQ(gap(TOP - 12, TOP, 4, 12), 0xbad);
	EXPECT_EQ(gap(1, TOP, 1, 63), UINT64_C(1) << 63);
	EXPECT_EQ(gap((UINT64_C(1) << 63) + 1, TOP, 1, 63), 0xbad);
	EXPECT_EQ(spans_add(&s, TOP - 2, TOP, 0), 0);
	EXPECT_EQ(gap(TOP - 9, TOP, 2, 0), TOP - 4);
	EXPECT_EQ(gap(TOP - 9, TOP, 3, 0), 0xbad);
	end();
}

TEST(no_size_and_no_such_alignment_find_nothing)
{
	start();
	EXPECT_EQ(gap(0, TOP, 0, 0), 0xbad);
	EXPECT_EQ(gap(0, TOP, 1, 64), 0xbad);
	EXPECT_EQ(gap(0, TOP, 1, UINT32_MAX), 0xbad);
	end();
}

TEST(a_gap_is_found_at_every_alignment)
{
	start();
	/* Free: what is between the spans, from 0x1001 to just below the next power of two. */
	for (unsigned bits = 13; bits < 60; bits++) {
		uintptr_t here = UINT64_C(1) << bits;

		EXPECT_EQ(spans_add(&s, here, here + 0x1000, 0), 0);
	}
	EXPECT_EQ(spans_add(&s, 0, 0x1000, 0), 0);
	for (unsigned bits = 13; bits < 58; bits++) {
		uintptr_t here = UINT64_C(1) << bits;

		/* The lowest multiple that is free: three times, for one and two are taken. */
		EXPECT_EQ(gap(0, TOP, here, bits), 3 * here);
		EXPECT_EQ(gap(0, TOP, here + 1, bits), 5 * here);
		EXPECT_EQ(gap(0, TOP, 1, bits), 3 * here);
	}
	end();
}

TEST(a_gap_is_found_as_it_changes_wherever_it_is_in_a_leaf)
{
	start();
	fill(3000);
	for (unsigned i = 1; i < 2999; i++) {
		uintptr_t at = 2 * i * PAGE;

		spans_trim(&s, at, at, at);
		EXPECT_EQ(gap(0, TOP, 2 * PAGE - 1, 0), at + 1);
		spans_trim(&s, at, at + PAGE - 1, at + PAGE - 1);
		EXPECT_EQ(gap(0, TOP, 2 * PAGE - 1, 0), at - PAGE);
		spans_remove(&s, at + PAGE - 1);
		EXPECT_EQ(gap(0, TOP, 3 * PAGE, 12), at - PAGE);
		EXPECT_EQ(gap(0, TOP, 2 * PAGE, 13), at);
		EXPECT_EQ(gap(0, TOP, 3 * PAGE + 1, 12), 5999 * PAGE);
		EXPECT(i % 16 || spans_check(&s));
		EXPECT_EQ(spans_add(&s, at, at + PAGE - 1, i), 0);
		EXPECT_EQ(gap(0, TOP, 1, 13), 6000 * PAGE);
	}
	end();
}

/* The fastest of many, so that what else runs here does not count. */
static uint64_t search_time(uintptr_t size, unsigned align)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 300; i++) {
		uint64_t begin = clock_now();

		for (unsigned k = 0; k < 20; k++)
			(void)gap(1, TOP, size, align);
		begin = clock_now() - begin;
		best = begin < best ? begin : best;
	}
	return best;
}

/*
 * Every gap has the size that is searched, and none but the one behind them all at the
 * alignment: walking past them would take a hundred times as long if they are a hundred times
 * as many.
 */
static void expect_no_walk(unsigned align)
{
	uintptr_t step = UINT64_C(1) << align;
	uint64_t few = 0, many;

	start();
	for (unsigned i = 0; i < 100000; i++) {
		/* Free: a page and the half of a step behind it, with no multiple of it. */
		uintptr_t at = (1 + i) * step - PAGE;

		EXPECT_EQ(spans_add(&s, at, at + step / 2 + PAGE - 1, 0), 0);
		if (i == 1000)
			few = search_time(PAGE, align);
	}
	many = search_time(PAGE, align);
	EXPECT_EQ(gap(1, TOP, PAGE, align), 100001 * step);
	EXPECT(many < 20 * few);
	end();
}

TEST_SLOW(gaps_with_the_size_but_not_the_alignment_are_not_walked_past, 60)
{
	expect_no_walk(14);
	expect_no_walk(16);
	expect_no_walk(21);
	expect_no_walk(30);
}

/* ---- memory ----------------------------------------------------------------------------- */

TEST(coming_and_going_does_not_grow_the_memory)
{
	size_t most;

	start();
	fill(3000);
	most = spans_bytes(&s);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 3000; i++)
			spans_remove(&s, 2 * ((i * 7 + round) % 3000) * PAGE);
		EXPECT_EQ(spans_count(&s), 0);
		fill(3000);
		EXPECT_EQ(spans_bytes(&s), most);
	}
	end();
}

TEST(nodes_that_empty_are_merged)
{
	size_t leaves;

	start();
	fill(32 * 32 * 3);
	leaves = s.nodes[0];
	/* Of every ten, nine go: so must most of the leaves. */
	for (unsigned i = 0; i < 32 * 32 * 3; i++)
		if (i % 10)
			spans_remove(&s, 2 * i * PAGE);
	EXPECT(s.nodes[0] <= leaves / 3);
	EXPECT(spans_check(&s));
	end();
}

TEST(an_addition_without_memory_changes_nothing)
{
	uintptr_t at = 0;
	unsigned failed = 0;

	start();
	for (unsigned i = 0; i < 5000; i++, at += 10) {
		size_t count = spans_count(&s), bytes = spans_bytes(&s);

		EXPECT_EQ(fault_arm("spans.pool.alloc=e12@*"), 0);
		if (spans_add(&s, at, at + 4, i) == -ENOMEM) {
			failed++;
			EXPECT_EQ(spans_count(&s), count);
			EXPECT_EQ(spans_bytes(&s), bytes);
			EXPECT(spans_check(&s));
			EXPECT_EQ(fault_arm(NULL), 0);
			EXPECT_EQ(spans_add(&s, at, at + 4, i), 0);
		}
	}
	EXPECT_EQ(fault_arm(NULL), 0);
#ifdef TRACT_FAULTS
	EXPECT(failed > 10);
#endif
	EXPECT_EQ(spans_count(&s), 5000);
	end();
}

TEST(what_was_reserved_cannot_fail_whatever_happens_meanwhile)
{
	start();
	for (unsigned many = 1; many < 2500; many *= 3) {
		uintptr_t top = many * UINT64_C(1000000);

		for (unsigned i = 0; i < 700; i++)
			EXPECT_EQ(spans_add(&s, top + i * 100, top + i * 100 + 9, 0), 0);
		EXPECT_EQ(spans_reserve(&s, many), 0);
		EXPECT_EQ(fault_arm("spans.pool.alloc=e12@*"), 0);
		for (unsigned i = 0; i < many; i++) {
			uintptr_t at = top + i * 37 % 700 * 100 + 10 + i / 700;

			EXPECT_EQ(spans_add(&s, at, at, 0), 0);
			if (i < 700 && i % 2)
				spans_remove(&s, top + i * 100);
		}
		EXPECT_EQ(fault_arm(NULL), 0);
		EXPECT(spans_check(&s));
	}
	end();
}

TEST(a_failing_reservation_changes_nothing)
{
	start();
	fill(1000);
	EXPECT_EQ(fault_arm("spans.pool.alloc=e12@*"), 0);
	EXPECT(spans_reserve(&s, 5000) == -ENOMEM || spans_bytes(&s) > 5000 * 24);
	EXPECT_EQ(fault_arm(NULL), 0);
	EXPECT_EQ(spans_count(&s), 1000);
	end();
}

/* ---- the check -------------------------------------------------------------------------- */

static void expect_noticed(uintptr_t *word)
{
	*word += PAGE;
	EXPECT(!spans_check(&s));
	*word -= PAGE;
	EXPECT(spans_check(&s));
}

TEST(the_check_notices_what_is_wrong)
{
	struct path p;

	start();
	fill(3000);
	path_to(&s, 3000 * PAGE, &p);
	EXPECT_EQ(p.height, 2);
	expect_noticed(&path_leaf(&p)->floor);
	for (unsigned row = 0; row < ROWS; row++)
		expect_noticed(room_kept(&p, 2, row));
	for (unsigned row = 0; row < ROWS_LOW; row++)
		expect_noticed(room_kept(&p, 1, row));
	expect_noticed(&s.count);
	expect_noticed(&s.nodes[0]);
	expect_noticed(&s.pool[0].ready);
	for (unsigned level = 1; level <= 2; level++) {
		_Atomic uintptr_t *key = &path_inner(&p, level)->key[p.at[level]];
		uintptr_t was = load(key);

		store(key, was + 1);
		EXPECT(!spans_check(&s));
		store(key, was);
	}
	end();
}

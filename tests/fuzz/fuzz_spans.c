/* SPDX-License-Identifier: MIT */
/*
 * fuzz_spans.c - no sequence of changes makes a set of spans differ from a sorted array
 *
 * An input is a script of six-byte steps: what is done, a shift, and two numbers that give
 * addresses at the bottom, at the top or in between.  After every step the set is whole and
 * has answered as the array does.
 */
#include "fuzz.h"

#include <errno.h>

#include "map/spans_naive.h"

#define STEP_SIZE 6u
#define STEPS_MAX 600u

struct script {
	struct spans spans;
	struct naive naive;
};

/* Small ones are dense, so that spans meet; a quarter counts down from the last address. */
static uintptr_t address(const uint8_t *number, unsigned shift)
{
	uintptr_t x = number[0] | (uintptr_t)(number[1] & 0x3f) << 8;

	switch (number[1] >> 6) {
	case 0:
		return x;
	case 1:
		return UINTPTR_MAX - x;
	case 2:
		return x << 12;
	default:
		return x << shift;
	}
}

static void add(struct script *script, uintptr_t first, uintptr_t last, unsigned repeat)
{
	uintptr_t size = last - first;

	/* One after the other with a gap after each, so that a short input fills many nodes. */
	for (unsigned i = 0; i < repeat; i++) {
		uint64_t value = first ^ i;

		FUZZ_EXPECT(spans_add(&script->spans, first, last, value) ==
			    naive_add(&script->naive, first, last, value));
		if (size > UINT32_MAX || last > UINTPTR_MAX / 2)
			return;
		first += 2 * (size + 1) + (i & 1);
		last = first + size;
	}
}

/* Of the spans from an address on, this many. */
static void remove_some(struct script *script, uintptr_t first, unsigned repeat)
{
	struct span span;

	for (unsigned i = 0; i < repeat; i++) {
		if (!naive_find(&script->naive, first, UINTPTR_MAX, &span))
			return;
		spans_remove(&script->spans, span.start);
		naive_remove(&script->naive, span.start);
	}
}

/* The one at or after @first gets bounds near @to, if nothing is in the way. */
static void trim(struct script *script, uintptr_t first, uintptr_t to, unsigned length)
{
	struct span span, other;

	if (!naive_find(&script->naive, first, UINTPTR_MAX, &span) || to > UINTPTR_MAX - length)
		return;
	if (naive_find_last(&script->naive, to + length, &other) && other.start > span.start)
		return;
	if (span.start > 0 && naive_find_last(&script->naive, span.start - 1, &other) &&
	    other.last >= to)
		return;
	spans_trim(&script->spans, span.start, to, to + length);
	naive_trim(&script->naive, span.start, to, to + length);
	spans_set(&script->spans, to, length);
	naive_set(&script->naive, to, length);
}

static void ask(struct script *script, uintptr_t first, uintptr_t last)
{
	struct span ours = { .start = 0 }, theirs = { .start = 0 };
	bool found = spans_find(&script->spans, first, last, &ours);

	FUZZ_EXPECT(found == naive_find(&script->naive, first, last, &theirs));
	FUZZ_EXPECT(ours.start == theirs.start && ours.last == theirs.last);
	found = spans_find_last(&script->spans, first, &ours);
	FUZZ_EXPECT(found == naive_find_last(&script->naive, first, &theirs));
	FUZZ_EXPECT(ours.start == theirs.start && ours.value == theirs.value);
}

static void search(struct script *script, uintptr_t from, uintptr_t size, unsigned align,
		   uintptr_t limit)
{
	uintptr_t ours = 0, theirs = 0;
	bool found = spans_gap(&script->spans, from, limit, size, align, &ours);

	FUZZ_EXPECT(found == naive_gap(&script->naive, from, limit, size, align, &theirs));
	FUZZ_EXPECT(ours == theirs);
}

static void take_step(struct script *script, const uint8_t *step)
{
	uintptr_t a = address(step + 2, step[1] & 63), b = address(step + 4, step[1] & 63);
	uintptr_t first = a < b ? a : b, last = a < b ? b : a;

	switch (step[0] & 7) {
	case 0:
		add(script, a, a + (b & 0xffff) < a ? a : a + (b & 0xffff), 1);
		break;
	case 1:
		add(script, first, last, 1);
		break;
	case 2:
		add(script, a, a + step[4] < a ? a : a + step[4], step[0] >> 3);
		break;
	case 3:
		remove_some(script, a, 1 + (step[0] >> 3));
		break;
	case 4:
		trim(script, a, b, step[1]);
		break;
	case 5:
		ask(script, first, last);
		break;
	case 6:
		search(script, a, b, step[1] & 63, UINTPTR_MAX);
		break;
	default:
		search(script, 0, step[1], step[0] >> 3, last);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = { .naive.count = 0 };

	spans_init(&script.spans);
	for (size_t i = 0; i < STEPS_MAX && size >= STEP_SIZE; i++) {
		take_step(&script, data);
		FUZZ_EXPECT(spans_check(&script.spans));
		data += STEP_SIZE;
		size -= STEP_SIZE;
	}
	FUZZ_EXPECT(naive_compare(&script.naive, &script.spans) == NULL);
	spans_deinit(&script.spans);
	naive_deinit(&script.naive);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "map/spans_naive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void naive_deinit(struct naive *n)
{
	free(n->span);
	*n = (struct naive){ .count = 0 };
}

size_t naive_place(const struct naive *n, uintptr_t start)
{
	size_t low = 0, high = n->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (n->span[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void make_room(struct naive *n)
{
	if (n->count < n->room)
		return;
	n->room = n->room ? 2 * n->room : 64;
	n->span = realloc(n->span, n->room * sizeof(*n->span));
	if (!n->span)
		abort();
}

int naive_add(struct naive *n, uintptr_t start, uintptr_t last, uint64_t value)
{
	size_t i = naive_place(n, start);

	if (i < n->count && n->span[i].start <= last)
		return -EEXIST;
	if (i > 0 && n->span[i - 1].last >= start)
		return -EEXIST;
	make_room(n);
	(void)memmove(&n->span[i + 1], &n->span[i], (n->count - i) * sizeof(*n->span));
	n->span[i] = (struct span){ .start = start, .last = last, .value = value };
	n->count++;
	return 0;
}

void naive_remove(struct naive *n, uintptr_t start)
{
	size_t i = naive_place(n, start);

	n->count--;
	(void)memmove(&n->span[i], &n->span[i + 1], (n->count - i) * sizeof(*n->span));
}

void naive_trim(struct naive *n, uintptr_t start, uintptr_t new_start, uintptr_t new_last)
{
	struct span *span = &n->span[naive_place(n, start)];

	span->start = new_start;
	span->last = new_last;
}

void naive_set(struct naive *n, uintptr_t start, uint64_t value)
{
	n->span[naive_place(n, start)].value = value;
}

bool naive_find(const struct naive *n, uintptr_t first, uintptr_t last, struct span *ret)
{
	size_t i = naive_place(n, first);

	if (i > 0 && n->span[i - 1].last >= first)
		i--;
	if (i == n->count || n->span[i].start > last)
		return false;
	*ret = n->span[i];
	return true;
}

bool naive_find_last(const struct naive *n, uintptr_t before, struct span *ret)
{
	size_t i = naive_place(n, before);

	if (i < n->count && n->span[i].start == before)
		i++;
	if (i == 0)
		return false;
	*ret = n->span[i - 1];
	return true;
}

/* The next multiple of 1 << @align; false if there is none. */
static bool round_up(uintptr_t x, unsigned align, uintptr_t *ret)
{
	uintptr_t step = (uintptr_t)1 << align, over = x % step;

	if (over > 0 && UINTPTR_MAX - x < step - over)
		return false;
	*ret = over > 0 ? x + (step - over) : x;
	return true;
}

bool naive_gap(const struct naive *n, uintptr_t from, uintptr_t limit, uintptr_t size,
	       unsigned align, uintptr_t *ret)
{
	size_t i = naive_place(n, from);
	uintptr_t x;

	if (size == 0 || align > 63 || !round_up(from, align, &x))
		return false;
	i -= i > 0;
	for (;;) {
		if (x > limit || size - 1 > limit - x)
			return false;
		while (i < n->count && n->span[i].last < x)
			i++;
		if (i == n->count || n->span[i].start > x + (size - 1))
			break;
		if (n->span[i].last == UINTPTR_MAX || !round_up(n->span[i].last + 1, align, &x))
			return false;
	}
	*ret = x;
	return true;
}

const char *naive_compare(const struct naive *n, const struct spans *s)
{
	struct span span = { 0 };
	uintptr_t from = 0;

	if (spans_count(s) != n->count)
		return "the number of spans";
	for (size_t i = 0; i < n->count; i++) {
		if (!spans_find(s, from, UINTPTR_MAX, &span))
			return "a span is not found";
		if (span.start != n->span[i].start || span.last != n->span[i].last ||
		    span.value != n->span[i].value)
			return "a span is not as it was made";
		from = span.last + 1;
	}
	if ((n->count == 0 || from > 0) && spans_find(s, from, UINTPTR_MAX, &span))
		return "a span too many";
	return NULL;
}

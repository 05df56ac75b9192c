/* SPDX-License-Identifier: MIT */
#include "chance.h"

#include <stdlib.h>

static uint64_t state = 1;

uint64_t chance_below(uint64_t limit)
{
	uint64_t x = state += UINT64_C(0xd1342543de82ef95);

	x = (x ^ (x >> 32)) * UINT64_C(0xdaba0b6eb09322e3);
	return (x ^ (x >> 32)) % limit;
}

int chance_compare(const void *a, const void *b)
{
	const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

void chance_scatter(uintptr_t *ret, size_t count, uintptr_t floor, uint64_t pages,
		    uintptr_t page)
{
	for (size_t i = 0; i < count; i++)
		ret[i] = floor + (1 + chance_below(pages)) * page;
	qsort(ret, count, sizeof(*ret), chance_compare);
	for (size_t i = 1; i < count; i++)
		if (ret[i] <= ret[i - 1])
			ret[i] = ret[i - 1] + page;
}

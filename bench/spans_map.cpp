// SPDX-License-Identifier: MIT
#include "spans_map.h"

#include <map>
#include <new>

namespace
{
struct span {
	uintptr_t last;
	uint64_t value;
};

std::map<uintptr_t, span> spans;
size_t at; // what is asked next: every turn goes on where the last one ended
} // namespace

int map_fill(const uintptr_t *start, const uintptr_t *last, size_t count)
try {
	spans.clear();
	for (size_t i = 0; i < count; i++)
		spans.emplace(start[i], span{ last[i], i });
	return 0;
} catch (const std::bad_alloc &) {
	return -1;
}

uintptr_t map_find(const uintptr_t *address, size_t count, size_t times, int waiting)
{
	uintptr_t sum = 0, value = 0;

	for (size_t i = 0; i < times; i++) {
		/* Values are small: adding their highest bit only makes it wait. */
		auto found =
			spans.upper_bound(address[at++ % count] + (waiting ? value >> 63 : 0));

		value = found == spans.end() ? 0 : found->second.value;
		sum += value;
	}
	return sum;
}

void map_change(const uintptr_t *start, size_t count, size_t times)
try {
	for (size_t i = 0; i < times; i++) {
		uintptr_t here = start[at++ % count];
		auto added = spans.emplace(here, span{ here, i });

		spans.erase(added.first);
	}
} catch (const std::bad_alloc &) {
	return;
}

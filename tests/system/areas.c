/* SPDX-License-Identifier: MIT */
#include "areas.h"

int reserve_at(const void *at, size_t size, uint32_t flags, uint8_t tag)
{
	void *there = (void *)(uintptr_t)at;
	int r = tract_map_reserve(OWN, &there, size, flags | FIXED, 0, tag);

	EXPECT(there == at);
	land_check();
	return r;
}

char *room(size_t pages)
{
	char *at = land_area(pages, 0);

	EXPECT_EQ(tract_map_release(OWN, at), 0);
	EXPECT(land_is_free(at, pages));
	return at;
}

int attach_in_area(void *at, size_t pages)
{
	void *there = at;

	return attach(&there, .size = pages * PAGE, .flags = IN_AREA | TRACT_ATTACH_ANONYMOUS);
}

void expect_area(const void *at, const void *start, size_t size, uint8_t tag)
{
	struct tract_span span;

	EXPECT_EQ(tract_map_find(OWN, at, 1, &span), 0);
	EXPECT_EQ(span.kind, TRACT_SPAN_AREA);
	EXPECT(span.start == start);
	EXPECT_EQ(span.size, size);
	EXPECT_EQ(span.tag, tag);
}

void expect_refused(void *from, size_t size, uint32_t flags, uint32_t align, int wanted)
{
	unsigned before = land_count();
	void *at = from;

	EXPECT_EQ(tract_map_reserve(OWN, &at, size, flags, align, 0), wanted);
	EXPECT(at == from);
	EXPECT_EQ(land_count(), before);
	land_check();
}

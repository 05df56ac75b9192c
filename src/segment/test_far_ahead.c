/* SPDX-License-Identifier: MIT */
#include "segment/far_ahead.h"

#include "test.h"

#define FIRST ((size_t)4)
#define MOST ((size_t)256)

static struct far_ahead fresh(void)
{
	return (struct far_ahead){ .first = FIRST, .most = MOST };
}

TEST(a_page_out_of_nowhere_brings_a_few)
{
	struct far_ahead ahead = fresh();
	size_t next = 9;

	EXPECT_EQ(far_ahead_touch(&ahead, 1000, &next), FIRST);
	EXPECT_EQ(next, 0);
	/* Backwards, and far away. */
	EXPECT_EQ(far_ahead_touch(&ahead, 900, &next), FIRST);
	EXPECT_EQ(far_ahead_touch(&ahead, 5000, &next), FIRST);
	EXPECT_EQ(next, 0);
}

TEST(going_on_brings_four_times_as_many_up_to_the_most)
{
	struct far_ahead ahead = fresh();
	size_t page = 7, next, run, expected = FIRST;

	run = far_ahead_touch(&ahead, page, &next);
	for (unsigned i = 0; i < 20; i++) {
		EXPECT_EQ(run, expected);
		page += run;
		run = far_ahead_touch(&ahead, page, &next);
		expected = expected * 4 < MOST ? expected * 4 : MOST;
		EXPECT_EQ(next, expected * 4 < MOST ? expected * 4 : MOST);
	}
}

TEST(what_is_likely_next_is_what_is_brought_then)
{
	struct far_ahead ahead = fresh();
	size_t page = 0, next = 0, run;

	for (unsigned i = 0; i < 20; i++) {
		size_t promised = next;

		run = far_ahead_touch(&ahead, page, &next);
		EXPECT(promised == 0 || run == promised);
		page += run;
	}
}

/* A stretch of a gigabyte takes a touch for each of the largest runs, and a few. */
TEST(a_long_way_takes_few_touches)
{
	const size_t pages = (size_t)1 << 18;
	struct far_ahead ahead = fresh();
	size_t page = 0, next, touches = 0;

	while (page < pages) {
		page += far_ahead_touch(&ahead, page, &next);
		touches++;
	}
	EXPECT(touches <= pages / MOST + 7);
}

/* As one who goes through @pages from @start on.  Returns how many touches that takes. */
static unsigned go_through(struct far_ahead *ahead, size_t start, size_t pages)
{
	unsigned touches = 0;
	size_t next;

	for (size_t page = start; page < start + pages; touches++)
		page += far_ahead_touch(ahead, page, &next);
	return touches;
}

TEST(who_begins_again_is_likely_to_go_as_far_as_the_last_time)
{
	struct far_ahead ahead = fresh();
	size_t next;

	EXPECT(go_through(&ahead, 50, MOST / 2) > 2);
	EXPECT_EQ(far_ahead_touch(&ahead, 50, &next), FIRST);
	EXPECT(next >= MOST / 2 - FIRST && next <= MOST);
	EXPECT(far_ahead_touch(&ahead, 50 + FIRST, &next) >= MOST / 2 - FIRST);
	/* And once more. */
	for (unsigned i = 0; i < 5; i++)
		EXPECT_EQ(go_through(&ahead, 50, MOST / 2), 2);
}

TEST(who_begins_again_and_does_not_go_on_is_not_believed_again)
{
	struct far_ahead ahead = fresh();
	size_t next;

	(void)go_through(&ahead, 50, MOST / 2);
	EXPECT_EQ(far_ahead_touch(&ahead, 50, &next), FIRST);
	EXPECT(next > 0);
	for (unsigned i = 0; i < 5; i++) {
		EXPECT_EQ(far_ahead_touch(&ahead, 50, &next), FIRST);
		EXPECT_EQ(next, 0);
	}
	/* Before it has shown that it does again. */
	EXPECT(go_through(&ahead, 50, MOST / 2) > 2);
	EXPECT_EQ(go_through(&ahead, 50, MOST / 2), 2);
}

TEST(who_begins_again_may_find_some_there_already)
{
	struct far_ahead ahead = fresh();
	size_t next;

	(void)go_through(&ahead, 50, MOST / 2);
	(void)far_ahead_touch(&ahead, 50, &next);
	EXPECT(far_ahead_touch(&ahead, 50 + 8 * FIRST, &next) >= MOST / 2 - 8 * FIRST);
}

TEST(streams_side_by_side_do_not_stop_each_other)
{
	size_t page[FAR_STREAMS], next;
	struct far_ahead ahead = fresh();

	for (size_t i = 0; i < FAR_STREAMS; i++)
		page[i] = i * 1000000;
	for (unsigned round = 0; round < 8; round++)
		for (size_t i = 0; i < FAR_STREAMS; i++) {
			size_t run = far_ahead_touch(&ahead, page[i], &next);

			EXPECT_EQ(run, FIRST << 2 * round < MOST ? FIRST << 2 * round : MOST);
			page[i] += run;
		}
}

TEST(the_stream_that_rests_longest_makes_room)
{
	struct far_ahead ahead = fresh();
	size_t next;

	for (size_t i = 0; i <= FAR_STREAMS; i++)
		(void)far_ahead_touch(&ahead, i * 1000, &next);
	/* The first is gone, the second is not. */
	EXPECT_EQ(far_ahead_touch(&ahead, 1000 + FIRST, &next), 4 * FIRST);
	EXPECT_EQ(far_ahead_touch(&ahead, FIRST, &next), FIRST);
}

/* Whatever is touched: never none, never more than the most, and none that does not grow. */
TEST(no_touch_brings_more_than_allowed)
{
	uint64_t seed = 1;

	for (size_t first = 1; first <= 8; first++)
		for (size_t most = first; most <= 64; most++) {
			struct far_ahead ahead = { .first = first, .most = most };

			for (unsigned i = 0; i < 200; i++) {
				size_t run, next;

				seed = seed * 6364136223846793005u + 1442695040888963407u;
				run = far_ahead_touch(&ahead, seed >> 56, &next);
				EXPECT(run >= first && run <= most);
				EXPECT(next == 0 || (next >= run && next <= most));
			}
		}
}

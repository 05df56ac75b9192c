/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <limits.h>

#include "test.h"

TEST(time_does_not_go_back)
{
	uint64_t before = clock_now();

	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_now();

		EXPECT(now >= before);
		before = now;
	}
}

TEST(the_tick_follows_the_time)
{
	uint64_t now = clock_now(), tick = clock_tick(), late = now + 200 * NS_PER_MS;

	EXPECT(tick <= clock_now());
	/* Once it is late the next tick has been. */
	while (now < late && clock_tick() == tick)
		now = clock_now();
	EXPECT(clock_tick() > tick);
}

TEST(a_negative_wait_is_for_ever)
{
	EXPECT(clock_deadline_ms(-1) == CLOCK_NEVER);
	EXPECT(clock_left(CLOCK_NEVER) == CLOCK_NEVER);
	EXPECT_EQ(clock_poll_ms(CLOCK_NEVER), -1);
}

TEST(a_wait_too_long_to_tell_is_for_ever)
{
	EXPECT(clock_deadline_ms(INT64_MAX) == CLOCK_NEVER);
	EXPECT(clock_deadline_ms((int64_t)(UINT64_MAX / NS_PER_MS)) == CLOCK_NEVER);
}

TEST(a_passed_deadline_leaves_nothing)
{
	EXPECT_EQ(clock_left(clock_now()), 0);
	EXPECT_EQ(clock_left(0), 0);
	EXPECT_EQ(clock_poll_ms(1), 0);
}

TEST(what_is_left_of_a_deadline_is_no_more_than_was_asked_for)
{
	uint64_t deadline = clock_deadline_ms(10000);

	EXPECT(clock_left(deadline) <= 10 * NS_PER_S);
	EXPECT(clock_left(deadline) > 9 * NS_PER_S);
	EXPECT(clock_poll_ms(deadline) <= 10000);
	EXPECT(clock_poll_ms(deadline) > 9000);
}

TEST(part_of_a_millisecond_is_waited_for)
{
	/* A poll of 0 would spin until the deadline. */
	for (int i = 0; i < 100; i++) {
		uint64_t deadline = clock_now() + NS_PER_S / 2;

		EXPECT(clock_poll_ms(deadline) >= 1);
	}
	EXPECT_EQ(clock_poll_ms(CLOCK_NEVER - 1), INT_MAX);
}

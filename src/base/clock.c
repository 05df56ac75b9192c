/* SPDX-License-Identifier: MIT */
/*
 * clock.c - monotonic time and deadlines
 *
 * A deadline too far away to be told in 64 bits of nanoseconds is CLOCK_NEVER.
 */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

#include "base/bytes.h"

uint64_t clock_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_tick(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

uint64_t clock_deadline_ms(int64_t ms)
{
	uint64_t wait, deadline;

	if (ms < 0 || !mul_fits((uint64_t)ms, NS_PER_MS, &wait) ||
	    !add_fits(clock_now(), wait, &deadline))
		return CLOCK_NEVER;
	return deadline;
}

uint64_t clock_left(uint64_t deadline)
{
	uint64_t now;

	if (deadline == CLOCK_NEVER)
		return CLOCK_NEVER;
	now = clock_now();
	return deadline > now ? deadline - now : 0;
}

int clock_poll_ms(uint64_t deadline)
{
	uint64_t left = clock_left(deadline);
	uint64_t ms;

	if (left == CLOCK_NEVER)
		return -1;
	ms = left / NS_PER_MS + (left % NS_PER_MS != 0);
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

void clock_sleep(uint64_t ns)
{
	struct timespec left = { .tv_sec = (time_t)(ns / NS_PER_S),
				 .tv_nsec = (long)(ns % NS_PER_S) };

	(void)nanosleep(&left, NULL);
}

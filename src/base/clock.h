/* SPDX-License-Identifier: MIT */
/*
 * clock.h - monotonic time and deadlines, in nanoseconds
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_NEVER UINT64_MAX
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

uint64_t clock_now(void);
/* The same as of some milliseconds ago at most; much cheaper. */
uint64_t clock_tick(void);
/* Seconds since the host started, its sleep included. */
uint64_t clock_seconds(void);
/* The moment @ms milliseconds from now; CLOCK_NEVER if @ms is negative. */
uint64_t clock_deadline_ms(int64_t ms);
/* Milliseconds until @deadline, rounded up, for poll(): -1 for never, 0 if it has passed. */
int clock_poll_ms(uint64_t deadline);
/* Nanoseconds until @deadline; 0 if it has passed; CLOCK_NEVER for never. */
uint64_t clock_left(uint64_t deadline);
/* For retries of what has no event to wait for. */
void clock_sleep(uint64_t ns);

#endif

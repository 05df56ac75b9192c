/* SPDX-License-Identifier: MIT */
/*
 * futex.c - sleep until a word in shared memory changes
 */
#include "sys/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define HOUR (3600 * NS_PER_S)

static int wait_until(_Atomic uint32_t *word, uint32_t expected, uint64_t moment)
{
	struct timespec until = { .tv_sec = (time_t)(moment / NS_PER_S),
				  .tv_nsec = (long)(moment % NS_PER_S) };

	if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, &until, NULL,
		    FUTEX_BITSET_MATCH_ANY) < 0)
		return -errno;
	return 0;
}

int futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline)
{
	int r;

	if (deadline != CLOCK_NEVER)
		return wait_until(word, expected, deadline);
	/* Without a time limit the kernel resumes the wait by itself after a handler that was
	 * installed with SA_RESTART, and the caller would never hear of the signal. */
	do
		r = wait_until(word, expected, clock_now() + HOUR);
	while (r == -ETIMEDOUT);
	return r;
}

void futex_wake(_Atomic uint32_t *word, int count)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

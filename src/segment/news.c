/* SPDX-License-Identifier: MIT */
/*
 * news.c - what the broker says of shared regions unasked
 *
 * It says that there is something to be asked for, never what: so an event that is late, or is
 * one for several things, loses nothing.  All threads that wait for anything of the kind are
 * woken, and those who find nothing sleep on.
 */
#include <errno.h>
#include <stdatomic.h>

#include "segment/shared.h"
#include "sys/futex.h"

static _Atomic uint32_t count;

void news_raise(void)
{
	atomic_fetch_add_explicit(&count, 1u, memory_order_release);
	futex_wake(&count, INT32_MAX);
}

uint32_t news_count(void)
{
	return atomic_load_explicit(&count, memory_order_acquire);
}

int news_wait(uint32_t seen, uint64_t deadline)
{
	return futex_wait(&count, seen, deadline) == -ETIMEDOUT ? -ETIMEDOUT : 0;
}

bool shared_on_event(struct session *session, const struct message *event, int *fd)
{
	if (event->number == MSG_shared_news) {
		news_raise();
		return true;
	}
	return shared_on_asked(session, event, fd);
}

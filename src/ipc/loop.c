/* SPDX-License-Identifier: MIT */
#include "ipc/loop.h"

#include <errno.h>

#include "base/clock.h"
#include "base/scope.h"

int loop_init(struct loop *loop)
{
	*loop = (struct loop){ .poll = -1, .spin = spin_for(0) };
	return event_poll_new(&loop->poll);
}

void loop_deinit(struct loop *loop)
{
	fd_scope_end(&loop->poll);
	loop->poll = -1;
}

static uint64_t tag_of(const struct loop_source *source)
{
	return (uint64_t)(uintptr_t)source;
}

int loop_add(struct loop *loop, struct loop_source *source, int fd, unsigned mask)
{
	int r = event_poll_add(loop->poll, fd, mask, tag_of(source));

	if (r < 0)
		return r;
	source->fd = fd;
	source->mask = mask;
	return 0;
}

int loop_change(struct loop *loop, struct loop_source *source, unsigned mask)
{
	int r;

	if (source->mask == mask)
		return 0;
	r = event_poll_change(loop->poll, source->fd, mask, tag_of(source));
	if (r < 0)
		return r;
	source->mask = mask;
	return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	if (source->fd < 0)
		return;
	event_poll_remove(loop->poll, source->fd);
	source->fd = -1;
	for (unsigned i = 0; i < loop->ready_count; i++)
		if (loop->ready[i].tag == tag_of(source))
			loop->ready[i].tag = 0;
}

static int look(struct loop *loop, int timeout_ms)
{
	return event_poll_wait(loop->poll, loop->ready, LOOP_BATCH, timeout_ms);
}

struct glance {
	struct loop *loop;
	int n;
};

static bool has_seen(void *arg)
{
	struct glance *glance = arg;

	glance->n = look(glance->loop, 0);
	return glance->n != 0;
}

static int wait_ready(struct loop *loop, uint64_t deadline)
{
	struct glance glance = { loop, 0 };
	uint64_t start, took;
	bool found;
	int n;

	if (spin_pays(&loop->spin)) {
		found = spin_until(loop->spin.ns, has_seen, &glance, &took);
		spin_looked(&loop->spin, found, took);
		if (found)
			return glance.n;
	}
	start = clock_now();
	n = look(loop, clock_poll_ms(deadline));
	spin_slept(&loop->spin, clock_now() - start);
	return n;
}

int loop_step(struct loop *loop)
{
	uint64_t deadline = loop->deadline ? loop->deadline(loop->arg) : CLOCK_NEVER;
	int n = wait_ready(loop, deadline);

	if (n < 0 && n != -EINTR)
		return n;
	loop->ready_count = n < 0 ? 0 : (unsigned)n;
	for (unsigned i = 0; i < loop->ready_count; i++) {
		/* A tag is the source's address; one that was removed meanwhile is 0. */
		struct loop_source *source = (void *)(uintptr_t)loop->ready[i].tag;

		if (source)
			source->ready(source->arg, loop->ready[i].mask);
	}
	loop->ready_count = 0;
	if (loop->turn)
		loop->turn(loop->arg);
	return 0;
}

int loop_run(struct loop *loop)
{
	while (!loop->stopped) {
		int r = loop_step(loop);

		if (r < 0)
			return r;
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

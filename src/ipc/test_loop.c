/* SPDX-License-Identifier: MIT */
#include "ipc/loop.h"

#include <unistd.h>

#include "base/clock.h"
#include "test.h"

struct pipe_end {
	struct loop *loop;
	struct loop_source source;
	struct pipe_end *other;
	int fds[2];
	unsigned calls;
	unsigned mask;
};

static void on_ready(void *arg, unsigned mask)
{
	struct pipe_end *end = arg;

	end->calls++;
	end->mask = mask;
	if (end->other)
		loop_remove(end->loop, &end->other->source);
}

static void end_up(struct loop *loop, struct pipe_end *end)
{
	*end = (struct pipe_end){ .loop = loop };
	EXPECT_EQ(event_pipe_new(end->fds), 0);
	end->source.ready = on_ready;
	end->source.arg = end;
	EXPECT_EQ(loop_add(loop, &end->source, end->fds[0], EVENT_IN), 0);
}

static void end_down(struct pipe_end *end)
{
	loop_remove(end->loop, &end->source);
	(void)close(end->fds[0]);
	(void)close(end->fds[1]);
}

TEST(a_ready_source_is_called)
{
	struct pipe_end end;
	struct loop loop;

	EXPECT_EQ(loop_init(&loop), 0);
	end_up(&loop, &end);
	event_pipe_fill(end.fds[1]);
	EXPECT_EQ(loop_step(&loop), 0);
	EXPECT_EQ(end.calls, 1);
	EXPECT(end.mask & EVENT_IN);
	end_down(&end);
	loop_deinit(&loop);
}

TEST(a_source_removed_while_others_are_called_is_not_called)
{
	struct pipe_end a, b;
	struct loop loop;

	EXPECT_EQ(loop_init(&loop), 0);
	end_up(&loop, &a);
	end_up(&loop, &b);
	a.other = &b;
	b.other = &a;
	event_pipe_fill(a.fds[1]);
	event_pipe_fill(b.fds[1]);
	EXPECT_EQ(loop_step(&loop), 0);
	EXPECT_EQ(a.calls + b.calls, 1);
	end_down(&a);
	end_down(&b);
	loop_deinit(&loop);
}

TEST(a_source_may_remove_itself)
{
	struct pipe_end a;
	struct loop loop;

	EXPECT_EQ(loop_init(&loop), 0);
	end_up(&loop, &a);
	a.other = &a;
	event_pipe_fill(a.fds[1]);
	EXPECT_EQ(loop_step(&loop), 0);
	EXPECT_EQ(a.calls, 1);
	EXPECT_EQ(a.source.fd, -1);
	end_down(&a);
	loop_deinit(&loop);
}

static uint64_t at_once(void *arg)
{
	(void)arg;
	return clock_now();
}

static void stop(void *arg)
{
	loop_stop(arg);
}

TEST(a_deadline_brings_a_turn)
{
	struct loop loop;

	EXPECT_EQ(loop_init(&loop), 0);
	loop.deadline = at_once;
	loop.turn = stop;
	loop.arg = &loop;
	EXPECT_EQ(loop_run(&loop), 0);
	EXPECT(loop.stopped);
	loop_deinit(&loop);
}

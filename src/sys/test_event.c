/* SPDX-License-Identifier: MIT */
#include "sys/event.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/scope.h"
#include "test.h"

struct pipe {
	int in, out;
};

static struct pipe pipe_new(void)
{
	int fds[2];

	EXPECT_EQ(event_pipe_new(fds), 0);
	return (struct pipe){ fds[0], fds[1] };
}

static void pipe_scope_end(struct pipe *p)
{
	fd_scope_end(&p->in);
	fd_scope_end(&p->out);
}

static int bytes_in(int fd)
{
	char bytes[70000];
	ssize_t size = read(fd, bytes, sizeof(bytes));

	return size < 0 ? -errno : (int)size;
}

TEST(what_is_ready_is_told_by_its_tag)
{
	scoped(pipe) struct pipe p = pipe_new(), q = pipe_new();
	scoped(fd) int poll = -1;
	struct event_ready ready[4];

	EXPECT_EQ(event_poll_new(&poll), 0);
	EXPECT_EQ(event_poll_add(poll, p.in, EVENT_IN, 77), 0);
	EXPECT_EQ(event_poll_add(poll, q.in, EVENT_IN, UINT64_MAX), 0);
	EXPECT_EQ(event_poll_wait(poll, ready, 4, 0), 0);
	event_pipe_fill(q.out);
	EXPECT_EQ(event_poll_wait(poll, ready, 4, -1), 1);
	EXPECT(ready[0].tag == UINT64_MAX);
	EXPECT_EQ(ready[0].mask, EVENT_IN);
	event_pipe_fill(p.out);
	EXPECT_EQ(event_poll_wait(poll, ready, 4, -1), 2);
	EXPECT_EQ(event_poll_wait(poll, ready, 1, -1), 1);
}

TEST(interest_can_change_and_end)
{
	scoped(pipe) struct pipe p = pipe_new();
	scoped(fd) int poll = -1;
	struct event_ready ready[4];

	EXPECT_EQ(event_poll_new(&poll), 0);
	EXPECT_EQ(event_poll_add(poll, p.out, EVENT_OUT, 1), 0);
	EXPECT_EQ(event_poll_wait(poll, ready, 4, -1), 1);
	EXPECT_EQ(ready[0].mask, EVENT_OUT);
	EXPECT_EQ(event_poll_change(poll, p.out, 0, 2), 0);
	EXPECT_EQ(event_poll_wait(poll, ready, 4, 0), 0);
	event_poll_remove(poll, p.out);
	EXPECT_EQ(event_poll_change(poll, p.out, EVENT_OUT, 2), -ENOENT);
}

TEST(the_end_is_told_even_to_who_did_not_ask)
{
	scoped(pipe) struct pipe p = pipe_new();
	scoped(fd) int poll = -1;
	struct event_ready ready[4];

	EXPECT_EQ(event_poll_new(&poll), 0);
	EXPECT_EQ(event_poll_add(poll, p.in, 0, 1), 0);
	(void)close(steal_fd(&p.out));
	EXPECT_EQ(event_poll_wait(poll, ready, 4, -1), 1);
	EXPECT_EQ(ready[0].mask, EVENT_HUP);
}

TEST(a_filled_pipe_is_readable_until_it_is_drained)
{
	scoped(pipe) struct pipe p = pipe_new();

	for (int i = 0; i < 3; i++)
		event_pipe_fill(p.out);
	event_pipe_drain(p.in);
	EXPECT_EQ(bytes_in(p.in), -EAGAIN);
	event_pipe_drain(p.in);
	event_pipe_fill(p.out);
	EXPECT_EQ(bytes_in(p.in), 1);
}

TEST(filling_and_draining_never_wait)
{
	scoped(pipe) struct pipe p = pipe_new();

	/* Another process may have made the shared description blocking. */
	EXPECT_EQ(fcntl(p.out, F_SETFL, 0), 0);
	EXPECT_EQ(fcntl(p.in, F_SETFL, 0), 0);
	EXPECT(fcntl(p.out, F_SETPIPE_SZ, 4096) > 0);
	for (int i = 0; i < 70000; i++)
		event_pipe_fill(p.out);
	EXPECT_EQ(bytes_in(p.in) > 0, 1);
	event_pipe_drain(p.in);
	event_pipe_drain(p.in);
}

static volatile sig_atomic_t pipe_signals;

static void count_signal(int signal)
{
	(void)signal;
	pipe_signals++;
}

TEST(filling_a_pipe_without_a_reader_raises_nothing)
{
	scoped(pipe) struct pipe p = pipe_new();
	sigset_t blocked;

	(void)signal(SIGPIPE, count_signal);
	(void)close(steal_fd(&p.in));
	event_pipe_fill(p.out);
	EXPECT_EQ(pipe_signals, 0);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	EXPECT_EQ(sigismember(&blocked, SIGPIPE), 0);
}

TEST(a_signal_can_be_read)
{
	scoped(fd) int fd = -1, poll = -1;
	struct event_ready ready[1];
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	EXPECT_EQ(event_signal_new(&set, &fd), 0);
	EXPECT_EQ(event_poll_new(&poll), 0);
	EXPECT_EQ(event_poll_add(poll, fd, EVENT_IN, 5), 0);
	EXPECT_EQ(event_poll_wait(poll, ready, 1, 0), 0);
	(void)kill(getpid(), SIGUSR1);
	EXPECT_EQ(event_poll_wait(poll, ready, 1, 10000), 1);
	EXPECT_EQ(ready[0].tag, 5);
}

/* SPDX-License-Identifier: MIT */
/*
 * event.c - thin wrappers of epoll, signalfd and pipes
 */
#include "sys/event.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READY_MAX 64u

int event_poll_new(int *ret_fd)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int control(int poll, int operation, int fd, unsigned mask, uint64_t tag)
{
	struct epoll_event event = { .data.u64 = tag };

	event.events = (mask & EVENT_IN ? (uint32_t)EPOLLIN : 0) |
		       (mask & EVENT_OUT ? (uint32_t)EPOLLOUT : 0) |
		       (mask & EVENT_HUP ? (uint32_t)EPOLLRDHUP : 0);
	return epoll_ctl(poll, operation, fd, &event) < 0 ? -errno : 0;
}

int event_poll_add(int poll, int fd, unsigned mask, uint64_t tag)
{
	return control(poll, EPOLL_CTL_ADD, fd, mask, tag);
}

int event_poll_change(int poll, int fd, unsigned mask, uint64_t tag)
{
	return control(poll, EPOLL_CTL_MOD, fd, mask, tag);
}

void event_poll_remove(int poll, int fd)
{
	(void)epoll_ctl(poll, EPOLL_CTL_DEL, fd, NULL);
}

static unsigned mask_of(uint32_t events)
{
	return (events & EPOLLIN ? (unsigned)EVENT_IN : 0) |
	       (events & EPOLLOUT ? (unsigned)EVENT_OUT : 0) |
	       (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR) ? (unsigned)EVENT_HUP : 0);
}

int event_poll_wait(int poll, struct event_ready *ready, unsigned capacity, int timeout_ms)
{
	struct epoll_event events[READY_MAX];
	int count;

	count = epoll_wait(poll, events, (int)(capacity < READY_MAX ? capacity : READY_MAX),
			   timeout_ms);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++)
		ready[i] = (struct event_ready){ .tag = events[i].data.u64,
						 .mask = mask_of(events[i].events) };
	return count;
}

int event_signal_new(const sigset_t *set, int *ret_fd)
{
	int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int event_pipe_new(int ret_fds[2])
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

/* Writes a byte without raising SIGPIPE, whatever the application does with that signal. */
static void write_quietly(int fd)
{
	static const struct timespec now = { 0 };
	sigset_t sigpipe, before, pending;
	bool was_pending;

	(void)sigemptyset(&sigpipe);
	(void)sigaddset(&sigpipe, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
	(void)sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	/* One that was there already is somebody else's, and ours has merged with it. */
	if (write(fd, "", 1) < 0 && errno == EPIPE && !was_pending)
		while (sigtimedwait(&sigpipe, NULL, &now) < 0 && errno == EINTR)
			continue;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The program may have closed it, and have a file of its own there now. */
static bool is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

void event_pipe_fill(int fd)
{
	struct pollfd state = { .fd = fd, .events = POLLOUT };

	if (!is_pipe(fd))
		return;
	/* The pipe is another process's: it may be full, which is as good as filled; blocking,
	 * which this avoids; or have lost its reader. */
	if (poll(&state, 1, 0) == 1 && (state.revents & (POLLOUT | POLLERR)) == POLLOUT)
		write_quietly(fd);
}

void event_pipe_drain(int fd)
{
	struct pollfd state = { .fd = fd, .events = POLLIN };
	char bytes[512];
	ssize_t size;

	if (!is_pipe(fd))
		return;
	while (poll(&state, 1, 0) == 1 && (state.revents & POLLIN)) {
		size = read(fd, bytes, sizeof(bytes));
		if (size == 0 || (size < 0 && errno != EINTR))
			break;
	}
}

void event_pipe_close(int fd)
{
	if (fd >= 0 && is_pipe(fd))
		(void)close(fd);
}

int event_poll_descriptors(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	int r = poll(fds, count, timeout_ms);

	return r < 0 ? -errno : r;
}

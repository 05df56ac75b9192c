/* SPDX-License-Identifier: MIT */
#include "sys/exec.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static bool goes_to_another_program(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	EXPECT(flags >= 0);
	return !(flags & FD_CLOEXEC);
}

static int poll_with(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int poll = epoll_create(1);

	EXPECT(poll >= 0);
	EXPECT_EQ(epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event), 0);
	return poll;
}

TEST(what_is_below_an_epoll_descriptor_ends_at_exec_and_nothing_else)
{
	int pair[2], other[2], inner, outer;

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	inner = poll_with(pair[0]);
	outer = poll_with(inner);
	exec_close_tree(outer);
	EXPECT(!goes_to_another_program(outer));
	EXPECT(!goes_to_another_program(inner));
	EXPECT(!goes_to_another_program(pair[0]));
	EXPECT(!goes_to_another_program(pair[1]));
	/* Numbered next to it, but in no epoll descriptor. */
	EXPECT(goes_to_another_program(other[1]));
	for (unsigned i = 0; i < 2; i++) {
		(void)close(pair[i]);
		(void)close(other[i]);
	}
	(void)close(inner);
	(void)close(outer);
}

TEST(a_number_that_is_anothers_by_now_is_left_alone)
{
	int pair[2], copy, poll;

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	copy = dup(pair[0]);
	poll = poll_with(pair[0]);
	(void)close(pair[0]);
	/* The copy keeps it in there. */
	EXPECT_EQ(open("/dev/null", O_RDONLY), pair[0]);
	exec_close_tree(poll);
	EXPECT(goes_to_another_program(pair[0]));
	(void)close(pair[0]);
	(void)close(pair[1]);
	(void)close(copy);
	(void)close(poll);
}

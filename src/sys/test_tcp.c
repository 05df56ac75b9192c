/* SPDX-License-Identifier: MIT */
#include "sys/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/sock.h"
#include "test.h"

/* A listener on a port of the kernel's choice, and where it is. */
static int listen_somewhere(struct tcp_address *ret_address)
{
	socklen_t size = sizeof(ret_address->bytes);
	int fd;

	EXPECT_EQ(tcp_address_of("127.0.0.1", 0, ret_address), 0);
	EXPECT_EQ(tcp_listen(ret_address, &fd), 0);
	EXPECT_EQ(getsockname(fd, (struct sockaddr *)(void *)ret_address->bytes, &size), 0);
	return fd;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	EXPECT_EQ(poll(&p, 1, 10000), 1);
}

TEST(bytes_go_both_ways_and_the_end_is_seen)
{
	struct tcp_address address;
	scoped(fd) int listener = listen_somewhere(&address), a = -1, b = -1;
	char text[TCP_TEXT_SIZE], bytes[16];
	size_t size = 0;

	EXPECT_EQ(tcp_accept(listener, &b), -EAGAIN);
	EXPECT_EQ(tcp_dial(&address, &a), 0);
	wait_for(a, POLLOUT);
	EXPECT_EQ(tcp_dialled(a), 0);
	wait_for(listener, POLLIN);
	EXPECT_EQ(tcp_accept(listener, &b), 0);
	EXPECT(fcntl(b, F_GETFD) == FD_CLOEXEC && fcntl(a, F_GETFD) == FD_CLOEXEC);
	tcp_peer(b, text);
	EXPECT(strncmp(text, "127.0.0.1:", 10) == 0);
	EXPECT_EQ(tcp_receive(b, bytes, sizeof(bytes), &size), -EAGAIN);
	EXPECT_EQ(tcp_send(a, "hello", 5, &size), 0);
	EXPECT_EQ(size, 5);
	tcp_stop_sending(a);
	wait_for(b, POLLIN);
	EXPECT_EQ(tcp_receive(b, bytes, sizeof(bytes), &size), 0);
	EXPECT_EQ(size, 5);
	wait_for(b, POLLIN);
	EXPECT_EQ(tcp_receive(b, bytes, sizeof(bytes), &size), 0);
	EXPECT_EQ(size, 0);
	EXPECT_EQ(tcp_send(b, "x", 1, &size), 0);
}

TEST(a_dial_where_nobody_listens_comes_to_an_end)
{
	struct tcp_address address;
	int listener = listen_somewhere(&address), r;
	scoped(fd) int fd = -1;

	(void)close(listener);
	r = tcp_dial(&address, &fd);
	if (r == 0) {
		wait_for(fd, POLLOUT);
		r = tcp_dialled(fd);
	}
	EXPECT_EQ(r, -ECONNREFUSED);
}

TEST(two_cannot_listen_in_one_place)
{
	struct tcp_address address;
	scoped(fd) int first = listen_somewhere(&address), second = -1;

	EXPECT(first >= 0);
	EXPECT_EQ(tcp_listen(&address, &second), -EADDRINUSE);
}

TEST(numbers_are_told_from_names)
{
	struct tcp_address address;

	EXPECT_EQ(tcp_address_of("::1", 5, &address), 0);
	EXPECT_EQ(tcp_address_of("localhost", 5, &address), -EINVAL);
	EXPECT_EQ(tcp_look_up("localhost", 5, &address), 0);
	EXPECT(address.size > 0);
}

TEST(a_name_is_looked_up_beside_the_caller)
{
	struct tcp_lookup *lookup;
	unsigned before = test_count_fds();
	struct tcp_address address;
	int fd;

	EXPECT_EQ(tcp_lookup_begin("localhost", 5, &lookup, &fd), 0);
	wait_for(fd, POLLIN);
	EXPECT_EQ(tcp_lookup_result(lookup, &address), 0);
	EXPECT(address.size > 0);
	tcp_lookup_end(lookup);
	EXPECT_EQ(tcp_lookup_begin("there is no such.invalid", 5, &lookup, &fd), 0);
	wait_for(fd, POLLIN);
	EXPECT(tcp_lookup_result(lookup, &address) < 0);
	tcp_lookup_end(lookup);
	/* The thread has let go of its pipe, or will. */
	EXPECT_EQ(tcp_lookup_begin("localhost", 5, &lookup, &fd), 0);
	tcp_lookup_end(lookup);
	EXPECT_WITHIN(10000, test_count_fds() == before);
}

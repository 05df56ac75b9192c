/* SPDX-License-Identifier: MIT */
#include "sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "test.h"

struct pair {
	int a, b;
};

static struct pair pair_new(void)
{
	int fds[2];

	EXPECT_EQ(sock_pair(fds), 0);
	return (struct pair){ fds[0], fds[1] };
}

static void pair_scope_end(struct pair *p)
{
	fd_scope_end(&p->a);
	fd_scope_end(&p->b);
}

struct received {
	char bytes[64];
	size_t size;
	int fds[SOCK_FDS_MAX];
	unsigned fd_count;
};

static int receive(int fd, struct received *m)
{
	return sock_receive(fd, m->bytes, sizeof(m->bytes), &m->size, m->fds, &m->fd_count);
}

TEST(messages_keep_their_boundaries)
{
	scoped(pair) struct pair p = pair_new();
	struct received m;

	EXPECT_EQ(sock_send(p.a, "one", 3, NULL, 0), 0);
	EXPECT_EQ(sock_send(p.a, "three", 5, NULL, 0), 0);
	EXPECT_EQ(receive(p.b, &m), 0);
	EXPECT_EQ(m.size, 3);
	EXPECT_EQ(m.fd_count, 0);
	EXPECT(memcmp(m.bytes, "one", 3) == 0);
	EXPECT_EQ(receive(p.b, &m), 0);
	EXPECT_EQ(m.size, 5);
	EXPECT_EQ(receive(p.b, &m), -EAGAIN);
}

TEST(descriptors_travel_and_are_born_close_on_exec)
{
	scoped(pair) struct pair p = pair_new();
	int sent[SOCK_FDS_MAX];
	struct received m;

	for (int i = 0; i < SOCK_FDS_MAX; i++)
		sent[i] = p.a;
	EXPECT_EQ(sock_send(p.a, "x", 1, sent, SOCK_FDS_MAX), 0);
	EXPECT_EQ(receive(p.b, &m), 0);
	EXPECT_EQ(m.fd_count, SOCK_FDS_MAX);
	for (int i = 0; i < SOCK_FDS_MAX; i++) {
		EXPECT_EQ(fcntl(m.fds[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		(void)close(m.fds[i]);
	}
}

TEST(empty_or_overloaded_messages_are_not_sent)
{
	scoped(pair) struct pair p = pair_new();
	int sent[SOCK_FDS_MAX + 1] = { 0 };

	EXPECT_EQ(sock_send(p.a, "", 0, NULL, 0), -EINVAL);
	EXPECT_EQ(sock_send(p.a, "x", 1, sent, SOCK_FDS_MAX + 1), -EINVAL);
}

TEST(a_message_too_large_is_refused_and_its_descriptors_closed)
{
	scoped(pair) struct pair p = pair_new();
	unsigned before = test_count_fds();
	struct received m;
	char large[65] = "";

	EXPECT_EQ(sock_send(p.a, large, sizeof(large), &p.a, 1), 0);
	EXPECT_EQ(receive(p.b, &m), -EMSGSIZE);
	EXPECT_EQ(test_count_fds(), before);
}

TEST(too_many_descriptors_are_refused_and_closed)
{
	scoped(pair) struct pair p = pair_new();
	enum { MANY = SOCK_FDS_MAX + 1 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(MANY * sizeof(int))];
	} control = { 0 };
	char byte = 'x';
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	unsigned before = test_count_fds();
	struct received m;

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(MANY * sizeof(int));
	for (int i = 0; i < MANY; i++)
		memcpy(CMSG_DATA(&control.header) + (size_t)i * sizeof(int), &p.a, sizeof(int));
	EXPECT_EQ(sendmsg(p.a, &message, 0), 1);
	EXPECT_EQ(receive(p.b, &m), -EMSGSIZE);
	EXPECT_EQ(test_count_fds(), before);
}

TEST(the_end_is_a_message_of_no_bytes)
{
	scoped(pair) struct pair p = pair_new();
	struct received m;

	(void)close(steal_fd(&p.a));
	EXPECT_EQ(receive(p.b, &m), 0);
	EXPECT_EQ(m.size, 0);
	EXPECT_EQ(m.fd_count, 0);
}

TEST(sending_to_nobody_is_an_error_not_a_signal)
{
	scoped(pair) struct pair p = pair_new();
	int r;

	(void)close(steal_fd(&p.b));
	r = sock_send(p.a, "x", 1, NULL, 0);
	EXPECT(r == -EPIPE || r == -ECONNRESET);
}

TEST(a_full_queue_says_so)
{
	scoped(pair) struct pair p = pair_new();
	char bytes[1024] = "";
	int r = 0;

	for (int i = 0; i < 10000 && r == 0; i++)
		r = sock_send(p.a, bytes, sizeof(bytes), NULL, 0);
	EXPECT_EQ(r, -EAGAIN);
}

TEST(a_listener_has_the_mode_asked_for_whatever_the_umask)
{
	char path[128];
	struct stat st;
	scoped(fd) int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/socket", test_directory());
	(void)umask(0177);
	EXPECT_EQ(sock_listen(path, 0666, &fd), 0);
	EXPECT_EQ(stat(path, &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0666);
	(void)close(steal_fd(&fd));
	EXPECT_EQ(sock_listen(path, 0600, &fd), -EADDRINUSE);
	(void)unlink(path);
	(void)umask(0);
	EXPECT_EQ(sock_listen(path, 0600, &fd), 0);
	EXPECT_EQ(stat(path, &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0600);
}

TEST(connecting_reaches_the_listener)
{
	char path[128];
	scoped(fd) int listener = -1, client = -1, server = -1;
	struct received m;

	(void)snprintf(path, sizeof(path), "%s/socket", test_directory());
	EXPECT_EQ(sock_connect(path, &client), -ENOENT);
	EXPECT_EQ(sock_listen(path, 0600, &listener), 0);
	EXPECT_EQ(sock_accept(listener, &server), -EAGAIN);
	EXPECT_EQ(sock_connect(path, &client), 0);
	EXPECT_EQ(sock_accept(listener, &server), 0);
	EXPECT_EQ(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
	EXPECT_EQ(fcntl(server, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	EXPECT_EQ(fcntl(server, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	EXPECT_EQ(sock_send(client, "hello", 5, NULL, 0), 0);
	EXPECT_EQ(receive(server, &m), 0);
	EXPECT_EQ(m.size, 5);
	(void)close(steal_fd(&client));
	(void)close(steal_fd(&listener));
	EXPECT_EQ(sock_connect(path, &client), -ECONNREFUSED);
}

TEST(a_path_too_long_is_refused_not_cut)
{
	char path[200];
	int fd;

	(void)memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	EXPECT_EQ(sock_listen(path, 0600, &fd), -ENAMETOOLONG);
	EXPECT_EQ(sock_connect(path, &fd), -ENAMETOOLONG);
	EXPECT_EQ(sock_connect("", &fd), -EINVAL);
}

TEST(waiting_ends_with_a_message_the_end_or_the_time)
{
	scoped(pair) struct pair p = pair_new();
	struct received m;

	EXPECT_EQ(sock_wait_readable(p.b, 1), -ETIMEDOUT);
	EXPECT_EQ(sock_send(p.a, "x", 1, NULL, 0), 0);
	EXPECT_EQ(sock_wait_readable(p.b, -1), 0);
	EXPECT_EQ(receive(p.b, &m), 0);
	(void)close(steal_fd(&p.a));
	EXPECT_EQ(sock_wait_readable(p.b, -1), 0);
}

TEST(blocking_can_be_chosen)
{
	scoped(pair) struct pair p = pair_new();

	EXPECT_EQ(sock_set_blocking(p.a, 1), 0);
	EXPECT_EQ(fcntl(p.a, F_GETFL) & O_NONBLOCK, 0);
	EXPECT_EQ(sock_set_blocking(p.a, 0), 0);
	EXPECT_EQ(fcntl(p.a, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	EXPECT_EQ(sock_set_blocking(-1, 0), -EBADF);
}

/* ---- between hosts ---------------------------------------------------------------------- */

/* @ret_at: where it listens; both ends, of which [0] dialled. */
static void dial(struct sockaddr_in *ret_at, int ret_ends[2])
{
	socklen_t size = sizeof(*ret_at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_at = (struct sockaddr_in){ .sin_family = AF_INET };
	ret_at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_EQ(bind(listener, (struct sockaddr *)(void *)ret_at, size), 0);
	EXPECT_EQ(listen(listener, 1), 0);
	EXPECT_EQ(getsockname(listener, (struct sockaddr *)(void *)ret_at, &size), 0);
	ret_ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT_EQ(connect(ret_ends[0], (struct sockaddr *)(void *)ret_at, size), 0);
	ret_ends[1] = accept(listener, NULL, NULL);
	EXPECT(ret_ends[1] >= 0);
	(void)close(listener);
}

TEST(a_connection_that_is_abandoned_is_reset_and_no_other)
{
	struct sockaddr_in at[2];
	int first[2], second[2];
	char byte;

	dial(&at[0], first);
	dial(&at[1], second);
	EXPECT_EQ(write(first[1], "x", 1), 1);
	sock_abandon(&at[0], sizeof(at[0]));
	EXPECT_EQ(read(first[0], &byte, 1), 1);
	EXPECT_EQ(read(first[0], &byte, 1), 0);
	(void)close(first[0]);
	(void)close(second[0]);
	EXPECT_EQ(read(first[1], &byte, 1), -1);
	EXPECT_EQ(errno, ECONNRESET);
	EXPECT_EQ(read(second[1], &byte, 1), 0);
	(void)close(first[1]);
	(void)close(second[1]);
}

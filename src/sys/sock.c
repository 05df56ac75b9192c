/* SPDX-License-Identifier: MIT */
/*
 * sock.c - local sockets that keep message boundaries and carry descriptors
 */
#include "sys/sock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/scope.h"

#define BACKLOG 4096
#define CONNECT_SECONDS 5

/* Room for exactly as many descriptors as a message may carry: the kernel drops the rest, and
 * says so. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(SOCK_FDS_MAX * sizeof(int))];
};

static int address_of(const char *path, struct sockaddr_un *ret_address)
{
	size_t length = strlen(path);

	if (length == 0)
		return -EINVAL;
	if (length >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret_address->sun_path, path, length + 1);
	return 0;
}

/* Binds and listens; on failure nothing is left at @path. */
static int bind_and_listen(int fd, const struct sockaddr_un *address, unsigned mode)
{
	int r;

	/* The new name gets the socket's own mode less the umask; what that took away is put
	 * back after.  So the name never allows more than @mode. */
	if (fchmod(fd, mode) < 0 ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	if (chmod(address->sun_path, mode) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		(void)unlink(address->sun_path);
		return r;
	}
	return 0;
}

int sock_listen(const char *path, unsigned mode, int *ret_fd)
{
	struct sockaddr_un address;
	scoped(fd) int fd = -1;
	int r;

	r = address_of(path, &address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = bind_and_listen(fd, &address, mode);
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int sock_accept(int listener, int *ret_fd)
{
	int fd;

	do
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && (errno == ECONNABORTED || errno == EINTR));
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int sock_connect(const char *path, int *ret_fd)
{
	static const struct timeval patience = { .tv_sec = CONNECT_SECONDS }, forever = { 0 };
	struct sockaddr_un address;
	scoped(fd) int fd = -1;
	int r;

	r = address_of(path, &address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Who listens may be stopped, with a full queue. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	/* An interrupted local connect() has not begun anything. */
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		if (errno != EINTR)
			return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof(forever));
	*ret_fd = steal_fd(&fd);
	return 0;
}

int sock_pair(int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

static int send_with(int fd, int flags, const void *bytes, size_t size, const int *fds,
		     unsigned fd_count)
{
	struct iovec part = { .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	union control control;

	/* A message of no bytes would look like the end. */
	if (size == 0 || fd_count > SOCK_FDS_MAX)
		return -EINVAL;
	memcpy(&part.iov_base, &bytes, sizeof(bytes));
	if (fd_count > 0) {
		memset(&control, 0, sizeof(control));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
	}
	/* A message goes whole or not at all. */
	while (sendmsg(fd, &message, flags | MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int sock_send(int fd, const void *bytes, size_t size, const int *fds, unsigned fd_count)
{
	return send_with(fd, 0, bytes, size, fds, fd_count);
}

int sock_send_now(int fd, const void *bytes, size_t size, const int *fds, unsigned fd_count)
{
	return send_with(fd, MSG_DONTWAIT, bytes, size, fds, fd_count);
}

static void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)close(fds[i]);
}

/* Puts every descriptor that came into @fds, which has room for all the kernel gave us. */
static unsigned take_fds(struct msghdr *message, int fds[SOCK_FDS_MAX])
{
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= size && count < SOCK_FDS_MAX;
		     at += sizeof(int))
			memcpy(&fds[count++], CMSG_DATA(c) + at, sizeof(int));
	}
	return count;
}

static int receive_with(int fd, int flags, void *bytes, size_t capacity, size_t *ret_size,
			int fds[SOCK_FDS_MAX], unsigned *ret_fd_count)
{
	struct iovec part = { .iov_base = bytes, .iov_len = capacity };
	union control control;
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	unsigned count;
	ssize_t size;

	size = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
	if (size < 0)
		return -errno;
	count = take_fds(&message, fds);
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		close_all(fds, count);
		*ret_size = (size_t)size;
		/* Fewer than there was room for: this process may have no more. */
		return message.msg_flags & MSG_TRUNC || count == SOCK_FDS_MAX ? -EMSGSIZE
									      : -EMFILE;
	}
	if (size == 0) {
		/* The end carries no descriptors; an empty message made to look like it may. */
		close_all(fds, count);
		count = 0;
	}
	*ret_size = (size_t)size;
	*ret_fd_count = count;
	return 0;
}

int sock_receive(int fd, void *bytes, size_t capacity, size_t *ret_size, int fds[SOCK_FDS_MAX],
		 unsigned *ret_fd_count)
{
	return receive_with(fd, 0, bytes, capacity, ret_size, fds, ret_fd_count);
}

int sock_receive_now(int fd, void *bytes, size_t capacity, size_t *ret_size,
		     int fds[SOCK_FDS_MAX], unsigned *ret_fd_count)
{
	return receive_with(fd, MSG_DONTWAIT, bytes, capacity, ret_size, fds, ret_fd_count);
}

int sock_wait_readable(int fd, int timeout_ms)
{
	struct pollfd waited = { .fd = fd, .events = POLLIN };
	int n = poll(&waited, 1, timeout_ms);

	if (n < 0)
		return -errno;
	return n > 0 ? 0 : -ETIMEDOUT;
}

int sock_is_hung_up(int fd)
{
	struct pollfd looked_at = { .fd = fd };

	return poll(&looked_at, 1, 0) > 0 && (looked_at.revents & (POLLHUP | POLLERR)) != 0;
}

int sock_set_blocking(int fd, int blocking)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

void sock_shutdown(int fd)
{
	(void)shutdown(fd, SHUT_RDWR);
}

/* ---- between hosts ---------------------------------------------------------------------- */

static bool leads_to(int fd, const void *address, size_t size)
{
	struct sockaddr_storage name = { 0 };
	socklen_t length = sizeof(name);

	return getpeername(fd, (struct sockaddr *)(void *)&name, &length) == 0 &&
	       length <= size && memcmp(&name, address, length) == 0;
}

void sock_abandon(const void *address, size_t size)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (!leads_to(fd, address, size))
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		(void)shutdown(fd, SHUT_RD);
	}
	if (dir)
		(void)closedir(dir);
}

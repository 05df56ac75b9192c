/* SPDX-License-Identifier: MIT */
#include "pair.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

void sock_send(int sock, const void *data, size_t size, int fd)
{
	alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { .iov_len = size };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };

	/* sendmsg() only reads it. */
	memcpy(&part.iov_base, &data, sizeof(data));
	if (fd >= 0) {
		struct cmsghdr *head;

		msg.msg_control = space;
		msg.msg_controllen = sizeof(space);
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) != (ssize_t)size)
		die("the other process is gone");
}

size_t sock_recv(int sock, void *data, size_t size, int *ret_fd)
{
	alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))];
	struct iovec part = { .iov_base = data, .iov_len = size };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *head;
	ssize_t n;

	if (ret_fd) {
		*ret_fd = -1;
		msg.msg_control = space;
		msg.msg_controllen = sizeof(space);
	}
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		die("the other process is gone");
	head = ret_fd ? CMSG_FIRSTHDR(&msg) : NULL;
	if (head && head->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(head), sizeof(*ret_fd));
	return (size_t)n;
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		die("%s is too long for a socket's name", path);
	memcpy(address.sun_path, path, strlen(path));
	return address;
}

static int accept_one(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int peer;

	(void)unlink(path);
	if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(sock, 1) < 0)
		die("cannot listen at %s", path);
	peer = accept4(sock, NULL, NULL, SOCK_CLOEXEC);
	(void)unlink(path);
	(void)close(sock);
	if (peer < 0)
		die("nobody came to %s", path);
	return peer;
}

/* The two are started in any order, so the measurer asks again until the owner listens. */
static int connect_to(const char *path)
{
	struct sockaddr_un address = address_of(path);
	const struct timespec nap = { .tv_nsec = 1000000 };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	for (unsigned n = 0; n < 10000; n++) {
		if (connect(sock, (struct sockaddr *)&address, sizeof(address)) == 0)
			return sock;
		(void)nanosleep(&nap, NULL);
	}
	die("nobody listens at %s", path);
}

/* The @n-th processor this process may run on; -1 if it may not run on so many. */
static int nth_cpu(unsigned n)
{
	static cpu_set_t all;
	static bool known;

	/* Asked once: later the answer would be the one processor we are pinned to. */
	if (!known && sched_getaffinity(0, sizeof(all), &all) < 0)
		return -1;
	known = true;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && n-- == 0)
			return cpu;
	return -1;
}

void pair_pin(const struct pair *pair, int pid, enum pair_role role)
{
	cpu_set_t set;
	int cpu = nth_cpu(pair->cpus == 2 ? (unsigned)role : 0);

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	(void)sched_setaffinity(pid, sizeof(set), &set);
}

static struct pair_page *share_page(const struct pair *pair)
{
	int fd;
	void *page;

	if (pair->role == PAIR_OWNER) {
		fd = memfd_create("bench-page", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, sizeof(struct pair_page)) < 0)
			die("cannot make a memfd");
		pair_send_fd(pair, fd);
	} else {
		fd = pair_recv_fd(pair);
	}
	page = mmap(NULL, sizeof(struct pair_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (page == MAP_FAILED)
		die("cannot map the shared page");
	return page;
}

void pair_open(struct pair *pair, enum pair_role role, const char *path, const char *bin)
{
	pair->role = role;
	pair->bin = bin;
	pair->sock = role == PAIR_OWNER ? accept_one(path) : connect_to(path);
	pair->cpus = nth_cpu(1) >= 0 ? 2 : 1;
	pair_pin(pair, 0, role);
	pair->page = share_page(pair);
}

void pair_send(const struct pair *pair, const void *data, size_t size)
{
	sock_send(pair->sock, data, size, -1);
}

void pair_recv(const struct pair *pair, void *data, size_t size)
{
	if (sock_recv(pair->sock, data, size, NULL) != size)
		die("the other process is gone");
}

void pair_send_fd(const struct pair *pair, int fd)
{
	char nothing = 0;

	sock_send(pair->sock, &nothing, 1, fd);
}

int pair_recv_fd(const struct pair *pair)
{
	char nothing;
	int fd = -1;

	if (sock_recv(pair->sock, &nothing, 1, &fd) != 1 || fd < 0)
		die("the other process sent no descriptor");
	return fd;
}

int pair_agree(const struct pair *pair, int mine)
{
	int other;

	pair_send(pair, &mine, sizeof(mine));
	pair_recv(pair, &other, sizeof(other));
	return mine < 0 || other < 0 ? -1 : 0;
}

void pair_meet(const struct pair *pair)
{
	(void)pair_agree(pair, 0);
}

void pair_order(const struct pair *pair, uint32_t what, uint32_t which, uint64_t times)
{
	struct pair_order order = { .what = what, .which = which, .times = times };

	pair_send(pair, &order, sizeof(order));
}

struct pair_order pair_next(const struct pair *pair)
{
	struct pair_order order;

	pair_recv(pair, &order, sizeof(order));
	return order;
}

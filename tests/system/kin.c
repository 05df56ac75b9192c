/* SPDX-License-Identifier: MIT */
#include "kin.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/vm.h"

/* The parent's ends: no child may keep a sibling's alive. */
static int channels[32];
static unsigned channel_count;

/* ---- children --------------------------------------------------------------------------- */

static void channel_forget(int fd)
{
	for (unsigned i = 0; i < channel_count; i++)
		if (channels[i] == fd)
			channels[i] = channels[--channel_count];
	(void)close(fd);
}

void kin_start(struct kin *k, void (*body)(struct kin *parent, void *arg), void *arg)
{
	struct kin parent = { .pid = getpid() };
	int ends[2];

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	k->fd = ends[0];
	k->pid = fork();
	EXPECT(k->pid >= 0);
	if (k->pid == 0) {
		(void)close(ends[0]);
		while (channel_count > 0)
			(void)close(channels[--channel_count]);
		parent.fd = ends[1];
		body(&parent, arg);
		_exit(0);
	}
	(void)close(ends[1]);
	EXPECT(channel_count < sizeof(channels) / sizeof(*channels));
	channels[channel_count++] = k->fd;
}

void kin_tell(struct kin *k, uint64_t value)
{
	EXPECT_EQ(send(k->fd, &value, sizeof(value), MSG_NOSIGNAL), sizeof(value));
}

static ssize_t receive(struct kin *k, uint64_t *value)
{
	ssize_t got;

	do
		got = recv(k->fd, value, sizeof(*value), 0);
	while (got < 0 && errno == EINTR);
	return got;
}

uint64_t kin_hear(struct kin *k)
{
	uint64_t value = 0;

	/* Otherwise the other side has ended, and said why if it failed. */
	EXPECT_EQ(receive(k, &value), sizeof(value));
	return value;
}

bool kin_speaks(const struct kin *k, int within_ms)
{
	struct pollfd p = { .fd = k->fd, .events = POLLIN };

	return poll(&p, 1, within_ms) > 0;
}

void kin_tell_fd(struct kin *k, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(sizeof(int)) } };
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	(void)memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	EXPECT_EQ(sendmsg(k->fd, &message, MSG_NOSIGNAL), 1);
}

int kin_hear_fd(struct kin *k)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd = -1;

	EXPECT_EQ(recvmsg(k->fd, &message, MSG_CMSG_CLOEXEC), 1);
	EXPECT(CMSG_FIRSTHDR(&message) != NULL);
	(void)memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	EXPECT(fd >= 0);
	return fd;
}

void kin_linger(struct kin *parent)
{
	uint64_t value;

	EXPECT(receive(parent, &value) <= 0);
}

static int status_of(struct kin *k)
{
	int status = 0;

	channel_forget(k->fd);
	while (waitpid(k->pid, &status, 0) < 0)
		EXPECT_EQ(errno, EINTR);
	return status;
}

void kin_finish(struct kin *k)
{
	EXPECT_EQ(status_of(k), 0);
}

void kin_kill(struct kin *k)
{
	EXPECT_EQ(kill(k->pid, SIGKILL), 0);
	EXPECT_EQ(status_of(k), SIGKILL);
}

/* ---- memory ----------------------------------------------------------------------------- */

static void *map_pages(size_t count, int sharing)
{
	void *pages = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS,
			   -1, 0);

	EXPECT(pages != MAP_FAILED);
	return pages;
}

void *pages_private(size_t count)
{
	return map_pages(count, MAP_PRIVATE);
}

void *pages_shared(size_t count)
{
	return map_pages(count, MAP_SHARED);
}

void *pages_twin(const void *pages, size_t count)
{
	void *twin = mremap((void *)(uintptr_t)pages, 0, count * PAGE, MREMAP_MAYMOVE);

	EXPECT(twin != MAP_FAILED);
	return twin;
}

void pages_free(void *pages, size_t count)
{
	EXPECT_EQ(munmap(pages, count * PAGE), 0);
}

static int take_inode(const struct vm_area *area, void *arg)
{
	*(uint64_t *)arg = area->inode;
	return 0;
}

/* By its name, not by the descriptor: another thread may be closing that. */
static bool stat_fd(int fd, struct stat *ret_st)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return stat(path, ret_st) == 0;
}

uint64_t object_inode(const void *addr)
{
	uint64_t inode = 0;

	EXPECT_EQ(vm_walk(addr, PAGE, take_inode, &inode), 0);
	EXPECT(inode != 0);
	return inode;
}

int object_fd(const void *addr)
{
	struct stat st;
	const uint64_t inode = object_inode(addr);
	int fd = 0;

	while (fd < 1024 && (!stat_fd(fd, &st) || st.st_ino != inode))
		fd++;
	EXPECT(fd < 1024);
	return fd;
}

uint64_t object_bytes(const void *addr)
{
	struct stat st;

	EXPECT(stat_fd(object_fd(addr), &st));
	return (uint64_t)st.st_blocks * 512;
}

/* ---- tract ------------------------------------------------------------------------------ */

struct tract *node_open(void)
{
	struct tract *ctx = NULL;

	EXPECT_EQ(tract_open(NULL, &ctx), 0);
	return ctx;
}

struct tract_export *export_up(struct tract *ctx, void *addr, size_t size, uint32_t flags,
			       uint32_t *ret_id)
{
	struct tract_export *export = NULL;

	*ret_id = 0;
	EXPECT_EQ(tract_export_create(ctx, addr, size, flags, &export), 0);
	EXPECT_EQ(tract_export_publish(export, ret_id, NULL, 0), 0);
	return export;
}

struct tract_import *import_up(struct tract *ctx, uint32_t id, uint32_t rights)
{
	struct tract_import *import = NULL;
	uint32_t node;

	EXPECT_EQ(tract_node_id(ctx, &node), 0);
	EXPECT_EQ(tract_import_connect(ctx, node, id, rights, &import), 0);
	return import;
}

void *import_map(struct tract_import *import, uint32_t rights)
{
	void *addr = NULL;

	EXPECT_EQ(tract_import_map(import, &addr, 0, rights, 0, tract_import_size(import)), 0);
	return addr;
}

void import_down(struct tract_import *import)
{
	(void)tract_import_unmap(import);
	EXPECT_EQ(tract_import_close(import), 0);
}

struct tract_shared *shared_up(struct tract *ctx, size_t size, uint32_t ceiling)
{
	const struct tract_shared_spec spec = { .size = size,
						.ceiling = ceiling,
						.numa_node = TRACT_NODE_ANY };
	struct tract_shared *shared = NULL;

	EXPECT_EQ(tract_shared_create(ctx, &spec, &shared), 0);
	return shared;
}

unsigned char *shared_map(struct tract_shared *shared, uint32_t permission)
{
	void *addr = NULL;

	EXPECT_EQ(tract_shared_map(shared, &addr, permission), 0);
	return addr;
}

uint64_t number_of(struct tract *ctx)
{
	uint64_t number = 0;

	EXPECT_EQ(tract_process(ctx, &number), 0);
	return number;
}

void thread_stands_back(void)
{
	(void)setpriority(PRIO_PROCESS, 0, 15);
}

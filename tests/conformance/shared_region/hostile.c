/* SPDX-License-Identifier: MIT */
/*
 * hostile.c - an agent that keeps what it was given, and tries what it was not
 *
 * What comes in over a socket is taken on its way to the library: this program's recvmsg() and
 * sendmsg() stand before the C library's.
 */
#include "agent.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define KEPT_MAX 64
#define MESSAGE_MAX 4096

static bool hoards;
static _Atomic bool deaf;
static int hoard[KEPT_MAX];
static unsigned hoarded;
/* The last message that this process sent. */
static unsigned char message[MESSAGE_MAX];
static size_t message_size;

static struct {
	unsigned char *mapping[KEPT_MAX];
	unsigned mappings;
	int fd[KEPT_MAX];
	unsigned fds;
	size_t size;
} kept;

/* ---- on the way in and out -------------------------------------------------------------- */

#if !TEST_SANITIZED
static void take_copies(const struct cmsghdr *c)
{
	unsigned count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

	for (unsigned i = 0; i < count && hoarded < KEPT_MAX; i++) {
		int fd;

		(void)memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		if (fd >= 0)
			hoard[hoarded++] = fd;
	}
}

__attribute__((visibility("default"))) ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t got = syscall(SYS_recvmsg, fd, msg, flags);

	/* The library's thread hears of what it should do, and never does it. */
	while (deaf && gettid() != getpid())
		(void)pause();
	if (got < 0 || !hoards)
		return got;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			take_copies(c);
	return got;
}

__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *msg,
						       int flags)
{
	if (hoards && msg->msg_iovlen > 0 && msg->msg_iov[0].iov_len <= MESSAGE_MAX) {
		message_size = msg->msg_iov[0].iov_len;
		(void)memcpy(message, msg->msg_iov[0].iov_base, message_size);
	}
	return syscall(SYS_sendmsg, fd, msg, flags);
}
#endif

int do_hoard(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)p;
	(void)said;
	hoards = v[0];
	return 0;
}

int do_deaf(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)p;
	(void)v;
	(void)said;
	deaf = true;
	return TEST_SANITIZED ? ENOTSUP : 0;
}

/* ---- keeping ---------------------------------------------------------------------------- */

static void keep_fd(int fd)
{
	if (fd >= 0 && kept.fds < KEPT_MAX)
		kept.fd[kept.fds++] = fd;
}

static bool is_object(int fd, uint64_t inode)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == inode;
}

/* A second descriptor of an object, for writing if that can be had. */
static void reopen(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	keep_fd(fd >= 0 ? fd : open(path, O_RDONLY | O_CLOEXEC));
}

/* All descriptors of this process for an object, and what reopening them gives. */
static void keep_object(uint64_t inode)
{
	unsigned before = kept.fds;
	char path[64];

	for (unsigned i = 0; i < hoarded; i++)
		if (is_object(hoard[i], inode))
			keep_fd(hoard[i]);
	for (int fd = 3; fd < 100; fd++)
		if (is_object(fd, inode))
			keep_fd(fcntl(fd, F_DUPFD_CLOEXEC, 100));
	for (unsigned i = before, end = kept.fds; i < end; i++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", kept.fd[i]);
		reopen(path);
	}
}

static uint64_t keep_mapping(unsigned char *at, size_t size)
{
	void *copy = mremap(at, 0, size, MREMAP_MAYMOVE);
	unsigned long start, end;
	unsigned long long inode;
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t found = 0;
	char line[512], path[64];

	if (copy != MAP_FAILED && kept.mappings < KEPT_MAX)
		kept.mapping[kept.mappings++] = copy;
	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %*s %*s %llu", &start, &end, &inode) == 3 &&
		    start <= (uintptr_t)at && (uintptr_t)at < end) {
			found = inode;
			(void)snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
				       start, end);
			reopen(path);
		}
	if (maps)
		(void)fclose(maps);
	return found;
}

int do_keep(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)v;
	for (unsigned n = 0; n < SLOTS; n++) {
		const struct slot *slot = &p->slot[n];

		if (!slot->region || !slot->at)
			continue;
		kept.size = shared_region_size(slot->region);
		keep_object(keep_mapping(slot->at, kept.size));
	}
	said[0] = kept.mappings;
	said[1] = kept.fds;
	for (unsigned i = 0; i < kept.fds; i++)
		said[2] += (fcntl(kept.fd[i], F_GETFL) & O_ACCMODE) == O_RDWR;
	return 0;
}

int do_kept_sees(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)p;
	for (unsigned i = 0; i < kept.mappings; i++) {
		unsigned char byte = 0;

		if (agent_touch(kept.mapping[i] + v[0], NULL, &byte) == 0)
			said[0] += byte == v[1];
	}
	for (unsigned i = 0; i < kept.fds; i++) {
		unsigned char byte = 0;

		if (pread(kept.fd[i], &byte, 1, (off_t)v[0]) == 1)
			said[0] += byte == v[1];
	}
	return 0;
}

int do_kept_stores(struct performer *p, const uint64_t *v, uint64_t *said)
{
	const unsigned char byte = (unsigned char)v[1];

	(void)p;
	for (unsigned i = 0; i < kept.mappings; i++)
		said[0] += agent_touch(kept.mapping[i] + v[0], &byte, NULL) == 0;
	for (unsigned i = 0; i < kept.fds; i++)
		said[0] += pwrite(kept.fd[i], &byte, 1, (off_t)v[0]) == 1;
	return 0;
}

/* ---- trying ----------------------------------------------------------------------------- */

static unsigned tamper_with(int fd)
{
	unsigned worked = 0;
	char path[64];
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int again;

	if (at != MAP_FAILED) {
		worked |= TAMPER_MAP_WRITABLE;
		(void)munmap(at, PAGE);
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again >= 0) {
		worked |= TAMPER_REOPEN;
		(void)close(again);
	}
	if (ftruncate(fd, (off_t)(kept.size + PAGE)) == 0)
		worked |= TAMPER_GROW;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0)
		worked |= TAMPER_SEAL;
	if (fchmod(fd, 0666) == 0)
		worked |= TAMPER_CHMOD;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)PAGE) == 0)
		worked |= TAMPER_PUNCH;
	if (ftruncate(fd, 0) == 0)
		worked |= TAMPER_SHRINK;
	return worked;
}

int do_tamper(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)v;
	for (unsigned n = 0; n < SLOTS; n++) {
		const struct slot *slot = &p->slot[n];

		if (slot->at && mprotect(slot->at, PAGE, PROT_READ | PROT_WRITE) == 0)
			said[0] |= TAMPER_PROTECT;
	}
	for (unsigned i = 0; i < kept.mappings; i++)
		if (mprotect(kept.mapping[i], PAGE, PROT_READ | PROT_WRITE) == 0)
			said[0] |= TAMPER_PROTECT;
	for (unsigned i = 0; i < kept.fds; i++)
		said[0] |= tamper_with(kept.fd[i]);
	said[1] = kept.fds;
	return 0;
}

/* ---- misbehaving towards the broker ----------------------------------------------------- */

static int connect_broker(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/broker",
		       getenv("TRACT_DIR"));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		give_up("no broker to connect to");
	return fd;
}

static void send_bytes(int fd, const void *bytes, size_t size, unsigned descriptors)
{
	char control[CMSG_SPACE(16 * sizeof(int))] = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (descriptors > 0) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
		for (unsigned i = 0; i < descriptors; i++)
			(void)memcpy(CMSG_DATA(c) + i * sizeof(int), &null, sizeof(int));
	}
	/* Past this file's sendmsg(), which would remember it. */
	(void)syscall(SYS_sendmsg, fd, &msg, MSG_NOSIGNAL);
	(void)close(null);
}

static void babble(int fd, enum babble kind, unsigned seed)
{
	static unsigned char big[60000];
	unsigned char bytes[64];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(seed * 31 + i * i * 7 + 1);
	(void)memcpy(big, message, message_size);
	switch (kind) {
	case BABBLE_BYTES:
		send_bytes(fd, bytes, 1 + seed % sizeof(bytes), 0);
		break;
	case BABBLE_EMPTY:
		send_bytes(fd, bytes, 0, 0);
		break;
	case BABBLE_OVERSIZED:
		send_bytes(fd, big, sizeof(big), 0);
		break;
	case BABBLE_TRUNCATED:
		send_bytes(fd, message, message_size / 2 + 1, 0);
		break;
	case BABBLE_DESCRIPTORS:
		send_bytes(fd, message, message_size ? message_size : 8, 1 + seed % 16);
		break;
	default:
		break;
	}
}

int do_babble(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)p;
	for (unsigned n = 0; n < v[1]; n++) {
		int fd = connect_broker();
		struct pollfd heard = { .fd = fd, .events = POLLIN };

		babble(fd, (enum babble)v[0], n);
		/* An answer, or the end of the connection: either is a refusal. */
		if (v[0] != BABBLE_SILENCE)
			said[0] += poll(&heard, 1, SOON) == 1;
		(void)close(fd);
	}
	return 0;
}

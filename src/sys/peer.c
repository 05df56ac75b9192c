/* SPDX-License-Identifier: MIT */
/*
 * peer.c - who is at the other end of a socket
 *
 * The kernel remembers who they were when the socket was connected or made; what they have
 * become since, or whom they gave it to, does not matter.
 */
#include "sys/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/scope.h"

/* Headers older than Linux 6.5 lack it. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static int get_groups(int socket, struct peer *peer)
{
	socklen_t size = sizeof(peer->groups);
	scoped(mem) gid_t *all = NULL;

	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &size) == 0) {
		peer->group_count = size / sizeof(gid_t);
		return 0;
	}
	if (errno != ERANGE)
		return -errno;
	/* The kernel has told the size.  The rest gives nobody rights, and whoever judges by
	 * the groups sees that there may be more. */
	all = malloc(size);
	if (!all)
		return -ENOMEM;
	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, all, &size) < 0)
		return -errno;
	memcpy(peer->groups, all, sizeof(peer->groups));
	peer->group_count = PEER_GROUPS_MAX;
	return 0;
}

int peer_identify(int socket, struct peer *ret_peer)
{
	struct peer peer = { 0 };
	struct ucred ids;
	socklen_t size = sizeof(ids);
	int r;

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &ids, &size) < 0)
		return -errno;
	peer.pid = ids.pid;
	peer.uid = ids.uid;
	peer.gid = ids.gid;
	r = get_groups(socket, &peer);
	if (r < 0)
		return r;
	*ret_peer = peer;
	return 0;
}

int peer_pidfd_of(pid_t pid, int *ret_fd)
{
	long fd;

	if (pid <= 0)
		return -ESRCH;
	fd = syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -errno;
	*ret_fd = (int)fd;
	return 0;
}

int peer_pidfd(int socket, const struct peer *peer, int *ret_fd)
{
	socklen_t size = sizeof(int);
	int fd;

	if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &size) == 0) {
		*ret_fd = fd;
		return 0;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return -errno;
	/* A kernel that knows the option but has no such process: by now the number may be
	 * somebody else's. */
	if (errno != ENOPROTOOPT)
		return -ESRCH;
	return peer_pidfd_of(peer->pid, ret_fd);
}

int peer_pidfd_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* "size resident shared ...", in pages; what is resident and not shared is private. */
static uint64_t read_statm(pid_t pid)
{
	char path[40], text[128];
	unsigned long resident, shared;
	scoped(fd) int fd = -1;
	ssize_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (size < 0)
		return 0;
	text[size] = '\0';
	if (sscanf(text, "%*u %lu %lu", &resident, &shared) < 2 || shared > resident)
		return 0;
	return (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t peer_private_memory(const struct peer *peer, int pidfd)
{
	struct pollfd alive = { .fd = pidfd, .events = POLLIN };
	uint64_t bytes;

	if (peer->pid <= 0 || pidfd < 0)
		return 0;
	bytes = read_statm(peer->pid);
	/* If it lives still, the number was its own while that was read. */
	return poll(&alive, 1, 0) == 0 ? bytes : 0;
}

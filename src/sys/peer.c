/* SPDX-License-Identifier: MIT */
/*
 * peer.c - who is at the other end of a socket
 *
 * The kernel remembers who they were when the socket was connected or made; what they have
 * become since, or whom they gave it to, does not matter.
 */
#include "sys/peer.h"

#include <errno.h>
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
	/* The kernel has told the size.  Who is in more groups than we keep count of has no
	 * more rights by the rest: that errs on the safe side. */
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

/* SPDX-License-Identifier: MIT */
/*
 * peer.h - who is at the other end of a socket, as the kernel says
 */
#ifndef SYS_PEER_H
#define SYS_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PEER_GROUPS_MAX 64

struct peer {
	pid_t pid; /* in our pid namespace; 0 if it has none here */
	uid_t uid; /* effective */
	gid_t gid; /* effective */
	unsigned group_count;
	gid_t groups[PEER_GROUPS_MAX]; /* supplementary */
};

int peer_identify(int socket, struct peer *ret_peer);
/* A pidfd of the peer, readable once it has died; -ESRCH if that cannot be had. */
int peer_pidfd(int socket, const struct peer *peer, int *ret_fd);
/* A pidfd of a process; -ESRCH if there is none.  Only a child of ours surely keeps its pid. */
int peer_pidfd_of(pid_t pid, int *ret_fd);
int peer_pidfd_signal(int pidfd, int signal);
/* Bytes of private memory that a process has, as the kernel counts them; 0 if it does not tell
 * us.  @pidfd is of the peer. */
uint64_t peer_private_memory(const struct peer *peer, int pidfd);

#endif

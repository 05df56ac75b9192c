/* SPDX-License-Identifier: MIT */
/*
 * event.h - thin wrappers of epoll, signalfd and pipes
 *
 * Polling is level-triggered.  EVENT_HUP is reported, asked for or not, once both ends are
 * closed or in error; asked for, also once the other end has stopped sending.
 */
#ifndef SYS_EVENT_H
#define SYS_EVENT_H

#include <poll.h>
#include <signal.h>
#include <stdint.h>

enum event_mask { EVENT_IN = 1, EVENT_OUT = 2, EVENT_HUP = 4 };

struct event_ready {
	uint64_t tag;
	unsigned mask;
};

int event_poll_new(int *ret_fd);
int event_poll_add(int poll, int fd, unsigned mask, uint64_t tag);
int event_poll_change(int poll, int fd, unsigned mask, uint64_t tag);
void event_poll_remove(int poll, int fd);
/* How many of @ready were filled (0 on time-out), or -errno. */
int event_poll_wait(int poll, struct event_ready *ready, unsigned capacity, int timeout_ms);

/* poll(2): how many are ready, or -errno. */
int event_poll_descriptors(struct pollfd *fds, nfds_t count, int timeout_ms);

int event_signal_new(const sigset_t *set, int *ret_fd);
int event_pipe_new(int ret_fds[2]); /* non-blocking: [0] reads, [1] writes */
/* At least one byte is in it, if it has a reader.  Never waits, never raises SIGPIPE. */
void event_pipe_fill(int fd);
void event_pipe_drain(int fd); /* nothing is in it */
/* None of the three does anything to what is no pipe, as a program's file that got the number
 * after the program had closed ours. */
void event_pipe_close(int fd);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * sock.h - local sockets that keep message boundaries and carry descriptors
 *
 * Every descriptor is born close-on-exec.  No call here raises SIGPIPE.
 */
#ifndef SYS_SOCK_H
#define SYS_SOCK_H

#include <stddef.h>

#define SOCK_FDS_MAX 4

/*
 * Sockets are non-blocking unless said otherwise.  What is at @path already is in the way:
 * -EADDRINUSE.  -ENAMETOOLONG if @path does not fit a socket address (107 bytes).
 */
int sock_listen(const char *path, unsigned mode, int *ret_fd);
int sock_accept(int listener, int *ret_fd);
/* A blocking connection. -ENOENT, -ECONNREFUSED: nobody listens. */
int sock_connect(const char *path, int *ret_fd);
int sock_pair(int ret_fds[2]);

/* One message of at least one byte.  0, -EAGAIN if the peer's queue is full (non-blocking),
 * -EPIPE/-ECONNRESET if it is gone. */
int sock_send(int fd, const void *bytes, size_t size, const int *fds, unsigned fd_count);
/*
 * One message: *ret_size bytes (0: the peer has closed) and *ret_fd_count descriptors, which
 * are the caller's.  -EAGAIN (non-blocking), -EINTR, -ECONNRESET; -EMSGSIZE if it was larger
 * than @capacity or carried more than SOCK_FDS_MAX descriptors (which are closed); -EMFILE if
 * this process cannot have the descriptors (which are lost; the bytes are there).
 */
int sock_receive(int fd, void *bytes, size_t capacity, size_t *ret_size, int fds[SOCK_FDS_MAX],
		 unsigned *ret_fd_count);
/* The same, but never waiting, even if whoever else has the socket made it block. */
int sock_send_now(int fd, const void *bytes, size_t size, const int *fds, unsigned fd_count);
int sock_receive_now(int fd, void *bytes, size_t capacity, size_t *ret_size,
		     int fds[SOCK_FDS_MAX], unsigned *ret_fd_count);
/* Waits until readable.  0, -ETIMEDOUT, -EINTR. */
int sock_wait_readable(int fd, int timeout_ms);
/* Has the other end closed its own, as far as is known here? */
int sock_is_hung_up(int fd);
int sock_set_blocking(int fd, int blocking);
/* The peer, and whoever waits on @fd, sees the end. */
void sock_shutdown(int fd);

/*
 * Of connections between hosts, which others opened in this process: those to the address with
 * these bytes, of a struct sockaddr, end for who reads them, behind what has come already, and
 * send nothing more once they are closed, also not what they were given before.  Whoever closes
 * them says that it was lost.
 */
void sock_abandon(const void *address, size_t size);

#endif

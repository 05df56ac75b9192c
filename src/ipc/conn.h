/* SPDX-License-Identifier: MIT */
/*
 * conn.h - one peer that messages are exchanged with
 *
 * A message goes and comes whole, with the descriptors the table says.  Whatever breaks the
 * rules (bytes that are no message, descriptors too many or too few, too large) ends the peer:
 * the connection is shut down and every later call says -ENOTCONN.  Descriptors that were
 * received for nothing are closed.  The socket itself is closed by conn_close() alone, so that
 * its owner can first take it out of a loop.
 *
 * A connection either blocks (the library: send, then wait for the answer) or never does (the
 * broker).  The latter keeps what the peer was too slow to take, up to a limit, and sends it
 * with conn_flush() once the socket is writable.
 *
 * No lock: one thread at a time.
 */
#ifndef IPC_CONN_H
#define IPC_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/spin.h"
#include "sys/sock.h"
#include "wire/wire.h"

/* No message of the table carries more. */
#define CONN_FDS_MAX SOCK_FDS_MAX

/* What is kept for a slow peer. */
#define CONN_QUEUE_MESSAGES 1024u
#define CONN_QUEUE_BYTES (64u * 1024)
#define CONN_QUEUE_FDS 64u

struct conn;
struct conn_pending;

/* Called with each message that passed, as it was on the wire. */
typedef void (*conn_tap)(void *arg, bool sent, const void *bytes, size_t size);

struct conn {
	int fd; /* -1: closed */
	bool blocking;
	bool broken;
	unsigned queued; /* messages */
	unsigned queued_fds;
	size_t queued_bytes;
	struct conn_pending *first, *last;
	struct spin spin; /* before the answer of a call */
	conn_tap tap;	  /* NULL: none */
	void *tap_arg;
};

#define CONN_CLOSED                      \
	{                                \
		.fd = -1, .broken = true \
	}

/* Consumes @fd.  Sets its blocking mode; cannot fail. */
void conn_open(struct conn *c, int fd, bool blocking);
/* Closes; what is queued is lost.  A closed connection is fine. */
void conn_close(struct conn *c);
bool conn_is_open(const struct conn *c);

/*
 * A blocking connection gives up waiting for its peer after @ms milliseconds; the call then
 * says -ETIMEDOUT and the connection is ended, since an answer might still come.
 */
void conn_set_patience(struct conn *c, unsigned ms);

/*
 * Sends or queues one message; @fds are borrowed (duplicated if need be).  0, -ENOTCONN once
 * the peer is gone, -ENOBUFS if it is too slow (nothing was sent, the connection is as
 * before), -EINVAL for a message that cannot be encoded or @fd_count not being the table's,
 * -ENOMEM, -EMFILE.  -ETIMEDOUT and -EINTR (nothing was sent) if it blocks.
 */
int conn_send(struct conn *c, const struct message *message, const int *fds, unsigned fd_count);

/* Sends what is queued.  0 once nothing is, -EAGAIN if some is left, -ENOTCONN. */
int conn_flush(struct conn *c);
bool conn_has_output(const struct conn *c);

/*
 * Receives one message.  @fds[0..*ret_fd_count) are the caller's.  0, -EAGAIN if it does not
 * block and there is none, -ENOTCONN once the peer has closed, -EPROTO if it broke the rules
 * (now or before), -EINTR, -ETIMEDOUT.  -EMFILE, if it blocks: the message is there without its
 * descriptors, which this process cannot have, and the connection is as before.
 */
int conn_receive(struct conn *c, struct message *ret_message, int fds[CONN_FDS_MAX],
		 unsigned *ret_fd_count);

/*
 * Sends @request and waits for the message with its serial, which becomes *ret_reply.  For
 * blocking connections on which nothing but replies arrives.  Never says -EINTR: a call once
 * begun is finished.  -EMFILE as conn_receive().  @fds may be NULL with @fd_count 0.  A peer
 * that refused @request and left, perhaps without having read it, is heard: that returns 0, and
 * the connection has ended.
 */
int conn_call(struct conn *c, const struct message *request, const int *fds, unsigned fd_count,
	      struct message *ret_reply, int ret_fds[CONN_FDS_MAX], unsigned *ret_fd_count);

/* Closes received descriptors. */
void conn_drop_fds(int *fds, unsigned count);

#endif

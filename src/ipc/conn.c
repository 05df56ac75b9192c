/* SPDX-License-Identifier: MIT */
#include "ipc/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/scope.h"

/* A broker that sleeps has to be woken, and then has work to do. */
#define ANSWER_NS (2 * SPIN_NS)

struct conn_pending {
	struct conn_pending *next;
	size_t size;
	unsigned fd_count;
	int fds[CONN_FDS_MAX];
	uint8_t bytes[];
};

void conn_drop_fds(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		fd_scope_end(&fds[i]);
}

void conn_open(struct conn *c, int fd, bool blocking)
{
	*c = (struct conn){ .fd = fd, .blocking = blocking, .spin = spin_for(ANSWER_NS) };
	(void)sock_set_blocking(fd, blocking);
}

static void pending_free(struct conn_pending *p)
{
	if (!p)
		return;
	conn_drop_fds(p->fds, p->fd_count);
	free(p);
}

DEFINE_SCOPE(pending, struct conn_pending, pending_free);

static struct conn_pending *take_first(struct conn *c)
{
	struct conn_pending *p = c->first;

	c->first = p->next;
	if (!c->first)
		c->last = NULL;
	c->queued--;
	c->queued_fds -= p->fd_count;
	c->queued_bytes -= p->size;
	return p;
}

void conn_close(struct conn *c)
{
	while (c->first)
		pending_free(take_first(c));
	fd_scope_end(&c->fd);
	c->fd = -1;
	c->broken = true;
}

bool conn_is_open(const struct conn *c)
{
	return !c->broken;
}

/* The peer is done with.  It learns so at once, though the descriptor stays for its owner. */
static int conn_break(struct conn *c, int error)
{
	c->broken = true;
	if (c->fd >= 0)
		(void)shutdown(c->fd, SHUT_RDWR);
	return error;
}

void conn_set_patience(struct conn *c, unsigned ms)
{
	struct timeval patience = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

static int send_bytes(struct conn *c, const void *bytes, size_t size, const int *fds,
		      unsigned fd_count)
{
	if (c->blocking)
		return sock_send(c->fd, bytes, size, fds, fd_count);
	return sock_send_now(c->fd, bytes, size, fds, fd_count);
}

static int enqueue(struct conn *c, const void *bytes, size_t size, const int *fds,
		   unsigned fd_count)
{
	scoped(pending) struct conn_pending *p = NULL;

	if (c->queued >= CONN_QUEUE_MESSAGES || c->queued_bytes + size > CONN_QUEUE_BYTES ||
	    c->queued_fds + fd_count > CONN_QUEUE_FDS)
		return -ENOBUFS;
	p = malloc(sizeof(*p) + size);
	if (!p)
		return -ENOMEM;
	*p = (struct conn_pending){ .size = size };
	memcpy(p->bytes, bytes, size);
	for (unsigned i = 0; i < fd_count; i++) {
		p->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (p->fds[i] < 0)
			return -EMFILE;
		p->fd_count++;
	}
	if (c->last)
		c->last->next = p;
	else
		c->first = p;
	c->last = p;
	c->queued++;
	c->queued_bytes += size;
	c->queued_fds += fd_count;
	(void)steal(p);
	return 0;
}

static int send_or_queue(struct conn *c, const void *bytes, size_t size, const int *fds,
			 unsigned fd_count)
{
	int r;

	if (c->first)
		return enqueue(c, bytes, size, fds, fd_count);
	r = send_bytes(c, bytes, size, fds, fd_count);
	if (r == 0 || r == -EINTR)
		return r;
	if (r == -EAGAIN && c->blocking)
		return conn_break(c, -ETIMEDOUT);
	if (r == -EAGAIN)
		return enqueue(c, bytes, size, fds, fd_count);
	return conn_break(c, -ENOTCONN);
}

int conn_send(struct conn *c, const struct message *message, const int *fds, unsigned fd_count)
{
	uint8_t buffer[WIRE_SIZE_MAX];
	size_t size;
	int r;

	if (c->broken)
		return -ENOTCONN;
	if (wire_descriptors(message->number) != (int)fd_count)
		return -EINVAL;
	r = wire_encode(message, buffer, &size);
	if (r < 0)
		return r;
	r = send_or_queue(c, buffer, size, fds, fd_count);
	if (r < 0)
		return r;
	if (c->tap)
		c->tap(c->tap_arg, true, buffer, size);
	return 0;
}

int conn_flush(struct conn *c)
{
	while (c->first && !c->broken) {
		const struct conn_pending *p = c->first;
		int r = send_bytes(c, p->bytes, p->size, p->fds, p->fd_count);

		if (r == -EAGAIN)
			return -EAGAIN;
		if (r < 0 && r != -EINTR)
			return conn_break(c, -ENOTCONN);
		if (r == 0)
			pending_free(take_first(c));
	}
	return c->broken ? -ENOTCONN : 0;
}

bool conn_has_output(const struct conn *c)
{
	return c->first != NULL;
}

static int receive_failed(struct conn *c, int error)
{
	switch (error) {
	case -EINTR:
		return error;
	case -EAGAIN:
		return conn_break(c, -ETIMEDOUT);
	case -EMFILE:
	case -EMSGSIZE:
		return conn_break(c, -EPROTO);
	default:
		return conn_break(c, -ENOTCONN);
	}
}

/* @sleeps: until there is something. */
static int receive(struct conn *c, bool sleeps, struct message *ret_message,
		   int fds[CONN_FDS_MAX], unsigned *ret_fd_count)
{
	uint8_t buffer[WIRE_SIZE_MAX];
	unsigned fd_count = 0;
	size_t size = 0;
	int r;

	if (c->broken)
		return -ENOTCONN;
	if (sleeps)
		r = sock_receive(c->fd, buffer, sizeof(buffer), &size, fds, &fd_count);
	else
		r = sock_receive_now(c->fd, buffer, sizeof(buffer), &size, fds, &fd_count);
	if (r == -EMFILE && c->blocking && wire_inspect(buffer, size, ret_message) == 0) {
		*ret_fd_count = 0;
		return r;
	}
	if (r == -EAGAIN && !sleeps)
		return r;
	if (r < 0)
		return receive_failed(c, r);
	if (size == 0 && fd_count == 0)
		return conn_break(c, -ENOTCONN);
	r = wire_decode(buffer, size, fd_count, ret_message);
	if (r < 0) {
		conn_drop_fds(fds, fd_count);
		return conn_break(c, -EPROTO);
	}
	if (c->tap)
		c->tap(c->tap_arg, false, buffer, size);
	*ret_fd_count = fd_count;
	return 0;
}

int conn_receive(struct conn *c, struct message *ret_message, int fds[CONN_FDS_MAX],
		 unsigned *ret_fd_count)
{
	return receive(c, c->blocking, ret_message, fds, ret_fd_count);
}

/* One that is received, or what became of it. */
struct receipt {
	struct conn *c;
	struct message *message;
	int *fds;
	unsigned *fd_count;
	int r;
};

static bool has_received(void *arg)
{
	struct receipt *receipt = arg;

	receipt->r =
		receive(receipt->c, false, receipt->message, receipt->fds, receipt->fd_count);
	return receipt->r != -EAGAIN;
}

static int receive_answer(struct conn *c, struct message *ret_message, int fds[CONN_FDS_MAX],
			  unsigned *ret_fd_count)
{
	struct receipt receipt = { c, ret_message, fds, ret_fd_count, -EAGAIN };
	uint64_t start, took;
	bool found;
	int r;

	if (spin_pays(&c->spin)) {
		found = spin_until(c->spin.ns, has_received, &receipt, &took);
		spin_looked(&c->spin, found, took);
		if (found)
			return receipt.r;
	}
	start = clock_now();
	r = conn_receive(c, ret_message, fds, ret_fd_count);
	spin_slept(&c->spin, clock_now() - start);
	return r;
}

/* Why the peer left, if it said so: on a socket that has ended, what had come is still there,
 * perhaps behind the news of the end. */
static int last_words(struct conn *c, uint32_t serial, struct message *ret_reply)
{
	uint8_t buffer[WIRE_SIZE_MAX];
	int fds[CONN_FDS_MAX];
	unsigned fd_count = 0;
	size_t size = 0;
	int r = -ENOTCONN;

	for (unsigned tries = 0; tries < 2 && r < 0; tries++)
		r = sock_receive_now(c->fd, buffer, sizeof(buffer), &size, fds, &fd_count);
	if (r < 0)
		return -ENOTCONN;
	r = wire_decode(buffer, size, fd_count, ret_reply);
	conn_drop_fds(fds, fd_count);
	return r == 0 && ret_reply->number == MSG_refused && ret_reply->serial == serial
		       ? 0
		       : -ENOTCONN;
}

int conn_call(struct conn *c, const struct message *request, const int *fds, unsigned fd_count,
	      struct message *ret_reply, int ret_fds[CONN_FDS_MAX], unsigned *ret_fd_count)
{
	unsigned count = 0;
	int r;

	do
		r = conn_send(c, request, fds, fd_count);
	while (r == -EINTR);
	if (r == 0)
		do
			r = receive_answer(c, ret_reply, ret_fds, &count);
		while (r == -EINTR);
	if (r == -ENOTCONN)
		r = last_words(c, request->serial, ret_reply);
	if (r < 0 && r != -EMFILE)
		return r;
	if (ret_reply->serial != request->serial) {
		conn_drop_fds(ret_fds, count);
		return conn_break(c, -EPROTO);
	}
	*ret_fd_count = count;
	return r;
}

/* SPDX-License-Identifier: MIT */
#include "link/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static void on_ready(void *arg, unsigned mask);

DEFINE_SCOPE(link_stream, struct link_stream, link_stream_free);

static int stream_new(const struct link_stream_setup *setup, struct link_stream **ret_stream)
{
	struct link_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->loop = setup->loop;
	s->secret = setup->secret;
	s->owner = setup->owner;
	s->arg = setup->arg;
	s->fd = -1;
	s->source = (struct loop_source){ .fd = -1, .ready = on_ready, .arg = s };
	*ret_stream = s;
	return 0;
}

void link_stream_end(struct link_stream *s)
{
	loop_remove(s->loop, &s->source);
	/* Of a lookup the descriptor is the lookup's. */
	if (s->lookup)
		s->fd = -1;
	tcp_lookup_end(steal(s->lookup));
	fd_scope_end(&s->fd);
	s->fd = -1;
	link_tls_close(&s->tls);
	s->phase = STREAM_ENDED;
}

void link_stream_free(struct link_stream *s)
{
	if (!s)
		return;
	link_stream_end(s);
	OPENSSL_cleanse(&s->frames, sizeof(s->frames));
	free(s);
}

/* It is over, and the owner does not know it. */
static void fall(struct link_stream *s, const char *why)
{
	bool told = s->phase != STREAM_FINISHING && s->phase != STREAM_ENDED;
	char words[256];

	/* They may be where the next reason goes. */
	(void)snprintf(words, sizeof(words), "%s", why);
	link_stream_end(s);
	if (told)
		s->owner->ended(s->arg, s, words);
}

/* ---- output ----------------------------------------------------------------------------- */

static size_t pending(const struct link_stream *s)
{
	return s->out_end - s->out_at + link_tls_pending(&s->tls);
}

/* 0 once all is out, -EAGAIN if the other end is slow, or why it is gone. */
static int flush(struct link_stream *s)
{
	size_t sent = 0;
	int r;

	for (;;) {
		if (s->out_at == s->out_end) {
			s->out_at = 0;
			s->out_end = link_tls_take(&s->tls, s->out, sizeof(s->out));
		}
		if (s->out_at == s->out_end)
			return 0;
		r = tcp_send(s->fd, s->out + s->out_at, s->out_end - s->out_at, &sent);
		if (r < 0)
			return r;
		s->out_at += sent;
		s->sent += sent;
	}
}

static void watch(struct link_stream *s)
{
	if (s->source.fd >= 0)
		(void)loop_change(s->loop, &s->source,
				  pending(s) ? EVENT_IN | EVENT_OUT : EVENT_IN);
}

/* Sends what can be sent.  Negative if the stream has fallen. */
static int push(struct link_stream *s)
{
	int r = flush(s);

	if (r < 0 && r != -EAGAIN) {
		fall(s, "its connection is gone");
		return r;
	}
	watch(s);
	return 0;
}

int link_stream_send(struct link_stream *s, const struct message *message)
{
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;
	int r;

	if (s->phase != STREAM_OPEN)
		return -ENOTCONN;
	r = wire_encode(message, bytes, &size);
	if (r < 0)
		return r;
	if (pending(s) + size > STREAM_OUTPUT_MAX)
		return -ENOBUFS;
	if (link_tls_write(&s->tls, bytes, size) < 0)
		return -ENOTCONN;
	if (s->owner->tap)
		s->owner->tap(s->arg, s, true, bytes, size);
	/* That it is gone, if it is, is found out by reading: the caller is not called. */
	(void)flush(s);
	watch(s);
	return 0;
}

void link_stream_finish(struct link_stream *s)
{
	int r;

	if (s->phase == STREAM_FINISHING || s->phase == STREAM_ENDED)
		return;
	if (s->phase != STREAM_OPEN) {
		link_stream_end(s);
		return;
	}
	s->phase = STREAM_FINISHING;
	link_tls_finish(&s->tls);
	r = flush(s);
	if (r == 0)
		tcp_stop_sending(s->fd);
	else if (r != -EAGAIN)
		link_stream_end(s);
	watch(s);
}

/* ---- input ------------------------------------------------------------------------------ */

static bool is_open(const struct link_stream *s)
{
	return s->phase == STREAM_OPEN;
}

/* Messages as long as the owner wants them.  0, or negative at the end of what there is. */
static int hear_some(struct link_stream *s)
{
	struct message message;
	size_t room, size = 0;
	void *place;
	int r;

	while (is_open(s) && (r = frames_next(&s->frames, &message)) == 0) {
		if (s->owner->tap) {
			uint8_t bytes[WIRE_SIZE_MAX];

			if (wire_encode(&message, bytes, &size) == 0)
				s->owner->tap(s->arg, s, false, bytes, size);
		}
		s->owner->heard(s->arg, s, &message);
	}
	if (!is_open(s))
		return -ENOTCONN;
	if (r == -EPROTO) {
		fall(s, "it said what is no message");
		return r;
	}
	place = frames_room(&s->frames, &room);
	r = link_tls_read(&s->tls, place, room, &size);
	if (r == 0)
		frames_added(&s->frames, size);
	else if (r == -ENOTCONN)
		fall(s, "it has closed the connection");
	else if (r != -EAGAIN)
		fall(s, error_reason());
	return r;
}

static void hear(struct link_stream *s)
{
	while (is_open(s) && hear_some(s) == 0)
		continue;
}

/* The other end is told, if it understands TLS, and then it is over. */
static void distrust(struct link_stream *s)
{
	(void)flush(s);
	tcp_stop_sending(s->fd);
	fall(s, error_reason());
}

static void shake(struct link_stream *s)
{
	int r = link_tls_shake(&s->tls);

	if (r == -EACCES) {
		distrust(s);
		return;
	}
	if (r == 0) {
		s->phase = STREAM_OPEN;
		/* What completes the handshake goes before whatever the owner says. */
		if (push(s) == 0)
			s->owner->secured(s->arg, s);
	} else if (s->received > STREAM_SHAKE_MAX) {
		fall(s, "it said much without proving that it belongs to the cluster");
	}
}

/* One chunk a turn, so that the others have theirs.  0 or negative. */
static int take_in(struct link_stream *s)
{
	uint8_t chunk[STREAM_CHUNK];
	size_t size = 0;
	int r;

	r = tcp_receive(s->fd, chunk, sizeof(chunk), &size);
	if (r == -EAGAIN)
		return r;
	if (r < 0 || size == 0) {
		fall(s, s->phase == STREAM_SHAKING
				? "it has closed the connection before it was secure; its "
				  "log says why"
				: "it has closed the connection");
		return -ENOTCONN;
	}
	s->received += size;
	if (s->phase != STREAM_FINISHING && link_tls_feed(&s->tls, chunk, size) < 0) {
		fall(s, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

/* ---- connecting ------------------------------------------------------------------------- */

static int begin_shaking(struct link_stream *s)
{
	int r = link_tls_open(&s->tls, s->secret, s->node != 0, s->node);

	if (r < 0)
		return r;
	s->phase = STREAM_SHAKING;
	tcp_peer(s->fd, s->peer);
	return 0;
}

static int connect_to(struct link_stream *s, const struct tcp_address *address)
{
	int r = tcp_dial(address, &s->fd);

	if (r < 0)
		return fail(r, "its address cannot be reached from here (%s)", error_name(r));
	s->phase = STREAM_CONNECTING;
	return loop_add(s->loop, &s->source, s->fd, EVENT_OUT);
}

static void end_lookup(struct link_stream *s)
{
	struct tcp_address address;
	int r = tcp_lookup_result(s->lookup, &address);

	loop_remove(s->loop, &s->source);
	tcp_lookup_end(steal(s->lookup));
	s->fd = -1;
	if (r < 0) {
		fall(s, r == -ENOENT ? "nobody knows the host that its address names"
				     : "the host that its address names cannot be looked up "
				       "now");
		return;
	}
	if (connect_to(s, &address) < 0)
		fall(s, "its address cannot be reached from here");
}

static void end_connecting(struct link_stream *s)
{
	char why[128];
	int r = tcp_dialled(s->fd);

	if (r == -ECONNREFUSED) {
		fall(s, "nobody listens at its address: its broker does not run, or with "
			"another address");
		return;
	}
	if (r < 0) {
		(void)snprintf(why, sizeof(why), "its address cannot be reached (%s)",
			       error_name(r));
		fall(s, why);
		return;
	}
	if (begin_shaking(s) < 0) {
		fall(s, "out of memory");
		return;
	}
	/* The first word is who dialled's. */
	shake(s);
	if (s->phase == STREAM_SHAKING)
		(void)push(s);
}

static void go_on_finishing(struct link_stream *s, unsigned mask)
{
	int r = pending(s) ? flush(s) : -EAGAIN;

	if (r == 0)
		tcp_stop_sending(s->fd);
	if (r < 0 && r != -EAGAIN)
		link_stream_end(s);
	else if (mask & (EVENT_IN | EVENT_HUP))
		while (s->phase == STREAM_FINISHING && take_in(s) == 0)
			continue;
	watch(s);
}

static void on_ready(void *arg, unsigned mask)
{
	struct link_stream *s = arg;

	switch (s->phase) {
	case STREAM_LOOKING_UP:
		end_lookup(s);
		return;
	case STREAM_CONNECTING:
		end_connecting(s);
		return;
	case STREAM_FINISHING:
		go_on_finishing(s, mask);
		return;
	case STREAM_ENDED:
		return;
	default:
		break;
	}
	if ((mask & EVENT_OUT) && push(s) < 0)
		return;
	if (!(mask & (EVENT_IN | EVENT_HUP)) || take_in(s) < 0)
		return;
	if (s->phase == STREAM_SHAKING)
		shake(s);
	hear(s);
	if (s->phase == STREAM_SHAKING || s->phase == STREAM_OPEN)
		(void)push(s);
}

int link_stream_dial(const struct link_stream_setup *setup, const char *host, uint16_t port,
		     uint32_t node, struct link_stream **ret_stream)
{
	scoped(link_stream) struct link_stream *s = NULL;
	struct tcp_address address;
	int r;

	r = stream_new(setup, &s);
	if (r < 0)
		return r;
	s->node = node;
	s->port = port;
	if (tcp_address_of(host, port, &address) == 0) {
		r = connect_to(s, &address);
	} else {
		s->phase = STREAM_LOOKING_UP;
		r = tcp_lookup_begin(host, port, &s->lookup, &s->fd);
		if (r == 0)
			r = loop_add(s->loop, &s->source, s->fd, EVENT_IN);
	}
	if (r < 0)
		return r;
	*ret_stream = steal(s);
	return 0;
}

int link_stream_accept(const struct link_stream_setup *setup, int fd,
		       struct link_stream **ret_stream)
{
	scoped(link_stream) struct link_stream *s = NULL;
	scoped(fd) int own = fd;
	int r;

	r = stream_new(setup, &s);
	if (r < 0)
		return r;
	s->fd = steal_fd(&own);
	r = begin_shaking(s);
	if (r == 0)
		r = loop_add(s->loop, &s->source, s->fd, EVENT_IN);
	if (r < 0)
		return r;
	*ret_stream = steal(s);
	return 0;
}

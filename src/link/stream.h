/* SPDX-License-Identifier: MIT */
/*
 * stream.h - one connection to another broker: TCP, TLS and messages, in a loop
 *
 * Nothing here waits.  What the other end is too slow to take is kept up to a limit; before it
 * has proved that it belongs to the cluster it gets nothing but what TLS needs for that, and
 * may say only so much.  How long it may take is up to the owner.
 *
 * The owner is called from the loop: once the stream is secure, for each message, and once if
 * it ends.  It may say link_stream_end() or link_stream_finish() from there, and then hears
 * no more; link_stream_free() it says between turns.
 */
#ifndef LINK_STREAM_H
#define LINK_STREAM_H

#include "ipc/loop.h"
#include "link/frames.h"
#include "link/tls.h"
#include "sys/tcp.h"

#define STREAM_OUTPUT_MAX (256u << 10)
/* A certificate's chain has a few KiB. */
#define STREAM_SHAKE_MAX (64u << 10)
#define STREAM_CHUNK (16u << 10)

struct link_stream;

struct link_stream_owner {
	void (*secured)(void *arg, struct link_stream *s);
	void (*heard)(void *arg, struct link_stream *s, const struct message *message);
	/* @why: for people, good until the call returns. */
	void (*ended)(void *arg, struct link_stream *s, const char *why);
	/* Each message that passed, as it was before it was encrypted.  May be NULL. */
	void (*tap)(void *arg, struct link_stream *s, bool sent, const void *bytes,
		    size_t size);
};

enum stream_phase {
	STREAM_LOOKING_UP,
	STREAM_CONNECTING,
	STREAM_SHAKING,
	STREAM_OPEN,
	STREAM_FINISHING, /* what was said goes out, and nothing is heard */
	STREAM_ENDED,
};

struct link_stream {
	struct loop *loop;
	struct loop_source source;
	int fd;
	enum stream_phase phase;
	const struct link_secret *secret;
	uint32_t node; /* dialled; 0: accepted */
	uint16_t port;
	struct tcp_lookup *lookup;
	struct link_tls tls;
	struct link_frames frames;
	size_t out_at, out_end;
	uint8_t out[STREAM_CHUNK];
	uint64_t received, sent; /* bytes on the network */
	const struct link_stream_owner *owner;
	void *arg;
	char peer[TCP_TEXT_SIZE]; /* its address; "": none yet */
};

/* What both begin with.  @loop, @secret and @owner are borrowed. */
struct link_stream_setup {
	struct loop *loop;
	const struct link_secret *secret;
	const struct link_stream_owner *owner;
	void *arg;
};

/* Begins to connect to @host, which must be @node's broker.  0, or -errno with a reason. */
int link_stream_dial(const struct link_stream_setup *setup, const char *host, uint16_t port,
		     uint32_t node, struct link_stream **ret_stream);
/* Consumes @fd, on which somebody has dialled this broker. */
int link_stream_accept(const struct link_stream_setup *setup, int fd,
		       struct link_stream **ret_stream);
/* NULL is allowed. */
void link_stream_free(struct link_stream *s);

/* 0; -ENOTCONN if it is not open; -ENOBUFS if the other end is too slow; -EINVAL. */
int link_stream_send(struct link_stream *s, const struct message *message);
/* Ends it once the other end has taken what was said, or the owner ends it for good. */
void link_stream_finish(struct link_stream *s);
void link_stream_end(struct link_stream *s);

static inline bool link_stream_has_ended(const struct link_stream *s)
{
	return s->phase == STREAM_ENDED;
}

#endif

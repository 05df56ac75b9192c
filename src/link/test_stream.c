/* SPDX-License-Identifier: MIT */
#include "link/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"
#include "test.h"

/* What one end of a stream was told. */
struct end {
	struct link_stream *stream;
	unsigned secured, heard, ended, tapped;
	bool finish_when_heard;
	struct message last;
	char why[256];
};

static void on_secured(void *arg, struct link_stream *s)
{
	struct end *e = arg;

	(void)s;
	e->secured++;
}

static void on_heard(void *arg, struct link_stream *s, const struct message *message)
{
	struct end *e = arg;

	e->heard++;
	e->last = *message;
	if (e->finish_when_heard)
		link_stream_finish(s);
}

static void on_ended(void *arg, struct link_stream *s, const char *why)
{
	struct end *e = arg;

	(void)s;
	e->ended++;
	(void)snprintf(e->why, sizeof(e->why), "%s", why);
}

static void on_tap(void *arg, struct link_stream *s, bool sent, const void *bytes, size_t size)
{
	struct end *e = arg;

	(void)s;
	(void)sent;
	(void)bytes;
	e->tapped += size > 0;
}

static const struct link_stream_owner owner = { on_secured, on_heard, on_ended, on_tap };

struct rig {
	struct loop loop;
	struct link_secret *secret;
	int listener;
	uint16_t port;
	struct end dialler, dialled;
};

static struct link_secret *secret_named(const char *name)
{
	struct link_secret *secret;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", test_directory(), name);
	(void)link_key_make(path);
	EXPECT_EQ(link_secret_of_key(path, &secret), 0);
	return secret;
}

static void rig_up(struct rig *rig)
{
	struct tcp_address address;
	struct sockaddr_in name;
	socklen_t size = sizeof(name);

	*rig = (struct rig){ .secret = secret_named("key") };
	EXPECT_EQ(loop_init(&rig->loop), 0);
	EXPECT_EQ(tcp_address_of("127.0.0.1", 0, &address), 0);
	EXPECT_EQ(tcp_listen(&address, &rig->listener), 0);
	EXPECT_EQ(getsockname(rig->listener, (struct sockaddr *)(void *)&name, &size), 0);
	rig->port = ntohs(name.sin_port);
}

static void rig_down(struct rig *rig)
{
	link_stream_free(rig->dialler.stream);
	link_stream_free(rig->dialled.stream);
	(void)close(rig->listener);
	loop_deinit(&rig->loop);
	link_secret_free(rig->secret);
}

static void dial(struct rig *rig, const struct link_secret *secret, const char *host)
{
	struct link_stream_setup setup = { &rig->loop, secret, &owner, &rig->dialler };

	EXPECT_EQ(link_stream_dial(&setup, host, rig->port, 2, &rig->dialler.stream), 0);
}

/* One turn, which comes soon even if nothing is ready. */
static uint64_t soon(void *arg)
{
	(void)arg;
	return clock_deadline_ms(5);
}

static void turn(struct rig *rig)
{
	struct link_stream_setup setup = { &rig->loop, rig->secret, &owner, &rig->dialled };
	int fd;

	rig->loop.deadline = soon;
	EXPECT_EQ(loop_step(&rig->loop), 0);
	if (!rig->dialled.stream && tcp_accept(rig->listener, &fd) == 0)
		EXPECT_EQ(link_stream_accept(&setup, fd, &rig->dialled.stream), 0);
}

#define TURN_UNTIL(rig, condition)                                        \
	do {                                                              \
		uint64_t limit_ = clock_deadline_ms(10000);               \
		while (!(condition) && clock_left(limit_) > 0)            \
			turn(rig);                                        \
		EXPECT_OR_SAY(condition, "never came true: " #condition); \
	} while (0)

static void connect_both(struct rig *rig)
{
	dial(rig, rig->secret, "127.0.0.1");
	TURN_UNTIL(rig, rig->dialler.secured && rig->dialled.secured);
}

static struct message beat(uint64_t sent)
{
	struct message m = { .number = MSG_link_beat, .serial = (uint32_t)sent };

	m.link_beat.sent = sent;
	return m;
}

TEST(two_with_one_key_hear_each_other)
{
	struct message m = beat(5);
	struct rig rig;

	rig_up(&rig);
	connect_both(&rig);
	EXPECT_EQ(link_stream_send(rig.dialler.stream, &m), 0);
	m = beat(6);
	EXPECT_EQ(link_stream_send(rig.dialled.stream, &m), 0);
	TURN_UNTIL(&rig, rig.dialler.heard && rig.dialled.heard);
	EXPECT_EQ(rig.dialled.last.link_beat.sent, 5);
	EXPECT_EQ(rig.dialler.last.link_beat.sent, 6);
	EXPECT_EQ(rig.dialler.tapped, 2);
	EXPECT_EQ(rig.dialler.stream->received, rig.dialled.stream->sent);
	EXPECT(rig.dialler.stream->received > 0);
	EXPECT(strncmp(rig.dialled.stream->peer, "127.0.0.1:", 10) == 0);
	rig_down(&rig);
}

TEST(a_host_with_a_name_is_looked_up)
{
	unsigned before = test_count_fds();
	struct rig rig;

	rig_up(&rig);
	dial(&rig, rig.secret, "localhost");
	TURN_UNTIL(&rig, rig.dialler.secured || rig.dialler.ended);
	rig_down(&rig);
	/* The thread that looked it up lets go of its pipe, too. */
	EXPECT_WITHIN(10000, test_count_fds() == before);
}

TEST(a_host_that_nobody_knows_is_told)
{
	unsigned before = test_count_fds();
	struct rig rig;

	rig_up(&rig);
	dial(&rig, rig.secret, "no such host.invalid");
	TURN_UNTIL(&rig, rig.dialler.ended);
	EXPECT(strstr(rig.dialler.why, "the host that its address names"));
	rig_down(&rig);
	EXPECT_WITHIN(10000, test_count_fds() == before);
}

TEST(many_messages_come_in_order)
{
	struct message m;
	struct rig rig;

	rig_up(&rig);
	connect_both(&rig);
	for (unsigned i = 1; i <= 2000; i++) {
		m = beat(i);
		EXPECT_EQ(link_stream_send(rig.dialler.stream, &m), 0);
	}
	TURN_UNTIL(&rig, rig.dialled.heard == 2000);
	EXPECT_EQ(rig.dialled.last.link_beat.sent, 2000);
	rig_down(&rig);
}

TEST(who_does_not_read_is_not_sent_more_than_the_limit)
{
	struct message m = { .number = MSG_link_bye };
	struct rig rig;
	unsigned count = 0;
	int r;

	rig_up(&rig);
	connect_both(&rig);
	m.link_bye.why = wire_text_of("a few words, so that it is not too short a message");
	while ((r = link_stream_send(rig.dialler.stream, &m)) == 0)
		EXPECT(++count < 1000000);
	EXPECT_EQ(r, -ENOBUFS);
	EXPECT(rig.dialler.stream->out_end - rig.dialler.stream->out_at +
		       link_tls_pending(&rig.dialler.stream->tls) <=
	       STREAM_OUTPUT_MAX + 4096);
	TURN_UNTIL(&rig, rig.dialled.heard == count);
	EXPECT_EQ(link_stream_send(rig.dialler.stream, &m), 0);
	rig_down(&rig);
}

TEST(what_was_said_last_arrives_before_the_end)
{
	struct message m = beat(7);
	struct rig rig;

	rig_up(&rig);
	connect_both(&rig);
	EXPECT_EQ(link_stream_send(rig.dialler.stream, &m), 0);
	EXPECT_EQ(link_stream_send(rig.dialled.stream, &m), 0);
	link_stream_finish(rig.dialled.stream);
	EXPECT_EQ(link_stream_send(rig.dialled.stream, &m), -ENOTCONN);
	TURN_UNTIL(&rig, rig.dialler.ended);
	EXPECT_EQ(rig.dialler.heard, 1);
	/* Who finishes does not hear, not even the end. */
	TURN_UNTIL(&rig, link_stream_has_ended(rig.dialled.stream));
	EXPECT_EQ(rig.dialled.ended + rig.dialled.heard, 0);
	rig_down(&rig);
}

TEST(an_owner_may_end_a_stream_from_inside)
{
	struct message m = beat(7);
	struct rig rig;

	rig_up(&rig);
	connect_both(&rig);
	rig.dialled.finish_when_heard = true;
	for (unsigned i = 0; i < 50; i++)
		EXPECT_EQ(link_stream_send(rig.dialler.stream, &m), 0);
	TURN_UNTIL(&rig, rig.dialler.ended);
	EXPECT_EQ(rig.dialled.heard, 1);
	rig_down(&rig);
}

TEST(another_key_is_told_to_both_ends)
{
	struct link_secret *other = secret_named("other");
	struct rig rig;

	rig_up(&rig);
	dial(&rig, other, "127.0.0.1");
	TURN_UNTIL(&rig, rig.dialler.ended && rig.dialled.ended);
	EXPECT_EQ(rig.dialler.secured + rig.dialled.secured, 0);
	EXPECT(strstr(rig.dialler.why, "another cluster key"));
	EXPECT(strstr(rig.dialled.why, "another cluster key"));
	rig_down(&rig);
	link_secret_free(other);
}

TEST(where_nobody_listens_the_end_says_so)
{
	struct rig rig;

	rig_up(&rig);
	(void)close(rig.listener);
	rig.listener = -1;
	dial(&rig, rig.secret, "127.0.0.1");
	TURN_UNTIL(&rig, rig.dialler.ended);
	EXPECT(strstr(rig.dialler.why, "nobody listens"));
	rig_down(&rig);
}

/* ---- strangers --------------------------------------------------------------------------- */

static int connect_raw(struct rig *rig)
{
	struct tcp_address address;
	int fd;

	EXPECT_EQ(tcp_address_of("127.0.0.1", rig->port, &address), 0);
	EXPECT_EQ(tcp_dial(&address, &fd), 0);
	TURN_UNTIL(rig, rig->dialled.stream);
	return fd;
}

TEST(a_stranger_is_told_nothing_until_it_ends)
{
	struct rig rig;
	char bytes[64];
	size_t size;
	int fd;

	rig_up(&rig);
	fd = connect_raw(&rig);
	for (unsigned i = 0; i < 10; i++)
		turn(&rig);
	EXPECT_EQ(tcp_receive(fd, bytes, sizeof(bytes), &size), -EAGAIN);
	EXPECT_EQ(rig.dialled.ended, 0);
	(void)close(fd);
	TURN_UNTIL(&rig, rig.dialled.ended);
	rig_down(&rig);
}

TEST(a_message_that_is_not_encrypted_is_no_message)
{
	struct message m = { .number = MSG_link_hello };
	uint8_t bytes[WIRE_SIZE_MAX], answer[64];
	size_t size, got = 0;
	struct rig rig;
	int fd, r;

	rig_up(&rig);
	fd = connect_raw(&rig);
	EXPECT_EQ(wire_encode(&m, bytes, &size), 0);
	EXPECT_EQ(tcp_send(fd, bytes, size, &got), 0);
	TURN_UNTIL(&rig, rig.dialled.ended);
	EXPECT(strstr(rig.dialled.why, "does not speak TLS"));
	EXPECT_EQ(rig.dialled.secured + rig.dialled.heard, 0);
	/* An alert, if anything. */
	r = tcp_receive(fd, answer, sizeof(answer), &got);
	EXPECT(r < 0 || got == 0 || (got == 7 && answer[0] == 0x15));
	(void)close(fd);
	rig_down(&rig);
}

TEST(a_stranger_cannot_say_more_than_a_handshake_takes)
{
	/* Records of a handshake message that is announced as very long. */
	static uint8_t record[5 + 16384] = { 0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x02, 0x00 };
	size_t got = 0, at = 0, total = 0;
	struct rig rig;
	int fd;

	rig_up(&rig);
	fd = connect_raw(&rig);
	while (!rig.dialled.ended) {
		if (tcp_send(fd, record + at, sizeof(record) - at, &got) == 0) {
			at = (at + got) % sizeof(record);
			total += got;
		}
		turn(&rig);
		EXPECT(total < (16u << 20));
	}
	EXPECT(rig.dialled.stream->received <= STREAM_SHAKE_MAX + STREAM_CHUNK);
	(void)close(fd);
	rig_down(&rig);
}

/* SPDX-License-Identifier: MIT */
#include "ipc/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "test.h"

/* Two ends that do not block, as the broker has them. */
static void ends_up(struct conn *a, struct conn *b)
{
	int fds[2];

	EXPECT_EQ(sock_pair(fds), 0);
	conn_open(a, fds[0], false);
	conn_open(b, fds[1], false);
}

static void ends_down(struct conn *a, struct conn *b)
{
	conn_close(a);
	conn_close(b);
}

static struct message request(uint32_t serial)
{
	return (struct message){ .number = MSG_region_create,
				 .serial = serial,
				 .region_create = { .size = 4096 } };
}

TEST(a_message_arrives_as_it_was_sent)
{
	struct message sent = request(7), got;
	int fds[CONN_FDS_MAX];
	unsigned count = 9;
	struct conn a, b;

	ends_up(&a, &b);
	EXPECT_EQ(conn_send(&a, &sent, NULL, 0), 0);
	EXPECT_EQ(conn_receive(&b, &got, fds, &count), 0);
	EXPECT_EQ(got.number, MSG_region_create);
	EXPECT_EQ(got.serial, 7);
	EXPECT_EQ(got.region_create.size, 4096);
	EXPECT_EQ(count, 0);
	EXPECT_EQ(conn_receive(&b, &got, fds, &count), -EAGAIN);
	ends_down(&a, &b);
}

TEST(a_descriptor_arrives_close_on_exec)
{
	struct message sent = { .number = MSG_bell, .bell = { .slot = 3 } }, got;
	struct stat here, there;
	int fds[CONN_FDS_MAX];
	unsigned count = 0;
	struct conn a, b;
	int own = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ends_up(&a, &b);
	EXPECT_EQ(conn_send(&a, &sent, &own, 1), 0);
	EXPECT_EQ(conn_receive(&b, &got, fds, &count), 0);
	EXPECT_EQ(count, 1);
	EXPECT(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	EXPECT(fstat(own, &here) == 0 && fstat(fds[0], &there) == 0);
	EXPECT_EQ(here.st_ino, there.st_ino);
	conn_drop_fds(fds, count);
	(void)close(own);
	ends_down(&a, &b);
}

TEST(a_message_without_its_descriptor_is_not_sent)
{
	struct message sent = { .number = MSG_bell, .bell = { .slot = 3 } };
	struct conn a, b;

	ends_up(&a, &b);
	EXPECT_EQ(conn_send(&a, &sent, NULL, 0), -EINVAL);
	ends_down(&a, &b);
}

TEST(garbage_ends_the_peer)
{
	struct message got;
	int fds[CONN_FDS_MAX];
	unsigned count;
	struct conn a, b;
	char byte;

	ends_up(&a, &b);
	EXPECT_EQ(sock_send(a.fd, "garbage", 7, NULL, 0), 0);
	EXPECT_EQ(conn_receive(&b, &got, fds, &count), -EPROTO);
	EXPECT(!conn_is_open(&b));
	EXPECT_EQ(conn_receive(&b, &got, fds, &count), -ENOTCONN);
	EXPECT_EQ(recv(a.fd, &byte, 1, MSG_DONTWAIT), 0);
	ends_down(&a, &b);
}

TEST(an_unexpected_descriptor_ends_the_peer_and_is_closed)
{
	struct message sent = request(1), got;
	uint8_t bytes[WIRE_SIZE_MAX];
	int fds[CONN_FDS_MAX];
	unsigned count, before;
	struct conn a, b;
	size_t size;

	ends_up(&a, &b);
	EXPECT_EQ(wire_encode(&sent, bytes, &size), 0);
	EXPECT_EQ(sock_send(a.fd, bytes, size, &a.fd, 1), 0);
	before = test_count_fds();
	EXPECT_EQ(conn_receive(&b, &got, fds, &count), -EPROTO);
	EXPECT_EQ(test_count_fds(), before);
	ends_down(&a, &b);
}

TEST(a_message_that_is_too_long_ends_the_peer)
{
	uint8_t bytes[WIRE_SIZE_MAX + 1] = { 0 };
	struct message got;
	int fds[CONN_FDS_MAX];
	unsigned count;
	struct conn a, b;

	ends_up(&a, &b);
	EXPECT_EQ(sock_send(a.fd, bytes, sizeof(bytes), NULL, 0), 0);
	EXPECT_EQ(conn_receive(&b, &got, fds, &count), -EPROTO);
	ends_down(&a, &b);
}

TEST(a_closed_peer_is_not_connected)
{
	struct message sent = request(1), got;
	int fds[CONN_FDS_MAX];
	unsigned count;
	struct conn a, b;

	ends_up(&a, &b);
	conn_close(&a);
	EXPECT_EQ(conn_receive(&b, &got, fds, &count), -ENOTCONN);
	EXPECT_EQ(conn_send(&b, &sent, NULL, 0), -ENOTCONN);
	ends_down(&a, &b);
}

TEST(what_a_slow_peer_did_not_take_comes_later_and_in_order)
{
	struct message sent, got;
	int fds[CONN_FDS_MAX];
	uint32_t next = 0;
	unsigned count;
	struct conn a, b;

	ends_up(&a, &b);
	while (!conn_has_output(&a)) {
		sent = request(next++);
		EXPECT_EQ(conn_send(&a, &sent, NULL, 0), 0);
	}
	sent = request(next++);
	EXPECT_EQ(conn_send(&a, &sent, NULL, 0), 0);
	EXPECT_EQ(conn_flush(&a), -EAGAIN);
	for (uint32_t i = 0; i < next; i++) {
		EXPECT_EQ(conn_receive(&b, &got, fds, &count), 0);
		EXPECT_EQ(got.serial, i);
		(void)conn_flush(&a);
	}
	EXPECT(!conn_has_output(&a));
	ends_down(&a, &b);
}

TEST(a_queue_has_an_end_and_keeps_no_descriptor_past_close)
{
	struct message sent = { .number = MSG_bell, .bell = { .slot = 3 } };
	unsigned before;
	struct conn a, b;
	int r = 0;

	ends_up(&a, &b);
	before = test_count_fds();
	for (unsigned i = 0; r == 0 && i < 100000; i++)
		r = conn_send(&a, &sent, &a.fd, 1);
	EXPECT_EQ(r, -ENOBUFS);
	EXPECT(conn_is_open(&a));
	EXPECT(test_count_fds() > before);
	conn_close(&a);
	EXPECT_EQ(test_count_fds(), before - 1);
	ends_down(&a, &b);
}

TEST(a_call_returns_the_reply_and_its_descriptor)
{
	struct message sent = request(5), got, reply;
	int fds[CONN_FDS_MAX], sockets[2];
	struct conn a, b;
	unsigned count;

	EXPECT_EQ(sock_pair(sockets), 0);
	conn_open(&a, sockets[0], true);
	conn_open(&b, sockets[1], false);
	reply = (struct message){ .number = MSG_region_created,
				  .serial = 5,
				  .region_created = { .region = 77 } };
	EXPECT_EQ(conn_send(&b, &reply, &b.fd, 1), 0);
	EXPECT_EQ(conn_call(&a, &sent, NULL, 0, &got, fds, &count), 0);
	EXPECT_EQ(got.region_created.region, 77);
	EXPECT_EQ(count, 1);
	conn_drop_fds(fds, count);
	ends_down(&a, &b);
}

TEST(a_call_refuses_the_answer_to_another_question)
{
	struct message sent = request(5), got, reply = { .number = MSG_done, .serial = 6 };
	int fds[CONN_FDS_MAX], sockets[2];
	struct conn a, b;
	unsigned count;

	EXPECT_EQ(sock_pair(sockets), 0);
	conn_open(&a, sockets[0], true);
	conn_open(&b, sockets[1], false);
	EXPECT_EQ(conn_send(&b, &reply, NULL, 0), 0);
	EXPECT_EQ(conn_call(&a, &sent, NULL, 0, &got, fds, &count), -EPROTO);
	EXPECT(!conn_is_open(&a));
	ends_down(&a, &b);
}

TEST(a_call_loses_patience)
{
	struct message sent = request(5), got;
	int fds[CONN_FDS_MAX], sockets[2];
	struct conn a, b;
	unsigned count;

	EXPECT_EQ(sock_pair(sockets), 0);
	conn_open(&a, sockets[0], true);
	conn_open(&b, sockets[1], false);
	conn_set_patience(&a, 20);
	EXPECT_EQ(conn_call(&a, &sent, NULL, 0, &got, fds, &count), -ETIMEDOUT);
	EXPECT_EQ(conn_call(&a, &sent, NULL, 0, &got, fds, &count), -ENOTCONN);
	ends_down(&a, &b);
}

static struct message refusal(uint32_t serial)
{
	return (struct message){ .number = MSG_refused,
				 .serial = serial,
				 .refused = { .error = EUSERS } };
}

/* A connection, which blocks, to a peer that refused request @serial and has left. */
static void turned_away(struct conn *a, uint32_t serial)
{
	struct message last = refusal(serial);
	struct conn b;
	int sockets[2];

	EXPECT_EQ(sock_pair(sockets), 0);
	conn_open(a, sockets[0], true);
	conn_open(&b, sockets[1], false);
	EXPECT_EQ(conn_send(&b, &last, NULL, 0), 0);
	conn_close(&b);
}

TEST(who_left_with_a_refusal_before_it_was_asked_is_heard)
{
	struct message sent = request(1), got;
	int fds[CONN_FDS_MAX];
	unsigned count;
	struct conn a;

	turned_away(&a, 1);
	EXPECT_EQ(conn_call(&a, &sent, NULL, 0, &got, fds, &count), 0);
	EXPECT_EQ(got.number, MSG_refused);
	EXPECT_EQ(got.refused.error, EUSERS);
	EXPECT_EQ(conn_call(&a, &sent, NULL, 0, &got, fds, &count), -ENOTCONN);
	conn_close(&a);
}

TEST(who_left_with_a_refusal_and_did_not_read_is_heard)
{
	struct message sent = request(1), got, last = refusal(1);
	int fds[CONN_FDS_MAX], sockets[2], status;
	struct conn a, b;
	unsigned count;
	pid_t child;

	EXPECT_EQ(sock_pair(sockets), 0);
	conn_open(&b, sockets[1], false);
	child = fork();
	if (child == 0) {
		(void)close(sockets[0]);
		if (sock_wait_readable(b.fd, 20000) < 0)
			_exit(1);
		_exit(conn_send(&b, &last, NULL, 0) == 0 ? 0 : 1);
	}
	conn_close(&b);
	conn_open(&a, sockets[0], true);
	EXPECT_EQ(conn_call(&a, &sent, NULL, 0, &got, fds, &count), 0);
	EXPECT_EQ(got.number, MSG_refused);
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
	conn_close(&a);
}

TEST(who_left_without_a_word_about_this_is_not_believed)
{
	struct message sent = request(2), got;
	int fds[CONN_FDS_MAX];
	unsigned count;
	struct conn a;

	turned_away(&a, 1);
	EXPECT_EQ(conn_call(&a, &sent, NULL, 0, &got, fds, &count), -ENOTCONN);
	conn_close(&a);
}

static void count_messages(void *arg, bool sent, const void *bytes, size_t size)
{
	unsigned *count = arg;

	(void)bytes;
	EXPECT(size >= WIRE_HEADER_SIZE);
	count[sent]++;
}

TEST(a_tap_sees_what_passes)
{
	struct message sent = request(5), got;
	unsigned passed[2] = { 0, 0 }, count;
	int fds[CONN_FDS_MAX];
	struct conn a, b;

	ends_up(&a, &b);
	a.tap = count_messages;
	a.tap_arg = passed;
	EXPECT_EQ(conn_send(&a, &sent, NULL, 0), 0);
	EXPECT_EQ(conn_send(&b, &sent, NULL, 0), 0);
	EXPECT_EQ(conn_receive(&a, &got, fds, &count), 0);
	EXPECT_EQ(passed[true], 1);
	EXPECT_EQ(passed[false], 1);
	ends_down(&a, &b);
}

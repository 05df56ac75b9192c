/* SPDX-License-Identifier: MIT */
/*
 * test_hostile.c - peers that break the rules, flood, or watch what they may not
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

#define SIZE 8192u

/* ---- hostile peers ----------------------------------------------------------------------- */

static void send_garbage(const struct rig_client *c)
{
	EXPECT_EQ(sock_send(c->conn.fd, "no message", 10, NULL, 0), 0);
}

static void send_truncated(const struct rig_client *c)
{
	struct message hello = { .number = MSG_hello, .hello = { .version = WIRE_VERSION } };
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;

	EXPECT_EQ(wire_encode(&hello, bytes, &size), 0);
	EXPECT_EQ(sock_send(c->conn.fd, bytes, size - 1, NULL, 0), 0);
}

static void send_oversized(const struct rig_client *c)
{
	uint8_t bytes[WIRE_SIZE_MAX * 4] = { 0 };

	EXPECT_EQ(sock_send(c->conn.fd, bytes, sizeof(bytes), NULL, 0), 0);
}

static void send_unexpected_descriptors(const struct rig_client *c)
{
	struct message hello = { .number = MSG_hello, .hello = { .version = WIRE_VERSION } };
	int fds[4] = { c->conn.fd, c->conn.fd, c->conn.fd, c->conn.fd };
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;

	EXPECT_EQ(wire_encode(&hello, bytes, &size), 0);
	EXPECT_EQ(sock_send(c->conn.fd, bytes, size, fds, 4), 0);
}

static void send_before_hello(const struct rig_client *c)
{
	struct message early = { .number = MSG_region_create,
				 .region_create = { .size = SIZE } };
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;

	EXPECT_EQ(wire_encode(&early, bytes, &size), 0);
	EXPECT_EQ(sock_send(c->conn.fd, bytes, size, NULL, 0), 0);
}

static void send_a_brokers_message(const struct rig_client *c)
{
	struct message bell = { .number = MSG_bell, .bell = { .slot = 1 } };
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;

	EXPECT_EQ(wire_encode(&bell, bytes, &size), 0);
	EXPECT_EQ(sock_send(c->conn.fd, bytes, size, &c->conn.fd, 1), 0);
}

static void send_a_file_for_a_channel(const struct rig_client *c)
{
	struct message events = { .number = MSG_events };
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	uint8_t bytes[WIRE_SIZE_MAX];
	size_t size;

	EXPECT_EQ(wire_encode(&events, bytes, &size), 0);
	EXPECT_EQ(sock_send(c->conn.fd, bytes, size, &fd, 1), 0);
	(void)close(fd);
}

static void drops_only(void (*offend)(const struct rig_client *c), bool greet)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
	struct rig_client honest, hostile;
	struct rig_segment s;
	struct message got;
	int fds[CONN_FDS_MAX];
	unsigned count;

	rig_client_up(test_directory(), &honest);
	if (greet)
		rig_client_up(test_directory(), &hostile);
	else
		EXPECT_EQ(rig_connect(test_directory(), &hostile), 0);
	offend(&hostile);
	EXPECT_EQ(conn_receive(&hostile.conn, &got, fds, &count), -ENOTCONN);
	s = rig_publish(&honest, SIZE);
	(void)close(s.fd);
	rig_client_down(&hostile);
	rig_client_down(&honest);
	rig_broker_stop(broker);
}

TEST(garbage_drops_only_its_sender)
{
	drops_only(send_garbage, true);
}

TEST(a_truncated_message_drops_only_its_sender)
{
	drops_only(send_truncated, false);
}

TEST(an_oversized_message_drops_only_its_sender)
{
	drops_only(send_oversized, true);
}

TEST(unexpected_descriptors_drop_only_their_sender)
{
	drops_only(send_unexpected_descriptors, false);
}

TEST(who_does_not_greet_is_dropped)
{
	drops_only(send_before_hello, false);
}

TEST(who_speaks_as_a_broker_is_dropped)
{
	drops_only(send_a_brokers_message, true);
}

TEST(a_channel_that_is_no_socket_drops_its_sender)
{
	drops_only(send_a_file_for_a_channel, true);
}

static void flood(void)
{
	struct message close_nothing = { .number = MSG_import_close,
					 .import_close = { .import = 1 } };
	struct rig_client c;

	(void)alarm(15);
	rig_client_up(test_directory(), &c);
	while (conn_send(&c.conn, &close_nothing, NULL, 0) == 0)
		continue;
	_exit(0);
}

TEST(a_flood_from_one_leaves_the_others_served)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays), child;
	struct message next = { .number = MSG_next_client };
	struct rig_client c;

	child = fork();
	if (child == 0)
		flood();
	rig_client_up(test_directory(), &c);
	for (unsigned i = 0; i < 200; i++)
		(void)rig_ask(&c, next, NULL);
	EXPECT_EQ(kill(child, SIGKILL), 0);
	EXPECT_EQ(waitpid(child, NULL, 0), child);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

TEST(more_memory_than_there_is_is_refused)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
	struct message request = { .number = MSG_region_create };
	struct rig_client c;

	rig_client_up(test_directory(), &c);
	request.region_create.size = c.welcome.segment_bytes + 4096;
	EXPECT_EQ(rig_ask(&c, request, NULL).number, MSG_refused);
	request.region_create.size = UINT64_MAX & ~UINT64_C(4095);
	EXPECT_EQ(rig_ask(&c, request, NULL).number, MSG_refused);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

/* ---- watching ---------------------------------------------------------------------------- */

TEST(a_monitor_sees_messages_and_events)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
	struct message watch = { .number = MSG_monitor }, got;
	bool event = false, message = false;
	struct rig_client monitor, c;
	int fds[CONN_FDS_MAX];
	unsigned count;

	rig_client_up(test_directory(), &monitor);
	EXPECT_EQ(rig_ask(&monitor, watch, NULL).number, MSG_done);
	rig_client_up(test_directory(), &c);
	while (!event || !message) {
		EXPECT_EQ(conn_receive(&monitor.conn, &got, fds, &count), 0);
		if (got.number == MSG_monitor_event)
			event = event || strstr(got.monitor_event.line.text, "joined");
		else
			message = message || got.monitor_message.pid == (uint32_t)getpid();
	}
	rig_client_down(&monitor);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

static void watch_as_another_user(void)
{
	struct message watch = { .number = MSG_monitor }, reply;
	struct rig_client c;

	EXPECT(rig_become(RIG_OTHER_UID));
	rig_client_up(test_directory(), &c);
	reply = rig_ask(&c, watch, NULL);
	EXPECT_EQ(reply.number, MSG_refused);
	EXPECT_EQ(reply.refused.error, EACCES);
	EXPECT(reply.refused.rule.length > 0);
	_exit(0);
}

TEST(another_user_may_not_watch)
{
	pid_t broker, child;

	if (geteuid() != 0)
		SKIP("needs root, to be two users");
	EXPECT_EQ(chmod(test_directory(), 0755), 0);
	broker = rig_broker_start(test_directory(), 0, rig_stays);
	child = fork();
	if (child == 0)
		watch_as_another_user();
	rig_expect_success(child);
	rig_broker_stop(broker);
}

TEST(a_monitor_that_does_not_read_holds_nobody_up_and_learns_what_it_missed)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
	struct message watch = { .number = MSG_monitor }, next = { .number = MSG_next_client };
	struct rig_client monitor, c;
	int fds[CONN_FDS_MAX];
	struct message got;
	unsigned count;

	rig_client_up(test_directory(), &monitor);
	EXPECT_EQ(rig_ask(&monitor, watch, NULL).number, MSG_done);
	rig_client_up(test_directory(), &c);
	for (unsigned i = 0; i < 3000; i++)
		(void)rig_ask(&c, next, NULL);
	do {
		EXPECT_EQ(conn_receive(&monitor.conn, &got, fds, &count), 0);
		(void)rig_ask(&c, next, NULL);
	} while (got.number != MSG_monitor_event ||
		 !strstr(got.monitor_event.line.text, "monitor.missed"));
	rig_client_down(&monitor);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "rig.h"
#include "shm/layout.h"
#include "test.h"

#define SIZE 8192u
#define OTHER_UID 65534u

static const char *const stays[] = { "--idle-ms", "-1", NULL };

static uint64_t generation_of(const struct rig_client *c, uint32_t slot)
{
	return atomic_load_explicit(&c->board->slot[slot].generation, memory_order_seq_cst);
}

/* How a child ends that found everything as it should be; what it asserts ends it otherwise. */
static void expect_child_succeeds(pid_t child)
{
	int status;

	EXPECT(child > 0);
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static bool become(uid_t uid)
{
	return setgroups(0, NULL) == 0 && setgid(uid) == 0 && setuid(uid) == 0;
}

static char *socket_path(char path[128])
{
	(void)snprintf(path, 128, "%s/broker", test_directory());
	return path;
}

/* ---- what is handed out ------------------------------------------------------------------ */

TEST(the_board_cannot_be_written_by_clients)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
	struct rig_client c;

	rig_client_up(test_directory(), &c);
	EXPECT_EQ(c.board->magic, SHM_BOARD_MAGIC);
	EXPECT_EQ(c.board->slots, SHM_BOARD_SLOTS);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, c.board_fd, 0) ==
	       MAP_FAILED);
	EXPECT(mprotect((void *)(uintptr_t)c.board, 4096, PROT_READ | PROT_WRITE) < 0);
	EXPECT(ftruncate(c.board_fd, 0) < 0);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

TEST(a_region_is_a_sealed_object_of_its_owner_alone)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
	struct message request = { .number = MSG_region_create,
				   .region_create = { .size = SIZE } };
	struct rig_client c;
	struct stat st;
	int fd;

	rig_client_up(test_directory(), &c);
	EXPECT_EQ(rig_ask(&c, request, &fd).number, MSG_region_created);
	EXPECT_EQ(fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	EXPECT_EQ(fstat(fd, &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600);
	EXPECT_EQ(st.st_size, SIZE);
	(void)close(fd);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

TEST(an_importer_gets_the_same_memory)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
	struct rig_client exporter, importer;
	struct rig_segment s;
	struct message reply;
	char byte = 0;
	int fd;

	rig_client_up(test_directory(), &exporter);
	rig_client_up(test_directory(), &importer);
	s = rig_publish(&exporter, SIZE);
	reply = rig_import(&importer, s.id, TRACT_RIGHT_READ_WRITE, &fd);
	EXPECT_EQ(reply.number, MSG_import_connected);
	EXPECT_EQ(reply.import_connected.size, SIZE);
	EXPECT_EQ(generation_of(&importer, reply.import_connected.slot),
		  reply.import_connected.generation);
	EXPECT_EQ(pwrite(fd, "x", 1, 4096), 1);
	EXPECT_EQ(pread(s.fd, &byte, 1, 4096), 1);
	EXPECT_EQ(byte, 'x');
	(void)close(fd);
	(void)close(s.fd);
	rig_client_down(&importer);
	rig_client_down(&exporter);
	rig_broker_stop(broker);
}

TEST(a_reader_cannot_map_for_writing)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
	struct rig_client c;
	struct rig_segment s;
	int fd;

	rig_client_up(test_directory(), &c);
	s = rig_publish(&c, SIZE);
	EXPECT_EQ(rig_import(&c, s.id, TRACT_RIGHT_READ, &fd).number, MSG_import_connected);
	EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	EXPECT(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	EXPECT(ftruncate(fd, 0) < 0);
	(void)close(fd);
	(void)close(s.fd);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

static void reader_of_another_user(uint32_t id)
{
	struct rig_client c;
	char path[64];
	int fd;

	EXPECT(become(OTHER_UID));
	rig_client_up(test_directory(), &c);
	EXPECT_EQ(c.welcome.strong, 1);
	EXPECT_EQ(rig_import(&c, id, TRACT_RIGHT_READ, &fd).number, MSG_import_connected);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	EXPECT(open(path, O_RDWR) < 0);
	EXPECT_EQ(errno, EACCES);
	EXPECT(fchmod(fd, 0666) < 0);
	EXPECT(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0);
	_exit(0);
}

TEST(a_reader_of_another_user_cannot_become_a_writer)
{
	struct rig_client c;
	struct rig_segment s;
	pid_t broker, child;

	if (geteuid() != 0)
		SKIP("needs root, to be two users");
	EXPECT_EQ(chmod(test_directory(), 0711), 0);
	broker = rig_broker_start(test_directory(), 0, stays);
	rig_client_up(test_directory(), &c);
	s = rig_publish(&c, SIZE);
	child = fork();
	if (child == 0)
		reader_of_another_user(s.id);
	expect_child_succeeds(child);
	(void)close(s.fd);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

TEST(the_socket_of_a_private_directory_is_private)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
	struct stat st;
	char path[128];

	EXPECT_EQ(stat(socket_path(path), &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600);
	rig_broker_stop(broker);
	EXPECT(stat(path, &st) < 0);
}

/* ---- the process ------------------------------------------------------------------------- */

static void spy(pid_t broker)
{
	char path[64];

	EXPECT(become(OTHER_UID));
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)broker);
	EXPECT(open(path, O_RDONLY) < 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/0", (int)broker);
	EXPECT(open(path, O_RDONLY) < 0);
	_exit(0);
}

TEST(a_broker_without_privilege_serves_readers_and_shows_its_user_nothing)
{
	struct rig_client c;
	struct rig_segment s;
	pid_t broker, child;
	int fd;

	if (geteuid() != 0)
		SKIP("needs root, to start a broker as another user");
	EXPECT_EQ(chown(test_directory(), OTHER_UID, OTHER_UID), 0);
	broker = rig_broker_start(test_directory(), OTHER_UID, stays);
	rig_client_up(test_directory(), &c);
	s = rig_publish(&c, SIZE);
	EXPECT_EQ(rig_import(&c, s.id, TRACT_RIGHT_READ, &fd).number, MSG_import_connected);
	child = fork();
	if (child == 0)
		spy(broker);
	expect_child_succeeds(child);
	(void)close(fd);
	(void)close(s.fd);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

static unsigned fds_of_process(pid_t pid)
{
	char path[64];
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++) {
		struct stat st;

		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		count += lstat(path, &st) == 0;
	}
	return count;
}

TEST(a_broker_keeps_no_descriptor_of_a_client_that_went)
{
	struct rig_client first, c;
	struct rig_segment s;
	unsigned before;
	pid_t broker;
	int fd;

	if (geteuid() != 0)
		SKIP("needs root, to look at another process's descriptors");
	broker = rig_broker_start(test_directory(), 0, stays);
	rig_client_up(test_directory(), &first);
	before = fds_of_process(broker);
	rig_client_up(test_directory(), &c);
	s = rig_publish(&c, SIZE);
	EXPECT_EQ(rig_import(&c, s.id, TRACT_RIGHT_READ, &fd).number, MSG_import_connected);
	EXPECT(fds_of_process(broker) > before);
	(void)close(fd);
	(void)close(s.fd);
	rig_client_down(&c);
	EXPECT_WITHIN(1000, fds_of_process(broker) == before);
	rig_client_down(&first);
	rig_broker_stop(broker);
}

/* ---- death ------------------------------------------------------------------------------- */

static void export_and_wait(int told)
{
	struct rig_client c;
	struct rig_segment s;

	(void)alarm(15);
	rig_client_up(test_directory(), &c);
	s = rig_publish(&c, SIZE);
	EXPECT_EQ(write(told, &s.id, sizeof(s.id)), sizeof(s.id));
	for (;;)
		(void)pause();
}

/* Nanoseconds from the exporter's SIGKILL to the board saying so. */
static uint64_t time_a_death(struct rig_client *importer)
{
	struct message reply;
	uint64_t start, taken;
	uint32_t id;
	int told[2], fd;
	pid_t child;

	EXPECT_EQ(pipe2(told, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		export_and_wait(told[1]);
	EXPECT_EQ(read(told[0], &id, sizeof(id)), sizeof(id));
	reply = rig_import(importer, id, TRACT_RIGHT_READ_WRITE, &fd);
	EXPECT_EQ(reply.number, MSG_import_connected);
	start = clock_now();
	EXPECT_EQ(kill(child, SIGKILL), 0);
	EXPECT_WITHIN(2000, generation_of(importer, reply.import_connected.slot) !=
				    reply.import_connected.generation);
	taken = clock_now() - start;
	EXPECT_EQ(waitpid(child, NULL, 0), child);
	(void)close(fd);
	(void)close(told[0]);
	(void)close(told[1]);
	return taken;
}

static int compare_times(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

TEST(an_exporters_death_is_on_the_board_within_milliseconds)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
	struct rig_client importer;
	uint64_t taken[21];

	rig_client_up(test_directory(), &importer);
	for (unsigned i = 0; i < 21; i++)
		taken[i] = time_a_death(&importer);
	qsort(taken, 21, sizeof(taken[0]), compare_times);
	EXPECT(taken[10] < (uint64_t)(5 * NS_PER_MS * test_patience()));
	rig_client_down(&importer);
	rig_broker_stop(broker);
}

struct family {
	uint32_t id; /* of the parent's segment */
	pid_t grandchild;
};

/* Exports, and has a child that holds the connection as well. */
static void export_with_a_child(int told)
{
	struct family family;
	struct rig_client c;

	/* Whatever becomes of the test. */
	(void)alarm(15);
	rig_client_up(test_directory(), &c);
	family.id = rig_publish(&c, SIZE).id;
	family.grandchild = fork();
	if (family.grandchild == 0)
		(void)alarm(15);
	else
		EXPECT_EQ(write(told, &family, sizeof(family)), sizeof(family));
	for (;;)
		(void)pause();
}

TEST(a_child_that_holds_the_connection_does_not_keep_its_parent_attached)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
	struct rig_client importer;
	struct message reply;
	struct family family;
	int told[2], fd;
	pid_t child;

	EXPECT_EQ(pipe2(told, O_CLOEXEC), 0);
	rig_client_up(test_directory(), &importer);
	child = fork();
	if (child == 0)
		export_with_a_child(told[1]);
	EXPECT_EQ(read(told[0], &family, sizeof(family)), sizeof(family));
	EXPECT(family.grandchild > 0);
	reply = rig_import(&importer, family.id, TRACT_RIGHT_READ, &fd);
	EXPECT_EQ(reply.number, MSG_import_connected);
	EXPECT_EQ(kill(child, SIGKILL), 0);
	EXPECT_WITHIN(2000, generation_of(&importer, reply.import_connected.slot) !=
				    reply.import_connected.generation);
	EXPECT_EQ(waitpid(child, NULL, 0), child);
	EXPECT_EQ(kill(family.grandchild, SIGKILL), 0);
	(void)close(fd);
	(void)close(told[0]);
	(void)close(told[1]);
	rig_client_down(&importer);
	rig_broker_stop(broker);
}

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
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
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
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays), child;
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
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
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
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
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

	EXPECT(become(OTHER_UID));
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
	broker = rig_broker_start(test_directory(), 0, stays);
	child = fork();
	if (child == 0)
		watch_as_another_user();
	expect_child_succeeds(child);
	rig_broker_stop(broker);
}

TEST(a_monitor_that_does_not_read_holds_nobody_up_and_learns_what_it_missed)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
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

/* ---- coming and going -------------------------------------------------------------------- */

TEST(an_idle_broker_leaves_and_takes_its_socket_along)
{
	const char *const leaves[] = { "--idle-ms", "50", NULL };
	pid_t broker = rig_broker_start(test_directory(), geteuid(), leaves);
	struct rig_client c;

	EXPECT_EQ(rig_broker_wait(broker), 0);
	EXPECT_EQ(rig_connect(test_directory(), &c), -ENOENT);
}

TEST(a_broker_with_a_client_stays)
{
	const char *const leaves[] = { "--idle-ms", "50", NULL };
	pid_t broker = rig_broker_start(test_directory(), geteuid(), leaves);
	struct message next = { .number = MSG_next_client };
	struct rig_client c;

	rig_client_up(test_directory(), &c);
	test_pause_us(200 * 1000);
	EXPECT_EQ(rig_ask(&c, next, NULL).number, MSG_client_row);
	rig_client_down(&c);
	EXPECT_EQ(rig_broker_wait(broker), 0);
}

TEST(a_broker_that_is_told_to_end_leaves_its_clients_their_memory)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
	struct rig_client c;
	struct rig_segment s;
	struct message reply;
	char byte = 'x';
	int fd;

	rig_client_up(test_directory(), &c);
	s = rig_publish(&c, SIZE);
	reply = rig_import(&c, s.id, TRACT_RIGHT_READ_WRITE, &fd);
	EXPECT_EQ(reply.number, MSG_import_connected);
	EXPECT_EQ(pwrite(s.fd, &byte, 1, 0), 1);
	rig_broker_stop(broker);
	EXPECT_EQ(pread(fd, &byte, 1, 0), 1);
	EXPECT_EQ(byte, 'x');
	EXPECT_EQ(generation_of(&c, reply.import_connected.slot),
		  reply.import_connected.generation);
	(void)close(fd);
	(void)close(s.fd);
	rig_client_down(&c);
}

TEST(a_broker_whose_directory_went_leaves_once_idle)
{
	char directory[96], path[128];
	struct rig_client c;
	pid_t broker;

	(void)snprintf(directory, sizeof(directory), "%s/node", test_directory());
	broker = rig_broker_start(directory, geteuid(), stays);
	rig_client_up(directory, &c);
	(void)snprintf(path, sizeof(path), "%s/broker", directory);
	EXPECT_EQ(unlink(path), 0);
	EXPECT_EQ(rmdir(directory), 0);
	EXPECT_EQ(waitpid(broker, NULL, WNOHANG), 0);
	rig_client_down(&c);
	EXPECT_EQ(rig_broker_wait(broker), 0);
}

TEST(a_lost_socket_is_made_again)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
	struct rig_client c;
	char path[128];

	EXPECT_EQ(unlink(socket_path(path)), 0);
	EXPECT_WITHIN(3000, rig_connect(test_directory(), &c) == 0);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

TEST(a_killed_brokers_socket_is_no_obstacle)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), stays);
	struct rig_client c;
	char path[128];

	EXPECT_EQ(kill(broker, SIGKILL), 0);
	EXPECT_EQ(rig_broker_wait(broker), 256 + SIGKILL);
	EXPECT_EQ(access(socket_path(path), F_OK), 0);
	EXPECT_EQ(rig_connect(test_directory(), &c), -ECONNREFUSED);
	broker = rig_broker_start(test_directory(), geteuid(), stays);
	rig_client_up(test_directory(), &c);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

#define RACERS 100

static pid_t start_unready(const char *const *more)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)close_range(3, ~0U, 0);
		(void)execl(getenv("TRACT_BROKER_PROGRAM"), "tractd", "--dir", test_directory(),
			    more[0], more[1], NULL);
		_exit(127);
	}
	return pid;
}

TEST_SLOW(a_hundred_that_race_start_exactly_one, 60)
{
	unsigned alive = RACERS;
	struct rig_client c;
	pid_t winner = 0;
	bool mine[RACERS];
	pid_t racer[RACERS];

	if (!getenv("TRACT_BROKER_PROGRAM"))
		SKIP("TRACT_BROKER_PROGRAM does not name tractd");
	for (unsigned i = 0; i < RACERS; i++) {
		racer[i] = start_unready(stays);
		mine[i] = true;
	}
	while (alive > 1) {
		int status;
		pid_t ended = wait(&status);

		EXPECT(ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
		for (unsigned i = 0; i < RACERS; i++)
			if (racer[i] == ended)
				mine[i] = false;
		alive--;
	}
	for (unsigned i = 0; i < RACERS; i++)
		if (mine[i])
			winner = racer[i];
	rig_client_up(test_directory(), &c);
	rig_client_down(&c);
	EXPECT_EQ(waitpid(winner, NULL, WNOHANG), 0);
	rig_broker_stop(winner);
}

TEST(a_wrong_configuration_is_refused_in_words)
{
	char path[128], words[256] = "";
	int output[2], status;
	FILE *file;
	pid_t pid;

	if (!getenv("TRACT_BROKER_PROGRAM"))
		SKIP("TRACT_BROKER_PROGRAM does not name tractd");
	(void)snprintf(path, sizeof(path), "%s/tract.conf", test_directory());
	file = fopen(path, "we");
	EXPECT(file && fputs("[limits]\nmax-segmens = 3\n", file) >= 0 && fclose(file) == 0);
	EXPECT_EQ(pipe2(output, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(output[1], 2);
		(void)execl(getenv("TRACT_BROKER_PROGRAM"), "tractd", "--dir", test_directory(),
			    NULL);
		_exit(127);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WEXITSTATUS(status), 1);
	EXPECT(read(output[0], words, sizeof(words) - 1) > 0);
	EXPECT(strstr(words, "tract.conf:2:"));
	EXPECT(strstr(words, "max-segmens"));
	(void)close(output[0]);
	(void)close(output[1]);
}

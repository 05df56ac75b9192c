/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
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

static uint64_t generation_of(const struct rig_client *c, uint32_t slot)
{
	return atomic_load_explicit(&c->board->slot[slot].generation, memory_order_seq_cst);
}

static char *socket_path(char path[128])
{
	(void)snprintf(path, 128, "%s/broker", test_directory());
	return path;
}

/* ---- what is handed out ------------------------------------------------------------------ */

TEST(the_board_cannot_be_written_by_clients)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
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
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
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
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
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
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
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
	void *at;
	int fd;

	EXPECT(rig_become(RIG_OTHER_UID));
	rig_client_up(test_directory(), &c);
	EXPECT_EQ(c.welcome.strong, 1);
	EXPECT_EQ(rig_import(&c, id, TRACT_RIGHT_READ, &fd).number, MSG_import_connected);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	EXPECT(open(path, O_RDWR) < 0);
	EXPECT_EQ(errno, EACCES);
	EXPECT(fchmod(fd, 0666) < 0);
	EXPECT(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0);
	EXPECT(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	at = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT(at != MAP_FAILED);
	EXPECT(mprotect(at, SIZE, PROT_READ | PROT_WRITE) < 0);
	EXPECT(mmap(at, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	       MAP_FAILED);
	EXPECT(ftruncate(fd, 0) < 0);
	EXPECT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE) < 0);
	EXPECT(pwrite(fd, "x", 1, 0) < 0);
	/* A copy of its own is another matter. */
	EXPECT_EQ(munmap(at, SIZE), 0);
	at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	EXPECT(at != MAP_FAILED);
	*(char *)at = 1;
	_exit(0);
}

TEST(a_reader_of_another_user_cannot_become_a_writer)
{
	struct rig_client c;
	struct rig_segment s;
	pid_t broker, child;
	char byte = 0;

	if (geteuid() != 0)
		SKIP("needs root, to be two users");
	EXPECT_EQ(chmod(test_directory(), 0711), 0);
	broker = rig_broker_start(test_directory(), 0, rig_stays);
	rig_client_up(test_directory(), &c);
	s = rig_publish(&c, SIZE);
	EXPECT_EQ(pwrite(s.fd, "a", 1, 0), 1);
	child = fork();
	if (child == 0)
		reader_of_another_user(s.id);
	rig_expect_success(child);
	EXPECT_EQ(pread(s.fd, &byte, 1, 0), 1);
	EXPECT_EQ(byte, 'a');
	(void)close(s.fd);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

TEST(the_socket_of_a_private_directory_is_private)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
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

	EXPECT(rig_become(RIG_OTHER_UID));
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
	EXPECT_EQ(chown(test_directory(), RIG_OTHER_UID, RIG_OTHER_UID), 0);
	broker = rig_broker_start(test_directory(), RIG_OTHER_UID, rig_stays);
	rig_client_up(test_directory(), &c);
	s = rig_publish(&c, SIZE);
	EXPECT_EQ(rig_import(&c, s.id, TRACT_RIGHT_READ, &fd).number, MSG_import_connected);
	child = fork();
	if (child == 0)
		spy(broker);
	rig_expect_success(child);
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
	broker = rig_broker_start(test_directory(), 0, rig_stays);
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
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
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
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
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
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
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
	broker = rig_broker_start(directory, geteuid(), rig_stays);
	rig_client_up(directory, &c);
	(void)snprintf(path, sizeof(path), "%s/broker", directory);
	EXPECT_EQ(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/lock", directory);
	EXPECT_EQ(unlink(path), 0);
	EXPECT_EQ(rmdir(directory), 0);
	EXPECT_EQ(waitpid(broker, NULL, WNOHANG), 0);
	rig_client_down(&c);
	EXPECT_EQ(rig_broker_wait(broker), 0);
}

TEST(a_lost_socket_is_made_again)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
	struct rig_client c;
	char path[128];

	EXPECT_EQ(unlink(socket_path(path)), 0);
	EXPECT_WITHIN(3000, rig_connect(test_directory(), &c) == 0);
	rig_client_down(&c);
	rig_broker_stop(broker);
}

TEST(a_killed_brokers_socket_is_no_obstacle)
{
	pid_t broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
	struct rig_client c;
	char path[128];

	EXPECT_EQ(kill(broker, SIGKILL), 0);
	EXPECT_EQ(rig_broker_wait(broker), 256 + SIGKILL);
	EXPECT_EQ(access(socket_path(path), F_OK), 0);
	EXPECT_EQ(rig_connect(test_directory(), &c), -ECONNREFUSED);
	broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
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
		racer[i] = start_unready(rig_stays);
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
	char words[256] = "";
	int output[2], status;
	pid_t pid;

	if (!getenv("TRACT_BROKER_PROGRAM"))
		SKIP("TRACT_BROKER_PROGRAM does not name tractd");
	test_configure("[limits]\nmax-segmens = 3\n");
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

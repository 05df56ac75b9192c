/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/layout.h"
#include "test.h"

#define ARGUMENTS_MAX 16

const char *const rig_stays[] = { "--idle-ms", "-1", NULL };

static void run_broker(const char *directory, uid_t uid, const char *const *more, int ready)
{
	const char *program = getenv("TRACT_BROKER_PROGRAM");
	char *argv[ARGUMENTS_MAX] = { strdup(program), strdup("--dir"), strdup(directory) };

	for (unsigned i = 0; more && more[i] && i + 4 < ARGUMENTS_MAX; i++)
		argv[3 + i] = strdup(more[i]);
	if (dup2(ready, 3) < 0 || (ready == 3 && fcntl(3, F_SETFD, 0) < 0))
		_exit(126);
	(void)close_range(4, ~0U, 0);
	if (uid != geteuid() && (setgid(uid) < 0 || setuid(uid) < 0))
		_exit(126);
	/* Also when the test fails while it is stopped. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)execv(program, argv);
	_exit(127);
}

pid_t rig_broker_begin(const char *directory, uid_t uid, const char *const *more,
		       int *ret_ready)
{
	int ready[2];
	pid_t pid;

	if (!getenv("TRACT_BROKER_PROGRAM"))
		SKIP("TRACT_BROKER_PROGRAM does not name tractd");
	EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0)
		run_broker(directory, uid, more, ready[1]);
	(void)close(ready[1]);
	*ret_ready = ready[0];
	return pid;
}

void rig_broker_await(int ready)
{
	char byte;

	EXPECT_EQ(read(ready, &byte, 1), 0);
	(void)close(ready);
}

pid_t rig_broker_start(const char *directory, uid_t uid, const char *const *more)
{
	int ready;
	pid_t pid = rig_broker_begin(directory, uid, more, &ready);

	rig_broker_await(ready);
	return pid;
}

int rig_broker_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		EXPECT_EQ(errno, EINTR);
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

void rig_broker_stop(pid_t pid)
{
	EXPECT_EQ(kill(pid, SIGTERM), 0);
	EXPECT_EQ(rig_broker_wait(pid), 0);
}

bool rig_become(uid_t uid)
{
	return setgroups(0, NULL) == 0 && setgid(uid) == 0 && setuid(uid) == 0;
}

void rig_expect_success(pid_t child)
{
	int status;

	EXPECT(child > 0);
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int rig_connect(const char *directory, struct rig_client *c)
{
	char path[256];
	int fd, r;

	*c = (struct rig_client){ .board_fd = -1, .lifeline = -1 };
	c->conn = (struct conn)CONN_CLOSED;
	(void)snprintf(path, sizeof(path), "%s/broker", directory);
	r = sock_connect(path, &fd);
	if (r < 0)
		return r;
	conn_open(&c->conn, fd, true);
	conn_set_patience(&c->conn, 15000);
	return 0;
}

void rig_client_up(const char *directory, struct rig_client *c)
{
	struct message hello = { .number = MSG_hello, .hello = { .version = WIRE_VERSION } };
	struct message reply;
	void *board;

	EXPECT_EQ(rig_connect(directory, c), 0);
	hello.hello.program = wire_text_of("rig");
	reply = rig_ask(c, hello, &c->board_fd);
	EXPECT_EQ(reply.number, MSG_welcome);
	c->welcome = reply.welcome;
	board = mmap(NULL, sizeof(struct shm_board), PROT_READ, MAP_SHARED, c->board_fd, 0);
	EXPECT(board != MAP_FAILED);
	c->board = board;
}

void rig_client_down(struct rig_client *c)
{
	if (c->board)
		(void)munmap((void *)(uintptr_t)c->board, sizeof(struct shm_board));
	if (c->board_fd >= 0)
		(void)close(c->board_fd);
	if (c->lifeline >= 0)
		(void)close(c->lifeline);
	conn_close(&c->conn);
	c->lifeline = -1;
	c->board = NULL;
	c->board_fd = -1;
}

struct message rig_ask_with(struct rig_client *c, struct message request, const int *fds,
			    unsigned fd_count, int *ret_fd)
{
	int received[CONN_FDS_MAX];
	struct message reply = { 0 };
	unsigned count = 0;

	request.serial = ++c->serial;
	EXPECT_EQ(conn_call(&c->conn, &request, fds, fd_count, &reply, received, &count), 0);
	if (ret_fd)
		*ret_fd = -1;
	if (count > 0 && ret_fd)
		*ret_fd = received[0];
	else
		conn_drop_fds(received, count);
	return reply;
}

struct message rig_ask(struct rig_client *c, struct message request, int *ret_fd)
{
	return rig_ask_with(c, request, NULL, 0, ret_fd);
}

/* Without it no library imports from it. */
static void make_pledge(struct rig_client *c)
{
	int ends[2], fd;

	EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	EXPECT_EQ(rig_ask_with(c, (struct message){ .number = MSG_pledge }, &ends[1], 1, &fd)
			  .number,
		  MSG_pledged);
	(void)close(ends[1]);
	(void)close(fd);
	c->lifeline = ends[0];
}

struct rig_segment rig_publish(struct rig_client *c, uint64_t size)
{
	return rig_publish_as(c, size, 0666);
}

struct rig_segment rig_publish_as(struct rig_client *c, uint64_t size, uint32_t mode)
{
	struct message request = { .number = MSG_region_create };
	struct rig_segment s;
	struct message reply;

	if (c->lifeline < 0)
		make_pledge(c);
	request.region_create.size = size;
	reply = rig_ask(c, request, &s.fd);
	EXPECT_EQ(reply.number, MSG_region_created);
	s.region = reply.region_created.region;

	request = (struct message){ .number = MSG_segment_create };
	request.segment_create.region = s.region;
	request.segment_create.size = size;
	request.segment_create.mode = mode;
	reply = rig_ask(c, request, NULL);
	EXPECT_EQ(reply.number, MSG_segment_created);
	s.segment = reply.segment_created.segment;

	request = (struct message){ .number = MSG_segment_publish };
	request.segment_publish.segment = s.segment;
	reply = rig_ask(c, request, NULL);
	EXPECT_EQ(reply.number, MSG_segment_published);
	s.id = reply.segment_published.id;
	return s;
}

struct message rig_import(struct rig_client *c, uint32_t id, uint32_t rights, int *ret_fd)
{
	struct message request = { .number = MSG_import_connect };

	request.import_connect.node = c->welcome.node;
	request.import_connect.id = id;
	request.import_connect.rights = rights;
	return rig_ask(c, request, ret_fd);
}

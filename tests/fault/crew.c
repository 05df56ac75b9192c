/* SPDX-License-Identifier: MIT */
#include "crew.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct request {
	uint64_t deed, a;
};

static void set_faults(const char *fault, const char *visits)
{
	if (fault)
		(void)setenv("TRACT_FAULT", fault, 1);
	else
		(void)unsetenv("TRACT_FAULT");
	if (visits)
		(void)setenv("TRACT_FAULT_VISITS", visits, 1);
	else
		(void)unsetenv("TRACT_FAULT_VISITS");
}

static __attribute__((noreturn)) void live(int fd)
{
	struct request request;
	int64_t answer;

	if (deeds_begin() < 0)
		_exit(8);
	/* A broker that a member starts is nobody's victim. */
	while (read(fd, &request, sizeof(request)) == sizeof(request)) {
		answer = deed_do((enum deed)request.deed, request.a);
		if (write(fd, &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

static void start(struct member *m, const char *fault, const char *visits,
		  void (*prepare)(void))
{
	int fds[2];

	*m = (struct member){ .fd = -1 };
	EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	m->pid = fork();
	EXPECT(m->pid >= 0);
	if (m->pid == 0) {
		(void)close(fds[0]);
		set_faults(fault, visits);
		if (prepare)
			prepare();
		live(fds[1]);
	}
	(void)close(fds[1]);
	m->fd = fds[0];
}

void member_up(struct member *m, const char *fault, const char *visits)
{
	start(m, fault, visits, NULL);
}

void member_up_as(struct member *m, void (*prepare)(void))
{
	start(m, NULL, NULL, prepare);
}

/* ---- asking ------------------------------------------------------------------------------ */

static int64_t reap(struct member *m)
{
	if (!m->dead) {
		while (waitpid(m->pid, &m->status, 0) < 0)
			EXPECT_EQ(errno, EINTR);
		m->dead = true;
	}
	return GONE;
}

void member_tell(struct member *m, enum deed deed, uint64_t a)
{
	struct request request = { deed, a };

	if (!m->dead)
		(void)send(m->fd, &request, sizeof(request), MSG_NOSIGNAL);
}

int64_t member_hear(struct member *m, int timeout_ms)
{
	struct pollfd pollfd = { .fd = m->fd, .events = POLLIN };
	int64_t answer;

	if (m->dead)
		return GONE;
	ck_assert_msg(poll(&pollfd, 1, (int)(timeout_ms * test_patience())) == 1,
		      "no answer from process %d within %d ms", (int)m->pid, timeout_ms);
	if (read(m->fd, &answer, sizeof(answer)) != sizeof(answer))
		return reap(m);
	return answer;
}

int64_t member_ask(struct member *m, enum deed deed, uint64_t a)
{
	member_tell(m, deed, a);
	return member_hear(m, 1000);
}

void member_signal(struct member *m, int number)
{
	siginfo_t info;

	if (!m->dead)
		EXPECT_EQ(kill(m->pid, number), 0);
	/* Threads stop one after the other; a process that is no child stops when it does. */
	if (number == SIGSTOP && !m->dead)
		(void)waitid(P_PID, (id_t)m->pid, &info, WSTOPPED | WEXITED | WNOWAIT);
	if (number == SIGKILL)
		(void)reap(m);
}

void member_until_stopped(struct member *m)
{
	siginfo_t info = { 0 };

	EXPECT_EQ(waitid(P_PID, (id_t)m->pid, &info, WSTOPPED | WEXITED | WNOWAIT), 0);
	EXPECT_EQ(info.si_code, CLD_STOPPED);
}

int member_down(struct member *m)
{
	if (m->fd < 0)
		return m->status;
	/* It ends at the end of its channel, unless it is stopped or busy. */
	if (!m->dead)
		(void)kill(m->pid, SIGKILL);
	(void)reap(m);
	(void)close(m->fd);
	m->fd = -1;
	return m->status;
}

/* ---- the broker -------------------------------------------------------------------------- */

static __attribute__((noreturn)) void run_broker(const char *fault, const char *visits,
						 int ready)
{
	const char *program = getenv("TRACT_BROKER_PROGRAM");

	set_faults(fault, visits);
	if (dup2(ready, 3) < 0 || (ready == 3 && fcntl(3, F_SETFD, 0) < 0))
		_exit(126);
	(void)close_range(4, ~0U, 0);
	(void)execl(program, program, "--dir", test_directory(), "--idle-ms", "-1", NULL);
	_exit(127);
}

pid_t crew_broker_up(const char *fault, const char *visits)
{
	int ready[2];
	siginfo_t info;
	char path[128];
	pid_t pid;
	char byte;

	if (!getenv("TRACT_BROKER_PROGRAM"))
		SKIP("TRACT_BROKER_PROGRAM does not name tractd");
	(void)snprintf(path, sizeof(path), "%s/broker", test_directory());
	(void)unlink(path);
	EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0)
		run_broker(fault, visits, ready[1]);
	(void)close(ready[1]);
	EXPECT_EQ(read(ready[0], &byte, 1), 0);
	(void)close(ready[0]);
	/* It died of it: the caller shall find it dead. */
	if (access(path, F_OK) < 0)
		EXPECT_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	return pid;
}

pid_t crew_broker_pid(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred who;
	socklen_t size = sizeof(who);
	int fd, r;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/broker",
		       test_directory());
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	EXPECT(fd >= 0);
	r = connect(fd, (struct sockaddr *)&address, sizeof(address));
	if (r == 0)
		r = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	r = r < 0 ? -errno : who.pid;
	(void)close(fd);
	return r;
}

void crew_broker_kill(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void crew_brokers_end(void)
{
	pid_t pid;

	while ((pid = crew_broker_pid()) > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, WNOHANG);
		test_pause_us(1000);
	}
}

int crew_memfds_of(pid_t pid)
{
	char path[300], target[128];
	struct dirent *entry;
	ssize_t length;
	int count = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		count += strncmp(target, "/memfd:tract", 12) == 0 &&
			 strncmp(target, "/memfd:tract-pledge", 19) != 0;
	}
	(void)closedir(dir);
	return count;
}

double crew_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rsm.h"
#include "story.h"

#define PATIENCE_MS 8000

static int parent = -1;

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, timeout_ms) == 1;
}

__attribute__((noreturn)) static void become(const struct place *place, const char *role,
					     uint32_t segment, uint64_t size, int fd)
{
	char texts[4][24], path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *argv[] = { (char[]){ "tract-demo" },
			 (char[]){ "--role" },
			 strdup(role),
			 texts[0],
			 texts[1],
			 texts[2],
			 strdup(place->controller),
			 texts[3],
			 NULL };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)fcntl(fd, F_SETFD, 0);
	(void)snprintf(texts[0], sizeof(texts[0]), "%d", fd);
	(void)snprintf(texts[1], sizeof(texts[1]), "%u", segment);
	(void)snprintf(texts[2], sizeof(texts[2]), "%llu", (unsigned long long)size);
	(void)snprintf(texts[3], sizeof(texts[3]), "%u", place->other);
	if (place->dir)
		(void)setenv("TRACT_DIR", place->dir, 1);
	/* By its name, so that ps and tract ps show that. */
	if (length > 0) {
		path[length] = '\0';
		(void)execv(path, argv);
	}
	_exit(127);
}

struct child child_start(const struct place *place, const char *role, uint32_t segment,
			 uint64_t size)
{
	struct child child;
	int ends[2];

	(void)fflush(stdout);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		story_fail("cannot make a socket: %m");
	child.fd = ends[0];
	child.pid = fork();
	if (child.pid < 0)
		story_fail("cannot start a process: %m");
	if (child.pid == 0)
		become(place, role, segment, size, ends[1]);
	(void)close(ends[1]);
	return child;
}

void child_tell(const struct child *child)
{
	if (send(child->fd, "go", 2, MSG_NOSIGNAL) != 2)
		story_fail("process %d is gone: %m", child->pid);
}

struct report child_hear(const struct child *child)
{
	struct report report;
	ssize_t n = -1;

	if (is_readable(child->fd, PATIENCE_MS))
		n = recv(child->fd, &report, sizeof(report), 0);
	else
		story_fail("process %d has been silent for %d seconds", child->pid,
			   PATIENCE_MS / 1000);
	if (n != (ssize_t)sizeof(report))
		story_fail("process %d ended before its time", child->pid);
	return report;
}

void child_end(struct child *child)
{
	int status = 0;

	/* It reads the end of the conversation and exits. */
	(void)close(child->fd);
	(void)waitpid(child->pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		story_check(false, "process %d ended with status 0x%x", child->pid,
			    (unsigned)status);
	*child = (struct child){ .fd = -1 };
}

uint64_t child_kill(struct child *child)
{
	uint64_t at = now_ns();
	int status;

	(void)kill(child->pid, SIGKILL);
	(void)waitpid(child->pid, &status, 0);
	(void)close(child->fd);
	*child = (struct child){ .fd = -1 };
	return at;
}

void child_main(const struct role *roles, int argc, char *argv[])
{
	if (argc != 8)
		story_fail("--role is for the demo itself");
	parent = (int)strtol(argv[3], NULL, 10);
	/* Between fork and prctl the parent may have died unnoticed: then the socket says so.
	 */
	(void)fcntl(parent, F_SETFD, FD_CLOEXEC);
	rsm_use(argv[6], (uint32_t)strtoul(argv[7], NULL, 10));
	for (; roles->name; roles++) {
		if (strcmp(roles->name, argv[2]) != 0)
			continue;
		roles->play((uint32_t)strtoul(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
		exit(0);
	}
	story_fail("there is no role %s", argv[2]);
}

void child_report(const struct report *report)
{
	if (send(parent, report, sizeof(*report), MSG_NOSIGNAL) < 0)
		exit(1);
}

void child_await(void)
{
	char go[8];

	if (recv(parent, go, sizeof(go), 0) <= 0)
		exit(0);
}

bool child_was_told(void)
{
	return is_readable(parent, 0);
}

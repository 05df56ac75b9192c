/* SPDX-License-Identifier: MIT */
#include "victim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "rsm.h"

extern char **environ;

int victim_start(const struct pair *pair, char *const argv[], struct victim *ret)
{
	posix_spawn_file_actions_t actions;
	char path[4096];
	int pipes[2];
	int r;

	(void)snprintf(path, sizeof(path), "%s/bench-victim", pair->bin);
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	r = posix_spawn(&ret->pid, path, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipes[1]);
	ret->out = pipes[0];
	ret->pidfd = r == 0 ? (int)syscall(SYS_pidfd_open, ret->pid, 0) : -1;
	if (r == 0 && ret->pidfd >= 0)
		return 0;
	(void)close(pipes[0]);
	return -1;
}

void victim_end(struct victim *victim)
{
	while (waitpid(victim->pid, NULL, 0) < 0 && errno == EINTR)
		;
	(void)close(victim->pidfd);
	(void)close(victim->out);
}

/* Lets it run to its next system call or exit from one.  Return: true while it lives. */
static bool step(int pid, struct __ptrace_syscall_info *ret)
{
	int status;

	if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	memset(ret, 0, sizeof(*ret));
	if (WIFSTOPPED(status))
		(void)ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(*ret), ret);
	return WIFSTOPPED(status);
}

static long count_between_marks(int pid)
{
	struct __ptrace_syscall_info info;
	long calls = 0;
	int marks = 0;

	/* Without this the kernel does not say which stops are system calls. */
	(void)ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	while (step(pid, &info)) {
		if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
			continue;
		if (info.entry.nr == SYS_getppid)
			marks++;
		else if (marks == 1)
			calls++;
	}
	return marks == 2 ? calls : -1;
}

long victim_count_calls(const struct pair *pair, rsm_memseg_id_t id)
{
	char name[] = "bench-victim", verb[] = "post", node_text[16], id_text[16];
	char *argv[] = { name, verb, node_text, id_text, NULL };
	rsmapi_controller_handle_t controller;
	struct victim victim;
	rsm_node_id_t node;
	int status;
	long calls;

	if (rsm_start(&controller, &node) < 0)
		return -1;
	(void)snprintf(node_text, sizeof(node_text), "%u", node);
	(void)snprintf(id_text, sizeof(id_text), "%u", id);
	if (victim_start(pair, argv, &victim) < 0)
		return -1;
	/* It stops itself as soon as it is traced. */
	if (waitpid(victim.pid, &status, 0) != victim.pid || !WIFSTOPPED(status)) {
		(void)close(victim.pidfd);
		(void)close(victim.out);
		return -1;
	}
	calls = count_between_marks(victim.pid);
	(void)close(victim.pidfd);
	(void)close(victim.out);
	return calls;
}

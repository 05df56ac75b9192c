/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - start a program that has nothing to do with us any more
 *
 * The application must not notice: not by SIGCHLD, not by wait(), not by a handler it gave to
 * pthread_atfork().  So both forks are clone() system calls that name no signal: the kernel
 * hides such a child from whoever does not ask for clones.  What a child does between its
 * clone and the program's start may run beside locks that other threads of the parent held:
 * it makes bare system calls only.
 */
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"

#define READY_FD 3
#define SIGNAL_COUNT 64
#define SIGNAL_SET_SIZE 8

/* The sanitizers' runtimes may hold locks of other threads, too. */
#define BARE __attribute__((no_sanitize("thread"), no_sanitize("address"), noinline))

struct program {
	const char *path;
	char *const *argv;
	char *const *environment;
	int ready; /* the pipe's writing end */
};

BARE static long clone_unsignalled(void)
{
	/* The order of the arguments differs between machines; they are all 0. */
	return syscall(SYS_clone, 0, 0, 0, 0, 0);
}

BARE static __attribute__((noreturn)) void leave(int status)
{
	for (;;)
		(void)syscall(SYS_exit_group, status);
}

/* Default dispositions, also where the application ignores a signal, and none blocked. */
BARE static void forget_signals(void)
{
	static const uint64_t default_action[8] = { 0 };
	static const uint64_t none = 0;

	for (int signal = 1; signal <= SIGNAL_COUNT; signal++)
		(void)syscall(SYS_rt_sigaction, signal, default_action, NULL, SIGNAL_SET_SIZE);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNAL_SET_SIZE);
}

/* 0 to 2 are /dev/null, 3 is the pipe, and there is nothing else. */
BARE static int arrange_fds(int ready)
{
	long high, null;

	/* The program that uses us may have closed any of 0 to 3, and the pipe may be there. */
	high = syscall(SYS_fcntl, ready, F_DUPFD, READY_FD + 1);
	if (high < 0)
		return -1;
	null = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
	if (null < 0)
		return -1;
	for (int fd = 0; fd < READY_FD; fd++)
		if (fd != null && syscall(SYS_dup3, null, fd, 0) < 0)
			return -1;
	if (syscall(SYS_dup3, high, READY_FD, 0) < 0)
		return -1;
	return (int)syscall(SYS_close_range, READY_FD + 1, ~0U, 0);
}

BARE static __attribute__((noreturn)) void run(const struct program *p)
{
	if (arrange_fds(p->ready) == 0 && syscall(SYS_chdir, "/") == 0) {
		forget_signals();
		(void)syscall(SYS_execve, p->path, p->argv, p->environment);
	}
	leave(127);
}

/* The child: it only makes the grandchild, and leaves with 0 or an errno. */
BARE static __attribute__((noreturn)) void detach(const struct program *p)
{
	long pid;

	(void)syscall(SYS_setsid);
	pid = clone_unsignalled();
	if (pid == 0)
		run(p);
	leave(pid < 0 ? errno : 0);
}

static int start(const struct program *p)
{
	static const uint64_t all = UINT64_MAX;
	uint64_t before;
	int status = 0;
	long pid;
	int r;

	/* No handler of the application's runs in a child.  Even the C library's own signals
	 * are held back, which sigfillset() would leave out. */
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, SIGNAL_SET_SIZE);
	pid = clone_unsignalled();
	if (pid == 0)
		detach(p);
	r = pid < 0 ? -errno : 0;
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SIGNAL_SET_SIZE);
	if (r < 0)
		return r;

	while (waitpid((pid_t)pid, &status, __WCLONE) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EAGAIN;
}

int spawn_detached(const char *path, char *const argv[], int *ret_ready)
{
	struct program p = { .argv = argv, .environment = environ };
	scoped(mem) char *absolute = realpath(path, NULL);
	scoped(fd) int ready = -1, theirs = -1;
	int fds[2];
	int r;

	/* Asked here because a child that cannot start it has nobody to tell. */
	if (!absolute || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return -errno;
	/* The child leaves this directory.  Links stay unresolved if they can: a program may
	 * look at how it was called. */
	p.path = path[0] == '/' ? path : absolute;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	ready = fds[0];
	theirs = fds[1];
	p.ready = theirs;
	r = start(&p);
	if (r < 0)
		return r;
	*ret_ready = steal_fd(&ready);
	return 0;
}

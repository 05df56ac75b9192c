/* SPDX-License-Identifier: MIT */
/*
 * access.c - accesses that may fault, in this process and in children, and threads
 */
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_A_CHILD_MAY_TAKE 10

static _Thread_local sigjmp_buf way_out;
static _Thread_local volatile sig_atomic_t is_touching;
static _Thread_local struct fault seen;
static _Thread_local l4_addr_t touched;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (!is_touching) {
		/* Not an access of touch(): end as without a handler. */
		struct sigaction usual = { .sa_handler = SIG_DFL };

		(void)sigaction(signal, &usual, NULL);
		return;
	}
	seen.signal = signal;
	seen.code = info->si_code;
	seen.there = (l4_addr_t)info->si_addr == touched;
	siglongjmp(way_out, 1);
}

void touch_prepare(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	static bool prepared;

	if (prepared)
		return;
	prepared = true;
	EXPECT_EQ(sigaction(SIGSEGV, &action, NULL), 0);
	EXPECT_EQ(sigaction(SIGBUS, &action, NULL), 0);
}

void have_no_handlers(void)
{
	EXPECT(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
	EXPECT(signal(SIGBUS, SIG_DFL) != SIG_ERR);
}

static void access_now(l4_addr_t at, enum access how)
{
	unsigned char byte;

	if (how == EXECUTE) {
		((void (*)(void))at)();
		return;
	}
	byte = BYTE(at);
	if (how == WRITE)
		BYTE(at) = byte;
}

struct fault touch(l4_addr_t at, enum access how)
{
	touch_prepare();
	seen = (struct fault){ 0 };
	touched = at;
	if (sigsetjmp(way_out, 1) == 0) {
		is_touching = 1;
		access_now(at, how);
	}
	is_touching = 0;
	return seen;
}

static void limit_time(void)
{
	(void)alarm((unsigned)(SECONDS_A_CHILD_MAY_TAKE * test_patience()));
}

static int status_of_pid(pid_t pid)
{
	int status = 0;
	pid_t ended;

	EXPECT(pid > 0);
	do {
		ended = waitpid(pid, &status, 0);
	} while (ended < 0 && errno == EINTR);
	EXPECT_EQ(ended, pid);
	EXPECT_OR_SAY(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM, "a child hung");
	return status;
}

struct fault probe(l4_addr_t at, enum access how)
{
	struct fault f = { 0 };
	int ends[2];
	pid_t pid;

	EXPECT_EQ(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		limit_time();
		f = touch(at, how);
		_exit(write(ends[1], &f, sizeof(f)) == sizeof(f) ? 0 : 1);
	}
	(void)close(ends[1]);
	EXPECT_EQ(status_of_pid(pid), 0);
	EXPECT_EQ(read(ends[0], &f, sizeof(f)), sizeof(f));
	(void)close(ends[0]);
	return f;
}

void expect_fault(const char *file, int line, l4_addr_t at, enum access how, struct fault f)
{
	static const char *const names[] = { "reading", "writing", "executing" };

	EXPECT_OR_SAY(f.signal == SIGSEGV || f.signal == SIGBUS, "%s:%d: %s 0x%lx went well",
		      file, line, names[how], at);
	EXPECT_OR_SAY(f.there || how == EXECUTE, "%s:%d: %s 0x%lx faulted elsewhere", file,
		      line, names[how], at);
}

bool is_filled(l4_addr_t at, unsigned long size, unsigned char with)
{
	for (l4_addr_t i = 0; i < size; i++)
		if (BYTE(at + i) != with)
			return false;
	return true;
}

bool is_present(l4_addr_t at)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	EXPECT(fd >= 0);
	EXPECT_EQ(pread(fd, &entry, sizeof(entry), (off_t)(at / PAGE * sizeof(entry))),
		  sizeof(entry));
	(void)close(fd);
	return entry >> 63;
}

int status_of(void (*body)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		limit_time();
		body(arg);
		_exit(0);
	}
	return status_of_pid(pid);
}

unsigned count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;

	EXPECT(dir != NULL);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	(void)closedir(dir);
	return count;
}

struct worker {
	pthread_t thread;
	unsigned number;
	void (*body)(unsigned number, void *arg);
	void *arg;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	w->body(w->number, w->arg);
	return NULL;
}

void in_threads(unsigned count, void (*body)(unsigned number, void *arg), void *arg)
{
	struct worker workers[16];

	EXPECT(count <= 16);
	for (unsigned n = 0; n < count; n++) {
		workers[n] = (struct worker){ .number = n, .body = body, .arg = arg };
		EXPECT_EQ(pthread_create(&workers[n].thread, NULL, work, &workers[n]), 0);
	}
	for (unsigned n = 0; n < count; n++)
		EXPECT_EQ(pthread_join(workers[n].thread, NULL), 0);
}

/* SPDX-License-Identifier: MIT */
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/sock.h"
#include "test.h"

static char report_path[128];

/* Starts a shell with @script, in which $1 is a file of the test's. */
static int start_shell(const char *script)
{
	char *argv[5];
	char words[2][1024];
	int ready, r;

	(void)snprintf(report_path, sizeof(report_path), "%s/report", test_directory());
	(void)snprintf(words[0], sizeof(words[0]), "%s", script);
	(void)snprintf(words[1], sizeof(words[1]), "%s", report_path);
	argv[0] = (char[]){ "sh" };
	argv[1] = (char[]){ "-c" };
	argv[2] = words[0];
	argv[3] = (char[]){ "sh" };
	argv[4] = words[1];
	r = spawn_detached("/bin/sh",
			   (char *[]){ argv[0], argv[1], argv[2], argv[3], argv[4], NULL },
			   &ready);
	EXPECT_EQ(r, 0);
	return ready;
}

/* What the script wrote, once it is ready. */
static const char *report_of(const char *script)
{
	static char text[4096];
	scoped(fd) int ready = start_shell(script);
	FILE *file;

	EXPECT_EQ(sock_wait_readable(ready, 10000), 0);
	file = fopen(report_path, "re");
	EXPECT(file != NULL);
	(void)memset(text, 0, sizeof(text));
	(void)!fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	return text;
}

TEST(a_started_program_is_ready_when_it_closes_descriptor_three)
{
	char path[128], end[128];
	scoped(fd) int ready = -1;
	FILE *go;

	(void)snprintf(path, sizeof(path), "%s/report.go", test_directory());
	(void)snprintf(end, sizeof(end), "%s/report.end", test_directory());
	EXPECT_EQ(mkfifo(path, 0600), 0);
	/* Another one: the first might not be closed here yet when it is opened there again. */
	EXPECT_EQ(mkfifo(end, 0600), 0);
	ready = start_shell("read line <\"$1.go\"; exec 3>&-; read line <\"$1.end\"");
	EXPECT_EQ(sock_wait_readable(ready, 20), -ETIMEDOUT);
	go = fopen(path, "we");
	EXPECT(go != NULL);
	(void)fputs("go\n", go);
	(void)fclose(go);
	EXPECT_EQ(sock_wait_readable(ready, 10000), 0);
	go = fopen(end, "we");
	(void)fclose(go);
}

TEST(a_started_program_has_the_standard_descriptors_and_no_others)
{
	/* One that is not close-on-exec must not be inherited either. */
	scoped(fd) int leaky = open("/etc/passwd", O_RDONLY);
	const char *text = report_of("for fd in 0 1 2 4 5 6 7 8 9; do "
				     "readlink /proc/$$/fd/$fd; done >\"$1\"");

	/* The shell's own redirection is where its output was. */
	EXPECT(strstr(text, "passwd") == NULL);
	EXPECT(strncmp(text, "/dev/null\n", 10) == 0);
	EXPECT(strstr(text, "pipe:") == NULL);
	(void)leaky;
}

TEST(a_started_program_leads_no_session_of_ours)
{
	int pid, group, session;
	const char *text = report_of("cut -d' ' -f1,5,6 /proc/$$/stat >\"$1\"; pwd >>\"$1\"");
	char directory[64];

	EXPECT_EQ(sscanf(text, "%d %d %d %63s", &pid, &group, &session, directory), 4);
	EXPECT(session != getsid(0));
	EXPECT(group != getpgid(0));
	EXPECT(session != pid);
	EXPECT_STR(directory, "/");
}

TEST(a_started_program_gets_default_signals)
{
	unsigned long long blocked, ignored;
	const char *text;
	sigset_t all;

	(void)signal(SIGUSR1, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	text = report_of("grep -E 'SigBlk|SigIgn' /proc/self/status >\"$1\"");
	EXPECT_EQ(sscanf(text, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	EXPECT_EQ(blocked, 0);
	EXPECT_EQ(ignored, 0);
}

static volatile sig_atomic_t child_signals;

static void count_child_signal(int signal)
{
	(void)signal;
	child_signals++;
}

TEST(the_application_notices_nothing)
{
	sigset_t before, after;

	(void)signal(SIGCHLD, count_child_signal);
	(void)sigprocmask(SIG_SETMASK, NULL, &before);
	EXPECT_STR(report_of("echo hello >\"$1\""), "hello\n");
	(void)sigprocmask(SIG_SETMASK, NULL, &after);
	EXPECT_EQ(child_signals, 0);
	EXPECT_EQ(waitpid(-1, NULL, WNOHANG), -1);
	EXPECT_EQ(errno, ECHILD);
	for (int signal = 1; signal < 32; signal++)
		EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
	EXPECT_EQ(test_count_children(), 0);
}

static void *allocate_all_the_time(void *arg)
{
	_Atomic bool *done = arg;

	while (!atomic_load(done))
		free(malloc(100000));
	return NULL;
}

TEST(it_works_beside_threads_that_hold_locks)
{
	_Atomic bool done = false;
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		EXPECT_EQ(pthread_create(&threads[i], NULL, allocate_all_the_time, &done), 0);
	for (int i = 0; i < 10; i++)
		EXPECT_STR(report_of("echo hello >\"$1\""), "hello\n");
	atomic_store(&done, true);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(pthread_join(threads[i], NULL), 0);
}

TEST(it_works_where_children_are_not_waited_for)
{
	(void)signal(SIGCHLD, SIG_IGN);
	EXPECT_STR(report_of("echo hello >\"$1\""), "hello\n");
}

TEST(it_works_with_the_standard_descriptors_closed)
{
	int kept[3];

	for (int fd = 0; fd < 3; fd++) {
		kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 20);
		(void)close(fd);
	}
	EXPECT_STR(report_of("readlink /proc/$$/fd/0 >\"$1\"; readlink /proc/$$/fd/2 >>\"$1\""),
		   "/dev/null\n/dev/null\n");
	for (int fd = 0; fd < 3; fd++) {
		(void)dup2(kept[fd], fd);
		(void)close(kept[fd]);
	}
}

TEST(a_program_that_is_not_there_is_told_at_once)
{
	char *argv[] = { (char[]){ "none" }, NULL };
	int ready = -7;

	EXPECT_EQ(spawn_detached("/nonexistent/none", argv, &ready), -ENOENT);
	EXPECT_EQ(spawn_detached("/etc/passwd", argv, &ready), -EACCES);
	EXPECT_EQ(ready, -7);
}

TEST(a_program_that_ends_is_ready_too)
{
	char *argv[] = { (char[]){ "true" }, NULL };
	scoped(fd) int ready = -1;

	EXPECT_EQ(spawn_detached("/bin/true", argv, &ready), 0);
	EXPECT_EQ(sock_wait_readable(ready, 10000), 0);
}

TEST(a_relative_path_is_from_here)
{
	char *argv[] = { (char[]){ "true" }, NULL };
	scoped(fd) int ready = -1;

	EXPECT_EQ(chdir("/bin"), 0);
	EXPECT_EQ(spawn_detached("./true", argv, &ready), 0);
	EXPECT_EQ(sock_wait_readable(ready, 10000), 0);
}

/* SPDX-License-Identifier: MIT */
#include "sys/holds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/memfd.h"
#include "sys/peer.h"
#include "sys/vm.h"
#include "test.h"

#define NOBODY 65534

/* A child that has what it has, says so, and does the next thing when it is told to. */
struct holder {
	pid_t pid;
	int pidfd;
	int to, from;
};

/* The child's. */
static int object, orders, answers;

static void say(void)
{
	if (write(answers, "x", 1) != 1)
		_exit(1);
}

static void wait_for_order(void)
{
	char byte;

	if (read(orders, &byte, 1) != 1)
		_exit(0);
}

static struct holder holder_new(void (*run)(void))
{
	struct holder h;
	int to[2], from[2];
	char byte;

	EXPECT_EQ(pipe2(to, O_CLOEXEC), 0);
	EXPECT_EQ(pipe2(from, O_CLOEXEC), 0);
	h.pid = fork();
	EXPECT(h.pid >= 0);
	if (h.pid == 0) {
		orders = to[0];
		answers = from[1];
		(void)close(to[1]);
		(void)close(from[0]);
		run();
		for (;;)
			wait_for_order();
	}
	(void)close(to[0]);
	(void)close(from[1]);
	h.to = to[1];
	h.from = from[0];
	EXPECT_EQ(peer_pidfd_of(h.pid, &h.pidfd), 0);
	EXPECT_EQ(read(h.from, &byte, 1), 1);
	return h;
}

static void holder_go_on(struct holder *h)
{
	char byte;

	EXPECT_EQ(write(h->to, "x", 1), 1);
	EXPECT_EQ(read(h->from, &byte, 1), 1);
}

static void holder_free(struct holder *h)
{
	(void)kill(h->pid, SIGKILL);
	(void)waitpid(h->pid, NULL, 0);
	(void)close(h->to);
	(void)close(h->from);
	(void)close(h->pidfd);
}

static void make_object(void)
{
	EXPECT_EQ(memfd_new("test", 2 * vm_page_size(), &object), 0);
}

static void expect_holds(const struct holder *h, unsigned mappings, unsigned descriptors)
{
	struct holds found;

	EXPECT_EQ(holds_count(h->pid, h->pidfd, object, &found), 0);
	EXPECT_EQ(found.mappings, mappings);
	EXPECT_EQ(found.descriptors, descriptors);
}

static void hold_and_let_go(void)
{
	const size_t page = vm_page_size();
	void *whole, *part;
	int readonly, copy, other;

	if (memfd_new("test", page, &other) < 0 ||
	    memfd_reopen_readonly(object, &readonly) < 0 || (copy = dup(object)) < 0 ||
	    vm_place(NULL, 2 * page, VM_READ | VM_WRITE, object, 0, &whole) < 0 ||
	    vm_place(NULL, page, VM_READ, readonly, page, &part) < 0)
		_exit(1);
	say();
	wait_for_order();
	(void)close(object);
	(void)close(copy);
	vm_unmap(whole, 2 * page);
	say();
	wait_for_order();
	(void)close(readonly);
	vm_unmap(part, page);
	say();
}

TEST(mappings_and_descriptors_are_found_until_they_go)
{
	struct holder h;

	make_object();
	h = holder_new(hold_and_let_go);
	expect_holds(&h, 2, 3);
	holder_go_on(&h);
	expect_holds(&h, 1, 1);
	holder_go_on(&h);
	expect_holds(&h, 0, 0);
	holder_free(&h);
	(void)close(object);
}

static void *keep_own_table(void *arg)
{
	(void)arg;
	if (unshare(CLONE_FILES) < 0)
		_exit(1);
	say();
	for (;;)
		(void)pause();
	return NULL;
}

static void hide_in_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, keep_own_table, NULL) != 0)
		_exit(1);
	wait_for_order();
	(void)close(object);
	say();
}

TEST(a_thread_s_own_table_hides_nothing)
{
	struct holder h;

	make_object();
	h = holder_new(hide_in_a_thread);
	expect_holds(&h, 0, 2);
	holder_go_on(&h);
	expect_holds(&h, 0, 1);
	holder_free(&h);
	(void)close(object);
}

/* In its entry the kernel says Z of a thread that has ended, after its name. */
static bool first_thread_has_ended(void)
{
	char path[64], text[256];
	const char *state;
	ssize_t got;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (got <= 0)
		_exit(1);
	text[got] = '\0';
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'Z';
}

static void *outlive_the_first(void *arg)
{
	(void)arg;
	while (!first_thread_has_ended())
		test_pause_us(200);
	say();
	for (;;)
		(void)pause();
	return NULL;
}

static void end_first_thread(void)
{
	pthread_t thread;
	void *addr;

	if (vm_place(NULL, vm_page_size(), VM_READ, object, 0, &addr) < 0 ||
	    pthread_create(&thread, NULL, outlive_the_first, NULL) != 0)
		_exit(1);
	pthread_exit(NULL);
}

TEST(a_first_thread_that_has_ended_hides_nothing)
{
	struct holder h;

	make_object();
	h = holder_new(end_first_thread);
	expect_holds(&h, 1, 1);
	holder_free(&h);
	(void)close(object);
}

static void be_shy(void)
{
	if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		_exit(1);
	say();
}

/* Looks at two who do not let it: root, and one of its own user that cannot be traced. */
static void look_without_leave(const struct holder *shy)
{
	struct holds found = { .mappings = 7 };
	int root;

	if (peer_pidfd_of(getppid(), &root) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		_exit(1);
	if (holds_count(getppid(), root, object, &found) != -EACCES)
		_exit(2);
	if (holds_count(shy->pid, shy->pidfd, object, &found) != -EACCES)
		_exit(3);
	_exit(found.mappings == 7 ? 0 : 4);
}

TEST(who_may_not_be_looked_at_is_not_taken_to_have_nothing)
{
	struct holder shy;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("needs root to become another user");
	make_object();
	shy = holder_new(be_shy);
	pid = fork();
	if (pid == 0)
		look_without_leave(&shy);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
	holder_free(&shy);
	(void)close(object);
}

static void just_say(void)
{
	say();
}

TEST(who_has_ended_or_cannot_be_named_is_not_looked_at)
{
	struct holds found = { .mappings = 7 };
	struct holder h;

	make_object();
	h = holder_new(just_say);
	EXPECT_EQ(holds_count(0, h.pidfd, object, &found), -EACCES);
	EXPECT_EQ(holds_count(h.pid, -1, object, &found), -EACCES);
	EXPECT_EQ(holds_count(h.pid, h.pidfd, -1, &found), -EBADF);
	EXPECT_EQ(peer_pidfd_signal(h.pidfd, SIGKILL), 0);
	EXPECT_EQ(waitpid(h.pid, NULL, 0), h.pid);
	EXPECT_EQ(holds_count(h.pid, h.pidfd, object, &found), -ESRCH);
	/* Whoever has its number by now. */
	EXPECT_EQ(holds_count(getpid(), h.pidfd, object, &found), -ESRCH);
	EXPECT_EQ(found.mappings, 7);
	holder_free(&h);
	(void)close(object);
}

static void have_too_many(void)
{
	struct rlimit limit = { HOLDS_DESCRIPTORS_MAX + 100, HOLDS_DESCRIPTORS_MAX + 100 };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		_exit(1);
	while (dup(null) >= 0)
		continue;
	say();
}

TEST(who_has_too_much_to_look_through_is_not_taken_to_have_nothing)
{
	struct holds found = { .mappings = 7 };
	struct rlimit limit;
	struct holder h;

	EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < HOLDS_DESCRIPTORS_MAX + 100)
		SKIP("needs a process with very many descriptors");
	make_object();
	h = holder_new(have_too_many);
	EXPECT_EQ(holds_count(h.pid, h.pidfd, object, &found), -E2BIG);
	EXPECT_EQ(found.mappings, 7);
	holder_free(&h);
	(void)close(object);
}

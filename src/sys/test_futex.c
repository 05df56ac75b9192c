/* SPDX-License-Identifier: MIT */
#include "sys/futex.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "sys/memfd.h"
#include "sys/vm.h"
#include "test.h"

TEST(a_changed_word_is_not_waited_for)
{
	_Atomic uint32_t word = 1;

	EXPECT_EQ(futex_wait(&word, 0, CLOCK_NEVER), -EAGAIN);
}

TEST(a_wait_ends_at_its_deadline)
{
	_Atomic uint32_t word = 0;
	uint64_t deadline = clock_deadline_ms(20);

	EXPECT_EQ(futex_wait(&word, 0, deadline), -ETIMEDOUT);
	EXPECT(clock_now() >= deadline);
	EXPECT_EQ(futex_wait(&word, 0, 0), -ETIMEDOUT);
}

/* Asleep, as /proc tells it: there is no event for that. */
static bool is_asleep(pid_t tid)
{
	char path[64], state = '?';
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	(void)fclose(file);
	return state == 'S';
}

struct sleeper {
	_Atomic uint32_t word;
	_Atomic pid_t tid;
	uint64_t deadline;
	int result;
};

static void *sleep_on_word(void *arg)
{
	struct sleeper *s = arg;

	atomic_store(&s->tid, (pid_t)syscall(SYS_gettid));
	s->result = futex_wait(&s->word, 0, s->deadline);
	return NULL;
}

static void ignore_signal(int signal)
{
	(void)signal;
}

/* A restarting handler runs while a thread waits until @deadline: what does the wait return? */
static int interrupted_wait(uint64_t deadline)
{
	struct sigaction restarting = { .sa_handler = ignore_signal, .sa_flags = SA_RESTART };
	struct sleeper s = { .deadline = deadline };
	pthread_t thread;

	(void)sigaction(SIGUSR1, &restarting, NULL);
	EXPECT_EQ(pthread_create(&thread, NULL, sleep_on_word, &s), 0);
	EXPECT_WITHIN(10000, atomic_load(&s.tid) && is_asleep(s.tid));
	EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	return s.result;
}

TEST(a_restarting_handler_ends_an_endless_wait)
{
	EXPECT_EQ(interrupted_wait(CLOCK_NEVER), -EINTR);
}

TEST(a_restarting_handler_ends_a_wait_with_a_deadline)
{
	EXPECT_EQ(interrupted_wait(clock_deadline_ms(3600000)), -EINTR);
}

TEST(a_wake_reaches_another_process)
{
	size_t page = vm_page_size();
	scoped(fd) int fd = -1;
	_Atomic uint32_t *word;
	int status;
	pid_t child;
	void *addr;

	EXPECT_EQ(memfd_new("futex", page, &fd), 0);
	EXPECT_EQ(vm_place(NULL, page, VM_READ | VM_WRITE, fd, 0, &addr), 0);
	word = addr;
	child = fork();
	if (child == 0)
		_exit(futex_wait(word, 0, clock_deadline_ms(10000)) == 0 ? 0 : 1);
	EXPECT_WITHIN(10000, is_asleep(child));
	futex_wake(word, 1);
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	vm_unmap(word, page);
}

/* SPDX-License-Identifier: MIT */
#include "base/handler.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static struct sigaction before;
static volatile sig_atomic_t seen;

static void ours(int number, siginfo_t *info, void *context)
{
	handler_pass_on(&before, number, info, context);
}

static void plain(int number)
{
	seen = number;
}

static void detailed(int number, siginfo_t *info, void *context)
{
	(void)context;
	seen = info->si_pid == getpid() ? number : 0;
}

/* Ours is put before what @former says, in a child that then runs @body; its status. */
static int status_of(const struct sigaction *former, void (*body)(void))
{
	struct sigaction action = { .sa_sigaction = ours, .sa_flags = SA_SIGINFO };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (sigaction(SIGSEGV, former, NULL) < 0 ||
		    sigaction(SIGSEGV, &action, &before) < 0)
			_exit(99);
		body();
		_exit(seen == SIGSEGV ? 1 : 0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static void be_sent_one(void)
{
	(void)kill(getpid(), SIGSEGV);
}

static void fault(void)
{
	volatile char *nothing = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*nothing = 1;
}

TEST(what_is_sent_ends_a_process_that_it_would_have_ended)
{
	const struct sigaction former = { .sa_handler = SIG_DFL };
	int status = status_of(&former, be_sent_one);

	EXPECT(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

TEST(what_is_sent_and_was_ignored_is_ignored)
{
	const struct sigaction former = { .sa_handler = SIG_IGN };
	int status = status_of(&former, be_sent_one);

	EXPECT(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(a_fault_ends_a_process_whether_it_was_ignored_or_not)
{
	const struct sigaction former = { .sa_handler = SIG_DFL },
			       ignoring = { .sa_handler = SIG_IGN };
	int status = status_of(&former, fault);

	EXPECT(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGSEGV);
	status = status_of(&ignoring, fault);
	EXPECT(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

TEST(the_handler_before_is_called_in_its_own_way)
{
	const struct sigaction simple = { .sa_handler = plain },
			       full = { .sa_sigaction = detailed, .sa_flags = SA_SIGINFO };
	int status = status_of(&simple, be_sent_one);

	EXPECT(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 1);
	status = status_of(&full, be_sent_one);
	EXPECT(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 1);
}

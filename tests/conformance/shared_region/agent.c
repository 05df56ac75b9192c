/* SPDX-License-Identifier: MIT */
/*
 * agent.c - agents as their test sees them, and how they come to be
 *
 * An agent is this program, executed again: the constructor below finds that it is one before
 * main() does.
 */
#include "agent.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define CHANNEL "SHARED_REGION_AGENT"

/* ---- the agent's side ------------------------------------------------------------------- */

void give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fputs("# an agent gives up: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	_exit(1);
}

struct slot *slot_of(struct performer *p, uint64_t number)
{
	if (number >= SLOTS)
		give_up("there is no slot %llu", (unsigned long long)number);
	return &p->slot[number];
}

static void serve(int channel)
{
	struct performer self = { .channel = channel };
	struct request request;

	/* It took another user's id before it was executed; its /proc shall be its own. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	while (recv(channel, &request, sizeof(request), 0) == (ssize_t)sizeof(request)) {
		struct answer answer = { 0 };

		if (request.v[0] >= DEEDS || !deeds[request.v[0]])
			give_up("there is no deed %llu", (unsigned long long)request.v[0]);
		answer.code = deeds[request.v[0]](&self, request.v + 1, answer.v);
		if (send(channel, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	/* Without tidying up, as a program that ends does. */
	_exit(0);
}

__attribute__((constructor)) static void be_an_agent(void)
{
	const char *channel = getenv(CHANNEL);

	if (!channel)
		return;
	(void)fcntl(atoi(channel), F_SETFD, FD_CLOEXEC);
	serve(atoi(channel));
}

/* ---- the test's side -------------------------------------------------------------------- */

/* In the child: becomes the agent, as this user. */
__attribute__((noreturn)) static void execute(int channel, uid_t uid)
{
	char self[512], number[16], *const argv[] = { strdup("agent"), NULL };
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0)
		_exit(125);
	self[length] = '\0';
	if (uid != geteuid() && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
				 setresuid(uid, uid, uid) < 0))
		_exit(126);
	(void)snprintf(number, sizeof(number), "%d", channel);
	(void)setenv(CHANNEL, number, 1);
	(void)fcntl(channel, F_SETFD, 0);
	(void)execv(self, argv);
	_exit(127);
}

/* fork() that has a say in the child's number; 0: whatever it is. */
static pid_t fork_numbered(pid_t wanted)
{
	struct clone_args how = { .exit_signal = SIGCHLD };

	if (wanted == 0)
		return fork();
	how.set_tid = (uintptr_t)&wanted;
	how.set_tid_size = 1;
	return (pid_t)syscall(SYS_clone3, &how, sizeof(how));
}

static bool agent_start_as(struct agent *a, uid_t uid, pid_t wanted)
{
	int ends[2];

	*a = (struct agent){ 0 };
	EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	a->fd = ends[0];
	a->pid = fork_numbered(wanted);
	if (a->pid == 0)
		execute(ends[1], uid);
	(void)close(ends[1]);
	if (a->pid < 0)
		(void)close(a->fd);
	return a->pid > 0;
}

static void attach(struct agent *a, uint32_t flags)
{
	EXPECT_OK(ask(a, ATTACH, flags));
	a->self = a->said[0];
	EXPECT(a->self > 0);
}

void agent_start(struct agent *a)
{
	EXPECT(agent_start_as(a, geteuid(), 0));
}

void agent_up(struct agent *a)
{
	agent_up_with(a, 0);
}

void agent_up_with(struct agent *a, uint32_t flags)
{
	agent_start(a);
	attach(a, flags);
}

void agent_up_as(struct agent *a, uid_t uid)
{
	if (geteuid() != 0)
		SKIP("only root can become another user");
	EXPECT(agent_start_as(a, uid, 0));
	attach(a, 0);
}

void agent_up_numbered(struct agent *a, pid_t pid)
{
	if (!agent_start_as(a, geteuid(), pid)) {
		/* Somebody else got it first, or it cannot be asked for. */
		EXPECT(errno == EPERM || errno == EEXIST || errno == ENOSYS);
		SKIP("no process can be made with the number of another here");
	}
	EXPECT_EQ(a->pid, pid);
	attach(a, 0);
}

static int agent_status(struct agent *a)
{
	int status = 0;

	(void)close(a->fd);
	while (waitpid(a->pid, &status, 0) < 0)
		EXPECT_EQ(errno, EINTR);
	*a = (struct agent){ .fd = -1 };
	return status;
}

void agent_down(struct agent *a)
{
	EXPECT_EQ(agent_status(a), 0);
}

void agent_kill(struct agent *a)
{
	EXPECT_EQ(kill(a->pid, SIGKILL), 0);
	agent_expect_killed(a);
}

void agent_stop(struct agent *a)
{
	int status = 0;

	EXPECT_EQ(kill(a->pid, SIGSTOP), 0);
	EXPECT_EQ(waitpid(a->pid, &status, WUNTRACED), a->pid);
	EXPECT(WIFSTOPPED(status));
}

void agent_expect_killed(struct agent *a)
{
	int status = agent_status(a);

	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void order_with(struct agent *a, struct request request)
{
	EXPECT_EQ(send(a->fd, &request, sizeof(request), MSG_NOSIGNAL), sizeof(request));
}

int hear(struct agent *a)
{
	struct answer answer;
	ssize_t got;

	do {
		got = recv(a->fd, &answer, sizeof(answer), 0);
	} while (got < 0 && errno == EINTR);
	/* Otherwise it has ended, and said why. */
	EXPECT_EQ(got, sizeof(answer));
	(void)memcpy(a->said, answer.v, sizeof(a->said));
	return (int)answer.code;
}

int ask_with(struct agent *a, struct request request)
{
	order_with(a, request);
	return hear(a);
}

unsigned char agent_byte(struct agent *a, unsigned slot, uint64_t offset)
{
	EXPECT_EQ(ask(a, LOAD, slot, offset), 0);
	return (unsigned char)a->said[0];
}

bool agent_filled(struct agent *a, unsigned slot, size_t size, unsigned char with)
{
	EXPECT_EQ(ask(a, FILLED, slot, size, with), 0);
	return a->said[0];
}

/* ---- what tests begin with -------------------------------------------------------------- */

shared_region_cap share(struct own *o, struct agent *a, uint32_t perm)
{
	struct shared_region_transfer_report report = { 0 };

	EXPECT_OK(shared_region_transfer(o->region, a->self, SHARED_REGION_SHARE,
					 SHARED_REGION_ASK, LONG, &report));
	EXPECT(report.cap != 0);
	EXPECT_OK(ask(a, ACCEPT, 0, report.cap, perm));
	return report.cap;
}

shared_region_cap share_rights(struct own *o, struct agent *a, shared_region_rights rights,
			       uint32_t perm)
{
	shared_region_cap cap = own_derive(o, rights, a->self);

	EXPECT_OK(ask(a, CAP_MAP, 0, cap, perm));
	return cap;
}

void move(struct own *o, struct agent *a, uint32_t mode, uint32_t force,
	  struct shared_region_transfer_report *ret_report)
{
	order(a, TAKE, 0, SHARED_REGION_WRITE);
	EXPECT_OK(shared_region_transfer(o->region, a->self, mode, force, LONG, ret_report));
	EXPECT_OK(hear(a));
	EXPECT_EQ(a->said[1], ret_report->cap);
}

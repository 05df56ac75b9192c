/* SPDX-License-Identifier: MIT */
#include "broker/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS_AT_LEAST 256u
#define FDS_AT_MOST (1u << 20)

static void leave_terminal(void)
{
	int fd;

	/* A process that was started by hand leads its group, and can have no session of its
	 * own; it can still let go of the terminal. */
	if (setsid() >= 0)
		return;
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return;
	(void)ioctl(fd, TIOCNOTTY);
	(void)close(fd);
}

void process_harden(bool foreground)
{
	/* We may still reopen our own descriptors through /proc/self: a process always may. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (!foreground)
		leave_terminal();
}

uint32_t process_raise_fds(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return FDS_AT_LEAST;
	limit.rlim_cur = limit.rlim_max < FDS_AT_MOST ? limit.rlim_max : FDS_AT_MOST;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return FDS_AT_LEAST;
	return limit.rlim_cur < FDS_AT_MOST ? (uint32_t)limit.rlim_cur : FDS_AT_MOST;
}

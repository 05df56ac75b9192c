/* SPDX-License-Identifier: MIT */
#include "broker/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
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

/* Whoever happened to start us may be tied to a processor; we serve others as well. */
static void use_every_processor(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	(void)sched_setaffinity(0, sizeof(all), &all);
}

void process_harden(bool foreground)
{
	/* We may still reopen our own descriptors through /proc/self: a process always may. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (foreground)
		return;
	leave_terminal();
	use_every_processor();
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

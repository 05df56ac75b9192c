/* SPDX-License-Identifier: MIT */
/*
 * pin.c - a store that was begun before memory is taken back, and ends after it
 *
 * The kernel has found the page that it is to write to, holds it, and then waits for what is to
 * be written: as it does for a slow device, but here for as long as a test likes.
 */
#include "agent.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "grip.h"

/* Of the accomplice: a page that is not there until it is put there, and by what. */
static struct {
	int uffd;
	void *source;
} pinned = { .uffd = -1 };

/* 0, or errno. */
static int prepare_source(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	pinned.uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (pinned.uffd < 0)
		return errno;
	pinned.source =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)pinned.source;
	range.range.len = PAGE;
	if (pinned.source == MAP_FAILED || ioctl(pinned.uffd, UFFDIO_API, &api) < 0 ||
	    ioctl(pinned.uffd, UFFDIO_REGISTER, &range) < 0)
		return errno;
	return 0;
}

static void say(uint64_t worked, uint64_t byte)
{
	struct outcome out = { worked, byte };

	if (send(grip_channel[1], &out, sizeof(out), MSG_NOSIGNAL) < 0)
		_exit(1);
}

static struct outcome hear_accomplice(void)
{
	struct outcome out;

	if (recv(grip_channel[0], &out, sizeof(out), 0) != (ssize_t)sizeof(out))
		give_up("the accomplice is gone");
	return out;
}

__attribute__((noreturn)) static void begin_store(pid_t holder, void *at)
{
	struct iovec here = { .iov_len = PAGE };
	struct iovec there = { .iov_base = at, .iov_len = PAGE };
	int error = prepare_source();

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	say((uint64_t)error, (uintptr_t)pinned.source);
	if (error)
		_exit(0);
	grip_send_fd(grip_channel[1], pinned.uffd);
	here.iov_base = pinned.source;
	say(process_vm_writev(holder, &here, 1, &there, 1, 0) == (ssize_t)PAGE, 0);
	_exit(0);
}

int pin_pages(void *at)
{
	struct pollfd stuck = { .events = POLLIN };
	pid_t holder = getpid(), pid;
	struct uffd_msg fault;
	struct outcome out;

	grip_open_channel();
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (pid == 0)
		begin_store(holder, at);
	out = hear_accomplice();
	if (out.worked != 0)
		return (int)out.worked;
	pinned.source = (void *)(uintptr_t)out.byte;
	pinned.uffd = grip_receive_fd(grip_channel[0]);
	stuck.fd = pinned.uffd;
	if (poll(&stuck, 1, LONG) != 1 ||
	    read(pinned.uffd, &fault, sizeof(fault)) != (ssize_t)sizeof(fault))
		give_up("the store did not begin");
	return 0;
}

struct outcome pinned_store(const struct order *o)
{
	void *page =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_copy copy = { .dst = (uintptr_t)pinned.source,
				    .src = (uintptr_t)page,
				    .len = PAGE };
	struct outcome out = { 0 };

	if (page == MAP_FAILED)
		give_up("no page");
	(void)memset(page, (int)o->byte, PAGE);
	if (o->times > 0 && pinned.uffd >= 0) {
		if (ioctl(pinned.uffd, UFFDIO_COPY, &copy) < 0)
			give_up("the store cannot end");
		out = hear_accomplice();
		(void)close(pinned.uffd);
		pinned.uffd = -1;
	}
	(void)munmap(page, PAGE);
	return out;
}

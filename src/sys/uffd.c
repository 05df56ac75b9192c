/* SPDX-License-Identifier: MIT */
/*
 * uffd.c - make a range's accesses wait
 *
 * Nobody reads the descriptor: a fault that nobody answers is a thread that sleeps, which is
 * all that is wanted.  Waking it makes it look again, and find what was mapped meanwhile.
 */
#include "sys/uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/scope.h"

static struct uffdio_range range_of(const void *addr, size_t size)
{
	return (struct uffdio_range){ .start = (uintptr_t)addr, .len = size };
}

/* The device gives what the system call refuses the unprivileged, to whoever may open it. */
static int open_by_device(void)
{
	scoped(fd) int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);

	if (device < 0)
		return -errno;
	return ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
}

static int open_any(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		return fd;
	if (errno != EPERM)
		return -errno;
	fd = open_by_device();
	if (fd >= 0)
		return fd;
	/* What is left waits for accesses by the program itself, not by the kernel for it. */
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (fd >= 0)
		return fd;
	return errno == EINVAL ? -EPERM : -errno;
}

static int agree(int fd)
{
	struct uffdio_api api = { .api = UFFD_API,
				  .features = UFFD_FEATURE_MISSING_SHMEM |
					      UFFD_FEATURE_MINOR_SHMEM };

	if (ioctl(fd, UFFDIO_API, &api) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* Without minor faults only private memory can be held; uffd_hold() finds out. */
	api = (struct uffdio_api){ .api = UFFD_API, .features = UFFD_FEATURE_MISSING_SHMEM };
	return ioctl(fd, UFFDIO_API, &api) < 0 ? -errno : 0;
}

int uffd_open(struct uffd *u)
{
	scoped(fd) int fd = -1;
	int r;

	r = fault_point("uffd.open");
	if (r < 0)
		return r;
	fd = open_any();
	if (fd < 0)
		return fd;
	r = agree(fd);
	if (r < 0)
		return r;
	u->fd = steal_fd(&fd);
	return 0;
}

void uffd_close(struct uffd *u)
{
	if (u->fd >= 0)
		(void)close(u->fd);
	u->fd = -1;
}

int uffd_hold(struct uffd *u, void *addr, size_t size, int shared)
{
	struct uffdio_register held = { .range = range_of(addr, size),
					.mode = UFFDIO_REGISTER_MODE_MISSING };

	/* A page that the object has, but this process does not map, is a minor fault. */
	if (shared)
		held.mode |= UFFDIO_REGISTER_MODE_MINOR;
	return ioctl(u->fd, UFFDIO_REGISTER, &held) < 0 ? -errno : 0;
}

int uffd_release(struct uffd *u, void *addr, size_t size)
{
	struct uffdio_range range = range_of(addr, size);

	return ioctl(u->fd, UFFDIO_UNREGISTER, &range) < 0 ? -errno : 0;
}

int uffd_wake(struct uffd *u, void *addr, size_t size)
{
	struct uffdio_range range = range_of(addr, size);

	return ioctl(u->fd, UFFDIO_WAKE, &range) < 0 ? -errno : 0;
}

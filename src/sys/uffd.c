/* SPDX-License-Identifier: MIT */
/*
 * uffd.c - make a range's accesses wait, or answer them
 *
 * For waiting nobody reads the descriptor: a fault that nobody answers is a thread that sleeps,
 * which is all that is wanted.  Waking it makes it look again, and find what was mapped
 * meanwhile.
 */
#include "sys/uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
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

/* The second asks about stores to pages of memory objects, which kernels before 5.19 cannot. */
static int agree_on_paging(int fd)
{
	struct uffdio_api api = { .api = UFFD_API,
				  .features = UFFD_FEATURE_MISSING_SHMEM |
					      UFFD_FEATURE_PAGEFAULT_FLAG_WP |
					      UFFD_FEATURE_WP_HUGETLBFS_SHMEM };

	if (ioctl(fd, UFFDIO_API, &api) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	api = (struct uffdio_api){ .api = UFFD_API, .features = UFFD_FEATURE_MISSING_SHMEM };
	return ioctl(fd, UFFDIO_API, &api) < 0 ? -errno : 0;
}

static int open_with(struct uffd *u, int (*agreement)(int fd))
{
	scoped(fd) int fd = open_any();
	int r;

	if (fd < 0)
		return fd;
	r = agreement(fd);
	if (r < 0)
		return r;
	u->fd = steal_fd(&fd);
	return 0;
}

int uffd_open(struct uffd *u)
{
	int r;

	r = fault_point("uffd.open");
	return r < 0 ? r : open_with(u, agree);
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

/* ---- paging ------------------------------------------------------------------------------ */

int uffd_open_paging(struct uffd *u)
{
	int r;

	r = fault_point("uffd.open_paging");
	if (r == 0)
		r = open_with(u, agree_on_paging);
	/* Whoever reads it sleeps until there is a fault. */
	if (r == 0)
		(void)fcntl(u->fd, F_SETFL, 0);
	return r;
}

int uffd_page(struct uffd *u, void *addr, size_t size)
{
	struct uffdio_register paged = { .range = range_of(addr, size),
					 .mode = UFFDIO_REGISTER_MODE_MISSING };

	return ioctl(u->fd, UFFDIO_REGISTER, &paged) < 0 ? -errno : 0;
}

/* 1: it is something else. */
static int read_fault(struct uffd *u, struct uffd_fault *ret_fault)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	struct uffd_msg msg;
	ssize_t size = read(u->fd, &msg, sizeof(msg));

	if (size < 0)
		return errno == EINTR ? 1 : -errno;
	if (size != sizeof(msg) || msg.event != UFFD_EVENT_PAGEFAULT)
		return 1;
	ret_fault->page = (uintptr_t)msg.arg.pagefault.address & ~(page - 1);
	ret_fault->write =
		msg.arg.pagefault.flags & (UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP);
	ret_fault->protected = msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP;
	return 0;
}

int uffd_next(struct uffd *u, struct uffd_fault *ret_fault)
{
	int r;

	do
		r = read_fault(u, ret_fault);
	while (r > 0);
	return r;
}

int uffd_copy(struct uffd *u, void *page, size_t size, const void *content)
{
	struct uffdio_copy copy = { .dst = (uintptr_t)page,
				    .src = (uintptr_t)content,
				    .len = size };

	/* The layout is just being changed by another thread. */
	while (ioctl(u->fd, UFFDIO_COPY, &copy) < 0)
		if (errno != EAGAIN)
			return -errno;
	return 0;
}

int uffd_zero(struct uffd *u, void *page, size_t size)
{
	struct uffdio_zeropage zero = { .range = range_of(page, size) };

	while (ioctl(u->fd, UFFDIO_ZEROPAGE, &zero) < 0)
		if (errno != EAGAIN)
			return -errno;
	return 0;
}

int uffd_protect(struct uffd *u, void *page, size_t size)
{
	struct uffdio_register watched = { .range = range_of(page, size),
					   .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect protect = { .range = range_of(page, size),
					       .mode = UFFDIO_WRITEPROTECT_MODE_WP };

	if (ioctl(u->fd, UFFDIO_REGISTER, &watched) < 0)
		return -errno;
	while (ioctl(u->fd, UFFDIO_WRITEPROTECT, &protect) < 0)
		if (errno != EAGAIN)
			return -errno;
	return 0;
}

/* ---- pages of somebody else's ------------------------------------------------------------ */

/* Newer than the headers of some hosts are. */
#define CONTINUE_MODE_WP (UINT64_C(1) << 1)

static int agree_on_watching(int fd)
{
	struct uffdio_api api = { .api = UFFD_API,
				  .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP |
					      UFFD_FEATURE_MISSING_SHMEM |
					      UFFD_FEATURE_MINOR_SHMEM |
					      UFFD_FEATURE_WP_HUGETLBFS_SHMEM };

	if (ioctl(fd, UFFDIO_API, &api) == 0)
		return 0;
	return errno == EINVAL ? -EOPNOTSUPP : -errno;
}

int uffd_open_watching(struct uffd *u)
{
	int r;

	r = fault_point("uffd.open_watching");
	return r < 0 ? r : open_with(u, agree_on_watching);
}

int uffd_watch(struct uffd *u, void *addr, size_t size, bool stores, bool shown)
{
	struct uffdio_register watched = { .range = range_of(addr, size),
					   .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (stores)
		watched.mode |= UFFDIO_REGISTER_MODE_WP;
	if (shown)
		watched.mode |= UFFDIO_REGISTER_MODE_MINOR;
	if (ioctl(u->fd, UFFDIO_REGISTER, &watched) < 0)
		return -errno;
	if (stores && !(watched.ioctls & (UINT64_C(1) << _UFFDIO_WRITEPROTECT)))
		return -EOPNOTSUPP;
	return 0;
}

/* What was done of a range before @errno said that the layout is just being changed by another
 * thread. */
static bool goes_on(struct uffdio_range *range, int64_t done)
{
	if (errno != EAGAIN)
		return false;
	if (done > 0) {
		range->start += (uint64_t)done;
		range->len -= (uint64_t)done;
	}
	return true;
}

int uffd_bring(struct uffd *u, void *addr, size_t size, const void *content, bool protected)
{
	struct uffdio_range range = range_of(addr, size);
	struct uffdio_copy copy = { .mode = UFFDIO_COPY_MODE_DONTWAKE |
					    (protected ? UFFDIO_COPY_MODE_WP : 0) };

	do {
		copy.dst = range.start;
		copy.src = (uintptr_t)content + (range.start - (uintptr_t)addr);
		copy.len = range.len;
		copy.copy = 0;
		if (ioctl(u->fd, UFFDIO_COPY, &copy) == 0)
			return 0;
	} while (goes_on(&range, copy.copy));
	return -errno;
}

int uffd_show(struct uffd *u, void *addr, size_t size, bool protected)
{
	struct uffdio_continue show = { .range = range_of(addr, size),
					.mode = UFFDIO_CONTINUE_MODE_DONTWAKE |
						(protected ? CONTINUE_MODE_WP : 0) };

	do {
		show.mapped = 0;
		if (ioctl(u->fd, UFFDIO_CONTINUE, &show) == 0)
			return 0;
	} while (goes_on(&show.range, show.mapped));
	return -errno;
}

/* The kernel does not tell but by doing it. */
static bool try_to_show(struct uffd *u, size_t size)
{
	char *own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *other;
	bool shown = false;

	if (own == MAP_FAILED)
		return false;
	/* A second mapping of the same object. */
	other = mremap(own, 0, size, MREMAP_MAYMOVE);
	if (other != MAP_FAILED) {
		*own = 1;
		shown = uffd_watch(u, other, size, true, true) == 0 &&
			uffd_show(u, other, size, true) == 0;
		(void)munmap(other, size);
	}
	(void)munmap(own, size);
	return shown;
}

bool uffd_can_show(struct uffd *u)
{
	return fault_point("uffd.can_show") == 0 &&
	       try_to_show(u, (size_t)sysconf(_SC_PAGESIZE));
}

int uffd_set_protected(struct uffd *u, void *addr, size_t size, bool protected)
{
	struct uffdio_writeprotect change = {
		.range = range_of(addr, size),
		.mode = protected ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	while (ioctl(u->fd, UFFDIO_WRITEPROTECT, &change) < 0)
		if (errno != EAGAIN)
			return -errno;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * memfd.c - memory objects of the kernel's
 */
#include "sys/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scope.h"
#include "sys/host.h"

/* Headers older than Linux 6.3 lack it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define PREFIX "tract"
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int create(const char *name, unsigned kind, int *ret_fd)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING |
			 (kind & MEMFD_HUGE ? (unsigned)MFD_HUGETLB : 0);
	char full_name[64];
	int fd;

	(void)snprintf(full_name, sizeof(full_name), "%s%s",
		       strncmp(name, PREFIX, strlen(PREFIX)) == 0 ? "" : PREFIX "-", name);
	/* A host may refuse memory objects that could be executed. */
	fd = memfd_create(full_name, flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(full_name, flags);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int memfd_new(const char *name, uint64_t size, int *ret_fd)
{
	return memfd_new_as(name, size, 0, ret_fd);
}

int memfd_new_as(const char *name, uint64_t size, unsigned kind, int *ret_fd)
{
	int seals = kind & MEMFD_FREEZABLE ? SEALS & ~F_SEAL_SEAL : SEALS;
	scoped(fd) int fd = -1;
	int r;

	if (size == 0 || size > INT64_MAX)
		return -EINVAL;
	r = create(name, kind, &fd);
	if (r < 0)
		return r;
	/* In this order nobody who gets at the object early can do more than who gets it late.
	 */
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, seals) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int memfd_reopen_readonly(int fd, int *ret_fd)
{
	char path[40];
	int opened;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	opened = open(path, O_RDONLY | O_CLOEXEC);
	if (opened < 0)
		return -errno;
	*ret_fd = opened;
	return 0;
}

int memfd_verify(int fd, uint64_t *ret_size)
{
	struct stat st;
	int seals;

	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EPERM;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
		return -EPERM;
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

int memfd_freeze(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return -errno;
	if (seals & F_SEAL_WRITE)
		return 0;
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) < 0 ? -errno : 0;
}

int memfd_punch(int fd, uint64_t offset, uint64_t size)
{
	if (offset > INT64_MAX || size > INT64_MAX)
		return -EINVAL;
	while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			 (off_t)size) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int memfd_reserve(int fd, uint64_t offset, uint64_t size)
{
	uint64_t total, available;

	/* The kernel would not refuse: it kills processes until there is enough. */
	if (host_memory(&total, &available) == 0 && size > available)
		return -ENOMEM;
	return memfd_fill(fd, offset, size);
}

int memfd_fill(int fd, uint64_t offset, uint64_t size)
{
	if (offset > INT64_MAX || size > INT64_MAX)
		return -EINVAL;
	while (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size) < 0)
		if (errno != EINTR)
			return errno == ENOSPC ? -ENOMEM : -errno;
	return 0;
}

int memfd_resident(int fd, uint64_t *ret_bytes)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_bytes = (uint64_t)st.st_blocks * 512;
	return 0;
}

int memfd_write(int fd, uint64_t offset, const void *bytes, size_t size)
{
	const char *from = bytes;
	uint64_t end;

	if (!add_fits(offset, size, &end) || end > INT64_MAX)
		return -EINVAL;
	while (size > 0) {
		/* A raw call: whoever uses these bytes waits meanwhile, which TSan cannot know.
		 */
		ssize_t done = syscall(SYS_pwrite64, fd, from, size, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			return -EIO;
		from += done;
		offset += (uint64_t)done;
		size -= (size_t)done;
	}
	return 0;
}

int memfd_read(int fd, uint64_t offset, void *bytes, size_t size)
{
	char *to = bytes;
	uint64_t end;

	if (!add_fits(offset, size, &end) || end > INT64_MAX)
		return -EINVAL;
	while (size > 0) {
		/* Raw, as above. */
		ssize_t done = syscall(SYS_pread64, fd, to, size, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		to += done;
		offset += (uint64_t)done;
		size -= (size_t)done;
	}
	return 0;
}

int memfd_copy(int to, uint64_t to_offset, int from, uint64_t from_offset, uint64_t size)
{
	char buffer[16384];
	int r;

	while (size > 0) {
		size_t part = size < sizeof(buffer) ? (size_t)size : sizeof(buffer);
		ssize_t got = pread(from, buffer, part, (off_t)from_offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		r = memfd_write(to, to_offset, buffer, (size_t)got);
		if (r < 0)
			return r;
		to_offset += (uint64_t)got;
		from_offset += (uint64_t)got;
		size -= (uint64_t)got;
	}
	return 0;
}

int memfd_copy_data(int to, int from, uint64_t offset, uint64_t size)
{
	struct memfd_walk walk = { .fd = from, .at = offset };
	uint64_t start;
	size_t length;
	int r;

	if (!add_fits(offset, size, &walk.limit))
		return -EINVAL;
	while ((r = memfd_walk_next(&walk, SIZE_MAX, &start, &length)) > 0) {
		r = memfd_copy(to, start, from, start, length);
		if (r < 0)
			return r;
	}
	return r;
}

int memfd_next_data(int fd, uint64_t offset, uint64_t *ret_start, uint64_t *ret_end)
{
	off_t start, end;

	if (offset > INT64_MAX)
		return -EINVAL;
	/* The description's file position moves; nobody uses it. */
	start = lseek(fd, (off_t)offset, SEEK_DATA);
	if (start < 0)
		return -errno;
	end = lseek(fd, start, SEEK_HOLE);
	/* Another process may have punched the run away between the two. */
	if (end < 0)
		return -errno;
	*ret_start = (uint64_t)start;
	*ret_end = (uint64_t)end;
	return 0;
}

int memfd_walk_next(struct memfd_walk *walk, size_t most, uint64_t *ret_offset,
		    size_t *ret_size)
{
	uint64_t left;
	int r;

	if (walk->at >= walk->run_end) {
		r = memfd_next_data(walk->fd, walk->at, &walk->at, &walk->run_end);
		if (r < 0)
			return r == -ENXIO ? 0 : r;
		if (walk->run_end > walk->limit)
			walk->run_end = walk->limit;
	}
	if (walk->at >= walk->run_end)
		return 0;
	left = walk->run_end - walk->at;
	*ret_offset = walk->at;
	*ret_size = left < most ? (size_t)left : most;
	walk->at += *ret_size;
	return 1;
}

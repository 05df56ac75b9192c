/* SPDX-License-Identifier: MIT */
/*
 * secret.c - files that nobody else may read
 */
#include "sys/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		size -= (size_t)written;
	}
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

int secret_make(const char *path, const void *bytes, size_t size)
{
	scoped(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	/* Whatever the umask took away. */
	r = fchmod(fd, 0600) < 0 ? -errno : write_all(fd, bytes, size);
	if (r < 0)
		(void)unlink(path);
	return r;
}

static int read_all(int fd, char *bytes, size_t capacity, size_t *ret_size)
{
	size_t used = 0;

	for (;;) {
		char more;
		ssize_t got = used < capacity ? read(fd, bytes + used, capacity - used)
					      : read(fd, &more, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		if (used == capacity)
			return -EFBIG;
		used += (size_t)got;
	}
	*ret_size = used;
	return 0;
}

int secret_read(const char *path, void *bytes, size_t capacity, size_t *ret_size)
{
	/* A pipe without a writer would make us wait. */
	scoped(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_mode & 077) != 0 || (st.st_uid != geteuid() && st.st_uid != 0))
		return -EPERM;
	return read_all(fd, bytes, capacity, ret_size);
}

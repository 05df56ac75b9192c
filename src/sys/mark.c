/* SPDX-License-Identifier: MIT */
#include "sys/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/host.h"

int fd_mark_take(int fd, struct fd_mark *ret_mark)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_mark = (struct fd_mark){ .device = st.st_dev, .inode = st.st_ino };
	return 0;
}

int fd_mark_memory(int fd, struct fd_mark *ret_mark)
{
	int64_t position = 0;
	int r;

	r = fd_mark_take(fd, ret_mark);
	if (r < 0)
		return r;
	host_random(&position, sizeof(position));
	/* Far from where anybody is by chance. */
	position = (int64_t)((uint64_t)position >> 2 | UINT64_C(1) << 61);
	if (lseek(fd, position, SEEK_SET) == position)
		ret_mark->position = position;
	return 0;
}

bool fd_has_mark(int fd, const struct fd_mark *mark)
{
	struct fd_mark now;

	if (mark->position && lseek(fd, 0, SEEK_CUR) == mark->position)
		return true;
	return fd_mark_take(fd, &now) == 0 && now.device == mark->device &&
	       now.inode == mark->inode;
}

int fd_mark_replace(int fd, struct fd_mark *ret_mark)
{
	scoped(fd) int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (made < 0 || dup3(made, fd, O_CLOEXEC) < 0)
		return -errno;
	return fd_mark_take(fd, ret_mark);
}

/* Below what most processes may have, 1024, and above what most of them do. */
#define HIGH 512

int fd_move_up(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);

	if (moved < 0)
		return fd;
	(void)close(fd);
	return moved;
}

/* SPDX-License-Identifier: MIT */
#include "sys/exec.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Of epoll descriptors in each other the kernel allows five. */
#define DEPTH_MAX 5

static void close_on_exec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags >= 0 && !(flags & FD_CLOEXEC))
		(void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

static bool inode_of(int fd, uint64_t *ret_inode)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	*ret_inode = st.st_ino;
	return true;
}

/* One of two that were made together: neither has a name. */
static bool is_of_a_pair(int fd)
{
	struct sockaddr_un name;
	socklen_t size = sizeof(name), peer_size = sizeof(name);

	return getsockname(fd, (struct sockaddr *)(void *)&name, &size) == 0 &&
	       name.sun_family == AF_UNIX && size == sizeof(name.sun_family) &&
	       getpeername(fd, (struct sockaddr *)(void *)&name, &peer_size) == 0 &&
	       peer_size == sizeof(name.sun_family);
}

/* The kernel numbers the two in one go, and the first is the one that is waited for. */
static void close_other_end(int fd)
{
	DIR *dir = is_of_a_pair(fd) ? opendir("/proc/self/fd") : NULL;
	uint64_t first = 0, inode;
	const struct dirent *entry;

	while (dir && inode_of(fd, &first) && (entry = readdir(dir))) {
		int other = (int)strtol(entry->d_name, NULL, 10);

		if (inode_of(other, &inode) && inode == first + 1 && is_of_a_pair(other))
			close_on_exec(other);
	}
	if (dir)
		(void)closedir(dir);
}

static void close_tree(int poll, unsigned depth)
{
	char path[64], line[256];
	uint64_t inode, there;
	FILE *file;
	int fd;

	close_on_exec(poll);
	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", poll);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		/* What is in there may have been closed, and its number be another's now. */
		if (sscanf(line, "tfd: %d events: %*x data: %*x pos:%*d ino:%" SCNx64, &fd,
			   &inode) != 2 ||
		    !inode_of(fd, &there) || there != inode)
			continue;
		close_on_exec(fd);
		close_other_end(fd);
		if (depth < DEPTH_MAX)
			close_tree(fd, depth + 1);
	}
	if (file)
		(void)fclose(file);
}

void exec_close_tree(int poll)
{
	close_tree(poll, 0);
}

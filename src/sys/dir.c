/* SPDX-License-Identifier: MIT */
/*
 * dir.c - the node's directory, and where the code lies
 */
#include "sys/dir.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"

#define LOCK_NAME "lock"

int dir_prepare(const char *path, int *ret_fd)
{
	scoped(fd) int fd = -1;
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP ? -ENOTDIR : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return -EACCES;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int lock_file(int fd)
{
	while (flock(fd, LOCK_EX | LOCK_NB) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Its last holder may have removed it before it was locked. */
static bool is_still_there(int dir, int fd)
{
	struct stat held, there;

	return fstat(fd, &held) == 0 &&
	       fstatat(dir, LOCK_NAME, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

int dir_lock(int dir, int *ret_lock)
{
	int r;

	for (;;) {
		scoped(fd) int fd =
			openat(dir, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd < 0)
			return -errno;
		r = lock_file(fd);
		if (r < 0)
			return r;
		if (is_still_there(dir, fd)) {
			*ret_lock = steal_fd(&fd);
			return 0;
		}
	}
}

void dir_unlock(int dir, int *lock)
{
	if (*lock < 0)
		return;
	/* Before the lock goes: afterwards it may be another's. */
	(void)unlinkat(dir, LOCK_NAME, 0);
	(void)close(steal_fd(lock));
}

int dir_of_code(const void *symbol, char *ret_path, unsigned capacity)
{
	scoped(mem) char *path = NULL;
	struct link_map *object = NULL;
	Dl_info info;

	if (!dladdr1(symbol, &info, (void **)&object, RTLD_DL_LINKMAP) || !object)
		return -ENOENT;
	/* The program itself has no name there; what it was called may not be a path. */
	path = realpath(object->l_name[0] ? object->l_name : "/proc/self/exe", NULL);
	if (!path)
		return -errno;
	if (strlen(path) >= capacity)
		return -ENAMETOOLONG;
	(void)strcpy(ret_path, path);
	return 0;
}

int dir_absolute(const char *path, char *ret_path, unsigned capacity)
{
	scoped(mem) char *here = NULL;
	int length;

	if (path[0] != '/') {
		here = getcwd(NULL, 0);
		if (!here)
			return -errno;
	}
	length =
		snprintf(ret_path, capacity, "%s%s%s", here ? here : "", here ? "/" : "", path);
	return length < 0 || (unsigned)length >= capacity ? -ENAMETOOLONG : 0;
}

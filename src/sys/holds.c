/* SPDX-License-Identifier: MIT */
/*
 * holds.c - what a process still has of an object
 *
 * A thread can have a table of descriptors of its own, and the first thread of a process can
 * end before the others, after which its own entries in /proc are empty.  So all threads are
 * looked at; those that share the first one's table, or that of the one before, only once.
 *
 * Whose file system a descriptor's file is on may be the process's own, and never answer.  So
 * only what is called as the object is gets asked who it is, and not even that over a wire.
 */
#include "sys/holds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/proc.h"

static void dir_close(DIR *dir)
{
	if (dir)
		(void)closedir(dir);
}

DEFINE_SCOPE(dir, DIR, dir_close);

/* The names of objects are short. */
#define NAME_SIZE 128u

struct look {
	int32_t pid;
	int32_t latest; /* thread whose table was looked at */
	struct stat object;
	char name[NAME_SIZE];			  /* what the kernel calls it */
	uint32_t mappings_left, descriptors_left; /* to be looked at */
	bool mapped; /* a thread that has memory was found: it is that of all */
	struct holds found;
};

/* Somebody that ends meanwhile is nobody to ask about; everything else must be known. */
static int error_of(int error)
{
	switch (error) {
	case ENOENT:
	case ESRCH:
	case ENOTDIR:
		return 0;
	case EPERM:
		return -EACCES;
	default:
		return -error;
	}
}

static int spend(uint32_t *left)
{
	if (*left == 0)
		return -E2BIG;
	--*left;
	return 0;
}

static int look_at_mappings(struct look *look, int32_t tid)
{
	scoped(proc_lines) struct proc_lines in = { .fd = -1 };
	char line[PATH_MAX + 256];
	struct vm_area area;
	const char *name;
	int r;

	r = proc_open_maps(&in, tid, false);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	while ((r = proc_next_line(&in, line, sizeof(line))) > 0) {
		r = spend(&look->mappings_left);
		if (r < 0)
			return r;
		look->mapped = true;
		if (!proc_parse_mapping(line, &area, &name))
			return -EIO;
		look->found.mappings += area.inode == look->object.st_ino &&
					area.dev_major == major(look->object.st_dev) &&
					area.dev_minor == minor(look->object.st_dev);
	}
	return r == -ESRCH ? 0 : r;
}

/* Numbers in a directory of the kernel's. */
static bool is_number(const char *name)
{
	return name[0] >= '0' && name[0] <= '9';
}

static int open_directory(const char *path, DIR **ret)
{
	*ret = opendir(path);
	return *ret ? 0 : error_of(errno);
}

/* The next entry that is a number; NULL at the end, with *@r as the reason. */
static const char *next_number(DIR *dir, int *r)
{
	struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(dir);
	} while (entry && !is_number(entry->d_name));
	*r = entry ? 0 : error_of(errno);
	return entry ? entry->d_name : NULL;
}

/* -errno, or is it the object? */
static int is_object(const struct look *look, int directory, const char *number)
{
	char name[NAME_SIZE];
	struct statx st;
	ssize_t length;

	length = readlinkat(directory, number, name, sizeof(name) - 1);
	if (length < 0)
		return error_of(errno);
	name[length] = '\0';
	if (strcmp(name, look->name) != 0)
		return 0;
	if (statx(directory, number, AT_STATX_DONT_SYNC, STATX_INO, &st) < 0)
		return error_of(errno);
	return st.stx_ino == look->object.st_ino &&
	       makedev(st.stx_dev_major, st.stx_dev_minor) == look->object.st_dev;
}

static int look_at_descriptors(struct look *look, int32_t tid)
{
	scoped(dir) DIR *dir = NULL;
	const char *name;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%" PRId32 "/task/%" PRId32 "/fd", look->pid,
		       tid);
	r = open_directory(path, &dir);
	if (r < 0 || !dir)
		return r;
	while ((name = next_number(dir, &r))) {
		r = spend(&look->descriptors_left);
		if (r < 0)
			return r;
		r = is_object(look, dirfd(dir), name);
		if (r < 0)
			return r;
		look->found.descriptors += (uint32_t)r;
	}
	return r;
}

/* Where that cannot be asked, all tables are looked at. */
static bool shares_table(int32_t tid, int32_t other)
{
	return tid != other && syscall(SYS_kcmp, tid, other, KCMP_FILES, 0UL, 0UL) == 0;
}

static int look_at_thread(struct look *look, int32_t tid)
{
	int r = spend(&look->descriptors_left);

	if (r == 0 && !look->mapped)
		r = look_at_mappings(look, tid);
	if (r < 0 || shares_table(tid, look->pid) || shares_table(tid, look->latest))
		return r;
	look->latest = tid;
	return look_at_descriptors(look, tid);
}

static int look_at_threads(struct look *look)
{
	scoped(dir) DIR *dir = NULL;
	const char *name;
	char path[40];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%" PRId32 "/task", look->pid);
	r = open_directory(path, &dir);
	if (r < 0 || !dir)
		return r;
	while ((name = next_number(dir, &r))) {
		r = look_at_thread(look, (int32_t)strtol(name, NULL, 10));
		if (r < 0)
			return r;
	}
	return r;
}

static int know_object(struct look *look, int object)
{
	char path[40];
	ssize_t length;

	if (fstat(object, &look->object) < 0)
		return -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", object);
	length = readlink(path, look->name, sizeof(look->name));
	if (length < 0)
		return -errno;
	/* Cut, it would be nobody's. */
	if ((size_t)length >= sizeof(look->name) - 1)
		return -ENAMETOOLONG;
	return 0;
}

int holds_count(int32_t pid, int pidfd, int object, struct holds *ret)
{
	struct look look = { .pid = pid,
			     .latest = pid,
			     .mappings_left = HOLDS_MAPPINGS_MAX,
			     .descriptors_left = HOLDS_DESCRIPTORS_MAX };
	struct pollfd alive = { .fd = pidfd, .events = POLLIN };
	int r;

	/* A process that has no number here cannot be looked at. */
	if (pid <= 0 || pidfd < 0)
		return -EACCES;
	r = know_object(&look, object);
	if (r < 0)
		return r;
	r = look_at_threads(&look);
	/* If it lives still, the number was its own all the while. */
	if (poll(&alive, 1, 0) != 0)
		return -ESRCH;
	if (r < 0)
		return r;
	/* Every process that lives has memory. */
	if (!look.mapped)
		return -EACCES;
	*ret = look.found;
	return 0;
}

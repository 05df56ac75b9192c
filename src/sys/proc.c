/* SPDX-License-Identifier: MIT */
#include "sys/proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DELETED " (deleted)"
#define RESIDENT "Rss:"

/* ---- files ------------------------------------------------------------------------------ */

/* A process that has ended while we look is no other case than one that never was. */
static int error_of(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return -ESRCH;
	case EPERM:
		return -EACCES;
	default:
		return -error;
	}
}

static void path_of(int32_t pid, const char *file, char path[64])
{
	if (pid == PROC_SELF)
		(void)snprintf(path, 64, "/proc/self/%s", file);
	else
		(void)snprintf(path, 64, "/proc/%" PRId32 "/%s", pid, file);
}

int proc_open_maps(struct proc_lines *in, int32_t pid, bool details)
{
	char path[64];

	path_of(pid, details ? "smaps" : "maps", path);
	in->used = in->at = 0;
	in->fd = open(path, O_RDONLY | O_CLOEXEC);
	return in->fd < 0 ? error_of(errno) : 0;
}

void proc_close(struct proc_lines *in)
{
	if (in->fd >= 0)
		(void)close(in->fd);
	in->fd = -1;
}

int proc_next_line(struct proc_lines *in, char *line, size_t capacity)
{
	size_t length = 0;

	for (;;) {
		if (in->at == in->used) {
			ssize_t size = read(in->fd, in->buffer, sizeof(in->buffer));

			if (size < 0 && errno == EINTR)
				continue;
			if (size <= 0)
				return size < 0 ? error_of(errno) : 0;
			in->used = (size_t)size;
			in->at = 0;
		}
		if (in->buffer[in->at] == '\n')
			break;
		if (length + 1 < capacity)
			line[length++] = in->buffer[in->at];
		in->at++;
	}
	in->at++;
	line[length] = '\0';
	return 1;
}

int proc_parent(int32_t pid, int32_t *ret_parent)
{
	char path[64], text[512];
	const char *rest;
	ssize_t size;
	int fd, error;

	path_of(pid, "stat", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_of(errno);
	size = read(fd, text, sizeof(text) - 1);
	error = errno;
	(void)close(fd);
	if (size < 0)
		return error_of(error);
	text[size] = '\0';
	/* The name before it may hold anything, brackets among it. */
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest, ") %*c %" SCNd32, ret_parent) != 1)
		return -EIO;
	return 0;
}

int proc_shares_ipc(int32_t pid)
{
	struct stat its, own;
	char path[64];

	path_of(pid, "ns/ipc", path);
	if (stat(path, &its) < 0)
		return error_of(errno);
	path_of(PROC_SELF, "ns/ipc", path);
	if (stat(path, &own) < 0)
		return error_of(errno);
	return its.st_dev == own.st_dev && its.st_ino == own.st_ino;
}

/* ---- lines ------------------------------------------------------------------------------ */

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), tail = strlen(suffix);

	return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

/* What the name says about a mapping.  All of these names are the kernel's. */
static void classify(struct vm_area *a, const char *name)
{
	bool deleted = ends_with(name, DELETED);

	/* A device alone tells, too: the first System V segment of a host has inode 0. */
	a->file = a->inode != 0 || a->dev_major != 0 || a->dev_minor != 0;
	if (name[0] == '[') {
		a->anon_shared = begins_with(name, "[anon_shmem:");
		a->special = strcmp(name, "[heap]") != 0 && !begins_with(name, "[anon:") &&
			     !a->anon_shared;
	} else if (deleted && begins_with(name, "/SYSV")) {
		a->sysv = true;
	} else if (deleted && begins_with(name, "/memfd:")) {
		a->memfd = true;
	} else if (strcmp(name, "/dev/zero" DELETED) == 0) {
		a->anon_shared = a->shared;
	} else if (begins_with(name, "/anon_hugepage")) {
		a->anon_shared = a->shared;
		a->hugetlb = true;
	}
}

bool proc_line_is_mapping(const char *line)
{
	/* The details have names, which begin with a capital. */
	return isdigit((unsigned char)line[0]) || islower((unsigned char)line[0]);
}

bool proc_parse_bounds(const char *line, uintptr_t *ret_start, uintptr_t *ret_end)
{
	return sscanf(line, "%" SCNxPTR "-%" SCNxPTR, ret_start, ret_end) == 2;
}

/* "start-end rwxp offset major:minor inode   name" */
bool proc_parse_mapping(const char *line, struct vm_area *ret_area, const char **ret_name)
{
	struct vm_area a = { 0 };
	unsigned major, minor;
	char prot[5];
	int name = 0;

	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		   &a.start, &a.end, prot, &a.offset, &major, &minor, &a.inode, &name) < 7)
		return false;
	a.prot = (prot[0] == 'r' ? (unsigned)VM_READ : 0) |
		 (prot[1] == 'w' ? (unsigned)VM_WRITE : 0) |
		 (prot[2] == 'x' ? (unsigned)VM_EXEC : 0);
	a.shared = prot[3] == 's';
	a.dev_major = major;
	a.dev_minor = minor;
	a.whole_start = a.start;
	a.whole_end = a.end;
	classify(&a, line + name);
	*ret_area = a;
	*ret_name = line + name;
	return true;
}

bool proc_parse_resident(const char *line, uint64_t *ret_bytes)
{
	uint64_t kib;

	if (!begins_with(line, RESIDENT) ||
	    sscanf(line + strlen(RESIDENT), "%" SCNu64, &kib) < 1)
		return false;
	*ret_bytes = kib * 1024;
	return true;
}

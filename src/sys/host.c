/* SPDX-License-Identifier: MIT */
/*
 * host.c - what this machine has to give
 *
 * Memory is what /proc/meminfo says, less what the control groups this process is in forbid:
 * each group on the way up may have a limit of its own.  Both versions of control groups are
 * looked at, for a host may have either, or both with the memory controller in one.
 */
#include "sys/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scope.h"

/* How one version of control groups names things. */
struct dialect {
	const char *limit;
	const char *used;
	const char *cache; /* in memory.stat: pages that can be dropped at once */
};

static const struct dialect dialects[] = {
	{ "memory.max", "memory.current", "inactive_file" },
	{ "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file" },
};

struct group {
	const struct dialect *dialect;
	char path[PATH_MAX]; /* of its directory */
	size_t top;	     /* as much of the path is the mount point */
};

static void file_scope_end(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

/* The number after "name" and blanks or a colon at the start of a line. */
static int read_field(const char *path, const char *name, uint64_t *ret_value)
{
	scoped(file) FILE *file = fopen(path, "re");
	size_t length = strlen(name);
	char line[256];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, length) != 0 || !strchr(" :\t", line[length]))
			continue;
		*ret_value = strtoull(line + length + 1, NULL, 10);
		return 0;
	}
	return -ENODATA;
}

/* A file that holds one number; -ERANGE if it holds a word, as "max". */
static int read_number(const char *directory, const char *name, uint64_t *ret_value)
{
	char path[PATH_MAX + 64], text[64];
	scoped(file) FILE *file = NULL;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (!fgets(text, sizeof(text), file) || text[0] < '0' || text[0] > '9')
		return -ERANGE;
	*ret_value = strtoull(text, NULL, 10);
	return 0;
}

uint32_t host_mappings(void)
{
	uint64_t value;

	if (read_number("/proc/sys/vm", "max_map_count", &value) < 0)
		return 65530;
	return value < INT_MAX ? (uint32_t)value : INT_MAX;
}

/* Our path in the hierarchy of one dialect, from /proc/self/cgroup. */
static bool find_group_name(bool v2, char *ret_name, size_t capacity)
{
	scoped(file) FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX + 256];

	while (file && fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':');
		char *name = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!name)
			continue;
		*name++ = '\0';
		controllers++;
		name[strcspn(name, "\n")] = '\0';
		/* "0::/name" for version 2, "4:memory:/name" for version 1. */
		if (v2 ? *controllers != '\0' : !strstr(controllers, "memory"))
			continue;
		return (size_t)snprintf(ret_name, capacity, "%s", name) < capacity;
	}
	return false;
}

/* Where a hierarchy is mounted, and which of its groups is at the mount point. */
static bool find_mount(bool v2, char *line, size_t capacity, char **ret_root, char **ret_point)
{
	scoped(file) FILE *file = fopen("/proc/self/mountinfo", "re");

	while (file && fgets(line, (int)capacity, file)) {
		char *type = strstr(line, " - ");
		char *rest = NULL;

		if (!type || !strstr(type, v2 ? " cgroup2 " : " cgroup ") ||
		    (!v2 && !strstr(type, "memory")))
			continue;
		/* "id parent major:minor root point ..." */
		for (int i = 0; i < 3; i++)
			(void)strtok_r(i ? NULL : line, " ", &rest);
		*ret_root = strtok_r(NULL, " ", &rest);
		*ret_point = strtok_r(NULL, " ", &rest);
		if (*ret_root && *ret_point)
			return true;
	}
	return false;
}

static bool find_group(bool v2, struct group *g)
{
	char name[PATH_MAX], line[PATH_MAX + 512];
	char *root, *point, *below = name;
	int length;

	if (!find_group_name(v2, name, sizeof(name)) ||
	    !find_mount(v2, line, sizeof(line), &root, &point))
		return false;
	/* A container may see the host's names, but only its own part mounted. */
	if (strcmp(root, "/") != 0 && strncmp(name, root, strlen(root)) == 0)
		below += strlen(root);
	if (strcmp(below, "/") == 0)
		below++;
	g->dialect = &dialects[v2 ? 0 : 1];
	g->top = strlen(point);
	length = snprintf(g->path, sizeof(g->path), "%s%s", point, below);
	return length > 0 && (size_t)length < sizeof(g->path);
}

/* Lowers both amounts to what one group allows. */
static void apply_limit(const struct group *g, uint64_t *total, uint64_t *available)
{
	uint64_t limit, used = 0, cache = 0, left;
	char stat[PATH_MAX + 64];

	if (read_number(g->path, g->dialect->limit, &limit) < 0)
		return;
	if (limit < *total)
		*total = limit;
	if (read_number(g->path, g->dialect->used, &used) < 0)
		return;
	(void)snprintf(stat, sizeof(stat), "%s/memory.stat", g->path);
	(void)read_field(stat, g->dialect->cache, &cache);
	used = used > cache ? used - cache : 0;
	left = limit > used ? limit - used : 0;
	if (left < *available)
		*available = left;
}

static void apply_groups(bool v2, uint64_t *total, uint64_t *available)
{
	struct group g;

	if (!find_group(v2, &g))
		return;
	for (;;) {
		char *last;

		apply_limit(&g, total, available);
		last = strrchr(g.path, '/');
		if (!last || (size_t)(last - g.path) < g.top)
			return;
		*last = '\0';
	}
}

int host_memory(uint64_t *ret_total, uint64_t *ret_available)
{
	uint64_t total, available;
	int r;

	r = read_field("/proc/meminfo", "MemTotal", &total);
	if (r < 0)
		return r;
	r = read_field("/proc/meminfo", "MemAvailable", &available);
	if (r < 0)
		return r;
	/* The file counts in units of 1024 bytes. */
	total *= 1024;
	available *= 1024;
	apply_groups(true, &total, &available);
	apply_groups(false, &total, &available);
	*ret_total = total;
	*ret_available = available < total ? available : total;
	return 0;
}

int host_huge_pages(uint64_t *ret_size, uint64_t *ret_spare)
{
	uint64_t size, free, promised;
	int r;

	r = read_field("/proc/meminfo", "Hugepagesize", &size);
	if (r == 0)
		r = read_field("/proc/meminfo", "HugePages_Free", &free);
	if (r == 0)
		r = read_field("/proc/meminfo", "HugePages_Rsvd", &promised);
	if (r < 0)
		return r == -ENODATA ? -EOPNOTSUPP : r;
	*ret_size = size * 1024;
	*ret_spare = free > promised ? (free - promised) * *ret_size : 0;
	return 0;
}

void host_random(void *bytes, unsigned size)
{
	char *at = bytes;

	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		/* Ids that could be guessed must not be given out. */
		if (got <= 0)
			abort();
		at += got;
		size -= (unsigned)got;
	}
}

bool host_has_rdma(void)
{
	DIR *dir = opendir("/sys/class/infiniband");
	const struct dirent *entry = NULL;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.';
	if (dir)
		(void)closedir(dir);
	return found;
}

int host_umask(uint32_t *ret_bits)
{
	char text[2048], *at;
	ssize_t size;
	int fd;

	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (size < 0)
		return -EIO;
	text[size] = '\0';
	at = strstr(text, "\nUmask:");
	if (!at)
		return -ENOSYS;
	*ret_bits = (uint32_t)strtoul(at + 7, NULL, 8);
	return 0;
}

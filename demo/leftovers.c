/* SPDX-License-Identifier: MIT */
#include "leftovers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

unsigned leftovers_files(const char *dir)
{
	DIR *open = opendir(dir);
	const struct dirent *entry;
	unsigned count = 0;

	if (!open)
		return 0;
	while ((entry = readdir(open)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(open);
	return count;
}

/* Those whose maker has ended: ours all have, and what others do meanwhile does not count. */
static unsigned count_sysv(void)
{
	FILE *list = fopen("/proc/sysvipc/shm", "re");
	char line[512];
	unsigned left = 0;
	int maker;

	/* key, shmid, perms, size, cpid; the first line names them. */
	while (list && fgets(line, sizeof(line), list))
		left += sscanf(line, "%*d %*d %*o %*u %d", &maker) == 1 && kill(maker, 0) < 0 &&
			errno == ESRCH;
	if (list)
		(void)fclose(list);
	return left;
}

struct leftovers leftovers_count(void)
{
	return (struct leftovers){ .dev_shm = leftovers_files("/dev/shm"),
				   .sysv = count_sysv() };
}

/* Does the command line of a process name @dir, or what is in it? */
static bool is_named(const char *pid, const char *dir)
{
	char path[300], line[4096];
	FILE *file;
	size_t size;

	(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	size = fread(line, 1, sizeof(line), file);
	(void)fclose(file);
	return memmem(line, size, dir, strlen(dir)) != NULL;
}

struct leftover_processes leftovers_processes(const char *dir)
{
	struct leftover_processes found = { 0 };
	DIR *all = opendir("/proc");
	const struct dirent *entry;
	char path[300];

	while (all && (entry = readdir(all))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !is_named(entry->d_name, dir))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/fd", entry->d_name);
		found.count++;
		found.descriptors += leftovers_files(path);
	}
	if (all)
		(void)closedir(all);
	return found;
}

static struct leftover_processes await(const char *dir, unsigned count, unsigned descriptors)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	struct leftover_processes now = leftovers_processes(dir);

	for (unsigned i = 0; i < 600 && (now.count > count || now.descriptors > descriptors);
	     i++) {
		(void)nanosleep(&pause, NULL);
		now = leftovers_processes(dir);
	}
	return now;
}

unsigned leftovers_descriptors(const char *dir, unsigned most)
{
	return await(dir, UINT_MAX, most).descriptors;
}

unsigned leftovers_running(const char *dir, unsigned most)
{
	return await(dir, most, UINT_MAX).count;
}

bool leftovers_broker_left(const char *dir)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	char path[4096];

	/* A broker's last act: its socket goes before. */
	(void)snprintf(path, sizeof(path), "%s/lock", dir);
	for (unsigned i = 0; i < 600; i++) {
		if (access(path, F_OK) != 0)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

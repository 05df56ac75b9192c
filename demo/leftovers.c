/* SPDX-License-Identifier: MIT */
#include "leftovers.h"

#include <dirent.h>
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

static unsigned count_sysv(void)
{
	FILE *list = fopen("/proc/sysvipc/shm", "re");
	unsigned lines = 0;
	int c;

	if (!list)
		return 0;
	while ((c = fgetc(list)) != EOF)
		lines += c == '\n';
	(void)fclose(list);
	/* The first line names the columns. */
	return lines ? lines - 1 : 0;
}

struct leftovers leftovers_count(void)
{
	return (struct leftovers){ .dev_shm = leftovers_files("/dev/shm"),
				   .sysv = count_sysv() };
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

/* SPDX-License-Identifier: MIT */
/*
 * test_quiet.c - local use asks nobody: no broker, no thread, no file
 */
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned entries_of(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned count = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.' || entry->d_name[1] > '.';
	(void)closedir(dir);
	return count;
}

/* How many descriptors lead to what starts with @prefix; only inheritable ones if asked. */
static unsigned count_open(const char *prefix, bool inheritable)
{
	char link[64], target[64];
	unsigned count = 0;
	ssize_t length;
	int flags;

	for (int fd = 3; fd < 1024; fd++) {
		flags = fcntl(fd, F_GETFD);
		if (flags < 0 || (inheritable && (flags & FD_CLOEXEC)))
			continue;
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		length = readlink(link, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		count += strncmp(target, prefix, strlen(prefix)) == 0;
	}
	return count;
}

/* A bit of everything that stays inside of a process. */
static void use_the_map(void)
{
	l4re_ds_t ds = ds_marked(8), alias = ds_alias(ds, L4_CAP_FPAGE_RO), copy = ds_new(PAGE);
	l4_addr_t at = attach(ds, 8 * PAGE, RW | EAGER), area = 0;
	struct record r;

	EXPECT_EQ(reserve_from(&area, 8 * PAGE, 0, L4_SUPERPAGESHIFT), 0);
	EXPECT_EQ(attach_at(area, 4 * PAGE, RO | IN_AREA, alias, 0), 0);
	EXPECT_EQ(l4re_ds_map(ds, 0, DS_RW, area + 5 * PAGE, area + 5 * PAGE, area + 5 * PAGE),
		  0);
	EXPECT_EQ(l4re_ds_copy_in(copy, 0, ds, 0, PAGE), 0);
	EXPECT(l4re_ds_clear(copy, 0, 1) >= 0);
	EXPECT_EQ(l4re_ds_allocate(copy, 0, PAGE), 0);
	EXPECT_EQ(find(at, 1, &r), 0);
	EXPECT_EQ(l4re_rm_detach_range(at + PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
		  L4RE_RM_SPLIT_DS);
	unmap(area + 5 * PAGE, 1, L4_FPAGE_RWX);
	EXPECT(l4_error(l4_task_delete_obj(L4_BASE_TASK_CAP, copy)) >= 0);
	free(dump());
	detach(at);
	detach(at + 2 * PAGE);
	detach(area);
	EXPECT_EQ(l4re_rm_free_area(area), 0);
	slot_drop(copy);
	slot_drop(alias);
	slot_drop(ds);
}

TEST(local_use_starts_no_thread_and_no_broker)
{
	unsigned sockets = count_open("socket:", false), threads = count_threads();

	/* TSan has a thread of its own. */
	EXPECT(TEST_TSAN || threads == 1);
	EXPECT_EQ(entries_of(test_directory()), 0);
	use_the_map();
	EXPECT_EQ(count_threads(), threads);
	EXPECT_EQ(test_count_children(), 0);
	EXPECT_EQ(count_open("socket:", false), sockets);
	EXPECT_EQ(entries_of(test_directory()), 0);
}

TEST(local_use_needs_no_directory)
{
	char path[256];

	/* Where a node could not be made if somebody tried. */
	(void)snprintf(path, sizeof(path), "%s/missing/node", test_directory());
	EXPECT_EQ(setenv("TRACT_DIR", path, 1), 0);
	use_the_map();
	EXPECT(access(path, F_OK) != 0);
	EXPECT_EQ(entries_of(test_directory()), 0);
}

TEST(local_use_opens_nothing_for_programs_that_are_started)
{
	unsigned before = count_open("", true);
	l4re_ds_t ds = ds_new(PAGE), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = attach(ds, PAGE, RW);

	EXPECT_EQ(count_open("", true), before);
	detach(at);
	slot_drop(alias);
	slot_drop(ds);
}

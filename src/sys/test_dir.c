/* SPDX-License-Identifier: MIT */
#include "sys/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "test.h"

static char path[128];

static const char *in_directory(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", test_directory(), name);
	return path;
}

TEST(a_missing_directory_is_made_for_us_alone)
{
	scoped(fd) int fd = -1, again = -1;
	struct stat st;

	EXPECT_EQ(dir_prepare(in_directory("node"), &fd), 0);
	EXPECT_EQ(fstat(fd, &st), 0);
	EXPECT(S_ISDIR(st.st_mode));
	EXPECT_EQ(st.st_mode & 07777, 0700);
	EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	EXPECT_EQ(dir_prepare(path, &again), 0);
}

TEST(a_directory_others_may_write_is_refused)
{
	scoped(fd) int fd = -1;

	EXPECT_EQ(mkdir(in_directory("node"), 0700), 0);
	EXPECT_EQ(chmod(path, 0770), 0);
	EXPECT_EQ(dir_prepare(path, &fd), -EACCES);
	EXPECT_EQ(chmod(path, 01777), 0);
	EXPECT_EQ(dir_prepare(path, &fd), -EACCES);
	EXPECT_EQ(chmod(path, 0755), 0);
	EXPECT_EQ(dir_prepare(path, &fd), 0);
}

TEST(another_users_directory_is_refused)
{
	scoped(fd) int fd = -1;

	if (geteuid() != 0)
		SKIP("needs root to give a directory away");
	EXPECT_EQ(mkdir(in_directory("node"), 0700), 0);
	EXPECT_EQ(chown(path, 65534, 65534), 0);
	EXPECT_EQ(dir_prepare(path, &fd), -EACCES);
}

TEST(what_is_not_a_directory_is_refused)
{
	scoped(fd) int fd = -1, file = -1;

	file = open(in_directory("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	EXPECT_EQ(dir_prepare(path, &fd), -ENOTDIR);
	EXPECT_EQ(symlink(test_directory(), in_directory("link")), 0);
	EXPECT_EQ(dir_prepare(path, &fd), -ENOTDIR);
	EXPECT_EQ(dir_prepare(in_directory("missing/node"), &fd), -ENOENT);
}

TEST(one_at_a_time_holds_the_lock)
{
	scoped(fd) int dir = -1, first = -1, second = -1;

	EXPECT_EQ(dir_prepare(in_directory("node"), &dir), 0);
	EXPECT_EQ(dir_lock(dir, &first), 0);
	EXPECT_EQ(dir_lock(dir, &second), -EWOULDBLOCK);
	/* As when its holder dies. */
	(void)close(steal_fd(&first));
	EXPECT_EQ(dir_lock(dir, &second), 0);
	dir_unlock(dir, &second);
	EXPECT_EQ(rmdir(path), 0);
	EXPECT_EQ(dir_lock(dir, &second), -ENOENT);
}

TEST(who_locks_a_file_that_went_locks_nobody_out)
{
	scoped(fd) int dir = -1, first = -1, second = -1, third = -1;

	EXPECT_EQ(dir_prepare(in_directory("node"), &dir), 0);
	EXPECT_EQ(dir_lock(dir, &first), 0);
	/* Opened while the first held it, and locked when that had gone. */
	third = openat(dir, "lock", O_RDWR | O_CLOEXEC);
	dir_unlock(dir, &first);
	EXPECT_EQ(flock(third, LOCK_EX | LOCK_NB), 0);
	EXPECT_EQ(dir_lock(dir, &second), 0);
}

TEST(code_knows_the_file_it_came_from)
{
	char found[512], exe[512];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	EXPECT(length > 0);
	exe[length] = '\0';
	EXPECT_EQ(dir_of_code((const void *)(uintptr_t)dir_lock, found, sizeof(found)), 0);
	EXPECT_STR(found, exe);
	EXPECT_EQ(dir_of_code((const void *)(uintptr_t)dir_lock, found, 4), -ENAMETOOLONG);
	EXPECT_EQ(dir_of_code((const void *)(uintptr_t)getpid, found, sizeof(found)), 0);
	EXPECT(found[0] == '/' && strstr(found, "libc"));
	EXPECT_EQ(dir_of_code(NULL, found, sizeof(found)), -ENOENT);
}

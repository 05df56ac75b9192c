/* SPDX-License-Identifier: MIT */
#include "sys/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static const char *path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", test_directory(), name);
	return path;
}

TEST(a_secret_is_its_owners_alone_whatever_the_umask)
{
	const char *path = path_of("key");
	char bytes[8];
	struct stat st;
	size_t size = 0;

	(void)umask(0777);
	EXPECT_EQ(secret_make(path, "secret", 6), 0);
	(void)umask(0);
	EXPECT_EQ(stat(path, &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0600);
	EXPECT_EQ(secret_read(path, bytes, sizeof(bytes), &size), 0);
	EXPECT(size == 6 && memcmp(bytes, "secret", 6) == 0);
	EXPECT_EQ(secret_read(path, bytes, 6, &size), 0);
	EXPECT_EQ(secret_read(path, bytes, 5, &size), -EFBIG);
}

TEST(a_secret_never_replaces_what_is_there)
{
	const char *path = path_of("key");
	char bytes[8];
	size_t size = 0;

	EXPECT_EQ(secret_make(path, "first", 5), 0);
	EXPECT_EQ(secret_make(path, "second", 6), -EEXIST);
	EXPECT_EQ(secret_read(path, bytes, sizeof(bytes), &size), 0);
	EXPECT_EQ(size, 5);
	EXPECT_EQ(symlink("nowhere", path_of("link")), 0);
	EXPECT_EQ(secret_make(path_of("link"), "x", 1), -EEXIST);
}

TEST(a_secret_that_others_may_touch_is_none)
{
	const char *path = path_of("key");
	char bytes[8];
	size_t size;

	EXPECT_EQ(secret_make(path, "x", 1), 0);
	for (unsigned bit = 1; bit < 0100; bit <<= 1) {
		EXPECT_EQ(chmod(path, 0600 | bit), 0);
		EXPECT_EQ(secret_read(path, bytes, sizeof(bytes), &size), -EPERM);
	}
	EXPECT_EQ(chmod(path, 0400), 0);
	EXPECT_EQ(secret_read(path, bytes, sizeof(bytes), &size), 0);
	EXPECT_EQ(secret_read("/nonexistent/key", bytes, sizeof(bytes), &size), -ENOENT);
	EXPECT_EQ(secret_read("/dev/null", bytes, sizeof(bytes), &size), -EINVAL);
	if (geteuid() != 0)
		return;
	EXPECT_EQ(chown(path, 65534, 65534), 0);
	EXPECT_EQ(secret_read(path, bytes, sizeof(bytes), &size), -EPERM);
}

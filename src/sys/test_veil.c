/* SPDX-License-Identifier: MIT */
#include "sys/veil.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "test.h"

struct sight {
	int veiled; /* what it returned */
	int symbols, own, file;
};

static int try_to_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

static void *look_around(void *arg)
{
	struct sight *sight = arg;

	sight->veiled = veil_kernel_symbols();
	sight->symbols = try_to_read("/proc/kallsyms");
	sight->own = try_to_read("/proc/self/maps");
	sight->file = try_to_read("/etc/passwd");
	return NULL;
}

TEST(a_thread_that_veils_the_kernels_symbols_sees_all_else_and_others_see_them)
{
	struct sight sight = { 0 };
	pthread_t thread;

	if (try_to_read("/proc/kallsyms") < 0)
		SKIP("the kernel shows its symbols to nobody here");
	EXPECT_EQ(pthread_create(&thread, NULL, look_around, &sight), 0);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	if (sight.veiled == -ENOSYS || sight.veiled == -EOPNOTSUPP)
		SKIP("the kernel has no Landlock");
	EXPECT_EQ(sight.veiled, 0);
	EXPECT_EQ(sight.symbols, -EACCES);
	EXPECT_EQ(sight.own, 0);
	EXPECT_EQ(sight.file, 0);
	EXPECT_EQ(try_to_read("/proc/kallsyms"), 0);
}

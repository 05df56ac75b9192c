/* SPDX-License-Identifier: MIT */
#include "sys/veil.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
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

struct reader {
	int veiled;
	int fd;
	ssize_t endless, plain;
	int error;
};

static void *read_on(void *arg)
{
	struct reader *reader = arg;
	char byte;

	reader->veiled = veil_endless_buffers();
	reader->endless = recv(reader->fd, &byte, (size_t)-8192, MSG_DONTWAIT);
	reader->error = errno;
	reader->plain = recv(reader->fd, &byte, 1, MSG_DONTWAIT);
	return NULL;
}

TEST(a_thread_that_has_no_endless_buffers_receives_into_others_only)
{
	struct reader reader = { .veiled = 0 };
	pthread_t thread;
	int ends[2];

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	EXPECT_EQ(write(ends[1], "a", 1), 1);
	reader.fd = ends[0];
	EXPECT_EQ(pthread_create(&thread, NULL, read_on, &reader), 0);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	if (reader.veiled == -ENOSYS || reader.veiled == -EINVAL)
		SKIP("the kernel has no seccomp");
	EXPECT_EQ(reader.veiled, 0);
	EXPECT_EQ(reader.endless, -1);
	EXPECT_EQ(reader.error, EINVAL);
	EXPECT_EQ(reader.plain, 1);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

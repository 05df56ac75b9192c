/* SPDX-License-Identifier: MIT */
/*
 * misbehaving.c - tests that must fail, but for two; test_runner.c runs them
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

TEST(behaves)
{
	EXPECT_EQ(test_count_children(), 0);
}

TEST(skips)
{
	SKIP("it is a sample");
}

TEST(expects_too_much)
{
	EXPECT_EQ(1 + 1, 3);
}

TEST(leaves_a_descriptor)
{
	EXPECT(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

TEST(leaves_a_mapping)
{
	int fd = memfd_create("tract-sample", MFD_CLOEXEC);

	EXPECT(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	(void)close(fd);
}

static void *make_a_child(void *arg)
{
	if (fork() == 0)
		for (;;)
			(void)pause();
	for (;;)
		(void)pause();
	return arg;
}

TEST(leaves_a_child_of_a_thread)
{
	pthread_t thread;

	EXPECT_EQ(pthread_create(&thread, NULL, make_a_child, NULL), 0);
	EXPECT_WITHIN(10000, test_count_children() > 0);
}

TEST(aborts)
{
	EXPECT(1 + 1 == 2);
	abort();
}

TEST_SLOW(does_not_end, 0.2)
{
	for (;;)
		(void)pause();
}

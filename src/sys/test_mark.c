/* SPDX-License-Identifier: MIT */
#include "sys/mark.h"

#include <unistd.h>

#include "base/scope.h"
#include "sys/memfd.h"
#include "test.h"

static int marked_object(struct fd_mark *mark)
{
	int fd;

	EXPECT_EQ(memfd_new("test", 4096, &fd), 0);
	EXPECT_EQ(fd_mark_memory(fd, mark), 0);
	return fd;
}

TEST(an_object_has_its_mark_until_its_number_is_another_ones)
{
	struct fd_mark mark, others;
	scoped(fd) int fd = marked_object(&mark);
	scoped(fd) int other = marked_object(&others);

	EXPECT(fd_has_mark(fd, &mark));
	EXPECT(fd_has_mark(other, &others));
	EXPECT(!fd_has_mark(fd, &others));
	EXPECT_EQ(dup2(other, fd), fd);
	EXPECT(!fd_has_mark(fd, &mark));
	EXPECT(fd_has_mark(fd, &others));
}

TEST(a_closed_number_has_no_mark)
{
	struct fd_mark mark;
	int fd = marked_object(&mark);

	(void)close(fd);
	EXPECT(!fd_has_mark(fd, &mark));
}

TEST(an_object_that_somebody_reads_is_still_told)
{
	struct fd_mark mark;
	scoped(fd) int fd = marked_object(&mark);
	char byte;

	EXPECT(mark.position != 0);
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	EXPECT_EQ(read(fd, &byte, 1), 1);
	EXPECT(fd_has_mark(fd, &mark));
}

TEST(a_pipe_which_has_no_position_is_told_by_itself)
{
	struct fd_mark mark, others;
	scoped(fd) int object = marked_object(&others);
	int end[2];

	EXPECT_EQ(pipe(end), 0);
	EXPECT_EQ(fd_mark_take(end[0], &mark), 0);
	EXPECT(fd_has_mark(end[0], &mark));
	EXPECT_EQ(mark.position, 0);
	EXPECT(!fd_has_mark(object, &mark));
	(void)close(end[0]);
	EXPECT(!fd_has_mark(end[0], &mark));
	(void)close(end[1]);
}

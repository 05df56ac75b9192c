/* SPDX-License-Identifier: MIT */
#include "broker/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/scope.h"
#include "sys/memfd.h"
#include "test.h"

TEST(a_hardened_process_cannot_be_traced_and_still_makes_readers)
{
	scoped(fd) int fd = -1;
	scoped(fd) int reader = -1;

	EXPECT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	process_harden(true);
	EXPECT_EQ(prctl(PR_GET_DUMPABLE), 0);
	EXPECT_EQ(memfd_new("tract", 4096, &fd), 0);
	EXPECT_EQ(memfd_reopen_readonly(fd, &reader), 0);
	EXPECT_EQ(fcntl(reader, F_GETFL) & O_ACCMODE, O_RDONLY);
}

TEST(what_a_hardened_process_makes_is_for_itself_alone)
{
	process_harden(true);
	EXPECT_EQ(umask(0), 077);
}

TEST(descriptors_are_raised_to_what_may_be_had)
{
	uint32_t first = process_raise_fds();

	EXPECT(first >= 256);
	EXPECT_EQ(process_raise_fds(), first);
}

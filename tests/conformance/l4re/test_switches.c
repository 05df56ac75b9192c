/* SPDX-License-Identifier: MIT */
/*
 * test_switches.c - the switches of this implementation, and what they are at the start
 */
#include "rig.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* This program, started again with the variable set, says what the switches are and ends. */
__attribute__((constructor(101))) static void say_switches(void)
{
	if (getenv("L4RE_TEST_SAYS_SWITCHES"))
		_exit(l4re_tract_executable(-1) + 2 * l4re_tract_strict_rights(-1));
}

static void start_again(void *arg)
{
	const char *const *set = arg;

	(void)setenv("L4RE_TEST_SAYS_SWITCHES", "1", 1);
	for (; set[0]; set += 2)
		(void)setenv(set[0], set[1], 1);
	(void)execl("/proc/self/exe", "test", (char *)NULL);
}

static int switches_with(const char *const *set)
{
	int status = status_of(start_again, (void *)(uintptr_t)set);

	EXPECT(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* */
TEST(both_switches_are_off_at_the_start)
{
	static const char *const none[] = { NULL };

	EXPECT_EQ(switches_with(none), 0);
	EXPECT_EQ(l4re_tract_executable(-1), 0);
	EXPECT_EQ(l4re_tract_strict_rights(-1), 0);
}

/* */
TEST(r12_the_environment_makes_classic_regions_executable)
{
	static const char *const on[] = { "TRACT_L4RE_EXECUTABLE", "1", NULL };
	static const char *const off[] = { "TRACT_L4RE_EXECUTABLE", "0", NULL };

	EXPECT_EQ(switches_with(on), 1);
	EXPECT_EQ(switches_with(off), 0);
}

/* */
TEST(r06_the_environment_makes_rights_strict)
{
	static const char *const on[] = { "TRACT_L4RE_STRICT_RIGHTS", "1", NULL };
	static const char *const both[] = { "TRACT_L4RE_STRICT_RIGHTS", "1",
					    "TRACT_L4RE_EXECUTABLE", "1", NULL };

	EXPECT_EQ(switches_with(on), 2);
	EXPECT_EQ(switches_with(both), 3);
}

TEST(a_switch_says_what_it_was)
{
	EXPECT_EQ(l4re_tract_executable(1), 0);
	EXPECT_EQ(l4re_tract_executable(1), 1);
	EXPECT_EQ(l4re_tract_executable(-1), 1);
	EXPECT_EQ(l4re_tract_executable(0), 1);
	EXPECT_EQ(l4re_tract_executable(-1), 0);
	EXPECT_EQ(l4re_tract_strict_rights(1), 0);
	EXPECT_EQ(l4re_tract_strict_rights(-1), 1);
	EXPECT_EQ(l4re_tract_strict_rights(0), 1);
	EXPECT_EQ(l4re_tract_strict_rights(0), 0);
}

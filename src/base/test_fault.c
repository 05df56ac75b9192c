/* SPDX-License-Identifier: MIT */
#include "base/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#ifndef TRACT_FAULTS
TEST(a_build_without_faults_still_links)
{
	EXPECT_EQ(fault_arm("a.b=e5"), 0);
	EXPECT_EQ(fault_arm(NULL), 0);
	fault_arm_nth(0);
	EXPECT_EQ(fault_point("a.b"), 0);
	EXPECT(!fault_nth_visited());
}
#else
TEST(a_point_is_quiet_until_it_is_armed)
{
	EXPECT_EQ(fault_point("test.one"), 0);
	EXPECT_EQ(fault_arm("test.one=e5"), 0);
	EXPECT_EQ(fault_point("test.other"), 0);
	EXPECT_EQ(fault_point("test.one"), -5);
	EXPECT_EQ(fault_point("test.one"), 0);
}

TEST(a_point_acts_at_the_visit_that_was_asked_for)
{
	EXPECT_EQ(fault_arm("test.one=e5@3"), 0);
	EXPECT_EQ(fault_point("test.one"), 0);
	EXPECT_EQ(fault_point("test.one"), 0);
	EXPECT_EQ(fault_point("test.one"), -5);
	EXPECT_EQ(fault_point("test.one"), 0);
}

TEST(a_point_can_act_at_every_visit)
{
	EXPECT_EQ(fault_arm("test.one=e5@*"), 0);
	for (unsigned n = 0; n < 3; n++)
		EXPECT_EQ(fault_point("test.one"), -5);
	EXPECT_EQ(fault_arm(NULL), 0);
	EXPECT_EQ(fault_point("test.one"), 0);
}

TEST(one_point_can_be_armed_for_several_visits)
{
	EXPECT_EQ(fault_arm("test.one=e2@2,test.one=e1,test.one=e3@3"), 0);
	EXPECT_EQ(fault_point("test.one"), -1);
	EXPECT_EQ(fault_point("test.one"), -2);
	EXPECT_EQ(fault_point("test.one"), -3);
	EXPECT_EQ(fault_point("test.one"), 0);
}

TEST(disarming_makes_every_point_quiet)
{
	EXPECT_EQ(fault_arm("test.one=e5,test.two=kill"), 0);
	fault_arm_nth(0);
	EXPECT_EQ(fault_arm(NULL), 0);
	EXPECT_EQ(fault_point("test.one"), 0);
	EXPECT_EQ(fault_point("test.two"), 0);
}

TEST(nonsense_is_not_armed)
{
	EXPECT_EQ(fault_arm("test.one"), -EINVAL);
	EXPECT_EQ(fault_arm("=kill"), -EINVAL);
	EXPECT_EQ(fault_arm("test.one=explode"), -EINVAL);
	EXPECT_EQ(fault_arm("test.one=e"), -EINVAL);
	EXPECT_EQ(fault_arm("test.one=e0"), -EINVAL);
	EXPECT_EQ(fault_arm("test.one=e5@0"), -EINVAL);
	EXPECT_EQ(fault_arm("test.one=e5@x"), -EINVAL);
	EXPECT_EQ(fault_point("test.one"), 0);
}

TEST(the_nth_point_fails_whatever_its_name)
{
	fault_arm_nth(2);
	EXPECT_EQ(fault_point("test.one"), 0);
	EXPECT_EQ(fault_point("test.two"), 0);
	EXPECT(!fault_nth_visited());
	EXPECT_EQ(fault_point("test.three"), -ENOMEM);
	EXPECT(fault_nth_visited());
	EXPECT_EQ(fault_point("test.one"), 0);
	fault_arm_nth(1);
	EXPECT(!fault_nth_visited());
}

TEST(kill_kills)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		(void)fault_arm("test.one=kill@2");
		(void)fault_point("test.one");
		(void)fault_point("test.one");
		_exit(0);
	}
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(stop_stops_once)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		(void)fault_arm("test.one=stop");
		(void)fault_point("test.one");
		(void)fault_point("test.one");
		_exit(7);
	}
	EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
	EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	EXPECT_EQ(kill(child, SIGCONT), 0);
	EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

TEST(the_environment_arms_points)
{
	(void)setenv("TRACT_FAULT", "test.one=e7@2,test.two=e9", 1);
	EXPECT_EQ(fault_point("test.one"), 0);
	EXPECT_EQ(fault_point("test.two"), -9);
	EXPECT_EQ(fault_point("test.one"), -7);
}

TEST(each_name_visited_is_noted_once)
{
	char path[128], text[128] = "";
	FILE *file;
	size_t size;

	(void)snprintf(path, sizeof(path), "%s/visits", test_directory());
	(void)setenv("TRACT_FAULT_VISITS", path, 1);
	(void)fault_point("test.one");
	(void)fault_point("test.two");
	(void)fault_point("test.one");
	file = fopen(path, "re");
	EXPECT(file != NULL);
	size = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	EXPECT_EQ(size, strlen("test.one\ntest.two\n"));
	EXPECT_STR(text, "test.one\ntest.two\n");
}
#endif

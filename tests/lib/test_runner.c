/* SPDX-License-Identifier: MIT */
/*
 * test_runner.c - does the runner notice what it promises to notice?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "test.h"

struct outcome {
	int status;
	char text[4096];
};

/* Runs the one test of misbehaving.c. */
static struct outcome outcome_of(const char *name)
{
	const char *program = getenv("TRACT_TEST_MISBEHAVING");
	struct outcome o = { 0 };
	char command[1024];
	FILE *output;

	EXPECT(program != NULL);
	(void)snprintf(command, sizeof(command), "'%s' %s 2>&1", program, name);
	output = popen(command, "re");
	EXPECT(output != NULL);
	(void)!fread(o.text, 1, sizeof(o.text) - 1, output);
	o.status = pclose(output);
	return o;
}

static void expect_failure(const char *name, const char *why)
{
	struct outcome o = outcome_of(name);

	EXPECT_EQ(WEXITSTATUS(o.status), 1);
	EXPECT(strncmp(o.text, "not ok 1 - ", 11) == 0);
	EXPECT_OR_SAY(strstr(o.text, why) != NULL, "no \"%s\" in: %s", why, o.text);
}

TEST(a_test_that_behaves_passes)
{
	struct outcome o = outcome_of("behaves");

	EXPECT_EQ(o.status, 0);
	EXPECT(strncmp(o.text, "ok 1 - ", 7) == 0);
	EXPECT(strstr(o.text, "1..1") != NULL);
}

TEST(a_skipped_test_passes_and_says_why)
{
	struct outcome o = outcome_of("skips");

	EXPECT_EQ(o.status, 0);
	EXPECT(strstr(o.text, "# SKIP skips: it is a sample\n") != NULL);
}

TEST(a_failed_expectation_shows_both_sides)
{
	expect_failure("expects_too_much", "1 + 1 is 2 (0x2), not 3, 3 (0x3)");
}

TEST(a_descriptor_left_behind_is_noticed)
{
	expect_failure("leaves_a_descriptor", "left 1 descriptors behind");
}

TEST(a_mapping_left_behind_is_noticed)
{
	expect_failure("leaves_a_mapping", "left a memfd mapping behind");
}

TEST(a_child_left_behind_is_noticed_whatever_thread_made_it)
{
	expect_failure("leaves_a_child_of_a_thread", "left a child process behind");
}

TEST(a_crash_is_a_failure)
{
	expect_failure("aborts", "Received signal 6");
}

static void expect_place(const char *name)
{
	const char *begin = "# the last expectation: ";
	struct outcome o = outcome_of(name);
	const char *said = strstr(o.text, begin);
	char file[256];
	int line;

	EXPECT_OR_SAY(said != NULL, "no place in: %s", o.text);
	EXPECT_EQ(sscanf(said + strlen(begin), "%255[^:]:%d", file, &line), 2);
	EXPECT(strstr(file, "misbehaving.c") != NULL);
}

TEST(where_a_test_failed_or_crashed_is_said)
{
	expect_place("expects_too_much");
	expect_place("aborts");
}

TEST(a_test_that_does_not_end_is_ended)
{
	expect_failure("does_not_end", "timeout");
}

/* SPDX-License-Identifier: MIT */
#include "broker/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "test.h"

static const char *file_of(const char *text)
{
	static char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tract.conf", test_directory());
	file = fopen(path, "we");
	EXPECT(file && fputs(text, file) >= 0 && fclose(file) == 0);
	return path;
}

TEST(what_the_file_says_replaces_the_default)
{
	struct config c;

	config_default(&c);
	EXPECT_EQ(config_read(file_of("; a comment\n"
				      "[limits]\n"
				      "max-segments = 12\n"
				      "max-segment-size = 3M\n"
				      "[node]\nid = 7\n"
				      "[broker]\nidle-timeout-ms = never\n"
				      "socket-mode = 0660\n"),
			      &c),
		  0);
	EXPECT_EQ(c.max_segments, 12);
	EXPECT_EQ(c.max_segment_size, 3 << 20);
	EXPECT_EQ(c.node, 7);
	EXPECT_EQ(c.idle_timeout_ms, CONFIG_NEVER);
	EXPECT_EQ(c.socket_mode, 0660);
	EXPECT_EQ(c.ack_timeout_ms, 1000);
}

TEST(a_missing_file_is_told_from_a_wrong_one)
{
	struct config c;

	config_default(&c);
	EXPECT_EQ(config_read("/nonexistent/tract.conf", &c), -ENOENT);
}

/* The file is refused with these words, and nothing of it is kept. */
static void refused(const char *text, const char *words)
{
	struct config c;

	config_default(&c);
	EXPECT_EQ(config_read(file_of(text), &c), -EINVAL);
	ck_assert_msg(strstr(error_reason(), words), "\"%s\" is not in \"%s\"", words,
		      error_reason());
	EXPECT_EQ(c.max_segments, 65535);
}

TEST(an_unknown_key_is_a_mistake)
{
	refused("[limits]\nmax-segments = 5\n\nmax-segmnts = 3\n",
		"tract.conf:4: there is no \"max-segmnts\" in section [limits]");
}

TEST(a_value_out_of_range_is_a_mistake)
{
	refused("[node]\nid = 64\n", "tract.conf:2: id must be from 0 to 63");
	refused("[broker]\nsocket-mode = 0777\n", "must be from 0600 to 0666");
}

TEST(a_value_that_is_no_number_is_a_mistake)
{
	refused("[node]\nid = -1\n", "\"-1\" is no value for id");
	refused("[node]\nid =\n", "is no value for id");
	refused("[limits]\nmax-segment-size = 3X\n", "\"3X\" is no value");
	refused("[limits]\nmax-segment-size = 99999999T\n", "is no value");
}

TEST(a_line_that_is_no_setting_is_a_mistake)
{
	refused("[limits]\nwhatever\n", "tract.conf:2: neither");
}

TEST(the_first_mistake_is_told)
{
	refused("[limits]\nwhatever\nmax-segmnts = 3\n", "tract.conf:2: neither");
	refused("[limits]\nmax-segmnts = 3\nwhatever\n", "tract.conf:2: there is no");
}

TEST(the_environment_gives_the_idle_timeout_and_the_file_overrides_it)
{
	struct config c;

	EXPECT_EQ(setenv("TRACT_IDLE_MS", "321", 1), 0);
	EXPECT_EQ(config_load(test_directory(), &c), 0);
	EXPECT_EQ(c.idle_timeout_ms, 321);
	(void)file_of("[broker]\nidle-timeout-ms = 5\n");
	EXPECT_EQ(config_load(test_directory(), &c), 0);
	EXPECT_EQ(c.idle_timeout_ms, 5);
}

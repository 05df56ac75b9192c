/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "test.h"

TEST(fail_returns_the_error_and_keeps_the_sentence)
{
	EXPECT_EQ(fail(-EINVAL, "give %d bytes", 4096), -EINVAL);
	EXPECT_STR(error_reason(), "give 4096 bytes");
	error_clear_reason();
	EXPECT_STR(error_reason(), "");
}

TEST(a_long_sentence_is_cut_not_lost)
{
	char text[2000];

	(void)memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	EXPECT_EQ(fail(-EIO, "%s", text), -EIO);
	EXPECT(strlen(error_reason()) > 200);
	EXPECT(strncmp(error_reason(), text, strlen(error_reason())) == 0);
}

static void *fail_elsewhere(void *arg)
{
	(void)fail(-EPERM, "another thread's");
	return arg;
}

TEST(a_reason_belongs_to_its_thread)
{
	pthread_t other;

	(void)fail(-EINVAL, "mine");
	EXPECT_EQ(pthread_create(&other, NULL, fail_elsewhere, NULL), 0);
	EXPECT_EQ(pthread_join(other, NULL), 0);
	EXPECT_STR(error_reason(), "mine");
}

TEST(errors_have_names)
{
	EXPECT_STR(error_name(ENOENT), "ENOENT");
	EXPECT_STR(error_name(-ESTALE), "ESTALE");
	EXPECT_STR(error_name(99999), "?");
}

static void keep_line(void *arg, enum log_level level, const char *line)
{
	(void)snprintf(arg, 64, "%d %s", (int)level, line);
}

TEST(a_log_line_goes_to_the_sink)
{
	char seen[64] = "";

	log_event(LOG_LEVEL_ERROR, "lost");
	log_set_sink(keep_line, seen);
	log_event(LOG_LEVEL_INFO, "client_joined pid=%d", 7);
	EXPECT_STR(seen, "6 client_joined pid=7");
	log_set_sink(NULL, NULL);
	log_event(LOG_LEVEL_ERROR, "lost");
	EXPECT_STR(seen, "6 client_joined pid=7");
}

TEST(a_log_value_is_quoted_where_it_must_be)
{
	char buffer[64];
	char tight[8];

	EXPECT_STR(log_quote("plain/path", buffer, sizeof(buffer)), "plain/path");
	EXPECT_STR(log_quote("", buffer, sizeof(buffer)), "\"\"");
	EXPECT_STR(log_quote("a b", buffer, sizeof(buffer)), "\"a b\"");
	EXPECT_STR(log_quote("a\"\\\n", buffer, sizeof(buffer)), "\"a\\\"\\\\\\x0a\"");
	EXPECT(strlen(log_quote("a very long value", tight, sizeof(tight))) < sizeof(tight));
	EXPECT_STR(log_quote("\n\n\n\n", tight, sizeof(tight)), "\"\\x0a\"");
}

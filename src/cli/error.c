/* SPDX-License-Identifier: MIT */
/*
 * error.c - errors in words
 *
 * The library gives a sentence with every refusal; where it has none, the system's words for
 * the errno stand in.  Colour only for a terminal whose user has not said NO_COLOR.
 */
#include "out.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(STDERR_FILENO) && !(no_color && *no_color);
}

/* The words are put together first: asking about the terminal would change what %m means. */
__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args,
						      const char *end)
{
	char *words = NULL;

	if (vasprintf(&words, format, args) < 0)
		words = NULL;
	(void)fprintf(stderr, "%s %s%s\n", wants_color() ? "\033[1;31mtract:\033[0m" : "tract:",
		      words ? words : "out of memory", end);
	free(words);
}

void out_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, "");
	va_end(args);
}

const char *out_reason(int r)
{
	const char *reason = tract_reason();

	return *reason ? reason : strerror(-r);
}

/* What to do next, where the library cannot know that a person asks. */
__attribute__((format(printf, 3, 0))) static void say_failed(int r, const char *hint,
							     const char *format, va_list args)
{
	char end[600];
	size_t length;

	(void)snprintf(end, sizeof(end), ": %s", out_reason(r));
	length = strlen(end);
	if (!hint && r == -ENOENT)
		hint = "`tract ls` shows what is";
	if (hint && !strstr(end, "tract nodes") && !strstr(end, "`tract "))
		(void)snprintf(end + length, sizeof(end) - length, "%s %s.",
			       end[length - 1] == '.' ? "" : ".", hint);
	say(format, args, end);
}

void out_failed(int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_failed(r, NULL, format, args);
	va_end(args);
}

void out_failed_so(int r, const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_failed(r, hint, format, args);
	va_end(args);
}

int out_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, "; see `tract help`");
	va_end(args);
	return CLI_USAGE;
}

int out_exit_of(int r)
{
	return r == -ENOTCONN ? CLI_NO_BROKER : CLI_REFUSED;
}

bool out_reader_gone(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = 0 };

	return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

int out_finish(int end)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return end;
	if (!out_reader_gone())
		out_error("cannot write to standard output: %m");
	return end == CLI_OK ? CLI_REFUSED : end;
}

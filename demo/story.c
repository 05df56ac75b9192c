/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct story_state state;
static bool color;

uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t median_of(uint64_t *values, unsigned count)
{
	qsort(values, count, sizeof(values[0]), compare);
	return count ? values[count / 2] : 0;
}

void story_begin(void)
{
	const char *no_color = getenv("NO_COLOR");

	color = isatty(STDOUT_FILENO) && !(no_color && *no_color);
	/* Whole lines, also into a pipe, so that what other processes say stays in order. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
}

struct story_state story_state(void)
{
	return state;
}

void story_continue(struct story_state now)
{
	state = now;
}

void story_skip(void)
{
	state.steps++;
}

static const char *tint(const char *escape)
{
	return color ? escape : "";
}

void story_step(const char *title)
{
	printf("\n%s%u  %s%s\n", tint("\033[1m"), ++state.steps, title, tint("\033[0m"));
}

void story_text(const char *format, ...)
{
	va_list args;

	(void)fputs("   ", stdout);
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)putchar('\n');
}

/* Three digits and a unit, eight columns wide. */
static void print_time(uint64_t ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s " };
	double value = (double)ns;
	unsigned unit = 0;

	while (value >= 999.5 && unit < 3) {
		value /= 1000;
		unit++;
	}
	if (ns == 0)
		printf("%8s", "");
	else
		printf("%5.*f %s",
		       value >= 99.95 || unit == 0 ? 0
		       : value >= 9.995		   ? 1
						   : 2,
		       value, units[unit]);
}

__attribute__((format(printf, 4, 0))) static void
line(const char *mark, const char *escape, uint64_t ns, const char *format, va_list args)
{
	printf("   %s%-5s%s ", tint(escape), mark, tint("\033[0m"));
	print_time(ns);
	(void)fputs("  ", stdout);
	(void)vprintf(format, args);
	(void)putchar('\n');
}

void story_did(uint64_t ns, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line("", "", ns, format, args);
	va_end(args);
}

__attribute__((format(printf, 3, 0))) static void check(bool holds, uint64_t ns,
							const char *format, va_list args)
{
	state.checks++;
	state.failures += !holds;
	line(holds ? "ok" : "WRONG", holds ? "\033[32m" : "\033[1;31m", ns, format, args);
}

void story_check(bool holds, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	check(holds, 0, format, args);
	va_end(args);
}

void story_check_timed(bool holds, uint64_t ns, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	check(holds, ns, format, args);
	va_end(args);
}

void story_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fflush(stdout);
	(void)fprintf(stderr, "tract-demo[%d]: ", getpid());
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	exit(1);
}

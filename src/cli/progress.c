/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "words.h"

#define WIDTH 30
#define DRAW_NS 100000000u /* at most ten times a second */

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct progress progress_begin(uint64_t total, int output)
{
	uint64_t now = now_ns();

	return (struct progress){ .total = total,
				  .began = now,
				  .drawn = now,
				  .visible = isatty(STDERR_FILENO) && !isatty(output) };
}

uint64_t progress_ms(const struct progress *progress)
{
	return (now_ns() - progress->began) / 1000000u;
}

static void draw(const struct progress *progress, uint64_t done, uint64_t now)
{
	double part = (double)done / (double)progress->total;
	double rate = (double)done * 1e9 / (double)(now - progress->began + 1);
	double left = (double)(progress->total - done) / (rate + 1);
	char bar[WIDTH + 1], size[WORDS_MAX], speed[WORDS_MAX];

	memset(bar, '.', WIDTH);
	memset(bar, '=', (size_t)(part * WIDTH));
	bar[WIDTH] = '\0';
	(void)fprintf(stderr, "\r%3.0f%% [%s] %s, %s/s, %u:%02u left \033[K", part * 100, bar,
		      words_size(done, size), words_size((uint64_t)rate, speed),
		      (unsigned)(left / 60), (unsigned)left % 60);
	(void)fflush(stderr);
}

void progress_show(struct progress *progress, uint64_t done)
{
	uint64_t now;

	if (!progress->visible)
		return;
	now = now_ns();
	if (now - progress->drawn < DRAW_NS)
		return;
	progress->drawn = now;
	draw(progress, done, now);
}

void progress_end(const struct progress *progress)
{
	if (progress->visible && progress->drawn != progress->began)
		(void)fputs("\r\033[K", stderr);
}

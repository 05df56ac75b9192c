/* SPDX-License-Identifier: MIT */
/*
 * progress.h - a bar on a terminal: how much, how fast, how long still
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	uint64_t total;	       /* bytes */
	uint64_t began, drawn; /* nanoseconds */
	bool visible;
};

/* Visible only if standard error is a terminal and @output is not one. */
struct progress progress_begin(uint64_t total, int output);
void progress_show(struct progress *progress, uint64_t done);
/* Removes the bar. */
void progress_end(const struct progress *progress);
/* Milliseconds since it began. */
uint64_t progress_ms(const struct progress *progress);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * story.h - what the demo prints
 *
 * A story has numbered steps; a step has lines.  A line may carry a time and may be a check:
 * then it begins with "ok", or with "WRONG", which makes the demo fail.
 */
#ifndef DEMO_STORY_H
#define DEMO_STORY_H

#include <stdbool.h>
#include <stdint.h>

/* CLOCK_MONOTONIC, the same in every process of a machine. */
uint64_t now_ns(void);
uint64_t median_of(uint64_t *values, unsigned count);

void story_begin(void);
void story_step(const char *title);
/* A line of text under a step's title, or at the beginning and the end. */
void story_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Something that was done, and how long it took; 0: no time is shown. */
void story_did(uint64_t ns, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something that must be so. */
void story_check(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
void story_check_timed(bool holds, uint64_t ns, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Which step comes next, and what went wrong so far: handed from one process to the other. */
struct story_state {
	unsigned steps, checks, failures;
};

struct story_state story_state(void);
void story_continue(struct story_state state);
/* The number of a step that was begun elsewhere and never ended. */
void story_skip(void);

/* Gives up: something without which there is nothing more to show has failed. */
__attribute__((noreturn, format(printf, 1, 2))) void story_fail(const char *format, ...);

#endif

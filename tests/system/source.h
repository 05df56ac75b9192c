/* SPDX-License-Identifier: MIT */
/*
 * source.h - a pager that does as it is told, and somebody who waits for a page
 *
 * A process keeps the one descriptor that its pagers share, so PAGER_TESTs may leave it.
 */
#ifndef TESTS_SYSTEM_SOURCE_H
#define TESTS_SYSTEM_SOURCE_H

#include <pthread.h>
#include <stdatomic.h>

#include "land.h"

#define PAGER_TEST(name) TEST_WITH(name, 20, true)

struct source {
	struct tract_pager *pager;
	/* A fault orders nothing that the language knows of: what a test says and hears of its
	 * pager goes through a lock. */
	pthread_mutex_t lock;
	struct tract_answer answer; /* what it gives; a region is duplicated */
	struct tract_fault last;
	_Atomic int result;
	char page[65536]; /* the pager's */
	_Atomic unsigned asked, released;
	/* It waits in there for as long as this is set. */
	_Atomic bool held, inside;
	_Atomic pthread_t thread;
};

/* Its function; @context is a source. */
int supply(void *context, const struct tract_fault *fault, struct tract_answer *answer);
/* It answers with letters, from 'a' for offset 0 on, until it is told otherwise. */
void source_up(struct source *s);
void answer_with(struct source *s, struct tract_answer answer);
/* What was asked last. */
struct tract_fault last_of(struct source *s);
void wait_inside(struct source *s);
/* The thread may still have it that has just answered. */
void wait_released(struct source *s);
/* With nothing attached any more. */
void source_down(struct source *s);

struct toucher {
	char *at;
	bool writes;
	_Atomic int result; /* what was read, or -1 for a fault; -2: not yet */
	pthread_t thread;
};

void touch_begin(struct toucher *t, char *at, bool writes);
int touch_end(struct toucher *t);

#endif

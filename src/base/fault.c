/* SPDX-License-Identifier: MIT */
/*
 * fault.c - steps that can go wrong, and a test that makes them
 *
 * A point may be visited in any thread, beside a fork(), and in the child of one; so visiting
 * takes no lock.  Armed points form a list that is only ever pushed to, and disarming lets go
 * of its head: the entries are kept, for a thread may be reading them.
 */
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scope.h"

#define NAME_MAX_BYTES 96
#define NAMES_MAX 1024u

enum action { ACT_KILL, ACT_STOP, ACT_ERROR };

struct armed {
	char name[NAME_MAX_BYTES];
	enum action action;
	int error;
	_Atomic unsigned left; /* acts at the visit that makes it 0; then never again */
	bool always;	       /* acts at every visit */
	struct armed *next;    /* what was armed before */
	struct armed *kept;    /* every entry ever made, so that none is lost */
};

static struct armed *_Atomic armed_points;
static struct armed *_Atomic kept_points;

/* Visits until the one that fails; negative: not armed. */
static _Atomic int64_t nth_left = -1;
static _Atomic bool nth_visited;

static bool parse_number(const char *text, unsigned *ret_number)
{
	unsigned long number;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	number = strtoul(text, &end, 10);
	if (*end || number == 0 || number > INT32_MAX)
		return false;
	*ret_number = (unsigned)number;
	return true;
}

static bool parse_action(char *text, struct armed *a)
{
	char *at = strchr(text, '@');
	unsigned number = 1;

	if (at) {
		*at = '\0';
		a->always = strcmp(at + 1, "*") == 0;
		if (!a->always && !parse_number(at + 1, &number))
			return false;
	}
	atomic_init(&a->left, number);
	if (strcmp(text, "kill") == 0) {
		a->action = ACT_KILL;
		return true;
	}
	if (strcmp(text, "stop") == 0) {
		a->action = ACT_STOP;
		return true;
	}
	if (text[0] != 'e' || !parse_number(text + 1, &number))
		return false;
	a->action = ACT_ERROR;
	a->error = (int)number;
	return true;
}

static int arm_one(char *text)
{
	scoped(mem) struct armed *a = calloc(1, sizeof(*a));
	char *action = strchr(text, '=');
	struct armed *added;

	if (!a)
		return -ENOMEM;
	if (!action || action == text || action - text >= NAME_MAX_BYTES)
		return -EINVAL;
	*action++ = '\0';
	if (!parse_action(action, a))
		return -EINVAL;
	(void)strcpy(a->name, text);

	added = steal(a);
	/* Both release what was written above to the visitors' acquire. */
	added->kept = atomic_load_explicit(&kept_points, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&kept_points, &added->kept, added, memory_order_release, memory_order_relaxed))
		continue;
	added->next = atomic_load_explicit(&armed_points, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&armed_points, &added->next, added, memory_order_release, memory_order_relaxed))
		continue;
	return 0;
}

static void disarm_all(void)
{
	atomic_store_explicit(&armed_points, NULL, memory_order_relaxed);
	atomic_store_explicit(&nth_left, -1, memory_order_relaxed);
}

int fault_arm(const char *spec)
{
	scoped(mem) char *copy = NULL;
	char *rest = NULL;

	if (!spec) {
		disarm_all();
		return 0;
	}
	copy = strdup(spec);
	if (!copy)
		return -ENOMEM;
	for (char *one = strtok_r(copy, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
		int r = arm_one(one);

		if (r < 0)
			return r;
	}
	return 0;
}

void fault_arm_nth(unsigned n)
{
	atomic_store_explicit(&nth_visited, false, memory_order_relaxed);
	atomic_store_explicit(&nth_left, n, memory_order_relaxed);
}

bool fault_nth_visited(void)
{
	return atomic_load_explicit(&nth_visited, memory_order_relaxed);
}

#ifdef TRACT_FAULTS
static pthread_once_t environment_once = PTHREAD_ONCE_INIT;
static const char *visits_path;

static void read_environment(void)
{
	const char *spec = secure_getenv("TRACT_FAULT");

	visits_path = secure_getenv("TRACT_FAULT_VISITS");
	/* A test that misspells what it arms must not pass for the wrong reason. */
	if (spec && fault_arm(spec) < 0) {
		(void)fprintf(stderr, "TRACT_FAULT: not understood: %s\n", spec);
		abort();
	}
}

/* True for the first visit of a name in this process and those it was forked from. */
static bool is_first_visit(const char *name)
{
	static const char *_Atomic names[NAMES_MAX];
	uint32_t hash = 2166136261u;

	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		const char *_Atomic *slot = &names[(hash + i) % NAMES_MAX];
		const char *there = atomic_load_explicit(slot, memory_order_relaxed);

		if (!there && atomic_compare_exchange_strong_explicit(slot, &there, name,
								      memory_order_relaxed,
								      memory_order_relaxed))
			return true;
		if (strcmp(there, name) == 0)
			return false;
	}
	return false;
}

static void note_visit(const char *name)
{
	char line[NAME_MAX_BYTES + 2];
	scoped(fd) int fd = -1;
	int length;

	if (!is_first_visit(name))
		return;
	fd = open(visits_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	/* One write, so that lines of several processes do not mix. */
	length = snprintf(line, sizeof(line), "%.*s\n", NAME_MAX_BYTES, name);
	(void)!write(fd, line, (size_t)length);
}

/* True for the one visit that takes *left from 1 to 0. */
static bool is_due(_Atomic unsigned *left)
{
	unsigned now = atomic_load_explicit(left, memory_order_relaxed);

	while (now > 0)
		if (atomic_compare_exchange_weak_explicit(
			    left, &now, now - 1, memory_order_relaxed, memory_order_relaxed))
			return now == 1;
	return false;
}

static int act(const struct armed *a)
{
	switch (a->action) {
	case ACT_KILL:
		(void)kill(getpid(), SIGKILL);
		for (;;)
			(void)pause();
	case ACT_STOP:
		(void)kill(getpid(), SIGSTOP);
		return 0;
	case ACT_ERROR:
		break;
	}
	return -a->error;
}

static int visit_armed(const char *name)
{
	struct armed *a = atomic_load_explicit(&armed_points, memory_order_acquire);
	const struct armed *due = NULL;

	/* Each entry counts every visit, also one at which another acts. */
	for (; a; a = a->next)
		if (strcmp(a->name, name) == 0 && (a->always || is_due(&a->left)))
			due = a;
	return due ? act(due) : 0;
}

static bool visit_nth(void)
{
	int64_t left = atomic_load_explicit(&nth_left, memory_order_relaxed);

	while (left >= 0)
		if (atomic_compare_exchange_weak_explicit(&nth_left, &left, left - 1,
							  memory_order_relaxed,
							  memory_order_relaxed))
			return left == 0;
	return false;
}

int fault_visit(const char *name)
{
	(void)pthread_once(&environment_once, read_environment);
	if (visits_path)
		note_visit(name);
	if (visit_nth()) {
		atomic_store_explicit(&nth_visited, true, memory_order_relaxed);
		return -ENOMEM;
	}
	return visit_armed(name);
}
#endif

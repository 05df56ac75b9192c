/* SPDX-License-Identifier: MIT */
/*
 * child.h - other processes that take part
 *
 * Each is this program again, started afresh with --role, so that it shares nothing with its
 * parent but a socket: over that it is told to go on, and reports what it saw.  It dies with
 * its parent.
 */
#ifndef DEMO_CHILD_H
#define DEMO_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int fd;
};

/* Where a process lives, and how it meets whoever is at the other end of a segment. */
struct place {
	const char *dir;	/* of its node; NULL: that of its parent */
	const char *controller; /* by which it exports and imports */
	uint32_t other;		/* the node of the other end */
};

/* What a child reports; which members count depends on the role. */
struct report {
	int status;	/* what an RSMAPI call returned */
	uint64_t at_ns; /* a moment, or how long something took */
	uint64_t count[4];
	char text[80];
};

/* ---- in the parent ---------------------------------------------------------------------- */

struct child child_start(const struct place *place, const char *role, uint32_t segment,
			 uint64_t size);
/* Go on. */
void child_tell(const struct child *child);
/* Waits for its next report; a child that died or is silent for seconds ends the demo. */
struct report child_hear(const struct child *child);
/* Tells it to end, and waits until it has, without an error. */
void child_end(struct child *child);
/* kill -9, and waits until it is gone.  Returns when it was killed. */
uint64_t child_kill(struct child *child);

/* ---- in the child ----------------------------------------------------------------------- */

struct role {
	const char *name;
	void (*play)(uint32_t segment, uint64_t size);
};

/* Plays the role that the command line names; does not return. */
__attribute__((noreturn)) void child_main(const struct role *roles, int argc, char *argv[]);
void child_report(const struct report *report);
/* Waits until told to go on.  Ends the process if it is told to end. */
void child_await(void);
/* Has it been told something? */
bool child_was_told(void);

#endif

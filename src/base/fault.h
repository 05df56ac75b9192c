/* SPDX-License-Identifier: MIT */
/*
 * fault.h - steps that can go wrong, and a test that makes them
 *
 * fault_point("segment.publish.id_taken") is 0 in production: one predictable branch.  In a
 * build with faults, the environment TRACT_FAULT arms points:
 *
 *	TRACT_FAULT=NAME=ACTION[,NAME=ACTION...]
 *	ACTION  kill          SIGKILL to this process
 *	        stop          SIGSTOP to this process
 *	        eNUM          the point returns -NUM once
 *	        ACTION@N      only at the N-th visit (from 1)
 *	        ACTION@*      at every visit
 *
 * or a test in the same process calls fault_arm().  Every visited point's name is appended to
 * the file that TRACT_FAULT_VISITS names, so that a point no test visits can be found.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

#ifdef TRACT_FAULTS
int fault_visit(const char *name);
#define fault_point(name) fault_visit(name)
#else
#define fault_point(name) 0
#endif

/* Arms one point with an action in the above words; NULL disarms all.  0 or -EINVAL. */
int fault_arm(const char *spec);
/* Makes the N-th point visited from now on (from 0) fail with -ENOMEM once. */
void fault_arm_nth(unsigned n);
/* Did the point armed by fault_arm_nth() get visited? */
bool fault_nth_visited(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * holds.h - what a process still has of an object
 *
 * Its mappings and its descriptors, those of every thread that has a table of its own, as /proc
 * tells of them.  What it cannot tell of is not counted: descriptors on their way through a
 * socket, pages that the kernel uses for a device or a ring, other processes it handed
 * something to, a child it made; and what is moved about while we look may be missed.  So
 * nothing found from who means well means nothing, and something found is always something.
 */
#ifndef SYS_HOLDS_H
#define SYS_HOLDS_H

#include <stdint.h>

/* How many of one process are looked at, which bounds what it can make that cost: where it was
 * measured, 20 microseconds for each descriptor and 2.5 for each mapping. */
#define HOLDS_DESCRIPTORS_MAX 8192u
#define HOLDS_MAPPINGS_MAX 65536u

struct holds {
	uint32_t mappings;
	uint32_t descriptors;
};

/*
 * What the process that @pidfd is of, whose number here is @pid, has of the object behind
 * @object.  *@ret is written only on success, so that what could not be seen is never taken for
 * nothing: -EACCES if we may not look, -E2BIG if it has more than is looked at,
 * -ESRCH if it has ended.
 */
int holds_count(int32_t pid, int pidfd, int object, struct holds *ret);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * target.h - where copied bytes go
 *
 * A file is written under another name beside its place and renamed when it is complete, so
 * that half a copy is never taken for a whole one.  Standard output, pipes and devices are
 * written as they are.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <stdbool.h>
#include <stddef.h>

struct target {
	int fd;
	const char *path; /* NULL: standard output */
	char *partial;	  /* the other name; NULL: written in place */
};

/* False, having said why, if it cannot be written.  @path NULL: standard output. */
bool target_open(struct target *target, const char *path);
/* False, having said why unless it is a pipe that nobody reads any more. */
bool target_write(struct target *target, const char *bytes, size_t count);
/* Puts a complete file in its place.  False, having said why. */
bool target_finish(struct target *target);
/* Ends it, and leaves nothing behind of what was not finished. */
void target_close(struct target *target);

#endif

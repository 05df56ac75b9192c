/* SPDX-License-Identifier: MIT */
/*
 * spawn.h - start a program that has nothing to do with us any more
 *
 * No descriptor is inherited but the three standard ones (all /dev/null), the program has a
 * session of its own, is nobody's zombie, and its start sends this process no SIGCHLD and is
 * invisible to its wait().
 */
#ifndef SYS_SPAWN_H
#define SYS_SPAWN_H

/*
 * @argv ends with NULL.  *ret_ready is readable (end of file) once the program has closed its
 * descriptor 3, or has ended.  A relative @path is from the current directory, which the
 * program does not keep: it starts in the root.  0, -ENOENT or -EACCES if there is nothing to
 * start.
 */
int spawn_detached(const char *path, char *const argv[], int *ret_ready);

#endif

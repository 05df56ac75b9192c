/* SPDX-License-Identifier: MIT */
/*
 * dir.h - the node's directory, and where the code lies
 */
#ifndef SYS_DIR_H
#define SYS_DIR_H

#include "sys/host.h"

/*
 * Makes it if need be (mode 0700; what is above it must exist) and opens it.  0, -EACCES if it
 * is another user's or others may write, -ENOTDIR if it is something else or a symbolic link.
 */
int dir_prepare(const char *path, int *ret_fd);
/*
 * Held until dir_unlock() or the death of the process, by a file "lock" in it that nobody else
 * may open: whoever can open the directory could lock that.  0, -EWOULDBLOCK, -ENOENT if the
 * directory went away.
 */
int dir_lock(int dir, int *ret_lock);
/* Takes the file along. */
void dir_unlock(int dir, int *lock);
/*
 * The path, file name included, of the shared object or program that @symbol is in; for finding
 * what was installed beside it.  -ENAMETOOLONG, -ENOENT.
 */
int dir_of_code(const void *symbol, char *ret_path, unsigned capacity);

/* The same directory by a name that a change of the working directory does not change; nothing
 * is looked up. */
int dir_absolute(const char *path, char *ret_path, unsigned capacity);

#endif

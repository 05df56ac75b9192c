/* SPDX-License-Identifier: MIT */
/*
 * secret.h - files that nobody else may read
 */
#ifndef SYS_SECRET_H
#define SYS_SECRET_H

#include <stddef.h>

/* Makes it, for its owner alone; it is there whole or not at all.  -EEXIST, -ENOENT, -EACCES,
 * and others of open(2) and write(2). */
int secret_make(const char *path, const void *bytes, size_t size);
/*
 * Reads all of it.  -ENOENT, -EACCES; -EPERM if it is neither this user's nor root's, or others
 * than its owner may do anything with it; -EINVAL if it is no file; -EFBIG if it is larger than
 * @capacity.
 */
int secret_read(const char *path, void *bytes, size_t capacity, size_t *ret_size);

#endif

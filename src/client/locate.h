/* SPDX-License-Identifier: MIT */
/*
 * locate.h - where a node is, and how its broker is started
 */
#ifndef CLIENT_LOCATE_H
#define CLIENT_LOCATE_H

#include <stdbool.h>
#include <stdint.h>

/* The directory to use when the program names none, as tract_open() says.  -ENAMETOOLONG. */
int locate_directory(char *ret_dir, unsigned capacity);
/* Is it one of those that tract_open() falls back to, in which only a broker of this user, or
 * root's, is to be believed?  Others may have been there first. */
bool locate_is_own(const char *dir);

/* The broker's program.  -ENOENT with a reason, -ENAMETOOLONG. */
int locate_program(char *ret_path, unsigned capacity);
/*
 * Starts a broker for @dir and waits until it listens, or has left the field to another, or
 * @deadline.  -ENOENT if the program tractd is not found, -EACCES if @dir is not to be trusted.
 */
int locate_start(const char *dir, uint64_t deadline);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * dir.h - the node's directory, and the host's memory
 */
#ifndef SYS_DIR_H
#define SYS_DIR_H

#include <stdint.h>

/* Makes it if need be (mode 0700).  0, -EACCES if it is another user's or others may write. */
int dir_prepare(const char *path, int *ret_fd);
/* Held until @fd is closed or the process dies.  0, -EWOULDBLOCK. */
int dir_lock(int fd);
/* The path of this shared object or program; for finding what was installed beside it. */
int dir_of_code(const void *symbol, char *ret_path, unsigned capacity);
/* Total memory, and what could be had now without swapping, under this control group; bytes. */
int host_memory(uint64_t *ret_total, uint64_t *ret_available);
/* Fills with unpredictable bytes. */
void host_random(void *bytes, unsigned size);

#endif

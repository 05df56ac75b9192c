/* SPDX-License-Identifier: MIT */
/*
 * copied.h - copying content from one place to another, counted
 *
 * What is promised to be shared without a copy adds nothing to the count, and tests hold it to
 * that.
 */
#ifndef MAP_COPIED_H
#define MAP_COPIED_H

#include <stddef.h>
#include <stdint.h>

/* As memfd_write(), memfd_read() and memcpy(). */
int copied_write(int fd, uint64_t offset, const void *from, size_t size);
int copied_read(int fd, uint64_t offset, void *to, size_t size);
void copied_bytes(void *to, const void *from, size_t size);
/* How many bytes these have copied, or tried to, in this process. */
uint64_t copied_count(void);

#endif

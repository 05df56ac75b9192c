/* SPDX-License-Identifier: MIT */
/*
 * file.h - real data: some file, and its SHA-256
 */
#ifndef DEMO_FILE_H
#define DEMO_FILE_H

#include <stddef.h>
#include <stdint.h>

#define HASH_TEXT 65 /* 64 hexadecimal digits and the end */

/* A file of some megabytes that every Debian has.  Borrowed. */
const char *file_choose(void);
uint64_t file_size(const char *path);
/* Reads all of the file's @size bytes. */
void file_read(const char *path, void *to, uint64_t size);

/* Of a file, read anew from the disk; of memory. */
void hash_file(const char *path, char ret_text[HASH_TEXT]);
void hash_memory(const void *memory, uint64_t size, char ret_text[HASH_TEXT]);

#endif

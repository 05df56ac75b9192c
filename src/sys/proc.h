/* SPDX-License-Identifier: MIT */
/*
 * proc.h - the memory of a process, as /proc tells of it
 *
 * Mappings are read line by line, without allocating: reading must not change what is read.
 * What the kernel shows to nobody but the process's user and root fails with -EACCES.
 */
#ifndef SYS_PROC_H
#define SYS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/vm.h"

#define PROC_SELF 0

/* The lines of a file being read. */
struct proc_lines {
	int fd;
	size_t used, at;
	char buffer[4096];
};

/*
 * The mappings of a process.  With @details, what the kernel counts of each follows its line:
 * proc_line_is_mapping() tells the two apart.  -ESRCH if there is no such process, -EACCES.
 */
int proc_open_maps(struct proc_lines *in, int32_t pid, bool details);
void proc_close(struct proc_lines *in);
/* scoped(proc_lines) struct proc_lines in = { .fd = -1 }; */
static inline void proc_lines_scope_end(struct proc_lines *in)
{
	proc_close(in);
}
/* The next line without its end, cut to @capacity; 1, 0 at the end, -errno. */
int proc_next_line(struct proc_lines *in, char *line, size_t capacity);

/* The parent of a process.  -ESRCH, -EACCES. */
int proc_parent(int32_t pid, int32_t *ret_parent);
/* Do numbers of System V mean the same to it and to us?  1, 0; -ESRCH, -EACCES. */
int proc_shares_ipc(int32_t pid);

bool proc_line_is_mapping(const char *line);
/* The bounds alone. */
bool proc_parse_bounds(const char *line, uintptr_t *ret_start, uintptr_t *ret_end);
/* All of it.  @ret_name is a part of @line: what the kernel calls the mapping, or "". */
bool proc_parse_mapping(const char *line, struct vm_area *ret_area, const char **ret_name);
/* Of the details, one that counts what is in memory: bytes. */
bool proc_parse_resident(const char *line, uint64_t *ret_bytes);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * stall.h - an importer's window whose object is being taken back by its owner
 */
#ifndef MAP_STALL_H
#define MAP_STALL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * For an importer's window while its object is being fenced elsewhere: accesses wait from
 * stall_begin until the window was mapped over and stall_end.  A zeroed struct is not stalled.
 */
struct stall {
	int uffd; /* descriptor + 1; 0: none */
	void *addr;
	size_t size;
	bool released; /* nothing of the memory is there, so nothing can be undone */
};

int stall_begin(struct stall *stall, void *addr, size_t size);
/* The same, and nothing of the memory stays mapped: the range is held without it. */
int stall_released(struct stall *stall, void *addr, size_t size);
void stall_end(struct stall *stall);
/* Where nothing could be mapped over it: what is there is let be used again, with @prot. */
void stall_undo(struct stall *stall, unsigned prot);

#endif

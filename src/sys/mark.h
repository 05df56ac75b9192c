/* SPDX-License-Identifier: MIT */
/*
 * mark.h - is a descriptor still the one that we opened?
 *
 * Programs that become daemons close every number there is, ours among them, and their own
 * files get those numbers.  What we then wrote, emptied or closed would be theirs.
 */
#ifndef SYS_MARK_H
#define SYS_MARK_H

#include <stdbool.h>
#include <stdint.h>

struct fd_mark {
	uint64_t device, inode;
	int64_t position; /* nobody else's; 0: it has none */
};

/* Of a socket or a file, which no other open one has too.  0 or -errno. */
int fd_mark_take(int fd, struct fd_mark *ret_mark);
/*
 * The same of a memory object of ours, which is then told by its position in half the time.
 * Whoever reads or writes it there moves that, and it is told as the others are.
 */
int fd_mark_memory(int fd, struct fd_mark *ret_mark);
bool fd_has_mark(int fd, const struct fd_mark *mark);
/* Puts a socket that leads nowhere, and has a mark of its own, in place of a descriptor. */
int fd_mark_replace(int fd, struct fd_mark *ret_mark);

/*
 * Moves a descriptor to a high number, where closing and opening files by low ones does not
 * meet it; the same one if there is no room.  Close-on-exec.
 */
int fd_move_up(int fd);

#endif

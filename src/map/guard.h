/* SPDX-License-Identifier: MIT */
/*
 * guard.h - make accesses wait where userfaultfd cannot
 *
 * Private mappings of files, and any memory where userfaultfd is forbidden, are protected for
 * the time of a move.  A thread that touches one meanwhile gets SIGSEGV; the handler puts it
 * to sleep until the move is over and lets it try again.  Every other fault goes to whoever
 * had the signal before.
 *
 * The handler stays installed once it was needed: removing it could meet a signal on its way.
 * A thread that blocks SIGSEGV dies of such an access, as it would of any fault.
 */
#ifndef MAP_GUARD_H
#define MAP_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* Ranges held at once; a move of memory in more mappings than this fails. */
#define GUARD_RANGES 64

/*
 * Leaves the range readable or, with @reads_wait, not even that.  0, or -ENOMEM (too many
 * mappings, or ranges).
 */
int guard_hold(void *addr, size_t size, bool reads_wait);
/* The range is writable again, or another mapping took its place: whoever waits tries again. */
void guard_release(void *addr, size_t size);

#endif

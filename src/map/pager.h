/* SPDX-License-Identifier: MIT */
/*
 * pager.h - pages that a function of the program's supplies
 *
 * One userfaultfd and one thread serve all pagers of a process, from the first attachment on.
 * The thread takes the map's lock to see who was asked for, and to put the answer there; not
 * while the function runs.
 */
#ifndef MAP_PAGER_H
#define MAP_PAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tract/pager.h>

#include "base/thread.h"
#include "map/places.h"

/* NULL is allowed in both. */
struct tract_pager *pager_ref(struct tract_pager *pager);
void pager_unref(struct tract_pager *pager);
/* false if that would be the last, which calls out: it is still to be given up. */
bool pager_unref_quietly(struct tract_pager *pager);

/*
 * Maps memory whose pages the pager will be asked for.  -EEXIST unless @over; -ENOTSUP where
 * userfaultfd is not to be had; -ENOMEM, -EMFILE.
 */
int pager_map(uintptr_t start, size_t size, unsigned prot, bool over) REQUIRES(places_lock);
/* The range was mapped over, or unmapped: whoever waits there looks again. */
void pager_leave(uintptr_t first, uintptr_t last) REQUIRES(places_lock);

/* In a child of fork, which has no thread that serves. */
void pager_after_fork(void) REQUIRES(places_lock);

#endif

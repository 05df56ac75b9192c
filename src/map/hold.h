/* SPDX-License-Identifier: MIT */
/*
 * hold.h - make every access to some ranges wait while their content is moved
 *
 * Through userfaultfd, which takes the pages away and lets whoever touches the range sleep, or
 * through a guard (guard.h) where that is not possible.  Holds end in one of two ways: undone,
 * with everything as it was, or done, after other memory was mapped over all of them.
 */
#ifndef MAP_HOLD_H
#define MAP_HOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "sys/uffd.h"

enum hold_kind { HOLD_NONE, HOLD_UFFD, HOLD_GUARD };

/* One mapping of the range, whose accesses wait. */
struct hold {
	enum hold_kind kind;
	char *addr;
	size_t size;
	unsigned prot;
	bool file;    /* private mapping of a file: everything in it is content */
	bool shared;  /* mapping of an object */
	int fd;	      /* that object, if it is ours and begins here; -1: not */
	char *moved;  /* where the pages are meanwhile; @addr itself if they could not leave */
	size_t given; /* so much from the start was given back during the move */
};

/* Are its pages elsewhere, where nobody else knows of them? */
static inline bool hold_has_left(const struct hold *hold)
{
	return hold->moved != hold->addr;
}

struct holds {
	struct uffd uffd;
	bool has_uffd;
	bool empties; /* as said to holds_open() */
	struct hold *hold;
	unsigned count;
	unsigned held; /* the first so many */
};

/*
 * With @empties the old pages are given back during the move: reads wait too, and pages under a
 * guard leave as well, unless the kernel cannot move them.
 */
void holds_open(struct holds *h, bool empties);
/* Nothing is held any more. */
void holds_close(struct holds *h);
/* One mapping to be held: -ENOMEM. */
int holds_add(struct holds *h, void *addr, size_t size, unsigned prot, bool file, bool shared);
/* All that were added; on failure none is held. */
int holds_begin(struct holds *h);
/* Puts everything back as it was. */
void holds_undo(struct holds *h);
/* Other memory has been mapped over every held range. */
void holds_done(struct holds *h);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * spans.h - disjoint ranges of addresses, and the gaps between them
 *
 * An ordered set of spans, each an inclusive range of addresses with a value; 0 and UINTPTR_MAX
 * are addresses like any other.  The set knows no clock, no descriptor and no lock.
 *
 * It is a tree of wide nodes: leaves of up to 32 spans in order, and inner nodes of up to 64
 * children, which also say how much fits into the gaps below each child.  A gap belongs to the
 * span behind it; the one behind the last span is looked at last.
 *
 * find, find_last, set, add, remove and trim take one node on each level; add and remove now
 * and then split a node or merge two.
 *
 * gap is first fit, and no walk.  For no alignment, that of a page (1 << 12) and 1 << 21 it
 * takes at most three nodes on each level, whatever the sizes of spans and gaps and whatever is
 * searched.  For every other alignment up to 1 << 30 it does, too, but may look through the
 * leaves of two nodes just above the leaves, 64 each.  Only these gaps are passed one by one,
 * where they have the size and not the alignment, up to the one that is found:
 *  - alignments of 2 to 2048 bytes, where gaps do not begin on such a boundary;
 *  - alignments above 1 << 30: gaps with room at 1 << 30, no more than it has multiples;
 *  - sizes above 1 TiB: gaps of at least that, of which 128 would fill a program's addresses.
 *
 * It holds some 45 bytes for each span, in a set that grew in random or in ascending order, and
 * at most 115.  Memory that nodes needed once is kept for others until deinit.
 *
 * Readers beside a writer: spans_find() and spans_find_last() may run while another thread
 * changes the set.  They end in bounded time and touch no memory that was given back.  What
 * they say is true if nothing was changed meanwhile, which a sequence counter of the caller has
 * to tell.  All other calls exclude each other, and init and deinit exclude every call.
 */
#ifndef MAP_SPANS_H
#define MAP_SPANS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than can be, for each node but the root is a third full. */
#define SPANS_LEVELS 12u

/* Of leaves, of the nodes just above them, and of all others. */
#define SPANS_POOLS 3u

struct span {
	uintptr_t start, last; /* both are in it */
	uint64_t value;
};

struct spans_pool {
	size_t node_size;
	struct spans_chunk *chunks;
	struct spans_node *free;
	size_t ready; /* nodes in free */
	size_t made;  /* nodes in all chunks */
	size_t bytes; /* of all chunks */
};

struct spans {
	void *_Atomic root;	    /* a leaf, or an inner node; NULL: there never was a span */
	unsigned height;	    /* levels of inner nodes */
	size_t count;		    /* of spans */
	size_t nodes[SPANS_LEVELS]; /* in use on each level; leaves are level 0 */
	struct leaf *end;	    /* the last one */
	size_t reserved;	    /* additions that are known not to run out of memory */
	struct spans_pool pool[SPANS_POOLS];
};

/* Empty, and allocates nothing. */
void spans_init(struct spans *s);
/* Gives back all memory; the set is as after init. */
void spans_deinit(struct spans *s);

/* 0 or -ENOMEM; afterwards @count additions, wherever they are, cannot run out of memory. */
int spans_reserve(struct spans *s, unsigned count);
/* 0; -EEXIST if a span overlaps; -ENOMEM.  On failure nothing has changed. */
int spans_add(struct spans *s, uintptr_t start, uintptr_t last, uint64_t value);
/* The span that starts exactly there, and must exist. */
void spans_remove(struct spans *s, uintptr_t start);
/* Gives the span that starts at @start other bounds, which touch no other span. */
void spans_trim(struct spans *s, uintptr_t start, uintptr_t new_start, uintptr_t new_last);
void spans_set(struct spans *s, uintptr_t start, uint64_t value);

/*
 * The lowest span that overlaps the range.  To see them all, begin with 0 and UINTPTR_MAX, and
 * go on with the last address of the one found + 1, unless that was UINTPTR_MAX.
 */
static inline bool spans_find(const struct spans *s, uintptr_t first, uintptr_t last,
			      struct span *ret);
/* The highest span that starts at or before an address. */
bool spans_find_last(const struct spans *s, uintptr_t before, struct span *ret);

/*
 * The lowest address that is at least @from, is a multiple of 1 << @align, and begins a range
 * of @size bytes that no span touches and whose last byte is not above @limit.  Never wraps
 * around.  False also if @size is 0 or @align above 63.
 */
bool spans_gap(const struct spans *s, uintptr_t from, uintptr_t limit, uintptr_t size,
	       unsigned align, uintptr_t *ret);

size_t spans_count(const struct spans *s);
/* Memory that is held, in use or not. */
size_t spans_bytes(const struct spans *s);
/* Is every invariant true, of the tree, its summaries of gaps and its memory? */
bool spans_check(const struct spans *s);

/* ---- */

/* spans_find() where there are spans. */
bool spans_find_some(const struct spans *s, uintptr_t first, uintptr_t last, struct span *ret);

static inline bool spans_find(const struct spans *s, uintptr_t first, uintptr_t last,
			      struct span *ret)
{
	/* Many sets are empty, and asked all the time. */
	return atomic_load_explicit(&s->root, memory_order_relaxed) &&
	       spans_find_some(s, first, last, ret);
}

#endif

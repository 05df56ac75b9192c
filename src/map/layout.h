/* SPDX-License-Identifier: MIT */
/*
 * layout.h - the regions and areas of one address space, and the rules that place them
 *
 * A region is a run of whole pages with something behind it.  An area is a run of bytes that is
 * set aside: it gives access to nothing, and only says which regions may be placed in it.
 * Regions do not overlap each other, nor do areas, but a region and an area may overlap in any
 * way.  The rules are those of L4Re's region map; where its generations differ, LAYOUT_STRICT
 * asks for the latest one, and without it the classic one is meant.
 *
 * Pure: the layout knows nothing of what is mapped, and every call either does all it says or
 * changes nothing.  Its caller serialises them; layout_find_region() and layout_find_area() are
 * as good beside a writer as spans_find() is.
 *
 * All bounds are inclusive.  What a region's value means is the caller's business, as are an
 * area's flags except LAYOUT_RESERVED.
 */
#ifndef MAP_LAYOUT_H
#define MAP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "map/spans.h"

struct layout {
	uintptr_t low;	 /* no region begins below, */
	uintptr_t high;	 /* or ends above */
	uintptr_t floor; /* where a search that begins at the bottom begins; low, unless told */
	unsigned page_bits;
	size_t shared;	      /* pairs of a region and an area that overlap */
	struct spans regions; /* value: the caller's word */
	struct spans areas;   /* value: their flags */
	struct spans taken;   /* what is in either, without seams: what a search has to avoid */
	uintptr_t areas_last; /* the last byte of the highest area; 0 if there is none */
};

enum {
	/* Of an area, in its flags: no region may enter.  Of a wish for an area: so will it be.
	 */
	LAYOUT_RESERVED = 1 << 0,
	LAYOUT_SEARCH = 1 << 1,	 /* the lowest place that fits, rather than exactly here */
	LAYOUT_IN_AREA = 1 << 2, /* a region that enters the area it wants to start in */
	LAYOUT_OVERMAP = 1 << 3, /* regions that are in the way will be cut out of it */
	LAYOUT_STRICT = 1 << 4,	 /* the rules of the latest generation */
};

struct layout_wish {
	uintptr_t start; /* exactly, or the search's lower bound; any value, with SEARCH */
	uintptr_t size;	 /* in bytes; a region's is rounded up to pages */
	unsigned align;	 /* log2, with SEARCH only */
	unsigned flags;
	/* For a search that goes on behind what its caller found in the way: nothing below will
	 * do.  Unlike start it is not interpreted.  0: a new search. */
	uintptr_t resume;
};

/* @page is a power of two; @low is a multiple of it and so is @high + 1. */
void layout_init(struct layout *l, uintptr_t low, uintptr_t high, uintptr_t page);
void layout_deinit(struct layout *l);
/* Is every invariant true? */
bool layout_check(const struct layout *l);

/*
 * Makes sure that the next operation does not fail for want of memory: adding, freeing an area,
 * a cut, or all the cuts, lowest first, that make room for what is then added there.  -ENOMEM.
 */
int layout_reserve(struct layout *l);
/*
 * Makes sure that adding an area there does not, nor taking it back with layout_undo_area(),
 * also if regions were cut out of it, in whole pages, meanwhile.  -ENOMEM.
 */
int layout_reserve_area(struct layout *l, uintptr_t first, uintptr_t last);

/* Widens a range to whole pages. */
static inline void layout_widen(const struct layout *l, uintptr_t *first, uintptr_t *last)
{
	uintptr_t rest = ((uintptr_t)1 << l->page_bits) - 1;

	*first &= ~rest;
	*last |= rest;
}

/**
 * layout_place() - where would a region go?
 * @wish:      its size is taken up to a page before anything else, and so is its start taken
 * down, unless it is where a search begins that does not stay in an area
 * @ret_start: the region's first byte
 * @ret_last:  and its last one
 *
 * A search that does not stay in an area begins at the bottom if the start is outside the
 * limits.  A wish with IN_AREA is about the area that contains the start, or else the lowest
 * one that overlaps what would begin there.  OVERMAP means nothing to a search.
 *
 * Return: 0, or, the first that holds,
 *   -EINVAL         no bytes; it would wrap (with SEARCH only if STRICT); with SEARCH, an
 *                   alignment above 63, or, if STRICT, below a page, for which it counts if not
 *   -ENOENT         IN_AREA, and no area is there
 *   -EADDRNOTAVAIL  that area is reserved, or has not enough room; occupied by a region, or,
 *                   without IN_AREA, by an area; outside the limits; nothing is free
 */
int layout_place(const struct layout *l, const struct layout_wish *wish, uintptr_t *ret_start,
		 uintptr_t *ret_last);

/* Whole pages inside the limits, wherever areas are.  -EEXIST if a region is there; -ENOMEM,
 * unless layout_reserve() came first. */
int layout_add_region(struct layout *l, uintptr_t start, uintptr_t last, uint64_t value);

/**
 * layout_place_area() - where would an area go?
 * @wish:      byte by byte, nothing is rounded; RESERVED, SEARCH and STRICT are looked at
 * @ret_start: the area's first byte
 * @ret_last:  and its last one
 *
 * A search avoids regions and areas, and stays inside the limits; it begins at the bottom if
 * its start is outside them, and also, unless STRICT, if there is no room above.  A place that
 * was asked for exactly may be anywhere, over regions, too.
 *
 * Return: 0, or
 *   -EINVAL         STRICT: no bytes, it would wrap, with SEARCH an alignment above 63
 *   -EADDRNOTAVAIL  an area is there; STRICT and RESERVED: a region is there; nothing is free;
 *                   what is -EINVAL when STRICT (but a search that wraps is none)
 */
int layout_place_area(const struct layout *l, const struct layout_wish *wish,
		      uintptr_t *ret_start, uintptr_t *ret_last);

/* Anywhere.  -EEXIST if an area is there; -ENOMEM, unless layout_reserve(), or
 * layout_reserve_area(), came first. */
int layout_add_area(struct layout *l, uintptr_t start, uintptr_t last, uint64_t flags);

/* The area that contains @addr goes, regions in it stay.  *@ret_area (unless NULL) is what it
 * was.  -ENOENT; -ENOMEM, unless layout_reserve() came first. */
int layout_free_area(struct layout *l, uintptr_t addr, struct span *ret_area);
/* The area that contains @addr, which was added after layout_reserve_area(), goes again. */
void layout_undo_area(struct layout *l, uintptr_t addr);

/* The values are those of the interface. */
enum {
	LAYOUT_EXACT = 1,   /* only the given range goes; regions are shortened or split */
	LAYOUT_OVERLAP = 2, /* every region that is touched goes, all of it */
};

enum {
	LAYOUT_GONE = 0,      /* the region is gone */
	LAYOUT_SHORTENED = 1, /* it lost one end */
	LAYOUT_SPLIT = 2,     /* it lost its middle, and there are two now */
	LAYOUT_CODES = 3,     /* which bits say so */
	LAYOUT_AGAIN = 4,     /* another region overlaps the range, too */
};

/* One step of a cut. */
struct layout_cut {
	struct span region; /* as it is before */
	uintptr_t first;    /* what goes, of it */
	uintptr_t last;
	uintptr_t front; /* how many bytes stay before, */
	uintptr_t back;	 /* and behind */
	unsigned code;
};

/* What cutting [@first, @last] out of the lowest region there would do; it does nothing yet.
 * -ENOENT if no region is there. */
int layout_look_cut(const struct layout *l, uintptr_t first, uintptr_t last, unsigned mode,
		    struct layout_cut *ret_cut);

/*
 * Does what layout_look_cut() said, with nothing changed since.  What stays keeps its value,
 * but for the part behind of one that was split, which is a new region: its value is
 * @tail_value. Cannot fail after layout_reserve().
 */
void layout_do_cut(struct layout *l, const struct layout_cut *cut, uint64_t tail_value);

/* The lowest one that overlaps [@first, @last]. */
static inline bool layout_find_region(const struct layout *l, uintptr_t first, uintptr_t last,
				      struct span *ret_region)
{
	return spans_find(&l->regions, first, last, ret_region);
}

/* Not beside a writer: the same, and quicker where all areas are below, as they are in most
 * programs. */
static inline bool layout_meets_area(const struct layout *l, uintptr_t first, uintptr_t last,
				     struct span *ret_area)
{
	return first <= l->areas_last && spans_find(&l->areas, first, last, ret_area);
}

static inline bool layout_find_area(const struct layout *l, uintptr_t first, uintptr_t last,
				    struct span *ret_area)
{
	return spans_find(&l->areas, first, last, ret_area);
}

#endif

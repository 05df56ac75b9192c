/* SPDX-License-Identifier: MIT */
/*
 * types.h - capability indices, flex pages, and what system calls return
 *
 * l4_fpage_t, a naturally aligned range of addresses or of slots together with rights, and
 * l4_msgtag_t are made and taken apart by functions only.  Their members are the library's.
 */
#ifndef L4_SYS_TYPES_H
#define L4_SYS_TYPES_H

#include <l4/sys/compiler.h>
#include <l4/sys/consts.h>
#include <l4/sys/l4int.h>

EXTERN_C_BEGIN

typedef unsigned long l4_cap_idx_t;

/* The outcome of a task operation; l4_error() says what it was. */
typedef struct l4_msgtag_t {
	l4_mword_t raw; /* the library's: a negative error code, or the label */
} l4_msgtag_t;

typedef struct l4_fpage_t {
	l4_umword_t raw; /* the library's: start, and below it order, kind and rights */
} l4_fpage_t;

/* Inside l4_fpage_t: where things are, and the two kinds. */
#define L4_TRACT_FPAGE_ORDER_SHIFT 6
#define L4_TRACT_FPAGE_KIND_SHIFT 4
#define L4_TRACT_FPAGE_MEMORY 1UL
#define L4_TRACT_FPAGE_OBJECTS 3UL
#define L4_TRACT_FPAGE_RIGHTS 0xfUL

/* Not zero if the index cannot name a slot. */
L4_INLINE unsigned l4_is_invalid_cap(l4_cap_idx_t c) L4_NOTHROW
{
	return (unsigned)(c & L4_INVALID_CAP_BIT);
}

/* Not zero if the index can name a slot.  Says nothing of whether something is in it. */
L4_INLINE unsigned l4_is_valid_cap(l4_cap_idx_t c) L4_NOTHROW
{
	return !(c & L4_INVALID_CAP_BIT);
}

/* Not zero if both name the same slot, whatever rights they carry. */
L4_INLINE unsigned l4_capability_equal(l4_cap_idx_t a, l4_cap_idx_t b) L4_NOTHROW
{
	return (a >> L4_CAP_SHIFT) == (b >> L4_CAP_SHIFT);
}

/* The index of the next slot. */
L4_INLINE l4_cap_idx_t l4_capability_next(l4_cap_idx_t c) L4_NOTHROW
{
	return c + L4_CAP_OFFSET;
}

/* 2^order bytes of memory from address on, with rights L4_FPAGE_*; order is at least 12. */
L4_INLINE l4_fpage_t l4_fpage(l4_addr_t address, unsigned order,
			      unsigned char rights) L4_NOTHROW
{
	l4_fpage_t page;

	page.raw = (address & L4_PAGEMASK) |
		   ((l4_umword_t)order << L4_TRACT_FPAGE_ORDER_SHIFT) |
		   (L4_TRACT_FPAGE_MEMORY << L4_TRACT_FPAGE_KIND_SHIFT) |
		   (rights & L4_TRACT_FPAGE_RIGHTS);
	return page;
}

/* 2^order slots from an index on, with rights L4_CAP_FPAGE_*. */
L4_INLINE l4_fpage_t l4_obj_fpage(l4_cap_idx_t obj, unsigned order,
				  unsigned char rights) L4_NOTHROW
{
	l4_fpage_t page;

	page.raw = (obj & ~(L4_CAP_SIZE - 1)) |
		   ((l4_umword_t)order << L4_TRACT_FPAGE_ORDER_SHIFT) |
		   (L4_TRACT_FPAGE_OBJECTS << L4_TRACT_FPAGE_KIND_SHIFT) |
		   (rights & L4_TRACT_FPAGE_RIGHTS);
	return page;
}

/* Where l4_task_map() puts a capability: into slot, L4_MAP_ITEM_MAP or L4_MAP_ITEM_GRANT. */
L4_INLINE l4_umword_t l4_map_obj_control(l4_umword_t slot, unsigned kind) L4_NOTHROW
{
	return (slot & (~0UL << 10)) | L4_ITEM_MAP | kind;
}

EXTERN_C_END

#endif

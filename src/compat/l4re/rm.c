/* SPDX-License-Identifier: MIT */
/*
 * rm.c - the classic region map
 */
#include <l4/re/c/debug.h>
#include <l4/re/c/rm.h>

#include "compat/l4re/l4re.h"

#define ALIGN_MAX 63

/* ---- flags ------------------------------------------------------------------------------ */

static uint32_t attach_flags(unsigned long flags)
{
	uint32_t native = 0;

	if (!(flags & L4RE_RM_SEARCH_ADDR))
		native |= TRACT_ATTACH_FIXED |
			  (flags & L4RE_RM_OVERMAP ? TRACT_ATTACH_REPLACE : 0u);
	if (flags & L4RE_RM_IN_AREA)
		native |= TRACT_ATTACH_IN_AREA;
	if (flags & L4RE_RM_RESERVED)
		return native | TRACT_ATTACH_BLOCK;
	if (flags & L4RE_RM_EAGER_MAP)
		native |= TRACT_ATTACH_EAGER;
	if ((flags & L4RE_RM_NO_ALIAS) && !(flags & L4RE_RM_PAGER))
		native |= TRACT_ATTACH_CLEAR;
	if (l4_is_executable())
		native |= TRACT_ATTACH_EXECUTABLE;
	return native;
}

/* Kept as they were given where the native map has no word for them. */
#define EXTRA_FLAGS(flags) (((unsigned)(flags)&L4RE_RM_REGION_FLAGS) << 8)

static unsigned flags_of(const struct tract_span *span)
{
	unsigned flags;

	if (span->kind == TRACT_SPAN_AREA)
		return L4RE_RM_IN_AREA |
		       (span->flags & TRACT_AREA_BLOCK ? (unsigned)L4RE_RM_RESERVED : 0u);
	flags = (l4_span_extra(span) >> 8) & L4RE_RM_REGION_FLAGS;
	if (span->kind == TRACT_SPAN_BLOCKED)
		flags |= L4RE_RM_RESERVED;
	if (span->kind == TRACT_SPAN_PAGER)
		flags |= L4RE_RM_PAGER;
	if (span->kind != TRACT_SPAN_BLOCKED && !(span->rights & TRACT_RIGHT_WRITE) &&
	    !(l4_span_extra(span) & L4_EXTRA_WANTED_WRITE))
		flags |= L4RE_RM_READ_ONLY;
	if (span->flags & TRACT_ATTACH_CLEAR)
		flags |= L4RE_RM_NO_ALIAS;
	return flags;
}

/* ---- areas ------------------------------------------------------------------------------ */

L4_API int l4re_rm_reserve_area_srv(l4_cap_idx_t rm, l4_addr_t *start, unsigned long size,
				    unsigned flags, unsigned char align)
{
	uint32_t native = flags & L4RE_RM_RESERVED ? TRACT_AREA_BLOCK : 0u;
	int r;

	r = l4_rm_check(rm);
	if (r < 0)
		return r;
	if ((flags & L4RE_RM_SEARCH_ADDR) && align > ALIGN_MAX)
		return -L4_EINVAL;
	if (flags & L4RE_RM_SEARCH_ADDR)
		native |= TRACT_AREA_WRAP;
	else
		native |= TRACT_AREA_FIXED;
	/* Known programs make a guard page of a region's lowest page this way. */
	if ((flags & L4RE_RM_OVERMAP) && (flags & L4RE_RM_RESERVED) &&
	    !(flags & L4RE_RM_SEARCH_ADDR))
		native |= TRACT_AREA_CUT;
	if (!(flags & L4RE_RM_SEARCH_ADDR))
		align = 0;
	r = l4_map_reserve(rm, start, size, native, align,
			   flags & L4RE_RM_RESERVED ? L4_EXTRA_RESERVED : 0u);
	/* Whatever was wrong with the arguments, the classic map says so. */
	return r == -L4_EINVAL ? -L4_EADDRNOTAVAIL : r;
}

/* Both generations share these two. */
L4_API int l4re_rm_free_area_srv(l4_cap_idx_t rm, l4_addr_t addr)
{
	return l4_map_release(rm, addr);
}

L4_API int l4re_rm_detach_srv(l4_cap_idx_t rm, l4_addr_t addr, l4re_ds_t *ds, l4_cap_idx_t task)
{
	int r = l4_map_detach(rm, addr, 1, TRACT_DETACH_WHOLE, ds, task);

	return r < 0 ? r : 0;
}

/* ---- regions ---------------------------------------------------------------------------- */

L4_API int l4re_rm_attach_srv(l4_cap_idx_t rm, void **start, unsigned long size,
			      unsigned long flags, l4re_ds_t const mem, l4_addr_t offs,
			      unsigned char align)
{
	const struct l4_wish wish = {
		.size = size,
		.rights = flags & L4RE_RM_READ_ONLY ? TRACT_RIGHT_READ : TRACT_RIGHT_READ_WRITE,
		.flags = attach_flags(flags),
		.paged = (flags & L4RE_RM_PAGER) && !(flags & L4RE_RM_RESERVED),
		.mem = mem,
		.offset = offs,
		.align = flags & L4RE_RM_SEARCH_ADDR ? align : 0,
		.extra = EXTRA_FLAGS(flags),
		.strict = l4_has_strict_rights(),
		.eager_matters = true,
	};

	return l4_map_attach(rm, start, &wish);
}

L4_API int l4re_rm_detach_range_srv(l4_cap_idx_t rm, l4_addr_t start, unsigned long size,
				    unsigned mode, l4re_ds_t *ds, l4_cap_idx_t task)
{
	return l4_map_detach(rm, start, size, mode, ds, task);
}

/* ---- looking ---------------------------------------------------------------------------- */

L4_API int l4re_rm_find_srv(l4_cap_idx_t rm, l4_addr_t *addr, unsigned long *size,
			    l4_addr_t *offset, unsigned *flags, l4re_ds_t *m)
{
	struct tract_span span;
	int r;

	if (m)
		*m = L4_INVALID_CAP;
	r = l4_map_find(rm, *addr, *size, &span);
	if (r < 0)
		return r;
	*addr = (l4_addr_t)span.start;
	*size = span.size;
	if (offset)
		*offset = span.offset;
	if (flags)
		*flags = flags_of(&span);
	if (m)
		*m = l4_span_client(&span);
	return 0;
}

/* As they were given: that an area is one is clear from where it stands. */
static unsigned kept_flags_of(const struct tract_span *span)
{
	return flags_of(span) & L4RE_RM_REGION_FLAGS;
}

L4_API void l4re_rm_show_lists_srv(l4_cap_idx_t rm)
{
	l4_map_show(rm, kept_flags_of, false);
}

L4_API void l4re_debug_obj_debug(l4_cap_idx_t srv, unsigned long function)
{
	(void)function;
	l4re_rm_show_lists_srv(srv);
}

static void tell(void *out, unsigned n, const struct tract_span *span)
{
	((l4re_rm_range_t *)out)[n] = (l4re_rm_range_t){
		.start = (l4_addr_t)span->start,
		.end = (l4_addr_t)span->start + span->size - 1,
		.flags = kept_flags_of(span),
	};
}

L4_API long l4re_rm_get_regions_srv(l4_cap_idx_t rm, l4_addr_t start, l4re_rm_range_t *out,
				    unsigned max)
{
	return l4_map_list(rm, false, start, max, tell, out);
}

L4_API long l4re_rm_get_areas_srv(l4_cap_idx_t rm, l4_addr_t start, l4re_rm_range_t *out,
				  unsigned max)
{
	return l4_map_list(rm, true, start, max, tell, out);
}

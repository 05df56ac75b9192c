/* SPDX-License-Identifier: MIT */
/*
 * rm_modern.c - the modern region map, which checks its arguments
 */
#define L4RE_MODERN
#include <l4/re/c/rm.h>

#include "compat/l4re/l4re.h"

#define ALIGN_MAX 63

/* ---- flags ------------------------------------------------------------------------------ */

/* DETACH_FREE is not among them any more. */
#define ATTACH_KNOWN                                                                       \
	((l4re_rm_flags_t)(0x0f | L4RE_RM_F_CACHING | L4RE_RM_F_KERNEL | L4RE_RM_F_PAGER | \
			   L4RE_RM_F_RESERVED | L4RE_RM_F_PRIVATE | L4RE_RM_F_ANONYMOUS |  \
			   L4RE_RM_F_ATTACH_FLAGS))
#define AREA_KNOWN \
	((l4re_rm_flags_t)(L4RE_RM_F_SEARCH_ADDR | L4RE_RM_F_KERNEL | L4RE_RM_F_RESERVED))
#define BLOCKING ((l4re_rm_flags_t)(L4RE_RM_F_RESERVED | L4RE_RM_F_KERNEL))

static uint32_t attach_flags(l4re_rm_flags_t flags)
{
	uint32_t native = flags & L4RE_RM_F_SEARCH_ADDR ? 0u : TRACT_ATTACH_FIXED;

	if (flags & L4RE_RM_F_IN_AREA)
		native |= TRACT_ATTACH_IN_AREA;
	if (flags & BLOCKING)
		return native | TRACT_ATTACH_BLOCK;
	if ((flags & L4RE_RM_F_EAGER_MAP) && !(flags & L4RE_RM_F_NO_EAGER_MAP))
		native |= TRACT_ATTACH_EAGER;
	if (flags & L4RE_RM_F_ANONYMOUS)
		native |= TRACT_ATTACH_ANONYMOUS;
	else if (flags & L4RE_RM_F_PRIVATE)
		native |= TRACT_ATTACH_PRIVATE;
	if (flags & L4RE_RM_F_X)
		native |= TRACT_ATTACH_EXECUTABLE;
	return native;
}

static uint32_t rights_of(l4re_rm_flags_t flags)
{
	return (flags & L4RE_RM_F_R ? TRACT_RIGHT_READ : 0u) |
	       (flags & L4RE_RM_F_W ? TRACT_RIGHT_WRITE : 0u);
}

static unsigned extra_of(l4re_rm_flags_t flags)
{
	return (flags & L4RE_RM_F_CACHING) | (flags & L4RE_RM_F_KERNEL ? L4_EXTRA_KERNEL : 0u) |
	       (flags & L4RE_RM_F_RESERVED ? L4_EXTRA_RESERVED : 0u);
}

static unsigned flags_of(const struct tract_span *span)
{
	unsigned extra = l4_span_extra(span);
	l4re_rm_flags_t flags = extra & L4_EXTRA_KERNEL ? L4RE_RM_F_KERNEL : 0u;
	bool blocks = span->kind == TRACT_SPAN_BLOCKED ||
		      (span->kind == TRACT_SPAN_AREA && (span->flags & TRACT_AREA_BLOCK));

	if (blocks && ((extra & L4_EXTRA_RESERVED) || !flags))
		flags |= L4RE_RM_F_RESERVED;
	if (span->kind == TRACT_SPAN_AREA)
		return flags | L4RE_RM_F_IN_AREA;
	flags |=
		(span->rights & TRACT_RIGHT_READ ? L4RE_RM_F_R : 0u) |
		(span->rights & TRACT_RIGHT_WRITE || extra & L4_EXTRA_WANTED_WRITE ? L4RE_RM_F_W
										   : 0u) |
		(span->flags & TRACT_ATTACH_EXECUTABLE ? L4RE_RM_F_X : 0u) |
		(extra & L4_EXTRA_CACHING);
	if (span->kind == TRACT_SPAN_PAGER)
		flags |= L4RE_RM_F_PAGER;
	if (span->flags & TRACT_ATTACH_PRIVATE)
		flags |= L4RE_RM_F_PRIVATE;
	if (span->kind == TRACT_SPAN_ANONYMOUS)
		flags |= L4RE_RM_F_ANONYMOUS;
	if (span->flags & TRACT_ATTACH_CLEAR)
		flags |= L4RE_RM_F_NO_ALIAS;
	return flags;
}

/* ---- areas ------------------------------------------------------------------------------ */

static bool wraps(l4_addr_t start, unsigned long size)
{
	return size == 0 || start + (size - 1) < start;
}

L4_API int l4re_rm_reserve_area_srv(l4_cap_idx_t rm, l4_addr_t *start, unsigned long size,
				    l4re_rm_flags_t flags, unsigned char align)
{
	bool searches = flags & L4RE_RM_F_SEARCH_ADDR;
	uint32_t native = searches ? 0u : TRACT_AREA_FIXED;
	int r;

	r = l4_rm_check(rm);
	if (r < 0)
		return r;
	if ((flags & ~AREA_KNOWN) || wraps(*start, size) || (searches && align > ALIGN_MAX))
		return -L4_EINVAL;
	if (flags & BLOCKING)
		native |= TRACT_AREA_BLOCK;
	if ((flags & L4RE_RM_F_RESERVED) && !searches)
		native |= TRACT_AREA_EMPTY;
	return l4_map_reserve(rm, start, size, native, searches ? align : 0, extra_of(flags));
}

L4_API int l4re_rm_free_area_srv(l4_cap_idx_t rm, l4_addr_t addr)
{
	return l4_map_release(rm, addr);
}

/* ---- regions ---------------------------------------------------------------------------- */

static int check_attach(l4_addr_t start, unsigned long size, l4re_rm_flags_t flags,
			unsigned char align)
{
	if (size == 0)
		return -L4_EINVAL;
	if ((flags & L4RE_RM_F_SEARCH_ADDR) && (align < L4_PAGESHIFT || align > ALIGN_MAX))
		return -L4_EINVAL;
	return l4_round_page(size) == 0 || wraps(l4_trunc_page(start), l4_round_page(size))
		       ? -L4_EINVAL
		       : 0;
}

L4_API int l4re_rm_attach_w_info_srv(l4_cap_idx_t rm, void **start, unsigned long size,
				     l4re_rm_flags_t flags, l4re_ds_t mem,
				     l4re_rm_offset_t offs, unsigned char align,
				     char const *name, l4re_ds_offset_t backing_offset)
{
	const struct l4_wish wish = {
		.size = size,
		.rights = rights_of(flags),
		.flags = attach_flags(flags),
		.paged = (flags & L4RE_RM_F_PAGER) && !(flags & BLOCKING),
		/* Without any right there is nothing that the backing could be for. */
		.mem = flags & L4RE_RM_F_RWX ? mem : L4_INVALID_CAP,
		.offset = offs,
		.align = flags & L4RE_RM_F_SEARCH_ADDR ? align : 0,
		.extra = extra_of(flags),
		.name = name,
		.name_offset = backing_offset,
		.strict = true,
	};
	int r;

	r = l4_rm_check(rm);
	if (r < 0)
		return r;
	if (flags & ~ATTACH_KNOWN)
		return -L4_EINVAL;
	if (wish.paged && l4_rm_check_own(rm) < 0)
		return -L4_EINVAL;
	r = l4_map_backing(&wish);
	if (r == 0)
		r = check_attach((l4_addr_t)*start, size, flags, align);
	return r < 0 ? r : l4_map_attach(rm, start, &wish);
}

L4_API int l4re_rm_attach_srv(l4_cap_idx_t rm, void **start, unsigned long size,
			      l4re_rm_flags_t flags, l4re_ds_t mem, l4re_rm_offset_t offs,
			      unsigned char align)
{
	return l4re_rm_attach_w_info_srv(rm, start, size, flags, mem, offs, align, NULL, 0);
}

L4_API int l4re_rm_detach_srv(l4_cap_idx_t rm, l4_addr_t addr, l4re_ds_t *ds, l4_cap_idx_t task)
{
	int r = l4_map_detach(rm, addr, 1, TRACT_DETACH_WHOLE, ds, task);

	return r < 0 ? r : 0;
}

L4_API int l4re_rm_detach_range_srv(l4_cap_idx_t rm, l4_addr_t start, unsigned long size,
				    unsigned mode, l4re_ds_t *ds, l4_cap_idx_t task)
{
	/* There is nothing to be kept: nothing is cleared on detach any more. */
	if (mode & TRACT_DETACH_KEEP)
		mode = 0;
	return l4_map_detach(rm, start, size, mode, ds, task);
}

/* ---- looking ---------------------------------------------------------------------------- */

L4_API int l4re_rm_find_srv(l4_cap_idx_t rm, l4_addr_t *addr, unsigned long *size,
			    l4re_rm_offset_t *offset, l4re_rm_flags_t *flags, l4re_ds_t *m)
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

L4_API int l4re_rm_get_info_srv(l4_cap_idx_t rm, l4_addr_t addr, char *name, unsigned int len,
				l4re_rm_offset_t *backing_offset)
{
	uint64_t offset;
	int r;

	r = l4_map_name(rm, addr, name, len, &offset);
	if (r == 0 && backing_offset)
		*backing_offset = offset;
	return r;
}

/* As they were given: that an area is one is clear from where it stands. */
static unsigned kept_flags_of(const struct tract_span *span)
{
	return flags_of(span) & L4RE_RM_REGION_FLAGS;
}

L4_API void l4re_rm_show_lists_srv(l4_cap_idx_t rm)
{
	l4_map_show(rm, kept_flags_of, true);
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

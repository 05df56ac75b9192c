/* SPDX-License-Identifier: MIT */
/*
 * dataspace.c - dataspaces, in neither numbering, and in the classic one
 *
 * A dataspace is a local region and a size that is exact to the byte: S, and P as a whole
 * number of pages.
 */
#include <l4/re/c/dataspace.h>
#include <l4/re/c/mem_alloc.h>
#include <stdlib.h>

#include "compat/l4re/l4re.h"

#define scoped_object __attribute__((cleanup(l4_object_scope_end))) struct l4_object

/* ---- looking ---------------------------------------------------------------------------- */

static uint64_t pages_of(const struct l4_object *ds)
{
	return tract_region_size(ds->ds.region);
}

static int get(l4_cap_idx_t cap, struct l4_object **ret_ds, unsigned *ret_rights)
{
	int r;

	r = l4_slot_get(cap, L4_KIND_DATASPACE, ret_ds, ret_rights);
	if (r == 0 && ret_rights)
		*ret_rights &= (*ret_ds)->ds.rights;
	return r;
}

int l4_ds_look(l4_cap_idx_t cap, unsigned long *ret_size, bool *ret_writable)
{
	scoped_object *ds = NULL;
	unsigned rights;
	int r;

	r = get(cap, &ds, &rights);
	if (r < 0)
		return r;
	*ret_size = ds->ds.size;
	*ret_writable = rights & L4_CAP_FPAGE_W;
	return 0;
}

/* ---- showing pages ---------------------------------------------------------------------- */

static int show(const struct l4_object *ds, uint64_t offset, uint32_t rights, l4_addr_t local,
		unsigned long size)
{
	return l4_error_of(tract_map_show(tract_map_own(), ds->ds.region, (void *)local, size,
					  offset, rights | TRACT_RIGHT_READ));
}

int l4_ds_map(l4_cap_idx_t cap, uint64_t offset, uint32_t rights, l4_addr_t local)
{
	scoped_object *ds = NULL;
	unsigned given;
	int r;

	r = get(cap, &ds, &given);
	if (r < 0)
		return r;
	if (offset >= pages_of(ds))
		return -L4_ERANGE;
	if ((rights & TRACT_RIGHT_WRITE) && !(given & L4_CAP_FPAGE_W))
		return -L4_EPERM;
	return show(ds, offset & L4_PAGEMASK, rights, l4_trunc_page(local), L4_PAGESIZE);
}

int l4_ds_map_region(l4_cap_idx_t cap, uint64_t offset, uint32_t rights, l4_addr_t min,
		     l4_addr_t max)
{
	scoped_object *ds = NULL;
	uint64_t size, there;
	unsigned given;
	int r;

	r = get(cap, &ds, &given);
	if (r < 0)
		return r;
	min = l4_trunc_page(min);
	max = l4_round_page(max);
	offset &= L4_PAGEMASK;
	if (max <= min)
		return 0;
	if (offset >= pages_of(ds))
		return -L4_ERANGE;
	if ((rights & TRACT_RIGHT_WRITE) && !(given & L4_CAP_FPAGE_W))
		return -L4_EPERM;
	size = max - min;
	there = pages_of(ds) - offset;
	r = show(ds, offset, rights, min, size < there ? size : there);
	return r == 0 && size > there ? -L4_ERANGE : r;
}

/* ---- content ---------------------------------------------------------------------------- */

int l4_ds_clear(l4_cap_idx_t cap, uint64_t offset, uint64_t size)
{
	scoped_object *ds = NULL;
	unsigned given;
	int r;

	r = get(cap, &ds, &given);
	if (r < 0)
		return r;
	if (offset >= pages_of(ds))
		return -L4_ERANGE;
	if (!(given & L4_CAP_FPAGE_W))
		return -L4_EACCESS;
	if (size > pages_of(ds) - offset)
		size = pages_of(ds) - offset;
	return l4_error_of(tract_region_clear(ds->ds.region, offset, size));
}

int l4_ds_allocate(l4_cap_idx_t cap, uint64_t offset, uint64_t size)
{
	scoped_object *ds = NULL;
	int r;

	r = get(cap, &ds, NULL);
	if (r < 0)
		return r;
	if (offset > ds->ds.size || size > ds->ds.size - offset)
		return -L4_ERANGE;
	return l4_error_of(tract_region_reserve(ds->ds.region, offset, size));
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int l4_ds_copy_in(l4_cap_idx_t cap, uint64_t to, l4_cap_idx_t src, uint64_t from, uint64_t size)
{
	scoped_object *ds = NULL;
	scoped_object *source = NULL;
	unsigned given;
	int r;

	r = get(cap, &ds, &given);
	if (r < 0)
		return r;
	if (!(given & L4_CAP_FPAGE_W))
		return -L4_EACCESS;
	if (get(src, &source, NULL) < 0)
		return -L4_EINVAL;
	if (to >= ds->ds.size || from >= pages_of(source))
		return 0;
	size = least(size, least(ds->ds.size - to, pages_of(source) - from));
	return l4_error_of(tract_region_copy(ds->ds.region, to, source->ds.region, from, size));
}

/* ---- making them ------------------------------------------------------------------------ */

static struct l4_object *make(long size, unsigned long flags)
{
	bool whole = flags & (L4RE_MA_CONTINUOUS | L4RE_MA_PINNED);
	struct tract_region_spec spec = {
		.size = l4_round_page((unsigned long)size),
		.flags = (whole ? TRACT_REGION_RESERVED | TRACT_REGION_LOCKED : 0u) |
			 (flags & L4RE_MA_SUPER_PAGES ? TRACT_REGION_HUGE : 0u),
	};
	struct l4_object *ds = calloc(1, sizeof(*ds));

	if (!ds)
		return NULL;
	if (tract_region_create_local(&spec, &ds->ds.region) < 0) {
		free(ds);
		return NULL;
	}
	ref_init(&ds->ref);
	ds->kind = L4_KIND_DATASPACE;
	ds->ds.size = (unsigned long)size;
	ds->ds.rights = L4_CAP_FPAGE_RWSD;
	return ds;
}

int l4_ma_alloc(l4_cap_idx_t srv, long size, l4_cap_idx_t mem, unsigned long flags)
{
	bool whole = flags & (L4RE_MA_CONTINUOUS | L4RE_MA_PINNED);
	struct l4_object *ds;
	int r;

	r = l4_slot_check(srv, L4_KIND_MEM_ALLOC);
	if (r < 0)
		return r;
	if (!l4_slot_exists(mem))
		return -L4_EINVAL;
	/* As much as there is, less so many bytes: of a quota, which nobody has here. */
	if (size < 0 && whole)
		return -L4_ENOMEM;
	if (size <= 0)
		return -L4_ERANGE;
	ds = make(size, flags);
	return ds ? l4_slot_put(mem, ds, L4_CAP_FPAGE_RWSD) : -L4_ENOMEM;
}

/* ---- classic ---------------------------------------------------------------------------- */

static uint32_t rights_of(unsigned long flags)
{
	return flags & L4RE_DS_MAP_FLAG_RW ? TRACT_RIGHT_READ_WRITE : TRACT_RIGHT_READ;
}

/* Exactly the page that was asked for, which is what every window allows. */
L4_API int l4re_ds_map(const l4re_ds_t ds, l4_addr_t offset, unsigned long flags,
		       l4_addr_t local_addr, l4_addr_t min_addr, l4_addr_t max_addr)
{
	(void)min_addr;
	(void)max_addr;
	return l4_ds_map(ds, offset, rights_of(flags), local_addr);
}

L4_API int l4re_ds_map_region(const l4re_ds_t ds, l4_addr_t offset, unsigned long flags,
			      l4_addr_t min_addr, l4_addr_t max_addr)
{
	return l4_ds_map_region(ds, offset, rights_of(flags), min_addr, max_addr);
}

L4_API long l4re_ds_clear(const l4re_ds_t ds, l4_addr_t offset, unsigned long size)
{
	return l4_ds_clear(ds, offset, size);
}

L4_API long l4re_ds_allocate(const l4re_ds_t ds, l4_addr_t offset, l4_size_t size)
{
	return l4_ds_allocate(ds, offset, size);
}

L4_API int l4re_ds_copy_in(const l4re_ds_t ds, l4_addr_t dst_offs, const l4re_ds_t src,
			   l4_addr_t src_offs, unsigned long size)
{
	return l4_ds_copy_in(ds, dst_offs, src, src_offs, size);
}

L4_API int l4re_ds_info(const l4re_ds_t ds, l4re_ds_stats_t *stats)
{
	bool writable;
	int r;

	r = l4_ds_look(ds, &stats->size, &writable);
	if (r == 0)
		stats->flags = writable;
	return r;
}

L4_API long l4re_ds_size(const l4re_ds_t ds)
{
	l4re_ds_stats_t stats;
	int r = l4re_ds_info(ds, &stats);

	return r < 0 ? r : (long)stats.size;
}

L4_API long l4re_ds_flags(const l4re_ds_t ds)
{
	l4re_ds_stats_t stats;
	int r = l4re_ds_info(ds, &stats);

	return r < 0 ? r : (long)stats.flags;
}

L4_API int l4re_ds_phys(const l4re_ds_t ds, l4_addr_t offset, l4_addr_t *phys_addr,
			l4_size_t *phys_size)
{
	l4re_ds_stats_t stats;
	int r = l4re_ds_info(ds, &stats);

	(void)offset;
	(void)phys_addr;
	(void)phys_size;
	return r < 0 ? r : -L4_EINVAL;
}

L4_API long l4re_ma_alloc_align_srv(l4_cap_idx_t srv, long size, l4re_ds_t const mem,
				    unsigned long flags, unsigned long align)
{
	(void)align;
	return l4_ma_alloc(srv, size, mem, flags);
}

L4_API long l4re_ma_free_srv(l4_cap_idx_t srv, l4re_ds_t const mem)
{
	int r;

	r = l4_slot_check(srv, L4_KIND_MEM_ALLOC);
	if (r < 0)
		return r;
	if (l4_slot_check(mem, L4_KIND_DATASPACE) < 0)
		return -L4_EINVAL;
	l4_slot_empty(mem);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * far_import.c - mapping an import of another node, and undoing it
 */
#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "segment/far_map.h"
#include "segment/segment.h"
#include "sys/vm.h"

/* Whatever is mapped where it is to be is replaced in one step. */
static int map_there(struct far_map *map, void **addr, const struct far_map_spec *spec,
		     uint32_t rights)
{
	int r = 0;

	if (spec->addr)
		r = places_expect_import(spec->addr, spec->size, spec->offset, rights);
	if (r < 0)
		return r;
	r = far_map_show(map, spec, addr);
	if (r < 0 && spec->addr)
		places_import_failed(spec->addr);
	return r;
}

static void take_window(struct tract_import *import, const struct far_map_spec *spec,
			void *addr, uint32_t rights, uint64_t length) REQUIRES(import->lock)
{
	import->map_addr = addr;
	import->map_size = spec->size;
	import->map_prot = spec->prot;
	import->window_start = spec->offset;
	import->window_end = spec->offset + length;
	import->usable = import->rights & rights;
	atomic_store_explicit(&import_far(import)->entered, IMPORT_EXPLICIT,
			      memory_order_release);
}

static int map_locked(struct tract_import *import, struct far_map *map, void **addr, bool fixed,
		      uint32_t rights, uint64_t offset, uint64_t length) REQUIRES(import->lock)
{
	struct far_map_spec spec = { .size = round_up(length, vm_page_size()),
				     .offset = offset,
				     .prot = import_prot_of(rights),
				     .addr = fixed ? *addr : NULL };
	void *at;
	int r;

	r = map_there(map, &at, &spec, rights);
	if (r < 0)
		return r == -ENOMEM ? fail(r, "the segment could not be mapped: out of address "
					      "space or mappings (vm.max_map_count)")
				    : r;
	if (fixed)
		places_import_mapped(at, spec.size);
	else
		(void)places_add_import(at, spec.size, offset, rights);
	take_window(import, &spec, at, rights, length);
	*addr = at;
	return 0;
}

static int check_locked(const struct tract_import *import, void *const *addr, uint32_t flags,
			uint32_t rights, off_t offset, size_t length) REQUIRES(import->lock)
{
	int r;

	if (atomic_load_explicit(&import_far(import)->entered, memory_order_relaxed))
		return fail(-EALREADY, "it is mapped already, or get and put use it; an import "
				       "has one mapping");
	r = import_check_window(import, addr, flags, rights, offset, length);
	if (r < 0)
		return r;
	if (import->revoked)
		return fail(-ESTALE, "the exporter has taken the segment back");
	if (rights && !(import->rights & TRACT_RIGHT_READ))
		return fail(-EACCES, "memory of another node is mapped by those who may read "
				     "it, for pages are fetched before they are stored to");
	return 0;
}

static int check(struct tract_import *import, void *const *addr, uint32_t flags,
		 uint32_t rights, off_t offset, size_t length)
{
	int r;

	mutex_lock(&import->lock);
	r = check_locked(import, addr, flags, rights, offset, length);
	mutex_unlock(&import->lock);
	return r;
}

int import_map_far(struct tract_import *import, void **addr, uint32_t flags, uint32_t rights,
		   off_t offset, size_t length)
{
	struct far_map *map;
	int r;

	r = far_begin(import);
	if (r == 0)
		r = check(import, addr, flags, rights, offset, length);
	/* It may start a thread, or have to end it, which takes until it is done with a fault.
	 */
	if (r == 0)
		r = far_map_new(import_far(import), &map);
	if (r < 0)
		return r;
	mutex_lock(&import->lock);
	r = check_locked(import, addr, flags, rights, offset, length);
	if (r == 0)
		r = map_locked(import, map, addr, flags & TRACT_IMPORT_MAP_FIXED, rights,
			       (uint64_t)offset, length);
	mutex_unlock(&import->lock);
	(void)fault_point("far.map.mapped");
	if (r < 0)
		far_map_free(map);
	/* It may have been taken back meanwhile, when there was no mapping to tell. */
	else if (far_has_ended(import_far(import)))
		far_map_end(import_far(import));
	return r;
}

static struct far_map *unmap_locked(struct tract_import *import, int *ret)
	REQUIRES(import->lock)
{
	struct far_map *map = far_map_detach(import_far(import));
	int was = atomic_exchange_explicit(&import_far(import)->entered, IMPORT_UNMAPPED,
					   memory_order_relaxed);

	*ret = was == IMPORT_UNMAPPED ? -ENOENT : 0;
	if (import->map_addr)
		places_unmap_import(import->map_addr, import->map_size);
	import->map_addr = NULL;
	import->window_start = 0;
	import->window_end = import->size;
	import->usable = import->rights;
	return map;
}

int import_unmap_far(struct tract_import *import)
{
	struct far_map *map;
	int r;

	/* What has been stored arrives, if it can. */
	far_map_deliver(import_far(import));
	mutex_lock(&import->lock);
	map = unmap_locked(import, &r);
	mutex_unlock(&import->lock);
	far_map_free(map);
	return r;
}

bool import_is_mapped_far(const struct tract_import *import)
{
	return import_far(import) &&
	       atomic_load_explicit(&import_far(import)->entered, memory_order_relaxed) ==
		       IMPORT_EXPLICIT;
}

/* SPDX-License-Identifier: MIT */
/*
 * content.c - what is done to a region's bytes, wherever they are seen
 *
 * The object behind a region changes under the map's lock, so that is where it is used.
 */
#include <errno.h>

#include <tract/map.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "map/map.h"
#include "map/places.h"
#include "map/shown.h"
#include "sys/host.h"
#include "sys/memfd.h"
#include "sys/vm.h"

static int check(const struct tract_region *region, uint64_t offset, uint64_t size)
{
	uint64_t end;

	if (!region)
		return -EINVAL;
	if (region->destroyed)
		return fail(-EINVAL, "the region was destroyed");
	if (region->fixed)
		return fail(-EINVAL, "System V memory is changed through where it is attached");
	if (!add_fits(offset, size, &end) || end > region->size)
		return fail(-ERANGE, "the region has %llu bytes",
			    (unsigned long long)region->size);
	return 0;
}

static int check_writable(const struct tract_region *region, uint64_t offset, uint64_t size)
{
	int r;

	r = check(region, offset, size);
	if (r == 0 && !(region->rights & TRACT_RIGHT_WRITE))
		r = fail(-EACCES, "the region's handle is for reading");
	return r;
}

static int fd_of(const struct tract_region *region, int *ret_fd) REQUIRES(places_lock)
{
	*ret_fd = region_fd(region);
	if (*ret_fd < 0)
		return fail(-EBADF, REGION_ROBBED);
	return 0;
}

/* ---- clearing --------------------------------------------------------------------------- */

static int zero(int fd, uint64_t offset, uint64_t size)
{
	static const char zeros[4096];
	int r = 0;

	while (r == 0 && size > 0) {
		size_t part = size < sizeof(zeros) ? (size_t)size : sizeof(zeros);

		r = memfd_write(fd, offset, zeros, part);
		offset += part;
		size -= part;
	}
	return r;
}

static int clear_locked(const struct tract_region *region, uint64_t offset, uint64_t size)
	REQUIRES(places_lock)
{
	const uint64_t page = vm_page_size();
	uint64_t first = round_up(offset, page), end = (offset + size) & ~(page - 1);
	int fd, r;

	r = fd_of(region, &fd);
	if (r < 0)
		return r;
	if (first > end)
		return zero(fd, offset, size); /* within one page */
	r = zero(fd, offset, first - offset);
	if (r == 0 && end > first)
		r = memfd_punch(fd, first, end - first);
	if (r == 0)
		r = zero(fd, end, offset + size - end);
	return r;
}

int tract_region_clear(struct tract_region *region, uint64_t offset, uint64_t size)
{
	int r;

	error_clear_reason();
	r = check_writable(region, offset, size);
	if (r < 0 || size == 0)
		return r;
	mutex_lock(&places_lock);
	r = clear_locked(region, offset, size);
	mutex_unlock(&places_lock);
	return r;
}

/* ---- taking memory ---------------------------------------------------------------------- */

static int reserve_locked(const struct tract_region *region, uint64_t offset, uint64_t size)
	REQUIRES(places_lock)
{
	int fd, r;

	r = fd_of(region, &fd);
	return r < 0 ? r : memfd_reserve(fd, offset, size);
}

int tract_region_reserve(struct tract_region *region, uint64_t offset, uint64_t size)
{
	int r;

	error_clear_reason();
	r = check_writable(region, offset, size);
	if (r < 0 || size == 0)
		return r;
	mutex_lock(&places_lock);
	r = reserve_locked(region, offset, size);
	mutex_unlock(&places_lock);
	return r == -ENOMEM ? fail(r, "the host has not that much memory") : r;
}

/* ---- copying ---------------------------------------------------------------------------- */

static int copy_locked(const struct tract_region *to, uint64_t to_offset,
		       const struct tract_region *from, uint64_t from_offset, uint64_t size)
	REQUIRES(places_lock)
{
	int to_fd, from_fd = -1, r;

	r = fd_of(to, &to_fd);
	if (r == 0)
		r = fd_of(from, &from_fd);
	return r < 0 ? r : memfd_copy(to_fd, to_offset, from_fd, from_offset, size);
}

int tract_region_copy(struct tract_region *to, uint64_t to_offset, struct tract_region *from,
		      uint64_t from_offset, uint64_t size)
{
	int r;

	error_clear_reason();
	r = check_writable(to, to_offset, size);
	if (r == 0)
		r = check(from, from_offset, size);
	if (r < 0 || size == 0 || (to == from && to_offset == from_offset))
		return r;
	mutex_lock(&places_lock);
	r = copy_locked(to, to_offset, from, from_offset, size);
	mutex_unlock(&places_lock);
	return r;
}

/* ---- the end ---------------------------------------------------------------------------- */

/* Where other pages are shown over it, those stay. */
static int protect(const struct place *place, unsigned prot) REQUIRES(places_lock)
{
	uintptr_t at = place->start, first, last;
	int r = 0;

	for (; r == 0 && shown_next_uncovered(place, at, &first, &last); at = last + 1)
		r = vm_protect((void *)first, last - first + 1, prot);
	return r;
}

/* As it was: bounds that were drawn once can be drawn again. */
static void unprotect(const struct place *place) REQUIRES(places_lock)
{
	unsigned prot = place_prot(place);

	/* Some hosts had refused that before. */
	if (protect(place, prot) < 0)
		(void)protect(place, prot & ~(unsigned)VM_EXEC);
}

/* All of it or nothing: where there are too many mappings a part of one cannot be closed. */
static int close_windows(const struct tract_region *region) REQUIRES(places_lock)
{
	const struct place *place, *other;
	int r;

	LIST_FOREACH (place, &region->windows, window) {
		r = fault_point("map.destroy.window");
		if (r == 0)
			r = protect(place, 0);
		if (r == 0)
			continue;
		LIST_FOREACH (other, &region->windows, window) {
			unprotect(other);
			if (other == place)
				break;
		}
		return r;
	}
	return 0;
}

/* Nothing keeps the object then, if there is room for that. */
static void empty_windows(const struct tract_region *region) REQUIRES(places_lock)
{
	const struct place *place;
	uintptr_t at, first, last;

	LIST_FOREACH (place, &region->windows, window)
		for (at = place->start; shown_next_uncovered(place, at, &first, &last);
		     at = last + 1)
			(void)vm_replace((void *)first, last - first + 1, 0, -1, 0);
}

static int destroy_locked(struct tract_region *region) REQUIRES(places_lock)
{
	const struct place *place;
	int fd, r;

	LIST_FOREACH (place, &region->windows, window)
		if (!LIST_EMPTY(&place->claims))
			return fail(-EBUSY, "the region is exported; destroy the export first");
	r = shown_uncover_asking(region);
	if (r == 0)
		r = close_windows(region);
	if (r < 0)
		return r;
	atomic_store_explicit(&region->destroyed, true, memory_order_relaxed);
	empty_windows(region);
	fd = region_fd(region);
	return fd < 0 ? 0 : memfd_punch(fd, 0, region->size);
}

int tract_region_destroy(struct tract_region *region)
{
	int r;

	error_clear_reason();
	if (!region)
		return -EINVAL;
	if (!region->local)
		return fail(-EINVAL, "the region is the broker's; close it");
	mutex_lock(&places_lock);
	r = destroy_locked(region);
	mutex_unlock(&places_lock);
	return r;
}

/* ---- bringing pages in ------------------------------------------------------------------ */

/*
 * The kernel would not refuse more than there is: it kills processes until there is enough.
 * What the region has already is not asked for again.
 */
static bool host_has(uint64_t size, const struct tract_region *region)
{
	uint64_t total, available, resident = 0;

	if (host_memory(&total, &available) < 0 || size <= available)
		return true;
	if (!region || memfd_resident(region_fd(region), &resident) < 0)
		return false;
	return size <= available + resident;
}

int places_populate(uintptr_t first, uintptr_t last, const struct tract_region *region,
		    bool write)
{
	size_t size = last - first + 1;

	if (!host_has(size, region))
		return -ENOMEM;
	return write ? vm_populate_write((void *)first, size)
		     : vm_populate_read((void *)first, size);
}

static int check_populate(const struct place *place, uint32_t rights, uintptr_t last)
{
	const uint64_t page = vm_page_size();

	if (place_kind(place) == PLACE_BLOCKED)
		return fail(-ENODEV, "a part of the range is blocked");
	if (rights & ~place_rights(place))
		return fail(-EACCES, "the attachment has fewer rights than asked for");
	if (place_kind(place) == PLACE_ATTACHED &&
	    (place_offset(place) & ~(page - 1)) + (last - place->start) >= place->region->size)
		return fail(-ERANGE, "the region ends before the attachment does");
	return 0;
}

static int populate(const struct place *place, uintptr_t first, uintptr_t last, uint32_t rights)
	REQUIRES(places_lock)
{
	int r = places_populate(first, last, place->region, rights & TRACT_RIGHT_WRITE);

	/* The mapping is not what the attachment is: pages are shown over it, or its region is
	 * destroyed. */
	return r == -EINVAL ? fail(-EACCES, "a part of it is not to be accessed so") : r;
}

static int populate_locked(uintptr_t first, uintptr_t last, uint32_t rights)
	REQUIRES(places_lock)
{
	int r = 0;

	while (r == 0) {
		const struct place *place = places_from(first);
		uintptr_t end;

		if (!place || place->start > first)
			return fail(-ENOENT, "nothing is attached to a part of the range");
		end = place->start + place->size - 1;
		if (end > last)
			end = last;
		r = check_populate(place, rights, end);
		if (r == 0 && place_kind(place) != PLACE_PAGED)
			r = populate(place, first, end, rights);
		if (end >= last)
			break;
		first = end + 1;
	}
	return r;
}

int tract_map_populate(struct tract_map *map, void *addr, size_t size, uint32_t rights)
{
	uintptr_t first = (uintptr_t)addr, last;
	int r;

	error_clear_reason();
	if (!map || (rights != TRACT_RIGHT_READ && rights != TRACT_RIGHT_READ_WRITE))
		return -EINVAL;
	if (size == 0)
		return 0;
	if (!add_fits(first, size - 1, &last))
		return -EINVAL;
	if (map_is_remote(map))
		return map_refuse_remote();
	r = places_use();
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	layout_widen(&places_layout, &first, &last);
	r = populate_locked(first, last, rights);
	mutex_unlock(&places_lock);
	return r;
}

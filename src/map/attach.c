/* SPDX-License-Identifier: MIT */
#include <tract/map.h>

#include <errno.h>

#include "base/bytes.h"
#include "base/error.h"
#include "map/places.h"
#include "sys/vm.h"

static int check(const struct tract_region *region, const void *addr, size_t size,
		 uint64_t offset, uint32_t rights, uint32_t flags)
{
	uint64_t end;

	if (flags & ~(uint32_t)TRACT_ATTACH_FIXED)
		return fail(-EINVAL, "tract_attach knows no flag but TRACT_ATTACH_FIXED");
	if (rights != TRACT_RIGHT_READ && rights != TRACT_RIGHT_READ_WRITE)
		return fail(-EINVAL,
			    "memory is attached for reading, or for reading and writing");
	if (!is_multiple(offset, vm_page_size()) || !is_multiple(size, vm_page_size()))
		return fail(-EINVAL,
			    "offset and size are multiples of the page size, %zu bytes",
			    vm_page_size());
	if (!add_fits(offset, (uint64_t)size, &end) || end > region->size || size == 0)
		return fail(-ERANGE, "the region has %llu bytes",
			    (unsigned long long)region->size);
	if ((flags & TRACT_ATTACH_FIXED) && !addr)
		return fail(-EINVAL, "nothing can be attached at address 0");
	if (rights & ~region->rights)
		return fail(-EACCES, "the region's handle has fewer rights than asked for");
	return 0;
}

static int attach_locked(struct tract_region *region, void **addr, size_t size, uint64_t offset,
			 uint32_t rights, uint32_t flags) REQUIRES(places_lock)
{
	unsigned prot = VM_READ | (rights & TRACT_RIGHT_WRITE ? VM_WRITE : 0u);
	void *at;
	int r;

	if (!session_keeps_fds(region->session))
		return fail(-EBADF,
			    "the program has closed the library's descriptors (closefrom?), "
			    "and the region's among them");
	r = vm_place(flags & TRACT_ATTACH_FIXED ? *addr : NULL, size, prot, region->fd, offset,
		     &at);
	if (r < 0)
		return r;
	r = places_add((uintptr_t)at, size, offset, PLACE_ATTACHED, rights, region, NULL);
	if (r < 0)
		vm_unmap(at, size);
	else
		*addr = at;
	return r;
}

int tract_attach(struct tract_region *region, void **addr, size_t size, uint64_t offset,
		 uint32_t rights, uint32_t flags)
{
	int r;

	error_clear_reason();
	if (!region || !addr)
		return -EINVAL;
	if (size == 0 && offset < region->size)
		size = region->size - offset;
	r = check(region, *addr, size, offset, rights, flags);
	if (r < 0)
		return r;
	places_use();
	mutex_lock(&places_lock);
	r = attach_locked(region, addr, size, offset, rights, flags);
	mutex_unlock(&places_lock);
	return r;
}

static int detach_locked(void *addr, struct tract_region **ret_region) REQUIRES(places_lock)
{
	struct place *place = places_from((uintptr_t)addr);

	if (!place || place->start != (uintptr_t)addr || place->kind != PLACE_ATTACHED)
		return -ENOENT;
	if (!LIST_EMPTY(&place->claims))
		return fail(-EBUSY, "an export still uses the memory; destroy it first");
	vm_unmap(addr, place->size);
	*ret_region = places_remove(place);
	return 0;
}

int tract_detach(void *addr)
{
	scoped(region) struct tract_region *region = NULL;
	int r;

	error_clear_reason();
	mutex_lock(&places_lock);
	r = detach_locked(addr, &region);
	mutex_unlock(&places_lock);
	return r;
}

static int find_locked(uintptr_t addr, struct tract_span *ret_span) REQUIRES(places_lock)
{
	bool partly;
	const struct place *place = places_find(addr, 1, &partly);

	if (!place)
		return -ENOENT;
	*ret_span = (struct tract_span){
		.start = (void *)place->start,
		.size = place->size,
		.region = place->region ? place->region->id : 0,
		.offset = place->offset,
		.rights = place->rights,
	};
	return 0;
}

int tract_find(const void *addr, struct tract_span *ret_span)
{
	int r;

	error_clear_reason();
	if (!ret_span)
		return -EINVAL;
	mutex_lock(&places_lock);
	r = find_locked((uintptr_t)addr, ret_span);
	mutex_unlock(&places_lock);
	return r;
}

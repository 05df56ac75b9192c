/* SPDX-License-Identifier: MIT */
#include <tract/map.h>

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "map/attach.h"
#include "map/detach.h"
#include "map/ground.h"
#include "map/map.h"
#include "map/pager.h"
#include "map/places.h"
#include "map/remote.h"
#include "map/shown.h"
#include "sys/vm.h"

/* What is told of an attachment; the rest says how it is made. */
#define KEPT_FLAGS                                                                       \
	((uint32_t)(TRACT_ATTACH_PRIVATE | TRACT_ATTACH_BLOCK | TRACT_ATTACH_ANONYMOUS | \
		    TRACT_ATTACH_CLEAR | TRACT_ATTACH_EXECUTABLE))
#define KNOWN_FLAGS                                                          \
	(KEPT_FLAGS | (uint32_t)(TRACT_ATTACH_FIXED | TRACT_ATTACH_IN_AREA | \
				 TRACT_ATTACH_REPLACE | TRACT_ATTACH_EAGER))

/* An attachment on its way: what was asked for, in terms of pages. */
struct plan {
	const struct tract_attachment *what;
	uint32_t more; /* flags of the place, beside those of @what */
	struct backing {
		enum place_kind kind;
		const struct tract_region *region;
		struct tract_pager *pager;
		bool own_view;
		uint64_t offset; /* of the page that comes first */
		unsigned prot;
	} backing;
	uintptr_t start;
	size_t size; /* whole pages */
};

/* ---- what is asked for ------------------------------------------------------------------ */

static int check_things(const struct tract_attachment *what)
{
	int things = (what->region != NULL) + (what->pager != NULL) +
		     ((what->flags & TRACT_ATTACH_BLOCK) != 0) +
		     ((what->flags & TRACT_ATTACH_ANONYMOUS) != 0);

	if (things != 1)
		return fail(-EINVAL,
			    "one thing is attached: a region, a pager, TRACT_ATTACH_BLOCK or "
			    "TRACT_ATTACH_ANONYMOUS");
	if (what->flags & ~KNOWN_FLAGS)
		return fail(-EINVAL, "there is a flag that is none of TRACT_ATTACH_*");
	if (what->rights & ~(uint32_t)TRACT_RIGHT_READ_WRITE)
		return fail(-EINVAL, "rights are of TRACT_RIGHT_READ_WRITE");
	if (!what->region)
		return 0;
	if (what->region->destroyed)
		return fail(-EINVAL, "the region was destroyed");
	/* Who has a view of his own needs no leave to write to it. */
	if (what->rights & ~what->region->rights &
	    ~(what->flags & TRACT_ATTACH_PRIVATE ? (uint32_t)TRACT_RIGHT_WRITE : 0u))
		return fail(-EACCES, "the region's handle has fewer rights than asked for");
	return 0;
}

static unsigned prot_of(const struct tract_attachment *what)
{
	unsigned prot = 0;

	if (what->flags & TRACT_ATTACH_BLOCK)
		return 0;
	if (what->rights & TRACT_RIGHT_READ)
		prot |= VM_READ;
	/* No processor here can write what it cannot read. */
	if (what->rights & TRACT_RIGHT_WRITE)
		prot |= VM_READ | VM_WRITE;
	if (what->flags & TRACT_ATTACH_EXECUTABLE)
		prot |= VM_EXEC;
	return prot;
}

static enum place_kind kind_of(const struct tract_attachment *what)
{
	if (what->flags & TRACT_ATTACH_BLOCK)
		return PLACE_BLOCKED;
	if (what->flags & TRACT_ATTACH_ANONYMOUS)
		return PLACE_ANONYMOUS;
	return what->pager ? PLACE_PAGED : PLACE_ATTACHED;
}

static int make_plan(const struct tract_attachment *what, struct plan *plan)
{
	const size_t page = vm_page_size();
	size_t size = what->size;
	int r;

	r = check_things(what);
	if (r < 0)
		return r;
	if (size == 0 && what->region && what->offset < what->region->size)
		size = what->region->size - what->offset;
	if (size == 0 || size > SIZE_MAX - (page - 1))
		return fail(-EINVAL,
			    "an attachment has a size, of less than the address space");
	*plan = (struct plan){
		.what = what,
		.backing = {
			.kind = kind_of(what),
			.region = what->region,
			.pager = what->pager,
			.own_view = what->flags & TRACT_ATTACH_PRIVATE,
			.offset = what->offset & ~(uint64_t)(page - 1),
			.prot = prot_of(what),
		},
		.size = round_up(size, page),
	};
	return 0;
}

/* A search finds a place where nothing has to go. */
static bool replaces(const struct plan *plan)
{
	const uint32_t both = TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE;

	return (plan->what->flags & both) == both;
}

/* ---- mapping it ------------------------------------------------------------------------- */

static int map_object(const struct backing *b, uintptr_t start, size_t size, unsigned prot,
		      bool over)
{
	bool private = b->own_view;
	uint64_t offset = b->offset;
	void *at = (void *)start;
	int fd = -1;

	if (b->region && offset < b->region->size && !b->region->destroyed) {
		fd = region_fd(b->region);
		if (fd < 0)
			return -EBADF;
	} else {
		/* Behind its end no access could do anything but fault. */
		prot = b->region ? 0 : prot;
		offset = 0;
		private = false;
	}
	if (over)
		return private || fd < 0
			       ? vm_replace_private_or_keep(at, size, prot, fd, offset)
			       : vm_replace(at, size, prot, fd, offset);
	return private ? vm_place_private(at, size, prot, fd, offset)
		       : vm_place(at, size, prot, fd, offset, &at);
}

static int map_backing(const struct backing *b, uintptr_t start, size_t size, bool over)
	REQUIRES(places_lock)
{
	int r;

	if (b->pager)
		return pager_map(start, size, b->prot, over);
	r = map_object(b, start, size, b->prot, over);
	/* Hosts may refuse memory that can be both written and executed. */
	if ((r == -EPERM || r == -EACCES) && (b->prot & VM_EXEC))
		r = map_object(b, start, size, b->prot & ~(unsigned)VM_EXEC, over);
	if (r == -EBADF)
		return fail(r, REGION_ROBBED);
	return r;
}

int attach_again(const struct place *place, uintptr_t first, uintptr_t last)
{
	const uint64_t page = vm_page_size();
	const struct backing backing = {
		.kind = place_kind(place),
		.region = place->region,
		.pager = place->pager,
		.own_view = place_flags(place) & TRACT_ATTACH_PRIVATE,
		.offset = (place_offset(place) & ~(page - 1)) + (first - place->start),
		.prot = place_prot(place),
	};

	return map_backing(&backing, first, last - first + 1, true);
}

static void advise(const struct plan *plan)
{
	const struct tract_region *region = plan->what->region;

	if (!region)
		return;
	if (region->flags & TRACT_REGION_HUGE)
		vm_advise_huge((void *)plan->start, plan->size);
	if (region->flags & TRACT_REGION_LOCKED)
		vm_lock_pages((void *)plan->start, plan->size);
}

/* ---- finding a place for it ------------------------------------------------------------- */

static struct layout_wish wish_of(const struct plan *plan, uintptr_t start)
{
	const uint32_t flags = plan->what->flags;

	return (struct layout_wish){
		.start = start,
		.size = plan->size,
		.align = plan->what->align,
		.flags = (flags & TRACT_ATTACH_FIXED ? 0u : LAYOUT_SEARCH) |
			 (flags & TRACT_ATTACH_IN_AREA ? LAYOUT_IN_AREA : 0u) |
			 (flags & TRACT_ATTACH_REPLACE ? LAYOUT_OVERMAP : 0u),
	};
}

/* Here, with nothing of the map's in the way that may not go.  -EEXIST: a stranger is. */
static int map_here(struct plan *plan, uintptr_t *ret_blocked) REQUIRES(places_lock)
{
	uintptr_t last = plan->start + plan->size - 1;
	int r;

	if (replaces(plan) || ground_is_held(plan->start, last)) {
		r = ground_take(plan->start, last, -1, ret_blocked);
		if (r == 0)
			r = map_backing(&plan->backing, plan->start, plan->size, true);
		if (r < 0)
			ground_give_back(plan->start, last);
		return r;
	}
	do {
		r = fault_point("map.attach.here");
		if (r == 0)
			r = map_backing(&plan->backing, plan->start, plan->size, false);
	} while (r == -EEXIST && ground_is_free(plan->start, last, ret_blocked));
	return r;
}

static int settle_down(struct plan *plan, uintptr_t start) REQUIRES(places_lock)
{
	struct layout_wish wish = wish_of(plan, start);
	bool searches = wish.flags & LAYOUT_SEARCH;
	uintptr_t last, blocked = 0;
	int r;

	for (;;) {
		r = layout_place(&places_layout, &wish, &plan->start, &last);
		if (r < 0)
			return fail(r, r == -ENOENT ? "there is no area at that address"
						    : "there is no room for that");
		r = map_here(plan, &blocked);
		if (r != -EEXIST)
			return r;
		if (!searches || blocked == UINTPTR_MAX)
			return fail(-EADDRNOTAVAIL, "something else is mapped there");
		wish.resume = blocked + 1;
	}
}

/* ---- entering it ------------------------------------------------------------------------ */

/* What it replaces was mapped over already. */
static int enter(const struct plan *plan, struct place *place) REQUIRES(places_lock)
{
	uintptr_t last = plan->start + plan->size - 1;

	places_edit();
	if (replaces(plan))
		detach_records(plan->start, last);
	place->start = plan->start;
	places_note_area(place);
	(void)layout_add_region(&places_layout, plan->start, last, (uintptr_t)place);
	places_edited();
	shown_forget(plan->start, last);
	ground_built_over(plan->start, last);
	return 0;
}

static int make_eager(const struct plan *plan) REQUIRES(places_lock)
{
	const struct tract_region *region = plan->what->region;
	int r;

	if (!(plan->what->flags & TRACT_ATTACH_EAGER) || !(plan->backing.prot & VM_READ) ||
	    plan->backing.kind == PLACE_PAGED)
		return 0;
	if (region && (plan->backing.offset >= region->size ||
		       plan->size > region->size - plan->backing.offset))
		return fail(-ERANGE, "the region ends before the attachment does");
	r = places_populate(plan->start, plan->start + plan->size - 1, region,
			    plan->backing.prot & VM_WRITE);
	return r < 0 ? fail(-EFAULT, "there is no memory for all of it") : 0;
}

/* Where a region has no bytes one offset is as good as another: one that does not wrap, so that
 * no part of what is attached there comes out at the region's beginning. */
static uint64_t kept_offset(const struct plan *plan)
{
	uint64_t offset = plan->what->offset, end;

	if (!plan->what->region || add_fits(offset, (uint64_t)plan->size, &end))
		return offset;
	return offset - plan->size;
}

static int attach_locked(struct plan *plan, uintptr_t start, struct place **ret_place)
	REQUIRES(places_lock)
{
	const struct tract_attachment *what = plan->what;
	const struct place_spec spec = {
		.size = plan->size,
		.offset = kept_offset(plan),
		.kind = plan->backing.kind,
		.rights = what->rights,
		.flags = (what->flags & KEPT_FLAGS) | plan->more,
		.tag = what->tag,
		.region = what->region,
		.pager = what->pager,
		.name = what->name,
		.name_offset = what->name_offset,
	};
	struct place *place;
	int r;

	r = places_make(&spec, &place);
	if (r < 0)
		return r;
	if (replaces(plan))
		r = detach_prepare(start & ~(uintptr_t)(vm_page_size() - 1), plan->size);
	if (r == 0)
		r = fault_point("map.attach.made");
	if (r == 0)
		r = settle_down(plan, start);
	if (r == 0)
		r = enter(plan, place);
	if (r < 0) {
		detach_unprepare();
		places_discard(place);
		return r;
	}
	*ret_place = place;
	return 0;
}

/* As much of it as is kept. */
static void take_name(struct tract_attachment *what, char room[TRACT_ATTACH_NAME_MAX + 1])
{
	size_t length = what->name ? strnlen(what->name, TRACT_ATTACH_NAME_MAX) : 0;

	if (length > 0)
		memcpy(room, what->name, length);
	room[length] = '\0';
	what->name = room;
}

int attach_check(const struct tract_attachment *what, size_t *ret_size)
{
	struct plan plan = { .size = 0 };
	int r;

	r = make_plan(what, &plan);
	if (r == 0)
		*ret_size = plan.size;
	return r;
}

int attach_here(const struct tract_attachment *what, uint32_t more, void **addr,
		size_t *ret_size)
{
	uintptr_t start = (uintptr_t)*addr;
	struct place *place = NULL;
	struct plan plan;
	int r;

	*ret_size = 0;
	r = make_plan(what, &plan);
	if (r == 0)
		r = places_use();
	if (r < 0)
		return r;
	plan.more = more;
	mutex_lock(&places_lock);
	r = attach_locked(&plan, start, &place);
	if (r == 0) {
		advise(&plan);
		r = make_eager(&plan);
	}
	mutex_unlock(&places_lock);
	if (place) {
		*addr = (void *)plan.start;
		*ret_size = plan.size;
	}
	return r;
}

int tract_map_attach(struct tract_map *map, const struct tract_attachment *what, void **addr)
{
	/* Nothing of the caller's is touched with the lock held: it may be in memory that a
	 * pager supplies. */
	char name[TRACT_ATTACH_NAME_MAX + 1];
	struct tract_attachment asked;
	size_t size;
	void *at;
	int r;

	error_clear_reason();
	if (!map || !what || !addr)
		return -EINVAL;
	asked = *what;
	take_name(&asked, name);
	at = *addr;
	if (map_is_remote(map)) {
		r = remote_attach(map, &asked, &at);
	} else {
		r = attach_here(&asked, 0, &at, &size);
		places_settle();
	}
	*addr = at;
	return r;
}

/* ---- the short form --------------------------------------------------------------------- */

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
	return 0;
}

int tract_attach(struct tract_region *region, void **addr, size_t size, uint64_t offset,
		 uint32_t rights, uint32_t flags)
{
	struct tract_attachment what;
	void *at;
	int r;

	error_clear_reason();
	if (!region || !addr)
		return -EINVAL;
	if (size == 0 && offset < region->size)
		size = region->size - offset;
	r = check(region, *addr, size, offset, rights, flags);
	if (r < 0)
		return r;
	what = (struct tract_attachment){
		.region = region,
		.offset = offset,
		.size = size,
		.rights = rights,
		.flags = flags,
	};
	at = flags & TRACT_ATTACH_FIXED ? *addr : NULL;
	r = tract_map_attach(tract_map_own(), &what, &at);
	if (r == 0)
		*addr = at;
	if (r == -EADDRNOTAVAIL)
		r = flags & TRACT_ATTACH_FIXED ? -EEXIST : -ENOMEM;
	return r;
}

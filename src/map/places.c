/* SPDX-License-Identifier: MIT */
#include "map/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/scope.h"
#include "client/process.h"
#include "map/ground.h"
#include "map/pager.h"
#include "map/shown.h"
#include "sys/memfd.h"
#include "sys/vm.h"

struct mutex bindings_lock = MUTEX_INIT;
struct mutex places_lock = MUTEX_INIT;
struct layout places_layout;
_Atomic bool places_set_up;

/* ---- storage ---------------------------------------------------------------------------- */

/* Never given back to malloc: somebody who looks without the lock may be reading it. */
static struct place *pool;
/* Out of the table, and still holding on to what was behind them. */
static struct place *unsettled;
/* Whoever took one out sees it without the lock; another thread's it may miss. */
static _Atomic bool unsettled_any;

static void pool_give(struct place *place) REQUIRES(places_lock)
{
	place->next_free = pool;
	pool = place;
}

static void pool_grow(void) REQUIRES(places_lock)
{
	struct places_block *block;
	void *memory;

	/* Not aligned_alloc(), which wants whole multiples: with them malloc's own words would
	 * take as much again. */
	if (posix_memalign(&memory, PLACES_BLOCK, sizeof(*block)) != 0)
		return;
	block = memset(memory, 0, sizeof(*block));
	for (unsigned i = PLACES_IN_BLOCK; i-- > 0;)
		pool_give(&block->place[i]);
}

static struct place *pool_take(void) REQUIRES(places_lock)
{
	struct place *place;

	if (!pool)
		pool_grow();
	place = pool;
	if (place)
		pool = place->next_free;
	return place;
}

/* ---- fork ------------------------------------------------------------------------------- */

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&places_lock);
}

static void after_in_parent(void) NO_THREAD_SAFETY
{
	mutex_unlock(&places_lock);
}

/*
 * Memory that was private before it was exported is private in the child too: a copy, since
 * the shared object goes on changing, and is emptied when the parent takes it back.  Where
 * there is no memory for a copy the child is left without: an access that faults is better
 * than one that reaches the parent.
 */
static void make_private(const struct place *place)
{
	void *start = (void *)place->start;

	if (exchange_copy_out(start, place->size, region_fd(place->region),
			      place_offset(place)) < 0)
		vm_unmap(start, place->size);
}

static void remove_region(uintptr_t start) REQUIRES(places_lock)
{
	struct layout_cut cut;

	if (layout_look_cut(&places_layout, start, start, LAYOUT_OVERLAP, &cut) == 0)
		layout_do_cut(&places_layout, &cut, 0);
}

/*
 * The range was kept from the child, and nobody answers for it here.  What came of regions'
 * pages that were seen there must not stay: they were shown by a pager's leave.
 */
static void leave_paged(struct place *place) REQUIRES(places_lock)
{
	uintptr_t start = place->start, last = start + place->size - 1;

	remove_region(start);
	shown_forget(start, last);
	if (ground_clear(start, last) < 0)
		vm_unmap((void *)start, place->size);
	places_discard(place);
}

static void leave_to_parent(struct place *place) REQUIRES(places_lock)
{
	if (place_kind(place) == PLACE_ADOPTED) {
		make_private(place);
		remove_region(place->start);
		LIST_REMOVE(place, window);
		place->inherited = true;
	} else if (place_kind(place) == PLACE_PAGED) {
		leave_paged(place);
	}
}

static void after_in_child(void) NO_THREAD_SAFETY
{
	struct place *place;
	uintptr_t at = 0;

	while ((place = places_from(at))) {
		at = place->start + place->size;
		leave_to_parent(place);
	}
	pager_after_fork();
	mutex_unlock(&places_lock);
	mutex_init(&bindings_lock);
}

static struct process_hook fork_hook = { .rank = PROCESS_PLACES,
					 .prepare = before_fork,
					 .parent = after_in_parent,
					 .child = after_in_child };

/* ---- setting up ------------------------------------------------------------------------- */

/*
 * Where searches begin: far from where the kernel, the loader and sanitizers put things, and
 * free for a good way, so that searches rarely meet a stranger.
 */
static uintptr_t choose_floor(uintptr_t low, uintptr_t high)
{
	const uintptr_t room = (uintptr_t)256 << 30;
	/* The second is where the thread sanitizer allows none, the third above the shadow of
	 * the address sanitizer. */
	static const uintptr_t floors[] = { (uintptr_t)1 << 36, (uintptr_t)1 << 40,
					    (uintptr_t)1 << 45 };

	for (unsigned i = 0; i < sizeof(floors) / sizeof(*floors); i++) {
		uintptr_t start = 0, end = 0;
		int r = vm_next_mapping(floors[i], &start, &end);

		if (floors[i] + room < high &&
		    (r == -ENOENT || (r == 0 && start >= floors[i] + room)))
			return floors[i];
	}
	return floors[0] < high ? floors[0] : low;
}

/* Less than what one page table serves, and no neighbour of what is attached first. */
#define ANCHOR_APART ((uintptr_t)64 << 10)

/*
 * A page that is always there where searches begin.  Without it the first attachment would
 * have to have page tables made, and the last one's end would have them freed: that is as much
 * work again as attaching, touching and detaching a page.  What it cannot have it does without.
 */
static void drop_anchor(void) REQUIRES(places_lock)
{
	const size_t page = vm_page_size();
	void *at = (void *)places_layout.floor;
	scoped(fd) int fd = -1;

	if (memfd_new("tract-anchor", page, &fd) < 0 ||
	    vm_place(at, page, VM_READ, fd, 0, &at) < 0)
		return;
	(void)vm_populate_read(at, page);
	places_layout.floor += ANCHOR_APART;
}

static int set_up_locked(void) REQUIRES(places_lock)
{
	const uintptr_t page = vm_page_size();
	uintptr_t low, high;
	int r;

	if (atomic_load_explicit(&places_set_up, memory_order_relaxed))
		return 0;
	vm_limits(&low, &high);
	ground_init();
	shown_init();
	layout_init(&places_layout, low, high, page);
	places_layout.floor = choose_floor(low, high);
	/* The first page is nobody's: a null pointer is never backed. */
	r = layout_add_area(&places_layout, 0, page - 1, LAYOUT_RESERVED | AREA_SYSTEM);
	if (r < 0) {
		layout_deinit(&places_layout);
		return r;
	}
	drop_anchor();
	atomic_store_explicit(&places_set_up, true, memory_order_release);
	return 0;
}

int places_begin(void)
{
	int r;

	process_hook_add(&fork_hook);
	mutex_lock(&places_lock);
	r = set_up_locked();
	mutex_unlock(&places_lock);
	return r;
}

/* ---- the table -------------------------------------------------------------------------- */

static struct place *place_of(const struct span *span)
{
	return (struct place *)(uintptr_t)span->value;
}

struct place *places_from(uintptr_t start)
{
	struct span span;

	if (!layout_find_region(&places_layout, start, UINTPTR_MAX, &span))
		return NULL;
	return place_of(&span);
}

struct place *places_find(uintptr_t start, size_t size, bool *ret_partly)
{
	struct span span;

	*ret_partly = false;
	if (!layout_find_region(&places_layout, start, start + size - 1, &span))
		return NULL;
	if (span.start <= start && span.last >= start + size - 1)
		return place_of(&span);
	*ret_partly = true;
	return NULL;
}

void places_note_area(struct place *place)
{
	struct span area;
	bool in_area = layout_meets_area(&places_layout, place->start, place->start, &area);

	atomic_store_explicit(&place_told(place)->in_area, in_area, memory_order_relaxed);
}

void places_note_areas(uintptr_t first, uintptr_t last)
{
	struct place *place;

	for (place = places_from(first); place && place->start <= last;
	     place = places_from(place->start + place->size))
		places_note_area(place);
}

/* What finding tells must all be there before the place is. */
static void fill(struct place *place, const struct place_spec *spec)
{
	struct told *told = place_told(place);

	*place = (struct place){
		.start = spec->start,
		.size = spec->size,
		.region = spec->region ? region_ref(spec->region) : NULL,
		.pager = spec->pager ? pager_ref(spec->pager) : NULL,
		.name_offset = spec->name_offset,
	};
	atomic_store_explicit(&told->offset, spec->offset, memory_order_relaxed);
	atomic_store_explicit(&told->tag, spec->tag, memory_order_relaxed);
	atomic_store_explicit(&told->region_id, spec->region ? spec->region->id : 0,
			      memory_order_relaxed);
	atomic_store_explicit(&told->kind, (uint8_t)spec->kind, memory_order_relaxed);
	atomic_store_explicit(&told->rights, (uint8_t)spec->rights, memory_order_relaxed);
	atomic_store_explicit(&told->flags, (uint16_t)spec->flags, memory_order_relaxed);
	LIST_INIT(&place->claims);
	if (place->region)
		LIST_INSERT_HEAD(&place->region->windows, place, window);
}

int places_make(const struct place_spec *spec, struct place **ret_place)
{
	struct place *place = pool_take();
	char *name = NULL;
	int r = 0;

	if (!place)
		return -ENOMEM;
	if (spec->name && spec->name[0]) {
		name = strndup(spec->name, TRACT_ATTACH_NAME_MAX);
		if (!name)
			r = -ENOMEM;
	}
	if (r == 0)
		r = layout_reserve(&places_layout);
	if (r < 0) {
		free(name);
		pool_give(place);
		return r;
	}
	places_edit();
	fill(place, spec);
	places_edited();
	place->name = name;
	*ret_place = place;
	return 0;
}

void places_insert(struct place *place)
{
	places_edit();
	places_note_area(place);
	(void)layout_add_region(&places_layout, place->start, place->start + place->size - 1,
				(uintptr_t)place);
	places_edited();
}

int places_add(const struct place_spec *spec, struct place **ret_place)
{
	struct place *place;
	bool partly;
	int r;

	if (places_find(spec->start, spec->size, &partly) || partly)
		return fail(-EEXIST, "the program has unmapped by itself what is attached, "
				     "exported or imported there; give that up first");
	r = places_make(spec, &place);
	if (r < 0)
		return r;
	places_insert(place);
	if (ret_place)
		*ret_place = place;
	return 0;
}

void places_discard(struct place *place)
{
	if (place->region && !(place->inherited && place_kind(place) == PLACE_ADOPTED))
		LIST_REMOVE(place, window);
	free(place->name);
	place->name = NULL;
	/* Mostly there are others: the program's handle, for one. */
	if (region_unref_quietly(place->region))
		place->region = NULL;
	if (pager_unref_quietly(place->pager))
		place->pager = NULL;
	if (!place->region && !place->pager) {
		pool_give(place);
		return;
	}
	place->next_free = unsettled;
	unsettled = place;
	atomic_store_explicit(&unsettled_any, true, memory_order_relaxed);
}

void places_remove(struct place *place)
{
	if (!place->inherited) {
		places_edit();
		remove_region(place->start);
		places_edited();
	}
	places_discard(place);
}

static struct place *take_unsettled(void) REQUIRES(places_lock)
{
	struct place *first = unsettled;

	unsettled = NULL;
	atomic_store_explicit(&unsettled_any, false, memory_order_relaxed);
	return first;
}

void places_settle(void)
{
	struct place *first, *next;

	if (!atomic_load_explicit(&unsettled_any, memory_order_relaxed))
		return;
	mutex_lock(&places_lock);
	first = take_unsettled();
	mutex_unlock(&places_lock);
	for (struct place *place = first; place; place = place->next_free) {
		region_unref(place->region);
		pager_unref(place->pager);
	}
	mutex_lock(&places_lock);
	for (struct place *place = first; place; place = next) {
		next = place->next_free;
		pool_give(place);
	}
	mutex_unlock(&places_lock);
}

void places_announced(struct tract_region *region)
{
	struct place *place;

	LIST_FOREACH (place, &region->windows, window)
		atomic_store_explicit(&place_told(place)->region_id, region->id,
				      memory_order_relaxed);
}

/* ---- is it right? ----------------------------------------------------------------------- */

static bool place_check(const struct place *place, const struct span *span)
{
	const enum place_kind kind = place_kind(place);
	bool backed = kind == PLACE_ATTACHED || kind == PLACE_ADOPTED || kind == PLACE_SYSV;
	struct span area;

	if (place->start != span->start || place->start + place->size - 1 != span->last)
		return false;
	if (place->inherited || kind == PLACE_SHOWN)
		return false;
	if (atomic_load_explicit(&place_told(place)->in_area, memory_order_relaxed) !=
	    layout_find_area(&places_layout, span->start, span->start, &area))
		return false;
	if (backed != (place->region != NULL) ||
	    (kind == PLACE_PAGED) != (place->pager != NULL))
		return false;
	if (kind == PLACE_ADOPTED && LIST_EMPTY(&place->claims))
		return false;
	/* What the program attaches may go past the region's end. */
	return kind == PLACE_ATTACHED || !place->region ||
	       place_offset(place) + place->size <= place->region->size;
}

bool places_check(void)
{
	uintptr_t at = 0;
	struct span span;

	if (!atomic_load_explicit(&places_set_up, memory_order_relaxed))
		return true;
	if (!layout_check(&places_layout) || !ground_check() || !shown_check())
		return false;
	while (layout_find_region(&places_layout, at, UINTPTR_MAX, &span)) {
		if (!place_check(place_of(&span), &span))
			return false;
		at = span.last + 1;
	}
	return true;
}

/* ---- imports ---------------------------------------------------------------------------- */

static int add_import_locked(const struct place_spec *spec) REQUIRES(places_lock)
{
	bool partly;

	if (spec->start < places_layout.low || spec->start > places_layout.high ||
	    spec->size - 1 > places_layout.high - spec->start)
		return fail(-EBUSY, "nothing can be mapped at that address");
	if (places_find(spec->start, spec->size, &partly) || partly)
		return fail(-EBUSY, "another import, an attached region or an export is there; "
				    "unmap, detach or destroy that first");
	return places_add(spec, NULL);
}

static struct place_spec import_spec(void *addr, size_t size, uint64_t offset, uint32_t rights)
{
	return (struct place_spec){ .start = (uintptr_t)addr,
				    .size = size,
				    .offset = offset,
				    .kind = PLACE_IMPORTED,
				    .rights = rights };
}

static int add_import(const struct place_spec *spec)
{
	int r;

	mutex_lock(&places_lock);
	r = add_import_locked(spec);
	mutex_unlock(&places_lock);
	return r;
}

int places_add_import(void *addr, size_t size, uint64_t offset, uint32_t rights)
{
	const struct place_spec spec = import_spec(addr, size, offset, rights);

	return add_import(&spec);
}

int places_add_shared(void *addr, size_t size, uint32_t rights)
{
	struct place_spec spec = import_spec(addr, size, 0, rights);

	spec.flags = PLACE_SHARED;
	return add_import(&spec);
}

int places_check_shared(uintptr_t start, size_t size)
{
	bool partly;
	const struct place *place = places_find(start, size, &partly);

	if (!place || !(place_flags(place) & PLACE_SHARED))
		return 0;
	if (place_rights(place) != TRACT_RIGHT_READ_WRITE)
		return fail(-EACCES, "the shared region is mapped for reading alone");
	return 1;
}

static int expect_import_locked(const struct place_spec *spec) REQUIRES(places_lock)
{
	int r;

	r = ground_expect();
	if (r < 0)
		return r;
	r = add_import_locked(spec);
	if (r < 0)
		ground_unexpect();
	return r;
}

int places_expect_import(void *addr, size_t size, uint64_t offset, uint32_t rights)
{
	const struct place_spec spec = import_spec(addr, size, offset, rights);
	int r;

	mutex_lock(&places_lock);
	r = expect_import_locked(&spec);
	mutex_unlock(&places_lock);
	return r;
}

static void remove_import_locked(uintptr_t start) REQUIRES(places_lock)
{
	struct place *place = places_from(start);

	if (place && place->start == start && place_kind(place) == PLACE_IMPORTED)
		places_remove(place);
}

void places_import_mapped(void *addr, size_t size)
{
	const uintptr_t start = (uintptr_t)addr;

	mutex_lock(&places_lock);
	shown_forget(start, start + size - 1);
	ground_built_over(start, start + size - 1);
	ground_unexpect();
	mutex_unlock(&places_lock);
	places_settle();
}

void places_unmap_import(void *addr, size_t size)
{
	const uintptr_t start = (uintptr_t)addr;

	mutex_lock(&places_lock);
	if (ground_clear(start, start + size - 1) < 0)
		vm_unmap(addr, size);
	remove_import_locked(start);
	mutex_unlock(&places_lock);
	places_settle();
}

void places_import_failed(void *addr)
{
	mutex_lock(&places_lock);
	ground_unexpect();
	remove_import_locked((uintptr_t)addr);
	mutex_unlock(&places_lock);
	places_settle();
}

void places_forget_import(void *addr)
{
	mutex_lock(&places_lock);
	remove_import_locked((uintptr_t)addr);
	mutex_unlock(&places_lock);
	places_settle();
}

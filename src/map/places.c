/* SPDX-License-Identifier: MIT */
#include "map/places.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "client/process.h"
#include "sys/vm.h"

struct mutex bindings_lock = MUTEX_INIT;
struct mutex places_lock = MUTEX_INIT;

static int compare(const struct place *a, const struct place *b)
{
	return (a->start > b->start) - (a->start < b->start);
}

RB_HEAD(places, place);
RB_GENERATE_INTERNAL(places, place, entry, compare, __attribute__((unused)) static)
static struct places places = RB_INITIALIZER(&places);

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

	if (exchange_copy_out(start, place->size, region_fd(place->region), place->offset) < 0)
		vm_unmap(start, place->size);
}

static void after_in_child(void) NO_THREAD_SAFETY
{
	struct place *place, *next;

	for (place = RB_MIN(places, &places); place; place = next) {
		next = RB_NEXT(places, &places, place);
		if (place->kind != PLACE_ADOPTED)
			continue;
		make_private(place);
		RB_REMOVE(places, &places, place);
		place->inherited = true;
	}
	mutex_unlock(&places_lock);
	mutex_init(&bindings_lock);
}

static struct process_hook fork_hook = { .rank = PROCESS_PLACES,
					 .prepare = before_fork,
					 .parent = after_in_parent,
					 .child = after_in_child };

/* ---- the table -------------------------------------------------------------------------- */

/* The last place that starts at or before @start. */
static struct place *at_or_before(uintptr_t start)
{
	struct place key = { .start = start };
	struct place *after = RB_NFIND(places, &places, &key);

	if (after && after->start == start)
		return after;
	return after ? RB_PREV(places, &places, after) : RB_MAX(places, &places);
}

struct place *places_from(uintptr_t start)
{
	struct place *place = at_or_before(start);

	if (place && place->start + place->size > start)
		return place;
	return place ? RB_NEXT(places, &places, place) : RB_MIN(places, &places);
}

struct place *places_find(uintptr_t start, size_t size, bool *ret_partly)
{
	struct place *place = places_from(start);

	*ret_partly = false;
	if (!place || place->start >= start + size)
		return NULL;
	if (place->start <= start && place->start + place->size >= start + size)
		return place;
	*ret_partly = true;
	return NULL;
}

int places_make(uintptr_t start, size_t size, uint64_t offset, enum place_kind kind,
		uint32_t rights, struct tract_region *region, struct place **ret_place)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -ENOMEM;
	*place = (struct place){
		.start = start,
		.size = size,
		.offset = offset,
		.kind = kind,
		.rights = rights,
		.region = region ? region_ref(region) : NULL,
	};
	LIST_INIT(&place->claims);
	*ret_place = place;
	return 0;
}

void places_insert(struct place *place)
{
	if (RB_INSERT(places, &places, place))
		abort(); /* The second place at one address would never be found. */
}

int places_add(uintptr_t start, size_t size, uint64_t offset, enum place_kind kind,
	       uint32_t rights, struct tract_region *region, struct place **ret_place)
{
	struct place *place;
	bool partly;
	int r;

	if (places_find(start, size, &partly) || partly)
		return fail(-EEXIST, "the program has unmapped by itself what is attached, "
				     "exported or imported there; give that up first");
	r = places_make(start, size, offset, kind, rights, region, &place);
	if (r < 0)
		return r;
	places_insert(place);
	if (ret_place)
		*ret_place = place;
	return 0;
}

struct tract_region *places_remove(struct place *place)
{
	struct tract_region *region = place->region;

	if (!place->inherited)
		RB_REMOVE(places, &places, place);
	free(place);
	return region;
}

bool places_check(void)
{
	struct place *place;
	uintptr_t end = 0;

	RB_FOREACH (place, places, &places) {
		if (place->start < end || place->size == 0 || place->inherited)
			return false;
		if ((place->kind == PLACE_IMPORTED) != (place->region == NULL))
			return false;
		if (place->kind == PLACE_ADOPTED && LIST_EMPTY(&place->claims))
			return false;
		if (place->region && place->offset + place->size > place->region->size)
			return false;
		end = place->start + place->size;
	}
	return true;
}

/* ---- imports ---------------------------------------------------------------------------- */

int places_add_import(void *addr, size_t size, uint64_t offset, uint32_t rights)
{
	bool partly;
	int r;

	mutex_lock(&places_lock);
	if (places_find((uintptr_t)addr, size, &partly) || partly)
		r = fail(-EBUSY, "another import, an attached region or an export is there; "
				 "unmap, detach or destroy that first");
	else
		r = places_add((uintptr_t)addr, size, offset, PLACE_IMPORTED, rights, NULL,
			       NULL);
	mutex_unlock(&places_lock);
	return r;
}

void places_remove_import(void *addr)
{
	struct place *place;

	mutex_lock(&places_lock);
	place = places_from((uintptr_t)addr);
	if (place && place->start == (uintptr_t)addr && place->kind == PLACE_IMPORTED)
		(void)places_remove(place);
	mutex_unlock(&places_lock);
}

void places_use(void)
{
	process_hook_add(&fork_hook);
}

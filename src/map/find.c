/* SPDX-License-Identifier: MIT */
/*
 * find.c - who is at an address
 *
 * Reads beside whoever changes the map, without a lock: a sequence counter, odd while something
 * is being changed, says whether what was read is to be believed.
 */
#include <tract/map.h>

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "map/map.h"
#include "map/places.h"
#include "sys/vm.h"

/* How often a look that met a change is repeated before it queues up with the writers. */
#define LOOKS 64

/* Alone in its cache line, which only a change takes away from those who read it. */
static struct {
	alignas(64) _Atomic uint32_t count;
	char rest[64 - sizeof(uint32_t)];
} edits;

static unsigned depth; /* edits inside edits; under places_lock */

void places_edit(void)
{
	if (depth++ > 0)
		return;
	/* The stores of the change come after it for whoever sees one of them: pairs with the
	 * fence in look(). */
	atomic_store_explicit(&edits.count,
			      atomic_load_explicit(&edits.count, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

void places_edited(void)
{
	if (--depth > 0)
		return;
	atomic_store_explicit(&edits.count,
			      atomic_load_explicit(&edits.count, memory_order_relaxed) + 1,
			      memory_order_release);
}

/* What each kind of place is to those who look. */
static const uint8_t kinds[] = {
	[PLACE_ATTACHED] = TRACT_SPAN_REGION,	  [PLACE_PAGED] = TRACT_SPAN_PAGER,
	[PLACE_ANONYMOUS] = TRACT_SPAN_ANONYMOUS, [PLACE_BLOCKED] = TRACT_SPAN_BLOCKED,
	[PLACE_ADOPTED] = TRACT_SPAN_EXPORTED,	  [PLACE_SYSV] = TRACT_SPAN_EXPORTED,
	[PLACE_IMPORTED] = TRACT_SPAN_IMPORTED,
};

static void tell_region(const struct span *span, struct tract_span *ret)
{
	const struct told *told = place_told((const struct place *)(uintptr_t)span->value);
	unsigned kind = atomic_load_explicit(&told->kind, memory_order_relaxed);
	unsigned flags = atomic_load_explicit(&told->flags, memory_order_relaxed);
	struct span area;

	*ret = (struct tract_span){
		.start = (void *)span->start,
		.size = span->last - span->start + 1,
		.kind = flags & PLACE_BORROWED ? TRACT_SPAN_BORROWED
			: kind < sizeof(kinds) ? (enum tract_span_kind)kinds[kind]
					       : 0,
		.rights = atomic_load_explicit(&told->rights, memory_order_relaxed),
		.flags = flags & ~(unsigned)PLACE_BORROWED,
		.in_area = layout_find_area(&places_layout, span->start, span->start, &area),
		.region = atomic_load_explicit(&told->region_id, memory_order_relaxed),
		.offset = atomic_load_explicit(&told->offset, memory_order_relaxed),
		.tag = atomic_load_explicit(&told->tag, memory_order_relaxed),
	};
}

static void tell_area(const struct span *span, struct tract_span *ret)
{
	*ret = (struct tract_span){
		.start = (void *)span->start,
		.size = span->last - span->start + 1,
		.kind = TRACT_SPAN_AREA,
		.flags = span->value & LAYOUT_RESERVED ? TRACT_AREA_BLOCK : 0u,
		.in_area = true,
		.tag = span->value >> AREA_TAG_SHIFT,
	};
}

enum which { REGIONS = 1, AREAS = 2 };

static bool look_once(unsigned which, uintptr_t first, uintptr_t last, struct tract_span *ret)
{
	struct span span;

	/* In the middle of a change there may be a span that has no value yet. */
	if ((which & REGIONS) && layout_find_region(&places_layout, first, last, &span) &&
	    span.value) {
		tell_region(&span, ret);
		return true;
	}
	if ((which & AREAS) && layout_find_area(&places_layout, first, last, &span)) {
		tell_area(&span, ret);
		return true;
	}
	return false;
}

static bool look_locked(unsigned which, uintptr_t first, uintptr_t last, struct tract_span *ret)
{
	bool found;

	mutex_lock(&places_lock);
	found = look_once(which, first, last, ret);
	mutex_unlock(&places_lock);
	return found;
}

static bool look(unsigned which, uintptr_t first, uintptr_t last, struct tract_span *ret)
{
	struct tract_span seen;
	bool found;

	for (unsigned n = 0; n < LOOKS; n++) {
		uint32_t before = atomic_load_explicit(&edits.count, memory_order_acquire);

		if (before & 1)
			continue;
		found = look_once(which, first, last, &seen);
		/* Pairs with the fence in places_edit(). */
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&edits.count, memory_order_relaxed) != before)
			continue;
		if (found)
			*ret = seen;
		return found;
	}
	/* Not to the caller's with the lock held: it may be in memory that a pager supplies. */
	found = look_locked(which, first, last, &seen);
	if (found)
		*ret = seen;
	return found;
}

int tract_map_find(struct tract_map *map, const void *addr, size_t size, struct tract_span *ret)
{
	uintptr_t first = (uintptr_t)addr, last;
	int r;

	if (!map || !ret || size == 0 || __builtin_add_overflow(first, size - 1, &last))
		return -EINVAL;
	if (map_is_remote(map))
		return map_refuse_remote();
	r = places_use();
	if (r < 0)
		return r;
	return look(REGIONS | AREAS, first, last, ret) ? 0 : -ENOENT;
}

int tract_find(const void *addr, struct tract_span *ret_span)
{
	if (!ret_span)
		return -EINVAL;
	return look(REGIONS, (uintptr_t)addr, (uintptr_t)addr, ret_span) ? 0 : -ENOENT;
}

static int next(struct tract_map *map, unsigned which, const void *from, struct tract_span *ret)
{
	int r;

	if (!map || !ret)
		return -EINVAL;
	if (map_is_remote(map))
		return map_refuse_remote();
	r = places_use();
	if (r < 0)
		return r;
	return look(which, (uintptr_t)from, UINTPTR_MAX, ret) ? 0 : -ENOENT;
}

int tract_map_next_attachment(struct tract_map *map, const void *from, struct tract_span *ret)
{
	return next(map, REGIONS, from, ret);
}

int tract_map_next_area(struct tract_map *map, const void *from, struct tract_span *ret)
{
	return next(map, AREAS, from, ret);
}

static int name_locked(uintptr_t addr, char *name, uint64_t *offset) REQUIRES(places_lock)
{
	bool partly;
	const struct place *place = places_find(addr, 1, &partly);

	if (!place)
		return -ENOENT;
	(void)strcpy(name, place->name ? place->name : "");
	*offset = place->name_offset;
	return 0;
}

int tract_map_name(struct tract_map *map, const void *addr, char *ret_name,
		   uint64_t *ret_offset)
{
	char name[TRACT_ATTACH_NAME_MAX + 1];
	uint64_t offset = 0;
	int r;

	if (!map || !ret_name || !ret_offset)
		return -EINVAL;
	if (map_is_remote(map))
		return map_refuse_remote();
	mutex_lock(&places_lock);
	r = name_locked((uintptr_t)addr, name, &offset);
	mutex_unlock(&places_lock);
	if (r < 0)
		return r;
	(void)strcpy(ret_name, name);
	*ret_offset = offset;
	return 0;
}

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

/* What each kind of place, and what is none, is to those who look. */
static const uint8_t kinds[] = {
	[0] = TRACT_SPAN_AREA,
	[PLACE_ATTACHED] = TRACT_SPAN_REGION,
	[PLACE_PAGED] = TRACT_SPAN_PAGER,
	[PLACE_ANONYMOUS] = TRACT_SPAN_ANONYMOUS,
	[PLACE_BLOCKED] = TRACT_SPAN_BLOCKED,
	[PLACE_ADOPTED] = TRACT_SPAN_EXPORTED,
	[PLACE_SYSV] = TRACT_SPAN_EXPORTED,
	[PLACE_IMPORTED] = TRACT_SPAN_IMPORTED,
};

/* What was seen, word by word, until it is known to be true. */
struct seen {
	struct span span;
	uint64_t region, offset, tag;
	unsigned kind, rights, flags; /* kind 0: an area, and of the rest only flags and tag */
	bool in_area;
};

static inline void see_region(struct seen *seen)
{
	const struct told *told = place_told((const struct place *)(uintptr_t)seen->span.value);

	seen->kind = atomic_load_explicit(&told->kind, memory_order_relaxed);
	seen->rights = atomic_load_explicit(&told->rights, memory_order_relaxed);
	seen->flags = atomic_load_explicit(&told->flags, memory_order_relaxed);
	seen->in_area = atomic_load_explicit(&told->in_area, memory_order_relaxed);
	seen->region = atomic_load_explicit(&told->region_id, memory_order_relaxed);
	seen->offset = atomic_load_explicit(&told->offset, memory_order_relaxed);
	seen->tag = atomic_load_explicit(&told->tag, memory_order_relaxed);
}

static inline void see_area(struct seen *seen)
{
	seen->kind = 0;
	seen->rights = 0;
	seen->flags = seen->span.value & LAYOUT_RESERVED ? TRACT_AREA_BLOCK : 0u;
	seen->in_area = true;
	seen->region = 0;
	seen->offset = 0;
	seen->tag = seen->span.value >> AREA_TAG_SHIFT;
}

static inline void tell(const struct seen *seen, struct tract_span *ret)
{
	*ret = (struct tract_span){
		.start = (void *)seen->span.start,
		.size = seen->span.last - seen->span.start + 1,
		.kind = seen->flags & PLACE_BORROWED ? (uint8_t)TRACT_SPAN_BORROWED
						     : kinds[seen->kind],
		.rights = seen->rights,
		.flags = seen->flags & ~(PLACE_BORROWED | PLACE_SHARED),
		.in_area = seen->in_area,
		.region = seen->region,
		.offset = seen->offset,
		.tag = seen->tag,
	};
}

enum which { REGIONS = 1, AREAS = 2 };

static inline bool look_once(unsigned which, uintptr_t first, uintptr_t last, struct seen *ret)
{
	/* In the middle of a change there may be a span that has no value yet. */
	if ((which & REGIONS) && layout_find_region(&places_layout, first, last, &ret->span) &&
	    ret->span.value) {
		see_region(ret);
		return true;
	}
	if ((which & AREAS) && layout_find_area(&places_layout, first, last, &ret->span)) {
		see_area(ret);
		return true;
	}
	return false;
}

static bool look_locked(unsigned which, uintptr_t first, uintptr_t last, struct seen *ret)
{
	bool found;

	mutex_lock(&places_lock);
	found = look_once(which, first, last, ret);
	mutex_unlock(&places_lock);
	return found;
}

static inline bool look(unsigned which, uintptr_t first, uintptr_t last, struct tract_span *ret)
{
	struct seen seen;
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
			tell(&seen, ret);
		return found;
	}
	/* Not to the caller's with the lock held: it may be in memory that a pager supplies. */
	found = look_locked(which, first, last, &seen);
	if (found)
		tell(&seen, ret);
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

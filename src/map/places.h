/* SPDX-License-Identifier: MIT */
/*
 * places.h - which addresses of this process have something of ours behind them
 *
 * A place is an attachment of the own map: attached by the program, adopted when private memory
 * was exported, System V memory exported in place, or the window of an import.  Places never
 * overlap.  Beside them stand the areas, and the pages that are shown without being attached,
 * which cover a part of a place or of an area.  The order of addresses, and what is free, is
 * the layout's (layout.h); here is what stands at them.
 *
 * One lock guards all of it, and every exchange of memory under it.  No call here goes to the
 * broker with the lock held.
 *
 * Finding takes no lock while nobody changes anything: it reads beside the writers, and looks
 * again if there was one (a sequence counter).  So a place's storage is only ever used for
 * places, and what finding reads of it is written as one edit.
 */
#ifndef MAP_PLACES_H
#define MAP_PLACES_H

#include <bsd/sys/queue.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tract/map.h>

#include "base/thread.h"
#include "map/exchange.h"
#include "map/layout.h"
#include "region/region.h"
#include "sys/vm.h"

/* Of a place's flags, beside TRACT_ATTACH_*: another process attached it. */
#define PLACE_BORROWED 0x8000u
/* And: it is a mapping of a shared region. */
#define PLACE_SHARED 0x4000u

enum place_kind {
	PLACE_ATTACHED = 1, /* a region of the program's choice */
	PLACE_PAGED,	    /* a pager */
	PLACE_ANONYMOUS,    /* memory of the map's own */
	PLACE_BLOCKED,	    /* nothing */
	PLACE_ADOPTED,
	PLACE_SYSV,
	PLACE_IMPORTED,
	PLACE_SHOWN, /* pages over a place or an area; not in the layout */
};

/* What finding reads of a place, beside a writer: by itself, so that what many places tell fits
 * into the caches. */
struct told {
	_Atomic uint64_t offset; /* of start, in the region or segment; may lie within a page */
	_Atomic uint64_t tag;
	_Atomic uint64_t region_id;
	_Atomic uint16_t flags; /* TRACT_ATTACH_*: what it is; and PLACE_* */
	_Atomic uint8_t kind;
	_Atomic uint8_t rights;
	_Atomic bool in_area; /* an area lies around its first byte */
};

static_assert(sizeof(struct told) == 32, "two of them fill a cache line");

/* The rest, under the lock. */
struct place {
	uintptr_t start;
	size_t size;
	struct tract_region *region; /* counted; NULL where there is none */
	struct tract_pager *pager;   /* counted */
	char *name;
	uint64_t name_offset;
	LIST_HEAD(, claim) claims; /* of exports that stand on it */
	LIST_ENTRY(place) window;  /* of the region */
	bool asks;		   /* shown by a pager that is asked about stores */
	bool inherited;		   /* a parent's: only memory to be freed is left of it */
	struct place *next_free;
};

/*
 * Where places are: what they tell comes first, in their order.  A block is found from any
 * address in it, and leaves malloc two words of its own between one and the next.
 */
#define PLACES_BLOCK ((uintptr_t)8192)
#define PLACES_IN_BLOCK 68

struct places_block {
	struct told told[PLACES_IN_BLOCK];
	struct place place[PLACES_IN_BLOCK];
};

static_assert(sizeof(struct places_block) <= PLACES_BLOCK - 16, "a block has its bounds");

static inline struct told *place_told(const struct place *place)
{
	struct places_block *block =
		(struct places_block *)((uintptr_t)place & ~(PLACES_BLOCK - 1));

	return &block->told[place - block->place];
}

/* Relaxed, as is everything that a sequence counter watches over (find.c). */
static inline uint64_t place_offset(const struct place *place)
{
	return atomic_load_explicit(&place_told(place)->offset, memory_order_relaxed);
}

static inline void place_set_offset(struct place *place, uint64_t to)
{
	atomic_store_explicit(&place_told(place)->offset, to, memory_order_relaxed);
}

static inline uint64_t place_tag(const struct place *place)
{
	return atomic_load_explicit(&place_told(place)->tag, memory_order_relaxed);
}

static inline uint32_t place_flags(const struct place *place)
{
	return atomic_load_explicit(&place_told(place)->flags, memory_order_relaxed);
}

static inline enum place_kind place_kind(const struct place *place)
{
	return (enum place_kind)atomic_load_explicit(&place_told(place)->kind,
						     memory_order_relaxed);
}

static inline uint32_t place_rights(const struct place *place)
{
	return atomic_load_explicit(&place_told(place)->rights, memory_order_relaxed);
}

static inline void place_set_rights(struct place *place, uint32_t to)
{
	atomic_store_explicit(&place_told(place)->rights, (uint8_t)to, memory_order_relaxed);
}

/* An area's value in the layout, beside LAYOUT_RESERVED: the library's own, and the tag. */
#define AREA_SYSTEM ((uint64_t)1 << 8)
#define AREA_TAG_SHIFT 56

static inline uint64_t area_value(bool reserved, uint8_t tag)
{
	return (uint64_t)tag << AREA_TAG_SHIFT | (reserved ? (uint64_t)LAYOUT_RESERVED : 0u);
}

static inline bool area_is_system(const struct span *area)
{
	return area->value & AREA_SYSTEM;
}

/* What a new place is. */
struct place_spec {
	uintptr_t start;
	size_t size;
	uint64_t offset;
	enum place_kind kind;
	uint32_t rights;
	uint32_t flags;
	uint64_t tag;
	struct tract_region *region; /* the place takes a reference of its own */
	struct tract_pager *pager;   /* likewise */
	const char *name;
	uint64_t name_offset;
};

/* Of the mapping that shows it: of VM_*. */
static inline unsigned place_prot(const struct place *place)
{
	unsigned prot = place_rights(place) & TRACT_RIGHT_READ ? VM_READ : 0u;

	if (place_kind(place) == PLACE_BLOCKED)
		return 0;
	/* No processor here can write what it cannot read. */
	if (place_rights(place) & TRACT_RIGHT_WRITE)
		prot |= VM_READ | VM_WRITE;
	return place_flags(place) & TRACT_ATTACH_EXECUTABLE ? prot | VM_EXEC : prot;
}

/* Taken before it, by whoever changes what exports stand on (claim.h). */
extern struct mutex bindings_lock;
extern struct mutex places_lock;

/* The own map's layout; its regions' values are places, cast. */
extern struct layout places_layout;

/* The map's limits, and what fork does to places, are known; written under places_lock. */
extern _Atomic bool places_set_up;
int places_begin(void);

/* Before the first use.  -ENOMEM. */
static inline int places_use(void)
{
	/* Pairs with the release of who has set it up. */
	if (atomic_load_explicit(&places_set_up, memory_order_acquire))
		return 0;
	return places_begin();
}

/* ---- the table -------------------------------------------------------------------------- */

/* The place that covers all of the range, or NULL; *ret_partly: something covers some of it. */
struct place *places_find(uintptr_t start, size_t size, bool *ret_partly) REQUIRES(places_lock);
/* The first place that ends after an address, or NULL. */
struct place *places_from(uintptr_t start) REQUIRES(places_lock);

/*
 * A place that is not in the table yet, and putting it there, where the caller has made sure
 * that nothing is: the second cannot fail after the first.  -ENOMEM.
 */
int places_make(const struct place_spec *spec, struct place **ret_place) REQUIRES(places_lock);
void places_insert(struct place *place) REQUIRES(places_lock);
/* Both. */
int places_add(const struct place_spec *spec, struct place **ret_place) REQUIRES(places_lock);
/* Takes it out of the table, frees it, and lets go of what was behind it: the memory stays as
 * it is. */
void places_remove(struct place *place) REQUIRES(places_lock);
/* The same for one that never was in the table. */
void places_discard(struct place *place) REQUIRES(places_lock);

/*
 * Everything between the two is one step for whoever finds; edits may be nested.  Inside one
 * nothing is waited for.
 */
void places_edit(void) REQUIRES(places_lock);
void places_edited(void) REQUIRES(places_lock);
/* A place begins where it did not, or an area has come or gone in this range: in the edit that
 * does it. */
void places_note_area(struct place *place) REQUIRES(places_lock);
void places_note_areas(uintptr_t first, uintptr_t last) REQUIRES(places_lock);

/* The region has become known to a broker, as an id. */
void places_announced(struct tract_region *region) REQUIRES(places_lock);

/* References that were let go of are given up here, since the last may tell the broker. */
void places_settle(void) EXCLUDES(places_lock);

/* Brings the pages of a range in that one thing is behind.  -ENOMEM if the host has not that
 * much to give. */
int places_populate(uintptr_t first, uintptr_t last, const struct tract_region *region,
		    bool write) REQUIRES(places_lock);

/* Is every invariant true? */
bool places_check(void) REQUIRES(places_lock);

/* ---- the windows of imports ------------------------------------------------------------- */

/* Of one that is mapped already, where nothing was. */
int places_add_import(void *addr, size_t size, uint64_t offset, uint32_t rights);
/* The same of a mapping of a shared region. */
int places_add_shared(void *addr, size_t size, uint32_t rights);
/* 1 if the range lies in one of those; 0; or -EACCES with its reason if it lies in one that is
 * not both readable and writable. */
int places_check_shared(uintptr_t start, size_t size) REQUIRES(places_lock);
/* Of one that is to be mapped there, over an area perhaps; one of the two below follows.
 * -EBUSY, -ENOMEM. */
int places_expect_import(void *addr, size_t size, uint64_t offset, uint32_t rights);
void places_import_failed(void *addr);
/* It covers what was there. */
void places_import_mapped(void *addr, size_t size);
/* Unmaps it as well; what an area holds stays held. */
void places_unmap_import(void *addr, size_t size);
/* In a child of fork, which has no mapping there. */
void places_forget_import(void *addr);

#endif

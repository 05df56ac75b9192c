/* SPDX-License-Identifier: MIT */
#include <l4/re/c/util/cap_alloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/thread.h"
#include "compat/l4re/l4re.h"

/* The pool and, below it, the slots that are the same in every task. */
#define SLOTS 65536u

struct slot {
	struct l4_object *object; /* counted; NULL: empty */
	_Atomic uint8_t kind;	  /* of that object; 0: empty.  Read without the lock */
	uint8_t rights;		  /* L4_CAP_FPAGE_* */
	bool taken;		  /* from the pool */
};

static struct mutex lock = MUTEX_INIT;
static struct slot slots[SLOTS];
static unsigned lowest = L4_FIRST_FREE; /* no slot of the pool below it is free */

/* ---- objects ---------------------------------------------------------------------------- */

struct l4_object *l4_object_ref(struct l4_object *object)
{
	ref_get(&object->ref);
	return object;
}

void l4_object_unref(struct l4_object *object)
{
	if (!object || !ref_put(&object->ref))
		return;
	if (object->kind == L4_KIND_DATASPACE)
		tract_region_close(object->ds.region);
	else if (object->kind == L4_KIND_PAGER)
		tract_pager_close(object->pager);
	else if (object->kind == L4_KIND_OTHER_TASK || object->kind == L4_KIND_OTHER_RM)
		tract_map_close(object->map);
	free(object);
}

/* ---- what is there from the start ------------------------------------------------------- */

/* One reference is nobody's, so that they are never freed. */
static struct l4_object others = { .ref = { 1 }, .kind = L4_KIND_OTHER };
static struct l4_object task = { .ref = { 1 }, .kind = L4_KIND_TASK };
static struct l4_object map = { .ref = { 1 }, .kind = L4_KIND_RM };
static struct l4_object allocator = { .ref = { 1 }, .kind = L4_KIND_MEM_ALLOC };

static const struct {
	l4_cap_idx_t cap;
	struct l4_object *object;
} fixed[] = {
	{ L4_BASE_TASK_CAP, &task },	    { L4_BASE_FACTORY_CAP, &others },
	{ L4_BASE_THREAD_CAP, &others },    { L4_BASE_PAGER_CAP, &map },
	{ L4_BASE_LOG_CAP, &others },	    { L4_BASE_ICU_CAP, &others },
	{ L4_BASE_SCHEDULER_CAP, &others }, { L4_BASE_IOMMU_CAP, &others },
	{ L4_BASE_DEBUGGER_CAP, &others },  { L4_RM_CAP, &map },
	{ L4_MEM_ALLOC_CAP, &allocator },
};

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&lock);
}

static void after_fork(void) NO_THREAD_SAFETY
{
	mutex_unlock(&lock);
}

/* The first of all: programs use the environment in constructors of their own. */
static void __attribute__((constructor(101))) fill_fixed(void)
{
	for (unsigned i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		struct slot *slot = &slots[fixed[i].cap >> L4_CAP_SHIFT];

		slot->object = l4_object_ref(fixed[i].object);
		slot->rights = L4_CAP_FPAGE_RWSD;
		atomic_store_explicit(&slot->kind, (uint8_t)fixed[i].object->kind,
				      memory_order_release);
	}
	(void)pthread_atfork(before_fork, after_fork, after_fork);
}

/* ---- looking ---------------------------------------------------------------------------- */

static struct slot *slot_of(l4_cap_idx_t cap)
{
	unsigned long number = cap >> L4_CAP_SHIFT;

	return l4_is_invalid_cap(cap) || number == 0 || number >= SLOTS ? NULL : &slots[number];
}

bool l4_slot_exists(l4_cap_idx_t cap)
{
	return slot_of(cap) != NULL;
}

int l4_slot_check(l4_cap_idx_t cap, enum l4_kind kind)
{
	const struct slot *slot = slot_of(cap);
	uint8_t there;

	if (!slot)
		return L4_NOBODY;
	there = atomic_load_explicit(&slot->kind, memory_order_acquire);
	if (there == kind)
		return 0;
	return there ? -L4_EBADPROTO : L4_NOBODY;
}

static int get_locked(const struct slot *slot, enum l4_kind kind, struct l4_object **ret_object,
		      unsigned *ret_rights) REQUIRES(lock)
{
	if (!slot->object)
		return L4_NOBODY;
	if (slot->object->kind != kind)
		return -L4_EBADPROTO;
	*ret_object = l4_object_ref(slot->object);
	if (ret_rights)
		*ret_rights = slot->rights;
	return 0;
}

int l4_slot_get(l4_cap_idx_t cap, enum l4_kind kind, struct l4_object **ret_object,
		unsigned *ret_rights)
{
	const struct slot *slot = slot_of(cap);
	int r;

	if (!slot)
		return L4_NOBODY;
	mutex_lock(&lock);
	r = get_locked(slot, kind, ret_object, ret_rights);
	mutex_unlock(&lock);
	return r;
}

bool l4_slot_is_filled(l4_cap_idx_t cap)
{
	const struct slot *slot = slot_of(cap);

	return slot && atomic_load_explicit(&slot->kind, memory_order_acquire) != 0;
}

bool l4_slots_are_equal(l4_cap_idx_t a, l4_cap_idx_t b)
{
	const struct slot *first = slot_of(a), *second = slot_of(b);
	bool equal;

	if (!first || !second)
		return false;
	mutex_lock(&lock);
	equal = first->object && first->object == second->object &&
		first->rights == second->rights;
	mutex_unlock(&lock);
	return equal;
}

/* ---- filling and emptying --------------------------------------------------------------- */

/* What was there before, to be given up without the lock. */
static struct l4_object *exchange(struct slot *slot, struct l4_object *object, unsigned rights)
	REQUIRES(lock)
{
	struct l4_object *before = slot->object;

	slot->object = object;
	slot->rights = (uint8_t)rights;
	atomic_store_explicit(&slot->kind, object ? (uint8_t)object->kind : 0,
			      memory_order_release);
	return before;
}

static void fill(struct slot *slot, struct l4_object *object, unsigned rights)
{
	struct l4_object *before;

	mutex_lock(&lock);
	before = exchange(slot, object, rights);
	mutex_unlock(&lock);
	l4_object_unref(before);
}

int l4_slot_put(l4_cap_idx_t cap, struct l4_object *object, unsigned rights)
{
	struct slot *slot = slot_of(cap);

	if (!slot) {
		l4_object_unref(object);
		return -L4_EINVAL;
	}
	fill(slot, object, rights);
	return 0;
}

void l4_slot_empty(l4_cap_idx_t cap)
{
	struct slot *slot = slot_of(cap);

	if (slot)
		fill(slot, NULL, 0);
}

static bool copy_locked(const struct slot *from, struct slot *to, unsigned mask,
			struct l4_object **ret_before) REQUIRES(lock)
{
	if (!from->object || from == to)
		return false;
	*ret_before = exchange(to, l4_object_ref(from->object), from->rights & mask);
	return true;
}

bool l4_slot_copy(l4_cap_idx_t from, l4_cap_idx_t to, unsigned mask)
{
	struct slot *source = slot_of(from), *target = slot_of(to);
	struct l4_object *before = NULL;
	bool copied;

	if (!source || !target)
		return false;
	mutex_lock(&lock);
	copied = copy_locked(source, target, mask, &before);
	mutex_unlock(&lock);
	l4_object_unref(before);
	return copied;
}

static unsigned purge_locked(const struct l4_object *object) REQUIRES(lock)
{
	unsigned count = 0;

	for (unsigned i = 1; i < SLOTS; i++)
		if (slots[i].object == object)
			count += exchange(&slots[i], NULL, 0) != NULL;
	return count;
}

void l4_slots_purge(struct l4_object *object)
{
	unsigned count;

	mutex_lock(&lock);
	count = purge_locked(object);
	mutex_unlock(&lock);
	/* None of them is the last: the caller has one of its own. */
	while (count-- > 0)
		(void)ref_put(&object->ref);
}

/* ---- the pool --------------------------------------------------------------------------- */

static l4_cap_idx_t take_locked(void) REQUIRES(lock)
{
	while (lowest < SLOTS && slots[lowest].taken)
		lowest++;
	if (lowest == SLOTS)
		return L4_INVALID_CAP;
	slots[lowest].taken = true;
	return (l4_cap_idx_t)lowest++ << L4_CAP_SHIFT;
}

L4_API l4_cap_idx_t l4re_util_cap_alloc(void)
{
	l4_cap_idx_t cap;

	mutex_lock(&lock);
	cap = take_locked();
	mutex_unlock(&lock);
	return cap;
}

static struct l4_object *give_back_locked(struct slot *slot) REQUIRES(lock)
{
	unsigned number = (unsigned)(slot - slots);

	if (number < L4_FIRST_FREE || !slot->taken)
		return NULL;
	slot->taken = false;
	if (number < lowest)
		lowest = number;
	return exchange(slot, NULL, 0);
}

/* The original leaves in the slot what is in it, for nobody; here it goes with the slot. */
L4_API void l4re_util_cap_free(l4_cap_idx_t cap)
{
	struct slot *slot = slot_of(cap);
	struct l4_object *before;

	if (!slot)
		return;
	mutex_lock(&lock);
	before = give_back_locked(slot);
	mutex_unlock(&lock);
	l4_object_unref(before);
}

L4_API void l4re_util_cap_free_um(l4_cap_idx_t cap)
{
	l4re_util_cap_free(cap);
}

L4_API long l4re_util_cap_last(void)
{
	return SLOTS - 1;
}

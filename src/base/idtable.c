/* SPDX-License-Identifier: MIT */
/*
 * idtable.c - ids that stand for pointers
 *
 * A slot's id and value are read without the lock.  A writer changes them in this order:
 *
 *	take: id := 0                     add: value := v, then id := new id   (both release)
 *
 * A reader looks at the id, the value, and the id again (acquire).  If it saw a later value,
 * it synchronised with the add that stored it, which comes after the take that cleared the id
 * it asked for; so its second look cannot find that id any more.
 */
#include "base/idtable.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/bytes.h"

#define FIRST_BLOCK 64u
#define NO_SLOT UINT32_MAX
#define SLOTS_MAX (FIRST_BLOCK * (BIT(IDTABLE_BLOCKS) - 1))

static unsigned block_of(uint32_t slot)
{
	return 31u - (unsigned)__builtin_clz(slot / FIRST_BLOCK + 1);
}

static uint32_t block_first(unsigned block)
{
	return FIRST_BLOCK * (BIT(block) - 1);
}

static struct idtable_slot *slot_at(struct idtable *t, uint32_t slot)
{
	struct idtable_slot *block;
	unsigned n;

	if (slot >= SLOTS_MAX)
		return NULL;
	n = block_of(slot);
	/* Pairs with the release in grow_locked(): the block's slots are zeroed. */
	block = atomic_load_explicit(&t->blocks[n], memory_order_acquire);
	return block ? block + (slot - block_first(n)) : NULL;
}

/* A slot that was made before. */
static struct idtable_slot *slot_get(struct idtable *t, uint32_t slot)
{
	struct idtable_slot *s = slot_at(t, slot);

	assert(s);
	return s;
}

void idtable_init(struct idtable *t, uint32_t max)
{
	*t = (struct idtable){ .free_first = NO_SLOT, .free_last = NO_SLOT, .max = max };
	mutex_init(&t->lock);
}

void idtable_deinit(struct idtable *t)
{
	for (unsigned n = 0; n < IDTABLE_BLOCKS; n++) {
		free(atomic_load_explicit(&t->blocks[n], memory_order_relaxed));
		atomic_store_explicit(&t->blocks[n], NULL, memory_order_relaxed);
	}
	mutex_deinit(&t->lock);
}

/* The next slot never used before. */
static int grow_locked(struct idtable *t, uint32_t *ret_slot) REQUIRES(t->lock)
{
	struct idtable_slot *block;
	unsigned n;

	if (t->slots >= SLOTS_MAX)
		return -ENOSPC;
	n = block_of(t->slots);
	if (t->slots == block_first(n)) {
		block = calloc((size_t)FIRST_BLOCK << n, sizeof(*block));
		if (!block)
			return -ENOMEM;
		atomic_store_explicit(&t->blocks[n], block, memory_order_release);
	}
	*ret_slot = t->slots++;
	return 0;
}

static int pick_locked(struct idtable *t, uint32_t *ret_slot) REQUIRES(t->lock)
{
	uint32_t slot = t->free_first;

	if (slot == NO_SLOT)
		return grow_locked(t, ret_slot);
	t->free_first = slot_get(t, slot)->next_free;
	if (t->free_first == NO_SLOT)
		t->free_last = NO_SLOT;
	*ret_slot = slot;
	return 0;
}

static int add_locked(struct idtable *t, void *value, uint64_t *ret_id) REQUIRES(t->lock)
{
	struct idtable_slot *s;
	uint32_t slot;
	int r;

	if (t->used >= t->max)
		return -ENOSPC;
	r = pick_locked(t, &slot);
	if (r < 0)
		return r;

	s = slot_get(t, slot);
	/* A generation is never 0, so neither is an id. */
	if (++s->generation == 0)
		s->generation = 1;
	*ret_id = (uint64_t)s->generation << 32 | slot;
	/* Both pair with the loads in idtable_find(); see the top of this file. */
	atomic_store_explicit(&s->value, value, memory_order_release);
	atomic_store_explicit(&s->id, *ret_id, memory_order_release);
	t->used++;
	return 0;
}

int idtable_add(struct idtable *t, void *value, uint64_t *ret_id)
{
	int r;

	assert(value);
	mutex_lock(&t->lock);
	r = add_locked(t, value, ret_id);
	mutex_unlock(&t->lock);
	return r;
}

void *idtable_find(struct idtable *t, uint64_t id)
{
	struct idtable_slot *s = slot_at(t, (uint32_t)id);
	void *value;

	if (!s || id == 0)
		return NULL;
	if (atomic_load_explicit(&s->id, memory_order_acquire) != id)
		return NULL;
	value = atomic_load_explicit(&s->value, memory_order_acquire);
	if (atomic_load_explicit(&s->id, memory_order_relaxed) != id)
		return NULL;
	return value;
}

static void *take_locked(struct idtable *t, uint64_t id) REQUIRES(t->lock)
{
	uint32_t slot = (uint32_t)id;
	struct idtable_slot *s = slot_at(t, slot);

	if (!s || id == 0 || atomic_load_explicit(&s->id, memory_order_relaxed) != id)
		return NULL;
	atomic_store_explicit(&s->id, 0, memory_order_release);
	s->next_free = NO_SLOT;
	if (t->free_last == NO_SLOT)
		t->free_first = slot;
	else
		slot_get(t, t->free_last)->next_free = slot;
	t->free_last = slot;
	t->used--;
	/* The value stays until the slot's next use, for whoever is inside idtable_find(). */
	return atomic_load_explicit(&s->value, memory_order_relaxed);
}

void *idtable_take(struct idtable *t, uint64_t id)
{
	void *value;

	mutex_lock(&t->lock);
	value = take_locked(t, id);
	mutex_unlock(&t->lock);
	return value;
}

uint32_t idtable_used(struct idtable *t)
{
	uint32_t used;

	mutex_lock(&t->lock);
	used = t->used;
	mutex_unlock(&t->lock);
	return used;
}

static void *next_locked(struct idtable *t, uint32_t *cursor) REQUIRES(t->lock)
{
	while (*cursor < t->slots) {
		struct idtable_slot *s = slot_get(t, (*cursor)++);

		if (atomic_load_explicit(&s->id, memory_order_relaxed) != 0)
			return atomic_load_explicit(&s->value, memory_order_relaxed);
	}
	return NULL;
}

void *idtable_next(struct idtable *t, uint32_t *cursor)
{
	void *value;

	mutex_lock(&t->lock);
	value = next_locked(t, cursor);
	mutex_unlock(&t->lock);
	return value;
}

/* How many slots are in use, and does each one's id name it? */
static bool count_used_locked(struct idtable *t, uint32_t *ret_used) REQUIRES(t->lock)
{
	uint32_t used = 0;

	for (uint32_t slot = 0; slot < t->slots; slot++) {
		struct idtable_slot *s = slot_get(t, slot);
		uint64_t id = atomic_load_explicit(&s->id, memory_order_relaxed);

		if (id == 0)
			continue;
		if ((uint32_t)id != slot || (uint32_t)(id >> 32) != s->generation)
			return false;
		used++;
	}
	*ret_used = used;
	return true;
}

static bool check_locked(struct idtable *t) REQUIRES(t->lock)
{
	uint32_t used = 0, unused = 0, last = NO_SLOT;

	if (!count_used_locked(t, &used) || used != t->used || used > t->max)
		return false;
	for (uint32_t slot = t->free_first; slot != NO_SLOT;) {
		struct idtable_slot *s = slot < t->slots ? slot_get(t, slot) : NULL;

		/* The count also ends the walk of a list that bites its tail. */
		if (!s || atomic_load_explicit(&s->id, memory_order_relaxed) != 0 ||
		    ++unused > t->slots)
			return false;
		last = slot;
		slot = s->next_free;
	}
	return used + unused == t->slots && last == t->free_last;
}

int idtable_check(struct idtable *t)
{
	bool right;

	mutex_lock(&t->lock);
	right = check_locked(t);
	mutex_unlock(&t->lock);
	return right;
}

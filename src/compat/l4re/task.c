/* SPDX-License-Identifier: MIT */
/*
 * task.c - slots and pages of this task, and pages of others
 */
#include <l4/sys/task.h>

#include "compat/l4re/l4re.h"

static l4_msgtag_t tag(long label)
{
	return (l4_msgtag_t){ .raw = label };
}

static unsigned order_of(l4_fpage_t page)
{
	return (unsigned)(page.raw >> L4_TRACT_FPAGE_ORDER_SHIFT) & 0x3f;
}

static bool is_of_objects(l4_fpage_t page)
{
	return ((page.raw >> L4_TRACT_FPAGE_KIND_SHIFT) & 3) == L4_TRACT_FPAGE_OBJECTS;
}

/* ---- capabilities ----------------------------------------------------------------------- */

L4_API l4_msgtag_t l4_task_map(l4_cap_idx_t dst_task, l4_cap_idx_t src_task,
			       l4_fpage_t snd_fpage, l4_umword_t snd_base)
{
	l4_cap_idx_t from = snd_fpage.raw & ~(L4_CAP_SIZE - 1);
	l4_cap_idx_t to = snd_base & ~(L4_CAP_SIZE - 1);
	unsigned long count;
	int r;

	r = l4_task_check_own(dst_task);
	if (r == 0)
		r = l4_task_check_own(src_task);
	if (r < 0 || !is_of_objects(snd_fpage))
		return tag(r);
	count = 1UL << order_of(snd_fpage);
	for (unsigned long i = 0; i < count && l4_slot_exists(from); i++) {
		bool copied = l4_slot_copy(from, to, snd_fpage.raw & L4_TRACT_FPAGE_RIGHTS);

		if (copied && (snd_base & L4_MAP_ITEM_GRANT))
			l4_slot_empty(from);
		from = l4_capability_next(from);
		to = l4_capability_next(to);
	}
	return tag(0);
}

/* At once, whoever refers to it; only for who may. */
static void delete (l4_cap_idx_t cap)
{
	__attribute__((cleanup(l4_object_scope_end))) struct l4_object *object = NULL;
	unsigned rights;

	if (l4_slot_get(cap, L4_KIND_DATASPACE, &object, &rights) < 0 &&
	    l4_slot_get(cap, L4_KIND_PAGER, &object, &rights) < 0)
		return;
	if (!(rights & L4_CAP_FPAGE_D))
		return;
	if (object->kind == L4_KIND_PAGER)
		tract_pager_destroy(object->pager);
	/* What is exported cannot be withdrawn like that: its owner takes it back first. */
	else if (tract_region_destroy(object->ds.region) < 0)
		return;
	l4_slots_purge(object);
}

static void unmap_slots(l4_fpage_t page, l4_umword_t mask)
{
	l4_cap_idx_t cap = page.raw & ~(L4_CAP_SIZE - 1);
	unsigned long count = 1UL << order_of(page);

	for (unsigned long i = 0; i < count && l4_slot_exists(cap); i++) {
		if ((mask & L4_FP_DELETE_OBJ) == L4_FP_DELETE_OBJ)
			delete (cap);
		l4_slot_empty(cap);
		cap = l4_capability_next(cap);
	}
}

/* Only what was shown is touched: what is attached would come back with the next access. */
static int unmap_pages(struct tract_map *map, l4_fpage_t page)
{
	uint32_t rights = page.raw & L4_FPAGE_RO ? TRACT_RIGHT_READ_WRITE : TRACT_RIGHT_WRITE;
	unsigned order = order_of(page);
	l4_addr_t start = page.raw & L4_PAGEMASK;

	if (order < L4_PAGESHIFT || order >= L4_MWORD_BITS)
		return 0;
	start &= ~0UL << order;
	return tract_map_hide(map, (void *)start, 1UL << order, rights);
}

L4_API l4_msgtag_t l4_task_unmap(l4_cap_idx_t task, l4_fpage_t fpage, l4_umword_t map_mask)
{
	__attribute__((cleanup(l4_object_scope_end))) struct l4_object *other = NULL;
	int r;

	r = l4_task_get(task, &other);
	if (r < 0)
		return tag(r);
	/* What is in another's slots is its own business. */
	if (is_of_objects(fpage) && other)
		return tag(-L4_EPERM);
	/* No other task was ever given anything. */
	if (!(map_mask & L4_FP_ALL_SPACES))
		return tag(0);
	if (is_of_objects(fpage))
		unmap_slots(fpage, map_mask);
	else if (fpage.raw & L4_FPAGE_RW)
		r = unmap_pages(l4_map_of(other), fpage);
	/* Here it cannot fail for any reason that a program could do something about. */
	return tag(other ? l4_error_of(r) : 0);
}

L4_API l4_msgtag_t l4_task_delete_obj(l4_cap_idx_t task, l4_cap_idx_t obj)
{
	return l4_task_unmap(task, l4_obj_fpage(obj, 0, L4_CAP_FPAGE_RWSD), L4_FP_DELETE_OBJ);
}

L4_API l4_msgtag_t l4_task_release_cap(l4_cap_idx_t task, l4_cap_idx_t cap)
{
	int r;

	r = l4_task_check_own(task);
	if (r == 0)
		l4_slot_empty(cap);
	return tag(r);
}

L4_API l4_msgtag_t l4_task_cap_valid(l4_cap_idx_t task, l4_cap_idx_t cap)
{
	int r;

	r = l4_task_check_own(task);
	return tag(r < 0 ? r : l4_slot_is_filled(cap));
}

L4_API l4_msgtag_t l4_task_cap_equal(l4_cap_idx_t task, l4_cap_idx_t cap_a, l4_cap_idx_t cap_b)
{
	int r;

	r = l4_task_check_own(task);
	return tag(r < 0 ? r : l4_slots_are_equal(cap_a, cap_b));
}

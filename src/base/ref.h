/* SPDX-License-Identifier: MIT */
/*
 * ref.h - a reference count
 */
#ifndef BASE_REF_H
#define BASE_REF_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ref {
	_Atomic unsigned count;
};

static inline void ref_init(struct ref *r)
{
	atomic_init(&r->count, 1u);
}

static inline void ref_get(struct ref *r)
{
	unsigned before = atomic_fetch_add_explicit(&r->count, 1u, memory_order_relaxed);

	assert(before > 0);
	(void)before;
}

/* For who found it in a table: false if the last reference is just being dropped. */
static inline bool ref_get_unless_zero(struct ref *r)
{
	unsigned count = atomic_load_explicit(&r->count, memory_order_relaxed);

	while (count > 0)
		if (atomic_compare_exchange_weak_explicit(&r->count, &count, count + 1,
							  memory_order_relaxed,
							  memory_order_relaxed))
			return true;
	return false;
}

/* Drops one that is not the last; false if it is, and then it is still there. */
static inline bool ref_put_unless_last(struct ref *r)
{
	unsigned count = atomic_load_explicit(&r->count, memory_order_relaxed);

	while (count > 1)
		if (atomic_compare_exchange_weak_explicit(&r->count, &count, count - 1,
							  memory_order_release,
							  memory_order_relaxed))
			return true;
	return false;
}

/* True for whoever drops the last one: everything done under other references is visible. */
static inline bool ref_put(struct ref *r)
{
	unsigned before = atomic_fetch_sub_explicit(&r->count, 1u, memory_order_acq_rel);

	assert(before > 0);
	return before == 1;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "map/lent.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdlib.h>

#include "client/process.h"

struct lent {
	LIST_ENTRY(lent) entry;
	struct tract_region *region; /* not counted */
	uint64_t map;		     /* the broker's id */
	uint64_t start, last;	     /* where it was attached */
	uint64_t left;		     /* bytes of it */
};

/* A leaf: nothing else is locked inside it. */
static struct mutex lock = MUTEX_INIT;
static LIST_HEAD(, lent) all = LIST_HEAD_INITIALIZER(all);

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&lock);
}

static void after_fork(void) NO_THREAD_SAFETY
{
	mutex_unlock(&lock);
}

static struct process_hook fork_hook = { .rank = PROCESS_LENDING,
					 .prepare = before_fork,
					 .parent = after_fork,
					 .child = after_fork };

static void forget(struct lent *lent) REQUIRES(lock)
{
	LIST_REMOVE(lent, entry);
	free(lent);
}

static void forget_region_locked(const struct tract_region *region) REQUIRES(lock)
{
	struct lent *lent, *next;

	LIST_FOREACH_SAFE(lent, &all, entry, next)
	if (lent->region == region)
		forget(lent);
}

static void forget_region(struct tract_region *region)
{
	mutex_lock(&lock);
	forget_region_locked(region);
	mutex_unlock(&lock);
}

static uint64_t last_of(uint64_t start, uint64_t size)
{
	uint64_t last;

	return __builtin_add_overflow(start, size - 1, &last) ? UINT64_MAX : last;
}

/* Bytes of [start, last] that it was attached at. */
static uint64_t overlap(const struct lent *lent, uint64_t start, uint64_t last)
{
	uint64_t first = start > lent->start ? start : lent->start;
	uint64_t end = last < lent->last ? last : lent->last;

	return first > end ? 0 : end - first + 1;
}

/* Is it gone? */
static bool subtract(struct lent *lent, uint64_t bytes)
{
	lent->left -= bytes < lent->left ? bytes : lent->left;
	return lent->left == 0;
}

/* ---- attaching -------------------------------------------------------------------------- */

int lent_prepare(struct tract_region *region, uint64_t map, struct lent **ret_lent)
{
	struct lent *lent = calloc(1, sizeof(*lent));

	if (!lent)
		return -ENOMEM;
	process_hook_add(&fork_hook);
	lent->region = region;
	lent->map = map;
	*ret_lent = lent;
	return 0;
}

void lent_discard(struct lent *lent)
{
	free(lent);
}

static void enter_locked(struct lent *lent) REQUIRES(lock)
{
	struct lent *other, *next;
	uint64_t bytes;

	LIST_FOREACH_SAFE(other, &all, entry, next)
	{
		bytes = other->map == lent->map ? overlap(other, lent->start, lent->last) : 0;
		if (bytes > 0 && subtract(other, bytes))
			forget(other);
	}
	LIST_INSERT_HEAD(&all, lent, entry);
	lent->region->let_go = forget_region;
}

void lent_enter(struct lent *lent, uint64_t start, uint64_t size)
{
	if (size == 0) {
		lent_discard(lent);
		return;
	}
	lent->start = start;
	lent->last = last_of(start, size);
	lent->left = size;
	mutex_lock(&lock);
	enter_locked(lent);
	mutex_unlock(&lock);
}

/* ---- detaching -------------------------------------------------------------------------- */

static struct lent *find_lowest(uint64_t map, uint64_t start, uint64_t last) REQUIRES(lock)
{
	struct lent *lent, *found = NULL;

	LIST_FOREACH (lent, &all, entry)
		if (lent->map == map && overlap(lent, start, last) > 0 &&
		    (!found || lent->start < found->start))
			found = lent;
	return found;
}

static struct tract_region *detached_locked(uint64_t map, uint64_t start, uint64_t last)
	REQUIRES(lock)
{
	struct lent *lent = find_lowest(map, start, last);
	struct tract_region *region;

	if (!lent || !subtract(lent, overlap(lent, start, last)))
		return NULL;
	region = ref_get_unless_zero(&lent->region->ref) ? lent->region : NULL;
	forget(lent);
	return region;
}

struct tract_region *lent_detached(uint64_t map, uint64_t start, uint64_t size)
{
	struct tract_region *region;

	if (size == 0)
		return NULL;
	mutex_lock(&lock);
	region = detached_locked(map, start, last_of(start, size));
	mutex_unlock(&lock);
	return region;
}

static bool exists_locked(const struct tract_region *region) REQUIRES(lock)
{
	const struct lent *lent;

	LIST_FOREACH (lent, &all, entry)
		if (lent->region == region)
			return true;
	return false;
}

bool lent_exists(const struct tract_region *region)
{
	bool exists;

	mutex_lock(&lock);
	exists = exists_locked(region);
	mutex_unlock(&lock);
	return exists;
}

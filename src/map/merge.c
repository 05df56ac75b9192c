/* SPDX-License-Identifier: MIT */
#include "map/merge.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fault.h"

/* The places that are overlapped, the range around them, and what is private in between. */
struct merge {
	uintptr_t start, end;
	struct old {
		struct place *place;
		struct tract_region *region; /* counted */
		int fresh;		     /* while its fence is open; -1 */
		uint64_t offset;	     /* in the merged region */
	} * old;
	unsigned old_count;
	struct exchange_part *part;
	unsigned part_count;
};

static void merge_deinit(struct merge *m)
{
	for (unsigned i = 0; i < m->old_count; i++) {
		fd_scope_end(&m->old[i].fresh);
		region_unref(m->old[i].region);
	}
	free(m->old);
	free(m->part);
}

static int add_old(struct merge *m, struct place *place)
{
	struct old *grown = reallocarray(m->old, m->old_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	m->old = grown;
	grown[m->old_count++] = (struct old){ .place = place,
					      .region = region_ref(place->region),
					      .fresh = -1 };
	return 0;
}

static int add_part(struct merge *m, uintptr_t start, uintptr_t end, int fd)
{
	struct exchange_part *grown;

	if (start >= end)
		return 0;
	grown = reallocarray(m->part, m->part_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	m->part = grown;
	grown[m->part_count++] =
		(struct exchange_part){ .addr = (void *)start, .size = end - start, .fd = fd };
	return 0;
}

/* With NULL for a session, of whichever the memory is. */
static int collect_locked(struct merge *m, const struct session *session, uintptr_t start,
			  uintptr_t end) REQUIRES(places_lock)
{
	struct place *place;
	uintptr_t at = start;
	int r = 0;

	m->start = start;
	m->end = end;
	for (place = places_from(start); place && place->start < end && r == 0;
	     place = places_from(place->start + place->size)) {
		r = claim_check_place(place);
		if (r == 0 && place_kind(place) != PLACE_ADOPTED)
			r = fail(-EFAULT,
				 "part of the range is attached or System V memory with "
				 "other bounds; export that by itself");
		if (r == 0 && session && !region_is_known(place->region, session))
			r = fail(-EFAULT,
				 "part of the memory belongs to a session with another broker");
		if (r == 0)
			r = add_old(m, place);
		if (r == 0)
			r = add_part(m, at, place->start, -1);
		if (r == 0)
			r = add_part(m, place->start, place->start + place->size,
				     region_fd(place->region));
		at = place->start + place->size;
		if (place->start < m->start)
			m->start = place->start;
		if (at > m->end)
			m->end = at;
	}
	return r < 0 ? r : add_part(m, at, end, -1);
}

static int check_private_parts(const struct merge *m)
{
	int r = 0;

	for (unsigned i = 0; i < m->part_count && r == 0; i++)
		if (m->part[i].fd < 0)
			r = exchange_can_adopt(m->part[i].addr, m->part[i].size);
	return r;
}

/* A fence that was begun is ended by the book: its importers are waiting. */
static void close_fences(struct merge *m)
{
	for (unsigned i = 0; i < m->old_count; i++)
		if (m->old[i].fresh >= 0)
			(void)claim_fence_finish(m->old[i].region, steal_fd(&m->old[i].fresh));
}

static int open_fences(struct merge *m)
{
	int r = 0;

	for (unsigned i = 0; i < m->old_count && r == 0; i++) {
		m->old[i].offset = m->old[i].place->start - m->start;
		r = region_fence_begin(m->old[i].region, &m->old[i].fresh);
	}
	return r;
}

/* Claims on the old places become claims on the merged one. */
static void replace_places(struct merge *m, struct place *merged) REQUIRES(places_lock)
{
	for (unsigned i = 0; i < m->old_count; i++) {
		struct place *old = m->old[i].place;
		struct claim *claim;

		while ((claim = LIST_FIRST(&old->claims))) {
			LIST_REMOVE(claim, entry);
			claim->place = merged;
			LIST_INSERT_HEAD(&merged->claims, claim, entry);
		}
		places_remove(old);
	}
}

static int exchange_locked(struct merge *m, struct tract_region *region,
			   struct claim **ret_claim) REQUIRES(places_lock)
{
	const struct place_spec spec = { .start = m->start,
					 .size = m->end - m->start,
					 .kind = PLACE_ADOPTED,
					 .rights = TRACT_RIGHT_READ_WRITE,
					 .region = region };
	struct place *merged;
	int r;

	r = places_make(&spec, &merged);
	if (r < 0)
		return r;
	r = claim_add(merged, ret_claim);
	if (r == 0)
		r = exchange_merge(m->part, m->part_count, region->fd);
	if (r < 0) {
		free(LIST_FIRST(&merged->claims));
		LIST_INIT(&merged->claims);
		places_discard(merged);
		return r;
	}
	replace_places(m, merged);
	places_insert(merged);
	return 0;
}

static int move(struct merge *m, struct tract_region *region, struct claim **ret_claim)
{
	int r;

	r = open_fences(m);
	if (r == 0)
		r = fault_point("merge.fences.open");
	if (r == 0) {
		mutex_lock(&places_lock);
		r = exchange_locked(m, region, ret_claim);
		mutex_unlock(&places_lock);
		places_settle();
	}
	if (r < 0) {
		close_fences(m);
		return r;
	}
	/* Whoever is not told is gone: the memory is where it should be. */
	for (unsigned i = 0; i < m->old_count; i++)
		(void)region_absorb(m->old[i].region, region, m->old[i].offset);
	return 0;
}

int merge_check(const void *addr, size_t size)
{
	struct merge m = { 0 };
	int r;

	mutex_lock(&places_lock);
	r = collect_locked(&m, NULL, (uintptr_t)addr, (uintptr_t)addr + size);
	mutex_unlock(&places_lock);
	if (r == 0)
		r = check_private_parts(&m);
	merge_deinit(&m);
	return r;
}

int merge_take(struct session *session, void *addr, size_t size, struct claim **ret_claim)
{
	scoped(region) struct tract_region *region = NULL;
	struct merge m = { 0 };
	int r;

	mutex_lock(&places_lock);
	r = collect_locked(&m, session, (uintptr_t)addr, (uintptr_t)addr + size);
	mutex_unlock(&places_lock);
	if (r == 0)
		r = check_private_parts(&m);
	if (r == 0)
		r = region_new(session, m.end - m.start,
			       exchange_gives_back(m.part, m.part_count), &region);
	if (r == 0)
		r = move(&m, region, ret_claim);
	merge_deinit(&m);
	return r;
}

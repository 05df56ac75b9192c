/* SPDX-License-Identifier: MIT */
#include "map/claim.h"

#include <errno.h>
#include <stdlib.h>

#include <tract/map.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "map/merge.h"
#include "sys/memfd.h"
#include "sys/vm.h"

/* ---- System V memory -------------------------------------------------------------------- */

struct sysv_survey {
	bool all; /* the whole range is one System V segment */
	unsigned areas;
	uint32_t shmid;
	uint64_t offset; /* of the range in the segment */
	uint64_t size;	 /* of what is attached of the segment, from its start */
	uint32_t rights;
};

static int survey_sysv(const struct vm_area *area, void *arg)
{
	struct sysv_survey *s = arg;

	s->all = s->areas++ == 0 && area->sysv;
	s->shmid = (uint32_t)area->inode;
	s->offset = area->offset;
	s->size = area->offset + (area->end - area->start);
	s->rights = ((area->prot & VM_READ) ? TRACT_RIGHT_READ : 0u) |
		    ((area->prot & VM_WRITE) ? TRACT_RIGHT_WRITE : 0u);
	return 0;
}

/* 0 if the range is System V memory that can be exported, or memory that can be moved. */
static int check_unclaimed(const void *addr, size_t size, struct sysv_survey *sysv)
{
	int r;

	r = vm_walk(addr, size, survey_sysv, sysv);
	if (r == -EFAULT)
		return fail(r, "part of the range is not mapped");
	if (r < 0)
		return r;
	if (!sysv->all)
		return exchange_can_adopt(addr, size);
	if (sysv->rights != TRACT_RIGHT_READ_WRITE)
		return fail(-EACCES,
			    "memory is exported only where it is readable and writable");
	return 0;
}

int tract_check_range(const void *addr, size_t size)
{
	struct sysv_survey sysv = { 0 };
	const struct place *place;
	bool partly;

	error_clear_reason();
	if (!addr || size == 0 || !is_multiple((uintptr_t)addr | size, vm_page_size()))
		return -EINVAL;
	mutex_lock(&places_lock);
	place = places_find((uintptr_t)addr, size, &partly);
	partly = partly || (place && place->rights == TRACT_RIGHT_READ_WRITE);
	mutex_unlock(&places_lock);
	/* Where it is a place already, or several, its pages are as good as any. */
	return partly ? 0 : check_unclaimed(addr, size, &sysv);
}

/* ---- taking ----------------------------------------------------------------------------- */

int claim_check_place(const struct session *session, const struct place *place)
{
	if (place->kind == PLACE_IMPORTED)
		return fail(-EFAULT,
			    "an imported segment cannot be exported again; connect to the "
			    "exporter instead");
	if (place->region->session != session)
		return fail(-EFAULT, "the memory belongs to a session with another broker");
	if (place->rights != TRACT_RIGHT_READ_WRITE)
		return fail(-EACCES,
			    "memory is exported only where it is readable and writable");
	return 0;
}

int claim_add(struct place *place, struct claim **ret_claim)
{
	struct claim *claim = calloc(1, sizeof(*claim));

	if (!claim)
		return -ENOMEM;
	claim->place = place;
	LIST_INSERT_HEAD(&place->claims, claim, entry);
	*ret_claim = claim;
	return 0;
}

/* 1 and the claim if the range has a place, 0 if it has none, or why it cannot be. */
static int find_locked(const struct session *session, void *addr, size_t size,
		       struct claim **ret_claim, bool *ret_partly) REQUIRES(places_lock)
{
	struct place *place = places_find((uintptr_t)addr, size, ret_partly);
	int r;

	if (!place)
		return 0;
	r = claim_check_place(session, place);
	if (r == 0)
		r = claim_add(place, ret_claim);
	return r < 0 ? r : 1;
}

static int adopt_locked(void *addr, size_t size, struct tract_region *region,
			struct claim **ret_claim) REQUIRES(places_lock)
{
	struct place *place;
	int r;

	r = places_add((uintptr_t)addr, size, 0, PLACE_ADOPTED, TRACT_RIGHT_READ_WRITE, region,
		       &place);
	if (r < 0)
		return r;
	r = claim_add(place, ret_claim);
	if (r == 0)
		r = exchange_adopt(addr, size, region->fd);
	if (r < 0) {
		free(LIST_FIRST(&place->claims));
		/* The caller has a reference of its own: this is not the last. */
		region_unref(places_remove(place));
	}
	return r;
}

static int take_private(struct session *session, void *addr, size_t size,
			struct claim **ret_claim)
{
	scoped(region) struct tract_region *region = NULL;
	const struct exchange_part all = { .addr = addr, .size = size, .fd = -1 };
	struct claim *claim = NULL;
	int r;

	r = region_new(session, size, exchange_gives_back(&all, 1), &region);
	if (r == 0)
		r = fault_point("claim.adopt.region_made");
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	r = adopt_locked(addr, size, region, &claim);
	mutex_unlock(&places_lock);
	if (r == 0)
		*ret_claim = claim;
	return r;
}

static int add_sysv_locked(void *addr, size_t size, const struct sysv_survey *s,
			   struct tract_region *region, struct claim **ret_claim)
	REQUIRES(places_lock)
{
	struct place *place;
	int r;

	r = places_add((uintptr_t)addr, size, s->offset, PLACE_SYSV, TRACT_RIGHT_READ_WRITE,
		       region, &place);
	if (r < 0)
		return r;
	r = claim_add(place, ret_claim);
	if (r < 0)
		region_unref(places_remove(place));
	return r;
}

static int take_sysv(struct session *session, void *addr, size_t size,
		     const struct sysv_survey *s, struct claim **ret_claim)
{
	scoped(region) struct tract_region *region = NULL;
	struct claim *claim = NULL;
	int r;

	r = region_new_sysv(session, s->size, s->shmid, &region);
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	r = add_sysv_locked(addr, size, s, region, &claim);
	mutex_unlock(&places_lock);
	if (r == 0)
		*ret_claim = claim;
	return r;
}

int claim_take(struct session *session, void *addr, size_t size, struct claim **ret_claim)
{
	struct sysv_survey sysv = { 0 };
	bool partly;
	int r;

	places_use();
	mutex_lock(&places_lock);
	r = find_locked(session, addr, size, ret_claim, &partly);
	mutex_unlock(&places_lock);
	if (r != 0)
		return r < 0 ? r : 0;
	if (partly)
		return merge_take(session, addr, size, ret_claim);
	/* Cheaper to refuse now than to ask for memory first. */
	r = check_unclaimed(addr, size, &sysv);
	if (r < 0)
		return r;
	if (sysv.all)
		return take_sysv(session, addr, size, &sysv, ret_claim);
	return take_private(session, addr, size, ret_claim);
}

/* ---- giving up -------------------------------------------------------------------------- */

static int drop_locked(struct claim *claim, struct tract_region **ret_region)
	REQUIRES(places_lock)
{
	struct place *place = claim->place;
	int r = 0;

	LIST_REMOVE(claim, entry);
	free(claim);
	if (!LIST_EMPTY(&place->claims) || place->kind == PLACE_ATTACHED)
		return 0;
	if (place->kind == PLACE_ADOPTED && !place->inherited)
		r = exchange_restore((void *)place->start, place->size,
				     region_fd(place->region), place->offset);
	*ret_region = places_remove(place);
	/* The program's memory is still the object, which the broker would empty: it is kept
	 * for as long as the process lives. */
	if (r < 0)
		*ret_region = NULL;
	return r;
}

int claim_drop(struct claim *claim)
{
	scoped(region) struct tract_region *region = NULL;
	int r;

	mutex_lock(&places_lock);
	r = drop_locked(claim, &region);
	mutex_unlock(&places_lock);
	return r;
}

/* ---- facts ------------------------------------------------------------------------------ */

struct binding claim_binding(const struct claim *claim, const void *addr)
{
	struct binding binding;

	mutex_lock(&places_lock);
	binding = (struct binding){
		.region = claim->place->region->id,
		.offset = claim->place->offset + ((uintptr_t)addr - claim->place->start),
	};
	mutex_unlock(&places_lock);
	return binding;
}

bool claim_outlived(const struct claim *claim)
{
	bool outlived;

	mutex_lock(&places_lock);
	outlived = claim->place->kind == PLACE_ATTACHED ||
		   LIST_FIRST(&claim->place->claims) != claim || LIST_NEXT(claim, entry);
	mutex_unlock(&places_lock);
	return outlived;
}

bool claim_is_attached(const struct claim *claim)
{
	bool attached;

	mutex_lock(&places_lock);
	attached = claim->place->kind == PLACE_ATTACHED;
	mutex_unlock(&places_lock);
	return attached;
}

/* ---- taking back ------------------------------------------------------------------------ */

static unsigned windows_of(const struct tract_region *region, struct exchange_window *windows)
	REQUIRES(places_lock)
{
	unsigned count = 0;

	for (struct place *p = places_from(0); p; p = places_from(p->start + p->size)) {
		if (p->region != region)
			continue;
		if (windows)
			windows[count] = (struct exchange_window){
				.addr = (void *)p->start,
				.size = p->size,
				.offset = p->offset,
				.prot = VM_READ |
					(p->rights & TRACT_RIGHT_WRITE ? VM_WRITE : 0u),
			};
		count++;
	}
	return count;
}

static int fence_locked(struct tract_region *region, int fresh) REQUIRES(places_lock)
{
	unsigned count = windows_of(region, NULL);
	scoped(mem) struct exchange_window *windows = calloc(count + 1, sizeof(*windows));
	int r;

	if (!windows)
		return -ENOMEM;
	(void)windows_of(region, windows);
	r = exchange_fence(windows, count, region->fd, fresh, region->size);
	if (r < 0)
		return r;
	session_close_fd(region->session, &region->fd);
	region->fd = fresh;
	return 0;
}

int claim_fence_finish(struct tract_region *region, int fresh)
{
	int r;

	mutex_lock(&places_lock);
	r = fence_locked(region, fresh);
	mutex_unlock(&places_lock);
	if (r < 0) {
		fd_scope_end(&fresh);
		(void)region_fence_end(region, true);
		return r;
	}
	(void)fault_point("claim.fence.moved");
	r = region_fence_end(region, false);
	/* Whoever is not told is gone: the memory is where it should be. */
	return r == -ENOTCONN ? 0 : r;
}

/* Is it the only one on its region, wherever that is attached? */
static bool is_alone_locked(const struct claim *claim) REQUIRES(places_lock)
{
	const struct claim *other;

	for (struct place *p = places_from(0); p; p = places_from(p->start + p->size)) {
		if (p->region != claim->place->region)
			continue;
		LIST_FOREACH (other, &p->claims, entry)
			if (other != claim)
				return false;
	}
	return true;
}

static int fence_alone_locked(const struct claim *claim, struct tract_region *region, int fresh)
	REQUIRES(places_lock)
{
	if (!is_alone_locked(claim))
		return fail(-EBUSY,
			    "another export stands on the memory, and without a broker its "
			    "importers cannot be led to a copy");
	if (region_fd(region) < 0)
		return fail(-EBADF,
			    "the program has closed the library's descriptors (closefrom?)");
	return fence_locked(region, fresh);
}

/* There is no broker to make a fresh object, nor anybody who would have to find it. */
static int fence_alone(const struct claim *claim, struct tract_region *region)
{
	scoped(fd) int fresh = -1;
	int r;

	r = memfd_new("tract", region->size, &fresh);
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	r = fence_alone_locked(claim, region, fresh);
	mutex_unlock(&places_lock);
	if (r == 0)
		(void)steal_fd(&fresh);
	return r;
}

int claim_fence(struct claim *claim)
{
	scoped(region) struct tract_region *region = region_ref(claim->place->region);
	scoped(fd) int fresh = -1;
	int r;

	if (region->fixed)
		return fail(-ENOTSUP,
			    "System V memory cannot be taken back from a process that "
			    "keeps it attached");
	r = region_fence_begin(region, &fresh);
	if (r == -ENOTCONN)
		return fence_alone(claim, region);
	if (r < 0)
		return r;
	r = fault_point("claim.fence.begun");
	if (r < 0) {
		/* Importers are waiting. */
		(void)region_fence_end(region, true);
		return r;
	}
	return claim_fence_finish(region, steal_fd(&fresh));
}

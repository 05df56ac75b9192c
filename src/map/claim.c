/* SPDX-License-Identifier: MIT */
#include "map/claim.h"

#include <errno.h>
#include <stdlib.h>

#include <tract/map.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "map/lent.h"
#include "map/merge.h"
#include "map/shown.h"
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

static int check_rights(uint32_t rights)
{
	if (rights == TRACT_RIGHT_READ_WRITE)
		return 0;
	return fail(-EACCES, "memory is exported only where it is readable and writable");
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
	return check_rights(sysv->rights);
}

/* ---- what can be exported --------------------------------------------------------------- */

int claim_check_place(const struct place *place)
{
	if (place_kind(place) == PLACE_IMPORTED)
		return fail(-EFAULT,
			    "an imported segment cannot be exported again; connect to the "
			    "exporter instead");
	if (place->region && place->region->borrowed)
		return fail(-EFAULT,
			    "another process attached its memory there; what is its own it "
			    "exports itself");
	if (place_kind(place) == PLACE_PAGED || place_kind(place) == PLACE_ANONYMOUS ||
	    place_kind(place) == PLACE_BLOCKED)
		return fail(-EFAULT,
			    "what is attached there is no region; attach one to export it");
	if (place_flags(place) & TRACT_ATTACH_PRIVATE)
		return fail(-EFAULT, "a private view of a region cannot be exported");
	if (place->region->destroyed)
		return fail(-EFAULT, "the region that is attached there was destroyed");
	return check_rights(place_rights(place));
}

/* A part of an attachment that is not there, or not what it seems. */
static int check_attached(const struct place *place, uintptr_t start, size_t size)
	REQUIRES(places_lock)
{
	const uint64_t page = vm_page_size();
	uint64_t offset = (place_offset(place) & ~(page - 1)) + (start - place->start), end;
	struct span over;

	if (shown_find(start, start + size - 1, &over))
		return fail(-EFAULT,
			    "pages of another region are shown there; hide them first");
	if (!add_fits(offset, size, &end) || end > place->region->size)
		return fail(-EFAULT, "the region ends before the attachment does");
	return 0;
}

/* 1 if the range has a place that can be exported, 0 if it has none, or why it cannot be. */
static int check_claimed(uintptr_t start, size_t size, bool *ret_partly) REQUIRES(places_lock)
{
	const struct place *place = places_find(start, size, ret_partly);
	int r;

	if (!place)
		return 0;
	r = claim_check_place(place);
	if (r == 0)
		r = check_attached(place, start, size);
	return r < 0 ? r : 1;
}

int tract_check_range(const void *addr, size_t size)
{
	struct sysv_survey sysv = { 0 };
	bool partly;
	int r;

	error_clear_reason();
	if (!addr || size == 0 || !is_multiple((uintptr_t)addr | size, vm_page_size()))
		return -EINVAL;
	r = places_use();
	if (r < 0)
		return r;
	mutex_lock(&places_lock);
	r = places_check_shared((uintptr_t)addr, size);
	if (r == 0)
		r = check_claimed((uintptr_t)addr, size, &partly);
	mutex_unlock(&places_lock);
	if (r != 0)
		return r < 0 ? r : 0;
	return partly ? merge_check(addr, size) : check_unclaimed(addr, size, &sysv);
}

/* ---- taking ----------------------------------------------------------------------------- */

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

/*
 * 1 and the claim if the range has a place, 0 if it has none, or why it cannot be.  -EAGAIN and
 * the place's region, counted, if the broker is to know it first.
 */
static int find_locked(const struct session *session, void *addr, size_t size,
		       struct claim **ret_claim, bool *ret_partly,
		       struct tract_region **ret_region) REQUIRES(places_lock)
{
	struct place *place;
	int r;

	r = check_claimed((uintptr_t)addr, size, ret_partly);
	if (r <= 0)
		return r;
	place = places_from((uintptr_t)addr);
	if (!region_is_known(place->region, session)) {
		*ret_region = region_ref(place->region);
		return -EAGAIN;
	}
	r = claim_add(place, ret_claim);
	return r < 0 ? r : 1;
}

static struct session *announced(struct tract_region *region, struct session *session,
				 uint64_t id)
{
	struct session *former;

	mutex_lock(&places_lock);
	former = region_announced(region, session, id);
	places_announced(region);
	mutex_unlock(&places_lock);
	return former;
}

int claim_announce(struct tract_region *region, struct session *session)
{
	uint64_t id;
	int r;

	/* It changes under both locks. */
	if (region_is_known(region, session))
		return 0;
	r = region_announce(region, session, &id);
	if (r == 0)
		session_unref(announced(region, session, id));
	return r;
}

/* The same, once the broker knows the region. */
static int find(struct session *session, void *addr, size_t size, struct claim **ret_claim,
		bool *ret_partly) REQUIRES(bindings_lock)
{
	int r = -EAGAIN;

	while (r == -EAGAIN) {
		scoped(region) struct tract_region *region = NULL;

		mutex_lock(&places_lock);
		r = find_locked(session, addr, size, ret_claim, ret_partly, &region);
		mutex_unlock(&places_lock);
		if (r != -EAGAIN)
			break;
		r = claim_announce(region, session);
		if (r == 0)
			r = -EAGAIN;
	}
	return r;
}

static int adopt_locked(void *addr, size_t size, struct tract_region *region,
			struct claim **ret_claim) REQUIRES(places_lock)
{
	const struct place_spec spec = { .start = (uintptr_t)addr,
					 .size = size,
					 .kind = PLACE_ADOPTED,
					 .rights = TRACT_RIGHT_READ_WRITE,
					 .region = region };
	struct place *place;
	int r;

	r = places_add(&spec, &place);
	if (r < 0)
		return r;
	r = claim_add(place, ret_claim);
	if (r == 0)
		r = exchange_adopt(addr, size, region->fd);
	if (r < 0) {
		free(LIST_FIRST(&place->claims));
		LIST_INIT(&place->claims);
		places_remove(place);
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
	places_settle();
	if (r == 0)
		*ret_claim = claim;
	return r;
}

static int add_sysv_locked(void *addr, size_t size, const struct sysv_survey *s,
			   struct tract_region *region, struct claim **ret_claim)
	REQUIRES(places_lock)
{
	const struct place_spec spec = { .start = (uintptr_t)addr,
					 .size = size,
					 .offset = s->offset,
					 .kind = PLACE_SYSV,
					 .rights = TRACT_RIGHT_READ_WRITE,
					 .region = region };
	struct place *place;
	int r;

	r = places_add(&spec, &place);
	if (r < 0)
		return r;
	r = claim_add(place, ret_claim);
	if (r < 0)
		places_remove(place);
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
	places_settle();
	if (r == 0)
		*ret_claim = claim;
	return r;
}

int claim_take(struct session *session, void *addr, size_t size, struct claim **ret_claim)
{
	struct sysv_survey sysv = { 0 };
	bool partly;
	int r;

	r = places_use();
	if (r < 0)
		return r;
	r = find(session, addr, size, ret_claim, &partly);
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

static int drop_locked(struct claim *claim) REQUIRES(places_lock)
{
	struct place *place = claim->place;
	int r = 0;

	LIST_REMOVE(claim, entry);
	free(claim);
	if (!LIST_EMPTY(&place->claims) || place_kind(place) == PLACE_ATTACHED)
		return 0; /* An attachment stays, as it was before. */
	if (place_kind(place) == PLACE_ADOPTED && !place->inherited)
		r = exchange_restore((void *)place->start, place->size,
				     region_fd(place->region), place_offset(place));
	/* The program's memory is still the object, which the broker would empty: it is kept
	 * for as long as the process lives. */
	if (r < 0)
		(void)region_ref(place->region);
	places_remove(place);
	return r;
}

int claim_drop(struct claim *claim)
{
	int r;

	mutex_lock(&places_lock);
	r = drop_locked(claim);
	mutex_unlock(&places_lock);
	places_settle();
	return r;
}

/* ---- facts ------------------------------------------------------------------------------ */

struct binding claim_binding(const struct claim *claim, const void *addr)
{
	const uint64_t page = vm_page_size();
	struct binding binding;

	mutex_lock(&places_lock);
	binding = (struct binding){
		.region = claim->place->region->id,
		.offset = (place_offset(claim->place) & ~(page - 1)) +
			  ((uintptr_t)addr - claim->place->start),
	};
	mutex_unlock(&places_lock);
	return binding;
}

bool claim_outlived(const struct claim *claim)
{
	bool outlived;

	mutex_lock(&places_lock);
	outlived = place_kind(claim->place) == PLACE_ATTACHED ||
		   LIST_FIRST(&claim->place->claims) != claim || LIST_NEXT(claim, entry);
	mutex_unlock(&places_lock);
	return outlived;
}

bool claim_is_attached(const struct claim *claim)
{
	bool attached;

	mutex_lock(&places_lock);
	attached = place_kind(claim->place) == PLACE_ATTACHED;
	mutex_unlock(&places_lock);
	return attached;
}

/* ---- taking back ------------------------------------------------------------------------ */

struct windows {
	const struct tract_region *region;
	struct exchange_window *window; /* NULL: they are only counted */
	unsigned count;
};

/* A run of a place's addresses, cut where the object ends. */
static void add_window(struct windows *w, const struct place *place, uintptr_t start,
		       uintptr_t last)
{
	const uint64_t page = vm_page_size();
	uint64_t offset = (place_offset(place) & ~(page - 1)) + (start - place->start);
	uint64_t shown = offset < w->region->size ? w->region->size - offset : 0;
	size_t size = last - start + 1;

	if (shown == 0)
		return;
	if (w->window)
		w->window[w->count] = (struct exchange_window){
			.addr = (void *)start,
			.size = size < shown ? size : (size_t)shown,
			.offset = offset,
			.prot = place_prot(place),
		};
	w->count++;
}

/* What other pages are shown over is not the object's. */
static void add_windows(struct windows *w, const struct place *place) REQUIRES(places_lock)
{
	uintptr_t at = place->start, first, last;

	for (; shown_next_uncovered(place, at, &first, &last); at = last + 1)
		add_window(w, place, first, last);
}

/* Who may write to a view of his own has copies of his own, and needs all of them now. */
static bool is_own_view(const struct place *place)
{
	return (place_flags(place) & TRACT_ATTACH_PRIVATE) &&
	       (place_rights(place) & TRACT_RIGHT_WRITE);
}

static int part_from(const struct tract_region *region, const struct place *view)
{
	const uint64_t page = vm_page_size();
	uint64_t offset = place_offset(view) & ~(page - 1);

	if (offset >= region->size)
		return 0;
	/* Past the region's end there is nothing to be had. */
	return vm_populate_write((void *)view->start, view->size < region->size - offset
							      ? view->size
							      : region->size - offset);
}

static int part_from_own_views(const struct tract_region *region) REQUIRES(places_lock)
{
	const struct place *p;
	int r = 0;

	LIST_FOREACH (p, &region->windows, window)
		if (is_own_view(p) && r == 0)
			r = part_from(region, p);
	return r;
}

static void find_windows(struct windows *w) REQUIRES(places_lock)
{
	const struct place *p;

	w->count = 0;
	LIST_FOREACH (p, &w->region->windows, window)
		if (!is_own_view(p))
			add_windows(w, p);
}

static int fence_locked(struct tract_region *region, int fresh) REQUIRES(places_lock)
{
	struct windows w = { .region = region };
	scoped(mem) struct exchange_window *windows = NULL;
	int r;

	r = part_from_own_views(region);
	if (r == 0)
		r = shown_uncover_asking(region);
	if (r < 0)
		return r;
	find_windows(&w);
	windows = calloc(w.count + 1, sizeof(*windows));
	if (!windows)
		return -ENOMEM;
	w.window = windows;
	find_windows(&w);
	r = exchange_fence(windows, w.count, region->fd, fresh, region->size);
	if (r < 0)
		return r;
	region_replace_fd(region, fresh);
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

	if (lent_exists(claim->place->region))
		return false;
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
			    "another export stands on the memory, or another process has it "
			    "attached, and without a broker nobody leads them to a copy");
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

int claim_fence_region(struct tract_region *region)
{
	scoped(fd) int fresh = -1;
	int r;

	r = region_fence_begin(region, &fresh);
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

int claim_fence(struct claim *claim)
{
	scoped(region) struct tract_region *region = region_ref(claim->place->region);
	int r;

	if (region->fixed)
		return fail(-ENOTSUP,
			    "System V memory cannot be taken back from a process that "
			    "keeps it attached");
	r = claim_fence_region(region);
	return r == -ENOTCONN ? fence_alone(claim, region) : r;
}

/* SPDX-License-Identifier: MIT */
#include "map/borrow.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "client/process.h"
#include "map/attach.h"
#include "map/detach.h"
#include "map/shown.h"
#include "map/stall.h"
#include "sys/memfd.h"

struct borrowed {
	LIST_ENTRY(borrowed) entry;
	struct tract_region *region; /* not counted */
	struct stall *stalls;	     /* accesses that wait; the service thread's */
	unsigned stall_count;
};

/* A leaf: nothing else is locked inside it. */
static struct mutex lock = MUTEX_INIT;
static LIST_HEAD(, borrowed) all = LIST_HEAD_INITIALIZER(all);

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

/* ---- the table -------------------------------------------------------------------------- */

static struct borrowed *find_of(const struct tract_region *region) REQUIRES(lock)
{
	struct borrowed *b;

	LIST_FOREACH (b, &all, entry)
		if (b->region == region)
			break;
	return b;
}

static struct borrowed *take_out(const struct tract_region *region) REQUIRES(lock)
{
	struct borrowed *b = find_of(region);

	if (b)
		LIST_REMOVE(b, entry);
	return b;
}

static void end_stalls(struct borrowed *b)
{
	for (unsigned i = 0; i < b->stall_count; i++)
		stall_end(&b->stalls[i]);
	b->stall_count = 0;
}

/* Nothing of it is attached any more. */
static void let_go(struct tract_region *region)
{
	struct message request = { .number = MSG_import_close };
	struct borrowed *b;

	mutex_lock(&lock);
	b = take_out(region);
	mutex_unlock(&lock);
	if (!b)
		return;
	request.import_close.import = region->borrowed;
	if (session_is_usable(region->session))
		(void)session_tell(region->session, &request);
	end_stalls(b);
	free(b->stalls);
	free(b);
}

int borrow_take(struct session *session, const struct msg_map_asked *asked, int *fd,
		struct tract_region **ret_region)
{
	struct borrowed *b;
	int r;

	if (*fd < 0)
		return -EMFILE;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	process_hook_add(&fork_hook);
	r = region_make(session, asked->region_size, 0, *fd, &b->region);
	if (r < 0) {
		free(b);
		return r;
	}
	*fd = -1;
	b->region->borrowed = asked->import;
	b->region->lender = asked->asker;
	b->region->let_go = let_go;
	*ret_region = b->region;
	mutex_lock(&lock);
	LIST_INSERT_HEAD(&all, b, entry);
	mutex_unlock(&lock);
	return 0;
}

/* ---- what is seen of it ----------------------------------------------------------------- */

static bool is_own_view(const struct place *place)
{
	return (place_flags(place) & TRACT_ATTACH_PRIVATE) &&
	       (place_rights(place) & TRACT_RIGHT_WRITE);
}

int borrow_part(const struct place *place)
{
	const uint64_t page = vm_page_size();
	uint64_t offset = place_offset(place) & ~(page - 1);
	const struct tract_region *region = place->region;

	if (!is_own_view(place) || offset >= region->size)
		return 0;
	return vm_populate_write((void *)place->start, place->size < region->size - offset
							       ? place->size
							       : region->size - offset);
}

/* Runs of it that are mapped from the region; those that @each fails for stay as they are. */
static void for_each_window(const struct tract_region *region,
			    void (*each)(const struct place *place, uintptr_t first,
					 uintptr_t last, struct borrowed *b),
			    struct borrowed *b) REQUIRES(places_lock)
{
	const struct place *place;
	uintptr_t at, first, last;

	LIST_FOREACH (place, &region->windows, window)
		for (at = place->start;
		     !is_own_view(place) && shown_next_uncovered(place, at, &first, &last);
		     at = last + 1)
			each(place, first, last, b);
}

static void map_again(const struct place *place, uintptr_t first, uintptr_t last,
		      struct borrowed *b) REQUIRES(places_lock)
{
	(void)b;
	(void)attach_again(place, first, last);
}

static void map_zeros(const struct place *place, uintptr_t first, uintptr_t last,
		      struct borrowed *b) REQUIRES(places_lock)
{
	(void)b;
	(void)vm_replace((void *)first, last - first + 1, place_prot(place), -1, 0);
}

/* ---- what its owner does ---------------------------------------------------------------- */

static void stall_window(const struct place *place, uintptr_t first, uintptr_t last,
			 struct borrowed *b) REQUIRES(places_lock)
{
	struct stall *grown = reallocarray(b->stalls, b->stall_count + 1, sizeof(*b->stalls));

	(void)place;
	if (!grown)
		return;
	b->stalls = grown;
	grown[b->stall_count] = (struct stall){ 0 };
	if (stall_begin(&grown[b->stall_count], (void *)first, last - first + 1) == 0)
		b->stall_count++;
}

static void stalled(struct borrowed *b) REQUIRES(places_lock)
{
	if (b->stall_count == 0)
		for_each_window(b->region, stall_window, b);
}

/* Whatever could not be mapped shows what was there before, which is empty by then. */
static void moved(struct borrowed *b, int *fd) REQUIRES(places_lock)
{
	if (*fd >= 0)
		region_replace_fd(b->region, steal_fd(fd));
	for_each_window(b->region, map_again, b);
	end_stalls(b);
}

/* What is there from now on is this process's own. */
static void zeroed(struct borrowed *b) REQUIRES(places_lock)
{
	scoped(fd) int fd = -1;

	if (memfd_new("returned", b->region->size, &fd) == 0) {
		moved(b, &fd);
		return;
	}
	region_replace_fd(b->region, -1);
	for_each_window(b->region, map_zeros, b);
	end_stalls(b);
}

static void unwanted(struct borrowed *b) REQUIRES(places_lock)
{
	const struct place *place;

	zeroed(b);
	while ((place = LIST_FIRST(&b->region->windows)))
		if (detach_all(place->start, place->start + place->size - 1) < 0)
			break;
}

static void apply(struct borrowed *b, const struct message *event, int *fd)
	REQUIRES(places_lock)
{
	switch (event->number) {
	case MSG_import_stall:
		stalled(b);
		break;
	case MSG_import_moved:
		moved(b, fd);
		break;
	default:
		if (event->import_revoked.reason == WIRE_REASON_UNWANTED)
			unwanted(b);
		else
			zeroed(b);
		break;
	}
}

static struct borrowed *find_locked(const struct session *session, uint64_t import)
	REQUIRES(lock)
{
	struct borrowed *b;

	LIST_FOREACH (b, &all, entry)
		if (b->region->borrowed == import && b->region->session == session &&
		    ref_get_unless_zero(&b->region->ref))
			return b;
	return NULL;
}

/* With a reference to its region, so that it stays. */
static struct borrowed *find(const struct session *session, uint64_t import)
{
	struct borrowed *b;

	mutex_lock(&lock);
	b = find_locked(session, import);
	mutex_unlock(&lock);
	return b;
}

bool borrow_on_event(struct session *session, const struct message *event, int *fd)
{
	uint64_t import = session_import_of(event);
	struct borrowed *b = import ? find(session, import) : NULL;
	struct tract_region *region;

	if (!b)
		return false;
	region = b->region;
	mutex_lock(&places_lock);
	apply(b, event, fd);
	mutex_unlock(&places_lock);
	places_settle();
	region_unref(region);
	return true;
}

/* ---- without a broker ------------------------------------------------------------------- */

static struct borrowed *find_stalled_locked(const struct session *session) REQUIRES(lock)
{
	struct borrowed *b;

	LIST_FOREACH (b, &all, entry)
		if (b->region->session == session && b->stall_count > 0 &&
		    ref_get_unless_zero(&b->region->ref))
			return b;
	return NULL;
}

static struct borrowed *find_stalled(const struct session *session)
{
	struct borrowed *b;

	mutex_lock(&lock);
	b = find_stalled_locked(session);
	mutex_unlock(&lock);
	return b;
}

void borrow_lost(const struct session *session)
{
	struct tract_region *region;
	struct borrowed *b;

	while ((b = find_stalled(session))) {
		region = b->region;
		mutex_lock(&places_lock);
		for_each_window(region, map_again, b);
		end_stalls(b);
		mutex_unlock(&places_lock);
		region_unref(region);
	}
}

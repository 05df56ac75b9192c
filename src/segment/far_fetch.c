/* SPDX-License-Identifier: MIT */
/*
 * far_fetch.c - what the thread does about a fault
 *
 * A page that is not there is fetched, with as many after it as are likely to be touched. While
 * the program goes through these the next are fetched into a buffer; it is the touch of the
 * first of them that puts them there, and has the next fetched.
 *
 * What cannot be fetched is zeros, and a failure for the span it is in.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "segment/far_map.h"
#include "segment/far_pager.h"
#include "sys/vm.h"

/* Of a long run so many are put there first, so that who waits goes on. */
#define FIRST_PAGES ((size_t)16)

/* ---- fetching --------------------------------------------------------------------------- */

struct fetch {
	struct far_fetched to;
	struct far_window *window; /* NULL: nothing is under way */
	struct fabric_result result;
	uint64_t deadline;
};

static void fetch_begin(const struct far_map *map, struct fetch *fetch)
{
	fetch->result = (struct fabric_result){ 0 };
	fetch->deadline = clock_deadline_ms(map->far->timeout_ms);
	fetch->window = NULL;
	fetch->to.error = far_use(map->far, true, fetch->deadline, &fetch->window);
	if (fetch->to.error == 0)
		fetch->to.error = far_fabric()->get(
			fetch->window->target, map->offset + fetch->to.page * map->page_size,
			fetch->to.memory, fetch->to.count * map->page_size, fetch->deadline,
			&fetch->result);
}

static void fetch_end(const struct far_map *map, struct fetch *fetch)
{
	int r;

	if (fetch->window) {
		r = far_fabric()->finish(fetch->window->target, fetch->deadline,
					 &fetch->result);
		far_leave(map->far, fetch->window);
		if (fetch->to.error == 0)
			fetch->to.error = r;
	}
	if (fetch->to.error == 0)
		fetch->to.error = fault_point("far.map.fetched");
	if (fetch->to.error < 0)
		memset(fetch->to.memory, 0, fetch->to.count * map->page_size);
}

/* ---- putting pages there ---------------------------------------------------------------- */

/* They were away. */
static int bring_locked(struct far_map *map, size_t page, size_t count, const char *content)
	REQUIRES(map->lock)
{
	struct uffd *uffd = far_pager_uffd(map->pager);
	const size_t size = count * map->page_size;
	int r;

	r = uffd_bring(uffd, far_map_page(map, page), size, content, map->prot & VM_WRITE);
	if (r < 0)
		return r;
	far_pages_arrived(&map->pages, page, count);
	return uffd_wake(uffd, far_map_page(map, page), size);
}

static int bring_run_locked(struct far_map *map, size_t page, size_t count, const char *content)
	REQUIRES(map->lock)
{
	size_t first = count < FIRST_PAGES ? count : FIRST_PAGES;
	int r;

	r = bring_locked(map, page, first, content);
	if (r == 0 && count > first)
		r = bring_locked(map, page + first, count - first,
				 content + first * map->page_size);
	return r;
}

static void note_locked(struct far_map *map, size_t page, size_t count) REQUIRES(map->lock);

/* False if the map has let go of its pages since: what was fetched is of before. */
static bool install_locked(struct far_map *map, const struct far_fetched *got, size_t touched,
			   bool store) REQUIRES(map->lock)
{
	const size_t end = got->page + got->count;
	size_t run;

	if (map->ended)
		return true;
	if (got->version != map->version)
		return false;
	for (size_t page = got->page; page < end; page += run) {
		run = far_pages_run(&map->pages, page, end - page);
		if (far_pages_state(&map->pages, page) == FAR_AWAY &&
		    bring_run_locked(map, page, run,
				     got->memory + (page - got->page) * map->page_size) < 0)
			return true;
	}
	if (store && far_pages_state(&map->pages, touched) == FAR_CLEAN &&
	    map->pages.dirty < FAR_DIRTY_MAX)
		note_locked(map, touched, 1);
	return true;
}

/* ---- a page that is not there ----------------------------------------------------------- */

/* The program let go of it itself (madvise).  False if it is there: another fault brought it.
 */
static bool is_lost_locked(struct far_map *map, size_t page) REQUIRES(map->lock)
{
	const uintptr_t start = (uintptr_t)far_map_page(map, page);
	uintptr_t from, to;

	if (far_pages_state(&map->pages, page) != FAR_CLEAN)
		return false;
	if (vm_next_present(start, start + map->page_size, &from, &to) != -ENXIO)
		return false;
	far_pages_forget(&map->pages, page, 1);
	return true;
}

static char *other_half(const struct far_map *map, const char *half)
{
	return half == map->buffer ? map->buffer + FAR_RUN_MAX : map->buffer;
}

/* Are they in the buffer?  Then they are taken out of it. */
static bool take_ahead_locked(struct far_map *map, size_t page, struct far_fetched *ret_got)
	REQUIRES(map->lock)
{
	if (map->ahead.version != map->version)
		map->ahead.count = 0;
	if (page - map->ahead.page >= map->ahead.count)
		return false;
	*ret_got = map->ahead;
	map->ahead.count = 0;
	return true;
}

enum plan { NOTHING, BUFFERED, FETCH };

/* @now is what to fetch, or has been; of @next it may be none. */
static enum plan plan_locked(struct far_map *map, size_t page, struct far_fetched *now,
			     struct far_fetched *next) REQUIRES(map->lock)
{
	const uint64_t deadline = clock_deadline_ms(map->far->timeout_ms);
	enum plan plan = BUFFERED;
	size_t run, likely;

	while (map->delivering && !map->ended && far_map_wait_locked(map, deadline))
		continue;
	if (map->ended ||
	    (far_pages_state(&map->pages, page) != FAR_AWAY && !is_lost_locked(map, page)))
		return NOTHING;
	run = far_ahead_touch(&map->loads, page, &likely);
	if (!take_ahead_locked(map, page, now)) {
		plan = FETCH;
		now->page = page;
		now->count = far_pages_run(&map->pages, page, run);
		now->version = map->version;
		now->memory = other_half(map, map->ahead.count ? map->ahead.memory : NULL);
	}
	next->page = now->page + now->count;
	next->version = map->version;
	next->memory = other_half(map, now->memory);
	next->count = 0;
	if (likely > 0 && next->page < map->pages.count &&
	    far_pages_state(&map->pages, next->page) == FAR_AWAY)
		next->count = far_pages_run(&map->pages, next->page, likely);
	return plan;
}

/* Into the buffer, while the program goes on; it is not known to want them. */
static bool fetch_and_install(struct far_map *map, enum plan plan, struct fetch *now,
			      struct fetch *next, size_t page, bool store)
{
	bool done;

	if (plan == FETCH) {
		fetch_begin(map, now);
		fetch_end(map, now);
	}
	if (now->to.error < 0)
		far_failed(map->far);
	else if (next->to.count > 0)
		fetch_begin(map, next);
	mutex_lock(&map->lock);
	done = install_locked(map, &now->to, page, store);
	mutex_unlock(&map->lock);
	if (now->to.error == 0 && next->to.count > 0) {
		fetch_end(map, next);
		map->ahead = next->to;
		if (next->to.error < 0)
			map->ahead.count = 0;
	}
	return done;
}

static void serve_away(struct far_map *map, size_t page, bool store)
{
	enum plan plan;
	bool done;

	do {
		struct fetch now = { .to = { 0 } }, next = { .to = { 0 } };

		mutex_lock(&map->lock);
		plan = plan_locked(map, page, &now.to, &next.to);
		mutex_unlock(&map->lock);
		done = plan == NOTHING ||
		       fetch_and_install(map, plan, &now, &next, page, store);
	} while (!done);
	(void)uffd_wake(far_pager_uffd(map->pager), far_map_page(map, page), map->page_size);
}

/* ---- a page that is stored to ----------------------------------------------------------- */

/* Clean ones that are there; from the first that has no twin on the store is waited for. */
static void note_locked(struct far_map *map, size_t page, size_t count)
{
	const uint64_t due = clock_deadline_ms(map->far->store_delay_ms);
	size_t noted = 0;

	while (noted < count &&
	       far_pages_note(&map->pages, page + noted, far_map_page(map, page + noted)) == 0)
		noted++;
	if (noted == 0)
		return;
	if (atomic_load_explicit(&map->due, memory_order_relaxed) == CLOCK_NEVER)
		atomic_store_explicit(&map->due, due, memory_order_relaxed);
	(void)uffd_set_protected(far_pager_uffd(map->pager), far_map_page(map, page),
				 noted * map->page_size, false);
}

enum outcome { DONE, IS_AWAY, IS_FULL };

static enum outcome store_locked(struct far_map *map, size_t page) REQUIRES(map->lock)
{
	size_t run, likely;

	if (map->ended)
		return DONE;
	if (far_pages_state(&map->pages, page) == FAR_AWAY)
		return IS_AWAY;
	if (far_pages_state(&map->pages, page) == FAR_DIRTY) {
		(void)uffd_set_protected(far_pager_uffd(map->pager), far_map_page(map, page),
					 map->page_size, false);
		return DONE;
	}
	if (map->pages.dirty >= FAR_DIRTY_MAX)
		return IS_FULL;
	run = far_ahead_touch(&map->stores, page, &likely);
	if (run > FAR_DIRTY_MAX - map->pages.dirty)
		run = FAR_DIRTY_MAX - map->pages.dirty;
	note_locked(map, page, far_pages_run(&map->pages, page, run));
	return far_pages_state(&map->pages, page) == FAR_DIRTY ? DONE : IS_FULL;
}

/* Without a twin what is stored could not be told, so it is not delivered: never unsaid. */
static void let_store(struct far_map *map, size_t page)
{
	far_failed(map->far);
	(void)uffd_set_protected(far_pager_uffd(map->pager), far_map_page(map, page),
				 map->page_size, false);
}

static void serve_store(struct far_map *map, size_t page)
{
	enum outcome outcome = IS_FULL;

	for (unsigned tries = 0; tries < 3 && outcome == IS_FULL; tries++) {
		if (tries > 0)
			far_map_flush(map, FAR_DELIVER,
				      clock_deadline_ms(map->far->timeout_ms));
		mutex_lock(&map->lock);
		outcome = store_locked(map, page);
		mutex_unlock(&map->lock);
	}
	if (outcome == IS_AWAY)
		serve_away(map, page, true);
	else if (outcome == IS_FULL)
		let_store(map, page);
}

/* ---- what the thread is woken for ------------------------------------------------------- */

void far_map_serve(struct far_map *map, const struct uffd_fault *fault)
{
	const size_t page = (fault->page - (uintptr_t)map->addr) / map->page_size;

	if (fault->protected)
		serve_store(map, page);
	else
		serve_away(map, page, fault->write);
}

static bool take_due_locked(struct far_map *map, enum far_delivery *ret_how) REQUIRES(map->lock)
{
	if (atomic_load_explicit(&map->due, memory_order_relaxed) > clock_now())
		return false;
	*ret_how = map->refreshes ? FAR_DELIVER_AND_REFRESH : FAR_DELIVER;
	map->refreshes = false;
	atomic_store_explicit(&map->due, CLOCK_NEVER, memory_order_relaxed);
	return true;
}

void far_map_tick(struct far_map *map)
{
	enum far_delivery how;
	bool due;

	mutex_lock(&map->lock);
	due = take_due_locked(map, &how);
	mutex_unlock(&map->lock);
	if (due)
		far_map_flush(map, how, clock_deadline_ms(map->far->timeout_ms));
}

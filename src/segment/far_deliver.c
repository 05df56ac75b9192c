/* SPDX-License-Identifier: MIT */
/*
 * far_deliver.c - what was stored to a mapping goes where it belongs, and pages are let go of
 */
#include <errno.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "segment/far_map.h"
#include "segment/far_pager.h"
#include "sys/vm.h"

/* How long a move waits for stores to reach the memory that was. */
#define BEFORE_MOVE_MS 200

/* ---- delivering ------------------------------------------------------------------------- */

bool far_map_wait_locked(struct far_map *map, uint64_t deadline)
{
	struct timespec until = { .tv_sec = (time_t)(deadline / NS_PER_S),
				  .tv_nsec = (long)(deadline % NS_PER_S) };

	if (clock_left(deadline) == 0)
		return false;
	(void)pthread_cond_timedwait(&map->changed, &map->lock.inner, &until);
	return true;
}

/* Whoever stores to them now waits, for this lock at first. */
static void protect_locked(struct far_map *map, const struct far_notes *notes)
	REQUIRES(map->lock)
{
	const struct far_note *note = STAILQ_FIRST(notes);

	while (note) {
		const size_t first = note->page;
		size_t run = 0;

		for (; note && note->page == first + run; note = STAILQ_NEXT(note, entry))
			run++;
		(void)uffd_set_protected(far_pager_uffd(map->pager), far_map_page(map, first),
					 run * map->page_size, true);
	}
}

static void take_locked(struct far_map *map, struct far_notes *ret_notes) REQUIRES(map->lock)
{
	struct far_note *note;

	if (!map->refreshes)
		atomic_store_explicit(&map->due, CLOCK_NEVER, memory_order_relaxed);
	far_pages_take(&map->pages, ret_notes);
	protect_locked(map, ret_notes);
	STAILQ_FOREACH(note, ret_notes, entry)
	far_note_compare(note, far_map_own(map, note->page), map->page_size);
}

/* What is under way from there is not put here any more. */
static void forget_locked(struct far_map *map, size_t page, size_t pages) REQUIRES(map->lock)
{
	map->version++;
	if (map->pages.here == 0)
		return;
	if (map->shows)
		(void)vm_drop_pages(far_map_page(map, page), pages * map->page_size);
	else
		(void)vm_remove_pages(far_map_own(map, page), pages * map->page_size);
	far_pages_forget(&map->pages, page, pages);
}

/*
 * 1: @ret_notes are to be put, and end_locked() is to be called then; 0: there is nothing to
 * do; -EIO, -EBADF.
 */
static int begin_locked(struct far_map *map, enum far_delivery how, uint64_t deadline,
			struct far_notes *ret_notes) REQUIRES(map->lock)
{
	STAILQ_INIT(ret_notes);
	/* What was stored before is not to overtake what is under way. */
	while (map->delivering && !map->ended)
		if (!far_map_wait_locked(map, deadline))
			return -EIO;
	if (map->ended)
		return 0;
	if (!far_pager_is_whole(map->pager))
		return -EBADF;
	if (map->pages.dirty > 0)
		take_locked(map, ret_notes);
	if (how == FAR_DELIVER_AND_REFRESH)
		forget_locked(map, 0, map->pages.count);
	map->delivering = !STAILQ_EMPTY(ret_notes);
	return map->delivering;
}

static void end_locked(struct far_map *map) REQUIRES(map->lock)
{
	map->delivering = false;
	(void)pthread_cond_broadcast(&map->changed);
}

static int put_note(const struct far_map *map, const struct far_window *window,
		    const struct far_note *note, uint64_t deadline)
{
	const uint64_t base = map->offset + note->page * map->page_size;
	size_t from = 0, size;
	int r = 0;

	for (; r == 0 && far_note_next(note, map->page_size, from, &from, &size); from += size)
		r = far_fabric()->put(window->target, base + from, note->twin + from, size, 0,
				      deadline, NULL);
	return r;
}

/* The notes are what is put from, so all is waited for. */
static int put_all(const struct far_map *map, const struct far_notes *notes, uint64_t deadline)
{
	struct far_window *window;
	const struct far_note *note;
	int waited, r;

	r = far_use(map->far, deadline, &window);
	if (r < 0)
		return r;
	STAILQ_FOREACH(note, notes, entry)
	if (r == 0)
		r = put_note(map, window, note, deadline);
	waited = far_fabric()->wait(window->target, deadline);
	far_leave(map->far, window);
	(void)fault_point("far.map.delivered");
	return r < 0 ? r : waited;
}

void far_map_flush(struct far_map *map, enum far_delivery how, uint64_t deadline)
{
	struct far_notes notes;
	int r;

	mutex_lock(&map->lock);
	r = begin_locked(map, how, deadline, &notes);
	mutex_unlock(&map->lock);
	if (r > 0) {
		r = put_all(map, &notes, deadline);
		mutex_lock(&map->lock);
		end_locked(map);
		mutex_unlock(&map->lock);
		far_notes_free(&notes);
	}
	/* Whoever closes the span is told. */
	if (r < 0)
		far_failed(map->far);
}

static void flush(struct far *far, enum far_delivery how)
{
	struct far_map *map = far_map_of(far);

	if (far->bereft)
		far_failed(far);
	if (!map)
		return;
	far_map_flush(map, how, clock_deadline_ms(far->timeout_ms));
	far_map_unref(map);
}

void far_map_deliver(struct far *far)
{
	flush(far, FAR_DELIVER);
}

void far_map_refresh(struct far *far)
{
	flush(far, FAR_DELIVER_AND_REFRESH);
}

/* False if some of it was stored to: then all is to be delivered first. */
static bool forget_part_locked(struct far_map *map, uint64_t offset, size_t size)
	REQUIRES(map->lock)
{
	const size_t first = (size_t)(offset - map->offset) / map->page_size;
	const size_t last = (size_t)(offset - map->offset + size - 1) / map->page_size;

	if (map->ended)
		return true;
	for (size_t page = first; page <= last; page++)
		if (far_pages_state(&map->pages, page) == FAR_DIRTY)
			return false;
	forget_locked(map, first, last - first + 1);
	return true;
}

void far_map_forget(struct far *far, uint64_t offset, size_t size)
{
	struct far_map *map = size > 0 ? far_map_of(far) : NULL;
	bool done;

	if (!map)
		return;
	mutex_lock(&map->lock);
	done = forget_part_locked(map, offset, size);
	mutex_unlock(&map->lock);
	if (!done)
		far_map_flush(map, FAR_DELIVER_AND_REFRESH, clock_deadline_ms(far->timeout_ms));
	far_map_unref(map);
}

/* ---- moves ------------------------------------------------------------------------------ */

void far_map_before_move(struct far *far)
{
	struct far_map *map = far_map_of(far);

	if (!map)
		return;
	far_map_flush(map, FAR_DELIVER_AND_REFRESH, clock_deadline_ms(BEFORE_MOVE_MS));
	far_map_unref(map);
}

/* Not by itself, for that would have to wait for what was stored since: the thread does it. */
static void refresh_soon_locked(struct far_map *map) REQUIRES(map->lock)
{
	if (map->ended)
		return;
	if (map->pages.dirty == 0) {
		forget_locked(map, 0, map->pages.count);
		return;
	}
	map->version++;
	map->refreshes = true;
	atomic_store_explicit(&map->due, 0, memory_order_relaxed);
	far_pager_wake(map->pager);
}

/* What was fetched since is of the memory that was. */
void far_map_after_move(struct far *far)
{
	struct far_map *map = far_map_of(far);

	if (!map)
		return;
	mutex_lock(&map->lock);
	refresh_soon_locked(map);
	mutex_unlock(&map->lock);
	far_map_unref(map);
}

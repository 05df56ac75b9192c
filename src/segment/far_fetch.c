/* SPDX-License-Identifier: MIT */
/*
 * far_fetch.c - what the thread does about a fault
 *
 * A page that is not there is fetched, with as many after it as are likely to be touched, some
 * chunks at a time under way: one is put there while the next arrive.  The chunks after those,
 * if the program goes on in order, stay in the buffer: it is the touch of the first of them
 * that puts them there, and has more fetched.
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

/* ---- fetching --------------------------------------------------------------------------- */

static void chunk_begin(const struct far_map *map, struct far_chunk *chunk)
{
	chunk->result = (struct fabric_result){ 0 };
	chunk->deadline = clock_deadline_ms(map->far->timeout_ms);
	chunk->window = NULL;
	chunk->error = far_use(map->far, chunk->deadline, &chunk->window);
	if (chunk->error == 0)
		chunk->error = far_fabric()->get(chunk->window->target,
						 map->offset + chunk->page * map->page_size,
						 chunk->memory, chunk->count * map->page_size,
						 chunk->deadline, &chunk->result);
}

static void chunk_end(const struct far_map *map, struct far_chunk *chunk)
{
	int r;

	if (chunk->window) {
		r = far_fabric()->finish(chunk->window->target, chunk->deadline,
					 &chunk->result);
		far_leave(map->far, chunk->window);
		chunk->window = NULL;
		if (chunk->error == 0)
			chunk->error = r;
	}
	if (chunk->error == 0)
		chunk->error = fault_point("far.map.fetched");
}

/* The @i-th of those that were begun and are not put there yet. */
static struct far_chunk *chunk_at(struct far_stock *stock, unsigned i)
{
	return &stock->chunk[(stock->first + i) % FAR_CHUNKS];
}

static void stock_forget(struct far_stock *stock)
{
	stock->count = 0;
}

/* Is @page the first of a chunk that is here?  Those before it are not wanted. */
static bool stock_has(struct far_stock *stock, size_t page)
{
	while (stock->count > 0) {
		const struct far_chunk *chunk = chunk_at(stock, 0);

		if (page - chunk->page < chunk->count)
			return true;
		stock->first = (stock->first + 1) % FAR_CHUNKS;
		stock->count--;
	}
	return false;
}

/* Nothing is under way while the thread sleeps. */
static void stock_settle(struct far_map *map)
{
	struct far_stock *stock = &map->stock;
	bool whole = true;

	for (unsigned i = 0; i < stock->count; i++) {
		chunk_end(map, chunk_at(stock, i));
		whole = whole && chunk_at(stock, i)->error == 0;
	}
	/* Nobody has asked for them: whoever does is told. */
	if (!whole)
		stock_forget(stock);
}

/* A fault, and what comes of it. */
struct far_touch {
	size_t page;
	bool store;
	uint64_t version;   /* of the map, when it was looked at */
	size_t begun;	    /* up to here pages are here or under way */
	size_t install_end; /* up to here they are put there */
	size_t fetch_end;   /* up to here they are fetched */
};

/* ---- putting pages there ---------------------------------------------------------------- */

/* They were away. */
static int bring_locked(struct far_map *map, size_t page, size_t count, const char *content)
	REQUIRES(map->lock)
{
	struct uffd *uffd = far_pager_uffd(map->pager);
	const size_t size = count * map->page_size;
	int r;

	if (map->shows)
		r = uffd_show(uffd, far_map_page(map, page), size, map->prot & VM_WRITE);
	else
		r = uffd_bring(uffd, far_map_page(map, page), size, content,
			       map->prot & VM_WRITE);
	if (r < 0)
		return r;
	far_pages_arrived(&map->pages, page, count);
	return uffd_wake(uffd, far_map_page(map, page), size);
}

static void note_locked(struct far_map *map, size_t page, size_t count) REQUIRES(map->lock);

/* False if the map has let go of its pages since: what was fetched is of before. */
static bool install_locked(struct far_map *map, const struct far_chunk *chunk,
			   const struct far_touch *touch) REQUIRES(map->lock)
{
	const size_t end = chunk->page + chunk->count;
	size_t run;

	if (map->ended)
		return true;
	if (touch->version != map->version)
		return false;
	for (size_t page = chunk->page; page < end; page += run) {
		run = far_pages_run(&map->pages, page, end - page);
		if (far_pages_state(&map->pages, page) == FAR_AWAY &&
		    bring_locked(map, page, run,
				 chunk->memory + (page - chunk->page) * map->page_size) < 0)
			break;
	}
	if (touch->store && touch->page >= chunk->page && touch->page < end &&
	    far_pages_state(&map->pages, touch->page) == FAR_CLEAN &&
	    map->pages.dirty < FAR_DIRTY_MAX)
		note_locked(map, touch->page, 1);
	return true;
}

/* ---- a page that is not there ----------------------------------------------------------- */

/* Another fault brought it; or the program hid it from itself (madvise). */
static void show_again_locked(struct far_map *map, size_t page) REQUIRES(map->lock)
{
	if (map->shows)
		(void)uffd_show(far_pager_uffd(map->pager), far_map_page(map, page),
				map->page_size,
				far_pages_state(&map->pages, page) == FAR_CLEAN &&
					(map->prot & VM_WRITE));
}

/* What is to be done about a touch; false if nothing is. */
static bool plan_locked(struct far_map *map, struct far_touch *touch) REQUIRES(map->lock)
{
	const uint64_t deadline = clock_deadline_ms(map->far->timeout_ms);
	size_t run, likely, away;

	while (map->delivering && !map->ended && far_map_wait_locked(map, deadline))
		continue;
	if (map->ended)
		return false;
	if (far_pages_state(&map->pages, touch->page) != FAR_AWAY) {
		show_again_locked(map, touch->page);
		return false;
	}
	if (map->stock.version != map->version)
		stock_forget(&map->stock);
	map->stock.version = touch->version = map->version;
	run = far_ahead_touch(&map->loads, touch->page, &likely);
	if (likely > FAR_CHUNKS * map->chunk_pages)
		likely = FAR_CHUNKS * map->chunk_pages;
	away = far_pages_run(&map->pages, touch->page, run + likely);
	touch->begun = touch->page;
	if (stock_has(&map->stock, touch->page)) {
		const struct far_chunk *last = chunk_at(&map->stock, map->stock.count - 1);

		touch->begun = last->page + last->count;
	}
	touch->install_end = touch->page + (away < run ? away : run);
	touch->fetch_end = touch->page + away;
	return true;
}

static char *chunk_memory(const struct far_map *map, const struct far_chunk *chunk)
{
	const size_t place = (size_t)(chunk - map->stock.chunk);

	if (map->shows)
		return far_map_own(map, chunk->page);
	return map->buffer + place * map->chunk_pages * map->page_size;
}

static void begin_more(struct far_map *map, struct far_touch *touch)
{
	struct far_stock *stock = &map->stock;

	while (stock->count < FAR_CHUNKS && touch->begun < touch->fetch_end) {
		struct far_chunk *chunk = chunk_at(stock, stock->count++);
		const size_t left = touch->fetch_end - touch->begun;

		chunk->page = touch->begun;
		chunk->memory = chunk_memory(map, chunk);
		chunk->count = left < map->chunk_pages ? left : map->chunk_pages;
		touch->begun += chunk->count;
		chunk_begin(map, chunk);
	}
}

static bool install(struct far_map *map, const struct far_chunk *chunk,
		    const struct far_touch *touch)
{
	bool done;

	mutex_lock(&map->lock);
	done = install_locked(map, chunk, touch);
	mutex_unlock(&map->lock);
	return done;
}

/* The first chunk of the stock, which the touched page is in. */
static bool bring_zeros(struct far_map *map, struct far_chunk *chunk,
			const struct far_touch *touch)
{
	far_failed(map->far);
	chunk->page = touch->page;
	chunk->count = 1;
	chunk->memory = chunk_memory(map, chunk);
	memset(chunk->memory, 0, map->page_size);
	return install(map, chunk, touch);
}

/* False if it is to be done once more. */
static bool bring_touched(struct far_map *map, struct far_touch *touch)
{
	struct far_stock *stock = &map->stock;
	bool done = true, first = true;

	begin_more(map, touch);
	while (done && stock->count > 0 && chunk_at(stock, 0)->page < touch->install_end) {
		struct far_chunk *chunk = chunk_at(stock, 0);

		chunk_end(map, chunk);
		if (chunk->error < 0) {
			done = !first || bring_zeros(map, chunk, touch);
			break;
		}
		done = install(map, chunk, touch);
		first = false;
		stock->first = (stock->first + 1) % FAR_CHUNKS;
		stock->count--;
		begin_more(map, touch);
	}
	stock_settle(map);
	return done;
}

static void serve_away(struct far_map *map, size_t page, bool store)
{
	bool wanted, done = true;

	do {
		struct far_touch touch = { .page = page, .store = store };

		mutex_lock(&map->lock);
		wanted = plan_locked(map, &touch);
		mutex_unlock(&map->lock);
		if (wanted)
			done = bring_touched(map, &touch);
	} while (wanted && !done);
	(void)uffd_wake(far_pager_uffd(map->pager), far_map_page(map, page), map->page_size);
}

/* ---- a page that is stored to ----------------------------------------------------------- */

/* Clean ones that are there; from the first that has no twin on the store is waited for. */
static void note_locked(struct far_map *map, size_t page, size_t count)
{
	const uint64_t due = clock_deadline_ms(map->far->store_delay_ms);
	size_t noted = 0;

	while (noted < count &&
	       far_pages_note(&map->pages, page + noted, far_map_own(map, page + noted)) == 0)
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

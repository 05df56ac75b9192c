/* SPDX-License-Identifier: MIT */
#include "segment/far_pager.h"

#include <errno.h>
#include <stdlib.h>

#include <tract/segment.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "sys/event.h"
#include "sys/mark.h"

struct far_pager {
	LIST_ENTRY(far_pager) entry;
	uint32_t node;
	unsigned users; /* under pagers_lock */
	struct uffd uffd;
	struct fd_mark mark;
	bool shows;
	int wake[2];
	_Atomic bool stop;
	pthread_t thread;
	struct mutex lock;
	LIST_HEAD(, far_map) maps; /* under lock */
};

static struct mutex pagers_lock = MUTEX_INIT;
static LIST_HEAD(, far_pager) pagers = LIST_HEAD_INITIALIZER(pagers);

struct uffd *far_pager_uffd(struct far_pager *pager)
{
	return &pager->uffd;
}

bool far_pager_shows(const struct far_pager *pager)
{
	return pager->shows;
}

bool far_pager_is_whole(const struct far_pager *pager)
{
	return fd_has_mark(pager->uffd.fd, &pager->mark);
}

/* ---- the thread ------------------------------------------------------------------------- */

/* Its import cannot be freed, nor it, until let_go(). */
static void hold(struct far_map *map)
{
	ref_get(&map->ref);
	far_pin(map->far);
}

static void let_go(struct far_map *map)
{
	far_unpin(map->far);
	far_map_unref(map);
}

static struct far_map *find(struct far_pager *pager, uintptr_t page)
{
	struct far_map *map;

	mutex_lock(&pager->lock);
	LIST_FOREACH (map, &pager->maps, of_pager)
		if (page - (uintptr_t)map->addr < map->size)
			break;
	if (map)
		hold(map);
	mutex_unlock(&pager->lock);
	return map;
}

/* The first that has something due, or NULL and when the next will have. */
static struct far_map *find_due(struct far_pager *pager, uint64_t now, uint64_t *ret_next)
{
	struct far_map *map;

	*ret_next = CLOCK_NEVER;
	mutex_lock(&pager->lock);
	LIST_FOREACH (map, &pager->maps, of_pager) {
		uint64_t due = atomic_load_explicit(&map->due, memory_order_relaxed);

		if (due <= now)
			break;
		if (due < *ret_next)
			*ret_next = due;
	}
	if (map)
		hold(map);
	mutex_unlock(&pager->lock);
	return map;
}

/* When to do it again. */
static uint64_t deliver_due(struct far_pager *pager)
{
	struct far_map *map;
	uint64_t next;

	while ((map = find_due(pager, clock_now(), &next))) {
		far_map_tick(map);
		let_go(map);
	}
	return next;
}

static void serve(struct far_pager *pager, const struct uffd_fault *fault)
{
	struct far_map *map = find(pager, fault->page);

	if (map) {
		far_map_serve(map, fault);
		let_go(map);
	}
}

static void *run(void *arg)
{
	struct far_pager *pager = arg;
	struct pollfd fds[2] = { { .fd = pager->uffd.fd, .events = POLLIN },
				 { .fd = pager->wake[0], .events = POLLIN } };

	while (!atomic_load_explicit(&pager->stop, memory_order_acquire)) {
		uint64_t due = deliver_due(pager);
		struct uffd_fault fault;

		if (event_poll_descriptors(fds, 2, clock_poll_ms(due)) < 0)
			continue;
		/* The program closed all that it found: every barrier says so. */
		if (!far_pager_is_whole(pager))
			break;
		if (fds[1].revents)
			event_pipe_drain(pager->wake[0]);
		while (uffd_next(&pager->uffd, &fault) == 0) {
			serve(pager, &fault);
			(void)deliver_due(pager);
		}
	}
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------- */

static void close_descriptors(struct far_pager *pager)
{
	if (pager->uffd.fd >= 0 && far_pager_is_whole(pager))
		uffd_close(&pager->uffd);
	event_pipe_close(pager->wake[0]);
	event_pipe_close(pager->wake[1]);
}

static void pager_free(struct far_pager *pager)
{
	if (!pager)
		return;
	close_descriptors(pager);
	mutex_deinit(&pager->lock);
	free(pager);
}
DEFINE_SCOPE(pager, struct far_pager, pager_free);

static int open_uffd(struct uffd *uffd)
{
	int r = uffd_open_watching(uffd);

	if (r == 0 || r == -ENOMEM)
		return r;
	if (r == -EMFILE || r == -ENFILE)
		return fail(-EMFILE, "this process has all the descriptors it may have, and "
				     "mapping memory of another node takes three");
	return fail(-EOPNOTSUPP, "mapping memory of another node takes userfaultfd with write "
				 "protection, which this host does not give programs; get and "
				 "put reach it");
}

static int pager_new(uint32_t node, struct far_pager **ret_pager)
{
	scoped(pager) struct far_pager *pager = calloc(1, sizeof(*pager));
	int r;

	if (!pager)
		return -ENOMEM;
	pager->node = node;
	pager->users = 1;
	pager->uffd.fd = pager->wake[0] = pager->wake[1] = -1;
	mutex_init(&pager->lock);
	r = open_uffd(&pager->uffd);
	if (r < 0)
		return r;
	pager->uffd.fd = fd_move_up(pager->uffd.fd);
	(void)fd_mark_take(pager->uffd.fd, &pager->mark);
	pager->shows = uffd_can_show(&pager->uffd);
	r = event_pipe_new(pager->wake);
	if (r == 0)
		r = thread_start(&pager->thread, "tract-far", run, pager);
	if (r < 0)
		return r == -EAGAIN ? -ENOMEM : r;
	*ret_pager = steal(pager);
	return 0;
}

static int open_locked(uint32_t node, struct far_pager **ret_pager) REQUIRES(pagers_lock)
{
	struct far_pager *pager;
	int r;

	LIST_FOREACH (pager, &pagers, entry)
		if (pager->node == node) {
			pager->users++;
			*ret_pager = pager;
			return 0;
		}
	r = pager_new(node, &pager);
	if (r < 0)
		return r;
	LIST_INSERT_HEAD(&pagers, pager, entry);
	*ret_pager = pager;
	return 0;
}

int far_pager_open(uint32_t node, struct far_pager **ret_pager)
{
	int r;

	mutex_lock(&pagers_lock);
	r = open_locked(node, ret_pager);
	mutex_unlock(&pagers_lock);
	return r;
}

static bool close_locked(struct far_pager *pager) REQUIRES(pagers_lock)
{
	if (--pager->users > 0)
		return false;
	LIST_REMOVE(pager, entry);
	return true;
}

void far_pager_close(struct far_pager *pager)
{
	bool last;

	if (!pager)
		return;
	mutex_lock(&pagers_lock);
	last = close_locked(pager);
	mutex_unlock(&pagers_lock);
	if (!last)
		return;
	atomic_store_explicit(&pager->stop, true, memory_order_release);
	far_pager_wake(pager);
	(void)pthread_join(pager->thread, NULL);
	pager_free(pager);
}

void far_pager_enter(struct far_pager *pager, struct far_map *map)
{
	mutex_lock(&pager->lock);
	LIST_INSERT_HEAD(&pager->maps, map, of_pager);
	mutex_unlock(&pager->lock);
}

void far_pager_remove(struct far_pager *pager, struct far_map *map)
{
	mutex_lock(&pager->lock);
	LIST_REMOVE(map, of_pager);
	mutex_unlock(&pager->lock);
}

void far_pager_wake(struct far_pager *pager)
{
	event_pipe_fill(pager->wake[1]);
}

int tract_import_can_map_far(void)
{
	scoped(fd) int fd = -1;
	struct uffd uffd;
	int r;

	error_clear_reason();
	r = open_uffd(&uffd);
	if (r == 0)
		fd = uffd.fd;
	return r;
}

/* ---- fork ------------------------------------------------------------------------------- */

void far_pagers_before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&pagers_lock);
}

/* What a child did with the descriptors would happen to its parent's memory. */
void far_pagers_after_fork(bool in_child) NO_THREAD_SAFETY
{
	struct far_pager *pager;

	while (in_child && (pager = LIST_FIRST(&pagers))) {
		LIST_REMOVE(pager, entry);
		close_descriptors(pager);
		free(pager);
	}
	mutex_unlock(&pagers_lock);
}

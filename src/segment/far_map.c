/* SPDX-License-Identifier: MIT */
#include "segment/far_map.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/scope.h"
#include "segment/far_pager.h"
#include "sys/memfd.h"
#include "sys/vm.h"

#define BUFFER_SIZE (FAR_CHUNKS * FAR_CHUNK_SIZE)

static struct mutex all_lock = MUTEX_INIT;
static LIST_HEAD(, far_map) all = LIST_HEAD_INITIALIZER(all);
/* How many: what get and put look at. */
static _Atomic unsigned count;

/* ---- who has it ------------------------------------------------------------------------- */

static void map_free(struct far_map *map)
{
	if (map->buffer)
		vm_unmap(map->buffer, BUFFER_SIZE);
	if (map->own)
		vm_unmap(map->own, map->size);
	far_pages_deinit(&map->pages);
	(void)pthread_cond_destroy(&map->changed);
	mutex_deinit(&map->lock);
	free(map);
}

void far_map_unref(struct far_map *map)
{
	if (map && ref_put(&map->ref))
		map_free(map);
}

static struct far_map *get_locked(struct far *far) REQUIRES(far->lock)
{
	struct far_map *map = atomic_load_explicit(&far->map, memory_order_relaxed);

	if (map)
		ref_get(&map->ref);
	return map;
}

struct far_map *far_map_of(struct far *far)
{
	struct far_map *map;

	if (LIKELY(!far_is_mapped(far)))
		return NULL;
	mutex_lock(&far->lock);
	map = get_locked(far);
	mutex_unlock(&far->lock);
	return map;
}

static void give(struct far *far, struct far_map *map)
{
	mutex_lock(&far->lock);
	atomic_store_explicit(&far->map, map, memory_order_relaxed);
	mutex_unlock(&far->lock);
}

/* ---- the end ---------------------------------------------------------------------------- */

/* From here on it is nothing but memory; with @emptied the program goes on with zeros. */
static void end_map_locked(struct far_map *map, bool emptied) REQUIRES(map->lock)
{
	if (map->ended)
		return;
	map->ended = true;
	atomic_store_explicit(&map->due, CLOCK_NEVER, memory_order_relaxed);
	if (emptied && vm_replace(map->addr, map->size, map->prot, -1, 0) == 0)
		(void)vm_remove_pages(map->own, map->size);
	else
		(void)uffd_release(far_pager_uffd(map->pager), map->addr, map->size);
	(void)uffd_wake(far_pager_uffd(map->pager), map->addr, map->size);
	(void)pthread_cond_broadcast(&map->changed);
}

static void end_map(struct far_map *map, bool emptied)
{
	mutex_lock(&map->lock);
	end_map_locked(map, emptied);
	mutex_unlock(&map->lock);
}

void far_map_end(struct far *far)
{
	struct far_map *map = far_map_of(far);

	if (!map)
		return;
	end_map(map, true);
	far_map_unref(map);
}

/* ---- life ------------------------------------------------------------------------------- */

static void enter(struct far_map *map)
{
	mutex_lock(&all_lock);
	LIST_INSERT_HEAD(&all, map, of_all);
	mutex_unlock(&all_lock);
	atomic_fetch_add_explicit(&count, 1u, memory_order_relaxed);
}

static void remove_map(struct far_map *map)
{
	atomic_fetch_sub_explicit(&count, 1u, memory_order_relaxed);
	mutex_lock(&all_lock);
	LIST_REMOVE(map, of_all);
	mutex_unlock(&all_lock);
}

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &attr);
	(void)pthread_condattr_destroy(&attr);
}

int far_map_new(struct far *far, struct far_map **ret_map)
{
	struct far_map *map = calloc(1, sizeof(*map));
	int r;

	if (!map)
		return -ENOMEM;
	r = far_pager_open(far->node, &map->pager);
	if (r < 0) {
		free(map);
		return r;
	}
	ref_init(&map->ref);
	mutex_init(&map->lock);
	cond_init(&map->changed);
	map->far = far;
	map->page_size = vm_page_size();
	map->loads = (struct far_ahead){ .first = 8, .most = FAR_RUN_MAX / map->page_size };
	map->chunk_pages = FAR_CHUNK_SIZE / map->page_size;
	map->stores = (struct far_ahead){ .first = 1, .most = FAR_NOTED_AHEAD };
	atomic_init(&map->due, CLOCK_NEVER);
	*ret_map = map;
	return 0;
}

/* The library's mapping, and the program's, which nobody can access yet. */
static int map_object(struct far_map *map, void *addr)
{
	scoped(fd) int fd = -1;
	void *own = NULL;
	int r;

	r = memfd_new("far", map->size, &fd);
	if (r == 0)
		r = vm_place(NULL, map->size, VM_READ | VM_WRITE, fd, 0, &own);
	map->own = own;
	if (r == 0 && addr)
		r = vm_replace(addr, map->size, 0, fd, 0);
	else if (r == 0)
		r = vm_place(NULL, map->size, 0, fd, 0, &addr);
	map->addr = r == 0 ? addr : NULL;
	return r;
}

static int watch(const struct far_map *map)
{
	int r = vm_not_for_children(map->own, map->size);

	if (r == 0)
		r = vm_not_for_children(map->addr, map->size);
	if (r == 0)
		r = uffd_watch(far_pager_uffd(map->pager), map->addr, map->size,
			       map->prot & VM_WRITE, map->shows);
	if (r == 0)
		r = fault_point("far.map.watched");
	if (r == 0 && map->prot)
		r = vm_protect(map->addr, map->size, map->prot);
	if (r == -EOPNOTSUPP)
		return fail(r, "this kernel cannot tell what is stored to memory "
			       "(userfaultfd's write protection)");
	return r;
}

static int make(struct far_map *map, void *addr)
{
	void *buffer = NULL;
	int r;

	r = far_pages_init(&map->pages, map->size / map->page_size, map->page_size);
	if (r == 0 && !map->shows)
		r = vm_anonymous(BUFFER_SIZE, VM_READ | VM_WRITE, &buffer);
	map->buffer = buffer;
	return r < 0 ? r : map_object(map, addr);
}

int far_map_show(struct far_map *map, const struct far_map_spec *spec, void **ret_addr)
{
	int r;

	map->size = spec->size;
	map->offset = spec->offset;
	map->prot = spec->prot;
	map->shows = far_pager_shows(map->pager);
	r = make(map, spec->addr);
	if (r < 0)
		return r;
	far_pager_enter(map->pager, map);
	r = watch(map);
	if (r < 0) {
		far_pager_remove(map->pager, map);
		vm_unmap(map->addr, map->size);
		return r;
	}
	enter(map);
	give(map->far, map);
	*ret_addr = map->addr;
	return 0;
}

struct far_map *far_map_detach(struct far *far)
{
	struct far_map *map = atomic_load_explicit(&far->map, memory_order_relaxed);

	if (!map)
		return NULL;
	give(far, NULL);
	if (!map->pager)
		return map;
	end_map(map, false);
	far_pager_remove(map->pager, map);
	remove_map(map);
	return map;
}

void far_map_free(struct far_map *map)
{
	if (!map)
		return;
	far_pager_close(map->pager);
	far_map_unref(map);
}

/* ---- all of them ------------------------------------------------------------------------ */

/* The first that ends after @addr, in the order of addresses. */
static struct far_map *first_after_locked(uintptr_t addr) REQUIRES(all_lock)
{
	struct far_map *map, *first = NULL;

	LIST_FOREACH (map, &all, of_all)
		if ((uintptr_t)map->addr + map->size > addr &&
		    (!first || map->addr < first->addr))
			first = map;
	return first;
}

static bool meet_locked(uintptr_t addr, size_t size) REQUIRES(all_lock)
{
	struct far_map *map = first_after_locked(addr);

	return map && (uintptr_t)map->addr < addr + size;
}

bool far_maps_meet(const void *addr, size_t size)
{
	bool meet;

	if (LIKELY(atomic_load_explicit(&count, memory_order_relaxed) == 0))
		return false;
	mutex_lock(&all_lock);
	meet = meet_locked((uintptr_t)addr, size);
	mutex_unlock(&all_lock);
	return meet;
}

static int check_locked(uintptr_t at, uintptr_t end, bool write) REQUIRES(all_lock)
{
	int r = 0;

	while (r == 0 && at < end) {
		const struct far_map *map = first_after_locked(at);
		const uintptr_t start = map ? (uintptr_t)map->addr : UINTPTR_MAX;

		if (start > at) {
			const uintptr_t stop = start < end ? start : end;

			r = vm_check_access((const void *)at, stop - at, write);
			at = stop;
		} else {
			r = map->prot & (write ? VM_WRITE : VM_READ) ? 0 : -EFAULT;
			at = start + map->size;
		}
	}
	return r;
}

int far_maps_check(const void *addr, size_t size, bool write)
{
	int r;

	if (LIKELY(!far_maps_meet(addr, size)))
		return vm_check_access(addr, size, write);
	mutex_lock(&all_lock);
	r = check_locked((uintptr_t)addr, (uintptr_t)addr + size, write);
	mutex_unlock(&all_lock);
	return r;
}

/* ---- fork ------------------------------------------------------------------------------- */

void far_maps_before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&all_lock);
	far_pagers_before_fork();
}

void far_maps_after_fork(bool in_child) NO_THREAD_SAFETY
{
	far_pagers_after_fork(in_child);
	if (in_child) {
		LIST_INIT(&all);
		atomic_store_explicit(&count, 0, memory_order_relaxed);
	}
	mutex_unlock(&all_lock);
}

/* Its thread, and whatever it was about, is the parent's; so are references of other threads,
 * and both mappings. */
void far_map_after_fork(struct far *far)
{
	struct far_map *map = atomic_load_explicit(&far->map, memory_order_relaxed);

	if (!map)
		return;
	mutex_init(&map->lock);
	cond_init(&map->changed);
	ref_init(&map->ref);
	if (!map->ended)
		(void)vm_replace(map->addr, map->size, map->prot, -1, 0);
	map->ended = true;
	map->pager = NULL;
	map->own = NULL;
}

int far_map_resume(struct far *far, struct far *former)
{
	struct far_map *map, *was = far_map_detach(former);
	struct far_map_spec spec;
	void *addr;
	int r;

	if (!was)
		return 0;
	spec = (struct far_map_spec){
		.addr = was->addr, .size = was->size, .offset = was->offset, .prot = was->prot
	};
	far_map_free(was);
	r = far_map_new(far, &map);
	if (r == 0) {
		r = far_map_show(map, &spec, &addr);
		if (r < 0) {
			(void)vm_replace(spec.addr, spec.size, spec.prot, -1, 0);
			far_map_free(map);
		}
	}
	/* No span ends well, for what is stored there reaches nobody. */
	far->bereft = r < 0;
	return r;
}

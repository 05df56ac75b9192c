/* SPDX-License-Identifier: MIT */
#include "map/exchange.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/scope.h"
#include "map/copied.h"
#include "map/pieces.h"
#include "sys/memfd.h"
#include "sys/vm.h"

/* ---- adopt and merge -------------------------------------------------------------------- */

static int survey(const struct vm_area *area, void *arg)
{
	struct holds *h = arg;

	if (area->special || area->hugetlb)
		return fail(-EFAULT,
			    "a stack, a mapping of the kernel's or huge pages cannot be "
			    "exported; use memory from malloc, valloc or mmap");
	if (area->sysv || (area->shared && !area->anon_shared))
		return fail(-EFAULT,
			    "a shared mapping of a file cannot be exported; map the file "
			    "MAP_PRIVATE, or export System V memory by itself");
	if (!(area->prot & VM_READ) || !(area->prot & VM_WRITE))
		return fail(-EACCES,
			    "memory is exported only where it is readable and writable");
	return holds_add(h, (void *)area->start, area->end - area->start, area->prot,
			 area->file && !area->shared, area->shared);
}

static int exchange_held(struct pieces *p, char *addr, size_t size, bool merges)
{
	int r;

	r = pieces_move(p);
	if (r == 0)
		r = merges ? fault_point("exchange.merge.copied")
			   : fault_point("exchange.adopt.copied");
	if (r == 0)
		r = vm_replace(addr, size, VM_READ | VM_WRITE, p->fd, 0);
	if (r < 0) {
		pieces_move_back(p);
		holds_undo(p->holds);
	} else {
		holds_done(p->holds);
	}
	return r;
}

/* All that was added to the holds, which cover the range. */
static int exchange_all(struct holds *h, char *addr, size_t size, int fd, bool merges)
{
	struct pieces p;
	int r;

	r = pieces_begin(&p, h, addr, size, fd);
	if (r == 0)
		r = holds_begin(h);
	if (r == 0)
		r = exchange_held(&p, addr, size, merges);
	pieces_end(&p);
	return r;
}

int exchange_can_adopt(const void *addr, size_t size)
{
	struct holds h = { .uffd = { .fd = -1 } };
	int r;

	r = vm_walk(addr, size, survey, &h);
	holds_close(&h);
	return r;
}

int exchange_adopt(void *addr, size_t size, int fd)
{
	struct holds h;
	int r;

	holds_open(&h, true);
	r = vm_walk(addr, size, survey, &h);
	if (r == -EFAULT && !error_reason()[0])
		r = fail(-EFAULT, "part of the range is not mapped");
	if (r == 0)
		r = exchange_all(&h, addr, size, fd, false);
	holds_close(&h);
	return r;
}

static int add_part(struct holds *h, const struct exchange_part *part)
{
	int r;

	if (part->fd < 0)
		return vm_walk(part->addr, part->size, survey, h);
	r = holds_add(h, part->addr, part->size, VM_READ | VM_WRITE, false, true);
	if (r == 0)
		h->hold[h->count - 1].fd = part->fd;
	return r;
}

int exchange_merge(const struct exchange_part *parts, unsigned count, int fd)
{
	const struct exchange_part *last = &parts[count - 1];
	char *addr = parts[0].addr;
	struct holds h;
	int r = 0;

	holds_open(&h, true);
	for (unsigned i = 0; i < count && r == 0; i++)
		r = add_part(&h, &parts[i]);
	if (r == 0)
		r = exchange_all(&h, addr, (size_t)((char *)last->addr + last->size - addr), fd,
				 true);
	holds_close(&h);
	return r;
}

uint64_t exchange_gives_back(const struct exchange_part *parts, unsigned count)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t bytes = 0;

		if (parts[i].fd < 0)
			bytes = vm_own_bytes(parts[i].addr, parts[i].size);
		else
			(void)memfd_resident(parts[i].fd, &bytes);
		sum += bytes;
	}
	/* What is there twice at some moment. */
	return sum > PIECES_TWICE ? sum - PIECES_TWICE : 0;
}

/* ---- fence ------------------------------------------------------------------------------ */

/* Copies what is data, giving the old object's pages back behind itself. */
static int move_content(int old_fd, int fresh_fd, const char *old, uint64_t size, size_t step)
{
	struct memfd_walk walk = { .fd = old_fd, .limit = size };
	uint64_t at;
	size_t part;
	int r;

	while ((r = memfd_walk_next(&walk, step, &at, &part)) > 0) {
		r = copied_write(fresh_fd, at, old + at, part);
		if (r == 0)
			r = memfd_punch(old_fd, at, part);
		if (r < 0)
			return r;
	}
	return r;
}

/* Brings back what a failed move had already taken. */
static void move_back(int old_fd, int fresh_fd, const char *fresh, uint64_t size,
		      struct reserve *reserve)
{
	reserve_release(reserve);
	if (move_content(fresh_fd, old_fd, fresh, size, PIECE_BACK_SIZE) < 0)
		abort(); /* Content that was there a moment ago could not be kept. */
}

static int replace_windows(const struct exchange_window *windows, unsigned count, int fd)
{
	int r = 0;

	for (unsigned i = 0; i < count && r == 0; i++)
		r = vm_replace(windows[i].addr, windows[i].size, windows[i].prot, fd,
			       windows[i].offset);
	return r;
}

static int fence_held(struct holds *h, const struct exchange_window *windows, unsigned count,
		      int old_fd, int fresh_fd, uint64_t size, struct reserve *reserve)
{
	void *old = NULL, *fresh = NULL;
	int r;

	r = vm_place(NULL, size, VM_READ, old_fd, 0, &old);
	if (r == 0)
		r = vm_place(NULL, size, VM_READ, fresh_fd, 0, &fresh);
	if (r == 0) {
		r = move_content(old_fd, fresh_fd, old, size, PIECE_SIZE);
		if (r == 0)
			r = fault_point("exchange.fence.copied");
		if (r < 0)
			move_back(old_fd, fresh_fd, fresh, size, reserve);
	}
	/* From here on the fresh object has the content: there is no way back. */
	if (r == 0 && replace_windows(windows, count, fresh_fd) < 0)
		abort();
	if (old)
		vm_unmap(old, size);
	if (fresh)
		vm_unmap(fresh, size);
	reserve_end(reserve);
	if (r < 0)
		holds_undo(h);
	else
		holds_done(h);
	return r;
}

int exchange_fence(const struct exchange_window *windows, unsigned count, int old_fd,
		   int fresh_fd, uint64_t size)
{
	struct reserve reserve = { 0 };
	struct holds h;
	int r = 0;

	holds_open(&h, true);
	/* Those that are only read, too: nobody is to see the old object being emptied. */
	for (unsigned i = 0; i < count && r == 0; i++)
		r = holds_add(&h, windows[i].addr, windows[i].size, windows[i].prot, false,
			      true);
	if (r == 0)
		r = reserve_take(&reserve, size);
	if (r == 0)
		r = holds_begin(&h);
	if (r == 0)
		r = fence_held(&h, windows, count, old_fd, fresh_fd, size, &reserve);
	reserve_end(&reserve);
	holds_close(&h);
	return r;
}

/* ---- restore ---------------------------------------------------------------------------- */

static int move_out(int fd, uint64_t offset, const char *from, char *to, size_t size,
		    bool empties)
{
	struct memfd_walk walk = { .fd = fd, .at = offset, .limit = offset + size };
	uint64_t at;
	size_t part;
	int r;

	while ((r = memfd_walk_next(&walk, PIECE_SIZE, &at, &part)) > 0) {
		copied_bytes(to + (at - offset), from + (at - offset), part);
		if (empties)
			(void)memfd_punch(fd, at, part);
	}
	return r;
}

/* Copies private memory into the object again, giving its pages back behind itself. */
static int move_in(int fd, uint64_t offset, char *from, size_t size)
{
	size_t part;
	int r = 0;

	for (size_t at = 0; at < size && r == 0; at += part) {
		part = size - at < PIECE_BACK_SIZE ? size - at : PIECE_BACK_SIZE;
		r = pieces_copy_private(fd, offset + at, from + at, part);
		if (r == 0)
			(void)vm_drop_pages(from + at, part);
	}
	return r;
}

/* There are too many mappings for one to be moved: the content returns to the object. */
static int put_back(struct holds *h, int fd, uint64_t offset, void *fresh)
{
	char *addr = h->hold->addr;
	size_t size = h->hold->size;

	if (fd < 0) {
		holds_undo(h); /* which never left it */
		return -ENOMEM;
	}
	/* A range that is mapped over as a whole takes no mapping more. */
	if (move_in(fd, offset, fresh, size) < 0 ||
	    vm_replace(addr, size, VM_READ | VM_WRITE, fd, offset) < 0)
		abort(); /* Content that was there a moment ago could not be kept. */
	holds_done(h);
	return -ENOMEM;
}

static int restore_held(struct holds *h, int fd, uint64_t offset, void *fresh,
			struct reserve *reserve)
{
	size_t size = h->hold->size;
	void *old;
	int r;

	r = fault_point("exchange.restore.held");
	if (r == 0 && fd < 0)
		copied_bytes(fresh, h->hold->moved, size);
	else if (r == 0)
		r = vm_place(NULL, size, VM_READ, fd, offset, &old);
	if (r == 0 && fd >= 0) {
		r = move_out(fd, offset, old, fresh, size, true);
		vm_unmap(old, size);
	}
	reserve_end(reserve);
	if (r < 0) {
		/* Nothing has been given back yet: the first look at the object failed. */
		holds_undo(h);
		return r;
	}
	if (vm_move_onto(fresh, size, h->hold->addr) == 0) {
		holds_done(h);
		return 0;
	}
	return put_back(h, fd, offset, fresh);
}

/*
 * The same where there is no room for a second range of addresses: the object is mapped anew,
 * privately, and each page copied by being written to.  Every page is there twice for a while.
 */
static int restore_in_place(void *addr, size_t size, int fd, uint64_t offset)
{
	int r;

	if (fd < 0)
		return -EBADF;
	r = vm_replace_private(addr, size, VM_READ | VM_WRITE, fd, offset);
	if (r == 0)
		r = vm_populate_write(addr, size);
	if (r == 0)
		(void)memfd_punch(fd, offset, size);
	return r;
}

static int restore_elsewhere(void *addr, size_t size, int fd, uint64_t offset)
{
	struct reserve reserve = { 0 };
	struct holds h;
	void *fresh;
	int r;

	r = vm_anonymous(size, VM_READ | VM_WRITE, &fresh);
	if (r < 0)
		return r;
	holds_open(&h, fd >= 0);
	r = holds_add(&h, addr, size, VM_READ | VM_WRITE, false, true);
	/* Without one it is tried all the same: what there is otherwise needs more. */
	if (r == 0)
		(void)reserve_take(&reserve, size);
	if (r == 0)
		r = holds_begin(&h);
	if (r == 0)
		r = restore_held(&h, fd, offset, fresh, &reserve);
	reserve_end(&reserve);
	if (r < 0)
		vm_unmap(fresh, size);
	holds_close(&h);
	return r;
}

int exchange_restore(void *addr, size_t size, int fd, uint64_t offset)
{
	int r;

	r = restore_elsewhere(addr, size, fd, offset);
	return r < 0 ? restore_in_place(addr, size, fd, offset) : r;
}

/* The same without emptying the object, from its descriptor or, if that is gone, its mapping.
 */
static int copy_out(void *addr, size_t size, int fd, uint64_t offset, void *fresh)
{
	void *old;
	int r;

	if (fd < 0) {
		copied_bytes(fresh, addr, size);
		return 0;
	}
	r = vm_place(NULL, size, VM_READ, fd, offset, &old);
	if (r < 0)
		return r;
	r = move_out(fd, offset, old, fresh, size, false);
	vm_unmap(old, size);
	return r;
}

int exchange_copy_out(void *addr, size_t size, int fd, uint64_t offset)
{
	void *fresh;
	int r;

	r = vm_anonymous(size, VM_READ | VM_WRITE, &fresh);
	if (r < 0)
		return r;
	r = copy_out(addr, size, fd, offset, fresh);
	if (r == 0)
		r = vm_move_onto(fresh, size, addr);
	if (r < 0)
		vm_unmap(fresh, size);
	return r;
}

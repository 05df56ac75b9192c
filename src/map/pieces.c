/* SPDX-License-Identifier: MIT */
#include "map/pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "map/copied.h"
#include "sys/memfd.h"
#include "sys/vm.h"

/* ---- the reserve ------------------------------------------------------------------------ */

int reserve_take(struct reserve *reserve, uint64_t size)
{
	size_t bytes = size < RESERVE_SIZE ? (size_t)size + vm_page_size() : RESERVE_SIZE;
	int r;

	r = vm_anonymous_apart(bytes, VM_READ | VM_WRITE, &reserve->memory);
	if (r < 0)
		return r;
	reserve->size = bytes;
	/* A kernel that cannot do so gives no reserve, and the way back takes what is free. */
	r = vm_populate_write(reserve->memory, bytes);
	if (r != -ENOMEM)
		return 0;
	reserve_end(reserve);
	return r;
}

void reserve_release(struct reserve *reserve)
{
	if (reserve->memory)
		(void)vm_drop_pages(reserve->memory, reserve->size);
}

void reserve_end(struct reserve *reserve)
{
	if (reserve->memory)
		vm_unmap(reserve->memory, reserve->size);
	*reserve = (struct reserve){ 0 };
}

/* ---- copying ---------------------------------------------------------------------------- */

/* A page of a file's private mapping past the file's end has no content, and says EFAULT. */
static int copy_pages(int fd, uint64_t offset, const char *from, size_t size)
{
	size_t page = vm_page_size();
	int r;

	r = copied_write(fd, offset, from, size);
	if (r != -EFAULT)
		return r;
	for (size_t at = 0; at < size; at += page) {
		r = copied_write(fd, offset + at, from + at, page);
		if (r < 0 && r != -EFAULT)
			return r;
	}
	return 0;
}

static bool page_is_zero(const char *page, size_t size)
{
	return page[0] == 0 && memcmp(page, page + 1, size - 1) == 0;
}

/* What the kernel does not tell of memory shared with others: pages of it that are zero. */
static int copy_nonzero(int fd, uint64_t offset, const char *from, size_t size)
{
	size_t page = vm_page_size(), end;
	int r = 0;

	for (size_t at = 0; at < size && r == 0; at = end + page) {
		for (end = at; end < size && !page_is_zero(from + end, page);)
			end += page;
		r = copied_write(fd, offset + at, from + at, end - at);
	}
	return r;
}

/* Looked at only where looking cannot fault: it may be mapped beyond its own end. */
static int copy_shared(int fd, uint64_t offset, const char *from, size_t size)
{
	return (vm_populate_read(from, size) == 0 ? copy_nonzero : copy_pages)(fd, offset, from,
									       size);
}

int pieces_copy_private(int fd, uint64_t offset, const char *from, size_t size)
{
	uintptr_t base = (uintptr_t)from, start, end = base;
	int r;

	for (;;) {
		r = vm_next_present(end, base + size, &start, &end);
		if (r == -ENXIO)
			return 0;
		if (r == 0)
			r = copied_write(fd, offset + (start - base), (const void *)start,
					 end - start);
		if (r < 0)
			return r;
	}
}

/* What an object holds, which may be less than what is mapped of it here. */
static int copy_object(int fd, uint64_t offset, const struct hold *hold, size_t from,
		       size_t size)
{
	struct memfd_walk walk = { .fd = hold->fd, .at = from, .limit = from + size };
	uint64_t at;
	size_t part;
	int r;

	while ((r = memfd_walk_next(&walk, size, &at, &part)) > 0) {
		r = copied_write(fd, offset + at, hold->moved + at, part);
		if (r < 0)
			return r;
	}
	return r;
}

static uint64_t offset_of(const struct pieces *p, const struct hold *hold)
{
	return (uint64_t)(hold->addr - p->addr);
}

static int copy_piece(const struct pieces *p, const struct hold *hold, size_t at, size_t size)
{
	uint64_t offset = offset_of(p, hold);

	if (hold->file)
		return copy_pages(p->fd, offset + at, hold->moved + at, size);
	if (hold->fd >= 0)
		return copy_object(p->fd, offset, hold, at, size);
	if (hold->shared)
		return copy_shared(p->fd, offset + at, hold->moved + at, size);
	return pieces_copy_private(p->fd, offset + at, hold->moved + at, size);
}

/* ---- there ------------------------------------------------------------------------------ */

int pieces_begin(struct pieces *p, struct holds *h, const void *addr, uint64_t size, int fd)
{
	*p = (struct pieces){ .holds = h, .addr = addr, .fd = fd };
	return reserve_take(&p->reserve, size);
}

void pieces_end(struct pieces *p)
{
	reserve_end(&p->reserve);
}

/* Pages that cannot be given back stay, and are in both places: that does no harm. */
static void give_back(struct hold *hold, size_t end)
{
	size_t size = end - hold->given;

	if (!hold_has_left(hold))
		return;
	if (hold->fd >= 0)
		(void)memfd_punch(hold->fd, hold->given, size);
	else if (!hold->shared)
		(void)vm_drop_pages(hold->moved + hold->given, size);
	else
		return;
	hold->given = end;
}

/* To the next border between huge pages, which are given back as a whole or not at all. */
static size_t piece_size(const char *from, size_t left)
{
	size_t size = PIECE_SIZE - (uintptr_t)from % PIECE_SIZE;

	return size < left ? size : left;
}

static int move_hold(struct pieces *p, struct hold *hold)
{
	size_t part;
	int r = 0;

	/* What stays where it is must be readable there. */
	if (!hold_has_left(hold))
		r = vm_protect(hold->addr, hold->size, VM_READ);
	for (size_t at = 0; at < hold->size && r == 0; at += part) {
		part = piece_size(hold->addr + at, hold->size - at);
		if (p->copied)
			give_back(p->copied, p->copied_end);
		p->copied = NULL;
		r = copy_piece(p, hold, at, part);
		if (r == 0)
			r = fault_point("exchange.piece.copied");
		p->copied = hold;
		p->copied_end = at + part;
	}
	return r;
}

int pieces_move(struct pieces *p)
{
	int r = 0;

	for (unsigned i = 0; i < p->holds->held && r == 0; i++)
		r = move_hold(p, &p->holds->hold[i]);
	return r;
}

/* ---- and back --------------------------------------------------------------------------- */

/*
 * A fault of the program's own waits for memory that is short for a moment, where one of a
 * system call's fails: so the pages are there before the kernel is to fill them.
 */
static void touch(volatile char *at, size_t size)
{
	size_t page = vm_page_size();

	for (size_t i = 0; i < size; i += page)
		at[i] = 0;
}

static void bring(char *to, int fd, uint64_t offset, size_t size)
{
	touch(to, size);
	if (copied_read(fd, offset, to, size) < 0)
		abort(); /* Content that was there a moment ago could not be kept. */
}

/* A page that the program had not changed is the file's again, and not a copy. */
static void bring_page_of_file(const struct reserve *reserve, char *to, int fd, uint64_t offset)
{
	size_t page = vm_page_size();
	char *content = reserve->memory;

	bring(content, fd, offset, page);
	/* If the file has become shorter, what was mapped there is gone for everybody. */
	if (vm_populate_read(to, page) != -EFAULT && memcmp(to, content, page) != 0)
		copied_bytes(to, content, page);
}

static void bring_part(const struct pieces *p, const struct hold *hold, uint64_t offset,
		       size_t size)
{
	char *to = hold->moved + (offset - offset_of(p, hold));
	size_t page = vm_page_size();

	if (!hold->file) {
		bring(to, p->fd, offset, size);
		return;
	}
	for (size_t at = 0; at < size; at += page)
		bring_page_of_file(&p->reserve, to + at, p->fd, offset + at);
}

static void bring_hold(const struct pieces *p, const struct hold *hold)
{
	uint64_t start = offset_of(p, hold), offset;
	struct memfd_walk walk = { .fd = p->fd, .at = start, .limit = start + hold->given };
	size_t size;
	int r;

	while ((r = memfd_walk_next(&walk, PIECE_BACK_SIZE, &offset, &size)) > 0) {
		bring_part(p, hold, offset, size);
		(void)memfd_punch(p->fd, offset, size);
	}
	if (r < 0)
		abort();
}

void pieces_move_back(struct pieces *p)
{
	const struct holds *h = p->holds;

	/* What is still where it was needs no second copy. */
	for (unsigned i = 0; i < h->held; i++)
		(void)memfd_punch(p->fd, offset_of(p, &h->hold[i]) + h->hold[i].given,
				  h->hold[i].size - h->hold[i].given);
	reserve_release(&p->reserve);
	for (unsigned i = 0; i < h->held; i++)
		if (h->hold[i].given > 0)
			bring_hold(p, &h->hold[i]);
	pieces_end(p);
}

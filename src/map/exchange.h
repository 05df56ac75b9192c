/* SPDX-License-Identifier: MIT */
/*
 * exchange.h - put other memory behind an address while threads go on using it
 *
 * Three exchanges, one way of doing them: accesses to the range are made to wait, the content
 * is copied, the new memory is mapped over the old in one step, the waiting threads go on.  No
 * store is lost: it lands before the copy or after the exchange.
 *
 *	adopt     private memory becomes a shared object        (export)
 *	fence     a shared object is replaced by a fresh one     (taking back)
 *	restore   a shared object becomes private memory again   (end of the last export)
 *
 * All give the old pages back as they copy, in pieces of two megabytes, so that memory for both
 * is never needed at once; pages that others may be sharing are not theirs to give.
 *
 * Accesses wait through userfaultfd, or through a guard (guard.h) where that is not possible.
 * One exchange runs at a time in a process: the caller holds the map's lock.
 */
#ifndef MAP_EXCHANGE_H
#define MAP_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The range must be mapped, readable and writable throughout.  0; -EFAULT if part of it is
 * unmapped or a kind of memory that cannot be moved; -EACCES; -ENOMEM.  On failure the range is
 * as it was.
 */
int exchange_adopt(void *addr, size_t size, int fd);
/* Would it?  Looks, and does nothing. */
int exchange_can_adopt(const void *addr, size_t size);

/* A place where the object is mapped in this process. */
struct exchange_window {
	void *addr;
	size_t size;
	uint64_t offset; /* in the object */
	unsigned prot;
};

/* 0 or -errno with everything as it was; copies the whole object, mapped or not. */
int exchange_fence(const struct exchange_window *windows, unsigned count, int old_fd,
		   int fresh_fd, uint64_t size);

/* A part of the range of a merge: a shared object of its own, or private memory. */
struct exchange_part {
	void *addr;
	size_t size;
	int fd; /* of the object, which begins here; -1: private memory */
};

/*
 * Moves everything in a range, private memory and objects that end or begin inside, into one
 * object that is mapped over all of it.  The parts cover the range in order.  Errors as
 * exchange_adopt(), with everything as it was.
 */
int exchange_merge(const struct exchange_part *parts, unsigned count, int fd);

/*
 * Bytes that a merge, or the adoption of one private part, gives back while it goes: the memory
 * that need not be there twice.
 */
uint64_t exchange_gives_back(const struct exchange_part *parts, unsigned count);

/* 0, or -errno with the content where it was: in the object, which must then be left alone.
 * With @fd -1 the object is known by its mapping only, and keeps its pages. */
int exchange_restore(void *addr, size_t size, int fd, uint64_t offset);

/*
 * In a child of fork, where no other thread is: the range, a mapping of the object, becomes
 * private memory with a copy of its content.  The object is not changed.  With @fd -1 it is
 * known by its mapping only.
 */
int exchange_copy_out(void *addr, size_t size, int fd, uint64_t offset);

#endif

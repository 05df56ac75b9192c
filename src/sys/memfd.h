/* SPDX-License-Identifier: MIT */
/*
 * memfd.h - memory objects of the kernel's
 *
 * Every object is sealed against shrinking, growing and further seals, and has mode 0600 before
 * its descriptor leaves the process: so no holder can make another fault by truncating it, no
 * other user can reopen a read-only descriptor for writing, and no one can seal it against
 * being emptied.
 */
#ifndef SYS_MEMFD_H
#define SYS_MEMFD_H

#include <stddef.h>
#include <stdint.h>

/* A new, empty, sealed object of @size bytes.  /proc/PID/maps shows it as "memfd:tract-@name";
 * a @name that begins with "tract" already, as "memfd:@name". */
int memfd_new(const char *name, uint64_t size, int *ret_fd);

/* What an object can be instead. */
enum memfd_kind {
	/* Not sealed against seals, so that it can be frozen; so whoever may write to it can
	 * seal it, too. */
	MEMFD_FREEZABLE = 1,
	/* Of the huge pages that the host has set aside, of which @size is a multiple.  Such an
	 * object is read and mapped like another, but memfd_write() fails with -EINVAL. */
	MEMFD_HUGE = 2,
};
/* As memfd_new(). */
int memfd_new_as(const char *name, uint64_t size, unsigned kind, int *ret_fd);
/*
 * Nobody writes to it again, and nobody empties it, the owner included.  0 also if it was so
 * before; -EBUSY while anybody has a mapping that could be written to, or the kernel has its
 * pages in use (what it waits for, a fifth of a second at most); -EPERM if it was not made to
 * be frozen.
 */
int memfd_freeze(int fd);
/* A second, read-only description of the same object. */
int memfd_reopen_readonly(int fd, int *ret_fd);
/* Is this an object as memfd_new() makes them?  0 and its size, or -EPERM. */
int memfd_verify(int fd, uint64_t *ret_size);
/* Gives the pages of a range back; everyone who maps them sees zeros. */
int memfd_punch(int fd, uint64_t offset, uint64_t size);
/* Takes the memory of a range now: -ENOMEM, also if the host has not that much to give. */
int memfd_reserve(int fd, uint64_t offset, uint64_t size);
/* The same for who knows that the host has it: the kernel would kill to get it. */
int memfd_fill(int fd, uint64_t offset, uint64_t size);
/* Copies between objects, or within one where the ranges do not overlap. */
int memfd_copy(int to, uint64_t to_offset, int from, uint64_t from_offset, uint64_t size);
/* Copies what is data in a range of one object to the same place in another; where the first
 * has nothing, the second is left alone. */
int memfd_copy_data(int to, int from, uint64_t offset, uint64_t size);
/* Bytes of memory the object holds now. */
int memfd_resident(int fd, uint64_t *ret_bytes);
/* Writes all of @size bytes; pages that are overwritten whole are not zeroed first. */
int memfd_write(int fd, uint64_t offset, const void *bytes, size_t size);
/* Reads all of @size bytes; -EFAULT if they cannot be put there, -EIO past the end. */
int memfd_read(int fd, uint64_t offset, void *bytes, size_t size);
/* The next run of data at or after @offset, in pages; -ENXIO if none is left. */
int memfd_next_data(int fd, uint64_t offset, uint64_t *ret_start, uint64_t *ret_end);

/* A walk over the data between @at and @limit. */
struct memfd_walk {
	int fd;
	uint64_t at, limit;
	uint64_t run_end; /* of the run that the walk is in; 0: none */
};

/* The next of it, at most @most bytes: 1; 0 if there is no more; -errno. */
int memfd_walk_next(struct memfd_walk *walk, size_t most, uint64_t *ret_offset,
		    size_t *ret_size);

#endif

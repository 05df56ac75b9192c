/* SPDX-License-Identifier: MIT */
/*
 * uffd.h - make a range's accesses wait
 *
 * While a range is held, any thread that touches a page that is not there sleeps until the
 * range is released.  Works without privilege; then a system call that is handed the range
 * fails with EFAULT instead of waiting.
 */
#ifndef SYS_UFFD_H
#define SYS_UFFD_H

#include <stddef.h>

struct uffd {
	int fd;
};

/* -ENOSYS, -EPERM where userfaultfd is not to be had. */
int uffd_open(struct uffd *u);
void uffd_close(struct uffd *u);
/*
 * For private anonymous memory: missing pages.  For memfd mappings: missing and minor faults.
 * Pages that are there stay accessible until the caller takes them away, by vm_vacate() or
 * vm_drop_pages().  -EINVAL if the kernel cannot hold such memory, -EBUSY if another holds it.
 */
int uffd_hold(struct uffd *u, void *addr, size_t size, int shared);
int uffd_release(struct uffd *u, void *addr, size_t size);
/* Wakes whoever sleeps on the range, after it was mapped over. */
int uffd_wake(struct uffd *u, void *addr, size_t size);

#endif

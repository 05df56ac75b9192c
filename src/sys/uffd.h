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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* ---- paging ------------------------------------------------------------------------------ */

/* Somebody sleeps until a page is there. */
struct uffd_fault {
	uintptr_t page;
	bool write;
	bool protected; /* the page is there, and stores to it are asked about */
};

/* As uffd_open(), for who answers faults rather than letting them wait. */
int uffd_open_paging(struct uffd *u);
/* For a mapping of a memory object, of which no page is there: its faults are asked about. */
int uffd_page(struct uffd *u, void *addr, size_t size);
/* Waits for the next one.  -EBADF if the descriptor was closed. */
int uffd_next(struct uffd *u, struct uffd_fault *ret_fault);
/* Puts a page there, and wakes who sleeps on it.  -EEXIST if there is one. */
int uffd_copy(struct uffd *u, void *page, size_t size, const void *content);
int uffd_zero(struct uffd *u, void *page, size_t size);
/* For a page that is there: the next store to it is asked about.  -EINVAL on kernels before
 * 5.19, which cannot. */
int uffd_protect(struct uffd *u, void *page, size_t size);

/* ---- pages of somebody else's ------------------------------------------------------------ */

/* As uffd_open_paging(), for who must know of every page that is stored to; and uffd_next()
 * does not wait, but fails with -EAGAIN.  -EOPNOTSUPP on kernels before 5.19, which cannot. */
int uffd_open_watching(struct uffd *u);
/* Can uffd_show() be used with it?  Not on kernels before 6.4. */
bool uffd_can_show(struct uffd *u);
/*
 * For a mapping of a memory object, of which no page is there: its faults are asked about; with
 * @shown also those of pages that the object has, and with @stores those of pages that are
 * protected.  -EOPNOTSUPP if the kernel cannot.
 */
int uffd_watch(struct uffd *u, void *addr, size_t size, bool stores, bool shown);
/* Puts pages there, protected or not, and wakes nobody.  -EEXIST if one is there already. */
int uffd_bring(struct uffd *u, void *addr, size_t size, const void *content, bool protected);
/* The same of the pages that the object has. */
int uffd_show(struct uffd *u, void *addr, size_t size, bool protected);
/* For pages that are there: are stores to them asked about?  Wakes who waits if not. */
int uffd_set_protected(struct uffd *u, void *addr, size_t size, bool protected);

#endif

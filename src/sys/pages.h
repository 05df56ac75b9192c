/* SPDX-License-Identifier: MIT */
/*
 * pages.h - the pages behind part of an object: which there are, and getting large ones
 *
 * A page is looked at through a mapping of ours.  That takes none the object does not have:
 * only what is in memory is brought into the mapping.
 *
 * Huge pages come in two kinds.  Those that the host has set aside are objects of their own
 * kind (MEMFD_HUGE); the others the kernel makes of ordinary memory, where its settings let it
 * and it finds room, and says only afterwards whether it did.
 */
#ifndef SYS_PAGES_H
#define SYS_PAGES_H

#include <stddef.h>
#include <stdint.h>

/* Part of an object, mapped so that huge pages fit: addresses are aligned as offsets are. */
struct pages_view {
	char *addr;
	size_t size;
	void *base; /* of what is unmapped */
	size_t base_size;
};

/* @prot is of vm.h.  With a read-only @fd it does not stand in the way of memfd_freeze(). */
int pages_view(int fd, unsigned prot, uint64_t offset, size_t size, struct pages_view *ret);
/* Nothing happens to one that is all zero. */
void pages_view_end(struct pages_view *view);
/* scoped(pages_view) struct pages_view view = { 0 }; */
static inline void pages_view_scope_end(struct pages_view *view)
{
	pages_view_end(view);
}

/* The size of the huge pages that the kernel makes of ordinary memory; 0: it makes none. */
size_t pages_huge_size(void);
/*
 * Takes the memory of a range now, in huge pages where the kernel has them; the bounds should
 * be multiples of their size.  -ENOMEM.  The kernel would kill to get it: ask before.
 */
int pages_fill_huge(int fd, uint64_t offset, size_t size);
/* Has the host keep huge pages for all of an object of them, without taking them: -ENOMEM. */
int pages_promise(int fd, uint64_t size);

/*
 * For each page of @page bytes, is it in memory?  Those that are, are in the mapping then.
 * @ret_there has a byte for each, 0 or 1.  Of an object of huge pages that were set aside
 * (@page says so), pages that it lacks are taken, if there are any.
 */
int pages_look(const struct pages_view *view, size_t page, unsigned char *ret_there);
/* Bytes that the kernel has in huge pages, of those that are in the mapping. */
int pages_count_huge(const struct pages_view *view, uint64_t *ret_bytes);
/*
 * The physical address of the first byte, if all pages are in the mapping and follow each other
 * there, too.  -EOPNOTSUPP if not, or if the kernel does not tell us; 0 is never an address.
 */
int pages_physical(const struct pages_view *view, uint64_t *ret_base);
/* Keeps them in memory for as long as the view is: -ENOMEM, -EPERM. */
int pages_lock(const struct pages_view *view);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * vm.h - this process's mappings
 */
#ifndef SYS_VM_H
#define SYS_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t vm_page_size(void);

enum vm_prot { VM_READ = 1, VM_WRITE = 2, VM_EXEC = 4 };

/* Map @fd (or, if -1, private zero-filled memory) at @addr, replacing what is there in one
 * step. */
int vm_replace(void *addr, size_t size, unsigned prot, int fd, uint64_t offset);
/* As vm_replace with MAP_PRIVATE of @fd. */
int vm_replace_private(void *addr, size_t size, unsigned prot, int fd, uint64_t offset);
/* As one of these, with private memory (of @fd, or zero-filled if -1); but what is there stays
 * if there is not so much, which the others find out too late.  Takes a mapping more. */
int vm_replace_private_or_keep(void *addr, size_t size, unsigned prot, int fd, uint64_t offset);
/* Map where nothing is: at @addr exactly (-EEXIST if taken), or anywhere if NULL. */
int vm_place(void *addr, size_t size, unsigned prot, int fd, uint64_t offset, void **ret_addr);
/* As vm_place with MAP_PRIVATE of @fd. */
int vm_place_private(void *addr, size_t size, unsigned prot, int fd, uint64_t offset);
/* The same of zero-filled memory that is an object of its own, without a descriptor. */
int vm_replace_shared(void *addr, size_t size, unsigned prot);
int vm_place_shared(void *addr, size_t size, unsigned prot);
/* Private zero-filled memory anywhere. */
int vm_anonymous(size_t size, unsigned prot, void **ret_addr);
/* The same, in a mapping that the kernel does not join to a neighbour, unless that is one too.
 */
int vm_anonymous_apart(size_t size, unsigned prot, void **ret_addr);
void vm_unmap(void *addr, size_t size);
/* The same where it may fail, having changed nothing: -ENOMEM, if a mapping would have to be
 * split and there are too many. */
int vm_try_unmap(void *addr, size_t size);
int vm_protect(void *addr, size_t size, unsigned prot);
/* Moves the pages of private memory away; the range stays mapped, empty.  (MREMAP_DONTUNMAP) */
int vm_vacate(void *addr, size_t size, void **ret_moved);
/* Moves a mapping on top of another range of the same size, in one step. */
int vm_move_onto(void *from, size_t size, void *onto);
/* Gives the pages of private memory back, which is zero then (or what its file says); of a
 * shared mapping only the page table entries, for the object keeps its pages. */
int vm_drop_pages(void *addr, size_t size);
/* Gives the pages of a memory object back, which is mapped here for writing. */
int vm_remove_pages(void *addr, size_t size);
/* Fails with -ENOMEM, rather than faulting later, if the pages cannot be had. */
int vm_populate_write(void *addr, size_t size);
/* The same for reading: -EFAULT if part of what is mapped is not there, past the end of a file.
 */
int vm_populate_read(const void *addr, size_t size);
/* Keeps the range in memory, where the limits allow. */
void vm_lock_pages(void *addr, size_t size);
/* Asks for huge pages, where the host has them. */
void vm_advise_huge(void *addr, size_t size);
/* A child of fork will not have the range. */
int vm_not_for_children(void *addr, size_t size);

/* -EFAULT unless every byte of the range can be read, or written; it may bring its pages in. */
int vm_check_access(const void *addr, size_t size, bool write);

/* One mapping, as /proc/self/maps shows it, cut to the range asked about. */
struct vm_area {
	uintptr_t start, end;
	unsigned prot;
	bool shared;
	bool file; /* of some device (memfd, System V and shared anonymous memory included) */
	bool sysv; /* System V shared memory: inode is the shmid */
	bool anon_shared; /* MAP_SHARED | MAP_ANONYMOUS */
	bool memfd;
	bool hugetlb;	 /* not sliceable at page size */
	bool special;	 /* [vdso], [stack] and the like that must not be moved */
	uint64_t offset; /* in the file, of start */
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	uintptr_t whole_start, whole_end; /* the mapping before it was cut */
};

/*
 * Calls @visit for each mapping that overlaps the range, in order.  @visit returns 0 to go on
 * or a negative error to stop with.  -EFAULT if part of the range is not mapped.
 */
int vm_walk(const void *addr, size_t size, int (*visit)(const struct vm_area *area, void *arg),
	    void *arg);

/* The lowest mapping of anybody's that ends after @from: -ENOENT if there is none. */
int vm_next_mapping(uintptr_t from, uintptr_t *ret_start, uintptr_t *ret_end);
/* How far everything is mapped from a page on, found out without a descriptor: up to the page
 * itself if nothing is there. */
uintptr_t vm_mapped_until(uintptr_t page);
/* First and last address where a program may map anything. */
void vm_limits(uintptr_t *ret_first, uintptr_t *ret_last);

/* Opens the object behind a shared mapping (needs CAP_CHECKPOINT_RESTORE); -EPERM without. */
int vm_open_backing(const struct vm_area *area, bool writable, int *ret_fd);

/*
 * The next run of pages that private memory really has, at or after @addr and below @end;
 * -ENXIO if none is left.  (Pages never touched are zero and need not be copied.)
 */
int vm_next_present(uintptr_t addr, uintptr_t end, uintptr_t *ret_start, uintptr_t *ret_end);
/* Bytes in a range that are in memory for this process's private mappings alone: given back,
 * they are free.  0 where the kernel does not tell. */
uint64_t vm_own_bytes(const void *addr, size_t size);

#endif

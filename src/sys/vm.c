/* SPDX-License-Identifier: MIT */
/*
 * vm.c - change this process's mappings
 *
 * What reads them is in vm_walk.c.
 */
#include "sys/vm.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Headers older than Linux 5.14 lack these. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
/* And those older than 5.18. */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

size_t vm_page_size(void)
{
	static _Atomic size_t known;
	size_t size = atomic_load_explicit(&known, memory_order_relaxed);

	if (size == 0) {
		size = (size_t)sysconf(_SC_PAGESIZE);
		atomic_store_explicit(&known, size, memory_order_relaxed);
	}
	return size;
}

static int native_prot(unsigned prot)
{
	return (prot & VM_READ ? PROT_READ : 0) | (prot & VM_WRITE ? PROT_WRITE : 0) |
	       (prot & VM_EXEC ? PROT_EXEC : 0);
}

/* MAP_SHARED of a descriptor, or private memory where there is none. */
static int kind_of(int fd)
{
	return fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
}

/* EAGAIN: the process locks all that it maps, and may lock no more. */
static int map_error(int error)
{
	return error == EAGAIN ? -ENOMEM : -error;
}

static int map(void *addr, size_t size, unsigned prot, int flags, int fd, uint64_t offset,
	       void **ret_addr)
{
	void *mapped = mmap(addr, size, native_prot(prot), flags, fd, (off_t)offset);

	if (mapped == MAP_FAILED)
		return map_error(errno);
	*ret_addr = mapped;
	return 0;
}

/* Not mmap(): sanitizers take the new mapping for a store to all of it.  Here other threads may
 * be at work in the range, and that is what is meant; or it moves away at once, unseen by them,
 * and the place is somebody else's next. */
static int map_unseen(void *addr, size_t size, unsigned prot, int flags, int fd,
		      uint64_t offset, void **ret_addr)
{
	long at = syscall(SYS_mmap, addr, size, native_prot(prot), flags, fd, offset);

	if (at == -1)
		return map_error(errno);
	*ret_addr = (void *)(uintptr_t)at;
	return 0;
}

static int map_over(void *addr, size_t size, unsigned prot, int flags, int fd, uint64_t offset)
{
	void *at;

	return map_unseen(addr, size, prot, flags | MAP_FIXED, fd, offset, &at);
}

int vm_replace(void *addr, size_t size, unsigned prot, int fd, uint64_t offset)
{
	return map_over(addr, size, prot, kind_of(fd), fd, offset);
}

int vm_replace_private(void *addr, size_t size, unsigned prot, int fd, uint64_t offset)
{
	return map_over(addr, size, prot, MAP_PRIVATE, fd, offset);
}

int vm_replace_private_or_keep(void *addr, size_t size, unsigned prot, int fd, uint64_t offset)
{
	int flags = MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), r;
	void *elsewhere = NULL;

	/* What could not be written takes no memory. */
	if (!(prot & VM_WRITE))
		return map_over(addr, size, prot, flags, fd, offset);
	/* Whether there is enough is looked at here, and not again when it is moved.  Mapping
	 * over what is there, kernels before 6.12 take that away first. */
	r = map_unseen(NULL, size, prot, flags, fd, offset, &elsewhere);
	if (r < 0)
		return r;
	r = vm_move_onto(elsewhere, size, addr);
	if (r < 0)
		vm_unmap(elsewhere, size);
	return r;
}

int vm_place(void *addr, size_t size, unsigned prot, int fd, uint64_t offset, void **ret_addr)
{
	int flags = kind_of(fd) | (addr ? MAP_FIXED_NOREPLACE : 0);

	return map(addr, size, prot, flags, fd, offset, ret_addr);
}

int vm_place_private(void *addr, size_t size, unsigned prot, int fd, uint64_t offset)
{
	void *at;

	return map(addr, size, prot, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, offset, &at);
}

int vm_replace_shared(void *addr, size_t size, unsigned prot)
{
	return map_over(addr, size, prot, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

int vm_place_shared(void *addr, size_t size, unsigned prot)
{
	void *at;

	return map(addr, size, prot,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0,
		   &at);
}

int vm_anonymous(size_t size, unsigned prot, void **ret_addr)
{
	return map(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, ret_addr);
}

int vm_anonymous_apart(size_t size, unsigned prot, void **ret_addr)
{
	int r;

	r = vm_anonymous(size, prot, ret_addr);
	/* Few are left out of core dumps. */
	if (r == 0)
		(void)madvise(*ret_addr, size, MADV_DONTDUMP);
	return r;
}

void vm_unmap(void *addr, size_t size)
{
	(void)munmap(addr, size);
}

int vm_try_unmap(void *addr, size_t size)
{
	return munmap(addr, size) < 0 ? -errno : 0;
}

int vm_protect(void *addr, size_t size, unsigned prot)
{
	return mprotect(addr, size, native_prot(prot)) < 0 ? -errno : 0;
}

int vm_vacate(void *addr, size_t size, void **ret_moved)
{
	/* Not mremap(): sanitizers follow what it moves, and take the range to be gone. */
	long moved =
		syscall(SYS_mremap, addr, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0L);

	if (moved == -1)
		return -errno;
	*ret_moved = (void *)moved;
	return 0;
}

int vm_move_onto(void *from, size_t size, void *onto)
{
	if (syscall(SYS_mremap, from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, onto) == -1)
		return -errno;
	return 0;
}

int vm_drop_pages(void *addr, size_t size)
{
	/* Memory that is locked is refused to the plain word. */
	if (madvise(addr, size, MADV_DONTNEED) == 0 ||
	    (errno == EINVAL && madvise(addr, size, MADV_DONTNEED_LOCKED) == 0))
		return 0;
	return -errno;
}

int vm_remove_pages(void *addr, size_t size)
{
	return madvise(addr, size, MADV_REMOVE) < 0 ? -errno : 0;
}

static int populate(const void *addr, size_t size, int advice)
{
	while (madvise((void *)(uintptr_t)addr, size, advice) < 0)
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	return 0;
}

int vm_populate_write(void *addr, size_t size)
{
	int r;

	r = populate(addr, size, MADV_POPULATE_WRITE);
	/* Here EFAULT says that an access would raise SIGBUS. */
	return r == -EFAULT ? -ENOMEM : r;
}

int vm_populate_read(const void *addr, size_t size)
{
	return populate(addr, size, MADV_POPULATE_READ);
}

void vm_lock_pages(void *addr, size_t size)
{
	(void)mlock(addr, size);
}

void vm_advise_huge(void *addr, size_t size)
{
	(void)madvise(addr, size, MADV_HUGEPAGE);
}

int vm_not_for_children(void *addr, size_t size)
{
	return madvise(addr, size, MADV_DONTFORK) < 0 ? -errno : 0;
}

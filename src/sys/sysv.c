/* SPDX-License-Identifier: MIT */
#include "sys/sysv.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "sys/vm.h"

/* 0 and the size in whole pages, if it is @owner's to show. */
static int look(uint32_t shmid, uint32_t owner, bool or_root, uint64_t *ret_size)
{
	struct shmid_ds info;
	uint64_t page = vm_page_size();

	if (shmctl((int)shmid, IPC_STAT, &info) < 0)
		return -errno;
	if (!(owner == 0 && or_root) && info.shm_perm.uid != owner &&
	    info.shm_perm.cuid != owner)
		return -EACCES;
	*ret_size = (info.shm_segsz + page - 1) / page * page;
	return 0;
}

/* Keeps the part of an attachment that is wanted, where it is wanted. */
static int keep_part(char *whole, uint64_t whole_size, uint64_t offset, size_t size,
		     unsigned prot, void **addr)
{
	char *part = whole + offset;

	if (offset + size < whole_size)
		vm_unmap(part + size, whole_size - offset - size);
	if (offset > 0)
		vm_unmap(whole, offset);
	if (prot == 0 && mprotect(part, size, PROT_NONE) < 0) {
		vm_unmap(part, size);
		return -ENOMEM;
	}
	if (*addr && vm_move_onto(part, size, *addr) < 0) {
		vm_unmap(part, size);
		return -ENOMEM;
	}
	if (!*addr)
		*addr = part;
	return 0;
}

/* A part of a huge page is not: it could neither be unmapped nor replaced later. */
static bool can_be_apart(char *part, size_t size)
{
	return madvise(part, size, MADV_SEQUENTIAL) == 0 &&
	       madvise(part, size, MADV_NORMAL) == 0;
}

/* @or_root: what anybody has is root's to show. */
static int attach(uint32_t shmid, uint32_t owner, bool or_root, uint64_t offset, size_t size,
		  unsigned prot, void **addr)
{
	uint64_t whole_size = 0;
	void *whole;
	int r;

	r = look(shmid, owner, or_root, &whole_size);
	if (r < 0)
		return r;
	if (offset > whole_size || size > whole_size - offset)
		return -ERANGE;
	whole = shmat((int)shmid, NULL, prot & VM_WRITE ? 0 : SHM_RDONLY);
	if (whole == (void *)-1)
		return -errno;
	if (!can_be_apart((char *)whole + offset, size)) {
		(void)shmdt(whole);
		return -EINVAL;
	}
	return keep_part(whole, whole_size, offset, size, prot, addr);
}

int sysv_attach(uint32_t shmid, uint32_t owner, uint64_t offset, size_t size, unsigned prot,
		void **addr)
{
	return attach(shmid, owner, true, offset, size, prot, addr);
}

int sysv_attach_shown(uint32_t shmid, uint32_t owner, uint64_t offset, size_t size,
		      unsigned prot, void **addr)
{
	return attach(shmid, owner, false, offset, size, prot, addr);
}

/* SPDX-License-Identifier: MIT */
/*
 * kumem.c - memory that L4's kernel could share with a task; here it is private
 */
#include <l4/re/c/rm.h>
#include <l4/re/c/util/kumem_alloc.h>
#include <sys/mman.h>

#include "compat/l4re/l4re.h"

/* An order above this no address space could hold. */
#define ORDER_MAX 40

static int check(unsigned order, l4_cap_idx_t task, l4_cap_idx_t regmgr)
{
	int r;

	r = l4_task_check_own(task);
	if (r == 0)
		r = l4_rm_check_own(regmgr);
	return r == 0 && order > ORDER_MAX ? -L4_EADDRNOTAVAIL : r;
}

/* Over what holds the place. */
static int provide(l4_addr_t start, unsigned long size)
{
	void *memory = mmap((void *)start, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	return memory == MAP_FAILED ? -L4_ENOMEM : 0;
}

L4_API int l4re_util_kumem_alloc(l4_addr_t *mem, unsigned pages_order, l4_cap_idx_t task,
				 l4_cap_idx_t regmgr)
{
	unsigned long size = L4_PAGESIZE << (pages_order & 63);
	l4_addr_t start = 0;
	int r;

	r = check(pages_order, task, regmgr);
	if (r == 0)
		r = l4_map_reserve(regmgr, &start, size, TRACT_AREA_BLOCK,
				   pages_order + L4_PAGESHIFT, L4_EXTRA_RESERVED);
	if (r < 0)
		return r;
	r = provide(start, size);
	if (r < 0)
		(void)l4_map_release(regmgr, start);
	else
		*mem = start;
	return r;
}

/* The same in the modern generation, which makes a region of it. */
L4_CV int l4_modern_kumem_alloc(l4_addr_t *mem, unsigned pages_order, l4_cap_idx_t task,
				l4_cap_idx_t regmgr) __asm__("l4re_modern_util_kumem_alloc");
L4_API int l4_modern_kumem_alloc(l4_addr_t *mem, unsigned pages_order, l4_cap_idx_t task,
				 l4_cap_idx_t regmgr)
{
	const struct l4_wish wish = {
		.size = L4_PAGESIZE << (pages_order & 63),
		.rights = TRACT_RIGHT_READ_WRITE,
		.flags = TRACT_ATTACH_BLOCK,
		.align = pages_order + L4_PAGESHIFT,
		.extra = L4_EXTRA_KERNEL,
		.name = "[kumem]",
	};
	void *start = NULL;
	int r;

	r = check(pages_order, task, regmgr);
	if (r == 0)
		r = l4_map_attach(regmgr, &start, &wish);
	if (r < 0)
		return r;
	r = provide((l4_addr_t)start, wish.size);
	if (r < 0)
		(void)l4_map_detach(regmgr, (l4_addr_t)start, 1, TRACT_DETACH_WHOLE, NULL,
				    task);
	else
		*mem = (l4_addr_t)start;
	return r;
}

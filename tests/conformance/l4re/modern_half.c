/* SPDX-License-Identifier: MIT */
/*
 * modern_half.c - the half of test_both_modes.c that is compiled with L4RE_MODERN
 */
#include "modern_half.h"

#include <l4/re/c/mem_alloc.h>
#include <l4/re/c/rm.h>
#include <stdint.h>

static const unsigned flags_of[] = {
	[MODERN_R] = L4RE_RM_F_R,
	[MODERN_RW] = L4RE_RM_F_RW,
	[MODERN_RESERVED] = L4RE_RM_F_RESERVED,
	[MODERN_KERNEL] = L4RE_RM_F_KERNEL,
	[MODERN_UNCACHED] = L4RE_RM_F_RW | L4RE_RM_F_CACHE_UNCACHED,
};

int modern_attach(unsigned long *at, enum modern_kind kind, unsigned long ds)
{
	void *start = (void *)*at;
	int r = l4re_rm_attach(&start, L4_PAGESIZE, L4RE_RM_F_SEARCH_ADDR | flags_of[kind], ds,
			       0, L4_PAGESHIFT);

	*at = (unsigned long)start;
	return r;
}

int modern_detach(unsigned long at, unsigned long *ds)
{
	return l4re_rm_detach_ds((void *)at, ds);
}

int modern_is(unsigned long at, enum modern_kind kind, unsigned long ds)
{
	unsigned long size = 1;
	l4re_rm_offset_t offset;
	l4re_rm_flags_t flags;
	l4re_ds_t m;

	return l4re_rm_find(&at, &size, &offset, &flags, &m) == 0 && flags == flags_of[kind] &&
	       m == ds && size == L4_PAGESIZE;
}

unsigned modern_flags(unsigned long at)
{
	unsigned long size = 1;
	l4re_rm_flags_t flags = 0;

	(void)l4re_rm_find(&at, &size, 0, &flags, 0);
	return flags;
}

unsigned long modern_size(unsigned long ds)
{
	return (unsigned long)l4re_ds_size(ds);
}

const void *modern_function(unsigned which)
{
	const uintptr_t functions[] = {
		(uintptr_t)l4re_rm_reserve_area_srv,
		(uintptr_t)l4re_rm_free_area_srv,
		(uintptr_t)l4re_rm_attach_srv,
		(uintptr_t)l4re_rm_detach_srv,
		(uintptr_t)l4re_rm_find_srv,
		(uintptr_t)l4re_ds_map,
		(uintptr_t)l4re_ds_size,
		(uintptr_t)l4re_ma_alloc_align_srv,
		(uintptr_t)l4sys_errtostr,
	};

	return (const void *)functions[which];
}

const void *modern_environment(void)
{
	return l4re_env();
}

unsigned long modern_region_map(void)
{
	return l4re_env()->rm;
}

/* SPDX-License-Identifier: MIT */
/* consts.h - constants of pages and of capabilities, and rounding */
#ifndef L4_SYS_CONSTS_H
#define L4_SYS_CONSTS_H

#include <l4/sys/compiler.h>
#include <l4/sys/l4int.h>

/* ---- pages ---- */

#define L4_PAGESHIFT 12
#define L4_LOG2_PAGESIZE L4_PAGESHIFT
#define L4_PAGESIZE (1UL << L4_PAGESHIFT)
#define L4_PAGEMASK (~(L4_PAGESIZE - 1))

#if defined(__i386__) || defined(__powerpc__) || defined(__sparc__) || defined(__mips__)
#define L4_SUPERPAGESHIFT 22
#else
#define L4_SUPERPAGESHIFT 21
#endif
#define L4_LOG2_SUPERPAGESIZE L4_SUPERPAGESHIFT
#define L4_SUPERPAGESIZE (1UL << L4_SUPERPAGESHIFT)
#define L4_SUPERPAGEMASK (~(L4_SUPERPAGESIZE - 1))

#define L4_INVALID_ADDR (~0UL)
#define L4_INVALID_PTR ((void *)L4_INVALID_ADDR)

/* ---- capabilities ---- */

/* An index is the number of a slot, shifted. */
#define L4_CAP_SHIFT 12
#define L4_CAP_SIZE (1UL << L4_CAP_SHIFT)
#define L4_CAP_OFFSET (1UL << L4_CAP_SHIFT)
#define L4_CAP_MASK (~0UL << (L4_CAP_SHIFT - 1))
#define L4_INVALID_CAP (~0UL << (L4_CAP_SHIFT - 1))
#define L4_INVALID_CAP_BIT (1UL << (L4_CAP_SHIFT - 1))

/* Indices that are the same in every task. */
#define L4_BASE_TASK_CAP (1UL << L4_CAP_SHIFT)
#define L4_BASE_FACTORY_CAP (2UL << L4_CAP_SHIFT)
#define L4_BASE_THREAD_CAP (3UL << L4_CAP_SHIFT)
#define L4_BASE_PAGER_CAP (4UL << L4_CAP_SHIFT)
#define L4_BASE_LOG_CAP (5UL << L4_CAP_SHIFT)
#define L4_BASE_ICU_CAP (6UL << L4_CAP_SHIFT)
#define L4_BASE_SCHEDULER_CAP (7UL << L4_CAP_SHIFT)
#define L4_BASE_IOMMU_CAP (8UL << L4_CAP_SHIFT)
#define L4_BASE_DEBUGGER_CAP (10UL << L4_CAP_SHIFT)

/*
 * Rights of a capability: in the low bits of an index that is handed to somebody, as in
 * ds | L4_CAP_FPAGE_RW, and in l4_obj_fpage().  They are no part of the slot's name: every
 * function removes them before it looks the slot up, and none returns them.
 */
#define L4_CAP_FPAGE_W 0x1
#define L4_CAP_FPAGE_S 0x2
#define L4_CAP_FPAGE_R 0x4
#define L4_CAP_FPAGE_RO 0x4
#define L4_CAP_FPAGE_D 0x8 /* to delete the object */
#define L4_CAP_FPAGE_RW 0x5
#define L4_CAP_FPAGE_RS 0x6
#define L4_CAP_FPAGE_RWS 0x7
#define L4_CAP_FPAGE_RWD 0xd
#define L4_CAP_FPAGE_RSD 0xe
#define L4_CAP_FPAGE_RWSD 0xf

/* Rights of memory pages, for l4_fpage().  Other bits than those of capabilities. */
#define L4_FPAGE_X 1
#define L4_FPAGE_W 2
#define L4_FPAGE_RO 4
#define L4_FPAGE_RX 5
#define L4_FPAGE_RW 6
#define L4_FPAGE_RWX 7

/* ---- mapping and unmapping ---- */

#define L4_FP_ALL_SPACES 0x80000000UL
#define L4_FP_DELETE_OBJ 0xc0000000UL
#define L4_FP_OTHER_SPACES 0UL

#define L4_ITEM_MAP 8
#define L4_MAP_ITEM_MAP 0
#define L4_MAP_ITEM_GRANT 2

/* ---- rounding ---- */

EXTERN_C_BEGIN

/* The page of an address. */
L4_INLINE l4_addr_t l4_trunc_page(l4_addr_t address) L4_NOTHROW
{
	return address & L4_PAGEMASK;
}

/* The first page that does not start before an address; 0 where there is none. */
L4_INLINE l4_addr_t l4_round_page(l4_addr_t address) L4_NOTHROW
{
	return (address + L4_PAGESIZE - 1) & L4_PAGEMASK;
}

/* Down to a multiple of 2^bits. */
L4_INLINE l4_addr_t l4_trunc_size(l4_addr_t address, unsigned char bits) L4_NOTHROW
{
	return address & (~0UL << bits);
}

/* Up to a multiple of 2^bits; 0 where there is none. */
L4_INLINE l4_addr_t l4_round_size(l4_addr_t address, unsigned char bits) L4_NOTHROW
{
	return (address + (1UL << bits) - 1) & (~0UL << bits);
}

EXTERN_C_END

#endif

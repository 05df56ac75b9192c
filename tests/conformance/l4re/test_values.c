/* SPDX-License-Identifier: MIT */
/*
 * test_values.c - numbers, types and layouts that the headers declare
 *
 * In which languages they compile is headers.sh's to try.
 */
#include "rig.h"

#include <l4/re/consts.h>
#include <stddef.h>

#define VALUE(name, wanted)                                                   \
	do {                                                                  \
		_Static_assert((name) == (wanted), #name " is not " #wanted); \
		EXPECT_EQ(name, wanted);                                      \
	} while (0)
#define SIZE(type, wanted) VALUE(sizeof(type), wanted)
#define FIELD(type, field, offset)                    \
	do {                                          \
		VALUE(offsetof(type, field), offset); \
	} while (0)
/* An unsigned type of so many bytes, and a signed one. */
#define UNSIGNED(type, bytes)              \
	do {                               \
		SIZE(type, bytes);         \
		VALUE((type)-1 > 0, true); \
	} while (0)
#define SIGNED(type, bytes)                \
	do {                               \
		SIZE(type, bytes);         \
		VALUE((type)-1 < 0, true); \
	} while (0)
/* Is this type exactly that one? */
#define SAME(type, wanted) VALUE(_Generic((type)0, wanted : 1, default : 0), 1)

#define MEMBER(type, field, wanted) \
	VALUE(_Generic(((type *)0)->field, wanted : 1, default : 0), 1)

/* 2.2 */
TEST(integer_types_have_their_sizes)
{
	SIGNED(l4_int8_t, 1);
	UNSIGNED(l4_uint8_t, 1);
	SIGNED(l4_int16_t, 2);
	UNSIGNED(l4_uint16_t, 2);
	SIGNED(l4_int32_t, 4);
	UNSIGNED(l4_uint32_t, 4);
	SIGNED(l4_int64_t, 8);
	UNSIGNED(l4_uint64_t, 8);
	UNSIGNED(l4_addr_t, L4_MWORD_BITS / 8);
	SIGNED(l4_mword_t, L4_MWORD_BITS / 8);
	UNSIGNED(l4_umword_t, L4_MWORD_BITS / 8);
	UNSIGNED(l4_size_t, L4_MWORD_BITS / 8);
	SIGNED(l4_ssize_t, L4_MWORD_BITS / 8);
	UNSIGNED(l4_cap_idx_t, L4_MWORD_BITS / 8);
	UNSIGNED(l4re_ds_t, L4_MWORD_BITS / 8);
	VALUE(L4_MWORD_BITS, 8 * (int)sizeof(void *));
}

/* 2.2 */
TEST(integer_types_are_the_ones_that_programs_print_with)
{
	SAME(l4_int8_t, signed char);
	SAME(l4_uint16_t, unsigned short);
	SAME(l4_int32_t, int);
	SAME(l4_int64_t, signed long long);
	SAME(l4_uint64_t, unsigned long long);
	SAME(l4_addr_t, unsigned long);
	SAME(l4_mword_t, long);
	SAME(l4_umword_t, unsigned long);
	SAME(l4_cap_idx_t, unsigned long);
	SAME(l4re_ds_t, unsigned long);
#if L4_MWORD_BITS == 64
	SAME(l4_size_t, unsigned long);
	SAME(l4_ssize_t, long);
#endif
}

/* 2.3 */
TEST(address_constants_have_their_values)
{
	VALUE(L4_PAGESHIFT, 12);
	VALUE(L4_LOG2_PAGESIZE, 12);
	VALUE(L4_PAGESIZE, 4096);
	VALUE(L4_PAGEMASK, ~0xfffUL);
#if defined(__x86_64__) || defined(__aarch64__) || defined(__arm__)
	VALUE(L4_SUPERPAGESHIFT, 21);
#endif
	VALUE(L4_LOG2_SUPERPAGESIZE, L4_SUPERPAGESHIFT);
	VALUE(L4_SUPERPAGESIZE, 1UL << L4_SUPERPAGESHIFT);
	VALUE(L4_SUPERPAGEMASK, ~(L4_SUPERPAGESIZE - 1));
	VALUE(L4_INVALID_ADDR, ~0UL);
	EXPECT(L4_INVALID_PTR == (void *)~0UL);
}

/* 2.3 */
TEST(rounding_goes_to_pages_and_wraps)
{
	EXPECT_EQ(l4_trunc_page(0x1fff), 0x1000);
	EXPECT_EQ(l4_trunc_page(0x1000), 0x1000);
	EXPECT_EQ(l4_trunc_page(~0UL), ~0xfffUL);
	EXPECT_EQ(l4_round_page(0x1001), 0x2000);
	EXPECT_EQ(l4_round_page(0x1000), 0x1000);
	EXPECT_EQ(l4_round_page(0), 0);
	EXPECT_EQ(l4_round_page(~0UL), 0);
	EXPECT_EQ(l4_round_page(~0xfffUL), ~0xfffUL);
	EXPECT_EQ(l4_trunc_size(0x12345, 8), 0x12300);
	EXPECT_EQ(l4_trunc_size(0x12345, 0), 0x12345);
	EXPECT_EQ(l4_round_size(0x12301, 8), 0x12400);
	EXPECT_EQ(l4_round_size(0x12300, 8), 0x12300);
	EXPECT_EQ(l4_round_size(0x12345, 0), 0x12345);
	EXPECT_EQ(l4_round_size(~0UL, 4), 0);
}

/* 2.4 */
TEST(capability_constants_have_their_values)
{
	VALUE(L4_CAP_SHIFT, 12);
	VALUE(L4_CAP_SIZE, 0x1000);
	VALUE(L4_CAP_OFFSET, 0x1000);
	VALUE(L4_CAP_MASK, ~0x7ffUL);
	VALUE(L4_INVALID_CAP, ~0x7ffUL);
	VALUE(L4_INVALID_CAP_BIT, 0x800);
	VALUE(L4_BASE_TASK_CAP, 0x1000);
	VALUE(L4_BASE_FACTORY_CAP, 0x2000);
	VALUE(L4_BASE_THREAD_CAP, 0x3000);
	VALUE(L4_BASE_PAGER_CAP, 0x4000);
	VALUE(L4_BASE_LOG_CAP, 0x5000);
	VALUE(L4_BASE_ICU_CAP, 0x6000);
	VALUE(L4_BASE_SCHEDULER_CAP, 0x7000);
	VALUE(L4_BASE_IOMMU_CAP, 0x8000);
	VALUE(L4_BASE_DEBUGGER_CAP, 0xa000);
	VALUE(L4RE_THIS_TASK_CAP, L4_BASE_TASK_CAP);
}

/* 2.4 */
TEST(capability_helpers_look_at_the_right_bits)
{
	EXPECT(l4_is_invalid_cap(L4_INVALID_CAP));
	EXPECT(!l4_is_valid_cap(L4_INVALID_CAP));
	EXPECT(l4_is_invalid_cap(0x5800));
	EXPECT(!l4_is_invalid_cap(0x5000));
	EXPECT(l4_is_valid_cap(0x5000 | L4_CAP_FPAGE_RWSD));
	EXPECT(l4_is_valid_cap(0));
	EXPECT(l4_capability_equal(0x5000, 0x5000 | L4_CAP_FPAGE_RW));
	EXPECT(!l4_capability_equal(0x5000, 0x6000));
	EXPECT_EQ(l4_capability_next(0x5000), 0x6000);
}

/* 2.4 */
TEST(rights_and_map_constants_have_their_values)
{
	VALUE(L4_CAP_FPAGE_W, 0x1);
	VALUE(L4_CAP_FPAGE_S, 0x2);
	VALUE(L4_CAP_FPAGE_R, 0x4);
	VALUE(L4_CAP_FPAGE_RO, 0x4);
	VALUE(L4_CAP_FPAGE_D, 0x8);
	VALUE(L4_CAP_FPAGE_RW, 0x5);
	VALUE(L4_CAP_FPAGE_RS, 0x6);
	VALUE(L4_CAP_FPAGE_RWS, 0x7);
	VALUE(L4_CAP_FPAGE_RWSD, 0xf);
	VALUE(L4_CAP_FPAGE_RSD, 0xe);
	VALUE(L4_CAP_FPAGE_RWD, 0xd);
	VALUE(L4_FPAGE_X, 1);
	VALUE(L4_FPAGE_W, 2);
	VALUE(L4_FPAGE_RO, 4);
	VALUE(L4_FPAGE_RX, 5);
	VALUE(L4_FPAGE_RW, 6);
	VALUE(L4_FPAGE_RWX, 7);
	VALUE(L4_FP_ALL_SPACES, 0x80000000UL);
	VALUE(L4_FP_DELETE_OBJ, 0xc0000000UL);
	VALUE(L4_FP_OTHER_SPACES, 0);
	VALUE(L4_ITEM_MAP, 8);
	VALUE(L4_MAP_ITEM_MAP, 0);
	VALUE(L4_MAP_ITEM_GRANT, 2);
}

/* 10 */
TEST(a_map_control_word_is_the_slot_and_the_kind)
{
	EXPECT_EQ(l4_map_obj_control(0x5000, L4_MAP_ITEM_MAP), 0x5008);
	EXPECT_EQ(l4_map_obj_control(0x5000, L4_MAP_ITEM_GRANT), 0x500a);
	EXPECT_EQ(l4_map_obj_control(0x53ff, L4_MAP_ITEM_MAP), 0x5008);
}

/* 2.5 */
TEST(error_codes_have_their_values)
{
	VALUE(L4_EOK, 0);
	VALUE(L4_EPERM, 1);
	VALUE(L4_ENOENT, 2);
	VALUE(L4_EIO, 5);
	VALUE(L4_EAGAIN, 11);
	VALUE(L4_ENOMEM, 12);
	VALUE(L4_EACCESS, 13);
	VALUE(L4_EFAULT, 14);
	VALUE(L4_EBUSY, 16);
	VALUE(L4_EEXIST, 17);
	VALUE(L4_ENODEV, 19);
	VALUE(L4_EINVAL, 22);
	VALUE(L4_ERANGE, 34);
	VALUE(L4_ENAMETOOLONG, 36);
	VALUE(L4_ENOSYS, 38);
	VALUE(L4_EBADPROTO, 39);
	VALUE(L4_EADDRNOTAVAIL, 99);
	VALUE(L4_ERRNOMAX, 100);
	VALUE(L4_ENOREPLY, 1000);
	VALUE(L4_EMSGTOOSHORT, 1001);
	VALUE(L4_EMSGTOOLONG, 1002);
	VALUE(L4_EMSGMISSARG, 1003);
	VALUE(L4_EIPC_LO, 2000);
	VALUE(L4_EIPC_HI, 2031);
	SIZE(enum l4_error_code_t, 4);
}

/* 2.5 */
TEST(ipc_error_codes_have_their_values)
{
	VALUE(L4_IPC_SETIMEOUT, 0x02);
	VALUE(L4_IPC_RETIMEOUT, 0x03);
	VALUE(L4_IPC_ENOT_EXISTENT, 0x04);
	VALUE(L4_IPC_SECANCELED, 0x06);
	VALUE(L4_IPC_RECANCELED, 0x07);
	VALUE(L4_IPC_SEMSGCUT, 0x08);
	VALUE(L4_IPC_REMSGCUT, 0x09);
	VALUE(L4_IPC_SESNDPFTO, 0x0a);
	VALUE(L4_IPC_RESNDPFTO, 0x0b);
	VALUE(L4_IPC_SERCVPFTO, 0x0c);
	VALUE(L4_IPC_RERCVPFTO, 0x0d);
	VALUE(L4_IPC_SEABORTED, 0x0e);
	VALUE(L4_IPC_REABORTED, 0x0f);
	VALUE(L4_IPC_SEMAPFAILED, 0x10);
	VALUE(L4_IPC_REMAPFAILED, 0x11);
	VALUE(NOT_EXISTENT, -(L4_EIPC_LO + L4_IPC_ENOT_EXISTENT));
}

/* 8.1, 12.2 */
TEST(flags_of_allocation_and_kinds_of_answers_have_their_values)
{
	VALUE(L4RE_MA_CONTINUOUS, 0x01);
	VALUE(L4RE_MA_PINNED, 0x02);
	VALUE(L4RE_MA_SUPER_PAGES, 0x04);
	VALUE(L4RE_PAGER_CONTENT, 0);
	VALUE(L4RE_PAGER_ZERO, 1);
	VALUE(L4RE_PAGER_DATASPACE, 2);
}

/* 5.5.1, 5.5.2 */
TEST(modes_and_results_of_detaching_have_their_values)
{
	VALUE(L4RE_RM_DETACH_EXACT, 1);
	VALUE(L4RE_RM_DETACH_OVERLAP, 2);
	VALUE(L4RE_RM_DETACHED_DS, 0);
	VALUE(L4RE_RM_KEPT_DS, 1);
	VALUE(L4RE_RM_SPLIT_DS, 2);
	VALUE(L4RE_RM_DETACH_RESULT_MASK, 3);
	VALUE(L4RE_RM_DETACH_AGAIN, 4);
}

/* 12.2 */
TEST(faults_and_answers_of_pagers_have_their_fields)
{
	FIELD(l4re_pager_fault_t, addr, 0);
	MEMBER(l4re_pager_fault_t, write, unsigned);
	MEMBER(l4re_pager_fault_t, region_size, unsigned long);
	MEMBER(l4re_pager_fault_t, offset, l4_addr_t);
	EXPECT(offsetof(l4re_pager_fault_t, write) < offsetof(l4re_pager_fault_t, region));
	EXPECT(offsetof(l4re_pager_fault_t, region) < offsetof(l4re_pager_fault_t, offset));
	FIELD(l4re_pager_reply_t, kind, 0);
	MEMBER(l4re_pager_reply_t, ds, l4re_ds_t);
	MEMBER(l4re_pager_reply_t, writable, unsigned);
}

#ifndef L4RE_MODERN

/* 2.7 */
TEST(classic_flags_have_their_values)
{
	enum l4re_rm_flags_t flag = L4RE_RM_READ_ONLY;

	EXPECT_EQ(flag, 0x01);
	VALUE(L4RE_RM_NO_ALIAS, 0x02);
	VALUE(L4RE_RM_PAGER, 0x04);
	VALUE(L4RE_RM_RESERVED, 0x08);
	VALUE(L4RE_RM_REGION_FLAGS, 0x0f);
	VALUE(L4RE_RM_OVERMAP, 0x10);
	VALUE(L4RE_RM_SEARCH_ADDR, 0x20);
	VALUE(L4RE_RM_IN_AREA, 0x40);
	VALUE(L4RE_RM_EAGER_MAP, 0x80);
	VALUE(L4RE_RM_ATTACH_FLAGS, 0xf0);
	VALUE(L4RE_RM_DETACH_KEEP, 4);
}

/* 7.1 */
TEST(classic_dataspace_flags_have_their_values)
{
	enum l4re_ds_map_flags flag = L4RE_DS_MAP_FLAG_RO;

	EXPECT_EQ(flag, 0);
	VALUE(L4RE_DS_MAP_FLAG_RW, 1);
	VALUE(L4RE_DS_MAP_NORMAL, 0);
	VALUE(L4RE_DS_MAP_CACHEABLE, 0);
	VALUE(L4RE_DS_MAP_BUFFERABLE, 0x10);
	VALUE(L4RE_DS_MAP_UNCACHEABLE, 0x20);
	VALUE(L4RE_DS_MAP_CACHING_MASK, 0x30);
	VALUE(L4RE_DS_MAP_CACHING_SHIFT, 4);
}

#if L4_MWORD_BITS == 64
/* 2.6, 7.1 */
TEST(classic_structures_have_their_layouts)
{
	FIELD(l4re_env_t, parent, 0);
	FIELD(l4re_env_t, rm, 8);
	FIELD(l4re_env_t, mem_alloc, 16);
	FIELD(l4re_env_t, log, 24);
	FIELD(l4re_env_t, main_thread, 32);
	FIELD(l4re_env_t, factory, 40);
	FIELD(l4re_env_t, scheduler, 48);
	FIELD(l4re_env_t, first_free_cap, 56);
	FIELD(l4re_env_t, utcb_area, 64);
	FIELD(l4re_env_t, first_free_utcb, 72);
	FIELD(l4re_env_t, caps, 80);
	SIZE(l4re_env_t, 88);
	FIELD(l4re_env_cap_entry_t, cap, 0);
	FIELD(l4re_env_cap_entry_t, flags, 8);
	FIELD(l4re_env_cap_entry_t, name, 16);
	SIZE(l4re_env_cap_entry_t, 32);
	FIELD(l4re_ds_stats_t, size, 0);
	FIELD(l4re_ds_stats_t, flags, 8);
	SIZE(l4re_ds_stats_t, 16);
}
#endif

#else

/* 2.2 */
TEST(modern_functions_return_sixteen_bits)
{
	SIGNED(l4_ret_t, 2);
	SAME(l4_ret_t, short);
}

/* 2.5 */
TEST(modern_error_codes_have_their_values)
{
	VALUE(L4_ENXIO, 6);
	VALUE(L4_E2BIG, 7);
	VALUE(L4_ENOTDIR, 20);
	VALUE(L4_ENOSPC, 28);
	VALUE(L4_EMSGERRRANGE, 1004);
	VALUE(L4_EDROPREPLY, 1005);
}

/* 2.9, 11.1 */
TEST(modern_flags_have_their_values)
{
	enum l4re_rm_flags_values flag = L4RE_RM_F_X;

	EXPECT_EQ(flag, 0x1);
	SAME(l4re_rm_flags_t, unsigned);
	SAME(l4re_rm_offset_t, unsigned long long);
	VALUE(L4RE_RM_F_W, 0x2);
	VALUE(L4RE_RM_F_R, 0x4);
	VALUE(L4RE_RM_F_RX, 0x5);
	VALUE(L4RE_RM_F_RW, 0x6);
	VALUE(L4RE_RM_F_RWX, 0x7);
	VALUE(L4RE_RM_CACHING_SHIFT, 4);
	VALUE(L4RE_RM_F_CACHING, 0x30);
	VALUE(L4RE_RM_F_CACHE_NORMAL, 0);
	VALUE(L4RE_RM_F_CACHE_BUFFERED, 0x10);
	VALUE(L4RE_RM_F_CACHE_UNCACHED, 0x20);
	VALUE(L4RE_RM_F_KERNEL, 0x100);
	VALUE(L4RE_RM_F_DETACH_FREE, 0x200);
	VALUE(L4RE_RM_F_NO_ALIAS, 0x200);
	VALUE(L4RE_RM_F_PAGER, 0x400);
	VALUE(L4RE_RM_F_RESERVED, 0x800);
	VALUE(L4RE_RM_F_PRIVATE, 0x1000);
	VALUE(L4RE_RM_F_ANONYMOUS, 0x2000);
	VALUE(L4RE_RM_REGION_FLAGS, 0xffff);
	VALUE(L4RE_RM_F_SEARCH_ADDR, 0x020000);
	VALUE(L4RE_RM_F_IN_AREA, 0x040000);
	VALUE(L4RE_RM_F_EAGER_MAP, 0x080000);
	VALUE(L4RE_RM_F_NO_EAGER_MAP, 0x100000);
	VALUE(L4RE_RM_F_ATTACH_FLAGS, 0x1f0000);
}

/* 7.1 */
TEST(modern_dataspace_flags_and_types_are_as_tabled)
{
	VALUE(L4RE_DS_F_R, 4);
	VALUE(L4RE_DS_F_W, 2);
	VALUE(L4RE_DS_F_X, 1);
	VALUE(L4RE_DS_F_RW, 6);
	VALUE(L4RE_DS_F_RX, 5);
	VALUE(L4RE_DS_F_RWX, 7);
	VALUE(L4RE_DS_F_RIGHTS_MASK, 0x0f);
	VALUE(L4RE_DS_F_NORMAL, 0);
	VALUE(L4RE_DS_F_CACHEABLE, 0);
	VALUE(L4RE_DS_F_BUFFERABLE, 0x10);
	VALUE(L4RE_DS_F_UNCACHEABLE, 0x20);
	VALUE(L4RE_DS_F_CACHING_MASK, 0x30);
	VALUE(L4RE_DS_F_CACHING_SHIFT, 4);
	SAME(l4re_ds_size_t, unsigned long long);
	SAME(l4re_ds_offset_t, unsigned long long);
	SAME(l4re_ds_map_addr_t, unsigned long long);
	SAME(l4re_ds_flags_t, unsigned long);
}

#if L4_MWORD_BITS == 64
/* 2.6, 7.1 */
TEST(modern_structures_have_their_layouts)
{
	FIELD(l4re_env_t, scheduler, 48);
	FIELD(l4re_env_t, itas, 56);
	FIELD(l4re_env_t, dbg_events, 64);
	FIELD(l4re_env_t, first_free_cap, 72);
	FIELD(l4re_env_t, first_free_reply_cap, 80);
	FIELD(l4re_env_t, utcb_area, 88);
	FIELD(l4re_env_t, first_free_utcb, 96);
	FIELD(l4re_env_t, caps, 104);
	SIZE(l4re_env_t, 112);
	FIELD(l4re_ds_stats_t, size, 0);
	FIELD(l4re_ds_stats_t, flags, 8);
	SIZE(l4re_ds_stats_t, 16);
}
#endif

#endif

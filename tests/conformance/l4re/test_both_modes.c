/* SPDX-License-Identifier: MIT */
/*
 * test_both_modes.c - one program of which a half is classic and a half is modern
 */
#include "modern_half.h"
#include "rig.h"

#include <stdint.h>

/* 2.10 */
TEST(functions_of_the_same_name_are_not_the_same)
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

	for (unsigned n = 0; n < sizeof(functions) / sizeof(*functions); n++)
		EXPECT((uintptr_t)modern_function(n) != functions[n]);
}

/* 2.6 */
TEST(each_half_has_an_environment_with_the_same_objects)
{
	EXPECT(modern_environment() != (const void *)l4re_env());
	EXPECT(l4_capability_equal(modern_region_map(), l4re_env()->rm));
}

/* 2.10 */
TEST(what_one_half_makes_the_other_uses)
{
	l4re_ds_t ds = ds_marked(1), was = 0;
	l4_addr_t at = 0;

	EXPECT_EQ(modern_size(ds), PAGE);
	EXPECT_EQ(modern_attach(&at, MODERN_RW, ds), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	BYTE(at) = 9;
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, &was), 0);
	EXPECT_EQ(was, ds);
	at = attach(ds, PAGE, 0);
	EXPECT_EQ(BYTE(at), 9);
	EXPECT_EQ(modern_detach(at, &was), 0);
	EXPECT_EQ(was, ds);
	EXPECT_FREE(at);
	slot_drop(ds);
}

/* 2.10, 5.6.2 */
TEST(classic_flags_are_told_to_the_modern_half_in_its_numbers)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, 0, ds, 0), 0);
	EXPECT(modern_is(at, MODERN_RW, ds));
	detach(at);
	EXPECT_EQ(attach_at(at, PAGE, L4RE_RM_READ_ONLY, ds, 0), 0);
	EXPECT(modern_is(at, MODERN_R, ds));
	detach(at);
	EXPECT_EQ(attach_at(at, PAGE, L4RE_RM_RESERVED, ds, 0), 0);
	EXPECT_EQ(modern_flags(at) & 0xff0, 0x800);
	detach(at);
	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_EQ(modern_flags(at), 0x40000);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	EXPECT_EQ(reserve_at(at, PAGE, L4RE_RM_RESERVED), 0);
	EXPECT_EQ(modern_flags(at), 0x40800);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
}

/* 2.10, 5.6.2 */
TEST(modern_flags_are_told_to_the_classic_half_in_its_numbers)
{
	static const struct {
		enum modern_kind kind;
		unsigned classic;
	} kinds[] = { { MODERN_R, L4RE_RM_READ_ONLY },
		      { MODERN_RW, 0 },
		      { MODERN_UNCACHED, 0 },
		      { MODERN_RESERVED, L4RE_RM_RESERVED },
		      { MODERN_KERNEL, L4RE_RM_RESERVED } };
	l4re_ds_t ds = ds_new(PAGE);
	l4re_rm_range_t range;
	struct record r;
	l4_addr_t at;

	for (unsigned n = 0; n < sizeof(kinds) / sizeof(*kinds); n++) {
		at = 0;
		EXPECT_EQ(modern_attach(&at, kinds[n].kind, ds), 0);
		EXPECT_EQ(find(at, 1, &r), 0);
		/* Without rights, a region that shows nothing is not writable either. */
		EXPECT_EQ(r.flags & ~(n > 2 ? (unsigned)L4RE_RM_READ_ONLY : 0),
			  kinds[n].classic);
		EXPECT_EQ(l4re_rm_get_regions(at, &range, 1), 1);
		EXPECT_EQ(range.flags, r.flags);
		detach(at);
	}
	slot_drop(ds);
}

/* */
TEST(r12_the_classic_switch_does_not_matter_to_the_modern_half)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = 0;

	EXPECT_EQ(l4re_tract_executable(1), 0);
	EXPECT_EQ(modern_attach(&at, MODERN_RW, ds), 0);
#if defined(__x86_64__) || defined(__i386__)
	/* It would return at once if it could be executed. */
	(void)memset((void *)at, 0xc3, PAGE);
#else
	SKIP("this test knows no instruction of this machine");
#endif
	EXPECT_FAULTS(at, EXECUTE);
	EXPECT_EQ(l4re_tract_executable(0), 1);
	detach(at);
	slot_drop(ds);
}

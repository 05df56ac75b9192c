/* SPDX-License-Identifier: MIT */
/*
 * test_modern.c - what modern mode has and classic mode has not
 */
#include "rig.h"

#define KERNEL L4RE_RM_F_KERNEL
#define PRIVATE L4RE_RM_F_PRIVATE
#define ANONYMOUS L4RE_RM_F_ANONYMOUS

/* ---- rights, 11.1 ---- */

/* 11.1 */
TEST(no_right_is_no_region)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1), from = at;

	EXPECT_EQ(attach_at(at, PAGE, 0, ds, 0), -L4_ENOENT);
	EXPECT_EQ(attach_from(&from, PAGE, 0, ds, L4_PAGESHIFT), -L4_ENOENT);
	EXPECT_FREE(at);
	slot_drop(ds);
}

/* 2.9, 11.1 */
TEST(rights_are_what_the_flags_say)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t ro = attach(ds, PAGE, L4RE_RM_F_R), rw = attach(ds, PAGE, L4RE_RM_F_RW);

	EXPECT_WORKS(ro, READ);
	EXPECT_FAULTS(ro, WRITE);
	EXPECT_WORKS(rw, READ);
	EXPECT_WORKS(rw, WRITE);
	EXPECT_RECORD(ro, ro, PAGE, 0, L4RE_RM_F_R, ds);
	EXPECT_RECORD(rw, rw, PAGE, 0, L4RE_RM_F_RW, ds);
	detach(ro);
	detach(rw);
	slot_drop(ds);
}

/* 2.9, 11.1 */
TEST(cache_attributes_are_recorded_and_change_nothing)
{
	static const unsigned caches[] = { L4RE_RM_F_CACHE_NORMAL, L4RE_RM_F_CACHE_BUFFERED,
					   L4RE_RM_F_CACHE_UNCACHED };
	l4re_ds_t ds = ds_marked(1);
	l4re_rm_range_t range;
	l4_addr_t at;

	for (unsigned n = 0; n < 3; n++) {
		at = attach(ds, PAGE, RW | caches[n]);
		EXPECT_RECORD(at, at, PAGE, 0, RW | caches[n], ds);
		EXPECT_EQ(l4re_rm_get_regions(at, &range, 1), 1);
		EXPECT_EQ(range.flags, RW | caches[n]);
		EXPECT_EQ(BYTE(at), MARK(0));
		EXPECT_WORKS(at, WRITE);
		detach(at);
	}
	slot_drop(ds);
}

/* 2.9, 11.1 */
TEST(memory_of_the_kernel_is_like_a_reserved_region)
{
	l4_addr_t at = room(2);

	EXPECT_EQ(attach_at(at, PAGE, KERNEL, L4_INVALID_CAP, 0x77), 0);
	EXPECT_RECORD(at, at, PAGE, 0x77, KERNEL, L4_INVALID_CAP);
	EXPECT_FAULTS(at, READ);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, KERNEL | EAGER | RO, L4_INVALID_CAP, 0), 0);
	EXPECT_RECORD(at + PAGE, at + PAGE, PAGE, 0, KERNEL | RO, L4_INVALID_CAP);
	EXPECT_FAULTS(at + PAGE, READ);
	EXPECT_EQ(l4re_rm_free_area(at), -L4_ENOENT);
	detach(at);
	detach(at + PAGE);
}

/* R-18, 11.1 */
TEST(r18_modern_flags_without_a_meaning_are_refused)
{
	static const unsigned bits[] = { 0x40,	   0x80,     0x200,	0x4000,	   0x8000,
					 0x200000, 0x400000, 0x1000000, 0x80000000 };
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1), from = at;

	for (unsigned n = 0; n < sizeof(bits) / sizeof(*bits); n++) {
		EXPECT_EQ(attach_at(at, PAGE, RW | bits[n], ds, 0), -L4_EINVAL);
		EXPECT_EQ(attach_from(&from, PAGE, RW | bits[n], ds, L4_PAGESHIFT), -L4_EINVAL);
	}
	EXPECT_FREE(at);
	slot_drop(ds);
}

/* R-20, 11.1 */
TEST(r20_freeing_on_detach_is_refused)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, RW | L4RE_RM_F_DETACH_FREE, ds, 0), -L4_EINVAL);
	EXPECT_EQ(attach_at(at, PAGE, RW | L4RE_RM_F_NO_ALIAS, ds, 0), -L4_EINVAL);
	EXPECT_FREE(at);
	slot_drop(ds);
}

/* */
TEST(r13_a_modern_region_is_never_replaced)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, PAGE, RW);

	/* The classic number of OVERMAP is a cache attribute now. */
	EXPECT_EQ(attach_at(at, PAGE, RW | 0x10, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);
	slot_drop(ds);
}

/* 11.1, 5.3.3 */
TEST(modern_errors_are_found_in_their_order)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = ~0UL;

	/* Flags, the backing, the size, the alignment, the end of the address space. */
	EXPECT_EQ(attach_from(&at, 0, RW | 0x200000, L4_INVALID_CAP, 255), -L4_EINVAL);
	EXPECT_EQ(attach_from(&at, 0, RW, L4_INVALID_CAP, 255), -L4_ENOENT);
	EXPECT_EQ(attach_from(&at, 0, 0, ds, 255), -L4_ENOENT);
	EXPECT_EQ(attach_from(&at, 0, RW, ds, 255), -L4_EINVAL);
	EXPECT_EQ(attach_from(&at, PAGE, RW, ds, 11), -L4_EINVAL);
	EXPECT_EQ(attach_from(&at, PAGE, RW, ds, 64), -L4_EINVAL);
	EXPECT_EQ(attach_from(&at, 2 * PAGE, RW, ds, L4_PAGESHIFT), -L4_EINVAL);
	EXPECT_EQ(attach_from(&at, 2 * PAGE, RW | IN_AREA, ds, L4_PAGESHIFT), -L4_EINVAL);
	slot_drop(ds);
}

/* ---- private and anonymous, 11.1 ---- */

/* 11.1 */
TEST(a_private_view_keeps_its_writes_to_itself)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = attach(ds, 2 * PAGE, RW | PRIVATE), other = attach(ds, 2 * PAGE, RW);
	l4_addr_t second = attach(ds, 2 * PAGE, RW | PRIVATE);

	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW | PRIVATE, ds);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	BYTE(at + 5) = 200;
	EXPECT_EQ(BYTE(at + 5), 200);
	EXPECT_EQ(BYTE(at + 4), MARK(0));
	EXPECT_EQ(BYTE(other + 5), MARK(0));
	EXPECT_EQ(BYTE(second + 5), MARK(0));
	EXPECT_EQ(BYTE(at + PAGE), MARK(1));
	BYTE(other) = 77;
	EXPECT_EQ(BYTE(at), MARK(0));
	detach(at);
	EXPECT_EQ(ds_byte(ds, 5), MARK(0));
	at = attach(ds, 2 * PAGE, RW | PRIVATE);
	EXPECT_EQ(BYTE(at + 5), MARK(0));
	detach(at);
	detach(other);
	detach(second);
	slot_drop(ds);
}

/* 11.1 */
TEST(a_private_view_of_what_can_be_read_only_can_be_written)
{
	l4re_ds_t ds = ds_marked(1), alias = ds_alias(ds, L4_CAP_FPAGE_RO);
	l4_addr_t at = attach(alias, PAGE, RW | PRIVATE);

	EXPECT_EQ(BYTE(at), MARK(0));
	BYTE(at) = 9;
	EXPECT_EQ(BYTE(at), 9);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	detach(at);
	at = attach(alias, PAGE, RO | PRIVATE);
	EXPECT_FAULTS(at, WRITE);
	detach(at);
	slot_drop(alias);
	slot_drop(ds);
}

/* 11.1 */
TEST(a_private_view_is_within_its_dataspace)
{
	l4re_ds_t ds = ds_marked(3);
	l4_addr_t at = room(4);

	EXPECT_EQ(attach_at(at, 4 * PAGE, RW | PRIVATE, ds, 0), -L4_EINVAL);
	EXPECT_EQ(attach_at(at, 2 * PAGE, RW | PRIVATE, ds, 2 * PAGE), -L4_EINVAL);
	EXPECT_EQ(attach_at(at, PAGE, RW | PRIVATE, ds, 3 * PAGE), -L4_EINVAL);
	EXPECT_EQ(attach_at(at, PAGE, RW | PRIVATE, ds, ~0ULL), -L4_EINVAL);
	EXPECT_FREE(at);
	EXPECT_EQ(attach_at(at, PAGE, RW | PRIVATE, ds, 3 * PAGE - 1), 0);
	EXPECT_EQ(BYTE(at), MARK(2));
	detach(at);
	EXPECT_EQ(attach_at(at, 3 * PAGE, RW | PRIVATE, ds, 0), 0);
	EXPECT_EQ(l4re_rm_detach_range(at + PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
		  L4RE_RM_SPLIT_DS);
	EXPECT_RECORD(at + 2 * PAGE, at + 2 * PAGE, PAGE, 2 * PAGE, RW | PRIVATE, ds);
	EXPECT_EQ(BYTE(at + 2 * PAGE), MARK(2));
	detach(at);
	detach(at + 2 * PAGE);
	slot_drop(ds);
}

/* 11.1, R-07 */
TEST(a_private_view_keeps_its_dataspace)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = attach(ds, PAGE, RW | PRIVATE);

	slot_drop(ds);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	BYTE(at) = 1;
	detach(at);
	EXPECT_FAULTS(at, READ);
}

/* 11.1 */
TEST(anonymous_memory_needs_no_dataspace)
{
	l4_addr_t at = attach(L4_INVALID_CAP, 3 * PAGE, RW | ANONYMOUS);
	l4re_ds_t ds = ds_marked(1), was = 0;

	EXPECT(is_filled(at, 3 * PAGE, 0));
	BYTE(at + PAGE) = 5;
	EXPECT_EQ(BYTE(at + PAGE), 5);
	EXPECT_RECORD(at, at, 3 * PAGE, 0, RW | ANONYMOUS, L4_INVALID_CAP);
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, &was), 0);
	EXPECT_EQ(was, L4_INVALID_CAP);
	EXPECT_FAULTS(at, READ);
	EXPECT_EQ(attach_at(at, PAGE, RW | ANONYMOUS, ds, 0), 0);
	EXPECT(is_filled(at, PAGE, 0));
	EXPECT_RECORD(at, at, PAGE, 0, RW | ANONYMOUS, L4_INVALID_CAP);
	BYTE(at) = 1;
	detach(at);
	EXPECT_EQ(attach_at(at, PAGE, RW | ANONYMOUS | EAGER, L4_INVALID_CAP, 0), 0);
	EXPECT(is_present(at));
	EXPECT_EQ(BYTE(at), 0);
	detach(at);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	slot_drop(ds);
}

static void write_own(void *arg)
{
	const l4_addr_t *at = arg;

	for (unsigned n = 0; n < 2; n++) {
		EXPECT_EQ(BYTE(at[n]), 7);
		BYTE(at[n]) = 8;
		EXPECT_EQ(BYTE(at[n]), 8);
		EXPECT_EQ(find(at[n], 1, &(struct record){ 0 }), 0);
	}
	/* Nobody has written to that yet. */
	EXPECT_EQ(BYTE(at[0] + PAGE), MARK(1));
	BYTE(at[0] + PAGE) = 8;
}

/* 11.1, 14.4 */
TEST(a_child_has_private_and_anonymous_memory_of_its_own)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at[2] = { attach(ds, 2 * PAGE, RW | PRIVATE),
			    attach(L4_INVALID_CAP, PAGE, RW | ANONYMOUS) };

	BYTE(at[0]) = 7;
	BYTE(at[1]) = 7;
	EXPECT_CHILD(write_own, at);
	EXPECT_EQ(BYTE(at[0]), 7);
	EXPECT_EQ(BYTE(at[1]), 7);
	EXPECT_EQ(BYTE(at[0] + PAGE), MARK(1));
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	EXPECT_EQ(ds_byte(ds, PAGE), MARK(1));
	detach(at[0]);
	detach(at[1]);
	slot_drop(ds);
}

/* 11.1, 10.3 */
TEST(anonymous_memory_keeps_its_content_when_unmapped_and_cut)
{
	l4_addr_t at = attach(L4_INVALID_CAP, 3 * PAGE, RW | ANONYMOUS);

	for (unsigned page = 0; page < 3; page++)
		(void)memset((void *)(at + page * PAGE), MARK(page), PAGE);
	unmap(at, 3, L4_FPAGE_RWX);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_EQ(l4re_rm_detach_range(at + PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
		  L4RE_RM_SPLIT_DS);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT(is_filled(at + 2 * PAGE, PAGE, MARK(2)));
	EXPECT_EQ(attach_at(at + PAGE, PAGE, RW | ANONYMOUS, L4_INVALID_CAP, 0), 0);
	EXPECT(is_filled(at + PAGE, PAGE, 0));
	for (unsigned page = 0; page < 3; page++)
		detach(at + page * PAGE);
}

/* ---- info, 11.2 ---- */

static l4_addr_t attach_named(l4re_ds_t ds, unsigned pages, const char *name,
			      l4re_ds_offset_t backing)
{
	void *start = NULL;

	EXPECT_EQ(l4re_rm_attach_w_info(&start, pages * PAGE, SEARCH | RW, ds, 0, L4_PAGESHIFT,
					name, backing),
		  0);
	return (l4_addr_t)start;
}

static void expect_info(l4_addr_t at, const char *wanted, l4re_rm_offset_t backing)
{
	l4re_rm_offset_t offset = UNTOUCHED;
	char name[64];

	(void)memset(name, 'x', sizeof(name));
	EXPECT_EQ(l4re_rm_get_info(at, name, sizeof(name), &offset), 0);
	EXPECT_STR(name, wanted);
	EXPECT_EQ(offset, backing);
}

/* 11.2 */
TEST(a_region_has_the_name_and_the_position_that_it_was_given)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = attach_named(ds, 2, "libc.so", 0x123456789000ULL);

	expect_info(at, "libc.so", 0x123456789000ULL);
	expect_info(at + 2 * PAGE - 1, "libc.so", 0x123456789000ULL);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	EXPECT_RECORD(at, at, 2 * PAGE, 0, RW, ds);
	detach(at);
	slot_drop(ds);
}

/* 11.2 */
TEST(a_name_is_copied_and_may_be_left_out)
{
	char name[8] = "before";
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach_named(ds, 1, name, 5), none = attach_named(ds, 1, NULL, 6);
	l4_addr_t plain = attach(ds, PAGE, RW);
	l4re_rm_offset_t offset;

	(void)strcpy(name, "after");
	expect_info(at, "before", 5);
	expect_info(none, "", 6);
	EXPECT_EQ(l4re_rm_get_info(plain, name, sizeof(name), &offset), 0);
	EXPECT_STR(name, "");
	detach(at);
	detach(none);
	detach(plain);
	slot_drop(ds);
}

/* 11.2 */
TEST(forty_bytes_of_a_name_are_kept)
{
	static const char forty[] = "0123456789012345678901234567890123456789";
	static const char longer[] = "0123456789012345678901234567890123456789and more";
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t a = attach_named(ds, 1, forty, 0), b = attach_named(ds, 1, longer, 0);

	expect_info(a, forty, 0);
	expect_info(b, forty, 0);
	detach(a);
	detach(b);
	slot_drop(ds);
}

/* 11.2 */
TEST(a_name_is_cut_to_the_room_there_is)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach_named(ds, 1, "abcdef", 7);
	l4re_rm_offset_t offset = 0;
	char name[8];

	for (unsigned len = 1; len <= sizeof(name); len++) {
		(void)memset(name, 'x', sizeof(name));
		EXPECT_EQ(l4re_rm_get_info(at, name, len, &offset), 0);
		EXPECT_EQ(strlen(name), len - 1 < 6 ? len - 1 : 6);
		EXPECT(strncmp(name, "abcdef", strlen(name)) == 0);
		for (unsigned n = len; n < sizeof(name); n++)
			EXPECT_EQ(name[n], 'x');
	}
	EXPECT_EQ(l4re_rm_get_info(at, name, 0, &offset), -L4_EINVAL);
	detach(at);
	slot_drop(ds);
}

/* 11.2 */
TEST(only_regions_have_names)
{
	l4re_rm_offset_t offset = 0;
	l4_addr_t at = room(1);
	char name[8];

	EXPECT_EQ(l4re_rm_get_info(at, name, sizeof(name), &offset), -L4_ENOENT);
	EXPECT_EQ(reserve_at(at, PAGE, 0), 0);
	EXPECT_EQ(l4re_rm_get_info(at, name, sizeof(name), &offset), -L4_ENOENT);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	EXPECT_EQ(attach_at(at, PAGE, RESERVED, L4_INVALID_CAP, 0), 0);
	EXPECT_EQ(l4re_rm_get_info(at, name, sizeof(name), &offset), 0);
	EXPECT_STR(name, "");
	detach(at);
}

/* 5.5.3, 11.2 */
TEST(what_is_left_of_a_region_has_its_name_and_its_own_position)
{
	l4re_ds_t ds = ds_new(8 * PAGE);
	l4_addr_t at = attach_named(ds, 8, "name", 0x100);

	EXPECT_EQ(l4re_rm_detach_range(at + 2 * PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
		  L4RE_RM_SPLIT_DS);
	expect_info(at, "name", 0x100);
	expect_info(at + 3 * PAGE, "name", 0x100 + 3 * PAGE);
	EXPECT_EQ(l4re_rm_detach_range(at + 3 * PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
		  L4RE_RM_KEPT_DS);
	expect_info(at + 4 * PAGE, "name", 0x100 + 4 * PAGE);
	EXPECT_EQ(l4re_rm_detach_range(at + 7 * PAGE, PAGE, NULL, L4_BASE_TASK_CAP),
		  L4RE_RM_KEPT_DS);
	expect_info(at + 4 * PAGE, "name", 0x100 + 4 * PAGE);
	detach(at);
	detach(at + 4 * PAGE);
	slot_drop(ds);
}

/* 11.2 */
TEST(a_named_region_is_attached_like_any_other)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);
	void *start = (void *)at;

	EXPECT_EQ(l4re_rm_attach_w_info(&start, PAGE, RW | 0x200, ds, 0, 0, "n", 0),
		  -L4_EINVAL);
	EXPECT_EQ(l4re_rm_attach_w_info(&start, PAGE, RW, L4_INVALID_CAP, 0, 0, "n", 0),
		  -L4_ENOENT);
	EXPECT_EQ(l4re_rm_attach_w_info(&start, 0, RW, ds, 0, 0, "n", 0), -L4_EINVAL);
	EXPECT_EQ(l4re_rm_attach_w_info(&start, PAGE, RW | IN_AREA, ds, 0, 0, "n", 0),
		  -L4_ENOENT);
	EXPECT_EQ(start, at);
	EXPECT_EQ(l4re_rm_attach_w_info(&start, PAGE, RW, ds, 0, 0, "n", 0), 0);
	EXPECT_EQ(l4re_rm_attach_w_info(&start, PAGE, RW, ds, 0, 0, "n", 0), -L4_EADDRNOTAVAIL);
	detach(at);
	slot_drop(ds);
}

/* 5.6.2 */
TEST(modern_region_flags_are_reported)
{
	static const unsigned kinds[] = { L4RE_RM_F_R, L4RE_RM_F_RW,
					  L4RE_RM_F_RW | L4RE_RM_F_CACHE_UNCACHED,
					  L4RE_RM_F_RW | L4RE_RM_F_PRIVATE,
					  L4RE_RM_F_R | L4RE_RM_F_RESERVED };
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(1);

	for (unsigned n = 0; n < 5; n++) {
		EXPECT_EQ(attach_at(at, PAGE, kinds[n] | EAGER, ds, 0), 0);
		EXPECT_RECORD(at, at, PAGE, 0, kinds[n], n < 4 ? ds : L4_INVALID_CAP);
		detach(at);
	}
	slot_drop(ds);
}

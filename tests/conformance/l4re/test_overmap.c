/* SPDX-License-Identifier: MIT */
/*
 * test_overmap.c - l4re_rm_attach() with OVERMAP, which modern mode lacks
 */
#include "rig.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define OVERMAP L4RE_RM_OVERMAP

/* R-13, 5.3.8 */
TEST(r13_overmap_replaces_a_region)
{
	l4re_ds_t old = ds_marked(2), new = ds_new(2 * PAGE);
	l4_addr_t at = attach(old, 2 * PAGE, 0);

	EXPECT_EQ(attach_at(at, 2 * PAGE, OVERMAP, new, 0), 0);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, 0, new);
	EXPECT(is_filled(at, 2 * PAGE, 0));
	BYTE(at) = 5;
	EXPECT_EQ(ds_byte(old, 0), MARK(0));
	EXPECT_EQ(ds_byte(new, 0), 5);
	detach(at);
	EXPECT_FREE(at);
	slot_drop(old);
	slot_drop(new);
}

/* R-13, 5.5.3 */
TEST(r13_overmap_in_the_middle_splits)
{
	l4re_ds_t old = ds_marked(8), new = ds_new(2 * PAGE);
	l4_addr_t at = room(8);

	EXPECT_EQ(attach_at(at, 6 * PAGE, 0, old, 2 * PAGE), 0);
	EXPECT_EQ(attach_at(at + 2 * PAGE, 2 * PAGE, OVERMAP, new, 0), 0);
	EXPECT_RECORD(at, at, 2 * PAGE, 2 * PAGE, 0, old);
	EXPECT_RECORD(at + 3 * PAGE, at + 2 * PAGE, 2 * PAGE, 0, 0, new);
	EXPECT_RECORD(at + 4 * PAGE, at + 4 * PAGE, 2 * PAGE, 6 * PAGE, 0, old);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(3)));
	EXPECT(is_filled(at + 2 * PAGE, 2 * PAGE, 0));
	EXPECT(is_filled(at + 4 * PAGE, PAGE, MARK(6)));
	for (unsigned page = 0; page < 6; page += 2)
		detach(at + page * PAGE);
	slot_drop(old);
	slot_drop(new);
}

/* R-13, 5.5.3 */
TEST(r13_overmap_trims_on_both_sides_and_removes_what_is_between)
{
	l4re_ds_t old = ds_marked(4), new = ds_new(8 * PAGE);
	l4_addr_t at = room(10);

	EXPECT_EQ(attach_at(at, 3 * PAGE, 0, old, 0), 0);
	EXPECT_EQ(attach_at(at + 4 * PAGE, PAGE, L4RE_RM_READ_ONLY, old, 0), 0);
	EXPECT_EQ(attach_at(at + 6 * PAGE, 3 * PAGE, 0, old, PAGE), 0);
	EXPECT_EQ(attach_at(at + 2 * PAGE, 6 * PAGE, OVERMAP, new, 0), 0);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, 0, old);
	EXPECT_RECORD(at + 2 * PAGE, at + 2 * PAGE, 6 * PAGE, 0, 0, new);
	EXPECT_RECORD(at + 8 * PAGE, at + 8 * PAGE, PAGE, 3 * PAGE, 0, old);
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	EXPECT(is_filled(at + 2 * PAGE, 6 * PAGE, 0));
	EXPECT(is_filled(at + 8 * PAGE, PAGE, MARK(3)));
	detach(at);
	detach(at + 2 * PAGE);
	detach(at + 8 * PAGE);
	slot_drop(old);
	slot_drop(new);
}

/* */
TEST(r13_overmap_on_free_space_just_attaches)
{
	l4re_ds_t ds = ds_marked(1);
	l4_addr_t at = room(1);

	EXPECT_EQ(attach_at(at, PAGE, OVERMAP, ds, 0), 0);
	EXPECT_RECORD(at, at, PAGE, 0, 0, ds);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);
	slot_drop(ds);
}

/* */
TEST(r13_overmap_of_a_dataspace_with_itself_shifts_it)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t at = attach(ds, 3 * PAGE, 0);

	EXPECT_EQ(attach_at(at + PAGE, 2 * PAGE, OVERMAP, ds, 2 * PAGE), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT(is_filled(at + PAGE, PAGE, MARK(2)));
	EXPECT(is_filled(at + 2 * PAGE, PAGE, MARK(3)));
	detach(at);
	detach(at + PAGE);
	slot_drop(ds);
}

/* */
TEST(r13_overmap_replaces_a_region_without_backing_and_by_one)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t at = room(2);

	EXPECT_EQ(attach_at(at, 2 * PAGE, RESERVED, L4_INVALID_CAP, 0), 0);
	EXPECT_EQ(attach_at(at, PAGE, OVERMAP, ds, 0), 0);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_RECORD(at + PAGE, at + PAGE, PAGE, PAGE, RESERVED, L4_INVALID_CAP);
	EXPECT_FAULTS(at + PAGE, READ);
	EXPECT_EQ(attach_at(at, PAGE, OVERMAP | RESERVED, L4_INVALID_CAP, 0), 0);
	EXPECT_RECORD(at, at, PAGE, 0, RESERVED, L4_INVALID_CAP);
	EXPECT_FAULTS(at, READ);
	detach(at);
	detach(at + PAGE);
	slot_drop(ds);
}

/* R-13, 5.3.8 */
TEST(r13_overmap_leaves_areas_alone)
{
	l4re_ds_t ds = ds_marked(4), new = ds_new(4 * PAGE);
	l4_addr_t at = attach(ds, 4 * PAGE, 0);

	EXPECT_EQ(reserve_at(at + 2 * PAGE + 7, 1, 0), 0);
	EXPECT_EQ(attach_at(at, 4 * PAGE, OVERMAP, new, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at + 2 * PAGE, PAGE, OVERMAP, new, 0), -L4_EADDRNOTAVAIL);
	EXPECT_RECORD(at, at, 4 * PAGE, 0, 0, ds);
	EXPECT(is_filled(at + 2 * PAGE, PAGE, MARK(2)));
	EXPECT_EQ(attach_at(at, 2 * PAGE, OVERMAP, new, 0), 0);
	EXPECT_RECORD(at + 2 * PAGE, at + 2 * PAGE, 2 * PAGE, 2 * PAGE, 0, ds);
	detach(at);
	detach(at + 2 * PAGE);
	EXPECT_EQ(l4re_rm_free_area(at + 2 * PAGE + 7), 0);
	slot_drop(ds);
	slot_drop(new);
}

/* R-13, 5.3.8 */
TEST(r13_overmap_works_inside_of_an_area)
{
	l4re_ds_t ds = ds_marked(2), new = ds_new(PAGE);
	l4_addr_t at = room(4);

	EXPECT_EQ(reserve_at(at, 4 * PAGE, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, 2 * PAGE, IN_AREA, ds, 0), 0);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, IN_AREA | OVERMAP, new, 0), 0);
	EXPECT(is_filled(at + PAGE, PAGE, 0));
	EXPECT(is_filled(at + 2 * PAGE, PAGE, MARK(1)));
	EXPECT_AREA(at, at, 4 * PAGE, 0);
	EXPECT_EQ(attach_at(at + 3 * PAGE, 2 * PAGE, IN_AREA | OVERMAP, new, 0),
		  -L4_EADDRNOTAVAIL);
	detach(at + PAGE);
	detach(at + 2 * PAGE);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(ds);
	slot_drop(new);
}

/* 5.3.8 */
TEST(overmap_means_nothing_to_a_search)
{
	l4re_ds_t ds = ds_marked(1), new = ds_new(PAGE);
	l4_addr_t at = room(2), from = at;

	EXPECT_EQ(attach_at(at, PAGE, 0, ds, 0), 0);
	EXPECT_EQ(attach_from(&from, PAGE, OVERMAP, new, L4_PAGESHIFT), 0);
	EXPECT_EQ(from, at + PAGE);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT_RECORD(from, from, PAGE, 0, 0, new);
	detach(at);
	detach(from);
	slot_drop(ds);
	slot_drop(new);
}

/* R-13, 5.3.8 */
TEST(r13_overmap_that_fails_leaves_what_was_there)
{
	l4re_ds_t ds = ds_marked(2);
	l4_addr_t min, max, at = attach(ds, 2 * PAGE, 0);
	l4_cap_idx_t empty = slot_new();

	limits(&min, &max);
	EXPECT_EQ(attach_at(at, PAGE, OVERMAP, L4_INVALID_CAP, 0), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, PAGE, OVERMAP, empty, 0), -L4_ENOENT);
	EXPECT_EQ(attach_at(at, 0, OVERMAP, ds, 0), -L4_EINVAL);
	EXPECT_EQ(attach_at(at, ~0xfffUL, OVERMAP, ds, 0), -L4_EINVAL);
	EXPECT_EQ(attach_at(at, max - at + 1 + PAGE, OVERMAP, ds, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at, PAGE, OVERMAP | IN_AREA, ds, 0), -L4_ENOENT);
	EXPECT_RECORD(at, at, 2 * PAGE, 0, 0, ds);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT(is_filled(at + PAGE, PAGE, MARK(1)));
	detach(at);
	slot_drop(empty);
	slot_drop(ds);
}

/* R-13, 14.2 */
TEST(r13_overmap_does_not_replace_what_the_program_mapped_itself)
{
	l4re_ds_t ds = ds_marked(1), new = ds_new(3 * PAGE);
	l4_addr_t at = room(3);
	void *own = mmap((void *)(at + PAGE), PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	EXPECT_EQ(own, at + PAGE);
	(void)memset(own, 7, PAGE);
	EXPECT_EQ(attach_at(at, PAGE, 0, ds, 0), 0);
	EXPECT_EQ(attach_at(at, 3 * PAGE, OVERMAP, new, 0), -L4_EADDRNOTAVAIL);
	EXPECT_EQ(attach_at(at + PAGE, PAGE, OVERMAP, new, 0), -L4_EADDRNOTAVAIL);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	EXPECT(is_filled(at + PAGE, PAGE, 7));
	EXPECT_RECORD(at, at, PAGE, 0, 0, ds);
	EXPECT_FREE(at + 2 * PAGE);
	EXPECT_EQ(munmap(own, PAGE), 0);
	detach(at);
	slot_drop(ds);
	slot_drop(new);
}

/* */
TEST(r13_overmap_gives_up_the_memory_of_what_nobody_else_uses)
{
	l4re_ds_t ds = ds_marked(3), new = ds_new(PAGE);
	l4_addr_t at = attach(ds, 3 * PAGE, L4RE_RM_NO_ALIAS);

	EXPECT_EQ(attach_at(at + PAGE, PAGE, OVERMAP, new, 0), 0);
	EXPECT_EQ(ds_byte(ds, PAGE), 0);
	EXPECT_EQ(ds_byte(ds, 0), MARK(0));
	EXPECT_EQ(ds_byte(ds, 2 * PAGE), MARK(2));
	for (unsigned page = 0; page < 3; page++)
		detach(at + page * PAGE);
	slot_drop(ds);
	slot_drop(new);
}

/* 5.6.2 */
TEST(overmap_is_not_reported)
{
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = attach(ds, PAGE, 0);

	EXPECT_EQ(attach_at(at, PAGE, OVERMAP | EAGER | L4RE_RM_READ_ONLY, ds, 0), 0);
	EXPECT_RECORD(at, at, PAGE, 0, L4RE_RM_READ_ONLY, ds);
	detach(at);
	slot_drop(ds);
}

struct swap {
	l4_addr_t at;
	l4re_ds_t ds[2];
	_Atomic bool is_over;
};

static void swap_or_look(unsigned number, void *arg)
{
	struct swap *s = arg;

	if (number == 0) {
		for (unsigned n = 0; n < 2000; n++)
			EXPECT_EQ(attach_at(s->at, PAGE, OVERMAP, s->ds[n % 2], 0), 0);
		atomic_store(&s->is_over, true);
		return;
	}
	while (!atomic_load(&s->is_over)) {
		unsigned char byte = BYTE(s->at);
		struct record r;

		EXPECT(byte == 1 || byte == 2);
		EXPECT_EQ(find(s->at, 1, &r), 0);
		EXPECT(r.m == s->ds[0] || r.m == s->ds[1]);
	}
}

/* R-13, I7 */
TEST(r13_overmap_is_one_step_for_whoever_looks)
{
	struct swap s = { .ds = { ds_new(PAGE), ds_new(PAGE) } };

	ds_set_byte(s.ds[0], 0, 1);
	ds_set_byte(s.ds[1], 0, 2);
	s.at = attach(s.ds[1], PAGE, 0);
	in_threads(3, swap_or_look, &s);
	detach(s.at);
	slot_drop(s.ds[0]);
	slot_drop(s.ds[1]);
}

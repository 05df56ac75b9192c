/* SPDX-License-Identifier: MIT */
/*
 * test_patterns.c - the ten ways in which programs use the map, as they write them
 */
#include "rig.h"

#include <l4/re/consts.h>

#ifdef L4RE_MODERN
#define ATTACH_RW L4RE_RM_F_RW
#define ATTACH_RO L4RE_RM_F_R
#else
#define ATTACH_RW 0
#define ATTACH_RO L4RE_RM_READ_ONLY
#endif

/* 15, 1 */
TEST(pattern_1_allocate_attach_use_detach_free)
{
	unsigned fds = test_count_fds(), mappings = test_count_memfd_mappings();
	l4re_ds_t ds = l4re_util_cap_alloc(), ds2;
	unsigned long n = 5 * PAGE + 7;
	void *p = 0;

	EXPECT(!l4_is_invalid_cap(ds));
	EXPECT_EQ(l4re_ma_alloc((long)n, ds, 0), 0);
	EXPECT_EQ(l4re_rm_attach(&p, n, SEARCH | ATTACH_RW, ds, 0, L4_PAGESHIFT), 0);
	(void)memset(p, 0x12, n);
	EXPECT(is_filled((l4_addr_t)p, n, 0x12));
	EXPECT_EQ(l4re_rm_detach_ds(p, &ds2), 0);
	EXPECT_EQ(ds2, ds);
	l4re_util_cap_free_um(ds2);
	EXPECT(test_count_fds() <= fds);
	EXPECT_EQ(test_count_memfd_mappings(), mappings);
	EXPECT_EQ(slot_new(), ds);
	slot_drop(ds);
}

#ifndef L4RE_MODERN
/* 15, 1 */
TEST(pattern_1_with_the_old_way_of_freeing)
{
	l4re_ds_t ds = l4re_util_cap_alloc(), ds2;
	void *p = 0;

	EXPECT_EQ(l4re_ma_alloc(PAGE, ds, 0), 0);
	EXPECT_EQ(l4re_rm_attach(&p, PAGE, L4RE_RM_SEARCH_ADDR, ds, 0, L4_PAGESHIFT), 0);
	*(int *)p = 1;
	EXPECT_EQ(l4re_rm_detach_ds(p, &ds2), 0);
	EXPECT_EQ(l4re_ma_free(ds2), 0);
	l4re_util_cap_free(ds2);
	EXPECT_EQ(slot_new(), ds);
	slot_drop(ds);
}
#endif

/* 15, 2 */
TEST(pattern_2_a_window_from_several_dataspaces)
{
	l4re_ds_t parts[3] = { ds_marked(2), ds_marked(1), ds_marked(3) };
	static const unsigned sizes[3] = { 2, 1, 3 };
	l4_addr_t base = 0, next, hole;
	void *p;

	EXPECT_EQ(l4re_rm_reserve_area(&base, 8 * PAGE, SEARCH, L4_SUPERPAGESHIFT), 0);
	EXPECT_EQ(base % L4_SUPERPAGESIZE, 0);
	next = base;
	for (unsigned n = 0; n < 3; n++) {
		p = (void *)next;
		EXPECT_EQ(l4re_rm_attach(&p, sizes[n] * PAGE, IN_AREA | ATTACH_RW, parts[n], 0,
					 0),
			  0);
		EXPECT_EQ(p, next);
		next += sizes[n] * PAGE;
	}
	EXPECT_EQ(l4re_rm_free_area(base), 0);
	EXPECT(is_filled(base + PAGE, PAGE, MARK(1)));
	EXPECT(is_filled(base + 2 * PAGE, PAGE, MARK(0)));
	EXPECT(is_filled(base + 5 * PAGE, PAGE, MARK(2)));
	/* What the window did not use is available. */
	hole = base;
	EXPECT_EQ(attach_from(&hole, 2 * PAGE, ATTACH_RW, parts[0], L4_PAGESHIFT), 0);
	EXPECT_EQ(hole, base + 6 * PAGE);
	detach(hole);
	for (next = base; next < base + 6 * PAGE; next += PAGE)
		if (l4re_rm_detach((void *)next) == 0)
			EXPECT_FREE(next);
	for (unsigned n = 0; n < 3; n++)
		slot_drop(parts[n]);
}

/* Shows the page of @a also at @b, which is in an area.  0 if it is there, new or not. */
static int alias_page(l4_addr_t a, l4_addr_t b, unsigned flags)
{
	unsigned long size = 1, size_b = 1;
	region_offset offset, offset_b;
	l4_addr_t addr = a, addr_b = b;
	unsigned f, f_b;
	l4re_ds_t m, m_b;
	void *p = (void *)b;
	int r;

	r = l4re_rm_find(&addr, &size, &offset, &f, &m);
	if (r < 0)
		return r;
	offset += a - addr;
	r = l4re_rm_attach(&p, PAGE, IN_AREA | EAGER | flags, m, offset, 0);
	if (r != -L4_EADDRNOTAVAIL)
		return r;
	r = l4re_rm_find(&addr_b, &size_b, &offset_b, &f_b, &m_b);
	if (r < 0)
		return r;
	return l4_capability_equal(m, m_b) && offset_b + (b - addr_b) == offset ? 0
										: -L4_EEXIST;
}

/* 15, 3 */
TEST(pattern_3_a_page_shown_elsewhere)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t a = attach(ds, 4 * PAGE, ATTACH_RW), b = room(4);

	EXPECT_EQ(reserve_at(b, 4 * PAGE, 0), 0);
	EXPECT_EQ(alias_page(a + 2 * PAGE, b, ATTACH_RW), 0);
	EXPECT(is_filled(b, PAGE, MARK(2)));
	BYTE(b) = 9;
	EXPECT_EQ(BYTE(a + 2 * PAGE), 9);
	EXPECT_EQ(alias_page(a + 2 * PAGE, b, ATTACH_RW), 0);
	EXPECT_EQ(alias_page(a + 3 * PAGE, b, ATTACH_RW), -L4_EEXIST);
	EXPECT_EQ(alias_page(a + 3 * PAGE, b + PAGE, ATTACH_RO), 0);
	EXPECT(is_filled(b + PAGE, PAGE, MARK(3)));
	EXPECT_FAULTS(b + PAGE, WRITE);
	detach(a);
	detach(b);
	detach(b + PAGE);
	EXPECT_EQ(l4re_rm_free_area(b), 0);
	slot_drop(ds);
}

/* 15, 4 */
TEST(pattern_4_probing_memory)
{
	l4re_ds_t ds = ds_new(3 * PAGE);
	l4_addr_t base = room(16), at = base, next;
	unsigned regions = 0, areas = 0, holes = 0;
	unsigned long size;
	region_offset offset;
	unsigned flags;
	l4re_ds_t m;

	EXPECT_EQ(attach_at(base + 2 * PAGE, 3 * PAGE, ATTACH_RW, ds, 0), 0);
	EXPECT_EQ(attach_at(base + 5 * PAGE, PAGE, ATTACH_RO, ds, 0), 0);
	EXPECT_EQ(reserve_at(base + 8 * PAGE, 4 * PAGE, 0), 0);
	while (at < base + 16 * PAGE) {
		next = at;
		size = PAGE;
		if (l4re_rm_find(&next, &size, &offset, &flags, &m) == -L4_ENOENT) {
			holes++;
			at += PAGE;
			continue;
		}
		EXPECT(next == at);
		regions += !(flags & IN_AREA);
		areas += (flags & IN_AREA) != 0;
		at = next + size;
	}
	EXPECT_EQ(regions, 2);
	EXPECT_EQ(areas, 1);
	EXPECT_EQ(holes, 8);
	EXPECT_EQ(at, base + 16 * PAGE);
	detach(base + 2 * PAGE);
	detach(base + 5 * PAGE);
	EXPECT_EQ(l4re_rm_free_area(base + 8 * PAGE), 0);
	slot_drop(ds);
}

/* 15, 5 */
TEST(pattern_5_mapping_by_hand)
{
	l4re_ds_t ds = ds_marked(4);
	l4_addr_t base = 0;

	EXPECT_EQ(l4re_rm_reserve_area(&base, 4 * PAGE, SEARCH, L4_PAGESHIFT + 2), 0);
	EXPECT_EQ(l4re_ds_map(ds, 3 * PAGE, DS_RO, base, base, base), 0);
	EXPECT_EQ(l4re_ds_map_region(ds, 0, DS_RW, base + PAGE, base + 4 * PAGE), 0);
	EXPECT(is_filled(base, PAGE, MARK(3)));
	EXPECT(is_filled(base + 3 * PAGE, PAGE, MARK(2)));
	EXPECT_AREA(base, base, 4 * PAGE, 0);
	EXPECT(l4_error(l4_task_unmap(L4RE_THIS_TASK_CAP,
				      l4_fpage(base, L4_PAGESHIFT + 2, L4_FPAGE_RWX),
				      L4_FP_ALL_SPACES)) >= 0);
	for (unsigned page = 0; page < 4; page++)
		EXPECT_FAULTS(base + page * PAGE, READ);
	EXPECT_EQ(l4re_rm_free_area(base), 0);
	EXPECT_FREE(base);
	slot_drop(ds);
}

/* 15, 6 */
TEST(pattern_6_an_image_at_fixed_addresses)
{
	l4re_ds_t text = ds_marked(3), data = ds_new(2 * PAGE);
	l4_addr_t base = room(16);
	void *at_text = (void *)(base + 0x10), *at_data = (void *)(base + 4 * PAGE + 0x234);

	EXPECT_EQ(l4re_rm_attach(&at_text, 3 * PAGE, ATTACH_RO, text, 0, 0), 0);
	EXPECT_EQ(l4re_rm_attach(&at_data, 2 * PAGE, ATTACH_RW, data, 0, 0), 0);
	EXPECT_EQ(at_text, base);
	EXPECT_EQ(at_data, base + 4 * PAGE);
	EXPECT(is_filled(base + PAGE, PAGE, MARK(1)));
	(void)memset(at_data, 3, 2 * PAGE);
	detach(base);
	detach(base + 4 * PAGE);
	slot_drop(text);
	slot_drop(data);
}

/* 15, 7 */
TEST(pattern_7_copying_a_view)
{
	l4re_ds_t ds = ds_marked(6), new = ds_new(2 * PAGE), m;
	l4_addr_t at = room(4), addr, from;
	unsigned long size = 1;
	region_offset offset;
	unsigned flags;

	EXPECT_EQ(attach_at(at, 4 * PAGE, ATTACH_RO, ds, 2 * PAGE), 0);
	from = addr = at + PAGE + 0x800;
	EXPECT_EQ(l4re_rm_find(&addr, &size, &offset, &flags, &m), 0);
	EXPECT_EQ(l4re_ds_copy_in(new, 0, m, offset + (from - addr), 2 * PAGE), 0);
	EXPECT_EQ(ds_byte(new, 0), MARK(3));
	EXPECT_EQ(ds_byte(new, 0x800), MARK(4));
	EXPECT_EQ(ds_byte(new, 2 * PAGE - 1), MARK(5));
	detach(at);
	slot_drop(ds);
	slot_drop(new);
}

static void steal(unsigned number, void *arg)
{
	l4_addr_t base = *(l4_addr_t *)arg, start = base, from;
	l4re_ds_t ds, was;
	void *p;
	int r;

	if (number > 0) {
		/* Wants any place at all from there on, all the time. */
		ds = ds_new(PAGE);
		for (unsigned n = 0; n < 500; n++) {
			from = base;
			EXPECT_EQ(attach_from(&from, PAGE, ATTACH_RW, ds, L4_PAGESHIFT), 0);
			EXPECT(from >= base + 4 * PAGE);
			detach(from);
		}
		slot_drop(ds);
		return;
	}
	ds = ds_marked(4);
	for (unsigned n = 0; n < 200; n++) {
		EXPECT_EQ(l4re_rm_reserve_area(&start, 4 * PAGE, 0, 0), 0);
		do
			r = l4re_rm_detach_range(base, 4 * PAGE, &was, L4_BASE_TASK_CAP);
		while (r > 0 && (r & L4RE_RM_DETACH_AGAIN));
		EXPECT(r >= 0);
		p = (void *)base;
		EXPECT_EQ(l4re_rm_attach(&p, 4 * PAGE, IN_AREA | ATTACH_RW, ds, 0, 0), 0);
		EXPECT_EQ(BYTE(base + 3 * PAGE), MARK(3));
		EXPECT_EQ(l4re_rm_free_area(base), 0);
	}
	slot_drop(ds);
}

/* 15, 8 */
TEST(pattern_8_replacing_a_range_that_nobody_can_steal)
{
	l4re_ds_t ds = ds_new(4 * PAGE);
	l4_addr_t base = room(4);

	EXPECT_EQ(attach_at(base, 2 * PAGE, ATTACH_RW, ds, 0), 0);
	EXPECT_EQ(attach_at(base + 2 * PAGE, 2 * PAGE, ATTACH_RO, ds, 0), 0);
	in_threads(3, steal, &base);
	EXPECT_EQ(find(base, 1, &(struct record){ 0 }), 0);
	detach(base);
	slot_drop(ds);
}

#ifndef L4RE_MODERN
/* 15, 9 */
TEST(pattern_9_a_guard_page)
{
	l4re_ds_t ds = ds_new(16 * PAGE);
	l4_addr_t page;
	void *stack = 0;

	EXPECT_EQ(l4re_rm_attach(&stack, 16 * PAGE, L4RE_RM_SEARCH_ADDR, ds, 0, L4_PAGESHIFT),
		  0);
	page = (l4_addr_t)stack;
	EXPECT_EQ(l4re_rm_reserve_area(&page, 4096,
				       L4RE_RM_OVERMAP | L4RE_RM_RESERVED | L4RE_RM_IN_AREA, 0),
		  0);
	EXPECT_EQ(page, (l4_addr_t)stack);
	EXPECT_FAULTS(page, READ);
	EXPECT_FAULTS(page + PAGE - 1, WRITE);
	EXPECT_WORKS(page + PAGE, WRITE);
	EXPECT_WORKS(page + 16 * PAGE - 1, WRITE);
	EXPECT_RECORD(page + PAGE, page + PAGE, 15 * PAGE, PAGE, 0, ds);
	detach(page + PAGE);
	EXPECT_EQ(l4re_rm_free_area(page), 0);
	slot_drop(ds);
}
#endif

/* 15, 10 */
TEST(pattern_10_a_shared_window)
{
	l4re_ds_t ds = ds_new(PAGE);
	void *p = 0;

	EXPECT_EQ(l4re_rm_attach(&p, PAGE, SEARCH | ATTACH_RW, ds, 0, L4_PAGESHIFT), 0);
	(void)strcpy(p, "initialised");
	EXPECT_EQ(l4re_rm_detach_unmap((l4_addr_t)p, L4RE_THIS_TASK_CAP), 0);
	EXPECT_FAULTS((l4_addr_t)p, READ);
	EXPECT(slot_is_filled(ds));
	p = 0;
	EXPECT_EQ(l4re_rm_attach(&p, PAGE, SEARCH | ATTACH_RO, ds, 0, L4_PAGESHIFT), 0);
	EXPECT_STR((char *)p, "initialised");
	detach((l4_addr_t)p);
	slot_drop(ds);
}

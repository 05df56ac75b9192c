/* SPDX-License-Identifier: MIT */
/*
 * test_worked.c - the worked examples of the specification, in this task's own map
 *
 * Their addresses are shifted to where there is room, or to the map's own limits.  With the
 * limits that they are written for they are played by src/map/test_layout_examples.c, line by
 * line.
 */
#include "rig.h"

#include <limits.h>
#include <sys/mman.h>

/* The numbers that an example starts with are relative to this. */
static l4_addr_t shift;
static l4re_ds_t ds;

/* Makes room for [0x10000, 0xfffff], and a dataspace. */
static void examples_up(void)
{
	shift = room(0xf0) - 0x10000;
	ds = ds_marked(10);
}

static void examples_down(void)
{
	l4re_rm_range_t range;

	while (l4re_rm_get_regions(shift + 0x10000, &range, 1) == 1 &&
	       range.start < shift + 0x100000)
		detach(range.start);
	while (l4re_rm_get_areas(shift + 0x10000, &range, 1) == 1 &&
	       range.start < shift + 0x100000)
		EXPECT_EQ(l4re_rm_free_area(range.start), 0);
	slot_drop(ds);
}

/* A(...) and RA(...): the result must be @wanted, and on success the start @at. */
static void attaches(l4_addr_t start, unsigned long size, unsigned flags, unsigned char align,
		     int wanted, l4_addr_t at)
{
	void *p = (void *)(start + shift);

	EXPECT_EQ(l4re_rm_attach(&p, size, flags | RW, ds, 0, align), wanted);
	EXPECT_EQ(p, (wanted == 0 ? at : start) + shift);
}

static void reserves(l4_addr_t start, unsigned long size, int wanted)
{
	EXPECT_EQ(reserve_at(start + shift, size, 0), wanted);
}

#define S SEARCH
#define I IN_AREA
#define OK(at) 0, (at)
#define FAILS(code) -(code), 0

static void examples_of_search(void)
{
	attaches(0x10000, 0x3000, S, 12, OK(0x10000));
	attaches(0x10000, 0x1000, S, 12, OK(0x13000));
	attaches(0x20800, 0x1801, 0, 12, OK(0x20000));
	EXPECT_RECORD(0x20000 + shift, 0x20000 + shift, 0x2000, 0, RW, ds);
	attaches(0x10000, 0x1000, S, 16, OK(0x30000));
	attaches(0x21000, 0x1000, 0, 12, FAILS(99));
	attaches(0x13fff, 1, 0, 12, FAILS(99));
	attaches(0x9000, 0, 0, 12, FAILS(22));
}

/* 16.1 */
TEST(example_1_search_and_rounding)
{
	examples_up();
	examples_of_search();
	examples_down();
}

static void examples_of_areas(void)
{
	reserves(0x14000, 0x8000, 0);
	attaches(0x10000, 0x4000, S, 12, OK(0x1c000));
	attaches(0x15000, 0x1000, 0, 12, FAILS(99));
	attaches(0x15000, 0x1000, I, 12, OK(0x15000));
	attaches(0x1b000, 0x2000, I, 12, FAILS(99));
	attaches(0x14000, 0x2000, S | I, 12, OK(0x16000));
	attaches(0x15000, 0x5000, S | I, 12, FAILS(99));
	attaches(0xe0000, 0x1000, I, 12, FAILS(2));
	EXPECT_AREA(0x14000 + shift, 0x14000 + shift, 0x8000, 0);
	EXPECT_RECORD(0x15010 + shift, 0x15000 + shift, 0x1000, 0, RW, ds);
	EXPECT_FREE(0xf0000 + shift);
}

/* 16.2 */
TEST(example_2_areas)
{
	examples_up();
	examples_of_search();
	examples_of_areas();
	EXPECT_EQ(l4re_rm_free_area(0x1bfff + shift), 0);
	EXPECT_RECORD(0x15000 + shift, 0x15000 + shift, 0x1000, 0, RW, ds);
	EXPECT_RECORD(0x16000 + shift, 0x16000 + shift, 0x2000, 0, RW, ds);
	EXPECT_EQ(l4re_rm_free_area(0x1bfff + shift), -L4_ENOENT);
	reserves(0x40010, 0x1000, 0);
	EXPECT_AREA(0x4100f + shift, 0x40010 + shift, 0x1000, 0);
	reserves(0x40000, 0x10, 0);
	reserves(0x4100f, 1, -99);
	attaches(0x41000, 0x1000, 0, 12, FAILS(99));
	examples_down();
}

/* 16.3 */
TEST(example_3_areas_that_overlap)
{
	examples_up();
	reserves(0x50000, 0xa000, 0);
	reserves(0x50000, 0xa000, -99);
	reserves(0x51000, 0x1000, -99);
	reserves(0x4f000, 0x2000, -99);
	reserves(0x4f000, 0xb000, -99);
	reserves(0x59000, 0x2000, -99);
	reserves(0x5a000, 0x1000, 0);
	examples_down();
}

/* Of the highest page, which may be the stack's. */
static bool is_anybodys(l4_addr_t at)
{
	void *there = mmap((void *)at, PAGE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (there == MAP_FAILED)
		return true;
	EXPECT_EQ(munmap(there, PAGE), 0);
	return false;
}

static l4_addr_t searches(l4_addr_t start, unsigned long size, int wanted)
{
	l4_addr_t at = start;

	EXPECT_EQ(attach_from(&at, size, RW, ds, L4_PAGESHIFT), wanted);
	return at;
}

/* 16.4 */
TEST(example_4_the_end_of_the_space)
{
	l4_addr_t min, max, last, bottom;

	limits(&min, &max);
	last = max + 1 - PAGE;
	if (is_anybodys(last))
		SKIP("addresses are not scattered here, and the stack has the last page");
	ds = ds_marked(1);
	bottom = searches(0, PAGE, 0);
	detach(bottom);
	(void)searches(last, 2 * PAGE, -99);
	EXPECT_EQ(searches(last, PAGE, 0), last);
	(void)searches(last, PAGE, -99);
	EXPECT_EQ(searches(max + 0x100001, PAGE, 0), bottom);
	EXPECT_EQ(searches(~0UL, PAGE, 0), bottom + PAGE);
	(void)searches(0, max - min + 1 + PAGE, -99);
	detach(last);
	detach(bottom);
	detach(bottom + PAGE);
	slot_drop(ds);
}

static void cuts(l4_addr_t start, unsigned long size, int wanted, l4re_ds_t client)
{
	l4re_ds_t was = UNTOUCHED;

	EXPECT_EQ(l4re_rm_detach_range(start + shift, size, &was, L4_BASE_TASK_CAP), wanted);
	EXPECT_EQ(was, client);
}

static void remains(l4_addr_t start, l4_addr_t end, l4_addr_t offset)
{
	EXPECT_RECORD(start + shift, start + shift, end - start + 1, offset, RW, ds);
	EXPECT(is_filled(start + shift, PAGE, MARK(offset / PAGE)));
}

/* 16.5 */
TEST(example_5_the_detach_engine)
{
	examples_up();
	EXPECT_EQ(attach_at(0x40000 + shift, 0x8000, RW, ds, 0x2000), 0);
	cuts(0x42000, 0x3000, 2, ds);
	remains(0x40000, 0x41fff, 0x2000);
	remains(0x45000, 0x47fff, 0x7000);
	EXPECT_FREE(0x42000 + shift);
	EXPECT_FREE(0x44fff + shift);
	cuts(0x3f000, 0x2000, 1, L4_INVALID_CAP);
	remains(0x41000, 0x41fff, 0x3000);
	remains(0x45000, 0x47fff, 0x7000);
	EXPECT_FREE(0x40fff + shift);
	cuts(0x40000, 0x10000, 4, ds);
	EXPECT_FREE(0x41000 + shift);
	remains(0x45000, 0x47fff, 0x7000);
	cuts(0x40000, 0x10000, 0, ds);
	EXPECT_FREE(0x45000 + shift);
	cuts(0x40000, 0x10000, -2, L4_INVALID_CAP);
	EXPECT_EQ(attach_at(0x40000 + shift, 0x8000, RW, ds, 0x2000), 0);
	cuts(0x46000, 0x4000, 1, L4_INVALID_CAP);
	remains(0x40000, 0x45fff, 0x2000);
	detach(0x43abc + shift);
	EXPECT_FREE(0x40000 + shift);
	examples_down();
}

/* 16.6, the upper half */
TEST(example_6_what_a_region_shows)
{
	l4re_ds_t page = ds_marked(1), bytes = ds_new(1000), four = ds_marked(4);
	l4_addr_t at = attach(page, 2 * PAGE, RW), other;

	EXPECT_FAULTS(at + PAGE, READ);
	EXPECT(is_filled(at, PAGE, MARK(0)));
	detach(at);

	at = attach(bytes, 1000, RW);
	EXPECT_RECORD(at, at, PAGE, 0, RW, bytes);
	(void)memset((void *)at, 1, 4096);
	EXPECT_EQ(l4re_ds_size(bytes), 1000);
	detach(at);

	at = room(1);
	EXPECT_EQ(attach_at(at, PAGE, RW, four, 0x1800), 0);
	EXPECT(is_filled(at, PAGE, MARK(1)));
	EXPECT_RECORD(at, at, PAGE, 0x1800, RW, four);
	detach(at);

	at = attach(four, PAGE, RW);
	other = attach(four, PAGE, RO);
	BYTE(at) = 99;
	EXPECT_EQ(BYTE(other), 99);
	EXPECT_FAULTS(other, WRITE);
	slot_drop(four);
	EXPECT_EQ(BYTE(at), 99);
	detach(at);
	detach(other);
	EXPECT_FAULTS(other, READ);

	at = attach(page, PAGE, RW);
	EXPECT(l4_error(l4_task_delete_obj(L4_BASE_TASK_CAP, page)) >= 0);
	EXPECT_FAULTS(at, READ);
	detach(at);
	slot_drop(page);
	slot_drop(bytes);
}

/* 16.6, the lower half */
TEST(example_6_what_attaching_and_detaching_return)
{
	l4re_ds_t page = ds_new(PAGE), alias = ds_alias(page, L4_CAP_FPAGE_RO), was;
	l4_addr_t at = attach(alias, PAGE, RO | EAGER);
	void *p = NULL;

	detach(at);
#ifndef L4RE_MODERN
	EXPECT_EQ(l4re_rm_attach(&p, PAGE, SEARCH | EAGER, alias, 0, L4_PAGESHIFT), -1);
	detach((l4_addr_t)p);
	EXPECT_EQ(l4re_rm_attach(&p, 2 * PAGE, SEARCH | EAGER, page, 0, L4_PAGESHIFT), -34);
	detach((l4_addr_t)p);
#endif
	p = NULL;
	EXPECT_EQ(l4re_rm_attach(&p, PAGE, SEARCH | RW, L4_INVALID_CAP, 0, L4_PAGESHIFT), -2);
	EXPECT_EQ(l4re_rm_attach(&p, PAGE, SEARCH | RESERVED, L4_INVALID_CAP, 0, L4_PAGESHIFT),
		  0);
	EXPECT_EQ(l4re_rm_detach_ds(p, &was), 0);
	EXPECT_EQ(was, L4_INVALID_CAP);
	at = attach(page | L4_CAP_FPAGE_RW, PAGE, RW);
	EXPECT_EQ(l4re_rm_detach_ds((void *)at, &was), 0);
	EXPECT_EQ(was, page);
	EXPECT_EQ(l4re_rm_free_area_srv(L4_INVALID_CAP, at), -2004);
	EXPECT_EQ(l4re_rm_free_area_srv(page, at), -39);
	slot_drop(alias);
	slot_drop(page);
}

/* 16.7, mapping */
TEST(example_7_mapping)
{
	const unsigned long size = 3 * PAGE;
	l4re_ds_t three = ds_new(size), alias = ds_alias(three, L4_CAP_FPAGE_RO);
	l4_addr_t at = room(8);

	EXPECT_EQ(reserve_at(at - PAGE, 8 * PAGE, 0), 0);
	EXPECT_EQ(l4re_ds_map(three, 0, DS_RW, at, at, at + size), 0);
	EXPECT_WORKS(at, WRITE);
	EXPECT_FAULTS(at - PAGE, READ);
	EXPECT_FAULTS(at + size, READ);
	unmap(at, 3, L4_FPAGE_RWX);
	EXPECT_EQ(l4re_ds_map(three, 100, DS_RO, at, at + size, at), 0);
	EXPECT(is_filled(at, PAGE, 0));
	EXPECT_FAULTS(at + PAGE, READ);
	EXPECT_EQ(l4re_ds_map(three, size + 2, DS_RO, at, at, at + PAGE), -34);
	EXPECT_EQ(l4re_ds_map(alias, 0, DS_RW, at, at, at + PAGE), -1);
	EXPECT_EQ(l4re_ds_map_region(three, 0, DS_RW, at, at + size), 0);
	EXPECT_EQ(l4re_ds_map_region(three, 0, DS_RW, at, at + size + 0x1000), -34);
	EXPECT_FAULTS(at + size + 0x1000, READ);
	EXPECT_EQ(l4re_ds_map_region(three, 0, DS_RW, at, at), 0);
	EXPECT_EQ(l4re_ds_map_region(three, 0, DS_RW, at + size, at), 0);
	EXPECT_EQ(l4re_ds_map_region(three, 0, DS_RW, at, ~0UL), 0);
	unmap(at, 4, L4_FPAGE_RWX);
	EXPECT_EQ(l4re_rm_free_area(at), 0);
	slot_drop(alias);
	slot_drop(three);
}

/* 16.7, the rest */
TEST(example_7_other_calls)
{
	const unsigned long size = 3 * PAGE;
	l4re_ds_t d = ds_marked(3), alias = ds_alias(d, L4_CAP_FPAGE_RO), s = ds_new(size);
	l4re_ds_t empty = slot_new();

	EXPECT(l4re_ds_clear(d, 100, 1) >= 0);
	EXPECT_EQ(ds_byte(d, 100), 0);
	EXPECT_EQ(ds_byte(d, 99), MARK(0));
	EXPECT_EQ(ds_byte(d, 101), MARK(0));
	EXPECT(l4re_ds_clear(d, 10, 0) >= 0 && l4re_ds_clear(d, size - 1, 0x2000) >= 0);
	EXPECT_EQ(l4re_ds_clear(d, size + 0x1000, 1), -34);
	EXPECT_EQ(l4re_ds_clear(d, ~0UL, 1), -34);
	EXPECT_EQ(l4re_ds_clear(alias, 0, 1), -13);
	EXPECT_EQ(l4re_ds_allocate(d, 0, size), 0);
	EXPECT_EQ(l4re_ds_allocate(d, 0, 0), 0);
	EXPECT_EQ(l4re_ds_allocate(d, 2 * 0x1000 - 1, 2), 0);
	EXPECT_EQ(l4re_ds_allocate(d, 0, size + 1), -34);
	EXPECT_EQ(l4re_ds_allocate(d, size + 0x1000, 2), -34);
	EXPECT_EQ(l4re_ds_copy_in(d, 20, s, 2, 7), 0);
	EXPECT(ds_byte(d, 19) == MARK(0) && ds_byte(d, 20) == 0 && ds_byte(d, 26) == 0 &&
	       ds_byte(d, 27) == MARK(0));
	EXPECT_EQ(l4re_ds_copy_in(d, size + 1, s, 0, 2), 0);
	EXPECT_EQ(l4re_ds_copy_in(d, 0, s, ~0UL - 1, 1), 0);
	EXPECT_EQ(l4re_ds_copy_in(d, 0, empty, 0, 100), -22);
	EXPECT_EQ(l4re_ds_copy_in(alias, 0, s, 0, size), -13);
	EXPECT(l4re_ds_clear(d, 0, ~0UL) >= 0);
	EXPECT_EQ(l4re_ma_alloc(0, empty, 0), -34);
	EXPECT_EQ(l4re_ma_alloc(-1, empty, 0), -34);
	EXPECT_EQ(l4re_ma_alloc(INT_MAX - 1, empty, 0), 0);
	EXPECT_EQ(l4re_ds_size(empty), INT_MAX - 1);
	slot_drop(empty);
	slot_drop(s);
	slot_drop(alias);
	slot_drop(d);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_map_areas.c - addresses that are set aside, byte by byte
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "areas.h"
#include "base/fault.h"
#include "kin.h"

/* ---- what is refused -------------------------------------------------------------------- */

TEST(no_area_is_made_of_what_makes_no_sense)
{
	char *at = room(1);
	void *there = at;

	EXPECT_EQ(tract_map_reserve(NULL, &there, PAGE, 0, 0, 0), -EINVAL);
	EXPECT_EQ(tract_map_reserve(OWN, NULL, PAGE, 0, 0, 0), -EINVAL);
	expect_refused(at, 0, 0, 0, -EINVAL);
	expect_refused(at, 0, FIXED, 0, -EINVAL);
	expect_refused(at, PAGE, 32, 0, -EINVAL);
	expect_refused(at, PAGE, 1u << 31, 0, -EINVAL);
	expect_refused(at, PAGE, 0, 64, -EINVAL);
	expect_refused(at, PAGE, 0, UINT32_MAX, -EINVAL);
	expect_refused(at, SIZE_MAX, FIXED, 0, -EINVAL);
	expect_refused(at, SIZE_MAX, 0, 0, -EINVAL);
	expect_refused((void *)UINTPTR_MAX, 2, FIXED, 0, -EINVAL);
	expect_refused((void *)UINTPTR_MAX, 2, 0, 0, -EINVAL);
	EXPECT_EQ(tract_map_release(NULL, at), -EINVAL);
	EXPECT_EQ(tract_map_release(OWN, at), -ENOENT);
}

TEST(the_librarys_own_area_stays)
{
	EXPECT_EQ(tract_map_release(OWN, NULL), -EPERM);
	EXPECT_EQ(tract_map_release(OWN, (void *)(PAGE - 1)), -EPERM);
	EXPECT_EQ(tract_map_release(OWN, (void *)PAGE), -ENOENT);
	expect_refused(NULL, 1, FIXED, 0, -EADDRNOTAVAIL);
	expect_refused(NULL, 2 * PAGE, FIXED, 0, -EADDRNOTAVAIL);
	expect_refused((void *)(PAGE - 1), 2, FIXED, 0, -EADDRNOTAVAIL);
}

/* ---- byte by byte ----------------------------------------------------------------------- */

TEST(areas_lie_side_by_side_and_never_overlap)
{
	char *at = room(3);

	EXPECT_EQ(reserve_at(at + 10, 10, 0, 1), 0);
	EXPECT_EQ(reserve_at(at + 19, 1, 0, 2), -EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at + 9, 2, 0, 2), -EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at, PAGE, 0, 2), -EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at + 20, 2 * PAGE, 0, 2), 0);
	EXPECT_EQ(reserve_at(at + 9, 1, 0, 255), 0);
	expect_area(at + 9, at + 9, 1, 255);
	expect_area(at + 10, at + 10, 10, 1);
	expect_area(at + 19, at + 10, 10, 1);
	expect_area(at + 20, at + 20, 2 * PAGE, 2);
	expect_area(at + 2 * PAGE + 19, at + 20, 2 * PAGE, 2);
	EXPECT_EQ(tract_map_release(OWN, at + 8), -ENOENT);
	EXPECT_EQ(tract_map_release(OWN, at + 2 * PAGE + 20), -ENOENT);
	EXPECT_EQ(tract_map_release(OWN, at + 15), 0);
	EXPECT_EQ(tract_map_release(OWN, at + 15), -ENOENT);
	EXPECT_EQ(reserve_at(at + 10, 10, 0, 3), 0);
	land_clear(at, 3);
	EXPECT(land_is_free(at, 3));
}

/* Of a page that is only touched the rest is anybody's. */
TEST(the_pages_that_lie_wholly_inside_are_held)
{
	char *at = room(5);

	EXPECT_EQ(reserve_at(at + 1, 4 * PAGE - 1, 0, 0), 0);
	EXPECT(land_is_free(at, 1));
	EXPECT(!land_is_free(at + PAGE, 1));
	EXPECT(!land_is_free(at + 3 * PAGE, 1));
	EXPECT(land_is_free(at + 4 * PAGE, 1));
	EXPECT_STR(land_bytes(at + PAGE, 3), "!!!");
	EXPECT_EQ(tract_map_release(OWN, at + 1), 0);
	EXPECT(land_is_free(at, 5));
	EXPECT_EQ(reserve_at(at, 4 * PAGE - 1, 0, 0), 0);
	EXPECT(land_is_free(at + 3 * PAGE, 1));
	EXPECT(!land_is_free(at + 2 * PAGE, 1));
	land_clear(at, 5);
	/* Less than a page holds none. */
	EXPECT_EQ(reserve_at(at + 5, PAGE, 0, 0), 0);
	EXPECT(land_is_free(at, 5));
	land_clear(at, 5);
}

TEST(what_is_attached_in_an_area_lies_wholly_inside)
{
	char *at = room(4);
	void *there;

	EXPECT_EQ(reserve_at(at + 1, 3 * PAGE - 1, 0, 0), 0);
	EXPECT_EQ(attach_in_area(at, 1), -EADDRNOTAVAIL);
	EXPECT_EQ(attach_in_area(at + PAGE, 3), -EADDRNOTAVAIL);
	EXPECT_EQ(attach_in_area(at + PAGE, 2), 0);
	there = at + 10;
	EXPECT_EQ(attach(&there, .size = PAGE,
			 .flags = TRACT_ATTACH_IN_AREA | TRACT_ATTACH_ANONYMOUS),
		  -EADDRNOTAVAIL);
	/* Nor do others enter, even where only a byte is set aside. */
	there = at;
	EXPECT_EQ(attach(&there, .size = PAGE,
			 .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_ANONYMOUS),
		  -EADDRNOTAVAIL);
	there = at + 3 * PAGE;
	EXPECT_EQ(attach(&there, .size = PAGE, .flags = IN_AREA | TRACT_ATTACH_ANONYMOUS),
		  -ENOENT);
	there = at + 3 * PAGE;
	EXPECT_EQ(attach(&there, .size = PAGE,
			 .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_ANONYMOUS),
		  0);
	land_clear(at, 4);
}

TEST(a_search_in_an_area_stays_inside)
{
	struct tract_region *region = land_region(2, 'a');
	char *area = land_area(5, 0);
	void *at = area + 2 * PAGE + 7;

	EXPECT_EQ(attach(&at, .region = region, .flags = TRACT_ATTACH_IN_AREA), 0);
	EXPECT(at == area + 2 * PAGE);
	at = area;
	EXPECT_EQ(attach(&at, .region = region, .flags = TRACT_ATTACH_IN_AREA), 0);
	EXPECT(at == area);
	at = area;
	EXPECT_EQ(attach(&at, .region = region, .flags = TRACT_ATTACH_IN_AREA), -EADDRNOTAVAIL);
	EXPECT_EQ(attach(&at, .region = region, .size = PAGE, .flags = TRACT_ATTACH_IN_AREA),
		  0);
	EXPECT(at == area + 4 * PAGE);
	EXPECT_STR(land_bytes(area, 5), "ababa");
	/* And one outside never enters it. */
	EXPECT_EQ(tract_map_detach(OWN, area, 5 * PAGE, TRACT_DETACH_EXACT, NULL), 0);
	at = area;
	EXPECT_EQ(attach(&at, .region = region), 0);
	EXPECT((char *)at >= area + 5 * PAGE);
	EXPECT_EQ(tract_detach(at), 0);
	land_clear(area, 5);
	tract_region_close(region);
}

TEST(a_blocked_area_lets_nobody_in)
{
	char *at = attached(.size = PAGE, .flags = TRACT_ATTACH_ANONYMOUS);
	struct tract_span span;

	EXPECT_EQ(reserve_at(at, 4 * PAGE, TRACT_AREA_BLOCK, 3), 0);
	EXPECT_EQ(attach_in_area(at + PAGE, 1), -EADDRNOTAVAIL);
	EXPECT_EQ(attach((void *[]){ at }, .size = PAGE,
			 .flags = TRACT_ATTACH_IN_AREA | TRACT_ATTACH_ANONYMOUS),
		  -EADDRNOTAVAIL);
	/* Who was there before stays. */
	EXPECT_EQ(land_store(at), 0);
	EXPECT_EQ(tract_map_next_area(OWN, at, &span), 0);
	EXPECT(span.start == at);
	EXPECT_EQ(span.flags, TRACT_AREA_BLOCK);
	EXPECT_EQ(span.tag, 3);
	land_clear(at, 4);
}

/* ---- over what is there ----------------------------------------------------------------- */

TEST(the_programs_own_memory_in_an_area_stays_its_own)
{
	char *at = room(6), *own = at + 2 * PAGE;

	EXPECT(mmap(own, 2 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == own);
	own[0] = 'x';
	own[PAGE] = 'y';
	EXPECT_EQ(reserve_at(at, 6 * PAGE, 0, 0), 0);
	EXPECT_STR(land_bytes(at, 6), "!!xy!!");
	EXPECT(!land_is_free(at + PAGE, 1));
	EXPECT(!land_is_free(at + 4 * PAGE, 1));
	EXPECT_EQ(attach_in_area(own, 1), -EADDRNOTAVAIL);
	EXPECT_EQ(attach_in_area(at + PAGE, 2), -EADDRNOTAVAIL);
	EXPECT_EQ(attach_in_area(at + 3 * PAGE, 2), -EADDRNOTAVAIL);
	EXPECT_STR(land_bytes(at, 6), "!!xy!!");
	land_check();
	/* A search goes around it. */
	EXPECT_EQ(attach((void *[]){ at + PAGE }, .size = 2 * PAGE,
			 .flags = TRACT_ATTACH_IN_AREA | TRACT_ATTACH_ANONYMOUS),
		  0);
	EXPECT_STR(land_bytes(at, 6), "!!xy00");
	/* Once the program has given it up it can be had. */
	EXPECT_EQ(munmap(own, 2 * PAGE), 0);
	EXPECT_EQ(attach_in_area(at + PAGE, 2), 0);
	EXPECT_STR(land_bytes(at, 6), "!00!00");
	land_clear(at, 6);
	EXPECT(land_is_free(at, 6));
}

TEST(an_area_comes_and_goes_around_what_is_attached)
{
	struct tract_region *region = land_region(3, 'a');
	struct tract_span span;
	char *at = attached(.region = region);

	EXPECT_EQ(reserve_at(at + PAGE + 1, 4 * PAGE, 0, 5), 0);
	EXPECT_EQ(tract_find(at, &span), 0);
	EXPECT(!span.in_area);
	EXPECT_STR(land_bytes(at, 5), "abc!!");
	EXPECT_EQ(detach(at, 1, TRACT_DETACH_EXACT), 0);
	EXPECT_EQ(tract_find(at + PAGE, &span), 0);
	EXPECT(!span.in_area);
	EXPECT_EQ(detach(at + PAGE, 1, TRACT_DETACH_EXACT), 0);
	EXPECT_EQ(tract_find(at + 2 * PAGE, &span), 0);
	EXPECT(span.in_area);
	EXPECT_EQ(tract_map_release(OWN, at + 3 * PAGE), 0);
	EXPECT_STR(land_bytes(at, 5), "!!c!!");
	EXPECT(land_is_free(at, 2));
	EXPECT(land_is_free(at + 3 * PAGE, 3));
	land_clear(at, 5);
	tract_region_close(region);
}

TEST(an_empty_area_is_made_only_where_nothing_is_attached)
{
	char *at = attached(.size = PAGE, .flags = TRACT_ATTACH_BLOCK);
	char *before = land_text(at - PAGE, 3);

	EXPECT_EQ(reserve_at(at + PAGE - 1, 1, TRACT_AREA_EMPTY, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at - 1, 2, TRACT_AREA_EMPTY, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(reserve_at(at - 1, 2, TRACT_AREA_EMPTY | TRACT_AREA_CUT, 0), -EADDRNOTAVAIL);
	land_expect_same(before, at - PAGE, 3);
	free(before);
	EXPECT_EQ(reserve_at(at + PAGE, 1, TRACT_AREA_EMPTY, 0), 0);
	EXPECT_EQ(reserve_at(at - 1, 1, TRACT_AREA_EMPTY, 0), 0);
	EXPECT_EQ(tract_map_release(OWN, at - 1), 0);
	land_clear(at, 2);
}

TEST(what_is_attached_where_an_area_comes_is_cut)
{
	struct tract_region *region = land_region(6, 'a');
	char *at = attached(.region = region, .tag = 1);
	struct tract_span span;

	attached_at(at + 6 * PAGE, .size = 2 * PAGE, .flags = TRACT_ATTACH_ANONYMOUS);
	/* All pages that the bytes touch; those wholly inside are held. */
	EXPECT_EQ(reserve_at(at + 2 * PAGE - 1, 2 * PAGE + 2, TRACT_AREA_CUT, 0), 0);
	EXPECT_STR(land_bytes(at, 8), "a!!!!f00");
	EXPECT(land_is_free(at + PAGE, 1));
	EXPECT(!land_is_free(at + 2 * PAGE, 1));
	EXPECT(!land_is_free(at + 3 * PAGE, 1));
	EXPECT(land_is_free(at + 4 * PAGE, 1));
	EXPECT_EQ(tract_find(at + 5 * PAGE, &span), 0);
	EXPECT_EQ(span.offset, 5 * PAGE);
	EXPECT_EQ(reserve_at(at + 5 * PAGE + 1, 2 * PAGE, TRACT_AREA_CUT | TRACT_AREA_BLOCK, 0),
		  0);
	EXPECT_STR(land_bytes(at, 8), "a!!!!!!!");
	land_clear(at, 8);
	EXPECT(land_is_free(at, 8));
	tract_region_close(region);
}

/* Nor is anything cut out for an area that comes to nothing. */
TEST(what_would_have_been_cut_stays_where_the_area_cannot_be_made)
{
	struct tract_region *region = land_region(3, 'a');
	char *at = attached(.region = region), *before = land_text(at, 5);

	for (unsigned n = 0;; n++) {
		fault_arm_nth(n);
		if (reserve_at(at + 2 * PAGE, 3 * PAGE, TRACT_AREA_CUT, 0) == 0)
			break;
		EXPECT(fault_nth_visited());
		land_expect_same(before, at, 5);
	}
	(void)fault_arm(NULL);
	free(before);
	EXPECT_STR(land_bytes(at, 5), "ab!!!");
	land_clear(at, 5);
	tract_region_close(region);
}

TEST(nothing_is_cut_where_an_export_stands)
{
	struct tract *ctx = node_open();
	struct tract_region *region = land_region(3, 'a');
	char *at = attached(.region = region), *next = attached(.region = region), *before;
	struct tract_export *export;

	EXPECT(next == at + 3 * PAGE);
	EXPECT_EQ(tract_export_create(ctx, next, PAGE, 0, &export), 0);
	before = land_text(at, 6);
	EXPECT_EQ(reserve_at(next + 2 * PAGE, 1, TRACT_AREA_CUT, 0), -EBUSY);
	/* Nor what lies before it. */
	EXPECT_EQ(reserve_at(at + PAGE, 4 * PAGE, TRACT_AREA_CUT, 0), -EBUSY);
	land_expect_same(before, at, 6);
	free(before);
	EXPECT_EQ(reserve_at(at + PAGE, 2 * PAGE, TRACT_AREA_CUT, 0), 0);
	/* An area by itself is in nobody's way. */
	EXPECT_EQ(reserve_at(next, 3 * PAGE, 0, 0), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	land_clear(at, 6);
	tract_region_close(region);
	tract_close(ctx);
}

/* The kernel refuses, and shows nobody who would be the reason. */
TEST(who_was_in_the_way_of_an_area_and_has_gone_takes_nothing_from_it)
{
	char *lowest = room(4);
	void *there = NULL;

	EXPECT_EQ(fault_arm("ground.take=e17"), 0);
	EXPECT_EQ(tract_map_reserve(OWN, &there, 4 * PAGE, 0, 12, 0), 0);
	EXPECT(there == lowest);
	EXPECT_EQ(tract_map_release(OWN, there), 0);
	EXPECT_EQ(fault_arm("ground.take=e17"), 0);
	EXPECT_EQ(reserve_at(lowest, 4 * PAGE, 0, 0), 0);
	for (unsigned i = 0; i < 4; i++)
		EXPECT(!land_is_free(lowest + i * PAGE, 1));
	EXPECT_EQ(fault_arm(NULL), 0);
	EXPECT_EQ(tract_map_release(OWN, lowest), 0);
	EXPECT(land_is_free(lowest, 4));
}

TEST(an_area_that_cannot_be_made_changes_nothing)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region), *before = land_text(at, 5);
	void *there;

	for (unsigned n = 0;; n++) {
		fault_arm_nth(n);
		if (reserve_at(at, 4 * PAGE, 0, 0) == 0)
			break;
		EXPECT(fault_nth_visited());
		land_expect_same(before, at, 5);
	}
	(void)fault_arm(NULL);
	EXPECT_EQ(tract_map_release(OWN, at), 0);
	for (unsigned n = 0;; n++) {
		there = at + 2 * PAGE;
		fault_arm_nth(n);
		if (tract_map_reserve(OWN, &there, 2 * PAGE, 0, 0, 0) == 0)
			break;
		EXPECT(fault_nth_visited());
		land_expect_same(before, at, 5);
	}
	(void)fault_arm(NULL);
	free(before);
	EXPECT(there == at + 2 * PAGE);
	land_clear(at, 5);
	EXPECT(land_is_free(at, 5));
	tract_region_close(region);
}

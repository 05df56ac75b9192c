/* SPDX-License-Identifier: MIT */
/*
 * test_map_detach.c - what is cut out of what is attached, and what remains
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fault.h"
#include "kin.h"
#include "land.h"

#define OWN tract_map_own()
#define EXACT TRACT_DETACH_EXACT
#define WHOLE TRACT_DETACH_WHOLE

static struct tract_detached detached(const void *at, size_t size, uint32_t mode)
{
	struct tract_detached done;

	memset(&done, 0x55, sizeof(done));
	EXPECT_EQ(tract_map_detach(OWN, at, size, mode, &done), 0);
	land_check();
	return done;
}

static void expect_detached(struct tract_detached done, enum tract_detach_result result,
			    const void *start, size_t pages)
{
	EXPECT_EQ(done.result, result);
	EXPECT(done.start == start);
	EXPECT_EQ(done.size, pages * PAGE);
}

/* ---- what is refused -------------------------------------------------------------------- */

TEST(detaching_what_makes_no_sense_is_refused)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region);
	struct tract_detached done = { .size = 77 };

	EXPECT_EQ(tract_map_detach(NULL, at, PAGE, EXACT, &done), -EINVAL);
	EXPECT_EQ(tract_map_detach(OWN, at, 0, EXACT, &done), -EINVAL);
	EXPECT_EQ(tract_map_detach(OWN, at, SIZE_MAX, EXACT, &done), -EINVAL);
	EXPECT_EQ(tract_map_detach(OWN, at, PAGE, 0, &done), -EINVAL);
	EXPECT_EQ(tract_map_detach(OWN, at, PAGE, EXACT | WHOLE, &done), -EINVAL);
	EXPECT_EQ(tract_map_detach(OWN, at, PAGE, TRACT_DETACH_KEEP, &done), -EINVAL);
	EXPECT_EQ(tract_map_detach(OWN, at, PAGE, EXACT | 8, &done), -EINVAL);
	EXPECT_EQ(tract_map_detach(OWN, at - PAGE, PAGE, EXACT, &done), -ENOENT);
	EXPECT_EQ(tract_map_detach(OWN, at + 2 * PAGE, PAGE, WHOLE, &done), -ENOENT);
	EXPECT_EQ(tract_map_detach(OWN, NULL, 1, WHOLE, &done), -ENOENT);
	EXPECT_EQ(done.size, 77);
	EXPECT_EQ(tract_detach(at + PAGE), -ENOENT);
	EXPECT_EQ(tract_detach(NULL), -ENOENT);
	EXPECT_STR(land_bytes(at, 2), "ab");
	land_clear(at, 2);
	tract_region_close(region);
}

TEST(what_is_exported_is_not_detached)
{
	struct tract *ctx = node_open();
	struct tract_region *region = land_region(4, 'a');
	char *at = attached(.region = region), *before;
	char *adopted = pages_private(2);
	struct tract_export *export, *other;

	EXPECT_EQ(tract_export_create(ctx, at + PAGE, PAGE, 0, &export), 0);
	EXPECT_EQ(tract_export_create(ctx, adopted, 2 * PAGE, 0, &other), 0);
	before = land_text(at, 4);
	/* Nor is a part that the export does not need: it stands on the whole. */
	EXPECT_EQ(tract_map_detach(OWN, at, 4 * PAGE, EXACT, NULL), -EBUSY);
	EXPECT_EQ(tract_map_detach(OWN, at + 3 * PAGE, PAGE, EXACT, NULL), -EBUSY);
	EXPECT_EQ(tract_map_detach(OWN, at + PAGE, PAGE, EXACT, NULL), -EBUSY);
	EXPECT_EQ(tract_map_detach(OWN, at, PAGE, WHOLE, NULL), -EBUSY);
	EXPECT_EQ(tract_detach(at), -EBUSY);
	EXPECT_EQ(tract_map_detach(OWN, adopted, PAGE, WHOLE, NULL), -EBUSY);
	EXPECT_EQ(tract_map_detach(OWN, adopted, PAGE, EXACT, NULL), -EBUSY);
	EXPECT_EQ(tract_detach(adopted), -ENOENT);
	land_expect_same(before, at, 4);
	free(before);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_map_detach(OWN, at + PAGE, PAGE, EXACT, NULL), 0);
	EXPECT_EQ(tract_export_destroy(other), 0);
	EXPECT_EQ(tract_map_detach(OWN, adopted, PAGE, EXACT, NULL), -ENOENT);
	land_clear(at, 4);
	pages_free(adopted, 2);
	tract_region_close(region);
	tract_close(ctx);
}

static void import_it(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_import *import =
		import_up(ctx, (uint32_t)kin_hear(parent), TRACT_RIGHT_READ_WRITE);
	char *at = import_map(import, TRACT_RIGHT_READ_WRITE);
	void *there = at;

	(void)arg;
	EXPECT_EQ(tract_map_detach(OWN, at, PAGE, WHOLE, NULL), -EBUSY);
	EXPECT_EQ(tract_detach(at), -ENOENT);
	EXPECT_EQ(attach(&there, .size = PAGE,
			 .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE |
				  TRACT_ATTACH_ANONYMOUS),
		  -EBUSY);
	EXPECT_EQ(tract_map_reserve(OWN, &there, PAGE, TRACT_AREA_FIXED | TRACT_AREA_CUT, 0, 0),
		  -EBUSY);
	EXPECT_STR(land_bytes(at, 2), "ab");
	land_check();
	import_down(import);
	EXPECT_EQ(tract_map_detach(OWN, at, PAGE, WHOLE, NULL), -ENOENT);
	tract_close(ctx);
}

TEST(the_window_of_an_import_is_not_detached)
{
	struct tract_region *region = land_region(2, 'a');
	struct tract_export *export;
	struct tract *ctx;
	struct kin kin;
	uint32_t id;
	char *at;

	kin_start(&kin, import_it, NULL);
	ctx = node_open();
	at = attached(.region = region);
	export = export_up(ctx, at, 2 * PAGE, 0, &id);
	kin_tell(&kin, id);
	kin_finish(&kin);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	tract_close(ctx);
}

TEST(a_detach_that_fails_changes_nothing)
{
	struct tract_region *region = land_region(5, 'a');
	char *at = attached(.region = region, .tag = 1), *before = land_text(at, 5);

	for (unsigned n = 0;; n++) {
		fault_arm_nth(n);
		if (tract_map_detach(OWN, at + PAGE, 2 * PAGE, EXACT, NULL) == 0)
			break;
		EXPECT(fault_nth_visited());
		land_expect_same(before, at, 5);
	}
	(void)fault_arm(NULL);
	free(before);
	EXPECT_STR(land_bytes(at, 5), "a!!de");
	land_clear(at, 5);
	tract_region_close(region);
}

/* ---- what becomes of it ----------------------------------------------------------------- */

TEST(all_of_it_is_gone)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region, .tag = 42);
	struct tract_detached done = detached(at - PAGE, 9 * PAGE, EXACT);

	expect_detached(done, TRACT_DETACHED, at, 2);
	EXPECT(!done.again);
	EXPECT(done.has_tag);
	EXPECT_EQ(done.tag, 42);
	EXPECT(land_is_free(at, 2));
	EXPECT_EQ(tract_map_detach(OWN, at, PAGE, EXACT, NULL), -ENOENT);
	tract_region_close(region);
}

TEST(an_end_of_it_is_gone)
{
	struct tract_region *region = land_region(6, 'a');
	char *at = attached(.region = region, .offset = 5, .tag = 42), *before;
	struct tract_span span;

	expect_detached(detached(at - PAGE, 2 * PAGE + 1, EXACT), TRACT_SHORTENED, at, 2);
	EXPECT_STR(land_bytes(at, 6), "!!cdef");
	EXPECT_EQ(tract_find(at + 2 * PAGE, &span), 0);
	EXPECT(span.start == at + 2 * PAGE);
	EXPECT_EQ(span.offset, 5 + 2 * PAGE);
	expect_detached(detached(at + 5 * PAGE, 1, EXACT), TRACT_SHORTENED, at + 5 * PAGE, 1);
	EXPECT_STR(land_bytes(at, 6), "!!cde!");
	EXPECT_EQ(tract_find(at + 2 * PAGE, &span), 0);
	EXPECT_EQ(span.size, 3 * PAGE);
	EXPECT_EQ(span.tag, 42);
	EXPECT(land_is_free(at, 2));
	EXPECT(land_is_free(at + 5 * PAGE, 1));
	before = land_text(at, 6);
	EXPECT_EQ(detach(at, 2, EXACT), -ENOENT);
	land_expect_same(before, at, 6);
	free(before);
	land_clear(at, 6);
	tract_region_close(region);
}

TEST(the_middle_of_it_is_gone_and_two_remain)
{
	struct tract_region *region = land_region(6, 'a');
	char *at = attached(.region = region, .tag = 42, .name = "twin", .name_offset = 1);
	struct tract_detached done = detached(at + 2 * PAGE, 2 * PAGE, EXACT);
	char name[TRACT_ATTACH_NAME_MAX + 1];
	struct tract_span span;
	uint64_t offset;

	expect_detached(done, TRACT_SPLIT, at + 2 * PAGE, 2);
	EXPECT(!done.again);
	EXPECT(done.has_tag);
	EXPECT_EQ(done.tag, 42);
	EXPECT_STR(land_bytes(at, 6), "ab!!ef");
	EXPECT_EQ(tract_find(at + 4 * PAGE, &span), 0);
	EXPECT(span.start == at + 4 * PAGE);
	EXPECT_EQ(span.offset, 4 * PAGE);
	EXPECT_EQ(span.tag, 42);
	EXPECT_EQ(tract_map_name(OWN, at + 5 * PAGE, name, &offset), 0);
	EXPECT_STR(name, "twin");
	EXPECT_EQ(offset, 1 + 4 * PAGE);
	/* Each of them is one of its own. */
	tract_region_close(region);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_STR(land_bytes(at, 6), "!!!!ef");
	EXPECT_EQ(tract_detach(at + 4 * PAGE), 0);
	EXPECT(land_is_free(at, 6));
}

TEST(the_whole_is_gone_wherever_it_is_touched)
{
	struct tract_region *region = land_region(4, 'a');
	char *at = attached(.region = region, .tag = 42);

	expect_detached(detached(at + 2 * PAGE, 1, WHOLE), TRACT_DETACHED, at, 4);
	EXPECT(land_is_free(at, 4));
	tract_region_close(region);
}

TEST(the_lowest_goes_first_and_the_caller_is_told_of_more)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region, .tag = 1);
	struct tract_detached done;

	attached_at(at + 3 * PAGE, .region = region, .tag = 2);
	attached_at(at + 5 * PAGE, .size = PAGE, .flags = TRACT_ATTACH_BLOCK, .tag = 3);
	done = detached(at + PAGE, 5 * PAGE, EXACT);
	expect_detached(done, TRACT_SHORTENED, at + PAGE, 1);
	EXPECT(done.again);
	done = detached(at + PAGE, 5 * PAGE, EXACT);
	expect_detached(done, TRACT_DETACHED, at + 3 * PAGE, 2);
	EXPECT(done.again);
	EXPECT_EQ(done.tag, 2);
	done = detached(at + PAGE, 5 * PAGE, EXACT);
	expect_detached(done, TRACT_DETACHED, at + 5 * PAGE, 1);
	EXPECT(!done.again);
	/* Nothing is behind what is blocked. */
	EXPECT(!done.has_tag);
	EXPECT_EQ(tract_map_detach(OWN, at + PAGE, 5 * PAGE, EXACT, &done), -ENOENT);
	land_clear(at, 1);
	tract_region_close(region);
}

/* ---- clearing --------------------------------------------------------------------------- */

TEST(what_is_to_be_cleared_reads_as_zero_elsewhere)
{
	struct tract_region *region = land_region(6, 'a');
	char *seen = attached(.region = region);
	char *at = attached(.region = region, .offset = PAGE, .size = 4 * PAGE,
			    .flags = TRACT_ATTACH_CLEAR);

	EXPECT_EQ(detach(at + PAGE, 1, EXACT), 0);
	EXPECT_STR(land_bytes(seen, 6), "ab0def");
	EXPECT_EQ(detach(at, 1, EXACT | TRACT_DETACH_KEEP), 0);
	EXPECT_STR(land_bytes(seen, 6), "ab0def");
	EXPECT_EQ(detach(at + 3 * PAGE, 1, WHOLE), 0);
	EXPECT_STR(land_bytes(seen, 6), "ab000f");
	/* What takes its place clears it, too. */
	at = attached(.region = region, .offset = 5 * PAGE, .size = 3 * PAGE,
		      .flags = TRACT_ATTACH_CLEAR);
	EXPECT_EQ(
		attach((void *[]){ at }, .size = PAGE,
		       .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE | TRACT_ATTACH_BLOCK),
		0);
	EXPECT_STR(land_bytes(seen, 6), "ab0000");
	/* The rest of it lies behind the region's end. */
	EXPECT_EQ(tract_map_detach(OWN, at + PAGE, PAGE, WHOLE, NULL), 0);
	EXPECT_STR(land_bytes(seen, 6), "ab0000");
	land_clear(at, 1);
	EXPECT_EQ(tract_detach(seen), 0);
	tract_region_close(region);
}

/* Clearing is a change, for which reading is not enough; detaching works all the same. */
TEST(a_reader_clears_nothing)
{
	const struct tract_region_spec spec = { .size = PAGE, .rights = TRACT_RIGHT_READ };
	struct tract_region *region;
	char *at;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	/* A page that was only looked at is one that the object has. */
	at = attached(.region = region, .rights = TRACT_RIGHT_READ,
		      .flags = TRACT_ATTACH_EAGER | TRACT_ATTACH_CLEAR);
	EXPECT(object_bytes(at) > 0);
	EXPECT_EQ(tract_detach(at), 0);
	at = attached(.region = region, .rights = TRACT_RIGHT_READ);
	EXPECT(object_bytes(at) > 0);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
}

/* ---- whose the addresses are then ------------------------------------------------------- */

TEST(addresses_inside_an_area_stay_set_aside)
{
	struct tract_region *region = land_region(4, 'a');
	char *area = land_area(6, 0), *at;

	at = attached_at(area + PAGE, .region = region, .flags = TRACT_ATTACH_IN_AREA);
	EXPECT_EQ(detach(at + PAGE, 1, EXACT), 0);
	for (unsigned i = 0; i < 6; i++)
		EXPECT(!land_is_free(area + i * PAGE, 1));
	EXPECT_STR(land_bytes(area, 6), "!a!cd!");
	EXPECT_EQ(tract_map_release(OWN, area), 0);
	EXPECT(land_is_free(area, 1));
	EXPECT(land_is_free(area + 2 * PAGE, 1));
	EXPECT(land_is_free(area + 5 * PAGE, 1));
	EXPECT_STR(land_bytes(area, 6), "!a!cd!");
	land_clear(area, 6);
	EXPECT(land_is_free(area, 6));
	tract_region_close(region);
}

/* Half in, half out. */
TEST(only_what_is_inside_an_area_stays_set_aside)
{
	struct tract_region *region = land_region(4, 'a');
	char *at = attached(.region = region);
	void *area = at + 2 * PAGE;

	EXPECT_EQ(tract_map_reserve(OWN, &area, 4 * PAGE, TRACT_AREA_FIXED, 0, 0), 0);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT(land_is_free(at, 2));
	EXPECT(!land_is_free(at + 2 * PAGE, 1));
	EXPECT(!land_is_free(at + 5 * PAGE, 1));
	EXPECT_EQ(tract_map_release(OWN, at + 3 * PAGE), 0);
	EXPECT(land_is_free(at, 6));
	tract_region_close(region);
	land_check();
}

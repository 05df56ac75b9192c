/* SPDX-License-Identifier: MIT */
/*
 * test_map_pages.c - pages that are brought in, and pages that are shown over others
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fault.h"
#include "kin.h"
#include "land.h"

#define OWN tract_map_own()
#define BOTH TRACT_RIGHT_READ_WRITE

static int populate(void *at, size_t size, uint32_t rights)
{
	return tract_map_populate(OWN, at, size, rights);
}

static int show(struct tract_region *region, void *at, size_t pages, uint64_t page,
		uint32_t rights)
{
	int r = tract_map_show(OWN, region, at, pages * PAGE, page * PAGE, rights);

	land_check();
	return r;
}

static int hide(void *at, size_t pages)
{
	int r = tract_map_hide(OWN, at, pages * PAGE, BOTH);

	land_check();
	return r;
}

static unsigned resident(void *at, size_t pages)
{
	unsigned char there[16];
	unsigned count = 0;

	EXPECT_EQ(mincore(at, pages * PAGE, there), 0);
	for (size_t i = 0; i < pages; i++)
		count += there[i] & 1;
	return count;
}

/* ---- bringing in ------------------------------------------------------------------------ */

TEST(pages_are_brought_in_before_they_are_touched)
{
	const struct tract_region_spec spec = { .size = 4 * PAGE };
	struct tract_region *region;
	char *at;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	at = attached(.region = region);
	attached_at(at + 4 * PAGE, .size = 2 * PAGE, .flags = TRACT_ATTACH_ANONYMOUS);
	EXPECT_EQ(populate(at + PAGE - 1, 2, TRACT_RIGHT_READ), 0);
	EXPECT_EQ(resident(at, 4), 2);
	/* Across two attachments; any bytes mean their pages. */
	EXPECT_EQ(populate(at + 3 * PAGE + 5, 2 * PAGE, BOTH), 0);
	EXPECT_EQ(resident(at, 6), 5);
	land_clear(at, 6);
	tract_region_close(region);
}

TEST(what_cannot_be_brought_in_is_said_to_be_so)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region, .size = 3 * PAGE);

	EXPECT_EQ(tract_map_populate(NULL, at, PAGE, BOTH), -EINVAL);
	EXPECT_EQ(populate(at, SIZE_MAX, BOTH), -EINVAL);
	EXPECT_EQ(populate(at, PAGE, 1), -EINVAL);
	EXPECT_EQ(populate(at, PAGE, 8 | BOTH), -EINVAL);
	EXPECT_EQ(populate(at, PAGE, 0), -EINVAL);
	EXPECT_EQ(populate(at, PAGE, TRACT_RIGHT_WRITE), -EINVAL);
	EXPECT_EQ(populate(at - 1, 2, BOTH), -ENOENT);
	EXPECT_EQ(populate(at, 3 * PAGE, BOTH), -ERANGE);
	EXPECT_EQ(populate(at + PAGE, PAGE + 1, BOTH), -ERANGE);
	EXPECT_EQ(populate(at, 2 * PAGE, BOTH), 0);
	EXPECT_EQ(populate(at, 0, BOTH), 0);
	attached_at(at + 3 * PAGE, .region = region, .size = PAGE, .rights = TRACT_RIGHT_READ);
	EXPECT_EQ(populate(at + 3 * PAGE, PAGE, BOTH), -EACCES);
	EXPECT_EQ(populate(at + 3 * PAGE, PAGE, TRACT_RIGHT_READ), 0);
	EXPECT_EQ(populate(at + 3 * PAGE, 2 * PAGE, TRACT_RIGHT_READ), -ENOENT);
	/* Whatever rights came with it. */
	attached_at(at + 4 * PAGE, .size = PAGE, .flags = TRACT_ATTACH_BLOCK);
	EXPECT_EQ(populate(at + 3 * PAGE, 2 * PAGE, TRACT_RIGHT_READ), -ENODEV);
	land_clear(at, 5);
	tract_region_close(region);
}

TEST(what_is_shown_is_brought_in_by_its_own_rights)
{
	struct tract_region *region = land_region(2, 'a'), *other = land_region(1, 'A');
	char *at = attached(.region = region);

	EXPECT_EQ(show(other, at, 1, 0, TRACT_RIGHT_READ), 0);
	EXPECT_EQ(populate(at, 2 * PAGE, TRACT_RIGHT_READ), 0);
	EXPECT_EQ(populate(at, 2 * PAGE, BOTH), -EACCES);
	EXPECT_EQ(tract_region_destroy(other), 0);
	EXPECT_EQ(populate(at, 2 * PAGE, TRACT_RIGHT_READ), -EACCES);
	land_clear(at, 2);
	tract_region_close(region);
	tract_region_close(other);
}

/* ---- showing ---------------------------------------------------------------------------- */

TEST(what_cannot_be_shown_is_said_to_be_so)
{
	const struct tract_region_spec spec = { .size = PAGE, .rights = TRACT_RIGHT_READ };
	struct tract_region *region = land_region(2, 'a'), *reader;
	char *at = attached(.region = region), *before = land_text(at, 2);
	char *own = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(tract_region_create_local(&spec, &reader), 0);
	EXPECT_EQ(tract_map_show(NULL, region, at, PAGE, 0, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_show(OWN, NULL, at, PAGE, 0, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_show(OWN, region, NULL, PAGE, 0, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_show(OWN, region, at, 0, 0, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_show(OWN, region, at + 1, PAGE, 0, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_show(OWN, region, at, PAGE + 1, 0, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_show(OWN, region, at, PAGE, 1, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_show(OWN, region, at, PAGE, 0, 0), -EINVAL);
	EXPECT_EQ(tract_map_show(OWN, region, at, PAGE, 0, TRACT_RIGHT_WRITE), -EINVAL);
	EXPECT_EQ(tract_map_show(OWN, region, at, (size_t)0 - PAGE, 0, BOTH), -EINVAL);
	EXPECT_EQ(show(region, at, 3, 0, BOTH), -ERANGE);
	EXPECT_EQ(show(region, at, 1, 2, BOTH), -ERANGE);
	EXPECT_EQ(tract_map_show(OWN, region, at, PAGE, (uint64_t)0 - PAGE, BOTH), -ERANGE);
	EXPECT_EQ(show(reader, at, 1, 0, BOTH), -EACCES);
	EXPECT_EQ(show(region, own, 1, 0, BOTH), -EEXIST);
	EXPECT_EQ(tract_map_hide(NULL, at, PAGE, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_hide(OWN, at, 0, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_hide(OWN, at + 1, PAGE, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_hide(OWN, at, 1, BOTH), -EINVAL);
	EXPECT_EQ(tract_map_hide(OWN, at, (size_t)0 - PAGE, BOTH), -EINVAL);
	land_expect_same(before, at, 2);
	free(before);
	/* Nothing is shown anywhere: nothing is hidden. */
	EXPECT_EQ(hide(at, 2), 0);
	EXPECT_EQ(hide(own, 1), 0);
	EXPECT_STR(land_bytes(at, 2), "ab");
	EXPECT_EQ(munmap(own, PAGE), 0);
	land_clear(at, 2);
	tract_region_close(region);
	tract_region_close(reader);
}

TEST(nothing_is_shown_over_exports)
{
	struct tract *ctx = node_open();
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region), *adopted = pages_private(1);
	struct tract_export *export, *other;

	EXPECT_EQ(tract_export_create(ctx, at, PAGE, 0, &export), 0);
	EXPECT_EQ(tract_export_create(ctx, adopted, PAGE, 0, &other), 0);
	EXPECT_EQ(show(region, at + PAGE, 1, 0, BOTH), -EBUSY);
	EXPECT_EQ(show(region, adopted, 1, 0, BOTH), -EBUSY);
	EXPECT_EQ(tract_export_destroy(other), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(show(region, at + PAGE, 1, 0, BOTH), 0);
	EXPECT_STR(land_bytes(at, 2), "aa");
	/* Nor is what others are shown over exported. */
	EXPECT_EQ(tract_export_create(ctx, at, 2 * PAGE, 0, &export), -EFAULT);
	EXPECT_EQ(tract_export_create(ctx, at, PAGE, 0, &export), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	land_clear(at, 2);
	tract_region_close(region);
	pages_free(adopted, 1);
	tract_close(ctx);
}

TEST(shown_pages_cover_an_attachment_until_they_are_hidden)
{
	struct tract_region *region = land_region(5, 'a'), *over = land_region(5, 'A');
	char *at = attached(.region = region, .tag = 3);
	struct tract_span span;

	EXPECT_EQ(show(over, at + PAGE, 3, 1, BOTH), 0);
	EXPECT_STR(land_bytes(at, 5), "aBCDe");
	/* Who looks finds the attachment. */
	EXPECT_EQ(tract_map_find(OWN, at + 2 * PAGE, PAGE, &span), 0);
	EXPECT(span.start == at);
	EXPECT_EQ(span.size, 5 * PAGE);
	EXPECT_EQ(span.tag, 3);
	/* A store reaches what is shown. */
	at[2 * PAGE] = 'X';
	EXPECT_EQ(hide(at + 2 * PAGE, 1), 0);
	EXPECT_STR(land_bytes(at, 5), "aBcDe");
	EXPECT_EQ(show(over, at + 2 * PAGE, 1, 2, TRACT_RIGHT_READ), 0);
	EXPECT_STR(land_bytes(at, 5), "aBXDe");
	EXPECT_EQ(land_store(at + 2 * PAGE), SIGSEGV);
	EXPECT_EQ(land_store(at + PAGE), 0);
	/* Over what is shown, partly. */
	EXPECT_EQ(show(over, at, 2, 3, BOTH), 0);
	EXPECT_STR(land_bytes(at, 5), "DEXDe");
	EXPECT_EQ(hide(at, 5), 0);
	EXPECT_STR(land_bytes(at, 5), "abcde");
	EXPECT_EQ(hide(at, 5), 0);
	land_clear(at, 5);
	tract_region_close(region);
	tract_region_close(over);
}

TEST(shown_pages_can_lose_the_right_to_write_alone)
{
	struct tract_region *region = land_region(4, 'a'), *over = land_region(4, 'A');
	char *at = attached(.region = region), *before;

	EXPECT_EQ(tract_map_hide(OWN, at, PAGE, 0), -EINVAL);
	EXPECT_EQ(tract_map_hide(OWN, at, PAGE, 8), -EINVAL);
	EXPECT_EQ(show(over, at + PAGE, 3, 1, BOTH), 0);
	EXPECT_EQ(tract_map_hide(OWN, at, 3 * PAGE, TRACT_RIGHT_WRITE), 0);
	EXPECT_STR(land_bytes(at, 4), "aBCD");
	EXPECT_EQ(land_store(at), 0);
	EXPECT_EQ(land_store(at + PAGE), SIGSEGV);
	EXPECT_EQ(land_store(at + 2 * PAGE), SIGSEGV);
	EXPECT_EQ(land_store(at + 3 * PAGE), 0);
	land_check();
	before = land_text(at, 4);
	EXPECT_EQ(tract_map_hide(OWN, at, 3 * PAGE, TRACT_RIGHT_WRITE), 0);
	land_expect_same(before, at, 4);
	free(before);
	EXPECT_EQ(show(over, at + 2 * PAGE, 1, 2, BOTH), 0);
	EXPECT_EQ(land_store(at + 2 * PAGE), 0);
	EXPECT_EQ(hide(at, 4), 0);
	EXPECT_STR(land_bytes(at, 4), "abcd");
	EXPECT_EQ(land_store(at + PAGE), 0);
	land_clear(at, 4);
	tract_region_close(region);
	tract_region_close(over);
}

TEST(what_is_the_same_already_is_left_as_it_is)
{
	struct tract_region *region = land_region(3, 'a');
	char *at = attached(.region = region), *before = land_text(at, 3);

	EXPECT_EQ(show(region, at + PAGE, 2, 1, BOTH), 0);
	land_expect_same(before, at, 3);
	free(before);
	/* Nothing is shown there that could lose a right. */
	EXPECT_EQ(tract_map_hide(OWN, at, 3 * PAGE, TRACT_RIGHT_WRITE), 0);
	EXPECT_EQ(land_store(at + PAGE), 0);
	EXPECT_EQ(show(region, at, 1, 2, BOTH), 0);
	EXPECT_STR(land_bytes(at, 3), "cbc");
	EXPECT_EQ(show(region, at, 1, 2, BOTH), 0);
	EXPECT_STR(land_bytes(at, 3), "cbc");
	/* What is attached there is the same again. */
	EXPECT_EQ(show(region, at, 1, 0, BOTH), 0);
	EXPECT_STR(land_bytes(at, 3), "abc");
	EXPECT_EQ(hide(at, 3), 0);
	EXPECT_STR(land_bytes(at, 3), "abc");
	land_clear(at, 3);
	tract_region_close(region);
}

TEST(shown_pages_in_an_area_give_its_addresses_back)
{
	struct tract_region *region = land_region(3, 'a');
	char *area = land_area(5, 0);

	EXPECT_EQ(show(region, area + PAGE, 3, 0, BOTH), 0);
	EXPECT_STR(land_bytes(area, 5), "!abc!");
	EXPECT_EQ(hide(area + 2 * PAGE, 1), 0);
	EXPECT_STR(land_bytes(area, 5), "!a!c!");
	for (unsigned i = 0; i < 5; i++)
		EXPECT(!land_is_free(area + i * PAGE, 1));
	/* The region stays for as long as it is seen. */
	tract_region_close(region);
	EXPECT_STR(land_bytes(area, 5), "!a!c!");
	/* So do they, when the area goes. */
	EXPECT_EQ(tract_map_release(OWN, area), 0);
	EXPECT_STR(land_bytes(area, 5), "!a!c!");
	EXPECT(land_is_free(area, 1));
	EXPECT(land_is_free(area + 2 * PAGE, 1));
	EXPECT(!land_is_free(area + PAGE, 1));
	EXPECT_EQ(hide(area, 5), 0);
	EXPECT(land_is_free(area, 5));
}

TEST(shown_pages_go_where_something_is_attached_or_detached)
{
	struct tract_region *region = land_region(6, 'a'), *over = land_region(6, 'A');
	char *area = land_area(8, 0), *at = area + PAGE;
	void *there;

	EXPECT_EQ(show(over, at, 6, 0, BOTH), 0);
	there = at + 2 * PAGE;
	EXPECT_EQ(attach(&there, .region = region, .size = 2 * PAGE,
			 .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_IN_AREA),
		  0);
	EXPECT_STR(land_bytes(at, 6), "ABabEF");
	EXPECT_EQ(show(over, at + 2 * PAGE, 2, 4, BOTH), 0);
	EXPECT_STR(land_bytes(at, 6), "ABEFEF");
	/* With what they cover, and no others. */
	EXPECT_EQ(detach(at + 2 * PAGE, 1, TRACT_DETACH_EXACT), 0);
	EXPECT_STR(land_bytes(at, 6), "AB!FEF");
	EXPECT_EQ(hide(at + 3 * PAGE, 1), 0);
	EXPECT_STR(land_bytes(at, 6), "AB!bEF");
	EXPECT_EQ(detach(at + 3 * PAGE, 1, TRACT_DETACH_WHOLE), 0);
	EXPECT_STR(land_bytes(at, 6), "AB!!EF");
	EXPECT_EQ(hide(at, 6), 0);
	EXPECT_STR(land_bytes(at, 6), "!!!!!!");
	land_clear(area, 8);
	EXPECT(land_is_free(area, 8));
	tract_region_close(region);
	tract_region_close(over);
}

TEST(shown_pages_reach_over_the_end_of_an_attachment)
{
	struct tract_region *region = land_region(3, 'a'), *over = land_region(6, 'A');
	char *area = land_area(8, 0);

	attached_at(area + 2 * PAGE, .region = region, .flags = TRACT_ATTACH_IN_AREA);
	EXPECT_EQ(show(over, area + PAGE, 6, 0, BOTH), 0);
	EXPECT_STR(land_bytes(area, 8), "!ABCDEF!");
	EXPECT_EQ(hide(area + 2 * PAGE, 1), 0);
	EXPECT_STR(land_bytes(area, 8), "!AaCDEF!");
	EXPECT_EQ(detach(area + 2 * PAGE, 3, TRACT_DETACH_WHOLE), 0);
	EXPECT_STR(land_bytes(area, 8), "!A!!!EF!");
	attached_at(area + 2 * PAGE, .region = region, .flags = TRACT_ATTACH_IN_AREA);
	EXPECT_EQ(hide(area, 8), 0);
	EXPECT_STR(land_bytes(area, 8), "!!abc!!!");
	for (unsigned i = 0; i < 8; i++)
		EXPECT(!land_is_free(area + i * PAGE, 1));
	land_clear(area, 8);
	EXPECT(land_is_free(area, 8));
	tract_region_close(region);
	tract_region_close(over);
}

/* What shows through again is what was attached, not what its rights say. */
TEST(pages_across_the_end_of_an_area_give_back_what_is_outside)
{
	struct tract_region *region = land_region(2, 'a');
	char *area = land_area(3, 0), *at = area + 2 * PAGE;

	EXPECT_EQ(tract_map_show(OWN, region, at, 2 * PAGE, 0, BOTH), 0);
	EXPECT_STR(land_bytes(at, 2), "ab");
	EXPECT_EQ(tract_map_hide(OWN, at, 2 * PAGE, BOTH), 0);
	EXPECT_STR(land_bytes(at, 2), "!!");
	EXPECT(!land_is_free(at, 1));
	EXPECT(land_is_free(at + PAGE, 1));
	land_clear(area, 3);
	tract_region_close(region);
}

TEST(what_is_detached_across_the_end_of_an_area_gives_back_what_is_outside)
{
	struct tract_region *region = land_region(2, 'a'), *over = land_region(1, 'A');
	char *at = attached(.region = region);
	void *area = at;

	EXPECT_EQ(tract_map_reserve(OWN, &area, PAGE, TRACT_AREA_FIXED, 0, 0), 0);
	EXPECT_EQ(tract_map_show(OWN, over, at + PAGE, PAGE, 0, BOTH), 0);
	EXPECT_STR(land_bytes(at, 2), "aA");
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT(!land_is_free(at, 1));
	EXPECT(land_is_free(at + PAGE, 1));
	land_clear(at, 2);
	tract_region_close(region);
	tract_region_close(over);
}

TEST(what_was_hidden_before_hiding_failed_is_hidden)
{
	struct tract_region *region = land_region(1, 'a'), *over = land_region(2, 'A');
	char *area = land_area(2, 0);

	attached_at(area, .region = region, .flags = TRACT_ATTACH_IN_AREA);
	EXPECT_EQ(tract_map_show(OWN, over, area, 2 * PAGE, 0, BOTH), 0);
	EXPECT_EQ(fault_arm("ground.clear=e12"), 0);
	EXPECT_EQ(tract_map_hide(OWN, area, 2 * PAGE, BOTH), -ENOMEM);
	EXPECT_STR(land_bytes(area, 2), "aB");
	/* It is no page of this region's any more. */
	EXPECT_EQ(tract_region_destroy(over), 0);
	EXPECT_STR(land_bytes(area, 2), "a!");
	EXPECT_EQ(tract_map_hide(OWN, area, 2 * PAGE, BOTH), 0);
	land_clear(area, 2);
	tract_region_close(region);
	tract_region_close(over);
}

TEST(what_was_nowhere_else_is_lost_where_pages_cover_it)
{
	struct tract_region *region = land_region(2, 'a'), *over = land_region(1, 'A');
	char *own = attached(.size = 2 * PAGE, .flags = TRACT_ATTACH_ANONYMOUS);
	char *view = attached(.region = region, .flags = TRACT_ATTACH_PRIVATE);

	own[0] = own[PAGE] = 'x';
	view[0] = view[PAGE] = 'x';
	EXPECT_EQ(tract_map_show(OWN, over, own, PAGE, 0, BOTH), 0);
	EXPECT_EQ(tract_map_show(OWN, over, view, PAGE, 0, BOTH), 0);
	EXPECT_EQ(tract_map_hide(OWN, own, PAGE, BOTH), 0);
	EXPECT_EQ(tract_map_hide(OWN, view, PAGE, BOTH), 0);
	EXPECT_STR(land_bytes(own, 2), "0x");
	EXPECT_STR(land_bytes(view, 2), "ax");
	land_clear(own, 2);
	land_clear(view, 2);
	tract_region_close(region);
	tract_region_close(over);
}

TEST(what_is_blocked_is_blocked_again)
{
	struct tract_region *over = land_region(1, 'A');
	char *at = attached(.size = 3 * PAGE, .flags = TRACT_ATTACH_BLOCK);

	EXPECT_EQ(show(over, at + PAGE, 1, 0, BOTH), 0);
	EXPECT_STR(land_bytes(at, 3), "!A!");
	EXPECT_EQ(hide(at + PAGE, 1), 0);
	EXPECT_STR(land_bytes(at, 3), "!!!");
	land_clear(at, 3);
	tract_region_close(over);
}

TEST(an_area_that_is_blocked_can_be_shown_into)
{
	struct tract_region *region = land_region(1, 'a');
	char *area = land_area(2, TRACT_AREA_BLOCK);

	EXPECT_EQ(show(region, area, 1, 0, BOTH), 0);
	EXPECT_STR(land_bytes(area, 2), "a!");
	EXPECT_EQ(hide(area, 1), 0);
	EXPECT_STR(land_bytes(area, 2), "!!");
	land_clear(area, 2);
	tract_region_close(region);
}

TEST(a_page_that_cannot_be_shown_or_hidden_stays_as_it_was)
{
	struct tract_region *region = land_region(3, 'a'), *over = land_region(3, 'A');
	char *area = land_area(5, 0), *before;

	attached_at(area + PAGE, .region = region, .flags = TRACT_ATTACH_IN_AREA);
	EXPECT_EQ(show(over, area + 2 * PAGE, 3, 0, BOTH), 0);
	before = land_text(area, 5);
	for (unsigned n = 0;; n++) {
		fault_arm_nth(n);
		if (show(over, area + 3 * PAGE, 1, 2, BOTH) == 0)
			break;
		EXPECT(fault_nth_visited());
		land_expect_same(before, area, 5);
	}
	free(before);
	EXPECT_STR(land_bytes(area, 5), "!aACC");
	before = land_text(area, 5);
	for (unsigned n = 0;; n++) {
		fault_arm_nth(n);
		if (hide(area + 4 * PAGE, 1) == 0)
			break;
		EXPECT(fault_nth_visited());
		land_expect_same(before, area, 5);
	}
	(void)fault_arm(NULL);
	free(before);
	EXPECT_STR(land_bytes(area, 5), "!aAC!");
	EXPECT_EQ(hide(area, 5), 0);
	EXPECT_STR(land_bytes(area, 5), "!abc!");
	land_clear(area, 5);
	tract_region_close(region);
	tract_region_close(over);
}

/* Where nothing is set aside either: their addresses are held while they are shown. */
TEST(pages_can_be_shown_wherever_nobody_mapped_anything)
{
	struct tract_region *region = land_region(3, 'a');
	char *at = attached(.region = region, .size = PAGE), *before;

	EXPECT_EQ(show(region, at + 2 * PAGE, 2, 0, BOTH), 0);
	EXPECT_EQ(show(region, at, 2, 1, BOTH), 0);
	EXPECT_STR(land_bytes(at, 5), "bcab!");
	EXPECT(!land_is_free(at + 3 * PAGE, 1));
	EXPECT_EQ(hide(at + 2 * PAGE, 1), 0);
	EXPECT(land_is_free(at + 2 * PAGE, 1));
	EXPECT(mmap(at + 2 * PAGE, PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at + 2 * PAGE);
	before = land_text(at, 5);
	EXPECT_EQ(show(region, at, 3, 0, BOTH), -EEXIST);
	EXPECT_EQ(show(region, at + 2 * PAGE, 3, 0, BOTH), -EEXIST);
	land_expect_same(before, at, 5);
	free(before);
	EXPECT_EQ(munmap(at + 2 * PAGE, PAGE), 0);
	EXPECT_EQ(hide(at, 5), 0);
	EXPECT_STR(land_bytes(at, 5), "a!!!!");
	land_clear(at, 1);
	EXPECT(land_is_free(at, 5));
	tract_region_close(region);
}

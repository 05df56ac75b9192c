/* SPDX-License-Identifier: MIT */
/*
 * test_map_fork.c - what a child of fork has of a map, and what it does to its parent's
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kin.h"
#include "land.h"

#define OWN tract_map_own()
#define BOTH TRACT_RIGHT_READ_WRITE

struct family {
	struct tract_region *region;
	char *at, *area, *other;
};

/* The children of these tests begin with all that their parent had. */
static void live_on(struct kin *parent, void *arg)
{
	struct family *f = arg;
	struct tract_span span;
	char *again, *own;

	EXPECT_EQ(tract_find(f->at, &span), 0);
	EXPECT_EQ(span.tag, 1);
	EXPECT_STR(land_bytes(f->at, 3), "abc");
	EXPECT_EQ(tract_map_find(OWN, f->area, 1, &span), 0);
	EXPECT_EQ(span.kind, TRACT_SPAN_AREA);
	EXPECT(!land_is_free(f->area, 1));
	land_check();
	/* The region is the same one. */
	f->at[0] = 'c';
	again = attached(.region = f->region);
	EXPECT_STR(land_bytes(again, 3), "cbc");
	/* What it changes of the map is its own business. */
	land_clear(f->at, 3);
	land_clear(f->area, 3);
	own = attached_at(f->area, .size = PAGE, .flags = TRACT_ATTACH_ANONYMOUS);
	own[0] = 'o';
	EXPECT_EQ(tract_region_clear(f->region, PAGE, PAGE), 0);
	EXPECT_STR(land_bytes(again, 3), "c0c");
	tract_region_close(f->region);
	kin_tell(parent, 0);
	kin_linger(parent);
	EXPECT_STR(land_bytes(again, 3), "c0p");
	land_check();
}

TEST(a_child_goes_on_with_the_map_it_inherited)
{
	struct family f = { .region = land_region(3, 'a') };
	struct tract_span span;
	struct kin kin;

	f.at = attached(.region = f.region, .tag = 1);
	f.area = land_area(3, 0);
	kin_start(&kin, live_on, &f);
	(void)kin_hear(&kin);
	EXPECT_EQ(tract_find(f.at, &span), 0);
	EXPECT_EQ(span.size, 3 * PAGE);
	EXPECT_STR(land_bytes(f.at, 3), "c0c");
	EXPECT_EQ(tract_map_find(OWN, f.area, 1, &span), 0);
	EXPECT_EQ(span.kind, TRACT_SPAN_AREA);
	f.at[2 * PAGE] = 'p';
	kin_finish(&kin);
	land_clear(f.at, 3);
	land_clear(f.area, 3);
	tract_region_close(f.region);
}

/* ---- memory that is exported ------------------------------------------------------------ */

struct exporter {
	struct tract_region *region;
	char *adopted, *attached;
	struct tract_export *one, *other;
};

static void expect_a_copy(struct kin *parent, void *arg)
{
	struct exporter *e = arg;
	struct tract_span span;
	void *at = e->adopted;

	EXPECT_EQ(tract_find(e->adopted, &span), -ENOENT);
	EXPECT_STR(land_bytes(e->adopted, 2), "xy");
	e->adopted[0] = 'c';
	EXPECT_EQ(tract_find(e->attached, &span), 0);
	EXPECT_EQ(span.kind, TRACT_SPAN_REGION);
	land_check();
	/* It is the child's, whose own memory is nobody's to attach to. */
	EXPECT_EQ(attach(&at, .size = PAGE, .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_BLOCK),
		  -EADDRNOTAVAIL);
	/* The parent's export stands on it here, too, until the copy of its handle is gone. */
	EXPECT_EQ(tract_detach(e->attached), -EBUSY);
	EXPECT_EQ(tract_export_destroy(e->other), 0);
	EXPECT_EQ(tract_export_destroy(e->one), 0);
	EXPECT_EQ(tract_detach(e->attached), 0);
	EXPECT(land_is_free(e->attached, 2));
	EXPECT_EQ(munmap(e->adopted, 2 * PAGE), 0);
	tract_region_close(e->region);
	EXPECT_EQ(land_count(), 0);
	land_check();
	kin_tell(parent, 0);
	kin_linger(parent);
}

TEST(a_child_has_a_copy_of_what_was_adopted_and_shares_what_is_attached)
{
	struct exporter e = { .region = land_region(2, 'a'), .adopted = pages_private(2) };
	struct tract *ctx = node_open();
	struct kin kin;
	uint32_t id;

	memcpy(e.adopted, "x", 1);
	memcpy(e.adopted + PAGE, "y", 1);
	e.attached = attached(.region = e.region);
	e.one = export_up(ctx, e.adopted, 2 * PAGE, 0, &id);
	e.other = export_up(ctx, e.attached, PAGE, 0, &id);
	kin_start(&kin, expect_a_copy, &e);
	(void)kin_hear(&kin);
	EXPECT_STR(land_bytes(e.adopted, 2), "xy");
	EXPECT_STR(land_bytes(e.attached, 2), "ab");
	land_check();
	kin_finish(&kin);
	EXPECT_EQ(tract_export_destroy(e.one), 0);
	EXPECT_EQ(tract_export_destroy(e.other), 0);
	land_clear(e.attached, 2);
	pages_free(e.adopted, 2);
	tract_region_close(e.region);
	tract_close(ctx);
}

static void export_it_too(struct kin *parent, void *arg)
{
	struct exporter *e = arg;
	struct tract *ctx = node_open();
	char *at = attached(.region = e->region);
	uint32_t id;

	/* By a session of its own. */
	e->other = export_up(ctx, at, 2 * PAGE, 0, &id);
	kin_tell(parent, id);
	(void)kin_hear(parent);
	EXPECT_EQ(tract_export_destroy(e->other), 0);
	EXPECT_EQ(tract_detach(at), 0);
	tract_close(ctx);
}

TEST(a_child_can_export_what_it_shares_with_its_parent)
{
	struct exporter e = { .region = land_region(2, 'a') };
	struct tract_import *import;
	struct tract *ctx;
	struct kin kin;
	char *seen;

	e.attached = attached(.region = e.region);
	kin_start(&kin, export_it_too, &e);
	ctx = node_open();
	import = import_up(ctx, (uint32_t)kin_hear(&kin), BOTH);
	seen = import_map(import, BOTH);
	EXPECT_STR(land_bytes(seen, 2), "ab");
	e.attached[0] = 'x';
	EXPECT_STR(land_bytes(seen, 2), "xb");
	import_down(import);
	kin_tell(&kin, 0);
	kin_finish(&kin);
	land_clear(e.attached, 2);
	tract_region_close(e.region);
	tract_close(ctx);
}

/* ---- pages that are shown --------------------------------------------------------------- */

static void hide_them(struct kin *parent, void *arg)
{
	struct family *f = arg;

	(void)parent;
	EXPECT_STR(land_bytes(f->at, 3), "aBc");
	EXPECT_STR(land_bytes(f->area, 3), "A!!");
	EXPECT_EQ(tract_map_hide(OWN, f->at, 3 * PAGE, BOTH), 0);
	EXPECT_EQ(tract_map_hide(OWN, f->area, 3 * PAGE, BOTH), 0);
	EXPECT_STR(land_bytes(f->at, 3), "abc");
	EXPECT_STR(land_bytes(f->area, 3), "!!!");
	land_check();
}

TEST(a_child_sees_the_pages_that_were_shown)
{
	struct family f = { .region = land_region(3, 'a') };
	struct tract_region *over = land_region(3, 'A');
	struct kin kin;

	f.at = attached(.region = f.region);
	f.area = land_area(3, 0);
	EXPECT_EQ(tract_map_show(OWN, over, f.at + PAGE, PAGE, PAGE, BOTH), 0);
	EXPECT_EQ(tract_map_show(OWN, over, f.area, PAGE, 0, BOTH), 0);
	kin_start(&kin, hide_them, &f);
	kin_finish(&kin);
	EXPECT_STR(land_bytes(f.at, 3), "aBc");
	EXPECT_STR(land_bytes(f.area, 3), "A!!");
	land_clear(f.at, 3);
	EXPECT_EQ(tract_map_hide(OWN, f.area, PAGE, BOTH), 0);
	land_clear(f.area, 3);
	tract_region_close(f.region);
	tract_region_close(over);
}

/* ---- pagers ----------------------------------------------------------------------------- */

static int answer(void *context, const struct tract_fault *fault, struct tract_answer *answer)
{
	static char page[65536];

	if (context && fault->offset == PAGE) {
		answer->kind = TRACT_ANSWER_REGION;
		answer->region = tract_region_dup(context);
		answer->offset = 0;
		return 0;
	}
	memset(page, 'p', PAGE);
	answer->content = page;
	return 0;
}

/* Also the page of a region that was seen there, writable or not. */
static void expect_none(struct kin *parent, void *arg)
{
	struct family *f = arg;
	struct tract_span span;
	struct tract_pager *pager;

	(void)parent;
	EXPECT_EQ(tract_find(f->at, &span), -ENOENT);
	EXPECT_STR(land_bytes(f->at, 3), "!!!");
	EXPECT_EQ(land_store(f->at + PAGE), SIGSEGV);
	EXPECT_STR(land_bytes(f->other, 3), "!!!");
	EXPECT(!land_is_free(f->other, 3));
	EXPECT(land_is_free(f->at, 3));
	EXPECT_EQ(land_count(), 1);
	land_check();
	/* Its own pagers work. */
	EXPECT_EQ(tract_pager_create(answer, NULL, NULL, &pager), 0);
	attached_at(f->at, .pager = pager, .size = PAGE);
	EXPECT_STR(land_bytes(f->at, 1), "p");
	attached_at(f->other, .pager = pager, .size = PAGE, .flags = TRACT_ATTACH_IN_AREA);
	EXPECT_STR(land_bytes(f->other, 3), "p!!");
	tract_pager_close(pager);
	land_clear(f->at, 1);
	land_clear(f->other, 3);
}

/* A process keeps the descriptor that its pagers share. */
TEST_WITH(a_child_has_no_attachment_of_a_pager_nor_anything_it_showed, 20, true)
{
	struct family f = { .region = land_region(3, 'a') };
	struct tract_pager *pager;
	struct kin kin;

	EXPECT_EQ(tract_pager_create(answer, NULL, f.region, &pager), 0);
	f.at = attached(.pager = pager, .size = 3 * PAGE);
	/* One more in an area. */
	f.other = land_area(3, 0);
	attached_at(f.other, .pager = pager, .size = 3 * PAGE, .flags = TRACT_ATTACH_IN_AREA);
	EXPECT_STR(land_bytes(f.at, 2), "pa");
	EXPECT_STR(land_bytes(f.other, 2), "pa");
	EXPECT_EQ(tract_map_show(OWN, f.region, f.at + 2 * PAGE, PAGE, PAGE, BOTH), 0);
	EXPECT_STR(land_bytes(f.at, 3), "pab");
	kin_start(&kin, expect_none, &f);
	kin_finish(&kin);
	EXPECT_STR(land_bytes(f.at, 3), "pab");
	EXPECT_STR(land_bytes(f.other, 3), "pap");
	tract_pager_close(pager);
	land_clear(f.at, 3);
	land_clear(f.other, 3);
	tract_region_close(f.region);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_map_limit.c - a map with as many mappings as there may be
 *
 * As many as the kernel allows (vm.max_map_count).  What cannot be done then is refused with
 * nothing changed, and can be done once there is room.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "land.h"

#define OWN tract_map_own()
#define BOTH TRACT_RIGHT_READ_WRITE
#define EXACT TRACT_DETACH_EXACT
#define REPLACE (TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE)

static int answer(void *context, const struct tract_fault *fault, struct tract_answer *answer)
{
	(void)context;
	(void)fault;
	answer->kind = TRACT_ANSWER_ZERO;
	return 0;
}

static struct tract_pager *pager_up(void)
{
	struct tract_pager *pager;

	EXPECT_EQ(tract_pager_create(answer, NULL, NULL, &pager), 0);
	return pager;
}

/* Mappings of the program's, no two of them alike side by side. */
struct crowd {
	char *at;
	size_t pages;
};

static struct crowd crowd_up(void)
{
	FILE *file;
	struct crowd c = { 0 };
	unsigned long limit = 0;

	if (TEST_SANITIZED)
		SKIP("a sanitizer needs mappings of its own");
	file = fopen("/proc/sys/vm/max_map_count", "re");
	EXPECT(file != NULL);
	EXPECT_EQ(fscanf(file, "%lu", &limit), 1);
	(void)fclose(file);
	if (limit > 1000000)
		SKIP("vm.max_map_count is too large to be reached");
	c.pages = limit + 16;
	c.at = mmap(NULL, c.pages * PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	EXPECT(c.at != MAP_FAILED);
	for (size_t i = 1; i < c.pages; i += 2)
		if (mprotect(c.at + i * PAGE, PAGE, PROT_READ) < 0)
			break;
	EXPECT_EQ(errno, ENOMEM);
	/* One more may be had as a whole. */
	while (mmap(NULL, PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		continue;
	EXPECT_EQ(errno, ENOMEM);
	return c;
}

static void crowd_down(struct crowd *c)
{
	EXPECT_EQ(munmap(c->at, c->pages * PAGE), 0);
}

/* Everything on this stage needs mappings. */
struct stage {
	struct tract_region *region, *over;
	char *at;     /* attached, whole: abcdef */
	char *area;   /* with an attachment in its middle: !!ab!! */
	char *merged; /* two attachments that are one mapping for the kernel: abcd */
	char *shown;  /* abcd under a run of pages: aABd */
	struct tract_pager *pager;
};

static void stage_up(struct stage *s)
{
	*s = (struct stage){ .region = land_region(6, 'a'),
			     .over = land_region(2, 'A'),
			     .pager = pager_up() };
	s->at = attached(.region = s->region, .tag = 1);
	s->area = land_area(6, 0);
	attached_at(s->area + 2 * PAGE, .region = s->region, .size = 2 * PAGE,
		    .flags = TRACT_ATTACH_IN_AREA);
	s->merged = attached(.region = s->region, .size = 4 * PAGE, .tag = 2);
	EXPECT_EQ(detach(s->merged + 2 * PAGE, 2, EXACT), 0);
	attached_at(s->merged + 2 * PAGE, .region = s->region, .offset = 2 * PAGE,
		    .size = 2 * PAGE, .tag = 3);
	s->shown = attached(.region = s->region, .size = 4 * PAGE);
	EXPECT_EQ(tract_map_show(OWN, s->over, s->shown + PAGE, 2 * PAGE, 0, BOTH), 0);
}

static void stage_down(struct stage *s)
{
	land_clear(s->at, 6);
	land_clear(s->area, 6);
	land_clear(s->merged, 4);
	land_clear(s->shown, 4);
	tract_region_close(s->region);
	tract_region_close(s->over);
	tract_pager_close(s->pager);
}

static int cut_middle(struct stage *s)
{
	return detach(s->at + 2 * PAGE, 1, EXACT);
}

static int cut_front(struct stage *s)
{
	return detach(s->at, 1, EXACT);
}

static int replace_middle(struct stage *s)
{
	void *at = s->at + 2 * PAGE;

	return attach(&at, .region = s->over, .size = PAGE, .flags = REPLACE);
}

static int replace_with_anonymous(struct stage *s)
{
	void *at = s->at + 2 * PAGE;

	return attach(&at, .size = PAGE, .flags = REPLACE | TRACT_ATTACH_ANONYMOUS);
}

static int replace_with_pager(struct stage *s)
{
	void *at = s->at + 2 * PAGE;

	return attach(&at, .pager = s->pager, .size = PAGE, .flags = REPLACE);
}

static int attach_in_area(struct stage *s)
{
	void *at = s->area;

	return attach(&at, .region = s->over, .size = PAGE,
		      .flags = TRACT_ATTACH_FIXED | TRACT_ATTACH_IN_AREA);
}

static int attach_anywhere(struct stage *s)
{
	void *at = NULL;
	int r = attach(&at, .region = s->over);

	return r == 0 ? tract_detach(at) : r;
}

static int reserve_anywhere(struct stage *s)
{
	void *at = NULL;
	int r = tract_map_reserve(OWN, &at, 3 * PAGE, 0, 12, 0);

	(void)s;
	return r == 0 ? tract_map_release(OWN, at) : r;
}

static int reserve_and_cut(struct stage *s)
{
	void *at = s->at + 3 * PAGE;

	return tract_map_reserve(OWN, &at, PAGE, TRACT_AREA_FIXED | TRACT_AREA_CUT, 0, 0);
}

static int show_in_area(struct stage *s)
{
	return tract_map_show(OWN, s->over, s->area + 5 * PAGE, PAGE, 0, BOTH);
}

static int show_over(struct stage *s)
{
	return tract_map_show(OWN, s->over, s->at + 4 * PAGE, PAGE, 0, BOTH);
}

static int hide_part(struct stage *s)
{
	return tract_map_hide(OWN, s->shown + 2 * PAGE, PAGE, BOTH);
}

static int protect_part(struct stage *s)
{
	return tract_map_hide(OWN, s->shown + PAGE, PAGE, TRACT_RIGHT_WRITE);
}

static int (*const deeds[])(struct stage *s) = {
	cut_middle,	    replace_middle,  replace_with_anonymous,
	replace_with_pager, attach_in_area,  attach_anywhere,
	reserve_anywhere,   reserve_and_cut, show_in_area,
	show_over,	    hide_part,	     protect_part,
};

struct seen {
	char *text[4];
};

static struct seen look(const struct stage *s)
{
	return (struct seen){ { land_text(s->at, 6), land_text(s->area, 6),
				land_text(s->merged, 4), land_text(s->shown, 4) } };
}

static void expect_same(struct seen seen, const struct stage *s)
{
	land_expect_same(seen.text[0], s->at, 6);
	land_expect_same(seen.text[1], s->area, 6);
	land_expect_same(seen.text[2], s->merged, 4);
	land_expect_same(seen.text[3], s->shown, 4);
	for (unsigned i = 0; i < 4; i++)
		free(seen.text[i]);
}

/* Each of them is refused with nothing changed, and works when there is room again. */
TEST_WITH(what_needs_a_mapping_too_many_changes_nothing, 120, true)
{
	struct crowd crowd;
	struct stage s;

	for (unsigned i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
		struct seen seen;

		stage_up(&s);
		/* The first pager starts a thread, which needs mappings, too. */
		EXPECT_EQ(tract_detach(attached(.pager = s.pager, .size = PAGE)), 0);
		crowd = crowd_up();
		seen = look(&s);
		ck_assert_msg(deeds[i](&s) == -ENOMEM, "deed %u", i);
		expect_same(seen, &s);
		EXPECT_STR(land_bytes(s.at, 6), "abcdef");
		EXPECT_STR(land_bytes(s.shown, 4), "aABd");
		EXPECT_EQ(tract_map_populate(OWN, s.at, 6 * PAGE, BOTH), 0);
		crowd_down(&crowd);
		ck_assert_msg(deeds[i](&s) == 0, "deed %u, with room", i);
		land_check();
		stage_down(&s);
	}
}

/* What gives something up is not refused, nor what the kernel does in place. */
TEST_WITH(an_end_and_a_whole_can_be_detached_at_the_limit, 60, true)
{
	struct crowd crowd;
	struct stage s;

	stage_up(&s);
	crowd = crowd_up();
	EXPECT_EQ(cut_front(&s), 0);
	/* Half of what is one mapping for the kernel. */
	EXPECT_EQ(tract_detach(s.merged), 0);
	EXPECT_STR(land_bytes(s.merged, 4), "!!cd");
	EXPECT_EQ(tract_detach(s.shown), 0);
	/* Inside an area its addresses stay held, also now. */
	EXPECT_EQ(detach(s.area + 2 * PAGE, 2, TRACT_DETACH_WHOLE), 0);
	EXPECT_STR(land_bytes(s.area, 6), "!!!!!!");
	EXPECT_EQ(tract_map_release(OWN, s.area), 0);
	land_check();
	crowd_down(&crowd);
	stage_down(&s);
}

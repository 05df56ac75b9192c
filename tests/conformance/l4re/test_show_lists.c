/* SPDX-License-Identifier: MIT */
/*
 * test_show_lists.c - l4re_rm_show_lists() and the debug call
 */
#include "rig.h"

#include <l4/re/c/debug.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The line of @text that is about the range from @start to @end.  Ends with the text. */
static const char *line_of(const char *text, l4_addr_t start, l4_addr_t end)
{
	l4_addr_t from, to;

	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (sscanf(at, " [%lx-%lx]", &from, &to) == 2 && from == start && to == end)
			return at;
	}
	return NULL;
}

/* 5.7 */
TEST(the_dump_starts_with_the_limits)
{
	char *text = dump();
	l4_addr_t min = 0, max = 0;

	EXPECT_EQ(sscanf(text, "Region mapping: limits [%lx-%lx]", &min, &max), 2);
	EXPECT(min < max);
	EXPECT_EQ(min % PAGE, 0);
	EXPECT_EQ(max % PAGE, PAGE - 1);
	EXPECT(strstr(text, "\n Area map:\n") != NULL);
	EXPECT(strstr(text, "\n Region map:\n") != NULL);
	EXPECT(strstr(text, " Area map:") < strstr(text, " Region map:"));
	free(text);
}

/* 5.7 */
TEST(the_dump_has_a_line_for_each_area)
{
	l4_addr_t at = room(4);
	unsigned flags;
	const char *line;
	char *text;

	EXPECT_EQ(reserve_at(at + 5, 0x100, 0), 0);
	EXPECT_EQ(reserve_at(at + PAGE, PAGE, RESERVED), 0);
	text = dump();
	line = line_of(text, at + 5, at + 0x104);
	EXPECT(line != NULL);
	EXPECT_EQ(sscanf(line, " [%*x-%*x] -> flags=%x", &flags), 1);
	EXPECT_EQ(flags, 0);
	line = line_of(text, at + PAGE, at + 2 * PAGE - 1);
	EXPECT(line != NULL);
	EXPECT_EQ(sscanf(line, " [%*x-%*x] -> flags=%x", &flags), 1);
	EXPECT_EQ(flags, RESERVED);
	EXPECT(line_of(text, 0, PAGE - 1) != NULL);
	EXPECT(line_of(text, 0, PAGE - 1) < line);
	EXPECT(line < strstr(text, " Region map:"));
	free(text);
	EXPECT_EQ(l4re_rm_free_area(at + 5), 0);
	EXPECT_EQ(l4re_rm_free_area(at + PAGE), 0);
}

/* 5.7 */
TEST(the_dump_has_a_line_for_each_region)
{
	unsigned long offset, m;
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(4);
	unsigned flags;
	const char *line;
	char *text;

	EXPECT_EQ(attach_at(at, 2 * PAGE, RO, ds, 0x1234), 0);
	text = dump();
	line = line_of(text, at, at + 2 * PAGE - 1);
	EXPECT(line != NULL);
	EXPECT_EQ(
		sscanf(line, " [%*x-%*x] -> (offs=%lx, ds=%lx, flags=%x", &offset, &m, &flags),
		3);
	EXPECT_EQ(offset, 0x1234);
	EXPECT_EQ(m, ds);
	EXPECT_EQ(flags, RO);
	EXPECT(line > strstr(text, " Region map:"));
	free(text);
	detach(at);
	slot_drop(ds);
}

/* 5.7 */
TEST(the_dump_is_in_the_order_of_addresses)
{
	static const unsigned order[] = { 6, 2, 4, 0 };
	const char *line, *last = NULL;
	l4re_ds_t ds = ds_new(PAGE);
	l4_addr_t at = room(8);
	char *text;

	for (unsigned n = 0; n < 4; n++) {
		EXPECT_EQ(attach_at(at + order[n] * PAGE, PAGE, RW, ds, 0), 0);
		EXPECT_EQ(reserve_at(at + (order[n] + 1) * PAGE, PAGE, 0), 0);
	}
	text = dump();
	for (unsigned n = 0; n < 8; n++) {
		/* Areas are on odd pages, and come first. */
		unsigned page = n < 4 ? 2 * n + 1 : 2 * (n - 4);

		line = line_of(text, at + page * PAGE, at + (page + 1) * PAGE - 1);
		EXPECT(line != NULL);
		EXPECT(line > last);
		last = line;
	}
	free(text);
	for (unsigned n = 0; n < 4; n++) {
		detach(at + order[n] * PAGE);
		EXPECT_EQ(l4re_rm_free_area(at + (order[n] + 1) * PAGE), 0);
	}
	slot_drop(ds);
}

/* 5.7 */
TEST(the_dump_changes_nothing_in_the_map)
{
	l4re_rm_range_t before[64], after[64];
	long count = l4re_rm_get_regions(0, before, 64);
	char *text = dump();

	free(text);
	EXPECT_EQ(l4re_rm_get_regions(0, after, 64), count);
	for (long n = 0; n < count; n++)
		EXPECT(before[n].start == after[n].start && before[n].end == after[n].end);
}

/* 5.7 */
TEST(a_log_that_cannot_be_written_is_no_reason_to_fail)
{
	int saved = dup(STDERR_FILENO);

	EXPECT(saved >= 0);
	EXPECT_EQ(close(STDERR_FILENO), 0);
	l4re_rm_show_lists();
	EXPECT(dup2(saved, STDERR_FILENO) >= 0);
	EXPECT_EQ(close(saved), 0);
}

static void show_others(void)
{
	l4_cap_idx_t empty = slot_new();

	l4re_rm_show_lists_srv(L4_INVALID_CAP);
	l4re_rm_show_lists_srv(other_object());
	l4re_rm_show_lists_srv(empty);
	l4re_debug_obj_debug(L4_INVALID_CAP, 0);
	l4re_debug_obj_debug(empty, 7);
	slot_drop(empty);
}

/* 5.7, 5.8 */
TEST(what_is_no_region_map_dumps_nothing)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);

	EXPECT(file && saved >= 0);
	EXPECT(dup2(fileno(file), STDERR_FILENO) >= 0);
	show_others();
	EXPECT(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	EXPECT_EQ(fseek(file, 0, SEEK_END), 0);
	EXPECT_EQ(ftell(file), 0);
	EXPECT_EQ(fclose(file), 0);
}

#ifdef L4RE_MODERN
/* 5.7 */
TEST(a_modern_dump_has_names_and_backing_offsets)
{
	l4re_ds_t ds = ds_new(PAGE);
	const char *line, *end;
	void *start = NULL;
	l4_addr_t at;
	char *text;

	EXPECT_EQ(l4re_rm_attach_w_info(&start, PAGE, SEARCH | RW, ds, 0, L4_PAGESHIFT,
					"libthing.so", 0xabcd0),
		  0);
	at = (l4_addr_t)start;
	text = dump();
	line = line_of(text, at, at + PAGE - 1);
	EXPECT(line != NULL);
	end = strchr(line, '\n');
	EXPECT(end != NULL);
	EXPECT(strstr(line, "libthing.so") && strstr(line, "libthing.so") < end);
	EXPECT(strstr(line, "abcd0") && strstr(line, "abcd0") < end);
	free(text);
	detach(at);
	slot_drop(ds);
}
#endif

/* SPDX-License-Identifier: MIT */
/*
 * test_map_find.c - what the map tells of addresses, also while it changes
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kin.h"
#include "land.h"

#define OWN tract_map_own()
#define BOTH TRACT_RIGHT_READ_WRITE

static struct tract_span found(const void *at, size_t size)
{
	struct tract_span span;

	memset(&span, 0x55, sizeof(span));
	EXPECT_EQ(tract_map_find(OWN, at, size, &span), 0);
	return span;
}

/* ---- before anything was ever done ------------------------------------------------------ */

TEST(a_map_that_nobody_used_is_empty)
{
	char name[TRACT_ATTACH_NAME_MAX + 1] = "kept";
	struct tract_span span = { .tag = 77 };
	char *at = pages_private(1);
	uint64_t offset;

	EXPECT_EQ(tract_find(at, &span), -ENOENT);
	EXPECT_EQ(tract_map_find(OWN, at, PAGE, &span), -ENOENT);
	EXPECT_EQ(tract_map_next_attachment(OWN, NULL, &span), -ENOENT);
	EXPECT_EQ(tract_map_next_area(OWN, at, &span), -ENOENT);
	EXPECT_EQ(tract_map_name(OWN, at, name, &offset), -ENOENT);
	EXPECT_EQ(span.tag, 77);
	EXPECT_STR(name, "kept");
	EXPECT_EQ(tract_map_hide(OWN, at, PAGE, BOTH), 0);
	EXPECT_EQ(tract_check_range(at, PAGE), 0);
	EXPECT_EQ(tract_map_populate(OWN, at, PAGE, TRACT_RIGHT_READ), -ENOENT);
	EXPECT_EQ(tract_map_release(OWN, at), -ENOENT);
	EXPECT_EQ(tract_map_detach(OWN, at, PAGE, TRACT_DETACH_EXACT, NULL), -ENOENT);
	EXPECT_EQ(tract_detach(at), -ENOENT);
	land_check();
	pages_free(at, 1);
}

TEST(hiding_may_be_the_first_thing_that_is_done)
{
	EXPECT_EQ(tract_map_hide(OWN, (void *)(16 * PAGE), PAGE, BOTH), 0);
	EXPECT_EQ(land_count(), 0);
}

TEST(what_is_local_asks_nobody_and_starts_nothing)
{
	struct tract_region *region = land_region(4, 'a');
	char *at = attached(.region = region), *area = land_area(3, 0);
	char path[128];

	EXPECT_EQ(detach(at + PAGE, 1, TRACT_DETACH_EXACT), 0);
	EXPECT_EQ(tract_map_show(OWN, region, area, PAGE, 0, TRACT_RIGHT_READ), 0);
	EXPECT_EQ(tract_map_hide(OWN, area, PAGE, BOTH), 0);
	EXPECT_EQ(tract_map_populate(OWN, at, PAGE, TRACT_RIGHT_READ), 0);
	EXPECT_EQ(tract_region_clear(region, 0, PAGE), 0);
	land_clear(at, 4);
	land_clear(area, 3);
	tract_region_close(region);
	EXPECT_EQ(land_threads(), 1);
	(void)snprintf(path, sizeof(path), "%s/broker", test_directory());
	EXPECT(access(path, F_OK) < 0);
}

/* ---- who is there ----------------------------------------------------------------------- */

TEST(looking_at_what_makes_no_sense_is_refused)
{
	struct tract_span span;
	char name[TRACT_ATTACH_NAME_MAX + 1];
	uint64_t offset;
	char *at = land_area(1, 0);

	EXPECT_EQ(tract_map_find(NULL, at, PAGE, &span), -EINVAL);
	EXPECT_EQ(tract_map_find(OWN, at, PAGE, NULL), -EINVAL);
	EXPECT_EQ(tract_map_find(OWN, at, 0, &span), -EINVAL);
	EXPECT_EQ(tract_map_find(OWN, at, SIZE_MAX, &span), -EINVAL);
	EXPECT_EQ(tract_map_find(OWN, (void *)UINTPTR_MAX, 2, &span), -EINVAL);
	EXPECT_EQ(tract_map_find(OWN, (void *)UINTPTR_MAX, 1, &span), -ENOENT);
	EXPECT_EQ(tract_find(at, NULL), -EINVAL);
	EXPECT_EQ(tract_map_next_attachment(NULL, at, &span), -EINVAL);
	EXPECT_EQ(tract_map_next_attachment(OWN, at, NULL), -EINVAL);
	EXPECT_EQ(tract_map_next_area(NULL, at, &span), -EINVAL);
	EXPECT_EQ(tract_map_next_area(OWN, at, NULL), -EINVAL);
	EXPECT_EQ(tract_map_name(NULL, at, name, &offset), -EINVAL);
	EXPECT_EQ(tract_map_name(OWN, at, NULL, &offset), -EINVAL);
	EXPECT_EQ(tract_map_name(OWN, at, name, NULL), -EINVAL);
	tract_map_limits(OWN, NULL, NULL);
	land_clear(at, 1);
}

TEST(an_attachment_is_told_as_it_was_attached)
{
	struct tract_region *region = land_region(5, 'a');
	char *at = attached(.region = region, .offset = PAGE + 7, .size = 2 * PAGE,
			    .rights = TRACT_RIGHT_READ, .tag = UINT64_MAX,
			    .flags = TRACT_ATTACH_CLEAR | TRACT_ATTACH_EAGER);
	struct tract_span span = found(at + PAGE, 1);

	EXPECT(span.start == at);
	EXPECT_EQ(span.size, 2 * PAGE);
	EXPECT_EQ(span.kind, TRACT_SPAN_REGION);
	EXPECT_EQ(span.rights, TRACT_RIGHT_READ);
	EXPECT_EQ(span.flags, TRACT_ATTACH_CLEAR);
	EXPECT(!span.in_area);
	EXPECT_EQ(span.region, 0);
	EXPECT_EQ(span.offset, PAGE + 7);
	EXPECT_EQ(span.tag, UINT64_MAX);
	land_clear(at, 2);
	tract_region_close(region);
}

TEST(the_lowest_attachment_is_found_and_else_the_lowest_area)
{
	char *area = land_area(8, 0), *at;
	struct tract_span span;

	at = attached_at(area + 2 * PAGE, .size = PAGE,
			 .flags = TRACT_ATTACH_BLOCK | TRACT_ATTACH_IN_AREA, .tag = 1);
	attached_at(area + 4 * PAGE, .size = PAGE,
		    .flags = TRACT_ATTACH_ANONYMOUS | TRACT_ATTACH_IN_AREA, .tag = 2);
	span = found(area, 8 * PAGE);
	EXPECT(span.start == at);
	EXPECT(span.in_area);
	EXPECT_EQ(found(area + 3 * PAGE - 1, 2 * PAGE).tag, 1);
	EXPECT_EQ(found(area + 3 * PAGE, PAGE + 1).tag, 2);
	EXPECT_EQ(found(area + 4 * PAGE, 1).kind, TRACT_SPAN_ANONYMOUS);
	EXPECT_EQ(found(area + 3 * PAGE, PAGE).kind, TRACT_SPAN_AREA);
	EXPECT(found(area + 3 * PAGE, 1).start == area);
	EXPECT_EQ(tract_map_find(OWN, area - PAGE, PAGE, &span), -ENOENT);
	EXPECT_EQ(tract_map_find(OWN, area + 8 * PAGE, PAGE, &span), -ENOENT);
	/* The short form looks for attachments alone. */
	EXPECT_EQ(tract_find(area, &span), -ENOENT);
	EXPECT_EQ(tract_find(at + PAGE - 1, &span), 0);
	EXPECT_EQ(span.tag, 1);
	land_clear(area, 8);
}

TEST(one_after_the_other_all_are_found)
{
	char *at = attached(.size = PAGE, .flags = TRACT_ATTACH_BLOCK, .tag = 1);
	void *area = at + PAGE + 3;
	struct tract_span span;

	attached_at(at + 3 * PAGE, .size = 2 * PAGE, .flags = TRACT_ATTACH_BLOCK, .tag = 2);
	EXPECT_EQ(tract_map_reserve(OWN, &area, 5, TRACT_AREA_FIXED, 0, 3), 0);
	EXPECT_EQ(tract_map_next_attachment(OWN, NULL, &span), 0);
	EXPECT_EQ(span.tag, 1);
	EXPECT_EQ(tract_map_next_attachment(OWN, at + PAGE - 1, &span), 0);
	EXPECT_EQ(span.tag, 1);
	EXPECT_EQ(tract_map_next_attachment(OWN, at + PAGE, &span), 0);
	EXPECT_EQ(span.tag, 2);
	EXPECT_EQ(tract_map_next_attachment(OWN, at + 5 * PAGE - 1, &span), 0);
	EXPECT_EQ(span.tag, 2);
	EXPECT_EQ(tract_map_next_attachment(OWN, at + 5 * PAGE, &span), -ENOENT);
	EXPECT_EQ(tract_map_next_area(OWN, at, &span), 0);
	EXPECT_EQ(span.tag, 3);
	EXPECT_EQ(span.size, 5);
	EXPECT_EQ(tract_map_next_area(OWN, (char *)area + 4, &span), 0);
	EXPECT_EQ(tract_map_next_area(OWN, (char *)area + 5, &span), -ENOENT);
	land_clear(at, 5);
}

/* ---- names ------------------------------------------------------------------------------ */

TEST(a_name_is_kept_as_far_as_there_is_room)
{
	char long_name[3 * TRACT_ATTACH_NAME_MAX], name[TRACT_ATTACH_NAME_MAX + 1];
	uint64_t offset = 7;
	char *at;

	memset(long_name, 'n', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	at = attached(.size = PAGE, .flags = TRACT_ATTACH_BLOCK, .name = long_name,
		      .name_offset = UINT64_MAX);
	attached_at(at + PAGE, .size = PAGE, .flags = TRACT_ATTACH_BLOCK);
	attached_at(at + 2 * PAGE, .size = PAGE, .flags = TRACT_ATTACH_BLOCK, .name = "",
		    .name_offset = 3);
	EXPECT_EQ(tract_map_name(OWN, at + 5, name, &offset), 0);
	EXPECT_EQ(strlen(name), TRACT_ATTACH_NAME_MAX);
	EXPECT_EQ(strspn(name, "n"), TRACT_ATTACH_NAME_MAX);
	EXPECT_EQ(offset, UINT64_MAX);
	EXPECT_EQ(tract_map_name(OWN, at + PAGE, name, &offset), 0);
	EXPECT_STR(name, "");
	EXPECT_EQ(offset, 0);
	EXPECT_EQ(tract_map_name(OWN, at + 2 * PAGE, name, &offset), 0);
	EXPECT_STR(name, "");
	EXPECT_EQ(offset, 3);
	EXPECT_EQ(tract_map_name(OWN, at + 3 * PAGE, name, &offset), -ENOENT);
	land_clear(at, 3);
}

/* Exactly as long as there is room, without its end. */
TEST(a_name_without_an_end_is_not_read_beyond_its_length)
{
	char name[TRACT_ATTACH_NAME_MAX + 1], *page = pages_private(2), *at, *kept;
	uint64_t offset;

	EXPECT_EQ(mprotect(page + PAGE, PAGE, PROT_NONE), 0);
	kept = page + PAGE - TRACT_ATTACH_NAME_MAX;
	memset(kept, 'x', TRACT_ATTACH_NAME_MAX);
	at = attached(.size = PAGE, .flags = TRACT_ATTACH_BLOCK, .name = kept);
	EXPECT_EQ(tract_map_name(OWN, at, name, &offset), 0);
	EXPECT_EQ(strlen(name), TRACT_ATTACH_NAME_MAX);
	EXPECT_EQ(tract_detach(at), 0);
	pages_free(page, 2);
}

/* ---- exports and imports ---------------------------------------------------------------- */

static void import_it(struct kin *parent, void *arg)
{
	struct tract *ctx = node_open();
	struct tract_import *import =
		import_up(ctx, (uint32_t)kin_hear(parent), TRACT_RIGHT_READ);
	struct tract_span span;
	void *at = NULL;

	(void)arg;
	EXPECT_EQ(tract_import_map(import, &at, 0, TRACT_RIGHT_READ, (off_t)PAGE, PAGE), 0);
	span = found((char *)at + 5, 1);
	EXPECT_EQ(span.kind, TRACT_SPAN_IMPORTED);
	EXPECT(span.start == at);
	EXPECT_EQ(span.size, PAGE);
	EXPECT_EQ(span.rights, TRACT_RIGHT_READ);
	EXPECT_EQ(span.offset, PAGE);
	EXPECT_EQ(tract_map_next_attachment(OWN, NULL, &span), 0);
	EXPECT(span.start == at);
	import_down(import);
	EXPECT_EQ(tract_map_find(OWN, at, PAGE, &span), -ENOENT);
	tract_close(ctx);
}

TEST(exported_memory_and_the_window_of_an_import_are_found)
{
	struct tract_export *export;
	struct tract_span span;
	struct tract *ctx;
	struct kin kin;
	uint32_t id;
	char *memory = pages_private(2);

	kin_start(&kin, import_it, NULL);
	ctx = node_open();
	export = export_up(ctx, memory, 2 * PAGE, 0, &id);
	kin_tell(&kin, id);
	span = found(memory + PAGE, 1);
	EXPECT_EQ(span.kind, TRACT_SPAN_EXPORTED);
	EXPECT(span.start == memory);
	EXPECT_EQ(span.size, 2 * PAGE);
	EXPECT_EQ(span.rights, TRACT_RIGHT_READ_WRITE);
	EXPECT(span.region != 0);
	kin_finish(&kin);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_map_find(OWN, memory, PAGE, &span), -ENOENT);
	pages_free(memory, 2);
	tract_close(ctx);
}

TEST(a_local_region_has_an_id_once_it_is_exported)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region), *other = attached(.region = region);
	struct tract *ctx = node_open();
	struct tract_export *export;

	EXPECT_EQ(tract_region_id(region), 0);
	EXPECT_EQ(found(at, 1).region, 0);
	EXPECT_EQ(tract_export_create(ctx, at, PAGE, 0, &export), 0);
	EXPECT(tract_region_id(region) != 0);
	EXPECT_EQ(found(at, 1).region, tract_region_id(region));
	EXPECT_EQ(found(other, 1).region, tract_region_id(region));
	EXPECT_EQ(found(at, 1).kind, TRACT_SPAN_REGION);
	EXPECT_EQ(tract_export_destroy(export), 0);
	land_clear(at, 4);
	tract_region_close(region);
	tract_close(ctx);
}

/* ---- could it be exported? -------------------------------------------------------------- */

TEST(what_could_be_exported_is_what_can_be)
{
	struct tract_region *region = land_region(4, 'a');
	char *at = attached(.region = region, .size = 6 * PAGE), *own = pages_private(2);
	struct {
		char *at;
		size_t size;
		int wanted;
	} ranges[] = {
		{ NULL, PAGE, -EINVAL },
		{ own, 0, -EINVAL },
		{ own + 1, PAGE, -EINVAL },
		{ own, PAGE + 1, -EINVAL },
		{ own, 2 * PAGE, 0 },
		{ own + PAGE, PAGE, 0 },
		{ at, 4 * PAGE, 0 },
		{ at + PAGE, PAGE, 0 },
		/* Past the region's end, and partly outside of it. */
		{ at, 5 * PAGE, -EFAULT },
		{ at - PAGE, 2 * PAGE, -EFAULT },
		{ at + 5 * PAGE, 2 * PAGE, -EFAULT },
		{ attached(.size = PAGE, .flags = TRACT_ATTACH_ANONYMOUS), PAGE, -EFAULT },
		{ attached(.size = PAGE, .flags = TRACT_ATTACH_BLOCK), PAGE, -EFAULT },
		{ attached(.region = region, .flags = TRACT_ATTACH_PRIVATE), PAGE, -EFAULT },
		{ attached(.region = region, .rights = TRACT_RIGHT_READ), PAGE, -EACCES },
		{ land_area(2, 0), PAGE, -EFAULT },
	};
	struct tract *ctx = node_open();
	struct tract_export *export;

	for (unsigned i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		int checked = tract_check_range(ranges[i].at, ranges[i].size);
		int r = tract_export_create(ctx, ranges[i].at, ranges[i].size, 0, &export);

		ck_assert_msg(checked == ranges[i].wanted, "range %u: %d, not %d", i, checked,
			      ranges[i].wanted);
		/* Exporting has a few words more to say no. */
		ck_assert_msg((r == 0) == (checked == 0), "range %u: checked %d, exported %d",
			      i, checked, r);
		if (r == 0)
			EXPECT_EQ(tract_export_destroy(export), 0);
	}
	for (unsigned i = 6; i < sizeof(ranges) / sizeof(*ranges); i++)
		land_clear(ranges[i].at, 1);
	pages_free(own, 2);
	tract_region_close(region);
	tract_close(ctx);
}

TEST(whether_a_range_around_exported_memory_can_be_exported_is_known_before)
{
	struct tract *ctx = node_open();
	struct tract_region *region = land_region(1, 'a');
	char *own = pages_private(3), *at;
	struct tract_export *export, *wider;

	EXPECT_EQ(munmap(own + 2 * PAGE, PAGE), 0);
	EXPECT_EQ(tract_export_create(ctx, own, PAGE, 0, &export), 0);
	EXPECT_EQ(tract_check_range(own, 2 * PAGE), 0);
	EXPECT_EQ(tract_check_range(own, 3 * PAGE), -EFAULT);
	EXPECT_EQ(tract_export_create(ctx, own, 3 * PAGE, 0, &wider), -EFAULT);
	at = attached_at(own + 2 * PAGE, .region = region);
	EXPECT_EQ(tract_check_range(own, 3 * PAGE), -EFAULT);
	EXPECT_EQ(tract_export_create(ctx, own, 3 * PAGE, 0, &wider), -EFAULT);
	EXPECT_EQ(mprotect(own + PAGE, PAGE, PROT_READ), 0);
	EXPECT_EQ(tract_check_range(own, 2 * PAGE), -EACCES);
	EXPECT_EQ(tract_export_create(ctx, own, 2 * PAGE, 0, &wider), -EACCES);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_detach(at), 0);
	pages_free(own, 2);
	tract_region_close(region);
	tract_close(ctx);
}

/* ---- while it changes ------------------------------------------------------------------- */

#define LOOKERS 2u
#define SLOTS 16u
#define TURNS 3000u

struct stage {
	char *at;
	struct tract_region *region;
	_Atomic bool stop;
	_Atomic unsigned wrong, found;
};

/* Of what is ever attached in a slot everything says the same number. */
static void check_span(struct stage *s, const struct tract_span *span)
{
	size_t slot = (size_t)((char *)span->start - s->at) / PAGE;
	bool right = slot == SLOTS ||
		     (span->tag % SLOTS == slot && span->offset == slot * PAGE &&
		      span->size == PAGE && span->rights == TRACT_RIGHT_READ_WRITE &&
		      span->kind == TRACT_SPAN_REGION && !span->in_area);

	atomic_fetch_add(&s->wrong, !right);
	atomic_fetch_add(&s->found, 1u);
}

static void *look_on(void *arg)
{
	struct stage *s = arg;
	struct tract_span span;

	for (unsigned n = 0; !atomic_load(&s->stop); n++) {
		char *at = s->at + n % SLOTS * PAGE;

		if (tract_map_find(OWN, at, 1, &span) == 0)
			check_span(s, &span);
		if (tract_map_next_attachment(OWN, at, &span) == 0)
			check_span(s, &span);
		/* What is never touched is always there. */
		if (tract_find(s->at + SLOTS * PAGE, &span) < 0 || span.tag != 12345)
			atomic_fetch_add(&s->wrong, 1u);
	}
	return NULL;
}

TEST(what_is_found_beside_a_change_is_what_was_or_what_will_be)
{
	struct stage s = { .region = land_region(SLOTS, 'a') };
	pthread_t thread[LOOKERS];
	unsigned random = 1;

	s.at = attached(.region = s.region);
	EXPECT_EQ(tract_detach(s.at), 0);
	attached_at(s.at + SLOTS * PAGE, .size = PAGE, .flags = TRACT_ATTACH_BLOCK,
		    .tag = 12345);
	for (unsigned i = 0; i < LOOKERS; i++)
		EXPECT_EQ(pthread_create(&thread[i], NULL, look_on, &s), 0);
	for (unsigned n = 0; n < TURNS || atomic_load(&s.found) < TURNS; n++) {
		size_t slot = (size_t)rand_r(&random) % SLOTS;
		void *at = s.at + slot * PAGE;

		if (tract_detach(at) < 0)
			EXPECT_EQ(attach(&at, .region = s.region, .offset = slot * PAGE,
					 .size = PAGE, .flags = TRACT_ATTACH_FIXED,
					 .tag = n * SLOTS + slot),
				  0);
	}
	atomic_store(&s.stop, true);
	for (unsigned i = 0; i < LOOKERS; i++)
		EXPECT_EQ(pthread_join(thread[i], NULL), 0);
	EXPECT_EQ(atomic_load(&s.wrong), 0);
	land_clear(s.at, SLOTS + 1);
	tract_region_close(s.region);
}

#define MANY 1000u

static void *look_at_all(void *arg)
{
	struct stage *s = arg;
	struct tract_span span;

	while (!atomic_load(&s->stop))
		for (char *from = s->at; tract_map_next_attachment(OWN, from, &span) == 0;
		     from = (char *)span.start + span.size) {
			size_t page = (size_t)((char *)span.start - s->at) / PAGE;

			atomic_fetch_add(&s->wrong, span.tag != page + 1);
			atomic_fetch_add(&s->found, 1u);
		}
	return NULL;
}

/* Whatever is new is in memory that was never used before. */
TEST(what_is_new_is_all_there_for_whoever_finds_it)
{
	struct stage s = { .at = land_area(MANY, 0) };
	pthread_t thread;

	EXPECT_EQ(pthread_create(&thread, NULL, look_at_all, &s), 0);
	for (unsigned i = 0; i < MANY; i++) {
		attached_at(s.at + i * PAGE, .size = PAGE, .tag = i + 1,
			    .flags = TRACT_ATTACH_BLOCK | TRACT_ATTACH_IN_AREA);
		/* Not all of it before anybody has looked. */
		while (i == MANY / 2 && atomic_load(&s.found) == 0)
			(void)sched_yield();
	}
	atomic_store(&s.stop, true);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT_EQ(atomic_load(&s.wrong), 0);
	land_clear(s.at, MANY);
}

/* ---- the limits ------------------------------------------------------------------------- */

static void *ask_limits(void *arg)
{
	tract_map_limits(OWN, NULL, arg);
	return NULL;
}

/* Of the address space, not of whoever asks first. */
TEST(the_limits_are_the_same_from_whatever_stack)
{
	const size_t size = 64 * PAGE;
	struct tract_region *region = land_region(64, 0);
	void *stack = attached(.region = region), *last = NULL, *again;
	pthread_attr_t attr;
	pthread_t thread;

	tract_map_limits(OWN, NULL, &again);
	EXPECT_EQ(pthread_attr_init(&attr), 0);
	EXPECT_EQ(pthread_attr_setstack(&attr, stack, size), 0);
	EXPECT_EQ(pthread_create(&thread, &attr, ask_limits, &last), 0);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT_EQ(pthread_attr_destroy(&attr), 0);
	EXPECT((char *)last > (char *)stack);
	EXPECT(last == again);
	EXPECT_EQ(tract_detach(stack), 0);
	tract_region_close(region);
}

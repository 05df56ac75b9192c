/* SPDX-License-Identifier: MIT */
/*
 * test_map_area_room.c - where areas find room, up to all that there is
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "areas.h"
#include "base/fault.h"
#include "kin.h"

/* ---- wherever there is room ------------------------------------------------------------- */

TEST(a_search_for_an_area_takes_the_lowest_free_bytes)
{
	char *at = room(8);
	void *there = at + 3;

	EXPECT_EQ(tract_map_reserve(OWN, &there, 10, 0, 0, 0), 0);
	EXPECT(there == at + 3);
	there = at;
	EXPECT_EQ(tract_map_reserve(OWN, &there, 4, 0, 0, 0), 0);
	EXPECT(there == at + 13);
	there = at;
	EXPECT_EQ(tract_map_reserve(OWN, &there, 3, 0, 0, 0), 0);
	EXPECT(there == at);
	there = at;
	EXPECT_EQ(tract_map_reserve(OWN, &there, 1, 0, 6, 0), 0);
	EXPECT(there == at + 64);
	there = at;
	attached_at(at + PAGE, .size = PAGE, .flags = TRACT_ATTACH_BLOCK);
	EXPECT_EQ(tract_map_reserve(OWN, &there, PAGE, 0, 0, 0), 0);
	EXPECT(there == at + 2 * PAGE);
	land_clear(at, 8);
}

TEST(an_area_that_is_searched_for_goes_around_what_anybody_mapped)
{
	char *at = room(8);
	void *there = at;

	EXPECT(mmap(at + 2 * PAGE, PAGE, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at + 2 * PAGE);
	EXPECT_EQ(tract_map_reserve(OWN, &there, 3 * PAGE, 0, 0, 0), 0);
	EXPECT(there == at + 3 * PAGE);
	EXPECT(land_is_free(at, 2));
	EXPECT_EQ(munmap(at + 2 * PAGE, PAGE), 0);
	land_clear(at, 8);
	EXPECT(land_is_free(at, 8));
}

/* Somebody who is there and gone again, and again. */
struct passer {
	char *at;
	_Atomic bool stop;
};

static void *pass(void *arg)
{
	struct passer *p = arg;

	while (!atomic_load(&p->stop))
		if (mmap(p->at, PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p->at)
			EXPECT_EQ(munmap(p->at, PAGE), 0);
	return NULL;
}

/* What is mapped behind him, far away, is not in the way. */
TEST_WITH(a_search_goes_no_further_for_somebody_who_is_gone, 60, false)
{
	struct tract_region *region = land_region(1, 'a');
	struct passer p = { .at = room(4) };
	pthread_t thread;

	EXPECT_EQ(pthread_create(&thread, NULL, pass, &p), 0);
	for (unsigned i = 0; i < 10000; i++) {
		char *at = attached(.region = region);
		void *area = NULL;

		EXPECT(at <= p.at + PAGE);
		EXPECT_EQ(tract_detach(at), 0);
		EXPECT_EQ(tract_map_reserve(OWN, &area, PAGE, 0, 12, 0), 0);
		EXPECT((char *)area <= p.at + PAGE);
		EXPECT_EQ(tract_map_release(OWN, area), 0);
	}
	atomic_store(&p.stop, true);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	tract_region_close(region);
}

TEST(a_search_that_starts_too_high_begins_at_the_bottom_if_it_is_told_so)
{
	char *lowest = room(4), *last;
	void *at;

	tract_map_limits(OWN, NULL, (void **)&last);
	at = last - PAGE;
	expect_refused(at, 4 * PAGE, 0, 0, -EADDRNOTAVAIL);
	EXPECT_EQ(tract_map_reserve(OWN, &at, 4 * PAGE, TRACT_AREA_WRAP, 0, 0), 0);
	EXPECT(at == lowest);
	EXPECT_EQ(tract_map_release(OWN, at), 0);
	at = (void *)UINTPTR_MAX;
	EXPECT_EQ(tract_map_reserve(OWN, &at, 4 * PAGE, TRACT_AREA_WRAP, 0, 0), 0);
	EXPECT(at == lowest);
	EXPECT_EQ(tract_map_release(OWN, at), 0);
}

TEST(no_room_is_no_area)
{
	char *at = room(1);

	expect_refused(at, (size_t)1 << 47, 0, 0, -EADDRNOTAVAIL);
	expect_refused(at, (size_t)1 << 47, TRACT_AREA_WRAP, 0, -EADDRNOTAVAIL);
	expect_refused(at, SIZE_MAX / 2, TRACT_AREA_WRAP, 0, -EADDRNOTAVAIL);
	expect_refused(at, 1, 0, 63, -EADDRNOTAVAIL);
}

/* ---- all there is ----------------------------------------------------------------------- */

/* What nobody can map can be set aside, too. */
TEST(an_area_may_go_beyond_what_can_be_mapped)
{
	char *first, *last, *below;

	tract_map_limits(OWN, (void **)&first, (void **)&last);
	if (!land_is_free(last + 1 - PAGE, 1))
		SKIP("addresses are not scattered here, and the stack has the last page");
	EXPECT_EQ(reserve_at(last + 1, UINTPTR_MAX - (uintptr_t)last, 0, 1), 0);
	expect_area((void *)UINTPTR_MAX, last + 1, UINTPTR_MAX - (uintptr_t)last, 1);
	EXPECT_EQ(reserve_at((void *)UINTPTR_MAX, 1, 0, 0), -EADDRNOTAVAIL);
	EXPECT_EQ(tract_map_release(OWN, (void *)UINTPTR_MAX), 0);
	/* Across either limit: what can be mapped of it is held. */
	EXPECT_EQ(reserve_at(last + 1 - PAGE, UINTPTR_MAX - (uintptr_t)last + PAGE, 0, 1), 0);
	EXPECT(!land_is_free(last + 1 - PAGE, 1));
	EXPECT_EQ(attach_in_area(last + 1 - PAGE, 1), 0);
	EXPECT_EQ(attach_in_area(last + 1, 1), -EADDRNOTAVAIL);
	EXPECT_EQ(tract_detach(last + 1 - PAGE), 0);
	EXPECT(!land_is_free(last + 1 - PAGE, 1));
	EXPECT_EQ(tract_map_release(OWN, last), 0);
	EXPECT(land_is_free(last + 1 - PAGE, 1));
	/* The page below it may be the library's own. */
	below = first == (char *)PAGE ? first : first - PAGE;
	EXPECT_EQ(reserve_at(below, 2 * PAGE, 0, 1), 0);
	EXPECT(!land_is_free(first, 1));
	EXPECT_EQ(tract_map_release(OWN, first), 0);
	EXPECT(land_is_free(first, 1));
}

/* Everything but a page: where nothing is free nothing is found, until it is given back. */
TEST(nearly_all_addresses_can_be_set_aside_and_given_back)
{
#if TEST_SANITIZED
	SKIP("a sanitizer needs addresses of its own");
#else
	char *lowest = room(1), *at, *last;
	void *there = NULL;

	tract_map_limits(OWN, NULL, (void **)&last);
	EXPECT_EQ(reserve_at(lowest, (size_t)(last - lowest) + 1, 0, 1), 0);
	EXPECT(!land_is_free(lowest, 1));
	EXPECT(!land_is_free(last + 1 - PAGE, 1));
	expect_refused(lowest, PAGE, 0, 0, -EADDRNOTAVAIL);
	EXPECT_EQ(attach(&there, .size = PAGE, .flags = TRACT_ATTACH_BLOCK), -EADDRNOTAVAIL);
	at = lowest + (16 << 20);
	EXPECT_EQ(attach_in_area(at, 1), 0);
	EXPECT_EQ(land_store(at), 0);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT(!land_is_free(at, 1));
	EXPECT_EQ(tract_map_release(OWN, last), 0);
	EXPECT(land_is_free(at, 1));
	land_check();
	EXPECT_EQ(attach(&there, .size = PAGE, .flags = TRACT_ATTACH_BLOCK), 0);
	EXPECT(there == lowest);
	land_clear(lowest, 1);
#endif
}

/* Each area takes a descriptor while there are some, and does without. */
TEST(areas_can_be_had_when_descriptors_cannot)
{
	struct rlimit before, none;
	char *area, *other = land_area(2, 0);

	EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	area = land_area(3, 0);
	EXPECT_EQ(attach_in_area(area + PAGE, 1), 0);
	EXPECT_EQ(tract_detach(area + PAGE), 0);
	EXPECT_EQ(attach_in_area(other, 1), 0);
	EXPECT_EQ(tract_detach(other), 0);
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	EXPECT(!land_is_free(area + PAGE, 1));
	EXPECT(!land_is_free(other, 1));
	land_clear(area, 3);
	land_clear(other, 2);
	EXPECT(land_is_free(area, 3));
}

/* Memory for the map's own books, kept from many attachments that are gone. */
static void fill_pools(struct tract_region *region, char *at, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		attached_at(at + 2 * i * PAGE, .region = region);
	for (unsigned i = 0; i < count; i++)
		EXPECT_EQ(tract_detach(at + 2 * i * PAGE), 0);
}

TEST(an_area_keeps_its_addresses_where_there_is_no_memory_to_note_them)
{
	const unsigned count = 1000;
	struct tract_region *region = land_region(1, 'a');
	char *area = room(2 * count);
	unsigned n = 0;

	fill_pools(region, area, count);
	area = land_area(2 * count, 0);
	EXPECT_EQ(fault_arm("spans.pool.alloc=e12@*"), 0);
	while (n < count && attach_in_area(area + (2 * n + 1) * PAGE, 1) == 0)
		n++;
	EXPECT_EQ(fault_arm(NULL), 0);
	EXPECT(n > 0 && n < count);
	for (unsigned i = 0; i < count; i++)
		EXPECT_EQ(attach_in_area(area + 2 * i * PAGE, 1), 0);
	land_clear(area, 2 * count);
	EXPECT(land_is_free(area, 2 * count));
	tract_region_close(region);
}

/* What was noted of it is undone without memory. */
TEST(an_area_that_fails_is_gone_when_there_is_no_memory_to_undo_it)
{
	const unsigned count = 400;
	struct tract_region *region = land_region(1, 'a');
	char *at = room(2 * count + 8), *beside = at + (2 * count + 4) * PAGE;
	struct tract_span span;

	/* Each makes the books another size, and another want of memory in them. */
	for (unsigned n = 0; n < count; n++) {
		attached_at(at + 2 * n * PAGE, .region = region);
		EXPECT_EQ(fault_arm("spans.pool.alloc=e12@*"), 0);
		EXPECT_EQ(fault_arm("map.reserve.entered=e12"), 0);
		EXPECT_EQ(reserve_at(beside, PAGE, 0, 0), -ENOMEM);
		EXPECT_EQ(tract_map_find(OWN, beside, PAGE, &span), -ENOENT);
		/* Over what is attached, whose bounds the area had hidden. */
		EXPECT_EQ(fault_arm("map.reserve.entered=e12"), 0);
		EXPECT_EQ(reserve_at(at, 2 * count * PAGE, 0, 0), -ENOMEM);
		EXPECT_EQ(tract_map_find(OWN, at + PAGE, PAGE, &span), -ENOENT);
		EXPECT_EQ(fault_arm(NULL), 0);
	}
	for (unsigned n = 0; n < count; n++)
		EXPECT_EQ(tract_detach(at + 2 * n * PAGE), 0);
	EXPECT(land_is_free(at, 2 * count + 8));
	tract_region_close(region);
}

/* An area that is made where an import is mapped afterwards. */
TEST(an_import_over_an_area_finds_no_memory_or_is_noted)
{
	const unsigned count = 1000;
	struct tract *ctx = node_open();
	struct tract_region *region = land_region(1, 'a');
	char *pages = pages_private(1), *area = room(2 * count);
	struct tract_import *import;
	struct tract_export *export;
	unsigned n = 0;
	uint32_t id;
	void *there;

	export = export_up(ctx, pages, PAGE, 0, &id);
	import = import_up(ctx, id, TRACT_RIGHT_READ);
	fill_pools(region, area, count);
	area = land_area(2 * count, 0);
	EXPECT_EQ(fault_arm("spans.pool.alloc=e12@*"), 0);
	while (n < count && attach_in_area(area + (2 * n + 1) * PAGE, 1) == 0)
		n++;
	EXPECT(n > 0 && n + 2 < count);
	there = area + (2 * n + 3) * PAGE;
	EXPECT_EQ(tract_import_map(import, &there, TRACT_IMPORT_MAP_FIXED, TRACT_RIGHT_READ, 0,
				   PAGE),
		  -ENOMEM);
	land_check();
	EXPECT_EQ(fault_arm(NULL), 0);
	EXPECT_EQ(tract_import_map(import, &there, TRACT_IMPORT_MAP_FIXED, TRACT_RIGHT_READ, 0,
				   PAGE),
		  0);
	land_check();
	EXPECT(!land_is_free((char *)there + PAGE, 1));
	EXPECT_EQ(tract_import_unmap(import), 0);
	import_down(import);
	EXPECT_EQ(tract_export_destroy(export), 0);
	land_clear(area, 2 * count);
	/* All of it is held as long as it is an area's, and no longer. */
	EXPECT(land_is_free(area, 2 * count));
	pages_free(pages, 1);
	tract_region_close(region);
	tract_close(ctx);
}

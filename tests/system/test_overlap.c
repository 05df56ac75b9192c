/* SPDX-License-Identifier: MIT */
/*
 * Exports whose ranges overlap without lying inside each other: they come to share one object,
 * and nobody notices.  Attachments never overlap.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <tract/tract.h>

#include "test.h"

#define PAGE ((size_t)4096)
#define PAGES 8

struct bench {
	struct tract *ctx;
	unsigned char *memory;
};

static struct bench bench_up(void)
{
	struct bench b = { 0 };

	EXPECT_EQ(tract_open(NULL, &b.ctx), 0);
	b.memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	EXPECT(b.memory != MAP_FAILED);
	for (size_t i = 0; i < PAGES; i++)
		(void)memset(b.memory + i * PAGE, (int)i + 1, PAGE);
	return b;
}

static void bench_down(struct bench *b)
{
	EXPECT_EQ(munmap(b->memory, PAGES * PAGE), 0);
	tract_close(b->ctx);
}

static struct tract_export *export_pages(const struct bench *b, size_t first, size_t count,
					 uint32_t *ret_id)
{
	struct tract_export *export;

	EXPECT_EQ(
		tract_export_create(b->ctx, b->memory + first * PAGE, count * PAGE, 0, &export),
		0);
	*ret_id = 0;
	EXPECT_EQ(tract_export_publish(export, ret_id, NULL, 0), 0);
	return export;
}

static struct tract_import *import_mapped(const struct bench *b, uint32_t id,
					  unsigned char **ret)
{
	struct tract_import *import;
	void *addr = NULL;

	EXPECT_EQ(tract_import_connect(b->ctx, 0, id, TRACT_RIGHT_READ_WRITE, &import), 0);
	EXPECT_EQ(tract_import_map(import, &addr, 0, TRACT_RIGHT_READ_WRITE, 0,
				   tract_import_size(import)),
		  0);
	*ret = addr;
	return import;
}

static void import_end(struct tract_import *import)
{
	EXPECT_EQ(tract_import_unmap(import), 0);
	EXPECT_EQ(tract_import_close(import), 0);
}

TEST(an_importer_follows_when_its_segment_is_overlapped)
{
	struct bench b = bench_up();
	struct tract_export *low, *high;
	struct tract_import *of_low, *of_high;
	unsigned char *seen_low, *seen_high;
	uint32_t id;

	low = export_pages(&b, 0, 4, &id);
	of_low = import_mapped(&b, id, &seen_low);
	seen_low[3 * PAGE] = 77;
	high = export_pages(&b, 2, 4, &id);
	of_high = import_mapped(&b, id, &seen_high);
	/* What was there is there, seen by both, from both sides. */
	EXPECT_EQ(b.memory[3 * PAGE], 77);
	EXPECT_EQ(seen_high[1 * PAGE], 77);
	EXPECT_EQ(seen_high[3 * PAGE], 6);
	seen_low[2 * PAGE] = 78;
	EXPECT_EQ(seen_high[0], 78);
	EXPECT_EQ(b.memory[2 * PAGE], 78);
	b.memory[0] = 79;
	EXPECT_EQ(seen_low[0], 79);
	EXPECT_EQ(tract_import_check(of_low), 0);
	import_end(of_low);
	import_end(of_high);
	EXPECT_EQ(tract_export_destroy(low), 0);
	EXPECT_EQ(tract_export_destroy(high), 0);
	EXPECT_EQ(b.memory[2 * PAGE], 78);
	EXPECT_EQ(b.memory[7 * PAGE], 8);
	bench_down(&b);
}

TEST(one_export_may_bridge_two_others)
{
	struct bench b = bench_up();
	struct tract_export *first, *second, *bridge;
	struct tract_import *import;
	unsigned char *seen;
	uint32_t id, bridge_id;

	first = export_pages(&b, 0, 2, &id);
	second = export_pages(&b, 5, 3, &id);
	import = import_mapped(&b, id, &seen);
	bridge = export_pages(&b, 1, 5, &bridge_id);
	seen[0] = 99;
	EXPECT_EQ(b.memory[5 * PAGE], 99);
	import_end(import);
	import = import_mapped(&b, bridge_id, &seen);
	for (size_t i = 0; i < 4; i++)
		EXPECT_EQ(seen[i * PAGE + 1], i + 2);
	EXPECT_EQ(seen[4 * PAGE], 99);
	import_end(import);
	EXPECT_EQ(tract_export_destroy(bridge), 0);
	EXPECT_EQ(tract_export_destroy(first), 0);
	EXPECT_EQ(tract_export_destroy(second), 0);
	bench_down(&b);
}

TEST(what_one_overlapping_export_takes_back_the_other_keeps)
{
	struct bench b = bench_up();
	struct tract_export *low, *high;
	struct tract_import *of_low, *of_high;
	unsigned char *seen_low, *seen_high;
	uint32_t id;

	low = export_pages(&b, 0, 4, &id);
	of_low = import_mapped(&b, id, &seen_low);
	high = export_pages(&b, 2, 4, &id);
	of_high = import_mapped(&b, id, &seen_high);
	EXPECT_EQ(tract_export_unpublish(low), 0);
	seen_low[2 * PAGE] = 55;
	EXPECT_EQ(b.memory[2 * PAGE], 3);
	EXPECT_EQ(tract_import_check(of_low), -ESTALE);
	seen_high[0] = 56;
	EXPECT_EQ(b.memory[2 * PAGE], 56);
	EXPECT_EQ(tract_import_check(of_high), 0);
	import_end(of_low);
	import_end(of_high);
	EXPECT_EQ(tract_export_destroy(high), 0);
	EXPECT_EQ(tract_export_destroy(low), 0);
	bench_down(&b);
}

/* ---- while others store ----------------------------------------------------------------- */

struct hammer {
	_Atomic uint64_t *word;
	_Atomic int stop;
	uint64_t stored;
};

static void *hammer(void *arg)
{
	struct hammer *h = arg;

	while (!atomic_load(&h->stop)) {
		uint64_t before = atomic_load_explicit(h->word, memory_order_relaxed);

		ck_assert_msg(before == h->stored, "a store was lost");
		atomic_store_explicit(h->word, ++h->stored, memory_order_relaxed);
	}
	return NULL;
}

TEST_SLOW(no_store_is_lost_when_exports_come_to_overlap, 60)
{
	struct bench b = bench_up();
	struct hammer own = { 0 }, others = { 0 };
	struct tract_export *low, *high;
	struct tract_import *import;
	pthread_t threads[2];
	unsigned char *seen;
	uint32_t id;

	(void)memset(b.memory, 0, PAGES * PAGE);
	own.word = (_Atomic uint64_t *)(void *)(b.memory + 3 * PAGE);
	for (int round = 0; round < 50; round++) {
		low = export_pages(&b, 0, 4, &id);
		import = import_mapped(&b, id, &seen);
		others.word = (_Atomic uint64_t *)(void *)(seen + 2 * PAGE);
		atomic_store(&own.stop, 0);
		atomic_store(&others.stop, 0);
		EXPECT_EQ(pthread_create(&threads[0], NULL, hammer, &own), 0);
		EXPECT_EQ(pthread_create(&threads[1], NULL, hammer, &others), 0);
		high = export_pages(&b, 2, 4, &id);
		atomic_store(&own.stop, 1);
		atomic_store(&others.stop, 1);
		EXPECT_EQ(pthread_join(threads[0], NULL), 0);
		EXPECT_EQ(pthread_join(threads[1], NULL), 0);
		EXPECT_EQ(*(uint64_t *)(void *)(b.memory + 2 * PAGE), others.stored);
		import_end(import);
		EXPECT_EQ(tract_export_destroy(high), 0);
		EXPECT_EQ(tract_export_destroy(low), 0);
	}
	bench_down(&b);
}

TEST(an_export_bound_to_two_regions_in_turn_is_taken_back_once_from_each)
{
	struct tract_region_spec spec = { .size = 2 * PAGE };
	struct bench b = bench_up();
	struct tract_region *region[2];
	struct tract_export *export;
	struct tract_import *import;
	void *at[2] = { NULL, NULL };
	unsigned char *seen;
	uint32_t id = 0;

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(tract_region_create(b.ctx, &spec, &region[i]), 0);
		EXPECT_EQ(tract_attach(region[i], &at[i], 0, 0, TRACT_RIGHT_READ_WRITE, 0), 0);
	}
	EXPECT_EQ(tract_export_create(b.ctx, at[0], 2 * PAGE, TRACT_EXPORT_REBIND, &export), 0);
	EXPECT_EQ(tract_export_publish(export, &id, NULL, 0), 0);
	import = import_mapped(&b, id, &seen);
	for (int i = 1; i <= 51; i++)
		EXPECT_EQ(tract_export_rebind(export, at[i % 2], 2 * PAGE), 0);
	seen[0] = 5;
	EXPECT_EQ(*(unsigned char *)at[1], 5);
	EXPECT_EQ(tract_export_unpublish(export), 0);
	seen[0] = 6;
	EXPECT_EQ(*(unsigned char *)at[1], 5);
	import_end(import);
	EXPECT_EQ(tract_export_destroy(export), 0);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(tract_detach(at[i]), 0);
		tract_region_close(region[i]);
	}
	bench_down(&b);
}

/* ---- attachments ------------------------------------------------------------------------ */

TEST(what_the_program_unmapped_by_itself_is_in_the_way_until_it_is_detached)
{
	struct tract_region_spec spec = { .size = 2 * PAGE };
	struct bench b = bench_up();
	struct tract_region *region;
	void *at = NULL, *inside;

	EXPECT_EQ(tract_region_create(b.ctx, &spec, &region), 0);
	EXPECT_EQ(tract_attach(region, &at, 0, 0, TRACT_RIGHT_READ_WRITE, 0), 0);
	EXPECT_EQ(munmap(at, 2 * PAGE), 0);
	inside = (char *)at + PAGE;
	EXPECT_EQ(tract_attach(region, &at, 0, 0, TRACT_RIGHT_READ, TRACT_ATTACH_FIXED),
		  -EEXIST);
	EXPECT_EQ(tract_attach(region, &inside, PAGE, 0, TRACT_RIGHT_READ, TRACT_ATTACH_FIXED),
		  -EEXIST);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_EQ(tract_attach(region, &at, 0, 0, TRACT_RIGHT_READ, TRACT_ATTACH_FIXED), 0);
	EXPECT_EQ(tract_detach(at), 0);
	EXPECT_EQ(tract_detach(at), -ENOENT);
	tract_region_close(region);
	bench_down(&b);
}

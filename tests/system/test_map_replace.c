/* SPDX-License-Identifier: MIT */
/*
 * test_map_replace.c - attaching over what is attached: in one step, or not at all
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fault.h"
#include "kin.h"
#include "land.h"

#define OWN tract_map_own()
#define REPLACE (TRACT_ATTACH_FIXED | TRACT_ATTACH_REPLACE)

static int replace(void *at, const struct tract_attachment *what)
{
	struct tract_attachment with_flags = *what;
	void *there = at;

	with_flags.flags |= REPLACE;
	return land_attach(&there, &with_flags);
}

#define replace(at, ...) replace((at), &(struct tract_attachment){ __VA_ARGS__ })

static void expect_span(const void *at, size_t pages, uint64_t offset, uint64_t tag)
{
	struct tract_span span;

	EXPECT_EQ(tract_find(at, &span), 0);
	EXPECT(span.start == at);
	EXPECT_EQ(span.size, pages * PAGE);
	EXPECT_EQ(span.offset, offset);
	EXPECT_EQ(span.tag, tag);
}

static void expect_name(const void *at, const char *name, uint64_t offset)
{
	char kept[TRACT_ATTACH_NAME_MAX + 1];
	uint64_t kept_offset;

	EXPECT_EQ(tract_map_name(OWN, at, kept, &kept_offset), 0);
	EXPECT_STR(kept, name);
	EXPECT_EQ(kept_offset, offset);
}

TEST(what_is_in_the_way_is_cut_and_the_rest_stays)
{
	struct tract_region *old = land_region(6, 'a'), *new = land_region(6, 'A');
	char *at = attached(.region = old, .offset = 10, .tag = 1, .name = "old",
			    .name_offset = 5);

	EXPECT_EQ(replace(at + 2 * PAGE, .region = new, .size = 2 * PAGE, .tag = 2,
			  .name = "new"),
		  0);
	EXPECT_STR(land_bytes(at, 6), "abABef");
	expect_span(at, 2, 10, 1);
	expect_span(at + 2 * PAGE, 2, 0, 2);
	expect_span(at + 4 * PAGE, 2, 10 + 4 * PAGE, 1);
	expect_name(at, "old", 5);
	expect_name(at + 2 * PAGE, "new", 0);
	expect_name(at + 4 * PAGE, "old", 5 + 4 * PAGE);
	/* Across both seams. */
	EXPECT_EQ(replace(at + PAGE, .region = new, .offset = 2 * PAGE, .size = 4 * PAGE,
			  .tag = 3),
		  0);
	EXPECT_STR(land_bytes(at, 6), "aCDEFf");
	expect_span(at, 1, 10, 1);
	expect_span(at + PAGE, 4, 2 * PAGE, 3);
	expect_span(at + 5 * PAGE, 1, 10 + 5 * PAGE, 1);
	/* All of it, and beyond. */
	EXPECT_EQ(
		replace(at - PAGE, .size = 8 * PAGE, .tag = 4, .flags = TRACT_ATTACH_ANONYMOUS),
		0);
	expect_span(at - PAGE, 8, 0, 4);
	EXPECT_STR(land_bytes(at - PAGE, 8), "00000000");
	land_clear(at - PAGE, 8);
	EXPECT(land_is_free(at - PAGE, 8));
	tract_region_close(old);
	tract_region_close(new);
}

TEST(what_is_free_is_attached_to_with_replace_too)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region);

	EXPECT_EQ(replace(at + PAGE, .region = region), 0);
	EXPECT_STR(land_bytes(at, 3), "aab");
	land_clear(at, 3);
	EXPECT_EQ(replace(at, .region = region), 0);
	EXPECT_STR(land_bytes(at, 2), "ab");
	land_clear(at, 2);
	tract_region_close(region);
}

/* ---- not at all ------------------------------------------------------------------------- */

TEST(with_a_stranger_in_the_way_nothing_is_replaced)
{
	struct tract_region *region = land_region(4, 'a');
	char *at = attached(.region = region), *before;

	EXPECT(mmap(at + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) == at + 4 * PAGE);
	before = land_text(at - PAGE, 7);
	EXPECT_EQ(replace(at - PAGE, .size = 7 * PAGE, .flags = TRACT_ATTACH_ANONYMOUS),
		  -EADDRNOTAVAIL);
	EXPECT_EQ(replace(at + 3 * PAGE, .size = 2 * PAGE, .flags = TRACT_ATTACH_BLOCK),
		  -EADDRNOTAVAIL);
	land_expect_same(before, at - PAGE, 7);
	free(before);
	EXPECT(land_is_free(at - PAGE, 1));
	EXPECT_EQ(munmap(at + 4 * PAGE, PAGE), 0);
	land_clear(at, 4);
	tract_region_close(region);
}

/* An area in the middle: what lies in it is replaced only from inside. */
TEST(across_the_border_of_an_area_nothing_is_replaced)
{
	struct tract_region *region = land_region(4, 'a'), *new = land_region(1, 'A');
	char *at = attached(.region = region, .tag = 1), *before, *other;
	void *area = at + PAGE;

	EXPECT_EQ(tract_map_reserve(OWN, &area, PAGE, TRACT_AREA_FIXED, 0, 0), 0);
	before = land_text(at, 4);
	EXPECT_EQ(replace(at + PAGE, .region = new), -EADDRNOTAVAIL);
	EXPECT_EQ(replace(at, .region = new, .size = 2 * PAGE), -EADDRNOTAVAIL);
	EXPECT_EQ(replace(at, .region = new, .size = 2 * PAGE, .flags = TRACT_ATTACH_IN_AREA),
		  -EADDRNOTAVAIL);
	EXPECT_EQ(replace(at + 2 * PAGE, .region = new, .flags = TRACT_ATTACH_IN_AREA),
		  -ENOENT);
	land_expect_same(before, at, 4);
	free(before);
	/* What a refused one kept ready is not what the next one gets. */
	other = attached(.region = new, .size = 3 * PAGE, .tag = 2);
	EXPECT_EQ(detach(other + PAGE, 1, TRACT_DETACH_EXACT), 0);
	expect_span(other, 1, 0, 2);
	expect_span(other + 2 * PAGE, 1, 2 * PAGE, 2);
	land_check();
	EXPECT_EQ(replace(at + PAGE, .region = new, .flags = TRACT_ATTACH_IN_AREA), 0);
	EXPECT_STR(land_bytes(at, 4), "aAcd");
	land_clear(other, 3);
	land_clear(at, 4);
	tract_region_close(region);
	tract_region_close(new);
}

/* A place that was refused lets go of all it held. */
TEST(a_refused_replacement_keeps_no_region)
{
	struct tract_region *region = land_region(3, 'a');
	unsigned mappings = test_count_memfd_mappings();
	char *at = attached(.region = region);
	void *area = at + PAGE;

	EXPECT_EQ(tract_map_reserve(OWN, &area, PAGE, TRACT_AREA_FIXED, 0, 0), 0);
	EXPECT_EQ(replace(at + PAGE, .size = PAGE, .flags = TRACT_ATTACH_BLOCK),
		  -EADDRNOTAVAIL);
	land_clear(at, 3);
	tract_region_close(region);
	/* The runner finds the descriptor if it is still open. */
	EXPECT_EQ(test_count_memfd_mappings(), mappings);
}

TEST(under_an_export_nothing_is_replaced)
{
	struct tract *ctx = node_open();
	struct tract_region *region = land_region(4, 'a');
	char *at = attached(.region = region), *next = attached(.region = region), *before;
	struct tract_export *export;

	EXPECT(next == at + 4 * PAGE);
	EXPECT_EQ(tract_export_create(ctx, next + PAGE, PAGE, 0, &export), 0);
	before = land_text(at, 8);
	EXPECT_EQ(replace(next + PAGE, .size = PAGE, .flags = TRACT_ATTACH_BLOCK), -EBUSY);
	EXPECT_EQ(replace(next + 2 * PAGE, .size = PAGE, .flags = TRACT_ATTACH_BLOCK), -EBUSY);
	/* The first could go, the second could not. */
	EXPECT_EQ(replace(at + PAGE, .size = 4 * PAGE, .flags = TRACT_ATTACH_BLOCK), -EBUSY);
	EXPECT_EQ(replace(at, .region = region, .size = 8 * PAGE), -EBUSY);
	land_expect_same(before, at, 8);
	free(before);
	EXPECT_EQ(replace(at + PAGE, .size = 3 * PAGE, .flags = TRACT_ATTACH_BLOCK), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(replace(next + PAGE, .size = PAGE, .flags = TRACT_ATTACH_BLOCK), 0);
	land_clear(at, 8);
	tract_region_close(region);
	tract_close(ctx);
}

/* A replacement that was not asked for exactly replaces nothing, and nothing is in its way. */
TEST(a_search_replaces_nothing)
{
	struct tract *ctx = node_open();
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region);
	struct tract_export *export;
	void *there = at;

	EXPECT_EQ(tract_export_create(ctx, at, PAGE, 0, &export), 0);
	EXPECT_EQ(attach(&there, .region = region, .flags = TRACT_ATTACH_REPLACE), 0);
	EXPECT((char *)there == at + 2 * PAGE);
	EXPECT_STR(land_bytes(at, 4), "abab");
	EXPECT_EQ(tract_export_destroy(export), 0);
	land_clear(at, 4);
	tract_region_close(region);
	tract_close(ctx);
}

/* ---- for those who read meanwhile ------------------------------------------------------- */

#define TURNS 2000u

struct reader {
	const volatile char *at;
	_Atomic bool stop;
	_Atomic unsigned wrong, looks;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct tract_span span;

	while (!atomic_load(&r->stop)) {
		char byte = *r->at;

		atomic_fetch_add(&r->wrong, byte != 'b' && byte != 'B');
		/* Whoever looks finds the one or the other, and never nothing. */
		if (tract_find((const void *)(uintptr_t)r->at, &span) < 0 ||
		    (span.tag != 1 && span.tag != 2))
			atomic_fetch_add(&r->wrong, 1u);
		atomic_fetch_add(&r->looks, 1u);
	}
	return NULL;
}

/* No address is ever without memory: a reader would fault. */
TEST(a_reader_sees_the_old_or_the_new_and_never_nothing)
{
	struct tract_region *old = land_region(3, 'a'), *new = land_region(3, 'A');
	char *at = attached(.region = old, .tag = 1);
	struct reader reader = { .at = at + PAGE };
	pthread_t thread;

	EXPECT_EQ(pthread_create(&thread, NULL, read_on, &reader), 0);
	while (atomic_load(&reader.looks) == 0)
		test_pause_us(20);
	for (unsigned n = 0; n < TURNS; n++) {
		EXPECT_EQ(replace(at + PAGE, .region = new, .offset = PAGE, .size = PAGE,
				  .tag = 2),
			  0);
		EXPECT_EQ(replace(at, .region = old, .tag = 1), 0);
	}
	atomic_store(&reader.stop, true);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT_EQ(atomic_load(&reader.wrong), 0);
	land_clear(at, 3);
	tract_region_close(old);
	tract_region_close(new);
}

/* More than the kernel lets a program write to, with or without limits of its own. */
static size_t more_than_memory(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	size_t kib, sum = 0;
	char line[128];

	EXPECT(file != NULL);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "MemTotal: %zu", &kib) == 1 ||
		    sscanf(line, "SwapTotal: %zu", &kib) == 1)
			sum += kib;
	(void)fclose(file);
	EXPECT(sum > 0);
	return (sum * 1024 / PAGE + (1 << 18)) * PAGE;
}

/* Kernels before 6.12, asked to map over something, take that away and only then see whether
 * there is memory. */
TEST(memory_that_is_refused_replaces_nothing)
{
	const size_t size = more_than_memory();
	const struct tract_region_spec spec = { .size = size };
	struct tract_region *region = land_region(4, 'a'), *large;
	char *at = attached(.size = size, .flags = TRACT_ATTACH_BLOCK), *before;
	char *probe =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (probe != MAP_FAILED) {
		EXPECT_EQ(munmap(probe, size), 0);
		SKIP("this host lets programs have more than there is (vm.overcommit_memory)");
	}
	EXPECT_EQ(tract_region_create_local(&spec, &large), 0);
	EXPECT_EQ(detach(at, 4, TRACT_DETACH_EXACT), 0);
	attached_at(at, .region = region);
	before = land_text(at, 5);
	EXPECT_EQ(replace(at, .size = size, .flags = TRACT_ATTACH_ANONYMOUS), -ENOMEM);
	EXPECT_STR(land_bytes(at, 5), "abcd!");
	EXPECT_EQ(replace(at, .region = large, .flags = TRACT_ATTACH_PRIVATE), -ENOMEM);
	EXPECT_STR(land_bytes(at, 5), "abcd!");
	land_expect_same(before, at, 5);
	free(before);
	land_clear(at, size / PAGE);
	tract_region_close(region);
	tract_region_close(large);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_local_regions.c - memory objects that only their process knows, and their content
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/fault.h"
#include "kin.h"
#include "land.h"

#define OWN tract_map_own()
#define BOTH TRACT_RIGHT_READ_WRITE

static int create(size_t size, uint32_t rights, uint32_t flags)
{
	const struct tract_region_spec spec = { .size = size,
						.rights = rights,
						.flags = flags };
	struct tract_region *region = NULL;
	int r = tract_region_create_local(&spec, &region);

	EXPECT((r == 0) == (region != NULL));
	tract_region_close(region);
	return r;
}

/* ---- making ----------------------------------------------------------------------------- */

TEST(a_region_that_makes_no_sense_is_not_made)
{
	struct tract_region_spec spec = { .size = PAGE };
	struct tract_region *region = NULL;

	EXPECT_EQ(tract_region_create_local(NULL, &region), -EINVAL);
	EXPECT_EQ(tract_region_create_local(&spec, NULL), -EINVAL);
	EXPECT_EQ(create(0, 0, 0), -EINVAL);
	EXPECT_EQ(create(1, 0, 0), -EINVAL);
	EXPECT_EQ(create(PAGE + 1, 0, 0), -EINVAL);
	EXPECT_EQ(create(SIZE_MAX, 0, 0), -EINVAL);
	EXPECT_EQ(create((size_t)0 - PAGE, 0, 0), -EINVAL);
	EXPECT_EQ(create(PAGE, 1, 0), -EINVAL);
	EXPECT_EQ(create(PAGE, 8, 0), -EINVAL);
	EXPECT_EQ(create(PAGE, 0, 8), -EINVAL);
	EXPECT_EQ(create(PAGE, 0, 1u << 31), -EINVAL);
	spec.cache = TRACT_CACHE_WRITE_COMBINING + 1;
	EXPECT_EQ(tract_region_create_local(&spec, &region), -EINVAL);
	spec.cache = TRACT_CACHE_UNCACHED;
	EXPECT_EQ(tract_region_create_local(&spec, &region), -ENOTSUP);
	spec.cache = TRACT_CACHE_WRITE_BACK;
	spec.numa_node = 1;
	EXPECT_EQ(tract_region_create_local(&spec, &region), -ENOTSUP);
	EXPECT(region == NULL);
	tract_region_close(NULL);
	EXPECT(tract_region_dup(NULL) == NULL);
	EXPECT_EQ(tract_region_size(NULL), 0);
	EXPECT_EQ(tract_region_id(NULL), 0);
}

TEST(a_region_is_known_by_its_size_and_to_nobody)
{
	struct tract_region *region = land_region(3, 'a'), *again;

	EXPECT_EQ(tract_region_size(region), 3 * PAGE);
	EXPECT_EQ(tract_region_id(region), 0);
	again = tract_region_dup(region);
	EXPECT_EQ(tract_region_size(again), 3 * PAGE);
	tract_region_close(region);
	region = attached(.region = again);
	EXPECT_STR(land_bytes(region, 3), "abc");
	EXPECT_EQ(tract_detach(region), 0);
	tract_region_close(again);
}

TEST(a_region_may_be_larger_than_the_host)
{
	const struct tract_region_spec spec = { .size = (size_t)1 << 45 };
	struct tract_region *region;
	char *at;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	at = attached(.region = region, .offset = spec.size - 4 * PAGE);
	at[3 * PAGE] = 'z';
	EXPECT_EQ(tract_detach(at), 0);
	at = attached(.region = region, .offset = spec.size - 2 * PAGE, .size = 4 * PAGE);
	EXPECT_STR(land_bytes(at, 3), "0z!");
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	/* Unless its memory is to be there. */
	EXPECT_EQ(create(spec.size, 0, TRACT_REGION_RESERVED), -ENOMEM);
}

TEST(a_region_of_any_size_can_be_attached_across_its_end)
{
	const struct tract_region_spec spec = { .size = (size_t)1 << 62 };
	struct tract_region *region;
	char *at;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	at = attached(.region = region, .offset = spec.size - PAGE, .size = 3 * PAGE);
	EXPECT_STR(land_bytes(at, 3), "0!!");
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	EXPECT_EQ(create(spec.size + PAGE, 0, 0), -EINVAL);
	EXPECT_EQ(create((size_t)INT64_MAX + 1, 0, 0), -EINVAL);
}

TEST(what_is_reserved_takes_its_memory_at_once)
{
	const struct tract_region_spec spec = { .size = 8 * PAGE,
						.flags = TRACT_REGION_RESERVED };
	struct tract_region *region;
	void *at;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	at = attached(.region = region);
	EXPECT_EQ(object_bytes(at), 8 * PAGE);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	EXPECT_EQ(create(8 * PAGE, 0, TRACT_REGION_LOCKED | TRACT_REGION_HUGE), 0);
}

TEST(a_region_that_cannot_be_made_leaves_nothing)
{
	unsigned n;

	for (n = 0; create(PAGE, 0, 0) < 0 || n == 0; n++)
		fault_arm_nth(n);
	(void)fault_arm(NULL);
	EXPECT(n > 1);
}

/* ---- content ---------------------------------------------------------------------------- */

static void expect_content_refused(struct tract_region *r, uint64_t offset, uint64_t size,
				   int wanted)
{
	struct tract_region *other = land_region(2, 'x');

	EXPECT_EQ(tract_region_clear(r, offset, size), wanted);
	EXPECT_EQ(tract_region_reserve(r, offset, size), wanted);
	if (size <= 2 * PAGE)
		EXPECT_EQ(tract_region_copy(r, offset, other, 0, size), wanted);
	else
		EXPECT_EQ(tract_region_copy(r, offset, other, 0, size), -ERANGE);
	tract_region_close(other);
}

TEST(content_outside_of_a_region_is_not_changed)
{
	const struct tract_region_spec spec = { .size = PAGE, .rights = TRACT_RIGHT_READ };
	struct tract_region *region = land_region(2, 'a'), *reader;
	char *at = attached(.region = region);

	expect_content_refused(NULL, 0, PAGE, -EINVAL);
	expect_content_refused(region, PAGE, PAGE + 1, -ERANGE);
	expect_content_refused(region, 2 * PAGE + 1, 0, -ERANGE);
	expect_content_refused(region, UINT64_MAX, 2, -ERANGE);
	expect_content_refused(region, 1, UINT64_MAX, -ERANGE);
	EXPECT_EQ(tract_region_copy(region, 0, NULL, 0, PAGE), -EINVAL);
	EXPECT_EQ(tract_region_copy(region, 0, region, PAGE + 1, PAGE), -ERANGE);
	EXPECT_EQ(tract_region_clear(region, 2 * PAGE, 0), 0);
	EXPECT_EQ(tract_region_reserve(region, 0, 0), 0);
	EXPECT_EQ(tract_region_copy(region, 0, region, 2 * PAGE, 0), 0);
	EXPECT_STR(land_bytes(at, 2), "ab");
	EXPECT_EQ(tract_region_create_local(&spec, &reader), 0);
	expect_content_refused(reader, 0, PAGE, -EACCES);
	EXPECT_EQ(tract_region_copy(region, 0, reader, 0, PAGE), 0);
	EXPECT_STR(land_bytes(at, 2), "0b");
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
	tract_region_close(reader);
}

TEST(what_is_cleared_is_zero_to_the_byte_and_given_back)
{
	struct tract_region *region = land_region(5, 0);
	char *at = attached(.region = region);

	memset(at, 'x', 5 * PAGE);
	EXPECT_EQ(tract_region_clear(region, 10, 20), 0);
	EXPECT_EQ(memchr(at, 0, 5 * PAGE) == at + 10 && at[29] == 0 && at[30] == 'x', 1);
	EXPECT_EQ(object_bytes(at), 5 * PAGE);
	EXPECT_EQ(tract_region_clear(region, PAGE - 1, 3 * PAGE + 2), 0);
	EXPECT_EQ(at[PAGE - 2], 'x');
	for (size_t i = PAGE - 1; i < 4 * PAGE + 1; i += 61)
		EXPECT_EQ(at[i], 0);
	EXPECT_EQ(at[4 * PAGE], 0);
	EXPECT_EQ(at[4 * PAGE + 1], 'x');
	EXPECT_EQ(tract_region_clear(region, 0, 5 * PAGE), 0);
	EXPECT_EQ(object_bytes(at), 0);
	EXPECT_STR(land_bytes(at, 5), "00000");
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
}

TEST(memory_of_a_range_can_be_taken_before_it_is_touched)
{
	const struct tract_region_spec spec = { .size = (size_t)1 << 45 };
	struct tract_region *region;
	char *at;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	at = attached(.region = region, .size = 4 * PAGE);
	EXPECT_EQ(tract_region_reserve(region, PAGE + 1, PAGE), 0);
	EXPECT_EQ(object_bytes(at), 2 * PAGE);
	EXPECT_EQ(tract_region_reserve(region, 0, spec.size), -ENOMEM);
	EXPECT_EQ(object_bytes(at), 2 * PAGE);
	EXPECT_EQ(tract_detach(at), 0);
	tract_region_close(region);
}

TEST(a_copy_is_a_snapshot)
{
	struct tract_region *region = land_region(6, 'a'), *other = land_region(4, 'A');
	char *at = attached(.region = region), *there = attached(.region = other);

	EXPECT_EQ(tract_region_copy(region, PAGE, other, 2 * PAGE, 2 * PAGE), 0);
	EXPECT_STR(land_bytes(at, 6), "aCDdef");
	there[2 * PAGE] = 'x';
	EXPECT_STR(land_bytes(at, 6), "aCDdef");
	at[7] = 'y';
	EXPECT_EQ(tract_region_copy(region, 4 * PAGE + 1, region, 7, 1), 0);
	EXPECT_EQ(at[4 * PAGE + 1], 'y');
	EXPECT_EQ(tract_region_copy(region, 3 * PAGE, region, 0, 3 * PAGE), 0);
	EXPECT_STR(land_bytes(at, 6), "aCDaCD");
	EXPECT_EQ(tract_region_copy(region, 0, region, 0, 6 * PAGE), 0);
	EXPECT_STR(land_bytes(at, 6), "aCDaCD");
	land_clear(at, 6);
	land_clear(there, 4);
	tract_region_close(region);
	tract_region_close(other);
}

/* ---- the end ---------------------------------------------------------------------------- */

TEST(a_destroyed_region_is_nowhere_to_be_seen)
{
	struct tract_region *region = land_region(3, 'a'), *other = land_region(3, 'A');
	char *at = attached(.region = region), *seen = attached(.region = other);
	struct tract_span span;
	void *there = NULL;

	EXPECT_EQ(tract_map_show(OWN, region, seen, PAGE, 0, BOTH), 0);
	EXPECT_EQ(tract_map_show(OWN, other, at + PAGE, PAGE, 0, BOTH), 0);
	EXPECT_STR(land_bytes(at, 3), "aAc");
	EXPECT_STR(land_bytes(seen, 3), "aBC");
	EXPECT_EQ(tract_region_destroy(region), 0);
	/* What others show over it stays, also what is shown of it over others goes. */
	EXPECT_STR(land_bytes(at, 3), "!A!");
	EXPECT_STR(land_bytes(seen, 3), "!BC");
	EXPECT_EQ(tract_find(at, &span), 0);
	EXPECT_EQ(span.size, 3 * PAGE);
	EXPECT_EQ(span.kind, TRACT_SPAN_REGION);
	EXPECT_EQ(tract_map_hide(OWN, seen, PAGE, BOTH), 0);
	EXPECT_EQ(tract_map_hide(OWN, at, 3 * PAGE, BOTH), 0);
	EXPECT_STR(land_bytes(at, 3), "!!!");
	EXPECT_STR(land_bytes(seen, 3), "ABC");
	land_check();
	/* Nothing more can be done with it. */
	EXPECT_EQ(attach(&there, .region = region), -EINVAL);
	EXPECT_EQ(tract_attach(region, &there, 0, 0, BOTH, 0), -EINVAL);
	EXPECT_EQ(tract_map_show(OWN, region, seen, PAGE, 0, BOTH), -EINVAL);
	expect_content_refused(region, 0, PAGE, -EINVAL);
	EXPECT_EQ(tract_region_copy(other, 0, region, 0, PAGE), -EINVAL);
	EXPECT_EQ(tract_region_destroy(region), 0);
	/* It stays until it is detached, in parts, too. */
	EXPECT_EQ(detach(at + PAGE, 1, TRACT_DETACH_EXACT), 0);
	EXPECT_STR(land_bytes(at, 3), "!!!");
	land_clear(at, 3);
	land_clear(seen, 3);
	tract_region_close(region);
	tract_region_close(other);
}

TEST(a_private_view_of_a_destroyed_region_faults_too)
{
	struct tract_region *region = land_region(2, 'a');
	char *at = attached(.region = region, .flags = TRACT_ATTACH_PRIVATE);

	at[0] = 'x';
	EXPECT_EQ(tract_region_destroy(region), 0);
	EXPECT_STR(land_bytes(at, 2), "!!");
	tract_region_close(region);
	land_clear(at, 2);
}

TEST(what_is_exported_or_the_brokers_is_not_destroyed)
{
	const struct tract_region_spec spec = { .size = PAGE };
	struct tract_region *region = land_region(2, 'a'), *brokers;
	char *at = attached(.region = region), *other = attached(.region = region);
	struct tract *ctx = node_open();
	struct tract_export *export;

	EXPECT_EQ(tract_region_destroy(NULL), -EINVAL);
	EXPECT_EQ(tract_region_create(ctx, &spec, &brokers), 0);
	EXPECT_EQ(tract_region_destroy(brokers), -EINVAL);
	tract_region_close(brokers);
	EXPECT_EQ(tract_export_create(ctx, at, PAGE, 0, &export), 0);
	EXPECT_EQ(tract_region_destroy(region), -EBUSY);
	EXPECT_STR(land_bytes(at, 4), "abab");
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(tract_region_destroy(region), 0);
	EXPECT_STR(land_bytes(at, 4), "!!!!");
	/* And what is destroyed is not exported. */
	EXPECT_EQ(tract_check_range(other, PAGE), -EFAULT);
	EXPECT_EQ(tract_export_create(ctx, other, PAGE, 0, &export), -EFAULT);
	land_clear(at, 4);
	tract_region_close(region);
	tract_close(ctx);
}

/* Memory that would be needed to withdraw it is not there: then nothing is withdrawn. */
TEST(a_region_that_cannot_be_destroyed_stays_as_it_was)
{
	struct tract_region *region = land_region(4, 'a'), *other = land_region(1, 'A');
	char *at = attached(.region = region);
	char *reader = attached(.region = region, .rights = TRACT_RIGHT_READ, .size = PAGE);
	char *before;

	EXPECT_EQ(tract_map_show(OWN, other, at + PAGE, PAGE, 0, BOTH), 0);
	EXPECT_STR(land_bytes(at, 4), "aAcd");
	before = land_text(at, 6);
	for (unsigned n = 0;; n++) {
		fault_arm_nth(n);
		if (tract_region_destroy(region) == 0)
			break;
		EXPECT(fault_nth_visited());
		land_expect_same(before, at, 6);
		EXPECT_STR(land_bytes(at, 4), "aAcd");
	}
	(void)fault_arm(NULL);
	free(before);
	EXPECT_STR(land_bytes(at, 4), "!A!!");
	EXPECT_STR(land_bytes(reader, 1), "!");
	land_clear(at, 4);
	land_clear(reader, 1);
	tract_region_close(region);
	tract_region_close(other);
}

/* ---- from several threads --------------------------------------------------------------- */

#define THREADS 4u
#define ROUNDS 300u

struct crowd {
	struct tract_region *region[ROUNDS];
	struct tract *ctx;
	pthread_barrier_t barrier;
	_Atomic unsigned wrong;
};

/* One of them destroys what the others attach, look at and export. */
static void *use(void *arg)
{
	static _Atomic unsigned numbers;
	unsigned number = atomic_fetch_add(&numbers, 1u);
	struct crowd *c = arg;

	for (unsigned n = 0; n < ROUNDS; n++) {
		struct tract_region *region = c->region[n];
		struct tract_export *export;
		void *at = NULL;
		int r;

		(void)pthread_barrier_wait(&c->barrier);
		if ((number + n) % THREADS == 0) {
			r = tract_region_destroy(region);
			atomic_fetch_add(&c->wrong, r != 0 && r != -EBUSY);
			continue;
		}
		r = tract_attach(region, &at, 0, 0, BOTH, 0);
		atomic_fetch_add(&c->wrong, r != 0 && r != -EINVAL);
		if (r < 0)
			continue;
		(void)tract_region_id(region);
		if (tract_export_create(c->ctx, at, PAGE, 0, &export) == 0)
			(void)tract_export_destroy(export);
		atomic_fetch_add(&c->wrong, tract_detach(at) != 0);
	}
	return NULL;
}

TEST_SLOW(a_region_may_be_destroyed_while_others_use_it, 60)
{
	struct crowd *c = calloc(1, sizeof(*c));
	pthread_t thread[THREADS];

	EXPECT(c != NULL);
	c->ctx = node_open();
	EXPECT_EQ(pthread_barrier_init(&c->barrier, NULL, THREADS), 0);
	for (unsigned n = 0; n < ROUNDS; n++)
		c->region[n] = land_region(1, 'a');
	for (unsigned i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_create(&thread[i], NULL, use, c), 0);
	for (unsigned i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_join(thread[i], NULL), 0);
	EXPECT_EQ(atomic_load(&c->wrong), 0);
	EXPECT_EQ(land_count(), 0);
	land_check();
	for (unsigned n = 0; n < ROUNDS; n++)
		tract_region_close(c->region[n]);
	tract_close(c->ctx);
	free(c);
}

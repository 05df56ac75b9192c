/* SPDX-License-Identifier: MIT */
/*
 * shared_fence.c - memory is taken back from one who keeps it
 *
 * Everybody else moves to fresh memory with the same content, so the floor is processes that do
 * just that: a fresh memory file, a copy with the faults of its pages, the new mapping over the
 * old in each of them, and the old one emptied.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "shared.h"

#define LARGE ((size_t)64 << 20)
#define SMALL ((size_t)1 << 20)
#define SURVIVORS FOLLOWERS
#define SMALL_ROUNDS 300u

/* ---- the floor -------------------------------------------------------------------------- */

struct bare {
	size_t size;
	int fd;
	char *at;
	const struct shared_bench *followed; /* NULL: by nobody */
};

static void bare_make(struct bare *bare, size_t size)
{
	*bare = (struct bare){ .size = size };
	bare->fd = memfd_create("bench-fence", MFD_CLOEXEC);
	if (bare->fd < 0 || ftruncate(bare->fd, (off_t)size) < 0)
		die("cannot make a memfd");
	bare->at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bare->fd, 0);
	if (bare->at == MAP_FAILED)
		die("cannot map a memfd");
	memset(bare->at, 7, size);
}

static void bare_end(struct bare *bare)
{
	(void)munmap(bare->at, bare->size);
	(void)close(bare->fd);
}

static double bare_move(struct bare *bare)
{
	double start = clock_ns();
	int fd = memfd_create("bench-fence", MFD_CLOEXEC);
	char *to;

	if (fd < 0 || ftruncate(fd, (off_t)bare->size) < 0)
		return -1;
	to = mmap(NULL, bare->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (to == MAP_FAILED)
		return -1;
	memcpy(to, bare->at, bare->size);
	if (mremap(to, bare->size, bare->size, MREMAP_MAYMOVE | MREMAP_FIXED, bare->at) ==
	    MAP_FAILED)
		return -1;
	if (bare->followed)
		followers_map(bare->followed, fd, bare->size);
	if (fallocate(bare->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      (off_t)bare->size) < 0)
		return -1;
	(void)close(bare->fd);
	bare->fd = fd;
	return clock_ns() - start;
}

static double run_bare(void *arg, size_t times)
{
	double taken = 0;

	for (size_t n = 0; n < times; n++)
		taken += bare_move(arg);
	return taken;
}

/* The part of it that is asked for at 64 MiB: no mapping over the old, nothing emptied. */
static double run_copy(void *arg, size_t times)
{
	const struct bare *bare = arg;
	double taken = 0;

	for (size_t n = 0; n < times; n++) {
		double start = clock_ns();
		struct bare fresh = { .size = bare->size,
				      .fd = memfd_create("bench-fence", MFD_CLOEXEC) };

		if (fresh.fd < 0 || ftruncate(fresh.fd, (off_t)fresh.size) < 0)
			return -1;
		fresh.at =
			mmap(NULL, fresh.size, PROT_READ | PROT_WRITE, MAP_SHARED, fresh.fd, 0);
		if (fresh.at == MAP_FAILED)
			return -1;
		memcpy(fresh.at, bare->at, fresh.size);
		taken += clock_ns() - start;
		bare_end(&fresh);
	}
	return taken;
}

/* ---- ours ------------------------------------------------------------------------------- */

struct fence {
	shared_region *region;
	const struct helper *victim;
};

static double run_fence(void *arg, size_t times)
{
	const struct fence *fence = arg;
	double taken = 0, start;

	for (size_t n = 0; n < times; n++) {
		int r;

		helper_keep(fence->victim, shared_bench_share(fence->region, fence->victim));
		start = clock_ns();
		r = shared_region_unmap(fence->region, fence->victim->number,
					SHARED_REGION_FENCE);
		taken += clock_ns() - start;
		if (r != 0)
			die("a fence failed: %s", shared_region_strerror(r));
		helper_drop(fence->victim);
	}
	return taken;
}

static char *map_own(const struct shared_bench *bench, shared_region *region)
{
	void *at;
	int r = shared_region_map(region, shared_region_self(bench->client), NULL,
				  SHARED_REGION_WRITE, &at);

	if (r != 0)
		die("the owner cannot map: %s", shared_region_strerror(r));
	memset(at, 7, shared_region_size(region));
	return at;
}

static void end_own(const struct shared_bench *bench, shared_region *region)
{
	(void)shared_region_unmap(region, shared_region_self(bench->client), SHARED_REGION_ASK);
	(void)shared_region_destroy(region);
	shared_region_release(region);
}

/* ---- one survivor, 64 MiB --------------------------------------------------------------- */

static void fence_large(const struct shared_bench *bench)
{
	const struct race race = { .rounds = 15, .batch = 1 };
	struct fence fence = { shared_bench_region(bench, LARGE), &bench->helper[0] };
	struct bare bare;
	const struct contender contenders[] = {
		{ "tract", run_fence, &fence },
		{ "memcpy to a fresh memfd", run_copy, &bare },
	};

	bare_make(&bare, LARGE);
	(void)map_own(bench, fence.region);
	race_report("fence-large", contenders, 2, &race);
	end_own(bench, fence.region);
	bare_end(&bare);
}

/* ---- eight of them, 1 MiB --------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The worst of 100, where others give the median. */
static struct spread with_p99(double taken[static SMALL_ROUNDS])
{
	qsort(taken, SMALL_ROUNDS, sizeof(*taken), compare);
	return (struct spread){ taken[SMALL_ROUNDS * 99 / 100], taken[0],
				taken[SMALL_ROUNDS - 1] };
}

/* By the median, the worst of 100 and the worst, of which the second is asked for. */
static void report_against(const char *peer, const double ours[static SMALL_ROUNDS],
			   double floor[static SMALL_ROUNDS])
{
	const unsigned median = SMALL_ROUNDS / 2, p99 = SMALL_ROUNDS * 99 / 100;

	report_time("fence-small", peer, with_p99(floor));
	report_ratio("fence-small", peer,
		     (struct spread){ ours[p99] / floor[p99], ours[median] / floor[median],
				      ours[SMALL_ROUNDS - 1] / floor[SMALL_ROUNDS - 1] });
}

static void fence_small(const struct shared_bench *bench)
{
	struct fence fence = { shared_bench_region(bench, SMALL), &bench->helper[SURVIVORS] };
	static double ours[SMALL_ROUNDS], followed[SMALL_ROUNDS], alone[SMALL_ROUNDS];
	struct bare crowd, one;

	bare_make(&crowd, SMALL);
	bare_make(&one, SMALL);
	crowd.followed = bench;
	for (unsigned i = 0; i < SURVIVORS; i++)
		helper_keep(&bench->helper[i],
			    shared_bench_share(fence.region, &bench->helper[i]));
	for (unsigned n = 0; n < SMALL_ROUNDS; n++) {
		ours[n] = run_fence(&fence, 1);
		followed[n] = run_bare(&crowd, 1);
		alone[n] = run_bare(&one, 1);
	}
	report_time("fence-small", "tract", with_p99(ours));
	report_against("bare floor", ours, followed);
	report_against("one process alone", ours, alone);
	for (unsigned i = 0; i < SURVIVORS; i++)
		helper_drop(&bench->helper[i]);
	end_own(bench, fence.region);
	bare_end(&crowd);
	bare_end(&one);
}

void row_shared_fence(const struct shared_bench *bench)
{
	fence_large(bench);
	fence_small(bench);
}

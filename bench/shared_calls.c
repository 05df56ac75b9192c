/* SPDX-License-Identifier: MIT */
/*
 * shared_calls.c - a region is made; one that is there is handed on and mapped
 *
 * The floors are what the kernel takes for it: one question to a bare server, which a second
 * process cannot do without, and a memory file that is made, sized and sealed, or mapped. Pages
 * are reserved by ours and not by the floor.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "floor.h"
#include "harness.h"
#include "shared.h"
#include <tract/context.h>

#define PAGE 4096

static double run_create(void *arg, size_t times)
{
	const struct shared_bench *bench = arg;
	shared_region *region[BATCH_MAX];
	double start = clock_ns(), taken;

	for (size_t n = 0; n < times; n++)
		region[n] = shared_bench_region(bench, PAGE);
	taken = clock_ns() - start;
	for (size_t n = 0; n < times; n++) {
		if (shared_region_destroy(region[n]) != 0)
			die("a region could not be destroyed: %s", tract_reason());
		shared_region_release(region[n]);
	}
	return taken;
}

static double run_create_bare(void *arg, size_t times)
{
	const struct shared_bench *bench = arg;
	int fd[BATCH_MAX];
	double start = clock_ns(), taken;

	for (size_t n = 0; n < times; n++) {
		(void)close(floor_request(bench->server));
		fd[n] = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (fd[n] < 0 || ftruncate(fd[n], PAGE) < 0 ||
		    fcntl(fd[n], F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
			return -1;
	}
	taken = clock_ns() - start;
	for (size_t n = 0; n < times; n++)
		(void)close(fd[n]);
	return taken;
}

/* The owner's part by the owner's clock, the receiver's by the receiver's. */
static double run_grant_map(void *arg, size_t times)
{
	const struct shared_bench *bench = arg;
	const struct helper *helper = &bench->helper[0];
	shared_region *region[BATCH_MAX];
	shared_region_cap cap[BATCH_MAX];
	double start, taken;

	for (size_t n = 0; n < times; n++)
		region[n] = shared_bench_region(bench, PAGE);
	start = clock_ns();
	for (size_t n = 0; n < times; n++)
		cap[n] = shared_bench_share(region[n], helper);
	taken = clock_ns() - start;
	taken += helper_map(helper, cap, (unsigned)times);
	for (size_t n = 0; n < times; n++) {
		if (shared_region_destroy(region[n]) != 0)
			die("a region could not be destroyed: %s", tract_reason());
		shared_region_release(region[n]);
	}
	return taken;
}

static double run_map_bare(void *arg, size_t times)
{
	const struct shared_bench *bench = arg;
	void *at[BATCH_MAX];
	double start = clock_ns(), taken;

	for (size_t n = 0; n < times; n++) {
		int fd = floor_request(bench->server);

		at[n] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at[n] == MAP_FAILED)
			return -1;
		(void)close(fd);
	}
	taken = clock_ns() - start;
	for (size_t n = 0; n < times; n++)
		(void)munmap(at[n], PAGE);
	return taken;
}

void row_shared_calls(const struct shared_bench *bench)
{
	const struct race race = { .rounds = 60, .batch = 32 };
	struct shared_bench self = *bench;
	const struct contender creators[] = {
		{ "tract", run_create, &self },
		{ "bare floor", run_create_bare, &self },
	};
	const struct contender mappers[] = {
		{ "tract", run_grant_map, &self },
		{ "bare floor", run_map_bare, &self },
	};

	race_report("shared-create", creators, 2, &race);
	race_report("shared-grant-map", mappers, 2, &race);
}

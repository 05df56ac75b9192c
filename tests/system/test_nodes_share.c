/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_share.c - many importers of one node, and what each of them gets
 *
 * What is promised in bytes for each importer is printed, and so is the spread.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tract/tract.h>
#include <unistd.h>

#include "cluster.h"
#include "test.h"

#define LONG_MS 15000
#define RW TRACT_RIGHT_READ_WRITE
#define ID 0x400001u

static void expect_ok(int r)
{
	EXPECT_OR_SAY(r == 0, "%d: %s", r, tract_reason());
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

#define IMPORTERS 64u
#define BLOCK ((size_t)16 << 10)
#define WINDOW ((size_t)64 << 10)

static double busy_us(void)
{
	return test_is_deep() ? 20e6 : 2e6;
}

/* Between all processes. */
struct race {
	_Atomic unsigned published, ready, go, done;
	_Atomic uint64_t moved[IMPORTERS];
};

static void put_until_told(struct race *race, unsigned self, const char *directory)
{
	static char block[BLOCK];
	struct tract *ctx;
	struct tract_import *import;
	struct tract_barrier barrier;

	while (!atomic_load(&race->published))
		test_pause_us(1000);
	expect_ok(tract_open(directory, &ctx));
	expect_ok(tract_import_connect(ctx, 1, ID, RW, &import));
	expect_ok(tract_barrier_init(import, &barrier));
	expect_ok(tract_import_put(import, 0, block, BLOCK));
	atomic_fetch_add(&race->ready, 1);
	while (!atomic_load(&race->go))
		test_pause_us(1000);
	while (atomic_load(&race->go) == 1) {
		expect_ok(tract_import_put(import, 0, block, BLOCK));
		atomic_fetch_add(&race->moved[self], BLOCK);
	}
	atomic_fetch_add(&race->done, 1);
	while (atomic_load(&race->go) == 2)
		test_pause_us(1000);
	expect_ok(tract_import_close(import));
	tract_close(ctx);
}

static uint64_t kilobytes_of(pid_t pid)
{
	unsigned long long kb = 0;
	char path[64], line[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	EXPECT(file != NULL);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %llu kB", &kb) == 1)
			break;
	(void)fclose(file);
	return kb;
}

static void report_race(const struct race *race, uint64_t kb_before, uint64_t kb_after)
{
	double share[IMPORTERS], sum = 0;
	unsigned near = 0;

	for (unsigned i = 0; i < IMPORTERS; i++)
		sum += share[i] = (double)atomic_load(&race->moved[i]);
	for (unsigned i = 0; i < IMPORTERS; i++) {
		share[i] /= sum / IMPORTERS;
		near += share[i] > 0.8 && share[i] < 1.2;
	}
	qsort(share, IMPORTERS, sizeof(*share), compare);
	(void)fprintf(
		stderr,
		"# %.0f MB/s for all; shares from %.2f to %.2f of the mean, %u of %u within "
		"20%%; %.1f kB of the broker's for each\n",
		sum / busy_us(), share[0], share[IMPORTERS - 1], near, IMPORTERS,
		((double)kb_after - (double)kb_before) / IMPORTERS);
	EXPECT(share[0] > 0.2);
	EXPECT(share[IMPORTERS - 1] < 5);
}

static void importers_start(struct cluster *c, struct race *race, pid_t *pids)
{
	for (unsigned i = 0; i < IMPORTERS; i++) {
		pids[i] = fork();
		EXPECT(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		put_until_told(race, i, c->node[1 + i % 3].directory);
		_exit(0);
	}
}

TEST_SLOW(sixty_four_importers_on_three_nodes_all_get_their_share, 240)
{
	struct tract *there;
	struct tract_export *export;
	pid_t pids[IMPORTERS];
	uint32_t id = ID;
	uint64_t before, after;
	struct race *race;
	struct cluster c;
	void *memory;

	race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0);
	memory = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT((void *)race != MAP_FAILED && memory != MAP_FAILED);
	cluster_make(&c, 4, true, "[link]\npeer-timeout-ms = 5000\n");
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	importers_start(&c, race, pids);
	expect_ok(tract_open(c.node[0].directory, &there));
	expect_ok(tract_export_create(there, memory, WINDOW, 0, &export));
	before = kilobytes_of(c.node[0].broker);
	expect_ok(tract_export_publish(export, &id, NULL, 0));
	atomic_store(&race->published, 1);
	EXPECT_WITHIN(120000, atomic_load(&race->ready) == IMPORTERS);
	atomic_store(&race->go, 1);
	test_pause_us((unsigned)busy_us());
	atomic_store(&race->go, 2);
	EXPECT_WITHIN(120000, atomic_load(&race->done) == IMPORTERS);
	after = kilobytes_of(c.node[0].broker);
	atomic_store(&race->go, 3);
	for (unsigned i = 0; i < IMPORTERS; i++) {
		int status = -1;

		EXPECT_EQ(waitpid(pids[i], &status, 0), pids[i]);
		EXPECT_EQ(status, 0);
	}
	report_race(race, before, after);
	expect_ok(tract_export_destroy(export));
	tract_close(there);
	EXPECT_EQ(munmap(memory, WINDOW), 0);
	EXPECT_EQ(munmap(race, sizeof(*race)), 0);
	cluster_end(&c);
}

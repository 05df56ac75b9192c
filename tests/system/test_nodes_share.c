/* SPDX-License-Identifier: MIT */
/*
 * test_nodes_share.c - many importers of one node, and what each of them gets
 *
 * Sixty-four processes on three nodes move blocks to or from a segment of the fourth, each one
 * block after the other.  On one host it is the processors that they share, as its kernel sees
 * fit; over a wire it is the wire.  What is promised in bytes for each importer is printed.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tract/tract.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster.h"
#include "test.h"
#include "wire.h"

#define LONG_MS 120000
#define RW TRACT_RIGHT_READ_WRITE
#define ID 0x400001u
#define NODES 4u
/* None is called gone because the machine is busy. */
#define LINK "[link]\npeer-timeout-ms = 20000\n"
#define IMPORTERS 64u
#define TURNS 8u
#define BLOCK ((size_t)16 << 10)
#define WINDOW ((size_t)64 << 10)

/* How fast the wire is: so slow that it takes an importer longer to wait for its turn than for
 * a processor. */
#define WIRE_MBITS 200u
/*
 * What all have on their way at the same time, and as much again for headers and for what the
 * kernel counts of a packet: nothing is dropped.  Each waits for its block to arrive before the
 * next, so there is never more.  A shorter queue would drop, and whose packet that is, TCP
 * finds out after 200 ms: it would not be the wire that decides then.  Where there are more on
 * their way than a switch can hold, its queue has to be a fair one.
 */
#define WIRE_QUEUE (2 * IMPORTERS * BLOCK)

/* Between all processes. */
struct race {
	sem_t turn; /* to get ready: a few at a time, for that takes processors */
	sem_t start, end;
	_Atomic bool over;
	_Atomic unsigned ready, done;
	_Atomic uint64_t blocks[IMPORTERS];
};

struct crowd {
	struct cluster c;
	struct race *race;
	bool gets; /* rather than puts */
	pid_t pids[IMPORTERS];
	struct tract *there;
	struct tract_export *export;
	void *memory;
	double kb_each; /* of the broker's */
	uint64_t began;
};

static void expect_ok(int r)
{
	EXPECT_OR_SAY(r == 0, "%d: %s", r, tract_reason());
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* ---- an importer ------------------------------------------------------------------------- */

static void move_one(const struct crowd *crowd, struct tract_import *import)
{
	static char block[BLOCK];

	if (crowd->gets)
		expect_ok(tract_import_get(import, 0, block, BLOCK));
	else
		expect_ok(tract_import_put(import, 0, block, BLOCK));
}

static void tell(sem_t *said, unsigned times)
{
	while (times-- > 0)
		EXPECT_EQ(sem_post(said), 0);
}

static void await(sem_t *said)
{
	int r;

	do
		r = sem_wait(said);
	while (r < 0 && errno == EINTR);
	EXPECT_EQ(r, 0);
}

static void move_until_told(const struct crowd *crowd, unsigned self, const char *directory)
{
	struct race *race = crowd->race;
	struct tract *ctx;
	struct tract_import *import;
	struct tract_barrier barrier;

	await(&race->turn);
	expect_ok(tract_open(directory, &ctx));
	expect_ok(tract_import_connect(ctx, 1, ID, RW, &import));
	expect_ok(tract_barrier_init(import, &barrier));
	move_one(crowd, import);
	atomic_fetch_add(&race->ready, 1);
	tell(&race->turn, 1);
	await(&race->start);
	while (!atomic_load(&race->over)) {
		move_one(crowd, import);
		atomic_fetch_add(&race->blocks[self], 1);
	}
	atomic_fetch_add(&race->done, 1);
	await(&race->end);
	expect_ok(tract_import_close(import));
	tract_close(ctx);
}

/* ---- all of them ------------------------------------------------------------------------- */

static double kilobytes_of(pid_t pid)
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
	return (double)kb;
}

/* The brokers run. */
static void importers_start(struct crowd *crowd)
{
	uint32_t id = ID;

	EXPECT_WITHIN(LONG_MS, cluster_all_up(&crowd->c));
	for (unsigned i = 0; i < IMPORTERS; i++) {
		crowd->pids[i] = fork();
		EXPECT(crowd->pids[i] >= 0);
		if (crowd->pids[i] > 0)
			continue;
		move_until_told(crowd, i, crowd->c.node[1 + i % 3].directory);
		_exit(0);
	}
	expect_ok(tract_open(crowd->c.node[0].directory, &crowd->there));
	expect_ok(tract_export_create(crowd->there, crowd->memory, WINDOW, 0, &crowd->export));
	crowd->kb_each = -kilobytes_of(crowd->c.node[0].broker);
	expect_ok(tract_export_publish(crowd->export, &id, NULL, 0));
	tell(&crowd->race->turn, TURNS);
	EXPECT_WITHIN(LONG_MS, atomic_load(&crowd->race->ready) == IMPORTERS);
}

static void importers_end(struct crowd *crowd)
{
	EXPECT_WITHIN(LONG_MS, atomic_load(&crowd->race->done) == IMPORTERS);
	crowd->kb_each += kilobytes_of(crowd->c.node[0].broker);
	crowd->kb_each /= IMPORTERS;
	tell(&crowd->race->end, IMPORTERS);
	for (unsigned i = 0; i < IMPORTERS; i++) {
		int status = -1;

		EXPECT_EQ(waitpid(crowd->pids[i], &status, 0), crowd->pids[i]);
		EXPECT_EQ(status, 0);
	}
}

static uint64_t blocks_of_all(const struct race *race)
{
	uint64_t blocks = 0;

	for (unsigned i = 0; i < IMPORTERS; i++)
		blocks += atomic_load(&race->blocks[i]);
	return blocks;
}

static void race_begin(struct crowd *crowd)
{
	crowd->began = clock_now();
	tell(&crowd->race->start, IMPORTERS);
}

/* What each got, of the mean and in order. */
static void race_end(struct crowd *crowd, double ret_shares[IMPORTERS])
{
	struct race *race = crowd->race;
	double seconds, all;
	unsigned near = 0;

	atomic_store(&race->over, true);
	seconds = (double)(clock_now() - crowd->began) / 1e9;
	importers_end(crowd);
	all = (double)blocks_of_all(race);
	for (unsigned i = 0; i < IMPORTERS; i++) {
		ret_shares[i] = IMPORTERS * (double)atomic_load(&race->blocks[i]) / all;
		near += ret_shares[i] > 0.8 && ret_shares[i] < 1.2;
	}
	qsort(ret_shares, IMPORTERS, sizeof(*ret_shares), compare);
	(void)fprintf(
		stderr,
		"# %s: %.1f MB/s for all during %.1f s; shares from %.2f to %.2f of the mean, "
		"%u of %u within 20%%; %.1f kB of the broker's for each\n",
		crowd->gets ? "get" : "put", all * (double)BLOCK / 1e6 / seconds, seconds,
		ret_shares[0], ret_shares[IMPORTERS - 1], near, IMPORTERS, crowd->kb_each);
}

static void *map_anonymous(size_t size, int flags)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	EXPECT(memory != MAP_FAILED);
	return memory;
}

static void crowd_make(struct crowd *crowd, bool gets)
{
	*crowd = (struct crowd){ .gets = gets };
	crowd->race = map_anonymous(sizeof(*crowd->race), MAP_SHARED);
	EXPECT_EQ(sem_init(&crowd->race->turn, 1, 0), 0);
	EXPECT_EQ(sem_init(&crowd->race->start, 1, 0), 0);
	EXPECT_EQ(sem_init(&crowd->race->end, 1, 0), 0);
	crowd->memory = map_anonymous(WINDOW, MAP_PRIVATE);
}

static void crowd_end(struct crowd *crowd)
{
	expect_ok(tract_export_destroy(crowd->export));
	tract_close(crowd->there);
	EXPECT_EQ(munmap(crowd->memory, WINDOW), 0);
	EXPECT_EQ(munmap(crowd->race, sizeof(*crowd->race)), 0);
	cluster_end(&crowd->c);
}

/* ---- on one host ------------------------------------------------------------------------- */

TEST_SLOW(sixty_four_importers_on_three_nodes_all_get_their_share, 240)
{
	double shares[IMPORTERS];
	struct crowd crowd;

	crowd_make(&crowd, false);
	cluster_make(&crowd.c, NODES, true, LINK);
	cluster_start_all(&crowd.c);
	importers_start(&crowd);
	race_begin(&crowd);
	test_pause_us(test_is_deep() ? 60000000 : 2000000);
	race_end(&crowd, shares);
	EXPECT(shares[0] > 0.2);
	EXPECT(shares[IMPORTERS - 1] < 5);
	crowd_end(&crowd);
}

/* ---- over a wire ------------------------------------------------------------------------- */

/* The exporter has its host, and its end of the wire, to itself. */
static void try_over_a_wire(bool gets)
{
	const char *const hosts[NODES] = { wire_hosts[1], wire_hosts[0], wire_hosts[0],
					   wire_hosts[0] };
	uint64_t blocks = test_is_deep() ? 1000 : 200; /* for each, about */
	double shares[IMPORTERS];
	struct crowd crowd;
	struct wire wire;

	if (TEST_SANITIZED)
		SKIP("with a sanitizer the processors are shared, and not the wire");
	crowd_make(&crowd, gets);
	wire_up(&wire);
	wire_limit(&wire, WIRE_MBITS, WIRE_QUEUE);
	cluster_make_apart(&crowd.c, NODES, hosts, LINK);
	for (unsigned i = 0; i < NODES; i++) {
		wire_enter(&wire, i == 0);
		cluster_start(&crowd.c, i);
	}
	importers_start(&crowd);
	race_begin(&crowd);
	EXPECT_WITHIN(LONG_MS, blocks_of_all(crowd.race) >= IMPORTERS * blocks);
	race_end(&crowd, shares);
	EXPECT(shares[0] > 0.8);
	EXPECT(shares[IMPORTERS - 1] < 1.2);
	crowd_end(&crowd);
	wire_down(&wire);
}

TEST_SLOW(sixty_four_importers_that_put_over_one_wire_share_it_within_a_fifth, 240)
{
	try_over_a_wire(false);
}

TEST_SLOW(sixty_four_importers_that_get_over_one_wire_share_it_within_a_fifth, 240)
{
	try_over_a_wire(true);
}

/* SPDX-License-Identifier: MIT */
/*
 * shared_crowd.c - a broker that serves a thousand processes and a hundred thousand regions
 *
 *	bench-crowd RESULTS PROCESSES REGIONS
 *
 * Two brokers, in two nodes: one serves the crowd, the other nobody but who measures.  What is
 * asked of both in turn tells what the crowd costs; what the first has in memory before and
 * after tells what a region and a capability weigh there.  A region is a page, which is the
 * region's and not counted, and a file of the kernel's, which is counted by nobody here.
 *
 * A broker holds a descriptor for each region: where the host does not allow so many there are
 * fewer regions, and the results say how many.
 */
#include <errno.h>
#include <shared_region.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <tract/context.h>
#include <unistd.h>

#include "harness.h"
#include "memory.h"

#define PAGE 4096
#define CROWD_MAX 4000u
/* A broker has half of its descriptors for regions, two for each, and half for processes. */
#define FDS_PER_REGION 4u
#define FDS_PER_PROCESS 20u /* five of a quarter: no user gets more than half of that half */
#define FDS_BESIDE 512u
/* Derived from the root of each process's first region. */
#define CAPS_PER_PROCESS 100u
/* Who attaches waits for its turn at the broker's queue of connections, which is finite. */
#define AT_ONCE 32

enum phase { ATTACH, MAKE, DERIVE, PHASES };

/* Each phase ends when everybody has written a byte, and begins when all are told. */
struct crowd {
	const char *node;
	unsigned processes, regions;
	int told[PHASES][2], done[2];
	int turn[2]; /* a byte for each that may attach at the same time */
};

/* ---- one of the crowd ------------------------------------------------------------------- */

static void await(const struct crowd *crowd, enum phase phase)
{
	char c;

	/* Nobody writes: what ends it is that the writing end is closed. */
	(void)close(crowd->told[phase][1]);
	if (read(crowd->told[phase][0], &c, 1) != 0)
		_exit(1);
}

static void say_done(const struct crowd *crowd, bool well)
{
	if (write(crowd->done[1], well ? "y" : "n", 1) != 1)
		_exit(1);
}

static bool explain(const char *what, int r)
{
	if (r != 0)
		(void)fprintf(stderr, "bench: %s: %s: %s\n", what, shared_region_strerror(r),
			      tract_reason());
	return r == 0;
}

static bool make_regions(shared_region_client *client, unsigned count, shared_region **first)
{
	shared_region *region;

	for (unsigned i = 0; i < count; i++) {
		int r = shared_region_new(client, shared_region_self(client), PAGE,
					  SHARED_REGION_WRITE, &region);

		if (!explain("a region", r))
			return false;
		/* The handle is the library's; the region stays. */
		if (i == 0)
			*first = region;
		else
			shared_region_release(region);
	}
	return true;
}

static bool derive_caps(shared_region_client *client, shared_region *region)
{
	shared_region_cap root, cap;

	if (shared_region_root_capability(region, &root) != 0)
		return false;
	for (unsigned i = 0; i < CAPS_PER_PROCESS; i++)
		if (shared_region_cap_derive(client, root, SHARED_REGION_RIGHT_READ,
					     shared_region_self(client), &cap) != 0)
			return false;
	return true;
}

static void be_one(const struct crowd *crowd)
{
	shared_region_client *client = NULL;
	shared_region *first = NULL;
	bool well;
	char c;
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	await(crowd, ATTACH);
	if (read(crowd->turn[0], &c, 1) != 1)
		_exit(1);
	r = shared_region_attach(crowd->node, 0, &client);
	if (write(crowd->turn[1], &c, 1) != 1)
		_exit(1);
	well = explain("attach", r);
	say_done(crowd, well);
	await(crowd, MAKE);
	well = well && make_regions(client, crowd->regions / crowd->processes, &first);
	say_done(crowd, well);
	await(crowd, DERIVE);
	well = well && derive_caps(client, first);
	say_done(crowd, well);
	for (;;)
		(void)pause();
}

/* ---- who measures ----------------------------------------------------------------------- */

static void begin(const struct crowd *crowd, enum phase phase)
{
	char c;

	(void)close(crowd->told[phase][1]);
	for (unsigned i = 0; i < crowd->processes; i++)
		if (read(crowd->done[0], &c, 1) != 1 || c != 'y')
			die("a process of the crowd failed in phase %d", phase);
}

static double run_check(void *arg, size_t times)
{
	shared_region_client *client = arg;
	shared_region *region;
	shared_region_cap root;
	double start, taken;

	if (shared_region_new(client, shared_region_self(client), PAGE, SHARED_REGION_WRITE,
			      &region) != 0 ||
	    shared_region_root_capability(region, &root) != 0)
		return -1;
	start = clock_ns();
	for (size_t n = 0; n < times; n++)
		if (shared_region_cap_check(client, root, SHARED_REGION_RIGHT_READ) != 0)
			return -1;
	taken = clock_ns() - start;
	(void)shared_region_destroy(region);
	shared_region_release(region);
	return taken;
}

static double run_create(void *arg, size_t times)
{
	shared_region_client *client = arg;
	shared_region *region;
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		if (shared_region_new(client, shared_region_self(client), PAGE,
				      SHARED_REGION_WRITE, &region) != 0 ||
		    shared_region_destroy(region) != 0)
			return -1;
		shared_region_release(region);
	}
	return clock_ns() - start;
}

static void at_most(unsigned *count, unsigned long most)
{
	if (*count > most)
		*count = (unsigned)most;
}

/* As many regions as descriptors allow; brokers started from here on may have so many. */
static void fit(struct crowd *crowd)
{
	unsigned long for_regions = (unsigned long)crowd->regions * FDS_PER_REGION,
		      for_processes = (unsigned long)crowd->processes * FDS_PER_PROCESS,
		      need = FDS_BESIDE +
			     (for_regions > for_processes ? for_regions : for_processes);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("cannot read a limit");
	if (limit.rlim_max < need) {
		const struct rlimit more = { need, need };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
		at_most(&crowd->regions, (limit.rlim_max - FDS_BESIDE) / FDS_PER_REGION);
		at_most(&crowd->processes, (limit.rlim_max - FDS_BESIDE) / FDS_PER_PROCESS);
	}
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void start_crowd(struct crowd *crowd)
{
	if (pipe(crowd->done) < 0 || pipe(crowd->turn) < 0)
		die("no pipe");
	for (int i = 0; i < AT_ONCE; i++)
		if (write(crowd->turn[1], "t", 1) != 1)
			die("no pipe");
	for (int i = 0; i < PHASES; i++)
		if (pipe(crowd->told[i]) < 0)
			die("no pipe");
	for (unsigned i = 0; i < crowd->processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("cannot fork");
		if (pid == 0)
			be_one(crowd);
	}
}

static shared_region_client *attach(const char *node)
{
	shared_region_client *client;
	int r = mkdir(node, 0700) < 0 && errno != EEXIST ? -1 : 0;

	if (r == 0)
		r = shared_region_attach(node, 0, &client);
	if (r != 0)
		die("cannot attach to %s", node);
	return client;
}

static void measure(const struct crowd *crowd, const char *empty)
{
	const struct race race = { .rounds = 60, .batch_ns = 2e6 };
	shared_region_client *quiet = attach(empty), *busy = attach(crowd->node);
	const struct contender checks[] = { { "tract", run_check, busy },
					    { "empty broker", run_check, quiet } };
	const struct contender makers[] = { { "tract", run_create, busy },
					    { "empty broker", run_create, quiet } };
	double made, before;

	begin(crowd, ATTACH);
	before = memory_of_broker(crowd->node);
	begin(crowd, MAKE);
	made = memory_of_broker(crowd->node);
	report_value("crowd-region", "bytes", (made - before) / crowd->regions);
	begin(crowd, DERIVE);
	report_value("crowd-capability", "bytes",
		     (memory_of_broker(crowd->node) - made) /
			     (crowd->processes * CAPS_PER_PROCESS));
	report_value("crowd", "processes", crowd->processes);
	report_value("crowd", "regions", crowd->regions);
	race_report("crowd-check", checks, 2, &race);
	race_report("crowd-create", makers, 2, &race);
	shared_region_detach(busy);
	shared_region_detach(quiet);
}

int main(int argc, char **argv)
{
	const char *base = getenv("TRACT_DIR");
	char empty[512], full[512];
	struct crowd crowd = { .node = full };

	if (argc != 4 || !base)
		die("usage: TRACT_DIR=DIRECTORY bench-crowd RESULTS PROCESSES REGIONS");
	crowd.processes = (unsigned)strtoul(argv[2], NULL, 10);
	crowd.regions = (unsigned)strtoul(argv[3], NULL, 10);
	if (crowd.processes == 0 || crowd.processes > CROWD_MAX ||
	    crowd.regions < crowd.processes)
		die("one process at least, %u at most, and a region for each", CROWD_MAX);
	(void)snprintf(empty, sizeof(empty), "%s/empty", base);
	(void)snprintf(full, sizeof(full), "%s/full", base);
	fit(&crowd);
	report_open(argv[1]);
	(void)mkdir(base, 0700);
	(void)mkdir(full, 0700);
	start_crowd(&crowd);
	measure(&crowd, empty);
	/* The crowd is in our process group, and dies with its parent. */
	return 0;
}

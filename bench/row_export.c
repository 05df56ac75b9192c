/* SPDX-License-Identifier: MIT */
/*
 * row_export.c - private memory becomes importable
 *
 * Its pages must move into an object that can be shared, so the floor is a copy into a fresh
 * one, faults included.  Making the private memory and giving things back is not timed.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "rows.h"
#include "rsm.h"

#define EXPORT_BYTES ((size_t)64 << 20)

static double run_ours(void *arg, size_t times)
{
	rsmapi_controller_handle_t controller;
	rsm_memseg_export_handle_t export;
	rsm_node_id_t node;
	double taken = 0;

	(void)arg;
	if (rsm_start(&controller, &node) < 0)
		return -1;
	for (size_t n = 0; n < times; n++) {
		void *memory = memory_make(EXPORT_BYTES);
		double start = clock_ns();
		int r = rsm_memseg_export_create(controller, &export, memory, EXPORT_BYTES, 0);

		taken += clock_ns() - start;
		if (r != RSM_SUCCESS)
			return -1;
		(void)rsm_memseg_export_destroy(export);
		(void)munmap(memory, EXPORT_BYTES);
	}
	return taken;
}

static double run_copy(void *arg, size_t times)
{
	double taken = 0;

	(void)arg;
	for (size_t n = 0; n < times; n++) {
		void *memory = memory_make(EXPORT_BYTES);
		double start = clock_ns();
		int fd = memfd_create("bench-export", MFD_CLOEXEC);
		void *to;

		if (fd < 0 || ftruncate(fd, (off_t)EXPORT_BYTES) < 0)
			return -1;
		to = mmap(NULL, EXPORT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (to == MAP_FAILED)
			return -1;
		memcpy(to, memory, EXPORT_BYTES);
		taken += clock_ns() - start;
		(void)munmap(to, EXPORT_BYTES);
		(void)close(fd);
		(void)munmap(memory, EXPORT_BYTES);
	}
	return taken;
}

void row_export(const struct pair *pair)
{
	const struct race race = { .rounds = 25, .batch = 1 };
	const struct contender contenders[] = {
		{ "tract", run_ours, NULL },
		{ "memcpy to a fresh memfd", run_copy, NULL },
	};

	if (pair->role == PAIR_MEASURER)
		race_report("export", contenders, 2, &race);
	pair_meet(pair);
}

/* SPDX-License-Identifier: MIT */
/*
 * mover_tract.c - ours: get and put on a mapped loopback import, in the implicit mode
 *
 * The implicit mode is the default and the safe one: each call opens the handle's barrier,
 * moves the bytes and closes the barrier, and so knows that they are in memory its owner holds.
 */
#include <string.h>

#include "harness.h"
#include "mover.h"
#include "rsm.h"

static struct rsm_link segment;
static rsmapi_barrier_t barrier;
static char *mapping;

static int map_it(void)
{
	void *p = NULL;

	if (rsm_memseg_import_map(segment.import, &p, RSM_MAP_NONE, RSM_PERM_RDWR, 0,
				  MOVER_BYTES) != RSM_SUCCESS)
		return -1;
	mapping = p;
	/* Page faults are the machine's, and every contender's pages have been touched. */
	memset(mapping, 1, MOVER_BYTES);
	if (rsm_memseg_import_init_barrier(segment.import, RSM_BARRIER_SEGMENT, &barrier) !=
	    RSM_SUCCESS)
		return -1;
	return 0;
}

static int tract_start(const struct pair *pair)
{
	int r;

	if (rsm_link_open(pair, MOVER_BYTES, 0, &segment) < 0)
		return -1;
	r = pair_agree(pair, pair->role == PAIR_MEASURER ? map_it() : 0);
	if (r < 0)
		rsm_link_close(pair, &segment);
	return r;
}

static void tract_stop(const struct pair *pair)
{
	if (pair->role == PAIR_MEASURER)
		(void)rsm_memseg_import_destroy_barrier(&barrier);
	rsm_link_close(pair, &segment);
}

#define LOOP(call)                         \
	double start = clock_ns();         \
                                           \
	for (size_t n = 0; n < times; n++) \
		if ((call) != RSM_SUCCESS) \
			return -1;         \
	return clock_ns() - start

static double tract_put(void *data, size_t length, size_t times)
{
	LOOP(rsm_memseg_import_put(segment.import, 0, data, length));
}

static double tract_get(void *data, size_t length, size_t times)
{
	LOOP(rsm_memseg_import_get(segment.import, 0, data, length));
}

double tract_put8(void *data, size_t length, size_t times)
{
	LOOP(rsm_memseg_import_put8(segment.import, 0, data, length));
}

double tract_put64(void *data, size_t length, size_t times)
{
	LOOP(rsm_memseg_import_put64(segment.import, 0, data, length / 8));
}

static double mapping_put(void *data, size_t length, size_t times)
{
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		memcpy(mapping, data, length);
		__asm__ volatile("" : : "r"(mapping) : "memory");
	}
	return clock_ns() - start;
}

static double mapping_get(void *data, size_t length, size_t times)
{
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		memcpy(data, mapping, length);
		__asm__ volatile("" : : "r"(data) : "memory");
	}
	return clock_ns() - start;
}

const struct mover mover_tract = {
	.name = "tract",
	.open = tract_start,
	.put = tract_put,
	.get = tract_get,
	.close = tract_stop,
};

const struct mover mover_mapping = {
	.name = "memcpy",
	.put = mapping_put,
	.get = mapping_get,
};

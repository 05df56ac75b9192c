/* SPDX-License-Identifier: MIT */
/*
 * mover_shmem.c - OpenSHMEM, as Open MPI implements it
 */
#include <shmem.h>
#include <string.h>

#include "harness.h"
#include "mover.h"

static char *memory;

static int shmem_start(const struct pair *pair)
{
	memory = shmem_malloc(MOVER_BYTES);
	if (memory)
		memset(memory, 1, MOVER_BYTES);
	return pair_agree(pair, memory ? 0 : -1);
}

static double shmem_put_loop(void *data, size_t length, size_t times)
{
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		shmem_putmem(memory, data, length, PAIR_OWNER);
		shmem_quiet();
	}
	return clock_ns() - start;
}

static double shmem_get_loop(void *data, size_t length, size_t times)
{
	double start = clock_ns();

	for (size_t n = 0; n < times; n++)
		shmem_getmem(data, memory, length, PAIR_OWNER);
	return clock_ns() - start;
}

static void shmem_stop(const struct pair *pair)
{
	(void)pair;
	/* shmem_free() is left to the end of the process: Debian 12's build of the library
	 * crashes when it gives things back. */
}

const struct mover mover_shmem = {
	.name = "OpenSHMEM",
	.open = shmem_start,
	.put = shmem_put_loop,
	.get = shmem_get_loop,
	.close = shmem_stop,
};

/* SPDX-License-Identifier: MIT */
/*
 * mover_mpi.c - Open MPI's one-sided communication, passive target
 *
 * The window is open to all for the whole run; every put and get is flushed at its target,
 * which is when MPI promises that it is complete there.
 */
#include <mpi.h>
#include <string.h>

#include "harness.h"
#include "mover.h"

static MPI_Win window;
static void *memory;

static int mpi_start(const struct pair *pair)
{
	int r = MPI_Win_allocate((MPI_Aint)MOVER_BYTES, 1, MPI_INFO_NULL, MPI_COMM_WORLD,
				 &memory, &window);

	if (r == MPI_SUCCESS) {
		memset(memory, 1, MOVER_BYTES);
		r = MPI_Win_lock_all(0, window);
	}
	return pair_agree(pair, r == MPI_SUCCESS ? 0 : -1);
}

static double mpi_put(void *data, size_t length, size_t times)
{
	const int bytes = (int)length;
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		int r = MPI_Put(data, bytes, MPI_BYTE, PAIR_OWNER, 0, bytes, MPI_BYTE, window);

		if (r != MPI_SUCCESS || MPI_Win_flush(PAIR_OWNER, window) != MPI_SUCCESS)
			return -1;
	}
	return clock_ns() - start;
}

static double mpi_get(void *data, size_t length, size_t times)
{
	const int bytes = (int)length;
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		int r = MPI_Get(data, bytes, MPI_BYTE, PAIR_OWNER, 0, bytes, MPI_BYTE, window);

		if (r != MPI_SUCCESS || MPI_Win_flush(PAIR_OWNER, window) != MPI_SUCCESS)
			return -1;
	}
	return clock_ns() - start;
}

static void mpi_stop(const struct pair *pair)
{
	(void)pair;
	(void)MPI_Win_unlock_all(window);
	(void)MPI_Win_free(&window);
}

const struct mover mover_mpi = {
	.name = "Open MPI",
	.open = mpi_start,
	.put = mpi_put,
	.get = mpi_get,
	.close = mpi_stop,
};

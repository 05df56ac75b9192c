/* SPDX-License-Identifier: MIT */
/* launch_mpi.c - the pair is two ranks of an MPI job */
#include <mpi.h>
#include <stdlib.h>

#include "harness.h"
#include "launch.h"

enum pair_role launch_start(int *argc, char ***argv)
{
	int rank, size;

	if (MPI_Init(argc, argv) != MPI_SUCCESS ||
	    MPI_Comm_rank(MPI_COMM_WORLD, &rank) != MPI_SUCCESS ||
	    MPI_Comm_size(MPI_COMM_WORLD, &size) != MPI_SUCCESS)
		die("MPI does not start");
	if (size != 2)
		die("start this with mpirun -n 2");
	return rank == 0 ? PAIR_OWNER : PAIR_MEASURER;
}

void launch_finish(void)
{
	(void)MPI_Finalize();
	exit(0);
}

/* SPDX-License-Identifier: MIT */
/*
 * shared_main.c - shared regions: made, handed on, taken back
 *
 *	bench-shared RESULTS
 */
#include "harness.h"
#include "shared.h"

int main(int argc, char **argv)
{
	struct shared_bench bench;

	if (argc != 2)
		die("usage: bench-shared RESULTS");
	shared_bench_open(&bench);
	report_open(argv[1]);
	row_shared_calls(&bench);
	row_shared_fence(&bench);
	shared_bench_close(&bench);
	return 0;
}

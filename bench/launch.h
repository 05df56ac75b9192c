/* SPDX-License-Identifier: MIT */
/*
 * launch.h - how the pair comes to be: three ways, one of which is linked in
 *
 * Peers that start their own processes (Open MPI, OpenSHMEM) must start ours too, so that ours
 * and theirs run in the same two.
 */
#ifndef BENCH_LAUNCH_H
#define BENCH_LAUNCH_H

#include "pair.h"

/* Return: which of the two the caller is. */
enum pair_role launch_start(int *argc, char ***argv);
/* Ends the process. */
__attribute__((noreturn)) void launch_finish(void);

#endif

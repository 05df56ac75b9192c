/* SPDX-License-Identifier: MIT */
/*
 * memory.h - what processes have in memory for themselves, bytes: not files, not what is shared
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <sys/types.h>

double memory_of_process(pid_t pid);
/* Of the broker of the node @dir, which must run. */
double memory_of_broker(const char *dir);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * bench.h - the two ends of a measurement: who measures, and who serves
 *
 * Who serves exports memory whose first page says what it is for, so that nobody's data is
 * written over, and answers each signal with one.  All else is measured without its help.
 */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli.h"

/* What is published if no other id is asked for. */
#define BENCH_ID 0x7fb00000u
#define BENCH_MAGIC "tract bench 1"
/* Where what is written begins, and how much room there is for it. */
#define BENCH_OFFSET ((size_t)65536)
#define BENCH_ROOM ((size_t)4 << 20)
#define BENCH_SIZE (BENCH_OFFSET + BENCH_ROOM)

/* Exit statuses, having said what went wrong. */
int bench_serve(const struct cli *cli);
int bench_measure(const struct cli *cli, uint32_t node, uint32_t id);

#endif

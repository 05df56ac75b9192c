/* SPDX-License-Identifier: MIT */
/*
 * rows.h - what is measured, a function for each family of rows
 *
 * Both processes of the pair call each of them in the same order.
 */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "pair.h"

/* put8, put64 and the peers' put of 8 bytes; put and get of 1 MiB; the sweep over sizes. */
void row_move(const struct pair *pair);
/* The small puts alone, for a launcher that has one more peer. */
void row_move_small(const struct pair *pair);
/* Connect, map, touch, unmap, disconnect. */
void row_connect(const struct pair *pair);
/* Post to waiter running again; system calls of a post nobody waits for. */
void row_signal(const struct pair *pair);
/* Export of private memory. */
void row_export(const struct pair *pair);
/* Rebind from region to region, small and large. */
void row_rebind(const struct pair *pair);
/* The exporter dies; when do importers know? */
void row_death(const struct pair *pair);

#endif

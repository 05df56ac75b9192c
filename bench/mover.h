/* SPDX-License-Identifier: MIT */
/*
 * mover.h - one way of moving bytes into and out of the other process's memory
 *
 * Open and close are called by both processes of the pair, put and get by the measurer alone.
 * The loop is inside, so that no contender pays for being called through a pointer, and each
 * time ends with what makes its library promise that the bytes are there.
 */
#ifndef BENCH_MOVER_H
#define BENCH_MOVER_H

#include "pair.h"

/* Every mover's memory is this large. */
#define MOVER_BYTES ((size_t)16 << 20)

struct mover {
	const char *name;
	/* Return: 0, or -1 and nothing is open. */
	int (*open)(const struct pair *pair);
	/* Nanoseconds for @times copies of @length bytes, negative if one failed. */
	double (*put)(void *data, size_t length, size_t times);
	double (*get)(void *data, size_t length, size_t times);
	void (*close)(const struct pair *pair);
};

/* Ours: rsm_memseg_import_put() and _get() on a mapped import. */
extern const struct mover mover_tract;
/* memcpy() to the very pages that mover_tract moves to; open only while that is. */
extern const struct mover mover_mapping;
/* memcpy() to a POSIX shared memory object. */
extern const struct mover mover_shm;
extern const struct mover mover_mpi;
extern const struct mover mover_ucx;
extern const struct mover mover_shmem;

/* Ours, in pieces of a fixed size; @data is repeated from its start. */
double tract_put8(void *data, size_t length, size_t times);
double tract_put64(void *data, size_t length, size_t times);

/* Every mover built in, ours first, ended by NULL. */
extern const struct mover *const movers[];

#endif

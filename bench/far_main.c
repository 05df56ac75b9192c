/* SPDX-License-Identifier: MIT */
/*
 * far_main.c - memory of another node: put and get beside libfabric, and a mapping beside get
 *
 *	bench-far RESULTS
 *
 * A turn of the mapping's reads all of the segment once: by get, or in order through a mapping
 * after a barrier that has let go of what was there.
 */
#include "far.h"

struct mapping {
	struct far_bench *far;
	struct tract_import *getter, *mapper;
	struct tract_barrier got, mapped;
	const uint64_t *map;
};

#define PIECE ((size_t)1 << 20)

/* A piece at a time, or all at once. */
static double get_all(struct mapping *m, size_t piece, size_t times)
{
	double begin = clock_ns();
	bool fine = true;

	for (size_t i = 0; i < times; i++) {
		fine = fine && tract_barrier_open(&m->got) == 0;
		for (size_t at = 0; fine && at < m->far->size; at += piece)
			fine = tract_import_get(m->getter, (off_t)at,
						(char *)m->far->buffer + at, piece) == 0;
		fine = fine && tract_barrier_close(&m->got) == 0;
	}
	return fine ? clock_ns() - begin : -1;
}

static double get_pieces(void *arg, size_t times)
{
	return get_all(arg, PIECE, times);
}

static double get_whole(void *arg, size_t times)
{
	struct mapping *m = arg;

	return get_all(m, m->far->size, times);
}

/* As who reads a mapping has them: in the processor, and not only in memory. */
static double get_and_read(void *arg, size_t times)
{
	struct mapping *m = arg;
	const uint64_t *got = m->far->buffer;
	double begin = clock_ns();
	bool fine = true;

	for (size_t i = 0; fine && i < times; i++)
		fine = get_all(m, PIECE, 1) >= 0 && far_sum(got, m->far->size) == m->far->sum;
	return fine ? clock_ns() - begin : -1;
}

static double read_map(void *arg, size_t times)
{
	struct mapping *m = arg;
	double begin = clock_ns();
	bool fine = true;

	for (size_t i = 0; i < times; i++)
		fine = fine && tract_barrier_open(&m->mapped) == 0 &&
		       far_sum(m->map, m->far->size) == m->far->sum &&
		       tract_barrier_close(&m->mapped) == 0;
	return fine ? clock_ns() - begin : -1;
}

/* The first is ours: its time is compared with the others'. */
static void row_map(struct far_bench *far, const char *name, size_t size)
{
	const struct race race = { .rounds = 9, .batch_ns = 5e7 };
	struct mapping m = { .far = far };
	const struct contender contenders[] = { { "read of the mapping", read_map, &m },
						{ "get of 1 MiB each", get_pieces, &m },
						{ "one get of all", get_whole, &m },
						{ "get of 1 MiB each, and read", get_and_read,
						  &m } };
	void *addr = NULL;

	far_segment_up(far, size);
	m.getter = far_connect(far, &m.got);
	m.mapper = far_connect(far, &m.mapped);
	far_check(tract_import_map(m.mapper, &addr, 0, FAR_RW, 0, size), "map");
	m.map = addr;
	report_value(name, "bytes", (double)size);
	race_report(name, contenders, sizeof(contenders) / sizeof(contenders[0]), &race);
	far_check(tract_import_close(m.getter), "close");
	far_check(tract_import_unmap(m.mapper), "unmap");
	far_check(tract_import_close(m.mapper), "close");
	far_segment_down(far);
}

int main(int argc, char **argv)
{
	struct far_bench far = { .size = 0 };

	if (argc != 2)
		die("usage: bench-far RESULTS");
	report_open(argv[1]);
	far_importers_start(&far);
	far_nodes_up(&far);
	far_segment_up(&far, PIECE);
	far_row_first(&far);
	far_rows_moving(&far);
	far_row_memory(&far);
	far_segment_down(&far);
	row_map(&far, "far-map-1m", (size_t)1 << 20);
	row_map(&far, "far-map-16m", (size_t)16 << 20);
	row_map(&far, "far-map-64m", (size_t)64 << 20);
	far_nodes_down(&far);
	return 0;
}

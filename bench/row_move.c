/* SPDX-License-Identifier: MIT */
/*
 * row_move.c - bytes into and out of the other process's memory
 */
#include <stdio.h>
#include <sys/mman.h>

#include "harness.h"
#include "mover.h"
#include "rows.h"
#include "rsm.h"

#define MOVERS_MAX RACE_CONTENDERS_MAX
#define BULK ((size_t)1 << 20)

const struct mover *const movers[] = {
	&mover_tract, &mover_mapping, &mover_shm,
#ifdef BENCH_MPI
	&mover_mpi,
#endif
#ifdef BENCH_UCX
	&mover_ucx,
#endif
#ifdef BENCH_SHMEM
	&mover_shmem,
#endif
	NULL,
};

/* One contender's turn: who, how and how much. */
struct turn {
	double (*loop)(void *data, size_t length, size_t times);
	void *data;
	size_t length;
};

static double run_turn(void *arg, size_t times)
{
	const struct turn *turn = arg;

	return turn->loop(turn->data, turn->length, times);
}

struct field {
	const struct mover *open[MOVERS_MAX];
	size_t count;
	void *data; /* the measurer's buffer */
};

static struct field field_open(const struct pair *pair)
{
	struct field field = { .data = memory_make(MOVER_BYTES) };
	bool ours = false;

	for (size_t i = 0; movers[i]; i++) {
		const struct mover *m = movers[i];
		int r = m->open ? m->open(pair) : (ours ? 0 : -1);

		ours = ours || (m == &mover_tract && r == 0);
		if (r == 0)
			field.open[field.count++] = m;
		else if (pair->role == PAIR_MEASURER)
			(void)fprintf(stderr, "bench: %s does not open\n", m->name);
	}
	return field;
}

static void field_close(const struct pair *pair, struct field *field)
{
	while (field->count > 0) {
		const struct mover *m = field->open[--field->count];

		if (m->close)
			m->close(pair);
	}
	(void)munmap(field->data, MOVER_BYTES);
}

/* @first runs as "tract"; the others put or get @length bytes. */
static size_t line_up(const struct field *field, bool put, size_t length,
		      const struct turn *first, struct turn *turns, struct contender *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < field->count; i++) {
		const struct mover *m = field->open[i];

		turns[count] = (struct turn){ put ? m->put : m->get, field->data, length };
		if (m == &mover_tract && first)
			turns[count] = *first;
		ret[count] = (struct contender){ m->name, run_turn, &turns[count] };
		count++;
	}
	return count;
}

static bool ours_is_open(const struct field *field, const char *row)
{
	if (field->count > 0 && field->open[0] == &mover_tract)
		return true;
	report_note(row, "the library did not open the segment");
	return false;
}

static void small(const struct field *field)
{
	const struct race race = { .rounds = 100, .batch_ns = 3e5 };
	const struct {
		const char *row;
		struct turn ours;
	} rows[] = {
		{ "put8", { tract_put8, field->data, 1 } },
		{ "put8x8", { tract_put8, field->data, 8 } },
		{ "put64", { tract_put64, field->data, 8 } },
	};
	struct contender contenders[MOVERS_MAX];
	struct turn turns[MOVERS_MAX];
	size_t count;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!ours_is_open(field, rows[i].row))
			continue;
		count = line_up(field, true, 8, &rows[i].ours, turns, contenders);
		race_report(rows[i].row, contenders, count, &race);
	}
}

static void bulk(const struct field *field, const char *row, bool put)
{
	const struct race race = { .rounds = 60, .batch_ns = 3e6 };
	struct contender contenders[MOVERS_MAX];
	struct turn turns[MOVERS_MAX];
	size_t count;

	if (!ours_is_open(field, row))
		return;
	count = line_up(field, put, BULK, NULL, turns, contenders);
	race_report(row, contenders, count, &race);
}

static void sweep(const struct field *field, const char *direction, bool put)
{
	const struct race race = { .rounds = 11, .batch_ns = 1e6 };
	struct contender contenders[MOVERS_MAX];
	struct turn turns[MOVERS_MAX];
	struct race_result result;
	const char *failed;
	size_t count;

	for (size_t bytes = 8; bytes <= MOVER_BYTES; bytes *= 2) {
		count = line_up(field, put, bytes, NULL, turns, contenders);
		if (race_run(contenders, count, &race, &result, &failed) < 0)
			continue;
		for (size_t k = 0; k < count; k++)
			report_sweep(direction, contenders[k].name, bytes, result.time[k]);
	}
}

static void move(const struct pair *pair, bool all)
{
	struct field field = field_open(pair);

	if (pair->role == PAIR_MEASURER && field.count > 0) {
		small(&field);
		if (all) {
			bulk(&field, "put1m", true);
			bulk(&field, "get1m", false);
			sweep(&field, "put", true);
			sweep(&field, "get", false);
		}
	}
	pair_meet(pair);
	field_close(pair, &field);
}

void row_move(const struct pair *pair)
{
	move(pair, true);
}

void row_move_small(const struct pair *pair)
{
	move(pair, false);
}

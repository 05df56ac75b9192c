/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static FILE *report;

double clock_ns(void)
{
	struct timespec now;

	atomic_thread_fence(memory_order_seq_cst);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	atomic_thread_fence(memory_order_seq_cst);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct spread spread_of(double *values, size_t count)
{
	struct spread s = { 0 };

	if (count == 0)
		return s;
	qsort(values, count, sizeof(*values), compare_doubles);
	s.median = (values[(count - 1) / 2] + values[count / 2]) / 2;
	s.low = values[(count - 1) / 10];
	s.high = values[count - 1 - (count - 1) / 10];
	return s;
}

/* How many times fill a turn.  Negative: it failed. */
static double fill_turn(const struct contender *c, const struct race *race)
{
	double taken;
	size_t times = 1;

	if (race->batch > 0)
		return (double)race->batch;
	for (;;) {
		taken = c->run(c->arg, times);
		if (taken < 0)
			return -1;
		if (taken >= race->batch_ns / 4)
			break;
		times *= 4;
	}
	times = (size_t)((double)times * race->batch_ns / taken);
	return times > 0 ? (double)times : 1;
}

/* One round: everyone in turn, and each round another begins.  A turn starts with one time that
 * is not counted, so that nobody pays for the caches that the one before left behind. */
static const struct contender *run_round(const struct contender *c, size_t count,
					 unsigned round, const struct race *race,
					 const size_t *times, double *ret_time)
{
	for (size_t i = 0; i < count; i++) {
		size_t k = (i + round) % count;
		double taken = race->batch == 0 ? c[k].run(c[k].arg, 1) : 0;

		if (taken >= 0)
			taken = c[k].run(c[k].arg, times[k]);
		if (taken < 0)
			return &c[k];
		ret_time[k] = taken / (double)times[k];
	}
	return NULL;
}

int race_run(const struct contender *c, size_t count, const struct race *race,
	     struct race_result *ret, const char **ret_failed)
{
	static double time[RACE_CONTENDERS_MAX][RACE_ROUNDS_MAX];
	static double ratio[RACE_CONTENDERS_MAX][RACE_ROUNDS_MAX];
	unsigned rounds = race->rounds < RACE_ROUNDS_MAX ? race->rounds : RACE_ROUNDS_MAX;
	double now[RACE_CONTENDERS_MAX];
	size_t times[RACE_CONTENDERS_MAX];
	const struct contender *failed;

	/* Twice: what a library does once, it does in the first pass. */
	for (size_t n = 0; n < 2 * count; n++) {
		size_t k = n % count;
		double fill = fill_turn(&c[k], race);

		if (fill < 0) {
			*ret_failed = c[k].name;
			return -1;
		}
		times[k] = (size_t)fill;
	}
	for (unsigned round = 0; round < rounds; round++) {
		failed = run_round(c, count, round, race, times, now);
		if (failed) {
			*ret_failed = failed->name;
			return -1;
		}
		for (size_t k = 0; k < count; k++) {
			time[k][round] = now[k];
			ratio[k][round] = now[0] / now[k];
		}
	}
	for (size_t k = 0; k < count; k++) {
		ret->time[k] = spread_of(time[k], rounds);
		ret->ratio[k] = spread_of(ratio[k], rounds);
	}
	return 0;
}

void race_report(const char *row, const struct contender *c, size_t count,
		 const struct race *race)
{
	struct race_result result;
	const char *failed = "";
	char text[128];

	if (race_run(c, count, race, &result, &failed) < 0) {
		(void)snprintf(text, sizeof(text), "%s failed while it was measured", failed);
		report_note(row, text);
		return;
	}
	for (size_t k = 0; k < count; k++)
		report_time(row, c[k].name, result.time[k]);
	for (size_t k = 1; k < count; k++)
		report_ratio(row, c[k].name, result.ratio[k]);
}

void report_open(const char *path)
{
	report = fopen(path, "ae");
	if (!report)
		die("cannot write %s", path);
	(void)setvbuf(report, NULL, _IOLBF, 0);
}

static void report_spread(const char *kind, const char *row, const char *who, struct spread s)
{
	if (report)
		(void)fprintf(report, "%s\t%s\t%s\t%.6g\t%.6g\t%.6g\n", kind, row, who,
			      s.median, s.low, s.high);
}

void report_time(const char *row, const char *who, struct spread time)
{
	report_spread("time", row, who, time);
}

void report_ratio(const char *row, const char *peer, struct spread ratio)
{
	report_spread("ratio", row, peer, ratio);
}

void report_floor(const char *floor, const char *when, struct spread time)
{
	report_spread("floor", floor, when, time);
}

void report_value(const char *row, const char *what, double value)
{
	if (report)
		(void)fprintf(report, "value\t%s\t%s\t%.6g\n", row, what, value);
}

void report_note(const char *row, const char *text)
{
	if (report)
		(void)fprintf(report, "note\t%s\t%s\n", row, text);
}

void report_sweep(const char *direction, const char *who, size_t bytes, struct spread time)
{
	if (report)
		(void)fprintf(report, "sweep\t%s\t%s\t%zu\t%.6g\t%.6g\t%.6g\n", direction, who,
			      bytes, time.median, time.low, time.high);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fputs("bench: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	/* Not exit(): libraries in this process would wait for their peers. */
	_Exit(1);
}

/* SPDX-License-Identifier: MIT */
/*
 * harness.h - contenders that race in rounds
 *
 * A machine is fast in one minute and slow in the next, so a time says little and a ratio of
 * two times taken far apart says nothing.  Here every contender runs once in every round, in
 * turn, and what is reported is the median over the rounds and where the middle eight tenths
 * lie: of the times, and of the ratios inside each round.
 *
 * Results go to a file of tab-separated lines, one fact each, which `run` turns into tables.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#define RACE_CONTENDERS_MAX 8u
#define RACE_ROUNDS_MAX 400u

/* Half of all values lie below @median, a tenth below @low, a tenth above @high. */
struct spread {
	double median, low, high;
};

struct contender {
	const char *name;
	/* Does it @times times; nanoseconds for all of them, negative if it failed. */
	double (*run)(void *arg, size_t times);
	void *arg;
};

struct race {
	unsigned rounds;
	double batch_ns; /* each turn lasts about this long */
	size_t batch;	 /* times per turn; 0: as many as fill batch_ns */
};

struct race_result {
	struct spread time[RACE_CONTENDERS_MAX]; /* nanoseconds for one time */
	struct spread
		ratio[RACE_CONTENDERS_MAX]; /* of the first contender's time to this one's */
};

/* Nanoseconds on a monotonic clock; nothing written before it is timed after it. */
double clock_ns(void);
/* Nanoseconds for which the calling thread had the processor: who else runs does not count. */
double cpu_ns(void);

/* Sorts @values. */
struct spread spread_of(double *values, size_t count);

/* Return: 0, or -1 and *ret_failed names who failed. */
int race_run(const struct contender *contenders, size_t count, const struct race *race,
	     struct race_result *ret, const char **ret_failed);

/* Where the lines go; nothing is reported before this. */
void report_open(const char *path);
void report_time(const char *row, const char *who, struct spread time);
void report_ratio(const char *row, const char *peer, struct spread ratio);
void report_value(const char *row, const char *what, double value);
void report_note(const char *row, const char *text);
void report_sweep(const char *direction, const char *who, size_t bytes, struct spread time);
void report_floor(const char *floor, const char *when, struct spread time);

/* race_run(), and report times and ratios, or a note that says who failed. */
void race_report(const char *row, const struct contender *contenders, size_t count,
		 const struct race *race);

/* Ends the program with a sentence; the other of the pair notices and ends too. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

#endif

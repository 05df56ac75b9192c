/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interrupt.h"
#include "out.h"
#include "peers.h"
#include "words.h"

/* For each row so long, but at least so many samples, each of so long. */
#define ROW_NS 300000000u
#define SAMPLE_NS 20000u
#define SAMPLES_LEAST 9u
#define SAMPLES_MOST 1000u
#define UNDER_WAY 16u
#define PARTNER_MS 5000

struct bench {
	struct tract_import *import;
	struct tract_barrier barrier;
	char *buffer; /* BENCH_ROOM bytes */
};

/* ---- what is measured ------------------------------------------------------------------- */

static int put(struct bench *bench, size_t bytes)
{
	return tract_import_put(bench->import, BENCH_OFFSET, bench->buffer, bytes);
}

static int get(struct bench *bench, size_t bytes)
{
	return tract_import_get(bench->import, BENCH_OFFSET, bench->buffer, bytes);
}

static int put_many(struct bench *bench, size_t bytes)
{
	int r = tract_barrier_open(&bench->barrier);

	for (size_t i = 0, at = 0; r == 0 && i < UNDER_WAY; i++) {
		r = tract_import_put(bench->import, (off_t)(BENCH_OFFSET + at),
				     bench->buffer + at, bytes / UNDER_WAY);
		at = (at + bytes / UNDER_WAY) % BENCH_ROOM;
	}
	return r < 0 ? r : tract_barrier_close(&bench->barrier);
}

static int put_word(struct bench *bench, size_t bytes)
{
	uint64_t word = bytes;
	int r = tract_barrier_open(&bench->barrier);

	if (r == 0)
		r = tract_import_put64(bench->import, BENCH_OFFSET, &word, 1);
	return r < 0 ? r : tract_barrier_close(&bench->barrier);
}

static int signal_back(struct bench *bench, size_t bytes)
{
	int r = tract_import_post(bench->import, 0);

	(void)bytes;
	return r < 0 ? r : tract_import_wait(bench->import, PARTNER_MS);
}

struct row {
	const char *what;
	size_t bytes;
	int (*run)(struct bench *bench, size_t bytes);
	bool by_hand; /* it opens and closes the barrier itself */
};

static const struct row rows[] = {
	{ "put", 8, put, false },
	{ "put", 65536, put, false },
	{ "put", 1 << 20, put, false },
	{ "get", 8, get, false },
	{ "get", 65536, get, false },
	{ "get", 1 << 20, get, false },
	{ "16 puts of 1 MiB, one barrier", UNDER_WAY << 20, put_many, true },
	{ "put64, barrier", 8, put_word, true },
	{ "signal, and one back", 0, signal_back, false },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- how -------------------------------------------------------------------------------- */

/* Nanoseconds for one time: the median, and between which the middle eight tenths lie. */
struct timing {
	uint64_t median, low, high;
	unsigned samples;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* So many times; *ret_ns is for all of them. */
static int run_batch(struct bench *bench, const struct row *row, unsigned batch,
		     uint64_t *ret_ns)
{
	uint64_t begin = now_ns();
	int r = 0;

	for (unsigned i = 0; r == 0 && i < batch; i++)
		r = row->run(bench, row->bytes);
	*ret_ns = now_ns() - begin;
	return r == 0 && interrupt_seen() ? -EINTR : r;
}

static int sample(struct bench *bench, const struct row *row, struct timing *ret)
{
	uint64_t samples[SAMPLES_MOST], begin, took = 0;
	unsigned batch = 1, count;
	int r = run_batch(bench, row, batch, &took);

	/* What is shorter than reading the clock is measured many times at once. */
	while (r == 0 && (r = run_batch(bench, row, batch, &took)) == 0 && took < SAMPLE_NS)
		batch *= 2;
	begin = now_ns();
	for (count = 0; r == 0 && count < SAMPLES_MOST &&
			(count < SAMPLES_LEAST || now_ns() - begin < ROW_NS);
	     count++) {
		r = run_batch(bench, row, batch, &took);
		samples[count] = took / batch;
	}
	if (r < 0)
		return r;
	qsort(samples, count, sizeof(samples[0]), compare);
	*ret = (struct timing){ .median = samples[count / 2],
				.low = samples[count / 10],
				.high = samples[count - 1 - count / 10],
				.samples = count };
	return 0;
}

static int measure_row(struct bench *bench, const struct row *row, struct timing *ret)
{
	int r = tract_import_set_mode(bench->import, row->by_hand ? TRACT_BARRIER_EXPLICIT
								  : TRACT_BARRIER_IMPLICIT);

	return r < 0 ? r : sample(bench, row, ret);
}

/* ---- the partner ------------------------------------------------------------------------ */

/* Whatever else it is, it is not to be written to.  CLI_OK, or CLI_REFUSED. */
static int check_partner(struct bench *bench, uint32_t node, uint32_t id)
{
	char magic[sizeof(BENCH_MAGIC)] = "";

	if (tract_import_size(bench->import) == BENCH_SIZE &&
	    tract_import_get(bench->import, 0, magic, sizeof(magic)) == 0 &&
	    memcmp(magic, BENCH_MAGIC, sizeof(magic)) == 0)
		return CLI_OK;
	out_error("segment 0x%08x on node %u is not one of `tract bench --serve`", id, node);
	return CLI_REFUSED;
}

/* What is fast and wrong is not measured. */
static int check_bytes(struct bench *bench)
{
	char *back = malloc(BENCH_ROOM);
	int r;

	if (!back)
		return -ENOMEM;
	for (size_t i = 0; i < BENCH_ROOM; i++)
		bench->buffer[i] = (char)(i * 31 + i / 4096);
	r = put(bench, BENCH_ROOM);
	if (r == 0)
		r = tract_import_get(bench->import, BENCH_OFFSET, back, BENCH_ROOM);
	if (r == 0 && memcmp(bench->buffer, back, BENCH_ROOM) != 0)
		r = -EBADMSG;
	free(back);
	return r;
}

/* ---- the table -------------------------------------------------------------------------- */

enum {
	NODE,
	WHAT,
	SIZE,
	MEDIAN,
	LOW,
	HIGH,
	RATE,
	BYTES,
	MEDIAN_NS,
	LOW_NS,
	HIGH_NS,
	PER_SECOND,
	TIMES,
	COLUMNS
};

static const struct out_column columns[COLUMNS] = {
	[NODE] = { NULL, "node", OUT_COUNT },
	[WHAT] = { "WHAT", "what", OUT_TEXT },
	[SIZE] = { "SIZE", NULL, OUT_TEXT },
	[MEDIAN] = { "MEDIAN", NULL, OUT_TEXT },
	[LOW] = { "FROM", NULL, OUT_TEXT },
	[HIGH] = { "TO", NULL, OUT_TEXT },
	[RATE] = { "PER SECOND", NULL, OUT_TEXT },
	[BYTES] = { NULL, "bytes", OUT_COUNT },
	[MEDIAN_NS] = { NULL, "median_ns", OUT_COUNT },
	[LOW_NS] = { NULL, "low_ns", OUT_COUNT },
	[HIGH_NS] = { NULL, "high_ns", OUT_COUNT },
	[PER_SECOND] = { NULL, "bytes_per_second", OUT_COUNT },
	[TIMES] = { NULL, "samples", OUT_COUNT },
};

static void set_time(struct out_table *table, unsigned column, uint64_t ns)
{
	char text[WORDS_MAX];

	if (ns < 1000)
		(void)snprintf(text, sizeof(text), "%u ns", (unsigned)ns);
	else if (ns < 1000000)
		(void)snprintf(text, sizeof(text), "%.1f us", (double)ns / 1e3);
	else
		(void)snprintf(text, sizeof(text), "%.2f ms", (double)ns / 1e6);
	out_set_text(table, column, text);
}

static void add_row(struct out_table *table, uint32_t node, const struct row *row,
		    const struct timing *timing)
{
	uint64_t rate = timing->median ? row->bytes * 1000000000u / timing->median : 0;
	char text[WORDS_MAX];

	out_row(table);
	out_set_number(table, NODE, node);
	out_set_text(table, WHAT, row->what);
	out_set_text(table, SIZE, row->bytes ? words_size(row->bytes, text) : "");
	out_set_number(table, BYTES, row->bytes);
	set_time(table, MEDIAN, timing->median);
	set_time(table, LOW, timing->low);
	set_time(table, HIGH, timing->high);
	out_set_text(table, RATE, rate ? words_size(rate, text) : "");
	out_set_number(table, MEDIAN_NS, timing->median);
	out_set_number(table, LOW_NS, timing->low);
	out_set_number(table, HIGH_NS, timing->high);
	out_set_number(table, PER_SECOND, rate);
	out_set_number(table, TIMES, timing->samples);
}

static int failed(int r, const char *what, uint32_t node)
{
	if (r == -EINTR)
		out_error("interrupted");
	else if (r == -ETIMEDOUT)
		out_error("node %u did not answer a signal in %u s; `tract bench --serve` "
			  "there has ended, or measures with somebody else",
			  node, PARTNER_MS / 1000);
	else if (r == -EBADMSG)
		out_error("what was put to node %u and what was got back differ", node);
	else
		out_failed(r, "cannot measure %s with node %u", what, node);
	return out_exit_of(r);
}

static int measure(const struct cli *cli, struct bench *bench, uint32_t node)
{
	struct out_table *table = out_table_new(cli, "measurements", columns, COLUMNS);
	struct timing timing;
	int end = CLI_OK, r = check_bytes(bench);

	if (r < 0)
		end = failed(r, "put and get", node);
	for (size_t i = 0; end == CLI_OK && i < ROWS; i++) {
		r = measure_row(bench, &rows[i], &timing);
		if (r < 0)
			end = failed(r, rows[i].what, node);
		else
			add_row(table, node, &rows[i], &timing);
	}
	if (end == CLI_OK)
		end = out_print(&table, 1);
	out_table_free(table);
	return end;
}

int bench_measure(const struct cli *cli, uint32_t node, uint32_t id)
{
	struct bench bench = { .buffer = aligned_alloc(tract_page_size(), BENCH_ROOM) };
	int end, r;

	if (!bench.buffer) {
		out_error("out of memory");
		return CLI_REFUSED;
	}
	end = peers_connect(cli, node, id, TRACT_RIGHT_READ_WRITE,
			    "Start `tract bench --serve` there", &bench.import);
	if (end == CLI_OK) {
		interrupt_catch();
		r = tract_barrier_init(bench.import, &bench.barrier);
		end = r < 0 ? failed(r, "anything", node) : check_partner(&bench, node, id);
		if (end == CLI_OK)
			end = measure(cli, &bench, node);
		(void)tract_import_close(bench.import);
	}
	free(bench.buffer);
	return end;
}

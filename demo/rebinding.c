/* SPDX-License-Identifier: MIT */
/*
 * rebinding.c - other memory is put behind a segment, under a process that reads all the time
 *
 * The exporter fills one range after the other with one number per turn, each larger than the
 * one before.  Whoever reads may see the old number or the new one, and nothing else.
 */
#include "stage.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "story.h"

#define SIZE ((size_t)1 << 20)
#define WORDS (SIZE / sizeof(uint64_t))
#define TURNS 20

/* count[] of what the reader reports. */
enum { READ, CHANGES, STRANGE, REPEATED };

static void fill(uint64_t *range, uint64_t number)
{
	for (size_t i = 0; i < WORDS; i++)
		range[i] = number;
}

static bool is_filled(const uint64_t *range, uint64_t number)
{
	for (size_t i = 0; i < WORDS; i++)
		if (range[i] != number)
			return false;
	return true;
}

/* Turns the segment from one range to the other, again and again.  Old ranges kept intact? */
static bool turn(rsm_memseg_export_handle_t export, uint64_t *ranges[2], uint64_t took[TURNS])
{
	bool intact = true;

	for (unsigned n = 1; n <= TURNS; n++) {
		const struct timespec pause = { .tv_nsec = 3000000 };
		uint64_t begin;

		fill(ranges[n % 2], n + 1);
		begin = now_ns();
		must(rsm_memseg_export_rebind(export, ranges[n % 2], 0, SIZE),
		     "rebind the segment");
		took[n - 1] = now_ns() - begin;
		intact &= is_filled(ranges[(n + 1) % 2], n);
		(void)nanosleep(&pause, NULL);
	}
	return intact;
}

void stage_rebind(struct stage *stage)
{
	uint64_t *ranges[2] = { pages_new(SIZE), pages_new(SIZE) };
	uint64_t took[TURNS];
	rsm_memseg_export_handle_t export;
	struct report report;
	struct child child;
	rsm_memseg_id_t id;
	bool intact;

	story_step(
		stage->far
			? "Other memory is put behind a segment while the other node reads it"
			: "Other memory is put behind a segment while an importer reads it");
	fill(ranges[0], 1);
	export = export_memory(ranges[0], SIZE, RSM_ALLOW_REBIND, &id);
	child = child_start(&stage->there, "reader", id, SIZE);
	(void)child_hear(&child);
	intact = turn(export, ranges, took);
	child_tell(&child);
	report = child_hear(&child);
	story_did(median_of(took, TURNS), "to rebind 1 MiB of ordinary memory (median of %d)",
		  TURNS);
	story_check(
		report.count[STRANGE] == 0,
		"process %d read %llu million numbers meanwhile: each old or new, none else",
		child.pid, (unsigned long long)(report.count[READ] / 1000000));
	story_check(report.status == RSM_SUCCESS && report.count[CHANGES] > 0,
		    "it did not connect or map again, and saw %llu of the %d changes",
		    (unsigned long long)report.count[CHANGES], TURNS);
	story_check(intact,
		    "each range that was replaced is the exporter's own again, unchanged");
	child_end(&child);
	must(rsm_memseg_export_destroy(export), "destroy the segment");
	(void)munmap(ranges[0], SIZE);
	(void)munmap(ranges[1], SIZE);
}

/* One look at every word; each may only grow. */
static void look(const volatile uint64_t *words, uint64_t last[WORDS], struct report *report)
{
	uint64_t first = last[0];

	for (size_t i = 0; i < WORDS; i++) {
		uint64_t now = words[i];

		report->count[STRANGE] += now == 0 || now < last[i] || now > TURNS + 1;
		last[i] = now;
	}
	report->count[READ] += WORDS;
	report->count[CHANGES] += last[0] != first;
}

void play_reader(uint32_t segment, uint64_t size)
{
	static uint64_t last[WORDS];
	struct report report = { .status = RSM_SUCCESS };
	struct import import;

	import_connect(&import, segment, RSM_PERM_READ);
	import_map(&import, size, RSM_PERM_READ);
	look(import.address, last, &report);
	report.count[CHANGES] = 0;
	child_report(&report);
	while (!child_was_told()) {
		int status;

		must(rsm_memseg_import_open_barrier(&import.barrier), "open the barrier");
		look(import.address, last, &report);
		status = rsm_memseg_import_close_barrier(&import.barrier);
		/* A failure asks to read again, which is what happens. */
		if (status == RSMERR_BARRIER_FAILURE)
			report.count[REPEATED]++;
		else if (status != RSM_SUCCESS)
			report.status = status;
	}
	child_report(&report);
	child_await();
	import_close(&import);
	child_await();
}

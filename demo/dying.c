/* SPDX-License-Identifier: MIT */
/*
 * dying.c - kill -9 of an importer, and of an exporter
 */
#include "stage.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "story.h"

#define SIZE ((size_t)1 << 20)
#define FOLLOWERS 3

static void pause_us(unsigned us)
{
	const struct timespec pause = { .tv_nsec = (long)us * 1000 };

	(void)nanosleep(&pause, NULL);
}

/* ---- an importer dies ------------------------------------------------------------------- */

/* Until the node counts @imports, at most a second.  How long after @since that was; 0: never.
 */
static uint64_t await_imports(unsigned imports, uint64_t since)
{
	while (now_ns() - since < 1000000000u) {
		if (node_count(NULL).imports == imports)
			return now_ns() - since;
		pause_us(100);
	}
	return 0;
}

/* Do they see what the exporter writes? */
static bool follow(volatile uint64_t *memory, const struct child *children, uint64_t value)
{
	bool all = true;

	*memory = value;
	for (unsigned i = 0; i < FOLLOWERS; i++) {
		if (children[i].fd < 0)
			continue;
		child_tell(&children[i]);
		all &= child_hear(&children[i]).count[0] == value;
	}
	return all;
}

void stage_importer_dies(struct stage *stage)
{
	volatile uint64_t *memory = pages_new(SIZE);
	struct child children[FOLLOWERS];
	rsm_memseg_export_handle_t export;
	struct node_count before;
	rsm_memseg_id_t id;
	uint64_t killed, gone;
	pid_t victim;

	story_step("kill -9 of an importer");
	export = export_memory((void *)(uintptr_t)memory, SIZE, 0, &id);
	for (unsigned i = 0; i < FOLLOWERS; i++)
		children[i] = child_start(&stage->there, "follower", id, SIZE);
	story_check(follow(memory, children, 1000),
		    "processes %d, %d and %d read what the exporter writes", children[0].pid,
		    children[1].pid, children[2].pid);
	before = node_count(NULL);
	victim = children[1].pid;
	killed = child_kill(&children[1]);
	gone = await_imports(before.imports - 1, killed);
	story_check_timed(gone != 0, gone,
			  "after kill -9 %d the node counts %u importers instead of %u", victim,
			  node_count(NULL).imports, before.imports);
	story_check(follow(memory, children, 2000),
		    "the exporter and the other two go on as if nothing had happened");
	child_end(&children[0]);
	child_end(&children[2]);
	must(rsm_memseg_export_destroy(export), "destroy the segment");
	(void)munmap((void *)(uintptr_t)memory, SIZE);
}

void play_follower(uint32_t segment, uint64_t size)
{
	struct report report = { .status = RSM_SUCCESS };
	struct import import;

	import_connect(&import, segment, RSM_PERM_READ);
	import_map(&import, size, RSM_PERM_READ);
	for (;;) {
		child_await();
		report.count[0] = *(volatile uint64_t *)import.address;
		child_report(&report);
	}
}

/* ---- the exporter dies ------------------------------------------------------------------ */

void stage_exporter_dies(struct stage *stage)
{
	struct child exporter, survivors[2];
	struct report exported, report;
	uint64_t killed;
	pid_t pid;

	story_step(stage->far ? "kill -9 of an exporter, whose importers are on the other node"
			      : "kill -9 of the exporter");
	exporter = child_start(&stage->here, "exporter", 0, SIZE);
	exported = child_hear(&exporter);
	pid = exporter.pid;
	for (unsigned i = 0; i < 2; i++) {
		survivors[i] = child_start(&stage->there, "survivor",
					   (uint32_t)exported.count[0], SIZE);
		(void)child_hear(&survivors[i]);
	}
	story_did(0, "process %d exports segment 0x%08x; processes %d and %d read it", pid,
		  (unsigned)exported.count[0], survivors[0].pid, survivors[1].pid);
	killed = child_kill(&exporter);
	for (unsigned i = 0; i < 2; i++) {
		report = child_hear(&survivors[i]);
		story_check_timed(report.status == RSMERR_CONN_ABORTED, report.at_ns - killed,
				  "after kill -9 %d the barrier of process %d says %s", pid,
				  survivors[i].pid, rsm_name(report.status));
	}
	for (unsigned i = 0; i < 2; i++) {
		report = child_hear(&survivors[i]);
		story_check(report.count[0] > 0,
			    "process %d read on: %llu loads since, and no fault",
			    survivors[i].pid, (unsigned long long)report.count[0]);
	}
	child_tell(&survivors[0]);
	report = child_hear(&survivors[0]);
	story_check(report.status == RSMERR_SEG_NOT_PUBLISHED,
		    "whoever connects to its segment now is told %s", rsm_name(report.status));
	for (unsigned i = 0; i < 2; i++)
		child_end(&survivors[i]);
}

void play_exporter(uint32_t segment, uint64_t size)
{
	struct report report = { .status = RSM_SUCCESS };
	uint64_t *memory = pages_new(size);
	rsm_memseg_id_t id;

	(void)segment;
	for (size_t i = 0; i < size / sizeof(*memory); i++)
		memory[i] = i;
	(void)export_memory(memory, size, 0, &id);
	report.count[0] = id;
	child_report(&report);
	child_await();
}

/* Reads until a barrier says that the exporter is gone, and then on for a while. */
void play_survivor(uint32_t segment, uint64_t size)
{
	struct report report = { .status = RSM_SUCCESS };
	size_t words = size / sizeof(uint64_t);
	const volatile uint64_t *memory;
	rsm_memseg_import_handle_t late;
	struct import import;
	uint64_t sum = 0;

	import_connect(&import, segment, RSM_PERM_READ);
	import_map(&import, size, RSM_PERM_READ);
	memory = import.address;
	child_report(&report);
	for (size_t at = 0; report.status == RSM_SUCCESS; at = (at + 4099) % words) {
		must(rsm_memseg_import_open_barrier(&import.barrier), "open the barrier");
		sum += memory[at];
		report.status = rsm_memseg_import_close_barrier(&import.barrier);
	}
	report.at_ns = now_ns();
	child_report(&report);
	for (size_t i = 0; i < words; i++)
		sum += memory[i];
	report.count[0] = words;
	report.count[1] = sum;
	child_report(&report);

	child_await();
	report.status = rsm_memseg_import_connect(controller(), other_node(), segment,
						  RSM_PERM_READ, &late);
	child_report(&report);
	import_close(&import);
	child_await();
}

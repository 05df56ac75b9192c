/* SPDX-License-Identifier: MIT */
/*
 * revoking.c - the exporter takes its memory back from an importer that keeps its mapping
 */
#include "stage.h"

#include <string.h>
#include <unistd.h>

#include "story.h"

/* count[] of what the keeper reports. */
enum { SECRETS, WRITTEN };

#define SECRET "nobody but the exporter may see this"

void stage_unpublish(struct stage *stage)
{
	char before[HASH_TEXT], after[HASH_TEXT];
	struct report report;
	struct child child;
	uint64_t begin;

	story_step(stage->far
			   ? "The exporter takes its memory back from a process of the other "
			     "node"
			   : "The exporter takes its memory back; an importer keeps its "
			     "mapping all the same");
	child = child_start(&stage->there, "keeper", stage->id, stage->size);
	(void)child_hear(&child);
	begin = now_ns();
	must(rsm_memseg_export_unpublish(stage->export), "unpublish the segment");
	story_did(now_ns() - begin, "to unpublish %zu bytes that process %d has mapped",
		  stage->size, child.pid);
	memcpy(stage->memory, SECRET, sizeof(SECRET));
	memcpy(stage->memory + stage->size / 2, SECRET, sizeof(SECRET));
	hash_memory(stage->memory, stage->size, before);

	child_tell(&child);
	report = child_hear(&child);
	hash_memory(stage->memory, stage->size, after);
	story_check(report.count[SECRETS] == 0, "it goes on reading, without a fault, and "
						"finds nothing the exporter wrote since");
	story_check(report.count[WRITTEN] == stage->size && strcmp(before, after) == 0,
		    "it writes over every byte, and none in the exporter's memory changes");
	story_check(report.status == RSMERR_CONN_ABORTED, "its next barrier says %s",
		    rsm_name(report.status));
	child_end(&child);
}

static unsigned count_secrets(const char *bytes, uint64_t size)
{
	unsigned found = 0;

	for (uint64_t at = 0; at + sizeof(SECRET) <= size; at += 64)
		found += memcmp(bytes + at, SECRET, sizeof(SECRET)) == 0;
	return found;
}

void play_keeper(uint32_t segment, uint64_t size)
{
	struct report report = { .status = RSM_SUCCESS };
	struct import import;

	import_connect(&import, segment, RSM_PERM_RDWR);
	import_map(&import, size, RSM_PERM_RDWR);
	/* Touched, so that the page is there when it is taken away. */
	(void)*(volatile uint64_t *)import.address;
	child_report(&report);
	child_await();

	must(rsm_memseg_import_open_barrier(&import.barrier), "open the barrier");
	report.count[SECRETS] = count_secrets(import.address, size);
	memset(import.address, 'X', size);
	report.count[WRITTEN] = size;
	report.status = rsm_memseg_import_close_barrier(&import.barrier);
	child_report(&report);
	child_await();
	import_close(&import);
}

/* SPDX-License-Identifier: MIT */
/*
 * waking.c - a signal wakes a process that waits
 */
#include "stage.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "story.h"

#define ROUNDS 400

void stage_signal(struct stage *stage)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	volatile uint64_t *woken_at = pages_new(size);
	uint64_t took[ROUNDS];
	rsm_memseg_export_handle_t export;
	rsm_memseg_id_t id;
	struct child child;
	unsigned lost = 0;

	story_step(stage->far ? "A signal wakes a process of the other node that waits for it"
			      : "A signal wakes a process that waits for it");
	export = export_memory((void *)(uintptr_t)woken_at, size, 0, &id);
	child = child_start(&stage->there, "waiter", id, size);
	(void)child_hear(&child);
	for (unsigned i = 0; i < ROUNDS; i++) {
		/* Long enough for the other one to be asleep. */
		const struct timespec pause = { .tv_nsec = 100000 };
		uint64_t posted;

		(void)nanosleep(&pause, NULL);
		posted = now_ns();
		must(rsm_intr_signal_post(export, 0), "post a signal");
		/* It leaves the time in our memory and answers with a signal of its own. */
		if (rsm_intr_signal_wait(export, 1000) != RSM_SUCCESS)
			lost++;
		took[i] = *woken_at - posted;
	}
	story_check(lost == 0, "process %d waited %d times, and every signal reached it",
		    child.pid, ROUNDS);
	story_did(median_of(took, ROUNDS),
		  "from the exporter's post until it ran again (median of %d)", ROUNDS);
	child_end(&child);
	must(rsm_memseg_export_destroy(export), "destroy the segment");
	(void)munmap((void *)(uintptr_t)woken_at, size);
}

void play_waiter(uint32_t segment, uint64_t size)
{
	struct report ready = { .status = RSM_SUCCESS };
	struct import import;

	import_connect(&import, segment, RSM_PERM_RDWR);
	import_map(&import, size, RSM_PERM_RDWR);
	child_report(&ready);
	for (;;) {
		int status = rsm_intr_signal_wait(import.handle, 100);

		if (status == RSM_SUCCESS) {
			*(volatile uint64_t *)import.address = now_ns();
			must(rsm_intr_signal_post(import.handle, 0), "post a signal");
		} else if (child_was_told()) {
			break;
		}
	}
	import_close(&import);
}

/* SPDX-License-Identifier: MIT */
/*
 * far_span.c - what a barrier waits for, and what it counts
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "segment/far_map.h"
#include "segment/segment.h"

int far_begin(struct tract_import *import)
{
	if (LIKELY(!session_is_inherited(import->session)) || imports_inherit(import) == 0)
		return 0;
	return fail(-ESTALE, "this process could not be connected to the segment that its "
			     "parent imported from another node");
}

int far_judge(const struct tract_import *import)
{
	const struct shm_board *board = import->session->board;
	int r = import_judge(import);

	if (r < 0)
		return r;
	/* After the look at the slot.  Pairs with board_map_promise(). */
	if (clock_now() < atomic_load_explicit(&board->sure_until, memory_order_acquire))
		return 0;
	return fail(-EIO, "this node's broker is not running, so nobody could tell whether the "
			  "exporter still holds the memory; see whether tractd is stopped");
}

static void add_failures(struct far *far, void *arg)
{
	*(uint64_t *)arg += far_failed_so_far(far);
}

uint64_t far_failures(struct tract_import *import, bool whole_node)
{
	struct far *far = import_far(import);
	uint64_t failures;

	if (!whole_node)
		return far_failed_so_far(far);
	failures = far_failed_before();
	far_each(far->node, add_failures, &failures);
	return failures;
}

/* What fails is counted where it does.  What is under way to memory that was taken back is
 * waited for, too: it may not arrive once it was said to be lost. */
static void settle(struct far *far, void *arg)
{
	uint64_t deadline = clock_deadline_ms(far->timeout_ms);
	struct far_window *window;

	(void)arg;
	far_map_refresh(far);
	if (!far_use_last(far, &window))
		return;
	if (far_fabric()->wait(window->target, deadline) < 0)
		far_failed(far);
	far_leave(far, window);
}

void far_settle(struct tract_import *import, bool whole_node)
{
	struct far *far = import_far(import);

	if (whole_node)
		far_each(far->node, settle, NULL);
	else
		settle(far, NULL);
}

static void refresh(struct far *far, void *arg)
{
	(void)arg;
	far_map_refresh(far);
}

void far_look_anew(struct tract_import *import, bool whole_node)
{
	struct far *far = import_far(import);

	if (whole_node)
		far_each(far->node, refresh, NULL);
	else
		refresh(far, NULL);
}

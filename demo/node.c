/* SPDX-License-Identifier: MIT */
#include <tract/inspect.h>

#include "stage.h"
#include "story.h"

struct node_count node_count(void)
{
	struct tract_segment_info segment = { .key = 0 };
	struct tract_import_info import = { .key = 0 };
	struct tract_process_info process = { .key = 0 };
	struct node_count count = { 0 };
	static struct tract *ctx;

	if (!ctx && tract_open(NULL, &ctx) < 0)
		story_fail("cannot look at the node: %s", tract_reason());
	while (tract_next_segment(ctx, segment.key, &segment) == 0)
		count.segments++;
	while (tract_next_import(ctx, import.key, &import) == 0)
		count.imports++;
	while (tract_next_process(ctx, process.key, &process) == 0)
		count.processes++;
	return count;
}

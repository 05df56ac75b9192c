/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <tract/inspect.h>
#include <tract/node.h>

#include "stage.h"
#include "story.h"

/* The demo looks at two nodes at most, from one thread. */
static struct tract *context_of(const char *dir)
{
	static struct {
		const char *dir;
		struct tract *ctx;
	} open[3];
	unsigned i = 0;

	while (open[i].ctx && open[i].dir != dir)
		i++;
	if (!open[i].ctx && tract_open(dir, &open[i].ctx) < 0)
		story_fail("cannot look at the node: %s", tract_reason());
	open[i].dir = dir;
	return open[i].ctx;
}

struct node_count node_count(const char *dir)
{
	struct tract_segment_info segment = { .key = 0 };
	struct tract_import_info import = { .key = 0 };
	struct tract_process_info process = { .key = 0 };
	struct tract *ctx = context_of(dir);
	struct node_count count = { 0 };

	while (tract_next_segment(ctx, segment.key, &segment) == 0)
		count.segments++;
	while (tract_next_import(ctx, import.key, &import) == 0)
		count.imports++;
	while (tract_next_process(ctx, process.key, &process) == 0)
		count.processes++;
	return count;
}

void node_start(const char *dir)
{
	if (tract_reconnect(context_of(dir)) < 0)
		story_fail("cannot start the broker of %s: %s", dir, tract_reason());
}

bool node_has_controller(const char *dir, const char *name, char *ret_why, size_t capacity)
{
	struct tract_controller_info controller = { .key = 0 };
	struct tract *ctx = context_of(dir);

	(void)snprintf(ret_why, capacity, "there is no controller %s", name);
	while (tract_next_controller(ctx, controller.key, &controller) == 0) {
		if (strcmp(controller.name, name) != 0)
			continue;
		(void)snprintf(ret_why, capacity, "%s", controller.why);
		return controller.up;
	}
	return false;
}

static bool find_link(struct tract *ctx, uint32_t peer, struct tract_node_info *ret_node)
{
	ret_node->key = 0;
	while (tract_next_node(ctx, ret_node->key, ret_node) == 0)
		if (ret_node->node == peer)
			return ret_node->state == TRACT_NODE_UP;
	return false;
}

bool node_await_link(const char *dir, uint32_t peer, char *ret_why, size_t capacity)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct tract_node_info node = { .key = 0 };
	uint64_t begin = now_ns();
	bool up;

	while (!(up = find_link(context_of(dir), peer, &node)) &&
	       now_ns() - begin < 5000000000u)
		(void)nanosleep(&pause, NULL);
	(void)snprintf(ret_why, capacity, "%s", node.why);
	return up;
}

/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdio.h>

#include "list.h"
#include "words.h"

enum { NODE, ADDRESS, STATE, SINCE, RTT, RTT_NS, RECEIVED, SENT, TIMES, WHY, COLUMNS };

static const struct out_column columns[COLUMNS] = {
	[NODE] = { "NODE", "node", OUT_COUNT },
	[ADDRESS] = { "ADDRESS", "address", OUT_TEXT },
	[STATE] = { "LINK", "state", OUT_TEXT },
	[SINCE] = { "SINCE", "since_ms", OUT_AGE },
	[RTT] = { "RTT", NULL, OUT_TEXT },
	[RTT_NS] = { NULL, "rtt_ns", OUT_COUNT },
	[RECEIVED] = { "RECEIVED", "received", OUT_SIZE },
	[SENT] = { "SENT", "sent", OUT_SIZE },
	[TIMES] = { NULL, "times", OUT_COUNT },
	[WHY] = { "WHY", "why", OUT_TEXT },
};

static const char *words_link(enum tract_node_state state)
{
	static const char *const names[] = {
		[TRACT_NODE_SELF] = "this node",
		[TRACT_NODE_DOWN] = "down",
		[TRACT_NODE_CONNECTING] = "connecting",
		[TRACT_NODE_UP] = "up",
	};

	return names[state];
}

static const char *words_rtt(uint64_t ns, char text[WORDS_MAX])
{
	text[0] = '\0';
	if (ns)
		(void)snprintf(text, WORDS_MAX, "%.2f ms", (double)ns / 1e6);
	return text;
}

static void add_row(struct out_table *table, const struct tract_node_info *node)
{
	char text[WORDS_MAX];

	out_row(table);
	out_set_number(table, NODE, node->node);
	out_set_text(table, ADDRESS, node->address);
	out_set_text(table, STATE, words_link(node->state));
	out_set_number(table, SINCE, node->since_ms);
	out_set_text(table, RTT, words_rtt(node->rtt_ns, text));
	out_set_number(table, RTT_NS, node->rtt_ns);
	out_set_number(table, RECEIVED, node->received);
	out_set_number(table, SENT, node->sent);
	out_set_number(table, TIMES, node->times);
	out_set_text(table, WHY, node->why);
}

static int fill(const struct cli *cli, struct out_table *table)
{
	struct tract_node_info node = { .key = 0 };
	int r;

	while ((r = tract_next_node(cli->ctx, node.key, &node)) == 0)
		add_row(table, &node);
	return r;
}

int verb_nodes(const struct cli *cli)
{
	static const struct list list = { .name = "nodes",
					  .none = "no broker runs on this node",
					  .columns = columns,
					  .column_count = COLUMNS,
					  .fill = fill };

	return list_print(cli, &list);
}

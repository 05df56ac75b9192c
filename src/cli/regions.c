/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include "list.h"
#include "words.h"

enum {
	REGION,
	SIZE,
	PROCESS,
	PID,
	OWNER,
	UID,
	USER,
	CEILING,
	STATE,
	MAPPED,
	PENDING,
	CAPABILITIES,
	NODE,
	AGE,
	COLUMNS
};

static const struct out_column columns[COLUMNS] = {
	[REGION] = { "REGION", "region", OUT_REGION },
	[SIZE] = { "SIZE", "size", OUT_SIZE },
	[PROCESS] = { NULL, "process", OUT_PROCESS },
	[PID] = { "PID", "pid", OUT_COUNT },
	[OWNER] = { "OWNER", "owner", OUT_TEXT },
	[UID] = { NULL, "uid", OUT_COUNT },
	[USER] = { "USER", "user", OUT_TEXT },
	[CEILING] = { "CEILING", "ceiling", OUT_TEXT },
	[STATE] = { "STATE", "state", OUT_TEXT },
	[MAPPED] = { "MAPPED", "mapped", OUT_COUNT },
	[PENDING] = { NULL, "pending", OUT_COUNT },
	[CAPABILITIES] = { "CAPS", "capabilities", OUT_COUNT },
	[NODE] = { "NUMA", "numa_node", OUT_COUNT },
	[AGE] = { "AGE", "age_ms", OUT_AGE },
};

static void add_owner(const struct cli *cli, struct out_table *table,
		      const struct tract_shared_info *region)
{
	char text[WORDS_MAX];

	out_set_number(table, PROCESS, region->owner);
	if (region->owner) {
		out_set_number(table, PID, (uint64_t)region->pid);
		out_set_text(table, OWNER, words_process(region->pid, text));
	} else if (!cli_has(cli, OPTION_JSON)) {
		out_set_text(table, PID, "-");
		out_set_text(table, OWNER, "-");
	}
}

static void add_row(const struct cli *cli, struct out_table *table,
		    const struct tract_shared_info *region)
{
	char text[WORDS_MAX];

	out_row(table);
	out_set_number(table, REGION, region->number);
	out_set_number(table, SIZE, region->size);
	add_owner(cli, table, region);
	out_set_number(table, UID, region->uid);
	out_set_text(table, USER, words_user(region->uid, text));
	out_set_text(table, CEILING, words_permission(region->ceiling, text));
	out_set_text(table, STATE, words_state(region->state));
	out_set_number(table, MAPPED, region->mapped);
	out_set_number(table, PENDING, region->pending);
	out_set_number(table, CAPABILITIES, region->capabilities);
	if (region->numa_node != TRACT_NODE_ANY)
		out_set_number(table, NODE, region->numa_node);
	else if (!cli_has(cli, OPTION_JSON))
		out_set_text(table, NODE, "any");
	out_set_number(table, AGE, region->age_ms);
}

static int fill(const struct cli *cli, struct out_table *table)
{
	struct tract_shared_info region = { .number = 0 };
	int r;

	while ((r = tract_next_shared(cli->ctx, region.number, &region)) == 0)
		add_row(cli, table, &region);
	return r;
}

int verb_regions(const struct cli *cli)
{
	static const struct list list = { .name = "regions",
					  .none = "there is no shared region on this node",
					  .columns = columns,
					  .column_count = COLUMNS,
					  .fill = fill };

	return list_print(cli, &list);
}

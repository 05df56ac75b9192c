/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "list.h"
#include "words.h"

enum { PID, NAME, UID, USER, REGIONS, BYTES, SEGMENTS, IMPORTS, AGE, COLUMNS };

static const struct out_column columns[COLUMNS] = {
	[PID] = { "PID", "pid", OUT_COUNT },
	[NAME] = { "PROCESS", "process", OUT_TEXT },
	[UID] = { NULL, "uid", OUT_COUNT },
	[USER] = { "USER", "user", OUT_TEXT },
	[REGIONS] = { "REGIONS", "regions", OUT_COUNT },
	[BYTES] = { "MEMORY", "bytes", OUT_SIZE },
	[SEGMENTS] = { "EXPORTS", "exports", OUT_COUNT },
	[IMPORTS] = { "IMPORTS", "imports", OUT_COUNT },
	[AGE] = { "AGE", "age_ms", OUT_AGE },
};

static void add_row(struct out_table *table, const struct tract_process_info *process)
{
	char text[WORDS_MAX];

	out_row(table);
	out_set_number(table, PID, (uint64_t)process->pid);
	out_set_text(table, NAME, words_process(process->pid, text));
	out_set_number(table, UID, process->uid);
	out_set_text(table, USER, words_user(process->uid, text));
	out_set_number(table, REGIONS, process->regions);
	out_set_number(table, BYTES, process->bytes);
	out_set_number(table, SEGMENTS, process->segments);
	out_set_number(table, IMPORTS, process->imports);
	out_set_number(table, AGE, process->age_ms);
}

/* What was asked of the broker, one entry a process: it may have several connections. */
struct processes {
	struct tract_process_info *all;
	size_t count;
};

static struct tract_process_info *find(const struct processes *processes, int32_t pid)
{
	for (size_t i = 0; i < processes->count; i++)
		if (processes->all[i].pid == pid)
			return &processes->all[i];
	return NULL;
}

static int add(struct processes *processes, const struct tract_process_info *found)
{
	struct tract_process_info *known = find(processes, found->pid);

	if (!known) {
		known = reallocarray(processes->all, processes->count + 1, sizeof(*known));
		if (!known)
			return -ENOMEM;
		processes->all = known;
		processes->all[processes->count++] = *found;
		return 0;
	}
	known->regions += found->regions;
	known->segments += found->segments;
	known->imports += found->imports;
	known->bytes += found->bytes;
	return 0;
}

static int collect(const struct cli *cli, struct processes *processes)
{
	struct tract_process_info process = { .key = 0 };
	int r;

	while ((r = tract_next_process(cli->ctx, process.key, &process)) == 0) {
		if (process.pid == getpid())
			continue;
		r = add(processes, &process);
		if (r < 0)
			return r;
	}
	return r;
}

static int fill(const struct cli *cli, struct out_table *table)
{
	struct processes processes = { .all = NULL };
	int r = collect(cli, &processes);

	for (size_t i = 0; i < processes.count; i++)
		add_row(table, &processes.all[i]);
	free(processes.all);
	return r;
}

int verb_ps(const struct cli *cli)
{
	static const struct list list = { .name = "processes",
					  .none = "no process uses this node",
					  .columns = columns,
					  .column_count = COLUMNS,
					  .fill = fill };

	return list_print(cli, &list);
}

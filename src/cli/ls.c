/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include "list.h"
#include "words.h"

enum {
	NODE,
	ID,
	SIZE,
	PID,
	EXPORTER,
	UID,
	USER,
	MODE,
	IMPORTS,
	BACKING,
	REBINDS,
	AGE,
	COLUMNS
};

static const struct out_column columns[COLUMNS] = {
	[NODE] = { "NODE", "node", OUT_COUNT },
	[ID] = { "ID", "id", OUT_ID },
	[SIZE] = { "SIZE", "size", OUT_SIZE },
	[PID] = { "PID", "pid", OUT_COUNT },
	[EXPORTER] = { "EXPORTER", "exporter", OUT_TEXT },
	[UID] = { NULL, "uid", OUT_COUNT },
	[USER] = { "USER", "user", OUT_TEXT },
	[MODE] = { "MODE", "mode", OUT_MODE },
	[IMPORTS] = { "IMPORTERS", "importers", OUT_COUNT },
	[BACKING] = { "BACKING", "backing", OUT_TEXT },
	[REBINDS] = { NULL, "rebinds", OUT_COUNT },
	[AGE] = { "AGE", "age_ms", OUT_AGE },
};

static void add_row(struct out_table *table, const struct tract_segment_info *segment)
{
	char text[WORDS_MAX];

	out_row(table);
	out_set_number(table, NODE, segment->node);
	out_set_number(table, ID, segment->id);
	out_set_number(table, SIZE, segment->size);
	out_set_number(table, PID, (uint64_t)segment->pid);
	out_set_text(table, EXPORTER, words_process(segment->pid, text));
	out_set_number(table, UID, segment->uid);
	out_set_text(table, USER, words_user(segment->uid, text));
	out_set_number(table, MODE, segment->mode);
	out_set_number(table, IMPORTS, segment->imports);
	out_set_text(table, BACKING, words_backing(segment->backing));
	out_set_number(table, REBINDS, segment->rebinds);
	out_set_number(table, AGE, segment->age_ms);
}

static int fill(const struct cli *cli, struct out_table *table)
{
	struct tract_segment_info segment = { .key = 0 };
	int r;

	while ((r = tract_next_segment(cli->ctx, segment.key, &segment)) == 0)
		add_row(table, &segment);
	return r;
}

int verb_ls(const struct cli *cli)
{
	static const struct list list = { .name = "segments",
					  .none = "nothing is exported on this node",
					  .columns = columns,
					  .column_count = COLUMNS,
					  .fill = fill };

	return list_print(cli, &list);
}

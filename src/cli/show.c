/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <stdio.h>

#include "out.h"
#include "region.h"
#include "words.h"

enum {
	NODE,
	ID,
	SIZE,
	PID,
	EXPORTER,
	UID,
	USER,
	GID,
	MODE,
	ACCESS,
	ACCESS_COUNT,
	IMPORTS,
	BACKING,
	REBINDS,
	EXPOSED,
	AGE,
	COLUMNS
};

static const struct out_column columns[COLUMNS] = {
	[NODE] = { "node", "node", OUT_COUNT },
	[ID] = { "id", "id", OUT_ID },
	[SIZE] = { "size", "size", OUT_SIZE },
	[PID] = { NULL, "pid", OUT_COUNT },
	[EXPORTER] = { "exporter", "exporter", OUT_TEXT },
	[UID] = { NULL, "uid", OUT_COUNT },
	[USER] = { "user", "user", OUT_TEXT },
	[GID] = { NULL, "gid", OUT_COUNT },
	[MODE] = { "mode", "mode", OUT_MODE },
	[ACCESS] = { "open to", NULL, OUT_TEXT },
	[ACCESS_COUNT] = { NULL, "access_entries", OUT_COUNT },
	[IMPORTS] = { "importers", NULL, OUT_COUNT },
	[BACKING] = { "backing", "backing", OUT_TEXT },
	[REBINDS] = { "rebinds", "rebinds", OUT_COUNT },
	[EXPOSED] = { "given out", "exposed", OUT_YES_NO },
	[AGE] = { "age", "age_ms", OUT_AGE },
};

enum { I_PID, I_NAME, I_UID, I_USER, I_RIGHTS, I_AGE, I_COLUMNS };

static const struct out_column importer_columns[I_COLUMNS] = {
	[I_PID] = { "PID", "pid", OUT_COUNT },
	[I_NAME] = { "IMPORTER", "importer", OUT_TEXT },
	[I_UID] = { NULL, "uid", OUT_COUNT },
	[I_USER] = { "USER", "user", OUT_TEXT },
	[I_RIGHTS] = { "RIGHTS", "rights", OUT_RIGHTS },
	[I_AGE] = { "AGE", "age_ms", OUT_AGE },
};

/* For people, the exporter's name and pid share a line; for programs each has its own. */
static void set_exporter(const struct cli *cli, struct out_table *table,
			 const struct tract_segment_info *segment)
{
	char name[WORDS_MAX], both[WORDS_MAX + 20];

	(void)words_process(segment->pid, name);
	(void)snprintf(both, sizeof(both), "%s (process %d)", name, segment->pid);
	out_set_text(table, EXPORTER, cli_has(cli, OPTION_JSON) ? name : both);
}

static void set_access(struct out_table *table, uint32_t entries)
{
	char text[WORDS_MAX];

	(void)snprintf(text, sizeof(text), entries == 1 ? "1 listed node" : "%u listed nodes",
		       entries);
	out_set_text(table, ACCESS, entries ? text : "every node");
	out_set_number(table, ACCESS_COUNT, entries);
}

static void fill(const struct cli *cli, struct out_table *table,
		 const struct tract_segment_info *segment)
{
	char text[WORDS_MAX];

	out_row(table);
	out_set_number(table, NODE, segment->node);
	out_set_number(table, ID, segment->id);
	out_set_number(table, SIZE, segment->size);
	out_set_number(table, PID, (uint64_t)segment->pid);
	set_exporter(cli, table, segment);
	out_set_number(table, UID, segment->uid);
	out_set_text(table, USER, words_user(segment->uid, text));
	out_set_number(table, GID, segment->gid);
	out_set_number(table, MODE, segment->mode);
	set_access(table, segment->access);
	out_set_number(table, IMPORTS, segment->imports);
	out_set_text(table, BACKING, words_backing(segment->backing));
	out_set_number(table, REBINDS, segment->rebinds);
	out_set_number(table, EXPOSED, segment->exposed);
	out_set_number(table, AGE, segment->age_ms);
}

/* 0, or -errno. */
static int fill_importers(const struct cli *cli, struct out_table *table, uint64_t segment)
{
	struct tract_import_info import = { .key = 0 };
	char text[WORDS_MAX];
	int r;

	while ((r = tract_next_import(cli->ctx, import.key, &import)) == 0) {
		if (import.segment != segment)
			continue;
		out_row(table);
		out_set_number(table, I_PID, (uint64_t)import.pid);
		out_set_text(table, I_NAME, words_process(import.pid, text));
		out_set_number(table, I_UID, import.uid);
		out_set_text(table, I_USER, words_user(import.uid, text));
		out_set_number(table, I_RIGHTS, import.rights);
		out_set_number(table, I_AGE, import.age_ms);
	}
	return r == -ENOENT ? 0 : r;
}

static int show(const struct cli *cli, uint32_t id, struct out_table *tables[2])
{
	struct tract_segment_info segment;
	int r = cli_find_segment(cli, id, &segment);

	if (r == -ENOENT) {
		out_error("no segment 0x%08x: nothing of yours is published on this node under "
			  "that id.  `tract ls` shows what is.",
			  id);
		return CLI_REFUSED;
	}
	if (r == 0) {
		fill(cli, tables[0], &segment);
		r = fill_importers(cli, tables[1], segment.key);
	}
	if (r == 0)
		return out_print(tables, 2);
	out_failed(r, "cannot show segment 0x%08x", id);
	return out_exit_of(r);
}

int verb_show(const struct cli *cli)
{
	struct out_table *tables[2];
	uint64_t id;
	int end;

	if (options_name(cli->operands[0], 'r', &id))
		return show_region(cli, id);
	if (!options_number(cli->operands[0], UINT32_MAX, &id) || id == 0)
		return out_usage("\"%s\" is no segment id, as 0x400000 is, and no region, as "
				 "r12 is",
				 cli->operands[0]);
	end = cli_connect(cli);
	if (end != CLI_OK)
		return end;
	tables[0] = out_record_new(cli, "segments", columns, COLUMNS);
	tables[1] = out_table_new(cli, "importers", importer_columns, I_COLUMNS);
	end = show(cli, (uint32_t)id, tables);
	out_table_free(tables[0]);
	out_table_free(tables[1]);
	return end;
}

/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "out.h"
#include "picture.h"
#include "space.h"
#include "strip.h"
#include "words.h"

/* ---- a table, for people ---------------------------------------------------------------- */

enum { START, SIZE, RIGHTS, WHAT, OBJECT, VIEWS, OFFSET, RESIDENT, COLUMNS };

static const struct out_column columns[COLUMNS] = {
	[START] = { "START", NULL, OUT_ADDRESS }, [SIZE] = { "SIZE", NULL, OUT_SIZE },
	[RIGHTS] = { "RIGHTS", NULL, OUT_TEXT },  [WHAT] = { "WHAT", NULL, OUT_TEXT },
	[OBJECT] = { "OBJECT", NULL, OUT_COUNT }, [VIEWS] = { "VIEWS", NULL, OUT_COUNT },
	[OFFSET] = { "OFFSET", NULL, OUT_SIZE },  [RESIDENT] = { "RESIDENT", NULL, OUT_SIZE },
};

/* Narrower terminals have no room for a column. */
static const unsigned least_width[COLUMNS] = { [OBJECT] = 70, [VIEWS] = 70, [OFFSET] = 79 };

static void fit(struct out_column fitting[COLUMNS])
{
	for (unsigned i = 0; i < COLUMNS; i++) {
		fitting[i] = columns[i];
		if (strip_width() < least_width[i])
			fitting[i].title = NULL;
	}
}

static bool has_object(const struct tract_mapping_info *mapping)
{
	return mapping->kind == TRACT_MAPPING_SYSV ||
	       (mapping->kind != TRACT_MAPPING_OTHER && mapping->object != 0);
}

static void add_area(struct out_table *table, const struct space_area *area)
{
	out_row(table);
	out_set_number(table, START, area->info.start);
	out_set_number(table, SIZE, area->info.size);
	out_set_text(table, RIGHTS, "");
	out_set_text(table, WHAT, area->info.blocked ? "blocked area" : "area");
	out_set_color(table, WHAT, "\033[1m");
	out_set_number(table, RESIDENT, area->resident);
}

static void add_piece(struct out_table *table, const struct space *space,
		      const struct piece *piece)
{
	const struct tract_mapping_info *mapping = piece->mapping;
	char text[WORDS_MAX];

	if (piece->area == SPACE_NO_AREA)
		out_row(table);
	else
		out_row_under(table);
	out_set_number(table, START, piece->start);
	out_set_number(table, SIZE, piece->bytes);
	out_set_text(table, WHAT, space_what(piece, text));
	out_set_color(table, WHAT, look_of(space, piece)->sequence);
	if (mapping->rights || piece->count > 1)
		out_set_number(table, RESIDENT, piece->resident);
	if (piece->kind != PIECE_MAPPING)
		return;
	out_set_text(table, RIGHTS, words_access(mapping->rights, mapping->executable, text));
	if (!has_object(mapping))
		return;
	out_set_number(table, OBJECT, mapping->object);
	out_set_number(table, VIEWS, space_views(space, mapping));
	out_set_number(table, OFFSET, mapping->offset);
}

/* Each area before what begins in it, or behind it. */
static void fill(struct out_table *table, const struct space *space)
{
	size_t area = 0;

	for (size_t i = 0; i < space->piece_count; i++) {
		const struct piece *piece = &space->pieces[i];

		while (area < space->area_count &&
		       space->areas[area].info.start <= piece->start)
			add_area(table, &space->areas[area++]);
		if (piece->mapping)
			add_piece(table, space, piece);
	}
	while (area < space->area_count)
		add_area(table, &space->areas[area++]);
}

static void print_title(const struct space *space)
{
	char size[WORDS_MAX], resident[WORDS_MAX];

	printf("%s (process %d): %zu %s, %zu %s of %s, %s in memory\n", space->name, space->pid,
	       space->area_count, space->area_count == 1 ? "area" : "areas", space->tract.count,
	       space->tract.count == 1 ? "attachment" : "attachments",
	       words_size(space->tract.bytes, size),
	       words_size(space->tract.resident, resident));
}

static void print_strip(const struct space *space)
{
	struct space folded;

	if (!space_fold(space, strip_pieces(), &folded))
		return;
	strip_print(&folded);
	space_unfold(&folded);
}

static int print_for_people(const struct cli *cli, const struct space *space)
{
	struct out_column fitting[COLUMNS];
	struct out_table *table;
	int end;

	fit(fitting);
	table = out_tree_new(cli, "map", fitting, COLUMNS);
	print_title(space);
	(void)putchar('\n');
	print_strip(space);
	(void)putchar('\n');
	fill(table, space);
	end = out_print(&table, 1);
	out_table_free(table);
	return end;
}

/* ---- JSON, for programs ----------------------------------------------------------------- */

enum {
	P_PID,
	P_NAME,
	P_AREAS,
	P_MAPPINGS,
	P_BYTES,
	P_RESIDENT,
	P_OTHER_MAPPINGS,
	P_OTHER_BYTES,
	P_OTHER_RESIDENT,
	P_COLUMNS
};

static const struct out_column process_columns[P_COLUMNS] = {
	[P_PID] = { NULL, "pid", OUT_COUNT },
	[P_NAME] = { NULL, "process", OUT_TEXT },
	[P_AREAS] = { NULL, "areas", OUT_COUNT },
	[P_MAPPINGS] = { NULL, "mappings", OUT_COUNT },
	[P_BYTES] = { NULL, "bytes", OUT_SIZE },
	[P_RESIDENT] = { NULL, "resident", OUT_SIZE },
	[P_OTHER_MAPPINGS] = { NULL, "other_mappings", OUT_COUNT },
	[P_OTHER_BYTES] = { NULL, "other_bytes", OUT_SIZE },
	[P_OTHER_RESIDENT] = { NULL, "other_resident", OUT_SIZE },
};

enum { A_START, A_SIZE, A_BLOCKED, A_MAPPINGS, A_BYTES, A_RESIDENT, A_COLUMNS };

static const struct out_column area_columns[A_COLUMNS] = {
	[A_START] = { NULL, "start", OUT_ADDRESS },
	[A_SIZE] = { NULL, "size", OUT_SIZE },
	[A_BLOCKED] = { NULL, "blocked", OUT_YES_NO },
	[A_MAPPINGS] = { NULL, "mappings", OUT_COUNT },
	[A_BYTES] = { NULL, "bytes", OUT_SIZE },
	[A_RESIDENT] = { NULL, "resident", OUT_SIZE },
};

enum {
	M_START,
	M_SIZE,
	M_KIND,
	M_RIGHTS,
	M_SHARED,
	M_AREA,
	M_OBJECT,
	M_VIEWS,
	M_OFFSET,
	M_RESIDENT,
	M_NAME,
	M_COLUMNS
};

static const struct out_column mapping_columns[M_COLUMNS] = {
	[M_START] = { NULL, "start", OUT_ADDRESS },
	[M_SIZE] = { NULL, "size", OUT_SIZE },
	[M_KIND] = { NULL, "kind", OUT_TEXT },
	[M_RIGHTS] = { NULL, "rights", OUT_TEXT },
	[M_SHARED] = { NULL, "shared", OUT_YES_NO },
	[M_AREA] = { NULL, "area", OUT_ADDRESS },
	[M_OBJECT] = { NULL, "object", OUT_COUNT },
	[M_VIEWS] = { NULL, "views", OUT_COUNT },
	[M_OFFSET] = { NULL, "offset", OUT_COUNT },
	[M_RESIDENT] = { NULL, "resident", OUT_SIZE },
	[M_NAME] = { NULL, "name", OUT_TEXT },
};

static void fill_process(struct out_table *table, const struct space *space)
{
	out_row(table);
	out_set_number(table, P_PID, (uint64_t)space->pid);
	out_set_text(table, P_NAME, space->name);
	out_set_number(table, P_AREAS, space->area_count);
	out_set_number(table, P_MAPPINGS, space->tract.count);
	out_set_number(table, P_BYTES, space->tract.bytes);
	out_set_number(table, P_RESIDENT, space->tract.resident);
	out_set_number(table, P_OTHER_MAPPINGS, space->other.count);
	out_set_number(table, P_OTHER_BYTES, space->other.bytes);
	out_set_number(table, P_OTHER_RESIDENT, space->other.resident);
}

static void fill_areas(struct out_table *table, const struct space *space)
{
	for (size_t i = 0; i < space->area_count; i++) {
		const struct space_area *area = &space->areas[i];

		out_row(table);
		out_set_number(table, A_START, area->info.start);
		out_set_number(table, A_SIZE, area->info.size);
		out_set_number(table, A_BLOCKED, area->info.blocked);
		out_set_number(table, A_MAPPINGS, area->count);
		out_set_number(table, A_BYTES, area->bytes);
		out_set_number(table, A_RESIDENT, area->resident);
	}
}

static void fill_mappings(struct out_table *table, const struct space *space)
{
	char text[WORDS_MAX];

	for (size_t i = 0; i < space->piece_count; i++) {
		const struct piece *piece = &space->pieces[i];
		const struct tract_mapping_info *m = piece->mapping;

		/* What is folded is in the totals. */
		if (!m || piece->kind != PIECE_MAPPING)
			continue;
		out_row(table);
		out_set_number(table, M_START, m->start);
		out_set_number(table, M_SIZE, m->size);
		out_set_text(table, M_KIND, words_mapping(m->kind));
		out_set_text(table, M_RIGHTS, words_access(m->rights, m->executable, text));
		out_set_number(table, M_SHARED, m->shared);
		if (piece->area != SPACE_NO_AREA)
			out_set_number(table, M_AREA, space->areas[piece->area].info.start);
		if (has_object(m)) {
			out_set_number(table, M_OBJECT, m->object);
			out_set_number(table, M_VIEWS, space_views(space, m));
		}
		out_set_number(table, M_OFFSET, m->offset);
		out_set_number(table, M_RESIDENT, m->resident);
		out_set_text(table, M_NAME, m->name);
	}
}

static int print_for_programs(const struct cli *cli, const struct space *space)
{
	struct out_table *tables[] = {
		out_table_new(cli, "processes", process_columns, P_COLUMNS),
		out_table_new(cli, "areas", area_columns, A_COLUMNS),
		out_table_new(cli, "mappings", mapping_columns, M_COLUMNS),
	};
	int end;

	fill_process(tables[0], space);
	fill_areas(tables[1], space);
	fill_mappings(tables[2], space);
	end = out_print(tables, 3);
	for (unsigned i = 0; i < 3; i++)
		out_table_free(tables[i]);
	return end;
}

/* ---- the verb --------------------------------------------------------------------------- */

static bool is_empty(const struct space *space)
{
	return space->tract.count == 0 && space->area_count == 0;
}

static int show(const struct cli *cli, struct space *space)
{
	if (cli_has(cli, OPTION_JSON))
		return print_for_programs(cli, space);
	if (cli_has(cli, OPTION_SVG))
		return CLI_OK;
	if (!is_empty(space) || cli_has(cli, OPTION_ALL))
		return print_for_people(cli, space);
	if (isatty(STDOUT_FILENO))
		(void)fprintf(stderr,
			      "%s (process %d) has nothing attached and no areas; --all "
			      "shows what else it has\n",
			      space->name, space->pid);
	return CLI_OK;
}

static int draw(const struct cli *cli, const struct space *space)
{
	/* Who asks for all gets all. */
	size_t most = cli_has(cli, OPTION_ALL) ? SIZE_MAX : PICTURE_PIECES;
	struct space folded;
	int end;

	if (!space_fold(space, most, &folded)) {
		out_error("out of memory");
		return CLI_REFUSED;
	}
	end = picture_write(&folded, cli->svg);
	space_unfold(&folded);
	return end;
}

int verb_map(const struct cli *cli)
{
	struct space space;
	uint64_t pid;
	int end;

	if (!options_number(cli->operands[0], INT32_MAX, &pid) || pid == 0)
		return out_usage("\"%s\" is no process id", cli->operands[0]);
	if (cli_has(cli, OPTION_SVG) && cli_has(cli, OPTION_JSON) && strcmp(cli->svg, "-") == 0)
		return out_usage("--json prints where --svg - draws; --svg wants a file then");
	end = space_open((int32_t)pid, cli_has(cli, OPTION_ALL), &space);
	if (end != CLI_OK)
		return end;
	end = show(cli, &space);
	if (end == CLI_OK && cli_has(cli, OPTION_SVG))
		end = draw(cli, &space);
	space_close(&space);
	return end;
}

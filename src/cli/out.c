/* SPDX-License-Identifier: MIT */
#include "out.h"

#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "words.h"

struct out_table {
	struct libscols_table *table;
	struct libscols_line *line;   /* the row being filled */
	struct libscols_line *parent; /* of rows under it */
	const struct out_column *columns;
	size_t count;
	bool json, bytes;
	bool upright; /* a record for people: titles at the left */
	bool tree;
	bool failed; /* out of memory */
};

static bool is_shown(const struct out_table *table, unsigned column)
{
	const struct out_column *spec = &table->columns[column];

	return table->json ? spec->key != NULL : spec->title != NULL;
}

/* libsmartcols numbers the columns that are there. */
static size_t position(const struct out_table *table, unsigned column)
{
	size_t at = 0;

	for (unsigned i = 0; i < column; i++)
		at += is_shown(table, i);
	return at;
}

static bool is_right_aligned(enum out_kind kind)
{
	return kind == OUT_COUNT || kind == OUT_SIZE || kind == OUT_AGE;
}

/* Of what is 0 there is none. */
static bool is_name(enum out_kind kind)
{
	return kind == OUT_ID || kind == OUT_REGION || kind == OUT_CAPABILITY ||
	       kind == OUT_PROCESS;
}

static int json_type(enum out_kind kind)
{
	switch (kind) {
	case OUT_COUNT:
	case OUT_SIZE:
	case OUT_AGE:
	case OUT_ID:
	case OUT_ADDRESS:
	case OUT_REGION:
	case OUT_CAPABILITY:
	case OUT_PROCESS:
		return SCOLS_JSON_NUMBER;
	case OUT_YES_NO:
		return SCOLS_JSON_BOOLEAN;
	default:
		return SCOLS_JSON_STRING;
	}
}

bool out_wants_color(void)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

static int flags_of(const struct out_table *table, enum out_kind kind)
{
	if (table->json || table->upright)
		return 0;
	if (table->tree && scols_table_get_ncols(table->table) == 0)
		return SCOLS_FL_TREE;
	return is_right_aligned(kind) ? SCOLS_FL_RIGHT : 0;
}

static bool add_column(struct out_table *table, const char *name, enum out_kind kind)
{
	struct libscols_column *column =
		scols_table_new_column(table->table, name, 0, flags_of(table, kind));

	if (!column)
		return false;
	if (table->json)
		return scols_column_set_json_type(column, json_type(kind)) == 0;
	if (is_name(kind) && out_wants_color())
		return scols_column_set_color(column, "cyan") == 0;
	return true;
}

static bool add_columns(struct out_table *table)
{
	if (table->upright)
		return add_column(table, "", OUT_TEXT) && add_column(table, " ", OUT_TEXT);
	for (unsigned i = 0; i < table->count; i++) {
		const struct out_column *spec = &table->columns[i];

		if (is_shown(table, i) &&
		    !add_column(table, table->json ? spec->key : spec->title, spec->kind))
			return false;
	}
	return true;
}

enum shape { TABLE, RECORD, TREE };

static struct out_table *table_new(const struct cli *cli, const char *name, enum shape shape,
				   const struct out_column *columns, size_t count)
{
	struct out_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->count = count;
	table->json = cli_has(cli, OPTION_JSON);
	table->bytes = table->json || cli_has(cli, OPTION_BYTES);
	table->upright = shape == RECORD && !table->json;
	table->tree = shape == TREE && !table->json;
	table->table = scols_new_table();
	if (!table->table || !add_columns(table) ||
	    scols_table_set_name(table->table, name) != 0) {
		out_table_free(table);
		return NULL;
	}
	(void)scols_table_enable_json(table->table, table->json);
	(void)scols_table_enable_noheadings(table->table, table->upright);
	(void)scols_table_enable_colors(table->table, out_wants_color());
	return table;
}

struct out_table *out_table_new(const struct cli *cli, const char *name,
				const struct out_column *columns, size_t count)
{
	return table_new(cli, name, TABLE, columns, count);
}

struct out_table *out_record_new(const struct cli *cli, const char *name,
				 const struct out_column *columns, size_t count)
{
	return table_new(cli, name, RECORD, columns, count);
}

struct out_table *out_tree_new(const struct cli *cli, const char *name,
			       const struct out_column *columns, size_t count)
{
	return table_new(cli, name, TREE, columns, count);
}

void out_table_free(struct out_table *table)
{
	if (!table)
		return;
	scols_unref_table(table->table);
	free(table);
}

void out_row(struct out_table *table)
{
	if (!table || table->upright)
		return;
	table->line = table->parent = scols_table_new_line(table->table, NULL);
	table->failed |= !table->line;
}

void out_row_under(struct out_table *table)
{
	if (!table || table->upright)
		return;
	table->line = scols_table_new_line(table->table, table->tree ? table->parent : NULL);
	table->failed |= !table->line;
}

/* What is behind the name is libsmartcols' own line. */
struct out_line *out_line(const struct out_table *table)
{
	return table ? (struct out_line *)(void *)table->line : NULL;
}

void out_row_below(struct out_table *table, struct out_line *line)
{
	if (!table)
		return;
	table->parent = (struct libscols_line *)(void *)line;
	out_row_under(table);
}

bool out_is_empty(const struct out_table *table)
{
	return !table || scols_table_is_empty(table->table);
}

void out_set_text(struct out_table *table, unsigned column, const char *text)
{
	size_t at;

	if (!table || !is_shown(table, column) || table->failed)
		return;
	at = position(table, column);
	if (table->upright) {
		table->line = scols_table_new_line(table->table, NULL);
		if (!table->line ||
		    scols_line_set_data(table->line, 0, table->columns[column].title) != 0)
			table->failed = true;
		at = 1;
	}
	if (!table->failed && scols_line_set_data(table->line, at, text) != 0)
		table->failed = true;
}

/* A number as a program reads it.  NULL: there is none. */
static const char *number_for_program(enum out_kind kind, uint64_t number, char *text)
{
	if (is_name(kind) && number == 0)
		return NULL;
	if (kind == OUT_YES_NO)
		return number ? "1" : "0";
	if (kind == OUT_MODE)
		return words_mode((uint32_t)number, text);
	if (kind == OUT_RIGHTS)
		return words_rights((uint32_t)number, text);
	(void)snprintf(text, WORDS_MAX, "%llu", (unsigned long long)number);
	return text;
}

static const char *number_for_people(enum out_kind kind, uint64_t number, char *text)
{
	if (is_name(kind) && number == 0)
		return "-";
	switch (kind) {
	case OUT_SIZE:
		return words_size(number, text);
	case OUT_AGE:
		return words_age(number, text);
	case OUT_YES_NO:
		return number ? "yes" : "no";
	case OUT_ID:
		(void)snprintf(text, WORDS_MAX, "0x%08llx", (unsigned long long)number);
		return text;
	case OUT_REGION:
		return words_name('r', number, text);
	case OUT_CAPABILITY:
		return words_name('c', number, text);
	case OUT_PROCESS:
		return words_name('p', number, text);
	case OUT_ADDRESS:
		return words_address(number, text);
	default:
		return number_for_program(kind, number, text);
	}
}

void out_set_number(struct out_table *table, unsigned column, uint64_t number)
{
	enum out_kind kind;
	char text[WORDS_MAX];

	if (!table)
		return;
	kind = table->columns[column].kind;
	if (table->json || (kind == OUT_SIZE && table->bytes))
		out_set_text(table, column, number_for_program(kind, number, text));
	else
		out_set_text(table, column, number_for_people(kind, number, text));
}

void out_set_color(struct out_table *table, unsigned column, const char *sequence)
{
	struct libscols_cell *cell;

	if (!table || table->upright || !is_shown(table, column) || table->failed ||
	    !out_wants_color())
		return;
	cell = scols_line_get_cell(table->line, position(table, column));
	if (cell && scols_cell_set_color(cell, sequence) != 0)
		table->failed = true;
}

/* The members of a JSON object, without the braces around it, in place. */
static char *members_of(char *object)
{
	char *first = strchr(object, '{');
	char *last = strrchr(object, '}');

	if (!first || !last)
		return object;
	while (last > first && (last[-1] == '\n' || last[-1] == ' '))
		last--;
	*last = '\0';
	return first + 1;
}

/* libsmartcols prints one object a table; several become one object of them all. */
static bool print_json(struct out_table *const *tables, size_t count)
{
	(void)putchar('{');
	for (size_t i = 0; i < count; i++) {
		char *text = NULL;

		if (scols_print_table_to_string(tables[i]->table, &text) != 0 || !text)
			return false;
		printf("%s%s", i ? "," : "", members_of(text));
		free(text);
	}
	(void)puts("\n}");
	return true;
}

static bool print_text(struct out_table *const *tables, size_t count)
{
	bool first = true;

	for (size_t i = 0; i < count; i++) {
		if (out_is_empty(tables[i]))
			continue;
		if (!first)
			(void)putchar('\n');
		first = false;
		if (scols_print_table(tables[i]->table) != 0)
			return false;
	}
	return true;
}

int out_print(struct out_table *const *tables, size_t count)
{
	bool fine = true;

	for (size_t i = 0; i < count; i++)
		fine = fine && tables[i] && !tables[i]->failed;
	if (fine)
		fine = tables[0]->json ? print_json(tables, count) : print_text(tables, count);
	/* That what was printed did not get out is out_finish()'s to say. */
	if (fine || ferror(stdout))
		return CLI_OK;
	out_error("out of memory");
	return CLI_REFUSED;
}

void out_json_string(const char *text)
{
	(void)putchar('"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			printf("\\%c", *c);
		else if (*c < 0x20)
			printf("\\u%04x", *c);
		else
			(void)putchar(*c);
	}
	(void)putchar('"');
}

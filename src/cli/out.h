/* SPDX-License-Identifier: MIT */
/*
 * out.h - what the command says: tables, JSON, and errors in words
 *
 * A table is described by its columns and filled row by row with plain values; how a value
 * looks depends on its kind and on who reads it, a person or a program.  libsmartcols prints
 * both.  Running out of memory on the way is remembered and reported once, by out_print().
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "cli.h"

enum out_kind {
	OUT_TEXT,
	OUT_COUNT,
	OUT_SIZE, /* bytes; 1.8 MiB for people */
	OUT_AGE,  /* milliseconds; 3 min for people */
	OUT_ID,	  /* 0x00400001 for people, for whom 0 is nothing */
	OUT_ADDRESS,
	/* r12, c34 and p7 for people, so that none is taken for another or for an id; 0 is
	 * nothing. */
	OUT_REGION,
	OUT_CAPABILITY,
	OUT_PROCESS,
	OUT_MODE,   /* 0644 */
	OUT_RIGHTS, /* rw */
	OUT_YES_NO,
};

struct out_column {
	const char *title; /* for people; NULL: not shown to them */
	const char *key;   /* in JSON; NULL: not there */
	enum out_kind kind;
};

struct out_table;
struct out_line;

/*
 * Makes a table.  @name is its name in JSON.  A record is for one row, and is shown to people
 * with the titles at the left.  Returns NULL if memory is short; all below accept NULL.
 */
struct out_table *out_table_new(const struct cli *cli, const char *name,
				const struct out_column *columns, size_t count);
struct out_table *out_record_new(const struct cli *cli, const char *name,
				 const struct out_column *columns, size_t count);
/* A tree is shown to people as one, in the first column. */
struct out_table *out_tree_new(const struct cli *cli, const char *name,
			       const struct out_column *columns, size_t count);
void out_table_free(struct out_table *table);

/* Begins the next row. */
void out_row(struct out_table *table);
/* In a tree: one that belongs to the last one begun by out_row(). */
void out_row_under(struct out_table *table);
/* The row being filled, and one that belongs to an earlier one. */
struct out_line *out_line(const struct out_table *table);
void out_row_below(struct out_table *table, struct out_line *line);
void out_set_text(struct out_table *table, unsigned column, const char *text);
void out_set_number(struct out_table *table, unsigned column, uint64_t number);
/* @sequence begins a colour, on a terminal that shows any. */
void out_set_color(struct out_table *table, unsigned column, const char *sequence);
/* Is there a row? */
bool out_is_empty(const struct out_table *table);

/* Prints one table, or several: as one JSON object, or under each other.  An exit status. */
int out_print(struct out_table *const *tables, size_t count);

/* Errors, after "tract: ".  out_failed() adds the reason for @r, which is a -errno. */
void out_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void out_failed(int r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with advice of the caller's, a sentence without its end; NULL: as out_failed(). */
void out_failed_so(int r, const char *hint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The library's sentence about its last refusal, or the system's words for @r.  Borrowed. */
const char *out_reason(int r);
/* A command line that makes no sense.  Returns CLI_USAGE. */
int out_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* CLI_NO_BROKER if @r, a -errno, says that the broker is gone; else CLI_REFUSED. */
int out_exit_of(int r);

/* Writes @text as a JSON string, with the quotes, to standard output. */
void out_json_string(const char *text);

/* Is the standard output shown in colour, and to somebody who wants it? */
bool out_wants_color(void);
/* Has the program that reads standard output gone? */
bool out_reader_gone(void);
/* Makes sure that all was written.  @end, or CLI_REFUSED if it was not. */
int out_finish(int end);

#endif

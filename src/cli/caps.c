/* SPDX-License-Identifier: MIT */
/*
 * caps.c - who may do what with shared regions, and who let them
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "region.h"
#include "words.h"

enum { ID, REGION, RIGHTS, PROCESS, PID, HOLDER, UID, USER, STATE, MODE, PARENT, COLUMNS };

static const struct out_column columns[COLUMNS] = {
	[ID] = { "CAPABILITY", "capability", OUT_CAPABILITY },
	[REGION] = { "REGION", "region", OUT_REGION },
	[RIGHTS] = { "RIGHTS", "rights", OUT_TEXT },
	[PROCESS] = { "PROCESS", "process", OUT_PROCESS },
	[PID] = { "PID", "pid", OUT_COUNT },
	[HOLDER] = { "HOLDER", "holder", OUT_TEXT },
	[UID] = { NULL, "uid", OUT_COUNT },
	[USER] = { "USER", "user", OUT_TEXT },
	[STATE] = { "STATE", "state", OUT_TEXT },
	[MODE] = { NULL, "mode", OUT_TEXT },
	[PARENT] = { "FROM", "from", OUT_CAPABILITY },
};

static const char *mode_of(const struct tract_capability_info *cap)
{
	switch (cap->mode) {
	case TRACT_OFFER_MOVE:
		/* What was moved is the root. */
		return cap->state == TRACT_CAP_OFFERED ? "move" : "owner";
	case TRACT_OFFER_SNAPSHOT:
		return "snapshot";
	default:
		return "share";
	}
}

/* For people also what else it is. */
static const char *state_of(const struct cli *cli, const struct tract_capability_info *cap,
			    char text[WORDS_MAX])
{
	const char *state = cap->state == TRACT_CAP_HELD ? "held"
			    : cap->grant		 ? "granted"
							 : "offered";
	const char *mode = mode_of(cap);

	if (cap->parent == 0)
		state = cap->holder ? "root" : "orphan's root";
	else if (!cli_has(cli, OPTION_JSON) && strcmp(mode, "share") != 0) {
		(void)snprintf(text, WORDS_MAX, "%s (%s)", state, mode);
		return text;
	}
	return state;
}

/* A capability that was asked for, and where it is in the table. */
struct entry {
	struct tract_capability_info cap;
	struct out_line *line; /* NULL: not there yet */
};

struct entries {
	struct entry *all; /* in the order of their ids */
	size_t count;
};

static void set_holder(const struct cli *cli, struct out_table *table,
		       const struct tract_capability_info *cap)
{
	char text[WORDS_MAX];

	out_set_number(table, PROCESS, cap->holder);
	if (cap->holder) {
		out_set_number(table, PID, (uint64_t)cap->pid);
		out_set_text(table, HOLDER, words_process(cap->pid, text));
		out_set_number(table, UID, cap->uid);
		out_set_text(table, USER, words_user(cap->uid, text));
	} else if (!cli_has(cli, OPTION_JSON)) {
		out_set_text(table, PID, "-");
		out_set_text(table, HOLDER, "-");
		out_set_text(table, USER, "-");
	}
}

static void add_row(const struct cli *cli, struct out_table *table, uint64_t region,
		    struct entry *entry, struct out_line *parent)
{
	char text[WORDS_MAX];

	if (parent)
		out_row_below(table, parent);
	else
		out_row(table);
	entry->line = out_line(table);
	out_set_number(table, ID, entry->cap.id);
	out_set_number(table, REGION, region);
	out_set_text(table, RIGHTS, words_capability(entry->cap.rights, text));
	set_holder(cli, table, &entry->cap);
	out_set_text(table, STATE, state_of(cli, &entry->cap, text));
	out_set_text(table, MODE, entry->cap.parent ? mode_of(&entry->cap) : "owner");
	out_set_number(table, PARENT, entry->cap.parent);
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->cap.id > y->cap.id) - (x->cap.id < y->cap.id);
}

/* NULL: the root has none, and some may have ended meanwhile. */
static struct entry *parent_of(const struct entries *entries, const struct entry *entry)
{
	const struct entry wanted = { .cap.id = entry->cap.parent };

	return entries->count && wanted.cap.id
		       ? bsearch(&wanted, entries->all, entries->count, sizeof(wanted), compare)
		       : NULL;
}

/* A line is below its parent's, which may be a later one: a move makes the newest the root. */
static void add_tree(const struct cli *cli, struct out_table *table, uint64_t region,
		     const struct entries *entries, struct entry *entry)
{
	while (!entry->line) {
		struct entry *top = entry, *parent;
		size_t climbed = 0;

		while ((parent = parent_of(entries, top)) && !parent->line &&
		       climbed++ < entries->count)
			top = parent;
		parent = parent_of(entries, top);
		add_row(cli, table, region, top, parent ? parent->line : NULL);
		/* Out of memory; out_print() says so. */
		if (!top->line)
			return;
	}
}

/* 0, or -errno. */
static int collect(const struct cli *cli, uint64_t region, struct entries *entries)
{
	struct tract_capability_info cap = { .id = 0 };
	int r;

	while ((r = tract_next_capability(cli->ctx, region, cap.id, &cap)) == 0) {
		struct entry *all =
			reallocarray(entries->all, entries->count + 1, sizeof(*all));

		if (!all)
			return -ENOMEM;
		entries->all = all;
		entries->all[entries->count++] = (struct entry){ .cap = cap };
	}
	return r == -ENOENT ? 0 : r;
}

static int add_region(const struct cli *cli, struct out_table *table, uint64_t region)
{
	struct entries entries = { .all = NULL };
	int r = collect(cli, region, &entries);

	for (size_t i = 0; i < entries.count; i++) {
		if (cli_has(cli, OPTION_TREE))
			add_tree(cli, table, region, &entries, &entries.all[i]);
		else
			add_row(cli, table, region, &entries.all[i], NULL);
	}
	free(entries.all);
	return r;
}

static int fill_one(const struct cli *cli, struct out_table *table)
{
	uint64_t number = 0;
	int r;

	(void)options_name(cli->operands[0], 'r', &number);
	r = add_region(cli, table, number);
	return r == 0 ? -ENOENT : r;
}

static int fill_all(const struct cli *cli, struct out_table *table)
{
	struct tract_shared_info region = { .number = 0 };
	int r;

	while ((r = tract_next_shared(cli->ctx, region.number, &region)) == 0) {
		r = add_region(cli, table, region.number);
		if (r < 0)
			return r;
	}
	return r;
}

int verb_caps(const struct cli *cli)
{
	struct list list = { .name = "capabilities",
			     .none = "there is no shared region on this node",
			     .columns = columns,
			     .column_count = COLUMNS,
			     .tree = cli_has(cli, OPTION_TREE),
			     .fill = fill_all };
	struct tract_shared_info region;
	uint64_t number;
	int end;

	if (cli->operand_count > 0) {
		end = region_operand(cli, 0, &number);
		if (end == CLI_OK)
			end = region_find(cli, number, &region);
		if (end != CLI_OK)
			return end;
		list.fill = fill_one;
	}
	return list_print(cli, &list);
}

/* SPDX-License-Identifier: MIT */
/*
 * list.h - what `tract ls`, `tract ps` and the like have in common
 */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "out.h"

struct list {
	const char *name; /* in JSON, and after "cannot list the" */
	const char *none; /* told to a person when there is nothing */
	const struct out_column *columns;
	size_t column_count;
	bool tree;
	/* Adds the rows.  -ENOENT after the last one, or another -errno. */
	int (*fill)(const struct cli *cli, struct out_table *table);
};

/* An exit status. */
int list_print(const struct cli *cli, const struct list *list);

#endif

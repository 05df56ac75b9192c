/* SPDX-License-Identifier: MIT */
#include "list.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int fill(const struct cli *cli, const struct list *list, struct out_table *table)
{
	int end, r;

	/* Where no broker runs there is nothing, and no reason to start one. */
	if (!table || !cli_has_broker(cli))
		return CLI_OK;
	end = cli_connect(cli);
	if (end != CLI_OK)
		return end;
	r = list->fill(cli, table);
	if (r == -ENOENT)
		return CLI_OK;
	out_failed(r, "cannot list the %s", list->name);
	return out_exit_of(r);
}

int list_print(const struct cli *cli, const struct list *list)
{
	struct out_table *table = (list->tree ? out_tree_new : out_table_new)(
		cli, list->name, list->columns, list->column_count);
	int end = fill(cli, list, table);

	if (end == CLI_OK)
		end = out_print(&table, 1);
	if (end == CLI_OK && out_is_empty(table) && isatty(STDOUT_FILENO) &&
	    !cli_has(cli, OPTION_JSON))
		(void)fprintf(stderr, "%s\n", list->none);
	out_table_free(table);
	return end;
}

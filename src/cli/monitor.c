/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <stdio.h>

#include "interrupt.h"
#include "out.h"

/* How often to look whether anyone still reads what is printed, milliseconds. */
#define LOOK_MS 250

static void print_line(const struct cli *cli, const char *line)
{
	if (cli_has(cli, OPTION_JSON)) {
		(void)fputs("{\"line\": ", stdout);
		out_json_string(line);
		(void)puts("}");
	} else {
		(void)puts(line);
	}
	/* Whoever reads a pipe wants the lines as they come. */
	(void)fflush(stdout);
}

static int watch(const struct cli *cli, struct tract_monitor *monitor)
{
	while (!interrupt_seen() && !out_reader_gone()) {
		const char *line;
		int r = tract_monitor_next(monitor, LOOK_MS, &line);

		if (r == 0)
			print_line(cli, line);
		else if (r != -ETIMEDOUT && r != -EINTR)
			return r;
	}
	return 0;
}

int verb_monitor(const struct cli *cli)
{
	struct tract_monitor *monitor;
	int end, r;

	end = cli_connect(cli);
	if (end != CLI_OK)
		return end;
	r = tract_monitor_open(cli->ctx, &monitor);
	if (r < 0) {
		out_failed(r, "cannot watch the node");
		return out_exit_of(r);
	}
	interrupt_catch();
	r = watch(cli, monitor);
	tract_monitor_close(monitor);
	if (r == 0)
		return out_reader_gone() ? CLI_REFUSED : CLI_OK;
	out_failed(r, "cannot watch any longer");
	return out_exit_of(r);
}

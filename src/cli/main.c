/* SPDX-License-Identifier: MIT */
/*
 * main.c - the command tract
 *
 * One verb a run.  Whatever goes wrong is said in words on standard error, and in the exit
 * status.
 */
#include "cli.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "out.h"

int cli_connect(const struct cli *cli)
{
	int r = tract_reconnect(cli->ctx);

	if (r == 0)
		return CLI_OK;
	out_error("cannot reach the broker of %s: %s", tract_directory(cli->ctx),
		  out_reason(r));
	return CLI_NO_BROKER;
}

bool cli_has_broker(const struct cli *cli)
{
	const char *dir = tract_directory(cli->ctx);
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/broker", dir);
	if (access(path, F_OK) == 0)
		return true;
	/* Where we may not look there may be one: asking it will say so. */
	return access(dir, F_OK) == 0 && access(dir, X_OK) != 0;
}

int cli_find_segment(const struct cli *cli, uint32_t id, struct tract_segment_info *ret)
{
	struct tract_segment_info info = { .key = 0 };
	int r;

	while ((r = tract_next_segment(cli->ctx, info.key, &info)) == 0) {
		if (id == 0 || info.id != id)
			continue;
		*ret = info;
		return 0;
	}
	return r;
}

static int run_with_context(struct cli *cli, const struct verb *verb)
{
	int end, r;

	r = tract_open(cli->dir, &cli->ctx);
	if (r < 0) {
		out_error("cannot use %s: %s", cli->dir ? cli->dir : "the node's directory",
			  out_reason(r));
		return CLI_USAGE;
	}
	end = verb->run(cli);
	tract_close(cli->ctx);
	return end;
}

static int run(struct cli *cli, const struct verb *verb)
{
	if (cli_has(cli, OPTION_HELP)) {
		help_print(verb);
		return CLI_OK;
	}
	if (cli_has(cli, OPTION_VERSION))
		return verb_version(cli);
	if (!verb) {
		help_print(NULL);
		return CLI_USAGE;
	}
	return verb->offline ? verb->run(cli) : run_with_context(cli, verb);
}

int main(int argc, char *argv[])
{
	struct cli cli = { .ctx = NULL };
	const struct verb *verb = NULL;
	int end;

	/* For the width of names in tables.  Numbers stay as they are everywhere. */
	(void)setlocale(LC_CTYPE, "");
	/* A pipe whose reader left is found out when writing, and ends the command quietly. */
	(void)signal(SIGPIPE, SIG_IGN);
	end = options_read(&cli, argc, argv, &verb);
	if (end == CLI_OK)
		end = run(&cli, verb);
	return out_finish(end);
}

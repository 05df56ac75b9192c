/* SPDX-License-Identifier: MIT */
/*
 * conf.c - what the broker's program does for people: checking configurations, making keys
 *
 * Who reads a file is who should judge it, so these verbs become that program.
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "out.h"

#define PATH_SIZE 4096

/* Returns only if it could not be done. */
static int become_broker(const struct cli *cli, const char *option)
{
	char program[PATH_SIZE];
	int r;

	r = tract_broker_program(program, sizeof(program));
	if (r < 0) {
		out_error("%s", out_reason(r));
		return CLI_NO_BROKER;
	}
	(void)fflush(stdout);
	(void)execl(program, "tractd", "--dir", tract_directory(cli->ctx), option,
		    (char *)NULL);
	out_error("cannot run %s: %m", program);
	return CLI_NO_BROKER;
}

int verb_conf(const struct cli *cli)
{
	char option[PATH_SIZE + 32] = "--check-config";

	if (strcmp(cli->operands[0], "check") != 0)
		return out_usage("there is no `tract conf %s`, only `tract conf check`",
				 cli->operands[0]);
	if (cli->operand_count > 1)
		(void)snprintf(option, sizeof(option), "--check-config=%s", cli->operands[1]);
	return become_broker(cli, option);
}

int verb_node(const struct cli *cli)
{
	char option[PATH_SIZE + 32];

	if (strcmp(cli->operands[0], "keygen") != 0)
		return out_usage("there is no `tract node %s`, only `tract node keygen`",
				 cli->operands[0]);
	if (cli->operand_count > 1)
		(void)snprintf(option, sizeof(option), "--make-key=%s", cli->operands[1]);
	else
		(void)snprintf(option, sizeof(option), "--make-key=%s/cluster.key",
			       tract_directory(cli->ctx));
	return become_broker(cli, option);
}

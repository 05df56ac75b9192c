/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdio.h>

#include "out.h"

int verb_version(const struct cli *cli)
{
	if (cli_has(cli, OPTION_JSON)) {
		(void)fputs("{\"version\": ", stdout);
		out_json_string(tract_version());
		(void)puts("}");
	} else {
		printf("tract %s\n", tract_version());
	}
	return CLI_OK;
}

/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdio.h>

#include "out.h"

static void print_overview(void)
{
	puts("tract - memory shared between processes\n\n"
	     "usage: tract VERB [options]\n");
	for (const struct verb *verb = verbs; verb->name; verb++) {
		char left[40];

		(void)snprintf(left, sizeof(left), "%s %s", verb->name,
			       verb->operands ? verb->operands : "");
		printf("  %-22s %s\n", left, verb->summary);
	}
	puts("\noptions of every verb:\n");
	options_print(OPTION_ANYWHERE);
	puts("\nIt ends with 0 if all is well, 1 if the thing asked for is not there or was "
	     "refused,\n2 if the command line makes no sense, 3 if no broker can be reached, 4 "
	     "if "
	     "what was revoked\nmay have been kept.\n"
	     "`tract help VERB` and tract(1) say more.");
}

static void print_verb(const struct verb *verb)
{
	printf("usage: tract %s%s%s%s\n\n%s\n", verb->name, verb->operands ? " " : "",
	       verb->operands ? verb->operands : "", verb->options ? " [options]" : "",
	       verb->summary);
	if (verb->help)
		printf("\n%s\n", verb->help);
	putchar('\n');
	options_print(verb->options);
	options_print(OPTION_ANYWHERE & ~(uint32_t)OPTION_VERSION);
}

void help_print(const struct verb *verb)
{
	if (verb)
		print_verb(verb);
	else
		print_overview();
}

int verb_help(const struct cli *cli)
{
	const struct verb *verb = NULL;

	if (cli->operand_count > 0) {
		verb = verb_find(cli->operands[0]);
		if (!verb)
			return out_usage("there is no verb \"%s\"", cli->operands[0]);
	}
	help_print(verb);
	return CLI_OK;
}

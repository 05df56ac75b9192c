/* SPDX-License-Identifier: MIT */
/*
 * options.c - the command line
 *
 * Options may stand before or behind the verb and its operands, so there is one table of them
 * for all verbs.  Which of them a verb takes is said in the verb's row.
 */
#include "cli.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"
#include "words.h"

struct option_row {
	const char *name;
	char letter;
	uint32_t bit;
	const char *argument; /* NULL: takes none */
	const char *help;
	bool (*take)(struct cli *cli, const char *text);
};

bool options_number(const char *text, uint64_t most, uint64_t *ret_number)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned long long number;
	char *end;

	if (hex ? !isxdigit((unsigned char)text[2]) : !isdigit((unsigned char)text[0]))
		return false;
	/* What does not fit becomes the largest number there is. */
	number = strtoull(text, &end, hex ? 16 : 10);
	if (*end != '\0' || number > most)
		return false;
	*ret_number = number;
	return true;
}

bool options_name(const char *text, char letter, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (text[0] != letter || text[1] == '0' ||
	    !options_number(text + 1, UINT64_MAX - 1, &number))
		return false;
	*ret_number = number;
	return true;
}

static bool take_dir(struct cli *cli, const char *text)
{
	cli->dir = text;
	return *text != '\0';
}

static bool take_output(struct cli *cli, const char *text)
{
	cli->output = text;
	return *text != '\0';
}

static bool take_svg(struct cli *cli, const char *text)
{
	cli->svg = text;
	return *text != '\0';
}

static bool take_id(struct cli *cli, const char *text)
{
	uint64_t id = 0;
	bool fits = options_number(text, UINT32_MAX, &id);

	cli->id = (uint32_t)id;
	return fits;
}

static bool take_node(struct cli *cli, const char *text)
{
	uint64_t node = 0;
	bool fits = options_number(text, UINT32_MAX, &node);

	cli->node = (uint32_t)node;
	return fits;
}

static bool take_capability(struct cli *cli, const char *text)
{
	return options_name(text, 'c', &cli->capability);
}

static bool take_process(struct cli *cli, const char *text)
{
	uint64_t number;

	cli->process = text;
	return options_name(text, 'p', &number) ||
	       (options_number(text, INT32_MAX, &number) && number > 0);
}

static bool take_force(struct cli *cli, const char *text)
{
	return words_read_force(text, &cli->force);
}

static bool take_length(struct cli *cli, const char *text)
{
	return options_number(text, INT64_MAX, &cli->length);
}

static bool take_mode(struct cli *cli, const char *text)
{
	unsigned long mode;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	mode = strtoul(text, &end, 8);
	cli->mode = (uint32_t)mode;
	return *end == '\0' && (mode & ~0666UL) == 0;
}

static const struct option_row rows[] = {
	{ "dir", 'd', OPTION_DIR, "DIR", "the node's directory, instead of $TRACT_DIR",
	  take_dir },
	{ "json", 'j', OPTION_JSON, NULL, "print JSON; sizes in bytes, ages in ms", NULL },
	{ "bytes", 'b', OPTION_BYTES, NULL, "print sizes in bytes", NULL },
	{ "id", 'i', OPTION_ID, "ID", "publish under this id (0x400000 to 0x7fffffff)",
	  take_id },
	{ "mode", 'm', OPTION_MODE, "OCTAL", "who may import: digits of 4 (read) and 2 (write)",
	  take_mode },
	{ "once", '1', OPTION_ONCE, NULL, "end when the first importer came and went", NULL },
	{ "output", 'o', OPTION_OUTPUT, "FILE", "write to FILE instead of standard output",
	  take_output },
	{ "length", 'n', OPTION_LENGTH, "BYTES", "only the first BYTES of the segment",
	  take_length },
	{ "all", 'a', OPTION_ALL, NULL, "also show, one by one, what is not tract's", NULL },
	{ "svg", 's', OPTION_SVG, "FILE", "draw a picture into FILE, or - for standard output",
	  take_svg },
	{ "tree", 't', OPTION_TREE, NULL, "draw what was derived from what", NULL },
	{ "capability", 'c', OPTION_CAPABILITY, "cN", "only this one, and all below it",
	  take_capability },
	{ "process", 'p', OPTION_PROCESS, "PID", "only what this process has, or pN",
	  take_process },
	{ "force", 'f', OPTION_FORCE, "ask|verify|fence|kill", "how memory is taken back",
	  take_force },
	{ "node", 'N', OPTION_NODE, "NODE", "measure with this node, where --serve runs",
	  take_node },
	{ "serve", 'S', OPTION_SERVE, NULL, "be measured with, until ^C", NULL },
	{ "help", 'h', OPTION_HELP, NULL, "explain", NULL },
	{ "version", 'V', OPTION_VERSION, NULL, "print the version", NULL },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

void options_print(uint32_t options)
{
	for (size_t i = 0; i < ROWS; i++) {
		char left[40];

		if (!(rows[i].bit & options))
			continue;
		(void)snprintf(left, sizeof(left), "-%c, --%s%s%s", rows[i].letter,
			       rows[i].name, rows[i].argument ? " " : "",
			       rows[i].argument ? rows[i].argument : "");
		printf("  %-22s %s\n", left, rows[i].help);
	}
}

/* Fills what getopt_long() wants to know from the table. */
static void describe(struct option longs[ROWS + 1], char shorts[2 * ROWS + 2])
{
	char *at = shorts;

	*at++ = ':'; /* tell a missing argument from an unknown option, and print neither */
	for (size_t i = 0; i < ROWS; i++) {
		int has = rows[i].argument ? required_argument : no_argument;

		longs[i] = (struct option){ rows[i].name, has, NULL, rows[i].letter };
		*at++ = rows[i].letter;
		if (rows[i].argument)
			*at++ = ':';
	}
	longs[ROWS] = (struct option){ NULL, 0, NULL, 0 };
	*at = '\0';
}

static const struct option_row *row_of(int letter)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

static int usage_of_unknown(int letter, char *argv[])
{
	const struct option_row *row = row_of(optopt);

	if (letter == ':' && row)
		return out_usage("--%s wants %s", row->name, row->argument);
	if (row)
		return out_usage("--%s takes no argument", row->name);
	if (optopt)
		return out_usage("there is no option -%c", optopt);
	return out_usage("there is no option %s", argv[optind - 1]);
}

static int read_all(struct cli *cli, int argc, char *argv[])
{
	struct option longs[ROWS + 1];
	char shorts[3 * ROWS + 2];
	int letter;

	describe(longs, shorts);
	opterr = 0;
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_row *row = row_of(letter);

		if (!row)
			return usage_of_unknown(letter, argv);
		if (row->take && !row->take(cli, optarg))
			return out_usage("--%s wants %s, not \"%s\"", row->name, row->argument,
					 optarg);
		cli->given |= row->bit;
	}
	return CLI_OK;
}

/* Are these the options and operands that the verb takes? */
static int check(const struct cli *cli, const struct verb *verb)
{
	uint32_t strange = cli->given & ~(verb->options | OPTION_ANYWHERE);

	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].bit & strange)
			return out_usage("`tract %s` has no option --%s", verb->name,
					 rows[i].name);
	if (cli->operand_count >= verb->least && cli->operand_count <= verb->most)
		return CLI_OK;
	return out_usage("the form is `tract %s%s%s`", verb->name, verb->most ? " " : "",
			 verb->most ? verb->operands : "");
}

int options_read(struct cli *cli, int argc, char *argv[], const struct verb **ret_verb)
{
	const struct verb *verb;
	int end = read_all(cli, argc, argv);

	if (end != CLI_OK)
		return end;
	cli->operands = argv + optind;
	cli->operand_count = argc - optind;
	if (cli->operand_count == 0) {
		*ret_verb = NULL;
		return CLI_OK;
	}
	verb = verb_find(cli->operands[0]);
	if (!verb)
		return out_usage("there is no verb \"%s\"", cli->operands[0]);
	cli->operands++;
	cli->operand_count--;
	*ret_verb = verb;
	/* Asked to explain itself, a verb needs no operands. */
	return cli_has(cli, OPTION_HELP) ? CLI_OK : check(cli, verb);
}

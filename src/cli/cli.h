/* SPDX-License-Identifier: MIT */
/*
 * cli.h - the command tract, as its verbs see it
 *
 * main.c reads the options, opens a context and runs one verb; a verb says what it has to say
 * through out.h and returns how the command ends.  The command sees the library as any other
 * program does, through <tract/tract.h> alone.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <tract/tract.h>

/* How the command ends; documented in tract(1). */
enum cli_exit {
	CLI_OK = 0,
	CLI_REFUSED = 1,   /* what was asked for is not there, or was refused */
	CLI_USAGE = 2,	   /* the command line makes no sense */
	CLI_NO_BROKER = 3, /* no broker could be reached, or it went away */
	CLI_KEPT = 4,	   /* rights ended, but somebody may have kept the memory */
};

/* Options, as bits: which ones a verb takes, and which ones were given. */
enum cli_option {
	OPTION_DIR = 1 << 0,
	OPTION_HELP = 1 << 1,
	OPTION_VERSION = 1 << 2,
	OPTION_JSON = 1 << 3,
	OPTION_BYTES = 1 << 4,
	OPTION_ID = 1 << 5,
	OPTION_MODE = 1 << 6,
	OPTION_ONCE = 1 << 7,
	OPTION_OUTPUT = 1 << 8,
	OPTION_LENGTH = 1 << 9,
	OPTION_ALL = 1 << 10,
	OPTION_SVG = 1 << 11,
	OPTION_TREE = 1 << 12,
	OPTION_CAPABILITY = 1 << 13,
	OPTION_PROCESS = 1 << 14,
	OPTION_FORCE = 1 << 15,
	OPTION_NODE = 1 << 16,
	OPTION_SERVE = 1 << 17,
	OPTION_ANYWHERE = OPTION_DIR | OPTION_HELP | OPTION_VERSION,
};

/* The command line, understood. */
struct cli {
	struct tract *ctx;   /* open while a verb runs; has contacted nobody yet */
	uint32_t given;	     /* OPTION_* */
	const char *dir;     /* --dir */
	const char *output;  /* --output */
	uint32_t id;	     /* --id */
	uint32_t mode;	     /* --mode */
	uint64_t length;     /* --length */
	const char *svg;     /* --svg */
	uint64_t capability; /* --capability */
	const char *process; /* --process */
	uint32_t force;	     /* --force */
	uint32_t node;	     /* --node */
	char **operands;     /* what follows the verb */
	int operand_count;
};

struct verb {
	const char *name;
	const char *operands; /* as the help shows them */
	int least, most;      /* how many of them */
	uint32_t options;     /* those it takes, beside OPTION_ANYWHERE */
	const char *summary;  /* one line */
	const char *help;     /* a paragraph */
	int (*run)(const struct cli *cli);
	bool offline; /* needs no context */
};

extern const struct verb verbs[];

/* Borrowed, or NULL. */
const struct verb *verb_find(const char *name);

/*
 * Reads the whole command line.  *ret_verb is NULL if none was named.  Returns CLI_OK, or
 * CLI_USAGE having said why.
 */
int options_read(struct cli *cli, int argc, char *argv[], const struct verb **ret_verb);
/* Prints a line for each option in @options. */
void options_print(uint32_t options);
/* An id or another number: decimal, or 0x and hexadecimal.  False unless all of @text is one.
 */
bool options_number(const char *text, uint64_t most, uint64_t *ret_number);

/* "r12" is number 12 of what the letter r stands for.  False unless all of @text is that. */
bool options_name(const char *text, char letter, uint64_t *ret_number);

/* Explains a verb, or the command if it is NULL. */
void help_print(const struct verb *verb);

static inline bool cli_has(const struct cli *cli, enum cli_option option)
{
	return (cli->given & option) != 0;
}

/* Reaches the broker, starting it if need be.  CLI_OK, or CLI_NO_BROKER having said why. */
int cli_connect(const struct cli *cli);
/* Is there a broker to ask?  Starts none. */
bool cli_has_broker(const struct cli *cli);
/* Finds a published segment by its id.  0, or -errno; -ENOENT if there is none. */
int cli_find_segment(const struct cli *cli, uint32_t id, struct tract_segment_info *ret);

int verb_ls(const struct cli *cli);
int verb_show(const struct cli *cli);
int verb_ps(const struct cli *cli);
int verb_regions(const struct cli *cli);
int verb_caps(const struct cli *cli);
int verb_revoke(const struct cli *cli);
int verb_map(const struct cli *cli);
int verb_monitor(const struct cli *cli);
int verb_export(const struct cli *cli);
int verb_get(const struct cli *cli);
int verb_bench(const struct cli *cli);
int verb_nodes(const struct cli *cli);
int verb_conf(const struct cli *cli);
int verb_node(const struct cli *cli);
int verb_version(const struct cli *cli);
int verb_help(const struct cli *cli);

#endif

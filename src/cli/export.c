/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "load.h"
#include "out.h"
#include "peers.h"
#include "words.h"

/* How often to look for a signal, and whether the first importer came and went, milliseconds.
 */
#define LOOK_MS 50
/* So many looks for a signal to one whether the broker is still there. */
#define LOOKS 20

enum { NODE, ID, SIZE, BYTES, FILE_NAME, COLUMNS };

static const struct out_column columns[COLUMNS] = {
	[NODE] = { "NODE", "node", OUT_COUNT },	    [ID] = { "ID", "id", OUT_ID },
	[SIZE] = { "SIZE", "size", OUT_COUNT },	    [BYTES] = { "BYTES", "bytes", OUT_COUNT },
	[FILE_NAME] = { "FILE", "file", OUT_TEXT },
};

static const char *path_of(const struct cli *cli)
{
	if (cli->operand_count == 0 || strcmp(cli->operands[0], "-") == 0)
		return NULL;
	return cli->operands[0];
}

/* The id alone for a script, a record for a program, and a word of advice for a person. */
static int announce(const struct cli *cli, uint32_t id, const struct loaded *loaded)
{
	const char *name = path_of(cli) ? path_of(cli) : "-";
	uint32_t node = 0;

	(void)tract_node_id(cli->ctx, &node);
	if (cli_has(cli, OPTION_JSON)) {
		struct out_table *table = out_table_new(cli, "exports", columns, COLUMNS);
		int end;

		out_row(table);
		out_set_number(table, NODE, node);
		out_set_number(table, ID, id);
		out_set_number(table, SIZE, loaded->size);
		out_set_number(table, BYTES, loaded->bytes);
		out_set_text(table, FILE_NAME, name);
		end = out_print(&table, 1);
		out_table_free(table);
		return end;
	}
	printf("0x%08x\n", id);
	if (isatty(STDERR_FILENO)) {
		char size[WORDS_MAX];

		(void)fprintf(stderr,
			      "%s, %s; `tract get %u 0x%08x`%s copies it, ^C takes it back\n",
			      name, words_size(loaded->bytes, size), node, id,
			      node ? " on any node of the cluster" : "");
	}
	return CLI_OK;
}

/* The segment with this key, as the broker sees it.  0, or -errno. */
static int look(const struct cli *cli, uint64_t key, struct tract_segment_info *ret)
{
	int r = tract_next_segment(cli->ctx, key - 1, ret);

	return r == 0 && ret->key != key ? -ENOENT : r;
}

/* A while, or until a signal arrives. */
static void pause_between_looks(const struct cli *cli)
{
	unsigned looks = cli_has(cli, OPTION_ONCE) ? 1 : LOOKS;

	while (looks-- > 0 && !interrupt_seen())
		interrupt_pause(LOOK_MS);
}

/* Until a signal, or with --once until someone imported and nobody does any more. */
static int stay(const struct cli *cli, uint32_t id)
{
	struct tract_segment_info segment;
	int r = cli_find_segment(cli, id, &segment);

	while (r == 0 && !interrupt_seen()) {
		/* exposed: an importer that came and went between two looks counts. */
		bool came = segment.imports > 0 || segment.exposed;

		if (cli_has(cli, OPTION_ONCE) && came && segment.imports == 0)
			return 0;
		pause_between_looks(cli);
		if (!interrupt_seen())
			r = look(cli, segment.key, &segment);
	}
	return r;
}

static int publish_and_stay(const struct cli *cli, struct tract_export *export,
			    const struct loaded *loaded)
{
	uint32_t id = cli->id;
	int r, end;

	r = peers_publish(cli, export, cli_has(cli, OPTION_MODE) ? &cli->mode : NULL, &id);
	if (r < 0) {
		out_failed(r, "cannot publish");
		return out_exit_of(r);
	}
	end = announce(cli, id, loaded);
	(void)fflush(stdout);
	if (end != CLI_OK)
		return end;
	r = stay(cli, id);
	if (r == 0)
		return CLI_OK;
	out_failed(r, "segment 0x%08x is no longer exported", id);
	return out_exit_of(r);
}

static int export_loaded(const struct cli *cli, const struct loaded *loaded)
{
	struct tract_export *export;
	int end, r;

	r = tract_export_create(cli->ctx, loaded->address, loaded->size, 0, &export);
	if (r < 0) {
		out_failed(r, "cannot export");
		return out_exit_of(r);
	}
	end = publish_and_stay(cli, export, loaded);
	(void)tract_export_destroy(export);
	return end;
}

int verb_export(const struct cli *cli)
{
	struct loaded loaded;
	int end;

	end = cli_connect(cli);
	if (end != CLI_OK)
		return end;
	end = load_file(cli, path_of(cli), &loaded);
	if (end != CLI_OK)
		return end;
	interrupt_catch();
	end = export_loaded(cli, &loaded);
	(void)tract_detach(loaded.address);
	return end;
}

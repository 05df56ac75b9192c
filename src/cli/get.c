/* SPDX-License-Identifier: MIT */
/*
 * get.c - tract get: a segment's bytes to a file or a pipe
 *
 * The bytes are copied a piece at a time in the implicit barrier mode, so that each piece is
 * certified by the library before it is written: it came from memory the exporter still held.
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "interrupt.h"
#include "out.h"
#include "peers.h"
#include "progress.h"
#include "target.h"
#include "words.h"

#define PIECE ((size_t)1 << 20)
/* A piece is copied again if the exporter bound other memory meanwhile; and a little later, for
 * if the way to another node has gone this is soon known. */
#define TRIES 5
#define RETRY_MS 20

enum { NODE, ID, BYTES, PIECES, MS, OUTPUT, COLUMNS };

static const struct out_column columns[COLUMNS] = {
	[NODE] = { "NODE", "node", OUT_COUNT },
	[ID] = { "ID", "id", OUT_ID },
	[BYTES] = { "BYTES", "bytes", OUT_COUNT },
	[PIECES] = { "CERTIFIED", "certified_pieces", OUT_COUNT },
	[MS] = { "TIME", "ms", OUT_COUNT },
	[OUTPUT] = { "FILE", "file", OUT_TEXT },
};

struct copy {
	struct tract_import *import;
	struct target target;
	struct progress progress;
	uint32_t node, id;
	uint64_t total, done;
	uint64_t pieces;
	char *buffer; /* PIECE bytes */
};

static int fetch(const struct copy *copy, size_t count)
{
	unsigned tries = 0;
	int r;

	while ((r = tract_import_get(copy->import, (off_t)copy->done, copy->buffer, count)) ==
		       -EIO &&
	       ++tries < TRIES)
		interrupt_pause(RETRY_MS);
	return r;
}

/* Who is cut off from a node finds that all it had was taken back. */
static bool is_lost(const struct cli *cli, uint32_t node)
{
	struct tract_node_info info;

	return peers_find(cli, node, &info) == 0 && info.state != TRACT_NODE_UP &&
	       info.state != TRACT_NODE_SELF;
}

static int fetch_failed(const struct cli *cli, const struct copy *copy, int r)
{
	char done[WORDS_MAX], total[WORDS_MAX];

	progress_end(&copy->progress);
	(void)words_size(copy->done, done);
	(void)words_size(copy->total, total);
	if ((r == -ESTALE || r == -EIO) && is_lost(cli, copy->node))
		out_error("the link to node %u was lost after %s of %s of segment 0x%08x were "
			  "copied; what was copied is incomplete. `tract nodes` says why.",
			  copy->node, done, total, copy->id);
	else if (r == -ESTALE)
		out_error(
			"segment 0x%08x on node %u was taken back by its exporter after %s of "
			"%s were copied; what was copied is incomplete",
			copy->id, copy->node, done, total);
	else
		out_failed(r, "cannot copy segment 0x%08x on node %u beyond %s of %s", copy->id,
			   copy->node, done, total);
	return out_exit_of(r);
}

static int copy_all(const struct cli *cli, struct copy *copy)
{
	while (copy->done < copy->total) {
		uint64_t left = copy->total - copy->done;
		size_t count = left < PIECE ? (size_t)left : PIECE;
		int r = fetch(copy, count);

		if (r < 0)
			return fetch_failed(cli, copy, r);
		if (!target_write(&copy->target, copy->buffer, count))
			return CLI_REFUSED;
		copy->done += count;
		copy->pieces++;
		progress_show(&copy->progress, copy->done);
		if (interrupt_seen()) {
			progress_end(&copy->progress);
			out_error("interrupted");
			return CLI_REFUSED;
		}
	}
	progress_end(&copy->progress);
	return target_finish(&copy->target) ? CLI_OK : CLI_REFUSED;
}

static int report(const struct cli *cli, const struct copy *copy)
{
	struct out_table *table;
	int end;

	if (!cli_has(cli, OPTION_JSON))
		return CLI_OK;
	table = out_table_new(cli, "copies", columns, COLUMNS);
	out_row(table);
	out_set_number(table, NODE, copy->node);
	out_set_number(table, ID, copy->id);
	out_set_number(table, BYTES, copy->done);
	out_set_number(table, PIECES, copy->pieces);
	out_set_number(table, MS, progress_ms(&copy->progress));
	out_set_text(table, OUTPUT, cli->output);
	end = out_print(&table, 1);
	out_table_free(table);
	return end;
}

static int copy_segment(const struct cli *cli, struct copy *copy)
{
	int end;

	copy->total = tract_import_size(copy->import);
	if (cli_has(cli, OPTION_LENGTH)) {
		if (cli->length > copy->total) {
			out_error("segment 0x%08x on node %u has only %llu bytes", copy->id,
				  copy->node, (unsigned long long)copy->total);
			return CLI_REFUSED;
		}
		copy->total = cli->length;
	}
	copy->buffer = malloc(PIECE);
	if (!copy->buffer) {
		out_error("out of memory");
		return CLI_REFUSED;
	}
	if (!target_open(&copy->target, cli->output)) {
		free(copy->buffer);
		return CLI_REFUSED;
	}
	copy->progress = progress_begin(copy->total, copy->target.fd);
	end = copy_all(cli, copy);
	target_close(&copy->target);
	free(copy->buffer);
	return end == CLI_OK ? report(cli, copy) : end;
}

/* The implicit mode wants a barrier. */
static int copy_with_barrier(const struct cli *cli, struct copy *copy)
{
	struct tract_barrier barrier;
	int r = tract_barrier_init(copy->import, &barrier);
	int end;

	if (r < 0) {
		out_failed(r, "cannot copy segment 0x%08x", copy->id);
		return out_exit_of(r);
	}
	end = copy_segment(cli, copy);
	(void)tract_barrier_destroy(&barrier);
	return end;
}

int verb_get(const struct cli *cli)
{
	struct copy copy = { .import = NULL };
	uint64_t node, id;
	int end;

	if (!options_number(cli->operands[0], UINT32_MAX, &node))
		return out_usage("\"%s\" is no node id", cli->operands[0]);
	if (!options_number(cli->operands[1], UINT32_MAX, &id) || id == 0)
		return out_usage("\"%s\" is no segment id", cli->operands[1]);
	if (cli_has(cli, OPTION_JSON) && !cli->output)
		return out_usage("--json tells about a copy to a file: give --output");
	end = cli_connect(cli);
	if (end != CLI_OK)
		return end;
	copy.node = (uint32_t)node;
	copy.id = (uint32_t)id;
	end = peers_connect(cli, copy.node, copy.id, TRACT_RIGHT_READ, NULL, &copy.import);
	if (end != CLI_OK)
		return end;
	interrupt_catch();
	end = copy_with_barrier(cli, &copy);
	(void)tract_import_close(copy.import);
	return end;
}

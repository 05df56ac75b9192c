/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "load.h"
#include "out.h"
#include "peers.h"

/* How often to look whether it is to end, milliseconds; and every so many times whether the
 * broker is still there. */
#define LOOK_MS 200
#define LOOKS 5

/* Others' programs are not to write to it; their users' own are, on any node. */
#define MODE 0600

static void announce(const struct cli *cli, uint32_t id)
{
	uint32_t node = 0;

	(void)tract_node_id(cli->ctx, &node);
	printf("0x%08x\n", id);
	(void)fflush(stdout);
	if (!isatty(STDERR_FILENO))
		return;
	(void)fprintf(stderr, "`tract bench --node %u", node);
	if (id != BENCH_ID)
		(void)fprintf(stderr, " --id 0x%08x", id);
	(void)fprintf(stderr, "`%s measures, ^C ends\n",
		      node ? " on another node of the cluster" : "");
}

/* Until a signal of the system's, or until it is not exported any more. */
static int answer(const struct cli *cli, struct tract_export *export, uint32_t id)
{
	struct tract_segment_info segment;
	unsigned quiet = 0;
	int r = 0;

	while (r == 0 && !interrupt_seen()) {
		r = tract_export_wait(export, LOOK_MS);
		if (r == 0) {
			/* Whoever posted may be gone; then nobody misses the answer. */
			r = tract_export_post(export, 0);
			if (r == -EHOSTUNREACH)
				r = 0;
		} else if (r == -EINTR || r == -ETIMEDOUT) {
			r = ++quiet % LOOKS ? 0 : cli_find_segment(cli, id, &segment);
		}
	}
	return r;
}

static int publish_and_answer(const struct cli *cli, struct tract_export *export)
{
	uint32_t id = cli_has(cli, OPTION_ID) ? cli->id : BENCH_ID;
	uint32_t mode = cli_has(cli, OPTION_MODE) ? cli->mode : MODE;
	int r = peers_publish(cli, export, &mode, &id);

	if (r < 0) {
		out_failed(r, "cannot publish");
		return out_exit_of(r);
	}
	announce(cli, id);
	r = answer(cli, export, id);
	if (r == 0)
		return CLI_OK;
	out_failed(r, "segment 0x%08x is no longer exported", id);
	return out_exit_of(r);
}

int bench_serve(const struct cli *cli)
{
	struct tract_export *export;
	struct loaded room;
	int end, r;

	end = load_room(cli, BENCH_SIZE, "what is measured", &room);
	if (end != CLI_OK)
		return end;
	(void)memcpy(room.address, BENCH_MAGIC, sizeof(BENCH_MAGIC));
	interrupt_catch();
	r = tract_export_create(cli->ctx, room.address, room.size, 0, &export);
	if (r < 0) {
		out_failed(r, "cannot export");
		end = out_exit_of(r);
	} else {
		end = publish_and_answer(cli, export);
		(void)tract_export_destroy(export);
	}
	(void)tract_detach(room.address);
	return end;
}

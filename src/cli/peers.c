/* SPDX-License-Identifier: MIT */
#include "peers.h"

#include <errno.h>

#include "interrupt.h"
#include "out.h"

/* A broker that has just been started has no links yet: so long they are waited for. */
#define LINK_MS 5000
#define LOOK_MS 10

int peers_find(const struct cli *cli, uint32_t node, struct tract_node_info *ret)
{
	struct tract_node_info info = { .key = 0 };
	int r;

	while ((r = tract_next_node(cli->ctx, info.key, &info)) == 0) {
		if (info.node != node)
			continue;
		*ret = info;
		return 0;
	}
	return r;
}

static void await_link(const struct cli *cli, uint32_t node)
{
	struct tract_node_info info;

	while (!interrupt_seen() && peers_find(cli, node, &info) == 0 &&
	       info.state != TRACT_NODE_UP && info.state != TRACT_NODE_SELF &&
	       info.since_ms < LINK_MS)
		interrupt_pause(LOOK_MS);
}

/* Where to look, for whoever asks for what is not there; NULL: as anywhere. */
static const char *hint_of(int r, bool is_own, const char *absent)
{
	if (r == -ENOENT && absent)
		return absent;
	if (r == -EHOSTUNREACH)
		return "`tract nodes` shows those it knows";
	if (r == -ENOENT && !is_own)
		return "`tract ls` on that node shows what is";
	return NULL;
}

int peers_connect(const struct cli *cli, uint32_t node, uint32_t id, uint32_t rights,
		  const char *absent, struct tract_import **ret_import)
{
	uint32_t own = 0;
	int r;

	(void)tract_node_id(cli->ctx, &own);
	await_link(cli, node);
	r = tract_import_connect(cli->ctx, node, id, rights, ret_import);
	if (r == 0)
		return CLI_OK;
	out_failed_so(r, hint_of(r, node == own, absent),
		      "cannot connect to segment 0x%x on node %u", id, node);
	return out_exit_of(r);
}

int peers_publish(const struct cli *cli, struct tract_export *export, const uint32_t *mode,
		  uint32_t *id)
{
	struct tract_access access[TRACT_ACCESS_MAX];
	struct tract_node_info info = { .key = 0 };
	size_t count = 0;
	int r = 0;

	if (!mode)
		return tract_export_publish(export, id, NULL, 0);
	while (count < TRACT_ACCESS_MAX &&
	       (r = tract_next_node(cli->ctx, info.key, &info)) == 0)
		access[count++] = (struct tract_access){ .node = info.node, .mode = *mode };
	return r == 0 || r == -ENOENT ? tract_export_publish(export, id, access, count) : r;
}

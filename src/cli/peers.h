/* SPDX-License-Identifier: MIT */
/*
 * peers.h - other nodes, to which a verb reaches
 */
#ifndef CLI_PEERS_H
#define CLI_PEERS_H

#include "cli.h"

/* 0, or -errno: -ENOENT if this node does not know it. */
int peers_find(const struct cli *cli, uint32_t node, struct tract_node_info *ret);

/*
 * Connects to a segment, on this node or another.  CLI_OK, or another exit status having said
 * what was refused and what to do.
 */
int peers_connect(const struct cli *cli, uint32_t node, uint32_t id, uint32_t rights,
		  struct tract_import **ret_import);

/* This node and all it knows, each with @mode.  How many there are, or -errno. */
int peers_access(const struct cli *cli, uint32_t mode,
		 struct tract_access ret[TRACT_ACCESS_MAX]);

#endif

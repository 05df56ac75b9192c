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
 * what was refused and what to do: @absent if nothing is published there; NULL: to look.
 */
int peers_connect(const struct cli *cli, uint32_t node, uint32_t id, uint32_t rights,
		  const char *absent, struct tract_import **ret_import);

/* Publishes for this node and all it knows: with *@mode; NULL: as the umask says.  *@id as for
 * tract_export_publish().  0, or -errno. */
int peers_publish(const struct cli *cli, struct tract_export *export, const uint32_t *mode,
		  uint32_t *id);

#endif

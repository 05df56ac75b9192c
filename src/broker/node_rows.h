/* SPDX-License-Identifier: MIT */
/*
 * node_rows.h - what is known of this node and its peers, for who asks
 *
 * Everybody may ask: it is what tract.conf says, and whether it works.
 */
#ifndef BROKER_NODE_ROWS_H
#define BROKER_NODE_ROWS_H

#include "broker/client_link.h"

/* Answers next_node.  0, or negative if the client cannot be answered. */
int node_rows_answer(struct client_link *link, const struct message *request);

#endif

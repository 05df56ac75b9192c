/* SPDX-License-Identifier: MIT */
/*
 * controllers.h - the ways of this node to others, and theirs to it, for who asks
 *
 * Each node tells its peers of its controllers when a link is up.  What a peer said is
 * forgotten with the link.
 */
#ifndef BROKER_CONTROLLERS_H
#define BROKER_CONTROLLERS_H

#include "broker/client_link.h"
#include "broker/node_link.h"

/* The link is up: tells the peer of ours. */
void controllers_tell(const struct node_peer *peer);
/* 0, or -EPROTO. */
int controllers_heard(struct node_peer *peer, const struct msg_link_controller *said);
void controllers_forget(struct node_peer *peer);

/* Answers next_controller.  0, or negative if the client cannot be answered. */
int controllers_answer(struct client_link *link, const struct message *request);

#endif

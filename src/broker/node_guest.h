/* SPDX-License-Identifier: MIT */
/*
 * node_guest.h - who has dialled us and has not said yet which peer it is
 *
 * There is room for a few; one more shows the one out that has been there longest, so that who
 * only holds the door cannot keep others out.  For node_link.c.
 */
#ifndef BROKER_NODE_GUEST_H
#define BROKER_NODE_GUEST_H

#include "broker/node_link.h"

#define NODE_GUESTS_MAX 32u

/* The listener's. */
void node_guests_knock(void *arg, unsigned mask);
/* A guest, which is secure, said something. */
void node_guest_heard(struct node_stream *ns, const struct message *message);
/* One line about a guest that is not let in, or one for many. */
void node_guest_refused(struct node_links *links, const struct link_stream *s, const char *why);

#endif

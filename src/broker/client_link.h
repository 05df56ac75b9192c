/* SPDX-License-Identifier: MIT */
/*
 * client_link.h - one attached process
 *
 * Its connection, the channel for events that it may have handed over, and a pidfd.  Whichever
 * of the connection's end and the process's death is noticed first ends the link: a connection
 * that a child of fork still holds open does not keep a dead process attached.
 */
#ifndef BROKER_CLIENT_LINK_H
#define BROKER_CLIENT_LINK_H

#include "broker/broker.h"
#include "ipc/conn.h"
#include "sys/holds.h"
#include "sys/peer.h"

struct client_link {
	TAILQ_ENTRY(client_link) entry;
	struct idmap_node node;
	struct broker *broker;
	uint64_t client; /* the registry's id */
	struct peer peer;
	struct conn conn, events;
	struct loop_source conn_source, events_source, death_source;
	int pidfd; /* -1: none to be had, the connection's end must do */
	bool greeted;
	bool condemned;
	bool monitoring;
	uint64_t missed; /* by a monitor that was too slow, since it was last told */
};

/* Consumes @fd.  0, or -errno: then the peer has been turned away. */
int client_link_new(struct broker *b, int fd);
/* Borrowed; NULL if there is none, or it is condemned. */
struct client_link *client_link_find(struct broker *b, uint64_t client);
/* What tells of its death, borrowed.  Also of one that is condemned.  -ESRCH. */
int client_link_pidfd(struct broker *b, uint64_t client, int *ret_fd);
/* What its process still has of an object, as holds_count(); also of one that is condemned.
 * -ESRCH if there is no such client. */
int client_link_holds(struct broker *b, uint64_t client, int object, struct holds *ret);
/* Is its process a child of the other's?  1, 0; -ESRCH, -EACCES. */
int client_link_is_child(struct broker *b, uint64_t client, uint64_t parent);
/* Do numbers of System V mean the same to its process and to us?  1, 0; -ESRCH, -EACCES. */
int client_link_shares_ipc(struct broker *b, uint64_t client);
/* Kills its process.  -ESRCH, -EPERM; -EACCES if we do not know which that is. */
int client_link_kill(struct broker *b, uint64_t client);
/* Nothing more is read from it or sent to it.  It goes at the end of the turn. */
void client_link_condemn(struct client_link *link, const char *reason);
/* Ends the condemned ones, those included that are condemned by this. */
void client_links_reap(struct broker *b);
/* Ends all without a word to the registry; for when the broker itself ends. */
void client_links_close(struct broker *b);

/* What was sent may have been queued: look at the connections again. */
void client_link_watch_output(struct client_link *link);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * node_link.h - the brokers of other nodes
 *
 * What is decided about a peer is in link/peer_state; here it is done: dialling, listening,
 * saying and hearing, and one line in the log for each change.  A node without peers has none
 * of this: it opens no port, reads no key and starts no link.
 *
 * Whoever dials us is a guest (node_guest.h) until it has proved that it belongs to the cluster
 * and has said which of our peers it is.
 */
#ifndef BROKER_NODE_LINK_H
#define BROKER_NODE_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "broker/config.h"
#include "link/peer_state.h"
#include "link/stream.h"
#include "sys/tcp.h"

struct broker;
struct node_links;
struct node_peer;

/* A stream, whoever dialled.  Ended ones are reaped between turns. */
struct node_stream {
	TAILQ_ENTRY(node_stream) entry;
	struct node_links *links;
	struct node_peer *peer; /* NULL: a guest, or one that nobody needs any more */
	struct link_stream *stream;
	uint64_t until; /* it may stay; CLOCK_NEVER */
};

/* As the peer says, while its link is up. */
struct node_controller {
	char name[CONFIG_NAME_SIZE], provider[CONFIG_NAME_SIZE];
	bool up;
};

struct node_peer {
	struct node_links *links;
	const struct config_peer *config;
	struct peer_state state;
	struct node_stream *stream; /* NULL: none */
	uint64_t received, sent;    /* by streams that it had */
	struct wire_text told;	    /* why it is not up, as the log has it */
	const char *fell; /* why its link is to be given up between turns; NULL: it is not */
	char address[CONFIG_ADDRESS_SIZE];
	unsigned controller_count;
	struct node_controller controllers[CONFIG_CONTROLLERS_MAX];
};

struct node_links {
	struct broker *broker;
	struct link_secret *secret; /* NULL: not to be had yet */
	uint64_t instance;
	int unknown; /* why @own is, or 0 */
	struct tcp_address own;
	int listener; /* -1: not yet, and nobody is dialled */
	struct loop_source source;
	uint64_t accept_again;		   /* CLOCK_NEVER: accepting */
	TAILQ_HEAD(, node_stream) streams; /* in the order in which they were made */
	uint64_t tell_at;		   /* when a refused guest is logged again */
	uint64_t untold;		   /* that were refused meanwhile */
	bool changed;			   /* @deadline is to be found anew */
	uint64_t deadline;
	unsigned count;
	struct node_peer peers[CONFIG_PEERS_MAX];
};

/* What the configuration says proves who we are.  0, or -errno with a reason. */
int node_links_secret(const struct config *c, struct link_secret **ret_secret);
/* *ret_links is NULL for a node without peers.  Without a key, or a port to listen at, no link
 * comes up, and tract nodes says why.  0 or -ENOMEM. */
int node_links_open(struct broker *b, struct node_links **ret_links);
/* Says good-bye.  NULL is allowed, here and below. */
void node_links_close(struct node_links *links);

/* When node_links_turn() has something to do. */
uint64_t node_links_deadline(const struct node_links *links);
/* Between turns of the loop. */
void node_links_turn(struct node_links *links);

/*
 * For the registry, which hears of what comes of these between turns.  What cannot be said, or
 * @why, brings the link down; @why is kept by whoever calls.
 */
void node_links_say(struct node_links *links, uint32_t node, const struct message *message);
void node_links_fell(struct node_links *links, uint32_t node, const char *why);

/* NULL if it is no peer. */
struct node_peer *node_links_find(struct node_links *links, uint32_t node);

/* Bytes that passed between us and the peer. */
void node_peer_traffic(const struct node_peer *peer, uint64_t *ret_received,
		       uint64_t *ret_sent);

/* ---- for node_guest.c ------------------------------------------------------------------- */

extern const struct link_stream_owner node_stream_owner;

struct peer_env node_env_now(void);
/* NULL if memory is short. */
struct node_stream *node_stream_add(struct node_links *links);
void node_stream_free(struct node_stream *ns);
bool node_stream_is_guest(const struct node_stream *ns);
/* It ends once what was said has arrived, or had its time. */
void node_stream_finish(struct node_stream *ns);
/* Ends the peer's stream, if it has one. */
void node_peer_drop(struct node_peer *peer);
/* Does what the state machine wants. */
void node_peer_act(struct node_peer *peer, const struct peer_out *out);

#endif

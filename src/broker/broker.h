/* SPDX-License-Identifier: MIT */
/*
 * broker.h - the broker's body
 *
 * One thread and one loop.  Messages come in over links and go to the registry, which decides
 * what is answered and done; body.c does it.  Nothing here waits for a client: a client that
 * does not read is not read from, and one that breaks the rules is condemned.  Condemned links
 * are ended between turns, never while the registry is at work.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "broker/board_map.h"
#include "broker/config.h"
#include "broker/ears.h"
#include "broker/idmap.h"
#include "broker/logbook.h"
#include "broker/node_dir.h"
#include "broker/objects.h"
#include "broker/windows.h"
#include "ipc/loop.h"
#include "registry/registry.h"

struct client_link;
struct node_links;
TAILQ_HEAD(client_links, client_link);

struct broker_options {
	const char *directory;
	const char *log; /* NULL: $TRACT_LOG, or standard error in the foreground */
	int64_t idle_ms; /* -1: never leave; see idle_given */
	bool idle_given;
	bool foreground;
	bool host;	     /* others may come in */
	bool check;	     /* only say whether a configuration is in order */
	const char *checked; /* which; NULL: the directory's */
	int ready_fd;	     /* closed once clients are served; -1: none */
};

/* The message that is being handled, and its descriptors; taken ones are -1. */
struct exchange {
	struct client_link *link; /* NULL: none */
	int *fds;
	unsigned fd_count;
	bool answered;
};

struct broker {
	struct config config;
	struct logbook logbook;
	struct node_dir dir;
	struct loop loop;
	struct loop_source listener;
	struct loop_source signals;
	int signal_fd;
	struct registry *registry;
	struct objects objects;
	struct board_map board;
	struct node_links *nodes; /* NULL: a node by itself */
	struct windows windows;
	struct ears ears;
	uint64_t started;

	struct client_links links;     /* served */
	struct client_links condemned; /* to be ended in this turn */
	struct idmap by_client;	       /* both */
	uint32_t link_count;	       /* both */
	uint32_t links_max;
	struct exchange exchange;
	unsigned monitors; /* links that watch */
	bool ended;	   /* what is shared with clients is theirs now */

	uint64_t random[32]; /* drawn ahead; used ones are overwritten */
	unsigned random_left;

	uint64_t idle_since;   /* CLOCK_NEVER: not idle */
	uint64_t promise_at;   /* when to renew board.sure_until; CLOCK_NEVER: no peers */
	uint64_t look_at;      /* when to see whether the directory is still there */
	uint64_t accept_again; /* CLOCK_NEVER: accepting */
};

/* Serves until it has been idle or is told to end.  0 (also if another broker already serves
 * the directory), or -errno with a reason. */
int broker_run(const struct broker_options *options);

/* After the number of monitors changed: lines are made only if somebody wants them. */
void broker_choose_sink(struct broker *b);

#endif

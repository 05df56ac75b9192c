/* SPDX-License-Identifier: MIT */
/*
 * node_dir.h - the node's directory: who is its broker, and where it listens
 *
 * The broker is whoever holds the lock on the file "lock" in it, which the kernel drops with
 * its holder; one that was killed leaves the file behind.  Only the holder binds or removes
 * "broker" in it, so a socket that is found there by a new holder is a dead one's.
 */
#ifndef BROKER_NODE_DIR_H
#define BROKER_NODE_DIR_H

#include <stdbool.h>
#include <stdint.h>

struct node_dir {
	const char *path;
	int fd;
	int lock;     /* -1: it is not ours to serve */
	int listener; /* -1: not listening */
	unsigned socket_mode;
	bool activated; /* the socket is the service manager's: never removed by us */
};

enum node_dir_state { NODE_DIR_FINE, NODE_DIR_SOCKET_LOST, NODE_DIR_GONE };

/* @host: others may come in, so the directory is made (or left) open to them. */
int node_dir_open(struct node_dir *d, const char *path, bool host);
void node_dir_close(struct node_dir *d);
/*
 * Becomes the directory's broker.  0; -EALREADY if another one answers there; -ETIMEDOUT if
 * within @timeout_ms neither came about; -ENOENT if the directory went away.
 */
int node_dir_lock(struct node_dir *d, unsigned timeout_ms);
/* @mode 0: 0600, or 0666 if others can come into the directory. */
int node_dir_listen(struct node_dir *d, unsigned mode);
/* Listens on a socket that was handed to this process instead. */
void node_dir_adopt_listener(struct node_dir *d, int listener);
/* From now on nobody finds us, if anybody could.  Who has connected already can still be
 * accepted. */
void node_dir_hide(struct node_dir *d);
/* Undoes node_dir_hide(): binds again and returns the new listener. */
int node_dir_show(struct node_dir *d, int *ret_listener);
enum node_dir_state node_dir_look(const struct node_dir *d);

#endif

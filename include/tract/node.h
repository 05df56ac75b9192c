/* SPDX-License-Identifier: MIT */
/*
 * node.h - the ways that lead from node to node
 *
 * A controller is a way for data: a provider of a fabric, on a device.  tract.conf names those
 * of a node, and may give them other names.  From a controller here to one there leads a way if
 * both are of one provider, both can be used, and the brokers of the nodes are linked.
 */
#ifndef TRACT_NODE_H
#define TRACT_NODE_H

#include <tract/context.h>

TRACT_BEGIN_DECLS

#define TRACT_CONTROLLER_TEXT 256

struct tract_controller_info {
	uint64_t key;			      /* for the next call */
	uint32_t node;			      /* node id */
	uint32_t up;			      /* 1: it can be used; another node's: from here */
	char name[TRACT_CONTROLLER_TEXT];     /* as its node calls it */
	char alias_of[TRACT_CONTROLLER_TEXT]; /* the controller that it is another name of;
						 "": it is one itself */
	char provider[TRACT_CONTROLLER_TEXT]; /* as libfabric calls it; "": loopback */
	char domain[TRACT_CONTROLLER_TEXT];   /* device; "": any, or another node's */
	char address[TRACT_CONTROLLER_TEXT];  /* on the fabric; "": any, or another node's */
	char why[TRACT_CONTROLLER_TEXT];      /* if it is not up: what is the matter */
};

/**
 * tract_next_controller() - the controller after @after: of this node, and of its peers
 * @ctx:   an open context
 * @after: a key; 0 for the first
 * @ret:   filled on success
 *
 * Everybody may ask.  A node's controllers come together, before its aliases.  Of another node
 * only its controllers are known, while it is linked with.
 *
 * Return: 0, -ENOENT after the last one or if no broker runs, -EINVAL, -ENOTCONN.
 */
TRACT_API int tract_next_controller(struct tract *ctx, uint64_t after,
				    struct tract_controller_info *ret);

TRACT_END_DECLS

#endif

/* SPDX-License-Identifier: MIT */
/*
 * far_net.h - this process's fabrics, and the way into the module that has the code for them
 *
 * The module is loaded by the first import from another node and stays.  All imports through
 * one controller share a fabric, and all from one node a connection.  They are closed with the
 * last import that uses them.
 */
#ifndef SEGMENT_FAR_NET_H
#define SEGMENT_FAR_NET_H

#include "base/scope.h"
#include "fabric/module.h"

struct far_net;

/* Of this node, as the broker says. */
struct far_way {
	const char *provider, *domain, *local; /* "" for any domain and local address */
};

/*
 * The shared fabric for @way, and a connection to @address over it, for which there are
 * @timeout_ms once the fabric is there: a process's first takes libfabric a while to open.  The
 * caller's, until far_net_close().  Errors are the fabric's, or -ENOPKG if the module is not
 * there.
 */
int far_net_open(const struct far_way *way, const struct fabric_address *address,
		 uint32_t timeout_ms, struct far_net **ret_net, struct fabric_peer **ret_peer);
/* NULL is allowed. */
void far_net_close(struct far_net *net, struct fabric_peer *peer);

const struct fabric_facts *far_net_facts(const struct far_net *net);
/* The table of the module, which a far_net_open() has loaded. */
const struct fabric_module *far_fabric(void);
/* Hands on an error of the module's, with the words that it has for it. */
int far_fail(int error);

/* For fork: what is open is the parent's. */
void far_net_before_fork(void);
void far_net_after_fork(bool in_child);

#endif

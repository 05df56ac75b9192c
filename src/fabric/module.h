/* SPDX-License-Identifier: MIT */
/*
 * module.h - this layer as a file of its own, loaded by who needs it
 *
 * Most programs never import from another node, and are not to carry a fabric's libraries
 * along.  So libtract does not link this layer but loads libtract-fabric.so, in which the one
 * name FABRIC_MODULE_NAME is a table of what an importer calls, and a broker of a node that has
 * peers.
 *
 * The module has a reason of its own for errors; who calls through the table asks it.
 */
#ifndef FABRIC_MODULE_H
#define FABRIC_MODULE_H

#include "fabric/fabric.h"

#define FABRIC_MODULE_FILE "libtract-fabric.so"
#define FABRIC_MODULE_NAME "tract_fabric_module"
/* Of the table below: one that says another is not used. */
#define FABRIC_MODULE_VERSION 2u

struct fabric_module {
	uint32_t version;
	const char *(*reason)(void);
	int (*open)(const struct fabric_config *config, struct fabric **ret_fabric);
	void (*close)(struct fabric *fabric);
	const struct fabric_facts *(*facts)(const struct fabric *fabric);
	int (*peer_open)(struct fabric *fabric, const struct fabric_address *address,
			 uint64_t deadline, struct fabric_peer **ret_peer);
	void (*peer_close)(struct fabric_peer *peer);
	int (*target_open)(struct fabric_peer *peer, const struct fabric_target_spec *spec,
			   struct fabric_target **ret_target);
	void (*target_close)(struct fabric_target *target);
	int (*put)(struct fabric_target *target, uint64_t offset, const void *from, size_t size,
		   unsigned how, uint64_t deadline, struct fabric_result *ret_result);
	int (*get)(struct fabric_target *target, uint64_t offset, void *into, size_t size,
		   uint64_t deadline, struct fabric_result *ret_result);
	int (*wait)(struct fabric_target *target, uint64_t deadline);
	int (*finish)(struct fabric_target *target, uint64_t deadline,
		      const struct fabric_result *result);
	uint64_t (*failures)(const struct fabric_target *target);
	/* For who serves: brokers. */
	int (*address)(const struct fabric *fabric, struct fabric_address *ret_address);
	int (*window_open)(struct fabric *fabric, const struct fabric_window_spec *spec,
			   struct fabric_window **ret_window);
	uint64_t (*window_base)(const struct fabric_window *window);
	uint64_t (*window_key)(const struct fabric_window *window);
	int (*window_bury)(struct fabric_window *window);
	void (*window_close)(struct fabric_window *window);
};

#endif

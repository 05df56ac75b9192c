/* SPDX-License-Identifier: MIT */
/*
 * transport.h - what a transport has to do for fabric.h
 *
 * fabric.c checks arguments, counts, shares peers and turns children of fork away; transports
 * are called with what is right.  Their objects begin with the ones below.
 */
#ifndef FABRIC_TRANSPORT_H
#define FABRIC_TRANSPORT_H

#include <stdatomic.h>

#include "base/thread.h"
#include "fabric/fabric.h"

struct fabric_ops {
	/* Sets what is not said below to be fabric.c's. */
	int (*open)(const struct fabric_config *config, struct fabric **ret_fabric);
	void (*close)(struct fabric *fabric);

	/* @window has spec's values; sets base and key.  -EEXIST if the key is taken. */
	int (*window_open)(struct fabric *fabric, const struct fabric_window_spec *spec,
			   struct fabric_window **ret_window);
	int (*window_bury)(struct fabric_window *window);
	void (*window_close)(struct fabric_window *window);

	/* Makes one, without going out. */
	int (*peer_new)(struct fabric *fabric, const struct fabric_address *address,
			struct fabric_peer **ret_peer);
	/* Connects it, if need be, and makes sure who is there. */
	int (*peer_greet)(struct fabric_peer *peer, uint64_t deadline);
	void (*peer_free)(struct fabric_peer *peer);

	int (*target_open)(struct fabric_peer *peer, const struct fabric_target_spec *spec,
			   struct fabric_target **ret_target);
	void (*target_close)(struct fabric_target *target);
	int (*put)(struct fabric_target *target, uint64_t offset, const void *from, size_t size,
		   unsigned how, uint64_t deadline, struct fabric_result *result);
	int (*get)(struct fabric_target *target, uint64_t offset, void *into, size_t size,
		   uint64_t deadline, struct fabric_result *result);
	int (*wait)(struct fabric_target *target, uint64_t deadline);
	int (*finish)(struct fabric_target *target, uint64_t deadline,
		      const struct fabric_result *result);
};

struct fabric {
	struct fabric_facts facts;     /* the transport's */
	struct fabric_address address; /* the transport's, if it serves */
	const struct fabric_ops *ops;  /* these and all below are fabric.c's */
	uint32_t serial;	       /* which process it is of */
	bool serve;
	_Atomic unsigned windows;
	struct mutex lock;
	struct fabric_peer *peers; /* under lock, as their next and users are */
};

struct fabric_window {
	struct fabric *fabric; /* fabric.c's, as all but base and key */
	struct fabric_window_spec spec;
	bool buried;
	uint64_t base, key;
};

struct fabric_peer {
	struct fabric *fabric;
	struct fabric_address address;
	unsigned users;
	struct fabric_peer *next;
};

struct fabric_target {
	struct fabric_peer *peer;
	struct fabric_target_spec spec;
	_Atomic uint64_t failures; /* the transport's, as it fails what is under way */
};

static inline void fabric_target_failed(struct fabric_target *target)
{
	atomic_fetch_add_explicit(&target->failures, 1u, memory_order_relaxed);
}

extern const struct fabric_ops fabric_ofi;
extern const struct fabric_ops fabric_inside;

#endif

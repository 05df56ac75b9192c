/* SPDX-License-Identifier: MIT */
/*
 * face.h - what the functions of the SharedRegion face share
 *
 * The face checks what needs no broker, calls the native functions and translates their
 * answers.  A client is a context; a region is a native handle, which its client keeps a hold
 * of: detaching closes all of them, so that nothing keeps the session, and handles that are
 * left are empty.
 *
 * What a call works with is counted, so detaching in one thread ends nothing under another.
 */
#ifndef COMPAT_SHARED_REGION_FACE_H
#define COMPAT_SHARED_REGION_FACE_H

#include <bsd/sys/queue.h>
#include <shared_region.h>
#include <tract/tract.h>

#include "base/ref.h"
#include "base/thread.h"

#define SR_API __attribute__((visibility("default")))

/* A context in use. */
struct sr_node {
	struct ref ref;
	struct tract *ctx;
};

/* A native handle in use. */
struct sr_held {
	struct ref ref;
	struct tract_shared *shared;
};

struct shared_region_client {
	struct ref ref;	 /* its regions' and, until it detaches, the caller's */
	pid_t process;	 /* whose it is: a child of fork has copies of everything */
	uint64_t number; /* of the process */
	bool strong;
	struct mutex lock;    /* guards the rest */
	struct sr_node *node; /* NULL: detached */
	LIST_HEAD(, shared_region) regions;
	struct shared_region_stats stats;
	uint64_t spent_ns; /* on the transfers in stats */
};

struct shared_region {
	shared_region_client *client;
	uint64_t id;
	size_t size;
	struct sr_held *held; /* under the client's lock; NULL: detached */
	LIST_ENTRY(shared_region) of_client;
};

/* ---- error.c ---------------------------------------------------------------------------- */

/* A native error as a code, where -EINVAL is about a size or an address. */
int sr_error(int r);
/* The same where it is about the call. */
int sr_error_of_call(int r);

/* ---- client.c --------------------------------------------------------------------------- */

/* A context to call with; 0, INVALID_ARGUMENT or NOT_INITIALIZED. */
int sr_enter(shared_region_client *client, struct sr_node **ret_node);
void sr_node_unref(struct sr_node *node);
/* The same of a region. */
int sr_enter_region(const shared_region *region, struct sr_held **ret_held);
void sr_held_unref(struct sr_held *held);

static inline void sr_node_scope_end(struct sr_node **node)
{
	sr_node_unref(*node);
}

static inline void sr_held_scope_end(struct sr_held **held)
{
	sr_held_unref(*held);
}

/* A handle for what the native one is of, which is consumed, also by a failure. */
int sr_region_new(shared_region_client *client, struct tract_shared *shared,
		  shared_region **ret_region);

/* ---- checks ----------------------------------------------------------------------------- */

/* Is it one of the five? */
static inline bool sr_is_perm(uint32_t perm)
{
	return perm == SHARED_REGION_READ || perm == SHARED_REGION_WRITE ||
	       perm == SHARED_REGION_EXECUTE || perm == SHARED_REGION_READ_EXECUTE ||
	       perm == SHARED_REGION_READ_WRITE_EXECUTE;
}

static inline bool sr_is_force(uint32_t force)
{
	return force <= SHARED_REGION_KILL || force == SHARED_REGION_FORCE_DEFAULT;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * fabric.h - one-sided access to the memory of other machines
 *
 * A process that serves registers ranges of its memory as windows.  Whoever knows the address
 * of its fabric and a window's base and key reads and writes the window, without anybody's help
 * in the process that serves: a thread of this layer's own, asleep but for that, is all it
 * takes.
 *
 * Behind it is a transport, a table of functions (transport.h): libfabric, or, for tests, one
 * that stays inside a process.  Nothing that is sent is encrypted.
 *
 * Threads: every function may be called from any thread; an object is closed once, after all
 * other calls with it have returned.  Fork: what was opened before it is the parent's.  In the
 * child every function fails with -ECHILD or, if it cannot fail, does nothing.
 *
 * Errors come with a sentence, see base/error.h.
 */
#ifndef FABRIC_FABRIC_H
#define FABRIC_FABRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

#define FABRIC_ADDRESS_MAX 120u
/* The most that one put or get moves. */
#define FABRIC_TRANSFER_MAX ((size_t)1 << 46)

struct fabric;
struct fabric_window;
struct fabric_peer;
struct fabric_target;

/* Where a fabric that serves is found, as bytes for others; they mean something to the same
 * provider only. */
struct fabric_address {
	uint16_t size;
	uint8_t bytes[FABRIC_ADDRESS_MAX];
};

enum fabric_ability {
	/* fabric_window_bury() disturbs no other window.  Without it burying a window breaks
	 * the connections of those who go on using it, to all windows here. */
	FABRIC_BURIES_ALONE = 1,
	/* The key of a window is ours to choose; without it the provider does. */
	FABRIC_CHOOSES_KEYS = 2,
	/* The provider itself says when bytes have arrived; without it, asking costs one more
	 * round trip for all puts since the last time. */
	FABRIC_SAYS_DELIVERED = 4,
};

/* What a fabric turned out to be. */
struct fabric_facts {
	const char *provider; /* as libfabric calls it */
	unsigned abilities;   /* of enum fabric_ability */
	size_t inject_max;    /* a put up to here is done with its source at once */
	size_t piece_max;     /* what is larger goes in pieces of this size */
};

struct fabric_config {
	/* "tcp", "verbs", or as libfabric calls it; "inside" is the transport without a
	 * network. */
	const char *provider;
	const char *domain;  /* device, as libfabric calls it; NULL: any */
	const char *address; /* local address to use, as a name or in numbers; NULL: any */
	bool serve;	     /* windows can be opened */
};

/*
 * Return: 0, or
 *   -EOPNOTSUPP  the provider exists, but not for us
 *   -ENODEV      there is no such provider, device or address on this machine
 *   -ENOMEM, -EMFILE, -EIO
 */
int fabric_open(const struct fabric_config *config, struct fabric **ret_fabric);
/* Its windows and peers have been closed before.  NULL is allowed. */
void fabric_close(struct fabric *fabric);
const struct fabric_facts *fabric_facts(const struct fabric *fabric);
/* -EINVAL unless it serves. */
int fabric_address(const struct fabric *fabric, struct fabric_address *ret_address);

DEFINE_SCOPE(fabric, struct fabric, fabric_close);

/* ---- who serves ---------------------------------------------------------------------------
 */

struct fabric_window_spec {
	void *memory;	 /* whole pages, mapped for as long as the window is open */
	size_t size;	 /* bytes, a multiple of the page size */
	unsigned rights; /* of others: of enum tract_right */
	uint64_t key;	 /* 0: any, which nobody can guess if the provider lets us choose */
};

/*
 * Return: 0, or
 *   -EINVAL      the fabric does not serve, or this is not whole pages, or no right is given
 *   -EEXIST      another window has the key
 *   -EOPNOTSUPP  a key was asked for and the provider chooses them
 *   -ENOMEM      the memory cannot be registered (see RLIMIT_MEMLOCK for verbs)
 */
int fabric_window_open(struct fabric *fabric, const struct fabric_window_spec *spec,
		       struct fabric_window **ret_window);
uint64_t fabric_window_base(const struct fabric_window *window);
uint64_t fabric_window_key(const struct fabric_window *window);
/*
 * Takes the memory out of others' reach: when it has returned, nothing that anybody writes
 * reaches what was mapped there, and nobody reads from it.  With FABRIC_BURIES_ALONE private
 * memory full of zeros is in its place, and those who have not heard yet succeed with that;
 * what they write takes memory until the window is closed.  Without it they fail.  A second
 * time it does nothing.
 *
 * Return: 0, or -ENOMEM: nothing has changed.
 */
int fabric_window_bury(struct fabric_window *window);
/*
 * Ends the window.  Who goes on accessing it loses its connection to this process, and with it
 * what it has under way to other windows: so bury first, and close when all have said that they
 * know.  The mapping, or what was buried there, is the caller's again.  NULL is allowed.
 */
void fabric_window_close(struct fabric_window *window);
/* How many are open, buried or not. */
unsigned fabric_window_count(const struct fabric *fabric);

DEFINE_SCOPE(fabric_window, struct fabric_window, fabric_window_close);

/* ---- who accesses -------------------------------------------------------------------------
 */

/*
 * A connection to a fabric that serves.  All who ask @fabric for the same address share one; it
 * is closed when all have closed it.  One read is made, so that it is there afterwards and no
 * transfer has to wait for it.
 *
 * A connection that breaks fails what is under way on it, and is made anew by whatever is asked
 * for next.  Other peers do not notice.
 *
 * Return: 0, or
 *   -EINVAL        these bytes are no address
 *   -ECONNREFUSED  nobody is there, where the provider tells: those over ofi_rxm do not, but
 *                  try again and again
 *   -ESTALE        somebody else is there now
 *   -ETIMEDOUT     no answer until @deadline
 *   -ECONNRESET    the connection broke
 *   -ENODEV, -ENOMEM, -EMFILE, -EIO
 */
int fabric_peer_open(struct fabric *fabric, const struct fabric_address *address,
		     uint64_t deadline, struct fabric_peer **ret_peer);
/* Its targets have been closed before.  NULL is allowed. */
void fabric_peer_close(struct fabric_peer *peer);

DEFINE_SCOPE(fabric_peer, struct fabric_peer, fabric_peer_close);

struct fabric_target_spec {
	uint64_t base, key; /* of the window, as who serves it says */
	uint64_t size;
	unsigned rights;
	uint64_t name; /* for the words of errors: a segment's id */
};

/* A window of a peer's.  Nothing is sent: a wrong key shows at the first access.  -ENOMEM. */
int fabric_target_open(struct fabric_peer *peer, const struct fabric_target_spec *spec,
		       struct fabric_target **ret_target);
/* What is under way is given up, if need be by breaking the connection.  NULL is allowed. */
void fabric_target_close(struct fabric_target *target);

DEFINE_SCOPE(fabric_target, struct fabric_target, fabric_target_close);

enum fabric_how {
	/* Completing means delivered.  Without it a small put may be on its way for longer, and
	 * it is fabric_wait() that makes sure. */
	FABRIC_DELIVERED = 1,
};

/* What became of one put or get.  Zero before; to be read after fabric_wait(), and valid until
 * then. */
struct fabric_result {
	unsigned left; /* pieces that are under way */
	int error;     /* the first that a piece failed with */
};

/*
 * Start to move bytes; they return when all is under way, which may take until some of what was
 * before has completed.  Nothing may be done to @from or @into before fabric_wait() has
 * returned, but for a @from of at most inject_max bytes, which is the caller's at once.
 * Transfers are not ordered among each other.  @ret_result may be NULL.
 *
 * A failure that is found at once is returned, and then nothing of this call is under way,
 * though pieces of it may have been moved.  Later ones are in *ret_result, and fabric_wait()
 * returns the first.
 *
 * Return: 0, or
 *   -ERANGE      part of it is not in the window: nothing was sent
 *   -EACCES      the target lacks the right: nothing was sent
 *   -ETIMEDOUT   not under way until @deadline: the connection was broken
 *   -ECONNRESET, -ECONNREFUSED, -EIO  the connection broke; puts under way may have arrived or
 *                not.  A peer that finds no window for a key, or not this right, breaks it,
 * too.
 */
int fabric_put(struct fabric_target *target, uint64_t offset, const void *from, size_t size,
	       unsigned how, uint64_t deadline, struct fabric_result *ret_result);
int fabric_get(struct fabric_target *target, uint64_t offset, void *into, size_t size,
	       uint64_t deadline, struct fabric_result *ret_result);
/*
 * Waits until all that this target's callers started has completed: what was put is in the
 * window, and what was got is here.  Whatever it returns, nothing is under way any more that
 * was started before.
 *
 * Return: 0, or the first error since the last call, as above; -ETIMEDOUT: the connection was
 * broken because @deadline had passed.
 */
int fabric_wait(struct fabric_target *target, uint64_t deadline);
/*
 * Waits until the pieces that @result tells of have completed, whatever else is under way: what
 * was got is here, and what was put from is the caller's again.  Others than those that were
 * started with FABRIC_DELIVERED may have yet to arrive.
 *
 * Return: 0, or the result's error, which fabric_wait() returns as well; -ETIMEDOUT.
 */
int fabric_finish(struct fabric_target *target, uint64_t deadline,
		  const struct fabric_result *result);
/*
 * How many failures there have been of what was under way, whoever was told: for somebody who
 * asks between two moments whether any came in between, and has waited at the second.
 */
uint64_t fabric_failures(const struct fabric_target *target);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * ofi.h - the transport over libfabric, inside
 *
 * A domain is one opening of a provider.  A line is an endpoint on it with what an endpoint
 * needs.  A fabric that serves has a domain with one line, which all who access its windows
 * connect to, and a thread that keeps it going.  A peer has a domain of its own, as the local
 * address to use depends on who is to be reached, and one line at a time: a broken connection
 * cannot be mended, so the whole line is replaced.
 */
#ifndef FABRIC_OFI_H
#define FABRIC_OFI_H

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_rma.h>

#include "base/spin.h"
#include "fabric/transport.h"

#define OFI_API_VERSION FI_VERSION(1, 17)
/* Most operations that a peer has under way. */
#define OFI_OPS 128u
/* What a queue has room for: every operation completes, and errors may come on top. */
#define OFI_QUEUE (2 * OFI_OPS)
/* Most bytes of them.  More make a connection slower, as they wait in more places. */
#define OFI_BYTES ((size_t)16 << 20)
/* Pieces of this size keep several threads' transfers from waiting for each other. */
#define OFI_PIECE ((size_t)1 << 20)
/* More than it takes to read all that a connection may hold, a piece or its header at a time.
 */
#define OFI_LAST_LOOKS 64u
/* Longest address that a provider has. */
#define OFI_NAME_MAX 64u

/* ---- ofi.c --------------------------------------------------------------------------------
 */

/* Where a line of a serving fabric is, and the window to try it with. */
struct ofi_place {
	uint32_t format; /* of name, as FI_SOCKADDR_IN */
	uint64_t base, key;
	uint64_t word; /* what is in the window's first bytes */
	size_t name_size;
	uint8_t name[OFI_NAME_MAX];
};

void ofi_place_write(const struct ofi_place *place, struct fabric_address *ret_address);
int ofi_place_read(const struct fabric_address *address, struct ofi_place *ret_place);
/* -errno for what libfabric returned, whose numbers go further. */
int ofi_error(ssize_t r);

struct ofi_domain {
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
};

/* @toward: whom to reach; NULL for who serves. */
int ofi_domain_open(const struct fabric_config *config, const struct ofi_place *toward,
		    struct ofi_domain *ret_domain, struct fabric_facts *ret_facts);
void ofi_domain_close(struct ofi_domain *domain);

struct ofi_line {
	struct fid_av *av;
	struct fid_cq *cq;
	struct fid_ep *ep;
	int fd; /* libfabric's: readable when there is something to do */
};

int ofi_line_open(const struct ofi_domain *domain, struct ofi_line *ret_line);
void ofi_line_close(struct ofi_line *line);
/* Sleeps until there is something to do for the line, @wake is readable, or @deadline. */
void ofi_line_sleep(const struct ofi_domain *domain, const struct ofi_line *line, int wake,
		    uint64_t deadline);

struct ofi_fabric {
	struct fabric base;
	/* What was asked for, to open more domains with. */
	struct fabric_config config;
	char *provider, *device, *local;
	char *name;		 /* facts.provider */
	struct ofi_serve *serve; /* NULL: it does not */
};

/* ---- ofi_tune.c ---------------------------------------------------------------------------
 */

/* Before libfabric is used for anything. */
void ofi_tune(void);

/* ---- ofi_serve.c --------------------------------------------------------------------------
 */

int ofi_serve_start(const struct fabric_config *config, struct fabric_facts *ret_facts,
		    struct fabric_address *ret_address, struct ofi_serve **ret_serve);
void ofi_serve_stop(struct ofi_serve *serve);
int ofi_window_open(struct fabric *fabric, const struct fabric_window_spec *spec,
		    struct fabric_window **ret_window);
int ofi_window_bury(struct fabric_window *window);
void ofi_window_close(struct fabric_window *window);

/* ---- ofi_peer.c ---------------------------------------------------------------------------
 */

struct ofi_op {
	struct fi_context2 context; /* the provider's; first, so that it leads back to the op */
	struct ofi_target *target;  /* NULL: free */
	struct fabric_result *result;
	uint64_t settles; /* of the target: this many puts have arrived when it completes */
	size_t size;
	unsigned turn;
	struct ofi_op *next_free;
};

struct ofi_target {
	struct fabric_target base;
	/* All are under the peer's lock.  Operations are counted by the turn in which they
	 * began, of which there are two at a time: who waits lets a new one begin, and waits
	 * for the old one to drain, so that others who go on do not hold it up. */
	uint64_t turn;
	unsigned under_way[2];
	/* Puts that nobody says have arrived; settled are those that are known to have. */
	uint64_t injected, settled;
	uint32_t generation; /* of the line, when the above was looked at last */
	int error;	     /* the first since it was asked for */
};

struct ofi_peer {
	struct fabric_peer base;
	struct ofi_place place;
	struct ofi_domain domain;
	struct fabric_facts facts;
	int wake[2]; /* a pipe: ends the sleep of whoever sleeps on the line */

	struct mutex lock; /* of all below, and of its targets */
	pthread_cond_t moved;
	struct ofi_line line;
	fi_addr_t to;
	uint32_t generation; /* counts lines */
	uint64_t moves;	     /* counts what somebody waits for */
	bool up;
	bool broken;	  /* to be taken down before anything else is done */
	bool proven;	  /* something has completed on the line: it is connected */
	bool asleep;	  /* one thread sleeps on the line, and wakes the others */
	struct spin spin; /* before that */
	int why;	  /* it broke last */
	char words[80];
	char name[96]; /* for people */
	struct ofi_target greeter;
	uint64_t scratch; /* what is read for the sake of reading */
	struct ofi_op ops[OFI_OPS];
	struct ofi_op *free;
	size_t bytes; /* under way */
};

int ofi_peer_new(struct fabric *fabric, const struct fabric_address *address,
		 struct fabric_peer **ret_peer);
int ofi_peer_greet(struct fabric_peer *peer, uint64_t deadline);
void ofi_peer_free(struct fabric_peer *peer);

/* There is a line that is not known to be broken; it may still be connecting. */
int ofi_peer_ready(struct ofi_peer *peer) REQUIRES(peer->lock);
/*
 * Gets on: handles what has completed, or sleeps until something has.  It may return early, so
 * the caller looks again.  @again: something could not be posted, and there is no event that
 * says when it can be.  -ETIMEDOUT.
 */
int ofi_peer_attend(struct ofi_peer *peer, uint64_t deadline, bool again) REQUIRES(peer->lock);
/* Takes the line down: everything that is under way fails, and is over. */
void ofi_peer_break(struct ofi_peer *peer, int why, const char *words) REQUIRES(peer->lock);
/* Likewise of one that is known to be broken; nothing otherwise. */
void ofi_peer_take_down(struct ofi_peer *peer) REQUIRES(peer->lock);
/* NULL: there is enough under way; what completes makes room. */
struct ofi_op *ofi_op_take(struct ofi_peer *peer, struct ofi_target *target, size_t size,
			   struct fabric_result *result) REQUIRES(peer->lock);
/* Of one that was not posted. */
void ofi_op_drop(struct ofi_peer *peer, struct ofi_op *op) REQUIRES(peer->lock);
/* @error with words about it. */
int ofi_peer_fail(const struct ofi_peer *peer, const struct ofi_target *target, int error);

/* ---- ofi_transfer.c -----------------------------------------------------------------------
 */

int ofi_target_open(struct fabric_peer *peer, const struct fabric_target_spec *spec,
		    struct fabric_target **ret_target);
void ofi_target_close(struct fabric_target *target);
int ofi_put(struct fabric_target *target, uint64_t offset, const void *from, size_t size,
	    unsigned how, uint64_t deadline, struct fabric_result *result);
int ofi_get(struct fabric_target *target, uint64_t offset, void *into, size_t size,
	    uint64_t deadline, struct fabric_result *result);
int ofi_wait(struct fabric_target *target, uint64_t deadline);
int ofi_finish(struct fabric_target *target, uint64_t deadline,
	       const struct fabric_result *result);

#endif

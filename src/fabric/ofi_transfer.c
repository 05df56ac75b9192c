/* SPDX-License-Identifier: MIT */
/*
 * ofi_transfer.c - reading and writing windows, and being sure of it
 *
 * Larger transfers go in pieces, each an operation.  One that has to be delivered says when it
 * has been carried out over there, any other when its bytes have been taken, so that who puts
 * may go on while they are on their way.  For small puts either costs more than the put itself.
 * So a put that finds little under way asks whether it was delivered, as somebody is likely to
 * wait for just that; in a stream of them the others are sent off.  Of all that did not ask a
 * wait makes sure: a read that follows them on the same connection is answered when they have
 * been carried out.
 */
#include "fabric/ofi.h"

#include <assert.h>
#include <errno.h>
#include <rdma/fi_errno.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

/* So many small puts are answered one by one. */
#define ANSWERED_MAX 4u

enum kind { GET, PUT, PUT_INJECTED };

/* One piece. */
struct piece {
	enum kind kind;
	union {
		void *into;
		const void *from;
	};
	size_t size;
	uint64_t at, key;
	bool delivered; /* a put is over when it has arrived, and not when it is away */
};

static struct ofi_peer *peer_of(const struct ofi_target *target)
{
	return (struct ofi_peer *)target->base.peer;
}

/* A line that broke took with it what nobody had waited for. */
static void notice_break(struct ofi_peer *peer, struct ofi_target *target) REQUIRES(peer->lock)
{
	if (target->generation == peer->generation)
		return;
	target->generation = peer->generation;
	if (target->injected > target->settled) {
		fabric_target_failed(&target->base);
		target->error = target->error ? target->error : peer->why;
	}
	target->settled = target->injected;
}

/* Also of one that broke just now, and is still there. */
static void notice_end(struct ofi_peer *peer, struct ofi_target *target) REQUIRES(peer->lock)
{
	ofi_peer_take_down(peer);
	notice_break(peer, target);
}

/* ---- posting ------------------------------------------------------------------------------
 */

/* Its completion says that it has arrived. */
static bool says_delivered(const struct ofi_peer *peer, const struct piece *piece)
{
	return piece->delivered && peer->facts.abilities & FABRIC_SAYS_DELIVERED;
}

static ssize_t issue(struct ofi_peer *peer, const struct piece *piece, struct ofi_op *op)
{
	/* The provider does not write through it when it is one to write from. */
	struct iovec here = { .iov_base = piece->into, .iov_len = piece->size };
	struct fi_rma_iov there = { .addr = piece->at, .len = piece->size, .key = piece->key };
	struct fi_msg_rma msg = { .msg_iov = &here,
				  .iov_count = 1,
				  .addr = peer->to,
				  .rma_iov = &there,
				  .rma_iov_count = 1,
				  .context = &op->context };
	uint64_t flags = FI_COMPLETION;

	if (piece->kind == GET)
		return fi_readmsg(peer->line.ep, &msg, flags);
	if (says_delivered(peer, piece))
		flags |= FI_DELIVERY_COMPLETE;
	if (piece->size <= peer->facts.inject_max)
		flags |= FI_INJECT;
	return fi_writemsg(peer->line.ep, &msg, flags);
}

/* -EAGAIN: not now.  -EBUSY: not before something has completed. */
static int try_operation(struct ofi_peer *peer, struct ofi_target *target,
			 const struct piece *piece, struct fabric_result *result)
	REQUIRES(peer->lock)
{
	struct ofi_op *op = ofi_op_take(peer, target, piece->size, result);
	ssize_t r;

	if (!op)
		return -EBUSY;
	/* A read is what settles puts before it; it may not be asked for by fabric_wait(), but
	 * has the same effect. */
	if (piece->kind == GET)
		op->settles = target->injected;
	r = issue(peer, piece, op);
	if (r < 0) {
		ofi_op_drop(peer, op);
		return r == -FI_EBUSY ? -EIO : ofi_error(r);
	}
	if (piece->kind == PUT && !says_delivered(peer, piece))
		target->injected++;
	return 0;
}

static int try_injection(struct ofi_peer *peer, struct ofi_target *target,
			 const struct piece *piece) REQUIRES(peer->lock)
{
	ssize_t r = fi_inject_write(peer->line.ep, piece->from, piece->size, peer->to,
				    piece->at, piece->key);

	if (r < 0)
		return r == -FI_EAGAIN ? -EAGAIN : ofi_error(r);
	target->injected++;
	return 0;
}

static int try_post(struct ofi_peer *peer, struct ofi_target *target, const struct piece *piece,
		    struct fabric_result *result) REQUIRES(peer->lock)
{
	int r = ofi_peer_ready(peer);

	if (r < 0)
		return r;
	notice_break(peer, target);
	r = piece->kind == PUT_INJECTED ? try_injection(peer, target, piece)
					: try_operation(peer, target, piece, result);
	if (r == 0 || r == -EAGAIN || r == -EBUSY)
		return r;
	/* What is wrong with the line is wrong for all. */
	ofi_peer_break(peer, r == -ECONNREFUSED ? r : -ECONNRESET, error_name(r));
	return ofi_peer_fail(peer, target, peer->why);
}

static int give_up(struct ofi_peer *peer, struct ofi_target *target) REQUIRES(peer->lock)
{
	ofi_peer_break(peer, -ECONNRESET, "no answer in time");
	notice_break(peer, target);
	return ofi_peer_fail(peer, target, -ETIMEDOUT);
}

static int post(struct ofi_peer *peer, struct ofi_target *target, const struct piece *piece,
		uint64_t deadline, struct fabric_result *result) REQUIRES(peer->lock)
{
	int r = try_post(peer, target, piece, result);
	/* Of the line that is there now.  What was not posted may be tried on the next one, for
	 * it may be somebody else's fault that this one broke; but not for ever. */
	const uint32_t first = peer->generation;

	while (r == -EAGAIN || r == -EBUSY) {
		r = ofi_peer_attend(peer, deadline, r == -EAGAIN);
		if (r < 0)
			return give_up(peer, target);
		if (peer->generation - first > 1)
			return ofi_peer_fail(peer, target, peer->why);
		r = try_post(peer, target, piece, result);
	}
	return r;
}

/* ---- transfers ----------------------------------------------------------------------------
 */

static int transfer(struct ofi_peer *peer, struct ofi_target *target, struct piece whole,
		    uint64_t deadline, struct fabric_result *result) REQUIRES(peer->lock)
{
	struct piece piece = whole;
	size_t done = 0;
	int r = 0;

	while (r == 0 && done < whole.size) {
		piece.size = whole.size - done;
		if (piece.size > peer->facts.piece_max)
			piece.size = peer->facts.piece_max;
		piece.at = whole.at + done;
		piece.from = (const char *)whole.from + done;
		r = post(peer, target, &piece, deadline, result);
		done += piece.size;
	}
	return r;
}

/* Few puts are under way, and none that only a wait would make sure of. */
static bool is_quiet(const struct ofi_target *target)
{
	return target->injected == target->settled &&
	       target->under_way[0] + target->under_way[1] < ANSWERED_MAX;
}

static int put(struct ofi_peer *peer, struct ofi_target *target, struct piece piece,
	       unsigned how, uint64_t deadline, struct fabric_result *result)
	REQUIRES(peer->lock)
{
	bool small = piece.size <= peer->facts.inject_max;

	notice_break(peer, target);
	piece.delivered = how & FABRIC_DELIVERED || (small && is_quiet(target));
	if (small && !piece.delivered && !result)
		piece.kind = PUT_INJECTED;
	return transfer(peer, target, piece, deadline, result);
}

int ofi_put(struct fabric_target *base, uint64_t offset, const void *from, size_t size,
	    unsigned how, uint64_t deadline, struct fabric_result *result)
{
	struct ofi_target *target = (struct ofi_target *)base;
	struct ofi_peer *peer = peer_of(target);
	struct piece piece = { .kind = PUT,
			       .from = from,
			       .size = size,
			       .at = base->spec.base + offset,
			       .key = base->spec.key };
	int r;

	mutex_lock(&peer->lock);
	r = put(peer, target, piece, how, deadline, result);
	mutex_unlock(&peer->lock);
	return r;
}

int ofi_get(struct fabric_target *base, uint64_t offset, void *into, size_t size,
	    uint64_t deadline, struct fabric_result *result)
{
	struct ofi_target *target = (struct ofi_target *)base;
	struct ofi_peer *peer = peer_of(target);
	struct piece piece = { .kind = GET,
			       .into = into,
			       .size = size,
			       .at = base->spec.base + offset,
			       .key = base->spec.key };
	int r;

	mutex_lock(&peer->lock);
	r = transfer(peer, target, piece, deadline, result);
	mutex_unlock(&peer->lock);
	return r;
}

/* ---- waiting ------------------------------------------------------------------------------
 */

/* Of the page that everybody may read, so that it does not take a right to read the window. */
static int ask(struct ofi_peer *peer, struct ofi_target *target, uint64_t deadline)
	REQUIRES(peer->lock)
{
	struct piece piece = { .kind = GET,
			       .into = &peer->scratch,
			       .size = 1,
			       .at = peer->place.base,
			       .key = peer->place.key };

	notice_end(peer, target);
	if (target->injected == target->settled)
		return 0;
	return post(peer, target, &piece, deadline, NULL);
}

/*
 * A turn ends when the next begins, which is when nothing of the one before it is under way; so
 * what is under way is of two turns at most.  Others may move on to the next meanwhile.
 */
static int drain(struct ofi_peer *peer, struct ofi_target *target, uint64_t deadline)
	REQUIRES(peer->lock)
{
	const uint64_t mine = target->turn;
	const unsigned side = mine & 1;
	int r = 0;

	while (r == 0 && target->turn <= mine + 1) {
		if (target->turn == mine && target->under_way[!side] == 0)
			target->turn++;
		if (target->turn == mine + 1 && target->under_way[side] == 0)
			break;
		r = ofi_peer_attend(peer, deadline, false);
	}
	return r < 0 ? give_up(peer, target) : 0;
}

static int wait(struct ofi_peer *peer, struct ofi_target *target, uint64_t deadline)
	REQUIRES(peer->lock)
{
	int error, r = ask(peer, target, deadline);

	if (r == 0)
		r = drain(peer, target, deadline);
	notice_end(peer, target);
	error = target->error;
	target->error = 0;
	if (r < 0 || error == 0)
		return r;
	return ofi_peer_fail(peer, target, error);
}

int ofi_wait(struct fabric_target *base, uint64_t deadline)
{
	struct ofi_target *target = (struct ofi_target *)base;
	struct ofi_peer *peer = peer_of(target);
	int r;

	mutex_lock(&peer->lock);
	r = wait(peer, target, deadline);
	mutex_unlock(&peer->lock);
	return r;
}

static int finish(struct ofi_peer *peer, struct ofi_target *target, uint64_t deadline,
		  const struct fabric_result *result) REQUIRES(peer->lock)
{
	int r = 0;

	while (r == 0 && result->left > 0)
		r = ofi_peer_attend(peer, deadline, false);
	if (r < 0)
		return give_up(peer, target);
	return result->error < 0 ? ofi_peer_fail(peer, target, result->error) : 0;
}

int ofi_finish(struct fabric_target *base, uint64_t deadline,
	       const struct fabric_result *result)
{
	struct ofi_target *target = (struct ofi_target *)base;
	struct ofi_peer *peer = peer_of(target);
	int r;

	mutex_lock(&peer->lock);
	r = finish(peer, target, deadline, result);
	mutex_unlock(&peer->lock);
	return r;
}

/* ---- targets ------------------------------------------------------------------------------
 */

int ofi_target_open(struct fabric_peer *base, const struct fabric_target_spec *spec,
		    struct fabric_target **ret_target)
{
	struct ofi_peer *peer = (struct ofi_peer *)base;
	struct ofi_target *target = calloc(1, sizeof(*target));

	if (!target)
		return -ENOMEM;
	target->base.peer = base;
	target->base.spec = *spec;
	mutex_lock(&peer->lock);
	target->generation = peer->generation;
	mutex_unlock(&peer->lock);
	*ret_target = &target->base;
	return 0;
}

void ofi_target_close(struct fabric_target *base)
{
	struct ofi_target *target = (struct ofi_target *)base;
	struct ofi_peer *peer = peer_of(target);

	mutex_lock(&peer->lock);
	if (target->under_way[0] + target->under_way[1] > 0)
		ofi_peer_break(peer, -ECONNRESET,
			       "a window was closed in the middle of an access");
	mutex_unlock(&peer->lock);
	free(target);
}

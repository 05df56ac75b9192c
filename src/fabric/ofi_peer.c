/* SPDX-License-Identifier: MIT */
/*
 * ofi_peer.c - a connection to a fabric that serves, and getting on with it
 *
 * There is no thread: who waits does the work.  Of several one sleeps on the line and the
 * others on a condition; whoever wakes looks for itself.  A line is taken down by somebody who
 * has made sure that nobody sleeps on it, for its descriptor goes with it.
 */
#include "fabric/ofi.h"

#include <assert.h>
#include <errno.h>
#include <rdma/fi_errno.h>
#include <stdio.h>
#include <string.h>

#include <tract/types.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "sys/event.h"
#include "sys/exec.h"
#include "sys/sock.h"

/* How often to try again what could not be posted. */
#define AGAIN_NS (NS_PER_MS / 2)
/* How often to look while a line is being connected.  A thread of libfabric's does that, and
 * does not always wake who sleeps until he can send what has waited for it. */
#define CONNECTING_NS NS_PER_MS
/* How often to look before sleeping; the answer is often on its way. */
#define LOOKS 5
/* Who answers may be asleep, too. */
#define ANSWER_NS (2 * SPIN_NS)

int ofi_peer_fail(const struct ofi_peer *peer, const struct ofi_target *target, int error)
{
	if (target == &peer->greeter)
		return fail(error, "no connection to %s: %s", peer->name, peer->words);
	return fail(error, "access to window %#llx at %s failed: %s",
		    (unsigned long long)target->base.spec.name, peer->name, peer->words);
}

/* ---- operations ---------------------------------------------------------------------------
 */

struct ofi_op *ofi_op_take(struct ofi_peer *peer, struct ofi_target *target, size_t size,
			   struct fabric_result *result)
{
	struct ofi_op *op = peer->free;

	if (!op || peer->bytes + size > OFI_BYTES)
		return NULL;
	peer->bytes += size;
	op->size = size;
	peer->free = op->next_free;
	op->target = target;
	op->result = result;
	op->settles = 0;
	op->turn = (unsigned)(target->turn & 1);
	target->under_way[op->turn]++;
	if (result)
		result->left++;
	return op;
}

static void op_end(struct ofi_peer *peer, struct ofi_op *op)
{
	peer->bytes -= op->size;
	op->target->under_way[op->turn]--;
	if (op->result)
		op->result->left--;
	op->target = NULL;
	op->next_free = peer->free;
	peer->free = op;
}

void ofi_op_drop(struct ofi_peer *peer, struct ofi_op *op)
{
	op_end(peer, op);
}

static void op_complete(struct ofi_peer *peer, struct ofi_op *op, int error)
{
	struct ofi_target *target = op->target;

	if (!target)
		return;
	if (error < 0)
		fabric_target_failed(&target->base);
	if (error < 0 && !target->error)
		target->error = error;
	if (error < 0 && op->result && !op->result->error)
		op->result->error = error;
	if (error == 0 && op->settles > target->settled)
		target->settled = op->settles;
	op_end(peer, op);
}

static void forget_ops(struct ofi_peer *peer)
{
	peer->free = NULL;
	for (unsigned i = OFI_OPS; i-- > 0;) {
		peer->ops[i].next_free = peer->free;
		peer->free = &peer->ops[i];
	}
}

/* ---- completions --------------------------------------------------------------------------
 */

static void mark_broken(struct ofi_peer *peer, int why, const char *words) REQUIRES(peer->lock)
{
	if (!peer->up || peer->broken)
		return;
	peer->broken = true;
	peer->why = why;
	(void)snprintf(peer->words, sizeof(peer->words), "%s", words);
}

static int error_of(const struct fi_cq_err_entry *entry)
{
	switch (entry->err) {
	case FI_ECONNREFUSED:
	case FI_EHOSTUNREACH:
	case FI_ENETUNREACH:
		return -ECONNREFUSED;
	default:
		return -ECONNRESET;
	}
}

static void take_error(struct ofi_peer *peer) REQUIRES(peer->lock)
{
	struct fi_cq_err_entry entry = { 0 };
	int error;

	if (fi_cq_readerr(peer->line.cq, &entry, 0) != 1)
		return;
	error = error_of(&entry);
	/* Those that are injected have no operation of ours. */
	if (entry.op_context)
		op_complete(peer, entry.op_context, error);
	mark_broken(peer, error, fi_strerror(entry.err));
}

/* True if something has happened. */
static bool look(struct ofi_peer *peer) REQUIRES(peer->lock)
{
	struct fi_cq_entry done[32];
	ssize_t n = fi_cq_read(peer->line.cq, done, ARRAY_LEN(done));

	if (n == -FI_EAGAIN)
		return false;
	if (n == -FI_EAVAIL)
		take_error(peer);
	else if (n < 0)
		mark_broken(peer, -ECONNRESET, fi_strerror((int)-n));
	for (ssize_t i = 0; i < n; i++)
		op_complete(peer, done[i].op_context, 0);
	/* Only now everything that the connection takes is there, and answers are soon. */
	if (n > 0 && !peer->proven) {
		exec_close_tree(peer->line.fd);
		peer->spin = spin_at_once(ANSWER_NS);
	}
	peer->proven |= n > 0;
	peer->moves++;
	(void)pthread_cond_broadcast(&peer->moved);
	/* It may be what the one who sleeps on the line is there for. */
	if (peer->asleep)
		event_pipe_fill(peer->wake[1]);
	return true;
}

/* ---- the line -----------------------------------------------------------------------------
 */

/*
 * The tcp of libfabric 1.17 frees an answer twice that has half come when its endpoint is
 * closed, and ofi_rxm follows the null pointer that it finds there.  So what has come is taken
 * first, and then the end of the connection, which loses the rest.
 */
static void cut(struct ofi_peer *peer) REQUIRES(peer->lock)
{
	sock_abandon(peer->place.name, peer->place.name_size);
	for (unsigned looks = 0; looks < OFI_LAST_LOOKS && peer->bytes > 0; looks++)
		(void)look(peer);
}

static void line_down(struct ofi_peer *peer) REQUIRES(peer->lock)
{
	assert(!peer->asleep);
	/* What is under way is about to be reported lost; a device forgets it by itself. */
	if (peer->facts.abilities & FABRIC_BURIES_ALONE)
		cut(peer);
	ofi_line_close(&peer->line);
	for (unsigned i = 0; i < OFI_OPS; i++)
		op_complete(peer, &peer->ops[i], peer->why);
	forget_ops(peer);
	peer->up = peer->broken = peer->proven = false;
	peer->generation++;
	peer->moves++;
	(void)pthread_cond_broadcast(&peer->moved);
}

/* Who sleeps on the line wakes, and takes it down if nobody else has. */
void ofi_peer_take_down(struct ofi_peer *peer)
{
	while (peer->broken && peer->asleep) {
		event_pipe_fill(peer->wake[1]);
		(void)pthread_cond_wait(&peer->moved, &peer->lock.inner);
	}
	if (peer->broken)
		line_down(peer);
}

void ofi_peer_break(struct ofi_peer *peer, int why, const char *words)
{
	mark_broken(peer, why, words);
	ofi_peer_take_down(peer);
}

static int line_up(struct ofi_peer *peer) REQUIRES(peer->lock)
{
	size_t size = sizeof(peer->name);
	int r = ofi_line_open(&peer->domain, &peer->line);

	if (r < 0)
		return r;
	(void)fi_av_straddr(peer->line.av, peer->place.name, peer->name, &size);
	peer->name[sizeof(peer->name) - 1] = '\0';
	r = fi_av_insert(peer->line.av, peer->place.name, 1, &peer->to, 0, NULL);
	if (r != 1) {
		ofi_line_close(&peer->line);
		return fail(-EINVAL, "provider %s does not take the address of the peer",
			    peer->facts.provider);
	}
	peer->up = true;
	return 0;
}

int ofi_peer_ready(struct ofi_peer *peer)
{
	ofi_peer_take_down(peer);
	return peer->up ? 0 : line_up(peer);
}

static void sleep_on_line(struct ofi_peer *peer, uint64_t deadline) REQUIRES(peer->lock)
{
	uint64_t start = clock_now();

	peer->asleep = true;
	mutex_unlock(&peer->lock);
	ofi_line_sleep(&peer->domain, &peer->line, peer->wake[0], deadline);
	mutex_lock(&peer->lock);
	peer->asleep = false;
	if (peer->proven)
		spin_slept(&peer->spin, clock_now() - start);
	event_pipe_drain(peer->wake[0]);
	(void)pthread_cond_broadcast(&peer->moved);
}

static void sleep_beside(struct ofi_peer *peer, uint64_t deadline) REQUIRES(peer->lock)
{
	struct timespec until = { .tv_sec = (time_t)(deadline / NS_PER_S),
				  .tv_nsec = (long)(deadline % NS_PER_S) };

	if (deadline == CLOCK_NEVER)
		(void)pthread_cond_wait(&peer->moved, &peer->lock.inner);
	else
		(void)pthread_cond_timedwait(&peer->moved, &peer->lock.inner, &until);
}

struct watch {
	struct ofi_peer *peer;
	uint64_t moves; /* when it began */
};

/* It may be another thread that sees what this one waits for.  Who sleeps on the line does all
 * the rest. */
static bool has_moved(void *arg)
{
	const struct watch *watch = arg;
	struct ofi_peer *peer = watch->peer;
	bool moved;

	mutex_lock(&peer->lock);
	moved = peer->moves != watch->moves || peer->asleep || look(peer);
	mutex_unlock(&peer->lock);
	return moved;
}

/* As look(), for as long as the peer spins; others have their turns meanwhile. */
static bool look_again(struct ofi_peer *peer) REQUIRES(peer->lock)
{
	struct watch watch = { peer, peer->moves };
	const uint64_t ns = peer->spin.ns;
	uint64_t took;
	bool moved;

	mutex_unlock(&peer->lock);
	moved = spin_until(ns, has_moved, &watch, &took);
	mutex_lock(&peer->lock);
	/* Until now. */
	moved = moved || peer->moves != watch.moves;
	spin_looked(&peer->spin, moved, took);
	return moved;
}

int ofi_peer_attend(struct ofi_peer *peer, uint64_t deadline, bool again)
{
	uint64_t soon = again ? AGAIN_NS : CONNECTING_NS, until = deadline;

	if (!peer->up || peer->broken) {
		ofi_peer_take_down(peer);
		return 0;
	}
	for (int looks = 0; looks < (again ? 1 : LOOKS); looks++)
		if (look(peer))
			return 0;
	if (!again && peer->proven && !peer->asleep && spin_pays(&peer->spin) &&
	    look_again(peer))
		return 0;
	if (clock_left(deadline) == 0)
		return -ETIMEDOUT;
	if ((again || !peer->proven) && clock_left(deadline) > soon)
		until = clock_now() + soon;
	if (peer->asleep)
		sleep_beside(peer, until);
	else
		sleep_on_line(peer, until);
	return 0;
}

/* ---- peers --------------------------------------------------------------------------------
 */

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &attr);
	(void)pthread_condattr_destroy(&attr);
}

int ofi_peer_new(struct fabric *base, const struct fabric_address *address,
		 struct fabric_peer **ret_peer)
{
	const struct ofi_fabric *fabric = (struct ofi_fabric *)base;
	scoped(mem) struct ofi_peer *peer = calloc(1, sizeof(*peer));
	int r;

	if (!peer)
		return -ENOMEM;
	r = ofi_place_read(address, &peer->place);
	if (r < 0)
		return r;
	r = event_pipe_new(peer->wake);
	if (r < 0)
		return r;
	r = ofi_domain_open(&fabric->config, &peer->place, &peer->domain, &peer->facts);
	if (r < 0) {
		event_pipe_close(peer->wake[0]);
		event_pipe_close(peer->wake[1]);
		return r;
	}
	mutex_init(&peer->lock);
	cond_init(&peer->moved);
	peer->line.fd = -1;
	forget_ops(peer);
	peer->greeter.base.peer = &peer->base;
	peer->greeter.base.spec = (struct fabric_target_spec){ .base = peer->place.base,
							       .key = peer->place.key,
							       .size = sizeof(peer->place.word),
							       .rights = TRACT_RIGHT_READ };
	*ret_peer = &steal(peer)->base;
	return 0;
}

static int hello(struct ofi_peer *peer, uint64_t deadline)
{
	struct fabric_result result = { 0 };
	uint64_t word = 0;
	int waited, r = ofi_get(&peer->greeter.base, 0, &word, sizeof(word), deadline, &result);

	/* Other threads greet as well: what became of ours is in the result. */
	waited = ofi_wait(&peer->greeter.base, deadline);
	if (r == 0)
		r = waited == -ETIMEDOUT ? waited : result.error;
	if (r < 0)
		return r;
	if (word != peer->place.word)
		return fail(-ESTALE, "another fabric has the address of the peer now");
	return 0;
}

/* Twice, for the first is answered while the connection is still being set up, and would leave
 * some of that to the first transfer. */
int ofi_peer_greet(struct fabric_peer *base, uint64_t deadline)
{
	struct ofi_peer *peer = (struct ofi_peer *)base;
	int r = hello(peer, deadline);

	return r < 0 ? r : hello(peer, deadline);
}

void ofi_peer_free(struct fabric_peer *base)
{
	struct ofi_peer *peer = (struct ofi_peer *)base;

	if (peer->up)
		ofi_line_close(&peer->line);
	ofi_domain_close(&peer->domain);
	event_pipe_close(peer->wake[0]);
	event_pipe_close(peer->wake[1]);
	(void)pthread_cond_destroy(&peer->moved);
	mutex_deinit(&peer->lock);
	free(peer);
}

/* SPDX-License-Identifier: MIT */
#include "segment/far.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "segment/far_map.h"

/* How long an event waits for what is under way.  A broker waits for us about as long. */
#define DRAIN_MS 400

static struct mutex all_lock = MUTEX_INIT;
static TAILQ_HEAD(, far) all = TAILQ_HEAD_INITIALIZER(all);
static pthread_cond_t unpinned = PTHREAD_COND_INITIALIZER; /* with all_lock */
static uint64_t last_serial, failures_before;		   /* under all_lock */

/* ---- windows ---------------------------------------------------------------------------- */

static void window_put_locked(struct far *far, struct far_window *window) REQUIRES(far->lock)
{
	if (!window || --window->users > 0)
		return;
	far->failures += far_fabric()->failures(window->target);
	far_fabric()->target_close(window->target);
	free(window);
}

/* In the place of the one that was. */
static int window_open_locked(struct far *far) REQUIRES(far->lock)
{
	scoped(mem) struct far_window *window = calloc(1, sizeof(*window));
	struct far_window *former = far->window;
	int r;

	if (!window)
		return -ENOMEM;
	r = far_fabric()->target_open(far->peer, &far->spec, &window->target);
	if (r < 0)
		return far_fail(r);
	window->users = 1;
	far->window = steal(window);
	window_put_locked(far, former);
	return 0;
}

static bool wait_locked(struct far *far, uint64_t deadline) REQUIRES(far->lock)
{
	struct timespec until = { .tv_sec = (time_t)(deadline / NS_PER_S),
				  .tv_nsec = (long)(deadline % NS_PER_S) };

	if (clock_left(deadline) == 0)
		return false;
	(void)pthread_cond_timedwait(&far->changed, &far->lock.inner, &until);
	return true;
}

static int use_locked(struct far *far, uint64_t deadline, struct far_window **ret_window)
	REQUIRES(far->lock)
{
	while (far->held && !far->ended)
		if (!wait_locked(far, deadline))
			return fail(-EIO, "the exporter is moving the memory, and not done "
					  "with it in time");
	if (far->ended)
		return -ESTALE;
	if (!far->window)
		return fail(-EIO, "there was no memory for the window that is used now");
	far->window->users++;
	far->inside++;
	*ret_window = far->window;
	return 0;
}

int far_use(struct far *far, uint64_t deadline, struct far_window **ret_window)
{
	int r;

	mutex_lock(&far->lock);
	r = use_locked(far, deadline, ret_window);
	mutex_unlock(&far->lock);
	return r;
}

bool far_use_last(struct far *far, struct far_window **ret_window)
{
	mutex_lock(&far->lock);
	*ret_window = far->window;
	if (far->window) {
		far->window->users++;
		far->inside++;
	}
	mutex_unlock(&far->lock);
	return *ret_window != NULL;
}

void far_leave(struct far *far, struct far_window *window)
{
	mutex_lock(&far->lock);
	window_put_locked(far, window);
	if (--far->inside == 0 && (far->held || far->ended))
		(void)pthread_cond_broadcast(&far->changed);
	mutex_unlock(&far->lock);
}

/* ---- what events do --------------------------------------------------------------------- */

static void wait_until_outside_locked(struct far *far) REQUIRES(far->lock)
{
	uint64_t deadline = clock_deadline_ms(DRAIN_MS);

	while (far->inside > 0 && wait_locked(far, deadline))
		continue;
}

/* Nobody begins any more.  What does not end by itself is ended by breaking the connection. */
static void drain_locked(struct far *far) REQUIRES(far->lock)
{
	struct far_window *window = far->window;

	if (!window)
		return;
	window->users++;
	wait_until_outside_locked(far);
	mutex_unlock(&far->lock);
	(void)far_fabric()->wait(window->target, clock_deadline_ms(DRAIN_MS));
	(void)fault_point("far.drained");
	mutex_lock(&far->lock);
	wait_until_outside_locked(far);
	window_put_locked(far, window);
}

void far_stall(struct far *far)
{
	mutex_lock(&far->lock);
	far->held = true;
	drain_locked(far);
	mutex_unlock(&far->lock);
}

static bool move_locked(struct far *far, const struct msg_import_moved_far *moved)
	REQUIRES(far->lock)
{
	int r = 0;

	if (far->ended)
		return true;
	far->held = true;
	drain_locked(far);
	far->spec.base = moved->base;
	far->spec.key = moved->key;
	if (far->peer)
		r = window_open_locked(far);
	if (r < 0) {
		window_put_locked(far, far->window);
		far->window = NULL;
	}
	far->held = false;
	(void)pthread_cond_broadcast(&far->changed);
	return r == 0;
}

bool far_move(struct far *far, const struct msg_import_moved_far *moved)
{
	bool done;

	far_map_before_move(far);
	mutex_lock(&far->lock);
	done = move_locked(far, moved);
	mutex_unlock(&far->lock);
	far_map_after_move(far);
	return done;
}

void far_end(struct far *far)
{
	mutex_lock(&far->lock);
	far->ended = true;
	(void)pthread_cond_broadcast(&far->changed);
	drain_locked(far);
	mutex_unlock(&far->lock);
	far_map_end(far);
}

bool far_has_ended(struct far *far)
{
	bool ended;

	mutex_lock(&far->lock);
	ended = far->ended;
	mutex_unlock(&far->lock);
	return ended;
}

bool far_change(struct far *far, const struct message *event)
{
	switch (event->number) {
	case MSG_import_revoked:
		far_end(far);
		return true;
	case MSG_import_stall:
		far_stall(far);
		return true;
	case MSG_import_moved_far:
		return far_move(far, &event->import_moved_far);
	default:
		return true;
	}
}

/* ---- failures --------------------------------------------------------------------------- */

void far_failed(struct far *far)
{
	mutex_lock(&far->lock);
	far->failures++;
	mutex_unlock(&far->lock);
}

uint64_t far_failed_so_far(struct far *far)
{
	uint64_t failures;

	mutex_lock(&far->lock);
	failures = far->failures;
	if (far->window)
		failures += far_fabric()->failures(far->window->target);
	mutex_unlock(&far->lock);
	return failures;
}

uint64_t far_failed_before(void)
{
	uint64_t failures;

	mutex_lock(&all_lock);
	failures = failures_before;
	mutex_unlock(&all_lock);
	return failures;
}

/* ---- all of them ------------------------------------------------------------------------ */

void far_pin(struct far *far)
{
	mutex_lock(&all_lock);
	far->pins++;
	mutex_unlock(&all_lock);
}

void far_unpin(struct far *far)
{
	mutex_lock(&all_lock);
	if (--far->pins == 0)
		(void)pthread_cond_broadcast(&unpinned);
	mutex_unlock(&all_lock);
}

/* The next after @serial, pinned. */
static struct far *next_of(uint32_t node, uint64_t serial)
{
	struct far *far;

	mutex_lock(&all_lock);
	TAILQ_FOREACH (far, &all, entry)
		if (far->serial > serial && far->node == node)
			break;
	if (far)
		far->pins++;
	mutex_unlock(&all_lock);
	return far;
}

void far_each(uint32_t node, void (*visit)(struct far *far, void *arg), void *arg)
{
	struct far *far;
	uint64_t serial = 0;

	while ((far = next_of(node, serial))) {
		serial = far->serial;
		visit(far, arg);
		far_unpin(far);
	}
}

static void enter_locked(struct far *far) REQUIRES(all_lock)
{
	far->serial = ++last_serial;
	TAILQ_INSERT_TAIL(&all, far, entry);
}

/* Its failures are remembered: spans of other imports may be about its node. */
static void remove_locked(struct far *far) REQUIRES(all_lock)
{
	while (far->pins > 0)
		(void)pthread_cond_wait(&unpinned, &all_lock.inner);
	TAILQ_REMOVE(&all, far, entry);
	failures_before += far->failures;
}

/* ---- life ------------------------------------------------------------------------------- */

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &attr);
	(void)pthread_condattr_destroy(&attr);
}

int far_new(const struct msg_import_connected_far *said, uint32_t node, uint32_t rights,
	    struct far **ret_far)
{
	struct far *far = calloc(1, sizeof(*far));

	if (!far)
		return -ENOMEM;
	mutex_init(&far->lock);
	cond_init(&far->changed);
	far->node = node;
	far->timeout_ms = said->timeout_ms;
	far->swapped = said->swapped;
	far->store_delay_ms = said->store_delay_ms;
	far->spec = (struct fabric_target_spec){ .base = said->base,
						 .key = said->key,
						 .size = said->size,
						 .rights = rights,
						 .name = said->segment };
	mutex_lock(&all_lock);
	enter_locked(far);
	mutex_unlock(&all_lock);
	*ret_far = far;
	return 0;
}

static void close_window_locked(struct far *far) REQUIRES(far->lock)
{
	window_put_locked(far, far->window);
	far->window = NULL;
}

void far_free(struct far *far)
{
	if (!far)
		return;
	/* A child of fork may have one that it never made its own. */
	far_map_free(far_map_detach(far));
	mutex_lock(&far->lock);
	close_window_locked(far);
	mutex_unlock(&far->lock);
	mutex_lock(&all_lock);
	remove_locked(far);
	mutex_unlock(&all_lock);
	far_net_close(far->net, far->peer);
	(void)pthread_cond_destroy(&far->changed);
	mutex_deinit(&far->lock);
	free(far);
}

/* What a program can tell apart: the way to the window is not there, or takes too long. */
static int no_way(int r)
{
	switch (r) {
	case -ETIMEDOUT:
	case -ENOMEM:
	case -EMFILE:
		return r;
	default:
		return -EHOSTUNREACH;
	}
}

static int open_locked(struct far *far, struct far_net *net, struct fabric_peer *peer)
	REQUIRES(far->lock)
{
	far->net = net;
	far->peer = peer;
	return far->ended ? 0 : window_open_locked(far);
}

int far_open(struct far *far, const struct msg_import_connected_far *said)
{
	const struct far_way way = { said->provider.text, said->domain.text, said->local.text };
	struct fabric_address address = { .size = (uint16_t)said->address.length };
	struct fabric_peer *peer;
	struct far_net *net;
	int r;

	if (far->spec.rights == 0)
		return 0;
	if (said->address.length > sizeof(address.bytes))
		return fail(-EHOSTUNREACH, "the exporter's node has an address that is no "
					   "fabric's");
	memcpy(address.bytes, said->address.bytes, said->address.length);
	r = far_net_open(&way, &address, said->timeout_ms, &net, &peer);
	if (r < 0)
		return no_way(r);
	mutex_lock(&far->lock);
	r = open_locked(far, net, peer);
	mutex_unlock(&far->lock);
	return r;
}

/* ---- fork ------------------------------------------------------------------------------- */

void far_after_fork(struct far *far)
{
	mutex_init(&far->lock);
	cond_init(&far->changed);
	far->pins = 0;
	far_map_after_fork(far);
}

void fars_before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&all_lock);
	far_net_before_fork();
	far_maps_before_fork();
}

void fars_after_fork(bool in_child) NO_THREAD_SAFETY
{
	far_maps_after_fork(in_child);
	far_net_after_fork(in_child);
	if (in_child)
		(void)pthread_cond_init(&unpinned, NULL);
	mutex_unlock(&all_lock);
}

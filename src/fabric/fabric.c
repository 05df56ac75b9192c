/* SPDX-License-Identifier: MIT */
/*
 * fabric.c - what is the same whatever the transport
 */
#include "fabric/fabric.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <tract/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "fabric/transport.h"
#include "sys/host.h"
#include "sys/vm.h"

/* How many forks lie between the first process and this one. */
static _Atomic uint32_t serial;

static void after_in_child(void)
{
	atomic_fetch_add_explicit(&serial, 1u, memory_order_relaxed);
}

static void __attribute__((constructor)) watch_forks(void)
{
	(void)pthread_atfork(NULL, NULL, after_in_child);
}

/* Of a child, nothing here works: the sockets are its parent's, and so are the threads. */
static bool is_inherited(const struct fabric *fabric)
{
	return fabric->serial != atomic_load_explicit(&serial, memory_order_relaxed);
}

static int refuse_child(void)
{
	return fail(-ECHILD, "this was opened by the process that forked this one");
}

/* ---- fabrics ------------------------------------------------------------------------------
 */

int fabric_open(const struct fabric_config *config, struct fabric **ret_fabric)
{
	const struct fabric_ops *ops;
	struct fabric *fabric;
	int r;

	assert(config->provider);
	ops = strcmp(config->provider, "inside") == 0 ? &fabric_inside : &fabric_ofi;
	r = fault_point("fabric.open");
	if (r < 0)
		return r;
	r = ops->open(config, &fabric);
	if (r < 0)
		return r;
	fabric->ops = ops;
	fabric->serve = config->serve;
	fabric->serial = atomic_load_explicit(&serial, memory_order_relaxed);
	atomic_init(&fabric->windows, 0u);
	mutex_init(&fabric->lock);
	fabric->peers = NULL;
	*ret_fabric = fabric;
	return 0;
}

void fabric_close(struct fabric *fabric)
{
	if (!fabric || is_inherited(fabric))
		return;
	assert(!fabric->peers);
	assert(fabric_window_count(fabric) == 0);
	mutex_deinit(&fabric->lock);
	fabric->ops->close(fabric);
}

const struct fabric_facts *fabric_facts(const struct fabric *fabric)
{
	return &fabric->facts;
}

int fabric_address(const struct fabric *fabric, struct fabric_address *ret_address)
{
	if (is_inherited(fabric))
		return refuse_child();
	if (!fabric->serve)
		return -EINVAL;
	*ret_address = fabric->address;
	return 0;
}

/* ---- windows ------------------------------------------------------------------------------
 */

static bool is_whole(const struct fabric_window_spec *spec)
{
	size_t page = vm_page_size();

	return spec->memory && spec->size > 0 && is_multiple((uintptr_t)spec->memory, page) &&
	       is_multiple(spec->size, page);
}

/* Once in a great while a key that was drawn is taken. */
static int open_with_any_key(struct fabric *fabric, struct fabric_window_spec *spec,
			     struct fabric_window **ret_window)
{
	int r = -EEXIST;

	for (int tries = 0; tries < 8 && r == -EEXIST; tries++) {
		host_random(&spec->key, sizeof(spec->key));
		r = fabric->ops->window_open(fabric, spec, ret_window);
	}
	return r;
}

int fabric_window_open(struct fabric *fabric, const struct fabric_window_spec *spec,
		       struct fabric_window **ret_window)
{
	struct fabric_window_spec asked = *spec;
	struct fabric_window *window;
	int r;

	if (is_inherited(fabric))
		return refuse_child();
	if (!fabric->serve || !is_whole(spec) || !spec->rights ||
	    (spec->rights & ~(unsigned)TRACT_RIGHT_READ_WRITE))
		return fail(-EINVAL, "a window is whole pages, with a right to them");
	if (spec->key && !(fabric->facts.abilities & FABRIC_CHOOSES_KEYS))
		return fail(-EOPNOTSUPP, "provider %s chooses the keys of windows by itself",
			    fabric->facts.provider);
	r = fault_point("fabric.window.open");
	if (r < 0)
		return r;
	if (spec->key)
		r = fabric->ops->window_open(fabric, &asked, &window);
	else
		r = open_with_any_key(fabric, &asked, &window);
	if (r < 0)
		return r;
	window->fabric = fabric;
	window->spec = asked;
	window->buried = false;
	atomic_fetch_add_explicit(&fabric->windows, 1u, memory_order_relaxed);
	*ret_window = window;
	return 0;
}

uint64_t fabric_window_base(const struct fabric_window *window)
{
	return window->base;
}

uint64_t fabric_window_key(const struct fabric_window *window)
{
	return window->key;
}

int fabric_window_bury(struct fabric_window *window)
{
	int r;

	if (is_inherited(window->fabric))
		return refuse_child();
	if (window->buried)
		return 0;
	r = fault_point("fabric.window.bury");
	if (r < 0)
		return r;
	r = window->fabric->ops->window_bury(window);
	if (r < 0)
		return r;
	window->buried = true;
	return 0;
}

void fabric_window_close(struct fabric_window *window)
{
	struct fabric *fabric;

	if (!window || is_inherited(window->fabric))
		return;
	fabric = window->fabric;
	fabric->ops->window_close(window);
	atomic_fetch_sub_explicit(&fabric->windows, 1u, memory_order_relaxed);
}

unsigned fabric_window_count(const struct fabric *fabric)
{
	return atomic_load_explicit(&fabric->windows, memory_order_relaxed);
}

/* ---- peers --------------------------------------------------------------------------------
 */

static bool same_address(const struct fabric_address *a, const struct fabric_address *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static int peer_share_locked(struct fabric *fabric, const struct fabric_address *address,
			     struct fabric_peer **ret_peer) REQUIRES(fabric->lock)
{
	struct fabric_peer *peer = fabric->peers;
	int r;

	while (peer && !same_address(&peer->address, address))
		peer = peer->next;
	if (peer) {
		peer->users++;
		*ret_peer = peer;
		return 0;
	}
	r = fabric->ops->peer_new(fabric, address, &peer);
	if (r < 0)
		return r;
	peer->fabric = fabric;
	peer->address = *address;
	peer->users = 1;
	peer->next = fabric->peers;
	fabric->peers = peer;
	*ret_peer = peer;
	return 0;
}

int fabric_peer_open(struct fabric *fabric, const struct fabric_address *address,
		     uint64_t deadline, struct fabric_peer **ret_peer)
{
	scoped(fabric_peer) struct fabric_peer *peer = NULL;
	int r;

	if (is_inherited(fabric))
		return refuse_child();
	if (address->size > FABRIC_ADDRESS_MAX)
		return fail(-EINVAL, "an address of a fabric is not that long");
	r = fault_point("fabric.peer.open");
	if (r < 0)
		return r;
	mutex_lock(&fabric->lock);
	r = peer_share_locked(fabric, address, &peer);
	mutex_unlock(&fabric->lock);
	if (r < 0)
		return r;
	r = fabric->ops->peer_greet(peer, deadline);
	if (r < 0)
		return r;
	*ret_peer = steal(peer);
	return 0;
}

/* True for the last user: nobody finds it any more. */
static bool peer_leave_locked(struct fabric *fabric, struct fabric_peer *peer)
	REQUIRES(fabric->lock)
{
	struct fabric_peer **at = &fabric->peers;

	if (--peer->users > 0)
		return false;
	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	return true;
}

void fabric_peer_close(struct fabric_peer *peer)
{
	struct fabric *fabric;
	bool last;

	if (!peer || is_inherited(peer->fabric))
		return;
	fabric = peer->fabric;
	mutex_lock(&fabric->lock);
	last = peer_leave_locked(fabric, peer);
	mutex_unlock(&fabric->lock);
	if (last)
		fabric->ops->peer_free(peer);
}

/* ---- targets ------------------------------------------------------------------------------
 */

int fabric_target_open(struct fabric_peer *peer, const struct fabric_target_spec *spec,
		       struct fabric_target **ret_target)
{
	struct fabric_target *target;
	int r;

	if (is_inherited(peer->fabric))
		return refuse_child();
	r = fault_point("fabric.target.open");
	if (r < 0)
		return r;
	r = peer->fabric->ops->target_open(peer, spec, &target);
	if (r < 0)
		return r;
	target->peer = peer;
	target->spec = *spec;
	*ret_target = target;
	return 0;
}

void fabric_target_close(struct fabric_target *target)
{
	if (target && !is_inherited(target->peer->fabric))
		target->peer->fabric->ops->target_close(target);
}

static int check_access(const struct fabric_target *target, uint64_t offset, size_t size,
			unsigned right)
{
	if (is_inherited(target->peer->fabric))
		return refuse_child();
	if (size > target->spec.size || offset > target->spec.size - size ||
	    size > FABRIC_TRANSFER_MAX)
		return fail(-ERANGE, "window %#llx has %llu bytes",
			    (unsigned long long)target->spec.name,
			    (unsigned long long)target->spec.size);
	if (!(target->spec.rights & right))
		return fail(-EACCES, "window %#llx was opened without the right to %s",
			    (unsigned long long)target->spec.name,
			    right == TRACT_RIGHT_READ ? "read" : "write");
	return 0;
}

int fabric_put(struct fabric_target *target, uint64_t offset, const void *from, size_t size,
	       unsigned how, uint64_t deadline, struct fabric_result *ret_result)
{
	int r = check_access(target, offset, size, TRACT_RIGHT_WRITE);

	if (r < 0)
		return r;
	if (size == 0)
		return 0;
	r = fault_point("fabric.put");
	if (r < 0)
		return r;
	return target->peer->fabric->ops->put(target, offset, from, size, how, deadline,
					      ret_result);
}

int fabric_get(struct fabric_target *target, uint64_t offset, void *into, size_t size,
	       uint64_t deadline, struct fabric_result *ret_result)
{
	int r = check_access(target, offset, size, TRACT_RIGHT_READ);

	if (r < 0)
		return r;
	if (size == 0)
		return 0;
	r = fault_point("fabric.get");
	if (r < 0)
		return r;
	return target->peer->fabric->ops->get(target, offset, into, size, deadline, ret_result);
}

int fabric_wait(struct fabric_target *target, uint64_t deadline)
{
	if (is_inherited(target->peer->fabric))
		return refuse_child();
	return target->peer->fabric->ops->wait(target, deadline);
}

int fabric_finish(struct fabric_target *target, uint64_t deadline,
		  const struct fabric_result *result)
{
	if (is_inherited(target->peer->fabric))
		return refuse_child();
	return target->peer->fabric->ops->finish(target, deadline, result);
}

uint64_t fabric_failures(const struct fabric_target *target)
{
	return atomic_load_explicit(&target->failures, memory_order_relaxed);
}

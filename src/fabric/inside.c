/* SPDX-License-Identifier: MIT */
/*
 * inside.c - a transport that stays inside the process
 *
 * For tests of what is above: everything happens at once, in the calling thread, and fails in
 * the same ways.  All fabrics of the process see each other's windows.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <tract/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "fabric/transport.h"
#include "sys/host.h"
#include "sys/vm.h"

struct inside {
	struct fabric base;
	struct inside *next;
	struct inside_window *windows;
};

struct inside_window {
	struct fabric_window base;
	struct inside_window *next;
};

struct inside_target {
	struct fabric_target base;
	int error;
};

/* Of everything here: so burying a window and accessing it exclude each other. */
static struct mutex all_lock = MUTEX_INIT;
static struct inside *all;

static int inside_open(const struct fabric_config *config, struct fabric **ret_fabric)
{
	struct inside *inside = calloc(1, sizeof(*inside));

	(void)config;
	if (!inside)
		return -ENOMEM;
	inside->base.facts = (struct fabric_facts){
		.provider = "inside",
		.abilities = FABRIC_BURIES_ALONE | FABRIC_CHOOSES_KEYS | FABRIC_SAYS_DELIVERED,
		.inject_max = 64,
		.piece_max = FABRIC_TRANSFER_MAX,
	};
	inside->base.address.size = 8;
	host_random(inside->base.address.bytes, 8);
	mutex_lock(&all_lock);
	inside->next = all;
	all = inside;
	mutex_unlock(&all_lock);
	*ret_fabric = &inside->base;
	return 0;
}

static void leave_locked(const struct inside *inside) REQUIRES(all_lock)
{
	struct inside **at = &all;

	while (*at != inside)
		at = &(*at)->next;
	*at = inside->next;
}

static void inside_close(struct fabric *fabric)
{
	struct inside *inside = (struct inside *)fabric;

	mutex_lock(&all_lock);
	leave_locked(inside);
	mutex_unlock(&all_lock);
	free(inside);
}

/* ---- windows ------------------------------------------------------------------------------
 */

static struct inside_window *find_window(const struct inside *inside, uint64_t key)
	REQUIRES(all_lock)
{
	struct inside_window *window = inside->windows;

	while (window && window->base.key != key)
		window = window->next;
	return window;
}

static int add_locked(struct inside *inside, struct inside_window *window) REQUIRES(all_lock)
{
	if (find_window(inside, window->base.key))
		return fail(-EEXIST, "another window has the key");
	window->next = inside->windows;
	inside->windows = window;
	return 0;
}

static int inside_window_open(struct fabric *fabric, const struct fabric_window_spec *spec,
			      struct fabric_window **ret_window)
{
	scoped(mem) struct inside_window *window = calloc(1, sizeof(*window));
	int r;

	if (!window)
		return -ENOMEM;
	window->base.key = spec->key;
	window->base.spec = *spec;
	mutex_lock(&all_lock);
	r = add_locked((struct inside *)fabric, window);
	mutex_unlock(&all_lock);
	if (r < 0)
		return r;
	*ret_window = &steal(window)->base;
	return 0;
}

static int inside_window_bury(struct fabric_window *window)
{
	int r;

	mutex_lock(&all_lock);
	r = vm_replace(window->spec.memory, window->spec.size, VM_READ | VM_WRITE, -1, 0);
	mutex_unlock(&all_lock);
	return r;
}

static void remove_locked(struct inside *inside, const struct inside_window *window)
	REQUIRES(all_lock)
{
	struct inside_window **at = &inside->windows;

	while (*at != window)
		at = &(*at)->next;
	*at = window->next;
}

static void inside_window_close(struct fabric_window *base)
{
	struct inside_window *window = (struct inside_window *)base;

	mutex_lock(&all_lock);
	remove_locked((struct inside *)base->fabric, window);
	mutex_unlock(&all_lock);
	free(window);
}

/* ---- peers and targets --------------------------------------------------------------------
 */

static struct inside *find_locked(const struct fabric_address *address) REQUIRES(all_lock)
{
	struct inside *inside = all;

	while (inside && (!inside->base.serve ||
			  memcmp(inside->base.address.bytes, address->bytes, 8) != 0))
		inside = inside->next;
	return inside;
}

static int inside_peer_new(struct fabric *fabric, const struct fabric_address *address,
			   struct fabric_peer **ret_peer)
{
	struct fabric_peer *peer;

	(void)fabric;
	if (address->size != 8)
		return fail(-EINVAL, "this is no address of a fabric");
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return -ENOMEM;
	*ret_peer = peer;
	return 0;
}

static int inside_peer_greet(struct fabric_peer *peer, uint64_t deadline)
{
	bool found;

	(void)deadline;
	mutex_lock(&all_lock);
	found = find_locked(&peer->address) != NULL;
	mutex_unlock(&all_lock);
	return found ? 0 : fail(-ECONNREFUSED, "no fabric has this address");
}

static void inside_peer_free(struct fabric_peer *peer)
{
	free(peer);
}

static int inside_target_open(struct fabric_peer *peer, const struct fabric_target_spec *spec,
			      struct fabric_target **ret_target)
{
	struct inside_target *target = calloc(1, sizeof(*target));

	(void)peer;
	(void)spec;
	if (!target)
		return -ENOMEM;
	*ret_target = &target->base;
	return 0;
}

static void inside_target_close(struct fabric_target *target)
{
	free((struct inside_target *)target);
}

/* ---- transfers ----------------------------------------------------------------------------
 */

/* NULL, as a real one would break the connection. */
static char *find_memory(const struct fabric_target *target, uint64_t offset, size_t size,
			 unsigned right) REQUIRES(all_lock)
{
	const struct inside *inside = find_locked(&target->peer->address);
	const struct inside_window *window =
		inside ? find_window(inside, target->spec.key) : NULL;
	const struct fabric_window_spec *spec;

	if (!window)
		return NULL;
	spec = &window->base.spec;
	if (!(spec->rights & right) || size > spec->size ||
	    target->spec.base + offset > spec->size - size)
		return NULL;
	return (char *)spec->memory + target->spec.base + offset;
}

static void conclude(struct fabric_target *base, bool moved, struct fabric_result *result)
	REQUIRES(all_lock)
{
	struct inside_target *target = (struct inside_target *)base;

	if (moved)
		return;
	fabric_target_failed(base);
	if (!target->error)
		target->error = -ECONNRESET;
	if (result && !result->error)
		result->error = -ECONNRESET;
}

static int inside_put(struct fabric_target *target, uint64_t offset, const void *from,
		      size_t size, unsigned how, uint64_t deadline,
		      struct fabric_result *result)
{
	char *memory;

	(void)how;
	(void)deadline;
	mutex_lock(&all_lock);
	memory = find_memory(target, offset, size, TRACT_RIGHT_WRITE);
	if (memory)
		memcpy(memory, from, size);
	conclude(target, memory != NULL, result);
	mutex_unlock(&all_lock);
	return 0;
}

static int inside_get(struct fabric_target *target, uint64_t offset, void *into, size_t size,
		      uint64_t deadline, struct fabric_result *result)
{
	const char *memory;

	(void)deadline;
	mutex_lock(&all_lock);
	memory = find_memory(target, offset, size, TRACT_RIGHT_READ);
	if (memory)
		memcpy(into, memory, size);
	conclude(target, memory != NULL, result);
	mutex_unlock(&all_lock);
	return 0;
}

static int inside_wait(struct fabric_target *base, uint64_t deadline)
{
	struct inside_target *target = (struct inside_target *)base;
	int error;

	(void)deadline;
	mutex_lock(&all_lock);
	error = target->error;
	target->error = 0;
	mutex_unlock(&all_lock);
	if (error == 0)
		return 0;
	return fail(error, "access to window %#llx failed: there is no such window",
		    (unsigned long long)base->spec.name);
}

static int inside_finish(struct fabric_target *target, uint64_t deadline,
			 const struct fabric_result *result)
{
	(void)target;
	(void)deadline;
	return result->error;
}

const struct fabric_ops fabric_inside = {
	.open = inside_open,
	.close = inside_close,
	.window_open = inside_window_open,
	.window_bury = inside_window_bury,
	.window_close = inside_window_close,
	.peer_new = inside_peer_new,
	.peer_greet = inside_peer_greet,
	.peer_free = inside_peer_free,
	.target_open = inside_target_open,
	.target_close = inside_target_close,
	.put = inside_put,
	.get = inside_get,
	.wait = inside_wait,
	.finish = inside_finish,
};

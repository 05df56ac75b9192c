/* SPDX-License-Identifier: MIT */
#include "segment/far_net.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/thread.h"
#include "fabric/load.h"
#include "sys/dir.h"

struct far_net {
	LIST_ENTRY(far_net) entry;
	struct fabric *fabric;
	unsigned users;
	bool inherited; /* a parent's: nothing can be done with it */
	char *provider, *domain, *local;
};

static struct mutex lock = MUTEX_INIT;
static LIST_HEAD(, far_net) nets = LIST_HEAD_INITIALIZER(nets);
static const struct fabric_module *_Atomic module;

const struct fabric_module *far_fabric(void)
{
	return atomic_load_explicit(&module, memory_order_acquire);
}

const struct fabric_facts *far_net_facts(const struct far_net *net)
{
	return far_fabric()->facts(net->fabric);
}

int far_fail(int error)
{
	return fail(error, "%s", far_fabric()->reason());
}

/* ---- the module ------------------------------------------------------------------------- */

/* Beside this library, as it is built or installed; or beside a program that has it inside. */
static int find_module(char *path, unsigned capacity)
{
	static const char *const beside[] = {
		"tract/" FABRIC_MODULE_FILE,
		"fabric/" FABRIC_MODULE_FILE,
		"../src/fabric/" FABRIC_MODULE_FILE,
		"../../src/fabric/" FABRIC_MODULE_FILE,
	};
	char *slash;
	int r;

	r = dir_of_code((const void *)(uintptr_t)far_net_open, path, capacity);
	if (r < 0)
		return r;
	slash = strrchr(path, '/');
	for (size_t i = 0; slash && i < ARRAY_LEN(beside); i++) {
		(void)snprintf(slash, capacity - (size_t)(slash - path), "/%s", beside[i]);
		if (access(path, R_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

static int load_locked(void) REQUIRES(lock)
{
	const struct fabric_module *found;
	char path[4096];
	int r;

	if (far_fabric())
		return 0;
	if (fault_point("far.module.load") < 0 || find_module(path, sizeof(path)) < 0)
		return fail(-ENOPKG,
			    "segments of other nodes need " FABRIC_MODULE_FILE
			    ", which is not installed in the folder tract beside this library");
	r = fabric_load(path, &found);
	if (r < 0)
		return r;
	atomic_store_explicit(&module, found, memory_order_release);
	return 0;
}

/* ---- fabrics ---------------------------------------------------------------------------- */

static bool leads(const struct far_net *net, const struct far_way *way)
{
	return !net->inherited && strcmp(net->provider, way->provider) == 0 &&
	       strcmp(net->domain, way->domain) == 0 && strcmp(net->local, way->local) == 0;
}

static void net_free(struct far_net *net)
{
	if (!net)
		return;
	if (net->fabric)
		far_fabric()->close(net->fabric);
	free(net->provider);
	free(net->domain);
	free(net->local);
	free(net);
}
DEFINE_SCOPE(net, struct far_net, net_free);

static int net_new(const struct far_way *way, struct far_net **ret_net)
{
	scoped(net) struct far_net *net = calloc(1, sizeof(*net));
	struct fabric_config config = { .provider = way->provider,
					.domain = *way->domain ? way->domain : NULL,
					.address = *way->local ? way->local : NULL };
	int r;

	if (!net)
		return -ENOMEM;
	net->provider = strdup(way->provider);
	net->domain = strdup(way->domain);
	net->local = strdup(way->local);
	if (!net->provider || !net->domain || !net->local)
		return -ENOMEM;
	r = far_fabric()->open(&config, &net->fabric);
	if (r < 0)
		return far_fail(r);
	*ret_net = steal(net);
	return 0;
}

static int get_locked(const struct far_way *way, struct far_net **ret_net) REQUIRES(lock)
{
	struct far_net *net;
	int r;

	r = load_locked();
	if (r < 0)
		return r;
	LIST_FOREACH (net, &nets, entry)
		if (leads(net, way))
			break;
	if (!net) {
		r = net_new(way, &net);
		if (r < 0)
			return r;
		LIST_INSERT_HEAD(&nets, net, entry);
	}
	net->users++;
	*ret_net = net;
	return 0;
}

static void put_locked(struct far_net *net) REQUIRES(lock)
{
	if (--net->users > 0)
		return;
	LIST_REMOVE(net, entry);
	net_free(net);
}

void far_net_close(struct far_net *net, struct fabric_peer *peer)
{
	if (!net)
		return;
	if (peer)
		far_fabric()->peer_close(peer);
	mutex_lock(&lock);
	put_locked(net);
	mutex_unlock(&lock);
}

int far_net_open(const struct far_way *way, const struct fabric_address *address,
		 uint32_t timeout_ms, struct far_net **ret_net, struct fabric_peer **ret_peer)
{
	struct fabric_peer *peer;
	struct far_net *net;
	int r;

	mutex_lock(&lock);
	r = get_locked(way, &net);
	mutex_unlock(&lock);
	if (r < 0)
		return r;
	r = far_fabric()->peer_open(net->fabric, address, clock_deadline_ms(timeout_ms), &peer);
	if (r < 0) {
		(void)far_fail(r);
		far_net_close(net, NULL);
		return r;
	}
	*ret_net = net;
	*ret_peer = peer;
	return 0;
}

/* ---- fork ------------------------------------------------------------------------------- */

void far_net_before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&lock);
}

void far_net_after_fork(bool in_child) NO_THREAD_SAFETY
{
	struct far_net *net;

	/* Their sockets are the parent's; imports that were inherited hold them still. */
	if (in_child)
		LIST_FOREACH (net, &nets, entry)
			net->inherited = true;
	mutex_unlock(&lock);
}

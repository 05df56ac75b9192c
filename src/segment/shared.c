/* SPDX-License-Identifier: MIT */
/*
 * shared.c - regions that the node keeps for their owners
 *
 * A mapping of one is an import of the region's window, so that the broker's events and the
 * map's books are those of imports.  It ends when it is unmapped, or taken back, which this
 * process may learn at any time: what is left of it then is put away by the next call.
 */
#include <tract/shared.h>

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "client/process.h"
#include "segment/segment.h"
#include "sys/vm.h"

struct tract_shared {
	struct tract *ctx;
	struct session *session;
	uint32_t process; /* process_serial() of its opening */
	uint64_t number;
	size_t size;
};

/* What this process has mapped, or had until it was taken back. */
struct mapping {
	struct session *session;
	uint64_t number;
	struct tract_import *import;
	LIST_ENTRY(mapping) entry;
};

/* Held across calls to the broker, which the service thread does not make. */
static struct mutex mappings_lock = MUTEX_INIT;
static LIST_HEAD(, mapping) mappings = LIST_HEAD_INITIALIZER(mappings);

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&mappings_lock);
}

static void after_in_parent(void) NO_THREAD_SAFETY
{
	mutex_unlock(&mappings_lock);
}

/* Their imports know themselves that they are a parent's. */
static void after_in_child(void) NO_THREAD_SAFETY
{
	LIST_INIT(&mappings);
	mutex_unlock(&mappings_lock);
}

static struct process_hook fork_hook = { .rank = PROCESS_SHARED,
					 .prepare = before_fork,
					 .parent = after_in_parent,
					 .child = after_in_child };

/* ---- handles ---------------------------------------------------------------------------- */

void tract_shared_close(struct tract_shared *shared)
{
	if (!shared)
		return;
	session_unref(shared->session);
	context_unref(shared->ctx);
	free(shared);
}

DEFINE_SCOPE(handle, struct tract_shared, tract_shared_close);

/* Asks for a region, whose facts are the answer. */
static int obtain(struct tract *ctx, struct message *request, struct tract_shared **ret_shared)
{
	scoped(handle) struct tract_shared *shared = calloc(1, sizeof(*shared));
	struct message reply;
	int r;

	if (!shared)
		return -ENOMEM;
	process_hook_add(&fork_hook);
	shared->ctx = context_ref(ctx);
	shared->process = process_serial();
	r = context_session(ctx, &shared->session);
	if (r == 0)
		r = session_call(shared->session, request, NULL, 0, &reply, NULL);
	if (r < 0)
		return r;
	if (reply.number != MSG_shared_known || reply.shared_known.size > SIZE_MAX)
		return -EPROTO;
	shared->number = reply.shared_known.shared;
	shared->size = (size_t)reply.shared_known.size;
	*ret_shared = steal(shared);
	return 0;
}

int tract_shared_create(struct tract *ctx, const struct tract_shared_spec *spec,
			struct tract_shared **ret_shared)
{
	struct message request = { .number = MSG_shared_create };

	error_clear_reason();
	if (!ctx || !spec || !ret_shared)
		return -EINVAL;
	request.shared_create = (struct msg_shared_create){
		.size = spec->size,
		.ceiling = spec->ceiling,
		.node = spec->numa_node,
		.flags = spec->flags,
	};
	return obtain(ctx, &request, ret_shared);
}

int tract_shared_open(struct tract *ctx, uint64_t number, struct tract_shared **ret_shared)
{
	struct message request = { .number = MSG_shared_open };

	error_clear_reason();
	if (!ctx || !ret_shared)
		return -EINVAL;
	request.shared_open.shared = number;
	return obtain(ctx, &request, ret_shared);
}

/* 0, -EINVAL for NULL, or -ECHILD: a parent's. */
static int check_handle(const struct tract_shared *shared)
{
	error_clear_reason();
	if (!shared)
		return -EINVAL;
	if (shared->process != process_serial())
		return fail(-ECHILD, "a child of fork has no shared regions; open one");
	return 0;
}

static int call(const struct tract_shared *shared, struct message *request,
		struct message *reply)
{
	return session_call(shared->session, request, NULL, 0, reply, NULL);
}

int tract_shared_destroy(struct tract_shared *shared)
{
	struct message request = { .number = MSG_shared_destroy }, reply;
	int r = check_handle(shared);

	if (r < 0)
		return r;
	request.shared_destroy.shared = shared->number;
	return call(shared, &request, &reply);
}

int tract_shared_look(struct tract_shared *shared, struct tract_shared_facts *ret_facts)
{
	struct message request = { .number = MSG_shared_open }, reply;
	int r = check_handle(shared);

	if (r < 0 || !ret_facts)
		return r < 0 ? r : -EINVAL;
	request.shared_open.shared = shared->number;
	r = call(shared, &request, &reply);
	if (r < 0)
		return r;
	*ret_facts = (struct tract_shared_facts){
		.number = reply.shared_known.shared,
		.size = (size_t)reply.shared_known.size,
		.ceiling = reply.shared_known.ceiling,
		.numa_node = reply.shared_known.node,
		.flags = reply.shared_known.flags,
		.owner = reply.shared_known.owner,
	};
	return 0;
}

uint64_t tract_shared_number(const struct tract_shared *shared)
{
	return shared ? shared->number : 0;
}

size_t tract_shared_size(const struct tract_shared *shared)
{
	return shared ? shared->size : 0;
}

/* ---- mappings --------------------------------------------------------------------------- */

static struct mapping *find_locked(const struct tract_shared *shared) REQUIRES(mappings_lock)
{
	struct mapping *mapping;

	LIST_FOREACH (mapping, &mappings, entry)
		if (mapping->session == shared->session && mapping->number == shared->number)
			return mapping;
	return NULL;
}

static void put_away_locked(struct mapping *mapping) REQUIRES(mappings_lock)
{
	LIST_REMOVE(mapping, entry);
	(void)tract_import_unmap(mapping->import);
	(void)tract_import_close(mapping->import);
	free(mapping);
}

/* One that was taken back is none any more. */
static struct mapping *find_live_locked(const struct tract_shared *shared)
	REQUIRES(mappings_lock)
{
	struct mapping *mapping = find_locked(shared);

	if (mapping && import_was_revoked(mapping->import)) {
		put_away_locked(mapping);
		mapping = NULL;
	}
	return mapping;
}

static unsigned prot_of(uint32_t permission)
{
	return (permission & TRACT_PERMIT_READ ? VM_READ : 0u) |
	       (permission & 2u ? VM_READ | VM_WRITE : 0u) |
	       (permission & TRACT_PERMIT_EXECUTE ? VM_EXEC : 0u);
}

/* Addresses that nobody else gets, and their place in the map. */
static int hold(void **addr, size_t size, uint32_t rights)
{
	int r;

	if (*addr)
		r = vm_place(*addr, size, 0, -1, 0, addr);
	else
		r = vm_anonymous(size, 0, addr);
	if (r < 0)
		return r == -EEXIST ? fail(-EADDRINUSE, "something is at that address") : r;
	r = places_add_import(*addr, size, 0, rights);
	if (r < 0) {
		vm_unmap(*addr, size);
		return fail(-EADDRINUSE, "something is at that address");
	}
	return 0;
}

static int connect_held(struct tract_shared *shared, struct mapping *mapping, void *addr,
			uint32_t permission)
{
	struct message request = { .number = MSG_shared_map };
	int r;

	request.shared_map = (struct msg_shared_map){
		.shared = shared->number,
		.permission = permission,
		.address = (uintptr_t)addr,
	};
	r = imports_connect(mapping->import, shared->session, &request);
	if (r < 0)
		return r;
	(void)fault_point("shared.map.connected");
	r = import_map_held(mapping->import, addr, shared->size, prot_of(permission));
	if (r < 0)
		(void)tract_import_close(steal(mapping->import));
	return r;
}

static int map_held_locked(struct tract_shared *shared, void *addr, uint32_t permission,
			   uint32_t rights) REQUIRES(mappings_lock)
{
	struct mapping *mapping = calloc(1, sizeof(*mapping));
	int r = -ENOMEM;

	if (mapping)
		mapping->import = import_new(shared->ctx, rights);
	if (mapping && mapping->import) {
		mapping->import->owned = true;
		r = connect_held(shared, mapping, addr, permission);
	}
	if (r < 0) {
		if (mapping)
			import_free(mapping->import);
		free(mapping);
		return r;
	}
	mapping->session = shared->session;
	mapping->number = shared->number;
	LIST_INSERT_HEAD(&mappings, mapping, entry);
	return 0;
}

static int map_locked(struct tract_shared *shared, void **addr, uint32_t permission)
	REQUIRES(mappings_lock)
{
	uint32_t rights = permission & 2u ? TRACT_RIGHT_READ_WRITE : TRACT_RIGHT_READ;
	void *at = *addr;
	int r;

	if (find_live_locked(shared))
		return fail(-EEXIST, "this process has the region mapped already");
	r = hold(&at, shared->size, rights);
	if (r < 0)
		return r;
	r = map_held_locked(shared, at, permission, rights);
	if (r < 0) {
		places_unmap_import(at, shared->size);
		return r;
	}
	*addr = at;
	return 0;
}

int tract_shared_map(struct tract_shared *shared, void **addr, uint32_t permission)
{
	int r = check_handle(shared);

	if (r < 0 || !addr || !is_multiple((uintptr_t)*addr, vm_page_size()))
		return r < 0 ? r : -EINVAL;
	r = places_use();
	if (r == 0)
		r = session_listen(shared->session, imports_on_event);
	if (r < 0)
		return r;
	mutex_lock(&mappings_lock);
	r = map_locked(shared, addr, permission);
	mutex_unlock(&mappings_lock);
	return r;
}

static int unmap_own(struct tract_shared *shared)
{
	struct mapping *mapping;
	struct message request = { .number = MSG_shared_unmap }, reply;
	int r = 0;

	request.shared_unmap.shared = shared->number;
	mutex_lock(&mappings_lock);
	mapping = find_live_locked(shared);
	if (mapping) {
		(void)tract_import_unmap(mapping->import);
		r = call(shared, &request, &reply);
		put_away_locked(mapping);
	}
	mutex_unlock(&mappings_lock);
	if (!mapping)
		return fail(-ENXIO, "this process has not mapped the region");
	/* What was taken back meanwhile is unmapped all the same. */
	return r == -ENXIO || r == -ENOENT ? 0 : r;
}

int tract_shared_unmap(struct tract_shared *shared, uint64_t process, uint32_t force)
{
	struct message request = { .number = MSG_shared_unmap }, reply;
	int r = check_handle(shared);

	if (r < 0)
		return r;
	if (process == 0 || process == shared->session->welcome.process)
		return unmap_own(shared);
	request.shared_unmap = (struct msg_shared_unmap){
		.shared = shared->number,
		.process = process,
		.force = force,
	};
	return call(shared, &request, &reply);
}

int tract_shared_where(struct tract_shared *shared, uint64_t process, void **ret_addr)
{
	struct message request = { .number = MSG_shared_where }, reply;
	int r = check_handle(shared);

	if (r < 0 || !ret_addr)
		return r < 0 ? r : -EINVAL;
	request.shared_where.shared = shared->number;
	request.shared_where.process = process;
	r = call(shared, &request, &reply);
	if (r == 0)
		*ret_addr = (void *)(uintptr_t)reply.shared_there.address;
	return r;
}

int tract_shared_give(struct tract_shared *shared, uint64_t process)
{
	struct message request = { .number = MSG_shared_give }, reply;
	int r = check_handle(shared);

	if (r < 0)
		return r;
	request.shared_give.shared = shared->number;
	request.shared_give.process = process;
	return call(shared, &request, &reply);
}

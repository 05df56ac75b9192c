/* SPDX-License-Identifier: MIT */
#include "segment/shared_list.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "client/process.h"
#include "sys/futex.h"

static struct mutex lists_lock = MUTEX_INIT;
static LIST_HEAD(, mapping) mappings = LIST_HEAD_INITIALIZER(mappings);
static LIST_HEAD(, host) hosts = LIST_HEAD_INITIALIZER(hosts);
/* Raised when one is not busy any more. */
static _Atomic uint32_t settled;

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&lists_lock);
}

static void after_in_parent(void) NO_THREAD_SAFETY
{
	mutex_unlock(&lists_lock);
}

/* Their imports know themselves that they are a parent's. */
static void after_in_child(void) NO_THREAD_SAFETY
{
	LIST_INIT(&mappings);
	LIST_INIT(&hosts);
	mutex_unlock(&lists_lock);
}

static struct process_hook fork_hook = { .rank = PROCESS_SHARED,
					 .prepare = before_fork,
					 .parent = after_in_parent,
					 .child = after_in_child };

/* ---- mappings ---------------------------------------------------------------------------- */

struct mapping *mapping_new(struct tract *ctx, struct session *session, uint64_t number,
			    uint32_t rights)
{
	struct mapping *mapping = calloc(1, sizeof(*mapping));

	if (!mapping)
		return NULL;
	mapping->import = import_new(ctx, rights);
	if (!mapping->import) {
		free(mapping);
		return NULL;
	}
	mapping->import->owned = true;
	mapping->ctx = ctx;
	mapping->session = session;
	mapping->number = number;
	mapping->busy = true;
	return mapping;
}

void mapping_free(struct mapping *mapping)
{
	if (!mapping)
		return;
	import_free(mapping->import);
	free(mapping);
}

static void wake_all(void)
{
	atomic_fetch_add_explicit(&settled, 1u, memory_order_release);
	futex_wake(&settled, INT32_MAX);
}

void mapping_unlist(struct mapping *mapping)
{
	mutex_lock(&lists_lock);
	LIST_REMOVE(mapping, entry);
	mutex_unlock(&lists_lock);
	wake_all();
}

void mapping_settle(struct mapping *mapping)
{
	mutex_lock(&lists_lock);
	mapping->busy = false;
	mutex_unlock(&lists_lock);
	wake_all();
}

void mapping_put_away(struct mapping *mapping)
{
	mapping_unlist(mapping);
	(void)tract_import_unmap(mapping->import);
	(void)tract_import_close(steal(mapping->import));
	free(mapping);
}

static struct mapping *find_locked(const struct tract *ctx, const struct session *session,
				   uint64_t number) REQUIRES(lists_lock)
{
	struct mapping *mapping;

	LIST_FOREACH (mapping, &mappings, entry)
		if (ctx ? mapping->ctx == ctx
			: mapping->session == session && mapping->number == number)
			return mapping;
	return NULL;
}

static void wait_settled_locked(void) REQUIRES(lists_lock)
{
	uint32_t seen = atomic_load_explicit(&settled, memory_order_relaxed);

	mutex_unlock(&lists_lock);
	(void)futex_wait(&settled, seen, CLOCK_NEVER);
	mutex_lock(&lists_lock);
}

/* One of @ctx, or the one of a region if that is NULL; once no thread is busy with it. */
static struct mapping *find_settled_locked(const struct tract *ctx,
					   const struct session *session, uint64_t number)
	REQUIRES(lists_lock)
{
	struct mapping *mapping;

	while ((mapping = find_locked(ctx, session, number)) && mapping->busy)
		wait_settled_locked();
	return mapping;
}

struct mapping *mapping_claim(const struct tract *ctx, const struct session *session,
			      uint64_t number)
{
	struct mapping *mapping;

	process_hook_add(&fork_hook);
	mutex_lock(&lists_lock);
	mapping = find_settled_locked(ctx, session, number);
	if (mapping)
		mapping->busy = true;
	mutex_unlock(&lists_lock);
	return mapping;
}

struct mapping *mapping_claim_live(const struct tract_shared *shared)
{
	struct mapping *mapping;

	while ((mapping = mapping_claim(NULL, shared->session, shared->number)) &&
	       import_was_revoked(mapping->import))
		mapping_put_away(mapping);
	return mapping;
}

static struct mapping *claim_revoked(const struct session *session)
{
	struct mapping *mapping;

	mutex_lock(&lists_lock);
	LIST_FOREACH (mapping, &mappings, entry)
		if (mapping->session == session && !mapping->busy &&
		    import_was_revoked(mapping->import)) {
			mapping->busy = true;
			break;
		}
	mutex_unlock(&lists_lock);
	return mapping;
}

void shared_put_away(const struct session *session)
{
	struct mapping *mapping;

	while ((mapping = claim_revoked(session)))
		mapping_put_away(mapping);
}

void mapping_list(struct mapping *fresh)
{
	process_hook_add(&fork_hook);
	shared_put_away(fresh->session);
	mutex_lock(&lists_lock);
	(void)find_settled_locked(NULL, fresh->session, fresh->number);
	LIST_INSERT_HEAD(&mappings, fresh, entry);
	mutex_unlock(&lists_lock);
}

void mapping_enter(struct mapping *mapping)
{
	process_hook_add(&fork_hook);
	mutex_lock(&lists_lock);
	mapping->busy = false;
	LIST_INSERT_HEAD(&mappings, mapping, entry);
	mutex_unlock(&lists_lock);
}

bool mapping_is_elsewhere(const struct mapping *mapping)
{
	const struct mapping *other;
	bool found = false;

	mutex_lock(&lists_lock);
	LIST_FOREACH (other, &mappings, entry)
		if (other != mapping && other->session == mapping->session &&
		    other->number == mapping->number)
			found |= !import_was_revoked(other->import);
	mutex_unlock(&lists_lock);
	return found;
}

/* ---- hosts ------------------------------------------------------------------------------ */

void host_enter(struct host *host)
{
	process_hook_add(&fork_hook);
	mutex_lock(&lists_lock);
	LIST_INSERT_HEAD(&hosts, host, entry);
	mutex_unlock(&lists_lock);
}

struct session *host_end(struct tract *ctx)
{
	struct host *host, *next, *found = NULL;
	struct session *session;

	mutex_lock(&lists_lock);
	LIST_FOREACH_SAFE(host, &hosts, entry, next)
	if (host->ctx == ctx) {
		LIST_REMOVE(host, entry);
		found = host;
	}
	mutex_unlock(&lists_lock);
	if (!found)
		return NULL;
	session = found->session;
	context_unref(found->ctx);
	free(found);
	return session;
}

static const struct host *host_find_locked(const struct session *session) REQUIRES(lists_lock)
{
	const struct host *host;

	LIST_FOREACH (host, &hosts, entry)
		if (host->session == session)
			return host;
	return NULL;
}

bool host_is_at(const struct session *session)
{
	bool is;

	mutex_lock(&lists_lock);
	is = host_find_locked(session) != NULL;
	mutex_unlock(&lists_lock);
	return is;
}

int host_mapping_new(struct session *session, uint64_t number, uint32_t rights,
		     struct mapping **ret_mapping)
{
	const struct host *host;
	int r = -EACCES;

	mutex_lock(&lists_lock);
	host = host_find_locked(session);
	if (host) {
		*ret_mapping = mapping_new(host->ctx, session, number, rights);
		r = *ret_mapping ? 0 : -ENOMEM;
	}
	mutex_unlock(&lists_lock);
	return r;
}

/* ---- for exporting ---------------------------------------------------------------------- */

bool shared_find_mapped(const struct session *session, const void *addr, size_t size,
			uint64_t *ret_import, uint64_t *ret_offset)
{
	const struct mapping *mapping;
	bool found = false;

	mutex_lock(&lists_lock);
	LIST_FOREACH (mapping, &mappings, entry)
		if (!mapping->busy && mapping->session == session &&
		    import_covers(mapping->import, addr, size, ret_offset)) {
			*ret_import = mapping->import->id;
			found = true;
			break;
		}
	mutex_unlock(&lists_lock);
	return found;
}

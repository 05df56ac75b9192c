/* SPDX-License-Identifier: MIT */
/*
 * shared_map.c - shared regions in this process's address space
 *
 * A mapping ends when it is unmapped, or taken back, which this process may learn at any time:
 * what is left of it then is put away by the next call that maps, or closes a handle.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "client/process.h"
#include "segment/segment.h"
#include "segment/shared.h"
#include "sys/futex.h"
#include "sys/vm.h"

/* What this process has mapped, or had until it was taken back. */
struct mapping {
	struct tract *ctx; /* through which */
	struct session *session;
	uint64_t number;
	struct tract_import *import; /* NULL: not connected yet */
	bool busy; /* a thread is making or ending it; nobody else touches it */
	LIST_ENTRY(mapping) entry;
};

/* Where owners may map something. */
struct host {
	struct tract *ctx;
	struct session *session;
	LIST_ENTRY(host) entry;
};

/* Held for the lists alone, for the service thread takes it too. */
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

/* ---- the list --------------------------------------------------------------------------- */

static struct mapping *mapping_new(struct tract *ctx, struct session *session, uint64_t number,
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

/* With its import, which is in no table. */
static void mapping_free(struct mapping *mapping)
{
	if (!mapping)
		return;
	import_free(mapping->import);
	free(mapping);
}
DEFINE_SCOPE(mapping, struct mapping, mapping_free);

static void wake_all(void)
{
	atomic_fetch_add_explicit(&settled, 1u, memory_order_release);
	futex_wake(&settled, INT32_MAX);
}

/* In the end of whoever made it busy. */
static void unlist(struct mapping *mapping)
{
	mutex_lock(&lists_lock);
	LIST_REMOVE(mapping, entry);
	mutex_unlock(&lists_lock);
	wake_all();
}

static void settle(struct mapping *mapping)
{
	mutex_lock(&lists_lock);
	mapping->busy = false;
	mutex_unlock(&lists_lock);
	wake_all();
}

/* What it connected is closed, and what it mapped is not there any more. */
static void put_away(struct mapping *mapping)
{
	unlist(mapping);
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

/* The same, and it is this thread's; NULL if there is none. */
static struct mapping *claim(const struct tract *ctx, const struct session *session,
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

/* The same of a region, where one that was taken back is none any more. */
static struct mapping *claim_live(const struct tract_shared *shared)
{
	struct mapping *mapping;

	while ((mapping = claim(NULL, shared->session, shared->number)) &&
	       import_was_revoked(mapping->import))
		put_away(mapping);
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
		put_away(mapping);
}

/*
 * Lists one that is to be made, busy.  Whether there may be one is the broker's to say, who
 * knows what else is wrong; one that is there, found after it, is left alone.
 */
static void list_fresh(struct mapping *fresh)
{
	process_hook_add(&fork_hook);
	shared_put_away(fresh->session);
	mutex_lock(&lists_lock);
	(void)find_settled_locked(NULL, fresh->session, fresh->number);
	LIST_INSERT_HEAD(&mappings, fresh, entry);
	mutex_unlock(&lists_lock);
}

/* ---- mapping ---------------------------------------------------------------------------- */

static unsigned prot_of(uint32_t permission)
{
	return (permission & TRACT_PERMIT_READ ? VM_READ : 0u) |
	       (permission & 2u ? VM_READ | VM_WRITE : 0u) |
	       (permission & TRACT_PERMIT_EXECUTE ? VM_EXEC : 0u);
}

static uint32_t rights_of(uint32_t permission)
{
	return permission & 2u ? TRACT_RIGHT_READ_WRITE : TRACT_RIGHT_READ;
}

/* Anywhere, at a multiple of @align. */
static int hold_anywhere(size_t size, uint64_t align, void **ret_addr)
{
	size_t more = align > vm_page_size() ? (size_t)align : 0, before;
	uint64_t all;
	char *addr;
	void *at;
	int r;

	if (!add_fits(size, more, &all) || all > SIZE_MAX)
		return -ENOMEM;
	r = vm_anonymous((size_t)all, 0, &at);
	if (r < 0)
		return r;
	addr = at;
	before = more ? (size_t)(round_up((uintptr_t)addr, align) - (uintptr_t)addr) : 0;
	if (before)
		vm_unmap(addr, before);
	if (more > before)
		vm_unmap(addr + before + size, more - before);
	*ret_addr = addr + before;
	return 0;
}

/* Addresses that nobody else gets, and their place in the map. */
static int hold(void **addr, size_t size, uint64_t align, uint32_t rights)
{
	int r;

	if (*addr)
		r = vm_place(*addr, size, 0, -1, 0, addr);
	else
		r = hold_anywhere(size, align, addr);
	if (r < 0)
		return r == -EEXIST ? fail(-EADDRINUSE, "something is at that address") : r;
	r = places_add_shared(*addr, size, rights);
	if (r < 0) {
		vm_unmap(*addr, size);
		return fail(-EADDRINUSE, "something is at that address");
	}
	return 0;
}

static int connect_held(struct tract_shared *shared, struct mapping *mapping,
			struct message *request, void *addr, uint32_t permission)
{
	int r;

	r = imports_connect_owned(mapping->import, shared->session, request);
	if (r < 0)
		return r;
	(void)fault_point("shared.map.connected");
	r = import_map_held(mapping->import, addr, shared->size, prot_of(permission));
	if (r < 0)
		(void)tract_import_close(steal(mapping->import));
	return r;
}

/* What is at the address may be the region itself. */
static bool is_mapped_elsewhere(const struct mapping *mapping)
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

static int map_busy(struct tract_shared *shared, struct mapping *mapping,
		    struct message *request, uint64_t *asked_address, uint32_t permission,
		    void **addr)
{
	void *at = *addr;
	int r;

	r = hold(&at, shared->size, shared->align, rights_of(permission));
	if (r == -EADDRINUSE && is_mapped_elsewhere(mapping))
		return fail(-EEXIST, "this process has the region mapped already");
	if (r < 0)
		return r;
	*asked_address = (uintptr_t)at;
	r = connect_held(shared, mapping, request, at, permission);
	if (r < 0) {
		places_unmap_import(at, shared->size);
		return r;
	}
	*addr = at;
	return 0;
}

static int check_address(const struct tract_shared *shared, const void *addr)
{
	uintptr_t first, last;
	uint64_t end;

	if (!addr)
		return 0;
	vm_limits(&first, &last);
	if (!is_multiple((uintptr_t)addr, shared->align) ||
	    !add_fits((uintptr_t)addr, shared->size - 1, &end) || end > last)
		return -EINVAL;
	return 0;
}

int shared_map_by(struct tract_shared *shared, struct message *request, uint64_t *asked_address,
		  uint32_t permission, void **addr)
{
	scoped(mapping) struct mapping *fresh = NULL;
	int r;

	r = check_address(shared, *addr);
	if (r == 0)
		r = places_use();
	if (r == 0)
		r = session_listen(shared->session, imports_on_event);
	if (r < 0)
		return r;
	fresh = mapping_new(shared->ctx, shared->session, shared->number,
			    rights_of(permission));
	if (!fresh)
		return -ENOMEM;
	list_fresh(fresh);
	r = map_busy(shared, fresh, request, asked_address, permission, addr);
	if (r < 0) {
		unlist(fresh);
		return r;
	}
	settle(steal(fresh));
	return 0;
}

int tract_shared_map(struct tract_shared *shared, void **addr, uint32_t permission)
{
	struct message request = { .number = MSG_shared_map };
	int r = shared_check(shared);

	if (r < 0 || !addr)
		return r < 0 ? r : -EINVAL;
	request.shared_map.shared = shared->number;
	request.shared_map.permission = permission;
	return shared_map_by(shared, &request, &request.shared_map.address, permission, addr);
}

/* ---- unmapping -------------------------------------------------------------------------- */

/*
 * The broker is told first: as long as it knows of the mapping, nothing else of this process's
 * may be at the addresses.
 */
static int tell_unmap(const struct mapping *mapping)
{
	struct message request = { .number = MSG_shared_unmap }, reply;
	int r;

	request.shared_unmap.shared = mapping->number;
	r = session_call(mapping->session, &request, NULL, 0, &reply, NULL);
	/* What was taken back meanwhile is unmapped all the same. */
	return r == -ENXIO || r == -ENOENT ? 0 : r;
}

static int unmap_own(struct tract_shared *shared)
{
	struct mapping *mapping = claim_live(shared);
	int r;

	if (!mapping)
		return fail(-ENXIO, "this process has not mapped the region");
	r = tell_unmap(mapping);
	if (r < 0)
		settle(mapping);
	else
		put_away(mapping);
	return r;
}

int tract_shared_unmap(struct tract_shared *shared, uint64_t process, uint32_t force)
{
	struct message request = { .number = MSG_shared_unmap }, reply;
	int r = shared_check(shared);

	if (r < 0)
		return r;
	if (process == 0 || process == shared->session->welcome.process)
		return unmap_own(shared);
	request.shared_unmap = (struct msg_shared_unmap){
		.shared = shared->number,
		.process = process,
		.force = force,
	};
	return shared_call(shared, &request, &reply);
}

/* Where it was, counted; NULL: owners could map nothing through @ctx. */
static struct session *host_end(struct tract *ctx)
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

void tract_shared_unmap_all(struct tract *ctx)
{
	struct mapping *mapping;

	if (!ctx)
		return;
	(void)tract_shared_accept_maps(ctx, false);
	while ((mapping = claim(ctx, NULL, 0))) {
		(void)tell_unmap(mapping);
		put_away(mapping);
	}
}

/* ---- in other processes ----------------------------------------------------------------- */

int tract_shared_map_into(struct tract_shared *shared, uint64_t process, void **addr,
			  uint32_t permission)
{
	struct message request = { .number = MSG_shared_map_into }, reply;
	int r = shared_check(shared);

	if (r < 0 || !addr)
		return r < 0 ? r : -EINVAL;
	if (process == 0 || process == shared->session->welcome.process)
		return tract_shared_map(shared, addr, permission);
	r = check_address(shared, *addr);
	if (r < 0)
		return r;
	request.shared_map_into = (struct msg_shared_map_into){
		.shared = shared->number,
		.process = process,
		.permission = permission,
		.address = (uintptr_t)*addr,
	};
	r = shared_call(shared, &request, &reply);
	if (r == 0)
		*addr = (void *)(uintptr_t)reply.shared_there.address;
	return r;
}

static int tell_accept(struct session *session, bool accept)
{
	struct message request = { .number = MSG_shared_accept }, reply;

	request.shared_accept.accept = accept;
	return session_call(session, &request, NULL, 0, &reply, NULL);
}

static int accept_from_now(struct tract *ctx)
{
	scoped(mem) struct host *host = calloc(1, sizeof(*host));
	scoped(session) struct session *session = NULL;
	int r;

	if (!host)
		return -ENOMEM;
	r = context_session(ctx, &session);
	if (r == 0)
		r = places_use();
	if (r == 0)
		r = session_listen(session, imports_on_event);
	if (r < 0)
		return r;
	process_hook_add(&fork_hook);
	session_unref(host_end(ctx));
	host->ctx = context_ref(ctx);
	host->session = session_ref(session);
	mutex_lock(&lists_lock);
	LIST_INSERT_HEAD(&hosts, host, entry);
	mutex_unlock(&lists_lock);
	(void)steal(host);
	r = tell_accept(session, true);
	if (r < 0)
		session_unref(host_end(ctx));
	return r;
}

static bool accepts(const struct session *session, struct tract **ret_ctx)
{
	const struct host *host;

	LIST_FOREACH (host, &hosts, entry)
		if (host->session == session) {
			*ret_ctx = host->ctx;
			return true;
		}
	return false;
}

static int accept_no_more(struct tract *ctx)
{
	scoped(session) struct session *session = host_end(ctx);
	struct tract *other = NULL;
	bool still;

	if (!session)
		return 0;
	mutex_lock(&lists_lock);
	still = accepts(session, &other);
	mutex_unlock(&lists_lock);
	return still ? 0 : tell_accept(session, false);
}

int tract_shared_accept_maps(struct tract *ctx, bool accept)
{
	error_clear_reason();
	if (!ctx)
		return -EINVAL;
	return accept ? accept_from_now(ctx) : accept_no_more(ctx);
}

/* ---- by other processes ----------------------------------------------------------------- */

/* Its import is in the table, and is the broker's to end if this fails. */
static int map_asked(struct mapping *mapping, const struct msg_shared_asked *asked, int *fd,
		     void **ret_addr)
{
	const size_t size = (size_t)asked->size;
	void *at = (void *)(uintptr_t)asked->address;
	int r;

	r = hold(&at, size, asked->align, rights_of(asked->permission));
	if (r < 0)
		return r;
	imports_adopt(mapping->import, mapping->session, asked, fd);
	r = import_map_held(mapping->import, at, size, prot_of(asked->permission));
	if (r < 0) {
		imports_remove(mapping->import);
		places_unmap_import(at, size);
		return r;
	}
	*ret_addr = at;
	return 0;
}

/* Mapped for a context of this process that accepts it, which stays as long as it does. */
static int do_asked(struct session *session, const struct msg_shared_asked *asked, int *fd,
		    void **ret_addr)
{
	scoped(mapping) struct mapping *mapping = NULL;
	struct tract *ctx = NULL;
	int r = -EACCES;

	mutex_lock(&lists_lock);
	if (accepts(session, &ctx)) {
		mapping =
			mapping_new(ctx, session, asked->shared, rights_of(asked->permission));
		r = mapping ? 0 : -ENOMEM;
	}
	mutex_unlock(&lists_lock);
	if (r == 0 && (*fd < 0 || asked->size > SIZE_MAX))
		r = -EMFILE;
	if (r == 0)
		r = map_asked(mapping, asked, fd, ret_addr);
	if (r < 0)
		return r;
	mutex_lock(&lists_lock);
	mapping->busy = false;
	LIST_INSERT_HEAD(&mappings, mapping, entry);
	mutex_unlock(&lists_lock);
	(void)steal(mapping);
	return 0;
}

bool shared_on_asked(struct session *session, const struct message *event, int *fd)
{
	struct message answer = { .number = MSG_shared_answer, .serial = event->serial };
	void *addr = NULL;
	int r;

	if (event->number != MSG_shared_asked)
		return false;
	r = do_asked(session, &event->shared_asked, fd, &addr);
	answer.shared_answer.error = (uint32_t)-r;
	answer.shared_answer.address = (uintptr_t)addr;
	(void)session_say(session, &answer);
	return true;
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

/* ---- looking ---------------------------------------------------------------------------- */

int tract_shared_where(struct tract_shared *shared, uint64_t process, void **ret_addr)
{
	struct message request = { .number = MSG_shared_where }, reply;
	int r = shared_check(shared);

	if (r < 0 || !ret_addr)
		return r < 0 ? r : -EINVAL;
	request.shared_where.shared = shared->number;
	request.shared_where.process = process;
	r = shared_call(shared, &request, &reply);
	if (r == 0)
		*ret_addr = (void *)(uintptr_t)reply.shared_there.address;
	return r;
}

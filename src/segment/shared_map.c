/* SPDX-License-Identifier: MIT */
/*
 * shared_map.c - shared regions in this process's address space
 *
 * A mapping ends when it is unmapped, or taken back, which this process may learn at any time:
 * what is left of it then is put away by the next call that maps, or closes a handle.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fault.h"
#include "segment/segment.h"
#include "segment/shared_list.h"
#include "sys/vm.h"

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

static int map_busy(struct tract_shared *shared, struct mapping *mapping,
		    struct message *request, uint64_t *asked_address, uint32_t permission,
		    void **addr)
{
	void *at = *addr;
	int r;

	r = hold(&at, shared->size, shared->align, rights_of(permission));
	if (r == -EADDRINUSE && mapping_is_elsewhere(mapping))
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
	mapping_list(fresh);
	r = map_busy(shared, fresh, request, asked_address, permission, addr);
	if (r < 0) {
		mapping_unlist(fresh);
		return r;
	}
	mapping_settle(steal(fresh));
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
	struct mapping *mapping = mapping_claim_live(shared);
	int r;

	if (!mapping)
		return fail(-ENXIO, "this process has not mapped the region");
	r = tell_unmap(mapping);
	if (r < 0)
		mapping_settle(mapping);
	else
		mapping_put_away(mapping);
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

void tract_shared_unmap_all(struct tract *ctx)
{
	struct mapping *mapping;

	if (!ctx)
		return;
	(void)tract_shared_accept_maps(ctx, false);
	while ((mapping = mapping_claim(ctx, NULL, 0))) {
		(void)tell_unmap(mapping);
		mapping_put_away(mapping);
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
	session_unref(host_end(ctx));
	host->ctx = context_ref(ctx);
	host->session = session_ref(session);
	host_enter(steal(host));
	r = tell_accept(session, true);
	if (r < 0)
		session_unref(host_end(ctx));
	return r;
}

static int accept_no_more(struct tract *ctx)
{
	scoped(session) struct session *session = host_end(ctx);

	if (!session || host_is_at(session))
		return 0;
	return tell_accept(session, false);
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

static int do_asked(struct session *session, const struct msg_shared_asked *asked, int *fd,
		    void **ret_addr)
{
	scoped(mapping) struct mapping *mapping = NULL;
	int r;

	r = host_mapping_new(session, asked->shared, rights_of(asked->permission), &mapping);
	if (r == 0 && (*fd < 0 || asked->size > SIZE_MAX))
		r = -EMFILE;
	if (r == 0)
		r = map_asked(mapping, asked, fd, ret_addr);
	if (r == 0)
		mapping_enter(steal(mapping));
	return r;
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

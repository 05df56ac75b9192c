/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "segment/segment.h"
#include "sys/futex.h"
#include "sys/sysv.h"
#include "sys/vm.h"

/* How long a check waits for memory that was bound meanwhile: as long as a rebind waits. */
#define CATCH_UP_MS 1000

struct import_wish {
	uint32_t node, id, rights;
	const char *controller; /* NULL: any */
};

/* ---- life ------------------------------------------------------------------------------- */

void import_free(struct tract_import *import)
{
	if (!import)
		return;
	session_close_fd(import->session, &import->fd);
	exporter_put(import->watched);
	exporter_put(import->pledger);
	far_free(import_far(import));
	far_free(import->former_far);
	ear_deinit(&import->ear);
	mutex_deinit(&import->lock);
	session_unref(import->former);
	session_unref(import->session);
	context_unref(import->ctx);
	free(import);
}
DEFINE_SCOPE(import, struct tract_import, import_free);

struct tract_import *import_new(struct tract *ctx, uint32_t rights)
{
	struct tract_import *import = calloc(1, sizeof(*import));

	if (!import)
		return NULL;
	mutex_init(&import->lock);
	ear_init(&import->ear);
	import->ctx = context_ref(ctx);
	import->rights = rights;
	import->fd = -1;
	atomic_init(&import->mode, TRACT_BARRIER_IMPLICIT);
	return import;
}

/* The controller is of interest only on the way to another node. */
static void ask_for(struct message *request, const struct session *session,
		    const struct import_wish *wish)
{
	if (wish->node == session->welcome.node) {
		request->number = MSG_import_connect;
		request->import_connect = (struct msg_import_connect){ .node = wish->node,
								       .id = wish->id,
								       .rights = wish->rights };
		return;
	}
	request->number = MSG_import_connect_through;
	request->import_connect_through =
		(struct msg_import_connect_through){ .node = wish->node,
						     .id = wish->id,
						     .rights = wish->rights,
						     .controller =
							     wire_text_of(wish->controller) };
}

static int connect_session(struct tract *ctx, struct session *session,
			   const struct import_wish *wish, struct tract_import **ret_import)
{
	scoped(import) struct tract_import *import = NULL;
	bool is_far = wish->node != session->welcome.node;
	struct message request = { 0 };
	int r = 0;

	/* Before there is anything to hear of; of signals from another node, too. */
	if (wish->rights || is_far)
		r = session_listen(session, imports_on_event);
	if (r < 0)
		return r;
	import = import_new(ctx, wish->rights);
	if (!import)
		return -ENOMEM;
	ask_for(&request, session, wish);
	r = is_far ? imports_connect_far(import, session, &request)
		   : imports_connect(import, session, &request);
	if (r < 0)
		return r;
	(void)fault_point("segment.connect.connected");
	*ret_import = steal(import);
	return 0;
}

int tract_import_connect_through(struct tract *ctx, const char *controller, uint32_t node,
				 uint32_t id, uint32_t rights, struct tract_import **ret_import)
{
	struct import_wish wish = { node, id, rights, controller };
	scoped(session) struct session *session = NULL;
	int r;

	error_clear_reason();
	if (!ctx || !ret_import || (rights & ~(uint32_t)TRACT_RIGHT_READ_WRITE))
		return -EINVAL;
	r = context_session(ctx, &session);
	return r < 0 ? r : connect_session(ctx, session, &wish, ret_import);
}

int tract_import_connect(struct tract *ctx, uint32_t node, uint32_t id, uint32_t rights,
			 struct tract_import **ret_import)
{
	return tract_import_connect_through(ctx, NULL, node, id, rights, ret_import);
}

/* ---- mapping ---------------------------------------------------------------------------- */

unsigned import_prot_of(uint32_t rights)
{
	/* No processor here can write what it cannot read. */
	if (rights & TRACT_RIGHT_WRITE)
		return VM_READ | VM_WRITE;
	return rights & TRACT_RIGHT_READ ? VM_READ : 0;
}

static uint64_t whole_pages(uint64_t size)
{
	return round_up(size, vm_page_size());
}

/* At *addr if that is not NULL, replacing what is there; else anywhere. */
static int map_object(const struct tract_import *import, void **addr, unsigned prot,
		      uint64_t offset, size_t size)
{
	if (import->sysv)
		return sysv_attach(import->shmid, import->owner, import->offset + offset, size,
				   prot, addr);
	if (import->fd >= 0 && !session_keeps_fds(import->session))
		return fail(-EBADF,
			    "the program has closed the library's descriptors (closefrom?), "
			    "and the import's among them");
	if (import->fd < 0)
		return *addr ? vm_replace(*addr, size, prot, -1, 0)
			     : vm_anonymous(size, prot, addr);
	if (import->aside)
		return vm_replace_private(*addr, size, prot, import->fd,
					  import->offset + offset);
	if (*addr)
		return vm_replace(*addr, size, prot, import->fd, import->offset + offset);
	return vm_place(NULL, size, prot, import->fd, import->offset + offset, addr);
}

/* The same, and a child of fork has nothing there: none is made in between. */
static int map_owned(const struct tract_import *import, void *addr, size_t size, unsigned prot)
{
	int r;

	mutex_lock(&imports_birth_lock);
	r = map_object(import, &addr, prot, 0, size);
	if (r == 0)
		r = vm_not_for_children(addr, size);
	mutex_unlock(&imports_birth_lock);
	return r;
}

static int map_locked(struct tract_import *import, void **addr, bool fixed, uint32_t rights,
		      uint64_t offset, uint64_t length, enum import_mapped how)
	REQUIRES(import->lock)
{
	unsigned prot = import_prot_of(rights);
	size_t size = whole_pages(length);
	void *at = fixed ? *addr : NULL;
	int r = 0;

	if (import->revoked || import_judge(import) == -ESTALE)
		return fail(-ESTALE, "the exporter has taken the segment back");
	if (fixed)
		r = places_expect_import(at, size, offset, rights);
	if (r == 0)
		r = map_object(import, &at, prot, offset, size);
	else
		fixed = false; /* no place was made that would have to go */
	if (r < 0 && fixed)
		places_import_failed(at);
	(void)fault_point("segment.map.mapped");
	if (r < 0)
		return fail(r, "the segment could not be mapped%s",
			    r == -ENOMEM
				    ? ": out of address space or mappings (vm.max_map_count)"
				    : "");
	if (fixed)
		places_import_mapped(at, size);
	else
		(void)places_add_import(at, size, offset, rights);
	import->map_addr = at;
	import->map_size = size;
	import->map_prot = prot;
	import->base = (char *)at - offset;
	import->window_start = offset;
	import->window_end = offset + length;
	import->usable = import->rights & rights;
	/* What the fast paths read is complete. */
	atomic_store_explicit(&import->mapped, how, memory_order_release);
	*addr = at;
	return 0;
}

int import_check_window(const struct tract_import *import, void *const *addr, uint32_t flags,
			uint32_t rights, off_t offset, size_t length)
{
	uint64_t end;

	if (rights & ~(uint32_t)TRACT_RIGHT_READ_WRITE)
		return -EBADR;
	if (length == 0 || offset < 0 || !add_fits((uint64_t)offset, (uint64_t)length, &end) ||
	    end > import->size)
		return fail(-ERANGE, "the segment has %llu bytes",
			    (unsigned long long)import->size);
	if (!is_multiple((uint64_t)offset, vm_page_size()) ||
	    ((flags & TRACT_IMPORT_MAP_FIXED) &&
	     !is_multiple((uintptr_t)*addr, vm_page_size())))
		return fail(-EADDRNOTAVAIL,
			    "offset and address are multiples of the page size, "
			    "%zu bytes",
			    vm_page_size());
	if ((flags & TRACT_IMPORT_MAP_FIXED) &&
	    (!*addr || !add_fits((uint64_t)(uintptr_t)*addr, whole_pages(length), &end)))
		return fail(-EBUSY, "nothing can be mapped at that address");
	if (import_judge(import) == -ESTALE)
		return fail(-ESTALE, "the exporter has taken the segment back");
	if (rights & ~import->rights)
		return fail(-EACCES, "the connection has fewer rights than asked for");
	return 0;
}

static int map_explicitly_locked(struct tract_import *import, void **addr, uint32_t flags,
				 uint32_t rights, off_t offset, size_t length)
	REQUIRES(import->lock)
{
	int r;

	if (import->map_addr)
		return fail(-EALREADY, "it is mapped already; an import has one mapping");
	r = import_check_window(import, addr, flags, rights, offset, length);
	if (r < 0)
		return r;
	return map_locked(import, addr, flags & TRACT_IMPORT_MAP_FIXED, rights,
			  (uint64_t)offset, length, IMPORT_EXPLICIT);
}

int tract_import_map(struct tract_import *import, void **addr, uint32_t flags, uint32_t rights,
		     off_t offset, size_t length)
{
	int r;

	error_clear_reason();
	if (!import || !addr)
		return -EINVAL;
	if (import_far(import))
		return import_map_far(import, addr, flags, rights, offset, length);
	/* A mapping made here must be one that the broker can ask this process to change. */
	(void)imports_inherit(import);
	mutex_lock(&import->lock);
	r = map_explicitly_locked(import, addr, flags, rights, offset, length);
	mutex_unlock(&import->lock);
	return r;
}

static int map_implicitly_locked(struct tract_import *import) REQUIRES(import->lock)
{
	void *addr = NULL;

	if (import->map_addr)
		return 0;
	if (import->rights == 0)
		return import_judge(import) == -ESTALE ? -ESTALE : -EACCES;
	return map_locked(import, &addr, false, import->rights, 0, import->size,
			  IMPORT_IMPLICIT);
}

int import_map_implicitly(struct tract_import *import)
{
	int r;

	if (import_far(import))
		return far_enter(import);
	(void)imports_inherit(import);
	mutex_lock(&import->lock);
	r = map_implicitly_locked(import);
	mutex_unlock(&import->lock);
	return r;
}

static void unmap_locked(struct tract_import *import) REQUIRES(import->lock)
{
	atomic_store_explicit(&import->mapped, IMPORT_UNMAPPED, memory_order_relaxed);
	stall_end(&import->stall);
	places_unmap_import(import->map_addr, import->map_size);
	import->map_addr = NULL;
	import->base = NULL;
	import->window_start = import->window_end = 0;
}

int import_remap_locked(struct tract_import *import)
{
	void *addr = import->map_addr;
	int r;

	if (!addr)
		return 0;
	if (import->owned && import->revoked) {
		unmap_locked(import);
		return 0;
	}
	/* Taken back: what is put there is this process's own, whatever was imported. */
	if (import->revoked)
		r = vm_replace(addr, import->map_size, import->map_prot, -1, 0);
	else if (import->owned)
		r = map_owned(import, addr, import->map_size, import->map_prot);
	else
		r = map_object(import, &addr, import->map_prot, import->window_start,
			       import->map_size);
	if (r < 0)
		stall_undo(&import->stall, import->map_prot);
	else
		stall_end(&import->stall);
	return r;
}

/* The import's own place is in the map from the start, and nothing of anybody else's is. */
static int map_held_locked(struct tract_import *import, void *addr, size_t size, unsigned prot)
	REQUIRES(import->lock)
{
	int r;

	if (import->revoked)
		return fail(-EBUSY, "the region was taken back meanwhile; try again");
	r = map_owned(import, addr, size, prot);
	if (r < 0)
		return r;
	import->map_addr = addr;
	import->map_size = size;
	import->map_prot = prot;
	import->base = addr;
	import->window_end = size;
	atomic_store_explicit(&import->mapped, IMPORT_EXPLICIT, memory_order_release);
	return 0;
}

bool import_was_revoked(struct tract_import *import)
{
	bool revoked;

	mutex_lock(&import->lock);
	revoked = import->revoked;
	mutex_unlock(&import->lock);
	return revoked;
}

bool import_covers(struct tract_import *import, const void *addr, size_t size,
		   uint64_t *ret_offset)
{
	const uintptr_t start = (uintptr_t)addr;
	uintptr_t first;
	bool covers;

	mutex_lock(&import->lock);
	first = (uintptr_t)import->map_addr;
	covers = first && !import->revoked && start >= first &&
		 start - first < import->map_size && size <= import->map_size - (start - first);
	if (covers)
		*ret_offset = import->window_start + (start - first);
	mutex_unlock(&import->lock);
	return covers;
}

int import_map_held(struct tract_import *import, void *addr, size_t size, unsigned prot)
{
	uint32_t moves;
	int r;

	mutex_lock(&import->lock);
	while (import->waits && !import->revoked) {
		moves = atomic_load_explicit(&import->moves, memory_order_relaxed);
		mutex_unlock(&import->lock);
		(void)futex_wait(&import->moves, moves, CLOCK_NEVER);
		mutex_lock(&import->lock);
	}
	r = map_held_locked(import, addr, size, prot);
	mutex_unlock(&import->lock);
	return r;
}

int tract_import_unmap(struct tract_import *import)
{
	int r = -ENOENT;

	error_clear_reason();
	if (!import)
		return -EINVAL;
	if (import_far(import))
		return import_unmap_far(import);
	mutex_lock(&import->lock);
	if (import->map_addr) {
		unmap_locked(import);
		r = 0;
	}
	mutex_unlock(&import->lock);
	return r;
}

/* ---- keeping up with the exporter ------------------------------------------------------- */

int import_catch_up(struct tract_import *import)
{
	uint64_t deadline = clock_deadline_ms(CATCH_UP_MS);
	uint32_t moves;
	int r;

	(void)imports_inherit(import);
	do {
		moves = atomic_load_explicit(&import->moves, memory_order_acquire);
		r = import_judge(import);
		/* Pairs with end_moves_locked(): if this is too early, moves is another. */
		if (r != -EIO || atomic_load_explicit(&import->deaf, memory_order_relaxed))
			return r;
		r = futex_wait(&import->moves, moves, deadline);
	} while (r != -ETIMEDOUT);
	return import_judge(import);
}

/* ---- ending ----------------------------------------------------------------------------- */

static int close_locked(struct tract_import *import) REQUIRES(import->lock)
{
	if (atomic_load_explicit(&import->mapped, memory_order_relaxed) == IMPORT_EXPLICIT ||
	    import_is_mapped_far(import))
		return fail(-EADDRINUSE, "it is mapped; unmap it first");
	if (import->map_addr)
		unmap_locked(import);
	if (import_far(import))
		atomic_store_explicit(&import_far(import)->entered, IMPORT_UNMAPPED,
				      memory_order_relaxed);
	if (ear_polls(&import->ear) > 0)
		return fail(-EBUSY, "its poll descriptor has not been released");
	return 0;
}

int tract_import_close(struct tract_import *import)
{
	struct message request = { .number = MSG_import_close };
	int r;

	error_clear_reason();
	if (!import)
		return -EINVAL;
	mutex_lock(&import->lock);
	r = close_locked(import);
	mutex_unlock(&import->lock);
	if (r < 0)
		return r;
	imports_remove(import);
	(void)fault_point("segment.close.removed");
	request.import_close.import = import->id;
	if (session_is_usable(import->session))
		(void)session_tell(import->session, &request);
	import_free(import);
	return 0;
}

/* ---- facts ------------------------------------------------------------------------------ */

size_t tract_import_size(const struct tract_import *import)
{
	return import ? import->size : 0;
}

uint32_t tract_import_rights(const struct tract_import *import)
{
	return import ? import->rights : 0;
}

int tract_import_check(const struct tract_import *import)
{
	if (!import)
		return -EINVAL;
	return import_judge(import) == -ESTALE ? -ESTALE : 0;
}

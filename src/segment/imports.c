/* SPDX-License-Identifier: MIT */
#include "segment/imports.h"
#include "base/fault.h"
#include "client/process.h"
#include "map/borrow.h"
#include "map/errand.h"
#include "sys/futex.h"

struct mutex imports_lock = MUTEX_INIT;

static int compare(const struct tract_import *a, const struct tract_import *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

RB_HEAD(imports, tract_import);
RB_GENERATE_INTERNAL(imports, tract_import, entry, compare, __attribute__((unused)) static)
static struct imports imports = RB_INITIALIZER(&imports);

/* ---- fork ------------------------------------------------------------------------------- */

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&imports_lock);
	exporters_before_fork();
	fars_before_fork();
}

static void after_in_parent(void) NO_THREAD_SAFETY
{
	fars_after_fork(false);
	exporters_after_fork(false);
	mutex_unlock(&imports_lock);
}

/* In the place of an import's own.  No generation is 0, so every look ends elsewhere. */
static const struct shm_board_slot elsewhere;

/* The parent's service thread would have said that the exporter has ended; nobody does here. */
static void look_elsewhere(struct tract_import *import)
{
	if (import->rights == 0 ||
	    atomic_load_explicit(&import->slot, memory_order_relaxed) == &elsewhere)
		return;
	import->inherited = atomic_load_explicit(&import->slot, memory_order_relaxed);
	atomic_store_explicit(&import->slot, &elsewhere, memory_order_relaxed);
}

int import_judge_late(const struct tract_import *import)
{
	const struct shm_board_slot *slot;
	int r;

	slot = atomic_load_explicit(&import->slot, memory_order_acquire);
	if (slot != &elsewhere)
		return import_look(import, slot);
	r = import_look(import, import->inherited);
	if (r != -ESTALE && import->pledger && exporter_has_ended(import->pledger))
		r = -ESTALE;
	return r;
}

static void after_in_child(void) NO_THREAD_SAFETY
{
	struct tract_import *import;

	RB_FOREACH (import, imports, &imports) {
		mutex_init(&import->lock);
		ear_after_fork(&import->ear);
		if (import_far(import))
			far_after_fork(import_far(import));
		look_elsewhere(import);
	}
	exporters_after_fork(true);
	fars_after_fork(true);
	mutex_unlock(&imports_lock);
}

static struct process_hook fork_hook = { .rank = PROCESS_IMPORTS,
					 .prepare = before_fork,
					 .parent = after_in_parent,
					 .child = after_in_child };

/* ---- the table -------------------------------------------------------------------------- */

/* What both replies have; the second has more. */
static int read_reply(const struct message *reply, struct msg_import_connected_bare *ret_said)
{
	*ret_said = (struct msg_import_connected_bare){ 0 };
	if (reply->number == MSG_import_connected_bare)
		*ret_said = reply->import_connected_bare;
	else if (reply->number == MSG_import_connected)
		*ret_said = (struct msg_import_connected_bare){
			.import = reply->import_connected.import,
			.segment = reply->import_connected.segment,
			.token = reply->import_connected.token,
			.size = reply->import_connected.size,
			.offset = reply->import_connected.offset,
			.slot = reply->import_connected.slot,
			.generation = reply->import_connected.generation,
			.epoch = reply->import_connected.epoch,
			.exporter = reply->import_connected.exporter,
		};
	return ret_said->import == 0 || ret_said->slot >= SHM_BOARD_SLOTS ? -EPROTO : 0;
}

static void tell_close(struct session *session, uint64_t id)
{
	struct message request = { .number = MSG_import_close };

	request.import_close.import = id;
	(void)session_tell(session, &request);
}

/* What was connected is of no use without its exporter being known. */
static int ask(struct tract_import *import, struct session *session, struct message *request,
	       struct msg_import_connected_bare *ret_said, int *ret_fd,
	       struct exporter **ret_exporter)
{
	struct message reply;
	int r;

	r = session_call(session, request, NULL, 0, &reply, ret_fd);
	if (r == 0)
		r = read_reply(&reply, ret_said);
	if (r < 0)
		return r;
	r = exporters_know(session, ret_said->exporter, ret_said->import, import->rights != 0,
			   ret_exporter);
	/* Taken back since: the board says so, for good. */
	if (r == -ESTALE)
		return 0;
	if (r < 0)
		tell_close(session, ret_said->import);
	return r;
}

static void take_reply(struct tract_import *import, const struct msg_import_connected_bare *m,
		       int *fd) REQUIRES(import->lock)
{
	session_close_fd(import->former ? import->former : import->session, &import->fd);
	import->fd = steal_fd(fd);
	import->id = m->import;
	import->segment = m->segment;
	import->token = m->token;
	import->size = m->size;
	import->offset = m->offset;
	import->sysv = m->sysv;
	import->shmid = m->shmid;
	import->owner = m->owner;
	import->exporter = m->exporter;
	import->generation = m->generation;
	atomic_store_explicit(&import->slot, &import->session->board->slot[m->slot],
			      memory_order_release);
	atomic_store_explicit(&import->epoch, m->epoch, memory_order_release);
}

static void take_pledge(struct tract_import *import, uint32_t slot, struct exporter **exporter)
{
	static const _Atomic uint32_t gone = 1;

	import->pledge = *exporter ? exporter_word(*exporter, slot) : &gone;
	import->pledger = steal(*exporter);
}

static int connect_locked(struct tract_import *import, struct session *session,
			  struct message *request) REQUIRES(imports_lock)
{
	scoped(exporter) struct exporter *exporter = NULL;
	struct msg_import_connected_bare said;
	scoped(fd) int fd = -1;
	int r;

	r = ask(import, session, request, &said, &fd, &exporter);
	if (r < 0)
		return r;
	mutex_lock(&import->lock);
	import->session = session_ref(session);
	take_reply(import, &said, &fd);
	take_pledge(import, said.slot, &exporter);
	mutex_unlock(&import->lock);
	RB_INSERT(imports, &imports, import);
	return 0;
}

void imports_watch_forks(void)
{
	process_hook_add(&fork_hook);
}

void imports_insert_locked(struct tract_import *import)
{
	RB_INSERT(imports, &imports, import);
}

void imports_extract_locked(struct tract_import *import)
{
	RB_REMOVE(imports, &imports, import);
}

int imports_connect(struct tract_import *import, struct session *session,
		    struct message *request)
{
	int r;

	process_hook_add(&fork_hook);
	r = places_use();
	if (r < 0)
		return r;
	mutex_lock(&imports_lock);
	r = connect_locked(import, session, request);
	mutex_unlock(&imports_lock);
	return r;
}

static int become_own_locked(struct tract_import *import, struct session *session,
			     const struct msg_import_connected_bare *said, int *fd)
	REQUIRES(import->lock)
{
	/* Other threads may be reading the parent's copy of the board. */
	session_unref(import->former);
	import->former = import->session;
	import->session = session_ref(session);
	atomic_store_explicit(&import->deaf, false, memory_order_relaxed);
	take_reply(import, said, fd);
	return import_remap_locked(import);
}

static int inherit_locked(struct tract_import *import, struct session *session)
	REQUIRES(imports_lock)
{
	scoped(exporter) struct exporter *exporter = NULL;
	struct message request = { .number = MSG_import_inherit };
	struct msg_import_connected_bare said;
	scoped(fd) int fd = -1;
	int r;

	if (!session_is_inherited(import->session))
		return 0;
	request.import_inherit.segment = import->segment;
	request.import_inherit.token = import->token;
	request.import_inherit.import = import->id;
	r = ask(import, session, &request, &said, &fd, &exporter);
	if (r < 0)
		return r;
	RB_REMOVE(imports, &imports, import);
	mutex_lock(&import->lock);
	r = become_own_locked(import, session, &said, &fd);
	/* Its pledge is the same, and threads may be reading it where a parent mapped it. */
	exporter_put(import->watched);
	import->watched = steal(exporter);
	mutex_unlock(&import->lock);
	RB_INSERT(imports, &imports, import);
	return r;
}

int imports_inherit(struct tract_import *import)
{
	scoped(session) struct session *session = NULL;
	int r;

	if (!session_is_inherited(import->session))
		return 0;
	r = context_session(import->ctx, &session);
	if (r == 0 && (import->rights || import_far(import)))
		r = session_listen(session, imports_on_event);
	if (r < 0)
		return r;
	if (import_far(import))
		return imports_inherit_far(import, session);
	mutex_lock(&imports_lock);
	r = inherit_locked(import, session);
	mutex_unlock(&imports_lock);
	return r;
}

void imports_remove(struct tract_import *import)
{
	mutex_lock(&imports_lock);
	RB_REMOVE(imports, &imports, import);
	mutex_unlock(&imports_lock);
}

/* ---- events ----------------------------------------------------------------------------- */

static void revoke_locked(struct tract_import *import) REQUIRES(import->lock)
{
	(void)fault_point("segment.revoke.heard");
	import->revoked = true;
	session_close_fd(import->session, &import->fd);
	(void)import_remap_locked(import);
}

static void stall_locked(struct tract_import *import) REQUIRES(import->lock)
{
	if (import->map_addr && !import->stall.addr)
		(void)stall_begin(&import->stall, import->map_addr, import->map_size);
}

void import_moved_locked(struct tract_import *import, uint64_t epoch) REQUIRES(import->lock)
{
	atomic_store_explicit(&import->epoch, epoch, memory_order_release);
	atomic_fetch_add_explicit(&import->moves, 1u, memory_order_release);
	futex_wake(&import->moves, INT32_MAX);
}

static void move_locked(struct tract_import *import, const struct msg_import_moved *moved,
			int *fd) REQUIRES(import->lock)
{
	if (import->revoked)
		return;
	if (*fd < 0 && !import->sysv) {
		/* There was no descriptor to be had: it stays behind, as if it could not be
		 * mapped. */
		stall_undo(&import->stall, import->map_prot);
		return;
	}
	session_close_fd(import->session, &import->fd);
	import->fd = steal_fd(fd);
	import->offset = moved->offset;
	(void)fault_point("segment.move.heard");
	if (import_remap_locked(import) < 0)
		return; /* The epoch stays behind: no check succeeds before it is mapped. */
	import_moved_locked(import, moved->epoch);
}

static void apply_locked(struct tract_import *import, const struct message *event, int *fd)
	REQUIRES(import->lock)
{
	switch (event->number) {
	case MSG_import_revoked:
		revoke_locked(import);
		break;
	case MSG_import_stall:
		stall_locked(import);
		break;
	case MSG_import_moved:
		move_locked(import, &event->import_moved, fd);
		break;
	default:
		break;
	}
}

static struct tract_import *find_locked(const struct message *event) REQUIRES(imports_lock)
{
	struct tract_import key = { .id = session_import_of(event) };

	return key.id ? RB_FIND(imports, &imports, &key) : NULL;
}

/* Its transfers are waited for, which is done without the lock: then it is pinned. */
static struct far *find_and_apply_locked(const struct message *event, int *fd)
	REQUIRES(imports_lock)
{
	struct tract_import *import = find_locked(event);

	if (!import) {
		imports_keep_stray_locked(event);
		return NULL;
	}
	if (import_far(import)) {
		far_pin(import_far(import));
		return import_far(import);
	}
	mutex_lock(&import->lock);
	apply_locked(import, event, fd);
	mutex_unlock(&import->lock);
	return NULL;
}

/* It may have been closed meanwhile. */
static void find_and_note_locked(const struct message *event, bool done) REQUIRES(imports_lock)
{
	struct tract_import *import = find_locked(event);

	if (!import)
		return;
	mutex_lock(&import->lock);
	import_note_far_locked(import, event, done);
	mutex_unlock(&import->lock);
}

static void hear(const struct message *event, int *fd)
{
	struct far *far;
	bool done;

	mutex_lock(&imports_lock);
	far = find_and_apply_locked(event, fd);
	mutex_unlock(&imports_lock);
	if (!far)
		return;
	done = far_change(far, event);
	mutex_lock(&imports_lock);
	find_and_note_locked(event, done);
	mutex_unlock(&imports_lock);
	far_unpin(far);
}

/* No generation is 0, so every check fails. */
static const struct shm_board_slot ended;

static void end_moves_locked(struct tract_import *import) REQUIRES(import->lock)
{
	/* Nobody would say that another node takes the memory back. */
	if (import_far(import)) {
		atomic_store_explicit(&import->slot, &ended, memory_order_release);
		import->revoked = true;
	}
	stall_undo(&import->stall, import->map_prot);
	atomic_store_explicit(&import->deaf, true, memory_order_relaxed);
	/* Releases the above to import_catch_up(). */
	atomic_fetch_add_explicit(&import->moves, 1u, memory_order_release);
	futex_wake(&import->moves, INT32_MAX);
}

/* Whoever was to say where the memory is now is gone.  Its checks fail, but nobody waits. */
static void end_all_moves_locked(const struct session *session) REQUIRES(imports_lock)
{
	struct tract_import *import;

	RB_FOREACH (import, imports, &imports) {
		mutex_lock(&import->lock);
		if (import->session == session)
			end_moves_locked(import);
		mutex_unlock(&import->lock);
	}
}

/* Found out without the broker: what it would have said is done all the same. */
static void end_imports_locked(const struct session *session, uint64_t exporter)
	REQUIRES(imports_lock)
{
	struct tract_import *import;

	RB_FOREACH (import, imports, &imports) {
		mutex_lock(&import->lock);
		if (import->session == session && !import_far(import) &&
		    import->exporter == exporter) {
			atomic_store_explicit(&import->slot, &ended, memory_order_release);
			revoke_locked(import);
		}
		mutex_unlock(&import->lock);
	}
}

/* The first whose window is not ended yet, pinned. */
static struct far *find_far_locked(const struct session *session) REQUIRES(imports_lock)
{
	struct tract_import *import;

	RB_FOREACH (import, imports, &imports)
		if (import->session == session && import_far(import) &&
		    !far_has_ended(import_far(import))) {
			far_pin(import_far(import));
			return import_far(import);
		}
	return NULL;
}

static void end_all_far(const struct session *session)
{
	struct far *far;

	do {
		mutex_lock(&imports_lock);
		far = find_far_locked(session);
		mutex_unlock(&imports_lock);
		if (far) {
			far_end(far);
			far_unpin(far);
		}
	} while (far);
}

static void on_exporter_ended(struct session *session, uint64_t exporter)
{
	mutex_lock(&imports_lock);
	end_imports_locked(session, exporter);
	mutex_unlock(&imports_lock);
}

void imports_on_event(struct session *session, const struct message *event, int *fd)
{
	if (event &&
	    (errand_on_event(session, event, fd) || borrow_on_event(session, event, fd)))
		return;
	if (event) {
		hear(event, fd);
		return;
	}
	borrow_lost(session);
	mutex_lock(&imports_lock);
	end_all_moves_locked(session);
	mutex_unlock(&imports_lock);
	end_all_far(session);
	exporters_watch(session, on_exporter_ended);
}

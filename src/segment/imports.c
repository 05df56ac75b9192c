/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/fault.h"
#include "client/process.h"
#include "map/borrow.h"
#include "map/errand.h"
#include "segment/segment.h"
#include "segment/shared.h"
#include "sys/futex.h"

static struct mutex imports_lock = MUTEX_INIT;
struct mutex imports_birth_lock = MUTEX_INIT;

static int compare(const struct tract_import *a, const struct tract_import *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

RB_HEAD(imports, tract_import);
RB_GENERATE_INTERNAL(imports, tract_import, entry, compare, __attribute__((unused)) static)
static struct imports imports = RB_INITIALIZER(&imports);

/* About an import that a thread is just connecting, so that it is in no table yet. */
struct early {
	STAILQ_ENTRY(early) entry;
	struct session *session; /* compared only */
	struct message event;
	int fd;
};

/* Under imports_lock. */
static STAILQ_HEAD(, early) earlies = STAILQ_HEAD_INITIALIZER(earlies);
static unsigned connecting; /* threads that wait for imports_connect_owned() */

/* ---- fork ------------------------------------------------------------------------------- */

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&imports_lock);
	mutex_lock(&imports_birth_lock);
	exporters_before_fork();
}

static void after_in_parent(void) NO_THREAD_SAFETY
{
	exporters_after_fork(false);
	mutex_unlock(&imports_birth_lock);
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

static void apply_early_locked(struct tract_import *import) REQUIRES(imports_lock);

/* Its mapping did not come along, and its descriptor is to be no child's. */
static void forget_owned(struct tract_import *import) NO_THREAD_SAFETY
{
	if (!import->owned)
		return;
	session_close_fd(import->session, &import->fd);
	if (!import->map_addr)
		return;
	places_forget_import(import->map_addr);
	import->map_addr = NULL;
}

static void after_in_child(void) NO_THREAD_SAFETY
{
	struct tract_import *import;

	RB_FOREACH (import, imports, &imports) {
		mutex_init(&import->lock);
		ear_after_fork(&import->ear);
		look_elsewhere(import);
		forget_owned(import);
	}
	/* The threads that were connecting are the parent's. */
	connecting = 0;
	apply_early_locked(NULL);
	exporters_after_fork(true);
	mutex_unlock(&imports_birth_lock);
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
	else if (reply->number == MSG_shared_mapped)
		*ret_said = (struct msg_import_connected_bare){
			.import = reply->shared_mapped.import,
			.size = reply->shared_mapped.size,
			.slot = reply->shared_mapped.slot,
			.generation = reply->shared_mapped.generation,
			.epoch = reply->shared_mapped.epoch,
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
	/* The node keeps it, and dies no sooner than what it says. */
	if (r < 0 || ret_said->exporter == 0)
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
	static const _Atomic uint32_t gone = 1, held = 0;

	import->pledge = *exporter	    ? exporter_word(*exporter, slot)
			 : import->exporter ? &gone
					    : &held;
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

static void apply_locked(struct tract_import *import, const struct message *event, int *fd)
	REQUIRES(import->lock);

/* What was heard of @import before it was there; all of it, once nobody connects any more. */
static void apply_early_locked(struct tract_import *import) REQUIRES(imports_lock)
{
	struct early *early, *next;

	STAILQ_FOREACH_SAFE(early, &earlies, entry, next)
	{
		if (import && early->session == import->session &&
		    session_import_of(&early->event) == import->id) {
			mutex_lock(&import->lock);
			apply_locked(import, &early->event, &early->fd);
			mutex_unlock(&import->lock);
		} else if (connecting > 0) {
			continue;
		}
		STAILQ_REMOVE(&earlies, early, early, entry);
		fd_scope_end(&early->fd);
		free(early);
	}
}

static void enter_locked(struct tract_import *import, struct session *session,
			 const struct msg_import_connected_bare *said, bool aside, int *fd)
	REQUIRES(imports_lock)
{
	scoped(exporter) struct exporter *nobody = NULL;

	mutex_lock(&import->lock);
	import->session = session_ref(session);
	import->aside = aside;
	take_reply(import, said, fd);
	take_pledge(import, said->slot, &nobody);
	mutex_unlock(&import->lock);
	RB_INSERT(imports, &imports, import);
}

int imports_connect_owned(struct tract_import *import, struct session *session,
			  struct message *request)
{
	struct msg_import_connected_bare said;
	struct message reply;
	scoped(fd) int fd = -1;
	int r;

	process_hook_add(&fork_hook);
	mutex_lock(&imports_lock);
	connecting++;
	mutex_unlock(&imports_lock);
	r = session_call(session, request, NULL, 0, &reply, &fd);
	if (r == 0)
		r = read_reply(&reply, &said);
	mutex_lock(&imports_lock);
	connecting--;
	if (r == 0)
		enter_locked(import, session, &said, reply.shared_mapped.private, &fd);
	apply_early_locked(r == 0 ? import : NULL);
	mutex_unlock(&imports_lock);
	return r;
}

void imports_adopt(struct tract_import *import, struct session *session,
		   const struct msg_shared_asked *asked, int *fd)
{
	const struct msg_import_connected_bare said = {
		.import = asked->import,
		.size = asked->size,
		.slot = asked->slot,
		.generation = asked->generation,
		.epoch = asked->epoch,
	};

	process_hook_add(&fork_hook);
	mutex_lock(&imports_lock);
	enter_locked(import, session, &said, asked->private, fd);
	mutex_unlock(&imports_lock);
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
	if (r == 0 && import->rights)
		r = session_listen(session, imports_on_event);
	if (r < 0)
		return r;
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

/* Whoever waits to map it looks again. */
static void end_wait_locked(struct tract_import *import) REQUIRES(import->lock)
{
	import->waits = false;
	atomic_fetch_add_explicit(&import->moves, 1u, memory_order_release);
	futex_wake(&import->moves, INT32_MAX);
}

/* Nothing is to be mapped instead of what was stalled. */
static void go_back_locked(struct tract_import *import) REQUIRES(import->lock)
{
	if (import->stall.released)
		(void)import_remap_locked(import);
	else
		stall_undo(&import->stall, import->map_prot);
	end_wait_locked(import);
}

static void revoke_locked(struct tract_import *import) REQUIRES(import->lock)
{
	(void)fault_point("segment.revoke.heard");
	import->revoked = true;
	session_close_fd(import->session, &import->fd);
	(void)import_remap_locked(import);
	end_wait_locked(import);
}

/*
 * It cannot be given the memory that others go on with.  Whoever imports a segment finds that
 * out when he checks; nobody checks a shared region, and what was stored in the old memory
 * would be nobody's.  So it faults instead, as if it had been taken back.
 */
static void stay_behind_locked(struct tract_import *import) REQUIRES(import->lock)
{
	struct message closed = { .number = MSG_import_close };

	if (!import->owned) {
		go_back_locked(import);
		return;
	}
	revoke_locked(import);
	closed.import_close.import = import->id;
	(void)session_say(import->session, &closed);
}

static void stall_locked(struct tract_import *import, bool release) REQUIRES(import->lock)
{
	int r;

	import->waits = import->owned && !import->map_addr;
	if (!import->map_addr || import->stall.addr)
		return;
	r = fault_point("segment.stall.begins");
	if (r == 0 && release)
		r = stall_released(&import->stall, import->map_addr, import->map_size);
	else if (r == 0)
		r = stall_begin(&import->stall, import->map_addr, import->map_size);
	/* It would store to what is being copied. */
	if (r < 0 && import->owned)
		stay_behind_locked(import);
}

static void move_locked(struct tract_import *import, const struct msg_import_moved *moved,
			int *fd) REQUIRES(import->lock)
{
	if (import->revoked)
		return;
	if (*fd < 0 && !import->sysv) {
		/* There was no descriptor to be had: it stays behind, as if it could not be
		 * mapped. */
		stay_behind_locked(import);
		return;
	}
	session_close_fd(import->session, &import->fd);
	import->aside = moved->private;
	import->fd = steal_fd(fd);
	import->offset = moved->offset;
	(void)fault_point("segment.move.heard");
	if (import_remap_locked(import) < 0) {
		/* The epoch stays behind: no check succeeds before it is mapped. */
		if (import->owned)
			stay_behind_locked(import);
		return;
	}
	atomic_store_explicit(&import->epoch, moved->epoch, memory_order_release);
	end_wait_locked(import);
}

static void apply_locked(struct tract_import *import, const struct message *event, int *fd)
	REQUIRES(import->lock)
{
	switch (event->number) {
	case MSG_import_revoked:
		revoke_locked(import);
		break;
	case MSG_import_stall:
		stall_locked(import, event->import_stall.release);
		break;
	case MSG_import_moved:
		move_locked(import, &event->import_moved, fd);
		break;
	default:
		break;
	}
}

/* Memory there is none of: then it is as late as if it had not been heard. */
static void keep_early_locked(struct session *session, const struct message *event, int *fd)
	REQUIRES(imports_lock)
{
	struct early *early = calloc(1, sizeof(*early));

	if (!early)
		return;
	early->session = session;
	early->event = *event;
	early->fd = steal_fd(fd);
	STAILQ_INSERT_TAIL(&earlies, early, entry);
}

static void find_and_apply_locked(struct session *session, const struct message *event, int *fd)
	REQUIRES(imports_lock)
{
	struct tract_import key = { .id = session_import_of(event) };
	struct tract_import *import = RB_FIND(imports, &imports, &key);

	if (!import && connecting > 0)
		keep_early_locked(session, event, fd);
	if (!import)
		return;
	mutex_lock(&import->lock);
	apply_locked(import, event, fd);
	mutex_unlock(&import->lock);
}

static void end_moves_locked(struct tract_import *import) REQUIRES(import->lock)
{
	atomic_store_explicit(&import->deaf, true, memory_order_relaxed);
	/* Also releases the above to import_catch_up(). */
	go_back_locked(import);
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
	/* No generation is 0, so every check fails. */
	static const struct shm_board_slot ended;
	struct tract_import *import;

	RB_FOREACH (import, imports, &imports) {
		mutex_lock(&import->lock);
		if (import->session == session && import->exporter == exporter) {
			atomic_store_explicit(&import->slot, &ended, memory_order_release);
			revoke_locked(import);
		}
		mutex_unlock(&import->lock);
	}
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
	    (errand_on_event(session, event, fd) || borrow_on_event(session, event, fd) ||
	     shared_on_event(session, event, fd)))
		return;
	if (!event) {
		borrow_lost(session);
		news_raise();
	}
	mutex_lock(&imports_lock);
	if (event)
		find_and_apply_locked(session, event, fd);
	else
		end_all_moves_locked(session);
	mutex_unlock(&imports_lock);
	if (!event)
		exporters_watch(session, on_exporter_ended);
}

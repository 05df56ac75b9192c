/* SPDX-License-Identifier: MIT */
#include "segment/imports.h"

#include "client/process.h"

struct mutex imports_lock = MUTEX_INIT;
struct mutex imports_birth_lock = MUTEX_INIT;

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
	mutex_lock(&imports_birth_lock);
	exporters_before_fork();
	fars_before_fork();
}

static void after_in_parent(void) NO_THREAD_SAFETY
{
	fars_after_fork(false);
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
		if (import_far(import))
			far_after_fork(import_far(import));
		look_elsewhere(import);
		forget_owned(import);
	}
	imports_forget_early_locked();
	exporters_after_fork(true);
	fars_after_fork(true);
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

struct tract_import *imports_find_locked(uint64_t id)
{
	struct tract_import key = { .id = id };

	return id ? RB_FIND(imports, &imports, &key) : NULL;
}

struct tract_import *imports_after_locked(struct tract_import *import)
{
	return import ? RB_NEXT(imports, &imports, import) : RB_MIN(imports, &imports);
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

	imports_begin_connecting();
	r = session_call(session, request, NULL, 0, &reply, &fd);
	if (r == 0)
		r = read_reply(&reply, &said);
	mutex_lock(&imports_lock);
	if (r == 0)
		enter_locked(import, session, &said, reply.shared_mapped.private, &fd);
	imports_end_connecting_locked(r == 0 ? import : NULL);
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

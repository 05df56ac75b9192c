/* SPDX-License-Identifier: MIT */
/*
 * imports_far.c - connecting to a segment of another node
 */
#include "base/error.h"
#include "segment/far_map.h"
#include "segment/imports.h"

/* What an import of another node becomes. */
struct far_reply {
	struct session *session;
	struct msg_import_connected_far said;
	uint32_t node;
	struct far *far;
	bool inherits;
};

/* ---- entering it in the table ----------------------------------------------------------- */

/* What there was to be done to the window has been. */
void import_note_far_locked(struct tract_import *import, const struct message *event, bool done)
	REQUIRES(import->lock)
{
	if (event->number == MSG_import_revoked)
		import->revoked = true;
	else if (event->number == MSG_import_signalled)
		ear_hear(&import->ear, event->import_signalled.count);
	else if (event->number == MSG_import_moved_far && done)
		import_moved_locked(import, event->import_moved_far.epoch);
}

static void take_far_locked(struct tract_import *import, const struct far_reply *reply)
	REQUIRES(import->lock)
{
	static const _Atomic uint32_t none;
	const struct msg_import_connected_far *m = &reply->said;

	import->session = session_ref(reply->session);
	import->id = m->import;
	import->segment = m->segment;
	import->token = m->token;
	import->size = m->size;
	/* In a child of fork it may be mapped. */
	if (!import->map_addr) {
		import->window_end = m->size;
		import->usable = import->rights;
	}
	/* What an exporter there takes back without a broker, its node's broker tells ours. */
	import->pledge = &none;
	import->node = reply->node;
	import->generation = m->generation;
	import->ear.far = true;
	atomic_store_explicit(&import->slot, &reply->session->board->slot[m->slot],
			      memory_order_release);
	atomic_store_explicit(&import->epoch, m->epoch, memory_order_release);
	atomic_store_explicit(&import->far, reply->far, memory_order_release);
}

static void enter_far_locked(struct tract_import *import, const struct far_reply *reply)
	REQUIRES(imports_lock)
{
	mutex_lock(&import->lock);
	take_far_locked(import, reply);
	mutex_unlock(&import->lock);
	imports_insert_locked(import);
}

/* Another thread may have done it meanwhile: then nothing is taken.  True if it was. */
static bool become_own_far_locked(struct tract_import *import, const struct far_reply *reply)
	REQUIRES(imports_lock)
{
	if (!session_is_inherited(import->session))
		return false;
	imports_extract_locked(import);
	session_unref(import->former);
	import->former = import->session;
	far_free(import->former_far);
	import->former_far = import_far(import);
	/* No span of the parent's ends well here. */
	reply->far->failures = far_failed_so_far(import->former_far) + 1;
	enter_far_locked(import, reply);
	/* Before anybody hears that it was taken back. */
	if (import->map_addr)
		atomic_store_explicit(&reply->far->entered, IMPORT_EXPLICIT,
				      memory_order_relaxed);
	(void)far_map_resume(reply->far, import->former_far);
	return true;
}

/* Enters it as @reply says, unless that is NULL.  False if it is not of use, for another thread
 * has been faster. */
static bool end_connecting(struct tract_import *import, const struct far_reply *reply)
{
	bool taken = reply != NULL;

	mutex_lock(&imports_lock);
	if (reply && reply->inherits)
		taken = become_own_far_locked(import, reply);
	else if (reply)
		enter_far_locked(import, reply);
	imports_end_connecting_locked(taken ? import : NULL);
	mutex_unlock(&imports_lock);
	return taken;
}

/* ---- connecting ------------------------------------------------------------------------- */

static void tell_close(struct session *session, uint64_t id)
{
	struct message request = { .number = MSG_import_close };

	request.import_close.import = id;
	(void)session_tell(session, &request);
}

static int ask(struct session *session, struct message *request, struct message *reply)
{
	scoped(fd) int fd = -1;
	int r;

	r = session_call(session, request, NULL, 0, reply, &fd);
	if (r < 0)
		return r;
	if (reply->number != MSG_import_connected_far ||
	    reply->import_connected_far.import == 0 ||
	    reply->import_connected_far.slot >= SHM_BOARD_SLOTS)
		return -EPROTO;
	return 0;
}

static int make(const struct tract_import *import, struct far_reply *reply)
{
	struct far *far;
	int r;

	r = far_new(&reply->said, reply->node, import->rights, &far);
	if (r < 0)
		return r;
	r = far_open(far, &reply->said);
	if (r < 0) {
		far_free(far);
		return r;
	}
	reply->far = far;
	return 0;
}

/* Where it is not entered, it is given up. */
static int connect(struct tract_import *import, struct message *request,
		   struct far_reply *reply)
{
	struct message answer;
	bool taken;
	int r;

	imports_begin_connecting();
	r = ask(reply->session, request, &answer);
	if (r == 0) {
		reply->said = answer.import_connected_far;
		r = make(import, reply);
		if (r < 0)
			tell_close(reply->session, reply->said.import);
	}
	taken = end_connecting(import, r == 0 ? reply : NULL);
	if (r == 0 && !taken) {
		tell_close(reply->session, reply->said.import);
		far_free(reply->far);
	}
	return r;
}

int imports_connect_far(struct tract_import *import, struct session *session,
			struct message *request)
{
	struct far_reply reply = { .session = session,
				   .node = request->import_connect_through.node };

	return connect(import, request, &reply);
}

int imports_inherit_far(struct tract_import *import, struct session *session)
{
	struct message request = { .number = MSG_import_inherit };
	struct far_reply reply = { .session = session, .node = import->node, .inherits = true };

	request.import_inherit.segment = import->segment;
	request.import_inherit.token = import->token;
	request.import_inherit.import = import->id;
	return connect(import, &request, &reply);
}

/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "base/error.h"
#include "segment/exports.h"
#include "segment/far_map.h"
#include "sys/event.h"

/* ---- exports ---------------------------------------------------------------------------- */

/* A child of fork speaks through a session of its own about its parent's export. */
static int export_owner(struct tract_export *export, struct session **session,
			struct ear_owner *ret_owner)
{
	int r;

	if (export_is_inherited(export)) {
		r = context_session(export->ctx, session);
		if (r < 0)
			return r;
	} else {
		*session = session_ref(export->session);
	}
	*ret_owner = (struct ear_owner){ *session, export->segment, true };
	return 0;
}

static int export_listen(struct tract_export *export)
{
	scoped(session) struct session *session = NULL;
	struct ear_owner owner;
	int r;

	if (LIKELY(ear_bell(&export->ear)))
		return 0;
	r = export_owner(export, &session, &owner);
	return r < 0 ? r : ear_fetch(&export->ear, &owner);
}

static int export_fill(struct tract_export *export, uint32_t slot, uint32_t polled)
{
	scoped(session) struct session *session = NULL;
	struct ear_owner owner;
	int r;

	r = export_owner(export, &session, &owner);
	return r < 0 ? r : ear_fill(&export->ear, &owner, slot, polled);
}

/* Anybody may have written what the bell says of itself. */
static uint32_t slots_in_use(const struct shm_bell *bell)
{
	uint32_t slots = atomic_load_explicit(&bell->slots_in_use, memory_order_acquire);

	return slots < SHM_BELL_SLOTS - 1 ? slots : SHM_BELL_SLOTS - 1;
}

static int raise_importer(struct tract_export *export, uint32_t slot, bool once)
{
	uint32_t polled = ear_raise(&export->ear, slot, once);

	return LIKELY(polled == 0) ? 0 : export_fill(export, slot, polled);
}

int tract_export_post(struct tract_export *export, uint32_t flags)
{
	struct shm_bell *bell;
	uint32_t slots;
	int r;

	if (!export)
		return -EINVAL;
	r = export_listen(export);
	if (r < 0)
		return r;
	bell = ear_bell(&export->ear);
	slots = slots_in_use(bell);
	/* Who cannot be woken keeps nobody else from being. */
	for (uint32_t slot = 0; slot < slots; slot++) {
		int raised = 0;

		if (atomic_load_explicit(&bell->importer[slot].active, memory_order_relaxed))
			raised = raise_importer(export, slot, flags & TRACT_POST_ONCE);
		r = r < 0 ? r : raised;
	}
	return r;
}

int tract_export_wait(struct tract_export *export, int timeout)
{
	int r;

	if (!export)
		return -EINVAL;
	r = export_listen(export);
	return r < 0 ? r : ear_wait(&export->ear, timeout);
}

int tract_export_pollfd(struct tract_export *export, int *ret_fd)
{
	scoped(session) struct session *session = NULL;
	struct ear_owner owner;
	int r;

	error_clear_reason();
	if (!export || !ret_fd)
		return -EINVAL;
	r = export_owner(export, &session, &owner);
	return r < 0 ? r : ear_pollfd(&export->ear, &owner, ret_fd);
}

void tract_export_pollfd_release(struct tract_export *export)
{
	if (export)
		ear_pollfd_release(&export->ear);
}

/* ---- imports ---------------------------------------------------------------------------- */

static int import_owner(struct tract_import *import, struct ear_owner *ret_owner)
{
	int r;

	r = imports_inherit(import);
	if (r < 0)
		return r;
	*ret_owner = (struct ear_owner){ import->session, import->id, false };
	return 0;
}

static int import_listen(struct tract_import *import)
{
	struct ear_owner owner;
	int r;

	if (LIKELY(ear_bell(&import->ear)))
		return 0;
	r = import_owner(import, &owner);
	return r < 0 ? r : ear_fetch(&import->ear, &owner);
}

/* The exporter has no bell that this process could ring. */
static int post_far(struct tract_import *import, uint32_t flags)
{
	struct message request = { .number = MSG_import_post_far };
	struct message reply;
	int r;

	r = imports_inherit(import);
	if (r < 0)
		return r;
	/* Data stored before is seen by whoever takes the event. */
	far_map_deliver(import_far(import));
	request.import_post_far.import = import->id;
	request.import_post_far.once = flags & TRACT_POST_ONCE ? 1 : 0;
	r = session_call(import->session, &request, NULL, 0, &reply, NULL);
	return r == -ESTALE ? 0 : r;
}

int tract_import_post(struct tract_import *import, uint32_t flags)
{
	struct ear_owner owner;
	uint32_t polled;
	int r;

	if (!import)
		return -EINVAL;
	/* Whose exporter has gone: there is nobody to post to. */
	if (import_judge(import) == -ESTALE)
		return 0;
	if (import_far(import))
		return post_far(import, flags);
	r = import_listen(import);
	if (r < 0)
		return import_judge(import) == -ESTALE ? 0 : r;
	polled = ear_raise(&import->ear, WIRE_SLOT_EXPORTER, flags & TRACT_POST_ONCE);
	if (LIKELY(polled == 0))
		return 0;
	r = import_owner(import, &owner);
	return r < 0 ? r : ear_fill(&import->ear, &owner, WIRE_SLOT_EXPORTER, polled);
}

int tract_import_wait(struct tract_import *import, int timeout)
{
	int r;

	if (!import)
		return -EINVAL;
	r = import_listen(import);
	if (r == 0)
		r = ear_wait(&import->ear, timeout);
	/* As does who takes one here. */
	if (r == 0 && import_far(import))
		far_map_refresh(import_far(import));
	return r;
}

int tract_import_pollfd(struct tract_import *import, int *ret_fd)
{
	struct ear_owner owner;
	int r;

	error_clear_reason();
	if (!import || !ret_fd)
		return -EINVAL;
	r = import_owner(import, &owner);
	return r < 0 ? r : ear_pollfd(&import->ear, &owner, ret_fd);
}

void tract_import_pollfd_release(struct tract_import *import)
{
	if (import)
		ear_pollfd_release(&import->ear);
}

int tract_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	return event_poll_descriptors(fds, count, timeout);
}

/* SPDX-License-Identifier: MIT */
/*
 * imports_event.c - what the broker says of imports, and that it has gone
 */
#include <stdlib.h>

#include "base/fault.h"
#include "map/borrow.h"
#include "map/errand.h"
#include "segment/imports.h"
#include "segment/shared.h"
#include "sys/futex.h"

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

void import_moved_locked(struct tract_import *import, uint64_t epoch) REQUIRES(import->lock)
{
	atomic_store_explicit(&import->epoch, epoch, memory_order_release);
	end_wait_locked(import);
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
		stall_locked(import, event->import_stall.release);
		break;
	case MSG_import_moved:
		move_locked(import, &event->import_moved, fd);
		break;
	default:
		break;
	}
}

/* ---- what is heard too early ------------------------------------------------------------ */

/* About an import that a thread is just connecting, so that it is in no table yet: asking takes
 * time, in which imports_lock cannot be held. */
struct early {
	STAILQ_ENTRY(early) entry;
	struct session *session; /* compared only */
	struct message event;
	int fd;
};

/* Under imports_lock. */
static STAILQ_HEAD(, early) earlies = STAILQ_HEAD_INITIALIZER(earlies);
static unsigned connecting; /* threads that wait for what an early event may be about */

void imports_begin_connecting(void)
{
	imports_watch_forks();
	mutex_lock(&imports_lock);
	connecting++;
	mutex_unlock(&imports_lock);
}

/* Memory there is none of: then it is as late as if it had not been heard. */
static void keep_early_locked(struct session *session, const struct message *event, int *fd)
	REQUIRES(imports_lock)
{
	struct early *early = connecting > 0 ? calloc(1, sizeof(*early)) : NULL;

	if (!early)
		return;
	early->session = session;
	early->event = *event;
	early->fd = steal_fd(fd);
	STAILQ_INSERT_TAIL(&earlies, early, entry);
}

/* To another node's memory nothing is under way yet, so nothing is waited for. */
static void apply_early_locked(struct tract_import *import, struct early *early)
	REQUIRES(import->lock)
{
	if (import_far(import))
		import_note_far_locked(import, &early->event,
				       far_change(import_far(import), &early->event));
	else
		apply_locked(import, &early->event, &early->fd);
}

/* What was heard of @import before it was there; all of it, once nobody connects any more. */
static void release_early_locked(struct tract_import *import) REQUIRES(imports_lock)
{
	struct early *early, *next;

	STAILQ_FOREACH_SAFE(early, &earlies, entry, next)
	{
		if (import && early->session == import->session &&
		    session_import_of(&early->event) == import->id) {
			mutex_lock(&import->lock);
			apply_early_locked(import, early);
			mutex_unlock(&import->lock);
		} else if (connecting > 0) {
			continue;
		}
		STAILQ_REMOVE(&earlies, early, early, entry);
		fd_scope_end(&early->fd);
		free(early);
	}
}

void imports_end_connecting_locked(struct tract_import *import)
{
	connecting--;
	release_early_locked(import);
}

/* The threads that were connecting are the parent's. */
void imports_forget_early_locked(void)
{
	connecting = 0;
	release_early_locked(NULL);
}

/* ---- hearing ---------------------------------------------------------------------------- */

static struct tract_import *find_locked(const struct message *event) REQUIRES(imports_lock)
{
	return imports_find_locked(session_import_of(event));
}

/* Its transfers are waited for, which is done without the lock: then it is pinned. */
static struct far *find_and_apply_locked(struct session *session, const struct message *event,
					 int *fd) REQUIRES(imports_lock)
{
	struct tract_import *import = find_locked(event);

	if (!import) {
		keep_early_locked(session, event, fd);
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

static void hear(struct session *session, const struct message *event, int *fd)
{
	struct far *far;
	bool done;

	mutex_lock(&imports_lock);
	far = find_and_apply_locked(session, event, fd);
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
	atomic_store_explicit(&import->deaf, true, memory_order_relaxed);
	/* Also releases the above to import_catch_up(). */
	go_back_locked(import);
}

/* Whoever was to say where the memory is now is gone.  Its checks fail, but nobody waits. */
static void end_all_moves_locked(const struct session *session) REQUIRES(imports_lock)
{
	struct tract_import *import = NULL;

	while ((import = imports_after_locked(import))) {
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
	struct tract_import *import = NULL;

	while ((import = imports_after_locked(import))) {
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
	struct tract_import *import = NULL;

	while ((import = imports_after_locked(import)))
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
	    (errand_on_event(session, event, fd) || borrow_on_event(session, event, fd) ||
	     shared_on_event(session, event, fd)))
		return;
	if (event) {
		hear(session, event, fd);
		return;
	}
	borrow_lost(session);
	news_raise();
	mutex_lock(&imports_lock);
	end_all_moves_locked(session);
	mutex_unlock(&imports_lock);
	end_all_far(session);
	exporters_watch(session, on_exporter_ended);
}

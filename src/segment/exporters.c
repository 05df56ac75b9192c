/* SPDX-License-Identifier: MIT */
#include "segment/exporters.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/thread.h"
#include "sys/event.h"
#include "sys/vm.h"

/* What is watched of each. */
#define WATCHED 2u

struct exporter {
	SLIST_ENTRY(exporter) entry;
	/* Borrowed: its service thread forgets them in the end.  A parent's is held. */
	struct session *session;
	bool holds_session;
	uint64_t key;
	unsigned users; /* references */
	bool known;	/* in the list: watched once there is no broker */
	/* -1: not to be had; it counts as ended when there is no broker */
	int pidfd, lifeline;
	/* As exporter_has_ended() found, and when. */
	_Atomic bool ended;
	_Atomic uint64_t looked_at;
	const struct shm_pledge *pledge; /* read-only */
};

static struct mutex lock = MUTEX_INIT;
static SLIST_HEAD(, exporter) exporters = SLIST_HEAD_INITIALIZER(exporters);

static void exporter_free(struct exporter *e)
{
	if (!e)
		return;
	session_close_fd(e->session, &e->pidfd);
	session_close_fd(e->session, &e->lifeline);
	if (e->pledge)
		vm_unmap((void *)(uintptr_t)e->pledge, sizeof(*e->pledge));
	if (e->holds_session)
		session_unref(e->session);
	free(e);
}
DEFINE_SCOPE(unknown, struct exporter, exporter_free);

/* What it pledged can still be looked at by who imports from it. */
static void forget_locked(struct exporter *e) REQUIRES(lock)
{
	SLIST_REMOVE(&exporters, e, exporter, entry);
	e->known = false;
	session_close_fd(e->session, &e->pidfd);
	session_close_fd(e->session, &e->lifeline);
	if (e->users == 0)
		exporter_free(e);
}

void exporters_before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&lock);
}

/* Nobody here watches it, so who imports from it has to look. */
static void keep_for_users_locked(struct exporter *e) REQUIRES(lock)
{
	if (e->users == 0) {
		forget_locked(e);
		return;
	}
	SLIST_REMOVE(&exporters, e, exporter, entry);
	e->known = false;
	(void)session_ref(e->session);
	e->holds_session = true;
}

void exporters_after_fork(bool in_child) NO_THREAD_SAFETY
{
	while (in_child && !SLIST_EMPTY(&exporters))
		keep_for_users_locked(SLIST_FIRST(&exporters));
	mutex_unlock(&lock);
}

static struct exporter *find_locked(const struct session *session, uint64_t key) REQUIRES(lock)
{
	struct exporter *e;

	SLIST_FOREACH (e, &exporters, entry)
		if (e->session == session && e->key == key)
			return e;
	return NULL;
}

static void watch_for_end(const struct exporter *e, struct pollfd fds[WATCHED])
{
	fds[0] = (struct pollfd){ .fd = e->pidfd, .events = POLLIN };
	/* Nobody reads it any more: that is an error, and always told. */
	fds[1] = (struct pollfd){ .fd = e->lifeline };
}

static bool has_ended(const struct exporter *e)
{
	struct pollfd fds[WATCHED];

	watch_for_end(e, fds);
	return e->pidfd < 0 || e->lifeline < 0 || event_poll_descriptors(fds, WATCHED, 0) > 0;
}

bool exporter_has_ended(struct exporter *exporter)
{
	struct pollfd fds[WATCHED];
	uint64_t now = clock_tick();

	/* Two system calls after each word stored would be dear. */
	if (atomic_load_explicit(&exporter->looked_at, memory_order_relaxed) == now)
		return atomic_load_explicit(&exporter->ended, memory_order_relaxed);
	watch_for_end(exporter, fds);
	if (session_keeps_fds(exporter->session) && event_poll_descriptors(fds, WATCHED, 0) > 0)
		atomic_store_explicit(&exporter->ended, true, memory_order_relaxed);
	atomic_store_explicit(&exporter->looked_at, now, memory_order_relaxed);
	return atomic_load_explicit(&exporter->ended, memory_order_relaxed);
}

void exporter_put(struct exporter *exporter)
{
	if (!exporter)
		return;
	mutex_lock(&lock);
	if (--exporter->users > 0 || exporter->known)
		exporter = NULL;
	mutex_unlock(&lock);
	exporter_free(exporter);
}

const _Atomic uint32_t *exporter_word(const struct exporter *exporter, uint32_t slot)
{
	return &exporter->pledge->ended[slot];
}

/* ---- asking ----------------------------------------------------------------------------- */

/* Nobody imports from them any more, so there is nothing more to know. */
static void forget_ended_locked(const struct session *session) REQUIRES(lock)
{
	struct exporter *e, *next;

	SLIST_FOREACH_SAFE(e, &exporters, entry, next)
	if (e->session == session && e->users == 0 && has_ended(e))
		forget_locked(e);
}

static struct exporter *find(const struct session *session, uint64_t key)
{
	struct exporter *e;

	mutex_lock(&lock);
	e = find_locked(session, key);
	if (e)
		e->users++;
	mutex_unlock(&lock);
	return e;
}

/* Two threads may have asked: the second's is not needed. */
static struct exporter *add_locked(struct exporter **fresh) REQUIRES(lock)
{
	struct exporter *e = find_locked((*fresh)->session, (*fresh)->key);

	if (e) {
		e->users++;
		return e;
	}
	forget_ended_locked((*fresh)->session);
	e = steal(*fresh);
	e->known = true;
	SLIST_INSERT_HEAD(&exporters, e, entry);
	return e;
}

static int ask(struct session *session, enum msg_number what, uint64_t import, int *ret_fd)
{
	struct message request = { .number = what };
	struct message reply;

	/* The three requests are alike. */
	request.import_exporter.import = import;
	return session_call(session, &request, NULL, 0, &reply, ret_fd);
}

static void ask_for_end(struct exporter *e, uint64_t import)
{
	if (ask(e->session, MSG_import_exporter, import, &e->pidfd) < 0 ||
	    ask(e->session, MSG_import_lifeline, import, &e->lifeline) < 0)
		error_clear_reason();
}

/* Without the pledge nobody could be sure of any access. */
static int ask_for_pledge(struct exporter *e, uint64_t import)
{
	scoped(fd) int fd = -1;
	void *mapped;
	int r;

	r = ask(e->session, MSG_import_pledge, import, &fd);
	if (r == 0)
		r = fault_point("exporters.pledge.answered");
	if (r == 0)
		r = vm_place(NULL, sizeof(*e->pledge), VM_READ, fd, 0, &mapped);
	if (r == 0)
		e->pledge = mapped;
	return r;
}

int exporters_know(struct session *session, uint64_t key, uint64_t import, bool watch,
		   struct exporter **ret_exporter)
{
	scoped(unknown) struct exporter *fresh = NULL;
	int r;

	*ret_exporter = find(session, key);
	if (*ret_exporter)
		return 0;
	fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	*fresh = (struct exporter){
		.session = session, .key = key, .users = 1, .pidfd = -1, .lifeline = -1
	};
	r = ask_for_pledge(fresh, import);
	if (r < 0)
		return r;
	if (!watch) {
		*ret_exporter = steal(fresh);
		return 0;
	}
	ask_for_end(fresh, import);
	mutex_lock(&lock);
	*ret_exporter = add_locked(&fresh);
	mutex_unlock(&lock);
	/* If the broker has gone since, the watch begins anew. */
	session_wake(session);
	return 0;
}

/* ---- watching --------------------------------------------------------------------------- */

/* One that has ended is taken out; false if there is none. */
static bool take_ended(const struct session *session, uint64_t *ret_key)
{
	struct exporter *e;
	bool found = false;

	mutex_lock(&lock);
	SLIST_FOREACH (e, &exporters, entry)
		if (e->session == session && has_ended(e)) {
			*ret_key = e->key;
			forget_locked(e);
			found = true;
			break;
		}
	mutex_unlock(&lock);
	return found;
}

/* What to wait for: @wake first.  *ret_fds is the caller's.  How many, or -ENOMEM. */
static int list_locked(const struct session *session, int wake, struct pollfd **ret_fds)
	REQUIRES(lock)
{
	struct exporter *e;
	struct pollfd *fds;
	unsigned count = 1;

	SLIST_FOREACH (e, &exporters, entry)
		count += e->session == session ? WATCHED : 0;
	fds = calloc(count, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	*ret_fds = fds;
	*fds++ = (struct pollfd){ .fd = wake, .events = POLLIN };
	SLIST_FOREACH (e, &exporters, entry)
		if (e->session == session) {
			watch_for_end(e, fds);
			fds += WATCHED;
		}
	return (int)count;
}

static void wait_for_news(const struct session *session, int wake)
{
	scoped(mem) struct pollfd *fds = NULL;
	struct pollfd alone = { .fd = wake, .events = POLLIN };
	int count;

	mutex_lock(&lock);
	count = list_locked(session, wake, &fds);
	mutex_unlock(&lock);
	/* Without memory for the list: look again soon. */
	if (count < 0)
		(void)event_poll_descriptors(&alone, 1, 100);
	else
		(void)event_poll_descriptors(fds, (nfds_t)count, -1);
	event_pipe_drain(wake);
}

static void forget_all(const struct session *session)
{
	struct exporter *e, *next;

	mutex_lock(&lock);
	SLIST_FOREACH_SAFE(e, &exporters, entry, next)
	if (e->session == session)
		forget_locked(e);
	mutex_unlock(&lock);
}

void exporters_watch(struct session *session,
		     void (*ended)(struct session *session, uint64_t key))
{
	uint64_t key;
	int wake;

	while (session_stay(session, &wake) == 0) {
		while (take_ended(session, &key))
			ended(session, key);
		wait_for_news(session, wake);
	}
	forget_all(session);
}

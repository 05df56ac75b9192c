/* SPDX-License-Identifier: MIT */
#include "segment/exporters.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/thread.h"
#include "sys/event.h"

struct exporter {
	SLIST_ENTRY(exporter) entry;
	struct session *session; /* borrowed: its service thread forgets them in the end */
	uint64_t key;
	int pidfd; /* -1: not to be had; it counts as ended when there is no broker */
};

static struct mutex lock = MUTEX_INIT;
static SLIST_HEAD(, exporter) exporters = SLIST_HEAD_INITIALIZER(exporters);

static void forget_locked(struct exporter *e) REQUIRES(lock)
{
	SLIST_REMOVE(&exporters, e, exporter, entry);
	session_close_fd(e->session, &e->pidfd);
	free(e);
}

void exporters_before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&lock);
}

void exporters_after_fork(bool in_child) NO_THREAD_SAFETY
{
	while (in_child && !SLIST_EMPTY(&exporters))
		forget_locked(SLIST_FIRST(&exporters));
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

static bool has_ended(const struct exporter *e)
{
	struct pollfd pollfd = { .fd = e->pidfd, .events = POLLIN };

	return e->pidfd < 0 || event_poll_descriptors(&pollfd, 1, 0) > 0;
}

/* ---- asking ----------------------------------------------------------------------------- */

/* Of those that the broker told about meanwhile, there is nothing more to know. */
static void forget_ended_locked(const struct session *session) REQUIRES(lock)
{
	struct exporter *e, *next;

	SLIST_FOREACH_SAFE(e, &exporters, entry, next)
	if (e->session == session && e->pidfd >= 0 && has_ended(e))
		forget_locked(e);
}

static void add_locked(struct session *session, uint64_t key, int *pidfd) REQUIRES(lock)
{
	struct exporter *e;

	if (find_locked(session, key))
		return;
	if (session_is_usable(session))
		forget_ended_locked(session);
	e = calloc(1, sizeof(*e));
	if (!e)
		return; /* Asked again at the next connect. */
	e->session = session;
	e->key = key;
	e->pidfd = steal_fd(pidfd);
	SLIST_INSERT_HEAD(&exporters, e, entry);
}

static bool is_known(const struct session *session, uint64_t key)
{
	bool known;

	mutex_lock(&lock);
	known = find_locked(session, key) != NULL;
	mutex_unlock(&lock);
	return known;
}

void exporters_know(struct session *session, uint64_t exporter, uint64_t import)
{
	struct message request = { .number = MSG_import_exporter };
	struct message reply;
	scoped(fd) int pidfd = -1;

	if (is_known(session, exporter))
		return;
	request.import_exporter.import = import;
	if (session_call(session, &request, NULL, 0, &reply, &pidfd) < 0)
		error_clear_reason();
	mutex_lock(&lock);
	add_locked(session, exporter, &pidfd);
	mutex_unlock(&lock);
	/* If the broker has gone since, the watch begins anew. */
	session_wake(session);
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
	int count = 1;

	SLIST_FOREACH (e, &exporters, entry)
		count += e->session == session;
	fds = calloc((size_t)count, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	*ret_fds = fds;
	*fds++ = (struct pollfd){ .fd = wake, .events = POLLIN };
	SLIST_FOREACH (e, &exporters, entry)
		if (e->session == session)
			*fds++ = (struct pollfd){ .fd = e->pidfd, .events = POLLIN };
	return count;
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
		     void (*ended)(struct session *session, uint64_t exporter))
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

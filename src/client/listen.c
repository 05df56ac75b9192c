/* SPDX-License-Identifier: MIT */
/*
 * listen.c - the service thread: hears what the broker says unasked
 */
#include <errno.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "client/session.h"
#include "sys/event.h"
#include "sys/sock.h"

/* ---- events ----------------------------------------------------------------------------- */

static _Thread_local const struct session *heard_here;

bool session_is_heard_here(const struct session *session)
{
	return heard_here == session;
}

int session_say(struct session *session, const struct message *message)
{
	int r;

	if (!session_keeps_fds(session))
		return -ENOTCONN;
	do
		r = conn_send(&session->events, message, NULL, 0);
	while (r == -EINTR);
	return r;
}

uint64_t session_import_of(const struct message *event)
{
	switch (event->number) {
	case MSG_import_revoked:
		return event->import_revoked.import;
	case MSG_import_stall:
		return event->import_stall.import;
	case MSG_import_moved:
		return event->import_moved.import;
	case MSG_import_moved_far:
		return event->import_moved_far.import;
	case MSG_import_signalled:
		return event->import_signalled.import;
	default:
		return 0;
	}
}

/* By the handler, or not at all. */
static bool needs_no_answer(const struct message *event)
{
	return event->number == MSG_map_asked || event->number == MSG_map_asked_region ||
	       event->number == MSG_shared_asked || event->number == MSG_import_signalled;
}

/* 0, or what ended the channel. */
static int handle_event(struct session *session)
{
	struct message event, heard = { .number = MSG_heard };
	int fds[CONN_FDS_MAX];
	scoped(fd) int fd = -1;
	unsigned count = 0;
	int r;

	if (!session_keeps_fds(session))
		return -ENOTCONN;
	do
		r = conn_receive(&session->events, &event, fds, &count);
	while (r == -EINTR);
	if (r < 0 && r != -EMFILE)
		return r;
	if (count > 1)
		conn_drop_fds(fds, count);
	else if (count == 1)
		fd = fds[0];
	session->handler(session, &event, &fd);
	(void)fault_point("session.event.handled");
	if (needs_no_answer(&event))
		return 0;
	heard.serial = event.serial;
	return session_say(session, &heard);
}

static void *listen_for_events(void *arg)
{
	struct session *session = arg;

	heard_here = session;
	while (handle_event(session) == 0)
		continue;
	atomic_store_explicit(&session->lost, 1, memory_order_relaxed);
	session->handler(session, NULL, NULL);
	log_event(LOG_LEVEL_INFO, "session.lost");
	return NULL;
}

static int listen_locked(struct session *session, session_handler handler)
	REQUIRES(session->listen_lock)
{
	struct message request = { .number = MSG_events };
	struct message reply;
	int fds[2], r;

	if (session->listening)
		return 0;
	r = sock_pair(fds);
	if (r < 0)
		return r;
	r = session_call(session, &request, &fds[1], 1, &reply, NULL);
	(void)close(fds[1]);
	if (r < 0) {
		(void)close(fds[0]);
		return r;
	}
	(void)fault_point("session.listen.told");
	conn_open(&session->events, fds[0], true);
	session->handler = handler;
	r = thread_start(&session->thread, "tract", listen_for_events, session);
	session->listening = r == 0;
	return r;
}

int session_listen(struct session *session, session_handler handler)
{
	int r;

	mutex_lock(&session->listen_lock);
	r = listen_locked(session, handler);
	mutex_unlock(&session->listen_lock);
	return r;
}

/* ---- after the end ---------------------------------------------------------------------- */

static int stay_locked(struct session *session) REQUIRES(session->listen_lock)
{
	if (session->closing)
		return -ECANCELED;
	return session->wake[0] < 0 ? event_pipe_new(session->wake) : 0;
}

int session_stay(struct session *session, int *ret_fd)
{
	int r;

	mutex_lock(&session->listen_lock);
	r = stay_locked(session);
	*ret_fd = session->wake[0];
	mutex_unlock(&session->listen_lock);
	return r;
}

void session_wake(struct session *session)
{
	mutex_lock(&session->listen_lock);
	if (session->wake[1] >= 0)
		event_pipe_fill(session->wake[1]);
	mutex_unlock(&session->listen_lock);
}

/* The service thread ends when its channel does.  It may itself hold the last reference. */
void session_stop_listening(struct session *session)
{
	if (!session->listening)
		return;
	mutex_lock(&session->listen_lock);
	session->closing = true;
	mutex_unlock(&session->listen_lock);
	session_wake(session);
	/* If not, the broker has seen the other socket close, and ends this one. */
	if (session_keeps_fds(session))
		sock_shutdown(session->events.fd);
	if (pthread_equal(pthread_self(), session->thread))
		(void)pthread_detach(session->thread);
	else
		(void)pthread_join(session->thread, NULL);
}

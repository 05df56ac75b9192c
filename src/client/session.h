/* SPDX-License-Identifier: MIT */
/*
 * session.h - one process attached to one broker
 *
 * A session is made by the first call that needs the broker and ends with the broker, with the
 * process, or with its last reference.  It is never revived: what was made through it stays
 * bound to it, and calls about that say -ENOTCONN once it is lost.
 *
 * Calls are one request and its reply, read by the thread that asked.  Events come on a second
 * channel and are handled by the process's service thread, which session_listen() starts.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include <pthread.h>
#include <stdbool.h>

#include "base/ref.h"
#include "base/scope.h"
#include "base/thread.h"
#include "ipc/conn.h"
#include "shm/layout.h"
#include "sys/mark.h"
#include "wire/wire.h"

struct session;

/* Handles one event, with the descriptor that came with it or -1; what it keeps it takes.  What
 * was asked of the map it answers itself, and signals need no answer; all else is answered by
 * "heard" afterwards.  With
 * NULL and NULL in the end, when there will be no more. */
typedef void (*session_handler)(struct session *session, const struct message *event, int *fd);

struct session {
	struct ref ref;
	uint32_t process; /* process_serial() when it was made */
	char dir[112];
	bool shared; /* found by session_get() */
	struct msg_welcome welcome;
	const struct shm_board *board; /* read-only; as long as the session */
	_Atomic int lost;
	struct fd_mark mark; /* of the socket of calls */
	_Atomic int
		robbed; /* that socket was closed, or is not there any more, behind our back */

	struct mutex lock; /* one call at a time; guards calls and serial */
	struct conn calls;
	uint32_t serial;

	struct shm_pledge *pledge; /* once it exports; see pledge.h */
	int lifeline;		   /* -1: it does not */

	struct mutex listen_lock; /* guards the rest */
	struct conn events;	  /* the service thread's end */
	bool listening;
	pthread_t thread;
	session_handler handler;
	bool closing; /* nobody refers to it any more */
	int wake[2];  /* a pipe, once the service thread stays after the end; -1 */

	struct session *next; /* of all in the process, for fork */
};

/*
 * Attaches to the broker of @dir, starting one if there is none and @may_start.  0, -ENOENT if
 * no program tractd is found (or nobody listens and !may_start), -EACCES, -ETIMEDOUT, -EPROTO,
 * -ENAMETOOLONG.
 */
int session_open(const char *dir, bool may_start, struct session **ret_session);
/*
 * The same, or the session that this process already has with that broker: all contexts on a
 * node share one, so that what was made through one can be used through another.
 */
int session_get(const char *dir, bool may_start, struct session **ret_session);
struct session *session_ref(struct session *session);
/* NULL is allowed. */
void session_unref(struct session *session);
DEFINE_SCOPE(session, struct session, session_unref);

/* Is it this process's own, and is the broker there as far as is known? */
bool session_is_usable(const struct session *session);
/* Looks whether the broker has gone unnoticed. */
void session_look(struct session *session);
bool session_is_inherited(const struct session *session);
/*
 * False once the program has closed the descriptors of the session, and of all that was made
 * through it: what has those numbers now is the program's, not to be used nor closed.
 */
bool session_keeps_fds(struct session *session);
/* Closes a descriptor that was made through it, if it is still there; it is -1 then. */
void session_close_fd(struct session *session, int *fd);

/* For pledge.c: its lifeline, of which no child of fork keeps a copy, and the other end. */
int session_open_lifeline(struct session *session, int *ret_far_end);

/*
 * Asks and waits.  *@reply is the answer; a refusal is returned as its -errno, with its words
 * in error_reason().  @fds: @fd_count descriptors that go along, still the caller's.  *@ret_fd
 * is the descriptor that came back, or -1; NULL if none is expected.
 *
 * -ENOTCONN: the broker is gone.  -ECHILD: the session is a parent's.
 */
int session_call(struct session *session, struct message *request, const int *fds,
		 unsigned fd_count, struct message *reply, int *ret_fd);
/*
 * Before a call whose effect one has to know even if it is not answered: 0, or -ENOTCONN if the
 * broker went before it.
 */
int session_probe(struct session *session);
/* Says, without an answer.  In a handler of events it waits for no other thread. */
int session_tell(struct session *session, struct message *request);

/* The next message of a stream that was asked for (monitor).  -ETIMEDOUT, -EINTR, -ENOTCONN. */
int session_receive(struct session *session, int timeout_ms, struct message *ret_message);

/* Starts the service thread, once; later calls do nothing. */
int session_listen(struct session *session, session_handler handler);

/* The import that an event is about; 0: it is about none. */
uint64_t session_import_of(const struct message *event);

/* Is the calling thread the one that hears what the broker says unasked? */
bool session_is_heard_here(const struct session *session);
/* For that thread: says something on the channel for events.  -ENOTCONN, -EINVAL. */
int session_say(struct session *session, const struct message *message);

/*
 * For a handler that stays after the last event: 0 and a descriptor, readable when
 * session_wake() was called or the session ends; -ECANCELED once it does.
 */
int session_stay(struct session *session, int *ret_fd);
void session_wake(struct session *session);
/* Nobody refers to it any more: the service thread ends, if there is one. */
void session_stop_listening(struct session *session);

#endif

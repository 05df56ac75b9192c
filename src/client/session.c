/* SPDX-License-Identifier: MIT */
#include "client/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "client/locate.h"
#include "client/pledge.h"
#include "client/process.h"
#include "sys/event.h"
#include "sys/peer.h"
#include "sys/sock.h"
#include "sys/vm.h"

/* Longer than anything the broker waits for: it bounds every wait for a client by a second. */
#define CALL_TIMEOUT_MS 30000
/* A broker that is well answers hello at once. */
#define OPEN_TIMEOUT_MS 5000

/* Held while a session is looked for or opened, so that two threads open one. */
static struct mutex get_lock = MUTEX_INIT;
static struct mutex all_lock = MUTEX_INIT;
static struct session *all;

/* ---- descriptors ------------------------------------------------------------------------ */

static void forget_fds(struct session *session)
{
	atomic_store_explicit(&session->robbed, 1, memory_order_relaxed);
	atomic_store_explicit(&session->lost, 1, memory_order_relaxed);
}

bool session_keeps_fds(struct session *session)
{
	if (atomic_load_explicit(&session->robbed, memory_order_relaxed))
		return false;
	if (fd_has_mark(session->calls.fd, &session->mark))
		return true;
	forget_fds(session);
	return false;
}

void session_close_fd(struct session *session, int *fd)
{
	if (*fd >= 0 && (!session || session_keeps_fds(session)))
		(void)close(*fd);
	*fd = -1;
}

/* ---- fork ------------------------------------------------------------------------------- */

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&all_lock);
}

static void after_in_parent(void) NO_THREAD_SAFETY
{
	mutex_unlock(&all_lock);
}

static void close_wake(struct session *session)
{
	event_pipe_close(session->wake[0]);
	event_pipe_close(session->wake[1]);
	session->wake[0] = session->wake[1] = -1;
}

/*
 * The broker must see the parent's sockets close when the parent's copies do.  What takes the
 * place of one still tells whether the program has closed what is not its own.
 */
static void leave_to_parent(struct session *s)
{
	session_close_fd(s, &s->lifeline);
	if (session_keeps_fds(s)) {
		conn_close(&s->events);
		s->calls.broken = true;
		if (fd_mark_replace(s->calls.fd, &s->mark) == 0)
			return;
		conn_close(&s->calls);
	}
	forget_fds(s);
}

static void after_in_child(void) NO_THREAD_SAFETY
{
	for (struct session *s = all; s; s = s->next) {
		mutex_init(&s->lock);
		mutex_init(&s->listen_lock);
		leave_to_parent(s);
		s->listening = false;
		close_wake(s);
	}
	mutex_unlock(&all_lock);
	mutex_init(&get_lock);
}

static struct process_hook fork_hook = { .rank = PROCESS_SESSIONS,
					 .prepare = before_fork,
					 .parent = after_in_parent,
					 .child = after_in_child };

static int open_lifeline_locked(struct session *session, int *ret_far_end) REQUIRES(all_lock)
{
	int fds[2], r;

	r = event_pipe_new(fds);
	if (r < 0)
		return r;
	session_close_fd(session, &session->lifeline);
	session->lifeline = fds[0];
	*ret_far_end = fds[1];
	return 0;
}

int session_open_lifeline(struct session *session, int *ret_far_end)
{
	int r;

	/* No fork comes between the pipe and the session's knowing of it. */
	mutex_lock(&all_lock);
	r = open_lifeline_locked(session, ret_far_end);
	mutex_unlock(&all_lock);
	return r;
}

/* ---- life ------------------------------------------------------------------------------- */

static void all_add(struct session *session)
{
	process_hook_add(&fork_hook);
	mutex_lock(&all_lock);
	session->next = all;
	all = session;
	mutex_unlock(&all_lock);
}

static void all_remove(struct session *session)
{
	mutex_lock(&all_lock);
	for (struct session **at = &all; *at; at = &(*at)->next)
		if (*at == session) {
			*at = session->next;
			break;
		}
	mutex_unlock(&all_lock);
}

struct session *session_ref(struct session *session)
{
	ref_get(&session->ref);
	return session;
}

void session_unref(struct session *session)
{
	if (!session || !ref_put(&session->ref))
		return;
	all_remove(session);
	session_stop_listening(session);
	close_wake(session);
	pledge_end(session);
	if (!session_keeps_fds(session))
		session->calls.fd = session->events.fd = -1;
	conn_close(&session->events);
	conn_close(&session->calls);
	if (session->board)
		vm_unmap((void *)(uintptr_t)session->board, sizeof(struct shm_board));
	mutex_deinit(&session->lock);
	mutex_deinit(&session->listen_lock);
	free(session);
}

bool session_is_inherited(const struct session *session)
{
	return session->process != process_serial();
}

bool session_is_usable(const struct session *session)
{
	return !session_is_inherited(session) &&
	       !atomic_load_explicit(&session->lost, memory_order_relaxed);
}

void session_look(struct session *session)
{
	if (session_is_usable(session) && session_keeps_fds(session) &&
	    sock_is_hung_up(session->calls.fd))
		atomic_store_explicit(&session->lost, 1, memory_order_relaxed);
}

/* ---- calls ------------------------------------------------------------------------------ */

static int lose(struct session *session)
{
	atomic_store_explicit(&session->lost, 1, memory_order_relaxed);
	return fail(-ENOTCONN,
		    "the broker is gone; what was mapped goes on working, but nothing "
		    "new can be agreed with it");
}

/* What was granted came without its descriptor, so it is given up again. */
static int give_back_locked(struct session *session, const struct message *reply)
	REQUIRES(session->lock)
{
	struct message request = { .serial = ++session->serial };

	if (reply->number == MSG_region_created) {
		request.number = MSG_region_close;
		request.region_close.region = reply->region_created.region;
	} else if (reply->number == MSG_import_connected) {
		request.number = MSG_import_close;
		request.import_close.import = reply->import_connected.import;
	} else if (reply->number == MSG_shared_mapped) {
		request.number = MSG_import_close;
		request.import_close.import = reply->shared_mapped.import;
	}
	if (request.number)
		(void)conn_send(&session->calls, &request, NULL, 0);
	return fail(
		-EMFILE,
		"this process has all the descriptors it may have; close some, or raise its "
		"limit (ulimit -n)");
}

static int exchange_locked(struct session *session, struct message *request, const int *fds,
			   unsigned fd_count, struct message *reply, int *ret_fd)
	REQUIRES(session->lock)
{
	int received[CONN_FDS_MAX];
	unsigned count = 0;
	int r;

	request->serial = ++session->serial;
	r = conn_call(&session->calls, request, fds, fd_count, reply, received, &count);
	if (r == -EINVAL)
		return r;
	if (r == -EMFILE)
		return give_back_locked(session, reply);
	if (r < 0)
		return lose(session);
	/* No reply carries more than one. */
	if (count > 1) {
		conn_drop_fds(received, count);
		return lose(session);
	}
	*ret_fd = count ? received[0] : -1;
	return 0;
}

static int check_usable(struct session *session)
{
	if (session_is_inherited(session))
		return fail(-ECHILD, "this was made by the process that forked this one");
	if (!session_keeps_fds(session))
		return fail(
			-ENOTCONN,
			"the program has closed the library's descriptors (closefrom?), and "
			"with them its connection to the broker; let it close only its own");
	if (!session_is_usable(session))
		return lose(session);
	return 0;
}

int session_call(struct session *session, struct message *request, const int *fds,
		 unsigned fd_count, struct message *reply, int *ret_fd)
{
	scoped(fd) int fd = -1;
	int r;

	r = check_usable(session);
	if (r == 0)
		r = fault_point("session.call.asked");
	if (r < 0)
		return r;
	mutex_lock(&session->lock);
	r = exchange_locked(session, request, fds, fd_count, reply, &fd);
	mutex_unlock(&session->lock);
	if (r < 0)
		return r;
	(void)fault_point("session.call.answered");
	if (reply->number == MSG_refused)
		return fail(-(int)reply->refused.error, "%s", reply->refused.rule.text);
	if (ret_fd)
		*ret_fd = steal_fd(&fd);
	return 0;
}

int session_probe(struct session *session)
{
	int r;

	r = check_usable(session);
	if (r < 0)
		return r;
	mutex_lock(&session->lock);
	/* Nothing is outstanding: what could be read is the end. */
	r = sock_wait_readable(session->calls.fd, 0);
	mutex_unlock(&session->lock);
	return r == -ETIMEDOUT ? 0 : lose(session);
}

int session_tell(struct session *session, struct message *request)
{
	int r;

	r = check_usable(session);
	if (r < 0)
		return r;
	/* Who holds the lock may be waiting for this very thread to do something. */
	if (session_is_heard_here(session))
		return session_say(session, request);
	mutex_lock(&session->lock);
	request->serial = ++session->serial;
	do
		r = conn_send(&session->calls, request, NULL, 0);
	while (r == -EINTR);
	mutex_unlock(&session->lock);
	return r < 0 ? lose(session) : 0;
}

static int receive_locked(struct session *session, int timeout_ms, struct message *ret_message)
	REQUIRES(session->lock)
{
	int fds[CONN_FDS_MAX];
	unsigned count = 0;
	int r;

	r = sock_wait_readable(session->calls.fd, timeout_ms);
	if (r < 0)
		return r;
	r = conn_receive(&session->calls, ret_message, fds, &count);
	conn_drop_fds(fds, count);
	return r < 0 ? lose(session) : 0;
}

int session_receive(struct session *session, int timeout_ms, struct message *ret_message)
{
	int r;

	r = check_usable(session);
	if (r < 0)
		return r;
	mutex_lock(&session->lock);
	r = receive_locked(session, timeout_ms, ret_message);
	mutex_unlock(&session->lock);
	return r;
}

/* ---- opening ---------------------------------------------------------------------------- */

static int greet(struct session *session)
{
	struct message request = { .number = MSG_hello };
	struct message reply;
	scoped(fd) int board = -1;
	void *mapped;
	int r;

	request.hello.version = WIRE_VERSION;
	request.hello.program = wire_text_of(program_invocation_short_name);
	r = session_call(session, &request, NULL, 0, &reply, &board);
	if (r < 0)
		return r;
	if (reply.number != MSG_welcome || reply.welcome.version != WIRE_VERSION || board < 0)
		return fail(-EPROTO,
			    "the broker speaks another version; stop it (kill its tractd) "
			    "and the next call starts this library's own");
	r = vm_place(NULL, sizeof(struct shm_board), VM_READ, board, 0, &mapped);
	if (r < 0)
		return r;
	session->board = mapped;
	session->welcome = reply.welcome;
	return 0;
}

static int session_new(int fd, struct session **ret_session)
{
	scoped(session) struct session *session = calloc(1, sizeof(*session));
	uint64_t deadline = clock_deadline_ms(OPEN_TIMEOUT_MS);
	int r;

	if (!session) {
		fd_scope_end(&fd);
		return -ENOMEM;
	}
	ref_init(&session->ref);
	mutex_init(&session->lock);
	mutex_init(&session->listen_lock);
	session->process = process_serial();
	conn_open(&session->calls, fd, true);
	(void)fd_mark_take(fd, &session->mark);
	conn_set_patience(&session->calls, OPEN_TIMEOUT_MS);
	session->events = (struct conn)CONN_CLOSED;
	session->lifeline = -1;
	session->wake[0] = session->wake[1] = -1;
	all_add(session);
	r = greet(session);
	if (r == -ENOTCONN && clock_left(deadline) == 0)
		return fail(-ETIMEDOUT,
			    "the broker is there and does not answer; see whether its process, "
			    "tractd, is stopped");
	if (r < 0)
		return r;
	conn_set_patience(&session->calls, CALL_TIMEOUT_MS);
	*ret_session = steal(session);
	return 0;
}

/* The name may be another user's, who would get the memory to see: the kernel says whose. */
static int check_broker(const char *dir, int fd)
{
	struct peer peer;
	int r;

	if (!locate_is_own(dir))
		return 0;
	r = peer_identify(fd, &peer);
	if (r < 0 || peer.uid == geteuid() || peer.uid == 0)
		return r;
	return fail(-EACCES,
		    "the broker in %s is user %u's, who is not to be trusted with this user's "
		    "memory; name another directory in TRACT_DIR, or remove that one",
		    dir, (unsigned)peer.uid);
}

static int try_open(const char *dir, const char *path, struct session **ret_session)
{
	scoped(fd) int fd = -1;
	int r;

	r = sock_connect(path, &fd);
	if (r == 0)
		r = check_broker(dir, fd);
	if (r == 0)
		r = fault_point("session.open.connected");
	if (r < 0)
		return r;
	return session_new(steal_fd(&fd), ret_session);
}

/* Nobody listens, or the one who did was just leaving. */
static bool worth_another_try(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED || r == -ENOTCONN || r == -ECONNRESET ||
	       r == -EAGAIN;
}

int session_open(const char *dir, bool may_start, struct session **ret_session)
{
	char path[128];
	uint64_t deadline = clock_deadline_ms(OPEN_TIMEOUT_MS);
	int r;

	if (snprintf(path, sizeof(path), "%s/broker", dir) >= 108)
		return fail(-ENAMETOOLONG,
			    "the directory %s is too long for a socket's name; "
			    "choose a shorter one in TRACT_DIR",
			    dir);
	r = try_open(dir, path, ret_session);
	if (r == 0 || !worth_another_try(r))
		return r;
	if (!may_start)
		return -ENOENT;
	while (clock_left(deadline) > 0) {
		r = locate_start(dir, deadline);
		if (r < 0)
			return r;
		for (unsigned tries = 0; tries < 50 && clock_left(deadline) > 0; tries++) {
			r = try_open(dir, path, ret_session);
			if (r == 0 || !worth_another_try(r))
				return r;
			clock_sleep(2 * NS_PER_MS);
		}
	}
	return fail(-ETIMEDOUT,
		    "a broker was started for %s and did not answer in five seconds; "
		    "run tractd --foreground --dir %s to see why",
		    dir, dir);
}

static struct session *find_shared(const char *dir)
{
	struct session *found = NULL;

	mutex_lock(&all_lock);
	for (struct session *s = all; s && !found; s = s->next) {
		if (!s->shared || strcmp(s->dir, dir) != 0)
			continue;
		/* Nobody may have noticed that its broker has gone. */
		session_look(s);
		if (session_is_usable(s) && ref_get_unless_zero(&s->ref))
			found = s;
	}
	mutex_unlock(&all_lock);
	return found;
}

static int get_locked(const char *dir, bool may_start, struct session **ret_session)
	REQUIRES(get_lock)
{
	int r;

	*ret_session = find_shared(dir);
	if (*ret_session)
		return 0;
	r = session_open(dir, may_start, ret_session);
	if (r < 0)
		return r;
	mutex_lock(&all_lock);
	(void)snprintf((*ret_session)->dir, sizeof((*ret_session)->dir), "%s", dir);
	(*ret_session)->shared = true;
	mutex_unlock(&all_lock);
	return 0;
}

int session_get(const char *dir, bool may_start, struct session **ret_session)
{
	struct session *session = NULL;
	int r;

	mutex_lock(&get_lock);
	r = get_locked(dir, may_start, &session);
	mutex_unlock(&get_lock);
	if (r == 0)
		*ret_session = session;
	return r;
}

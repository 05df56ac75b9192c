/* SPDX-License-Identifier: MIT */
#include "broker/client_link.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/scope.h"
#include "broker/controllers.h"
#include "broker/monitor.h"
#include "broker/node_rows.h"
#include "broker/offer.h"
#include "sys/proc.h"

/* After so many messages it is the others' turn. */
#define MESSAGES_PER_TURN 16
/* From the end of a dying process's sockets to its own, on a busy host. */
#define DYING_MS 10

struct client_link *client_link_find(struct broker *b, uint64_t client)
{
	struct client_link *link = b->exchange.link;

	/* Most answers go to whoever is asking. */
	if (!link || link->client != client)
		link = idmap_find(&b->by_client, client);
	return link && !link->condemned ? link : NULL;
}

int client_link_pidfd(struct broker *b, uint64_t client, int *ret_fd)
{
	const struct client_link *link = idmap_find(&b->by_client, client);

	if (!link || link->pidfd < 0)
		return -ESRCH;
	*ret_fd = link->pidfd;
	return 0;
}

int client_link_holds(struct broker *b, uint64_t client, int object, struct holds *ret)
{
	const struct client_link *link = idmap_find(&b->by_client, client);

	return link ? holds_count(link->peer.pid, link->pidfd, object, ret) : -ESRCH;
}

int client_link_is_child(struct broker *b, uint64_t client, uint64_t parent)
{
	const struct client_link *link = idmap_find(&b->by_client, client);
	const struct client_link *of = idmap_find(&b->by_client, parent);
	int32_t found;
	int r;

	if (!link || !of)
		return -ESRCH;
	if (link->pidfd < 0 || of->peer.pid <= 0)
		return -EACCES;
	r = proc_parent(link->peer.pid, &found);
	/* If it is alive after we have looked, it was not another that has its number now. */
	if (r == 0 && sock_wait_readable(link->pidfd, 0) == 0)
		r = -ESRCH;
	return r < 0 ? r : found == of->peer.pid;
}

int client_link_shares_ipc(struct broker *b, uint64_t client)
{
	const struct client_link *link = idmap_find(&b->by_client, client);
	int r;

	if (!link)
		return -ESRCH;
	if (link->pidfd < 0 || link->peer.pid <= 0)
		return -EACCES;
	r = proc_shares_ipc(link->peer.pid);
	/* Likewise. */
	return r >= 0 && sock_wait_readable(link->pidfd, 0) == 0 ? -ESRCH : r;
}

int client_link_kill(struct broker *b, uint64_t client)
{
	const struct client_link *link = idmap_find(&b->by_client, client);

	if (!link)
		return -ESRCH;
	return link->pidfd < 0 ? -EACCES : peer_pidfd_signal(link->pidfd, SIGKILL);
}

static void forget_sources(struct client_link *link)
{
	loop_remove(&link->broker->loop, &link->conn_source);
	loop_remove(&link->broker->loop, &link->events_source);
	loop_remove(&link->broker->loop, &link->death_source);
}

void client_link_condemn(struct client_link *link, const char *reason)
{
	struct broker *b = link->broker;

	if (link->condemned)
		return;
	link->condemned = true;
	forget_sources(link);
	TAILQ_REMOVE(&b->links, link, entry);
	TAILQ_INSERT_TAIL(&b->condemned, link, entry);
	if (reason)
		log_event(LOG_LEVEL_WARNING, "peer.dropped pid=%d uid=%u reason=\"%s\"",
			  (int)link->peer.pid, (unsigned)link->peer.uid, reason);
}

static void link_free(struct client_link *link)
{
	if (!link)
		return;
	forget_sources(link);
	conn_close(&link->conn);
	conn_close(&link->events);
	fd_scope_end(&link->pidfd);
	free(link);
}

DEFINE_SCOPE(link, struct client_link, link_free);

static void forget_link(struct client_link *link)
{
	struct broker *b = link->broker;

	TAILQ_REMOVE(link->condemned ? &b->condemned : &b->links, link, entry);
	(void)idmap_take(&b->by_client, link->client);
	b->link_count--;
	if (link->monitoring)
		monitor_close(link);
}

/*
 * A process that is ending closes its sockets a moment before it is dead.  One that is not dead
 * by then has lost its connection, and may need the memory that it had given to others.
 */
static bool has_survived(const struct client_link *link)
{
	return link->pidfd >= 0 && registry_has_exposed(link->broker->registry, link->client) &&
	       sock_wait_readable(link->pidfd, DYING_MS) == -ETIMEDOUT;
}

void client_links_reap(struct broker *b)
{
	struct client_link *link;

	while ((link = TAILQ_FIRST(&b->condemned))) {
		uint64_t client = link->client;
		bool survived = has_survived(link);

		/* Closed first: others may be waiting for what it held to be gone, it is not
		 * waiting for them. */
		forget_link(link);
		link_free(link);
		(void)fault_point("broker.death.noticed");
		if (survived)
			registry_lose(b->registry, client);
		else
			registry_leave(b->registry, client);
	}
}

void client_links_close(struct broker *b)
{
	struct client_link *link;

	while ((link = TAILQ_FIRST(&b->condemned)) || (link = TAILQ_FIRST(&b->links))) {
		forget_link(link);
		link_free(link);
	}
}

void client_link_watch_output(struct client_link *link)
{
	struct loop *loop = &link->broker->loop;

	if (link->condemned)
		return;
	/* Who does not read is not listened to. */
	(void)loop_change(loop, &link->conn_source,
			  conn_has_output(&link->conn) ? EVENT_OUT : EVENT_IN);
	if (link->events_source.fd >= 0)
		(void)loop_change(loop, &link->events_source,
				  conn_has_output(&link->events) ? EVENT_IN | EVENT_OUT
								 : EVENT_IN);
}

static void close_events(struct client_link *link)
{
	loop_remove(&link->broker->loop, &link->events_source);
	conn_close(&link->events);
}

/* The thread that hears events says there what it has to say, and waits for nothing. */
static bool is_for_events(const struct message *message)
{
	return message->number == MSG_heard || message->number == MSG_map_answer ||
	       message->number == MSG_shared_answer || message->number == MSG_import_close ||
	       message->number == MSG_region_close;
}

/* 0, -EAGAIN once there is nothing to read, or the link is condemned. */
static int serve_answer(struct client_link *link)
{
	int fds[CONN_FDS_MAX];
	struct message message;
	unsigned fd_count;
	int r;

	r = conn_receive(&link->events, &message, fds, &fd_count);
	if (r == -EAGAIN || r == -EINTR)
		return -EAGAIN;
	if (r == -ENOTCONN) {
		/* It cannot hear any more; the registry learns so when it next has to say
		 * something. */
		close_events(link);
		return -EAGAIN;
	}
	if (r == 0) {
		conn_drop_fds(fds, fd_count);
		r = is_for_events(&message)
			    ? registry_handle(link->broker->registry, link->client, &message)
			    : -EPROTO;
	}
	if (r < 0)
		client_link_condemn(link, "not an answer on the channel for events");
	return r;
}

static void on_events(void *arg, unsigned mask)
{
	struct client_link *link = arg;

	(void)mask;
	if (conn_has_output(&link->events)) {
		/* What did not fit may now. */
		if (conn_flush(&link->events) == 0)
			registry_say_again(link->broker->registry, link->client);
		client_link_watch_output(link);
	}
	for (unsigned i = 0; i < MESSAGES_PER_TURN && !link->condemned; i++)
		if (serve_answer(link) < 0)
			break;
}

/* Takes the channel that came with MSG_events. */
static int take_channel(struct client_link *link, struct exchange *x)
{
	if (!offer_is_channel(x->fds[0]))
		return -EPROTO;
	close_events(link);
	conn_open(&link->events, steal_fd(&x->fds[0]), false);
	link->events.tap = monitor_tap;
	link->events.tap_arg = link;
	return loop_add(&link->broker->loop, &link->events_source, link->events.fd, EVENT_IN);
}

static int handle(struct client_link *link, const struct message *message, struct exchange *x)
{
	int r;

	if (link->greeted && message->number == MSG_monitor)
		return monitor_open(link, message);
	if (link->greeted && message->number == MSG_next_node)
		return node_rows_answer(link, message);
	if (link->greeted && message->number == MSG_next_controller)
		return controllers_answer(link, message);
	if (link->greeted && message->number == MSG_events) {
		r = take_channel(link, x);
		if (r < 0) {
			client_link_condemn(link, "no channel for events");
			return r;
		}
	}
	return registry_handle(link->broker->registry, link->client, message);
}

/* 0, or negative once there is nothing to read, what was asked has been answered, or the link
 * is condemned. */
static int serve_request(struct client_link *link)
{
	struct broker *b = link->broker;
	int fds[CONN_FDS_MAX];
	struct message message;
	unsigned fd_count;
	bool answered;
	int r;

	r = conn_receive(&link->conn, &message, fds, &fd_count);
	if (r == -EAGAIN || r == -EINTR)
		return -EAGAIN;
	if (r < 0) {
		client_link_condemn(link, r == -ENOTCONN ? NULL : "not a message");
		return r;
	}
	b->exchange = (struct exchange){ .link = link, .fds = fds, .fd_count = fd_count };
	(void)fault_point("broker.request.received");
	r = handle(link, &message, &b->exchange);
	answered = b->exchange.answered;
	b->exchange = (struct exchange){ 0 };
	conn_drop_fds(fds, fd_count);
	/* The registry has said what was wrong. */
	if (r < 0)
		client_link_condemn(link, NULL);
	/* Who was answered has yet to wake up. */
	return r == 0 && answered ? -EAGAIN : r;
}

static void on_request(void *arg, unsigned mask)
{
	struct client_link *link = arg;

	(void)mask;
	if (conn_has_output(&link->conn)) {
		if (conn_flush(&link->conn) == -ENOTCONN)
			client_link_condemn(link, NULL);
		client_link_watch_output(link);
	}
	/* After a request that has no answer the next one is often there already, and trying
	 * costs less than going round the loop. */
	for (unsigned i = 0; i < MESSAGES_PER_TURN; i++)
		if (link->condemned || conn_has_output(&link->conn) || serve_request(link) < 0)
			break;
}

static void on_death(void *arg, unsigned mask)
{
	(void)mask;
	client_link_condemn(arg, NULL);
}

/* One user's connections may not crowd out the others'. */
static bool has_room(const struct broker *b, uid_t uid)
{
	const struct client_link *link;
	uint32_t same = 0;

	if (b->link_count >= b->links_max)
		return false;
	if (b->link_count < b->links_max / 2)
		return true;
	TAILQ_FOREACH (link, &b->links, entry)
		same += link->peer.uid == uid;
	return same < b->links_max / 2;
}

/* The answer to a hello that nobody reads: it is a connection's first request. */
static void turn_away(int fd)
{
	struct message answer = { .number = MSG_refused, .serial = 1 };
	struct conn conn;

	answer.refused.error = EUSERS;
	answer.refused.rule = wire_text_of(
		"the broker's limit of open files lets no more processes of this "
		"user in; end some, or raise the limit (ulimit -Hn) it starts with");
	conn_open(&conn, fd, false);
	(void)conn_send(&conn, &answer, NULL, 0);
	conn_close(&conn);
}

static int identify(struct client_link *link, int fd)
{
	int r;

	r = fault_point("broker.link.identify");
	if (r < 0)
		return r;
	r = peer_identify(fd, &link->peer);
	if (r < 0)
		return r;
	if (!has_room(link->broker, link->peer.uid))
		return -EUSERS;
	r = peer_pidfd(fd, &link->peer, &link->pidfd);
	/* A process of a pid namespace that we cannot see into may have none. */
	return r == -ESRCH && link->peer.pid == 0 ? 0 : r;
}

static int watch(struct client_link *link)
{
	struct loop *loop = &link->broker->loop;
	int r;

	r = loop_add(loop, &link->conn_source, link->conn.fd, EVENT_IN);
	if (r < 0 || link->pidfd < 0)
		return r;
	return loop_add(loop, &link->death_source, link->pidfd, EVENT_IN);
}

static int join(struct client_link *link)
{
	const struct peer *peer = &link->peer;
	struct registry_identity identity = { .pid = peer->pid,
					      .uid = peer->uid,
					      .gid = peer->gid,
					      .groups.count = peer->group_count };

	static_assert(PEER_GROUPS_MAX == WIRE_GROUPS_MAX, "every group is looked at");
	for (unsigned i = 0; i < peer->group_count; i++)
		identity.groups.gid[i] = peer->groups[i];
	return registry_join(link->broker->registry, &identity, &link->client);
}

static int link_new(struct broker *b, int fd, struct client_link **ret_link)
{
	scoped(link) struct client_link *link = calloc(1, sizeof(*link));
	scoped(fd) int own = fd;
	int r;

	if (!link)
		return -ENOMEM;
	link->broker = b;
	link->pidfd = -1;
	link->conn = link->events = (struct conn)CONN_CLOSED;
	link->conn_source = (struct loop_source){ .fd = -1, .ready = on_request, .arg = link };
	link->events_source = (struct loop_source){ .fd = -1, .ready = on_events, .arg = link };
	link->death_source = (struct loop_source){ .fd = -1, .ready = on_death, .arg = link };
	r = identify(link, own);
	if (r == -EUSERS)
		turn_away(steal_fd(&own));
	if (r < 0)
		return r;
	conn_open(&link->conn, steal_fd(&own), false);
	link->conn.tap = monitor_tap;
	link->conn.tap_arg = link;
	r = watch(link);
	if (r < 0)
		return r;
	r = join(link);
	if (r < 0)
		return r;
	*ret_link = steal(link);
	return 0;
}

int client_link_new(struct broker *b, int fd)
{
	struct client_link *link = NULL;
	int r;

	r = link_new(b, fd, &link);
	if (r < 0)
		return r;
	r = idmap_add(&b->by_client, &link->node, link->client, link);
	if (r < 0) {
		registry_leave(b->registry, link->client);
		link_free(link);
		return r;
	}
	TAILQ_INSERT_TAIL(&b->links, link, entry);
	b->link_count++;
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "broker/body.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/scope.h"
#include "broker/cache.h"
#include "broker/client_link.h"
#include "broker/node_link.h"
#include "sys/host.h"
#include "sys/numa.h"

static uint64_t port_now(void *body)
{
	(void)body;
	return clock_now();
}

static uint64_t port_seconds(void *body)
{
	(void)body;
	return clock_seconds();
}

static uint64_t port_random(void *body)
{
	struct broker *b = body;
	uint64_t value = 0;

	while (value == 0) {
		if (b->random_left == 0) {
			host_random(b->random, sizeof(b->random));
			b->random_left = ARRAY_LEN(b->random);
		}
		value = b->random[--b->random_left];
		b->random[b->random_left] = 0;
	}
	return value;
}

static int port_object_make(void *body, uint64_t object, uint64_t size, uint64_t replaces,
			    uint32_t flags)
{
	struct broker *b = body;

	return objects_make(&b->objects, object, size, replaces, flags);
}

static uint64_t port_object_page(void *body, uint64_t object)
{
	const struct broker *b = body;

	return objects_page(&b->objects, object);
}

static int port_object_place(void *body, uint64_t object, uint32_t node, bool strict)
{
	struct broker *b = body;

	return objects_place(&b->objects, object, node, strict);
}

static int port_object_fill(void *body, uint64_t object, uint64_t offset, uint64_t size)
{
	struct broker *b = body;

	return objects_fill(&b->objects, object, offset, size);
}

static int port_object_copy(void *body, uint64_t to, uint64_t from, uint64_t offset,
			    uint64_t size)
{
	struct broker *b = body;

	return objects_copy(&b->objects, to, from, offset, size);
}

static int port_object_measure(void *body, uint64_t object, uint64_t offset, uint64_t size,
			       struct object_pages *sum)
{
	struct broker *b = body;

	return objects_measure(&b->objects, object, offset, size, sum);
}

static int port_object_freeze(void *body, uint64_t object)
{
	struct broker *b = body;

	return objects_freeze(&b->objects, object);
}

static int port_object_physical(void *body, uint64_t object, uint64_t *ret_base)
{
	struct broker *b = body;

	return objects_physical(&b->objects, object, ret_base);
}

static int port_node_check(void *body, uint32_t node)
{
	(void)body;
	return numa_check_node(node);
}

static int port_cache_check(void *body, uint32_t policy)
{
	(void)body;
	return cache_check(policy);
}

static uint64_t port_object_resident(void *body, uint64_t object)
{
	const struct broker *b = body;

	return objects_resident(&b->objects, object);
}

static uint64_t port_client_memory(void *body, uint64_t client)
{
	const struct client_link *link = client_link_find(body, client);

	return link ? peer_private_memory(&link->peer, link->pidfd) : 0;
}

static int port_client_holds(void *body, uint64_t client, uint64_t object,
			     struct client_holds *ret)
{
	struct broker *b = body;
	struct holds found;
	int fd, r;

	r = objects_writer(&b->objects, object, &fd);
	if (r == 0)
		r = client_link_holds(b, client, fd, &found);
	if (r < 0)
		return r;
	*ret = (struct client_holds){ found.mappings, found.descriptors };
	return 0;
}

static int port_client_is_child(void *body, uint64_t client, uint64_t parent)
{
	return client_link_is_child(body, client, parent);
}

static int port_client_kill(void *body, uint64_t client)
{
	return client_link_kill(body, client);
}

static int port_object_take(void *body, uint64_t object, uint64_t size)
{
	struct broker *b = body;
	struct exchange *x = &b->exchange;

	if (x->fd_count != 2)
		return -EPERM;
	return objects_take(&b->objects, object, size, steal_fd(&x->fds[0]),
			    steal_fd(&x->fds[1]));
}

static int port_pipe_take(void *body, uint64_t object)
{
	struct broker *b = body;
	struct exchange *x = &b->exchange;

	if (x->fd_count != 1)
		return -EPERM;
	return objects_take_pipe(&b->objects, object, steal_fd(&x->fds[0]));
}

static void port_object_drop(void *body, uint64_t object, bool empty)
{
	struct broker *b = body;

	ears_drop(&b->ears, object);
	objects_drop(&b->objects, object, empty && !b->ended);
}

static bool port_object_is_going(void *body, uint64_t object)
{
	struct broker *b = body;

	return objects_has_going(&b->objects, object);
}

static int port_bell_make(void *body, uint64_t object)
{
	struct broker *b = body;

	return objects_make_bell(&b->objects, object);
}

static void port_bell_set_active(void *body, uint64_t object, uint32_t slot, bool active)
{
	struct broker *b = body;

	if (!b->ended)
		objects_bell_set_active(&b->objects, object, slot, active);
}

static void port_bell_raise_polled(void *body, uint64_t object, uint32_t slot)
{
	struct broker *b = body;

	objects_bell_raise_polled(&b->objects, object, slot);
}

static void port_bell_post(void *body, uint64_t object, uint32_t slot, uint64_t count,
			   bool once)
{
	struct broker *b = body;

	objects_bell_post(&b->objects, object, slot, count, once);
}

static uint64_t port_bell_take(void *body, uint64_t object, uint32_t slot)
{
	struct broker *b = body;

	return objects_bell_take(&b->objects, object, slot);
}

static int port_pipe_make(void *body, uint64_t object, uint64_t tag)
{
	struct broker *b = body;
	int writer, r;

	r = ears_add(&b->ears, object, tag, &writer);
	if (r < 0)
		return r;
	r = objects_take_pipe(&b->objects, object, writer);
	if (r < 0)
		ears_drop(&b->ears, object);
	return r;
}

static void port_pipe_fill(void *body, uint64_t object)
{
	struct broker *b = body;

	objects_fill_pipe(&b->objects, object);
}

static int port_pledge_make(void *body, uint64_t object)
{
	struct broker *b = body;

	return objects_make_pledge(&b->objects, object);
}

/* ---- other nodes ------------------------------------------------------------------------ */

/*
 * What the client calls so is something else where we are, if it is in another namespace, and
 * may be nothing that it could attach.  Of another user, whom we may not look at, only what
 * everybody is let at can be attached anyway.
 */
static int check_sysv(struct broker *b, const struct window_spec *spec)
{
	int r = client_link_shares_ipc(b, spec->client);

	if (r == 1 || (r == -EACCES && spec->owner != geteuid()))
		return 0;
	return -EINVAL;
}

static int port_window_open(void *body, uint64_t window, const struct window_spec *spec,
			    struct window_place *ret_place)
{
	struct broker *b = body;

	if (!spec->object && check_sysv(b, spec) < 0)
		return -EINVAL;
	return windows_open(&b->windows, &b->objects, window, spec, ret_place);
}

static void port_window_bury(void *body, uint64_t window)
{
	struct broker *b = body;

	windows_bury(&b->windows, &b->objects, window);
}

static void port_window_close(void *body, uint64_t window)
{
	struct broker *b = body;

	windows_close(&b->windows, &b->objects, window);
}

static int port_controller_find(void *body, const struct wire_text *name,
				const struct wire_text *provider, struct controller_facts *ret)
{
	const struct broker *b = body;

	return windows_controller_find(&b->windows, name, provider, ret);
}

static void port_peer_say(void *body, uint32_t node, const struct message *message)
{
	const struct broker *b = body;

	node_links_say(b->nodes, node, message);
}

static void port_peer_drop(void *body, uint32_t node, const char *why)
{
	const struct broker *b = body;

	node_links_fell(b->nodes, node, why);
}

/* ---- saying ----------------------------------------------------------------------------- */

static void port_board_set(void *body, uint32_t slot, uint64_t generation, uint64_t epoch)
{
	struct broker *b = body;

	if (!b->ended)
		board_map_set(&b->board, slot, generation, epoch);
}

/* How many descriptors, none or the borrowed *ret_fd, or -errno. */
static int attach(struct broker *b, struct attachment attachment, int *ret_fd)
{
	int r = 0;

	switch (attachment.kind) {
	case ATTACH_NONE:
		return 0;
	case ATTACH_BOARD:
		*ret_fd = b->board.reader_fd;
		break;
	case ATTACH_OBJECT_READ:
		r = objects_reader(&b->objects, attachment.object, ret_fd);
		break;
	case ATTACH_OBJECT_WRITE:
	case ATTACH_BELL:
	case ATTACH_PIPE:
		r = objects_writer(&b->objects, attachment.object, ret_fd);
		break;
	case ATTACH_PROCESS:
		r = client_link_pidfd(b, attachment.object, ret_fd);
		break;
	}
	return r < 0 ? r : 1;
}

static void port_reply(void *body, uint64_t client, const struct message *message,
		       struct attachment attachment)
{
	struct broker *b = body;
	struct client_link *link = client_link_find(b, client);
	int fd = -1, count, r;

	if (!link)
		return;
	count = attach(b, attachment, &fd);
	r = count < 0 ? count : conn_send(&link->conn, message, &fd, (unsigned)count);
	if (r < 0) {
		/* What was granted cannot be told, so it must not be held. */
		client_link_condemn(link,
				    r == -ENOTCONN ? NULL : "its reply could not be sent");
		return;
	}
	(void)fault_point("broker.reply.sent");
	if (link == b->exchange.link)
		b->exchange.answered = true;
	if (message->number == MSG_welcome)
		link->greeted = true;
	if (conn_has_output(&link->conn))
		client_link_watch_output(link);
}

static int port_event(void *body, uint64_t client, const struct message *message,
		      struct attachment attachment)
{
	struct broker *b = body;
	struct client_link *link = client_link_find(b, client);
	int fd = -1, count, r;

	if (!link || !conn_is_open(&link->events))
		return -ENOTCONN;
	count = attach(b, attachment, &fd);
	(void)fault_point("broker.event.decided");
	r = count < 0 ? count : conn_send(&link->events, message, &fd, (unsigned)count);
	if (conn_has_output(&link->events))
		client_link_watch_output(link);
	return r == 0 || r == -ENOTCONN ? r : -EAGAIN;
}

static bool port_log_wanted(void *body)
{
	const struct broker *b = body;

	return b->monitors > 0 || logbook_is_open(&b->logbook);
}

static void port_log(void *body, const char *line)
{
	if (port_log_wanted(body))
		log_event(LOG_LEVEL_INFO, "%s", line);
}

struct ports body_ports(struct broker *b)
{
	return (struct ports){
		.body = b,
		.now = port_now,
		.seconds = port_seconds,
		.random = port_random,
		.object_make = port_object_make,
		.object_page = port_object_page,
		.object_place = port_object_place,
		.object_fill = port_object_fill,
		.object_copy = port_object_copy,
		.object_measure = port_object_measure,
		.object_freeze = port_object_freeze,
		.object_physical = port_object_physical,
		.node_check = port_node_check,
		.cache_check = port_cache_check,
		.object_resident = port_object_resident,
		.client_memory = port_client_memory,
		.client_holds = port_client_holds,
		.client_is_child = port_client_is_child,
		.client_kill = port_client_kill,
		.object_take = port_object_take,
		.pipe_take = port_pipe_take,
		.object_drop = port_object_drop,
		.object_is_going = port_object_is_going,
		.bell_make = port_bell_make,
		.bell_set_active = port_bell_set_active,
		.bell_raise_polled = port_bell_raise_polled,
		.bell_post = port_bell_post,
		.bell_take = port_bell_take,
		.pipe_make = port_pipe_make,
		.pipe_fill = port_pipe_fill,
		.pledge_make = port_pledge_make,
		.window_open = port_window_open,
		.window_bury = port_window_bury,
		.window_close = port_window_close,
		.controller_find = port_controller_find,
		.peer_say = port_peer_say,
		.peer_drop = port_peer_drop,
		.board_set = port_board_set,
		.reply = port_reply,
		.event = port_event,
		.log = port_log,
		.log_wanted = port_log_wanted,
	};
}

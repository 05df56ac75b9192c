/* SPDX-License-Identifier: MIT */
#include "broker/node_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "broker/broker.h"
#include "broker/controllers.h"
#include "broker/monitor.h"
#include "broker/node_guest.h"
#include "sys/host.h"

/* For the last words to be taken. */
#define FINISH_MS 1000

static void on_secured(void *arg, struct link_stream *s);
static void on_heard(void *arg, struct link_stream *s, const struct message *message);
static void on_ended(void *arg, struct link_stream *s, const char *why);
static void on_tap(void *arg, struct link_stream *s, bool sent, const void *bytes, size_t size);

const struct link_stream_owner node_stream_owner = { on_secured, on_heard, on_ended, on_tap };

struct peer_env node_env_now(void)
{
	struct peer_env env = { .now = clock_now() };

	host_random(&env.random, sizeof(env.random));
	return env;
}

/* ---- streams ---------------------------------------------------------------------------- */

struct node_stream *node_stream_add(struct node_links *links)
{
	struct node_stream *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return NULL;
	ns->links = links;
	ns->until = CLOCK_NEVER;
	TAILQ_INSERT_TAIL(&links->streams, ns, entry);
	return ns;
}

void node_stream_free(struct node_stream *ns)
{
	TAILQ_REMOVE(&ns->links->streams, ns, entry);
	link_stream_free(ns->stream);
	free(ns);
}

bool node_stream_is_guest(const struct node_stream *ns)
{
	return !ns->peer && ns->stream && !link_stream_has_ended(ns->stream) &&
	       ns->stream->phase != STREAM_FINISHING;
}

/* The peer has it no more; what is to become of it is up to the caller. */
static struct node_stream *detach(struct node_peer *peer)
{
	struct node_stream *ns = peer->stream;

	if (!ns)
		return NULL;
	peer->stream = NULL;
	ns->peer = NULL;
	if (ns->stream) {
		peer->received += ns->stream->received;
		peer->sent += ns->stream->sent;
	}
	return ns;
}

void node_peer_drop(struct node_peer *peer)
{
	struct node_stream *ns = detach(peer);

	if (ns && ns->stream)
		link_stream_end(ns->stream);
}

void node_stream_finish(struct node_stream *ns)
{
	link_stream_finish(ns->stream);
	ns->until = clock_deadline_ms(FINISH_MS);
	ns->links->changed = true;
}

void node_peer_traffic(const struct node_peer *peer, uint64_t *ret_received, uint64_t *ret_sent)
{
	const struct link_stream *s = peer->stream ? peer->stream->stream : NULL;

	*ret_received = peer->received + (s ? s->received : 0);
	*ret_sent = peer->sent + (s ? s->sent : 0);
}

/* ---- before any link -------------------------------------------------------------------- */

int node_links_secret(const struct config *c, struct link_secret **ret_secret)
{
	char certificate[PATH_MAX], private_key[PATH_MAX], authority[PATH_MAX];
	int r;

	if (!*c->certificate) {
		r = config_path(c, c->key, certificate);
		return r < 0 ? r : link_secret_of_key(certificate, ret_secret);
	}
	r = config_path(c, c->certificate, certificate);
	if (r == 0)
		r = config_path(c, c->private_key, private_key);
	if (r == 0)
		r = config_path(c, c->authority, authority);
	if (r < 0)
		return r;
	return link_secret_of_certificates(certificate, private_key, authority, ret_secret);
}

static int listen_there(struct node_links *links)
{
	const struct config_address *own = &links->broker->config.address;
	char text[CONFIG_ADDRESS_SIZE];
	scoped(fd) int fd = -1;
	int r;

	config_address_print(own, text);
	if (links->unknown < 0)
		return fail(links->unknown,
			    "%s: this node's own address is not known (%s); start its broker "
			    "again when it is",
			    text, error_name(links->unknown));
	r = tcp_listen(&links->own, &fd);
	if (r == -EADDRINUSE)
		return fail(r, "%s: another program listens there; give [node] another port",
			    text);
	if (r == -EAFNOSUPPORT)
		return fail(r,
			    "%s: this broker may not use the network; does the unit of systemd "
			    "that it runs in forbid it? see tractd(8)",
			    text);
	if (r < 0)
		return fail(r, "%s: cannot listen there (%s)", text, error_name(r));
	r = loop_add(&links->broker->loop, &links->source, fd, EVENT_IN);
	if (r == 0)
		links->listener = steal_fd(&fd);
	return r;
}

/* Who we are, and where others find us.  What cannot be had now is tried again with the next
 * dial, so that a broker serves its node all the same, and says what its links lack. */
static int get_ready(struct node_links *links)
{
	int r = 0;

	if (links->listener >= 0)
		return 0;
	if (!links->secret)
		r = node_links_secret(&links->broker->config, &links->secret);
	return r < 0 ? r : listen_there(links);
}

/* ---- what the state machine wants done -------------------------------------------------- */

static void log_peer(const struct node_peer *peer, enum log_level level, const char *what)
{
	char quoted[2 * WIRE_TEXT_MAX];

	log_event(level, "link.%s node=%u address=%s why=%s", what, peer->config->node,
		  peer->address, log_quote(peer->state.why.text, quoted, sizeof(quoted)));
}

/* One line for each reason, however often it is tried. */
static void log_failure(struct node_peer *peer)
{
	if (peer->state.phase != PEER_DOWN ||
	    strcmp(peer->told.text, peer->state.why.text) == 0)
		return;
	peer->told = peer->state.why;
	log_peer(peer, LOG_LEVEL_WARNING, "down");
}

static void log_change(struct node_peer *peer, const struct peer_out *out)
{
	if (out->lost) {
		peer->told = peer->state.why;
		log_peer(peer, LOG_LEVEL_WARNING, "lost");
	}
	if (out->gone)
		log_event(LOG_LEVEL_INFO, "link.gone node=%u", peer->config->node);
	if (out->up) {
		peer->told = wire_text_of("");
		log_event(LOG_LEVEL_INFO, "link.up node=%u address=%s version=%u dialled=%s",
			  peer->config->node, peer->address, peer->state.version,
			  peer->state.ours ? "here" : "there");
	}
	log_failure(peer);
}

static void fell(struct node_peer *peer, const char *why)
{
	struct peer_env env = node_env_now();
	struct peer_out out;

	node_peer_drop(peer);
	peer_ended(&peer->state, &env, why, &out);
	node_peer_act(peer, &out);
}

static void dial(struct node_peer *peer)
{
	struct node_links *links = peer->links;
	struct link_stream_setup setup = { .loop = &links->broker->loop,
					   .owner = &node_stream_owner };
	const struct config_address *address = &peer->config->address;
	struct node_stream *ns;
	int r;

	error_clear_reason();
	r = get_ready(links);
	ns = r == 0 ? node_stream_add(links) : NULL;
	if (r == 0 && !ns)
		r = -ENOMEM;
	if (r == 0) {
		ns->peer = peer;
		peer->stream = ns;
		setup.secret = links->secret;
		setup.arg = ns;
		r = link_stream_dial(&setup, address->host, address->port, peer->config->node,
				     &ns->stream);
	}
	if (r < 0)
		fell(peer, *error_reason() ? error_reason() : error_name(r));
}

/* NULL, or why it could not be said. */
static const char *try_to_say(struct node_peer *peer, const struct message *message)
{
	int r = peer->stream ? link_stream_send(peer->stream->stream, message) : 0;

	if (r == 0)
		return NULL;
	return r == -ENOBUFS ? "it does not take what it is told" : "its connection is gone";
}

static void say(struct node_peer *peer, const struct message *message)
{
	const char *why = try_to_say(peer, message);

	if (why)
		fell(peer, why);
}

struct node_peer *node_links_find(struct node_links *links, uint32_t node)
{
	for (unsigned i = 0; links && i < links->count; i++)
		if (links->peers[i].config->node == node)
			return &links->peers[i];
	return NULL;
}

void node_links_fell(struct node_links *links, uint32_t node, const char *why)
{
	struct node_peer *peer = node_links_find(links, node);

	if (!peer)
		return;
	peer->fell = why;
	links->changed = true;
}

void node_links_say(struct node_links *links, uint32_t node, const struct message *message)
{
	struct node_peer *peer = node_links_find(links, node);
	const char *why = peer ? try_to_say(peer, message) : NULL;

	if (why)
		node_links_fell(links, node, why);
}

/* The registry is told after the log, which says why. */
static void tell_registry(struct node_peer *peer, const struct peer_out *out)
{
	struct registry *registry = peer->links->broker->registry;

	if (out->lost)
		controllers_forget(peer);
	if (out->lost)
		registry_peer_lost(registry, peer->config->node);
	if (out->gone)
		registry_peer_gone_for(registry, peer->config->node, out->gone_losses);
	if (out->up)
		registry_peer_up(registry, peer->config->node);
}

void node_peer_act(struct node_peer *peer, const struct peer_out *out)
{
	peer->links->changed = true;
	if (out->drop)
		node_peer_drop(peer);
	if (out->lost || out->up)
		peer->fell = NULL;
	log_change(peer, out);
	tell_registry(peer, out);
	if (out->dial)
		dial(peer);
	if (out->send)
		say(peer, &out->message);
	if (out->up)
		controllers_tell(peer);
	if (out->finish && peer->stream)
		node_stream_finish(detach(peer));
}

/* ---- what streams tell ------------------------------------------------------------------ */

static void on_secured(void *arg, struct link_stream *s)
{
	struct node_stream *ns = arg;
	struct peer_env env = node_env_now();
	struct peer_out out;

	(void)s;
	/* A guest speaks first. */
	if (!ns->peer)
		return;
	peer_secured(&ns->peer->state, &env, &out);
	node_peer_act(ns->peer, &out);
}

/* What is said over a link that is up. */
static int hear_peer(struct node_peer *peer, const struct message *message)
{
	if (message->number == MSG_link_controller)
		return controllers_heard(peer, &message->link_controller);
	return registry_peer_heard(peer->links->broker->registry, peer->config->node, message);
}

static void on_heard(void *arg, struct link_stream *s, const struct message *message)
{
	struct node_stream *ns = arg;
	struct node_peer *peer = ns->peer;
	struct peer_env env = node_env_now();
	struct peer_out out;
	int r;

	(void)s;
	if (!peer) {
		node_guest_heard(ns, message);
		return;
	}
	r = peer_heard(&peer->state, &env, message, &out);
	node_peer_act(peer, &out);
	if (r == 1 && hear_peer(peer, message) < 0)
		fell(peer, "it said what makes no sense");
}

static void on_ended(void *arg, struct link_stream *s, const char *why)
{
	struct node_stream *ns = arg;

	ns->links->changed = true;
	if (ns->peer)
		fell(ns->peer, why);
	else
		node_guest_refused(ns->links, s, why);
}

static void on_tap(void *arg, struct link_stream *s, bool sent, const void *bytes, size_t size)
{
	const struct node_stream *ns = arg;

	(void)s;
	monitor_tell_link(ns->links->broker, ns->peer ? ns->peer->config->node : 0, sent, bytes,
			  size);
}

/* ---- life ------------------------------------------------------------------------------- */

static void add_peer(struct node_links *links, const struct config_peer *config)
{
	const struct config *c = &links->broker->config;
	struct node_peer *peer = &links->peers[links->count++];
	struct peer_config state = {
		.self = (uint32_t)c->node,
		.node = config->node,
		.instance = links->instance,
		.least = PEER_VERSION_LEAST,
		.most = PEER_VERSION_MOST,
		.timeout_ns = c->peer_timeout_ms * NS_PER_MS,
		.beat_ns = c->heartbeat_ms * NS_PER_MS,
	};
	struct peer_env env = node_env_now();

	peer->links = links;
	peer->config = config;
	config_address_print(&config->address, peer->address);
	peer_init(&peer->state, &state, &env);
}

int node_links_open(struct broker *b, struct node_links **ret_links)
{
	struct node_links *links;

	*ret_links = NULL;
	if (b->config.peer_count == 0)
		return 0;
	links = calloc(1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	links->broker = b;
	links->listener = -1;
	links->source =
		(struct loop_source){ .fd = -1, .ready = node_guests_knock, .arg = links };
	links->accept_again = CLOCK_NEVER;
	TAILQ_INIT(&links->streams);
	while (links->instance == 0)
		host_random(&links->instance, sizeof(links->instance));
	for (unsigned i = 0; i < b->config.peer_count; i++)
		add_peer(links, &b->config.peers[i]);
	links->changed = true;
	/* Servers may be asked for it: that is done before anybody is served. */
	links->unknown =
		tcp_look_up(b->config.address.host, b->config.address.port, &links->own);
	(void)get_ready(links);
	*ret_links = links;
	return 0;
}

void node_links_close(struct node_links *links)
{
	struct peer_env env = node_env_now();
	struct node_stream *ns;
	struct peer_out out;

	if (!links)
		return;
	for (unsigned i = 0; i < links->count; i++) {
		peer_leave(&links->peers[i].state, &env, "it was told to, or had nothing to do",
			   &out);
		node_peer_act(&links->peers[i], &out);
	}
	while ((ns = TAILQ_FIRST(&links->streams)))
		node_stream_free(ns);
	loop_remove(&links->broker->loop, &links->source);
	fd_scope_end(&links->listener);
	link_secret_free(links->secret);
	free(links);
}

/* ---- time ------------------------------------------------------------------------------- */

static uint64_t find_deadline(const struct node_links *links)
{
	const struct node_stream *ns;
	uint64_t earliest = links->accept_again, at;

	for (unsigned i = 0; i < links->count; i++) {
		at = peer_deadline(&links->peers[i].state);
		earliest = at < earliest ? at : earliest;
	}
	TAILQ_FOREACH (ns, &links->streams, entry)
		earliest = ns->until < earliest ? ns->until : earliest;
	return earliest;
}

uint64_t node_links_deadline(const struct node_links *links)
{
	if (!links)
		return CLOCK_NEVER;
	return links->changed ? 0 : links->deadline;
}

static void reap(struct node_links *links, uint64_t now)
{
	struct node_stream *ns = TAILQ_FIRST(&links->streams), *next;

	for (; ns; ns = next) {
		next = TAILQ_NEXT(ns, entry);
		if (ns->until <= now && node_stream_is_guest(ns))
			node_guest_refused(
				links, ns->stream,
				"it did not prove in time that it belongs to the cluster");
		if (!ns->peer &&
		    (!ns->stream || link_stream_has_ended(ns->stream) || ns->until <= now))
			node_stream_free(ns);
	}
}

void node_links_turn(struct node_links *links)
{
	uint64_t now;

	if (!links)
		return;
	now = clock_now();
	if (!links->changed && now < links->deadline)
		return;
	links->changed = false;
	for (unsigned i = 0; i < links->count; i++) {
		struct node_peer *peer = &links->peers[i];
		struct peer_env env = node_env_now();
		struct peer_out out;

		if (peer->fell)
			fell(peer, peer->fell);
		if (peer_deadline(&peer->state) > env.now)
			continue;
		peer_tick(&peer->state, &env, &out);
		node_peer_act(peer, &out);
	}
	reap(links, now);
	if (links->accept_again <= now) {
		links->accept_again = CLOCK_NEVER;
		(void)loop_add(&links->broker->loop, &links->source, links->listener, EVENT_IN);
	}
	/* What was done above may have moved it, and is seen here. */
	links->changed = false;
	links->deadline = find_deadline(links);
}

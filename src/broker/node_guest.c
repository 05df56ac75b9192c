/* SPDX-License-Identifier: MIT */
#include "broker/node_guest.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "broker/broker.h"

#define ACCEPTS_PER_TURN 16
#define ACCEPT_AGAIN_MS 100
/* Between two lines about guests that were refused. */
#define TELL_MS 1000

void node_guest_refused(struct node_links *links, const struct link_stream *s, const char *why)
{
	uint64_t now = clock_now();
	char quoted[2 * WIRE_TEXT_MAX];

	/* Whoever knocks shall not fill the disk. */
	if (now < links->tell_at) {
		links->untold++;
		return;
	}
	log_event(LOG_LEVEL_WARNING, "link.refused from=%s others=%llu why=%s",
		  *s->peer ? s->peer : "?", (unsigned long long)links->untold,
		  log_quote(why, quoted, sizeof(quoted)));
	links->untold = 0;
	links->tell_at = now + TELL_MS * NS_PER_MS;
}

static void refuse(struct node_stream *ns, const struct message *answer)
{
	node_guest_refused(ns->links, ns->stream, answer->link_unwelcome.rule.text);
	(void)link_stream_send(ns->stream, answer);
	node_stream_finish(ns);
}

static void welcome(struct node_stream *ns, struct node_peer *peer, const struct message *hello)
{
	struct peer_env env = node_env_now();
	struct peer_out out;

	if (peer_hello(&peer->state, &env, hello, &out) < 0) {
		refuse(ns, &out.message);
		return;
	}
	node_peer_drop(peer);
	out.drop = false;
	ns->peer = peer;
	ns->until = CLOCK_NEVER;
	peer->stream = ns;
	node_peer_act(peer, &out);
}

void node_guest_heard(struct node_stream *ns, const struct message *m)
{
	uint32_t self = (uint32_t)ns->links->broker->config.node, node;
	struct node_peer *peer;
	struct message answer;

	if (m->number != MSG_link_hello) {
		node_guest_refused(ns->links, ns->stream, "it did not greet");
		link_stream_end(ns->stream);
		return;
	}
	node = m->link_hello.node;
	peer = node_links_find(ns->links, node);
	if (!peer) {
		answer = peer_unwelcome(m, ENOENT,
					"node %u is no peer of node %u: a section [peer %u] in "
					"its tract.conf would make it one",
					node, self, node);
		refuse(ns, &answer);
	} else if (!link_tls_may_be(&ns->stream->tls, node)) {
		answer = peer_unwelcome(m, EPERM,
					"the certificate is not node %u's: it must be for the "
					"name tract-node-%u",
					node, node);
		refuse(ns, &answer);
	} else {
		welcome(ns, peer, m);
	}
}

/* The one that has been here longest goes, if there are too many. */
static void make_room(struct node_links *links)
{
	struct node_stream *ns, *oldest = NULL;
	unsigned count = 0;

	TAILQ_FOREACH (ns, &links->streams, entry)
		if (node_stream_is_guest(ns)) {
			oldest = oldest ? oldest : ns;
			count++;
		}
	if (count < NODE_GUESTS_MAX)
		return;
	node_guest_refused(links, oldest->stream,
			   "others came, and it had not proved anything yet");
	link_stream_end(oldest->stream);
}

static void take_guest(struct node_links *links, int fd)
{
	struct link_stream_setup setup = { &links->broker->loop, links->secret,
					   &node_stream_owner, NULL };
	struct node_stream *ns;

	make_room(links);
	ns = node_stream_add(links);
	if (!ns) {
		fd_scope_end(&fd);
		return;
	}
	setup.arg = ns;
	ns->until = clock_deadline_ms((int64_t)links->broker->config.peer_timeout_ms);
	if (link_stream_accept(&setup, fd, &ns->stream) < 0)
		node_stream_free(ns);
	links->changed = true;
}

void node_guests_knock(void *arg, unsigned mask)
{
	struct node_links *links = arg;
	int fd, r = 0;

	(void)mask;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN && r == 0; i++) {
		r = tcp_accept(links->listener, &fd);
		if (r == 0)
			take_guest(links, fd);
	}
	if (r == 0 || r == -EAGAIN)
		return;
	/* There are no descriptors left; the backlog keeps who knocks. */
	loop_remove(&links->broker->loop, &links->source);
	links->accept_again = clock_deadline_ms(ACCEPT_AGAIN_MS);
	links->changed = true;
}

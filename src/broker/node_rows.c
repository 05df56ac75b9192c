/* SPDX-License-Identifier: MIT */
#include "broker/node_rows.h"

#include <errno.h>

#include "base/clock.h"
#include "broker/node_link.h"

/* Rows go by id, and this node is among them.  Its key is its id and one, so that 0 is before
 * all. */
static const struct node_peer *next_peer(const struct broker *b, uint64_t after)
{
	const struct node_peer *next = NULL;

	for (unsigned i = 0; b->nodes && i < b->nodes->count; i++) {
		const struct node_peer *peer = &b->nodes->peers[i];

		if (peer->config->node >= after &&
		    (!next || peer->config->node < next->config->node))
			next = peer;
	}
	return next;
}

static uint64_t ms_since(uint64_t moment)
{
	return (clock_now() - moment) / NS_PER_MS;
}

static struct msg_node_row row_of_self(const struct broker *b)
{
	struct msg_node_row row = { .node = (uint32_t)b->config.node,
				    .since_ms = ms_since(b->started) };
	char address[CONFIG_ADDRESS_SIZE] = "";

	if (b->nodes)
		config_address_print(&b->config.address, address);
	row.address = wire_text_of(address);
	return row;
}

static struct msg_node_row row_of_peer(const struct node_peer *peer)
{
	const struct peer_state *state = &peer->state;
	struct msg_node_row row = { .node = peer->config->node,
				    .address = wire_text_of(peer->address),
				    .why = state->why,
				    .since_ms = ms_since(state->since),
				    .times = state->times };

	row.state = state->phase == PEER_UP ? 3 : state->phase == PEER_DOWN ? 1 : 2;
	row.rtt_ns = state->phase == PEER_UP ? state->rtt_ns : 0;
	node_peer_traffic(peer, &row.received, &row.sent);
	return row;
}

int node_rows_answer(struct client_link *link, const struct message *request)
{
	const struct broker *b = link->broker;
	uint64_t after = request->next_node.after;
	const struct node_peer *peer = next_peer(b, after);
	struct message answer = { .number = MSG_node_row, .serial = request->serial };
	bool self = b->config.node >= after && (!peer || b->config.node < peer->config->node);

	if (self) {
		answer.node_row = row_of_self(b);
	} else if (peer) {
		answer.node_row = row_of_peer(peer);
	} else {
		answer.number = MSG_refused;
		answer.refused.error = ENOENT;
		answer.refused.rule = wire_text_of("there is nothing after this one");
	}
	if (self || peer)
		answer.node_row.key = answer.node_row.node + UINT64_C(1);
	link->broker->exchange.answered = true;
	return conn_send(&link->conn, &answer, NULL, 0);
}

/* SPDX-License-Identifier: MIT */
#include "broker/controllers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/windows.h"

/* ---- what peers say ---------------------------------------------------------------------- */

void controllers_tell(const struct node_peer *peer)
{
	const struct broker *b = peer->links->broker;

	for (unsigned i = 0; i < b->windows.count; i++) {
		const struct window_way *way = &b->windows.way[i];
		struct message m = { .number = MSG_link_controller };

		m.link_controller.name = wire_text_of(way->config->name);
		m.link_controller.provider = wire_text_of(way->config->provider);
		m.link_controller.up = way->fabric != NULL;
		m.link_controller.address.length = way->address.size;
		(void)memcpy(m.link_controller.address.bytes, way->address.bytes,
			     way->address.size);
		node_links_say(peer->links, peer->config->node, &m);
	}
}

static struct node_controller *find(struct node_peer *peer, const char *name)
{
	for (unsigned i = 0; i < peer->controller_count; i++)
		if (strcmp(peer->controllers[i].name, name) == 0)
			return &peer->controllers[i];
	return NULL;
}

int controllers_heard(struct node_peer *peer, const struct msg_link_controller *said)
{
	struct node_controller *c = find(peer, said->name.text);

	if (said->name.length == 0 || said->name.length >= sizeof(c->name) ||
	    said->provider.length >= sizeof(c->provider))
		return -EPROTO;
	if (!c && peer->controller_count == CONFIG_CONTROLLERS_MAX)
		return -EPROTO;
	if (!c)
		c = &peer->controllers[peer->controller_count++];
	(void)strcpy(c->name, said->name.text);
	(void)strcpy(c->provider, said->provider.text);
	c->up = said->up;
	return 0;
}

void controllers_forget(struct node_peer *peer)
{
	peer->controller_count = 0;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* A row's key is its node's id, its place there, and one, so that 0 is before all. */
#define PLACE_BITS 16

static uint64_t key_of(uint32_t node, unsigned place)
{
	return ((uint64_t)node << PLACE_BITS) + place + 1;
}

static struct msg_controller_row row_of_way(const struct broker *b,
					    const struct window_way *way)
{
	struct msg_controller_row row = {
		.name = wire_text_of(way->config->name),
		.provider = wire_text_of(way->config->provider),
		.domain = wire_text_of(way->config->domain),
		.address = wire_text_of(way->config->address),
		.up = way->fabric != NULL,
		.why = way->why,
	};
	struct controller_facts facts;
	const struct wire_text name = row.name;

	if (windows_controller_find(&b->windows, &name, &name, &facts) == 0)
		row.address = facts.local;
	return row;
}

static const struct window_way *find_way(const struct broker *b, const char *name)
{
	for (unsigned i = 0; i < b->windows.count; i++)
		if (strcmp(b->windows.way[i].config->name, name) == 0)
			return &b->windows.way[i];
	return NULL;
}

static struct msg_controller_row row_of_alias(const struct broker *b,
					      const struct config_alias *alias)
{
	const struct window_way *way = find_way(b, alias->controller);
	struct msg_controller_row row = { .up = true };

	if (way)
		row = row_of_way(b, way);
	row.name = wire_text_of(alias->name);
	row.alias_of = wire_text_of(alias->controller);
	return row;
}

/* loopback, controllers, aliases. */
static bool own_row(const struct broker *b, unsigned place, struct msg_controller_row *ret_row)
{
	const struct config *c = &b->config;

	*ret_row = (struct msg_controller_row){ .name = wire_text_of("loopback"), .up = true };
	if (place == 0)
		return true;
	place--;
	if (place < b->windows.count) {
		*ret_row = row_of_way(b, &b->windows.way[place]);
		return true;
	}
	place -= b->windows.count;
	if (place >= c->alias_count)
		return false;
	*ret_row = row_of_alias(b, &c->aliases[place]);
	return true;
}

static bool has_provider(const struct broker *b, const char *provider)
{
	for (unsigned i = 0; i < b->windows.count; i++)
		if (b->windows.way[i].fabric &&
		    strcmp(b->windows.way[i].config->provider, provider) == 0)
			return true;
	return false;
}

static bool peers_row(const struct broker *b, const struct node_peer *peer, unsigned place,
		      struct msg_controller_row *ret_row)
{
	const struct node_controller *c = &peer->controllers[place];
	const char *why = "";

	if (place >= peer->controller_count)
		return false;
	if (!c->up)
		why = "it does not work on that node; its log says why";
	else if (!has_provider(b, c->provider))
		why = "no controller of this node is on that fabric; a section [controller "
		      "NAME] "
		      "in tract.conf would make one";
	*ret_row = (struct msg_controller_row){ .name = wire_text_of(c->name),
						.provider = wire_text_of(c->provider),
						.up = !*why,
						.why = wire_text_of(why) };
	return true;
}

static bool row_of(const struct broker *b, uint32_t node, unsigned place,
		   struct msg_controller_row *ret_row)
{
	const struct node_peer *peer = node_links_find(b->nodes, node);
	bool found = false;

	if (node == b->config.node)
		found = own_row(b, place, ret_row);
	else if (peer)
		found = peers_row(b, peer, place, ret_row);
	if (!found)
		return false;
	ret_row->node = node;
	ret_row->key = key_of(node, place);
	return true;
}

static bool next_row(const struct broker *b, uint64_t after, struct msg_controller_row *ret_row)
{
	unsigned place = (unsigned)(after & ((1u << PLACE_BITS) - 1));
	uint64_t node = after >> PLACE_BITS;

	for (; node < TRACT_NODES_MAX; node++, place = 0)
		if (row_of(b, (uint32_t)node, place, ret_row))
			return true;
	return false;
}

int controllers_answer(struct client_link *link, const struct message *request)
{
	struct message answer = { .number = MSG_controller_row, .serial = request->serial };

	if (!next_row(link->broker, request->next_controller.after, &answer.controller_row)) {
		answer.number = MSG_refused;
		answer.refused.error = ENOENT;
		answer.refused.rule = wire_text_of("there is nothing after this one");
	}
	link->broker->exchange.answered = true;
	return conn_send(&link->conn, &answer, NULL, 0);
}

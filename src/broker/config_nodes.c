/* SPDX-License-Identifier: MIT */
/*
 * config_nodes.c - sections with names, and what must fit together for a cluster
 */
#include <stdio.h>
#include <string.h>

#include <tract/types.h>

#include "base/bytes.h"
#include "broker/config_parse.h"

#define LOOPBACK "loopback"

static const struct config_key peer_keys[] = {
	{ "peer", "address", KIND_ADDRESS, offsetof(struct config_peer, address), 0, 0, 0 },
};

static const struct config_key controller_keys[] = {
	{ "controller", "provider", KIND_NAME, offsetof(struct config_controller, provider), 0,
	  0, 0 },
	{ "controller", "domain", KIND_TEXT, offsetof(struct config_controller, domain), 0, 0,
	  0 },
	{ "controller", "address", KIND_TEXT, offsetof(struct config_controller, address), 0, 0,
	  0 },
};

static void begin_peer(struct config_parse *p, const char *name)
{
	static const struct config_key id = { .kind = KIND_NUMBER,
					      .least = 1,
					      .most = TRACT_NODES_MAX - 1 };
	struct config *c = p->config;
	uint64_t node;

	if (config_number_read(&id, name, &node) < 0) {
		(void)config_mistake(p, p->line,
				     "write [peer N], with a node's id from 1 to %u",
				     TRACT_NODES_MAX - 1);
		return;
	}
	for (unsigned i = 0; i < c->peer_count; i++)
		if (c->peers[i].node == node) {
			(void)config_mistake(p, p->line, "[peer %u] stands on line %d already",
					     (unsigned)node, p->peer_lines[i]);
			return;
		}
	p->peer_lines[c->peer_count] = p->line;
	c->peers[c->peer_count] = (struct config_peer){ .node = (uint32_t)node };
	p->section.about = &c->peers[c->peer_count++];
	p->section.keys = peer_keys;
	p->section.key_count = ARRAY_LEN(peer_keys);
}

static int find_controller(const struct config *c, const char *name)
{
	for (unsigned i = 0; i < c->controller_count; i++)
		if (strcmp(c->controllers[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void begin_controller(struct config_parse *p, const char *name)
{
	struct config *c = p->config;
	struct config_controller *made;
	int same = find_controller(c, name);

	if (!config_is_name(name)) {
		(void)config_mistake(p, p->line,
				     "write [controller NAME], with a name as tcp0");
	} else if (strcmp(name, LOOPBACK) == 0) {
		(void)config_mistake(p, p->line,
				     "\"" LOOPBACK "\" is always there; choose another name");
	} else if (same >= 0) {
		(void)config_mistake(p, p->line, "[controller %s] stands on line %d already",
				     name, p->controller_lines[same]);
	} else if (c->controller_count == CONFIG_CONTROLLERS_MAX) {
		(void)config_mistake(p, p->line, "there are more than %u controllers",
				     CONFIG_CONTROLLERS_MAX);
	} else {
		p->controller_lines[c->controller_count] = p->line;
		made = &c->controllers[c->controller_count++];
		*made = (struct config_controller){ .name = "" };
		(void)snprintf(made->name, sizeof(made->name), "%s", name);
		p->section.about = made;
		p->section.keys = controller_keys;
		p->section.key_count = ARRAY_LEN(controller_keys);
	}
}

static bool is_plain_section(const char *word)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (strcmp(config_keys[i].section, word) == 0)
			return true;
	return strcmp(word, "alias") == 0;
}

void config_section_begin(struct config_parse *p, const char *word, const char *name)
{
	if (strcmp(word, "peer") == 0) {
		begin_peer(p, name);
	} else if (strcmp(word, "controller") == 0) {
		begin_controller(p, name);
	} else if (is_plain_section(word) && *name) {
		(void)config_mistake(p, p->line, "section [%s] has no name after it", word);
	} else if (is_plain_section(word)) {
		p->section.about = p->config;
		p->section.keys = config_keys;
		p->section.key_count = config_key_count;
	}
}

int config_alias_add(struct config_parse *p, const char *name, const char *value)
{
	struct config *c = p->config;
	struct config_alias *made;

	if (!config_is_name(name) || !config_is_name(value))
		return config_mistake(p, p->line, "write NAME = CONTROLLER, as sci0 = tcp0");
	for (unsigned i = 0; i < c->alias_count; i++)
		if (strcmp(c->aliases[i].name, name) == 0)
			return config_mistake(p, p->line, "%s was set on line %d already", name,
					      p->alias_lines[i]);
	if (c->alias_count == CONFIG_ALIASES_MAX)
		return config_mistake(p, p->line, "there are more than %u aliases",
				      CONFIG_ALIASES_MAX);
	p->alias_lines[c->alias_count] = p->line;
	made = &c->aliases[c->alias_count++];
	(void)snprintf(made->name, sizeof(made->name), "%s", name);
	(void)snprintf(made->controller, sizeof(made->controller), "%s", value);
	return 1;
}

/* ---- does it fit together? -------------------------------------------------------------- */

static bool same_address(const struct config_address *a, const struct config_address *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static void check_peer(struct config_parse *p, unsigned i)
{
	const struct config *c = p->config;
	const struct config_peer *peer = &c->peers[i];
	int line = p->peer_lines[i];

	if (peer->node == c->node)
		(void)config_mistake(p, line, "[peer %u] is this node itself: leave it out",
				     (unsigned)peer->node);
	else if (!peer->address.port)
		(void)config_mistake(p, line, "[peer %u] needs address = HOST:PORT",
				     (unsigned)peer->node);
	else if (same_address(&peer->address, &c->address))
		(void)config_mistake(p, line, "[peer %u] has this node's own address",
				     (unsigned)peer->node);
	for (unsigned j = 0; j < i; j++)
		if (same_address(&peer->address, &c->peers[j].address))
			(void)config_mistake(p, line, "[peer %u] has the address of [peer %u]",
					     (unsigned)peer->node, (unsigned)c->peers[j].node);
}

static void check_peers(struct config_parse *p)
{
	const struct config *c = p->config;

	if (c->peer_count == 0)
		return;
	if (c->node == 0)
		(void)config_mistake(p, p->peer_lines[0],
				     "a node that has peers needs id = N, from 1 to %u, in "
				     "[node]",
				     TRACT_NODES_MAX - 1);
	if (!c->address.port)
		(void)config_mistake(p, p->peer_lines[0],
				     "a node that has peers needs address = HOST:PORT in "
				     "[node]");
	for (unsigned i = 0; i < c->peer_count; i++)
		check_peer(p, i);
}

static void check_cluster(struct config_parse *p)
{
	const struct config *c = p->config;
	const char *const parts[] = { c->certificate, c->private_key, c->authority };
	int line = 0;
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (*parts[i]) {
			line = config_line_of(p, parts[i]);
			count++;
		}
	if (count > 0 && count < ARRAY_LEN(parts))
		(void)config_mistake(p, line,
				     "certificate, private-key and authority go together: set "
				     "all three, or none and use a key");
	if (count > 0 && config_line_of(p, c->key))
		(void)config_mistake(p, config_line_of(p, c->key),
				     "a cluster has a key or certificates, not both");
}

static void check_times(struct config_parse *p)
{
	struct config *c = p->config;

	/* Two beats may be lost before a third is missed. */
	if (c->heartbeat_ms > c->peer_timeout_ms / 3)
		(void)config_mistake(p, config_line_of(p, &c->heartbeat_ms),
				     "heartbeat-ms must be at most a third of peer-timeout-ms, "
				     "which is %llu",
				     (unsigned long long)c->peer_timeout_ms);
	if (c->heartbeat_ms == 0)
		c->heartbeat_ms = c->peer_timeout_ms / 5;
}

static void check_controllers(struct config_parse *p)
{
	struct config *c = p->config;

	for (unsigned i = 0; i < c->controller_count; i++)
		if (!*c->controllers[i].provider)
			(void)config_mistake(p, p->controller_lines[i],
					     "[controller %s] needs provider = tcp, verbs or "
					     "another that fi_info(1) lists",
					     c->controllers[i].name);
	if (c->controller_count == 0 && c->peer_count > 0)
		c->controllers[c->controller_count++] =
			(struct config_controller){ .name = "tcp0", .provider = "tcp" };
	for (unsigned i = 0; i < c->alias_count; i++) {
		const struct config_alias *alias = &c->aliases[i];

		if (strcmp(alias->name, LOOPBACK) == 0 || find_controller(c, alias->name) >= 0)
			(void)config_mistake(p, p->alias_lines[i],
					     "\"%s\" is a controller already", alias->name);
		else if (strcmp(alias->controller, LOOPBACK) != 0 &&
			 find_controller(c, alias->controller) < 0)
			(void)config_mistake(p, p->alias_lines[i],
					     "there is no controller \"%s\"; a section "
					     "[controller %s] would make one",
					     alias->controller, alias->controller);
	}
}

void config_nodes_finish(struct config_parse *p)
{
	struct config *c = p->config;

	check_times(p);
	check_peers(p);
	check_cluster(p);
	check_controllers(p);
	/* Its peers count on it whether it has clients or not. */
	if (c->peer_count > 0 && !config_line_of(p, &c->idle_timeout_ms) && !c->idle_given)
		c->idle_timeout_ms = CONFIG_NEVER;
}

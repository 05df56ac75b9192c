/* SPDX-License-Identifier: MIT */
#include "broker/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "test.h"

#define NODE "[node]\nid = 1\naddress = here:1\n"

static const char *file_of(const void *text, size_t size)
{
	static char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tract.conf", test_directory());
	file = fopen(path, "we");
	EXPECT(file && fwrite(text, 1, size, file) == size && fclose(file) == 0);
	return path;
}

static struct config read_fine(const char *text)
{
	struct config c;

	config_default(&c);
	if (config_read(file_of(text, strlen(text)), &c) < 0)
		ck_abort_msg("refused: %s", error_reason());
	return c;
}

/* The file is refused with these words. */
static void refused(const char *text, const char *words)
{
	struct config c;

	config_default(&c);
	EXPECT_EQ(config_read(file_of(text, strlen(text)), &c), -EINVAL);
	ck_assert_msg(strstr(error_reason(), words), "\"%s\" is not in \"%s\"", words,
		      error_reason());
	EXPECT_EQ(c.peer_count, 0);
}

TEST(a_cluster_is_read_whole)
{
	struct config c = read_fine("[node]\n"
				    "id = 1\n"
				    "address = alpha.example:4000\n"
				    "  [peer 2] ; indented, with a remark\n"
				    "  address = 10.0.0.2\n"
				    "[peer 63]\n"
				    "address = [fe80::1%eth0]:5000\n"
				    "[controller verbs0]\n"
				    "provider = verbs\n"
				    "domain = mlx5_0\n"
				    "address = 10.1.0.1\n"
				    "[alias]\n"
				    "sci0 = verbs0\n"
				    "lo0 = loopback\n"
				    "[cluster]\n"
				    "key = /etc/tract/key\n"
				    "[link]\n"
				    "peer-timeout-ms = 900\n"
				    "heartbeat-ms = 300\n"
				    "store-delay-ms = 20\n");

	EXPECT_EQ(c.node, 1);
	EXPECT_STR(c.address.host, "alpha.example");
	EXPECT_EQ(c.address.port, 4000);
	EXPECT_EQ(c.peer_count, 2);
	EXPECT_EQ(c.peers[0].node, 2);
	EXPECT_STR(c.peers[0].address.host, "10.0.0.2");
	EXPECT_EQ(c.peers[0].address.port, CONFIG_LINK_PORT);
	EXPECT_EQ(c.peers[1].node, 63);
	EXPECT_STR(c.peers[1].address.host, "fe80::1%eth0");
	EXPECT_EQ(c.peers[1].address.port, 5000);
	EXPECT_EQ(c.controller_count, 1);
	EXPECT_STR(c.controllers[0].name, "verbs0");
	EXPECT_STR(c.controllers[0].provider, "verbs");
	EXPECT_STR(c.controllers[0].domain, "mlx5_0");
	EXPECT_STR(c.controllers[0].address, "10.1.0.1");
	EXPECT_EQ(c.alias_count, 2);
	EXPECT_STR(c.aliases[0].name, "sci0");
	EXPECT_STR(c.aliases[0].controller, "verbs0");
	EXPECT_STR(c.key, "/etc/tract/key");
	EXPECT_EQ(c.peer_timeout_ms, 900);
	EXPECT_EQ(c.heartbeat_ms, 300);
	EXPECT_EQ(c.store_delay_ms, 20);
}

TEST(what_goes_without_saying_is_added_once_there_are_peers)
{
	struct config c = read_fine(NODE "[peer 2]\naddress = there\n");

	EXPECT_EQ(c.controller_count, 1);
	EXPECT_STR(c.controllers[0].name, "tcp0");
	EXPECT_STR(c.controllers[0].provider, "tcp");
	EXPECT_EQ(c.idle_timeout_ms, CONFIG_NEVER);
	EXPECT_EQ(c.peer_timeout_ms, 5000);
	EXPECT_EQ(c.heartbeat_ms, 1000);
	EXPECT_EQ(c.store_delay_ms, 5);
	EXPECT_EQ(read_fine(NODE).controller_count, 0);
	EXPECT_EQ(read_fine(NODE).idle_timeout_ms, 10000);
	c = read_fine(NODE "[peer 2]\naddress = there\n[broker]\nidle-timeout-ms = 7\n");
	EXPECT_EQ(c.idle_timeout_ms, 7);
}

TEST(a_relative_path_is_from_the_files_directory)
{
	struct config c = read_fine("[cluster]\nkey = keys/ours\n");
	char path[PATH_MAX], expected[PATH_MAX];

	EXPECT_EQ(config_path(&c, c.key, path), 0);
	(void)snprintf(expected, sizeof(expected), "%s/keys/ours", test_directory());
	EXPECT_STR(path, expected);
	EXPECT_EQ(config_path(&c, "/a/b", path), 0);
	EXPECT_STR(path, "/a/b");
	c = read_fine("");
	EXPECT_EQ(config_path(&c, c.key, path), 0);
	(void)snprintf(expected, sizeof(expected), "%s/cluster.key", test_directory());
	EXPECT_STR(path, expected);
}

TEST(an_address_is_printed_as_it_is_written)
{
	static const struct config_address four = { "10.0.0.1", 80 }, six = { "::1", 81 };
	char text[CONFIG_ADDRESS_SIZE];

	config_address_print(&four, text);
	EXPECT_STR(text, "10.0.0.1:80");
	config_address_print(&six, text);
	EXPECT_STR(text, "[::1]:81");
}

TEST(a_peer_is_named_by_its_id_and_once)
{
	refused(NODE "[peer]\n", "tract.conf:4: write [peer N]");
	refused(NODE "[peer 0]\n", "tract.conf:4: write [peer N]");
	refused(NODE "[peer 64]\n", "tract.conf:4: write [peer N]");
	refused(NODE "[peer two]\n", "tract.conf:4: write [peer N]");
	refused(NODE "[peer 2]\naddress = a\n[peer 2]\naddress = b\n",
		"tract.conf:6: [peer 2] stands on line 4 already");
	refused(NODE "[peer 1]\naddress = a\n", "tract.conf:4: [peer 1] is this node itself");
	refused(NODE "[peer 2]\n[link]\n", "tract.conf:4: [peer 2] needs address");
	refused(NODE "[peer 2]\naddress = here:1\n", "[peer 2] has this node's own address");
	refused(NODE "[peer 2]\naddress = a\n[peer 3]\naddress = a\n",
		"tract.conf:6: [peer 3] has the address of [peer 2]");
}

TEST(a_node_with_peers_has_an_id_and_an_address)
{
	refused("[peer 2]\naddress = a\n[node]\naddress = b\n",
		"tract.conf:1: a node that has peers needs id");
	refused("[node]\nid = 1\n[peer 2]\naddress = a\n",
		"tract.conf:3: a node that has peers needs address");
}

TEST(an_address_that_is_none_is_a_mistake)
{
	static const char *const wrong[] = { "",	 ":1",	 "a:",	    "a:0",   "a:65536",
					     "a:-1",	 "a:1x", "::1",	    "[::1",  "[::1]x",
					     "[::1]:",	 "[]:1", "a b:1",   "a:1:2", "a/b",
					     "[a]b]:10", "[[a]", "\"a\":1", "a:1 b" };
	char text[128];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text), "[node]\naddress = %s\n", wrong[i]);
		refused(text, "tract.conf:2: ");
	}
}

TEST(a_cluster_has_a_key_or_certificates)
{
	refused("[cluster]\ncertificate = a\nauthority = b\n", "tract.conf:3: certificate, ");
	refused("[cluster]\nkey = k\ncertificate = a\nauthority = b\nprivate-key = c\n",
		"tract.conf:2: a cluster has a key or certificates");
	EXPECT_STR(read_fine("[cluster]\ncertificate = a\nauthority = b\nprivate-key = c\n")
			   .private_key,
		   "c");
}

TEST(a_controller_has_a_name_and_a_provider)
{
	refused("[controller]\n", "tract.conf:1: write [controller NAME]");
	refused("[controller a b]\n", "tract.conf:1: write [controller NAME]");
	refused("[controller loopback]\n", "is always there");
	refused("[controller tcp0]\n", "tract.conf:1: [controller tcp0] needs provider");
	refused("[controller a]\nprovider = tcp\n[controller a]\nprovider = tcp\n",
		"tract.conf:3: [controller a] stands on line 1 already");
}

TEST(an_alias_is_for_a_controller_that_is_there)
{
	refused("[alias]\nsci0 = tcp0\n", "tract.conf:2: there is no controller \"tcp0\"");
	refused("[alias]\nloopback = tcp0\n", "is a controller already");
	refused("[alias]\na = loopback\na = loopback\n", "tract.conf:3: a was set on line 2");
	refused("[alias]\na b = loopback\n", "tract.conf:2: write NAME = CONTROLLER");
}

TEST(a_beat_comes_three_times_before_a_peer_is_gone)
{
	refused("[link]\nheartbeat-ms = 334\npeer-timeout-ms = 1000\n",
		"tract.conf:2: heartbeat-ms must be at most a third");
}

TEST(what_is_said_twice_is_a_mistake)
{
	refused("[node]\nid = 1\n\nid = 1\n", "tract.conf:4: id was set on line 2 already");
}

TEST(an_unknown_section_is_a_mistake_even_if_it_is_empty)
{
	refused("[nodes]\n", "tract.conf:1: there is no section [nodes]");
	refused("[node 1]\n", "tract.conf:1: section [node] has no name after it");
	refused("id = 1\n", "tract.conf:1: \"id\" stands in no section");
	refused("[node\nid = 1\n", "tract.conf:1: neither");
}

TEST(a_line_that_is_too_long_is_a_mistake_and_counts_as_one)
{
	char text[600];

	memset(text, 'x', sizeof(text));
	memcpy(text, "[cluster]\nkey = ", 16);
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = '\0';
	refused(text, "tract.conf:2: is longer than ");
	memcpy(text, "[cluster]\n;     ", 16);
	refused(text, "tract.conf:2: is longer than ");
}

TEST(a_byte_0_is_a_mistake)
{
	static const char text[] = "[node]\nid = 1\0 2\n";
	struct config c;

	config_default(&c);
	EXPECT_EQ(config_read(file_of(text, sizeof(text) - 1), &c), -EINVAL);
	EXPECT(strstr(error_reason(), "tract.conf:2: has a byte 0"));
}

/* ---- whatever is in the file ------------------------------------------------------------- */

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static size_t garbage(uint32_t *seed, char text[2048])
{
	static const char *const pieces[] = {
		"[node]",
		"[peer 2]",
		"[peer 3]",
		"[controller a]",
		"[alias]",
		"[cluster]",
		"[link]",
		"[limits]",
		"id = 1",
		"address = a:1",
		"address=b",
		"provider=t",
		"a = tcp0",
		"key = k",
		"heartbeat-ms = 20",
		"\n",
		"\n",
		"\n",
		"\n",
		"=",
		"[",
		"]",
		";",
		"#",
		" ",
		"\xef\xbb\xbf",
		"\x01",
		"\xff",
		"max-segments = 12",
		"\r\n",
	};
	size_t used = 0;
	unsigned count = draw(seed) % 24;

	while (count-- > 0) {
		const char *piece = pieces[draw(seed) % (sizeof(pieces) / sizeof(pieces[0]))];

		while (*piece)
			text[used++] = *piece++;
		if (draw(seed) % 8 == 0)
			text[used++] = (char)draw(seed);
		if (draw(seed) % 2 == 0)
			text[used++] = '\n';
	}
	return used;
}

/* What was accepted is whole. */
static void expect_whole(const struct config *c)
{
	EXPECT(c->node < 64 && c->peer_count <= CONFIG_PEERS_MAX);
	EXPECT(c->heartbeat_ms > 0 && c->heartbeat_ms <= c->peer_timeout_ms / 3);
	EXPECT(c->peer_count == 0 || (c->node > 0 && c->address.port && c->controller_count));
	for (unsigned i = 0; i < c->peer_count; i++)
		EXPECT(c->peers[i].address.port && *c->peers[i].address.host &&
		       c->peers[i].node != c->node);
	for (unsigned i = 0; i < c->controller_count; i++)
		EXPECT(*c->controllers[i].name && *c->controllers[i].provider);
}

/* Also what is between the members: nothing was touched. */
static bool same_bytes(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size) == 0;
}

TEST(garbage_is_refused_with_its_line_or_was_none)
{
	unsigned accepted = 0, rejected = 0;
	struct config c, before;
	uint32_t seed = 1;
	char text[2048];

	config_default(&before);
	for (unsigned i = 0; i < 4000; i++) {
		size_t size = garbage(&seed, text);
		int r;

		c = before;
		r = config_read(file_of(text, size), &c);
		if (r == 0) {
			expect_whole(&c);
			accepted++;
			continue;
		}
		rejected++;
		EXPECT_EQ(r, -EINVAL);
		EXPECT(strstr(error_reason(), "/tract.conf:"));
		EXPECT(same_bytes(&c, &before, sizeof(c)));
	}
	/* Of both there was enough for this to mean something. */
	EXPECT(accepted > 50 && rejected > 1000);
}

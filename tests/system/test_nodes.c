/* SPDX-License-Identifier: MIT */
/*
 * test_nodes.c - brokers of several nodes, on loopback addresses, in a directory each
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tract/tract.h>

#include "cluster.h"
#include "link/rig_cert.h"
#include "rig.h"
#include "sys/tcp.h"
#include "test.h"

/* Longer than anything here takes, on a busy machine. */
#define LONG_MS 15000

TEST_SLOW(three_nodes_need_three_directories_and_three_ports, 60)
{
	struct msg_node_row row;
	struct cluster c;

	cluster_make(&c, 3, true, NULL);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	EXPECT_WITHIN(LONG_MS, cluster_row(&c, 0, 1).rtt_ns > 0);
	row = cluster_row(&c, 0, 1);
	EXPECT_EQ(row.times, 1);
	EXPECT(row.received > 0 && row.sent > 0);
	EXPECT_STR(row.why.text, "");
	row = cluster_row(&c, 2, 2);
	EXPECT_EQ(row.state, 0);
	cluster_end(&c);
	EXPECT(cluster_logged(&c, 0, "link.up node=2"));
	EXPECT(cluster_logged(&c, 0, "link.lost node=2"));
}

TEST_SLOW(a_killed_broker_is_lost_to_the_others_and_found_again, 60)
{
	struct cluster c;

	cluster_make(&c, 3, true, NULL);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	cluster_kill(&c, 1);
	/* The kernel closes its sockets: this takes no time-out. */
	EXPECT_WITHIN(CLUSTER_TIMEOUT_MS, !cluster_is_up(&c, 0, 1) && !cluster_is_up(&c, 2, 1));
	EXPECT(cluster_is_up(&c, 0, 2) && cluster_is_up(&c, 2, 0));
	EXPECT_WITHIN(LONG_MS, strstr(cluster_row(&c, 0, 1).why.text, "nobody listens"));
	/* What it was promised stays until it must have noticed, had it only been cut off. */
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 0, "link.gone node=2"));
	cluster_start(&c, 1);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	EXPECT_EQ(cluster_row(&c, 0, 1).times, 2);
	EXPECT_EQ(cluster_row(&c, 0, 2).times, 1);
	cluster_end(&c);
}

TEST_SLOW(a_broker_that_does_not_answer_is_lost_within_the_bound_and_found_again, 60)
{
	struct cluster c;

	cluster_make(&c, 2, true, NULL);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	cluster_pause(&c, 1);
	EXPECT_WITHIN((int)(CLUSTER_TIMEOUT_MS * test_patience()), !cluster_is_up(&c, 0, 1));
	EXPECT(cluster_logged(&c, 0, "why=\"it does not answer any more\""));
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 0, "link.gone node=2"));
	cluster_resume(&c, 1);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	/* It has noticed, too. */
	EXPECT(cluster_logged(&c, 1, "link.lost node=1"));
	cluster_end(&c);
}

TEST_SLOW(a_broker_that_leaves_says_so, 60)
{
	struct cluster c;

	cluster_make(&c, 2, true, NULL);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	rig_broker_stop(c.node[1].broker);
	c.node[1].broker = 0;
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 0, "why=\"its broker has left"));
	cluster_end(&c);
}

TEST_SLOW(a_node_with_another_key_is_refused_and_both_logs_say_what_to_do, 60)
{
	static const char *const advice = "another cluster key than this node: copy the "
					  "cluster's key file from one node to all";
	struct cluster c;

	cluster_make(&c, 3, true, NULL);
	cluster_new_key(&c, 2);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_is_up(&c, 0, 1) && cluster_is_up(&c, 1, 0));
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 0, advice) && cluster_logged(&c, 2, advice));
	/* Who dialled tells it in the row of the peer, too. */
	EXPECT_WITHIN(LONG_MS, strstr(cluster_row(&c, 0, 2).why.text, advice));
	EXPECT(!cluster_is_up(&c, 0, 2) && !cluster_is_up(&c, 2, 0));
	EXPECT_EQ(cluster_row(&c, 2, 0).times, 0);
	cluster_end(&c);
}

/* ---- what programs see ------------------------------------------------------------------- */

TEST_SLOW(nodes_are_listed_to_programs_in_the_order_of_their_ids, 60)
{
	struct tract_node_info node = { .key = 0 };
	struct tract *ctx;
	struct cluster c;
	char address[32];

	cluster_make(&c, 3, true, NULL);
	cluster_start(&c, 1);
	cluster_start(&c, 2);
	EXPECT_WITHIN(LONG_MS, cluster_is_up(&c, 1, 2));
	EXPECT_EQ(tract_open(c.node[1].directory, &ctx), 0);
	for (uint32_t i = 0; i < 3; i++) {
		static const enum tract_node_state states[] = { TRACT_NODE_DOWN,
								TRACT_NODE_SELF,
								TRACT_NODE_UP };

		EXPECT_EQ(tract_next_node(ctx, node.key, &node), 0);
		EXPECT_EQ(node.node, i + 1);
		/* One that is down is being dialled now and then. */
		EXPECT(node.state == states[i] ||
		       (i == 0 && node.state == TRACT_NODE_CONNECTING));
		EXPECT_EQ(*node.why != '\0', i == 0);
	}
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", c.node[2].port);
	EXPECT_STR(node.address, address);
	EXPECT_EQ(tract_next_node(ctx, node.key, &node), -ENOENT);
	EXPECT_EQ(tract_next_node(ctx, 0, NULL), -EINVAL);
	EXPECT_EQ(tract_next_node(NULL, 0, &node), -EINVAL);
	cluster_end(&c);
	EXPECT_EQ(tract_next_node(ctx, 0, &node), -ENOTCONN);
	tract_close(ctx);
}

TEST(the_brokers_program_is_named_or_said_to_be_missing)
{
	char path[4096], expected[4096];

	(void)snprintf(expected, sizeof(expected), "%s", getenv("TRACT_BROKER_PROGRAM"));
	EXPECT_EQ(tract_broker_program(path, sizeof(path)), 0);
	EXPECT_STR(path, expected);
	EXPECT_EQ(tract_broker_program(path, strlen(expected)), -ENAMETOOLONG);
	EXPECT_EQ(tract_broker_program(NULL, 5), -EINVAL);
	EXPECT_EQ(setenv("TRACT_BROKER_PROGRAM", "/nonexistent", 1), 0);
	EXPECT_EQ(tract_broker_program(path, sizeof(path)), -ENOENT);
	EXPECT(strstr(tract_reason(), "is not installed"));
}

/* ---- certificates ------------------------------------------------------------------------ */

static void use_certificate(struct cluster *c, unsigned node, const struct rig_cert *own,
			    const struct rig_cert *authority)
{
	char path[160];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tract.conf", c->node[node].directory);
	file = fopen(path, "ae");
	EXPECT(file);
	(void)fprintf(file, "[cluster]\ncertificate = %s\nprivate-key = %s\nauthority = %s\n",
		      own->certificate, own->key, authority->certificate);
	EXPECT_EQ(fclose(file), 0);
}

TEST_SLOW(nodes_with_certificates_of_one_authority_link_up, 60)
{
	struct rig_cert ca = rig_authority("ca"), one = rig_signed(&ca, "tract-node-1", 86400),
			two = rig_signed(&ca, "tract-node-2", 86400);
	struct cluster c;

	cluster_make(&c, 2, false, NULL);
	use_certificate(&c, 0, &one, &ca);
	use_certificate(&c, 1, &two, &ca);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	cluster_end(&c);
}

TEST_SLOW(a_node_cannot_be_another_one_than_its_certificate_says, 60)
{
	struct rig_cert ca = rig_authority("ca"), one = rig_signed(&ca, "tract-node-1", 86400),
			two = rig_signed(&ca, "tract-node-2", 86400),
			three = rig_signed(&ca, "tract-node-33", 86400);
	struct cluster c;

	cluster_make(&c, 3, false, NULL);
	use_certificate(&c, 0, &one, &ca);
	use_certificate(&c, 1, &two, &ca);
	use_certificate(&c, 2, &three, &ca);
	cluster_start_all(&c);
	EXPECT_WITHIN(LONG_MS, cluster_is_up(&c, 0, 1));
	/* It dials the others, and they it. */
	EXPECT_WITHIN(LONG_MS, cluster_logged(&c, 0, "certificate is not node 3's"));
	EXPECT_WITHIN(LONG_MS, strstr(cluster_row(&c, 0, 2).why.text, "another node's") ||
				       cluster_logged(&c, 0, "another node's"));
	EXPECT(!cluster_is_up(&c, 0, 2) && !cluster_is_up(&c, 1, 2));
	cluster_end(&c);
}

/* ---- starting ---------------------------------------------------------------------------- */

TEST(a_node_without_peers_opens_no_port)
{
	struct tcp_address address;
	struct msg_node_row row;
	struct cluster c;
	int fd = -1, r;

	/* It has an address, and even a key. */
	cluster_make(&c, 1, true, NULL);
	cluster_start_all(&c);
	EXPECT_EQ(tcp_address_of("127.0.0.1", c.node[0].port, &address), 0);
	r = tcp_dial(&address, &fd);
	if (r == 0) {
		EXPECT_WITHIN(LONG_MS, (r = tcp_dialled(fd)) != 0);
		(void)close(fd);
	}
	EXPECT(r < 0);
	row = cluster_row(&c, 0, 0);
	EXPECT_EQ(row.state, 0);
	EXPECT_STR(row.address.text, "");
	cluster_end(&c);
	EXPECT(!cluster_logged(&c, 0, "link."));
}

/* No link comes up for what @words say, as the log has it too; and the node is served. */
static void expect_no_links(struct cluster *c, unsigned node, unsigned peer, const char *words)
{
	EXPECT_WITHIN(LONG_MS, strstr(cluster_row(c, node, peer).why.text, words));
	EXPECT_EQ(cluster_row(c, node, peer).state, 1);
	EXPECT_WITHIN(LONG_MS, cluster_logged(c, node, words));
}

TEST_SLOW(a_broker_without_a_key_serves_its_node_and_links_up_once_it_has_one, 60)
{
	struct cluster c;

	cluster_make(&c, 2, true, NULL);
	cluster_hide_key(&c, 0, true);
	cluster_start_all(&c);
	expect_no_links(&c, 0, 1, "cluster.key: is not there; make it on one node");
	cluster_hide_key(&c, 0, false);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	EXPECT_EQ(cluster_lines(&c, 0, "is not there"), 1);
	cluster_end(&c);
}

TEST_SLOW(a_broker_whose_key_others_can_read_does_not_use_it, 60)
{
	struct cluster c;
	char path[160];

	cluster_make(&c, 2, true, NULL);
	(void)snprintf(path, sizeof(path), "%s/cluster.key", c.node[0].directory);
	EXPECT_EQ(chmod(path, 0644), 0);
	cluster_start_all(&c);
	expect_no_links(&c, 0, 1, "cluster.key: ");
	EXPECT_EQ(chmod(path, 0600), 0);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&c));
	cluster_end(&c);
}

TEST_SLOW(a_broker_whose_port_another_program_has_serves_its_node_and_says_why_it_has_no_links,
	  60)
{
	struct cluster c;
	char path[160];
	FILE *file;

	cluster_make(&c, 2, true, NULL);
	cluster_start(&c, 0);
	(void)snprintf(path, sizeof(path), "%s/tract.conf", c.node[1].directory);
	file = fopen(path, "we");
	EXPECT(file && fprintf(file,
			       "[node]\nid = 2\naddress = 127.0.0.1:%u\n"
			       "[peer 1]\naddress = 127.0.0.1:1\n",
			       c.node[0].port) > 0);
	EXPECT_EQ(fclose(file), 0);
	cluster_start(&c, 1);
	expect_no_links(&c, 1, 0, "another program listens there");
	cluster_end(&c);
}

/* SPDX-License-Identifier: MIT */
#include "cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link/secret.h"
#include "rig.h"
#include "sys/host.h"
#include "test.h"

#define PORT_FIRST 10000u
#define PORTS 20000u

/* One that nobody has now.  Not of those that the kernel gives to whoever asks for any: until
 * the broker listens there some other connection, or fabric, could get it. */
static uint16_t hold_port(int fd)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	uint32_t number;

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	do {
		host_random(&number, sizeof(number));
		name.sin_port = htons((uint16_t)(PORT_FIRST + number % PORTS));
	} while (bind(fd, (struct sockaddr *)(void *)&name, sizeof(name)) < 0);
	return ntohs(name.sin_port);
}

/* All are held until all are known. */
static void choose_ports(struct cluster *c)
{
	int fds[CLUSTER_MAX];

	for (unsigned i = 0; i < c->count; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		EXPECT(fds[i] >= 0);
		c->node[i].port = hold_port(fds[i]);
	}
	for (unsigned i = 0; i < c->count; i++)
		(void)close(fds[i]);
}

const char *cluster_controller(void)
{
	static char name[40];

	(void)snprintf(name, sizeof(name), "%s0", test_provider());
	return name;
}

const char *cluster_alias(void)
{
	static char text[80];

	(void)snprintf(text, sizeof(text), "[alias]\nsci0 = %s\n", cluster_controller());
	return text;
}

/* That over tcp is there if nothing is said. */
static void write_controller(FILE *file)
{
	if (strcmp(test_provider(), "tcp") != 0)
		(void)fprintf(file, "[controller %s]\nprovider = %s\naddress = %s\n",
			      cluster_controller(), test_provider(), test_provider_address());
}

static void write_conf(const struct cluster *c, unsigned node, const char *more)
{
	char path[160];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tract.conf", c->node[node].directory);
	file = fopen(path, "we");
	EXPECT(file);
	(void)fprintf(file, "[node]\nid = %u\naddress = %s:%u\n", node + 1, c->node[node].host,
		      c->node[node].port);
	if (!more || !strstr(more, "[link]"))
		(void)fprintf(file, "[link]\npeer-timeout-ms = %u\n", CLUSTER_TIMEOUT_MS);
	for (unsigned i = 0; i < c->count; i++)
		if (i != node)
			(void)fprintf(file, "[peer %u]\naddress = %s:%u\n", i + 1,
				      i % 2 && !c->apart ? "localhost" : c->node[i].host,
				      c->node[i].port);
	write_controller(file);
	if (more)
		(void)fputs(more, file);
	EXPECT_EQ(fclose(file), 0);
}

static void copy_key(const char *from, const char *to)
{
	char key[256];
	FILE *file = fopen(from, "re");

	EXPECT(file && fgets(key, sizeof(key), file) && fclose(file) == 0);
	file = fopen(to, "we");
	EXPECT(file && chmod(to, 0600) == 0 && fputs(key, file) >= 0 && fclose(file) == 0);
}

static void make(struct cluster *c, bool keyed, const char *more)
{
	char first[160], path[160];

	choose_ports(c);
	for (unsigned i = 0; i < c->count; i++) {
		struct cluster_node *n = &c->node[i];

		(void)snprintf(n->directory, sizeof(n->directory), "%s/%u", test_directory(),
			       i + 1);
		(void)snprintf(n->log, sizeof(n->log), "%s/%u/log", test_directory(), i + 1);
		EXPECT_EQ(mkdir(n->directory, 0700), 0);
		write_conf(c, i, more);
		(void)snprintf(path, sizeof(path), "%s/cluster.key", n->directory);
		if (keyed && i == 0)
			EXPECT_EQ(link_key_make(path), 0);
		else if (keyed)
			copy_key(first, path);
		if (i == 0)
			(void)snprintf(first, sizeof(first), "%s", path);
	}
}

void cluster_make(struct cluster *c, unsigned count, bool keyed, const char *more)
{
	*c = (struct cluster){ .count = count };
	for (unsigned i = 0; i < count; i++)
		c->node[i].host = "127.0.0.1";
	make(c, keyed, more);
}

void cluster_make_apart(struct cluster *c, unsigned count, const char *const hosts[],
			const char *more)
{
	*c = (struct cluster){ .count = count, .apart = true };
	for (unsigned i = 0; i < count; i++)
		c->node[i].host = hosts[i];
	make(c, true, more);
}

void cluster_new_key(struct cluster *c, unsigned node)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/cluster.key", c->node[node].directory);
	(void)unlink(path);
	EXPECT_EQ(link_key_make(path), 0);
}

void cluster_hide_key(struct cluster *c, unsigned node, bool hide)
{
	char path[160], aside[160];

	(void)snprintf(path, sizeof(path), "%s/cluster.key", c->node[node].directory);
	(void)snprintf(aside, sizeof(aside), "%s/aside.key", c->node[node].directory);
	EXPECT_EQ(rename(hide ? path : aside, hide ? aside : path), 0);
}

/* Returns what tells that it serves. */
static int begin(struct cluster_node *n)
{
	const char *const more[] = { "--idle-ms", "-1", "--log", n->log, NULL };
	int ready;

	n->broker = rig_broker_begin(n->directory, geteuid(), more, &ready);
	return ready;
}

void cluster_start(struct cluster *c, unsigned node)
{
	rig_broker_await(begin(&c->node[node]));
}

void cluster_start_all(struct cluster *c)
{
	int ready[CLUSTER_MAX];

	/* Each sleeps a while when it loads the fabric. */
	for (unsigned i = 0; i < c->count; i++)
		ready[i] = begin(&c->node[i]);
	for (unsigned i = 0; i < c->count; i++)
		rig_broker_await(ready[i]);
}

void cluster_kill(struct cluster *c, unsigned node)
{
	EXPECT_EQ(kill(c->node[node].broker, SIGKILL), 0);
	EXPECT_EQ(rig_broker_wait(c->node[node].broker), 256 + SIGKILL);
	c->node[node].broker = 0;
}

void cluster_pause(struct cluster *c, unsigned node)
{
	pid_t broker = c->node[node].broker;
	int status = 0;

	EXPECT_EQ(kill(broker, SIGSTOP), 0);
	EXPECT_EQ(waitpid(broker, &status, WUNTRACED), broker);
	EXPECT(WIFSTOPPED(status));
}

void cluster_resume(struct cluster *c, unsigned node)
{
	EXPECT_EQ(kill(c->node[node].broker, SIGCONT), 0);
}

void cluster_end(struct cluster *c)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->node[i].broker)
			rig_broker_stop(c->node[i].broker);
}

struct msg_node_row cluster_row(struct cluster *c, unsigned node, unsigned peer)
{
	struct message request = { .number = MSG_next_node,
				   .next_node = { .after = peer + 1 } };
	struct message reply;
	struct rig_client client;

	rig_client_up(c->node[node].directory, &client);
	reply = rig_ask(&client, request, NULL);
	rig_client_down(&client);
	EXPECT_EQ(reply.number, MSG_node_row);
	EXPECT_EQ(reply.node_row.node, peer + 1);
	return reply.node_row;
}

bool cluster_is_up(struct cluster *c, unsigned node, unsigned peer)
{
	return cluster_row(c, node, peer).state == 3;
}

bool cluster_all_up(struct cluster *c)
{
	for (unsigned i = 0; i < c->count; i++)
		for (unsigned j = 0; j < c->count; j++)
			if (i != j && !cluster_is_up(c, i, j))
				return false;
	return true;
}

uint64_t cluster_lines(struct cluster *c, unsigned node, const char *words)
{
	FILE *file = fopen(c->node[node].log, "re");
	char line[2048];
	uint64_t count = 0;

	EXPECT(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, words) != NULL;
	(void)fclose(file);
	return count;
}

bool cluster_logged(struct cluster *c, unsigned node, const char *words)
{
	return cluster_lines(c, node, words) > 0;
}

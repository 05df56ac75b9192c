/* SPDX-License-Identifier: MIT */
#include "cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tract/context.h>
#include <unistd.h>

#include "story.h"

/* Below those that the kernel gives to whoever asks for any. */
#define PORT_FIRST 10000u
#define PORTS 20000u

static bool hold_port(int fd, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(fd, (struct sockaddr *)(void *)&name, sizeof(name)) == 0;
}

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		story_fail("cannot make a socket: %m");
	return fd;
}

/* Each is held until all are known, so that they differ. */
static void choose_ports(struct cluster *cluster)
{
	int fds[CLUSTER_NODES];
	uint32_t number;

	for (unsigned i = 0; i < CLUSTER_NODES; i++) {
		fds[i] = new_socket();
		do {
			if (getrandom(&number, sizeof(number), 0) < 0)
				story_fail("there is no chance: %m");
			cluster->node[i].port = (uint16_t)(PORT_FIRST + number % PORTS);
		} while (!hold_port(fds[i], cluster->node[i].port));
	}
	for (unsigned i = 0; i < CLUSTER_NODES; i++)
		(void)close(fds[i]);
}

bool cluster_port_is_free(const struct cluster *cluster, unsigned index)
{
	const int yes = 1;
	int fd = new_socket();
	bool is_free;

	/* What is left of connections that have ended does not count. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	is_free = hold_port(fd, cluster->node[index].port);
	(void)close(fd);
	return is_free;
}

/* The same as `tract node keygen FILE`. */
static void make_key(const struct cluster *cluster)
{
	char program[4096], option[96];
	int status = -1;
	pid_t pid;

	if (tract_broker_program(program, sizeof(program)) < 0)
		story_fail("%s", tract_reason());
	(void)snprintf(option, sizeof(option), "--make-key=%s/cluster.key", cluster->dir);
	pid = fork();
	if (pid == 0) {
		/* Its advice is for people with two machines. */
		(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
		(void)execl(program, "tractd", "--dir", cluster->dir, option, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		story_fail("%s cannot make a key", program);
}

static void configure(const struct cluster *cluster, unsigned i)
{
	unsigned peer = CLUSTER_NODES - 1 - i;
	char path[96];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tract.conf", cluster->node[i].dir);
	file = fopen(path, "we");
	if (!file)
		story_fail("cannot write %s: %m", path);
	(void)fprintf(file,
		      "[node]\nid = %u\naddress = 127.0.0.1:%u\n\n"
		      "[peer %u]\naddress = 127.0.0.1:%u\n\n"
		      "[cluster]\nkey = ../cluster.key\n\n"
		      "[controller " CLUSTER_CONTROLLER "]\nprovider = tcp\n"
		      "address = 127.0.0.1\n\n"
		      "[broker]\nidle-timeout-ms = 200\n",
		      i + 1, cluster->node[i].port, peer + 1, cluster->node[peer].port);
	if (fclose(file) != 0)
		story_fail("cannot write %s: %m", path);
}

void cluster_make(struct cluster *cluster)
{
	*cluster = (struct cluster){ .dir = "/tmp/tract-demo.XXXXXX" };
	if (!mkdtemp(cluster->dir))
		story_fail("cannot make a directory in /tmp: %m");
	choose_ports(cluster);
	make_key(cluster);
	for (unsigned i = 0; i < CLUSTER_NODES; i++) {
		(void)snprintf(cluster->node[i].dir, sizeof(cluster->node[i].dir), "%s/%u",
			       cluster->dir, i + 1);
		if (mkdir(cluster->node[i].dir, 0700) < 0)
			story_fail("cannot make %s: %m", cluster->node[i].dir);
		configure(cluster, i);
	}
}

void cluster_remove(const struct cluster *cluster)
{
	char path[96];

	for (unsigned i = 0; i < CLUSTER_NODES; i++) {
		(void)snprintf(path, sizeof(path), "%s/tract.conf", cluster->node[i].dir);
		(void)unlink(path);
		(void)rmdir(cluster->node[i].dir);
	}
	(void)snprintf(path, sizeof(path), "%s/cluster.key", cluster->dir);
	(void)unlink(path);
	(void)rmdir(cluster->dir);
}

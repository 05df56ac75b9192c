/* SPDX-License-Identifier: MIT */
#include "far.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/secret.h"

void far_check(int r, const char *what)
{
	if (r < 0)
		die("%s: %s", what, tract_reason());
}

uint64_t far_sum(const uint64_t *words, size_t size)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		sum += words[i];
	return sum;
}

/* ---- two nodes -------------------------------------------------------------------------- */

/* Below those that the kernel gives to others. */
static void choose_ports(struct far_bench *far)
{
	for (unsigned i = 0; i < FAR_NODES; i++) {
		struct sockaddr_in name = { .sin_family = AF_INET };
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		do {
			far->port[i] =
				(uint16_t)(10000 +
					   ((unsigned)getpid() * 7 + (unsigned)rand()) % 20000);
			name.sin_port = htons(far->port[i]);
		} while (bind(fd, (struct sockaddr *)(void *)&name, sizeof(name)) < 0);
		(void)close(fd);
	}
}

static void configure(const struct far_bench *far, unsigned node)
{
	char path[96], key[96];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tract.conf", far->directory[node]);
	(void)snprintf(key, sizeof(key), "%s/cluster.key", far->directory[0]);
	file = fopen(path, "we");
	if (!file)
		die("cannot write %s", path);
	(void)fprintf(file,
		      "[node]\nid = %u\naddress = 127.0.0.1:%u\n[cluster]\nkey = %s\n"
		      "[peer %u]\naddress = 127.0.0.1:%u\n[broker]\nidle-timeout-ms = 1000\n",
		      node + 1, far->port[node], key, FAR_NODES - node, far->port[1 - node]);
	(void)fclose(file);
}

/* The library is inside this program, and looks for the broker where it would be installed. */
static void name_broker(void)
{
	char path[4096 + 32];
	ssize_t n = readlink("/proc/self/exe", path, 4096);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		die("cannot find this program");
	(void)strcpy(slash, "/../src/broker/tractd");
	(void)setenv("TRACT_BROKER_PROGRAM", path, 0);
}

void far_nodes_up(struct far_bench *far)
{
	char path[96];

	name_broker();
	choose_ports(far);
	for (unsigned i = 0; i < FAR_NODES; i++) {
		(void)snprintf(far->directory[i], sizeof(far->directory[i]),
			       "/tmp/tract-bench-XXXXXX");
		if (!mkdtemp(far->directory[i]))
			die("cannot make a directory in /tmp");
	}
	(void)snprintf(path, sizeof(path), "%s/cluster.key", far->directory[0]);
	far_check(link_key_make(path), "the cluster's key");
	for (unsigned i = 0; i < FAR_NODES; i++) {
		configure(far, i);
		far_check(tract_open(far->directory[i], &far->ctx[i]), "open");
	}
}

void far_nodes_down(struct far_bench *far)
{
	static const char *const files[] = { "tract.conf", "cluster.key", "broker", "lock" };
	char path[96];

	for (unsigned i = 0; i < FAR_NODES; i++)
		tract_close(far->ctx[i]);
	/* The brokers leave by themselves, a little later. */
	for (unsigned i = 0; i < FAR_NODES; i++) {
		for (unsigned j = 0; j < sizeof(files) / sizeof(files[0]); j++) {
			(void)snprintf(path, sizeof(path), "%s/%s", far->directory[i],
				       files[j]);
			(void)unlink(path);
		}
		(void)rmdir(far->directory[i]);
	}
}

/* ---- the segment ------------------------------------------------------------------------ */

struct tract_import *far_connect(struct far_bench *far, struct tract_barrier *barrier)
{
	struct tract_import *import;
	int r = -1;

	/* The link may not be up yet. */
	for (unsigned tries = 0; tries < 100 && r < 0; tries++) {
		r = tract_import_connect(far->ctx[0], 2, far->id, FAR_RW, &import);
		if (r < 0)
			(void)usleep(50000);
	}
	far_check(r, "connect");
	far_check(tract_barrier_init(import, barrier), "barrier");
	far_check(tract_import_set_mode(import, TRACT_BARRIER_EXPLICIT), "mode");
	return import;
}

void far_segment_up(struct far_bench *far, size_t size)
{
	far->size = size;
	far->id = 0;
	far->memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	far->buffer = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (far->memory == MAP_FAILED || far->buffer == MAP_FAILED)
		die("no memory");
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		far->memory[i] = i * 0x9e3779b97f4a7c15u;
	far->sum = far_sum(far->memory, size);
	far_check(tract_export_create(far->ctx[1], far->memory, size, 0, &far->export),
		  "export");
	far_check(tract_export_publish(far->export, &far->id, NULL, 0), "publish");
}

void far_segment_down(struct far_bench *far)
{
	far_check(tract_export_destroy(far->export), "destroy");
	(void)munmap(far->memory, far->size);
	(void)munmap(far->buffer, far->size);
}

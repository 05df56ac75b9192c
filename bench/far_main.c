/* SPDX-License-Identifier: MIT */
/*
 * far_main.c - memory of another node: read through a mapping, beside get
 *
 *	bench-far RESULTS
 *
 * Two nodes on loopback, with a broker each; this process is on both.  A turn reads all of the
 * segment once: by get, or in order through a mapping after a barrier that has let go of
 * what was there.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <tract/tract.h>
#include <unistd.h>

#include "harness.h"
#include "link/secret.h"

#define RW TRACT_RIGHT_READ_WRITE
#define NODES 2

struct far {
	char directory[NODES][64];
	uint16_t port[NODES];
	struct tract *ctx[NODES];
	size_t size;
	uint64_t *memory; /* the exporter's */
	struct tract_export *export;
	struct tract_import *getter, *mapper;
	struct tract_barrier got, mapped;
	uint64_t *buffer;
	const uint64_t *map;
	uint64_t sum; /* of all words */
};

static void check(int r, const char *what)
{
	if (r < 0)
		die("%s: %s", what, tract_reason());
}

static uint64_t sum_of(const uint64_t *words, size_t size)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		sum += words[i];
	return sum;
}

/* ---- two nodes -------------------------------------------------------------------------- */

/* Below those that the kernel gives to others. */
static void choose_ports(struct far *far)
{
	for (unsigned i = 0; i < NODES; i++) {
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

static void configure(const struct far *far, unsigned node)
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
		      node + 1, far->port[node], key, NODES - node, far->port[1 - node]);
	(void)fclose(file);
}

static void nodes_up(struct far *far)
{
	char path[96];

	choose_ports(far);
	for (unsigned i = 0; i < NODES; i++) {
		(void)snprintf(far->directory[i], sizeof(far->directory[i]),
			       "/tmp/tract-bench-XXXXXX");
		if (!mkdtemp(far->directory[i]))
			die("cannot make a directory in /tmp");
	}
	(void)snprintf(path, sizeof(path), "%s/cluster.key", far->directory[0]);
	check(link_key_make(path), "the cluster's key");
	for (unsigned i = 0; i < NODES; i++) {
		configure(far, i);
		check(tract_open(far->directory[i], &far->ctx[i]), "open");
	}
}

static void nodes_down(struct far *far)
{
	static const char *const files[] = { "tract.conf", "cluster.key", "broker", "lock" };
	char path[96];

	for (unsigned i = 0; i < NODES; i++)
		tract_close(far->ctx[i]);
	/* The brokers leave by themselves, a little later. */
	for (unsigned i = 0; i < NODES; i++) {
		for (unsigned j = 0; j < sizeof(files) / sizeof(files[0]); j++) {
			(void)snprintf(path, sizeof(path), "%s/%s", far->directory[i],
				       files[j]);
			(void)unlink(path);
		}
		(void)rmdir(far->directory[i]);
	}
}

/* ---- the segment ------------------------------------------------------------------------ */

static struct tract_import *connect_to(struct far *far, uint32_t id,
				       struct tract_barrier *barrier)
{
	struct tract_import *import;
	int r;

	/* The link may not be up yet. */
	for (unsigned tries = 0; tries < 100; tries++) {
		r = tract_import_connect(far->ctx[0], 2, id, RW, &import);
		if (r == 0)
			break;
		(void)usleep(50000);
	}
	check(r, "connect");
	check(tract_barrier_init(import, barrier), "barrier");
	check(tract_import_set_mode(import, TRACT_BARRIER_EXPLICIT), "mode");
	return import;
}

static void segment_up(struct far *far, size_t size)
{
	uint32_t id = 0;
	void *addr = NULL;

	far->size = size;
	far->memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	far->buffer = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (far->memory == MAP_FAILED || far->buffer == MAP_FAILED)
		die("no memory");
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		far->memory[i] = i * 0x9e3779b97f4a7c15u;
	far->sum = sum_of(far->memory, size);
	check(tract_export_create(far->ctx[1], far->memory, size, 0, &far->export), "export");
	check(tract_export_publish(far->export, &id, NULL, 0), "publish");
	far->getter = connect_to(far, id, &far->got);
	far->mapper = connect_to(far, id, &far->mapped);
	check(tract_import_map(far->mapper, &addr, 0, RW, 0, size), "map");
	far->map = addr;
}

static void segment_down(struct far *far)
{
	check(tract_import_close(far->getter), "close");
	check(tract_import_unmap(far->mapper), "unmap");
	check(tract_import_close(far->mapper), "close");
	check(tract_export_destroy(far->export), "destroy");
	(void)munmap(far->memory, far->size);
	(void)munmap(far->buffer, far->size);
}

/* ---- turns ------------------------------------------------------------------------------ */

#define PIECE ((size_t)1 << 20)

/* A piece at a time, or all at once. */
static double get_all(struct far *far, size_t piece, size_t times)
{
	double begin = clock_ns();
	bool fine = true;

	for (size_t i = 0; i < times; i++) {
		fine = fine && tract_barrier_open(&far->got) == 0;
		for (size_t at = 0; fine && at < far->size; at += piece)
			fine = tract_import_get(far->getter, (off_t)at,
						(char *)far->buffer + at, piece) == 0;
		fine = fine && tract_barrier_close(&far->got) == 0;
	}
	return fine ? clock_ns() - begin : -1;
}

static double get_pieces(void *arg, size_t times)
{
	return get_all(arg, PIECE, times);
}

static double get_whole(void *arg, size_t times)
{
	struct far *far = arg;

	return get_all(far, far->size, times);
}

static double read_map(void *arg, size_t times)
{
	struct far *far = arg;
	double begin = clock_ns();
	bool fine = true;

	for (size_t i = 0; i < times; i++)
		fine = fine && tract_barrier_open(&far->mapped) == 0 &&
		       sum_of(far->map, far->size) == far->sum &&
		       tract_barrier_close(&far->mapped) == 0;
	return fine ? clock_ns() - begin : -1;
}

/* The first is ours: its time is compared with the others'. */
static void row(struct far *far, const char *name, size_t size)
{
	const struct race race = { .rounds = 9, .batch_ns = 5e7 };
	const struct contender contenders[] = { { "read of the mapping", read_map, far },
						{ "get of 1 MiB each", get_pieces, far },
						{ "one get of all", get_whole, far } };

	segment_up(far, size);
	report_value(name, "bytes", (double)size);
	race_report(name, contenders, sizeof(contenders) / sizeof(contenders[0]), &race);
	segment_down(far);
}

int main(int argc, char **argv)
{
	struct far far = { .size = 0 };

	if (argc != 2)
		die("usage: bench-far RESULTS");
	report_open(argv[1]);
	nodes_up(&far);
	row(&far, "far-map-1m", (size_t)1 << 20);
	row(&far, "far-map-16m", (size_t)16 << 20);
	row(&far, "far-map-64m", (size_t)64 << 20);
	nodes_down(&far);
	return 0;
}
